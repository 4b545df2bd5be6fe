//! All clusters, with their health.

use crate::components::{Badge, Tone, When, health, load};
use crate::live::{Live, Topic, follow, leave};
use crate::words::size;
use crate::{api, paths};
use leptos::prelude::*;
use leptos_meta::Title;
use paddock_events::{ClusterRow, ClusterTopology, MemberRole, ServerMessage};

/// The list; it takes live pictures of the fleet.
#[component]
pub fn ClustersView() -> impl IntoView {
    let clusters = Resource::new_blocking(|| (), |()| api::clusters());
    view! {
        <Title text="Clusters"/>
        <div class="head">
            <h1>"Clusters"</h1>
            <a class="button" href=format!("{}#add", paths::INVENTORY)>"Add cluster"</a>
        </div>
        {load(clusters, |rows| view! { <Rows rows/> }.into_any())}
    }
}

#[component]
fn Rows(rows: Vec<ClusterRow>) -> impl IntoView {
    if rows.is_empty() {
        return view! {
            <div class="empty-state">
                <h2>"No cluster is declared yet"</h2>
                <p>"Clusters are declared in the inventory. Add one there, save, then press Create on its page."</p>
                <a class="button primary" href=format!("{}#add", paths::INVENTORY)>"Add the first cluster"</a>
            </div>
        }
        .into_any();
    }
    let rows: Vec<(String, RwSignal<ClusterRow>)> =
        rows.into_iter().map(|row| (row.name.clone(), RwSignal::new(row))).collect();
    let signals = StoredValue::new(rows.clone());
    let live = Live::get();
    Effect::new(move |_| {
        let id = follow(live, Topic::Fleet, move |message| {
            let ServerMessage::Topology { topology } = message else { return };
            let row = signals
                .with_value(|rows| rows.iter().find(|(name, _)| *name == topology.cluster).map(|row| row.1));
            if let Some(row) = row {
                row.update(|row| refresh(row, &topology));
            }
        });
        on_cleanup(move || leave(id));
    });
    view! {
        <div class="table-box">
            <table class="clusters">
                <thead>
                    <tr>
                        <th scope="col">"Cluster"</th><th scope="col">"Health"</th><th scope="col">"Members"</th>
                        <th scope="col">"Primary"</th><th scope="col">"Version"</th>
                        <th scope="col" class="num">"Largest lag"</th><th scope="col">"Seen"</th>
                    </tr>
                </thead>
                <tbody>{rows.into_iter().map(|(name, row)| view! { <Row name row/> }).collect_view()}</tbody>
            </table>
        </div>
    }
    .into_any()
}

#[component]
fn Row(name: String, row: RwSignal<ClusterRow>) -> impl IntoView {
    let state = move || {
        let row = row.get();
        let (tone, word) = health(row.health);
        let why = row.reasons.first().cloned();
        view! { <Badge tone text=word/>{why.map(|why| view! { <span class="why">{why}</span> })} }
    };
    let job = move || {
        row.with(|row| row.running_job).map(|job| {
            view! { <a class="job" href=paths::job(job)><Badge tone=Tone::Busy text=format!("job {job} runs")/></a> }
        })
    };
    let dash = |text: Option<String>| text.unwrap_or_else(|| "–".to_owned());
    view! {
        <tr>
            <th scope="row"><a href=paths::cluster(&name)>{name.clone()}</a>{job}</th>
            <td>{state}</td>
            <td>{move || row.with(|row| {
                row.instances.iter().map(|(instance, host, role)| view! {
                    <span class="chip" title=format!("{role} on {host}")>{instance.clone()}</span>
                }).collect_view()
            })}</td>
            <td>{move || dash(row.with(|row| row.leader.clone()))}</td>
            <td class="num">{move || row.with(|row| row.version.clone())}</td>
            <td class="num">{move || dash(row.with(|row| row.max_lag_bytes).map(size::bytes))}</td>
            <td class="seen">{move || match row.with(|row| row.seen_at_us) {
                Some(at_us) => view! { <When at_us=at_us/> }.into_any(),
                None => "not yet".into_any(),
            }}</td>
        </tr>
    }
}

/// Takes a fresh picture into a row; what pictures do not tell stays.
pub fn refresh(row: &mut ClusterRow, seen: &ClusterTopology) {
    row.health = seen.health;
    row.reasons = seen.reasons.clone();
    row.seen_at_us = Some(seen.at_us);
    let leads = |role| matches!(role, MemberRole::Primary | MemberRole::StandbyLeader);
    let leader = seen.members.iter().find(|member| leads(member.role));
    row.leader = leader.map(|member| member.instance.clone());
    if let Some(version) = leader.and_then(|member| member.version.clone()) {
        row.version = version;
    }
    let followers = seen.members.iter().filter(|member| !leads(member.role));
    // One unknown lag makes the largest unknown.
    let lags: Option<Vec<u64>> = followers.map(|member| member.lag_bytes).collect();
    row.max_lag_bytes = lags.and_then(|lags| lags.into_iter().max());
}
