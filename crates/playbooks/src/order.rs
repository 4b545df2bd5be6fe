//! What must run before and after the plays that were asked for.

use crate::pgsql::backup::newest_seen;
use crate::pgsql::{balancers, vip};
use crate::planning::{clusters_of, refuse_unreachable, select};
use crate::standby;
use crate::{Action, DataDir, FactSet, Play, Playbook, Refusal};
use paddock_inventory::{Cluster, Instance, InstanceRole, Inventory, Map, NodeAddr, Value};
use std::collections::BTreeSet;

/// Plays that must run first, from what the nodes said. Never from assumptions.
pub(crate) fn prerequisites(
    inventory: &Inventory,
    facts: &FactSet,
    asked: &[Play],
) -> Result<Vec<Play>, Refusal> {
    let join = |hosts: &[NodeAddr]| hosts.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let play = |playbook, hosts: &[NodeAddr], because: String| {
        Play::new(playbook, join(hosts), &[], Map::default()).because(because)
    };
    let mut out = Vec::new();
    let mut raw_nodes: BTreeSet<NodeAddr> = BTreeSet::new();
    let full =
        |play: &Play| matches!(play.playbook, Playbook::Pgsql | Playbook::PgsqlPitr) && play.tags.is_empty();
    let full_pgsql = asked.iter().any(full);
    let etcd = inventory.members_of_group("etcd");
    let known_without = |host: &NodeAddr, ready: fn(&crate::Facts) -> bool| {
        facts.known(*host).is_some_and(|facts| !ready(facts))
    };
    let mut etcd_play = None;
    if full_pgsql {
        refuse_unreachable(facts, &etcd)?;
        let missing: Vec<NodeAddr> =
            etcd.iter().copied().filter(|host| known_without(host, |facts| facts.etcd_ready)).collect();
        if !missing.is_empty() {
            raw_nodes.extend(etcd.iter().filter(|host| known_without(host, |facts| facts.node_ready)));
            etcd_play = Some(play(Playbook::Etcd, &etcd, format!("etcd is not ready on {}", join(&missing))));
        }
    }
    for asked in asked {
        let wants_node = match asked.playbook {
            Playbook::Etcd | Playbook::Pgsql | Playbook::PgsqlPitr => asked.tags.is_empty(),
            Playbook::Node
            | Playbook::NodeRm
            | Playbook::PgsqlRm
            | Playbook::PgsqlUser
            | Playbook::PgsqlDb
            | Playbook::Pg
            | Playbook::PgBackup => false,
        };
        if wants_node {
            let hosts = select(inventory, asked)?;
            raw_nodes.extend(hosts.iter().filter(|host| known_without(host, |facts| facts.node_ready)));
            if asked.playbook != Playbook::Etcd {
                for cluster in clusters_of(inventory, &hosts) {
                    let beside = balancers::beside(inventory, cluster);
                    refuse_unreachable(facts, &beside)?;
                    let raw = |host: &NodeAddr| known_without(host, |facts| facts.node_ready);
                    raw_nodes.extend(beside.into_iter().filter(raw));
                }
            }
        }
    }
    if !raw_nodes.is_empty() {
        let hosts: Vec<NodeAddr> = raw_nodes.into_iter().collect();
        let named = join(&hosts).replace(',', ", ");
        out.push(play(Playbook::Node, &hosts, format!("not prepared yet: {named}")));
    }
    out.extend(etcd_play);
    Ok(out)
}

/// What must be true before this play, when it is not: a leader that is to go hands over first.
pub(crate) fn before(
    inventory: &Inventory,
    facts: &FactSet,
    play: &Play,
    hosts: &[NodeAddr],
) -> Result<Vec<Play>, Refusal> {
    let mut out = Vec::new();
    if play.playbook == Playbook::PgsqlPitr && play.tags.is_empty() {
        return Ok(created_first(inventory, facts, play, hosts));
    }
    if play.playbook != Playbook::PgsqlRm {
        return Ok(out);
    }
    for cluster in clusters_of(inventory, hosts) {
        let Some(leader) = leader_of(cluster, facts) else { continue };
        if !hosts.contains(&leader) || cluster.instances.iter().all(|one| hosts.contains(&one.addr)) {
            continue;
        }
        let best = heir(cluster, facts, hosts).ok_or_else(|| Refusal {
            code: "plan/removes-leader".into(),
            what: format!("`{}` was refused", play.command_line()),
            why: format!(
                "{leader} leads `{}`, and no other member streams that could lead after it",
                cluster.name
            ),
            fix: "bring a replica to streaming first; or remove the whole cluster".into(),
        })?;
        let action = Action::Switchover { candidate: Some(best.id.to_string()) };
        out.push(
            Play::action(cluster.name.to_string(), action)
                .because(format!("{leader} leads `{}` and is to go", cluster.name)),
        );
    }
    Ok(out)
}

