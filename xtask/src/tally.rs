//! Counting what tests really said.

use std::fmt;
use std::ops::AddAssign;

/// How many passed and how many failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub passed: u32,
    pub failed: u32,
}

impl Tally {
    /// One check that passed or failed as a whole.
    pub fn one(passed: bool) -> Self {
        Self { passed: u32::from(passed), failed: u32::from(!passed) }
    }

    /// Whether something ran and nothing failed.
    pub fn is_green(self) -> bool {
        self.passed > 0 && self.failed == 0
    }

    /// Takes one line of output into account: libtest's result line, or a counter of Node's test runner.
    pub fn read(&mut self, line: &str) {
        if let Some((_, counts)) = line.split_once("test result: ") {
            self.passed += number_before(counts, " passed");
            self.failed += number_before(counts, " failed");
            return;
        }
        let mut words = line.trim_start_matches(['#', 'ℹ', ' ']).split_whitespace();
        if !line.starts_with(['#', 'ℹ']) {
            return;
        }
        let (Some(what), Some(number), None) = (words.next(), words.next(), words.next()) else { return };
        match (what, number.parse::<u32>()) {
            ("pass", Ok(count)) => self.passed += count,
            ("fail" | "cancelled", Ok(count)) => self.failed += count,
            _ => {}
        }
    }

    /// A runner that ended badly without naming a failed test (it did not compile, it was killed) failed once.
    pub fn ended(&mut self, well: bool) {
        if !well && self.failed == 0 {
            self.failed = 1;
        }
    }
}

fn number_before(text: &str, word: &str) -> u32 {
    let before = text.split(word).next().unwrap_or_default();
    before.rsplit(' ').next().and_then(|number| number.parse().ok()).unwrap_or_default()
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Tally {
        let mut tally = Tally::default();
        text.lines().for_each(|line| tally.read(line));
        tally
    }

    #[test]
    fn libtest_and_node_are_counted_and_other_lines_are_not() {
        let text = "running 3 tests\ntest a ... ok\n\
            test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
            test result: FAILED. 12 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out\n\
            ℹ tests 9\nℹ pass 7\nℹ fail 1\nℹ cancelled 1\n# pass 5\npass 100\nℹ pass the salt";
        assert_eq!(read(text), Tally { passed: 27, failed: 4 });
    }

    #[test]
    fn a_runner_that_dies_silently_counts_as_a_failure() {
        let mut tally = read("");
        tally.ended(false);
        assert_eq!(tally, Tally { passed: 0, failed: 1 });
        assert!(!read("").is_green());
    }
}
