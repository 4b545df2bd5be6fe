//! Signing in, tokens, sessions, and every use case for every role.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic and tell")]
mod common;

use common::{PASSWORD, create, opened, saved, somebody};
use paddock_console::{Actor, Console, Grant, People, PersonRole, Settings};
use paddock_events::{AuditFilter, JobId, NewCluster, PersonId, PlanId, Problem, ProblemKind};
use std::time::Duration;

fn granted(actor: &Actor) -> Vec<String> {
    actor.grants().iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn the_first_admin_is_made_once_and_signs_in() {
    let (_dir, console) = opened().await;
    let password = console.first_admin().await.unwrap().unwrap();
    assert_eq!(console.first_admin().await.unwrap(), None);
    let actor = console.sign_in("Admin", &password, None).await.unwrap();
    let me = console.me(&actor);
    assert_eq!((me.role.as_str(), me.grants), ("admin", vec!["admin on *".to_owned()]));
    assert!(me.reads_inventory && me.reads_audit && me.reads_people);
    console.shut_down().await;
}

#[tokio::test]
async fn an_unknown_name_and_a_wrong_password_get_the_same_answer() {
    let (_dir, console) = opened().await;
    somebody(&console, PersonRole::Viewer).await;
    let wrong = console.sign_in("viewer", "not the password", None).await.unwrap_err();
    let unknown = console.sign_in("nobody", PASSWORD, None).await.unwrap_err();
    assert_eq!(wrong, unknown);
    for _ in 0..4 {
        console.sign_in("viewer", "not the password", None).await.unwrap_err();
    }
    let paused = console.sign_in("viewer", PASSWORD, None).await.unwrap_err();
    assert_eq!(paused.code, "people/back-off", "the right password waits, too");
    console.shut_down().await;
}

#[tokio::test]
async fn tries_side_by_side_are_counted_as_if_they_came_one_after_the_other() {
    let (_dir, console) = opened().await;
    somebody(&console, PersonRole::Viewer).await;
    let mut tries = tokio::task::JoinSet::new();
    for _ in 0..30 {
        let console = console.clone();
        tries.spawn(
            async move { console.sign_in("viewer", "not the password", None).await.unwrap_err().code },
        );
    }
    let codes = tries.join_all().await;
    let compared = codes.iter().filter(|code| *code != "people/back-off").count();
    assert_eq!(compared, 5, "{codes:?}");
    console.shut_down().await;
}

#[tokio::test]
async fn names_and_passwords_are_checked_before_they_are_taken() {
    let (_dir, console) = opened().await;
    let code = |result: Result<PersonId, Problem>| result.unwrap_err().code;
    assert_eq!(code(console.add_person("a b", PersonRole::Viewer, PASSWORD).await), "people/bad-name");
    for wrong in ["x".repeat(11), "x".repeat(129)] {
        assert_eq!(code(console.add_person("ann", PersonRole::Viewer, &wrong).await), "people/weak-password");
    }
    for (name, right) in [("eve", "é".repeat(12)), ("joe", "x".repeat(128))] {
        console.add_person(name, PersonRole::Viewer, &right).await.unwrap();
        console.sign_in(name, &right, None).await.unwrap();
    }
    console.add_person("ann", PersonRole::Viewer, PASSWORD).await.unwrap();
    assert_eq!(code(console.add_person("ANN", PersonRole::Viewer, PASSWORD).await), "console/exists");
    console.shut_down().await;
}

#[tokio::test]
async fn a_token_acts_for_its_person_until_it_is_revoked_or_they_are_gone() {
    let (dir, console) = opened().await;
    let ann = somebody(&console, PersonRole::Operator).await;
    let people = People::open(&dir.path().join("state")).await.unwrap();
    let (first, token) = people.add_token("operator", "ci", None, None).await.unwrap();
    let (_, other) =
        people.add_token("Operator", "backups", Some(Duration::from_secs(86_400)), None).await.unwrap();
    assert!(token.starts_with("pdk_"));
    for token in [&token, &other] {
        assert_eq!(console.actor_by_token(token, None).await.unwrap().id(), ann.id());
    }
    assert!(people.tokens().await.unwrap().iter().all(|token| token.used_us.is_some()), "their use is noted");
    let refused = |result: Result<Actor, Problem>| result.unwrap_err().code;
    assert_eq!(refused(console.actor_by_token("pdk_no", None).await), "people/bad-token");
    assert_eq!(people.add_token("nobody", "x", None, None).await.unwrap_err().code, "people/unknown");
    assert_eq!(people.add_token("operator", " ", None, None).await.unwrap_err().code, "people/bad-label");
    people.revoke_token(first).await.unwrap();
    assert_eq!(people.revoke_token(first).await.unwrap_err().code, "people/unknown-token");
    assert_eq!(refused(console.actor_by_token(&token, None).await), "people/bad-token");
    assert_eq!(console.actor_by_token(&other, None).await.unwrap().id(), ann.id());
    people.remove("operator").await.unwrap();
    assert_eq!(refused(console.actor_by_token(&other, None).await), "people/bad-token");
    assert_eq!(console.actor(ann.id()).await.unwrap_err().kind, ProblemKind::SignedOut);
    people.close().await;
    console.shut_down().await;
}

#[tokio::test]
async fn a_token_that_has_expired_is_refused_and_says_since_when() {
    let (dir, console) = opened().await;
    somebody(&console, PersonRole::Operator).await;
    let people = People::open(&dir.path().join("state")).await.unwrap();
    let (_, token) = people.add_token("operator", "short", Some(Duration::ZERO), None).await.unwrap();
    let refused = console.actor_by_token(&token, None).await.unwrap_err();
    assert_eq!((refused.code.as_str(), refused.kind), ("people/token-expired", ProblemKind::SignedOut));
    assert!(refused.why.starts_with("it expired on 20"), "{refused}");
    people.close().await;
    console.shut_down().await;
}

#[tokio::test]
async fn the_command_line_keeps_people_beside_a_running_console_and_makes_none_by_mistake() {
    let (dir, console) = opened().await;
    let people = People::open(&dir.path().join("state")).await.unwrap();
    people.add("ann", PersonRole::Viewer, PASSWORD).await.unwrap();
    assert_eq!(granted(&console.sign_in("ann", PASSWORD, None).await.unwrap()), ["viewer on *"]);
    people.set_password("ann", "another battery").await.unwrap();
    assert_eq!(console.sign_in("ann", PASSWORD, None).await.unwrap_err().code, "people/refused");
    console.sign_in("ann", "another battery", None).await.unwrap();
    assert_eq!(people.set_password("bob", PASSWORD).await.unwrap_err().code, "people/unknown");
    assert_eq!(people.set_password("ann", "short").await.unwrap_err().code, "people/weak-password");
    let listed = people.list().await.unwrap();
    assert_eq!((listed[0].name.as_str(), listed[0].grants[0].role.as_str()), ("ann", "viewer"));
    people.close().await;
    console.shut_down().await;
    let elsewhere = dir.path().join("typo");
    assert_eq!(People::open(&elsewhere).await.unwrap_err().code, "console/no-state");
    assert!(!elsewhere.exists());
}

#[tokio::test]
async fn sessions_are_kept_over_a_restart_and_expire() {
    let (dir, console) = opened().await;
    let end = i64::MAX;
    console.session_save("s", None, b"data", end).await.unwrap();
    console.session_save("old", None, b"data", 1).await.unwrap();
    console.shut_down().await;
    let console = Console::open(common::settings(&dir)).await.unwrap();
    assert_eq!(console.session_load("s").await.unwrap(), Some((b"data".to_vec(), end)));
    assert_eq!(console.session_load("old").await.unwrap(), None);
    console.session_delete("s").await.unwrap();
    assert_eq!(console.session_load("s").await.unwrap(), None);
    console.shut_down().await;
}

#[tokio::test]
async fn a_changed_password_ends_the_other_sessions_and_takes_the_present_one_to_change() {
    let (_dir, console) = opened().await;
    let ann = somebody(&console, PersonRole::Viewer).await;
    for id in ["here", "there"] {
        console.session_save(id, Some(ann.id()), b"x", i64::MAX).await.unwrap();
    }
    let new = "another battery";
    let wrong = console.change_password(&ann, "not it", new, Some("here")).await.unwrap_err();
    assert_eq!(wrong.code, "people/wrong-password");
    let weak = console.change_password(&ann, PASSWORD, "short", Some("here")).await.unwrap_err();
    assert_eq!(weak.code, "people/weak-password");
    assert!(console.session_holds("there", ann.id()).await, "nothing was changed");
    console.change_password(&ann, PASSWORD, new, Some("here")).await.unwrap();
    assert!(console.session_holds("here", ann.id()).await);
    assert!(!console.session_holds("there", ann.id()).await);
    console.sign_in("viewer", PASSWORD, None).await.unwrap_err();
    console.sign_in("viewer", new, None).await.unwrap();
    assert_eq!(console.sign_out_everywhere(&ann).await.unwrap(), 1);
    assert!(!console.session_holds("here", ann.id()).await);
    for _ in 0..5 {
        console.change_password(&ann, "guess", new, None).await.unwrap_err();
    }
    let paused = console.change_password(&ann, new, "yet another one", None).await.unwrap_err();
    assert_eq!(paused.code, "people/back-off", "guessed at an unlocked screen");
    console.shut_down().await;
}

#[tokio::test]
async fn who_is_disabled_or_loses_the_role_is_out_at_once() {
    let (dir, console) = opened().await;
    let people = People::open(&dir.path().join("state")).await.unwrap();
    let id = console.add_person("ann", PersonRole::Operator, PASSWORD).await.unwrap();
    let (_, token) = people.add_token("ann", "ci", None, None).await.unwrap();
    let begin = async || console.session_save("s", Some(id), b"x", i64::MAX).await.unwrap();
    begin().await;
    people.set_role("ann", PersonRole::Viewer).await.unwrap();
    assert!(!console.session_holds("s", id).await);
    assert_eq!(granted(&console.actor_by_token(&token, None).await.unwrap()), ["viewer on *"]);
    assert_eq!(people.set_role("ann", PersonRole::Viewer).await.unwrap_err().code, "people/unchanged");
    begin().await;
    let of_test = Grant::new(PersonRole::Operator, "pg-test*").unwrap();
    people.grant("ann", &of_test).await.unwrap();
    assert!(!console.session_holds("s", id).await);
    assert_eq!(people.grant("ann", &of_test).await.unwrap_err().code, "people/unchanged");
    let both = ["operator on pg-test*", "viewer on *"];
    assert_eq!(granted(&console.actor_by_token(&token, None).await.unwrap()), both);
    begin().await;
    people.revoke("ann", &Grant::from(PersonRole::Viewer)).await.unwrap();
    assert!(!console.session_holds("s", id).await);
    let never = people.revoke("ann", &Grant::from(PersonRole::Viewer)).await.unwrap_err();
    assert_eq!(never.code, "people/unchanged");
    people.revoke("ann", &of_test).await.unwrap();
    let nobody = console.actor_by_token(&token, None).await.unwrap();
    assert_eq!(console.me(&nobody).role, "no role");
    assert_eq!(console.clusters(&nobody).await.unwrap_err().code, "people/forbidden");
    people.grant("ann", &of_test).await.unwrap();
    begin().await;
    people.disable("ann").await.unwrap();
    assert_eq!(people.disable("ann").await.unwrap_err().code, "people/unchanged");
    assert!(!console.session_holds("s", id).await);
    assert_eq!(console.actor_by_token(&token, None).await.unwrap_err().kind, ProblemKind::SignedOut);
    assert_eq!(console.actor(id).await.unwrap_err().kind, ProblemKind::SignedOut);
    let refused = console.sign_in("ann", PASSWORD, None).await.unwrap_err();
    assert_eq!(refused.code, "people/refused", "a stranger is told no more than of a wrong password");
    people.enable("ann").await.unwrap();
    console.sign_in("ann", PASSWORD, None).await.unwrap();
    begin().await;
    assert_eq!(people.sign_out("ann").await.unwrap(), 1);
    assert!(!console.session_holds("s", id).await);
    people.close().await;
    console.shut_down().await;
}

#[tokio::test]
async fn every_use_case_asks_who_it_is_for() {
    let (_dir, console) = opened().await;
    let admin = somebody(&console, PersonRole::Admin).await;
    saved(&console, &admin, None, &common::closed_port_text()).await;
    let form = NewCluster {
        name: "pg-x".into(),
        instances: vec![("127.0.0.3".into(), "primary".into())],
        ..NewCluster::default()
    };
    for role in [PersonRole::Viewer, PersonRole::Operator, PersonRole::Approver] {
        let actor = somebody(&console, role).await;
        let edits = role >= PersonRole::Operator;
        let approves = role >= PersonRole::Approver;
        let text = || common::closed_port_text();
        let (plan, job) = (PlanId(99), JobId(99));
        // What is not there answers NotFound to who may ask, and Forbidden to who may not.
        let rows: Vec<(&str, bool, Result<(), Problem>)> = vec![
            ("people_page", false, console.people_page(&actor).await.map(drop)),
            ("audit", false, console.audit(&actor, AuditFilter::default()).await.map(drop)),
            ("clusters", true, console.clusters(&actor).await.map(drop)),
            ("cluster", true, console.cluster(&actor, "pg-test").await.map(drop)),
            ("follow_cluster", true, console.follow_cluster(&actor, "pg-test").await.map(drop)),
            ("inventory", true, console.inventory(&actor).await.map(drop)),
            ("plan_page", true, console.plan_page(&actor, plan).await.map(drop)),
            ("jobs", true, console.jobs(&actor, 10).await.map(drop)),
            ("job", true, console.job(&actor, job).await.map(drop)),
            ("job_events", true, console.job_events(&actor, job, 0, 10).await.map(drop)),
            ("follow_job", true, console.follow_job(&actor, job, 0).await.map(drop)),
            ("approvals", true, console.approvals(&actor).await.map(drop)),
            ("approvals_waiting", true, console.approvals_waiting(&actor).await.map(drop)),
            ("plan_standing", true, console.plan_standing(&actor, plan).await.map(drop)),
            ("request_approval", edits, console.request_approval(&actor, plan, "why").await),
            ("withdraw_approval", edits, console.withdraw_approval(&actor, plan).await),
            ("approve", approves, console.approve(&actor, plan, "pg-test").await),
            ("refuse_approval", approves, console.refuse_approval(&actor, plan, "why").await),
            ("break_glass", false, console.break_glass(&actor, plan, "pg-test", "why").await),
            ("check_inventory", edits, console.check_inventory(&actor, text()).await.map(drop)),
            (
                "save_inventory",
                edits,
                console.save_inventory(&actor, None, text(), String::new()).await.map(drop),
            ),
            ("preview", edits, console.preview_new_cluster(&actor, text(), form.clone()).await.map(drop)),
            ("plan", edits, console.plan(&actor, create()).await.map(drop)),
            ("dry_run", edits, console.dry_run(&actor, plan).await.map(drop)),
            ("run", edits, console.run(&actor, plan).await.map(drop)),
            ("cancel", edits, console.cancel(&actor, job, false).await),
            ("resume", edits, console.resume(&actor, job).await),
        ];
        for (name, allowed, result) in rows {
            let forbidden = result.as_ref().is_err_and(|problem| problem.kind == ProblemKind::Forbidden);
            assert_eq!(forbidden, !allowed, "{name} as {role:?}: {result:?}");
        }
    }
    console.shut_down().await;
}

#[tokio::test]
async fn a_seed_that_is_not_there_is_said_and_one_that_is_becomes_the_first_revision() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pigsty.yml");
    let settings = Settings { seed_inventory: Some(path.clone()), ..common::settings(&dir) };
    let refused = Console::open(settings.clone()).await.err().unwrap();
    assert_eq!(refused.code, "console/seed-inventory");
    std::fs::write(&path, common::TEXT).unwrap();
    let console = Console::open(settings.clone()).await.unwrap();
    let admin = somebody(&console, PersonRole::Admin).await;
    assert_eq!(console.inventory(&admin).await.unwrap().text, common::TEXT);
    console.shut_down().await;
    std::fs::write(&path, "all: {}\n").unwrap();
    let console = Console::open(settings).await.unwrap();
    assert_eq!(console.inventory(&admin).await.unwrap().text, common::TEXT, "only the first time");
    console.shut_down().await;
}

