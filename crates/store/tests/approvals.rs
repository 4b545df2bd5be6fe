//! Requests to run what destroys: each transition is a condition of its write.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic and tell")]
mod common;

use common::{NOW, finished, fresh, job_with, plan, revision};
use paddock_events::{ApprovalId, JobOutcome, PersonId, PlanId, RevisionId};
use paddock_store::{
    ApprovalState, Held, JobState, NewApproval, Signed, Store, StoreError, StoredApproval, Taken, Typed,
};

const HOUR: i64 = 3_600_000_000;

fn signed(name: &str, at_us: i64) -> Signed {
    let by = PersonId(i64::from(name.as_bytes()[0]));
    Signed { by, name: name.into(), at_us }
}

fn asks(plan: PlanId, name: &str, at_us: i64) -> NewApproval {
    NewApproval {
        plan,
        title: "Remove pg-test".into(),
        cluster: Some("pg-test".into()),
        asked: signed(name, at_us),
        reason: "it is not needed any more".into(),
        words: None,
        needed: 1,
        expires_us: at_us + 4 * HOUR,
    }
}

async fn newest(store: &Store, plan: PlanId) -> StoredApproval {
    store.newest_approval_of(plan).await.unwrap().unwrap()
}

async fn state(store: &Store, plan: PlanId) -> ApprovalState {
    newest(store, plan).await.state
}

async fn approved(store: &Store, plan: PlanId) -> ApprovalId {
    let id = store.request_approval(&asks(plan, "ann", NOW)).await.unwrap().unwrap();
    assert!(store.approve(plan, &signed("bob", NOW + 1), "pg-test").await.unwrap());
    id
}

async fn start(
    store: &Store,
    plan: PlanId,
    approval: ApprovalId,
    now_us: i64,
) -> Result<Taken<(paddock_events::JobId, u64)>, StoreError> {
    let under = store.newest_revision().await.unwrap().unwrap().id();
    let mut new = job_with(plan, &["cluster/pg-test"]);
    (new.approval, new.now_us) = (Some((approval, under)), now_us);
    store.start_job(&new).await
}

#[tokio::test]
async fn a_request_is_kept_with_the_plan_s_digest_and_one_at_a_time() {
    let (_dir, store) = fresh().await;
    let id = plan(&store).await;
    assert_eq!(store.newest_approval_of(id).await.unwrap(), None);
    store.request_approval(&asks(id, "ann", NOW)).await.unwrap().unwrap();
    let stored = newest(&store, id).await;
    assert_eq!((stored.digest.as_str(), stored.state), ("d1", ApprovalState::Waiting));
    assert_eq!((stored.asked.name.as_str(), stored.decided), ("ann", None));
    assert_eq!(store.request_approval(&asks(id, "cid", NOW + 1)).await.unwrap(), None, "one is open");
    assert!(store.request_approval(&asks(PlanId(99), "ann", NOW)).await.unwrap().is_none(), "no such plan");
}

#[tokio::test]
async fn only_somebody_else_decides_and_only_once() {
    let (_dir, store) = fresh().await;
    let id = plan(&store).await;
    store.request_approval(&asks(id, "ann", NOW)).await.unwrap();
    assert!(!store.approve(id, &signed("ann", NOW + 1), "pg-test").await.unwrap(), "her own");
    assert!(!store.refuse_approval(id, &signed("ann", NOW + 1), "no").await.unwrap(), "her own");
    assert!(store.refuse_approval(id, &signed("bob", NOW + 1), "not today").await.unwrap());
    let stored = newest(&store, id).await;
    assert_eq!((stored.state, stored.why.as_deref()), (ApprovalState::Refused, Some("not today")));
    assert!(!store.approve(id, &signed("bob", NOW + 2), "pg-test").await.unwrap(), "it is decided");
    assert!(!store.withdraw_approval(id, PersonId(97), NOW + 2).await.unwrap(), "it is decided");
    // A refused plan may be asked for again.
    store.request_approval(&asks(id, "ann", NOW + 3)).await.unwrap().unwrap();
    assert!(store.approve(id, &signed("bob", NOW + 4), "pg-test").await.unwrap());
    assert_eq!(newest(&store, id).await.decided, Some(signed("bob", NOW + 4)));
    assert!(!store.refuse_approval(id, &signed("cid", NOW + 5), "no").await.unwrap());
}

