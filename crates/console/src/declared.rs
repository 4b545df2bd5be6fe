//! What the inventory says of a cluster, for its page, and of all hosts, for the nodes page. Passwords stay behind.

use crate::inventory::Current;
use crate::offers::{groups_of, offer};
use crate::policy::{Action, Target, verdict};
use crate::problems::no_cluster;
use crate::{Actor, Console};
use paddock_events::{ClusterDeclared, DeclaredDatabase, DeclaredUser, NodeRow, NodesPage, Problem};
use paddock_inventory::{Cluster, Inventory, Map, NodeAddr, Value, Vars};
use std::collections::{BTreeMap, BTreeSet};

/// Hosts that a form suggests, and hosts that the nodes page shows.
const SUGGESTED: usize = 200;
const SHOWN: usize = 500;

/// Modules by a variable that only their hosts have.
const MODULES: [(&str, &str); 5] = [
    ("infra_seq", "INFRA"),
    ("etcd_seq", "ETCD"),
    ("minio_seq", "MINIO"),
    ("redis_node", "REDIS"),
    ("pg_seq", "PGSQL"),
];

impl Console {
    /// Users, databases and what the forms of a cluster's page need.
    pub async fn cluster_declared(&self, actor: &Actor, name: &str) -> Result<ClusterDeclared, Problem> {
        self.gate(actor, Action::See, Target::Cluster(name), format!("cluster {name}")).await?;
        let (Current { revision, inventory, .. }, name) = self.declared(name).await?;
        let cluster = inventory.cluster(&name).ok_or_else(|| no_cluster(name.as_str()))?;
        let first = cluster.instances.first().map(|first| inventory.vars(first.addr)).unwrap_or_default();
        let vars = |addr| inventory.vars(addr);
        let upstreams = cluster.instances.iter().map(|one| vars(one.addr).text("pg_upstream"));
        let primary = cluster.instances.iter().zip(upstreams).find_map(|(one, upstream)| {
            upstream.filter(|_| one.role == paddock_inventory::InstanceRole::Primary)
        });
        let edits = actor.may(Action::Edit, Target::Cluster(name.as_str()));
        let sees_hosts = edits || actor.may(Action::See, Target::Everything);
        Ok(ClusterDeclared {
            base: revision,
            users: maps(&first, "pg_users").filter_map(|map| user(name.as_str(), map)).collect(),
            databases: maps(&first, "pg_databases").filter_map(|map| database(name.as_str(), map)).collect(),
            // They are of no cluster; who adds an instance must choose one all the same.
            free_hosts: if sees_hosts { free_hosts(&inventory) } else { Vec::new() },
            next_seq: cluster.instances.iter().map(|one| one.id.seq).max().unwrap_or(0).saturating_add(1),
            safeguarded: cluster
                .instances
                .iter()
                .any(|one| vars(one.addr).bool("pg_safeguard").unwrap_or(false)),
            upstream: primary,
            port: first.int("pg_port").and_then(|port| u16::try_from(port).ok()).unwrap_or(5432),
            others: inventory
                .clusters()
                .keys()
                .filter(|one| **one != name && actor.may(Action::See, Target::Cluster(one.as_str())))
                .map(ToString::to_string)
                .collect(),
            may_edit: verdict(actor, Action::Edit, Target::Cluster(name.as_str()), None),
        })
    }

    /// The hosts that the actor sees whose address, group or instance contains `needle`. One without a cluster is seen
    /// with everything only.
    pub async fn nodes(&self, actor: &Actor, needle: &str) -> Result<NodesPage, Problem> {
        self.gate(actor, Action::See, Target::Anywhere, "the nodes").await?;
        let Some(current) = self.current().await? else {
            return Ok(NodesPage { rows: Vec::new(), matching: 0, all: 0 });
        };
        let inventory = &current.inventory;
        let mut groups: BTreeMap<NodeAddr, Vec<String>> = BTreeMap::new();
        for group in inventory.groups() {
            for host in &group.hosts {
                groups.entry(*host).or_default().push(group.name.0.clone());
            }
        }
        let mut instances = BTreeMap::new();
        for cluster in inventory.clusters().values() {
            for one in &cluster.instances {
                instances
                    .insert(one.addr, (cluster.name.to_string(), one.id.to_string(), one.role.to_string()));
            }
        }
        let hosts = inventory.hosts().into_iter().map(|host| (host, inventory.cluster_on(host)));
        let hosts: Vec<_> =
            hosts.filter(|(_, cluster)| actor.may(Action::See, Target::node(cluster.as_ref()))).collect();
        let needle = needle.trim().to_lowercase();
        let mut page = NodesPage { rows: Vec::new(), matching: 0, all: hosts.len() };
        for (host, cluster) in hosts {
            let addr = host.to_string();
            let groups = groups.remove(&host).unwrap_or_default();
            let instance = instances.remove(&host);
            let instance_name = instance.as_ref().map(|one: &(String, String, String)| &one.1);
            let matches = |text: &String| text.to_lowercase().contains(&needle);
            if !(matches(&addr) || instance_name.is_some_and(matches) || groups.iter().any(matches)) {
                continue;
            }
            page.matching += 1;
            if page.rows.len() < SHOWN {
                // The planner counts a node that all lean on as everything, whatever cluster is there.
                let target = Target::node(cluster.as_ref().filter(|_| !inventory.is_shared(host)));
                page.rows.push(NodeRow {
                    modules: modules(&inventory.vars(host)),
                    instance,
                    groups,
                    add: offer("add", &["bin/node-add", &addr]),
                    remove: offer("remove", &["bin/node-rm", &addr]),
                    may_plan: verdict(actor, Action::Plan, target, None),
                    addr,
                });
            }
        }
        Ok(page)
    }
}

