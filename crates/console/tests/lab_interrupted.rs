//! Nodes and clusters that come and go, cut short: a console that dies, connections that break, a node that loses its
//! power. Afterwards resume completes them, and the cluster is as planned.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic and tell")]
mod rig;

use paddock_events::{JobId, JobOutcome};
use rig::cut::{Cut, Power, aside, break_connections, cut, dies, runtime};
use rig::health::is_healthy;
use rig::{Rig, members, on};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

const PG_TEST: &str = "    pg-test:
      hosts:
        10.10.10.11: { pg_seq: 1, pg_role: primary }
        10.10.10.12: { pg_seq: 2, pg_role: replica }
      vars: { pg_cluster: pg-test }
";

/// Waits until so many steps of the job have ended.
async fn reach(rig: &Rig, job: JobId, steps: usize) {
    for _ in 0..2_000 {
        let page = rig.console.job(&rig.operator, job).await.unwrap();
        assert_eq!(page.row.outcome, None, "the job must not end before it is cut short");
        if page.view.finished_steps() >= steps {
            return;
        }
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    panic!("{steps} steps were not reached");
}

/// Starts an operation on a console of its own, breaks SSH connections after half of these steps, lets the console die
/// after all of them (its runtime goes, nothing is closed), and has another one resume the job.
fn cut_short(dir: &Arc<TempDir>, line: &str, steps: usize, broken: &[u8]) -> JobOutcome {
    let first = runtime();
    let job: JobId = first.block_on(async {
        let rig = Rig::open(Arc::clone(dir)).await;
        let job = rig.start(line).await;
        reach(&rig, job, steps / 2).await;
        break_connections(broken);
        reach(&rig, job, steps).await;
        std::mem::forget(rig);
        job
    });
    first.shutdown_timeout(Duration::from_millis(200));
    runtime().block_on(async {
        let rig = Rig::open(Arc::clone(dir)).await;
        let page = rig.console.job(&rig.operator, job).await.unwrap();
        println!("{line}: {:?} when the next console came", page.row.outcome);
        let outcome = match page.row.outcome {
            // The forgotten console holds its lease until it expires.
            None => {
                let mut ended = None;
                for _ in 0..60 {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    ended = rig.console.job(&rig.operator, job).await.unwrap().row.outcome;
                    if ended.is_some() {
                        break;
                    }
                }
                ended.expect("a dead console's job does not stay running")
            }
            Some(outcome) => outcome,
        };
        assert_eq!(outcome, JobOutcome::Interrupted, "{line}");
        rig.console.resume(&rig.operator, job).await.unwrap();
        let outcome = rig.end_of(job).await;
        println!("{line}: {outcome:?} after the resume");
        let events = rig.console.job_events(&rig.operator, job, 0, 10_000).await.unwrap();
        for (expected, event) in events.iter().enumerate() {
            assert_eq!(event.seq, expected as u64, "event numbers have no gap");
        }
        rig.console.shut_down().await;
        outcome
    })
}

#[test]
#[ignore = "started by the other test of this file, and killed"]
fn console_that_dies() {
    rig::cut::console_that_dies();
}

#[test]
#[ignore = "needs the lab"]
fn lab_an_operation_that_is_cut_short_is_resumed_to_its_end() {
    let dir = runtime().block_on(async {
        let rig = Rig::new().await;
        rig.declare(PG_TEST).await;
        let dir = rig.dir();
        rig.console.shut_down().await;
        dir
    });
    assert_eq!(cut_short(&dir, "pgsql-add pg-test", 60, &[10, 11, 12]), JobOutcome::Succeeded);
    assert_eq!(members(11).len(), 2);

    // From here on the console is a process that is killed: on the same machine that is seen at once.
    let third = "        10.10.10.12: { pg_seq: 2, pg_role: replica }\n        10.10.10.13: { pg_seq: 3, pg_role: replica }\n";
    aside(&dir, async |rig| {
        rig.change("        10.10.10.12: { pg_seq: 2, pg_role: replica }\n", third).await;
    });
    let cloning = dies("pgsql/patroni", 500, 13, &[11, 13]);
    cut(&dir, "node-add 10.10.10.13", dies("node/", 50, 13, &[13]));
    cut(
        &dir,
        "pgsql-add pg-test 10.10.10.13",
        Cut { power: Power::During("pgsql/patroni", 1_500, 13), ..cloning },
    );
    assert_eq!(members(11).len(), 3);

    cut(&dir, "pgsql-rm pg-test 10.10.10.13", dies("pgsql/patroni/", 300, 13, &[11, 13]));
    assert_eq!(members(11).len(), 2);
    on(13, "! pgrep -u postgres -x postgres && [ ! -e /pg/data ]");
    cut(&dir, "node-rm 10.10.10.13", dies("node", 50, 13, &[13]));
    on(13, "! systemctl is-active -q haproxy && [ ! -e /etc/haproxy ] && [ ! -e /etc/paddock ]");

    cut(&dir, "pgsql-rm pg-test", dies("pgsql/pg_data/gone", 0, 12, &[10, 11]));
    is_cleared();

    aside(&dir, async |rig| rig.declare(PG_TEST).await);
    cut(&dir, "pgsql-add pg-test", dies("pg_primary", 300, 12, &[11, 12]));
    is_healthy(&[11, 12]);
}

/// Nothing of the cluster is left on its nodes or in the DCS.
fn is_cleared() {
    for node in [11, 12] {
        on(
            node,
            "! pgrep -u postgres -x postgres && [ ! -e /pg/data ] && ! ls /etc/haproxy/conf.d/pg-test-* 2>/dev/null",
        );
    }
    assert_eq!(on(10, ". /etc/etcd/etcdctl.env; etcdctl get --prefix --keys-only /pg/pg-test/"), "");
}
