//! Plans run on real servers: the lab's nodes, inside its network.
//!
//! `cargo xtask integration` builds this and runs it by `lab exec`. Variables: LAB_DIR (keys), LAB_USER.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic and tell")]

mod common;

use common::Lab;
use paddock_engine::{CheckResult, dry_run};

const INVENTORY: &str = "\
all:
  children:
    etcd: { hosts: { 10.10.10.10: { etcd_seq: 1 } }, vars: { etcd_cluster: etcd } }
    pg-test:
      hosts:
        10.10.10.11: { pg_seq: 1, pg_role: primary }
        10.10.10.12: { pg_seq: 2, pg_role: replica }
        10.10.10.13: { pg_seq: 3, pg_role: replica }
      vars:
        pg_cluster: pg-test
        pg_users: [{ name: test, password: Test.Secret, pgbouncer: true, roles: [dbrole_admin] }]
        pg_databases: [{ name: test, owner: test }]
  vars: { admin_ip: 10.10.10.10, pg_version: 15, pg_conf: tiny.yml, pg_rto: fast, pg_shared_buffer_ratio: 0.01 }
";

#[tokio::test]
#[ignore = "needs the lab"]
async fn lab_a_cluster_is_created_and_a_second_run_changes_nothing() {
    let lab = Lab::new(INVENTORY, "pg-test");
    let words = ["pgsql-add", "pg-test"];
    lab.run(&words).await.well();

    let again = lab.plan(&words).await.unwrap();
    assert!(again.warnings.iter().any(|warning| warning.code == "plan/recreate"), "{:?}", again.warnings);
    assert_eq!(again.plays.len(), 1, "nothing is planned in: {:?}", again.command_lines());
    let changes: Vec<String> = dry_run(&again, &lab.pool, &lab.targets)
        .await
        .into_iter()
        .filter(|checked| checked.result != CheckResult::Holds)
        .map(|checked| {
            format!(
                "{} {}: {:?}",
                checked.host,
                again.steps().nth(checked.step as usize).unwrap().2.id.0,
                checked.result
            )
        })
        .collect();
    assert_eq!(changes, [] as [String; 0]);
    postgresql_takes_the_migrations(&lab).await;
    a_clone_that_was_cut_short_is_made_anew(&lab).await;
    lab.pool.close().await;
}

/// The console's own tables for PostgreSQL, which no console opens yet: a server reads them all, one after the other.
async fn postgresql_takes_the_migrations(lab: &Lab) {
    lab.sql("10.10.10.11", "CREATE DATABASE store").await;
    let folder = std::fs::read_dir("../../migrations/postgres").unwrap();
    let mut files: Vec<_> = folder.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 8, "{files:?}");
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let run = format!(
            "cd /; runuser -u postgres -- psql -XAtq1 -v ON_ERROR_STOP=1 -d store <<'MIGRATION' 2>&1\n{text}\nMIGRATION\n"
        );
        let (exit, said) = lab.try_on("10.10.10.11", &run).await;
        assert_eq!(exit, 0, "{}: {said}", file.display());
    }
}

/// What a node that lost its power has of a base backup: the label, which comes first, and not pg_control, which comes last.
async fn a_clone_that_was_cut_short_is_made_anew(lab: &Lab) {
    let node = "10.10.10.13";
    let cut =
        "systemctl stop patroni && cd /pg/data && rm global/pg_control && touch backup_label of_the_cut";
    let (exit, said) = lab.try_on(node, cut).await;
    assert_eq!(exit, 0, "{said}");
    let said = lab.run(&["pgsql-add", "pg-test", node]).await.well();
    assert!(said.contains("a clone was cut short here and is made anew"), "{said}");
    let (exit, said) = lab.try_on(node, "[ -e /pg/data/PG_VERSION ] && [ ! -e /pg/data/of_the_cut ]").await;
    assert_eq!(exit, 0, "the half clone is still there: {said}");
    assert_eq!(lab.sql(node, "SELECT status FROM pg_stat_wal_receiver").await, "streaming");
}
