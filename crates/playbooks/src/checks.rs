//! What is looked at before a play on PostgreSQL's clusters is planned: identity, data directories, the DCS.

use crate::pgsql::citus;
use crate::pgsql::members::Members;
use crate::{Context, DataDir, Play, Refusal, not_done};
use paddock_inventory::{Cluster, ClusterName, InstanceRole, NodeAddr};
use std::collections::BTreeSet;

/// Identity of every cluster a play touches, over the whole inventory; gives their names.
pub(crate) fn check_clusters(
    context: &Context<'_>,
    play: &Play,
    hosts: &[NodeAddr],
) -> Result<BTreeSet<ClusterName>, Refusal> {
    let refuse = |code: &str, why: String, fix: &str| Refusal {
        code: code.to_owned(),
        what: format!("`{}` was refused", play.command_line()),
        why,
        fix: fix.to_owned(),
    };
    not_done::refuse(context, play, hosts)?;
    let mut names = BTreeSet::new();
    for cluster in context.inventory.clusters().values() {
        if !cluster.instances.iter().any(|instance| hosts.contains(&instance.addr)) {
            continue;
        }
        let members: Vec<String> = cluster
            .instances
            .iter()
            .map(|i| format!("{} (line {}, pg_seq {}, {})", i.addr, i.span.line, i.id.seq, i.role))
            .collect();
        let members = members.join(", ");
        let primaries = cluster.instances.iter().filter(|i| i.role == InstanceRole::Primary).count();
        if primaries != 1 {
            let code = if primaries == 0 { "plan/no-primary" } else { "plan/two-primaries" };
            let why = format!("cluster `{}` has {primaries} primaries: {members}", cluster.name);
            return Err(refuse(code, why, "declare exactly one primary in the inventory"));
        }
        let seqs: BTreeSet<u32> = cluster.instances.iter().map(|i| i.id.seq).collect();
        if seqs.len() != cluster.instances.len() {
            let why = format!("cluster `{}` uses a `pg_seq` twice: {members}", cluster.name);
            return Err(refuse("plan/duplicate-seq", why, "give each instance its own `pg_seq`"));
        }
        for instance in cluster.instances.iter().filter(|instance| hosts.contains(&instance.addr)) {
            match context.facts.of(instance.addr).data_dir {
                DataDir::Empty => {}
                DataDir::Cluster { scope: Some(scope), .. }
                    if scope == citus::scope(&context.vars(instance.addr), cluster.name.as_str()) => {}
                DataDir::Cluster { scope, version } => {
                    let whose = scope.map_or("no cluster that Patroni knows".to_owned(), |scope| {
                        format!("cluster `{scope}`")
                    });
                    let why =
                        format!("/pg/data of {} holds PostgreSQL {version} data of {whose}", instance.addr);
                    return Err(refuse(
                        "plan/foreign-data",
                        why,
                        "remove that instance from the node first, or use another node",
                    ));
                }
                DataDir::Foreign => {
                    let why = format!(
                        "/pg/data of {} is not empty and is not a PostgreSQL data directory",
                        instance.addr
                    );
                    return Err(refuse("plan/foreign-data", why, "look at it and move it away"));
                }
            }
        }
        stale_dcs(context, play, cluster)?;
        names.insert(cluster.name.clone());
    }
    if names.is_empty() {
        let why =
            "none of the selected hosts belongs to a PostgreSQL cluster (`pg_cluster`, `pg_seq`, `pg_role`)"
                .to_owned();
        return Err(refuse("plan/no-cluster", why, "declare the cluster in the inventory first"));
    }
    if context.etcd_members().is_empty() {
        let why = "the inventory has no `etcd` group with hosts; Patroni needs a DCS".to_owned();
        return Err(refuse("plan/no-etcd", why, "add an `etcd` group"));
    }
    Ok(names)
}

/// Patroni waits for ever for a leader of a former cluster that the DCS still remembers.
fn stale_dcs(context: &Context<'_>, play: &Play, cluster: &Cluster) -> Result<(), Refusal> {
    let empty = cluster
        .instances
        .iter()
        .all(|one| context.facts.known(one.addr).is_some_and(|facts| facts.data_dir == DataDir::Empty));
    let scope = Members::of(context, cluster).prefix().trim_end_matches('/').to_owned();
    let remembered = context.etcd_members().into_iter().any(|(host, _)| {
        let scopes = context.facts.known(host).and_then(|facts| facts.dcs_scopes.as_ref());
        scopes.is_some_and(|scopes| scopes.contains(&scope))
    });
    if !empty || !remembered {
        return Ok(());
    }
    Err(Refusal {
        code: "plan/stale-dcs".into(),
        what: format!("`{}` was refused", play.command_line()),
        why: format!(
            "etcd remembers a cluster under {scope}/, and no member has data of it: Patroni would wait for its leader for ever"
        ),
        fix: format!("if that cluster is gone, clean up after it first: `pgsql-rm {}`", cluster.name),
    })
}
