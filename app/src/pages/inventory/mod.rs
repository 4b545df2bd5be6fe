//! The inventory: its text with findings in place, what it means, the form for a new cluster, and saving as a revision.

mod asked;
mod carry;
mod form;
mod views;

pub use views::views_of;

use super::add_cluster::AddCluster;
use super::history::recalled;
use crate::api::ApiError;
use crate::components::{Badge, ProblemBox, RefusedNote, Tone, When, YamlEditor, load, ticked};
use crate::words::change::{ChangedLine, Mark, change};
use crate::words::ends;
use crate::{api, paths};
use carry::{Carried, Carry};
use form::{Form, wanted_cluster, wanted_table};
use leptos::ev;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_meta::Title;
use leptos_router::NavigateOptions;
use leptos_router::hooks::use_navigate;
use paddock_events::{FindingLevel, FindingRow, FormTable, InventoryPage, RevisionId, Saved, Verdict};
use paddock_tongue::{count, say, t, view};
use std::time::Duration;
use views::{Look, Views};

/// Typing rests this long before the text is checked.
const REST: Duration = Duration::from_millis(350);

/// The page of `/inventory`.
#[component]
pub fn InventoryView() -> impl IntoView {
    let page = Resource::new_blocking(|| (), |()| api::inventory());
    view! {
        <Title text="Inventory"/>
        {load(page, |page| view! { <Inventory page/> }.into_any())}
    }
}

/// The text being edited and what is known of it.
#[derive(Clone, Copy)]
pub struct Draft {
    /// As in the text field, with `\n` only.
    pub text: RwSignal<String>,
    /// With the file's own line ends: what the field's text is laid over when it goes out.
    raw: RwSignal<String>,
    /// As saved last.
    saved: RwSignal<String>,
    /// The revision it is based on.
    base: RwSignal<Option<RevisionId>>,
    /// Who saved that and when.
    saved_by: RwSignal<Option<(String, i64)>>,
    /// What the next revision is for.
    message: RwSignal<String>,
}

impl Draft {
    /// The text with its own line ends.
    pub fn outgoing(self) -> String {
        self.raw.with_untracked(|raw| self.text.with_untracked(|text| ends::restore(raw, text)))
    }

    /// Replaces the text, keeping its line ends.
    pub fn put(self, raw: &str) {
        self.raw.set(raw.to_owned());
        self.text.set(ends::normal(raw));
    }

    fn is_changed(self) -> bool {
        self.text.with(|text| self.saved.with(|saved| ends::normal(saved) != *text))
    }
}

#[component]
fn Inventory(page: InventoryPage) -> impl IntoView {
    let InventoryPage { revision, text, findings, saved_by, may_save } = page;
    let draft = Draft {
        text: RwSignal::new(ends::normal(&text)),
        raw: RwSignal::new(text.clone()),
        saved: RwSignal::new(text),
        base: RwSignal::new(revision),
        saved_by: RwSignal::new(saved_by),
        message: RwSignal::new(String::new()),
    };
    let recall_problem = take_up(draft);
    let findings = RwSignal::new(findings);
    let jump = RwSignal::new(None);
    let refused = match may_save {
        Verdict::Allowed => None,
        Verdict::Refused { problem } => Some(problem),
    };
    let locked = refused.is_some();
    let check_problem = check_while_typing(draft, findings);
    warn_before_leaving(draft);
    let adding = RwSignal::new(false);
    let to_restore = RwSignal::new(None);
    let carried = RwSignal::new(None);
    let look = Look::new();
    let table = wanted_table();
    let cluster = wanted_cluster();
    let navigate = use_navigate();
    Effect::new(move |_| {
        // The editor is where a place of the text is shown; it goes there once it is there itself.
        if jump.with(Option::is_some) && table.with_untracked(Option::is_some) {
            navigate(paths::INVENTORY, NavigateOptions { scroll: false, ..NavigateOptions::default() });
        }
    });
    Effect::new(move |_| {
        // Links to "Add cluster" lead here with this fragment.
        if !locked && window().location().hash().is_ok_and(|hash| hash == "#add") {
            adding.set(true);
        }
    });
    let state = move || match draft.base.get() {
        Some(revision) => say!("Revision {revision}"),
        None => t!("Not saved yet").to_owned(),
    };
    view! {
        <div class="head">
            <h1>"Inventory"</h1>
            <div class="tags">
                {move || draft.is_changed().then(|| view! { <Badge tone=Tone::Warn text="not saved"/> })}
            </div>
            <p class="seen">
                {state}
                {move || draft.saved_by.get().map(|(who, at_us)| view! { " · saved by "{who}" "<When at_us=at_us/> })}
            </p>
            <a class="button" href=paths::HISTORY>"History"</a>
            <Carry draft locked done=carried/>
            <button type="button" disabled=locked aria-expanded=move || adding.get().to_string()
                on:click=move |_| adding.update(|adding| *adding = !*adding)>"Add cluster"</button>
        </div>
        {move || recall_problem.get().map(|ApiError(problem)| view! { <ProblemBox problem/> })}
        <Carried draft done=carried/>
        <Show when=move || adding.get()><AddCluster draft adding to_restore/></Show>
        {move || to_restore.get().map(|(name, source)| view! { <ToRestore name source/> })}
        <nav class="tabs" aria-label="Views of the inventory">
            <a href=paths::INVENTORY data-noscroll="" aria-current=move || table.with(Option::is_none).then_some("page")>"Text"</a>
            <a href=move || paths::inventory_form(&cluster.get(), table.get().unwrap_or(FormTable::Instances).word()) data-noscroll=""
                aria-current=move || table.with(Option::is_some).then_some("page")>"Form"</a>
        </nav>
        <div class="inventory">
            <Show when=move || table.with(Option::is_some)
                fallback=move || view! { <YamlEditor text=draft.text findings=findings locked=locked jump/> }>
                <Form draft findings jump look locked table/>
            </Show>
            <Findings draft findings jump locked/>
        </div>
        {move || check_problem.get().map(|ApiError(problem)| view! { <ProblemBox problem/> })}
        {refused.map(|problem| view! { <RefusedNote problem id="save-note"/> })}
        <Save draft locked/>
        <Views draft jump look/>
    }
}

