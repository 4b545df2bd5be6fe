//! The audit log as its page shows it.

use serde::{Deserialize, Serialize};

/// Which rows are asked for; an empty text takes all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AuditFilter {
    /// Exactly this name.
    pub name: String,
    /// Acts that begin so: `approval`, `job/run`.
    pub act: String,
    /// Exactly this cluster.
    pub cluster: String,
    /// Older than this row.
    pub before: Option<i64>,
}

/// One row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRow {
    /// 1, 2, 3 and so on.
    pub id: i64,
    /// Microseconds since the epoch.
    pub at_us: i64,
    /// Who, by the name of then.
    pub name: String,
    /// From where.
    pub origin: String,
    /// What.
    pub act: String,
    /// On what.
    pub subject: String,
    /// The cluster that it is about.
    pub cluster: Option<String>,
    /// The plan's digest.
    pub digest: Option<String>,
    /// It was not done.
    pub refused: bool,
    /// What came of it.
    pub outcome: String,
}

/// Rows, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditPage {
    /// What was asked for.
    pub filter: AuditFilter,
    /// The rows.
    pub rows: Vec<AuditRow>,
    /// Where the next page begins, when there is one: `before` of its filter.
    pub older: Option<i64>,
}
