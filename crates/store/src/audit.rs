//! The audit log: one hash chain, appended to in the transaction of the act that it tells of.

use crate::database::Asking as _;
use crate::{Store, StoreError};
use paddock_events::PersonId;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use sqlx::query::{Query, QueryScalar};
use sqlx::sqlite::SqliteArguments;
use sqlx::{QueryBuilder, Sqlite, Transaction};
use std::fmt::Write as _;
use std::sync::Arc;

/// What stands before the first row.
const NOTHING: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Whether it was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It was.
    Allowed,
    /// It was not.
    Refused,
}

impl Decision {
    /// As it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Refused => "refused",
        }
    }
}

/// A row to be appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAudit {
    /// Microseconds since the epoch.
    pub at_us: i64,
    /// Who, when it is a person.
    pub person: Option<PersonId>,
    /// The name of then.
    pub name: String,
    /// From where.
    pub origin: String,
    /// What.
    pub act: &'static str,
    /// On what; a store function that makes the thing names it.
    pub subject: String,
    /// The cluster that it is about.
    pub cluster: Option<String>,
    /// The plan's digest.
    pub digest: Option<String>,
    /// Whether it was done.
    pub decision: Decision,
    /// What came of it, in words.
    pub outcome: String,
}

/// A row of the log. Its JSON, in this order and without `hash`, is what `hash` is made over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct StoredAudit {
    /// 1, 2, 3 and so on.
    pub id: i64,
    /// Microseconds since the epoch.
    pub at_us: i64,
    /// Who, when it is a person.
    pub person: Option<i64>,
    /// The name of then.
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
    /// `allowed` or `refused`.
    pub decision: String,
    /// What came of it, in words.
    pub outcome: String,
    /// The hash of the row before.
    pub previous: String,
    /// SHA-256 over the rest, in hex.
    #[serde(skip)]
    pub hash: String,
}

impl StoredAudit {
    fn sealed(mut self) -> Result<Self, StoreError> {
        self.hash = self.computed()?;
        Ok(self)
    }

    fn body(&self) -> Result<String, StoreError> {
        serde_json::to_string(self).map_err(|error| StoreError::Damaged {
            what: format!("audit row {}", self.id),
            why: error.to_string(),
        })
    }

    fn computed(&self) -> Result<String, StoreError> {
        let mut hex = String::with_capacity(64);
        for byte in Sha256::digest(self.body()?.as_bytes()) {
            // Writing to a String cannot fail.
            write!(hex, "{byte:02x}").ok();
        }
        Ok(hex)
    }

    /// The row as one line of JSON. Without `,"hash":"…"` it is, byte for byte, what the hash is made over.
    pub fn line(&self) -> Result<String, StoreError> {
        let mut line = self.body()?;
        line.pop();
        Ok(format!("{line},\"hash\":\"{}\"}}", self.hash))
    }
}

/// The last row that a reader of the chain has seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainEnd {
    /// How many rows there are.
    pub rows: i64,
    /// The last one's hash.
    pub hash: String,
}

impl Default for ChainEnd {
    fn default() -> Self {
        Self { rows: 0, hash: NOTHING.to_owned() }
    }
}

impl ChainEnd {
    /// Takes the row that must follow, or says what is wrong with it.
    pub fn take(&mut self, row: &StoredAudit) -> Result<(), String> {
        let due = self.rows + 1;
        if row.id != due {
            return Err(format!("row {due} is missing: row {} stands in its place", row.id));
        }
        if row.previous != self.hash {
            return Err(format!(
                "row {due} does not follow row {}: one of them was changed, exchanged or put in",
                self.rows
            ));
        }
        match row.computed() {
            Ok(hash) if hash == row.hash => {}
            Ok(_) => return Err(format!("row {due} was changed: its hash is another")),
            Err(error) => return Err(error.to_string()),
        }
        *self = Self { rows: due, hash: row.hash.clone() };
        Ok(())
    }
}

