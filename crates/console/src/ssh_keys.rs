//! SSH key pairs: the console's own, and those of database users that plans hand to nodes.

use crate::keeping::{KeyFiles, private_dir, private_file, read_if_there};
use crate::problems::{internal, problem};
use paddock_events::{Problem, ProblemKind};
use rand::Rng as _;
use russh::keys::PrivateKey;
use russh::keys::ssh_key::LineEnding;
use russh::keys::ssh_key::private::Ed25519Keypair;
use std::path::Path;

/// A key pair as OpenSSH writes it.
pub(crate) struct KeyPair {
    pub(crate) private: String,
    pub(crate) public: String,
}

/// Reads the Ed25519 key pair at `path` (the public half beside it, `.pub`), or makes it. True when it was made. The private
/// half is sealed where `sealed` is given.
pub(crate) fn key_pair(
    path: &Path,
    comment: &str,
    sealed: Option<&KeyFiles>,
) -> Result<(KeyPair, bool), Problem> {
    let failed = |error: &russh::keys::ssh_key::Error| {
        internal(&format!("the SSH key {} cannot be made", path.display()), error)
    };
    let there = match sealed {
        Some(files) => files.read(path)?,
        None => read_if_there(path)?.map(|text| (text, false)),
    };
    if let Some((private, is_sealed)) = there {
        let key = PrivateKey::from_openssh(&private).map_err(|error| {
            problem(
                "console/bad-ssh-key",
                ProblemKind::World,
                format!("the SSH key {} cannot be read", path.display()),
                error.to_string(),
                "put a private key in OpenSSH's form without passphrase there, or remove it: a new one is made",
            )
        })?;
        let public = key.public_key().to_openssh().map_err(|error| failed(&error))?;
        // An earlier version wrote it, or somebody put their own there.
        if let (Some(files), false) = (sealed, is_sealed) {
            files.write(path, &private)?;
        }
        return Ok((KeyPair { private, public: format!("{public}\n") }, false));
    }
    if let Some(dir) = path.parent() {
        private_dir(dir)?;
    }
    let seed: [u8; 32] = rand::rng().random();
    let mut key = PrivateKey::from(Ed25519Keypair::from_seed(&seed));
    key.set_comment(comment);
    let private = key.to_openssh(LineEnding::LF).map_err(|error| failed(&error))?.to_string();
    let public = key.public_key().to_openssh().map_err(|error| failed(&error))? + "\n";
    match sealed {
        Some(files) => files.write(path, &private)?,
        None => private_file(path, &private)?,
    }
    let mut beside = path.as_os_str().to_owned();
    beside.push(".pub");
    private_file(Path::new(&beside), &public)?;
    Ok((KeyPair { private, public }, true))
}

#[cfg(test)]
mod tests {
    use super::*;
    use paddock_store::SealKey;

    #[test]
    fn a_key_is_made_once_and_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ssh/id_ed25519");
        let (made, new) = key_pair(&path, "paddock", None).unwrap();
        assert!(
            new && made.public.starts_with("ssh-ed25519 ") && made.public.ends_with(" paddock\n"),
            "{}",
            made.public
        );
        let (kept, new) = key_pair(&path, "paddock", None).unwrap();
        assert!(!new && kept.private == made.private && kept.public == made.public);
        assert!(russh::keys::load_secret_key(&path, None).is_ok(), "what the engine reads");
    }

    #[test]
    fn a_sealed_key_is_read_by_its_console_alone_and_a_plain_one_is_sealed() {
        let dir = tempfile::tempdir().unwrap();
        let (own, other) = (SealKey::generate(), SealKey::generate());
        let files = |key: &SealKey| KeyFiles::new(dir.path(), key.clone());
        let path = dir.path().join("ssh/id_ed25519");
        let (plain, _) = key_pair(&path, "paddock", None).unwrap();
        let (sealed, new) = key_pair(&path, "paddock", Some(&files(&own))).unwrap();
        assert!(!new && sealed.private == plain.private);
        let stored = || std::fs::read_to_string(&path).unwrap();
        assert!(!stored().contains("PRIVATE KEY") && !stored().contains(&plain.private[40..80]));
        let (again, _) = key_pair(&path, "paddock", Some(&files(&own))).unwrap();
        assert_eq!(again.private, plain.private);
        let before = stored();
        let refused = key_pair(&path, "paddock", Some(&files(&other))).err().unwrap();
        assert_eq!((refused.code.as_str(), stored()), ("console/bad-ssh-key", before));
        std::fs::rename(&path, dir.path().join("ssh/moved")).unwrap();
        assert!(
            key_pair(&dir.path().join("ssh/moved"), "x", Some(&files(&own))).is_err(),
            "a key of another name"
        );
        let (made, new) = key_pair(&path, "paddock", Some(&files(&own))).unwrap();
        assert!(new && made.private != plain.private && !stored().contains("PRIVATE KEY"));
    }

    #[test]
    fn a_file_that_is_no_key_is_said_and_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("id");
        std::fs::write(&path, "hello").unwrap();
        let refused = key_pair(&path, "x", None).err().unwrap();
        assert_eq!(refused.code, "console/bad-ssh-key");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "hello");
    }
}
