//! The lab: which one, bringing it up and down, running something in its network.

use crate::rights::{self, Rights};
use crate::{command, place, report};
use anyhow::{Context, Result, bail};
use std::fs;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// One lab: its nodes, its network, and the base that it shares with other labs.
#[derive(Clone, Debug)]
pub struct Lab {
    name: String,
    dir: String,
    base: String,
}

impl Lab {
    /// The lab of `cargo xtask up`: lab/lab's own defaults, or what the environment names.
    pub fn of_up() -> Self {
        let or = |name: &str, default: &str| std::env::var(name).unwrap_or_else(|_| default.to_owned());
        let dir = or("LAB_DIR", "/var/lib/pg-lab");
        let base = or("LAB_BASE", &dir);
        Self { name: or("LAB_NAME", "pglab"), dir, base }
    }

    /// A lab of `cargo xtask test`, by its lane: nodes of its own, so that it leaves a console that is up alone.
    pub fn of_tests(lane: usize) -> Self {
        let up = Self::of_up();
        Self { name: format!("{}-t{lane}", up.name), dir: format!("{}-test{lane}", up.dir), base: up.base }
    }

    /// Prefix of its namespaces; unique on this machine.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The variables by which lab/lab and the tests find this lab.
    pub fn environment(&self) -> [(&'static str, &str); 3] {
        [("LAB_NAME", &self.name), ("LAB_DIR", &self.dir), ("LAB_BASE", &self.base)]
    }

    /// The script.
    pub fn script() -> PathBuf {
        place::root().join("lab/lab")
    }

    /// `lab/lab` for this lab, with root's rights.
    pub fn command(&self) -> Command {
        rights::as_root(&Self::script().to_string_lossy(), &self.environment())
    }

    /// The network namespace that the nodes are in.
    pub fn namespace(&self) -> PathBuf {
        Path::new("/run/netns").join(&self.name)
    }

    /// Whether nodes are there whose network is gone: the machine was restarted since.
    pub fn is_torn(&self) -> bool {
        let nodes = fs::read_dir(Path::new(&self.dir).join("nodes")).map_or(0, Iterator::count);
        nodes > 0 && !self.namespace().exists()
    }

    /// Builds what every lab shares, where it is missing. Takes about two minutes the first time.
    pub fn build(&self) -> Result<()> {
        command::logged(self.command().arg("build"), "lab-build.log")
    }

    /// Makes and starts what does not run; running nodes are left as they are.
    pub fn up(&self) -> Result<()> {
        report::step("starting the lab's nodes", || {
            command::logged(self.command().arg("up"), &self.log("up"))
        })
    }

    /// Destroys the nodes and the network, keeps the base. Fine when there is nothing.
    pub fn down(&self) -> Result<()> {
        if !Path::new(&self.dir).exists() {
            return Ok(());
        }
        report::step("destroying the lab's nodes", || {
            command::logged(self.command().arg("down"), &self.log("down"))
        })
    }

    /// Labs side by side have logs of their own.
    fn log(&self, verb: &str) -> String {
        format!("lab-{verb}-{}.log", self.name)
    }

    /// Gives the console the key and the pinned host keys of this lab's nodes, as `state_dir/ssh` has them.
    pub fn hand_keys_to(&self, ssh: &Path) -> Result<()> {
        fs::create_dir_all(ssh)?;
        for (name, mode) in [("id_ed25519", 0o600), ("known_hosts", 0o644)] {
            let content = command::output(rights::as_root("cat", &[]).arg(format!("{}/{name}", self.dir)))?;
            let to = ssh.join(name);
            if to.exists() {
                fs::remove_file(&to)?;
            }
            let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&to)?;
            std::io::Write::write_all(&mut file, content.as_bytes())
                .with_context(|| format!("cannot write {}", to.display()))?;
        }
        Ok(())
    }
}

/// The S3 server of tests that need a shared backup repository, installed once (docs/decisions/0010).
pub fn s3_server() -> Result<PathBuf> {
    let home = place::target().join("s3-server");
    let program = home.join("bin/moto_server");
    if !program.exists() {
        rights::install(rights::STORE)?;
        command::run(Command::new("/usr/bin/python3").args(["-m", "venv"]).arg(&home))?;
        let mut pip = Command::new(home.join("bin/pip"));
        command::run(pip.args(["install", "--quiet", "moto[s3]==5.2.5", "flask", "flask-cors"]))?;
    }
    Ok(program)
}

/// Destroys a lab's nodes when dropped, so that a failing test leaves none behind.
pub struct DownAtEnd(pub Lab);

impl Drop for DownAtEnd {
    fn drop(&mut self) {
        if let Err(error) = self.0.down() {
            report::say(&format!("the lab could not be taken down: {error:#}"));
        }
    }
}

/// `cargo xtask lab …`: the script as it is, for the lab of `up`.
pub fn pass_on(args: &[String]) -> Result<ExitCode> {
    if rights::rights() == Rights::None {
        bail!("the lab needs root, or sudo that asks for no password");
    }
    let mut lab = Lab::of_up().command();
    let status = lab.args(args).status().with_context(|| format!("cannot start {}", command::shown(&lab)))?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}
