//! The dynamic configuration of a running cluster: read from a member, changed by a plan whose patch is made here.

use crate::clock::now_us;
use crate::offers::offer;
use crate::policy::{Action, Target};
use crate::problems::{from_refusal, internal, problem};
use crate::{Actor, Console};
use paddock_events::{ClusterConfig, ConfigChange, ConfigPreview, Problem, ProblemKind};
use paddock_inventory::{ClusterName, Map, is_secret_name};
use paddock_playbooks::{Action as Asked, Intent, Operation};
use serde_json::{Map as Object, Value};
use std::fmt::Write as _;

impl Console {
    /// The dynamic configuration, as a member that lives gives it.
    pub async fn cluster_config(&self, actor: &Actor, name: &str) -> Result<ClusterConfig, Problem> {
        self.gate(actor, Action::See, Target::Cluster(name), format!("cluster {name}")).await?;
        let (seen_from, config) = self.read_config(name).await?;
        Ok(ClusterConfig { seen_from, at_us: now_us(), yaml: yaml(&masked(config)) })
    }

    /// What a change would make of it, and the operation that makes the change. Nothing is changed.
    pub async fn preview_config(
        &self,
        actor: &Actor,
        name: &str,
        change: ConfigChange,
    ) -> Result<ConfigPreview, Problem> {
        self.gate(actor, Action::Plan, Target::Cluster(name), format!("cluster {name}")).await?;
        let (_, name) = self.declared(name).await?;
        let patch = patch_of(&name, &change)?;
        let (_, before) = self.read_config(name.as_str()).await?;
        let mut after = before.clone();
        merge_patch(&mut after, &patch);
        let offer =
            offer("edit-config", &["pg", "edit-config", name.as_str(), "--apply", &patch.to_string()]);
        let offer = offer.ok_or_else(|| bad_change("the planner does not take it"))?;
        Ok(ConfigPreview { before: yaml(&masked(before)), after: yaml(&masked(after)), offer })
    }

    async fn read_config(&self, name: &str) -> Result<(String, Value), Problem> {
        let (current, name) = self.declared(name).await?;
        let targets = self.targets(&current.inventory);
        let read = paddock_live::read_config(&self.inner.pool, &targets, &current.inventory, &name);
        read.await.map_err(|why| {
            problem(
                "cluster/no-config",
                ProblemKind::World,
                format!("the configuration of {name} cannot be read"),
                why,
                "create the cluster, or start Patroni on one of its members",
            )
        })
    }
}

fn bad_change(why: impl Into<String>) -> Problem {
    problem(
        "config/bad-change",
        ProblemKind::Request,
        "the change was not understood",
        why,
        "write parameters as name and value, or a mapping in YAML or JSON",
    )
}

/// Parameters and free mapping as one patch. Values of parameters are read as `pg edit-config -p` reads them.
fn patch_of(cluster: &ClusterName, change: &ConfigChange) -> Result<Value, Problem> {
    let mut words = ["pg", "edit-config", cluster.as_str()].map(str::to_owned).to_vec();
    for (parameter, value) in &change.parameters {
        let (parameter, value) = (parameter.trim(), value.trim());
        if parameter.is_empty() && value.is_empty() {
            continue;
        }
        let good = |c: char| c.is_ascii_alphanumeric() || "_.".contains(c);
        if parameter.is_empty() || !parameter.chars().all(good) {
            return Err(bad_change(format!("`{parameter}` is not the name of a parameter")));
        }
        words.extend(["-p".to_owned(), format!("{parameter}={value}")]);
    }
    let json =
        |map: &Map| serde_json::to_value(map).map_err(|error| internal("the change cannot be kept", &error));
    let free = Map::read(&change.patch).map_err(bad_change)?;
    let mut patch = json(&free)?;
    if words.len() > 3 {
        let intent = Intent::parse(&words).map_err(from_refusal)?;
        if let Operation::Patroni { action: Asked::EditConfig { patch: parameters }, .. } = &intent.operation
        {
            join(&mut patch, json(parameters)?);
        }
    }
    if patch.as_object().is_none_or(Object::is_empty) {
        return Err(bad_change("nothing is changed"));
    }
    Ok(patch)
}

