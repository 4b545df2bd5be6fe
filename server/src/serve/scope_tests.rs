//! Every route and every server function × each role × everywhere, in scope and out of scope. What is added without a row
//! here fails.

use super::api::{self, PREFIX};
use super::config::{Config, ServeArgs};
use super::router::{self, browser_routes, open_routes, page_routes};
use super::socket::follow;
use super::tests::settings;
use axum::Router;
use axum::body::{self, Body};
use axum::http::{Method, Request, StatusCode, header};
use leptos::server_fn::axum::server_fn_paths;
use paddock_console::{Actor, Console, Grant, People, PersonRole};
use paddock_events::{ClientMessage, JobId, PlanId, RevisionId, Saved, ServerMessage};
use paddock_inventory::Inventory;
use paddock_playbooks::{FactSet, Intent, Material, Plan};
use paddock_store::{NewPlan, SealKey, Store};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

const PASSWORD: &str = "correct horse battery";
const BOUND: Duration = Duration::from_secs(60);
const ROLES: [PersonRole; 4] =
    [PersonRole::Viewer, PersonRole::Operator, PersonRole::Approver, PersonRole::Admin];
/// What people have their role on; the rows are about `pg-test`.
const SCOPES: [&str; 3] = ["*", "pg-test*", "pg-b"];

/// What a row takes.
#[derive(Clone, Copy)]
enum Takes {
    /// Not even a sign-in.
    Nothing,
    SignIn,
    /// The role on any cluster.
    Anywhere(PersonRole),
    /// The role on `pg-test`.
    Cluster(PersonRole),
    /// The role on `*`.
    Everything(PersonRole),
}
use PersonRole::{Admin, Approver, Operator, Viewer};
use Takes::{Anywhere, Cluster, Everything, Nothing, SignIn};

impl Takes {
    fn lets(self, role: PersonRole, scope: &str) -> bool {
        match self {
            Nothing | SignIn => true,
            Anywhere(least) => role >= least,
            Cluster(least) => role >= least && scope != "pg-b",
            Everything(least) => role >= least && scope == "*",
        }
    }
}

