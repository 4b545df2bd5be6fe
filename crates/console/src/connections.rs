//! Whether the console can sign in to its nodes, and host keys that somebody has to trust first.

use crate::audit::NoteOutcome;
use crate::inventory::Current;
use crate::policy::{Action, Target, authorise, verdict};
use crate::problems::{from_store, problem};
use crate::{Actor, Console};
use paddock_engine::SshError;
use paddock_events::{NodeReach, Problem, ProblemKind, Reach, ReachPage, Verdict};
use paddock_inventory::NodeAddr;
use tokio::task::JoinSet;

impl Console {
    /// Signs in to the hosts that the nodes page shows for `needle` and the actor plans for, all at once; what stands against it is told by host.
    pub async fn reach_nodes(&self, actor: &Actor, needle: &str) -> Result<ReachPage, Problem> {
        self.gate(actor, Action::Plan, Target::Anywhere, "whether the nodes answer").await?;
        let rows = self.nodes(actor, needle).await?.rows;
        // A key may be the jump host's, which stands before all of them.
        let may_trust = verdict(actor, Action::TrustHostKey, Target::Everything, None);
        let mut page = ReachPage { nodes: Vec::new(), well: 0, may_trust };
        let Some(Current { inventory, .. }) = self.current().await? else { return Ok(page) };
        let targets = self.targets(&inventory);
        let planned = rows.iter().filter(|row| row.may_plan == Verdict::Allowed);
        let nodes = planned.filter_map(|row| row.addr.parse::<NodeAddr>().ok());
        let mut tasks = JoinSet::new();
        for target in nodes.filter_map(|node| targets.get(node).cloned()) {
            let pool = self.inner.pool.clone();
            tasks.spawn(async move {
                let shell = pool.shell(&target).await;
                (target.node, shell.map(|shell| pool.give_back(&target, shell)))
            });
        }
        let mut found = Vec::new();
        while let Some(done) = tasks.join_next().await {
            match done {
                Ok((_, Ok(()))) => page.well += 1,
                Ok((node, Err(error))) => found.push((node, reach(error))),
                // A task that panicked says nothing of its node; the next look asks again.
                Err(error) => tracing::error!("a node was not asked: {error}"),
            }
        }
        found.sort_by_key(|(node, _)| *node);
        page.nodes =
            found.into_iter().map(|(node, reach)| NodeReach { addr: node.to_string(), reach }).collect();
        Ok(page)
    }

    /// Records the host key that stands before a node, when it still is the one whose fingerprint was compared.
    pub async fn trust_host_key(&self, actor: &Actor, addr: &str, fingerprint: &str) -> Result<(), Problem> {
        let note = actor.note("host-key/trust", format!("node {addr}")).with(fingerprint);
        let done = self.record_host_key(actor, addr, fingerprint).await;
        self.told(note.clone(), done).await?;
        self.inner.store.append_audit(&note).await.map_err(from_store)?;
        tracing::warn!(person.id = %actor.id, "`{}` trusts the host key {fingerprint} of {addr}", actor.name);
        Ok(())
    }

    async fn record_host_key(&self, actor: &Actor, addr: &str, fingerprint: &str) -> Result<(), Problem> {
        authorise(actor, Action::TrustHostKey, Target::Everything)?;
        let inventory = self.inventory_in_force().await?.inventory;
        let targets = self.targets(&inventory);
        let target = addr.parse::<NodeAddr>().ok().and_then(|node| targets.get(node)).ok_or_else(|| {
            problem(
                "host-key/unknown-node",
                ProblemKind::NotFound,
                format!("the host key of `{addr}` was not recorded"),
                "the inventory in force has no such node",
                "declare it first",
            )
        })?;
        let trusted = self.inner.pool.trust(target, fingerprint).await;
        trusted.map_err(|error| {
            let why = match &error {
                SshError::UnknownHostKey { fingerprint: shown, .. } => {
                    format!("it shows {shown} now, and {fingerprint} was confirmed")
                }
                error => error.to_string(),
            };
            problem(
                "host-key/not-recorded",
                ProblemKind::Conflict,
                format!("the host key of {addr} was not recorded"),
                why,
                error.fix(),
            )
        })
    }
}

fn reach(error: SshError) -> Reach {
    match error {
        SshError::UnknownHostKey { host, fingerprint, key, .. } => {
            let kind = key.split_whitespace().next().unwrap_or_default().to_owned();
            Reach::UnknownKey { host, kind, fingerprint }
        }
        SshError::HostKeyChanged { .. } => Reach::ChangedKey { why: error.to_string(), fix: error.fix() },
        error => Reach::Failed { why: error.to_string(), fix: error.fix() },
    }
}
