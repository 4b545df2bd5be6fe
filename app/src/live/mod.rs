//! Live data over one WebSocket, or a stream of server-sent events where none comes through: what pages subscribe to, and
//! how the connection does.
//!
//! Everything here runs in effects, so only in the browser; the server renders [`Link::Idle`].

mod hub;
mod message;

pub use hub::{follow_cluster, follow_fleet, follow_job, leave, renew};
use leptos::prelude::*;
use paddock_events::Problem;

/// How the connection does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Link {
    /// No page has asked for live data yet.
    #[default]
    Idle,
    /// The first connection is being made.
    Connecting,
    /// Connected, and heard of lately.
    Live,
    /// The same without a WebSocket: something on the way lets none through.
    Streaming,
    /// Lost; a new connection is on its way.
    Lost,
}

/// The connection's state for all components.
#[derive(Clone, Copy)]
pub struct Live {
    /// How the connection does.
    pub link: RwSignal<Link>,
    /// What the server last refused on it.
    pub problem: RwSignal<Option<Problem>>,
}

impl Live {
    /// Puts it into context.
    pub fn provide() {
        provide_context(Self { link: RwSignal::new(Link::Idle), problem: RwSignal::new(None) });
    }

    /// The one from context.
    pub fn get() -> Self {
        expect_context()
    }
}
