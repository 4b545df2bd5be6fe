//! One host's steps of one stage, in order, over one shell that is made anew when the connection breaks.

use crate::left::{self, Left};
use crate::redact::Redactor;
use crate::run::HostEnd;
use crate::{EventSink, Line, Pool, Ran, Shell, SinkError, SshError, Stop, Target};
use paddock_events::{EventKind, Outcome, Stream};
use paddock_inventory::NodeAddr;
use paddock_playbooks::{Script, Step};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};

/// Pause between looks at something that is awaited.
const POLL: Duration = Duration::from_millis(1000);
/// How often one step may lose its connection while it is applied.
const TRIES: u32 = 3;
/// How long a script that is to be stopped may take to say its process group.
const TO_BEGIN: Duration = Duration::from_secs(2);
/// How long a look at a node's processes may take.
const TO_LOOK: Duration = Duration::from_secs(30);
/// How long what was left behind is waited for: no step has a longer limit, and each is kept on the node.
const TO_END: Duration = Duration::from_secs(86_400);

pub(crate) struct HostRunner {
    pub(crate) pool: Pool,
    pub(crate) target: Option<Target>,
    pub(crate) host: NodeAddr,
    pub(crate) sink: Arc<dyn EventSink>,
    pub(crate) redactor: Arc<Redactor>,
    pub(crate) stop: Stop,
    /// Marks what is applied.
    pub(crate) mark: String,
    /// Lists what earlier consoles left behind here; only where the job meets the host for the first time.
    pub(crate) look: Option<Script>,
}

/// What came of a script.
enum Went {
    Ran(Ran),
    Cancelled,
    Lost(SshError),
}

struct HostShell {
    target: Target,
    shell: Option<Shell>,
    /// Scripts that were running when their connection broke or their console died: they may still run.
    left: Vec<Left>,
    /// Lists those of dead consoles; none when that has been done.
    look: Option<Script>,
}

impl HostRunner {
    pub(crate) async fn run(self, first: u32, steps: Vec<Step>) -> Result<HostEnd, SinkError> {
        let host = self.host;
        let Some(target) = self.target.clone() else {
            let reason = SshError::NoTarget { node: host }.to_string();
            return Ok(HostEnd { host, bad: Some((first, Outcome::Unreachable { reason })) });
        };
        let mut shell = HostShell { target, shell: None, left: Vec::new(), look: self.look.clone() };
        let end = self.steps(&mut shell, first, &steps).await;
        if let Some(open) = shell.shell.take() {
            self.pool.give_back(&shell.target, open);
        }
        end
    }

    async fn steps(&self, shell: &mut HostShell, first: u32, steps: &[Step]) -> Result<HostEnd, SinkError> {
        let host = self.host;
        for (index, step) in (first..).zip(steps) {
            if self.stop.asked() {
                return Ok(HostEnd { host, bad: Some((index, Outcome::Cancelled)) });
            }
            let begun = Instant::now();
            self.sink.emit(EventKind::StepStarted { step: index }).await?;
            let outcome = self.step(shell, index, step).await?;
            let duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
            self.sink
                .emit(EventKind::StepFinished { step: index, outcome: outcome.clone(), duration_ms })
                .await?;
            if !outcome.is_good() {
                return Ok(HostEnd { host, bad: Some((index, outcome)) });
            }
        }
        Ok(HostEnd { host, bad: None })
    }

