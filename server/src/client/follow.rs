//! Following a job to its end: no line lost or doubled, whatever happens to the connection.

use super::http::{Api, NoAnswer};
use super::show;
use paddock_events::{
    Event, EventKind, JobId, JobOutcome, JobOutline, Look, Problem, ProblemKind, Transcript,
};
use reqwest::Response;
use std::io;
use std::time::{Duration, Instant};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{sleep, timeout};

/// The console sends an empty line every ten seconds; a connection that is silent for longer than this is dead.
const SILENCE: Duration = Duration::from_secs(35);
/// How long a console that does not answer is tried. The job goes on meanwhile, or waits to be resumed.
const PATIENCE: Duration = Duration::from_secs(300);
const PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Follows the job until it has ended; Ctrl-C asks the console to stop it, first gently, then at once.
pub(super) async fn follow(
    api: &Api,
    job: JobId,
    outline: JobOutline,
    look: Look,
) -> Result<JobOutcome, Problem> {
    let mut reader = Reader { transcript: Transcript::new(outline, look), next: 0, outcome: None };
    tokio::select! {
        outcome = reader.read_on(api, job) => outcome,
        problem = steer(api, job) => Err(problem),
    }
}

struct Reader {
    transcript: Transcript,
    next: u64,
    outcome: Option<JobOutcome>,
}

/// Why reading stopped before the answer did.
enum Broken {
    /// Worth another connection.
    Connection(String),
    /// Nobody reads our output any more.
    Output(io::Error),
}

impl Reader {
    async fn read_on(&mut self, api: &Api, job: JobId) -> Result<JobOutcome, Problem> {
        let (mut lost_since, mut pause) = (None, PAUSE);
        loop {
            let had = self.next;
            let why = match timeout(SILENCE, api.events(job, self.next)).await {
                Ok(Ok(response)) => match self.take_all(response).await {
                    Ok(()) => match self.outcome.take() {
                        Some(outcome) => return Ok(outcome),
                        None => "the console ended the connection".to_owned(),
                    },
                    Err(Broken::Connection(why)) => why,
                    Err(Broken::Output(error)) => return Err(unheard(api, job, &error)),
                },
                Ok(Err(NoAnswer::Refused(problem))) => return Err(problem),
                Ok(Err(NoAnswer::Lost(problem))) => problem.why,
                Err(_) => silent(),
            };
            if self.next > had {
                (lost_since, pause) = (None, PAUSE);
            }
            let since = *lost_since.get_or_insert_with(|| {
                show::note(&format!(
                    "the connection was lost ({why}); trying again from event {}",
                    self.next
                ));
                Instant::now()
            });
            if since.elapsed() > PATIENCE {
                return Err(out_of_sight(api, job, why));
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Takes an answer to its end.
    async fn take_all(&mut self, mut response: Response) -> Result<(), Broken> {
        let mut kept: Vec<u8> = Vec::new();
        loop {
            let chunk = match timeout(SILENCE, response.chunk()).await {
                Ok(Ok(Some(chunk))) => chunk,
                Ok(Ok(None)) => return Ok(()),
                Ok(Err(error)) => return Err(Broken::Connection(error.to_string())),
                Err(_) => return Err(Broken::Connection(silent())),
            };
            kept.extend_from_slice(&chunk);
            let Some(end) = kept.iter().rposition(|byte| *byte == b'\n') else { continue };
            let rest = kept.split_off(end + 1);
            let whole = std::mem::replace(&mut kept, rest);
            for line in whole.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                self.take(line)?;
            }
        }
    }

    fn take(&mut self, line: &[u8]) -> Result<(), Broken> {
        let event: Event = serde_json::from_slice(line)
            .map_err(|error| Broken::Connection(format!("a line was not understood: {error}")))?;
        if event.seq < self.next {
            return Ok(());
        }
        if event.seq > self.next {
            let why = format!("event {} came while {} was due", event.seq, self.next);
            return Err(Broken::Connection(why));
        }
        self.next += 1;
        match &event.kind {
            EventKind::JobFinished { outcome } => self.outcome = Some(outcome.clone()),
            // Resumed: an end before this was not the last.
            EventKind::JobStarted { .. } => self.outcome = None,
            EventKind::StageStarted { .. }
            | EventKind::StageFinished { .. }
            | EventKind::StepStarted { .. }
            | EventKind::Line { .. }
            | EventKind::StepProgress { .. }
            | EventKind::StepFinished { .. }
            | EventKind::CancelRequested { .. } => {}
        }
        for line in self.transcript.tell(&event) {
            show::line(&line).map_err(Broken::Output)?;
        }
        Ok(())
    }
}

fn silent() -> String {
    format!("silent for {} s", SILENCE.as_secs())
}

/// Waits for Ctrl-C. Ends with the third, which leaves the job to itself.
async fn steer(api: &Api, job: JobId) -> Problem {
    let mut presses = match signal(SignalKind::interrupt()) {
        Ok(presses) => presses,
        Err(error) => {
            show::note(&format!("Ctrl-C will end this command, and the job goes on: {error}"));
            return std::future::pending().await;
        }
    };
    for now in [false, true] {
        presses.recv().await;
        show::note(if now {
            "asking the console to stop the job now; Ctrl-C once more leaves it to itself"
        } else {
            "asking the console to stop the job after the running steps; Ctrl-C once more stops it now"
        });
        if let Err(error) = api.tell(&format!("jobs/{job}/cancel"), &serde_json::json!({ "now": now })).await
        {
            show::problem(&error.problem());
        }
    }
    presses.recv().await;
    Problem {
        code: "cli/left".into(),
        kind: ProblemKind::Request,
        what: format!("job {job} was left to itself"),
        why: "Ctrl-C was pressed three times".into(),
        fix: format!("see how it ends: {}", api.page(&format!("jobs/{job}"))),
    }
}

fn out_of_sight(api: &Api, job: JobId, why: String) -> Problem {
    Problem {
        code: "cli/unreachable".into(),
        kind: ProblemKind::World,
        what: format!("job {job} is out of sight: the console has not answered for {} s", PATIENCE.as_secs()),
        why,
        fix: format!(
            "when it is back, see how the job ended, or resume it: {}",
            api.page(&format!("jobs/{job}"))
        ),
    }
}

fn unheard(api: &Api, job: JobId, error: &io::Error) -> Problem {
    Problem {
        code: "cli/output".into(),
        kind: ProblemKind::World,
        what: format!("job {job} goes on, but its lines cannot be printed"),
        why: error.to_string(),
        fix: format!("see how it ends: {}", api.page(&format!("jobs/{job}"))),
    }
}
