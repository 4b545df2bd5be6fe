//! What runs now: one poller per cluster that somebody watches, and a slow round over all.

use crate::Console;
use crate::clock::{now_s, now_us};
use crate::console::{Inner, TopologyFeed};
use crate::sessions::IDLE_S;
use paddock_events::ClusterTopology;
use paddock_inventory::ClusterName;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

/// Between two looks at a cluster that somebody watches; longer while nothing of it answers.
const WATCHED: Duration = Duration::from_secs(1);
const SILENT: Duration = Duration::from_secs(5);
/// An unchanged picture is sent anew after this, so that its age is true.
const FRESH: Duration = Duration::from_secs(5);
/// Between two rounds over all clusters, and how many are looked at side by side.
const ROUND: Duration = Duration::from_secs(30);
const SIDE_BY_SIDE: usize = 16;

#[derive(Debug)]
struct Picture {
    seen: watch::Sender<Option<ClusterTopology>>,
    /// A task polls it for watchers.
    polled: AtomicBool,
}

/// The last pictures of all clusters, by name.
#[derive(Debug, Default)]
pub(crate) struct Live {
    pictures: Mutex<HashMap<String, Arc<Picture>>>,
}

impl Live {
    /// The last picture; none before the first look.
    pub(crate) fn last(&self, cluster: &str) -> Option<ClusterTopology> {
        let pictures = self.pictures.lock().ok()?;
        pictures.get(cluster).and_then(|picture| picture.seen.borrow().clone())
    }

    fn picture(&self, cluster: &str) -> Arc<Picture> {
        let new = || Arc::new(Picture { seen: watch::Sender::new(None), polled: AtomicBool::new(false) });
        match self.pictures.lock() {
            Ok(mut pictures) => Arc::clone(pictures.entry(cluster.to_owned()).or_insert_with(new)),
            // Only a panic under the lock leads here; a picture of its own still serves this watcher.
            Err(_) => new(),
        }
    }

    /// Forgets clusters that are not declared any more; their watchers' feeds end.
    fn keep_only(&self, declared: &dyn Fn(&str) -> bool) {
        if let Ok(mut pictures) = self.pictures.lock() {
            pictures.retain(|name, _| declared(name));
        }
    }
}

impl Picture {
    /// Takes a look's result; an equal picture is not sent again before it is stale.
    fn show(&self, new: ClusterTopology) {
        self.seen.send_if_modified(|seen| {
            let fresh_us = i64::try_from(FRESH.as_micros()).unwrap_or(i64::MAX);
            let same = seen.as_ref().is_some_and(|seen| {
                let then = ClusterTopology { at_us: seen.at_us, ..new.clone() };
                *seen == then && new.at_us - seen.at_us < fresh_us
            });
            if !same {
                *seen = Some(new);
            }
            !same
        });
    }
}

impl Console {
    /// A feed of the cluster's pictures; starts its poller when it has none.
    pub(crate) fn watch_cluster(&self, name: &ClusterName) -> TopologyFeed {
        let picture = self.inner.live.picture(name.as_str());
        let feed = picture.seen.subscribe();
        if !picture.polled.swap(true, Ordering::SeqCst) {
            let (console, name) = (self.clone(), name.clone());
            self.inner.tasks.spawn(async move { console.poll_while_watched(name, picture).await });
        }
        feed
    }

    async fn poll_while_watched(self, name: ClusterName, picture: Arc<Picture>) {
        loop {
            while picture.seen.receiver_count() > 0 {
                let Some(silent) = self.look(&name, &picture).await else {
                    self.inner.live.keep_only(&|known| known != name.as_str());
                    return;
                };
                tokio::select! {
                    () = sleep(if silent { SILENT } else { WATCHED }) => {}
                    () = picture.seen.closed() => {}
                    () = self.inner.closing.cancelled() => return,
                }
            }
            picture.polled.store(false, Ordering::SeqCst);
            // Somebody may have come between the last look and that word.
            if picture.seen.receiver_count() == 0 || picture.polled.swap(true, Ordering::SeqCst) {
                return;
            }
        }
    }

