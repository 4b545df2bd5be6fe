//! One list as a table: its rows with what was found in them, and what may be done with each.

use super::{Open, Sheet, noun, title};
use crate::components::{Badge, Tone, ticked};
use leptos::prelude::*;
use paddock_events::{
    Field, FieldKind, FieldValue, FindingLevel, FormChange, FormEdit, FormList, FormRow, FormTable,
    FormTarget,
};
use paddock_tongue::{say, t, view};

/// A list with its head.
#[component]
pub fn Rows(sheet: Sheet, list: FormList) -> impl IntoView {
    let table = list.table;
    let jump = sheet.jump;
    let place = list.place.map(|place| {
        view! {
            <button type="button" class="quiet small" on:click=move |_| jump.set(Some(place))>
                {say!("line {line}", line = place.0)}
            </button>
        }
    });
    let reach = match &list.target {
        FormTarget::Global => Some(t!("A change is for every cluster without a list of its own.")),
        FormTarget::Host(..) => Some(t!("A change is for this member only.")),
        FormTarget::Group(_) => None,
    };
    let members =
        (!list.members.is_empty()).then(|| say!("For {members}. ", members = list.members.join(", ")));
    let from = match (list.place, table.variable()) {
        (None, Some(name)) => {
            say!("{name} is set nowhere; what is added goes to {place}. ", place = list.origin)
        }
        (Some(_), Some(name)) => say!("{name} of {place}. ", place = list.origin),
        (_, None) => say!("Host entries of {place}. ", place = list.origin),
    };
    let adds = !sheet.locked && list.locked.is_none();
    let new = list.clone();
    let files = rendered(table, sheet);
    let why = list.locked.clone().map(|why| view! { <p class="refused">{ticked(&why)}</p> });
    let columns: Vec<&'static Field> = table.fields().iter().filter(|field| field.column).collect();
    let name_key = table.name_key();
    let head = columns.iter().filter(|field| Some(field.key) != name_key);
    let head =
        head.map(|field| view! { <th scope="col" role="columnheader">{field.label}</th> }).collect_view();
    let first = if name_key == Some("title") {
        t!("Title")
    } else if name_key.is_some() {
        t!("Name")
    } else {
        t!("Address")
    };
    let empty = list.rows.is_empty();
    let cluster = sheet.form.with_untracked(|form| form.cluster.clone());
    let rows = list
        .rows
        .into_iter()
        .map(|row| view! { <Line sheet table columns=columns.clone() row cluster=cluster.clone()/> });
    let rows = rows.collect_view();
    view! {
        <section class="form-list" aria-label=title(table)>
            <div class="row">
                <p class="note grow">{members}{from}{reach}{place}</p>
                {files}
                <button type="button" class="small" disabled=!adds
                    on:click=move |_| sheet.open.set(Some(Open::New(new.clone())))>{say!("Add {what}", what = noun(table))}</button>
            </div>
            {why}
            {if empty {
                view! { <p class="empty">{say!("No {what} is declared here.", what = noun(table))}</p> }.into_any()
            } else {
                view! {
                    <div class="table-box" tabindex="0">
                        <table class="cards" role="table" aria-label=title(table)>
                            <thead role="rowgroup"><tr role="row">
                                <th scope="col" role="columnheader">{first}</th>
                                {head}
                                <th scope="col" role="columnheader" class="last"><span class="sr">"Actions"</span></th>
                            </tr></thead>
                            <tbody role="rowgroup">{rows}</tbody>
                        </table>
                    </div>
                }
                .into_any()
            }}
        </section>
    }
}

/// The way to the file that the list becomes.
fn rendered(table: FormTable, sheet: Sheet) -> Option<AnyView> {
    let file = match table {
        FormTable::HbaRules => "/pg_hba.conf",
        FormTable::PgbHbaRules => "/pgb_hba.conf",
        FormTable::Services => "",
        FormTable::Instances | FormTable::Users | FormTable::Databases => return None,
    };
    let show =
        move |_| sheet.look.at(sheet.form.with_untracked(|form| form.cluster.clone()), file.to_owned());
    Some(
        view! { <button type="button" class="small" on:click=show>"Show what is rendered"</button> }
            .into_any(),
    )
}

/// How a row is called, also one that has no name.
fn called(table: FormTable, row: &FormRow) -> String {
    let name = if row.name.is_empty() { (row.at + 1).to_string() } else { row.name.clone() };
    format!("{} {name}", noun(table))
}

