//! The fold from events to what a job page shows.

use crate::{Event, EventKind, JobOutcome, JobOutline, Outcome};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Where a step is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "at", rename_all = "snake_case")]
pub enum StepState {
    /// Its turn has not come.
    #[default]
    Waiting,
    /// It runs since `since_us`.
    Running {
        /// Microseconds since the epoch.
        since_us: i64,
        /// Done and whole with unit, when the step tells.
        progress: Option<(u64, Option<u64>, String)>,
    },
    /// It has its outcome.
    Finished {
        /// What came of it.
        outcome: Outcome,
        /// Check, apply and re-check together.
        duration_ms: u64,
    },
}

/// Where a stage is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "at", rename_all = "snake_case")]
pub enum StageState {
    /// Its turn has not come.
    #[default]
    Waiting,
    /// It runs.
    Running,
    /// Every host is through.
    Finished {
        /// The worst outcome of its steps.
        outcome: Outcome,
    },
}

/// A job as its page shows it: the outline, and the state of everything in it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct JobView {
    /// The plan's shape.
    pub outline: JobOutline,
    /// One state per step of the outline.
    pub steps: Vec<StepState>,
    /// One state per stage of the outline.
    pub stages: Vec<StageState>,
    /// The first sequence number not yet folded in.
    pub next_seq: u64,
    /// When the first run began.
    pub started_us: Option<i64>,
    /// When the last run ended.
    pub finished_us: Option<i64>,
    /// How it ended; none while it waits or runs.
    pub outcome: Option<JobOutcome>,
    /// Who asked it to stop.
    pub cancel_by: Option<String>,
}

/// Why an event does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FoldError {
    /// Events are missing: fetch from `expected`.
    Gap {
        /// The sequence number that was due.
        expected: u64,
        /// The one that came.
        got: u64,
    },
    /// The event names a step or stage that the outline does not have.
    OutOfOutline {
        /// Its sequence number.
        seq: u64,
    },
}

impl fmt::Display for FoldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gap { expected, got } => write!(f, "event {got} came while {expected} was due"),
            Self::OutOfOutline { seq } => write!(f, "event {seq} names a step that the plan does not have"),
        }
    }
}

impl std::error::Error for FoldError {}

impl JobView {
    /// A job of which nothing has happened yet.
    pub fn new(outline: JobOutline) -> Self {
        let steps = vec![StepState::Waiting; outline.steps.len()];
        let stages = vec![StageState::Waiting; outline.stages.len()];
        Self { outline, steps, stages, ..Self::default() }
    }

    /// Adds one event. A repeated event changes nothing; a gap asks the caller to fetch from `next_seq`.
    pub fn fold(&mut self, event: &Event) -> Result<(), FoldError> {
        if event.seq < self.next_seq {
            return Ok(());
        }
        if event.seq > self.next_seq {
            return Err(FoldError::Gap { expected: self.next_seq, got: event.seq });
        }
        self.take(event)?;
        self.next_seq += 1;
        Ok(())
    }

    /// How many steps have an outcome.
    pub fn finished_steps(&self) -> usize {
        self.steps.iter().filter(|state| matches!(state, StepState::Finished { .. })).count()
    }

    /// How many steps changed something.
    pub fn changed_steps(&self) -> usize {
        self.steps
            .iter()
            .filter(|state| matches!(state, StepState::Finished { outcome: Outcome::Changed, .. }))
            .count()
    }

    fn take(&mut self, event: &Event) -> Result<(), FoldError> {
        let out = FoldError::OutOfOutline { seq: event.seq };
        match &event.kind {
            EventKind::JobStarted { .. } => {
                self.started_us.get_or_insert(event.at_us);
                self.finished_us = None;
                self.outcome = None;
                self.cancel_by = None;
            }
            EventKind::StageStarted { stage } => {
                *self.stages.get_mut(*stage as usize).ok_or(out)? = StageState::Running;
            }
            EventKind::StageFinished { stage, outcome } => {
                *self.stages.get_mut(*stage as usize).ok_or(out)? =
                    StageState::Finished { outcome: outcome.clone() };
            }
            EventKind::StepStarted { step } => {
                *self.steps.get_mut(*step as usize).ok_or(out)? =
                    StepState::Running { since_us: event.at_us, progress: None };
            }
            EventKind::StepProgress { step, done, total, unit } => {
                if let StepState::Running { progress, .. } = self.steps.get_mut(*step as usize).ok_or(out)? {
                    *progress = Some((*done, *total, unit.clone()));
                }
            }
            EventKind::StepFinished { step, outcome, duration_ms } => {
                *self.steps.get_mut(*step as usize).ok_or(out)? =
                    StepState::Finished { outcome: outcome.clone(), duration_ms: *duration_ms };
            }
            EventKind::Line { .. } => {}
            EventKind::CancelRequested { by, .. } => self.cancel_by = Some(by.clone()),
            EventKind::JobFinished { outcome } => {
                self.finished_us = Some(event.at_us);
                self.outcome = Some(outcome.clone());
            }
        }
        Ok(())
    }
}
