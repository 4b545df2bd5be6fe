//! API tokens, as hashes.

use crate::database::Asking as _;
use crate::{Store, StoreError, StoredPerson};
use paddock_events::PersonId;

impl Store {
    /// Keeps a token's SHA-256.
    pub async fn add_token(
        &self,
        person: PersonId,
        label: &str,
        sha256: &[u8; 32],
        created_us: i64,
    ) -> Result<(), StoreError> {
        sqlx::query("INSERT INTO token (person, label, sha256, created_us) VALUES ($1, $2, $3, $4)")
            .bind(person.0)
            .bind(label)
            .bind(sha256.as_slice())
            .bind(created_us)
            .execute(self.writer())
            .await
            .asking("add a token")?;
        Ok(())
    }

    /// The person whose token hashes to this.
    pub async fn person_of_token(&self, sha256: &[u8; 32]) -> Result<Option<StoredPerson>, StoreError> {
        sqlx::query_as(
            "SELECT person.id, name, role, password_hash FROM token JOIN person ON person.id = token.person
             WHERE sha256 = $1",
        )
        .bind(sha256.as_slice())
        .fetch_optional(self.reader())
        .await
        .asking("find the person of a token")
    }
}
