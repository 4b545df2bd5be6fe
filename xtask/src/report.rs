//! Progress lines: what is being done, since when, how long it took.

use anyhow::Result;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

fn since_start() -> Duration {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed()
}

/// One line with the time since the command began.
pub fn say(text: &str) {
    println!("[{:6.1} s] {text}", since_start().as_secs_f64());
}

/// Says what begins, does it, says how long it took.
pub fn step<T>(what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    say(&format!("{what} …"));
    let began = Instant::now();
    let done = work();
    let took = began.elapsed().as_secs_f64();
    match &done {
        Ok(_) => say(&format!("{what}: done in {took:.1} s")),
        Err(_) => say(&format!("{what}: failed after {took:.1} s")),
    }
    done
}
