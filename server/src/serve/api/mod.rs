//! The REST API, version 1: `Authorization: Bearer`, JSON in and out, problems as JSON.
//!
//! It decides nothing: each handler takes the token's [`Actor`](paddock_console::Actor) to one method of the console,
//! and the console authorises. No cookie opens it, so no other site can use a browser's.

mod answer;
mod jobs;
mod looks;
mod plans;
#[cfg(test)]
mod tests;

use super::routes::{Route, mounted, read, write};
use answer::{nothing_here, wrong_method};
use axum::Router;
use axum::extract::FromRef;
use axum::routing::{get, post};
use paddock_console::Console;
use tokio_util::sync::CancellationToken;

/// Where the routes below are.
pub(super) const PREFIX: &str = "/api/v1";

/// What handlers share. `closing` ends streams that would keep the process from stopping.
#[derive(Clone, FromRef)]
pub(super) struct ApiState {
    pub(super) console: Console,
    pub(super) closing: CancellationToken,
}

/// The list of them is the API.
pub(super) fn routes() -> Vec<Route<ApiState>> {
    vec![
        write("/plans", post(plans::make)),
        read("/plans/{id}", get(plans::page)),
        write("/plans/{id}/dry-run", post(plans::dry_run)),
        write("/plans/{id}/run", post(plans::run)),
        read("/jobs/{id}", get(jobs::page)),
        read("/jobs/{id}/events", get(jobs::events)),
        read("/jobs/{id}/recording.cast", get(jobs::recording)),
        write("/jobs/{id}/cancel", post(jobs::cancel)),
        write("/jobs/{id}/resume", post(jobs::resume)),
        read("/clusters", get(looks::clusters)),
        read("/clusters/{name}", get(looks::cluster)),
        read("/inventory", get(looks::inventory)),
        read("/audit", get(looks::audit)),
    ]
}

/// The API as a part of the whole service, to be nested at [`PREFIX`].
pub(super) fn router<S: Clone + Send + Sync + 'static>(state: ApiState) -> Router<S> {
    mounted(routes()).method_not_allowed_fallback(wrong_method).fallback(nothing_here).with_state(state)
}
