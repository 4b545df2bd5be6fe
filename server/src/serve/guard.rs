//! What every answer and every changing request must keep: origin and headers.

use axum::extract::{Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, HeaderName, ORIGIN, REFERRER_POLICY,
    STRICT_TRANSPORT_SECURITY, UPGRADE, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use paddock_app::paths;

/// What a page may load: our own files, and what carries the answer's nonce (Leptos' hydration data, the start of the WASM, the
/// style sheet). Attributes place marks and pictures.
pub(super) fn policy(nonce: Option<&str>) -> String {
    let ours = nonce.map_or_else(String::new, |nonce| format!(" 'nonce-{nonce}'"));
    let wasm = if nonce.is_some() { " 'wasm-unsafe-eval'" } else { "" };
    format!(
        "default-src 'self'; script-src 'self'{ours}{wasm}; style-src 'self'{ours}; style-src-attr 'unsafe-inline'; \
         img-src 'self' data:; connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; \
         frame-ancestors 'none'"
    )
}

/// What the guard must know.
#[derive(Clone, Copy, Debug)]
pub(super) struct Guarded {
    /// The console is reached by HTTPS only.
    pub(super) secure: bool,
}

/// Refuses changing requests, sockets and streams of other sites, and sets security headers on every answer.
pub(super) async fn guard(
    State(Guarded { secure }): State<Guarded>,
    request: Request,
    next: Next,
) -> Response {
    let upgrade = request.headers().contains_key(UPGRADE) || request.uri().path() == paths::STREAM;
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) || upgrade;
    let mut response = if changes && !same_origin(request.headers()) {
        (StatusCode::FORBIDDEN, "this request comes from another site and was refused\n").into_response()
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    // A page brings its own, with its nonce; nothing else has scripts.
    if let Ok(none) = HeaderValue::try_from(policy(None)) {
        headers.entry(CONTENT_SECURITY_POLICY).or_insert(none);
    }
    let mut set = |name: HeaderName, value: &'static str| {
        headers.insert(name, HeaderValue::from_static(value));
    };
    set(X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(X_FRAME_OPTIONS, "DENY");
    set(REFERRER_POLICY, "same-origin");
    set(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    set(HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    set(HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()");
    if secure {
        set(STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
    // Pages and answers hold what only their reader may see; files with hashed names say otherwise themselves.
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Browsers send `Sec-Fetch-Site` or `Origin`; a client that sends neither is no browser and carries no cookie by accident.
fn same_origin(headers: &HeaderMap) -> bool {
    let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text(&HeaderName::from_static("sec-fetch-site")) {
        return matches!(site, "same-origin" | "none");
    }
    match (text(&ORIGIN), text(&HOST)) {
        (None, _) => true,
        (Some(origin), Some(host)) => {
            origin.split_once("://").is_some_and(|(_, authority)| authority == host)
        }
        (Some(_), None) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_origin_may_change() {
        let check = |pairs: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.insert(*name, HeaderValue::from_static(value));
            }
            same_origin(&headers)
        };
        assert!(check(&[("host", "a:1")]));
        assert!(check(&[("host", "a:1"), ("origin", "http://a:1")]));
        assert!(!check(&[("host", "a:1"), ("origin", "http://b:1")]));
        assert!(!check(&[("host", "a:1"), ("origin", "null")]));
        assert!(!check(&[("sec-fetch-site", "cross-site"), ("host", "a:1"), ("origin", "http://a:1")]));
        assert!(check(&[("sec-fetch-site", "same-origin")]));
    }
}
