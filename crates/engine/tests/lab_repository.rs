//! Backups on a pgBackRest repository host: made from whoever leads, by an operation, by hand and by cron; restored from
//! by another cluster; and gone, or kept, with the cluster.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic and tell")]

mod common;

use common::Lab;
use std::time::{Duration, Instant};

const A: &str = "10.10.10.11";
const B: &str = "10.10.10.12";
const C: &str = "10.10.10.13";
const HOST: &str = "10.10.10.14";

/// `more` are further variables of pg-test, `clone` those of pg-test2.
fn inventory(more: &str, clone: &str) -> String {
    format!(
        "\
all:
  children:
    etcd: {{ hosts: {{ 10.10.10.10: {{ etcd_seq: 1 }} }}, vars: {{ etcd_cluster: etcd }} }}
    backups: {{ hosts: {{ 10.10.10.14: {{}} }} }}
    pg-test:
      hosts:
        10.10.10.11: {{ pg_seq: 1, pg_role: primary }}
        10.10.10.12: {{ pg_seq: 2, pg_role: replica }}
      vars:
        pg_cluster: pg-test
        pg_users: [{{ name: test, password: Test.Secret, pgbouncer: true, roles: [dbrole_admin] }}]
        pg_databases: [{{ name: test, owner: test }}]
{more}    pg-test2:
      hosts:
        10.10.10.13: {{ pg_seq: 1, pg_role: primary }}
      vars:
        pg_cluster: pg-test2
{clone}  vars:
    admin_ip: 10.10.10.10
    pg_version: 15
    pg_conf: tiny.yml
    pg_rto: fast
    pg_shared_buffer_ratio: 0.01
    pgbackrest_method: central
    pgbackrest_repo:
      central:
        host: 10.10.10.14
        path: /data/pgbackrest
        cipher_type: aes-256-cbc
        cipher_pass: Central.Secret
        retention_full: 2
"
    )
}

/// What the repository host itself lists, newest last: `full pg-test-1` is who was backed up.
async fn kinds(lab: &Lab, stanza: &str) -> Vec<String> {
    let list = format!(
        "cd /; runuser -u postgres -- pgbackrest --stanza={stanza} --output=json info | python3 -c 'import json, sys; [print(b[\"type\"]) for one in json.load(sys.stdin) for b in one[\"backup\"] if not b[\"error\"]]'"
    );
    lab.ask(HOST, &list).await.lines().map(str::to_owned).collect()
}

