//! Approval of what destroys: asked for, decided by somebody else, used once.
//!
//! A person's part: who may, with which words. What must hold at the moment of the write is a condition of the write in
//! the store; when it says no, we look again and say why.

use crate::audit::{Way, note_by};
use crate::case::{Case, Said, check_reason, check_typed, signed, state};
use crate::clock::now_us;
use crate::plans::{KeptPlan, STALE};
use crate::policy::{Action, Target, authorise, may, seen_by, verdict};
use crate::problems::{from_store, problem};
use crate::{Actor, Console};
use paddock_engine::RunnablePlan;
use paddock_events::{ApprovalRow, ApprovalsPage, PlanId, PlanStanding, Problem, ProblemKind, RevisionId};
use paddock_store::{ApprovalState, NewApproval, NewAudit, StoredApproval, Typed};

/// Decided requests on the approvals page.
const DECIDED: u32 = 50;

impl Console {
    /// Asks others to approve a plan that destroys, with the reason, and the words where the plan's page says some. The
    /// request is good for 4 hours.
    pub async fn request_approval(
        &self,
        actor: &Actor,
        id: PlanId,
        reason: impl Into<Said<'_>>,
    ) -> Result<(), Problem> {
        self.request_approval_at(actor, id, reason.into(), now_us()).await
    }

    pub(crate) async fn request_approval_at(
        &self,
        actor: &Actor,
        id: PlanId,
        reason: impl Into<Said<'_>>,
        now_us: i64,
    ) -> Result<(), Problem> {
        let done = self.request(actor, id, reason.into(), now_us).await;
        self.told_of_plan(actor, "approval/request", id, done).await
    }

    async fn request(&self, actor: &Actor, id: PlanId, reason: Said<'_>, now_us: i64) -> Result<(), Problem> {
        let case = self.case_for(actor, Action::Request, id).await?;
        refused(case.against_request(now_us))?;
        let new = case.new_request(actor, reason, now_us)?;
        self.refuse_stale(&case.kept).await?;
        let store = self.inner.store.noting(case.note(actor, "approval/request", told_with(&new)));
        if store.request_approval(&new).await.map_err(from_store)?.is_none() {
            return Err(self.why_not(id, |case| case.against_request(now_us)).await);
        }
        tracing::info!(plan.id = %id, person.id = %actor.id, "`{}` asks for approval: {}", actor.name, case.kept.plan.title);
        Ok(())
    }

    /// Takes one's own request back, also when it is approved already.
    pub async fn withdraw_approval(&self, actor: &Actor, id: PlanId) -> Result<(), Problem> {
        let done = self.withdraw(actor, id).await;
        self.told_of_plan(actor, "approval/withdraw", id, done).await
    }

    async fn withdraw(&self, actor: &Actor, id: PlanId) -> Result<(), Problem> {
        let case = self.case_for(actor, Action::Request, id).await?;
        let now_us = now_us();
        refused(case.against_withdrawal(actor, now_us))?;
        let store = self.inner.store.noting(case.note(actor, "approval/withdraw", ""));
        if !store.withdraw_approval(id, actor.id, now_us).await.map_err(from_store)? {
            return Err(self.why_not(id, |case| case.against_withdrawal(actor, now_us)).await);
        }
        tracing::info!(plan.id = %id, person.id = %actor.id, "`{}` withdrew the request for plan {id}", actor.name);
        Ok(())
    }

    /// Lets somebody else's plan run once, when this is the last yes that the policy asks for. The approver types the
    /// name that the plan's page says, and repeats the words of the request where it has some.
    pub async fn approve(
        &self,
        actor: &Actor,
        id: PlanId,
        typed: impl Into<Said<'_>>,
    ) -> Result<(), Problem> {
        self.approve_at(actor, id, typed, now_us()).await
    }

    pub(crate) async fn approve_at(
        &self,
        actor: &Actor,
        id: PlanId,
        typed: impl Into<Said<'_>>,
        now_us: i64,
    ) -> Result<(), Problem> {
        let done = self.decide(actor, id, typed.into(), now_us).await;
        self.told_of_plan(actor, "approval/approve", id, done).await
    }

