//! What a person wants, and the plays it stands for.

use paddock_inventory::{ClusterName, Map, NameError, NodeAddr, Value};
use serde::{Deserialize, Serialize};

/// A playbook by its file name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Playbook {
    /// `node.yml`
    Node,
    /// `etcd.yml`
    Etcd,
    /// `pgsql.yml`
    Pgsql,
}

/// A playbook on a limit with tags.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Play {
    /// Which playbook.
    pub playbook: Playbook,
    /// Host pattern as written.
    pub limit: String,
    /// Tags; empty runs all.
    pub tags: Vec<String>,
    /// Extra vars as given, in order.
    pub extra_vars: Map,
    /// Why it is there when nobody asked for it: "etcd does not run yet on 10.10.10.10".
    pub because: Option<String>,
}

/// An operation of the Cluster Admin page, or plays given directly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "operation", rename_all = "snake_case")]
pub enum Operation {
    /// `bin/pgsql-add <cls>`
    Create {
        /// Which cluster.
        cluster: ClusterName,
    },
    /// `bin/node-add <selector>`
    AddNode {
        /// Host pattern.
        limit: String,
    },
    /// Re-render and reload HAProxy services: `bin/pgsql-svc <cls> [ip...]`
    ReloadService {
        /// Which cluster.
        cluster: ClusterName,
        /// Only these nodes; empty for all.
        nodes: Vec<NodeAddr>,
    },
    /// Re-render and reload HBA rules: `bin/pgsql-hba <cls> [ip...]`
    ReloadHba {
        /// Which cluster.
        cluster: ClusterName,
        /// Only these nodes; empty for all.
        nodes: Vec<NodeAddr>,
    },
    /// `<playbook>.yml -l … -t … -e …`
    Play(Play),
}

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

impl Playbook {
    /// Its file name.
    pub fn file_name(self) -> &'static str {
        match self {
            Self::Node => "node.yml",
            Self::Etcd => "etcd.yml",
            Self::Pgsql => "pgsql.yml",
        }
    }

    /// The playbook of a file name, with or without `./`.
    pub fn parse(name: &str) -> Result<Self, Refusal> {
        let bare = name.trim_start_matches("./");
        let known = [Self::Node, Self::Etcd, Self::Pgsql];
        known.into_iter().find(|playbook| playbook.file_name() == bare).ok_or_else(|| {
            let code = if bare.ends_with(".yml") { "plan/not-yet" } else { "plan/unknown-operation" };
            Refusal {
                code: code.into(),
                what: format!("`{name}` cannot be planned"),
                why: "playbooks known today are node.yml, etcd.yml and pgsql.yml".into(),
                fix: "use one of these, or an operation such as `pgsql-add <cls>`".into(),
            }
        })
    }
}

impl Play {
    /// The command line that runs the same: `pgsql.yml -l pg-test -t pg_service -e pg_reload=true`.
    pub fn command_line(&self) -> String {
        let mut line = format!("{} -l {}", self.playbook.file_name(), crate::scripts::quote(&self.limit));
        if !self.tags.is_empty() {
            line += &format!(" -t {}", self.tags.join(","));
        }
        for (key, value) in &self.extra_vars.0 {
            let word = match value {
                Value::List(_) | Value::Map(_) => {
                    let object = serde_json::json!({ key.to_text(): value });
                    crate::scripts::quote(&object.to_string())
                }
                Value::Bool(truth) => format!("{}={truth}", key.to_text()),
                Value::Null | Value::Int(_) | Value::Float(_) | Value::Text(_) => {
                    crate::scripts::quote(&format!("{}={}", key.to_text(), value.to_text()))
                }
            };
            line += &format!(" -e {word}");
        }
        line
    }
}

