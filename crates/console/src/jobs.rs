//! Jobs as people see and steer them.

use crate::clock::now_us;
use crate::policy::{Action, Target, authorise, seen_by, verdict};
use crate::problems::{from_store, internal, no_job, no_plan, problem};
use crate::runner::LEASE_US;
use crate::{Actor, Console};
use paddock_engine::outline;
use paddock_events::{
    Event, EventKind, JobId, JobOutline, JobPage, JobRow, JobView, PlanId, Problem, ProblemKind, StepState,
};
use paddock_playbooks::Plan;
use paddock_store::{Held, JobState, NewAudit, NewJob, StoreError, StoredJob, Taken};
use std::collections::BTreeSet;

/// Lines that a job page brings along.
const LAST_LINES: u32 = 2_000;
/// Events of one read at most.
const MAX_EVENTS: u32 = 10_000;

pub(crate) fn row(job: &StoredJob) -> JobRow {
    JobRow {
        id: job.id,
        title: job.title.clone(),
        cluster: job.cluster.clone(),
        by: job.author.clone(),
        created_us: job.created_us,
        finished_us: job.finished_us,
        outcome: job.outcome.clone(),
        progress: (job.steps_done, job.steps),
    }
}

/// What the job holds. The plan's own name is among it, so that a job without any lock has a lease, too: a lease that
/// expires is how a dead runner shows.
fn locks(plan: &Plan, id: PlanId) -> BTreeSet<String> {
    let mut locks = plan.locks.clone();
    locks.insert(format!("plan/{id}"));
    locks
}

fn held(held: &Held) -> Problem {
    problem(
        "run/locked",
        ProblemKind::Conflict,
        format!("job {} is changing {}", held.by, held.lock.replace('/', " ")),
        "one job at a time changes a cluster, a node or etcd",
        format!("wait for job {} to end, or cancel it on its page", held.by),
    )
}

impl Console {
    /// Starts a job for the plan. Refused while another job holds one of its locks.
    pub async fn run(&self, actor: &Actor, id: PlanId) -> Result<JobId, Problem> {
        let done = self.start(actor, id).await;
        self.told_of_plan(actor, "job/run", id, done).await
    }

    async fn start(&self, actor: &Actor, id: PlanId) -> Result<JobId, Problem> {
        let case = self.case_for(actor, Action::Run, id).await?;
        if let Some(problem) = case.already_run() {
            return Err(problem);
        }
        let under = self.refuse_stale_for_good(&case.kept).await?;
        self.refuse_grown(actor, Action::Run, &case.kept).await?;
        let plan = self.ready(&case, now_us()).await?;
        self.refuse_closing()?;
        self.refuse_changed(&case).await?;
        self.end_dead_jobs().await?;
        let now_us = now_us();
        let approval = case.to_be_used(now_us).map(|given| (given.id, under));
        let with = approval.map_or_else(String::new, |(approval, _)| format!(" with approval {approval}"));
        let note = case.note(actor, "job/run", format!("started plan {id}{with}"));
        let new = NewJob {
            plan: id,
            outline: outline(plan.plan()),
            author: actor.name.clone(),
            runner: self.inner.runner.name().to_owned(),
            locks: locks(plan.plan(), id),
            approval,
            now_us,
            lease_until_us: now_us + LEASE_US,
        };
        let (job, fence) = match self.inner.store.noting(note).start_job(&new).await {
            Ok(Taken::Yes(started)) => started,
            Ok(Taken::No(by)) => return Err(held(&by)),
            Err(StoreError::Exists(_)) => {
                return Err(self.case(id).await?.already_run().unwrap_or_else(|| no_plan(id)));
            }
            Err(StoreError::NotApproved { .. }) => return Err(self.not_ready(id).await),
            Err(error) => return Err(from_store(error)),
        };
        tracing::info!(job.id = %job, plan.id = %id, person.id = %actor.id, "started: {}", new.outline.title);
        self.spawn_job(job, fence, plan, JobView::new(new.outline), None).await?;
        Ok(job)
    }

