//! What a person wants, and the plays it stands for.

use crate::{Action, BackupKind, Play, Playbook};
use paddock_inventory::{ClusterName, Map, NodeAddr, Value};
use serde::{Deserialize, Serialize};

/// An operation of the Cluster Admin page, or plays given directly. `nodes` empty means all of the cluster's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "operation", rename_all = "snake_case")]
pub enum Operation {
    /// `bin/node-add <selector>`
    AddNode {
        /// Host pattern.
        limit: String,
    },
    /// `bin/node-rm <selector>`
    RemoveNode {
        /// Host pattern.
        limit: String,
    },
    /// `bin/pgsql-add <cls>`
    Create {
        /// Which cluster.
        cluster: ClusterName,
    },
    /// `bin/pgsql-add <cls> <ip...>`
    Expand {
        /// Which cluster.
        cluster: ClusterName,
        /// The declared instances to be added.
        nodes: Vec<NodeAddr>,
    },
    /// `bin/pgsql-rm <cls> <ip...>`
    Shrink {
        /// Which cluster.
        cluster: ClusterName,
        /// The instances to be removed.
        nodes: Vec<NodeAddr>,
    },
    /// `bin/pgsql-rm <cls>`
    Remove {
        /// Which cluster.
        cluster: ClusterName,
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
    /// A declared user is as declared: `bin/pgsql-user <cls> <user>`
    User {
        /// Which cluster.
        cluster: ClusterName,
        /// `name` in `pg_users`.
        name: String,
    },
    /// A declared database is as declared: `bin/pgsql-db <cls> <db>`
    Database {
        /// Which cluster.
        cluster: ClusterName,
        /// `name` in `pg_databases`.
        name: String,
    },
    /// `pg-backup <cls> full|diff|incr`
    Backup {
        /// Which cluster.
        cluster: ClusterName,
        /// Kind of the backup.
        kind: BackupKind,
    },
    /// `pg <action> <cls> …`
    Patroni {
        /// Which cluster.
        cluster: ClusterName,
        /// What is asked of it.
        action: Action,
    },
    /// `<playbook>.yml -l … -t … -e …`
    Play(Play),
}

impl Operation {
    /// The plays it stands for: exactly what the command line would run.
    pub fn plays(&self, extra_vars: &Map) -> Vec<Play> {
        let play =
            |playbook, limit: String, tags: &[&str]| Play::new(playbook, limit, tags, extra_vars.clone());
        let reload = |cluster: &ClusterName, nodes: &[NodeAddr], tags: &[&str]| {
            let mut play = play(Playbook::Pgsql, limit_of(cluster, nodes), tags);
            if play.extra_vars.get("pg_reload").is_none() {
                play.extra_vars.0.push((text("pg_reload"), Value::Bool(true)));
            }
            play
        };
        let named = |playbook, cluster: &ClusterName, variable: &str, name: &str| {
            let mut play = play(playbook, cluster.to_string(), &[]);
            play.extra_vars.0.push((text(variable), text(name)));
            play
        };
        vec![match self {
            Self::AddNode { limit } => play(Playbook::Node, limit.clone(), &[]),
            Self::RemoveNode { limit } => play(Playbook::NodeRm, limit.clone(), &[]),
            Self::Create { cluster } => play(Playbook::Pgsql, cluster.to_string(), &[]),
            Self::Expand { cluster, nodes } => play(Playbook::Pgsql, limit_of(cluster, nodes), &[]),
            Self::Shrink { cluster, nodes } => play(Playbook::PgsqlRm, limit_of(cluster, nodes), &[]),
            Self::Remove { cluster } => play(Playbook::PgsqlRm, cluster.to_string(), &[]),
            Self::ReloadService { cluster, nodes } => reload(cluster, nodes, &["pg_service"]),
            Self::ReloadHba { cluster, nodes } => {
                reload(cluster, nodes, &["pg_hba", "pg_reload", "pgbouncer_hba", "pgbouncer_reload"])
            }
            Self::User { cluster, name } => named(Playbook::PgsqlUser, cluster, "username", name),
            Self::Database { cluster, name } => named(Playbook::PgsqlDb, cluster, "dbname", name),
            Self::Backup { cluster, kind } => {
                Play::action(cluster.to_string(), Action::Backup { kind: *kind })
            }
            Self::Patroni { cluster, action } => Play::action(cluster.to_string(), action.clone()),
            Self::Play(play) => {
                let mut play = play.clone();
                play.extra_vars.0.extend(extra_vars.0.iter().cloned());
                play
            }
        }]
    }

    /// The form of `bin/`, for people who script it.
    pub fn script_form(&self) -> String {
        let with = |name: &str, cluster: &ClusterName, nodes: &[NodeAddr]| {
            let ips: String = nodes.iter().map(|node| format!(" {node}")).collect();
            format!("bin/{name} {cluster}{ips}")
        };
        let quote = crate::quote;
        match self {
            Self::AddNode { limit } => format!("bin/node-add {}", quote(limit)),
            Self::RemoveNode { limit } => format!("bin/node-rm {}", quote(limit)),
            Self::Create { cluster } => with("pgsql-add", cluster, &[]),
            Self::Expand { cluster, nodes } => with("pgsql-add", cluster, nodes),
            Self::Shrink { cluster, nodes } => with("pgsql-rm", cluster, nodes),
            Self::Remove { cluster } => with("pgsql-rm", cluster, &[]),
            Self::ReloadService { cluster, nodes } => with("pgsql-svc", cluster, nodes),
            Self::ReloadHba { cluster, nodes } => with("pgsql-hba", cluster, nodes),
            Self::User { cluster, name } => format!("bin/pgsql-user {cluster} {}", quote(name)),
            Self::Database { cluster, name } => format!("bin/pgsql-db {cluster} {}", quote(name)),
            Self::Backup { cluster, kind } => format!("pg-backup {cluster} {}", kind.as_str()),
            Self::Patroni { cluster, action } => action.command_line(cluster.as_str()),
            Self::Play(play) => play.command_line(),
        }
    }
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

/// The members among these addresses: an address that is not a member is refused instead of dropped.
fn limit_of(cluster: &ClusterName, nodes: &[NodeAddr]) -> String {
    if nodes.is_empty() {
        return cluster.to_string();
    }
    let ips: Vec<String> = nodes.iter().map(ToString::to_string).collect();
    format!("{},&{cluster}", ips.join(","))
}
