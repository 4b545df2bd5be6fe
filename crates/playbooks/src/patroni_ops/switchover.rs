//! Switchover and failover: who may lead next, and proof that it does.

use super::{Seen, rank, stage};
use crate::planning::{Made, warning};
use crate::{Live, Refusal, rest};
use paddock_inventory::{Cluster, Instance, NodeAddr};
use serde_json::json;

/// Patroni's own default.
const LAG_LIMIT: u64 = 1_048_576;

/// Why a member may not lead: a code, a reason, a remedy.
pub(crate) struct MayNot {
    code: &'static str,
    why: String,
    fix: String,
}

/// Whether a member may lead after a switchover, from what was last seen. An unknown lag is a refusal.
pub(crate) fn may_lead(live: &Live, name: &str) -> Result<(), MayNot> {
    let not = |code, why: String, fix: &str| Err(MayNot { code, why, fix: fix.to_owned() });
    let Some(member) = live.member(name) else {
        return not(
            "plan/unknown-member",
            format!("Patroni knows no member `{name}`"),
            "name a member that is there",
        );
    };
    if member.leads() {
        return not(
            "plan/already-leads",
            format!("`{name}` leads already"),
            "name a replica, or leave the choice to Paddock",
        );
    }
    if member.nofailover {
        return not(
            "plan/nofailover",
            format!("`{name}` has the tag `nofailover`"),
            "name another replica, or take the tag away",
        );
    }
    let Some(lag) = member.lag_bytes.filter(|_| member.is_well()) else {
        let lag = member.lag_bytes.map_or("unknown".to_owned(), |lag| lag.to_string());
        let why = format!("`{name}` does not stream: it is {}, its lag is {lag}", member.state);
        return not("plan/not-streaming", why, "bring it to streaming first, or name another replica");
    };
    let limit = live.config.get("maximum_lag_on_failover").and_then(serde_json::Value::as_u64);
    let limit = limit.unwrap_or(LAG_LIMIT);
    if lag > limit {
        let why =
            format!("`{name}` is {lag} bytes behind, and `maximum_lag_on_failover` allows {limit} bytes");
        return not("plan/lags", why, "wait until it has caught up, or name another replica");
    }
    let mode = live.config.get("synchronous_mode");
    let synchronous =
        mode.is_some_and(|mode| mode.as_bool() == Some(true) || mode == "quorum" || mode == "on");
    if synchronous && !matches!(member.role.as_str(), "sync_standby" | "quorum_standby") {
        let why = format!(
            "the cluster is synchronous, and `{name}` is not the synchronous standby: transactions could be lost"
        );
        return not("plan/not-synchronous", why, "name the synchronous standby");
    }
    Ok(())
}

/// The replica that should lead next, among those for which `may` holds: the least lag, no offline instance unless
/// there is nobody else. When nobody was asked, the first in order of `pg_seq`.
pub(crate) fn best<'a>(
    cluster: &'a Cluster,
    live: Option<&Live>,
    may: impl Fn(NodeAddr) -> bool,
) -> Option<&'a Instance> {
    let lag = |one: &Instance| live.and_then(|live| live.member(&one.id.to_string())?.lag_bytes);
    let fit = |one: &Instance| live.is_none_or(|live| may_lead(live, &one.id.to_string()).is_ok());
    let candidates = cluster.instances.iter().filter(|one| may(one.addr) && fit(one));
    candidates.min_by_key(|one| (rank(one.role), lag(one), one.id.seq))
}

pub(super) fn switchover(seen: &Seen<'_>, candidate: Option<&str>) -> Result<Made, Refusal> {
    let leader = seen.leader()?;
    let name = &seen.cluster.name;
    if let (Some(live), None) = (seen.live, candidate)
        && live.paused
    {
        return Err(seen.refuse(
            "plan/paused",
            format!("automatic failover of `{name}` is paused: then only a named candidate may take over"),
            format!("name one: `pg switchover {name} --candidate <member>`, or resume first"),
        ));
    }
    let candidate = match candidate {
        Some(candidate) => {
            let member = seen.member(candidate)?;
            if let Some(Err(not)) = seen.live.map(|live| may_lead(live, candidate)) {
                return Err(seen.refuse(not.code, not.why, not.fix));
            }
            if member.addr == leader.addr {
                return Err(seen.refuse(
                    "plan/already-leads",
                    format!("`{candidate}` is the declared primary"),
                    "name a replica",
                ));
            }
            member
        }
        None => {
            let reachable = |addr| addr != leader.addr && seen.ctx.facts.unreachable(addr).is_none();
            let best = best(seen.cluster, seen.live, reachable).and_then(|best| seen.members.at(best.addr));
            best.ok_or_else(|| {
                let reasons = seen.live.map_or_else(Vec::new, |live| {
                    let others = live.members.iter().filter(|member| !member.leads());
                    others.filter_map(|one| may_lead(live, &one.name).err()).map(|not| not.why).collect()
                });
                let why =
                    if reasons.is_empty() { "it has no replica".to_owned() } else { reasons.join("; ") };
                seen.refuse(
                    "plan/no-candidate",
                    format!("no member of `{name}` can take over: {why}"),
                    "bring a replica to streaming first",
                )
            })?
        }
    };
    let step = rest::step(
        "pg/switchover/leader",
        leader,
        format!("{} leads {name}, and {} streams from it", candidate.name, leader.name),
        SWITCHED,
        Some(SWITCH),
        json!({ "leader": leader.name, "candidate": candidate.name }),
    )
    .limit(180)
    .settle(120)
    .interrupts(format!(
        "{} takes over from {}: writes pause for some seconds, and connections to {} end",
        candidate.name, leader.name, leader.name
    ));
    let mut made = Made { stages: vec![stage("Switch over", leader, vec![step])], ..Made::default() };
    seen.prove_routes(&mut made)?;
    declare(seen, candidate.name.as_str(), &mut made);
    Ok(made)
}

