//! Tests that need nodes, two at a time: each mostly waits for its nodes, so one lab leaves a machine of two cores idle.

use crate::lab::{DownAtEnd, Lab};
use crate::report;
use crate::tally::Tally;
use anyhow::Result;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// How many labs run side by side; each is five nodes.
pub const LANES: usize = 2;

/// Tests on nodes of their own: a test binary, or a file of the browser's tests.
pub struct Errand<'a> {
    pub name: String,
    pub run: Run<'a>,
}

/// Runs tests on a lab that is down, and adds what they print to the text.
pub type Run<'a> = Box<dyn FnOnce(&Lab, &mut String) -> Result<Tally> + Send + 'a>;

/// The longest first, as measured: otherwise one lane ends with the longest while the other has nothing left to do.
const LONGEST: [&str; 12] = [
    "lab_interrupted_more",
    "lab_pitr",
    "lab_interrupted",
    "lab_operations",
    "operations",
    "trouble",
    "restore",
    "lab_repository",
    "lab_shapes",
    "faults",
    "lab_kills",
    "story",
];

/// Runs them all. What each prints comes as one piece when it ends, so that lanes do not mix.
pub fn run(mut errands: Vec<Errand<'_>>) -> Tally {
    let place = |errand: &Errand| LONGEST.iter().position(|name| errand.name.starts_with(name));
    errands.sort_by_key(|errand| place(errand).unwrap_or(LONGEST.len()));
    let waiting = Mutex::new(VecDeque::from(errands));
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    let lane = |number: usize| {
        let lab = Lab::of_tests(number);
        let _down = DownAtEnd(lab.clone());
        let mut total = Tally::default();
        while let Some(errand) = next() {
            let mut said = String::new();
            let done = report::step(&errand.name, || {
                lab.down()?;
                (errand.run)(&lab, &mut said)
            });
            print!("{said}");
            total += done.unwrap_or_else(|error| {
                report::say(&format!("{}: {error:#}", errand.name));
                Tally::one(false)
            });
        }
        total
    };
    std::thread::scope(|scope| {
        let lane = &lane;
        let lanes: Vec<_> = (1..=LANES).map(|number| scope.spawn(move || lane(number))).collect();
        lanes.into_iter().fold(Tally::default(), |mut total, lane| {
            // A lane that panicked ran something that cannot be trusted.
            total += lane.join().unwrap_or(Tally::one(false));
            total
        })
    })
}
