//! A plan with the request for its approval, and what stands against each thing that somebody may want to do to it.
//!
//! Pure: the same reasons for a page's controls and for the use cases. Who has which role is not its matter.

use crate::Actor;
use crate::clock::utc;
use crate::plans::KeptPlan;
use crate::policy::Target;
use crate::problems::problem;
use crate::rules::{ApprovalPolicy, Gate};
use paddock_engine::{Approval, NotRunnable, RunnablePlan};
use paddock_events::{ApprovalStage, PlanId, PlanRules, Problem, ProblemKind};
use paddock_playbooks::{Digest, Plan};
use paddock_store::{ApprovalState, NewApproval, NewAudit, Signed, StoredApproval};

/// How long a request is good for, from the asking to the run: 4 hours.
const GOOD_FOR_US: i64 = 4 * 3_600_000_000;
/// Code of what is missing when there is no fresh backup.
const NO_BACKUP: &str = "approval/no-backup";
/// Characters of a reason.
const LONGEST_REASON: usize = 2_000;

/// What a person types to ask or to decide.
#[derive(Clone, Copy, Debug)]
pub struct Said<'a> {
    /// The reason, or the name of what they decide on.
    pub text: &'a str,
    /// What the policy makes them say besides; else empty.
    pub words: &'a str,
}

impl<'a> From<&'a str> for Said<'a> {
    fn from(text: &'a str) -> Self {
        Self { text, words: "" }
    }
}

impl<'a> From<&'a String> for Said<'a> {
    fn from(text: &'a String) -> Self {
        text.as_str().into()
    }
}

/// A plan with the newest request for it, and the policy in force.
pub(crate) struct Case {
    pub(crate) kept: KeptPlan,
    pub(crate) asked: Option<StoredApproval>,
    pub(crate) policy: ApprovalPolicy,
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

    /// The approval that a job of the plan would use up now: of one that destroys, or with the glass broken in a freeze.
    pub(crate) fn to_be_used(&self, now_us: i64) -> Option<&StoredApproval> {
        let open = self.asked.as_ref().filter(|asked| asked.state == ApprovalState::Approved)?;
        let glass = open.break_glass && open.expires_us > now_us;
        (self.kept.plan.is_destructive() || glass).then_some(open)
    }

