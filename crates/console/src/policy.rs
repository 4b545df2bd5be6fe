//! Who may do what, and where: one function, asked by every use case before anything else.

use crate::problems::problem;
use crate::{Actor, PersonRole};
use paddock_events::{Problem, ProblemKind, Verdict};
use paddock_inventory::{ClusterName, NamePattern};
use paddock_store::Concerned;
use std::collections::BTreeSet;
use std::fmt;

/// A role on the clusters whose names a pattern matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    pub(crate) role: PersonRole,
    pub(crate) clusters: NamePattern,
}

impl Grant {
    /// The grant of a role and a pattern as written: `pg-test`, `pg-prod-*`, `*` for everything. Refuses what is no
    /// pattern.
    pub fn new(role: PersonRole, clusters: &str) -> Result<Self, Problem> {
        let Some(clusters) = NamePattern::parse(clusters) else {
            return Err(problem(
                "people/bad-pattern",
                ProblemKind::Request,
                "nothing was granted or revoked",
                format!("`{clusters}` is no pattern of cluster names"),
                "write one name, or letters, digits and `-` with `*`, `?` or `[ab]`: `pg-prod-*`; `*` is everything",
            ));
        };
        Ok(Self { role, clusters })
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}", self.role.as_str(), self.clusters.as_str())
    }
}

impl From<PersonRole> for Grant {
    /// The role on everything.
    fn from(role: PersonRole) -> Self {
        Self { role, clusters: NamePattern::parse("*").expect("a star is a pattern") }
    }
}

/// What somebody wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Look at clusters, inventory, plans, jobs and their logs.
    See,
    /// Change the inventory, or have a text checked.
    Edit,
    /// Read facts from nodes and make a plan, or check one there.
    Plan,
    /// Start, resume or stop a job; one that destroys takes an approval besides.
    Run,
    /// Ask for the approval of a plan that destroys, or take that back.
    Request,
    /// Decide on somebody else's request; nobody decides on their own.
    Approve,
    /// Let a plan that destroys run alone, with a reason.
    BreakGlass,
    /// Read who did what.
    Audit,
    /// Read who may do what.
    People,
    /// Change the approval policy.
    Settings,
    /// Take a host key for a node's own, after its fingerprint was compared.
    TrustHostKey,
}

/// What it is done to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target<'a> {
    /// Nothing in particular: it takes the role anywhere. What is handed out or done then is asked for by itself.
    Anywhere,
    /// One cluster, declared or not.
    Cluster(&'a str),
    /// All of these clusters; when there are none, as everything.
    Clusters(&'a BTreeSet<String>),
    /// What is not of single clusters, or nobody knows of which.
    Everything,
}

impl<'a> Target<'a> {
    /// A node, by the cluster on it; one without is as everything.
    pub(crate) fn node(cluster: Option<&'a ClusterName>) -> Self {
        cluster.map_or(Self::Everything, |cluster| Self::Cluster(cluster.as_str()))
    }
}

impl<'a> From<&'a Concerned> for Target<'a> {
    fn from(concerned: &'a Concerned) -> Self {
        concerned.as_ref().map_or(Self::Everything, Self::Clusters)
    }
}

impl Action {
    /// As the audit log names it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::See => "see",
            Self::Edit => "edit",
            Self::Plan => "plan",
            Self::Run => "run",
            Self::Request => "request",
            Self::Approve => "approve",
            Self::BreakGlass => "break-glass",
            Self::Audit => "audit",
            Self::People => "people",
            Self::Settings => "settings",
            Self::TrustHostKey => "trust-host-key",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::See => "look at this",
            Self::Edit => "edit the inventory",
            Self::Plan => "make or check plans",
            Self::Run => "run, resume or stop jobs",
            Self::Request => "ask for approvals",
            Self::Approve => "approve or refuse what others ask for",
            Self::BreakGlass => "approve alone what destroys",
            Self::Audit => "read the audit log",
            Self::People => "read who may do what",
            Self::Settings => "read or change the console's settings",
            Self::TrustHostKey => "trust a host key",
        }
    }

    fn least(self) -> PersonRole {
        match self {
            Self::See => PersonRole::Viewer,
            Self::Edit | Self::Plan | Self::Run | Self::Request => PersonRole::Operator,
            Self::Approve => PersonRole::Approver,
            Self::BreakGlass | Self::Audit | Self::People | Self::Settings | Self::TrustHostKey => {
                PersonRole::Admin
            }
        }
    }
}

