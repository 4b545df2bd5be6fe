//! One line of output.

use crate::words::{ansi, time};
use paddock_events::{Event, EventKind, Stream};
use paddock_tongue::t;

/// One line of output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// Its event's number.
    pub seq: u64,
    pub at_us: i64,
    pub host: String,
    stream: Stream,
    text: String,
}

impl LogLine {
    /// The line of an event, when it is one.
    pub fn of(event: Event) -> Option<Self> {
        let Event { seq, at_us, kind } = event;
        let EventKind::Line { host, stream, text, .. } = kind else { return None };
        Some(Self { seq, at_us, host, stream, text })
    }

    /// The class of its row.
    pub fn class(&self) -> &'static str {
        match self.stream {
            Stream::Err => "row err",
            Stream::Engine => "row engine",
            Stream::Out => "row",
            Stream::Diff if self.text.starts_with("@@") => "row hunk",
            Stream::Diff if self.text.starts_with('+') => "row added",
            Stream::Diff if self.text.starts_with('-') => "row removed",
            Stream::Diff => "row diff",
        }
    }

    /// Its text in pieces: by colour, and by what is sought.
    pub fn pieces(&self, find: &str) -> Vec<ansi::Piece> {
        ansi::pieces(&self.text, find)
    }

    /// As it stands in a file: time, where it came from, text.
    pub fn told(&self) -> String {
        let host = if self.host.is_empty() { "console" } else { &self.host };
        format!("{}  {host}  {}\n", time::iso(self.at_us), paddock_events::plain(&self.text))
    }
}

/// What a stream is called among the levels.
pub fn level(stream: Stream) -> &'static str {
    match stream {
        Stream::Out => t!("Output"),
        Stream::Err => t!("Warnings and errors"),
        Stream::Diff => t!("Differences"),
        Stream::Engine => t!("Words of Paddock"),
    }
}
