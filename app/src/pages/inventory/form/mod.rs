//! The form view: the tables of one cluster of the text in the editor. Each change is made in the text, and saved with it.

mod dialog;
mod field;
mod list;

use super::Draft;
use super::asked::answer_of;
use super::views::{Jump, Look, Placed};
use crate::api::ApiError;
use crate::components::ProblemBox;
use crate::{api, paths};
use dialog::RowDialog;
use leptos::html;
use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::hooks::{use_navigate, use_query_map};
use list::Rows;
use paddock_events::{FindingRow, FormChange, FormList, FormRow, FormTable, InventoryForm};
use paddock_tongue::{t, view};

/// What is open in the dialog.
#[derive(Clone, Debug, PartialEq)]
pub enum Open {
    /// A new row of a list.
    New(FormList),
    /// A row that is there.
    Row(FormTable, FormRow),
}

/// What the parts of the form share.
#[derive(Clone, Copy)]
pub struct Sheet {
    findings: RwSignal<Vec<FindingRow>>,
    jump: Jump,
    look: Look,
    /// Nothing may be changed.
    locked: bool,
    form: Memo<InventoryForm>,
    open: RwSignal<Option<Open>>,
    /// Makes a change: what it is in words, for the line that says so, and the change.
    change: Action<(String, FormChange), Result<(), ApiError>>,
}

/// What was done last, and the text before it.
type Done = RwSignal<Option<(String, String)>>;

/// How a table is called.
pub fn title(table: FormTable) -> &'static str {
    match table {
        FormTable::Instances => t!("Instances"),
        FormTable::Users => t!("Users"),
        FormTable::Databases => t!("Databases"),
        FormTable::Services => t!("Services"),
        FormTable::HbaRules => t!("HBA rules"),
        FormTable::PgbHbaRules => t!("PgBouncer HBA rules"),
    }
}

/// How one of its rows is called.
pub fn noun(table: FormTable) -> &'static str {
    match table {
        FormTable::Instances => t!("instance"),
        FormTable::Users => t!("user"),
        FormTable::Databases => t!("database"),
        FormTable::Services => t!("service"),
        FormTable::HbaRules => t!("HBA rule"),
        FormTable::PgbHbaRules => t!("PgBouncer HBA rule"),
    }
}

/// The table that the address asks for; none: the text is shown.
pub fn wanted_table() -> Memo<Option<FormTable>> {
    let query = use_query_map();
    Memo::new(move |_| {
        let word = query.with(|query| query.get("table"))?;
        FormTable::ALL.into_iter().find(|table| table.word() == word)
    })
}

/// The cluster that the address asks for; empty: the first.
pub fn wanted_cluster() -> Memo<String> {
    let query = use_query_map();
    Memo::new(move |_| query.with(|query| query.get("cluster")).unwrap_or_default())
}

