//! The life of a cluster as the Cluster Admin page tells it, while pgbench writes through HAProxy.
//!
//! `cargo xtask integration` builds this and runs it by `lab exec`.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic and tell")]
mod rig;

use paddock_events::JobOutcome;
use rig::{Rig, lab, leader, members, on, sql, sql_in, try_on, until};
use std::time::Duration;

const PG_TEST: &str = "    pg-test:
      hosts:
        10.10.10.11: { pg_seq: 1, pg_role: primary }
        10.10.10.12: { pg_seq: 2, pg_role: replica }
        10.10.10.13: { pg_seq: 3, pg_role: replica }
      vars:
        pg_cluster: pg-test
        pg_users: [{ name: test, password: Test.Secret, pgbouncer: true, roles: [dbrole_admin] }, { name: guest, password: Guest.Secret }]
        pg_databases: [{ name: test, owner: test }]
";

/// What is left of it, declared again.
const PG_TEST_AGAIN: &str = "    pg-test:
      hosts:
        10.10.10.SECOND: { pg_seq: 1, pg_role: primary }
        10.10.10.FIRST: { pg_seq: 2, pg_role: replica }
      vars: { pg_cluster: pg-test }
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

/// Bash that prints the log of each run without its last line, which may still be being written: whole or torn, `cat` would
/// glue it to the first line of the next file.
const LOGGED: &str = "cd /tmp/load; for f in run.log.*; do sed '$d' \"$f\"; done";

/// The longest time without a confirmed write since a moment (milliseconds since the epoch, of node 10), in milliseconds.
fn longest_gap_ms(since: u64) -> u64 {
    let script = format!(
        "{LOGGED} | awk '{{ printf \"%.0f\\n\", $5 * 1000 + $6 / 1000 }}' | sort -n | awk -v last={since} '$1 < last {{ next }} $1 - last > gap {{ gap = $1 - last }} {{ last = $1 }} END {{ print gap + 0 }}'"
    );
    on(10, &script).parse().unwrap()
}

/// Runs an operation and prints for how long nothing was written meanwhile; writes must come through again.
async fn under_load(rig: &Rig, line: &str) -> u64 {
    let since: u64 = on(10, "date +%s%3N").parse().unwrap();
    rig.done(line).await;
    let mark = on(10, "date +%s");
    until(
        10,
        &format!("{LOGGED} | awk -v at={mark} '$5 > at {{ found = 1 }} END {{ exit !found }}'"),
        Duration::from_secs(30),
    );
    let gap = longest_gap_ms(since);
    println!("== {line}: longest time without a confirmed write {gap} ms");
    gap
}

/// Logs in as `guest` from a node to PostgreSQL on node 11.
fn guest_from(node: u8) -> (bool, String) {
    let target = "host=10.10.10.11 port=5432 user=guest dbname=test connect_timeout=5";
    try_on(node, &format!("PGPASSWORD=Guest.Secret psql -XAtqw '{target}' -c 'SELECT 1'"))
}

