//! A job as lines of a terminal: what the command line prints while it follows, and what a recording holds.

use crate::{Event, EventKind, JobOutcome, JobOutline, Outcome, StepOutline, Stream};

const RED: &str = "31";
const GREEN: &str = "32";
const YELLOW: &str = "33";
const BLUE: &str = "34";
const CYAN: &str = "36";
const BOLD: &str = "1";
const FAINT: &str = "2";

/// How a transcript looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// With the colours of a terminal (ANSI).
    pub colour: bool,
    /// With differences of files and settings.
    pub diffs: bool,
}

/// Turns events, given in order, into lines. Whatever a node said stays on its line: control characters, and with them
/// escape sequences, are made visible instead of being obeyed.
#[derive(Clone, Debug)]
pub struct Transcript {
    outline: JobOutline,
    look: Look,
    play: Option<u32>,
    outcomes: Vec<Option<Outcome>>,
    /// The last tenth that was told, per step.
    tenths: Vec<u64>,
}

/// How many steps of a host ended how.
#[derive(Default)]
struct Count {
    ok: u32,
    changed: u32,
    skipped: u32,
    failed: u32,
    unreachable: u32,
    cancelled: u32,
}

impl Transcript {
    /// A transcript of a job of which nothing was told yet.
    pub fn new(outline: JobOutline, look: Look) -> Self {
        let steps = outline.steps.len();
        Self { outline, look, play: None, outcomes: vec![None; steps], tenths: vec![0; steps] }
    }

    /// The lines of one event, without line ends; often none.
    pub fn tell(&mut self, event: &Event) -> Vec<String> {
        match &event.kind {
            EventKind::JobStarted { resumed_from: None } => {
                vec![self.paint(BOLD, &clean(&self.outline.title))]
            }
            EventKind::JobStarted { resumed_from: Some(step) } => {
                let first = self.outline.steps.get(*step as usize).map_or("the end", |step| &step.id);
                vec![String::new(), self.paint(BOLD, &format!("resumed from {}", clean(first)))]
            }
            EventKind::StageStarted { stage } => self.stage(*stage),
            EventKind::StageFinished { .. } | EventKind::StepStarted { .. } => Vec::new(),
            EventKind::Line { step, host, stream, text } => self.line(*step, host, *stream, text),
            EventKind::StepProgress { step, done, total, unit } => self.progress(*step, *done, *total, unit),
            EventKind::StepFinished { step, outcome, duration_ms } => self.step(*step, outcome, *duration_ms),
            EventKind::CancelRequested { by, now } => {
                let when = if *now { "now" } else { "after the running steps" };
                vec![self.paint(YELLOW, &format!("{} asked to stop {when}", clean(by)))]
            }
            EventKind::JobFinished { outcome } => self.end(outcome),
        }
    }

    fn stage(&mut self, stage: u32) -> Vec<String> {
        let Some(shown) = self.outline.stages.get(stage as usize) else { return Vec::new() };
        let mut lines = vec![String::new()];
        if self.play != Some(shown.play) {
            self.play = Some(shown.play);
            let command = self.outline.command_lines.get(shown.play as usize).map_or("", String::as_str);
            lines.push(self.paint(BOLD, &headed("PLAY", command)));
        }
        lines.push(self.paint(BOLD, &headed("STAGE", &shown.name)));
        lines
    }

    fn line(&self, step: Option<u32>, host: &str, stream: Stream, text: &str) -> Vec<String> {
        let shown = match stream {
            Stream::Diff if !self.look.diffs => return Vec::new(),
            Stream::Diff => {
                let colour = match text.as_bytes().first() {
                    Some(b'+') => GREEN,
                    Some(b'-') => RED,
                    Some(b'@') => CYAN,
                    Some(_) | None => FAINT,
                };
                self.paint(colour, &clean(text))
            }
            Stream::Out => clean(text),
            Stream::Err => self.paint(YELLOW, &clean(text)),
            Stream::Engine => self.paint(FAINT, &clean(text)),
        };
        let who = match step.and_then(|step| self.outline.steps.get(step as usize)) {
            Some(step) => who(step),
            None if host.is_empty() => "console".to_owned(),
            None => clean(host),
        };
        vec![format!("{who} | {shown}")]
    }

    fn progress(&mut self, step: u32, done: u64, total: Option<u64>, unit: &str) -> Vec<String> {
        let (Some(shown), Some(told)) =
            (self.outline.steps.get(step as usize), self.tenths.get_mut(step as usize))
        else {
            return Vec::new();
        };
        let Some(total) = total.filter(|total| *total > 0) else { return Vec::new() };
        let tenth = done.saturating_mul(10) / total;
        if tenth <= *told {
            return Vec::new();
        }
        *told = tenth;
        let text = format!("{done} of {total} {} ({} %)", clean(unit), tenth.saturating_mul(10));
        vec![format!("{} | {} | {}", who(shown), clean(&shown.id), self.paint(BLUE, &text))]
    }