impl Operation {
    /// The plays it stands for: exactly what the command line would run.
    pub fn plays(&self, extra_vars: &Map) -> Vec<Play> {
        let play = |playbook, limit: String, tags: &[&str]| Play {
            playbook,
            limit,
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            extra_vars: extra_vars.clone(),
            because: None,
        };
        let reload = |cluster: &ClusterName, nodes: &[NodeAddr], tags: &[&str]| {
            let mut play = play(Playbook::Pgsql, limit_of(cluster, nodes), tags);
            if play.extra_vars.get("pg_reload").is_none() {
                play.extra_vars.0.push((Value::Text("pg_reload".into()), Value::Bool(true)));
            }
            vec![play]
        };
        match self {
            Self::Create { cluster } => vec![play(Playbook::Pgsql, cluster.to_string(), &[])],
            Self::AddNode { limit } => vec![play(Playbook::Node, limit.clone(), &[])],
            Self::ReloadService { cluster, nodes } => reload(cluster, nodes, &["pg_service"]),
            Self::ReloadHba { cluster, nodes } => {
                reload(cluster, nodes, &["pg_hba", "pg_reload", "pgbouncer_hba", "pgbouncer_reload"])
            }
            Self::Play(play) => {
                let mut play = play.clone();
                play.extra_vars.0.extend(extra_vars.0.iter().cloned());
                vec![play]
            }
        }
    }

    /// The form of `bin/`, for people who script it.
    pub fn script_form(&self) -> String {
        let with = |name: &str, cluster: &ClusterName, nodes: &[NodeAddr]| {
            let ips: String = nodes.iter().map(|node| format!(" {node}")).collect();
            format!("bin/{name} {cluster}{ips}")
        };
        match self {
            Self::Create { cluster } => with("pgsql-add", cluster, &[]),
            Self::AddNode { limit } => format!("bin/node-add {limit}"),
            Self::ReloadService { cluster, nodes } => with("pgsql-svc", cluster, nodes),
            Self::ReloadHba { cluster, nodes } => with("pgsql-hba", cluster, nodes),
            Self::Play(play) => play.command_line(),
        }
    }
}

fn limit_of(cluster: &ClusterName, nodes: &[NodeAddr]) -> String {
    if nodes.is_empty() {
        return cluster.to_string();
    }
    let ips: Vec<String> = nodes.iter().map(ToString::to_string).collect();
    format!("{},&{cluster}", ips.join(","))
}

impl Intent {
    /// Parses the words of a command line: `pgsql-add pg-test`, `bin/pgsql-svc pg-test 10.10.10.13`,
    /// `./pgsql.yml -l pg-test -t pg_service -e pg_reload=true`.
    pub fn parse(words: &[String]) -> Result<Self, Refusal> {
        let usage = |why: &str| Refusal {
            code: "plan/usage".into(),
            what: format!("`{}` is not an operation", words.join(" ")),
            why: why.to_owned(),
            fix:
                "try `pgsql-add <cls>`, `node-add <selector>`, or `pgsql.yml -l <limit> [-t tags] [-e vars]`"
                    .into(),
        };
        let Some((first, rest)) = words.split_first() else { return Err(usage("no word was given")) };
        let name = first.trim_start_matches("./").trim_start_matches("bin/");
        if name.contains(".yml") {
            return Ok(Self {
                operation: Operation::Play(parse_play(first, rest)?),
                extra_vars: Map::default(),
            });
        }
        if let Some(flag) = rest.iter().find(|word| word.starts_with('-')) {
            return Err(usage(&format!("`{flag}`: the script form takes no options; use the playbook form")));
        }
        let cluster = || -> Result<(ClusterName, Vec<NodeAddr>), Refusal> {
            let cls = rest.first().ok_or_else(|| usage("pg_cluster is empty: name the cluster"))?;
            let cluster = cls.parse().map_err(|error: NameError| usage(&error.to_string()))?;
            let nodes =
                rest[1..].iter().map(|ip| ip.parse().map_err(|error: NameError| usage(&error.to_string())));
            Ok((cluster, nodes.collect::<Result<_, _>>()?))
        };
        let operation = match name {
            "pgsql-add" => {
                let (cluster, nodes) = cluster()?;
                if !nodes.is_empty() {
                    return Err(not_yet("pgsql-add with addresses (expand)"));
                }
                Operation::Create { cluster }
            }
            "node-add" => {
                let limit = rest.join(",");
                if limit.trim_matches([',', ' ']).is_empty() {
                    return Err(Refusal {
                        code: "plan/empty-limit".into(),
                        what: "`node-add` without a selector was refused".into(),
                        why: "an empty limit would mean every host of the inventory".into(),
                        fix: "name a group or addresses; to mean all hosts, write `all`".into(),
                    });
                }
                Operation::AddNode { limit }
            }
            "pgsql-svc" => cluster().map(|(cluster, nodes)| Operation::ReloadService { cluster, nodes })?,
            "pgsql-hba" => cluster().map(|(cluster, nodes)| Operation::ReloadHba { cluster, nodes })?,
            "pgsql-rm" | "node-rm" | "pgsql-user" | "pgsql-db" | "pg-backup" => return Err(not_yet(name)),
            _ => return Err(usage("no such operation")),
        };
        Ok(Self { operation, extra_vars: Map::default() })
    }
}