/// HBA rules, a setting that needs a restart, services and a switchover, while pgbench writes.
async fn changes_that_lose_nothing(rig: &Rig) {
    let vars = "        pg_cluster: pg-test\n";
    assert!(guest_from(10).1.contains("no pg_hba.conf entry"), "{:?}", guest_from(10));
    let rule = "        pg_hba_rules: [{ title: guest, user: guest, db: test, addr: 10.10.10.10/32, auth: pwd, order: 50 }]\n";
    rig.change(vars, &format!("{vars}{rule}")).await;
    under_load(rig, "pgsql-hba pg-test").await;
    assert_eq!(guest_from(10), (true, "1".to_owned()), "admitted");
    assert!(guest_from(14).1.contains("no pg_hba.conf entry"), "refused: {:?}", guest_from(14));

    let before: u32 = sql(11, "SHOW max_connections").parse().unwrap();
    under_load(rig, &format!("pg edit-config pg-test -p max_connections={}", before + 7)).await;
    assert_eq!(sql(11, "SHOW max_connections"), before.to_string(), "nothing is restarted by the edit");
    under_load(rig, "pg restart pg-test --pending").await;
    for node in [11, 12, 13, 14] {
        assert_eq!(sql(node, "SHOW max_connections"), (before + 7).to_string());
    }

    rig.change(
        vars,
        &format!("{vars}        pg_services: [{{ name: reports, port: 5440, selector: '[]' }}]\n"),
    )
    .await;
    under_load(rig, "pgsql-svc pg-test").await;
    for node in [11, 12, 13, 14] {
        on(node, "ss -ltn | grep -q ':5440 '");
    }
    let gap = under_load(rig, "pg switchover pg-test --candidate pg-test-2").await;
    assert!(gap < 30_000, "writes were away for {gap} ms");
    assert_eq!(leader(12), "pg-test-2");
}

/// Between the yes and the run somebody switches over by hand: what was approved is not run, and asks for a new yes.
async fn is_not_run_after_the_leader_has_changed(rig: &Rig) {
    let (id, page) = rig.plan("pgsql-rm pg-test 10.10.10.11").await.unwrap();
    rig.approve(id, &page).await;
    let by_hand = |to: u8| {
        on(
            11,
            &format!(
                "patronictl -c /etc/patroni/patroni.yml switchover pg-test --candidate pg-test-{to} --force"
            ),
        );
    };
    by_hand(3);
    let refused = rig.console.run(&rig.operator, id).await.unwrap_err();
    assert_eq!(refused.code, "run/changed-since", "{refused}");
    assert!(refused.why.contains("pg-test-3 leads pg-test now, and pg-test-2 did then"), "{refused}");
    by_hand(2);
    assert!(
        rig.console.run(&rig.operator, id).await.is_err(),
        "its approval is void, also when all is as it was"
    );
    assert_eq!(members(11).len(), 4, "nothing was removed");
}

/// Neither the node, nor the inventory, nor the other members have anything of a removed instance.
async fn is_gone(rig: &Rig, node: u8, name: &str, stay: &[u8]) {
    let left = members(stay[0]);
    assert_eq!(left.len(), stay.len(), "{left:?}");
    assert!(left.iter().all(|(member, ..)| member != name), "{left:?}");
    assert!(!rig.inventory().await.contains(&format!("10.10.10.{node}")), "{name} has left the inventory");
    for other in stay {
        let slot = format!(
            "SELECT count(*) FROM pg_replication_slots WHERE slot_name = '{}'",
            name.replace('-', "_")
        );
        assert_eq!(sql(*other, &slot), "0");
        let listed = try_on(*other, &format!("grep -l '{name} ' /etc/haproxy/conf.d/*.cfg"));
        assert!(!listed.0, "node {other} still lists {name}: {}", listed.1);
    }
    on(
        node,
        "! pgrep -u postgres -x postgres && ! systemctl is-active -q patroni && [ ! -e /pg/data ] && ! ls /etc/haproxy/conf.d/pg-test-* 2>/dev/null",
    );
}

/// A cluster whose backups were kept is there again, as it was; the name and the repository are its own.
async fn comes_back_from_kept_backups(rig: &Rig, nodes: &[u8], group: &str, rows: &str) {
    for node in nodes {
        on(*node, "! pgrep -u postgres -x postgres && [ ! -e /pg/data ]");
    }
    assert!(!rig.inventory().await.contains("pg-test"), "the cluster has left the inventory");
    rig.declare(group).await;
    let line = r#"pgsql-pitr.yml -l pg-test -e '{"pg_pitr": {}}'"#;
    let (_, page) = rig.plan(line).await.unwrap();
    let installs =
        page.plays.iter().any(|(_, why)| why.as_deref().is_some_and(|why| why.contains("installed only")));
    assert!(installs, "{:?}", page.plays);
    rig.done(line).await;
    assert_eq!(members(nodes[0]).len(), nodes.len());
    for node in nodes {
        until(
            *node,
            &format!(
                "[ \"$(cd /; runuser -u postgres -- psql -XAtq -d test -c 'SELECT count(*) FROM ledger')\" = {rows} ]"
            ),
            Duration::from_secs(20),
        );
    }
    rig.done("pgsql-pitr.yml -l pg-test -t archive").await;
}

