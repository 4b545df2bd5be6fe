//! The console's memory holds every password: it must not land in a file when the process dies.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Command, Stdio};

/// `sh` that lets a process leave as large a core file as it may.
fn with_core_files(then: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("ulimit -c unlimited; {then}")]).arg("sh");
    shell
}

#[test]
fn a_console_that_is_aborted_leaves_no_core_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut serve = with_core_files("exec \"$@\"");
    serve.arg(env!("CARGO_BIN_EXE_paddock")).args(["serve", "--listen", "127.0.0.1:0", "--state-dir"]);
    serve.arg(folder.path().join("state")).current_dir(folder.path()).process_group(0);
    let mut console = serve.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(console.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(said.any(|line| line.contains("the console answers")), "it has started");
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", console.id())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().rev().skip(1).take(2).collect::<Vec<_>>(), ["0", "0"], "{core}");
    let killed = Command::new("kill").args(["-ABRT", &console.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let ended = console.wait().unwrap();
    assert_eq!(ended.signal(), Some(6));
    assert!(!ended.core_dumped(), "{ended}");
    // A process that does nothing against it, in the same folder: here the kernel does write them.
    let other = with_core_files("kill -ABRT $$").current_dir(folder.path()).status().unwrap();
    assert!(
        other.core_dumped()
            || std::fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap().trim().is_empty(),
        "{other}"
    );
}
