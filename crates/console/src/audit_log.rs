//! The audit log as a whole: verified from its first row to its last, exported, its end signed.
//!
//! The chain shows whether a row was altered, removed or moved. That its tail was cut, or that it was written anew from
//! some row on, shows only beside an earlier end of it: the console signs one every few seconds into the state
//! directory, and `paddock audit head` gives one to be kept elsewhere.

use crate::clock::{now_us, utc};
use crate::keeping::{private_dir, private_file, read_if_there};
use crate::problems::{from_store, internal, problem};
use crate::ssh_keys::key_pair;
use paddock_events::{Problem, ProblemKind};
use paddock_store::{ChainEnd, Store, StoredAudit};
use russh::keys::ssh_key::{HashAlg, LineEnding, SshSig};
use russh::keys::{PrivateKey, PublicKey};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// What the signature is for, as `ssh-keygen -Y verify -n` takes it.
const NAMESPACE: &str = "paddock-audit";
/// Rows of one read.
const READ: u32 = 1_000;

/// The log of one console.
#[derive(Clone, Debug)]
pub struct AuditLog {
    store: Store,
    dir: PathBuf,
}

/// What was signed: the end of the chain at a moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Signed {
    rows: i64,
    hash: String,
    at: String,
}

/// A signed head: what was signed, as the very text, and the signature in OpenSSH's form.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    signed: String,
    signature: String,
}

fn broken(code: &str, what: impl Into<String>, why: impl Into<String>) -> Problem {
    problem(
        code,
        ProblemKind::Conflict,
        what,
        why,
        "treat the console's machine as intruded: keep its disk, and compare with an export or a backup made earlier",
    )
}

impl AuditLog {
    pub(crate) fn new(store: Store, state_dir: &Path) -> Self {
        Self { store, dir: state_dir.join("audit") }
    }

    /// Opens the log of a console that has been there before; safe beside a running one.
    pub async fn open(state_dir: &Path) -> Result<Self, Problem> {
        Ok(Self::new(crate::desk::open_store(state_dir).await?, state_dir))
    }

    /// Closes the database.
    pub async fn close(self) {
        self.store.close().await;
    }

    /// Reads every row; errs with the first that is not what it was. `head` is a signed head that was kept elsewhere;
    /// the console's own is looked at in any case. Gives what was found to be well, in a sentence.
    pub async fn verify(&self, head: Option<&str>) -> Result<String, Problem> {
        let mut heads = Vec::new();
        if let Some(own) = read_if_there(&self.head_path())? {
            heads.push(self.checked("the console's own signed head", &own)?);
        }
        if let Some(head) = head {
            heads.push(self.checked("the signed head", head)?);
        }
        let end = self
            .walk(|row| {
                let differs = heads.iter().find(|head| head.rows == row.id && head.hash != row.hash);
                differs.map_or(Ok(()), |head| {
                    let why = format!("row {} is another than the one signed at {}", row.id, head.at);
                    Err(broken("audit/rewritten", "the audit log was written anew", why))
                })
            })
            .await?;
        if let Some(head) = heads.iter().max_by_key(|head| head.rows).filter(|head| head.rows > end.rows) {
            let why = format!("it ends with row {}; at {} it had {} rows", end.rows, head.at, head.rows);
            return Err(broken("audit/cut", "the end of the audit log was cut off", why));
        }
        let signed = match heads.iter().map(|head| head.rows).max() {
            Some(rows) => format!("{} signed heads fit, the newest at row {rows}", heads.len()),
            None => "there is no signed head yet: a cut end would not show".to_owned(),
        };
        Ok(format!("{} rows, each as it was written; {signed}", end.rows))
    }

    /// Gives every row to `take` as a line of JSON, verified on the way; gives how many.
    pub async fn export(&self, mut take: impl FnMut(&str) -> Result<(), Problem>) -> Result<i64, Problem> {
        let end = self.walk(|row| take(&row.line().map_err(from_store)?)).await?;
        Ok(end.rows)
    }

    /// Signs where the log ends now; the text is to be stored elsewhere, and also kept in the state directory.
    pub async fn sign_head(&self) -> Result<String, Problem> {
        let end = self.store.audit_end().await.map_err(from_store)?;
        let failed = |error: &(dyn std::error::Error + 'static)| internal("the head cannot be signed", error);
        let signed = Signed { rows: end.rows, hash: end.hash, at: utc(now_us()) };
        let signed = serde_json::to_string(&signed).map_err(|error| failed(&error))?;
        let (pair, _) = key_pair(&self.key_path(), "paddock audit", None)?;
        let key = PrivateKey::from_openssh(&pair.private).map_err(|error| failed(&error))?;
        let signature =
            key.sign(NAMESPACE, HashAlg::Sha512, signed.as_bytes()).map_err(|error| failed(&error))?;
        let signature = signature.to_pem(LineEnding::LF).map_err(|error| failed(&error))?;
        let head = Head { signed, signature };
        let text = serde_json::to_string(&head).map_err(|error| failed(&error))? + "\n";
        private_dir(&self.dir)?;
        private_file(&self.head_path(), &text)?;
        Ok(text)
    }

    /// Signs anew when rows came since; a log that is shorter than its head is left as it is found.
    pub(crate) async fn keep_head(&self) -> Result<(), Problem> {
        let end = self.store.audit_end().await.map_err(from_store)?;
        let known = match read_if_there(&self.head_path())? {
            Some(text) => self.checked("the console's own signed head", &text)?.rows,
            None => 0,
        };
        if end.rows > known {
            self.sign_head().await?;
        }
        Ok(())
    }

    fn head_path(&self) -> PathBuf {
        self.dir.join("head")
    }

    fn key_path(&self) -> PathBuf {
        self.dir.join("id_ed25519")
    }

    /// What a head says, when its signature is ours.
    fn checked(&self, what: &str, text: &str) -> Result<Signed, Problem> {
        let bad = |why: String| broken("audit/bad-head", format!("{what} is not one of this console"), why);
        let head: Head = serde_json::from_str(text).map_err(|error| bad(error.to_string()))?;
        let mut public = self.key_path().into_os_string();
        public.push(".pub");
        let public = read_if_there(Path::new(&public))?.unwrap_or_default();
        let key = PublicKey::from_openssh(&public).map_err(|error| {
            bad(format!("the public key in {} cannot be read: {error}", self.dir.display()))
        })?;
        let signature = SshSig::from_pem(&head.signature).map_err(|error| bad(error.to_string()))?;
        key.verify(NAMESPACE, head.signed.as_bytes(), &signature)
            .map_err(|error| bad(format!("the signature does not fit: {error}")))?;
        serde_json::from_str(&head.signed).map_err(|error| bad(error.to_string()))
    }

    async fn walk(
        &self,
        mut see: impl FnMut(&StoredAudit) -> Result<(), Problem>,
    ) -> Result<ChainEnd, Problem> {
        let mut end = ChainEnd::default();
        loop {
            // From whatever stands first: a row that was put in before the first is found, too.
            let from = if end.rows == 0 { i64::MIN } else { end.rows + 1 };
            let rows = self.store.audit_from(from, READ).await.map_err(from_store)?;
            if rows.is_empty() {
                return Ok(end);
            }
            for row in &rows {
                end.take(row).map_err(|why| broken("audit/broken", "the audit log was changed", why))?;
                see(row)?;
            }
        }
    }
}