/// The tables, one at a time.
#[component]
pub fn Form(
    draft: Draft,
    findings: RwSignal<Vec<FindingRow>>,
    jump: Jump,
    look: Look,
    locked: bool,
    table: Memo<Option<FormTable>>,
) -> impl IntoView {
    let wanted = wanted_cluster();
    let answer = answer_of(draft, move || Some(wanted.get()), api::inventory_form);
    let form = Memo::new(move |_| answer.get().and_then(Result::ok).unwrap_or_default());
    let done: Done = RwSignal::new(None);
    let open = RwSignal::new(None);
    let change = Action::new(move |(words, change): &(String, FormChange)| {
        let (words, before) = (words.clone(), draft.outgoing());
        let answer = api::change_inventory_form(before.clone(), change.clone());
        async move {
            let text = answer.await?;
            draft.put(&text);
            done.set(Some((words, before)));
            open.set(None);
            Ok(())
        }
    });
    let sheet = Sheet { findings, jump, look, locked, form, open, change };
    let shown = Memo::new(move |_| table.get().unwrap_or_default());
    let cluster = Memo::new(move |_| form.with(|form| form.cluster.clone()));
    let clusters = Memo::new(move |_| form.with(|form| form.clusters.clone()));
    let navigate = use_navigate();
    let choose = move |name: String| {
        let to = paths::inventory_form(&name, shown.get_untracked().word());
        navigate(&to, NavigateOptions { scroll: false, ..NavigateOptions::default() });
    };
    let options = move || {
        let chosen = cluster.get();
        let options = clusters.get().into_iter().map(|name| {
            let selected = name == chosen;
            view! { <option value=name.clone() selected=selected>{name.clone()}</option> }
        });
        options.collect_view()
    };
    let tables = FormTable::ALL.map(|one| {
        let count = move || {
            let rows = |form: &InventoryForm| {
                form.lists.iter().filter(|list| list.table == one).map(|list| list.rows.len()).sum::<usize>()
            };
            form.with(rows)
        };
        view! {
            <a href=move || paths::inventory_form(&wanted.get(), one.word()) data-noscroll=""
                aria-current=move || (shown.get() == one).then_some("page")>
                {title(one)}" "<span class="rows">{count}</span>
            </a>
        }
    });
    let asked =
        Memo::new(move |_| answer.with(|answer| answer.as_ref().map(|one| one.as_ref().err().cloned())));
    let state = Memo::new(move |_| form.with(|form| (form.broken.clone(), form.clusters.is_empty())));
    let body = move || match asked.get() {
        None => view! { <p class="note" role="status">"Reading the text…"</p> }.into_any(),
        Some(Some(ApiError(problem))) => view! { <ProblemBox problem/> }.into_any(),
        Some(None) => match state.get() {
            (Some(problem), _) => view! { <Placed problem jump/> }.into_any(),
            (None, true) => view! { <p class="empty">"The text declares no cluster."</p> }.into_any(),
            (None, false) => view! { <Lists sheet shown/> }.into_any(),
        },
    };
    view! {
        <div class="form-view">
            <div class="row choose">
                <label>
                    "Cluster"
                    <select on:change:target=move |event| choose(event.target().value())>{options}</select>
                </label>
            </div>
            <nav class="tabs" aria-label="Tables">{tables}</nav>
            <DoneLine draft done/>
            {move || {
                // In the dialog, where there is one, a refused change is said beside its fields.
                let refused = change.value().get().and_then(Result::err).filter(|_| open.with(Option::is_none));
                refused.map(|ApiError(problem)| view! { <ProblemBox problem/> })
            }}
            {body}
            <RowDialog sheet/>
        </div>
    }
}

/// What was done to the text, with the way back. It has the focus, since what was pressed may be gone.
#[component]
fn DoneLine(draft: Draft, done: Done) -> impl IntoView {
    let line: NodeRef<html::P> = NodeRef::new();
    Effect::new(move |_| {
        if done.with(Option::is_some)
            && let Some(line) = line.get()
        {
            line.focus().ok();
        }
    });
    move || {
        done.get().map(|(words, before)| {
            let undo = move |_| {
                draft.put(&before);
                done.set(None);
            };
            view! {
                <p class="told done" role="status" tabindex="-1" node_ref=line>
                    <span>{words}" in the text; nothing is saved yet."</span>
                    <button type="button" class="small" on:click=undo>"Undo"</button>
                </p>
            }
        })
    }
}

/// The lists of the shown table: one, or one for each place that members have theirs from.
#[component]
fn Lists(sheet: Sheet, shown: Memo<FormTable>) -> impl IntoView {
    let lists = Memo::new(move |_| {
        let table = shown.get();
        sheet
            .form
            .with(|form| form.lists.iter().filter(|list| list.table == table).cloned().collect::<Vec<_>>())
    });
    move || lists.get().into_iter().map(|list| view! { <Rows sheet list/> }).collect_view()
}
