//! What tests on the lab's nodes share: the pool, keys and certificates, planning from real facts, running, asking nodes.

#![allow(dead_code, reason = "each test binary uses its own part")]

use async_trait::async_trait;
use paddock_engine::{
    Approval, EventSink, Line, Pool, RunnablePlan, SinkError, SshKey, SshSettings, Stop, Targets,
    gather_facts, outline, run,
};
use paddock_events::{Event, EventKind, JobOutcome, JobView, PersonId};
use paddock_inventory::{Inventory, NodeAddr, Severity};
use paddock_playbooks::{
    FactSet, Intent, Material, Need, Plan, Refusal, Script, hosts_concerned, needs, plan,
};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use russh::keys::ssh_key::LineEnding;
use russh::keys::{Algorithm, PrivateKey};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Folds a job's events as a browser would, prints them, and keeps every line.
struct Recorder {
    view: Mutex<JobView>,
    said: Mutex<String>,
}

#[async_trait]
impl EventSink for Recorder {
    async fn emit(&self, kind: EventKind) -> Result<(), SinkError> {
        let mut view = self.view.lock().unwrap();
        let name = |view: &JobView, step: u32| {
            let step = &view.outline.steps[step as usize];
            format!("{} {}", step.host, step.id)
        };
        match &kind {
            EventKind::Line { step: Some(step), text, .. } => {
                println!("      {}: {text}", name(&view, *step));
                self.said.lock().unwrap().push_str(&format!("{text}\n"));
            }
            EventKind::StepFinished { step, outcome, duration_ms } => {
                println!("  {} {outcome:?} {duration_ms} ms", name(&view, *step));
            }
            EventKind::StageStarted { stage } => {
                println!("stage {}", view.outline.stages[*stage as usize].name);
            }
            _ => {}
        }
        let event = Event { seq: view.next_seq, at_us: 0, kind };
        view.fold(&event).map_err(|error| SinkError(error.to_string()))
    }
}

/// The pool of the lab that LAB_DIR and LAB_USER name.
pub fn pool() -> Pool {
    let dir = PathBuf::from(std::env::var("LAB_DIR").unwrap_or_else(|_| "/var/lib/pg-lab".to_owned()));
    Pool::new(SshSettings {
        user: std::env::var("LAB_USER").unwrap_or_else(|_| "root".to_owned()),
        key: SshKey::File(dir.join("id_ed25519")),
        known_hosts: dir.join("known_hosts"),
        connect_timeout: Duration::from_secs(10),
        reconnect: SshSettings::RECONNECT,
    })
}

/// Keys and certificates as the console makes them.
pub fn material(needed: &[Need]) -> Material {
    let mut out = BTreeMap::new();
    let ca_key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "pigsty-ca");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(1));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let ca = params.self_signed(&ca_key).unwrap();
    out.insert("ca.crt".to_owned(), ca.pem());
    let issuer = Issuer::new(params, ca_key);
    let mut keys: BTreeMap<String, KeyPair> = BTreeMap::new();
    for need in needed {
        match need {
            Need::Ca => {}
            Need::Certificate { name, key, cn, sans } => {
                let pair = keys.entry(key.clone()).or_insert_with(|| KeyPair::generate().unwrap());
                let mut params = CertificateParams::new(sans.clone()).unwrap();
                params.distinguished_name.push(DnType::CommonName, cn);
                params.extended_key_usages =
                    vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
                out.insert(format!("{name}.crt"), params.signed_by(pair, &issuer).unwrap().pem());
                out.insert(format!("{key}.key"), pair.serialize_pem());
            }
            Need::SshKey { name } => {
                let key = PrivateKey::random(&mut russh::keys::key::safe_rng(), Algorithm::Ed25519).unwrap();
                out.insert(format!("{name}.ssh"), key.to_openssh(LineEnding::LF).unwrap().to_string());
                out.insert(format!("{name}.pub"), key.public_key().to_openssh().unwrap());
            }
        }
    }
    Material(out)
}

/// One inventory on the lab's nodes.
pub struct Lab {
    pub pool: Pool,
    pub targets: Targets,
    pub inventory: Inventory,
    pub material: Material,
}

/// How a job ended, and everything that it said.
pub struct Ended {
    pub outcome: JobOutcome,
    pub said: String,
}

impl Lab {
    /// Keys and certificates are those that creating the cluster needs.
    pub fn new(inventory: &str, cluster: &str) -> Self {
        Self::of(inventory, &[cluster], Vec::new())
    }

