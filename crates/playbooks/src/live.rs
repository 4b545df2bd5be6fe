//! What runs, as the members' Patroni said when facts were read.

use crate::{FactSet, Facts, HostFacts};
use paddock_inventory::{Cluster, NodeAddr};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A cluster as one member's Patroni sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Live {
    /// Patroni's scope: `pg_cluster`, or `pg_shard` of a Citus group.
    pub scope: String,
    /// This member's name.
    pub name: String,
    /// `GET /cluster`, in its order.
    pub members: Vec<LiveMember>,
    /// No automatic failover.
    pub paused: bool,
    /// `GET /config`: the dynamic configuration.
    pub config: Value,
    /// When this member's PostgreSQL started, as Patroni prints it.
    pub started: Option<String>,
    /// This member has settings that wait for a restart.
    pub pending_restart: bool,
}

/// One member in `GET /cluster`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveMember {
    /// `pg-test-1`
    pub name: String,
    /// Its address, when it is one.
    pub addr: Option<NodeAddr>,
    /// `leader`, `standby_leader`, `replica`, `sync_standby`.
    pub role: String,
    /// `running`, `streaming`, `stopped`, `creating replica` …
    pub state: String,
    /// Timeline, when known.
    pub timeline: Option<u32>,
    /// Bytes behind the leader, when known.
    pub lag_bytes: Option<u64>,
    /// Its tag says that it must never lead.
    #[serde(default)]
    pub nofailover: bool,
}

impl LiveMember {
    /// Whether it holds the leader's lock.
    pub fn leads(&self) -> bool {
        matches!(self.role.as_str(), "leader" | "standby_leader" | "master" | "primary")
    }

    /// Whether PostgreSQL runs there; a replica must have a known lag, since 3.0 says `running` of one that does not stream.
    pub fn is_well(&self) -> bool {
        matches!(self.state.as_str(), "running" | "streaming") && (self.leads() || self.lag_bytes.is_some())
    }
}

impl Live {
    /// Reads `GET /cluster`, `/config` and `/patroni`, each JSON or `null`; none when there is no member list.
    pub(crate) fn parse(cluster: &str, config: &str, instance: &str) -> Option<Self> {
        let cluster: Value = serde_json::from_str(cluster).ok()?;
        let instance: Value = serde_json::from_str(instance).unwrap_or_default();
        let patroni = instance.get("patroni")?;
        let word = |key: &str| patroni.get(key).and_then(Value::as_str).map(str::to_owned);
        let members = cluster.get("members")?.as_array()?.iter().filter_map(member).collect();
        Some(Self {
            scope: word("scope")?,
            name: word("name").unwrap_or_default(),
            members,
            paused: cluster.get("pause").and_then(Value::as_bool).unwrap_or(false),
            config: serde_json::from_str(config).unwrap_or_default(),
            started: instance.get("postmaster_start_time").and_then(Value::as_str).map(str::to_owned),
            pending_restart: instance.get("pending_restart").and_then(Value::as_bool).unwrap_or(false),
        })
    }

    /// The member that leads.
    pub fn leader(&self) -> Option<&LiveMember> {
        self.members.iter().find(|member| member.leads())
    }

    /// A member by its name.
    pub fn member(&self, name: &str) -> Option<&LiveMember> {
        self.members.iter().find(|member| member.name == name)
    }

    /// Whether it follows another cluster.
    pub fn is_standby_cluster(&self) -> bool {
        self.config.get("standby_cluster").is_some_and(|standby| !standby.is_null())
    }
}

fn member(value: &Value) -> Option<LiveMember> {
    let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let lag = value.get("lag").or_else(|| value.get("replay_lag")).and_then(Value::as_u64);
    Some(LiveMember {
        name: text("name")?,
        addr: text("host").and_then(|host| host.parse().ok()),
        role: text("role")?,
        state: text("state").unwrap_or_else(|| "unknown".into()),
        timeline: value.get("timeline").and_then(Value::as_u64).and_then(|line| u32::try_from(line).ok()),
        lag_bytes: lag,
        nofailover: value.pointer("/tags/nofailover").and_then(Value::as_bool).unwrap_or(false),
    })
}

impl FactSet {
    /// The cluster as its members see it: the first view that knows a leader, else the first view.
    pub fn live(&self, cluster: &Cluster) -> Option<&Live> {
        let views = || {
            cluster
                .instances
                .iter()
                .filter_map(|instance| Some((instance, self.known(instance.addr)?.live.as_ref()?)))
                // The scope of Citus is what its groups share; the instance's own name tells whose it is.
                .filter(|(one, live)| live.scope == cluster.name.as_str() || live.name == one.id.to_string())
                .map(|(_, live)| live)
        };
        views().find(|live| live.leader().is_some()).or_else(|| views().next())
    }

    /// What the node itself said; none when it was not asked or did not answer.
    pub fn known(&self, host: NodeAddr) -> Option<&Facts> {
        match self.0.get(&host) {
            Some(HostFacts::Known(facts)) => Some(facts),
            Some(HostFacts::Assumed | HostFacts::Unreachable { .. }) | None => None,
        }
    }

    /// Why the node did not answer.
    pub fn unreachable(&self, host: NodeAddr) -> Option<&str> {
        match self.0.get(&host) {
            Some(HostFacts::Unreachable { reason }) => Some(reason),
            Some(HostFacts::Assumed | HostFacts::Known(_)) | None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_of_patroni_3_reads() {
        let cluster = r#"{"members": [
            {"name": "pg-test-1", "role": "leader", "state": "running", "host": "10.10.10.11", "timeline": 2},
            {"name": "pg-test-2", "role": "replica", "state": "running", "host": "10.10.10.12", "timeline": 2, "lag": 0},
            {"name": "pg-test-3", "role": "replica", "state": "running", "host": "10.10.10.13", "lag": "unknown"}]}"#;
        let instance = r#"{"state": "running", "postmaster_start_time": "2026-01-01 00:00:00.1+00:00",
            "patroni": {"version": "3.0.2", "scope": "pg-test", "name": "pg-test-1"}}"#;
        let live = Live::parse(cluster, r#"{"ttl": 30}"#, instance).unwrap();
        assert_eq!((live.scope.as_str(), live.paused, live.is_standby_cluster()), ("pg-test", false, false));
        assert_eq!(live.leader().map(|leader| leader.name.as_str()), Some("pg-test-1"));
        assert_eq!(live.members.iter().map(LiveMember::is_well).collect::<Vec<_>>(), [true, true, false]);
        assert_eq!(Live::parse("null", "null", "null"), None);
    }
}
