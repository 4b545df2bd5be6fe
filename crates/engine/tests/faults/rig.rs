//! The lab's nodes with their power switches and cables, plans of one step, and a sink that remembers.

use async_trait::async_trait;
use paddock_engine::{
    Approval, EventSink, Pool, RunnablePlan, SinkError, SshKey, SshSettings, Stop, Target, Targets, run,
};
use paddock_events::{EventKind, JobOutcome, Outcome, PersonId, Stream};
use paddock_inventory::{Inventory, Map, NodeAddr};
use paddock_playbooks::{Digest, Effect, Fact, Intent, Operation, Plan, Script, Stage, Step, StepId};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How long a job waits for a node that it has lost; one that is started anew is there in some seconds.
pub const RECONNECT: Duration = Duration::from_secs(10);

/// Where the lab keeps its keys.
pub fn lab_dir() -> PathBuf {
    PathBuf::from(std::env::var("LAB_DIR").unwrap_or_else(|_| "/var/lib/pg-lab".to_owned()))
}

pub fn address(node: u8) -> NodeAddr {
    let net = std::env::var("LAB_NET").unwrap_or_else(|_| "10.10.10".to_owned());
    format!("{net}.{node}").parse().unwrap()
}

pub fn settings(user: &str) -> SshSettings {
    SshSettings {
        user: user.to_owned(),
        key: SshKey::File(lab_dir().join("id_ed25519")),
        known_hosts: lab_dir().join("known_hosts"),
        connect_timeout: Duration::from_secs(4),
        reconnect: RECONNECT,
    }
}

pub fn targets(settings: &SshSettings) -> Targets {
    let text = format!("all:\n  children:\n    g: {{ hosts: {{ {}: , {}: }} }}\n", address(12), address(13));
    Targets::from_inventory(&Inventory::read(&text).0, settings)
}

pub fn target(settings: &SshSettings, node: u8) -> Target {
    targets(settings).get(address(node)).unwrap().clone()
}

/// `lab/lab WORDS`; the crate's folder is where tests run.
fn lab(words: &[&str]) -> Output {
    let out = Command::new("../../lab/lab").args(words).output().unwrap();
    assert!(out.status.success(), "lab {words:?}: {}", String::from_utf8_lossy(&out.stderr));
    out
}

/// One node with switch and cable; on again when the test ends, however it ends.
pub struct Node(pub u8);

impl Node {
    pub fn lab(&self, word: &str) {
        lab(&[word, &self.0.to_string()]);
    }

    /// What a command of root prints there, by OpenSSH: not through what is tested.
    pub fn sh(&self, command: &str) -> String {
        let out = Command::new("../../lab/lab").args(["ssh", &self.0.to_string(), command]).output().unwrap();
        String::from_utf8_lossy(&out.stdout).trim().to_owned()
    }

    /// Waits for a command to succeed there.
    pub fn until(&self, command: &str, bound: Duration) {
        let end = Instant::now() + bound;
        while self.sh(&format!("{command} && echo yes")) != "yes" {
            assert!(Instant::now() < end, "`{command}` on node {} not within {bound:?}", self.0);
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        lab(&["mend", &self.0.to_string()]);
        lab(&["thaw", &self.0.to_string()]);
        lab(&["start", &self.0.to_string()]);
    }
}

pub fn script(text: &str) -> Script {
    Script { text: text.to_owned(), stdin: None, user: "root".to_owned() }
}

/// A step of root; the file names it uses should be its own.
pub fn step(id: &str, host: NodeAddr, check: &str, apply: &str) -> Step {
    Step {
        id: StepId(id.to_owned()),
        title: id.to_owned(),
        host,
        tags: vec![],
        fact: Fact::Command {
            check: check.to_owned(),
            apply: Some(apply.to_owned()),
            stdin: None,
            user: "root".to_owned(),
        },
        effect: Effect::Plain,
        limit_s: 60,
        settle_s: 0,
    }
}

/// A plan of one stage.
pub fn plan(steps: Vec<Step>) -> Plan {
    let mut hosts: BTreeMap<NodeAddr, Vec<Step>> = BTreeMap::new();
    for step in steps {
        hosts.entry(step.host).or_default().push(step);
    }
    Plan {
        intent: Intent {
            operation: Operation::AddNode { limit: "g".to_owned() },
            extra_vars: Map::default(),
        },
        title: "a test".to_owned(),
        plays: vec![],
        stages: vec![Stage { name: "Only".to_owned(), play: 0, hosts, serial: false }],
        edits: Vec::new(),
        at_stake: Vec::new(),
        blast: Vec::new(),
        warnings: vec![],
        cluster: None,
        locks: BTreeSet::new(),
        secrets: BTreeSet::new(),
        instances: BTreeMap::new(),
        digest: Digest(String::new()),
    }
}

/// Remembers every event.
#[derive(Default)]
pub struct Recorder(Mutex<Vec<EventKind>>);

impl Recorder {
    pub fn events(&self) -> Vec<EventKind> {
        self.0.lock().unwrap().clone()
    }

    pub fn lines(&self, wanted: Stream) -> Vec<String> {
        let events = self.events().into_iter();
        events
            .filter_map(|event| match event {
                EventKind::Line { stream, text, .. } if stream == wanted => Some(text),
                _ => None,
            })
            .collect()
    }

    pub fn outcomes(&self) -> Vec<Outcome> {
        let events = self.events().into_iter();
        events
            .filter_map(|event| match event {
                EventKind::StepFinished { outcome, .. } => Some(outcome),
                _ => None,
            })
            .collect()
    }
}

#[async_trait]
impl EventSink for Recorder {
    async fn emit(&self, kind: EventKind) -> Result<(), SinkError> {
        println!("  {kind:?}");
        self.0.lock().unwrap().push(kind);
        Ok(())
    }
}

/// A job that runs beside the test.
pub struct Job {
    pub stop: Stop,
    pub recorder: Arc<Recorder>,
    task: tokio::task::JoinHandle<JobOutcome>,
}

impl Job {
    pub fn start(plan: Plan) -> Self {
        let settings = settings("root");
        let targets = targets(&settings);
        Self::over(plan, settings, targets)
    }

    /// The same by another way to the nodes.
    pub fn over(plan: Plan, settings: SshSettings, targets: Targets) -> Self {
        let (stop, recorder) = (Stop::default(), Arc::new(Recorder::default()));
        let (stopped, sink) = (stop.clone(), Arc::clone(&recorder));
        let task = tokio::spawn(async move {
            let pool = Pool::new(settings);
            let approval = plan.is_destructive().then(|| Approval {
                digest: plan.digest.clone(),
                requester: PersonId(1),
                approvers: [PersonId(2)].into(),
                needed: 1,
                break_glass: false,
                expires_us: 1,
            });
            let plan = RunnablePlan::new(plan, approval.as_ref(), 0).unwrap();
            let outcome = run(&plan, &pool, &targets, sink, None, &stopped).await.unwrap();
            pool.close().await;
            outcome
        });
        Self { stop, recorder, task }
    }

    /// Ends as a console does that is killed: connections are dropped, nothing is said to the nodes.
    pub async fn die(self) {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
    }

    pub async fn end(self, bound: Duration) -> (JobOutcome, Arc<Recorder>) {
        let outcome = tokio::time::timeout(bound, self.task).await.expect("the job ends in time").unwrap();
        (outcome, self.recorder)
    }
}

/// Blocking work of a test, away from the job's threads.
pub async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}
