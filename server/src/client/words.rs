//! From the words of a command line to the words that the console plans.

use super::ConsoleArgs;
use super::exit::{Ended, Name};
use clap::Args;
use paddock_inventory::{Map, NodeAddr};
use std::path::Path;

/// `paddock play <playbook>.yml …`
#[derive(Debug, Args)]
pub(crate) struct PlayArgs {
    #[command(flatten)]
    pub(super) console: ConsoleArgs,
    /// `pgsql.yml`, with or without `./`.
    pub(super) playbook: String,
    /// Host pattern, as Ansible has it: a group, addresses, `10.10.10.13,&pg-test`. Never empty; `all` must be written.
    #[arg(short = 'l', long = "limit")]
    limit: Option<String>,
    /// Tags, separated by commas; steps tagged `always` run in any case.
    #[arg(short = 't', long = "tags")]
    tags: Vec<String>,
    /// `key=value`, `{"key": "value"}`, or `@file` with YAML or JSON.
    #[arg(short = 'e', long = "extra-vars", allow_hyphen_values = true)]
    extra_vars: Vec<String>,
    #[command(flatten)]
    pub(super) how: HowArgs,
    /// Lists the hosts that each play touches (an etcd node beside its limit included) and runs nothing.
    #[arg(long)]
    pub(super) list_hosts: bool,
    /// Lists the tags of each play and runs nothing.
    #[arg(long)]
    pub(super) list_tags: bool,
}

/// `paddock pgsql-add …` and its like.
#[derive(Debug, Args)]
pub(crate) struct OperationArgs {
    #[command(flatten)]
    pub(super) console: ConsoleArgs,
    #[command(flatten)]
    pub(super) how: HowArgs,
    /// As the script of that name takes them: a cluster and addresses, a cluster and a user, a selector.
    pub(super) words: Vec<String>,
}

/// What to do with the plan.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct HowArgs {
    /// Checks every step on the nodes and changes nothing.
    #[arg(short = 'C', long)]
    pub(super) check: bool,
    /// Shows what differs, file by file.
    #[arg(short = 'D', long)]
    pub(super) diff: bool,
}

/// Words that never reach the console, and why.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Misused {
    pub(super) ended: Ended,
    pub(super) why: String,
}

fn misused(ended: Ended, why: impl Into<String>) -> Misused {
    Misused { ended, why: why.into() }
}

impl PlayArgs {
    /// What the console plans. Files of extra vars are read here, because they are here.
    pub(super) fn words(&self) -> Result<Vec<String>, Misused> {
        let mut words = vec![self.playbook.clone()];
        let mut give = |flag: &str, value: String| words.extend([flag.to_owned(), value]);
        if let Some(limit) = &self.limit {
            give("-l", limit.clone());
        }
        if !self.tags.is_empty() {
            give("-t", self.tags.join(","));
        }
        for vars in &self.extra_vars {
            let vars = match vars.trim().strip_prefix('@') {
                Some(file) => vars_of(Path::new(file)).map_err(|why| misused(Ended::Usage, why))?,
                None => vars.clone(),
            };
            give("-e", vars);
        }
        Ok(words)
    }
}

/// A file's variables as one JSON object.
fn vars_of(file: &Path) -> Result<String, String> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| format!("`-e @{0}`: cannot read {0}: {error}", file.display()))?;
    let map = Map::read(&text).map_err(|why| format!("`-e @{0}`: {0}, {why}", file.display()))?;
    serde_json::to_string(&map).map_err(|error| format!("`-e @{}`: {error}", file.display()))
}

