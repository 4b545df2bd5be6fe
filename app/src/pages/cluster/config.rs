//! The dynamic configuration: as it is, a change with its difference, and who still waits for a restart.

use super::Shown;
use super::operations::RestartPending;
use crate::api::ApiError;
use crate::components::{Badge, ProblemBox, RefusedNote, Tone, When};
use crate::pages::inventory::changed_lines;
use crate::pages::operate::{Commands, PlanProblem, planner};
use crate::{api, components::Copyable};
use leptos::prelude::*;
use paddock_events::{ClusterConfig, ConfigChange, ConfigPreview};
use paddock_tongue::{t, view};

/// A row: a key that stays while rows come and go, parameter, value.
type Line = (u32, RwSignal<String>, RwSignal<String>);

/// The third tab.
#[component]
pub fn Config(shown: Shown, config: ClusterConfig) -> impl IntoView {
    let locked = shown.locked();
    let stopped = locked.is_some();
    let pending = move || {
        let seen = shown.seen();
        let waiting: Vec<String> =
            seen.members.into_iter().filter(|one| one.pending_restart).map(|one| one.instance).collect();
        if waiting.is_empty() {
            view! { <p><Badge tone=Tone::Good text="No restart is pending"/></p> }.into_any()
        } else {
            view! {
                <p class="tags">
                    <Badge tone=Tone::Warn text="Restart pending"/>
                    {waiting.into_iter().map(|one| view! { <span class="chip">{one}</span> }).collect_view()}
                </p>
            }
            .into_any()
        }
    };
    view! {
        {locked.map(|problem| view! { <RefusedNote problem id="operate-note"/> })}
        <div class="config">
            <section aria-label="Configuration">
                <h2>"In force"</h2>
                <p class="note">"As "{config.seen_from}" has it from the DCS, "<When at_us=config.at_us/></p>
                <pre class="yaml" tabindex="0" aria-label="Dynamic configuration">{config.yaml}</pre>
            </section>
            <section aria-label="Change">
                <h2>"Change"</h2>
                <Change shown stopped/>
                <h2>"Restarts"</h2>
                {pending}
                <div class="card ops"><RestartPending shown stopped/></div>
            </section>
        </div>
        <p class="note">
            "What is not in the DCS (addresses, certificates, the REST API) is in Patroni's own file, which follows the inventory: "
            <Copyable text=format!("pgsql.yml -l {} -t pg_conf", shown.name())/>
        </p>
    }
}

#[component]
fn Change(shown: Shown, stopped: bool) -> impl IntoView {
    let line = |key: u32| -> Line { (key, RwSignal::new(String::new()), RwSignal::new(String::new())) };
    let lines = RwSignal::new(vec![line(0)]);
    let last_key = StoredValue::new(0_u32);
    let patch = RwSignal::new(String::new());
    let preview = Action::new(move |(): &()| {
        let parameters = untrack(|| {
            lines.get().iter().map(|(_, name, value)| (name.get(), value.get())).collect::<Vec<_>>()
        });
        let change = ConfigChange { parameters, patch: patch.get_untracked() };
        api::preview_config(shown.name(), change)
    });
    let add = move |_| {
        last_key.update_value(|key| *key += 1);
        lines.update(|lines| lines.push(line(last_key.get_value())));
    };
    view! {
        <form class="card" aria-label="Change configuration"
            on:submit=move |event| { event.prevent_default(); preview.dispatch(()); }>
            <fieldset>
                <legend>"PostgreSQL parameters"</legend>
                <For each=move || lines.get() key=|line| line.0 let((key, name, value))>
                    <div class="row">
                        <label class="grow">
                            <span class="sr">"Parameter"</span>
                            <input class="code" placeholder="max_connections" prop:value=name autocomplete="off" spellcheck="false"
                                on:input:target=move |event| name.set(event.target().value())/>
                        </label>
                        <label class="grow">
                            <span class="sr">"Value"</span>
                            <input class="code" placeholder="300; empty takes it out" prop:value=value autocomplete="off" spellcheck="false"
                                on:input:target=move |event| value.set(event.target().value())/>
                        </label>
                        <button type="button" class="quiet small" aria-label="Remove this parameter"
                            on:click=move |_| lines.update(|lines| lines.retain(|line| line.0 != key))>"Remove"</button>
                    </div>
                </For>
                <button type="button" class="small" on:click=add>"Add parameter"</button>
            </fieldset>
            <label>
                "Anything else, in YAML or JSON"
                <textarea class="code" rows="4" placeholder="synchronous_mode: true\nttl: 40" spellcheck="false" prop:value=patch
                    on:input:target=move |event| patch.set(event.target().value())></textarea>
            </label>
            <p class="note">"Merged into the configuration; null takes a key out."</p>
            <button disabled=move || preview.pending().get()>
                {move || if preview.pending().get() { t!("Asking a member…") } else { t!("Preview") }}
            </button>
        </form>
        {move || preview.value().get().map(|answer| match answer {
            Ok(preview) => view! { <Preview preview stopped/> }.into_any(),
            Err(ApiError(problem)) => view! { <ProblemBox problem/> }.into_any(),
        })}
    }
}

#[component]
fn Preview(preview: ConfigPreview, stopped: bool) -> impl IntoView {
    let planning = planner();
    let words = preview.offer.words.clone();
    let same = preview.before == preview.after;
    view! {
        <section class="card" aria-label="Preview">
            <h3>"What changes"</h3>
            {if same {
                view! { <p class="note">"Nothing: the configuration is like that already."</p> }.into_any()
            } else {
                changed_lines(&preview.before, &preview.after).into_any()
            }}
            <div class="row">
                <button type="button" class="primary" disabled=move || stopped || same || planning.pending().get()
                    on:click=move |_| { planning.dispatch(words.clone()); }>
                    {move || if planning.pending().get() { t!("Reading the nodes…") } else { t!("Plan this change") }}
                </button>
                <Commands offer=preview.offer/>
            </div>
            <PlanProblem planning/>
        </section>
    }
}
