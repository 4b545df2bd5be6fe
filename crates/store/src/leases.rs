//! What only one job may change at a time.

use crate::database::{Asking as _, to_u64};
use crate::{Store, StoreError};
use paddock_events::JobId;
use sqlx::{Sqlite, Transaction};
use std::collections::BTreeSet;

/// A lock that somebody else has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// `cluster/pg-test`.
    pub lock: String,
    /// Who has it.
    pub by: JobId,
}

/// What came of taking a job's locks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken<T> {
    /// All are held now.
    Yes(T),
    /// One is not free; none was taken.
    No(Held),
}

/// Takes all locks for a job, or none. A lease that has expired is free when its holder does not run any more: a clock
/// that jumps forward lets every lease expire at once, and who looks for dead jobs has ended theirs before.
pub(crate) async fn take(
    tx: &mut Transaction<'static, Sqlite>,
    job: JobId,
    locks: &BTreeSet<String>,
    now_us: i64,
    until_us: i64,
) -> Result<Option<Held>, StoreError> {
    for lock in locks {
        let taken: Option<i64> = sqlx::query_scalar(
            "INSERT INTO lease (name, fence, job, expires_us) VALUES ($1, 1, $2, $3)
             ON CONFLICT (name) DO UPDATE SET fence = lease.fence + 1, job = excluded.job, expires_us = excluded.expires_us
             WHERE lease.job IS NULL OR lease.job = excluded.job OR (lease.expires_us < $4
                AND NOT EXISTS (SELECT 1 FROM job WHERE job.id = lease.job AND job.state = 'running'))
             RETURNING fence",
        )
        .bind(lock)
        .bind(job.0)
        .bind(until_us)
        .bind(now_us)
        .fetch_optional(&mut **tx)
        .await
        .asking("take a lease")?;
        if taken.is_none() {
            let by: i64 = sqlx::query_scalar("SELECT job FROM lease WHERE name = $1 AND job IS NOT NULL")
                .bind(lock)
                .fetch_one(&mut **tx)
                .await
                .asking("find who holds a lease")?;
            return Ok(Some(Held { lock: lock.clone(), by: JobId(by) }));
        }
    }
    Ok(None)
}

/// Frees whatever a job holds.
pub(crate) async fn release(tx: &mut Transaction<'static, Sqlite>, job: JobId) -> Result<(), StoreError> {
    let released = sqlx::query("UPDATE lease SET job = NULL, expires_us = 0 WHERE job = $1").bind(job.0);
    released.execute(&mut **tx).await.asking("free leases")?;
    Ok(())
}

impl Store {
    /// Prolongs what a running job holds; [`StoreError::Fenced`] when another runner has the job.
    pub async fn prolong_leases(&self, job: JobId, fence: u64, until_us: i64) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        let ours: Option<i64> =
            sqlx::query_scalar("SELECT fence FROM job WHERE id = $1 AND state = 'running'")
                .bind(job.0)
                .fetch_optional(&mut *tx)
                .await
                .asking("read a job's fence")?;
        match ours {
            Some(stored) if to_u64(stored, "fence of a job")? == fence => {}
            Some(_) | None => return Err(StoreError::Fenced { job }),
        }
        sqlx::query("UPDATE lease SET expires_us = $2 WHERE job = $1")
            .bind(job.0)
            .bind(until_us)
            .execute(&mut *tx)
            .await
            .asking("prolong leases")?;
        tx.commit().await.asking("prolong leases")
    }

    /// Locks that are held now, with the holder.
    pub async fn held_leases(&self, now_us: i64) -> Result<Vec<Held>, StoreError> {
        let rows: Vec<(String, i64)> = sqlx::query_as(
            "SELECT name, job FROM lease WHERE job IS NOT NULL AND expires_us >= $1 ORDER BY name",
        )
        .bind(now_us)
        .fetch_all(self.reader())
        .await
        .asking("list held leases")?;
        Ok(rows.into_iter().map(|(lock, job)| Held { lock, by: JobId(job) }).collect())
    }
}
