//! The typed model.

use crate::{ClusterName, GroupName, InstanceId, InstanceRole, Map, NodeAddr, Value};
use std::collections::BTreeMap;

/// Where something stands in the text. Lines and columns from 1, columns in characters; offsets in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Byte offset of the first character.
    pub start: usize,
    /// Byte offset after the last character.
    pub end: usize,
    /// Line of `start`.
    pub line: u32,
    /// Column of `start`.
    pub column: u32,
}

/// At which level a value was set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Level {
    /// Nowhere: the built-in default.
    Default,
    /// `all.vars`
    Global,
    /// A group's `vars`.
    Group(GroupName),
    /// The host's own vars, under this group.
    Host(GroupName),
    /// `-e`
    Extra,
}

/// A value and why it is that.
#[derive(Clone, Debug, PartialEq)]
pub struct Resolved {
    /// The value.
    pub value: Value,
    /// The level that won.
    pub level: Level,
    /// Where it is written; none for defaults and extra vars.
    pub span: Option<Span>,
}

/// The variables of one host after precedence.
#[derive(Clone, Debug, Default)]
pub struct Vars {
    pub(crate) values: BTreeMap<String, Resolved>,
}

/// One declared instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// Cluster and `pg_seq`.
    pub id: InstanceId,
    /// The node it lives on.
    pub addr: NodeAddr,
    /// `pg_role`.
    pub role: InstanceRole,
    /// Where the host entry is written.
    pub span: Span,
}

/// All hosts of the whole inventory whose resolved `pg_cluster` is the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// `pg_cluster`.
    pub name: ClusterName,
    /// The groups its hosts were found in, in document order.
    pub groups: Vec<GroupName>,
    /// By `pg_seq`.
    pub instances: Vec<Instance>,
}

/// A group of the inventory.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Its key under `children`.
    pub name: GroupName,
    /// Its hosts in document order.
    pub hosts: Vec<NodeAddr>,
    /// Its own `vars`.
    pub vars: Map,
    /// Where its entry is written.
    pub span: Span,
}

/// The declared world, as far as it can be read.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    pub(crate) text: String,
    pub(crate) groups: Vec<Group>,
    pub(crate) clusters: BTreeMap<ClusterName, Cluster>,
    pub(crate) vars: BTreeMap<NodeAddr, Vars>,
}

impl Vars {
    /// The value of a variable with its origin; none when nobody set it.
    pub fn get(&self, name: &str) -> Option<&Resolved> {
        self.values.get(name)
    }

    /// The value alone.
    pub fn value(&self, name: &str) -> Option<&Value> {
        self.values.get(name).map(|resolved| &resolved.value)
    }

    /// All variables by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Resolved)> {
        self.values.iter().map(|(name, resolved)| (name.as_str(), resolved))
    }
}
