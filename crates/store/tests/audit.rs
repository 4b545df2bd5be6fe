//! The audit log: written with its act or not at all, and nothing in it can be changed unseen.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic and tell")]
mod common;

use common::{NOW, finished, fresh, plan, revision, started};
use paddock_events::{JobOutcome, PersonId};
use paddock_store::{
    AuditFilter, ChainEnd, Decision, NewApproval, NewAudit, Signed, Store, StoreError, StoredAudit,
};
use sqlx::{AssertSqlSafe, SqlitePool};
use std::path::Path;

fn note(name: &str, act: &'static str, subject: &str) -> NewAudit {
    NewAudit {
        at_us: NOW,
        person: Some(PersonId(7)),
        name: name.into(),
        origin: "browser at 10.0.0.7".into(),
        act,
        subject: subject.into(),
        cluster: Some("pg-test".into()),
        digest: None,
        decision: Decision::Allowed,
        outcome: "a \"quoted\" \n reason".into(),
    }
}

async fn rows(store: &Store) -> Vec<StoredAudit> {
    store.audit_from(1, 1_000).await.unwrap()
}

/// Reads the whole chain: where it ends, or what is wrong.
async fn verified(store: &Store) -> Result<ChainEnd, String> {
    let mut end = ChainEnd::default();
    for row in rows(store).await {
        end.take(&row)?;
    }
    Ok(end)
}

async fn told(store: &Store) -> Vec<(String, String)> {
    rows(store).await.into_iter().map(|row| (row.act, row.subject)).collect()
}

#[tokio::test]
async fn an_act_and_its_row_are_written_together_or_neither() {
    let (_dir, store) = fresh().await;
    let saves = store.noting(note("ann", "inventory/save", "?"));
    let first = saves.add_revision(&revision(None, "a")).await.unwrap().unwrap();
    assert_eq!(saves.add_revision(&revision(None, "b")).await.unwrap(), None, "stale");
    assert_eq!(told(&store).await, [("inventory/save".to_owned(), format!("revision {first}"))]);
    let id = plan(&store).await;
    let at =
        |name: &str, at_us| Signed { by: PersonId(i64::from(name.as_bytes()[0])), name: name.into(), at_us };
    let asks = NewApproval {
        plan: id,
        title: "Remove pg-test".into(),
        cluster: Some("pg-test".into()),
        asked: at("ann", NOW),
        reason: "why".into(),
        words: None,
        needed: 1,
        expires_us: NOW + 100,
    };
    let asking = store.noting(note("ann", "approval/request", "plan 1"));
    asking.request_approval(&asks).await.unwrap().unwrap();
    assert_eq!(asking.request_approval(&asks).await.unwrap(), None, "one is open");
    let approving = store.noting(note("bob", "approval/approve", "plan 1"));
    assert!(!approving.approve(id, &at("ann", NOW), "pg-test").await.unwrap(), "her own");
    assert!(approving.approve(id, &at("bob", NOW), "pg-test").await.unwrap());
    assert!(!approving.approve(id, &at("cid", NOW), "pg-test").await.unwrap(), "approved already");
    assert_eq!(store.note_expired_approvals(NOW + 99).await.unwrap(), 0);
    assert_eq!(store.note_expired_approvals(NOW + 100).await.unwrap(), 1);
    assert_eq!(store.note_expired_approvals(NOW + 101).await.unwrap(), 0, "once");
    let acts: Vec<String> = told(&store).await.into_iter().map(|(act, _)| act).collect();
    assert_eq!(acts, ["inventory/save", "approval/request", "approval/approve", "approval/expire"]);
    assert_eq!(verified(&store).await.unwrap().rows, 4);
}

#[tokio::test]
async fn the_end_of_a_job_is_told_with_its_reason() {
    let (_dir, store) = fresh().await;
    let (job, fence) = started(&store, &[]).await;
    let outcome = JobOutcome::Failed { reason: "no disk".into(), step: None };
    store.append_events(job, fence, &[finished(0, outcome)], 0).await.unwrap();
    let row = rows(&store).await.pop().unwrap();
    assert_eq!((row.act.as_str(), row.subject), ("job/end", format!("job {job}")));
    assert_eq!((row.outcome.as_str(), row.name.as_str()), ("failed: no disk", "paddock"));
    assert_eq!((row.cluster.as_deref(), row.digest.as_deref()), (Some("pg-test"), Some("d1")));
}

