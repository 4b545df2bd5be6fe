//! What is secret is sealed before it reaches the database: XChaCha20-Poly1305 with a key that is kept elsewhere.
//!
//! A sealed value opens only in the place that it was made for: who writes the file cannot exchange the plan of one
//! row for that of another. Once a database is sealed, a value that is not is taken for damage.

use crate::database::Asking as _;
use crate::pack::{pack_text, unpack_text};
use crate::sessions::cookie_hash;
use crate::{Store, StoreError};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{Key, KeyInit as _, XChaCha20Poly1305, XNonce};
use rand::Rng as _;
use sha2::{Digest as _, Sha256};
use sqlx::{Sqlite, Transaction};
use std::fmt;
use std::sync::Arc;

/// First byte of a sealed value. What was packed and not sealed begins with zlib's 0x78.
const FORMAT: u8 = 1;
const NONCE: usize = 24;
const PROOF: &str = "paddock";
/// First line of a sealed file.
const SEALED_FILE: &str = "paddock: sealed with the key of its database\n";

/// The key of one console's database: 32 bytes. It cannot be printed.
#[derive(Clone)]
pub struct SealKey([u8; 32]);

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealKey({})", self.name())
    }
}

/// Where a sealed value stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    column: &'static str,
    row: i64,
}

impl Place {
    pub(crate) fn new(column: &'static str, row: i64) -> Self {
        Self { column, row }
    }

    fn bound(self) -> String {
        format!("paddock/{FORMAT}/{self}")
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of row {}", self.column, self.row)
    }
}

impl SealKey {
    /// A new one, by chance.
    pub fn generate() -> Self {
        Self(rand::rng().random())
    }

    /// Reads what [`Self::to_text`] gives, white space around it apart; none when it is no key.
    pub fn parse(text: &str) -> Option<Self> {
        STANDARD.decode(text.trim()).ok()?.try_into().ok().map(Self)
    }

    /// The key as 44 characters of base64.
    pub fn to_text(&self) -> String {
        STANDARD.encode(self.0)
    }

    /// What messages call it; nothing of the key can be told from it.
    pub fn name(&self) -> String {
        let hash = Sha256::new_with_prefix("paddock key").chain_update(self.0).finalize();
        hash[..4].iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&Key::from(self.0))
    }

    /// Deflates and seals a text for a place.
    pub(crate) fn seal(&self, place: Place, text: &str) -> Result<Vec<u8>, StoreError> {
        self.seal_packed(place, &pack_text(text)?)
    }

    fn seal_packed(&self, place: Place, packed: &[u8]) -> Result<Vec<u8>, StoreError> {
        self.close(&place.bound(), packed).ok_or_else(|| damaged(place, "it is too large to be sealed"))
    }

    fn close(&self, bound: &str, packed: &[u8]) -> Option<Vec<u8>> {
        // 24 bytes of chance are never given twice.
        let nonce: [u8; NONCE] = rand::rng().random();
        let payload = Payload { msg: packed, aad: bound.as_bytes() };
        let sealed = self.cipher().encrypt(&XNonce::from(nonce), payload).ok()?;
        Some([&[FORMAT][..], &nonce, &sealed].concat())
    }

    fn reveal(&self, bound: &str, nonce: &[u8; NONCE], sealed: &[u8]) -> Option<Vec<u8>> {
        let payload = Payload { msg: sealed, aad: bound.as_bytes() };
        self.cipher().decrypt(&XNonce::from(*nonce), payload).ok()
    }

    /// Seals a text for the file of this name: what is to stand there, as text.
    pub fn seal_file(&self, name: &str, text: &str) -> Result<String, StoreError> {
        let sealed = self.close(&file_bound(name), text.as_bytes());
        let sealed = sealed.ok_or_else(|| damaged_file(name, "it is too large to be sealed"))?;
        Ok(format!("{SEALED_FILE}{}\n", STANDARD.encode(sealed)))
    }

    /// The text that was sealed for the file of this name; [`StoreError::Damaged`] when it was not, or not with this key.
    pub fn open_file(&self, name: &str, sealed: &str) -> Result<String, StoreError> {
        let bytes = sealed.strip_prefix(SEALED_FILE).and_then(|rest| STANDARD.decode(rest.trim()).ok());
        let opened = bytes.as_deref().and_then(sealed_parts).and_then(|(nonce, sealed)| {
            String::from_utf8(self.reveal(&file_bound(name), nonce, sealed)?).ok()
        });
        opened.ok_or_else(|| damaged_file(name, "it was changed, moved, or sealed with another key"))
    }

    /// The text that was sealed for this place with this key.
    pub(crate) fn open(&self, place: Place, sealed: &[u8]) -> Result<String, StoreError> {
        let Some((nonce, sealed)) = sealed_parts(sealed) else {
            return Err(damaged(place, "it is not sealed"));
        };
        let packed = self.reveal(&place.bound(), nonce, sealed);
        let packed =
            packed.ok_or_else(|| damaged(place, "it was changed, moved, or sealed with another key"))?;
        unpack_text(&packed, &place.to_string())
    }
}

