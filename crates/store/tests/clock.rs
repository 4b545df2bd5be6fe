//! The console's clock jumps by an hour, forward and back: nothing is lost by it, and nothing is done twice.

#![allow(clippy::unwrap_used, reason = "a test may panic")]
mod common;

use common::{LEASE, NOW, ann, finished, fresh, job_with, line, plan, started};
use paddock_events::{JobOutcome, PersonId};
use paddock_store::{Held, NewApproval, NewJob, NewToken, Signed, StoreError, Taken};

const HOUR: i64 = 3_600_000_000;

fn at(now_us: i64, new: NewJob) -> NewJob {
    NewJob { now_us, lease_until_us: now_us + LEASE, ..new }
}

#[tokio::test]
async fn a_job_that_runs_keeps_its_locks_whatever_the_clock_says() {
    for jump in [HOUR, -HOUR] {
        let (_dir, store) = fresh().await;
        let (job, fence) = started(&store, &["cluster/pg-test"]).await;
        let now = NOW + jump;
        let rival = at(now, job_with(plan(&store).await, &["cluster/pg-test"]));
        let held = Held { lock: "cluster/pg-test".into(), by: job };
        assert_eq!(
            store.start_job(&rival).await.unwrap(),
            Taken::No(held),
            "two jobs would change one cluster"
        );
        store.append_events(job, fence, &[line(0)], 0).await.unwrap();
        store.prolong_leases(job, fence, now + LEASE).await.unwrap();
        assert!(!store.running_jobs(now).await.unwrap()[0].1, "prolonged by the new clock");

        store.append_events(job, fence, &[finished(1, JobOutcome::Succeeded)], 1).await.unwrap();
        assert!(matches!(store.start_job(&rival).await.unwrap(), Taken::Yes(_)), "free when it has ended");
    }
}

#[tokio::test]
async fn a_job_whose_runner_died_is_found_once_its_lease_has_expired_by_the_new_clock() {
    let (_dir, store) = fresh().await;
    let (job, fence) = started(&store, &["cluster/pg-test"]).await;
    assert!(!store.running_jobs(NOW - HOUR).await.unwrap()[0].1, "back: later");
    assert!(store.running_jobs(NOW + HOUR).await.unwrap()[0].1, "forward: at once");
    let taken = store.take_over_job(job, fence, "r2").await.unwrap().unwrap();
    let late = store.append_events(job, fence, &[line(0)], 0).await;
    assert!(matches!(late, Err(StoreError::Fenced { .. })), "who was taken for dead writes no more");
    store.append_events(job, taken, &[finished(0, JobOutcome::Interrupted)], 0).await.unwrap();
    assert_eq!(store.held_leases(NOW).await.unwrap(), []);
}

#[tokio::test]
async fn an_approval_is_worth_nothing_after_its_end_by_the_clock_of_the_moment_and_ends_for_good_when_it_is_used()
 {
    let (_dir, store) = fresh().await;
    let plan = plan(&store).await;
    let signed = |by, at_us| Signed { by: PersonId(by), name: "x".into(), at_us };
    let new = NewApproval {
        plan,
        title: "t".into(),
        cluster: None,
        asked: signed(1, NOW),
        reason: "why".into(),
        words: None,
        needed: 1,
        expires_us: NOW + HOUR / 2,
    };
    let id = store.request_approval(&new).await.unwrap().unwrap();
    assert!(!store.approve(plan, &signed(2, NOW + HOUR), "t").await.unwrap(), "forward: expired");
    assert!(store.approve(plan, &signed(2, NOW - HOUR), "t").await.unwrap(), "back: as it was");
    let revision = store.newest_revision_id().await.unwrap().unwrap();
    let job = |now| NewJob { approval: Some((id, revision)), ..at(now, job_with(plan, &[])) };
    let late = store.start_job(&job(NOW + HOUR)).await;
    assert!(matches!(late, Err(StoreError::NotApproved { .. })), "forward: expired");
    assert!(matches!(store.start_job(&job(NOW - HOUR)).await.unwrap(), Taken::Yes(_)));
    let twice = store.start_job(&job(NOW - 2 * HOUR)).await;
    assert!(matches!(twice, Err(StoreError::Exists(_))), "no clock makes it run twice");
}

#[tokio::test]
async fn sessions_and_tokens_live_through_a_jump_and_end_at_their_end() {
    let (_dir, store) = fresh().await;
    let (now, hour, idle) = (NOW / 1_000_000 + 1_000_000, 3_600, 12 * 3_600);
    let ann = store.add_person(&ann()).await.unwrap();
    store.save_session("s", Some(ann), b"", now + 7 * 24 * hour, now).await.unwrap();
    for (jump, holds) in [(hour, true), (-hour, true), (0, true), (13 * hour, false), (-13 * hour, true)] {
        assert_eq!(store.load_session("s", now + jump, idle).await.unwrap().is_some(), holds, "{jump}");
    }
    // Used while the clock was an hour ahead, and it goes back: not idle, and no longer than before.
    store.session_was_used("s", now + hour).await.unwrap();
    assert!(store.load_session("s", now, idle).await.unwrap().is_some());
    assert!(store.load_session("s", now + 7 * 24 * hour, i64::MAX / 2).await.unwrap().is_none());
    assert_eq!(store.delete_expired_sessions(now - hour, idle).await.unwrap(), 0);
    let token = NewToken {
        scope: None,
        person: ann,
        label: "t".into(),
        sha256: [7; 32],
        created_us: NOW,
        expires_us: Some(NOW + HOUR / 2),
    };
    store.add_token(&token).await.unwrap();
    store
        .token_was_used(store.bearer_of_token(&[7; 32]).await.unwrap().unwrap().token(), NOW - HOUR)
        .await
        .unwrap();
    assert_eq!(
        store.bearer_of_token(&[7; 32]).await.unwrap().unwrap().expires_us,
        Some(NOW + HOUR / 2),
        "its end stands"
    );
}
