//! One cluster: its picture, why it is not healthy, what leads where, and what can be done.

use super::clusters::refresh;
use super::jobs::JobTable;
use super::title;
use crate::api::ApiError;
use crate::components::{
    Badge, Copyable, ProblemBox, RefusedNote, Tone, TopologyPicture, When, health, load,
};
use crate::components::{member_words, role_words};
use crate::live::{Live, Topic, follow, leave};
use crate::words::size;
use crate::{api, paths};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::{use_navigate, use_params_map};
use paddock_events::{
    ClusterPage, ClusterTopology, HealthLevel, MemberRole, ServerMessage, ServiceTopology, Verdict,
};

/// The page of `/clusters/:name`.
#[component]
pub fn ClusterView() -> impl IntoView {
    let params = use_params_map();
    let name = move || params.with(|params| params.get("name")).unwrap_or_default();
    let page = Resource::new_blocking(name, api::cluster);
    view! {
        <Title text=move || title(&name())/>
        {load(page, |page| view! { <Cluster page/> }.into_any())}
    }
}

#[component]
fn Cluster(page: ClusterPage) -> impl IntoView {
    let ClusterPage { row, topology, jobs, may_create, create_command } = page;
    let name = row.name.clone();
    let row = RwSignal::new(row);
    let topology = RwSignal::new(topology);
    let live = Live::get();
    let followed = name.clone();
    Effect::new(move |_| {
        let id = follow(live, Topic::Cluster(followed.clone()), move |message| {
            let ServerMessage::Topology { topology: seen } = message else { return };
            row.update(|row| refresh(row, &seen));
            // A snapshot that differs only in its time leaves the picture alone.
            topology.set(Some(seen));
        });
        on_cleanup(move || leave(id));
    });
    let picture = Memo::new(move |_| topology.get().map(|seen| ClusterTopology { at_us: 0, ..seen }));
    let tags = move || {
        let row = row.get();
        let (tone, word) = health(row.health);
        let paused = topology.with(|seen| seen.as_ref().is_some_and(|seen| seen.paused));
        view! {
            <Badge tone text=word/>
            {paused.then(|| view! { <Badge tone=Tone::Warn text="Patroni is paused"/> })}
            {row.running_job.map(|job| view! {
                <a href=paths::job(job)><Badge tone=Tone::Busy text=format!("job {job} runs")/></a>
            })}
        }
    };
    let seen = move || match row.with(|row| row.seen_at_us) {
        Some(at_us) => view! { "Seen "<When at_us=at_us/> }.into_any(),
        None => "Not looked at yet".into_any(),
    };
    let reasons = move || {
        let reasons = row.with(|row| row.reasons.clone());
        (!reasons.is_empty()).then(|| view! {
            <ul class="reasons">{reasons.into_iter().map(|why| view! { <li>{why}</li> }).collect_view()}</ul>
        })
    };
    let not_created = row.with_untracked(|row| row.health == HealthLevel::NotCreated);
    view! {
        <p class="crumbs"><a href=paths::CLUSTERS>"Clusters"</a></p>
        <div class="head">
            <h1>{name}</h1>
            <div class="tags">{tags}</div>
            <p class="seen">{seen}</p>
        </div>
        {reasons}
        <Create verdict=may_create command=create_command first=not_created/>
        <section aria-label="Topology" class="card flush">
            {move || match picture.get() {
                Some(topology) if !topology.members.is_empty() => view! { <TopologyPicture topology/> }.into_any(),
                _ => view! { <p class="empty">"The nodes have not been read yet; what runs is unknown."</p> }.into_any(),
            }}
        </section>
        {move || picture.get().map(|seen| view! { <Members seen=seen.clone()/><Services services=seen.services/> })}
        <h2>"Newest jobs"</h2>
        <JobTable rows=jobs/>
    }
}

#[component]
fn Create(verdict: Verdict, command: String, first: bool) -> impl IntoView {
    let navigate = use_navigate();
    let words: Vec<String> = command.split_whitespace().map(str::to_owned).collect();
    let make = Action::new(move |(): &()| {
        let (words, navigate) = (words.clone(), navigate.clone());
        async move {
            let made = api::make_plan(words).await;
            if let Ok(id) = &made {
                navigate(&paths::plan(*id), Default::default());
            }
            made
        }
    });
    let refused = match verdict {
        Verdict::Allowed => None,
        Verdict::Refused { problem } => Some(problem),
    };
    let stopped = refused.is_some();
    view! {
        <section class="card action" aria-label="Create">
            <div class="row">
                <button
                    type="button" class=if first { "primary" } else { "" }
                    disabled=move || stopped || make.pending().get()
                    aria-describedby="create-note"
                    on:click=move |_| { make.dispatch(()); }
                >
                    {move || if make.pending().get() { "Reading the nodes…" } else { "Create" }}
                </button>
                <Copyable text=command/>
            </div>
            {match refused {
                Some(problem) => view! { <RefusedNote problem id="create-note"/> }.into_any(),
                None => view! {
                    <p class="note" id="create-note">"Makes a plan first. Nothing changes before you have read it and run it."</p>
                }.into_any(),
            }}
            {move || make.value().get().and_then(Result::err).map(|ApiError(problem)| view! { <ProblemBox problem/> })}
        </section>
    }
}

#[component]
fn Members(seen: ClusterTopology) -> impl IntoView {
    let unknown = || "unknown".to_owned();
    let rows = seen
        .members
        .into_iter()
        .map(|member| {
            let (tone, state) = member_words(&member);
            let role = role_words(&member);
            // A leader has no lag; that of anybody else is known or unknown.
            let lag = match member.role {
                MemberRole::Primary | MemberRole::StandbyLeader => "–".to_owned(),
                _ => member.lag_bytes.map_or_else(unknown, size::bytes),
            };
            view! {
                <tr>
                    <th scope="row">{member.instance}</th>
                    <td class="num">{member.host}</td>
                    <td>{role}</td>
                    <td>
                        <Badge tone text=state/>
                        {member.unreachable.map(|why| view! { <span class="why">{why}</span> })}
                        {member.pending_restart.then(|| view! { <Badge tone=Tone::Warn text="restart pending"/> })}
                    </td>
                    <td class="num">{member.timeline.map_or_else(unknown, |timeline| timeline.to_string())}</td>
                    <td class="num">{lag}</td>
                    <td>{member.upstream.unwrap_or("–".to_owned())}</td>
                    <td class="num">{member.version.unwrap_or_else(unknown)}</td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <h2>"Members"</h2>
        <div class="table-box">
            <table>
                <thead><tr>
                    <th scope="col">"Instance"</th><th scope="col">"Node"</th><th scope="col">"Role"</th>
                    <th scope="col">"State"</th><th scope="col" class="num">"Timeline"</th>
                    <th scope="col" class="num">"Lag"</th><th scope="col">"Replicates from"</th>
                    <th scope="col" class="num">"Version"</th>
                </tr></thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
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
        <div class="table-box">
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
