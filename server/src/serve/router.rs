//! All addresses of the console.

use super::api::{self, ApiState};
use super::config::Config;
use super::routes::{Route, mounted, read, write};
use super::{guard, log_text, oidc, pages, recording, session, socket, stream};
use anyhow::{Context as _, Result};
use axum::extract::{DefaultBodyLimit, FromRef, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use leptos::config::LeptosOptions;
use leptos::nonce::use_nonce;
use leptos::prelude::{provide_context, use_context};
use leptos_axum::{
    AxumRouteListing, LeptosRoutes as _, ResponseOptions, generate_route_list,
    handle_server_fns_with_context, render_app_async_with_context,
};
use paddock_app::api::Session as AppSession;
use paddock_app::{App, Assets, paths, shell};
use paddock_console::Console;
use std::any::Any;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::{Arc, LazyLock};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::services::ServeDir;
use tower_http::set_header::SetResponseHeaderLayer;
use tower_sessions::cookie::SameSite;
use tower_sessions::cookie::time::Duration;
use tower_sessions::{Expiry, SessionManagerLayer};

/// Bytes of a server function's body: an inventory of 16 MiB, as JSON. Leptos gives each a route of its own.
const BODY: usize = 20 << 20;
/// Bytes of a form: names and passwords.
const FORM: usize = 64 << 10;

/// What handlers share.
#[derive(Clone, FromRef)]
pub(crate) struct AppState {
    pub(crate) console: Console,
    pub(crate) assets: Arc<Assets>,
    pub(crate) leptos: LeptosOptions,
    /// The console is reached by HTTPS only.
    #[from_ref(skip)]
    pub(crate) secure: bool,
    /// Ends what would be answered without an end.
    #[from_ref(skip)]
    pub(crate) closing: CancellationToken,
}

/// The whole service. `closing` ends what would be answered without an end.
pub(crate) fn router(console: Console, config: &Config, closing: CancellationToken) -> Result<Router> {
    let assets = Arc::new(assets(config)?);
    let site_root = config.site_root.to_string_lossy().into_owned();
    let leptos =
        LeptosOptions::builder().output_name("paddock").site_root(site_root).site_addr(config.listen).build();
    let secure = config.secure_cookies;
    let state = AppState { console: console.clone(), assets, leptos, secure, closing: closing.clone() };
    let api = api::router(ApiState { console: console.clone(), closing });
    let sessions = SessionManagerLayer::new(session::Store(console))
        .with_name(cookie_name(config.secure_cookies))
        .with_same_site(SameSite::Lax)
        .with_http_only(true)
        .with_secure(config.secure_cookies)
        // The end of a session whatever is done: tower-sessions counts from the last change, and none follows the
        // sign-in. The console ends one that is not used.
        .with_expiry(Expiry::OnInactivity(Duration::seconds(Console::SESSION_S)));
    let guarded = guard::Guarded { secure: config.secure_cookies };
    let context = {
        let state = state.clone();
        move || {
            if let (Some(nonce), Some(options)) = (use_nonce(), use_context::<ResponseOptions>())
                && let Ok(policy) = HeaderValue::try_from(guard::policy(Some(&nonce)))
            {
                options.insert_header(header::CONTENT_SECURITY_POLICY, policy);
            }
            provide_context(state.console.clone());
            provide_context(state.assets.clone());
            let session = use_context::<axum::http::request::Parts>()
                .and_then(|parts| parts.extensions.get::<AppSession>().cloned());
            provide_context(session.unwrap_or_default());
        }
    };
    let files = ServeDir::new(config.site_root.join("pkg")).precompressed_br().precompressed_gzip();
    let files = tower::ServiceBuilder::new()
        // Names carry a hash of their content.
        .layer(SetResponseHeaderLayer::overriding(
            header::CACHE_CONTROL,
            HeaderValue::from_static("public, max-age=31536000, immutable"),
        ))
        .service(files);
    // Who looks for a page where none is reads so on one.
    let missing = Router::new()
        .fallback(render_app_async_with_context(context.clone(), shell))
        .layer(middleware::from_fn_with_state(state.clone(), identify))
        .layer(sessions.clone());
    let router = mounted(browser_routes())
        .layer(DefaultBodyLimit::max(FORM))
        .leptos_routes_with_context(&state, page_routes(), context, shell)
        .layer(DefaultBodyLimit::max(BODY))
        .layer(middleware::from_fn_with_state(state.clone(), identify))
        .layer(sessions)
        .nest_service("/pkg", files)
        .nest(api::PREFIX, api)
        .merge(mounted(open_routes()))
        .fallback(move |request: Request| not_found(missing, request))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn_with_state(guarded, guard::guard))
        .layer(tower_http::trace::TraceLayer::new_for_http().make_span_with(span))
        .with_state(state);
    Ok(router)
}

