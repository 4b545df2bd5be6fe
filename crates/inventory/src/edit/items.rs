//! Lists of mappings (users, databases, services, HBA rules): one item of them at a time.
//!
//! Only what changes is touched: other items, other keys of the item and every comment keep their bytes.

use super::{EditError, VarTarget, exactly_there, node, path_of, place_of, put, shape, take};
use crate::document::{self, Kind, Node};
use crate::splice::{self, list};
use crate::typing;
use crate::write::{flow, scalar};
use crate::{Inventory, Map, Span, Value};

/// A change of one item of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ItemChange {
    /// One more at the end; the list is made when it is missing.
    Add(Map),
    /// Keys of the item at this place, from 0: their new values, or none where the key goes.
    Set(usize, Vec<(String, Option<Value>)>),
    /// Without the item at this place, from 0. The last one leaves `[]` behind.
    Remove(usize),
}

/// One item as it is written.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// Where it stands.
    pub span: Span,
    /// The line of its last character, from 1.
    pub last_line: u32,
    /// What it says.
    pub value: Value,
    /// Why it cannot be edited alone, if so.
    pub shared: Option<String>,
}

/// The lists of a text, read once.
#[derive(Debug)]
pub struct Items<'a> {
    text: &'a str,
    root: Node,
}

impl<'a> Items<'a> {
    /// None when the text cannot be read.
    pub fn read(inventory: &'a Inventory) -> Option<Self> {
        let text = inventory.text();
        Some(Self { text, root: document::parse(text).ok()? })
    }

    /// The items of a list that is set at this place itself, in the order of the text; none when it is not set there or is
    /// no list.
    pub fn of(&self, target: &VarTarget, name: &str) -> Option<Vec<Item>> {
        let path = path_of(&self.root, target).ok()?;
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let list = node(&self.root, &path).ok()?.get(name)?;
        let Kind::List { items, .. } = &list.kind else { return None };
        let item = |item: &Node| {
            let covered = self.text.get(item.span.start..item.span.end).unwrap_or_default();
            let further = covered.trim_end().matches('\n').count();
            Item {
                span: item.span,
                last_line: item.span.line.saturating_add(u32::try_from(further).unwrap_or(0)),
                value: typing::value(item),
                shared: alias(list, item)
                    .or_else(|| alias(item, item.entries().first().map_or(item, |e| &e.0))),
            }
        };
        Some(items.iter().map(item).collect())
    }
}

/// Makes one change of one item of the list `name` where the target sets it.
///
/// Refuses, with the place, what an alias, an anchor or a merge key shares with other places, and what would lose a
/// comment.
pub fn change_item(
    inventory: &Inventory,
    target: &VarTarget,
    name: &str,
    change: &ItemChange,
) -> Result<String, EditError> {
    let text = inventory.text();
    let root = document::parse(text).map_err(|_| EditError::Unreadable)?;
    let path = path_of(&root, target)?;
    let mut path: Vec<&str> = path.iter().map(String::as_str).collect();
    let shown = format!("{}.{name}", path.join("."));
    let edited = match change {
        ItemChange::Add(item) => added(text, &root, &path, name, item),
        ItemChange::Set(at, keys) => set(text, target, name, *at, keys),
        ItemChange::Remove(at) => {
            let (key, list) = written(&root, &path, name)?;
            let item = item_of(list, *at)?;
            let cut = alias(list, item).map_or_else(|| list::cut_item(text, key, list, *at), Err);
            cut.map_err(|why| shape(&shown, why))
        }
    }?;
    let anchor = anchored(&root, &path, name, text);
    path.push(name);
    let exact = exactly_there(&root, edited, &path, |value| meant(value, change));
    exact.map_err(|error| anchor.map_or(error, |why| shape(&shown, why)))
}

/// What the change means for the list's value.
fn meant(value: &mut Value, change: &ItemChange) {
    if !matches!(value, Value::List(_)) {
        *value = Value::List(Vec::new());
    }
    let Value::List(items) = value else { return };
    match change {
        ItemChange::Add(item) => items.push(Value::Map(item.clone())),
        ItemChange::Remove(at) if *at < items.len() => drop(items.remove(*at)),
        ItemChange::Remove(_) => {}
        ItemChange::Set(at, keys) => {
            let Some(Value::Map(map)) = items.get_mut(*at) else { return };
            for (key, value) in keys {
                match value {
                    Some(value) => put(map, key, value.clone()),
                    None => take(map, key),
                }
            }
        }
    }
}

