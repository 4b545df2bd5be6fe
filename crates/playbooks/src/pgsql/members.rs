//! The members of a cluster as every renderer needs them.

use crate::Context;
use crate::params::{flag, int, port, text};
use crate::pgsql::citus;
use paddock_inventory::{Cluster, InstanceRole, NodeAddr, Vars};

/// One member with what others must know of it.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) addr: NodeAddr,
    pub(crate) role: InstanceRole,
    /// `pg-test-1`
    pub(crate) name: String,
    pub(crate) pg_port: u16,
    pub(crate) pgbouncer_port: u16,
    pub(crate) patroni_port: u16,
    pub(crate) weight: i64,
    pub(crate) offline_query: bool,
    pub(crate) vars: Vars,
}

/// A cluster ready for rendering: members in order of `pg_seq`.
#[derive(Clone, Debug)]
pub(crate) struct Members {
    pub(crate) name: String,
    /// Patroni's scope and etcd account: the name, or what Citus groups share.
    pub(crate) scope: String,
    pub(crate) citus: Option<citus::Group>,
    pub(crate) version: u32,
    pub(crate) all: Vec<Member>,
    /// Who leads, as Patroni said; none when nobody was asked or nobody leads.
    pub(crate) leader: Option<NodeAddr>,
    /// It follows another cluster: as Patroni said, else as declared.
    pub(crate) standby: bool,
}

impl Members {
    pub(crate) fn of(ctx: &Context<'_>, cluster: &Cluster) -> Self {
        let live = ctx.facts.live(cluster);
        let all: Vec<Member> = cluster
            .instances
            .iter()
            .map(|instance| {
                let vars = ctx.vars(instance.addr);
                Member {
                    addr: instance.addr,
                    role: instance.role,
                    name: instance.id.to_string(),
                    pg_port: port(&vars, "pg_port", 5432),
                    pgbouncer_port: port(&vars, "pgbouncer_port", 6432),
                    patroni_port: port(&vars, "patroni_port", 8008),
                    weight: int(&vars, "pg_weight", 100).clamp(0, 256),
                    offline_query: flag(&vars, "pg_offline_query", false),
                    vars,
                }
            })
            .collect();
        let declared_standby = all
            .iter()
            .any(|member| member.role == InstanceRole::Primary && member.vars.text("pg_upstream").is_some());
        Self {
            name: cluster.name.to_string(),
            scope: all.first().map_or_else(
                || cluster.name.to_string(),
                |first| citus::scope(&first.vars, cluster.name.as_str()),
            ),
            citus: all.first().and_then(|first| citus::group(&first.vars)),
            version: 0,
            leader: live.and_then(|live| live.leader()?.addr),
            standby: live.map_or(declared_standby, crate::Live::is_standby_cluster),
            all,
        }
    }

    /// Who takes SQL: the member that leads, else the declared primary.
    pub(crate) fn acting(&self) -> Option<&Member> {
        self.leader.and_then(|leader| self.at(leader)).or_else(|| self.primary())
    }

    /// The members that are there when a play on these hosts has ended: those that it makes, and those that are installed.
    pub(crate) fn present(&self, ctx: &Context<'_>, hosts: &[NodeAddr]) -> Self {
        let installed =
            |addr| ctx.facts.known(addr).is_none_or(|facts| facts.data_dir != crate::DataDir::Empty);
        let there = self.all.iter().filter(|member| hosts.contains(&member.addr) || installed(member.addr));
        Self { all: there.cloned().collect(), ..self.clone() }
    }

    pub(crate) fn primary(&self) -> Option<&Member> {
        self.all.iter().find(|member| member.role == InstanceRole::Primary)
    }

    pub(crate) fn at(&self, addr: NodeAddr) -> Option<&Member> {
        self.all.iter().find(|member| member.addr == addr)
    }

    /// The member that a replica follows instead of the leader. `pg_upstream` names an address; Patroni matches
    /// `replicatefrom` against member names.
    pub(crate) fn upstream_name(&self, member: &Member) -> Option<&str> {
        if member.role == InstanceRole::Primary {
            return None;
        }
        let upstream: NodeAddr = member.vars.text("pg_upstream")?.parse().ok()?;
        self.at(upstream).map(|other| other.name.as_str())
    }

    /// Where all keys of the scope are, with the trailing slash: /pg/pg-test would match /pg/pg-test2/… too.
    pub(crate) fn scope_prefix(&self) -> String {
        let first = self.all.first();
        let namespace =
            first.map_or_else(|| "/pg".to_owned(), |first| text(&first.vars, "pg_namespace", "/pg"));
        format!("{}/{}/", namespace.trim_end_matches('/'), self.scope)
    }

    /// Where this cluster's own keys are.
    pub(crate) fn prefix(&self) -> String {
        let group = self.citus.as_ref().map_or(String::new(), |group| format!("{}/", group.number));
        format!("{}{group}", self.scope_prefix())
    }

    /// The id of a step that several clusters may have on a host: with the cluster's name where no member of it is.
    pub(crate) fn step_id(&self, host: NodeAddr, id: &str) -> String {
        if self.at(host).is_some() { id.to_owned() } else { format!("{id}/{}", self.name) }
    }

    /// Addresses as sorted texts, as Pigsty lists members in HBA.
    pub(crate) fn addresses(&self) -> Vec<String> {
        let mut out: Vec<String> = self.all.iter().map(|member| member.addr.to_string()).collect();
        out.sort();
        out
    }

    /// `/data/postgres/pg-test-15`
    pub(crate) fn data_home(&self, member: &Member) -> String {
        format!("{}/{}-{}", text(&member.vars, "pg_fs_main", "/data/postgres"), self.name, self.version)
    }

    /// `/data/backups/pg-test-15`
    pub(crate) fn backup_home(&self, member: &Member) -> String {
        format!("{}/{}-{}", text(&member.vars, "pg_fs_backup", "/data/backups"), self.name, self.version)
    }
}
