//! Sign-in and sign-out: plain forms, so that they work without JavaScript.

use super::router::AppState;
use super::session;
use axum::Extension;
use axum::extract::{Form, State};
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::{Extensions, HeaderMap};
use axum::response::{IntoResponse, Redirect, Response};
use paddock_app::api::Session as AppSession;
use paddock_app::paths;
use paddock_console::FirstStep;
use serde::Deserialize;
use tower_sessions::Session;

/// Cookie of who has given their password and owes a code, and how long a browser keeps it.
const TICKET: &str = "paddock-ticket";
const TICKET_S: u32 = 300;

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
    let signed_in =
        match state.console.first_step(&form.name, &form.password, session::address(&extensions)).await {
            Ok(FirstStep::CodeNeeded { ticket }) => {
                let set = state.ticket_cookie(&ticket, TICKET_S);
                return ([(SET_COOKIE, set)], Redirect::to(&paths::sign_in_code(&next, ""))).into_response();
            }
            Ok(FirstStep::Done(actor)) => Ok(actor),
            Err(problem) => Err(problem),
        };
    match session::admit(&session, signed_in).await {
        Ok(()) => Redirect::to(&next).into_response(),
        Err(refused) => {
            tracing::info!(code = %refused, "sign-in refused");
            Redirect::to(&paths::sign_in_refused(&next, &refused)).into_response()
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Code {
    code: String,
    #[serde(default)]
    next: String,
}

/// `POST /sign-in/code`: the second step of who has a second factor. The ticket of the first one is in a cookie that goes
/// nowhere else.
pub(super) async fn code(
    State(state): State<AppState>,
    session: Session,
    extensions: Extensions,
    headers: HeaderMap,
    Form(form): Form<Code>,
) -> Response {
    let next = if paths::is_local(&form.next) { form.next } else { paths::CLUSTERS.to_owned() };
    let ticket = cookie(&headers, TICKET).unwrap_or_default();
    let signed_in = state.console.second_step(&ticket, &form.code, session::address(&extensions)).await;
    match session::admit(&session, signed_in).await {
        Ok(()) => ([(SET_COOKIE, state.ticket_cookie("", 0))], Redirect::to(&next)).into_response(),
        Err(refused) => {
            tracing::info!(code = %refused, "the second step of a sign-in was refused");
            Redirect::to(&paths::sign_in_code(&next, &refused)).into_response()
        }
    }
}

/// What a browser has kept under a name.
pub(super) fn cookie(headers: &HeaderMap, wanted: &str) -> Option<String> {
    let all = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = all.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == wanted).map(|(_, value)| value.to_owned())
}

impl AppState {
    fn ticket_cookie(&self, ticket: &str, seconds: u32) -> String {
        let secure = if self.secure { "; Secure" } else { "" };
        let path = paths::SIGN_IN_CODE;
        format!("{TICKET}={ticket}; Path={path}; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}")
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
