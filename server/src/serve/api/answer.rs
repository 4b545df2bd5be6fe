//! What every route has in common: who asks, what was sent, how a problem is said.

use super::ApiState;
use crate::serve::session::address;
use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts};
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use paddock_console::Actor;
use paddock_events::{Problem, ProblemKind};

/// A problem on its way out, with the status that fits it.
#[derive(Debug)]
pub(super) struct Refused(pub(super) Problem);

/// What a handler gives.
pub(super) type Answer<T> = Result<T, Refused>;

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status = match self.0.kind {
            ProblemKind::Request => StatusCode::BAD_REQUEST,
            ProblemKind::SignedOut => StatusCode::UNAUTHORIZED,
            ProblemKind::Forbidden => StatusCode::FORBIDDEN,
            ProblemKind::NotFound => StatusCode::NOT_FOUND,
            ProblemKind::Conflict => StatusCode::CONFLICT,
            ProblemKind::World => StatusCode::SERVICE_UNAVAILABLE,
            ProblemKind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let mut response = (status, Json(self.0)).into_response();
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

fn bad_request(what: &str, why: String) -> Refused {
    Refused(Problem {
        code: "api/bad-request".into(),
        kind: ProblemKind::Request,
        what: what.into(),
        why,
        fix: "docs/command-line.md shows what each route takes".into(),
    })
}

/// Whom the request's token acts for. A handler without it has nobody to ask the console for.
pub(super) struct Bearer(pub(super) Actor);

impl FromRequestParts<ApiState> for Bearer {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Answer<Self> {
        let token = bearer(&parts.headers).ok_or_else(|| {
            Refused(Problem {
                code: "people/no-token".into(),
                kind: ProblemKind::SignedOut,
                what: "the request says not who asks".into(),
                why: "it has no header `Authorization: Bearer TOKEN`".into(),
                fix: "make a token with `paddock token add`, and give it as PADDOCK_TOKEN".into(),
            })
        })?;
        Ok(Self(state.console.actor_by_token(token, address(&parts.extensions)).await?))
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

/// A part of the address.
#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Path), rejection(Refused))]
pub(super) struct Path<T>(pub(super) T);

/// What stands behind the question mark.
#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Query), rejection(Refused))]
pub(super) struct Query<T>(pub(super) T);

/// A JSON body.
#[derive(FromRequest)]
#[from_request(via(axum::Json), rejection(Refused))]
pub(super) struct Body<T>(pub(super) T);

impl From<PathRejection> for Refused {
    fn from(rejection: PathRejection) -> Self {
        bad_request("the address was not understood", rejection.body_text())
    }
}

impl From<QueryRejection> for Refused {
    fn from(rejection: QueryRejection) -> Self {
        bad_request("the address was not understood", rejection.body_text())
    }
}

impl From<JsonRejection> for Refused {
    fn from(rejection: JsonRejection) -> Self {
        bad_request("the body was not understood", without_value(&rejection.body_text()))
    }
}

/// serde's message without the text that it quotes, which may be a secret in the wrong place: `invalid type: string "…",
/// expected a sequence`.
fn without_value(text: &str) -> String {
    match (text.find("string \""), text.rfind("\", expected")) {
        (Some(from), Some(to)) if from < to => format!("{}string{}", &text[..from], &text[to + 1..]),
        _ => text.to_owned(),
    }
}

pub(super) async fn nothing_here() -> Refused {
    Refused(Problem {
        code: "api/no-route".into(),
        kind: ProblemKind::NotFound,
        what: "there is nothing at this address".into(),
        why: String::new(),
        fix: "docs/command-line.md lists the routes".into(),
    })
}

pub(super) async fn wrong_method() -> Response {
    let problem = Problem {
        code: "api/wrong-method".into(),
        kind: ProblemKind::Request,
        what: "this address does not take this method".into(),
        why: String::new(),
        fix: "docs/command-line.md lists the routes".into(),
    };
    (StatusCode::METHOD_NOT_ALLOWED, Json(problem)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_follows_the_word_bearer() {
        let check = |value: &'static str| {
            let headers = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static(value))]);
            bearer(&headers).map(str::to_owned)
        };
        assert_eq!(check("Bearer pdk_x").as_deref(), Some("pdk_x"));
        assert_eq!(check("bearer  pdk_x ").as_deref(), Some("pdk_x"));
        assert_eq!(check("Basic pdk_x"), None);
        assert_eq!(check("pdk_x"), None);
        assert_eq!(bearer(&HeaderMap::new()), None);
    }
}