/// Decides whether grants let something be done to a target. Roles include the ones below them; each cluster of the
/// target must be in the scope of some grant that is strong enough.
pub(crate) fn may(grants: &[Grant], action: Action, target: Target<'_>) -> Result<(), Problem> {
    let least = action.least();
    let strong: Vec<&Grant> = grants.iter().filter(|grant| grant.role >= least).collect();
    if strong.is_empty() {
        let why = match grants.iter().map(|grant| grant.role).max() {
            Some(role) => format!("your role is {}; it takes at least {}", role.as_str(), least.as_str()),
            None => format!("you have no role; it takes at least {}", least.as_str()),
        };
        let what = format!("you may not {}", action.words());
        let fix = "ask an admin for that role";
        return Err(problem("people/forbidden", ProblemKind::Forbidden, what, why, fix));
    }
    let covers = |name: &str| strong.iter().any(|grant| grant.clusters.matches(name));
    let inside = match target {
        Target::Anywhere => true,
        Target::Cluster(name) => covers(name),
        Target::Clusters(names) if !names.is_empty() => names.iter().all(|name| covers(name)),
        Target::Clusters(_) | Target::Everything => strong.iter().any(|grant| grant.clusters.is_all()),
    };
    if inside {
        return Ok(());
    }
    // Never which clusters are missing: their names are not for everybody.
    let has = strong.iter().map(|grant| format!("`{grant}`")).collect::<Vec<_>>().join(", ");
    let takes = match target {
        Target::Anywhere | Target::Cluster(_) | Target::Clusters(_) => "on every cluster that this is about",
        Target::Everything => "on `*`, for this is about more than single clusters",
    };
    Err(problem(
        "people/out-of-scope",
        ProblemKind::Forbidden,
        format!("you may not {} here", action.words()),
        format!("you are {has}; it takes {} {takes}", least.as_str()),
        "ask an admin for a grant that covers it",
    ))
}

/// The gate of every use case. What comes with a token must be within the token's scope and within what its person may
/// do now: each cluster in both.
pub(crate) fn authorise(actor: &Actor, action: Action, target: Target<'_>) -> Result<(), Problem> {
    may(&actor.grants, action, target)?;
    let Some(limit) = &actor.limit else { return Ok(()) };
    may(limit, action, target).map_err(|refused| {
        let has = limit.iter().map(|grant| format!("`{grant}`")).collect::<Vec<_>>().join(", ");
        Problem {
            code: "people/token-scope".into(),
            why: format!("you may, and the token that you came with is for {has} only"),
            fix: "use a token with a wider scope: `paddock token add`, or the account page".into(),
            ..refused
        }
    })
}

/// The same decision for a control on a page, with a further reason that stands against it.
pub(crate) fn verdict(
    actor: &Actor,
    action: Action,
    target: Target<'_>,
    hindrance: Option<Problem>,
) -> Verdict {
    match (authorise(actor, action, target), hindrance) {
        (Err(problem), _) | (Ok(()), Some(problem)) => Verdict::Refused { problem },
        (Ok(()), None) => Verdict::Allowed,
    }
}

/// What the actor sees of plans, jobs and requests, by what they are about.
pub(crate) fn seen_by(actor: &Actor) -> impl Fn(&Concerned) -> bool {
    |concerned| actor.may(Action::See, concerned.into())
}

