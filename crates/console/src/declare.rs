//! What the forms of a cluster's page put into the inventory: an instance, a clone. Each is one revision with one edit.

use crate::clock::now_us;
use crate::inventory::read;
use crate::policy::{Action, Target, authorise};
use crate::problems::{from_edit, from_name, from_store, internal, no_cluster, problem};
use crate::{Actor, Console};
use paddock_events::{FindingLevel, FindingRow, NewClone, NewInstance, Problem, ProblemKind, RevisionId};
use paddock_inventory::{
    ClusterName, InstanceRole, Inventory, Level, Map, NewGroup, NodeAddr, Value, VarTarget, add_cluster,
    add_instance, set_var,
};
use paddock_store::{NewAudit, NewRevision};
use std::collections::BTreeSet;
use std::sync::Arc;

impl Console {
    /// Declares one more instance of a cluster, as a revision; it is added by the plan that follows.
    pub async fn declare_instance(&self, actor: &Actor, form: NewInstance) -> Result<RevisionId, Problem> {
        let note = actor.note_on("inventory/save", "the inventory", Some(form.cluster.clone()));
        let message = format!("declared {} in {}", form.addr.trim(), form.cluster);
        let base = form.base;
        let about = BTreeSet::from([form.cluster.clone()]);
        let edit = move |inventory: &Inventory| with_instance(inventory, &form);
        let done = self.declare(actor, base, message, &note, about, edit).await;
        self.told(note, done).await
    }

    /// Declares a cluster that is to be cloned from another one, as a revision.
    pub async fn declare_clone(&self, actor: &Actor, form: NewClone) -> Result<RevisionId, Problem> {
        let note = actor.note_on("inventory/save", "the inventory", Some(form.name.trim().to_owned()));
        let message = format!("declared {}, a clone of {}", form.name.trim(), form.source);
        let base = form.base;
        // A clone reads all that its source has.
        let about = BTreeSet::from([form.name.trim().to_owned(), form.source.clone()]);
        let edit = move |inventory: &Inventory| with_clone(inventory, &form);
        let done = self.declare(actor, base, message, &note, about, edit).await;
        self.told(note, done).await
    }

    /// Makes one edit, which is about some clusters, of the revision that the form was made from; refuses a text that is broken, or newer than it,
    /// and an edit that brings an error into it.
    async fn declare(
        &self,
        actor: &Actor,
        base: RevisionId,
        message: String,
        note: &NewAudit,
        about: BTreeSet<String>,
        edit: impl FnOnce(&Inventory) -> Result<String, Problem> + Send + 'static,
    ) -> Result<RevisionId, Problem> {
        authorise(actor, Action::Edit, Target::Clusters(&about))?;
        let current = self.inventory_in_force().await?;
        if current.revision != base {
            return Err(stale(base));
        }
        if current.inventory.is_broken() {
            return Err(problem(
                "inventory/unreadable",
                ProblemKind::Conflict,
                "the inventory cannot be edited",
                "it cannot be read as YAML",
                "open the inventory page and right the marked place first",
            ));
        }
        let inventory = Arc::clone(&current.inventory);
        let edited = tokio::task::spawn_blocking(move || edit(&inventory)).await;
        let text = edited.map_err(|error| internal("the inventory could not be edited", &error))??;
        let (_, findings) = read(text.clone()).await?;
        refuse_new_errors(&current.findings, &findings)?;
        self.refuse_reach(actor, Some(current.inventory.text()), &text).await?;
        let new = NewRevision {
            parent: Some(base),
            text,
            author: actor.name.clone(),
            message,
            saved_us: now_us(),
            job: None,
        };
        let note = NewAudit { outcome: new.message.clone(), ..note.clone() };
        let saved = self.inner.store.noting(note).add_revision(&new).await.map_err(from_store)?;
        let revision = saved.ok_or_else(|| stale(base))?;
        tracing::info!(revision.id = %revision, person.id = %actor.id, "{}", new.message);
        Ok(revision)
    }
}

fn stale(base: RevisionId) -> Problem {
    problem(
        "inventory/stale",
        ProblemKind::Conflict,
        "the inventory was not edited",
        format!("it was saved since this page was opened (the page shows revision {base})"),
        "reload the page and look at the form again",
    )
}

