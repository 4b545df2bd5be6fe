//! A problem on its way from a server function to a page.

use leptos::server_fn::codec::JsonEncoding;
use leptos::server_fn::error::{FromServerFnError, ServerFnErrorErr};
use paddock_events::{Problem, ProblemKind};
use paddock_tongue::t;
use serde::{Deserialize, Serialize};

/// The error of every server function: the console's problem, or what went wrong on the way to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ApiError(pub Problem);

impl ApiError {
    /// The code that asks could not be loaded: the console is away, or newer than this tab.
    pub(super) fn unreachable() -> Self {
        Self(Problem {
            code: "app/unreachable".into(),
            kind: ProblemKind::World,
            what: t!("The console cannot be reached").into(),
            why: t!("the code that asks it did not come").into(),
            fix: t!("check that it runs and that this computer is connected, then reload the page").into(),
        })
    }
}

impl From<Problem> for ApiError {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl FromServerFnError for ApiError {
    type Encoder = JsonEncoding;

    fn from_server_fn_error(error: ServerFnErrorErr) -> Self {
        let (code, kind, what, fix) = match &error {
            ServerFnErrorErr::Request(_) => (
                "app/unreachable",
                ProblemKind::World,
                "The console cannot be reached",
                "check that it runs and that this computer is connected, then try again",
            ),
            ServerFnErrorErr::Args(_) | ServerFnErrorErr::MissingArg(_) => (
                "app/bad-request",
                ProblemKind::Request,
                "The console did not understand the request",
                "reload the page: it may be older than the console",
            ),
            _ => (
                "app/bad-answer",
                ProblemKind::Internal,
                "The console's answer could not be used",
                "reload the page; when it happens again, look into the console's log",
            ),
        };
        Self(Problem { code: code.into(), kind, what: what.into(), why: error.to_string(), fix: fix.into() })
    }
}