impl Actor {
    /// Whether the actor may do it: for lists, of which everybody gets their part.
    pub(crate) fn may(&self, action: Action, target: Target<'_>) -> bool {
        authorise(self, action, target).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{Origin, Way};
    use Action::{Approve, Audit, BreakGlass, Edit, People, Plan, Request, Run, See, Settings, TrustHostKey};
    use PersonRole::{Admin, Approver, Operator, Viewer};
    use paddock_events::{PersonId, TokenId};

    const ACTIONS: [Action; 11] =
        [See, Edit, Plan, Run, Request, Approve, BreakGlass, Audit, People, Settings, TrustHostKey];
    const TABLE: [(PersonRole, [bool; 11]); 4] = [
        (Viewer, [true, false, false, false, false, false, false, false, false, false, false]),
        (Operator, [true, true, true, true, true, false, false, false, false, false, false]),
        (Approver, [true, true, true, true, true, true, false, false, false, false, false]),
        (Admin, [true, true, true, true, true, true, true, true, true, true, true]),
    ];

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn grant(role: PersonRole, clusters: &str) -> Grant {
        Grant::new(role, clusters).unwrap()
    }

    /// Target and whether `pg-a*` covers it, and whether `*` does.
    fn targets<'a>(
        inside: &'a BTreeSet<String>,
        mixed: &'a BTreeSet<String>,
        none: &'a BTreeSet<String>,
        node: &'a ClusterName,
    ) -> [(Target<'a>, bool); 9] {
        [
            (Target::Anywhere, true),
            (Target::Cluster("pg-a"), true),
            (Target::Cluster("pg-b"), false),
            (Target::Clusters(inside), true),
            (Target::Clusters(mixed), false),
            (Target::Clusters(none), false),
            (Target::node(Some(node)), true),
            (Target::node(None), false),
            (Target::Everything, false),
        ]
    }

    #[test]
    fn every_role_has_its_row_in_scope_out_of_scope_and_mixed() {
        let (inside, mixed, none) = (names(&["pg-a", "pg-a2"]), names(&["pg-a", "pg-b"]), names(&[]));
        for (role, row) in TABLE {
            for (action, enough) in ACTIONS.into_iter().zip(row) {
                for (target, covered) in targets(&inside, &mixed, &none, &"pg-a2".parse().unwrap()) {
                    let got = may(&[grant(role, "pg-a*")], action, target).is_ok();
                    assert_eq!(got, enough && covered, "{role:?} on pg-a*: {action:?} {target:?}");
                    let got = may(&[grant(role, "*")], action, target).is_ok();
                    assert_eq!(got, enough, "{role:?} on *: {action:?} {target:?}");
                    assert!(may(&[], action, target).is_err());
                }
            }
        }
    }

    #[test]
    fn grants_add_up_by_cluster_and_a_strong_one_elsewhere_is_worth_nothing() {
        let both = names(&["pg-a", "pg-b"]);
        let apart = [grant(Operator, "pg-a"), grant(Approver, "pg-b")];
        assert!(may(&apart, Run, Target::Clusters(&both)).is_ok(), "each of them by another grant");
        assert!(may(&apart, Approve, Target::Cluster("pg-b")).is_ok());
        assert!(may(&apart, Approve, Target::Cluster("pg-a")).is_err());
        assert!(may(&apart, Approve, Target::Clusters(&both)).is_err());
        let looks = [grant(Viewer, "*"), grant(Admin, "pg-a")];
        assert!(may(&looks, See, Target::Everything).is_ok());
        assert!(may(&looks, Audit, Target::Everything).is_err(), "admin of one cluster");
        assert!(may(&looks, Run, Target::Cluster("pg-b")).is_err());
    }

    #[test]
    fn a_token_may_what_both_its_scope_and_its_person_may() {
        let (a, b, both) = (names(&["pg-a"]), names(&["pg-b"]), names(&["pg-a", "pg-b"]));
        let check = |person: &[Grant], token: &[Grant], action, target: Target<'_>| {
            let origin = Origin { way: Way::Token(TokenId(1)), address: None };
            let (grants, limit) = (person.to_vec(), Some(token.to_vec()));
            let actor =
                Actor { id: PersonId(1), name: "ann".into(), grants, limit, by_provider: false, origin };
            authorise(&actor, action, target).map_err(|refused| refused.code)
        };
        let (scope, out) = (Err("people/token-scope".to_owned()), Err("people/out-of-scope".to_owned()));
        let admin = [grant(Admin, "*")];
        let on_a = [grant(Operator, "pg-a")];
        for (person, token, action, target, expected) in [
            (&admin[..], &on_a[..], Run, Target::Clusters(&a), Ok(())),
            (&admin, &on_a, Run, Target::Clusters(&b), scope.clone()),
            (&admin, &on_a, Run, Target::Clusters(&both), scope.clone()),
            (&admin, &on_a, Approve, Target::Clusters(&a), scope.clone()),
            (&admin, &on_a, See, Target::Everything, scope.clone()),
            (&admin, &admin, Audit, Target::Everything, Ok(())),
            // Wider than its person, it is worth no more than they are.
            (&on_a, &admin, Run, Target::Clusters(&a), Ok(())),
            (&on_a, &admin, Run, Target::Clusters(&b), out.clone()),
            (&on_a, &admin, Audit, Target::Everything, Err("people/forbidden".to_owned())),
            // What only one of them has of each cluster is not what both have.
            (
                &[grant(Operator, "pg-a")],
                &[grant(Operator, "pg-b")],
                Run,
                Target::Clusters(&a),
                scope.clone(),
            ),
            (
                &[grant(Operator, "*")],
                &[grant(Operator, "pg-a"), grant(Operator, "pg-b")],
                Run,
                Target::Clusters(&both),
                Ok(()),
            ),
            (&admin, &[], See, Target::Anywhere, scope),
        ] {
            assert_eq!(
                check(person, token, action, target),
                expected,
                "{person:?} {token:?} {action:?} {target:?}"
            );
        }
    }

    #[test]
    fn unknown_clusters_take_a_grant_on_everything() {
        let unknown: Concerned = None;
        assert_eq!(Target::from(&unknown), Target::Everything);
        let known = Some(names(&["pg-a"]));
        assert!(may(&[grant(Viewer, "pg-a")], See, (&known).into()).is_ok());
        // Matching every name there is now is not everything.
        assert!(may(&[grant(Admin, "**")], See, (&unknown).into()).is_err());
    }

    #[test]
    fn a_refusal_says_what_it_takes_and_names_no_cluster() {
        let refused = may(&[grant(Viewer, "*")], Run, Target::Anywhere).unwrap_err();
        assert_eq!((refused.kind, refused.code.as_str()), (ProblemKind::Forbidden, "people/forbidden"));
        assert_eq!(refused.why, "your role is viewer; it takes at least operator");
        let both = names(&["pg-a", "secret-b"]);
        let refused = may(&[grant(Operator, "pg-a")], Run, Target::Clusters(&both)).unwrap_err();
        assert_eq!((refused.kind, refused.code.as_str()), (ProblemKind::Forbidden, "people/out-of-scope"));
        assert_eq!(
            refused.why,
            "you are `operator on pg-a`; it takes operator on every cluster that this is about"
        );
        assert!(!refused.to_string().contains("secret-b"));
        assert!(may(&[], See, Target::Anywhere).unwrap_err().why.starts_with("you have no role"));
    }
}
