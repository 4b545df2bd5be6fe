//! A job's state in the browser: events come in, and only what they touch is drawn again.

use super::job_log::{Address, Log};
use crate::live::{Live, follow_job, leave, renew};
use leptos::prelude::*;
use paddock_events::{
    Event, EventKind, FoldError, JobId, JobOutcome, JobOutline, JobPage, JobView, LogLines, Outcome,
    StageState, StepState,
};
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;

/// What concerns the job as a whole.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Head {
    /// How it ended.
    pub outcome: Option<JobOutcome>,
    /// When its first run began.
    pub started_us: Option<i64>,
    /// When its last run ended.
    pub finished_us: Option<i64>,
    /// Who asked it to stop.
    pub cancel_by: Option<String>,
    /// Steps with an outcome.
    pub finished: usize,
    /// Steps that changed something.
    pub changed: usize,
}

impl Head {
    fn of(view: &JobView) -> Self {
        Self {
            outcome: view.outcome.clone(),
            started_us: view.started_us,
            finished_us: view.finished_us,
            cancel_by: view.cancel_by.clone(),
            finished: view.finished_steps(),
            changed: view.changed_steps(),
        }
    }
}

/// One signal per step and stage beside the folded view.
#[derive(Clone, Copy)]
pub struct JobState {
    /// Which job.
    pub job: JobId,
    view: StoredValue<JobView>,
    steps: StoredValue<Vec<RwSignal<StepState>>>,
    stages: StoredValue<Vec<RwSignal<StageState>>>,
    /// What concerns the job as a whole.
    pub head: RwSignal<Head>,
    /// Its output.
    pub log: Log,
    /// The events do not fit the plan that this page was made for.
    pub broken: RwSignal<bool>,
    listener: StoredValue<Option<u64>>,
}

impl JobState {
    /// From the page as the server rendered it, with the lines that its address asks for.
    pub fn new(page: &JobPage, address: &Address, lines: Option<LogLines>) -> Self {
        let view = page.view.clone();
        Self {
            job: page.row.id,
            steps: StoredValue::new(view.steps.iter().cloned().map(RwSignal::new).collect()),
            stages: StoredValue::new(view.stages.iter().cloned().map(RwSignal::new).collect()),
            head: RwSignal::new(Head::of(&view)),
            log: Log::new(page, address, lines),
            broken: RwSignal::new(false),
            view: StoredValue::new(view),
            listener: StoredValue::new(None),
        }
    }

    /// The same job before its first event, beside this one: for a replay.
    pub fn again(self) -> Self {
        let view = self.with_outline(|outline| JobView::new(outline.clone()));
        Self {
            job: self.job,
            steps: StoredValue::new(view.steps.iter().cloned().map(RwSignal::new).collect()),
            stages: StoredValue::new(view.stages.iter().cloned().map(RwSignal::new).collect()),
            head: RwSignal::new(Head::of(&view)),
            log: Log::replayed(self.job, view.outline.clone()),
            broken: RwSignal::new(false),
            view: StoredValue::new(view),
            listener: StoredValue::new(None),
        }
    }

    /// Back to before the first event.
    pub fn rewind(self) {
        let view = self.with_outline(|outline| JobView::new(outline.clone()));
        self.head.set(Head::of(&view));
        self.view.set_value(view);
        self.steps.with_value(|steps| steps.iter().for_each(|step| step.set(StepState::Waiting)));
        self.stages.with_value(|stages| stages.iter().for_each(|stage| stage.set(StageState::Waiting)));
        self.log.clear();
    }

    /// Reads the plan's shape.
    pub fn with_outline<T>(self, read: impl FnOnce(&JobOutline) -> T) -> T {
        self.view.with_value(|view| read(&view.outline))
    }

    /// A step's signal.
    pub fn step(self, at: usize) -> RwSignal<StepState> {
        self.steps.with_value(|steps| steps[at])
    }

    /// A stage's signal.
    pub fn stage(self, at: usize) -> RwSignal<StageState> {
        self.stages.with_value(|stages| stages[at])
    }

    /// The step's state without tracking it; for sums over all steps.
    pub fn peek_step(self, at: usize) -> StepState {
        self.view.with_value(|view| view.steps[at].clone())
    }

    /// Listens to the job while the page is open; batches are taken once per frame.
    pub fn follow(self, live: Live) {
        Effect::new(move |_| {
            let waiting: Rc<RefCell<Vec<Event>>> = Rc::default();
            let planned = Rc::new(Cell::new(false));
            let id = follow_job(live, self.job, self.next_seq(), move |events| {
                waiting.borrow_mut().extend(events);
                if !planned.replace(true) {
                    let (waiting, planned) = (waiting.clone(), planned.clone());
                    request_animation_frame(move || {
                        planned.set(false);
                        // The page may have been left in the meantime.
                        if self.head.try_get_untracked().is_some() {
                            self.take_or_renew(waiting.take());
                        }
                    });
                }
            });
            self.listener.set_value(Some(id));
            on_cleanup(move || leave(id));
        });
    }

    /// Listens again from the first unseen event: the server ends a feed with its job, and resume goes on.
    pub fn listen_again(self) {
        if let Some(id) = self.listener.get_value() {
            renew(id, self.next_seq());
        }
    }

    fn next_seq(self) -> u64 {
        self.view.with_value(|view| view.next_seq)
    }

