//! Following a job: first what is stored, then what is stored next. No gap, no double.

use crate::{Actor, Console, EventFeed};
use paddock_events::{Event, JobId, Problem};
use paddock_store::JobState;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, mpsc};
use tokio::time::timeout;

/// Events of one read: a page takes as many as one task, and shall answer in between.
const READ: u32 = 500;
/// Batches that wait for the reader.
const WAITING: usize = 16;
/// A reader who takes nothing for this long loses the feed.
const PATIENCE: Duration = Duration::from_secs(15);
/// How often the store is asked about a job that another process runs.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

impl Console {
    /// Stored and live events from `from_seq` on. A reader too slow for the channel loses the feed, not events.
    pub async fn follow_job(&self, actor: &Actor, id: JobId, from_seq: u64) -> Result<EventFeed, Problem> {
        self.gate_job(actor, id).await?;
        let (sender, feed) = mpsc::channel(WAITING);
        let follower = Follower { console: self.clone(), job: id, next: from_seq, sender };
        self.inner.tasks.spawn(async move { follower.follow().await });
        Ok(feed)
    }

    fn live(&self, job: JobId) -> Option<broadcast::Receiver<Arc<Vec<Event>>>> {
        self.inner.running.lock().ok().and_then(|running| running.get(&job).map(|job| job.stored.subscribe()))
    }
}

struct Follower {
    console: Console,
    job: JobId,
    next: u64,
    sender: mpsc::Sender<Vec<Event>>,
}

impl Follower {
    /// Ends when the job has ended and everything was sent, when the reader is gone or too slow, or when the
    /// console closes.
    async fn follow(mut self) {
        loop {
            // Subscribed before the store is read: what is stored after that read comes through the channel.
            let live = self.console.live(self.job);
            // The state before the events: when it had ended by then, everything is there to be read.
            let Ok(Some(stored)) = self.console.inner.store.job(self.job).await else { return };
            if !self.catch_up().await {
                return;
            }
            if stored.state != JobState::Running {
                return;
            }
            let goes_on = match live {
                Some(live) => self.listen(live).await,
                None => tokio::select! {
                    () = tokio::time::sleep(LOOK_AGAIN) => true,
                    () = self.sender.closed() => false,
                    () = self.console.inner.closing.cancelled() => false,
                },
            };
            if !goes_on {
                return;
            }
        }
    }

    /// Sends everything stored from `next` on; false when the reader is gone.
    async fn catch_up(&mut self) -> bool {
        loop {
            let read = self.console.inner.store.events(self.job, self.next, READ).await;
            let events = match read {
                Ok(events) => events,
                Err(error) => {
                    tracing::error!(job.id = %self.job, "a follower of job {} lost its feed: {error}", self.job);
                    return false;
                }
            };
            if events.is_empty() {
                return true;
            }
            if !self.send(events).await {
                return false;
            }
        }
    }

    /// Sends live batches; true when the store must be read again (the job ended, or we fell behind).
    async fn listen(&mut self, mut live: broadcast::Receiver<Arc<Vec<Event>>>) -> bool {
        loop {
            let batch = tokio::select! {
                batch = live.recv() => batch,
                () = self.sender.closed() => return false,
            };
            match batch {
                Ok(batch) => {
                    let Some(first) = batch.first() else { continue };
                    if first.seq > self.next {
                        return true;
                    }
                    let new: Vec<Event> =
                        batch.iter().filter(|event| event.seq >= self.next).cloned().collect();
                    if !new.is_empty() && !self.send(new).await {
                        return false;
                    }
                }
                Err(RecvError::Lagged(_) | RecvError::Closed) => return true,
            }
        }
    }

    async fn send(&mut self, events: Vec<Event>) -> bool {
        let Some(last) = events.last().map(|event| event.seq) else { return true };
        self.next = last + 1;
        matches!(timeout(PATIENCE, self.sender.send(events)).await, Ok(Ok(())))
    }
}
