//! What the console saw of its clusters over time, and what Patroni's own history was when it was last read.

use crate::database::Asking as _;
use crate::{Store, StoreError};
use paddock_events::{LeaderHistory, SightingRow};
use serde::de::DeserializeOwned;

/// Rows of one cluster that are kept, however new.
const MOST: i64 = 5_000;

fn read<T: DeserializeOwned>(text: &str, what: &str) -> Result<T, StoreError> {
    serde_json::from_str(text)
        .map_err(|error| StoreError::Damaged { what: what.to_owned(), why: error.to_string() })
}

impl Store {
    /// Appends what a look at a cluster saw change.
    pub async fn add_sightings(&self, cluster: &str, rows: &[SightingRow]) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        for SightingRow { at_us, since_us, what } in rows {
            sqlx::query("INSERT INTO sighting (cluster, at_us, since_us, what) VALUES ($1, $2, $3, $4)")
                .bind(cluster)
                .bind(at_us)
                .bind(since_us)
                .bind(serde_json::to_string(what).expect("plain data is JSON"))
                .execute(&mut *tx)
                .await
                .asking("keep what was seen")?;
        }
        tx.commit().await.asking("keep what was seen")
    }

    /// The newest of a cluster, in the order in which they were seen.
    pub async fn sightings(&self, cluster: &str, limit: u32) -> Result<Vec<SightingRow>, StoreError> {
        let rows: Vec<(i64, Option<i64>, String)> = sqlx::query_as(
            "SELECT at_us, since_us, what FROM sighting WHERE cluster = $1 ORDER BY id DESC LIMIT $2",
        )
        .bind(cluster)
        .bind(limit)
        .fetch_all(self.reader())
        .await
        .asking("read what was seen")?;
        let row = |(at_us, since_us, what): (i64, Option<i64>, String)| {
            Ok(SightingRow { at_us, since_us, what: read(&what, "sighting")? })
        };
        rows.into_iter().rev().map(row).collect()
    }

    /// Forgets what was seen before a time, and of each cluster what is more than it may have.
    pub async fn forget_sightings(&self, before_us: i64) -> Result<u64, StoreError> {
        let gone = sqlx::query(
            "DELETE FROM sighting WHERE at_us < $1 OR id IN (
                SELECT id FROM (SELECT id, ROW_NUMBER() OVER (PARTITION BY cluster ORDER BY id DESC) AS age FROM sighting) AS aged
                WHERE age > $2)",
        )
        .bind(before_us)
        .bind(MOST)
        .execute(self.writer())
        .await
        .asking("forget what was seen")?;
        Ok(gone.rows_affected())
    }

    /// Keeps Patroni's history of a cluster, over an earlier one.
    pub async fn keep_history(&self, cluster: &str, history: &LeaderHistory) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO leader_history (cluster, seen_from, read_us, ends) VALUES ($1, $2, $3, $4)
             ON CONFLICT (cluster) DO UPDATE SET seen_from = excluded.seen_from, read_us = excluded.read_us, ends = excluded.ends",
        )
        .bind(cluster)
        .bind(&history.seen_from)
        .bind(history.read_us)
        .bind(serde_json::to_string(&history.ends).expect("plain data is JSON"))
        .execute(self.writer())
        .await
        .asking("keep a history")?;
        Ok(())
    }

    /// Patroni's history of a cluster as it was last read; none when it never was.
    pub async fn history_of(&self, cluster: &str) -> Result<Option<LeaderHistory>, StoreError> {
        let row: Option<(String, i64, String)> =
            sqlx::query_as("SELECT seen_from, read_us, ends FROM leader_history WHERE cluster = $1")
                .bind(cluster)
                .fetch_optional(self.reader())
                .await
                .asking("read a history")?;
        let Some((seen_from, read_us, ends)) = row else { return Ok(None) };
        Ok(Some(LeaderHistory { seen_from, read_us, ends: read(&ends, "history")? }))
    }
}
