//! One console process: starting it in the background, finding it again, stopping it.

use crate::lab::Lab;
use crate::place::Profile;
use crate::{build, command, place, report, rights};
use anyhow::{Context, Result, bail};
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A console's folder: its state, its log and, while it runs, a note of its process.
#[derive(Clone, Debug)]
pub struct Home {
    folder: PathBuf,
    profile: Profile,
}

/// A console that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    pid: u32,
    /// When the process began, in the kernel's ticks: a pid alone may belong to another by now.
    began: u64,
    /// On 127.0.0.1.
    pub port: u16,
    /// What was built when it started.
    mark: String,
}

impl Home {
    /// The console of `up` with the lab. Its state describes the lab's nodes and goes with them.
    pub fn with_lab() -> Self {
        Self::of("lab", Profile::Release)
    }

    /// The console of `up --no-lab`. Its state may hold the keys of real clusters: nothing here removes it.
    pub fn without_lab() -> Self {
        Self::of("own", Profile::Release)
    }

    /// The console of the end-to-end tests on this lab.
    pub fn of_tests(lab: &Lab) -> Self {
        Self::of(lab.name(), Profile::Dev)
    }

    fn of(name: &str, profile: Profile) -> Self {
        Self { folder: place::target().join("paddock").join(name), profile }
    }

    /// The console's own directory.
    pub fn state(&self) -> PathBuf {
        self.folder.join("state")
    }

    /// What it logged.
    pub fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// Whether a console has kept something here.
    pub fn has_state(&self) -> bool {
        fs::read_dir(self.state()).is_ok_and(|mut entries| entries.next().is_some())
    }