/// Which rows are asked for; an empty filter is all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Exactly this name.
    pub name: Option<String>,
    /// Acts that begin so: `approval`.
    pub act: Option<String>,
    /// Exactly this cluster.
    pub cluster: Option<String>,
    /// Older than this row.
    pub before: Option<i64>,
}

/// Appends a row; the transaction holds the write lock, so nobody comes in between.
pub(crate) async fn append(tx: &mut Transaction<'static, Sqlite>, new: &NewAudit) -> Result<(), StoreError> {
    let last: Option<(i64, String)> = sqlx::query_as("SELECT id, hash FROM audit ORDER BY id DESC LIMIT 1")
        .fetch_optional(&mut **tx)
        .await
        .asking("read the last audit row")?;
    let (last, previous) = last.unwrap_or_else(|| (0, NOTHING.to_owned()));
    let row = StoredAudit {
        id: last + 1,
        at_us: new.at_us,
        person: new.person.map(|id| id.0),
        name: new.name.clone(),
        origin: new.origin.clone(),
        act: new.act.to_owned(),
        subject: new.subject.clone(),
        cluster: new.cluster.clone(),
        digest: new.digest.clone(),
        decision: new.decision.as_str().to_owned(),
        outcome: new.outcome.clone(),
        previous,
        hash: String::new(),
    }
    .sealed()?;
    sqlx::query(
        "INSERT INTO audit (id, at_us, person, name, origin, act, subject, cluster, digest, decision, outcome,
                            previous, hash)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
    )
    .bind(row.id)
    .bind(row.at_us)
    .bind(row.person)
    .bind(row.name)
    .bind(row.origin)
    .bind(row.act)
    .bind(row.subject)
    .bind(row.cluster)
    .bind(row.digest)
    .bind(row.decision)
    .bind(row.outcome)
    .bind(row.previous)
    .bind(row.hash)
    .execute(&mut **tx)
    .await
    .asking("append to the audit log")?;
    Ok(())
}

impl Store {
    /// The same store, whose next change of something that is audited appends this row in its own transaction.
    /// What changes nothing (a stale parent, a request that is decided) appends nothing.
    #[must_use]
    pub fn noting(&self, note: NewAudit) -> Self {
        let mut noting = self.clone();
        noting.note = Some(Arc::new(note));
        noting
    }

    /// Appends the row that [`Self::noting`] gave, about `subject` when the store has just made it.
    pub(crate) async fn note_in(
        &self,
        tx: &mut Transaction<'static, Sqlite>,
        subject: Option<String>,
    ) -> Result<(), StoreError> {
        let Some(note) = &self.note else { return Ok(()) };
        match subject {
            Some(subject) => append(tx, &NewAudit { subject, ..note.as_ref().clone() }).await,
            None => append(tx, note).await,
        }
    }

    /// Runs a change with the row that [`Self::noting`] gave; false, and no row, when nothing was changed.
    pub(crate) async fn change(
        &self,
        query: Query<'_, Sqlite, SqliteArguments>,
        what: &'static str,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let changed = query.execute(&mut *tx).await.asking(what)?.rows_affected() > 0;
        if changed {
            self.note_in(&mut tx, None).await?;
            tx.commit().await.asking(what)?;
        }
        Ok(changed)
    }

    /// Runs a change that gives the number of what it made, with the row that [`Self::noting`] gave, about `kind N`
    /// where it names a kind; none, and no row, when nothing was made.
    pub(crate) async fn make(
        &self,
        query: QueryScalar<'_, Sqlite, i64, SqliteArguments>,
        what: &'static str,
        kind: Option<&str>,
    ) -> Result<Option<i64>, StoreError> {
        let mut tx = self.begin().await?;
        let made = query.fetch_optional(&mut *tx).await.asking(what)?;
        if let Some(id) = made {
            self.note_in(&mut tx, kind.map(|kind| format!("{kind} {id}"))).await?;
            tx.commit().await.asking(what)?;
        }
        Ok(made)
    }

