//! Inventory text to a typed model and back: lossless document, spans, resolution, findings, edits.
//!
//! The text is the truth: comments, order, quoting and spacing survive. Pure: no I/O, no clock.

mod document;
mod edit;
mod finding;
mod ids;
mod merge;
mod model;
mod pattern;
mod reach;
mod read;
mod secret_names;
mod splice;
mod typing;
mod validate;
mod value;
mod vars_text;
mod write;

pub use edit::{
    EditError, Item, ItemChange, Items, NewGroup, VarTarget, add_cluster, add_instance, change_item,
    remove_cluster, remove_instance, set_var, unset_var,
};
pub use finding::{Edit, Finding, Severity, render_findings};
pub use ids::{ClusterName, GroupName, InstanceId, InstanceRole, NameError, NodeAddr};
pub use merge::{Conflict, Hunk, diff, merge3};
pub use model::{Cluster, Group, Instance, Inventory, Level, Resolved, Span, Vars};
pub use pattern::{HostPattern, NamePattern, PatternError};
pub use reach::{ClusterLines, clusters_reached};
pub use secret_names::{MASK, is_secret_name, masked};
pub use value::{Map, Value};
pub use write::flow;
