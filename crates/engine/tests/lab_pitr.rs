//! Point-in-time recovery on real servers: clones to every kind of target, and in place with what may follow.
//!
//! The repository is an S3 server in the lab's network, whose program LAB_S3 names (docs/decisions/0010).

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic and tell")]

mod common;

use common::Lab;
use paddock_playbooks::Need;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const A: &str = "10.10.10.11";
const B: &str = "10.10.10.12";
const C: &str = "10.10.10.13";

/// `clone` is what the clone's vars say beside its name.
fn inventory(clone: &str) -> String {
    format!(
        "\
all:
  children:
    etcd: {{ hosts: {{ 10.10.10.10: {{ etcd_seq: 1 }} }}, vars: {{ etcd_cluster: etcd }} }}
    pg-test:
      hosts:
        10.10.10.11: {{ pg_seq: 1, pg_role: primary }}
        10.10.10.12: {{ pg_seq: 2, pg_role: replica }}
      vars:
        pg_cluster: pg-test
        pg_users: [{{ name: test, password: Test.Secret, pgbouncer: true, roles: [dbrole_admin] }}]
        pg_databases: [{{ name: test, owner: test }}]
    pg-test2:
      hosts:
        10.10.10.13: {{ pg_seq: 1, pg_role: primary }}
      vars:
        pg_cluster: pg-test2
{clone}  vars:
    admin_ip: 10.10.10.10
    pg_version: 15
    node_etc_hosts: [10.10.10.10 sss.pigsty]
    pg_conf: tiny.yml
    pg_rto: fast
    pg_shared_buffer_ratio: 0.01
    pgbackrest_method: minio
    pgbackrest_repo:
      minio:
        type: s3
        s3_endpoint: sss.pigsty
        s3_region: us-east-1
        s3_bucket: pgsql
        s3_key: pgbackrest
        s3_key_secret: S3User.Backup
        s3_uri_style: path
        path: /pgbackrest
        storage_port: 9000
        storage_ca_file: /etc/pki/ca.crt
        cipher_type: aes-256-cbc
        cipher_pass: pgBackRest
        retention_full_type: time
        retention_full: 14
"
    )
}

/// The S3 server; ends with the test.
struct Store(Child);

