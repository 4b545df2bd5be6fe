//! Plans of `pgsql-pitr.yml`, of standby clusters and their actions, from an inventory and what nodes said.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use paddock_inventory::{Inventory, NodeAddr};
use paddock_playbooks::{
    DataDir, FactSet, Facts, HostFacts, Intent, Live, LiveMember, Material, Plan, Refusal, plan,
};
use std::collections::BTreeMap;

const SEED: &str = "\
all:
  children:
    etcd: { hosts: { 10.10.10.10: { etcd_seq: 1 } }, vars: { etcd_cluster: etcd } }
    pg-meta:
      hosts: { 10.10.10.10: { pg_seq: 1, pg_role: primary } }
      vars: { pg_cluster: pg-meta }
    pg-meta2:
      hosts: { 10.10.10.12: { pg_seq: 1, pg_role: primary } }
      vars:
        pg_cluster: pg-meta2
        pg_pitr:
          cluster: pg-meta                    # Recover from pg-meta backup
          time: '2025-01-10 10:00:00+00'      # Recover to specific time
    pg-test:
      hosts:
        10.10.10.11: { pg_seq: 1, pg_role: primary }
        10.10.10.13: { pg_seq: 2, pg_role: replica }
      vars: { pg_cluster: pg-test }
    pg-test2:
      hosts:
        10.10.10.14: { pg_seq: 1, pg_role: primary, pg_upstream: 10.10.10.11 }
        10.10.10.15: { pg_seq: 2, pg_role: replica }
      vars: { pg_cluster: pg-test2 }
  vars: { pg_version: 15 }
";

const INFO: &str = r#"[{"name": "pg-meta", "db": [{"id": 1, "version": "15"}], "archive": [],
  "backup": [{"label": "20250110-090000F", "database": {"id": 1}, "timestamp": {"start": 1736499600, "stop": 1736499610}, "info": {"size": 30000000}}]}]"#;

const LATEST: &str = r#"{"pg_pitr": {}}"#;

fn planned(inventory: &str, facts: &FactSet, line: &[&str]) -> Result<Plan, Refusal> {
    let (inventory, _) = Inventory::read(inventory);
    let words: Vec<String> = line.iter().map(|word| (*word).to_owned()).collect();
    plan(&inventory, facts, &Material::default(), &Intent::parse(&words).unwrap())
}

fn offline(inventory: &str, line: &[&str]) -> Result<Plan, Refusal> {
    planned(inventory, &FactSet::default(), line)
}

fn addr(ip: &str) -> NodeAddr {
    ip.parse().unwrap()
}

type Node = (NodeAddr, HostFacts);

/// A node with PostgreSQL 15 data of a cluster whose members are these, the first leading; `change` alters its facts.
fn node(scope: &str, ip: &str, members: &[(&str, &str)], change: impl Fn(&mut Facts)) -> Node {
    let seen = members.iter().enumerate().map(|(index, (name, ip))| {
        let role = if index == 0 { "leader" } else { "replica" };
        let json = format!(
            r#"{{"name": "{name}", "addr": "{ip}", "role": "{role}", "state": "running", "timeline": 1, "lag_bytes": 0}}"#
        );
        serde_json::from_str::<LiveMember>(&json).unwrap()
    });
    let live = Live {
        scope: scope.into(),
        name: String::new(),
        members: seen.collect(),
        paused: false,
        config: serde_json::json!({}),
        started: None,
        pending_restart: false,
    };
    let data_dir = DataDir::Cluster { scope: Some(scope.into()), version: "15".into() };
    let mut facts = Facts { data_dir, data_mark: "1.1".into(), live: Some(live), ..Facts::assumed() };
    change(&mut facts);
    (addr(ip), HostFacts::Known(facts))
}

fn standby(facts: &mut Facts) {
    let live = facts.live.as_mut().unwrap();
    live.config = serde_json::json!({"standby_cluster": {"host": "10.10.10.11"}});
    live.members[0].role = "standby_leader".into();
}

fn version(facts: &mut Facts, version: &str) {
    if let DataDir::Cluster { version: have, .. } = &mut facts.data_dir {
        version.clone_into(have);
    }
}

fn known(facts: &[Node]) -> FactSet {
    FactSet(BTreeMap::from_iter(facts.iter().cloned()))
}

fn codes(plan: &Plan) -> Vec<&str> {
    plan.warnings.iter().map(|warning| warning.code.as_str()).collect()
}

fn ids(plan: &Plan) -> Vec<String> {
    plan.steps().map(|(_, host, step)| format!("{host} {}", step.id.0)).collect()
}