    async fn decide(&self, actor: &Actor, id: PlanId, typed: Said<'_>, now_us: i64) -> Result<(), Problem> {
        let case = self.case_for(actor, Action::Approve, id).await?;
        refused(case.against_approval(actor, now_us))?;
        check_typed(&case.kept.plan, typed.text)?;
        let name = typed.text.trim();
        let typed = Typed { name, words: case.check_repeated(typed.words)? };
        self.refuse_stale_for_good(&case.kept).await?;
        self.refuse_grown(actor, Action::Approve, &case.kept).await?;
        let signed = signed(actor, now_us);
        let said = typed.words.map_or_else(String::new, |words| format!(" and `{words}`"));
        let needed = case.asked.as_ref().map_or(1, |asked| asked.needed);
        let of = if needed > 1 { format!("; it takes {needed} approvers") } else { String::new() };
        let note = case.note(actor, "approval/approve", format!("typed {name}{said}{of}"));
        if !self.inner.store.noting(note).approve(id, &signed, typed).await.map_err(from_store)? {
            return Err(self.why_not(id, |case| case.against_approval(actor, now_us)).await);
        }
        tracing::info!(plan.id = %id, person.id = %actor.id, "`{}` approved: {}", actor.name, case.kept.plan.title);
        Ok(())
    }

    /// Says no to somebody else's request, with the reason.
    pub async fn refuse_approval(&self, actor: &Actor, id: PlanId, reason: &str) -> Result<(), Problem> {
        let done = self.refuse_request(actor, id, reason).await;
        self.told_of_plan(actor, "approval/refuse", id, done).await
    }

    async fn refuse_request(&self, actor: &Actor, id: PlanId, reason: &str) -> Result<(), Problem> {
        let case = self.case_for(actor, Action::Approve, id).await?;
        let now_us = now_us();
        refused(case.against_decision(actor, now_us))?;
        let why = check_reason(reason)?;
        let signed = signed(actor, now_us);
        let store = self.inner.store.noting(case.note(actor, "approval/refuse", &why));
        if !store.refuse_approval(id, &signed, &why).await.map_err(from_store)? {
            return Err(self.why_not(id, |case| case.against_decision(actor, now_us)).await);
        }
        tracing::info!(plan.id = %id, person.id = %actor.id, "`{}` refused: {}", actor.name, case.kept.plan.title);
        Ok(())
    }

    /// Lets an admin run a plan that destroys, or in a freeze any plan, without anybody else. Loud: it is logged as a warning, and the plan says
    /// so for ever.
    pub async fn break_glass(
        &self,
        actor: &Actor,
        id: PlanId,
        typed_name: &str,
        reason: impl Into<Said<'_>>,
    ) -> Result<(), Problem> {
        let done = self.decide_alone(actor, id, typed_name, reason.into()).await;
        self.told_of_plan(actor, "approval/break-glass", id, done).await
    }

    async fn decide_alone(
        &self,
        actor: &Actor,
        id: PlanId,
        typed_name: &str,
        reason: Said<'_>,
    ) -> Result<(), Problem> {
        let case = self.case_for(actor, Action::BreakGlass, id).await?;
        let now_us = now_us();
        refused(case.against_break_glass(actor, now_us))?;
        check_typed(&case.kept.plan, typed_name)?;
        let new = case.new_request(actor, reason, now_us)?;
        self.refuse_stale(&case.kept).await?;
        self.refuse_grown(actor, Action::BreakGlass, &case.kept).await?;
        let store = self.inner.store.noting(case.note(actor, "approval/break-glass", told_with(&new)));
        if store.break_glass(&new, typed_name.trim()).await.map_err(from_store)?.is_none() {
            return Err(self.why_not(id, |case| case.against_break_glass(actor, now_us)).await);
        }
        tracing::warn!(
            plan.id = %id, person.id = %actor.id,
            "break-glass: `{}` approved alone: {} (reason: {:?})", actor.name, case.kept.plan.title, new.reason
        );
        Ok(())
    }

    /// What waits for a decision, and the newest decided requests, as far as the actor sees their clusters.
    pub async fn approvals(&self, actor: &Actor) -> Result<ApprovalsPage, Problem> {
        self.gate(actor, Action::See, Target::Anywhere, "the approvals").await?;
        let now_us = now_us();
        let rows = |all: Vec<StoredApproval>| all.iter().map(|one| row(one, now_us)).collect();
        let decided = self.inner.store.newest_approvals_decided(now_us, seen_by(actor), DECIDED);
        Ok(ApprovalsPage {
            waiting: rows(self.waiting_for(actor, now_us).await?),
            decided: rows(decided.await.map_err(from_store)?),
        })
    }

    /// How many requests wait for a decision that the actor sees: none for who sees none. Every page's head asks again
    /// and again, which is nothing to refuse and to write down.
    pub async fn approvals_waiting(&self, actor: &Actor) -> Result<u32, Problem> {
        let waiting = self.waiting_for(actor, now_us()).await?;
        Ok(u32::try_from(waiting.len()).unwrap_or(u32::MAX))
    }

