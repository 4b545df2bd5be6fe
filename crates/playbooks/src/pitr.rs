//! `pgsql-pitr.yml`: a cluster as it was at a point in time, in place or as a clone of another one.
//!
//! Where the original waits for "consistent" and hands a paused instance to Patroni, which then replays past the target,
//! this waits for the target, promotes there, and starts Patroni only on the new timeline. One member is restored; the
//! others are cloned from it. Tags `archive`, `confirm` and `rollback` are what may follow; without tags they do not run.

mod after;
mod fetch;
mod handover;
mod restore;
mod source;
mod target;

use crate::order::leader_of;
use crate::params::text;
use crate::pgsql::members::{Member, Members};
use crate::pgsql::{backup, balancers, haproxy, repo_host, steps, verify, vip};
use crate::planning::{Made, clusters_of, warning};
use crate::{AtStake, Context, DataDir, InventoryEdit, Play, Refusal, Stage, Step};
use paddock_inventory::{Cluster, ClusterName, InstanceRole, Map, NodeAddr};
use restore::Restore;
pub(crate) use source::moment;
use source::{Start, Stored};
use std::collections::BTreeMap;
use target::{AtTarget, Spec};

/// Tags of what may follow a restore; like Ansible's `never`, they run only when they are named.
const AFTER: [&str; 3] = ["archive", "confirm", "rollback"];

/// The stages of the play on these hosts.
pub(crate) fn stages(ctx: &Context<'_>, play: &Play, hosts: &[NodeAddr]) -> Result<Made, Refusal> {
    let refuse = refusal(play);
    let clusters = clusters_of(ctx.inventory, hosts);
    let [cluster] = clusters.as_slice() else {
        let list: Vec<&str> = clusters.iter().map(|cluster| cluster.name.as_str()).collect();
        let (code, why) = if list.is_empty() {
            ("plan/no-cluster", "none of the selected hosts belongs to a PostgreSQL cluster".to_owned())
        } else {
            ("plan/pitr-many", format!("the limit has several clusters: {}", list.join(", ")))
        };
        return Err(refuse(code, why, "restore one cluster at a time: `-l <cluster>`"));
    };
    crate::not_done::refuse(ctx, play, hosts)?;
    if Members::of(ctx, cluster).citus.is_some() {
        let why = format!(
            "`{}` is a Citus group: groups that are restored apart do not fit together",
            cluster.name
        );
        let fix = "restore all groups to one named restore point by hand, with Patroni stopped";
        return Err(refuse("plan/not-supported", why, fix));
    }
    let left_out: Vec<String> = cluster
        .instances
        .iter()
        .filter(|one| !hosts.contains(&one.addr))
        .map(|one| one.addr.to_string())
        .collect();
    if !left_out.is_empty() {
        let why = format!(
            "`{}` is restored as a whole, and the limit leaves out {}",
            cluster.name,
            left_out.join(", ")
        );
        return Err(refuse("plan/pitr-part", why, "name the whole cluster: `-l <cluster>`"));
    }
    let mut members = Members::of(ctx, cluster);
    members.version = crate::pgsql::version_of(ctx, &members);
    let Some((etcd, _)) =
        ctx.etcd_members().into_iter().find(|(host, _)| ctx.facts.unreachable(*host).is_none())
    else {
        return Err(refuse(
            "plan/no-etcd",
            "no member of etcd answers, or none is declared".into(),
            "start etcd, then plan again",
        ));
    };
    let leads = members.acting().cloned();
    let Some(leads) = leads else {
        return Err(refuse(
            "plan/no-primary",
            format!("`{}` declares no primary", cluster.name),
            "declare exactly one primary",
        ));
    };
    if let Some(tag) = play.tags.iter().find(|tag| AFTER.contains(&tag.as_str())) {
        if play.tags.len() > 1 {
            let why = format!("`{tag}` follows a restore and does not go together with other tags");
            return Err(refuse("plan/pitr-tags", why, "run one play after the other"));
        }
        return after(ctx, cluster, &members, &leads, etcd, tag);
    }
    one_restore(ctx, play, cluster, members, leads, etcd)
}

