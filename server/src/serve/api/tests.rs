//! Every route × who asks, through the whole router: the matrix is printed, and a route without a row fails it.

use super::{PREFIX, routes};
use crate::serve::config::{Config, ServeArgs};
use crate::serve::router;
use crate::serve::tests::settings;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use axum::response::Response;
use axum::{Router, body};
use futures::StreamExt as _;
use paddock_console::{Console, People, PersonRole};
use paddock_events::{Event, EventKind, JobOutcome, Problem, RevisionId, Saved};
use paddock_inventory::Inventory;
use paddock_playbooks::{FactSet, Intent, Material};
use paddock_store::{NewPlan, SealKey, Store};
use std::collections::BTreeSet;
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

const BOUND: Duration = Duration::from_secs(60);
const PASSWORD: &str = "correct horse battery";

/// A console whose nodes take connections and say nothing, with a token of a viewer and one of an operator.
struct Bench {
    dir: TempDir,
    console: Console,
    app: Router,
    closing: CancellationToken,
    viewer: String,
    operator: String,
    text: String,
    revision: RevisionId,
    /// Takes connections and says nothing: a node that hangs.
    _silent: TcpListener,
}

async fn bench() -> Bench {
    let dir = tempfile::tempdir().unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let text = format!(
        "all:\n  children:\n    etcd:\n      hosts:\n        127.0.0.1: {{ etcd_seq: 1 }}\n    pg-test:\n      hosts:\n        127.0.0.2: {{ pg_seq: 1, pg_role: primary, ansible_host: 127.0.0.1 }}\n      vars: {{ pg_cluster: pg-test }}\n  vars:\n    ansible_port: {port}\n"
    );
    let console = Console::open(settings(dir.path())).await.unwrap();
    let people = People::open(dir.path()).await.unwrap();
    let mut tokens = Vec::new();
    for role in [PersonRole::Viewer, PersonRole::Operator] {
        people.add(role.as_str(), role, PASSWORD).await.unwrap();
        tokens.push(people.add_token(role.as_str(), "test", None, None).await.unwrap().1);
    }
    people.close().await;
    let operator = tokens.pop().unwrap();
    let actor = console.actor_by_token(&operator, None).await.unwrap();
    let saved = console.save_inventory(&actor, None, text.clone(), String::new()).await.unwrap();
    let Saved::Revision { revision } = saved else { panic!("{saved:?}") };
    let config = Config::read(ServeArgs::default()).unwrap();
    let closing = CancellationToken::new();
    let app = router::router(console.clone(), &config, closing.clone()).unwrap();
    let viewer = tokens.pop().unwrap();
    Bench { dir, console, app, closing, viewer, operator, text, revision, _silent: silent }
}

impl Bench {
    /// Keeps a plan from assumed facts, as `POST /plans` would where nodes answer; gives its number.
    async fn plan(&self) -> i64 {
        let intent = Intent::parse(&["pgsql-add".to_owned(), "pg-test".to_owned()]).unwrap();
        let (inventory, _) = Inventory::read(self.text.clone());
        let plan =
            paddock_playbooks::plan(&inventory, &FactSet::default(), &Material::default(), &intent).unwrap();
        let new = NewPlan {
            revision: self.revision,
            digest: plan.digest.0.clone(),
            plan: serde_json::to_string(&plan).unwrap(),
            clusters: Some(["pg-test".to_owned()].into()),
            facts: serde_json::to_string(&FactSet::default()).unwrap(),
            author: "operator".into(),
            created_us: 1,
        };
        let state = self.dir.path();
        let key = SealKey::parse(&std::fs::read_to_string(state.join("key")).unwrap()).unwrap();
        let store = Store::open(&state.join("paddock.db")).await.unwrap().unlocked(key).await.unwrap();
        let id = store.add_plan(&new).await.unwrap();
        store.close().await;
        id.0
    }

    async fn ask(&self, method: &str, path: &str, token: Option<&str>, body: &str) -> Response {
        let mut request = Request::builder().method(method).uri(format!("{PREFIX}{path}"));
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        if !body.is_empty() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let request = request.body(Body::from(body.to_owned())).unwrap();
        timeout(BOUND, self.app.clone().oneshot(request)).await.expect("an answer").unwrap()
    }

    async fn operator(&self, method: &str, path: &str, body: &str) -> Response {
        self.ask(method, path, Some(&self.operator), body).await
    }

    /// Starts a job that hangs at its first node; gives its number.
    async fn job(&self) -> i64 {
        let path = format!("/plans/{}/run", self.plan().await);
        let started: serde_json::Value = json(self.operator("POST", &path, "").await).await;
        started["job"].as_i64().unwrap()
    }

