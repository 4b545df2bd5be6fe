//! Inventory text to a typed model and back: lossless document, spans, resolution, findings, edits.
//!
//! The text is the truth: comments, order, quoting and spacing survive. Pure: no I/O, no clock.

mod ids;
mod model;
mod value;

pub use ids::{ClusterName, GroupName, InstanceId, InstanceRole, NameError, NodeAddr};
pub use model::{Cluster, Group, Instance, Inventory, Level, Resolved, Span, Vars};
pub use value::{Map, Value};
