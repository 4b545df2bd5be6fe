//! Standby clusters: what must hold before one is created, its promotion, and another upstream for it.
//!
//! The original lets Patroni find out by itself that the upstream cannot be reached, and leaves `pg_upstream` in the
//! inventory after a promotion, which makes the cluster a standby again when its DCS state is lost.

use crate::params::{port, text};
use crate::patroni_ops::{Seen, stage};
use crate::pgsql::members::{Member, Members};
use crate::planning::{Made, warning};
use crate::scripts::quote;
use crate::{Context, DataDir, FactSet, InventoryEdit, Refusal, Stage, Step, Warning, rest};
use paddock_inventory::{Cluster, ClusterName, NodeAddr, Value};
use serde_json::json;
use std::collections::BTreeMap;

/// The upstream that the declared primary names, with the port of PostgreSQL there.
pub(crate) fn upstream(ctx: &Context<'_>, member: &Member) -> Option<(NodeAddr, u16)> {
    let addr: NodeAddr = member.vars.text("pg_upstream")?.parse().ok()?;
    let declared = ctx.inventory.hosts().contains(&addr);
    let there = if declared { port(&ctx.vars(addr), "pg_port", 5432) } else { member.pg_port };
    Some((addr, there))
}

/// What must hold before a standby cluster is created: its upstream answers, is of the same version, and has WAL to
/// send. Gives the step that tries the login on the node, where only it can be known.
pub(crate) fn before_create(
    ctx: &Context<'_>,
    members: &Members,
    primary: &Member,
    what: &str,
    warnings: &mut Vec<Warning>,
) -> Result<Option<Step>, Refusal> {
    let Some((addr, at_port)) = upstream(ctx, primary) else { return Ok(None) };
    if ctx.facts.known(primary.addr).is_some_and(|facts| facts.data_dir != DataDir::Empty) {
        if !members.standby {
            warnings.push(warning("plan/upstream-left", format!("`{}` names `pg_upstream: {addr}` and follows nobody: remove it from the inventory, or the cluster becomes a standby cluster again when its DCS state is lost.", primary.name)));
        }
        return Ok(None);
    }
    fit(ctx, members, addr, what, warnings)?;
    let repl = text(&primary.vars, "pg_replication_username", "replicator");
    let check = format!("[ -e /pg/data/PG_VERSION ] && exit 0\n{}", login(addr, at_port, &repl, ""));
    let title = format!("replication login to the upstream {addr} works");
    Ok(Some(Step::wait("pgsql/pg_primary/upstream", primary.addr, &title, check, 30).tag("pg_launch")))
}

/// Whether a node can be the upstream of these members, as far as it is known.
fn fit(
    ctx: &Context<'_>,
    members: &Members,
    addr: NodeAddr,
    what: &str,
    warnings: &mut Vec<Warning>,
) -> Result<(), Refusal> {
    let refuse = |code: &str, why: String, fix: &str| Refusal {
        code: code.to_owned(),
        what: what.to_owned(),
        why,
        fix: fix.to_owned(),
    };
    if members.at(addr).is_some() {
        let why = format!("the upstream {addr} is a member of `{}` itself", members.name);
        return Err(refuse("plan/upstream-own", why, "name a member of the other cluster"));
    }
    if let Some(reason) = ctx.facts.unreachable(addr) {
        let why = format!("the upstream {addr} does not answer: {reason}");
        return Err(refuse(
            "plan/upstream-unreachable",
            why,
            "start it, or name another member of its cluster",
        ));
    }
    let Some(facts) = ctx.facts.known(addr) else {
        warnings.push(warning("plan/upstream-unknown", format!("Nothing is known of the upstream {addr}: whether it runs, has PostgreSQL {} and admits replication is seen when the plan runs.", members.version)));
        return Ok(());
    };
    let DataDir::Cluster { version, scope } = &facts.data_dir else {
        let why = format!("the upstream {addr} has no PostgreSQL data");
        return Err(refuse(
            "plan/upstream-empty",
            why,
            "create its cluster first, or name a member of a cluster that runs",
        ));
    };
    if *version != members.version.to_string() {
        let why = format!(
            "the upstream {addr} has PostgreSQL {version}, and `{}` has {}",
            members.name, members.version
        );
        return Err(refuse(
            "plan/upstream-version",
            why,
            &format!("set `pg_version: {version}`: WAL is read by its own version only"),
        ));
    }
    let runs = facts.live.as_ref().and_then(|live| live.members.iter().find(|one| one.addr == Some(addr)));
    match runs {
        Some(one) if one.is_well() => Ok(()),
        Some(one) => {
            let why = format!("the upstream {} is {}, and neither leads nor streams", one.name, one.state);
            Err(refuse("plan/upstream-not-streaming", why, "bring it to streaming, or name another member"))
        }
        None => {
            let of = scope.as_ref().map_or_else(String::new, |scope| format!(" of `{scope}`"));
            let why = format!("Patroni{of} on the upstream {addr} does not answer, or does not list it");
            Err(refuse("plan/upstream-not-streaming", why, "start Patroni there, or name another member"))
        }
    }
}

