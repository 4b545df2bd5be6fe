//! Edits: splices that touch only their lines, in the style of their neighbours.
//!
//! Each edit re-reads its result and refuses when anything else changed its meaning, so a text is never broken.

use crate::document::{self, Kind, Node};
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
    let children = root
        .get("all")
        .and_then(|all| all.get("children"))
        .ok_or_else(|| EditError::Missing("all.children".to_owned()))?;
    let Kind::Map { entries, flow: false } = &children.kind else {
        return Err(EditError::Shape {
            place: "all.children".into(),
            why: "it is not a block mapping".into(),
        });
    };
    let (last_key, last_value) =
        entries.last().ok_or_else(|| EditError::Missing("all.children".to_owned()))?;
    let indent = indent_of(text, last_key.span.start);
    let at = end_of_line(text, last_value.span.end.max(last_key.span.end));
    let eol = line_end(text);
    let width = entries.iter().map(|_| 2).next().unwrap_or(2);
    let pad = |level: usize| " ".repeat(indent + width * level);
    let mut lines = vec![String::new(), format!("{}{}:", pad(0), new.name), format!("{}hosts:", pad(1))];
    for (addr, seq, role) in &new.instances {
        lines.push(format!("{}{addr}: {{ pg_seq: {seq}, pg_role: {role} }}", pad(2)));
    }
    lines.push(format!("{}vars:", pad(1)));
    lines.push(format!("{}pg_cluster: {}", pad(2), new.name));
    for (key, value) in &new.vars.0 {
        match value {
            Value::List(items) if !items.is_empty() => {
                lines.push(format!("{}{}:", pad(2), scalar(key)));
                lines.extend(items.iter().map(|item| format!("{}- {}", pad(3), flow(item))));
            }
            _ => lines.push(format!("{}{}: {}", pad(2), scalar(key), flow(value))),
        }
    }
    let mut added = String::new();
    for line in lines {
        added.push_str(eol);
        added.push_str(&line);
    }
    let edited = format!("{}{added}{}", &text[..at], &text[at..]);
    verify(inventory, &edited, |after| {
        after.cluster(&new.name).is_some_and(|cluster| cluster.instances.len() == new.instances.len())
    })
}

/// Removes the group of a cluster with the comment lines directly above it that are indented like it.
pub fn remove_cluster(inventory: &Inventory, name: &ClusterName) -> Result<String, EditError> {
    let text = inventory.text();
    let root = document::parse(text).map_err(|_| EditError::Unreadable)?;
    let cluster = inventory.cluster(name).ok_or_else(|| EditError::Missing(name.to_string()))?;
    let [group] = cluster.groups.as_slice() else {
        return Err(EditError::Shape { place: name.to_string(), why: "it spans several groups".into() });
    };
    let children = root.get("all").and_then(|all| all.get("children"));
    let entry = children
        .and_then(|children| children.entry(&group.0))
        .ok_or_else(|| EditError::Missing(group.0.clone()))?;
    if children.is_some_and(|children| matches!(children.kind, Kind::Map { flow: true, .. })) {
        return Err(EditError::Shape {
            place: group.0.clone(),
            why: "its groups are written in one line".into(),
        });
    }
    let start = text[..entry.0.span.start].rfind('\n').map_or(0, |at| at + 1);
    let end = end_of_line(text, entry.1.span.end.max(entry.0.span.end));
    let end = text[end..].find('\n').map_or(text.len(), |at| end + at + 1);
    let edited = format!("{}{}", &text[..start], &text[end..]);
    verify(inventory, &edited, |after| after.cluster(name).is_none())
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
    let (hosts, _) = hosts_of(inventory, &root, name)?;
    let Kind::Map { entries, flow } = &hosts.kind else {
        return Err(EditError::Shape { place: name.to_string(), why: "its hosts are not a mapping".into() });
    };
    let (last_key, last_value) = entries.last().ok_or_else(|| EditError::Missing(name.to_string()))?;
    let entry = format!("{addr}: {{ pg_seq: {seq}, pg_role: {role} }}");
    let edited = if *flow {
        let at = last_value.span.end.max(last_key.span.end);
        format!("{} , {entry}{}", &text[..at], &text[at..]).replace("} , ", "}, ")
    } else {
        let at = end_of_line(text, last_value.span.end.max(last_key.span.end));
        let pad = " ".repeat(indent_of(text, last_key.span.start));
        format!("{}{}{pad}{entry}{}", &text[..at], line_end(text), &text[at..])
    };
    verify(inventory, &edited, |after| {
        after
            .cluster(name)
            .is_some_and(|cluster| cluster.instances.iter().any(|i| i.addr == addr && i.id.seq == seq))
    })
}

