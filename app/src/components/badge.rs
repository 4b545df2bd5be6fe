//! A state as colour, sign and word: never colour alone.

use leptos::prelude::*;
use paddock_events::{ApprovalStage, HealthLevel, JobOutcome, Outcome, StepState};
use paddock_tongue::{t, view};

/// How a state feels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// As it should be.
    Good,
    /// At work.
    Busy,
    /// Look at it.
    Warn,
    /// Broken.
    Bad,
    /// Nothing to say, or not known.
    Quiet,
}

impl Tone {
    /// Class and sign.
    pub fn look(self) -> (&'static str, &'static str) {
        match self {
            Self::Good => ("good", "✓"),
            Self::Busy => ("busy", "●"),
            Self::Warn => ("warn", "!"),
            Self::Bad => ("bad", "✕"),
            Self::Quiet => ("quiet", "○"),
        }
    }
}

/// A word with its sign and colour.
#[component]
pub fn Badge(tone: Tone, #[prop(into)] text: String) -> impl IntoView {
    let (class, sign) = tone.look();
    view! {
        <span class=format!("badge {class}")><span class="sign" aria-hidden="true">{sign}</span>{text}</span>
    }
}

/// Health in a word.
pub fn health(level: HealthLevel) -> (Tone, &'static str) {
    match level {
        HealthLevel::Healthy => (Tone::Good, t!("Healthy")),
        HealthLevel::Degraded => (Tone::Warn, t!("Degraded")),
        HealthLevel::Down => (Tone::Bad, t!("Down")),
        HealthLevel::NotCreated => (Tone::Quiet, t!("Not created")),
        HealthLevel::Unknown => (Tone::Quiet, t!("Unknown")),
    }
}

/// How a job ended, or that it has not.
pub fn outcome(outcome: Option<&JobOutcome>, started: bool) -> (Tone, &'static str) {
    match outcome {
        None if started => (Tone::Busy, t!("Running")),
        None => (Tone::Quiet, t!("Waiting")),
        Some(JobOutcome::Succeeded) => (Tone::Good, t!("Succeeded")),
        Some(JobOutcome::Failed { .. }) => (Tone::Bad, t!("Failed")),
        Some(JobOutcome::Cancelled) => (Tone::Warn, t!("Cancelled")),
        Some(JobOutcome::Interrupted) => (Tone::Warn, t!("Interrupted")),
    }
}

/// What became of a request for approval, in a word.
pub fn approval(stage: &ApprovalStage) -> (Tone, &'static str) {
    match stage {
        ApprovalStage::Waiting => (Tone::Busy, t!("Waiting")),
        ApprovalStage::Approved { .. } => (Tone::Good, t!("Approved")),
        ApprovalStage::Refused { .. } => (Tone::Bad, t!("Refused")),
        ApprovalStage::Withdrawn { .. } => (Tone::Quiet, t!("Withdrawn")),
        ApprovalStage::Used { .. } => (Tone::Good, t!("Used")),
        ApprovalStage::Expired => (Tone::Warn, t!("Expired")),
        ApprovalStage::Void { .. } => (Tone::Warn, t!("Void")),
    }
}

/// A step's state in a word.
pub fn step_state(state: &StepState) -> (Tone, &'static str) {
    match state {
        StepState::Waiting => (Tone::Quiet, t!("waiting")),
        StepState::Running { .. } => (Tone::Busy, t!("running")),
        StepState::Finished { outcome, .. } => match outcome {
            Outcome::Ok => (Tone::Good, t!("ok")),
            Outcome::Changed => (Tone::Good, t!("changed")),
            Outcome::Skipped { .. } => (Tone::Quiet, t!("skipped")),
            Outcome::Failed { .. } => (Tone::Bad, t!("failed")),
            Outcome::Unreachable { .. } => (Tone::Bad, t!("unreachable")),
            Outcome::Cancelled => (Tone::Warn, t!("cancelled")),
        },
    }
}
