//! The command line's words, and what runs for each.

use crate::audit::{self, AuditCommand};
use crate::client::{self, Name, OperationArgs, PlayArgs};
use crate::people::{self, TokenCommand, UserCommand};
use crate::policy::{self, PolicyCommand};
use crate::serve::{self, LogFormat, ServeArgs, StateArgs};
use crate::{links, offline, own_backup};
use clap::{Args, Parser, Subcommand};
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::process::ExitCode;

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
    /// Runs a playbook on the console and follows the job. Exit 0 well, 1 refused or failed, 2 usage.
    Play(Box<PlayArgs>),
    /// Creates a cluster, or with addresses adds these instances: pgsql-add CLS [IP...]
    PgsqlAdd(Box<OperationArgs>),
    /// Removes a cluster, or with addresses these instances: pgsql-rm CLS [IP...]
    PgsqlRm(Box<OperationArgs>),
    /// Renders and reloads the services of a cluster: pgsql-svc CLS [IP...]
    PgsqlSvc(Box<OperationArgs>),
    /// Renders and reloads the HBA rules of a cluster: pgsql-hba CLS [IP...]
    PgsqlHba(Box<OperationArgs>),
    /// Makes a user as the inventory declares it: pgsql-user CLS NAME
    PgsqlUser(Box<OperationArgs>),
    /// Makes a database as the inventory declares it: pgsql-db CLS NAME
    PgsqlDb(Box<OperationArgs>),
    /// Prepares nodes: node-add SELECTOR...
    NodeAdd(Box<OperationArgs>),
    /// Gives nodes back: node-rm SELECTOR...
    NodeRm(Box<OperationArgs>),
    /// Backs a cluster up.
    PgBackup(Box<OperationArgs>),
    /// Adds and lists people; works on the console's state directory, also while it runs.
    #[command(subcommand)]
    User(UserCommand),
    /// Makes, lists and revokes API tokens; works on the console's state directory, also while it runs.
    #[command(subcommand)]
    Token(TokenCommand),
    /// Shows and changes the approval policy; works on the console's state directory, also while it runs.
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Verifies, exports and signs the audit log; works on the console's state directory, also while it runs.
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Backs the console itself up into one file: database, CA, keys; also while it runs. The file holds secrets.
    Backup {
        /// The file; never written over.
        file: PathBuf,
        #[command(flatten)]
        state: StateArgs,
    },
    /// Puts a backup of the console in its place, which must not run. Checks the backup and its audit log first.
    Restore {
        /// The file that `paddock backup` has written.
        file: PathBuf,
        /// Also where there is a console already: it is kept aside in the state directory.
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        state: StateArgs,
    },
    /// Makes the script names (`pgsql-add` and so on) in a directory, as links to this program.
    Links {
        /// The directory; made when missing.
        directory: PathBuf,
        /// What the links lead to, when not to where this program is now: `../paddock`.
        #[arg(long)]
        to: Option<PathBuf>,
    },
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
    if let Some(name) = called.as_deref().and_then(OsStr::to_str).and_then(Name::script) {
        words.splice(0..1, [OsString::from("paddock"), OsString::from(name.as_str())]);
    }
    words
}

/// The exit code of words that clap does not take: 2, or what the script of that name has for it.
pub(crate) fn usage_code(words: &[OsString]) -> u8 {
    words.get(1).and_then(|word| word.to_str()).and_then(Name::script).map_or(2, Name::usage_code)
}

/// Runs a command and gives its exit code.
pub(crate) fn run(cli: Cli) -> ExitCode {
    match cli.command {
        Command::Serve(args) => serve_until_stopped(*args),
        Command::Validate(args) => offline::validate(&args.file, args.json),
        Command::Inventory(InventoryCommand::Cat { file }) => offline::cat(&file),
        Command::Plan(args) => offline::plan(&args.file, args.json, &args.words),
        Command::Play(args) => client::play(&args),
        Command::PgsqlAdd(args) => client::operation(Name::PgsqlAdd, &args),
        Command::PgsqlRm(args) => client::operation(Name::PgsqlRm, &args),
        Command::PgsqlSvc(args) => client::operation(Name::PgsqlSvc, &args),
        Command::PgsqlHba(args) => client::operation(Name::PgsqlHba, &args),
        Command::PgsqlUser(args) => client::operation(Name::PgsqlUser, &args),
        Command::PgsqlDb(args) => client::operation(Name::PgsqlDb, &args),
        Command::NodeAdd(args) => client::operation(Name::NodeAdd, &args),
        Command::NodeRm(args) => client::operation(Name::NodeRm, &args),
        Command::PgBackup(args) => client::operation(Name::PgBackup, &args),
        Command::User(command) => people::user(command),
        Command::Token(command) => people::token(command),
        Command::Policy(command) => policy::run(command),
        Command::Audit(command) => audit::run(command),
        Command::Backup { file, state } => own_backup::back_up(&file, state),
        Command::Restore { file, force, state } => own_backup::restore(&file, force, state),
        Command::Links { directory, to } => links::make(&directory, to),
    }
}

fn serve_until_stopped(args: ServeArgs) -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info,tower_http=warn,sqlx=warn,russh=warn"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match args.log_format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    fn words(line: &str) -> Vec<OsString> {
        with_called_name(line.split(' ').map(OsString::from).collect())
    }

    #[test]
    fn the_command_line_is_whole() {
        Cli::command().debug_assert();
        for name in Name::SCRIPTS {
            assert!(Cli::command().find_subcommand(name.as_str()).is_some(), "{name:?} is a command");
        }
    }

    #[test]
    fn the_name_that_it_is_called_by_picks_the_command() {
        assert_eq!(words("bin/pgsql-add pg-test"), ["paddock", "pgsql-add", "pg-test"]);
        assert_eq!(words("/usr/bin/paddock pgsql-add pg-test")[1], "pgsql-add");
        assert_eq!(words("./pgsql-ad pg-test")[0], "./pgsql-ad");
    }

    #[test]
    fn words_that_are_not_taken_have_the_code_of_their_script() {
        assert_eq!(usage_code(&words("bin/pgsql-hba --no-such")), 1);
        assert_eq!(usage_code(&words("paddock play --no-such")), 2);
        assert_eq!(usage_code(&words("paddock")), 2);
    }
}
