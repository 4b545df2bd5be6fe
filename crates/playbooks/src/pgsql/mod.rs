//! `pgsql.yml`: a PostgreSQL cluster under Patroni, with its pooler, services and backups.
//!
//! Stage by stage as the reference has it, with two differences: nothing that runs is restarted merely because the play
//! runs again, and SQL runs only where Patroni says the leader is.

pub(crate) mod backup;
pub(crate) mod balancers;
mod baseline;
pub(crate) mod business;
pub(crate) mod citus;
pub(crate) mod dns;
pub(crate) mod haproxy;
pub(crate) mod hba;
mod hba_guard;
pub(crate) mod inside;
pub(crate) mod members;
mod patroni;
pub(crate) mod pooler;
pub(crate) mod provision;
pub(crate) mod remove;
mod rendered;
pub(crate) mod repo_host;
mod selector;
pub(crate) mod sql;
pub(crate) mod steps;
pub(crate) mod verify;
pub(crate) mod vip;

pub use rendered::{RenderedFile, rendered_files};
pub use repo_host::chosen as chosen_repository;

use crate::etcd::ETCDCTL_ENV;
use crate::params::flag;
use crate::standby;
use crate::{Context, DataDir, Need, Play, Refusal, Stage, Step, Warning};
use members::{Member, Members};
use paddock_inventory::{InstanceRole, NodeAddr};
use std::collections::BTreeMap;

/// Certificates and dbsu keys of the clusters these hosts belong to.
pub(crate) fn needs(ctx: &Context<'_>, hosts: &[NodeAddr]) -> Vec<Need> {
    let mut out = Vec::new();
    for cluster in ctx.inventory.clusters().values() {
        if !cluster.instances.iter().any(|instance| hosts.contains(&instance.addr)) {
            continue;
        }
        for instance in &cluster.instances {
            let name = instance.id.to_string();
            let sans = vec![
                "localhost".into(),
                cluster.name.to_string(),
                name.clone(),
                "127.0.0.1".into(),
                instance.addr.to_string(),
            ];
            out.push(Need::Certificate {
                name: format!("pgsql/{name}"),
                key: format!("pgsql/{}", cluster.name),
                cn: name.clone(),
                sans,
            });
            out.push(Need::SshKey { name: format!("ssh/{name}") });
        }
        out.extend(repo_host::needs(ctx, cluster));
    }
    out
}

/// The stages of the play on these hosts. Stages of several clusters are interleaved, so that they run side by side.
pub(crate) fn stages(
    ctx: &Context<'_>,
    play: &Play,
    hosts: &[NodeAddr],
    warnings: &mut Vec<Warning>,
) -> Result<Vec<Stage>, Refusal> {
    let mut out: Vec<Stage> = Vec::new();
    for cluster in ctx.inventory.clusters().values() {
        let mut members = Members::of(ctx, cluster);
        if !members.all.iter().any(|member| hosts.contains(&member.addr)) {
            continue;
        }
        members.version = version(ctx, &members, warnings)?;
        for stage in cluster_stages(ctx, &members, hosts, play.tags.is_empty(), warnings)? {
            match out.iter_mut().find(|known| known.name == stage.name) {
                Some(known) => {
                    for (host, steps) in stage.hosts {
                        let known = known.hosts.entry(host).or_default();
                        // Groups of Citus share one account.
                        let new = steps.into_iter().filter(|step| known.iter().all(|one| one.id != step.id));
                        let new: Vec<Step> = new.collect();
                        known.extend(new);
                    }
                }
                None => out.push(stage),
            }
        }
    }
    Ok(out)
}

