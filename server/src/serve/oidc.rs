//! Sign-in by a provider: a link away, a link back. What is in between is the provider's.

use super::pages::cookie;
use super::router::AppState;
use super::session;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header::SET_COOKIE;
use axum::http::{Extensions, HeaderMap};
use axum::response::{IntoResponse, Redirect, Response};
use paddock_app::paths;
use paddock_console::OidcAnswer;
use serde::Deserialize;
use tower_sessions::Session;

/// How long a browser may be away, seconds.
const AWAY_S: u32 = 600;

#[derive(Deserialize)]
pub(super) struct Next {
    #[serde(default)]
    next: String,
}

fn local(next: String) -> String {
    if paths::is_local(&next) { next } else { paths::CLUSTERS.to_owned() }
}

/// `GET /sign-in/oidc`: to the provider, with a cookie that only this browser has.
pub(super) async fn begin(
    State(state): State<AppState>,
    extensions: Extensions,
    query: Result<Query<Next>, QueryRejection>,
) -> Response {
    let next = local(query.map(|Query(query)| query.next).unwrap_or_default());
    match state.console.begin_oidc(&next, session::address(&extensions)).await {
        Ok(start) => ([(SET_COOKIE, state.away_cookie(&start.browser, AWAY_S))], Redirect::to(&start.url))
            .into_response(),
        Err(problem) => Redirect::to(&paths::sign_in_refused(&next, &problem.code)).into_response(),
    }
}

/// `GET /sign-in/oidc/callback`: back from the provider. Whatever comes of it, the address with the code is left at once.
pub(super) async fn end(
    State(state): State<AppState>,
    session: Session,
    extensions: Extensions,
    headers: HeaderMap,
    query: Result<Query<OidcAnswer>, QueryRejection>,
) -> Response {
    // What cannot be read has no state, and is refused as that.
    let answer = query.map(|Query(answer)| answer).unwrap_or_default();
    let browser = cookie(&headers, state.away_name()).unwrap_or_default();
    let ended = state.console.end_oidc(answer, &browser, session::address(&extensions)).await;
    let next = local(ended.next);
    match session::admit(&session, ended.signed_in).await {
        Ok(()) => ([(SET_COOKIE, state.away_cookie("", 0))], Redirect::to(&next)).into_response(),
        Err(refused) => Redirect::to(&paths::sign_in_refused(&next, &refused)).into_response(),
    }
}

impl AppState {
    /// With `__Host-` a browser takes the cookie over HTTPS only, and no other host of the domain can set it.
    fn away_name(&self) -> &'static str {
        if self.secure { "__Host-paddock-away" } else { "paddock-away" }
    }

    /// Lax: the way back comes from the provider's site.
    fn away_cookie(&self, browser: &str, seconds: u32) -> String {
        let (name, secure) = (self.away_name(), if self.secure { "; Secure" } else { "" });
        format!("{name}={browser}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}")
    }
}
