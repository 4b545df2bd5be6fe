//! Playbooks, plays, and how both are written on a command line.

use crate::{Refusal, quote};
use paddock_inventory::{Map, Value, masked};
use serde::{Deserialize, Serialize};

/// A playbook by its file name, or one of the two tools that stand beside the playbooks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Playbook {
    /// `node.yml`
    Node,
    /// `node-rm.yml`
    NodeRm,
    /// `etcd.yml`
    Etcd,
    /// `pgsql.yml`
    Pgsql,
    /// `pgsql-rm.yml`
    PgsqlRm,
    /// `pgsql-user.yml`
    PgsqlUser,
    /// `pgsql-db.yml`
    PgsqlDb,
    /// `pgsql-pitr.yml`
    PgsqlPitr,
    /// `pg <action> <cls>`: what `patronictl` does, by Patroni's REST API.
    Pg,
    /// `pg-backup <cls> full|diff|incr`
    PgBackup,
}

/// A playbook on a limit with tags.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Play {
    /// Which playbook.
    pub playbook: Playbook,
    /// Host pattern as written; the cluster's name for `pg` and `pg-backup`.
    pub limit: String,
    /// Tags; empty runs all.
    pub tags: Vec<String>,
    /// Extra vars as given, in order.
    pub extra_vars: Map,
    /// What `pg` or `pg-backup` shall do; none for playbooks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<Action>,
    /// Why it is there when nobody asked for it: "etcd does not run yet on 10.10.10.10".
    pub because: Option<String>,
}

/// What Patroni or pgBackRest is asked for. Members go by their instance name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// A planned change of the leader.
    Switchover {
        /// Who shall lead; none lets the plan choose the replica that lags least.
        candidate: Option<String>,
    },
    /// A change of the leader while nobody leads.
    Failover {
        /// Who shall lead.
        candidate: String,
    },
    /// Restarts PostgreSQL, replicas first, one member at a time.
    Restart {
        /// Only this member; none for all.
        member: Option<String>,
        /// Only members with settings that wait for a restart.
        pending: bool,
    },
    /// Has Patroni and PostgreSQL read their configuration again.
    Reload {
        /// Only this member; none for all.
        member: Option<String>,
    },
    /// Erases a replica's data and clones it anew.
    Reinit {
        /// Which replica.
        member: String,
    },
    /// No automatic failover any more.
    Pause,
    /// Automatic failover again.
    Resume,
    /// Changes the dynamic configuration in the DCS.
    EditConfig {
        /// What changes; `null` deletes a key.
        patch: Map,
    },
    /// Makes a standby cluster independent.
    PromoteCluster,
    /// Has a standby cluster follow another node.
    ChangeUpstream {
        /// Address of the new upstream.
        host: String,
        /// Its port.
        port: u16,
    },
    /// A backup on the member that leads.
    Backup {
        /// Full, differential or incremental.
        kind: BackupKind,
    },
}

/// Kind of a backup, in pgBackRest's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BackupKind {
    /// `full`
    Full,
    /// `diff`
    Diff,
    /// `incr`
    Incr,
}

impl BackupKind {
    /// `full`, `diff`, `incr`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Diff => "diff",
            Self::Incr => "incr",
        }
    }

    pub(crate) fn parse(word: &str) -> Option<Self> {
        [Self::Full, Self::Diff, Self::Incr].into_iter().find(|kind| kind.as_str() == word)
    }
}

const PLAYBOOKS: [Playbook; 8] = [
    Playbook::Node,
    Playbook::NodeRm,
    Playbook::Etcd,
    Playbook::Pgsql,
    Playbook::PgsqlRm,
    Playbook::PgsqlUser,
    Playbook::PgsqlDb,
    Playbook::PgsqlPitr,
];

