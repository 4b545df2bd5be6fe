//! A problem where it belongs: what, why, and what to do.

use crate::paths;
use leptos::prelude::*;
use paddock_events::{Problem, ProblemKind};
use paddock_tongue::{t, view};

/// A sentence in which what stands between backticks is code.
pub fn ticked(text: &str) -> impl IntoView + use<> {
    // A tick without its partner is only a letter.
    let parts: Vec<&str> =
        if text.matches('`').count().is_multiple_of(2) { text.split('`').collect() } else { vec![text] };
    let parts = parts.into_iter().enumerate().map(|(at, part)| {
        let part = part.to_owned();
        if at % 2 == 1 { view! { <code>{part}</code> }.into_any() } else { part.into_any() }
    });
    parts.collect_view()
}

/// What failed, why, the next step, and the code to quote.
#[component]
pub fn ProblemBox(problem: Problem) -> impl IntoView {
    let signed_out = problem.kind == ProblemKind::SignedOut;
    view! {
        <div class="problem" role="alert">
            <p class="what">{ticked(&problem.what)}</p>
            {(!problem.why.is_empty()).then(|| view! { <p class="why">{ticked(&problem.why)}</p> })}
            {(!problem.fix.is_empty())
                .then(|| view! { <p class="fix"><b>"What to do: "</b>{ticked(&problem.fix)}</p> })}
            {signed_out.then(|| view! { <p><a class="button" rel="external" href=paths::SIGN_IN>"Sign in"</a></p> })}
            <code class="code">{problem.code}</code>
        </div>
    }
}

/// Why a control is disabled, and what to do about it, beside it.
#[component]
pub fn RefusedNote(problem: Problem, #[prop(into)] id: String) -> impl IntoView {
    let Problem { what, why, fix, .. } = problem;
    let told = if why.is_empty() { what } else { format!("{what}: {why}") };
    view! {
        <p class="refused" id=id>
            {ticked(&told)}"."
            {(!fix.is_empty()).then(|| view! { " "<b>"What to do: "</b>{ticked(&fix)}"." })}
        </p>
    }
}

/// A command line with a button that copies it.
#[component]
pub fn Copyable(#[prop(into)] text: String) -> impl IntoView {
    let copied = RwSignal::new(false);
    let shown = text.clone();
    let copy = move |_| {
        // Without a secure context there is no clipboard; the text can still be selected.
        let Ok(clipboard) = web_sys::js_sys::Reflect::get(&window().navigator(), &"clipboard".into()) else {
            return;
        };
        if clipboard.is_undefined() {
            return;
        }
        // The promise's failure means only that nothing was copied.
        drop(window().navigator().clipboard().write_text(&text));
        copied.set(true);
        set_timeout(move || copied.set(false), std::time::Duration::from_secs(2));
    };
    view! {
        <span class="copyable">
            <code>{shown}</code>
            <button type="button" class="quiet small" on:click=copy aria-label="Copy the command line">
                {move || if copied.get() { t!("Copied") } else { t!("Copy") }}
            </button>
        </span>
    }
}