    /// Looks once; gives whether nothing answered, none when the cluster is not declared any more.
    async fn look(&self, name: &ClusterName, picture: &Picture) -> Option<bool> {
        let current = match self.current().await {
            Ok(current) => current?,
            Err(_) => return Some(true),
        };
        current.inventory.cluster(name)?;
        let targets = self.targets(&current.inventory);
        let (pool, at_us) = (&self.inner.pool, now_us());
        let seen = paddock_live::read_cluster(pool, &targets, &current.inventory, name, at_us).await?;
        let silent = seen.members.iter().all(|member| member.unreachable.is_some());
        picture.show(seen);
        Some(silent)
    }

    /// One look at every cluster, some side by side.
    async fn look_at_all(&self) {
        let Ok(Some(current)) = self.current().await else { return };
        let declared = Arc::clone(&current.inventory);
        self.inner
            .live
            .keep_only(&|name| name.parse().is_ok_and(|name: ClusterName| declared.cluster(&name).is_some()));
        let mut looks: JoinSet<()> = JoinSet::new();
        for name in current.inventory.clusters().keys() {
            while looks.len() >= SIDE_BY_SIDE {
                looks.join_next().await;
            }
            let picture = self.inner.live.picture(name.as_str());
            if picture.polled.load(Ordering::SeqCst) {
                continue;
            }
            let (console, name) = (self.clone(), name.clone());
            looks.spawn(async move {
                console.look(&name, &picture).await;
            });
        }
        while looks.join_next().await.is_some() {}
    }
}

/// What a console does while it lives: looks at all clusters, ends jobs of dead consoles, forgets old sessions.
/// It holds the console weakly, so that the last handle closes it.
pub(crate) async fn keep_house(inner: Weak<Inner>) {
    // A command that opens the console for a moment (`paddock user add`) shall not start a round.
    let mut wait = Duration::from_secs(2);
    let mut last_round: Option<Instant> = None;
    let mut last_sweep: Option<Instant> = None;
    loop {
        let Some(closing) = inner.upgrade().map(|inner| inner.closing.clone()) else { return };
        tokio::select! {
            () = sleep(wait) => {}
            () = closing.cancelled() => return,
        }
        wait = Duration::from_secs(5);
        let Some(console) = inner.upgrade().map(Console::from_inner) else { return };
        if let Err(problem) = console.end_dead_jobs().await {
            tracing::warn!("jobs of dead consoles were not looked for: {problem}");
        }
        if let Err(error) = console.inner.store.note_expired_approvals(now_us()).await {
            tracing::warn!("expired requests were not told to the audit log: {error}");
        }
        if let Err(problem) = console.inner.audit.keep_head().await {
            tracing::error!("the end of the audit log was not signed: {problem}");
        }
        let due = |last: Option<Instant>, every| last.is_none_or(|last: Instant| last.elapsed() >= every);
        if due(last_sweep, Duration::from_secs(3600)) {
            last_sweep = Some(Instant::now());
            if let Err(error) = console.inner.store.delete_expired_sessions(now_s(), IDLE_S).await {
                tracing::warn!("expired sessions were not deleted: {error}");
            }
        }
        if due(last_round, ROUND) {
            last_round = Some(Instant::now());
            tokio::select! {
                () = console.look_at_all() => {}
                () = closing.cancelled() => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use paddock_events::HealthLevel;

    fn seen(health: HealthLevel, at_us: i64) -> ClusterTopology {
        let cluster = "pg-test".to_owned();
        ClusterTopology {
            cluster,
            health,
            reasons: vec![],
            members: vec![],
            services: vec![],
            paused: false,
            at_us,
        }
    }

    #[test]
    fn a_picture_is_sent_when_it_changed_or_grew_old() {
        let live = Live::default();
        assert_eq!(live.last("pg-test"), None);
        let picture = live.picture("pg-test");
        let mut feed = picture.seen.subscribe();
        for (new, sent) in [
            (seen(HealthLevel::Healthy, 0), true),
            (seen(HealthLevel::Healthy, 1_000_000), false),
            (seen(HealthLevel::Down, 2_000_000), true),
            (seen(HealthLevel::Down, 6_999_999), false),
            (seen(HealthLevel::Down, 7_000_000), true),
        ] {
            picture.show(new.clone());
            assert_eq!(feed.has_changed().unwrap(), sent, "{new:?}");
            feed.mark_unchanged();
        }
        assert_eq!(live.last("pg-test").unwrap().at_us, 7_000_000);
        drop(picture);
        live.keep_only(&|name| name != "pg-test");
        assert!(feed.has_changed().is_err(), "the feed of a cluster that is gone ends");
    }
}
