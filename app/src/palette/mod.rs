//! The command palette (Ctrl+K): clusters, pages, a cluster's operations, jobs by number; and the help on keys (`?`).
//!
//! One entry, [`Palette`]; nothing else of the app knows what is in here. Its code comes when it is first opened, its data
//! whenever it is.

mod items;

use crate::api::ApiError;
use crate::components::later;
use crate::pages::{PlanProblem, planner};
use crate::{api, paths};
use items::{Go, Item, find};
use leptos::prelude::*;
use leptos::{ev, html};
use leptos_router::hooks::use_navigate;
use paddock_events::{ClusterPage, HealthLevel, JobRow, Me};
use paddock_tongue::{t, view};
use wasm_bindgen::JsCast;
use wasm_split_helpers::{SplitLoaderError, wasm_split};
use web_sys::{Element, HtmlDialogElement};

/// Id of the list of what was found.
const LIST: &str = "palette-list";

/// Keys and what they do, by where.
const KEYS: [(&str, &[(&str, &str)]); 3] = [
    (
        t!("Everywhere"),
        &[("Ctrl K", t!("Search and commands")), ("?", t!("This help")), ("Esc", t!("Close"))],
    ),
    (
        t!("Clusters"),
        &[
            ("/", t!("Filter")),
            ("j  ↓", t!("Next cluster")),
            ("k  ↑", t!("Previous cluster")),
            ("Enter", t!("Open it")),
            ("Esc", t!("In the filter: clear it")),
        ],
    ),
    (
        t!("Search and commands"),
        &[
            ("↓  ↑", t!("Choose")),
            ("Enter", t!("Open or plan")),
            ("Tab", t!("Operations of the cluster")),
            ("Esc", t!("Close")),
        ],
    ),
];

/// What is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    Palette,
    Help,
}

/// What the palette has loaded.
#[derive(Clone, Copy)]
struct Data {
    clusters: RwSignal<Vec<(String, HealthLevel)>>,
    jobs: RwSignal<Vec<JobRow>>,
    /// The cluster whose operations are offered, with them.
    page: RwSignal<Option<ClusterPage>>,
    problem: RwSignal<Option<String>>,
}

/// The hint in the header, and the dialogs behind it.
#[component]
pub fn Palette(me: Me) -> impl IntoView {
    let me = StoredValue::new(me);
    let open = RwSignal::new(None::<Open>);
    let dialog = NodeRef::<html::Dialog>::new();
    Effect::new(move |_| {
        let handle = window_event_listener(ev::keydown, move |event| {
            let wanted = match event.key().as_str() {
                "k" | "K" if (event.ctrl_key() || event.meta_key()) && !event.alt_key() => Open::Palette,
                "?" if !event.ctrl_key() && !event.meta_key() && !is_typed(&event) => Open::Help,
                _ => return,
            };
            event.prevent_default();
            open.update(|open| *open = if *open == Some(wanted) { None } else { Some(wanted) });
        });
        on_cleanup(move || handle.remove());
    });
    Effect::new(move |_| {
        let (Some(dialog), wanted) = (dialog.get(), open.get()) else { return };
        let dialog: &HtmlDialogElement = &dialog;
        match wanted {
            // The browser keeps the focus inside, and gives it back at the end.
            Some(_) if !dialog.open() => drop(dialog.show_modal()),
            None if dialog.open() => dialog.close(),
            _ => {}
        }
    });
    let label = move || match open.get() {
        Some(Open::Help) => t!("Keys"),
        _ => t!("Search and commands"),
    };
    // A click on what is around it.
    let outside = move |event: ev::MouseEvent| {
        let on = event.target().and_then(|target| target.dyn_into::<HtmlDialogElement>().ok());
        if on.is_some() {
            open.set(None);
        }
    };
    view! {
        <button type="button" class="small hint" aria-keyshortcuts="Control+K Meta+K" on:click=move |_| open.set(Some(Open::Palette))>
            <svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true"><circle cx="7" cy="7" r="4.5"/><path d="M10.5 10.5L14 14"/></svg>
            <span>"Search"</span><kbd aria-hidden="true">"Ctrl K"</kbd>
        </button>
        <dialog node_ref=dialog class="palette" aria-label=label on:close=move |_| open.set(None) on:click=outside>
            {move || open.get().map(|open| later(|| ().into_any(), move || async move {
                match content(open, me, Callback::new(close_with(dialog))).await {
                    Ok(content) => content,
                    Err(_) => view! { <p class="problem" role="alert">"The console does not answer. Load the page anew."</p> }.into_any(),
                }
            }))}
        </dialog>
    }
}

