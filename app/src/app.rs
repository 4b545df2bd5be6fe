//! The routes and what surrounds every page.

use crate::components::{Clock, Header};
use crate::live::Live;
use crate::pages::{ClustersView, NotFound, lazy};
use leptos::prelude::*;
use leptos_meta::{Title, provide_meta_context};
use leptos_router::components::{FlatRoutes, Route, Router};
use leptos_router::{SsrMode, path};
use paddock_tongue::view;

/// All pages. Each is rendered whole by the server before it is sent: readable without the WASM.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    Clock::provide();
    Live::provide();
    view! {
        <Title formatter=|text: String| if text.is_empty() { "Paddock".to_owned() } else { format!("{text} · Paddock") }/>
        <Router>
            <a class="skip" href="#main">"Skip to content"</a>
            <Header/>
            <main id="main" tabindex="-1">
                <FlatRoutes fallback=NotFound>
                    <Route path=path!("/sign-in") view=lazy::sign_in() ssr=SsrMode::Async/>
                    <Route path=path!("/") view=ClustersView ssr=SsrMode::Async/>
                    <Route path=path!("/clusters/:name") view=lazy::cluster() ssr=SsrMode::Async/>
                    <Route path=path!("/inventory") view=lazy::inventory() ssr=SsrMode::Async/>
                    <Route path=path!("/inventory/history") view=lazy::history() ssr=SsrMode::Async/>
                    <Route path=path!("/inventory/history/:id") view=lazy::revision() ssr=SsrMode::Async/>
                    <Route path=path!("/inventory/blame") view=lazy::blame() ssr=SsrMode::Async/>
                    <Route path=path!("/nodes") view=lazy::nodes() ssr=SsrMode::Async/>
                    <Route path=path!("/drift") view=lazy::drift() ssr=SsrMode::Async/>
                    <Route path=path!("/plans/:id") view=lazy::plan() ssr=SsrMode::Async/>
                    <Route path=path!("/approvals") view=lazy::approvals() ssr=SsrMode::Async/>
                    <Route path=path!("/account") view=lazy::account() ssr=SsrMode::Async/>
                    <Route path=path!("/audit") view=lazy::audit() ssr=SsrMode::Async/>
                    <Route path=path!("/people") view=lazy::people() ssr=SsrMode::Async/>
                    <Route path=path!("/policy") view=lazy::policy() ssr=SsrMode::Async/>
                    <Route path=path!("/settings") view=lazy::settings() ssr=SsrMode::Async/>
                    <Route path=path!("/jobs") view=lazy::jobs() ssr=SsrMode::Async/>
                    <Route path=path!("/jobs/:id") view=lazy::job() ssr=SsrMode::Async/>
                </FlatRoutes>
            </main>
        </Router>
    }
}
