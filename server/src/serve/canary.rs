//! Canaries: a secret in every place where one may stand, looked for in everything that the console gives away.

use super::config::{Config, ServeArgs};
use super::router;
use super::tests::settings;
use axum::Router;
use axum::body::{self, Body};
use axum::http::{Request, header};
use paddock_console::{AuditLog, Console, People, PersonRole};
use paddock_events::Saved;
use paddock_inventory::Inventory;
use paddock_playbooks::{FactSet, Intent, Material};
use paddock_store::{NewPlan, SealKey, Store};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

#[path = "../../../crates/store/tests/common/bytes.rs"]
pub(super) mod bytes;

const VIEWER: &str = "C4nary-viewer-0";
const OPERATOR: &str = "C4nary-operator-1";
const GUESS: &str = "C4nary-guess-2";
const AS_NAME: &str = "C4nary-as-name-3";
/// In the inventory's text.
const DECLARED: [(&str, &str); 5] = [
    ("pg_admin_password", "C4nary-admin-4"),
    ("etcd_root_password", "C4nary-etcd-5"),
    ("pgbackrest_cipher_pass", "C4nary-cipher-6"),
    ("user", "C4nary-user-7"),
    ("old", "C4nary-old-8"),
];
const GIVEN: &str = "C4nary-given-9";

/// What was logged.
#[derive(Clone, Default)]
pub(super) struct Logged(pub(super) Arc<Mutex<Vec<u8>>>);

impl io::Write for Logged {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn inventory(port: u16, old: &str) -> String {
    let value = |name: &str| DECLARED.iter().find(|(known, _)| *known == name).unwrap().1;
    format!(
        "all:\n  children:\n    etcd:\n      hosts:\n        127.0.0.1: {{ etcd_seq: 1 }}\n      vars: {{ etcd_cluster: etcd, etcd_root_password: {} }}\n    pg-test:\n      hosts:\n        127.0.0.2: {{ pg_seq: 1, pg_role: primary, ansible_host: 127.0.0.1 }}\n      vars:\n        pg_cluster: pg-test\n        pg_admin_password: {}{old}\n        pgbackrest_cipher_pass: {}\n        pg_users: [{{ name: app, password: {} }}]\n  vars:\n    ansible_port: {port}\n",
        value("etcd_root_password"),
        value("pg_admin_password"),
        value("pgbackrest_cipher_pass"),
        value("user"),
    )
}

struct House {
    app: Router,
    out: BTreeMap<String, Vec<u8>>,
}

impl House {
    /// Asks, and keeps what is said under the name of the question.
    async fn ask(
        &mut self,
        who: &str,
        headers: &[(&str, &str)],
        method: &str,
        path: &str,
        sent: &str,
    ) -> (u16, String) {
        let mut request = Request::builder().method(method).uri(path).header("host", "console.example");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response =
            self.app.clone().oneshot(request.body(Body::from(sent.to_owned())).unwrap()).await.unwrap();
        let (status, cookie) =
            (response.status().as_u16(), response.headers().get(header::SET_COOKIE).cloned());
        let mut said = Vec::new();
        // The cookie is what a sign-in gives; every other header is an output.
        for (name, value) in response.headers().iter().filter(|(name, _)| *name != header::SET_COOKIE) {
            said.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\n"].concat());
        }
        said.extend(body::to_bytes(response.into_body(), 64 << 20).await.unwrap());
        self.out.insert(format!("{who}: {method} {path} {}", sent.len()), said);
        (
            status,
            cookie
                .map_or_else(String::new, |set| set.to_str().unwrap().split(';').next().unwrap().to_owned()),
        )
    }

    async fn sign_in(&mut self, name: &str, password: &str) -> String {
        let form = [("content-type", "application/x-www-form-urlencoded")];
        self.ask(name, &form, "POST", "/sign-in", &format!("name={name}&password={password}&next=/")).await.1
    }
}

/// A plan with a secret of the command line, kept as `POST /plans` would where nodes answer.
async fn kept(state: &Path, revision: paddock_events::RevisionId, text: &str) {
    let words =
        ["pgsql.yml", "-l", "pg-test", "-e", &format!("pg_monitor_password={GIVEN}")].map(str::to_owned);
    let intent = Intent::parse(&words).unwrap();
    let (inventory, _) = Inventory::read(text);
    let plan =
        paddock_playbooks::plan(&inventory, &FactSet::default(), &Material::default(), &intent).unwrap();
    let new = NewPlan {
        revision,
        digest: plan.digest.0.clone(),
        plan: serde_json::to_string(&plan).unwrap(),
        facts: serde_json::to_string(&FactSet::default()).unwrap(),
        clusters: Some(["pg-test".to_owned()].into()),
        author: "operator".into(),
        created_us: 1,
    };
    assert!(new.plan.contains(GIVEN) && new.plan.contains("C4nary-user-7"), "the plan has them");
    let key = SealKey::parse(&std::fs::read_to_string(state.join("key")).unwrap()).unwrap();
    let store = Store::open(&state.join("paddock.db")).await.unwrap().unlocked(key).await.unwrap();
    store.add_plan(&new).await.unwrap();
    store.close().await;
}

#[tokio::test]
async fn no_secret_comes_out_of_the_console_for_who_may_only_see() {
    let logged = Logged::default();
    let writer = logged.clone();
    let log =
        tracing_subscriber::fmt().with_max_level(tracing::Level::DEBUG).with_writer(move || writer.clone());
    let _logging = tracing::subscriber::set_default(log.finish());
    // With one subscriber in the process, a line of the code that another test meets first asks that test's thread alone
    // whether it is wanted, and keeps the answer; with two, both are asked.
    let _second = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::default());
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path();
    let console = Console::open(settings(state)).await.unwrap();
    let people = People::open(state).await.unwrap();
    people.add("viewer", PersonRole::Viewer, VIEWER).await.unwrap();
    people.add("operator", PersonRole::Operator, OPERATOR).await.unwrap();
    let seen = people.add_token("viewer", "looks", None, None).await.unwrap().1;
    let done = people.add_token("operator", "works", None, None).await.unwrap().1;
    people.close().await;
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let operator = console.actor_by_token(&done, None).await.unwrap();
    let first = inventory(closed, &format!(" # {}", DECLARED[4].1));
    let text = inventory(closed, "");
    let Ok(Saved::Revision { revision }) =
        console.save_inventory(&operator, None, first, "first".into()).await
    else {
        panic!("it is saved")
    };
    let Ok(Saved::Revision { revision }) =
        console.save_inventory(&operator, Some(revision), text.clone(), "second".into()).await
    else {
        panic!("it is saved")
    };
    kept(state, revision, &text).await;

