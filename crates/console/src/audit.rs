//! What goes into the audit log, and how it is looked at.
//!
//! What is done is written by the store, in the transaction that does it; what is refused is written here, on its way
//! out. A refusal that cannot be written stays a refusal.

use crate::case::Case;
use crate::clock::now_us;
use crate::policy::{Action, Target, authorise};
use crate::problems::from_store;
use crate::{Actor, Console};
use paddock_events::{
    AuditFilter, AuditPage, AuditRow, JobId, PersonId, PlanId, Problem, ProblemKind, TokenId,
};
use paddock_store::{Decision, NewAudit, Store, StoredAudit, StoredJob};
use std::fmt;
use std::net::IpAddr;

/// Rows of a page.
const ROWS: u32 = 100;
/// Characters of an outcome; a refusal may quote what was sent.
const LONGEST: usize = 2_000;

/// The way that somebody came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Browser,
    Token(TokenId),
    /// A token that nobody has.
    UnknownToken,
    /// On the console's own machine, in its state directory.
    CommandLine,
    Console,
}

/// Where an act comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) way: Way,
    pub(crate) address: Option<IpAddr>,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.way {
            Way::Browser => f.write_str("browser"),
            Way::Token(id) => write!(f, "token {id}"),
            Way::UnknownToken => f.write_str("unknown token"),
            Way::CommandLine => f.write_str("command line"),
            Way::Console => f.write_str("console"),
        }?;
        self.address.map_or(Ok(()), |address| write!(f, " at {address}"))
    }
}

/// A row about something that nobody who is signed in did.
pub(crate) fn note(name: &str, origin: Origin, act: &'static str, subject: String) -> NewAudit {
    NewAudit {
        at_us: now_us(),
        person: None,
        name: name.to_owned(),
        origin: origin.to_string(),
        act,
        subject,
        cluster: None,
        digest: None,
        decision: Decision::Allowed,
        outcome: String::new(),
    }
}

/// A row of the command line's or the console's own doing.
pub(crate) fn note_by(way: Way, act: &'static str, subject: String) -> NewAudit {
    let name = match way {
        Way::CommandLine => "command line",
        Way::Browser | Way::Token(_) | Way::UnknownToken | Way::Console => "paddock",
    };
    note(name, Origin { way, address: None }, act, subject)
}

/// A row with what came of it.
pub(crate) trait NoteOutcome {
    /// The same row, which says so.
    fn with(self, outcome: impl Into<String>) -> NewAudit;
}

impl NoteOutcome for NewAudit {
    fn with(self, outcome: impl Into<String>) -> NewAudit {
        NewAudit { outcome: outcome.into(), ..self }
    }
}

fn refused(note: NewAudit, problem: &Problem) -> NewAudit {
    let mut outcome = problem.what.clone();
    if !problem.why.is_empty() {
        outcome += ": ";
        outcome += &problem.why;
    }
    let outcome = outcome.chars().take(LONGEST).collect();
    NewAudit { decision: Decision::Refused, outcome, ..note }
}

/// Writes a refusal down.
pub(crate) async fn tell(store: &Store, note: NewAudit, problem: &Problem) {
    let row = refused(note, problem);
    if let Err(error) = store.append_audit(&row).await {
        tracing::error!(audit.act = row.act, "a refusal is missing in the audit log: {error}");
    }
}

impl Actor {
    /// A row of this actor's doing.
    pub(crate) fn note(&self, act: &'static str, subject: impl Into<String>) -> NewAudit {
        let person: Option<PersonId> = Some(self.id);
        NewAudit { person, ..note(&self.name, self.origin, act, subject.into()) }
    }

    /// The same, about a cluster.
    pub(crate) fn note_on(
        &self,
        act: &'static str,
        subject: impl Into<String>,
        cluster: Option<String>,
    ) -> NewAudit {
        NewAudit { cluster, ..self.note(act, subject) }
    }
}

