//! Approvals of what destroys: ask, decide, look.

use super::ApiError;
#[cfg(feature = "ssr")]
use super::{actor, answer, console};
use leptos::prelude::*;
use leptos::server_fn::codec::{GetUrl, Json};
#[cfg(feature = "ssr")]
use paddock_console::Said;
use paddock_events::{ApprovalsPage, PlanId, PlanStanding};

/// What waits for a decision, and the newest decided requests.
#[server(name = CallApprovals, prefix = "/api/app", endpoint = "approvals", input = GetUrl)]
pub async fn approvals() -> Result<ApprovalsPage, ApiError> {
    answer(console().approvals(&actor()?).await)
}

/// How many requests wait; the header asks, and the sign-in page has a header, too.
#[server(name = CallApprovalsWaiting, prefix = "/api/app", endpoint = "approvals-waiting", input = GetUrl)]
pub async fn approvals_waiting() -> Result<u32, ApiError> {
    let session: super::Session = use_context().unwrap_or_default();
    match session.actor {
        Some(actor) => answer(console().approvals_waiting(&actor).await),
        None => Ok(0),
    }
}

/// What may happen to a plan now.
#[server(name = CallPlanStanding, prefix = "/api/app", endpoint = "plan-standing", input = GetUrl)]
pub async fn plan_standing(id: i64) -> Result<PlanStanding, ApiError> {
    answer(console().plan_standing(&actor()?, PlanId(id)).await)
}

/// Asks others to approve a plan; `words` where the plan's rules make them say some.
#[server(name = CallApprovalRequest, prefix = "/api/app", endpoint = "approval-request", input = Json)]
pub async fn request_approval(
    id: PlanId,
    reason: String,
    #[server(default)] words: String,
) -> Result<(), ApiError> {
    let said = Said { text: &reason, words: &words };
    answer(console().request_approval(&actor()?, id, said).await)
}

/// Takes one's own request back.
#[server(name = CallApprovalWithdraw, prefix = "/api/app", endpoint = "approval-withdraw", input = Json)]
pub async fn withdraw_approval(id: PlanId) -> Result<(), ApiError> {
    answer(console().withdraw_approval(&actor()?, id).await)
}

/// Lets somebody else's plan run once.
#[server(name = CallApprovalApprove, prefix = "/api/app", endpoint = "approval-approve", input = Json)]
pub async fn approve(
    id: PlanId,
    typed_name: String,
    #[server(default)] words: String,
) -> Result<(), ApiError> {
    let said = Said { text: &typed_name, words: &words };
    answer(console().approve(&actor()?, id, said).await)
}

/// Says no to somebody else's request.
#[server(name = CallApprovalRefuse, prefix = "/api/app", endpoint = "approval-refuse", input = Json)]
pub async fn refuse_approval(id: PlanId, reason: String) -> Result<(), ApiError> {
    answer(console().refuse_approval(&actor()?, id, &reason).await)
}

/// Lets a plan run without anybody else.
#[server(name = CallBreakGlass, prefix = "/api/app", endpoint = "break-glass", input = Json)]
pub async fn break_glass(
    id: PlanId,
    typed_name: String,
    reason: String,
    #[server(default)] words: String,
) -> Result<(), ApiError> {
    let said = Said { text: &reason, words: &words };
    answer(console().break_glass(&actor()?, id, &typed_name, said).await)
}
