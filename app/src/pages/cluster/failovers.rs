//! Who led when: each change of the leader second by second, as the console saw it and as Patroni kept it.

use super::incident::{Incident, Step, incidents};
use super::{Shown, TabData};
use crate::api::ApiError;
use crate::components::{Badge, Moment, ProblemBox, TimeOfDay, Tone, When, later};
use crate::paths;
use crate::words::time;
use leptos::prelude::*;
use paddock_events::{ClusterFailovers, JobRow, LeaderHistory, Outage};
use paddock_tongue::{say, t, view};
use std::time::Duration;

/// After a change of the leader the page asks again: when the console has written it down, and when Patroni has.
const WRITTEN: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(7)];

/// The tab, which follows the picture.
pub fn tab(shown: Shown, data: TabData<ClusterFailovers>) -> AnyView {
    let leader = Memo::new(move |_| shown.row.with(|row| (row.leader.clone(), row.health)));
    Effect::new(move |before: Option<_>| {
        let now = leader.get();
        if before.is_some_and(|before| before != now) {
            for wait in WRITTEN {
                // A tab that is left meanwhile has nothing to ask.
                if let Ok(asking) = set_timeout_with_handle(move || data.refetch(), wait) {
                    on_cleanup(move || asking.clear());
                }
            }
        }
        now
    });
    let waiting =
        || view! { <p class="loading" role="status">"Asking Patroni for its history…"</p> }.into_any();
    later(waiting, move || async move {
        match data.await {
            Some(Ok(all)) => view! { <Failovers shown all/> }.into_any(),
            Some(Err(ApiError(problem))) => view! { <ProblemBox problem/> }.into_any(),
            None => ().into_any(),
        }
    })
}

#[component]
fn Failovers(shown: Shown, all: ClusterFailovers) -> impl IntoView {
    let found = incidents(&all);
    let ClusterFailovers { history, unread, more, sightings } = all;
    let since = sightings.first().map(|row| row.at_us);
    let jobs = shown.page.with_value(|page| page.jobs.clone());
    let (changes, members): (Vec<Incident>, Vec<Incident>) = found.into_iter().partition(|one| one.leader);
    let known = !changes.is_empty();
    let changes = changes.into_iter().map(|one| draw(one, &jobs)).collect_view();
    let members = (!members.is_empty()).then(|| {
        let rows = members.into_iter().map(quiet).collect_view();
        view! { <h2>"Without a change of the leader"</h2><div class="card flush">{rows}</div> }
    });
    view! {
        <h2 class="sr">"Changes of the leader"</h2>
        {read_from(history, unread)}
        {if known {
            view! { <ol class="incidents">{changes}</ol> }.into_any()
        } else {
            view! { <p class="empty">"The leader has not changed, as far as anybody knows."</p> }.into_any()
        }}
        {members}
        <p class="note">
            {since.map(|at_us| view! { "Seen by this console since "<Moment at_us/>{if more { t!("; older ones are not shown. ") } else { ". " }} })}
            "Seconds without writes lie between two looks: the last one that saw a leader and the first that saw the next."
        </p>
    }
}

/// Where Patroni's part is from, and why it is not newer.
fn read_from(history: Option<LeaderHistory>, unread: Option<String>) -> AnyView {
    match (history, unread) {
        (Some(history), None) => view! {
            <p class="note">"Patroni's history as "{history.seen_from}" gives it, read "<When at_us=history.read_us/></p>
        }
        .into_any(),
        (Some(history), Some(why)) => view! {
            <div class="told warn" role="status">
                <p><b>"Patroni does not answer. "</b>"Its history is from "<When at_us=history.read_us/>", as "{history.seen_from}" gave it."</p>
                <p class="why">{why}</p>
            </div>
        }
        .into_any(),
        (None, Some(why)) => view! {
            <div class="told warn" role="status">
                <p><b>"Patroni's history was never read. "</b>"What follows is what this console saw by itself."</p>
                <p class="why">{why}</p>
            </div>
        }
        .into_any(),
        (None, None) => ().into_any(),
    }
}

