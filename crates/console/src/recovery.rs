//! Jobs of consoles that died: found, ended as interrupted, their locks freed.

use crate::Console;
use crate::clock::now_us;
use crate::keeping::private_dir;
use crate::passwords::random_text;
use crate::problems::{from_store, internal};
use paddock_events::{Event, EventKind, JobOutcome, Problem};
use paddock_store::{StoreError, StoredJob};
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

/// This process, as the database knows it. It holds a lock on a file of its name for as long as it lives, so that
/// another process on this machine sees at once that it died, without waiting for a lease to expire.
#[derive(Debug)]
pub(crate) struct Runner {
    name: String,
    path: PathBuf,
    _lock: File,
}

impl Runner {
    pub(crate) fn new(state_dir: &Path) -> Result<Self, Problem> {
        let dir = state_dir.join("runners");
        private_dir(&dir)?;
        let name = random_text(12);
        let path = dir.join(&name);
        let locked = File::create(&path).and_then(|file| file.lock().map(|()| file));
        let lock =
            locked.map_err(|error| internal(&format!("{} cannot be locked", path.display()), &error))?;
        Ok(Self { name, path, _lock: lock })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether another runner is known to be dead. One without a file (another machine) is not known.
    fn is_dead(&self, other: &str) -> bool {
        let Some(dir) = self.path.parent() else { return false };
        let path = dir.join(other);
        let Ok(file) = File::open(&path) else { return false };
        match file.try_lock() {
            Ok(()) => true,
            Err(TryLockError::WouldBlock | TryLockError::Error(_)) => false,
        }
    }

    fn forget(&self, other: &str) {
        if let Some(dir) = self.path.parent() {
            // A file that stays does no harm: it is unlocked.
            drop(std::fs::remove_file(dir.join(other)));
        }
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.path));
    }
}

/// Whether some console runs on a state directory of this machine.
pub(crate) fn one_runs(state_dir: &Path) -> bool {
    let files = std::fs::read_dir(state_dir.join("runners")).into_iter().flatten().flatten();
    let locked = |path: &Path| File::open(path).is_ok_and(|file| file.try_lock().is_err());
    files.into_iter().any(|entry| locked(&entry.path()))
}

impl Console {
    /// Ends every running job whose runner is dead or has let its leases expire.
    pub(crate) async fn end_dead_jobs(&self) -> Result<(), Problem> {
        let runner = &self.inner.runner;
        for (job, expired) in self.inner.store.running_jobs(now_us()).await.map_err(from_store)? {
            let ours = self.inner.running.lock().is_ok_and(|running| running.contains_key(&job.id));
            let gone = if job.runner == runner.name() {
                // Ours but not in the list: it is being started or ended right now, or its log broke.
                expired && !ours
            } else {
                expired || runner.is_dead(&job.runner)
            };
            if gone {
                self.interrupt(&job).await?;
                if job.runner != runner.name() && runner.is_dead(&job.runner) {
                    runner.forget(&job.runner);
                }
            }
        }
        Ok(())
    }

    async fn interrupt(&self, job: &StoredJob) -> Result<(), Problem> {
        let store = &self.inner.store;
        let taken =
            store.take_over_job(job.id, job.fence, self.inner.runner.name()).await.map_err(from_store)?;
        let Some(fence) = taken else { return Ok(()) };
        // Read again: the dead runner may have written until its fence fell.
        let job = self.stored_job(job.id).await?;
        let kind = EventKind::JobFinished { outcome: JobOutcome::Interrupted };
        let event = Event { seq: job.next_seq, at_us: now_us(), kind };
        match store.append_events(job.id, fence, &[event], job.steps_done).await {
            // Another console was faster.
            Ok(_) | Err(StoreError::Fenced { .. }) => {}
            Err(error) => return Err(from_store(error)),
        }
        tracing::warn!(job.id = %job.id, "job {} was interrupted: its console is gone", job.id);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runner_is_dead_when_its_file_is_not_locked() {
        let dir = tempfile::tempdir().unwrap();
        let (one, other) = (Runner::new(dir.path()).unwrap(), Runner::new(dir.path()).unwrap());
        assert!(!one.is_dead(other.name()) && one_runs(dir.path()), "alive");
        let name = other.name().to_owned();
        drop(other);
        assert!(!one.is_dead(&name), "ended well: no file, nothing known");
        std::fs::write(dir.path().join("runners/crashed"), "").unwrap();
        assert!(one.is_dead("crashed"));
        one.forget("crashed");
        assert!(!one.is_dead("crashed"));
        assert!(!one.is_dead("never-seen"));
        drop(one);
        std::fs::write(dir.path().join("runners/crashed"), "").unwrap();
        assert!(!one_runs(dir.path()), "a file that nobody holds is of a dead one");
    }
}
