//! From a button to a plan: what every page that offers operations shares.

use crate::api::ApiError;
use crate::components::{Copyable, ProblemBox};
use crate::{api, paths};
use leptos::prelude::*;
use leptos_router::hooks::use_navigate;
use paddock_events::{Offer, PlanId, Problem, RevisionId, Verdict};
use paddock_tongue::{say, t, view};
use std::future::Future;

/// An action that ends in a plan.
pub type Planning<T> = Action<T, Result<PlanId, ApiError>>;

/// Plans the words of a command line and goes to the plan's page.
pub fn planner() -> Planning<Vec<String>> {
    let navigate = use_navigate();
    Action::new(move |words: &Vec<String>| {
        let (words, navigate) = (words.clone(), navigate.clone());
        async move {
            let made = api::make_plan(words).await;
            if let Ok(id) = &made {
                navigate(&paths::plan(*id), Default::default());
            }
            made
        }
    })
}

/// What a form asks for: the declaration (none when there is nothing to declare), and the words to plan then.
#[derive(Clone)]
pub struct Wanted<F> {
    /// What goes into the inventory first.
    pub form: Option<F>,
    /// What is planned.
    pub words: Vec<String>,
}

/// Puts a form into the inventory, then plans. After a plan that was refused, the same form is not declared again.
/// `declared` tells the revision that it made.
pub fn declarer<F, Fut>(
    declare: impl Fn(F) -> Fut + Clone + Send + Sync + 'static,
    declared: RwSignal<Option<RevisionId>>,
) -> Planning<Wanted<F>>
where
    F: Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<RevisionId, ApiError>> + Send + 'static,
{
    let navigate = use_navigate();
    let done = StoredValue::new(None::<Vec<String>>);
    Action::new(move |wanted: &Wanted<F>| {
        let (wanted, navigate, declare) = (wanted.clone(), navigate.clone(), declare.clone());
        async move {
            let again = done.with_value(|done| done.as_ref() == Some(&wanted.words));
            if let Some(form) = wanted.form.filter(|_| !again) {
                declared.set(Some(declare(form).await?));
                done.set_value(Some(wanted.words.clone()));
            }
            let id = api::make_plan(wanted.words).await?;
            navigate(&paths::plan(id), Default::default());
            Ok(id)
        }
    })
}

/// The problem that a planning ended with.
#[component]
pub fn PlanProblem<T: Clone + Send + Sync + 'static>(planning: Planning<T>) -> impl IntoView {
    move || {
        let problem = planning.value().get().and_then(Result::err);
        problem.filter(|_| !planning.pending().get()).map(|ApiError(problem)| view! { <ProblemBox problem/> })
    }
}

/// The reason of a refusal; none when it is allowed.
pub fn refusal(verdict: &Verdict) -> Option<Problem> {
    match verdict {
        Verdict::Allowed => None,
        Verdict::Refused { problem } => Some(problem.clone()),
    }
}

/// Script and playbook form of an offer, each to be copied.
#[component]
pub fn Commands(offer: Offer) -> impl IntoView {
    view! {
        <div class="commands">
            <Copyable text=offer.script/>
            {offer.playbook.map(|playbook| view! { <Copyable text=playbook/> })}
        </div>
    }
}

/// One operation: its button, what it does, how it is written, why it cannot be done now.
#[component]
pub fn Operate(
    #[prop(into)] label: String,
    #[prop(into)] note: String,
    offer: Option<Offer>,
    /// The page's verdict forbids it; the reason stands above.
    locked: bool,
    #[prop(optional, into)] against: Signal<Option<String>>,
    #[prop(optional)] danger: bool,
) -> impl IntoView {
    let offer = offer?;
    let planning = planner();
    let words = offer.words.clone();
    let shown = label.clone();
    Some(view! {
        <div class="op" role="group" aria-label=label.clone()>
            <button
                type="button" class=if danger { "danger" } else { "" }
                disabled=move || locked || against.with(Option::is_some) || planning.pending().get()
                on:click=move |_| { planning.dispatch(words.clone()); }
            >
                {move || if planning.pending().get() { t!("Reading the nodes…").to_owned() } else { shown.clone() }}
            </button>
            <div class="op-text">
                <p class="note">{note}</p>
                {move || against.get().map(|why| view! { <p class="refused-why">{why}</p> })}
                <Commands offer/>
                <PlanProblem planning/>
            </div>
        </div>
    })
}

/// One entry of a row's menu.
#[derive(Clone)]
pub struct Entry {
    /// What the button says: "Switch over to pg-test-2".
    pub label: String,
    /// What is planned; an entry without an offer is left out.
    pub offer: Option<Offer>,
    /// Why it cannot be done now.
    pub against: Signal<Option<String>>,
    /// What should be known before.
    pub note: Signal<String>,
    /// It takes something away.
    pub danger: bool,
}

/// A row's actions behind one button: a popover, opened and closed by pointer and by keyboard.
#[component]
pub fn Menu(
    /// Unique on the page.
    id: String,
    /// What the actions are for: "pg-test-2".
    of: String,
    entries: Vec<Entry>,
    locked: Option<Problem>,
) -> impl IntoView {
    let planning = planner();
    let name = say!("Actions for {of}");
    let stopped = locked.is_some();
    let items = entries
        .into_iter()
        .filter_map(|Entry { label, offer, against, note, danger }| {
            let offer = offer?;
            let words = offer.words.clone();
            Some(view! {
                <li>
                    <button
                        type="button" class=if danger { "small danger" } else { "small" }
                        disabled=move || stopped || against.with(Option::is_some) || planning.pending().get()
                        on:click=move |_| { planning.dispatch(words.clone()); }
                    >{label}</button>
                    {move || match against.get() {
                        Some(why) => view! { <p class="refused-why">{why}</p> }.into_any(),
                        None => note.with(|note| (!note.is_empty()).then(|| view! { <p class="note">{note.clone()}</p> })).into_any(),
                    }}
                    <Commands offer/>
                </li>
            })
        })
        .collect_view();
    view! {
        <button type="button" class="small" popovertarget=id.clone() aria-label=name.clone()>"Actions"</button>
        <div id=id popover="auto" class="menu" role="group" aria-label=name>
            <h3>{of}</h3>
            {locked.map(|problem| view! { <p class="refused-why">{problem.to_string()}</p> })}
            {move || planning.pending().get().then(|| view! { <p class="note" role="status">"Reading the nodes…"</p> })}
            <PlanProblem planning/>
            <ul>{items}</ul>
        </div>
    }
}