    async fn waiting_for(&self, actor: &Actor, now_us: i64) -> Result<Vec<StoredApproval>, Problem> {
        let mut waiting = self.inner.store.approvals_waiting(now_us).await.map_err(from_store)?;
        let seen = seen_by(actor);
        waiting.retain(|one| seen(&one.clusters));
        Ok(waiting)
    }

    /// What may happen to a plan now: what an open plan page asks for again and again.
    pub async fn plan_standing(&self, actor: &Actor, id: PlanId) -> Result<PlanStanding, Problem> {
        let case = self.gate_plan(actor, Action::See, id).await?;
        self.standing(actor, &case).await
    }

    pub(crate) async fn standing(&self, actor: &Actor, case: &Case) -> Result<PlanStanding, Problem> {
        let now_us = now_us();
        // A plan that has run cannot be stale.
        let stale = match case.kept.stored.job {
            Some(_) => None,
            None => self.refuse_stale(&case.kept).await.err(),
        };
        let or_stale = |against: Option<Problem>| against.or_else(|| stale.clone());
        let judged = |action, against| verdict(actor, action, case.target(), against);
        let may_run = match case.already_run().or_else(|| stale.clone()) {
            Some(problem) => Some(problem),
            None => self.ready(case, now_us).await.err(),
        };
        Ok(PlanStanding {
            job: case.kept.stored.job,
            approval: case.asked.as_ref().map(|asked| state(asked, now_us)),
            rules: case.rules(now_us),
            may_run: judged(Action::Run, may_run),
            may_request: judged(Action::Request, or_stale(case.against_request(now_us))),
            may_withdraw: judged(Action::Request, case.against_withdrawal(actor, now_us)),
            may_approve: judged(Action::Approve, or_stale(case.against_approval(actor, now_us))),
            may_break_glass: judged(Action::BreakGlass, or_stale(case.against_break_glass(actor, now_us))),
        })
    }

    /// The plan that somebody wants to do something to; refused when they may not, there or anywhere.
    pub(crate) async fn case_for(&self, actor: &Actor, action: Action, id: PlanId) -> Result<Case, Problem> {
        authorise(actor, action, Target::Anywhere)?;
        let case = self.case(id).await?;
        authorise(actor, action, case.target())?;
        Ok(case)
    }

    /// A plan with the newest request for it.
    pub(crate) async fn case(&self, id: PlanId) -> Result<Case, Problem> {
        // The request first: a plan that was started in between then shows its job, and not only a used approval.
        let asked = self.inner.store.newest_approval_of(id).await.map_err(from_store)?;
        let kept = self.kept_plan(id).await?;
        Ok(Case { kept, asked, policy: self.approval_policy().await? })
    }

    /// The proof that a plan may run now, as far as approval and policy go.
    pub(crate) async fn ready(&self, case: &Case, now_us: i64) -> Result<RunnablePlan, Problem> {
        let given = case.to_be_used(now_us);
        let plan = case.runnable(given, now_us)?;
        if let Some(given) = given {
            self.refuse_lost_approvers(case, given).await?;
            refused(case.falls_short(given, now_us))?;
        }
        refused(case.frozen(given, now_us))?;
        Ok(plan)
    }

    /// Why a job could not be started with an approval that had just been good.
    pub(crate) async fn not_ready(&self, id: PlanId) -> Problem {
        let now = match self.case(id).await {
            Ok(case) => self.ready(&case, now_us()).await.err(),
            Err(problem) => Some(problem),
        };
        now.unwrap_or_else(|| overtaken(id))
    }

    /// The proof that a job may go on with its plan. What it was approved with was used to start this very job: it
    /// bound the digest, and a resumed job runs the same digest, so nobody is asked twice. Whether it was still good is
    /// asked for the moment of its use. An approval that a changed inventory has voided since starts nothing any more.
    pub(crate) fn ready_again(&self, case: &Case) -> Result<RunnablePlan, Problem> {
        let used = case.asked.as_ref().filter(|asked| asked.state == ApprovalState::Used);
        let used_us = used.and_then(|used| used.ended_us).unwrap_or_default();
        let plan = case.runnable(used, used_us)?;
        // A freeze holds for what goes on, too; how many and which words was for the start.
        refused(case.frozen(used, now_us()))?;
        Ok(plan)
    }

