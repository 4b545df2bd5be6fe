//! Inventory texts, one after the other.

use crate::database::Asking as _;
use crate::{Store, StoreError};
use paddock_events::{JobId, RevisionId};

/// A text to be saved on top of `parent`.
#[derive(Clone, Debug)]
pub struct NewRevision {
    /// The revision that the text was made from; none for the first.
    pub parent: Option<RevisionId>,
    /// The whole text.
    pub text: String,
    /// Who saves it.
    pub author: String,
    /// Why, in their words.
    pub message: String,
    /// Microseconds since the epoch.
    pub saved_us: i64,
    /// The job whose edit it is; none: a person's.
    pub job: Option<JobId>,
}

/// A saved text.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct StoredRevision {
    id: i64,
    parent: Option<i64>,
    /// The whole text.
    pub text: String,
    /// Who saved it.
    pub author: String,
    /// Why, in their words.
    pub message: String,
    /// Microseconds since the epoch.
    pub saved_us: i64,
    job: Option<i64>,
}

impl StoredRevision {
    /// Its number.
    pub fn id(&self) -> RevisionId {
        RevisionId(self.id)
    }

    /// The revision it was saved upon; the first has none.
    pub fn parent(&self) -> Option<RevisionId> {
        self.parent.map(RevisionId)
    }

    /// The job whose edit it is; none: a person's.
    pub fn job(&self) -> Option<JobId> {
        self.job.map(JobId)
    }
}

impl Store {
    /// Saves a text when `parent` is still the newest revision; none when it is not: somebody was faster.
    pub async fn add_revision(&self, new: &NewRevision) -> Result<Option<RevisionId>, StoreError> {
        let added = sqlx::query_scalar(
            "INSERT INTO revision (parent, text, author, message, saved_us, job) SELECT $1, $2, $3, $4, $5, $6
             WHERE (SELECT max(id) FROM revision) IS NOT DISTINCT FROM $1 RETURNING id",
        )
        .bind(new.parent.map(|id| id.0))
        .bind(&new.text)
        .bind(&new.author)
        .bind(&new.message)
        .bind(new.saved_us)
        .bind(new.job.map(|id| id.0));
        Ok(self.make(added, "save a revision", Some("revision")).await?.map(RevisionId))
    }

    /// The revision in force.
    pub async fn newest_revision(&self) -> Result<Option<StoredRevision>, StoreError> {
        sqlx::query_as(
            "SELECT id, parent, text, author, message, saved_us, job FROM revision ORDER BY id DESC LIMIT 1",
        )
        .fetch_optional(self.reader())
        .await
        .asking("read the newest revision")
    }

    /// One revision.
    pub async fn revision(&self, id: RevisionId) -> Result<Option<StoredRevision>, StoreError> {
        sqlx::query_as("SELECT id, parent, text, author, message, saved_us, job FROM revision WHERE id = $1")
            .bind(id.0)
            .fetch_optional(self.reader())
            .await
            .asking("read a revision")
    }
}
