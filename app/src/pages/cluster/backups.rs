//! The backups: what the repository holds, what is kept, what runs next, and making one now.

use super::Shown;
use super::operations::BackupNow;
use super::timeline::Timeline;
use crate::components::{Badge, Moment, RefusedNote, Tone, When};
use crate::words::{size, time};
use leptos::prelude::*;
use paddock_events::{BackupRow, ClusterBackups};
use paddock_tongue::{say, t, view};

/// The fourth tab.
#[component]
pub fn Backups(shown: Shown, backups: ClusterBackups) -> impl IntoView {
    let locked = shown.locked();
    let stopped = locked.is_some();
    let timeline = view! { <Timeline cluster=shown.name() backups=backups.clone()/> };
    let ClusterBackups { seen_from, at_us, stanza, backups, archive, repository, retention, schedule } =
        backups;
    let asked = seen_from.is_some();
    // Why nothing is known is a sentence of its own, not a figure.
    let unread = stanza.as_ref().err().filter(|_| !asked).cloned();
    // Each node has such a repository of its own, and only the leader writes to its.
    let local = asked && repository.starts_with("local");
    let newest = backups.iter().find(|one| !one.error).map(|one| one.stop_us);
    view! {
        <dl class="figures">
            <div><dt>"Stanza"</dt><dd>{match stanza {
                Ok(word) => view! { <Badge tone=Tone::Good text=word/> }.into_any(),
                Err(why) if asked => view! { <Badge tone=Tone::Bad text="not well"/>" "{why} }.into_any(),
                Err(_) => view! { <Badge tone=Tone::Quiet text="unknown"/> }.into_any(),
            }}</dd></div>
            <div><dt>"Last good backup"</dt><dd>{match newest {
                Some(stop_us) => view! { <When at_us=stop_us/> }.into_any(),
                None if asked => view! { <Badge tone=Tone::Warn text="none"/> }.into_any(),
                None => t!("unknown").into_any(),
            }}</dd></div>
            <div><dt>"Repository"</dt><dd>{repository}</dd></div>
            <div><dt>"Kept"</dt><dd>{retention}</dd></div>
            <div><dt>"Scheduled"</dt><dd>{if schedule.is_empty() {
                t!("nothing in pg_crontab").into_any()
            } else {
                schedule.into_iter().map(|(when, line)| view! { <span class="run">{when}<code>{line}</code></span> }).collect_view().into_any()
            }}</dd></div>
            {archive.into_iter().map(|(id, first, last)| view! {
                <div><dt>{say!("WAL archive {id}")}</dt><dd>{if first.is_empty() {
                    t!("nothing yet").into_any()
                } else {
                    view! { <code>{first}</code>" to "<code>{last}</code> }.into_any()
                }}</dd></div>
            }).collect_view()}
        </dl>
        {timeline}
        {seen_from.map(|from| view! { <p class="note">"As the repository of "{from}" has it, read "<When at_us=at_us/></p> })}
        <Table backups unread local/>
        <h2>"Make one now"</h2>
        {locked.map(|problem| view! { <RefusedNote problem id="operate-note"/> })}
        <div class="card ops"><BackupNow shown stopped/></div>
    }
}

#[component]
fn Table(backups: Vec<BackupRow>, unread: Option<String>, local: bool) -> impl IntoView {
    if backups.is_empty() {
        let words = match unread {
            Some(why) => say!("The repository was not read: {why}"),
            None if local => t!("This node's own repository holds no backup. Those made while another member led are on that one's node: make a full one here.").to_owned(),
            None => t!("The repository holds no backup.").to_owned(),
        };
        return view! { <p class="empty">{words}</p> }.into_any();
    }
    let rows = backups
        .into_iter()
        .map(|one| {
            let took = time::duration(time::between_ms(one.start_us, one.stop_us));
            view! {
                <tr>
                    <th scope="row"><code>{one.label}</code></th>
                    <td>{one.kind}</td>
                    <td>{if one.error {
                        view! { <Badge tone=Tone::Bad text="page errors"/> }.into_any()
                    } else {
                        view! { <Badge tone=Tone::Good text="good"/> }.into_any()
                    }}</td>
                    <td class="num"><Moment at_us=one.stop_us/><span class="why">{say!("took {took}")}</span></td>
                    <td class="num"><When at_us=one.stop_us/></td>
                    <td class="num">{size::bytes(one.size_bytes)}</td>
                    <td class="num">{size::bytes(one.stored_bytes)}</td>
                    <td><code>{one.wal.0}</code><br/><code>{one.wal.1}</code></td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <div class="table-box" tabindex="0">
            <table class="backups">
                <thead><tr>
                    <th scope="col">"Label"</th><th scope="col">"Type"</th><th scope="col">"State"</th>
                    <th scope="col">"Ended"</th><th scope="col">"Age"</th>
                    <th scope="col" class="num">"Size"</th><th scope="col" class="num">"Stored"</th>
                    <th scope="col">"WAL, first and last"</th>
                </tr></thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
    .into_any()
}
