//! What the tabs of a cluster's page and the nodes page show, and the forms on them.

use crate::{RevisionId, Verdict};
use serde::{Deserialize, Serialize};

/// An operation that a page offers: the words that the planner takes, and how people write it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// `reload-hba`, `switchover/pg-test-2`, `user/app`.
    pub key: String,
    /// What is planned: `bin/pgsql-hba`, `pg-test`.
    pub words: Vec<String>,
    /// The script form: `bin/pgsql-hba pg-test`.
    pub script: String,
    /// The playbook form, where there is one: `pgsql.yml -l pg-test -t pg_hba,…`.
    pub playbook: Option<String>,
}

/// A user that the inventory declares; its password stays where it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeclaredUser {
    /// `name`.
    pub name: String,
    /// Roles it is a member of.
    pub roles: Vec<String>,
    /// Whether PgBouncer lets it in.
    pub pgbouncer: bool,
    /// `superuser`, `createdb`, `no login` and the like.
    pub attributes: Vec<String>,
    /// `comment`.
    pub comment: String,
    /// `state: absent`: bringing it to what is declared drops it.
    pub absent: bool,
    /// Brings it to what is declared.
    pub offer: Option<Offer>,
}

/// A database that the inventory declares.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeclaredDatabase {
    /// `name`.
    pub name: String,
    /// `owner`, when one is declared.
    pub owner: Option<String>,
    /// Extensions by name.
    pub extensions: Vec<String>,
    /// `baseline`: the SQL file that fills it.
    pub baseline: Option<String>,
    /// `comment`.
    pub comment: String,
    /// `state: absent`: bringing it to what is declared drops it.
    pub absent: bool,
    /// `state: recreate`: bringing it to what is declared drops it and makes it anew.
    pub recreated: bool,
    /// Brings it to what is declared.
    pub offer: Option<Offer>,
}

/// What the inventory says of a cluster, as the forms on its page need it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterDeclared {
    /// The revision that this was read from; a form that is sent names it.
    pub base: RevisionId,
    /// `pg_users`, in their order.
    pub users: Vec<DeclaredUser>,
    /// `pg_databases`, in their order.
    pub databases: Vec<DeclaredDatabase>,
    /// Hosts of the inventory without an instance: address, and the groups they are in.
    pub free_hosts: Vec<(String, String)>,
    /// The `pg_seq` of the next instance.
    pub next_seq: u32,
    /// Whether `pg_safeguard` protects it.
    pub safeguarded: bool,
    /// `pg_upstream` of its declared primary: it was made as a standby cluster.
    pub upstream: Option<String>,
    /// Port of its PostgreSQL.
    pub port: u16,
    /// The other clusters, by name.
    pub others: Vec<String>,
    /// Whether this person may change the inventory.
    pub may_edit: Verdict,
}

/// Form: one more instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewInstance {
    /// The revision that the form was made from.
    pub base: RevisionId,
    /// Its cluster.
    pub cluster: String,
    /// Its node.
    pub addr: String,
    /// `pg_seq`.
    pub seq: u32,
    /// `replica` or `offline`.
    pub role: String,
}

/// Form: a cluster that is made from another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewClone {
    /// The revision that the form was made from.
    pub base: RevisionId,
    /// The cluster it comes from.
    pub source: String,
    /// Its own name.
    pub name: String,
    /// Address and instance role, in order of `pg_seq`.
    pub instances: Vec<(String, String)>,
    /// Address it replicates from, for a standby cluster; none for a clone from backups.
    pub upstream: Option<String>,
}

/// The dynamic configuration of a running cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterConfig {
    /// The instance whose Patroni was asked.
    pub seen_from: String,
    /// When, microseconds since the epoch.
    pub at_us: i64,
    /// As YAML; values of passwords are masked.
    pub yaml: String,
}

/// Form: a change of the dynamic configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigChange {
    /// PostgreSQL parameters and their values; an empty value takes the parameter out.
    pub parameters: Vec<(String, String)>,
    /// A mapping in YAML or JSON that is merged into the configuration; `null` takes a key out.
    pub patch: String,
}

/// What a change of the dynamic configuration does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigPreview {
    /// The configuration now, as YAML.
    pub before: String,
    /// The configuration then.
    pub after: String,
    /// `pg edit-config pg-test --apply '{…}'`.
    pub offer: Offer,
}

/// One backup of a repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupRow {
    /// `20260101-010000F`.
    pub label: String,
    /// `full`, `diff`, `incr`.
    pub kind: String,
    /// Microseconds since the epoch.
    pub start_us: i64,
    /// Microseconds since the epoch.
    pub stop_us: i64,
    /// Size of the cluster in it, in bytes.
    pub size_bytes: u64,
    /// What it takes in the repository, in bytes.
    pub stored_bytes: u64,
    /// First and last WAL segment that it needs to be consistent.
    pub wal: (String, String),
    /// pgBackRest found errors in it (page checksums).
    pub error: bool,
}

/// The backups tab.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterBackups {
    /// The instance whose repository was asked; none when none answered.
    pub seen_from: Option<String>,
    /// When, microseconds since the epoch.
    pub at_us: i64,
    /// `ok`, or what pgBackRest says of the stanza, or why nothing is known.
    pub stanza: Result<String, String>,
    /// Newest first.
    pub backups: Vec<BackupRow>,
    /// WAL in the archive: its id (`15-1`), first and last segment.
    pub archive: Vec<(String, String, String)>,
    /// Where the repository is, as the inventory says.
    pub repository: String,
    /// What is kept, as the inventory says.
    pub retention: String,
    /// Lines of `pg_crontab` that make backups, each with its time in words.
    pub schedule: Vec<(String, String)>,
}

/// One host of the inventory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeRow {
    /// Its address.
    pub addr: String,
    /// The groups that name it.
    pub groups: Vec<String>,
    /// `NODE`, `ETCD`, `PGSQL` …: what playbooks manage there.
    pub modules: Vec<String>,
    /// Cluster, instance and instance role, when one is declared there.
    pub instance: Option<(String, String, String)>,
    /// Takes it into care.
    pub add: Option<Offer>,
    /// Gives it out of care.
    pub remove: Option<Offer>,
    /// Whether this person may plan for them.
    pub may_plan: Verdict,
}

/// What stands between the console and a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reach {
    /// A host key that nobody has trusted yet.
    UnknownKey {
        /// The host that shows it: the node's, or the one before it.
        host: String,
        /// `ssh-ed25519` …
        kind: String,
        /// `SHA256:…`
        fingerprint: String,
    },
    /// Another host key than the known one: nothing is done there.
    ChangedKey {
        /// Both fingerprints, and the line of the known one.
        why: String,
        /// What to do.
        fix: String,
    },
    /// Anything else.
    Failed {
        /// What the attempt came to.
        why: String,
        /// What to do.
        fix: String,
    },
}

/// A node to which the console cannot sign in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeReach {
    /// Its address.
    pub addr: String,
    /// Why.
    pub reach: Reach,
}

/// What an attempt to sign in to the nodes came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReachPage {
    /// Those that cannot be worked on, by address.
    pub nodes: Vec<NodeReach>,
    /// How many answered and took our key.
    pub well: usize,
    /// Whether this person may trust a host key.
    pub may_trust: Verdict,
}

/// The nodes page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodesPage {
    /// Hosts that match, by address; at most 500.
    pub rows: Vec<NodeRow>,
    /// How many match.
    pub matching: usize,
    /// How many there are.
    pub all: usize,
}