#[test]
fn both_forms_of_the_seed_are_one_plan() {
    let declared = offline(SEED, &["./pgsql-pitr.yml", "-l", "pg-meta2"]).unwrap();
    let json = r#"{"pg_pitr": {"cluster": "pg-meta", "time": "2025-01-10 10:00:00+00"}}"#;
    let line = ["./pgsql-pitr.yml", "-l", "pg-meta2", "-e", json];
    assert_eq!(declared.digest, offline(SEED, &line).unwrap().digest);
    let bare: Vec<&str> =
        SEED.lines().filter(|line| !line.contains("          ") && !line.contains("pg_pitr")).collect();
    let bare = format!("{}\n", bare.join("\n"));
    assert!(bare.contains("pg-meta2") && !bare.contains("pg_pitr"));
    assert_eq!(declared.digest, offline(&bare, &line).unwrap().digest);
    assert!(declared.is_destructive());
    assert!(codes(&declared).contains(&"plan/pitr-local-repository"), "{:?}", codes(&declared));
}

#[test]
fn every_target_is_planned_and_two_are_refused() {
    let check = |pitr: &str, expect: Result<&str, &str>| {
        let pitr = format!("{{\"pg_pitr\": {{\"cluster\": \"pg-meta\", {pitr}}}}}");
        match (offline(SEED, &["pgsql-pitr.yml", "-l", "pg-meta2", "-e", &pitr]), expect) {
            (Ok(plan), Ok(arguments)) => {
                let mut steps = plan.steps().map(|(_, _, step)| step);
                let restore = steps.find(|step| step.id.0 == "pgsql-pitr/restore/files").unwrap();
                let apply = restore.fact.scripts().apply.unwrap().text;
                assert!(apply.contains(arguments), "{pitr}: {apply}");
            }
            (Err(refusal), Err(code)) => assert_eq!(refusal.code, code, "{pitr}"),
            (got, _) => panic!("{pitr}: {:?}", got.map(|plan| plan.title)),
        }
    };
    check(
        r#""type": "latest""#,
        Ok(
            r#"--stanza=pg-meta --delta --archive-mode=off '--recovery-option=restore_command=/pg/conf/pitr/fetch %f "%p"' restore"#,
        ),
    );
    check(
        r#""xid": "250000", "exclusive": true"#,
        Ok("--delta --type=xid --target=250000 --target-exclusive --archive-mode=off '--recovery"),
    );
    check(r#""name": "it's; here""#, Ok(r"'--target=it'\''s; here'"));
    check(
        r#""lsn": "0/4001C80", "action": "promote", "timeline": 2, "archive": true"#,
        Ok(
            "--type=lsn --target=0/4001C80 --target-action=promote --target-timeline=2 --archive-mode=preserve",
        ),
    );
    check(
        r#""type": "immediate", "set": "20250110-090000F""#,
        Ok("--type=immediate --set=20250110-090000F --archive-mode=off"),
    );
    check(r#""xid": "1", "name": "a""#, Err("plan/pitr-two-targets"));
    check(r#""lsn": "zero""#, Err("plan/pitr-bad-lsn"));
    check(r#""xid": "zero""#, Err("plan/pitr-bad-xid"));
}

#[test]
fn what_cannot_be_restored_is_refused() {
    let check = |facts: &[Node], line: &[&str], code: &str| {
        let line: Vec<&str> = ["pgsql-pitr.yml", "-l"].iter().chain(line).copied().collect();
        assert_eq!(planned(SEED, &known(facts), &line).unwrap_err().code, code, "{line:?}");
    };
    check(&[], &["pg-test"], "plan/pitr-none");
    check(&[], &["10.10.10.11", "-e", LATEST], "plan/pitr-part");
    check(&[], &["pg-test,pg-meta", "-e", LATEST], "plan/pitr-many");
    check(&[], &["pg-test", "-t", "archive,confirm"], "plan/pitr-tags");
    check(&[], &["pg-meta2", "-e", r#"{"pg_pitr": {"cluster": "pg-none"}}"#], "plan/pitr-unknown-source");
    let own = node("pg-meta2", "10.10.10.12", &[("pg-meta2-1", "10.10.10.12")], |_| {});
    check(&[own], &["pg-meta2"], "plan/pitr-local-repository");
    let foreign = node("pg-old", "10.10.10.12", &[("pg-old-1", "10.10.10.12")], |_| {});
    check(&[foreign], &["pg-meta2"], "plan/foreign-data");
}

#[test]
fn what_the_repository_holds_decides() {
    let with = |info: &str, wanted: &str| {
        let target = node("pg-meta2", "10.10.10.12", &[("pg-meta2-1", "10.10.10.12")], |facts| {
            facts.backups = Some(info.to_owned());
            version(facts, wanted);
        });
        planned(SEED, &known(&[target]), &["pgsql-pitr.yml", "-l", "pg-meta2"])
    };
    let plan = with(INFO, "15").unwrap();
    let backup = ("from backup".to_owned(), "20250110-090000F (ended 2025-01-10 09:00:10+00)".to_owned());
    assert!(plan.blast.contains(&backup), "{:?}", plan.blast);
    assert_eq!(plan.at_stake.len(), 1, "it is restored over");
    assert_eq!(with(INFO, "16").unwrap_err().code, "plan/pitr-version");
    let late = INFO.replace("1736499610", "1736503200");
    assert_eq!(with(&late, "15").unwrap_err().code, "plan/pitr-out-of-range");
}

#[test]
fn a_clone_that_is_not_there_is_created_first() {
    let facts = Facts { backups: Some(INFO.into()), ..Facts::assumed() };
    let facts = known(&[(addr("10.10.10.12"), HostFacts::Known(facts))]);
    let plan = planned(SEED, &facts, &["pgsql-pitr.yml", "-l", "pg-meta2"]).unwrap();
    assert_eq!(plan.command_lines(), ["pgsql.yml -l pg-meta2", "pgsql-pitr.yml -l pg-meta2"]);
    let mut all = ids(&plan);
    let count = all.len();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), count, "ids are unique on their hosts");
}

#[test]
fn one_member_is_restored_and_the_others_are_cloned_from_it() {
    let members = [("pg-test-2", "10.10.10.13"), ("pg-test-1", "10.10.10.11")];
    let both = |mark: &str| {
        ["10.10.10.11", "10.10.10.13"]
            .map(|ip| node("pg-test", ip, &members, |facts| mark.clone_into(&mut facts.data_mark)))
    };
    let line = ["pgsql-pitr.yml", "-l", "pg-test", "-e", r#"{"pg_pitr": {"name": "a"}}"#];
    let plan = planned(SEED, &known(&both("1.1")), &line).unwrap();
    assert_eq!(plan.title, "Restore pg-test in place to name a");
    let all = ids(&plan);
    // pg-test-2 leads, whatever is declared.
    let order = [
        "10.10.10.13 pgsql-pitr/down/archive",
        "10.10.10.13 pgsql-pitr/check/source",
        "10.10.10.13 pgsql-pitr/down/save",
        "10.10.10.11 pgsql-pitr/down/stop",
        "10.10.10.13 pgsql-pitr/down/stop",
        "10.10.10.13 pgsql-pitr/backup/aside",
        "10.10.10.13 pgsql-pitr/restore/files",
        "10.10.10.13 pgsql-pitr/recovery/target",
        "10.10.10.13 pgsql-pitr/up/promote",
        "10.10.10.10 pgsql-pitr/up/dcs",
        "10.10.10.13 pgsql-pitr/up/config",
        "10.10.10.13 pgsql-pitr/patroni/unit",
        "10.10.10.11 pgsql-pitr/up/wipe",
        "10.10.10.11 pgsql-pitr/pg_replica/streaming",
        "10.10.10.13 pgsql-pitr/verify/data",
    ];
    let place = |id: &&str| all.iter().position(|one| one == id).unwrap_or_else(|| panic!("{id}: {all:#?}"));
    let places: Vec<usize> = order.iter().map(place).collect();
    assert!(places.is_sorted(), "{places:?}");
    assert!(!all.iter().any(|id| id == "10.10.10.11 pgsql-pitr/restore/files"), "{all:#?}");
    assert!(codes(&plan).contains(&"plan/other-leader"), "{:?}", codes(&plan));
    // The same restore asked for after it has run is another run: marks of the first must not satisfy it.
    assert_ne!(plan.digest, planned(SEED, &known(&both("2.2")), &line).unwrap().digest);
}

#[test]
fn whose_data_a_restore_overwrites_is_told() {
    let members = [("pg-test-1", "10.10.10.11"), ("pg-test-2", "10.10.10.13")];
    let overwrites = |empty: &[&str]| {
        let both = ["10.10.10.11", "10.10.10.13"].map(|ip| {
            node("pg-test", ip, &members, |facts| {
                if empty.contains(&ip) {
                    facts.data_dir = DataDir::Empty;
                }
            })
        });
        let plan = planned(SEED, &known(&both), &["pgsql-pitr.yml", "-l", "pg-test", "-e", LATEST]).unwrap();
        let said = plan.blast.iter().find(|(label, _)| label == "overwrites").unwrap().1.clone();
        (said, plan.at_stake.len())
    };
    assert_eq!(overwrites(&[]), ("pg-test-1, pg-test-2".to_owned(), 1));
    assert_eq!(
        overwrites(&["10.10.10.11"]),
        ("pg-test-2".to_owned(), 1),
        "the restored one is empty, another is not"
    );
    let nothing = "nothing: pg-test has no data yet".to_owned();
    assert_eq!(overwrites(&["10.10.10.11", "10.10.10.13"]), (nothing, 0));
}

#[test]
fn what_follows_a_restore_runs_only_when_it_is_named() {
    let tagged =
        |tag: &str| offline(SEED, &["pgsql-pitr.yml", "-l", "pg-test", "-t", tag, "-e", LATEST]).unwrap();
    let all = ids(&offline(SEED, &["pgsql-pitr.yml", "-l", "pg-test", "-e", LATEST]).unwrap());
    for tag in ["archive", "confirm", "rollback"] {
        let part = format!("pgsql-pitr/{tag}/");
        let plan = tagged(tag);
        assert!(ids(&plan).iter().any(|id| id.contains(&part)), "{tag}");
        assert_eq!(plan.is_destructive(), tag != "archive", "{tag}");
        assert_eq!(plan.at_stake.len(), usize::from(tag == "rollback"), "{tag}: the restored data go");
        // `down/archive` is another one.
        assert!(!all.iter().any(|id| id.contains(&part)), "{tag}: {all:#?}");
    }
    assert!(!tagged("down").is_destructive());
    assert!(tagged("pitr").is_destructive());
    let after = offline(SEED, &["pgsql-pitr.yml", "-l", "pg-meta2", "-t", "archive"]).unwrap();
    assert_eq!(after.edits.len(), 1, "the restore leaves the inventory");
}

const TEST2: [(&str, &str); 2] = [("pg-test2-1", "10.10.10.14"), ("pg-test2-2", "10.10.10.15")];

#[test]
fn a_promoted_standby_cluster_leaves_its_upstream_everywhere() {
    let facts = known(&TEST2.map(|(_, ip)| node("pg-test2", ip, &TEST2, standby)));
    for facts in [&facts, &FactSet::default()] {
        let plan = planned(SEED, facts, &["pg", "promote-cluster", "pg-test2"]).unwrap();
        assert_eq!(plan.plays.len(), 2, "{:?}", plan.command_lines());
        let edits: Vec<String> = plan.edits.iter().map(|planned| planned.edit.sentence()).collect();
        assert_eq!(edits, ["removes `pg_upstream` from 10.10.10.14 of `pg-test2`"]);
        let all = ids(&plan);
        for id in ["pgsql/pgbackrest_init/full", "pgsql/pg_user/dbuser_dba"] {
            assert!(all.contains(&format!("10.10.10.14 {id}")), "{id}: {all:#?}");
        }
    }
    let refusal = planned(SEED, &facts, &["pg", "promote-cluster", "pg-meta"]).unwrap_err();
    assert_eq!(refusal.code, "plan/not-standby");
}

#[test]
fn another_upstream_must_be_able_to_send() {
    let mut all: Vec<Node> = TEST2.iter().map(|(_, ip)| node("pg-test2", ip, &TEST2, standby)).collect();
    let source = [("pg-test-1", "10.10.10.11"), ("pg-test-2", "10.10.10.13")];
    all.push(node("pg-test", "10.10.10.13", &source, |_| {}));
    all.push((addr("10.10.10.11"), HostFacts::Unreachable { reason: "no route".into() }));
    all.push(node("pg-meta", "10.10.10.10", &[("pg-meta-1", "10.10.10.10")], |facts| version(facts, "14")));
    let to = |ip: &str| planned(SEED, &known(&all), &["pg", "change-upstream", "pg-test2", ip]);
    let edits: Vec<String> = to("10.10.10.13").unwrap().edits.iter().map(|one| one.edit.sentence()).collect();
    assert_eq!(edits, ["sets `pg_upstream: 10.10.10.13` for 10.10.10.14 of `pg-test2`"]);
    assert_eq!(to("10.10.10.15").unwrap_err().code, "plan/upstream-own");
    assert_eq!(to("10.10.10.11").unwrap_err().code, "plan/upstream-unreachable");
    assert_eq!(to("10.10.10.10").unwrap_err().code, "plan/upstream-version");
}

#[test]
fn a_standby_cluster_is_created_only_behind_an_upstream_that_can_send() {
    let create = |node: Node| planned(SEED, &known(&[node]), &["pgsql-add", "pg-test2"]);
    let source = [("pg-test-1", "10.10.10.11")];
    let plan = create(node("pg-test", "10.10.10.11", &source, |_| {})).unwrap();
    assert!(ids(&plan).iter().any(|id| id == "10.10.10.14 pgsql/pg_primary/upstream"));
    let refused = |node: Node| create(node).unwrap_err().code;
    assert_eq!(refused((addr("10.10.10.11"), HostFacts::Known(Facts::assumed()))), "plan/upstream-empty");
    let silent = node("pg-test", "10.10.10.11", &source, |facts| facts.live = None);
    assert_eq!(refused(silent), "plan/upstream-not-streaming");
}

/// Bash and Python, read by themselves and not run.
#[test]
fn every_script_can_be_read_by_its_shell() {
    let members = [("pg-test-1", "10.10.10.11"), ("pg-test-2", "10.10.10.13")];
    let facts = known(&members.map(|(_, ip)| node("pg-test", ip, &members, |_| {})));
    let standby = known(&TEST2.map(|(_, ip)| node("pg-test2", ip, &TEST2, standby)));
    let time = r#"{"pg_pitr": {"time": "2025-01-10 10:00:00+00"}}"#;
    let lines: [(&FactSet, &[&str]); 6] = [
        (&facts, &["pgsql-pitr.yml", "-l", "pg-test", "-e", time]),
        (&facts, &["pgsql-pitr.yml", "-l", "pg-test", "-t", "archive"]),
        (&facts, &["pgsql-pitr.yml", "-l", "pg-test", "-t", "confirm"]),
        (&facts, &["pgsql-pitr.yml", "-l", "pg-test", "-t", "rollback"]),
        (&standby, &["pg", "promote-cluster", "pg-test2"]),
        (&standby, &["pg", "change-upstream", "pg-test2", "10.10.10.11"]),
    ];
    let mut read = 0;
    for (facts, line) in lines {
        let plan = planned(SEED, facts, line).unwrap();
        let own = plan.steps().map(|(_, _, step)| step).filter(|step| !step.id.0.starts_with("pgsql/"));
        for step in own {
            let scripts = step.fact.scripts();
            for script in std::iter::once(scripts.check).chain(scripts.apply) {
                let dir = std::env::temp_dir().join(format!("paddock-pitr-{}", std::process::id()));
                std::fs::write(&dir, &script.text).unwrap();
                let bash = std::process::Command::new("bash").arg("-n").arg(&dir).output().unwrap();
                assert!(
                    bash.status.success() && bash.stderr.is_empty(),
                    "{}: {bash:?}\n{}",
                    step.id.0,
                    script.text
                );
                if let Some((_, python)) = script.text.split_once("<<'PADDOCK'\n") {
                    let (program, _) = python.split_once("\nPADDOCK\n").unwrap();
                    std::fs::write(&dir, program).unwrap();
                    let check = "import ast, sys; ast.parse(open(sys.argv[1]).read())";
                    let python =
                        std::process::Command::new("python3").args(["-c", check]).arg(&dir).output().unwrap();
                    assert!(python.status.success(), "{}: {python:?}", step.id.0);
                }
                std::fs::remove_file(&dir).unwrap();
                read += 1;
            }
        }
    }
    assert!(read > 100, "{read} scripts");
}

#[test]
fn what_a_restore_that_failed_left_is_not_started_by_the_next_one() {
    let left = |facts: &mut Facts| facts.live = None;
    let nothing = |facts: &mut Facts| {
        facts.live = None;
        facts.data_dir = DataDir::Empty;
    };
    let facts =
        known(&[node("pg-test", "10.10.10.11", &[], left), node("pg-test", "10.10.10.13", &[], nothing)]);
    let plan = planned(SEED, &facts, &["pgsql-pitr.yml", "-l", "pg-test", "-e", LATEST]).unwrap();
    let ids = ids(&plan);
    assert!(ids.contains(&"10.10.10.13 pgsql/pg_conf/patroni.yml".to_owned()), "{ids:?}");
    let launches: Vec<_> = ids.iter().filter(|id| id.contains(" pgsql/patroni/unit")).collect();
    assert!(launches.is_empty(), "{launches:?}");
    assert!(plan.is_destructive());
}
