//! The connection itself: one socket, who listens to what, and how it heals.
//!
//! A lost socket is opened anew with a growing delay; each job's subscription then goes on from the first event
//! it has not seen. The protocol has no "unsubscribe": when a page is left, the socket is renewed with what remains.

use super::{Link, Live};
use crate::paths;
use leptos::prelude::*;
use paddock_events::{ClientMessage, JobId, ServerMessage};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{MessageEvent, WebSocket};

/// The server speaks every 10 s at least; after this long the connection counts as lost.
const SILENCE_MS: f64 = 25_000.0;
const WATCH: Duration = Duration::from_secs(5);
const LONGEST_DELAY_MS: f64 = 10_000.0;

/// What can be listened to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Topic {
    /// A job's events from the first unseen one on; the hub moves it forward with every batch.
    Job {
        /// Which job.
        job: JobId,
        /// First event not seen yet.
        next_seq: u64,
    },
    /// Pictures of one cluster.
    Cluster(String),
    /// Rows of all clusters that changed after a time, microseconds since the epoch; the hub moves it forward with every batch.
    Fleet {
        /// When the rows were made that the page has.
        since_us: i64,
    },
}

impl Topic {
    fn message(&self) -> ClientMessage {
        match self {
            Self::Job { job, next_seq } => ClientMessage::SubscribeJob { job: *job, from_seq: *next_seq },
            Self::Cluster(cluster) => ClientMessage::SubscribeCluster { cluster: cluster.clone() },
            Self::Fleet { since_us } => ClientMessage::SubscribeFleet { since_us: *since_us },
        }
    }

    /// Whether a message is for this topic; a job's batch also moves it forward.
    fn takes(&mut self, message: &ServerMessage) -> bool {
        match (self, message) {
            (Self::Job { job, next_seq }, ServerMessage::Events { job: of, events }) if job == of => {
                if let Some(last) = events.last() {
                    *next_seq = (*next_seq).max(last.seq + 1);
                }
                true
            }
            (Self::Cluster(name), ServerMessage::Topology { topology }) => *name == topology.cluster,
            (Self::Fleet { since_us }, ServerMessage::Fleet { at_us, .. }) => {
                *since_us = *at_us;
                true
            }
            _ => false,
        }
    }
}

type Taker = Rc<dyn Fn(ServerMessage)>;

struct Listener {
    id: u64,
    topic: Topic,
    take: Taker,
}

struct Socket {
    socket: WebSocket,
    // Kept alive as long as the socket may call them.
    _on_open: Closure<dyn FnMut()>,
    _on_message: Closure<dyn FnMut(MessageEvent)>,
    _on_close: Closure<dyn FnMut()>,
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.socket.set_onopen(None);
        self.socket.set_onmessage(None);
        self.socket.set_onclose(None);
        // Closing a closed socket is no error.
        self.socket.close().ok();
    }
}

#[derive(Default)]
struct Hub {
    live: Option<Live>,
    socket: Option<Socket>,
    listeners: Vec<Listener>,
    last_id: u64,
    attempt: i32,
    /// Grows with every socket and every planned retry, so that late callbacks know they are stale.
    epoch: u64,
    heard_ms: f64,
    watched: bool,
}

thread_local! {
    static HUB: RefCell<Hub> = RefCell::default();
}

/// Listens until [`leave`]. To be called from an effect: it needs a browser.
pub fn follow(live: Live, topic: Topic, take: impl Fn(ServerMessage) + 'static) -> u64 {
    let (id, watch) = HUB.with_borrow_mut(|hub| {
        hub.live = Some(live);
        hub.last_id += 1;
        hub.listeners.push(Listener { id: hub.last_id, topic: topic.clone(), take: Rc::new(take) });
        if hub.live_socket() {
            hub.say(&topic.message());
        }
        (hub.last_id, !std::mem::replace(&mut hub.watched, true))
    });
    if watch {
        set_interval(look, WATCH);
        let online = window_event_listener_untyped("online", |_| connect());
        // The page's life is the hub's life.
        std::mem::forget(online);
    }
    if HUB.with_borrow(|hub| hub.socket.is_none()) {
        connect();
    }
    id
}

/// Stops listening.
pub fn leave(id: u64) {
    let renew = HUB.with_borrow_mut(|hub| {
        hub.listeners.retain(|listener| listener.id != id);
        hub.socket.is_some()
    });
    if renew {
        // Not at once: the next page is likely to subscribe in the same turn.
        set_timeout(connect, Duration::from_millis(50));
    }
}

/// Asks again from `next_seq` on: after a gap, or because a finished job goes on.
pub fn renew(id: u64, from: u64) {
    HUB.with_borrow_mut(|hub| {
        for listener in hub.listeners.iter_mut().filter(|listener| listener.id == id) {
            if let Topic::Job { next_seq, .. } = &mut listener.topic {
                *next_seq = from;
            }
        }
    });
    connect();
}

