//! The WebSocket over a real connection: a reader that stops, frames that are none of ours, bodies that nobody meant.

use super::config::{Config, ServeArgs};
use super::router;
use super::tests::settings;
use axum::Router;
use axum::body::{self, Body};
use axum::http::Request;
use futures::StreamExt as _;
use paddock_console::{Console, People, PersonRole, Scope};
use paddock_events::{Event, EventKind, JobId, JobOutcome, JobOutline, Problem, ServerMessage, Stream};
use paddock_store::{NewJob, NewPlan, NewRevision, SealKey, Store, Taken};
use proptest::prelude::*;
use proptest::test_runner::{Config as Cases, TestRunner};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

const PASSWORD: &str = "correct-horse-battery";
const BOUND: Duration = Duration::from_secs(90);

struct House {
    dir: TempDir,
    console: Console,
    app: Router,
    address: SocketAddr,
    cookie: String,
    token: String,
}

async fn house() -> House {
    let dir = tempfile::tempdir().unwrap();
    let console = Console::open(settings(dir.path())).await.unwrap();
    let people = People::open(dir.path()).await.unwrap();
    people.add("ann", PersonRole::Operator, PASSWORD).await.unwrap();
    let token = people.add_token("ann", "test", None, None).await.unwrap().1;
    people.close().await;
    let app = router::router(
        console.clone(),
        &Config::read(ServeArgs::default()).unwrap(),
        CancellationToken::new(),
    );
    let app = app.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = app.clone().into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await });
    let form = Request::post("/sign-in")
        .header("host", "console.example")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Body::from(format!("name=ann&password={PASSWORD}&next=/")))
        .unwrap();
    let signed = app.clone().oneshot(form).await.unwrap();
    let cookie = signed.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    House { dir, console, app, address, cookie, token }
}

impl House {
    /// A job that another console runs, and its database: what is appended there is what the job says.
    async fn job(&self) -> (Store, JobId, u64) {
        let key = SealKey::parse(&std::fs::read_to_string(self.dir.path().join("key")).unwrap()).unwrap();
        let store =
            Store::open(&self.dir.path().join("paddock.db")).await.unwrap().unlocked(key).await.unwrap();
        let (author, text): (String, String) = ("ann".into(), "all: {}\n".into());
        let revision = NewRevision {
            parent: None,
            text,
            author: author.clone(),
            message: "m".into(),
            saved_us: 1,
            job: None,
        };
        let revision = store.add_revision(&revision).await.unwrap().unwrap();
        let plan = NewPlan {
            revision,
            digest: "d".into(),
            plan: "{}".into(),
            facts: "{}".into(),
            clusters: Some(["pg-test".to_owned()].into()),
            author: author.clone(),
            created_us: 1,
        };
        let new = NewJob {
            plan: store.add_plan(&plan).await.unwrap(),
            outline: JobOutline::default(),
            author,
            runner: "another console".into(),
            locks: ["cluster/pg-test".to_owned()].into(),
            approval: None,
            now_us: 1,
            lease_until_us: i64::MAX,
        };
        let Taken::Yes((job, fence)) = store.start_job(&new).await.unwrap() else {
            panic!("nobody holds it")
        };
        (store, job, fence)
    }
}

/// A browser's end of the socket.
struct Browser(TcpStream);

impl Browser {
    async fn open(house: &House, window: u32) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(window).unwrap();
        let mut stream = socket.connect(house.address).await.unwrap();
        let ask = format!(
            "GET /ws HTTP/1.1\r\nHost: console.example\r\nCookie: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            house.cookie
        );
        stream.write_all(ask.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        assert!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
        Self(stream)
    }

    /// Sends one frame; false when the other end has closed.
    async fn send(&mut self, first: u8, payload: &[u8]) -> bool {
        let mut frame = vec![first];
        match payload.len() {
            short @ 0..126 => frame.push(0x80 | u8::try_from(short).unwrap()),
            long => frame.extend([&[0xff][..], &(long as u64).to_be_bytes()].concat()),
        }
        // A mask of zeros leaves the payload as it is.
        frame.extend([0; 4]);
        frame.extend(payload);
        self.0.write_all(&frame).await.is_ok()
    }

