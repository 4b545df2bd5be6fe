//! Actions on a cluster that runs, proven on the nodes by other means than the steps themselves: `patronictl`, `psql`,
//! `pgbackrest`, the files.
//!
//! One test, since the cluster is made once; each part leaves it healthy. Variables as in `lab.rs`.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic and tell")]

mod common;

use common::Lab;
use serde_json::Value;
use std::time::{Duration, Instant};

const NODES: [&str; 3] = ["10.10.10.11", "10.10.10.12", "10.10.10.13"];
/// A server that is no member: a client.
const CLIENT: &str = "10.10.10.10";

/// What a part declares beside the members.
struct Declared {
    users: &'static str,
    databases: &'static str,
    more: &'static str,
}

const TEST_USER: &str = "{ name: test, password: Test.Secret, pgbouncer: true, roles: [dbrole_admin] }";
const FIRST: Declared = Declared { users: "", databases: "", more: "" };

impl Declared {
    fn inventory(&self) -> String {
        format!(
            "\
all:
  children:
    etcd: {{ hosts: {{ 10.10.10.10: {{ etcd_seq: 1 }} }}, vars: {{ etcd_cluster: etcd }} }}
    pg-test:
      hosts:
        10.10.10.11: {{ pg_seq: 1, pg_role: primary }}
        10.10.10.12: {{ pg_seq: 2, pg_role: replica }}
        10.10.10.13: {{ pg_seq: 3, pg_role: replica }}
      vars:
        pg_cluster: pg-test
        pg_users: [{TEST_USER}{}]
        pg_databases: [{{ name: test, owner: test }}{}]
{}
  vars: {{ admin_ip: 10.10.10.10, pg_version: 15, pg_conf: tiny.yml, pg_rto: fast, pg_shared_buffer_ratio: 0.01 }}
",
            self.users, self.databases, self.more
        )
    }
}

#[tokio::test]
#[ignore = "needs the lab"]
async fn lab_a_running_cluster_is_changed_and_everything_is_seen_on_the_nodes() {
    let mut lab = Lab::new(&FIRST.inventory(), "pg-test");
    lab.run(&["pgsql-add", "pg-test"]).await.well();
    switchover(&lab).await;
    settings_that_need_a_restart(&lab).await;
    pause_and_resume(&lab).await;
    users_and_databases(&mut lab).await;
    hostile_words(&mut lab).await;
    copy_anew(&lab).await;
    backups(&lab).await;
    hba(&mut lab).await;
    services(&mut lab).await;
    lab.pool.close().await;
}

/// `patronictl list`, by member: role, state, pending restart.
async fn listed(lab: &Lab) -> Vec<(String, String, bool)> {
    let said = lab.ask(NODES[0], "patronictl -c /etc/patroni/patroni.yml list -f json").await;
    let rows: Vec<Value> = serde_json::from_str(&said).unwrap();
    let text = |row: &Value, key: &str| row.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    rows.iter()
        .map(|row| (text(row, "Member"), text(row, "Role"), row.get("Pending restart").is_some()))
        .collect()
}

