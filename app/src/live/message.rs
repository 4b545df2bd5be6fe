//! A [`ServerMessage`](paddock_events::ServerMessage) read in two steps: what it is first, what it says by who listens.
//!
//! Read in one go, every page would have to load the code that reads job events, which only the jobs' pages show.

use paddock_events::{ClusterRow, ClusterTopology, Event, JobId, Problem};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// [`Batch`].
    Events,
    /// [`Picture`].
    Topology,
    /// [`Rows`].
    Fleet,
    /// [`Refusal`].
    Problem,
    /// Nothing more.
    Ping,
}

/// What every message says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Head {
    /// What it is.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// Whose events.
    pub job: Option<JobId>,
}

/// Consecutive events of a job.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Batch {
    pub events: Vec<Event>,
}

/// The newest picture of a cluster.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Picture {
    pub topology: ClusterTopology,
}

/// Rows of the clusters page.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Rows {
    pub rows: Vec<ClusterRow>,
    pub whole: bool,
    pub at_us: i64,
}

/// Why a subscription was refused or broke.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Refusal {
    pub problem: Problem,
}

/// Reads a message as one of the above. What this build does not know comes from a newer server; the rest still works.
pub fn read<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_str(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use paddock_events::{EventKind, JobOutcome, ProblemKind, ServerMessage};

    fn sent(message: &ServerMessage) -> (Head, String) {
        let text = serde_json::to_string(message).unwrap();
        (read(&text).unwrap(), text)
    }

    #[test]
    fn what_the_server_sends_is_read_in_two_steps() {
        let job = JobId(7);
        let events =
            vec![Event { seq: 3, at_us: 5, kind: EventKind::JobFinished { outcome: JobOutcome::Succeeded } }];
        let (head, text) = sent(&ServerMessage::Events { job, events: events.clone() });
        assert_eq!(head, Head { kind: Kind::Events, job: Some(job) });
        assert_eq!(read::<Batch>(&text).unwrap().events, events);

        let problem = Problem {
            code: "a/b".into(),
            kind: ProblemKind::World,
            what: "what".into(),
            why: String::new(),
            fix: String::new(),
        };
        let (head, text) = sent(&ServerMessage::Problem { problem: problem.clone() });
        assert_eq!(head, Head { kind: Kind::Problem, job: None });
        assert_eq!(read::<Refusal>(&text).unwrap().problem, problem);

        let (head, text) = sent(&ServerMessage::Fleet { rows: Vec::new(), whole: true, at_us: 9 });
        assert_eq!(head, Head { kind: Kind::Fleet, job: None });
        assert_eq!(read::<Rows>(&text).unwrap(), Rows { rows: Vec::new(), whole: true, at_us: 9 });

        assert_eq!(sent(&ServerMessage::Ping).0, Head { kind: Kind::Ping, job: None });
        assert_eq!(read::<Head>(r#"{"type":"of a newer server"}"#), None);
    }
}
