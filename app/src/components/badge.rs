//! A state as colour, sign and word: never colour alone.

use leptos::prelude::*;
use paddock_events::{ApprovalStage, HealthLevel, JobOutcome, Outcome, StepState};
use paddock_tongue::view;

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
        HealthLevel::Healthy => (Tone::Good, "Healthy"),
        HealthLevel::Degraded => (Tone::Warn, "Degraded"),
        HealthLevel::Down => (Tone::Bad, "Down"),
        HealthLevel::NotCreated => (Tone::Quiet, "Not created"),
        HealthLevel::Unknown => (Tone::Quiet, "Unknown"),
    }
}

/// How a job ended, or that it has not.
pub fn outcome(outcome: Option<&JobOutcome>, started: bool) -> (Tone, &'static str) {
    match outcome {
        None if started => (Tone::Busy, "Running"),
        None => (Tone::Quiet, "Waiting"),
        Some(JobOutcome::Succeeded) => (Tone::Good, "Succeeded"),
        Some(JobOutcome::Failed { .. }) => (Tone::Bad, "Failed"),
        Some(JobOutcome::Cancelled) => (Tone::Warn, "Cancelled"),
        Some(JobOutcome::Interrupted) => (Tone::Warn, "Interrupted"),
    }
}

/// What became of a request for approval, in a word.
pub fn approval(stage: &ApprovalStage) -> (Tone, &'static str) {
    match stage {
        ApprovalStage::Waiting => (Tone::Busy, "Waiting"),
        ApprovalStage::Approved { .. } => (Tone::Good, "Approved"),
        ApprovalStage::Refused { .. } => (Tone::Bad, "Refused"),
        ApprovalStage::Withdrawn { .. } => (Tone::Quiet, "Withdrawn"),
        ApprovalStage::Used { .. } => (Tone::Good, "Used"),
        ApprovalStage::Expired => (Tone::Warn, "Expired"),
        ApprovalStage::Void { .. } => (Tone::Warn, "Void"),
    }
}

/// A step's state in a word.
pub fn step_state(state: &StepState) -> (Tone, &'static str) {
    match state {
        StepState::Waiting => (Tone::Quiet, "waiting"),
        StepState::Running { .. } => (Tone::Busy, "running"),
        StepState::Finished { outcome, .. } => match outcome {
            Outcome::Ok => (Tone::Good, "ok"),
            Outcome::Changed => (Tone::Good, "changed"),
            Outcome::Skipped { .. } => (Tone::Quiet, "skipped"),
            Outcome::Failed { .. } => (Tone::Bad, "failed"),
            Outcome::Unreachable { .. } => (Tone::Bad, "unreachable"),
            Outcome::Cancelled => (Tone::Warn, "cancelled"),
        },
    }
}
