//! A plan's secrets and its digest.

use crate::{Action, Digest, Material, Plan, Play};
use paddock_inventory::{Inventory, Value, is_secret_name};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};

fn collect_secrets(name: &str, value: &Value, out: &mut BTreeMap<String, String>, path: &str) {
    match value {
        Value::Map(map) => {
            for (key, value) in &map.0 {
                let key = key.to_text();
                collect_secrets(&key, value, out, &format!("{path}/{key}"));
            }
        }
        Value::List(items) => {
            for (index, item) in items.iter().enumerate() {
                collect_secrets(name, item, out, &format!("{path}/{index}"));
            }
        }
        Value::Text(_) | Value::Int(_) if is_secret_name(name) => {
            let text = value.to_text();
            if text.chars().count() >= 4 {
                out.entry(text).or_insert_with(|| path.to_owned());
            }
        }
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Text(_) => {}
    }
}

/// Secret values by value, each with the name it goes by: inventory variables, extra vars, private keys.
fn named_secrets(inventory: &Inventory, material: &Material, plays: &[Play]) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    for host in inventory.hosts() {
        for (name, resolved) in inventory.vars(host).iter() {
            collect_secrets(name, &resolved.value, &mut out, name);
        }
    }
    for (name, default) in crate::params::DEFAULT_SECRETS {
        out.entry((*default).to_owned()).or_insert_with(|| (*name).to_owned());
    }
    let patches = plays.iter().filter_map(|play| match &play.action {
        Some(Action::EditConfig { patch }) => Some(&patch.0),
        Some(_) | None => None,
    });
    let given = plays.iter().map(|play| &play.extra_vars.0).chain(patches);
    for (key, value) in given.flatten() {
        collect_secrets(&key.to_text(), value, &mut out, &format!("-e {}", key.to_text()));
    }
    for (name, value) in
        material.0.iter().filter(|(name, _)| name.ends_with(".key") || name.ends_with(".ssh"))
    {
        out.insert(value.clone(), name.clone());
    }
    out
}

pub(crate) fn secrets(inventory: &Inventory, material: &Material, plays: &[Play]) -> BTreeSet<String> {
    named_secrets(inventory, material, plays).into_keys().collect()
}

/// Hashes what would run and what it does to the inventory, not how it was asked for: page, script and playbook form
/// of an operation are one plan.
pub(crate) fn digest(plan: &Plan, inventory: &Inventory, material: &Material) -> Digest {
    let shown = serde_json::json!({ "stages": plan.stages, "edits": plan.edits, "cluster": plan.cluster });
    let mut text = shown.to_string();
    // Certificates and keys stand for themselves by name: they differ between consoles, the plan does not.
    let mut names: Vec<(String, String)> =
        material.0.iter().map(|(name, value)| (value.clone(), format!("<{name}>"))).collect();
    names.extend(
        named_secrets(inventory, material, &plan.plays).into_iter().map(|(v, n)| (v, format!("<{n}>"))),
    );
    names.sort_by_key(|(value, _)| std::cmp::Reverse(value.len()));
    for (value, name) in names {
        let escaped = serde_json::to_string(&value).unwrap_or_default();
        let inner = escaped.trim_matches('"');
        if inner.len() >= 4 {
            text = text.replace(inner, &name);
        }
    }
    Digest(Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect())
}
