//! The proof that a plan may run: the engine takes no other.

use paddock_events::PersonId;
use paddock_playbooks::{Digest, Plan};
use std::collections::BTreeSet;

/// Somebody's yes to a plan that destroys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// Digest of the plan that was read.
    pub digest: Digest,
    /// Who asked.
    pub requester: PersonId,
    /// Who said yes: each person once.
    pub approvers: BTreeSet<PersonId>,
    /// How many of them it takes, at least one.
    pub needed: u32,
    /// An admin acts alone, and said why: the one case in which a requester approves.
    pub break_glass: bool,
    /// From when on it is worth nothing, microseconds since the epoch.
    pub expires_us: i64,
}

/// Why a plan may not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotRunnable {
    /// It destroys, and nobody approved it.
    #[error("the plan destroys data or members and needs an approval")]
    NeedsApproval,
    /// What was approved is not this plan.
    #[error("the plan is not the one that was approved")]
    PlanChanged,
    /// Who asked for it approved it.
    #[error("the plan was approved by the person who asked for it")]
    OwnRequest,
    /// Fewer people than it takes have approved it.
    #[error("the plan was approved by fewer people than it takes")]
    TooFew,
    /// The approval came too long ago.
    #[error("the approval of the plan has expired")]
    Expired,
}

/// A plan that may run. There is one way to get one.
#[derive(Clone, Debug)]
pub struct RunnablePlan(Plan);

impl RunnablePlan {
    /// Takes a plan that destroys nothing, or one whose approval is for it, by as many others as it takes, and
    /// still good at `now_us`.
    pub fn new(plan: Plan, approval: Option<&Approval>, now_us: i64) -> Result<Self, NotRunnable> {
        match approval {
            None if plan.is_destructive() => Err(NotRunnable::NeedsApproval),
            Some(given) if given.digest != plan.digest => Err(NotRunnable::PlanChanged),
            Some(given) if given.approvers.contains(&given.requester) && !given.break_glass => {
                Err(NotRunnable::OwnRequest)
            }
            // Who breaks the glass is alone by their own word, and still somebody.
            Some(given)
                if given.approvers.is_empty()
                    || (given.approvers.len() < given.needed as usize && !given.break_glass) =>
            {
                Err(NotRunnable::TooFew)
            }
            Some(given) if given.expires_us <= now_us => Err(NotRunnable::Expired),
            None | Some(_) => Ok(Self(plan)),
        }
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use paddock_inventory::Inventory;
    use paddock_playbooks::{Effect, FactSet, Intent, Material};

    const TEXT: &str = "all:\n  children:\n    etcd:\n      hosts:\n        10.10.10.10: { etcd_seq: 1 }\n    pg-test:\n      hosts:\n        10.10.10.11: { pg_seq: 1, pg_role: primary }\n      vars: { pg_cluster: pg-test }\n";

    fn plan(destroys: bool) -> Plan {
        let words = ["pgsql-add", "pg-test"].map(str::to_owned);
        let (inventory, _) = Inventory::read(TEXT);
        let intent = Intent::parse(&words).unwrap();
        let mut plan =
            paddock_playbooks::plan(&inventory, &FactSet::default(), &Material::default(), &intent).unwrap();
        if destroys {
            let last = plan.stages.last_mut().unwrap().hosts.values_mut().last().unwrap().last_mut().unwrap();
            last.effect = Effect::Destroys("the data of pg-test-1".into());
        }
        plan
    }

    fn good(plan: &Plan) -> Approval {
        let digest = plan.digest.clone();
        Approval {
            digest,
            requester: PersonId(1),
            approvers: [PersonId(2)].into(),
            needed: 1,
            break_glass: false,
            expires_us: 100,
        }
    }

    #[test]
    fn a_plan_that_destroys_runs_with_somebody_else_s_fresh_approval_of_it_only() {
        let plan = plan(true);
        let good = good(&plan);
        let by = |people: &[i64]| people.iter().copied().map(PersonId).collect::<BTreeSet<_>>();
        let own = Approval { approvers: by(&[1]), ..good.clone() };
        let own_too = Approval { approvers: by(&[1, 2]), needed: 2, ..good.clone() };
        let one_of_two = Approval { needed: 2, ..good.clone() };
        let two_of_two = Approval { approvers: by(&[2, 3]), needed: 2, ..good.clone() };
        let nobody = Approval { approvers: by(&[]), needed: 0, ..good.clone() };
        let alone = Approval { break_glass: true, ..own.clone() };
        let other = Approval { digest: Digest("another".into()), ..good.clone() };
        let check = |approval: Option<&Approval>, now_us: i64| {
            RunnablePlan::new(plan.clone(), approval, now_us).map(drop)
        };
        for (what, got, expect) in [
            ("none", check(None, 0), Err(NotRunnable::NeedsApproval)),
            ("good", check(Some(&good), 99), Ok(())),
            ("expired", check(Some(&good), 100), Err(NotRunnable::Expired)),
            ("another plan's", check(Some(&other), 0), Err(NotRunnable::PlanChanged)),
            ("one's own", check(Some(&own), 0), Err(NotRunnable::OwnRequest)),
            ("one's own beside another's", check(Some(&own_too), 0), Err(NotRunnable::OwnRequest)),
            ("one of two", check(Some(&one_of_two), 0), Err(NotRunnable::TooFew)),
            ("two of two", check(Some(&two_of_two), 0), Ok(())),
            ("nobody's", check(Some(&nobody), 0), Err(NotRunnable::TooFew)),
            ("break-glass", check(Some(&alone), 0), Ok(())),
            ("expired break-glass", check(Some(&alone), 101), Err(NotRunnable::Expired)),
        ] {
            assert_eq!(got, expect, "{what}");
        }
    }

    #[test]
    fn a_plan_that_destroys_nothing_needs_nobody() {
        assert!(RunnablePlan::new(plan(false), None, 0).is_ok());
    }
}
