//! Who may do what: one function, asked by every use case before anything else.

use crate::problems::problem;
use crate::{Actor, PersonRole};
use paddock_events::{Problem, ProblemKind, Verdict};

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
    /// Take a host key for a node's own, after its fingerprint was compared.
    TrustHostKey,
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
            Self::TrustHostKey => "trust a host key",
        }
    }

    fn least(self) -> PersonRole {
        match self {
            Self::See => PersonRole::Viewer,
            Self::Edit | Self::Plan | Self::Run | Self::Request => PersonRole::Operator,
            Self::Approve | Self::Audit => PersonRole::Approver,
            Self::BreakGlass | Self::TrustHostKey => PersonRole::Admin,
        }
    }
}

/// Decides whether a role may do something. Roles include the ones below them.
pub(crate) fn may(role: PersonRole, action: Action) -> Result<(), Problem> {
    if role >= action.least() {
        return Ok(());
    }
    Err(problem(
        "people/forbidden",
        ProblemKind::Forbidden,
        format!("you may not {}", action.words()),
        format!("your role is {}; it takes at least {}", role.as_str(), action.least().as_str()),
        "ask an admin for that role",
    ))
}

/// The gate of every use case.
pub(crate) fn authorise(actor: &Actor, action: Action) -> Result<(), Problem> {
    may(actor.role, action)
}

/// The same decision for a control on a page, with a further reason that stands against it.
pub(crate) fn verdict(actor: &Actor, action: Action, hindrance: Option<Problem>) -> Verdict {
    match (may(actor.role, action), hindrance) {
        (Err(problem), _) | (Ok(()), Some(problem)) => Verdict::Refused { problem },
        (Ok(()), None) => Verdict::Allowed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use PersonRole::{Admin, Approver, Operator, Viewer};

    #[test]
    fn every_role_has_its_row() {
        let actions = [
            Action::See,
            Action::Edit,
            Action::Plan,
            Action::Run,
            Action::Request,
            Action::Approve,
            Action::BreakGlass,
            Action::Audit,
            Action::TrustHostKey,
        ];
        let table = [
            (Viewer, [true, false, false, false, false, false, false, false, false]),
            (Operator, [true, true, true, true, true, false, false, false, false]),
            (Approver, [true, true, true, true, true, true, false, true, false]),
            (Admin, [true, true, true, true, true, true, true, true, true]),
        ];
        for (role, expected) in table {
            let got = actions.map(|action| may(role, action).is_ok());
            assert_eq!(got, expected, "{role:?}");
        }
    }

    #[test]
    fn a_refusal_says_what_role_it_takes() {
        let refused = may(Viewer, Action::Run).unwrap_err();
        assert_eq!(refused.kind, ProblemKind::Forbidden);
        assert_eq!(refused.why, "your role is viewer; it takes at least operator");
    }
}
