//! Jobs, leases and the event log.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic and tell")]
mod common;

use common::{LEASE, NOW, finished, fresh, job_with, line, lines, opened, plan, started, step_started};
use paddock_events::{JobId, JobOutcome};
use paddock_store::{Appended, Concerned, Held, JobState, Store, StoreError, Taken};
use std::collections::BTreeSet;

#[tokio::test]
async fn a_plan_comes_back_with_the_job_that_ran_it() {
    let (_dir, store) = fresh().await;
    let id = plan(&store).await;
    let stored = store.plan(id).await.unwrap().unwrap();
    assert_eq!((stored.plan.as_str(), stored.job), (r#"{"title":"Create"}"#, None));
    let Taken::Yes((job, fence)) = store.start_job(&job_with(id, &["cluster/pg-test"])).await.unwrap() else {
        panic!("the lock is free");
    };
    assert_eq!((job, fence), (JobId(1), 1));
    assert_eq!(store.plan(id).await.unwrap().unwrap().job, Some(job));
    assert!(
        matches!(store.start_job(&job_with(id, &[])).await, Err(StoreError::Exists(_))),
        "a plan runs once"
    );
    assert_eq!(store.outline(job).await.unwrap().unwrap(), common::outline());
    assert_eq!(store.outline(JobId(9)).await.unwrap(), None);
}

#[tokio::test]
async fn a_held_lock_names_its_job_and_leaves_nothing_behind() {
    let (_dir, store) = fresh().await;
    let (one, _) = started(&store, &["cluster/pg-test", "node/10.10.10.11"]).await;
    let second = job_with(plan(&store).await, &["cluster/other", "node/10.10.10.11"]);
    let held = Held { lock: "node/10.10.10.11".into(), by: one };
    assert_eq!(store.start_job(&second).await.unwrap(), Taken::No(held));
    assert_eq!(store.newest_jobs(|_| true, 10).await.unwrap().len(), 1, "no job row without its locks");
    let names: Vec<String> =
        store.held_leases(NOW).await.unwrap().into_iter().map(|held| held.lock).collect();
    assert_eq!(names, ["cluster/pg-test", "node/10.10.10.11"], "the other lock was not taken");
}

#[tokio::test]
async fn of_many_who_want_one_lock_one_gets_it() {
    let (_dir, store) = fresh().await;
    let mut tasks = Vec::new();
    for _ in 0..8 {
        let new = job_with(plan(&store).await, &["cluster/pg-test"]);
        let store: Store = store.clone();
        tasks.push(tokio::spawn(async move { store.start_job(&new).await.unwrap() }));
    }
    let mut winners = 0;
    for task in tasks {
        winners += usize::from(matches!(task.await.unwrap(), Taken::Yes(_)));
    }
    assert_eq!(winners, 1);
}

#[tokio::test]
async fn the_end_of_a_run_sets_the_state_and_frees_the_locks() {
    let (_dir, store) = fresh().await;
    let (job, fence) = started(&store, &["cluster/pg-test"]).await;
    let outcome = JobOutcome::Failed { reason: "disk full".into(), step: Some(0) };
    let appended =
        store.append_events(job, fence, &[step_started(0), finished(1, outcome.clone())], 1).await.unwrap();
    assert_eq!(appended, Appended { next_seq: 2, finished: true });
    let stored = store.job(job).await.unwrap().unwrap();
    assert_eq!(
        (stored.state, stored.outcome, stored.finished_us),
        (JobState::Failed, Some(outcome), Some(NOW + 5))
    );
    assert_eq!(store.held_leases(NOW).await.unwrap(), []);
    let late = store.append_events(job, fence, &[line(2)], 1).await;
    assert!(matches!(late, Err(StoreError::Fenced { .. })), "an ended run takes no more events");
}

#[tokio::test]
async fn a_gap_or_a_repeat_is_refused() {
    let (_dir, store) = fresh().await;
    let (job, fence) = started(&store, &[]).await;
    store.append_events(job, fence, &lines(0, 3), 0).await.unwrap();
    for bad in [lines(4, 6), lines(2, 4), vec![line(3), line(5)]] {
        let refused = store.append_events(job, fence, &bad, 0).await;
        assert!(matches!(refused, Err(StoreError::Gap { .. })), "{refused:?}");
    }
    assert_eq!(
        store.append_events(job, fence, &[], 0).await.unwrap(),
        Appended { next_seq: 3, finished: false }
    );
}

#[tokio::test]
async fn ranges_of_events_are_exact_at_every_border() {
    let (_dir, store) = fresh().await;
    let (job, fence) = started(&store, &[]).await;
    let mut from = 0;
    for size in [1, 7, 256, 3, 100, 1, 1, 1] {
        store.append_events(job, fence, &lines(from, from + size), 0).await.unwrap();
        from += size;
    }
    let all = lines(0, from);
    for start in [0, 1, 7, 8, 9, 263, 264, 366, 367, 369, 370, 371] {
        for limit in [0, 1, 2, 255, 256, 1000] {
            let got = store.events(job, start, limit).await.unwrap();
            let expected: Vec<_> = all.iter().skip(start as usize).take(limit as usize).cloned().collect();
            assert_eq!(got, expected, "from {start}, {limit}");
        }
    }
}

#[tokio::test]
async fn many_batches_are_read_through_and_the_picture_skips_lines() {
    let (_dir, store) = fresh().await;
    let (job, fence) = started(&store, &[]).await;
    let mut seq = 0;
    for _ in 0..60 {
        store.append_events(job, fence, &lines(seq, seq + 10), 0).await.unwrap();
        seq += 10;
        store.append_events(job, fence, &[line(seq), step_started(seq + 1)], 0).await.unwrap();
        seq += 2;
    }
    let read = store.events(job, 5, 10_000).await.unwrap();
    assert!(read.iter().map(|event| event.seq).eq(5..seq));
    let marks = store.marks(job, seq - 1).await.unwrap();
    assert_eq!(marks.len(), 59, "the last one is not before");
    assert!(marks.iter().all(|event| event.seq % 12 == 11));
}

#[tokio::test]
async fn the_last_lines_are_the_last_and_the_rest_is_counted() {
    let (_dir, store) = fresh().await;
    let (job, fence) = started(&store, &[]).await;
    assert_eq!(store.last_lines(job, 0, 10).await.unwrap().earlier, 0);
    for n in 0..50 {
        store.append_events(job, fence, &lines(n * 10, n * 10 + 10), 0).await.unwrap();
    }
    store.append_events(job, fence, &[step_started(500), line(501)], 0).await.unwrap();
    let last = store.last_lines(job, 502, 15).await.unwrap();
    let seqs: Vec<u64> = last.lines.iter().map(|event| event.seq).collect();
    assert_eq!(seqs, [(486..500).collect::<Vec<_>>(), vec![501]].concat());
    assert_eq!(last.earlier, 501 - 15);
    let early = store.last_lines(job, 25, 1000).await.unwrap();
    assert_eq!((early.lines.len(), early.earlier), (25, 0));
}

#[tokio::test]
async fn readers_see_whole_batches_while_somebody_writes() {
    let (_dir, store) = fresh().await;
    let (job, fence) = started(&store, &[]).await;
    let writer = {
        let store: Store = store.clone();
        tokio::spawn(async move {
            for n in 0..200 {
                store.append_events(job, fence, &lines(n * 5, n * 5 + 5), 0).await.unwrap();
            }
        })
    };
    let mut next = 0;
    while next < 1000 {
        for event in store.events(job, next, 64).await.unwrap() {
            assert_eq!(event.seq, next);
            next += 1;
        }
    }
    writer.await.unwrap();
}

#[tokio::test]
async fn what_was_appended_survives_a_crash_and_the_old_runner_is_fenced_off() {
    let (dir, store) = fresh().await;
    let (job, fence) = started(&store, &["cluster/pg-test"]).await;
    store.append_events(job, fence, &lines(0, 100), 0).await.unwrap();
    // No close: a second handle is what a new process sees after a kill.
    let after = opened(&dir.path().join("paddock.db")).await;
    let running = after.running_jobs(NOW + 1).await.unwrap();
    assert_eq!((running.len(), running[0].1), (1, false), "its lease has not expired");
    let expired = after.running_jobs(NOW + LEASE + 1).await.unwrap();
    assert!(expired[0].1);
    let new_fence = after.take_over_job(job, fence, "r2").await.unwrap().unwrap();
    assert_eq!(after.take_over_job(job, fence, "r3").await.unwrap(), None, "only one takes it over");
    let late = store.append_events(job, fence, &[line(100)], 0).await;
    assert!(matches!(late, Err(StoreError::Fenced { .. })), "{late:?}");
    assert!(matches!(
        store.prolong_leases(job, fence, NOW + 2 * LEASE).await,
        Err(StoreError::Fenced { .. })
    ));
    after.append_events(job, new_fence, &[finished(100, JobOutcome::Interrupted)], 0).await.unwrap();
    assert_eq!(after.job(job).await.unwrap().unwrap().state, JobState::Interrupted);
    assert_eq!(after.held_leases(NOW).await.unwrap(), []);
}

#[tokio::test]
async fn a_restarted_job_goes_on_under_a_new_fence() {
    let (_dir, store) = fresh().await;
    let (job, fence) = started(&store, &["cluster/pg-test"]).await;
    let locks = BTreeSet::from(["cluster/pg-test".to_owned()]);
    let until = NOW + LEASE;
    let running = store.restart_job(job, "r2", &locks, NOW, until).await;
    assert!(matches!(running, Err(StoreError::Fenced { .. })), "it runs");
    store.append_events(job, fence, &[finished(0, JobOutcome::Interrupted)], 0).await.unwrap();
    let (other, other_fence) = started(&store, &["cluster/pg-test"]).await;
    let held = store.restart_job(job, "r2", &locks, NOW, until).await.unwrap();
    assert_eq!(held, Taken::No(Held { lock: "cluster/pg-test".into(), by: other }));
    assert_eq!(store.job(job).await.unwrap().unwrap().state, JobState::Interrupted, "nothing was changed");
    store.append_events(other, other_fence, &[finished(0, JobOutcome::Succeeded)], 0).await.unwrap();
    assert_eq!(store.restart_job(job, "r2", &locks, NOW, until).await.unwrap(), Taken::Yes(2));
    store.append_events(job, 2, &[step_started(1)], 0).await.unwrap();
    let done = store.restart_job(other, "r2", &locks, NOW, until).await;
    assert!(matches!(done, Err(StoreError::Fenced { .. })), "a job that succeeded is not run again");
}

#[tokio::test]
async fn jobs_of_a_cluster_come_newest_first() {
    let (_dir, store) = fresh().await;
    let (one, fence) = started(&store, &[]).await;
    store.append_events(one, fence, &[finished(0, JobOutcome::Cancelled)], 0).await.unwrap();
    let (two, _) = started(&store, &[]).await;
    let other = common::plan_about(&store, &["pg-test", "pg-b"]).await;
    let Taken::Yes((three, _)) = store.start_job(&common::job_with(other, &[])).await.unwrap() else {
        panic!("started")
    };
    let ids = |jobs: Vec<paddock_store::StoredJob>| jobs.into_iter().map(|job| job.id).collect::<Vec<_>>();
    let all = |_: &Concerned| true;
    assert_eq!(ids(store.newest_jobs_of("pg-test", all, 10).await.unwrap()), [three, two, one]);
    assert_eq!(ids(store.newest_jobs(all, 1).await.unwrap()), [three]);
    assert_eq!(ids(store.newest_jobs_of("none", all, 10).await.unwrap()), []);
    // What is not taken does not count.
    let alone = |about: &Concerned| about.as_ref().is_some_and(|about| about.len() == 1);
    assert_eq!(ids(store.newest_jobs(alone, 1).await.unwrap()), [two]);
    assert_eq!(ids(store.newest_jobs_of("pg-test", alone, 10).await.unwrap()), [two, one]);
}

#[tokio::test]
async fn prolonged_leases_hold_longer() {
    let (_dir, store) = fresh().await;
    let (job, fence) = started(&store, &["cluster/pg-test"]).await;
    store.prolong_leases(job, fence, NOW + 3 * LEASE).await.unwrap();
    assert_eq!(store.held_leases(NOW + 2 * LEASE).await.unwrap().len(), 1);
    assert_eq!(store.held_leases(NOW + 4 * LEASE).await.unwrap().len(), 0);
}