fn refusal(play: &Play) -> impl Fn(&str, String, &str) -> Refusal {
    let what = format!("`{}` was refused", play.command_line());
    move |code, why, fix| Refusal { code: code.to_owned(), what: what.clone(), why, fix: fix.to_owned() }
}

fn after(
    ctx: &Context<'_>,
    cluster: &Cluster,
    members: &Members,
    leads: &Member,
    etcd: NodeAddr,
    tag: &str,
) -> Result<Made, Refusal> {
    let mut made = Made::default();
    let name = &cluster.name;
    made.title = Some(match tag {
        "archive" => format!("Archive {name} again after its restore"),
        "confirm" => format!("Keep the restored data of {name}, and delete what was kept aside"),
        _ => format!("Roll {name} back to the data it had before its restore"),
    });
    match tag {
        "archive" => {
            made.stages = after::archive(members, leads);
            made.edits.extend(unset_pitr(ctx, cluster));
        }
        "confirm" => made.stages = after::confirm(members),
        _ => {
            let keeps = members
                .all
                .iter()
                .find(|one| ctx.facts.known(one.addr).is_some_and(|facts| facts.data_aside));
            let on = keeps.unwrap_or(leads);
            made.stages = after::rollback(ctx, members, on, etcd)?;
            made.blast.push(("goes back to".into(), format!("/pg/data-backup of {}", on.name)));
            let newest = backup::newest_seen(ctx.inventory, ctx.facts, cluster);
            let backup_s = newest.map(|(newest, _)| newest.stop_s);
            made.at_stake.push(AtStake { cluster: name.clone(), backup_s });
        }
    }
    made.stages.retain(|stage| !stage.hosts.is_empty());
    Ok(made)
}

/// A restore left in the inventory would run again.
fn unset_pitr(ctx: &Context<'_>, cluster: &Cluster) -> Option<InventoryEdit> {
    let group = cluster.groups.first()?;
    let declared = ctx.inventory.group(&group.0)?.vars.get("pg_pitr").is_some();
    declared.then(|| InventoryEdit::UnsetGroupVar { cluster: cluster.name.clone(), name: "pg_pitr".into() })
}

