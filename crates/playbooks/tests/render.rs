//! What is rendered for clusters as teams declare them, as files to read.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic and tell")]
mod common;

use common::{FLEET, planned};
use paddock_playbooks::{Fact, Plan};

/// The plan as stages, hosts, step ids and titles; the digest would change with every word of a script.
fn outline(plan: &Plan) -> String {
    let shown = plan.render();
    let (body, _) = shown.rsplit_once("\n\n").unwrap();
    body.to_owned()
}

/// What a step writes: a file's content, one file of a set, or what goes through a standard input.
fn written(plan: &Plan, host: &str, id: &str) -> String {
    if let Some(name) = id.strip_suffix(".cfg").filter(|name| !name.contains('/')) {
        let set = plan.steps().find_map(|(_, at, step)| match &step.fact {
            Fact::FileSet { files, .. } if at.to_string() == host => files.get(&format!("{name}.cfg")),
            _ => None,
        });
        return set.unwrap_or_else(|| panic!("{host} has no {id}")).clone();
    }
    let step = plan.steps().find(|(_, at, step)| at.to_string() == host && step.id.0 == id);
    let (_, _, step) = step.unwrap_or_else(|| panic!("{host} has no step {id}"));
    match &step.fact {
        Fact::File { content, owner, mode, path, .. } => format!("{path} {owner} {mode:o}\n\n{content}"),
        Fact::Command { stdin: Some(stdin), .. } => stdin.clone(),
        Fact::Sql { database, check, apply, .. } => format!("-- {database}\n{check}\n\n{apply}"),
        other => panic!("{id} writes nothing: {other:?}"),
    }
}

macro_rules! files {
    ($plan:expr, $($name:literal: $host:literal $id:literal),+ $(,)?) => {
        $(insta::assert_snapshot!($name, written($plan, $host, $id));)+
    };
}

#[test]
fn a_cluster_of_three_with_everything_declared() {
    let plan = planned(FLEET, "pgsql-add pg-test");
    insta::assert_snapshot!("pg-test plan", outline(&plan));
    files!(&plan,
        "pg-test-1 patroni.yml": "10.10.10.11" "pgsql/pg_conf/patroni.yml",
        "pg-test-3 patroni.yml": "10.10.10.13" "pgsql/pg_conf/patroni.yml",
        "pg-test-1 pg_hba.conf": "10.10.10.11" "pgsql/pg_hba/pg_hba.conf",
        "pg-test-2 pg_hba.conf": "10.10.10.12" "pgsql/pg_hba/pg_hba.conf",
        "pg-test-3 pg_hba.conf": "10.10.10.13" "pgsql/pg_hba/pg_hba.conf",
        "pg-test-1 pgb_hba.conf": "10.10.10.11" "pgsql/pgbouncer_hba/pgb_hba.conf",
        "pg-test-1 pgbouncer.ini": "10.10.10.11" "pgsql/pgbouncer_config/pgbouncer.ini",
        "pg-test-1 database.txt": "10.10.10.11" "pgsql/pgbouncer_config/database.txt",
        "pg-test-1 useropts.txt": "10.10.10.11" "pgsql/pgbouncer_config/useropts.txt",
        "pg-test-1 pgbackrest.conf": "10.10.10.11" "pgsql/pgbackrest_config/pgbackrest.conf",
        "pg-test-1 auto.conf": "10.10.10.11" "pgsql/pg_param/auto.conf",
        "pg-test-1 crontab": "10.10.10.11" "pgsql/pg_crontab/crontab",
        "pg-test-1 sudoers": "10.10.10.11" "pgsql/pg_dbsu/sudoers",
        "pg-test-1 profile": "10.10.10.11" "pgsql/pg_alias/profile",
        "pg-test primary.cfg": "10.10.10.11" "pg-test-primary.cfg",
        "pg-test replica.cfg": "10.10.10.11" "pg-test-replica.cfg",
        "pg-test default.cfg": "10.10.10.11" "pg-test-default.cfg",
        "pg-test offline.cfg": "10.10.10.11" "pg-test-offline.cfg",
        "pg-test standby.cfg": "10.10.10.11" "pg-test-standby.cfg",
        "dbuser_shop.sql": "10.10.10.11" "pgsql/pg_user/dbuser_shop",
        "dbuser_report.sql": "10.10.10.11" "pgsql/pg_user/dbuser_report",
        "dbuser_batch.sql": "10.10.10.11" "pgsql/pg_user/dbuser_batch",
        "shop.sql": "10.10.10.11" "pgsql/pg_db/shop",
        "shop inside.sql": "10.10.10.11" "pgsql/pg_db/shop/inside",
        "direct.sql": "10.10.10.11" "pgsql/pg_db/direct",
    );
}

#[test]
fn services_are_the_same_seen_from_every_member() {
    let plan = planned(FLEET, "pgsql-add pg-test");
    for service in ["primary", "replica", "default", "offline", "standby"] {
        let file = format!("pg-test-{service}.cfg");
        let one = written(&plan, "10.10.10.11", &file);
        assert_eq!(one, written(&plan, "10.10.10.12", &file));
        assert_eq!(one, written(&plan, "10.10.10.13", &file));
    }
}

#[test]
fn a_single_node_without_pooler_and_backup() {
    let plan = planned(FLEET, "pgsql-add pg-one");
    insta::assert_snapshot!("pg-one plan", outline(&plan));
    files!(&plan,
        "pg-one-1 patroni.yml": "10.10.10.21" "pgsql/pg_conf/patroni.yml",
        "pg-one primary.cfg": "10.10.10.21" "pg-one-primary.cfg",
    );
}

#[test]
fn a_delayed_standby_cluster() {
    let plan = planned(FLEET, "pgsql-add pg-copy");
    insta::assert_snapshot!("pg-copy plan", outline(&plan));
    files!(&plan,
        "pg-copy-1 patroni.yml": "10.10.10.31" "pgsql/pg_conf/patroni.yml",
        "pg-copy-2 patroni.yml": "10.10.10.32" "pgsql/pg_conf/patroni.yml",
    );
}

#[test]
fn a_cascading_replica_and_an_instance_for_offline_queries() {
    let plan = planned(FLEET, "pgsql-add pg-far");
    files!(&plan,
        "pg-far-3 patroni.yml": "10.10.10.43" "pgsql/pg_conf/patroni.yml",
        "pg-far-2 pg_hba.conf": "10.10.10.42" "pgsql/pg_hba/pg_hba.conf",
        "pg-far offline.cfg": "10.10.10.41" "pg-far-offline.cfg",
        "pg-far-1 pgbackrest.conf": "10.10.10.41" "pgsql/pgbackrest_config/pgbackrest.conf",
    );
}

#[test]
fn etcd_and_nodes() {
    let plan = planned(FLEET, "etcd.yml -l etcd");
    insta::assert_snapshot!("etcd plan", outline(&plan));
    files!(&plan,
        "etcd-2 etcd.conf": "10.10.10.8" "etcd/etcd_conf/etcd.conf",
        "etcd-2 etcdctl.env": "10.10.10.8" "etcd/etcd_conf/etcdctl.env",
    );
    let plan = planned(FLEET, "node-add pg-test");
    insta::assert_snapshot!("node plan", outline(&plan));
    files!(&plan,
        "node haproxy.cfg": "10.10.10.11" "node/haproxy/haproxy.cfg",
        "node hosts": "10.10.10.11" "node/node_hosts/hosts",
    );
}