    /// Appends a row of something that changes nothing else: a refusal, a sign-in.
    pub async fn append_audit(&self, new: &NewAudit) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        append(&mut tx, new).await?;
        tx.commit().await.asking("append to the audit log")
    }

    /// Appends a row for each request that has expired since the last call; gives how many.
    pub async fn note_expired_approvals(&self, now_us: i64) -> Result<usize, StoreError> {
        type Row = (i64, i64, i64, String, Option<String>, String);
        let mut tx = self.begin().await?;
        let expired: Vec<Row> = sqlx::query_as(
            "SELECT id, plan, expires_us, requester_name, cluster, digest FROM approval
             WHERE state IN ('waiting', 'approved') AND expires_us <= $1 AND NOT EXISTS (
                SELECT 1 FROM audit WHERE act = 'approval/expire' AND subject = 'approval ' || approval.id)
             ORDER BY id",
        )
        .bind(now_us)
        .fetch_all(&mut *tx)
        .await
        .asking("look for expired requests")?;
        let found = expired.len();
        for (id, plan, expires_us, requester, cluster, digest) in expired {
            let note = NewAudit {
                cluster,
                digest: Some(digest),
                ..by_console(
                    expires_us,
                    "approval/expire",
                    format!("approval {id}"),
                    format!("plan {plan}, asked for by {requester}"),
                )
            };
            append(&mut tx, &note).await?;
        }
        tx.commit().await.asking("note expired requests")?;
        Ok(found)
    }

    /// Rows from `from` on, oldest first, at most `limit`.
    pub async fn audit_from(&self, from: i64, limit: u32) -> Result<Vec<StoredAudit>, StoreError> {
        sqlx::query_as(
            "SELECT id, at_us, person, name, origin, act, subject, cluster, digest, decision, outcome, previous, hash
             FROM audit WHERE id >= $1 ORDER BY id LIMIT $2",
        )
        .bind(from)
        .bind(i64::from(limit))
        .fetch_all(self.reader())
        .await
        .asking("read the audit log")
    }

    /// Rows that the filter takes, newest first, at most `limit`.
    pub async fn newest_audit(
        &self,
        filter: &AuditFilter,
        limit: u32,
    ) -> Result<Vec<StoredAudit>, StoreError> {
        let mut query = QueryBuilder::<Sqlite>::new(
            "SELECT id, at_us, person, name, origin, act, subject, cluster, digest, decision, outcome, previous, hash
             FROM audit WHERE 1 = 1",
        );
        if let Some(name) = &filter.name {
            query.push(" AND name = ").push_bind(name);
        }
        if let Some(act) = &filter.act {
            query.push(" AND substr(act, 1, length(").push_bind(act).push(")) = ").push_bind(act);
        }
        if let Some(cluster) = &filter.cluster {
            query.push(" AND cluster = ").push_bind(cluster);
        }
        if let Some(before) = filter.before {
            query.push(" AND id < ").push_bind(before);
        }
        query.push(" ORDER BY id DESC LIMIT ").push_bind(i64::from(limit));
        query.build_query_as().fetch_all(self.reader()).await.asking("search the audit log")
    }

    /// Where the chain ends, unverified.
    pub async fn audit_end(&self) -> Result<ChainEnd, StoreError> {
        let last: Option<(i64, String)> =
            sqlx::query_as("SELECT id, hash FROM audit ORDER BY id DESC LIMIT 1")
                .fetch_optional(self.reader())
                .await
                .asking("read the last audit row")?;
        Ok(last.map_or_else(ChainEnd::default, |(rows, hash)| ChainEnd { rows, hash }))
    }
}

/// What an unconditional insert has made.
pub(crate) fn made(id: Option<i64>) -> Result<i64, StoreError> {
    id.ok_or_else(|| StoreError::Damaged { what: "row".into(), why: "it was not given back".into() })
}

/// A row of what the console does by itself.
pub(crate) fn by_console(at_us: i64, act: &'static str, subject: String, outcome: String) -> NewAudit {
    NewAudit {
        at_us,
        person: None,
        name: "paddock".into(),
        origin: "console".into(),
        act,
        subject,
        cluster: None,
        digest: None,
        decision: Decision::Allowed,
        outcome,
    }
}