/// A restore goes over an installed cluster: one that is not there yet is created first. One that comes back from its own
/// backups is installed only, since a new database would take over their stanza and its empty backup would be the newest;
/// and one that has data on some members, too: they may be of a restore that failed, which must not be started.
fn created_first(inventory: &Inventory, facts: &FactSet, play: &Play, hosts: &[NodeAddr]) -> Vec<Play> {
    let mut out = Vec::new();
    for cluster in clusters_of(inventory, hosts) {
        // Old data that are kept aside tell of a restore that was cut short.
        let is_empty = |one: &&Instance| {
            let known = facts.known(one.addr);
            known.is_some_and(|known| known.data_dir == DataDir::Empty && !known.data_aside)
        };
        let empty: Vec<&Instance> = cluster.instances.iter().filter(is_empty).collect();
        if empty.is_empty() {
            continue;
        }
        let names = empty.iter().map(|one| one.id.to_string()).collect::<Vec<_>>().join(", ");
        let (tags, why): (&[&str], String) = if restores_itself(inventory, play, cluster) {
            let kept = newest_seen(inventory, facts, cluster).map_or_else(
                || "its own backups".to_owned(),
                |(_, keeper)| format!("the backups that {keeper} keeps"),
            );
            (&INSTALL, format!("not created yet: {names}; installed only, for {kept}"))
        } else if empty.len() < cluster.instances.len() {
            (
                &INSTALL,
                format!("not created yet: {names}; installed only, to be cloned from what is restored"),
            )
        } else {
            (&[], format!("not created yet: {names}"))
        };
        let vars = play.extra_vars.clone();
        out.push(Play::new(Playbook::Pgsql, play.limit.clone(), tags, vars).because(why));
    }
    out
}

/// Everything before PostgreSQL starts.
const INSTALL: [&str; 10] = [
    "pg_dbsu",
    "pg_pkg",
    "pg_link",
    "pg_dir",
    "pg_alias",
    "pg_cert",
    "pg_conf",
    "pgbackrest_config",
    "pgbackrest_host",
    "pg_pass",
];

/// Whether the backups that shall be restored are the cluster's own.
fn restores_itself(inventory: &Inventory, play: &Play, cluster: &Cluster) -> bool {
    cluster.instances.iter().any(|one| {
        let vars = inventory.vars_with(one.addr, &play.extra_vars);
        let source = vars.map("pg_pitr").and_then(|pitr| pitr.get("cluster")).map(Value::to_text);
        source.is_none_or(|source| source == cluster.name.as_str())
    })
}

/// Who leads when these hosts have gone: who leads already, else the streaming member that lags least.
pub(crate) fn heir<'a>(cluster: &'a Cluster, facts: &FactSet, going: &[NodeAddr]) -> Option<&'a Instance> {
    let live = facts.live(cluster);
    let lag = |addr: NodeAddr| {
        live?.members.iter().find(|member| member.addr == Some(addr) && member.is_well())?.lag_bytes
    };
    let leader = leader_of(cluster, facts);
    let stays = cluster.instances.iter().filter(|one| !going.contains(&one.addr));
    let could = stays.filter(|one| live.is_none() || lag(one.addr).is_some() || leader == Some(one.addr));
    // An offline instance is for queries that may be cut off: it leads only when nobody else can.
    could.min_by_key(|one| {
        (leader != Some(one.addr), one.role == InstanceRole::Offline, lag(one.addr), one.id.seq)
    })
}

