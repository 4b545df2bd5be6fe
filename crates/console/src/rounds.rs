//! Looking at every declared cluster in turn: often while somebody watches the fleet, seldom else, and calmly whatever the
//! nodes do. Clusters that answered do not wait for those that did not: these have places of their own.

use crate::Console;
use crate::console::Inner;
use crate::inventory::Current;
use crate::live::{Look, SILENT, WATCHED};
use paddock_engine::read_backups;
use paddock_events::RevisionId;
use paddock_inventory::ClusterName;
use paddock_live::Watch;
use std::collections::HashMap;
use std::sync::Weak;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

/// Between two looks at a cluster while nobody watches, or at one of which nothing answers.
const ROUND: Duration = Duration::from_secs(30);
/// The same in a small fleet: what happened while nobody watched shall be known to a few seconds.
const SMALL_ROUND: Duration = Duration::from_secs(5);
/// Each cluster of a large fleet makes the others wait this much longer: a thousand are looked at within ten seconds.
const EACH: Duration = Duration::from_millis(10);
/// Looks side by side at clusters that answered, or were not asked yet.
const SIDE_BY_SIDE: usize = 24;
/// Looks side by side at clusters of which nothing answered last; most of them end with a time-out.
const SILENT_SIDE_BY_SIDE: usize = 8;
/// How often it is looked for clusters that are due.
const TICK: Duration = Duration::from_millis(250);
/// A command that opens the console for a moment (`paddock user add`) shall not begin to look around.
const BEFORE: Duration = Duration::from_secs(2);
/// Between two looks into a cluster's repository of backups.
const BACKUPS: Duration = Duration::from_secs(600);

/// What is known of a cluster's last look.
#[derive(Clone, Copy, Debug, Default)]
struct Looked {
    /// When it ended; none: never.
    at: Option<Instant>,
    /// Nothing answered.
    silent: bool,
    /// Nobody takes writes: when somebody does again is to be known to the second.
    headless: bool,
    /// It goes on.
    looking: bool,
    /// When its repository of backups was last asked for.
    backups: Option<Instant>,
}

/// What came of a look.
struct Done {
    look: Look,
    asked_backups: bool,
}

impl Looked {
    /// Whether a cluster of a fleet of `count` is due.
    fn is_due(self, now: Instant, watched: bool, count: usize) -> bool {
        let Some(at) = self.at else { return !self.looking };
        !self.looking && now.duration_since(at) >= period(watched || self.headless, self.silent, count)
    }
}

fn period(watched: bool, silent: bool, count: usize) -> Duration {
    let spread = EACH * u32::try_from(count).unwrap_or(u32::MAX);
    match (watched, silent) {
        (true, false) => WATCHED.max(spread).min(ROUND),
        (true, true) => SILENT.max(spread).min(ROUND),
        (false, false) => SMALL_ROUND.max(spread.saturating_mul(10)).min(ROUND),
        (false, true) => ROUND,
    }
}

/// Which are begun now: the longest waiting first, within the free places of either kind.
fn next(
    looked: &HashMap<ClusterName, Looked>,
    now: Instant,
    watched: bool,
    is_taken: impl Fn(&ClusterName) -> bool,
) -> Vec<ClusterName> {
    let busy = |silent| looked.values().filter(|one| one.looking && one.silent == silent).count();
    let mut free = [SIDE_BY_SIDE.saturating_sub(busy(false)), SILENT_SIDE_BY_SIDE.saturating_sub(busy(true))];
    let due = looked.iter().filter(|(_, one)| one.is_due(now, watched, looked.len()));
    let mut due: Vec<_> = due.collect();
    due.sort_by(|a, b| (a.1.at, a.0).cmp(&(b.1.at, b.0)));
    let mut out = Vec::new();
    for (name, one) in due {
        let free = &mut free[usize::from(one.silent)];
        if *free > 0 && !is_taken(name) {
            *free -= 1;
            out.push(name.clone());
        }
    }
    out
}

/// Looks at all clusters as long as the console lives. It holds the console weakly, so that the last handle closes it; a look
/// that goes on when it closes is dropped.
pub(crate) async fn look_around(inner: Weak<Inner>) {
    let mut looked: HashMap<ClusterName, Looked> = HashMap::new();
    let mut looks: JoinSet<(ClusterName, Done)> = JoinSet::new();
    let mut revision = None;
    let mut wait = BEFORE;
    loop {
        let Some(closing) = inner.upgrade().map(|inner| inner.closing.clone()) else { return };
        tokio::select! {
            () = sleep(wait) => {}
            () = closing.cancelled() => return,
        }
        wait = TICK;
        let now = Instant::now();
        while let Some(done) = looks.try_join_next() {
            match done {
                Ok((name, Done { look: Look { silent, headless }, asked_backups })) => {
                    if let Some(one) = looked.get_mut(&name) {
                        let backups = if asked_backups { Some(now) } else { one.backups };
                        *one = Looked { at: Some(now), silent, headless, looking: false, backups };
                    }
                }
                Err(error) => tracing::error!("a cluster was not looked at: {error}"),
            }
        }
        let Some(console) = inner.upgrade().map(Console::from_inner) else { return };
        let Ok(Some(current)) = console.current().await else { continue };
        follow_declared(&console, &current, &mut revision, &mut looked);
        let live = &console.inner.live;
        for name in next(&looked, now, live.is_watched(), |name| live.picture(name.as_str()).is_polled()) {
            let Some(one) = looked.get_mut(&name) else { continue };
            one.looking = true;
            let by_time = one.backups.is_none_or(|at| now.duration_since(at) >= BACKUPS);
            let console = console.clone();
            looks.spawn(async move {
                let picture = console.inner.live.picture(name.as_str());
                let look = console.look(&name, &picture, &mut Watch::default()).await;
                let look = look.unwrap_or(Look { silent: true, headless: false });
                let asked_backups = !look.silent && console.look_for_backups(&name, by_time).await;
                (name, Done { look, asked_backups })
            });
        }
    }
}

