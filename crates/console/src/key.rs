//! The key that the console's database is sealed with: where it comes from, and what to do when it does not fit.

use crate::keeping::{private_file, read_if_there};
use crate::problems::problem;
use paddock_events::{Problem, ProblemKind};
use paddock_store::SealKey;
use std::fmt;
use std::path::{Path, PathBuf};

/// Its file in the state directory, unless it is kept elsewhere.
pub(crate) const KEY_FILE: &str = "key";

/// Where the key comes from.
#[derive(Clone, Default)]
pub enum KeySource {
    /// The file `key` in the state directory, made at the first start.
    #[default]
    StateDir,
    /// A file that is there already.
    File(PathBuf),
    /// Its text, from the environment.
    Text(String),
}

impl fmt::Debug for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StateDir => f.write_str("StateDir"),
            Self::File(path) => write!(f, "File({})", path.display()),
            Self::Text(_) => f.write_str("Text(…)"),
        }
    }
}

fn refused(code: &str, why: impl Into<String>, fix: impl Into<String>) -> Problem {
    problem(code, ProblemKind::World, "the console's database cannot be opened", why, fix)
}

/// The key for a database that is sealed with the key of this name; none: it is not sealed yet.
pub(crate) fn find(
    source: &KeySource,
    state_dir: &Path,
    sealed_with: Option<&str>,
) -> Result<SealKey, Problem> {
    let own = state_dir.join(KEY_FILE);
    match source {
        KeySource::Text(text) => SealKey::parse(text).ok_or_else(|| no_key("what PADDOCK_KEY says")),
        KeySource::File(path) => read(path)?.ok_or_else(|| {
            refused(
                "console/no-key",
                format!("its key is to be read from {}, and there is no such file", path.display()),
                match sealed_with {
                    Some(name) => format!("put the file with key {name} there"),
                    None => format!(
                        "make one: `(umask 077; head -c 32 /dev/urandom | base64 > {})`",
                        path.display()
                    ),
                },
            )
        }),
        KeySource::StateDir => match (read(&own)?, sealed_with) {
            (Some(key), _) => Ok(key),
            (None, None) => {
                let key = SealKey::generate();
                private_file(&own, &(key.to_text() + "\n"))?;
                tracing::warn!(
                    "made the key {} of the console's database in {}: keep it elsewhere, see docs/install.md",
                    key.name(),
                    own.display()
                );
                Ok(key)
            }
            (None, Some(name)) => Err(refused(
                "console/no-key",
                format!("it is sealed with key {name}, and {} is not there", own.display()),
                "put the key back, or say where it is: `key_file` in paddock.toml, PADDOCK_KEY_FILE or PADDOCK_KEY",
            )),
        },
    }
}

/// The key of a file; none when there is no such file.
pub(crate) fn read(path: &Path) -> Result<Option<SealKey>, Problem> {
    let Some(text) = read_if_there(path)? else { return Ok(None) };
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(path).map_or(0, |file| file.permissions().mode());
        // Not refused: a container's secrets are often readable by all who are in it.
        if mode & 0o077 != 0 {
            tracing::warn!("others may read the console's key: `chmod 600 {}`", path.display());
        }
    }
    SealKey::parse(&text).map(Some).ok_or_else(|| no_key(&format!("what is in {}", path.display())))
}

fn no_key(what: &str) -> Problem {
    refused(
        "console/bad-key",
        format!("{what} is not a key: a key is 32 bytes in base64, 44 characters"),
        "put the right file back; a new console makes its key by itself",
    )
}

pub(crate) fn wrong_key(sealed_with: &str, given: &str) -> Problem {
    refused(
        "console/wrong-key",
        format!("it is sealed with key {sealed_with}, and key {given} was given"),
        format!(
            "give key {sealed_with}: `key` in the state directory, `key_file` in paddock.toml, PADDOCK_KEY_FILE or PADDOCK_KEY"
        ),
    )
}
