//! Pages that the first load leaves out: the browser loads their code when one of them is visited.
//!
//! What is marked with the same name comes in one file (`xtask/site` cuts the WASM there); code that two of those need is
//! a file of its own, and what the landing page needs, too, is in the main one. A file for several pages, not for each:
//! people go from a job to its plan, and every further name doubles the number of files there can be.

use super::{
    AccountView, ApprovalsView, AuditView, BlameView, ClusterView, DriftView, HistoryView, InventoryView,
    JobView, JobsView, NodesView, PeopleView, PlanView, PolicyView, RevisionView, SettingsView, SignIn,
};
use leptos::prelude::*;
#[cfg(feature = "ssr")]
use leptos_meta::Link;
use leptos_router::ChooseView;
use leptos_router::hooks::use_url;
use paddock_tongue::view;
use std::pin::Pin;
use wasm_split_helpers::{SplitLoaderError, wasm_split};

/// A page, or that its code did not come.
type Loaded = Result<AnyView, SplitLoaderError>;

/// A route's view that loads its code first. On the server the code is there.
#[derive(Clone, Copy, Debug)]
pub struct Lazy {
    /// What its code comes with.
    #[cfg(feature = "ssr")]
    part: &'static str,
    page: fn() -> Pin<Box<dyn Future<Output = Loaded>>>,
}

impl ChooseView for Lazy {
    async fn choose(self) -> AnyView {
        #[cfg(feature = "ssr")]
        announce(self.part);
        let to = use_url().get_untracked();
        match (self.page)().await {
            Ok(view) => view,
            Err(_) => stay(to.path(), to.search()).await,
        }
    }

    async fn preload(&self) {}
}

/// Names the files of a part in the document's head, so that they come together with the main one.
#[cfg(feature = "ssr")]
fn announce(part: &str) {
    let assets: std::sync::Arc<crate::Assets> = use_context().unwrap_or_default();
    for file in assets.parts.get(part).into_iter().flatten() {
        let href = format!("/pkg/{file}");
        let link = view! { <Link rel="preload" href as_="fetch" type_="application/wasm" crossorigin=""/> };
        // Rendering it puts it into the head; there is nothing of it here.
        drop(link.to_html());
    }
}

/// What is left when the code does not come: the console is away, or newer than what this tab runs. Following a link, the
/// browser asks the console for the whole page, which tells both; a page that came whole stays as the server wrote it.
async fn stay(path: &str, search: &str) -> AnyView {
    let location = window().location();
    if location.pathname().is_ok_and(|here| here != path) {
        let to = if search.is_empty() { path.to_owned() } else { format!("{path}?{search}") };
        // A browser that refuses leaves the person where they are.
        location.set_href(&to).ok();
    }
    std::future::pending().await
}

macro_rules! lazy {
    ($($part:ident: $($name:ident $page:ident),+;)+) => {$($(
        #[doc = concat!("[`", stringify!($page), "`], whose code comes with `", stringify!($part), "`.")]
        pub fn $name() -> Lazy {
            #[wasm_split($part, fallible)]
            fn $name() -> Loaded {
                Ok(view! { <$page/> }.into_any())
            }
            Lazy { #[cfg(feature = "ssr")] part: stringify!($part), page: || Box::pin($name()) }
        }
    )+)+};
}

lazy! {
    cluster: cluster ClusterView;
    jobs: jobs JobsView, job JobView, plan PlanView, approvals ApprovalsView;
    inventory: inventory InventoryView, history HistoryView, revision RevisionView, blame BlameView, nodes NodesView, drift DriftView;
    people: account AccountView, audit AuditView, people PeopleView, policy PolicyView, settings SettingsView;
    sign_in: sign_in SignIn;
}
