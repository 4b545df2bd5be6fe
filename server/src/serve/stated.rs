//! Where each setting was decided, for the settings page. Of a key it says where it is, never what.

use super::config::Config;
use paddock_console::KeySource;
use paddock_events::{SettingGroup, SettingRow};
use std::path::{Path, PathBuf};

/// Who decides a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decided {
    /// A flag, or the environment's form of it.
    Flag,
    File,
    Nobody,
}

impl Decided {
    pub(super) fn by(flag: bool, file: bool) -> Self {
        match (flag, file) {
            (true, _) => Self::Flag,
            (false, true) => Self::File,
            (false, false) => Self::Nobody,
        }
    }
}

/// Who decides each of them, by its name in the settings file.
#[derive(Clone, Debug, Default)]
pub(super) struct Stated {
    /// The settings file, when there is one.
    pub(super) file: Option<PathBuf>,
    pub(super) by: Vec<(&'static str, Decided)>,
}

impl Stated {
    fn row(&self, name: &str, value: impl Into<String>, key: &str) -> SettingRow {
        let decided = self.by.iter().find(|(known, _)| *known == key).map_or(Decided::Nobody, |(_, by)| *by);
        let (from, key) = match (decided, &self.file) {
            (Decided::Flag, _) => ("flag or environment".to_owned(), format!("--{}", key.replace('_', "-"))),
            (Decided::File, Some(file)) => (shown(file), key.to_owned()),
            (Decided::File | Decided::Nobody, _) => ("built in".to_owned(), String::new()),
        };
        SettingRow { name: name.to_owned(), value: value.into(), from, key }
    }

    /// The settings in force by subject.
    pub(super) fn groups(&self, config: &Config) -> Vec<SettingGroup> {
        let path =
            |path: &Option<PathBuf>, other: &str| path.as_deref().map_or_else(|| other.to_owned(), shown);
        let whether = |yes: bool| if yes { "yes" } else { "no" };
        let tls = match &config.tls {
            Some((certificate, _)) => format!("HTTPS with {}", shown(certificate)),
            None => "HTTP".to_owned(),
        };
        let key = match &config.key {
            KeySource::StateDir => format!("in {}", shown(config.state_dir.join("key"))),
            KeySource::File(path) => format!("in {}", shown(path)),
            KeySource::Text(_) => "given, not shown".to_owned(),
        };
        let group = |title: &str, rows| SettingGroup { title: title.to_owned(), rows };
        vec![
            group(
                "Console",
                vec![
                    self.row("Version", env!("CARGO_PKG_VERSION"), ""),
                    self.row("Settings file", path(&self.file, "none"), "config"),
                    self.row("Address to listen on", config.listen.to_string(), "listen"),
                    self.row("Browsers come by", tls, "tls_cert"),
                    self.row("Cookies by HTTPS only", whether(config.secure_cookies), "secure_cookies"),
                    self.row(
                        "Address that browsers have",
                        config.public_url.as_deref().unwrap_or("not given"),
                        "public_url",
                    ),
                    self.row("Browser's files", shown(&config.site_root), "site_root"),
                ],
            ),
            group(
                "State and keys",
                vec![
                    self.row("State directory", shown(&config.state_dir), "state_dir"),
                    self.row("Key of the database", key, "key_file"),
                    self.row("First inventory", path(&config.seed_inventory, "none"), "seed_inventory"),
                ],
            ),
            group(
                "Nodes",
                vec![
                    self.row("User", &*config.ssh_user, "ssh_user"),
                    self.row(
                        "Private key",
                        path(&config.ssh_key, "ssh/id_ed25519 of the state directory"),
                        "ssh_key",
                    ),
                    self.row(
                        "Host keys",
                        path(&config.known_hosts, "ssh/known_hosts of the state directory"),
                        "known_hosts",
                    ),
                ],
            ),
        ]
    }
}

fn shown(path: impl AsRef<Path>) -> String {
    path.as_ref().display().to_string()
}