fn not_yet(name: &str) -> Refusal {
    Refusal {
        code: "plan/not-yet".into(),
        what: format!("`{name}` cannot be planned yet"),
        why: "this release plans create, node, etcd, reload service and reload HBA".into(),
        fix: "use Pigsty's own scripts for it until a later release".into(),
    }
}

fn parse_play(name: &str, words: &[String]) -> Result<Play, Refusal> {
    let bad = |why: String| Refusal {
        code: "plan/usage".into(),
        what: format!("`{name}` was not understood"),
        why,
        fix: "write `<playbook>.yml -l <limit> [-t tag,tag] [-e key=value | -e '{json}']`".into(),
    };
    let mut play = Play {
        playbook: Playbook::parse(name)?,
        limit: String::new(),
        tags: Vec::new(),
        extra_vars: Map::default(),
        because: None,
    };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut value =
            |flag: &str| words.next().cloned().ok_or_else(|| bad(format!("`{flag}` needs a value")));
        match word.as_str() {
            "-l" | "--limit" => play.limit = value("-l")?,
            "-t" | "--tags" => {
                let tags = value("-t")?;
                play.tags
                    .extend(tags.split(',').map(str::trim).filter(|tag| !tag.is_empty()).map(str::to_owned));
            }
            "-e" | "--extra-vars" => extra_vars(&value("-e")?, &mut play.extra_vars).map_err(&bad)?,
            other => return Err(bad(format!("`{other}` is not an option of a play"))),
        }
    }
    if play.limit.trim_matches([',', ' ']).is_empty() {
        return Err(Refusal {
            code: "plan/empty-limit".into(),
            what: format!("`{name}` without a limit was refused"),
            why: "an empty limit would mean every host of the inventory".into(),
            fix: "add `-l <group or addresses>`; to mean all hosts, write `-l all`".into(),
        });
    }
    Ok(play)
}

/// `k=v k2=v2` (values are text) or one JSON object.
fn extra_vars(text: &str, into: &mut Map) -> Result<(), String> {
    let trimmed = text.trim();
    if trimmed.starts_with('{') {
        let map: Map =
            serde_json::from_str(trimmed).map_err(|error| format!("`-e` is not a JSON object: {error}"))?;
        into.0.extend(map.0);
        return Ok(());
    }
    if trimmed.starts_with('@') {
        return Err("`-e @file` is read by the command line, not here".to_owned());
    }
    for pair in trimmed.split_whitespace() {
        let (key, value) = pair.split_once('=').ok_or_else(|| format!("`-e {pair}` is not key=value"))?;
        // Ansible's k=v values are text; `true` and `false` pass its bool filter alike, and one form keeps digests equal.
        let value = match value {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            other => Value::Text(other.to_owned()),
        };
        into.0.push((Value::Text(key.to_owned()), value));
    }
    Ok(())
}
