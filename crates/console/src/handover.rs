//! A console that is stopped in order hands its running jobs to the next one, in which they go on by themselves.
//!
//! Only then: of a console that was killed nobody knows why, and a person looks at its jobs before they go on.

use crate::Console;
use crate::audit::{Origin, Way};
use crate::clock::now_us;
use crate::keeping::{private_file, read_if_there};
use crate::problems::{from_store, internal, problem};
use paddock_events::{EventKind, JobId, Problem, ProblemKind, Stream};
use paddock_store::JobState;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::atomic::Ordering;

/// A console that comes back later finds another world: its jobs wait for a person then.
const FRESH_US: i64 = 15 * 60 * 1_000_000;

/// What a console that was told to stop left to the next one.
#[derive(Debug, Deserialize, Serialize)]
struct Handover {
    at_us: i64,
    jobs: Vec<JobId>,
}

impl Console {
    fn handover_path(&self) -> PathBuf {
        self.inner.settings.state_dir.join("handover.json")
    }

    /// Writes down which jobs run. Before they are stopped: a console may be killed while it waits for them.
    pub(crate) fn hand_over(&self) -> Result<(), Problem> {
        let running = self.inner.running.lock().map(|jobs| {
            let unasked = jobs.iter().filter(|(_, job)| !job.asked.load(Ordering::SeqCst));
            unasked.map(|(id, _)| *id).collect::<Vec<JobId>>()
        });
        let mut jobs = running.unwrap_or_default();
        if jobs.is_empty() {
            return Ok(());
        }
        jobs.sort_unstable();
        let text = serde_json::to_string(&Handover { at_us: now_us(), jobs })
            .map_err(|error| internal("the running jobs cannot be handed over", &error))?;
        private_file(&self.handover_path(), &text)
    }

    /// Goes on with the jobs of the console before this one, when it was stopped in order, as whoever started them and if
    /// they still may. Call it once, when the console can be asked what happens.
    pub async fn take_up_jobs(&self) {
        let handover = match self.handed_over() {
            Ok(Some(handover)) => handover,
            Ok(None) => return,
            Err(problem) => return tracing::error!("jobs were not taken up again: {problem}"),
        };
        let age_us = now_us().saturating_sub(handover.at_us);
        for job in handover.jobs {
            if !(0..FRESH_US).contains(&age_us) {
                tracing::warn!(job.id = %job, "job {job} waits for somebody to resume it: the console was away for {} min", age_us / 60_000_000);
                continue;
            }
            match self.take_up(job).await {
                Ok(()) => tracing::info!(job.id = %job, "job {job} goes on after the restart"),
                Err(problem) => {
                    tracing::warn!(job.id = %job, "job {job} does not go on by itself: {problem}");
                }
            }
        }
    }

    /// Read once: a job that brings the console down does not do so again and again.
    fn handed_over(&self) -> Result<Option<Handover>, Problem> {
        let path = self.handover_path();
        let Some(text) = read_if_there(&path)? else { return Ok(None) };
        std::fs::remove_file(&path)
            .map_err(|error| internal(&format!("the file {} cannot be removed", path.display()), &error))?;
        let handover = serde_json::from_str(&text)
            .map_err(|error| internal(&format!("the file {} cannot be read", path.display()), &error))?;
        Ok(Some(handover))
    }

    async fn take_up(&self, id: JobId) -> Result<(), Problem> {
        self.end_dead_jobs().await?;
        let stored = self.stored_job(id).await?;
        // It may have ended while it was waited for.
        if stored.state != JobState::Interrupted {
            return Ok(());
        }
        let author = self.inner.store.person_named(&stored.author).await.map_err(from_store)?;
        let author = author.ok_or_else(|| {
            problem(
                "job/no-author",
                ProblemKind::Conflict,
                format!("job {id} cannot go on"),
                format!("`{}`, who started it, is not there any more", stored.author),
                "resume it on its page",
            )
        })?;
        let mut actor = self.actor(author.id()).await?;
        actor.origin = Origin { way: Way::Console, address: None };
        self.resume(&actor, id).await?;
        let running = self.inner.running.lock().ok().and_then(|running| running.get(&id).cloned());
        if let Some(running) = running {
            running.begun().await;
            let text = "the console was restarted, and goes on with this job by itself".to_owned();
            let line = EventKind::Line { step: None, host: String::new(), stream: Stream::Engine, text };
            // A job that has ended already needs no word.
            drop(running.events.send((now_us(), line)).await);
        }
        Ok(())
    }
}
