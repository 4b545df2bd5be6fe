//! People, tokens, sessions, settings, step durations, revisions.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic and tell")]
mod common;

use common::{NOW, fresh, revision};
use paddock_events::PersonId;
use paddock_store::{NewIdentity, NewPerson, NewToken, Store, StoreError, StoredGrant};
use std::collections::BTreeMap;

fn grant(role: &str, clusters: &str) -> StoredGrant {
    StoredGrant { role: role.into(), clusters: clusters.into() }
}

fn person(name: &str) -> NewPerson {
    NewPerson {
        name: name.into(),
        grant: grant("operator", "*"),
        password_hash: "$argon2id$x".into(),
        created_us: NOW,
    }
}

#[tokio::test]
async fn a_name_is_unique_without_regard_to_case() {
    let (_dir, store) = fresh().await;
    assert!(!store.has_people().await.unwrap());
    let ann = store.add_person(&person("ann")).await.unwrap();
    assert!(matches!(store.add_person(&person("Ann")).await, Err(StoreError::Exists(name)) if name == "Ann"));
    assert_eq!(store.person_named("ANN").await.unwrap().unwrap().id(), ann);
    assert_eq!(store.grants_of(ann).await.unwrap(), [grant("operator", "*")]);
    assert!(store.has_people().await.unwrap());
}

#[tokio::test]
async fn only_one_first_person_is_added_by_two_at_once() {
    let (_dir, store) = fresh().await;
    let (one, other) = (person("admin"), person("root"));
    let (a, b) = tokio::join!(store.add_first_person(&one), store.add_first_person(&other));
    assert_eq!(usize::from(a.unwrap().is_some()) + usize::from(b.unwrap().is_some()), 1);
}

#[tokio::test]
async fn a_role_that_is_none_is_refused_by_the_database() {
    let (_dir, store) = fresh().await;
    let bad = NewPerson { grant: grant("god", "*"), ..person("zeus") };
    assert!(matches!(store.add_person(&bad).await, Err(StoreError::Query { .. })));
    assert!(!store.has_people().await.unwrap(), "nobody is added without a grant");
}

#[tokio::test]
async fn tokens_lead_to_their_person_and_go_with_them() {
    let (_dir, store) = fresh().await;
    let ann = store.add_person(&person("ann")).await.unwrap();
    store.add_token(&token(ann, 7)).await.unwrap();
    assert_eq!(store.bearer_of_token(&[7; 32]).await.unwrap().unwrap().person.name, "ann");
    assert_eq!(store.bearer_of_token(&[8; 32]).await.unwrap(), None);
    assert!(store.remove_person(ann).await.unwrap());
    assert!(!store.remove_person(ann).await.unwrap());
    assert_eq!(store.bearer_of_token(&[7; 32]).await.unwrap(), None);
    assert_eq!(store.person(ann).await.unwrap(), None);
}

fn token(person: PersonId, of: u8) -> NewToken {
    NewToken { person, label: "ci".into(), scope: None, sha256: [of; 32], created_us: NOW, expires_us: None }
}

#[tokio::test]
async fn a_token_is_listed_with_its_end_and_last_use_until_it_is_revoked() {
    let (_dir, store) = fresh().await;
    let ann = store.add_person(&person("ann")).await.unwrap();
    let kept = store.add_token(&token(ann, 7)).await.unwrap();
    let other = NewToken { expires_us: Some(NOW + 5), ..token(ann, 8) };
    let other = store.add_token(&other).await.unwrap();
    store.token_was_used(kept, NOW + 3).await.unwrap();
    let listed = store.tokens().await.unwrap();
    let seen: Vec<_> = listed.iter().map(|one| (one.id(), one.expires_us, one.used_us)).collect();
    assert_eq!(seen, [(kept, None, Some(NOW + 3)), (other, Some(NOW + 5), None)]);
    assert_eq!((listed[0].person.as_str(), listed[0].label.as_str()), ("ann", "ci"));
    let bearer = store.bearer_of_token(&[8; 32]).await.unwrap().unwrap();
    assert_eq!((bearer.token(), bearer.expires_us), (other, Some(NOW + 5)));
    assert_eq!(store.people().await.unwrap()[0].tokens, 2);
    assert!(store.remove_token(other).await.unwrap());
    assert!(!store.remove_token(other).await.unwrap());
    assert_eq!(store.bearer_of_token(&[8; 32]).await.unwrap(), None);
}

