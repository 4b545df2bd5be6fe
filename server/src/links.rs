//! The names by which scripts call us.

use crate::client::Name;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// `paddock links DIRECTORY [--to PATH]`
pub(crate) fn make(directory: &Path, to: Option<PathBuf>) -> ExitCode {
    let made = to.map_or_else(std::env::current_exe, Ok).and_then(|to| make_all(directory, &to));
    match made {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // When even standard error is gone, the exit code still says it.
            drop(writeln!(io::stderr(), "paddock: cannot make links in {}: {error}", directory.display()));
            ExitCode::from(1)
        }
    }
}

fn make_all(directory: &Path, to: &Path) -> io::Result<()> {
    std::fs::create_dir_all(directory)?;
    for name in Name::SCRIPTS {
        let link = directory.join(name.as_str());
        match std::fs::symlink_metadata(&link) {
            Ok(there) if there.is_symlink() => std::fs::remove_file(&link)?,
            Ok(_) => {
                let why = format!("{} is there and is no link; it was left alone", link.display());
                return Err(io::Error::new(io::ErrorKind::AlreadyExists, why));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        std::os::unix::fs::symlink(to, &link)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_made_anew_and_a_script_of_somebody_else_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let bin = dir.path().join("bin");
        make_all(&bin, Path::new("../old")).unwrap();
        make_all(&bin, Path::new("../paddock")).unwrap();
        assert_eq!(std::fs::read_dir(&bin).unwrap().count(), Name::SCRIPTS.len());
        assert_eq!(std::fs::read_link(bin.join("pgsql-add")).unwrap(), Path::new("../paddock"));
        let own = bin.join("pg-backup");
        std::fs::remove_file(&own).unwrap();
        std::fs::write(&own, "#!/bin/sh\n").unwrap();
        let refused = make_all(&bin, Path::new("../paddock")).unwrap_err();
        assert!(refused.to_string().contains("pg-backup is there and is no link"), "{refused}");
        assert_eq!(std::fs::read_to_string(&own).unwrap(), "#!/bin/sh\n");
    }
}
