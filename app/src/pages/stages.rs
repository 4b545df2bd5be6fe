//! A job's stages: steps by host with their states, open where something happens.

use super::job_state::{JobState, is_bad};
use crate::components::{Badge, Clock, Tone, step_state};
use crate::words::{size, time};
use leptos::prelude::*;
use paddock_events::{Outcome, StageState, StepState};
use paddock_tongue::{count, say, t, view};

/// Up to this many hosts a stage is a table of steps and hosts; beyond, a strip of cells per host.
const TABLE_HOSTS: usize = 6;

/// Indices of a stage's steps, by host in order of first appearance.
type ByHost = Vec<(String, Vec<usize>)>;

/// All stages of a job. `selected` is the step whose detail and lines are wanted.
#[component]
pub fn Stages(state: JobState, selected: RwSignal<Option<u32>>) -> impl IntoView {
    let stages = state.with_outline(|outline| {
        let mut stages: Vec<(String, ByHost)> =
            outline.stages.iter().map(|stage| (stage.name.clone(), ByHost::new())).collect();
        for (at, step) in outline.steps.iter().enumerate() {
            let Some((_, hosts)) = stages.get_mut(step.stage as usize) else { continue };
            match hosts.iter_mut().find(|(host, _)| *host == step.host) {
                Some((_, steps)) => steps.push(at),
                None => hosts.push((step.host.clone(), vec![at])),
            }
        }
        stages
    });
    stages
        .into_iter()
        .enumerate()
        .map(|(at, (name, hosts))| view! { <Stage state at name hosts selected/> })
        .collect_view()
}

#[component]
fn Stage(
    state: JobState,
    at: usize,
    name: String,
    hosts: ByHost,
    selected: RwSignal<Option<u32>>,
) -> impl IntoView {
    let signal = state.stage(at);
    let all: Vec<usize> = hosts.iter().flat_map(|(_, steps)| steps.iter().copied()).collect();
    let total = all.len();
    let open = Memo::new(move |_| match signal.get() {
        StageState::Running => true,
        StageState::Waiting => false,
        StageState::Finished { outcome } => !outcome.is_good() && !matches!(outcome, Outcome::Skipped { .. }),
    });
    let word = move || {
        // Counted anew whenever any step ends, which moves the head.
        state.head.track();
        let states: Vec<StepState> = all.iter().map(|step| state.peek_step(*step)).collect();
        let done = states.iter().filter(|state| matches!(state, StepState::Finished { .. })).count();
        let bad = states.iter().filter(|state| is_bad(state)).count();
        let changed = states
            .iter()
            .filter(|state| matches!(state, StepState::Finished { outcome: Outcome::Changed, .. }))
            .count();
        let changed = if changed > 0 { say!(", {changed} changed") } else { String::new() };
        let (tone, text) = match signal.get() {
            StageState::Waiting => (Tone::Quiet, t!("waiting").to_owned()),
            StageState::Running => (Tone::Busy, t!("running").to_owned()),
            StageState::Finished { outcome: Outcome::Ok } => (Tone::Good, t!("ok").to_owned()),
            StageState::Finished { outcome: Outcome::Changed } => (Tone::Good, t!("changed").to_owned()),
            StageState::Finished { outcome: Outcome::Skipped { .. } } => {
                (Tone::Quiet, t!("skipped").to_owned())
            }
            StageState::Finished { outcome: Outcome::Cancelled } => (Tone::Warn, t!("cancelled").to_owned()),
            StageState::Finished { .. } => (Tone::Bad, say!("{steps} failed", steps = count!(bad, "step"))),
        };
        view! { <span class="note num">{format!("{done} / {total}{changed}")}</span><Badge tone text/> }
    };
    let table = hosts.len() <= TABLE_HOSTS;
    view! {
        <details class="stage" open=move || open.get()>
            <summary><span class="ord">{at + 1}</span><b>{name}</b>{word}</summary>
            {if table {
                view! { <Table state hosts selected/> }.into_any()
            } else {
                view! { <Strips state hosts selected/> }.into_any()
            }}
        </details>
    }
}

