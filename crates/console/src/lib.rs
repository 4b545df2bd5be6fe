//! Use cases: sign-in, inventory, plans, jobs, live view. The one place that decides who may do what.
//!
//! Nothing below this crate knows who is signed in; nothing above it decides.

mod console;

pub use console::{Actor, Console, EventFeed, PersonRole, Settings, TopologyFeed};
