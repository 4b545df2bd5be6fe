//! A copy of the whole database, made while others write it, and whether a database is whole.

use crate::database::Asking as _;
use crate::{Store, StoreError};
use std::path::Path;

impl Store {
    /// Writes the database as it is at one moment into a file that is empty or not there. Writers go on meanwhile.
    pub async fn copy_to(&self, path: &Path) -> Result<(), StoreError> {
        let name = path.to_str().ok_or_else(|| StoreError::Damaged {
            what: "path of the copy".into(),
            why: format!("{} is not UTF-8", path.display()),
        })?;
        let copied = sqlx::query("VACUUM INTO $1").bind(name).execute(self.reader()).await;
        copied.asking("copy itself")?;
        Ok(())
    }

    /// Reads every page, index and reference; [`StoreError::Damaged`] with what is wrong.
    pub async fn check(&self) -> Result<(), StoreError> {
        let damaged = |why: String| StoreError::Damaged { what: "database".into(), why };
        let said: Vec<String> = sqlx::query_scalar("PRAGMA integrity_check(20)")
            .fetch_all(self.reader())
            .await
            .asking("check itself")?;
        if said.len() != 1 || said[0] != "ok" {
            return Err(damaged(said.join("; ")));
        }
        let lost: Vec<String> =
            sqlx::query_scalar("SELECT \"table\" || ' ' || rowid FROM pragma_foreign_key_check LIMIT 20")
                .fetch_all(self.reader())
                .await
                .asking("check its references")?;
        if lost.is_empty() {
            Ok(())
        } else {
            Err(damaged(format!("rows that refer to nothing: {}", lost.join(", "))))
        }
    }

    /// Ends everybody's sessions; gives how many.
    pub async fn end_all_sessions(&self) -> Result<u64, StoreError> {
        let ended = sqlx::query("DELETE FROM session").execute(self.writer()).await;
        Ok(ended.asking("end all sessions")?.rows_affected())
    }
}
