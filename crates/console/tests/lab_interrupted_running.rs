//! Operations on a cluster that runs, each cut short three times in its middle: the console dies (SIGKILL), a node loses
//! its power, SSH connections break. Afterwards each is as planned, and nothing of it is left behind.
//!
//! Here is what changes settings and who leads; creating, expanding, shrinking and removing are in `lab_interrupted.rs`,
//! what concerns data in `lab_interrupted_data.rs`: three files, so that they run side by side.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic and tell")]
mod rig;

use rig::cut::{Cut, Power, aside, cut, dies, runtime};
use rig::health::is_healthy;
use rig::{Rig, leader, on, sql, until};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

const PG_TEST: &str = "    pg-test:
      hosts:
        10.10.10.11: { pg_seq: 1, pg_role: primary }
        10.10.10.12: { pg_seq: 2, pg_role: replica }
      vars:
        pg_cluster: pg-test
";

#[test]
#[ignore = "started by the other test of this file, and killed"]
fn console_that_dies() {
    rig::cut::console_that_dies();
}

#[test]
#[ignore = "needs the lab"]
fn lab_a_change_of_a_running_cluster_that_is_cut_short_is_resumed_to_its_end() {
    let dir = runtime().block_on(async {
        let rig = Rig::new().await;
        rig.declare(PG_TEST).await;
        rig.done("pgsql-add pg-test").await;
        let dir = rig.dir();
        rig.console.shut_down().await;
        dir
    });
    configuration(&dir);
    leadership(&dir);
    failover(&dir);
}

fn configuration(dir: &Arc<TempDir>) {
    let vars = "        pg_cluster: pg-test\n";
    let declared = format!("{vars}        pg_services: [{{ name: reports, port: 5440, selector: '[]' }}]\n");
    aside(dir, async |rig| rig.change(vars, &declared).await);
    cut(dir, "pgsql-svc pg-test", dies("pg_service/files", 30, 12, &[11]));
    for node in [11, 12] {
        on(node, "ss -ltn | grep -q ':5440 '");
    }

    let declared = format!(
        "{vars}        pg_hba_rules: [{{ title: guest, user: guest, db: postgres, addr: 10.10.10.10/32, auth: pwd, order: 50 }}]\n"
    );
    aside(dir, async |rig| rig.change(vars, &declared).await);
    cut(dir, "pgsql-hba pg-test", dies("pg_hba/pg_hba.conf", 30, 12, &[11]));
    for node in [11, 12] {
        assert_eq!(
            sql(node, "SELECT count(*) FROM pg_hba_file_rules WHERE user_name = '{guest}' AND error IS NULL"),
            "1"
        );
    }

    let change = dies("pg/edit_config", 100, 12, &[11, 12]);
    let before = Power::Before(12);
    cut(dir, "pg edit-config pg-test -p max_connections=77", Cut { power: before, ..change });
    // The replica loses its power while the primary restarts.
    let restart = dies("pg/restart/pg-test-2", 300, 12, &[11]);
    let during = Power::During("pg/restart/pg-test-1", 300, 12);
    cut(dir, "pg restart pg-test --pending", Cut { power: during, ..restart });
    for node in [11, 12] {
        assert_eq!(sql(node, "SHOW max_connections"), "77");
    }

    let loaded = sql(11, "SELECT pg_conf_load_time()");
    let reload = dies("pg/reload/pg-test-2", 100, 12, &[11, 12]);
    cut(dir, "pg reload pg-test", Cut { power: before, ..reload });
    assert_ne!(sql(11, "SELECT pg_conf_load_time()"), loaded);
    is_healthy(&[11, 12]);
}

/// Node 12 leads after the first.
fn leadership(dir: &Arc<TempDir>) {
    cut(dir, "pg switchover pg-test --candidate pg-test-2", dies("pg/switchover", 1_000, 11, &[12]));
    assert_eq!(leader(11), "pg-test-2");
    cut(dir, "pg reinit pg-test pg-test-1", dies("pg/reinit", 500, 11, &[11]));
    // The member that is asked is the one that leads, and of a paused cluster without a leader the declared primary.
    cut(dir, "pg pause pg-test", Cut { power: Power::Before(12), ..dies("pg/pause", 50, 12, &[]) });
    assert!(on(11, "patronictl -c /etc/patroni/patroni.yml list").contains("Maintenance mode"));
    let node = if leader(11).is_empty() { 11 } else { 12 };
    cut(
        dir,
        "pg resume pg-test",
        Cut { power: Power::Before(node), ..dies("pg/resume", 50, node, &[11, 12]) },
    );
    is_healthy(&[11, 12]);
}

/// Patroni is paused and PostgreSQL of the leader stops: nobody takes over until a person says who.
fn failover(dir: &Arc<TempDir>) {
    let (from, to) = if leader(11) == "pg-test-1" { (11, 12) } else { (12, 11) };
    let candidate = format!("pg-test-{}", to - 10);
    aside(dir, async |rig| rig.done("pg pause pg-test").await);
    on(
        from,
        "cd /; runuser -u postgres -- /usr/pgsql/bin/pg_ctl -D /pg/data -m immediate -w -t 30 stop >/dev/null",
    );
    let nobody = ". /etc/etcd/etcdctl.env; [ -z \"$(etcdctl get --print-value-only /pg/pg-test/leader)\" ]";
    until(10, nobody, Duration::from_secs(60));
    // Not the candidate: where Patroni is paused, a PostgreSQL that has lost its power is not started again.
    let line = format!("pg failover pg-test --candidate {candidate}");
    cut(dir, &line, dies("pg/failover", 300, from, if to == 11 { &[11] } else { &[12] }));
    assert_eq!(leader(to), candidate);
    aside(dir, async |rig| rig.done("pg resume pg-test").await);
    is_healthy(&[11, 12]);
}