/// A declared clone has no data yet: where they come from.
#[component]
fn ToRestore(name: String, source: String) -> impl IntoView {
    let operations = paths::cluster_tab(&source, "operations");
    view! {
        <p class="told" role="status">
            {say!("{name} is in the text. Save it and create the cluster; then restore into it from the ")}
            <a href=operations>{say!("operations of {source}")}</a>
            ", with \"Clone to a point in time\"."
        </p>
    }
}

/// Puts a text of before into the editor when the address asks for one: it is read, and saved or not, by a person.
fn take_up(draft: Draft) -> RwSignal<Option<ApiError>> {
    let problem = RwSignal::new(None);
    let Some((how, id)) = recalled() else { return problem };
    Effect::new(move |_| {
        spawn_local(async move {
            match api::recall(how, id).await {
                Ok(recalled) => {
                    draft.put(&recalled.text);
                    draft.message.set(recalled.message);
                }
                Err(error) => problem.set(Some(error)),
            }
        });
    });
    problem
}

/// Checks the text once typing rests; an answer to an older text is dropped.
fn check_while_typing(draft: Draft, findings: RwSignal<Vec<FindingRow>>) -> RwSignal<Option<ApiError>> {
    let problem = RwSignal::new(None);
    let asked = StoredValue::new(0_u32);
    Effect::new(move |before: Option<()>| {
        draft.text.track();
        if before.is_none() {
            return;
        }
        asked.update_value(|asked| *asked += 1);
        let this = asked.get_value();
        let current = move || asked.try_get_value() == Some(this);
        set_timeout(
            move || {
                if !current() {
                    return;
                }
                spawn_local(async move {
                    let answer = api::check_inventory(draft.outgoing()).await;
                    if !current() {
                        return;
                    }
                    match answer {
                        Ok(checked) => {
                            findings.set(checked.findings);
                            problem.set(None);
                        }
                        Err(error) => problem.set(Some(error)),
                    }
                });
            },
            REST,
        );
    });
    problem
}

fn warn_before_leaving(draft: Draft) {
    Effect::new(move |_| {
        let leaving = window_event_listener(ev::beforeunload, move |event| {
            if draft.is_changed() {
                event.prevent_default();
            }
        });
        on_cleanup(move || leaving.remove());
    });
}

#[component]
fn Findings(
    draft: Draft,
    findings: RwSignal<Vec<FindingRow>>,
    jump: RwSignal<Option<(u32, u32)>>,
    locked: bool,
) -> impl IntoView {
    let summary = move || {
        let count = |level| findings.with(|rows| rows.iter().filter(|row| row.level == level).count());
        let (errors, warnings) = (count(FindingLevel::Error), count(FindingLevel::Warning));
        if errors + warnings == 0 {
            view! { <Badge tone=Tone::Good text="no findings"/> }.into_any()
        } else {
            view! {
                {(errors > 0).then(|| view! { <Badge tone=Tone::Bad text=count!(errors, "error")/> })}
                {(warnings > 0).then(|| view! { <Badge tone=Tone::Warn text=count!(warnings, "warning")/> })}
            }
            .into_any()
        }
    };
    let rows = move || {
        findings
            .get()
            .into_iter()
            .map(|row| {
                let (tone, word) = match row.level {
                    FindingLevel::Error => (Tone::Bad, t!("error")),
                    FindingLevel::Warning => (Tone::Warn, t!("warning")),
                };
                let (line, column) = (row.line, row.column);
                let fix = row.fixed_text.filter(|_| !locked).map(|fixed| {
                    view! { <button type="button" class="small" on:click=move |_| draft.put(&fixed)>"Fix"</button> }
                });
                view! {
                    <li>
                        <button type="button" class="quiet place" on:click=move |_| jump.set(Some((line, column)))>
                            {format!("{line}:{column}")}
                        </button>
                        <div>
                            <p><Badge tone text=word/>" "{ticked(&row.message)}</p>
                            {row.help.map(|help| view! { <p class="note">{ticked(&help)}</p> })}
                            <p><code>{row.code}</code>" "{fix}</p>
                        </div>
                    </li>
                }
            })
            .collect_view()
    };
    view! {
        <aside class="findings" aria-label="Findings">
            <h2>"Findings "{summary}</h2>
            <ul>{rows}</ul>
        </aside>
    }
}

