//! A console in a process of its own that dies in the middle of a job: SIGKILL, nothing closed, nothing said.

use super::{Rig, lab, on, try_on, until};
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

/// How an operation is cut short, thrice: the console dies in its first run, a node loses its power in its second, SSH
/// connections break in its third. `at` is a part of the id of the step that has just begun then.
#[derive(Clone, Copy, Debug)]
pub struct Cut {
    /// Where the console dies.
    pub at: &'static str,
    pub after_ms: u64,
    pub power: Power,
    /// The nodes whose connections break as soon as the third run has begun.
    pub broken: &'static [u8],
}

/// When which node loses its power. It has it again when the job has ended.
#[derive(Clone, Copy, Debug)]
pub enum Power {
    /// So many milliseconds after a step with this in its id has begun.
    During(&'static str, u64, u8),
    /// Before the second run looks at anything: what is one request may else be through before the node is missed.
    Before(u8),
    /// As the first, of the node that leads: it is without power until the last one leads in its place, so that the plan
    /// is for another leader than there is.
    Leading(&'static str, u64, u8, u8),
}

impl Power {
    fn node(self) -> u8 {
        let (Self::During(_, _, node) | Self::Before(node) | Self::Leading(_, _, node, _)) = self;
        node
    }
}

/// The console dies at a step, the node as soon as the second run has begun.
pub fn dies(at: &'static str, after_ms: u64, node: u8, broken: &'static [u8]) -> Cut {
    Cut { at, after_ms, power: Power::During("", 0, node), broken }
}

/// Does something by a console that comes and goes.
pub fn aside<T>(dir: &Arc<TempDir>, work: impl AsyncFnOnce(&Rig) -> T) -> T {
    runtime().block_on(async {
        let rig = Rig::open(Arc::clone(dir)).await;
        let done = work(&rig).await;
        rig.console.shut_down().await;
        done
    })
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

    /// Resumes a job whose node loses its power in the middle: it ends in time and names the node, which then starts.
    async fn without_power(&self, job: JobId, power: Power) {
        let node = power.node();
        match power {
            Power::Before(_) => {
                lab(&["kill", &node.to_string()]);
                self.console.resume(&self.operator, job).await.unwrap();
            }
            Power::During(at, after_ms, _) | Power::Leading(at, after_ms, _, _) => {
                let seq = self.console.job(&self.operator, job).await.unwrap().view.next_seq;
                self.console.resume(&self.operator, job).await.unwrap();
                self.begins(job, seq, at).await;
                tokio::time::sleep(Duration::from_millis(after_ms)).await;
                lab(&["kill", &node.to_string()]);
            }
        }
        let end = tokio::time::timeout(Duration::from_secs(150), self.end_of(job)).await;
        let outcome = end.expect("a job ends in time without one of its nodes");
        println!("  without node {node}: {outcome:?}");
        let named = format!("10.10.10.{node}");
        let JobOutcome::Failed { reason, .. } = outcome else {
            panic!("node {node} was not missed: {outcome:?}")
        };
        assert!(reason.contains(&named), "{reason}");
        if let Power::Leading(.., next) = power {
            let leads = format!("curl -sf -o /dev/null http://10.10.10.{next}:8008/primary");
            until(next, &leads, Duration::from_secs(60));
        }
        lab(&["start", &node.to_string()]);
        // What somebody does who resumes a job: they look whether the node is back.
        let back = format!(
            "for i in $(seq 30); do systemctl is-active -q patroni || exit 0; curl -so /dev/null -f http://{named}:8008/health && exit 0; sleep 0.5; done"
        );
        on(node, &back);
    }

    /// The job's events are numbered without a gap, and what it ran does not run a second time.
    async fn is_on_record(&self, plan: PlanId, job: JobId, runs: usize) {
        assert_eq!(self.times_begun(job).await, runs, "the run and its resumes");
        let again = self.console.run(&self.operator, plan).await.unwrap_err();
        assert_eq!(again.code, "run/already-run", "{again}");
    }
}

/// Runs a line that is cut short three times and resumed as often; it must succeed then.
///
/// Where another one leads meanwhile, the last resume must fail for that reason, and a new plan succeed.
pub fn cut(dir: &Arc<TempDir>, line: &str, cut: Cut) {
    let begun = Instant::now();
    let (plan, job) = until_it_dies(dir, line, cut.at, Duration::from_millis(cut.after_ms));
    aside(dir, async |rig| {
        let stopped = rig.console.job(&rig.operator, job).await.unwrap();
        assert_eq!(stopped.row.outcome, Some(JobOutcome::Interrupted), "{line}: at once");
        rig.without_power(job, cut.power).await;
        let seq = rig.console.job(&rig.operator, job).await.unwrap().view.next_seq;
        rig.console.resume(&rig.operator, job).await.unwrap();
        rig.begins(job, seq, "").await;
        break_connections(cut.broken);
        let end = rig.end_of(job).await;
        println!("  resumed: {end:?}");
        rig.is_on_record(plan, job, 3).await;
        match cut.power {
            Power::During(..) | Power::Before(_) => {
                assert_eq!(end, JobOutcome::Succeeded, "{line}: resumed");
            }
            Power::Leading(..) => {
                let JobOutcome::Failed { reason, .. } = end else {
                    panic!("{line}: another one leads, and it ended {end:?}")
                };
                assert!(reason.contains("plan again, for the member that leads now"), "{line}: {reason}");
                rig.done(line).await;
            }
        }
    });
    println!("== {line}: done after {cut:?}, {:.1} s", begun.elapsed().as_secs_f32());
}
