//! The event log of jobs: append-only, gapless, in compressed batches.

use crate::audit::{self, NewAudit};
use crate::database::{Asking as _, to_i64, to_u64};
use crate::jobs::JobState;
use crate::leases;
use crate::pack::{pack_lines, unpack_lines, unpack_text_into};
use crate::{Store, StoreError};
use paddock_events::{Event, EventKind, JobId, JobOutcome};

/// What an append left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The sequence number that the next event gets.
    pub next_seq: u64,
    /// The batch ended the job's run: its state is set and its leases are free.
    pub finished: bool,
}

/// The last lines of output before a sequence number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinesBefore {
    /// In order.
    pub lines: Vec<Event>,
    /// How many came before those.
    pub earlier: u64,
}

/// A batch of events as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackedEvents {
    job: JobId,
    bytes: Vec<u8>,
}

impl PackedEvents {
    /// Replaces what is in `text` by one event per line, as JSON: whoever unpacks many gives the same `text` each time, since
    /// clean memory for each took as long as unpacking. It takes the processor for a while, so it is not done by whoever reads
    /// the database.
    pub fn unpack(&self, text: &mut String) -> Result<(), StoreError> {
        unpack_text_into(&self.bytes, &format!("events of job {}", self.job), text)
    }
}

fn is_line(event: &Event) -> bool {
    matches!(event.kind, EventKind::Line { .. })
}

