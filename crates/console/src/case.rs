//! A plan with the request for its approval, and what stands against each thing that somebody may want to do to it.
//!
//! Pure: the same reasons for a page's controls and for the use cases. Who has which role is not its matter.

use crate::Actor;
use crate::clock::utc;
use crate::plans::KeptPlan;
use crate::policy::Target;
use crate::problems::problem;
use paddock_engine::{Approval, NotRunnable, RunnablePlan};
use paddock_events::{ApprovalStage, PlanId, Problem, ProblemKind};
use paddock_playbooks::{Digest, Plan};
use paddock_store::{ApprovalState, NewApproval, NewAudit, Signed, StoredApproval};

/// How long a request is good for, from the asking to the run: 4 hours.
const GOOD_FOR_US: i64 = 4 * 3_600_000_000;
/// Characters of a reason.
const LONGEST_REASON: usize = 2_000;

/// A plan with the newest request for it.
pub(crate) struct Case {
    pub(crate) kept: KeptPlan,
    pub(crate) asked: Option<StoredApproval>,
}

impl Case {
    fn id(&self) -> PlanId {
        self.kept.stored.id
    }

    /// What the plan is about.
    pub(crate) fn target(&self) -> Target<'_> {
        (&self.kept.stored.clusters).into()
    }

    /// The request that is waiting or approved and has not expired.
    fn open(&self, now_us: i64) -> Option<&StoredApproval> {
        self.asked.as_ref().filter(|asked| match asked.state {
            ApprovalState::Waiting | ApprovalState::Approved => asked.expires_us > now_us,
            ApprovalState::Refused | ApprovalState::Withdrawn | ApprovalState::Used | ApprovalState::Void => {
                false
            }
        })
    }

    /// A plan runs once.
    pub(crate) fn already_run(&self) -> Option<Problem> {
        let job = self.kept.stored.job?;
        Some(problem(
            "run/already-run",
            ProblemKind::Conflict,
            format!("plan {} has been run by job {job}", self.id()),
            "a plan runs once, so that what was read is what ran",
            format!("open job {job}; to run it again, plan again, or resume the job if it did not end well"),
        ))
    }

    pub(crate) fn runnable(
        &self,
        given: Option<&StoredApproval>,
        now_us: i64,
    ) -> Result<RunnablePlan, Problem> {
        let approval = given.and_then(|given| {
            Some(Approval {
                digest: Digest(given.digest.clone()),
                requester: given.asked.by,
                approver: given.decided.as_ref()?.by,
                break_glass: given.break_glass,
                expires_us: given.expires_us,
            })
        });
        RunnablePlan::new(self.kept.plan.clone(), approval.as_ref(), now_us)
            .map_err(|refused| self.not_runnable(refused, now_us))
    }

    fn not_runnable(&self, refused: NotRunnable, now_us: i64) -> Problem {
        const ASK: &str = "ask for an approval on the plan's page, with the reason";
        let (code, fix) = match refused {
            NotRunnable::NeedsApproval => ("run/needs-approval", ASK),
            NotRunnable::PlanChanged => ("run/plan-changed", "plan again, and ask for its approval"),
            NotRunnable::OwnRequest => ("run/own-request", "somebody else must approve it"),
            NotRunnable::Expired => ("run/approval-expired", ASK),
        };
        let stage = self.asked.as_ref().map(|asked| state(asked, now_us));
        let (why, fix) = match stage {
            Some(asked) if refused == NotRunnable::NeedsApproval => match asked.stage {
                ApprovalStage::Waiting => {
                    let since = utc(asked.requested_us);
                    let why = format!(
                        "it destroys, and waits for an approver since {since} ({} asked)",
                        asked.requester
                    );
                    (why, "an approver who is not the requester decides, on the plan's page")
                }
                ApprovalStage::Refused { by, why, .. } => (format!("{by} refused it: {why}"), ASK),
                ApprovalStage::Withdrawn { .. } => {
                    (format!("{} withdrew the request for it", asked.requester), ASK)
                }
                ApprovalStage::Expired => ("the request for it has expired".to_owned(), ASK),
                ApprovalStage::Void { why, .. } => {
                    (format!("its approval is void: {why}"), "plan again, and ask for its approval")
                }
                ApprovalStage::Approved { .. } | ApprovalStage::Used { .. } => (refused.to_string(), fix),
            },
            Some(_) | None => (refused.to_string(), fix),
        };
        problem(code, ProblemKind::Forbidden, format!("plan {} may not run", self.id()), why, fix)
    }

    fn not_needed(&self) -> Option<Problem> {
        (!self.kept.plan.is_destructive()).then(|| {
            problem(
                "approval/not-needed",
                ProblemKind::Request,
                format!("plan {} needs no approval", self.id()),
                "it destroys nothing",
                "run it",
            )
        })
    }

    fn open_already(&self, open: &StoredApproval) -> Problem {
        let (why, fix) = match &open.decided {
            Some(decided) => (format!("{} has approved it", decided.name), "run it"),
            None => (
                format!("{} asked for it, and nobody has decided yet", open.asked.name),
                "wait for an approver",
            ),
        };
        problem(
            "approval/open",
            ProblemKind::Conflict,
            format!("plan {} has been asked for", self.id()),
            why,
            fix,
        )
    }

    pub(crate) fn against_request(&self, now_us: i64) -> Option<Problem> {
        let open = || self.open(now_us).map(|open| self.open_already(open));
        self.not_needed().or_else(|| self.already_run()).or_else(open)
    }

    pub(crate) fn against_withdrawal(&self, actor: &Actor, now_us: i64) -> Option<Problem> {
        let Some(open) = self.open(now_us) else { return Some(self.nothing_open()) };
        (open.asked.by != actor.id).then(|| {
            problem(
                "approval/not-yours",
                ProblemKind::Forbidden,
                format!("the request for plan {} was not withdrawn", self.id()),
                format!("{} asked for it", open.asked.name),
                "only the requester takes it back; an approver may refuse it",
            )
        })
    }

    pub(crate) fn against_decision(&self, actor: &Actor, now_us: i64) -> Option<Problem> {
        let waiting = self.open(now_us).filter(|open| open.state == ApprovalState::Waiting);
        let Some(waiting) = waiting else {
            return self.not_needed().or_else(|| Some(self.nothing_open()));
        };
        (waiting.asked.by == actor.id).then(|| {
            problem(
                "approval/own-request",
                ProblemKind::Forbidden,
                format!("you may not decide on plan {}", self.id()),
                "you asked for it yourself",
                "another approver must decide",
            )
        })
    }

    pub(crate) fn against_break_glass(&self, actor: &Actor, now_us: i64) -> Option<Problem> {
        // Who may break the glass may also approve what another asked for: then it is no case for it.
        let open = || {
            let open = self.open(now_us)?;
            let own = open.asked.by == actor.id && open.state == ApprovalState::Waiting;
            (!own).then(|| self.open_already(open))
        };
        self.not_needed().or_else(|| self.already_run()).or_else(open)
    }

    /// Nothing waits any more: said with what became of it.
    fn nothing_open(&self) -> Problem {
        let at = |by: &Option<Signed>| {
            by.as_ref().map_or_else(String::new, |signed| format!("{} at {}", signed.name, utc(signed.at_us)))
        };
        let why = match self.asked.as_ref().map(|asked| (asked, asked.state)) {
            None => "nobody has asked for it".to_owned(),
            Some((_, ApprovalState::Waiting)) => "the request has expired".to_owned(),
            Some((asked, ApprovalState::Approved)) => format!("it was approved by {}", at(&asked.decided)),
            Some((asked, ApprovalState::Refused)) => format!("it was refused by {}", at(&asked.decided)),
            Some((asked, ApprovalState::Withdrawn)) => format!("{} withdrew the request", asked.asked.name),
            Some((_, ApprovalState::Used)) => "its approval has been used".to_owned(),
            Some((asked, ApprovalState::Void)) => {
                format!("the request is void: {}", asked.why.as_deref().unwrap_or("it changed"))
            }
        };
        let what = format!("no request for plan {} is open", self.id());
        problem("approval/none-open", ProblemKind::Conflict, what, why, "look at the plan's page")
    }

    /// A row of the audit log about this plan.
    pub(crate) fn note(&self, actor: &Actor, act: &'static str, outcome: impl Into<String>) -> NewAudit {
        let cluster = self.kept.plan.cluster.as_ref().map(ToString::to_string);
        let digest = Some(self.kept.stored.digest.clone());
        let outcome = outcome.into();
        NewAudit { digest, outcome, ..actor.note_on(act, format!("plan {}", self.id()), cluster) }
    }

    pub(crate) fn new_request(&self, actor: &Actor, reason: String, now_us: i64) -> NewApproval {
        let plan = &self.kept.plan;
        NewApproval {
            plan: self.id(),
            title: plan.title.clone(),
            cluster: plan.cluster.as_ref().map(ToString::to_string),
            asked: signed(actor, now_us),
            reason,
            expires_us: now_us + GOOD_FOR_US,
        }
    }
}

