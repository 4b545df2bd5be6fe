//! Tests that need nodes, several at a time: each mostly waits for its nodes, so one lab leaves a machine of two cores idle.

use crate::lab::{DownAtEnd, Lab};
use crate::report;
use crate::tally::Tally;
use anyhow::Result;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::ScopedJoinHandle;

/// How many labs run side by side; each is five nodes, half a gigabyte while they are a cluster (lab/README.md).
pub const LANES: usize = 3;

/// Tests on nodes of their own: a test binary, or a file of the browser's tests.
pub struct Errand<'a> {
    pub name: String,
    pub run: Run<'a>,
}

/// Runs tests on a lab that is down, and adds what they print to the text.
pub type Run<'a> = Box<dyn FnOnce(&Lab, &mut String) -> Result<Tally> + Send + 'a>;

/// Tests that are counted together.
pub struct Part<'a> {
    pub name: &'static str,
    /// Builds what they need, beside what runs already, and says what is to be run.
    pub prepare: Prepare<'a>,
}

/// Gives the errands of a part.
pub type Prepare<'a> = Box<dyn FnOnce() -> Result<Vec<Errand<'a>>> + Send + 'a>;

/// Seconds with two lanes, as measured. The longest first: otherwise one lane ends with the longest while the others have
/// nothing left to do.
const LONGEST: [(&str, u32); 15] = [
    ("lab_interrupted_data", 920),
    ("restore", 722),
    ("operations", 680),
    ("lab_operations", 539),
    ("lab_pitr", 508),
    ("lab_interrupted", 432),
    ("lab_repository", 371),
    ("lab_interrupted_running", 362),
    ("trouble", 361),
    ("faults", 204),
    ("story", 180),
    ("failover", 174),
    ("lab_shapes", 159),
    ("command", 117),
    ("lab_kills", 117),
];

/// What measures itself against bounds that are of a machine which does nothing else: after all others, one at a time.
const ALONE: [&str; 3] = ["budget", "fleet", "log"];

fn is_alone(name: &str) -> bool {
    ALONE.iter().any(|known| name.starts_with(known))
}

/// How long something may take; what is not listed is short.
fn seconds(name: &str) -> u32 {
    let known = LONGEST.iter().filter(|(known, _)| name.starts_with(known));
    known.max_by_key(|(known, _)| known.len()).map_or(0, |(_, seconds)| *seconds)
}

/// What is to be run and what has been counted.
struct Queue<'a> {
    /// By part.
    waiting: Vec<(usize, Errand<'a>)>,
    /// Parts whose errands are not known yet.
    preparing: usize,
    /// Errands that lanes are at.
    running: usize,
    /// By part.
    tallies: Vec<Tally>,
}

struct Lanes<'a> {
    queue: Mutex<Queue<'a>>,
    changed: Condvar,
}

impl<'a> Lanes<'a> {
    fn of(parts: usize) -> Self {
        let queue = Queue {
            waiting: Vec::new(),
            preparing: parts,
            running: 0,
            tallies: vec![Tally::default(); parts],
        };
        Self { queue: Mutex::new(queue), changed: Condvar::new() }
    }