/// Two patches as one; the second one wins. Unlike merging into a configuration, `null` stays: it still has to delete.
fn join(into: &mut Value, more: Value) {
    match (into, more) {
        (Value::Object(into), Value::Object(more)) => {
            for (key, value) in more {
                join(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, more) => *into = more,
    }
}

/// As Patroni merges a PATCH: mappings deep, `null` deletes, all else replaces.
fn merge_patch(config: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *config = patch.clone();
        return;
    };
    if !config.is_object() {
        *config = Value::Object(Object::new());
    }
    let Value::Object(config) = config else { return };
    for (key, value) in patch {
        if value.is_null() {
            config.remove(key);
        } else {
            merge_patch(config.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}

/// Without values that are passwords by their key.
fn masked(mut value: Value) -> Value {
    if let Value::Object(map) = &mut value {
        for (key, value) in map.iter_mut() {
            // A connection string may hold a password.
            let secret = is_secret_name(key) || key.to_lowercase().contains("conninfo");
            *value = match value.take() {
                Value::String(_) if secret => Value::String("********".into()),
                value => masked(value),
            };
        }
    }
    value
}

/// Block YAML, keys in order of the alphabet.
fn yaml(value: &Value) -> String {
    let mut out = String::new();
    block(value, 0, &mut out);
    out
}

fn block(value: &Value, indent: usize, out: &mut String) {
    let pad = " ".repeat(indent);
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                // Writing to a String cannot fail.
                write!(out, "{pad}{}:", scalar(&Value::String(key.clone()))).ok();
                nested(value, indent + 2, out);
            }
        }
        Value::Array(items) => {
            for item in items {
                write!(out, "{pad}-").ok();
                nested(item, indent + 2, out);
            }
        }
        value => writeln!(out, "{pad}{}", scalar(value)).unwrap_or(()),
    }
}

fn nested(value: &Value, indent: usize, out: &mut String) {
    let empty =
        value.as_object().is_some_and(Object::is_empty) || value.as_array().is_some_and(Vec::is_empty);
    if empty || !(value.is_object() || value.is_array()) {
        writeln!(out, " {}", scalar(value)).ok();
    } else {
        out.push('\n');
        block(value, indent, out);
    }
}

/// A scalar (or an empty collection) on its line; a text that YAML would read as something else is quoted.
fn scalar(value: &Value) -> String {
    let Value::String(text) = value else { return value.to_string() };
    let reads_as_text = Map::read(&format!("k: {text}\n"))
        .is_ok_and(|map| map.get("k").and_then(paddock_inventory::Value::as_str) == Some(text.as_str()));
    if reads_as_text && !text.contains('\n') { text.clone() } else { value.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn change(parameters: &[(&str, &str)], patch: &str) -> Result<Value, Problem> {
        let parameters = parameters.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        patch_of(&"pg-test".parse().unwrap(), &ConfigChange { parameters, patch: patch.into() })
    }

    #[test]
    fn parameters_and_a_free_mapping_become_one_patch() {
        let patch = change(
            &[("max_connections", "300"), ("work_mem", "64MB"), ("log_lock_waits", "on"), ("", "")],
            "ttl: 40\npostgresql: { parameters: { work_mem: 1MB, old: null } }",
        );
        assert_eq!(
            patch.unwrap(),
            json!({"ttl": 40, "postgresql": {"parameters":
                {"max_connections": 300, "work_mem": "64MB", "log_lock_waits": true, "old": null}}})
        );
        assert_eq!(change(&[], r#"{"ttl": 40}"#).unwrap(), json!({"ttl": 40}));
    }

    #[test]
    fn a_change_that_changes_nothing_or_cannot_be_read_is_refused() {
        for (parameters, patch, why) in [
            (&[][..], "", "nothing"),
            (&[("a b", "1")][..], "", "`a b`"),
            (&[("", "1")][..], "", "``"),
            (&[][..], "- ttl", "line 1"),
            (&[][..], "a: [", "line "),
        ] {
            let refused = change(parameters, patch).unwrap_err();
            assert!(refused.why.contains(why), "{refused}");
        }
    }

    #[test]
    fn a_patch_deletes_by_null_and_merges_deep() {
        let mut config = json!({"a": {"b": 1, "c": 2}, "d": 3});
        merge_patch(&mut config, &json!({"a": {"b": null, "e": {"f": null, "g": 5}}, "d": {"h": 1}}));
        assert_eq!(config, json!({"a": {"c": 2, "e": {"g": 5}}, "d": {"h": 1}}));
    }

    #[test]
    fn yaml_reads_back_as_what_it_was() {
        let config = json!({"ttl": 30, "empty": {}, "list": [1, {"a": "b"}], "postgresql": {"parameters":
            {"on": "on", "ten": "10", "text": "a: b # c", "plain": "64MB", "two": "a\nb", "none": null}}});
        let written = yaml(&config);
        let read = serde_json::to_value(Map::read(&written).unwrap()).unwrap();
        assert_eq!(read, config, "{written}");
        assert!(written.contains("    plain: 64MB\n"), "{written}");
    }

    #[test]
    fn passwords_are_masked() {
        let shown =
            yaml(&masked(json!({"standby_cluster": {"primary_conninfo": "password=x", "port": 5432}})));
        assert!(shown.contains("port: 5432") && !shown.contains("password=x"), "{shown}");
    }
}
