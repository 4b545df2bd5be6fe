//! A console in a process of its own that dies in the middle of a job: SIGKILL, nothing closed, nothing said.

use super::{Rig, lab, try_on};
use paddock_events::{EventKind, JobId, JobOutcome, PlanId};
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::runtime::Runtime;

pub fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// Every SSH connection to the nodes breaks, this command's own, too.
pub fn break_connections(nodes: &[u8]) {
    for node in nodes {
        // It cannot end well: its session dies with the others.
        let (_ended_well, _said) = try_on(*node, "pkill -f 'sshd: root@notty'");
    }
}

/// What happens in the middle of the first run; `at` is a part of the id of the step that has just begun then.
#[derive(Clone, Copy, Debug)]
pub enum Middle {
    /// The console dies.
    ConsoleDies { at: &'static str, after_ms: u64 },
    /// A node loses its power, and has it again when the job has ended.
    PowerGoes { at: &'static str, after_ms: u64, node: u8 },
}

const DIR: &str = "PADDOCK_CUT_DIR";
const LINE: &str = "PADDOCK_CUT_LINE";

/// The process that is to die: each file that uses [`cut`] has it as an ignored test `console_that_dies`.
pub fn console_that_dies() {
    let dir = PathBuf::from(std::env::var(DIR).expect("only the tests of this file start this one"));
    let line = std::env::var(LINE).expect("what to run");
    runtime().block_on(async {
        let rig = Rig::open_at(&dir).await;
        let (plan, job) = rig.start_plan(&line).await;
        println!("\nJOB {} {}", job.0, plan.0);
        let outline = rig.console.job(&rig.operator, job).await.unwrap().view.outline;
        let mut feed = rig.console.follow_job(&rig.operator, job, 0).await.unwrap();
        while let Some(batch) = feed.recv().await {
            for event in batch {
                match event.kind {
                    EventKind::StepStarted { step } => println!("\nSTEP {}", outline.steps[step as usize].id),
                    EventKind::JobFinished { outcome } => println!("\nEND {outcome:?}"),
                    _ => {}
                }
            }
        }
    });
}

/// Runs a line in a console of its own until the step has begun, then kills that console. Gives the plan and its job.
fn until_it_dies(dir: &Arc<TempDir>, line: &str, at: &str, after: Duration) -> (PlanId, JobId) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "console_that_dies", "--nocapture"])
        .env(DIR, dir.path())
        .env(LINE, line)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut job = None;
    let mut said = String::new();
    for text in BufReader::new(child.stdout.take().unwrap()).lines() {
        let text = text.unwrap();
        said.push_str(&format!("  | {text}\n"));
        assert!(!text.starts_with("END "), "{line}: it ended before `{at}` began:\n{said}");
        if let Some((number, plan)) = text.strip_prefix("JOB ").and_then(|text| text.split_once(' ')) {
            job = Some((PlanId(plan.parse().unwrap()), JobId(number.parse().unwrap())));
        }
        if text.strip_prefix("STEP ").is_some_and(|id| id.contains(at)) {
            std::thread::sleep(after);
            child.kill().unwrap();
            break;
        }
    }
    child.wait().unwrap();
    job.unwrap_or_else(|| panic!("{line}: the console ended before a job began:\n{said}"))
}

impl Rig {
    /// Waits until a step whose id has `at` in it has begun, in an event from `seq` on.
    async fn begins(&self, job: JobId, seq: u64, at: &str) {
        let outline = self.console.job(&self.operator, job).await.unwrap().view.outline;
        let mut feed = self.console.follow_job(&self.operator, job, seq).await.unwrap();
        while let Some(batch) = feed.recv().await {
            for event in batch {
                match event.kind {
                    EventKind::StepStarted { step } if outline.steps[step as usize].id.contains(at) => return,
                    EventKind::JobFinished { outcome } => panic!("no step `{at}` began: {outcome:?}"),
                    _ => {}
                }
            }
        }
    }

    /// Runs a line whose node loses its power in the middle: the job ends in time and names the node, which then starts.
    async fn without_power(&self, line: &str, at: &str, after_ms: u64, node: u8) -> (PlanId, JobId) {
        let (plan, job) = self.start_plan(line).await;
        self.begins(job, 0, at).await;
        tokio::time::sleep(Duration::from_millis(after_ms)).await;
        lab(&["kill", &node.to_string()]);
        let end = tokio::time::timeout(Duration::from_secs(150), self.end_of(job)).await;
        let outcome = end.expect("a job ends in time without one of its nodes");
        println!("{line}: {outcome:?}");
        let named = format!("10.10.10.{node}");
        assert!(
            matches!(&outcome, JobOutcome::Failed { reason, .. } if reason.contains(&named)),
            "{outcome:?}"
        );
        lab(&["start", &node.to_string()]);
        (plan, job)
    }

    /// The job's events are numbered without a gap, and what it ran does not run a second time.
    async fn is_on_record(&self, plan: PlanId, job: JobId) {
        assert_eq!(self.times_begun(job).await, 2, "the run and its resume");
        let again = self.console.run(&self.operator, plan).await.unwrap_err();
        assert_eq!(again.code, "run/already-run", "{again}");
    }
}

/// Runs a line that something happens to in its middle, then resumes it while the connections to `broken` break; it must
/// succeed then.
pub fn cut(dir: &Arc<TempDir>, line: &str, middle: Middle, broken: &[u8]) {
    let begun = Instant::now();
    let dead = match middle {
        Middle::ConsoleDies { at, after_ms } => {
            Some(until_it_dies(dir, line, at, Duration::from_millis(after_ms)))
        }
        Middle::PowerGoes { .. } => None,
    };
    runtime().block_on(async {
        let rig = Rig::open(Arc::clone(dir)).await;
        let (plan, job) = match middle {
            Middle::ConsoleDies { .. } => dead.unwrap(),
            Middle::PowerGoes { at, after_ms, node } => rig.without_power(line, at, after_ms, node).await,
        };
        let stopped = rig.console.job(&rig.operator, job).await.unwrap();
        if dead.is_some() {
            assert_eq!(stopped.row.outcome, Some(JobOutcome::Interrupted), "{line}: at once");
        }
        rig.console.resume(&rig.operator, job).await.unwrap();
        if !broken.is_empty() {
            rig.begins(job, stopped.view.next_seq, "").await;
            break_connections(broken);
        }
        assert_eq!(rig.end_of(job).await, JobOutcome::Succeeded, "{line}: resumed");
        rig.is_on_record(plan, job).await;
        rig.console.shut_down().await;
    });
    println!("== {line}: resumed after {middle:?}, {:.1} s", begun.elapsed().as_secs_f32());
}
