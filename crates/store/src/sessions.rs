//! Browser sessions: opaque data with an expiry.

use crate::database::Asking as _;
use crate::{Store, StoreError};

impl Store {
    /// Saves a session's data and expiry (seconds since the epoch), over an earlier one.
    pub async fn save_session(&self, id: &str, data: &[u8], expires_s: i64) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO session (id, data, expires_s) VALUES ($1, $2, $3)
             ON CONFLICT (id) DO UPDATE SET data = excluded.data, expires_s = excluded.expires_s",
        )
        .bind(id)
        .bind(data)
        .bind(expires_s)
        .execute(self.writer())
        .await
        .asking("save a session")?;
        Ok(())
    }

    /// A session that expires after `now_s`.
    pub async fn load_session(&self, id: &str, now_s: i64) -> Result<Option<(Vec<u8>, i64)>, StoreError> {
        sqlx::query_as("SELECT data, expires_s FROM session WHERE id = $1 AND expires_s > $2")
            .bind(id)
            .bind(now_s)
            .fetch_optional(self.reader())
            .await
            .asking("load a session")
    }

    /// Forgets a session.
    pub async fn delete_session(&self, id: &str) -> Result<(), StoreError> {
        let deleted = sqlx::query("DELETE FROM session WHERE id = $1").bind(id).execute(self.writer()).await;
        deleted.asking("delete a session")?;
        Ok(())
    }

    /// Forgets sessions that expired before `now_s`; gives how many.
    pub async fn delete_expired_sessions(&self, now_s: i64) -> Result<u64, StoreError> {
        let deleted =
            sqlx::query("DELETE FROM session WHERE expires_s <= $1").bind(now_s).execute(self.writer());
        Ok(deleted.await.asking("delete expired sessions")?.rows_affected())
    }
}
