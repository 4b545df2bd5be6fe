//! Jobs: list, read, stop, go on.

use super::ApiError;
#[cfg(feature = "ssr")]
use super::{actor, answer, console};
use leptos::prelude::*;
use leptos::server_fn::codec::{GetUrl, Json};
use paddock_events::{Event, JobId, JobPage, JobRow, LogLines, LogQuery};

/// Newest jobs first.
#[server(name = CallJobs, prefix = "/api/app", endpoint = "jobs", input = GetUrl)]
pub async fn jobs(limit: u32) -> Result<Vec<JobRow>, ApiError> {
    answer(console().jobs(&actor()?, limit.min(500)).await)
}

/// One job with its last lines.
#[server(name = CallJob, prefix = "/api/app", endpoint = "job", input = GetUrl)]
pub async fn job(id: i64) -> Result<JobPage, ApiError> {
    answer(console().job(&actor()?, JobId(id)).await)
}

/// Lines of a job's output as a filter wants them, and how many there are.
#[server(name = CallJobLines, prefix = "/api/app", endpoint = "job-lines", input = Json)]
pub async fn job_lines(id: JobId, query: LogQuery) -> Result<LogLines, ApiError> {
    answer(console().job_lines(&actor()?, id, query).await)
}

/// Stored events from `from_seq` on, for a replay.
#[server(name = CallJobEvents, prefix = "/api/app", endpoint = "job-events", input = GetUrl)]
pub async fn job_events(id: i64, from_seq: u64, limit: u32) -> Result<Vec<Event>, ApiError> {
    answer(console().job_events(&actor()?, JobId(id), from_seq, limit.min(5_000)).await)
}

/// Stops a job after its running steps, or now.
#[server(name = CallJobCancel, prefix = "/api/app", endpoint = "job-cancel", input = Json)]
pub async fn cancel(id: JobId, now: bool) -> Result<(), ApiError> {
    answer(console().cancel(&actor()?, id, now).await)
}

/// Goes on with a job from its first unfinished step.
#[server(name = CallJobResume, prefix = "/api/app", endpoint = "job-resume", input = Json)]
pub async fn resume(id: JobId) -> Result<(), ApiError> {
    answer(console().resume(&actor()?, id).await)
}
