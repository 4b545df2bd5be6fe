//! Point-in-time recovery: a clone of this cluster as it was, or this cluster itself.

use super::Shown;
use super::forms::{Field, FormFrame, Tick};
use super::nodes_form::{FreeHosts, NodeLines, Nodes};
use crate::api;
use crate::components::RefusedNote;
use crate::pages::operate::{Wanted, declarer, refusal};
use crate::words::pitr::{self, STOPS, Stop, Wish};
use crate::words::shell;
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use paddock_events::{ClusterDeclared, NewClone};
use paddock_tongue::{say, t, view};

/// The form, for a clone or in place.
#[component]
pub fn Restore(shown: Shown, declared: ClusterDeclared, locked: bool, in_place: bool) -> impl IntoView {
    let source = StoredValue::new(shown.name());
    // Empty: a new cluster.
    let into = RwSignal::new(String::new());
    let new = RwSignal::new(String::new());
    let nodes = Nodes::new();
    let stop = RwSignal::new("time".to_owned());
    // A moment that was picked on the time line of the backups.
    let picked = use_query_map().with_untracked(|query| query.get("at")).unwrap_or_default();
    let open = !picked.is_empty();
    let (target, set, timeline) =
        (RwSignal::new(picked), RwSignal::new(String::new()), RwSignal::new(String::new()));
    let exclusive = RwSignal::new(false);
    let kind = Memo::new(move |_| stop.with(|word| Stop::parse(word)));
    let fresh = Memo::new(move |_| !in_place && into.with(String::is_empty));
    let wish = move || Wish {
        into: match (in_place, fresh.get()) {
            (true, _) => source.get_value(),
            (false, true) => new.get(),
            (false, false) => into.get(),
        },
        source: (!in_place).then(|| source.get_value()),
        stop: kind.get(),
        target: target.get(),
        set: set.get(),
        timeline: timeline.get(),
        exclusive: exclusive.get(),
    };
    let words = Memo::new(move |_| {
        if fresh.get() && (new.with(|new| new.trim().is_empty()) || nodes.filled().is_empty()) {
            return Err(t!("name the new cluster and its nodes").to_owned());
        }
        pitr::words(&wish())
    });
    let commands = Memo::new(move |_| words.get().map(|words| vec![shell::line(&words)]));
    let revision = RwSignal::new(None);
    let planning = declarer(api::declare_clone, revision);
    let base = declared.base;
    let send = Callback::new(move |()| {
        let Ok(words) = words.get_untracked() else { return };
        let form = untrack(|| {
            fresh.get().then(|| NewClone {
                base,
                source: source.get_value(),
                name: new.get().trim().to_owned(),
                instances: nodes.filled(),
                upstream: None,
            })
        });
        planning.dispatch(Wanted { form, words });
    });
    let edit_refused = refusal(&declared.may_edit).filter(|_| !in_place);
    let stopped = locked || edit_refused.is_some();
    let (title, note, hosts_id) = if in_place {
        (
            t!("Restore in place"),
            t!("This cluster as it was. Its present data are kept aside until you confirm."),
            "free-for-restore",
        )
    } else {
        (
            t!("Clone to a point in time"),
            t!("Another cluster from the backups of this one; this one is not touched."),
            "free-for-clone",
        )
    };
    let others = declared.others;
    view! {
        <FormFrame title note button=title danger=in_place open=open commands locked=stopped planning declared=revision on_send=send>
            {(!in_place).then(|| view! {
                <FreeHosts id=hosts_id hosts=declared.free_hosts/>
                <div class="fields">
                    <label>
                        "Into"
                        <select prop:value=into on:change:target=move |event| into.set(event.target().value())>
                            <option value="">"a new cluster"</option>
                            {others.into_iter().map(|one| {
                                let label = say!("{one}: its data are replaced");
                                view! { <option value=one>{label}</option> }
                            }).collect_view()}
                        </select>
                    </label>
                    <Show when=move || fresh.get()><Field label="New cluster's name" value=new example="pg-test2"/></Show>
                </div>
                <Show when=move || fresh.get()><NodeLines nodes suggestions=hosts_id/></Show>
            })}
            <div class="fields">
                <label>
                    "Recover to"
                    <select prop:value=stop on:change:target=move |event| stop.set(event.target().value())>
                        {STOPS.map(|(_, word, label, _)| view! { <option value=word>{label}</option> })}
                    </select>
                </label>
                <Show when=move || kind.get().has_target()>
                    <label>
                        "Target"
                        <input prop:value=target autocomplete="off"
                            placeholder=move || STOPS.iter().find(|one| one.0 == kind.get()).map_or("", |one| one.3)
                            on:input:target=move |event| target.set(event.target().value())/>
                    </label>
                </Show>
                <Field label="Backup set (optional)" value=set example="20260110-010000F"/>
                <Field label="Timeline (optional)" value=timeline example="latest"/>
            </div>
            <Show when=move || kind.get().may_exclude()>
                <Tick label="Exclusive: stop just before the target" value=exclusive/>
            </Show>
            {edit_refused.map(|problem| view! { <RefusedNote problem id="clone-note"/> })}
        </FormFrame>
    }
}
