//! Who asks, and how a problem becomes an HTTP status.

use super::ApiError;
use crate::paths;
use http::StatusCode;
use leptos::prelude::*;
use leptos_axum::ResponseOptions;
use paddock_console::{Actor, Console};
use paddock_events::{Problem, ProblemKind};
use paddock_tongue::t;

/// What the server knows of the request's sender; provided as context for every page and server function.
#[derive(Clone, Debug, Default)]
pub struct Session {
    /// The signed-in person; none before sign-in.
    pub actor: Option<Actor>,
    /// The session's id, which outlives what ends the person's other ones.
    pub id: Option<String>,
}

/// The console from context.
pub(super) fn console() -> Console {
    expect_context()
}

/// The id of the session that the request came with.
pub(super) fn session_id() -> Option<String> {
    use_context::<Session>().and_then(|session| session.id)
}

/// The signed-in person, or the refusal that leads to the sign-in page.
pub(super) fn actor() -> Result<Actor, ApiError> {
    let session: Session = use_context().unwrap_or_default();
    session.actor.ok_or_else(|| {
        // A page that is being rendered goes to the sign-in page and comes back; a server function answers 401.
        if let Some(parts) = use_context::<http::request::Parts>() {
            let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
            if !path.starts_with("/api/") && parts.uri.path() != paths::SIGN_IN {
                leptos_axum::redirect(&paths::sign_in(path));
            }
        }
        let problem = Problem {
            code: "session/signed-out".into(),
            kind: ProblemKind::SignedOut,
            what: t!("You are not signed in").into(),
            why: t!("the session has ended or was never begun").into(),
            fix: t!("sign in, then try again").into(),
        };
        if let Some(options) = use_context::<ResponseOptions>()
            && use_context::<http::request::Parts>()
                .is_some_and(|parts| parts.uri.path().starts_with("/api/"))
        {
            options.set_status(StatusCode::UNAUTHORIZED);
        }
        ApiError(problem)
    })
}

/// Passes an answer on; a problem also sets the response's status.
pub(super) fn answer<T>(result: Result<T, Problem>) -> Result<T, ApiError> {
    result.map_err(|problem| {
        if let Some(options) = use_context::<ResponseOptions>() {
            options.set_status(status(problem.kind));
        }
        ApiError(problem)
    })
}

fn status(kind: ProblemKind) -> StatusCode {
    match kind {
        ProblemKind::Request => StatusCode::UNPROCESSABLE_ENTITY,
        ProblemKind::SignedOut => StatusCode::UNAUTHORIZED,
        ProblemKind::Forbidden => StatusCode::FORBIDDEN,
        ProblemKind::NotFound => StatusCode::NOT_FOUND,
        ProblemKind::Conflict => StatusCode::CONFLICT,
        ProblemKind::World => StatusCode::BAD_GATEWAY,
        ProblemKind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
