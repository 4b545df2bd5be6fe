//! The connection itself: one socket, who listens to what, and how it heals.
//!
//! A lost socket is opened anew with a growing delay; each job's subscription then goes on from the first event
//! it has not seen. The protocol has no "unsubscribe": when a page is left, the socket is renewed with what remains.
//!
//! Where something on the way lets no WebSocket through, the same messages come as server-sent events: what is listened to
//! stands in the address then, and whatever changes it opens the stream anew.

use super::message::{Batch, Head, Kind, Picture, Refusal, Rows, read};
use super::{Link, Live};
use crate::paths;
use leptos::prelude::*;
use paddock_events::{ClientMessage, ClusterRow, ClusterTopology, Event, JobId};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{EventSource, MessageEvent, WebSocket};

/// The server speaks every 10 s at least; after this long the connection counts as lost.
const SILENCE_MS: f64 = 25_000.0;
const WATCH: Duration = Duration::from_secs(5);
const LONGEST_DELAY_MS: f64 = 10_000.0;
/// A socket that has said nothing by then is blocked on the way: the server speaks at once.
const SPEAKS: Duration = Duration::from_secs(5);
/// How long events come as a stream before a socket is tried again.
const SOCKET_AGAIN_MS: f64 = 300_000.0;

/// What can be listened to.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Topic {
    /// A job's events from the first unseen one on; it moves forward with every batch.
    Job {
        /// Which job.
        job: JobId,
        /// First event not seen yet.
        next_seq: u64,
    },
    /// Pictures of one cluster.
    Cluster(String),
    /// Rows of all clusters that changed after a time, microseconds since the epoch; it moves forward with every batch.
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

    /// Whether a message may be for this topic; whose picture it is, only its text tells.
    fn takes(&self, head: &Head) -> bool {
        match self {
            Self::Job { job, .. } => head.kind == Kind::Events && head.job == Some(*job),
            Self::Cluster(_) => head.kind == Kind::Topology,
            Self::Fleet { .. } => head.kind == Kind::Fleet,
        }
    }
}

/// Takes a message's text for the listener of this id.
type Taker = Rc<dyn Fn(u64, &str)>;

struct Listener {
    id: u64,
    topic: Topic,
    take: Taker,
}

struct Socket {
    /// Or an `EventSource`: it has the same `readyState`, `onopen`, `onmessage` and `close`, and more is not asked of one.
    socket: WebSocket,
    /// It is one.
    streams: bool,
    /// Something has come.
    spoke: bool,
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
        self.socket.set_onerror(None);
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
    /// When a socket was found to be blocked; none: it is not known to be.
    blocked_ms: Option<f64>,
}

thread_local! {
    static HUB: RefCell<Hub> = RefCell::default();
}

/// Listens to pictures of a cluster until [`leave`]. To be called from an effect: it needs a browser.
pub fn follow_cluster(live: Live, name: String, take: impl Fn(ClusterTopology) + 'static) -> u64 {
    let topic = Topic::Cluster(name.clone());
    listen(
        live,
        topic,
        Rc::new(move |_, text| {
            let Some(Picture { topology }) = read(text) else { return };
            if name == topology.cluster {
                take(topology);
            }
        }),
    )
}

/// Listens to rows of the clusters page that changed after `since_us` until [`leave`]; `take` is told whether they are all
/// there are. To be called from an effect: it needs a browser.
pub fn follow_fleet(live: Live, since_us: i64, take: impl Fn(Vec<ClusterRow>, bool) + 'static) -> u64 {
    listen(
        live,
        Topic::Fleet { since_us },
        Rc::new(move |id, text| {
            let Some(Rows { rows, whole, at_us }) = read(text) else { return };
            of_listener(id, |topic| {
                if let Topic::Fleet { since_us } = topic {
                    *since_us = at_us;
                }
            });
            take(rows, whole);
        }),
    )
}

/// Listens to a job's events from `next_seq` on until [`leave`]. To be called from an effect: it needs a browser.
pub fn follow_job(live: Live, job: JobId, next_seq: u64, take: impl Fn(Vec<Event>) + 'static) -> u64 {
    listen(
        live,
        Topic::Job { job, next_seq },
        Rc::new(move |id, text| {
            let Some(Batch { events }) = read(text) else { return };
            if let Some(last) = events.last() {
                ask_from(id, |next| next.max(last.seq + 1));
            }
            take(events);
        }),
    )
}

fn listen(live: Live, topic: Topic, take: Taker) -> u64 {
    let (id, watch, streams) = HUB.with_borrow_mut(|hub| {
        hub.live = Some(live);
        hub.last_id += 1;
        hub.listeners.push(Listener { id: hub.last_id, topic: topic.clone(), take });
        if hub.live_socket() {
            hub.say(&topic.message());
        }
        (hub.last_id, !std::mem::replace(&mut hub.watched, true), hub.streams())
    });
    if watch {
        set_interval(look, WATCH);
        let online = window_event_listener_untyped("online", |_| connect());
        // The page's life is the hub's life.
        std::mem::forget(online);
    }
    if streams {
        connect_soon();
    } else if HUB.with_borrow(|hub| hub.socket.is_none()) {
        connect();
    }
    id
}

/// Changes what a new socket asks for a listener.
fn of_listener(id: u64, change: impl FnOnce(&mut Topic)) {
    HUB.with_borrow_mut(|hub| {
        if let Some(listener) = hub.listeners.iter_mut().find(|listener| listener.id == id) {
            change(&mut listener.topic);
        }
    });
}