impl Playbook {
    /// Its file name; the tool's name for `pg` and `pg-backup`.
    pub fn file_name(self) -> &'static str {
        match self {
            Self::Node => "node.yml",
            Self::NodeRm => "node-rm.yml",
            Self::Etcd => "etcd.yml",
            Self::Pgsql => "pgsql.yml",
            Self::PgsqlRm => "pgsql-rm.yml",
            Self::PgsqlUser => "pgsql-user.yml",
            Self::PgsqlDb => "pgsql-db.yml",
            Self::PgsqlPitr => "pgsql-pitr.yml",
            Self::Pg => "pg",
            Self::PgBackup => "pg-backup",
        }
    }

    /// The playbook of a file name, with or without `./`.
    pub fn parse(name: &str) -> Result<Self, Refusal> {
        let bare = name.trim_start_matches("./");
        PLAYBOOKS.into_iter().find(|playbook| playbook.file_name() == bare).ok_or_else(|| Refusal {
            code: "plan/unknown-operation".into(),
            what: format!("`{name}` cannot be planned"),
            why: format!("playbooks are {}", PLAYBOOKS.map(Self::file_name).join(", ")),
            fix: "use one of these, or an operation such as `pgsql-add <cls>`".into(),
        })
    }

    /// Whether a node that does not answer is in the way. What takes something away, and what is done on the member that
    /// leads, decides by itself which nodes it needs.
    pub(crate) fn needs_every_node(self) -> bool {
        match self {
            Self::Node | Self::Etcd | Self::Pgsql | Self::PgsqlPitr => true,
            Self::NodeRm | Self::PgsqlRm | Self::PgsqlUser | Self::PgsqlDb | Self::Pg | Self::PgBackup => {
                false
            }
        }
    }
}

impl Play {
    /// A play of a playbook that somebody asked for.
    pub(crate) fn new(playbook: Playbook, limit: impl Into<String>, tags: &[&str], extra_vars: Map) -> Self {
        let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
        Self { playbook, limit: limit.into(), tags, extra_vars, action: None, because: None }
    }

    /// A play of `pg` or `pg-backup`.
    pub(crate) fn action(cluster: impl Into<String>, action: Action) -> Self {
        let playbook =
            if matches!(action, Action::Backup { .. }) { Playbook::PgBackup } else { Playbook::Pg };
        Self { action: Some(action), ..Self::new(playbook, cluster, &[], Map::default()) }
    }

    /// The same play, planned in for a reason.
    pub(crate) fn because(mut self, why: impl Into<String>) -> Self {
        self.because = Some(why.into());
        self
    }

    /// The command line that runs the same: `pgsql.yml -l pg-test -t pg_service -e pg_reload=true`. Secrets are masked in
    /// it: it is shown, and goes into the audit log.
    pub fn command_line(&self) -> String {
        if let Some(action) = &self.action {
            return action.command_line(&self.limit);
        }
        let mut line = format!("{} -l {}", self.playbook.file_name(), quote(&self.limit));
        if !self.tags.is_empty() {
            line += &format!(" -t {}", self.tags.join(","));
        }
        for (key, value) in &self.extra_vars.0 {
            let value = masked(&key.to_text(), value);
            let word = match &value {
                Value::List(_) | Value::Map(_) => {
                    let object = serde_json::json!({ key.to_text(): value });
                    quote(&object.to_string())
                }
                Value::Bool(truth) => format!("{}={truth}", key.to_text()),
                Value::Null | Value::Int(_) | Value::Float(_) | Value::Text(_) => {
                    quote(&format!("{}={}", key.to_text(), value.to_text()))
                }
            };
            line += &format!(" -e {word}");
        }
        line
    }
}

