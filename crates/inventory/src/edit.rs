//! Edits: splices that touch only their lines, in the style of their neighbours.
//!
//! Each edit says what it means as a change of the values, re-reads its result, and refuses when the values are not
//! exactly that: nothing else may have changed, so a text is never broken and an alias never carries an edit elsewhere.

mod items;

pub use items::{Item, ItemChange, Items, change_item};

use crate::document::{self, Kind, Node};
use crate::splice::{self, Place};
use crate::typing;
use crate::write::{flow, scalar};
use crate::{ClusterName, InstanceRole, Inventory, Map, NodeAddr, Value};

/// A cluster to be added as a new group of its own name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewGroup {
    /// Group name and `pg_cluster`.
    pub name: ClusterName,
    /// Address, `pg_seq`, `pg_role`.
    pub instances: Vec<(NodeAddr, u32, InstanceRole)>,
    /// Further group vars.
    pub vars: Map,
}

/// Where a variable is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VarTarget {
    /// `all.vars`
    Global,
    /// A group's `vars`.
    Group(String),
    /// A host's entry in a group.
    Host(String, NodeAddr),
}

/// Why an edit was not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// The text cannot be read.
    #[error("the inventory is not readable as YAML; right that first")]
    Unreadable,
    /// What shall be added is there.
    #[error("`{0}` is already in the inventory")]
    Exists(String),
    /// What shall be changed is not there.
    #[error("`{0}` is not in the inventory")]
    Missing(String),
    /// The place has a shape that cannot be edited safely.
    #[error("cannot edit {place} safely: {why}; edit the text by hand")]
    Shape {
        /// Where.
        place: String,
        /// Why.
        why: String,
    },
}

/// Adds a cluster as the last group under `all.children`.
pub fn add_cluster(inventory: &Inventory, new: &NewGroup) -> Result<String, EditError> {
    let text = inventory.text();
    let root = document::parse(text).map_err(|_| EditError::Unreadable)?;
    if inventory.cluster(&new.name).is_some() || inventory.group(new.name.as_str()).is_some() {
        return Err(EditError::Exists(new.name.to_string()));
    }
    let children = node(&root, &["all", "children"])?;
    let Kind::Map { entries, flow: false } = &children.kind else {
        return Err(shape("all.children", "it is not a block mapping"));
    };
    let (last_key, last_value) =
        entries.last().ok_or_else(|| EditError::Missing("all.children".to_owned()))?;
    let indent = splice::indent_of(text, last_key.span.start);
    // As deep as the groups that are there.
    let inner = entries.iter().filter_map(|(key, value)| {
        let (first, _) =
            value.entries().first().filter(|_| matches!(value.kind, Kind::Map { flow: false, .. }))?;
        splice::indent_of(text, first.span.start).checked_sub(splice::indent_of(text, key.span.start))
    });
    let width = inner.filter(|width| *width > 0).min().unwrap_or(2);
    let pad = |level: usize| " ".repeat(indent + width * level);
    let name = scalar(&Value::Text(new.name.to_string()));
    let mut lines = vec![String::new(), format!("{}{name}:", pad(0)), format!("{}hosts:", pad(1))];
    let mut hosts = Vec::new();
    for (addr, seq, role) in &new.instances {
        lines.push(format!("{}{addr}: {{ pg_seq: {seq}, pg_role: {role} }}", pad(2)));
        hosts.push((word(&addr.to_string()), instance(*seq, *role)));
    }
    lines.push(format!("{}vars:", pad(1)));
    lines.push(format!("{}pg_cluster: {name}", pad(2)));
    for (key, value) in &new.vars.0 {
        match value {
            Value::List(items) if !items.is_empty() => {
                lines.push(format!("{}{}:", pad(2), scalar(key)));
                lines.extend(items.iter().map(|item| format!("{}- {}", pad(3), flow(item))));
            }
            _ => lines.push(format!("{}{}: {}", pad(2), scalar(key), flow(value))),
        }
    }
    let eol = splice::line_end(text);
    let added: String = lines.iter().flat_map(|line| [eol, line]).collect();
    let at = splice::end_of_line(text, splice::end_of(text, last_key, last_value));
    let edited = format!("{}{added}{}", &text[..at], &text[at..]);
    let mut vars = vec![(word("pg_cluster"), word(new.name.as_str()))];
    vars.extend(new.vars.0.iter().cloned());
    let group = Map(vec![(word("hosts"), Value::Map(Map(hosts))), (word("vars"), Value::Map(Map(vars)))]);
    exactly(&root, edited, &["all", "children"], |children| {
        put(children, new.name.as_str(), Value::Map(group));
    })
}

/// Removes the group of a cluster. Comments around it and between groups stay.
pub fn remove_cluster(inventory: &Inventory, name: &ClusterName) -> Result<String, EditError> {
    let text = inventory.text();
    let root = document::parse(text).map_err(|_| EditError::Unreadable)?;
    let group = group_of(inventory, name)?;
    let children = node(&root, &["all", "children"])?;
    if children.entries().len() == 1 {
        return Err(shape(&group, "it is the only group"));
    }
    let edited = splice::cut(text, children, &group).map_err(|why| shape(&group, why))?;
    exactly(&root, edited, &["all", "children"], |children| take(children, &group))
}

