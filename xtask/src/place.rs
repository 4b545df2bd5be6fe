//! Where things are: the repository and what is made below its target directory.

use std::path::PathBuf;

/// The repository.
pub fn root() -> PathBuf {
    let xtask = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().expect("xtask is a folder of the repository").to_path_buf()
}

/// Cargo's target directory, `CARGO_TARGET_DIR` honoured.
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |dir| root().join(dir))
}

/// The folder that the server serves from.
pub fn site() -> PathBuf {
    target().join("site")
}

/// The release server.
pub fn server() -> PathBuf {
    target().join("release/paddock")
}

/// Logs and notes of these commands.
pub fn notes() -> PathBuf {
    target().join("xtask")
}

/// What tests leave for a person to look at.
pub fn artefacts() -> PathBuf {
    target().join("artefacts")
}
