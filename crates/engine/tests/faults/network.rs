//! A slow network, one that stalls, a node that stands still, an SSH server that restarts.

use crate::rig::{Job, Node, address, aside, lab_dir, plan, settings, step};
use paddock_engine::{SshSettings, Targets};
use paddock_events::{JobOutcome, Outcome, Stream};
use paddock_inventory::Inventory;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

const SECOND: Duration = Duration::from_secs(1);

/// Carries bytes of one direction, each after a delay; while `stalled` none goes on, and none is lost.
async fn carry(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin + Send + 'static,
    delay: Duration,
    mut stalled: watch::Receiver<bool>,
) {
    let (queue, mut queued) = mpsc::unbounded_channel::<(Instant, Vec<u8>)>();
    let out = tokio::spawn(async move {
        while let Some((when, bytes)) = queued.recv().await {
            sleep_until(when).await;
            if stalled.wait_for(|stalled| !stalled).await.is_err() || to.write_all(&bytes).await.is_err() {
                return;
            }
        }
        drop(to.shutdown().await);
    });
    let mut buffer = vec![0; 16_384];
    while let Ok(read) = from.read(&mut buffer).await {
        if read == 0 || queue.send((Instant::now() + delay, buffer[..read].to_vec())).is_err() {
            break;
        }
    }
    drop(queue);
    drop(out.await);
}

/// A way to node 12 that takes `delay` in each direction, and can stall.
async fn slow_way(delay: Duration) -> (SshSettings, Targets, watch::Sender<bool>, tempfile::TempDir) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (stall, stalled) = watch::channel(false);
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            let stalled = stalled.clone();
            tokio::spawn(async move {
                let far = TcpStream::connect((address(12).to_string(), 22)).await.unwrap();
                let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
                tokio::join!(
                    carry(near_in, far_out, delay, stalled.clone()),
                    carry(far_in, near_out, delay, stalled)
                );
            });
        }
    });
    let dir = tempfile::tempdir().unwrap();
    let mut settings = settings("root");
    let all = std::fs::read_to_string(lab_dir().join("known_hosts")).unwrap();
    let key = all.lines().find_map(|line| line.strip_prefix(&format!("{} ", address(12)))).unwrap();
    settings.known_hosts = dir.path().join("known_hosts");
    std::fs::write(&settings.known_hosts, format!("[127.0.0.1]:{port} {key}\n")).unwrap();
    settings.connect_timeout = Duration::from_secs(10);
    let text = format!(
        "all:\n  children:\n    g: {{ hosts: {{ {}: {{ ansible_host: 127.0.0.1, ansible_port: {port} }} }} }}\n",
        address(12)
    );
    let targets = Targets::from_inventory(&Inventory::read(&text).0, &settings);
    (settings, targets, stall, dir)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the lab"]
