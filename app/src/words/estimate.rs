//! How far a job is and how long it may still take, from how long the same steps took before.

use paddock_events::{JobOutline, StepState};
use std::collections::HashMap;

/// What a step takes about which nothing is known.
const GUESS_MS: u64 = 1_500;

/// A job's progress.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Estimate {
    /// 0 to 100; 100 only when every step has its outcome.
    pub percent: u8,
    /// Milliseconds left; none when nothing is known of earlier runs.
    pub left_ms: Option<u64>,
}

/// Estimates what is left. Hosts of a stage run side by side, so the slowest counts; stages run one after another.
pub fn estimate(
    outline: &JobOutline,
    state_of: impl Fn(usize) -> StepState,
    earlier: &HashMap<String, u64>,
    now_us: Option<i64>,
) -> Estimate {
    // Per stage and host: milliseconds of its finished and of its remaining steps.
    let mut spans: HashMap<(u32, &str), (u64, u64)> = HashMap::new();
    let mut finished = 0;
    for (index, step) in outline.steps.iter().enumerate() {
        let expected = earlier.get(&step.id).copied().unwrap_or(GUESS_MS).max(1);
        let (done, left) = spans.entry((step.stage, step.host.as_str())).or_default();
        match state_of(index) {
            StepState::Finished { .. } => {
                finished += 1;
                *done += expected;
            }
            StepState::Running { since_us, .. } => {
                let passed = now_us.map_or(0, |now| super::time::between_ms(since_us, now));
                // A step that takes longer than ever still has something to do.
                let passed = passed.min(expected * 9 / 10);
                *done += passed;
                *left += expected - passed;
            }
            StepState::Waiting => *left += expected,
        }
    }
    let mut stages: HashMap<u32, (u64, u64)> = HashMap::new();
    for ((stage, _), (done, left)) in spans {
        let slowest = stages.entry(stage).or_default();
        slowest.0 = slowest.0.max(done);
        slowest.1 = slowest.1.max(left);
    }
    let done: u64 = stages.values().map(|stage| stage.0).sum();
    let left: u64 = stages.values().map(|stage| stage.1).sum();
    let all = finished == outline.steps.len();
    let percent = if all { 100 } else { (done * 100 / (done + left).max(1)).min(99) };
    Estimate { percent: u8::try_from(percent).unwrap_or(100), left_ms: (!earlier.is_empty()).then_some(left) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use paddock_events::{Outcome, StageOutline, StepOutline};

    fn step(id: &str, stage: u32, host: &str) -> StepOutline {
        StepOutline {
            id: id.into(),
            title: id.into(),
            stage,
            host: host.into(),
            instance: None,
            tags: vec![],
            effect: None,
            destructive: false,
        }
    }

    fn outline() -> JobOutline {
        let stage = |name: &str| StageOutline { name: name.into(), play: 0 };
        JobOutline {
            stages: vec![stage("one"), stage("two")],
            steps: vec![step("a", 0, "h1"), step("b", 1, "h1"), step("c", 1, "h2")],
            ..JobOutline::default()
        }
    }

    fn earlier() -> HashMap<String, u64> {
        [("a", 1_000), ("b", 9_000), ("c", 3_000)].map(|(id, ms)| (id.to_owned(), ms)).into()
    }

    fn done() -> StepState {
        StepState::Finished { outcome: Outcome::Ok, duration_ms: 1 }
    }

    #[test]
    fn the_slowest_host_of_each_stage_counts() {
        let estimate = estimate(&outline(), |_| StepState::Waiting, &earlier(), None);
        assert_eq!(estimate, Estimate { percent: 0, left_ms: Some(10_000) });
    }

    #[test]
    fn a_running_step_counts_as_far_as_it_is_but_never_as_done() {
        let at = |now_us| {
            let running = |index| match index {
                0 => done(),
                1 => StepState::Running { since_us: 0, progress: None },
                _ => StepState::Waiting,
            };
            estimate(&outline(), running, &earlier(), Some(now_us))
        };
        assert_eq!(at(4_000_000), Estimate { percent: 50, left_ms: Some(5_000) });
        assert!(at(60_000_000).percent < 100);
        assert!(at(60_000_000).left_ms > Some(0));
    }

    #[test]
    fn all_done_is_a_hundred_and_nothing_known_is_no_time() {
        assert_eq!(
            estimate(&outline(), |_| done(), &HashMap::new(), None),
            Estimate { percent: 100, left_ms: None }
        );
    }
}