fn draw(one: Incident, jobs: &[JobRow]) -> impl IntoView + use<> {
    let id = one.at_us.map(|at_us| format!("at-{}", at_us / 1_000_000));
    let (from, to) = (one.steps.first().map(|step| step.at_us), one.steps.last().map(|step| step.at_us));
    let during: Vec<(String, String)> = jobs
        .iter()
        .filter(|job| {
            from.zip(to).is_some_and(|(from, to)| {
                job.created_us <= to && job.finished_us.is_none_or(|finished| finished >= from)
            })
        })
        .map(|job| (paths::job(job.id), say!("During job {id}: {title}", id = job.id, title = job.title)))
        .collect();
    let head = id.clone().map(|id| format!("#{id}"));
    view! {
        <li class="card incident" id=id>
            <div class="incident-head">
                <h3>{match head {
                    Some(to) => view! { <a href=to>{one.title.clone()}</a> }.into_any(),
                    None => one.title.clone().into_any(),
                }}</h3>
                {one.without.clone().map(|(said, certain)| {
                    let tone = if certain { Tone::Bad } else { Tone::Warn };
                    view! { <Badge tone text=said/> }
                })}
                {one.timeline.clone().map(|text| view! { <Badge tone=Tone::Quiet text/> })}
                <span class="seen">{match one.at_us {
                    Some(at_us) => view! { <Moment at_us/> }.into_any(),
                    None => t!("Patroni does not say when").into_any(),
                }}</span>
            </div>
            {bar(&one)}
            {steps(one.steps)}
            {during.into_iter().map(|(href, text)| view! { <p class="note"><a href=href>{text}</a></p> }).collect_view()}
        </li>
    }
}

/// Only members changed: one line, more when it is opened.
fn quiet(one: Incident) -> impl IntoView {
    let count = one.steps.len();
    let last = one.steps.last().map(|step| step.text.clone()).unwrap_or_default();
    let last = if count == 1 { last } else { say!("{last} ({count} changes)") };
    view! {
        <details class="incident">
            <summary>
                <span class="num seen">{one.at_us.map(|at_us| view! { <Moment at_us/> })}</span>
                <span class="grow">{last}</span>
            </summary>
            {steps(one.steps)}
        </details>
    }
}

fn steps(steps: Vec<Step>) -> impl IntoView {
    let first = steps.first().map_or(0, |step| step.at_us);
    let rows = steps
        .into_iter()
        .map(|step| {
            let (class, sign) = step.tone.look();
            let after = time::duration(time::between_ms(first, step.at_us));
            let earlier = step.since_us.map(|since_us| time::between_ms(since_us, step.at_us)).filter(|ms| *ms > 2_500);
            view! {
                <li class=class>
                    <TimeOfDay at_us=step.at_us/>
                    <span class="num after">{format!("+{after}")}</span>
                    <span class="sign" aria-hidden="true">{sign}</span>
                    <span class="text">
                        {step.text}
                        {earlier.map(|ms| view! { <small>{say!(" or up to {time} earlier", time = time::duration(ms))}</small> })}
                        {step.by_patroni.then(|| view! { <small class="by">" Patroni"</small> })}
                    </span>
                </li>
            }
        })
        .collect_view();
    view! { <ol class="steps">{rows}</ol> }
}

/// The incident as a line: when nobody took writes, what is not certain of that paler, and a mark for each step.
fn bar(one: &Incident) -> Option<impl IntoView + use<>> {
    let edges =
        |outage: &Outage| [outage.after_us, Some(outage.from_us), outage.until.map(|(_, at_us)| at_us)];
    let times =
        || one.steps.iter().map(|step| step.at_us).chain(one.outages.iter().flat_map(edges).flatten());
    let (from, to) = (times().min()?, times().max()?);
    if to - from < 1_000_000 {
        return None;
    }
    // Tenths of a per cent, so that no number with a point is printed.
    let part = move |at_us: i64| {
        let tenths = (at_us - from).clamp(0, to - from) * 1_000 / (to - from);
        format!("{}.{}%", tenths / 10, tenths % 10)
    };
    let span = move |class: &'static str, begin: i64, end: i64| {
        let style = format!("left:{};width:{}", part(begin), part(from + (end - begin).max(0)));
        view! { <span class=class style=style></span> }
    };
    let spans = one
        .outages
        .iter()
        .map(|outage| {
            let (since, at) = outage.until.map_or((None, to), |(since, at)| (since, at));
            let whole = span("span maybe", outage.after_us.unwrap_or(outage.from_us), at);
            let sure = span(
                "span",
                outage.from_us,
                since.unwrap_or(if outage.until.is_none() { to } else { outage.from_us }),
            );
            view! { {whole}{sure} }
        })
        .collect_view();
    let marks = one
        .steps
        .iter()
        .map(|step| {
            let class = format!("mark {}", step.tone.look().0);
            view! { <span class=class style=format!("left:{}", part(step.at_us)) title=step.text.clone()></span> }
        })
        .collect_view();
    Some(view! {
        <div class="track" aria-hidden="true">{spans}{marks}</div>
        <div class="ends num" aria-hidden="true"><TimeOfDay at_us=from/><TimeOfDay at_us=to/></div>
    })
}
