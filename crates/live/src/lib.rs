//! What is running now: Patroni's REST API and HAProxy's statistics, read through SSH channels.
//!
//! Nothing on the nodes is opened to the console for this. What cannot be read is said as unknown, with its reason.

mod config;
mod drift;
mod get;
mod haproxy;
mod health;
mod patroni;
mod read;
mod witness;

pub use config::{read_config, read_history};
pub use drift::{Close, Declared, Difference, drift};
pub use health::{LAG_BOUND_BYTES, judge};
pub use read::{Watch, read_cluster};
pub use witness::{Witness, last_leader};
