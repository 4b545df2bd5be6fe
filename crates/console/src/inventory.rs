//! The inventory: revisions, findings, merging, the form of a new cluster.

use crate::audit::{Way, note_by};
use crate::clock::now_us;
use crate::new_cluster::with_new_cluster;
use crate::policy::{Action, Target, authorise, verdict};
use crate::problems::{from_store, internal, problem};
use crate::reach::shown;
use crate::{Actor, Console};
use paddock_events::{
    CheckedText, FindingLevel, FindingRow, InventoryPage, NewCluster, Problem, ProblemKind, RevisionId, Saved,
};
use paddock_inventory::{Finding, Inventory, Severity, merge3};
use paddock_store::{NewAudit, NewRevision, StoredRevision};
use std::path::Path;
use std::sync::Arc;

/// Larger texts are refused; 10,000 instances take some 2 MiB.
const MAX_TEXT: usize = 16 << 20;
/// Characters of a revision's message.
const LONGEST_MESSAGE: usize = 1_000;
/// Each fix is a whole text: beyond this many, or as many as have this many bytes together, findings come without one. The
/// next ones come when those are made.
const MAX_FIXES: usize = 20;
const MAX_FIXED_BYTES: usize = 4 << 20;

/// The revision in force, read once.
#[derive(Clone, Debug)]
pub(crate) struct Current {
    pub(crate) revision: RevisionId,
    pub(crate) saved: (String, i64),
    pub(crate) inventory: Arc<Inventory>,
    pub(crate) findings: Arc<Vec<FindingRow>>,
}

/// Reads a text off the async threads: 10,000 instances take a quarter of a second.
pub(crate) async fn read(text: String) -> Result<(Inventory, Vec<FindingRow>), Problem> {
    let task = tokio::task::spawn_blocking(move || {
        let (inventory, findings) = Inventory::read(text);
        let rows = rows(inventory.text(), &findings);
        (inventory, rows)
    });
    task.await.map_err(|error| internal("the inventory could not be read", &error))
}

fn rows(text: &str, findings: &[Finding]) -> Vec<FindingRow> {
    let mut fixes = 0;
    let most = MAX_FIXES.min(MAX_FIXED_BYTES / text.len().max(1));
    let row = |finding: &Finding| {
        let span = finding.span;
        let covered = text.get(span.start..span.end).unwrap_or_default();
        let further = u32::try_from(covered.matches('\n').count()).unwrap_or(0);
        let last_line = covered.rsplit('\n').next().unwrap_or_default();
        let width = u32::try_from(last_line.chars().count()).unwrap_or(0);
        let fix = finding.fix.as_ref().filter(|_| fixes < most);
        fixes += usize::from(fix.is_some());
        FindingRow {
            code: finding.code.to_owned(),
            level: match finding.severity {
                Severity::Warning => FindingLevel::Warning,
                Severity::Error => FindingLevel::Error,
            },
            line: span.line,
            column: span.column,
            end_line: span.line + further,
            end_column: if further == 0 { span.column + width } else { 1 + width },
            message: finding.message.clone(),
            help: finding.help.clone(),
            fixed_text: fix.map(|fix| fix.apply(text)),
        }
    };
    findings.iter().map(row).collect()
}

/// What is kept as the message of a revision. A person reads it in one line of the history.
fn message_of(typed: &str) -> Result<String, Problem> {
    let message = typed.trim();
    let count = message.chars().count();
    match count {
        0 => Ok("edited".into()),
        1..=LONGEST_MESSAGE => Ok(message.to_owned()),
        _ => Err(problem(
            "inventory/message-too-long",
            ProblemKind::Request,
            "the inventory was not saved",
            format!("its message has {count} characters, and may have {LONGEST_MESSAGE}"),
            "say it shorter; what was typed is kept",
        )),
    }
}

pub(crate) fn check_size(text: &str) -> Result<(), Problem> {
    if text.len() <= MAX_TEXT && !text.contains('\0') {
        return Ok(());
    }
    Err(problem(
        "inventory/too-large",
        ProblemKind::Request,
        "the text was not taken",
        format!("it has {} bytes (at most {MAX_TEXT}) or holds a zero byte", text.len()),
        "is it the right file?",
    ))
}

