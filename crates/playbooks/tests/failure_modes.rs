//! What goes wrong, as far as planning can answer it: rows of the table in docs/operations.md that no other test has.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{FLEET, facts, intent, inventory, material, planned};
use paddock_inventory::NodeAddr;
use paddock_playbooks::{DataDir, FactSet, HostFacts, Live, LiveMember, Plan, Refusal, Step, plan};

fn with(text: &str, words: &str, change: impl FnOnce(&mut FactSet)) -> Result<Plan, Refusal> {
    let (inventory, intent) = (inventory(text), intent(words));
    let mut facts = facts(&inventory);
    change(&mut facts);
    plan(&inventory, &facts, &material(&inventory, &intent), &intent)
}

fn node(last: u8) -> NodeAddr {
    format!("10.10.10.{last}").parse().unwrap()
}

fn codes(plan: &Plan) -> Vec<&str> {
    plan.warnings.iter().map(|warning| warning.code.as_str()).collect()
}

/// Steps of one host in order.
fn steps(plan: &Plan, last: u8) -> Vec<&Step> {
    plan.steps().filter(|(_, host, _)| *host == node(last)).map(|(_, _, step)| step).collect()
}

/// pg-test runs on 11, 12 and 13, and the member on 12 leads.
fn led_by_12(facts: &mut FactSet) {
    let members: Vec<LiveMember> = [(1, 11, "replica"), (2, 12, "leader"), (3, 13, "replica")]
        .into_iter()
        .map(|(seq, last, role)| LiveMember {
            name: format!("pg-test-{seq}"),
            addr: Some(node(last)),
            role: role.into(),
            state: "running".into(),
            timeline: Some(2),
            lag_bytes: (role == "replica").then_some(0),
            nofailover: false,
        })
        .collect();
    for (seq, last) in [(1, 11), (2, 12), (3, 13)] {
        let Some(HostFacts::Known(known)) = facts.0.get_mut(&node(last)) else { panic!("asked") };
        known.data_dir = DataDir::Cluster { scope: Some("pg-test".into()), version: "15".into() };
        known.live = Some(Live {
            scope: "pg-test".into(),
            name: format!("pg-test-{seq}"),
            members: members.clone(),
            paused: false,
            config: serde_json::Value::Null,
            started: None,
            pending_restart: false,
        });
    }
}

#[test]
fn nothing_is_created_while_etcd_does_not_answer() {
    let down = HostFacts::Unreachable { reason: "no route to host".into() };
    let refusal = with(FLEET, "pgsql-add pg-test", |facts| drop(facts.0.insert(node(10), down))).unwrap_err();
    assert_eq!(refusal.code, "plan/node-unreachable");
    assert!(refusal.why.contains("10.10.10.10") && refusal.why.contains("no route"), "{refusal}");
    // An etcd that answers and is not healthy fails its step, which is before every Patroni.
    let plan = planned(FLEET, "pgsql-add pg-test");
    let place = |what: &str| plan.steps().position(|(_, _, step)| step.id.0.contains(what)).unwrap();
    assert!(place("pgsql/pg_etcd/pg-test") < place("pgsql/patroni/unit"));
    // One that is not set up is set up first.
    let bare = with(FLEET, "pgsql-add pg-test", |facts| {
        for last in [8, 9, 10] {
            let HostFacts::Known(known) = facts.0.get_mut(&node(last)).unwrap() else { panic!("asked") };
            known.etcd_ready = false;
        }
    });
    assert!(bare.unwrap().command_lines().iter().any(|line| line.starts_with("etcd.yml")));
}

#[test]
fn what_is_created_again_follows_who_leads_and_says_so() {
    let plan = with(FLEET, "pgsql-add pg-test", led_by_12).unwrap();
    assert!(codes(&plan).contains(&"plan/other-leader"), "{:?}", codes(&plan));
    let sql: Vec<NodeAddr> = plan
        .steps()
        .filter(|(_, _, step)| step.id.0.contains("/pg_user/") || step.id.0.contains("/pg_db/"))
        .map(|(_, host, _)| host)
        .collect();
    assert!(!sql.is_empty() && sql.iter().all(|host| *host == node(12)), "{sql:?}");
    // And a user or a database alone.
    let user = with(FLEET, "pgsql-user pg-test dbuser_shop", led_by_12).unwrap();
    let on = user.steps().find(|(_, _, step)| step.id.0.contains("pg_user/dbuser_shop")).unwrap().1;
    assert_eq!(on, node(12));
}

#[test]
fn a_replica_logs_in_before_its_patroni_starts_and_may_clone_for_a_day() {
    let plan = planned(FLEET, "pgsql-add pg-test");
    let own = steps(&plan, 12);
    let place = |what: &str| own.iter().position(|step| step.id.0 == what).unwrap();
    let login = own[place("pgsql/pg_replica/login")];
    assert!(place("pgsql/pg_replica/login") < place("pgsql/patroni/unit"));
    let hint = login.fact.scripts().check.text;
    assert!(hint.contains("cannot log in") && hint.contains("password and the HBA rules"), "{hint}");
    let streams = own[place("pgsql/pg_replica/streaming")];
    assert_eq!(streams.settle_s, 86_400);
    assert!(streams.fact.scripts().check.text.contains("::progress "), "bytes of the clone are told");
}