/// Whether a file's text is sealed, with whatever key.
pub fn is_sealed_file(text: &str) -> bool {
    text.starts_with(SEALED_FILE)
}

fn file_bound(name: &str) -> String {
    format!("paddock/{FORMAT}/file {name}")
}

fn damaged_file(name: &str, why: &str) -> StoreError {
    StoreError::Damaged { what: format!("file {name}"), why: why.to_owned() }
}

/// Nonce and what is sealed with it; none of what does not look sealed.
fn sealed_parts(bytes: &[u8]) -> Option<(&[u8; NONCE], &[u8])> {
    bytes.strip_prefix(&[FORMAT])?.split_first_chunk::<NONCE>()
}

fn damaged(place: Place, why: &str) -> StoreError {
    StoreError::Damaged { what: place.to_string(), why: why.to_owned() }
}

impl Store {
    /// The name of the key that the database is sealed with; none: it is not sealed yet.
    pub async fn sealed_with(&self) -> Result<Option<String>, StoreError> {
        sqlx::query_scalar("SELECT key_name FROM seal")
            .fetch_optional(self.reader())
            .await
            .asking("look for the name of its key")
    }

    /// The same store, which can read and write what is sealed. Seals everything the first time, and sweeps what stood
    /// there out of the file. [`StoreError::WrongKey`] when the database is sealed with another key.
    pub async fn unlocked(mut self, key: SealKey) -> Result<Self, StoreError> {
        type Row = (String, Vec<u8>, bool);
        let place = Place::new("seal.proof", 1);
        let mut tx = self.begin().await?;
        let known: Option<Row> = sqlx::query_as("SELECT key_name, proof, swept FROM seal")
            .fetch_optional(&mut *tx)
            .await
            .asking("look for its key")?;
        let swept = if let Some((name, proof, swept)) = known {
            if key.open(place, &proof).ok().as_deref() != Some(PROOF) {
                return Err(StoreError::WrongKey { sealed_with: name, given: key.name() });
            }
            swept
        } else {
            let sealed = seal_all(&mut tx, &key).await?;
            sqlx::query("INSERT INTO seal (one, key_name, proof, swept) VALUES (1, $1, $2, $3)")
                .bind(key.name())
                .bind(key.seal(place, PROOF)?)
                .bind(sealed == 0)
                .execute(&mut *tx)
                .await
                .asking("note its key")?;
            sealed == 0
        };
        tx.commit().await.asking("seal itself")?;
        if !swept {
            // What is sealed is sealed; the old pages are tried again when the console starts the next time.
            match self.sweep().await {
                Ok(true) => {}
                Ok(false) => tracing::warn!(
                    "the database is in use elsewhere: what stood in it before it was sealed may still be in its file"
                ),
                Err(error) => tracing::warn!(
                    "what stood in the database before it was sealed may still be in its file: {error}"
                ),
            }
        }
        self.seal = Some(Arc::new(key));
        Ok(self)
    }

    /// Writes the whole file anew and empties its log; false when others read it meanwhile.
    async fn sweep(&self) -> Result<bool, StoreError> {
        sqlx::query("VACUUM").execute(self.writer()).await.asking("write itself anew")?;
        let (busy, _, _): (i64, i64, i64) = sqlx::query_as("PRAGMA wal_checkpoint(TRUNCATE)")
            .fetch_one(self.writer())
            .await
            .asking("empty its log")?;
        if busy != 0 {
            return Ok(false);
        }
        let swept = sqlx::query("UPDATE seal SET swept = 1").execute(self.writer()).await;
        swept.asking("note that it was swept").map(|_| true)
    }

    /// The key; [`StoreError::Locked`] on a store that was opened without.
    pub(crate) fn key(&self) -> Result<&SealKey, StoreError> {
        self.seal.as_deref().ok_or(StoreError::Locked)
    }
}

