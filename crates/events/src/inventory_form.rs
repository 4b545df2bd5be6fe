//! An inventory text as a form: the tables of a cluster, what their fields are, and one change of them.

use crate::TextProblem;
use serde::{Deserialize, Serialize};

/// A table of a cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FormTable {
    /// Host entries with `pg_seq`.
    #[default]
    Instances,
    /// `pg_users`
    Users,
    /// `pg_databases`
    Databases,
    /// `pg_services`
    Services,
    /// `pg_hba_rules`
    HbaRules,
    /// `pgb_hba_rules`
    PgbHbaRules,
}

/// How a field is written and shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldKind {
    /// One line of text.
    Text,
    /// One line of text that is not shown.
    Secret,
    /// A whole number.
    Int,
    /// A number.
    Number,
    /// `true` or `false`.
    Bool,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A text, or a number as a number; these are suggested.
    Suggest(&'static [&'static str]),
    /// Words between commas, each a text or a mapping in braces.
    List,
    /// `key: value` between commas.
    Map,
    /// Lines of text.
    Lines,
}

/// A field of a table's rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// As in the inventory: `pg_seq`, `owner`.
    pub key: &'static str,
    /// As a person reads it.
    pub label: &'static str,
    /// What it holds.
    pub kind: FieldKind,
    /// What it is when it is left out; may be empty.
    pub unset: &'static str,
    /// How it is written; may be empty.
    pub hint: &'static str,
    /// It is a column of the table, not in the dialog only.
    pub column: bool,
    /// A row is nothing without it.
    pub required: bool,
}

const fn column(
    key: &'static str,
    label: &'static str,
    kind: FieldKind,
    unset: &'static str,
    hint: &'static str,
) -> Field {
    Field { key, label, kind, unset, hint, column: true, required: false }
}

const fn further(
    key: &'static str,
    label: &'static str,
    kind: FieldKind,
    unset: &'static str,
    hint: &'static str,
) -> Field {
    Field { column: false, ..column(key, label, kind, unset, hint) }
}

const fn required(key: &'static str, label: &'static str, kind: FieldKind, hint: &'static str) -> Field {
    Field { required: true, ..column(key, label, kind, "", hint) }
}

use FieldKind::{Bool, Choice, Int, Lines, List, Map, Number, Secret, Suggest, Text};

const ROLES: FieldKind = Choice(&["primary", "replica", "offline", "standby", "delayed"]);
const POOL_MODES: FieldKind = Choice(&["transaction", "session", "statement"]);

