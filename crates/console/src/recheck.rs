//! What an approver read, looked at again in the moment before the plan runs: between the yes and the run hours may lie.
//!
//! Only what destroys is asked again, and what destroys nothing because a node was empty: a restore into a new cluster. Other
//! plans have steps that check the nodes by themselves.

use crate::Console;
use crate::case::Case;
use crate::problems::{internal, problem};
use paddock_engine::gather_facts;
use paddock_events::{Problem, ProblemKind};
use paddock_inventory::NodeAddr;
use paddock_playbooks::{FactSet, Facts, HostFacts, Live};
use std::collections::BTreeSet;

/// Code of the refusal.
const CHANGED: &str = "run/changed-since";

impl Console {
    /// Refuses a plan that destroys when leader, members, their roles, the data or the backup that the approver saw are not
    /// so any more; its approval is void then. Nodes that did not answer when it was planned are not asked.
    pub(crate) async fn refuse_changed(&self, case: &Case) -> Result<(), Problem> {
        let kept = &case.kept;
        if !kept.plan.is_destructive() && !kept.plan.restores() {
            return Ok(());
        }
        let then: FactSet = serde_json::from_str(&kept.stored.facts)
            .map_err(|error| internal("the plan's facts cannot be read", &error))?;
        let nodes: Vec<NodeAddr> = then.0.keys().copied().filter(|node| then.is_known(*node)).collect();
        if nodes.is_empty() {
            return Ok(());
        }
        let current = self.inventory_in_force().await?;
        let planned_on = self.inventory_at(kept.stored.revision).await?;
        let targets = self.targets(&current.inventory).or(self.targets(&planned_on));
        let now = FactSet(gather_facts(&self.inner.pool, &targets, &nodes).await);
        let changes = changes(&then, &now);
        if changes.is_empty() {
            return Ok(());
        }
        let why = changes.join("; ");
        self.void(kept, &why).await?;
        Err(problem(
            CHANGED,
            ProblemKind::Conflict,
            format!(
                "plan {} was not run: it replaces data, and what it was made for has changed",
                kept.stored.id
            ),
            why,
            "plan again, read it, and ask for an approval anew if it needs one",
        ))
    }
}

/// What is another than it was, a sentence each.
fn changes(then: &FactSet, now: &FactSet) -> Vec<String> {
    let mut out = BTreeSet::new();
    for (node, known) in &then.0 {
        let HostFacts::Known(was) = known else { continue };
        match now.0.get(node) {
            Some(HostFacts::Known(is)) => of_node(*node, was, is, &mut out),
            Some(HostFacts::Unreachable { reason }) => {
                out.insert(format!("{node} does not answer any more: {reason}"));
            }
            Some(HostFacts::Assumed) | None => {}
        }
    }
    out.into_iter().collect()
}

fn of_node(node: NodeAddr, was: &Facts, is: &Facts, out: &mut BTreeSet<String>) {
    if was.data_dir != is.data_dir || was.data_mark != is.data_mark {
        out.insert(format!("the data directory on {node} is not the one that was there"));
    }
    match (&was.live, &is.live) {
        (Some(was), Some(is)) => of_cluster(was, is, out),
        (Some(was), None) => drop(out.insert(format!("Patroni of {} does not answer any more", was.name))),
        (None, Some(is)) => drop(out.insert(format!("Patroni of {} answers now, and did not then", is.name))),
        (None, None) => {}
    }
    // A newer backup is no reason to ask again; one that is gone is.
    for label in labels(was.backups.as_deref()).difference(&labels(is.backups.as_deref())) {
        out.insert(format!("backup {label} is not in the repository of {node} any more"));
    }
}

fn of_cluster(was: &Live, is: &Live, out: &mut BTreeSet<String>) {
    let cluster = &was.scope;
    let leader =
        |live: &Live| live.leader().map_or_else(|| "nobody".to_owned(), |leader| leader.name.clone());
    if leader(was) != leader(is) {
        out.insert(format!("{} leads {cluster} now, and {} did then", leader(is), leader(was)));
    }
    if was.paused != is.paused {
        let now = if is.paused { "paused" } else { "on" };
        out.insert(format!("automatic failover of {cluster} is {now} now"));
    }
    for member in &was.members {
        match is.member(&member.name) {
            None => drop(out.insert(format!("{} is no member of {cluster} any more", member.name))),
            // Who leads is said already.
            Some(now) if now.role != member.role && !now.leads() && !member.leads() => {
                out.insert(format!("{} is {} now, and was {}", member.name, now.role, member.role));
            }
            // One that has become well is no reason to ask again.
            Some(now) if member.is_well() && !now.is_well() => {
                out.insert(format!("{} does not lead or stream any more: it is {}", member.name, now.state));
            }
            Some(_) => {}
        }
    }
    for member in is.members.iter().filter(|member| was.member(&member.name).is_none()) {
        out.insert(format!("{} is a member of {cluster} now", member.name));
    }
}

