//! Jobs whose nodes, cables and people interfere.

use crate::rig::{Job, Node, RECONNECT, address, aside, plan, step};
use paddock_events::{EventKind, JobOutcome, Outcome, Stream};
use paddock_playbooks::{Effect, Fact};
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the lab"]
async fn lab_cancel_now_ends_the_process_group() {
    let node = Node(12);
    for user in ["root", "postgres"] {
        let mut step = step("wait", address(12), "exit 1", "sleep 5678 & sleep 5678");
        if let Fact::Command { user: as_user, .. } = &mut step.fact {
            user.clone_into(as_user);
        }
        let job = Job::start(plan(vec![step]));
        let node = &node;
        tokio::task::block_in_place(|| node.until("pgrep -f '^sleep 5678' >/dev/null", 10 * SECOND));
        let begun = Instant::now();
        job.stop.now.cancel();
        let (outcome, recorder) = job.end(10 * SECOND).await;
        assert_eq!((outcome, recorder.outcomes()), (JobOutcome::Cancelled, vec![Outcome::Cancelled]));
        assert_eq!(
            node.sh("pgrep -f '^sleep 5678'"),
            "",
            "what {user} ran goes on after {:?}",
            begun.elapsed()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the lab"]
async fn lab_cancel_now_leaves_nothing_whenever_it_comes() {
    let node = Node(12);
    for wait_ms in [0, 100, 200, 300, 400, 500, 600] {
        let job = Job::start(plan(vec![step("wait", address(12), "exit 1", "sleep 5679")]));
        tokio::time::sleep(Duration::from_millis(wait_ms)).await;
        job.stop.now.cancel();
        let (outcome, _) = job.end(15 * SECOND).await;
        assert_eq!(outcome, JobOutcome::Cancelled);
    }
    // A frame that was under way may still start its script; it must not stay.
    tokio::task::block_in_place(|| node.until("! pgrep -f '^sleep 5679' >/dev/null", 5 * SECOND));
    tokio::time::sleep(SECOND).await;
    assert_eq!(node.sh("pgrep -f '^sleep 5679'"), "");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the lab"]
async fn lab_a_connection_that_breaks_in_the_middle_of_a_step_is_made_anew() {
    let node = Node(12);
    node.sh("rm -f /root/done /root/log");
    // Two that overlap would write begin, begin.
    let apply = "echo begin >>/root/log; sleep 6; echo end >>/root/log; touch /root/done";
    let job = Job::start(plan(vec![step("slow", address(12), "[ -e /root/done ] || exit 1", apply)]));
    let node = aside(move || {
        node.until("[ -s /root/log ]", 10 * SECOND);
        // As a restart of sshd with its sessions does: the connection ends, what it ran does not.
        node.sh("systemctl restart ssh; pkill -o -f 'sshd: root@notty'; true");
        node
    })
    .await;
    let (outcome, recorder) = job.end(60 * SECOND).await;
    assert_eq!(outcome, JobOutcome::Succeeded, "{:?}", recorder.events());
    assert!(!recorder.lines(Stream::Engine).is_empty(), "the loss is said in the log");
    let log = node.sh("tr '\\n' ' ' </root/log");
    let overlaps = log.split_whitespace().zip(log.split_whitespace().skip(1)).any(|pair| {
        // `begin begin` may only stand where the first was ended before the second began.
        pair == ("end", "end")
    });
    assert!(!overlaps, "two runs of one apply at once: {log}");
    assert_eq!(node.sh("pgrep -fc '^sleep 6$'"), "0");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the lab"]
async fn lab_what_a_dead_console_has_left_running_is_waited_for() {
    let node = Node(12);
    // The script says something when nobody listens any more and dies of it; what it has started goes on.
    let worker = "echo begin >>/root/left.log; sleep 5; echo end >>/root/left.log; touch /root/left";
    let apply = format!("bash -c '{worker}' & while sleep 0.2; do echo working; done");
    node.sh("rm -f /root/left /root/left.log");
    let the_plan = || plan(vec![step("left", address(12), "[ -e /root/left ] || exit 1", &apply)]);
    let first = Job::start(the_plan());
    let node = aside(move || {
        node.until("[ -s /root/left.log ]", 10 * SECOND);
        node
    })
    .await;
    first.die().await;
    let (outcome, recorder) = Job::start(the_plan()).end(40 * SECOND).await;
    assert_eq!(outcome, JobOutcome::Succeeded, "{:?}", recorder.events());
    assert_eq!(node.sh("tr '\\n' ' ' </root/left.log"), "begin end", "it was done once");
    let said = recorder.lines(Stream::Engine);
    assert!(said.iter().any(|line| line.contains("an earlier run has left behind")), "{said:?}");
    assert_eq!(recorder.outcomes(), [Outcome::Ok], "nothing was left to do");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the lab"]
async fn lab_nothing_is_destroyed_beside_somebody_else_s_tool() {
    let nodes = [Node(12), Node(13)];
    let job = |node: u8| {
        let mut step =
            step("destroys", address(node), "[ -e /root/destroyed ] || exit 1", "touch /root/destroyed");
        step.effect = Effect::Destroys("a file that is not there".into());
        let mut plan = plan(vec![step]);
        plan.locks.insert(format!("node/{}", address(node)));
        Job::start(plan)
    };
    // A lock that somebody holds, beside one that nobody does. On a machine that is full each of these calls takes a second:
    // what ends in time must still be there when the job begins.
    nodes[0].sh("touch /run/lock/pigsty-old.lock; setsid -f flock /run/lock/pigsty.lock sleep 20 </dev/null >/dev/null 2>&1");
    for (node, seconds) in nodes.iter().zip([20, 90]) {
        // A stand-in with the tool's name; one that only looks is nobody's harm.
        node.sh("rm -f /root/destroyed");
        node.sh(&format!("setsid -f bash -c \"exec -a '/usr/bin/patronictl pause' sleep {seconds}\" </dev/null >/dev/null 2>&1"));
        node.sh(
            "setsid -f bash -c \"exec -a '/usr/bin/patronictl list' sleep 91\" </dev/null >/dev/null 2>&1",
        );
    }
    let (short, long) = tokio::join!(job(12).end(60 * SECOND), job(13).end(90 * SECOND));
    assert_eq!(short.0, JobOutcome::Succeeded, "{:?}", short.1.events());
    let said = short.1.lines(Stream::Engine);
    let other = "flock with the lock /run/lock/pigsty.lock and patronictl run on";
    assert!(said.iter().any(|line| line.contains(other)), "{said:?}");
    assert!(!said.iter().any(|line| line.contains("pigsty-old")), "{said:?}");
    let JobOutcome::Failed { reason, step: None } = &long.0 else { panic!("{:?}", long.0) };
    assert!(reason.contains("patronictl runs on") && reason.contains("was not begun"), "{reason}");
    assert_eq!(nodes[1].sh("ls /root/destroyed 2>/dev/null"), "");
    nodes[1].sh("pkill -f '^/usr/bin/patronictl pause'");
    let (again, _) = job(13).end(30 * SECOND).await;
    assert_eq!(again, JobOutcome::Succeeded);
    for node in &nodes {
        node.sh("pkill -f '^/usr/bin/patronictl'");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the lab"]
async fn lab_a_step_that_breaks_its_connection_every_time_fails() {
    let node = Node(12);
    let job = Job::start(plan(vec![step(
        "suicide",
        address(12),
        "exit 1",
        "pkill -f 'sshd: root@notty'; sleep 5",
    )]));
    let (outcome, recorder) = job.end(100 * SECOND).await;
    assert!(matches!(outcome, JobOutcome::Failed { step: Some(0), .. }), "{outcome:?}");
    assert!(matches!(recorder.outcomes()[..], [Outcome::Unreachable { .. }]), "{:?}", recorder.outcomes());
    drop(node);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the lab"]
async fn lab_a_node_that_dies_is_out_and_the_others_finish_the_stage() {
    let node = Node(13);
    Node(12).sh("rm -f /root/fine");
    let job = Job::start(plan(vec![
        step("fine", address(12), "[ -e /root/fine ] || exit 1", "sleep 4; touch /root/fine"),
        step("dies", address(13), "exit 1", "echo working; sleep 100"),
    ]));
    let node = aside(move || {
        node.until("pgrep -f '^sleep 100' >/dev/null", 10 * SECOND);
        node.lab("kill");
        node
    })
    .await;
    let begun = Instant::now();
    let (outcome, recorder) = job.end(75 * SECOND).await;
    assert!(
        begun.elapsed() > RECONNECT - 2 * SECOND,
        "it was given time to come back: {:?}",
        begun.elapsed()
    );
    let JobOutcome::Failed { reason, step } = outcome else { panic!("{outcome:?}") };
    assert_eq!(step, Some(1));
    assert!(reason.contains("dies") && reason.contains(&address(13).to_string()), "{reason}");
    let outcomes = recorder.outcomes();
    assert!(outcomes.contains(&Outcome::Changed), "{outcomes:?}");
    assert!(outcomes.iter().any(|outcome| matches!(outcome, Outcome::Unreachable { .. })), "{outcomes:?}");
    drop(node);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the lab"]
async fn lab_a_node_that_restarts_in_time_goes_on() {
    let node = Node(13);
    node.sh("rm -f /root/up");
    let job = Job::start(plan(vec![step(
        "up",
        address(13),
        "[ -e /root/up ] || exit 1",
        "sleep 3; touch /root/up; sync",
    )]));
    let node = aside(move || {
        node.until("pgrep -f '^sleep 3' >/dev/null", 10 * SECOND);
        node.lab("kill");
        node.lab("start");
        node
    })
    .await;
    let (outcome, recorder) = job.end(60 * SECOND).await;
    assert_eq!(outcome, JobOutcome::Succeeded, "{:?}", recorder.events());
    drop(node);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the lab"]
async fn lab_a_cut_cable_is_told_in_time_and_a_later_run_completes() {
    let node = Node(13);
    node.sh("rm -f /root/cable");
    let the_plan = || {
        let mut cut =
            step("cable", address(13), "[ -e /root/cable ] || exit 1", "sleep 60; touch /root/cable");
        cut.limit_s = 900;
        plan(vec![cut])
    };
    let job = Job::start(the_plan());
    let node = aside(move || {
        node.until("pgrep -f '^sleep 60' >/dev/null", 10 * SECOND);
        node.lab("cut");
        node
    })
    .await;
    // Far below the step's own limit: keepalive tells in 20 s, then `RECONNECT` to come back.
    let (outcome, recorder) = job.end(75 * SECOND).await;
    assert!(matches!(outcome, JobOutcome::Failed { .. }), "{outcome:?}");
    assert!(matches!(recorder.outcomes()[..], [Outcome::Unreachable { .. }]), "{:?}", recorder.outcomes());
    node.lab("mend");
    node.sh("pkill -f '^sleep 60'");
    let (outcome, recorder) = Job::start(the_plan()).end(90 * SECOND).await;
    assert_eq!(outcome, JobOutcome::Succeeded, "{:?}", recorder.events());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the lab"]
async fn lab_secrets_do_not_reach_events() {
    let secret = "hunter2-and-more";
    let mut leaky = step(
        "leak",
        address(12),
        "cat; echo; exit 1",
        "v=$(cat); echo \"$v\"; echo \"$v\" >&2; printf '%1020s%s%4000s\\n' x \"$v\" y; exit 1",
    );
    if let Fact::Command { stdin, .. } = &mut leaky.fact {
        *stdin = Some(secret.to_owned());
    }
    let mut leaking = plan(vec![leaky]);
    leaking.secrets.insert(secret.to_owned());
    let (outcome, recorder) = Job::start(leaking).end(20 * SECOND).await;
    assert!(matches!(outcome, JobOutcome::Failed { .. }));
    let all = format!("{:?}", recorder.events());
    // Not even its beginning, where a long line is cut.
    assert!(all.contains("••••••") && !all.contains("hunt"), "{all}");
    let last = recorder.events().pop();
    assert!(matches!(last, Some(EventKind::JobFinished { .. })), "{last:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the lab"]
async fn lab_what_will_not_come_true_is_not_awaited() {
    let mut awaited = step("wait", address(12), "echo 'it has ended'; exit 3", "");
    awaited.settle_s = 60;
    if let Fact::Command { apply, .. } = &mut awaited.fact {
        *apply = None;
    }
    let begun = Instant::now();
    let (_, recorder) = Job::start(plan(vec![awaited])).end(50 * SECOND).await;
    assert_eq!(recorder.outcomes(), vec![Outcome::Failed { reason: "it has ended".to_owned() }]);
    assert!(begun.elapsed() < 30 * SECOND, "{:?}", begun.elapsed());
}
