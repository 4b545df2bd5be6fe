//! Standby clusters on real servers: created behind an upstream, given another one, promoted.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic and tell")]

mod common;

use common::Lab;

const A: &str = "10.10.10.11";
const C: &str = "10.10.10.13";
const D: &str = "10.10.10.14";

const INVENTORY: &str = "\
all:
  children:
    etcd: { hosts: { 10.10.10.10: { etcd_seq: 1 } }, vars: { etcd_cluster: etcd } }
    pg-test:
      hosts:
        10.10.10.11: { pg_seq: 1, pg_role: primary }
        10.10.10.12: { pg_seq: 2, pg_role: replica }
      vars:
        pg_cluster: pg-test
        pg_databases: [{ name: test }]
    pg-test2:
      hosts:
        10.10.10.13: { pg_seq: 1, pg_role: primary, pg_upstream: 10.10.10.11 }
        10.10.10.14: { pg_seq: 2, pg_role: replica }
      vars: { pg_cluster: pg-test2 }
  vars: { admin_ip: 10.10.10.10, pg_version: 15, pg_conf: tiny.yml, pg_rto: fast, pg_shared_buffer_ratio: 0.01 }
";

/// Waits until a query gives what is expected; WAL may be on its way.
async fn comes(lab: &Lab, node: &str, query: &str, expect: &str) {
    let mut last = String::new();
    for _ in 0..60 {
        last = lab.sql(node, query).await;
        if last == expect {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    }
    assert_eq!(last, expect, "{node}: {query}");
}

async fn follows(lab: &Lab) {
    comes(lab, D, "SELECT string_agg(name, ' ') FROM mark", "one").await;
    let role = lab.ask(C, "curl -s http://10.10.10.13:8008/cluster").await;
    assert!(role.contains("standby_leader"), "{role}");
}

/// As after a power cut between the clone and Patroni's first word to the DCS: the settings among the data are the
/// upstream's, which follows nobody, and Patroni takes them where the DCS has none.
async fn power_was_lost_after_the_clone(lab: &Lab) {
    for node in [D, C] {
        lab.ask(node, "systemctl stop patroni").await;
    }
    let settings = lab.ask(A, "base64 -w0 /pg/data/patroni.dynamic.json").await;
    let forget = format!(
        "cd / && echo {} | base64 -d >/pg/data/patroni.dynamic.json && printf 'pg-test2\\nYes I am aware\\n' | patronictl -c /etc/patroni/patroni.yml remove pg-test2 >/dev/null",
        settings.trim()
    );
    lab.ask(C, &forget).await;
    let known = "cd / && patronictl -c /etc/patroni/patroni.yml show-config </dev/null";
    assert_ne!(lab.try_on(C, known).await.0, 0, "the DCS says nothing any more");
}

#[tokio::test]
#[ignore = "needs the lab"]
async fn lab_a_standby_cluster_follows_changes_its_upstream_and_becomes_independent() {
    let mut lab = Lab::of(INVENTORY, &["pg-test", "pg-test2"], Vec::new());
    let early = lab.plan(&["pgsql-add", "pg-test2"]).await.unwrap_err();
    assert_eq!(early.code, "plan/upstream-empty");
    lab.run(&["pgsql-add", "pg-test"]).await.well();
    lab.sql(A, "CREATE TABLE mark (name text); INSERT INTO mark VALUES ('one');").await;

    let planned = lab.plan(&["pgsql-add", "pg-test2"]).await.unwrap();
    lab.run_plan(planned.clone()).await.well();
    follows(&lab).await;
    power_was_lost_after_the_clone(&lab).await;
    lab.run_plan(planned).await.well();
    follows(&lab).await;
    // A service that takes writes has nobody to send them to.
    let primary = "exec 3<>/dev/tcp/127.0.0.1/5433 || exit 9; cd /; PGCONNECT_TIMEOUT=3 psql -w 'host=127.0.0.1 port=5433 user=dbuser_dba dbname=postgres' -c 'SELECT 1'";
    assert_ne!(lab.try_on(C, primary).await.0, 0);

    lab.run(&["pg", "switchover", "pg-test", "--candidate", "pg-test-2"]).await.well();
    lab.run(&["pg", "change-upstream", "pg-test2", "10.10.10.12"]).await.well();
    lab.sql("10.10.10.12", "INSERT INTO mark VALUES ('two');").await;
    comes(&lab, D, "SELECT string_agg(name, ' ') FROM mark", "one two").await;
    assert_eq!(
        lab.plan(&["pg", "change-upstream", "pg-test2", "10.10.10.14"]).await.unwrap_err().code,
        "plan/upstream-own"
    );

    let planned = lab.plan(&["pg", "promote-cluster", "pg-test2"]).await.unwrap();
    let edited = planned.edits.iter().fold(INVENTORY.to_owned(), |text, planned| {
        planned.edit.apply(&paddock_inventory::Inventory::read(text).0).unwrap()
    });
    assert!(!edited.contains("pg_upstream"), "{edited}");
    lab.run_plan(planned).await.well();
    lab.declare(&edited);
    lab.sql(C, "INSERT INTO mark VALUES ('three');").await;
    comes(&lab, D, "SELECT string_agg(name, ' ') FROM mark", "one two three").await;
    assert_eq!(lab.sql("10.10.10.12", "SELECT string_agg(name, ' ') FROM mark").await, "one two");
    let backups = lab.ask(C, "cd /; runuser -u postgres -- pgbackrest --stanza=pg-test2 info").await;
    assert!(backups.contains("full backup"), "{backups}");
    assert_eq!(lab.plan(&["pg", "promote-cluster", "pg-test2"]).await.unwrap_err().code, "plan/not-standby");
    // Created again: it stays independent.
    lab.run(&["pgsql-add", "pg-test2"]).await.well();
    assert_eq!(lab.sql(C, "SELECT pg_is_in_recovery()").await, "f");
    lab.pool.close().await;
}