/// Waits until `patronictl` says the same of all members: they write it to the DCS in their own time.
async fn all_pending(lab: &Lab, pending: bool) {
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        let rows = listed(lab).await;
        if rows.iter().all(|row| row.2 == pending) {
            return;
        }
        assert!(Instant::now() < end, "pending shall be {pending}: {rows:?}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

async fn leader(lab: &Lab) -> String {
    let leaders: Vec<String> =
        listed(lab).await.into_iter().filter(|row| row.1 == "Leader").map(|row| row.0).collect();
    assert_eq!(leaders.len(), 1, "{leaders:?}");
    leaders[0].clone()
}

/// Address of a member.
fn at(member: &str) -> &'static str {
    NODES[member.trim_start_matches("pg-test-").parse::<usize>().unwrap() - 1]
}

async fn sql(lab: &Lab, node: &str, database: &str, query: &str) -> String {
    lab.ask(node, &format!("cd /; runuser -u postgres -- psql -XAtq -d {database} -c \"{query}\"")).await
}

/// Logs in from a node over the network, as a client would: exit code and what psql says.
async fn login(
    lab: &Lab,
    from: &str,
    to: &str,
    port: u16,
    user: &str,
    password: &str,
    database: &str,
) -> (i32, String) {
    let target = format!("host={to} port={port} user={user} dbname={database} connect_timeout=5");
    lab.try_on(from, &format!("cd /; PGPASSWORD={password} psql -XAtqw '{target}' -c 'SELECT 1'")).await
}

async fn refused(lab: &Lab, words: &[&str]) -> String {
    lab.plan(words).await.expect_err("it should be refused").code
}

async fn switchover(lab: &Lab) {
    let old = leader(lab).await;
    assert_eq!(
        refused(lab, &["pg", "switchover", "pg-test", "--candidate", &old]).await,
        "plan/already-leads"
    );
    assert_eq!(
        refused(lab, &["pg", "switchover", "pg-test", "--candidate", "pg-test-9"]).await,
        "plan/unknown-member"
    );
    assert_eq!(
        refused(lab, &["pg", "failover", "pg-test", "--candidate", "pg-test-3"]).await,
        "plan/healthy-leader"
    );
    assert_eq!(refused(lab, &["pg", "reinit", "pg-test", &old]).await, "plan/reinit-leader");
    lab.run(&["pg", "switchover", "pg-test"]).await.well();
    let new = leader(lab).await;
    assert_ne!(old, new);
    // A client of the service is led to the new leader, by HAProxy of the old one's node.
    let (exit, said) = login(lab, CLIENT, at(&old), 5436, "dbuser_dba", "DBUser.DBA", "postgres").await;
    assert_eq!(exit, 0, "{said}");
    let standbys =
        sql(lab, at(&new), "postgres", "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'")
            .await;
    assert_eq!(standbys, "2");
}

async fn settings_that_need_a_restart(lab: &Lab) {
    assert_eq!(refused(lab, &["pg", "restart", "pg-test", "--pending"]).await, "plan/nothing-pending");
    assert_eq!(refused(lab, &["pg", "edit-config", "pg-test", "-s", "ttl=10"]).await, "plan/bad-config");
    let before: u32 = sql(lab, NODES[0], "postgres", "SHOW max_connections").await.parse().unwrap();
    // Lower: a replica that is restarted before its primary would keep the old value.
    let wanted = (before - 5).to_string();
    let words =
        ["pg", "edit-config", "pg-test", "-p", &format!("max_connections={wanted}"), "-p", "work_mem=17MB"];
    let planned = lab.plan(&words).await.unwrap();
    assert!(
        planned.warnings.iter().any(|warning| warning.code == "plan/restart-needed"),
        "{:?}",
        planned.warnings
    );
    let said = lab.run_plan(planned).await.well();
    assert!(
        said.contains(&format!("-    max_connections: {before}\n+    max_connections: {wanted}")),
        "a diff: {said}"
    );
    for member in 1..=3 {
        let waits =
            format!("pg-test-{member} waits for a restart: max_connections ({before} now, {wanted} then)");
        assert!(said.contains(&waits), "{said}");
    }
    all_pending(lab, true).await;
    let planned = lab.plan(&["pg", "restart", "pg-test", "--pending"]).await.unwrap();
    assert!(planned.stages[0].name.ends_with(&leader(lab).await), "the primary first: {}", planned.render());
    lab.run_plan(planned).await.well();
    all_pending(lab, false).await;
    for node in NODES {
        assert_eq!(sql(lab, node, "postgres", "SHOW max_connections").await, wanted);
        assert_eq!(sql(lab, node, "postgres", "SHOW work_mem").await, "17MB");
    }
    let read = "SELECT pg_conf_load_time()";
    let before = sql(lab, NODES[2], "postgres", read).await;
    lab.run(&["pg", "reload", "pg-test", "pg-test-3"]).await.well();
    assert_ne!(sql(lab, NODES[2], "postgres", read).await, before);
}

async fn pause_and_resume(lab: &Lab) {
    let show = "patronictl -c /etc/patroni/patroni.yml list";
    lab.run(&["pg", "pause", "pg-test"]).await.well();
    assert!(lab.ask(NODES[1], show).await.contains("Maintenance mode: on"));
    assert_eq!(refused(lab, &["pg", "pause", "pg-test"]).await, "plan/already-paused");
    assert_eq!(refused(lab, &["pg", "switchover", "pg-test"]).await, "plan/paused");
    lab.run(&["pg", "resume", "pg-test"]).await.well();
    assert!(!lab.ask(NODES[1], show).await.contains("Maintenance mode"));
}

async fn users_and_databases(lab: &mut Lab) {
    let primary = at(&leader(lab).await);
    assert_eq!(refused(lab, &["pgsql-user", "pg-test", "app"]).await, "plan/unknown-user");
    assert_eq!(refused(lab, &["pgsql-db", "pg-test", "shop"]).await, "plan/unknown-database");
    let made = Declared {
        users: ", { name: app, password: App.First, pgbouncer: true, roles: [dbrole_readwrite] }, { name: later, password: Not.Yet, pgbouncer: true }",
        databases: ", { name: shop, owner: app }",
        ..FIRST
    };
    lab.declare(&made.inventory());
    lab.run(&["pgsql-user", "pg-test", "app"]).await.well();
    lab.run(&["pgsql-db", "pg-test", "shop"]).await.well();
    for node in NODES {
        let (exit, said) = login(lab, CLIENT, node, 6432, "app", "App.First", "shop").await;
        assert_eq!(exit, 0, "through the pooler of {node}: {said}");
    }
    let other = Declared {
        users: ", { name: app, password: App.Second, pgbouncer: true, connlimit: 7, roles: [dbrole_readwrite] }",
        ..made
    };
    lab.declare(&other.inventory());
    lab.run(&["pgsql-user", "pg-test", "app"]).await.well();
    assert_eq!(
        sql(lab, primary, "postgres", "SELECT rolconnlimit FROM pg_roles WHERE rolname = 'app'").await,
        "7"
    );
    assert_ne!(login(lab, CLIENT, primary, 5432, "app", "App.First", "shop").await.0, 0);
    for node in NODES {
        let (exit, said) = login(lab, CLIENT, node, 6432, "app", "App.Second", "shop").await;
        assert_eq!(exit, 0, "the new password through the pooler of {node}: {said}");
    }
    // What it owns outlives it.
    sql(lab, primary, "test", "CREATE TABLE monitor.kept AS SELECT 42 AS answer; ALTER TABLE monitor.kept OWNER TO app; GRANT CONNECT ON DATABASE test TO app").await;
    let gone = Declared {
        users: ", { name: app, state: absent }",
        databases: ", { name: shop, owner: app, state: absent }",
        ..FIRST
    };
    lab.declare(&gone.inventory());
    let planned = lab.plan(&["pgsql-db", "pg-test", "shop"]).await.unwrap();
    assert!(planned.is_destructive() && planned.destroys().iter().any(|what| what.contains("shop")));
    lab.run_plan(planned).await.well();
    assert_eq!(
        sql(lab, primary, "postgres", "SELECT count(*) FROM pg_database WHERE datname = 'shop'").await,
        "0"
    );
    for node in NODES {
        let shown = lab
            .ask(node, "cd /; runuser -u postgres -- psql -XAt -p 6432 -d pgbouncer -c 'SHOW DATABASES'")
            .await;
        assert!(!shown.contains("shop|"), "{shown}");
    }
    lab.run(&["pgsql-user", "pg-test", "app"]).await.well();
    assert_eq!(
        sql(lab, primary, "postgres", "SELECT count(*) FROM pg_roles WHERE rolname = 'app'").await,
        "0"
    );
    assert_eq!(sql(lab, primary, "test", "SELECT answer FROM monitor.kept").await, "42");
    assert_eq!(
        sql(lab, primary, "test", "SELECT tableowner FROM pg_tables WHERE tablename = 'kept'").await,
        "postgres"
    );
    for node in NODES {
        assert!(!lab.ask(node, "cat /etc/pgbouncer/userlist.txt").await.contains("\"app\""));
    }
    // An error of SQL is not swallowed: the owner does not exist.
    let orphan = Declared { databases: ", { name: orphan, owner: nobody_at_all }", ..FIRST };
    lab.declare(&orphan.inventory());
    let why = lab.run(&["pgsql-db", "pg-test", "orphan"]).await.failed();
    assert!(why.contains("role \"nobody_at_all\" does not exist"), "{why}");
    lab.declare(&FIRST.inventory());
}

/// Words of a shell, of SQL and of psql's connection strings are a name, a password and a comment on the server, and nothing
/// else anywhere.
async fn hostile_words(lab: &mut Lab) {
    const NAME: &str = r#"dbname=test a'b"c;$(touch /tmp/owned)`touch /tmp/owned`\ "#;
    const WORD: &str = r#"'; DROP DATABASE test; -- " $(touch /tmp/owned) `touch /tmp/owned` ${x} & | \' ; touch /tmp/owned"#;
    let yaml = |word: &str| format!("'{}'", word.replace('\'', "''"));
    let hostile = Declared {
        users: format!(", {{ name: odd, password: {}, comment: {} }}", yaml(WORD), yaml(WORD)).leak(),
        databases: format!(
            ", {{ name: {}, owner: test, comment: {}, pgbouncer: false, schemas: [odd] }}",
            yaml(NAME),
            yaml(WORD)
        )
        .leak(),
        more: "        pg_hba_rules: [{ title: odd, user: odd, db: test, addr: 10.10.10.10/32, auth: pwd, order: 50 }]",
    };
    lab.declare(&hostile.inventory());
    lab.run(&["pgsql-user", "pg-test", "odd"]).await.well();
    lab.run(&["pgsql-db", "pg-test", NAME]).await.well();
    lab.run(&["pgsql-hba", "pg-test"]).await.well();
    let primary = at(&leader(lab).await);
    let shown = lab
        .sql(primary, "SELECT datname, shobj_description(oid, 'pg_database') FROM pg_database WHERE datname LIKE 'dbname=%'; SELECT shobj_description(oid, 'pg_authid') FROM pg_roles WHERE rolname = 'odd'")
        .await;
    assert_eq!(shown, format!("{NAME}|{WORD}\n{WORD}"));
    let password = format!("'{}'", WORD.replace('\'', "'\\''"));
    assert_eq!(login(lab, CLIENT, primary, 5432, "odd", &password, "test").await, (0, "1".to_owned()));
    // The schema went into the database of this name, not into the one that the name speaks of.
    let odd = "SELECT count(*) FROM pg_namespace WHERE nspname = 'odd'";
    assert_eq!(sql(lab, primary, "test", odd).await, "0");
    let gone = Declared {
        users: ", { name: odd, state: absent }",
        databases: format!(", {{ name: {}, owner: test, state: absent }}", yaml(NAME)).leak(),
        ..FIRST
    };
    lab.declare(&gone.inventory());
    // The other way round: the role's objects are taken away in every database, this one too.
    lab.run(&["pgsql-user", "pg-test", "odd"]).await.well();
    lab.run(&["pgsql-db", "pg-test", NAME]).await.well();
    lab.declare(&FIRST.inventory());
    lab.run(&["pgsql-hba", "pg-test"]).await.well();
    let left = "SELECT (SELECT count(*) FROM pg_database WHERE datname LIKE 'dbname=%') + (SELECT count(*) FROM pg_roles WHERE rolname = 'odd')";
    assert_eq!(lab.sql(primary, left).await, "0");
    for node in NODES {
        assert_eq!(lab.ask(node, "ls /tmp/owned 2>/dev/null || true").await, "", "{node}");
    }
}

async fn copy_anew(lab: &Lab) {
    let replica = if leader(lab).await == "pg-test-3" { "pg-test-2" } else { "pg-test-3" };
    let inode = "stat -c %i /pg/data/PG_VERSION; ls -d /pg/data/of_old 2>/dev/null || true";
    lab.ask(at(replica), "touch /pg/data/of_old").await;
    let before = lab.ask(at(replica), inode).await;
    lab.run(&["pg", "reinit", "pg-test", replica]).await.well();
    let after = lab.ask(at(replica), inode).await;
    assert!(after != before && !after.contains("of_old"), "{before} {after}");
    assert_eq!(sql(lab, at(replica), "test", "SELECT answer FROM monitor.kept").await, "42");
}

async fn backups(lab: &Lab) {
    let node = at(&leader(lab).await);
    let kinds = "cd /; runuser -u postgres -- pgbackrest --stanza=pg-test --output=json info | python3 -c 'import json, sys; print(\" \".join(b[\"type\"] for b in json.load(sys.stdin)[0][\"backup\"]))'";
    lab.run(&["pg-backup", "pg-test", "full"]).await.well();
    let full = lab.ask(node, kinds).await;
    lab.run(&["pg-backup", "pg-test", "diff"]).await.well();
    assert_eq!(lab.ask(node, kinds).await, format!("{full} diff"));
}

async fn hba(lab: &mut Lab) {
    let primary = at(&leader(lab).await);
    let replica = NODES.into_iter().find(|node| *node != primary).unwrap();
    let reload = ["pgsql-hba", "pg-test"];
    let guest = Declared { users: ", { name: guest, password: Guest.Secret }", ..FIRST };
    lab.declare(&guest.inventory());
    lab.run(&["pgsql-user", "pg-test", "guest"]).await.well();
    let try_it =
        async |lab: &Lab, from: &str| login(lab, from, primary, 5432, "guest", "Guest.Secret", "test").await;
    assert!(try_it(lab, CLIENT).await.1.contains("no pg_hba.conf entry"));
    let admitted = Declared {
        more: "        pg_hba_rules: [{ title: guest, user: guest, db: test, addr: 10.10.10.10/32, auth: pwd, order: 50 }]",
        ..guest
    };
    lab.declare(&admitted.inventory());
    lab.run(&reload).await.well();
    assert_eq!(try_it(lab, CLIENT).await, (0, "1".to_owned()));
    let (exit, said) = try_it(lab, replica).await;
    assert!(exit != 0 && said.contains("no pg_hba.conf entry"), "{said}");

    let files = "sha256sum /pg/data/pg_hba.conf /etc/pgbouncer/pgb_hba.conf; ls /pg/data/pg_hba.conf.* 2>/dev/null || true";
    let before = lab.ask(primary, files).await;
    let broken = Declared {
        more: "        pg_hba_rules: [{ title: broken, rules: ['host all all 10.0.0.0/99 scram-sha-256'], order: 40 }]",
        ..guest
    };
    lab.declare(&broken.inventory());
    let why = lab.run(&reload).await.failed();
    assert!(why.contains("invalid CIDR mask in address") && why.contains("the old file is back"), "{why}");
    assert_eq!(lab.ask(primary, files).await, before);
    assert_eq!(try_it(lab, CLIENT).await.0, 0, "the old rules hold");

    let broken = Declared {
        more: "        pg_hba_rules: [{ title: guest, user: guest, db: test, addr: 10.10.10.10/32, auth: pwd, order: 50 }]\n        pgb_hba_rules: [{ title: broken, rules: ['host all all 10.0.0.0/99 scram-sha-256'], order: 40 }]",
        ..guest
    };
    lab.declare(&broken.inventory());
    let why = lab.run(&reload).await.failed();
    assert!(why.contains("hba line") && why.contains("the old files are back"), "{why}");
    assert_eq!(lab.ask(primary, files).await, before);

    for (rule, whom) in [
        (
            "{ title: no, user: all, db: all, addr: local, auth: deny, order: 10 }",
            "`postgres` on the local socket",
        ),
        (
            "{ title: no, user: replicator, db: replication, addr: cluster, auth: deny, order: 10 }",
            "from replication",
        ),
        (
            "{ title: no, rules: ['host postgres replicator 10.10.10.0/24 reject'], order: 10 }",
            "from database `postgres`",
        ),
    ] {
        let more: &'static str = Box::leak(format!("        pg_hba_rules: [{rule}]").into_boxed_str());
        lab.declare(&Declared { more, ..guest }.inventory());
        let refusal = lab.plan(&reload).await.unwrap_err();
        assert_eq!(refusal.code, "plan/hba-lockout");
        assert!(refusal.why.contains(whom), "{refusal:?}");
    }
    lab.declare(&FIRST.inventory());
    lab.run(&reload).await.well();
}

async fn services(lab: &mut Lab) {
    let files = "cd /etc/haproxy/conf.d && sha256sum *; systemctl is-active haproxy";
    let before = lab.ask(NODES[0], files).await;
    let broken = Declared {
        more: "        pg_services: [{ name: odd, port: 5999, selector: '[]', options: 'inter sometimes' }]",
        ..FIRST
    };
    lab.declare(&broken.inventory());
    let why = lab.run(&["pgsql-svc", "pg-test"]).await.failed();
    assert!(why.contains("pg-test-odd.cfg") && why.contains("the old ones are kept"), "{why}");
    assert_eq!(lab.ask(NODES[0], files).await, before);

    lab.declare(&FIRST.inventory());
    for tags in ["pg_service", "pg_hba,pg_reload,pgbouncer_hba,pgbouncer_reload"] {
        let words = ["pgsql.yml", "-l", "pg-test", "-t", tags, "-e", "pg_reload=false"];
        let planned = lab.plan(&words).await.unwrap();
        let reloads: Vec<String> = planned
            .steps()
            .map(|(_, _, step)| step.id.0.clone())
            .filter(|id| id.contains("reload"))
            .collect();
        assert_eq!(reloads, [] as [String; 0]);
    }
    lab.run(&["pgsql.yml", "-l", "pg-test", "-t", "pg_conf,patroni_reload"]).await.well();
}
