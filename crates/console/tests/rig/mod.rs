//! A console on the lab's nodes: what a person does, and a look at the nodes past the console.
#![allow(dead_code, reason = "each test file uses a part of it")]

pub mod cut;
pub mod health;
pub mod kills;

use paddock_console::{Actor, Console, PersonRole, Said, Settings};
use paddock_events::{EventKind, JobId, JobOutcome, PlanId, PlanPage, Problem, Saved};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Five nodes, one of etcd; small, fast to fail over.
pub const GROUND: &str = "\
all:
  children:
    etcd: { hosts: { 10.10.10.10: { etcd_seq: 1 } }, vars: { etcd_cluster: etcd } }
  vars:
    admin_ip: 10.10.10.10
    pg_version: 15
    pg_conf: tiny.yml
    pg_rto: fast
    pg_shared_buffer_ratio: 0.01
    node_ntp_enabled: false
";

/// How long a job waits for a node that it has lost. Those that lose their power here stay without it until the job says
/// so, and all others are there again at once.
const RECONNECT: Duration = Duration::from_secs(5);

pub struct Rig {
    pub console: Console,
    pub operator: Actor,
    pub approver: Actor,
    /// None in a process to which the directory is not its own.
    dir: Option<Arc<TempDir>>,
}

impl Rig {
    pub async fn new() -> Self {
        let rig = Self::open(Arc::new(tempfile::tempdir().unwrap())).await;
        rig.save(GROUND).await;
        rig
    }

    /// Where the console keeps everything, for another one that goes on after it.
    pub fn dir(&self) -> Arc<TempDir> {
        Arc::clone(self.dir.as_ref().expect("this rig made or was given it"))
    }

    /// A console on a directory, as it was left.
    pub async fn open(dir: Arc<TempDir>) -> Self {
        let mut rig = Self::open_at(dir.path()).await;
        rig.dir = Some(dir);
        rig
    }

    /// The same for a process that must not delete the directory.
    pub async fn open_at(dir: &Path) -> Self {
        let lab = PathBuf::from(std::env::var("LAB_DIR").unwrap_or_else(|_| "/var/lib/pg-lab".to_owned()));
        let console = Console::open(Settings {
            ssh_key: Some(lab.join("id_ed25519")),
            known_hosts: Some(lab.join("known_hosts")),
            reconnect: RECONNECT,
            ..Settings::at(dir.join("state"))
        })
        .await
        .unwrap();
        let mut people = Vec::new();
        const PASSWORD: &str = "correct horse battery";
        for role in [PersonRole::Operator, PersonRole::Approver] {
            let name = role.as_str();
            let actor = match console.add_person(name, role, PASSWORD).await {
                Ok(id) => console.actor(id).await,
                Err(_) => console.sign_in(name, PASSWORD, None).await,
            };
            people.push(actor.unwrap());
        }
        let approver = people.pop().unwrap();
        let operator = people.pop().unwrap();
        Self { console, operator, approver, dir: None }
    }

    /// The inventory in force.
    pub async fn inventory(&self) -> String {
        self.console.inventory(&self.operator).await.map(|page| page.text).unwrap_or_default()
    }

    pub async fn save(&self, text: &str) {
        let base = self.console.inventory(&self.operator).await.ok().and_then(|page| page.revision);
        let saved = self.console.save_inventory(&self.operator, base, text.to_owned(), "test".into()).await;
        assert!(matches!(saved.unwrap(), Saved::Revision { .. }));
    }

    /// Saves the inventory with one text in the place of another.
    pub async fn change(&self, from: &str, to: &str) {
        let text = self.inventory().await;
        assert!(text.contains(from), "`{from}` is not in:\n{text}");
        self.save(&text.replacen(from, to, 1)).await;
    }

    /// Adds a group under `all.children`.
    pub async fn declare(&self, group: &str) {
        self.change("    etcd: {", &format!("{group}    etcd: {{")).await;
    }

    pub async fn plan(&self, line: &str) -> Result<(PlanId, PlanPage), Problem> {
        let words: Vec<String> = words(line);
        let id = self.console.plan_words(&self.operator, &words).await?;
        Ok((id, self.console.plan_page(&self.operator, id).await?))
    }

    /// Plans, has what destroys approved by somebody else, runs to the end; prints what is not plain.
    pub async fn operate(&self, line: &str) -> JobOutcome {
        let begun = Instant::now();
        let job = self.start(line).await;
        let outcome = self.end_of(job).await;
        println!("{line}: {outcome:?} after {:.1} s", begun.elapsed().as_secs_f32());
        outcome
    }

    /// Plans, has it approved, starts the job.
    pub async fn start(&self, line: &str) -> JobId {
        self.start_plan(line).await.1
    }

