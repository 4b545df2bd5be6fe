//! What pages offer: each operation as the words that the planner takes, with its script and its playbook form.
//!
//! The planner itself writes both forms, so that what stands beside a button is what the button plans.

use paddock_events::Offer;
use paddock_inventory::{Cluster, Inventory, NodeAddr};
use paddock_playbooks::{Intent, Play};

/// An offer by its words; none when the planner does not take them (a user's name that reads as an option).
pub(crate) fn offer(key: impl Into<String>, words: &[&str]) -> Option<Offer> {
    let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    let intent = Intent::parse(&words).ok()?;
    let script = intent.operation.script_form();
    let plays = intent.operation.plays(&intent.extra_vars);
    let playbook = plays.iter().map(Play::command_line).collect::<Vec<_>>().join(" && ");
    let playbook = Some(playbook).filter(|playbook| *playbook != script);
    Some(Offer { key: key.into(), words, script, playbook })
}

/// What can be asked of a cluster and of its declared instances.
pub(crate) fn of_cluster(cluster: &Cluster) -> Vec<Offer> {
    let name = cluster.name.as_str();
    let whole: [(&str, &[&str]); 18] = [
        ("create", &["bin/pgsql-add", name]),
        ("remove", &["bin/pgsql-rm", name]),
        ("reload-service", &["bin/pgsql-svc", name]),
        ("reload-hba", &["bin/pgsql-hba", name]),
        ("switchover", &["pg", "switchover", name]),
        ("pause", &["pg", "pause", name]),
        ("resume", &["pg", "resume", name]),
        ("reload", &["pg", "reload", name]),
        ("restart", &["pg", "restart", name]),
        ("restart-pending", &["pg", "restart", name, "--pending"]),
        ("promote", &["pg", "promote-cluster", name]),
        ("add-nodes", &["bin/node-add", name]),
        ("backup-full", &["pg-backup", name, "full"]),
        ("backup-diff", &["pg-backup", name, "diff"]),
        ("backup-incr", &["pg-backup", name, "incr"]),
        ("restore-archive", &["pgsql-pitr.yml", "-l", name, "-t", "archive"]),
        ("restore-confirm", &["pgsql-pitr.yml", "-l", name, "-t", "confirm"]),
        ("restore-rollback", &["pgsql-pitr.yml", "-l", name, "-t", "rollback"]),
    ];
    let mut out: Vec<Offer> = whole.iter().filter_map(|(key, words)| offer(*key, words)).collect();
    for instance in &cluster.instances {
        let (id, addr) = (instance.id.to_string(), instance.addr.to_string());
        let one: [(&str, &[&str]); 7] = [
            ("add", &["bin/pgsql-add", name, &addr]),
            ("switchover", &["pg", "switchover", name, "--candidate", &id]),
            ("failover", &["pg", "failover", name, "--candidate", &id]),
            ("restart", &["pg", "restart", name, &id]),
            ("reload", &["pg", "reload", name, &id]),
            ("reinit", &["pg", "reinit", name, &id]),
            ("remove", &["bin/pgsql-rm", name, &addr]),
        ];
        out.extend(one.iter().filter_map(|(key, words)| offer(format!("{key}/{id}"), words)));
    }
    out
}

/// The groups that name a host, in the inventory's order.
pub(crate) fn groups_of(inventory: &Inventory, addr: NodeAddr) -> Vec<String> {
    let with = inventory.groups().iter().filter(|group| group.hosts.contains(&addr));
    with.map(|group| group.name.0.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "all:\n  children:\n    pg-test:\n      hosts:\n        10.0.0.1: { pg_seq: 1, pg_role: primary }\n        10.0.0.2: { pg_seq: 2, pg_role: replica }\n      vars: { pg_cluster: pg-test }\n";

    #[test]
    fn every_offer_is_one_that_the_planner_takes() {
        let inventory = Inventory::read(TEXT).0;
        let cluster = &inventory.clusters()[&"pg-test".parse().unwrap()];
        let offers = of_cluster(cluster);
        assert_eq!(offers.len(), 18 + 2 * 7, "none was dropped: {offers:?}");
        let forms = |key: &str| {
            let offer = offers.iter().find(|offer| offer.key == key).unwrap();
            (offer.script.as_str(), offer.playbook.as_deref())
        };
        assert_eq!(
            forms("reload-service"),
            ("bin/pgsql-svc pg-test", Some("pgsql.yml -l pg-test -t pg_service -e pg_reload=true"))
        );
        assert_eq!(forms("switchover/pg-test-2"), ("pg switchover pg-test --candidate pg-test-2", None));
        assert_eq!(forms("remove/pg-test-2").0, "bin/pgsql-rm pg-test 10.0.0.2");
        assert_eq!(offer("user/--x", &["bin/pgsql-user", "pg-test", "--x"]), None);
    }
}
