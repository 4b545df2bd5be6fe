//! From the words of a command line to an intent.

use crate::play::{empty_limit, option_name, parse_play};
use crate::{Action, BackupKind, Operation};
use paddock_inventory::{ClusterName, Map, NameError, NodeAddr, Value};
use serde::{Deserialize, Serialize};

/// An operation with the extra vars of the command line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// What is wanted.
    pub operation: Operation,
    /// `-e`, highest precedence, all hosts.
    pub extra_vars: Map,
}

/// Why there is no plan. `code` is stable; the rest is for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{what}: {why}")]
pub struct Refusal {
    /// `plan/unknown-cluster`, `plan/empty-limit`, `plan/two-primaries`.
    pub code: String,
    /// What was refused.
    pub what: String,
    /// Why, naming file line, host, member.
    pub why: String,
    /// What to do.
    pub fix: String,
}

impl Intent {
    /// Parses the words of a command line: `pgsql-add pg-test`, `bin/pgsql-svc pg-test 10.10.10.13`,
    /// `./pgsql.yml -l pg-test -t pg_service -e pg_reload=true`, `pg switchover pg-test --candidate pg-test-2`.
    pub fn parse(words: &[String]) -> Result<Self, Refusal> {
        let usage = |why: &str| usage(words, why);
        let Some((first, rest)) = words.split_first() else { return Err(usage("no word was given")) };
        let name = first.trim_start_matches("./").trim_start_matches("bin/");
        let operation = if name.contains(".yml") {
            Operation::Play(parse_play(first, rest)?)
        } else if name == "pg" {
            patroni(rest).map_err(|why| usage(&why))?
        } else {
            if let Some(flag) = rest.iter().find(|word| word.starts_with('-')) {
                return Err(usage(&format!(
                    "{}: the script form takes no options; use the playbook form",
                    option_name(flag)
                )));
            }
            script(name, rest).map_err(|why| why.unwrap_or_else(usage))?
        };
        Ok(Self { operation, extra_vars: Map::default() })
    }
}

fn usage(words: &[String], why: &str) -> Refusal {
    // What follows an option may be secret, and a refusal goes into the audit log.
    let shown: Vec<&str> =
        words.iter().map(String::as_str).take_while(|word| !word.starts_with('-')).collect();
    Refusal {
        code: "plan/usage".into(),
        what: format!("`{}` is not an operation", shown.join(" ")),
        why: why.to_owned(),
        fix: "try `pgsql-add <cls>`, `node-add <selector>`, or `pgsql.yml -l <limit> [-t tags] [-e vars]`"
            .into(),
    }
}

/// A usage error by its text, or a refusal as it is.
enum Wrong {
    Usage(String),
    Refused(Refusal),
}

impl Wrong {
    fn unwrap_or_else(self, usage: impl FnOnce(&str) -> Refusal) -> Refusal {
        match self {
            Self::Usage(why) => usage(&why),
            Self::Refused(refusal) => refusal,
        }
    }
}

impl From<NameError> for Wrong {
    fn from(error: NameError) -> Self {
        Self::Usage(error.to_string())
    }
}

fn script(name: &str, rest: &[String]) -> Result<Operation, Wrong> {
    let cluster = || -> Result<ClusterName, Wrong> {
        let word =
            rest.first().ok_or_else(|| Wrong::Usage("pg_cluster is empty: name the cluster".into()))?;
        Ok(word.parse()?)
    };
    let nodes = || -> Result<Vec<NodeAddr>, Wrong> {
        rest.iter().skip(1).map(|ip| ip.parse().map_err(Wrong::from)).collect()
    };
    let limit = || {
        let limit = rest.join(",");
        if limit.trim_matches([',', ' ']).is_empty() {
            return Err(Wrong::Refused(empty_limit(
                &format!("`{name}` without a selector"),
                "name a group or addresses",
            )));
        }
        Ok(limit)
    };
    let second = |what: &str| match rest {
        [_, one] => Ok(one.clone()),
        _ => Err(Wrong::Usage(format!("`{name}` takes a cluster and {what}"))),
    };
    Ok(match name {
        "node-add" => Operation::AddNode { limit: limit()? },
        "node-rm" => Operation::RemoveNode { limit: limit()? },
        "pgsql-add" => match nodes()? {
            nodes if nodes.is_empty() => Operation::Create { cluster: cluster()? },
            nodes => Operation::Expand { cluster: cluster()?, nodes },
        },
        "pgsql-rm" => match nodes()? {
            nodes if nodes.is_empty() => Operation::Remove { cluster: cluster()? },
            nodes => Operation::Shrink { cluster: cluster()?, nodes },
        },
        "pgsql-svc" => Operation::ReloadService { cluster: cluster()?, nodes: nodes()? },
        "pgsql-hba" => Operation::ReloadHba { cluster: cluster()?, nodes: nodes()? },
        "pgsql-user" => Operation::User { cluster: cluster()?, name: second("a user")? },
        "pgsql-db" => Operation::Database { cluster: cluster()?, name: second("a database")? },
        "pg-backup" => {
            let kind = match rest {
                [_] => BackupKind::Incr,
                _ => BackupKind::parse(&second("one of full, diff, incr")?)
                    .ok_or_else(|| Wrong::Usage("a backup is full, diff or incr".into()))?,
            };
            Operation::Backup { cluster: cluster()?, kind }
        }
        _ => return Err(Wrong::Usage("no such operation".into())),
    })
}

