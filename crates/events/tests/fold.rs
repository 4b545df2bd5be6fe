//! The fold from events to a view: in whatever pieces a stream arrives, the same view comes of it.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic and tell")]

use paddock_events::{
    Event, EventKind, FoldError, JobOutcome, JobOutline, JobView, Outcome, StageOutline, StepOutline,
    StepState, Stream,
};
use proptest::prelude::*;

const STEPS: u32 = 6;
const STAGES: u32 = 3;

fn outline() -> JobOutline {
    let stage = |n: u32| StageOutline { name: format!("stage {n}"), play: 0 };
    let step = |n: u32| StepOutline {
        id: format!("pgsql/tag/{n}"),
        title: format!("step {n}"),
        stage: n / 2,
        host: format!("10.0.0.{}", n % 2 + 1),
        instance: None,
        tags: vec!["tag".into()],
        effect: None,
        destructive: false,
    };
    JobOutline {
        title: "a job".into(),
        cluster: Some("pg-test".into()),
        command_lines: vec!["pgsql.yml -l pg-test".into()],
        stages: (0..STAGES).map(stage).collect(),
        steps: (0..STEPS).map(step).collect(),
    }
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        Just(Outcome::Ok),
        Just(Outcome::Changed),
        Just(Outcome::Cancelled),
        ".{0,8}".prop_map(|reason| Outcome::Failed { reason }),
        ".{0,8}".prop_map(|reason| Outcome::Skipped { reason }),
        ".{0,8}".prop_map(|reason| Outcome::Unreachable { reason }),
    ]
}

fn kind() -> impl Strategy<Value = EventKind> {
    let step = 0..STEPS;
    let stage = 0..STAGES;
    prop_oneof![
        prop::option::of(step.clone()).prop_map(|resumed_from| EventKind::JobStarted { resumed_from }),
        stage.clone().prop_map(|stage| EventKind::StageStarted { stage }),
        (stage, outcome()).prop_map(|(stage, outcome)| EventKind::StageFinished { stage, outcome }),
        step.clone().prop_map(|step| EventKind::StepStarted { step }),
        (prop::option::of(step.clone()), ".{0,12}").prop_map(|(step, text)| EventKind::Line {
            step,
            host: "10.0.0.1".into(),
            stream: Stream::Out,
            text
        }),
        (step.clone(), any::<u64>(), prop::option::of(any::<u64>())).prop_map(|(step, done, total)| {
            EventKind::StepProgress { step, done, total, unit: "bytes".into() }
        }),
        (step, outcome(), any::<u64>()).prop_map(|(step, outcome, duration_ms)| EventKind::StepFinished {
            step,
            outcome,
            duration_ms
        }),
        any::<bool>().prop_map(|now| EventKind::CancelRequested { by: "ann".into(), now }),
        prop_oneof![Just(JobOutcome::Succeeded), Just(JobOutcome::Cancelled), Just(JobOutcome::Interrupted)]
            .prop_map(|outcome| EventKind::JobFinished { outcome }),
    ]
}

/// A stream as a job writes it: gapless from 0, in order of time.
fn stream() -> impl Strategy<Value = Vec<Event>> {
    prop::collection::vec((kind(), 0i64..1000), 0..40).prop_map(|kinds| {
        let mut at_us = 1_000_000;
        let mut events = Vec::new();
        for (seq, (kind, later)) in kinds.into_iter().enumerate() {
            at_us += later;
            events.push(Event { seq: seq as u64, at_us, kind });
        }
        events
    })
}