/// The cluster, made by a job in the middle of which the console is stopped in order and another one follows.
async fn created_while_the_console_is_restarted(rig: Rig) -> Rig {
    let job = rig.start("pgsql-add pg-test").await;
    until(11, "[ -e /pg/data/PG_VERSION ]", Duration::from_secs(120));
    let dir = rig.dir();
    rig.console.shut_down().await;
    drop(rig);
    let rig = Rig::open(dir).await;
    rig.console.take_up_jobs().await;
    assert_eq!(rig.end_of(job).await, JobOutcome::Succeeded);
    assert_eq!(rig.times_begun(job).await, 2, "it was stopped in the middle, and goes on by itself");
    rig
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the lab"]
async fn lab_a_cluster_grows_shrinks_and_goes_without_a_lost_transaction() {
    let rig = Rig::new().await;
    rig.declare(PG_TEST).await;
    let rig = created_while_the_console_is_restarted(rig).await;
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

    changes_that_lose_nothing(&rig).await;

    is_not_run_after_the_leader_has_changed(&rig).await;

    // Shrink by the former leader, which alone has backups, then by the member that leads, which hands over first.
    let (_, page) = rig.plan("pgsql-rm pg-test 10.10.10.11").await.unwrap();
    assert!(page.warnings.iter().any(|text| text.contains("the only backups")), "{:?}", page.warnings);
    under_load(&rig, "pgsql-rm pg-test 10.10.10.11").await;
    assert_eq!(leader(12), "pg-test-2");
    is_gone(&rig, 11, "pg-test-1", &[12, 13, 14]).await;
    under_load(&rig, "pgsql-rm pg-test 10.10.10.12").await;
    is_gone(&rig, 12, "pg-test-2", &[13, 14]).await;
    let lead = match leader(13).as_str() {
        "pg-test-3" => 13,
        "pg-test-4" => 14,
        other => panic!("`{other}` leads"),
    };
    // The node has left the inventory and can still leave the console's care.
    rig.done("node-rm 10.10.10.11").await;
    on(11, "! systemctl is-active -q haproxy && [ ! -e /etc/haproxy ] && [ ! -e /etc/paddock ]");

    let (confirmed, missing) = lost();
    println!("{confirmed} transactions were confirmed");
    assert!(confirmed > 1_000, "{confirmed}");
    assert_eq!(missing, "", "confirmed by PostgreSQL and not there: run, client, confirmed, found");

    // What protects a cluster protects it.
    rig.change("        pg_cluster: pg-test\n", "        pg_cluster: pg-test\n        pg_safeguard: true\n")
        .await;
    let refused = rig.plan("pgsql-rm pg-test").await.unwrap_err();
    assert_eq!(refused.code, "plan/safeguard", "{refused}");
    rig.done("pg-backup pg-test full").await;
    let rows = sql_in("test", lead, "SELECT count(*) FROM ledger");
    rig.done("pgsql-rm.yml -l pg-test -e pg_safeguard=false -e pg_rm_backup=false").await;
    let (first, second) = if lead == 13 { (13, 14) } else { (14, 13) };
    let group = PG_TEST_AGAIN.replace("FIRST", &first.to_string()).replace("SECOND", &second.to_string());
    comes_back_from_kept_backups(&rig, &[first, second], &group, &rows).await;
    rig.done("pgsql-rm pg-test").await;
    for node in [13, 14] {
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
