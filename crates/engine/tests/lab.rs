//! Plans run on real servers: the lab's nodes, inside its network.
//!
//! `cargo xtask integration` builds this and runs it by `lab exec`. Variables: LAB_DIR (keys), LAB_USER.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic and tell")]

use async_trait::async_trait;
use paddock_engine::{
    CheckResult, EventSink, Pool, RunnablePlan, SinkError, SshSettings, Stop, Targets, dry_run, gather_facts,
    outline, run,
};
use paddock_events::{Event, EventKind, JobOutcome, JobView};
use paddock_inventory::{Inventory, NodeAddr};
use paddock_playbooks::{FactSet, Intent, Material, Need, Plan, hosts_concerned, needs, plan};
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

const INVENTORY: &str = "\
all:
  children:
    etcd: { hosts: { 10.10.10.10: { etcd_seq: 1 } }, vars: { etcd_cluster: etcd } }
    pg-test:
      hosts:
        10.10.10.11: { pg_seq: 1, pg_role: primary }
        10.10.10.12: { pg_seq: 2, pg_role: replica }
        10.10.10.13: { pg_seq: 3, pg_role: replica }
      vars:
        pg_cluster: pg-test
        pg_users: [{ name: test, password: Test.Secret, pgbouncer: true, roles: [dbrole_admin] }]
        pg_databases: [{ name: test, owner: test }]
  vars: { admin_ip: 10.10.10.10, pg_version: 15, pg_conf: tiny.yml, pg_rto: fast, pg_shared_buffer_ratio: 0.01 }
";

struct Recorder {
    view: Mutex<JobView>,
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

fn pool() -> Pool {
    let dir = PathBuf::from(std::env::var("LAB_DIR").unwrap_or_else(|_| "/var/lib/pg-lab".to_owned()));
    Pool::new(SshSettings {
        user: std::env::var("LAB_USER").unwrap_or_else(|_| "root".to_owned()),
        key: dir.join("id_ed25519"),
        known_hosts: dir.join("known_hosts"),
        connect_timeout: Duration::from_secs(10),
    })
}

/// Keys and certificates as the console makes them.
fn material(needed: &[Need]) -> Material {
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

async fn make_plan(
    pool: &Pool,
    targets: &Targets,
    inventory: &Inventory,
    material: &Material,
    words: &[&str],
) -> Plan {
    let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    let intent = Intent::parse(&words).unwrap();
    let nodes: Vec<NodeAddr> = hosts_concerned(inventory, &intent).unwrap();
    let facts = FactSet(gather_facts(pool, targets, &nodes).await);
    plan(inventory, &facts, material, &intent).unwrap_or_else(|refusal| panic!("{refusal}"))
}

#[tokio::test]
#[ignore = "needs the lab"]
async fn lab_a_cluster_is_created_and_a_second_run_changes_nothing() {
    let (inventory, findings) = Inventory::read(INVENTORY);
    assert!(findings.is_empty(), "{findings:?}");
    let pool = pool();
    let targets = Targets::from_inventory(&inventory, pool.settings());
    let words = ["pgsql-add", "pg-test"];
    let intent = Intent::parse(&words.map(str::to_owned)).unwrap();
    let material = material(&needs(&inventory, &intent).unwrap());
    let planned = make_plan(&pool, &targets, &inventory, &material, &words).await;
    println!("{}", planned.render());
    let recorder = Arc::new(Recorder { view: Mutex::new(JobView::new(outline(&planned))) });
    let runnable = RunnablePlan::new(planned, None, 0).unwrap();
    let outcome = run(&runnable, &pool, &targets, recorder, None, &Stop::default()).await.unwrap();
    assert_eq!(outcome, JobOutcome::Succeeded);

    let again = make_plan(&pool, &targets, &inventory, &material, &words).await;
    assert!(again.warnings.iter().any(|warning| warning.code == "plan/recreate"), "{:?}", again.warnings);
    assert_eq!(again.plays.len(), 1, "nothing is planned in: {:?}", again.command_lines());
    let changes: Vec<String> = dry_run(&again, &pool, &targets)
        .await
        .into_iter()
        .filter(|checked| checked.result != CheckResult::Holds)
        .map(|checked| {
            format!(
                "{} {}: {:?}",
                checked.host,
                again.steps().nth(checked.step as usize).unwrap().2.id.0,
                checked.result
            )
        })
        .collect();
    assert_eq!(changes, [] as [String; 0]);
    pool.close().await;
}
