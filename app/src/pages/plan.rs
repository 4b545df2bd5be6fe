//! A plan: what would happen, before it happens.

use super::approval::{Approval, follow};
use crate::api::ApiError;
use crate::components::{Badge, Copyable, ProblemBox, RefusedNote, Tone, load, ticked, titled};
use crate::{api, paths};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::{use_navigate, use_params_map};
use paddock_events::{DryRun, PlanId, PlanPage, PlanStage, PlanStanding, PlanStep, Verdict};
use paddock_tongue::{count, say, t, view};

/// The page of `/plans/:id`.
#[component]
pub fn PlanView() -> impl IntoView {
    let params = use_params_map();
    let id = move || params.with(|params| params.get("id")).and_then(|id| id.parse().ok()).unwrap_or(0);
    let page = Resource::new_blocking(id, api::plan);
    view! {
        <Title text=titled(move || say!("Plan {id}", id = id()))/>
        {load(page, |page| view! { <Plan page/> }.into_any())}
    }
}

#[component]
fn Plan(page: PlanPage) -> impl IntoView {
    let steps: usize = page.stages.iter().flat_map(|stage| &stage.hosts).map(|host| host.2.len()).sum();
    let mut hosts: Vec<&str> =
        page.stages.iter().flat_map(|stage| &stage.hosts).map(|host| host.0.as_str()).collect();
    hosts.sort_unstable();
    hosts.dedup();
    let facts = say!(
        "{steps} on {hosts} in {stages} · inventory revision {revision} · digest {digest}",
        steps = count!(steps, "step"),
        hosts = count!(hosts.len(), "host"),
        stages = count!(page.stages.len(), "stage"),
        revision = page.revision,
        digest = page.digest.chars().take(12).collect::<String>()
    );
    let id = page.id;
    let standing = RwSignal::new(page.standing.clone());
    let destroys = !page.destroys.is_empty();
    // What a freeze kept from running when the page was opened has its card as long as the page is open.
    let card = destroys || page.standing.rules.freeze.is_some();
    if card {
        follow(id, standing);
    }
    view! {
        <p class="crumbs">
            {match &page.cluster {
                Some(name) => view! { <a href=paths::cluster(name)>{name.clone()}</a> }.into_any(),
                None => view! { <a href=paths::CLUSTERS>"Clusters"</a> }.into_any(),
            }}
        </p>
        <div class="head"><h1>{page.title.clone()}</h1></div>
        <p class="facts">{facts}</p>
        <Told class="warn" head="Read first" lines=page.warnings.clone()/>
        <Told class="bad" head="Destroys" lines=page.destroys.clone()/>
        <Told class="warn" head="Restarts or interrupts" lines=page.interrupts.clone()/>
        {card.then(|| view! { <Approval id name=page.confirm_name.clone() destroys blast=page.blast.clone() standing/> })}
        <Actions id standing/>
        <h2>"What it runs"</h2>
        <ol class="plays">
            {page.plays.into_iter().map(|(line, because)| view! {
                <li><Copyable text=line/>{because.map(|because| view! { <span class="why">{because}</span> })}</li>
            }).collect_view()}
        </ol>
        <p class="note">"From a terminal: "<Copyable text=page.command/></p>
        <h2>"Steps"</h2>
        {page.stages.into_iter().enumerate().map(|(at, stage)| view! { <Stage at stage/> }).collect_view()}
        <p class="note">{say!("Plan {id}. What is shown here is what runs; a plan does not change after it is made.")}</p>
    }
}

#[component]
fn Told(class: &'static str, head: &'static str, lines: Vec<String>) -> impl IntoView {
    (!lines.is_empty()).then(|| {
        view! {
            <section class=format!("told {class}") aria-label=head>
                <h2>{head}</h2>
                <ul>{lines.into_iter().map(|line| view! { <li>{ticked(&line)}</li> }).collect_view()}</ul>
            </section>
        }
    })
}

