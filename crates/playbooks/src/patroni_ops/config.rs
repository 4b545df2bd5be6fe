//! `pg edit-config`: what may be changed in the dynamic configuration, the change as a diff, and what waits for a restart.

use super::{Seen, stage};
use crate::planning::{Made, warning};
use crate::{Refusal, Stage, rest};
use paddock_inventory::Map;
use serde_json::{Map as Object, Value, json};
use std::collections::BTreeMap;

/// What Patroni reads at the top level (3.0 and 4.x), and what Pigsty writes there for information.
const KNOWN: [&str; 25] = [
    "check_timeline",
    "failsafe_mode",
    "ignore_slots",
    "loop_wait",
    "master_start_timeout",
    "master_stop_timeout",
    "max_timelines_history",
    "maximum_lag_on_failover",
    "maximum_lag_on_syncnode",
    "member_slots_ttl",
    "pause",
    "pg_cluster",
    "pg_group",
    "pg_shard",
    "pg_version",
    "postgresql",
    "primary_start_timeout",
    "primary_stop_timeout",
    "retry_timeout",
    "slots",
    "standby_cluster",
    "synchronous_mode",
    "synchronous_mode_strict",
    "synchronous_node_count",
    "ttl",
];

/// Parameters that Patroni sets by itself: a value in the DCS has no effect.
const PATRONIS_OWN: [&str; 6] =
    ["cluster_name", "hot_standby", "listen_addresses", "port", "wal_log_hints", "config_file"];

/// Below these Patroni takes its own default and says so only in its log.
const LEAST: [(&str, i64); 6] = [
    ("max_connections", 25),
    ("max_wal_senders", 3),
    ("max_worker_processes", 2),
    ("max_prepared_transactions", 0),
    ("max_locks_per_transaction", 32),
    ("max_replication_slots", 4),
];

/// Common parameters that PostgreSQL reads only when it starts.
const RESTARTS: [&str; 27] = [
    "archive_mode",
    "autovacuum_freeze_max_age",
    "autovacuum_max_workers",
    "bonjour",
    "event_source",
    "huge_pages",
    "jit_provider",
    "logging_collector",
    "max_connections",
    "max_files_per_process",
    "max_locks_per_transaction",
    "max_logical_replication_workers",
    "max_pred_locks_per_transaction",
    "max_prepared_transactions",
    "max_replication_slots",
    "max_wal_senders",
    "max_worker_processes",
    "old_snapshot_threshold",
    "shared_buffers",
    "shared_memory_type",
    "shared_preload_libraries",
    "superuser_reserved_connections",
    "track_activity_query_size",
    "track_commit_timestamp",
    "unix_socket_directories",
    "wal_buffers",
    "wal_level",
];

pub(super) fn edit(seen: &Seen<'_>, patch: &Map) -> Result<Made, Refusal> {
    let patch = serde_json::to_value(patch).unwrap_or_default();
    let Value::Object(top) = &patch else {
        return Err(seen.refuse("plan/bad-config", "the change is not a mapping", "write `key=value`"));
    };
    let mut made = Made::default();
    valid(top, seen.live.map(|live| &live.config)).map_err(|(code, why, fix)| seen.refuse(code, why, fix))?;
    for key in top.keys().filter(|key| !KNOWN.contains(&key.as_str())) {
        made.warnings.push(warning(
            "plan/unknown-setting",
            format!("Patroni knows no `{key}` at the top level of its configuration: it will be stored and have no effect. Parameters of PostgreSQL go under `postgresql.parameters` (`-p {key}=…`)."),
        ));
    }
    let restarts: Vec<&str> = parameters(top)
        .into_iter()
        .flat_map(Object::keys)
        .map(String::as_str)
        .filter(|name| RESTARTS.contains(name))
        .collect();
    let name = &seen.cluster.name;
    if !restarts.is_empty() {
        made.warnings.push(warning(
            "plan/restart-needed",
            format!(
                "{} takes effect when PostgreSQL is restarted. Nothing is restarted here; afterwards, one member at a time: `pg restart {name} --pending`.",
                restarts.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
            ),
        ));
    }
    let leader = seen.leader()?;
    let step = rest::step(
        "pg/edit_config/config",
        leader,
        format!("the configuration of {name} has the change"),
        HAS_IT,
        Some("order('PATCH', '/config', GIVEN['patch'])"),
        json!({ "patch": patch }),
    )
    .settle(5);
    made.stages.push(stage("Change the configuration", leader, vec![step]));
    let mut hosts = BTreeMap::new();
    for member in seen.in_reach(&mut made.warnings) {
        let step = rest::step(
            "pg/edit_config/taken",
            member,
            format!("{} has taken it; what waits for a restart is said", member.name),
            TAKEN,
            None,
            json!({ "patch": patch }),
        )
        .settle(90);
        hosts.insert(member.addr, vec![step]);
    }
    made.stages.push(Stage { name: "Verify".into(), play: 0, hosts, serial: false });
    Ok(made)
}

