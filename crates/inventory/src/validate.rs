//! The rules an inventory must keep. Facts: Pigsty's offline validator, its run-time assertions, and what nothing
//! checks there but breaks a cluster.

use crate::document::{Kind, Node};
use crate::read::{RawGroup, typed};
use crate::typing::looks_like_timestamp;
use crate::{Edit, Finding, InstanceRole, Inventory, NodeAddr, Span, Value};
use std::collections::{BTreeMap, BTreeSet};

const AUTH: [&str; 16] = [
    "deny",
    "reject",
    "trust",
    "pwd",
    "password",
    "sha",
    "scram-sha-256",
    "md5",
    "ssl",
    "ssl-md5",
    "ssl-sha",
    "os",
    "ident",
    "peer",
    "cert",
    "ssl-pwd",
];
const ADDR: [&str; 9] =
    ["local", "localhost", "admin", "infra", "cluster", "intra", "intranet", "world", "all"];
const RESERVED_PORTS: [i64; 11] = [5432, 6432, 5433, 5434, 5436, 5438, 9100, 9101, 9630, 9631, 9080];

/// Adds findings of the whole inventory.
pub(crate) fn check(inventory: &Inventory, root: &Node, raw: &[RawGroup<'_>], findings: &mut Vec<Finding>) {
    duplicates(root, findings);
    timestamps(root, findings);
    globals(root, findings);
    groups(raw, findings);
    for group in raw {
        if let Some(vars) = group.vars {
            lists(vars, findings);
        }
        for vars in group.hosts.iter().filter_map(|host| host.vars) {
            lists(vars, findings);
        }
    }
    if let Some(vars) = root.get("all").and_then(|all| all.get("vars")) {
        lists(vars, findings);
    }
    instances(inventory, raw, findings);
    clusters(inventory, raw, findings);
    etcd(inventory, raw, findings);
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

fn globals(root: &Node, findings: &mut Vec<Finding>) {
    let Some(all) = root.get("all") else { return };
    let Some(vars) = all.get("vars") else {
        let span = root.entry("all").map_or(all.span, |(key, _)| key.span);
        findings.push(Finding::warning(
            "global/no-vars",
            span,
            "`all.vars` is missing; it is taken as empty",
        ));
        return;
    };
    match vars.get("admin_ip") {
        Some(node) if node.text().is_some_and(|text| text.parse::<NodeAddr>().is_ok()) => {}
        Some(node) => {
            findings.push(
                Finding::error("global/bad-admin-ip", node.span, "`admin_ip` is not an IPv4 address")
                    .help("set it to the address of the admin node"),
            );
        }
        None => {
            let span = all.entry("vars").map_or(vars.span, |(key, _)| key.span);
            findings.push(
                Finding::error("global/no-admin-ip", span, "`admin_ip` is missing in `all.vars`")
                    .help("add `admin_ip: <address of the admin node>` to `all.vars`"),
            );
        }
    }
    if let Some((key, value)) = vars.entry("pg_cluster") {
        let message =
            format!("`pg_cluster: {}` in `all.vars` makes every host a member", value.text().unwrap_or("…"));
        findings.push(
            Finding::error("global/pg-cluster", key.span, message)
                .help("set `pg_cluster` in a group's `vars`"),
        );
    }
}

fn groups(raw: &[RawGroup<'_>], findings: &mut Vec<Finding>) {
    for group in raw {
        let identity = group.vars.is_some_and(|vars| vars.get("pg_cluster").is_some());
        if group.hosts.is_empty() && group.children.is_empty() {
            let message = format!("group `{}` has no hosts", group.name);
            findings.push(
                Finding::error("group/no-hosts", group.key, message)
                    .help("add hosts under `hosts:`, or remove the group"),
            );
        }
        for key in group.node.entries().iter().map(|(key, _)| key) {
            if !matches!(key.text(), Some("hosts" | "vars" | "children")) {
                let message =
                    format!("`{}` in group `{}` has no meaning here", key.text().unwrap_or("?"), group.name);
                findings.push(
                    Finding::warning("group/unknown-key", key.span, message)
                        .help("a group has `hosts`, `vars` and `children`; variables belong under `vars`"),
                );
            }
        }
        if let Some(name) = group.vars.and_then(|vars| vars.get("pg_cluster")) {
            let text = typed(name).to_text();
            if text.parse::<crate::ClusterName>().is_err() {
                let message = format!("`{text}` is not a cluster name");
                findings.push(
                    Finding::error("pgsql/bad-cluster-name", name.span, message)
                        .help("use ASCII letters, digits and `-`; `root` is taken by etcd"),
                );
            } else if text != group.name {
                let message = format!("group `{}` holds cluster `{text}`", group.name);
                findings.push(
                    Finding::warning("pgsql/group-name", name.span, message)
                        .help("give both the same name: limits name the group, everything else the cluster"),
                );
            }
        }
        if !identity
            && group.hosts.iter().any(|host| {
                host.vars.is_some_and(|vars| vars.get("pg_seq").is_some() && vars.get("pg_cluster").is_none())
            })
        {
            let message = format!(
                "group `{}` has PostgreSQL hosts but no `pg_cluster`; they would be skipped",
                group.name
            );
            findings.push(
                Finding::error("pgsql/no-cluster", group.key, message)
                    .help(format!("add `pg_cluster: {}` to the group's `vars`", group.name)),
            );
        }
    }
}

/// Rules of each host that belongs to a cluster.
fn instances(inventory: &Inventory, raw: &[RawGroup<'_>], findings: &mut Vec<Finding>) {
    let mut home: BTreeMap<NodeAddr, &str> = BTreeMap::new();
    for group in raw {
        let pgsql = group.vars.is_some_and(|vars| vars.get("pg_cluster").is_some());
        for host in &group.hosts {
            let own_identity = host.vars.is_some_and(|vars| vars.get("pg_cluster").is_some());
            if !(pgsql || own_identity) {
                continue;
            }
            if let Some(other) = home.insert(host.addr, group.name)
                && other != group.name
            {
                let message =
                    format!("{} is in two PostgreSQL groups, `{other}` and `{}`", host.addr, group.name);
                findings.push(
                    Finding::error("pgsql/host-in-two-groups", host.key, message)
                        .help("a node holds one instance; remove it from one of the groups"),
                );
            }
            let vars = inventory.vars(host.addr);
            let seq = vars.value("pg_seq").and_then(Value::as_int);
            if seq.is_none_or(|seq| u32::try_from(seq).is_err()) {
                let what =
                    if vars.value("pg_seq").is_some() { "not a whole number from 0" } else { "missing" };
                let span = node_span(host.vars, "pg_seq").unwrap_or(host.key);
                findings.push(
                    Finding::error("pgsql/bad-seq", span, format!("`pg_seq` of {} is {what}", host.addr))
                        .help("give each instance a number that is unique in its cluster and never changes"),
                );
            }
            let role = vars.text("pg_role");
            if role.as_deref().is_none_or(|role| role.parse::<InstanceRole>().is_err()) {
                let span = node_span(host.vars, "pg_role").unwrap_or(host.key);
                let message = match role {
                    Some(role) => format!("`{role}` is not an instance role"),
                    None => format!("`pg_role` of {} is missing", host.addr),
                };
                findings.push(
                    Finding::error("pgsql/bad-role", span, message)
                        .help("use primary, replica, offline, standby or delayed"),
                );
            }
            if let Some(upstream) = vars.value("pg_upstream").filter(|value| **value != Value::Null) {
                let span = node_span(host.vars, "pg_upstream").unwrap_or(host.key);
                match upstream.as_str().map(str::parse::<NodeAddr>) {
                    Some(Ok(addr)) if addr == host.addr => findings.push(
                        Finding::error(
                            "pgsql/upstream-self",
                            span,
                            "`pg_upstream` points to the instance itself",
                        )
                        .help("name another instance's address"),
                    ),
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => findings.push(
                        Finding::error("pgsql/bad-upstream", span, "`pg_upstream` is not an IPv4 address")
                            .help("name the upstream instance's address"),
                    ),
                }
            }
        }
    }
}

fn node_span(vars: Option<&Node>, key: &str) -> Option<Span> {
    vars.and_then(|vars| vars.get(key)).map(|node| node.span)
}

/// Rules of whole clusters: one primary, distinct numbers.
fn clusters(inventory: &Inventory, raw: &[RawGroup<'_>], findings: &mut Vec<Finding>) {
    for cluster in inventory.clusters().values() {
        let mut seqs: BTreeMap<u32, NodeAddr> = BTreeMap::new();
        for instance in &cluster.instances {
            if let Some(first) = seqs.insert(instance.id.seq, instance.addr) {
                let next = cluster.instances.iter().map(|i| i.id.seq).max().unwrap_or(0) + 1;
                let host = raw.iter().flat_map(|group| &group.hosts).find(|host| host.key == instance.span);
                let node = host.and_then(|host| host.vars).and_then(|vars| vars.get("pg_seq"));
                let message =
                    format!("`pg_seq: {}` of {} is taken by {first}", instance.id.seq, instance.addr);
                let mut finding = Finding::error(
                    "pgsql/duplicate-seq",
                    node.map_or(instance.span, |node| node.span),
                    message,
                )
                .help(format!("use {next}, the next free number of `{}`", cluster.name));
                if let Some(node) = node {
                    finding = finding.fix(Edit::one(node.span.start, node.span.end, next.to_string()));
                }
                findings.push(finding);
            }
        }
        let primaries: Vec<_> =
            cluster.instances.iter().filter(|i| i.role == InstanceRole::Primary).collect();
        let members = || {
            let list = cluster.instances.iter().map(|i| format!("{} (seq {}, {})", i.addr, i.id.seq, i.role));
            list.collect::<Vec<_>>().join(", ")
        };
        if let Some(second) = primaries.get(1) {
            let message =
                format!("cluster `{}` has {} primaries: {}", cluster.name, primaries.len(), members());
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
}

fn etcd(inventory: &Inventory, raw: &[RawGroup<'_>], findings: &mut Vec<Finding>) {
    let group = raw.iter().find(|group| group.name == "etcd");
    if group.is_none_or(|group| group.hosts.is_empty())
        && let Some(cluster) = inventory.clusters().values().next()
        && let Some(first) = cluster.instances.first()
    {
        findings.push(
            Finding::error("etcd/no-group", first.span, "clusters need a DCS, but there is no `etcd` group with hosts")
                .help("add `etcd: { hosts: { <ip>: { etcd_seq: 1 } }, vars: { etcd_cluster: etcd } }` under `all.children`"),
        );
    }
    for host in group.iter().flat_map(|group| &group.hosts) {
        if inventory.vars(host.addr).int("etcd_seq").is_none_or(|seq| seq < 0) {
            findings.push(
                Finding::error(
                    "etcd/bad-seq",
                    host.key,
                    format!("`etcd_seq` of {} is missing or not a number", host.addr),
                )
                .help("give each etcd member a number"),
            );
        }
    }
    if let Some(group) = group.filter(|group| group.hosts.len() > 1 && group.hosts.len() % 2 == 0) {
        let message =
            format!("etcd has {} members; an even number adds no fault tolerance", group.hosts.len());
        findings
            .push(Finding::warning("etcd/even-members", group.key, message).help("use 1, 3 or 5 members"));
    }
}

/// Users, databases, services and HBA rules, wherever they are declared.
fn lists(vars: &Node, findings: &mut Vec<Finding>) {
    for (key, value) in vars.entries() {
        match key.text().unwrap_or("") {
            "pg_users" | "pg_default_roles" => named(value, "user", findings),
            "pg_databases" => named(value, "database", findings),
            "pg_services" | "pg_default_services" => {
                services(value, key.text() == Some("pg_services"), findings);
            }
            "pg_hba_rules" | "pgb_hba_rules" | "pg_default_hba_rules" | "pgb_default_hba_rules" => {
                hba(value, findings);
            }
            _ => {}
        }
    }
}

fn items<'a>(list: &'a Node, what: &str, findings: &mut Vec<Finding>) -> Vec<&'a Node> {
    let Kind::List { items, .. } = &list.kind else {
        if !list.is_null() {
            findings.push(Finding::error(
                "list/not-a-list",
                list.span,
                format!("a list of {what}s was expected"),
            ));
        }
        return Vec::new();
    };
    let (good, bad): (Vec<&Node>, Vec<&Node>) = items.iter().partition(|item| item.is_map());
    for item in bad {
        findings.push(Finding::error(
            "list/not-a-map",
            item.span,
            format!("a {what} is a mapping with a `name`"),
        ));
    }
    good
}

fn named(list: &Node, what: &str, findings: &mut Vec<Finding>) {
    let mut seen = BTreeSet::new();
    for item in items(list, what, findings) {
        match item.get("name").and_then(Node::text) {
            None | Some("") => {
                findings.push(Finding::error(
                    "list/no-name",
                    item.span,
                    format!("this {what} has no `name`"),
                ));
            }
            Some(name) => {
                if !seen.insert(name.to_owned()) {
                    let message = format!("{what} `{name}` is declared twice in this list");
                    findings.push(
                        Finding::error("list/duplicate-name", item.span, message)
                            .help("merge the two entries"),
                    );
                }
                if what == "user" && !is_user_name(name) {
                    let message = format!("`{name}` is not a user name");
                    findings.push(
                        Finding::error("pgsql/bad-user-name", item.span, message)
                            .help("begin with a lower-case letter or `_`; then letters, digits, `_ @ . -`; at most 63 bytes"),
                    );
                }
            }
        }
    }
}

fn is_user_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    let first = bytes.next().is_some_and(|b| b.is_ascii_lowercase() || b == b'_');
    first
        && name.len() <= 63
        && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_@.-".contains(&b))
}

fn services(list: &Node, extra: bool, findings: &mut Vec<Finding>) {
    let mut ports = BTreeSet::new();
    for item in items(list, "service", findings) {
        if item.get("name").is_none() {
            findings.push(Finding::error("list/no-name", item.span, "this service has no `name`"));
        }
        let port = item.get("port").and_then(|node| typed(node).as_int());
        match port {
            Some(port) if (0..=65535).contains(&port) => {
                if !ports.insert(port) {
                    findings.push(Finding::error(
                        "service/duplicate-port",
                        item.span,
                        format!("port {port} is used twice"),
                    ));
                }
                if extra && RESERVED_PORTS.contains(&port) {
                    let message = format!("port {port} belongs to a component or default service");
                    findings.push(Finding::warning("service/reserved-port", item.span, message));
                }
            }
            _ => findings.push(Finding::error(
                "service/bad-port",
                item.span,
                "a service needs a `port` from 0 to 65535",
            )),
        }
    }
}

fn hba(list: &Node, findings: &mut Vec<Finding>) {
    for item in items(list, "HBA rule", findings) {
        if item.get("rules").is_some() {
            continue;
        }
        match item.get("addr").and_then(Node::text) {
            None => findings.push(
                Finding::error("hba/no-addr", item.span, "an HBA rule needs `rules` or `addr`")
                    .help("add `addr: intra`, or raw lines under `rules`"),
            ),
            Some(addr) if ADDR.contains(&addr) || is_cidr(addr) => {}
            Some(addr) => findings.push(
                Finding::error(
                    "hba/bad-addr",
                    item.span,
                    format!("`{addr}` is not an address alias or IPv4 CIDR"),
                )
                .help(format!("use one of {}, or a.b.c.d/nn, or raw `rules`", ADDR.join(", "))),
            ),
        }
        if let Some(auth) = item.get("auth").and_then(Node::text)
            && !AUTH.contains(&auth)
        {
            let message = format!("`{auth}` is not a known authentication alias");
            findings.push(
                Finding::error("hba/bad-auth", item.span, message)
                    .help(format!("use one of {}", AUTH.join(", "))),
            );
        }
    }
}

fn is_cidr(text: &str) -> bool {
    match text.split_once('/') {
        None => text.parse::<NodeAddr>().is_ok(),
        Some((addr, bits)) => {
            addr.parse::<NodeAddr>().is_ok() && bits.parse::<u8>().is_ok_and(|bits| bits <= 32)
        }
    }
}