fn one_restore(
    ctx: &Context<'_>,
    play: &Play,
    cluster: &Cluster,
    mut members: Members,
    leads: Member,
    etcd: NodeAddr,
) -> Result<Made, Refusal> {
    let refuse = refusal(play);
    let name = &cluster.name;
    let Some(map) = leads.vars.map("pg_pitr").cloned() else {
        let why = format!("`{name}` has no `pg_pitr`, so there is nothing to restore to");
        return Err(refuse(
            "plan/pitr-none",
            why,
            "add `pg_pitr` to the cluster, or `-e '{\"pg_pitr\": {…}}'`; `{}` is the end of the archive",
        ));
    };
    let what = format!("`{}` was refused", play.command_line());
    let spec = Spec::parse(&map, &what)?;
    let mut made = Made::default();
    for member in &members.all {
        if let DataDir::Cluster { scope: Some(scope), version } = &ctx.facts.of(member.addr).data_dir
            && scope != name.as_str()
        {
            let why =
                format!("/pg/data of {} holds PostgreSQL {version} data of cluster `{scope}`", member.addr);
            return Err(refuse(
                "plan/foreign-data",
                why,
                "remove that instance from the node first, or use another node",
            ));
        }
    }
    let source = spec.cluster.clone().unwrap_or_else(|| name.to_string());
    let in_place = source == name.as_str();
    let from = source_of(ctx, play, cluster, &source, &members, &mut made)?;
    let (on, start) = choose(ctx, &from, &spec, &members, &leads, &what)?;
    made.warnings.extend(start.warning.iter().map(|text| warning("plan/pitr-backup-chosen", text.clone())));
    if let (Some(have), wanted) = (from.version.as_ref(), members.version.to_string())
        && *have != wanted
    {
        let why = format!("the backups of `{source}` are of PostgreSQL {have}, and `{name}` has {wanted}");
        return Err(refuse(
            "plan/pitr-version",
            why,
            &format!("set `pg_version: {have}` for `{name}` and create it anew"),
        ));
    }
    if members.standby || leads.vars.text("pg_upstream").is_some() {
        made.warnings.push(warning("plan/pitr-standby", format!("`{name}` follows another cluster: after the restore it is independent. Remove `pg_upstream` from the inventory, or it becomes a standby cluster again when its DCS state is lost.")));
        members.standby = false;
    }
    let keep = spec.backup.unwrap_or(in_place) && has_data(ctx, &on);
    let processes = spec.process.unwrap_or_else(|| i64::from(ctx.facts.of(on.addr).cpus).clamp(1, 8));
    let restore = Restore {
        members: &members,
        on: &on,
        source: source.clone(),
        spec: &spec,
        set: start.set.clone(),
        keep,
        fresh: is_fresh(ctx, &on),
        size: start.backup.as_ref().and_then(|backup| backup.size),
        before: restore::mark_of(ctx.facts.known(on.addr)),
        tags: play.tags.join(","),
        conf: restore::conf(
            spec.repo.as_ref().or(from.repo.as_ref()),
            &source,
            on.pg_port,
            processes,
            &text(&on.vars, "pgbackrest_log_dir", "/pg/log/pgbackrest"),
        ),
    };
    made.title = Some(if in_place {
        format!("Restore {name} in place to {}", spec.target.words())
    } else {
        format!("Restore {name} from the backups of {source} to {}", spec.target.words())
    });
    warn(&restore, in_place, &leads, play, &mut made);
    let overwritten: Vec<&Member> = members.all.iter().filter(|member| !is_fresh(ctx, member)).collect();
    blast(ctx, &restore, &start, &overwritten, &mut made);
    if !overwritten.is_empty() {
        let backup_s =
            backup::newest_seen(ctx.inventory, ctx.facts, cluster).map(|(newest, _)| newest.stop_s);
        made.at_stake.push(AtStake { cluster: name.clone(), backup_s });
    }
    let repo = spec.repo.as_ref().or(from.repo.as_ref());
    // In place, it is admitted already, or is when it is installed.
    if let Some((host, step)) =
        repo.filter(|_| !in_place).and_then(|repo| repo_host::admit(ctx, repo, &members))
    {
        made.stages.push(stage("Admit at the repository host", [(host, vec![step.tag("pitr")])]));
    }
    made.stages.extend(restore_stages(ctx, &restore, etcd, from.leader)?);
    Ok(made)
}

/// Where the backups are and what is known of them.
struct From {
    /// Source stanza.
    stanza: String,
    /// The source cluster's node that leads, with its port, when it is a cluster of the inventory.
    leader: Option<(NodeAddr, u16)>,
    /// Repository definition.
    repo: Option<Map>,
    /// By the node that saw it.
    stored: BTreeMap<NodeAddr, Stored>,
    /// Each node has a repository of its own.
    local: bool,
    version: Option<String>,
    /// The source runs, as Patroni said.
    runs: bool,
}

