//! Routes as a list: what is served is what a test can walk.

use axum::Router;
use axum::http::Method;
use axum::routing::MethodRouter;

/// One route. Only tests read `method`.
pub(super) struct Route<S> {
    #[cfg_attr(not(test), expect(dead_code, reason = "the handler knows its own; tests cannot ask it"))]
    pub(super) method: Method,
    pub(super) path: &'static str,
    handler: MethodRouter<S>,
}

/// A route that reads.
pub(super) fn read<S>(path: &'static str, handler: MethodRouter<S>) -> Route<S> {
    Route { method: Method::GET, path, handler }
}

/// A route that changes something.
pub(super) fn write<S>(path: &'static str, handler: MethodRouter<S>) -> Route<S> {
    Route { method: Method::POST, path, handler }
}

/// A router with all of them.
pub(super) fn mounted<S: Clone + Send + Sync + 'static>(routes: Vec<Route<S>>) -> Router<S> {
    routes.into_iter().fold(Router::new(), |router, route| router.route(route.path, route.handler))
}
