//! Host keys: known, unknown, changed. Nothing is accepted silently.

use russh::keys::{HashAlg, PublicKey};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

/// What came of looking at a host key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Known,
    Unknown { fingerprint: String },
    Changed { line: usize, got: String },
    Unreadable { error: String },
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
        let fingerprint = key.fingerprint(HashAlg::Sha256).to_string();
        if !self.known_hosts.exists() {
            return Verdict::Unknown { fingerprint };
        }
        match russh::keys::known_hosts::check_known_hosts_path(&self.host, self.port, key, &self.known_hosts)
        {
            Ok(true) => Verdict::Known,
            Ok(false) => Verdict::Unknown { fingerprint },
            Err(russh::keys::Error::KeyChanged { line }) => {
                Verdict::Changed { line: self.line(line), got: fingerprint }
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
