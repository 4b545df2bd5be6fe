//! The lines themselves: columns, and the text in pieces.

use crate::needle::Needle;
use crate::stored::{Unreadable, read};
use paddock_events::{Event, EventKind, Stream, plain};
use std::collections::HashMap;

/// Lines of a piece.
const PIECE: usize = 1 << 13;
/// Of how many lines one is looked at for what bytes are rare.
const SAMPLE: usize = 16;
const NO_STEP: u32 = u32::MAX;

#[derive(Clone, Debug)]
struct Line {
    seq: u64,
    at_us: i64,
    /// Where its text ends in the piece's.
    end: u32,
    step: u32,
    host: u16,
    stream: Stream,
}

/// Text without colours, each line ended by `\n`, so that nothing is found across two.
#[derive(Clone, Debug, Default)]
struct Piece {
    text: Vec<u8>,
    lines: Vec<Line>,
}

/// Which lines are wanted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted<'a> {
    /// What they contain; all do when it is empty.
    pub find: &'a str,
    /// From this host only.
    pub host: Option<&'a str>,
    /// Of these steps only; sorted.
    pub steps: Option<&'a [u32]>,
    /// From this stream only.
    pub stream: Option<Stream>,
}

/// All lines of a job so far, in order. About 36 bytes each besides their text.
#[derive(Clone, Debug, Default)]
pub struct Lines {
    pieces: Vec<Piece>,
    hosts: Vec<String>,
    /// The text of lines with escape sequences, by number.
    coloured: HashMap<u32, Box<str>>,
    /// How often bytes occur in lines that were looked at.
    common: Common,
    bytes: usize,
    next_seq: u64,
}

#[derive(Clone, Debug)]
struct Common([u32; 256]);

impl Default for Common {
    fn default() -> Self {
        Self([0; 256])
    }
}

impl Lines {
    /// Adds stored events, one JSON object per line. Those that are here already change nothing.
    pub fn take(&mut self, stored: &str) -> Result<(), Unreadable> {
        for json in stored.lines() {
            let (seq, line) = read(json)?;
            if seq < self.next_seq {
                continue;
            }
            self.next_seq = seq + 1;
            let Some(line) = line else { continue };
            let host = self.host(&line.host);
            let number = self.len();
            let shown = plain(&line.text);
            if shown.len() != line.text.len() {
                self.bytes += line.text.len();
                // Fewer than 2^32: each takes more than a byte of what is bounded.
                self.coloured.insert(number as u32, line.text.as_ref().into());
            }
            if number.is_multiple_of(SAMPLE) {
                for byte in shown.bytes() {
                    self.common.0[usize::from(byte.to_ascii_lowercase())] += 1;
                }
            }
            if number.is_multiple_of(PIECE) {
                self.pieces.push(Piece::default());
            }
            let Some(piece) = self.pieces.last_mut() else { continue };
            if shown.contains('\n') {
                // It would be taken for the line's end.
                piece.text.extend_from_slice(shown.replace('\n', " ").as_bytes());
            } else {
                piece.text.extend_from_slice(shown.as_bytes());
            }
            piece.text.push(b'\n');
            self.bytes += shown.len() + 1 + size_of::<Line>();
            piece.lines.push(Line {
                seq,
                at_us: line.at_us,
                // A piece has 8,192 lines of some kilobytes each.
                end: piece.text.len() as u32,
                step: line.step.unwrap_or(NO_STEP),
                host,
                stream: line.stream,
            });
        }
        Ok(())
    }

