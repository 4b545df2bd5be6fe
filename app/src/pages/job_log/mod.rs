//! A job's output on its page: what is wanted of it, the rows that are here, and those in sight.
//!
//! Only what is near the lines in sight is in the browser; how many lines a filter takes, and all others, the console knows.

mod bar;
mod line;
mod log;
mod pane;
mod scroll;
mod sheet;

pub use log::{Address, Log};
pub use pane::LogPane;
