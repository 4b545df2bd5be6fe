//! Pause and resume of automatic failover.

use super::{Seen, stage};
use crate::planning::{Made, warning};
use crate::{Refusal, rest};
use serde_json::json;

pub(super) fn pause(seen: &Seen<'_>) -> Result<Made, Refusal> {
    let mut made = set(seen, true)?;
    made.warnings.push(warning(
        "plan/no-failover",
        format!(
            "Until `pg resume {}`, nobody takes over when the primary fails, and a PostgreSQL that stops is not started again.",
            seen.cluster.name
        ),
    ));
    Ok(made)
}

pub(super) fn resume(seen: &Seen<'_>) -> Result<Made, Refusal> {
    set(seen, false)
}

fn set(seen: &Seen<'_>, pause: bool) -> Result<Made, Refusal> {
    let name = &seen.cluster.name;
    if seen.live.is_some_and(|live| live.paused == pause) {
        let (code, state, fix) = if pause {
            ("plan/already-paused", "paused", "nothing is to be done")
        } else {
            ("plan/not-paused", "not paused", "nothing is to be done")
        };
        return Err(seen.refuse(code, format!("automatic failover of `{name}` is {state}"), fix));
    }
    let mut made = Made::default();
    let asked = seen.in_reach(&mut made.warnings);
    // Any member takes it; the leader's is the least likely to be behind.
    let acting = seen.members.acting();
    let at = asked.iter().find(|one| Some(one.addr) == acting.map(|acting| acting.addr)).or(asked.first());
    let at = at.ok_or_else(|| {
        seen.refuse("plan/no-patroni", format!("no member of `{name}` answers"), "start Patroni on a member")
    })?;
    let (word, title) = if pause {
        ("pause", format!("automatic failover of {name} is paused on every member"))
    } else {
        ("resume", format!("automatic failover of {name} is on, on every member"))
    };
    let step =
        rest::step(&format!("pg/{word}/config"), at, title, IS_SO, Some(SET), json!({ "pause": pause }))
            .settle(60);
    made.stages.push(stage(if pause { "Pause" } else { "Resume" }, at, vec![step]));
    Ok(made)
}

const IS_SO: &str = r#"
if bool(read("/config").get("pause")) != GIVEN["pause"]: no(f"pause is {bool(read('/config').get('pause'))}")
for name, m in cluster().items():
    if m["state"] not in ("running", "streaming"): continue
    api = re.sub(r"/patroni$", "", m["api_url"])
    if bool(read("/patroni", api).get("pause")) != GIVEN["pause"]: no(f"{name} has not taken it yet")
"#;

const SET: &str = r#"
order("PATCH", "/config", {"pause": True if GIVEN["pause"] else None})
"#;