#[tokio::test]
async fn a_token_lasts_90_days_or_a_year_at_most_and_does_no_more_than_scope_and_person() {
    let (dir, console) = opened().await;
    let ann = somebody(&console, PersonRole::Operator).await;
    let people = People::open(&dir.path().join("state")).await.unwrap();
    let day = Duration::from_secs(86_400);
    let too_long = people.add_token("operator", "x", Some(day * 367), None).await.unwrap_err();
    assert_eq!(too_long.code, "people/token-too-long");
    people.add_token("operator", "a year", Some(day * 366), None).await.unwrap();
    people.add_token("operator", "unsaid", None, None).await.unwrap();
    let own = console.own_tokens(&ann).await.unwrap();
    let lasts = |at: usize| (own[at].expires_us.unwrap() - own[at].created_us) / 86_400_000_000;
    assert_eq!((lasts(0), lasts(1), own[1].scope.as_str()), (366, 90, "as much as its person"));

    let made =
        console.add_own_token(&ann, "looks", 7, "viewer", &["pg-a".into(), "pg-b*".into()]).await.unwrap();
    let own = console.own_tokens(&ann).await.unwrap();
    assert_eq!((own[2].id, own[2].scope.as_str()), (made.id, "viewer on pg-a, pg-b*"));
    let actor = console.actor_by_token(&made.token, None).await.unwrap();
    for (result, code) in [
        (console.policy_page(&actor).await.map(drop), "people/token-scope"),
        (console.cluster(&actor, "pg-c").await.map(drop), "people/token-scope"),
        (console.cluster(&actor, "pg-a").await.map(drop), "cluster/unknown"),
        (
            console.plan_words(&actor, &["pgsql-add".into(), "pg-a".into()]).await.map(drop),
            "people/token-scope",
        ),
    ] {
        assert_eq!(result.unwrap_err().code, code);
    }
    // It goes with what its person has: nothing is kept from when it was made.
    people.set_role("operator", PersonRole::Viewer).await.unwrap();
    let wide = console.add_own_token(&ann, "wide", 7, "admin", &["*".into()]).await.unwrap();
    let actor = console.actor_by_token(&wide.token, None).await.unwrap();
    let refused = console.plan_words(&actor, &["pgsql-add".into(), "pg-a".into()]).await.unwrap_err();
    assert_eq!(refused.code, "people/forbidden");
    for (label, days, role, clusters, code) in [
        ("", 7, "viewer", "*", "people/bad-label"),
        ("x", 367, "viewer", "*", "people/token-too-long"),
        ("x", 7, "root", "*", "people/bad-role"),
        ("x", 7, "viewer", "a b", "people/bad-pattern"),
    ] {
        let refused = console.add_own_token(&ann, label, days, role, &[clusters.into()]).await.unwrap_err();
        assert_eq!(refused.code, code);
    }
    // Somebody else's is not theirs to revoke.
    let zoe = somebody(&console, PersonRole::Admin).await;
    assert_eq!(console.revoke_own_token(&zoe, made.id).await.unwrap_err().code, "people/unknown-token");
    assert!(console.own_tokens(&zoe).await.unwrap().is_empty());
    console.revoke_own_token(&ann, made.id).await.unwrap();
    assert_eq!(console.actor_by_token(&made.token, None).await.unwrap_err().code, "people/bad-token");
    people.close().await;
    console.shut_down().await;
}
