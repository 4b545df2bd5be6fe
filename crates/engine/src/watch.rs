//! What others do to the nodes while a job runs: looked at between stages, when nothing of the job itself runs.
//!
//! What has changed is told as lines, also when the job has done it itself. A stage that destroys does not begin while
//! somebody else's tool changes one of its plan's nodes.

use crate::run::line;
use crate::{EventSink, Pool, SinkError, Stop, Targets};
use paddock_inventory::NodeAddr;
use paddock_playbooks::{ClusterGlance, Effect, Glance, Plan, Stage, clusters_at_a_glance, differences};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

/// How often it is worth a look when the next stage does not destroy.
const EVERY: Duration = Duration::from_secs(5);
/// How long a node may take to answer.
const LIMIT: Duration = Duration::from_secs(10);
/// How long somebody else is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Watch<'a> {
    plan: &'a Plan,
    pool: &'a Pool,
    targets: &'a Targets,
    last: Option<Instant>,
    clusters: BTreeMap<String, ClusterGlance>,
    /// Said already: node and tools.
    at_work: BTreeMap<NodeAddr, BTreeSet<String>>,
}

impl<'a> Watch<'a> {
    pub(crate) fn new(plan: &'a Plan, pool: &'a Pool, targets: &'a Targets) -> Self {
        Self { plan, pool, targets, last: None, clusters: BTreeMap::new(), at_work: BTreeMap::new() }
    }

    /// Looks before a stage begins, and tells what is new. Gives why the stage must not begin.
    pub(crate) async fn before(
        &mut self,
        next: &Stage,
        sink: &dyn EventSink,
        stop: &Stop,
    ) -> Result<Option<String>, SinkError> {
        let destroys = next.hosts.values().flatten().any(|step| matches!(step.effect, Effect::Destroys(_)));
        if !destroys && self.last.is_some_and(|last| last.elapsed() < EVERY) {
            return Ok(None);
        }
        let begun = Instant::now();
        loop {
            let glances = self.look().await;
            self.last = Some(Instant::now());
            let clusters = clusters_at_a_glance(glances.values());
            for text in differences(&self.clusters, &clusters) {
                sink.emit(line(text)).await?;
            }
            self.clusters.extend(clusters);
            let at_work: BTreeMap<NodeAddr, BTreeSet<String>> = glances
                .into_iter()
                .filter(|(_, glance)| !glance.at_work.is_empty())
                .map(|(node, glance)| (node, glance.at_work))
                .collect();
            let said: Vec<String> = at_work
                .iter()
                .map(|(node, tools)| {
                    let verb = if tools.len() == 1 { "runs" } else { "run" };
                    let tools: Vec<&str> = tools.iter().map(String::as_str).collect();
                    format!("{} {verb} on {node}, started outside Paddock", tools.join(" and "))
                })
                .collect();
            if self.at_work != at_work {
                for text in &said {
                    sink.emit(line(format!("{text}: the two may undo each other"))).await?;
                }
                self.at_work = at_work;
            }
            if !destroys || said.is_empty() || stop.asked() {
                return Ok(None);
            }
            if begun.elapsed() > PATIENCE {
                return Ok(Some(format!(
                    "stage `{}` destroys and was not begun: {}; wait for it to end, then resume",
                    next.name,
                    said.join("; ")
                )));
            }
            sleep(Duration::from_secs(2)).await;
        }
    }

    /// The nodes on which nobody else should work: those whose locks the plan holds. One that does not answer is left
    /// out, since its steps will say so.
    async fn look(&self) -> BTreeMap<NodeAddr, Glance> {
        let mut tasks = JoinSet::new();
        for lock in &self.plan.locks {
            let Some(node) = lock.strip_prefix("node/").and_then(|node| node.parse::<NodeAddr>().ok()) else {
                continue;
            };
            let Some(target) = self.targets.get(node).cloned() else { continue };
            let pool = self.pool.clone();
            tasks.spawn(async move {
                let asked = timeout(LIMIT, pool.ask(&target, Glance::probe(), LIMIT)).await;
                (node, asked.ok().and_then(Result::ok).map(|(_, said)| Glance::parse(&said)))
            });
        }
        let mut out = BTreeMap::new();
        while let Some(done) = tasks.join_next().await {
            if let Ok((node, Some(glance))) = done {
                out.insert(node, glance);
            }
        }
        out
    }
}
