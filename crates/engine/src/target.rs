//! Where a node is reached: the inventory's `ansible_*` variables over the console's settings.

use paddock_inventory::{Inventory, NodeAddr};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The private key that signs in to nodes, in OpenSSH's form.
#[derive(Clone)]
pub enum SshKey {
    /// A file, read at each sign-in: it may be exchanged meanwhile.
    File(PathBuf),
    /// Its text, where the file is sealed.
    Held {
        /// The file, for messages.
        path: PathBuf,
        /// What was sealed in it.
        text: String,
    },
}

impl SshKey {
    /// Where it is kept.
    pub fn path(&self) -> &Path {
        match self {
            Self::File(path) | Self::Held { path, .. } => path,
        }
    }
}

impl fmt::Debug for SshKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SshKey({})", self.path().display())
    }
}

/// How the console signs in to nodes unless the inventory says otherwise.
#[derive(Clone, Debug)]
pub struct SshSettings {
    /// User when `ansible_user` is not set.
    pub user: String,
    /// What it signs in with.
    pub key: SshKey,
    /// OpenSSH known_hosts file; a host that is not in it is not connected to.
    pub known_hosts: PathBuf,
    /// Bound of one attempt to connect and sign in.
    pub connect_timeout: Duration,
    /// How long a node that was lost in the middle of a step may take to come back before it is out.
    pub reconnect: Duration,
}

impl SshSettings {
    /// `reconnect` where nothing else is wished: long enough for a switch or a reboot of sshd, short enough that a job
    /// without one of its nodes ends while somebody still looks.
    pub const RECONNECT: Duration = Duration::from_secs(30);
}

/// One node as SSH reaches it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    /// The node in the inventory.
    pub node: NodeAddr,
    /// Name or address to connect to (`ansible_host`).
    pub host: String,
    /// `ansible_port`
    pub port: u16,
    /// `ansible_user`
    pub user: String,
    /// A host to go through: `user@host:port` of `-J` or `ProxyJump` in `ansible_ssh_common_args`.
    pub jump: Option<(String, String, u16)>,
}

/// Targets of all nodes of an inventory.
#[derive(Clone, Debug, Default)]
pub struct Targets(BTreeMap<NodeAddr, Target>);

impl Targets {
    /// Reads the connection variables of every host.
    pub fn from_inventory(inventory: &Inventory, settings: &SshSettings) -> Self {
        let target = |node: NodeAddr| {
            let vars = inventory.vars(node);
            let port = vars.int("ansible_port").and_then(|port| u16::try_from(port).ok()).unwrap_or(22);
            Target {
                node,
                host: vars.text("ansible_host").unwrap_or_else(|| node.to_string()),
                port,
                user: vars.text("ansible_user").unwrap_or_else(|| settings.user.clone()),
                jump: vars.text("ansible_ssh_common_args").and_then(|args| jump(&args, &settings.user)),
            }
        };
        Self(inventory.hosts().into_iter().map(|node| (node, target(node))).collect())
    }

    /// These, and the others' where these have none.
    pub fn or(mut self, others: Self) -> Self {
        for (node, target) in others.0 {
            self.0.entry(node).or_insert(target);
        }
        self
    }

    /// The target of a node.
    pub fn get(&self, node: NodeAddr) -> Option<&Target> {
        self.0.get(&node)
    }
}

/// `-J user@host:port` or `-o ProxyJump=user@host:port`.
fn jump(args: &str, user: &str) -> Option<(String, String, u16)> {
    let words: Vec<&str> = args.split_whitespace().map(|word| word.trim_matches(['"', '\''])).collect();
    let spec = words.iter().enumerate().find_map(|(at, word)| match *word {
        "-J" => words.get(at + 1).copied(),
        word => word.strip_prefix("ProxyJump=").or_else(|| word.strip_prefix("-oProxyJump=")),
    })?;
    let (user, rest) = spec.split_once('@').unwrap_or((user, spec));
    let (host, port) = match rest.split_once(':') {
        Some((host, port)) => (host, port.parse().ok()?),
        None => (rest, 22),
    };
    (!host.is_empty()).then(|| (user.to_owned(), host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connection_variables_are_honoured() {
        let text = "all:\n  children:\n    g:\n      hosts:\n        10.0.0.1: { ansible_host: db1, ansible_port: 2222, ansible_user: dba }\n        10.0.0.2: { ansible_ssh_common_args: '-o ProxyJump=ops@gate:2200' }\n";
        let settings = SshSettings {
            user: "admin".into(),
            key: SshKey::File(PathBuf::new()),
            known_hosts: PathBuf::new(),
            connect_timeout: Duration::from_secs(1),
            reconnect: SshSettings::RECONNECT,
        };
        let targets = Targets::from_inventory(&Inventory::read(text).0, &settings);
        let first = targets.get("10.0.0.1".parse().unwrap()).unwrap();
        assert_eq!((first.host.as_str(), first.port, first.user.as_str()), ("db1", 2222, "dba"));
        let second = targets.get("10.0.0.2".parse().unwrap()).unwrap();
        assert_eq!(second.jump, Some(("ops".into(), "gate".into(), 2200)));
    }
}
