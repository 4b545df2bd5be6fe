//! What the pages about the fleet as a whole and about the console itself show: drift, settings; and how clusters hang together.

use crate::{HealthLevel, Offer};
use serde::{Deserialize, Serialize};

/// How a cluster comes from another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkKind {
    /// It follows it, as a standby cluster (`pg_upstream`).
    Standby,
    /// It is restored from its backups (`pg_pitr.cluster`).
    Clone,
}

/// Another cluster that one hangs together with, as the inventory declares it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterLink {
    /// The other one.
    pub cluster: String,
    /// How.
    pub kind: LinkKind,
    /// The other one is where this one comes from; else it comes from this one.
    pub source: bool,
    /// The other one's, as last seen.
    pub health: HealthLevel,
}

/// Something that runs otherwise than declared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriftRow {
    /// `pg-test`.
    pub cluster: String,
    /// `pg-test-2`.
    pub instance: String,
    /// What differs: `instance role`.
    pub subject: String,
    /// What the inventory says of it.
    pub declared: String,
    /// What was seen.
    pub runs: String,
    /// What would make it as declared; none where nothing that the console runs does.
    pub close: Option<Offer>,
    /// What else can be done, or what should be known of it.
    pub note: String,
}

/// The drift page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriftPage {
    /// By cluster and instance.
    pub rows: Vec<DriftRow>,
    /// Clusters that were compared, with or without a difference.
    pub compared: Vec<String>,
    /// Clusters that could not be, and why.
    pub unread: Vec<(String, String)>,
    /// When the oldest picture was read that something was compared with, microseconds since the epoch.
    pub oldest_us: Option<i64>,
}

/// A setting that is in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingRow {
    /// What it is: `Address to listen on`.
    pub name: String,
    /// As it is in force; of a secret only whether there is one.
    pub value: String,
    /// Where it is decided: a file by its name, a flag, a page; `built in` where nobody decides.
    pub from: String,
    /// How it is called there: `listen`; empty where it has no name.
    pub key: String,
}

/// Settings that belong together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingGroup {
    /// Their subject.
    pub title: String,
    /// In order.
    pub rows: Vec<SettingRow>,
}

/// Somebody who is told what happens, and how that goes. Where the messages go to is not said: the address may be a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DestinationRow {
    /// As the settings file names it.
    pub name: String,
    /// `webhook` or `slack`.
    pub kind: String,
    /// What is told there.
    pub events: String,
    /// On which clusters.
    pub clusters: String,
    /// When something was last taken there, microseconds since the epoch; none: never.
    pub delivered_us: Option<i64>,
    /// Why the last try failed; none: it did not.
    pub failing: Option<String>,
}

/// The settings page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingsPage {
    /// By subject.
    pub groups: Vec<SettingGroup>,
    /// Who is told.
    pub destinations: Vec<DestinationRow>,
}
