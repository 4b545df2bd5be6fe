//! Shapes of clusters on real servers: an offline instance that is a cascading replica, load balancers of their own, a
//! virtual address, a delayed standby cluster; and what a failover and a switchover make of them.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic and tell")]

mod common;

use common::Lab;
use std::time::{Duration, Instant};

const BALANCER: &str = "10.10.10.10";
const NODES: [&str; 3] = ["10.10.10.11", "10.10.10.12", "10.10.10.13"];
const LATE: &str = "10.10.10.14";
const VIP: &str = "10.10.10.100";

/// The cluster with the state that is declared of database `shop`.
fn inventory(shop: &str) -> String {
    format!(
        "\
all:
  children:
    etcd: {{ hosts: {{ 10.10.10.10: {{ etcd_seq: 1 }} }}, vars: {{ etcd_cluster: etcd }} }}
    proxy: {{ hosts: {{ 10.10.10.10: {{}} }} }}
    pg-far:
      hosts:
        10.10.10.11: {{ pg_seq: 1, pg_role: primary }}
        10.10.10.12: {{ pg_seq: 2, pg_role: replica }}
        10.10.10.13: {{ pg_seq: 3, pg_role: offline, pg_upstream: 10.10.10.12 }}
      vars:
        pg_cluster: pg-far
        pg_service_provider: proxy
        pg_vip_enabled: true
        pg_vip_address: 10.10.10.100/24
        pgbouncer_auth_query: true
        pg_users: [{{ name: quiet, password: Quiet.Secret, roles: [dbrole_readonly] }}]
        pg_databases: [{{ name: shop{shop} }}]
    pg-late:
      hosts: {{ 10.10.10.14: {{ pg_seq: 1, pg_role: primary, pg_upstream: 10.10.10.11, pg_delay: 1h }} }}
      vars: {{ pg_cluster: pg-late }}
  vars: {{ admin_ip: 10.10.10.10, pg_version: 15, pg_conf: tiny.yml, pg_rto: fast, pg_shared_buffer_ratio: 0.01, pgbackrest_enabled: false }}
"
    )
}

#[tokio::test]
#[ignore = "needs the lab"]
async fn lab_shapes_of_clusters_are_what_the_nodes_have() {
    let mut lab = Lab::of(&inventory(""), &["pg-far", "pg-late"], Vec::new());
    lab.run(&["pgsql-add", "pg-far"]).await.well();
    declared_shape(&lab).await;
    lab.run(&["pg", "switchover", "pg-far", "--candidate", "pg-far-2"]).await.well();
    after_the_switchover(&lab).await;
    made_again(&mut lab).await;
    delayed(&lab).await;
    failed_over(&lab).await;
    removed(&lab).await;
    lab.pool.close().await;
}

async fn sql(lab: &Lab, node: &str, database: &str, query: &str) -> String {
    lab.ask(node, &format!("cd /; runuser -u postgres -- psql -XAtq -d {database} -c \"{query}\"")).await
}

/// Waits until a query gives what is expected: replicas find their place in their own time.
async fn comes(lab: &Lab, node: &str, query: &str, expect: &str) {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        let seen = sql(lab, node, "postgres", query).await;
        if seen == expect {
            return;
        }
        assert!(Instant::now() < end, "{node}: {query} gives `{seen}`, not `{expect}`");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// Who streams from a node, as PostgreSQL has it.
const STREAMS: &str = "SELECT coalesce(string_agg(application_name, ' ' ORDER BY application_name), '') FROM pg_stat_replication WHERE state = 'streaming' AND application_name LIKE 'pg-far-%'";

/// The server's own address that a client of the load balancer, or of the virtual address, is led to.
async fn led_to(lab: &Lab, host: &str, port: u16) -> String {
    let target = format!("host={host} port={port} user=dbuser_dba dbname=postgres connect_timeout=5");
    let query = "SELECT inet_server_addr()";
    lab.ask(BALANCER, &format!("cd /; PGPASSWORD=DBUser.DBA psql -XAtqw '{target}' -c '{query}'")).await
}

/// The nodes that have the virtual address on their network card.
async fn with_address(lab: &Lab) -> Vec<&'static str> {
    let mut out = Vec::new();
    for node in NODES {
        let found =
            lab.ask(node, &format!("ip -o -4 addr show dev eth0 | grep -c ' {VIP}/24 ' || true")).await;
        if found == "1" {
            out.push(node);
        }
    }
    out
}

