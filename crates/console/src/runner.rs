//! Runs a job: the engine's run, its log and its leases, as one task that the console owns.

use crate::Console;
use crate::clock::now_us;
use crate::log::{Log, Stamped};
use crate::problems::problem;
use async_trait::async_trait;
use paddock_engine::{EventSink, RunnablePlan, SinkError, Stop};
use paddock_events::{Event, EventKind, JobId, JobOutcome, JobView, Problem, ProblemKind, Stream};
use paddock_playbooks::{InventoryEdit, PlannedEdit};
use paddock_store::StoreError;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::sync::{broadcast, mpsc};
use tokio_util::sync::CancellationToken;

/// How long a lease lives without being prolonged, in microseconds.
pub(crate) const LEASE_US: i64 = 30_000_000;
const PROLONG_EVERY: Duration = Duration::from_secs(8);
/// Events that wait to be stored; beyond this the engine waits.
const WAITING: usize = 4_096;
/// Batches that a follower may be behind before it reads from the store again.
const BEHIND: usize = 256;

/// A job that this process runs.
#[derive(Clone, Debug)]
pub(crate) struct Running {
    pub(crate) events: mpsc::Sender<Stamped>,
    /// Stored batches, as they are stored.
    pub(crate) stored: broadcast::Sender<Arc<Vec<Event>>>,
    pub(crate) stop: Stop,
    /// Set when the log has the run's first event.
    begun: CancellationToken,
    /// Drops the run where it is: the last resort of a console that must end.
    abort: CancellationToken,
    /// A person asked for the end, so it is `cancelled`; else a console that ends makes it `interrupted`.
    pub(crate) asked: Arc<AtomicBool>,
}

impl Running {
    /// Waits for the run's first event, so that what a person asks for stands behind it in the log. The engine
    /// emits it at once; a log that ended before is waited for no longer.
    pub(crate) async fn begun(&self) {
        tokio::select! {
            () = self.begun.cancelled() => {}
            () = self.events.closed() => {}
        }
    }

    pub(crate) fn asked(&self) {
        self.asked.store(true, Ordering::SeqCst);
    }
}

/// Hands the engine's events to the log, and makes the plan's edits of the inventory when their stage has ended well.
struct Sink {
    running: Running,
    console: Console,
    job: JobId,
    author: String,
    edits: Vec<PlannedEdit>,
}

impl Sink {
    async fn send(&self, kind: EventKind) -> Result<(), SinkError> {
        let sent = self.running.events.send((now_us(), kind)).await;
        self.running.begun.cancel();
        sent.map_err(|_| SinkError("the console's database takes no more events of this job".into()))
    }

    async fn edit(&self, stage: u32) -> Result<(), SinkError> {
        let due = self.edits.iter().filter(|planned| planned.after_stage == stage as usize);
        let due: Vec<InventoryEdit> = due.map(|planned| planned.edit.clone()).collect();
        if due.is_empty() {
            return Ok(());
        }
        let what = due.iter().map(InventoryEdit::sentence).collect::<Vec<_>>().join("; ");
        match self.console.edit_for_job(self.job, &self.author, &due).await {
            Ok(Some(revision)) => {
                let text = format!("inventory revision {revision}: {what}");
                let line = EventKind::Line { step: None, host: String::new(), stream: Stream::Engine, text };
                self.send(line).await
            }
            Ok(None) => Ok(()),
            // The nodes are as planned and only the text is not: the job must not end as if all were done.
            Err(problem) => Err(SinkError(format!(
                "the inventory was not edited ({what}): {}; {}",
                problem.why, problem.fix
            ))),
        }
    }
}

#[async_trait]
impl EventSink for Sink {
    async fn emit(&self, kind: EventKind) -> Result<(), SinkError> {
        let kind = match kind {
            EventKind::JobFinished { outcome: JobOutcome::Cancelled }
                if !self.running.asked.load(Ordering::SeqCst) =>
            {
                EventKind::JobFinished { outcome: JobOutcome::Interrupted }
            }
            kind => kind,
        };
        let ended_well = match &kind {
            EventKind::StageFinished { stage, outcome } if outcome.is_good() => Some(*stage),
            _ => None,
        };
        self.send(kind).await?;
        match ended_well {
            Some(stage) => self.edit(stage).await,
            None => Ok(()),
        }
    }
}

