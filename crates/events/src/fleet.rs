//! The fleet page: one row per cluster, and how its lag went. The same row is rendered by the server, sent as JSON, and sent
//! again over the socket when something of it has changed.

use crate::{HealthLevel, JobId, MemberRole, MemberState};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// One row of the clusters page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClusterRow {
    /// `pg_cluster`.
    pub name: String,
    /// Health at a glance.
    pub health: HealthLevel,
    /// Why it is not healthy.
    pub reasons: Vec<String>,
    /// Declared instances: name, address, declared role.
    pub instances: Vec<(String, String, String)>,
    /// What was seen of its members, declared or not; empty before the first look.
    pub members: Vec<RowMember>,
    /// PostgreSQL's version as seen, else as declared.
    pub version: String,
    /// The instance that leads now.
    pub leader: Option<String>,
    /// The largest lag in bytes, when all lags are known.
    pub max_lag_bytes: Option<u64>,
    /// How the largest lag went.
    pub lags: LagHistory,
    /// What is declared and runs otherwise, one sentence each.
    pub drift: Vec<String>,
    /// The newest backup in its repository; none before that was read.
    pub backup: Option<RowBackup>,
    /// A job that changes it now.
    pub running_job: Option<JobId>,
    /// When the health was read, microseconds since the epoch.
    pub seen_at_us: Option<i64>,
}

impl ClusterRow {
    /// The same for a list of many: of the reasons, the first and how many more there are.
    pub fn in_short(mut self) -> Self {
        let more = self.reasons.len().saturating_sub(1);
        self.reasons.truncate(1);
        if more > 0 {
            self.reasons.push(format!("{more} more"));
        }
        self
    }
}

/// A member in a row of the clusters page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RowMember {
    /// `pg-test-1`.
    pub instance: String,
    // What is not known is not sent: a thousand rows of it are a quarter of a megabyte.
    /// What Patroni says it is.
    #[serde(default, skip_serializing_if = "is_default")]
    pub role: MemberRole,
    /// What Patroni says it does.
    #[serde(default, skip_serializing_if = "is_default")]
    pub state: MemberState,
    /// Bytes behind the leader; none when unknown or on the leader.
    #[serde(default, skip_serializing_if = "is_default")]
    pub lag_bytes: Option<u64>,
    /// Its node could not be read.
    #[serde(default, skip_serializing_if = "is_default")]
    pub unreachable: bool,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl RowMember {
    /// One that is declared and was not looked at yet.
    pub fn unseen(instance: String) -> Self {
        let (role, state) = Default::default();
        Self { instance, role, state, lag_bytes: None, unreachable: false }
    }

    /// Whether it holds the leader's lock.
    pub fn leads(&self) -> bool {
        self.role.leads()
    }
}

/// What was read of a cluster's repository of backups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowBackup {
    /// When the newest good backup ended, microseconds since the epoch; none: there is none.
    pub stop_us: Option<i64>,
    /// When that was read.
    pub read_us: i64,
}

/// The clusters page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FleetPage {
    /// By name.
    pub rows: Vec<ClusterRow>,
    /// When this was made, microseconds since the epoch, by the console's clock: ages are told from it until the browser's runs.
    pub at_us: i64,
}

/// The largest lag of a cluster over the last half hour: one point for each slot of time, the worst that was seen in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LagHistory {
    /// Number of the newest slot since the epoch.
    newest: i64,
    /// Bytes, oldest first; none where no look knew all lags.
    points: VecDeque<Option<u64>>,
}

impl LagHistory {
    /// Length of a slot in microseconds.
    pub const SLOT_US: i64 = 30_000_000;
    /// Slots that are kept.
    pub const SLOTS: usize = 60;

    /// Takes what a look saw. Looks come in order; one that is older than the newest slot is dropped.
    pub fn note(&mut self, at_us: i64, lag_bytes: Option<u64>) {
        let slot = at_us.div_euclid(Self::SLOT_US);
        if self.points.is_empty() {
            // Nothing is drawn before something is known.
            if lag_bytes.is_some() {
                self.newest = slot;
                self.points.push_back(lag_bytes);
            }
            return;
        }
        if slot == self.newest
            && let Some(last) = self.points.back_mut()
        {
            *last = (*last).max(lag_bytes);
            return;
        }
        let missed = usize::try_from(slot - self.newest).unwrap_or(0);
        if missed == 0 {
            return;
        }
        self.newest = slot;
        self.points.extend(std::iter::repeat_n(None, (missed - 1).min(Self::SLOTS)));
        self.points.push_back(lag_bytes);
        let old = self.points.len().saturating_sub(Self::SLOTS);
        let known = self.points.iter().skip(old).position(Option::is_some).unwrap_or(Self::SLOTS);
        self.points.drain(..(old + known).min(self.points.len()));
    }

    /// The points with the slot that each belongs to, counted from the left of [`Self::SLOTS`].
    pub fn points(&self) -> impl Iterator<Item = (usize, Option<u64>)> + '_ {
        let first = Self::SLOTS.saturating_sub(self.points.len());
        self.points.iter().enumerate().map(move |(at, point)| (first + at, *point))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_of_which_nothing_is_known_is_a_name() {
        let unseen = RowMember::unseen("pg-test-1".into());
        let text = serde_json::to_string(&unseen).unwrap();
        assert_eq!(text, r#"{"instance":"pg-test-1"}"#);
        assert_eq!(serde_json::from_str::<RowMember>(&text).unwrap(), unseen);
        let seen = RowMember {
            role: MemberRole::Replica,
            state: MemberState::Streaming,
            lag_bytes: Some(0),
            ..unseen
        };
        let text = serde_json::to_string(&seen).unwrap();
        assert_eq!(serde_json::from_str::<RowMember>(&text).unwrap(), seen);
    }

    fn history(looks: &[(i64, Option<u64>)]) -> Vec<(usize, Option<u64>)> {
        let mut history = LagHistory::default();
        for (slot, lag) in looks {
            history.note(slot * LagHistory::SLOT_US + 7, *lag);
        }
        history.points().collect()
    }

    #[test]
    fn a_slot_keeps_its_worst_and_gaps_stay_gaps() {
        assert_eq!(history(&[(5, Some(3)), (5, Some(9)), (5, None), (5, Some(1))]), [(59, Some(9))]);
        assert_eq!(
            history(&[(5, Some(3)), (8, Some(4))]),
            [(56, Some(3)), (57, None), (58, None), (59, Some(4))]
        );
        assert_eq!(history(&[(5, Some(3)), (4, Some(8))]), [(59, Some(3))], "a clock that was set back");
    }

    #[test]
    fn nothing_known_is_nothing_drawn() {
        assert_eq!(history(&[(1, None), (2, None)]), []);
        assert_eq!(history(&[(1, Some(2)), (900, None)]), [], "what was known has left the picture");
    }

    #[test]
    fn it_is_bounded_whatever_comes() {
        let looks: Vec<_> = (0..500).map(|slot| (slot, Some(slot as u64))).collect();
        let points = history(&looks);
        assert_eq!((points.len(), points[0], points[59]), (60, (0, Some(440)), (59, Some(499))));
        assert_eq!(history(&[(0, Some(1)), (i64::MAX / LagHistory::SLOT_US - 1, Some(2))]), [(59, Some(2))]);
    }
}
