//! Settings: flags over environment over `paddock.toml` over defaults.

use super::notify_file::NotifyFile;
use super::oidc_args::{OidcArgs, OidcFile};
use super::stated::{Decided, Stated};
use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum};
use paddock_console::KeySource;
use serde::Deserialize;
use std::env::VarError;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// Where `paddock serve` listens when nobody says otherwise, and where the other commands look for it.
pub(crate) const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

/// Flags of commands that work on the console's state directory; found as `paddock serve` finds it.
#[derive(Debug, Default, Args)]
pub(crate) struct StateArgs {
    /// Settings file.
    #[arg(long, env = "PADDOCK_CONFIG")]
    config: Option<PathBuf>,
    /// Directory of database, CA and SSH key.
    #[arg(long, env = "PADDOCK_STATE_DIR")]
    state_dir: Option<PathBuf>,
}

impl From<StateArgs> for ServeArgs {
    fn from(args: StateArgs) -> Self {
        Self { config: args.config, state_dir: args.state_dir, ..Self::default() }
    }
}

/// How the log's lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For a person.
    #[default]
    Text,
    /// One JSON object a line: what came from outside cannot make a line of its own.
    Json,
}

/// Flags of `paddock serve`.
#[derive(Debug, Default, Args)]
pub(crate) struct ServeArgs {
    /// Settings file.
    #[arg(long, env = "PADDOCK_CONFIG")]
    config: Option<PathBuf>,
    /// Address to listen on, unless a socket is handed over (LISTEN_FDS).
    #[arg(long, env = "PADDOCK_LISTEN")]
    listen: Option<SocketAddr>,
    /// Directory of database, CA and SSH key.
    #[arg(long, env = "PADDOCK_STATE_DIR")]
    state_dir: Option<PathBuf>,
    /// Directory that holds `pkg/`, the browser's files.
    #[arg(long, env = "PADDOCK_SITE_ROOT")]
    site_root: Option<PathBuf>,
    /// First inventory of a new console.
    #[arg(long, env = "PADDOCK_SEED_INVENTORY")]
    seed_inventory: Option<PathBuf>,
    /// The key that the database is sealed with; without it `key` in the state directory. Or PADDOCK_KEY, the key itself.
    #[arg(long, env = "PADDOCK_KEY_FILE")]
    key_file: Option<PathBuf>,
    /// Private key for the nodes.
    #[arg(long, env = "PADDOCK_SSH_KEY")]
    ssh_key: Option<PathBuf>,
    /// Host keys of the nodes.
    #[arg(long, env = "PADDOCK_KNOWN_HOSTS")]
    known_hosts: Option<PathBuf>,
    /// SSH user when the inventory names none.
    #[arg(long, env = "PADDOCK_SSH_USER")]
    ssh_user: Option<String>,
    /// The console is reached by HTTPS only, through a proxy: cookies are marked Secure.
    #[arg(long, env = "PADDOCK_SECURE_COOKIES")]
    secure_cookies: bool,
    /// Certificate with its chain (PEM): the console speaks HTTPS itself, and HTTPS only.
    #[arg(long, env = "PADDOCK_TLS_CERT", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The certificate's private key (PEM).
    #[arg(long, env = "PADDOCK_TLS_KEY", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// How the log on standard error looks.
    #[arg(long, env = "PADDOCK_LOG_FORMAT", value_enum, default_value_t)]
    pub(crate) log_format: LogFormat,
    /// Where browsers reach the console, for the provider to lead back to: https://console.example
    #[arg(long, env = "PADDOCK_PUBLIC_URL")]
    public_url: Option<String>,
    #[command(flatten)]
    oidc: OidcArgs,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    listen: Option<SocketAddr>,
    state_dir: Option<PathBuf>,
    site_root: Option<PathBuf>,
    seed_inventory: Option<PathBuf>,
    key_file: Option<PathBuf>,
    ssh_key: Option<PathBuf>,
    known_hosts: Option<PathBuf>,
    ssh_user: Option<String>,
    secure_cookies: Option<bool>,
    tls_cert: Option<PathBuf>,
    tls_key: Option<PathBuf>,
    public_url: Option<String>,
    #[serde(default)]
    oidc: OidcFile,
    #[serde(default)]
    notify: Vec<NotifyFile>,
}

/// Settings after precedence.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) listen: SocketAddr,
    pub(crate) state_dir: PathBuf,
    pub(crate) site_root: PathBuf,
    pub(crate) seed_inventory: Option<PathBuf>,
    pub(crate) key: KeySource,
    pub(crate) ssh_key: Option<PathBuf>,
    pub(crate) known_hosts: Option<PathBuf>,
    pub(crate) ssh_user: String,
    pub(crate) secure_cookies: bool,
    /// Certificate and key.
    pub(crate) tls: Option<(PathBuf, PathBuf)>,
    pub(crate) public_url: Option<String>,
    /// Read whole when the console starts: other commands need no provider's secret.
    pub(crate) oidc: OidcFile,
    /// As `oidc`.
    pub(crate) notify: Vec<NotifyFile>,
    /// Who decided what of these.
    pub(super) stated: Stated,
}

