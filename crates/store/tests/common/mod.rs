//! Builders with good defaults.
#![allow(dead_code, reason = "each test file uses a part of it")]

use paddock_events::{
    Event, EventKind, JobId, JobOutcome, JobOutline, PlanId, RevisionId, StepOutline, Stream,
};
use paddock_store::{NewJob, NewPerson, NewPlan, NewRevision, SealKey, Store, StoredGrant, Taken};
use std::path::Path;
use tempfile::TempDir;

pub const NOW: i64 = 1_000_000_000;
pub const LEASE: i64 = 30_000_000;

pub async fn fresh() -> (TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = opened(&dir.path().join("paddock.db")).await;
    (dir, store)
}

/// The database of a file with a key that is always the same.
pub async fn opened(path: &Path) -> Store {
    Store::open(path).await.unwrap().unlocked(key()).await.unwrap()
}

pub fn ann() -> NewPerson {
    let grant = StoredGrant { role: "admin".into(), clusters: "*".into() };
    NewPerson { name: "ann".into(), grant, password_hash: "h".into(), created_us: NOW }
}

pub fn key() -> SealKey {
    SealKey::parse("c2VhbGVkIHdpdGggYSBrZXkgb2YgMzIgYnl0ZXMhISE=").unwrap()
}

pub fn revision(parent: Option<RevisionId>, text: &str) -> NewRevision {
    NewRevision {
        parent,
        text: text.into(),
        author: "ann".into(),
        message: "why".into(),
        saved_us: NOW,
        job: None,
    }
}

pub async fn plan(store: &Store) -> PlanId {
    plan_about(store, &["pg-test"]).await
}

pub async fn plan_about(store: &Store, clusters: &[&str]) -> PlanId {
    let newest = store.newest_revision().await.unwrap().map(|revision| revision.id());
    let revision = match newest {
        Some(id) => id,
        None => store.add_revision(&revision(None, "all: {}\n")).await.unwrap().unwrap(),
    };
    let new = NewPlan {
        revision,
        digest: "d1".into(),
        plan: r#"{"title":"Create"}"#.into(),
        facts: "{}".into(),
        clusters: Some(clusters.iter().map(|name| (*name).to_owned()).collect()),
        author: "ann".into(),
        created_us: NOW,
    };
    store.add_plan(&new).await.unwrap()
}

pub fn outline() -> JobOutline {
    let step = StepOutline {
        id: "pgsql/pg_hba".into(),
        title: "rules".into(),
        stage: 0,
        host: "10.10.10.11".into(),
        instance: None,
        tags: vec![],
        effect: None,
        destructive: false,
    };
    JobOutline {
        title: "Create pg-test".into(),
        cluster: Some("pg-test".into()),
        steps: vec![step],
        ..JobOutline::default()
    }
}

pub fn job_with(plan: PlanId, locks: &[&str]) -> NewJob {
    NewJob {
        plan,
        outline: outline(),
        author: "ann".into(),
        runner: "r1".into(),
        locks: locks.iter().map(|lock| (*lock).to_owned()).collect(),
        approval: None,
        now_us: NOW,
        lease_until_us: NOW + LEASE,
    }
}

pub async fn started(store: &Store, locks: &[&str]) -> (JobId, u64) {
    match store.start_job(&job_with(plan(store).await, locks)).await.unwrap() {
        Taken::Yes(started) => started,
        Taken::No(held) => panic!("{held:?}"),
    }
}

pub fn line(seq: u64) -> Event {
    let kind = EventKind::Line {
        step: Some(0),
        host: "10.10.10.11".into(),
        stream: Stream::Out,
        text: format!("line {seq}"),
    };
    Event { seq, at_us: NOW, kind }
}

pub fn lines(from: u64, to: u64) -> Vec<Event> {
    (from..to).map(line).collect()
}

pub fn step_started(seq: u64) -> Event {
    Event { seq, at_us: NOW, kind: EventKind::StepStarted { step: 0 } }
}

pub fn finished(seq: u64, outcome: JobOutcome) -> Event {
    Event { seq, at_us: NOW + 5, kind: EventKind::JobFinished { outcome } }
}