async fn service_files(lab: &Lab, node: &str) -> String {
    lab.ask(node, "cd /etc/haproxy/conf.d && ls | tr '\\n' ' '").await
}

async fn declared_shape(lab: &Lab) {
    let tags = "python3 -c 'import json, urllib.request; print({m[\"name\"]: m.get(\"tags\", {}).get(\"replicatefrom\") for m in json.load(urllib.request.urlopen(\"http://10.10.10.11:8008/cluster\"))[\"members\"]})'";
    let tags = lab.ask(NODES[0], tags).await;
    assert!(tags.contains("'pg-far-3': 'pg-far-2'") && tags.contains("'pg-far-2': None"), "{tags}");
    comes(lab, NODES[0], STREAMS, "pg-far-2").await;
    comes(lab, NODES[1], STREAMS, "pg-far-3").await;

    let files = "pg-far-default.cfg pg-far-offline.cfg pg-far-primary.cfg pg-far-replica.cfg ";
    assert_eq!(service_files(lab, BALANCER).await.trim_end(), files.trim_end());
    for node in NODES {
        assert_eq!(service_files(lab, node).await, "");
    }
    assert_eq!(led_to(lab, BALANCER, 5436).await, NODES[0]);
    assert_eq!(led_to(lab, BALANCER, 5438).await, NODES[2], "the offline instance takes offline queries");

    assert_eq!(with_address(lab).await, [NODES[0]]);
    assert_eq!(led_to(lab, VIP, 5432).await, VIP);
}

async fn after_the_switchover(lab: &Lab) {
    assert_eq!(with_address(lab).await, [NODES[1]]);
    assert_eq!(led_to(lab, VIP, 5432).await, VIP);
    assert_eq!(sql(lab, NODES[1], "postgres", "SELECT pg_is_in_recovery()").await, "f");
    assert_eq!(led_to(lab, BALANCER, 5436).await, NODES[1]);
    comes(lab, NODES[1], STREAMS, "pg-far-1 pg-far-3").await;
}

/// A database that is made again is another one, and empty.
async fn made_again(lab: &mut Lab) {
    let oid = "SELECT oid FROM pg_database WHERE datname = 'shop'";
    sql(lab, NODES[1], "shop", "CREATE TABLE old (n int)").await;
    let before = sql(lab, NODES[1], "postgres", oid).await;
    lab.declare(&inventory(", state: recreate, baseline: shop.sql"));
    let words = ["pgsql-db.yml", "-l", "pg-far", "-e", "dbname=shop"];
    let why = lab.run(&words).await.failed();
    assert!(why.contains("/etc/paddock/baseline/shop.sql is not on this node"), "{why}");
    assert_eq!(
        sql(lab, NODES[1], "postgres", oid).await,
        before,
        "nothing was dropped for want of its filling"
    );
    lab.ask(NODES[1], "mkdir -p /etc/paddock/baseline; echo 'CREATE TABLE filled AS SELECT 42 AS n' >/etc/paddock/baseline/shop.sql").await;
    let planned = lab.plan(&words).await.unwrap();
    assert!(planned.is_destructive());
    lab.run_plan(planned).await.well();
    assert_ne!(sql(lab, NODES[1], "postgres", oid).await, before);
    assert_eq!(sql(lab, NODES[1], "shop", "SELECT n FROM filled").await, "42");
    assert_eq!(sql(lab, NODES[1], "shop", "SELECT count(*) FROM pg_class WHERE relname = 'old'").await, "0");
    for node in NODES {
        let pooled = "SELECT current_database()";
        let target = format!("host={node} port=6432 user=dbuser_dba dbname=shop connect_timeout=5");
        let client = format!("cd /; PGPASSWORD=DBUser.DBA psql -XAtqw '{target}' -c '{pooled}'");
        assert_eq!(lab.ask(BALANCER, &client).await, "shop", "through the pooler of {node}");
    }
    nothing_of_what_is_absent(lab).await;
    unlisted_user(lab).await;
    lab.declare(&inventory(""));
}