const INSTANCES: &[Field] = &[
    required("pg_seq", "Number", Int, "unique in the cluster, never changed"),
    required("pg_role", "Instance role", ROLES, ""),
    column("pg_weight", "Weight", Int, "100", "from 0 to 255, 0 drains"),
    column("pg_offline_query", "Offline queries", Bool, "false", ""),
    column("pg_upstream", "Follows", Text, "the leader", "an address"),
    further("pg_delay", "Replay delay", Text, "none", "such as 1h, on the primary of a standby cluster"),
    further("nodename", "Node name", Text, "as the instance", ""),
];
const USERS: &[Field] = &[
    required("name", "Name", Text, "lower case, at most 63 bytes"),
    column("password", "Password", Secret, "", ""),
    column("roles", "Roles", List, "none", "such as dbrole_readonly, dbrole_readwrite"),
    column("pgbouncer", "Through PgBouncer", Bool, "false", ""),
    column("comment", "Comment", Text, "", ""),
    further("login", "May log in", Bool, "true", ""),
    further("superuser", "Superuser", Bool, "false", ""),
    further("createdb", "May create databases", Bool, "false", ""),
    further("createrole", "May create roles", Bool, "false", ""),
    further("inherit", "Inherits its roles' rights", Bool, "true", ""),
    further("replication", "May replicate", Bool, "false", ""),
    further("bypassrls", "Bypasses row security", Bool, "false", ""),
    further("connlimit", "Connections at most", Int, "-1: no limit", ""),
    further("expire_in", "Expires in days", Int, "never", "counted from each run"),
    further("expire_at", "Expires on", Text, "never", "such as 2030-12-31"),
    further("pool_mode", "Pool mode", POOL_MODES, "as PgBouncer is set", ""),
    further("pool_connlimit", "Pool connections at most", Int, "as PgBouncer is set", ""),
    further("parameters", "Parameters", Map, "none", "such as search_path: app"),
    further("state", "State", Choice(&["create", "absent"]), "create", ""),
];
const DATABASES: &[Field] = &[
    required("name", "Name", Text, ""),
    column("owner", "Owner", Text, "the superuser", ""),
    column("extensions", "Extensions", List, "none", "such as postgis, { name: vector }"),
    column("schemas", "Schemas", List, "none", "such as app, reports"),
    column("comment", "Comment", Text, "", ""),
    further("baseline", "Baseline", Text, "none", "an SQL file, executed at every run"),
    further("pgbouncer", "Through PgBouncer", Bool, "true", ""),
    further("template", "Template", Text, "template1", ""),
    further("strategy", "Strategy", Choice(&["FILE_COPY", "WAL_LOG"]), "as PostgreSQL does", ""),
    further("encoding", "Encoding", Text, "of the template", ""),
    further("locale", "Locale", Text, "of the template", ""),
    further("lc_collate", "Collation", Text, "of the template", ""),
    further("lc_ctype", "Character classes", Text, "of the template", ""),
    further("locale_provider", "Locale provider", Choice(&["libc", "icu", "builtin"]), "of the template", ""),
    further("icu_locale", "ICU locale", Text, "", ""),
    further("icu_rules", "ICU rules", Text, "", ""),
    further("builtin_locale", "Built-in locale", Text, "", ""),
    further("tablespace", "Tablespace", Text, "pg_default", ""),
    further("is_template", "Is a template", Bool, "false", ""),
    further("allowconn", "Allows connections", Bool, "true", ""),
    further("revokeconn", "Revokes the public's connections", Bool, "as it is", ""),
    further("connlimit", "Connections at most", Int, "-1: no limit", ""),
    further("parameters", "Parameters", Map, "none", "such as search_path: app"),
    further("pool_mode", "Pool mode", POOL_MODES, "as PgBouncer is set", ""),
    further("pool_size", "Pool size", Int, "as PgBouncer is set", ""),
    further("pool_size_min", "Pool size at least", Int, "as PgBouncer is set", ""),
    further("pool_reserve", "Pool reserve", Int, "as PgBouncer is set", ""),
    further("pool_connlimit", "Pool connections at most", Int, "as PgBouncer is set", ""),
    further("pool_auth_user", "Pool's login role", Text, "", ""),
    further("register_datasource", "Registered in Grafana", Bool, "true", ""),
    further("state", "State", Choice(&["create", "absent", "recreate"]), "create", ""),
];
const SERVICES: &[Field] = &[
    required("name", "Name", Text, "the listener is named after cluster and service"),
    required("port", "Port", Int, "one that nothing else on the node uses"),
    column("dest", "Goes to", Suggest(&["default", "postgres", "pgbouncer"]), "default", "or a port"),
    column("check", "Health check", Suggest(&["/primary", "/replica", "/read-only", "/read-write"]), "/", ""),
    required("selector", "Members", Text, "[] takes all"),
    column("backup", "Backup members", Text, "none", "such as [? pg_role == `primary` ]"),
    further("ip", "Listens on", Text, "*", ""),
    further("maxconn", "Connections at most", Int, "5000", ""),
    further("balance", "Balance", Choice(&["roundrobin", "leastconn"]), "roundrobin", ""),
    further("options", "Server options", Text, "from pg_rto", ""),
];
const AUTH: FieldKind = Suggest(&[
    "pwd",
    "ssl",
    "scram-sha-256",
    "ssl-sha",
    "md5",
    "ssl-md5",
    "cert",
    "ident",
    "peer",
    "trust",
    "deny",
]);
const ADDR: FieldKind =
    Suggest(&["local", "localhost", "admin", "infra", "cluster", "intra", "world", "10.0.0.0/8"]);
const HBA_ROLES: FieldKind =
    Choice(&["common", "default", "primary", "replica", "offline", "standby", "delayed"]);
const HBA: &[Field] = &[
    column("title", "Title", Text, "", "what the rule is for, in one line"),
    column(
        "user",
        "User",
        Suggest(&["all", "${dbsu}", "${repl}", "${monitor}", "${admin}", "+dbrole_readonly"]),
        "all",
        "",
    ),
    column("db", "Database", Suggest(&["all", "replication"]), "all", ""),
    column("addr", "From", ADDR, "", "an alias or a.b.c.d/nn"),
    column("auth", "Authentication", AUTH, "pwd", ""),
    column("role", "On members with role", HBA_ROLES, "common: on all", ""),
    column("order", "Order", Number, "after all that have one", ""),
    further("rules", "Raw lines", Lines, "", "instead of user, database, address and authentication"),
];

impl FormTable {
    /// In the order they are shown.
    pub const ALL: [Self; 6] =
        [Self::Instances, Self::Users, Self::Databases, Self::Services, Self::HbaRules, Self::PgbHbaRules];

