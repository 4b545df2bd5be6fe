//! Plans: made from facts and the inventory in force, kept as they were shown, checked on the nodes.

use crate::audit::{Way, note_by};
use crate::clock::{now_us, utc};
use crate::inventory::Current;
use crate::pki;
use crate::policy::{Action, Target, authorise};
use crate::problems::{from_refusal, from_store, internal, no_plan, problem};
use crate::{Actor, Console};
use paddock_engine::{CheckResult, Targets, dry_run, gather_facts};
use paddock_events::{DryRun, JobId, PlanId, Problem, ProblemKind, RevisionId};
use paddock_inventory::{ClusterName, Inventory, NodeAddr};
use paddock_playbooks::{FactSet, HostFacts, Intent, InventoryEdit, Material, Plan, Playbook, Refusal};
use paddock_store::{Concerned, NewAudit, NewPlan, NewRevision, StoredPlan};
use std::collections::BTreeSet;
use std::sync::Arc;

/// How many revisions are looked through for a node that has left the inventory.
const LOOK_BACK: usize = 50;

/// Code of the refusal of a plan that the inventory in force would not give any more.
pub(crate) const STALE: &str = "plan/stale";

/// A stored plan, read.
pub(crate) struct KeptPlan {
    pub(crate) stored: StoredPlan,
    pub(crate) plan: Plan,
}

/// Clusters as the database keeps them.
fn concerned(clusters: Result<Option<BTreeSet<ClusterName>>, Refusal>) -> Result<Concerned, Problem> {
    let names = |all: BTreeSet<ClusterName>| all.iter().map(ToString::to_string).collect();
    Ok(clusters.map_err(from_refusal)?.map(names))
}

impl Console {
    /// Reads facts from the nodes, plans, stores the plan.
    pub async fn plan(&self, actor: &Actor, intent: Intent) -> Result<PlanId, Problem> {
        let note = actor.note("plan", intent.operation.script_form());
        let done = self.make_plan(actor, intent).await;
        self.told(note, done).await
    }

    async fn make_plan(&self, actor: &Actor, intent: Intent) -> Result<PlanId, Problem> {
        authorise(actor, Action::Plan, Target::Anywhere)?;
        let Current { revision, inventory, .. } = self.inventory_for(&intent).await?;
        // Before the nodes are asked for anything.
        let about = concerned(paddock_playbooks::clusters_concerned(&inventory, &intent))?;
        authorise(actor, Action::Plan, (&about).into())?;
        let nodes = paddock_playbooks::hosts_concerned(&inventory, &intent).map_err(from_refusal)?;
        let targets = self.targets(&inventory);
        let mut facts = FactSet(gather_facts(&self.inner.pool, &targets, &nodes).await);
        self.note_reachability(&mut facts);
        // Refusals come before keys are made, so that a plan that cannot be leaves nothing behind.
        paddock_playbooks::plan(&inventory, &facts, &Material::default(), &intent).map_err(from_refusal)?;
        let material = self.material(&inventory, &intent).await?;
        let plan = paddock_playbooks::plan(&inventory, &facts, &material, &intent).map_err(from_refusal)?;
        let about = concerned(paddock_playbooks::clusters_of_plan(&inventory, &plan))?;
        authorise(actor, Action::Plan, (&about).into())?;
        let json = |json: Result<String, serde_json::Error>| {
            json.map_err(|error| internal("the plan cannot be kept", &error))
        };
        let new = NewPlan {
            revision,
            digest: plan.digest.0.clone(),
            plan: json(serde_json::to_string(&plan))?,
            facts: json(serde_json::to_string(&facts))?,
            clusters: about,
            author: actor.name.clone(),
            created_us: now_us(),
        };
        let note = NewAudit {
            digest: Some(new.digest.clone()),
            outcome: plan.title.clone(),
            ..actor.note_on("plan", "", plan.cluster.as_ref().map(ToString::to_string))
        };
        let id = self.inner.store.noting(note).add_plan(&new).await.map_err(from_store)?;
        tracing::info!(plan.id = %id, person.id = %actor.id, "planned: {}", plan.title);
        Ok(id)
    }

    /// Runs every check of the plan on the nodes and changes nothing.
    pub async fn dry_run(&self, actor: &Actor, id: PlanId) -> Result<DryRun, Problem> {
        let kept = self.gate_plan(actor, Action::Plan, id).await?.kept;
        let current = self.inventory_in_force().await?;
        let planned_on = self.inventory_at(kept.stored.revision).await?;
        let targets = self.targets(&current.inventory).or(self.targets(&planned_on));
        let checked = dry_run(&kept.plan, &self.inner.pool, &targets).await;
        let mut out = DryRun { holding: 0, would_change: Vec::new(), unknown: Vec::new() };
        let steps: Vec<_> = kept.plan.steps().map(|(_, _, step)| step).collect();
        for one in checked {
            let Some(step) = steps.get(one.step as usize) else { continue };
            let (host, id) = (one.host.to_string(), step.id.0.clone());
            match one.result {
                CheckResult::Holds => out.holding += 1,
                CheckResult::WouldChange(how) => out.would_change.push((host, id, step.title.clone(), how)),
                CheckResult::Unknown(why) => out.unknown.push((host, id, why)),
            }
        }
        Ok(out)
    }

