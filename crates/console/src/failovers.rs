//! Who led a cluster when: what each look saw change is written down, and Patroni's own history is read beside it.

use crate::clock::now_us;
use crate::live::Picture;
use crate::policy::{Action, Target};
use crate::problems::from_store;
use crate::{Actor, Console};
use paddock_events::{ClusterFailovers, ClusterTopology, LeaderHistory, Problem, Sighting};
use paddock_inventory::ClusterName;
use paddock_live::{Witness, last_leader, read_history};
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// Rows that a page shows.
const SHOWN: u32 = 500;
/// Rows among which the last leader is looked for when a console begins.
const REMEMBERED: u32 = 100;
/// How long a page waits for Patroni's history; what was read before is shown then.
const PATIENCE: Duration = Duration::from_secs(4);
/// A new leader writes its history some time after it leads.
const SETTLED: Duration = Duration::from_secs(4);
/// What was seen is kept this long.
pub(crate) const KEPT_DAYS: i64 = 400;

impl Console {
    /// The failovers tab: Patroni's history, read now where something answers, and what this console saw.
    pub async fn cluster_failovers(&self, actor: &Actor, name: &str) -> Result<ClusterFailovers, Problem> {
        self.gate(actor, Action::See, Target::Cluster(name), format!("cluster {name}")).await?;
        let (_, name) = self.declared(name).await?;
        let read = timeout(PATIENCE, self.read_history(&name)).await;
        let unread = read.unwrap_or_else(|_| Err(format!("no answer within {} s", PATIENCE.as_secs()))).err();
        let mut sightings = self.inner.store.sightings(name.as_str(), SHOWN + 1).await.map_err(from_store)?;
        let more = sightings.len() > SHOWN as usize;
        sightings.drain(..usize::from(more));
        let history = self.inner.store.history_of(name.as_str()).await.map_err(from_store)?;
        Ok(ClusterFailovers { history, unread, sightings, more })
    }

    /// Reads Patroni's history and keeps it.
    async fn read_history(&self, name: &ClusterName) -> Result<(), String> {
        let current = self.current().await.map_err(|problem| problem.to_string())?;
        let current = current.ok_or("there is no inventory")?;
        let targets = self.targets_in_force(&current);
        let (seen_from, ends) = read_history(&self.inner.pool, &targets, &current.inventory, name).await?;
        let history = LeaderHistory { seen_from, read_us: now_us(), ends };
        self.inner.store.keep_history(name.as_str(), &history).await.map_err(|error| error.to_string())
    }

    /// Writes down what has changed since the last look. When it cannot be, the log says so: the picture is shown all the same.
    pub(crate) async fn witness(&self, name: &ClusterName, picture: &Picture, seen: &ClusterTopology) {
        let mut witness = picture.witness.lock().await;
        if witness.is_none() {
            match self.inner.store.sightings(name.as_str(), REMEMBERED).await {
                Ok(rows) => *witness = Some(Witness::after(last_leader(&rows))),
                Err(error) => {
                    tracing::warn!(cluster.name = %name, "what was seen of {name} is not known: {error}");
                }
            }
        }
        let Some(witness) = witness.as_mut() else { return };
        let rows = witness.sees(seen);
        if rows.is_empty() {
            return;
        }
        if let Err(error) = self.inner.store.add_sightings(name.as_str(), &rows).await {
            tracing::warn!(cluster.name = %name, "what was seen of {name} was not written down: {error}");
        }
        let leads = |what: &Sighting| matches!(what, Sighting::Began { .. } | Sighting::Leads { .. });
        if rows.iter().any(|row| leads(&row.what)) {
            let (console, name) = (self.clone(), name.clone());
            self.inner.tasks.spawn(async move {
                tokio::select! {
                    () = sleep(SETTLED) => {}
                    () = console.inner.closing.cancelled() => return,
                }
                // Nobody waits for it: the page reads it again, and says why it cannot.
                if let Ok(Err(why)) = timeout(PATIENCE, console.read_history(&name)).await {
                    tracing::debug!(cluster.name = %name, "the history of {name} was not read: {why}");
                }
            });
        }
    }

    /// Forgets what is too old; once an hour is often enough.
    pub(crate) async fn forget_old_sightings(&self) {
        let before_us = now_us() - KEPT_DAYS * 86_400_000_000;
        if let Err(error) = self.inner.store.forget_sightings(before_us).await {
            tracing::warn!("what was seen long ago was not forgotten: {error}");
        }
    }
}
