//! A job's lines as a text file, made while it is read: the download of the job's page, by the same filter.

use super::recording::streamed;
use super::router::AppState;
use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures::stream;
use paddock_app::api::Session;
use paddock_console::{Actor, Console};
use paddock_events::{
    Event, EventKind, JobId, LogFilter, LogPlace, LogQuery, Problem, ProblemKind, plain, printable,
};
use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Events of one read.
const READ: u32 = 5_000;

/// What the page's address says.
#[derive(Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    find: String,
    #[serde(default)]
    host: String,
    #[serde(default)]
    step: String,
    #[serde(default)]
    level: String,
}

/// What is written while it is read.
struct File {
    console: Console,
    actor: Actor,
    job: JobId,
    filter: LogFilter,
    steps: Option<Vec<u32>>,
    /// The next event; or the next row, where the console has the lines in memory and need not unpack them all.
    next: u64,
    by_rows: bool,
}

impl File {
    /// The next lines; none at the end.
    async fn read(&mut self) -> Result<Option<Vec<Event>>, Problem> {
        if self.by_rows {
            let query = LogQuery {
                filter: self.filter.clone(),
                place: LogPlace::Row(self.next),
                limit: READ,
                until_seq: None,
            };
            let lines = self.console.job_lines(&self.actor, self.job, query).await?.lines;
            self.next += lines.len() as u64;
            return Ok((!lines.is_empty()).then_some(lines));
        }
        let events = self.console.job_events(&self.actor, self.job, self.next, READ).await?;
        let Some(last) = events.last().map(|event| event.seq) else { return Ok(None) };
        self.next = last + 1;
        let wanted = events.into_iter().filter(|event| self.filter.takes(event, self.steps.as_deref()));
        Ok(Some(wanted.collect()))
    }
}

/// `GET /jobs/{id}/log.txt?find=…&host=…&step=…&level=…`
pub(super) async fn log_text(
    State(AppState { console, .. }): State<AppState>,
    Extension(session): Extension<Session>,
    Path(job): Path<JobId>,
    Query(Wanted { find, host, step, level }): Query<Wanted>,
) -> Response {
    let Some(actor) = session.actor else {
        return (StatusCode::UNAUTHORIZED, "sign in first\n").into_response();
    };
    let page = match console.job(&actor, job).await {
        Ok(page) => page,
        Err(problem) => {
            let status = match problem.kind {
                ProblemKind::NotFound => StatusCode::NOT_FOUND,
                ProblemKind::Forbidden => StatusCode::FORBIDDEN,
                _ => StatusCode::INTERNAL_SERVER_ERROR,
            };
            return (status, format!("{problem}\n")).into_response();
        }
    };
    let filter = LogFilter { find, host, step, level: paddock_events::Stream::parse(&level) };
    let steps = filter.steps(&page.view.outline);
    let none = LogQuery { filter: filter.clone(), ..LogQuery::default() };
    // Whoever takes all lines home looks through none.
    let by_rows = !filter.is_all() && console.job_lines(&actor, job, none).await.is_ok();
    let file = File { console, actor, job, filter, steps, next: 0, by_rows };
    let lines = stream::try_unfold(file, |mut file| async move {
        let Some(lines) = file.read().await? else { return Ok(None) };
        let text: String = lines.iter().filter_map(told).collect();
        Ok::<_, axum::BoxError>(Some((Bytes::from(text), file)))
    });
    let mut response = streamed(Body::from_stream(lines), "text/plain; charset=utf-8");
    if let Ok(name) = HeaderValue::try_from(format!("attachment; filename=\"paddock-job-{job}.log\"")) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, name);
    }
    response
}

/// Time, where it came from, stream, text; nothing in it steers the terminal that shows the file.
fn told(event: &Event) -> Option<String> {
    let EventKind::Line { host, stream, text, .. } = &event.kind else { return None };
    let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(event.at_us) * 1_000).ok()?;
    let at = at.format(&Rfc3339).ok()?;
    let host = if host.is_empty() { "console" } else { host };
    Some(format!("{at} {host} {} {}\n", stream.as_str(), printable(&plain(text))))
}
