//! Names and addresses, parsed once at the edge.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

/// Why a name or address is not one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Not a cluster name.
    #[error("`{0}` is not a cluster name: ASCII letters, digits and `-`, not empty, not `root`")]
    Cluster(String),
    /// Not an address.
    #[error("`{0}` is not an IPv4 address")]
    Address(String),
    /// Not an instance role.
    #[error("`{0}` is not an instance role: primary, replica, offline, standby or delayed")]
    Role(String),
}

/// Name of a cluster: its Patroni scope, its pgBackRest stanza, its etcd user.
///
/// ASCII letters, digits and `-`; not `root`. Source: Pigsty's `pg_cluster`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClusterName(String);

impl ClusterName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ClusterName {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        let good = !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if good && text != "root" {
            Ok(Self(text.to_owned()))
        } else {
            Err(NameError::Cluster(text.to_owned()))
        }
    }
}

impl TryFrom<String> for ClusterName {
    type Error = NameError;
    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<ClusterName> for String {
    fn from(name: ClusterName) -> Self {
        name.0
    }
}

impl fmt::Display for ClusterName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Name of a group under `all.children`; any text that YAML allows as a key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GroupName(pub String);

impl fmt::Display for GroupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A node: the IPv4 address under `hosts`. Strict: four octets, each 0 to 255.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NodeAddr(Ipv4Addr);

impl NodeAddr {
    /// The address.
    pub fn ip(self) -> Ipv4Addr {
        self.0
    }
}

impl FromStr for NodeAddr {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        text.parse().map(Self).map_err(|_| NameError::Address(text.to_owned()))
    }
}

impl TryFrom<String> for NodeAddr {
    type Error = NameError;
    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<NodeAddr> for String {
    fn from(addr: NodeAddr) -> Self {
        addr.0.to_string()
    }
}

impl fmt::Display for NodeAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One PostgreSQL of a cluster, keyed by cluster and number, never parsed from text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct InstanceId {
    /// Its cluster.
    pub cluster: ClusterName,
    /// Its `pg_seq`.
    pub seq: u32,
}

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.cluster, self.seq)
    }
}

/// `pg_role`: declared at creation, not updated by failover.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InstanceRole {
    /// Bootstraps the cluster (or, with `pg_upstream`, leads a standby cluster).
    Primary,
    /// An ordinary replica.
    Replica,
    /// A replica for offline queries.
    Offline,
    /// Accepted name without behaviour of its own.
    Standby,
    /// Accepted name without behaviour of its own.
    Delayed,
}

impl InstanceRole {
    /// The word as written in the inventory.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Replica => "replica",
            Self::Offline => "offline",
            Self::Standby => "standby",
            Self::Delayed => "delayed",
        }
    }
}

impl FromStr for InstanceRole {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        [Self::Primary, Self::Replica, Self::Offline, Self::Standby, Self::Delayed]
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| NameError::Role(text.to_owned()))
    }
}

impl fmt::Display for InstanceRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
