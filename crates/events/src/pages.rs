//! What pages show: made by `console`, sent as JSON, rendered by `app`. No secret travels in them, but what its person is
//! shown once ([`Enrolment`], [`MadeToken`]).

use crate::{
    ClusterRow, ClusterTopology, JobId, JobOutcome, JobView, PlanId, PlanStanding, Problem, RevisionId,
    TokenId,
};
use serde::{Deserialize, Serialize};

/// Whether an action is open to this person now; a refused control is shown, disabled, with its reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Verdict {
    /// Go ahead.
    Allowed,
    /// No, and why.
    Refused {
        /// The reason, in a person's words.
        problem: Problem,
    },
}

/// Who is signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Me {
    /// Sign-in name.
    pub name: String,
    /// The strongest of the grants: `viewer`, `operator`, `approver`, `admin`, or `no role`.
    pub role: String,
    /// `operator on pg-test*`, each.
    pub grants: Vec<String>,
    /// The inventory as a whole is theirs to read.
    pub reads_inventory: bool,
    /// So is the audit log.
    pub reads_audit: bool,
    /// So is the list of people.
    pub reads_people: bool,
    /// A provider vouches for them: password and second factor are kept there.
    pub by_provider: bool,
}

/// How one may sign in besides with a password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignInWays {
    /// What the button of the OpenID Connect provider says; none: there is no provider.
    pub provider: Option<String>,
}

/// A second factor that is being made. It is shown to its person once, and to nobody else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrolment {
    /// For an authenticator app: `otpauth://totp/…`.
    pub uri: String,
    /// The same to be typed in.
    pub key: String,
}

/// How a person's own second factor stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FactorState {
    /// Since when a code is asked for, microseconds since the epoch; none: it is not.
    pub since_us: Option<i64>,
    /// Recovery codes that were not used.
    pub codes_left: u32,
    /// The person signs in by a provider, which asks for a second factor or does not.
    pub by_provider: bool,
}

/// One of a person's own API tokens; never the token itself. Times are microseconds since the epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenRow {
    /// Its number.
    pub id: TokenId,
    /// What it is for.
    pub label: String,
    /// The most it may do, in words.
    pub scope: String,
    /// When it was made.
    pub created_us: i64,
    /// Refused from then on; none: never by itself.
    pub expires_us: Option<i64>,
    /// When it was last used, within a minute.
    pub used_us: Option<i64>,
}

/// A token that was just made, for its person's eyes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadeToken {
    /// Its number.
    pub id: TokenId,
    /// The token.
    pub token: String,
}

/// One row of the people page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonRow {
    /// Sign-in name.
    pub name: String,
    /// `operator on pg-test*`, each.
    pub grants: Vec<String>,
    /// Microseconds since the epoch.
    pub created_us: i64,
    /// Since when they may do nothing.
    pub disabled_us: Option<i64>,
    /// How many API tokens act for them.
    pub tokens: u32,
    /// A provider vouches for them, and says by groups what they may do.
    pub by_provider: bool,
}

/// The cluster page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClusterPage {
    /// The list's row of it.
    pub row: ClusterRow,
    /// The last snapshot; none before the first look.
    pub topology: Option<ClusterTopology>,
    /// Its newest jobs.
    pub jobs: Vec<JobRow>,
    /// Whether this person may change it now.
    pub may_operate: Verdict,
    /// What can be asked of it and of its declared instances.
    pub offers: Vec<crate::Offer>,
    /// The clusters that it comes from, and those that come from it.
    pub links: Vec<crate::ClusterLink>,
    /// The nodes of etcd, which keeps the leader's lock.
    pub dcs: Vec<String>,
}

/// Severity of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingLevel {
    /// Worth knowing.
    Warning,
    /// Operations are refused until it is righted.
    Error,
}

/// A finding in the inventory text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingRow {
    /// Stable code: `pgsql/two-primaries`.
    pub code: String,
    /// Severity.
    pub level: FindingLevel,
    /// Line from 1.
    pub line: u32,
    /// Column from 1, in characters.
    pub column: u32,
    /// Last line it covers.
    pub end_line: u32,
    /// Column after its last character.
    pub end_column: u32,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
    /// The whole text with the fix applied, when there is one.
    pub fixed_text: Option<String>,
}

/// The inventory page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InventoryPage {
    /// The newest revision; none before the first save.
    pub revision: Option<RevisionId>,
    /// Its text (passwords masked for those who may not see them).
    pub text: String,
    /// What the checker says of it.
    pub findings: Vec<FindingRow>,
    /// Who saved it and when, microseconds since the epoch.
    pub saved_by: Option<(String, i64)>,
    /// Whether this person may save.
    pub may_save: Verdict,
}

/// What the checker says of a text that is being typed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckedText {
    /// Findings by line.
    pub findings: Vec<FindingRow>,
}