    /// The inventory in force, or what to do when there is none.
    pub(crate) async fn inventory_in_force(&self) -> Result<Current, Problem> {
        self.current().await?.ok_or_else(|| {
            problem(
                "inventory/none",
                ProblemKind::NotFound,
                "there is no inventory yet",
                "nothing has been saved",
                "open the inventory page, write one and save it",
            )
        })
    }

    /// The inventory that an intent is planned on: the one in force; for a node that has left it since, to be removed
    /// from the console's care, the newest one that still names it.
    async fn inventory_for(&self, intent: &Intent) -> Result<Current, Problem> {
        let current = self.inventory_in_force().await?;
        let plays = intent.operation.plays(&intent.extra_vars);
        let removes_nodes = plays.iter().all(|play| play.playbook == Playbook::NodeRm);
        if !removes_nodes || paddock_playbooks::hosts_concerned(&current.inventory, intent).is_ok() {
            return Ok(current);
        }
        let mut before = self.inner.store.revision(current.revision).await.map_err(from_store)?;
        for _ in 0..LOOK_BACK {
            let Some(parent) = before.and_then(|revision| revision.parent()) else { break };
            let inventory = self.inventory_at(parent).await?;
            if paddock_playbooks::hosts_concerned(&inventory, intent).is_ok() {
                return Ok(Current { revision: parent, inventory: Arc::new(inventory), ..current });
            }
            before = self.inner.store.revision(parent).await.map_err(from_store)?;
        }
        Ok(current)
    }

    /// The inventory of a revision, read.
    pub(crate) async fn inventory_at(&self, revision: RevisionId) -> Result<Inventory, Problem> {
        let kept = self.inner.store.revision(revision).await.map_err(from_store)?;
        let text = kept.map(|kept| kept.text).unwrap_or_default();
        let read = tokio::task::spawn_blocking(move || Inventory::read(text).0).await;
        read.map_err(|error| internal("the inventory cannot be read", &error))
    }

    /// The inventory that a job's plan was made from.
    pub(crate) async fn inventory_of(&self, job: JobId) -> Result<Inventory, Problem> {
        let plan = self.stored_job(job).await?.plan;
        let stored = self.inner.store.plan(plan).await.map_err(from_store)?.ok_or_else(|| no_plan(plan))?;
        self.inventory_at(stored.revision).await
    }

    /// Makes a plan's edits in the newest inventory, as one revision; none when the text needs none.
    pub(crate) async fn edit_for_job(
        &self,
        job: JobId,
        author: &str,
        edits: &[InventoryEdit],
    ) -> Result<Option<RevisionId>, Problem> {
        let sentences: Vec<String> = edits.iter().map(InventoryEdit::sentence).collect();
        for _ in 0..20 {
            let current = self.inventory_in_force().await?;
            let mut text = current.inventory.text().to_owned();
            for edit in edits {
                text = edit.apply(&Inventory::read(text).0).map_err(|error| {
                    problem(
                        "inventory/not-edited",
                        ProblemKind::Conflict,
                        "the inventory was not edited",
                        error.to_string(),
                        "edit the text by hand, then resume the job",
                    )
                })?;
            }
            if text == current.inventory.text() {
                return Ok(None);
            }
            let new = NewRevision {
                parent: Some(current.revision),
                text,
                author: author.to_owned(),
                message: format!("job {job}: {}", sentences.join("; ")),
                saved_us: now_us(),
                job: Some(job),
            };
            let note = note_by(Way::Console, "inventory/save", String::new());
            let store = self.inner.store.noting(NewAudit { outcome: new.message.clone(), ..note });
            if let Some(revision) = store.add_revision(&new).await.map_err(from_store)? {
                return Ok(Some(revision));
            }
        }
        Err(problem(
            "inventory/busy",
            ProblemKind::Conflict,
            "the inventory was not edited",
            "others saved it again and again meanwhile",
            "resume the job",
        ))
    }

