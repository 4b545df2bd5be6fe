//! A job's recording for who is signed in with a browser: a link on the job's page.

use super::router::AppState;
use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures::stream;
use paddock_app::api::Session;
use paddock_console::{Actor, Console};
use paddock_events::{Event, JobId, Problem, ProblemKind, Recording};
use serde::Serialize;

/// Events of one read.
const READ: u32 = 2_000;

/// What is written while it is read.
struct Tape {
    console: Console,
    actor: Actor,
    job: JobId,
    next: u64,
    recording: Recording,
    head: Option<Vec<u8>>,
}

/// `GET /jobs/{id}/recording.cast`: asciicast v2 of what has happened so far.
pub(super) async fn recording(
    State(AppState { console, .. }): State<AppState>,
    Extension(session): Extension<Session>,
    Path(id): Path<JobId>,
) -> Response {
    let Some(actor) = session.actor else {
        return (StatusCode::UNAUTHORIZED, "sign in first\n").into_response();
    };
    match tape(console, actor, id).await {
        Ok(tape) => answer(id, tape),
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

async fn tape(console: Console, actor: Actor, job: JobId) -> Result<Tape, Problem> {
    let page = console.job(&actor, job).await?;
    let first = console.job_events(&actor, job, 0, 1).await?;
    let first_us = first.first().map_or(page.row.created_us, |event| event.at_us);
    let recording = Recording::new(page.view.outline, first_us);
    let head = lines(std::iter::once(recording.header())).ok();
    Ok(Tape { console, actor, job, next: 0, recording, head })
}

fn answer(id: JobId, tape: Tape) -> Response {
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
    let mut response = Body::from_stream(frames).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-asciicast"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(name) = HeaderValue::try_from(format!("attachment; filename=\"paddock-job-{id}.cast\"")) {
        headers.insert(header::CONTENT_DISPOSITION, name);
    }
    response
}

/// Each row as JSON on a line of its own.
fn lines<T: Serialize>(rows: impl Iterator<Item = T>) -> Result<Vec<u8>, serde_json::Error> {
    let mut out = Vec::new();
    for row in rows {
        serde_json::to_writer(&mut out, &row)?;
        out.push(b'\n');
    }
    Ok(out)
}
