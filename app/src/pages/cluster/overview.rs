//! What runs now: the picture, the members, the services.

use super::Shown;
use super::members::Members;
use crate::components::{Badge, Copyable, RefusedNote, Tone, TopologyPicture};
use crate::pages::operate::{PlanProblem, planner};
use crate::words::size;
use leptos::prelude::*;
use paddock_events::{ClusterTopology, HealthLevel, ServiceTopology};

/// The first tab.
#[component]
pub fn Overview(shown: Shown) -> impl IntoView {
    // A snapshot that differs only in its time leaves the picture alone.
    let picture = Memo::new(move |_| shown.topology.get().map(|seen| ClusterTopology { at_us: 0, ..seen }));
    let services = Memo::new(move |_| picture.with(|seen| seen.as_ref().map(|seen| seen.services.clone())));
    let unwell = Memo::new(move |_| shown.row.with(|row| row.health != HealthLevel::Healthy));
    view! {
        {move || unwell.get().then(|| view! { <Create shown/> })}
        <section aria-label="Topology" class="card flush">
            {move || match picture.get() {
                Some(topology) if !topology.members.is_empty() => view! { <TopologyPicture topology/> }.into_any(),
                _ => view! { <p class="empty">"The nodes have not been read yet; what runs is unknown."</p> }.into_any(),
            }}
        </section>
        <Members shown/>
        {move || services.get().map(|services| view! { <Services services/> })}
    }
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
                    {move || if planning.pending().get() { "Reading the nodes…" } else { "Create" }}
                </button>
                <Copyable text=offer.script/>
                {offer.playbook.map(|playbook| view! { <Copyable text=playbook/> })}
            </div>
            {match refused {
                Some(problem) => view! { <RefusedNote problem id="create-note"/> }.into_any(),
                None => view! {
                    <p class="note" id="create-note">"Makes a plan first. Nothing changes before you have read it and run it."</p>
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
                    let spare = if server.backup { " · spare" } else { "" };
                    let (sessions, weight) =
                        (size::count(server.sessions as usize, "session"), server.weight);
                    view! {
                        <span class="server" title=format!("weight {weight}")>
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
