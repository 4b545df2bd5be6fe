//! The inventory's history: its revisions, what each changed, where each line is from.

use super::inventory::coloured;
use crate::components::{RefusedNote, When, load};
use crate::words::change::{ChangedLine, Mark};
use crate::{api, paths};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::{use_params_map, use_query_map};
use paddock_events::{
    BlamePage, DiffLine, DiffMark, HistoryPage, Recall, RevisionId, RevisionPage, RevisionRow, Verdict,
};
use paddock_tongue::{say, t, view};

/// The page of `/inventory/history`.
#[component]
pub fn HistoryView() -> impl IntoView {
    let query = use_query_map();
    let from = move || query.with(|query| query.get("from")).and_then(|from| from.parse().ok());
    let page = Resource::new_blocking(from, api::history);
    view! {
        <Title text="Inventory history"/>
        <p class="crumbs"><a href=paths::INVENTORY>"Inventory"</a></p>
        <div class="head">
            <h1>"History"</h1>
            <a class="button" href=paths::BLAME>"Line by line"</a>
        </div>
        {load(page, |page| view! { <Revisions page/> }.into_any())}
    }
}

#[component]
fn Revisions(page: HistoryPage) -> impl IntoView {
    let HistoryPage { rows, older } = page;
    if rows.is_empty() {
        return view! { <p class="empty">"Nothing was saved yet."</p> }.into_any();
    }
    let rows = rows
        .into_iter()
        .map(|row| {
            let link = paths::revision(row.id);
            view! {
                <tr>
                    <th scope="row" class="num"><a href=link>{row.id.to_string()}</a></th>
                    <td><When at_us=row.saved_us/></td>
                    <td><By row=row.clone()/></td>
                    <td class="message">{row.message}</td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <div class="table-box">
            <table class="history" aria-label="Revisions">
                <thead><tr>
                    <th scope="col" class="num">"Revision"</th><th scope="col">"Saved"</th>
                    <th scope="col">"By"</th><th scope="col">"What for"</th>
                </tr></thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
        <nav class="pages" aria-label="Pages">
            {older.map(|from| view! { <a href=paths::history(from) rel="next">"Older"</a> })}
        </nav>
    }
    .into_any()
}

/// Who saved it, and the job that did it for them.
#[component]
fn By(row: RevisionRow) -> impl IntoView {
    view! {
        {row.author}
        {row.job.map(|job| view! { " by "<a href=paths::job(job)>{say!("job {job}")}</a> })}
    }
}

/// The page of `/inventory/history/ID`.
#[component]
pub fn RevisionView() -> impl IntoView {
    let params = use_params_map();
    let id = move || {
        params.with(|params| params.get("id")).and_then(|id| id.parse().ok()).unwrap_or(RevisionId(0))
    };
    let page = Resource::new_blocking(id, api::revision);
    view! {
        <Title text=move || say!("Revision {id}", id = id())/>
        <p class="crumbs"><a href=paths::INVENTORY>"Inventory"</a>" / "<a href=paths::HISTORY>"History"</a></p>
        {load(page, |page| view! { <Revision page/> }.into_any())}
    }
}

#[component]
fn Revision(page: RevisionPage) -> impl IntoView {
    let RevisionPage { row, newest, blocks, hides, may_save } = page;
    let (id, in_force) = (row.id, row.id == newest);
    let actions = match may_save {
        Verdict::Allowed => view! {
            {(!in_force).then(|| view! { <a class="button" href=paths::recall(Recall::Back, id)>"Edit from this text"</a> })}
            {(id.0 > 1).then(|| view! { <a class="button" href=paths::recall(Recall::Undo, id)>"Undo this change"</a> })}
        }
        .into_any(),
        Verdict::Refused { problem } => view! { <RefusedNote problem id="save-note"/> }.into_any(),
    };
    let none = blocks.is_empty();
    let to = |at: i64, word: String| {
        let there = (1..=newest.0).contains(&at);
        there.then(|| view! { <a href=paths::revision(RevisionId(at))>{word}</a> })
    };
    let around = (
        to(id.0 - 1, say!("← Revision {id}", id = id.0 - 1)),
        to(id.0 + 1, say!("Revision {id} →", id = id.0 + 1)),
    );
    view! {
        <div class="head">
            <h1>{say!("Revision {id}")}</h1>
            {actions}
        </div>
        <p class="facts">
            {if in_force { t!("In force. ") } else { "" }}
            "Saved "<When at_us=row.saved_us/>" by "<By row=row.clone()/>
        </p>
        <p class="reason">{row.message}</p>
        {hides.then(|| view! { <p class="told">"It changes passwords, which are not shown to you."</p> })}
        {(none && !hides).then(|| view! { <p class="empty">"It changes nothing."</p> })}
        {blocks.into_iter().map(|block| coloured(block.into_iter().map(changed).collect())).collect_view()}
        <nav class="pages" aria-label="Pages">{around}</nav>
    }
}

fn changed(DiffLine { mark, line, text }: DiffLine) -> ChangedLine {
    let mark = match mark {
        DiffMark::Same => Mark::Same,
        DiffMark::Added => Mark::Added,
        DiffMark::Removed => Mark::Removed,
    };
    (mark, line as usize, text)
}

/// The page of `/inventory/blame`.
#[component]
pub fn BlameView() -> impl IntoView {
    let page = Resource::new_blocking(|| (), |()| api::blame());
    view! {
        <Title text="Inventory line by line"/>
        <p class="crumbs"><a href=paths::INVENTORY>"Inventory"</a>" / "<a href=paths::HISTORY>"History"</a></p>
        {load(page, |page| view! { <Lines page/> }.into_any())}
    }
}

#[component]
fn Lines(page: BlamePage) -> impl IntoView {
    let BlamePage { newest, lines, rows } = page;
    let mut last = None;
    let lines = (1_u32..)
        .zip(lines)
        .map(|(number, line)| {
            let begins = last != Some(line.revision);
            last = Some(line.revision);
            let row = line.revision.and_then(|id| rows.iter().find(|row| row.id == id)).cloned();
            let from = begins.then(|| match row {
                Some(row) => {
                    let title = format!("{}: {}", row.author, row.message);
                    let (link, id) = (paths::revision(row.id), row.id);
                    view! { <a href=link title=title>{format!("{id}")}</a>" "<span class="who">{row.author}</span>" "<When at_us=row.saved_us/> }.into_any()
                }
                None => "older".into_any(),
            });
            view! {
                <tr class:begins=begins>
                    <td class="from">{from}</td><td class="num">{number}</td><td><code>{line.text}</code></td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <div class="head">
            <h1>"Line by line"</h1>
            <p class="seen">{say!("Revision {newest}, and where each line of it is from")}</p>
        </div>
        <div class="table-box">
            <table class="blame" aria-label="Lines and where they are from">
                <thead class="sr"><tr><th scope="col">"From"</th><th scope="col">"Line"</th><th scope="col">"Text"</th></tr></thead>
                <tbody>{lines}</tbody>
            </table>
        </div>
    }
}

/// What the address of the inventory page asks to take up again: `?back=ID`, `?undo=ID`.
pub fn recalled() -> Option<(Recall, RevisionId)> {
    let query = use_query_map();
    let id = |name: &str| query.with_untracked(|query| query.get(name)).and_then(|id| id.parse().ok());
    id("back").map(|id| (Recall::Back, id)).or_else(|| id("undo").map(|id| (Recall::Undo, id)))
}