#[component]
fn Line(
    sheet: Sheet,
    table: FormTable,
    columns: Vec<&'static Field>,
    row: FormRow,
    cluster: String,
) -> impl IntoView {
    let what = called(table, &row);
    let may = !sheet.locked && row.locked.is_none();
    let cells = columns
        .into_iter()
        .filter(|field| Some(field.key) != table.name_key())
        .map(|field| {
            let value = row.fields.iter().find(|(key, _)| key == field.key).map(|(_, value)| value.clone());
            view! { <td role="cell" data-label=field.label>{cell(field, value)}</td> }
        })
        .collect_view();
    let gone = row.fields.iter().find(|(key, _)| key == "state").and_then(|(_, state)| match state {
        FieldValue::Text(word) if word != "create" => {
            Some(view! { <Badge tone=Tone::Bad text=word.clone()/> })
        }
        FieldValue::Text(_) | FieldValue::Secret | FieldValue::Raw(_) => None,
    });
    let (place, lines) = (row.place, row.place.0..=row.last_line);
    let jump = sheet.jump;
    let found = move || {
        let here = sheet
            .findings
            .with(|all| all.iter().filter(|one| lines.contains(&one.line)).cloned().collect::<Vec<_>>());
        let here = here.into_iter().map(|one| {
            let (tone, word) = match one.level {
                FindingLevel::Error => (Tone::Bad, "error"),
                FindingLevel::Warning => (Tone::Warn, "warning"),
            };
            view! { <p class="found"><Badge tone text=word/>" "{ticked(&one.message)}</p> }
        });
        here.collect_view()
    };
    let file = (table == FormTable::Services).then(|| {
        let file = format!("/{cluster}-{}.cfg", row.name);
        let show = move |_| sheet.look.at(cluster.clone(), file.clone());
        view! {
            <button type="button" class="quiet small" aria-label=say!("Show the file of {what}") on:click=show>"file"</button>
        }
    });
    let change = FormChange {
        cluster: sheet.form.with_untracked(|form| form.cluster.clone()),
        table,
        target: row.target.clone(),
        edit: FormEdit::Remove(row.at, row.name.clone()),
    };
    let words = say!("{what} removed");
    let remove = move |_| {
        sheet.change.dispatch((capital(&words), change.clone()));
    };
    let name = if row.name.is_empty() { t!("no title").to_owned() } else { row.name.clone() };
    let edit = if may { t!("Edit") } else { t!("Details") };
    let (edit_label, remove_label) = (format!("{edit} {what}"), say!("Remove {what}"));
    view! {
        <tr role="row">
            <th scope="row" role="rowheader">
                <span class:unset=row.name.is_empty()>{name}</span>{gone}
                <span class="where">
                    <button type="button" class="quiet small" aria-label=say!("{what} in the text, line {line}", line = place.0)
                        on:click=move |_| jump.set(Some(place))>{say!("line {line}", line = place.0)}</button>
                    {file}
                </span>
                {found}
            </th>
            {cells}
            <td role="cell" class="last">
                <span class="actions">
                    <button type="button" class="small" aria-label=edit_label
                        on:click=move |_| sheet.open.set(Some(Open::Row(table, row.clone())))>{edit}</button>
                    <button type="button" class="small" aria-label=remove_label
                        disabled=move || !may || sheet.change.pending().get() on:click=remove>"Remove"</button>
                </span>
            </td>
        </tr>
    }
}

/// The first letter of a sentence.
pub fn capital(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn cell(field: &Field, value: Option<FieldValue>) -> AnyView {
    match value {
        None => view! { <span class="unset">"–"</span> }.into_any(),
        Some(FieldValue::Secret) => view! { <span class="unset">"set"</span> }.into_any(),
        Some(FieldValue::Raw(text)) => view! { <code>{text}</code> }.into_any(),
        Some(FieldValue::Text(text)) => match field.kind {
            FieldKind::Bool => if text == "true" { t!("yes") } else { t!("no") }.into_any(),
            FieldKind::List | FieldKind::Map | FieldKind::Lines | FieldKind::Suggest(_) => {
                view! { <code>{text}</code> }.into_any()
            }
            FieldKind::Text
            | FieldKind::Secret
            | FieldKind::Int
            | FieldKind::Number
            | FieldKind::Choice(_) => text.into_any(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_without_a_name_is_called_by_its_place() {
        let row = FormRow {
            target: FormTarget::Global,
            at: 2,
            name: String::new(),
            place: (1, 1),
            last_line: 1,
            fields: Vec::new(),
            others: Vec::new(),
            locked: None,
        };
        assert_eq!(called(FormTable::HbaRules, &row), "HBA rule 3");
        let named = FormRow { name: "app".into(), ..row };
        assert_eq!(called(FormTable::Users, &named), "user app");
        assert_eq!(capital("user app removed"), "User app removed");
    }
}