fn folded(view: &JobView, events: &[Event]) -> JobView {
    let mut view = view.clone();
    for event in events {
        view.fold(event).unwrap();
    }
    view
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn folding_a_prefix_and_then_the_rest_is_folding_all(events in stream(), at in any::<prop::sample::Index>()) {
        let empty = JobView::new(outline());
        let all = folded(&empty, &events);
        let (head, tail) = events.split_at(at.index(events.len() + 1));
        let half = folded(&empty, head);
        prop_assert_eq!(half.next_seq, head.len() as u64);
        prop_assert_eq!(&folded(&half, tail), &all);
        // A page that is reloaded gets the view over the wire and goes on from there.
        let sent: JobView = serde_json::from_str(&serde_json::to_string(&half).unwrap()).unwrap();
        prop_assert_eq!(&folded(&sent, tail), &all);
    }

    #[test]
    fn a_repeated_event_changes_nothing(events in stream(), again in prop::collection::vec(any::<prop::sample::Index>(), 0..20)) {
        let all = folded(&JobView::new(outline()), &events);
        let mut view = all.clone();
        for index in again.iter().filter(|_| !events.is_empty()) {
            prop_assert_eq!(view.fold(&events[index.index(events.len())]), Ok(()));
            prop_assert_eq!(&view, &all);
        }
        // Nor does it in the middle of the stream, as after a reconnect that asked for too much.
        let mut view = JobView::new(outline());
        for (at, event) in events.iter().enumerate() {
            let back = again.get(at % 20).map_or(at, |index| index.index(at + 1));
            for earlier in &events[back..at] {
                view.fold(earlier).unwrap();
            }
            view.fold(event).unwrap();
        }
        prop_assert_eq!(view, all);
    }

    #[test]
    fn a_gap_is_refused_with_where_to_go_on(events in stream(), at in any::<prop::sample::Index>(), missing in 1usize..5) {
        let at = at.index(events.len() + 1);
        let mut view = folded(&JobView::new(outline()), &events[..at]);
        let before = view.clone();
        if let Some(event) = events.get(at + missing) {
            let refused = view.fold(event).unwrap_err();
            prop_assert_eq!(refused, FoldError::Gap { expected: at as u64, got: event.seq });
            prop_assert_eq!(&view, &before, "a refused event leaves no trace");
            let all = folded(&view, &events[at..]);
            prop_assert_eq!(all, folded(&JobView::new(outline()), &events));
        }
    }

    #[test]
    fn an_event_that_names_nothing_of_the_plan_is_refused(events in stream(), beyond in 0u32..5) {
        let mut view = folded(&JobView::new(outline()), &events);
        let before = view.clone();
        for kind in [
            EventKind::StepStarted { step: STEPS + beyond },
            EventKind::StepFinished { step: STEPS + beyond, outcome: Outcome::Ok, duration_ms: 1 },
            EventKind::StepProgress { step: STEPS + beyond, done: 1, total: None, unit: "bytes".into() },
            EventKind::StageStarted { stage: STAGES + beyond },
            EventKind::StageFinished { stage: STAGES + beyond, outcome: Outcome::Ok },
        ] {
            let event = Event { seq: view.next_seq, at_us: 0, kind };
            prop_assert_eq!(view.fold(&event), Err(FoldError::OutOfOutline { seq: event.seq }));
            prop_assert_eq!(&view, &before);
        }
    }

    #[test]
    fn an_event_crosses_the_wire_as_it_is(events in stream()) {
        let sent: Vec<Event> = serde_json::from_str(&serde_json::to_string(&events).unwrap()).unwrap();
        prop_assert_eq!(sent, events);
    }

    #[test]
    fn counts_are_those_of_the_steps(events in stream()) {
        let view = folded(&JobView::new(outline()), &events);
        let finished = view.steps.iter().filter(|state| matches!(state, StepState::Finished { .. })).count();
        prop_assert_eq!(view.finished_steps(), finished);
        prop_assert!(view.changed_steps() <= finished && finished <= STEPS as usize);
        let last = events.iter().rev().find(|event| {
            matches!(event.kind, EventKind::JobFinished { .. } | EventKind::JobStarted { .. })
        });
        prop_assert_eq!(view.outcome.is_some(), matches!(last.map(|event| &event.kind), Some(EventKind::JobFinished { .. })));
    }
}

#[test]
fn a_gap_says_in_words_what_was_due() {
    let gap = FoldError::Gap { expected: 3, got: 7 };
    assert_eq!(gap.to_string(), "event 7 came while 3 was due");
}
