//! Notifications as who receives them sees them: signed, in order, none lost while receiver or console are down.

use super::oidc_rig::hmac;
use super::tests::{PASSWORD, settings};
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use base64::Engine as _;
use paddock_console::{Console, NotifyGiven, NotifySettings, PersonRole, Settings};
use serde_json::Value;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
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
    open_to(dir, NotifyGiven { kind: "webhook".into(), url: url.into(), ..NotifyGiven::default() }).await
}

async fn open_to(dir: &Path, given: NotifyGiven) -> Console {
    let to = NotifySettings::new(NotifyGiven {
        name: "desk".into(),
        secret: Some(SECRET.into()),
        events: vec!["person".into(), "refused".into()],
        ..given
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

/// What a mail server was told: the account's proof, who it is for, the message.
type Mail = (String, Vec<String>, String);

/// Talks SMTP (RFC 5321) with whoever comes; the first message is put off, as a server does that knows nobody yet.
async fn mail_server(listener: TcpListener, took: Arc<Mutex<Vec<Mail>>>) {
    let mut puts_off = true;
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let (read, mut write) = stream.into_split();
        let mut lines = BufReader::new(read).lines();
        write.write_all(b"220 mail.test\r\n").await.unwrap();
        let (mut proof, mut to) = (String::new(), Vec::new());
        while let Ok(Some(line)) = lines.next_line().await {
            let answer = if line.starts_with("EHLO") {
                "250-mail.test\r\n250 AUTH PLAIN"
            } else if let Some(plain) = line.strip_prefix("AUTH PLAIN ") {
                plain.clone_into(&mut proof);
                "235 2.7.0 yes"
            } else if let Some(name) = line.strip_prefix("RCPT TO:") {
                to.push(name.to_owned());
                if std::mem::take(&mut puts_off) { "451 4.7.1 later" } else { "250 ok" }
            } else if line == "DATA" {
                write.write_all(b"354 go on\r\n").await.unwrap();
                let mut text = String::new();
                while let Some(line) = lines.next_line().await.unwrap().filter(|line| line != ".") {
                    text += &line;
                    text.push('\n');
                }
                took.lock().unwrap().push((proof.clone(), std::mem::take(&mut to), text));
                "250 taken"
            } else if line.starts_with("QUIT") {
                "221 bye"
            } else {
                "250 ok"
            };
            write.write_all(format!("{answer}\r\n").as_bytes()).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_mail_server_that_puts_off_gets_the_message_again() {
    let dir = tempfile::tempdir().unwrap();
    let took: Arc<Mutex<Vec<Mail>>> = Arc::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("smtp://{}", listener.local_addr().unwrap());
    tokio::spawn(mail_server(listener, took.clone()));
    let given = NotifyGiven {
        kind: "email".into(),
        url,
        user: Some("paddock".into()),
        from: Some("Paddock <paddock@example.com>".into()),
        to: vec!["dba@example.com".into(), "sre@example.com".into()],
        ..NotifyGiven::default()
    };
    let console = open_to(dir.path(), given).await;
    console.add_person("ben", PersonRole::Operator, PASSWORD).await.unwrap();
    let bound = Instant::now() + Duration::from_secs(30);
    while took.lock().unwrap().is_empty() {
        assert!(Instant::now() < bound, "no message came");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    console.shut_down().await;
    let took = took.lock().unwrap();
    let [(proof, to, text)] = took.as_slice() else { panic!("{took:?}") };
    assert_eq!(
        base64::engine::general_purpose::STANDARD.decode(proof).unwrap(),
        format!("\0paddock\0{SECRET}").into_bytes()
    );
    assert_eq!(*to, ["<dba@example.com>", "<sre@example.com>"]);
    assert!(text.contains("Subject: [Paddock] ") && text.contains("person ben"), "{text}");
    assert!(!text.contains(SECRET), "{text}");
}