    /// Goes on with an interrupted or failed job from its first unfinished step; the same plan, checked again.
    pub async fn resume(&self, actor: &Actor, id: JobId) -> Result<(), Problem> {
        let done = self.go_on(actor, id).await;
        self.told_of_job(actor, "job/resume", id, done).await
    }

    async fn go_on(&self, actor: &Actor, id: JobId) -> Result<(), Problem> {
        let stored = self.job_for(actor, Action::Run, id).await?;
        self.end_dead_jobs().await?;
        let stored = self.stored_job(stored.id).await?;
        if let Some(problem) = not_resumable(&stored) {
            return Err(problem);
        }
        let case = self.case(stored.plan).await?;
        self.refuse_stale_for_good(&case.kept).await?;
        let plan = self.ready_again(&case)?;
        self.refuse_closing()?;
        let view = self.job_view(&stored).await?;
        let unfinished = |state: &StepState| match state {
            StepState::Finished { outcome, .. } => !outcome.is_good(),
            StepState::Waiting | StepState::Running { .. } => true,
        };
        let first = view.steps.iter().position(unfinished).and_then(|at| u32::try_from(at).ok());
        let now_us = now_us();
        let (locks, runner) = (locks(plan.plan(), stored.plan), self.inner.runner.name());
        let outcome = format!("plan {}, from step {}", stored.plan, first.unwrap_or(0) + 1);
        let note = NewAudit { subject: format!("job {id}"), ..case.note(actor, "job/resume", outcome) };
        let taken =
            self.inner.store.noting(note).restart_job(id, runner, &locks, now_us, now_us + LEASE_US).await;
        let fence = match taken.map_err(from_store)? {
            Taken::Yes(fence) => fence,
            Taken::No(by) => return Err(held(&by)),
        };
        tracing::info!(job.id = %id, person.id = %actor.id, "resumed: {}", stored.title);
        self.spawn_job(id, fence, plan, view, Some(first.unwrap_or(0))).await
    }

    /// Stops a job: after its running steps, or (`now`) by signalling what runs.
    pub async fn cancel(&self, actor: &Actor, id: JobId, now: bool) -> Result<(), Problem> {
        let done = self.ask_to_stop(actor, id, now).await;
        self.told_of_job(actor, "job/cancel", id, done).await
    }

    async fn ask_to_stop(&self, actor: &Actor, id: JobId, now: bool) -> Result<(), Problem> {
        let stored = self.job_for(actor, Action::Run, id).await?;
        if let Some(problem) = not_cancellable(&stored) {
            return Err(problem);
        }
        let running = self.inner.running.lock().ok().and_then(|running| running.get(&id).cloned());
        let Some(running) = running else {
            return Err(problem(
                "job/elsewhere",
                ProblemKind::Conflict,
                format!("job {id} cannot be stopped from here"),
                "it is run by another console process, or by one that died",
                "wait half a minute: the job of a dead console becomes interrupted by itself",
            ));
        };
        running.begun().await;
        // The event first: the log tells why the job ends before it does. A log that takes no event any more
        // belongs to a job that has just ended.
        let asked = EventKind::CancelRequested { by: actor.name.clone(), now };
        if running.events.send((now_us(), asked)).await.is_err() {
            return Err(ended(id));
        }
        let outcome = if now { "now" } else { "after the running steps" }.to_owned();
        let note = actor.note_on("job/cancel", format!("job {id}"), stored.cluster.clone());
        // The job's own log has it already; a stop that somebody needs is not held up by this one.
        if let Err(error) = self.inner.store.append_audit(&NewAudit { outcome, ..note }).await {
            tracing::error!(job.id = %id, "a cancellation is missing in the audit log: {error}");
        }
        running.asked();
        running.stop.after_step.cancel();
        if now {
            running.stop.now.cancel();
        }
        tracing::info!(job.id = %id, person.id = %actor.id, "asked to stop {}", if now { "now" } else { "after the running steps" });
        Ok(())
    }

    /// Newest jobs first, as far as the actor sees their clusters.
    pub async fn jobs(&self, actor: &Actor, limit: u32) -> Result<Vec<JobRow>, Problem> {
        self.gate(actor, Action::See, Target::Anywhere, "the jobs").await?;
        let jobs =
            self.inner.store.newest_jobs(seen_by(actor), limit.min(1_000)).await.map_err(from_store)?;
        Ok(jobs.iter().map(row).collect())
    }