/// `switchover pg-test --candidate pg-test-2`: the words of `patronictl`.
fn patroni(words: &[String]) -> Result<Operation, String> {
    let (verb, rest) =
        words.split_first().ok_or("name an action: switchover, restart, reload, edit-config …")?;
    let mut plain = Vec::new();
    let mut candidate = None;
    let mut pending = false;
    let mut patch = Map::default();
    let mut rest = rest.iter();
    while let Some(word) = rest.next() {
        let mut value = || rest.next().cloned().ok_or_else(|| format!("`{word}` needs a value"));
        match word.as_str() {
            "--candidate" => candidate = Some(value()?),
            "--pending" => pending = true,
            // Asked for here by the plan page, or by the command line's own question.
            "--force" => {}
            "-s" | "--set" => put(&mut patch, &[], &value()?)?,
            "-p" | "--pg" => put(&mut patch, &["postgresql", "parameters"], &value()?)?,
            "--apply" => {
                let text = value()?;
                patch = serde_json::from_str(&text)
                    .map_err(|error| format!("the change is not a JSON object: {error}"))?;
            }
            flag if flag.starts_with('-') => return Err(format!("`{flag}` is not an option of `pg {verb}`")),
            other => plain.push(other.to_owned()),
        }
    }
    let mut plain = plain.into_iter();
    let cluster =
        plain.next().ok_or("name the cluster")?.parse::<ClusterName>().map_err(|error| error.to_string())?;
    let member = plain.next();
    let action = match (verb.as_str(), member) {
        ("switchover", None) => Action::Switchover { candidate },
        ("failover", None) => {
            Action::Failover { candidate: candidate.ok_or("a failover needs `--candidate`")? }
        }
        ("restart", member) => Action::Restart { member, pending },
        ("reload", member) => Action::Reload { member },
        ("reinit", Some(member)) => Action::Reinit { member },
        ("reinit", None) => return Err("`pg reinit` needs the member to clone anew".into()),
        ("pause", None) => Action::Pause,
        ("resume", None) => Action::Resume,
        ("edit-config", None) if patch.0.is_empty() => {
            return Err(
                "nothing is changed: give `-s key=value`, `-p parameter=value` or `--apply '{json}'`".into(),
            );
        }
        ("edit-config", None) => Action::EditConfig { patch },
        ("promote-cluster", None) => Action::PromoteCluster,
        ("change-upstream", Some(to)) => {
            let (host, port) = to.split_once(':').unwrap_or((&to, "5432"));
            let host: NodeAddr = host.parse().map_err(|error: NameError| error.to_string())?;
            let port = port.parse().map_err(|_| format!("`{port}` is not a port"))?;
            Action::ChangeUpstream { host: host.to_string(), port }
        }
        ("change-upstream", None) => {
            return Err("name the new upstream: `pg change-upstream <cls> <ip[:port]>`".into());
        }
        (
            known @ ("switchover" | "failover" | "pause" | "resume" | "edit-config" | "promote-cluster"),
            Some(extra),
        ) => {
            return Err(format!("`{extra}`: `pg {known}` takes no member"));
        }
        (other, _) => return Err(format!("`pg {other}` is not an action")),
    };
    if let Some(extra) = plain.next() {
        return Err(format!("`{extra}` is one word too many"));
    }
    Ok(Operation::Patroni { cluster, action })
}

/// Puts `a.b=value` below `under`; the value is read as YAML would read a plain scalar, `null` deletes.
fn put(patch: &mut Map, under: &[&str], assignment: &str) -> Result<(), String> {
    let (path, value) =
        assignment.split_once('=').ok_or_else(|| format!("`{assignment}` is not key=value"))?;
    // A parameter's own dots (`pg_stat_statements.max`) are part of its name.
    let path: Vec<&str> = if under.is_empty() { path.split('.').collect() } else { vec![path] };
    if path.iter().any(|part| part.is_empty()) {
        return Err(format!("`{assignment}` has an empty key"));
    }
    let value = match value {
        "null" | "" => Value::Null,
        "true" | "on" => Value::Bool(true),
        "false" | "off" => Value::Bool(false),
        other => other.parse().map_or_else(|_| Value::Text(other.to_owned()), Value::Int),
    };
    let mut map = patch;
    let (last, parents) = path.split_last().ok_or("an empty key")?;
    for part in under.iter().chain(parents) {
        let key = Value::Text((*part).to_owned());
        if !map.0.iter().any(|(known, value)| *known == key && value.as_map().is_some()) {
            map.0.retain(|(known, _)| *known != key);
            map.0.push((key.clone(), Value::Map(Map::default())));
        }
        let next = map.0.iter_mut().find_map(|(known, value)| match value {
            Value::Map(inner) if *known == key => Some(inner),
            _ => None,
        });
        map = next.ok_or("a key is set twice")?;
    }
    let key = Value::Text((*last).to_owned());
    map.0.retain(|(known, _)| *known != key);
    map.0.push((key, value));
    Ok(())
}
