//! Writes a job's events into a console's database, as another console that runs the job would: for tests that want more
//! lines, and at another rate, than nodes give.
//!
//! `scribe STATE_DIR` prints `job N`, then takes orders from its standard input, one per line, and says `done` after each:
//! `lines COUNT RATE` (a second; 0: as fast as it goes) and `end`. The console must have no inventory yet.
#![expect(clippy::print_stdout, reason = "a command line tool talks through it")]

use anyhow::{Context, Result, bail};
use paddock_events::{
    Event, EventKind, JobId, JobOutcome, JobOutline, Outcome, StageOutline, StepOutline, Stream,
};
use paddock_store::{NewJob, NewPlan, NewRevision, SealKey, Store, Taken};
use std::io::{BufRead as _, Write as _};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::{Instant, sleep_until};

/// Events of one batch at most, as a console gathers them.
const BATCH: u64 = 250;
const HOSTS: [&str; 3] = ["10.10.10.11", "10.10.10.12", "10.10.10.13"];
const STEPS: [(&str, &str); 2] =
    [("pgsql/install", "packages are installed"), ("pgsql/load", "data are loaded")];

fn main() -> Result<()> {
    let state_dir = std::env::args().nth(1).context("usage: scribe STATE_DIR")?;
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(run(Path::new(&state_dir)))
}

async fn run(state_dir: &Path) -> Result<()> {
    let key = SealKey::parse(&std::fs::read_to_string(state_dir.join("key"))?).context("this is no key")?;
    let store = Store::open(&state_dir.join("paddock.db")).await?.unlocked(key).await?;
    let mut job = Job::begin(store).await?;
    say(&format!("job {}", job.id))?;
    for order in std::io::stdin().lock().lines() {
        let order = order?;
        match order.split(' ').collect::<Vec<_>>()[..] {
            ["lines", count, rate] => job.lines(count.parse()?, rate.parse()?).await?,
            ["end"] => job.end().await?,
            _ => bail!("`{order}` is no order"),
        }
        say("done")?;
    }
    job.store.close().await;
    Ok(())
}

fn say(what: &str) -> Result<()> {
    println!("{what}");
    Ok(std::io::stdout().flush()?)
}

fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

struct Job {
    store: Store,
    id: JobId,
    fence: u64,
    next_seq: u64,
    /// Lines so far.
    written: u64,
}

impl Job {
    async fn begin(store: Store) -> Result<Self> {
        let author = "scribe".to_owned();
        let revision = NewRevision {
            parent: None,
            text: "all: {}\n".into(),
            author: author.clone(),
            message: String::new(),
            saved_us: now_us(),
            job: None,
        };
        let revision = store.add_revision(&revision).await?.context("there is an inventory already")?;
        let plan = NewPlan {
            revision,
            digest: "0".repeat(64),
            plan: "{}".into(),
            facts: "{}".into(),
            clusters: Some(["pg-test".to_owned()].into()),
            author: author.clone(),
            created_us: now_us(),
        };
        let new = NewJob {
            plan: store.add_plan(&plan).await?,
            outline: outline(),
            author,
            runner: "scribe".into(),
            locks: ["cluster/pg-test".to_owned()].into(),
            approval: None,
            now_us: now_us(),
            lease_until_us: i64::MAX,
        };
        let Taken::Yes((id, fence)) = store.start_job(&new).await? else {
            bail!("another job holds pg-test")
        };
        let mut job = Self { store, id, fence, next_seq: 0, written: 0 };
        let started = (0..3).map(|step| EventKind::StepStarted { step });
        let first = [EventKind::JobStarted { resumed_from: None }, EventKind::StageStarted { stage: 0 }];
        job.append(first.into_iter().chain(started).collect(), 0).await?;
        Ok(job)
    }

    async fn append(&mut self, kinds: Vec<EventKind>, steps_done: u32) -> Result<()> {
        let at_us = now_us();
        let events: Vec<Event> =
            kinds.into_iter().zip(self.next_seq..).map(|(kind, seq)| Event { seq, at_us, kind }).collect();
        self.next_seq = self.store.append_events(self.id, self.fence, &events, steps_done).await?.next_seq;
        Ok(())
    }

    async fn lines(&mut self, count: u64, rate: u64) -> Result<()> {
        let begun = Instant::now();
        let mut written = 0;
        while written < count {
            let batch = BATCH.min(count - written);
            let kinds = (0..batch).map(|at| line(self.written + at)).collect();
            self.append(kinds, 0).await?;
            self.written += batch;
            written += batch;
            if let Some(due_us) = (written * 1_000_000).checked_div(rate) {
                sleep_until(begun + Duration::from_micros(due_us)).await;
            }
        }
        Ok(())
    }

    async fn end(&mut self) -> Result<()> {
        let finished = |step| EventKind::StepFinished { step, outcome: Outcome::Changed, duration_ms: 1_000 };
        let mut kinds: Vec<EventKind> = (0..6).map(finished).collect();
        kinds.extend((0..2).map(|stage| EventKind::StageFinished { stage, outcome: Outcome::Changed }));
        kinds.push(EventKind::JobFinished { outcome: JobOutcome::Succeeded });
        self.append(kinds, 6).await
    }
}

fn outline() -> JobOutline {
    let steps = STEPS.iter().zip(0..).flat_map(|((id, title), stage)| {
        HOSTS.iter().zip(1..).map(move |(host, seq)| StepOutline {
            id: (*id).to_owned(),
            title: (*title).to_owned(),
            stage,
            host: (*host).to_owned(),
            instance: Some(format!("pg-test-{seq}")),
            tags: vec!["pgsql".into()],
            effect: None,
            destructive: false,
        })
    });
    JobOutline {
        title: "Load pg-test".into(),
        command_lines: vec!["pgsql.yml -l pg-test".into()],
        stages: ["install", "load"].map(|name| StageOutline { name: name.into(), play: 0 }).into(),
        steps: steps.collect(),
        ..JobOutline::default()
    }
}

/// The n-th line: all hosts in turn, some in colour, some of the error stream; one of ten thousand is a `milestone`.
fn line(number: u64) -> EventKind {
    let at = usize::try_from(number % 3).unwrap_or(0);
    let (stream, text) = match number {
        _ if number % 10_000 == 9_999 => (Stream::Out, format!("milestone {} is reached", number / 10_000)),
        _ if number % 50 == 7 => (
            Stream::Out,
            format!(
                "\u{1b}[1;32mok\u{1b}[0m    line {number}: \u{1b}[36mpgbench_accounts\u{1b}[0m is loaded"
            ),
        ),
        _ if number % 20 == 3 => {
            (Stream::Err, format!("WARNING:  line {number}: there is already a transaction in progress"))
        }
        _ => (
            Stream::Out,
            format!(
                "LOG:  line {number}: checkpoint complete: wrote {} buffers ({} removed)",
                number * 7_919 % 16_384,
                number % 97
            ),
        ),
    };
    // Of the first step of its host.
    EventKind::Line { step: Some(at as u32), host: HOSTS[at].to_owned(), stream, text }
}
