//! One job: how far it is, what each step does on each host, every line, and how to stop it or go on.

use super::job_log::{Address, LogPane};
use super::job_state::JobState;
use super::replay::{self, ReplayBar};
use super::stages::{Selected, Stages};
use crate::api::ApiError;
use crate::components::{Badge, Clock, ProblemBox, RefusedNote, Since, When, load, outcome, titled};
use crate::live::Live;
use crate::words::{estimate, time};
use crate::{api, notices, paths};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::{use_params_map, use_query_map};
use paddock_events::{JobId, JobOutcome, JobOutline, JobPage, LogLines, Verdict};
use paddock_tongue::{count, say, t, view};
use std::collections::{HashMap, HashSet};

/// Lines that the page brings along.
const BROUGHT: usize = 400;

/// The page of `/jobs/:id`.
#[component]
pub fn JobView() -> impl IntoView {
    let params = use_params_map();
    let id = move || params.with(|params| params.get("id")).and_then(|id| id.parse().ok()).unwrap_or(0);
    // Read once for each job: while the page lives, it writes its address itself.
    let query = use_query_map();
    let address = move || query.with_untracked(|query| Address::read(|key| query.get(key)));
    let page = Resource::new_blocking(
        move || (id(), untrack(address)),
        |(id, address)| async move {
            let mut page = api::job(id).await?;
            let lines = match address.query() {
                Some(query) => Some(api::job_lines(JobId(id), query).await?),
                None => None,
            };
            // They travel in the document: no more than are shown at first.
            let cut = page.lines.len().saturating_sub(if lines.is_some() { 0 } else { BROUGHT });
            page.lines.drain(..cut);
            page.earlier_lines += cut as u64;
            Ok((page, address, lines))
        },
    );
    view! {
        <Title text=titled(move || say!("Job {id}", id = id()))/>
        {load(page, |(page, address, lines)| view! { <Job page address lines/> }.into_any())}
    }
}

/// The steps of an outline as they are chosen among: each once, whatever number of hosts has it.
fn steps_of(outline: &JobOutline) -> Vec<(String, String)> {
    let mut steps: Vec<(String, String)> = Vec::new();
    let mut known = HashSet::new();
    for step in &outline.steps {
        if known.insert(&step.id) {
            steps.push((step.id.clone(), step.title.clone()));
        }
    }
    steps
}

#[component]
fn Job(page: JobPage, address: Address, lines: Option<LogLines>) -> impl IntoView {
    let state = JobState::new(&page, &address, lines);
    state.follow(Live::get());
    let JobPage { row, earlier_ms, may_cancel, may_resume, .. } = page;
    let selected = RwSignal::new(address.filter.step.parse().ok());
    let replay = RwSignal::new(None::<replay::Replay>);
    let replay_shown = replay;
    // Selecting a step also narrows the output to it.
    Effect::new(move |before: Option<Option<u32>>| {
        let now = selected.get();
        let logs = [Some(state.log), replay.get().map(|replay| replay.state.log)];
        for log in logs.into_iter().flatten().filter(|_| before.is_some_and(|before| before != now)) {
            log.narrow(now);
        }
        now
    });
    // And who chooses another step there sees no more of this one.
    Effect::new(move |_| {
        let step = state.log.filter.with(|filter| filter.step.parse().ok());
        selected.maybe_update(|selected| std::mem::replace(selected, step) != step);
    });
    let head = state.head;
    let (title, to) = (row.title.clone(), paths::job(row.id));
    Effect::new(move |before: Option<bool>| {
        let (_, word) = head.with(|head| outcome(head.outcome.as_ref(), head.started_us.is_some()));
        let ended = head.with(|head| head.outcome.is_some());
        if before == Some(false) && ended {
            notices::tell(&format!("{title}: {word}"), &to);
        }
        ended
    });
    let hosts = state.with_outline(|outline| {
        let name = |host: &str| {
            let instance =
                outline.steps.iter().filter(|step| step.host == host).find_map(|step| step.instance.clone());
            instance.map_or_else(|| host.to_owned(), |instance| format!("{instance} ({host})"))
        };
        outline.hosts().into_iter().map(|host| (host.to_owned(), name(host))).collect::<Vec<_>>()
    });
    let steps = state.with_outline(steps_of);
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
            <p class="seen">{say!("Job {id} · {by} · ", id = row.id, by = row.by)}<When at_us=row.created_us/></p>
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
            let (hosts, steps) = (hosts.clone(), steps.clone());
            view! {
                {played.map(|replay| view! { <ReplayBar replay close=Callback::new(move |()| replay_shown.set(None))/> })}
                <div class="job">
                    <div class="job-steps"><Stages state selected/></div>
                    <div class="job-log">
                        <Selected state selected/>
                        <LogPane log=state.log hosts steps/>
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
        let steps = say!(
            "{finished} of {steps}, {changed} changed",
            finished = head.finished,
            steps = count!(total, "step"),
            changed = head.changed
        );
        let left = match (guess.left_ms, &head.outcome) {
            (Some(left), None) if left >= 1_000 => {
                say!(" · about {time} left", time = time::duration(left / 1_000 * 1_000))
            }
            (None, None) => t!(" · no earlier run to estimate from").to_owned(),
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
                        {cluster.map(|name| view! { <a href=paths::cluster(&name)>{say!("Look at {name}")}</a> })}
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
                    Some(by) => view! { <span class="note">{say!("{by} asked it to stop")}</span> }.into_any(),
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
                    {move || if start.pending().get() { t!("Reading the events…") } else { t!("Replay") }}
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
