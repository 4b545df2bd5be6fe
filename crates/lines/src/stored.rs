//! Reads stored events, one JSON object per line, as far as lines of output need it: ten times as fast as reading all.

use paddock_events::{Event, EventKind, Stream};
use std::borrow::Cow;
use std::fmt;

/// One line of output as it stands among stored events.
pub(crate) struct Line<'a> {
    pub(crate) at_us: i64,
    pub(crate) step: Option<u32>,
    pub(crate) host: Cow<'a, str>,
    pub(crate) stream: Stream,
    pub(crate) text: Cow<'a, str>,
}

/// A stored event that is none.
#[derive(Debug)]
pub struct Unreadable(serde_json::Error);

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cannot read a stored event")
    }
}

impl std::error::Error for Unreadable {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

/// The event's number, and the line when it is one.
pub(crate) fn read(json: &str) -> Result<(u64, Option<Line<'_>>), Unreadable> {
    if let Some(read) = quick(json) {
        return Ok(read);
    }
    // Written by another version, or in another order.
    let event: Event = serde_json::from_str(json).map_err(Unreadable)?;
    let line = match event.kind {
        EventKind::Line { step, host, stream, text } => {
            Some(Line { at_us: event.at_us, step, host: host.into(), stream, text: text.into() })
        }
        _ => None,
    };
    Ok((event.seq, line))
}

/// Reads what the store writes, in the order in which it does.
fn quick(json: &str) -> Option<(u64, Option<Line<'_>>)> {
    let rest = json.strip_prefix(r#"{"seq":"#)?;
    let (seq, rest) = rest.split_once(',')?;
    let seq = seq.parse().ok()?;
    let rest = rest.strip_prefix(r#""at_us":"#)?;
    let (at_us, rest) = rest.split_once(',')?;
    let at_us = at_us.parse().ok()?;
    let Some(rest) = rest.strip_prefix(r#""type":"line","step":"#) else {
        return rest.starts_with(r#""type":""#).then_some((seq, None));
    };
    let (step, rest) = rest.split_once(',')?;
    let step = if step == "null" { None } else { Some(step.parse().ok()?) };
    let (host, rest) = text(rest.strip_prefix(r#""host":"#)?)?;
    let (stream, rest) = text(rest.strip_prefix(r#","stream":"#)?)?;
    let stream = Stream::parse(&stream)?;
    let (text, rest) = text(rest.strip_prefix(r#","text":"#)?)?;
    (rest == "}").then_some((seq, Some(Line { at_us, step, host, stream, text })))
}

/// A JSON string, and what follows it.
fn text(json: &str) -> Option<(Cow<'_, str>, &str)> {
    let inner = json.strip_prefix('"')?;
    let plain = inner.bytes().position(|byte| matches!(byte, b'"' | b'\\'))?;
    if inner.as_bytes()[plain] == b'"' {
        return Some((inner[..plain].into(), &inner[plain + 1..]));
    }
    let mut values = serde_json::Deserializer::from_str(json).into_iter::<String>();
    let text = values.next()?.ok()?;
    Some((text.into(), &json[values.byte_offset()..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn same(event: &Event) {
        let json = serde_json::to_string(event).unwrap();
        let (seq, line) = read(&json).unwrap();
        assert_eq!(seq, event.seq);
        let line = line.map(|line| EventKind::Line {
            step: line.step,
            host: line.host.into_owned(),
            stream: line.stream,
            text: line.text.into_owned(),
        });
        let expected = matches!(event.kind, EventKind::Line { .. }).then(|| event.kind.clone());
        assert_eq!(line, expected, "{json}");
        assert!(quick(&json).is_some(), "what is stored is read the quick way: {json}");
    }

    proptest! {
        #[test]
        fn a_stored_line_is_read_as_it_was_written(
            seq: u64, at_us: i64, step: Option<u32>, host: String, text: String,
            stream in prop::sample::select(vec![Stream::Out, Stream::Err, Stream::Diff, Stream::Engine]),
        ) {
            same(&Event { seq, at_us, kind: EventKind::Line { step, host, stream, text } });
        }
    }

    #[test]
    fn other_events_have_a_number_only_and_what_is_none_is_said() {
        same(&Event { seq: 7, at_us: 1, kind: EventKind::StepStarted { step: 3 } });
        let moved = r#"{"type":"line","text":"x","seq":9,"host":"h","stream":"out","step":null,"at_us":4}"#;
        let (seq, line) = read(moved).unwrap();
        assert_eq!((seq, line.unwrap().text.as_ref()), (9, "x"));
        assert!(read("{").is_err());
        assert!(
            read(r#"{"seq":1,"at_us":2,"type":"line","step":null,"host":"h","stream":"x","text":""}"#)
                .is_err()
        );
    }
}
