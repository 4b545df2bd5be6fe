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
    lab.pool.close().await;
}