/// Removes a host entry from the cluster's group.
pub fn remove_instance(
    inventory: &Inventory,
    name: &ClusterName,
    addr: NodeAddr,
) -> Result<String, EditError> {
    let text = inventory.text();
    let root = document::parse(text).map_err(|_| EditError::Unreadable)?;
    let (hosts, _) = hosts_of(inventory, &root, name)?;
    let key = addr.to_string();
    let entry = hosts.entry(&key).ok_or_else(|| EditError::Missing(key.clone()))?;
    if hosts.entries().len() == 1 {
        return Err(EditError::Shape {
            place: key,
            why: "it is the last host; remove the cluster instead".into(),
        });
    }
    let edited = without_entry(text, hosts, entry);
    verify(inventory, &edited, |after| {
        after.cluster(name).is_some_and(|cluster| !cluster.instances.iter().any(|i| i.addr == addr))
    })
}

/// Removes a variable: its lines, or its entry in a flow mapping. A variable that is not there needs no edit.
pub fn unset_var(inventory: &Inventory, target: &VarTarget, name: &str) -> Result<String, EditError> {
    let text = inventory.text();
    let root = document::parse(text).map_err(|_| EditError::Unreadable)?;
    let (place, map) = place_of(&root, target);
    let map = map.filter(|map| map.is_map()).ok_or_else(|| EditError::Missing(place.clone()))?;
    let Some(entry) = map.entry(name) else { return Ok(text.to_owned()) };
    if map.entries().len() == 1 && !matches!(map.kind, Kind::Map { flow: true, .. }) {
        return Err(EditError::Shape { place, why: format!("`{name}` is all it holds") });
    }
    let edited = without_entry(text, map, entry);
    let (after, _) = Inventory::read(edited.as_str());
    if after.is_broken() || after.hosts() != inventory.hosts() {
        return Err(EditError::Shape { place, why: "the edited text would not read as meant".into() });
    }
    Ok(edited)
}

/// The text without one entry of a mapping: its whole lines, or in a flow mapping the entry with one comma.
fn without_entry(text: &str, map: &Node, entry: &(Node, Node)) -> String {
    let (key, value) = entry;
    let end = value.span.end.max(key.span.end);
    let (start, end) = if matches!(map.kind, Kind::Map { flow: true, .. }) {
        let after = &text[end..];
        let blank = after.len() - after.trim_start().len();
        if after[blank..].starts_with(',') {
            let rest = &after[blank + 1..];
            (key.span.start, end + blank + 1 + (rest.len() - rest.trim_start_matches(' ').len()))
        } else {
            let before = text[..key.span.start].trim_end();
            (before.strip_suffix(',').map_or(key.span.start, |kept| kept.trim_end().len()), end)
        }
    } else {
        let end = end_of_line(text, end);
        let start = text[..key.span.start].rfind('\n').map_or(0, |at| at + 1);
        (start, text[end..].find('\n').map_or(text.len(), |at| end + at + 1))
    };
    format!("{}{}", &text[..start], &text[end..])
}

/// The mapping of a target, and its name for people.
fn place_of<'a>(root: &'a Node, target: &VarTarget) -> (String, Option<&'a Node>) {
    let all = root.get("all");
    let group = |name: &str| all.and_then(|all| all.get("children")).and_then(|children| children.get(name));
    match target {
        VarTarget::Global => ("all.vars".to_owned(), all.and_then(|all| all.get("vars"))),
        VarTarget::Group(name) => (format!("{name}.vars"), group(name).and_then(|group| group.get("vars"))),
        VarTarget::Host(name, addr) => (
            addr.to_string(),
            group(name).and_then(|g| g.get("hosts")).and_then(|hosts| hosts.get(&addr.to_string())),
        ),
    }
}