/// `pg_version`, which the nodes must be able to install; unset: 18, or the newest that the nodes have.
fn version(ctx: &Context<'_>, members: &Members, warnings: &mut Vec<Warning>) -> Result<u32, Refusal> {
    let first = members.all.first();
    let declared = first.and_then(|member| member.vars.int("pg_version")).and_then(|v| u32::try_from(v).ok());
    let wanted = declared.unwrap_or(18);
    for member in &members.all {
        let available = ctx.facts.of(member.addr).pg_versions;
        if !ctx.facts.is_known(member.addr) || available.is_empty() || available.contains(&wanted) {
            continue;
        }
        let list = available.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
        let newest = available.iter().max().copied().unwrap_or(wanted);
        if declared.is_none() {
            warnings.push(Warning {
                code: "plan/version-chosen".into(),
                text: format!("`pg_version` is not set and {} has PostgreSQL {list}: version {newest} is planned. Set `pg_version: {newest}` to make it explicit.", member.addr),
            });
            return Ok(newest);
        }
        return Err(Refusal {
            code: "plan/version-missing".into(),
            what: format!("cluster `{}` cannot have PostgreSQL {wanted}", members.name),
            why: format!("{} can install version {list} only", member.addr),
            fix: format!(
                "set `pg_version: {newest}`, or add a package repository with version {wanted} to the node"
            ),
        });
    }
    Ok(wanted)
}

/// The version that is in use, else the declared one: for plays that install nothing.
pub(crate) fn version_of(ctx: &Context<'_>, members: &Members) -> u32 {
    let used = members.all.iter().find_map(|member| match &ctx.facts.known(member.addr)?.data_dir {
        DataDir::Cluster { version, .. } => version.parse().ok(),
        DataDir::Empty | DataDir::Foreign => None,
    });
    used.unwrap_or_else(|| version(ctx, members, &mut Vec::new()).unwrap_or(18))
}

fn cluster_stages(
    ctx: &Context<'_>,
    members: &Members,
    hosts: &[NodeAddr],
    whole_play: bool,
    warnings: &mut Vec<Warning>,
) -> Result<Vec<Stage>, Refusal> {
    let chosen: Vec<&Member> = members.all.iter().filter(|member| hosts.contains(&member.addr)).collect();
    let mut stages: Vec<Stage> = Vec::new();
    let mut add = |name: &str, part: BTreeMap<NodeAddr, Vec<Step>>| {
        let part: BTreeMap<_, _> = part.into_iter().filter(|(_, steps)| !steps.is_empty()).collect();
        if !part.is_empty() {
            stages.push(Stage { name: name.to_owned(), play: 0, hosts: part, serial: false });
        }
    };
    let mut install = BTreeMap::new();
    for member in &chosen {
        let citus = citus::package(ctx, members, member, warnings)?;
        install.insert(member.addr, steps::install(ctx, members, member, citus));
    }
    add("Install", install);
    let present = members.present(ctx, hosts);
    if let Some(host) = repo_host::of(ctx, members)? {
        add("Repository host", BTreeMap::from([(host, repo_host::steps(ctx, host, &present))]));
    }
    let primary = members.primary().filter(|primary| hosts.contains(&primary.addr));
    if let (Some(primary), Some((etcd, _))) = (primary, ctx.etcd_members().first()) {
        add("DCS account", BTreeMap::from([(*etcd, vec![dcs_account(members, primary, *etcd)])]));
    }
    if let Some(primary) = primary {
        let what = format!("cluster `{}` cannot be created as a standby cluster", members.name);
        let mut first = Vec::from_iter(standby::before_create(ctx, members, primary, &what, warnings)?);
        first.extend(steps::launch_primary(members, primary));
        first.extend(steps::hba(ctx, members, primary)?);
        add("Primary", BTreeMap::from([(primary.addr, first)]));
    }
    let acting = members.acting().filter(|acting| hosts.contains(&acting.addr));
    if let (Some(acting), Some(primary)) = (acting, members.primary())
        && acting.addr != primary.addr
        && whole_play
    {
        warnings.push(Warning {
            code: "plan/other-leader".into(),
            text: format!("{} is declared primary, but {} leads `{}` now: SQL and backups are done on {}. Declare it as primary, or switch over to {}.", primary.name, acting.name, members.name, acting.name, primary.name),
        });
    }
    if let Some(acting) = acting {
        add("Provision", BTreeMap::from([(acting.addr, provision::steps(ctx, members, acting))]));
    }
    let mut replicas = BTreeMap::new();
    for member in chosen.iter().filter(|member| member.role != InstanceRole::Primary) {
        let mut launch = steps::launch_replica(members, member);
        launch.extend(steps::hba(ctx, members, member)?);
        replicas.insert(member.addr, launch);
    }
    add("Replicas", replicas);
    if whole_play {
        warnings.extend(steps::unknown_programs(members));
    }
    let mut backups = BTreeMap::new();
    let mut first_backup = BTreeMap::new();
    let mut pooler = BTreeMap::new();
    let mut services = BTreeMap::new();
    let mut addresses = BTreeMap::new();
    let mut check: BTreeMap<NodeAddr, Vec<Step>> = BTreeMap::new();
    for member in &chosen {
        backups.insert(member.addr, backup::stanza(members, member));
        let mut pool = pooler::steps(ctx, members, member)?;
        pool.extend(steps::crontab(member));
        pooler.insert(member.addr, pool);
        let rendered = haproxy::services(members, member)?;
        let mut verify = vec![verify::streaming(&present, member), verify::senders(&present, member)];
        verify.push(verify::hba(member));
        verify.push(verify::pending(member));
        // Without it files are rendered, and nothing is told to read them.
        let reload = flag(&member.vars, "pg_reload", true);
        for balancer in balancers::of(ctx, members, member)? {
            services.insert(balancer, steps::services(members, balancer, &rendered, reload));
            if reload {
                let routes = verify::haproxy(members, balancer, &rendered).tag("pg_service");
                check.entry(balancer).or_default().push(routes);
            }
        }
        addresses.insert(member.addr, vip::steps(ctx, members, member)?);
        verify.extend(vip::proof(members, member));
        check.entry(member.addr).or_default().splice(0..0, verify);
    }
    if let Some(acting) = acting {
        first_backup.insert(acting.addr, backup::first_backup(members, acting));
    }
    add("Backup stanza", backups);
    add("First backup", first_backup);
    add("Pooler", pooler);
    add("Virtual address", addresses);
    add("Services", services);
    add("DNS", dns::steps(ctx, members, &chosen, acting, warnings));
    add("Verify", check);
    Ok(stages)
}