#[tokio::test]
async fn of_many_who_decide_one_does() {
    let (_dir, store) = fresh().await;
    let id = plan(&store).await;
    store.request_approval(&asks(id, "ann", NOW)).await.unwrap();
    let mut tasks = Vec::new();
    for number in 0..8 {
        let store = store.clone();
        let by = Signed { by: PersonId(number), name: number.to_string(), at_us: NOW };
        tasks.push(tokio::spawn(async move {
            if number % 2 == 0 {
                store.approve(id, &by, "pg-test").await.unwrap()
            } else {
                store.refuse_approval(id, &by, "no").await.unwrap()
            }
        }));
    }
    let mut winners = 0;
    for task in tasks {
        winners += usize::from(task.await.unwrap());
    }
    assert_eq!(winners, 1);
}

#[tokio::test]
async fn a_request_that_takes_two_counts_different_people_and_none_of_them_the_requester() {
    let (_dir, store) = fresh().await;
    let id = plan(&store).await;
    let asked =
        store.request_approval(&NewApproval { needed: 2, ..asks(id, "ann", NOW) }).await.unwrap().unwrap();
    assert!(store.approve(id, &signed("bob", NOW + 1), "pg-test").await.unwrap());
    assert_eq!(state(&store, id).await, ApprovalState::Waiting, "one of two");
    assert!(!store.approve(id, &signed("bob", NOW + 2), "pg-test").await.unwrap(), "bob again");
    assert!(!store.approve(id, &signed("ann", NOW + 2), "pg-test").await.unwrap(), "her own");
    assert!(matches!(start(&store, id, asked, NOW + 2).await, Err(StoreError::NotApproved { .. })));
    assert!(store.approve(id, &signed("cid", NOW + 3), "pg-test").await.unwrap());
    let stored = newest(&store, id).await;
    assert_eq!((stored.state, stored.needed), (ApprovalState::Approved, 2));
    assert_eq!(stored.given, [signed("bob", NOW + 1), signed("cid", NOW + 3)]);
    assert_eq!(stored.decided, Some(signed("cid", NOW + 3)));
    assert!(!store.approve(id, &signed("dan", NOW + 4), "pg-test").await.unwrap(), "it is decided");
    assert!(matches!(start(&store, id, asked, NOW + 5).await.unwrap(), Taken::Yes(_)));
}

#[tokio::test]
async fn of_one_person_in_many_sessions_and_two_others_at_once_two_people_count() {
    let (dir, store) = fresh().await;
    let id = plan(&store).await;
    store.request_approval(&NewApproval { needed: 2, ..asks(id, "ann", NOW) }).await.unwrap();
    // Two handles on the file, as of a console and a second one.
    let second = common::opened(&dir.path().join("paddock.db")).await;
    let mut tasks = Vec::new();
    for number in 0..12 {
        let store = if number % 2 == 0 { store.clone() } else { second.clone() };
        let who = ["bob", "bob", "bob", "ann", "cid", "dan"][number % 6];
        tasks.push(tokio::spawn(async move {
            store.approve(id, &signed(who, NOW + 1), "pg-test").await.unwrap()
        }));
    }
    let mut counted = 0;
    for task in tasks {
        counted += usize::from(task.await.unwrap());
    }
    let stored = newest(&store, id).await;
    assert_eq!((counted, stored.given.len(), stored.state), (2, 2, ApprovalState::Approved));
    assert!(stored.given.iter().all(|one| one.name != "ann") && stored.given[0].by != stored.given[1].by);
    second.close().await;
}

#[tokio::test]
async fn a_yes_that_is_not_in_the_table_is_none_whatever_the_request_says() {
    let (dir, store) = fresh().await;
    let id = plan(&store).await;
    let approval = approved(&store, id).await;
    let file = format!("sqlite://{}", dir.path().join("paddock.db").display());
    let raw = sqlx::SqlitePool::connect(&file).await.unwrap();
    for forged in
        ["UPDATE approval SET needed = 2", "UPDATE approver SET person = 97", "DELETE FROM approver"]
    {
        sqlx::query(sqlx::AssertSqlSafe(forged)).execute(&raw).await.unwrap();
        assert!(
            matches!(start(&store, id, approval, NOW + 2).await, Err(StoreError::NotApproved { .. })),
            "{forged}"
        );
    }
    raw.close().await;
}

