//! What stands against an action on one member, from what was last seen. The planner asks the nodes and decides anew.

use paddock_events::{ClusterTopology, MemberRole, MemberState, MemberTopology};
use paddock_tongue::{say, t};

/// Whether it holds the leader's lock.
pub fn leads(member: &MemberTopology) -> bool {
    matches!(member.role, MemberRole::Primary | MemberRole::StandbyLeader)
}

/// The member that leads.
pub fn leader(seen: &ClusterTopology) -> Option<&MemberTopology> {
    seen.members.iter().find(|member| leads(member))
}

/// Whether its PostgreSQL answers.
pub fn runs(member: &MemberTopology) -> bool {
    matches!(member.state, MemberState::Running | MemberState::Streaming)
}

/// Against a planned change of the leader to it.
pub fn against_switchover(seen: &ClusterTopology, member: &MemberTopology) -> Option<String> {
    let against = |why: &str| Some(why.to_owned());
    if leads(member) {
        return against(t!("It leads already."));
    }
    if leader(seen).is_none() {
        return against(t!("Nobody leads: fail over instead."));
    }
    if member.declared_role.as_deref() == Some("offline") {
        return against(t!("An offline instance is never promoted."));
    }
    match (&member.state, member.lag_bytes) {
        (MemberState::Streaming, Some(_)) => None,
        (MemberState::Streaming, None) => against(t!("Its lag is unknown.")),
        _ => against(t!("It does not stream.")),
    }
}

/// Against making it the leader while nobody leads.
pub fn against_failover(seen: &ClusterTopology, member: &MemberTopology) -> Option<String> {
    match leader(seen) {
        Some(leader) => Some(say!("{leader} leads: switch over instead.", leader = leader.instance)),
        None if !runs(member) => Some(t!("PostgreSQL does not run there.").to_owned()),
        None => None,
    }
}

/// Against restarting its PostgreSQL, or having it read its configuration again.
pub fn against_restart(member: &MemberTopology) -> Option<String> {
    (member.state == MemberState::Unknown).then(|| t!("It is not seen running.").to_owned())
}

/// Against erasing its data and cloning them anew.
pub fn against_reinit(seen: &ClusterTopology, member: &MemberTopology) -> Option<String> {
    if leads(member) {
        return Some(t!("It leads: switch over first.").to_owned());
    }
    if leader(seen).is_none() {
        return Some(t!("Nobody leads: there is nothing to clone from.").to_owned());
    }
    against_restart(member)
}

/// Against adding it: it is there.
pub fn against_adding(member: &MemberTopology) -> Option<String> {
    (member.state != MemberState::Unknown).then(|| t!("It is a member already.").to_owned())
}

/// What should be known before it is removed.
pub fn on_removal(seen: &ClusterTopology, member: &MemberTopology) -> &'static str {
    match (leads(member), seen.members.len()) {
        (true, 0 | 1) => t!("It is the last member: remove the cluster instead."),
        (true, _) => t!("It leads: a switchover to another member is planned in first."),
        (false, _) => t!("Erases its data; then it leaves the inventory and the services."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use paddock_events::HealthLevel;

    fn member(instance: &str, role: MemberRole, state: MemberState, lag: Option<u64>) -> MemberTopology {
        MemberTopology {
            instance: instance.into(),
            host: "10.0.0.1".into(),
            declared_role: Some("replica".into()),
            role,
            state,
            timeline: None,
            lag_bytes: lag,
            pending_restart: false,
            version: None,
            upstream: None,
            unreachable: None,
        }
    }

    fn seen(members: Vec<MemberTopology>) -> ClusterTopology {
        let cluster = "pg-test".to_owned();
        let health = HealthLevel::Healthy;
        ClusterTopology {
            cluster,
            health,
            reasons: vec![],
            members,
            services: vec![],
            paused: false,
            at_us: 0,
        }
    }

    #[test]
    fn only_a_streaming_replica_with_a_known_lag_takes_over() {
        let primary = member("a-1", MemberRole::Primary, MemberState::Running, None);
        let good = member("a-2", MemberRole::Replica, MemberState::Streaming, Some(0));
        let blind = MemberTopology { lag_bytes: None, ..good.clone() };
        let stopped = MemberTopology { state: MemberState::Down("stopped".into()), ..good.clone() };
        let offline = MemberTopology { declared_role: Some("offline".into()), ..good.clone() };
        let cluster = seen(vec![primary.clone(), good.clone()]);
        let why = |member: &MemberTopology| against_switchover(&cluster, member).unwrap_or_default();
        assert_eq!(why(&good), "");
        assert_eq!(why(&primary), "It leads already.");
        assert_eq!(why(&blind), "Its lag is unknown.");
        assert_eq!(why(&stopped), "It does not stream.");
        assert_eq!(why(&offline), "An offline instance is never promoted.");
        assert_eq!(against_failover(&cluster, &good).unwrap(), "a-1 leads: switch over instead.");
        assert_eq!(against_reinit(&cluster, &primary).unwrap(), "It leads: switch over first.");
        assert_eq!(against_reinit(&cluster, &stopped), None);
        assert!(on_removal(&cluster, &primary).contains("planned in first"));
        let headless = seen(vec![good.clone(), stopped.clone()]);
        assert_eq!(against_switchover(&headless, &good).unwrap(), "Nobody leads: fail over instead.");
        assert_eq!(against_failover(&headless, &good), None);
        assert!(against_failover(&headless, &stopped).is_some());
    }

    #[test]
    fn what_is_not_seen_can_be_added_and_nothing_else() {
        let absent = member("a-3", MemberRole::Unknown, MemberState::Unknown, None);
        assert_eq!(against_adding(&absent), None);
        assert!(against_restart(&absent).is_some());
        assert!(against_adding(&member("a-2", MemberRole::Replica, MemberState::Streaming, None)).is_some());
    }
}