/// Sets a scalar variable: replaces its value in place, or adds a line (or a flow entry) at the end of its mapping.
pub fn set_var(
    inventory: &Inventory,
    target: &VarTarget,
    name: &str,
    value: &Value,
) -> Result<String, EditError> {
    let text = inventory.text();
    let root = document::parse(text).map_err(|_| EditError::Unreadable)?;
    let (place, map) = place_of(&root, target);
    let map = map.filter(|map| map.is_map()).ok_or_else(|| EditError::Missing(place.clone()))?;
    let written = flow(value);
    let edited = if let Some((_, old)) = map.entry(name) {
        format!("{}{written}{}", &text[..old.span.start], &text[old.span.end..])
    } else {
        let Some((last_key, last_value)) = map.entries().last() else {
            return Err(EditError::Shape { place, why: "it is empty".into() });
        };
        let end = last_value.span.end.max(last_key.span.end);
        if matches!(map.kind, Kind::Map { flow: true, .. }) {
            format!("{}, {name}: {written}{}", &text[..end], &text[end..])
        } else {
            let pad = " ".repeat(indent_of(text, last_key.span.start));
            let at = end_of_line(text, end);
            format!("{}{}{pad}{name}: {written}{}", &text[..at], line_end(text), &text[at..])
        }
    };
    let (after, _) = Inventory::read(edited.as_str());
    if after.is_broken() || after.hosts() != inventory.hosts() {
        return Err(EditError::Shape { place, why: "the edited text would not read as meant".into() });
    }
    Ok(edited)
}

fn hosts_of<'a>(
    inventory: &Inventory,
    root: &'a Node,
    name: &ClusterName,
) -> Result<(&'a Node, String), EditError> {
    let cluster = inventory.cluster(name).ok_or_else(|| EditError::Missing(name.to_string()))?;
    let [group] = cluster.groups.as_slice() else {
        return Err(EditError::Shape { place: name.to_string(), why: "it spans several groups".into() });
    };
    let children = root.get("all").and_then(|all| all.get("children"));
    let hosts = children.and_then(|children| children.get(&group.0)).and_then(|group| group.get("hosts"));
    hosts.map(|hosts| (hosts, group.0.clone())).ok_or_else(|| EditError::Missing(group.0.clone()))
}

/// Refuses an edit whose result does not read as meant, or that changed another cluster.
fn verify(before: &Inventory, edited: &str, meant: impl Fn(&Inventory) -> bool) -> Result<String, EditError> {
    let (after, _) = Inventory::read(edited);
    let others = before.clusters().iter().all(|(name, cluster)| {
        let same = after.cluster(name).is_some_and(|now| {
            now.instances.len() == cluster.instances.len()
                && now.instances.iter().zip(&cluster.instances).all(|(a, b)| a.id == b.id && a.addr == b.addr)
        });
        same || !meant(before) && after.cluster(name).is_none_or(|now| now.instances != cluster.instances)
    });
    if after.is_broken() || !meant(&after) || !others {
        return Err(EditError::Shape {
            place: "the text".into(),
            why: "the edited text would not read as meant".into(),
        });
    }
    Ok(edited.to_owned())
}

fn indent_of(text: &str, at: usize) -> usize {
    let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    text[start..].chars().take_while(|c| *c == ' ').count()
}

/// The end of the line that `at` is in, before its line break.
fn end_of_line(text: &str, at: usize) -> usize {
    let end = text[at..].find('\n').map_or(text.len(), |newline| at + newline);
    if text[..end].ends_with('\r') && end > at { end - 1 } else { end }
}

fn line_end(text: &str) -> &'static str {
    if text.contains("\r\n") { "\r\n" } else { "\n" }
}

/// A value in flow style.
fn flow(value: &Value) -> String {
    match value {
        Value::List(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::Map(map) if map.0.is_empty() => "{}".to_owned(),
        Value::Map(map) => {
            let inner = map.0.iter().map(|(key, value)| format!("{}: {}", scalar(key), flow(value)));
            format!("{{ {} }}", inner.collect::<Vec<_>>().join(", "))
        }
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Text(_) => scalar(value),
    }
}

/// A scalar, quoted when a plain one would read as something else.
fn scalar(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(truth) => truth.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Float(number) => format!("{number:?}"),
        Value::Text(text) => {
            let safe = !text.is_empty()
                && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-./+$".contains(c))
                && !text.starts_with('-')
                && matches!(crate::typing::plain_scalar(text), Value::Text(_))
                && !crate::typing::looks_like_timestamp(text);
            if safe {
                text.clone()
            } else if text.chars().all(|c| !c.is_control()) {
                format!("'{}'", text.replace('\'', "''"))
            } else {
                let escaped: String = text
                    .chars()
                    .map(|c| match c {
                        '"' => "\\\"".to_owned(),
                        '\\' => "\\\\".to_owned(),
                        c if c.is_control() => format!("\\U{:08X}", u32::from(c)),
                        c => c.to_string(),
                    })
                    .collect();
                format!("\"{escaped}\"")
            }
        }
        Value::List(_) | Value::Map(_) => flow(value),
    }
}
