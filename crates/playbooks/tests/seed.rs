//! Every command line of the Cluster Admin page, as the page has it, gives a plan without a node; script and playbook form
//! of an operation are one plan; what must be refused is refused with its reason.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic and tell")]

use paddock_inventory::Inventory;
use paddock_playbooks::{FactSet, Intent, Material, Plan, Refusal, plan};

const INVENTORY: &str = "\
all:
  children:
    etcd: { hosts: { 10.10.10.10: { etcd_seq: 1 } }, vars: { etcd_cluster: etcd } }
    pg-test:
      hosts:
        10.10.10.11: { pg_seq: 1, pg_role: primary }
        10.10.10.12: { pg_seq: 2, pg_role: replica }
        10.10.10.13: { pg_seq: 3, pg_role: replica }
      vars: { pg_cluster: pg-test }
    pg-test2:
      hosts:
        10.10.10.21: { pg_seq: 1, pg_role: primary, pg_upstream: 10.10.10.11 }
        10.10.10.22: { pg_seq: 2, pg_role: replica }
      vars: { pg_cluster: pg-test2 }
    pg-meta:
      hosts: { 10.10.10.31: { pg_seq: 1, pg_role: primary } }
      vars:
        pg_cluster: pg-meta
        pg_databases: [{ name: meta }]
        pg_users: [{ name: dbuser_meta, password: DBUser.Meta }]
    pg-meta2:
      hosts: { 10.10.10.32: { pg_seq: 1, pg_role: primary } }
      vars:
        pg_cluster: pg-meta2
        pg_pitr: { cluster: pg-meta, time: '2025-01-10 10:00:00+00' }
    pg-safe:
      hosts: { 10.10.10.41: { pg_seq: 1, pg_role: primary } }
      vars: { pg_cluster: pg-safe, pg_safeguard: true }
  vars:
    admin_ip: 10.10.10.10
    pgbackrest_method: minio
    pgbackrest_repo:
      minio: { type: s3, s3_endpoint: sss.pigsty, s3_bucket: pgsql, s3_region: us-east-1, path: /pgbackrest }
";