#[tokio::test]
async fn a_password_is_replaced_for_one_person_alone() {
    let (_dir, store) = fresh().await;
    let ann = store.add_person(&person("ann")).await.unwrap();
    let bob = store.add_person(&person("bob")).await.unwrap();
    assert!(store.set_password(ann, "$argon2id$y", None).await.unwrap());
    assert_eq!(store.person(ann).await.unwrap().unwrap().password_hash, "$argon2id$y");
    assert_eq!(store.person(bob).await.unwrap().unwrap().password_hash, "$argon2id$x");
    assert!(!store.set_password(PersonId(99), "$argon2id$y", None).await.unwrap());
    let names: Vec<_> = store.people().await.unwrap().into_iter().map(|one| (one.name, one.tokens)).collect();
    assert_eq!(names, [("ann".to_owned(), 0), ("bob".to_owned(), 0)]);
}

#[tokio::test]
async fn a_session_ends_at_its_end_and_when_it_is_not_used() {
    let (_dir, store) = fresh().await;
    let idle = 100;
    store.save_session("a", None, b"one", 1_000, 500).await.unwrap();
    store.save_session("a", None, b"two", 9_000, 500).await.unwrap();
    let data = async |now| {
        store.load_session("a", now, idle).await.unwrap().map(|found| (found.data, found.expires_s))
    };
    assert_eq!(data(599).await, Some((b"two".to_vec(), 1_000)), "its end is not put off");
    assert_eq!(data(600).await, None, "not used for long");
    store.session_was_used("a", 950).await.unwrap();
    assert_eq!(data(999).await, Some((b"two".to_vec(), 1_000)));
    assert_eq!(data(1_000).await, None, "its end, used or not");
    store.save_session("b", None, b"x", 5_000, 990).await.unwrap();
    assert_eq!(store.delete_expired_sessions(1_000, idle).await.unwrap(), 1);
    assert!(store.load_session("b", 1_000, idle).await.unwrap().is_some());
    assert_eq!(store.delete_expired_sessions(1_090, idle).await.unwrap(), 1);
}