/// Adds a host entry to the cluster's group, in the style of its neighbours.
pub fn add_instance(
    inventory: &Inventory,
    name: &ClusterName,
    addr: NodeAddr,
    seq: u32,
    role: InstanceRole,
) -> Result<String, EditError> {
    let text = inventory.text();
    let root = document::parse(text).map_err(|_| EditError::Unreadable)?;
    let group = group_of(inventory, name)?;
    let hosts = node(&root, &["all", "children", &group, "hosts"])?;
    let key = addr.to_string();
    let cluster = inventory.cluster(name).ok_or_else(|| EditError::Missing(name.to_string()))?;
    if hosts.own_entry(&key).is_some() || cluster.instances.iter().any(|known| known.addr == addr) {
        return Err(EditError::Exists(key));
    }
    if let Some(known) = cluster.instances.iter().find(|known| known.id.seq == seq) {
        return Err(EditError::Exists(known.id.to_string()));
    }
    let place = Place::Value(hosts);
    let written = format!("{{ pg_seq: {seq}, pg_role: {role} }}");
    let edited = splice::add(text, place, &key, &written).map_err(|why| shape(&group, why))?;
    let edited = exactly(&root, edited, &["all", "children", &group, "hosts"], |hosts| {
        put(hosts, &key, instance(seq, role));
    })?;
    let (after, _) = Inventory::read(edited.as_str());
    let joined = after.cluster(name).is_some_and(|c| c.instances.iter().any(|i| i.addr == addr));
    if joined { Ok(edited) } else { Err(shape(&group, "its hosts belong to the cluster each for itself")) }
}

/// Removes a host entry from the cluster's group.
pub fn remove_instance(
    inventory: &Inventory,
    name: &ClusterName,
    addr: NodeAddr,
) -> Result<String, EditError> {
    let text = inventory.text();
    let root = document::parse(text).map_err(|_| EditError::Unreadable)?;
    let group = group_of(inventory, name)?;
    let hosts = node(&root, &["all", "children", &group, "hosts"])?;
    let key = addr.to_string();
    if hosts.own_entry(&key).is_none() {
        return Err(EditError::Missing(key));
    }
    if hosts.entries().len() == 1 {
        return Err(shape(&key, "it is the last host; remove the cluster instead"));
    }
    let edited = splice::cut(text, hosts, &key).map_err(|why| shape(&key, why))?;
    exactly(&root, edited, &["all", "children", &group, "hosts"], |hosts| take(hosts, &key))
}

/// Sets a variable: replaces its value in place, or adds a line (or a flow entry) at the end of its mapping, which is
/// made when it is missing.
pub fn set_var(
    inventory: &Inventory,
    target: &VarTarget,
    name: &str,
    value: &Value,
) -> Result<String, EditError> {
    let text = inventory.text();
    let root = document::parse(text).map_err(|_| EditError::Unreadable)?;
    let path = path_of(&root, target)?;
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let shown = path.join(".");
    let written = flow(value);
    let key = scalar(&word(name));
    let edited = match node(&root, &path).ok() {
        Some(map) => match map.own_entry(name) {
            Some((key, old)) => splice::replace(text, key, old, &written),
            None => splice::add(text, place_of(&root, &path, map)?, &key, &written),
        },
        None => {
            let (last, parent) = path.split_last().ok_or_else(|| EditError::Missing(shown.clone()))?;
            let map = node(&root, parent)?;
            splice::add(text, place_of(&root, parent, map)?, last, &format!("{{ {key}: {written} }}"))
        }
    };
    let edited = edited.map_err(|why| shape(&shown, why))?;
    exactly(&root, edited, &path, |map| put(map, name, value.clone()))
}

/// Removes a variable. The last one of a mapping leaves `{}` behind; one that is not there needs no edit.
pub fn unset_var(inventory: &Inventory, target: &VarTarget, name: &str) -> Result<String, EditError> {
    let text = inventory.text();
    let root = document::parse(text).map_err(|_| EditError::Unreadable)?;
    let path = path_of(&root, target)?;
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let shown = path.join(".");
    let Ok(map) = node(&root, &path) else { return Ok(text.to_owned()) };
    let Some((key, value)) = map.own_entry(name) else { return Ok(text.to_owned()) };
    let edited = if map.entries().len() == 1 {
        splice::empty(text, map, key, value)
    } else {
        splice::cut(text, map, name)
    };
    let edited = edited.map_err(|why| shape(&shown, why))?;
    exactly(&root, edited, &path, |map| take(map, name))
}

fn shape(place: &str, why: impl Into<String>) -> EditError {
    EditError::Shape { place: format!("`{place}`"), why: why.into() }
}