    /// Check, apply, check again; with a lost connection, from the check on.
    async fn step(&self, shell: &mut HostShell, index: u32, step: &Step) -> Result<Outcome, SinkError> {
        let scripts = step.fact.scripts();
        let limit = Duration::from_secs(u64::from(step.limit_s));
        let settle = Duration::from_secs(u64::from(step.settle_s));
        let mut applied = false;
        let mut tries = 0_u32;
        let mut lost_since: Option<Instant> = None;
        let begun = Instant::now();
        let mut settled_from = begun;
        let mut last = String::new();
        loop {
            // While something is awaited, only a new word is worth a line.
            let check = match self.check(shell, index, &scripts.check, limit).await? {
                Went::Cancelled => return Ok(Outcome::Cancelled),
                Went::Lost(error) => {
                    let since = *lost_since.get_or_insert_with(Instant::now);
                    if since.elapsed() > self.pool.settings().reconnect
                        || matches!(
                            error,
                            SshError::Auth { .. }
                                | SshError::HostKeyChanged { .. }
                                | SshError::UnknownHostKey { .. }
                                | SshError::Key { .. }
                                | SshError::Shell { .. }
                        )
                    {
                        return Ok(Outcome::Unreachable {
                            reason: self.redactor.clean(&format!("{error}; {}", error.fix())),
                        });
                    }
                    self.say(index, Stream::Engine, &format!("{error}; trying again")).await?;
                    if self.pause(Duration::from_secs(2)).await {
                        return Ok(Outcome::Cancelled);
                    }
                    continue;
                }
                Went::Ran(ran) => ran,
            };
            lost_since = None;
            match check.exit {
                // Applied to its end or not: it did not hold before.
                0 if applied || tries > 0 => return Ok(Outcome::Changed),
                0 => {
                    // What a holding check has to say (pending restarts) is worth reading.
                    for line in &check.out {
                        self.say(index, Stream::Out, line).await?;
                    }
                    return Ok(Outcome::Ok);
                }
                // What would be awaited has ended; before an apply it may still be started.
                Script::HOPELESS if scripts.apply.is_none() || applied => {
                    return Ok(Outcome::Failed { reason: self.redactor.clean(&check.said()) });
                }
                1 | Script::HOPELESS => {}
                _ if applied && settled_from.elapsed() < settle => {}
                _ => {
                    return Ok(Outcome::Failed {
                        reason: self.redactor.clean(&format!("cannot be checked: {}", check.said())),
                    });
                }
            }
            let said = check.out.join("\n");
            let waits = scripts.apply.is_none() || applied;
            if waits {
                if settled_from.elapsed() >= settle {
                    let why = self.redactor.clean(&check.said());
                    let reason = if applied { format!("still not so after applying: {why}") } else { why };
                    return Ok(Outcome::Failed { reason });
                }
                if said != last {
                    self.lines(index, Stream::Engine, &check.out).await?;
                    last = said;
                }
                if self.pause(POLL).await {
                    return Ok(Outcome::Cancelled);
                }
                continue;
            }
            self.lines(index, Stream::Diff, &check.out).await?;
            let Some(apply) = &scripts.apply else { continue };
            match self.script(shell, index, apply, limit, Show::Lines).await? {
                Went::Cancelled => return Ok(Outcome::Cancelled),
                // Whether it was done is unknown: check, and go on from what is there.
                Went::Lost(error) => {
                    tries += 1;
                    if tries >= TRIES {
                        return Ok(Outcome::Unreachable {
                            reason: self
                                .redactor
                                .clean(&format!("{error}, {tries} times while it was applied")),
                        });
                    }
                    lost_since.get_or_insert_with(Instant::now);
                    self.say(index, Stream::Engine, &format!("{error}; looking again")).await?;
                }
                Went::Ran(ran) if ran.exit == 0 => {
                    applied = true;
                    settled_from = Instant::now();
                }
                Went::Ran(ran) => {
                    return Ok(Outcome::Failed { reason: self.redactor.clean(&ran.said()) });
                }
            }
        }
    }

    /// Checks when nothing of an earlier connection or console runs any more: two applies at once would be worse than a
    /// wait.
    async fn check(
        &self,
        shell: &mut HostShell,
        index: u32,
        check: &Script,
        limit: Duration,
    ) -> Result<Went, SinkError> {
        if let Some(look) = shell.look.clone() {
            match self.script(shell, index, &look, TO_LOOK, Show::Nothing).await? {
                Went::Ran(ran) => {
                    shell.look = None;
                    for left in left::parse(&ran.out) {
                        let text =
                            format!("waits for process {}, which an earlier run has left behind", left.pid);
                        self.say(index, Stream::Engine, &text).await?;
                        shell.left.push(left);
                    }
                }
                other => return Ok(other),
            }
        }
        while let Some(left) = shell.left.last().cloned() {
            match self.script(shell, index, &left.gone(), TO_END, Show::Nothing).await? {
                Went::Ran(_) => drop(shell.left.pop()),
                // Not the wait, but what is waited for.
                Went::Lost(error) => return Ok(Went::Lost(error)),
                Went::Cancelled => {
                    self.kill(shell, index, &left).await?;
                    return Ok(Went::Cancelled);
                }
            }
        }
        self.script(shell, index, check, limit, Show::Nothing).await
    }

    async fn kill(&self, shell: &HostShell, index: u32, left: &Left) -> Result<(), SinkError> {
        if let Err(error) = self.pool.kill_group(&shell.target, left).await {
            let text = format!("cannot stop process group {}: {error}", left.pid);
            self.say(index, Stream::Engine, &text).await?;
        }
        Ok(())
    }