fn source_of(
    ctx: &Context<'_>,
    play: &Play,
    cluster: &Cluster,
    source: &str,
    members: &Members,
    made: &mut Made,
) -> Result<From, Refusal> {
    let refuse = refusal(play);
    let declared = source.parse::<ClusterName>().ok().and_then(|name| ctx.inventory.cluster(&name));
    let nodes = |cluster: &Cluster| cluster.instances.iter().map(|one| one.addr).collect::<Vec<NodeAddr>>();
    let own = nodes(cluster);
    let seen = |hosts: &[NodeAddr]| -> BTreeMap<NodeAddr, Stored> {
        let info = |host: &NodeAddr| Stored::read(ctx.facts.known(*host)?.backups.as_deref()?, source);
        hosts.iter().filter_map(|host| Some((*host, info(host)?))).collect()
    };
    let in_target = seen(&own);
    let explicit = members
        .all
        .iter()
        .any(|member| member.vars.map("pg_pitr").is_some_and(|map| map.get("repo").is_some()));
    let asked = own.iter().any(|host| ctx.facts.is_known(*host));
    if declared.is_none() && in_target.is_empty() && !explicit {
        let why = format!(
            "the inventory has no cluster `{source}`, and no repository that the nodes read has its backups"
        );
        return Err(refuse(
            "plan/pitr-unknown-source",
            why,
            "name a declared cluster, or give its repository as `pg_pitr.repo`",
        ));
    }
    let definer = declared.unwrap_or(cluster);
    let leader = leader_of(definer, ctx.facts).or_else(|| definer.instances.first().map(|one| one.addr));
    let vars = leader.map(|addr| ctx.vars(addr)).unwrap_or_default();
    let method = text(&vars, "pgbackrest_method", "local");
    let repo = repo_host::chosen(&vars);
    let local = method == "local" && !explicit;
    let in_place = definer.name == cluster.name && declared.is_some();
    if local && !in_place && in_target.is_empty() {
        let why = format!(
            "the backups of `{source}` are in local repositories on its own nodes, which the nodes of `{}` cannot read",
            cluster.name
        );
        if asked {
            return Err(refuse(
                "plan/pitr-local-repository",
                why,
                "give both clusters a shared repository (`pgbackrest_method: minio` and `pgbackrest_repo`), make a backup there, then clone",
            ));
        }
        made.warnings.push(warning(
            "plan/pitr-local-repository",
            format!(
                "{why}: with the nodes asked this is refused. Use a shared repository (`pgbackrest_method`)."
            ),
        ));
    }
    if repo.is_none() && method != "local" && !explicit {
        let why = format!(
            "`pgbackrest_method` of `{source}` is `{method}`, and `pgbackrest_repo` has no `{method}`"
        );
        return Err(refuse("plan/pitr-no-repository", why, "define the repository in `pgbackrest_repo`"));
    }
    let mut stored = in_target;
    if let Some(declared) = declared {
        stored.extend(seen(&nodes(declared)));
    }
    // It lists the backups of clusters, too, whose members it does not admit any more.
    stored.extend(repo_host::beside(ctx.inventory, definer).map(|host| seen(&[host])).unwrap_or_default());
    let version = stored.values().find_map(|one| one.version.clone());
    let port = leader.map(|addr| (addr, crate::params::port(&ctx.vars(addr), "pg_port", 5432)));
    let runs =
        declared.and_then(|declared| ctx.facts.live(declared)).is_some_and(|live| live.leader().is_some());
    let leader = port.filter(|_| declared.is_some());
    Ok(From { stanza: source.to_owned(), leader, repo, stored, local, version, runs })
}

/// Who is restored, and from which backup. With local repositories it is a member whose own repository can serve.
fn choose(
    ctx: &Context<'_>,
    from: &From,
    spec: &Spec,
    members: &Members,
    leads: &Member,
    what: &str,
) -> Result<(Member, Start), Refusal> {
    let unknown = || Start { set: spec.set.clone(), ..Start::default() };
    let verdict = |stored: &Stored| stored.start(&from.stanza, spec, from.runs, what);
    if !from.local {
        let newest = from.stored.values().max_by_key(|stored| stored.backups.last().map(|last| last.stop_s));
        return Ok((leads.clone(), newest.map_or_else(|| Ok(unknown()), verdict)?));
    }
    let own = |member: &Member| from.stored.get(&member.addr).map(verdict);
    match own(leads) {
        None => Ok((leads.clone(), unknown())),
        Some(Ok(start)) => Ok((leads.clone(), start)),
        Some(Err(refused)) => {
            let others =
                members.all.iter().filter(|one| one.addr != leads.addr && ctx.facts.is_known(one.addr));
            let other = others.filter_map(|one| Some((one.clone(), own(one)?.ok()?))).next();
            other.ok_or(refused)
        }
    }
}

/// A node that was not asked may have something.
fn has_data(ctx: &Context<'_>, on: &Member) -> bool {
    ctx.facts.known(on.addr).is_none_or(|facts| facts.data_dir != DataDir::Empty)
}

/// Whether there is nothing to lose on a member; old data that are kept aside are something.
fn is_fresh(ctx: &Context<'_>, on: &Member) -> bool {
    !has_data(ctx, on) && ctx.facts.known(on.addr).is_some_and(|facts| !facts.data_aside)
}

