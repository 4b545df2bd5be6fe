//! The approval policy, as its page shows it.

use crate::Verdict;
use serde::{Deserialize, Serialize};

/// What holds for the clusters of some patterns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyRule {
    /// Patterns of their names, or words for all others.
    pub clusters: String,
    /// How many people must approve what destroys.
    pub approvers: u32,
    /// How old the newest backup may be when all data go: `24 h`. None: of any age.
    pub backup_within: Option<String>,
}

/// A time in which nothing runs that could change something. Times are microseconds since the epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyFreeze {
    /// Patterns of the names of its clusters.
    pub clusters: String,
    /// It holds from then on.
    pub from_us: i64,
    /// And not from then on.
    pub to_us: i64,
    /// Why.
    pub reason: String,
}

/// The policy page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyPage {
    /// The first that matches a cluster holds.
    pub rules: Vec<PolicyRule>,
    /// In the order of the text.
    pub freezes: Vec<PolicyFreeze>,
    /// The text to be changed.
    pub text: String,
    /// What a change is based on; none while nobody has saved one.
    pub base: Option<String>,
    /// Whether this person may change it.
    pub may_change: Verdict,
}