#[test]
fn the_last_member_takes_dcs_and_backups_with_it_and_others_do_not() {
    let touched = |plan: &Plan| -> (bool, bool) {
        let any = |what: &str| plan.steps().any(|(_, _, step)| step.id.0.contains(what));
        (any("pgsql/rm_dcs/account"), any("pgsql/pg_backup/stanza"))
    };
    let ids = |plan: &Plan| plan.steps().map(|(_, _, step)| step.id.0.clone()).collect::<Vec<_>>();
    let whole = planned(FLEET, "pgsql-rm pg-far");
    assert_eq!(touched(&whole), (true, true), "{:#?}", ids(&whole));
    let part = planned(FLEET, "pgsql-rm pg-far 10.10.10.43");
    assert_eq!(touched(&part), (false, false), "{:#?}", ids(&part));
    let kept = planned(FLEET, "pgsql-rm.yml -l pg-far -e pg_rm_backup=false");
    assert_eq!(touched(&kept), (true, false), "{:#?}", ids(&kept));
    // Alone, the last of the members is the cluster.
    let last = planned(FLEET, "pgsql-rm pg-one 10.10.10.21");
    assert!(touched(&last).0, "{:#?}", ids(&last));
    let stake = |plan: &Plan| {
        plan.at_stake.iter().map(|one| (one.cluster.to_string(), one.backup_s)).collect::<Vec<_>>()
    };
    assert_eq!(stake(&whole), [("pg-far".to_owned(), None)], "all data go, and nobody lists a backup");
    assert_eq!(stake(&last), [("pg-one".to_owned(), None)]);
    assert_eq!(stake(&part), [], "others keep the data");
}

#[test]
fn the_only_backups_do_not_go_unsaid() {
    let info = r#"[{"name": "pg-test", "backup": [{"label": "20260101-000000F", "type": "full", "timestamp": {"start": 1, "stop": 2}}]}]"#;
    let with_backups = |on: &'static [u8]| {
        move |facts: &mut FactSet| {
            led_by_12(facts);
            for last in on {
                let HostFacts::Known(known) = facts.0.get_mut(&node(*last)).unwrap() else { panic!("asked") };
                known.backups = Some(info.into());
            }
        }
    };
    let words = "pgsql-rm pg-test 10.10.10.11";
    let says = |plan: Plan| codes(&plan).contains(&"plan/loses-backups");
    assert!(says(with(FLEET, words, with_backups(&[11])).unwrap()));
    assert!(!says(with(FLEET, words, with_backups(&[11, 12])).unwrap()));
    assert!(!says(with(FLEET, words, with_backups(&[12])).unwrap()));
    let whole = with(FLEET, "pgsql-rm pg-test", with_backups(&[12])).unwrap();
    assert_eq!(whole.at_stake.iter().map(|one| one.backup_s).collect::<Vec<_>>(), [Some(2)]);
}

#[test]
fn a_cluster_whose_backups_were_kept_is_installed_and_not_created_before_its_restore() {
    let info = r#"[{"name": "pg-test", "db": [{"id": 1, "version": "15", "system-id": 7}], "archive": [], "backup": [{"label": "20260101-000000F", "type": "full", "database": {"id": 1}, "timestamp": {"start": 1, "stop": 2}}]}]"#;
    let first = |kept: bool, words: &str| -> String {
        let plan = with(FLEET, words, |facts| {
            if kept {
                let HostFacts::Known(known) = facts.0.get_mut(&node(12)).unwrap() else { panic!("asked") };
                known.backups = Some(info.into());
            }
        });
        let plan = plan.unwrap();
        let launched = plan.steps().any(|(_, _, step)| step.id.0.starts_with("pgsql/pg_primary/"));
        assert_eq!(launched, !kept, "{words}");
        plan.command_lines()[0].clone()
    };
    let restore = "pgsql-pitr.yml -l pg-test -e {\"pg_pitr\":{}}";
    assert!(first(true, restore).contains("-t pg_dbsu,pg_pkg"), "{}", first(true, restore));
}

#[test]
fn a_restore_left_in_the_inventory_is_said_with_every_plan() {
    let left = FLEET
        .replace("pg_cluster: pg-one,", "pg_cluster: pg-one, pg_pitr: { time: '2026-01-01 00:00:00+00' },");
    for words in ["pgsql-add pg-one", "pgsql-svc pg-one", "pgsql-hba pg-one", "pgsql-rm pg-one"] {
        assert!(codes(&planned(&left, words)).contains(&"plan/pitr-left"), "{words}");
    }
    assert!(!codes(&planned(FLEET, "pgsql-svc pg-one")).contains(&"plan/pitr-left"));
}
