//! Settings made in the console, and what it remembers for itself.

use crate::database::Asking as _;
use crate::{Store, StoreError};

impl Store {
    /// A setting's value.
    pub async fn setting(&self, name: &str) -> Result<Option<String>, StoreError> {
        sqlx::query_scalar("SELECT value FROM setting WHERE name = $1")
            .bind(name)
            .fetch_optional(self.reader())
            .await
            .asking("read a setting")
    }

    /// Sets it when it is what `base` says, and not when somebody else has set it since: then false.
    pub async fn replace_setting(
        &self,
        name: &str,
        base: Option<&str>,
        value: &str,
    ) -> Result<bool, StoreError> {
        let set = sqlx::query(
            "INSERT INTO setting (name, value) SELECT $1, $3 WHERE (SELECT value FROM setting WHERE name = $1) IS $2
             ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        );
        self.change(set.bind(name).bind(base).bind(value), "write a setting").await
    }

    /// Sets it, over an earlier value.
    pub async fn set_setting(&self, name: &str, value: &str) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO setting (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        )
        .bind(name)
        .bind(value)
        .execute(self.writer())
        .await
        .asking("write a setting")?;
        Ok(())
    }
}
