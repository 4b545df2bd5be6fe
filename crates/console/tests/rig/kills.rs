//! A console in a process of its own that is killed at any moment, and what must be true when the next one comes.

use super::Rig;
use super::cut::runtime;
use paddock_console::AuditLog;
use paddock_events::{JobId, JobOutcome};
use paddock_store::Store;
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const DIR: &str = "PADDOCK_KILL_DIR";
const LINE: &str = "PADDOCK_KILL_LINE";
const JOB: &str = "PADDOCK_KILL_JOB";

/// What the process that is to be killed does.
#[derive(Clone, Debug)]
pub enum Work {
    /// Plans a line, has it approved, runs it.
    Run(String),
    /// Resumes a job.
    Resume(JobId),
}

/// How it went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Went {
    /// It was killed in the middle.
    Killed,
    /// It was done before its moment came, so long after it had begun.
    Ended(String, Duration),
}

/// The process that is killed: an ignored test of the file that uses [`run_and_kill`].
pub fn console_that_is_killed() {
    let dir = PathBuf::from(std::env::var(DIR).expect("only the test of this file starts this one"));
    runtime().block_on(async {
        let rig = Rig::open_at(&dir).await;
        println!("\nOPEN");
        let job = match std::env::var(JOB) {
            Ok(job) => {
                let job = JobId(job.parse().unwrap());
                rig.console.resume(&rig.operator, job).await.unwrap();
                job
            }
            Err(_) => rig.start(&std::env::var(LINE).expect("what to run")).await,
        };
        println!("\nJOB {}", job.0);
        let outcome = rig.end_of(job).await;
        println!("\nEND {outcome:?}");
        rig.console.shut_down().await;
    });
}

fn lines_of(out: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(out).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}

/// Works in a process of its own, which is killed `after` it has opened its console.
pub fn run_and_kill(dir: &Path, work: &Work, after: Duration) -> Went {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--ignored", "--exact", "console_that_is_killed", "--nocapture"])
        .env(DIR, dir)
        .stdout(Stdio::piped());
    match work {
        Work::Run(line) => command.env(LINE, line),
        Work::Resume(job) => command.env(JOB, job.0.to_string()),
    };
    let mut child = command.spawn().unwrap();
    let lines = lines_of(child.stdout.take().unwrap());
    let mut said = String::new();
    let mut moment = Instant::now() + Duration::from_secs(60);
    let mut opened = None;
    let went = loop {
        match lines.recv_timeout(moment.saturating_duration_since(Instant::now())) {
            Ok(line) if line == "OPEN" => {
                opened = Some(Instant::now());
                moment = Instant::now() + after;
            }
            Ok(line) => {
                said.push_str(&format!("  | {line}\n"));
                if let (Some(outcome), Some(opened)) = (line.strip_prefix("END "), opened) {
                    break Went::Ended(outcome.to_owned(), opened.elapsed());
                }
            }
            Err(RecvTimeoutError::Timeout) => {
                assert!(opened.is_some(), "{work:?}: the console did not open:\n{said}");
                child.kill().unwrap();
                break Went::Killed;
            }
            Err(RecvTimeoutError::Disconnected) => {
                panic!("{work:?}: the console ended by itself:\n{said}")
            }
        }
    };
    let status = child.wait().unwrap();
    assert!(went == Went::Killed || status.success(), "{work:?}: {status}\n{said}");
    went
}

/// How often each job may have been begun: once, and once for each resume.
#[derive(Default)]
pub struct Begun(pub BTreeMap<JobId, usize>);

/// Microseconds since the epoch.
fn now_us() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros()).unwrap()
}

/// What a console finds that comes after one that was killed: every job has an end, nothing is held, no event is missing,
/// no plan ran twice, the audit log is whole. Gives the newest job, and how it ended.
pub async fn is_sound(rig: &Rig, dir: &Path, begun: &Begun) -> Option<(JobId, JobOutcome)> {
    let state = dir.join("state");
    let jobs = rig.console.jobs(&rig.operator, 1_000).await.unwrap();
    for job in &jobs {
        assert!(job.outcome.is_some(), "job {} `{}` has no end, and nobody runs it", job.id, job.title);
    }
    let store = Store::open(&state.join("paddock.db")).await.unwrap();
    assert_eq!(store.held_leases(now_us()).await.unwrap(), [], "a lock stays");
    let log = AuditLog::open(&state).await.unwrap();
    if let Err(problem) = log.verify(None).await {
        panic!("{problem}");
    }
    let starts = store.audit_from(1, 1_000_000).await.unwrap();
    let newest = jobs.first().map(|job| job.id);
    if let Some(id) = newest {
        let (times, most) = (rig.times_begun(id).await, begun.0.get(&id).copied().unwrap_or(1));
        assert!(times <= most, "job {id} was begun {times} times, and asked for {most} times");
        let plan = store.job(id).await.unwrap().unwrap().plan;
        let started = format!("started plan {plan}");
        let told = |outcome: &str| outcome == started || outcome.starts_with(&format!("{started} "));
        let rows = starts
            .iter()
            .filter(|row| row.act == "job/run" && row.decision == "allowed" && told(&row.outcome));
        assert_eq!(rows.count(), 1, "plan {plan} was started once");
        let again = rig.console.run(&rig.operator, plan).await.unwrap_err();
        assert_eq!(again.code, "run/already-run", "{again}");
    }
    log.close().await;
    store.close().await;
    jobs.first().map(|job| (job.id, job.outcome.clone().unwrap()))
}
