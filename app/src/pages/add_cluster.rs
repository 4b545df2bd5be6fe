//! The form for a new cluster: shows the change of the text before it is made.

use super::inventory::{Draft, changed_lines};
use crate::api;
use crate::api::ApiError;
use crate::components::ProblemBox;
use crate::words::ends;
use leptos::prelude::*;
use paddock_events::NewCluster;

/// A row of the form: a key that stays while rows come and go, address, instance role.
type InstanceRow = (u32, RwSignal<String>, RwSignal<String>);

/// Fills in a cluster, previews the change, puts it into the text.
#[component]
pub fn AddCluster(draft: Draft, adding: RwSignal<bool>) -> impl IntoView {
    let row = |key: u32, role: &str| (key, RwSignal::new(String::new()), RwSignal::new(role.to_owned()));
    let rows: RwSignal<Vec<InstanceRow>> =
        RwSignal::new(vec![row(0, "primary"), row(1, "replica"), row(2, "replica")]);
    let last_key = StoredValue::new(2_u32);
    let name = RwSignal::new(String::new());
    let version = RwSignal::new(String::new());
    let database = RwSignal::new(String::new());
    let owner = RwSignal::new(String::new());
    let form = move || NewCluster {
        name: name.get_untracked().trim().to_owned(),
        instances: rows.with_untracked(|rows| {
            let filled =
                rows.iter().map(|(_, at, role)| (at.get_untracked().trim().to_owned(), role.get_untracked()));
            filled.filter(|(at, _)| !at.is_empty()).collect()
        }),
        version: version.get_untracked().trim().to_owned(),
        database: database.get_untracked().trim().to_owned(),
        owner: owner.get_untracked().trim().to_owned(),
        password: String::new(),
    };
    let preview = Action::new(move |(): &()| api::preview_new_cluster(draft.outgoing(), form()));
    let shown = move || {
        preview.value().get().map(|answer| match answer {
            Ok(text) => {
                let lines = changed_lines(&draft.text.get_untracked(), &ends::normal(&text));
                let put = move |_| {
                    draft.put(&text);
                    adding.set(false);
                };
                view! {
                    <h3>"What changes in the text"</h3>
                    {lines}
                    <div class="row">
                        <button type="button" class="primary" on:click=put>"Put into the text"</button>
                        <span class="note">"Then look at the findings and save."</span>
                    </div>
                }
                .into_any()
            }
            Err(ApiError(problem)) => view! { <ProblemBox problem/> }.into_any(),
        })
    };
    let add_row = move |_| {
        last_key.update_value(|key| *key += 1);
        rows.update(|rows| rows.push(row(last_key.get_value(), "replica")));
    };
    view! {
        <form class="card add-cluster" aria-label="Add cluster" on:submit=move |event| { event.prevent_default(); preview.dispatch(()); }>
            <h2>"Add cluster"</h2>
            <div class="fields">
                <Field label="Cluster name" value=name example="pg-test" required=true/>
                <Field label="PostgreSQL version" value=version example="as the inventory says" required=false/>
                <Field label="First database" value=database example="none" required=false/>
                <Field label="Its owner" value=owner example="none" required=false/>
            </div>
            <fieldset>
                <legend>"Instances, in order of pg_seq"</legend>
                <For each=move || rows.get() key=|row| row.0 let((key, at, role))>
                    <div class="row">
                        <label class="grow">
                            <span class="sr">"Address"</span>
                            <input placeholder="10.10.10.11" prop:value=at inputmode="decimal"
                                on:input:target=move |event| at.set(event.target().value())/>
                        </label>
                        <label>
                            <span class="sr">"Instance role"</span>
                            <select prop:value=role on:change:target=move |event| role.set(event.target().value())>
                                {["primary", "replica", "offline"].map(|one| view! {
                                    <option value=one selected=move || role.with(|role| role == one)>{one}</option>
                                })}
                            </select>
                        </label>
                        <button type="button" class="quiet small" aria-label="Remove this instance"
                            on:click=move |_| rows.update(|rows| rows.retain(|row| row.0 != key))>"Remove"</button>
                    </div>
                </For>
                <button type="button" class="small" on:click=add_row>"Add instance"</button>
            </fieldset>
            <div class="row">
                <button disabled=move || preview.pending().get()>"Preview"</button>
                <button type="button" class="quiet" on:click=move |_| adding.set(false)>"Close"</button>
            </div>
            {shown}
        </form>
    }
}

#[component]
fn Field(
    label: &'static str,
    value: RwSignal<String>,
    example: &'static str,
    required: bool,
) -> impl IntoView {
    view! {
        <label>
            {label}
            <input prop:value=value placeholder=example required=required autocomplete="off"
                on:input:target=move |event| value.set(event.target().value())/>
        </label>
    }
}
