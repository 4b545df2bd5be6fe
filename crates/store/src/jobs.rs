//! Runs of plans: who runs them, and where they are.

use crate::approvals;
use crate::database::{Asking as _, picked, to_i64, to_u64};
use crate::leases::{self, Held, Taken};
use crate::pack::{pack, unpack};
use crate::plans::{Concerned, concerned};
use crate::{Store, StoreError};
use paddock_events::{ApprovalId, JobId, JobOutcome, JobOutline, PlanId, RevisionId};
use std::collections::BTreeSet;

/// Where a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobState {
    /// A runner has it (or died with it and its lease has not expired yet).
    Running,
    /// Every step holds.
    Succeeded,
    /// A step failed.
    Failed,
    /// A person stopped it.
    Cancelled,
    /// The console died or was stopped in the middle.
    Interrupted,
}

impl JobState {
    /// The state after a run that ended so.
    pub fn after(outcome: &JobOutcome) -> Self {
        match outcome {
            JobOutcome::Succeeded => Self::Succeeded,
            JobOutcome::Failed { .. } => Self::Failed,
            JobOutcome::Cancelled => Self::Cancelled,
            JobOutcome::Interrupted => Self::Interrupted,
        }
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Interrupted => "interrupted",
        }
    }

    fn parse(text: &str) -> Result<Self, StoreError> {
        let all = [Self::Running, Self::Succeeded, Self::Failed, Self::Cancelled, Self::Interrupted];
        all.into_iter().find(|state| state.as_str() == text).ok_or_else(|| StoreError::Damaged {
            what: "state of a job".into(),
            why: format!("`{text}` is none"),
        })
    }
}

/// A job to be started.
#[derive(Clone, Debug)]
pub struct NewJob {
    /// What it runs.
    pub plan: PlanId,
    /// The plan's shape.
    pub outline: JobOutline,
    /// Who starts it.
    pub author: String,
    /// The console process that runs it.
    pub runner: String,
    /// What it holds while it runs.
    pub locks: BTreeSet<String>,
    /// The approval that a plan that destroys is started with, and the inventory revision under which the plan was
    /// found to be good.
    pub approval: Option<(ApprovalId, RevisionId)>,
    /// Microseconds since the epoch.
    pub now_us: i64,
    /// When its leases expire unless prolonged.
    pub lease_until_us: i64,
}

/// A job as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredJob {
    /// Its number.
    pub id: JobId,
    /// What it runs.
    pub plan: PlanId,
    /// The plan's sentence.
    pub title: String,
    /// The cluster it changes.
    pub cluster: Option<String>,
    /// What its plan is about.
    pub clusters: Concerned,
    /// Who started it.
    pub author: String,
    /// Where it is.
    pub state: JobState,
    /// The console process that runs or last ran it.
    pub runner: String,
    /// Grows with each runner.
    pub fence: u64,
    /// The sequence number that the next event gets.
    pub next_seq: u64,
    /// All steps.
    pub steps: u32,
    /// Steps with an outcome.
    pub steps_done: u32,
    /// How it ended.
    pub outcome: Option<JobOutcome>,
    /// Microseconds since the epoch.
    pub created_us: i64,
    /// When its last run ended.
    pub finished_us: Option<i64>,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    plan: i64,
    title: String,
    cluster: Option<String>,
    clusters: Option<String>,
    author: String,
    state: String,
    runner: String,
    fence: i64,
    next_seq: i64,
    steps: i64,
    steps_done: i64,
    outcome: Option<String>,
    created_us: i64,
    finished_us: Option<i64>,
}