impl Action {
    /// `pg switchover pg-test --candidate pg-test-2`
    pub fn command_line(&self, cluster: &str) -> String {
        let member = |member: &Option<String>| {
            member.as_ref().map_or_else(String::new, |member| format!(" {}", quote(member)))
        };
        let cluster = quote(cluster);
        match self {
            Self::Switchover { candidate } => {
                let to =
                    candidate.as_ref().map_or_else(String::new, |to| format!(" --candidate {}", quote(to)));
                format!("pg switchover {cluster}{to}")
            }
            Self::Failover { candidate } => format!("pg failover {cluster} --candidate {}", quote(candidate)),
            Self::Restart { member: one, pending } => {
                format!("pg restart {cluster}{}{}", member(one), if *pending { " --pending" } else { "" })
            }
            Self::Reload { member: one } => format!("pg reload {cluster}{}", member(one)),
            Self::Reinit { member } => format!("pg reinit {cluster} {}", quote(member)),
            Self::Pause => format!("pg pause {cluster}"),
            Self::Resume => format!("pg resume {cluster}"),
            Self::EditConfig { patch } => {
                let patch =
                    serde_json::to_string(&masked("", &Value::Map(patch.clone()))).unwrap_or_default();
                format!("pg edit-config {cluster} --apply {}", quote(&patch))
            }
            Self::PromoteCluster => format!("pg promote-cluster {cluster}"),
            Self::ChangeUpstream { host, port } => format!("pg change-upstream {cluster} {host}:{port}"),
            Self::Backup { kind } => format!("pg-backup {cluster} {}", kind.as_str()),
        }
    }
}

/// The words after a playbook's name: `-l`, `-t`, `-e`.
pub(crate) fn parse_play(name: &str, words: &[String]) -> Result<Play, Refusal> {
    let bad = |why: String| Refusal {
        code: "plan/usage".into(),
        what: format!("`{name}` was not understood"),
        why,
        fix: "write `<playbook>.yml -l <limit> [-t tag,tag] [-e key=value | -e '{json}']`".into(),
    };
    let mut play = Play::new(Playbook::parse(name)?, "", &[], Map::default());
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
            other => return Err(bad(format!("{} is not an option of a play", option_name(other)))),
        }
    }
    if play.limit.trim_matches([',', ' ']).is_empty() {
        return Err(empty_limit(&format!("`{name}` without a limit"), "add `-l <group or addresses>`"));
    }
    Ok(play)
}

/// A word that stands where an option should, as far as it may be shown: what follows an option's name may be secret, and
/// so may a word that is none.
pub(crate) fn option_name(word: &str) -> String {
    let end = match word.strip_prefix("--") {
        Some(_) => word.find('=').unwrap_or(word.len()),
        None if word.starts_with('-') => word.char_indices().nth(2).map_or(word.len(), |(at, _)| at),
        None => return "a stray word".to_owned(),
    };
    format!("`{}`", &word[..end])
}

pub(crate) fn empty_limit(what: &str, fix: &str) -> Refusal {
    Refusal {
        code: "plan/empty-limit".into(),
        what: format!("{what} was refused"),
        why: "an empty limit would mean every host of the inventory".into(),
        fix: format!("{fix}; to mean all hosts, write `all`"),
    }
}

/// `k=v k2=v2` (values are text) or one JSON object.
fn extra_vars(text: &str, into: &mut Map) -> Result<(), String> {
    let trimmed = text.trim();
    if trimmed.starts_with('{') {
        let map: Map = serde_json::from_str(trimmed).map_err(|error| {
            format!("`-e` is not a JSON object: see its line {}, column {}", error.line(), error.column())
        })?;
        map.0.into_iter().for_each(|(key, value)| set(into, key, value));
        return Ok(());
    }
    if trimmed.starts_with('@') {
        return Err("`-e @file` is read by the command line, not here".to_owned());
    }
    for pair in trimmed.split_whitespace() {
        let (key, value) =
            pair.split_once('=').ok_or("`-e` is not key=value; a value with a space in it goes into JSON")?;
        // Ansible's k=v values are text; `true` and `false` pass its bool filter alike, and one form keeps digests equal.
        let value = match value {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            other => Value::Text(other.to_owned()),
        };
        set(into, Value::Text(key.to_owned()), value);
    }
    Ok(())
}

/// A later `-e` of the same name wins.
fn set(into: &mut Map, key: Value, value: Value) {
    into.0.retain(|(known, _)| *known != key);
    into.0.push((key, value));
}
