//! API tokens, as hashes.

use crate::audit::made;
use crate::database::Asking as _;
use crate::{Store, StoreError, StoredPerson};
use paddock_events::{PersonId, TokenId};

/// The most that a token may do: a role on the clusters whose names one of the patterns matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenScope {
    /// `viewer`, `operator`, `approver`, `admin`.
    pub role: String,
    /// Patterns of their names, at least one.
    pub clusters: Vec<String>,
}

/// A token to be kept.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// Whom it acts for.
    pub person: PersonId,
    /// What it is for, in its owner's words.
    pub label: String,
    /// The most it may do, when less than its owner.
    pub scope: Option<TokenScope>,
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
    role: Option<String>,
    clusters: Option<String>,
    /// Microseconds since the epoch.
    pub created_us: i64,
    /// Refused from then on.
    pub expires_us: Option<i64>,
    /// When it was last used, within a minute.
    pub used_us: Option<i64>,
}

fn scope(role: Option<&str>, clusters: Option<&str>, token: i64) -> Result<Option<TokenScope>, StoreError> {
    let (Some(role), Some(clusters)) = (role, clusters) else { return Ok(None) };
    let clusters = serde_json::from_str(clusters).map_err(|error| StoreError::Damaged {
        what: format!("scope of token {token}"),
        why: error.to_string(),
    })?;
    Ok(Some(TokenScope { role: role.to_owned(), clusters }))
}

impl StoredToken {
    /// The most it may do; none: all that its owner may.
    pub fn scope(&self) -> Result<Option<TokenScope>, StoreError> {
        scope(self.role.as_deref(), self.clusters.as_deref(), self.id)
    }

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
    role: Option<String>,
    clusters: Option<String>,
    /// Refused from then on.
    pub expires_us: Option<i64>,
    /// When it was last used.
    pub used_us: Option<i64>,
}

impl TokenBearer {
    /// The most that the token may do; none: all that its owner may.
    pub fn scope(&self) -> Result<Option<TokenScope>, StoreError> {
        scope(self.role.as_deref(), self.clusters.as_deref(), self.token)
    }

    /// Which token.
    pub fn token(&self) -> TokenId {
        TokenId(self.token)
    }
}

impl Store {
    /// Keeps a token's hash.
    pub async fn add_token(&self, token: &NewToken) -> Result<TokenId, StoreError> {
        let clusters = token.scope.as_ref().map(|scope| serde_json::to_string(&scope.clusters)).transpose();
        let clusters = clusters.map_err(|error| StoreError::Damaged {
            what: "scope of a token".into(),
            why: error.to_string(),
        })?;
        let added = sqlx::query_scalar(
            "INSERT INTO token (person, label, sha256, created_us, expires_us, role, clusters)
             VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id",
        )
        .bind(token.person.0)
        .bind(&token.label)
        .bind(token.sha256.as_slice())
        .bind(token.created_us)
        .bind(token.expires_us)
        .bind(token.scope.as_ref().map(|scope| scope.role.as_str()))
        .bind(clusters);
        self.make(added, "add a token", Some("token")).await.and_then(made).map(TokenId)
    }

    /// The person whose token hashes to this, an expired one included.
    pub async fn bearer_of_token(&self, sha256: &[u8; 32]) -> Result<Option<TokenBearer>, StoreError> {
        sqlx::query_as(
            "SELECT token.id AS token, person.id AS id, name, password_hash, disabled_us, issuer, role, clusters, expires_us, used_us
             FROM token JOIN person ON person.id = token.person WHERE sha256 = $1",
        )
        .bind(sha256.as_slice())
        .fetch_optional(self.reader())
        .await
        .asking("find the person of a token")
    }

    /// The person of a token that was found before, an expired one included.
    pub async fn bearer(&self, token: TokenId) -> Result<Option<TokenBearer>, StoreError> {
        sqlx::query_as(
            "SELECT token.id AS token, person.id AS id, name, password_hash, disabled_us, issuer, role, clusters, expires_us, used_us
             FROM token JOIN person ON person.id = token.person WHERE token.id = $1",
        )
        .bind(token.0)
        .fetch_optional(self.reader())
        .await
        .asking("find the person of a token again")
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
            "SELECT token.id AS id, name AS person, label, role, clusters, token.created_us AS created_us, expires_us, used_us
             FROM token JOIN person ON person.id = token.person ORDER BY token.id",
        )
        .fetch_all(self.reader())
        .await
        .asking("list tokens")
    }

    /// Tokens of a person, oldest first.
    pub async fn tokens_of(&self, person: PersonId) -> Result<Vec<StoredToken>, StoreError> {
        sqlx::query_as(
            "SELECT token.id AS id, name AS person, label, role, clusters, token.created_us AS created_us, expires_us, used_us
             FROM token JOIN person ON person.id = token.person WHERE person.id = $1 ORDER BY token.id",
        )
        .bind(person.0)
        .fetch_all(self.reader())
        .await
        .asking("list a person's tokens")
    }

    /// Forgets a person's own token; false when they have none of that number.
    pub async fn remove_token_of(&self, person: PersonId, token: TokenId) -> Result<bool, StoreError> {
        let removed = sqlx::query("DELETE FROM token WHERE id = $1 AND person = $2");
        self.change(removed.bind(token.0).bind(person.0), "revoke a token").await
    }

    /// Forgets a token, so that it is refused; false when there was none.
    pub async fn remove_token(&self, token: TokenId) -> Result<bool, StoreError> {
        self.change(sqlx::query("DELETE FROM token WHERE id = $1").bind(token.0), "revoke a token").await
    }
}