fn word(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn instance(seq: u32, role: InstanceRole) -> Value {
    Value::Map(Map(vec![(word("pg_seq"), Value::Int(seq.into())), (word("pg_role"), word(role.as_str()))]))
}

fn node<'a>(root: &'a Node, path: &[&str]) -> Result<&'a Node, EditError> {
    let found = path.iter().try_fold(root, |node, key| node.get(key));
    found.ok_or_else(|| EditError::Missing(path.join(".")))
}

/// A mapping, or the null value that stands where one may be written.
fn place_of<'a>(root: &'a Node, path: &[&str], map: &'a Node) -> Result<Place<'a>, EditError> {
    if !map.is_null() {
        return Ok(Place::Value(map));
    }
    let (last, parent) = path.split_last().ok_or_else(|| EditError::Missing(path.join(".")))?;
    let entry = node(root, parent)?.own_entry(last);
    entry.map(|(key, value)| Place::Null(key, value)).ok_or_else(|| EditError::Missing(path.join(".")))
}

fn path_of(root: &Node, target: &VarTarget) -> Result<Vec<String>, EditError> {
    let path: Vec<String> = match target {
        VarTarget::Global => ["all", "vars"].map(str::to_owned).into(),
        VarTarget::Group(group) => ["all", "children", group, "vars"].map(str::to_owned).into(),
        VarTarget::Host(group, addr) => {
            ["all", "children", group, "hosts", &addr.to_string()].map(str::to_owned).into()
        }
    };
    // What carries the variables must be there; their mapping itself may still be missing.
    let needed = if matches!(target, VarTarget::Host(..)) { path.len() } else { path.len() - 1 };
    let needed: Vec<&str> = path.iter().take(needed).map(String::as_str).collect();
    node(root, &needed)?;
    Ok(path)
}

/// The one group that declares the cluster's hosts.
fn group_of(inventory: &Inventory, name: &ClusterName) -> Result<String, EditError> {
    let cluster = inventory.cluster(name).ok_or_else(|| EditError::Missing(name.to_string()))?;
    let [group] = cluster.groups.as_slice() else {
        return Err(shape(name.as_str(), "it spans several groups"));
    };
    let others = inventory.clusters().values().filter(|other| other.groups.contains(group)).count();
    if others > 1 {
        return Err(shape(&group.0, "its group holds several clusters"));
    }
    Ok(group.0.clone())
}

/// Gives the edited text when its values are those of before with this one change, and refuses it otherwise.
fn exactly(
    before: &Node,
    edited: String,
    path: &[&str],
    change: impl FnOnce(&mut Map),
) -> Result<String, EditError> {
    exactly_there(before, edited, path, |place| {
        if !matches!(place, Value::Map(_)) {
            *place = Value::Map(Map::default());
        }
        if let Value::Map(map) = place {
            change(map);
        }
    })
}

/// The same for the value at the path, whatever it is; null where nothing is.
fn exactly_there(
    before: &Node,
    edited: String,
    path: &[&str],
    change: impl FnOnce(&mut Value),
) -> Result<String, EditError> {
    let mut meant = typing::value(before);
    let mut place = Some(&mut meant);
    for key in path {
        place = place.and_then(|value| child(value, key));
    }
    if let Some(place) = place {
        change(place);
    }
    let read = document::parse(&edited).ok().map(|root| typing::value(&root));
    if read.is_some_and(|read| same(&read, &meant)) {
        Ok(edited)
    } else {
        Err(shape(&path.join("."), "the edited text would not read as meant"))
    }
}

/// The value of a key; a key that is missing is made, and a mapping for it where there is nothing.
fn child<'a>(value: &'a mut Value, key: &str) -> Option<&'a mut Value> {
    if matches!(value, Value::Null) {
        *value = Value::Map(Map::default());
    }
    let Value::Map(map) = value else { return None };
    let at = map.0.iter().position(|(known, _)| known.to_text() == key);
    let at = at.unwrap_or_else(|| {
        map.0.push((word(key), Value::Null));
        map.0.len() - 1
    });
    map.0.get_mut(at).map(|(_, value)| value)
}

fn put(map: &mut Map, key: &str, value: Value) {
    match map.0.iter_mut().find(|(known, _)| known.to_text() == key) {
        Some(slot) => slot.1 = value,
        None => map.0.push((word(key), value)),
    }
}

fn take(map: &mut Map, key: &str) {
    map.0.retain(|(known, _)| known.to_text() != key);
}

/// Equal but for the order of keys. A number that is not one equals itself here.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Map(a), Value::Map(b)) => {
            a.0.len() == b.0.len()
                && a.0.iter().zip(&b.0).all(|((key, value), (other_key, other))| {
                    if key == other_key {
                        return same(value, other);
                    }
                    b.0.iter().find(|(other, _)| other == key).is_some_and(|(_, other)| same(value, other))
                })
        }
        (Value::List(a), Value::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Float(a), Value::Float(b)) => a.to_bits() == b.to_bits() || a == b,
        _ => a == b,
    }
}
