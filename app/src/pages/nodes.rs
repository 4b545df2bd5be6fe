//! Every host of the inventory: what is on it, and taking it into care or out of it.

use super::operate::{Entry, Menu, refusal};
use crate::components::load;
use crate::words::size;
use crate::{api, paths};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;
use paddock_events::{NodeRow, NodesPage, Problem};

/// The page of `/nodes`; the filter is in the address, so that it works without JavaScript.
#[component]
pub fn NodesView() -> impl IntoView {
    let query = use_query_map();
    let needle = move || query.with(|query| query.get("q")).unwrap_or_default();
    let page = Resource::new_blocking(needle, api::nodes);
    view! {
        <Title text="Nodes"/>
        <div class="head">
            <h1>"Nodes"</h1>
            <form method="get" action=paths::NODES class="filter" role="search">
                <label>
                    <span class="sr">"Filter by address, group or instance"</span>
                    <input name="q" type="search" placeholder="Address, group or instance" value=needle/>
                </label>
                <button class="small">"Filter"</button>
            </form>
        </div>
        {load(page, |page| view! { <Nodes page/> }.into_any())}
    }
}

#[component]
fn Nodes(page: NodesPage) -> impl IntoView {
    let NodesPage { rows, matching, all, may_plan } = page;
    if rows.is_empty() {
        let words = if all == 0 {
            "The inventory names no host yet. Add a cluster there, or a group with hosts."
        } else {
            "No host matches the filter."
        };
        return view! { <p class="empty">{words}</p> }.into_any();
    }
    let locked = refusal(&may_plan);
    let count = match (rows.len(), matching) {
        (shown, matching) if shown < matching => {
            format!("The first {shown} of {matching}; filter to find others.")
        }
        (_, matching) if matching < all => format!("{matching} of {}", size::count(all, "node")),
        _ => size::count(all, "node"),
    };
    let rows = rows.into_iter().map(|row| view! { <Row row locked=locked.clone()/> }).collect_view();
    view! {
        <p class="note">{count}</p>
        <div class="table-box">
            <table class="nodes">
                <thead><tr>
                    <th scope="col">"Node"</th><th scope="col">"Modules"</th><th scope="col">"Instance"</th>
                    <th scope="col">"Groups"</th><th scope="col" class="last"><span class="sr">"Actions"</span></th>
                </tr></thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
    .into_any()
}

#[component]
fn Row(row: NodeRow, locked: Option<Problem>) -> impl IntoView {
    let NodeRow { addr, groups, modules, instance, add, remove } = row;
    let chips = |texts: Vec<String>| {
        texts.into_iter().map(|one| view! { <span class="chip">{one}</span> }).collect_view()
    };
    let holds = instance.is_some();
    let note = move |text: &'static str| Signal::derive(move || text.to_owned());
    let entries = vec![
        Entry {
            label: format!("Add node {addr}"),
            offer: add,
            against: Signal::derive(|| None),
            note: note(
                "Brings it to what the node playbook declares. A node that is so already is only checked.",
            ),
            danger: false,
        },
        Entry {
            label: format!("Remove node {addr}"),
            offer: remove,
            against: Signal::derive(|| None),
            note: note(if holds {
                "It holds an instance: remove that first, or the plan is refused while it is live."
            } else {
                "Takes away what the node playbook has brought. Refused while a module is live there."
            }),
            danger: true,
        },
    ];
    view! {
        <tr>
            <th scope="row" class="num">{addr.clone()}</th>
            <td>{chips(modules)}</td>
            <td>{match instance {
                Some((cluster, instance, role)) => view! {
                    <a href=paths::cluster(&cluster)>{instance}</a><span class="why">{role}</span>
                }.into_any(),
                None => "–".into_any(),
            }}</td>
            <td>{chips(groups)}</td>
            <td class="last"><Menu id=format!("node-{}", addr.replace('.', "-")) of=addr entries locked/></td>
        </tr>
    }
}
