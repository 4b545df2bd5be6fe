//! What runs now, as last seen. Unknown is shown as unknown, with its age; never as healthy.

use serde::{Deserialize, Serialize};

/// A value and when it was seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Observed<T> {
    /// Microseconds since the epoch, the console's clock.
    pub at_us: i64,
    /// What was seen, or why nothing could be.
    pub seen: Result<T, String>,
}

/// Health at a glance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HealthLevel {
    /// One primary (or standby leader), every declared member streams, lag below the bound.
    Healthy,
    /// It serves writes, but something is missing.
    Degraded,
    /// No primary.
    Down,
    /// Declared, but nothing of it runs on the nodes that answered.
    NotCreated,
    /// Nothing could be read.
    Unknown,
}

/// What Patroni says a member is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemberRole {
    /// Holds the leader lock and takes writes.
    Primary,
    /// Leader of a standby cluster.
    StandbyLeader,
    /// A synchronous replica.
    SyncStandby,
    /// An asynchronous replica.
    Replica,
    /// Not said.
    #[default]
    Unknown,
}

/// What Patroni says a member does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemberState {
    /// PostgreSQL runs (a primary, or a replica whose streaming is not confirmed).
    Running,
    /// A replica that streams from its upstream.
    Streaming,
    /// Starting, restoring, creating a replica: Patroni's own word.
    Busy(String),
    /// Stopped, crashed or failed: Patroni's own word.
    Down(String),
    /// Not seen.
    #[default]
    Unknown,
}

/// One instance: what the inventory declares and what was seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MemberTopology {
    /// `pg-test-1`.
    pub instance: String,
    /// The node's address.
    pub host: String,
    /// `primary`, `replica`, `offline` as declared; none when it runs undeclared.
    pub declared_role: Option<String>,
    /// What Patroni says it is.
    pub role: MemberRole,
    /// What Patroni says it does.
    pub state: MemberState,
    /// Timeline number.
    pub timeline: Option<u32>,
    /// Bytes behind the leader; none when unknown or on the leader.
    pub lag_bytes: Option<u64>,
    /// Settings wait for a restart.
    pub pending_restart: bool,
    /// PostgreSQL's version, `15.20`.
    pub version: Option<String>,
    /// The instance it replicates from, when known.
    pub upstream: Option<String>,
    /// Why the node could not be read, when it could not.
    pub unreachable: Option<String>,
}

/// One server of an HAProxy service, as HAProxy on `seen_from` has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HaproxyServer {
    /// `pg-test-1`.
    pub instance: String,
    /// `UP`, `DOWN`, `MAINT`, `no check`: HAProxy's own word.
    pub status: String,
    /// Only used when no other server is up.
    pub backup: bool,
    /// 0 to 256; 0 drains.
    pub weight: u32,
    /// Open sessions now.
    pub sessions: u32,
}

/// A service of the cluster as HAProxy routes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceTopology {
    /// `primary`, `replica`, `default`, `offline`.
    pub name: String,
    /// The port it listens on.
    pub port: u16,
    /// The node whose HAProxy was asked.
    pub seen_from: String,
    /// Its servers.
    pub servers: Vec<HaproxyServer>,
}

/// A running cluster as its page draws it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClusterTopology {
    /// `pg-test`.
    pub cluster: String,
    /// Health at a glance.
    pub health: HealthLevel,
    /// Why it is not healthy, one sentence each.
    pub reasons: Vec<String>,
    /// Every declared instance and every member seen, by instance.
    pub members: Vec<MemberTopology>,
    /// Services as routed now.
    pub services: Vec<ServiceTopology>,
    /// Patroni is paused.
    pub paused: bool,
    /// When this was read, microseconds since the epoch.
    pub at_us: i64,
}

impl MemberRole {
    /// Whether such a member holds the leader's lock.
    pub fn leads(self) -> bool {
        matches!(self, Self::Primary | Self::StandbyLeader)
    }
}

impl MemberTopology {
    /// Whether it holds the leader's lock.
    pub fn leads(&self) -> bool {
        self.role.leads()
    }
}

impl ClusterTopology {
    /// The member that leads.
    pub fn leader(&self) -> Option<&MemberTopology> {
        self.members.iter().find(|member| member.leads())
    }

    /// The leader's version, else anybody's.
    pub fn version(&self) -> Option<&str> {
        let leader = self.leader().and_then(|member| member.version.as_deref());
        leader.or_else(|| self.members.iter().find_map(|member| member.version.as_deref()))
    }

    /// The largest lag in bytes. One unknown lag makes it unknown.
    pub fn max_lag_bytes(&self) -> Option<u64> {
        let followers = self.members.iter().filter(|member| !member.leads());
        let lags: Option<Vec<u64>> = followers.map(|member| member.lag_bytes).collect();
        lags?.into_iter().max()
    }
}
