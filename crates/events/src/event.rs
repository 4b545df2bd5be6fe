//! What happened in a job, as an append-only stream.

use serde::{Deserialize, Serialize};

/// One entry of a job's stream. Stored before it is shown; secrets are gone before it exists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Gapless per job, from 0.
    pub seq: u64,
    /// Microseconds since the Unix epoch, the console's clock.
    pub at_us: i64,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// What can happen in a job. `stage` and `step` are indices into the job's [`crate::JobOutline`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum EventKind {
    /// A runner took the job. `resumed_from` is the first step that had not finished before.
    JobStarted {
        /// Set when this run continues an interrupted one.
        resumed_from: Option<u32>,
    },
    /// A stage began on its hosts.
    StageStarted {
        /// Index into the outline's stages.
        stage: u32,
    },
    /// Every host of the stage is through with it.
    StageFinished {
        /// Index into the outline's stages.
        stage: u32,
        /// The worst outcome of its steps.
        outcome: Outcome,
    },
    /// A step's check began on its host.
    StepStarted {
        /// Index into the outline's steps.
        step: u32,
    },
    /// One line of output, of a step or (when `step` is none) of the engine itself.
    Line {
        /// Index into the outline's steps.
        step: Option<u32>,
        /// The node it came from; empty for the console itself.
        host: String,
        /// Which stream it came from.
        stream: Stream,
        /// The line, without its end, capped in length.
        text: String,
    },
    /// How far a long step is.
    StepProgress {
        /// Index into the outline's steps.
        step: u32,
        /// Done so far, in `unit`.
        done: u64,
        /// Whole, when known, in `unit`.
        total: Option<u64>,
        /// `bytes`, `members`, `files`.
        unit: String,
    },
    /// A step has its outcome.
    StepFinished {
        /// Index into the outline's steps.
        step: u32,
        /// What came of it.
        outcome: Outcome,
        /// From its start, check and re-check included.
        duration_ms: u64,
    },
    /// Somebody asked the job to stop.
    CancelRequested {
        /// Who.
        by: String,
        /// True: signal what runs; false: after the running steps.
        now: bool,
    },
    /// The last event of a run. A resumed job appends after it.
    JobFinished {
        /// How it ended.
        outcome: JobOutcome,
    },
}

/// Where a line came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stream {
    /// The remote command's standard output.
    Out,
    /// The remote command's standard error.
    Err,
    /// A difference between what is and what shall be (unified diff).
    Diff,
    /// The engine's own word.
    Engine,
}

impl Stream {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Out, Self::Err, Self::Diff, Self::Engine];

    /// As it stands in events and addresses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Out => "out",
            Self::Err => "err",
            Self::Diff => "diff",
            Self::Engine => "engine",
        }
    }

    /// From [`Self::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stream| stream.as_str() == text)
    }
}

/// What came of one step on one host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Outcome {
    /// The check held; nothing was done.
    Ok,
    /// It was applied and the re-check holds.
    Changed,
    /// It was not run.
    Skipped {
        /// Why not.
        reason: String,
    },
    /// It could not be made to hold.
    Failed {
        /// What the node said.
        reason: String,
    },
    /// The node could not be reached; what the step left behind is unknown.
    Unreachable {
        /// What the connection said.
        reason: String,
    },
    /// Stopped by a person.
    Cancelled,
}

impl Outcome {
    /// Whether the desired fact holds after this outcome.
    pub fn is_good(&self) -> bool {
        match self {
            Self::Ok | Self::Changed => true,
            Self::Skipped { .. } | Self::Failed { .. } | Self::Unreachable { .. } | Self::Cancelled => false,
        }
    }
}

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum JobOutcome {
    /// Every step and every post-condition holds.
    Succeeded,
    /// A step failed or a node was lost.
    Failed {
        /// Which step on which host and why, one sentence.
        reason: String,
        /// The first step that failed, when it was a step.
        step: Option<u32>,
    },
    /// A person stopped it.
    Cancelled,
    /// The console died or was stopped in the middle; resume goes on.
    Interrupted,
}
