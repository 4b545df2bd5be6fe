//! The `paddock` binary: the console, and the commands that need none.

mod audit;
mod cli;
mod client;
mod links;
mod offline;
mod own_backup;
mod people;
mod policy;
mod serve;

use clap::Parser as _;
use std::process::ExitCode;

/// A page is thousands of small strings: the allocator of glibc took a third of its time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let words: Vec<std::ffi::OsString> = cli::with_called_name(std::env::args_os().collect());
    let usage = cli::usage_code(&words);
    let cli = match cli::Cli::try_parse_from(words) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are answers, not mistakes; clap prints both to where they belong.
            let code = if error.use_stderr() { usage } else { 0 };
            return if error.print().is_ok() { ExitCode::from(code) } else { ExitCode::from(2) };
        }
    };
    cli::run(cli)
}
