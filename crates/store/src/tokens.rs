//! API tokens, as hashes.

use crate::audit::made;
use crate::database::Asking as _;
use crate::{Store, StoreError, StoredPerson};
use paddock_events::{PersonId, TokenId};

/// A token to be kept.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// Whom it acts for.
    pub person: PersonId,
    /// What it is for, in its owner's words.
    pub label: String,
    /// SHA-256 of the token.
    pub sha256: [u8; 32],
    /// Microseconds since the epoch.
    pub created_us: i64,
    /// Refused from then on; none: never by itself.
    pub expires_us: Option<i64>,
}

/// A token as lists show it.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct StoredToken {
    id: i64,
    /// The name of the person it acts for.
    pub person: String,
    /// What it is for.
    pub label: String,
    /// Microseconds since the epoch.
    pub created_us: i64,
    /// Refused from then on.
    pub expires_us: Option<i64>,
    /// When it was last used, within a minute.
    pub used_us: Option<i64>,
}

impl StoredToken {
    /// Which.
    pub fn id(&self) -> TokenId {
        TokenId(self.id)
    }
}

/// Who a token acts for, and how it stands.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct TokenBearer {
    token: i64,
    /// The person.
    #[sqlx(flatten)]
    pub person: StoredPerson,
    /// Refused from then on.
    pub expires_us: Option<i64>,
    /// When it was last used.
    pub used_us: Option<i64>,
}

impl TokenBearer {
    /// Which token.
    pub fn token(&self) -> TokenId {
        TokenId(self.token)
    }
}

impl Store {
    /// Keeps a token's hash.
    pub async fn add_token(&self, token: &NewToken) -> Result<TokenId, StoreError> {
        let added = sqlx::query_scalar(
            "INSERT INTO token (person, label, sha256, created_us, expires_us) VALUES ($1, $2, $3, $4, $5)
             RETURNING id",
        )
        .bind(token.person.0)
        .bind(&token.label)
        .bind(token.sha256.as_slice())
        .bind(token.created_us)
        .bind(token.expires_us);
        self.make(added, "add a token", Some("token")).await.and_then(made).map(TokenId)
    }

    /// The person whose token hashes to this, an expired one included.
    pub async fn bearer_of_token(&self, sha256: &[u8; 32]) -> Result<Option<TokenBearer>, StoreError> {
        sqlx::query_as(
            "SELECT token.id AS token, person.id AS id, name, password_hash, disabled_us, expires_us, used_us
             FROM token JOIN person ON person.id = token.person WHERE sha256 = $1",
        )
        .bind(sha256.as_slice())
        .fetch_optional(self.reader())
        .await
        .asking("find the person of a token")
    }

    /// Notes that a token was used.
    pub async fn token_was_used(&self, token: TokenId, now_us: i64) -> Result<(), StoreError> {
        sqlx::query("UPDATE token SET used_us = $2 WHERE id = $1")
            .bind(token.0)
            .bind(now_us)
            .execute(self.writer())
            .await
            .asking("note that a token was used")?;
        Ok(())
    }

    /// All tokens, oldest first.
    pub async fn tokens(&self) -> Result<Vec<StoredToken>, StoreError> {
        sqlx::query_as(
            "SELECT token.id AS id, name AS person, label, token.created_us AS created_us, expires_us, used_us
             FROM token JOIN person ON person.id = token.person ORDER BY token.id",
        )
        .fetch_all(self.reader())
        .await
        .asking("list tokens")
    }

    /// Forgets a token, so that it is refused; false when there was none.
    pub async fn remove_token(&self, token: TokenId) -> Result<bool, StoreError> {
        self.change(sqlx::query("DELETE FROM token WHERE id = $1").bind(token.0), "revoke a token").await
    }
}