    async fn subscribe(&mut self, job: JobId) {
        let ask = format!(r#"{{"type":"subscribe_job","job":{job},"from_seq":0}}"#);
        assert!(self.send(0x81, ask.as_bytes()).await);
    }

    /// The next message; none when the other end has closed.
    async fn next(&mut self) -> Option<ServerMessage> {
        let first = self.0.read_u8().await.ok()?;
        let length = match self.0.read_u8().await.ok()? {
            126 => u64::from(self.0.read_u16().await.ok()?),
            127 => self.0.read_u64().await.ok()?,
            short => u64::from(short),
        };
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        self.0.read_exact(&mut payload).await.ok()?;
        (first == 0x81).then(|| serde_json::from_slice(&payload).unwrap())
    }

    /// How many events of a job come without a gap until its end, or until the socket is closed; and which it was.
    async fn read_to_the_end(&mut self) -> (u64, bool) {
        let mut due = 0;
        while let Some(message) = self.next().await {
            let ServerMessage::Events { events, .. } = message else { continue };
            for event in events {
                assert_eq!(event.seq, due, "no line is lost or doubled");
                due += 1;
                if matches!(event.kind, EventKind::JobFinished { .. }) {
                    return (due, true);
                }
            }
        }
        (due, false)
    }
}

fn line(seq: u64) -> Event {
    // By chance, so that a line is as large in the socket as it looks.
    let kind = EventKind::Line {
        step: None,
        host: "10.0.0.1".into(),
        stream: Stream::Out,
        text: "a line of a job ".repeat(30),
    };
    Event { seq, at_us: 1, kind }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_reads_nothing_loses_its_socket_alone() {
    const LINES: u64 = 60_000;
    let house = house().await;
    let (store, job, fence) = house.job().await;
    let mut stuck = Browser::open(&house, 4 << 10).await;
    let mut reader = Browser::open(&house, 1 << 20).await;
    stuck.subscribe(job).await;
    reader.subscribe(job).await;
    let reads = tokio::spawn(async move { timeout(BOUND, reader.read_to_the_end()).await });
    let begun = Instant::now();
    let mut longest = Duration::ZERO;
    for first in (0..LINES).step_by(200) {
        let events: Vec<Event> = (first..first + 200).map(line).collect();
        let at = Instant::now();
        store.append_events(job, fence, &events, 0).await.unwrap();
        longest = longest.max(at.elapsed());
    }
    let written = begun.elapsed();
    // Longer than a reader is waited for: its socket is closed by now.
    tokio::time::sleep(Duration::from_secs(25).saturating_sub(begun.elapsed())).await;
    let end = Event { seq: LINES, at_us: 1, kind: EventKind::JobFinished { outcome: JobOutcome::Succeeded } };
    store.append_events(job, fence, &[end], 0).await.unwrap();
    assert_eq!(reads.await.unwrap().expect("within its bound"), (LINES + 1, true), "who reads gets all");
    let (got, ended) = timeout(BOUND, stuck.read_to_the_end()).await.expect("its socket was closed");
    println!(
        "{LINES} lines written in {written:?}, the slowest write {longest:?}; who read nothing had {got} waiting"
    );
    assert!(!ended && got < LINES, "it was cut off: {got}");
    assert!(longest < Duration::from_secs(5), "the job waits for nobody: {longest:?}");
    // It comes back and gets all.
    let mut again = Browser::open(&house, 1 << 20).await;
    again.subscribe(job).await;
    assert_eq!(timeout(BOUND, again.read_to_the_end()).await.unwrap(), (LINES + 1, true));
    store.close().await;
    house.console.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_that_is_none_of_ours_is_answered_with_a_problem_or_closes_its_own_socket() {
    let house = house().await;
    let (store, job, _) = house.job().await;
    let huge = format!(r#"{{"type":"subscribe_cluster","cluster":"{}"}}"#, "x".repeat(1 << 20));
    let deep = "[".repeat(10_000);
    for (first, payload, closes) in [
        (0x81, &b"{"[..], false),
        (0x81, b"", false),
        (0x81, b"null", false),
        (0x81, br#"{"type":"subscribe_job"}"#, false),
        (0x81, br#"{"type":"subscribe_job","job":"1; DROP TABLE job","from_seq":-1}"#, false),
        (0x81, br#"{"type":"subscribe_job","job":99999999999999999999,"from_seq":1e400}"#, false),
        (0x81, br#"{"type":"subscribe_job","job":9,"from_seq":18446744073709551615}"#, false),
        (0x81, br#"{"type":"subscribe_cluster","cluster":"'; rm -rf / #\u0000"}"#, false),
        (0x81, deep.as_bytes(), false),
        (0x81, huge.as_bytes(), true),
        (0x81, b"\xff\xfe", true),
        (0x83, b"a reserved kind", true),
    ] {
        let mut browser = Browser::open(&house, 64 << 10).await;
        let name = String::from_utf8_lossy(&payload[..payload.len().min(60)]).into_owned();
        // A frame that is refused while it is sent closes the connection under the sender.
        let sent = browser.send(first, payload).await;
        let answer = async {
            loop {
                match browser.next().await {
                    Some(ServerMessage::Problem { problem }) => return Some(problem),
                    Some(_) => {}
                    None => return None,
                }
            }
        };
        let answer = timeout(Duration::from_secs(15), answer).await.expect("an answer");
        match answer {
            Some(Problem { code, what, .. }) => {
                assert!(!closes && !code.is_empty() && !what.is_empty(), "{name}: {code}");
            }
            None => assert!(closes || !sent, "{name} closed it"),
        }
    }
    // More than a socket may have.
    let mut greedy = Browser::open(&house, 64 << 10).await;
    for _ in 0..40 {
        greedy.subscribe(job).await;
    }
    let refused = async {
        loop {
            if let Some(ServerMessage::Problem { problem }) = greedy.next().await {
                return problem;
            }
        }
    };
    let refused = timeout(Duration::from_secs(15), refused).await.unwrap();
    assert!(refused.what.contains("too many"), "{refused}");
    store.close().await;
    house.console.shut_down().await;
}

/// Whatever is sent: an answer in JSON that says what is wrong, and never that it is our fault.
#[test]
fn any_body_is_answered_with_a_problem() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let house = runtime.block_on(house());
    let value = prop_oneof![
        Just("null".to_owned()),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap()),
        prop::collection::vec(any::<String>(), 0..6).prop_map(|words| serde_json::to_string(&words).unwrap()),
        Just("[[[]]]".to_owned()),
    ];
    let body = prop_oneof![
        any::<Vec<u8>>(),
        any::<String>().prop_map(String::into_bytes),
        (prop::sample::select(vec!["words", "now", "x", ""]), value)
            .prop_map(|(key, value)| format!("{{\"{key}\":{value}}}").into_bytes()),
        Just(vec![b'['; 200_000]),
        Just(format!(r#"{{"words":["pgsql-add","{}"]}}"#, "x".repeat(1 << 20)).into_bytes()),
        Just(vec![b' '; 40 << 20]),
    ];
    let paths = [
        "/plans",
        "/plans/1/run",
        "/plans/1/dry-run",
        "/jobs/1/cancel",
        "/jobs/1/resume",
        "/plans/%00/run",
        "/jobs/-1/cancel",
        "/jobs/9223372036854775808/resume",
    ];
    let mut runner = TestRunner::new(Cases { cases: 300, failure_persistence: None, ..Cases::default() });
    let asks = (
        prop::sample::select(paths.to_vec()),
        body,
        prop::sample::select(vec!["application/json", "text/plain", ""]),
    );
    runner
        .run(&asks, |(path, body, kind)| {
            let mut request = Request::post(format!("/api/v1{path}"))
                .header("authorization", format!("Bearer {}", house.token));
            if !kind.is_empty() {
                request = request.header("content-type", kind);
            }
            let (status, said) = runtime.block_on(async {
                let answer =
                    house.app.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
                (answer.status().as_u16(), body::to_bytes(answer.into_body(), 16 << 20).await.unwrap())
            });
            let said = String::from_utf8_lossy(&said);
            prop_assert!((400..500).contains(&status), "{path}: {status}: {said}");
            let problem: Result<Problem, _> = serde_json::from_str(&said);
            prop_assert!(
                problem.is_ok_and(|problem| !problem.code.is_empty() && !problem.what.is_empty()),
                "{path}: {status}: {said}"
            );
            Ok(())
        })
        .unwrap();
    runtime.block_on(house.console.shut_down());
}

#[tokio::test]
async fn a_stream_of_events_ends_when_its_token_is_revoked_or_expires() {
    let house = house().await;
    let (store, job, fence) = house.job().await;
    let people = People::open(house.dir.path()).await.unwrap();
    let scope = |clusters: &str| Scope::new(PersonRole::Viewer, &[clusters.to_owned()]).unwrap();
    let add = async |lasts: Option<Duration>, clusters: &str| {
        people.add_token("ann", "follows", lasts, Some(&scope(clusters))).await.unwrap()
    };
    let revoked = add(None, "pg-test").await;
    let short = add(Some(Duration::from_secs(3)), "pg-*").await;
    let elsewhere = add(None, "pg-b").await;
    let open = async |token: &str| {
        let ask = Request::get(format!("/api/v1/jobs/{job}/events"))
            .header("authorization", format!("Bearer {token}"));
        house.app.clone().oneshot(ask.body(Body::empty()).unwrap()).await.unwrap()
    };
    let refused = open(&elsewhere.1).await;
    assert_eq!(refused.status(), 403);
    let told = body::to_bytes(refused.into_body(), 1 << 16).await.unwrap();
    assert_eq!(serde_json::from_slice::<Problem>(&told).unwrap().code, "people/token-scope");
    let streams = [open(&revoked.1).await, open(&short.1).await];
    let kept = open(&house.token).await;
    people.revoke_token(revoked.0).await.unwrap();
    for stream in streams {
        assert_eq!(stream.status(), 200);
        let read = timeout(BOUND, body::to_bytes(stream.into_body(), 1 << 20));
        let told = read.await.expect("it ends while the job runs").unwrap();
        assert!(!String::from_utf8_lossy(&told).contains("job_finished"));
    }
    assert_eq!(open(&short.1).await.status(), 401);
    let end = Event { seq: 0, at_us: 1, kind: EventKind::JobFinished { outcome: JobOutcome::Succeeded } };
    store.append_events(job, fence, &[end], 0).await.unwrap();
    let told = timeout(BOUND, body::to_bytes(kept.into_body(), 1 << 20)).await.expect("the end").unwrap();
    assert!(String::from_utf8_lossy(&told).contains("job_finished"), "who may goes on to the job's end");
    people.close().await;
    store.close().await;
    house.console.shut_down().await;
}

/// The events of a job that a stream of server-sent events has said, from `from` on, until there are `wanted` of them; and
/// what is left of the stream.
async fn streamed(house: &House, job: JobId, from: u64, wanted: usize) -> (Vec<Event>, body::BodyDataStream) {
    let ask =
        format!("%5B%7B%22type%22%3A%22subscribe_job%22%2C%22job%22%3A{job}%2C%22from_seq%22%3A{from}%7D%5D");
    let ask = Request::get(format!("/live?ask={ask}")).header("cookie", &house.cookie);
    let answer = house.app.clone().oneshot(ask.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(answer.status(), 200);
    let mut stream = answer.into_body().into_data_stream();
    let (mut text, mut events) = (String::new(), Vec::new());
    while events.len() < wanted {
        let chunk = timeout(BOUND, stream.next()).await.expect("more comes").expect("no end").unwrap();
        text += std::str::from_utf8(&chunk).unwrap();
        while let Some(at) = text.find("\n\n") {
            let message: String = text.drain(..at + 2).collect();
            let json = message.trim().strip_prefix("data:").expect("data");
            if let ServerMessage::Events { events: more, .. } = serde_json::from_str(json).unwrap() {
                events.extend(more);
            }
        }
    }
    (events, stream)
}

#[tokio::test]
async fn a_stream_of_events_goes_on_where_the_socket_ended_and_ends_with_its_session() {
    let house = house().await;
    let (store, job, fence) = house.job().await;
    let lines: Vec<Event> = (0..3).map(line).collect();
    store.append_events(job, fence, &lines, 0).await.unwrap();
    let mut browser = Browser::open(&house, 64 << 10).await;
    browser.subscribe(job).await;
    let by_socket = async {
        loop {
            if let Some(ServerMessage::Events { events, .. }) = browser.next().await {
                return events;
            }
        }
    };
    assert_eq!(timeout(BOUND, by_socket).await.unwrap(), lines);
    drop(browser);
    let end = Event { seq: 5, at_us: 1, kind: EventKind::JobFinished { outcome: JobOutcome::Succeeded } };
    let more = [line(3), line(4), end];
    store.append_events(job, fence, &more, 0).await.unwrap();
    let (events, mut stream) = streamed(&house, job, 3, 3).await;
    assert_eq!(events, more);
    // Nobody may follow whose session was ended.
    let actor = house.console.actor_by_token(&house.token, None).await.unwrap();
    house.console.sign_out_everywhere(&actor).await.unwrap();
    let rest = async { while stream.next().await.is_some() {} };
    timeout(Duration::from_secs(30), rest).await.expect("the stream ends");
    let nobody = Request::get("/live?ask=%5B%5D").body(Body::empty()).unwrap();
    assert_eq!(house.app.clone().oneshot(nobody).await.unwrap().status(), 401);
    let elsewhere = Request::get("/live?ask=%5B%5D").header("sec-fetch-site", "cross-site");
    let elsewhere = elsewhere.body(Body::empty()).unwrap();
    assert_eq!(house.app.clone().oneshot(elsewhere).await.unwrap().status(), 403);
    store.close().await;
    house.console.shut_down().await;
}
