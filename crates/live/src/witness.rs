//! What changes between two looks at a cluster: who leads, what members do. Pure; what was not seen is not said.

use crate::LAG_BOUND_BYTES;
use paddock_events::{
    ClusterTopology, Gone, HealthLevel, MemberState, MemberTopology, Sighting, SightingRow,
};

/// Remembers one cluster from look to look.
#[derive(Clone, Debug, Default)]
pub struct Witness {
    /// The last look in which something answered.
    last: Option<ClusterTopology>,
    /// Who took writes before that, as an earlier console wrote it down; none: nobody has.
    before: Option<Option<String>>,
    /// Nothing answered since.
    silent: bool,
}

/// Who takes writes, as far as it can be told: it holds the lock, runs, and its node was reached.
fn writer(seen: &ClusterTopology) -> Option<&MemberTopology> {
    let leader = seen.leader()?;
    (leader.state == MemberState::Running && leader.unreachable.is_none()).then_some(leader)
}

/// Why nobody does.
fn gone(seen: &ClusterTopology) -> Gone {
    match seen.leader() {
        None => Gone::NoLock,
        Some(leader) if leader.unreachable.is_some() => Gone::NotReached,
        Some(_) => Gone::NotRunning,
    }
}

/// Who led last, by what was seen so far, the oldest first; none: nothing was seen.
pub fn last_leader(sightings: &[SightingRow]) -> Option<Option<String>> {
    sightings.iter().rev().find_map(|row| match &row.what {
        Sighting::Began { leader } => Some(leader.clone()),
        Sighting::Leads { now, .. } => Some(Some(now.clone())),
        Sighting::LeaderGone { .. } => Some(None),
        _ => None,
    })
}

impl Witness {
    /// One that goes on where another console has stopped ([`last_leader`]).
    pub fn after(before: Option<Option<String>>) -> Self {
        Self { before, ..Self::default() }
    }

    /// Takes a look; gives what has changed since the last one. A look that is older than the last tells nothing.
    pub fn sees(&mut self, new: &ClusterTopology) -> Vec<SightingRow> {
        let since_us = self.last.as_ref().map(|last| last.at_us);
        if since_us.is_some_and(|since_us| since_us >= new.at_us) {
            return Vec::new();
        }
        let mut out = Vec::new();
        if new.health == HealthLevel::Unknown {
            if self.last.is_some() && !self.silent {
                self.silent = true;
                out.push(Sighting::Silent);
            }
        } else {
            if self.silent {
                self.silent = false;
                out.push(Sighting::Heard);
            }
            match self.last.take() {
                None => out.extend(self.first(new)),
                Some(last) => compare(&last, new, &mut out),
            }
            self.last = Some(new.clone());
        }
        out.into_iter().map(|what| SightingRow { at_us: new.at_us, since_us, what }).collect()
    }

    /// The first look of this console.
    fn first(&self, new: &ClusterTopology) -> Option<Sighting> {
        let now = writer(new).map(|leader| leader.instance.clone());
        match (&self.before, now) {
            (None, leader) => Some(Sighting::Began { leader }),
            (Some(before), now) if *before == now => None,
            (Some(before), Some(now)) => {
                Some(Sighting::Leads { now, was: before.clone(), timeline: writer(new)?.timeline })
            }
            (Some(before), None) => {
                Some(Sighting::LeaderGone { was: before.clone()?, gone: gone(new), lags: Vec::new() })
            }
        }
    }
}

