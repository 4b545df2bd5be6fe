//! Files and directories that only the console reads.

use crate::problems::internal;
use paddock_events::Problem;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

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