#[tokio::test]
async fn who_does_not_repeat_the_words_of_a_request_does_not_count() {
    let (_dir, store) = fresh().await;
    let id = plan(&store).await;
    let words = Some("no backup newer than 24 h");
    let asked = NewApproval { words: words.map(str::to_owned), ..asks(id, "ann", NOW) };
    store.request_approval(&asked).await.unwrap();
    for wrong in [None, Some("no backup")] {
        let typed = Typed { name: "pg-test", words: wrong };
        assert!(!store.approve(id, &signed("bob", NOW + 1), typed).await.unwrap(), "{wrong:?}");
    }
    assert!(store.approve(id, &signed("bob", NOW + 1), Typed { name: "pg-test", words }).await.unwrap());
    assert_eq!(newest(&store, id).await.words.as_deref(), words);
    let other = plan(&store).await;
    store.request_approval(&asks(other, "ann", NOW)).await.unwrap();
    let typed = Typed { name: "pg-test", words };
    assert!(!store.approve(other, &signed("bob", NOW + 1), typed).await.unwrap(), "it has none");
}

#[tokio::test]
async fn what_has_expired_is_neither_decided_nor_used_and_may_be_asked_for_again() {
    let (_dir, store) = fresh().await;
    let id = plan(&store).await;
    let first = approved(&store, id).await;
    let end = NOW + 4 * HOUR;
    assert!(matches!(start(&store, id, first, end).await, Err(StoreError::NotApproved { .. })));
    store.request_approval(&asks(id, "ann", end)).await.unwrap().unwrap();
    assert_eq!(store.approvals_waiting(end).await.unwrap().len(), 1);
    assert_eq!(store.approvals_waiting(end + 4 * HOUR).await.unwrap(), []);
    assert!(!store.approve(id, &signed("bob", end + 4 * HOUR), "pg-test").await.unwrap());
    let decided = store.newest_approvals_decided(end, |_| true, 10).await.unwrap();
    assert_eq!(decided.len(), 1, "{decided:?}");
    assert_eq!((decided[0].state, decided[0].why.as_deref()), (ApprovalState::Void, Some("it expired")));
    assert_eq!(store.newest_approvals_decided(end + 4 * HOUR, |_| true, 10).await.unwrap().len(), 2);
    assert_eq!(store.newest_approvals_decided(end, |about| about.is_none(), 10).await.unwrap(), []);
}

#[tokio::test]
async fn a_job_uses_its_approval_up_or_is_not_started() {
    let (_dir, store) = fresh().await;
    let id = plan(&store).await;
    let approval = approved(&store, id).await;
    let (holder, fence) = common::started(&store, &["cluster/pg-test"]).await;
    let held = Held { lock: "cluster/pg-test".into(), by: holder };
    assert_eq!(start(&store, id, approval, NOW + 2).await.unwrap(), Taken::No(held));
    assert_eq!(state(&store, id).await, ApprovalState::Approved, "a lock that is held uses nothing up");
    store.append_events(holder, fence, &[finished(0, JobOutcome::Succeeded)], 0).await.unwrap();

    let other = plan(&store).await;
    let foreign = start(&store, other, approval, NOW + 2).await;
    assert!(matches!(foreign, Err(StoreError::NotApproved { .. })), "it is for another plan");
    let mut stale = job_with(id, &[]);
    stale.approval = Some((approval, RevisionId(99)));
    assert!(matches!(store.start_job(&stale).await, Err(StoreError::NotApproved { .. })));
    assert_eq!(store.newest_jobs(|_| true, 10).await.unwrap().len(), 1, "no job without its approval");

    let Taken::Yes((job, fence)) = start(&store, id, approval, NOW + 3).await.unwrap() else {
        panic!("the lock is free")
    };
    let stored = newest(&store, id).await;
    assert_eq!((stored.state, stored.ended_us), (ApprovalState::Used, Some(NOW + 3)));
    assert!(matches!(start(&store, id, approval, NOW + 4).await, Err(StoreError::Exists(_))), "a replay");
    assert_eq!(store.request_approval(&asks(id, "ann", NOW + 5)).await.unwrap(), None, "it has a job");
    assert!(!store.withdraw_approval(id, PersonId(97), NOW + 5).await.unwrap(), "it is used");

    assert!(!store.void_approval(id, "changed", NOW + 6).await.unwrap(), "its job runs");
    assert_eq!(store.plans_with_live_approval(NOW + 6).await.unwrap(), []);
    store.append_events(job, fence, &[finished(0, JobOutcome::Interrupted)], 0).await.unwrap();
    assert_eq!(store.job(job).await.unwrap().unwrap().state, JobState::Interrupted);
    assert_eq!(store.plans_with_live_approval(NOW + 6).await.unwrap(), [id], "it could be resumed");
    assert!(store.void_approval(id, "changed", NOW + 7).await.unwrap());
    let again = store.restart_job(job, "r2", &Default::default(), NOW + 8, NOW + 9).await;
    assert!(matches!(again, Err(StoreError::Fenced { .. })), "nor is it resumed: {again:?}");
    assert_eq!(state(&store, id).await, ApprovalState::Void);
}