pub(crate) fn signed(actor: &Actor, at_us: i64) -> Signed {
    Signed { by: actor.id, name: actor.name.clone(), at_us }
}

/// What an approver types: the cluster, else the node, else the limit that was asked for.
pub(crate) fn confirm_name(plan: &Plan) -> String {
    if let Some(cluster) = &plan.cluster {
        return cluster.to_string();
    }
    let nodes = plan.nodes();
    match nodes.first() {
        Some(only) if nodes.len() == 1 => only.to_string(),
        Some(_) | None => plan
            .plays
            .iter()
            .find(|play| play.because.is_none())
            .map_or_else(|| plan.title.clone(), |play| play.limit.clone()),
    }
}

pub(crate) fn check_typed(plan: &Plan, typed: &str) -> Result<(), Problem> {
    let name = confirm_name(plan);
    if typed.trim() == name {
        return Ok(());
    }
    Err(problem(
        "approval/name-differs",
        ProblemKind::Request,
        "nothing was approved",
        format!("what was typed is not `{name}`"),
        format!("if you mean it, type `{name}`"),
    ))
}

pub(crate) fn check_reason(reason: &str) -> Result<String, Problem> {
    let reason = reason.trim();
    if !reason.is_empty() && reason.chars().count() <= LONGEST_REASON {
        return Ok(reason.to_owned());
    }
    Err(problem(
        "approval/no-reason",
        ProblemKind::Request,
        "the reason was not taken",
        format!("a reason has 1 to {LONGEST_REASON} characters"),
        "say why, in a sentence that the others understand",
    ))
}

