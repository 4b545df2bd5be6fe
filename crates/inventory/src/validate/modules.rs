//! Groups of the other modules: infra, etcd, minio, redis.

use super::is_number;
use crate::read::{RawGroup, typed};
use crate::{Finding, Inventory, NodeAddr, Value};
use std::collections::BTreeMap;

/// Variables that make a group one of a module's, and the module's name.
const IDENTITIES: [(&str, &str); 4] = [
    ("pg_cluster", "PostgreSQL"),
    ("etcd_cluster", "etcd"),
    ("minio_cluster", "MinIO"),
    ("redis_cluster", "Redis"),
];

pub(super) fn check(inventory: &Inventory, raw: &[RawGroup<'_>], findings: &mut Vec<Finding>) {
    twice(raw, findings);
    infra(inventory, raw, findings);
    etcd(inventory, raw, findings);
    minio(inventory, raw, findings);
}

/// A host in two groups of one module: the variables of both merge, and the group that sorts last wins.
fn twice(raw: &[RawGroup<'_>], findings: &mut Vec<Finding>) {
    for (identity, module) in IDENTITIES {
        let mut home: BTreeMap<NodeAddr, &str> = BTreeMap::new();
        for group in raw {
            let all = group.vars.is_some_and(|vars| vars.get(identity).is_some());
            for host in &group.hosts {
                let own = host.vars.is_some_and(|vars| vars.get(identity).is_some());
                if (all || own)
                    && let Some(other) = home.insert(host.addr, group.name)
                    && other != group.name
                {
                    let message =
                        format!("{} is in two {module} groups, `{other}` and `{}`", host.addr, group.name);
                    let code = if identity == "pg_cluster" {
                        "pgsql/host-in-two-groups"
                    } else {
                        "host/in-two-groups"
                    };
                    findings.push(
                        Finding::error(code, host.key, message)
                            .help("a node holds one instance; remove it from one of the groups"),
                    );
                }
            }
        }
    }
}

fn numbered(
    inventory: &Inventory,
    group: &RawGroup<'_>,
    name: &str,
    code: &'static str,
    findings: &mut Vec<Finding>,
) {
    for host in &group.hosts {
        let vars = inventory.vars_of(host.addr);
        if !is_number(vars.value(name)) {
            let message = format!("`{name}` of {} is missing or not a whole number from 0", host.addr);
            findings.push(
                Finding::error(code, super::place(vars, name, host.key), message)
                    .help(format!("give each host of `{}` its own number, such as `{name}: 1`", group.name)),
            );
        }
    }
}

fn infra(inventory: &Inventory, raw: &[RawGroup<'_>], findings: &mut Vec<Finding>) {
    let mut groups = raw.iter().filter(|group| group.name == "infra").peekable();
    if groups.peek().is_none()
        && let Some(first) = raw.first()
    {
        findings.push(
            Finding::warning(
                "infra/no-group",
                first.key,
                "there is no `infra` group: HBA rules for `infra` match nobody",
            )
            .help("add `infra: { hosts: { <admin ip>: { infra_seq: 1 } } }` under `all.children`"),
        );
    }
    for group in groups {
        numbered(inventory, group, "infra_seq", "infra/bad-seq", findings);
    }
}

fn etcd(inventory: &Inventory, raw: &[RawGroup<'_>], findings: &mut Vec<Finding>) {
    let group = raw.iter().find(|group| group.name == "etcd");
    let members = inventory.members_of_group("etcd").len();
    if members == 0
        && let Some(first) = inventory.clusters().values().flat_map(|cluster| &cluster.instances).next()
    {
        findings.push(
            Finding::error("etcd/no-group", first.span, "clusters need a DCS, but there is no `etcd` group with hosts")
                .help("add `etcd: { hosts: { <ip>: { etcd_seq: 1 } }, vars: { etcd_cluster: etcd } }` under `all.children`"),
        );
    }
    let Some(group) = group else { return };
    numbered(inventory, group, "etcd_seq", "etcd/bad-seq", findings);
    let mut seqs: BTreeMap<i64, NodeAddr> = BTreeMap::new();
    let given = group.hosts.iter().filter_map(|host| inventory.vars_of(host.addr).int("etcd_seq"));
    let mut next = given.max().unwrap_or(0);
    for host in &group.hosts {
        let vars = inventory.vars_of(host.addr);
        if let Some(seq) = vars.int("etcd_seq")
            && let Some(first) = seqs.insert(seq, host.addr)
        {
            let message = format!("`etcd_seq: {seq}` of {} is taken by {first}", host.addr);
            next = next.saturating_add(1);
            let own = host.vars.and_then(|vars| vars.get("etcd_seq"));
            findings.push(
                Finding::error("etcd/duplicate-seq", super::place(vars, "etcd_seq", host.key), message)
                    .help("give each etcd member its own number: it is part of its name")
                    .fix(own.map(|node| super::fixes::write(node, &Value::Int(next)))),
            );
        }
    }
    if members > 1 && members.is_multiple_of(2) {
        let message = format!("etcd has {members} members; an even number adds no fault tolerance");
        findings
            .push(Finding::warning("etcd/even-members", group.key, message).help("use 1, 3 or 5 members"));
    }
}

fn minio(inventory: &Inventory, raw: &[RawGroup<'_>], findings: &mut Vec<Finding>) {
    let is_minio = |group: &&RawGroup<'_>| {
        group.name == "minio" || group.vars.is_some_and(|vars| vars.get("minio_cluster").is_some())
    };
    for group in raw.iter().filter(is_minio) {
        let name = group.vars.and_then(|vars| vars.get("minio_cluster"));
        if name.map(typed).is_none_or(|name| name.as_str().is_none_or(str::is_empty)) {
            let message = format!("`minio_cluster` of group `{}` is missing or not a name", group.name);
            findings.push(
                Finding::error("minio/bad-cluster", name.map_or(group.key, |name| name.span), message)
                    .help("set `minio_cluster: minio` in the group's `vars`"),
            );
        }
        numbered(inventory, group, "minio_seq", "minio/bad-seq", findings);
    }
    if raw.iter().any(|group| is_minio(&group)) {
        return;
    }
    for cluster in inventory.clusters().values() {
        let Some(first) = cluster.instances.first() else { continue };
        let vars = inventory.vars_of(first.addr);
        if vars.text("pgbackrest_method").as_deref() == Some("minio") {
            let span = super::place(vars, "pgbackrest_method", first.span);
            let message =
                format!("cluster `{}` is backed up to MinIO, but there is no `minio` group", cluster.name);
            findings.push(
                Finding::warning("minio/no-group", span, message)
                    .help("add a `minio` group, or declare where the store is in `pgbackrest_repo`"),
            );
            return;
        }
    }
}
