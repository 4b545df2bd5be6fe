//! `paddock audit`: on the console's own machine, in its state directory, also while it runs.

use crate::people::{end, print, world};
use crate::serve::{Config, ServeArgs, StateArgs};
use clap::Subcommand;
use paddock_console::AuditLog;
use paddock_events::Problem;
use std::io::{self, BufWriter, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Finds rows that were altered, removed or moved, and a cut end. Exit 0 well, 1 not.
    Verify {
        /// A signed head that was kept elsewhere; the console's own is looked at in any case.
        #[arg(long)]
        head: Option<PathBuf>,
        #[command(flatten)]
        state: StateArgs,
    },
    /// Prints every row as a line of JSON, verified on the way.
    Export {
        #[command(flatten)]
        state: StateArgs,
    },
    /// Signs where the log ends now and prints it, to be stored elsewhere.
    Head {
        #[command(flatten)]
        state: StateArgs,
    },
}

/// `paddock audit …`
pub(crate) fn run(command: AuditCommand) -> ExitCode {
    end(async {
        match command {
            AuditCommand::Verify { head, state } => {
                let head = head.map(|path| {
                    std::fs::read_to_string(&path)
                        .map_err(|error| world(&format!("cannot read {}: {error}", path.display())))
                });
                let head = head.transpose()?;
                let log = open(state).await?;
                let found = log.verify(head.as_deref()).await;
                log.close().await;
                print(&format!("{}\n", found?))
            }
            AuditCommand::Export { state } => {
                let log = open(state).await?;
                let mut out = BufWriter::new(io::stdout().lock());
                let failed = |error: io::Error| world(&format!("cannot write to standard output: {error}"));
                let done = log.export(|line| writeln!(out, "{line}").map_err(failed)).await;
                log.close().await;
                done?;
                out.flush().map_err(failed)
            }
            AuditCommand::Head { state } => {
                let log = open(state).await?;
                let head = log.sign_head().await;
                log.close().await;
                print(&head?)
            }
        }
    })
}

async fn open(state: StateArgs) -> Result<AuditLog, Problem> {
    let config = Config::read(ServeArgs::from(state)).map_err(|error| world(&format!("{error:#}")))?;
    AuditLog::open(&config.state_dir).await
}
