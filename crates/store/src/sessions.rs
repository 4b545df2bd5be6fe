//! Browser sessions: opaque data, whose they are, and when they end. Of an id, which is what the cookie says, only its
//! hash is stored.

use crate::database::Asking as _;
use crate::{Store, StoreError};
use paddock_events::PersonId;
use sha2::{Digest as _, Sha256};

/// A session as stored.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct StoredSession {
    /// The server's.
    pub data: Vec<u8>,
    /// Its end, whatever is done, in seconds since the epoch.
    pub expires_s: i64,
    /// When it was last used, within a minute.
    pub seen_s: i64,
}

impl Store {
    /// Saves a session's data and whose it is, over an earlier one, whose end is not put off by it.
    pub async fn save_session(
        &self,
        id: &str,
        person: Option<PersonId>,
        data: &[u8],
        expires_s: i64,
        now_s: i64,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO session (id, person, data, expires_s, seen_s) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (id) DO UPDATE SET person = excluded.person, data = excluded.data, seen_s = excluded.seen_s,
                expires_s = CASE WHEN excluded.expires_s < session.expires_s THEN excluded.expires_s ELSE session.expires_s END",
        )
        .bind(cookie_hash(id))
        .bind(person.map(|id| id.0))
        .bind(data)
        .bind(expires_s)
        .bind(now_s)
        .execute(self.writer())
        .await
        .asking("save a session")?;
        Ok(())
    }

    /// A session that ends after `now_s` and was used in the last `idle_s` seconds.
    pub async fn load_session(
        &self,
        id: &str,
        now_s: i64,
        idle_s: i64,
    ) -> Result<Option<StoredSession>, StoreError> {
        sqlx::query_as(
            "SELECT data, expires_s, seen_s FROM session WHERE id = $1 AND expires_s > $2 AND seen_s > $2 - $3",
        )
        .bind(cookie_hash(id))
        .bind(now_s)
        .bind(idle_s)
        .fetch_optional(self.reader())
        .await
        .asking("load a session")
    }

    /// Notes that a session was used.
    pub async fn session_was_used(&self, id: &str, now_s: i64) -> Result<(), StoreError> {
        let used =
            sqlx::query("UPDATE session SET seen_s = $2 WHERE id = $1").bind(cookie_hash(id)).bind(now_s);
        used.execute(self.writer()).await.asking("note that a session was used")?;
        Ok(())
    }

    /// Forgets a session.
    pub async fn delete_session(&self, id: &str) -> Result<(), StoreError> {
        let deleted = sqlx::query("DELETE FROM session WHERE id = $1").bind(cookie_hash(id));
        deleted.execute(self.writer()).await.asking("delete a session")?;
        Ok(())
    }

    /// Ends the sessions of a person, all but one; gives how many. Written down also when there was none.
    pub async fn end_sessions(&self, person: PersonId, but: Option<&str>) -> Result<u64, StoreError> {
        let mut tx = self.begin().await?;
        let ended = end_sessions(&mut tx, person, but).await?;
        self.note_in(&mut tx, None).await?;
        tx.commit().await.asking("end sessions")?;
        Ok(ended)
    }

    /// Forgets sessions that ended before `now_s` or were not used for `idle_s` seconds; gives how many.
    pub async fn delete_expired_sessions(&self, now_s: i64, idle_s: i64) -> Result<u64, StoreError> {
        let deleted = sqlx::query("DELETE FROM session WHERE expires_s <= $1 OR seen_s <= $1 - $2")
            .bind(now_s)
            .bind(idle_s)
            .execute(self.writer());
        Ok(deleted.await.asking("delete expired sessions")?.rows_affected())
    }
}

/// Ends the sessions of a person in the transaction that takes away what they stood on.
pub(crate) async fn end_sessions(
    tx: &mut sqlx::Transaction<'static, sqlx::Sqlite>,
    person: PersonId,
    but: Option<&str>,
) -> Result<u64, StoreError> {
    let ended = sqlx::query("DELETE FROM session WHERE person = $1 AND id IS NOT $2")
        .bind(person.0)
        .bind(but.map(cookie_hash))
        .execute(&mut **tx)
        .await
        .asking("end sessions")?;
    Ok(ended.rows_affected())
}

/// What is stored of a session's id.
pub(crate) fn cookie_hash(id: &str) -> String {
    Sha256::digest(id.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