/// Where the pages are.
///
/// Listed once: while Leptos lists them, no resource loads in the whole process (`SuppressResourceLoad` is a flag of the
/// process), and a page that is rendered on another thread meanwhile waits for its data for ever. This way no router has
/// a page to render before the listing has ended, and none is made later, however many routers there are.
pub(super) fn page_routes() -> Vec<AxumRouteListing> {
    static PAGES: LazyLock<Vec<AxumRouteListing>> = LazyLock::new(|| generate_route_list(App));
    PAGES.clone()
}

/// What a browser asks for besides pages.
pub(super) fn browser_routes() -> Vec<Route<AppState>> {
    vec![
        write(paths::SIGN_IN, post(pages::sign_in)),
        write(paths::SIGN_IN_CODE, post(pages::code)),
        read(paths::SIGN_IN_PROVIDER, get(oidc::begin)),
        read(paths::SIGN_IN_CALLBACK, get(oidc::end)),
        write(paths::SIGN_OUT, post(pages::sign_out)),
        write(paths::SIGN_OUT_EVERYWHERE, post(pages::sign_out_everywhere)),
        write(paths::PASSWORD, post(pages::password)),
        read(paths::SOCKET, get(socket::open)),
        read(paths::STREAM, get(stream::open)),
        read(paths::RECORDING, get(recording::recording)),
        read(paths::LOG_TEXT, get(log_text::log_text)),
        // Each server function is walked by itself.
        write("/api/app/{*name}", post(server_function).get(server_function)),
    ]
}

/// What is answered to anybody.
pub(super) fn open_routes() -> Vec<Route<AppState>> {
    vec![read("/healthz", get(|| async { "ok\n" }))]
}

/// With `__Host-` a browser takes the cookie over HTTPS only, and no other host of the domain can set it.
fn cookie_name(secure: bool) -> &'static str {
    if secure { "__Host-paddock" } else { "paddock" }
}

fn assets(config: &Config) -> Result<Assets> {
    let pkg = config.site_root.join("pkg");
    let path = pkg.join("manifest.json");
    match std::fs::read_to_string(&path) {
        Ok(text) => {
            let mut assets: Assets = serde_json::from_str(&text)
                .with_context(|| format!("{} is not a list of assets", path.display()))?;
            let style = pkg.join(&assets.css);
            assets.style = std::fs::read_to_string(&style)
                .with_context(|| format!("cannot read the style sheet {}", style.display()))?;
            Ok(assets)
        }
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "no browser files: pages show, but are not live");
            Ok(Assets::default())
        }
    }
}

/// Finds out who asks; a page for somebody who is not signed in leads to the sign-in page.
async fn identify(
    State(state): State<AppState>,
    session: tower_sessions::Session,
    mut request: Request,
    next: Next,
) -> Response {
    let address = session::address(request.extensions());
    let who = session::who(&state.console, &session, address).await;
    let path = request.uri().path().to_owned();
    let open = [paths::SIGN_IN, paths::SIGN_IN_CODE, paths::SIGN_IN_PROVIDER, paths::SIGN_IN_CALLBACK]
        .contains(&path.as_str())
        || path.starts_with("/api/")
        || [paths::SOCKET, paths::STREAM].contains(&path.as_str());
    if who.actor.is_none() && !open {
        let wanted = request.uri().path_and_query().map_or("/", |wanted| wanted.as_str()).to_owned();
        return Redirect::to(&paths::sign_in(&wanted)).into_response();
    }
    request.extensions_mut().insert(who);
    next.run(request).await
}

async fn server_function(
    State(state): State<AppState>,
    Extension(who): Extension<AppSession>,
    request: Request,
) -> impl IntoResponse {
    let context = move || {
        provide_context(state.console.clone());
        provide_context(who.clone());
    };
    handle_server_fns_with_context(context, request).await
}

/// A request in the log: without its query, in which the provider's codes come.
fn span(request: &Request) -> tracing::Span {
    tracing::debug_span!("request", method = %request.method(), path = request.uri().path())
}

/// A page for browsers, a line for programs.
async fn not_found(page: Router, request: Request) -> Response {
    let takes = request.headers().get(header::ACCEPT).and_then(|takes| takes.to_str().ok());
    if request.method() == Method::GET && takes.is_some_and(|takes| takes.contains("text/html")) {
        return page.oneshot(request).await.into_response();
    }
    (StatusCode::NOT_FOUND, "there is nothing at this address\n").into_response()
}

/// The answer when our own code panicked; its log line is found by the number.
pub(super) fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let words = panic.downcast_ref::<String>().map(String::as_str);
    let words = words.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no words");
    let number = format!("{:08x}", RandomState::new().build_hasher().finish() as u32);
    tracing::error!(bug = %number, "a request was not answered, our own code failed: {words}");
    let text = format!(
        "The console failed here by a bug of its own. Its log tells why, at bug={number}. Nothing else was stopped by it.\n"
    );
    (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
}