impl TryFrom<Row> for StoredJob {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let count = |number: i64| u32::try_from(number).unwrap_or(u32::MAX);
        let outcome = row.outcome.map(|json| serde_json::from_str(&json)).transpose();
        Ok(Self {
            id: JobId(row.id),
            plan: PlanId(row.plan),
            title: row.title,
            cluster: row.cluster,
            clusters: concerned(row.clusters.as_deref(), &format!("job {}", row.id))?,
            author: row.author,
            state: JobState::parse(&row.state)?,
            runner: row.runner,
            fence: to_u64(row.fence, "fence of a job")?,
            next_seq: to_u64(row.next_seq, "sequence number of a job")?,
            steps: count(row.steps),
            steps_done: count(row.steps_done),
            outcome: outcome.map_err(|error| StoreError::Damaged {
                what: format!("outcome of job {}", row.id),
                why: error.to_string(),
            })?,
            created_us: row.created_us,
            finished_us: row.finished_us,
        })
    }
}

impl Store {
    /// Starts a job, takes its locks and uses its approval up, all or nothing; gives its number and fence.
    /// [`StoreError::Exists`] when the plan has a job already, [`StoreError::NotApproved`] when the approval is not
    /// good any more.
    pub async fn start_job(&self, new: &NewJob) -> Result<Taken<(JobId, u64)>, StoreError> {
        let outline = pack(&new.outline, "outline")?;
        let mut tx = self.begin().await?;
        let added = sqlx::query_scalar(
            "INSERT INTO job (plan, title, cluster, author, state, runner, fence, steps, outline, created_us)
             VALUES ($1, $2, $3, $4, 'running', $5, 1, $6, $7, $8) RETURNING id",
        )
        .bind(new.plan.0)
        .bind(&new.outline.title)
        .bind(&new.outline.cluster)
        .bind(&new.author)
        .bind(&new.runner)
        .bind(to_i64(new.outline.steps.len() as u64))
        .bind(outline)
        .bind(new.now_us)
        .fetch_one(&mut *tx)
        .await;
        let job = match added {
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {
                return Err(StoreError::Exists(format!("a job of plan {}", new.plan)));
            }
            added => JobId(added.asking("start a job")?),
        };
        if let Some(held) = leases::take(&mut tx, job, &new.locks, new.now_us, new.lease_until_us).await? {
            return Ok(Taken::No(held));
        }
        if let Some((approval, revision)) = new.approval
            && !approvals::use_up(&mut tx, approval, new.plan, revision, new.now_us).await?
        {
            return Err(StoreError::NotApproved { plan: new.plan });
        }
        self.note_in(&mut tx, Some(format!("job {job}"))).await?;
        tx.commit().await.asking("start a job")?;
        Ok(Taken::Yes((job, 1)))
    }

    /// Takes a job that does not run for another run, with its locks; gives the new fence.
    /// [`StoreError::Fenced`] when it runs or has succeeded, or the approval that it was started with is void since.
    pub async fn restart_job(
        &self,
        job: JobId,
        runner: &str,
        locks: &BTreeSet<String>,
        now_us: i64,
        until_us: i64,
    ) -> Result<Taken<u64>, StoreError> {
        let mut tx = self.begin().await?;
        let fence: Option<i64> = sqlx::query_scalar(
            "UPDATE job SET state = 'running', runner = $2, fence = fence + 1, outcome = NULL, finished_us = NULL
             WHERE id = $1 AND state IN ('failed', 'cancelled', 'interrupted') AND coalesce((
                SELECT approval.state FROM approval WHERE approval.plan = job.plan ORDER BY approval.id DESC LIMIT 1), 'used') = 'used'
             RETURNING fence",
        )
        .bind(job.0)
        .bind(runner)
        .fetch_optional(&mut *tx)
        .await
        .asking("restart a job")?;
        let fence = to_u64(fence.ok_or(StoreError::Fenced { job })?, "fence of a job")?;
        if let Some(held) = leases::take(&mut tx, job, locks, now_us, until_us).await? {
            return Ok(Taken::No(held));
        }
        self.note_in(&mut tx, None).await?;
        tx.commit().await.asking("restart a job")?;
        Ok(Taken::Yes(fence))
    }

