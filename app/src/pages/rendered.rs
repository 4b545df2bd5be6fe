//! What the text makes of a cluster's files, while it is being typed: member by member, with what differs from the saved text.

use super::inventory::{Draft, changed_lines};
use crate::api;
use crate::api::ApiError;
use crate::components::{Badge, ProblemBox, Tone};
use leptos::prelude::*;
use leptos::task::spawn_local;
use paddock_events::{MemberFile, RenderedCluster};
use std::collections::BTreeSet;
use std::time::Duration;

/// Typing rests this long before the files are rendered.
const REST: Duration = Duration::from_millis(700);

/// What was rendered last.
type Shown = RwSignal<Option<Result<RenderedCluster, ApiError>>>;

/// A disclosure: nothing is rendered while it is closed.
#[component]
pub fn Rendered(draft: Draft) -> impl IntoView {
    let open = RwSignal::new(false);
    let cluster = RwSignal::new(String::new());
    let member = RwSignal::new(String::new());
    let shown: Shown = RwSignal::new(None);
    render_at_rest(draft, open, cluster, shown);
    view! {
        <details class="card rendered" on:toggle:target=move |event| open.set(event.target().has_attribute("open"))>
            <summary>
                <b>"Files"</b>
                <span class="note">"pg_hba.conf, pgb_hba.conf and HAProxy's services as this text makes them; no node is asked."</span>
            </summary>
            {move || match shown.get() {
                None => view! { <p class="note">"Rendering…"</p> }.into_any(),
                Some(Err(ApiError(problem))) => view! { <ProblemBox problem/> }.into_any(),
                Some(Ok(rendered)) if rendered.clusters.is_empty() => {
                    view! { <p class="empty">"The text has no cluster."</p> }.into_any()
                }
                Some(Ok(rendered)) => view! { <Files rendered cluster member/> }.into_any(),
            }}
        </details>
    }
}

/// Renders anew when it is opened, another cluster is chosen, or typing rests; an answer to an older text is dropped.
fn render_at_rest(draft: Draft, open: RwSignal<bool>, cluster: RwSignal<String>, shown: Shown) {
    let asked = StoredValue::new(0_u32);
    Effect::new(move |_| {
        draft.text.track();
        let name = cluster.get();
        if !open.get() {
            return;
        }
        asked.update_value(|asked| *asked += 1);
        let this = asked.get_value();
        let current = move || asked.try_get_value() == Some(this);
        let ask = move || {
            if !current() {
                return;
            }
            spawn_local(async move {
                let answer = api::render_cluster(draft.outgoing(), name).await;
                if current() {
                    shown.set(Some(answer));
                }
            });
        };
        if shown.with_untracked(Option::is_none) { ask() } else { set_timeout(ask, REST) }
    });
}

#[component]
fn Files(rendered: RenderedCluster, cluster: RwSignal<String>, member: RwSignal<String>) -> impl IntoView {
    let RenderedCluster { clusters, cluster: of, files } = rendered;
    let members: BTreeSet<String> = files.iter().map(|file| file.instance.clone()).collect();
    let first = members.first().cloned().unwrap_or_default();
    // Whom one looked at stays chosen as long as the cluster has it.
    let chosen = {
        let members = members.clone();
        Memo::new(move |_| {
            member.with(|member| if members.contains(member) { member } else { &first }.clone())
        })
    };
    let differs = files.iter().filter(|file| state(file).is_some()).count();
    let option = |name: String, chosen: bool| view! { <option value=name.clone() selected=chosen>{name.clone()}</option> };
    let clusters = clusters.into_iter().map(|name| option(name.clone(), name == of)).collect_view();
    let members = members
        .into_iter()
        .map(|name| {
            let own = name.clone();
            view! { <option value=name.clone() selected=move || chosen.with(|chosen| *chosen == own)>{name.clone()}</option> }
        })
        .collect_view();
    view! {
        <div class="row">
            <label>"Cluster "<select on:change:target=move |event| cluster.set(event.target().value())>{clusters}</select></label>
            <label>"Member "<select on:change:target=move |event| member.set(event.target().value())>{members}</select></label>
            <p class="note" role="status">
                {match differs {
                    0 => "All files are as the saved inventory makes them.".to_owned(),
                    1 => "1 file of the cluster is another one.".to_owned(),
                    more => format!("{more} files of the cluster are other ones."),
                }}
            </p>
        </div>
        {move || {
            let own = files.iter().filter(|file| chosen.with(|chosen| file.instance == *chosen));
            own.cloned().map(|file| view! { <File file/> }).collect_view()
        }}
    }
}

/// How a file differs from the saved one; none: not at all.
fn state(file: &MemberFile) -> Option<(Tone, &'static str)> {
    match file {
        MemberFile { problem: Some(_), .. } => Some((Tone::Bad, "refused")),
        MemberFile { text: Some(_), saved: None, .. } => Some((Tone::Good, "new")),
        MemberFile { text: None, saved: Some(_), .. } => Some((Tone::Warn, "gone")),
        MemberFile { text, saved, .. } if text != saved => Some((Tone::Warn, "changed")),
        _ => None,
    }
}

#[component]
fn File(file: MemberFile) -> impl IntoView {
    let badge = state(&file).map(|(tone, text)| view! { <Badge tone text=text/> });
    let MemberFile { path, text, problem, saved, .. } = file;
    let differs = match (&text, &saved) {
        (Some(text), Some(saved)) if text != saved => Some(changed_lines(saved, text)),
        _ => None,
    };
    // A new file has no difference to read.
    let whole = (text.is_some() || problem.is_none()).then(|| text.or(saved).unwrap_or_default());
    view! {
        <section aria-label=path.clone()>
            <h3><code>{path.clone()}</code>" "{badge}</h3>
            {problem.map(|problem| view! { <ProblemBox problem/> })}
            {differs}
            {whole.map(|whole| view! {
                <details>
                    <summary>"Whole file"<span class="note num">{format!("{} lines", whole.lines().count())}</span></summary>
                    <pre>{whole}</pre>
                </details>
            })}
        </section>
    }
}