/// Logs in as Patroni will: as the replication user, for replication, with the password of the dbsu's .pgpass.
/// `more` is bash that may look at `$system`, the system id of the upstream.
fn login(addr: NodeAddr, at_port: u16, repl: &str, more: &str) -> String {
    let conn = quote(&format!("host={addr} port={at_port} user={repl} dbname=postgres replication=1"));
    format!(
        "cd /\nout=$(runuser -u postgres -- env PGCONNECT_TIMEOUT=5 psql -XAtq -w -F ' ' {conn} -c IDENTIFY_SYSTEM 2>&1) || {{ echo \"$out\"; echo '{repl} cannot log in to {addr}:{at_port} for replication: there, pg_hba.conf must admit it from this address (pg_hba_rules, then pgsql-hba), its password must be the pg_replication_password of both clusters, and max_wal_senders must have one left'; exit 1; }}\nsystem=${{out%% *}}\n{more}exit 0\n"
    )
}

/// `pg promote-cluster <cls>`
pub(crate) fn promote(seen: &Seen<'_>) -> Result<Made, Refusal> {
    follows(seen)?;
    let name = &seen.cluster.name;
    let leader = seen.leader()?;
    if seen.live.is_some_and(|live| live.paused) {
        return Err(seen.refuse(
            "plan/paused",
            format!("automatic failover of `{name}` is paused, and a paused Patroni promotes nobody"),
            format!("`pg resume {name}` first"),
        ));
    }
    let mut made = Made::default();
    let timeline = seen.live.and_then(|live| live.leader()?.timeline);
    let step = rest::step(
        "pg/promote-cluster/config",
        leader,
        format!("{name} follows nobody, and {} is its primary on a timeline of its own", leader.name),
        IS_PROMOTED,
        Some(PROMOTE),
        json!({ "timeline": timeline }),
    )
    .settle(180)
    .interrupts(format!(
        "{name} takes writes of its own: to follow its upstream again it must be cloned anew"
    ));
    made.stages.push(stage("Promote", leader, vec![step]));
    seen.prove_routes(&mut made)?;
    made.edits.extend(unset_upstream(seen));
    made.blast.push(("promotes".into(), format!("{} of {name}", leader.name)));
    if let Some(lag) = seen.live.and_then(|live| live.leader()?.lag_bytes) {
        made.blast.push(("behind its upstream by".into(), format!("{lag} bytes")));
    }
    made.warnings.push(warning("plan/promote-cluster", format!("What the upstream commits from now on does not reach `{name}` any more. If applications shall move, stop their writes to the upstream first.")));
    Ok(made)
}

const IS_PROMOTED: &str = r#"
if read("/config").get("standby_cluster"): no("it follows " + str(read("/config")["standby_cluster"].get("host")))
me = cluster().get(GIVEN["name"])
if me is None or me["role"] not in ("leader", "master", "primary"): no(said(GIVEN["name"], me) + f", its role is {me and me['role']}")
if sql("SELECT pg_is_in_recovery()") != "f": no("PostgreSQL is still in recovery")
line = int(sql("SELECT ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int"))
if GIVEN["timeline"] and line <= GIVEN["timeline"]: no(f"PostgreSQL is on timeline {line}, as its upstream was")
"#;

const PROMOTE: &str = r#"
order("PATCH", "/config", {"standby_cluster": None})
"#;

/// What the promoted cluster has of its own from now on: roles, databases, a stanza with a full backup.
pub(crate) const AFTER_PROMOTION: [&str; 11] = [
    "pg_conf",
    "patroni_reload",
    "pg_hba",
    "pg_reload",
    "pg_init",
    "pg_user",
    "pg_db",
    "pgbackrest",
    "pgbouncer",
    "pg_service",
    "verify",
];

