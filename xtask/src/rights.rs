//! Root's rights and Debian's packages.

use crate::{command, report};
use anyhow::{Result, bail};
use std::process::Command;
use std::sync::{Mutex, OnceLock, PoisonError};

/// How this account can do what only root may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rights {
    /// It is root.
    Root,
    /// sudo lets it, without asking for a password.
    Sudo,
    /// It cannot.
    None,
}

/// Looked up once.
pub fn rights() -> Rights {
    static RIGHTS: OnceLock<Rights> = OnceLock::new();
    *RIGHTS.get_or_init(|| {
        let id = command::output(Command::new("id").arg("-u"));
        if id.is_ok_and(|id| id.trim() == "0") {
            return Rights::Root;
        }
        let sudo = command::capture(Command::new("sudo").args(["-n", "true"]));
        if sudo.is_ok_and(|out| out.status.success()) { Rights::Sudo } else { Rights::None }
    })
}

/// A command that will run as root; sudo drops the environment, so what it needs is given here.
pub fn as_root(program: &str, environment: &[(&str, &str)]) -> Command {
    if rights() == Rights::Root {
        let mut command = Command::new(program);
        command.envs(environment.iter().copied());
        return command;
    }
    let mut command = Command::new("sudo");
    command.args(["-n", "env"]);
    command.args(environment.iter().map(|(name, value)| format!("{name}={value}")));
    command.arg(program);
    command
}

/// Something from Debian: a program or a file, and the package that brings it.
pub type Need = (&'static str, &'static str);

/// What the lab needs, beside the kernel.
pub const LAB: &[Need] = &[
    ("debootstrap", "debootstrap"),
    ("systemd-nspawn", "systemd-container"),
    ("systemd-socket-activate", "systemd"),
    ("ip", "iproute2"),
    ("ssh", "openssh-client"),
];

/// What the S3 server of the integration tests is installed with.
pub const STORE: &[Need] = &[("/usr/share/doc/python3-venv", "python3-venv")];

/// What the browser's tests need.
pub const BROWSER: &[Need] = &[("node", "nodejs"), ("npm", "npm"), ("/usr/bin/chromium", "chromium")];

/// Installs what is not there; looks for the program, not the package, since it may have come another way.
pub fn install(needs: &[Need]) -> Result<()> {
    // dpkg has one lock, and does not wait for it.
    static ONE: Mutex<()> = Mutex::new(());
    let _alone = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let missing: Vec<&str> =
        needs.iter().filter(|(what, _)| !command::exists(what)).map(|(_, package)| *package).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    if rights() == Rights::None {
        bail!("these packages are missing, and installing them takes root or sudo: apt-get install {list}");
    }
    report::step(&format!("installing {list}"), || {
        let quiet = [("DEBIAN_FRONTEND", "noninteractive")];
        command::logged(as_root("apt-get", &quiet).args(["-q", "update"]), "apt-update.log")?;
        let mut apt = as_root("apt-get", &quiet);
        apt.args(["-qy", "install", "--no-install-recommends"]).args(&missing);
        command::logged(&mut apt, "apt-install.log")
    })
}
