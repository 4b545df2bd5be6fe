//! The signed-in person's own second factor.

use super::ApiError;
#[cfg(feature = "ssr")]
use super::{actor, answer, console, session_id};
use leptos::prelude::*;
use leptos::server_fn::codec::{GetUrl, Json};
use paddock_events::{Enrolment, FactorState};

/// Whether a code is asked for.
#[server(name = CallFactor, prefix = "/api/app", endpoint = "factor", input = GetUrl)]
pub async fn factor() -> Result<FactorState, ApiError> {
    answer(console().factor_state(&actor()?).await)
}

/// Makes a secret for an app.
#[server(name = CallFactorBegin, prefix = "/api/app", endpoint = "factor-begin", input = Json)]
pub async fn begin_factor(password: String) -> Result<Enrolment, ApiError> {
    answer(console().begin_factor(&actor()?, &password).await)
}

/// Asks for codes from now on; gives the recovery codes, once.
#[server(name = CallFactorConfirm, prefix = "/api/app", endpoint = "factor-confirm", input = Json)]
pub async fn confirm_factor(code: String) -> Result<Vec<String>, ApiError> {
    answer(console().confirm_factor(&actor()?, &code, session_id().as_deref()).await)
}

/// Takes the factor away.
#[server(name = CallFactorRemove, prefix = "/api/app", endpoint = "factor-remove", input = Json)]
pub async fn remove_factor(password: String) -> Result<(), ApiError> {
    answer(console().remove_factor(&actor()?, &password, session_id().as_deref()).await)
}
