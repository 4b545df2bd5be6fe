//! A job's output as people look through it: which lines, and where among them.

use crate::{Event, EventKind, JobOutline, Stream};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Which lines of a job's output are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LogFilter {
    /// What they contain; letters of ASCII in either case.
    pub find: String,
    /// From this host only, when not empty.
    pub host: String,
    /// Of this step only, when not empty: its id, or the index of one host's in the outline.
    pub step: String,
    /// From this stream only.
    pub level: Option<Stream>,
}

/// Where among the wanted lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogPlace {
    /// The last ones.
    #[default]
    End,
    /// From this row on, counted among the wanted lines.
    Row(u64),
    /// Around this event.
    Line(u64),
}

/// What a page asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogQuery {
    /// Which lines.
    pub filter: LogFilter,
    /// Where among them.
    pub place: LogPlace,
    /// At most so many.
    pub limit: u32,
    /// Only what came before this event: a replay knows no more.
    pub until_seq: Option<u64>,
}

/// Rows of what is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLines {
    /// Lines that the job has written.
    pub total: u64,
    /// How many of them are wanted.
    pub count: u64,
    /// The first event that was not looked at.
    pub next_seq: u64,
    /// The row of the first of `lines`.
    pub first_row: u64,
    /// In order.
    pub lines: Vec<Event>,
}

impl LogFilter {
    /// Whether every line is wanted.
    pub fn is_all(&self) -> bool {
        self.find.is_empty() && self.host.is_empty() && self.step.is_empty() && self.level.is_none()
    }

    /// The steps whose lines are wanted, sorted; none: all.
    pub fn steps(&self, outline: &JobOutline) -> Option<Vec<u32>> {
        if self.step.is_empty() {
            return None;
        }
        if let Ok(index) = self.step.parse() {
            return Some(vec![index]);
        }
        Some(
            outline
                .steps
                .iter()
                .zip(0..)
                .filter(|(step, _)| step.id == self.step)
                .map(|(_, at)| at)
                .collect(),
        )
    }

    /// Whether an event is a wanted line; `steps` are [`Self::steps`].
    pub fn takes(&self, event: &Event, steps: Option<&[u32]>) -> bool {
        let EventKind::Line { step, host, stream, text } = &event.kind else { return false };
        (self.host.is_empty() || *host == self.host)
            && self.level.is_none_or(|level| level == *stream)
            && steps.is_none_or(|steps| step.is_some_and(|step| steps.binary_search(&step).is_ok()))
            && (self.find.is_empty() || found(&plain(text), &self.find).is_some())
    }
}

/// Where a text stands in a line; letters of ASCII in either case.
pub fn found(line: &str, text: &str) -> Option<usize> {
    let (line, text) = (line.as_bytes(), text.as_bytes());
    line.windows(text.len().max(1)).position(|here| here.eq_ignore_ascii_case(text))
}

/// A line without the escape sequences by which terminals are coloured and steered.
pub fn plain(line: &str) -> Cow<'_, str> {
    if !line.contains('\u{1b}') {
        return line.into();
    }
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find('\u{1b}') {
        out.push_str(&rest[..at]);
        rest = &rest[at + sequence(&rest[at..])..];
    }
    out.push_str(rest);
    out.into()
}

/// The length of the escape sequence that a text begins with.
///
/// Source: ECMA-48, 5.4 (`ESC [`, parameters, one final byte) and 5.6 (`ESC ]` until BEL or `ESC \`).
pub fn sequence(text: &str) -> usize {
    let bytes = text.as_bytes();
    match bytes.get(1) {
        Some(b'[') => {
            let last = bytes.iter().skip(2).position(|byte| !(0x20..=0x3f).contains(byte));
            // Cut off, or broken by something that is no final byte and stays.
            last.map_or(bytes.len(), |at| at + 2 + usize::from((0x40..=0x7e).contains(&bytes[at + 2])))
        }
        Some(b']') => match text.find(['\u{7}', '\u{9c}']) {
            Some(at) => at + text[at..].chars().next().map_or(1, char::len_utf8),
            None => text[1..].find("\u{1b}\\").map_or(bytes.len(), |at| at + 3),
        },
        Some(byte) if byte.is_ascii() => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StepOutline;

    #[test]
    fn escape_sequences_are_left_out_whole() {
        for (line, expected) in [
            ("plain", "plain"),
            ("\u{1b}[1;31mred\u{1b}[0m end", "red end"),
            ("\u{1b}]0;title\u{7}after", "after"),
            ("\u{1b}]8;;http://x\u{1b}\\link", "link"),
            ("cut \u{1b}[31", "cut "),
            ("odd \u{1b}", "odd "),
            ("odd \u{1b}ü", "odd ü"),
            ("\u{1b}[31ü", "ü"),
            ("\u{1b}c\u{1b}[2Jx", "x"),
        ] {
            assert_eq!(plain(line), expected);
        }
    }

    #[test]
    fn a_filter_takes_what_fits_in_every_way() {
        let step = |id: &str, host: &str| StepOutline {
            id: id.into(),
            title: id.into(),
            stage: 0,
            host: host.into(),
            instance: None,
            tags: vec![],
            effect: None,
            destructive: false,
        };
        let outline = JobOutline {
            steps: vec![step("a", "h1"), step("b", "h1"), step("a", "h2")],
            ..JobOutline::default()
        };
        let line = |step, host: &str, text: &str| Event {
            seq: 0,
            at_us: 0,
            kind: EventKind::Line { step, host: host.into(), stream: Stream::Err, text: text.into() },
        };
        let check = |filter: LogFilter, event: &Event| filter.takes(event, filter.steps(&outline).as_deref());
        let event = line(Some(2), "h2", "an \u{1b}[31mErr\u{1b}[0mor");
        let all = LogFilter::default();
        assert!(all.is_all() && check(all.clone(), &event));
        for (filter, takes) in [
            (LogFilter { find: "error".into(), ..all.clone() }, true),
            (LogFilter { find: "errors".into(), ..all.clone() }, false),
            (LogFilter { host: "h2".into(), ..all.clone() }, true),
            (LogFilter { host: "h1".into(), ..all.clone() }, false),
            (LogFilter { step: "a".into(), ..all.clone() }, true),
            (LogFilter { step: "2".into(), ..all.clone() }, true),
            (LogFilter { step: "0".into(), ..all.clone() }, false),
            (LogFilter { step: "b".into(), ..all.clone() }, false),
            (LogFilter { level: Some(Stream::Err), ..all.clone() }, true),
            (LogFilter { level: Some(Stream::Out), ..all.clone() }, false),
        ] {
            assert_eq!(check(filter.clone(), &event), takes, "{filter:?}");
        }
        assert!(!check(all, &Event { seq: 0, at_us: 0, kind: EventKind::StepStarted { step: 0 } }));
    }
}
