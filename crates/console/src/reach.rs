//! The whole inventory text in the hands of somebody who may edit some clusters of it only: what is shown to them, what
//! their edits mean, how far those may reach.

use crate::inventory::read;
use crate::masking::mask_inventory;
use crate::policy::{Action, Target, authorise};
use crate::problems::{from_store, internal, problem};
use crate::{Actor, Console};
use paddock_events::{Problem, ProblemKind, RevisionId};
use paddock_inventory::{Inventory, clusters_reached, merge3};
use std::collections::BTreeSet;

/// The text without the passwords of what the actor may not edit, line for line the same otherwise.
pub(crate) fn shown(actor: &Actor, inventory: &Inventory) -> String {
    if actor.may(Action::Edit, Target::Everything) {
        return inventory.text().to_owned();
    }
    let own = |names: BTreeSet<String>| actor.may(Action::Edit, Target::Clusters(&names));
    let groups: Vec<_> = inventory
        .cluster_lines()
        .into_iter()
        .map(|group| (group.lines, own(group.clusters.iter().map(ToString::to_string).collect())))
        .collect();
    // Lines are the same in number; one that two groups share is for who may edit both.
    let masked = mask_inventory(inventory);
    let lines = inventory.text().split_inclusive('\n').zip(masked.split_inclusive('\n')).enumerate();
    let line = |(at, (whole, masked))| {
        let mut around = groups.iter().filter(|(lines, _)| lines.contains(&at)).peekable();
        if around.peek().is_some() && around.all(|(_, own)| *own) { whole } else { masked }
    };
    lines.map(line).collect()
}

impl Console {
    /// The whole text that an edit of the shown one means: lines that were not touched are as they are. Refuses an edit
    /// of a line that was masked.
    pub(crate) async fn unmasked(
        &self,
        actor: &Actor,
        base: Option<RevisionId>,
        text: String,
    ) -> Result<String, Problem> {
        let Some(base) = base.filter(|_| !actor.may(Action::Edit, Target::Everything)) else {
            return Ok(text);
        };
        let kept = self.inner.store.revision(base).await.map_err(from_store)?;
        let Some(kept) = kept else { return Ok(text) };
        let (inventory, _) = read(kept.text).await?;
        let shown = shown(actor, &inventory);
        let merged = tokio::task::spawn_blocking(move || merge3(&shown, &text, inventory.text()));
        let merged = merged.await.map_err(|error| internal("the edit could not be read", &error))?;
        merged.map_err(|conflict| {
            problem(
                "inventory/hidden-line",
                ProblemKind::Forbidden,
                "the inventory was not saved",
                format!(
                    "line {} holds a password that is not shown to you, or stands beside one",
                    conflict.line
                ),
                "leave such lines as they are; somebody who may edit everything can change them",
            )
        })
    }

    /// Refuses an edit that reaches what the actor may not edit.
    pub(crate) async fn refuse_reach(
        &self,
        actor: &Actor,
        before: Option<&str>,
        after: &str,
    ) -> Result<(), Problem> {
        if actor.may(Action::Edit, Target::Everything) {
            return Ok(());
        }
        let (before, after) = (before.unwrap_or_default().to_owned(), after.to_owned());
        let reached = tokio::task::spawn_blocking(move || {
            clusters_reached(&Inventory::read(before).0, &Inventory::read(after).0)
        });
        let reached = reached.await.map_err(|error| internal("the edit could not be compared", &error))?;
        let Some(reached) = reached else { return authorise(actor, Action::Edit, Target::Everything) };
        let names: BTreeSet<String> = reached.iter().map(ToString::to_string).collect();
        // Comments and blanks between the clusters are nobody's.
        if names.is_empty() { Ok(()) } else { authorise(actor, Action::Edit, Target::Clusters(&names)) }
    }
}
