//! The members of a cluster as every renderer needs them.

use crate::Context;
use crate::params::{flag, int, port, text};
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
    pub(crate) version: u32,
    pub(crate) all: Vec<Member>,
}

impl Members {
    pub(crate) fn of(ctx: &Context<'_>, cluster: &Cluster) -> Self {
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
        Self { name: cluster.name.to_string(), version: 0, all }
    }

    pub(crate) fn primary(&self) -> Option<&Member> {
        self.all.iter().find(|member| member.role == InstanceRole::Primary)
    }

    pub(crate) fn at(&self, addr: NodeAddr) -> Option<&Member> {
        self.all.iter().find(|member| member.addr == addr)
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