#[tokio::test]
async fn sessions_end_with_what_they_stand_on() {
    let (_dir, store) = fresh().await;
    let ann = store.add_person(&person("ann")).await.unwrap();
    let bob = store.add_person(&person("bob")).await.unwrap();
    let begin = async || {
        for (id, person) in [("a1", ann), ("a2", ann), ("b", bob)] {
            store.save_session(id, Some(person), b"x", 1_000, 500).await.unwrap();
        }
    };
    let alive = async || {
        let mut out = Vec::new();
        for id in ["a1", "a2", "b"] {
            out.extend(store.load_session(id, 501, 100).await.unwrap().map(|_| id));
        }
        out
    };
    begin().await;
    assert!(store.set_password(ann, "$argon2id$y", Some("a2")).await.unwrap());
    assert_eq!(alive().await, ["a2", "b"]);
    begin().await;
    assert!(!store.set_grants(ann, &[grant("operator", "*")]).await.unwrap(), "she has it");
    assert!(!store.add_grant(ann, &grant("operator", "*")).await.unwrap(), "she has it");
    assert!(!store.remove_grant(ann, &grant("operator", "pg-*")).await.unwrap(), "she has another");
    assert_eq!(alive().await, ["a1", "a2", "b"]);
    assert!(store.add_grant(ann, &grant("admin", "pg-a*")).await.unwrap());
    assert_eq!(alive().await, ["b"]);
    begin().await;
    assert!(store.remove_grant(ann, &grant("operator", "*")).await.unwrap());
    assert_eq!(
        (alive().await, store.grants_of(ann).await.unwrap()),
        (vec!["b"], vec![grant("admin", "pg-a*")])
    );
    begin().await;
    assert!(store.set_grants(ann, &[grant("viewer", "*")]).await.unwrap());
    assert_eq!((alive().await, store.grants_of(ann).await.unwrap()), (vec!["b"], vec![grant("viewer", "*")]));
    let listed: Vec<_> =
        store.people().await.unwrap().into_iter().map(|one| (one.name, one.grants)).collect();
    assert_eq!(
        listed,
        [("ann".to_owned(), vec![grant("viewer", "*")]), ("bob".to_owned(), vec![grant("operator", "*")])]
    );
    begin().await;
    assert!(store.set_disabled(ann, Some(NOW)).await.unwrap());
    assert!(!store.set_disabled(ann, Some(NOW)).await.unwrap(), "she is");
    assert_eq!(
        (alive().await, store.person(ann).await.unwrap().unwrap().disabled_us),
        (vec!["b"], Some(NOW))
    );
    assert!(store.set_disabled(ann, None).await.unwrap());
    begin().await;
    assert_eq!(store.end_sessions(ann, Some("a1")).await.unwrap(), 1);
    assert_eq!(alive().await, ["a1", "b"]);
    assert!(store.remove_person(ann).await.unwrap());
    assert_eq!(alive().await, ["b"]);
}

#[tokio::test]
async fn settings_and_durations_are_overwritten() {
    let (_dir, store) = fresh().await;
    assert_eq!(store.setting("x").await.unwrap(), None);
    store.set_setting("x", "1").await.unwrap();
    store.set_setting("x", "2").await.unwrap();
    assert_eq!(store.setting("x").await.unwrap().as_deref(), Some("2"));
    assert!(!store.replace_setting("x", Some("1"), "3").await.unwrap(), "it was set since");
    assert!(!store.replace_setting("x", None, "3").await.unwrap(), "it is there");
    assert!(!store.replace_setting("y", Some("1"), "3").await.unwrap(), "it is not there");
    assert!(store.replace_setting("x", Some("2"), "3").await.unwrap());
    assert!(store.replace_setting("y", None, "1").await.unwrap());
    assert_eq!(store.setting("x").await.unwrap().as_deref(), Some("3"));
    store.remember_step_times(&[("a".into(), 5), ("b".into(), 6)], NOW).await.unwrap();
    store.remember_step_times(&[("a".into(), 9)], NOW).await.unwrap();
    let expected = BTreeMap::from([("a".to_owned(), 9), ("b".to_owned(), 6)]);
    assert_eq!(store.step_times().await.unwrap(), expected);
}

#[tokio::test]
async fn a_stale_parent_saves_nothing() {
    let (_dir, store) = fresh().await;
    assert_eq!(store.newest_revision().await.unwrap(), None);
    let one = store.add_revision(&revision(None, "a\r\n")).await.unwrap().unwrap();
    assert_eq!(store.add_revision(&revision(None, "b")).await.unwrap(), None, "there is a first one");
    let two = store.add_revision(&revision(Some(one), "b")).await.unwrap().unwrap();
    assert_eq!(store.add_revision(&revision(Some(one), "c")).await.unwrap(), None, "one is not the newest");
    assert_eq!(store.newest_revision().await.unwrap().unwrap().id(), two);
    assert_eq!(store.revision(one).await.unwrap().unwrap().text, "a\r\n");
}

#[tokio::test]
async fn two_who_save_on_the_same_parent_do_not_both_win() {
    let (_dir, store) = fresh().await;
    let one = store.add_revision(&revision(None, "a")).await.unwrap();
    let tasks: Vec<_> = (0..8)
        .map(|n| {
            let store: Store = store.clone();
            tokio::spawn(async move { store.add_revision(&revision(one, &n.to_string())).await.unwrap() })
        })
        .collect();
    let mut winners = 0;
    for task in tasks {
        winners += usize::from(task.await.unwrap().is_some());
    }
    assert_eq!(winners, 1);
}

