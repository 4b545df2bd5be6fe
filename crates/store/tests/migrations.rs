//! A database of any earlier version is brought to this one, and says the same as before.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic and tell")]
mod common;

use common::{NOW, line, lines, outline};
use flate2::Compression;
use flate2::write::ZlibEncoder;
use paddock_events::{JobId, JobOutcome, PersonId, PlanId, RevisionId};
use paddock_store::{AuditFilter, ChainEnd, NewAudit};
use sqlx::migrate::Migrator;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, SqlitePool};
use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;

static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/sqlite");

/// The first version whose people have grants, and the people of before and of since.
const GRANTS_SINCE: i64 = 202611271020;
const PEOPLE_BEFORE: &str = "INSERT INTO person (name, role, password_hash, created_us) VALUES ('ann', 'admin', 'h1', 1), ('bob', 'viewer', 'h2', 2);";
const PEOPLE_SINCE: &str =
    "INSERT INTO person (name, password_hash, created_us) VALUES ('ann', 'h1', 1), ('bob', 'h2', 2);
     INSERT INTO person_grant VALUES (1, 'admin', '*'), (2, 'viewer', '*'), (2, 'operator', 'pg-test*');";

/// From which version on: what that version's console has written.
const ROWS: &[(i64, &str)] = &[
    (
        202611241000,
        "INSERT INTO token (person, label, sha256, created_us) VALUES (1, 'nightly', X'AA', 3);
         INSERT INTO revision (parent, text, author, message, saved_us) VALUES (NULL, 'all: {}', 'ann', 'first', 4), (1, 'all: {a: b}', 'ann', 'second', 5);
         INSERT INTO step_time VALUES ('pgsql/pg_hba', 70, 6);
         INSERT INTO setting VALUES ('x', 'y');
         INSERT INTO session (id, data, expires_s) VALUES ('s1', X'01', 9000000000);",
    ),
    (202611242100, "UPDATE token SET expires_us = 77 WHERE id = 1;"),
    (
        202611242110,
        "INSERT INTO approval (plan, digest, title, cluster, requester, requester_name, reason, requested_us, expires_us, state, break_glass)
         VALUES (1, 'd1', 'Remove pg-test', 'pg-test', 2, 'bob', 'why', 7, 8, 'waiting', 0);
         INSERT INTO approval (plan, digest, title, cluster, requester, requester_name, reason, requested_us, expires_us, state, break_glass,
                               decided_by, decided_name, decided_us, typed_name, ended_us)
         VALUES (2, 'd1', 'Remove pg-test', 'pg-test', 2, 'bob', 'why', 7, 8, 'used', 0, 1, 'ann', 8, 'pg-test', 9);",
    ),
    (202611250200, "INSERT INTO session (id, person, data, expires_s, seen_s) VALUES ('s2', 1, X'02', 9000000000, 8999999999);"),
    (202611250210, "INSERT INTO revision (parent, text, author, message, saved_us, job) VALUES (2, 'all: {c: d}', 'paddock', 'job 1', 9, 1);"),
    (202611271500, "INSERT INTO approver (approval, person, name, at_us, typed_name) SELECT id, 1, 'ann', 8, 'pg-test' FROM approval WHERE state = 'used';"),
    (GRANTS_SINCE, "UPDATE plan SET clusters = '[\"pg-test\"]';"),
];

fn packed(text: &str) -> Vec<u8> {
    let mut out = ZlibEncoder::new(Vec::new(), Compression::fast());
    out.write_all(text.as_bytes()).unwrap();
    out.finish().unwrap()
}