    async fn end(self) {
        self.console.shut_down().await;
    }
}

async fn text(response: Response) -> String {
    let bytes =
        timeout(BOUND, body::to_bytes(response.into_body(), 16 << 20)).await.expect("an end").unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

async fn json<T: serde::de::DeserializeOwned>(response: Response) -> T {
    let text = text(response).await;
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

async fn events(response: Response) -> Vec<Event> {
    let text = text(response).await;
    text.lines().filter(|line| !line.is_empty()).map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Method, path, body, then who gets which code: nobody, a wrong token, a viewer, an operator, in this order.
type Row = (&'static str, &'static str, &'static str, [u16; 4]);

/// In an order in which each succeeds: the job is run, looked at, stopped, followed to its end, resumed.
const ROWS: [Row; 13] = [
    ("GET", "/clusters", "", [401, 401, 200, 200]),
    ("GET", "/clusters/{name}", "", [401, 401, 200, 200]),
    ("GET", "/inventory", "", [401, 401, 200, 200]),
    ("GET", "/audit", "", [401, 401, 403, 403]),
    // The nodes do not answer: the world is in the way of who may plan.
    ("POST", "/plans", r#"{"words":["pgsql-add","pg-test"]}"#, [401, 401, 403, 503]),
    ("GET", "/plans/{id}", "", [401, 401, 200, 200]),
    ("POST", "/plans/{id}/dry-run", "", [401, 401, 403, 200]),
    ("POST", "/plans/{id}/run", "", [401, 401, 403, 202]),
    ("GET", "/jobs/{id}", "", [401, 401, 200, 200]),
    ("POST", "/jobs/{id}/cancel", r#"{"now":true}"#, [401, 401, 403, 202]),
    ("GET", "/jobs/{id}/events", "", [401, 401, 200, 200]),
    ("GET", "/jobs/{id}/recording.cast", "", [401, 401, 200, 200]),
    ("POST", "/jobs/{id}/resume", "", [401, 401, 403, 202]),
];

#[tokio::test]
async fn every_route_answers_every_role_as_the_matrix_says() {
    let bench = bench().await;
    let listed: BTreeSet<(String, &str)> =
        routes().iter().map(|route| (route.method.to_string(), route.path)).collect();
    let rows: BTreeSet<(String, &str)> =
        ROWS.iter().map(|(method, path, ..)| ((*method).to_owned(), *path)).collect();
    assert_eq!(listed, rows, "a route needs its row here, and a row its route");
    let (plan, job) = (bench.plan().await, 1);
    let askers = [
        ("anonymous", None),
        ("wrong token", Some("pdk_wrong")),
        ("viewer", Some(bench.viewer.as_str())),
        ("operator", Some(bench.operator.as_str())),
    ];
    println!("{:<5}{:<28}{:>10}{:>13}{:>8}{:>10}", "", "", "anonymous", "wrong token", "viewer", "operator");
    let mut wrong = Vec::new();
    for (method, path, body, expected) in ROWS {
        let id = if path.starts_with("/plans") { plan } else { job };
        let address = path.replace("{id}", &id.to_string()).replace("{name}", "pg-test");
        let mut got = [0; 4];
        for (at, (_, token)) in askers.iter().enumerate() {
            let response = bench.ask(method, &address, *token, body).await;
            got[at] = response.status().as_u16();
            if response.status().is_success() {
                // To its end: the job must have ended before it is resumed.
                text(response).await;
            } else {
                let problem: Problem = json(response).await;
                assert!(!problem.code.is_empty() && !problem.what.is_empty(), "{method} {path}: {problem}");
            }
        }
        println!("{method:<5}{path:<28}{:>10}{:>13}{:>8}{:>10}", got[0], got[1], got[2], got[3]);
        if got != expected {
            wrong.push(format!("{method} {path}: {got:?} instead of {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    bench.end().await;
}

#[tokio::test]
async fn a_job_is_followed_live_and_again_from_any_event() {
    let bench = bench().await;
    let job = bench.job().await;
    let path = format!("/jobs/{job}/events");
    let live = bench.operator("GET", &path, "").await;
    assert_eq!(live.headers()[header::CONTENT_TYPE], "application/x-ndjson");
    let mut live = live.into_body().into_data_stream();
    let first = timeout(BOUND, live.next()).await.expect("the first events come at once").unwrap().unwrap();
    let cancelled = bench.operator("POST", &format!("/jobs/{job}/cancel"), r#"{"now":true}"#).await;
    assert_eq!(cancelled.status(), StatusCode::ACCEPTED);
    let mut rest = String::from_utf8(first.to_vec()).unwrap();
    while let Some(chunk) = timeout(BOUND, live.next()).await.expect("the stream ends with the job") {
        rest += std::str::from_utf8(&chunk.unwrap()).unwrap();
    }
    let watched: Vec<Event> = rest
        .lines()
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let seqs: Vec<u64> = watched.iter().map(|event| event.seq).collect();
    assert_eq!(seqs, (0..watched.len() as u64).collect::<Vec<_>>(), "no line is lost or doubled");
    let last = &watched.last().unwrap().kind;
    assert_eq!(*last, EventKind::JobFinished { outcome: JobOutcome::Cancelled });
    for from in [0, 1, watched.len()] {
        let again = events(bench.operator("GET", &format!("{path}?from={from}"), "").await).await;
        assert_eq!(again, watched[from..], "from {from}");
    }
    bench.end().await;
}

#[tokio::test]
async fn a_console_that_stops_does_not_wait_for_those_who_follow() {
    let bench = bench().await;
    let job = bench.job().await;
    let live = bench.operator("GET", &format!("/jobs/{job}/events"), "").await;
    bench.closing.cancel();
    let seen = events(live).await;
    assert!(!seen.iter().any(|event| matches!(event.kind, EventKind::JobFinished { .. })), "{seen:?}");
    bench.end().await;
}

#[tokio::test]
async fn a_recording_is_asciicast_of_everything_so_far() {
    let bench = bench().await;
    let job = bench.job().await;
    bench.operator("POST", &format!("/jobs/{job}/cancel"), r#"{"now":true}"#).await;
    let happened = events(bench.operator("GET", &format!("/jobs/{job}/events"), "").await).await;
    let response = bench.operator("GET", &format!("/jobs/{job}/recording.cast"), "").await;
    assert_eq!(response.headers()[header::CONTENT_TYPE], "application/x-asciicast");
    let disposition = format!("attachment; filename=\"paddock-job-{job}.cast\"");
    assert_eq!(response.headers()[header::CONTENT_DISPOSITION], disposition);
    let text = text(response).await;
    let rows: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows[0]["version"], 2);
    assert_eq!(rows[0]["timestamp"], happened[0].at_us / 1_000_000);
    let times: Vec<f64> = rows[1..].iter().map(|row| row[0].as_f64().unwrap()).collect();
    assert!(times.is_sorted() && times[0].abs() < f64::EPSILON, "{times:?}");
    assert!(rows[1..].iter().all(|row| row[1] == "o" && row[2].as_str().unwrap().ends_with("\r\n")));
    assert!(rows.last().unwrap()[2].as_str().unwrap().contains("cancelled"), "{text}");
    bench.end().await;
}

#[tokio::test]
async fn what_is_asked_wrongly_is_said_in_json() {
    let bench = bench().await;
    for (method, path, body, status, code) in [
        ("POST", "/plans", "{", 400, "api/bad-request"),
        ("POST", "/plans", "", 400, "api/bad-request"),
        ("POST", "/plans", r#"{"words":[]}"#, 400, "plan/usage"),
        ("POST", "/plans", r#"{"words":["pgsql-add","pg-no"]}"#, 404, "plan/unknown-target"),
        ("POST", "/plans", r#"{"wrods":["x"]}"#, 400, "api/bad-request"),
        ("GET", "/plans/x", "", 400, "api/bad-request"),
        ("GET", "/plans/99", "", 404, "plan/unknown"),
        ("GET", "/jobs/99/events", "", 404, "job/unknown"),
        ("GET", "/jobs/99/events?from=-1", "", 400, "api/bad-request"),
        ("GET", "/jobs/99/recording.cast", "", 404, "job/unknown"),
        ("GET", "/clusters/pg-no", "", 404, "cluster/unknown"),
        ("GET", "/nothing", "", 404, "api/no-route"),
        ("DELETE", "/inventory", "", 405, "api/wrong-method"),
    ] {
        let response = bench.operator(method, path, body).await;
        let got = response.status().as_u16();
        let problem: Problem = json(response).await;
        assert_eq!((got, problem.code.as_str()), (status, code), "{method} {path} {body}: {problem}");
    }
    let response = bench.ask("GET", "/clusters", None, "").await;
    assert_eq!(response.headers()[header::WWW_AUTHENTICATE], "Bearer");
    bench.end().await;
}
