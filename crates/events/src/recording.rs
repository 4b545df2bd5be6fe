//! A job as a recording that terminal players play: asciicast, version 2.
//!
//! Source: docs.asciinema.org, "asciicast v2": a header object on the first line, then one `[seconds, "o", text]` per line.

use crate::{Event, JobOutline, Look, Transcript};
use serde::Serialize;

/// The first line of a recording.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CastHeader {
    version: u8,
    width: u16,
    height: u16,
    /// Seconds since the Unix epoch.
    timestamp: i64,
    title: String,
    /// Players shorten longer pauses to this many seconds.
    idle_time_limit: f64,
}

/// Any later line: seconds since the first event, kind, what appears.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CastFrame(f64, &'static str, String);

/// Makes a recording from a job's events, given in order.
#[derive(Clone, Debug)]
pub struct Recording {
    transcript: Transcript,
    title: String,
    first_us: i64,
    seconds: f64,
}

impl Recording {
    /// A recording that begins at `first_us`, the time of the job's first event.
    pub fn new(outline: JobOutline, first_us: i64) -> Self {
        let title = outline.title.clone();
        let transcript = Transcript::new(outline, Look { colour: true, diffs: true });
        Self { transcript, title, first_us, seconds: 0.0 }
    }

    /// The first line.
    pub fn header(&self) -> CastHeader {
        CastHeader {
            version: 2,
            width: 120,
            height: 36,
            timestamp: self.first_us.div_euclid(1_000_000),
            title: self.title.clone(),
            idle_time_limit: 3.0,
        }
    }

    /// The line of an event; none when nothing appears. Time never runs backwards, even where the clock did.
    pub fn take(&mut self, event: &Event) -> Option<CastFrame> {
        let lines = self.transcript.tell(event);
        if lines.is_empty() {
            return None;
        }
        let ms = event.at_us.saturating_sub(self.first_us).max(0) / 1_000;
        // Exact up to 2^53 ms: 285,000 years.
        let seconds = ms as f64 / 1_000.0;
        self.seconds = self.seconds.max(seconds);
        Some(CastFrame(self.seconds, "o", lines.join("\r\n") + "\r\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EventKind, JobOutcome, Stream};

    #[test]
    fn a_recording_is_asciicast_with_times_from_the_first_event() {
        let outline = JobOutline { title: "Create \"pg-test\"".into(), ..JobOutline::default() };
        let first = 1_764_000_000_500_000;
        let mut recording = Recording::new(outline, first);
        let line = |text: &str| EventKind::Line {
            step: None,
            host: "10.0.0.1".into(),
            stream: Stream::Out,
            text: text.into(),
        };
        let events = [
            (0, EventKind::JobStarted { resumed_from: None }),
            (1_250_900, line("hello")),
            (1_250_950, EventKind::StepStarted { step: 9 }),
            (-5, line("the clock was set back")),
            (90_000_000, EventKind::JobFinished { outcome: JobOutcome::Succeeded }),
        ];
        let mut text = serde_json::to_string(&recording.header()).unwrap();
        for ((after, kind), seq) in events.into_iter().zip(0..) {
            if let Some(frame) = recording.take(&Event { seq, at_us: first + after, kind }) {
                text += "\n";
                text += &serde_json::to_string(&frame).unwrap();
            }
        }
        let expected = [
            r#"{"version":2,"width":120,"height":36,"timestamp":1764000000,"title":"Create \"pg-test\"","idle_time_limit":3.0}"#,
            r#"[0.0,"o","\u001b[1mCreate \"pg-test\"\u001b[0m\r\n"]"#,
            r#"[1.25,"o","10.0.0.1 | hello\r\n"]"#,
            r#"[1.25,"o","10.0.0.1 | the clock was set back\r\n"]"#,
        ];
        assert_eq!(text.lines().take(4).collect::<Vec<_>>(), expected);
        let last = text.lines().last().unwrap();
        assert!(last.starts_with("[90.0,\"o\",\"\\r\\n"), "{last}");
        assert!(last.contains("succeeded"), "{last}");
    }
}
