//! The life of a cluster as the Cluster Admin page tells it, while pgbench writes through HAProxy.
//!
//! `cargo xtask integration` builds this and runs it by `lab exec`.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic and tell")]
mod rig;

use rig::{Rig, lab, leader, members, on, sql, try_on, until};
use std::time::Duration;

const PG_TEST: &str = "    pg-test:
      hosts:
        10.10.10.11: { pg_seq: 1, pg_role: primary }
        10.10.10.12: { pg_seq: 2, pg_role: replica }
        10.10.10.13: { pg_seq: 3, pg_role: replica }
      vars:
        pg_cluster: pg-test
        pg_users: [{ name: test, password: Test.Secret, pgbouncer: true, roles: [dbrole_admin] }]
        pg_databases: [{ name: test, owner: test }]
";

/// pgbench on node 10, through the HAProxy of node 13. Each run logs what PostgreSQL has confirmed.
const WORKLOAD: &str = r#"
mkdir -p /tmp/load && cd /tmp/load && rm -f stop *.log.* runs
echo 'INSERT INTO ledger VALUES (:run, :client_id);' >insert.sql
cat >loop <<'LOOP'
#!/bin/bash
cd /tmp/load
run=0
while [ ! -e stop ]; do
  run=$((run + 1))
  PGPASSWORD=Test.Secret PGCONNECT_TIMEOUT=3 timeout 8 /usr/lib/postgresql/15/bin/pgbench -n -h 10.10.10.13 -p 5433 -U test -c 2 -T 3 -R 100 -D run=$run -f insert.sql -l --log-prefix=run.log.$run test >/dev/null 2>>errors || sleep 0.3
done
LOOP
chmod +x loop; setsid ./loop </dev/null >/dev/null 2>&1 &
"#;

/// Ends the workload and counts what was confirmed and is not there: run, client and how many.
fn lost() -> (u64, String) {
    on(
        10,
        "touch /tmp/load/stop; for i in $(seq 20); do pgrep -x pgbench >/dev/null || exit 0; sleep 0.5; done; exit 1",
    );
    let confirmed = on(
        10,
        "cd /tmp/load; for f in run.log.*; do run=${f#run.log.}; run=${run%%.*}; awk -v r=$run '{ print r, $1 }' $f; done | sort | uniq -c | awk '{ print $2 \",\" $3 \",\" $1 }'",
    );
    let total = confirmed.lines().filter_map(|line| line.rsplit(',').next()?.parse::<u64>().ok()).sum();
    let rows = confirmed.lines().map(|line| format!("({line})")).collect::<Vec<_>>().join(",");
    let psql = "PGPASSWORD=Test.Secret psql -XAtq -h 10.10.10.13 -p 5433 -U test -d test";
    let missing = on(
        10,
        &format!(
            "{psql} <<'SQL'\nSELECT c.run, c.client, c.n, count(l.run) FROM (VALUES {rows}) c (run, client, n) LEFT JOIN ledger l ON l.run = c.run AND l.client = c.client GROUP BY 1, 2, 3 HAVING count(l.run) < c.n;\nSQL"
        ),
    );
    (total, missing)
}

