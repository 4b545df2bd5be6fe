//! One job: how far it is, what each step does on each host, every line, and how to stop it or go on.

use super::job_state::JobState;
use super::replay::{self, ReplayBar};
use super::stages::{Selected, Stages};
use crate::api::ApiError;
use crate::components::{
    Badge, Clock, Log, LogLine, LogPane, ProblemBox, RefusedNote, Since, When, load, outcome, titled,
};
use crate::live::Live;
use crate::words::{estimate, size, time};
use crate::{api, paths};
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_meta::Title;
use leptos_router::hooks::use_params_map;
use paddock_events::{JobId, JobOutcome, JobPage, Verdict};
use std::collections::HashMap;

/// Lines fetched at once when earlier ones are wanted.
const EARLIER: u64 = 2_000;

/// The page of `/jobs/:id`.
#[component]
pub fn JobView() -> impl IntoView {
    let params = use_params_map();
    let id = move || params.with(|params| params.get("id")).and_then(|id| id.parse().ok()).unwrap_or(0);
    let page = Resource::new_blocking(id, api::job);
    view! {
        <Title text=titled(move || format!("Job {}", id()))/>
        {load(page, |page| view! { <Job page/> }.into_any())}
    }
}

#[component]
fn Job(page: JobPage) -> impl IntoView {
    let state = JobState::new(&page);
    state.follow(Live::get());
    let JobPage { row, earlier_ms, may_cancel, may_resume, .. } = page;
    let selected = RwSignal::new(None::<u32>);
    let replay = RwSignal::new(None::<replay::Replay>);
    let replay_shown = replay;
    // Selecting a step also narrows the output to it.
    Effect::new(move |_| {
        state.log.step.set(selected.get());
        if let Some(replay) = replay.get() {
            replay.state.log.step.set(selected.get());
        }
    });
    let head = state.head;
    let hosts = state.with_outline(|outline| {
        let name = |host: &str| {
            let instance =
                outline.steps.iter().filter(|step| step.host == host).find_map(|step| step.instance.clone());
            instance.map_or_else(|| host.to_owned(), |instance| format!("{instance} ({host})"))
        };
        outline.hosts().into_iter().map(|host| (host.to_owned(), name(host))).collect::<Vec<_>>()
    });
    let commands = state.with_outline(|outline| outline.command_lines.join(" && "));
    let badge = move || {
        let head = head.get();
        let (tone, word) = outcome(head.outcome.as_ref(), head.started_us.is_some());
        view! { <Badge tone text=word/> }
    };
    view! {
        <p class="crumbs">
            <a href=paths::JOBS>"Jobs"</a>
            {row.cluster.clone().map(|name| view! { " / "<a href=paths::cluster(&name)>{name.clone()}</a> })}
        </p>
        <div class="head">
            <h1>{row.title}</h1>
            <div class="tags">{badge}</div>
            <p class="seen">{format!("Job {} · {} · ", row.id, row.by)}<When at_us=row.created_us/></p>
        </div>
        <p class="facts"><code>{commands}</code></p>
        <Progress state earlier_ms/>
        <End state cluster=row.cluster/>
        <Controls state may_cancel may_resume/>
        <Recording state replay/>
        <Show when=move || state.broken.get()>
            <p class="told warn" role="alert">"This page does not fit the job any more. Reload it."</p>
        </Show>
        {move || {
            // A replay is shown in the place of the job; the job itself goes on to be folded behind it.
            let played = replay.get();
            let state = played.map_or(state, |played| played.state);
            let hosts = hosts.clone();
            let earlier = Callback::new(move |()| if played.is_none() { fetch_earlier(state.job, state.log) });
            view! {
                {played.map(|replay| view! { <ReplayBar replay close=Callback::new(move |()| replay_shown.set(None))/> })}
                <div class="job">
                    <div class="job-steps"><Stages state selected/></div>
                    <div class="job-log">
                        <Selected state selected/>
                        <LogPane log=state.log hosts on_earlier=earlier/>
                    </div>
                </div>
            }
        }}
    }
}

