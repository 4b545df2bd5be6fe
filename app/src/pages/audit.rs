//! Who did what, newest first: filtered and paged by the address, so that a view can be sent to somebody.

use crate::components::{Badge, Tone, When, load};
use crate::{api, paths};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;
use paddock_events::{AuditFilter, AuditPage, AuditRow};
use paddock_tongue::{t, view};

/// The page of `/audit`.
#[component]
pub fn AuditView() -> impl IntoView {
    let query = use_query_map();
    let filter = move || {
        query.with(|query| {
            let text = |name: &str| query.get(name).unwrap_or_default();
            AuditFilter {
                name: text("name"),
                act: text("act"),
                cluster: text("cluster"),
                before: text("before").parse().ok(),
            }
        })
    };
    let page = Resource::new_blocking(filter, api::audit);
    view! {
        <Title text="Audit"/>
        <div class="head"><h1>"Audit"</h1></div>
        {load(page, |page| view! { <Log page/> }.into_any())}
    }
}

#[component]
fn Log(page: AuditPage) -> impl IntoView {
    let AuditPage { filter, rows, older } = page;
    let field = |label: &'static str, name: &'static str, value: &str, hint: &'static str| {
        let value = value.to_owned();
        view! { <label>{label}<input name=name value=value placeholder=hint autocomplete="off"/></label> }
    };
    let newest =
        filter.before.is_some().then(|| paths::audit(&AuditFilter { before: None, ..filter.clone() }));
    let older = older.map(|before| paths::audit(&AuditFilter { before: Some(before), ..filter.clone() }));
    let none = rows.is_empty();
    let rows = rows.into_iter().map(|row| view! { <Row row/> }).collect_view();
    view! {
        // A plain form: it works without JavaScript, and the address is the view.
        <form class="filter" method="get" action=paths::AUDIT>
            {field(t!("Who"), "name", &filter.name, "ann")}
            {field(t!("What"), "act", &filter.act, "approval")}
            {field(t!("Cluster"), "cluster", &filter.cluster, "pg-test")}
            <button class="small">"Filter"</button>
        </form>
        {if none {
            view! { <p class="empty">"Nothing of that kind has happened."</p> }.into_any()
        } else {
            view! {
                <div class="table-box" tabindex="0">
                    <table class="audit" aria-label="Audit log">
                        <thead><tr>
                            <th scope="col" class="num">"Row"</th><th scope="col">"When"</th>
                            <th scope="col">"Who"</th><th scope="col">"What"</th><th scope="col">"Decision"</th>
                            <th scope="col">"What came of it"</th>
                        </tr></thead>
                        <tbody>{rows}</tbody>
                    </table>
                </div>
            }.into_any()
        }}
        <nav class="pages" aria-label="Pages">
            {newest.map(|to| view! { <a href=to>"Newest"</a> })}
            {older.map(|to| view! { <a href=to rel="next">"Older"</a> })}
        </nav>
    }
}

#[component]
fn Row(row: AuditRow) -> impl IntoView {
    let AuditRow { id, at_us, name, origin, act, subject, cluster, digest, refused, outcome } = row;
    let (tone, word) = if refused { (Tone::Bad, t!("refused")) } else { (Tone::Good, t!("allowed")) };
    view! {
        <tr>
            <th scope="row" class="num">{id}</th>
            <td><When at_us/></td>
            <td>{name}<span class="why">{origin}</span></td>
            <td>
                {act}
                <span class="why">
                    {subject}
                    {cluster.map(|name| view! { " "<a href=paths::cluster(&name)>{name.clone()}</a> })}
                </span>
            </td>
            <td><Badge tone text=word/></td>
            <td>
                {outcome}
                {digest.map(|digest| view! { <span class="why"><code title=digest.clone()>{digest.chars().take(12).collect::<String>()}</code></span> })}
            </td>
        </tr>
    }
}
