//! The approval policy as it is kept, looked at and changed: by an admin on the page, or on the console's own machine.

use crate::audit::{NoteOutcome as _, Way, note_by};
use crate::desk::open_store;
use crate::policy::{Action, Target, authorise, verdict};
use crate::problems::{from_store, problem};
use crate::rules::{ApprovalPolicy, DEFAULT};
use crate::{Actor, Console};
use paddock_events::{PolicyPage, Problem, ProblemKind};
use paddock_store::{NewAudit, Store};
use std::path::Path;

/// Name of the setting.
const SETTING: &str = "approval-policy";
/// Act in the audit log.
const ACT: &str = "policy/set";

/// The approval policy of one console as the command line keeps it. Who can write the state directory may do this, as
/// with people.
#[derive(Clone, Debug)]
pub struct PolicyDesk {
    store: Store,
}

impl PolicyDesk {
    /// Opens the database of a console that has been there before.
    pub async fn open(state_dir: &Path) -> Result<Self, Problem> {
        Ok(Self { store: open_store(state_dir).await? })
    }

    /// Closes the database.
    pub async fn close(self) {
        self.store.close().await;
    }

    /// The text as it was written; the built-in one when none was.
    pub async fn show(&self) -> Result<String, Problem> {
        Ok(kept(&self.store).await?.unwrap_or_else(|| DEFAULT.to_owned()))
    }

    /// Puts another text in its place; gives what it says, in a line.
    pub async fn set(&self, text: &str) -> Result<String, Problem> {
        let base = kept(&self.store).await?;
        replace(&self.store, base.as_deref(), text, note_by(Way::CommandLine, ACT, String::new())).await
    }
}

async fn kept(store: &Store) -> Result<Option<String>, Problem> {
    store.setting(SETTING).await.map_err(from_store)
}

async fn replace(store: &Store, base: Option<&str>, text: &str, note: NewAudit) -> Result<String, Problem> {
    let said = ApprovalPolicy::read(text)?.summary();
    let noting = store.noting(note.with(&said));
    if noting.replace_setting(SETTING, base, text).await.map_err(from_store)? {
        tracing::warn!("the approval policy was changed: {said}");
        return Ok(said);
    }
    Err(problem(
        "policy/overtaken",
        ProblemKind::Conflict,
        "the policy was not saved",
        "somebody else has saved it since you read it",
        "read it again, and make your change there",
    ))
}

impl Console {
    /// The policy in force.
    pub(crate) async fn approval_policy(&self) -> Result<ApprovalPolicy, Problem> {
        match kept(&self.inner.store).await? {
            // What was taken once is read again; if it is not, nothing that it guards may run.
            Some(text) => ApprovalPolicy::read(&text),
            None => Ok(ApprovalPolicy::default()),
        }
    }

    /// Whether somebody has written a policy; else the built-in one holds.
    pub(crate) async fn approval_policy_is_written(&self) -> Result<bool, Problem> {
        Ok(kept(&self.inner.store).await?.is_some())
    }

    /// The policy for who may read about every cluster: its patterns tell of their names.
    pub async fn policy_page(&self, actor: &Actor) -> Result<PolicyPage, Problem> {
        self.gate(actor, Action::See, Target::Everything, "the policy").await?;
        let text = kept(&self.inner.store).await?;
        let policy = text.as_deref().map_or_else(|| Ok(ApprovalPolicy::default()), ApprovalPolicy::read)?;
        Ok(PolicyPage {
            rules: policy.rules(),
            freezes: policy.freezes(),
            text: text.clone().unwrap_or_else(|| DEFAULT.to_owned()),
            base: text,
            may_change: verdict(actor, Action::Settings, Target::Everything, None),
        })
    }

    /// Puts another text in the place of the one that was read.
    pub async fn save_policy(&self, actor: &Actor, base: Option<&str>, text: &str) -> Result<(), Problem> {
        let note = actor.note(ACT, "");
        let done = self.set_policy(actor, base, text, note.clone()).await;
        self.told(note, done).await
    }

    async fn set_policy(
        &self,
        actor: &Actor,
        base: Option<&str>,
        text: &str,
        note: NewAudit,
    ) -> Result<(), Problem> {
        authorise(actor, Action::Settings, Target::Everything)?;
        replace(&self.inner.store, base, text, note).await.map(drop)
    }
}
