//! Connections: one per node, shared, made anew when lost.

use crate::host_key::{HostKeyCheck, Verdict};
use crate::left::Left;
use crate::{Line, Ran, Shell, SshKey, SshSettings, Target};
use paddock_events::Stream;
use paddock_inventory::NodeAddr;
use paddock_playbooks::Script;
use russh::client::{self, AuthResult, Handle};
use russh::keys::Algorithm;
use russh::keys::{PrivateKeyWithHashAlg, PublicKey, known_hosts};
use russh::{ChannelOpenFailure, Preferred};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::timeout;

/// Why a node cannot be worked on. Each says which node and what to do.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SshError {
    /// Nothing answers, or not in time.
    #[error("cannot connect to {node} ({host}:{port}): {why}")]
    Connect {
        /// The node.
        node: NodeAddr,
        /// Where it was tried.
        host: String,
        /// On which port.
        port: u16,
        /// What the network said.
        why: String,
    },
    /// The host key is in no known_hosts file.
    #[error("the host key of {host} (for {node}) is unknown: {fingerprint}")]
    UnknownHostKey {
        /// The node.
        node: NodeAddr,
        /// The host that shows the key: the node's, or the one before it (`ProxyJump`).
        host: String,
        /// Its port.
        port: u16,
        /// SHA256 fingerprint of the key it shows.
        fingerprint: String,
        /// The key: `ssh-ed25519 AAAA…`.
        key: String,
    },
    /// The host key is another than the known one.
    #[error("the host key of {node} CHANGED: line {line} of known_hosts has {known}, it shows {got}")]
    HostKeyChanged {
        /// The node.
        node: NodeAddr,
        /// Line of the recorded key.
        line: usize,
        /// SHA256 fingerprint of the recorded key.
        known: String,
        /// SHA256 fingerprint of the key it shows.
        got: String,
    },
    /// A host key that is trusted cannot be recorded.
    #[error("the host key of {node} cannot be written to {path}: {why}")]
    KnownHosts {
        /// The node.
        node: NodeAddr,
        /// The known_hosts file.
        path: PathBuf,
        /// What went wrong.
        why: String,
    },
    /// The node does not take our key.
    #[error("{node} refuses user `{user}` with key {key}")]
    Auth {
        /// The node.
        node: NodeAddr,
        /// The user tried.
        user: String,
        /// The key tried.
        key: PathBuf,
    },
    /// The private key cannot be used.
    #[error("cannot read the SSH key {key}: {why}")]
    Key {
        /// Its path.
        key: PathBuf,
        /// Why not.
        why: String,
    },
    /// The connection broke.
    #[error("lost the connection to {node}: {why}")]
    Lost {
        /// The node.
        node: NodeAddr,
        /// What was seen.
        why: String,
    },
    /// No root rights, or no shell.
    #[error("cannot get a root shell on {node} as `{user}`: {why}")]
    Shell {
        /// The node.
        node: NodeAddr,
        /// Who signed in.
        user: String,
        /// What the node said.
        why: String,
    },
    /// The node answers, the port does not: nothing listens there.
    #[error("nothing listens on {host}:{port}, as {node} sees it")]
    Refused {
        /// The node that tried.
        node: NodeAddr,
        /// Where it tried.
        host: String,
        /// On which port.
        port: u16,
    },
    /// The node's sshd connects nobody on.
    #[error("sshd on {node} forwards no TCP connections")]
    Forwarding {
        /// The node.
        node: NodeAddr,
    },
    /// The node is not in the inventory.
    #[error("{node} is not in the inventory")]
    NoTarget {
        /// The node.
        node: NodeAddr,
    },
}

