//! How the inventory came to be what it is.

use crate::{JobId, RevisionId, Verdict};
use serde::{Deserialize, Serialize};

/// A revision without its text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevisionRow {
    /// Its number.
    pub id: RevisionId,
    /// Who saved it.
    pub author: String,
    /// Why, in their words.
    pub message: String,
    /// Microseconds since the epoch.
    pub saved_us: i64,
    /// The job whose edit it is; none: a person's.
    pub job: Option<JobId>,
}

/// Revisions, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryPage {
    /// Some of them.
    pub rows: Vec<RevisionRow>,
    /// Where the next page begins; none: that was the first revision.
    pub older: Option<RevisionId>,
}

/// What a line of a difference is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DiffMark {
    /// In both texts.
    Same,
    /// Only in the new one.
    Added,
    /// Only in the old one.
    Removed,
}

/// A line of a difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiffLine {
    /// What it is.
    pub mark: DiffMark,
    /// Its number, from 1: in the old text when it is removed, else in the new one.
    pub line: u32,
    /// Without its line end.
    pub text: String,
}

/// One revision, as a change of the one before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevisionPage {
    /// Which.
    pub row: RevisionRow,
    /// The one in force.
    pub newest: RevisionId,
    /// Blocks of changed lines with three lines around each.
    pub blocks: Vec<Vec<DiffLine>>,
    /// It changes passwords that are not shown to this person.
    pub hides: bool,
    /// Whether the person may save, and so go back.
    pub may_save: Verdict,
}

/// A line of the inventory in force and where it is from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlameLine {
    /// The revision that brought it; none: one that is older than what was looked at.
    pub revision: Option<RevisionId>,
    /// Without its line end.
    pub text: String,
}

/// The inventory in force, line by line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlamePage {
    /// The one in force.
    pub newest: RevisionId,
    /// All lines.
    pub lines: Vec<BlameLine>,
    /// The revisions that they are from, newest first.
    pub rows: Vec<RevisionRow>,
}

/// How a text of before is taken up again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recall {
    /// The whole text as it was in that revision.
    Back,
    /// The text in force without what that revision changed.
    Undo,
}

/// A text to be read, changed and saved by a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InventoryDraft {
    /// The whole text.
    pub text: String,
    /// What would be said of it.
    pub message: String,
}
