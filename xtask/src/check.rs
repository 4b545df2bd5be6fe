//! `test` and its parts.

use crate::lab::{self, Lab};
use crate::lanes::{self, Errand, Part};
use crate::place::Profile;
use crate::reasons::{self, Reasons};
use crate::rights::{self, Rights};
use crate::tally::Tally;
use crate::toolchain::{self, Toolchain};
use crate::{build, command, end2end, report};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::fmt;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::thread::ScopedJoinHandle;

/// `frontend` is a browser's library: built for this machine beside the server it would mix up features.
pub const WORKSPACE: [&str; 3] = ["--workspace", "--exclude", "frontend"];

/// A part that needs no node, and where its output goes.
type Aside = fn(&Toolchain, &mut dyn fmt::Write) -> Result<Tally>;

/// Runs one part, or all; the closing line counts what really ran. `only` chooses among the end-to-end tests. `pictures` is
/// these tests, with what they draw kept for the documents.
///
/// All are compiled first. Unit tests have bounds to keep, so that only the lints go on beside them; then come the tests on
/// nodes, which mostly wait, and beside them what the browser's tests need is compiled.
pub fn run(verb: &str, only: &str) -> Result<ExitCode> {
    let toolchain = &toolchain::choose()?;
    let keep = verb == "pictures";
    let wanted = |part: &str| verb == "test" || verb == part || (keep && part == "e2e");
    let on_nodes = wanted("integration") || wanted("e2e");
    std::thread::scope(|scope| {
        // What cannot be had is said again by the parts that need it.
        let ready =
            on_nodes.then(|| scope.spawn(|| drop(report::step("fetching what the tests need", fetch))));
        let compiled = match verb {
            "lint" => Ok(()),
            _ => report::step("compiling the workspace and its tests", || {
                build::server(toolchain, Profile::Dev)
            }),
        };
        ready.map(ScopedJoinHandle::join);
        compiled
    })?;
    let mut parts = Vec::new();
    if wanted("integration") {
        parts.push(Part { name: "integration", prepare: Box::new(|| integration(toolchain)) });
    }
    if wanted("e2e") {
        parts.push(Part { name: "e2e", prepare: Box::new(|| end2end::errands(toolchain, only, keep)) });
    }
    let mut total = Tally::default();
    let part = |part: &'static str, work: Aside| (part, aside(toolchain, part, work, verb == part));
    let tallies = std::thread::scope(|scope| {
        let lints = wanted("lint").then(|| scope.spawn(|| part("lint", lint)));
        let mut tallies = Vec::new();
        if wanted("unit") {
            tallies.push(part("unit", unit));
        }
        if !parts.is_empty() {
            tallies.extend(lanes::run(parts));
        }
        tallies.extend(lints.map(|lints| lints.join().unwrap_or(("lint", Tally::one(false)))));
        tallies
    });
    for (part, tally) in tallies {
        report::say(&format!("{part}: {tally}"));
        total += tally;
    }
    let why = reasons::take();
    if !why.is_empty() {
        println!("why tests failed:\n{}", why.join("\n"));
    }
    println!("{total}");
    Ok(if total.is_green() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Fetches what tests on nodes need, while the compilers work.
fn fetch() -> Result<()> {
    nodes()?;
    rights::install(rights::BROWSER)?;
    report::step("installing the S3 server", lab::s3_server).map(drop)
}

/// What the lab's nodes are made of.
pub fn nodes() -> Result<()> {
    if rights::rights() == Rights::None {
        bail!("these tests run on the lab's nodes, which need root, or sudo that asks for no password");
    }
    rights::install(rights::LAB)?;
    report::step("building the lab's base", || Lab::of_up().build())
}

/// Runs it, and says its output at the end, or as it comes when nothing else runs. What could not run is a failure of it, not
/// the end of the others.
fn aside(toolchain: &Toolchain, part: &str, work: Aside, alone: bool) -> Tally {
    let (mut said, mut told) = (String::new(), Told);
    let done = report::step(part, || work(toolchain, if alone { &mut told } else { &mut said }));
    print!("{said}");
    done.unwrap_or_else(|error| {
        report::say(&format!("{part}: {error:#}"));
        Tally::one(false)
    })
}

fn lint(toolchain: &Toolchain, _: &mut dyn fmt::Write) -> Result<Tally> {
    let mut tally = Tally::default();
    let mut check = |what: &str, cargo: &mut Command| -> Result<()> {
        let passed = report::step(what, || Ok(command::status(cargo)?.success()))?;
        report::say(&format!("{what}: {}", if passed { "passed" } else { "FAILED" }));
        tally += Tally::one(passed);
        Ok(())
    };
    check("formatting", toolchain.cargo().args(["fmt", "--all", "--check"]))?;
    let mut host = toolchain.cargo();
    host.arg("clippy").args(WORKSPACE).args(["--all-targets", "--quiet", "--", "-D", "warnings"]);
    check("clippy of the server's side", &mut host)?;
    let mut browser = toolchain.cargo();
    browser.args(["clippy", "-p", "frontend", "--target", "wasm32-unknown-unknown", "--quiet", "--"]);
    check("clippy of the browser's side", browser.args(["-D", "warnings"]))?;
    Ok(tally)
}

fn unit(toolchain: &Toolchain, said: &mut dyn fmt::Write) -> Result<Tally> {
    let mut cargo = toolchain.cargo();
    counted(cargo.arg("test").args(WORKSPACE).args(["--no-fail-fast", "--quiet"]), said)
}

/// The terminal, where output is passed on as it comes.
struct Told;

impl fmt::Write for Told {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        print!("{text}");
        Ok(())
    }
}

/// A test binary: the package's folder and the program.
struct Binary {
    folder: PathBuf,
    program: PathBuf,
}

impl Binary {
    fn package(&self) -> String {
        self.folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }
}

/// Every test whose name begins with `lab_`, in the lab's network, on nodes made for its binary.
fn integration(toolchain: &Toolchain) -> Result<Vec<Errand<'static>>> {
    nodes()?;
    // Built before, since there is no way out of the lab's network.
    let binaries = report::step("building the tests", || binaries(toolchain))?;
    let store = report::step("installing the S3 server", lab::s3_server)?;
    let mut errands = Vec::new();
    for binary in binaries {
        let listed = command::output(Command::new(&binary.program).args(["--ignored", "--list", "lab_"]))?;
        let tests = listed.lines().filter(|line| line.ends_with(": test")).count();
        if tests == 0 {
            continue;
        }
        let program = binary.program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let store = store.clone();
        errands.push(Errand {
            name: format!("{program}: {tests} of {}", binary.package()),
            run: Box::new(move |lab, said| {
                lab.up()?;
                let mut run = lab.command();
                // Through `env`, since sudo passes on none of ours.
                run.args(["exec", "env"]).arg(format!("LAB_S3={}", store.display()));
                run.arg(&binary.program).args(["--ignored", "--test-threads=1", "lab_"]);
                counted(run.current_dir(&binary.folder), said)
            }),
        });
    }
    Ok(errands)
}

