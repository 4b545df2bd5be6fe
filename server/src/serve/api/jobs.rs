//! Jobs: looked at, followed, steered, taken home as a recording.

use super::ApiState;
use super::answer::{Answer, Bearer, Body, Path, Query};
use axum::Json;
use axum::body::{Body as Stream, Bytes};
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures::stream;
use paddock_console::{Actor, Console, EventFeed};
use paddock_events::{Event, JobId, JobPage, Recording};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Pause between signs of life (empty lines) of a job that says nothing.
const ALIVE: Duration = Duration::from_secs(10);
/// Events of one read for a recording.
const READ: u32 = 5_000;

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

fn lines<T: Serialize>(rows: impl Iterator<Item = T>) -> Result<Bytes, serde_json::Error> {
    let mut out = Vec::new();
    for row in rows {
        serde_json::to_writer(&mut out, &row)?;
        out.push(b'\n');
    }
    Ok(out.into())
}

/// An answer that is made while it is read; nothing on the way may hold it back.
fn streamed(body: Stream, kind: &'static str) -> Response {
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // nginx gathers answers otherwise.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

struct Tape {
    console: Console,
    actor: Actor,
    job: JobId,
    next: u64,
    recording: Recording,
    head: Option<Bytes>,
}

/// `GET /jobs/{id}/recording.cast`: asciicast v2 of what has happened so far.
pub(super) async fn recording(
    Bearer(actor): Bearer,
    State(console): State<Console>,
    Path(id): Path<JobId>,
) -> Answer<Response> {
    let page = console.job(&actor, id).await?;
    let first = console.job_events(&actor, id, 0, 1).await?;
    let first_us = first.first().map_or(page.row.created_us, |event| event.at_us);
    let recording = Recording::new(page.view.outline, first_us);
    let head = lines(std::iter::once(recording.header())).ok();
    let tape = Tape { console, actor, job: id, next: 0, recording, head };
    let frames = stream::try_unfold(tape, |mut tape| async move {
        if let Some(head) = tape.head.take() {
            return Ok::<_, axum::BoxError>(Some((head, tape)));
        }
        let events = tape.console.job_events(&tape.actor, tape.job, tape.next, READ).await?;
        let Some(last) = events.last().map(|event: &Event| event.seq) else { return Ok(None) };
        tape.next = last + 1;
        let recording = &mut tape.recording;
        let frames = lines(events.iter().filter_map(|event| recording.take(event)))?;
        Ok(Some((frames, tape)))
    });
    let mut response = streamed(Stream::from_stream(frames), "application/x-asciicast");
    if let Ok(name) = HeaderValue::try_from(format!("attachment; filename=\"paddock-job-{id}.cast\"")) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, name);
    }
    Ok(response)
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
