//! From the document to groups, hosts, variables and clusters.

use crate::document::{self, Kind, Node};
use crate::model::Layer;
use crate::typing;
use crate::validate;
use crate::{
    Cluster, Finding, Group, GroupName, Instance, InstanceId, InstanceRole, Inventory, Level, Map, NodeAddr,
    Resolved, Span, Value, Vars,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A group as written, before resolution.
pub(crate) struct RawGroup<'a> {
    pub(crate) name: &'a str,
    pub(crate) key: Span,
    pub(crate) hosts: Vec<RawHost<'a>>,
    pub(crate) vars: Option<&'a Node>,
    pub(crate) children: Vec<&'a str>,
    pub(crate) depth: usize,
    pub(crate) node: &'a Node,
}

/// A host entry as written.
pub(crate) struct RawHost<'a> {
    pub(crate) addr: NodeAddr,
    pub(crate) key: Span,
    pub(crate) vars: Option<&'a Node>,
}

impl Inventory {
    /// Reads a text as far as it can be read. Never fails: what cannot be read is a finding, and the rest is there.
    pub fn read(text: impl Into<String>) -> (Self, Vec<Finding>) {
        let text = text.into();
        let mut findings = Vec::new();
        let root = match document::parse(&text) {
            Ok(root) => root,
            Err(error) => {
                findings.push(
                    Finding::error(
                        "yaml/syntax",
                        error.span,
                        format!("not readable as YAML: {}", error.message),
                    )
                    .help("right the syntax at this place; nothing else is checked before that"),
                );
                return (Self { text, broken: true, ..Self::default() }, findings);
            }
        };
        let mut inventory = Self { text, ..Self::default() };
        let raw = raw_groups(&root, &mut findings);
        inventory.resolve(&root, &raw);
        validate::check(&inventory, &root, &raw, &mut findings);
        findings.sort_by(|a, b| (a.span.start, a.code, &a.message).cmp(&(b.span.start, b.code, &b.message)));
        // What an alias repeats is said once.
        findings.dedup();
        (inventory, findings)
    }

    /// The text, byte for byte as it was read.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether the text could not be parsed at all.
    pub fn is_broken(&self) -> bool {
        self.broken
    }

    /// All groups in document order, nested ones after their parent.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// A group by name.
    pub fn group(&self, name: &str) -> Option<&Group> {
        self.groups.iter().find(|group| group.name.0 == name)
    }

    /// All hosts, sorted.
    pub fn hosts(&self) -> Vec<NodeAddr> {
        self.vars.keys().copied().collect()
    }

    /// All clusters: hosts grouped by their resolved `pg_cluster`.
    pub fn clusters(&self) -> &BTreeMap<crate::ClusterName, Cluster> {
        &self.clusters
    }

    /// A cluster by name.
    pub fn cluster(&self, name: &crate::ClusterName) -> Option<&Cluster> {
        self.clusters.get(name)
    }

    /// The variables of a host; empty when the host is not in the inventory.
    pub fn vars(&self, host: NodeAddr) -> Vars {
        self.vars.get(&host).cloned().unwrap_or_default()
    }

    /// The same without a copy.
    pub(crate) fn vars_of(&self, host: NodeAddr) -> &Vars {
        static NONE: Vars = Vars { layers: Vec::new() };
        self.vars.get(&host).unwrap_or(&NONE)
    }

    /// The variables of a host below extra vars.
    pub fn vars_with(&self, host: NodeAddr, extra: &Map) -> Vars {
        self.vars(host).with_extra(extra)
    }

    /// `all.vars`.
    pub fn global_vars(&self) -> Vars {
        Vars { layers: self.globals.iter().cloned().collect() }
    }

    /// The hosts of a group and of the groups nested under it, sorted.
    pub fn members_of_group(&self, name: &str) -> Vec<NodeAddr> {
        let mut found = BTreeSet::new();
        let mut seen = BTreeSet::new();
        let mut open = vec![name.to_owned()];
        while let Some(name) = open.pop() {
            if !seen.insert(name.clone()) {
                continue;
            }
            if let Some(group) = self.group(&name) {
                found.extend(group.hosts.iter().copied());
                open.extend(group.children.iter().map(|child| child.0.clone()));
            }
        }
        found.into_iter().collect()
    }