#[tokio::test]
async fn many_who_append_at_once_make_one_chain() {
    let (_dir, store) = fresh().await;
    let mut tasks = Vec::new();
    for n in 0..40 {
        let store = store.clone();
        tasks.push(tokio::spawn(async move {
            store.append_audit(&note("ann", "see", &format!("job {n}"))).await
        }));
    }
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(verified(&store).await.unwrap().rows, 40);
}

#[tokio::test]
async fn rows_are_found_by_who_what_and_cluster_in_pages() {
    let (_dir, store) = fresh().await;
    for (name, act) in [("ann", "job/run"), ("bob", "approval/approve"), ("ann", "approval/request")] {
        store.append_audit(&note(name, act, "plan 1")).await.unwrap();
    }
    store.append_audit(&NewAudit { cluster: None, ..note("ann", "sign-in", "") }).await.unwrap();
    let ids = async |filter: AuditFilter| -> Vec<i64> {
        store.newest_audit(&filter, 2).await.unwrap().iter().map(|row| row.id).collect()
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(ids(AuditFilter::default()).await, [4, 3]);
    assert_eq!(ids(AuditFilter { before: Some(3), ..AuditFilter::default() }).await, [2, 1]);
    assert_eq!(
        ids(AuditFilter { name: some("ann"), before: Some(4), ..AuditFilter::default() }).await,
        [3, 1]
    );
    assert_eq!(ids(AuditFilter { act: some("approval"), ..AuditFilter::default() }).await, [3, 2]);
    let of = AuditFilter { cluster: some("pg-test"), name: some("bob"), ..AuditFilter::default() };
    assert_eq!(ids(of).await, [2]);
    assert!(ids(AuditFilter { act: some("%"), ..AuditFilter::default() }).await.is_empty(), "no pattern");
}

/// Five rows, then a hand in the file.
async fn tampered(statements: &[&str]) -> (Result<ChainEnd, String>, ChainEnd) {
    let (dir, store) = fresh().await;
    for n in 1..=5 {
        store.append_audit(&note("ann", "job/run", &format!("job {n}"))).await.unwrap();
    }
    let before = verified(&store).await.unwrap();
    assert_eq!(before, store.audit_end().await.unwrap());
    let raw = raw(dir.path()).await;
    for trigger in ["audit_follows", "audit_stays", "audit_is_kept"] {
        let drop = sqlx::query(AssertSqlSafe(format!("DROP TRIGGER {trigger}")));
        drop.execute(&raw).await.unwrap();
    }
    for statement in statements {
        let done = sqlx::query(AssertSqlSafe((*statement).to_owned())).execute(&raw).await.unwrap();
        assert!(done.rows_affected() > 0, "{statement}");
    }
    (verified(&store).await, before)
}

async fn raw(dir: &Path) -> SqlitePool {
    SqlitePool::connect(&format!("sqlite://{}", dir.join("paddock.db").display())).await.unwrap()
}

#[tokio::test]
async fn whatever_is_changed_in_the_file_is_found_with_its_row() {
    let all = "at_us, person, name, origin, act, subject, cluster, digest, decision, outcome, previous, hash";
    let copy = format!("INSERT INTO audit SELECT 6, {all} FROM audit WHERE id = 5");
    let cases: &[(&[&str], &str)] = &[
        (&["UPDATE audit SET at_us = at_us + 1 WHERE id = 3"], "row 3 was changed"),
        (&["UPDATE audit SET person = NULL WHERE id = 3"], "row 3 was changed"),
        (&["UPDATE audit SET name = 'bob' WHERE id = 3"], "row 3 was changed"),
        (&["UPDATE audit SET origin = 'console' WHERE id = 1"], "row 1 was changed"),
        (&["UPDATE audit SET act = 'see' WHERE id = 5"], "row 5 was changed"),
        (&["UPDATE audit SET subject = 'job 9' WHERE id = 3"], "row 3 was changed"),
        (&["UPDATE audit SET cluster = NULL WHERE id = 3"], "row 3 was changed"),
        (&["UPDATE audit SET digest = 'x' WHERE id = 3"], "row 3 was changed"),
        (&["UPDATE audit SET decision = 'refused' WHERE id = 3"], "row 3 was changed"),
        (&["UPDATE audit SET outcome = '' WHERE id = 3"], "row 3 was changed"),
        (&["UPDATE audit SET hash = previous WHERE id = 3"], "row 3 was changed"),
        (&["UPDATE audit SET previous = hash WHERE id = 3"], "row 3 does not follow row 2"),
        (&["DELETE FROM audit WHERE id = 1"], "row 1 is missing: row 2"),
        (&["DELETE FROM audit WHERE id = 3"], "row 3 is missing: row 4"),
        (
            &["DELETE FROM audit WHERE id = 3", "UPDATE audit SET id = id - 1 WHERE id > 3"],
            "row 3 does not follow row 2",
        ),
        (
            &[
                "UPDATE audit SET id = 99 WHERE id = 3",
                "UPDATE audit SET id = 3 WHERE id = 4",
                "UPDATE audit SET id = 4 WHERE id = 99",
            ],
            "row 3 does not follow row 2",
        ),
        (&[&copy], "row 6 does not follow row 5"),
    ];
    for (statements, found) in cases {
        let why = tampered(statements).await.0.unwrap_err();
        assert!(why.starts_with(found), "{statements:?}: {why}");
    }
}

#[tokio::test]
async fn a_cut_tail_is_a_whole_chain_that_ends_too_soon() {
    let (after, before) = tampered(&["DELETE FROM audit WHERE id > 3"]).await;
    assert_eq!((before.rows, after.unwrap().rows), (5, 3), "only who knows the end sees it");
}

#[tokio::test]
async fn the_database_takes_nothing_but_the_next_row() {
    let (dir, store) = fresh().await;
    for n in 0..2 {
        store.append_audit(&note("ann", "job/run", &n.to_string())).await.unwrap();
    }
    let raw = raw(dir.path()).await;
    for statement in [
        "UPDATE audit SET name = 'bob'",
        "DELETE FROM audit WHERE id = 2",
        "INSERT INTO audit SELECT 4, at_us, person, name, origin, act, subject, cluster, digest, decision, outcome, hash, hash FROM audit WHERE id = 2",
        "INSERT INTO audit SELECT 3, at_us, person, name, origin, act, subject, cluster, digest, decision, outcome, previous, hash FROM audit WHERE id = 2",
    ] {
        let refused = sqlx::query(statement).execute(&raw).await.unwrap_err();
        assert!(refused.to_string().contains("audit row"), "{refused}");
    }
    let bad = NewAudit { act: "see", ..note("ann", "see", "x") };
    store.append_audit(&bad).await.unwrap();
    assert_eq!(verified(&store).await.unwrap().rows, 3);
}

#[tokio::test]
async fn an_exported_line_without_its_hash_is_what_was_hashed() {
    use sha2::{Digest as _, Sha256};
    let (_dir, store) = fresh().await;
    store.append_audit(&note("änn", "sign-in", "")).await.unwrap();
    let row = rows(&store).await.pop().unwrap();
    let line = row.line().unwrap();
    let (body, hash) = line.rsplit_once(",\"hash\":\"").unwrap();
    let hex: String =
        Sha256::digest(format!("{body}}}").as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(format!("{hex}\"}}"), hash);
    assert!(!line.contains('\n'), "one line: {line}");
}

#[tokio::test]
async fn an_act_whose_row_cannot_be_written_is_not_done() {
    let (dir, store) = fresh().await;
    let raw = raw(dir.path()).await;
    sqlx::query("DROP TABLE audit").execute(&raw).await.unwrap();
    let saves = store.noting(note("ann", "inventory/save", "?"));
    assert!(matches!(saves.add_revision(&revision(None, "a")).await, Err(StoreError::Query { .. })));
    assert_eq!(store.newest_revision().await.unwrap(), None);
}
