//! The readable whole: plays, stages, steps, warnings and a digest.

use crate::{Intent, Play, Step};
use paddock_inventory::{ClusterName, NodeAddr};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// SHA-256 in hex over intent, plays and rendered steps, with secret values replaced by their names.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Digest(pub String);

/// Something a person should read before it runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// Stable: `plan/recreate`, `plan/facts-assumed`, `plan/node-unreachable`.
    pub code: String,
    /// One or two sentences.
    pub text: String,
}

/// A barrier: it begins when the stage before has ended well on all hosts. Within it hosts run in
/// parallel, each host its steps in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// "Primary", "Replicas", "Verify".
    pub name: String,
    /// Index into the plan's plays.
    pub play: usize,
    /// Steps by host.
    pub hosts: BTreeMap<NodeAddr, Vec<Step>>,
    /// One host after the other, in order of address, instead of all at once.
    pub serial: bool,
}

/// What will happen, completely. After planning nothing is left to choose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// What was asked.
    pub intent: Intent,
    /// One sentence: "Create cluster `pg-test` on 10.10.10.11, 10.10.10.12, 10.10.10.13".
    pub title: String,
    /// In order; those with `because` were planned in.
    pub plays: Vec<Play>,
    /// In order.
    pub stages: Vec<Stage>,
    /// To be read first.
    pub warnings: Vec<Warning>,
    /// The cluster it changes, when it is one.
    pub cluster: Option<ClusterName>,
    /// What no other job may change meanwhile: `cluster/pg-test`, `node/10.10.10.11`, `etcd/etcd`.
    pub locks: BTreeSet<String>,
    /// Secret values that must never appear in an event, a diff or a page.
    pub secrets: BTreeSet<String>,
    /// `pg-test-1` by address, for display.
    pub instances: BTreeMap<NodeAddr, String>,
    /// What was approved is what runs.
    pub digest: Digest,
}
