//! Refusals and errors as a person reads them. The one place where lower errors become [`Problem`]s.

use crate::clock::now_us;
use crate::key::wrong_key;
use paddock_events::{JobId, PlanId, Problem, ProblemKind};
use paddock_inventory::{EditError, NameError};
use paddock_playbooks::Refusal;
use paddock_store::{Hindrance, StoreError};
use std::error::Error;

pub(crate) fn problem(
    code: &str,
    kind: ProblemKind,
    what: impl Into<String>,
    why: impl Into<String>,
    fix: impl Into<String>,
) -> Problem {
    Problem { code: code.into(), kind, what: what.into(), why: why.into(), fix: fix.into() }
}

/// Our fault, or our machine's: the person gets an id to quote, the log gets the whole chain.
pub(crate) fn internal(what: &str, error: &(dyn Error + 'static)) -> Problem {
    let id = format!("{:08x}", now_us() & 0xffff_ffff);
    let mut chain = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        chain += &format!(": {cause}");
        source = cause.source();
    }
    tracing::error!(problem.id = %id, error = %chain, "{what}: {chain}");
    problem(
        "console/internal",
        ProblemKind::Internal,
        what,
        format!("problem {id} in the console's log has the details"),
        "look into the log, and whether the state directory's disk is full",
    )
}

pub(crate) fn from_store(error: StoreError) -> Problem {
    if let Some(hindrance) = error.hindrance() {
        return hindered(hindrance, &error);
    }
    match error {
        StoreError::Exists(name) => problem(
            "console/exists",
            ProblemKind::Conflict,
            format!("`{name}` exists already"),
            "",
            "choose another name",
        ),
        StoreError::Fenced { job } => problem(
            "job/taken",
            ProblemKind::Conflict,
            format!("job {job} is in other hands"),
            "it runs, has succeeded, or another console has taken it",
            "open the job's page again",
        ),
        StoreError::NotApproved { plan } => problem(
            "run/needs-approval",
            ProblemKind::Forbidden,
            format!("plan {plan} may not run"),
            "its approval was used, has expired or is void",
            "look at the plan's page",
        ),
        StoreError::WrongKey { sealed_with, given } => wrong_key(&sealed_with, &given),
        StoreError::Gone { path } => problem(
            "console/database-gone",
            ProblemKind::World,
            "nothing was written: the console's database is gone",
            format!("{} was removed or replaced while the console had it open", path.display()),
            "stop the console; put the file back, or `paddock restore` the newest backup",
        ),
        StoreError::Open { .. }
        | StoreError::Migrate { .. }
        | StoreError::Query { .. }
        | StoreError::Damaged { .. }
        | StoreError::Locked
        | StoreError::Gap { .. } => internal("the console's database did not answer", &error),
    }
}

/// What a person does about a machine that keeps the database from answering.
fn hindered(hindrance: Hindrance, error: &StoreError) -> Problem {
    tracing::error!("{error}: {hindrance:?}");
    let (code, why, fix) = match hindrance {
        Hindrance::Busy => (
            "console/database-busy",
            "another process holds the console's database",
            "try again; if it stays so, find who has `paddock.db` open: `fuser -v`",
        ),
        Hindrance::Full => (
            "console/database-full",
            "there is no room on the disk of the console's state directory",
            "make room there, then try again; nothing of it was written",
        ),
        Hindrance::Unusable => (
            "console/database-unusable",
            "the console's database is gone, or cannot be read or written",
            "look at the owner and the disk of the state directory, and at the kernel's log",
        ),
    };
    problem(code, ProblemKind::World, format!("the console failed: {error}"), why, fix)
}

/// A refused plan: the world's fault when a node is in the way, else the request's.
pub(crate) fn from_refusal(refusal: Refusal) -> Problem {
    let kind = match refusal.code.as_str() {
        "plan/node-unreachable" | "plan/foreign-data" => ProblemKind::World,
        "plan/unknown-target" | "plan/unknown-cluster" => ProblemKind::NotFound,
        _ => ProblemKind::Request,
    };
    Problem { code: refusal.code, kind, what: refusal.what, why: refusal.why, fix: refusal.fix }
}

pub(crate) fn from_edit(error: &EditError) -> Problem {
    let (code, fix) = match error {
        EditError::Unreadable => ("inventory/unreadable", "right the marked place first"),
        EditError::Exists(_) => ("inventory/exists", "choose another name, or edit the one that is there"),
        EditError::Missing(_) => {
            ("inventory/missing", "the inventory needs `all:` with `children:` below it")
        }
        EditError::Shape { .. } => ("inventory/shape", "write the cluster into the text by hand"),
    };
    problem(code, ProblemKind::Request, "the inventory cannot be edited so", error.to_string(), fix)
}

pub(crate) fn from_name(error: &NameError) -> Problem {
    problem(
        "inventory/bad-name",
        ProblemKind::Request,
        "the form is not right",
        error.to_string(),
        "right it and try again",
    )
}

pub(crate) fn no_cluster(name: &str) -> Problem {
    problem(
        "cluster/unknown",
        ProblemKind::NotFound,
        format!("there is no cluster `{name}`"),
        "the inventory in force declares none of that name",
        "look at the clusters page, or declare it in the inventory",
    )
}

pub(crate) fn no_plan(id: PlanId) -> Problem {
    problem("plan/unknown", ProblemKind::NotFound, format!("there is no plan {id}"), "", "plan again")
}

pub(crate) fn no_job(id: JobId) -> Problem {
    problem(
        "job/unknown",
        ProblemKind::NotFound,
        format!("there is no job {id}"),
        "",
        "look at the jobs page",
    )
}

pub(crate) fn signed_out() -> Problem {
    problem("people/signed-out", ProblemKind::SignedOut, "nobody is signed in", "", "sign in")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unreachable_node_is_the_worlds_fault_and_a_bad_limit_the_requests() {
        for (code, kind) in [
            ("plan/node-unreachable", ProblemKind::World),
            ("plan/unknown-target", ProblemKind::NotFound),
            ("plan/empty-limit", ProblemKind::Request),
        ] {
            let refusal = Refusal { code: code.into(), what: "a".into(), why: "b".into(), fix: "c".into() };
            let problem = from_refusal(refusal);
            assert_eq!((problem.kind, problem.code.as_str()), (kind, code));
        }
    }

    #[test]
    fn an_internal_problem_gives_an_id_and_no_details() {
        let error = StoreError::Damaged { what: "plan 7".into(), why: "secret text".into() };
        let shown = from_store(error).to_string();
        assert!(shown.contains("problem ") && !shown.contains("secret text"), "{shown}");
    }
}