#[tokio::test]
#[ignore = "needs the lab"]
async fn lab_a_repository_host_keeps_the_backups_of_several_clusters() {
    let mut lab = Lab::of(&inventory("", ""), &["pg-test", "pg-test2"], Vec::new());
    lab.run(&["pgsql-add", "pg-test"]).await.well();
    assert_eq!(kinds(&lab, "pg-test").await, ["full"], "the first backup is on the repository host");
    let here = lab.ask(A, "find -L /pg/backup -type f | wc -l").await;
    assert_eq!(here.trim(), "0", "no member keeps backups");
    let readable = lab.ask(HOST, "grep -rlaE 'backrest-format|PostgreSQL' /data/pgbackrest | wc -l").await;
    assert_eq!(readable.trim(), "0", "what is stored is encrypted");
    let again = lab.run(&["pgsql.yml", "-l", "pg-test", "-t", "pgbackrest"]).await;
    again.well();
    assert_eq!(kinds(&lab, "pg-test").await, ["full"], "the play again makes nothing new");

    lab.run(&["pg-backup", "pg-test", "incr"]).await.well();
    let by_hand = |kind: &str| format!("cd /; runuser -u postgres -- /pg/bin/pg-backup {kind}");
    lab.ask(A, &by_hand("diff")).await;
    assert_eq!(lab.try_on(B, &by_hand("diff")).await.0, 1, "a replica does not back up");
    assert_eq!(lab.try_on(A, &by_hand("half")).await.0, 3);
    assert_eq!(lab.try_on(A, "/pg/bin/pg-backup full").await.0, 2, "root does not, either");
    assert_eq!(kinds(&lab, "pg-test").await, ["full", "incr", "diff"]);

    // Who leads is found by pgBackRest; cron calls what Paddock put there, by the path that the crontab has.
    lab.run(&["pg", "switchover", "pg-test"]).await.well();
    lab.declare(&inventory("        pg_crontab: ['* * * * * pg-backup incr']\n", ""));
    lab.run(&["pgsql.yml", "-l", "pg-test", "-t", "pg_crontab"]).await.well();
    let until = Instant::now() + Duration::from_secs(100);
    while kinds(&lab, "pg-test").await.len() < 4 {
        assert!(Instant::now() < until, "cron made no backup");
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    lab.ask(A, "crontab -u postgres -r").await;
    lab.ask(B, "crontab -u postgres -r; while pgrep -f 'pgbackrest.* backup' >/dev/null; do sleep 1; done")
        .await;
    let leads = lab.sql(B, "SELECT NOT pg_is_in_recovery()").await;
    assert_eq!(leads, "t", "the backup by cron was of the new leader");

    a_clone(&mut lab).await;
    shrink_and_removals(&mut lab).await;
    lab.pool.close().await;
}

/// Another cluster is made from the backups, and has its own from then on.
async fn a_clone(lab: &mut Lab) {
    lab.sql(B, "CREATE TABLE mark (name text); INSERT INTO mark VALUES ('before');").await;
    lab.sql(B, "SELECT pg_create_restore_point('here');").await;
    lab.sql(B, "INSERT INTO mark VALUES ('after');").await;
    lab.declare(&inventory("", "        pg_pitr: { cluster: pg-test, name: here }\n"));
    lab.run(&["pgsql-pitr.yml", "-l", "pg-test2"]).await.well();
    assert_eq!(lab.sql(C, "SELECT string_agg(name, ' ') FROM mark").await, "before");
    lab.run(&["pgsql-pitr.yml", "-l", "pg-test2", "-t", "archive"]).await.well();
    assert_eq!(kinds(lab, "pg-test2").await.last().map(String::as_str), Some("full"));
    assert_eq!(lab.sql(B, "SELECT string_agg(name, ' ') FROM mark").await, "before after");
}

async fn shrink_and_removals(lab: &mut Lab) {
    let keys = "grep -o 'paddock:.*' $(getent passwd postgres | cut -d: -f6)/.ssh/authorized_keys | sort | tr '\\n' ' '; true";
    let all = "paddock:pg-test/pg-test-1 paddock:pg-test/pg-test-2 paddock:pg-test2/pg-test2-1";
    assert_eq!(lab.ask(HOST, keys).await.trim(), all);
    lab.run(&["pgsql-rm", "pg-test", "10.10.10.11"]).await.well();
    let staying = "paddock:pg-test/pg-test-2 paddock:pg-test2/pg-test2-1";
    assert_eq!(lab.ask(HOST, keys).await.trim(), staying);
    let hosts = lab.ask(HOST, "grep -h '^pg.*-host=' /etc/pgbackrest/conf.d/pg-test.conf").await;
    assert_eq!(hosts.trim(), "pg1-host=10.10.10.12");

    lab.run(&["pgsql-rm", "pg-test2"]).await.well();
    let of_two = "ls -d /etc/pgbackrest/conf.d/pg-test2.conf /data/pgbackrest/*/pg-test2 2>/dev/null; true";
    assert_eq!(lab.ask(HOST, of_two).await.trim(), "", "nothing of the removed cluster is left");
    assert!(kinds(lab, "pg-test").await.len() >= 4, "the other cluster's backups are there");

    lab.run(&["pgsql-rm.yml", "-l", "pg-test", "-e", "pg_rm_backup=false"]).await.well();
    assert!(kinds(lab, "pg-test").await.len() >= 4, "kept backups are listed");
    assert_eq!(lab.ask(HOST, keys).await.trim(), "", "and nobody is admitted any more");

    comes_back(lab).await;
}

/// Declared again, the cluster comes back from its kept backups with what was written after the last of them, or not at all.
async fn comes_back(lab: &mut Lab) {
    lab.declare(&inventory("", ""));
    let back = ["pgsql-pitr.yml", "-l", "pg-test", "-e", r#"{"pg_pitr": {}}"#];
    let newest = "find /data/pgbackrest/archive/pg-test -name '*.zst' -o -name '*.gz' -o -name '*.lz4' | sort | tail -n 1";
    let wal = lab.ask(HOST, newest).await;
    let wal = wal.trim();
    lab.ask(HOST, &format!("chmod 000 {wal}")).await;
    let short = lab.run(&back).await;
    let reason = short.failed();
    assert!(reason.contains("cannot be fetched"), "{reason}");
    lab.ask(HOST, &format!("chmod 640 {wal}")).await;
    lab.run(&back).await.well();
    assert_eq!(lab.sql(A, "SELECT string_agg(name, ' ') FROM mark").await, "before after");
    assert_eq!(lab.sql(B, "SELECT string_agg(name, ' ') FROM mark").await, "before after");
    lab.run(&["pgsql-pitr.yml", "-l", "pg-test", "-t", "archive"]).await.well();
    assert_eq!(kinds(lab, "pg-test").await.last().map(String::as_str), Some("full"));
}
