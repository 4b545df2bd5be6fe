//! The readable whole: plays, stages, steps, warnings and a digest.

use crate::{Effect, Fact, Intent, PlannedEdit, Play, Playbook, Step};
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

/// A cluster whose data a plan takes away, and what they could be restored from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AtStake {
    /// Which.
    pub cluster: ClusterName,
    /// When the newest sound backup of it ended, in seconds since the epoch; none: no node that answers lists one.
    pub backup_s: Option<i64>,
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
    /// What changes in the inventory, and when.
    #[serde(default)]
    pub edits: Vec<PlannedEdit>,
    /// To be read first.
    pub warnings: Vec<Warning>,
    /// What an approver looks at before they agree: label and value ("last backup", "3 h ago").
    #[serde(default)]
    pub blast: Vec<(String, String)>,
    /// Clusters whose data go, all of them: removed, or restored over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub at_stake: Vec<AtStake>,
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

impl Plan {
    /// All steps in canonical order: stage, host, position. The position in this order is the step's index in
    /// events and pages.
    pub fn steps(&self) -> impl Iterator<Item = (usize, NodeAddr, &Step)> {
        self.stages.iter().enumerate().flat_map(|(index, stage)| {
            stage
                .hosts
                .iter()
                .flat_map(move |(host, steps)| steps.iter().map(move |step| (index, *host, step)))
        })
    }

    /// The plays as command lines.
    pub fn command_lines(&self) -> Vec<String> {
        self.plays.iter().map(Play::command_line).collect()
    }

    /// Whether any step destroys data or members.
    pub fn is_destructive(&self) -> bool {
        self.steps().any(|(_, _, step)| matches!(step.effect, Effect::Destroys(_)))
    }

    /// Whether it restores a cluster, over data that are lost or over none.
    pub fn restores(&self) -> bool {
        self.plays.iter().any(|play| play.playbook == Playbook::PgsqlPitr)
    }

    /// Whether nothing can be changed by it: every step only looks.
    pub fn only_reads(&self) -> bool {
        let looks = |step: &Step| match &step.fact {
            Fact::HttpWait { .. } | Fact::Command { apply: None, .. } => true,
            Fact::File { .. }
            | Fact::FileSet { .. }
            | Fact::Directory { .. }
            | Fact::Link { .. }
            | Fact::Packages { .. }
            | Fact::OsUser { .. }
            | Fact::Unit { .. }
            | Fact::Sql { .. }
            | Fact::Command { apply: Some(_), .. } => false,
        };
        self.edits.is_empty() && self.steps().all(|(_, _, step)| looks(step))
    }

    /// What applying it interrupts, one sentence each, without repeats.
    pub fn interrupts(&self) -> Vec<String> {
        self.effects(|effect| match effect {
            Effect::Interrupts(what) => Some(what.clone()),
            Effect::Plain | Effect::Destroys(_) => None,
        })
    }

    /// What it destroys, one sentence each, without repeats.
    pub fn destroys(&self) -> Vec<String> {
        self.effects(|effect| match effect {
            Effect::Destroys(what) => Some(what.clone()),
            Effect::Plain | Effect::Interrupts(_) => None,
        })
    }

    fn effects(&self, pick: impl Fn(&Effect) -> Option<String>) -> Vec<String> {
        let mut out: Vec<String> = Vec::new();
        for what in self.steps().filter_map(|(_, _, step)| pick(&step.effect)) {
            if !out.contains(&what) {
                out.push(what);
            }
        }
        out
    }

    /// The nodes that take part.
    pub fn nodes(&self) -> BTreeSet<NodeAddr> {
        self.stages.iter().flat_map(|stage| stage.hosts.keys().copied()).collect()
    }

    /// The plan as the command line prints it.
    pub fn render(&self) -> String {
        let mut out = format!("{}\n", self.title);
        for play in &self.plays {
            out += &format!("  {}", play.command_line());
            if let Some(because) = &play.because {
                out += &format!("    # planned in: {because}");
            }
            out.push('\n');
        }
        for warning in &self.warnings {
            out += &format!("warning[{}]: {}\n", warning.code, warning.text);
        }
        for what in self.interrupts() {
            out += &format!("interrupts: {what}\n");
        }
        for what in self.destroys() {
            out += &format!("DESTROYS: {what}\n");
        }
        for planned in &self.edits {
            out += &format!("inventory: {}\n", planned.edit.sentence());
        }
        for (number, stage) in self.stages.iter().enumerate() {
            out += &format!("\nstage {}: {}\n", number + 1, stage.name);
            for (host, steps) in &stage.hosts {
                let instance = self.instances.get(host).map_or(String::new(), |name| format!(" ({name})"));
                out += &format!("  {host}{instance}\n");
                for step in steps {
                    out += &format!("    {:<44} {}\n", step.id.0, step.title);
                }
            }
        }
        out += &format!(
            "\n{} steps on {} nodes, digest {}\n",
            self.steps().count(),
            self.nodes().len(),
            self.digest.0
        );
        out
    }
}
