//! The inventory's history: what each revision changed, where each line is from, and the way back.

use crate::inventory::read;
use crate::policy::{Action, Target, verdict};
use crate::problems::{from_store, internal, problem};
use crate::reach::shown;
use crate::{Actor, Console};
use paddock_events::{
    BlameLine, BlamePage, DiffLine, DiffMark, HistoryPage, InventoryDraft, Problem, ProblemKind, Recall,
    RevisionId, RevisionPage, RevisionRow,
};
use paddock_inventory::merge3;
use paddock_store::{RevisionHead, StoredRevision};
use similar::{Algorithm, ChangeTag, DiffOp, TextDiff, capture_diff_slices};
use std::collections::BTreeSet;
use std::time::Duration;

/// Revisions of a page.
const ROWS: u32 = 50;
/// How far back the origin of lines is looked for; each revision is opened and compared.
const DEPTH: u32 = 200;
/// Lines around a change.
const CONTEXT: usize = 3;
/// After this a difference of two long texts is shown coarser than it is.
const LONGEST_COMPARISON: Duration = Duration::from_millis(500);

impl Console {
    /// Revisions up to `from`, or to the one in force.
    pub async fn history(&self, actor: &Actor, from: Option<RevisionId>) -> Result<HistoryPage, Problem> {
        self.gate(actor, Action::See, Target::Everything, "the inventory's history").await?;
        let newest = self.inner.store.newest_revision_id().await.map_err(from_store)?;
        let Some(from) = from.or(newest) else { return Ok(HistoryPage { rows: Vec::new(), older: None }) };
        let mut heads = self.inner.store.revision_heads(from, ROWS + 1).await.map_err(from_store)?;
        let older = (heads.len() > ROWS as usize).then(|| heads.pop()).flatten().map(|head| head.id());
        Ok(HistoryPage { rows: heads.iter().map(row).collect(), older })
    }

    /// What a revision changed, without the passwords of what the actor may not edit.
    pub async fn revision(&self, actor: &Actor, id: RevisionId) -> Result<RevisionPage, Problem> {
        self.gate(actor, Action::See, Target::Everything, format!("revision {id}")).await?;
        let (newest, this) = self.with_newest(id).await?;
        let before = match this.parent() {
            Some(parent) => Some(self.kept(parent).await?),
            None => None,
        };
        let changed = before.as_ref().is_none_or(|before| before.text != this.text);
        let row = row_of(&this);
        let (now, then) = (
            self.shown_text(actor, this.text).await?,
            match before {
                Some(before) => self.shown_text(actor, before.text).await?,
                None => String::new(),
            },
        );
        let hides = changed && now == then;
        let blocks = compute(move || blocks(&then, &now)).await?;
        let may_save = verdict(actor, Action::Edit, Target::Anywhere, None);
        Ok(RevisionPage { row, newest, blocks, hides, may_save })
    }

    /// Where each line of the inventory in force is from.
    pub async fn blame(&self, actor: &Actor) -> Result<BlamePage, Problem> {
        self.gate(actor, Action::See, Target::Everything, "the inventory's history").await?;
        let Some(newest) = self.inner.store.newest_revision().await.map_err(from_store)? else {
            return Err(unknown(RevisionId(1)));
        };
        let id = newest.id();
        let text = self.shown_text(actor, newest.text.clone()).await?;
        let mut origin = Origin::new(&newest.text);
        let mut child = newest;
        for _ in 0..DEPTH {
            let Some(parent) = child.parent() else {
                origin.give_rest(child.id());
                break;
            };
            let before = self.kept(parent).await?;
            let (child_id, now, then) = (child.id(), child.text, before.text.clone());
            origin = compute(move || origin.before(child_id, &then, &now)).await?;
            if origin.is_whole() {
                break;
            }
            child = before;
        }
        let wanted: BTreeSet<RevisionId> = origin.found.iter().flatten().copied().collect();
        let heads = self.inner.store.revision_heads(id, DEPTH + 1).await.map_err(from_store)?;
        let rows = heads.iter().filter(|head| wanted.contains(&head.id())).map(row).collect();
        // What is shown has the same lines, with passwords masked.
        let lines = text
            .lines()
            .zip(origin.found)
            .map(|(text, revision)| BlameLine { revision, text: text.to_owned() });
        Ok(BlamePage { newest: id, lines: lines.collect(), rows })
    }

    /// A text to go back with; nothing is saved.
    pub async fn recall(
        &self,
        actor: &Actor,
        how: Recall,
        id: RevisionId,
    ) -> Result<InventoryDraft, Problem> {
        self.gate(actor, Action::Edit, Target::Anywhere, format!("revision {id}")).await?;
        self.gate(actor, Action::See, Target::Everything, format!("revision {id}")).await?;
        let (_, this) = self.with_newest(id).await?;
        let (text, message) = match how {
            Recall::Back => (this.text, format!("back to revision {id}")),
            Recall::Undo => (self.without(this).await?, format!("undoes revision {id}")),
        };
        Ok(InventoryDraft { text: self.shown_text(actor, text).await?, message })
    }

    /// The text in force without what a revision changed.
    async fn without(&self, this: StoredRevision) -> Result<String, Problem> {
        let id = this.id();
        let refuse = |why: String, fix: &str| {
            let what = format!("revision {id} cannot be undone by itself");
            problem("inventory/not-undone", ProblemKind::Conflict, what, why, fix)
        };
        let Some(parent) = this.parent() else {
            return Err(refuse("it is the first one: before it there was nothing".into(), "edit the text"));
        };
        let before = self.kept(parent).await?;
        let newest =
            self.inner.store.newest_revision().await.map_err(from_store)?.unwrap_or_else(|| this.clone());
        let merged = compute(move || merge3(&this.text, &before.text, &newest.text)).await?;
        merged.map_err(|conflict| {
            refuse(
                format!("line {} of it has been changed again since", conflict.line),
                "open the text of the revision before it, or edit the lines by hand",
            )
        })
    }

