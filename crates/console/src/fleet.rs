//! Watching the fleet: rows of the clusters page as they change, a few batches a second at most.

use crate::clock::now_us;
use crate::policy::{Action, Target};
use crate::{Actor, Console};
use paddock_events::{ClusterRow, JobId, Problem, RevisionId};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::sleep;

/// What changes within this is sent together.
const BATCH: Duration = Duration::from_millis(250);
/// How often it is looked for changes that no picture tells: jobs, a saved inventory.
const LOOK: Duration = Duration::from_secs(1);
/// A reader whose rows are older than this gets all of them: which jobs have ended meanwhile is not kept.
const FORGOTTEN_US: i64 = 15_000_000;

/// Rows that have changed.
#[derive(Clone, Debug, PartialEq)]
pub struct FleetChange {
    /// By name.
    pub rows: Vec<ClusterRow>,
    /// These are all there are.
    pub whole: bool,
    /// When they were made, microseconds since the epoch.
    pub at_us: i64,
}

/// The fleet as one person may see it, from a time on. While it lives, clusters are looked at more often.
pub struct FleetFeed {
    console: Console,
    actor: Actor,
    changes: watch::Receiver<u64>,
    /// When the rows were made that the reader has, until the first batch.
    since_us: Option<i64>,
    /// The last change that was sent.
    sent: u64,
    /// Of the inventory that the reader's rows were made from.
    revision: Option<RevisionId>,
    busy: BTreeMap<String, JobId>,
}

impl Console {
    /// Watches the clusters in the actor's scope. `since_us` is when the rows were made that the reader has; 0: it has none.
    pub async fn follow_fleet(&self, actor: &Actor, since_us: i64) -> Result<FleetFeed, Problem> {
        self.gate(actor, Action::See, Target::Anywhere, "the clusters").await?;
        Ok(FleetFeed {
            console: self.clone(),
            actor: actor.clone(),
            changes: self.inner.live.changes(),
            since_us: Some(since_us),
            sent: 0,
            revision: None,
            busy: BTreeMap::new(),
        })
    }
}

impl FleetFeed {
    /// The next rows that have changed, the first at once; none when the console closes.
    pub async fn next(&mut self) -> Option<FleetChange> {
        let closing = self.console.inner.closing.clone();
        loop {
            if self.since_us.is_none() {
                tokio::select! {
                    changed = self.changes.changed() => {
                        changed.ok()?;
                        sleep(BATCH).await;
                    }
                    () = sleep(LOOK) => {}
                    () = closing.cancelled() => return None,
                }
            }
            match self.look().await {
                Ok(change) if change.whole || !change.rows.is_empty() => return Some(change),
                Ok(_) => {}
                Err(problem) => {
                    tracing::warn!("who watches the fleet waits for the store: {problem}");
                    sleep(LOOK).await;
                }
            }
        }
    }

    async fn look(&mut self) -> Result<FleetChange, Problem> {
        let live = &self.console.inner.live;
        let (at_us, (newest, changed)) = (now_us(), live.changed_since(self.sent));
        let current = self.console.current().await?;
        let busy = self.console.clusters_in_work().await?;
        let revision = current.as_ref().map(|current| current.revision);
        let whole = match self.since_us {
            Some(since_us) => {
                let saved_us = current.as_ref().map_or(i64::MAX, |current| current.saved.1);
                saved_us >= since_us || !(0..FORGOTTEN_US).contains(&(at_us - since_us))
            }
            None => revision != self.revision,
        };
        let changed: BTreeSet<&str> = changed.iter().map(String::as_str).collect();
        let turned = |name: &str| changed.contains(name) || busy.get(name) != self.busy.get(name);
        let first = self.since_us;
        let rows = current.iter().flat_map(|current| {
            self.console.rows(&self.actor, current, &busy, |name| whole || first.is_some() || turned(name))
        });
        let is_new = |row: &ClusterRow| {
            whole || first.is_none_or(|since_us| row.running_job.is_some() || is_newer(row, since_us))
        };
        let rows = rows.filter(is_new).map(ClusterRow::in_short).collect();
        (self.since_us, self.sent, self.revision, self.busy) = (None, newest, revision, busy);
        Ok(FleetChange { rows, whole, at_us })
    }
}

/// Whether something was read for a row after a time.
fn is_newer(row: &ClusterRow, since_us: i64) -> bool {
    let read = row.seen_at_us.max(row.backup.map(|backup| backup.read_us));
    read.is_some_and(|read_us| read_us >= since_us)
}