    /// One job with its last lines.
    pub async fn job(&self, actor: &Actor, id: JobId) -> Result<JobPage, Problem> {
        let stored = self.gate_job(actor, id).await?;
        let view = self.job_view(&stored).await?;
        let before =
            self.inner.store.last_lines(id, stored.next_seq, LAST_LINES).await.map_err(from_store)?;
        if before.earlier > 0 {
            self.unpack_ahead(id);
        }
        let earlier_ms = self.earlier_ms(&view.outline).await?;
        let not_resumable = match not_resumable(&stored) {
            Some(problem) => Some(problem),
            None => self.approval_lost(stored.plan).await?,
        };
        let target = Target::from(&stored.clusters);
        Ok(JobPage {
            row: row(&stored),
            lines: before.lines,
            earlier_lines: before.earlier,
            earlier_ms,
            may_cancel: verdict(actor, Action::Run, target, not_cancellable(&stored)),
            may_resume: verdict(actor, Action::Run, target, not_resumable),
            view,
        })
    }

    /// Stored events from `from_seq` on, at most `limit`.
    pub async fn job_events(
        &self,
        actor: &Actor,
        id: JobId,
        from_seq: u64,
        limit: u32,
    ) -> Result<Vec<Event>, Problem> {
        self.gate_job(actor, id).await?;
        self.inner.store.events(id, from_seq, limit.min(MAX_EVENTS)).await.map_err(from_store)
    }

    /// The job that somebody wants to do something to; refused when they may not, there or anywhere.
    pub(crate) async fn job_for(
        &self,
        actor: &Actor,
        action: Action,
        id: JobId,
    ) -> Result<StoredJob, Problem> {
        authorise(actor, action, Target::Anywhere)?;
        let stored = self.stored_job(id).await?;
        authorise(actor, action, (&stored.clusters).into())?;
        Ok(stored)
    }

    pub(crate) async fn stored_job(&self, id: JobId) -> Result<StoredJob, Problem> {
        self.inner.store.job(id).await.map_err(from_store)?.ok_or_else(|| no_job(id))
    }

    /// The job's picture up to `stored.next_seq`. Lines do not change it, so they are not read.
    pub(crate) async fn job_view(&self, stored: &StoredJob) -> Result<JobView, Problem> {
        let outline = self.inner.store.outline(stored.id).await.map_err(from_store)?;
        let mut view = JobView::new(outline.ok_or_else(|| no_job(stored.id))?);
        for event in self.inner.store.marks(stored.id, stored.next_seq).await.map_err(from_store)? {
            view.next_seq = event.seq;
            view.fold(&event).map_err(|error| internal("the job's events do not fit its plan", &error))?;
        }
        view.next_seq = stored.next_seq;
        Ok(view)
    }

    async fn earlier_ms(&self, outline: &JobOutline) -> Result<Vec<(String, u64)>, Problem> {
        let mut times = self.inner.store.step_times().await.map_err(from_store)?;
        Ok(outline.steps.iter().filter_map(|step| times.remove_entry(&step.id)).collect())
    }
}

fn ended(id: JobId) -> Problem {
    problem(
        "job/not-running",
        ProblemKind::Conflict,
        format!("job {id} does not run"),
        "it has ended",
        "open its page again",
    )
}

fn not_cancellable(stored: &StoredJob) -> Option<Problem> {
    (stored.state != JobState::Running).then(|| ended(stored.id))
}

fn not_resumable(stored: &StoredJob) -> Option<Problem> {
    let why = match stored.state {
        JobState::Running => "it runs",
        JobState::Succeeded => "every step of it holds",
        JobState::Failed | JobState::Cancelled | JobState::Interrupted => return None,
    };
    Some(problem(
        "job/not-resumable",
        ProblemKind::Conflict,
        format!("job {} cannot be resumed", stored.id),
        why,
        "to run the same again, plan it again",
    ))
}
