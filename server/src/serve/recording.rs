//! A job's recording, made while it is read: a link on the job's page, and a route of the API.

use super::router::AppState;
use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures::stream;
use paddock_app::api::Session;
use paddock_console::{Actor, Console};
use paddock_events::{Event, JobId, Problem, ProblemKind, Recording};
use serde::Serialize;

/// Events of one read.
const READ: u32 = 5_000;

/// What is written while it is read.
struct Tape {
    console: Console,
    actor: Actor,
    job: JobId,
    next: u64,
    recording: Recording,
    head: Option<Bytes>,
}

/// `GET /jobs/{id}/recording.cast` for who is signed in with a browser.
pub(super) async fn recording(
    State(AppState { console, .. }): State<AppState>,
    Extension(session): Extension<Session>,
    Path(id): Path<JobId>,
) -> Response {
    let Some(actor) = session.actor else {
        return (StatusCode::UNAUTHORIZED, "sign in first\n").into_response();
    };
    match taped(console, actor, id).await {
        Ok(response) => response,
        Err(problem) => {
            let status = match problem.kind {
                ProblemKind::NotFound => StatusCode::NOT_FOUND,
                ProblemKind::Forbidden => StatusCode::FORBIDDEN,
                _ => StatusCode::INTERNAL_SERVER_ERROR,
            };
            (status, format!("{problem}\n")).into_response()
        }
    }
}

/// asciicast v2 of what has happened in a job so far.
pub(super) async fn taped(console: Console, actor: Actor, job: JobId) -> Result<Response, Problem> {
    let page = console.job(&actor, job).await?;
    let first = console.job_events(&actor, job, 0, 1).await?;
    let first_us = first.first().map_or(page.row.created_us, |event| event.at_us);
    let recording = Recording::new(page.view.outline, first_us);
    let head = lines(std::iter::once(recording.header())).ok();
    let tape = Tape { console, actor, job, next: 0, recording, head };
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
    let mut response = streamed(Body::from_stream(frames), "application/x-asciicast");
    if let Ok(name) = HeaderValue::try_from(format!("attachment; filename=\"paddock-job-{job}.cast\"")) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, name);
    }
    Ok(response)
}

/// Each row as JSON on a line of its own.
pub(super) fn lines<T: Serialize>(rows: impl Iterator<Item = T>) -> Result<Bytes, serde_json::Error> {
    let mut out = Vec::new();
    for row in rows {
        serde_json::to_writer(&mut out, &row)?;
        out.push(b'\n');
    }
    Ok(out.into())
}

/// An answer that is made while it is read; nothing on the way may hold it back.
pub(super) fn streamed(body: Body, kind: &'static str) -> Response {
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // nginx gathers answers otherwise.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}