impl Store {
    /// Appends consecutive events in one transaction. `steps_done` is how many steps have an outcome after them.
    /// A batch that ends with `JobFinished` ends the run. An empty batch changes nothing.
    pub async fn append_events(
        &self,
        job: JobId,
        fence: u64,
        events: &[Event],
        steps_done: u32,
    ) -> Result<Appended, StoreError> {
        let (Some(first), Some(last)) = (events.first(), events.last()) else {
            let stored = self.job(job).await?.ok_or(StoreError::Fenced { job })?;
            return Ok(Appended { next_seq: stored.next_seq, finished: false });
        };
        for (event, expected) in events.iter().zip(first.seq..) {
            if event.seq != expected {
                return Err(StoreError::Gap { job, expected, got: event.seq });
            }
        }
        let packed = pack_lines(events, "events")?;
        let lines = events.iter().filter(|event| is_line(event)).count();
        let mut tx = self.begin().await?;
        let due: Option<i64> =
            sqlx::query_scalar("SELECT next_seq FROM job WHERE id = $1 AND fence = $2 AND state = 'running'")
                .bind(job.0)
                .bind(to_i64(fence))
                .fetch_optional(&mut *tx)
                .await
                .asking("read where a job's events end")?;
        let expected = to_u64(due.ok_or(StoreError::Fenced { job })?, "sequence number of a job")?;
        if expected != first.seq {
            return Err(StoreError::Gap { job, expected, got: first.seq });
        }
        sqlx::query(
            "INSERT INTO job_events (job, first_seq, last_seq, lines, events) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(job.0)
        .bind(to_i64(first.seq))
        .bind(to_i64(last.seq))
        .bind(to_i64(lines as u64))
        .bind(packed)
        .execute(&mut *tx)
        .await
        .asking("append events")?;
        let next_seq = last.seq + 1;
        sqlx::query("UPDATE job SET next_seq = $2, steps_done = $3 WHERE id = $1")
            .bind(job.0)
            .bind(to_i64(next_seq))
            .bind(i64::from(steps_done))
            .execute(&mut *tx)
            .await
            .asking("move a job's events on")?;
        let finished = if let EventKind::JobFinished { outcome } = &last.kind {
            let json = serde_json::to_string(outcome)
                .map_err(|error| StoreError::Damaged { what: "outcome".into(), why: error.to_string() })?;
            let (cluster, digest): (Option<String>, String) = sqlx::query_as(
                "UPDATE job SET state = $2, outcome = $3, finished_us = $4 WHERE id = $1
                 RETURNING cluster, (SELECT plan.digest FROM plan WHERE plan.id = job.plan)",
            )
            .bind(job.0)
            .bind(JobState::after(outcome).as_str())
            .bind(json)
            .bind(last.at_us)
            .fetch_one(&mut *tx)
            .await
            .asking("end a job")?;
            let said = match outcome {
                JobOutcome::Failed { reason, .. } => format!("failed: {reason}"),
                JobOutcome::Succeeded | JobOutcome::Cancelled | JobOutcome::Interrupted => {
                    JobState::after(outcome).as_str().to_owned()
                }
            };
            let note = audit::by_console(last.at_us, "job/end", format!("job {job}"), said);
            audit::append(&mut tx, &NewAudit { cluster, digest: Some(digest), ..note }).await?;
            leases::release(&mut tx, job).await?;
            true
        } else {
            false
        };
        tx.commit().await.asking("append events")?;
        Ok(Appended { next_seq, finished })
    }

    /// Stored events from `from_seq` on, at most `limit`, in order.
    pub async fn events(&self, job: JobId, from_seq: u64, limit: u32) -> Result<Vec<Event>, StoreError> {
        let mut out: Vec<Event> = Vec::new();
        let mut from = from_seq;
        while out.len() < limit as usize {
            // A few batches at a time: a batch holds up to some hundred events, the limit may be small.
            let rows: Vec<(i64, Vec<u8>)> = sqlx::query_as(
                "SELECT last_seq, events FROM job_events WHERE job = $1 AND first_seq >=
                   coalesce((SELECT max(first_seq) FROM job_events WHERE job = $1 AND first_seq <= $2), 0)
                 AND last_seq >= $2 ORDER BY first_seq LIMIT 16",
            )
            .bind(job.0)
            .bind(to_i64(from))
            .fetch_all(self.reader())
            .await
            .asking("read events")?;
            let Some((last, _)) = rows.last() else { break };
            let next = to_u64(*last, "sequence number of a batch")? + 1;
            for (_, bytes) in &rows {
                let batch: Vec<Event> = unpack_lines(bytes, &format!("events of job {job}"))?;
                out.extend(batch.into_iter().filter(|event| event.seq >= from));
            }
            from = next;
        }
        out.truncate(limit as usize);
        Ok(out)
    }

    /// Stored events from `from_seq` on, as they are stored; at most `limit` batches, in order. The first may begin earlier.
    pub async fn packed_events(
        &self,
        job: JobId,
        from_seq: u64,
        limit: u32,
    ) -> Result<Vec<PackedEvents>, StoreError> {
        let rows: Vec<Vec<u8>> = sqlx::query_scalar(
            "SELECT events FROM job_events WHERE job = $1 AND first_seq >=
               coalesce((SELECT max(first_seq) FROM job_events WHERE job = $1 AND first_seq <= $2), 0)
             AND last_seq >= $2 ORDER BY first_seq LIMIT $3",
        )
        .bind(job.0)
        .bind(to_i64(from_seq))
        .bind(i64::from(limit))
        .fetch_all(self.reader())
        .await
        .asking("read events")?;
        Ok(rows.into_iter().map(|bytes| PackedEvents { job, bytes }).collect())
    }

    /// Everything but lines of output, before `before_seq`, in order: what a job's picture is drawn from.
    /// Batches of nothing but lines are not even read.
    pub async fn marks(&self, job: JobId, before_seq: u64) -> Result<Vec<Event>, StoreError> {
        let rows: Vec<Vec<u8>> = sqlx::query_scalar(
            "SELECT events FROM job_events WHERE job = $1 AND first_seq < $2 AND lines < last_seq - first_seq + 1
             ORDER BY first_seq",
        )
        .bind(job.0)
        .bind(to_i64(before_seq))
        .fetch_all(self.reader())
        .await
        .asking("read what changes a job's picture")?;
        let mut out = Vec::new();
        for bytes in rows {
            let batch: Vec<Event> = unpack_lines(&bytes, &format!("events of job {job}"))?;
            out.extend(batch.into_iter().filter(|event| event.seq < before_seq && !is_line(event)));
        }
        Ok(out)
    }

    /// The last `count` lines of output before `before_seq`, and how many came before those.
    pub async fn last_lines(
        &self,
        job: JobId,
        before_seq: u64,
        count: u32,
    ) -> Result<LinesBefore, StoreError> {
        let mut lines: Vec<Event> = Vec::new();
        let mut before = to_i64(before_seq);
        loop {
            let rows: Vec<(i64, Vec<u8>)> = sqlx::query_as(
                "SELECT first_seq, events FROM job_events WHERE job = $1 AND first_seq < $2 AND lines > 0
                 ORDER BY first_seq DESC LIMIT 16",
            )
            .bind(job.0)
            .bind(before)
            .fetch_all(self.reader())
            .await
            .asking("read the last lines")?;
            let Some((first, _)) = rows.last() else { break };
            before = *first;
            for (_, bytes) in &rows {
                let batch: Vec<Event> = unpack_lines(bytes, &format!("events of job {job}"))?;
                lines
                    .extend(batch.into_iter().rev().filter(|event| event.seq < before_seq && is_line(event)));
            }
            if lines.len() >= count as usize {
                break;
            }
        }
        // Beyond what was read, the batches' own counts tell.
        let unread: i64 = sqlx::query_scalar(
            "SELECT coalesce(sum(lines), 0) FROM job_events WHERE job = $1 AND first_seq < $2",
        )
        .bind(job.0)
        .bind(before)
        .fetch_one(self.reader())
        .await
        .asking("count earlier lines")?;
        let cut = lines.len().saturating_sub(count as usize);
        lines.truncate(count as usize);
        lines.reverse();
        Ok(LinesBefore { lines, earlier: to_u64(unread, "count of lines")? + cut as u64 })
    }
}
