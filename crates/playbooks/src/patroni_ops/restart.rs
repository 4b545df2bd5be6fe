//! Restart, reload and reinit of members.

use super::{Seen, stage};
use crate::pgsql::members::Member;
use crate::planning::Made;
use crate::{Facts, Refusal, Stage, rest};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Settings that a standby must not have lower than its primary, and what `pg_controldata` calls them. Lowered, the
/// primary restarts first, and a replica only when it has replayed that: before, it would keep the higher value.
const NOT_LOWER: [(&str, &str); 5] = [
    ("max_connections", "max_connections setting"),
    ("max_worker_processes", "max_worker_processes setting"),
    ("max_prepared_transactions", "max_prepared_xacts setting"),
    ("max_locks_per_transaction", "max_locks_per_xact setting"),
    ("max_wal_senders", "max_wal_senders setting"),
];

/// The members that an action on `member` (none: all) is for.
fn chosen<'a>(seen: &'a Seen<'_>, member: Option<&str>, made: &mut Made) -> Result<Vec<&'a Member>, Refusal> {
    if let Some(name) = member {
        let member = seen.member(name)?;
        seen.reach(member)?;
        return Ok(vec![member]);
    }
    Ok(seen.in_reach(&mut made.warnings))
}

pub(super) fn restart(seen: &Seen<'_>, member: Option<&str>, pending: bool) -> Result<Made, Refusal> {
    let mut made = Made::default();
    let mut members = chosen(seen, member, &mut made)?;
    let own = |member: &Member| seen.ctx.facts.known(member.addr).and_then(|facts| facts.live.as_ref());
    if pending {
        members.retain(|member| own(member).is_none_or(|live| live.pending_restart));
    }
    if members.is_empty() {
        return Err(seen.refuse(
            "plan/nothing-pending",
            format!("no member of `{}` waits for a restart", seen.cluster.name),
            "leave `--pending` away to restart all the same",
        ));
    }
    let acting = seen.members.acting().map(|leader| leader.addr);
    let leads = |member: &Member| Some(member.addr) == acting;
    let lowered = acting.map_or_else(Vec::new, |leader| lowered(seen, &seen.ctx.facts.of(leader)));
    if let (false, Some(names)) = (members.iter().any(|member| leads(member)), words(&lowered)) {
        return Err(seen.refuse(
            "plan/leader-first",
            format!("{names} was lowered: a replica may not have less than the primary that it follows"),
            format!(
                "restart the primary first, then the replicas: `pg restart {} --pending`",
                seen.cluster.name
            ),
        ));
    }
    members.sort_by_key(|member| (leads(member) == lowered.is_empty(), member.name.clone()));
    for member in members {
        let step = rest::step(
            &format!("pg/restart/{}", member.name),
            member,
            format!("PostgreSQL on {} was restarted", member.name),
            RESTARTED,
            Some(RESTART),
            json!({ "started": own(member).and_then(|live| live.started.clone()), "pending": pending }),
        )
        .limit(600)
        .settle(300)
        .interrupts(if leads(member) {
            format!(
                "restarts PostgreSQL on {}, which leads: connections end, and writes wait until it is back",
                member.name
            )
        } else {
            format!("restarts PostgreSQL on {}: its connections end", member.name)
        });
        let mut steps = vec![step];
        if let (false, Some(names)) = (leads(member), words(&lowered)) {
            let most: Map<String, Value> =
                lowered.iter().map(|(_, control, wanted)| ((*control).to_owned(), json!(wanted))).collect();
            let replayed = rest::step(
                &format!("pg/restart/{}/replayed", member.name),
                member,
                format!("{} has replayed the primary's lower {names}", member.name),
                REPLAYED,
                None,
                json!({ "most": most }),
            );
            steps.insert(0, replayed.settle(120));
        }
        made.stages.push(stage(format!("Restart {}", member.name), member, steps));
    }
    seen.prove_routes(&mut made)?;
    Ok(made)
}

/// What the dynamic configuration lowers below what runs: name, name in the control file, wanted value.
fn lowered(seen: &Seen<'_>, leader: &Facts) -> Vec<(&'static str, &'static str, u64)> {
    let wanted = |name: &str| -> Option<u64> {
        let value = seen.live?.config.get("postgresql")?.get("parameters")?.get(name)?;
        value.as_u64().or_else(|| value.as_str()?.parse().ok())
    };
    let all = NOT_LOWER.iter().filter_map(|(name, control)| Some((*name, *control, wanted(name)?)));
    all.filter(|(name, _, wanted)| leader.settings.get(*name).is_some_and(|runs| wanted < runs)).collect()
}

fn words(lowered: &[(&str, &str, u64)]) -> Option<String> {
    let names: Vec<String> = lowered.iter().map(|(name, _, _)| format!("`{name}`")).collect();
    (!names.is_empty()).then(|| names.join(", "))
}

