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

/// Which of cargo's profiles a program was built by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// What a person runs.
    Release,
    /// What the tests run: they compile it anyhow, and compiling all once more takes two cores a quarter of an hour.
    Dev,
}

impl Profile {
    /// Where its programs are.
    pub fn folder(self) -> PathBuf {
        target().join(match self {
            Self::Release => "release",
            Self::Dev => "debug",
        })
    }

    /// The server.
    pub fn server(self) -> PathBuf {
        self.folder().join("paddock")
    }
}

/// Logs and notes of these commands.
pub fn notes() -> PathBuf {
    target().join("xtask")
}

/// What tests leave for a person to look at.
pub fn artefacts() -> PathBuf {
    target().join("artefacts")
}