    /// The same, with the plan.
    pub async fn start_plan(&self, line: &str) -> (PlanId, JobId) {
        let (id, page) = self.plan(line).await.unwrap_or_else(|problem| panic!("{line}: {problem}"));
        for (play, because) in &page.plays {
            println!("  {play}   {}", because.as_deref().unwrap_or(""));
        }
        for warning in &page.warnings {
            println!("  warning: {warning}");
        }
        self.approve(id, &page).await;
        let job = self.console.run(&self.operator, id).await;
        (id, job.unwrap_or_else(|problem| panic!("{line}: {problem}")))
    }

    /// An operation that must succeed.
    pub async fn done(&self, line: &str) {
        assert_eq!(self.operate(line).await, JobOutcome::Succeeded, "{line}");
    }

    pub async fn approve(&self, id: PlanId, page: &PlanPage) {
        if !page.destroys.is_empty() {
            // What a person at the page types where there is no fresh backup.
            let words = page.standing.rules.gate.as_ref().map_or("", |(words, _)| words.as_str());
            let said = |text| Said { text, words };
            self.console.request_approval(&self.operator, id, said("the test wants it")).await.unwrap();
            self.console.approve(&self.approver, id, said(&page.confirm_name)).await.unwrap();
        }
    }

    /// How often a job was begun, by its events, whose numbers must have no gap.
    pub async fn times_begun(&self, job: JobId) -> usize {
        let (mut next, mut times) = (0, 0);
        loop {
            let events = self.console.job_events(&self.operator, job, next, 10_000).await.unwrap();
            if events.is_empty() {
                return times;
            }
            for event in events {
                assert_eq!(event.seq, next, "job {job}: event numbers have no gap");
                next += 1;
                times += usize::from(matches!(event.kind, EventKind::JobStarted { .. }));
            }
        }
    }

    /// Follows a job to its end.
    pub async fn end_of(&self, job: JobId) -> JobOutcome {
        let mut feed = self.console.follow_job(&self.operator, job, 0).await.unwrap();
        let outline = self.console.job(&self.operator, job).await.unwrap().view.outline;
        let mut outcome = None;
        while let Some(batch) = feed.recv().await {
            for event in batch {
                match event.kind {
                    EventKind::StepFinished { step, outcome, duration_ms }
                        if duration_ms > 3_000 || !outcome.is_good() =>
                    {
                        let step = &outline.steps[step as usize];
                        println!("    {} {} {outcome:?} {duration_ms} ms", step.host, step.id);
                    }
                    EventKind::Line { step: None, text, .. } => println!("    {text}"),
                    EventKind::JobFinished { outcome: end } => outcome = Some(end),
                    _ => {}
                }
            }
        }
        outcome.expect("a job's feed ends with its end")
    }
}

/// Splits a command line at blanks, keeping what stands in single quotes together.
pub fn words(line: &str) -> Vec<String> {
    let mut out = Vec::new();
    for (at, part) in line.split('\'').enumerate() {
        if at % 2 == 1 {
            out.push(part.to_owned());
        } else {
            out.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    out
}

/// Runs the lab's script.
pub fn lab(words: &[&str]) -> String {
    let out = Command::new("../../lab/lab").args(words).output().unwrap();
    assert!(
        out.status.success(),
        "lab {words:?}: {}{}",
        String::from_utf8_lossy(&out.stdout),
        String::from_utf8_lossy(&out.stderr)
    );
    String::from_utf8_lossy(&out.stdout).trim().to_owned()
}

/// Runs bash on node N as root; fails the test when it fails.
pub fn on(node: u8, script: &str) -> String {
    lab(&["ssh", &node.to_string(), script])
}

/// The exit code of bash on node N, with its output.
pub fn try_on(node: u8, script: &str) -> (bool, String) {
    let out = Command::new("../../lab/lab").args(["ssh", &node.to_string(), script]).output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    (out.status.success(), text.trim().to_owned())
}

/// Waits until bash on node N succeeds.
pub fn until(node: u8, script: &str, bound: Duration) -> String {
    let begun = Instant::now();
    loop {
        let (good, text) = try_on(node, script);
        if good {
            return text;
        }
        assert!(begun.elapsed() < bound, "node {node}, after {bound:?}: {script}\n{text}");
        std::thread::sleep(Duration::from_millis(500));
    }
}

/// SQL on a node's own PostgreSQL.
pub fn sql(node: u8, statement: &str) -> String {
    sql_in("postgres", node, statement)
}

/// The same in another database.
pub fn sql_in(database: &str, node: u8, statement: &str) -> String {
    on(node, &format!("cd / && sudo -u postgres psql -XAtq -d {database} <<'SQL'\n{statement}\nSQL"))
}

/// Members as `patronictl` on the node lists them: name, role, state.
pub fn members(node: u8) -> Vec<(String, String, String)> {
    let text = on(node, "patronictl -c /etc/patroni/patroni.yml list -f json");
    let rows: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    let text = |row: &serde_json::Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
    rows.iter().map(|row| (text(row, "Member"), text(row, "Role"), text(row, "State"))).collect()
}

/// The member that leads.
pub fn leader(node: u8) -> String {
    let led = members(node).into_iter().find(|(_, role, _)| role == "Leader");
    led.map(|(name, ..)| name).unwrap_or_default()
}
