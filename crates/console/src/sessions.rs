//! Browser sessions, for the server's session layer: what is in them is the server's, when they end is decided here.

use crate::audit::NoteOutcome as _;
use crate::clock::now_s;
use crate::problems::from_store;
use crate::{Actor, Console};
use paddock_events::{PersonId, Problem};

/// A session that is not used for so long ends: 12 hours.
pub(crate) const IDLE_S: i64 = 12 * 3_600;
/// A session's use is noted at most this often.
const NOTE_USE_EVERY_S: i64 = 60;

impl Console {
    /// How long a session lasts, however much it is used, in seconds: 7 days.
    pub const SESSION_S: i64 = 7 * 24 * 3_600;

    /// Key–value store for tower-sessions: (id, whose, data, end in seconds since the epoch).
    pub async fn session_save(
        &self,
        id: &str,
        person: Option<PersonId>,
        data: &[u8],
        expires_s: i64,
    ) -> Result<(), Problem> {
        self.inner.store.save_session(id, person, data, expires_s, now_s()).await.map_err(from_store)
    }

    /// The stored session, when it has not ended; noted as used.
    pub async fn session_load(&self, id: &str) -> Result<Option<(Vec<u8>, i64)>, Problem> {
        let now = now_s();
        let found = self.inner.store.load_session(id, now, IDLE_S).await.map_err(from_store)?;
        let Some(found) = found else { return Ok(None) };
        if now - found.seen_s >= NOTE_USE_EVERY_S {
            self.inner.store.session_was_used(id, now).await.map_err(from_store)?;
        }
        Ok(Some((found.data, found.expires_s)))
    }

    /// Whether a session that somebody holds a socket with is still theirs: looked at again and again.
    pub async fn session_holds(&self, id: &str, person: PersonId) -> bool {
        let found = self.inner.store.load_session(id, now_s(), IDLE_S).await;
        found.is_ok_and(|found| found.is_some()) && self.actor(person).await.is_ok()
    }

    /// Forgets a session.
    pub async fn session_delete(&self, id: &str) -> Result<(), Problem> {
        self.inner.store.delete_session(id).await.map_err(from_store)
    }

    /// Ends all sessions of the actor, this one included; gives how many.
    pub async fn sign_out_everywhere(&self, actor: &Actor) -> Result<u64, Problem> {
        let note = actor.note("sign-out", "").with("signed out everywhere");
        self.inner.store.noting(note).end_sessions(actor.id, None).await.map_err(from_store)
    }
}
