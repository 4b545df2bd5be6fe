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
/// A check exits 0 (holds), 1 (does not hold; stdout is a unified diff or a sentence), or anything else
/// (cannot tell; stderr says why). An apply exits 0 or fails, stderr says why. A stdout line
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

/// Both halves of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scripts {
    /// Reads the present state.
    pub check: Script,
    /// Makes the fact hold; none: the step only waits or refuses.
    pub apply: Option<Script>,
}