    /// The list's name in the inventory; instances are host entries instead.
    pub fn variable(self) -> Option<&'static str> {
        match self {
            Self::Instances => None,
            Self::Users => Some("pg_users"),
            Self::Databases => Some("pg_databases"),
            Self::Services => Some("pg_services"),
            Self::HbaRules => Some("pg_hba_rules"),
            Self::PgbHbaRules => Some("pgb_hba_rules"),
        }
    }

    /// Its word in an address.
    pub fn word(self) -> &'static str {
        match self {
            Self::Instances => "instances",
            Self::Users => "users",
            Self::Databases => "databases",
            Self::Services => "services",
            Self::HbaRules => "hba",
            Self::PgbHbaRules => "pgb-hba",
        }
    }

    /// What its rows have, in the order of the form.
    pub fn fields(self) -> &'static [Field] {
        match self {
            Self::Instances => INSTANCES,
            Self::Users => USERS,
            Self::Databases => DATABASES,
            Self::Services => SERVICES,
            Self::HbaRules | Self::PgbHbaRules => HBA,
        }
    }

    /// The field that names a row; rules have a title, which may be missing.
    pub fn name_key(self) -> Option<&'static str> {
        match self {
            Self::Instances => None,
            Self::Users | Self::Databases | Self::Services => Some("name"),
            Self::HbaRules | Self::PgbHbaRules => Some("title"),
        }
    }
}

/// Where a list or an instance is written.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FormTarget {
    /// `all.vars`
    Global,
    /// A group's `vars`.
    Group(String),
    /// A host's entry in a group: group, address.
    Host(String, String),
}

/// What a field holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldValue {
    /// As it is written in the form.
    Text(String),
    /// There is one, and it is not told.
    Secret,
    /// Of another shape than the form writes, as YAML: to be edited in the text only.
    Raw(String),
}

/// A row of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormRow {
    /// Where it is written.
    pub target: FormTarget,
    /// Its place in the list, from 0.
    pub at: u32,
    /// What it is called; a change names it again, so that it never meets another one.
    pub name: String,
    /// Line and column where it begins, from 1.
    pub place: (u32, u32),
    /// Its last line.
    pub last_line: u32,
    /// Its fields that are set, by their keys.
    pub fields: Vec<(String, FieldValue)>,
    /// Keys that the form does not know; an edit leaves them as they are.
    pub others: Vec<String>,
    /// Why it cannot be edited here, if so.
    pub locked: Option<String>,
}

/// Rows of one table that are written at one place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormList {
    /// Of which table.
    pub table: FormTable,
    /// Where it is written, or would be.
    pub target: FormTarget,
    /// `group pg-test`, `all.vars`, `host in pg-test`.
    pub origin: String,
    /// Line and column of the list; none when it is not set.
    pub place: Option<(u32, u32)>,
    /// The members it is for, where other members have another one.
    pub members: Vec<String>,
    /// Its rows.
    pub rows: Vec<FormRow>,
    /// Why nothing can be added here, if so.
    pub locked: Option<String>,
}

/// The tables of one cluster of a text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InventoryForm {
    /// Why there is nothing else: the text cannot be read.
    pub broken: Option<TextProblem>,
    /// Every cluster that the text declares.
    pub clusters: Vec<String>,
    /// Whose tables follow.
    pub cluster: String,
    /// In the order of the tables.
    pub lists: Vec<FormList>,
    /// Hosts without an instance: address and groups.
    pub free_hosts: Vec<(String, String)>,
    /// The next free `pg_seq`.
    pub next_seq: u32,
}

/// One change of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormChange {
    /// The cluster whose table it is.
    pub cluster: String,
    /// The table.
    pub table: FormTable,
    /// Where the row is written.
    pub target: FormTarget,
    /// What becomes of it.
    pub edit: FormEdit,
}

/// What a change does with a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FormEdit {
    /// A new row: keys with what was typed. An instance's address is its target's.
    Add(Vec<(String, String)>),
    /// Fields of a row, by its place and name: what was typed, or none where the key goes.
    Set(u32, String, Vec<(String, Option<String>)>),
    /// Without the row, by its place and name.
    Remove(u32, String),
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_table_has_each_field_once_and_its_name_among_them() {
        for table in FormTable::ALL {
            let keys: BTreeSet<&str> = table.fields().iter().map(|field| field.key).collect();
            assert_eq!(keys.len(), table.fields().len(), "{table:?}");
            assert!(table.name_key().is_none_or(|key| keys.contains(key)), "{table:?}");
            assert_eq!(table.name_key().is_none(), table.variable().is_none(), "{table:?}");
        }
    }
}