/// What is in the dialog: its code comes when it is first opened.
#[wasm_split(palette, fallible)]
fn content(open: Open, me: StoredValue<Me>, close: Callback<()>) -> Result<AnyView, SplitLoaderError> {
    Ok(match open {
        Open::Palette => view! { <Finder me close/> }.into_any(),
        Open::Help => view! { <Help/> }.into_any(),
    })
}

/// Closes the dialog, which tells the rest by its event.
fn close_with(dialog: NodeRef<html::Dialog>) -> impl Fn(()) + Send + Sync + 'static {
    move |()| {
        if let Some(dialog) = dialog.get_untracked() {
            dialog.close();
        }
    }
}

fn is_typed(event: &ev::KeyboardEvent) -> bool {
    let target = event.target().and_then(|target| target.dyn_into::<Element>().ok());
    target.is_some_and(|target| matches!(target.tag_name().as_str(), "INPUT" | "TEXTAREA" | "SELECT"))
}

#[component]
fn Help() -> impl IntoView {
    let keys = |(key, what): &(&'static str, &'static str)| {
        let keys = key.split("  ").map(|key| view! { <kbd>{key}</kbd>" " }).collect_view();
        view! { <div><dt>{keys}</dt><dd>{*what}</dd></div> }
    };
    let part = |(place, all): (&'static str, &'static [(&'static str, &'static str)])| {
        view! { <h3>{place}</h3><dl>{all.iter().map(keys).collect_view()}</dl> }
    };
    view! {
        <div class="key-help" tabindex="-1" autofocus="">
            <h2>"Keys"</h2>
            {KEYS.map(part)}
        </div>
    }
}

