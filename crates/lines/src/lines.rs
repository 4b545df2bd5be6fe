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
        whole * PIECE + in_piece
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