impl SshError {
    /// What a person can do about it.
    pub fn fix(&self) -> String {
        match self {
            Self::Connect { node, .. } | Self::Lost { node, .. } => {
                format!(
                    "start {node} or its network, and try again; `ansible_host` and `ansible_port` say where it is sought"
                )
            }
            Self::UnknownHostKey { host, fingerprint, .. } => {
                format!(
                    "compare {fingerprint} with `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` on {host}; an admin then trusts it on the Nodes page"
                )
            }
            Self::HostKeyChanged { node, .. } => {
                format!(
                    "find out why {node} has a new key (reinstalled, or another machine); only then replace its line in known_hosts"
                )
            }
            Self::KnownHosts { path, .. } => format!("let the console write to {}", path.display()),
            Self::Auth { node, user, .. } => {
                format!("add the console's public key to ~{user}/.ssh/authorized_keys on {node}")
            }
            Self::Key { .. } => {
                "give the console a readable OpenSSH private key without passphrase".to_owned()
            }
            Self::Shell { node, user, .. } => {
                format!("allow `{user}` to run sudo without password on {node}")
            }
            Self::Refused { host, port, .. } => format!("start what shall listen on {host}:{port}"),
            Self::Forwarding { node } => {
                format!("set `AllowTcpForwarding local` for the console's user in sshd_config on {node}")
            }
            Self::NoTarget { .. } => "add the node to the inventory".to_owned(),
        }
    }
}

/// How soon a node with an idle shell must answer.
const ALIVE: Duration = Duration::from_secs(3);

/// A byte stream to a port as the node sees it.
pub type TcpStream = russh::ChannelStream<client::Msg>;

pub(crate) struct Connection {
    pub(crate) handle: Handle<HostKeyCheck>,
    // A jump host's connection must live as long as what goes through it.
    _through: Option<Handle<HostKeyCheck>>,
}

/// Connections by target. Clones share them.
#[derive(Clone)]
pub struct Pool {
    settings: Arc<SshSettings>,
    open: Arc<Mutex<HashMap<Target, Arc<Connection>>>>,
    idle: Arc<Mutex<HashMap<Target, Vec<Shell>>>>,
}

impl Pool {
    /// A pool without connections.
    pub fn new(settings: SshSettings) -> Self {
        Self { settings: Arc::new(settings), open: Arc::default(), idle: Arc::default() }
    }

    /// How the pool signs in.
    pub fn settings(&self) -> &SshSettings {
        &self.settings
    }

    /// A root shell on the node: an idle one that still answers, or a new one on a channel of its own. Give it back
    /// when done with it; sshd allows some ten at once on one connection.
    pub async fn shell(&self, target: &Target) -> Result<Shell, SshError> {
        let idle = self.idle.lock().ok().and_then(|mut idle| idle.get_mut(target).and_then(Vec::pop));
        if let Some(shell) = idle {
            if shell.answers(ALIVE).await {
                return Ok(shell);
            }
            // The node went away meanwhile: what else is open to it is as dead.
            self.forget(target);
        }
        let connection = self.connection(target).await?;
        let opened = timeout(self.settings.connect_timeout, connection.handle.channel_open_session()).await;
        let channel = self.opened(target, opened)?;
        let started = Shell::start(channel, connection, target, self.settings.connect_timeout).await;
        if matches!(started, Err(SshError::Lost { .. })) {
            self.forget(target);
        }
        started
    }

    /// Keeps a shell whose last script has ended, for the next who asks.
    pub fn give_back(&self, target: &Target, shell: Shell) {
        if let Ok(mut idle) = self.idle.lock() {
            idle.entry(target.clone()).or_default().push(shell);
        }
    }

    /// A stream to `host:port` as the node reaches it (`direct-tcpip`).
    pub async fn open_tcp(&self, target: &Target, host: &str, port: u16) -> Result<TcpStream, SshError> {
        let connection = self.connection(target).await?;
        let opening = connection.handle.channel_open_direct_tcpip(host, u32::from(port), "127.0.0.1", 0);
        let opened = timeout(self.settings.connect_timeout, opening).await;
        // A refused port is no broken connection.
        if let Ok(Err(russh::Error::ChannelOpenFailure(why))) = &opened {
            let node = target.node;
            return Err(match why {
                ChannelOpenFailure::AdministrativelyProhibited => SshError::Forwarding { node },
                ChannelOpenFailure::ConnectFailed => SshError::Refused { node, host: host.to_owned(), port },
                // Says nothing of the port: sshd is short of something, or knows no such channel.
                other => SshError::Lost { node, why: format!("sshd opens no channel: {other:?}") },
            });
        }
        Ok(self.opened(target, opened)?.into_stream())
    }