/// Seals what earlier versions have written; gives how many values.
async fn seal_all(tx: &mut Transaction<'static, Sqlite>, key: &SealKey) -> Result<usize, StoreError> {
    let mut sealed = 0;
    let revisions: Vec<i64> = sqlx::query_scalar("SELECT id FROM revision WHERE sealed IS NULL")
        .fetch_all(&mut **tx)
        .await
        .asking("list revisions to be sealed")?;
    for id in revisions {
        let text: String = sqlx::query_scalar("SELECT text FROM revision WHERE id = $1")
            .bind(id)
            .fetch_one(&mut **tx)
            .await
            .asking("read a revision to be sealed")?;
        let text = key.seal(Place::new("revision.sealed", id), &text)?;
        sqlx::query("UPDATE revision SET text = '', sealed = $2 WHERE id = $1")
            .bind(id)
            .bind(text)
            .execute(&mut **tx)
            .await
            .asking("seal a revision")?;
        sealed += 1;
    }
    let plans: Vec<i64> = sqlx::query_scalar("SELECT id FROM plan")
        .fetch_all(&mut **tx)
        .await
        .asking("list plans to be sealed")?;
    for id in plans {
        let (plan, facts): (Vec<u8>, Vec<u8>) = sqlx::query_as("SELECT plan, facts FROM plan WHERE id = $1")
            .bind(id)
            .fetch_one(&mut **tx)
            .await
            .asking("read a plan to be sealed")?;
        sqlx::query("UPDATE plan SET plan = $2, facts = $3 WHERE id = $1")
            .bind(id)
            .bind(key.seal_packed(Place::new("plan.plan", id), &plan)?)
            .bind(key.seal_packed(Place::new("plan.facts", id), &facts)?)
            .execute(&mut **tx)
            .await
            .asking("seal a plan")?;
        sealed += 1;
    }
    let sessions: Vec<String> = sqlx::query_scalar("SELECT id FROM session")
        .fetch_all(&mut **tx)
        .await
        .asking("list sessions to be hashed")?;
    for id in sessions {
        sqlx::query("UPDATE session SET id = $2 WHERE id = $1")
            .bind(&id)
            .bind(cookie_hash(&id))
            .execute(&mut **tx)
            .await
            .asking("hash a session's id")?;
        sealed += 1;
    }
    Ok(sealed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_value_opens_with_its_key_in_its_place_and_nowhere_else() {
        let (key, other) = (SealKey::generate(), SealKey::generate());
        let here = Place::new("plan.plan", 7);
        let sealed = key.seal(here, "Sup3rSecret").unwrap();
        assert_eq!(key.open(here, &sealed).unwrap(), "Sup3rSecret");
        assert_ne!(sealed, key.seal(here, "Sup3rSecret").unwrap(), "a nonce is used once");
        let mut flipped = sealed.clone();
        *flipped.last_mut().unwrap() ^= 1;
        for (key, place, bytes) in [
            (&other, here, &sealed[..]),
            (&key, Place::new("plan.plan", 8), &sealed[..]),
            (&key, Place::new("plan.facts", 7), &sealed[..]),
            (&key, here, &flipped[..]),
            (&key, here, &sealed[..20]),
            (&key, here, &[][..]),
        ] {
            let error = key.open(place, bytes).unwrap_err();
            assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
        }
        let error = key.open(here, &pack_text("plain").unwrap()).unwrap_err().to_string();
        assert!(error.contains("it is not sealed"), "{error}");
    }

    #[test]
    fn a_sealed_file_opens_with_its_key_under_its_name_and_nowhere_else() {
        let (key, other) = (SealKey::generate(), SealKey::generate());
        let sealed = key.seal_file("ssh/id", "Sup3rSecret").unwrap();
        assert!(is_sealed_file(&sealed) && !sealed.contains("Sup3r"));
        assert_eq!(key.open_file("ssh/id", &sealed).unwrap(), "Sup3rSecret");
        for (key, name, text) in [
            (&other, "ssh/id", sealed.as_str()),
            (&key, "ssh/other", &sealed),
            (&key, "ssh/id", "Sup3rSecret"),
            (&key, "ssh/id", &sealed[..sealed.len() - 9]),
            (&key, "ssh/id", SEALED_FILE),
        ] {
            assert!(matches!(key.open_file(name, text), Err(StoreError::Damaged { .. })), "{name} {text}");
        }
    }

    #[test]
    fn a_key_is_read_back_and_never_printed() {
        let key = SealKey::generate();
        let text = key.to_text();
        assert_eq!(text.len(), 44);
        assert_eq!(SealKey::parse(&format!(" {text}\n")).unwrap().0, key.0);
        for wrong in ["", "abc", &text[..40], "ä", &format!("{text}{text}")] {
            assert!(SealKey::parse(wrong).is_none(), "{wrong}");
        }
        assert_eq!(format!("{key:?}"), format!("SealKey({})", key.name()));
    }
}
