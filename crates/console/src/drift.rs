//! What the inventory says and what runs, side by side, each difference with the operation that would close it; and which
//! clusters come from which.

use crate::clusters::declared_of;
use crate::offers::offer;
use crate::policy::{Action, Target};
use crate::{Actor, Console};
use paddock_events::{ClusterLink, DriftPage, DriftRow, HealthLevel, LinkKind, Problem};
use paddock_inventory::{Cluster, ClusterName, InstanceRole, Inventory, NodeAddr, Value};
use paddock_live::{Close, Declared, Difference, drift};

impl Console {
    /// The differences of one cluster, or of all in the actor's scope when it is not named. From the last pictures: nothing is
    /// asked of the nodes for it.
    pub async fn drift(&self, actor: &Actor, cluster: &str) -> Result<DriftPage, Problem> {
        let mut page =
            DriftPage { rows: Vec::new(), compared: Vec::new(), unread: Vec::new(), oldest_us: None };
        let (current, only) = if cluster.is_empty() {
            self.gate(actor, Action::See, Target::Anywhere, "the drift").await?;
            let Some(current) = self.current().await? else { return Ok(page) };
            (current, None)
        } else {
            self.gate(actor, Action::See, Target::Cluster(cluster), format!("drift of {cluster}")).await?;
            let (current, name) = self.declared(cluster).await?;
            (current, Some(name))
        };
        let inventory = &current.inventory;
        let wanted = inventory.clusters().values().filter(|one| {
            only.as_ref().is_none_or(|only| *only == one.name)
                && actor.may(Action::See, Target::Cluster(one.name.as_str()))
        });
        for cluster in wanted {
            let name = cluster.name.as_str();
            let (version, standby) = declared_of(inventory, cluster);
            let declared = Declared { version: &version, standby };
            let read = self.inner.live.with(name, |seen, _| {
                let seen = seen?;
                match seen.health {
                    HealthLevel::NotCreated => Some(Ok((vec![absent(cluster)], seen.at_us))),
                    HealthLevel::Unknown => Some(Err(seen.reasons.join("; "))),
                    _ => Some(Ok((drift(seen, declared), seen.at_us))),
                }
            });
            match read.flatten() {
                None => page.unread.push((name.to_owned(), "not looked at yet".to_owned())),
                Some(Err(why)) => page.unread.push((name.to_owned(), why)),
                Some(Ok((found, at_us))) => {
                    page.compared.push(name.to_owned());
                    page.oldest_us = Some(page.oldest_us.map_or(at_us, |oldest| oldest.min(at_us)));
                    page.rows.extend(found.into_iter().map(|one| row(cluster, one)));
                }
            }
        }
        Ok(page)
    }

    /// The clusters in the actor's scope that one comes from, and those that come from it.
    pub(crate) fn links(&self, actor: &Actor, inventory: &Inventory, cluster: &Cluster) -> Vec<ClusterLink> {
        let link = |other: &ClusterName, kind, source| {
            let health =
                self.inner.live.with(other.as_str(), |seen, _| seen.map(|seen| seen.health)).flatten();
            let health = health.unwrap_or(HealthLevel::Unknown);
            ClusterLink { cluster: other.to_string(), kind, source, health }
        };
        let mut out: Vec<_> =
            sources(inventory, cluster).iter().map(|(other, kind)| link(other, *kind, true)).collect();
        for other in inventory.clusters().values() {
            let from = sources(inventory, other).into_iter().filter(|(source, _)| *source == cluster.name);
            out.extend(from.map(|(_, kind)| link(&other.name, kind, false)));
        }
        out.retain(|link| actor.may(Action::See, Target::Cluster(&link.cluster)));
        out
    }
}

/// Where a cluster comes from, as the inventory says: another cluster that is declared, too.
fn sources(inventory: &Inventory, cluster: &Cluster) -> Vec<(ClusterName, LinkKind)> {
    let mut out = Vec::new();
    for one in cluster.instances.iter().filter(|one| one.role == InstanceRole::Primary) {
        let vars = inventory.vars(one.addr);
        let upstream = vars.text("pg_upstream").and_then(|addr| addr.parse::<NodeAddr>().ok());
        out.extend(
            upstream.and_then(|addr| inventory.cluster_on(addr)).map(|name| (name, LinkKind::Standby)),
        );
        let restored = vars.map("pg_pitr").and_then(|pitr| pitr.get("cluster")).map(Value::to_text);
        out.extend(restored.and_then(|name| name.parse().ok()).map(|name| (name, LinkKind::Clone)));
    }
    out.retain(|(name, _): &(ClusterName, _)| *name != cluster.name && inventory.cluster(name).is_some());
    out.sort();
    out.dedup();
    out
}