/// The bar, how much is done, and how long it may still take.
#[component]
fn Progress(state: JobState, earlier_ms: Vec<(String, u64)>) -> impl IntoView {
    let clock = Clock::get();
    let earlier: StoredValue<HashMap<String, u64>> = StoredValue::new(earlier_ms.into_iter().collect());
    let total = state.with_outline(|outline| outline.steps.len());
    let now = Memo::new(move |_| {
        let head = state.head.get();
        // An ended job needs no clock.
        let now_us = if head.finished_us.is_some() { None } else { clock.now_us() };
        let guess = state.with_outline(|outline| {
            earlier
                .with_value(|earlier| estimate::estimate(outline, |at| state.peek_step(at), earlier, now_us))
        });
        (guess, head)
    });
    let percent = move || now.with(|(guess, _)| guess.percent);
    let words = move || {
        let (guess, head) = now.get();
        let steps = format!("{} of {}, {} changed", head.finished, size::count(total, "step"), head.changed);
        let left = match (guess.left_ms, &head.outcome) {
            (Some(left), None) if left >= 1_000 => {
                format!(" · about {} left", time::duration(left / 1_000 * 1_000))
            }
            (None, None) => " · no earlier run to estimate from".to_owned(),
            _ => String::new(),
        };
        steps + &left
    };
    let took = move || {
        let head = state.head.get();
        match (head.started_us, head.finished_us) {
            (Some(from), Some(to)) => Some(
                view! { <span class="num">{time::duration(time::between_ms(from, to))}</span> }.into_any(),
            ),
            (Some(from), None) => Some(view! { <Since from_us=from/> }.into_any()),
            _ => None,
        }
    };
    let class = move || {
        let (tone, _) = now.with(|(_, head)| outcome(head.outcome.as_ref(), head.started_us.is_some()));
        format!("bar {}", tone.look().0)
    };
    view! {
        <div
            class=class role="progressbar" aria-label="Progress"
            aria-valuemin="0" aria-valuemax="100" aria-valuenow=move || percent().to_string()
        >
            <div style:width=move || format!("{}%", percent())></div>
        </div>
        <p class="progress"><b class="num">{move || format!("{}%", percent())}</b>" "{words}<span class="took">{took}</span></p>
    }
}

/// How it ended, and what now.
#[component]
fn End(state: JobState, cluster: Option<String>) -> impl IntoView {
    move || {
        let cluster = cluster.clone();
        state.head.get().outcome.map(|ended| match ended {
            JobOutcome::Succeeded => view! {
                <section class="told good" role="status">
                    <p>
                        "Every step and every post-condition holds. "
                        {cluster.map(|name| view! { <a href=paths::cluster(&name)>{format!("Look at {name}")}</a> })}
                    </p>
                </section>
            }
            .into_any(),
            JobOutcome::Failed { reason, .. } => view! {
                <section class="told bad" role="alert">
                    <h2>"It failed"</h2>
                    <p class="reason">{reason}</p>
                    <p>"Remove the cause, then resume: steps that hold are only checked again."</p>
                </section>
            }
            .into_any(),
            JobOutcome::Cancelled => view! {
                <section class="told warn" role="status">
                    <p>"It was stopped. Steps below tell what was done and what was not; resume goes on from there."</p>
                </section>
            }
            .into_any(),
            JobOutcome::Interrupted => view! {
                <section class="told warn" role="status">
                    <p>"The console stopped in the middle. Resume checks from the first step that had not finished."</p>
                </section>
            }
            .into_any(),
        })
    }
}