impl Drop for Store {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// Serves S3 as production has it: under the name sss.pigsty, over TLS with a certificate of the CA that the nodes trust.
///
/// HAProxy on node 10 speaks TLS, since moto's own server ends its connections in a way that OpenSSL 3 takes for cut.
async fn store(lab: &Lab) -> Store {
    let program = std::env::var("LAB_S3").expect("LAB_S3 names the S3 server, moto_server");
    let log = std::fs::File::create(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("s3.log")).unwrap();
    let child = Command::new(program)
        // Or `sss.pigsty` would be bucket `sss`.
        .env("S3_IGNORE_SUBDOMAIN_BUCKETNAME", "true")
        .args(["-H", "10.10.10.1", "-p", "9001"])
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap();
    let store = Store(child);
    let pem = format!("{}{}", lab.material.get("s3.crt"), lab.material.get("s3.key"));
    let script = format!(
        "umask 077; cat >/etc/s3.pem <<'PEM'\n{pem}PEM\ncat >/etc/s3.cfg <<'CFG'\ndefaults\n  mode http\n  timeout connect 5s\n  timeout client 5m\n  timeout server 5m\n  option http-server-close\nfrontend s3\n  bind 10.10.10.10:9000 ssl crt /etc/s3.pem\n  default_backend moto\nbackend moto\n  retries 3\n  server moto 10.10.10.1:9001\nCFG\nsystemctl is-active -q s3 || systemd-run -q --unit=s3 haproxy -db -f /etc/s3.cfg\n"
    );
    lab.ask("10.10.10.10", &script).await;
    let until = Instant::now() + Duration::from_secs(60);
    while lab.try_on("10.10.10.10", "curl -sf -o /dev/null -X PUT http://10.10.10.1:9001/pgsql").await.0 != 0
    {
        assert!(Instant::now() < until, "the S3 server does not answer");
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    store
}

/// Names of the rows that are there, in order.
async fn rows(lab: &Lab, node: &str) -> String {
    lab.sql(node, "SELECT string_agg(name, ' ' ORDER BY id) FROM mark").await
}

/// What must hold after every restore: a leader that takes writes on a later timeline, archiving off, no old data lost
/// from sight.
async fn is_restored(lab: &Lab, node: &str) {
    let state = lab.sql(node,
        "SELECT pg_is_in_recovery() || ' ' || current_setting('archive_mode') || ' ' || (timeline_id > 1) FROM pg_control_checkpoint();
         INSERT INTO mark (name) VALUES ('after'); DELETE FROM mark WHERE name = 'after';",
    )
    .await;
    assert_eq!(state, "false off true");
}

#[tokio::test]
#[ignore = "needs the lab"]
async fn lab_a_clone_has_what_was_before_each_target_and_nothing_after_it() {
    let certificate = Need::Certificate {
        name: "s3".into(),
        key: "s3".into(),
        cn: "s3".into(),
        // pgBackRest compares names, not addresses.
        sans: vec!["sss.pigsty".into()],
    };
    let mut lab = Lab::of(&inventory(""), &["pg-test", "pg-test2"], vec![certificate]);
    let _store = store(&lab).await;
    lab.run(&["pgsql-add", "pg-test"]).await.well();

    lab.sql(A, "CREATE TABLE mark (id serial, name text); GRANT ALL ON mark TO test;").await;
    let note = |name: &'static str| {
        let lab = &lab;
        async move { lab.sql(A, &format!("INSERT INTO mark (name) VALUES ('{name}');")).await }
    };
    note("one").await;
    let time = lab.sql(A, "SELECT pg_sleep(1); SELECT clock_timestamp(); SELECT pg_sleep(1);").await;
    note("two").await;
    lab.sql(A, "SELECT pg_create_restore_point('before_migration');").await;
    note("three").await;
    let xid = lab
        .sql(A, "BEGIN; INSERT INTO mark (name) VALUES ('four'); SELECT pg_current_xact_id(); COMMIT;")
        .await;
    note("five").await;
    let lsn = lab.sql(A, "SELECT pg_current_wal_lsn();").await;
    note("six").await;

    let targets = [
        (format!("time: '{}'", time.trim()), "one"),
        ("name: before_migration".to_owned(), "one two"),
        (format!("xid: \"{xid}\""), "one two three four"),
        (format!("lsn: \"{lsn}\""), "one two three four five"),
        ("type: latest".to_owned(), "one two three four five six"),
    ];
    for (number, (target, expect)) in targets.iter().enumerate() {
        lab.declare(&inventory(&format!("        pg_pitr: {{ cluster: pg-test, {target} }}\n")));
        let planned = lab.plan(&["./pgsql-pitr.yml", "-l", "pg-test2"]).await.unwrap();
        // The first clone finds a bare node: preparing it and creating the cluster are planned in.
        assert_eq!(planned.plays.len(), if number == 0 { 3 } else { 1 }, "{:?}", planned.command_lines());
        assert_eq!(planned.is_destructive(), number > 0, "the first one finds nothing that could be lost");
        lab.run_plan(planned).await.well();
        assert_eq!(rows(&lab, C).await, *expect, "{target}");
        is_restored(&lab, C).await;
    }
    assert_eq!(rows(&lab, A).await, "one two three four five six", "the source is as it was");

    before_a_transaction_in_two_parts(&lab, &xid).await;
    where_a_backup_ended(&lab).await;

    // A target that is nowhere is refused or fails, and says so; a time before every backup is known at once.
    let early = [
        "pgsql-pitr.yml",
        "-l",
        "pg-test2",
        "-e",
        "{\"pg_pitr\": {\"cluster\": \"pg-test\", \"time\": \"2020-01-01 00:00:00+00\"}}",
    ];
    assert_eq!(lab.plan(&early).await.unwrap_err().code, "plan/pitr-out-of-range");

    // Going on with the clone: archiving, and a backup of its own.
    lab.run(&["pgsql-pitr.yml", "-l", "pg-test2", "-t", "archive"]).await.well();
    assert_eq!(lab.sql(C, "SHOW archive_mode").await, "on");
    in_place(&lab, &time).await;
    fetches_fail(&lab).await;
    along_the_history_that_was_left(&lab).await;
    lab.pool.close().await;
}

/// A clone of pg-test on node 13, by these settings and tags.
async fn clone(lab: &Lab, tags: &[&str], settings: &str) -> String {
    let pitr = format!("{{\"pg_pitr\": {{\"cluster\": \"pg-test\", {settings}}}}}");
    let mut words = vec!["pgsql-pitr.yml", "-l", "pg-test2"];
    words.extend(tags);
    words.extend(["-e", &pitr]);
    lab.run(&words).await.well()
}

/// The target left out, PostgreSQL shut down there: somebody may look at the files; then it goes on.
async fn before_a_transaction_in_two_parts(lab: &Lab, xid: &str) {
    let settings = format!("\"xid\": \"{xid}\", \"exclusive\": true, \"action\": \"shutdown\"");
    clone(lab, &["-t", "down,pitr"], &settings).await;
    let off = "! pgrep -u postgres -f -- '-D /pg/data( |$)' && ! systemctl is-active -q patroni && /usr/pgsql/bin/pg_controldata /pg/data | grep 'cluster state'";
    let state = lab.ask(C, off).await;
    assert!(state.contains("shut down in recovery"), "{state}");
    clone(lab, &["-t", "up"], &settings).await;
    assert_eq!(rows(lab, C).await, "one two three", "the transaction itself is left out");
    is_restored(lab, C).await;
}

/// Label of the oldest backup of pg-test.
async fn first_backup(lab: &Lab) -> String {
    let list = "cd /; runuser -u postgres -- pgbackrest --stanza=pg-test --output=json info | python3 -c 'import json, sys; print(json.load(sys.stdin)[0][\"backup\"][0][\"label\"])'";
    lab.ask(A, list).await.trim().to_owned()
}

/// The first backup was made before there was a table.
async fn where_a_backup_ended(lab: &Lab) {
    let settings = format!("\"type\": \"immediate\", \"set\": \"{}\"", first_backup(lab).await);
    clone(lab, &[], &settings).await;
    let state = "SELECT pg_is_in_recovery() || ' ' || (to_regclass('mark') IS NULL)";
    assert_eq!(lab.sql(C, state).await, "false true");
}

/// Node 13 gets WAL only at the second try from now on, and before that a restore fails because it gets none at all:
/// PostgreSQL would have taken it for the end of the archive and opened the database there.
async fn fetches_fail(lab: &Lab) {
    lab.ask(
        C,
        r#"cat >/usr/local/bin/pgbackrest <<'SH' && chmod 755 /usr/local/bin/pgbackrest && touch /tmp/no-wal
#!/bin/bash
if [ "$3" = archive-get ] && { [ -e /tmp/no-wal ] || [ ! -e /tmp/asked-"$4" ]; }; then
  touch /tmp/asked-"$4"; echo "ERROR: [042]: no answer for $4" >&2; exit 42
fi
exec /usr/bin/pgbackrest "$@"
SH"#,
    )
    .await;
    let pitr = r#"{"pg_pitr": {"cluster": "pg-test", "type": "latest"}}"#;
    let said = lab.run(&["pgsql-pitr.yml", "-l", "pg-test2", "-e", pitr]).await.failed();
    assert!(said.contains("no answer for") && said.contains("could not restore file"), "{said}");
    let open = "cd /; runuser -u postgres -- psql -XAtc 'SELECT 1' || runuser -u postgres -- psql -XAt -h /pg/conf/pitr -c 'SELECT 1'";
    assert_ne!(lab.try_on(C, open).await.0, 0, "nothing is opened that is not whole");
    lab.ask(C, "rm /tmp/no-wal /tmp/asked-*").await;
}

/// pg-test was restored to an early time and went on from there; what it had done before is still in the archive.
async fn along_the_history_that_was_left(lab: &Lab) {
    let settings = format!("\"timeline\": \"1\", \"set\": \"{}\"", first_backup(lab).await);
    clone(lab, &[], &settings).await;
    assert_eq!(rows(lab, C).await, "one two three four five six");
    assert_eq!(rows(lab, A).await, "one", "the source is as it was");
    is_restored(lab, C).await;
}

/// One target in place with a replica; back to what was; and once more for good.
async fn in_place(lab: &Lab, time: &str) {
    lab.sql(A, "ALTER ROLE test CONNECTION LIMIT 77;").await;
    lab.ask(A, "cd /; patronictl -c /etc/patroni/patroni.yml edit-config --force -s loop_wait=4 >/dev/null </dev/null").await;
    let pitr = r#"{"pg_pitr": {"name": "before_migration"}}"#;
    let restore = ["pgsql-pitr.yml", "-l", "pg-test", "-e", pitr];
    lab.run(&restore).await.well();
    assert_eq!(rows(lab, A).await, "one two");
    assert_eq!(rows(lab, B).await, "one two", "the replica is of the new history");
    is_restored(lab, A).await;
    let config = lab.ask(A, "curl -s http://10.10.10.11:8008/config").await;
    assert!(config.contains("\"loop_wait\": 4") || config.contains("\"loop_wait\":4"), "{config}");
    assert!(!config.contains("pause"), "{config}");
    // Data are left aside: another restore does not delete them silently.
    let again = lab.run(&restore).await.failed();
    assert!(again.contains("/pg/data-backup is left"), "{again}");

    lab.run(&["pgsql-pitr.yml", "-l", "pg-test", "-t", "rollback"]).await.well();
    assert_eq!(rows(lab, A).await, "one two three four five six");
    assert_eq!(rows(lab, B).await, "one two three four five six");

    let pitr = format!("{{\"pg_pitr\": {{\"time\": \"{}\"}}}}", time.trim());
    lab.run(&["pgsql-pitr.yml", "-l", "pg-test", "-e", &pitr]).await.well();
    assert_eq!((rows(lab, A).await.as_str(), rows(lab, B).await.as_str()), ("one", "one"));
    lab.run(&["pgsql-pitr.yml", "-l", "pg-test", "-t", "archive"]).await.well();
    lab.run(&["pgsql-pitr.yml", "-l", "pg-test", "-t", "confirm"]).await.well();
    let left = lab.ask(A, "ls -d /pg/data-backup /pg/data-rolled-back 2>/dev/null | wc -l").await;
    assert_eq!(left.trim(), "0");
}