/// Who leads: as Patroni says, else as declared.
pub(crate) fn leader_of(cluster: &Cluster, facts: &FactSet) -> Option<NodeAddr> {
    match facts.live(cluster) {
        Some(live) => live.leader().and_then(|leader| leader.addr),
        None => cluster.instances.iter().find(|one| one.role == InstanceRole::Primary).map(|one| one.addr),
    }
}

/// What the members outside the limit must learn of it: that some came, or that some went.
pub(crate) fn after(inventory: &Inventory, facts: &FactSet, play: &Play, hosts: &[NodeAddr]) -> Vec<Play> {
    let comes = play.playbook == Playbook::Pgsql && play.tags.is_empty();
    let goes = play.playbook == Playbook::PgsqlRm;
    let mut out = Vec::new();
    if let Some(action) = &play.action {
        out.extend(clusters_of(inventory, hosts).into_iter().filter_map(|one| follow_up(action, one)));
        return out;
    }
    if !comes && !goes {
        return out;
    }
    for cluster in clusters_of(inventory, hosts) {
        let (changed, others): (Vec<NodeAddr>, Vec<NodeAddr>) =
            cluster.instances.iter().map(|one| one.addr).partition(|addr| hosts.contains(addr));
        // A member that was never installed, or that does not answer, is not told.
        let told: Vec<NodeAddr> = others
            .iter()
            .copied()
            .filter(|addr| facts.unreachable(*addr).is_none())
            .filter(|addr| facts.known(*addr).is_none_or(|facts| facts.data_dir != DataDir::Empty))
            .collect();
        if told.is_empty() {
            continue;
        }
        let join = |hosts: &[NodeAddr], before: &str| {
            hosts.iter().map(|host| format!("{before}{host}")).collect::<Vec<_>>().join(",")
        };
        let group = cluster.groups.first().map(|group| group.0.clone()).unwrap_or_default();
        let whole =
            cluster.groups.len() == 1 && inventory.members_of_group(&group).len() == cluster.instances.len();
        let limit = match (whole && told.len() == others.len(), comes) {
            (true, true) => format!("{group},{}", join(&changed, "!")),
            (true, false) => group,
            (false, _) => join(&told, ""),
        };
        let mut tags = vec!["pg_dbsu", "pg_conf", "patroni_reload", "pg_service"];
        let by_member = cluster.instances.iter().any(|one| names_the_cluster(inventory, one.addr));
        if by_member {
            tags.extend(["pg_hba", "pg_reload", "pgbouncer_hba", "pgbouncer_reload"]);
        }
        // Each member of a virtual address knows its peers.
        if cluster.instances.iter().any(|one| vip::enabled(&inventory.vars(one.addr))) {
            tags.push("pg_vip");
        }
        let (list, verb) = (join(&changed, ""), if comes { "joined" } else { "has left" });
        let hba = if by_member { ", and HBA rules that name the cluster" } else { "" };
        let why = format!("{list} {verb}: services, keys and Patroni's allowlist of the other members{hba}");
        out.push(Play::new(Playbook::Pgsql, limit, &tags, play.extra_vars.clone()).because(why));
    }
    out
}

/// What an action on a standby cluster leaves to do.
fn follow_up(action: &Action, cluster: &Cluster) -> Option<Play> {
    let play = |tags: &[&str], why: &str| {
        Play::new(Playbook::Pgsql, standby::limit_of(cluster), tags, Map::default()).because(why)
    };
    match action {
        Action::PromoteCluster => Some(play(
            &standby::AFTER_PROMOTION,
            "an independent cluster has roles, databases, a stanza and a full backup of its own",
        )),
        Action::ChangeUpstream { .. } => {
            Some(play(&["pg_conf", "patroni_reload"], "Patroni's files name the upstream, too"))
        }
        _ => None,
    }
}

/// Whether an HBA rule of the host is for the members of its cluster.
fn names_the_cluster(inventory: &Inventory, host: NodeAddr) -> bool {
    let vars = inventory.vars(host);
    ["pg_default_hba_rules", "pg_hba_rules", "pgb_default_hba_rules", "pgb_hba_rules"].iter().any(|list| {
        vars.list(list).unwrap_or_default().iter().any(|rule| {
            rule.as_map().and_then(|rule| rule.get("addr")).and_then(Value::as_str) == Some("cluster")
        })
    })
}