#[component]
fn Controls(state: JobState, may_cancel: Verdict, may_resume: Verdict) -> impl IntoView {
    let refusal = |verdict: Verdict| match verdict {
        Verdict::Allowed => None,
        Verdict::Refused { problem } => Some(problem),
    };
    // The verdicts are of the time the page was made; what depends on the job's state is decided by it here,
    // and by the console again when the button is pressed.
    let cancel_refused = StoredValue::new(refusal(may_cancel).filter(of_the_person));
    let resume_refused = StoredValue::new(refusal(may_resume).filter(of_the_person));
    let cancel = Action::new(move |now: &bool| api::cancel(state.job, *now));
    let resume = Action::new(move |(): &()| async move {
        let answer = api::resume(state.job).await;
        if answer.is_ok() {
            state.listen_again();
        }
        answer
    });
    let runs = move || state.head.with(|head| head.outcome.is_none());
    let may_go_on = move || {
        state.head.with(|head| matches!(&head.outcome, Some(ended) if *ended != JobOutcome::Succeeded))
    };
    let problem = move || {
        let cancelled = cancel.value().get().and_then(Result::err);
        cancelled
            .or(resume.value().get().and_then(Result::err))
            .map(|ApiError(problem)| view! { <ProblemBox problem/> })
    };
    view! {
        <div class="row controls">
            <Show when=runs>
                {move || match state.head.with(|head| head.cancel_by.clone()) {
                    Some(by) => view! { <span class="note">{format!("{by} asked it to stop")}</span> }.into_any(),
                    None => view! {
                        <button
                            type="button" disabled=move || cancel_refused.with_value(Option::is_some) || cancel.pending().get()
                            on:click=move |_| { cancel.dispatch(false); }
                        >"Stop after this step"</button>
                    }.into_any(),
                }}
                <button
                    type="button" class="danger"
                    disabled=move || cancel_refused.with_value(Option::is_some) || cancel.pending().get()
                    on:click=move |_| { cancel.dispatch(true); }
                >"Stop now"</button>
                {cancel_refused.get_value().map(|problem| view! { <RefusedNote problem id="cancel-note"/> })}
            </Show>
            <Show when=may_go_on>
                <button
                    type="button" class="primary"
                    disabled=move || resume_refused.with_value(Option::is_some) || resume.pending().get()
                    on:click=move |_| { resume.dispatch(()); }
                >"Resume"</button>
                {resume_refused.get_value().map(|problem| view! { <RefusedNote problem id="resume-note"/> })}
            </Show>
        </div>
        {problem}
    }
}

/// A finished job as a file to be kept, and once more on this page.
#[component]
fn Recording(state: JobState, replay: RwSignal<Option<replay::Replay>>) -> impl IntoView {
    let start = replay::start(state, replay);
    let ended = move || state.head.with(|head| head.outcome.is_some());
    view! {
        <Show when=ended>
            <div class="row recording">
                <a class="button" rel="external" download href=paths::recording(state.job)>"Download recording"</a>
                <button type="button" disabled=move || start.pending().get() || replay.with(Option::is_some)
                    on:click=move |_| { start.dispatch(()); }>
                    {move || if start.pending().get() { "Reading the events…" } else { "Replay" }}
                </button>
                <span class="note">"An asciicast of every line with its time; the replay shows the same here."</span>
            </div>
            {move || start.value().get().and_then(Result::err).map(|ApiError(problem)| view! { <ProblemBox problem/> })}
        </Show>
    }
}

/// A refusal that stays true whatever the job does.
fn of_the_person(problem: &paddock_events::Problem) -> bool {
    use paddock_events::ProblemKind::{Forbidden, SignedOut};
    matches!(problem.kind, Forbidden | SignedOut)
}

/// Fetches what stands before the first line here; without lines among those events it goes further back.
fn fetch_earlier(job: JobId, log: Log) {
    spawn_local(async move {
        let Some(mut until) = log.first_seq() else { return };
        while until > 0 {
            let from = until.saturating_sub(EARLIER);
            let wanted = u32::try_from(until - from).unwrap_or(u32::MAX);
            // When it fails the button stays, and can be pressed again.
            let Ok(events) = api::job_events(job.0, from, wanted).await else { return };
            let lines: Vec<LogLine> =
                events.iter().filter(|event| event.seq < until).filter_map(LogLine::of).collect();
            if from == 0 || !lines.is_empty() {
                let left = log.earlier.get_untracked().saturating_sub(lines.len() as u64);
                log.prepend(lines, if from == 0 { 0 } else { left });
                return;
            }
            until = from;
        }
    });
}