/// Changes from which event on a job's subscription goes when a new socket asks for it.
fn ask_from(id: u64, change: impl Fn(u64) -> u64) {
    of_listener(id, |topic| {
        if let Topic::Job { next_seq, .. } = topic {
            *next_seq = change(*next_seq);
        }
    });
}

/// Stops listening.
pub fn leave(id: u64) {
    let renew = HUB.with_borrow_mut(|hub| {
        hub.listeners.retain(|listener| listener.id != id);
        hub.socket.is_some()
    });
    if renew {
        connect_soon();
    }
}

/// Not at once: a page subscribes to several things in one turn, and the next one is likely to in the turn that leaves one.
fn connect_soon() {
    set_timeout(connect, Duration::from_millis(50));
}

/// Asks again from `next_seq` on: after a gap, or because a finished job goes on.
pub fn renew(id: u64, from: u64) {
    ask_from(id, |_| from);
    connect();
}

impl Hub {
    fn live_socket(&self) -> bool {
        let open = |socket: &Socket| !socket.streams && socket.socket.ready_state() == WebSocket::OPEN;
        self.socket.as_ref().is_some_and(open)
    }

    fn streams(&self) -> bool {
        self.socket.as_ref().is_some_and(|socket| socket.streams)
    }

    /// A socket was tried not long ago, and is blocked.
    fn is_blocked(&self) -> bool {
        self.blocked_ms.is_some_and(|since| now_ms() - since < SOCKET_AGAIN_MS)
    }

    /// A socket, or a stream of what is listened to.
    fn open(&self) -> Option<(WebSocket, bool)> {
        let location = window().location();
        let host = location.host().ok()?;
        let secure = location.protocol().ok()? == "https:";
        if self.is_blocked() {
            let asks: Vec<ClientMessage> = self.listeners.iter().map(|one| one.topic.message()).collect();
            let address = paths::stream(&serde_json::to_string(&asks).ok()?);
            let stream = EventSource::new(&address).ok()?;
            return Some((stream.unchecked_into(), true));
        }
        let scheme = if secure { "wss" } else { "ws" };
        let address = format!("{scheme}://{host}{}", paths::SOCKET);
        Some((WebSocket::new(&address).ok()?, false))
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
    let Some((socket, streams)) = HUB.with_borrow(Hub::open) else {
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
    // A stream has errors only, and would open itself again with what was asked for first; a socket's come before its close.
    socket.set_onclose(Some(on_close.as_ref().unchecked_ref()));
    socket.set_onerror(Some(on_close.as_ref().unchecked_ref()));
    HUB.with_borrow_mut(|hub| {
        if hub.live.is_some_and(|live| live.link.get_untracked() == Link::Idle) {
            hub.show(Link::Connecting);
        }
        hub.socket = Some(Socket {
            socket,
            streams,
            spoke: false,
            _on_open: on_open,
            _on_message: on_message,
            _on_close: on_close,
        });
    });
    set_timeout(
        move || {
            if HUB.with_borrow(|hub| {
                hub.epoch == epoch && hub.socket.as_ref().is_some_and(|socket| !socket.spoke)
            }) {
                retry(epoch);
            }
        },
        SPEAKS,
    );
}

fn opened(epoch: u64) {
    HUB.with_borrow_mut(|hub| {
        if hub.epoch != epoch {
            return;
        }
        hub.heard_ms = now_ms();
        if hub.streams() {
            return;
        }
        for listener in &hub.listeners {
            hub.say(&listener.topic.message());
        }
    });
}

fn heard(epoch: u64, text: &str) {
    let Some(head) = read::<Head>(text) else { return };
    let takers: Vec<(u64, Taker)> = HUB.with_borrow_mut(|hub| {
        if hub.epoch != epoch {
            return Vec::new();
        }
        hub.heard_ms = now_ms();
        hub.attempt = 0;
        let streams = hub.streams();
        if let Some(socket) = &mut hub.socket {
            socket.spoke = true;
        }
        if !streams {
            hub.blocked_ms = None;
        }
        hub.show(if streams { Link::Streaming } else { Link::Live });
        if let (Kind::Problem, Some(live)) = (head.kind, hub.live)
            && let Some(Refusal { problem }) = read(text)
        {
            live.problem.set(Some(problem));
        }
        let listeners = hub.listeners.iter().filter(|listener| listener.topic.takes(&head));
        listeners.map(|listener| (listener.id, listener.take.clone())).collect()
    });
    // Outside the borrow: a taker may follow, leave or renew.
    for (id, take) in takers {
        take(id, text);
    }
}

fn retry(epoch: u64) {
    let delay = HUB.with_borrow_mut(|hub| {
        if hub.epoch != epoch {
            return None;
        }
        hub.epoch += 1;
        let (streamed, spoke) =
            hub.socket.take().map_or((hub.is_blocked(), false), |socket| (socket.streams, socket.spoke));
        if !spoke {
            // One way that does not open is followed by the other: a console that is away opens neither.
            hub.blocked_ms = (!streamed).then(now_ms);
            if !streamed {
                return Some((hub.epoch, 0.0));
            }
        }
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
    } else if HUB.with_borrow(|hub| hub.streams() && !hub.is_blocked()) {
        // Perhaps sockets come through by now.
        connect();
    }
}
