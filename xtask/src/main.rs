//! The developer's commands: `cargo xtask up`, `cargo xtask test` and their parts.
//!
//! It compiles first on a fresh machine, with whatever toolchain rustup has, so it leans on `std`, as does the catalogue of
//! strings, which is all that it has of ours: everything heavy (the site's wasm-bindgen, the product itself) is built by
//! it, not into it.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool talks through them")]

mod build;
mod check;
mod command;
mod console;
mod end2end;
mod lab;
mod lanes;
mod place;
mod reasons;
mod report;
mod rights;
mod tally;
mod toolchain;
mod up;
mod words;

use crate::place::Profile;
use anyhow::{Result, bail};
use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask VERB
  up [--no-lab] [--port N]   build, bring the lab up, serve the console on 127.0.0.1 (port 8080)
  down                       stop the console and destroy the lab's nodes; the lab's base is kept
  build                      the release server and the site, nothing started
  test                       all of the four below; the last line says how many passed and failed
    lint                     formatting and clippy, for the server and for the browser
    unit                     tests of all crates that need no lab
    integration              tests of all crates on the lab's nodes
    e2e [NAME]               a person's tasks in Chromium, checked on the nodes
  pictures [NAME]            the same tests, and the pictures that they make kept in docs/pictures
  words [CODE]               the strings to translate; of a language what is missing, and what is stale
  bench [NAME]               criterion benchmarks, in release
  lab ARGS...                lab/lab with the rights it needs: cargo xtask lab ssh 11";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match run(&args) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[String]) -> Result<ExitCode> {
    let Some((verb, rest)) = args.split_first() else {
        bail!("{USAGE}");
    };
    match verb.as_str() {
        "up" => up::up(&up::Wish::parse(rest)?),
        "down" => no_more(rest).and_then(|()| up::down()),
        "build" => no_more(rest)
            .and_then(|()| build::all(&toolchain::choose()?, Profile::Release).map(|_| ExitCode::SUCCESS)),
        "e2e" | "pictures" if rest.len() == 1 => check::run(verb, &rest[0]),
        "test" | "lint" | "unit" | "integration" | "e2e" | "pictures" => {
            no_more(rest).and_then(|()| check::run(verb, ""))
        }
        "bench" => check::bench(rest),
        "words" => words::words(rest),
        "lab" => lab::pass_on(rest),
        "help" | "--help" | "-h" => {
            println!("{USAGE}");
            Ok(ExitCode::SUCCESS)
        }
        _ => bail!("`{verb}` is no verb\n{USAGE}"),
    }
}

fn no_more(rest: &[String]) -> Result<()> {
    match rest.first() {
        None => Ok(()),
        Some(word) => bail!("`{word}` is not understood here\n{USAGE}"),
    }
}
