//! Running other programs: with a log, with a bound, with an error that says what failed.

use crate::{place, report};
use anyhow::{Context, Result, bail};
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

/// Whether a program is in PATH or, given as a path, exists.
pub fn exists(program: &str) -> bool {
    if program.contains('/') {
        return Path::new(program).exists();
    }
    // An account that is not root often lacks the sbin folders, where debootstrap lives.
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
    path.split(':').any(|dir| Path::new(dir).join(program).is_file())
}

/// The command as a person would type it; arguments only, never the environment.
pub fn shown(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(command.get_args().map(|word| word.to_string_lossy().into_owned()));
    words.join(" ")
}

/// Runs it with this terminal as its output.
pub fn run(command: &mut Command) -> Result<()> {
    let status = status(command)?;
    if !status.success() {
        bail!("`{}` ended with {status}", shown(command));
    }
    Ok(())
}

/// Runs it with this terminal as its output and gives how it ended.
pub fn status(command: &mut Command) -> Result<ExitStatus> {
    command.stdin(Stdio::null()).status().with_context(|| format!("cannot start `{}`", shown(command)))
}

/// Runs it and gives what it printed; a failure carries its error output.
pub fn output(command: &mut Command) -> Result<String> {
    let out = capture(command)?;
    if !out.status.success() {
        bail!(
            "`{}` ended with {}: {}",
            shown(command),
            out.status,
            String::from_utf8_lossy(&out.stderr).trim()
        );
    }
    Ok(String::from_utf8_lossy(&out.stdout).into_owned())
}

/// Runs it and gives everything; only a program that cannot be started is an error.
pub fn capture(command: &mut Command) -> Result<Output> {
    command.stdin(Stdio::null()).output().with_context(|| format!("cannot start `{}`", shown(command)))
}

/// Whether it ends well within the bound; it and what it started is ended when it does not.
pub fn succeeds_within(command: &mut Command, bound: Duration) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
    let Ok(mut child) = quiet.spawn() else { return false };
    let began = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return status.success(),
            Ok(None) if began.elapsed() < bound => std::thread::sleep(Duration::from_millis(50)),
            Ok(None) | Err(_) => break,
        }
    }
    let group = format!("-{}", child.id());
    let ended = Command::new("kill").args(["-KILL", "--", &group]).status().is_ok_and(|s| s.success());
    if ended {
        // Reaped, so that no zombie is left; it was killed, so the wait is short.
        let _reaped = child.wait();
    }
    false
}

/// Runs something long with its output in a log; says every half minute how far it is, shows the end on failure.
pub fn logged(command: &mut Command, log: &str) -> Result<()> {
    let path = place::notes().join(log);
    fs::create_dir_all(place::notes())?;
    let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file)
        .spawn()
        .with_context(|| format!("cannot start `{}`", shown(command)))?;
    let mut told = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if told.elapsed() > Duration::from_secs(30) {
            told = Instant::now();
            report::say(&format!("  {log}: {}", progress(&path)));
        }
        std::thread::sleep(Duration::from_millis(100));
    };
    if status.success() {
        return Ok(());
    }
    bail!("`{}` ended with {status}; the end of {}:\n{}", shown(command), path.display(), tail(&path, 40))
}

/// The last line of a log and how many there are, as a sign of life.
fn progress(path: &Path) -> String {
    let Ok(file) = File::open(path) else { return String::new() };
    let (count, last) = BufReader::new(file)
        .lines()
        .map_while(Result::ok)
        .fold((0, String::new()), |(count, _), line| (count + 1, line));
    format!("{count} lines, now `{}`", last.trim())
}

/// The last lines of a file, or why there are none.
pub fn tail(path: &Path, lines: usize) -> String {
    match fs::read(path) {
        Ok(bytes) => {
            let text = String::from_utf8_lossy(&bytes);
            let all: Vec<&str> = text.lines().collect();
            all[all.len().saturating_sub(lines)..].join("\n")
        }
        Err(error) => format!("({}: {error})", path.display()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_hangs_is_ended_at_its_bound() {
        let began = Instant::now();
        assert!(!succeeds_within(Command::new("sleep").arg("20"), Duration::from_millis(200)));
        assert!(began.elapsed() < Duration::from_secs(5));
        assert!(succeeds_within(&mut Command::new("true"), Duration::from_secs(5)));
    }

    #[test]
    fn a_failure_says_the_command_and_its_error_output() {
        let error = output(Command::new("ls").arg("/nowhere")).unwrap_err().to_string();
        assert!(error.contains("`ls /nowhere`") && error.contains("No such file"), "{error}");
    }
}
