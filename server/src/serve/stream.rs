//! What the WebSocket says, as server-sent events: for browsers to which no WebSocket comes through.
//!
//! The subscriptions stand in the address; who wants others opens another stream. Each is answered as on the socket.

use super::router::AppState;
use super::socket::{PING, SUBSCRIPTIONS, follow};
use axum::Extension;
use axum::extract::{Query, State};
use axum::http::{HeaderValue, StatusCode};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures::stream;
use paddock_app::api::Session as AppSession;
use paddock_console::{Actor, Console};
use paddock_events::{ClientMessage, ServerMessage};
use serde::Deserialize;
use std::time::Instant;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Interval;
use tokio_util::sync::CancellationToken;
use tower_sessions::Session;

#[derive(Deserialize)]
pub(super) struct Asked {
    /// A list of [`ClientMessage`]s as JSON.
    ask: String,
}

/// `GET /live?ask=[…]`
pub(super) async fn open(
    State(state): State<AppState>,
    Extension(who): Extension<AppSession>,
    session: Session,
    Query(Asked { ask }): Query<Asked>,
) -> Response {
    let (Some(actor), Some(session)) = (who.actor, session.id()) else {
        return (StatusCode::UNAUTHORIZED, "sign in first\n").into_response();
    };
    let asks: Vec<ClientMessage> = match serde_json::from_str(&ask) {
        Ok(asks) => asks,
        Err(error) => {
            let said = format!("`ask` was not understood ({error}): reload the page\n");
            return (StatusCode::BAD_REQUEST, said).into_response();
        }
    };
    if asks.is_empty() {
        // A browser does not come back for it.
        return StatusCode::NO_CONTENT.into_response();
    }
    if asks.len() > SUBSCRIPTIONS {
        let said = format!("at most {SUBSCRIPTIONS} subscriptions on one stream\n");
        return (StatusCode::BAD_REQUEST, said).into_response();
    }
    let (sender, queue) = mpsc::channel(64);
    let mut subscriptions = JoinSet::new();
    for ask in asks {
        subscriptions.spawn(follow(ask, state.console.clone(), actor.clone(), sender.clone()));
    }
    let said = Said {
        console: state.console,
        actor,
        session: session.to_string(),
        queue,
        _sender: sender,
        _subscriptions: subscriptions,
        ping: tokio::time::interval(PING),
        looked: Instant::now(),
        closing: state.closing,
    };
    let events = stream::unfold(said, |mut said| async move {
        let message = said.next().await?;
        Some((Event::default().json_data(message), said))
    });
    let mut response = Sse::new(events).into_response();
    // nginx gathers answers otherwise.
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

/// One stream. When its reader goes, so do its subscriptions.
struct Said {
    console: Console,
    actor: Actor,
    session: String,
    queue: mpsc::Receiver<ServerMessage>,
    /// Subscriptions end one by one; the stream goes on as the socket does.
    _sender: mpsc::Sender<ServerMessage>,
    _subscriptions: JoinSet<()>,
    ping: Interval,
    /// When the session was last found to hold.
    looked: Instant,
    closing: CancellationToken,
}

impl Said {
    /// The next message; none when the console closes, and when the session was ended elsewhere or its person lost what
    /// they had: also while messages come without a pause.
    async fn next(&mut self) -> Option<ServerMessage> {
        let message = tokio::select! {
            () = self.closing.cancelled() => return None,
            message = self.queue.recv() => message?,
            _ = self.ping.tick() => ServerMessage::Ping,
        };
        if self.looked.elapsed() >= PING || message == ServerMessage::Ping {
            if !self.console.session_holds(&self.session, self.actor.id()).await {
                return None;
            }
            self.looked = Instant::now();
        }
        Some(message)
    }
}
