//! Drift at a glance: what is declared and was seen running otherwise. What could not be read is unknown, and no drift.

use paddock_events::{ClusterTopology, HealthLevel, MemberState};

/// What runs otherwise than declared, one sentence each. `version` is the declared major version (`pg_version`).
pub fn drift(seen: &ClusterTopology, version: &str) -> Vec<String> {
    if matches!(seen.health, HealthLevel::Unknown | HealthLevel::NotCreated) {
        return Vec::new();
    }
    let mut out = Vec::new();
    for member in &seen.members {
        let name = &member.instance;
        match &member.declared_role {
            None => out.push(format!("{name} runs but is not declared")),
            Some(_) if member.unreachable.is_some() => {}
            Some(_) if member.state == MemberState::Unknown => {
                out.push(format!("{name} is declared but not a member"));
            }
            Some(role) if member.leads() && role != "primary" => {
                out.push(format!("{name} leads and is declared as {role}"));
            }
            Some(_) => {}
        }
        if let Some(runs) = &member.version
            && runs.split('.').next() != version.split('.').next()
        {
            out.push(format!("{name} runs PostgreSQL {runs}, and {version} is declared"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use paddock_events::{MemberRole, MemberTopology};

    fn member(name: &str, declared: Option<&str>, role: MemberRole) -> MemberTopology {
        MemberTopology {
            instance: name.into(),
            host: "10.0.0.1".into(),
            declared_role: declared.map(str::to_owned),
            role,
            state: MemberState::Running,
            timeline: Some(1),
            lag_bytes: None,
            pending_restart: false,
            version: Some("17.2".into()),
            upstream: None,
            unreachable: None,
        }
    }

    fn found(health: HealthLevel, members: Vec<MemberTopology>, version: &str) -> Vec<String> {
        let seen = ClusterTopology {
            cluster: "a".into(),
            health,
            reasons: vec![],
            members,
            services: vec![],
            paused: false,
            at_us: 0,
        };
        drift(&seen, version)
    }

    #[test]
    fn what_runs_as_declared_has_not_drifted() {
        let members = vec![
            member("a-1", Some("primary"), MemberRole::Primary),
            member("a-2", Some("offline"), MemberRole::Replica),
        ];
        assert_eq!(found(HealthLevel::Healthy, members, "17"), [""; 0]);
    }

    #[test]
    fn members_instance_roles_and_versions_are_compared() {
        let absent = MemberTopology {
            state: MemberState::Unknown,
            version: None,
            ..member("a-3", Some("replica"), MemberRole::Unknown)
        };
        let members = vec![
            member("a-1", Some("replica"), MemberRole::Primary),
            member("a-2", None, MemberRole::Replica),
            absent.clone(),
            MemberTopology { unreachable: Some("no answer".into()), ..absent },
        ];
        assert_eq!(
            found(HealthLevel::Degraded, members, "18"),
            [
                "a-1 leads and is declared as replica",
                "a-1 runs PostgreSQL 17.2, and 18 is declared",
                "a-2 runs but is not declared",
                "a-2 runs PostgreSQL 17.2, and 18 is declared",
                "a-3 is declared but not a member",
            ]
        );
    }

    #[test]
    fn nothing_is_said_of_what_was_not_read() {
        let members = vec![member("a-1", None, MemberRole::Primary)];
        for health in [HealthLevel::Unknown, HealthLevel::NotCreated] {
            assert_eq!(found(health, members.clone(), "18"), [""; 0]);
        }
    }
}