/// The same nodes once the cluster is promoted: what is planned after it must know.
pub(crate) fn promoted(facts: &mut FactSet, cluster: &ClusterName) {
    for host in facts.0.values_mut() {
        let crate::HostFacts::Known(facts) = host else { continue };
        let Some(live) = facts.live.as_mut().filter(|live| live.scope == cluster.as_str()) else { continue };
        if let Some(config) = live.config.as_object_mut() {
            config.remove("standby_cluster");
        }
        for member in live.members.iter_mut().filter(|member| member.role == "standby_leader") {
            member.role = "leader".into();
        }
    }
}

/// `pg change-upstream <cls> <ip[:port]>`
pub(crate) fn change_upstream(seen: &Seen<'_>, host: &str, to_port: u16) -> Result<Made, Refusal> {
    follows(seen)?;
    let name = &seen.cluster.name;
    let leader = seen.leader()?;
    let addr: NodeAddr = host.parse().map_err(|error: paddock_inventory::NameError| {
        seen.refuse("plan/bad-address", error.to_string(), "name the address of the new upstream")
    })?;
    let mut made = Made::default();
    let what = format!("`{}` was refused", seen.play.command_line());
    fit(seen.ctx, &seen.members, addr, &what, &mut made.warnings)?;
    let repl = text(&leader.vars, "pg_replication_username", "replicator");
    let same = "mine=$(runuser -u postgres -- /usr/pgsql/bin/pg_controldata /pg/data | sed -n 's/^Database system identifier: *//p')\n[ \"$system\" = \"$mine\" ] || { echo \"the new upstream is another database system ($system) than the data here ($mine): the cluster must be cloned anew\"; exit 1; }\n";
    // Every member may lead after a failover, and then follows the same upstream.
    let tried: BTreeMap<NodeAddr, Vec<Step>> = seen
        .in_reach(&mut made.warnings)
        .into_iter()
        .map(|member| {
            let title = format!("replication login to the new upstream {addr}:{to_port} works");
            let check = login(addr, to_port, &repl, same);
            (member.addr, vec![Step::wait("pg/change-upstream/login", member.addr, &title, check, 15)])
        })
        .collect();
    made.stages.push(Stage {
        name: "Look before anything changes".into(),
        play: 0,
        hosts: tried,
        serial: false,
    });
    let step = rest::step(
        "pg/change-upstream/config",
        leader,
        format!("{name} streams from {addr}:{to_port}"),
        FOLLOWS,
        Some(FOLLOW),
        json!({ "host": addr.to_string(), "to": to_port }),
    )
    .settle(120);
    made.stages.push(stage("Change the upstream", leader, vec![step]));
    let primary = seen.members.primary().filter(|primary| primary.vars.text("pg_upstream").is_some());
    if let Some(primary) =
        primary.filter(|primary| primary.vars.text("pg_upstream") != Some(addr.to_string()))
    {
        made.edits.push(InventoryEdit::SetHostVar {
            cluster: name.clone(),
            addr: primary.addr,
            name: "pg_upstream".into(),
            value: Value::Text(addr.to_string()),
        });
    }
    Ok(made)
}

const FOLLOWS: &str = r#"
now = read("/config").get("standby_cluster") or {}
if (str(now.get("host")), str(now.get("port"))) != (GIVEN["host"], str(GIVEN["to"])): no(f"it follows {now.get('host')}:{now.get('port')}")
sends = sql("SELECT sender_host || ':' || sender_port FROM pg_stat_wal_receiver WHERE status = 'streaming'")
if sends != f"{GIVEN['host']}:{GIVEN['to']}": no(f"it streams from {sends or 'nowhere'}")
"#;

const FOLLOW: &str = r#"
order("PATCH", "/config", {"standby_cluster": {"host": GIVEN["host"], "port": GIVEN["to"]}})
"#;

/// Refuses when the cluster follows nobody.
fn follows(seen: &Seen<'_>) -> Result<(), Refusal> {
    if seen.members.standby {
        return Ok(());
    }
    let name = &seen.cluster.name;
    Err(seen.refuse(
        "plan/not-standby",
        format!("`{name}` is no standby cluster: it follows nobody"),
        "name a cluster that was created with `pg_upstream`",
    ))
}

fn unset_upstream(seen: &Seen<'_>) -> Option<InventoryEdit> {
    let primary = seen.members.primary()?;
    primary.vars.text("pg_upstream")?;
    Some(InventoryEdit::UnsetHostVar {
        cluster: seen.cluster.name.clone(),
        addr: primary.addr,
        name: "pg_upstream".into(),
    })
}

/// Limit of the whole cluster as a host pattern.
pub(crate) fn limit_of(cluster: &Cluster) -> String {
    cluster.instances.iter().map(|one| one.addr.to_string()).collect::<Vec<_>>().join(",")
}
