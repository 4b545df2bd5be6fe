//! A job's lines of output, packed in memory so that a million of them are searched while a person types.
//!
//! It knows neither where events are stored nor who reads them.

mod lines;
mod needle;
mod stored;

pub use lines::{Lines, Wanted};
pub use stored::Unreadable;
