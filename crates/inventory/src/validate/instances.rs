//! Rules of each host that belongs to a cluster, or looks as if it should.

use super::{bad_cluster_name, fixes, is_number, place};
use crate::read::{RawGroup, RawHost};
use crate::{Edit, Finding, InstanceRole, Inventory, NodeAddr, Value, Vars};
use std::collections::BTreeSet;

const ROLES: [InstanceRole; 5] = [
    InstanceRole::Primary,
    InstanceRole::Replica,
    InstanceRole::Offline,
    InstanceRole::Standby,
    InstanceRole::Delayed,
];

pub(super) fn check(inventory: &Inventory, raw: &[RawGroup<'_>], findings: &mut Vec<Finding>) {
    let mut seen = BTreeSet::new();
    for group in raw {
        let pgsql = group.vars.is_some_and(|vars| vars.get("pg_cluster").is_some());
        let mut skipped = false;
        for host in &group.hosts {
            let has = |name: &str| host.vars.is_some_and(|vars| vars.get(name).is_some());
            let vars = inventory.vars_of(host.addr);
            if !pgsql && !has("pg_cluster") {
                skipped |= has("pg_seq") && vars.value("pg_cluster").is_none();
                continue;
            }
            if !seen.insert(host.addr) {
                continue;
            }
            if has("pg_cluster") {
                let name = vars.text("pg_cluster").unwrap_or_default();
                if name.parse::<crate::ClusterName>().is_err() {
                    findings.push(bad_cluster_name(&name, place(vars, "pg_cluster", host.key)));
                }
            }
            identity(inventory, host, vars, findings);
            upstream(inventory, host, vars, findings);
            numbers(host, vars, findings);
        }
        if skipped {
            let message = format!(
                "group `{}` has PostgreSQL hosts but no `pg_cluster`; they would be skipped",
                group.name
            );
            findings.push(
                Finding::error("pgsql/no-cluster", group.key, message)
                    .help(format!("add `pg_cluster: {}` to the group's `vars`", group.name))
                    .fix(name_group(inventory.text(), group)),
            );
        }
    }
}

/// The group's own name as its cluster's, where it can be one.
fn name_group(text: &str, group: &RawGroup<'_>) -> Option<Edit> {
    group.name.parse::<crate::ClusterName>().ok()?;
    fixes::append(text, group.vars?, &[("pg_cluster", Value::Text(group.name.to_owned()))])
}

fn identity(inventory: &Inventory, host: &RawHost<'_>, vars: &Vars, findings: &mut Vec<Finding>) {
    let text = inventory.text();
    let name = vars.text("pg_cluster").and_then(|name| name.parse().ok());
    let cluster = name.and_then(|name| inventory.cluster(&name));
    let seq = vars.value("pg_seq");
    if !is_number(seq) {
        let what = if seq.is_some() { "not a whole number from 0" } else { "missing" };
        findings.push(
            Finding::error(
                "pgsql/bad-seq",
                place(vars, "pg_seq", host.key),
                format!("`pg_seq` of {} is {what}", host.addr),
            )
            .help("give each instance a number that is unique in its cluster and never changes")
            .fix(host.vars.filter(|_| seq.is_none()).and_then(|vars| {
                let last = cluster.and_then(|cluster| cluster.instances.iter().map(|one| one.id.seq).max());
                let next = Value::Int(i64::from(last.unwrap_or(0)) + 1);
                fixes::append(text, vars, &[("pg_seq", next)])
            })),
        );
    }
    let role = vars.text("pg_role");
    if role.as_deref().is_none_or(|role| role.parse::<InstanceRole>().is_err()) {
        let message = match &role {
            Some(role) => format!("`{role}` is not an instance role"),
            None => format!("`pg_role` of {} is missing", host.addr),
        };
        let led = cluster
            .is_some_and(|cluster| cluster.instances.iter().any(|one| one.role == InstanceRole::Primary));
        let usual = if led { InstanceRole::Replica } else { InstanceRole::Primary };
        let own = host.vars.and_then(|vars| vars.get("pg_role"));
        let fix = match (&role, own) {
            (Some(_), Some(node)) => fixes::respell(node, ROLES.map(InstanceRole::as_str)),
            (None, None) => host
                .vars
                .and_then(|vars| fixes::append(text, vars, &[("pg_role", Value::Text(usual.to_string()))])),
            (Some(_), None) | (None, Some(_)) => None,
        };
        findings.push(
            Finding::error("pgsql/bad-role", place(vars, "pg_role", host.key), message)
                .help("use primary, replica, offline, standby or delayed")
                .fix(fix),
        );
    }
}

/// Where an instance replicates from: a primary from another cluster, anyone else from a member of its own.
fn upstream(inventory: &Inventory, host: &RawHost<'_>, vars: &Vars, findings: &mut Vec<Finding>) {
    let Some(upstream) = vars.value("pg_upstream").filter(|value| **value != Value::Null) else { return };
    let span = place(vars, "pg_upstream", host.key);
    let Some(Ok(addr)) = upstream.as_str().map(str::parse::<NodeAddr>) else {
        findings.push(
            Finding::error("pgsql/bad-upstream", span, "`pg_upstream` is not an IPv4 address")
                .help("name the upstream instance's address"),
        );
        return;
    };
    if addr == host.addr {
        findings.push(
            Finding::error("pgsql/upstream-self", span, "`pg_upstream` points to the instance itself")
                .help("name another instance's address"),
        );
        return;
    }
    let own = vars.text("pg_cluster");
    let inside = own.is_some() && inventory.vars_of(addr).text("pg_cluster") == own;
    let primary = vars.text("pg_role").as_deref() == Some("primary");
    let own = own.unwrap_or_default();
    if primary && inside {
        let message = format!("the primary of `{own}` shall follow {addr}, a member of its own cluster");
        findings.push(Finding::error("pgsql/upstream-inside", span, message).help(
            "a primary with `pg_upstream` leads a standby cluster: name an instance of another cluster",
        ));
    } else if !primary && !inside {
        let message = format!("{addr} is not a member of `{own}`: a replica can follow its own cluster only");
        findings.push(
            Finding::error("pgsql/upstream-outside", span, message)
                .help("name a member of the same cluster; to follow another cluster set it on the primary"),
        );
    }
}

fn numbers(host: &RawHost<'_>, vars: &Vars, findings: &mut Vec<Finding>) {
    let number = |name: &str| vars.value(name).filter(|value| **value != Value::Null);
    if let Some(weight) = number("pg_weight")
        && weight.as_int().is_none_or(|weight| !(0..=255).contains(&weight))
    {
        findings.push(
            Finding::error(
                "pgsql/bad-weight",
                place(vars, "pg_weight", host.key),
                format!("`pg_weight: {}` is not a number from 0 to 255", weight.to_text()),
            )
            .help("100 is usual, 0 drains the server"),
        );
    }
    for name in ["pg_port", "pgbouncer_port", "patroni_port"] {
        if let Some(port) = number(name)
            && port.as_int().is_none_or(|port| !(1..=65535).contains(&port))
        {
            findings.push(
                Finding::error(
                    "pgsql/bad-port",
                    place(vars, name, host.key),
                    format!("`{name}: {}` is not a port", port.to_text()),
                )
                .help("use a number from 1 to 65535"),
            );
        }
    }
}
