//! Which clusters an edit reaches: what it takes to let somebody edit the text who may change some clusters only.
//!
//! It is looked at twice, as text and as what the text means: an edit inside of one cluster's lines may change another
//! one (an anchor, a host of both, another `pg_cluster`), and one outside may mean nothing now and a lot later. What
//! cannot be laid to clusters is laid to everything.

use crate::model::Layer;
use crate::{Cluster, ClusterName, GroupName, Inventory, NodeAddr, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

/// Variables of hosts that all clusters lean on: etcd, monitoring, the object store.
const SHARED: [&str; 3] = ["etcd_seq", "infra_seq", "minio_seq"];

/// The lines of a group that declares a cluster: from its name to the last line of its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterLines {
    /// The group.
    pub group: GroupName,
    /// Lines, counted from 0.
    pub lines: Range<usize>,
    /// The clusters of its hosts and the one that it names itself.
    pub clusters: BTreeSet<ClusterName>,
}

impl Inventory {
    /// The lines of every group that sets `pg_cluster` for its hosts, in document order. Groups that stand on one line
    /// have that line in common.
    pub fn cluster_lines(&self) -> Vec<ClusterLines> {
        let lines: Vec<&str> = self.text.lines().collect();
        let mut out = Vec::new();
        for group in &self.groups {
            let Some(named) = group.vars.get("pg_cluster").map(Value::to_text) else { continue };
            let mut clusters: BTreeSet<ClusterName> = named.parse().into_iter().collect();
            clusters.extend(
                self.members_of_group(&group.name.0).into_iter().flat_map(|host| self.cluster_on(host)),
            );
            let first = (group.key.line as usize).saturating_sub(1);
            let indent = lines.get(first).map_or(0, |line| indent(line));
            let mut end = first + 1;
            for (at, line) in lines.iter().enumerate().skip(first + 1) {
                if is_content(line) {
                    if self::indent(line) <= indent {
                        break;
                    }
                    end = at + 1;
                }
            }
            out.push(ClusterLines { group: group.name.clone(), lines: first..end, clusters });
        }
        out
    }

    /// The cluster of a host, also while the host has no number in it.
    pub fn cluster_on(&self, host: NodeAddr) -> Option<ClusterName> {
        self.vars_of(host).text("pg_cluster").and_then(|name| name.parse().ok())
    }

    /// Whether all clusters lean on a host: etcd, monitoring or the object store is there.
    pub fn is_shared(&self, host: NodeAddr) -> bool {
        SHARED.iter().any(|name| self.vars_of(host).get(name).is_some())
    }

    /// What is written outside of the groups of clusters, comments and empty lines apart.
    fn rest(&self) -> Vec<&str> {
        let taken = self.cluster_lines();
        let outside = |at: &usize| !taken.iter().any(|one| one.lines.contains(at));
        let lines = self.text.lines().enumerate();
        lines.filter(|(at, line)| is_content(line) && outside(at)).map(|(_, line)| line).collect()
    }

    /// The lines and the clusters of each such group.
    fn written(&self) -> BTreeMap<GroupName, (Vec<&str>, BTreeSet<ClusterName>)> {
        let lines: Vec<&str> = self.text.lines().collect();
        let mut out: BTreeMap<GroupName, (Vec<&str>, BTreeSet<ClusterName>)> = BTreeMap::new();
        for one in self.cluster_lines() {
            let entry = out.entry(one.group).or_default();
            entry.0.extend(lines.get(one.lines).unwrap_or_default());
            entry.1.extend(one.clusters);
        }
        out
    }

    /// The values of a host below the global ones, lowest precedence first.
    fn own_values(&self, host: NodeAddr) -> Vec<BTreeMap<&str, &Value>> {
        let global = |layer: &Layer| self.globals.as_ref().is_some_and(|globals| Arc::ptr_eq(globals, layer));
        self.vars_of(host).layers.iter().filter(|layer| !global(layer)).map(values).collect()
    }
}

/// The clusters that an edit changes, adds or removes; empty when it changes comments and blanks between them only.
/// None when it reaches beyond clusters (global variables, other groups, hosts of no cluster or of all), or when one of
/// the two cannot be read.
pub fn clusters_reached(before: &Inventory, after: &Inventory) -> Option<BTreeSet<ClusterName>> {
    if before.is_broken() || after.is_broken() || before.rest() != after.rest() {
        return None;
    }
    if before.globals.as_ref().map(values) != after.globals.as_ref().map(values) {
        return None;
    }
    let mut reached = BTreeSet::new();
    let (was, is) = (before.written(), after.written());
    for group in was.keys().chain(is.keys()) {
        let (was, is) = (was.get(group), is.get(group));
        if was.map(|(lines, _)| lines) != is.map(|(lines, _)| lines) {
            reached.extend(was.into_iter().chain(is).flat_map(|(_, clusters)| clusters.iter().cloned()));
        }
    }
    let hosts: BTreeSet<NodeAddr> = before.vars.keys().chain(after.vars.keys()).copied().collect();
    for host in hosts {
        if before.own_values(host) == after.own_values(host) {
            continue;
        }
        let of: Vec<ClusterName> =
            before.cluster_on(host).into_iter().chain(after.cluster_on(host)).collect();
        if of.is_empty() || before.is_shared(host) || after.is_shared(host) {
            return None;
        }
        reached.extend(of);
    }
    let names: BTreeSet<&ClusterName> = before.clusters.keys().chain(after.clusters.keys()).collect();
    let differs = |name: &&&ClusterName| shape(before.cluster(name)) != shape(after.cluster(name));
    reached.extend(names.iter().filter(differs).map(|name| (*name).clone()));
    Some(reached)
}