fn added(text: &str, root: &Node, path: &[&str], name: &str, item: &Map) -> Result<String, EditError> {
    let shown = format!("{}.{name}", path.join("."));
    let fail = |why: String| shape(&shown, why);
    let line = flow(&Value::Map(item.clone()));
    let Ok(vars) = node(root, path) else {
        // Not even the mapping is there: it is made as setting any variable makes it.
        let (last, parent) = path.split_last().ok_or_else(|| EditError::Missing(shown.clone()))?;
        let owner = node(root, parent)?;
        let written = format!("{{ {}: [{line}] }}", scalar(&Value::Text(name.to_owned())));
        return splice::add(text, place_of(root, parent, owner)?, last, &written).map_err(fail);
    };
    let width = match &vars.kind {
        Kind::Map { entries, flow: false } => Some(width(text, entries)),
        Kind::Map { .. } | Kind::List { .. } | Kind::Scalar { .. } => None,
    };
    match vars.get(name) {
        None => {
            let place = place_of(root, path, vars)?;
            let key = scalar(&Value::Text(name.to_owned()));
            let written = match (width, vars.entries().last()) {
                (Some(width), Some((last, _))) => list::first_line(text, last, width, &line),
                (Some(_) | None, _) => format!("[{line}]"),
            };
            splice::add(text, place, &key, &written).map_err(fail)
        }
        Some(_) => {
            let (key, list) = written(root, path, name)?;
            match &list.kind {
                Kind::List { items, .. } if items.is_empty() => list::begin(text, key, list, width, item),
                Kind::List { items, .. } => match items.last().and_then(|last| alias(list, last)) {
                    Some(why) => Err(why),
                    None => list::push(text, list, item),
                },
                Kind::Scalar { .. } if list.is_null() => list::begin(text, key, list, width, item),
                Kind::Scalar { .. } | Kind::Map { .. } => Err("it is not a list".to_owned()),
            }
            .map_err(fail)
        }
    }
}

/// How much deeper than their keys the lists of a block mapping begin.
fn width(text: &str, entries: &[(Node, Node)]) -> usize {
    let deeper = |(key, value): &(Node, Node)| {
        let Kind::List { items, flow: false } = &value.kind else { return None };
        let first = items.first().filter(|first| first.span.start > key.span.start)?;
        splice::indent_of(text, first.span.start).checked_sub(splice::indent_of(text, key.span.start))
    };
    entries.iter().find_map(deeper).unwrap_or(2)
}

/// Key by key; each on the text that the one before has left.
fn set(
    text: &str,
    target: &VarTarget,
    name: &str,
    at: usize,
    keys: &[(String, Option<Value>)],
) -> Result<String, EditError> {
    let mut edited = text.to_owned();
    for (key, value) in keys {
        let root = document::parse(&edited).map_err(|_| EditError::Unreadable)?;
        let path = path_of(&root, target)?;
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let shown = format!("{}.{name}", path.join("."));
        let (_, list) = written(&root, &path, name)?;
        let item = item_of(list, at)?;
        if let Some(why) = elsewhere(list, item) {
            return Err(shape(&shown, why));
        }
        let same = item.get(key).map(typing::value) == *value;
        edited = match value {
            _ if same => continue,
            Some(value) => list::set_key(&edited, item, key, value),
            None if item.own_entry(key).is_none() => Err(format!(
                "`{key}` is not written in the item; a merge key (`<<`) on line {} brings it",
                item.span.line
            )),
            None => list::unset_key(&edited, item, key),
        }
        .map_err(|why| shape(&shown, why))?;
    }
    Ok(edited)
}

/// The list's key and value where the mapping itself has them.
fn written<'a>(root: &'a Node, path: &[&str], name: &str) -> Result<&'a (Node, Node), EditError> {
    let shown = format!("{}.{name}", path.join("."));
    let vars = node(root, path)?;
    let Some(entry) = vars.own_entry(name) else {
        return Err(match vars.entry(name) {
            Some((_, list)) => shape(
                &shown,
                format!(
                    "a merge key (`<<`) brings it; it is written on line {}: edit it there",
                    list.span.line
                ),
            ),
            None => EditError::Missing(shown),
        });
    };
    match alias(vars, &entry.0) {
        Some(why) => Err(shape(&shown, why)),
        None => Ok(entry),
    }
}

fn item_of(list: &Node, at: usize) -> Result<&Node, EditError> {
    let items = match &list.kind {
        Kind::List { items, .. } => items.as_slice(),
        Kind::Scalar { .. } | Kind::Map { .. } => &[],
    };
    items.get(at).ok_or_else(|| EditError::Missing(format!("item {}", at + 1)))
}

/// Why an item cannot be edited where it stands: it, or the list, is an alias.
fn elsewhere(list: &Node, item: &Node) -> Option<String> {
    let inner = item.entries().first().map_or(item, |(key, _)| key);
    alias(list, item).or_else(|| alias(item, inner))
}

/// Why a part of a node is not its own: an alias stands in the text, and what it names is elsewhere.
fn alias(outer: &Node, inner: &Node) -> Option<String> {
    let inside = outer.span.start <= inner.span.start && inner.span.end <= outer.span.end;
    (!inside).then(|| {
        format!(
            "an alias (`*name`) on line {} stands for what is written on line {}: edit it there",
            outer.span.line, inner.span.line
        )
    })
}

/// The anchor through which others have a part of the list, or all of it.
fn anchored(root: &Node, path: &[&str], name: &str, text: &str) -> Option<String> {
    let (key, list) = node(root, path).ok()?.own_entry(name)?;
    let covered = text.get(key.span.end..list.span.end.max(key.span.end))?;
    let at = covered
        .match_indices('&')
        .map(|(at, _)| at)
        .find(|at| covered[..*at].ends_with([' ', '[', ',', '{']))?;
    let word: String = covered[at..].chars().take_while(|c| !c.is_whitespace()).collect();
    let line = key.span.line as usize + covered[..at].matches('\n').count();
    Some(format!("the anchor `{word}` on line {line} gives it to other places, too"))
}