    let config = Config::read(ServeArgs::default()).unwrap();
    let app = router::router(console.clone(), &config, CancellationToken::new()).unwrap();
    let mut house = House { app, out: BTreeMap::new() };
    house.sign_in("viewer", GUESS).await;
    house.sign_in(AS_NAME, "x").await;
    let cookie = house.sign_in("viewer", VIEWER).await;
    let (viewer, worker) = (format!("Bearer {seen}"), format!("Bearer {done}"));
    let operator = [("authorization", worker.as_str()), ("content-type", "application/json")];
    // What is refused says why, and not what was given.
    for words in [
        format!(r#"{{"words": ["pgsql.yml", "-l", "pg-test", "-e", "pg_monitor_password={GIVEN}"]}}"#),
        format!(r#"{{"words": ["pgsql.yml", "-l", "pg-test", "-e", "pg_monitor_password=a {GIVEN}"]}}"#),
        format!(r#"{{"words": ["pgsql-add", "pg-test", "-e", "pg_monitor_password={GIVEN}"]}}"#),
        format!(r#"{{"words": ["pgsql.yml", "-l", "pg-no", "-e", "{{\"a_secret\": \"{GIVEN}\"}}"]}}"#),
        format!(r#"{{"words": "{GIVEN}"}}"#),
        format!(r#"{{"wrods": ["{GIVEN}"]}}"#),
    ] {
        let (status, _) = house.ask("operator", &operator, "POST", "/api/v1/plans", &words).await;
        assert!((400..500).contains(&status) || status == 503, "{words}: {status}");
    }
    let (status, _) = house.ask("operator", &operator, "POST", "/api/v1/plans/1/run", "").await;
    assert_eq!(status, 202);
    house.ask("operator", &operator, "GET", "/api/v1/jobs/1/events", "").await;
    for path in [
        "/clusters",
        "/clusters/pg-test",
        "/inventory",
        "/plans/1",
        "/jobs/1",
        "/jobs/1/events",
        "/jobs/1/recording.cast",
        "/audit",
    ] {
        house.ask("viewer", &[("authorization", &viewer)], "GET", &format!("/api/v1{path}"), "").await;
    }
    let pages = [
        "/",
        "/inventory",
        "/nodes",
        "/jobs",
        "/jobs/1",
        "/jobs/1/recording.cast",
        "/plans/1",
        "/approvals",
        "/audit",
        "/account",
    ];
    let tabs = [
        "",
        "?tab=config",
        "?tab=backups",
        "?tab=users",
        "?tab=databases",
        "?tab=hba",
        "?tab=services",
        "?tab=jobs",
    ];
    let tabs = tabs.map(|tab| format!("/clusters/pg-test{tab}"));
    for path in pages.into_iter().map(str::to_owned).chain(tabs) {
        let (status, _) = house.ask("viewer", &[("cookie", &cookie)], "GET", &path, "").await;
        // 502: the nodes do not answer, and the page says so.
        assert!([200, 403, 502].contains(&status), "{path}: {status}");
    }
    let mut out = house.out;
    out.insert("database, open".into(), bytes::all_of(&state.join("paddock.db")));
    console.shut_down().await;
    out.insert("database, closed".into(), bytes::all_of(&state.join("paddock.db")));
    let audit = AuditLog::open(state).await.unwrap();
    let mut rows = Vec::new();
    audit
        .export(|line| {
            rows.extend_from_slice(line.as_bytes());
            Ok(())
        })
        .await
        .unwrap();
    audit.close().await;
    out.insert("audit export".into(), rows);
    out.insert("log".into(), logged.0.lock().unwrap().clone());

    let said = |name: &str| String::from_utf8_lossy(&out[name]).into_owned();
    for (name, word) in [
        ("audit export", "inventory/save"),
        ("log", "started"),
        ("viewer: GET /plans/1 0", "pg_monitor_password="),
        ("viewer: GET /api/v1/jobs/1/events 0", "finished"),
        ("viewer: GET /inventory 0", "pg_admin_password"),
        ("viewer: GET /api/v1/jobs/1 0", "-e "),
    ] {
        assert!(said(name).contains(word), "{name} is what it should be: {}", said(name));
    }
    let session = cookie.split_once('=').unwrap().1;
    let mut found = Vec::new();
    for (name, bytes) in &out {
        let canaries = DECLARED
            .iter()
            .map(|(_, value)| *value)
            .chain([VIEWER, OPERATOR, GUESS, AS_NAME, GIVEN, &seen, &done, session]);
        found.extend(
            canaries.filter(|canary| bytes::say(bytes, canary)).map(|canary| format!("{canary} in {name}")),
        );
    }
    assert!(found.is_empty(), "{found:#?}");
}