    fn step(&mut self, step: u32, outcome: &Outcome, duration_ms: u64) -> Vec<String> {
        let Some(shown) = self.outline.steps.get(step as usize) else { return Vec::new() };
        let (colour, word, reason) = said(outcome);
        let took = format!("{}.{} s", duration_ms / 1_000, duration_ms % 1_000 / 100);
        let mut lines = vec![format!(
            "{} | {} | {}",
            who(shown),
            clean(&shown.id),
            self.paint(colour, &format!("{word}, {took}"))
        )];
        for reason in reason.into_iter().flat_map(str::lines) {
            lines.push(format!("{} |   {}", who(shown), self.paint(colour, &clean(reason))));
        }
        if let Some(kept) = self.outcomes.get_mut(step as usize) {
            *kept = Some(outcome.clone());
        }
        lines
    }

    fn end(&self, outcome: &JobOutcome) -> Vec<String> {
        let mut lines = vec![String::new(), self.paint(BOLD, &headed("RECAP", ""))];
        for host in self.outline.hosts() {
            lines.push(self.recap(host));
        }
        lines.push(match outcome {
            JobOutcome::Succeeded => {
                self.paint(GREEN, "succeeded: every step and every post-condition holds")
            }
            JobOutcome::Failed { reason, .. } => self.paint(RED, &format!("failed: {}", clean(reason))),
            JobOutcome::Cancelled => self.paint(YELLOW, "cancelled: what is not listed above was not done"),
            JobOutcome::Interrupted => self.paint(YELLOW, "interrupted: the console stopped; resume goes on"),
        });
        lines
    }

    fn recap(&self, host: &str) -> String {
        let mut count = Count::default();
        let mut name = clean(host);
        for (step, outcome) in self.outline.steps.iter().zip(&self.outcomes) {
            if step.host != host {
                continue;
            }
            if step.instance.is_some() {
                name = format!("{} ({})", who(step), clean(host));
            }
            match outcome {
                None => {}
                Some(Outcome::Ok) => count.ok += 1,
                Some(Outcome::Changed) => count.changed += 1,
                Some(Outcome::Skipped { .. }) => count.skipped += 1,
                Some(Outcome::Failed { .. }) => count.failed += 1,
                Some(Outcome::Unreachable { .. }) => count.unreachable += 1,
                Some(Outcome::Cancelled) => count.cancelled += 1,
            }
        }
        let rows = [
            ("ok", count.ok, GREEN),
            ("changed", count.changed, YELLOW),
            ("unreachable", count.unreachable, RED),
            ("failed", count.failed, RED),
            ("skipped", count.skipped, CYAN),
            ("cancelled", count.cancelled, YELLOW),
        ];
        let counts = rows.map(|(word, count, colour)| {
            let text = format!("{word}={count}");
            if count == 0 { text } else { self.paint(colour, &text) }
        });
        format!("{name:<32} : {}", counts.join("  "))
    }