/// The difference of a cluster of which nothing runs.
fn absent(cluster: &Cluster) -> Difference {
    Difference {
        instance: String::new(),
        subject: "cluster",
        declared: cluster.instances.iter().map(|one| one.id.to_string()).collect::<Vec<_>>().join(", "),
        runs: "nothing".to_owned(),
        said: format!("{} is declared and does not run", cluster.name),
        close: Close::Add,
    }
}

fn row(cluster: &Cluster, one: Difference) -> DriftRow {
    let name = cluster.name.as_str();
    let addr = cluster.instances.iter().find(|known| known.id.to_string() == one.instance);
    let addr = addr.map(|known| known.addr.to_string()).unwrap_or_default();
    let primary = cluster.instances.iter().find(|known| known.role == InstanceRole::Primary);
    let primary = primary.map(|known| known.id.to_string()).unwrap_or_default();
    let (close, note) = match one.close {
        Close::Add if one.instance.is_empty() => (offer("create", &["bin/pgsql-add", name]), "Creates it."),
        Close::Add => (offer("add", &["bin/pgsql-add", name, &addr]), "Installs it and clones its data."),
        Close::SwitchOver => (
            offer("switchover", &["pg", "switchover", name, "--candidate", &primary]),
            "Or leave it: who leads changes, and the inventory may name who did at first.",
        ),
        Close::RestartPending => {
            (offer("restart-pending", &["pg", "restart", name, "--pending"]), "Its connections end.")
        }
        Close::Promote => (
            offer("promote", &["pg", "promote-cluster", name]),
            "Or declare its pg_upstream in the inventory.",
        ),
        Close::Declare => (None, "Declare in the inventory what runs: no operation makes this as declared."),
    };
    DriftRow {
        cluster: name.to_owned(),
        instance: one.instance,
        subject: one.subject.to_owned(),
        declared: one.declared,
        runs: one.runs,
        close,
        note: note.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "all:
  children:
    pg-a:
      hosts: { 10.0.0.1: { pg_seq: 1, pg_role: primary }, 10.0.0.2: { pg_seq: 2, pg_role: replica } }
      vars: { pg_cluster: pg-a }
    pg-dr:
      hosts: { 10.0.0.3: { pg_seq: 1, pg_role: primary, pg_upstream: 10.0.0.1 }, 10.0.0.4: { pg_seq: 2, pg_role: replica, pg_upstream: 10.0.0.3 } }
      vars: { pg_cluster: pg-dr }
    pg-copy:
      hosts: { 10.0.0.5: { pg_seq: 1, pg_role: primary } }
      vars: { pg_cluster: pg-copy, pg_pitr: { cluster: pg-a } }
    pg-odd:
      hosts: { 10.0.0.6: { pg_seq: 1, pg_role: primary, pg_upstream: 10.0.0.9 } }
      vars: { pg_cluster: pg-odd, pg_pitr: { cluster: pg-gone } }
";

    #[test]
    fn a_cluster_comes_from_what_is_declared_elsewhere() {
        let inventory = Inventory::read(TEXT).0;
        let from = |name: &str| {
            let found = sources(&inventory, &inventory.clusters()[&name.parse().unwrap()]);
            found.iter().map(|(name, kind)| format!("{name} {kind:?}")).collect::<Vec<_>>()
        };
        assert_eq!(from("pg-a"), [""; 0]);
        assert_eq!(from("pg-dr"), ["pg-a Standby"], "a cascade inside is none");
        assert_eq!(from("pg-copy"), ["pg-a Clone"]);
        assert_eq!(from("pg-odd"), [""; 0], "what is not declared is no cluster to go to");
    }

    #[test]
    fn each_difference_has_the_operation_that_closes_it() {
        let inventory = Inventory::read(TEXT).0;
        let cluster = &inventory.clusters()[&"pg-a".parse().unwrap()];
        let close = |instance: &str, close| {
            let one = Difference {
                instance: instance.into(),
                subject: "x",
                declared: String::new(),
                runs: String::new(),
                said: String::new(),
                close,
            };
            row(cluster, one).close.map(|offer| offer.script)
        };
        assert_eq!(close("pg-a-2", Close::Add).unwrap(), "bin/pgsql-add pg-a 10.0.0.2");
        assert_eq!(close("pg-a-2", Close::SwitchOver).unwrap(), "pg switchover pg-a --candidate pg-a-1");
        assert_eq!(close("pg-a-2", Close::RestartPending).unwrap(), "pg restart pg-a --pending");
        assert_eq!(close("pg-a-1", Close::Promote).unwrap(), "pg promote-cluster pg-a");
        assert_eq!(close("pg-a-9", Close::Declare), None);
    }
}