impl Console {
    /// The gate of a use case that reads: a refusal is written down. What changes something asks
    /// [`authorise`] and tells all its refusals at its end.
    pub(crate) async fn gate(
        &self,
        actor: &Actor,
        action: Action,
        target: Target<'_>,
        subject: impl Into<String>,
    ) -> Result<(), Problem> {
        self.gated(actor, action, subject, authorise(actor, action, target)).await
    }

    /// The same, for a plan.
    pub(crate) async fn gate_plan(&self, actor: &Actor, action: Action, id: PlanId) -> Result<Case, Problem> {
        let found = self.case_for(actor, action, id).await;
        self.gated(actor, action, format!("plan {id}"), found).await
    }

    /// The same, for a job that is to be looked at.
    pub(crate) async fn gate_job(&self, actor: &Actor, id: JobId) -> Result<StoredJob, Problem> {
        let found = self.job_for(actor, Action::See, id).await;
        self.gated(actor, Action::See, format!("job {id}"), found).await
    }

    async fn gated<T>(
        &self,
        actor: &Actor,
        action: Action,
        subject: impl Into<String>,
        decided: Result<T, Problem>,
    ) -> Result<T, Problem> {
        // Who asks for what is not there was not refused.
        if let Err(problem) = decided.as_ref().map(drop)
            && problem.kind == ProblemKind::Forbidden
        {
            tell(&self.inner.store, actor.note(action.as_str(), subject), problem).await;
        }
        decided
    }

    /// Passes the end of a use case on; a refusal is written down.
    pub(crate) async fn told<T>(&self, note: NewAudit, done: Result<T, Problem>) -> Result<T, Problem> {
        if let Err(problem) = &done {
            tell(&self.inner.store, note, problem).await;
        }
        done
    }

    /// The same, about a plan.
    pub(crate) async fn told_of_plan<T>(
        &self,
        actor: &Actor,
        act: &'static str,
        id: PlanId,
        done: Result<T, Problem>,
    ) -> Result<T, Problem> {
        if done.is_ok() {
            return done;
        }
        let mut note = actor.note(act, format!("plan {id}"));
        if let Ok(kept) = self.kept_plan(id).await {
            note.cluster = kept.plan.cluster.as_ref().map(ToString::to_string);
            note.digest = Some(kept.stored.digest);
        }
        self.told(note, done).await
    }

    /// The same, about a job.
    pub(crate) async fn told_of_job<T>(
        &self,
        actor: &Actor,
        act: &'static str,
        id: JobId,
        done: Result<T, Problem>,
    ) -> Result<T, Problem> {
        if done.is_ok() {
            return done;
        }
        let cluster = self.stored_job(id).await.ok().and_then(|job| job.cluster);
        self.told(actor.note_on(act, format!("job {id}"), cluster), done).await
    }

    /// The audit log, newest first, as far as the filter takes it.
    pub async fn audit(&self, actor: &Actor, filter: AuditFilter) -> Result<AuditPage, Problem> {
        self.gate(actor, Action::Audit, Target::Everything, "the audit log").await?;
        let given = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let asked = paddock_store::AuditFilter {
            name: given(&filter.name),
            act: given(&filter.act),
            cluster: given(&filter.cluster),
            before: filter.before,
        };
        let mut rows = self.inner.store.newest_audit(&asked, ROWS + 1).await.map_err(from_store)?;
        let more = rows.len() > ROWS as usize;
        rows.truncate(ROWS as usize);
        let older = rows.last().filter(|_| more).map(|row| row.id);
        Ok(AuditPage { rows: rows.into_iter().map(row).collect(), filter, older })
    }

    /// Notes that somebody leaves.
    pub async fn sign_out(&self, actor: &Actor) -> Result<(), Problem> {
        let row = actor.note("sign-out", "").with("signed out");
        self.inner.store.append_audit(&row).await.map_err(from_store)
    }
}

fn row(row: StoredAudit) -> AuditRow {
    AuditRow {
        id: row.id,
        at_us: row.at_us,
        name: row.name,
        origin: row.origin,
        act: row.act,
        subject: row.subject,
        cluster: row.cluster,
        digest: row.digest,
        refused: row.decision != Decision::Allowed.as_str(),
        outcome: row.outcome,
    }
}
