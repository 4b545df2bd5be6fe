//! Users and databases, wherever they are declared.

use super::fixes;
use crate::document::{Kind, Node};
use crate::read::typed;
use crate::{Finding, Value};
use std::collections::BTreeSet;

/// What a key of an entry may hold; null is unset for every one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kinds {
    Text,
    /// A text, or a number that reads as one.
    Word,
    Int,
    Bool,
    List,
    Map,
    /// A number or a text.
    Any,
}

use Kinds::{Any, Bool, Int, List, Map, Text, Word};

const USER: &[(&str, Kinds)] = &[
    ("name", Text),
    ("state", Text),
    ("password", Word),
    ("login", Bool),
    ("superuser", Bool),
    ("createdb", Bool),
    ("createrole", Bool),
    ("inherit", Bool),
    ("replication", Bool),
    ("bypassrls", Bool),
    ("connlimit", Int),
    ("expire_in", Int),
    ("expire_at", Any),
    ("comment", Word),
    ("roles", List),
    ("parameters", Map),
    ("pgbouncer", Bool),
    ("pool_mode", Text),
    ("pool_connlimit", Int),
];

const DATABASE: &[(&str, Kinds)] = &[
    ("name", Text),
    ("state", Text),
    ("owner", Text),
    ("template", Text),
    ("strategy", Text),
    ("encoding", Text),
    ("locale", Text),
    ("lc_collate", Text),
    ("lc_ctype", Text),
    ("locale_provider", Text),
    ("icu_locale", Text),
    ("icu_rules", Text),
    ("builtin_locale", Text),
    ("tablespace", Text),
    ("is_template", Bool),
    ("allowconn", Bool),
    ("revokeconn", Bool),
    ("connlimit", Int),
    ("baseline", Text),
    ("schemas", List),
    ("extensions", List),
    ("parameters", Map),
    ("comment", Word),
    ("pgbouncer", Bool),
    ("pool_auth_user", Text),
    ("pool_mode", Text),
    ("pool_size", Int),
    ("pool_size_min", Int),
    ("pool_reserve", Int),
    ("pool_connlimit", Int),
    ("register_datasource", Bool),
];

const STATES: &[&str] = &["create", "absent", "recreate"];
const POOL_MODES: &[&str] = &["transaction", "session", "statement"];

pub(super) fn check(vars: &Node, findings: &mut Vec<Finding>) {
    for (key, value) in vars.entries() {
        match key.text() {
            Some("pg_users") => users(value, true, findings),
            Some("pg_default_roles") => users(value, false, findings),
            Some("pg_databases") => databases(value, findings),
            Some(_) | None => {}
        }
    }
}

/// The mappings of a list; what is none of them is told.
pub(super) fn items<'a>(list: &'a Node, what: &str, findings: &mut Vec<Finding>) -> Vec<&'a Node> {
    let Kind::List { items, .. } = &list.kind else {
        if !list.is_null() {
            findings.push(
                Finding::error("list/not-a-list", list.span, format!("a list of {what}s was expected"))
                    .help("begin each entry with `- `, or write `[ … ]`"),
            );
        }
        return Vec::new();
    };
    let (good, bad): (Vec<&Node>, Vec<&Node>) = items.iter().partition(|item| item.is_map());
    for item in bad {
        findings.push(
            Finding::error("list/not-a-map", item.span, format!("a {what} is a mapping"))
                .help("write `{ key: value, … }`"),
        );
    }
    good
}

fn users(list: &Node, business: bool, findings: &mut Vec<Finding>) {
    let mut seen = BTreeSet::new();
    for item in items(list, "user", findings) {
        let name = named(item, "user", &mut seen, findings);
        keys(item, "user", USER, findings);
        let Some((name, node)) = name else { continue };
        // `${dbsu}` and its like stand in the default roles for the system users.
        if !is_user_name(&name) && (business || !name.starts_with("${")) {
            let message = format!("`{name}` is not a user name");
            findings.push(Finding::error("pgsql/bad-user-name", node.span, message).help(
                "begin with a lower-case letter or `_`; then letters, digits, `_ @ . -`; at most 63 bytes",
            ));
        }
        let is = |key: &str, wanted: &Value| item.get(key).is_some_and(|node| typed(node) == *wanted);
        let gone = is("state", &Value::Text("absent".to_owned())) || is("login", &Value::Bool(false));
        if business && !gone && item.get("password").is_none_or(Node::is_null) {
            let message = format!("user `{name}` has no `password`: it cannot log in over the network");
            findings.push(
                Finding::warning("list/no-password", node.span, message)
                    .help("add a `password`, or `login: false` for a role that only groups rights"),
            );
        }
    }
}