    /// Forgets everything. Only for a console that does not run.
    pub fn remove(&self) -> Result<()> {
        match fs::remove_dir_all(&self.folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot remove {}", self.folder.display()))
            }
            _ => Ok(()),
        }
    }

    /// The console that runs here, if one does.
    pub fn running(&self) -> Option<Running> {
        let note = fs::read_to_string(self.folder.join("running")).ok()?;
        let mut words = note.split_whitespace();
        let running = Running {
            pid: words.next()?.parse().ok()?,
            began: words.next()?.parse().ok()?,
            port: words.next()?.parse().ok()?,
            mark: words.next()?.to_owned(),
        };
        (began(running.pid) == Some(running.began)).then_some(running)
    }

    /// Whether what runs here is what was built last.
    pub fn is_current(&self, running: &Running) -> bool {
        running.mark == build::mark(self.profile)
    }

    /// Stops the console that runs here: asks, waits, then ends it. Fine when none does.
    pub fn stop(&self) -> Result<()> {
        if let Some(running) = self.running() {
            report::step("stopping the console", || {
                if !running.end("-TERM", Duration::from_secs(20))?
                    && !running.end("-KILL", Duration::from_secs(5))?
                {
                    bail!("process {} does not end", running.pid);
                }
                Ok(())
            })?;
        }
        match fs::remove_file(self.folder.join("running")) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Starts a console on a loopback port and waits until it answers.
    ///
    /// With a lab the socket is opened in this machine's namespace and handed to a server in the lab's:
    /// a socket keeps the namespace it was made in, so a browser here and nodes there are both in reach, and
    /// nothing else is bridged.
    pub fn start(&self, port: u16, lab: Option<&Lab>) -> Result<Running> {
        if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
            bail!("port {port} on 127.0.0.1 is taken by another program; choose one with --port");
        }
        fs::create_dir_all(self.state())?;
        fs::set_permissions(self.state(), fs::Permissions::from_mode(0o700))?;
        if let Some(lab) = lab {
            lab.hand_keys_to(&self.state().join("ssh"))?;
        }
        let private = |name: &str| {
            let mut open = fs::OpenOptions::new();
            open.create(true).append(true).mode(0o600).open(self.folder.join(name))
        };
        let mut command = match lab {
            Some(lab) => in_lab(lab, port)?,
            None => Command::new("setsid"),
        };
        command.arg(self.profile.server()).args(["serve", "--state-dir"]).arg(self.state());
        command.arg("--site-root").arg(place::site());
        command.args(["--listen", &format!("127.0.0.1:{port}")]);
        if lab.is_some() {
            command.arg("--seed-inventory").arg(place::root().join("lab/pigsty.yml"));
        }
        command.current_dir(&self.folder).stdin(Stdio::null());
        command.stdout(private("output")?).stderr(private("log")?);
        let mut child =
            command.spawn().with_context(|| format!("cannot start `{}`", command::shown(&command)))?;
        let pid = child.id();
        let began =
            began(pid).with_context(|| format!("the console ended at once:\n{}", self.last_words()))?;
        let running = Running { pid, began, port, mark: build::mark(self.profile) };
        fs::write(
            self.folder.join("running"),
            format!("{} {} {} {}\n", running.pid, running.began, running.port, running.mark),
        )?;
        let bound = Instant::now() + Duration::from_secs(60);
        while !running.answers() {
            if let Some(status) = child.try_wait()? {
                bail!("the console ended with {status}:\n{}", self.last_words());
            }
            if Instant::now() > bound {
                self.stop()?;
                bail!("the console did not answer on port {port} within 60 s:\n{}", self.last_words());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(running)
    }

    fn last_words(&self) -> String {
        command::tail(&self.log(), 30)
    }

    /// The first admin's password, when the console has just made one; it is said once, so it is forgotten here.
    pub fn take_password(&self) -> Result<Option<String>> {
        let path = self.folder.join("output");
        let text = fs::read_to_string(&path)?;
        fs::write(&path, "")?;
        Ok(text.lines().find_map(password_of).map(str::to_owned))
    }
}

/// What follows `password` and a colon on a line.
fn password_of(line: &str) -> Option<&str> {
    let at = line.to_ascii_lowercase().find("password")?;
    let (_, password) = line.get(at..)?.split_once(':')?;
    Some(password.trim()).filter(|password| !password.is_empty())
}

impl Running {
    /// What to open in a browser.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Whether it says that it is well.
    pub fn answers(&self) -> bool {
        let ask = || -> std::io::Result<String> {
            let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
            stream.set_read_timeout(Some(Duration::from_secs(5)))?;
            stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")?;
            let mut answer = String::new();
            stream.take(4096).read_to_string(&mut answer)?;
            Ok(answer)
        };
        ask().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
    }

    /// Sends a signal and says whether the process was gone within the bound.
    fn end(&self, signal: &str, bound: Duration) -> Result<bool> {
        command::output(rights::as_root("kill", &[]).args([signal, &self.pid.to_string()]))?;
        let until = Instant::now() + bound;
        while began(self.pid) == Some(self.began) {
            if Instant::now() > until {
                return Ok(false);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(true)
    }
}

/// When a process began, in ticks since the kernel did; none when it is gone or only waits to be reaped.
fn began(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The program's name, field 2, is in brackets and may hold anything.
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
    if fields.first() == Some(&"Z") {
        return None;
    }
    fields.get(19)?.parse().ok()
}

/// A port that is free now.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Opens the socket here, then becomes the server inside the lab's network, as the person who asked for it.
fn in_lab(lab: &Lab, port: u16) -> Result<Command> {
    let mut command = Command::new("setsid");
    let inner = rights::as_root("systemd-socket-activate", &[]);
    command.arg(inner.get_program()).args(inner.get_args());
    command.arg(format!("--listen=127.0.0.1:{port}"));
    if let Ok(filter) = std::env::var("RUST_LOG") {
        command.arg(format!("--setenv=RUST_LOG={filter}"));
    }
    command.args(["nsenter", &format!("--net={}", lab.namespace().display()), "--"]);
    if rights::rights() == rights::Rights::Sudo {
        let id = |what: &str| command::output(Command::new("id").arg(what)).map(|id| id.trim().to_owned());
        command.args(["setpriv", "--reuid", &id("-u")?, "--regid", &id("-g")?, "--clear-groups", "--"]);
    }
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_what_follows_the_colon() {
        let cases = [
            ("admin password: abc-def", Some("abc-def")),
            ("Sign in as admin with the password: x:y", Some("x:y")),
            ("listening on http://127.0.0.1:8080", None),
            ("password:", None),
        ];
        for (line, expected) in cases {
            assert_eq!(password_of(line), expected, "{line}");
        }
    }

    #[test]
    fn this_process_has_a_beginning_and_a_free_pid_has_none() {
        assert!(began(std::process::id()).is_some());
        assert_eq!(began(u32::MAX), None);
    }
}