pub(super) fn failover(seen: &Seen<'_>, candidate: &str) -> Result<Made, Refusal> {
    let name = &seen.cluster.name;
    let member = seen.member(candidate)?;
    seen.reach(member)?;
    if let Some(live) = seen.live {
        if let Some(leader) = live.leader().filter(|leader| leader.is_well()) {
            return Err(seen.refuse(
                "plan/healthy-leader",
                format!("`{}` leads `{name}` and is well: a failover could lose what it has and the candidate has not", leader.name),
                format!("switch over instead: `pg switchover {name} --candidate {candidate}`"),
            ));
        }
        let known = live.member(candidate);
        if known
            .is_none_or(|known| known.nofailover || !matches!(known.state.as_str(), "running" | "streaming"))
        {
            let state = known.map_or("not known to Patroni".to_owned(), |known| {
                if known.nofailover { "tagged `nofailover`".to_owned() } else { known.state.clone() }
            });
            return Err(seen.refuse(
                "plan/bad-candidate",
                format!("`{candidate}` is {state}"),
                "name a member whose PostgreSQL runs",
            ));
        }
    }
    let step = rest::step(
        "pg/failover/leader",
        member,
        format!("{candidate} leads {name}"),
        "seen = cluster()\nif leaders(seen) == [GIVEN['name']] and well(seen[GIVEN['name']]): sys.exit(0)\nno(f\"{', '.join(leaders(seen)) or 'nobody'} leads; {said(GIVEN['name'], seen.get(GIVEN['name']))}\")",
        Some(
            "seen = cluster()\nlead = leaders(seen)\nif lead == [GIVEN['name']]: sys.exit(0)\nif lead and well(seen[lead[0]]): fail(f'{lead[0]} leads and is well: switch over instead')\nprint(order('POST', '/failover', {'candidate': GIVEN['name']}, 120))",
        ),
        json!({}),
    )
    .limit(180)
    .settle(120)
    .interrupts(format!("{candidate} takes over {name}: what the former primary had and {candidate} has not is lost"));
    let mut made = Made { stages: vec![stage("Fail over", member, vec![step])], ..Made::default() };
    seen.prove_routes(&mut made)?;
    declare(seen, candidate, &mut made);
    Ok(made)
}

/// Backup servers and rules by role follow declared roles.
fn declare(seen: &Seen<'_>, leader: &str, made: &mut Made) {
    if let Some(primary) = seen.members.primary().filter(|primary| primary.name != leader) {
        made.warnings.push(warning(
            "plan/declared-roles",
            format!(
                "The inventory declares {} as primary, and {leader} leads afterwards. Where that is to stay, edit `pg_role` of both, then reload services and HBA rules: rules by role and backup servers follow what is declared.",
                primary.name
            ),
        ));
    }
}

/// Asked on the former leader: it must have found its place again, too.
const SWITCHED: &str = r#"
seen = cluster()
old, new = GIVEN["leader"], GIVEN["candidate"]
if leaders(seen) != [new]: no(f"{', '.join(leaders(seen)) or 'nobody'} leads")
if not well(seen.get(old)): no(f"{new} leads; {said(old, seen.get(old))}")
if seen[old].get("timeline") != seen[new].get("timeline"): no(f"{old} is on timeline {seen[old].get('timeline')}, {new} on {seen[new].get('timeline')}")
if sql("SELECT count(*) FROM pg_stat_wal_receiver WHERE status = 'streaming'") != "1": no(f"{new} leads; {old} does not stream yet")
"#;

const SWITCH: &str = r#"
lead = leaders(cluster())
if lead == [GIVEN["candidate"]]: sys.exit(0)
if lead != [GIVEN["leader"]]: fail(f"{', '.join(lead) or 'nobody'} leads now, not {GIVEN['leader']}: plan again")
print(order("POST", "/switchover", {"leader": GIVEN["leader"], "candidate": GIVEN["candidate"]}, 150, (200,)))
"#;
