//! What goes wrong between the console and real servers: keys, power, cables, broken connections, cancelled steps.
//!
//! `cargo xtask integration` builds this and runs it by `lab exec`. It works on nodes 12 and 13 only, and leaves them
//! running. Variables: LAB_DIR (keys), LAB_NET; those of lab/lab are passed on to it.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic and tell")]

mod job;
mod network;
mod rig;
mod shell;
mod sign_in;
