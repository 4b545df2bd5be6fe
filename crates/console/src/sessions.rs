//! Browser sessions, for the server's session layer. What is in them is the server's.

use crate::Console;
use crate::clock::now_s;
use crate::problems::from_store;
use paddock_events::Problem;

impl Console {
    /// Key–value store for tower-sessions: (id, data, expiry in seconds since the epoch).
    pub async fn session_save(&self, id: &str, data: &[u8], expires_s: i64) -> Result<(), Problem> {
        self.inner.store.save_session(id, data, expires_s).await.map_err(from_store)
    }

    /// The stored session, when it has not expired.
    pub async fn session_load(&self, id: &str) -> Result<Option<(Vec<u8>, i64)>, Problem> {
        self.inner.store.load_session(id, now_s()).await.map_err(from_store)
    }

    /// Forgets a session.
    pub async fn session_delete(&self, id: &str) -> Result<(), Problem> {
        self.inner.store.delete_session(id).await.map_err(from_store)
    }
}