    /// Records the host key that a node, or the host before it, shows, if its fingerprint is the one that somebody has
    /// compared. A key that is known already is left as it is; another one than the known one is never recorded.
    pub async fn trust(&self, target: &Target, compared: &str) -> Result<(), SshError> {
        let error = match self.shell(target).await {
            Ok(shell) => {
                self.give_back(target, shell);
                return Ok(());
            }
            Err(error) => error,
        };
        let SshError::UnknownHostKey { node, host, port, fingerprint, key } = &error else {
            return Err(error);
        };
        if fingerprint != compared {
            return Err(error);
        }
        let recorded = PublicKey::from_openssh(key).map_err(russh::keys::Error::from).and_then(|key| {
            known_hosts::learn_known_hosts_path(host, *port, &key, &self.settings.known_hosts)
        });
        recorded.map_err(|why| SshError::KnownHosts {
            node: *node,
            path: self.settings.known_hosts.clone(),
            why: why.to_string(),
        })
    }

    /// Runs bash that only reads, as root, within a bound. Gives how it ended and what it printed to stdout.
    pub(crate) async fn ask(
        &self,
        target: &Target,
        bash: String,
        limit: Duration,
    ) -> Result<(Ran, String), SshError> {
        let script = Script { text: bash, stdin: None, user: "root".to_owned() };
        let mut said = String::new();
        let mut shell = self.shell(target).await?;
        let ran = shell
            .run(&script, limit, &mut |line| {
                if let Line::Text(Stream::Out, line) = line {
                    said.push_str(&line);
                    said.push('\n');
                }
            })
            .await?;
        self.give_back(target, shell);
        Ok((ran, said))
    }

    /// Signals a script's process group from a channel of its own: TERM, then KILL after five seconds.
    pub(crate) async fn kill_group(&self, target: &Target, left: &Left) -> Result<(), SshError> {
        let mut shell = self.shell(target).await?;
        let (pid, is_it) = (left.pid, left.is_there());
        let text = format!(
            "for i in 1 2 3; do {is_it} && break; sleep 0.1; done\n{is_it} || exit 0\nkill -TERM -- -{pid} 2>/dev/null\nfor i in 1 2 3 4 5 6 7 8 9 10; do kill -0 -- -{pid} 2>/dev/null || exit 0; sleep 0.5; done\nkill -KILL -- -{pid} 2>/dev/null\nexit 0\n"
        );
        let script = Script { text, stdin: None, user: "root".to_owned() };
        shell.run(&script, Duration::from_secs(15), &mut |_| {}).await?;
        self.give_back(target, shell);
        Ok(())
    }

    /// Forgets a connection, so that the next use makes a new one.
    pub fn forget(&self, target: &Target) {
        if let Ok(mut open) = self.open.lock() {
            open.remove(target);
        }
        if let Ok(mut idle) = self.idle.lock() {
            idle.remove(target);
        }
    }

    /// Ends all connections.
    pub async fn close(&self) {
        if let Ok(mut idle) = self.idle.lock() {
            idle.clear();
        }
        let all: Vec<Arc<Connection>> = match self.open.lock() {
            Ok(mut open) => open.drain().map(|(_, connection)| connection).collect(),
            Err(_) => Vec::new(),
        };
        for connection in all {
            let bye = connection.handle.disconnect(russh::Disconnect::ByApplication, "", "en");
            // The other side may be gone already; there is nothing left to do about it.
            drop(timeout(Duration::from_secs(2), bye).await);
        }
    }

    fn opened<T>(
        &self,
        target: &Target,
        opened: Result<Result<T, russh::Error>, tokio::time::error::Elapsed>,
    ) -> Result<T, SshError> {
        let why = match opened {
            Ok(Ok(channel)) => return Ok(channel),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "it does not answer".to_owned(),
        };
        self.forget(target);
        Err(SshError::Lost { node: target.node, why })
    }

    async fn connection(&self, target: &Target) -> Result<Arc<Connection>, SshError> {
        let known = self.open.lock().ok().and_then(|open| open.get(target).cloned());
        if let Some(connection) = known.filter(|connection| !connection.handle.is_closed()) {
            return Ok(connection);
        }
        let made = Arc::new(self.connect(target).await?);
        if let Ok(mut open) = self.open.lock() {
            open.insert(target.clone(), Arc::clone(&made));
        }
        Ok(made)
    }

