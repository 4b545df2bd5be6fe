//! `paddock user` and `paddock token`: on the console's own machine, in its state directory.

use crate::client::show_problem;
use crate::serve::{Config, ServeArgs, StateArgs};
use clap::{Args, Subcommand};
use paddock_console::{Grant, People, PersonRole, Scope};
use paddock_events::{Problem, ProblemKind, TokenId};
use std::io::{self, Read as _, Write as _};
use std::process::ExitCode;
use std::time::Duration;
use time::OffsetDateTime;
use time::macros::format_description;

/// Longest password that is read; the console's own bound is far below.
const PASSWORD: u64 = 64 << 10;

#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Adds a person and prints a generated password, once.
    Add {
        /// Sign-in name.
        name: String,
        /// viewer, operator, approver or admin.
        #[arg(long, value_parser = role)]
        role: PersonRole,
        #[command(flatten)]
        scope: ScopeArgs,
        #[command(flatten)]
        password: PasswordArgs,
        #[command(flatten)]
        state: StateArgs,
    },
    /// Lists everybody with what was granted to them.
    List {
        #[command(flatten)]
        state: StateArgs,
    },
    /// Gives a person a role on some clusters, besides what they have. Their sessions end, for their tokens it holds at once.
    Grant {
        /// Sign-in name.
        name: String,
        /// viewer, operator, approver or admin.
        #[arg(value_parser = role)]
        role: PersonRole,
        #[command(flatten)]
        scope: ScopeArgs,
        #[command(flatten)]
        state: StateArgs,
    },
    /// Takes one grant from a person, as `user list` shows it. Their sessions end, for their tokens it holds at once.
    Revoke {
        /// Sign-in name.
        name: String,
        /// viewer, operator, approver or admin.
        #[arg(value_parser = role)]
        role: PersonRole,
        #[command(flatten)]
        scope: ScopeArgs,
        #[command(flatten)]
        state: StateArgs,
    },
    /// Gives a person one role on everything, instead of all that they have.
    Role {
        /// Sign-in name.
        name: String,
        /// viewer, operator, approver or admin.
        #[arg(value_parser = role)]
        role: PersonRole,
        #[command(flatten)]
        state: StateArgs,
    },
    /// Keeps a person from everything, tokens and given approvals included; their sessions end.
    Disable {
        /// Sign-in name.
        name: String,
        #[command(flatten)]
        state: StateArgs,
    },
    /// Lets a disabled person in again.
    Enable {
        /// Sign-in name.
        name: String,
        #[command(flatten)]
        state: StateArgs,
    },
    /// Removes a person with their tokens and sessions.
    Remove {
        /// Sign-in name.
        name: String,
        #[command(flatten)]
        state: StateArgs,
    },
    /// Ends all sessions of a person.
    SignOut {
        /// Sign-in name.
        name: String,
        #[command(flatten)]
        state: StateArgs,
    },
    /// Takes a person's second factor away, for who has lost app and recovery codes. Their sessions end.
    ResetFactor {
        /// Sign-in name.
        name: String,
        #[command(flatten)]
        state: StateArgs,
    },
    /// Gives a person another password, printed once. Their sessions end; tokens stay, see `paddock token revoke`.
    Passwd {
        /// Sign-in name.
        name: String,
        #[command(flatten)]
        password: PasswordArgs,
        #[command(flatten)]
        state: StateArgs,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Makes an API token that acts for a person, and prints it, once.
    Add {
        /// Whom it acts for.
        name: String,
        /// What it is for.
        #[arg(long)]
        label: String,
        /// How long it lasts: 12h, 30d, 26w; a year at most. Without it 90 days.
        #[arg(long, value_parser = lasts)]
        expires: Option<Duration>,
        /// The most it may do: viewer, operator, approver or admin. Without it, what the person may do.
        #[arg(long, value_parser = role)]
        role: Option<PersonRole>,
        /// With a role: pattern of the names of the clusters, again for more of them. Without it everything.
        #[arg(long, requires = "role")]
        clusters: Vec<String>,
        #[command(flatten)]
        state: StateArgs,
    },
    /// Lists all tokens, never the tokens themselves.
    List {
        #[command(flatten)]
        state: StateArgs,
    },
    /// Revokes a token: it is refused from now on.
    Revoke {
        /// Its number in the list.
        id: TokenId,
        #[command(flatten)]
        state: StateArgs,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ScopeArgs {
    /// Pattern of the names of the clusters: pg-test, 'pg-prod-*'. Without it everything.
    #[arg(long, default_value = "*")]
    clusters: String,
}

#[derive(Debug, Args)]
pub(crate) struct PasswordArgs {
    /// Reads the password from standard input instead of making one.
    #[arg(long)]
    password_stdin: bool,
}

fn role(word: &str) -> Result<PersonRole, String> {
    PersonRole::parse(word).ok_or_else(|| "one of viewer, operator, approver, admin".to_owned())
}

/// `90m`, `12h`, `30d`, `26w`.
fn lasts(word: &str) -> Result<Duration, String> {
    let why = || "a number and a unit: 90m, 12h, 30d, 26w".to_owned();
    let unit = word.chars().last().ok_or_else(why)?;
    let seconds = match unit {
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        'w' => 7 * 86_400,
        _ => return Err(why()),
    };
    let number: u32 = word[..word.len() - 1].parse().map_err(|_| why())?;
    if number == 0 {
        return Err("it would have expired before it was used".to_owned());
    }
    Ok(Duration::from_secs(u64::from(number) * seconds))
}

/// `paddock user …`
pub(crate) fn user(command: UserCommand) -> ExitCode {
    end(async {
        let people = match command {
            UserCommand::Add { name, role, scope, password, state } => {
                let grant = Grant::new(role, &scope.clusters)?;
                let people = open(state).await?;
                let (password, made) = password.take()?;
                people.add(&name, grant, &password).await?;
                say_password(&name, made.then_some(&password))?;
                people
            }
            UserCommand::List { state } => {
                let people = open(state).await?;
                let mut rows = vec![["NAME", "GRANTS", "ADDED", "TOKENS", "STATE"].map(str::to_owned)];
                for one in people.list().await? {
                    let disabled = one.disabled_us.map(|since| format!("disabled {}", day(since)));
                    let by_provider = one.issuer.map(|issuer| format!("signs in by {issuer}"));
                    let state = disabled.into_iter().chain(by_provider).collect::<Vec<_>>().join(", ");
                    let grants = one.grants.iter().map(|one| format!("{} on {}", one.role, one.clusters));
                    let grants = grants.collect::<Vec<_>>().join(", ");
                    rows.push([one.name, grants, day(one.created_us), one.tokens.to_string(), state]);
                }
                print(&table(&rows))?;
                people
            }
            UserCommand::Grant { name, role, scope, state } => {
                let grant = Grant::new(role, &scope.clusters)?;
                let people = open(state).await?;
                people.grant(&name, &grant).await?;
                people
            }
            UserCommand::Revoke { name, role, scope, state } => {
                let grant = Grant::new(role, &scope.clusters)?;
                let people = open(state).await?;
                people.revoke(&name, &grant).await?;
                people
            }
            UserCommand::Role { name, role, state } => {
                let people = open(state).await?;
                people.set_role(&name, role).await?;
                people
            }
            UserCommand::Disable { name, state } => {
                let people = open(state).await?;
                people.disable(&name).await?;
                people
            }
            UserCommand::Enable { name, state } => {
                let people = open(state).await?;
                people.enable(&name).await?;
                people
            }
            UserCommand::Remove { name, state } => {
                let people = open(state).await?;
                people.remove(&name).await?;
                people
            }
            UserCommand::SignOut { name, state } => {
                let people = open(state).await?;
                let ended = people.sign_out(&name).await?;
                note(&format!("ended {ended} sessions of {name}"));
                people
            }
            UserCommand::ResetFactor { name, state } => {
                let people = open(state).await?;
                people.reset_factor(&name).await?;
                note(&format!("no code is asked of {name} any more"));
                people
            }
            UserCommand::Passwd { name, password, state } => {
                let people = open(state).await?;
                let (password, made) = password.take()?;
                people.set_password(&name, &password).await?;
                say_password(&name, made.then_some(&password))?;
                people
            }
        };
        people.close().await;
        Ok(())
    })
}

/// `paddock token …`
pub(crate) fn token(command: TokenCommand) -> ExitCode {
    end(async {
        let people = match command {
            TokenCommand::Add { name, label, expires, role, clusters, state } => {
                let scope = role.map(|role| Scope::new(role, &clusters)).transpose()?;
                let people = open(state).await?;
                let (id, token) = people.add_token(&name, &label, expires, scope.as_ref()).await?;
                note(&format!("token {id} acts for {name}; it is shown this once"));
                // Alone on standard output: PADDOCK_TOKEN=$(paddock token add …)
                print(&format!("{token}\n"))?;
                people
            }
            TokenCommand::List { state } => {
                let people = open(state).await?;
                let mut rows = vec![
                    ["ID", "PERSON", "LABEL", "SCOPE", "MADE", "EXPIRES", "LAST USED"].map(str::to_owned),
                ];
                for one in people.tokens().await? {
                    let scope = people.scope_of(&one)?;
                    rows.push([
                        one.id().to_string(),
                        one.person,
                        one.label,
                        scope,
                        day(one.created_us),
                        one.expires_us.map_or_else(|| "never".to_owned(), day),
                        one.used_us.map_or_else(|| "never".to_owned(), day),
                    ]);
                }
                print(&table(&rows))?;
                people
            }
            TokenCommand::Revoke { id, state } => {
                let people = open(state).await?;
                people.revoke_token(id).await?;
                note(&format!("token {id} is refused from now on"));
                people
            }
        };
        people.close().await;
        Ok(())
    })
}

async fn open(state: StateArgs) -> Result<People, Problem> {
    let config = Config::read(ServeArgs::from(state)).map_err(|error| world(&format!("{error:#}")))?;
    People::open(&config.state_dir).await
}

impl PasswordArgs {
    /// The password, and whether it was made here.
    fn take(&self) -> Result<(String, bool), Problem> {
        if !self.password_stdin {
            return Ok((People::generated_password(), true));
        }
        let mut text = String::new();
        let read = io::stdin().take(PASSWORD).read_to_string(&mut text);
        read.map_err(|error| world(&format!("cannot read the password from standard input: {error}")))?;
        // What `echo` puts behind it is not part of it.
        let password = text.strip_suffix('\n').unwrap_or(&text);
        Ok((password.strip_suffix('\r').unwrap_or(password).to_owned(), false))
    }
}

fn say_password(name: &str, made: Option<&String>) -> Result<(), Problem> {
    match made {
        Some(password) => {
            note(&format!("the password of {name} is shown this once"));
            print(&format!("{password}\n"))
        }
        None => Ok(()),
    }
}

/// Runs a command's work and gives its exit code; a problem is shown.
pub(crate) fn end(work: impl Future<Output = Result<(), Problem>>) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            note(&format!("cannot start: {error}"));
            return ExitCode::from(1);
        }
    };
    match runtime.block_on(work) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            show_problem(&problem);
            ExitCode::from(1)
        }
    }
}

