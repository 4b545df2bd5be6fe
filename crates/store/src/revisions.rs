//! Inventory texts, one after the other.

use crate::database::Asking as _;
use crate::seal::Place;
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
#[derive(Clone, Debug, PartialEq, Eq)]
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

/// A revision without its text.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct RevisionHead {
    id: i64,
    /// Who saved it.
    pub author: String,
    /// Why, in their words.
    pub message: String,
    /// Microseconds since the epoch.
    pub saved_us: i64,
    job: Option<i64>,
}

impl RevisionHead {
    /// Its number.
    pub fn id(&self) -> RevisionId {
        RevisionId(self.id)
    }

    /// The job whose edit it is; none: a person's.
    pub fn job(&self) -> Option<JobId> {
        self.job.map(JobId)
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    parent: Option<i64>,
    sealed: Option<Vec<u8>>,
    author: String,
    message: String,
    saved_us: i64,
    job: Option<i64>,
}

fn place(id: i64) -> Place {
    Place::new("revision.sealed", id)
}

impl Store {
    /// Saves a text when `parent` is still the newest revision; none when it is not: somebody was faster.
    pub async fn add_revision(&self, new: &NewRevision) -> Result<Option<RevisionId>, StoreError> {
        let key = self.key()?;
        let mut tx = self.begin().await?;
        let added: Option<i64> = sqlx::query_scalar(
            "INSERT INTO revision (parent, text, author, message, saved_us, job) SELECT $1, '', $2, $3, $4, $5
             WHERE (SELECT max(id) FROM revision) IS NOT DISTINCT FROM $1 RETURNING id",
        )
        .bind(new.parent.map(|id| id.0))
        .bind(&new.author)
        .bind(&new.message)
        .bind(new.saved_us)
        .bind(new.job.map(|id| id.0))
        .fetch_optional(&mut *tx)
        .await
        .asking("save a revision")?;
        let Some(id) = added else { return Ok(None) };
        // Sealed for its row, whose number is known now.
        sqlx::query("UPDATE revision SET sealed = $2 WHERE id = $1")
            .bind(id)
            .bind(key.seal(place(id), &new.text)?)
            .execute(&mut *tx)
            .await
            .asking("seal a revision")?;
        self.note_in(&mut tx, Some(format!("revision {id}"))).await?;
        tx.commit().await.asking("save a revision")?;
        Ok(Some(RevisionId(id)))
    }

    /// The number of the revision in force; nothing is opened for it.
    pub async fn newest_revision_id(&self) -> Result<Option<RevisionId>, StoreError> {
        let newest: Option<i64> = sqlx::query_scalar("SELECT max(id) FROM revision")
            .fetch_one(self.reader())
            .await
            .asking("look for the newest revision")?;
        Ok(newest.map(RevisionId))
    }

    /// The revision in force.
    pub async fn newest_revision(&self) -> Result<Option<StoredRevision>, StoreError> {
        let row = sqlx::query_as(
            "SELECT id, parent, sealed, author, message, saved_us, job FROM revision ORDER BY id DESC LIMIT 1",
        )
        .fetch_optional(self.reader())
        .await
        .asking("read the newest revision")?;
        row.map(|row| self.opened(row)).transpose()
    }

    /// One revision.
    pub async fn revision(&self, id: RevisionId) -> Result<Option<StoredRevision>, StoreError> {
        let row = sqlx::query_as(
            "SELECT id, parent, sealed, author, message, saved_us, job FROM revision WHERE id = $1",
        )
        .bind(id.0)
        .fetch_optional(self.reader())
        .await
        .asking("read a revision")?;
        row.map(|row| self.opened(row)).transpose()
    }

    /// Revisions up to `newest`, that one first, at most `limit`; nothing is opened for it.
    pub async fn revision_heads(
        &self,
        newest: RevisionId,
        limit: u32,
    ) -> Result<Vec<RevisionHead>, StoreError> {
        sqlx::query_as(
            "SELECT id, author, message, saved_us, job FROM revision WHERE id <= $1 ORDER BY id DESC LIMIT $2",
        )
        .bind(newest.0)
        .bind(i64::from(limit))
        .fetch_all(self.reader())
        .await
        .asking("list revisions")
    }

    fn opened(&self, row: Row) -> Result<StoredRevision, StoreError> {
        Ok(StoredRevision {
            id: row.id,
            parent: row.parent,
            text: self.key()?.open(place(row.id), &row.sealed.unwrap_or_default())?,
            author: row.author,
            message: row.message,
            saved_us: row.saved_us,
            job: row.job,
        })
    }
}
