//! Health at a glance: a pure judgement with its reasons. Unknown is never healthy.

use paddock_events::{HealthLevel, MemberRole, MemberState, MemberTopology};

/// A replica further behind than this is not well, in bytes.
pub const LAG_BOUND_BYTES: u64 = 16 << 20;

/// Judges a cluster by its members. `answered` tells whether any Patroni spoke, `all_known` whether each node
/// told if one runs there: where one is silent, a cluster without answer need not be absent.
pub fn judge(
    members: &[MemberTopology],
    paused: bool,
    answered: bool,
    all_known: bool,
) -> (HealthLevel, Vec<String>) {
    let mut reasons: Vec<String> = members
        .iter()
        .filter_map(|member| member.unreachable.as_ref().map(|why| format!("{}: {why}", member.instance)))
        .collect();
    if !answered {
        if all_known {
            return (HealthLevel::NotCreated, vec!["Patroni runs on none of its nodes".to_owned()]);
        }
        return (HealthLevel::Unknown, reasons);
    }
    let leaders: Vec<&MemberTopology> = members
        .iter()
        .filter(|member| matches!(member.role, MemberRole::Primary | MemberRole::StandbyLeader))
        .collect();
    let led = leaders.iter().any(|member| member.state == MemberState::Running);
    if !led {
        reasons.insert(0, "no primary takes writes".to_owned());
        return (HealthLevel::Down, reasons);
    }
    if leaders.len() > 1 {
        reasons.push(format!("{} members say that they lead", leaders.len()));
    }
    for member in members {
        let name = &member.instance;
        if member.declared_role.is_none() {
            reasons.push(format!("{name} runs but is not declared"));
        }
        match &member.state {
            MemberState::Running
                if matches!(member.role, MemberRole::Primary | MemberRole::StandbyLeader) => {}
            MemberState::Streaming => match member.lag_bytes {
                Some(lag) if lag <= LAG_BOUND_BYTES => {}
                Some(lag) => reasons.push(format!("{name} is {lag} bytes behind")),
                None => reasons.push(format!("{name}: its lag is unknown")),
            },
            MemberState::Running => reasons.push(format!("{name} runs but does not stream")),
            MemberState::Busy(word) | MemberState::Down(word) => reasons.push(format!("{name} is {word}")),
            MemberState::Unknown if member.unreachable.is_some() => {}
            MemberState::Unknown => reasons.push(format!("{name} is declared but not a member")),
        }
        if member.pending_restart {
            reasons.push(format!("{name} has settings that wait for a restart"));
        }
    }
    let lines: std::collections::BTreeSet<u32> =
        members.iter().filter_map(|member| member.timeline).collect();
    if lines.len() > 1 {
        reasons.push("members are on different timelines".to_owned());
    }
    if paused {
        reasons.push("Patroni is paused: no failover".to_owned());
    }
    (if reasons.is_empty() { HealthLevel::Healthy } else { HealthLevel::Degraded }, reasons)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &str, role: MemberRole, state: MemberState, lag: Option<u64>) -> MemberTopology {
        MemberTopology {
            instance: name.into(),
            host: "10.0.0.1".into(),
            declared_role: Some("replica".into()),
            role,
            state,
            timeline: Some(1),
            lag_bytes: lag,
            pending_restart: false,
            version: None,
            upstream: None,
            unreachable: None,
        }
    }

    #[test]
    fn only_a_complete_cluster_is_healthy() {
        let primary = || member("a-1", MemberRole::Primary, MemberState::Running, None);
        let good = member("a-2", MemberRole::Replica, MemberState::Streaming, Some(0));
        let unknown_lag = member("a-2", MemberRole::Replica, MemberState::Streaming, None);
        let cloning = member("a-2", MemberRole::Replica, MemberState::Busy("creating replica".into()), None);
        let level = |members: &[MemberTopology]| judge(members, false, true, true).0;
        assert_eq!(level(&[primary(), good.clone()]), HealthLevel::Healthy);
        assert_eq!(level(&[primary(), unknown_lag]), HealthLevel::Degraded);
        assert_eq!(level(&[primary(), cloning]), HealthLevel::Degraded);
        assert_eq!(level(std::slice::from_ref(&good)), HealthLevel::Down);
        assert_eq!(judge(&[primary(), good.clone()], true, true, true).0, HealthLevel::Degraded);
        assert_eq!(judge(std::slice::from_ref(&good), false, false, true).0, HealthLevel::NotCreated);
        assert_eq!(judge(&[good], false, false, false).0, HealthLevel::Unknown);
    }

    #[test]
    fn a_standby_cluster_is_no_outage() {
        let leader = member("b-1", MemberRole::StandbyLeader, MemberState::Running, None);
        let replica = member("b-2", MemberRole::Replica, MemberState::Streaming, Some(0));
        // Nobody takes writes there, and nobody shall.
        assert_eq!(judge(&[leader, replica.clone()], false, true, true), (HealthLevel::Healthy, Vec::new()));
        assert_eq!(judge(&[replica], false, true, true).1, ["no primary takes writes"]);
    }
}
