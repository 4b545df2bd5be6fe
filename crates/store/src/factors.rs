//! Second factors: a sealed secret, the newest step whose code was taken, recovery codes as hashes.

use crate::database::Asking as _;
use crate::seal::Place;
use crate::sessions::end_sessions;
use crate::{Store, StoreError};
use paddock_events::PersonId;

/// A person's second factor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredFactor {
    /// As it was given to [`Store::begin_factor`].
    pub secret: String,
    /// Since when it is asked for; none: a first code has not been shown yet.
    pub confirmed_us: Option<i64>,
    /// Recovery codes that were not used.
    pub codes_left: u32,
}

impl Store {
    /// Keeps a secret that is not asked for yet, over an earlier one that was never confirmed; false when a confirmed one
    /// is there.
    pub async fn begin_factor(&self, person: PersonId, secret: &str) -> Result<bool, StoreError> {
        let sealed = self.key()?.seal(Place::new("second_factor.secret", person.0), secret)?;
        let begun = sqlx::query(
            "INSERT INTO second_factor (person, secret) VALUES ($1, $2)
             ON CONFLICT (person) DO UPDATE SET secret = excluded.secret WHERE confirmed_us IS NULL",
        );
        self.change(begun.bind(person.0).bind(sealed), "begin a second factor").await
    }

    /// A person's factor, confirmed or not.
    pub async fn factor(&self, person: PersonId) -> Result<Option<StoredFactor>, StoreError> {
        let row: Option<(Vec<u8>, Option<i64>, u32)> = sqlx::query_as(
            "SELECT secret, confirmed_us,
                    (SELECT count(*) FROM recovery_code WHERE recovery_code.person = $1 AND used_us IS NULL)
             FROM second_factor WHERE person = $1",
        )
        .bind(person.0)
        .fetch_optional(self.reader())
        .await
        .asking("read a second factor")?;
        row.map(|(sealed, confirmed_us, codes_left)| {
            let secret = self.key()?.open(Place::new("second_factor.secret", person.0), &sealed)?;
            Ok(StoredFactor { secret, confirmed_us, codes_left })
        })
        .transpose()
    }

    /// Whether a person is asked for a code; reads no secret.
    pub async fn has_factor(&self, person: PersonId) -> Result<bool, StoreError> {
        let any: i64 = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM second_factor WHERE person = $1 AND confirmed_us IS NOT NULL)",
        )
        .bind(person.0)
        .fetch_one(self.reader())
        .await
        .asking("look for a second factor")?;
        Ok(any != 0)
    }

    /// Asks for the factor from now on, since the code of `step` was shown; keeps recovery codes, and ends the sessions
    /// that were begun without it, all but one. False when none waits for that.
    pub async fn confirm_factor(
        &self,
        person: PersonId,
        step: i64,
        recovery: &[[u8; 32]],
        now_us: i64,
        but: Option<&str>,
    ) -> Result<bool, StoreError> {
        const WHAT: &str = "confirm a second factor";
        let mut tx = self.begin().await?;
        let confirmed = sqlx::query(
            "UPDATE second_factor SET confirmed_us = $2, last_step = $3 WHERE person = $1 AND confirmed_us IS NULL",
        )
        .bind(person.0)
        .bind(now_us)
        .bind(step)
        .execute(&mut *tx)
        .await
        .asking(WHAT)?;
        if confirmed.rows_affected() == 0 {
            return Ok(false);
        }
        for sha256 in recovery {
            sqlx::query("INSERT INTO recovery_code (person, sha256) VALUES ($1, $2)")
                .bind(person.0)
                .bind(sha256.as_slice())
                .execute(&mut *tx)
                .await
                .asking(WHAT)?;
        }
        end_sessions(&mut tx, person, but).await?;
        self.note_in(&mut tx, None).await?;
        tx.commit().await.asking(WHAT)?;
        Ok(true)
    }

    /// Takes the code of a step, when no code of it or of a later one was taken before; false else.
    pub async fn use_step(&self, person: PersonId, step: i64) -> Result<bool, StoreError> {
        let used = sqlx::query(
            "UPDATE second_factor SET last_step = $2 WHERE person = $1 AND confirmed_us IS NOT NULL AND last_step < $2",
        );
        self.change(used.bind(person.0).bind(step), "take a code").await
    }

    /// Uses a recovery code up; false when the person has none like it, or it was used.
    pub async fn use_recovery_code(
        &self,
        person: PersonId,
        sha256: &[u8; 32],
        now_us: i64,
    ) -> Result<bool, StoreError> {
        let used = sqlx::query(
            "UPDATE recovery_code SET used_us = $3 WHERE person = $1 AND sha256 = $2 AND used_us IS NULL",
        );
        let used = used.bind(person.0).bind(sha256.as_slice()).bind(now_us);
        self.change(used, "use a recovery code").await
    }

    /// Forgets a person's factor with its recovery codes, and ends their sessions, all but one; false when there is none.
    pub async fn remove_factor(&self, person: PersonId, but: Option<&str>) -> Result<bool, StoreError> {
        const WHAT: &str = "remove a second factor";
        let mut tx = self.begin().await?;
        let removed = sqlx::query("DELETE FROM second_factor WHERE person = $1")
            .bind(person.0)
            .execute(&mut *tx)
            .await
            .asking(WHAT)?;
        if removed.rows_affected() == 0 {
            return Ok(false);
        }
        end_sessions(&mut tx, person, but).await?;
        self.note_in(&mut tx, None).await?;
        tx.commit().await.asking(WHAT)?;
        Ok(true)
    }
}