fn compare(last: &ClusterTopology, new: &ClusterTopology, out: &mut Vec<Sighting>) {
    let named = |seen: &ClusterTopology| seen.leader().map(|leader| leader.instance.clone());
    match (writer(last), writer(new)) {
        (Some(before), None) => {
            let lags = last.members.iter().filter(|one| !one.leads());
            let lags = lags.map(|one| (one.instance.clone(), one.lag_bytes)).collect();
            out.push(Sighting::LeaderGone { was: before.instance.clone(), gone: gone(new), lags });
        }
        // Its lock goes only some time after itself.
        (None, None) if last.leader().is_some() && new.leader().is_none() => out.push(Sighting::LeaderGone {
            was: named(last).unwrap_or_default(),
            gone: Gone::NoLock,
            lags: Vec::new(),
        }),
        (before, Some(now)) if before.is_none_or(|before| before.instance != now.instance) => {
            out.push(Sighting::Leads { now: now.instance.clone(), was: named(last), timeline: now.timeline });
        }
        _ => {}
    }
    for member in &new.members {
        let then = last.members.iter().find(|then| then.instance == member.instance);
        let does = |one: &MemberTopology| (one.state.clone(), one.unreachable.is_some());
        if then.map(does) != Some(does(member)) {
            out.push(Sighting::Member {
                instance: member.instance.clone(),
                role: member.role,
                state: member.state.clone(),
                unreachable: member.unreachable.is_some(),
            });
        }
        let bytes = member.lag_bytes;
        let behind = |bytes: Option<u64>| bytes.map(|bytes| bytes > LAG_BOUND_BYTES);
        if let (Some(bytes), Some(now)) = (bytes, behind(bytes))
            && now != behind(then.and_then(|then| then.lag_bytes)).unwrap_or(false)
        {
            out.push(Sighting::Lag { instance: member.instance.clone(), bytes, behind: now });
        }
    }
    if last.paused != new.paused {
        out.push(Sighting::Paused { paused: new.paused });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use paddock_events::MemberRole;

    fn member(name: &str, role: MemberRole) -> MemberTopology {
        let leads = role.leads();
        MemberTopology {
            instance: name.into(),
            host: "10.0.0.1".into(),
            declared_role: Some("replica".into()),
            role,
            state: if leads { MemberState::Running } else { MemberState::Streaming },
            timeline: Some(1),
            lag_bytes: (!leads).then_some(7),
            pending_restart: false,
            version: None,
            upstream: None,
            unreachable: None,
        }
    }

    fn seen(at_us: i64, members: Vec<MemberTopology>) -> ClusterTopology {
        ClusterTopology {
            cluster: "a".into(),
            health: HealthLevel::Degraded,
            reasons: vec![],
            members,
            services: vec![],
            paused: false,
            at_us,
        }
    }

    fn well(at_us: i64) -> ClusterTopology {
        seen(at_us, vec![member("a-1", MemberRole::Primary), member("a-2", MemberRole::Replica)])
    }

    fn sees(witness: &mut Witness, new: &ClusterTopology) -> Vec<String> {
        let rows = witness.sees(new);
        let told = |row: &SightingRow| {
            let what = match &row.what {
                Sighting::Began { leader } => format!("began {leader:?}"),
                Sighting::LeaderGone { was, gone, lags } => format!("{was} gone {gone:?} {lags:?}"),
                Sighting::Leads { now, was, timeline } => {
                    format!("{now} leads after {was:?} on {timeline:?}")
                }
                Sighting::Member { instance, state, unreachable, .. } => {
                    format!("{instance} {state:?}{}", if *unreachable { " unreached" } else { "" })
                }
                other => format!("{other:?}"),
            };
            format!("{:?}..{} {what}", row.since_us, row.at_us)
        };
        rows.iter().map(told).collect()
    }

    #[test]
    fn a_failover_is_told_in_the_order_it_was_seen() {
        let mut witness = Witness::default();
        assert_eq!(sees(&mut witness, &well(1)), [r#"None..1 began Some("a-1")"#]);
        assert_eq!(sees(&mut witness, &well(2)), [""; 0]);
        let mut cut = well(3);
        cut.members[0].unreachable = Some("no answer".into());
        assert_eq!(
            sees(&mut witness, &cut),
            [r#"Some(2)..3 a-1 gone NotReached [("a-2", Some(7))]"#, "Some(2)..3 a-1 Running unreached"]
        );
        let mut headless = cut.clone();
        (headless.at_us, headless.members[0].role) = (4, MemberRole::Unknown);
        assert_eq!(sees(&mut witness, &headless), ["Some(3)..4 a-1 gone NoLock []"]);
        let mut after = headless.clone();
        after.at_us = 5;
        after.members[1] = MemberTopology { timeline: Some(2), ..member("a-2", MemberRole::Primary) };
        assert_eq!(
            sees(&mut witness, &after),
            ["Some(4)..5 a-2 leads after None on Some(2)", "Some(4)..5 a-2 Running"]
        );
        assert_eq!(sees(&mut witness, &well(4)), [""; 0], "a look that came late");
    }

    #[test]
    fn a_switchover_between_two_looks_is_one_step() {
        let mut witness = Witness::default();
        witness.sees(&well(1));
        let new = seen(2, vec![member("a-1", MemberRole::Replica), member("a-2", MemberRole::Primary)]);
        assert_eq!(sees(&mut witness, &new)[0], r#"Some(1)..2 a-2 leads after Some("a-1") on Some(1)"#);
    }

    #[test]
    fn silence_is_no_outage_and_what_follows_counts_from_the_last_answer() {
        let mut witness = Witness::default();
        witness.sees(&well(1));
        let mut blind = well(2);
        blind.health = HealthLevel::Unknown;
        assert_eq!(sees(&mut witness, &blind), ["Some(1)..2 Silent"]);
        assert_eq!(sees(&mut witness, &ClusterTopology { at_us: 3, ..blind }), [""; 0]);
        let new = seen(4, vec![member("a-1", MemberRole::Replica), member("a-2", MemberRole::Primary)]);
        assert_eq!(
            sees(&mut witness, &new)[..2],
            ["Some(1)..4 Heard", r#"Some(1)..4 a-2 leads after Some("a-1") on Some(1)"#]
        );
    }

    #[test]
    fn a_new_console_goes_on_where_the_last_one_stopped() {
        let row = |what| SightingRow { at_us: 1, since_us: None, what };
        let led = [row(Sighting::Began { leader: Some("a-1".into()) }), row(Sighting::Silent)];
        assert_eq!(last_leader(&led), Some(Some("a-1".into())));
        assert_eq!(sees(&mut Witness::after(last_leader(&led)), &well(9)), [""; 0]);
        let other = Some(Some("a-2".to_owned()));
        assert_eq!(
            sees(&mut Witness::after(other.clone()), &well(9)),
            [r#"None..9 a-1 leads after Some("a-2") on Some(1)"#]
        );
        let headless = seen(9, vec![member("a-2", MemberRole::Replica)]);
        assert_eq!(sees(&mut Witness::after(other), &headless), ["None..9 a-2 gone NoLock []"]);
        assert_eq!(sees(&mut Witness::after(Some(None)), &headless), [""; 0]);
    }

    #[test]
    fn a_replica_that_falls_behind_and_catches_up_is_told_twice() {
        let mut witness = Witness::default();
        witness.sees(&well(1));
        let lagging = |at_us, lag| {
            let mut new = well(at_us);
            new.members[1].lag_bytes = lag;
            new
        };
        let told = |witness: &mut Witness, at_us, lag| sees(witness, &lagging(at_us, lag)).len();
        assert_eq!(told(&mut witness, 2, Some(LAG_BOUND_BYTES + 1)), 1);
        assert_eq!(told(&mut witness, 3, Some(LAG_BOUND_BYTES + 2)), 0);
        assert_eq!(told(&mut witness, 4, Some(0)), 1);
        assert_eq!(told(&mut witness, 5, None), 0);
    }
}
