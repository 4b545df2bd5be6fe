//! Who led a cluster when: what Patroni kept of it, what the console saw, and how long nobody took writes.

use crate::{MemberRole, MemberState};
use serde::{Deserialize, Serialize};

/// A timeline that has ended, as Patroni's history tells it: where, and who led next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimelineEnd {
    /// The timeline that ended.
    pub timeline: u32,
    /// Where it ended: `0/3000060`.
    pub lsn: String,
    /// PostgreSQL's words for why: `no recovery target specified` after every promotion.
    pub reason: String,
    /// When the next one began, microseconds since the epoch; none where Patroni does not say.
    pub at_us: Option<i64>,
    /// Who led then; none where Patroni does not say.
    pub leader: Option<String>,
}

/// Why nobody takes writes, as far as it was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gone {
    /// Nobody holds the leader's lock.
    NoLock,
    /// Who holds it could not be reached: it may still take writes.
    NotReached,
    /// Its PostgreSQL does not run.
    NotRunning,
}

/// What had changed when the console looked at a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Sighting {
    /// The first look ever.
    Began {
        /// Who took writes.
        leader: Option<String>,
    },
    /// Nobody takes writes, or nobody is known to.
    LeaderGone {
        /// Who did.
        was: String,
        /// Why not any more.
        gone: Gone,
        /// How far behind the others were when they were last seen, in bytes where that is known.
        lags: Vec<(String, Option<u64>)>,
    },
    /// Somebody takes writes who did not.
    Leads {
        /// Who.
        now: String,
        /// Who did last.
        was: Option<String>,
        /// On which timeline.
        timeline: Option<u32>,
    },
    /// A member does something else.
    Member {
        /// `pg-test-1`.
        instance: String,
        /// What Patroni says it is.
        role: MemberRole,
        /// What Patroni says it does.
        state: MemberState,
        /// Its node was not reached.
        unreachable: bool,
    },
    /// A replica has fallen behind the bound, or caught up again.
    Lag {
        /// `pg-test-2`.
        instance: String,
        /// Bytes behind now.
        bytes: u64,
        /// More than the bound.
        behind: bool,
    },
    /// Patroni was paused or resumed.
    Paused {
        /// It is paused.
        paused: bool,
    },
    /// No Patroni answers: what happens is not seen.
    Silent,
    /// Some Patroni answers again.
    Heard,
}

/// One of them with its time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SightingRow {
    /// When the look began that saw it, microseconds since the epoch.
    pub at_us: i64,
    /// When the last look before it began; none: nobody had looked.
    pub since_us: Option<i64>,
    /// What was seen.
    pub what: Sighting,
}

/// Patroni's history, with its age.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaderHistory {
    /// The instance that was asked.
    pub seen_from: String,
    /// Microseconds since the epoch.
    pub read_us: i64,
    /// The oldest first.
    pub ends: Vec<TimelineEnd>,
}

/// The failovers tab of a cluster's page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterFailovers {
    /// What Patroni kept, as last read; none: it was never read.
    pub history: Option<LeaderHistory>,
    /// Why it was not read just now; none: it was.
    pub unread: Option<String>,
    /// What the console saw, the oldest first.
    pub sightings: Vec<SightingRow>,
    /// There are older ones that are not shown.
    pub more: bool,
}

/// A time in which the console saw nobody who takes writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outage {
    /// Who did before.
    pub was: String,
    /// The last look at which they did; none: nobody had looked.
    pub after_us: Option<i64>,
    /// The first look at which nobody did.
    pub from_us: i64,
    /// The last look at which nobody did, and the first at which somebody did again; none: it goes on.
    pub until: Option<(Option<i64>, i64)>,
    /// Who does now.
    pub now: Option<String>,
    /// Nobody held the lock, or it went to another; else the one that led was out of the console's sight only.
    pub certain: bool,
}

