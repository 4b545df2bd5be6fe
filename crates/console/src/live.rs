//! What runs now: the last picture of every cluster, and one poller per cluster whose page somebody watches. What looks at
//! the others is in `rounds.rs`.

use crate::Console;
use crate::clock::{now_s, now_us};
use crate::console::{Inner, TopologyFeed};
use crate::inventory::Current;
use crate::sessions::IDLE_S;
use paddock_engine::Targets;
use paddock_events::{ClusterTopology, HealthLevel, LagHistory, RevisionId, RowBackup};
use paddock_inventory::ClusterName;
use paddock_live::{Watch, Witness};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

/// Between two looks at a cluster that somebody watches; longer while nothing of it answers.
pub(crate) const WATCHED: Duration = Duration::from_secs(1);
pub(crate) const SILENT: Duration = Duration::from_secs(5);
/// An unchanged picture is sent anew after this, so that its age is true.
const FRESH: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(crate) struct Picture {
    seen: watch::Sender<Option<ClusterTopology>>,
    /// A task polls it for watchers.
    polled: AtomicBool,
    kept: Mutex<Kept>,
    /// What changes from look to look; none before the first.
    pub(crate) witness: tokio::sync::Mutex<Option<Witness>>,
}

/// What is kept of a cluster besides its last picture. In memory: a new console looks anew.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kept {
    pub(crate) lags: LagHistory,
    pub(crate) backup: Option<RowBackup>,
    /// A job has worked on it since its backups were read.
    backups_due: bool,
    /// Number of the change that was its last one.
    change: u64,
}

/// What came of a look.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    /// Nothing answered.
    pub(crate) silent: bool,
    /// Something did, and nobody takes writes or can be asked whether they do.
    pub(crate) headless: bool,
}

/// The last pictures of all clusters, by name.
#[derive(Debug, Default)]
pub(crate) struct Live {
    pictures: Mutex<HashMap<String, Arc<Picture>>>,
    /// Counts what has changed; who has a receiver watches the fleet.
    changes: watch::Sender<u64>,
    /// Where the nodes of a revision are reached: thousands of them take milliseconds to be read from the inventory.
    targets: Mutex<Option<(RevisionId, Arc<Targets>)>>,
}

impl Live {
    /// The last picture; none before the first look.
    pub(crate) fn last(&self, cluster: &str) -> Option<ClusterTopology> {
        let pictures = self.pictures.lock().ok()?;
        pictures.get(cluster).and_then(|picture| picture.seen.borrow().clone())
    }

    /// What `read` makes of the last picture and of what is kept besides, without a copy; none before anything was kept.
    pub(crate) fn with<T>(
        &self,
        cluster: &str,
        read: impl FnOnce(Option<&ClusterTopology>, &Kept) -> T,
    ) -> Option<T> {
        let picture = Arc::clone(self.pictures.lock().ok()?.get(cluster)?);
        let kept = picture.kept.lock().ok()?;
        Some(read(picture.seen.borrow().as_ref(), &kept))
    }

    /// Keeps what was read of a cluster's backups.
    pub(crate) fn note_backup(&self, cluster: &str, backup: RowBackup) {
        let picture = self.picture(cluster);
        if let Ok(mut kept) = picture.kept.lock() {
            let new = kept.backup.is_none_or(|old| old.stop_us != backup.stop_us);
            kept.backup = Some(backup);
            if new {
                kept.change = self.count();
            }
        }
    }

    /// Notes that what the cluster has of backups may be another now.
    pub(crate) fn backups_are_due(&self, cluster: &str) {
        let picture = self.pictures.lock().ok().and_then(|pictures| pictures.get(cluster).cloned());
        if let Some(picture) = picture
            && let Ok(mut kept) = picture.kept.lock()
        {
            kept.backups_due = true;
        }
    }

    /// Whether the backups are to be read before their time; asked once for each such note.
    pub(crate) fn take_backups_due(&self, cluster: &str) -> bool {
        self.picture(cluster).kept.lock().is_ok_and(|mut kept| std::mem::take(&mut kept.backups_due))
    }

    /// Tells of changes as long as it lives; the console looks more often meanwhile.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Whether somebody watches the fleet.
    pub(crate) fn is_watched(&self) -> bool {
        self.changes.receiver_count() > 0
    }

    /// Clusters that have changed after a change, and the newest change.
    pub(crate) fn changed_since(&self, change: u64) -> (u64, Vec<String>) {
        let newest = *self.changes.borrow();
        let Ok(pictures) = self.pictures.lock() else { return (newest, Vec::new()) };
        let changed = |picture: &Picture| picture.kept.lock().is_ok_and(|kept| kept.change > change);
        let names = pictures.iter().filter(|(_, picture)| changed(picture)).map(|(name, _)| name.clone());
        (newest, names.collect())
    }