pub(crate) fn state(asked: &StoredApproval, now_us: i64) -> paddock_events::ApprovalState {
    let (by, at_us) =
        asked.decided.as_ref().map_or_else(Default::default, |one| (one.name.clone(), one.at_us));
    let ended_us = asked.ended_us.unwrap_or_default();
    let why = asked.why.clone().unwrap_or_default();
    let stage = match asked.state {
        ApprovalState::Waiting | ApprovalState::Approved if asked.expires_us <= now_us => {
            ApprovalStage::Expired
        }
        ApprovalState::Waiting => ApprovalStage::Waiting,
        ApprovalState::Approved => ApprovalStage::Approved { by, at_us },
        ApprovalState::Refused => ApprovalStage::Refused { by, at_us, why },
        ApprovalState::Withdrawn => ApprovalStage::Withdrawn { at_us: ended_us },
        ApprovalState::Used => ApprovalStage::Used { by, at_us, used_us: ended_us },
        ApprovalState::Void => ApprovalStage::Void { at_us: ended_us, why },
    };
    paddock_events::ApprovalState {
        requester: asked.asked.name.clone(),
        reason: asked.reason.clone(),
        requested_us: asked.asked.at_us,
        expires_us: asked.expires_us,
        break_glass: asked.break_glass,
        stage,
    }
}