/// The words of a script, after a look at what its own codes are about; and the addresses among them.
pub(super) fn script_words(name: Name, given: &[String]) -> Result<(Vec<String>, Vec<String>), Misused> {
    let first = given.first().map(|word| word.trim()).filter(|word| !word.is_empty());
    let mut addresses = Vec::new();
    match name {
        Name::PgsqlAdd | Name::PgsqlRm | Name::PgsqlSvc | Name::PgsqlHba => {
            if first.is_none() {
                return Err(misused(Ended::Usage, "pg_cluster is empty: name the cluster"));
            }
            for word in &given[1..] {
                let address: NodeAddr =
                    word.parse().map_err(|error| misused(Ended::BadAddress, format!("{error}")))?;
                addresses.push(address.to_string());
            }
        }
        Name::PgsqlUser | Name::PgsqlDb => {
            let what = if name == Name::PgsqlUser { "user" } else { "database" };
            if first.is_none() {
                return Err(misused(Ended::Usage, "pg_cluster is empty: name the cluster"));
            }
            match given.len() {
                1 => return Err(misused(Ended::NoSecondName, format!("name the {what}"))),
                2 => {}
                _ => return Err(misused(Ended::Usage, format!("one {what} at a time"))),
            }
        }
        Name::NodeAdd | Name::NodeRm => {
            if first.is_none() {
                let why = "the selector is empty, which would mean every host: name a group or addresses; to mean \
                           all hosts, write `all`";
                return Err(misused(Ended::Usage, why));
            }
        }
        Name::PgBackup | Name::Play => {}
    }
    let mut words = vec![name.as_str().to_owned()];
    words.extend_from_slice(given);
    Ok((words, addresses))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Play {
        #[command(flatten)]
        args: PlayArgs,
    }

    fn play(line: &[&str]) -> Result<Vec<String>, Misused> {
        Play::try_parse_from([&["play"], line].concat()).unwrap().args.words()
    }

    #[test]
    fn a_play_is_passed_on_with_its_files_read() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("vars.yml");
        std::fs::write(&file, "pg_pitr:\n  time: 2026-01-01 10:00\npg_reload: yes\n").unwrap();
        let vars = format!("@{}", file.display());
        let words =
            play(&["./pgsql.yml", "-l", "pg-test,!10.0.0.3", "-t", "pg_hba", "-t", "pg_reload", "-e", &vars]);
        let expected = [
            "./pgsql.yml",
            "-l",
            "pg-test,!10.0.0.3",
            "-t",
            "pg_hba,pg_reload",
            "-e",
            r#"{"pg_pitr":{"time":"2026-01-01 10:00"},"pg_reload":true}"#,
        ];
        assert_eq!(words.unwrap(), expected);
        let words = play(&["pgsql.yml", "-lpg-test", "-e", "a=1 b=2", "-e", r#"{"c": 3}"#]);
        assert_eq!(words.unwrap(), ["pgsql.yml", "-l", "pg-test", "-e", "a=1 b=2", "-e", r#"{"c": 3}"#]);
        std::fs::write(&file, "- a\n").unwrap();
        let refused = play(&["pgsql.yml", "-e", &vars]).unwrap_err();
        assert!(refused.ended == Ended::Usage && refused.why.contains("vars.yml, line 1"), "{refused:?}");
        let refused = play(&["pgsql.yml", "-e", "@/nowhere.yml"]).unwrap_err();
        assert!(refused.why.contains("cannot read /nowhere.yml"), "{refused:?}");
    }

    #[test]
    fn scripts_refuse_what_is_missing_or_is_no_address() {
        for (name, given, expected) in [
            (Name::PgsqlAdd, &[][..], Ended::Usage),
            (Name::PgsqlAdd, &[" "], Ended::Usage),
            (Name::PgsqlAdd, &["pg-test", "10.10.10.1*"], Ended::BadAddress),
            (Name::PgsqlHba, &["pg-test", "10.10.10.300"], Ended::BadAddress),
            (Name::PgsqlRm, &["pg-test", "x10.1.1.1y"], Ended::BadAddress),
            (Name::PgsqlUser, &[], Ended::Usage),
            (Name::PgsqlUser, &["pg-test"], Ended::NoSecondName),
            (Name::PgsqlDb, &["pg-test", "app", "more"], Ended::Usage),
            (Name::NodeAdd, &[], Ended::Usage),
            (Name::NodeRm, &[""], Ended::Usage),
        ] {
            let given: Vec<String> = given.iter().map(|word| (*word).to_owned()).collect();
            assert_eq!(script_words(name, &given).unwrap_err().ended, expected, "{name:?} {given:?}");
        }
    }

    #[test]
    fn good_words_go_on_as_they_are() {
        let given = ["pg-test".to_owned(), "10.10.10.13".to_owned()];
        let (words, addresses) = script_words(Name::PgsqlAdd, &given).unwrap();
        assert_eq!(words, ["pgsql-add", "pg-test", "10.10.10.13"]);
        assert_eq!(addresses, ["10.10.10.13"]);
        let (words, addresses) = script_words(Name::PgsqlUser, &["pg-test".into(), "app".into()]).unwrap();
        assert_eq!((words.len(), addresses.len()), (3, 0));
    }
}
