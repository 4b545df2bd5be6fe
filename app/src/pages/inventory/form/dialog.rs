//! A row's dialog: its fields, the usual ones first.

use super::field::{Entry, EntryField};
use super::list::capital;
use super::{Open, Sheet, noun};
use crate::api::ApiError;
use crate::components::{ProblemBox, ticked};
use leptos::html;
use leptos::prelude::*;
use paddock_events::{FormChange, FormEdit, FormTable, FormTarget};
use paddock_tongue::{say, t, view};
use web_sys::HtmlDialogElement;

/// The one dialog of the form; it is there while a row is open.
#[component]
pub fn RowDialog(sheet: Sheet) -> impl IntoView {
    let dialog: NodeRef<html::Dialog> = NodeRef::new();
    Effect::new(move |_| {
        let (Some(dialog), wanted) = (dialog.get(), sheet.open.with(Option::is_some)) else { return };
        let dialog: &HtmlDialogElement = &dialog;
        match wanted {
            true if !dialog.open() => {
                // What was refused before concerns another row.
                sheet.change.clear();
                drop(dialog.show_modal());
            }
            false if dialog.open() => dialog.close(),
            true | false => {}
        }
    });
    view! {
        <dialog node_ref=dialog class="row-dialog" aria-labelledby="row-dialog-title" on:close=move |_| sheet.open.set(None)>
            {move || sheet.open.get().map(|open| view! { <Content sheet open/> })}
        </dialog>
    }
}

#[component]
fn Content(sheet: Sheet, open: Open) -> impl IntoView {
    let (table, target, row) = match open {
        Open::New(list) => (list.table, list.target, None),
        Open::Row(table, row) => (table, row.target.clone(), Some(row)),
    };
    let is_new = row.is_none();
    let why = row.as_ref().and_then(|row| row.locked.clone());
    let locked = sheet.locked || why.is_some();
    let (cluster, next, free) =
        sheet.form.with_untracked(|form| (form.cluster.clone(), form.next_seq, form.free_hosts.clone()));
    let entries: Vec<Entry> = table
        .fields()
        .iter()
        .map(|field| {
            let held = row.as_ref().and_then(|row| row.fields.iter().find(|(key, _)| key == field.key));
            Entry::new(field, held.map(|(_, value)| value.clone()))
        })
        .collect();
    let address = RwSignal::new(String::new());
    if is_new && table == FormTable::Instances {
        for entry in &entries {
            match entry.field.key {
                "pg_seq" => entry.typed.set(next.to_string()),
                "pg_role" => entry.typed.set("replica".to_owned()),
                _ => {}
            }
        }
    }
    let name = row.as_ref().map(|row| row.name.clone()).unwrap_or_default();
    let title = match (&row, locked) {
        (None, _) => say!("Add {what}", what = noun(table)),
        (Some(_), true) => format!("{} {name}", capital(noun(table))),
        (Some(_), false) => say!("Edit {what} {name}", what = noun(table)),
    };
    let others = row.as_ref().map(|row| row.others.join("`, `")).filter(|others| !others.is_empty());
    let others = others.map(|others| {
        view! { <p class="note">{ticked(&say!("Kept as the text has it: `{others}`."))}</p> }
    });
    let at = row.as_ref().map(|row| row.at);
    let all = StoredValue::new(entries.clone());
    let submit = move || {
        let changes: Vec<_> = all.with_value(|all| all.iter().filter_map(|entry| entry.change()).collect());
        let (edit, words) = match at {
            Some(_) if changes.is_empty() => {
                sheet.open.set(None);
                return;
            }
            Some(at) => {
                (FormEdit::Set(at, name.clone(), changes), say!("{what} {name} changed", what = noun(table)))
            }
            None => {
                let typed: Vec<(String, String)> =
                    all.with_value(|all| all.iter().filter_map(|entry| filled(*entry)).collect());
                let named = typed.iter().find(|(key, _)| Some(key.as_str()) == table.name_key());
                let called = named.map_or_else(|| address.get_untracked(), |(_, name)| name.clone());
                (FormEdit::Add(typed), say!("{what} {called} added", what = noun(table)))
            }
        };
        let target = match &target {
            FormTarget::Group(group) if is_new && table == FormTable::Instances => {
                FormTarget::Host(group.clone(), address.get_untracked().trim().to_owned())
            }
            FormTarget::Global | FormTarget::Group(_) | FormTarget::Host(..) => target.clone(),
        };
        let change = FormChange { cluster: cluster.clone(), table, target, edit };
        sheet.change.dispatch((capital(&words), change));
    };
    let (usual, further): (Vec<Entry>, Vec<Entry>) =
        entries.into_iter().partition(|entry| entry.field.column);
    let draw = move |entries: Vec<Entry>| {
        entries.into_iter().map(|entry| view! { <EntryField entry locked/> }).collect_view()
    };
    let unfolded = further.iter().any(|entry| entry.is_set());
    let refused = move || sheet.change.value().get().and_then(Result::err);
    let first = (is_new && table == FormTable::Instances).then(|| view! { <Address address free/> });
    view! {
        <form on:submit=move |event| { event.prevent_default(); submit(); }>
            <h2 id="row-dialog-title">{title}</h2>
            {why.map(|why| view! { <p class="refused">{ticked(&why)}</p> })}
            <div class="row-fields">{first}{draw(usual)}</div>
            {(!further.is_empty()).then(|| view! {
                <details open=unfolded>
                    <summary>"More fields"</summary>
                    <div class="row-fields">{draw(further)}</div>
                </details>
            })}
            {others}
            <div class="foot">
                {move || refused().map(|ApiError(problem)| view! { <ProblemBox problem/> })}
                <div class="row">
                    <button type="button" class="quiet" on:click=move |_| sheet.open.set(None)>
                        {if locked { t!("Close") } else { t!("Cancel") }}
                    </button>
                    {(!locked).then(|| view! {
                        <button class="primary" disabled=move || sheet.change.pending().get()>
                            {if is_new { t!("Add to the text") } else { t!("Change the text") }}
                        </button>
                    })}
                </div>
            </div>
        </form>
    }
}

/// What a new row has of a field; a field that was filled in beforehand counts, too.
fn filled(entry: Entry) -> Option<(String, String)> {
    let typed = entry.typed.get_untracked();
    (!typed.trim().is_empty()).then(|| (entry.field.key.to_owned(), typed))
}

#[component]
fn Address(address: RwSignal<String>, free: Vec<(String, String)>) -> impl IntoView {
    let free = free.into_iter().map(|(addr, groups)| view! { <option value=addr label=groups></option> });
    view! {
        <div class="field">
            <label for="row-address">"Address"<span class="must">" (needed)"</span></label>
            <input id="row-address" required inputmode="decimal" list="row-free" autocomplete="off" aria-describedby="row-address-hint"
                prop:value=address on:input:target=move |event| address.set(event.target().value())/>
            <small id="row-address-hint">"hosts without an instance are suggested"</small>
            <datalist id="row-free">{free.collect_view()}</datalist>
        </div>
    }
}
