//! Notifications as who receives them sees them: signed, in order, none lost while receiver or console are down.

use super::oidc_rig::hmac;
use super::tests::{PASSWORD, settings};
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use paddock_console::{Console, NotifyGiven, NotifySettings, PersonRole, Settings};
use serde_json::Value;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;

const SECRET: &str = "C4nary-0123456789abcdef";

/// Who receives.
#[derive(Clone, Default)]
struct Desk {
    /// How many letters are not taken yet.
    refuses: Arc<Mutex<u32>>,
    took: Arc<Mutex<Vec<Value>>>,
}

async fn take(State(desk): State<Desk>, headers: HeaderMap, body: String) -> StatusCode {
    let (time, signature) = headers["paddock-signature"]
        .to_str()
        .unwrap()
        .strip_prefix("t=")
        .unwrap()
        .split_once(",v1=")
        .unwrap();
    let due: String = hmac(SECRET.as_bytes(), format!("{time}.{body}").as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(signature, due);
    let mut refuses = desk.refuses.lock().unwrap();
    if *refuses > 0 {
        *refuses -= 1;
        return StatusCode::BAD_GATEWAY;
    }
    desk.took.lock().unwrap().push(serde_json::from_str(&body).unwrap());
    StatusCode::NO_CONTENT
}

impl Desk {
    /// What was taken, when it is so much.
    async fn has(&self, count: usize) -> Vec<(String, String)> {
        let bound = Instant::now() + Duration::from_secs(30);
        while self.took.lock().unwrap().len() < count {
            assert!(Instant::now() < bound, "{:?}", self.took.lock().unwrap());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let said = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
        let took = self.took.lock().unwrap();
        took.iter().map(|one| (said(one, "event"), said(one, "subject"))).collect()
    }
}

async fn open(dir: &Path, url: &str) -> Console {
    let to = NotifySettings::new(NotifyGiven {
        name: "desk".into(),
        kind: "webhook".into(),
        url: url.into(),
        secret: Some(SECRET.into()),
        events: vec!["person".into(), "refused".into()],
        ..NotifyGiven::default()
    });
    Console::open(Settings { notify: vec![to.unwrap()], ..settings(dir) }).await.unwrap()
}

#[tokio::test]
async fn what_happens_is_told_once_and_in_order_whoever_was_down_meanwhile() {
    let dir = tempfile::tempdir().unwrap();
    let desk = Desk::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let app = Router::new().route("/hook", post(take)).with_state(desk.clone());
    tokio::spawn(async move { axum::serve(listener, app).await });

    let before = Console::open(settings(dir.path())).await.unwrap();
    before.add_person("ann", PersonRole::Admin, PASSWORD).await.unwrap();
    before.shut_down().await;

    let console = open(dir.path(), &url).await;
    *desk.refuses.lock().unwrap() = 2;
    console.add_person("ben", PersonRole::Operator, PASSWORD).await.unwrap();
    console.sign_in("ann", "not her password", None).await.unwrap_err();
    let one = ("person/add".to_owned(), "person ben".to_owned());
    let two = ("refused/sign-in".to_owned(), String::new());
    assert_eq!(desk.has(2).await, [one.clone(), two.clone()]);
    assert_eq!(*desk.refuses.lock().unwrap(), 0, "it was tried again");

    *desk.refuses.lock().unwrap() = 1_000;
    console.add_person("cid", PersonRole::Viewer, PASSWORD).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    console.shut_down().await;
    *desk.refuses.lock().unwrap() = 0;
    let console = open(dir.path(), &url).await;
    let three = ("person/add".to_owned(), "person cid".to_owned());
    assert_eq!(desk.has(3).await, [one, two, three]);
    console.shut_down().await;
}
