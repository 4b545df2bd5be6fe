//! What a person reads when something is refused or fails.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Whose move it is. Never mixed: the request is wrong, the world is in the way, or we are wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProblemKind {
    /// The request is wrong; `fix` says how to right it.
    Request,
    /// Nobody is signed in.
    SignedOut,
    /// The person's role does not allow it.
    Forbidden,
    /// What was named does not exist.
    NotFound,
    /// Somebody else changed it first, or holds the lock.
    Conflict,
    /// A node, a disk or a network is in the way.
    World,
    /// Our fault; `why` carries an id to quote.
    Internal,
}

/// A refusal or failure in a person's words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Stable, kebab-case, listed in the docs: `plan/unknown-cluster`.
    pub code: String,
    /// Whose move it is.
    pub kind: ProblemKind,
    /// What failed, one sentence.
    pub what: String,
    /// Why, with host, step or file:line.
    pub why: String,
    /// The next action: the command or the page.
    pub fix: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.what)?;
        if !self.why.is_empty() {
            write!(f, ": {}", self.why)?;
        }
        if !self.fix.is_empty() {
            write!(f, " (fix: {})", self.fix)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}