#[cfg(unix)]
#[tokio::test]
async fn the_file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let (dir, store) = fresh().await;
    store.set_setting("x", "1").await.unwrap();
    for entry in std::fs::read_dir(dir.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", entry.file_name());
    }
}

#[tokio::test]
async fn a_file_that_is_no_database_is_said_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("paddock.db");
    std::fs::write(
        &path,
        "this is not a database, but long enough to have a header of one hundred bytes or more than that",
    )
    .unwrap();
    let error = Store::open(&path).await.unwrap_err();
    assert!(error.to_string().contains("paddock.db"), "{error}");
}

#[tokio::test]
async fn somebody_of_a_provider_is_known_by_issuer_and_subject_and_takes_nobodys_name() {
    let (_dir, store) = fresh().await;
    let ann = store.add_person(&person("ann")).await.unwrap();
    let new = |name: &str, issuer: &str, subject: &str| NewIdentity {
        name: name.into(),
        issuer: issuer.into(),
        subject: subject.into(),
        grants: vec![grant("viewer", "*"), grant("operator", "pg-test*")],
        created_us: NOW,
    };
    let refused = store.add_identity(&new("Ann", "https://a", "1")).await;
    assert!(matches!(refused, Err(StoreError::Exists(name)) if name == "Ann"));
    assert_eq!(store.grants_of(ann).await.unwrap(), [grant("operator", "*")], "hers are as they were");
    let bob = store.add_identity(&new("bob", "https://a", "1")).await.unwrap();
    assert!(store.add_identity(&new("bobby", "https://a", "1")).await.is_err(), "one person per subject");
    let carl = store.add_identity(&new("carl", "https://b", "1")).await.unwrap();
    let id = async |issuer, subject| store.person_of(issuer, subject).await.unwrap().map(|one| one.id());
    assert_eq!((id("https://a", "1").await, id("https://b", "1").await), (Some(bob), Some(carl)));
    assert_eq!((id("https://a", "2").await, id("https://c", "1").await), (None, None));
    let found = store.person(bob).await.unwrap().unwrap();
    assert_eq!((found.password_hash.as_str(), found.issuer.as_deref()), ("!", Some("https://a")));
    assert_eq!(store.grants_of(bob).await.unwrap(), [grant("operator", "pg-test*"), grant("viewer", "*")]);
    let with = async |id| store.person_with_grants(id).await.unwrap().map(|(one, grants)| (one.name, grants));
    assert_eq!(with(bob).await, Some(("bob".into(), store.grants_of(bob).await.unwrap())));
    store.set_grants(carl, &[]).await.unwrap();
    assert_eq!(with(carl).await, Some(("carl".into(), Vec::new())), "who may do nothing is somebody still");
    assert_eq!(with(PersonId(99)).await, None);
    let listed: Vec<_> = store.people().await.unwrap().into_iter().map(|one| one.issuer.is_some()).collect();
    assert_eq!(listed, [false, true, true]);
    store.save_session("s", Some(bob), b"x", 9_000, 1).await.unwrap();
    let same = [grant("viewer", "*"), grant("operator", "pg-test*")];
    assert!(!store.set_grants(bob, &same).await.unwrap(), "in whatever order");
    assert!(store.load_session("s", 2, 100).await.unwrap().is_some());
    assert!(store.set_grants(bob, &[]).await.unwrap() && !store.set_grants(bob, &[]).await.unwrap());
    assert!(store.load_session("s", 2, 100).await.unwrap().is_none(), "what they were is over");
    assert!(store.remove_person(bob).await.unwrap());
    store.add_identity(&new("bob", "https://a", "1")).await.unwrap();
}