fn databases(list: &Node, findings: &mut Vec<Finding>) {
    let mut seen = BTreeSet::new();
    for item in items(list, "database", findings) {
        let name = named(item, "database", &mut seen, findings);
        keys(item, "database", DATABASE, findings);
        let state = item.get("state").and_then(Node::text);
        if let (Some((name, node)), Some("absent" | "recreate")) = (&name, state)
            && matches!(name.as_str(), "postgres" | "template0" | "template1")
        {
            let message = format!("database `{name}` cannot be dropped: PostgreSQL itself needs it");
            findings
                .push(Finding::error("list/system-database", node.span, message).help("remove its `state`"));
        }
    }
}

fn named<'a>(
    item: &'a Node,
    what: &str,
    seen: &mut BTreeSet<String>,
    findings: &mut Vec<Finding>,
) -> Option<(String, &'a Node)> {
    let node = item.get("name").filter(|name| name.text().is_some_and(|text| !text.is_empty()));
    let Some(node) = node else {
        findings.push(
            Finding::error("list/no-name", item.span, format!("this {what} has no `name`"))
                .help("add `name: …`"),
        );
        return None;
    };
    let name = node.text()?.to_owned();
    if !seen.insert(name.clone()) {
        let message = format!("{what} `{name}` is declared twice in this list");
        findings
            .push(Finding::error("list/duplicate-name", node.span, message).help("merge the two entries"));
    }
    Some((name, node))
}

fn keys(item: &Node, what: &str, known: &[(&str, Kinds)], findings: &mut Vec<Finding>) {
    for (key, node) in item.entries() {
        let name = key.text().unwrap_or("");
        if name == "<<" {
            continue;
        }
        let Some((_, kind)) = known.iter().find(|(known, _)| *known == name) else {
            findings.push(unknown_key(item, key, what, known.iter().map(|(known, _)| *known)));
            continue;
        };
        let value = typed(node);
        let good = match (kind, &value) {
            (_, Value::Null) | (Any, _) | (Text | Word, Value::Text(_)) => true,
            (Word, Value::Int(_) | Value::Float(_)) => true,
            (Int, value) => value.as_int().is_some(),
            (Bool, Value::Bool(_)) => true,
            // Ansible's bool filter takes these words.
            (Bool, Value::Text(text)) => {
                matches!(
                    text.to_lowercase().as_str(),
                    "true" | "false" | "yes" | "no" | "on" | "off" | "y" | "n" | "t" | "f"
                )
            }
            (Bool, Value::Int(number)) => matches!(number, 0 | 1),
            (List, Value::List(_)) | (Map, Value::Map(_)) => true,
            (Text | Word | Bool | List | Map, _) => false,
        };
        if !good {
            let wanted = match kind {
                Text | Word | Any => "a text (quote it)",
                Int => "a whole number",
                Bool => "true or false",
                List => "a list",
                Map => "a mapping",
            };
            let fix = match (kind, &value) {
                (Text | Word, Value::Int(_) | Value::Float(_) | Value::Bool(_)) => fixes::quote(node),
                (List, Value::Text(_)) => fixes::list_of(node),
                (Bool, Value::Text(text)) => {
                    let word = fixes::near(text, ["true", "false"]);
                    word.map(|word| fixes::write(node, &Value::Bool(word == "true")))
                }
                (Text | Word | Int | Bool | List | Map | Any, _) => None,
            };
            findings.push(
                Finding::error("list/bad-type", node.span, format!("`{name}` of a {what} is {wanted}"))
                    .help(format!("write {wanted}"))
                    .fix(fix),
            );
            continue;
        }
        let words = match name {
            "state" => STATES,
            "pool_mode" => POOL_MODES,
            _ => continue,
        };
        if let Value::Text(text) = &value
            && (!words.contains(&text.as_str()) || what == "user" && text == "recreate")
        {
            let words: Vec<&str> =
                words.iter().copied().filter(|word| what != "user" || *word != "recreate").collect();
            let message = format!("`{name}: {text}` of a {what} means nothing");
            findings.push(
                Finding::error("list/bad-word", node.span, message)
                    .help(format!("use {}", words.join(", ")))
                    .fix(fixes::respell(node, words)),
            );
        }
    }
}

/// A key of an item that means nothing, with the known one that it is near to.
pub(super) fn unknown_key<'a>(
    item: &Node,
    key: &Node,
    what: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Finding {
    let name = key.text().unwrap_or("…");
    Finding::warning("list/unknown-key", key.span, format!("`{name}` has no meaning in a {what}"))
        .help("look at its spelling; it is kept, and nothing comes of it")
        .fix(fixes::rename(item, key, known))
}

fn is_user_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    let first = bytes.next().is_some_and(|b| b.is_ascii_lowercase() || b == b'_');
    first
        && name.len() <= 63
        && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_@.-".contains(&b))
}
