//! Runs a plan: stages as barriers, hosts in parallel, each step check, apply, check again.

use crate::host::HostRunner;
use crate::left;
use crate::redact::Redactor;
use crate::watch::Watch;
use crate::{Pool, RunnablePlan, Targets};
use async_trait::async_trait;
use paddock_events::{EventKind, JobOutcome, Outcome, Stream};
use paddock_inventory::NodeAddr;
use paddock_playbooks::{Plan, Step};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Why an event could not be kept. A job whose events cannot be kept stops.
#[derive(Clone, Debug, thiserror::Error)]
#[error("cannot store the job's events: {0}")]
pub struct SinkError(pub String);

/// Takes a job's events in order; stores first, shows after. Waiting in `emit` holds the job back.
#[async_trait]
pub trait EventSink: Send + Sync {
    /// Takes one event.
    async fn emit(&self, kind: EventKind) -> Result<(), SinkError>;
}

/// How a person stops a job.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    /// After the steps that run now.
    pub after_step: CancellationToken,
    /// At once: what runs is signalled.
    pub now: CancellationToken,
}

impl Stop {
    pub(crate) fn asked(&self) -> bool {
        self.after_step.is_cancelled() || self.now.is_cancelled()
    }
}

/// What came of a stage on one host.
pub(crate) struct HostEnd {
    pub(crate) host: NodeAddr,
    /// The first step that did not end well: its index, and how.
    pub(crate) bad: Option<(u32, Outcome)>,
}

/// Runs the plan to its end and emits every event, `JobFinished` last.
///
/// Every step is checked again, also on resume, so nothing depends on what an earlier run said. A host stops at its
/// first bad step; the others finish the stage; then the job ends.
pub async fn run(
    plan: &RunnablePlan,
    pool: &Pool,
    targets: &Targets,
    sink: Arc<dyn EventSink>,
    resumed_from: Option<u32>,
    stop: &Stop,
) -> Result<JobOutcome, SinkError> {
    let plan = plan.plan();
    sink.emit(EventKind::JobStarted { resumed_from }).await?;
    let redactor = Arc::new(Redactor::new(&plan.secrets));
    let mark = left::mark(plan);
    let mut met: BTreeSet<NodeAddr> = BTreeSet::new();
    let mut watch = Watch::new(plan, pool, targets);
    let mut first = 0_u32;
    let mut outcome = JobOutcome::Succeeded;
    for (number, stage) in plan.stages.iter().enumerate() {
        let stage_index = u32::try_from(number).unwrap_or(u32::MAX);
        let mut hosts: Vec<(NodeAddr, u32, Vec<Step>)> = Vec::new();
        for (host, steps) in &stage.hosts {
            hosts.push((*host, first, steps.clone()));
            first = first.saturating_add(u32::try_from(steps.len()).unwrap_or(u32::MAX));
        }
        if stop.asked() {
            outcome = JobOutcome::Cancelled;
            break;
        }
        if let Some(reason) = watch.before(stage, &*sink, stop).await? {
            outcome = JobOutcome::Failed { reason, step: None };
            break;
        }
        sink.emit(EventKind::StageStarted { stage: stage_index }).await?;
        let mut ends: BTreeMap<NodeAddr, HostEnd> = BTreeMap::new();
        let mut tasks: JoinSet<Result<HostEnd, SinkError>> = JoinSet::new();
        for (host, first, steps) in hosts {
            let runner = HostRunner {
                pool: pool.clone(),
                target: targets.get(host).cloned(),
                host,
                sink: Arc::clone(&sink),
                redactor: Arc::clone(&redactor),
                stop: stop.clone(),
                mark: mark.clone(),
                look: met.insert(host).then(|| left::listing(plan, host)),
            };
            tasks.spawn(runner.run(first, steps));
            if stage.serial {
                drain(&mut tasks, &mut ends).await?;
                if ends.values().any(|end| end.bad.is_some()) {
                    break;
                }
            }
        }
        drain(&mut tasks, &mut ends).await?;
        let bad: Vec<(NodeAddr, u32, Outcome)> = ends
            .into_values()
            .filter_map(|end| end.bad.map(|(step, outcome)| (end.host, step, outcome)))
            .collect();
        // A failure says more than a cancellation that came with it.
        let worst = bad.iter().find(|(_, _, outcome)| *outcome != Outcome::Cancelled).or_else(|| bad.first());
        let stage_outcome = worst.map_or(Outcome::Ok, |(_, _, outcome)| outcome.clone());
        sink.emit(EventKind::StageFinished { stage: stage_index, outcome: stage_outcome }).await?;
        if let Some((host, step, worst)) = worst {
            outcome = job_outcome(plan, *host, *step, worst, bad.len());
            break;
        }
    }
    sink.emit(EventKind::JobFinished { outcome: outcome.clone() }).await?;
    Ok(outcome)
}

/// A line of the job itself.
pub(crate) fn line(text: String) -> EventKind {
    EventKind::Line { step: None, host: String::new(), stream: Stream::Engine, text }
}

async fn drain(
    tasks: &mut JoinSet<Result<HostEnd, SinkError>>,
    ends: &mut BTreeMap<NodeAddr, HostEnd>,
) -> Result<(), SinkError> {
    while let Some(done) = tasks.join_next().await {
        let end = done.map_err(|error| SinkError(format!("a host's task ended badly: {error}")))??;
        ends.insert(end.host, end);
    }
    Ok(())
}

fn job_outcome(plan: &Plan, host: NodeAddr, step: u32, outcome: &Outcome, hosts: usize) -> JobOutcome {
    let reason = match outcome {
        Outcome::Cancelled => return JobOutcome::Cancelled,
        Outcome::Failed { reason } | Outcome::Unreachable { reason } | Outcome::Skipped { reason } => {
            reason.clone()
        }
        Outcome::Ok | Outcome::Changed => String::new(),
    };
    let name = plan.steps().nth(step as usize).map_or_else(String::new, |(_, _, step)| step.id.0.clone());
    let others = if hosts > 1 { format!(" (and {} more hosts)", hosts - 1) } else { String::new() };
    JobOutcome::Failed { reason: format!("step {name} on {host}{others}: {reason}"), step: Some(step) }
}