/// Labels of all sound backups that a repository lists.
fn labels(info: Option<&str>) -> BTreeSet<String> {
    let stanzas: serde_json::Value =
        info.and_then(|info| serde_json::from_str(info).ok()).unwrap_or_default();
    let backups =
        stanzas.as_array().into_iter().flatten().filter_map(|one| one.get("backup")?.as_array()).flatten();
    let sound =
        backups.filter(|backup| backup.get("error").and_then(serde_json::Value::as_bool) != Some(true));
    sound.filter_map(|backup| Some(backup.get("label")?.as_str()?.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use paddock_playbooks::LiveMember;

    fn member(name: &str, role: &str) -> LiveMember {
        LiveMember {
            name: name.into(),
            addr: None,
            role: role.into(),
            state: "running".into(),
            timeline: Some(1),
            lag_bytes: (role == "replica").then_some(0),
            nofailover: false,
        }
    }

    fn seen(members: &[(&str, &str)], change: impl Fn(&mut Facts)) -> FactSet {
        let live = Live {
            scope: "pg-test".into(),
            name: "pg-test-1".into(),
            members: members.iter().map(|(name, role)| member(name, role)).collect(),
            paused: false,
            config: serde_json::Value::Null,
            started: None,
            pending_restart: false,
        };
        let mut facts = Facts { live: Some(live), ..Facts::assumed() };
        facts.backups = Some(r#"[{"name": "pg-test", "backup": [{"label": "20260101-000000F"}]}]"#.into());
        change(&mut facts);
        FactSet([("10.10.10.11".parse().unwrap(), HostFacts::Known(facts))].into())
    }

    const TWO: [(&str, &str); 2] = [("pg-test-1", "leader"), ("pg-test-2", "replica")];

    #[test]
    fn what_an_approver_saw_is_compared_with_what_is() {
        let then = seen(&TWO, |_| {});
        let check = |now: FactSet, expect: &[&str]| assert_eq!(changes(&then, &now), expect);
        check(seen(&TWO, |_| {}), &[]);
        check(
            seen(&[("pg-test-1", "replica"), ("pg-test-2", "leader")], |_| {}),
            &["pg-test-2 leads pg-test now, and pg-test-1 did then"],
        );
        check(seen(&TWO[..1], |_| {}), &["pg-test-2 is no member of pg-test any more"]);
        check(
            seen(&[TWO[0], TWO[1], ("pg-test-3", "replica")], |_| {}),
            &["pg-test-3 is a member of pg-test now"],
        );
        check(
            seen(&[TWO[0], ("pg-test-2", "sync_standby")], |facts| {
                facts.live.as_mut().unwrap().members[1].lag_bytes = Some(0);
            }),
            &["pg-test-2 is sync_standby now, and was replica"],
        );
        check(
            seen(&TWO, |facts| facts.live.as_mut().unwrap().members[1].state = "stopped".into()),
            &["pg-test-2 does not lead or stream any more: it is stopped"],
        );
        check(
            seen(&TWO, |facts| facts.live.as_mut().unwrap().paused = true),
            &["automatic failover of pg-test is paused now"],
        );
        check(seen(&TWO, |facts| facts.live = None), &["Patroni of pg-test-1 does not answer any more"]);
        check(
            seen(&TWO, |facts| facts.data_mark = "7.7".into()),
            &["the data directory on 10.10.10.11 is not the one that was there"],
        );
        check(
            seen(&TWO, |facts| facts.backups = Some("[]".into())),
            &["backup 20260101-000000F is not in the repository of 10.10.10.11 any more"],
        );
        let ill = seen(&TWO, |facts| facts.live.as_mut().unwrap().members[1].state = "stopped".into());
        assert_eq!(changes(&ill, &then), [] as [String; 0], "it has become well");
        // A newer one beside it changes nothing.
        let newer = r#"[{"backup": [{"label": "20260101-000000F"}, {"label": "20260102-000000F"}]}]"#;
        check(seen(&TWO, |facts| facts.backups = Some(newer.into())), &[]);
        let gone = HostFacts::Unreachable { reason: "no route".into() };
        check(
            FactSet([("10.10.10.11".parse().unwrap(), gone)].into()),
            &["10.10.10.11 does not answer any more: no route"],
        );
    }
}
