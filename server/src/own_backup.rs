//! `paddock backup` and `paddock restore`: the console itself, on its own machine.

use crate::people::{end, print, world};
use crate::serve::{Config, ServeArgs, StateArgs};
use paddock_events::Problem;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn state_dir(state: StateArgs) -> Result<PathBuf, Problem> {
    let config = Config::read(ServeArgs::from(state)).map_err(|error| world(&format!("{error:#}")))?;
    Ok(config.state_dir)
}

/// `paddock backup FILE`
pub(crate) fn back_up(file: &Path, state: StateArgs) -> ExitCode {
    end(async {
        let said = paddock_console::back_up(&state_dir(state)?, file).await?;
        print(&format!("{said}\n"))
    })
}

/// `paddock restore FILE`
pub(crate) fn restore(file: &Path, force: bool, state: StateArgs) -> ExitCode {
    end(async {
        let said = paddock_console::restore(file, &state_dir(state)?, force).await?;
        print(&format!("{said}\n"))
    })
}
