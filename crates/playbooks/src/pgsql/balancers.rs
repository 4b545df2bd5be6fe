//! Where a cluster's services are served: on every member's own node, or on load balancers that several clusters share.

use crate::params::text;
use crate::pgsql::haproxy;
use crate::pgsql::members::{Member, Members};
use crate::pgsql::verify;
use crate::{Context, Refusal, Step};
use paddock_inventory::{Cluster, InstanceRole, Inventory, NodeAddr, Vars};
use std::collections::BTreeMap;

/// The group that `pg_service_provider` names; none: the members serve themselves.
pub(crate) fn provider(vars: &Vars) -> Option<String> {
    Some(text(vars, "pg_service_provider", "")).filter(|group| !group.is_empty())
}

/// The nodes whose HAProxy a member's run tells: its own; of load balancers all, by the declared primary's run only.
pub(crate) fn of(ctx: &Context<'_>, members: &Members, member: &Member) -> Result<Vec<NodeAddr>, Refusal> {
    match provider(&member.vars) {
        None => Ok(vec![member.addr]),
        Some(group) if member.role == InstanceRole::Primary => shared(ctx, members, &group),
        Some(_) => Ok(Vec::new()),
    }
}

/// The nodes of the group.
fn shared(ctx: &Context<'_>, members: &Members, group: &str) -> Result<Vec<NodeAddr>, Refusal> {
    let hosts = ctx.inventory.members_of_group(group);
    if hosts.is_empty() {
        return Err(Refusal {
            code: "plan/no-provider".into(),
            what: format!("services of {} cannot be planned", members.name),
            why: format!("`pg_service_provider` names group `{group}`, which has no host in the inventory"),
            fix: "declare the group, or remove `pg_service_provider`".into(),
        });
    }
    Ok(hosts)
}

/// The load balancers of a cluster that are no members of it.
pub(crate) fn beside(inventory: &Inventory, cluster: &Cluster) -> Vec<NodeAddr> {
    let mut out = Vec::new();
    for one in &cluster.instances {
        let group = provider(&inventory.vars(one.addr));
        out.extend(group.into_iter().flat_map(|group| inventory.members_of_group(&group)));
    }
    out.retain(|host| cluster.instances.iter().all(|one| one.addr != *host));
    out.sort();
    out.dedup();
    out
}

/// Proof that HAProxy leads every service to who serves it, on every balancer of the cluster; `asked` are the members whose
/// Patroni can say who that is.
pub(crate) fn routes(
    ctx: &Context<'_>,
    members: &Members,
    asked: &Members,
) -> Result<BTreeMap<NodeAddr, Vec<Step>>, Refusal> {
    let mut out = BTreeMap::new();
    for member in &members.all {
        let rendered = haproxy::services(members, member)?;
        for host in of(ctx, members, member)? {
            out.insert(host, vec![verify::haproxy(asked, host, &rendered)]);
        }
    }
    Ok(out)
}
