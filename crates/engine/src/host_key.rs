//! Host keys: known, unknown, changed. Nothing is accepted silently.

use russh::keys::{HashAlg, PublicKey, known_hosts};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

/// What came of looking at a host key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Known,
    /// `key` in OpenSSH's words: `ssh-ed25519 AAAA…`.
    Unknown {
        fingerprint: String,
        key: String,
    },
    Changed {
        line: usize,
        known: String,
        got: String,
    },
    Unreadable {
        error: String,
    },
}

/// Judges the key a server shows, and remembers why it was refused.
#[derive(Clone)]
pub(crate) struct HostKeyCheck {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) known_hosts: PathBuf,
    pub(crate) verdict: Arc<Mutex<Option<Verdict>>>,
}

impl HostKeyCheck {
    pub(crate) fn new(host: &str, port: u16, known_hosts: PathBuf) -> Self {
        Self { host: host.to_owned(), port, known_hosts, verdict: Arc::default() }
    }

    pub(crate) fn taken(&self) -> Option<Verdict> {
        self.verdict.lock().ok().and_then(|verdict| verdict.clone())
    }

    fn judge(&self, key: &PublicKey) -> Verdict {
        let fingerprint = fingerprint(key);
        let unknown =
            |fingerprint| Verdict::Unknown { fingerprint, key: key.to_openssh().unwrap_or_default() };
        if !self.known_hosts.exists() {
            return unknown(fingerprint);
        }
        match known_hosts::check_known_hosts_path(&self.host, self.port, key, &self.known_hosts) {
            Ok(true) => Verdict::Known,
            Ok(false) => unknown(fingerprint),
            Err(russh::keys::Error::KeyChanged { line }) => {
                let recorded = known_hosts::known_host_keys_path(&self.host, self.port, &self.known_hosts);
                let known = recorded.unwrap_or_default().into_iter().find(|(at, _)| *at == line);
                Verdict::Changed {
                    line: self.line(line),
                    known: known.map(|(_, key)| self::fingerprint(&key)).unwrap_or_default(),
                    got: fingerprint,
                }
            }
            Err(error) => Verdict::Unreadable { error: error.to_string() },
        }
    }

    /// The line as an editor counts it: russh leaves comments out.
    fn line(&self, counted: usize) -> usize {
        let text = std::fs::read_to_string(&self.known_hosts).unwrap_or_default();
        let entries = text.lines().enumerate().filter(|(_, line)| !line.starts_with('#'));
        entries.map(|(at, _)| at + 1).nth(counted.saturating_sub(1)).unwrap_or(counted)
    }
}

/// `SHA256:…`, as `ssh-keygen -l` prints it.
fn fingerprint(key: &PublicKey) -> String {
    key.fingerprint(HashAlg::Sha256).to_string()
}

impl russh::client::Handler for HostKeyCheck {
    type Error = russh::Error;

    async fn check_server_key(
        &mut self,
        shown: &russh::keys::PublicKeyOrCertificate,
    ) -> Result<bool, Self::Error> {
        let verdict = match shown {
            russh::keys::PublicKeyOrCertificate::PublicKey { key, .. } => self.judge(key),
            russh::keys::PublicKeyOrCertificate::Certificate(_) => Verdict::Unreadable {
                error: "the host shows a certificate; host certificates are not read".to_owned(),
            },
        };
        let known = verdict == Verdict::Known;
        if let Ok(mut slot) = self.verdict.lock() {
            *slot = Some(verdict);
        }
        Ok(known)
    }
}
