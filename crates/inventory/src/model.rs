//! The typed model.

use crate::{ClusterName, GroupName, InstanceId, InstanceRole, Map, NodeAddr, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

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

/// Variables set at one place, by name.
pub(crate) type Layer = Arc<BTreeMap<String, Resolved>>;

/// The variables of one host after precedence. Layers are shared between hosts, so that 10,000 hosts
/// do not copy the global section 10,000 times.
#[derive(Clone, Debug, Default)]
pub struct Vars {
    /// Lowest precedence first.
    pub(crate) layers: Vec<Layer>,
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
    /// Its hosts in document order, ranges expanded.
    pub hosts: Vec<NodeAddr>,
    /// Groups nested under it.
    pub children: Vec<GroupName>,
    /// Its own `vars`.
    pub vars: Map,
    /// Where its name is written.
    pub key: Span,
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
    pub(crate) globals: Option<Layer>,
    pub(crate) broken: bool,
}

impl Vars {
    /// The value of a variable with its origin; none when nobody set it.
    pub fn get(&self, name: &str) -> Option<&Resolved> {
        self.layers.iter().rev().find_map(|layer| layer.get(name))
    }

    /// The value alone.
    pub fn value(&self, name: &str) -> Option<&Value> {
        self.get(name).map(|resolved| &resolved.value)
    }

    /// All variables by name, each with the value that wins.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Resolved)> {
        let names: BTreeSet<&str> =
            self.layers.iter().flat_map(|layer| layer.keys().map(String::as_str)).collect();
        names.into_iter().filter_map(|name| self.get(name).map(|resolved| (name, resolved)))
    }

    /// A text, or a number printed as text; none when unset or null.
    pub fn text(&self, name: &str) -> Option<String> {
        match self.value(name)? {
            Value::Null | Value::List(_) | Value::Map(_) => None,
            value @ (Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Text(_)) => {
                Some(value.to_text())
            }
        }
    }

    /// An integer, or a text of digits.
    pub fn int(&self, name: &str) -> Option<i64> {
        self.value(name)?.as_int()
    }

    /// A truth value, as Ansible's `bool` filter reads it.
    pub fn bool(&self, name: &str) -> Option<bool> {
        self.value(name)?.as_bool()
    }

    /// A list.
    pub fn list(&self, name: &str) -> Option<&[Value]> {
        match self.value(name)? {
            Value::List(items) => Some(items),
            Value::Null
            | Value::Bool(_)
            | Value::Int(_)
            | Value::Float(_)
            | Value::Text(_)
            | Value::Map(_) => None,
        }
    }

    /// A mapping.
    pub fn map(&self, name: &str) -> Option<&Map> {
        match self.value(name)? {
            Value::Map(map) => Some(map),
            Value::Null
            | Value::Bool(_)
            | Value::Int(_)
            | Value::Float(_)
            | Value::Text(_)
            | Value::List(_) => None,
        }
    }

    /// The same variables with extra vars above all.
    pub fn with_extra(&self, extra: &Map) -> Self {
        let layer = extra.0.iter().map(|(key, value)| {
            (key.to_text(), Resolved { value: value.clone(), level: Level::Extra, span: None })
        });
        let mut layers = self.layers.clone();
        layers.push(Arc::new(layer.collect()));
        Self { layers }
    }
}
