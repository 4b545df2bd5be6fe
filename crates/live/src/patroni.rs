//! Patroni's answers as values.

use paddock_events::{MemberRole, MemberState, TimelineEnd};
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// One member in `GET /cluster`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Seen {
    pub(crate) name: String,
    pub(crate) host: String,
    pub(crate) role: MemberRole,
    pub(crate) state: MemberState,
    pub(crate) timeline: Option<u32>,
    pub(crate) lag_bytes: Option<u64>,
    pub(crate) pending_restart: bool,
}

/// `GET /cluster`: members and whether it is paused. None when it is not Patroni's JSON.
pub(crate) fn cluster(text: &str) -> Option<(Vec<Seen>, bool)> {
    let value: Value = serde_json::from_str(text).ok()?;
    let members = value.get("members")?.as_array()?.iter().filter_map(member).collect();
    Some((members, value.get("pause").and_then(Value::as_bool).unwrap_or(false)))
}

fn member(value: &Value) -> Option<Seen> {
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    let role = match text("role")? {
        // 3.x says `master` in places, 4.x `primary`.
        "leader" | "master" | "primary" => MemberRole::Primary,
        "standby_leader" => MemberRole::StandbyLeader,
        "sync_standby" | "quorum_standby" => MemberRole::SyncStandby,
        "replica" => MemberRole::Replica,
        _ => MemberRole::Unknown,
    };
    let lag = value.get("lag").or_else(|| value.get("replay_lag")).and_then(Value::as_u64);
    let leads = matches!(role, MemberRole::Primary | MemberRole::StandbyLeader);
    let state = match text("state").unwrap_or("unknown") {
        "streaming" => MemberState::Streaming,
        // Patroni 3.0 says `running` for a streaming replica; only a known lag tells it from one that does not stream.
        "running" if !leads && lag.is_some() => MemberState::Streaming,
        "running" => MemberState::Running,
        "unknown" => MemberState::Unknown,
        down @ ("stopped" | "crashed" | "start failed" | "restart failed" | "stop failed" | "stopping"
        | "initdb failed") => MemberState::Down(down.to_owned()),
        busy => MemberState::Busy(busy.to_owned()),
    };
    Some(Seen {
        name: text("name")?.to_owned(),
        host: text("host").unwrap_or("").to_owned(),
        role,
        state,
        timeline: value.get("timeline").and_then(Value::as_u64).and_then(|line| u32::try_from(line).ok()),
        lag_bytes: if leads { None } else { lag },
        pending_restart: value.get("pending_restart").and_then(Value::as_bool).unwrap_or(false),
    })
}

/// What a Patroni says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Own {
    /// PostgreSQL's version.
    pub(crate) version: Option<String>,
    pub(crate) pending_restart: bool,
    /// When it reached its DCS last, by the node's clock, in seconds since the epoch.
    pub(crate) dcs_seen: Option<i64>,
}

/// `GET /patroni`; nothing is known from what is not Patroni's JSON.
pub(crate) fn own(text: &str) -> Own {
    let Ok(value) = serde_json::from_str::<Value>(text) else { return Own::default() };
    let version = value.get("server_version").and_then(Value::as_u64);
    Own {
        // 150020 is 15.20
        version: version.filter(|v| *v >= 100_000).map(|v| format!("{}.{}", v / 10_000, v % 10_000)),
        pending_restart: value.get("pending_restart").and_then(Value::as_bool).unwrap_or(false),
        // 0 until it reached it once.
        dcs_seen: value.get("dcs_last_seen").and_then(Value::as_i64).filter(|seen| *seen > 0),
    }
}

/// `GET /history`: a row for each timeline that has ended, `[timeline, lsn, reason, when, new leader]`; the last two are there
/// or not. None when it is not Patroni's JSON.
pub(crate) fn history(text: &str) -> Option<Vec<TimelineEnd>> {
    let value: Value = serde_json::from_str(text).ok()?;
    Some(value.as_array()?.iter().filter_map(timeline_end).collect())
}

fn timeline_end(row: &Value) -> Option<TimelineEnd> {
    let text = |at: usize| row.get(at).and_then(Value::as_str);
    let lsn = row.get(1)?.as_u64()?;
    let at = text(3).and_then(|text| OffsetDateTime::parse(text, &Rfc3339).ok());
    Some(TimelineEnd {
        timeline: u32::try_from(row.get(0)?.as_u64()?).ok()?,
        lsn: format!("{:X}/{:X}", lsn >> 32, lsn & 0xffff_ffff),
        reason: text(2).unwrap_or_default().to_owned(),
        at_us: at.and_then(|at| i64::try_from(at.unix_timestamp_nanos() / 1_000).ok()),
        leader: text(4).map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_reads_with_and_without_its_last_columns() {
        let text = r#"[[1, 25623960, "no recovery target specified", "2026-11-24T11:02:03.500000+00:00", "pg-test-2"],
            [2, 4320133120, "before 2026-01-01"], ["x"], [3]]"#;
        let ends = history(text).unwrap();
        assert_eq!(ends.len(), 2, "what is no row is left out: {ends:?}");
        assert_eq!((ends[0].timeline, ends[0].lsn.as_str()), (1, "0/186FD98"));
        assert_eq!(
            (ends[0].at_us, ends[0].leader.as_deref()),
            (Some(1_795_518_123_500_000), Some("pg-test-2"))
        );
        assert_eq!(
            (ends[1].lsn.as_str(), ends[1].at_us, ends[1].leader.as_deref()),
            ("1/1800000", None, None)
        );
        assert_eq!(history("[]"), Some(vec![]));
        assert_eq!(history("{}"), None);
    }

    #[test]
    fn a_cluster_of_patroni_3_reads() {
        let text = r#"{"members": [
            {"name": "pg-test-1", "role": "leader", "state": "running", "host": "10.10.10.11", "timeline": 1},
            {"name": "pg-test-2", "role": "replica", "state": "running", "host": "10.10.10.12", "timeline": 1, "lag": 0},
            {"name": "pg-test-3", "role": "replica", "state": "creating replica", "host": "10.10.10.13", "lag": "unknown"}],
            "pause": true}"#;
        let (members, paused) = cluster(text).unwrap();
        assert!(paused);
        assert_eq!((members[0].role, members[0].state.clone()), (MemberRole::Primary, MemberState::Running));
        assert_eq!((members[1].lag_bytes, members[1].state.clone()), (Some(0), MemberState::Streaming));
        assert_eq!(
            (members[2].lag_bytes, members[2].state.clone()),
            (None, MemberState::Busy("creating replica".into()))
        );
        let text = r#"{"server_version": 150020, "dcs_last_seen": 1795518123}"#;
        let seen =
            Own { version: Some("15.20".into()), pending_restart: false, dcs_seen: Some(1_795_518_123) };
        assert_eq!(own(text), seen);
        assert_eq!((own(r#"{"dcs_last_seen": 0}"#), own("<html>")), (Own::default(), Own::default()));
        assert_eq!(cluster("<html>"), None);
    }
}
