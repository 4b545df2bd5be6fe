//! A plan as a job page needs it: names and order, without contents.

use serde::{Deserialize, Serialize};

/// The readable shape of a plan; events refer into it by index.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobOutline {
    /// One sentence: "Create cluster pg-test on 10.10.10.11, …".
    pub title: String,
    /// The cluster it changes, when it is one.
    pub cluster: Option<String>,
    /// The plays as command lines, in order: `pgsql.yml -l pg-test`.
    pub command_lines: Vec<String>,
    /// Barriers: a stage begins when the one before has ended on all hosts.
    pub stages: Vec<StageOutline>,
    /// All steps, in order of stage, host and position.
    pub steps: Vec<StepOutline>,
}

/// One stage of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageOutline {
    /// "Primary", "Replicas", "Verify".
    pub name: String,
    /// Index into `command_lines`.
    pub play: u32,
}

/// One step of a plan on one host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepOutline {
    /// Stable over runs: `pgsql/pg_hba/pg_hba.conf`.
    pub id: String,
    /// What shall hold, for people: "pg_hba.conf has the declared rules".
    pub title: String,
    /// Index into `stages`.
    pub stage: u32,
    /// The node it runs on.
    pub host: String,
    /// The instance on that node, when there is one: `pg-test-1`.
    pub instance: Option<String>,
    /// Ansible's tags it belongs to.
    pub tags: Vec<String>,
    /// What applying it interrupts or destroys, when it does: "restarts PostgreSQL".
    pub effect: Option<String>,
    /// Whether it destroys data or members.
    pub destructive: bool,
}

impl JobOutline {
    /// The hosts that take part, in order of first appearance.
    pub fn hosts(&self) -> Vec<&str> {
        let mut hosts: Vec<&str> = Vec::new();
        for step in &self.steps {
            if !hosts.contains(&step.host.as_str()) {
                hosts.push(&step.host);
            }
        }
        hosts
    }
}
