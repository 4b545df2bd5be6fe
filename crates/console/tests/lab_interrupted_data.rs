//! Operations on users, databases, backups and copies of a cluster that runs, each cut short three times in its middle, as
//! in `lab_interrupted_running.rs`.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic and tell")]
mod rig;

use rig::cut::{Cut, Power, aside, cut, dies, runtime};
use rig::health::is_healthy;
use rig::{Rig, leader, members, on, sql, try_on, until};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

const PG_TEST: &str = "    pg-test:
      hosts:
        10.10.10.11: { pg_seq: 1, pg_role: replica }
        10.10.10.12: { pg_seq: 2, pg_role: primary }
      vars:
        pg_cluster: pg-test
";
const PG_TEST2: &str = "    pg-test2:
      hosts:
        10.10.10.13: { pg_seq: 1, pg_role: primary, pg_upstream: 10.10.10.12 }
      vars: { pg_cluster: pg-test2 }
";
/// A repository that both clusters read.
const REPOSITORY: &str = "    pg_conf: tiny.yml
    node_etc_hosts: [10.10.10.10 sss.pigsty]
    pgbackrest_method: minio
    pgbackrest_repo: { minio: { type: s3, s3_endpoint: sss.pigsty, s3_region: us-east-1, s3_bucket: pgsql, s3_key: pgbackrest, s3_key_secret: S3User.Backup, s3_uri_style: path, path: /pgbackrest, storage_port: 9000, storage_verify_tls: n, retention_full: 2 } }
";

#[test]
#[ignore = "started by the other test of this file, and killed"]
fn console_that_dies() {
    rig::cut::console_that_dies();
}

/// The S3 server of docs/decisions/0010; ends with the test.
struct Store(Child);

