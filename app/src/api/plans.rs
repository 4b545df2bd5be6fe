//! Plans: make, read, check on the nodes, run.

use super::ApiError;
#[cfg(feature = "ssr")]
use super::{actor, answer, console};
use leptos::prelude::*;
use leptos::server_fn::codec::{GetUrl, Json};
use paddock_events::{DryRun, JobId, PlanId, PlanPage};

/// Plans what the words of a command line mean: `bin/pgsql-add pg-test`.
#[server(name = CallPlanMake, prefix = "/api/app", endpoint = "plan-make", input = Json)]
pub async fn make_plan(words: Vec<String>) -> Result<PlanId, ApiError> {
    answer(console().plan_words(&actor()?, &words).await)
}

/// A stored plan.
#[server(name = CallPlan, prefix = "/api/app", endpoint = "plan", input = GetUrl)]
pub async fn plan(id: i64) -> Result<PlanPage, ApiError> {
    answer(console().plan_page(&actor()?, PlanId(id)).await)
}

/// Runs every check of the plan on the nodes and changes nothing.
#[server(name = CallPlanDryRun, prefix = "/api/app", endpoint = "plan-dry-run", input = Json)]
pub async fn dry_run(id: PlanId) -> Result<DryRun, ApiError> {
    answer(console().dry_run(&actor()?, id).await)
}

/// Starts a job for the plan.
#[server(name = CallPlanRun, prefix = "/api/app", endpoint = "plan-run", input = Json)]
pub async fn run(id: PlanId) -> Result<JobId, ApiError> {
    answer(console().run(&actor()?, id).await)
}