    fn resolve(&mut self, root: &Node, raw: &[RawGroup<'_>]) {
        let globals = root.get("all").and_then(|all| all.get("vars")).map(|node| layer(node, &Level::Global));
        self.globals = globals;
        let mut layers: BTreeMap<&str, (usize, i64, Layer)> = BTreeMap::new();
        for group in raw {
            let level = Level::Group(GroupName(group.name.to_owned()));
            let vars = group.vars.map(|node| layer(node, &level)).unwrap_or_default();
            let priority =
                vars.get("ansible_group_priority").and_then(|resolved| resolved.value.as_int()).unwrap_or(1);
            layers.insert(group.name, (group.depth, priority, vars));
        }
        let parents = parents_of(raw);
        let mut groups_of: BTreeMap<NodeAddr, BTreeSet<&str>> = BTreeMap::new();
        let mut host_layers: BTreeMap<NodeAddr, Vec<Layer>> = BTreeMap::new();
        for group in raw {
            for host in &group.hosts {
                let of = groups_of.entry(host.addr).or_default();
                let mut open = vec![group.name];
                while let Some(name) = open.pop() {
                    if of.insert(name) {
                        open.extend(parents.get(name).into_iter().flatten());
                    }
                }
                let own = host_layers.entry(host.addr).or_default();
                if let Some(vars) = host.vars {
                    own.push(layer(vars, &Level::Host(GroupName(group.name.to_owned()))));
                }
            }
        }
        for (addr, names) in groups_of {
            let mut ordered: Vec<(usize, i64, &str, &Layer)> = names
                .iter()
                .filter_map(|name| {
                    layers.get(name).map(|(depth, priority, vars)| (*depth, *priority, *name, vars))
                })
                .filter(|(_, _, _, vars)| !vars.is_empty())
                .collect();
            ordered.sort_by_key(|(depth, priority, name, _)| (*depth, *priority, *name));
            let mut all: Vec<Layer> = self.globals.iter().cloned().collect();
            all.extend(ordered.into_iter().map(|(_, _, _, vars)| Arc::clone(vars)));
            all.extend(host_layers.remove(&addr).unwrap_or_default());
            self.vars.insert(addr, Vars { layers: all });
        }
        self.groups = raw
            .iter()
            .map(|group| Group {
                name: GroupName(group.name.to_owned()),
                hosts: group.hosts.iter().map(|host| host.addr).collect(),
                children: group.children.iter().map(|name| GroupName((*name).to_owned())).collect(),
                vars: group.vars.map(typing::map).unwrap_or_default(),
                key: group.key,
                span: group.node.span,
            })
            .collect();
        self.collect_clusters(raw);
    }

    fn collect_clusters(&mut self, raw: &[RawGroup<'_>]) {
        let mut seen = BTreeSet::new();
        for group in raw {
            for host in &group.hosts {
                let vars = &self.vars[&host.addr];
                let Some(name) =
                    vars.text("pg_cluster").and_then(|name| name.parse::<crate::ClusterName>().ok())
                else {
                    continue;
                };
                let cluster = self.clusters.entry(name.clone()).or_insert_with(|| Cluster {
                    name: name.clone(),
                    groups: Vec::new(),
                    instances: Vec::new(),
                });
                let identified = vars.int("pg_seq").and_then(|seq| u32::try_from(seq).ok());
                let role = vars.text("pg_role").and_then(|role| role.parse::<InstanceRole>().ok());
                // A host is listed in several groups; the one that gives it an instance number names the cluster's group.
                let here = host.vars.is_some_and(|vars| vars.get("pg_seq").is_some());
                if here && !cluster.groups.iter().any(|known| known.0 == group.name) {
                    cluster.groups.push(GroupName(group.name.to_owned()));
                }
                if let (Some(seq), Some(role)) = (identified, role)
                    && seen.insert(host.addr)
                {
                    let id = InstanceId { cluster: name, seq };
                    cluster.instances.push(Instance { id, addr: host.addr, role, span: host.key });
                } else if here && let Some(known) = cluster.instances.iter_mut().find(|i| i.addr == host.addr)
                {
                    known.span = host.key;
                }
            }
        }
        for cluster in self.clusters.values_mut() {
            cluster.instances.sort_by_key(|instance| (instance.id.seq, instance.addr));
        }
    }
}

fn parents_of<'a>(raw: &[RawGroup<'a>]) -> BTreeMap<&'a str, Vec<&'a str>> {
    let mut parents: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for group in raw {
        for child in &group.children {
            parents.entry(child).or_default().push(group.name);
        }
    }
    parents
}

fn layer(node: &Node, level: &Level) -> Layer {
    let mut values = BTreeMap::new();
    for (key, value) in typing::map(node).0 {
        let name = key.to_text();
        let span = node.get(&name).map(|value| value.span);
        values.insert(name, Resolved { value, level: level.clone(), span });
    }
    Arc::new(values)
}