pub(super) fn reload(seen: &Seen<'_>, member: Option<&str>) -> Result<Made, Refusal> {
    let mut made = Made::default();
    let mut hosts = BTreeMap::new();
    for member in chosen(seen, member, &mut made)? {
        let loaded = seen.ctx.facts.known(member.addr).and_then(|facts| facts.conf_loaded.clone());
        let step = rest::step(
            &format!("pg/reload/{}", member.name),
            member,
            format!("Patroni and PostgreSQL on {} have read their configuration again", member.name),
            RELOADED,
            Some("print(order('POST', '/reload'))"),
            json!({ "loaded": loaded }),
        )
        .settle(60);
        hosts.insert(member.addr, vec![step]);
    }
    made.stages.push(Stage { name: "Reload".into(), play: 0, hosts, serial: false });
    Ok(made)
}

pub(super) fn reinit(seen: &Seen<'_>, name: &str) -> Result<Made, Refusal> {
    let member = seen.member(name)?;
    seen.reach(member)?;
    let leader = seen.leader()?;
    if member.addr == leader.addr {
        return Err(seen.refuse(
            "plan/reinit-leader",
            format!("`{name}` leads `{}`: its data are the cluster's", seen.cluster.name),
            format!("switch over first: `pg switchover {}`", seen.cluster.name),
        ));
    }
    let facts = seen.ctx.facts.known(member.addr);
    let total = seen.ctx.facts.known(leader.addr).and_then(|facts| facts.database_bytes);
    let step = rest::step(
        &format!("pg/reinit/{name}"),
        member,
        format!("{name} is a new copy of {} and streams", leader.name),
        COPIED,
        Some(COPY),
        json!({ "mark": facts.map(|facts| facts.data_mark.clone()), "total": total }),
    )
    .limit(120)
    .settle(86_400)
    .interrupts(format!(
        "erases the data of {name} on {} and copies them anew from {}; until then {name} serves nobody",
        member.addr, leader.name
    ));
    let mut made = Made { stages: vec![stage("Copy anew", member, vec![step])], ..Made::default() };
    seen.prove_routes(&mut made)?;
    Ok(made)
}

const REPLAYED: &str = r#"
said = subprocess.run(["/usr/pgsql/bin/pg_controldata", "/pg/data"], capture_output=True, env={"LC_ALL": "C"}).stdout.decode(errors="replace")
have = dict(re.findall(r"(?m)^(.*?): +(.*)$", said))
for key, most in GIVEN["most"].items():
    if key not in have: unknown(f"pg_controldata does not say {key}")
    if int(have[key]) > most: no(f"{key} is {have[key]} in what was replayed, shall be {most} at most")
"#;

const RESTARTED: &str = r#"
if GIVEN["started"] is None: unknown(f"when PostgreSQL of {GIVEN['name']} started was not known at planning: plan again while it answers")
me = read("/patroni")
if me.get("postmaster_start_time") == GIVEN["started"]: no(f"PostgreSQL runs since {GIVEN['started']}")
if me["state"] != "running": no(f"PostgreSQL is {me['state']}")
mine = cluster().get(GIVEN["name"])
if not well(mine): no(said(GIVEN["name"], mine))
if GIVEN["pending"] and me.get("pending_restart"): no("settings still wait for a restart")
"#;

const RESTART: &str = r#"
import time
end = time.monotonic() + 120
while True:
    me = read("/patroni")
    # It may have started anew by other ways (its node lost its power) and wait all the same: Patroni starts a replica
    # with what the control file still has.
    waits = GIVEN["pending"] and me.get("pending_restart")
    if me.get("postmaster_start_time") not in (None, GIVEN["started"]) and not waits: sys.exit(0)
    code, text = ask("POST", "/restart", {"restart_pending": True} if GIVEN["pending"] else {}, 580)
    if code in (200, 202): print(text); sys.exit(0)
    # A start after a failure, or the restart that a console asked for before it died.
    if "already in progress" not in text or time.monotonic() > end: fail(f"Patroni refuses POST /restart with {code}: {text or 'no reason given'}")
    print(text, flush=True)
    time.sleep(2)
"#;

const RELOADED: &str = r#"
if GIVEN["loaded"] is None: unknown(f"when PostgreSQL of {GIVEN['name']} loaded its configuration was not known at planning: plan again while it answers")
if sql("SELECT pg_conf_load_time()") == GIVEN["loaded"]: no(f"last read at {GIVEN['loaded']}")
"#;

const COPIED: &str = r#"
if GIVEN["mark"] is None: unknown(f"the data of {GIVEN['name']} were not known at planning: plan again while it answers")
try: now = os.stat("/pg/data/PG_VERSION"); mark = f"{now.st_ino}.{int(now.st_ctime)}"
except OSError: mark = ""
if mark == GIVEN["mark"]: no("the data directory is the former one")
have = subprocess.run(["du", "-sb", "/pg/data/"], capture_output=True).stdout.split()
if have: print("::progress", have[0].decode(), GIVEN["total"] or "-", "bytes", flush=True)
mine = cluster().get(GIVEN["name"])
if not mark or not well(mine): no(said(GIVEN["name"], mine))
if read("/patroni")["state"] != "running": no("PostgreSQL starts")
if sql("SELECT count(*) FROM pg_stat_wal_receiver WHERE status = 'streaming'") != "1": no(f"{GIVEN['name']} does not stream yet")
"#;

const COPY: &str = r#"
if leaders(cluster()) in ([], [GIVEN["name"]]): fail("there is no other member that leads: nothing is erased")
print(order("POST", "/reinitialize", {"force": True}, 60))
"#;
