//! The log of a running job: numbers events, stores them in batches, then shows them. One writer per job.

use paddock_engine::Stop;
use paddock_events::{Event, EventKind, JobId, JobView, Outcome};
use paddock_store::{Store, StoreError};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{broadcast, mpsc};
use tokio::time::{Instant, sleep, timeout_at};

/// When it happened, and what.
pub(crate) type Stamped = (i64, EventKind);

const BATCH: usize = 256;
const GATHER: Duration = Duration::from_millis(50);
/// A database that takes nothing for this long (a full disk) ends the job.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Log {
    pub(crate) store: Store,
    pub(crate) job: JobId,
    pub(crate) fence: u64,
    /// The job's picture so far; its `next_seq` is where this log goes on.
    pub(crate) view: JobView,
    pub(crate) waiting: mpsc::Receiver<Stamped>,
    pub(crate) stored: broadcast::Sender<Arc<Vec<Event>>>,
}

impl Log {
    /// Stores what comes until the job has finished or nobody can send any more. When the store refuses for
    /// good, the job is stopped: nothing happens that is not written down.
    pub(crate) async fn keep(mut self, stop: Stop) {
        let mut last_us = 0;
        let mut times: BTreeMap<String, (u64, bool)> = BTreeMap::new();
        loop {
            let batch = self.gather().await;
            if batch.is_empty() {
                break;
            }
            let mut events = Vec::with_capacity(batch.len());
            for (at_us, kind) in batch {
                // Tasks stamp in parallel; in the log time does not run backwards.
                last_us = at_us.max(last_us);
                let event = Event { seq: self.view.next_seq, at_us: last_us, kind };
                if let Err(error) = self.view.fold(&event) {
                    tracing::error!(job.id = %self.job, "an event of job {} was left out: {error}", self.job);
                    continue;
                }
                self.note_time(&event, &mut times);
                events.push(event);
            }
            if events.is_empty() {
                continue;
            }
            match self.store(&events).await {
                Ok(finished) => {
                    // Nobody listening is fine: whoever comes later reads the store.
                    drop(self.stored.send(Arc::new(events)));
                    if finished {
                        break;
                    }
                }
                Err(error) => {
                    tracing::error!(job.id = %self.job, "job {} is stopped, its events cannot be stored: {error}", self.job);
                    stop.now.cancel();
                    return;
                }
            }
        }
        self.remember(times).await;
    }

    /// What has come, up to a batch; waits a little for more, so that a chatty command is not a row per line.
    async fn gather(&mut self) -> Vec<Stamped> {
        let mut batch = Vec::with_capacity(BATCH);
        if self.waiting.recv_many(&mut batch, BATCH).await == 0 {
            return batch;
        }
        let until = Instant::now() + GATHER;
        let finished = |batch: &[Stamped]| {
            batch.iter().position(|(_, kind)| matches!(kind, EventKind::JobFinished { .. }))
        };
        while batch.len() < BATCH && finished(&batch).is_none() {
            let room = BATCH - batch.len();
            match timeout_at(until, self.waiting.recv_many(&mut batch, room)).await {
                Ok(0) | Err(_) => break,
                Ok(_) => {}
            }
        }
        if let Some(at) = finished(&batch) {
            // The last event of a run is the last: a cancellation that came too late is left out.
            batch.truncate(at + 1);
        }
        batch
    }

    async fn store(&self, events: &[Event]) -> Result<bool, StoreError> {
        let done = u32::try_from(self.view.finished_steps()).unwrap_or(u32::MAX);
        let until = Instant::now() + PATIENCE;
        let mut pause = Duration::from_millis(100);
        loop {
            match self.store.append_events(self.job, self.fence, events, done).await {
                Ok(appended) => return Ok(appended.finished),
                Err(StoreError::Query { what, source }) if Instant::now() + pause < until => {
                    tracing::warn!(job.id = %self.job, "failed to {what}, trying again: {source}");
                    sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_secs(5));
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn note_time(&self, event: &Event, times: &mut BTreeMap<String, (u64, bool)>) {
        let EventKind::StepFinished { step, outcome, duration_ms } = &event.kind else { return };
        let Some(outline) = self.view.outline.steps.get(*step as usize) else { return };
        if !outcome.is_good() {
            return;
        }
        let entry = times.entry(outline.id.clone()).or_insert((0, false));
        entry.0 = entry.0.max(*duration_ms);
        entry.1 |= *outcome == Outcome::Changed;
    }

    /// Durations for later estimates. What held already takes no time, so it does not replace what did.
    async fn remember(&self, times: BTreeMap<String, (u64, bool)>) {
        let known = self.store.step_times().await.unwrap_or_default();
        let worth: Vec<(String, u64)> = times
            .into_iter()
            .filter(|(id, (_, changed))| *changed || !known.contains_key(id))
            .map(|(id, (ms, _))| (id, ms))
            .collect();
        let at_us = crate::clock::now_us();
        if let Err(error) = self.store.remember_step_times(&worth, at_us).await {
            tracing::warn!(job.id = %self.job, "step durations were not remembered: {error}");
        }
    }
}

#[cfg(test)]
#[path = "log_tests.rs"]
mod tests;