/// A shell's words: blanks divide, single quotes keep together.
fn words(line: &str) -> Vec<String> {
    let mut out = Vec::new();
    for (at, part) in line.split('\'').enumerate() {
        if at % 2 == 1 {
            out.push(part.to_owned());
        } else {
            out.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    out
}

fn planned(line: &str) -> Result<Plan, Refusal> {
    let (inventory, _) = Inventory::read(INVENTORY);
    assert!(!inventory.is_broken());
    let intent = Intent::parse(&words(line))?;
    plan(&inventory, &FactSet::default(), &Material::default(), &intent)
}

fn one_plan(lines: &[&str]) {
    let digests: Vec<String> = lines
        .iter()
        .map(|line| {
            planned(line).unwrap_or_else(|refusal| panic!("{line}: {refusal}; {}", refusal.fix)).digest.0
        })
        .collect();
    assert!(digests.iter().all(|digest| *digest == digests[0]), "{lines:?}: {digests:?}");
}

#[test]
fn script_and_playbook_form_of_the_page_are_one_plan() {
    for lines in [
        ["bin/node-add pg-test", "./node.yml  -l pg-test"],
        ["bin/pgsql-add pg-test", "./pgsql.yml -l pg-test"],
        ["bin/node-add 10.10.10.13", "./node.yml -l 10.10.10.13"],
        ["bin/pgsql-add pg-test 10.10.10.13", "./pgsql.yml -l 10.10.10.13"],
        ["bin/pgsql-rm pg-test 10.10.10.13", "./pgsql-rm.yml -l 10.10.10.13"],
        ["bin/node-rm 10.10.10.13", "./node-rm.yml -l 10.10.10.13"],
        ["bin/pgsql-rm pg-test", "./pgsql-rm.yml -l pg-test"],
        ["bin/node-rm pg-test", "./node-rm.yml -l pg-test"],
        ["bin/pgsql-svc pg-test", "./pgsql.yml -l pg-test -t pg_service -e pg_reload=true"],
        ["bin/pgsql-svc pg-test 10.10.10.13", "./pgsql.yml -l 10.10.10.13  -t pg_service -e pg_reload=true"],
        [
            "bin/pgsql-hba pg-test",
            "./pgsql.yml -l pg-test -t pg_hba,pg_reload,pgbouncer_hba,pgbouncer_reload -e pg_reload=true",
        ],
        [
            "bin/pgsql-hba pg-test 10.10.10.13",
            "./pgsql.yml -l 10.10.10.13  -t pg_hba,pg_reload,pgbouncer_hba,pgbouncer_reload -e pg_reload=true",
        ],
        ["bin/pgsql-add pg-test2", "./pgsql.yml -l pg-test2"],
        [
            "./pgsql-pitr.yml -l pg-meta2",
            "./pgsql-pitr.yml -l pg-meta2 -e '{\"pg_pitr\": {\"cluster\": \"pg-meta\", \"time\": \"2025-01-10 10:00:00+00\"}}'",
        ],
        ["bin/pgsql-user pg-meta dbuser_meta", "./pgsql-user.yml -l pg-meta -e username=dbuser_meta"],
        ["bin/pgsql-db pg-meta meta", "./pgsql-db.yml -l pg-meta -e dbname=meta"],
    ] {
        one_plan(&lines);
    }
}

#[test]
fn the_other_command_lines_of_the_page_plan_too() {
    for line in [
        "./pgsql-rm.yml -l pg-meta -e pg_safeguard=false",
        "./pgsql-rm.yml -l pg-meta -e pg_rm_backup=false",
        "./pgsql-rm.yml -l pg-safe -e pg_safeguard=false",
        "./pgsql.yml -l pg-test -t pg_conf",
        "./pgsql.yml -l pg-test -t pg_conf,patroni_reload",
        "pg-backup pg-test full",
        "pg switchover pg-test --candidate pg-test-2",
        "pg restart pg-test --pending",
        "pg edit-config pg-test -p max_connections=200",
        "pg pause pg-test",
        "pg reinit pg-test pg-test-3",
        "pg promote-cluster pg-test2",
        "pg change-upstream pg-test2 10.10.10.12",
        "./pgsql-pitr.yml -l pg-meta2 -e '{\"pg_pitr\": {\"cluster\": \"pg-meta\", \"xid\": \"250000\"}}'",
        "./pgsql-pitr.yml -l pg-meta2 -e '{\"pg_pitr\": {\"cluster\": \"pg-meta\", \"name\": \"before_migration\"}}'",
        "./pgsql-pitr.yml -l pg-meta2 -e '{\"pg_pitr\": {\"cluster\": \"pg-meta\", \"lsn\": \"0/4001C80\"}}'",
        "./pgsql-pitr.yml -l pg-meta2 -e '{\"pg_pitr\": {\"cluster\": \"pg-meta\", \"type\": \"latest\"}}'",
    ] {
        one_plan(&[line]);
    }
}

#[test]
fn what_must_be_refused_is_refused_with_its_reason() {
    for (line, code, why) in [
        ("node-rm", "plan/empty-limit", "every host"),
        ("node-add ''", "plan/empty-limit", "every host"),
        ("./pgsql.yml -t pg_hba", "plan/empty-limit", "every host"),
        ("pgsql.yml -l '!pg-test'", "plan/empty-limit", "only excludes"),
        ("pgsql-rm pg-none", "plan/unknown-target", "pg-none"),
        ("pgsql-add pg-test 10.10.10.99", "plan/unknown-target", "10.10.10.99"),
        ("pgsql-rm pg-test 10.10.10.31", "plan/not-a-member", "10.10.10.31"),
        ("pgsql-svc pg-test 10.10.10.300", "plan/usage", "10.10.10.300"),
        ("pgsql-rm pg-safe", "plan/safeguard", "pg-safe-1 @ 10.10.10.41"),
        ("pgsql-rm.yml -l pg-safe,pg-test", "plan/safeguard", "pg-safe-1 @ 10.10.10.41"),
        ("pgsql-user pg-meta nobody", "plan/unknown-user", "nobody"),
        ("pg frobnicate pg-test", "plan/usage", "frobnicate"),
    ] {
        let refusal = planned(line).expect_err(line);
        assert_eq!(refusal.code, code, "{line}: {refusal:?}");
        assert!(refusal.why.contains(why), "{line}: {refusal:?}");
        assert!(!refusal.fix.is_empty(), "{line}");
    }
    let pitr = |object: &str| planned(&format!("pgsql-pitr.yml -l pg-meta2 -e '{{\"pg_pitr\": {object}}}'"));
    for (object, why) in [
        ("{\"cluster\": \"pg-meta\", \"time\": \"2025-01-10 10:00:00+00\", \"xid\": \"1\"}", "target"),
        ("{\"cluster\": \"pg-meta\", \"lsn\": \"0-4001C80\"}", "0-4001C80"),
        ("{\"cluster\": \"pg-meta\", \"xid\": \"25x\"}", "25x"),
        ("{\"cluster\": \"pg-none\", \"type\": \"latest\"}", "pg-none"),
    ] {
        let refusal = pitr(object).expect_err(object);
        assert!(format!("{} {}", refusal.what, refusal.why).contains(why), "{object}: {refusal:?}");
    }
}

#[test]
fn a_leader_that_is_to_go_hands_over_first_and_the_others_learn_of_it() {
    let plan = planned("pgsql-rm pg-test 10.10.10.11").unwrap();
    assert_eq!(
        plan.command_lines(),
        [
            "pg switchover pg-test --candidate pg-test-2",
            "pgsql-rm.yml -l '10.10.10.11,&pg-test'",
            "pgsql.yml -l pg-test -t pg_dbsu,pg_conf,patroni_reload,pg_service",
        ]
    );
    assert!(plan.is_destructive());
    let text = plan.render();
    assert!(text.contains("inventory: sets `pg_role: primary` for 10.10.10.12 of `pg-test`"), "{text}");
    assert!(text.contains("inventory: removes 10.10.10.11 from `pg-test`"), "{text}");
    for (_, host, step) in plan.steps().filter(|(_, _, step)| step.id.0 == "pgsql/pg_service/files") {
        let shown = format!("{:?}", step.fact);
        assert!(!shown.contains("10.10.10.11"), "{host} must not list who has left: {shown}");
    }
}
