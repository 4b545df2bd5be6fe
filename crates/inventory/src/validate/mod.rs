//! The rules an inventory must keep. Facts: Pigsty's offline validator, its run-time assertions, and what nothing
//! checks there but breaks a cluster.

mod clusters;
mod entries;
mod fixes;
mod instances;
mod modules;
mod rules;
mod variables;
mod vip;

use crate::document::{Kind, Node};
use crate::read::{RawGroup, typed};
use crate::typing::looks_like_timestamp;
use crate::{Edit, Finding, Inventory, NodeAddr, Span, Value, Vars};
use std::collections::BTreeMap;

/// Adds findings of the whole inventory.
pub(crate) fn check(inventory: &Inventory, root: &Node, raw: &[RawGroup<'_>], findings: &mut Vec<Finding>) {
    duplicates(root, findings);
    timestamps(root, findings);
    let text = inventory.text();
    globals(text, root, findings);
    groups(raw, findings);
    for group in raw {
        if let Some(vars) = group.vars {
            written(text, vars, findings);
        }
        for vars in group.hosts.iter().filter_map(|host| host.vars) {
            written(text, vars, findings);
        }
    }
    if let Some(vars) = root.get("all").and_then(|all| all.get("vars")) {
        written(text, vars, findings);
    }
    modules::check(inventory, raw, findings);
    instances::check(inventory, raw, findings);
    clusters::check(inventory, raw, findings);
    vip::check(inventory, raw, findings);
}

/// Rules of lists where they are written, whoever they are for.
fn written(text: &str, vars: &Node, findings: &mut Vec<Finding>) {
    variables::check(vars, findings);
    entries::check(vars, findings);
    rules::check(text, vars, findings);
}

fn duplicates(node: &Node, findings: &mut Vec<Finding>) {
    match &node.kind {
        Kind::Scalar { .. } => {}
        Kind::List { items, .. } => items.iter().for_each(|item| duplicates(item, findings)),
        Kind::Map { entries, .. } => {
            let mut seen: BTreeMap<&str, Span> = BTreeMap::new();
            for (key, value) in entries {
                if let Some(text) = key.text()
                    && text != "<<"
                    && let Some(first) = seen.insert(text, key.span)
                {
                    let message = format!(
                        "`{text}` is here a second time; the first, on line {}, is silently lost",
                        first.line
                    );
                    findings.push(
                        Finding::error("yaml/duplicate-key", key.span, message)
                            .help("remove or rename one of the two"),
                    );
                }
                duplicates(value, findings);
            }
        }
    }
}

fn timestamps(node: &Node, findings: &mut Vec<Finding>) {
    match &node.kind {
        Kind::Scalar { text, plain: true, .. } if looks_like_timestamp(text) => {
            let message = format!("`{text}` unquoted is a date to Ansible, not text");
            let quoted = Edit::one(node.span.start, node.span.end, format!("'{text}'"));
            findings.push(
                Finding::warning("yaml/unquoted-time", node.span, message).help("quote it").fix(quoted),
            );
        }
        Kind::Scalar { .. } => {}
        Kind::List { items, .. } => items.iter().for_each(|item| timestamps(item, findings)),
        Kind::Map { entries, .. } => entries.iter().for_each(|(_, value)| timestamps(value, findings)),
    }
}

fn globals(text: &str, root: &Node, findings: &mut Vec<Finding>) {
    let Some((all_key, all)) = root.entry("all").filter(|(_, all)| all.is_map()) else { return };
    let Some((key, vars)) = all.entry("vars") else {
        findings.push(
            Finding::warning("global/no-vars", all_key.span, "`all.vars` is missing; it is taken as empty")
                .help("add `vars: { admin_ip: <address of the admin node> }` under `all`"),
        );
        return;
    };
    if !vars.is_map() && !vars.is_null() {
        findings.push(
            Finding::error("global/bad-vars", vars.span, "`all.vars` is not a mapping")
                .help("write one `name: value` per line under `vars:`"),
        );
        return;
    }
    match vars.get("admin_ip") {
        Some(node) if node.text().is_some_and(|text| text.parse::<NodeAddr>().is_ok()) => {}
        Some(node) => {
            findings.push(
                Finding::error("global/bad-admin-ip", node.span, "`admin_ip` is not an IPv4 address")
                    .help("set it to the address of the admin node"),
            );
        }
        None => {
            findings.push(
                Finding::error("global/no-admin-ip", key.span, "`admin_ip` is missing in `all.vars`")
                    .help("add `admin_ip: <address of the admin node>` to `all.vars`"),
            );
        }
    }
    for (name, usual, code, help) in [
        ("version", "v4.5.0", "global/no-version", "add `version: v4.5.0`: Pigsty's own tools ask for it"),
        (
            "region",
            "default",
            "global/no-region",
            "add `region: default` (or china, europe): Pigsty's own tools ask for it",
        ),
    ] {
        if vars.get(name).is_none_or(Node::is_null) {
            findings.push(
                Finding::warning(code, key.span, format!("`{name}` is missing in `all.vars`"))
                    .help(help)
                    .fix(
                        // A key without a value is there, and a second one would be lost.
                        vars.get(name)
                            .is_none()
                            .then(|| fixes::append(text, vars, &[(name, Value::Text(usual.to_owned()))]))
                            .flatten(),
                    ),
            );
        }
    }
    if let Some(region) = vars.get("region").filter(|region| !region.is_null())
        && !matches!(region.text(), Some("default" | "china" | "europe"))
    {
        let message = format!("region `{}` is not known", region.text().unwrap_or("…"));
        findings.push(
            Finding::warning("global/bad-region", region.span, message)
                .help("use `default`, `china` or `europe`")
                .fix(fixes::respell(region, ["default", "china", "europe"])),
        );
    }
    if let Some((key, value)) = vars.entry("pg_cluster") {
        let message =
            format!("`pg_cluster: {}` in `all.vars` makes every host a member", value.text().unwrap_or("…"));
        findings.push(
            Finding::error("global/pg-cluster", key.span, message)
                .help("set `pg_cluster` in a group's `vars`"),
        );
    }
    if let Some((key, _)) = vars.entry("minio_cluster") {
        findings.push(
            Finding::error(
                "global/minio-cluster",
                key.span,
                "`minio_cluster` in `all.vars` makes every host a member",
            )
            .help("set `minio_cluster` in a group's `vars`"),
        );
    }
    if let Some(kind) = vars.get("minio_type").filter(|kind| kind.text() != Some("silo")) {
        findings.push(
            Finding::error("global/minio-type", kind.span, "`minio_type` can only be `silo`")
                .help("write `minio_type: silo`, or remove the line")
                .fix(kind.text().map(|_| fixes::write(kind, &Value::Text("silo".to_owned())))),
        );
    }
}

fn groups(raw: &[RawGroup<'_>], findings: &mut Vec<Finding>) {
    for group in raw {
        if group.hosts.is_empty() && group.children.is_empty() {
            let message = format!("group `{}` has no hosts", group.name);
            findings.push(
                Finding::error("group/no-hosts", group.key, message)
                    .help("add hosts under `hosts:`, or remove the group"),
            );
        }
        for (key, value) in group.node.entries() {
            match key.text() {
                Some("vars" | "children") if !value.is_map() && !value.is_null() => {
                    let message =
                        format!("`{}` of group `{}` is not a mapping", key.text().unwrap_or("?"), group.name);
                    findings.push(
                        Finding::error("group/bad-vars", value.span, message)
                            .help("write one `name: value` per line under it"),
                    );
                }
                Some("hosts") if matches!(value.kind, Kind::List { .. }) => {
                    let message =
                        format!("`hosts` of group `{}` is a list; none of them is read", group.name);
                    findings.push(
                        Finding::error("group/bad-hosts", value.span, message)
                            .help("key them by address: `10.10.10.11: { pg_seq: 1, pg_role: primary }`"),
                    );
                }
                Some("hosts" | "vars" | "children") => {}
                Some(_) | None => {
                    let message = format!(
                        "`{}` in group `{}` has no meaning here",
                        key.text().unwrap_or("?"),
                        group.name
                    );
                    findings.push(
                        Finding::warning("group/unknown-key", key.span, message)
                            .help("a group has `hosts`, `vars` and `children`; variables belong under `vars`")
                            .fix(fixes::rename(group.node, key, ["hosts", "vars", "children"])),
                    );
                }
            }
        }
        if let Some(name) = group.vars.and_then(|vars| vars.get("pg_cluster")) {
            let text = typed(name).to_text();
            if text.parse::<crate::ClusterName>().is_err() {
                findings.push(bad_cluster_name(&text, name.span));
            } else if text != group.name {
                let message = format!("group `{}` holds cluster `{text}`", group.name);
                findings.push(
                    Finding::warning("pgsql/group-name", name.span, message)
                        .help("give both the same name: limits name the group, everything else the cluster"),
                );
            }
        }
    }
}

fn bad_cluster_name(text: &str, span: Span) -> Finding {
    Finding::error("pgsql/bad-cluster-name", span, format!("`{text}` is not a cluster name"))
        .help("use ASCII letters, digits and `-`; `root` is taken by etcd")
}

/// A whole number from 0, as a number or as its digits.
fn is_number(value: Option<&Value>) -> bool {
    value.and_then(Value::as_int).is_some_and(|number| u32::try_from(number).is_ok())
}

/// Where the value of a variable that a host has is written; the host's own key when it is nowhere.
fn place(vars: &Vars, name: &str, host: Span) -> Span {
    vars.get(name).and_then(|resolved| resolved.span).unwrap_or(host)
}
