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
use paddock_console::{Actor, Console, EventFeed};
use paddock_events::{JobId, JobPage};
use serde::Deserialize;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// Pause between signs of life (empty lines) of a job that says nothing.
const ALIVE: Duration = Duration::from_secs(10);
/// How often it is looked whether the token that follows is still good.
const LOOK: Duration = Duration::from_secs(2);

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
    let now = Instant::now();
    let stream = Followed {
        console: state.console,
        actor,
        job: id,
        feed,
        closing: state.closing,
        looked: now,
        said: now,
    };
    let lines = stream::unfold(stream, |mut stream| async move {
        let bytes = stream.next_lines().await?;
        Some((bytes, stream))
    });
    Ok(streamed(Stream::from_stream(lines), "application/x-ndjson"))
}

/// A stream of events that somebody's token has opened.
struct Followed {
    console: Console,
    actor: Actor,
    job: JobId,
    feed: EventFeed,
    closing: CancellationToken,
    /// When the token was last found to be good.
    looked: Instant,
    /// When something was last said.
    said: Instant,
}

impl Followed {
    /// The next lines; none at the end. A token that was revoked, has expired or sees the job no more ends it, also while
    /// events come without a pause.
    async fn next_lines(&mut self) -> Option<Result<Bytes, serde_json::Error>> {
        loop {
            let events = tokio::select! {
                events = self.feed.recv() => Some(events?),
                () = self.closing.cancelled() => return None,
                () = tokio::time::sleep(LOOK) => None,
            };
            if self.looked.elapsed() >= LOOK {
                if !self.console.may_follow(&self.actor, self.job).await {
                    return None;
                }
                self.looked = Instant::now();
            }
            let said = match events {
                Some(events) => lines(events.iter()),
                None if self.said.elapsed() >= ALIVE => Ok(Bytes::from_static(b"\n")),
                None => continue,
            };
            self.said = Instant::now();
            return Some(said);
        }
    }
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