#[component]
fn Actions(id: PlanId, standing: RwSignal<PlanStanding>) -> impl IntoView {
    let navigate = use_navigate();
    let run = Action::new(move |(): &()| {
        let navigate = navigate.clone();
        async move {
            let job = api::run(id).await;
            if let Ok(job) = &job {
                navigate(&paths::job(*job), Default::default());
            }
            job
        }
    });
    let check = Action::new(move |(): &()| api::dry_run(id));
    let refused = Memo::new(move |_| {
        standing.with(|standing| match &standing.may_run {
            Verdict::Allowed => None,
            Verdict::Refused { problem } => Some(problem.clone()),
        })
    });
    let stopped = move || refused.with(Option::is_some);
    let has_run = Memo::new(move |_| standing.with(|standing| standing.job));
    view! {
        <section class="card action" aria-label="Actions">
            <div class="row">
                {move || match has_run.get() {
                    Some(job) => view! { <a class="button primary" href=paths::job(job)>{say!("Open job {job}")}</a> }.into_any(),
                    None => view! {
                        <button
                            type="button" class="primary" aria-describedby="run-note"
                            disabled=move || stopped() || run.pending().get()
                            on:click=move |_| { run.dispatch(()); }
                        >
                            {move || if run.pending().get() { t!("Starting…") } else { t!("Run") }}
                        </button>
                    }.into_any(),
                }}
                <button type="button" disabled=move || check.pending().get() on:click=move |_| { check.dispatch(()); }>
                    {move || if check.pending().get() { t!("Checking the nodes…") } else { t!("Dry run") }}
                </button>
                <span class="note">"A dry run checks every step on the nodes and changes nothing."</span>
            </div>
            {move || refused.get().filter(|_| has_run.get().is_none()).map(|problem| view! { <RefusedNote problem id="run-note"/> })}
            {move || run.value().get().and_then(Result::err).map(|ApiError(problem)| view! { <ProblemBox problem/> })}
            {move || check.value().get().map(|result| match result {
                Ok(found) => view! { <Found found/> }.into_any(),
                Err(ApiError(problem)) => view! { <ProblemBox problem/> }.into_any(),
            })}
        </section>
    }
}

/// What a dry run found, by host.
#[component]
fn Found(found: DryRun) -> impl IntoView {
    let DryRun { holding, would_change, unknown } = found;
    let mut hosts: Vec<String> = would_change.iter().map(|row| row.0.clone()).collect();
    hosts.extend(unknown.iter().map(|row| row.0.clone()));
    hosts.sort();
    hosts.dedup();
    let words = say!(
        "{hold} already, {change} would change, {unknown} cannot be told yet.",
        hold = count!(holding as usize, "step holds", "steps hold"),
        change = would_change.len(),
        unknown = unknown.len()
    );
    let nothing = would_change.is_empty() && unknown.is_empty();
    let by_host = hosts
        .into_iter()
        .map(|host| {
            let changes = would_change
                .iter()
                .filter(|row| row.0 == host)
                .map(|(_, id, title, diff)| {
                    view! {
                        <details class="step">
                            <summary><Badge tone=Tone::Warn text="would change"/>{title.clone()}<code>{id.clone()}</code></summary>
                            <Diff text=diff.clone()/>
                        </details>
                    }
                })
                .collect_view();
            let unknowns = unknown
                .iter()
                .filter(|row| row.0 == host)
                .map(|(_, id, why)| {
                    view! {
                        <p class="step"><Badge tone=Tone::Quiet text="cannot be told"/><code>{id.clone()}</code>
                            <span class="why">{why.clone()}</span></p>
                    }
                })
                .collect_view();
            view! { <h3>{host}</h3>{changes}{unknowns} }
        })
        .collect_view();
    view! {
        <div class="found" role="status">
            <p>
                {if nothing { view! { <Badge tone=Tone::Good text="nothing to do"/> }.into_any() } else { ().into_any() }}
                " "{words}
            </p>
            {by_host}
        </div>
    }
}

/// A unified diff in colours.
#[component]
fn Diff(text: String) -> impl IntoView {
    let lines = text
        .lines()
        .map(|line| {
            let class = match line.as_bytes().first() {
                Some(b'+') => "added",
                Some(b'-') => "removed",
                Some(b'@') => "hunk",
                _ => "",
            };
            view! { <span class=class>{format!("{line}\n")}</span> }
        })
        .collect_view();
    view! { <pre class="diff">{lines}</pre> }
}

#[component]
fn Stage(at: usize, stage: PlanStage) -> impl IntoView {
    let steps: usize = stage.hosts.iter().map(|host| host.2.len()).sum();
    let hosts = stage
        .hosts
        .into_iter()
        .map(|(host, instance, steps)| {
            let name = instance.map_or_else(|| host.clone(), |instance| format!("{instance} ({host})"));
            view! {
                <details class="host">
                    <summary><b>{name}</b><span class="note">{count!(steps.len(), "step")}</span></summary>
                    <ol class="steps">{steps.into_iter().map(|step| view! { <Step step/> }).collect_view()}</ol>
                </details>
            }
        })
        .collect_view();
    view! {
        <details class="stage" open>
            <summary><span class="ord">{at + 1}</span><b>{stage.name}</b><span class="note">{count!(steps, "step")}</span></summary>
            {hosts}
        </details>
    }
}

#[component]
fn Step(step: PlanStep) -> impl IntoView {
    let effect = step.effect.map(|effect| view! { <Badge tone=Tone::Warn text=effect/> });
    let head = view! { <span>{step.title}</span>{effect}<code>{step.id}</code> };
    match step.detail {
        Some(detail) => {
            view! { <li><details><summary>{head}</summary><pre>{detail}</pre></details></li> }.into_any()
        }
        None => view! { <li class="plain">{head}</li> }.into_any(),
    }
}