/// Method, path, query or body, and what it takes. `$…` are filled in.
type Row = (&'static str, &'static str, &'static str, Takes);

const PAGES: [Row; 18] = [
    ("GET", "/sign-in", "", Nothing),
    ("GET", "/", "", Anywhere(Viewer)),
    ("GET", "/clusters/{name}", "", Cluster(Viewer)),
    ("GET", "/inventory", "", Everything(Viewer)),
    ("GET", "/inventory/history", "", Everything(Viewer)),
    ("GET", "/inventory/history/{id}", "", Everything(Viewer)),
    ("GET", "/inventory/blame", "", Everything(Viewer)),
    ("GET", "/nodes", "", Anywhere(Viewer)),
    ("GET", "/plans/{id}", "", Cluster(Viewer)),
    ("GET", "/approvals", "", Anywhere(Viewer)),
    ("GET", "/account", "", SignIn),
    ("GET", "/audit", "", Everything(Admin)),
    ("GET", "/people", "", Everything(Admin)),
    ("GET", "/policy", "", Everything(Viewer)),
    ("GET", "/drift", "", Anywhere(Viewer)),
    ("GET", "/settings", "", Everything(Admin)),
    ("GET", "/jobs", "", Anywhere(Viewer)),
    ("GET", "/jobs/{id}", "", Cluster(Viewer)),
];

/// The last two end sessions.
const BROWSER: [Row; 12] = [
    ("GET", "/healthz", "", Nothing),
    ("GET", "/jobs/{id}/recording.cast", "", Cluster(Viewer)),
    ("GET", "/jobs/{id}/log.txt", "find=x", Cluster(Viewer)),
    // Takes an upgrade, which only a real connection has; what it hands out has a test of its own below.
    ("GET", "/ws", "", Nothing),
    // Opens what the socket would hand out, by the same function.
    ("GET", "/live", "ask=%5B%5D", SignIn),
    ("POST", "/account/password", "current=x&new=y&again=z", SignIn),
    ("POST", "/sign-in", "name=nobody&password=x", Nothing),
    ("POST", "/sign-in/code", "code=123456&next=/", Nothing),
    ("GET", "/sign-in/oidc", "next=/jobs", Nothing),
    ("GET", "/sign-in/oidc/callback", "code=x&state=y", Nothing),
    ("POST", "/sign-out/everywhere", "", Nothing),
    ("POST", "/sign-out", "", Nothing),
];

const FUNCTIONS: [Row; 57] = [
    ("GET", "/api/app/me", "", Nothing),
    ("GET", "/api/app/sign-in-ways", "", Nothing),
    ("GET", "/api/app/factor", "", SignIn),
    ("POST", "/api/app/factor-begin", r#"{"password":"correct horse battery"}"#, SignIn),
    ("POST", "/api/app/factor-confirm", r#"{"code":"no code"}"#, SignIn),
    ("POST", "/api/app/factor-remove", r#"{"password":"correct horse battery"}"#, SignIn),
    ("GET", "/api/app/tokens", "", SignIn),
    ("POST", "/api/app/token-add", r#"{"label":"x","days":1,"role":"viewer","clusters":["*"]}"#, SignIn),
    // Nobody has it.
    ("POST", "/api/app/token-revoke", r#"{"id":999}"#, SignIn),
    ("GET", "/api/app/people", "", Everything(Admin)),
    (
        "POST",
        "/api/app/audit",
        r#"{"filter":{"name":"","act":"","cluster":"","before":null}}"#,
        Everything(Admin),
    ),
    ("GET", "/api/app/fleet", "", Anywhere(Viewer)),
    ("GET", "/api/app/cluster-names", "", Anywhere(Viewer)),
    ("GET", "/api/app/cluster", "name=pg-test", Cluster(Viewer)),
    ("GET", "/api/app/cluster-declared", "name=pg-test", Cluster(Viewer)),
    ("GET", "/api/app/cluster-config", "name=pg-test", Cluster(Viewer)),
    ("GET", "/api/app/cluster-backups", "name=pg-test", Cluster(Viewer)),
    ("GET", "/api/app/cluster-failovers", "name=pg-test", Cluster(Viewer)),
    (
        "POST",
        "/api/app/config-preview",
        r#"{"name":"pg-test","change":{"parameters":[],"patch":"ttl: 40"}}"#,
        Cluster(Operator),
    ),
    ("GET", "/api/app/drift", "cluster=pg-test", Cluster(Viewer)),
    ("GET", "/api/app/settings", "", Everything(Admin)),
    ("GET", "/api/app/nodes", "needle=", Anywhere(Viewer)),
    ("POST", "/api/app/reach-nodes", r#"{"needle":""}"#, Anywhere(Operator)),
    // It may be the key of a host that stands before all nodes.
    (
        "POST",
        "/api/app/trust-host-key",
        r#"{"addr":"127.0.0.2","fingerprint":"SHA256:x"}"#,
        Everything(Admin),
    ),
    ("GET", "/api/app/inventory", "", Everything(Viewer)),
    ("GET", "/api/app/inventory-history", "", Everything(Viewer)),
    ("GET", "/api/app/inventory-revision", "id=1", Everything(Viewer)),
    ("GET", "/api/app/inventory-blame", "", Everything(Viewer)),
    ("POST", "/api/app/inventory-recall", r#"{"how":"back","id":1}"#, Everything(Operator)),
    ("POST", "/api/app/inventory-check", r#"{"text":"all: {}"}"#, Anywhere(Operator)),
    (
        "POST",
        "/api/app/inventory-views",
        r#"{"text":"all: {}","query":{"cluster":"","instance":null}}"#,
        Everything(Viewer),
    ),
    ("POST", "/api/app/inventory-form", r#"{"text":"all: {}","cluster":""}"#, Everything(Viewer)),
    (
        "POST",
        "/api/app/inventory-form-change",
        r#"{"text":"all: {}","change":{"cluster":"pg-test","table":"users","target":"global","edit":{"add":[["name","x"]]}}}"#,
        Cluster(Operator),
    ),
    (
        "POST",
        "/api/app/inventory-preview",
        r#"{"text":"all: { children: {} }","form":{"name":"pg-test-9","instances":[["127.0.0.9","primary"]],"version":"","database":"","owner":"","password":""}}"#,
        Cluster(Operator),
    ),
    // Who saves the whole text has read it: with one grant, that is on everything.
    ("POST", "/api/app/inventory-save", r#"{"base":1,"text":$TEXT,"message":""}"#, Everything(Operator)),
    (
        "POST",
        "/api/app/declare-instance",
        r#"{"form":{"base":99,"cluster":"pg-test","addr":"127.0.0.9","seq":2,"role":"replica"}}"#,
        Cluster(Operator),
    ),
    (
        "POST",
        "/api/app/declare-clone",
        r#"{"form":{"base":99,"source":"pg-test","name":"pg-test-9","instances":[["127.0.0.9","primary"]],"upstream":null}}"#,
        Cluster(Operator),
    ),
    ("GET", "/api/app/plan", "id=$PLAN", Cluster(Viewer)),
    ("GET", "/api/app/plan-standing", "id=$PLAN", Cluster(Viewer)),
    ("POST", "/api/app/plan-make", r#"{"words":["pgsql-add","pg-test"]}"#, Cluster(Operator)),
    ("POST", "/api/app/plan-dry-run", r#"{"id":$PLAN}"#, Cluster(Operator)),
    ("POST", "/api/app/plan-run", r#"{"id":$PLAN}"#, Cluster(Operator)),
    ("GET", "/api/app/approvals", "", Anywhere(Viewer)),
    ("GET", "/api/app/approvals-waiting", "", Nothing),
    ("POST", "/api/app/approval-request", r#"{"id":$PLAN,"reason":"why"}"#, Cluster(Operator)),
    ("POST", "/api/app/approval-withdraw", r#"{"id":$PLAN}"#, Cluster(Operator)),
    ("POST", "/api/app/approval-approve", r#"{"id":$PLAN,"typed_name":"pg-test"}"#, Cluster(Approver)),
    ("POST", "/api/app/approval-refuse", r#"{"id":$PLAN,"reason":"no"}"#, Cluster(Approver)),
    (
        "POST",
        "/api/app/break-glass",
        r#"{"id":$PLAN,"typed_name":"pg-test","reason":"fire"}"#,
        Cluster(Admin),
    ),
    ("GET", "/api/app/policy", "", Everything(Viewer)),
    ("POST", "/api/app/policy-save", r#"{"base":"x","text":""}"#, Everything(Admin)),
    ("GET", "/api/app/jobs", "limit=10", Anywhere(Viewer)),
    ("GET", "/api/app/job", "id=$JOB", Cluster(Viewer)),
    ("GET", "/api/app/job-events", "id=$JOB&from_seq=0&limit=10", Cluster(Viewer)),
    (
        "POST",
        "/api/app/job-lines",
        r#"{"id":$JOB,"query":{"filter":{"find":"x"},"place":"end","limit":10,"until_seq":null}}"#,
        Cluster(Viewer),
    ),
    ("POST", "/api/app/job-resume", r#"{"id":$JOB}"#, Cluster(Operator)),
    ("POST", "/api/app/job-cancel", r#"{"id":$JOB,"now":true}"#, Cluster(Operator)),
];

const API: [Row; 13] = [
    ("GET", "/clusters", "", Anywhere(Viewer)),
    ("GET", "/clusters/{name}", "", Cluster(Viewer)),
    ("GET", "/inventory", "", Everything(Viewer)),
    ("GET", "/audit", "", Everything(Admin)),
    ("POST", "/plans", r#"{"words":["pgsql-add","pg-test"]}"#, Cluster(Operator)),
    ("GET", "/plans/{id}", "", Cluster(Viewer)),
    ("POST", "/plans/{id}/dry-run", "", Cluster(Operator)),
    ("POST", "/plans/{id}/run", "", Cluster(Operator)),
    ("GET", "/jobs/{id}", "", Cluster(Viewer)),
    ("POST", "/jobs/{id}/resume", "", Cluster(Operator)),
    ("POST", "/jobs/{id}/cancel", r#"{"now":true}"#, Cluster(Operator)),
    ("GET", "/jobs/{id}/events", "", Cluster(Viewer)),
    ("GET", "/jobs/{id}/recording.cast", "", Cluster(Viewer)),
];

/// What a browser sends to open the socket.
const UPGRADE: [(&str, &str); 5] = [
    ("origin", "http://console.example"),
    ("connection", "upgrade"),
    ("upgrade", "websocket"),
    ("sec-websocket-version", "13"),
    ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
];

pub(super) struct Person {
    role: PersonRole,
    scope: &'static str,
    pub(super) actor: Actor,
    pub(super) cookie: String,
    pub(super) token: String,
}

/// A console with two clusters whose nodes refuse connections, a plan of `pg-test` that a job has run, and everybody.
pub(super) struct House {
    pub(super) dir: TempDir,
    pub(super) console: Console,
    pub(super) app: Router,
    people: Vec<Person>,
    pub(super) text: String,
    plan: i64,
    pub(super) job: JobId,
}

pub(super) async fn house() -> House {
    let dir = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let cluster = |name: &str, addr: &str| {
        format!(
            "    {name}:\n      hosts:\n        {addr}: {{ pg_seq: 1, pg_role: primary, ansible_host: 127.0.0.1 }}\n      vars: {{ pg_cluster: {name} }}\n"
        )
    };
    let text = format!(
        "all:\n  children:\n    etcd:\n      hosts:\n        127.0.0.1: {{ etcd_seq: 1 }}\n{}{}  vars:\n    ansible_port: {port}\n",
        cluster("pg-test", "127.0.0.2"),
        cluster("pg-b", "127.0.0.3"),
    );
    let console = Console::open(settings(dir.path())).await.unwrap();
    let config = Config::read(ServeArgs::default()).unwrap();
    let app = router::router(console.clone(), &config, CancellationToken::new()).unwrap();
    let desk = People::open(dir.path()).await.unwrap();
    let mut people = Vec::new();
    for (role, scope) in ROLES.into_iter().flat_map(|role| SCOPES.map(|scope| (role, scope))) {
        let name = format!("{}.{}", role.as_str(), people.len());
        desk.add(&name, Grant::new(role, scope).unwrap(), PASSWORD).await.unwrap();
        let token = desk.add_token(&name, "test", None, None).await.unwrap().1;
        let actor = console.actor_by_token(&token, None).await.unwrap();
        let cookie = sign_in(&app, &name).await;
        people.push(Person { role, scope, actor, cookie, token });
    }
    desk.close().await;
    let admin = &people[9].actor;
    let saved = console.save_inventory(admin, None, text.clone(), String::new()).await.unwrap();
    let Saved::Revision { revision } = saved else { panic!("{saved:?}") };
    let plan = keep_plan(dir.path(), &text, revision, |_| {}).await;
    let job = console.run(admin, plan).await.unwrap();
    let mut feed = console.follow_job(admin, job, 0).await.unwrap();
    while timeout(BOUND, feed.recv()).await.expect("the job ends").is_some() {}
    House { dir, console, app, people, text, plan: plan.0, job }
}

/// Keeps a plan that creates `pg-test`, changed so, as `POST /plans` would where nodes answer.
pub(super) async fn keep_plan(
    state_dir: &Path,
    text: &str,
    revision: RevisionId,
    change: impl FnOnce(&mut Plan),
) -> PlanId {
    let intent = Intent::parse(&["pgsql-add".to_owned(), "pg-test".to_owned()]).unwrap();
    let (inventory, facts) = (Inventory::read(text).0, FactSet::default());
    let mut plan = paddock_playbooks::plan(&inventory, &facts, &Material::default(), &intent).unwrap();
    change(&mut plan);
    let new = NewPlan {
        revision,
        digest: plan.digest.0.clone(),
        plan: serde_json::to_string(&plan).unwrap(),
        facts: serde_json::to_string(&facts).unwrap(),
        clusters: Some(["pg-test".to_owned()].into()),
        author: "operator".into(),
        created_us: 1,
    };
    let key = SealKey::parse(&std::fs::read_to_string(state_dir.join("key")).unwrap()).unwrap();
    let store = Store::open(&state_dir.join("paddock.db")).await.unwrap().unlocked(key).await.unwrap();
    let id = store.add_plan(&new).await.unwrap();
    store.close().await;
    id
}

pub(super) async fn sign_in(app: &Router, name: &str) -> String {
    let form = format!("name={name}&password={}&next=/", PASSWORD.replace(' ', "+"));
    let request = Request::post("/sign-in").header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    let response = app.clone().oneshot(request.body(Body::from(form)).unwrap()).await.unwrap();
    let set = response.headers()[header::SET_COOKIE].to_str().unwrap();
    set.split(';').next().unwrap().to_owned()
}

impl House {
    /// The person with a role on a scope.
    pub(super) fn person(&self, role: PersonRole, scope: &str) -> &Person {
        let it = |one: &&Person| one.role == role && one.scope == scope;
        self.people.iter().find(it).unwrap()
    }

    /// Asks with the headers; gives the status, and where it leads.
    async fn ask(&self, row: &Row, prefix: &str, headers: &[(&str, &str)]) -> (StatusCode, String) {
        let (method, path, args, _) = row;
        let id = if path.starts_with("/plans") { self.plan } else { self.job.0 };
        let path = path.replace("{name}", "pg-test").replace("{id}", &id.to_string());
        let text = serde_json::to_string(&self.text).unwrap();
        let args = args.replace("$PLAN", &self.plan.to_string()).replace("$JOB", &self.job.to_string());
        let args = args.replace("$TEXT", &text);
        let (uri, body) = match *method {
            "GET" => (format!("{prefix}{path}?{args}"), String::new()),
            _ => (format!("{prefix}{path}"), args),
        };
        let kind =
            if body.starts_with('{') { "application/json" } else { "application/x-www-form-urlencoded" };
        let mut request = Request::builder().method(*method).uri(uri).header("host", "console.example");
        let upgrade = if path == "/ws" { &UPGRADE[..] } else { &[] };
        for (name, value) in headers.iter().chain(upgrade) {
            request = request.header(*name, *value);
        }
        if !body.is_empty() {
            request = request.header(header::CONTENT_TYPE, kind);
        }
        let request = request.body(Body::from(body)).unwrap();
        let response = timeout(BOUND, self.app.clone().oneshot(request)).await.expect("an answer").unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        timeout(BOUND, body::to_bytes(response.into_body(), 16 << 20)).await.expect("an end").unwrap();
        (status, headers.get(header::LOCATION).map_or("", |to| to.to_str().unwrap()).to_owned())
    }

    /// Asks each row as nobody and as everybody, prints the matrix, gives what is not as the rows say.
    async fn walk(&self, rows: &[Row], prefix: &str) -> Vec<String> {
        let mut wrong = Vec::new();
        for row in rows {
            let (method, path, _, takes) = row;
            let (status, to) = self.ask(row, prefix, &[]).await;
            let turned_away = status == StatusCode::UNAUTHORIZED || to.starts_with("/sign-in");
            if !turned_away && !matches!(takes, Nothing) {
                wrong.push(format!("{method} {prefix}{path} as nobody: {status} {to}"));
            }
            let (mut got, mut expected) = (String::new(), String::new());
            for person in &self.people {
                let bearer = format!("Bearer {}", person.token);
                let cookie = [("cookie", person.cookie.as_str())];
                let headers = if prefix.is_empty() { cookie } else { [("authorization", bearer.as_str())] };
                let (status, _) = self.ask(row, prefix, &headers).await;
                let odd =
                    [StatusCode::UNAUTHORIZED, StatusCode::INTERNAL_SERVER_ERROR, StatusCode::BAD_REQUEST];
                got.push(match status {
                    StatusCode::FORBIDDEN => '-',
                    status if odd.contains(&status) => '?',
                    _ => '+',
                });
                expected.push(if takes.lets(person.role, person.scope) { '+' } else { '-' });
            }
            println!("{method:<5}{prefix}{path:<36} {got}");
            if got != expected {
                wrong.push(format!("{method} {prefix}{path}: {got} instead of {expected}"));
            }
        }
        wrong
    }
}

fn listed(rows: &[Row]) -> BTreeSet<(String, String)> {
    rows.iter().map(|(method, path, ..)| ((*method).to_owned(), (*path).to_owned())).collect()
}

#[tokio::test]
async fn every_route_and_server_function_answers_each_role_within_its_scope() {
    let house = house().await;
    let pages = page_routes().into_iter().map(|one| ("GET".to_owned(), one.path().to_owned()));
    assert_eq!(pages.collect::<BTreeSet<_>>(), listed(&PAGES), "each page has its row");
    let own = browser_routes()
        .into_iter()
        .chain(open_routes())
        .map(|one| (one.method.to_string(), one.path.to_owned()));
    let own: BTreeSet<_> = own.filter(|(_, path)| !path.contains("{*")).collect();
    assert_eq!(own, listed(&BROWSER), "each route of the browser has its row");
    let functions =
        server_fn_paths().map(|(path, method): (&str, Method)| (method.to_string(), path.to_owned()));
    assert_eq!(functions.collect::<BTreeSet<_>>(), listed(&FUNCTIONS), "each server function has its row");
    let api = api::routes().into_iter().map(|one| (one.method.to_string(), one.path.to_owned()));
    assert_eq!(api.collect::<BTreeSet<_>>(), listed(&API), "each route of the API has its row");
    // What is not in those lists is not served.
    for source in [include_str!("router.rs"), include_str!("api/mod.rs")] {
        assert!(!source.contains(".route("), "a route is added to a list");
    }
    let letters = "viewer, operator, approver, admin; each on *, pg-test*, pg-b";
    println!("{letters:>90}");
    let mut wrong = house.walk(&API, PREFIX).await;
    for rows in [&FUNCTIONS[..], &PAGES[..], &BROWSER[..]] {
        wrong.extend(house.walk(rows, "").await);
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    house.console.shut_down().await;
}

#[tokio::test]
async fn the_socket_hands_out_what_is_in_scope() {
    let house = house().await;
    let first = async |person: &Person, message: ClientMessage| {
        let (sender, mut queue) = mpsc::channel(64);
        let task = tokio::spawn(follow(message, house.console.clone(), person.actor.clone(), sender));
        let first = timeout(BOUND, queue.recv()).await.expect("something comes");
        task.abort();
        first
    };
    for person in &house.people {
        let inside = Cluster(Viewer).lets(person.role, person.scope);
        for message in [
            ClientMessage::SubscribeJob { job: house.job, from_seq: 0 },
            ClientMessage::SubscribeCluster { cluster: "pg-test".into() },
        ] {
            let told = format!("{message:?} as {}", person.actor.name());
            let refused = match first(person, message).await.unwrap() {
                ServerMessage::Problem { problem } => {
                    assert_eq!(problem.code, "people/out-of-scope", "{told}");
                    true
                }
                _ => false,
            };
            assert_eq!(refused, !inside, "{told}");
        }
        // Of the fleet come the rows of clusters in scope.
        let (sender, mut queue) = mpsc::channel(64);
        let subscribe = ClientMessage::SubscribeFleet { since_us: 0 };
        let task = tokio::spawn(follow(subscribe, house.console.clone(), person.actor.clone(), sender));
        let expected: BTreeSet<&str> = ["pg-b", "pg-test"]
            .into_iter()
            .filter(|name| person.scope == "*" || person.scope.trim_end_matches('*') == *name)
            .collect();
        let message = timeout(BOUND, queue.recv()).await.expect("rows").unwrap();
        let ServerMessage::Fleet { rows, whole: true, .. } = message else { panic!("{message:?}") };
        let seen: BTreeSet<&str> = rows.iter().map(|row| row.name.as_str()).collect();
        assert_eq!(seen, expected, "{}", person.actor.name());
        task.abort();
    }
    house.console.shut_down().await;
}
