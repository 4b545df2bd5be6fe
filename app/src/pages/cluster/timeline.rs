//! The time that can be restored to, as a line: backups on it, and a moment to pick.

use crate::paths;
use crate::words::span::{Span, replayed, serving};
use crate::words::{size, time};
use leptos::prelude::*;
use paddock_events::ClusterBackups;
use paddock_tongue::{say, t, view};

/// The line, a slider on it, and what a restore to the picked moment would begin from. Nothing where nothing can be restored.
#[component]
pub fn Timeline(cluster: String, backups: ClusterBackups) -> impl IntoView {
    let Some(span) = Span::of(&backups) else { return ().into_any() };
    let seconds = |at_us: i64| at_us.div_euclid(1_000_000);
    // Whole seconds within the span.
    let (first, last) = (seconds(span.from_us) + 1, seconds(span.to_us).max(seconds(span.from_us) + 1));
    let picked = RwSignal::new(last);
    let marks = backups
        .backups
        .iter()
        .filter(|one| one.stop_us >= span.from_us)
        .map(|one| {
            let class = if one.error { "mark bad".to_owned() } else { format!("mark {}", one.kind) };
            let left = format!("left:{:.3}%", span.percent(one.stop_us));
            let title = say!(
                "{label} ({kind}), ended {end}",
                label = one.label,
                kind = one.kind,
                end = time::utc(one.stop_us)
            );
            view! { <span class=class style=left title=title></span> }
        })
        .collect_view();
    let backups = StoredValue::new(backups);
    let served = move || {
        let at_us = picked.get() * 1_000_000;
        backups.with_value(|all| {
            let from = serving(&all.backups, at_us)?;
            let wal = replayed(all, from, at_us).map_or_else(
                || t!("an unknown amount of WAL").to_owned(),
                |bytes| say!("about {size} of WAL", size = size::bytes(bytes)),
            );
            Some((from.label.clone(), from.kind.clone(), from.size_bytes, wal))
        })
    };
    let said = move || match served() {
        Some((label, kind, bytes, wal)) => view! {
            "From "<code>{label}</code>
            {say!(" ({kind}): {size} of files, then {wal} replayed", size = size::bytes(bytes))}
        }
        .into_any(),
        None => t!("No backup had ended by then.").into_any(),
    };
    let moment =
        move || format!("{} {}", time::date(picked.get() * 1_000_000), time::clock(picked.get() * 1_000_000));
    let to = move || paths::restore_to(&cluster, &format!("{}+00", moment()));
    view! {
        <section class="card timeline" aria-labelledby="timeline">
            <h2 id="timeline">"What can be restored"</h2>
            <div class="track">
                <span class="span"></span>
                {marks}
                <span class="mark picked" style=move || format!("left:{:.3}%", span.percent(picked.get() * 1_000_000).min(100.0))></span>
            </div>
            <label class="pick">
                <span class="sr">"Moment to restore to"</span>
                <input type="range" min=first max=last step="1" prop:value=move || picked.get().to_string()
                    aria-valuetext=move || format!("{} UTC", moment())
                    on:input:target=move |event| if let Ok(at) = event.target().value().parse() { picked.set(at) }/>
            </label>
            <div class="ends num"><span>{time::utc(span.from_us)}</span><span>{time::utc(span.to_us)}</span></div>
            <div class="picked-row">
                <p><b class="num">{move || format!("{} UTC", moment())}</b><span class="why">{said}</span></p>
                <a class="button" href=to>"Restore to this moment…"</a>
            </div>
        </section>
    }
    .into_any()
}
