//! `paddock policy`: on the console's own machine, in its state directory, also while it runs.

use crate::people::{end, print, world};
use crate::serve::{Config, ServeArgs, StateArgs};
use clap::Subcommand;
use paddock_console::PolicyDesk;
use paddock_events::Problem;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Longest text that is read; the console's own bound is below.
const LONGEST: u64 = 1 << 20;

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Prints the text in force, to be changed and given to `set`.
    Show {
        #[command(flatten)]
        state: StateArgs,
    },
    /// Puts another text in its place, and prints what it says. It holds at once; the audit log has it.
    Set {
        /// The text; `-` is standard input.
        file: PathBuf,
        #[command(flatten)]
        state: StateArgs,
    },
}

/// `paddock policy …`
pub(crate) fn run(command: PolicyCommand) -> ExitCode {
    end(async {
        match command {
            PolicyCommand::Show { state } => {
                let desk = open(state).await?;
                let text = desk.show().await;
                desk.close().await;
                print(&text?)
            }
            PolicyCommand::Set { file, state } => {
                let text = read(&file)?;
                let desk = open(state).await?;
                let said = desk.set(&text).await;
                desk.close().await;
                print(&format!("{}\n", said?))
            }
        }
    })
}

fn read(file: &Path) -> Result<String, Problem> {
    let mut text = String::new();
    let done = if file == Path::new("-") {
        std::io::stdin().take(LONGEST).read_to_string(&mut text)
    } else {
        std::fs::File::open(file).and_then(|open| open.take(LONGEST).read_to_string(&mut text))
    };
    done.map_err(|error| world(&format!("cannot read {}: {error}", file.display())))?;
    Ok(text)
}

async fn open(state: StateArgs) -> Result<PolicyDesk, Problem> {
    let config = Config::read(ServeArgs::from(state)).map_err(|error| world(&format!("{error:#}")))?;
    PolicyDesk::open(&config.state_dir).await
}
