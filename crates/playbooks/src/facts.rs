//! What planning must know of a node, and the probe that reads it.

use paddock_inventory::NodeAddr;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What a node said about itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// `ID` of os-release: `debian`, `ubuntu`, `rocky`.
    pub os_id: String,
    /// `VERSION_ID` of os-release: `12`.
    pub os_version: String,
    /// `VERSION_CODENAME` of os-release.
    pub os_codename: String,
    /// `x86_64`, `aarch64`.
    pub arch: String,
    /// Processors online.
    pub cpus: u32,
    /// Memory in MiB.
    pub mem_mb: u64,
    /// Size in GiB of the file system that holds (or will hold) the data.
    pub disk_gb: u64,
    /// The node's own host name.
    pub hostname: String,
    /// Units of ours that are active: `etcd`, `patroni`, `haproxy`, `pgbouncer`, `postgres`.
    pub active_units: BTreeSet<String>,
    /// Major versions of PostgreSQL whose server the node's package manager could install or has installed.
    pub pg_versions: BTreeSet<u32>,
    /// The node play has finished here once (`/etc/paddock/node.ready`).
    pub node_ready: bool,
    /// The etcd play has finished here once, RBAC included.
    pub etcd_ready: bool,
    /// What is in the data directory.
    pub data_dir: DataDir,
}

/// State of `pg_data` on a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum DataDir {
    /// Missing or empty.
    Empty,
    /// A PostgreSQL data directory; the cluster name is read from `/etc/patroni/patroni.yml`'s scope.
    Cluster {
        /// Patroni's scope on this node, if configured.
        scope: Option<String>,
        /// Major version in `PG_VERSION`.
        version: String,
    },
    /// Something else is there.
    Foreign,
}

/// What is known of one node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "known", rename_all = "snake_case")]
pub enum HostFacts {
    /// Not asked (offline plan): assume a prepared Debian 12 node with 2 CPUs and 4 GiB.
    Assumed,
    /// Read from the node.
    Known(Facts),
    /// The node did not answer; why.
    Unreachable {
        /// What the connection said.
        reason: String,
    },
}

/// What is known of all nodes; one that is not listed is [`HostFacts::Assumed`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FactSet(pub BTreeMap<NodeAddr, HostFacts>);
