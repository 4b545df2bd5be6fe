//! Requests to run what destroys, as pages show them.

use crate::{JobId, PlanId, Verdict};
use serde::{Deserialize, Serialize};

/// What became of a request so far. Times are microseconds since the epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum ApprovalStage {
    /// Nobody has decided.
    Waiting,
    /// The plan may be run once.
    Approved {
        /// Who approved it.
        by: String,
        /// When.
        at_us: i64,
    },
    /// Somebody said no.
    Refused {
        /// Who.
        by: String,
        /// When.
        at_us: i64,
        /// In their words.
        why: String,
    },
    /// The requester took it back.
    Withdrawn {
        /// When.
        at_us: i64,
    },
    /// A job was started with it.
    Used {
        /// Who approved it.
        by: String,
        /// When they did.
        at_us: i64,
        /// When the job was started.
        used_us: i64,
    },
    /// Nobody decided, or nobody ran it, in time.
    Expired,
    /// The plan is not what it was any more.
    Void {
        /// When that was noticed.
        at_us: i64,
        /// What has changed.
        why: String,
    },
}

/// A request to run a plan that destroys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalState {
    /// Who asked.
    pub requester: String,
    /// Why, in their words.
    pub reason: String,
    /// What the policy made them say besides.
    pub words: Option<String>,
    /// How many people must approve it.
    pub needed: u32,
    /// Who has approved it and when, the first one first.
    pub given: Vec<(String, i64)>,
    /// When they asked, microseconds since the epoch.
    pub requested_us: i64,
    /// From when on it is worth nothing, microseconds since the epoch.
    pub expires_us: i64,
    /// An admin acts alone.
    pub break_glass: bool,
    /// What became of it.
    pub stage: ApprovalStage,
}

/// One row of the approvals page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalRow {
    /// The plan that is asked for.
    pub plan: PlanId,
    /// The plan's sentence.
    pub title: String,
    /// The cluster it changes.
    pub cluster: Option<String>,
    /// The request.
    pub state: ApprovalState,
}

/// The approvals page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalsPage {
    /// What waits for a decision, oldest first.
    pub waiting: Vec<ApprovalRow>,
    /// All others, newest first.
    pub decided: Vec<ApprovalRow>,
}

/// What the approval policy asks of a plan now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanRules {
    /// How many people must approve it when it destroys.
    pub approvers: u32,
    /// A freeze that keeps it from running: why, and until when in microseconds since the epoch.
    pub freeze: Option<(String, i64)>,
    /// Data go of which there is no fresh backup: what requester and approvers must type, and why.
    pub gate: Option<(String, String)>,
}

/// What may happen to a plan now, for the person who asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanStanding {
    /// The job that ran it, when it was run.
    pub job: Option<JobId>,
    /// The newest request for its approval; none when nobody asked.
    pub approval: Option<ApprovalState>,
    /// What the policy asks.
    pub rules: PlanRules,
    /// Whether this person may run it.
    pub may_run: Verdict,
    /// Whether this person may ask for its approval.
    pub may_request: Verdict,
    /// Whether this person may take the request back.
    pub may_withdraw: Verdict,
    /// Whether this person may approve or refuse it.
    pub may_approve: Verdict,
    /// Whether this person may let it run without anybody else.
    pub may_break_glass: Verdict,
}
