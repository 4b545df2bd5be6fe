//! Messages of the one WebSocket at `/ws`, as JSON text frames.

use crate::{ClusterRow, ClusterTopology, Event, JobId, Problem};
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
    /// Send rows of the clusters page in the person's scope as they change.
    SubscribeFleet {
        /// When what the browser has was made ([`crate::FleetPage::at_us`]); 0: it has nothing.
        #[serde(default)]
        since_us: i64,
    },
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
    /// Rows of the clusters page that have changed.
    Fleet {
        /// By name.
        rows: Vec<ClusterRow>,
        /// These are all there are: what is not among them is gone.
        whole: bool,
        /// When they were made, microseconds since the epoch.
        at_us: i64,
    },
    /// A subscription was refused or broke.
    Problem {
        /// Why.
        problem: Problem,
    },
    /// Nothing new; the connection lives. Sent every 10 s.
    Ping,
}
