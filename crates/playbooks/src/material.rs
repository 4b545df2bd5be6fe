//! Keys and certificates a plan uses. Made once by the console, kept by it, handed in as values.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Something the console must have made before a plan can be rendered.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "need", rename_all = "snake_case")]
pub enum Need {
    /// The CA: `ca.crt` (its key never leaves the console).
    Ca,
    /// A server certificate signed by the CA: gives `<name>.crt` and, shared by all that name the same
    /// `key`, `<key>.key`.
    Certificate {
        /// `pgsql/pg-test-1`, `etcd/etcd-1`.
        name: String,
        /// Name of the private key: `pgsql/pg-test` (one per cluster), `etcd/etcd-1`.
        key: String,
        /// Common name.
        cn: String,
        /// DNS names and IP addresses.
        sans: Vec<String>,
    },
    /// An SSH key pair: gives `<name>.ssh` (OpenSSH private key) and `<name>.pub`.
    SshKey {
        /// `ssh/pg-test-1`.
        name: String,
    },
}

/// Values by name: `ca.crt`, `pgsql/pg-test-1.crt`, `pgsql/pg-test.key`, `ssh/pg-test-1.pub`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Material(pub BTreeMap<String, String>);

impl Material {
    /// The value, or `<name>` when there is none (an offline plan): digests use the name, never the value.
    pub fn get(&self, name: &str) -> String {
        self.0.get(name).cloned().unwrap_or_else(|| format!("<{name}>"))
    }
}