#[tokio::test]
async fn a_withdrawn_or_voided_approval_starts_nothing() {
    let (_dir, store) = fresh().await;
    for withdrawn in [true, false] {
        let id = plan(&store).await;
        let approval = approved(&store, id).await;
        if withdrawn {
            assert!(!store.withdraw_approval(id, PersonId(98), NOW + 2).await.unwrap(), "not bob's to take");
            assert!(store.withdraw_approval(id, PersonId(97), NOW + 2).await.unwrap());
        } else {
            assert!(store.void_approval(id, "changed", NOW + 2).await.unwrap());
            assert!(!store.void_approval(id, "again", NOW + 3).await.unwrap(), "once");
        }
        let refused = start(&store, id, approval, NOW + 3).await;
        assert!(matches!(refused, Err(StoreError::NotApproved { .. })), "{refused:?}");
    }
}

#[tokio::test]
async fn a_revision_saved_in_between_keeps_the_job_from_starting() {
    let (_dir, store) = fresh().await;
    let id = plan(&store).await;
    let approval = approved(&store, id).await;
    let under = store.newest_revision().await.unwrap().unwrap().id();
    store.add_revision(&revision(Some(under), "all: { vars: {} }\n")).await.unwrap().unwrap();
    let mut new = job_with(id, &[]);
    new.approval = Some((approval, under));
    assert!(matches!(store.start_job(&new).await, Err(StoreError::NotApproved { .. })));
    assert!(matches!(start(&store, id, approval, NOW + 2).await.unwrap(), Taken::Yes(_)), "looked at anew");
}

#[tokio::test]
async fn breaking_the_glass_takes_the_place_of_one_s_own_request_only() {
    let (_dir, store) = fresh().await;
    let id = plan(&store).await;
    store.request_approval(&asks(id, "ann", NOW)).await.unwrap().unwrap();
    let others = store.break_glass(&asks(id, "zoe", NOW + 1), "pg-test").await.unwrap();
    assert_eq!((others, state(&store, id).await), (None, ApprovalState::Waiting), "ann's request is open");
    let own = store.break_glass(&asks(id, "ann", NOW + 1), "pg-test").await.unwrap().unwrap();
    let stored = newest(&store, id).await;
    assert_eq!((stored.id, stored.state, stored.break_glass), (own, ApprovalState::Approved, true));
    assert_eq!(stored.decided, Some(signed("ann", NOW + 1)));
    assert!(matches!(start(&store, id, own, NOW + 2).await.unwrap(), Taken::Yes(_)));
    assert_eq!(store.break_glass(&asks(id, "ann", NOW + 3), "pg-test").await.unwrap(), None, "it has run");
}

#[tokio::test]
async fn the_table_itself_refuses_what_must_not_be() {
    let (dir, store) = fresh().await;
    let id = plan(&store).await;
    approved(&store, id).await;
    let file = format!("sqlite://{}", dir.path().join("paddock.db").display());
    let raw = sqlx::SqlitePool::connect(&file).await.unwrap();
    for bad in [
        "decided_by = requester",
        "break_glass = 1",
        "state = 'waiting'",
        "state = 'done'",
        "state = 'used'",
        "state = 'refused'",
        "state = 'void', ended_us = 1",
        "typed_name = NULL",
        "decided_us = NULL",
        "decided_by = NULL, decided_name = NULL, decided_us = NULL",
        "expires_us = requested_us",
        "reason = ' '",
    ] {
        let done = sqlx::query(sqlx::AssertSqlSafe(format!("UPDATE approval SET {bad}"))).execute(&raw).await;
        let refused = done.err().and_then(|error| error.into_database_error());
        assert!(refused.is_some_and(|error| error.is_check_violation()), "{bad}");
    }
    let allowed = sqlx::query("UPDATE approval SET state = 'used', ended_us = 1").execute(&raw).await;
    assert_eq!(allowed.unwrap().rows_affected(), 1, "what may be is not refused");
    raw.close().await;
}
