//! The step vocabulary: one desired fact on one host, with a check and an apply.

use paddock_inventory::NodeAddr;
use serde::{Deserialize, Serialize};

/// Stable name of a step, `playbook/tag/what`: `pgsql/pg_hba/pg_hba.conf`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StepId(pub String);

/// One desired fact on one host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Stable over runs and unique on its host within a plan.
    pub id: StepId,
    /// What shall hold, for people: "pg_hba.conf has the declared rules".
    pub title: String,
    /// Where it runs.
    pub host: NodeAddr,
    /// Ansible's tags it answers to; `always` is never filtered out.
    pub tags: Vec<String>,
    /// The fact itself.
    pub fact: Fact,
    /// What applying it does to what runs.
    pub effect: Effect,
    /// Bound, in seconds, of one check or one apply.
    pub limit_s: u32,
    /// After apply (or, without one, from the start) the check is repeated for up to this many seconds.
    pub settle_s: u32,
}

/// What applying a step does beyond making its fact hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "what", rename_all = "snake_case")]
pub enum Effect {
    /// Nothing that anybody notices.
    Plain,
    /// Interrupts a service: "restarts PostgreSQL on pg-test-1".
    Interrupts(String),
    /// Destroys data or members: needs approval.
    Destroys(String),
}

/// What a systemd unit shall do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnitState {
    /// Runs with the present content of its files; a change restarts it.
    RunningElseRestart,
    /// Runs with the present content of its files; a change reloads it.
    RunningElseReload,
    /// Runs; its files do not matter.
    Running,
    /// Does not run.
    Stopped,
}

/// The closed vocabulary of facts. Paths are absolute; modes are octal bits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
pub enum Fact {
    /// A file with exactly this content. Written aside, validated, then renamed.
    File {
        /// Where.
        path: String,
        /// The whole content.
        content: String,
        /// Owner and group, `root:root`.
        owner: String,
        /// Permission bits, `0o640`.
        mode: u32,
        /// True: neither content nor diff is ever shown.
        secret: bool,
        /// A command that must succeed before the rename; `{}` is the new file.
        validate: Option<String>,
    },
    /// The files of one owner in a directory that others use, too: exactly these, each beginning with the mark. Written
    /// beside the directory, validated as a whole, then put in its place; the former state is kept as `<directory>.previous`.
    FileSet {
        /// Where.
        directory: String,
        /// What the first line of each of the owner's files begins with.
        mark: String,
        /// Content by file name.
        files: std::collections::BTreeMap<String, String>,
        /// A command that must succeed before; `{}` is the new directory.
        validate: String,
    },
    /// A directory.
    Directory {
        /// Where.
        path: String,
        /// Owner and group.
        owner: String,
        /// Permission bits.
        mode: u32,
    },
    /// A symbolic link.
    Link {
        /// Where.
        path: String,
        /// What it points to.
        target: String,
    },
    /// Packages that are installed, in any version.
    Packages {
        /// Names in the node's package manager.
        names: Vec<String>,
    },
    /// An account of the operating system.
    OsUser {
        /// Login name.
        name: String,
        /// Numeric id; taken as it is when the account exists.
        uid: Option<u32>,
        /// Primary group, made when missing.
        group: String,
        /// Home directory.
        home: String,
        /// Login shell.
        shell: String,
    },
    /// A systemd unit.
    Unit {
        /// `patroni.service`.
        name: String,
        /// Whether it starts at boot; none leaves it.
        enabled: Option<bool>,
        /// What it shall do now.
        state: UnitState,
        /// Files whose present content the running unit must have read.
        files: Vec<String>,
    },
    /// A fact inside PostgreSQL, over the local socket as the dbsu.
    Sql {
        /// Database to connect to.
        database: String,
        /// Port of the local instance.
        port: u16,
        /// A query that returns one boolean: whether the fact holds.
        check: String,
        /// Statements that make it hold; run with ON_ERROR_STOP, through stdin.
        apply: String,
    },
    /// An HTTP answer on the node. Only waited for, never made.
    HttpWait {
        /// Address to connect to.
        address: String,
        /// Port.
        port: u16,
        /// Path with slash.
        path: String,
        /// Any of these status codes is good.
        expect: Vec<u16>,
    },
    /// Anything else; it must have a check, too.
    Command {
        /// Exit 0: holds. Exit 1: does not hold, stdout says how. Anything else: cannot tell.
        check: String,
        /// Makes it hold; none: it is only waited for, or refused.
        apply: Option<String>,
        /// Given to both on stdin (secrets go here, never into the text).
        stdin: Option<String>,
        /// OS user that runs it.
        user: String,
    },
}

/// Shell text for one half of a step.
///
/// Protocol with the engine. Run by `bash`, with `stdin` as standard input, as OS user `user`.
/// A check exits 0 (holds), 1 (does not hold; stdout is a unified diff or a sentence), [`Script::HOPELESS`] (does not
/// hold and will not by itself), or anything else (cannot tell; stderr says why). An apply exits 0 or fails, stderr says why. A stdout line
/// `::progress DONE TOTAL UNIT` (TOTAL may be `-`) is progress and not a line of output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// Bash. Contains no secret.
    pub text: String,
    /// Standard input; may hold secrets.
    pub stdin: Option<String>,
    /// OS user: `root` or `postgres`.
    pub user: String,
}