/// A schema and an extension that are declared absent are dropped, with consent.
async fn nothing_of_what_is_absent(lab: &mut Lab) {
    sql(lab, NODES[1], "shop", "CREATE SCHEMA attic CREATE TABLE box (n int)").await;
    lab.declare(&inventory(
        ", schemas: [{ name: attic, state: absent }], extensions: [{ name: pg_trgm, state: absent }]",
    ));
    let planned = lab.plan(&["pgsql-db", "pg-far", "shop"]).await.unwrap();
    let destroys = planned.destroys();
    assert!(destroys.iter().any(|what| what.contains("schema attic")), "{destroys:?}");
    lab.run_plan(planned).await.well();
    let left = "SELECT count(*) FROM (SELECT nspname FROM pg_namespace UNION ALL SELECT extname FROM pg_extension) n WHERE nspname IN ('attic', 'pg_trgm')";
    assert_eq!(sql(lab, NODES[1], "shop", left).await, "0");
}

/// The pooler looks up who is not in its list, and takes the right password only.
async fn unlisted_user(lab: &Lab) {
    let client = |password: &str| {
        let target = format!("host={} port=6432 user=quiet dbname=shop connect_timeout=5", NODES[1]);
        format!("cd /; PGPASSWORD={password} psql -XAtqw '{target}' -c 'SELECT current_user'")
    };
    assert!(!lab.ask(NODES[1], "cat /etc/pgbouncer/userlist.txt").await.contains("quiet"));
    assert_eq!(lab.ask(BALANCER, &client("Quiet.Secret")).await, "quiet");
    let (exit, said) = lab.try_on(BALANCER, &client("Wrong.Secret")).await;
    assert!(exit != 0 && said.contains("auth"), "{said}");
}

/// The delayed cluster has received what it does not show yet.
async fn delayed(lab: &Lab) {
    lab.run(&["pgsql-add", "pg-late"]).await.well();
    assert_eq!(sql(lab, LATE, "postgres", "SHOW recovery_min_apply_delay").await, "1h");
    sql(lab, NODES[1], "shop", "CREATE TABLE fresh (n int)").await;
    let at = sql(lab, NODES[1], "postgres", "SELECT pg_current_wal_insert_lsn()").await;
    comes(lab, NODES[0], &format!("SELECT pg_last_wal_replay_lsn() >= '{at}'"), "t").await;
    comes(lab, LATE, &format!("SELECT pg_last_wal_receive_lsn() >= '{at}'"), "t").await;
    let there = "SELECT count(*) FROM pg_class WHERE relname = 'fresh'";
    assert_eq!(sql(lab, NODES[0], "shop", there).await, "1");
    assert_eq!(sql(lab, LATE, "shop", there).await, "0");
    assert_eq!(
        service_files(lab, LATE).await.split(' ').filter(|file| file.starts_with("pg-late-")).count(),
        4
    );
}

/// The leader dies while Patroni is paused: nobody takes over until a person says who.
async fn failed_over(lab: &Lab) {
    let order = ["pg", "failover", "pg-far", "--candidate", "pg-far-1"];
    assert_eq!(lab.plan(&order).await.unwrap_err().code, "plan/healthy-leader");
    lab.run(&["pg", "pause", "pg-far"]).await.well();
    lab.ask(
        NODES[1],
        "cd /; runuser -u postgres -- /usr/pgsql/bin/pg_ctl -D /pg/data -m immediate -w -t 30 stop >/dev/null",
    )
    .await;
    let end = Instant::now() + Duration::from_secs(60);
    let planned = loop {
        match lab.plan(&order).await {
            Ok(planned) => break planned,
            Err(refusal) => assert!(Instant::now() < end, "{refusal}"),
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    };
    lab.run_plan(planned).await.well();
    assert_eq!(sql(lab, NODES[0], "postgres", "SELECT pg_is_in_recovery()").await, "f");
    assert_eq!(with_address(lab).await, [NODES[0]]);
    assert_eq!(led_to(lab, BALANCER, 5436).await, NODES[0]);
    lab.run(&["pg", "resume", "pg-far"]).await.well();
    // The cascading replica follows its upstream again as soon as that one is back.
    comes(lab, NODES[0], STREAMS, "pg-far-2").await;
    comes(lab, NODES[1], STREAMS, "pg-far-3").await;
}

async fn removed(lab: &Lab) {
    lab.run(&["pgsql-rm", "pg-far"]).await.well();
    assert_eq!(with_address(lab).await, [] as [&str; 0]);
    for node in NODES {
        let left = "ls /etc/keepalived/pg-vip* /etc/systemd/system/pg-vip.service 2>/dev/null; pgrep -a keepalived; systemctl is-active pg-vip";
        assert_eq!(lab.try_on(node, left).await.1, "inactive");
    }
    assert_eq!(service_files(lab, BALANCER).await, "");
}