    /// Runs a script while its lines go to the sink; ends it when the job is to stop now.
    async fn script(
        &self,
        shell: &mut HostShell,
        index: u32,
        script: &Script,
        limit: Duration,
        show: Show,
    ) -> Result<Went, SinkError> {
        if shell.shell.is_none() {
            let made = tokio::select! {
                made = self.pool.shell(&shell.target) => made,
                () = self.stop.now.cancelled() => return Ok(Went::Cancelled),
            };
            match made {
                Ok(made) => shell.shell = Some(made),
                Err(error) => return Ok(Went::Lost(error)),
            }
        }
        let Some(open) = shell.shell.as_mut() else { return Ok(Went::Cancelled) };
        // Bounded by the shell's own cap on lines.
        let (sender, mut receiver) = mpsc::unbounded_channel::<Line>();
        let mut each = move |line: Line| {
            // The receiver lives as long as this function.
            drop(sender.send(line));
        };
        let mut pid = None;
        let mut ended: Option<Result<Ran, SshError>> = None;
        let mut shown_progress: Option<Instant> = None;
        let mut cancelled: Option<Instant> = None;
        {
            // A look leaves nothing half done: only what is applied must be found again.
            let mark = if show == Show::Lines { self.mark.as_str() } else { "" };
            let running = open.run_marked(mark, script, limit, &mut each);
            tokio::pin!(running);
            loop {
                tokio::select! {
                    biased;
                    // A frame that is on its way will start: only what has a group can be signalled.
                    () = self.stop.now.cancelled(), if cancelled.is_none() => {
                        cancelled = Some(Instant::now() + TO_BEGIN);
                        if pid.is_some() { break; }
                    }
                    ran = &mut running => { ended = Some(ran); break; }
                    Some(line) = receiver.recv() => {
                        if let Line::Started(group) = line {
                            pid = Some(group);
                            if cancelled.is_some() { break; }
                        } else {
                            self.take(index, line, show, &mut shown_progress).await?;
                        }
                    }
                    () = sleep_until(cancelled.unwrap_or_else(Instant::now)), if cancelled.is_some() => break,
                }
            }
        }
        while let Ok(line) = receiver.try_recv() {
            if let Line::Started(group) = line {
                pid = Some(group);
            } else {
                self.take(index, line, show, &mut shown_progress).await?;
            }
        }
        let frame = shell.shell.as_ref().map_or("", Shell::frame).to_owned();
        let left = pid.map(|pid| Left { pid, frame });
        if cancelled.is_some() {
            if let Some(open) = shell.shell.take() {
                open.abandon().await;
            }
            if let Some(left) = &left {
                self.kill(shell, index, left).await?;
            }
            return Ok(Went::Cancelled);
        }
        match ended {
            Some(Ok(ran)) => Ok(Went::Ran(ran)),
            Some(Err(error)) => {
                shell.shell = None;
                shell.left.extend(left);
                self.pool.forget(&shell.target);
                Ok(Went::Lost(error))
            }
            None => Ok(Went::Cancelled),
        }
    }

    async fn take(
        &self,
        index: u32,
        line: Line,
        show: Show,
        shown: &mut Option<Instant>,
    ) -> Result<(), SinkError> {
        match line {
            Line::Started(_) => Ok(()),
            Line::Progress { done, total, unit } => {
                if shown.is_some_and(|at| at.elapsed() < Duration::from_millis(500)) {
                    return Ok(());
                }
                *shown = Some(Instant::now());
                self.sink.emit(EventKind::StepProgress { step: index, done, total, unit }).await
            }
            Line::Text(stream, text) => match show {
                Show::Lines => self.say(index, stream, &text).await,
                Show::Nothing => Ok(()),
            },
        }
    }

    async fn lines(&self, index: u32, stream: Stream, lines: &[String]) -> Result<(), SinkError> {
        for line in lines {
            self.say(index, stream, line).await?;
        }
        Ok(())
    }

    async fn say(&self, index: u32, stream: Stream, text: &str) -> Result<(), SinkError> {
        let text = self.redactor.clean(text);
        self.sink.emit(EventKind::Line { step: Some(index), host: self.host.to_string(), stream, text }).await
    }

    /// True when the job is to stop now.
    async fn pause(&self, time: Duration) -> bool {
        tokio::select! {
            () = self.stop.now.cancelled() => true,
            () = self.stop.after_step.cancelled() => true,
            () = sleep(time) => false,
        }
    }
}

/// Whether a script's lines are shown as they come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Show {
    Lines,
    Nothing,
}