impl Drop for Store {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// S3 over TLS at node 10, by HAProxy before the server that LAB_S3 names.
fn store() -> Store {
    let program = std::env::var("LAB_S3").expect("LAB_S3 names the S3 server, moto_server");
    let child = Command::new(program)
        .env("S3_IGNORE_SUBDOMAIN_BUCKETNAME", "true")
        .args(["-H", "10.10.10.1", "-p", "9001"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let store = Store(child.unwrap());
    on(
        10,
        "cd /etc && openssl req -x509 -newkey rsa:2048 -nodes -days 9 -subj /CN=sss.pigsty -keyout s3.key -out s3.crt 2>/dev/null && cat s3.crt s3.key >s3.pem && cat >s3.cfg <<'CFG'
defaults
  mode http
  timeout connect 5s
  timeout client 5m
  timeout server 5m
  option http-server-close
frontend s3
  bind 10.10.10.10:9000 ssl crt /etc/s3.pem
  default_backend moto
backend moto
  retries 3
  server moto 10.10.10.1:9001
CFG
systemctl is-active -q s3 || systemd-run -q --unit=s3 haproxy -db -f /etc/s3.cfg",
    );
    until(10, "curl -sf -o /dev/null -X PUT http://10.10.10.1:9001/pgsql", Duration::from_secs(60));
    store
}

#[test]
#[ignore = "needs the lab"]
fn lab_an_operation_on_data_that_is_cut_short_is_resumed_to_its_end() {
    let _store = store();
    let dir = runtime().block_on(async {
        let rig = Rig::new().await;
        rig.change("    pg_conf: tiny.yml\n", REPOSITORY).await;
        rig.declare(PG_TEST).await;
        rig.done("pgsql-add pg-test").await;
        let dir = rig.dir();
        rig.console.shut_down().await;
        dir
    });
    provisioning(&dir);
    standby_cluster(&dir);
    points_in_time(&dir);
}

fn provisioning(dir: &Arc<TempDir>) {
    let vars = "        pg_cluster: pg-test\n";
    let declared = format!(
        "{vars}        pg_users: [{{ name: app, password: App.Secret, pgbouncer: true, roles: [dbrole_readwrite] }}]\n        pg_databases: [{{ name: shop, owner: app }}]\n"
    );
    aside(dir, async |rig| rig.change(vars, &declared).await);
    cut(dir, "pgsql-user pg-test app", dies("pgsql/pg_user", 100, 11, &[12]));
    cut(dir, "pgsql-db pg-test shop", dies("pgsql/pg_db", 50, 11, &[12]));
    for node in [11, 12] {
        until(
            10,
            &format!(
                "PGPASSWORD=App.Secret psql -XAtqw 'host=10.10.10.{node} port=6432 user=app dbname=shop' -c 'SELECT 1'"
            ),
            Duration::from_secs(20),
        );
    }
    let backup = dies("pg/backup/backup", 1_500, 12, &[12]);
    let leading = Power::Leading("pg/backup/backup", 500, 12, 11);
    cut(dir, "pg-backup pg-test full", Cut { power: leading, ..backup });
    assert_eq!(leader(11), "pg-test-1");
    aside(dir, async |rig| rig.done("pg switchover pg-test --candidate pg-test-2").await);
    let stanza = on(12, "cd /; runuser -u postgres -- pgbackrest --stanza=pg-test --output=json info");
    let stanza: serde_json::Value = serde_json::from_str(&stanza).unwrap();
    assert_eq!(stanza[0]["status"]["code"], 0, "{stanza}");
    assert_eq!(stanza[0]["status"]["lock"]["backup"]["held"], false, "{stanza}");
    is_healthy(&[11, 12]);
}

fn standby_cluster(dir: &Arc<TempDir>) {
    sql(12, "CREATE TABLE mark (name text); INSERT INTO mark VALUES ('one');");
    aside(dir, async |rig| rig.declare(PG_TEST2).await);
    cut(dir, "pgsql-add pg-test2", dies("pg_primary", 1_000, 13, &[12, 13]));
    assert_eq!(
        sql(13, "SELECT pg_is_in_recovery() || ' ' || (SELECT string_agg(name, ' ') FROM mark)"),
        "true one"
    );
    let upstream = dies("pg/change-upstream/config", 300, 13, &[11, 13]);
    cut(dir, "pg change-upstream pg-test2 10.10.10.11", upstream);
    assert_eq!(
        sql(13, "SELECT sender_host FROM pg_stat_wal_receiver WHERE status = 'streaming'"),
        "10.10.10.11"
    );
    let text = aside(dir, async |rig| rig.inventory().await);
    assert!(text.contains("pg_upstream: 10.10.10.11"), "{text}");

    cut(dir, "pg promote-cluster pg-test2", dies("pg/promote-cluster", 800, 13, &[13]));
    assert_eq!(sql(13, "INSERT INTO mark VALUES ('own'); SELECT pg_is_in_recovery()"), "f");
    let text = aside(dir, async |rig| rig.inventory().await);
    assert!(!text.contains("pg_upstream"), "promoted: {text}");
    is_healthy(&[13]);
}

fn points_in_time(dir: &Arc<TempDir>) {
    sql(12, "SELECT pg_create_restore_point('before_migration');");
    sql(12, "INSERT INTO mark VALUES ('two');");
    let clone = r#"pgsql-pitr.yml -l pg-test2 -e '{"pg_pitr": {"cluster": "pg-test", "name": "before_migration", "backup": true}}'"#;
    cut(dir, clone, dies("restore/files", 1_500, 13, &[13]));
    assert_eq!(sql(13, "SELECT string_agg(name, ' ') || ' ' || pg_is_in_recovery() FROM mark"), "one false");
    is_healthy(&[13]);
    let archive =
        Cut { power: Power::During("archive/full", 1_500, 13), ..dies("archive/restart", 300, 13, &[13]) };
    cut(dir, "pgsql-pitr.yml -l pg-test2 -t archive", archive);
    assert_eq!(sql(13, "SHOW archive_mode"), "on");
    // So many that their removal takes a while.
    on(13, "mkdir /pg/data-backup/many && cd /pg/data-backup/many && seq 50000 | xargs touch");
    let confirm = Cut { power: Power::Before(13), ..dies("confirm/gone", 100, 13, &[13]) };
    cut(dir, "pgsql-pitr.yml -l pg-test2 -t confirm", confirm);
    assert!(!try_on(13, "ls -d /pg/data-backup").0, "what was kept aside is gone");
    is_healthy(&[13]);

    let in_place = r#"pgsql-pitr.yml -l pg-test -e '{"pg_pitr": {"name": "before_migration"}}'"#;
    cut(
        dir,
        in_place,
        Cut { power: Power::During("up/promote", 500, 12), ..dies("restore/files", 1_500, 12, &[11, 12]) },
    );
    for node in [11, 12] {
        assert_eq!(sql(node, "SELECT string_agg(name, ' ') FROM mark"), "one");
    }
    assert_eq!(members(11).len(), 2);
    is_healthy(&[11, 12]);
    cut(dir, "pgsql-pitr.yml -l pg-test -t rollback", dies("rollback/swap", 200, 12, &[11, 12]));
    for node in [11, 12] {
        assert_eq!(sql(node, "SELECT string_agg(name, ' ') FROM mark"), "one two");
    }
    is_healthy(&[11, 12]);
    assert!(!try_on(12, "ls -d /pg/data-backup /pg/data-rolled-back").0, "nothing is kept aside");
}