fn binaries(toolchain: &Toolchain) -> Result<Vec<Binary>> {
    let mut cargo = toolchain.cargo();
    cargo.arg("test").args(WORKSPACE).args(["--no-run", "--quiet", "--message-format=json"]);
    let out = command::output(&mut cargo)?;
    let messages = out.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    Ok(messages.filter_map(|message| binary(&message)).collect())
}

fn binary(message: &Value) -> Option<Binary> {
    let is_test = message["profile"]["test"].as_bool()?;
    let folder = PathBuf::from(message["manifest_path"].as_str()?).parent()?.to_path_buf();
    is_test.then_some(Binary { folder, program: message["executable"].as_str()?.into() })
}

/// Runs tests with their output read, and passed on line by line.
pub fn counted(command: &mut Command, said: &mut dyn fmt::Write) -> Result<Tally> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start `{}`", command::shown(command)))?;
    let mut tally = Tally::default();
    let mut reasons = Reasons::default();
    let stdout = child.stdout.take().context("the output of the tests is piped")?;
    for line in BufReader::new(stdout).split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        tally.read(&line);
        reasons.read(&line);
        writeln!(said, "{line}")?;
    }
    tally.ended(child.wait()?.success());
    if tally.failed > 0 {
        reasons.keep();
    }
    Ok(tally)
}

/// Criterion's benchmarks, in release; the arguments choose by name.
pub fn bench(args: &[String]) -> Result<ExitCode> {
    let toolchain = toolchain::choose()?;
    command::run(toolchain.cargo().args(["bench", "--benches"]).args(WORKSPACE).arg("--").args(args))?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_output_of_tests_is_counted_with_how_they_ended() {
        let run =
            |script: &str| counted(Command::new("sh").args(["-c", script]), &mut String::new()).unwrap();
        assert_eq!(
            run("echo 'test result: ok. 2 passed; 0 failed; 0 ignored'"),
            Tally { passed: 2, failed: 0 }
        );
        assert_eq!(
            run("echo 'test result: FAILED. 2 passed; 1 failed'; exit 101"),
            Tally { passed: 2, failed: 1 }
        );
        assert_eq!(run("exit 101"), Tally { passed: 0, failed: 1 });
    }
}
