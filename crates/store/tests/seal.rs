//! What is secret does not stand in the database's files, and what was changed there is not taken.

#![allow(clippy::unwrap_used, reason = "a test may panic")]
#[path = "common/bytes.rs"]
mod bytes;
mod common;

use bytes::{all_of, say};
use common::{NOW, ann, fresh, key, opened, revision};
use paddock_events::{PersonId, PlanId, RevisionId};
use paddock_store::{NewPlan, SealKey, Store, StoreError};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, SqlitePool};
use std::path::Path;

const SECRETS: [&str; 4] = ["1nventoryPa55", "r3nderedPa55", "s41dByNode", "s3ss10nCookie"];

fn plan(of: RevisionId) -> NewPlan {
    NewPlan {
        revision: of,
        digest: "d".into(),
        plan: format!(r#"{{"content": "password: {}"}}"#, SECRETS[1]),
        facts: format!(r#"{{"facts": "{}"}}"#, SECRETS[2]),
        clusters: None,
        author: "ann".into(),
        created_us: NOW,
    }
}

/// What SQLite itself does to the file, as another program may.
async fn as_another(path: &Path, sql: &'static str) {
    let pool = SqlitePool::connect_with(SqliteConnectOptions::new().filename(path)).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&pool).await.unwrap();
    pool.close().await;
}

async fn filled(store: &Store) -> (RevisionId, PlanId) {
    let ann: PersonId = store.add_person(&ann()).await.unwrap();
    store.save_session(SECRETS[3], Some(ann), b"{}", i64::MAX, NOW).await.unwrap();
    let text = format!("all: {{ vars: {{ pg_admin_password: {} }} }}\n", SECRETS[0]);
    let revision = store.add_revision(&revision(None, &text)).await.unwrap().unwrap();
    (revision, store.add_plan(&plan(revision)).await.unwrap())
}

#[tokio::test]
async fn neither_the_file_nor_its_log_says_what_was_sealed() {
    let (dir, store) = fresh().await;
    let path = dir.path().join("paddock.db");
    let (revision, plan) = filled(&store).await;
    for when in ["open, its log not written back", "closed"] {
        let bytes = all_of(&path);
        assert!(say(&bytes, "admin"), "{when}: what is no secret is found so");
        for secret in SECRETS {
            assert!(!say(&bytes, secret), "{when}: {secret}");
        }
        if when.starts_with("open") {
            assert!(path.with_extension("db-wal").metadata().unwrap().len() > 0, "it has a log");
            store.close().await;
        }
    }
    let store = opened(&path).await;
    assert!(store.revision(revision).await.unwrap().unwrap().text.contains(SECRETS[0]));
    let plan = store.plan(plan).await.unwrap().unwrap();
    assert!(plan.plan.contains(SECRETS[1]) && plan.facts.contains(SECRETS[2]));
    assert!(store.load_session(SECRETS[3], NOW, 10).await.unwrap().is_some());
}

#[tokio::test]
async fn another_key_opens_nothing_and_none_reads_nothing() {
    let (dir, store) = fresh().await;
    let path = dir.path().join("paddock.db");
    let (revision, plan) = filled(&store).await;
    let given = SealKey::generate();
    let name = given.name();
    let error = Store::open(&path).await.unwrap().unlocked(given).await.unwrap_err();
    match error {
        StoreError::WrongKey { sealed_with, given } => assert_eq!((sealed_with, given), (key().name(), name)),
        other => panic!("{other}"),
    }
    let without = Store::open(&path).await.unwrap();
    assert_eq!(without.sealed_with().await.unwrap(), Some(key().name()));
    assert!(matches!(without.revision(revision).await.unwrap_err(), StoreError::Locked));
    assert!(matches!(without.plan(plan).await.unwrap_err(), StoreError::Locked));
    assert_eq!(without.people().await.unwrap().len(), 1, "what is no secret is read without it");
}

#[tokio::test]
async fn what_was_exchanged_or_put_in_unsealed_is_not_taken() {
    for (sql, why) in [
        (
            "UPDATE plan SET plan = (SELECT other.plan FROM plan AS other WHERE other.id = 2) WHERE id = 1",
            "moved",
        ),
        ("UPDATE plan SET plan = facts WHERE id = 1", "moved"),
        ("UPDATE plan SET plan = X'789C03000000000100' WHERE id = 1", "not sealed"),
        ("UPDATE revision SET sealed = NULL, text = 'all: {}'", "not sealed"),
    ] {
        let (dir, store) = fresh().await;
        let (of, first) = filled(&store).await;
        store.add_plan(&plan(of)).await.unwrap();
        store.close().await;
        as_another(&dir.path().join("paddock.db"), sql).await;
        let store = opened(&dir.path().join("paddock.db")).await;
        let read = async {
            store.revision(of).await?;
            store.plan(first).await
        };
        let error = read.await.unwrap_err().to_string();
        assert!(error.contains(why), "{sql}: {error}");
    }
}

/// As the console before this one has left it: nothing sealed, pages of deleted rows in the file.
#[tokio::test]
async fn what_an_earlier_console_wrote_is_sealed_at_its_first_start_and_swept_out_of_the_file() {
    let (dir, store) = fresh().await;
    let path = dir.path().join("paddock.db");
    filled(&store).await;
    store.close().await;
    as_another(
        &path,
        "DELETE FROM seal; DELETE FROM plan;
         UPDATE revision SET sealed = NULL, text = 'all: { vars: { pg_admin_password: 1nventoryPa55 } }';
         UPDATE session SET id = 's3ss10nCookie';
         INSERT INTO step_time SELECT 'gone r3nderedPa55 ' || value, 1, 1 FROM json_each('[1, 2, 3, 4, 5, 6, 7, 8, 9]');
         DELETE FROM step_time;",
    )
    .await;
    let before = all_of(&path);
    assert!([SECRETS[0], SECRETS[1], SECRETS[3]].iter().all(|secret| say(&before, secret)), "it is there");
    let store = opened(&path).await;
    for when in ["open", "closed"] {
        for secret in SECRETS {
            assert!(!say(&all_of(&path), secret), "{when}: {secret}");
        }
        assert_eq!(store.sealed_with().await.ok().flatten().is_some(), when == "open");
        store.close().await;
    }
    let store = opened(&path).await;
    assert!(store.newest_revision().await.unwrap().unwrap().text.contains(SECRETS[0]));
    assert!(store.load_session(SECRETS[3], NOW, 10).await.unwrap().is_some(), "nobody is signed out by it");
    store.check().await.unwrap();
}