/// Takes up what is declared now, and forgets what is not any more.
fn follow_declared(
    console: &Console,
    current: &Current,
    revision: &mut Option<RevisionId>,
    looked: &mut HashMap<ClusterName, Looked>,
) {
    if revision.replace(current.revision) == Some(current.revision) {
        return;
    }
    let declared = current.inventory.clusters();
    looked.retain(|name, _| declared.contains_key(name));
    for name in declared.keys() {
        looked.entry(name.clone()).or_default();
    }
    console
        .inner
        .live
        .keep_only(&|name| name.parse().is_ok_and(|name: ClusterName| declared.contains_key(&name)));
}

impl Console {
    /// Reads what the repository of backups has when it is time, or when a job has worked on the cluster since.
    async fn look_for_backups(&self, name: &ClusterName, by_time: bool) -> bool {
        let worked_on = self.inner.live.take_backups_due(name.as_str());
        let asked = (by_time || worked_on) && self.read_backups_of(name).await;
        if worked_on && !asked {
            self.inner.live.backups_are_due(name.as_str());
        }
        asked
    }

    /// Reads them as the member that leads sees them; false when nobody leads. What was read before stays, with its time,
    /// when nothing can be read now.
    async fn read_backups_of(&self, name: &ClusterName) -> bool {
        let Ok(Some(current)) = self.current().await else { return false };
        let host = self.inner.live.with(name.as_str(), |seen, _| Some(seen?.leader()?.host.clone()));
        let targets = self.targets_in_force(&current);
        let addr = host.flatten().and_then(|host| host.parse().ok());
        let Some(target) = addr.and_then(|addr| targets.get(addr)) else { return false };
        match read_backups(&self.inner.pool, target).await {
            Ok(info) if info.trim().is_empty() => {}
            Ok(info) => self.note_backups(name.as_str(), &info),
            Err(error) => {
                tracing::debug!(cluster.name = %name, "the backups of {name} were not read: {error}");
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(number: usize) -> ClusterName {
        format!("pg-{number:04}").parse().unwrap()
    }

    #[test]
    fn a_thousand_clusters_are_begun_a_few_at_a_time_and_the_longest_waiting_first() {
        let start = Instant::now();
        let mut looked: HashMap<_, _> = (0..1_000).map(|one| (name(one), Looked::default())).collect();
        let first = next(&looked, start, true, |_| false);
        assert_eq!(first.len(), SIDE_BY_SIDE);
        for one in &first {
            looked.get_mut(one).unwrap().looking = true;
        }
        assert_eq!(next(&looked, start, true, |_| false), [], "all places are taken");
        let (done, later) = (first[0].clone(), start + Duration::from_secs(1));
        looked.insert(done.clone(), Looked { at: Some(later), ..Looked::default() });
        let then = next(&looked, later + ROUND, true, |_| false);
        assert_eq!(then.len(), 1);
        assert_ne!(then[0], done, "who was never looked at comes first");
    }

    #[test]
    fn who_answers_does_not_wait_for_the_silent() {
        let start = Instant::now();
        let silent = Looked { at: Some(start), silent: true, ..Looked::default() };
        let mut looked: HashMap<_, _> = (0..500).map(|one| (name(one), silent)).collect();
        looked.insert(name(900), Looked { silent: false, ..silent });
        let begun = next(&looked, start + ROUND, true, |_| false);
        assert_eq!(begun.len(), SILENT_SIDE_BY_SIDE + 1);
        assert!(begun.contains(&name(900)));
        assert!(!next(&looked, start + ROUND, true, |one| *one == name(900)).contains(&name(900)));
    }

    #[test]
    fn a_watched_fleet_is_looked_at_more_often_and_a_large_one_less() {
        for (watched, silent, count, seconds) in [
            (true, false, 3, 1),
            (true, true, 3, 5),
            (true, false, 1_000, 10),
            (true, true, 1_000, 10),
            (true, false, 10_000, 30),
            (false, false, 3, 5),
            (false, false, 100, 10),
            (false, false, 1_000, 30),
            (false, true, 3, 30),
        ] {
            let period = period(watched, silent, count);
            assert_eq!(period, Duration::from_secs(seconds), "{watched} {silent} {count}");
        }
    }
}
