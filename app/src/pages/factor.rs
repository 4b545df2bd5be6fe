//! The second factor on the account page: made, shown once, confirmed with a first code, taken away.

use crate::api;
use crate::api::ApiError;
use crate::components::{Loaded, ProblemBox, When, load};
use leptos::prelude::*;
use paddock_events::{Enrolment, FactorState};
use paddock_tongue::{say, view};

/// How the factor stands, and what can be done with it.
#[component]
pub fn Factor() -> impl IntoView {
    let state = Resource::new_blocking(|| (), |()| api::factor());
    // Shown until the page is left: nobody has them but who looks at it now.
    let codes = RwSignal::new(Vec::<String>::new());
    view! {
        <h2>"Second factor"</h2>
        {move || {
            let codes = codes.get();
            (!codes.is_empty()).then(|| view! {
                <section class="card" aria-label="Recovery codes">
                    <p><b>"Keep these recovery codes. "</b>"They are shown this once; each signs you in once without your app."</p>
                    <ul>{codes.into_iter().map(|code| view! { <li><code class="once">{code}</code></li> }).collect_view()}</ul>
                </section>
            })
        }}
        {load(state, move |now| match now.since_us {
            _ if now.by_provider => view! { <p>"The provider by which you sign in asks for one, or does not."</p> }.into_any(),
            Some(since_us) => view! { <Made now since_us state/> }.into_any(),
            None => view! { <Make state codes/> }.into_any(),
        })}
    }
}

#[component]
fn Made(now: FactorState, since_us: i64, state: Loaded<FactorState>) -> impl IntoView {
    let password = RwSignal::new(String::new());
    let remove = Action::new(move |(): &()| {
        let password = password.get_untracked();
        async move {
            let done = api::remove_factor(password).await;
            if done.is_ok() {
                state.refetch();
            }
            done
        }
    });
    view! {
        <p>"A code of your app is asked for at sign-in, since "<When at_us=since_us/>". "{say!("{codes} recovery codes are left.", codes = now.codes_left)}</p>
        <form class="card account" aria-label="Remove the second factor"
            on:submit=move |event| { event.prevent_default(); remove.dispatch(()); }>
            <Password password/>
            <button class="danger" disabled=move || remove.pending().get()>"Remove the second factor"</button>
        </form>
        {move || remove.value().get().and_then(Result::err).map(|ApiError(problem)| view! { <ProblemBox problem/> })}
    }
}

#[component]
fn Make(state: Loaded<FactorState>, codes: RwSignal<Vec<String>>) -> impl IntoView {
    let password = RwSignal::new(String::new());
    let code = RwSignal::new(String::new());
    let begin = Action::new(move |(): &()| api::begin_factor(password.get_untracked()));
    let confirm = Action::new(move |(): &()| {
        let code = code.get_untracked();
        async move {
            let made = api::confirm_factor(code).await;
            made.map(|made| {
                codes.set(made);
                state.refetch();
            })
        }
    });
    let made = move || begin.value().get().and_then(Result::ok);
    view! {
        <p>"With an authenticator app a password alone does not sign you in. Tokens are not touched."</p>
        {move || match made() {
            None => view! {
                <form class="card account" aria-label="Set up a second factor"
                    on:submit=move |event| { event.prevent_default(); begin.dispatch(()); }>
                    <Password password/>
                    <button class="primary" disabled=move || begin.pending().get()>"Set up an authenticator app"</button>
                </form>
            }.into_any(),
            Some(Enrolment { uri, key }) => view! {
                <form class="card account" aria-label="Confirm the second factor"
                    on:submit=move |event| { event.prevent_default(); confirm.dispatch(()); }>
                    <p>"Add this key to your app (time-based, 6 digits, 30 seconds):"</p>
                    <p><code class="once">{key}</code></p>
                    <p><a href=uri rel="external">"Open in an app on this device"</a></p>
                    <label>
                        "Code that the app shows"
                        <input prop:value=code required=true inputmode="numeric" autocomplete="one-time-code"
                            on:input:target=move |event| code.set(event.target().value())/>
                    </label>
                    <button class="primary" disabled=move || confirm.pending().get()>"Ask for codes from now on"</button>
                </form>
            }.into_any(),
        }}
        {move || begin.value().get().and_then(Result::err).map(|ApiError(problem)| view! { <ProblemBox problem/> })}
        {move || confirm.value().get().and_then(Result::err).map(|ApiError(problem)| view! { <ProblemBox problem/> })}
    }
}

#[component]
fn Password(password: RwSignal<String>) -> impl IntoView {
    view! {
        <label>
            "Your password"
            <input prop:value=password type="password" autocomplete="current-password" required=true
                on:input:target=move |event| password.set(event.target().value())/>
        </label>
    }
}