    pub(crate) fn runnable(
        &self,
        given: Option<&StoredApproval>,
        now_us: i64,
    ) -> Result<RunnablePlan, Problem> {
        let approval = given.map(|given| Approval {
            digest: Digest(given.digest.clone()),
            requester: given.asked.by,
            approvers: given.given.iter().map(|one| one.by).collect(),
            needed: given.needed,
            break_glass: given.break_glass,
            expires_us: given.expires_us,
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
            NotRunnable::TooFew => ("run/too-few-approvals", "another approver must approve it, too"),
            NotRunnable::Expired => ("run/approval-expired", ASK),
        };
        let stage = self.asked.as_ref().map(|asked| state(asked, now_us));
        let (why, fix) = match stage {
            Some(asked) if refused == NotRunnable::NeedsApproval => match asked.stage {
                ApprovalStage::Waiting => {
                    let since = utc(asked.requested_us);
                    let (given, needed) = (asked.given.len(), asked.needed);
                    let given = if needed > 1 {
                        format!("; {given} of {needed} have approved")
                    } else {
                        String::new()
                    };
                    let why = format!(
                        "it destroys, and waits for an approver since {since} ({} asked{given})",
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

    /// What the policy asks of the plan now.
    pub(crate) fn rules(&self, now_us: i64) -> PlanRules {
        let freeze = self.policy.freeze(&self.kept.stored.clusters, now_us);
        let freeze = freeze.filter(|_| !self.kept.plan.only_reads());
        PlanRules {
            approvers: self.policy.approvers(&self.kept.stored.clusters),
            freeze: freeze.map(|freeze| (freeze.reason.clone(), freeze.to_us)),
            gate: self.gate(now_us).map(|gate| (gate.words, gate.why)),
        }
    }

    fn gate(&self, now_us: i64) -> Option<Gate> {
        self.policy.gate(&self.kept.plan.at_stake, now_us)
    }

    /// A freeze keeps everything from running that could change something, but what an admin broke the glass for.
    pub(crate) fn frozen(&self, given: Option<&StoredApproval>, now_us: i64) -> Option<Problem> {
        let (reason, to_us) = self.rules(now_us).freeze?;
        let glass = given.is_some_and(|given| given.break_glass);
        (!glass).then(|| {
            problem(
                "run/frozen",
                ProblemKind::Forbidden,
                format!("plan {} may not run now", self.id()),
                format!("a freeze holds until {}: {reason}", utc(to_us)),
                "wait for its end; in an emergency an admin breaks the glass on the page of a plan that has not been asked for",
            )
        })
    }

    /// What the policy asks by now, and the approval does not have: it may have become stricter since, or the last backup
    /// too old.
    pub(crate) fn falls_short(&self, given: &StoredApproval, now_us: i64) -> Option<Problem> {
        let rules = self.rules(now_us);
        let count = given.given.len();
        if !given.break_glass && count < rules.approvers as usize {
            return Some(problem(
                "run/too-few-approvals",
                ProblemKind::Forbidden,
                format!("plan {} may not run", self.id()),
                format!("the policy asks for {} approvers, and {count} approved it", rules.approvers),
                format!("{} withdraws the request, then ask anew", given.asked.name),
            ));
        }
        self.unsaid(given, now_us)
    }

    /// There is no fresh backup, and the request does not say so.
    fn unsaid(&self, given: &StoredApproval, now_us: i64) -> Option<Problem> {
        let gate = self.gate(now_us).filter(|gate| given.words.as_ref() != Some(&gate.words))?;
        Some(problem(
            NO_BACKUP,
            ProblemKind::Forbidden,
            format!("plan {} may not run", self.id()),
            format!("{}, and the request for it does not say `{}`", gate.why, gate.words),
            format!(
                "make a backup and plan again, or {} withdraws the request and asks anew with these words",
                given.asked.name
            ),
        ))
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
            None if open.given.is_empty() => (
                format!("{} asked for it, and nobody has decided yet", open.asked.name),
                "wait for an approver",
            ),
            None => (
                format!(
                    "{} asked for it, and {} of {} have approved it",
                    open.asked.name,
                    open.given.len(),
                    open.needed
                ),
                "wait for another approver",
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

    /// The same for a yes, which each person gives once.
    pub(crate) fn against_approval(&self, actor: &Actor, now_us: i64) -> Option<Problem> {
        let against = self.against_decision(actor, now_us);
        let waiting = self.asked.as_ref().filter(|_| against.is_none());
        let given = |asked: &&StoredApproval| asked.given.iter().any(|one| one.by == actor.id);
        let twice = waiting.filter(given).map(|asked| {
            problem(
                "approval/given",
                ProblemKind::Conflict,
                format!("plan {} has your approval", self.id()),
                format!(
                    "{} of {} have approved it; it takes different people",
                    asked.given.len(),
                    asked.needed
                ),
                "another approver must decide; you may still refuse it",
            )
        });
        against.or(twice).or_else(|| self.unsaid(waiting?, now_us))
    }

    pub(crate) fn against_break_glass(&self, actor: &Actor, now_us: i64) -> Option<Problem> {
        // Who may break the glass may also approve what another asked for: then it is no case for it.
        let open = || {
            let open = self.open(now_us)?;
            let own = open.asked.by == actor.id && open.state == ApprovalState::Waiting;
            (!own).then(|| self.open_already(open))
        };
        // In a freeze everything takes it that could change something.
        let not_needed = self.not_needed().filter(|_| self.rules(now_us).freeze.is_none());
        not_needed.or_else(|| self.already_run()).or_else(open)
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

    /// The request with its reason, and with the words where the policy makes it say some.
    pub(crate) fn new_request(
        &self,
        actor: &Actor,
        said: Said<'_>,
        now_us: i64,
    ) -> Result<NewApproval, Problem> {
        let reason = check_reason(said.text)?;
        let words = match self.gate(now_us) {
            Some(gate) if said.words.trim() == gate.words => Some(gate.words),
            Some(gate) => {
                return Err(problem(
                    NO_BACKUP,
                    ProblemKind::Request,
                    format!("plan {} was not asked for", self.id()),
                    format!("all data would go, and {}", gate.why),
                    format!("make a backup and plan again; if you mean it so, type `{}`", gate.words),
                ));
            }
            None => None,
        };
        let plan = &self.kept.plan;
        Ok(NewApproval {
            plan: self.id(),
            title: plan.title.clone(),
            cluster: plan.cluster.as_ref().map(ToString::to_string),
            asked: signed(actor, now_us),
            reason,
            words,
            needed: self.policy.approvers(&self.kept.stored.clusters),
            expires_us: now_us + GOOD_FOR_US,
        })
    }

    /// The words of the request, when the approver has repeated them.
    pub(crate) fn check_repeated(&self, words: &str) -> Result<Option<&str>, Problem> {
        let asked = self.asked.as_ref().and_then(|asked| asked.words.as_deref());
        match asked {
            Some(asked) if words.trim() != asked => Err(problem(
                "approval/words-differ",
                ProblemKind::Request,
                "nothing was approved",
                format!("the request says `{asked}`, and you have not repeated it"),
                format!("if you mean it so, type `{asked}`"),
            )),
            asked => Ok(asked),
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
    let (who, at_us) =
        asked.decided.as_ref().map_or_else(Default::default, |one| (one.name.clone(), one.at_us));
    let all = || asked.given.iter().map(|one| one.name.as_str()).collect::<Vec<_>>().join(", ");
    let ended_us = asked.ended_us.unwrap_or_default();
    let why = asked.why.clone().unwrap_or_default();
    let stage = match asked.state {
        ApprovalState::Waiting | ApprovalState::Approved if asked.expires_us <= now_us => {
            ApprovalStage::Expired
        }
        ApprovalState::Waiting => ApprovalStage::Waiting,
        ApprovalState::Approved => ApprovalStage::Approved { by: all(), at_us },
        ApprovalState::Refused => ApprovalStage::Refused { by: who, at_us, why },
        ApprovalState::Withdrawn => ApprovalStage::Withdrawn { at_us: ended_us },
        ApprovalState::Used => ApprovalStage::Used { by: all(), at_us, used_us: ended_us },
        ApprovalState::Void => ApprovalStage::Void { at_us: ended_us, why },
    };
    paddock_events::ApprovalState {
        requester: asked.asked.name.clone(),
        reason: asked.reason.clone(),
        words: asked.words.clone(),
        needed: asked.needed,
        given: asked.given.iter().map(|one| (one.name.clone(), one.at_us)).collect(),
        requested_us: asked.asked.at_us,
        expires_us: asked.expires_us,
        break_glass: asked.break_glass,
        stage,
    }
}