    /// The first sequence number that was not taken yet.
    pub fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// How many lines there are.
    pub fn len(&self) -> usize {
        self.pieces.last().map_or(0, |last| (self.pieces.len() - 1) * PIECE + last.lines.len())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// About how much memory they take.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many lines come before this event.
    pub fn before(&self, seq: u64) -> usize {
        let whole =
            self.pieces.partition_point(|piece| piece.lines.last().is_some_and(|last| last.seq < seq));
        let in_piece =
            self.pieces.get(whole).map_or(0, |piece| piece.lines.partition_point(|line| line.seq < seq));
        // The last piece has fewer.
        (whole * PIECE + in_piece).min(self.len())
    }

    /// The line of this number, with its colours.
    pub fn event(&self, number: usize) -> Option<Event> {
        let piece = self.pieces.get(number / PIECE)?;
        let at = number % PIECE;
        let line = piece.lines.get(at)?;
        let text = match u32::try_from(number).ok().and_then(|number| self.coloured.get(&number)) {
            Some(text) => text.to_string(),
            None => {
                let begin = if at == 0 { 0 } else { piece.lines[at - 1].end as usize };
                String::from_utf8_lossy(&piece.text[begin..line.end as usize - 1]).into_owned()
            }
        };
        let host = self.hosts[usize::from(line.host)].clone();
        let step = (line.step != NO_STEP).then_some(line.step);
        Some(Event {
            seq: line.seq,
            at_us: line.at_us,
            kind: EventKind::Line { step, host, stream: line.stream, text },
        })
    }

    /// Adds the numbers of the wanted lines from number `from` on.
    pub fn find(&self, wanted: &Wanted<'_>, from: usize, found: &mut Vec<u32>) {
        if wanted.find.contains('\n') {
            // No line has one; in a piece it is where lines end.
            return;
        }
        let host = match wanted.host {
            None => None,
            Some(host) => match self.hosts.iter().position(|known| known == host) {
                // Nothing came from there.
                None => return,
                at => at,
            },
        };
        let fits = |line: &Line| {
            host.is_none_or(|host| usize::from(line.host) == host)
                && wanted.stream.is_none_or(|stream| line.stream == stream)
                && wanted.steps.is_none_or(|steps| steps.binary_search(&line.step).is_ok())
        };
        let needle = Needle::new(wanted.find, &self.common.0);
        for (piece, number) in self.pieces.iter().zip(0..).skip(from / PIECE) {
            let first = number * PIECE;
            let mut take = |at: usize| found.push((first + at) as u32);
            let mut at = from.saturating_sub(first);
            let Some(needle) = &needle else {
                (at..piece.lines.len()).filter(|at| fits(&piece.lines[*at])).for_each(&mut take);
                continue;
            };
            let mut byte = if at == 0 {
                0
            } else {
                piece.lines.get(at - 1).map_or(usize::MAX, |line| line.end as usize)
            };
            while let Some(hit) = needle.find(&piece.text, byte) {
                while piece.lines[at].end as usize <= hit {
                    at += 1;
                }
                if fits(&piece.lines[at]) {
                    take(at);
                }
                byte = piece.lines[at].end as usize;
            }
        }
    }

    fn host(&mut self, host: &str) -> u16 {
        let at = self.hosts.iter().position(|known| known == host).unwrap_or_else(|| {
            self.hosts.push(host.to_owned());
            self.hosts.len() - 1
        });
        // A job has fewer hosts; beyond, the last one stands for all.
        u16::try_from(at).unwrap_or(u16::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use paddock_events::{JobOutline, LogFilter};

    const COUNT: u64 = 20_000;

    /// Every third event is none of a line.
    fn events() -> Vec<Event> {
        let event = |seq: u64| {
            let kind = if seq.is_multiple_of(3) {
                EventKind::StepStarted { step: 0 }
            } else {
                EventKind::Line {
                    step: (!seq.is_multiple_of(7)).then_some((seq % 5) as u32),
                    host: format!("10.0.0.{}", seq % 4),
                    stream: Stream::ALL[(seq % 11 % 4) as usize],
                    text: match seq % 10 {
                        0 => String::new(),
                        1 => format!("\u{1b}[31mError\u{1b}[0m of \"{seq}\"\t\\"),
                        2 => format!("two\nlines of {seq}"),
                        _ => format!("line {seq} is plain"),
                    },
                }
            };
            Event { seq, at_us: -5 + seq as i64, kind }
        };
        (0..COUNT).map(event).collect()
    }

    fn stored(events: &[Event]) -> String {
        events.iter().map(|event| serde_json::to_string(event).unwrap() + "\n").collect()
    }

    fn packed(events: &[Event]) -> Lines {
        let mut lines = Lines::default();
        // Batches that overlap, as a reader asks who has some of the first one.
        for batch in events.chunks(777) {
            lines.take(&stored(batch)).unwrap();
            lines.take(&stored(&batch[batch.len() / 2..])).unwrap();
        }
        lines
    }

    #[test]
    fn lines_come_back_as_they_were_taken_and_are_counted_before_any_event() {
        let events = events();
        let lines = packed(&events);
        let written: Vec<&Event> =
            events.iter().filter(|event| matches!(event.kind, EventKind::Line { .. })).collect();
        assert_eq!((lines.len(), lines.next_seq()), (written.len(), COUNT));
        for (number, expected) in written.iter().enumerate().filter(|(_, event)| event.seq % 10 != 2) {
            assert_eq!(lines.event(number).as_ref(), Some(*expected));
        }
        assert_eq!(lines.event(written.len()), None);
        for seq in (0..COUNT).step_by(997).chain([0, COUNT - 1, COUNT, u64::MAX]) {
            let before = written.iter().filter(|event| event.seq < seq).count();
            assert_eq!(lines.before(seq), before, "before {seq}");
        }
        assert_eq!(Lines::default().before(7), 0);
    }

    #[test]
    fn what_is_found_is_what_looking_at_each_line_finds() {
        let events = events();
        let lines = packed(&events);
        for (find, host, step, level) in [
            ("", "", "", None),
            ("ERROR OF", "", "", None),
            ("line 9", "", "", None),
            ("e", "10.0.0.1", "", Some(Stream::Err)),
            ("", "10.0.0.3", "2", None),
            ("", "nowhere", "", None),
            ("\"1", "", "", None),
            ("plain\nline", "", "", None),
        ] {
            let filter = LogFilter { find: find.into(), host: host.into(), step: step.into(), level };
            let steps = filter.steps(&JobOutline::default());
            let wanted = Wanted {
                find,
                host: (!host.is_empty()).then_some(host),
                steps: steps.as_deref(),
                stream: level,
            };
            let expected: Vec<u32> = (0..lines.len())
                .filter(|number| filter.takes(&lines.event(*number).unwrap(), steps.as_deref()))
                .map(|number| number as u32)
                .collect();
            for from in [0, 1, PIECE - 1, PIECE, lines.len() - 1, lines.len()] {
                let mut found = Vec::new();
                lines.find(&wanted, from, &mut found);
                let rest: Vec<u32> =
                    expected.iter().copied().filter(|number| *number as usize >= from).collect();
                assert_eq!(found, rest, "{filter:?} from {from}");
            }
        }
    }
}