pub(crate) fn world(why: &str) -> Problem {
    Problem {
        code: "cli/surroundings".into(),
        kind: ProblemKind::World,
        what: "nothing was done".into(),
        why: why.into(),
        fix: String::new(),
    }
}

pub(crate) fn print(text: &str) -> Result<(), Problem> {
    let written = io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush());
    written.map_err(|error| Problem {
        what: "it was done, but the answer cannot be printed".into(),
        ..world(&error.to_string())
    })
}

fn note(text: &str) {
    // When even standard error is gone, the exit code still says it.
    drop(writeln!(io::stderr(), "paddock: {text}"));
}

/// `2026-11-24 10:15`, UTC.
fn day(at_us: i64) -> String {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]");
    let at = OffsetDateTime::from_unix_timestamp(at_us / 1_000_000).ok();
    at.and_then(|at| at.format(&format).ok()).unwrap_or_else(|| format!("{at_us} µs"))
}

fn table<const N: usize>(rows: &[[String; N]]) -> String {
    let widths: Vec<usize> =
        (0..N).map(|at| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0)).collect();
    let mut out = String::new();
    for row in rows {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        out += &format!("{}\n", cells.join("  ").trim_end());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long_a_token_lasts_has_a_unit() {
        for (word, seconds) in [("90m", 5_400), ("12h", 43_200), ("30d", 2_592_000), ("1w", 604_800)] {
            assert_eq!(lasts(word), Ok(Duration::from_secs(seconds)));
        }
        for word in ["", "30", "d", "0d", "-1d", "1y", "1ä"] {
            assert!(lasts(word).is_err(), "{word}");
        }
    }

    #[test]
    fn tables_are_as_wide_as_they_must() {
        let rows = [["A", "B"], ["long", "x"]].map(|row| row.map(str::to_owned));
        assert_eq!(table(&rows), "A     B\nlong  x\n");
        assert_eq!(day(1_764_000_000_500_000), "2025-11-24 16:00");
    }
}