fn warn(restore: &Restore<'_>, in_place: bool, leads: &Member, play: &Play, made: &mut Made) {
    let name = &restore.members.name;
    let spec = restore.spec;
    let mut say = |code: &str, text: String| made.warnings.push(warning(code, text));
    if restore.on.addr != leads.addr {
        say(
            "plan/pitr-other-member",
            format!(
                "{} is restored, whose own repository has the backup for this target; {} leads now.",
                restore.on.name, leads.name
            ),
        );
    } else if leads.role != InstanceRole::Primary {
        say(
            "plan/other-leader",
            format!(
                "{} is declared primary, but {} leads `{name}` now: {} is restored and leads again.",
                restore.members.primary().map_or("another member", |one| one.name.as_str()),
                leads.name,
                leads.name
            ),
        );
    }
    if in_place && !restore.keep && !restore.fresh {
        say(
            "plan/pitr-no-way-back",
            format!(
                "The present data of `{name}` are overwritten and not kept (`backup: false`): there is no way back."
            ),
        );
    }
    if spec.target.is_awaited() && spec.action != AtTarget::Promote && play.tags.is_empty() {
        say(
            "plan/pitr-action",
            format!(
                "At the target PostgreSQL stops ({}); the play then promotes it there and hands it to Patroni. To look at the data first, run `-t down,pitr`, look with `psql -h {}` as postgres on {}, then run `-t up`.",
                spec.action.as_str(),
                restore::STATE,
                restore.on.addr
            ),
        );
    }
    if !spec.archive {
        say(
            "plan/pitr-after",
            format!(
                "After the restore archive_mode is off. When the data are right: `pgsql-pitr.yml -l {name} -t archive` turns archiving on (with the restart it needs) and makes a full backup{}.",
                if restore.keep {
                    "; `-t confirm` deletes the old data, `-t rollback` goes back to them"
                } else {
                    ""
                }
            ),
        );
    }
    if !(spec.db_include.is_empty() && spec.db_exclude.is_empty()) {
        say("plan/pitr-selective", "Databases that are not selected come back as files of zeros: they cannot be used and must be dropped.".into());
    }
}

fn blast(ctx: &Context<'_>, restore: &Restore<'_>, start: &Start, overwritten: &[&Member], made: &mut Made) {
    let mut say = |label: &str, value: String| made.blast.push((label.into(), value));
    say("restores", format!("{} to {}", restore.source, restore.spec.target.words()));
    if let Some(backup) = &start.backup {
        say("from backup", format!("{} (ended {})", backup.label, moment(backup.stop_s)));
    }
    if overwritten.is_empty() {
        say("overwrites", format!("nothing: {} has no data yet", restore.members.name));
        return;
    }
    say("overwrites", overwritten.iter().map(|one| one.name.as_str()).collect::<Vec<_>>().join(", "));
    say(
        "old data",
        if restore.keep {
            format!("kept in /pg/data-backup of {}", restore.on.name)
        } else {
            "not kept".into()
        },
    );
    for member in overwritten {
        let Some(facts) = ctx.facts.known(member.addr) else { continue };
        if let Some(connections) = facts.connections {
            say("connected clients", format!("{connections} on {}", member.name));
        }
        if let Some(bytes) = facts.database_bytes {
            say("size of databases", format!("{} MiB on {}", bytes / 1_048_576, member.name));
        }
    }
}