    /// What stands against resuming a job of such a plan.
    pub(crate) async fn approval_lost(&self, plan: PlanId) -> Result<Option<Problem>, Problem> {
        Ok(self.ready_again(&self.case(plan).await?).err())
    }

    /// An approver who is gone, or has lost the role on the plan's clusters since, approves nothing any more.
    async fn refuse_lost_approvers(&self, case: &Case, asked: &StoredApproval) -> Result<(), Problem> {
        let action = if asked.break_glass { Action::BreakGlass } else { Action::Approve };
        for one in &asked.given {
            let person = self.inner.store.person(one.by).await.map_err(from_store)?;
            let enabled = person.filter(|person| person.disabled_us.is_none());
            let grants = match enabled {
                Some(person) => self.grants_of(person.id()).await?,
                None => Vec::new(),
            };
            if may(&grants, action, case.target()).is_err() {
                return Err(problem(
                    "run/approver-lost",
                    ProblemKind::Forbidden,
                    format!("plan {} may not run", asked.plan),
                    format!("{}, who approved it, may approve nothing any more", one.name),
                    format!("{} withdraws the request, then ask anew", asked.asked.name),
                ));
            }
        }
        Ok(())
    }

    /// Refuses a plan that the inventory in force would not give any more, and makes its approval void for good: also
    /// when the inventory is changed back. Gives the revision under which the plan is good.
    pub(crate) async fn refuse_stale_for_good(&self, kept: &KeptPlan) -> Result<RevisionId, Problem> {
        let stale = match self.refuse_stale(kept).await {
            Ok(revision) => return Ok(revision),
            Err(problem) => problem,
        };
        if stale.code == STALE {
            self.void(kept, &stale.why).await?;
        }
        Err(stale)
    }

    /// Makes a plan's approval void for good, with the reason, which the audit log has as well.
    pub(crate) async fn void(&self, kept: &KeptPlan, why: &str) -> Result<(), Problem> {
        let id = kept.stored.id;
        let note = NewAudit {
            cluster: kept.plan.cluster.as_ref().map(ToString::to_string),
            digest: Some(kept.stored.digest.clone()),
            outcome: why.to_owned(),
            ..note_by(Way::Console, "approval/void", format!("plan {id}"))
        };
        if self.inner.store.noting(note).void_approval(id, why, now_us()).await.map_err(from_store)? {
            tracing::info!(plan.id = %id, "the approval of plan {id} is void: {why}");
        }
        Ok(())
    }

    /// Voids the approvals that the inventory in force has made stale. Called after each save; what is missed here, by a
    /// crash or an error, is found when somebody would approve, run or resume.
    pub(crate) async fn void_stale_approvals(&self) {
        let plans = match self.inner.store.plans_with_live_approval(now_us()).await {
            Ok(plans) => plans,
            Err(error) => {
                tracing::error!("approvals were not compared with the new inventory: {error}");
                return;
            }
        };
        for id in plans {
            let looked = match self.kept_plan(id).await {
                Ok(kept) => self.refuse_stale_for_good(&kept).await.err(),
                Err(problem) => Some(problem),
            };
            if let Some(problem) = looked.filter(|problem| problem.code != STALE) {
                tracing::warn!(plan.id = %id, "the approval of plan {id} was not compared with the new inventory: {problem}");
            }
        }
    }

    /// Why a write found the request in another state than we had just seen.
    async fn why_not(&self, id: PlanId, against: impl FnOnce(&Case) -> Option<Problem>) -> Problem {
        let now = match self.case(id).await {
            Ok(case) => against(&case),
            Err(problem) => Some(problem),
        };
        now.unwrap_or_else(|| overtaken(id))
    }
}

/// A request as the audit log has it.
fn told_with(new: &NewApproval) -> String {
    match &new.words {
        Some(words) => format!("{} ({words})", new.reason),
        None => new.reason.clone(),
    }
}

fn refused(against: Option<Problem>) -> Result<(), Problem> {
    against.map_or(Ok(()), Err)
}

fn row(asked: &StoredApproval, now_us: i64) -> ApprovalRow {
    ApprovalRow {
        plan: asked.plan,
        title: asked.title.clone(),
        cluster: asked.cluster.clone(),
        state: state(asked, now_us),
    }
}

fn overtaken(id: PlanId) -> Problem {
    problem(
        "approval/overtaken",
        ProblemKind::Conflict,
        format!("nothing was done to plan {id}"),
        "somebody else acted on it, or saved the inventory, at the same moment",
        "look at the plan again",
    )
}