impl Script {
    /// Exit code of a check whose fact will not come true however long it is awaited: what would bring it about has ended.
    pub const HOPELESS: i32 = 3;
}

/// Both halves of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scripts {
    /// Reads the present state.
    pub check: Script,
    /// Makes the fact hold; none: the step only waits or refuses.
    pub apply: Option<Script>,
}

/// Builders, so that playbooks read as lists of facts.
impl Step {
    /// A step with the usual bounds: 60 s for each half, no settling, no effect.
    pub(crate) fn new(id: impl Into<String>, host: NodeAddr, title: impl Into<String>, fact: Fact) -> Self {
        let id = id.into();
        let tags = id.split('/').take(2).map(str::to_owned).collect();
        Self {
            id: StepId(id),
            title: title.into(),
            host,
            tags,
            fact,
            effect: Effect::Plain,
            limit_s: 60,
            settle_s: 0,
        }
    }

    pub(crate) fn file(id: &str, host: NodeAddr, path: &str, content: impl Into<String>) -> Self {
        let fact = Fact::File {
            path: path.to_owned(),
            content: content.into(),
            owner: "root:root".to_owned(),
            mode: 0o644,
            secret: false,
            validate: None,
        };
        Self::new(id, host, path, fact)
    }

    pub(crate) fn directory(id: &str, host: NodeAddr, path: &str, owner: &str, mode: u32) -> Self {
        let fact = Fact::Directory { path: path.to_owned(), owner: owner.to_owned(), mode };
        Self::new(id, host, format!("directory {path}"), fact)
    }

    pub(crate) fn link(id: &str, host: NodeAddr, path: &str, target: &str) -> Self {
        let fact = Fact::Link { path: path.to_owned(), target: target.to_owned() };
        Self::new(id, host, format!("{path} → {target}"), fact)
    }

    pub(crate) fn packages(id: &str, host: NodeAddr, names: &[String]) -> Self {
        let title = format!("packages {}", names.join(", "));
        Self::new(id, host, title, Fact::Packages { names: names.to_vec() }).limit(900)
    }

    pub(crate) fn unit(id: &str, host: NodeAddr, name: &str, state: UnitState, files: &[&str]) -> Self {
        let files = files.iter().map(|file| (*file).to_owned()).collect();
        let enabled = Some(state != UnitState::Stopped);
        let title = match state {
            UnitState::Stopped => format!("{name} is stopped and disabled"),
            UnitState::Running | UnitState::RunningElseReload | UnitState::RunningElseRestart => {
                format!("{name} runs with its present files")
            }
        };
        Self::new(id, host, title, Fact::Unit { name: name.to_owned(), enabled, state, files }).limit(180)
    }

    pub(crate) fn sql(
        id: &str,
        host: NodeAddr,
        title: &str,
        database: &str,
        port: u16,
        check: String,
        apply: String,
    ) -> Self {
        Self::new(id, host, title, Fact::Sql { database: database.to_owned(), port, check, apply })
    }

    /// A command of root with check and apply.
    pub(crate) fn command(id: &str, host: NodeAddr, title: &str, check: String, apply: String) -> Self {
        let fact = Fact::Command { check, apply: Some(apply), stdin: None, user: "root".to_owned() };
        Self::new(id, host, title, fact)
    }

    /// Something that must come true by itself within `settle_s` seconds.
    pub(crate) fn wait(id: &str, host: NodeAddr, title: &str, check: String, settle_s: u32) -> Self {
        let fact = Fact::Command { check, apply: None, stdin: None, user: "root".to_owned() };
        Self::new(id, host, title, fact).settle(settle_s)
    }

    pub(crate) fn owner(mut self, new: &str) -> Self {
        if let Fact::File { owner, .. } = &mut self.fact {
            new.clone_into(owner);
        }
        self
    }

    pub(crate) fn mode(mut self, new: u32) -> Self {
        if let Fact::File { mode, .. } = &mut self.fact {
            *mode = new;
        }
        self
    }

    pub(crate) fn secret(mut self) -> Self {
        if let Fact::File { secret, .. } = &mut self.fact {
            *secret = true;
        }
        self
    }

    pub(crate) fn validate(mut self, command: &str) -> Self {
        if let Fact::File { validate, .. } = &mut self.fact {
            *validate = Some(command.to_owned());
        }
        self
    }

    pub(crate) fn stdin(mut self, text: impl Into<String>) -> Self {
        if let Fact::Command { stdin, .. } = &mut self.fact {
            *stdin = Some(text.into());
        }
        self
    }

    pub(crate) fn titled(mut self, title: impl Into<String>) -> Self {
        self.title = title.into();
        self
    }

    pub(crate) fn tag(mut self, tag: &str) -> Self {
        if !self.tags.iter().any(|known| known == tag) {
            self.tags.push(tag.to_owned());
        }
        self
    }

    pub(crate) fn limit(mut self, seconds: u32) -> Self {
        self.limit_s = seconds;
        self
    }

    pub(crate) fn settle(mut self, seconds: u32) -> Self {
        self.settle_s = seconds;
        self
    }

    pub(crate) fn destroys(mut self, what: impl Into<String>) -> Self {
        self.effect = Effect::Destroys(what.into());
        self
    }

    pub(crate) fn interrupts(mut self, what: impl Into<String>) -> Self {
        self.effect = Effect::Interrupts(what.into());
        self
    }
}