/// A database as the console of `version` has left it.
async fn left_by(version: i64, path: &Path) {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true).foreign_keys(true);
    let pool = SqlitePool::connect_with(options).await.unwrap();
    MIGRATIONS.run_to(version, &pool).await.unwrap();
    let fill = |sql: &'static str| sqlx::raw_sql(AssertSqlSafe(sql)).execute(&pool);
    fill(if version < GRANTS_SINCE { PEOPLE_BEFORE } else { PEOPLE_SINCE }).await.unwrap();
    fill(ROWS[0].1).await.unwrap();
    sqlx::query("INSERT INTO plan (revision, digest, plan, facts, author, created_us) VALUES (2, 'd1', $1, $2, 'ann', 6), (2, 'd1', $1, $2, 'ann', 6)")
        .bind(packed(r#"{"title":"Create"}"#))
        .bind(packed("{}"))
        .execute(&pool)
        .await
        .unwrap();
    sqlx::query(
        "INSERT INTO job (plan, title, cluster, author, state, runner, fence, next_seq, steps, steps_done, outcome, outline, created_us, finished_us)
         VALUES (1, 'Create pg-test', 'pg-test', 'ann', 'succeeded', 'r1', 1, 3, 1, 1, $2, $1, 6, 7)",
    )
    .bind(packed(&serde_json::to_string(&outline()).unwrap()))
    .bind(serde_json::to_string(&JobOutcome::Succeeded).unwrap())
    .execute(&pool)
    .await
    .unwrap();
    let events: String =
        lines(0, 3).iter().map(|event| serde_json::to_string(event).unwrap() + "\n").collect();
    sqlx::query("INSERT INTO job_events VALUES (1, 0, 2, 3, $1)")
        .bind(packed(&events))
        .execute(&pool)
        .await
        .unwrap();
    fill("INSERT INTO lease VALUES ('cluster/pg-test', 4, NULL, 0);").await.unwrap();
    for (_, sql) in ROWS[1..].iter().filter(|(from, _)| *from <= version) {
        fill(sql).await.unwrap();
    }
    pool.close().await;
}

#[tokio::test]
async fn a_database_of_every_earlier_version_is_brought_to_this_one() {
    let versions: Vec<i64> = MIGRATIONS.iter().map(|migration| migration.version).collect();
    assert!(versions.len() >= 6 && versions.is_sorted(), "{versions:?}");
    for (from, _) in ROWS {
        assert!(versions.contains(from), "{from} is a version");
    }
    for version in versions {
        println!("from {version}");
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("paddock.db");
        left_by(version, &path).await;
        let store = common::opened(&path).await;
        store.check().await.unwrap();

        let people = store.people().await.unwrap();
        let seen: Vec<_> =
            people.iter().map(|one| (one.name.as_str(), one.tokens, one.disabled_us)).collect();
        assert_eq!(seen, [("ann", 1, None), ("bob", 0, None)]);
        // Who had a role has it on everything, and nobody has more than before.
        let granted: Vec<Vec<String>> = people
            .iter()
            .map(|one| one.grants.iter().map(|grant| format!("{} {}", grant.role, grant.clusters)).collect())
            .collect();
        let of_bob: &[&str] =
            if version < GRANTS_SINCE { &["viewer *"] } else { &["operator pg-test*", "viewer *"] };
        assert_eq!(
            (&granted[0][..], &granted[1][..]),
            (&["admin *".to_owned()][..], &of_bob.iter().map(ToString::to_string).collect::<Vec<_>>()[..])
        );
        let tokens = store.tokens().await.unwrap();
        assert_eq!(tokens[0].scope().unwrap(), None, "as much as its person");
        let ends = (version >= 202611242100).then_some(77);
        assert_eq!(
            (tokens[0].label.as_str(), tokens[0].expires_us, tokens[0].used_us),
            ("nightly", ends, None)
        );
        let second = store.revision(RevisionId(2)).await.unwrap().unwrap();
        assert_eq!(
            (second.text.as_str(), second.parent(), second.job()),
            ("all: {a: b}", Some(RevisionId(1)), None)
        );
        let newest = store.newest_revision().await.unwrap().unwrap();
        let by_job = (version >= 202611250210).then_some(JobId(1));
        assert_eq!((newest.id().0, newest.job()), (if by_job.is_some() { 3 } else { 2 }, by_job));
        let plan = store.plan(PlanId(1)).await.unwrap().unwrap();
        assert_eq!(
            (plan.plan.as_str(), plan.facts.as_str(), plan.job),
            (r#"{"title":"Create"}"#, "{}", Some(JobId(1)))
        );
        // What a plan of before is about, nobody has written down.
        let about = (version >= GRANTS_SINCE).then(|| BTreeSet::from(["pg-test".to_owned()]));
        assert_eq!(plan.clusters, about);
        let job = store.job(JobId(1)).await.unwrap().unwrap();
        assert_eq!(job.clusters, about);
        assert_eq!((job.title.as_str(), job.next_seq, job.fence), ("Create pg-test", 3, 1));
        assert_eq!(store.outline(JobId(1)).await.unwrap().unwrap(), outline());
        assert_eq!(store.events(JobId(1), 0, 10).await.unwrap(), [line(0), line(1), line(2)]);
        assert_eq!(store.held_leases(NOW).await.unwrap(), []);
        assert_eq!(store.step_times().await.unwrap()["pgsql/pg_hba"], 70);
        assert_eq!(store.setting("x").await.unwrap().as_deref(), Some("y"));
        let asked = store.newest_approval_of(PlanId(1)).await.unwrap();
        assert_eq!(
            asked.map(|asked| asked.title),
            (version >= 202611242110).then(|| "Remove pg-test".to_owned())
        );
        // Who had approved alone is the one approver.
        let used = store.newest_approval_of(PlanId(2)).await.unwrap();
        let given = used.map(|used| (used.needed, used.given.iter().map(|one| one.name.clone()).collect()));
        assert_eq!(given, (version >= 202611242110).then(|| (1, vec!["ann".to_owned()])));
        assert!(!store.has_factor(PersonId(1)).await.unwrap());
        // Nobody knows whose the sessions of before are.
        assert!(
            store.load_session("s1", 1, i64::MAX / 2).await.unwrap().is_none() || version >= 202611250200
        );
        let theirs = store.load_session("s2", 9_000_000_000 - 1, 100).await.unwrap();
        assert_eq!(theirs.is_some(), version >= 202611250200);

        // And it works on: something is written, and the audit log follows.
        let note = NewAudit {
            at_us: NOW,
            person: Some(PersonId(1)),
            name: "ann".into(),
            origin: "command line".into(),
            act: "inventory/save",
            subject: String::new(),
            cluster: None,
            digest: None,
            decision: paddock_store::Decision::Allowed,
            outcome: String::new(),
        };
        let saved =
            store.noting(note).add_revision(&common::revision(Some(newest.id()), "all:\n")).await.unwrap();
        assert_eq!(saved, Some(RevisionId(newest.id().0 + 1)));
        let mut end = ChainEnd::default();
        for row in store.audit_from(1, 10).await.unwrap() {
            end.take(&row).unwrap();
        }
        assert_eq!(end.rows, 1);
        assert_eq!(store.newest_audit(&AuditFilter::default(), 10).await.unwrap().len(), 1);
        store.close().await;
    }
}
