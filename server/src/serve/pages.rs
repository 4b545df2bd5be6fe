//! Sign-in and sign-out: plain forms, so that they work without JavaScript.

use super::router::AppState;
use super::session;
use axum::Extension;
use axum::extract::{Form, State};
use axum::http::Extensions;
use axum::response::{IntoResponse, Redirect, Response};
use paddock_app::api::Session as AppSession;
use paddock_app::paths;
use serde::Deserialize;
use tower_sessions::Session;

#[derive(Deserialize)]
pub(super) struct SignIn {
    name: String,
    password: String,
    #[serde(default)]
    next: String,
}

/// `POST /sign-in`
pub(super) async fn sign_in(
    State(state): State<AppState>,
    session: Session,
    extensions: Extensions,
    Form(form): Form<SignIn>,
) -> Response {
    let next = if paths::is_local(&form.next) { form.next } else { paths::CLUSTERS.to_owned() };
    let refused = |code: &str| {
        let to = paths::sign_in(&next);
        let sign = if to.contains('?') { '&' } else { '?' };
        Redirect::to(&format!("{to}{sign}refused={code}")).into_response()
    };
    match state.console.sign_in(&form.name, &form.password, session::address(&extensions)).await {
        Ok(actor) => match session::begin(&session, actor.id()).await {
            Ok(()) => Redirect::to(&next).into_response(),
            Err(error) => {
                tracing::error!(%error, "cannot begin a session");
                refused("1")
            }
        },
        Err(problem) => {
            tracing::info!(code = %problem.code, "sign-in refused");
            refused("1")
        }
    }
}

/// `POST /sign-out`
pub(super) async fn sign_out(
    State(state): State<AppState>,
    Extension(who): Extension<AppSession>,
    session: Session,
) -> Response {
    if let Some(actor) = &who.actor
        && let Err(problem) = state.console.sign_out(actor).await
    {
        tracing::error!(person.id = %actor.id(), "a sign-out is missing in the audit log: {problem}");
    }
    if let Err(error) = session.flush().await {
        tracing::error!(%error, "cannot end a session");
    }
    Redirect::to(paths::SIGN_IN).into_response()
}

/// `POST /sign-out/everywhere`
pub(super) async fn sign_out_everywhere(
    State(state): State<AppState>,
    Extension(who): Extension<AppSession>,
    session: Session,
) -> Response {
    let Some(actor) = &who.actor else { return Redirect::to(paths::SIGN_IN).into_response() };
    match state.console.sign_out_everywhere(actor).await {
        Ok(_) => {
            session.clear().await;
            Redirect::to(paths::SIGN_IN).into_response()
        }
        Err(problem) => said(&problem.code),
    }
}

#[derive(Deserialize)]
pub(super) struct NewPassword {
    current: String,
    new: String,
    again: String,
}

/// `POST /account/password`
pub(super) async fn password(
    State(state): State<AppState>,
    Extension(who): Extension<AppSession>,
    session: Session,
    Form(form): Form<NewPassword>,
) -> Response {
    let Some(actor) = &who.actor else { return Redirect::to(paths::SIGN_IN).into_response() };
    if form.new != form.again {
        return said("people/passwords-differ");
    }
    let here = session.id().map(|id| id.to_string());
    match state.console.change_password(actor, &form.current, &form.new, here.as_deref()).await {
        Ok(()) => said("done"),
        Err(problem) => said(&problem.code),
    }
}

/// Back to the account page, which has words for each of these codes.
fn said(code: &str) -> Response {
    Redirect::to(&paths::account(code)).into_response()
}
