//! How long steps took, for estimates.

use crate::database::{Asking as _, to_i64, to_u64};
use crate::{Store, StoreError};
use std::collections::BTreeMap;

impl Store {
    /// Remembers durations in milliseconds by step id, over earlier ones.
    pub async fn remember_step_times(&self, times: &[(String, u64)], at_us: i64) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        for (step, duration_ms) in times {
            sqlx::query(
                "INSERT INTO step_time (step, duration_ms, at_us) VALUES ($1, $2, $3)
                 ON CONFLICT (step) DO UPDATE SET duration_ms = excluded.duration_ms, at_us = excluded.at_us",
            )
            .bind(step)
            .bind(to_i64(*duration_ms))
            .bind(at_us)
            .execute(&mut *tx)
            .await
            .asking("remember a step's duration")?;
        }
        tx.commit().await.asking("remember step durations")
    }

    /// All remembered durations in milliseconds, by step id.
    pub async fn step_times(&self) -> Result<BTreeMap<String, u64>, StoreError> {
        let rows: Vec<(String, i64)> = sqlx::query_as("SELECT step, duration_ms FROM step_time")
            .fetch_all(self.reader())
            .await
            .asking("read step durations")?;
        rows.into_iter().map(|(step, ms)| Ok((step, to_u64(ms, "duration of a step")?))).collect()
    }
}
