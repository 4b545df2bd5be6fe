//! Drift at a glance: what is declared and was seen running otherwise. What could not be read is unknown, and no drift.

use paddock_events::{ClusterTopology, HealthLevel, MemberRole, MemberState};

/// What the inventory declares of a cluster as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Declared<'a> {
    /// The major version (`pg_version`).
    pub version: &'a str,
    /// It follows another cluster (`pg_upstream`).
    pub standby: bool,
}

/// What would make it as declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Close {
    /// Adding the instance.
    Add,
    /// A switchover to the declared primary.
    SwitchOver,
    /// Restarting who waits for it.
    RestartPending,
    /// Making it independent.
    Promote,
    /// Declaring what runs: no operation does it.
    Declare,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// `pg-test-2`.
    pub instance: String,
    /// What differs.
    pub subject: &'static str,
    /// What the inventory says.
    pub declared: String,
    /// What was seen.
    pub runs: String,
    /// The same as a sentence.
    pub said: String,
    /// How it is closed.
    pub close: Close,
}

/// What runs otherwise than declared, by instance; none of a cluster that was not read.
pub fn drift(seen: &ClusterTopology, declared: Declared<'_>) -> Vec<Difference> {
    if matches!(seen.health, HealthLevel::Unknown | HealthLevel::NotCreated) {
        return Vec::new();
    }
    let mut out = Vec::new();
    for member in &seen.members {
        let name = &member.instance;
        let mut differs = |subject, declared: &str, runs: &str, said: String, close| {
            let (declared, runs) = (declared.to_owned(), runs.to_owned());
            out.push(Difference { instance: name.clone(), subject, declared, runs, said, close });
        };
        match &member.declared_role {
            None => {
                let said = format!("{name} runs but is not declared");
                differs("member", "no such instance", "a member", said, Close::Declare);
            }
            Some(_) if member.unreachable.is_some() => {}
            Some(role) if member.state == MemberState::Unknown => {
                let said = format!("{name} is declared but not a member");
                differs("member", role, "no member", said, Close::Add);
            }
            Some(role) if member.leads() && role != "primary" => {
                let said = format!("{name} leads and is declared as {role}");
                differs("instance role", role, "primary", said, Close::SwitchOver);
            }
            Some(_) => {}
        }
        if let Some(runs) = &member.version
            && runs.split('.').next() != declared.version.split('.').next()
        {
            let version = declared.version;
            let said = format!("{name} runs PostgreSQL {runs}, and {version} is declared");
            differs("version", version, runs, said, Close::Declare);
        }
        if member.pending_restart {
            let said = format!("{name} has settings that wait for a restart");
            differs("settings", "in force", "wait for a restart", said, Close::RestartPending);
        }
        match (member.role, declared.standby) {
            (MemberRole::StandbyLeader, false) => {
                let said = format!("{name} follows another cluster and is declared as independent");
                differs("upstream", "none", "standby cluster", said, Close::Promote);
            }
            (MemberRole::Primary, true) => {
                let said = format!("{name} takes writes and is declared to follow another cluster");
                differs("upstream", "standby cluster", "independent", said, Close::Declare);
            }
            _ => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use paddock_events::MemberTopology;

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

    fn found(
        health: HealthLevel,
        members: Vec<MemberTopology>,
        version: &str,
        standby: bool,
    ) -> Vec<(String, Close)> {
        let seen = ClusterTopology {
            cluster: "a".into(),
            health,
            reasons: vec![],
            members,
            services: vec![],
            paused: false,
            at_us: 0,
        };
        drift(&seen, Declared { version, standby }).into_iter().map(|one| (one.said, one.close)).collect()
    }

    fn check(found: Vec<(String, Close)>, expect: &[(&str, Close)]) {
        assert_eq!(found.iter().map(|(said, close)| (said.as_str(), *close)).collect::<Vec<_>>(), expect);
    }

    #[test]
    fn what_runs_as_declared_has_not_drifted() {
        let members = vec![
            member("a-1", Some("primary"), MemberRole::Primary),
            member("a-2", Some("offline"), MemberRole::Replica),
        ];
        check(found(HealthLevel::Healthy, members, "17", false), &[]);
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
        check(
            found(HealthLevel::Degraded, members, "18", false),
            &[
                ("a-1 leads and is declared as replica", Close::SwitchOver),
                ("a-1 runs PostgreSQL 17.2, and 18 is declared", Close::Declare),
                ("a-2 runs but is not declared", Close::Declare),
                ("a-2 runs PostgreSQL 17.2, and 18 is declared", Close::Declare),
                ("a-3 is declared but not a member", Close::Add),
            ],
        );
    }

    #[test]
    fn settings_that_wait_and_upstreams_are_compared() {
        let standby = member("a-1", Some("primary"), MemberRole::StandbyLeader);
        let waits =
            MemberTopology { pending_restart: true, ..member("a-2", Some("replica"), MemberRole::Replica) };
        check(
            found(HealthLevel::Degraded, vec![standby.clone(), waits], "17", false),
            &[
                ("a-1 follows another cluster and is declared as independent", Close::Promote),
                ("a-2 has settings that wait for a restart", Close::RestartPending),
            ],
        );
        check(found(HealthLevel::Healthy, vec![standby], "17", true), &[]);
        let alone = vec![member("a-1", Some("primary"), MemberRole::Primary)];
        check(
            found(HealthLevel::Healthy, alone, "17", true),
            &[("a-1 takes writes and is declared to follow another cluster", Close::Declare)],
        );
    }

    #[test]
    fn nothing_is_said_of_what_was_not_read() {
        let members = vec![member("a-1", None, MemberRole::Primary)];
        for health in [HealthLevel::Unknown, HealthLevel::NotCreated] {
            check(found(health, members.clone(), "18", false), &[]);
        }
    }
}