    async fn connect(&self, target: &Target) -> Result<Connection, SshError> {
        let Some((user, host, port)) = &target.jump else {
            let handle = self.sign_in(target, &target.host, target.port, &target.user, None).await?;
            return Ok(Connection { handle, _through: None });
        };
        let jump = self.sign_in(target, host, *port, user, None).await?;
        let opening = jump.channel_open_direct_tcpip(&target.host, u32::from(target.port), "127.0.0.1", 0);
        let failed = |why: String| SshError::Connect {
            node: target.node,
            host: target.host.clone(),
            port: target.port,
            why,
        };
        let channel = timeout(self.settings.connect_timeout, opening)
            .await
            .map_err(|_| failed(format!("no answer through {host}")))?
            .map_err(|error| failed(format!("through {host}: {error}")))?;
        let handle = self
            .sign_in(target, &target.host, target.port, &target.user, Some(channel.into_stream()))
            .await?;
        Ok(Connection { handle, _through: Some(jump) })
    }

    async fn sign_in(
        &self,
        target: &Target,
        host: &str,
        port: u16,
        user: &str,
        through: Option<TcpStream>,
    ) -> Result<Handle<HostKeyCheck>, SshError> {
        let node = target.node;
        let settings = &self.settings;
        let key = settings.key.clone();
        let key = tokio::task::spawn_blocking(move || match key {
            SshKey::File(path) => russh::keys::load_secret_key(path, None),
            SshKey::Held { text, .. } => russh::keys::decode_secret_key(&text, None),
        })
        .await
        .map_err(|error| error.to_string())
        .and_then(|loaded| loaded.map_err(|error| error.to_string()))
        .map_err(|why| SshError::Key { key: settings.key.path().to_owned(), why })?;
        let config = Arc::new(client::Config {
            keepalive_interval: Some(Duration::from_secs(5)),
            keepalive_max: 3,
            nodelay: true,
            preferred: preferred(),
            ..client::Config::default()
        });
        let check = HostKeyCheck::new(host, port, settings.known_hosts.clone());
        let failed = |why: String| SshError::Connect { node, host: host.to_owned(), port, why };
        let connecting = async {
            match through {
                Some(stream) => client::connect_stream(config, stream, check.clone()).await,
                None => client::connect(config, (host, port), check.clone()).await,
            }
        };
        let connected = timeout(settings.connect_timeout, connecting).await;
        let mut handle = match (connected, check.taken()) {
            (_, Some(Verdict::Unknown { fingerprint, key })) => {
                return Err(SshError::UnknownHostKey { node, host: host.to_owned(), port, fingerprint, key });
            }
            (_, Some(Verdict::Changed { line, known, got })) => {
                return Err(SshError::HostKeyChanged { node, line, known, got });
            }
            (_, Some(Verdict::Unreadable { error })) => return Err(failed(error)),
            (Ok(Ok(handle)), Some(Verdict::Known) | None) => handle,
            (Ok(Err(error)), _) => return Err(failed(error.to_string())),
            (Err(_), _) => {
                return Err(failed(format!("no answer within {} s", settings.connect_timeout.as_secs())));
            }
        };
        let authenticating = async {
            let hash = handle.best_supported_rsa_hash().await?.flatten();
            handle.authenticate_publickey(user, PrivateKeyWithHashAlg::new(Arc::new(key), hash)).await
        };
        match timeout(settings.connect_timeout, authenticating).await {
            Ok(Ok(AuthResult::Success)) => Ok(handle),
            Ok(Ok(AuthResult::Failure { .. })) => {
                Err(SshError::Auth { node, user: user.to_owned(), key: settings.key.path().to_owned() })
            }
            Ok(Err(error)) => Err(failed(error.to_string())),
            Err(_) => Err(failed("signing in took too long".to_owned())),
        }
    }
}

/// russh's own choice, without host keys that sign with SHA-1.
fn preferred() -> Preferred {
    let key = Preferred::DEFAULT.key.iter().filter(|key| !matches!(key, Algorithm::Rsa { hash: None }));
    Preferred { key: key.cloned().collect(), ..Preferred::DEFAULT }
}
