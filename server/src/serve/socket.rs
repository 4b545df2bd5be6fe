//! The one WebSocket: subscriptions in, events and pictures out (`paddock_events::wire`).

use super::router::AppState;
use axum::Extension;
use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures::{SinkExt as _, StreamExt as _};
use paddock_app::api::Session as AppSession;
use paddock_console::{Actor, Console, FleetChange};
use paddock_events::{ClientMessage, EventKind, JobId, Problem, ProblemKind, ServerMessage};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tower_sessions::Session;

/// Pause between signs of life.
pub(super) const PING: Duration = Duration::from_secs(10);
/// A reader that takes longer for one message loses its socket; the events are stored, and it comes back.
const SLOW: Duration = Duration::from_secs(20);
/// Subscriptions of one socket, and of one stream.
pub(super) const SUBSCRIPTIONS: usize = 32;
/// Largest message from a browser.
const MESSAGE: usize = 16 << 10;

/// `GET /ws`
pub(super) async fn open(
    State(state): State<AppState>,
    Extension(who): Extension<AppSession>,
    session: Session,
    upgrade: WebSocketUpgrade,
) -> Response {
    let (Some(actor), Some(session)) = (who.actor, session.id()) else {
        return (StatusCode::UNAUTHORIZED, "sign in first\n").into_response();
    };
    let talk = move |socket| talk(socket, state.console, actor, session.to_string());
    upgrade.max_message_size(MESSAGE).on_upgrade(talk)
}

async fn talk(socket: WebSocket, console: Console, actor: Actor, session: String) {
    let (mut out, mut incoming) = socket.split();
    let (sender, mut queue) = mpsc::channel::<ServerMessage>(64);
    let mut subscriptions = JoinSet::new();
    let mut ping = tokio::time::interval(PING);
    loop {
        let message = tokio::select! {
            message = incoming.next() => match message {
                Some(Ok(Message::Text(text))) => {
                    take(&text, &console, &actor, &sender, &mut subscriptions);
                    continue;
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => break,
                Some(Ok(_)) => continue,
            },
            message = queue.recv() => match message {
                Some(message) => message,
                None => break,
            },
            _ = ping.tick() => {
                // The session may have been ended elsewhere, or its person lost what they had.
                if !console.session_holds(&session, actor.id()).await {
                    break;
                }
                ServerMessage::Ping
            }
        };
        let text = match serde_json::to_string(&message) {
            Ok(text) => text,
            Err(error) => {
                tracing::error!(%error, "cannot write a message");
                break;
            }
        };
        match timeout(SLOW, out.send(Message::Text(text.into()))).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => break,
        }
    }
    subscriptions.shutdown().await;
}

fn take(
    text: &str,
    console: &Console,
    actor: &Actor,
    sender: &mpsc::Sender<ServerMessage>,
    subscriptions: &mut JoinSet<()>,
) {
    while subscriptions.try_join_next().is_some() {}
    let refuse = |what: &str, why: String| {
        let problem = Problem {
            code: "socket/bad-message".into(),
            kind: ProblemKind::Request,
            what: what.into(),
            why,
            fix: "reload the page".into(),
        };
        // A queue that is full has a reader that is slow; it will be cut off by its own sends.
        drop(sender.try_send(ServerMessage::Problem { problem }));
    };
    let message: ClientMessage = match serde_json::from_str(text) {
        Ok(message) => message,
        Err(error) => return refuse("the message was not understood", error.to_string()),
    };
    if subscriptions.len() >= SUBSCRIPTIONS {
        return refuse("too many subscriptions on one socket", format!("at most {SUBSCRIPTIONS}"));
    }
    subscriptions.spawn(follow(message, console.clone(), actor.clone(), sender.clone()));
}

/// Sends one subscription's messages until it ends or the socket closes.
pub(super) async fn follow(
    message: ClientMessage,
    console: Console,
    actor: Actor,
    sender: mpsc::Sender<ServerMessage>,
) {
    let refused = match message {
        ClientMessage::SubscribeJob { job, from_seq } => {
            follow_job(&console, &actor, job, from_seq, &sender).await
        }
        ClientMessage::SubscribeCluster { cluster } => {
            follow_cluster(&console, &actor, &cluster, &sender).await
        }
        ClientMessage::SubscribeFleet { since_us } => follow_fleet(&console, &actor, since_us, &sender).await,
    };
    if let Some(problem) = refused {
        // The socket may be closed already; then nobody waits for the reason.
        drop(sender.send(ServerMessage::Problem { problem }).await);
    }
}

/// A feed that was lost to a reader who was slow for a while is taken up again where it ended: the socket lives, and
/// nothing else would tell the reader that no more events come.
async fn follow_job(
    console: &Console,
    actor: &Actor,
    job: JobId,
    mut next: u64,
    sender: &mpsc::Sender<ServerMessage>,
) -> Option<Problem> {
    loop {
        let mut feed = match console.follow_job(actor, job, next).await {
            Ok(feed) => feed,
            Err(problem) => return Some(problem),
        };
        let mut lost = false;
        while let Some(events) = feed.recv().await {
            if let Some(last) = events.last() {
                next = last.seq + 1;
                lost = !matches!(last.kind, EventKind::JobFinished { .. });
            }
            if sender.send(ServerMessage::Events { job, events }).await.is_err() {
                return None;
            }
        }
        if !lost {
            return None;
        }
    }
}

async fn follow_fleet(
    console: &Console,
    actor: &Actor,
    since_us: i64,
    sender: &mpsc::Sender<ServerMessage>,
) -> Option<Problem> {
    let mut feed = match console.follow_fleet(actor, since_us).await {
        Ok(feed) => feed,
        Err(problem) => return Some(problem),
    };
    while let Some(FleetChange { rows, whole, at_us }) = feed.next().await {
        if sender.send(ServerMessage::Fleet { rows, whole, at_us }).await.is_err() {
            break;
        }
    }
    None
}

async fn follow_cluster(
    console: &Console,
    actor: &Actor,
    cluster: &str,
    sender: &mpsc::Sender<ServerMessage>,
) -> Option<Problem> {
    let mut feed = match console.follow_cluster(actor, cluster).await {
        Ok(feed) => feed,
        Err(problem) => return Some(problem),
    };
    loop {
        let seen = feed.borrow_and_update().clone();
        if let Some(topology) = seen
            && sender.send(ServerMessage::Topology { topology }).await.is_err()
        {
            return None;
        }
        if feed.changed().await.is_err() {
            return None;
        }
    }
}
