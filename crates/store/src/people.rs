//! Who may sign in.

use crate::audit::made;
use crate::database::Asking as _;
use crate::sessions::end_sessions;
use crate::{Store, StoreError};
use paddock_events::PersonId;

/// A person to be added.
#[derive(Clone, Debug)]
pub struct NewPerson {
    /// Sign-in name; unique without regard to case.
    pub name: String,
    /// `viewer`, `operator`, `approver`, `admin`.
    pub role: String,
    /// PHC string.
    pub password_hash: String,
    /// Microseconds since the epoch.
    pub created_us: i64,
}

/// A person as stored.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct StoredPerson {
    id: i64,
    /// Sign-in name.
    pub name: String,
    /// `viewer`, `operator`, `approver`, `admin`.
    pub role: String,
    /// PHC string.
    pub password_hash: String,
    /// Since when they may do nothing.
    pub disabled_us: Option<i64>,
}

/// A person as lists show them.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct ListedPerson {
    /// Sign-in name.
    pub name: String,
    /// `viewer`, `operator`, `approver`, `admin`.
    pub role: String,
    /// Microseconds since the epoch.
    pub created_us: i64,
    /// Since when they may do nothing.
    pub disabled_us: Option<i64>,
    /// How many API tokens act for them, expired ones included.
    pub tokens: i64,
}

impl StoredPerson {
    /// Who.
    pub fn id(&self) -> PersonId {
        PersonId(self.id)
    }
}

impl Store {
    /// Adds a person; [`StoreError::Exists`] when the name is taken.
    pub async fn add_person(&self, person: &NewPerson) -> Result<PersonId, StoreError> {
        let added = sqlx::query_scalar(
            "INSERT INTO person (name, role, password_hash, created_us) VALUES ($1, $2, $3, $4) RETURNING id",
        )
        .bind(&person.name)
        .bind(&person.role)
        .bind(&person.password_hash)
        .bind(person.created_us);
        match self.make(added, "add a person", None).await {
            Err(StoreError::Query { source: sqlx::Error::Database(error), .. })
                if error.is_unique_violation() =>
            {
                Err(StoreError::Exists(person.name.clone()))
            }
            added => added.and_then(made).map(PersonId),
        }
    }

    /// Adds a person when there is nobody yet; none when there is.
    pub async fn add_first_person(&self, person: &NewPerson) -> Result<Option<PersonId>, StoreError> {
        let added = sqlx::query_scalar(
            "INSERT INTO person (name, role, password_hash, created_us)
             SELECT $1, $2, $3, $4 WHERE NOT EXISTS (SELECT 1 FROM person) RETURNING id",
        )
        .bind(&person.name)
        .bind(&person.role)
        .bind(&person.password_hash)
        .bind(person.created_us);
        Ok(self.make(added, "add the first person", None).await?.map(PersonId))
    }

    /// Whether anybody can sign in.
    pub async fn has_people(&self) -> Result<bool, StoreError> {
        let any: i64 = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM person)")
            .fetch_one(self.reader())
            .await
            .asking("look for people")?;
        Ok(any != 0)
    }

    /// The person of a name.
    pub async fn person_named(&self, name: &str) -> Result<Option<StoredPerson>, StoreError> {
        sqlx::query_as("SELECT id, name, role, password_hash, disabled_us FROM person WHERE name = $1")
            .bind(name)
            .fetch_optional(self.reader())
            .await
            .asking("find a person by name")
    }

    /// The person of an id.
    pub async fn person(&self, id: PersonId) -> Result<Option<StoredPerson>, StoreError> {
        sqlx::query_as("SELECT id, name, role, password_hash, disabled_us FROM person WHERE id = $1")
            .bind(id.0)
            .fetch_optional(self.reader())
            .await
            .asking("find a person")
    }

    /// Everybody, by name.
    pub async fn people(&self) -> Result<Vec<ListedPerson>, StoreError> {
        sqlx::query_as(
            "SELECT name, role, created_us, disabled_us, (SELECT count(*) FROM token WHERE token.person = person.id) AS tokens
             FROM person ORDER BY name",
        )
        .fetch_all(self.reader())
        .await
        .asking("list people")
    }

    /// Gives a person another password and ends their sessions, all but one; false when there is no such person.
    pub async fn set_password(
        &self,
        id: PersonId,
        password_hash: &str,
        but: Option<&str>,
    ) -> Result<bool, StoreError> {
        let set =
            sqlx::query("UPDATE person SET password_hash = $2 WHERE id = $1").bind(id.0).bind(password_hash);
        self.change_person(set, id, but, "set a password").await
    }

    /// Gives a person another role and ends their sessions; false when there is no such person or they have it.
    pub async fn set_role(&self, id: PersonId, role: &str) -> Result<bool, StoreError> {
        let set =
            sqlx::query("UPDATE person SET role = $2 WHERE id = $1 AND role <> $2").bind(id.0).bind(role);
        self.change_person(set, id, None, "set a role").await
    }

    /// Keeps a person from everything and ends their sessions, or lets them again (`since_us` none); false when there
    /// is no such person or it is so already.
    pub async fn set_disabled(&self, id: PersonId, since_us: Option<i64>) -> Result<bool, StoreError> {
        let set = sqlx::query(
            "UPDATE person SET disabled_us = $2 WHERE id = $1 AND (disabled_us IS NULL) <> ($2 IS NULL)",
        )
        .bind(id.0)
        .bind(since_us);
        self.change_person(set, id, None, "disable or enable a person").await
    }

    async fn change_person(
        &self,
        set: sqlx::query::Query<'_, sqlx::Sqlite, sqlx::sqlite::SqliteArguments>,
        id: PersonId,
        but: Option<&str>,
        what: &'static str,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let changed = set.execute(&mut *tx).await.asking(what)?.rows_affected() > 0;
        if changed {
            end_sessions(&mut tx, id, but).await?;
            self.note_in(&mut tx, None).await?;
            tx.commit().await.asking(what)?;
        }
        Ok(changed)
    }

    /// Removes a person with their tokens and sessions; false when there was none.
    pub async fn remove_person(&self, id: PersonId) -> Result<bool, StoreError> {
        self.change(sqlx::query("DELETE FROM person WHERE id = $1").bind(id.0), "remove a person").await
    }
}
