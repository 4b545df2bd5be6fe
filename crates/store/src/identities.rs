//! People for whom an OpenID Connect provider vouches: known by issuer and subject, never by name.

use crate::audit::made;
use crate::database::Asking as _;
use crate::people::{insert_grant, taken};
use crate::{Store, StoreError, StoredGrant, StoredPerson};
use paddock_events::PersonId;

/// No hash at all, so that no password matches it.
const NO_PASSWORD: &str = "!";

/// Somebody who signs in by a provider for the first time.
#[derive(Clone, Debug)]
pub struct NewIdentity {
    /// Name here; unique without regard to case, among all people.
    pub name: String,
    /// The provider.
    pub issuer: String,
    /// What it calls them, for ever.
    pub subject: String,
    /// What they may do, and where; each once.
    pub grants: Vec<StoredGrant>,
    /// Microseconds since the epoch.
    pub created_us: i64,
}

impl Store {
    /// The person whom a provider calls so.
    pub async fn person_of(&self, issuer: &str, subject: &str) -> Result<Option<StoredPerson>, StoreError> {
        sqlx::query_as(
            "SELECT id, name, password_hash, disabled_us, issuer FROM person WHERE issuer = $1 AND subject = $2",
        )
        .bind(issuer)
        .bind(subject)
        .fetch_optional(self.reader())
        .await
        .asking("find a person by identity")
    }

    /// Adds somebody of a provider; [`StoreError::Exists`] when the name is taken, whoever has it, or they are there.
    pub async fn add_identity(&self, new: &NewIdentity) -> Result<PersonId, StoreError> {
        const WHAT: &str = "add a person of a provider";
        let mut tx = self.begin().await?;
        let id: Option<i64> = sqlx::query_scalar(
            "INSERT INTO person (name, password_hash, issuer, subject, created_us) VALUES ($1, $2, $3, $4, $5) RETURNING id",
        )
        .bind(&new.name)
        .bind(NO_PASSWORD)
        .bind(&new.issuer)
        .bind(&new.subject)
        .bind(new.created_us)
        .fetch_optional(&mut *tx)
        .await
        .asking(WHAT)
        .map_err(|error| taken(error, &new.name))?;
        let id = made(id).map(PersonId)?;
        for grant in &new.grants {
            insert_grant(&mut tx, id, grant).await?;
        }
        self.note_in(&mut tx, None).await?;
        tx.commit().await.asking(WHAT)?;
        Ok(id)
    }
}
