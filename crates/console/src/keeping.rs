//! Files and directories that only the console reads.

use crate::problems::{from_store, internal, problem};
use paddock_events::{Problem, ProblemKind};
use paddock_store::{SealKey, is_sealed_file};
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Makes a directory with mode 0700, parents included; one that is there keeps its content and gets that mode.
pub(crate) fn private_dir(path: &Path) -> Result<(), Problem> {
    let made = std::fs::create_dir_all(path).and_then(|()| {
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700))?;
        }
        Ok(())
    });
    made.map_err(|error| internal(&format!("the directory {} cannot be made", path.display()), &error))
}

/// To write a file that gets mode 0600 when it is made.
pub(crate) fn private_options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Writes a file with mode 0600, whole or not at all.
pub(crate) fn private_file(path: &Path, content: &str) -> Result<(), Problem> {
    let write = || -> std::io::Result<()> {
        let mut aside = path.as_os_str().to_owned();
        aside.push(".new");
        let mut file = private_options().create(true).truncate(true).open(&aside)?;
        file.write_all(content.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&aside, path)
    };
    write().map_err(|error| internal(&format!("the file {} cannot be written", path.display()), &error))
}

/// The file's text; none when there is no such file.
pub(crate) fn read_if_there(path: &Path) -> Result<Option<String>, Problem> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(internal(&format!("the file {} cannot be read", path.display()), &error)),
    }
}

/// Private SSH keys in the state directory, sealed with the key of the database: who copies the directory without that key has
/// none of them.
#[derive(Clone, Debug)]
pub(crate) struct KeyFiles {
    state_dir: PathBuf,
    key: SealKey,
}

impl KeyFiles {
    pub(crate) fn new(state_dir: &Path, key: SealKey) -> Self {
        Self { state_dir: state_dir.to_owned(), key }
    }

    /// What a file is sealed for: the directory may be moved, one key not be put in the place of another.
    fn name(&self, path: &Path) -> String {
        path.strip_prefix(&self.state_dir).unwrap_or(path).to_string_lossy().into_owned()
    }

    /// The text, and whether it was sealed; none when there is no such file.
    pub(crate) fn read(&self, path: &Path) -> Result<Option<(String, bool)>, Problem> {
        let Some(text) = read_if_there(path)? else { return Ok(None) };
        if !is_sealed_file(&text) {
            return Ok(Some((text, false)));
        }
        let opened = self.key.open_file(&self.name(path), &text);
        opened.map(|text| Some((text, true))).map_err(|error| {
            problem(
                "console/bad-ssh-key",
                ProblemKind::World,
                format!("the SSH key {} cannot be read", path.display()),
                error.to_string(),
                "put the file of a backup back, or a private key in OpenSSH's form without passphrase in its place",
            )
        })
    }

    /// Seals and writes it.
    pub(crate) fn write(&self, path: &Path, text: &str) -> Result<(), Problem> {
        let sealed = self.key.seal_file(&self.name(path), text).map_err(from_store)?;
        private_file(path, &sealed)
    }
}