impl Console {
    /// The first revision of a new console, from a file. Does nothing when there is a revision.
    pub(crate) async fn seed_inventory(&self, path: &Path) -> Result<(), Problem> {
        if self.inner.store.newest_revision_id().await.map_err(from_store)?.is_some() {
            return Ok(());
        }
        let text = std::fs::read_to_string(path).map_err(|error| {
            problem(
                "console/seed-inventory",
                ProblemKind::World,
                format!("the first inventory {} cannot be read", path.display()),
                error.to_string(),
                "right the path in the configuration, or leave it out and write the inventory in the browser",
            )
        })?;
        check_size(&text)?;
        let new = NewRevision {
            parent: None,
            text,
            author: "paddock".into(),
            message: format!("from {}", path.file_name().unwrap_or_default().to_string_lossy()),
            saved_us: now_us(),
            job: None,
        };
        let note = note_by(Way::Console, "inventory/save", String::new());
        let store = self.inner.store.noting(NewAudit { outcome: new.message.clone(), ..note });
        let saved = store.add_revision(&new).await.map_err(from_store)?;
        if let Some(revision) = saved {
            tracing::info!(revision.id = %revision, "took {} as the first inventory", path.display());
        }
        Ok(())
    }

    /// The revision in force, from memory when it is still the newest.
    pub(crate) async fn current(&self) -> Result<Option<Current>, Problem> {
        let newest = self.inner.store.newest_revision_id().await.map_err(from_store)?;
        let kept = self.inner.current.lock().ok().and_then(|kept| kept.clone());
        if let Some(kept) = kept.filter(|kept| Some(kept.revision) == newest) {
            return Ok(Some(kept));
        }
        let Some(newest) = self.inner.store.newest_revision().await.map_err(from_store)? else {
            return Ok(None);
        };
        let (revision, saved) = (newest.id(), (newest.author.clone(), newest.saved_us));
        let (inventory, findings) = read(newest.text).await?;
        let current =
            Current { revision, saved, inventory: Arc::new(inventory), findings: Arc::new(findings) };
        if let Ok(mut kept) = self.inner.current.lock() {
            *kept = Some(current.clone());
        }
        Ok(Some(current))
    }

    /// The newest inventory with its findings.
    pub async fn inventory(&self, actor: &Actor) -> Result<InventoryPage, Problem> {
        self.gate(actor, Action::See, Target::Everything, "the inventory").await?;
        let may_save = verdict(actor, Action::Edit, Target::Anywhere, None);
        let Some(current) = self.current().await? else {
            return Ok(InventoryPage {
                revision: None,
                text: String::new(),
                findings: Vec::new(),
                saved_by: None,
                may_save,
            });
        };
        let mut findings = current.findings.as_ref().clone();
        if !actor.may(Action::Edit, Target::Everything) {
            // A fix is a whole text, passwords and all.
            findings.iter_mut().for_each(|finding| finding.fixed_text = None);
        }
        let text = shown(actor, &current.inventory);
        Ok(InventoryPage {
            revision: Some(current.revision),
            text,
            findings,
            saved_by: Some(current.saved),
            may_save,
        })
    }

    /// Findings of a text that is not saved.
    pub async fn check_inventory(&self, actor: &Actor, text: String) -> Result<CheckedText, Problem> {
        self.gate(actor, Action::Edit, Target::Anywhere, "an inventory text").await?;
        check_size(&text)?;
        Ok(CheckedText { findings: read(text).await?.1 })
    }

    /// Saves a revision. A stale `base` is merged when the edits do not touch, else it is a conflict.
    /// A text that cannot be read as YAML is refused; other findings do not hinder saving.
    /// An unchanged text makes no revision: the newest one is given. Who may not edit everything saves what reaches
    /// clusters of theirs only; passwords that were masked for them stay as they are.
    pub async fn save_inventory(
        &self,
        actor: &Actor,
        base: Option<RevisionId>,
        text: String,
        message: String,
    ) -> Result<Saved, Problem> {
        let done = self.save(actor, base, text, message).await;
        self.told(actor.note("inventory/save", "the inventory"), done).await
    }

