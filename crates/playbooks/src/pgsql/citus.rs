//! Citus: several clusters of Paddock that are groups of one Patroni scope, one of them the coordinator.
//!
//! Patroni makes the extension and registers the groups with each other; what is declared here is its section, the scope
//! that the groups share (`pg_shard`), and the package.

use crate::params::{int, text};
use crate::pgsql::members::{Member, Members};
use crate::planning::warning;
use crate::{Context, Refusal, Warning};
use paddock_inventory::{Cluster, Vars};

/// A cluster's place among the groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Group {
    /// 0 is the coordinator.
    pub(crate) number: i64,
    /// The database that is distributed.
    pub(crate) database: String,
}

/// None when the cluster is no Citus group.
pub(crate) fn group(vars: &Vars) -> Option<Group> {
    (text(vars, "pg_mode", "pgsql") == "citus").then(|| Group {
        number: int(vars, "pg_group", 0),
        database: text(vars, "pg_primary_db", "postgres"),
    })
}

/// Patroni's scope: the cluster's own name; of Citus what its groups share.
pub(crate) fn scope(vars: &Vars, cluster: &str) -> String {
    if group(vars).is_some() { text(vars, "pg_shard", cluster) } else { cluster.to_owned() }
}

/// The other declared groups of the same Citus.
pub(crate) fn groups<'a>(ctx: &'a Context<'_>, members: &'a Members) -> impl Iterator<Item = &'a Cluster> {
    let others = ctx.inventory.clusters().values().filter(|other| other.name.as_str() != members.name);
    others.filter(|other| {
        let first = other.instances.first().map(|first| ctx.vars(first.addr));
        members.citus.is_some()
            && first.is_some_and(|vars| {
                group(&vars).is_some() && scope(&vars, other.name.as_str()) == members.scope
            })
    })
}

/// The newest package that a member's node offers. Refused where the node has answered and offers none.
pub(crate) fn package(
    ctx: &Context<'_>,
    members: &Members,
    member: &Member,
    warnings: &mut Vec<Warning>,
) -> Result<Option<String>, Refusal> {
    let (Some(_), Some(facts)) = (&members.citus, ctx.facts.known(member.addr)) else { return Ok(None) };
    let code = "plan/citus-password";
    let no_password = member.vars.text("pg_dbsu_password").is_none_or(|secret| secret.is_empty());
    if no_password && !warnings.iter().any(|known| known.code == code) {
        warnings.push(warning(code, format!("`{}` is a Citus group without `pg_dbsu_password`: its groups log in to each other as the dbsu, and need a password and HBA rules that admit it.", members.name)));
    }
    let begin = format!("postgresql-{}-citus", members.version);
    let offered = facts.citus_packages.iter().rev().find(|name| name.starts_with(&begin));
    offered.cloned().map(Some).ok_or_else(|| Refusal {
        code: "plan/citus-missing".into(),
        what: format!("Citus group `{}` cannot be created", members.name),
        why: format!("no package source of {} has a package {begin}-…", member.addr),
        fix: "add a repository that has it (PGDG or Citus' own) to the nodes, then plan again".into(),
    })
}