fn restore_stages(
    ctx: &Context<'_>,
    restore: &Restore<'_>,
    etcd: NodeAddr,
    source: Option<(NodeAddr, u16)>,
) -> Result<Vec<Stage>, Refusal> {
    let (members, on) = (restore.members, restore.on);
    let run = restore.run();
    let replicas: Vec<&Member> = members.all.iter().filter(|member| member.addr != on.addr).collect();
    let destroys = if restore.keep {
        format!(
            "replaces the data of {} by those of {} at {}",
            members.name,
            restore.source,
            restore.spec.target.words()
        )
    } else {
        format!(
            "overwrites the data of {} with those of {} at {}",
            members.name,
            restore.source,
            restore.spec.target.words()
        )
    };
    let mut data = restore.restore(destroys);
    data.push(restore.reach());
    let mut stages = Vec::new();
    if let Some((source, port)) = source.filter(|(host, _)| ctx.facts.unreachable(*host).is_none()) {
        let step = restore::archive_so_far(source, port, &run);
        stages.push(self::stage("Archive the WAL so far", [(source, vec![step])]));
    }
    stages.push(stage("Look before anything stops", [(on.addr, restore.look())]));
    stages.push(stage("Pause the cluster", [(on.addr, vec![restore.save(), restore.pause()])]));
    stages.push(stage(
        "Stop replicas",
        replicas.iter().map(|member| (member.addr, vec![restore::stop_replica(members, member, &run)])),
    ));
    stages.push(stage("Stop the primary", [(on.addr, vec![restore.stop()])]));
    stages.push(stage("Restore", [(on.addr, data)]));
    stages.push(stage("Promote at the target", [(on.addr, vec![restore.promote()])]));
    stages.push(stage("Forget the old cluster", [(etcd, vec![handover::forget(members, etcd, &run)])]));
    let mut up = handover::own_files(ctx, members, on)?;
    up.push(handover::auto_conf(on, restore.spec.archive));
    up.push(handover::config(members, on, "config"));
    up.extend(handover::stanza(members, on));
    up.extend(handover::primary(ctx, members, on)?);
    for step in &mut up {
        *step = step.clone().tag("up");
    }
    stages.push(stage("Primary", [(on.addr, up)]));
    stages.extend(clones(ctx, members, &replicas, &run)?);
    stages.extend(rest(ctx, members)?);
    stages.push(stage("Verify the data", [(on.addr, vec![restore.verify()])]));
    stages.retain(|stage| !stage.hosts.is_empty());
    for step in stages.iter_mut().flat_map(|stage| stage.hosts.values_mut()).flatten() {
        if step.id.0.starts_with("pgsql-pitr/up/") {
            *step = step.clone().tag("up");
        }
    }
    Ok(stages)
}

/// Replicas, one after the other: while one is cloned the others are not yet gone.
fn clones(
    ctx: &Context<'_>,
    members: &Members,
    replicas: &[&Member],
    run: &str,
) -> Result<Option<Stage>, Refusal> {
    let mut hosts = BTreeMap::new();
    for member in replicas {
        hosts.insert(member.addr, handover::replica(ctx, members, member, run)?);
    }
    Ok((!hosts.is_empty()).then(|| Stage { serial: true, ..stage("Replicas", hosts) }))
}

/// Pooler, services and post-conditions of all members.
fn rest(ctx: &Context<'_>, members: &Members) -> Result<Vec<Stage>, Refusal> {
    let mut pool: BTreeMap<NodeAddr, Vec<Step>> = BTreeMap::new();
    let mut services: BTreeMap<NodeAddr, Vec<Step>> = BTreeMap::new();
    let mut check: BTreeMap<NodeAddr, Vec<Step>> = BTreeMap::new();
    for member in &members.all {
        pool.insert(member.addr, handover::pooler(ctx, members, member)?);
        let rendered = haproxy::services(members, member)?;
        let verify = check.entry(member.addr).or_default();
        verify.extend([
            verify::streaming(members, member),
            verify::senders(members, member),
            verify::hba(member),
        ]);
        verify.extend(vip::proof(members, member));
        for balancer in balancers::of(ctx, members, member)? {
            services.insert(balancer, steps::services(members, balancer, &rendered, true));
            check.entry(balancer).or_default().push(verify::haproxy(members, balancer, &rendered));
        }
    }
    let all = [("Pooler", pool), ("Services", services), ("Verify", check)];
    Ok(all
        .into_iter()
        .map(|(name, hosts)| {
            let hosts = hosts.into_iter().filter(|(_, steps)| !steps.is_empty());
            stage(name, hosts.map(|(host, steps)| (host, steps.into_iter().map(handover::again).collect())))
        })
        .collect())
}

fn stage(name: &str, hosts: impl IntoIterator<Item = (NodeAddr, Vec<Step>)>) -> Stage {
    Stage { name: name.to_owned(), play: 0, hosts: hosts.into_iter().collect(), serial: false }
}