/// A cluster without the places where it is written.
fn shape(cluster: Option<&Cluster>) -> Option<Vec<(u32, NodeAddr, String)>> {
    let instances = |cluster: &Cluster| {
        cluster.instances.iter().map(|one| (one.id.seq, one.addr, one.role.to_string())).collect()
    };
    cluster.map(instances)
}

fn values(layer: &Layer) -> BTreeMap<&str, &Value> {
    layer.iter().map(|(name, resolved)| (name.as_str(), &resolved.value)).collect()
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

fn is_content(line: &str) -> bool {
    let line = line.trim_start();
    !line.is_empty() && !line.starts_with('#')
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "all:
  children:
    etcd:
      hosts: { 10.0.0.9: { etcd_seq: 1 } }
    spare:
      hosts: { 10.0.0.8: {} }
    # the first
    pg-a:
      hosts:
        10.0.0.1: { pg_seq: 1, pg_role: primary }
      vars:
        pg_cluster: pg-a
        pg_users: &users
          - { name: app, password: Secret-A }

    pg-b:
      hosts:
        10.0.0.2: { pg_seq: 1, pg_role: primary }
      vars:
        pg_cluster: pg-b
        pg_users: *users
    pg-c:
      hosts: { 10.0.0.3: { pg_seq: 1, pg_role: primary } }
      vars: { pg_cluster: pg-c }
  vars:
    admin_ip: 10.0.0.9
";

    /// The reached clusters, or `everything`.
    fn check(edit: &[(&str, &str)], expect: &str) {
        let mut after = TEXT.to_owned();
        for (from, to) in edit {
            assert!(after.contains(from), "{from} is in the text");
            after = after.replacen(from, to, 1);
        }
        let reached = clusters_reached(&Inventory::read(TEXT).0, &Inventory::read(after.as_str()).0);
        let names = |reached: BTreeSet<ClusterName>| {
            reached.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(reached.map_or_else(|| "everything".to_owned(), names), expect, "{after}");
    }

    #[test]
    fn an_edit_is_laid_to_the_clusters_that_it_changes() {
        check(&[], "");
        check(&[("# the first", "# the very first")], "");
        check(&[("pg_cluster: pg-c }", "pg_cluster: pg-c, pg_port: 5433 }")], "pg-c");
        check(
            &[(
                "10.0.0.2: { pg_seq: 1, pg_role: primary }",
                "10.0.0.2: { pg_seq: 1, pg_role: primary } # mine",
            )],
            "pg-b",
        );
        check(&[("vars: { pg_cluster: pg-c }", "vars: { pg_cluster: pg-d }")], "pg-c pg-d");
        let new = "    pg-d:\n      hosts: { 10.0.0.4: { pg_seq: 1, pg_role: primary } }\n      vars: { pg_cluster: pg-d }\n  vars:\n";
        check(&[("  vars:\n    admin", &format!("{new}    admin"))], "pg-d");
    }

    #[test]
    fn what_a_clusters_lines_do_to_another_one_is_laid_to_both() {
        check(&[("Secret-A", "Other")], "pg-a pg-b");
        // A host of another cluster, and the other cluster's name.
        let host = "10.0.0.3: { pg_seq: 1, pg_role: primary } }";
        check(&[(host, "10.0.0.3: { pg_seq: 1, pg_role: primary }, 10.0.0.2: { x: 1 } }")], "pg-b pg-c");
        check(&[("vars: { pg_cluster: pg-c }", "vars: { pg_cluster: pg-b }")], "pg-b pg-c");
    }

    #[test]
    fn what_is_of_no_cluster_or_of_all_is_everything() {
        check(&[("admin_ip: 10.0.0.9", "admin_ip: 10.0.0.8")], "everything");
        check(&[("etcd_seq: 1", "etcd_seq: 2")], "everything");
        check(&[("10.0.0.8: {}", "10.0.0.8: { a: 1 }")], "everything");
        check(&[("all:", "more: 1\nall:")], "everything");
        check(&[("pg_cluster: pg-c }", "pg_cluster: [ }")], "everything");
        // A host that all lean on, from inside of a cluster's lines; and a free one, which is taken.
        let host = "10.0.0.3: { pg_seq: 1, pg_role: primary } }";
        check(
            &[(host, "10.0.0.3: { pg_seq: 1, pg_role: primary }, 10.0.0.9: { etcd_seq: 3 } }")],
            "everything",
        );
        check(
            &[(
                host,
                "10.0.0.3: { pg_seq: 1, pg_role: primary }, 10.0.0.8: { pg_seq: 2, pg_role: replica } }",
            )],
            "pg-c",
        );
        // A group of another kind does not become a cluster's.
        check(
            &[("hosts: { 10.0.0.8: {} }", "hosts: { 10.0.0.8: {} }\n      vars: { pg_cluster: pg-x }")],
            "everything",
        );
    }

    #[test]
    fn groups_on_one_line_are_changed_together() {
        let one = |port: u16| {
            let text = format!(
                "all: {{ children: {{ pg-a: {{ hosts: {{ 10.0.0.1: {{ pg_seq: 1, pg_role: primary }} }}, vars: {{ pg_cluster: pg-a, pg_port: {port} }} }}, pg-b: {{ hosts: {{ 10.0.0.2: {{ pg_seq: 1, pg_role: primary }} }}, vars: {{ pg_cluster: pg-b }} }} }} }}\n"
            );
            Inventory::read(text).0
        };
        let reached = clusters_reached(&one(1), &one(2)).unwrap();
        assert_eq!(reached.len(), 2, "{reached:?}");
    }
}
