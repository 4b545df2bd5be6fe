//! Notifications: what the audit log tells, told to those who do not look at the console.
//!
//! Each destination follows the log by itself and remembers how far it came, in the database: what happened while a
//! destination, or the console, was down is told afterwards, in order. A row that was delivered in the moment in which the
//! console died is delivered again: `id` says that it is the same.

mod mail;
mod send;
mod settings;
mod words;

pub(crate) use send::{Follower, delivered, failing};
pub use settings::{NotifyGiven, NotifySettings};
