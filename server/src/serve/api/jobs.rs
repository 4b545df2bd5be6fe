//! Jobs: looked at, followed, steered, taken home as a recording.

use super::ApiState;
use super::answer::{Answer, Bearer, Body, Path, Query};
use crate::serve::recording::{lines, streamed, taped};
use axum::Json;
use axum::body::{Body as Stream, Bytes};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use futures::stream;
use paddock_console::{Console, EventFeed};
use paddock_events::{JobId, JobPage};
use serde::Deserialize;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Pause between signs of life (empty lines) of a job that says nothing.
const ALIVE: Duration = Duration::from_secs(10);

/// `GET /jobs/{id}`
pub(super) async fn page(
    Bearer(actor): Bearer,
    State(console): State<Console>,
    Path(id): Path<JobId>,
) -> Answer<Json<JobPage>> {
    Ok(Json(console.job(&actor, id).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct From {
    /// The first sequence number that the reader does not have.
    #[serde(default)]
    from: u64,
}

/// `GET /jobs/{id}/events?from=N`: one event per line, stored ones first, then live ones until the job's end. A reader
/// whose connection breaks, or who gets no `job_finished`, comes back with the next sequence number.
pub(super) async fn events(
    Bearer(actor): Bearer,
    State(state): State<ApiState>,
    Path(id): Path<JobId>,
    Query(From { from }): Query<From>,
) -> Answer<Response> {
    let feed = state.console.follow_job(&actor, id, from).await?;
    let lines = stream::unfold((feed, state.closing), |(mut feed, closing)| async move {
        let bytes = next_lines(&mut feed, &closing).await?;
        Some((bytes, (feed, closing)))
    });
    Ok(streamed(Stream::from_stream(lines), "application/x-ndjson"))
}

async fn next_lines(
    feed: &mut EventFeed,
    closing: &CancellationToken,
) -> Option<Result<Bytes, serde_json::Error>> {
    let events = tokio::select! {
        events = feed.recv() => events?,
        () = closing.cancelled() => return None,
        () = tokio::time::sleep(ALIVE) => return Some(Ok(Bytes::from_static(b"\n"))),
    };
    Some(lines(events.iter()))
}

/// `GET /jobs/{id}/recording.cast`: asciicast v2 of what has happened so far.
pub(super) async fn recording(
    Bearer(actor): Bearer,
    State(console): State<Console>,
    Path(id): Path<JobId>,
) -> Answer<Response> {
    Ok(taped(console, actor, id).await?)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cancel {
    /// True: signal what runs; false: after the running steps.
    #[serde(default)]
    now: bool,
}

/// `POST /jobs/{id}/cancel`
pub(super) async fn cancel(
    Bearer(actor): Bearer,
    State(console): State<Console>,
    Path(id): Path<JobId>,
    Body(Cancel { now }): Body<Cancel>,
) -> Answer<StatusCode> {
    console.cancel(&actor, id, now).await?;
    Ok(StatusCode::ACCEPTED)
}

/// `POST /jobs/{id}/resume`
pub(super) async fn resume(
    Bearer(actor): Bearer,
    State(console): State<Console>,
    Path(id): Path<JobId>,
) -> Answer<StatusCode> {
    console.resume(&actor, id).await?;
    Ok(StatusCode::ACCEPTED)
}