/// The cluster's own account in etcd, with rights on its prefix only. Runs on the first etcd member as root of etcd.
fn dcs_account(members: &Members, primary: &Member, host: NodeAddr) -> Step {
    let name = &members.scope;
    let prefix = members.scope_prefix();
    let check = format!(
        "{ETCDCTL_ENV}read -r password\nctl() {{ etcdctl --command-timeout=5s \"$@\"; }}\nctl endpoint health >/dev/null 2>&1 || {{ echo 'etcd is not healthy' >&2; exit 2; }}\nctl role get {name} 2>/dev/null | grep -q '{prefix}' || {{ echo 'role {name} does not exist'; exit 1; }}\nETCDCTL_USER=\"{name}:$password\" ctl get --prefix {prefix} --limit 1 >/dev/null 2>&1 && exit 0\necho 'user {name} cannot read its prefix with its password'; exit 1\n"
    );
    let apply = format!(
        "{ETCDCTL_ENV}read -r password\nctl() {{ etcdctl --command-timeout=5s \"$@\"; }}\nctl role list | grep -qx {name} || ctl role add {name} || exit 1\nctl role get {name} | grep -q '{prefix}' || ctl role grant-permission {name} --prefix=true readwrite {prefix} || exit 1\nif ctl user list | grep -qx {name}; then printf '%s\\n' \"$password\" | ctl user passwd {name} --interactive=false || exit 1\nelse printf '%s\\n' \"$password\" | ctl user add {name} --interactive=false || exit 1; fi\nctl user grant-role {name} {name}\n"
    );
    Step::command(
        &format!("pgsql/pg_etcd/{name}"),
        host,
        &format!("etcd account {name} owns {prefix}"),
        check,
        apply,
    )
    .stdin(format!("{}\n", patroni::etcd_password(members, primary)))
    .tag("pg_conf")
}
