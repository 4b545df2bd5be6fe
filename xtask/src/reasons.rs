//! Why tests failed, in few lines, said once more at the very end: what a test on nodes prints is thousands of lines long,
//! and a log that is cut off ends before its reason.

use std::mem;
use std::sync::{Mutex, PoisonError};

/// Longest part of a line that is kept, in characters.
const WIDTH: usize = 400;
/// Lines kept after a panic, and after the heading of Node's list of failures.
const AFTER: (usize, usize) = (4, 24);

static KEPT: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Picks the lines that say why from a test program's output.
#[derive(Debug, Default)]
pub struct Reasons {
    lines: Vec<String>,
    more: usize,
}

impl Reasons {
    /// Takes one line of output into account.
    pub fn read(&mut self, line: &str) {
        if line.contains(" panicked at ") {
            self.more = AFTER.0;
        } else if line.contains("failing tests:") {
            self.more = AFTER.1;
        } else if line.starts_with("  left: ") || line.starts_with(" right: ") {
            // A message of many lines stands between these and the panic's first line.
            self.more = self.more.max(1);
        }
        if self.more > 0 && !line.trim().is_empty() {
            self.more -= 1;
            self.lines.push(line.chars().take(WIDTH).collect());
        }
    }

    /// Keeps them for the end.
    pub fn keep(self) {
        KEPT.lock().unwrap_or_else(PoisonError::into_inner).extend(self.lines);
    }
}

/// What was kept, once.
pub fn take() -> Vec<String> {
    mem::take(&mut *KEPT.lock().unwrap_or_else(PoisonError::into_inner))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_and_its_comparison_are_picked_from_a_long_message() {
        let mut reasons = Reasons::default();
        let text = "running 1 test\n\nthread 'a' (7) panicked at a.rs:1:2:\nassertion failed: one\ntwo\nthree\nfour\nfive\n  left: 1\n right: 2\nstack\n";
        text.lines().for_each(|line| reasons.read(line));
        assert_eq!(
            reasons.lines,
            [
                "thread 'a' (7) panicked at a.rs:1:2:",
                "assertion failed: one",
                "two",
                "three",
                "  left: 1",
                " right: 2"
            ]
        );
    }

    #[test]
    fn node_s_list_of_failures_is_kept() {
        let mut reasons = Reasons::default();
        "✔ fine\n✖ failing tests:\n\n✖ one (3ms)\n  Error: why\n".lines().for_each(|line| reasons.read(line));
        assert_eq!(reasons.lines, ["✖ failing tests:", "✖ one (3ms)", "  Error: why"]);
    }
}