/// Form of a new cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewCluster {
    /// `pg_cluster` and group name.
    pub name: String,
    /// Address and instance role, in order of `pg_seq`.
    pub instances: Vec<(String, String)>,
    /// `pg_version`; empty leaves the default.
    pub version: String,
    /// Name of a first database and its owner; empty for none.
    pub database: String,
    /// Owner of that database; made with `password`.
    pub owner: String,
    /// The owner's password; empty: generated.
    pub password: String,
    /// What it is besides a cluster of its own.
    #[serde(default)]
    pub template: ClusterTemplate,
}

/// What a new cluster is made as.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum ClusterTemplate {
    /// A cluster of its own.
    #[default]
    Plain,
    /// A standby cluster: its primary follows another cluster.
    Standby {
        /// Address that it follows.
        upstream: String,
        /// `pg_delay`; empty for none.
        delay: String,
    },
    /// A cluster that is to be restored from the backups of another one.
    PointInTime {
        /// That one.
        source: String,
    },
    /// One cluster for each instance: a coordinator, then workers.
    Citus,
}

/// What came of a save.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Saved {
    /// A new revision.
    Revision {
        /// Its number.
        revision: RevisionId,
    },
    /// Somebody saved in between and the two edits touch the same lines. Nothing is lost: `yours` is what was typed.
    Conflict {
        /// The newest revision now.
        newest: RevisionId,
        /// Its text.
        theirs: String,
        /// What was typed.
        yours: String,
    },
}

/// One step on the plan page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanStep {
    /// Stable id.
    pub id: String,
    /// What shall hold.
    pub title: String,
    /// What applying it interrupts or destroys.
    pub effect: Option<String>,
    /// Content to be written, or the command, as far as it may be shown.
    pub detail: Option<String>,
    /// Ansible's tags it belongs to.
    pub tags: Vec<String>,
}

/// One stage on the plan page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanStage {
    /// Its name.
    pub name: String,
    /// Index of its play.
    pub play: u32,
    /// Steps by host: address, instance, steps.
    pub hosts: Vec<(String, Option<String>, Vec<PlanStep>)>,
}

/// The plan page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanPage {
    /// Its number.
    pub id: PlanId,
    /// One sentence.
    pub title: String,
    /// The cluster it changes.
    pub cluster: Option<String>,
    /// Plays as command lines, each with why it was planned in when nobody asked for it.
    pub plays: Vec<(String, Option<String>)>,
    /// To be read first.
    pub warnings: Vec<String>,
    /// What restarts or is interrupted, one sentence each.
    pub interrupts: Vec<String>,
    /// What is destroyed, one sentence each.
    pub destroys: Vec<String>,
    /// Stages in order.
    pub stages: Vec<PlanStage>,
    /// The digest.
    pub digest: String,
    /// The inventory revision it was made from.
    pub revision: RevisionId,
    /// What it puts at stake, for who approves it: label and value.
    pub blast: Vec<(String, String)>,
    /// What an approver types to show that they mean this plan.
    pub confirm_name: String,
    /// What may happen to it now; changes while the page is open.
    pub standing: PlanStanding,
    /// Command line that runs the same: `paddock pgsql-add pg-test`.
    pub command: String,
}

/// What a dry run found: one row per step that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DryRun {
    /// Steps that hold already.
    pub holding: u32,
    /// Host, step id, title, diff or sentence; secrets masked.
    pub would_change: Vec<(String, String, String, String)>,
    /// Host, step id, why it cannot be told before earlier steps ran (or the node did not answer).
    pub unknown: Vec<(String, String, String)>,
}

/// One row of the jobs page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobRow {
    /// Its number.
    pub id: JobId,
    /// The plan's sentence.
    pub title: String,
    /// The cluster it changes.
    pub cluster: Option<String>,
    /// Who started it.
    pub by: String,
    /// Microseconds since the epoch.
    pub created_us: i64,
    /// When it ended.
    pub finished_us: Option<i64>,
    /// How it ended; none while it waits or runs.
    pub outcome: Option<JobOutcome>,
    /// Steps with an outcome, and all steps.
    pub progress: (u32, u32),
}

/// The job page as rendered by the server; the browser folds later events into `view`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JobPage {
    /// The list's row of it.
    pub row: JobRow,
    /// Outline and states up to `view.next_seq`.
    pub view: JobView,
    /// The last lines before `view.next_seq`, at most 2,000: sequence number, time, step, host, stream, text.
    pub lines: Vec<crate::Event>,
    /// How many lines came before those.
    pub earlier_lines: u64,
    /// Durations in milliseconds of the same steps in earlier runs, by step id: for the estimate.
    pub earlier_ms: Vec<(String, u64)>,
    /// Whether this person may stop it.
    pub may_cancel: Verdict,
    /// Whether this person may resume it.
    pub may_resume: Verdict,
}
