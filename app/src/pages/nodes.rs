//! Every host of the inventory: what is on it, and taking it into care or out of it.

use super::operate::{Entry, Menu, refusal};
use crate::api::ApiError;
use crate::components::{Badge, Copyable, ProblemBox, Tone, load};
use crate::{api, paths};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;
use paddock_events::{NodeReach, NodeRow, NodesPage, Problem, Reach, ReachPage};
use paddock_tongue::{count, say, t, view};

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
        <Connections needle=Signal::derive(needle)/>
        {load(page, |page| view! { <Nodes page/> }.into_any())}
    }
}

/// Signs in to the nodes when asked, and shows those where that fails; an admin trusts host keys here.
#[component]
fn Connections(needle: Signal<String>) -> impl IntoView {
    let check = Action::new(move |(): &()| api::reach_nodes(needle.get_untracked()));
    let found = move || match check.value().get()? {
        Ok(page) => Some(view! { <Reached page check/> }.into_any()),
        Err(ApiError(problem)) => Some(view! { <ProblemBox problem/> }.into_any()),
    };
    view! {
        <section class="reach" aria-label="Connections">
            <button type="button" class="small" disabled=move || check.pending().get()
                on:click=move |_| { check.dispatch(()); }>
                {move || if check.pending().get() { t!("Signing in to the nodes…") } else { t!("Check connections") }}
            </button>
            {found}
        </section>
    }
}

#[component]
fn Reached(page: ReachPage, check: Action<(), Result<ReachPage, ApiError>>) -> impl IntoView {
    let ReachPage { nodes, well, may_trust } = page;
    let summary = match (well, nodes.len()) {
        (0, 0) => t!("There is no node to sign in to.").to_owned(),
        (well, 0) => say!("Signed in to {nodes}.", nodes = count!(well, "node")),
        (well, bad) => say!("Signed in to {nodes}; {bad} cannot be worked on.", nodes = count!(well, "node")),
    };
    let locked = refusal(&may_trust);
    let rows =
        nodes.into_iter().map(|node| view! { <Unreached node locked=locked.clone() check/> }).collect_view();
    view! {
        <p class="note" role="status">{summary}</p>
        <ul class="unreached">{rows}</ul>
    }
}

#[component]
fn Unreached(
    node: NodeReach,
    locked: Option<Problem>,
    check: Action<(), Result<ReachPage, ApiError>>,
) -> impl IntoView {
    let NodeReach { addr, reach } = node;
    let (badge, text) = match reach {
        Reach::UnknownKey { host, kind, fingerprint } => {
            let text =
                view! { <UnknownKey addr=addr.clone() host kind fingerprint locked check/> }.into_any();
            (t!("Unknown host key"), text)
        }
        Reach::ChangedKey { why, fix } => (t!("Host key changed"), view! { <Told why fix/> }.into_any()),
        Reach::Failed { why, fix } => (t!("Cannot sign in"), view! { <Told why fix/> }.into_any()),
    };
    view! {
        <li class="card" aria-label=addr.clone()>
            <h3><span class="num">{addr.clone()}</span>" "<Badge tone=Tone::Bad text=badge/></h3>
            {text}
        </li>
    }
}

#[component]
fn Told(why: String, fix: String) -> impl IntoView {
    view! {
        <p>{why}</p>
        <p><b>"What to do: "</b>{fix}</p>
    }
}

/// Asks for the comparison that nobody can make for a person, and has the key recorded.
#[component]
fn UnknownKey(
    addr: String,
    host: String,
    kind: String,
    fingerprint: String,
    locked: Option<Problem>,
    check: Action<(), Result<ReachPage, ApiError>>,
) -> impl IntoView {
    let stopped = locked.is_some();
    let label = say!("Trust the host key of {host}");
    let file = match kind.as_str() {
        "ssh-ed25519" => "ssh_host_ed25519_key.pub",
        "ssh-rsa" => "ssh_host_rsa_key.pub",
        _ => "ssh_host_ecdsa_key.pub",
    };
    let compare = format!("ssh-keygen -lf /etc/ssh/{file}");
    let shown = fingerprint.clone();
    let trust = Action::new(move |(): &()| {
        let (addr, fingerprint) = (addr.clone(), fingerprint.clone());
        async move {
            api::trust_host_key(addr, fingerprint).await?;
            check.dispatch(());
            Ok::<(), ApiError>(())
        }
    });
    view! {
        <p>{say!("{host} shows a key ({kind}) that is not known:")}" "<code>{shown}</code></p>
        <p class="note">"Compare it with what the host itself says, on its own screen: "<Copyable text=compare/></p>
        <button type="button" class="small" disabled=move || stopped || trust.pending().get()
            on:click=move |_| { trust.dispatch(()); }>{label}</button>
        {locked.map(|problem| view! { <p class="refused-why">{problem.to_string()}</p> })}
        {move || trust.value().get().and_then(Result::err).map(|ApiError(problem)| view! { <ProblemBox problem/> })}
    }
}

#[component]
fn Nodes(page: NodesPage) -> impl IntoView {
    let NodesPage { rows, matching, all } = page;
    if rows.is_empty() {
        let words = if all == 0 {
            t!("The inventory names no host yet. Add a cluster there, or a group with hosts.")
        } else {
            t!("No host matches the filter.")
        };
        return view! { <p class="empty">{words}</p> }.into_any();
    }
    let count = match (rows.len(), matching) {
        (shown, matching) if shown < matching => {
            say!("The first {shown} of {matching}; filter to find others.")
        }
        (_, matching) if matching < all => say!("{matching} of {all}", all = count!(all, "node")),
        _ => count!(all, "node"),
    };
    let rows = rows.into_iter().map(|row| view! { <Row row/> }).collect_view();
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
fn Row(row: NodeRow) -> impl IntoView {
    let NodeRow { addr, groups, modules, instance, add, remove, may_plan } = row;
    let locked = refusal(&may_plan);
    let chips = |texts: Vec<String>| {
        texts.into_iter().map(|one| view! { <span class="chip">{one}</span> }).collect_view()
    };
    let holds = instance.is_some();
    let note = move |text: &'static str| Signal::derive(move || text.to_owned());
    let entries = vec![
        Entry {
            label: say!("Add node {addr}"),
            offer: add,
            against: Signal::derive(|| None),
            note: note(t!(
                "Brings it to what the node playbook declares. A node that is so already is only checked."
            )),
            danger: false,
        },
        Entry {
            label: say!("Remove node {addr}"),
            offer: remove,
            against: Signal::derive(|| None),
            note: note(if holds {
                t!("It holds an instance: remove that first, or the plan is refused while it is live.")
            } else {
                t!("Takes away what the node playbook has brought. Refused while a module is live there.")
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
