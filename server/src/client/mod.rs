//! Commands that talk to a running console: they plan there, show the plan, run it there and follow the job here.

mod exit;
mod follow;
mod http;
mod run;
mod show;
mod words;

pub(crate) use exit::Name;
pub(crate) use run::{operation, play};
pub(crate) use show::problem as show_problem;
pub(crate) use words::{OperationArgs, PlayArgs};

use clap::Args;
use std::path::PathBuf;

/// Which console, and who asks.
#[derive(Debug, Args)]
pub(crate) struct ConsoleArgs {
    /// Address of the console.
    #[arg(long, env = "PADDOCK_URL", default_value_t = default_url())]
    console: String,
    /// File with the token on its first line; else the environment variable PADDOCK_TOKEN is the token.
    #[arg(long, env = "PADDOCK_TOKEN_FILE")]
    token_file: Option<PathBuf>,
}

fn default_url() -> String {
    format!("http://{}", crate::serve::DEFAULT_LISTEN)
}