fn bad_form(why: impl Into<String>) -> Problem {
    let fix = "right it and try again";
    problem("inventory/bad-form", ProblemKind::Request, "the form is not right", why, fix)
}

/// An edit must not bring an error that was not there: a node that holds another cluster, a number given twice.
fn refuse_new_errors(before: &[FindingRow], after: &[FindingRow]) -> Result<(), Problem> {
    let known = |new: &FindingRow| {
        before.iter().any(|old| (old.code.as_str(), &old.message) == (new.code.as_str(), &new.message))
    };
    let new = after.iter().find(|row| row.level == FindingLevel::Error && !known(row));
    match new {
        None => Ok(()),
        Some(row) => Err(problem(
            "inventory/would-be-wrong",
            ProblemKind::Request,
            "the inventory was not edited: it would be wrong afterwards",
            format!("{} ({})", row.message, row.code),
            row.help.clone().unwrap_or_else(|| "choose another node, number or name".into()),
        )),
    }
}

fn with_instance(inventory: &Inventory, form: &NewInstance) -> Result<String, Problem> {
    let name: ClusterName = form.cluster.parse().map_err(|error| from_name(&error))?;
    let cluster = inventory.cluster(&name).ok_or_else(|| no_cluster(&form.cluster))?;
    let addr: NodeAddr = form.addr.trim().parse().map_err(|error| from_name(&error))?;
    let role: InstanceRole = form.role.trim().parse().map_err(|error| from_name(&error))?;
    if role == InstanceRole::Primary {
        return Err(bad_form("a cluster has one primary; declare a replica, then switch over to it"));
    }
    if let Some(known) = cluster.instances.iter().find(|one| one.addr == addr) {
        return Err(bad_form(format!(
            "{addr} is declared already, as {}: add it from the members",
            known.id
        )));
    }
    if let Some(known) = cluster.instances.iter().find(|one| one.id.seq == form.seq) {
        return Err(bad_form(format!("{} is declared already, on {}", known.id, known.addr)));
    }
    add_instance(inventory, &name, addr, form.seq, role).map_err(|error| from_edit(&error))
}

fn with_clone(inventory: &Inventory, form: &NewClone) -> Result<String, Problem> {
    let source: ClusterName = form.source.parse().map_err(|error| from_name(&error))?;
    let source = inventory.cluster(&source).ok_or_else(|| no_cluster(&form.source))?;
    let name: ClusterName = form.name.trim().parse().map_err(|error| from_name(&error))?;
    let mut instances: Vec<(NodeAddr, u32, InstanceRole)> = Vec::new();
    for (seq, (addr, role)) in (1..).zip(&form.instances) {
        let addr: NodeAddr = addr.trim().parse().map_err(|error| from_name(&error))?;
        let role = role.trim().parse().map_err(|error| from_name(&error))?;
        if instances.iter().any(|(known, _, _)| *known == addr) {
            return Err(bad_form(format!("{addr} is in the form twice")));
        }
        if let Some((held, _)) =
            inventory.clusters().iter().find(|(_, one)| one.instances.iter().any(|i| i.addr == addr))
        {
            return Err(bad_form(format!("{addr} holds an instance of {held} already")));
        }
        instances.push((addr, seq, role));
    }
    let primaries: Vec<NodeAddr> = instances
        .iter()
        .filter(|(_, _, role)| *role == InstanceRole::Primary)
        .map(|(addr, ..)| *addr)
        .collect();
    let [primary] = primaries[..] else {
        return Err(bad_form(format!("a cluster has exactly one primary; the form has {}", primaries.len())));
    };
    let group = NewGroup { name: name.clone(), instances, vars: version_of(inventory, source) };
    let text = add_cluster(inventory, &group).map_err(|error| from_edit(&error))?;
    let Some(upstream) = &form.upstream else { return Ok(text) };
    let upstream: NodeAddr = upstream.trim().parse().map_err(|error| from_name(&error))?;
    let (with_group, _) = Inventory::read(text);
    let target = VarTarget::Host(name.to_string(), primary);
    set_var(&with_group, &target, "pg_upstream", &Value::Text(upstream.to_string()))
        .map_err(|error| from_edit(&error))
}