    async fn with_newest(&self, id: RevisionId) -> Result<(RevisionId, StoredRevision), Problem> {
        let newest = self.inner.store.newest_revision_id().await.map_err(from_store)?;
        Ok((newest.ok_or_else(|| unknown(id))?, self.kept(id).await?))
    }

    async fn kept(&self, id: RevisionId) -> Result<StoredRevision, Problem> {
        self.inner.store.revision(id).await.map_err(from_store)?.ok_or_else(|| unknown(id))
    }

    async fn shown_text(&self, actor: &Actor, text: String) -> Result<String, Problem> {
        if actor.may(Action::Edit, Target::Everything) {
            return Ok(text);
        }
        Ok(shown(actor, &read(text).await?.0))
    }
}

fn unknown(id: RevisionId) -> Problem {
    problem(
        "inventory/no-revision",
        ProblemKind::Request,
        format!("there is no revision {id}"),
        "the inventory has never had that many",
        "choose one of the history",
    )
}

/// Compares off the async threads.
async fn compute<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    let task = tokio::task::spawn_blocking(work);
    task.await.map_err(|error| internal("the texts could not be compared", &error))
}

fn row(head: &RevisionHead) -> RevisionRow {
    RevisionRow {
        id: head.id(),
        author: head.author.clone(),
        message: head.message.clone(),
        saved_us: head.saved_us,
        job: head.job(),
    }
}

fn row_of(revision: &StoredRevision) -> RevisionRow {
    RevisionRow {
        id: revision.id(),
        author: revision.author.clone(),
        message: revision.message.clone(),
        saved_us: revision.saved_us,
        job: revision.job(),
    }
}

fn blocks(then: &str, now: &str) -> Vec<Vec<DiffLine>> {
    let diff = TextDiff::configure().timeout(LONGEST_COMPARISON).diff_lines(then, now);
    let block = |ops: &Vec<DiffOp>| {
        ops.iter()
            .flat_map(|op| diff.iter_changes(op))
            .map(|change| {
                let (mark, at) = match change.tag() {
                    ChangeTag::Equal => (DiffMark::Same, change.new_index()),
                    ChangeTag::Insert => (DiffMark::Added, change.new_index()),
                    ChangeTag::Delete => (DiffMark::Removed, change.old_index()),
                };
                let line = u32::try_from(at.unwrap_or_default() + 1).unwrap_or(u32::MAX);
                DiffLine { mark, line, text: change.value().trim_end_matches(['\n', '\r']).to_owned() }
            })
            .collect()
    };
    diff.grouped_ops(CONTEXT).iter().map(block).collect()
}

/// Where the lines of a text are from, as far as it is known.
#[derive(Debug)]
struct Origin {
    /// Per line the revision that brought it.
    found: Vec<Option<RevisionId>>,
    /// Lines that are older than what was looked at: their place in the text in force, and in the oldest one seen.
    open: Vec<(usize, usize)>,
}

impl Origin {
    fn new(text: &str) -> Self {
        let count = text.lines().count();
        Self { found: vec![None; count], open: (0..count).map(|at| (at, at)).collect() }
    }

    fn is_whole(&self) -> bool {
        self.open.is_empty()
    }

    fn give_rest(&mut self, to: RevisionId) {
        for (at, _) in self.open.drain(..) {
            self.found[at] = Some(to);
        }
    }

    /// One revision further back: what `now` has and `then` has not is from `id`.
    fn before(mut self, id: RevisionId, then: &str, now: &str) -> Self {
        let (then, now): (Vec<&str>, Vec<&str>) = (then.lines().collect(), now.lines().collect());
        let mut stays = vec![None; now.len()];
        for op in capture_diff_slices(Algorithm::Myers, &then, &now) {
            if let DiffOp::Equal { old_index, new_index, len } = op {
                for step in 0..len {
                    stays[new_index + step] = Some(old_index + step);
                }
            }
        }
        let mut open = Vec::new();
        for (at, here) in self.open {
            match stays.get(here).copied().flatten() {
                Some(there) => open.push((at, there)),
                None => self.found[at] = Some(id),
            }
        }
        self.open = open;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_from_the_revision_that_brought_them() {
        let texts = ["a\nb\nc\n", "a\nB\nc\n", "x\na\nB\nc\n", "x\na\nB\nc\nb\n"];
        let mut origin = Origin::new(texts[3]);
        for at in (1..4).rev() {
            origin = origin.before(RevisionId(at as i64 + 1), texts[at - 1], texts[at]);
        }
        origin.give_rest(RevisionId(1));
        let ids: Vec<i64> = origin.found.iter().map(|id| id.unwrap().0).collect();
        assert_eq!(ids, [3, 1, 2, 1, 4]);
        assert!(origin.is_whole());
    }

    #[test]
    fn a_change_is_shown_with_what_is_around_it() {
        let then: String = (1..=20).map(|at| format!("line {at}\n")).collect();
        let now = then.replace("line 4\n", "line four\n").replace("line 18\n", "");
        let blocks = blocks(&then, &now);
        assert_eq!(blocks.len(), 2);
        let said: Vec<String> =
            blocks[0].iter().map(|line| format!("{:?} {} {}", line.mark, line.line, line.text)).collect();
        assert_eq!(
            said,
            [
                "Same 1 line 1",
                "Same 2 line 2",
                "Same 3 line 3",
                "Removed 4 line 4",
                "Added 4 line four",
                "Same 5 line 5",
                "Same 6 line 6",
                "Same 7 line 7",
            ]
        );
    }
}