/// Walks `all.children` and nested groups; reports what is not of the right shape.
pub(crate) fn raw_groups<'a>(root: &'a Node, findings: &mut Vec<Finding>) -> Vec<RawGroup<'a>> {
    let mut groups = Vec::new();
    let Some(all) = root.get("all").filter(|all| all.is_map()) else {
        findings.push(
            Finding::error("file/no-all", root.span, "the inventory has no `all` mapping at its root")
                .help("begin with `all:` and put `children:` and `vars:` under it"),
        );
        return groups;
    };
    match all.get("children") {
        Some(children) if children.is_map() => walk(children, 1, &mut groups, findings),
        other => {
            let span = other.map_or(all.span, |node| node.span);
            findings.push(
                Finding::error("file/no-children", span, "`all.children` is not a mapping of groups")
                    .help("declare groups under `all.children`, each with `hosts:` and `vars:`"),
            );
        }
    }
    groups
}

fn walk<'a>(children: &'a Node, depth: usize, groups: &mut Vec<RawGroup<'a>>, findings: &mut Vec<Finding>) {
    for (key, node) in children.entries() {
        let Some(name) = key.text() else {
            findings.push(
                Finding::error("group/bad-name", key.span, "a group's name must be a word")
                    .help("write `name:` with the group's parts below it"),
            );
            continue;
        };
        let hosts = node.get("hosts").map(|hosts| raw_hosts(hosts, name, findings)).unwrap_or_default();
        let nested = node.get("children").filter(|nested| nested.is_map());
        let names = nested.map(|nested| nested.entries().iter().filter_map(|(key, _)| key.text()).collect());
        let vars = node.get("vars").filter(|vars| vars.is_map());
        let children = names.unwrap_or_default();
        groups.push(RawGroup { name, key: key.span, hosts, vars, children, depth, node });
        if let Some(nested) = nested {
            walk(nested, depth + 1, groups, findings);
        }
    }
}

fn raw_hosts<'a>(hosts: &'a Node, group: &str, findings: &mut Vec<Finding>) -> Vec<RawHost<'a>> {
    let mut found = Vec::new();
    match &hosts.kind {
        Kind::Map { entries, .. } => {
            for (key, vars) in entries {
                let vars_map = Some(vars).filter(|vars| vars.is_map());
                if vars_map.is_none() && !vars.is_null() {
                    findings.push(
                        Finding::error("host/bad-vars", vars.span, "a host's variables must be a mapping")
                            .help("write `10.10.10.11: { pg_seq: 1, pg_role: primary }`"),
                    );
                }
                let name = typing::value(key).to_text();
                add_host(&name, key.span, vars_map, group, &mut found, findings);
            }
        }
        Kind::Scalar { text, .. } if !hosts.is_null() => {
            add_host(text, hosts.span, None, group, &mut found, findings);
        }
        Kind::Scalar { .. } | Kind::List { .. } => {}
    }
    found
}

fn add_host<'a>(
    name: &str,
    key: Span,
    vars: Option<&'a Node>,
    group: &str,
    found: &mut Vec<RawHost<'a>>,
    findings: &mut Vec<Finding>,
) {
    let Some(names) = expand_range(name) else {
        findings.push(
            Finding::error("host/bad-range", key, format!("`{name}` is not a usable range of hosts"))
                .help("write `10.10.10.[11:13]`, from the lower to the higher, at most 1024 hosts"),
        );
        return;
    };
    for name in names {
        match name.parse::<NodeAddr>() {
            Ok(addr) => found.push(RawHost { addr, key, vars }),
            Err(_) => findings.push(
                Finding::error(
                    "host/bad-address",
                    key,
                    format!("host `{name}` of group `{group}` is not an IPv4 address"),
                )
                .help("hosts are keyed by IPv4 address; to reach it by another name set `ansible_host`"),
            ),
        }
    }
}

/// Ansible's `10.0.0.[11:13]`; a name without a range is itself. None when the range is unusable.
fn expand_range(name: &str) -> Option<Vec<String>> {
    let Some(open) = name.find('[') else { return Some(vec![name.to_owned()]) };
    let close = open + name[open..].find(']')?;
    let (from, to) = name[open + 1..close].split_once(':')?;
    let (first, last): (u32, u32) = (from.parse().ok()?, to.parse().ok()?);
    if last < first || last - first > 1024 {
        return None;
    }
    let mut out = Vec::new();
    for number in first..=last {
        out.extend(expand_range(&format!("{}{number}{}", &name[..open], &name[close + 1..]))?);
    }
    Some(out)
}

/// The value under a path of keys, for validation.
pub(crate) fn typed(node: &Node) -> Value {
    typing::value(node)
}
