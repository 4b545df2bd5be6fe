//! Plans: made from the words of a command line, read, checked on the nodes, run.

use super::answer::{Answer, Bearer, Body, Path};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use paddock_console::Console;
use paddock_events::{DryRun, JobId, PlanId, PlanPage};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wish {
    /// `["pgsql-add", "pg-test"]`, `["pgsql.yml", "-l", "pg-test", "-t", "pg_hba"]`.
    words: Vec<String>,
}

/// Which job runs the plan.
#[derive(Serialize)]
pub(super) struct Started {
    job: JobId,
}

/// `POST /plans`: the plan's page.
pub(super) async fn make(
    Bearer(actor): Bearer,
    State(console): State<Console>,
    Body(wish): Body<Wish>,
) -> Answer<(StatusCode, Json<PlanPage>)> {
    let id = console.plan_words(&actor, &wish.words).await?;
    Ok((StatusCode::CREATED, Json(console.plan_page(&actor, id).await?)))
}

/// `GET /plans/{id}`
pub(super) async fn page(
    Bearer(actor): Bearer,
    State(console): State<Console>,
    Path(id): Path<PlanId>,
) -> Answer<Json<PlanPage>> {
    Ok(Json(console.plan_page(&actor, id).await?))
}

/// `POST /plans/{id}/dry-run`
pub(super) async fn dry_run(
    Bearer(actor): Bearer,
    State(console): State<Console>,
    Path(id): Path<PlanId>,
) -> Answer<Json<DryRun>> {
    Ok(Json(console.dry_run(&actor, id).await?))
}

/// `POST /plans/{id}/run`: `{"job": 12}`.
pub(super) async fn run(
    Bearer(actor): Bearer,
    State(console): State<Console>,
    Path(id): Path<PlanId>,
) -> Answer<(StatusCode, Json<Started>)> {
    let job = console.run(&actor, id).await?;
    Ok((StatusCode::ACCEPTED, Json(Started { job })))
}