/// A clone has its source's major version; one that holds for all clusters need not be written again.
pub(crate) fn version_of(inventory: &Inventory, source: &paddock_inventory::Cluster) -> Map {
    let vars = source.instances.first().map(|first| inventory.vars(first.addr));
    let version = vars.as_ref().and_then(|vars| vars.get("pg_version"));
    let own = version.filter(|version| matches!(version.level, Level::Group(_) | Level::Host(_)));
    Map(own.map(|own| (Value::Text("pg_version".into()), own.value.clone())).into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "all:\n  children:\n    pg-test:\n      hosts:\n        10.0.0.1: { pg_seq: 1, pg_role: primary }\n        10.0.0.2: { pg_seq: 2, pg_role: replica }\n      vars:\n        pg_cluster: pg-test\n        pg_version: 15\n";

    fn instance(addr: &str, seq: u32, role: &str) -> Result<String, Problem> {
        let (addr, role) = (addr.to_owned(), role.to_owned());
        let form = NewInstance { base: RevisionId(1), cluster: "pg-test".into(), addr, seq, role };
        with_instance(&Inventory::read(TEXT).0, &form)
    }

    fn clone(name: &str, instances: &[(&str, &str)], upstream: Option<&str>) -> Result<String, Problem> {
        let form = NewClone {
            base: RevisionId(1),
            source: "pg-test".into(),
            name: name.into(),
            instances: instances.iter().map(|(a, r)| ((*a).to_owned(), (*r).to_owned())).collect(),
            upstream: upstream.map(str::to_owned),
        };
        with_clone(&Inventory::read(TEXT).0, &form)
    }

    #[test]
    fn an_instance_is_one_line_below_the_others() {
        let added = "        10.0.0.3: { pg_seq: 3, pg_role: offline }\n";
        let expect = TEXT.replace("      vars:", &format!("{added}      vars:"));
        assert_eq!(instance("10.0.0.3", 3, "offline").unwrap(), expect);
    }

    #[test]
    fn a_standby_cluster_names_its_upstream_on_its_primary_and_takes_the_version() {
        let text = clone("pg-dr", &[("10.0.0.5", "primary"), ("10.0.0.6", "replica")], Some("10.0.0.1"));
        let (after, _) = Inventory::read(text.unwrap());
        let upstream = |addr: &str| after.vars(addr.parse().unwrap()).text("pg_upstream");
        assert_eq!(upstream("10.0.0.5").as_deref(), Some("10.0.0.1"));
        assert_eq!(upstream("10.0.0.6"), None);
        assert_eq!(after.vars("10.0.0.6".parse().unwrap()).int("pg_version"), Some(15));
        let text = clone("pg-back", &[("10.0.0.5", "primary")], None).unwrap();
        assert!(text.starts_with(TEXT.trim_end()) && !text.contains("pg_upstream"), "{text}");
    }

    #[test]
    fn a_form_that_cannot_work_is_refused_with_its_reason() {
        for (refused, why) in [
            (instance("10.0.0.2", 3, "replica"), "as pg-test-2"),
            (instance("10.0.0.3", 2, "replica"), "on 10.0.0.2"),
            (instance("10.0.0.3", 3, "primary"), "one primary"),
            (instance("10.0.0", 3, "replica"), "10.0.0"),
            (clone("pg-dr", &[], None), "the form has 0"),
            (clone("pg-dr", &[("10.0.0.2", "primary")], None), "an instance of pg-test"),
            (clone("pg-dr", &[("10.0.0.5", "primary"), ("10.0.0.5", "replica")], None), "twice"),
            (clone("pg test", &[("10.0.0.5", "primary")], None), "pg test"),
            (clone("pg-test", &[("10.0.0.5", "primary")], None), "already"),
            (clone("pg-dr", &[("10.0.0.5", "primary")], Some("here")), "here"),
        ] {
            let refused = refused.unwrap_err();
            assert!(refused.why.contains(why), "{refused}");
        }
    }
}
