//! The routes and what surrounds every page.

use crate::components::{Clock, Header};
use crate::live::Live;
use crate::pages::{
    AccountView, ApprovalsView, AuditView, BlameView, ClusterView, ClustersView, HistoryView, InventoryView,
    JobView, JobsView, NodesView, NotFound, PeopleView, PlanView, PolicyView, RevisionView, SignIn,
};
use leptos::prelude::*;
use leptos_meta::{Title, provide_meta_context};
use leptos_router::components::{FlatRoutes, Route, Router};
use leptos_router::{SsrMode, path};

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
                    <Route path=path!("/sign-in") view=SignIn ssr=SsrMode::Async/>
                    <Route path=path!("/") view=ClustersView ssr=SsrMode::Async/>
                    <Route path=path!("/clusters/:name") view=ClusterView ssr=SsrMode::Async/>
                    <Route path=path!("/inventory") view=InventoryView ssr=SsrMode::Async/>
                    <Route path=path!("/inventory/history") view=HistoryView ssr=SsrMode::Async/>
                    <Route path=path!("/inventory/history/:id") view=RevisionView ssr=SsrMode::Async/>
                    <Route path=path!("/inventory/blame") view=BlameView ssr=SsrMode::Async/>
                    <Route path=path!("/nodes") view=NodesView ssr=SsrMode::Async/>
                    <Route path=path!("/plans/:id") view=PlanView ssr=SsrMode::Async/>
                    <Route path=path!("/approvals") view=ApprovalsView ssr=SsrMode::Async/>
                    <Route path=path!("/account") view=AccountView ssr=SsrMode::Async/>
                    <Route path=path!("/audit") view=AuditView ssr=SsrMode::Async/>
                    <Route path=path!("/people") view=PeopleView ssr=SsrMode::Async/>
                    <Route path=path!("/policy") view=PolicyView ssr=SsrMode::Async/>
                    <Route path=path!("/jobs") view=JobsView ssr=SsrMode::Async/>
                    <Route path=path!("/jobs/:id") view=JobView ssr=SsrMode::Async/>
                </FlatRoutes>
            </main>
        </Router>
    }
}
