//! Which clusters an operation is about, so that somebody who may work on some of them can be let or refused.
//!
//! Hosts that serve a cluster beside others (etcd, a shared load balancer, the repository host) do not make it about
//! those others: their part in it is the cluster's own entry there. What works on such a host itself is about all.

use crate::planning::{chosen, intent_vars};
use crate::{Intent, Plan, Playbook, Refusal};
use paddock_inventory::{ClusterName, Inventory};
use std::collections::BTreeSet;

/// The clusters that an operation changes or reads from: those of its limits, and those that they are cloned from or
/// shall follow. None when it is about more than clusters: etcd, a host of no cluster, a host that all lean on.
pub fn clusters_concerned(
    inventory: &Inventory,
    intent: &Intent,
) -> Result<Option<BTreeSet<ClusterName>>, Refusal> {
    let asked = intent.operation.plays(&intent.extra_vars);
    let hosts = chosen(inventory, &asked)?;
    if asked.iter().any(|play| play.playbook == Playbook::Etcd) {
        return Ok(None);
    }
    let on_hosts = asked.iter().any(|play| matches!(play.playbook, Playbook::Node | Playbook::NodeRm));
    let extra = intent_vars(&asked);
    let mut clusters = BTreeSet::new();
    for host in hosts {
        if on_hosts && inventory.is_shared(host) {
            return Ok(None);
        }
        let Some(declared) = inventory.cluster_on(host) else { return Ok(None) };
        clusters.insert(declared);
        // Extra vars are stronger than the inventory: `-e pg_cluster=another`.
        let said = inventory.vars_with(host, &extra).text("pg_cluster").and_then(|name| name.parse().ok());
        let Some(said) = said else { return Ok(None) };
        clusters.insert(said);
    }
    Ok(Some(clusters))
}

/// The same of a plan that was made on `inventory`, with what was planned in.
pub fn clusters_of_plan(
    inventory: &Inventory,
    plan: &Plan,
) -> Result<Option<BTreeSet<ClusterName>>, Refusal> {
    let Some(mut clusters) = clusters_concerned(inventory, &plan.intent)? else { return Ok(None) };
    for lock in &plan.locks {
        match lock.split_once('/') {
            Some(("cluster", name)) => match name.parse() {
                Ok(name) => drop(clusters.insert(name)),
                Err(_) => return Ok(None),
            },
            Some(("etcd", _)) => return Ok(None),
            Some(_) | None => {}
        }
    }
    Ok(Some(clusters))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FactSet, Material};

    const TEXT: &str = "all:
  children:
    etcd:
      hosts: { 10.0.0.9: { etcd_seq: 1 } }
    spare:
      hosts: { 10.0.0.8: {} }
    pg-meta:
      hosts: { 10.0.0.9: { pg_seq: 1, pg_role: primary } }
      vars: { pg_cluster: pg-meta }
    pg-a:
      hosts:
        10.0.0.1: { pg_seq: 1, pg_role: primary }
        10.0.0.2: { pg_seq: 2, pg_role: replica }
      vars: { pg_cluster: pg-a }
    pg-dr:
      hosts: { 10.0.0.3: { pg_seq: 1, pg_role: primary, pg_upstream: 10.0.0.1 } }
      vars: { pg_cluster: pg-dr }
  vars:
    admin_ip: 10.0.0.9
";

    fn check(line: &str, expect: &str) {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let intent = Intent::parse(&words).unwrap();
        let inventory = Inventory::read(TEXT).0;
        let concerned = clusters_concerned(&inventory, &intent).unwrap();
        let names =
            |all: BTreeSet<ClusterName>| all.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        assert_eq!(concerned.map_or_else(|| "everything".to_owned(), names), expect, "{line}");
    }

    #[test]
    fn an_operation_is_about_its_limits_and_what_they_come_from() {
        check("bin/pgsql-add pg-a", "pg-a");
        check("bin/pgsql-rm pg-a 10.0.0.2", "pg-a");
        check("bin/pgsql-add pg-dr", "pg-a pg-dr");
        check("pg switchover pg-a", "pg-a");
        check("bin/node-add pg-a", "pg-a");
        check("pgsql.yml -l pg-a,pg-dr -t pg_hba", "pg-a pg-dr");
        check("bin/pgsql-add pg-meta", "pg-meta");
    }

    #[test]
    fn what_is_about_more_than_clusters_is_about_everything() {
        check("etcd.yml -l etcd", "everything");
        check("bin/node-add 10.0.0.8", "everything");
        check("bin/node-rm 10.0.0.9", "everything");
        check("pgsql.yml -l all -t pg_hba", "everything");
    }

    #[test]
    fn extra_vars_that_name_another_cluster_are_about_that_one_too() {
        check("pgsql.yml -l pg-a -t pg_hba -e pg_cluster=pg-meta", "pg-a pg-meta");
        check("pgsql-pitr.yml -l pg-a -e {\"pg_pitr\":{\"cluster\":\"pg-meta\"}}", "pg-a pg-meta");
    }

    #[test]
    fn a_plan_is_about_its_operation_and_what_was_planned_in() {
        let inventory = Inventory::read(TEXT).0;
        let words = ["bin/pgsql-add".to_owned(), "pg-a".to_owned()];
        let intent = Intent::parse(&words).unwrap();
        let mut plan = crate::plan(&inventory, &FactSet::default(), &Material::default(), &intent).unwrap();
        let of = |plan: &Plan| clusters_of_plan(&inventory, plan).unwrap().map(|all| all.len());
        assert_eq!(of(&plan), Some(1), "{:?}", plan.locks);
        plan.locks.insert("cluster/pg-meta".into());
        assert_eq!(of(&plan), Some(2));
        plan.locks.insert("etcd/etcd".into());
        assert_eq!(of(&plan), None);
    }
}