#[component]
fn Save(draft: Draft, locked: bool) -> impl IntoView {
    let message = draft.message;
    let conflict = RwSignal::new(None::<(RevisionId, String)>);
    let save = Action::new(move |(): &()| {
        let text = draft.outgoing();
        let base = draft.base.get_untracked();
        async move {
            let answer = api::save_inventory(base, text.clone(), message.get_untracked()).await?;
            match &answer {
                Saved::Revision { revision } => {
                    // A stale base may have been merged with somebody's edit: take the text as it is kept now.
                    let kept = match api::inventory().await {
                        Ok(page) if page.revision == Some(*revision) => {
                            draft.saved_by.set(page.saved_by);
                            page.text
                        }
                        _ => text,
                    };
                    draft.saved.set(kept.clone());
                    draft.base.set(Some(*revision));
                    if ends::normal(&kept) != draft.text.get_untracked() {
                        draft.put(&kept);
                    }
                    message.set(String::new());
                    conflict.set(None);
                }
                Saved::Conflict { newest, theirs, .. } => conflict.set(Some((*newest, theirs.clone()))),
            }
            Ok::<_, ApiError>(answer)
        }
    });
    let told = move || {
        save.value().get().map(|answer| match answer {
            Ok(Saved::Revision { revision }) => view! {
                <p class="told good" role="status">
                    {say!("Saved as revision {revision}. ")}<a href=paths::CLUSTERS>"To the clusters"</a>
                </p>
            }
            .into_any(),
            Ok(Saved::Conflict { .. }) => ().into_any(),
            Err(ApiError(problem)) => view! { <ProblemBox problem/> }.into_any(),
        })
    };
    view! {
        {move || conflict.get().map(|(newest, theirs)| view! { <Conflict draft newest theirs conflict/> })}
        <form class="save" on:submit=move |event| { event.prevent_default(); save.dispatch(()); }>
            <label class="grow">
                <span class="sr">"What this change is for"</span>
                <input placeholder="What this change is for (optional)" prop:value=message
                    on:input:target=move |event| message.set(event.target().value())/>
            </label>
            <button class="primary" disabled=move || locked || save.pending().get() || !draft.is_changed()>
                {move || if save.pending().get() { t!("Saving…") } else { t!("Save") }}
            </button>
        </form>
        {told}
    }
}

/// Somebody else saved the same lines: both texts stay at hand.
#[component]
fn Conflict(
    draft: Draft,
    newest: RevisionId,
    theirs: String,
    conflict: RwSignal<Option<(RevisionId, String)>>,
) -> impl IntoView {
    let lines = {
        let theirs = ends::normal(&theirs);
        move || changed_lines(&theirs, &draft.text.get())
    };
    let kept = theirs.clone();
    let keep = move |_| {
        // What is saved next then replaces theirs knowingly: the difference below shows what that undoes.
        draft.saved.set(kept.clone());
        draft.base.set(Some(newest));
        conflict.set(None);
    };
    let take = move |_| {
        draft.saved.set(theirs.clone());
        draft.base.set(Some(newest));
        draft.put(&theirs);
        conflict.set(None);
    };
    view! {
        <section class="told warn" role="alert" aria-label="Conflict">
            <h2>{say!("Revision {newest} was saved while you were editing, in the same lines")}</h2>
            <p>"Your text is still in the editor. The difference from theirs to yours:"</p>
            {lines}
            <div class="row">
                <button type="button" on:click=keep>"Go on with mine, based on theirs"</button>
                <button type="button" on:click=take>"Take theirs, drop mine"</button>
            </div>
        </section>
    }
}

/// A difference of two texts as coloured lines.
pub fn changed_lines(old: &str, new: &str) -> impl IntoView + use<> {
    coloured(change(old, new))
}

/// Lines of a difference, coloured.
pub fn coloured(lines: Vec<ChangedLine>) -> impl IntoView {
    let lines = lines
        .into_iter()
        .map(|(mark, at, text)| {
            let (class, sign) = match mark {
                Mark::Same => ("", ' '),
                Mark::Added => ("added", '+'),
                Mark::Removed => ("removed", '-'),
            };
            view! { <span class=class>{format!("{at:>5} {sign} {text}\n")}</span> }
        })
        .collect_view();
    view! { <pre class="diff">{lines}</pre> }
}