/// Rows are steps, columns hosts.
#[component]
fn Table(state: JobState, hosts: ByHost, selected: RwSignal<Option<u32>>) -> impl IntoView {
    let (rows, names) = state.with_outline(|outline| {
        let mut rows: Vec<(String, String, Vec<Option<usize>>)> = Vec::new();
        for (column, (_, steps)) in hosts.iter().enumerate() {
            // A step that earlier hosts lack goes below the one before it, not to the end.
            let mut below = 0;
            for step in steps {
                let outline = &outline.steps[*step];
                let at = rows.iter().position(|(id, _, cells)| *id == outline.id && cells[column].is_none());
                let at = at.unwrap_or_else(|| {
                    rows.insert(below, (outline.id.clone(), outline.title.clone(), vec![None; hosts.len()]));
                    below
                });
                let (_, title, cells) = &mut rows[at];
                cells[column] = Some(*step);
                *title = common(title, &outline.title);
                below = below.max(at + 1);
            }
        }
        let name = |host: &String, steps: &[usize]| {
            let instance = steps.iter().find_map(|step| outline.steps[*step].instance.clone());
            instance.unwrap_or_else(|| host.clone())
        };
        let names: Vec<(String, String)> =
            hosts.iter().map(|(host, steps)| (host.clone(), name(host, steps))).collect();
        (rows, names)
    });
    let rows = rows
        .into_iter()
        .map(|(id, title, cells)| {
            let cells = cells
                .into_iter()
                .map(|step| match step {
                    Some(step) => view! { <td><Cell state step selected short=false/></td> }.into_any(),
                    None => view! { <td></td> }.into_any(),
                })
                .collect_view();
            view! { <tr><th scope="row" title=id>{title}</th>{cells}</tr> }
        })
        .collect_view();
    view! {
        <div class="table-box">
            <table class="matrix">
                <thead><tr>
                    <th scope="col">"Step"</th>
                    {names.into_iter().map(|(host, name)| view! { <th scope="col" title=host>{name}</th> }).collect_view()}
                </tr></thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
}

/// What two titles of one step share: "hostname is pg-test-…".
fn common(one: &str, other: &str) -> String {
    if one == other {
        return one.to_owned();
    }
    let same = one.trim_end_matches('…').chars().zip(other.chars()).take_while(|(a, b)| a == b);
    same.map(|(a, _)| a).collect::<String>() + "…"
}

/// A row of small cells per host.
#[component]
fn Strips(state: JobState, hosts: ByHost, selected: RwSignal<Option<u32>>) -> impl IntoView {
    hosts
        .into_iter()
        .map(|(host, steps)| {
            let cells =
                steps.into_iter().map(|step| view! { <Cell state step selected short=true/> }).collect_view();
            view! { <div class="strip"><span class="host">{host}</span><span class="cells">{cells}</span></div> }
        })
        .collect_view()
}

/// One step on one host.
#[component]
fn Cell(state: JobState, step: usize, selected: RwSignal<Option<u32>>, short: bool) -> impl IntoView {
    let signal = state.step(step);
    let clock = Clock::get();
    let (title, host) = state.with_outline(|outline| {
        let step = &outline.steps[step];
        (step.title.clone(), step.host.clone())
    });
    let words = move || {
        let state = signal.get();
        let (_, word) = step_state(&state);
        match state {
            StepState::Waiting => word.to_owned(),
            StepState::Running { since_us, progress } => match (progress, clock.now_us()) {
                (Some((done, Some(total), unit)), _) if unit == "bytes" => {
                    say!("{done} of {total}", done = size::bytes(done), total = size::bytes(total))
                }
                (Some((done, Some(total), unit)), _) => say!("{done} of {total} {unit}"),
                (Some((done, None, unit)), _) => format!("{done} {unit}"),
                (None, Some(now)) => time::duration(time::between_ms(since_us, now) / 1_000 * 1_000),
                (None, None) => word.to_owned(),
            },
            StepState::Finished { duration_ms, .. } => format!("{word} {}", time::duration(duration_ms)),
        }
    };
    let look = move || signal.with(|state| step_state(state).0.look());
    let label = move || say!("{title} on {host}: {words}", words = words());
    let chosen = move || selected.get() == Some(step as u32);
    let choose = move |_| selected.update(|old| *old = (*old != Some(step as u32)).then_some(step as u32));
    view! {
        <button
            type="button" class=move || format!("cell {}{}", look().0, if short { " tiny" } else { "" })
            aria-pressed=move || chosen().to_string() aria-label=label on:click=choose
        >
            <span class="sign" aria-hidden="true">{move || look().1}</span>
            {(!short).then(|| view! { <span>{words}</span> })}
        </button>
    }
}

/// What is to say about the selected step.
#[component]
pub fn Selected(state: JobState, selected: RwSignal<Option<u32>>) -> impl IntoView {
    move || {
        let at = selected.get()? as usize;
        let (title, id, host, effect, tags) = state.with_outline(|outline| {
            let step = outline.steps.get(at)?;
            Some((
                step.title.clone(),
                step.id.clone(),
                step.host.clone(),
                step.effect.clone(),
                step.tags.join(", "),
            ))
        })?;
        let now = state.step(at).get();
        let (tone, word) = step_state(&now);
        let why = match &now {
            StepState::Finished {
                outcome:
                    Outcome::Failed { reason } | Outcome::Unreachable { reason } | Outcome::Skipped { reason },
                ..
            } => Some(reason.clone()),
            _ => None,
        };
        Some(view! {
            <section class="card selected" aria-label="Selected step">
                <p><Badge tone text=word/>" "<b>{title}</b>" on "{host}</p>
                {why.map(|why| view! { <pre>{why}</pre> })}
                {effect.map(|effect| view! { <p class="note">{effect}</p> })}
                <p class="note"><code>{id}</code>" "{tags}</p>
                <button type="button" class="small" on:click=move |_| selected.set(None)>"Show all lines again"</button>
            </section>
        })
    }
}

#[cfg(test)]
mod tests {
    use super::common;

    #[test]
    fn a_row_is_named_for_what_its_steps_share() {
        let named = common("hostname is pg-test-1", "hostname is pg-test-2");
        assert_eq!(named, "hostname is pg-test-…");
        assert_eq!(common(&named, "hostname is pg-test-3"), "hostname is pg-test-…");
        assert_eq!(common("directory /data", "directory /data"), "directory /data");
    }
}
