//! A console in its own directory, with somebody of each role.
#![allow(dead_code, reason = "each test file uses a part of it")]

use paddock_console::{Actor, Console, PersonRole, Settings};
use paddock_events::{Problem, RevisionId, Saved};
use paddock_playbooks::Intent;
use paddock_store::{SealKey, Store};
use std::fmt::Write as _;
use std::path::Path;
use tempfile::TempDir;

pub const PASSWORD: &str = "correct horse battery";

pub const TEXT: &str = "# ours\nall:\n  children:\n    etcd:\n      hosts:\n        127.0.0.1: { etcd_seq: 1 }\n      vars: { etcd_cluster: etcd }\n    pg-test:\n      hosts:\n        127.0.0.2: { pg_seq: 1, pg_role: primary }\n      vars:\n        pg_cluster: pg-test\n        pg_admin_password: Sup3rSecret\n  vars:\n    admin_ip: 127.0.0.1\n";

pub fn settings(dir: &TempDir) -> Settings {
    Settings::at(dir.path().join("state"))
}

pub async fn opened() -> (TempDir, Console) {
    let dir = tempfile::tempdir().unwrap();
    let console = Console::open(settings(&dir)).await.unwrap();
    (dir, console)
}

/// The database beside the console that has it open, with its key.
pub async fn database(state: &Path) -> Store {
    let key = SealKey::parse(&std::fs::read_to_string(state.join("key")).unwrap()).unwrap();
    Store::open(&state.join("paddock.db")).await.unwrap().unlocked(key).await.unwrap()
}

pub async fn somebody(console: &Console, role: PersonRole) -> Actor {
    let id = console.add_person(role.as_str(), role, PASSWORD).await.unwrap();
    console.actor(id).await.unwrap()
}

/// `TEXT` with every node at a port of loopback where nothing listens.
pub fn closed_port_text() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let mut text = TEXT.to_owned();
    writeln!(text, "    ansible_port: {port}").unwrap();
    text
}

pub async fn save(
    console: &Console,
    actor: &Actor,
    base: Option<RevisionId>,
    text: &str,
) -> Result<Saved, Problem> {
    console.save_inventory(actor, base, text.to_owned(), "test".into()).await
}

pub async fn saved(console: &Console, actor: &Actor, base: Option<RevisionId>, text: &str) -> RevisionId {
    match save(console, actor, base, text).await.unwrap() {
        Saved::Revision { revision } => revision,
        Saved::Conflict { .. } => panic!("a conflict"),
    }
}

pub fn create() -> Intent {
    Intent::parse(&["pgsql-add".to_owned(), "pg-test".to_owned()]).unwrap()
}