/// The field and the list of what it finds.
#[component]
fn Finder(me: StoredValue<Me>, close: Callback<()>) -> impl IntoView {
    let close = move || close.run(());
    let data = Data {
        clusters: RwSignal::default(),
        jobs: RwSignal::default(),
        page: RwSignal::default(),
        problem: RwSignal::default(),
    };
    let typed = RwSignal::new(String::new());
    let active = RwSignal::new(0_usize);
    let field = NodeRef::<html::Input>::new();
    load(data);
    // The cluster that is named first is asked for its operations.
    let named = Memo::new(move |_| {
        let (first, _) = typed
            .with(|typed| typed.split_once(' ').map(|(first, rest)| (first.to_owned(), rest.to_owned())))?;
        data.clusters.with(|all| all.iter().any(|(name, _)| *name == first)).then_some(first)
    });
    Effect::new(move |_| {
        let Some(name) = named.get() else { return };
        if data.page.with_untracked(|page| page.as_ref().is_some_and(|page| page.row.name == name)) {
            return;
        }
        leptos::task::spawn_local(async move {
            match api::cluster(name).await {
                Ok(page) => data.page.set(Some(page)),
                Err(ApiError(problem)) => data.problem.set(Some(problem.to_string())),
            }
        });
    });
    let found = Memo::new(move |_| {
        let page = data.page.get().filter(|page| named.get().as_deref() == Some(page.row.name.as_str()));
        data.clusters.with(|clusters| {
            data.jobs.with(|jobs| {
                typed.with(|typed| me.with_value(|me| find(typed, me, clusters, jobs, page.as_ref())))
            })
        })
    });
    let planning = planner();
    let navigate = use_navigate();
    let choose = StoredValue::new(move |item: Item| match item.go {
        Go::To(address) => {
            close();
            navigate(&address, Default::default());
        }
        Go::Plan(words) => {
            planning.dispatch(words);
        }
        Go::Nowhere => {}
    });
    let choose = move |item: Item| choose.with_value(|choose| choose(item));
    Effect::new(move |_| {
        if planning.value().with(|made| matches!(made, Some(Ok(_)))) {
            close();
        }
    });
    Effect::new(move |_| {
        if let Some(field) = field.get() {
            // When its code has only just come it is made, but not in the page before the next frame, and what is in no page cannot
            // be focused. The first letters would be lost.
            request_animation_frame(move || {
                field.focus().ok();
            });
        }
    });
    let go_to = move |at: usize| {
        active.set(at);
        if let Some(option) = document().get_element_by_id(&option_id(at)) {
            option.scroll_into_view_with_bool(false);
        }
    };
    let on_key = move |event: ev::KeyboardEvent| {
        let count = found.with_untracked(Vec::len).max(1);
        let at = active.get_untracked().min(count - 1);
        let chosen = found.with_untracked(|found| found.get(at).cloned());
        match (event.key().as_str(), chosen) {
            ("ArrowDown", _) => go_to((at + 1) % count),
            ("ArrowUp", _) => go_to((at + count - 1) % count),
            ("Home", _) if event.ctrl_key() => go_to(0),
            ("Enter", Some(item)) => choose(item),
            ("Tab", Some(Item { cluster: Some(name), .. })) if !event.shift_key() => {
                typed.set(format!("{name} "));
                active.set(0);
            }
            _ => return,
        }
        event.prevent_default();
    };
    let option = move |(at, item): (usize, Item)| {
        let chosen = item.clone();
        let selected = move || active.get() == at;
        view! {
            <li role="option" id=option_id(at) aria-selected=move || selected().to_string() aria-disabled=(item.go == Go::Nowhere).then_some("true")
                on:click=move |_| choose(chosen.clone())>
                <span class="what">{item.title}</span>
                <span class="more">{item.more}</span>
                <span class="kind">{item.kind}</span>
            </li>
        }
    };
    let said = move || match (planning.pending().get(), found.with(Vec::len)) {
        (true, _) => t!("Reading the nodes…").to_owned(),
        (false, 0) => t!("Nothing found.").to_owned(),
        _ => String::new(),
    };
    view! {
        <input node_ref=field type="text" role="combobox" aria-expanded="true" aria-controls=LIST aria-autocomplete="list"
            aria-label="Search clusters, pages, operations, jobs" placeholder="Cluster, page, operation, job number" autocomplete="off" spellcheck="false"
            aria-activedescendant=move || found.with(|found| !found.is_empty()).then(|| option_id(active.get()))
            prop:value=typed on:keydown=on_key
            on:input:target=move |event| {
                typed.set(event.target().value());
                active.set(0);
            }/>
        <ul role="listbox" id=LIST aria-label="Found">
            {move || found.get().into_iter().enumerate().map(option).collect_view()}
        </ul>
        <p class="said note" role="status">{said}</p>
        {move || data.problem.get().map(|problem| view! { <p class="problem" role="alert">{problem}</p> })}
        <PlanProblem planning/>
        <p class="foot note" aria-hidden="true"><kbd>"↑"</kbd><kbd>"↓"</kbd>" choose "<kbd>"Enter"</kbd>" open "<kbd>"Tab"</kbd>" operations "<kbd>"?"</kbd>" keys"</p>
    }
}

fn option_id(at: usize) -> String {
    format!("found-{at}")
}

/// Asks for what the palette finds.
fn load(data: Data) {
    leptos::task::spawn_local(async move {
        match api::cluster_names().await {
            Ok(names) => data.clusters.set(names),
            Err(ApiError(problem)) => data.problem.set(Some(problem.to_string())),
        }
        // Who may not see jobs finds none.
        if let Ok(jobs) = api::jobs(50).await {
            data.jobs.set(jobs);
        }
    });
}

/// Where the pages are, and who may read them.
fn pages(me: &Me) -> Vec<(&'static str, &'static str)> {
    let all = [
        (t!("Clusters"), paths::CLUSTERS, true),
        (t!("Inventory"), paths::INVENTORY, me.reads_inventory),
        (t!("Nodes"), paths::NODES, true),
        (t!("Drift"), paths::DRIFT, true),
        (t!("Jobs"), paths::JOBS, true),
        (t!("Approvals"), paths::APPROVALS, true),
        (t!("Policy"), paths::POLICY, me.reads_inventory),
        (t!("Audit log"), paths::AUDIT, me.reads_audit),
        (t!("People"), paths::PEOPLE, me.reads_people),
        (t!("Settings"), paths::SETTINGS, me.reads_people),
        (t!("My account"), paths::ACCOUNT, true),
    ];
    all.into_iter().filter(|(_, _, may)| *may).map(|(title, to, _)| (title, to)).collect()
}