fn parameters(top: &Object<String, Value>) -> Option<&Object<String, Value>> {
    top.get("postgresql")?.get("parameters")?.as_object()
}

/// Refuses what Patroni would not take, or what would break a running cluster: code, reason, remedy.
fn valid(
    top: &Object<String, Value>,
    now: Option<&Value>,
) -> Result<(), (&'static str, String, &'static str)> {
    let bad = |why: String, fix| Err(("plan/bad-config", why, fix));
    if top.contains_key("standby_cluster") {
        return Err((
            "plan/standby-config",
            "`standby_cluster` decides whom the cluster follows: to change it by hand can promote it".into(),
            "use `pg promote-cluster <cls>` or `pg change-upstream <cls> <ip:port>`",
        ));
    }
    for key in [
        "ttl",
        "loop_wait",
        "retry_timeout",
        "maximum_lag_on_failover",
        "primary_start_timeout",
        "primary_stop_timeout",
    ] {
        if top.get(key).is_some_and(|value| !value.is_null() && number(value).is_none()) {
            return bad(
                format!("`{key}` must be a whole number, not {}", top[key]),
                "give seconds (or bytes) as a number",
            );
        }
    }
    let merged = |key: &str, default: i64| {
        let given = match top.get(key) {
            Some(value) => number(value),
            None => now.and_then(|now| now.get(key)).and_then(number),
        };
        given.unwrap_or(default)
    };
    let (ttl, wait, retry) = (merged("ttl", 30), merged("loop_wait", 10), merged("retry_timeout", 10));
    let touched = ["ttl", "loop_wait", "retry_timeout"].iter().filter(|key| top.contains_key(**key)).count();
    // What the rest is, is known only of a cluster that was asked.
    if touched > 0 && (now.is_some() || touched == 3) {
        if ttl < 20 || wait < 1 || retry < 3 {
            return bad(
                format!(
                    "ttl {ttl}, loop_wait {wait}, retry_timeout {retry}: Patroni wants at least 20, 1 and 3"
                ),
                "raise them",
            );
        }
        if ttl < wait + 2 * retry {
            return bad(
                format!(
                    "ttl {ttl} is less than loop_wait {wait} + 2 × retry_timeout {retry} = {}: the leader could lose its lock while it retries",
                    wait + 2 * retry
                ),
                "raise `ttl`, or lower the other two",
            );
        }
    }
    match top.get("postgresql") {
        None => return Ok(()),
        Some(Value::Object(inner)) => match inner.get("parameters") {
            None | Some(Value::Object(_)) => {}
            Some(_) => {
                return bad(
                    "`postgresql.parameters` must be a mapping".into(),
                    "delete single parameters: `-p name=null`",
                );
            }
        },
        Some(_) => {
            return bad(
                "`postgresql` must be a mapping: without it all parameters would be lost".into(),
                "delete single keys",
            );
        }
    }
    for (name, value) in parameters(top).into_iter().flatten() {
        if value.is_object() || value.is_array() {
            return bad(
                format!("`{name}` must be a plain value"),
                "write it as PostgreSQL's documentation has it",
            );
        }
        if PATRONIS_OWN.contains(&name.as_str()) {
            return bad(
                format!(
                    "Patroni sets `{name}` by itself; a value in the dynamic configuration has no effect"
                ),
                "change it in the inventory (`pg_port`, `pg_listen`), or leave it",
            );
        }
        let least = LEAST.iter().find(|(known, _)| known == name).map(|(_, least)| *least);
        if let (Some(least), Some(number)) = (least, number(value))
            && number < least
        {
            return bad(
                format!("`{name}` = {number} is below {least}: Patroni would take its own default instead"),
                "give a higher value",
            );
        }
    }
    Ok(())
}

fn number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.trim().parse().ok())
}