fn modules(vars: &Vars) -> Vec<String> {
    let own = MODULES.iter().filter(|(variable, _)| vars.get(variable).is_some());
    std::iter::once("NODE").chain(own.map(|(_, module)| *module)).map(str::to_owned).collect()
}

pub(crate) fn free_hosts(inventory: &Inventory) -> Vec<(String, String)> {
    let of = |cluster: &Cluster| cluster.instances.iter().map(|one| one.addr).collect::<Vec<_>>();
    let taken: BTreeSet<NodeAddr> = inventory.clusters().values().flat_map(of).collect();
    let hosts: BTreeSet<NodeAddr> = inventory.hosts().into_iter().collect();
    let free = hosts.difference(&taken).take(SUGGESTED);
    free.map(|host| (host.to_string(), groups_of(inventory, *host).join(", "))).collect()
}

fn maps<'a>(vars: &'a Vars, name: &str) -> impl Iterator<Item = &'a Map> {
    vars.list(name).unwrap_or_default().iter().filter_map(Value::as_map)
}

fn text(map: &Map, key: &str) -> Option<String> {
    map.get(key).filter(|value| !matches!(value, Value::Null)).map(Value::to_text)
}

/// Names in a list, whose items are texts or mappings with a `name`.
fn names(map: &Map, key: &str) -> Vec<String> {
    let Some(Value::List(items)) = map.get(key) else { return Vec::new() };
    let name = |item: &Value| match item {
        Value::Map(map) => text(map, "name"),
        item => Some(item.to_text()),
    };
    items.iter().filter_map(name).collect()
}

fn flag(map: &Map, key: &str) -> Option<bool> {
    map.get(key).and_then(Value::as_bool)
}

fn user(cluster: &str, map: &Map) -> Option<DeclaredUser> {
    let name = text(map, "name")?;
    let on = |key: &'static str| (flag(map, key) == Some(true)).then(|| key.to_owned());
    let off = |key: &str, words: &str| (flag(map, key) == Some(false)).then(|| words.to_owned());
    let attributes = [
        on("superuser"),
        on("createdb"),
        on("createrole"),
        on("replication"),
        on("bypassrls"),
        off("login", "no login"),
        off("inherit", "no inherit"),
        text(map, "expire_at").map(|at| format!("until {at}")),
    ];
    Some(DeclaredUser {
        roles: names(map, "roles"),
        pgbouncer: flag(map, "pgbouncer") == Some(true),
        attributes: attributes.into_iter().flatten().collect(),
        comment: text(map, "comment").unwrap_or_default(),
        absent: text(map, "state").as_deref() == Some("absent"),
        offer: offer(format!("user/{name}"), &["bin/pgsql-user", cluster, &name]),
        name,
    })
}

fn database(cluster: &str, map: &Map) -> Option<DeclaredDatabase> {
    let name = text(map, "name")?;
    let state = text(map, "state");
    Some(DeclaredDatabase {
        owner: text(map, "owner"),
        extensions: names(map, "extensions"),
        baseline: text(map, "baseline"),
        comment: text(map, "comment").unwrap_or_default(),
        absent: state.as_deref() == Some("absent"),
        recreated: state.as_deref() == Some("recreate"),
        offer: offer(format!("database/{name}"), &["bin/pgsql-db", cluster, &name]),
        name,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "all:\n  children:\n    etcd: { hosts: { 10.0.0.9: { etcd_seq: 1 } } }\n    pg-test:\n      hosts: { 10.0.0.1: { pg_seq: 1, pg_role: primary } }\n      vars:\n        pg_cluster: pg-test\n        pg_users:\n          - { name: app, password: Sup3rSecret, pgbouncer: true, roles: [dbrole_admin], createdb: yes }\n          - { name: old, state: absent, login: no }\n        pg_databases:\n          - { name: app, owner: app, extensions: [postgis, { name: vector }], baseline: app.sql }\n          - { name: gone, state: absent }\n";

    #[test]
    fn users_and_databases_are_told_without_their_secrets() {
        let inventory = Inventory::read(TEXT).0;
        let vars = inventory.vars("10.0.0.1".parse().unwrap());
        let users: Vec<_> = maps(&vars, "pg_users").filter_map(|map| user("pg-test", map)).collect();
        assert_eq!(
            (users[0].attributes.as_slice(), users[0].pgbouncer),
            (&["createdb".to_owned()][..], true)
        );
        assert_eq!((users[1].attributes.as_slice(), users[1].absent), (&["no login".to_owned()][..], true));
        assert_eq!(users[0].offer.as_ref().unwrap().script, "bin/pgsql-user pg-test app");
        assert!(!format!("{users:?}").contains("Sup3r"));
        let databases: Vec<_> =
            maps(&vars, "pg_databases").filter_map(|map| database("pg-test", map)).collect();
        assert_eq!(databases[0].extensions, ["postgis", "vector"]);
        assert!(databases[1].absent && databases[1].offer.is_some());
    }

    #[test]
    fn hosts_without_an_instance_are_free_and_modules_are_told_by_their_variables() {
        let inventory = Inventory::read(TEXT).0;
        assert_eq!(free_hosts(&inventory), [("10.0.0.9".to_owned(), "etcd".to_owned())]);
        let of = |addr: &str| modules(&inventory.vars(addr.parse().unwrap()));
        assert_eq!(
            (of("10.0.0.9"), of("10.0.0.1")),
            (vec!["NODE".into(), "ETCD".into()], vec!["NODE".into(), "PGSQL".into()])
        );
    }
}
