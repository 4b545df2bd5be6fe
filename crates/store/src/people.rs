//! Who may sign in.

use crate::audit::made;
use crate::database::Asking as _;
use crate::sessions::end_sessions;
use crate::{Store, StoreError};
use paddock_events::PersonId;
use sqlx::query::{Query, QueryScalar};
use sqlx::sqlite::SqliteArguments;
use sqlx::{Sqlite, Transaction};
use std::collections::BTreeSet;

/// A role on some clusters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, sqlx::FromRow)]
pub struct StoredGrant {
    /// `viewer`, `operator`, `approver`, `admin`.
    pub role: String,
    /// Pattern of their names; `*` is everything.
    pub clusters: String,
}

/// A person to be added.
#[derive(Clone, Debug)]
pub struct NewPerson {
    /// Sign-in name; unique without regard to case.
    pub name: String,
    /// What they may do, and where.
    pub grant: StoredGrant,
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
    /// PHC string; of who has no password here one that nothing matches.
    pub password_hash: String,
    /// Since when they may do nothing.
    pub disabled_us: Option<i64>,
    /// The OpenID Connect provider that vouches for them; none: they have a password here.
    pub issuer: Option<String>,
}

/// A person beside one of their grants; beside none when there is none.
#[derive(sqlx::FromRow)]
struct PersonGrant {
    #[sqlx(flatten)]
    person: StoredPerson,
    role: Option<String>,
    clusters: Option<String>,
}

/// A person as lists show them.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct ListedPerson {
    id: i64,
    /// Sign-in name.
    pub name: String,
    /// By role and pattern.
    #[sqlx(skip)]
    pub grants: Vec<StoredGrant>,
    /// Microseconds since the epoch.
    pub created_us: i64,
    /// Since when they may do nothing.
    pub disabled_us: Option<i64>,
    /// How many API tokens act for them, expired ones included.
    pub tokens: i64,
    /// The OpenID Connect provider that vouches for them; none: they have a password here.
    pub issuer: Option<String>,
}

impl StoredPerson {
    /// Who.
    pub fn id(&self) -> PersonId {
        PersonId(self.id)
    }
}

impl Store {
    /// Adds a person with one grant; [`StoreError::Exists`] when the name is taken.
    pub async fn add_person(&self, person: &NewPerson) -> Result<PersonId, StoreError> {
        let added = sqlx::query_scalar(
            "INSERT INTO person (name, password_hash, created_us) VALUES ($1, $2, $3) RETURNING id",
        );
        let added = self.insert_person(added, person).await.map_err(|error| taken(error, &person.name))?;
        made(added.map(|id| id.0)).map(PersonId)
    }

    /// Adds a person with one grant when there is nobody yet; none when there is.
    pub async fn add_first_person(&self, person: &NewPerson) -> Result<Option<PersonId>, StoreError> {
        let added = sqlx::query_scalar(
            "INSERT INTO person (name, password_hash, created_us)
             SELECT $1, $2, $3 WHERE NOT EXISTS (SELECT 1 FROM person) RETURNING id",
        );
        self.insert_person(added, person).await
    }

    async fn insert_person(
        &self,
        insert: QueryScalar<'_, Sqlite, i64, SqliteArguments>,
        person: &NewPerson,
    ) -> Result<Option<PersonId>, StoreError> {
        const WHAT: &str = "add a person";
        let mut tx = self.begin().await?;
        let insert = insert.bind(&person.name).bind(&person.password_hash).bind(person.created_us);
        let Some(id) = insert.fetch_optional(&mut *tx).await.asking(WHAT)? else { return Ok(None) };
        insert_grant(&mut tx, PersonId(id), &person.grant).await?;
        self.note_in(&mut tx, None).await?;
        tx.commit().await.asking(WHAT)?;
        Ok(Some(PersonId(id)))
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
        sqlx::query_as("SELECT id, name, password_hash, disabled_us, issuer FROM person WHERE name = $1")
            .bind(name)
            .fetch_optional(self.reader())
            .await
            .asking("find a person by name")
    }

    /// The person of an id.
    pub async fn person(&self, id: PersonId) -> Result<Option<StoredPerson>, StoreError> {
        sqlx::query_as("SELECT id, name, password_hash, disabled_us, issuer FROM person WHERE id = $1")
            .bind(id.0)
            .fetch_optional(self.reader())
            .await
            .asking("find a person")
    }