    pub(crate) fn picture(&self, cluster: &str) -> Arc<Picture> {
        let new = || {
            Arc::new(Picture {
                seen: watch::Sender::new(None),
                polled: AtomicBool::new(false),
                kept: Mutex::default(),
                witness: tokio::sync::Mutex::default(),
            })
        };
        match self.pictures.lock() {
            Ok(mut pictures) => Arc::clone(pictures.entry(cluster.to_owned()).or_insert_with(new)),
            // Only a panic under the lock leads here; a picture of its own still serves this watcher.
            Err(_) => new(),
        }
    }

    /// Forgets clusters that are not declared any more; their watchers' feeds end.
    pub(crate) fn keep_only(&self, declared: &dyn Fn(&str) -> bool) {
        if let Ok(mut pictures) = self.pictures.lock() {
            pictures.retain(|name, _| declared(name));
        }
    }

    /// Takes a look's result into a picture, and into how its lag went.
    fn show(&self, picture: &Picture, new: ClusterTopology) {
        let (at_us, lag) = (new.at_us, new.max_lag_bytes());
        let changed = picture.show(new);
        if let Ok(mut kept) = picture.kept.lock() {
            kept.lags.note(at_us, lag);
            if changed {
                kept.change = self.count();
            }
        }
    }

    /// Numbers a change and wakes who waits for one.
    fn count(&self) -> u64 {
        let mut number = 0;
        self.changes.send_modify(|changes| {
            *changes += 1;
            number = *changes;
        });
        number
    }
}

impl Picture {
    /// A task polls it for watchers.
    pub(crate) fn is_polled(&self) -> bool {
        self.polled.load(Ordering::SeqCst)
    }

    /// Takes a look's result; an equal picture is not sent again before it is stale. Gives whether it was sent.
    fn show(&self, new: ClusterTopology) -> bool {
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
        })
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
        let mut watch = Watch::default();
        loop {
            while picture.seen.receiver_count() > 0 {
                let Some(look) = self.look(&name, &picture, &mut watch).await else {
                    self.inner.live.keep_only(&|known| known != name.as_str());
                    return;
                };
                tokio::select! {
                    () = sleep(if look.silent { SILENT } else { WATCHED }) => {}
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

    /// Looks once; gives what came of it, none when the cluster is not declared any more.
    pub(crate) async fn look(
        &self,
        name: &ClusterName,
        picture: &Picture,
        watch: &mut Watch,
    ) -> Option<Look> {
        let current = match self.current().await {
            Ok(current) => current?,
            Err(_) => return Some(Look { silent: true, headless: false }),
        };
        current.inventory.cluster(name)?;
        let targets = self.targets_in_force(&current);
        let (pool, at_us) = (&self.inner.pool, now_us());
        let seen = watch.look(pool, &targets, &current.inventory, name, at_us).await?;
        let silent = seen.members.iter().all(|member| member.unreachable.is_some());
        let headless = seen.health == HealthLevel::Down
            || seen.leader().is_some_and(|leader| leader.unreachable.is_some());
        self.inner.live.show(picture, seen.clone());
        self.witness(name, picture, &seen).await;
        Some(Look { silent, headless })
    }

    /// Targets of the inventory in force, read once for each revision.
    pub(crate) fn targets_in_force(&self, current: &Current) -> Arc<Targets> {
        let kept = self.inner.live.targets.lock().ok().and_then(|kept| kept.clone());
        if let Some((_, targets)) = kept.filter(|(revision, _)| *revision == current.revision) {
            return targets;
        }
        let targets = Arc::new(self.targets(&current.inventory));
        if let Ok(mut kept) = self.inner.live.targets.lock() {
            *kept = Some((current.revision, Arc::clone(&targets)));
        }
        targets
    }
}

/// What a console does while it lives, beside looking at clusters: ends jobs of dead consoles, forgets old sessions.
/// It holds the console weakly, so that the last handle closes it.
pub(crate) async fn keep_house(inner: Weak<Inner>) {
    // A command that opens the console for a moment (`paddock user add`) shall not start a round.
    let mut wait = Duration::from_secs(2);
    let mut last_sweep: Option<Instant> = None;
    loop {
        let Some(closing) = inner.upgrade().map(|inner| inner.closing.clone()) else { return };
        tokio::select! {
            () = sleep(wait) => {}
            () = closing.cancelled() => return,
        }
        wait = Duration::from_secs(5);
        let Some(console) = inner.upgrade().map(Console::from_inner) else { return };
        console.inner.shelf.tidy();
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
            console.forget_old_sightings().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            live.show(&picture, new.clone());
            assert_eq!(feed.has_changed().unwrap(), sent, "{new:?}");
            feed.mark_unchanged();
        }
        assert_eq!(live.last("pg-test").unwrap().at_us, 7_000_000);
        assert_eq!(live.changed_since(0), (3, vec!["pg-test".to_owned()]));
        assert_eq!(live.changed_since(3), (3, vec![]));
        drop(picture);
        live.keep_only(&|name| name != "pg-test");
        assert!(feed.has_changed().is_err(), "the feed of a cluster that is gone ends");
    }
}
