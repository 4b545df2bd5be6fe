//! Rules of whole clusters, over the whole inventory: one primary, distinct numbers, who follows whom, service ports.

use super::place;
use crate::read::RawGroup;
use crate::{Cluster, Edit, Finding, InstanceRole, Inventory, NodeAddr, Span, Value, Vars};
use std::collections::{BTreeMap, BTreeSet};

const DEFAULT_SERVICES: [(&str, i64); 4] =
    [("primary", 5433), ("replica", 5434), ("default", 5436), ("offline", 5438)];

pub(super) fn check(inventory: &Inventory, raw: &[RawGroup<'_>], findings: &mut Vec<Finding>) {
    groups(raw, findings);
    // Clusters whose services are served by a dedicated group, by that group.
    let mut provided: BTreeMap<String, Vec<&Cluster>> = BTreeMap::new();
    for cluster in inventory.clusters().values() {
        numbers(cluster, raw, findings);
        primaries(cluster, findings);
        cycles(inventory, cluster, findings);
        let Some(first) = cluster.instances.first() else { continue };
        let vars = inventory.vars_of(first.addr);
        pooler(cluster, vars, first.span, findings);
        ports(cluster, vars, first.span, findings);
        let provider = vars.text("pg_service_provider").filter(|name| inventory.group(name).is_some());
        if let Some(provider) = provider {
            provided.entry(provider).or_default().push(cluster);
        }
    }
    for (provider, clusters) in provided {
        shared(inventory, &provider, &clusters, findings);
    }
}

fn numbers(cluster: &Cluster, raw: &[RawGroup<'_>], findings: &mut Vec<Finding>) {
    let mut seqs: BTreeMap<u32, NodeAddr> = BTreeMap::new();
    let mut next = cluster.instances.iter().map(|i| i.id.seq).max().unwrap_or(0);
    for instance in &cluster.instances {
        let Some(first) = seqs.insert(instance.id.seq, instance.addr) else { continue };
        next = next.saturating_add(1);
        let host = raw.iter().flat_map(|group| &group.hosts).find(|host| host.key == instance.span);
        let node = host.and_then(|host| host.vars).and_then(|vars| vars.get("pg_seq"));
        let message = format!("`pg_seq: {}` of {} is taken by {first}", instance.id.seq, instance.addr);
        let span = node.map_or(instance.span, |node| node.span);
        let mut finding = Finding::error("pgsql/duplicate-seq", span, message)
            .help(format!("use {next}, the next free number of `{}`", cluster.name));
        if let Some(node) = node {
            finding = finding.fix(Edit::one(node.span.start, node.span.end, next.to_string()));
        }
        findings.push(finding);
    }
}

fn primaries(cluster: &Cluster, findings: &mut Vec<Finding>) {
    let primaries: Vec<_> = cluster.instances.iter().filter(|i| i.role == InstanceRole::Primary).collect();
    let members = || {
        let list = cluster.instances.iter().map(|i| format!("{} (seq {}, {})", i.addr, i.id.seq, i.role));
        list.collect::<Vec<_>>().join(", ")
    };
    if let Some(second) = primaries.get(1) {
        let message = format!("cluster `{}` has {} primaries: {}", cluster.name, primaries.len(), members());
        findings.push(
            Finding::error("pgsql/two-primaries", second.span, message)
                .help("exactly one instance has `pg_role: primary`; make the others replicas"),
        );
    } else if primaries.is_empty()
        && let Some(first) = cluster.instances.first()
    {
        let message = format!("cluster `{}` has no primary: {}", cluster.name, members());
        findings.push(
            Finding::error("pgsql/no-primary", first.span, message)
                .help("give exactly one instance `pg_role: primary`"),
        );
    }
}

/// Two groups that name one cluster are one membership, which is seldom meant.
fn groups(raw: &[RawGroup<'_>], findings: &mut Vec<Finding>) {
    let mut named: BTreeMap<&str, &str> = BTreeMap::new();
    for group in raw {
        let name = group.vars.and_then(|vars| vars.get("pg_cluster")).and_then(|name| name.text());
        let Some(name) = name else { continue };
        if let Some(first) = named.get(name) {
            let message = format!(
                "cluster `{name}` is declared by the groups `{first}` and `{}`: their hosts are one cluster",
                group.name
            );
            findings.push(
                Finding::warning("pgsql/cluster-in-two-groups", group.key, message)
                    .help("give the second group another `pg_cluster`, or put all hosts under one group"),
            );
        } else {
            named.insert(name, group.name);
        }
    }
}

/// Replicas that follow each other in a ring follow nobody.
fn cycles(inventory: &Inventory, cluster: &Cluster, findings: &mut Vec<Finding>) {
    let follows: BTreeMap<NodeAddr, NodeAddr> = cluster
        .instances
        .iter()
        .filter(|instance| instance.role != InstanceRole::Primary)
        .filter_map(|instance| {
            let upstream = inventory.vars_of(instance.addr).text("pg_upstream")?.parse().ok()?;
            (upstream != instance.addr).then_some((instance.addr, upstream))
        })
        .collect();
    let mut told = BTreeSet::new();
    for instance in &cluster.instances {
        let mut path = vec![instance.addr];
        while let Some(next) = path.last().and_then(|last| follows.get(last)) {
            if *next == instance.addr {
                if told.is_disjoint(&path.iter().copied().collect()) {
                    let ring = path.iter().chain([next]).map(ToString::to_string).collect::<Vec<_>>();
                    let vars = inventory.vars_of(instance.addr);
                    let message = format!("replicas follow each other in a ring: {}", ring.join(" → "));
                    findings.push(
                        Finding::error(
                            "pgsql/upstream-cycle",
                            place(vars, "pg_upstream", instance.span),
                            message,
                        )
                        .help("remove `pg_upstream` from one of them: it then follows the leader"),
                    );
                }
                told.extend(path);
                break;
            }
            if path.contains(next) {
                break;
            }
            path.push(*next);
        }
    }
}

fn pooler(cluster: &Cluster, vars: &Vars, host: Span, findings: &mut Vec<Finding>) {
    let pooled = vars.text("pg_default_service_dest").is_none_or(|dest| dest == "pgbouncer");
    if pooled && vars.bool("pgbouncer_enabled") == Some(false) {
        let message = format!(
            "services of `{}` go to PgBouncer, which `pgbouncer_enabled: false` leaves out: nothing answers them",
            cluster.name
        );
        findings.push(
            Finding::error("service/no-pooler", place(vars, "pgbouncer_enabled", host), message)
                .help("set `pg_default_service_dest: postgres`, or enable PgBouncer"),
        );
    }
}

/// Services of a cluster with their ports, as its HAProxy would open them.
fn opened(vars: &Vars) -> Vec<(String, i64)> {
    let listed = |name: &str| -> Option<Vec<(String, i64)>> {
        let maps = vars.list(name)?.iter().filter_map(Value::as_map);
        let pair = |map: &crate::Map| Some((map.get("name")?.to_text(), map.get("port")?.as_int()?));
        Some(maps.filter_map(pair).collect())
    };
    let mut out = listed("pg_default_services")
        .unwrap_or_else(|| DEFAULT_SERVICES.iter().map(|(name, port)| ((*name).to_owned(), *port)).collect());
    out.extend(listed("pg_services").unwrap_or_default());
    out
}

/// Ports within one list are a rule of that list; here the default services and what else listens are added.
fn ports(cluster: &Cluster, vars: &Vars, host: Span, findings: &mut Vec<Finding>) {
    if vars.list("pg_services").is_none() {
        return;
    }
    let span = place(vars, "pg_services", host);
    let defaults = opened(&vars_without_services(vars)).len();
    let services = opened(vars);
    let (built_in, own) = services.split_at(defaults.min(services.len()));
    let stats = vars.int("haproxy_exporter_port").unwrap_or(9101);
    for (name, port) in own {
        let clash = built_in.iter().find(|(other, p)| p == port || other == name);
        let message = match clash {
            Some((other, _)) if other == name => {
                format!("service `{name}` of `{}` is a default service, too", cluster.name)
            }
            Some((other, _)) => {
                format!(
                    "service `{name}` of `{}` wants port {port} of the default service `{other}`",
                    cluster.name
                )
            }
            None if *port == stats => {
                format!(
                    "service `{name}` of `{}` wants port {port} of HAProxy's own statistics",
                    cluster.name
                )
            }
            None => continue,
        };
        findings.push(
            Finding::error("service/clash", span, message)
                .help("give it a name and a port of its own, or replace `pg_default_services`"),
        );
    }
}

fn vars_without_services(vars: &Vars) -> Vars {
    let none = crate::Map(vec![(Value::Text("pg_services".to_owned()), Value::Null)]);
    vars.with_extra(&none)
}

/// Clusters whose services share the HAProxy of a dedicated group share its ports, and its files share a directory.
fn shared(inventory: &Inventory, provider: &str, clusters: &[&Cluster], findings: &mut Vec<Finding>) {
    let mut ports: BTreeMap<i64, String> = BTreeMap::new();
    for cluster in clusters {
        let Some(first) = cluster.instances.first() else { continue };
        let vars = inventory.vars_of(first.addr);
        let span = place(vars, "pg_service_provider", first.span);
        let mut taken = Vec::new();
        for (name, port) in opened(vars) {
            let full = format!("{}-{name}", cluster.name);
            match ports.get(&port) {
                Some(other) => taken.push(format!("{full} and {other} on port {port}")),
                None => {
                    ports.insert(port, full);
                }
            }
        }
        if !taken.is_empty() {
            let message = format!("services share ports of group `{provider}`: {}", taken.join(", "));
            findings.push(Finding::error("service/provider-clash", span, message).help(
                "give each cluster of the group its own ports in `pg_default_services` and `pg_services`",
            ));
        }
        let prefix = |other: &&&Cluster| {
            cluster.name.as_str().strip_prefix(other.name.as_str()).is_some_and(|rest| rest.starts_with('-'))
        };
        if let Some(other) = clusters.iter().find(prefix) {
            let message = format!(
                "Pigsty's removal of `{}` would remove services of `{}` from group `{provider}`, too",
                other.name, cluster.name
            );
            findings.push(
                Finding::warning("service/name-prefix", span, message)
                    .help("give one of the two a name that does not begin with the other's"),
            );
        }
    }
}
