//! Messages of the one WebSocket at `/ws`, as JSON text frames.

use crate::{ClusterTopology, Event, JobId, Problem};
use serde::{Deserialize, Serialize};

/// Browser to server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ClientMessage {
    /// Send the job's events from `from_seq` on, then live ones.
    SubscribeJob {
        /// Which job.
        job: JobId,
        /// The first sequence number wanted.
        from_seq: u64,
    },
    /// Send snapshots of the cluster as they change.
    SubscribeCluster {
        /// `pg_cluster`.
        cluster: String,
    },
    /// Send snapshots of all clusters in the person's scope.
    SubscribeFleet,
}

/// Server to browser.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerMessage {
    /// Consecutive events of a job.
    Events {
        /// Which job.
        job: JobId,
        /// In order, without a gap.
        events: Vec<Event>,
    },
    /// The newest picture of a cluster.
    Topology {
        /// The whole picture.
        topology: ClusterTopology,
    },
    /// A subscription was refused or broke.
    Problem {
        /// Why.
        problem: Problem,
    },
    /// Nothing new; the connection lives. Sent every 10 s.
    Ping,
}