    async fn save(
        &self,
        actor: &Actor,
        base: Option<RevisionId>,
        text: String,
        message: String,
    ) -> Result<Saved, Problem> {
        authorise(actor, Action::Edit, Target::Anywhere)?;
        // Who saves the whole text has read it.
        authorise(actor, Action::See, Target::Everything)?;
        check_size(&text)?;
        let typed = text.clone();
        let text = self.unmasked(actor, base, text).await?;
        refuse_broken(&text).await?;
        let message = message_of(&message)?;
        // Somebody may save between our look and our write: then look again. Each round needs one more such save.
        for _ in 0..20 {
            let newest = self.inner.store.newest_revision().await.map_err(from_store)?;
            let merged = match &newest {
                Some(newest) if Some(newest.id()) != base => {
                    let merged = self.merged(base, &text, newest).await?;
                    let Some(merged) = merged else {
                        let (newest, (theirs, _)) = (newest.id(), read(newest.text.clone()).await?);
                        return Ok(Saved::Conflict { newest, theirs: shown(actor, &theirs), yours: typed });
                    };
                    refuse_broken(&merged).await?;
                    merged
                }
                Some(_) | None => text.clone(),
            };
            if let Some(newest) = newest.as_ref().filter(|newest| newest.text == merged) {
                return Ok(Saved::Revision { revision: newest.id() });
            }
            self.refuse_reach(actor, newest.as_ref().map(|newest| newest.text.as_str()), &merged).await?;
            let new = NewRevision {
                parent: newest.map(|newest| newest.id()),
                text: merged,
                author: actor.name.clone(),
                message: message.clone(),
                saved_us: now_us(),
                job: None,
            };
            let note = NewAudit { outcome: message.clone(), ..actor.note("inventory/save", "") };
            if let Some(revision) =
                self.inner.store.noting(note).add_revision(&new).await.map_err(from_store)?
            {
                tracing::info!(revision.id = %revision, person.id = %actor.id, "saved the inventory");
                self.void_stale_approvals().await;
                return Ok(Saved::Revision { revision });
            }
        }
        Err(problem(
            "inventory/busy",
            ProblemKind::Conflict,
            "the inventory was not saved",
            "others saved it again and again meanwhile",
            "save once more",
        ))
    }

    /// The text merged with what was saved since `base`; none when the edits touch or there is no common base.
    async fn merged(
        &self,
        base: Option<RevisionId>,
        ours: &str,
        newest: &StoredRevision,
    ) -> Result<Option<String>, Problem> {
        let Some(base) = base else { return Ok(None) };
        let Some(base) = self.inner.store.revision(base).await.map_err(from_store)? else { return Ok(None) };
        let (ours, theirs) = (ours.to_owned(), newest.text.clone());
        let task = tokio::task::spawn_blocking(move || merge3(&base.text, &ours, &theirs).ok());
        task.await.map_err(|error| internal("the edits could not be merged", &error))
    }

    /// The text with the new cluster added, not saved: the form's preview.
    pub async fn preview_new_cluster(
        &self,
        actor: &Actor,
        text: String,
        form: NewCluster,
    ) -> Result<String, Problem> {
        let target = Target::Cluster(form.name.trim());
        self.gate(actor, Action::Edit, target, "an inventory text").await?;
        check_size(&text)?;
        let task = tokio::task::spawn_blocking(move || with_new_cluster(text, &form));
        task.await.map_err(|error| internal("the cluster could not be added", &error))?
    }
}

async fn refuse_broken(text: &str) -> Result<(), Problem> {
    let (inventory, findings) = read(text.to_owned()).await?;
    if !inventory.is_broken() {
        return Ok(());
    }
    let why = findings.first().map_or_else(String::new, |first| {
        format!("line {}, column {}: {}", first.line, first.column, first.message)
    });
    Err(problem(
        "inventory/broken",
        ProblemKind::Request,
        "the text was not saved: it cannot be read as YAML",
        why,
        "right the marked place and save again; your text is still in the editor",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_cover_what_they_are_about() {
        let text = "all:\n  children:\n    pg-a:\n      hosts:\n        10.0.0.1: { pg_seq: 1, pg_role: primary }\n        10.0.0.2: { pg_seq: 1, pg_role: primary }\n      vars: { pg_cluster: pg-a }\n";
        let rows = rows(text, &Inventory::read(text).1);
        assert!(rows.iter().any(|row| row.level == FindingLevel::Error), "{rows:?}");
        for row in rows {
            assert!((row.line, row.column) <= (row.end_line, row.end_column), "{row:?}");
        }
    }

    #[test]
    fn fixes_are_few_where_the_text_is_long() {
        let text = format!(
            "all:\n  vars: {{ admin_ip: 10.0.0.1, pg_user: [] }}\n  children: {{}}\n{}",
            "# long\n".repeat(300_000)
        );
        let fixed = |text: &str| {
            let rows = rows(text, &Inventory::read(text).1);
            rows.iter().filter(|row| row.fixed_text.is_some()).count()
        };
        assert_eq!((fixed(&text), fixed(&text[..200])), (1, 3));
    }
}