/// The longest time without a confirmed write, in milliseconds.
fn longest_gap_ms() -> u64 {
    on(
        10,
        "cd /tmp/load; cat run.log.* | awk '{ printf \"%.0f\\n\", $5 * 1000 + $6 / 1000 }' | sort -n | awk 'NR > 1 && $1 - last > gap { gap = $1 - last } { last = $1 } END { print gap + 0 }'",
    )
    .parse()
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the lab"]
async fn lab_a_cluster_grows_shrinks_and_goes_without_a_lost_transaction() {
    let rig = Rig::new().await;
    rig.declare(PG_TEST).await;
    rig.done("pgsql-add pg-test").await;
    let psql = "PGPASSWORD=Test.Secret psql -XAtq -h 10.10.10.13 -p 5433 -U test -d test";
    until(
        10,
        &format!("{psql} -c 'CREATE TABLE IF NOT EXISTS ledger (run int, client int)'"),
        Duration::from_secs(20),
    );
    on(10, WORKLOAD);
    until(10, "ls /tmp/load/run.log.1.* >/dev/null", Duration::from_secs(10));

    // Expand: the declared fourth instance, and the others learn of it.
    rig.change(
        "        10.10.10.13: { pg_seq: 3, pg_role: replica }\n",
        "        10.10.10.13: { pg_seq: 3, pg_role: replica }\n        10.10.10.14: { pg_seq: 4, pg_role: replica }\n",
    )
    .await;
    rig.done("pgsql-add pg-test 10.10.10.14").await;
    assert_eq!(members(11).len(), 4);
    assert_eq!(sql(11, "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'"), "3");
    for node in [11, 12, 13, 14] {
        let servers = on(node, "grep -h '  server' /etc/haproxy/conf.d/pg-test-replica.cfg");
        assert!(servers.contains("pg-test-4 10.10.10.14"), "node {node} does not list pg-test-4:\n{servers}");
        on(node, "grep -q '10.10.10.14' /etc/patroni/patroni.yml");
    }

    // Shrink by the member that leads: it hands over first.
    assert_eq!(leader(11), "pg-test-1");
    rig.done("pgsql-rm pg-test 10.10.10.11").await;
    let left = members(12);
    assert_eq!(left.len(), 3, "{left:?}");
    assert!(left.iter().all(|(name, ..)| name != "pg-test-1"), "{left:?}");
    let lead = match leader(12).as_str() {
        "pg-test-2" => 12,
        "pg-test-3" => 13,
        "pg-test-4" => 14,
        other => panic!("`{other}` leads"),
    };
    assert_eq!(sql(lead, "SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'pg_test_1'"), "0");
    assert!(!rig.inventory().await.contains("10.10.10.11"), "the instance has left the inventory");
    for node in [12, 13, 14] {
        assert!(
            !try_on(node, "grep -l 'pg-test-1 ' /etc/haproxy/conf.d/*.cfg").0,
            "node {node} still lists pg-test-1"
        );
    }
    on(
        11,
        "! pgrep -u postgres -x postgres && ! systemctl is-active -q patroni && [ ! -e /pg/data ] && ! ls /etc/haproxy/conf.d/pg-test-* 2>/dev/null",
    );
    // The node has left the inventory and can still leave the console's care.
    rig.done("node-rm 10.10.10.11").await;
    on(11, "! systemctl is-active -q haproxy && [ ! -e /etc/haproxy ] && [ ! -e /etc/paddock ]");

    let (confirmed, missing) = lost();
    println!("{confirmed} transactions were confirmed; longest time without a write {} ms", longest_gap_ms());
    assert!(confirmed > 1_000, "{confirmed}");
    assert_eq!(missing, "", "confirmed by PostgreSQL and not there: run, client, confirmed, found");

    // What protects a cluster protects it.
    rig.change("        pg_cluster: pg-test\n", "        pg_cluster: pg-test\n        pg_safeguard: true\n")
        .await;
    let refused = rig.plan("pgsql-rm pg-test").await.unwrap_err();
    assert_eq!(refused.code, "plan/safeguard", "{refused}");
    rig.done("pgsql-rm.yml -l pg-test -e pg_safeguard=false").await;
    for node in [12, 13, 14] {
        on(
            node,
            "! pgrep -u postgres -x postgres && ! pgrep -f '[/]usr/bin/patroni' && [ ! -e /pg/data ] && ! ls /etc/haproxy/conf.d*/pg-test-* /data/backups/pg-test-* 2>/dev/null",
        );
    }
    assert_eq!(on(10, ". /etc/etcd/etcdctl.env; etcdctl get --prefix --keys-only /pg/pg-test/"), "");
    assert!(!rig.inventory().await.contains("pg-test"), "the cluster has left the inventory");

    // And the name is free again.
    rig.declare(PG_TEST).await;
    rig.done("pgsql-add pg-test").await;
    assert_eq!(members(11).len(), 3);

    // A node that is gone for good: what others know of it goes, and the rest is said.
    lab(&["kill", "13"]);
    let (_, page) = rig.plan("pgsql-rm pg-test 10.10.10.13").await.unwrap();
    assert!(page.warnings.iter().any(|text| text.contains("does not answer")), "{:?}", page.warnings);
    rig.done("pgsql-rm pg-test 10.10.10.13").await;
    assert_eq!(members(11).len(), 2, "{:?}", members(11));
    assert!(!rig.inventory().await.contains("10.10.10.13"));
    lab(&["start", "13"]);
    rig.console.shut_down().await;
}