const HAS_IT: &str = r#"
import difflib, yaml
now = read("/config")
then = merged(now, GIVEN["patch"])
if then == bare(now): sys.exit(0)
show = lambda config: yaml.safe_dump(bare(config), default_flow_style=False).splitlines()
for line in difflib.unified_diff(show(now), show(then), "configuration", "configuration", n=1, lineterm=""): print(line)
sys.exit(1)
"#;

/// Patroni writes this file when it has applied a configuration that it found in the DCS.
const TAKEN: &str = r#"
try: have = json.load(open("/pg/data/patroni.dynamic.json"))
except (OSError, ValueError) as error: no(f"{GIVEN['name']} has no configuration yet: {error}")
if merged(have, GIVEN["patch"]) != bare(have): no(f"{GIVEN['name']} has not taken it yet")
if not read("/patroni").get("pending_restart"): sys.exit(0)
UNITS = {"kB": 1, "MB": 1024, "GB": 1024**2, "TB": 1024**3, "ms": 1, "s": 1000, "min": 60000, "h": 3600000, "d": 86400000}
def plain(value):
    text = str(value).strip().lower() if not isinstance(value, bool) else ("on" if value else "off")
    found = re.fullmatch(r"(-?[0-9.]+) *(kb|mb|gb|tb|ms|s|min|h|d)", text)
    if found: return float(found.group(1)) * {k.lower(): v for k, v in UNITS.items()}[found.group(2)]
    try: return float(text)
    except ValueError: return re.sub(r"\s+", "", {"true": "on", "false": "off", "yes": "on", "no": "off"}.get(text, text))
want = have.get("postgresql", {}).get("parameters", {})
runs = dict(line.split("\t", 1) for line in sql("SELECT name, current_setting(name) FROM pg_settings WHERE context = 'postmaster'").splitlines())
waits = [f"{k} ({runs[k]} now, {want[k]} then)" for k in sorted(want) if k in runs and plain(runs[k]) != plain(want[k])]
print(f"{GIVEN['name']} waits for a restart: {', '.join(waits) or 'a setting was taken away'}")
"#;

#[cfg(test)]
mod tests {
    use super::*;

    fn check(patch: &str, now: Option<&str>, expect: &str) {
        let patch: Value = serde_json::from_str(patch).unwrap();
        let now: Option<Value> = now.map(|now| serde_json::from_str(now).unwrap());
        let got = valid(patch.as_object().unwrap(), now.as_ref());
        match got {
            Ok(()) => assert_eq!(expect, "ok", "{patch}"),
            Err((code, why, _)) => {
                let got = format!("{code}: {why}");
                assert!(got.starts_with(expect), "{patch}: {got}");
            }
        }
    }

    #[test]
    fn a_change_that_would_break_the_cluster_is_refused() {
        let now = Some(r#"{"ttl": 30, "loop_wait": 10, "retry_timeout": 10}"#);
        check(r#"{"ttl": 60}"#, now, "ok");
        check(
            r#"{"ttl": 25}"#,
            now,
            "plan/bad-config: ttl 25 is less than loop_wait 10 + 2 × retry_timeout 10 = 30",
        );
        check(r#"{"retry_timeout": 11}"#, now, "plan/bad-config: ttl 30 is less");
        check(r#"{"loop_wait": null, "ttl": 29}"#, now, "plan/bad-config: ttl 29 is less");
        check(r#"{"ttl": 10, "loop_wait": 1, "retry_timeout": 3}"#, None, "plan/bad-config: ttl 10");
        check(r#"{"ttl": 25}"#, None, "ok");
        check(r#"{"ttl": "soon"}"#, now, "plan/bad-config: `ttl` must be a whole number");
        check(r#"{"standby_cluster": null}"#, now, "plan/standby-config");
        check(r#"{"postgresql": null}"#, now, "plan/bad-config: `postgresql` must be a mapping");
        check(r#"{"postgresql": {"parameters": null}}"#, now, "plan/bad-config: `postgresql.parameters`");
        check(
            r#"{"postgresql": {"parameters": {"port": 5433}}}"#,
            now,
            "plan/bad-config: Patroni sets `port`",
        );
        check(
            r#"{"postgresql": {"parameters": {"max_connections": 10}}}"#,
            now,
            "plan/bad-config: `max_connections` = 10",
        );
        check(r#"{"postgresql": {"parameters": {"work_mem": "64MB", "max_connections": null}}}"#, now, "ok");
    }
}