    fn take_or_renew(self, events: Vec<Event>) {
        match self.take(events) {
            Ok(()) => {}
            Err(FoldError::Gap { .. }) => self.listen_again(),
            Err(FoldError::OutOfOutline { .. }) => self.broken.set(true),
        }
    }

    /// Folds events in; the first that does not fit ends it, those before it count.
    pub fn take(self, events: Vec<Event>) -> Result<(), FoldError> {
        let mut lines = Vec::new();
        let mut steps = BTreeSet::new();
        let mut stages = BTreeSet::new();
        let mut result = Ok(());
        self.view.update_value(|view| {
            for event in events {
                if event.seq < view.next_seq {
                    continue;
                }
                result = view.fold(&event);
                if result.is_err() {
                    break;
                }
                match &event.kind {
                    EventKind::StepStarted { step }
                    | EventKind::StepProgress { step, .. }
                    | EventKind::StepFinished { step, .. } => {
                        steps.insert(*step as usize);
                    }
                    EventKind::StageStarted { stage } | EventKind::StageFinished { stage, .. } => {
                        stages.insert(*stage as usize);
                    }
                    EventKind::Line { .. } => lines.push(event),
                    EventKind::JobStarted { .. }
                    | EventKind::CancelRequested { .. }
                    | EventKind::JobFinished { .. } => {}
                }
            }
        });
        let head = self.view.with_value(Head::of);
        for step in steps {
            self.step(step).set(self.peek_step(step));
        }
        for stage in stages {
            self.stage(stage).set(self.view.with_value(|view| view.stages[stage].clone()));
        }
        if self.head.with_untracked(|old| *old != head) {
            self.head.set(head);
        }
        self.log.append(lines);
        result
    }
}

/// Steps that went wrong, for a stage's summary.
pub fn is_bad(state: &StepState) -> bool {
    matches!(state, StepState::Finished { outcome: Outcome::Failed { .. } | Outcome::Unreachable { .. }, .. })
}

#[cfg(test)]
mod tests {
    use super::*;
    use paddock_events::{JobRow, StageOutline, StepOutline, Stream, Verdict};

    fn state() -> JobState {
        let step = |host: &str| StepOutline {
            id: "a".into(),
            title: "a".into(),
            stage: 0,
            host: host.into(),
            instance: None,
            tags: vec![],
            effect: None,
            destructive: false,
        };
        let outline = JobOutline {
            stages: vec![StageOutline { name: "one".into(), play: 0 }],
            steps: vec![step("h1"), step("h2")],
            ..JobOutline::default()
        };
        let page = JobPage {
            row: JobRow {
                id: JobId(1),
                title: String::new(),
                cluster: None,
                by: String::new(),
                created_us: 0,
                finished_us: None,
                outcome: None,
                progress: (0, 2),
            },
            view: JobView::new(outline),
            lines: vec![],
            earlier_lines: 0,
            earlier_ms: vec![],
            may_cancel: Verdict::Allowed,
            may_resume: Verdict::Allowed,
        };
        JobState::new(&page, &Address::default(), None)
    }

    fn events() -> Vec<Event> {
        let line = |text: &str| EventKind::Line {
            step: Some(0),
            host: "h1".into(),
            stream: Stream::Out,
            text: text.into(),
        };
        let kinds = [
            EventKind::JobStarted { resumed_from: None },
            EventKind::StageStarted { stage: 0 },
            EventKind::StepStarted { step: 0 },
            line("x"),
            line("y"),
            EventKind::StepFinished { step: 0, outcome: Outcome::Changed, duration_ms: 5 },
        ];
        kinds.into_iter().enumerate().map(|(seq, kind)| Event { seq: seq as u64, at_us: 1, kind }).collect()
    }

    fn len(state: JobState) -> u64 {
        state.log.with(|lines| lines.count)
    }

    #[test]
    fn repeated_batches_double_nothing() {
        Owner::new().with(|| {
            let state = state();
            state.take(events()).unwrap();
            state.take(events()).unwrap();
            assert_eq!(state.head.get_untracked().changed, 1);
            assert_eq!(
                state.log.with(|lines| (lines.count, lines.get(0).map(|line| line.seq))),
                (2, Some(3))
            );
            assert!(matches!(state.step(0).get_untracked(), StepState::Finished { .. }));
            assert_eq!(state.step(1).get_untracked(), StepState::Waiting);
        });
    }

    #[test]
    fn a_replay_begins_from_nothing_and_ends_as_the_job_did() {
        Owner::new().with(|| {
            let state = state();
            state.take(events()).unwrap();
            let again = state.again();
            assert_eq!((len(again), again.step(0).get_untracked()), (0, StepState::Waiting));
            again.take(events()).unwrap();
            assert_eq!(again.head.get_untracked(), state.head.get_untracked());
            again.rewind();
            assert_eq!((len(again), again.step(0).get_untracked()), (0, StepState::Waiting));
            again.take(events()).unwrap();
            assert_eq!((len(again), len(state)), (2, 2));
        });
    }

    #[test]
    fn a_gap_keeps_what_came_before_it() {
        Owner::new().with(|| {
            let state = state();
            let mut events = events();
            events.remove(3);
            assert_eq!(state.take(events), Err(FoldError::Gap { expected: 3, got: 4 }));
            assert!(matches!(state.step(0).get_untracked(), StepState::Running { .. }));
            assert_eq!(state.next_seq(), 3);
        });
    }
}