    /// Whether all that was saved since the plan's revision are the edits of its own job.
    async fn only_own_edits(&self, kept: &KeptPlan, newest: RevisionId) -> Result<bool, Problem> {
        let Some(job) = kept.stored.job else { return Ok(false) };
        let mut at = newest;
        while at != kept.stored.revision {
            let revision = self.inner.store.revision(at).await.map_err(from_store)?;
            match revision {
                Some(revision) if revision.job() == Some(job) => match revision.parent() {
                    Some(parent) => at = parent,
                    None => return Ok(false),
                },
                Some(_) | None => return Ok(false),
            }
        }
        Ok(true)
    }

    pub(crate) fn targets(&self, inventory: &Inventory) -> Targets {
        Targets::from_inventory(inventory, self.inner.pool.settings())
    }

    pub(crate) async fn kept_plan(&self, id: PlanId) -> Result<KeptPlan, Problem> {
        let stored = self.inner.store.plan(id).await.map_err(from_store)?.ok_or_else(|| no_plan(id))?;
        let plan = serde_json::from_str(&stored.plan).map_err(|error| {
            tracing::error!(plan.id = %id, "a stored plan cannot be read: {error}");
            problem(
                "plan/outdated",
                ProblemKind::Conflict,
                format!("plan {id} cannot be read any more"),
                "it was made by another version of Paddock",
                "plan again",
            )
        })?;
        Ok(KeptPlan { stored, plan })
    }

    /// Refuses a plan that the inventory in force would not give any more. What the nodes said then is taken as it
    /// was: the steps check the nodes themselves. Gives the revision in force.
    pub(crate) async fn refuse_stale(&self, kept: &KeptPlan) -> Result<RevisionId, Problem> {
        let current = self.inventory_in_force().await?;
        if current.revision == kept.stored.revision || self.only_own_edits(kept, current.revision).await? {
            return Ok(current.revision);
        }
        let facts: FactSet = serde_json::from_str(&kept.stored.facts)
            .map_err(|error| internal("the plan's facts cannot be read", &error))?;
        let stale = |why: String| {
            problem(
                STALE,
                ProblemKind::Conflict,
                format!("plan {} is stale: plan again", kept.stored.id),
                why,
                "plan again and read what has changed",
            )
        };
        let changed = format!(
            "the inventory has changed since (revision {} then, {} now)",
            kept.stored.revision, current.revision
        );
        let refused = |refusal: Refusal| stale(format!("{changed}: {}", refusal.why));
        let inventory = self.inventory_for(&kept.plan.intent).await?.inventory;
        // Needs may be refused as well when what was planned is not declared any more.
        let needs = paddock_playbooks::needs(&inventory, &kept.plan.intent).map_err(refused)?;
        let material = self.make(needs).await?;
        let again = paddock_playbooks::plan(&inventory, &facts, &material, &kept.plan.intent);
        if again.map_err(refused)?.digest == kept.plan.digest {
            Ok(current.revision)
        } else {
            Err(stale(changed))
        }
    }

    /// Refuses a plan that is about more than the actor may change since the inventory was saved: the digest tells of
    /// other steps, and not of another cluster on the same nodes.
    pub(crate) async fn refuse_grown(
        &self,
        actor: &Actor,
        action: Action,
        kept: &KeptPlan,
    ) -> Result<(), Problem> {
        let inventory = self.inventory_for(&kept.plan.intent).await?.inventory;
        let about = concerned(paddock_playbooks::clusters_of_plan(&inventory, &kept.plan))?;
        authorise(actor, action, (&about).into())
    }

    async fn material(&self, inventory: &Inventory, intent: &Intent) -> Result<Material, Problem> {
        let needs = paddock_playbooks::needs(inventory, intent).map_err(from_refusal)?;
        self.make(needs).await
    }

    /// Keys and certificates, one maker at a time: two plans must not make two keys for one name.
    async fn make(&self, needs: Vec<paddock_playbooks::Need>) -> Result<Material, Problem> {
        let _one = self.inner.pki.lock().await;
        let dir = self.inner.settings.state_dir.join("pki");
        let keys = self.inner.key_files.clone();
        let made = tokio::task::spawn_blocking(move || pki::ensure(&dir, &keys, &needs)).await;
        made.map_err(|error| internal("keys could not be made", &error))?
    }

    /// Remembers since when a node has not answered, and says so in its reason.
    fn note_reachability(&self, facts: &mut FactSet) {
        let Ok(mut since) = self.inner.unreachable_since.lock() else { return };
        for (node, known) in &mut facts.0 {
            let node: NodeAddr = *node;
            match known {
                HostFacts::Unreachable { reason } => {
                    let first = *since.entry(node).or_insert_with(now_us);
                    *reason += &format!(" (seen so since {})", utc(first));
                }
                HostFacts::Known(_) => {
                    since.remove(&node);
                }
                HostFacts::Assumed => {}
            }
        }
    }
}
