//! What somebody may try around an approval, by HTTP: all of it is refused, and in the audit log.

use super::api::PREFIX;
use super::scope_tests::{House, Person, house, keep_plan, sign_in};
use axum::body::{self, Body};
use axum::http::{Request, header};
use paddock_console::People;
use paddock_console::PersonRole::{Admin, Approver, Operator};
use paddock_events::{AuditFilter, PlanId, RevisionId, Saved};
use paddock_playbooks::{AtStake, Effect, Plan};
use tower::ServiceExt as _;

/// With which header somebody comes.
enum By<'a> {
    Cookie(&'a str),
    Token(&'a str),
}

/// A house with a plan that destroys.
struct Court {
    house: House,
    plan: PlanId,
}

fn destroys(plan: &mut Plan) {
    let last = plan.stages.last_mut().unwrap().hosts.values_mut().last().unwrap().last_mut().unwrap();
    last.effect = Effect::Destroys("the data of pg-test-1".into());
}

impl Court {
    /// Status and code of the problem, `ok` when there is none.
    async fn ask(&self, by: By<'_>, path: &str, json: &str) -> (u16, String) {
        let mut request = Request::post(path).header("host", "console.example");
        request = match by {
            By::Cookie(cookie) => request.header(header::COOKIE, cookie),
            By::Token(token) => request.header(header::AUTHORIZATION, format!("Bearer {token}")),
        };
        if !json.is_empty() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let request = request.body(Body::from(json.to_owned())).unwrap();
        let response = self.house.app.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let bytes = body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        let problem: serde_json::Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let code = problem["code"].as_str().unwrap_or("ok").to_owned();
        assert_eq!(status.is_success(), code == "ok", "{path}: {status} {problem}");
        (status.as_u16(), code)
    }

    /// A server function about the plan, in a browser's name.
    async fn function(&self, cookie: &str, name: &str, more: &str) -> (u16, String) {
        let json = format!(r#"{{"id":{}{more}}}"#, self.plan);
        self.ask(By::Cookie(cookie), &format!("/api/app/{name}"), &json).await
    }

    async fn request(&self, who: &Person) {
        let asked = self.function(&who.cookie, "approval-request", r#","reason":"not needed""#).await;
        assert_eq!(asked.1, "ok");
    }

    async fn approve(&self, cookie: &str) -> (u16, String) {
        self.function(cookie, "approval-approve", r#","typed_name":"pg-test""#).await
    }

    async fn run(&self, who: &Person) -> (u16, String) {
        self.ask(By::Token(&who.token), &format!("{PREFIX}/plans/{}/run", self.plan), "").await
    }

    async fn save(&self, base: RevisionId, text: String) -> RevisionId {
        let admin = &self.house.person(Admin, "*").actor;
        let saved = self.house.console.save_inventory(admin, Some(base), text, String::new()).await;
        let Saved::Revision { revision } = saved.unwrap() else { panic!("saved") };
        revision
    }

    /// Who was refused what, oldest first, after the first `skip` refusals.
    async fn refused(&self, skip: usize) -> Vec<(String, String)> {
        let admin = &self.house.person(Admin, "*").actor;
        let mut rows = self.house.console.audit(admin, AuditFilter::default()).await.unwrap().rows;
        rows.reverse();
        rows.into_iter().filter(|row| row.refused).skip(skip).map(|row| (row.name, row.act)).collect()
    }
}

fn is(got: &(u16, String), status: u16, code: &str) {
    assert_eq!((got.0, got.1.as_str()), (status, code));
}

#[tokio::test]
async fn what_is_tried_around_an_approval_by_http_is_refused_and_written_down() {
    let house = house().await;
    let revision = RevisionId(1);
    let plan = keep_plan(house.dir.path(), &house.text, revision, destroys).await;
    let court = Court { house, plan };
    let person = |role, scope| court.house.person(role, scope);
    let (operator, requester) = (person(Operator, "pg-test*"), person(Approver, "pg-test*"));
    let (outside, approver, admin) = (person(Approver, "pg-b"), person(Approver, "*"), person(Admin, "*"));
    let name = |person: &Person| person.actor.name().to_owned();
    let names = [operator, requester, outside, approver, admin].map(name);

    // Before anybody has approved: the command line's call, a route that is none, a token where a session is due.
    is(&court.run(operator).await, 403, "run/needs-approval");
    let made_up = court.ask(By::Token(&operator.token), &format!("{PREFIX}/plans/{plan}/approve"), "").await;
    is(&made_up, 404, "api/no-route");
    let by_token =
        court.ask(By::Token(&approver.token), "/api/app/approval-approve", r#"{"id":1,"typed_name":"x"}"#);
    assert_eq!(by_token.await.0, 401);
    court.request(requester).await;
    // The requester, and in a second session; somebody without the role; somebody without the scope.
    let second = sign_in(&court.house.app, requester.actor.name()).await;
    is(&court.approve(&requester.cookie).await, 403, "approval/own-request");
    is(&court.approve(&second).await, 403, "approval/own-request");
    is(&court.approve(&operator.cookie).await, 403, "people/forbidden");
    is(&court.approve(&outside.cookie).await, 403, "people/out-of-scope");
    is(&court.run(outside).await, 403, "people/out-of-scope");
    assert_eq!(
        court.refused(0).await,
        [
            (0, "job/run"),
            (1, "approval/approve"),
            (1, "approval/approve"),
            (0, "approval/approve"),
            (2, "approval/approve"),
            (2, "job/run")
        ]
        .map(|(who, act): (usize, &str)| (names[who].clone(), act.to_owned()))
    );
    // The approver is removed between the approval and the run.
    is(&court.approve(&approver.cookie).await, 200, "ok");
    let desk = People::open(court.house.dir.path()).await.unwrap();
    desk.remove(&names[3]).await.unwrap();
    desk.close().await;
    is(&court.run(operator).await, 403, "run/approver-lost");
    is(&court.approve(&approver.cookie).await, 401, "session/signed-out");
    // What was approved is changed, and changed back.
    is(&court.function(&requester.cookie, "approval-withdraw", "").await, 200, "ok");
    court.request(requester).await;
    is(&court.approve(&admin.cookie).await, 200, "ok");
    let edited = court.house.text.replace("pg_cluster: pg-test }", "pg_cluster: pg-test, pg_port: 5999 }");
    let then = court.save(revision, edited).await;
    is(&court.run(operator).await, 409, "plan/stale");
    court.save(then, court.house.text.clone()).await;
    is(&court.run(operator).await, 403, "run/needs-approval");
    // One approval, raced and replayed: one job.
    court.request(requester).await;
    is(&court.approve(&admin.cookie).await, 200, "ok");
    let (one, other) = tokio::join!(court.run(operator), court.run(admin));
    assert_ne!(one.1 == "ok", other.1 == "ok", "{one:?} {other:?}");
    is(&court.run(operator).await, 409, "run/already-run");
    is(&court.approve(&admin.cookie).await, 409, "approval/none-open");
    let jobs = court.house.console.jobs(&admin.actor, 10).await.unwrap();
    assert_eq!(jobs.iter().filter(|job| job.id != court.house.job).count(), 1, "{jobs:?}");
    let later = court.refused(6).await;
    let acts: Vec<&str> = later.iter().map(|(_, act)| act.as_str()).collect();
    let expected = ["job/run", "job/run", "job/run", "job/run", "job/run", "approval/approve"];
    assert_eq!(acts, expected, "lost, stale, void, raced, replayed, decided: {later:?}");
    court.house.console.shut_down().await;
}

/// The data of all of `pg-test` go, and there is no backup of it.
fn removes(plan: &mut Plan) {
    destroys(plan);
    plan.at_stake = vec![AtStake { cluster: "pg-test".parse().unwrap(), backup_s: None }];
}

#[tokio::test]
async fn the_policy_holds_by_http_for_sessions_and_tokens_alike() {
    let house = house().await;
    let plan = keep_plan(house.dir.path(), &house.text, RevisionId(1), removes).await;
    let court = Court { house, plan };
    let person = |role, scope| court.house.person(role, scope);
    let (operator, one, other) = (person(Operator, "*"), person(Approver, "*"), person(Approver, "pg-test*"));
    let admin = person(Admin, "*");
    let save = async |who: &Person, base: &str, text: &str| {
        let json = format!(r#"{{"base":{base},"text":{}}}"#, serde_json::to_string(text).unwrap());
        court.ask(By::Cookie(&who.cookie), "/api/app/policy-save", &json).await
    };
    let two = "[[rule]]\nclusters = [\"pg-*\"]\napprovers = 2\n";
    is(&save(one, "null", two).await, 403, "people/forbidden");
    is(&save(person(Admin, "pg-test*"), "null", two).await, 403, "people/out-of-scope");
    is(&save(admin, "null", two).await, 200, "ok");
    is(&save(admin, "null", "").await, 409, "policy/overtaken");
    // Without the words it is not asked for, and not approved; each approver counts once.
    const WORDS: &str = r#","words":"no backup newer than 24 h""#;
    let ask = async |words: &str| {
        court.function(&operator.cookie, "approval-request", &format!(r#","reason":"gone"{words}"#)).await
    };
    let approve = async |who: &Person, words: &str| {
        court.function(&who.cookie, "approval-approve", &format!(r#","typed_name":"pg-test"{words}"#)).await
    };
    is(&ask("").await, 422, "approval/no-backup");
    is(&ask(WORDS).await, 200, "ok");
    is(&approve(one, "").await, 422, "approval/words-differ");
    let (first, second) = tokio::join!(approve(one, WORDS), approve(one, WORDS));
    assert_ne!(first.1 == "ok", second.1 == "ok", "{first:?} {second:?}");
    is(&approve(one, WORDS).await, 409, "approval/given");
    is(&court.run(operator).await, 403, "run/needs-approval");
    let (first, second) = tokio::join!(approve(other, WORDS), approve(other, WORDS));
    assert_ne!(first.1 == "ok", second.1 == "ok", "{first:?} {second:?}");
    // A freeze stops a token's run as it does a session's.
    let frozen = format!(
        "{two}[[freeze]]\nclusters = [\"pg-test\"]\nfrom = \"2020-01-01 00:00\"\nto = \"2999-01-01 00:00\"\nreason = \"holidays\"\n"
    );
    is(&save(admin, &serde_json::to_string(two).unwrap(), &frozen).await, 200, "ok");
    is(&court.run(operator).await, 403, "run/frozen");
    is(&court.function(&operator.cookie, "plan-run", "").await, 403, "run/frozen");
    is(&save(admin, &serde_json::to_string(&frozen).unwrap(), two).await, 200, "ok");
    let (first, second) = tokio::join!(court.run(operator), court.run(admin));
    assert_ne!(first.1 == "ok", second.1 == "ok", "{first:?} {second:?}");
    court.house.console.shut_down().await;
}

#[tokio::test]
async fn an_inventory_of_many_megabytes_is_taken_and_one_of_more_is_refused() {
    let house = house().await;
    let text = house.text.clone();
    let plan = keep_plan(house.dir.path(), &text, RevisionId(1), |_| {}).await;
    let court = Court { house, plan };
    let admin = court.house.person(Admin, "*");
    let check = async |bytes: usize| {
        let comment = "# written so that the text is long\n";
        let text = format!("{text}\n{}", comment.repeat(bytes / comment.len()));
        let json = format!(r#"{{"text":{}}}"#, serde_json::to_string(&text).unwrap());
        court.ask(By::Cookie(&admin.cookie), "/api/app/inventory-check", &json).await.0
    };
    assert_eq!(check(6 << 20).await, 200);
    assert_ne!(check(24 << 20).await, 200);
}
