//! What an inventory text means: the files that are rendered from it, and its values with their origin.

use serde::{Deserialize, Serialize};

/// What of a text is looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InventoryQuery {
    /// `pg_cluster`; one that the text does not declare gives its first.
    pub cluster: String,
    /// `pg_seq`; none: all members.
    pub instance: Option<u32>,
}

/// A text seen through one of its clusters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InventoryViews {
    /// Why there is nothing else: the text cannot be read.
    pub broken: Option<TextProblem>,
    /// Every cluster that the text declares.
    pub clusters: Vec<DeclaredCluster>,
    /// Hosts without an instance: address and groups.
    pub free_hosts: Vec<(String, String)>,
    /// Whose files and values follow.
    pub cluster: String,
    /// `pg_seq` and name of its members.
    pub instances: Vec<(u32, String)>,
    /// Whose files follow: the chosen member, else the primary.
    pub member: String,
    /// HBA and HAProxy files.
    pub files: Vec<RenderedText>,
    /// Parameters with their values.
    pub values: Vec<ResolvedValue>,
}

/// A cluster of a text, to choose from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeclaredCluster {
    /// `pg_cluster`
    pub name: String,
    /// The address of its primary.
    pub primary: Option<String>,
}

/// A file as the text declares it. Secrets are masked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenderedText {
    /// Where it lies on the node.
    pub path: String,
    /// Its text, or why there is none.
    pub text: Result<String, TextProblem>,
    /// As the saved revision has it; none when it has no such file.
    pub saved: Option<String>,
}

/// What is wrong with a text, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextProblem {
    /// What cannot be done.
    pub what: String,
    /// Why.
    pub why: String,
    /// Line and column, from 1.
    pub place: Option<(u32, u32)>,
}

/// A parameter's value and where it is from. Secrets are masked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResolvedValue {
    /// `pg_version`
    pub name: String,
    /// As YAML in one line.
    pub value: String,
    /// `all.vars`, `group pg-test`, `host in pg-test`, `built-in default`.
    pub origin: String,
    /// Line and column where it is set; none for defaults.
    pub place: Option<(u32, u32)>,
    /// The member that has it; none: all have.
    pub member: Option<String>,
}