impl Outage {
    /// Milliseconds without writes: at least, and at most where that is known. None while it goes on.
    pub fn lasted_ms(&self) -> Option<(u64, Option<u64>)> {
        let (since_us, at_us) = self.until?;
        let between = |from: i64, to: i64| u64::try_from((to - from) / 1_000).unwrap_or(0);
        let least = since_us.map_or(0, |since_us| between(self.from_us, since_us));
        Some((least, self.after_us.map(|after_us| between(after_us, at_us))))
    }
}

/// The times without a leader in what was seen, the oldest first. One whose leader changed between two looks lasted no longer
/// than from the one to the other.
pub fn outages(sightings: &[SightingRow]) -> Vec<Outage> {
    let mut all: Vec<Outage> = Vec::new();
    for SightingRow { at_us, since_us, what } in sightings {
        let open = all.last_mut().filter(|last| last.until.is_none());
        match (what, open) {
            (Sighting::LeaderGone { gone, .. }, Some(open)) => open.certain |= *gone != Gone::NotReached,
            (Sighting::LeaderGone { was, gone, .. }, None) => all.push(Outage {
                was: was.clone(),
                after_us: *since_us,
                from_us: *at_us,
                until: None,
                now: None,
                certain: *gone != Gone::NotReached,
            }),
            (Sighting::Leads { now, .. }, Some(open)) => {
                open.until = Some((*since_us, *at_us));
                open.certain |= *now != open.was;
                open.now = Some(now.clone());
            }
            (Sighting::Leads { now, was: Some(was), .. }, None) if was != now => all.push(Outage {
                was: was.clone(),
                after_us: *since_us,
                from_us: *at_us,
                until: Some((None, *at_us)),
                now: Some(now.clone()),
                certain: true,
            }),
            _ => {}
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gone(gone: Gone) -> Sighting {
        Sighting::LeaderGone { was: "a-1".into(), gone, lags: vec![] }
    }

    fn leads(now: &str) -> Sighting {
        Sighting::Leads { now: now.into(), was: Some("a-1".into()), timeline: None }
    }

    /// Sightings as seconds since the last look, seconds, what; gives at least, at most and whether it is certain.
    fn check(rows: &[(i64, i64, Sighting)], expect: &[(Option<(u64, u64)>, bool)]) {
        let row = |(since, at, what): &(i64, i64, Sighting)| SightingRow {
            at_us: at * 1_000_000,
            since_us: Some(since * 1_000_000),
            what: what.clone(),
        };
        let rows: Vec<_> = rows.iter().map(row).collect();
        let seconds = |(least, most): (u64, Option<u64>)| (least / 1_000, most.unwrap() / 1_000);
        let found: Vec<_> =
            outages(&rows).iter().map(|one| (one.lasted_ms().map(seconds), one.certain)).collect();
        assert_eq!(found, expect);
    }

    #[test]
    fn a_time_without_a_leader_is_between_two_bounds() {
        check(
            &[(10, 11, gone(Gone::NotReached)), (25, 26, gone(Gone::NoLock)), (28, 29, leads("a-2"))],
            &[(Some((17, 19)), true)],
        );
    }

    #[test]
    fn a_leader_out_of_sight_that_comes_back_may_have_taken_writes() {
        check(&[(10, 11, gone(Gone::NotReached)), (14, 15, leads("a-1"))], &[(Some((3, 5)), false)]);
        check(&[(10, 11, gone(Gone::NotReached)), (14, 15, leads("a-2"))], &[(Some((3, 5)), true)]);
    }

    #[test]
    fn a_change_between_two_looks_has_an_upper_bound_only() {
        check(&[(10, 15, leads("a-2"))], &[(Some((0, 5)), true)]);
        check(&[(10, 15, leads("a-1"))], &[]);
    }

    #[test]
    fn one_that_goes_on_has_no_length_yet() {
        check(&[(10, 11, gone(Gone::NotRunning))], &[(None, true)]);
    }
}