    fn paint(&self, colour: &str, text: &str) -> String {
        if self.look.colour && !text.is_empty() {
            format!("\u{1b}[{colour}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }
}

/// The colour and word of an outcome, and its reason.
fn said(outcome: &Outcome) -> (&'static str, &'static str, Option<&str>) {
    match outcome {
        Outcome::Ok => (GREEN, "ok", None),
        Outcome::Changed => (YELLOW, "changed", None),
        Outcome::Skipped { reason } => (CYAN, "skipped", Some(reason)),
        Outcome::Failed { reason } => (RED, "failed", Some(reason)),
        Outcome::Unreachable { reason } => (RED, "unreachable", Some(reason)),
        Outcome::Cancelled => (YELLOW, "cancelled", None),
    }
}

/// The instance where there is one, else the node.
fn who(step: &StepOutline) -> String {
    clean(step.instance.as_deref().unwrap_or(&step.host))
}

/// `STAGE [Primary] ****`, as people who know Ansible expect it.
fn headed(word: &str, name: &str) -> String {
    let text = if name.is_empty() { word.to_owned() } else { format!("{word} [{}]", clean(name)) };
    let stars = 79_usize.saturating_sub(text.chars().count() + 1).max(3);
    format!("{text} {}", "*".repeat(stars))
}

/// Text that does nothing to a terminal but appear on it.
fn clean(text: &str) -> String {
    let shown = |c: char| match c {
        '\t' => '\t',
        c if (c as u32) < 0x20 => char::from_u32(0x2400 + c as u32).unwrap_or(char::REPLACEMENT_CHARACTER),
        c if c.is_control() => char::REPLACEMENT_CHARACTER,
        c => c,
    };
    text.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StageOutline;

    fn outline() -> JobOutline {
        let step = |id: &str, host: &str, instance: Option<&str>| StepOutline {
            id: id.into(),
            title: "t".into(),
            stage: 0,
            host: host.into(),
            instance: instance.map(Into::into),
            tags: vec![],
            effect: None,
            destructive: false,
        };
        JobOutline {
            title: "Create pg-test".into(),
            cluster: None,
            command_lines: vec!["pgsql.yml -l pg-test".into()],
            stages: vec![StageOutline { name: "Primary".into(), play: 0 }],
            steps: vec![step("pgsql/a", "10.0.0.1", Some("pg-test-1")), step("node/b", "10.0.0.2", None)],
        }
    }

    fn told(look: Look, kinds: Vec<EventKind>) -> String {
        let mut transcript = Transcript::new(outline(), look);
        let events = kinds.into_iter().zip(0..).map(|(kind, seq)| Event { seq, at_us: 0, kind });
        events.flat_map(|event| transcript.tell(&event)).collect::<Vec<_>>().join("\n")
    }

    fn line(stream: Stream, text: &str) -> EventKind {
        EventKind::Line { step: Some(0), host: "10.0.0.1".into(), stream, text: text.into() }
    }

    const PLAIN: Look = Look { colour: false, diffs: true };

    #[test]
    fn a_job_reads_like_a_run_of_ansible() {
        let failed = Outcome::Failed { reason: "first\nsecond".into() };
        let text = told(
            PLAIN,
            vec![
                EventKind::JobStarted { resumed_from: None },
                EventKind::StageStarted { stage: 0 },
                EventKind::StepStarted { step: 0 },
                line(Stream::Diff, "+port = 5432"),
                line(Stream::Out, "reloaded"),
                EventKind::StepFinished { step: 0, outcome: Outcome::Changed, duration_ms: 1_260 },
                EventKind::StepFinished { step: 1, outcome: failed, duration_ms: 40 },
                EventKind::CancelRequested { by: "ann".into(), now: false },
                EventKind::JobFinished { outcome: JobOutcome::Failed { reason: "b".into(), step: Some(1) } },
            ],
        );
        let expected = [
            "Create pg-test",
            "",
            "PLAY [pgsql.yml -l pg-test] ***************************************************",
            "STAGE [Primary] ***************************************************************",
            "pg-test-1 | +port = 5432",
            "pg-test-1 | reloaded",
            "pg-test-1 | pgsql/a | changed, 1.2 s",
            "10.0.0.2 | node/b | failed, 0.0 s",
            "10.0.0.2 |   first",
            "10.0.0.2 |   second",
            "ann asked to stop after the running steps",
            "",
            "RECAP *************************************************************************",
            "pg-test-1 (10.0.0.1)             : ok=0  changed=1  unreachable=0  failed=0  skipped=0  cancelled=0",
            "10.0.0.2                         : ok=0  changed=0  unreachable=0  failed=1  skipped=0  cancelled=0",
            "failed: b",
        ];
        assert_eq!(text, expected.join("\n"));
    }

    #[test]
    fn diffs_are_told_when_they_are_asked_for() {
        let look = Look { colour: false, diffs: false };
        assert_eq!(told(look, vec![line(Stream::Diff, "+x"), line(Stream::Out, "y")]), "pg-test-1 | y");
    }

    #[test]
    fn a_node_cannot_steer_the_terminal() {
        let text = told(PLAIN, vec![line(Stream::Out, "\u{1b}]0;evil\u{7}\r\u{9b}2J\tä")]);
        assert_eq!(text, "pg-test-1 | ␛]0;evil␇␍\u{fffd}2J\tä");
    }

    #[test]
    fn outcomes_have_their_colours() {
        let look = Look { colour: true, diffs: true };
        let text =
            told(look, vec![EventKind::StepFinished { step: 0, outcome: Outcome::Ok, duration_ms: 0 }]);
        assert_eq!(text, "pg-test-1 | pgsql/a | \u{1b}[32mok, 0.0 s\u{1b}[0m");
    }

    #[test]
    fn progress_is_told_by_tenths() {
        let at = |done| EventKind::StepProgress { step: 0, done, total: Some(200), unit: "bytes".into() };
        let text = told(PLAIN, vec![at(5), at(21), at(30), at(200)]);
        assert_eq!(
            text,
            "pg-test-1 | pgsql/a | 21 of 200 bytes (10 %)\npg-test-1 | pgsql/a | 200 of 200 bytes (100 %)"
        );
    }

    #[test]
    fn a_resumed_step_counts_once() {
        let end = |outcome| EventKind::StepFinished { step: 0, outcome, duration_ms: 0 };
        let text = told(
            PLAIN,
            vec![
                end(Outcome::Cancelled),
                EventKind::JobStarted { resumed_from: Some(0) },
                end(Outcome::Ok),
                EventKind::JobFinished { outcome: JobOutcome::Succeeded },
            ],
        );
        assert!(text.contains("resumed from pgsql/a"), "{text}");
        assert!(
            text.contains(": ok=1  changed=0  unreachable=0  failed=0  skipped=0  cancelled=0"),
            "{text}"
        );
    }
}