impl Console {
    /// Runs a job that was started in the store, under its fence. `view` is its picture so far.
    pub(crate) async fn spawn_job(
        &self,
        job: JobId,
        fence: u64,
        plan: RunnablePlan,
        view: JobView,
        resumed_from: Option<u32>,
    ) -> Result<(), Problem> {
        let current = self.inventory_in_force().await?;
        let targets = self.targets(&current.inventory).or(self.targets(&self.inventory_of(job).await?));
        let author = self.stored_job(job).await?.author;
        let (events, waiting) = mpsc::channel(WAITING);
        let (stored, _) = broadcast::channel(BEHIND);
        let running = Running {
            events,
            stored: stored.clone(),
            stop: Stop::default(),
            begun: CancellationToken::new(),
            abort: CancellationToken::new(),
            asked: Arc::default(),
        };
        // Poisoned only by a panic in the few lines that hold it; the map itself is whole.
        self.inner.running.lock().unwrap_or_else(PoisonError::into_inner).insert(job, running.clone());
        let log = Log { store: self.inner.store.clone(), job, fence, view, waiting, stored };
        let log = self.inner.tasks.spawn(log.keep(running.stop.clone()));
        let leases = self.inner.tasks.spawn(prolong(self.clone(), job, fence, running.clone()));
        let console = self.clone();
        self.inner.tasks.spawn(async move {
            let sink: Arc<dyn EventSink> = Arc::new(Sink {
                running: running.clone(),
                console: console.clone(),
                job,
                author,
                edits: plan.plan().edits.clone(),
            });
            let work = paddock_engine::run(
                &plan,
                &console.inner.pool,
                &targets,
                Arc::clone(&sink),
                resumed_from,
                &running.stop,
            );
            let last = tokio::select! {
                ended = work => match ended {
                    Ok(_) => None,
                    Err(error) => Some(JobOutcome::Failed { reason: error.to_string(), step: None }),
                },
                () = running.abort.cancelled() => Some(JobOutcome::Interrupted),
            };
            if let Some(outcome) = last {
                // Not taken when the log itself is what broke; then the job is ended like a dead console's.
                let told = sink.emit(EventKind::JobFinished { outcome }).await;
                if let Err(error) = told {
                    tracing::error!(job.id = %job, "the end of job {job} could not be stored: {error}");
                }
            }
            leases.abort();
            // The log ends when nobody can send it an event any more: not we, and not who would cancel.
            drop(sink);
            if let Ok(mut jobs) = console.inner.running.lock() {
                jobs.remove(&job);
            }
            drop(running);
            if let Err(error) = log.await {
                tracing::error!(job.id = %job, "the log of job {job} ended badly: {error}");
            }
            for cluster in plan.plan().locks.iter().filter_map(|lock| lock.strip_prefix("cluster/")) {
                console.inner.live.backups_are_due(cluster);
            }
            tracing::info!(job.id = %job, "job {job} has ended");
        });
        Ok(())
    }

    pub(crate) fn refuse_closing(&self) -> Result<(), Problem> {
        if !self.inner.closing.is_cancelled() {
            return Ok(());
        }
        Err(problem(
            "console/closing",
            ProblemKind::World,
            "no job is started now",
            "the console is shutting down",
            "try again when it is up",
        ))
    }

    /// Lets running jobs reach a step's end, then (after `bound`) signals what runs, then leaves it.
    pub(crate) async fn stop_jobs(&self, bound: Duration) {
        let running = |console: &Self| -> Vec<Running> {
            console.inner.running.lock().map(|jobs| jobs.values().cloned().collect()).unwrap_or_default()
        };
        let none_runs = |console: &Self| running(console).is_empty();
        #[expect(clippy::type_complexity, reason = "read once, here")]
        let steps: [(Duration, fn(&Running)); 3] = [
            (bound, |job| job.stop.after_step.cancel()),
            (Duration::from_secs(5), |job| job.stop.now.cancel()),
            (Duration::from_secs(5), |job| job.abort.cancel()),
        ];
        for (wait, act) in steps {
            running(self).iter().for_each(act);
            let until = tokio::time::Instant::now() + wait;
            while !none_runs(self) && tokio::time::Instant::now() < until {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// Prolongs the job's leases until it is aborted. A runner that was replaced stops at once.
async fn prolong(console: Console, job: JobId, fence: u64, running: Running) {
    loop {
        tokio::time::sleep(PROLONG_EVERY).await;
        match console.inner.store.prolong_leases(job, fence, now_us() + LEASE_US).await {
            Ok(()) => {}
            Err(StoreError::Fenced { .. }) => {
                tracing::error!(job.id = %job, "job {job} was taken by another console; this one stops working on it");
                running.stop.now.cancel();
                return;
            }
            // Tried again before the lease expires; a database that stays away ends the log, and with it the job.
            Err(error) => {
                tracing::warn!(job.id = %job, "the leases of job {job} were not prolonged: {error}");
            }
        }
    }
}