impl Hub {
    fn live_socket(&self) -> bool {
        self.socket.as_ref().is_some_and(|socket| socket.socket.ready_state() == WebSocket::OPEN)
    }

    fn say(&self, message: &ClientMessage) {
        if let (Some(socket), Ok(text)) = (&self.socket, serde_json::to_string(message)) {
            // A socket that cannot send is closing; its close event starts the next one.
            socket.socket.send_with_str(&text).ok();
        }
    }

    fn show(&self, link: Link) {
        if let Some(live) = self.live {
            live.link.maybe_update(|old| std::mem::replace(old, link) != link);
        }
    }
}

fn now_ms() -> f64 {
    web_sys::js_sys::Date::now()
}

/// Opens a fresh socket for whoever listens; with nobody listening it only closes.
fn connect() {
    let epoch = HUB.with_borrow_mut(|hub| {
        hub.socket = None;
        hub.epoch += 1;
        hub.heard_ms = now_ms();
        hub.epoch
    });
    if HUB.with_borrow(|hub| hub.listeners.is_empty()) {
        HUB.with_borrow(|hub| hub.show(Link::Idle));
        return;
    }
    let Some(socket) = address().and_then(|url| WebSocket::new(&url).ok()) else {
        retry(epoch);
        return;
    };
    let on_open = Closure::<dyn FnMut()>::new(move || opened(epoch));
    let on_message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
        if let Some(text) = event.data().as_string() {
            heard(epoch, &text);
        }
    });
    let on_close = Closure::<dyn FnMut()>::new(move || retry(epoch));
    socket.set_onopen(Some(on_open.as_ref().unchecked_ref()));
    socket.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
    socket.set_onclose(Some(on_close.as_ref().unchecked_ref()));
    HUB.with_borrow_mut(|hub| {
        if hub.live.is_some_and(|live| live.link.get_untracked() == Link::Idle) {
            hub.show(Link::Connecting);
        }
        hub.socket = Some(Socket { socket, _on_open: on_open, _on_message: on_message, _on_close: on_close });
    });
}

fn address() -> Option<String> {
    let location = window().location();
    let scheme = if location.protocol().ok()? == "https:" { "wss" } else { "ws" };
    Some(format!("{scheme}://{}{}", location.host().ok()?, paths::SOCKET))
}

fn opened(epoch: u64) {
    HUB.with_borrow_mut(|hub| {
        if hub.epoch != epoch {
            return;
        }
        hub.attempt = 0;
        hub.heard_ms = now_ms();
        for listener in &hub.listeners {
            hub.say(&listener.topic.message());
        }
        hub.show(Link::Live);
    });
}

fn heard(epoch: u64, text: &str) {
    // A message that this build does not know means a newer server; the rest still works.
    let Ok(message) = serde_json::from_str::<ServerMessage>(text) else { return };
    let takers: Vec<Taker> = HUB.with_borrow_mut(|hub| {
        if hub.epoch != epoch {
            return Vec::new();
        }
        hub.heard_ms = now_ms();
        if let (ServerMessage::Problem { problem }, Some(live)) = (&message, hub.live) {
            live.problem.set(Some(problem.clone()));
        }
        let mut takers = Vec::new();
        for listener in &mut hub.listeners {
            if listener.topic.takes(&message) {
                takers.push(listener.take.clone());
            }
        }
        takers
    });
    // Outside the borrow: a taker may follow, leave or renew.
    for take in takers {
        take(message.clone());
    }
}

fn retry(epoch: u64) {
    let delay = HUB.with_borrow_mut(|hub| {
        if hub.epoch != epoch {
            return None;
        }
        hub.epoch += 1;
        hub.socket = None;
        hub.show(Link::Lost);
        hub.attempt = (hub.attempt + 1).min(16);
        // Spread, so that a restarted server is not met by all browsers in one moment.
        let whole = (400.0 * f64::from(2_i32).powi(hub.attempt)).min(LONGEST_DELAY_MS);
        Some((hub.epoch, whole * (0.5 + web_sys::js_sys::Math::random() / 2.0)))
    });
    let Some((planned, delay)) = delay else { return };
    set_timeout(
        move || {
            if HUB.with_borrow(|hub| hub.epoch == planned) {
                connect();
            }
        },
        Duration::from_millis(delay as u64),
    );
}

/// Notices a connection that died without a word, and one that never opens.
fn look() {
    let silent = HUB.with_borrow(|hub| {
        (hub.socket.is_some() && now_ms() - hub.heard_ms > SILENCE_MS).then_some(hub.epoch)
    });
    if let Some(epoch) = silent {
        retry(epoch);
    }
}
