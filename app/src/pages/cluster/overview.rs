//! What runs now: the picture, the members, the services.

use super::Shown;
use super::members::Members;
use crate::components::{Badge, Copyable, LinkedCluster, RefusedNote, Tone, TopologyPicture, health, routed};
use crate::pages::operate::{PlanProblem, planner};
use crate::paths;
use crate::words::member;
use leptos::prelude::*;
use paddock_events::{ClusterLink, ClusterTopology, HealthLevel, LinkKind, ServiceTopology};
use paddock_tongue::{count, say, t, view};
use wasm_bindgen::JsCast as _;

/// The first tab.
#[component]
pub fn Overview(shown: Shown) -> impl IntoView {
    // A snapshot that differs only in its time leaves the picture alone.
    let picture = Memo::new(move |_| shown.topology.get().map(|seen| ClusterTopology { at_us: 0, ..seen }));
    let services = Memo::new(move |_| picture.with(|seen| seen.as_ref().map(|seen| seen.services.clone())));
    let healthy = Memo::new(move |_| shown.row.with(|row| row.health == HealthLevel::Healthy));
    // What is degraded while every member runs, as by a pause, is not helped by creating it again.
    let whole = Memo::new(move |_| {
        picture.with(|seen| {
            seen.as_ref()
                .is_some_and(|seen| member::leader(seen).is_some() && seen.members.iter().all(member::runs))
        })
    });
    view! {
        {move || (!healthy.get() && !whole.get()).then(|| view! { <Create shown/> })}
        <section aria-label="Topology" class="card flush">
            {move || match picture.get() {
                Some(topology) if !topology.members.is_empty() => {
                    view! { <TopologyPicture topology links=links(shown) on_member=Callback::new(open_member)/> }.into_any()
                }
                _ => view! { <p class="empty">"The nodes have not been read yet; what runs is unknown."</p> }.into_any(),
            }}
            {move || services.with(|services| ways_in(shown, services.as_deref().unwrap_or_default()))}
        </section>
        <Members shown/>
        {move || services.get().map(|services| view! { <Services services/> })}
    }
}

/// The clusters that it hangs together with, sources first.
fn links(shown: Shown) -> Vec<LinkedCluster> {
    let one = |link: &ClusterLink| LinkedCluster {
        href: paths::cluster(&link.cluster),
        name: link.cluster.clone(),
        source: link.source,
        how: match (link.kind, link.source) {
            (LinkKind::Standby, true) => t!("upstream"),
            (LinkKind::Standby, false) => t!("standby cluster"),
            (LinkKind::Clone, true) => t!("restored from"),
            (LinkKind::Clone, false) => t!("clone by PITR"),
        },
        health: health(link.health),
    };
    let mut all: Vec<_> = shown.page.with_value(|page| page.links.iter().map(one).collect());
    all.sort_by_key(|link| !link.source);
    all
}

/// Opens a member's panel, which its row in the table has; whether it has one.
fn open_member(name: String) -> bool {
    let button = document().query_selector(&format!("[popovertarget='menu-{name}']")).ok().flatten();
    let Some(button) = button.and_then(|found| found.dyn_into::<web_sys::HtmlElement>().ok()) else {
        return false;
    };
    button.scroll_into_view();
    button.click();
    true
}

/// By which ports clients come in and whom they reach now, and who keeps the leader's lock.
fn ways_in(shown: Shown, services: &[ServiceTopology]) -> impl IntoView + use<> {
    let ways = services
        .iter()
        .map(|service| {
            let to: Vec<_> = routed(service).into_iter().map(|server| server.instance.clone()).collect();
            let to = if to.is_empty() {
                view! { <Badge tone=Tone::Warn text="nobody"/> }.into_any()
            } else {
                let link = |name: String| view! { <a href=format!("#member-{name}")>{name.clone()}</a>" " };
                to.into_iter().map(link).collect_view().into_any()
            };
            view! { <div><dt>{service.name.clone()}" "<span class="num">{service.port}</span></dt><dd>{to}</dd></div> }
        })
        .collect_view();
    let dcs = shown.page.with_value(|page| page.dcs.clone());
    let lock = (!dcs.is_empty()).then(|| {
        let hosts = dcs
            .into_iter()
            .map(|addr| view! { <a class="num" href=paths::nodes(&addr)>{addr.clone()}</a>" " });
        view! { <div><dt>"Leader's lock, etcd"</dt><dd>{hosts.collect_view()}</dd></div> }
    });
    view! { <dl class="figures ways">{ways}{lock}</dl> }
}

/// Creates the cluster, or brings it to what the inventory says.
#[component]
pub fn Create(shown: Shown) -> impl IntoView {
    let offer = shown.offer("create")?;
    let planning = planner();
    let refused = shown.locked();
    let stopped = refused.is_some();
    let first = shown.row.with_untracked(|row| row.health == HealthLevel::NotCreated);
    let words = offer.words.clone();
    Some(view! {
        <section class="card action" aria-label="Create">
            <div class="row">
                <button
                    type="button" class=if first { "primary" } else { "" }
                    disabled=move || stopped || planning.pending().get()
                    aria-describedby="create-note"
                    on:click=move |_| { planning.dispatch(words.clone()); }
                >
                    {move || if planning.pending().get() { t!("Reading the nodes…") } else { t!("Create") }}
                </button>
                <Copyable text=offer.script/>
                {offer.playbook.map(|playbook| view! { <Copyable text=playbook/> })}
            </div>
            {match refused {
                Some(problem) => view! { <RefusedNote problem id="create-note"/> }.into_any(),
                None => view! {
                    <p class="note" id="create-note">
                        {(!first).then_some(t!("Of what is there already, steps that hold are only checked. "))}
                        "Makes a plan first. Nothing changes before you have read it and run it."
                    </p>
                }.into_any(),
            }}
            <PlanProblem planning/>
        </section>
    })
}

#[component]
fn Services(services: Vec<ServiceTopology>) -> impl IntoView {
    if services.is_empty() {
        return ().into_any();
    }
    let rows = services
        .into_iter()
        .map(|service| {
            let servers = service
                .servers
                .into_iter()
                .map(|server| {
                    let tone = match server.status.as_str() {
                        up if up.starts_with("UP") => Tone::Good,
                        down if down.starts_with("DOWN") => Tone::Quiet,
                        _ => Tone::Warn,
                    };
                    let spare = if server.backup { t!(" · spare") } else { "" };
                    let (sessions, weight) = (count!(server.sessions as usize, "session"), server.weight);
                    view! {
                        <span class="server" title=say!("weight {weight}")>
                            <Badge tone text=server.status/>{server.instance}
                            <small>{format!("{sessions}{spare}")}</small>
                        </span>
                    }
                })
                .collect_view();
            view! {
                <tr>
                    <th scope="row">{service.name}</th>
                    <td class="num">{service.port}</td>
                    <td class="servers">{servers}</td>
                    <td class="num">{service.seen_from}</td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <h2>"Services"</h2>
        <div class="table-box" tabindex="0">
            <table>
                <thead><tr>
                    <th scope="col">"Service"</th><th scope="col" class="num">"Port"</th>
                    <th scope="col">"Servers, as HAProxy has them now"</th><th scope="col" class="num">"Asked on"</th>
                </tr></thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
    .into_any()
}
