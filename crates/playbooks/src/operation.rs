//! What a person wants, and the plays it stands for.

use paddock_inventory::{ClusterName, Map, NodeAddr};
use serde::{Deserialize, Serialize};

/// A playbook by its file name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Playbook {
    /// `node.yml`
    Node,
    /// `etcd.yml`
    Etcd,
    /// `pgsql.yml`
    Pgsql,
}

/// A playbook on a limit with tags.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Play {
    /// Which playbook.
    pub playbook: Playbook,
    /// Host pattern as written.
    pub limit: String,
    /// Tags; empty runs all.
    pub tags: Vec<String>,
    /// Extra vars as given, in order.
    pub extra_vars: Map,
    /// Why it is there when nobody asked for it: "etcd does not run yet on 10.10.10.10".
    pub because: Option<String>,
}

/// An operation of the Cluster Admin page, or plays given directly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "operation", rename_all = "snake_case")]
pub enum Operation {
    /// `bin/pgsql-add <cls>`
    Create {
        /// Which cluster.
        cluster: ClusterName,
    },
    /// `bin/node-add <selector>`
    AddNode {
        /// Host pattern.
        limit: String,
    },
    /// Re-render and reload HAProxy services: `bin/pgsql-svc <cls> [ip...]`
    ReloadService {
        /// Which cluster.
        cluster: ClusterName,
        /// Only these nodes; empty for all.
        nodes: Vec<NodeAddr>,
    },
    /// Re-render and reload HBA rules: `bin/pgsql-hba <cls> [ip...]`
    ReloadHba {
        /// Which cluster.
        cluster: ClusterName,
        /// Only these nodes; empty for all.
        nodes: Vec<NodeAddr>,
    },
    /// `<playbook>.yml -l … -t … -e …`
    Play(Play),
}

/// An operation with the extra vars of the command line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// What is wanted.
    pub operation: Operation,
    /// `-e`, highest precedence, all hosts.
    pub extra_vars: Map,
}

/// Why there is no plan. `code` is stable; the rest is for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{what}: {why}")]
pub struct Refusal {
    /// `plan/unknown-cluster`, `plan/empty-limit`, `plan/two-primaries`.
    pub code: String,
    /// What was refused.
    pub what: String,
    /// Why, naming file line, host, member.
    pub why: String,
    /// What to do.
    pub fix: String,
}
