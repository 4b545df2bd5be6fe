//! The command line's words, and what runs for each.

use crate::offline;
use crate::serve::{self, ServeArgs};
use clap::{Args, Parser, Subcommand};
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

/// Operations that may be called by their own name, as links to this binary.
const NAMES: [&str; 9] = [
    "pgsql-add",
    "pgsql-rm",
    "pgsql-svc",
    "pgsql-hba",
    "pgsql-user",
    "pgsql-db",
    "node-add",
    "node-rm",
    "pg-backup",
];

/// Runs PostgreSQL clusters from a Pigsty inventory.
#[derive(Debug, Parser)]
#[command(name = "paddock", version, propagate_version = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the console.
    Serve(Box<ServeArgs>),
    /// Checks an inventory and prints findings like a compiler. Exit 0 clean or warnings, 1 errors, 2 unreadable.
    Validate(ValidateArgs),
    /// Works on an inventory file.
    #[command(subcommand)]
    Inventory(InventoryCommand),
    /// Prints what an operation would do; needs neither console nor nodes. Exit 0 a plan, 1 refused, 2 usage.
    Plan(PlanArgs),
}

#[derive(Debug, Args)]
struct ValidateArgs {
    /// The inventory.
    #[arg(default_value = "pigsty.yml")]
    file: PathBuf,
    /// Findings as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum InventoryCommand {
    /// Prints the document back, byte for byte.
    Cat {
        /// The inventory.
        file: PathBuf,
    },
}

#[derive(Debug, Args)]
struct PlanArgs {
    /// The inventory.
    #[arg(short = 'i', long = "inventory", default_value = "pigsty.yml")]
    file: PathBuf,
    /// The plan as JSON.
    #[arg(long)]
    json: bool,
    /// `pgsql-add pg-test`, or `pgsql.yml -l pg-test -t pg_service -e pg_reload=true`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
    words: Vec<String>,
}

/// A binary called `pgsql-add` runs that operation: argv[0] picks the command.
pub(crate) fn with_called_name(mut words: Vec<OsString>) -> Vec<OsString> {
    let called = words.first().map(PathBuf::from).and_then(|path| path.file_name().map(OsString::from));
    let called =
        called.and_then(|name| name.into_string().ok()).filter(|name| NAMES.contains(&name.as_str()));
    if let Some(name) = called {
        words.splice(0..1, [OsString::from("paddock"), OsString::from("plan"), OsString::from(name)]);
    }
    words
}

/// Runs a command and gives its exit code.
pub(crate) fn run(cli: Cli) -> ExitCode {
    match cli.command {
        Command::Serve(args) => serve_until_stopped(*args),
        Command::Validate(args) => offline::validate(&args.file, args.json),
        Command::Inventory(InventoryCommand::Cat { file }) => offline::cat(&file),
        Command::Plan(args) => offline::plan(&args.file, args.json, &args.words),
    }
}

fn serve_until_stopped(args: ServeArgs) -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info,tower_http=warn,sqlx=warn,russh=warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let served =
        runtime.map_err(anyhow::Error::from).and_then(|runtime| runtime.block_on(serve::serve(args)));
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::from(1)
        }
    }
}