    /// Takes a running job away from a runner that is gone; gives the new fence, none when it does not run
    /// under `fence` any more. The runner's later writes are refused.
    pub async fn take_over_job(
        &self,
        job: JobId,
        fence: u64,
        runner: &str,
    ) -> Result<Option<u64>, StoreError> {
        let fence: Option<i64> = sqlx::query_scalar(
            "UPDATE job SET runner = $3, fence = fence + 1 WHERE id = $1 AND fence = $2 AND state = 'running' RETURNING fence",
        )
        .bind(job.0)
        .bind(to_i64(fence))
        .bind(runner)
        .fetch_optional(self.writer())
        .await
        .asking("take a job over")?;
        fence.map(|fence| to_u64(fence, "fence of a job")).transpose()
    }

    /// One job.
    pub async fn job(&self, id: JobId) -> Result<Option<StoredJob>, StoreError> {
        let row: Option<Row> = sqlx::query_as(
            "SELECT id, plan, title, cluster, author, state, runner, fence, next_seq, steps, steps_done, outcome,
                    created_us, finished_us, (SELECT plan.clusters FROM plan WHERE plan.id = job.plan) AS clusters FROM job WHERE id = $1",
        )
        .bind(id.0)
        .fetch_optional(self.reader())
        .await
        .asking("read a job")?;
        row.map(StoredJob::try_from).transpose()
    }

    /// The plan's shape that a job's events refer into.
    pub async fn outline(&self, id: JobId) -> Result<Option<JobOutline>, StoreError> {
        let packed: Option<Vec<u8>> = sqlx::query_scalar("SELECT outline FROM job WHERE id = $1")
            .bind(id.0)
            .fetch_optional(self.reader())
            .await
            .asking("read a job's outline")?;
        packed.map(|bytes| unpack(&bytes, &format!("outline of job {id}"))).transpose()
    }

    /// Newest first, of those that `shown` takes by what they are about.
    pub async fn newest_jobs(
        &self,
        shown: impl Fn(&Concerned) -> bool,
        limit: u32,
    ) -> Result<Vec<StoredJob>, StoreError> {
        let rows = sqlx::query_as::<_, Row>(
            "SELECT id, plan, title, cluster, author, state, runner, fence, next_seq, steps, steps_done, outcome,
                    created_us, finished_us, (SELECT plan.clusters FROM plan WHERE plan.id = job.plan) AS clusters
             FROM job ORDER BY id DESC",
        )
        .fetch(self.reader());
        picked(rows, |job: &StoredJob| shown(&job.clusters), limit, "list jobs").await
    }

    /// Newest jobs of a cluster first, of those that `shown` takes by what they are about.
    pub async fn newest_jobs_of(
        &self,
        cluster: &str,
        shown: impl Fn(&Concerned) -> bool,
        limit: u32,
    ) -> Result<Vec<StoredJob>, StoreError> {
        let rows = sqlx::query_as::<_, Row>(
            "SELECT id, plan, title, cluster, author, state, runner, fence, next_seq, steps, steps_done, outcome,
                    created_us, finished_us, (SELECT plan.clusters FROM plan WHERE plan.id = job.plan) AS clusters
             FROM job WHERE cluster = $1 ORDER BY id DESC",
        )
        .bind(cluster)
        .fetch(self.reader());
        picked(rows, |job: &StoredJob| shown(&job.clusters), limit, "list jobs of a cluster").await
    }

    /// Jobs in state running, each with whether all its leases have expired (true when it holds none).
    pub async fn running_jobs(&self, now_us: i64) -> Result<Vec<(StoredJob, bool)>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT id, plan, title, cluster, author, state, runner, fence, next_seq, steps, steps_done, outcome,
                    created_us, finished_us, (SELECT plan.clusters FROM plan WHERE plan.id = job.plan) AS clusters FROM job WHERE state = 'running' ORDER BY id",
        )
        .fetch_all(self.reader())
        .await
        .asking("list running jobs")?;
        let alive: Vec<Held> = self.held_leases(now_us).await?;
        let with = |row: Row| {
            let expired = !alive.iter().any(|held| held.by.0 == row.id);
            Ok((StoredJob::try_from(row)?, expired))
        };
        rows.into_iter().map(with).collect()
    }
}