impl Config {
    pub(crate) fn read(args: ServeArgs) -> Result<Self> {
        let path =
            args.config.clone().or_else(|| Some(PathBuf::from("paddock.toml")).filter(|path| path.exists()));
        let file = path.as_ref().map(read_file).transpose()?.unwrap_or_default();
        let stated = stated(&args, &file, path);
        let tls = match (args.tls_cert.or(file.tls_cert), args.tls_key.or(file.tls_key)) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => {
                bail!("tls_cert and tls_key are given together or not at all")
            }
        };
        let key = match (args.key_file.or(file.key_file), std::env::var("PADDOCK_KEY")) {
            (None, Err(VarError::NotPresent)) => KeySource::StateDir,
            (Some(path), Err(VarError::NotPresent)) => KeySource::File(path),
            (None, Ok(text)) => KeySource::Text(text),
            (None, Err(VarError::NotUnicode(_))) => bail!("PADDOCK_KEY is not a key"),
            (Some(path), _) => bail!("PADDOCK_KEY is set, and so is key_file ({}): give one", path.display()),
        };
        let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/share/paddock"));
        Ok(Self {
            listen: args.listen.or(file.listen).unwrap_or(DEFAULT_LISTEN),
            state_dir: args
                .state_dir
                .or(file.state_dir)
                .or_else(home)
                .context("no state directory: give --state-dir, or set HOME")?,
            site_root: args.site_root.or(file.site_root).unwrap_or_else(|| PathBuf::from("site")),
            seed_inventory: args.seed_inventory.or(file.seed_inventory),
            key,
            ssh_key: args.ssh_key.or(file.ssh_key),
            known_hosts: args.known_hosts.or(file.known_hosts),
            ssh_user: args.ssh_user.or(file.ssh_user).unwrap_or_else(|| "root".to_owned()),
            secure_cookies: tls.is_some() || args.secure_cookies || file.secure_cookies.unwrap_or(false),
            tls,
            public_url: args.public_url.or(file.public_url),
            oidc: args.oidc.over(file.oidc),
            notify: file.notify,
            stated,
        })
    }
}

fn stated(args: &ServeArgs, file: &File, path: Option<PathBuf>) -> Stated {
    let by = [
        ("config", Decided::by(args.config.is_some(), false)),
        ("listen", Decided::by(args.listen.is_some(), file.listen.is_some())),
        ("state_dir", Decided::by(args.state_dir.is_some(), file.state_dir.is_some())),
        ("site_root", Decided::by(args.site_root.is_some(), file.site_root.is_some())),
        ("seed_inventory", Decided::by(args.seed_inventory.is_some(), file.seed_inventory.is_some())),
        ("key_file", Decided::by(args.key_file.is_some(), file.key_file.is_some())),
        ("ssh_key", Decided::by(args.ssh_key.is_some(), file.ssh_key.is_some())),
        ("known_hosts", Decided::by(args.known_hosts.is_some(), file.known_hosts.is_some())),
        ("ssh_user", Decided::by(args.ssh_user.is_some(), file.ssh_user.is_some())),
        ("secure_cookies", Decided::by(args.secure_cookies, file.secure_cookies.is_some())),
        ("tls_cert", Decided::by(args.tls_cert.is_some(), file.tls_cert.is_some())),
        ("public_url", Decided::by(args.public_url.is_some(), file.public_url.is_some())),
    ];
    Stated { file: path, by: by.into() }
}

fn read_file(path: &PathBuf) -> Result<File> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    toml::from_str(&text).with_context(|| format!("{} is not a settings file", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_setting_says_who_decides_it_and_no_key_is_shown() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("paddock.toml");
        std::fs::write(&path, "listen = \"127.0.0.1:9999\"\nssh_user = \"ops\"\n").unwrap();
        let args = ServeArgs {
            config: Some(path.clone()),
            ssh_user: Some("root".into()),
            state_dir: Some("state".into()),
            ..ServeArgs::default()
        };
        let mut config = Config::read(args).unwrap();
        config.key = KeySource::Text("C4nary".into());
        let groups = config.stated.groups(&config);
        let rows: Vec<_> = groups.iter().flat_map(|group| &group.rows).collect();
        let said = |name: &str| {
            let row = rows.iter().find(|row| row.name == name).unwrap();
            format!("{} | {} | {}", row.value, row.from, row.key)
        };
        assert_eq!(said("Address to listen on"), format!("127.0.0.1:9999 | {} | listen", path.display()));
        assert_eq!(said("User"), "root | flag or environment | --ssh-user");
        assert_eq!(said("Host keys"), "ssh/known_hosts of the state directory | built in | ");
        assert!(!format!("{groups:?}").contains("C4nary"));
    }

    #[test]
    fn the_key_is_where_the_settings_say() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("paddock.toml");
        let config = |text: &str, key_file: Option<&str>| {
            std::fs::write(&path, text).unwrap();
            let args = ServeArgs {
                config: Some(path.clone()),
                state_dir: Some("state".into()),
                key_file: key_file.map(PathBuf::from),
                ..ServeArgs::default()
            };
            format!("{:?}", Config::read(args).unwrap().key)
        };
        assert_eq!(config("", None), "StateDir");
        assert_eq!(config("key_file = \"/run/key\"", None), "File(/run/key)");
        assert_eq!(config("key_file = \"/run/key\"", Some("/other")), "File(/other)");
    }
}
