//! Files that an inventory text makes of a cluster, beside those of the revision in force.

use crate::inventory::{broken, check_size};
use crate::masking::{mask, secrets_of};
use crate::policy::{Action, Target};
use crate::problems::{from_refusal, internal};
use crate::{Actor, Console};
use paddock_events::{MemberFile, Problem, RenderedCluster};
use paddock_inventory::{Inventory, Severity};
use std::collections::BTreeMap;

impl Console {
    /// The HBA and service files of each member by a text that is not saved, and by the one that is. `cluster`: empty, or not
    /// in the text, is the first one.
    pub async fn render_cluster(
        &self,
        actor: &Actor,
        text: String,
        cluster: String,
    ) -> Result<RenderedCluster, Problem> {
        self.gate(actor, Action::See, Target::Everything, "the inventory").await?;
        check_size(&text)?;
        let saved = self.current().await?;
        let task = tokio::task::spawn_blocking(move || {
            let (inventory, findings) = Inventory::read(text);
            if inventory.is_broken() {
                let first = findings.iter().find(|finding| finding.severity == Severity::Error);
                let why = first.map(|first| (first.span.line, first.span.column, first.message.as_str()));
                return Err(broken("the files cannot be shown", why, "right the marked place"));
            }
            let clusters = inventory.clusters();
            let names: Vec<String> = clusters.keys().map(ToString::to_string).collect();
            let name = names.iter().find(|name| **name == cluster).or(names.first()).cloned();
            let saved = saved.map(|current| current.inventory);
            let files = name.as_deref().map(|name| files(&inventory, saved.as_deref(), name));
            Ok(RenderedCluster {
                clusters: names,
                cluster: name.unwrap_or_default(),
                files: files.unwrap_or_default(),
            })
        });
        task.await.map_err(|error| internal("the files could not be rendered", &error))?
    }
}

/// What is in either of the two, the text's own first.
fn files(inventory: &Inventory, saved: Option<&Inventory>, name: &str) -> Vec<MemberFile> {
    let before = saved.map(|saved| rendered(saved, name)).unwrap_or_default();
    let mut before: BTreeMap<_, _> =
        before.into_iter().map(|(instance, path, content)| ((instance, path), content.ok())).collect();
    let mut out: Vec<MemberFile> = rendered(inventory, name)
        .into_iter()
        .map(|(instance, path, content)| {
            let saved = before.remove(&(instance.clone(), path.clone())).flatten();
            let (text, problem) = match content {
                Ok(text) => (Some(text), None),
                Err(problem) => (None, Some(problem)),
            };
            MemberFile { instance, path, text, problem, saved }
        })
        .collect();
    let gone = before.into_iter().filter_map(|((instance, path), saved)| {
        saved.map(|saved| MemberFile { instance, path, text: None, problem: None, saved: Some(saved) })
    });
    out.extend(gone);
    out
}

type Rendered = (String, String, Result<String, Problem>);

fn rendered(inventory: &Inventory, name: &str) -> Vec<Rendered> {
    let clusters = inventory.clusters();
    let Some((_, cluster)) = clusters.iter().find(|(known, _)| known.as_str() == name) else {
        return Vec::new();
    };
    let secrets = secrets_of(inventory);
    let files = paddock_playbooks::rendered(inventory, cluster).into_iter();
    files
        .map(|file| {
            let content = file.content.map(|content| mask(&content, &secrets)).map_err(from_refusal);
            (file.instance, file.path, content)
        })
        .collect()
}