    fn queue(&self) -> MutexGuard<'_, Queue<'a>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The longest that waits, and what says that it has ended; none when all parts are known and none waits.
    fn next(&self) -> Option<(usize, Errand<'a>, Ended<'a, '_>)> {
        let mut queue = self.queue();
        loop {
            let alone = |at: usize| is_alone(&queue.waiting[at].1.name);
            let all = 0..queue.waiting.len();
            let beside =
                all.clone().filter(|at| !alone(*at)).max_by_key(|at| seconds(&queue.waiting[*at].1.name));
            let last = (queue.preparing == 0 && queue.running == 0).then(|| all.clone().next()).flatten();
            if let Some(taken) = beside.or(last) {
                queue.running += 1;
                let (part, errand) = queue.waiting.swap_remove(taken);
                return Some((part, errand, Ended(self)));
            }
            if queue.preparing == 0 && queue.waiting.is_empty() {
                return None;
            }
            queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Counts what came of an errand of the part, or of its preparation. What could not run is a failure of it, not the end
    /// of the others.
    fn count(&self, part: usize, what: &str, done: Result<Tally>) {
        let tally = done.unwrap_or_else(|error| {
            report::say(&format!("{what}: {error:#}"));
            Tally::one(false)
        });
        self.queue().tallies[part] += tally;
    }

    fn prepare(&self, number: usize, part: Part<'a>) {
        // Lanes that wait must not wait for ever for a part whose preparation panics.
        let _prepared = Prepared(self);
        match report::step(&format!("preparing {}", part.name), part.prepare) {
            Ok(errands) => {
                self.queue().waiting.extend(errands.into_iter().map(|errand| (number, errand)));
            }
            Err(error) => self.count(number, part.name, Err(error)),
        }
    }

    fn lane(&self, number: usize) {
        let lab = Lab::of_tests(number);
        let _down = DownAtEnd(lab.clone());
        while let Some((part, errand, _ended)) = self.next() {
            let mut said = String::new();
            let done = report::step(&errand.name, || {
                lab.down()?;
                (errand.run)(&lab, &mut said)
            });
            print!("{said}");
            self.count(part, &errand.name, done);
        }
    }
}

/// Says that a part is known, however its preparation ended.
struct Prepared<'a, 'b>(&'b Lanes<'a>);

impl Drop for Prepared<'_, '_> {
    fn drop(&mut self) {
        self.0.queue().preparing -= 1;
        self.0.changed.notify_all();
    }
}

/// Says that a lane has ended an errand, even by a panic: others may wait for that.
struct Ended<'a, 'b>(&'b Lanes<'a>);

impl Drop for Ended<'_, '_> {
    fn drop(&mut self) {
        self.0.queue().running -= 1;
        self.0.changed.notify_all();
    }
}

/// Runs them all, each as soon as it is ready and a lane is free, and gives what each part came to. What each errand prints
/// comes as one piece when it ends, so that lanes do not mix.
pub fn run(parts: Vec<Part<'_>>) -> Vec<(&'static str, Tally)> {
    let names: Vec<&'static str> = parts.iter().map(|part| part.name).collect();
    let lanes = Lanes::of(parts.len());
    let panicked = std::thread::scope(|scope| {
        let lanes = &lanes;
        let mut threads = Vec::new();
        for (number, part) in parts.into_iter().enumerate() {
            threads.push(scope.spawn(move || lanes.prepare(number, part)));
        }
        threads.extend((1..=LANES).map(|number| scope.spawn(move || lanes.lane(number))));
        threads.into_iter().map(ScopedJoinHandle::join).filter(Result::is_err).count()
    });
    let mut tallies = lanes.queue().tallies.clone();
    // What panicked ran something that cannot be trusted.
    for _ in 0..panicked {
        tallies[0] += Tally::one(false);
    }
    names.into_iter().zip(tallies).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::bail;

    #[test]
    fn the_longest_goes_first_by_its_whole_name() {
        assert_eq!(seconds("lab_interrupted_data-83bd34712449cf5b: 2 of console"), 920);
        assert_eq!(seconds("lab_interrupted-83bd34712449cf5b: 2 of console"), 432);
        assert_eq!(seconds("operations.test.mjs"), 680);
        assert_eq!(seconds("lab-0123: 1 of live"), 0);
    }

    fn part(named: &[&'static str]) -> Part<'static> {
        let errand =
            |name: &&str| Errand { name: (*name).to_owned(), run: Box::new(|_, _| bail!("not run")) };
        let errands: Vec<_> = named.iter().map(errand).collect();
        Part { name: "a part", prepare: Box::new(|| Ok(errands)) }
    }

    #[test]
    fn a_lane_waits_for_a_part_that_is_still_prepared_and_ends_when_nothing_can_come() {
        let lanes = Lanes::of(2);
        lanes.prepare(0, part(&["short", "lab_pitr-01"]));
        let taken = || lanes.next().map(|(part, errand, _ended)| (part, errand.name));
        assert_eq!(taken(), Some((0, "lab_pitr-01".to_owned())));
        assert_eq!(taken(), Some((0, "short".to_owned())));
        std::thread::scope(|scope| {
            let late = scope.spawn(taken);
            lanes.prepare(1, part(&["story.test.mjs"]));
            assert_eq!(late.join().unwrap(), Some((1, "story.test.mjs".to_owned())));
        });
        assert_eq!(taken(), None);
    }

    #[test]
    fn what_is_measured_runs_alone_and_last() {
        let lanes = Lanes::of(1);
        lanes.prepare(0, part(&["budget.test.mjs", "fleet.test.mjs", "story.test.mjs"]));
        let (_, story, ended) = lanes.next().unwrap();
        assert_eq!(story.name, "story.test.mjs");
        std::thread::scope(|scope| {
            let names = scope.spawn(|| {
                let taken = || lanes.next().map(|(_, errand, _ended)| (errand.name, lanes.queue().running));
                [taken(), taken(), taken()]
            });
            std::thread::sleep(std::time::Duration::from_millis(50));
            assert_eq!(lanes.queue().waiting.len(), 2, "they wait for what runs");
            drop(ended);
            let names = names.join().unwrap();
            assert_eq!(
                names.map(|name| name.map(|(name, running)| (name.len(), running))),
                [Some((15, 1)), Some((14, 1)), None]
            );
        });
    }

    #[test]
    fn what_cannot_be_prepared_is_one_failure_and_keeps_no_lane_waiting() {
        let lanes = Lanes::of(2);
        lanes.prepare(0, Part { name: "a part", prepare: Box::new(|| bail!("no root")) });
        let panics = Part { name: "a part", prepare: Box::new(|| panic!("a bug")) };
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| lanes.prepare(1, panics))).is_err());
        assert!(lanes.next().is_none());
        assert_eq!(lanes.queue().tallies[0], Tally::one(false));
    }
}