async fn lab_half_a_second_of_latency_costs_time_and_no_line() {
    let node = Node(12);
    node.sh("rm -f /root/slow-*");
    let (settings, targets, _stall, _dir) = slow_way(Duration::from_millis(250)).await;
    let steps = (0..5).map(|number| {
        let apply = format!("seq 2000; touch /root/slow-{number}");
        step(&format!("slow-{number}"), address(12), &format!("[ -e /root/slow-{number} ] || exit 1"), &apply)
    });
    let begun = Instant::now();
    let (outcome, recorder) = Job::over(plan(steps.collect()), settings, targets).end(90 * SECOND).await;
    assert_eq!(outcome, JobOutcome::Succeeded, "{:?}", recorder.outcomes());
    println!("five steps over a way of 500 ms there and back: {:?}", begun.elapsed());
    assert!(begun.elapsed() > 3 * SECOND, "the way was not slow: {:?}", begun.elapsed());
    let wanted: Vec<String> = (0..5).flat_map(|_| (1..=2000).map(|number| number.to_string())).collect();
    assert_eq!(recorder.lines(Stream::Out), wanted);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the lab"]
async fn lab_a_network_that_stalls_for_some_seconds_loses_nothing() {
    let node = Node(12);
    node.sh("rm -f /root/stalled /root/stalled.log");
    let (settings, targets, stall, _dir) = slow_way(Duration::from_millis(5)).await;
    let apply = "echo begin >>/root/stalled.log; for i in $(seq 100); do echo $i; sleep 0.1; done; touch /root/stalled";
    let job = Job::over(
        plan(vec![step("stalled", address(12), "[ -e /root/stalled ] || exit 1", apply)]),
        settings,
        targets,
    );
    let node = aside(move || {
        node.until("[ -s /root/stalled.log ]", 15 * SECOND);
        node
    })
    .await;
    stall.send(true).unwrap();
    tokio::time::sleep(8 * SECOND).await;
    stall.send(false).unwrap();
    let (outcome, recorder) = job.end(60 * SECOND).await;
    assert_eq!(outcome, JobOutcome::Succeeded, "{:?}", recorder.outcomes());
    assert_eq!(node.sh("cat /root/stalled.log"), "begin", "it was done once");
    let wanted: Vec<String> = (1..=100).map(|number| number.to_string()).collect();
    assert_eq!(recorder.lines(Stream::Out), wanted);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the lab"]
async fn lab_a_node_that_stands_still_is_waited_for_or_is_out_and_nothing_is_done_twice() {
    for (frozen, goes_on) in [(6 * SECOND, true), (90 * SECOND, false)] {
        let node = Arc::new(Node(13));
        node.sh("rm -f /root/frozen /root/frozen.log");
        let apply = "echo begin >>/root/frozen.log; sleep 3; echo end >>/root/frozen.log; touch /root/frozen";
        let the_plan = || plan(vec![step("frozen", address(13), "[ -e /root/frozen ] || exit 1", apply)]);
        let job = Job::start(the_plan());
        let held = Arc::clone(&node);
        aside(move || {
            held.until("[ -s /root/frozen.log ]", 10 * SECOND);
            held.lab("freeze");
        })
        .await;
        let (held, since) = (Arc::clone(&node), Instant::now());
        let thaw = move || async move {
            tokio::time::sleep_until(since + frozen).await;
            aside(move || held.lab("thaw")).await;
        };
        if goes_on {
            thaw().await;
            let (outcome, recorder) = job.end(40 * SECOND).await;
            assert_eq!(outcome, JobOutcome::Succeeded, "{:?}", recorder.outcomes());
        } else {
            let (outcome, recorder) = job.end(frozen - 5 * SECOND).await;
            assert!(matches!(outcome, JobOutcome::Failed { .. }), "{outcome:?}");
            assert!(
                matches!(recorder.outcomes()[..], [Outcome::Unreachable { .. }]),
                "{:?}",
                recorder.outcomes()
            );
            let held = Arc::clone(&node);
            aside(move || held.lab("thaw")).await;
            let (outcome, recorder) = Job::start(the_plan()).end(60 * SECOND).await;
            assert_eq!(outcome, JobOutcome::Succeeded, "{:?}", recorder.outcomes());
        }
        assert_eq!(node.sh("tr '\\n' ' ' </root/frozen.log"), "begin end", "it was done once");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the lab"]
async fn lab_an_ssh_server_that_restarts_takes_no_step_with_it() {
    let node = Node(12);
    node.sh("rm -f /root/kept /root/kept.log /root/next");
    let apply = "echo begin >>/root/kept.log; sleep 5; echo end >>/root/kept.log; touch /root/kept";
    let job = Job::start(plan(vec![
        step("kept", address(12), "[ -e /root/kept ] || exit 1", apply),
        step("next", address(12), "[ -e /root/next ] || exit 1", "touch /root/next"),
    ]));
    let node = aside(move || {
        node.until("[ -s /root/kept.log ]", 10 * SECOND);
        node.sh("systemctl restart ssh");
        node
    })
    .await;
    let (outcome, recorder) = job.end(40 * SECOND).await;
    assert_eq!(outcome, JobOutcome::Succeeded, "{:?}", recorder.outcomes());
    assert_eq!(node.sh("tr '\\n' ' ' </root/kept.log"), "begin end");
}
