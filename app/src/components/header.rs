//! The head of every page: where one is, who one is, and whether what is shown is live.

use super::load::later;
use crate::live::{Link, Live};
use crate::palette::Palette;
use crate::{api, notices, paths};
use leptos::prelude::*;
use leptos_router::components::A;
use leptos_router::hooks::use_location;
use paddock_events::Me;
use paddock_tongue::{t, view};
use std::time::Duration;

/// How often the header looks for requests.
const LOOK: Duration = Duration::from_secs(5);

/// Brand, navigation, connection, person.
#[component]
pub fn Header() -> impl IntoView {
    let me = Resource::new_blocking(|| (), |()| api::me());
    let path = use_location().pathname;
    // One view for all links: each has a type of its own where it is written out.
    let current = move |page: &'static str| {
        move || {
            let path = path.get();
            let here = match page {
                paths::CLUSTERS => path == "/" || path.starts_with("/clusters"),
                paths::JOBS => path.starts_with("/jobs") || path.starts_with("/plans"),
                _ => path.starts_with(page),
            };
            here.then_some("page")
        }
    };
    let links = move |me: Me| {
        let link = |shown: bool, href: &'static str, text: &'static str| {
            shown.then(|| view! { <a href=href aria-current=current(href)>{text}</a> })
        };
        view! {
            {link(true, paths::CLUSTERS, t!("Clusters"))}
            {link(me.reads_inventory, paths::INVENTORY, t!("Inventory"))}
            {link(true, paths::NODES, t!("Nodes"))}
            {link(true, paths::DRIFT, t!("Drift"))}
            {link(true, paths::JOBS, t!("Jobs"))}
            <a href=paths::APPROVALS aria-current=current(paths::APPROVALS)>"Approvals"<Waiting/></a>
            {link(me.reads_inventory, paths::POLICY, t!("Policy"))}
            {link(me.reads_audit, paths::AUDIT, t!("Audit"))}
            {link(me.reads_people, paths::PEOPLE, t!("People"))}
            {link(me.reads_people, paths::SETTINGS, t!("Settings"))}
        }
        .into_any()
    };
    view! {
        <header class="top">
            <A href=paths::CLUSTERS attr:class="brand">
                <svg viewBox="0 0 20 20" width="20" height="20" aria-hidden="true">
                    <path d="M2 7h16M2 13h16M6 3v14M14 3v14"/>
                </svg>
                "Paddock"
            </A>
            <nav aria-label="Main">
                // Who may not read a page, or is not signed in, is not led there.
                {later(nothing, move || async move { me.await.ok().flatten().map(links).into_any() })}
            </nav>
            <div class="end">
                {later(nothing, move || async move { me.await.ok().flatten().map(|me| view! { <Palette me/> }).into_any() })}
                <Connection/>
                <ThemeSwitch/>
                {later(nothing, move || async move {
                    let me = me.await.ok().flatten();
                    me.map(|me| view! {
                        <a class="me" href=paths::ACCOUNT>{me.name}" "<span class="role" title=me.grants.join(", ")>{me.role}</span></a>
                        <form method="post" action=paths::SIGN_OUT>
                            <button class="quiet small">"Sign out"</button>
                        </form>
                    }).into_any()
                })}
            </div>
        </header>
    }
}

/// How many requests wait for an approver; nothing when none does.
#[component]
fn Waiting() -> impl IntoView {
    let waiting = Resource::new_blocking(|| (), |()| api::approvals_waiting());
    // The header stays as long as the page does.
    Effect::new(move |_| set_interval(move || waiting.refetch(), LOOK));
    Effect::new(move |before: Option<Option<u32>>| {
        let now = waiting.get().and_then(Result::ok);
        let before = before.flatten();
        if before.is_some() && now > before {
            notices::tell(t!("A request waits for an approver"), paths::APPROVALS);
        }
        now.or(before)
    });
    later(nothing, move || async move {
        let waiting = waiting.await.unwrap_or(0);
        (waiting > 0).then(|| view! {
            " "<span class="count"><span class="num">{waiting}</span><span class="sr">" waiting"</span></span>
        }).into_any()
    })
}

/// What is shown while it is not known what may be.
fn nothing() -> AnyView {
    ().into_any()
}

/// Whether live data come in.
#[component]
fn Connection() -> impl IntoView {
    let live = Live::get();
    let look = move || match live.link.get() {
        Link::Idle => ("link quiet", ""),
        Link::Connecting => ("link busy", t!("Connecting")),
        Link::Live => ("link good", t!("Live")),
        Link::Streaming => ("link busy", t!("Live by HTTP")),
        Link::Lost => ("link warn", t!("Reconnecting")),
    };
    // Why it is not as usual.
    let title =
        move || (live.link.get() == Link::Streaming).then_some(t!("Something on the way blocks WebSockets"));
    view! { <span class=move || look().0 role="status" title=title>{move || look().1}</span> }
}

/// Light, dark, or as the system has it.
#[component]
fn ThemeSwitch() -> impl IntoView {
    let turn = move |_| {
        let Some(root) = document().document_element() else { return };
        let dark = root.get_attribute("data-theme").map_or_else(
            || {
                window()
                    .match_media("(prefers-color-scheme: dark)")
                    .ok()
                    .flatten()
                    .is_some_and(|query| query.matches())
            },
            |theme| theme == "dark",
        );
        let theme = if dark { "light" } else { "dark" };
        // A browser without storage keeps the theme for this page only.
        root.set_attribute("data-theme", theme).ok();
        if let Ok(Some(storage)) = window().local_storage() {
            storage.set_item("theme", theme).ok();
        }
    };
    view! {
        <button type="button" class="quiet small theme" on:click=turn aria-label="Switch between light and dark">
            <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
                <circle cx="8" cy="8" r="6"/><path d="M8 2a6 6 0 0 1 0 12z"/>
            </svg>
        </button>
    }
}