    /// A person with what they may do, by role and pattern: one question, since every request asks it.
    pub async fn person_with_grants(
        &self,
        id: PersonId,
    ) -> Result<Option<(StoredPerson, Vec<StoredGrant>)>, StoreError> {
        let rows: Vec<PersonGrant> = sqlx::query_as(
            "SELECT id, name, password_hash, disabled_us, issuer, role, clusters
             FROM person LEFT JOIN person_grant ON person_grant.person = person.id
             WHERE person.id = $1 ORDER BY role, clusters",
        )
        .bind(id.0)
        .fetch_all(self.reader())
        .await
        .asking("find a person with their grants")?;
        let grant = |row: &PersonGrant| {
            Some(StoredGrant { role: row.role.clone()?, clusters: row.clusters.clone()? })
        };
        let grants = rows.iter().filter_map(grant).collect();
        Ok(rows.into_iter().next().map(|row| (row.person, grants)))
    }

    /// What a person may do, by role and pattern.
    pub async fn grants_of(&self, id: PersonId) -> Result<Vec<StoredGrant>, StoreError> {
        sqlx::query_as("SELECT role, clusters FROM person_grant WHERE person = $1 ORDER BY role, clusters")
            .bind(id.0)
            .fetch_all(self.reader())
            .await
            .asking("read the grants of a person")
    }

    /// Everybody, by name.
    pub async fn people(&self) -> Result<Vec<ListedPerson>, StoreError> {
        let mut people: Vec<ListedPerson> = sqlx::query_as(
            "SELECT id, name, created_us, disabled_us, issuer,
                    (SELECT count(*) FROM token WHERE token.person = person.id) AS tokens
             FROM person ORDER BY name",
        )
        .fetch_all(self.reader())
        .await
        .asking("list people")?;
        for person in &mut people {
            person.grants = self.grants_of(PersonId(person.id)).await?;
        }
        Ok(people)
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

    /// Gives a person a role on some clusters and ends their sessions; false when they have that grant.
    pub async fn add_grant(&self, id: PersonId, grant: &StoredGrant) -> Result<bool, StoreError> {
        let add = sqlx::query(
            "INSERT INTO person_grant (person, role, clusters) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        );
        let add = add.bind(id.0).bind(&grant.role).bind(&grant.clusters);
        self.change_person(add, id, None, "grant a role").await
    }

    /// Takes a grant from a person and ends their sessions; false when they have no such grant.
    pub async fn remove_grant(&self, id: PersonId, grant: &StoredGrant) -> Result<bool, StoreError> {
        let remove =
            sqlx::query("DELETE FROM person_grant WHERE person = $1 AND role = $2 AND clusters = $3");
        let remove = remove.bind(id.0).bind(&grant.role).bind(&grant.clusters);
        self.change_person(remove, id, None, "revoke a role").await
    }

    /// Gives a person these grants, each once, instead of all that they have, and ends their sessions; false when they
    /// have just these.
    pub async fn set_grants(&self, id: PersonId, grants: &[StoredGrant]) -> Result<bool, StoreError> {
        const WHAT: &str = "set grants";
        let mut tx = self.begin().await?;
        let had: Vec<StoredGrant> =
            sqlx::query_as("SELECT role, clusters FROM person_grant WHERE person = $1")
                .bind(id.0)
                .fetch_all(&mut *tx)
                .await
                .asking(WHAT)?;
        if had.iter().collect::<BTreeSet<_>>() == grants.iter().collect() {
            return Ok(false);
        }
        sqlx::query("DELETE FROM person_grant WHERE person = $1")
            .bind(id.0)
            .execute(&mut *tx)
            .await
            .asking(WHAT)?;
        for grant in grants {
            insert_grant(&mut tx, id, grant).await?;
        }
        end_sessions(&mut tx, id, None).await?;
        self.note_in(&mut tx, None).await?;
        tx.commit().await.asking(WHAT)?;
        Ok(true)
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
        set: Query<'_, Sqlite, SqliteArguments>,
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

/// Names who is there already, when that was in the way.
pub(crate) fn taken(error: StoreError, name: &str) -> StoreError {
    match error {
        StoreError::Query { source: sqlx::Error::Database(error), .. } if error.is_unique_violation() => {
            StoreError::Exists(name.to_owned())
        }
        error => error,
    }
}

pub(crate) async fn insert_grant(
    tx: &mut Transaction<'static, Sqlite>,
    person: PersonId,
    grant: &StoredGrant,
) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO person_grant (person, role, clusters) VALUES ($1, $2, $3)")
        .bind(person.0)
        .bind(&grant.role)
        .bind(&grant.clusters)
        .execute(&mut **tx)
        .await
        .asking("keep a grant")?;
    Ok(())
}