    /// The same for several clusters, with certificates of the same CA that a test wants for itself.
    pub fn of(inventory: &str, clusters: &[&str], mut wanted: Vec<Need>) -> Self {
        let (inventory, findings) = Inventory::read(inventory);
        let errors: Vec<_> = findings.iter().filter(|finding| finding.severity == Severity::Error).collect();
        assert!(errors.is_empty(), "{errors:?}");
        let pool = pool();
        let targets = Targets::from_inventory(&inventory, pool.settings());
        for cluster in clusters {
            let intent = Intent::parse(&["pgsql-add", cluster].map(str::to_owned)).unwrap();
            wanted.extend(needs(&inventory, &intent).unwrap());
        }
        Self { pool, targets, inventory, material: material(&wanted) }
    }

    /// The same nodes and keys with another inventory, which may have findings: some tests declare what is wrong.
    pub fn declare(&mut self, inventory: &str) {
        self.inventory = Inventory::read(inventory).0;
        assert!(!self.inventory.is_broken());
    }

    /// Plans a command line from facts that are read now.
    pub async fn plan(&self, words: &[&str]) -> Result<Plan, Refusal> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let intent = Intent::parse(&words)?;
        let nodes: Vec<NodeAddr> = hosts_concerned(&self.inventory, &intent)?;
        let facts = FactSet(gather_facts(&self.pool, &self.targets, &nodes).await);
        plan(&self.inventory, &facts, &self.material, &intent)
    }

    /// Plans a command line and runs it; what destroys is approved by somebody else.
    pub async fn run(&self, words: &[&str]) -> Ended {
        println!("\n=== {}", words.join(" "));
        let planned = self.plan(words).await.unwrap_or_else(|refusal| panic!("{refusal}"));
        self.run_plan(planned).await
    }

    /// Runs a plan; one that destroys is approved by somebody else.
    pub async fn run_plan(&self, planned: Plan) -> Ended {
        println!("{}", planned.render());
        let view = Mutex::new(JobView::new(outline(&planned)));
        let recorder = Arc::new(Recorder { view, said: Mutex::default() });
        let approval = planned.is_destructive().then(|| Approval {
            digest: planned.digest.clone(),
            requester: PersonId(1),
            approvers: [PersonId(2)].into(),
            needed: 1,
            break_glass: false,
            expires_us: 1,
        });
        let runnable = RunnablePlan::new(planned, approval.as_ref(), 0).unwrap();
        let sink: Arc<dyn EventSink> = recorder.clone();
        let outcome = run(&runnable, &self.pool, &self.targets, sink, None, &Stop::default()).await.unwrap();
        let said = recorder.said.lock().unwrap().clone();
        Ended { outcome, said }
    }

    /// What a script of root on a node prints; it must end well.
    pub async fn ask(&self, node: &str, script: &str) -> String {
        let (exit, said) = self.try_on(node, script).await;
        assert_eq!(exit, 0, "{node}: {script}\n{said}");
        said
    }

    /// What a query of postgres gives in database test; an error ends it.
    pub async fn sql(&self, node: &str, query: &str) -> String {
        let script = format!(
            "cd /; runuser -u postgres -- psql -XAtq -v ON_ERROR_STOP=1 -d test <<'SQL'\n{query}\nSQL\n"
        );
        self.ask(node, &script).await.trim().to_owned()
    }

    /// Exit code and output of a script of root on a node.
    pub async fn try_on(&self, node: &str, script: &str) -> (i32, String) {
        let target = self.targets.get(node.parse().unwrap()).unwrap();
        let mut shell = self.pool.shell(target).await.unwrap();
        let script = Script { text: script.to_owned(), stdin: None, user: "root".to_owned() };
        let mut said = Vec::new();
        let ran = shell
            .run(&script, Duration::from_secs(60), &mut |line| {
                if let Line::Text(_, text) = line {
                    said.push(text);
                }
            })
            .await
            .unwrap();
        self.pool.give_back(target, shell);
        (ran.exit, said.join("\n"))
    }
}

impl Ended {
    /// Gives what was said when the job succeeded.
    pub fn well(self) -> String {
        assert_eq!(self.outcome, JobOutcome::Succeeded, "{}", self.said);
        self.said
    }

    /// Gives why the job failed.
    pub fn failed(self) -> String {
        match self.outcome {
            JobOutcome::Failed { reason, .. } => reason,
            other => panic!("it should have failed, and is {other:?}: {}", self.said),
        }
    }
}
