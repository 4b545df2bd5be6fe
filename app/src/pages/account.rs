//! The signed-in person's own page: what they may do, another password, the end of all sessions. Plain forms, as for
//! signing in.

use super::factor::Factor;
use super::tokens::Tokens;
use crate::components::load;
use crate::notices::Notices;
use crate::{api, notices, paths};
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;
use paddock_tongue::{t, view};

/// What came of the form, in words: title, what to do.
fn words(said: &str) -> (&'static str, &'static str) {
    match said {
        "people/wrong-password" => {
            (t!("The present password is another one"), t!("Type the password that you signed in with."))
        }
        "people/weak-password" => {
            (t!("The new password was not taken"), t!("It must have 12 to 128 characters."))
        }
        "people/passwords-differ" => {
            (t!("The new password was typed in two ways"), t!("Type it twice the same."))
        }
        "people/kept-elsewhere" => {
            (t!("Your password is not kept here"), t!("Change it at the provider by which you sign in."))
        }
        "people/back-off" => (t!("Too many tries"), t!("Wait half a minute, then try again.")),
        _ => (t!("That did not work"), t!("Try again; when it happens again, look into the console's log.")),
    }
}

/// The page of `/account`.
#[component]
pub fn AccountView() -> impl IntoView {
    let query = use_query_map();
    let said = move || query.with(|query| query.get("said"));
    let me = Resource::new_blocking(|| (), |()| api::me());
    let outcome = move || {
        said().map(|said| {
            if said == "done" {
                return view! {
                    <p class="note" role="status">"Your password was changed, and your other sessions have ended."</p>
                }
                .into_any();
            }
            let (what, fix) = words(&said);
            view! { <div class="problem" role="alert"><p class="what">{what}</p><p class="fix">{fix}</p></div> }.into_any()
        })
    };
    view! {
        <Title text="Your account"/>
        <div class="head"><h1>"Your account"</h1></div>
        {outcome}
        <h2>"What you may do"</h2>
        {load(me, |me| {
            let grants = me.map(|me| me.grants).unwrap_or_default();
            if grants.is_empty() {
                return view! { <p>"Nothing yet: ask an admin for a role."</p> }.into_any();
            }
            let grants = grants.into_iter().map(|one| view! { <span class="chip">{one}</span> }).collect_view();
            view! { <p>{grants}</p> }.into_any()
        })}
        <h2>"Password"</h2>
        {load(me, |me| {
            if me.is_some_and(|me| me.by_provider) {
                return view! {
                    <p>"You sign in by the provider: your password is kept there, and your groups there say what you may do."</p>
                }
                .into_any();
            }
            view! { <NewPassword/> }.into_any()
        })}
        <Factor/>
        <Tokens/>
        <h2>"Notifications in this browser"</h2>
        <BrowserNotices/>
        <h2>"Sessions"</h2>
        <p>"A session ends after 12 hours without use, and after 7 days in any case. Tokens are not touched."</p>
        <form method="post" action=paths::SIGN_OUT_EVERYWHERE>
            <button class="danger">"Sign out everywhere"</button>
        </form>
    }
}

/// Whether this browser tells of what happens while one looks elsewhere. It is known in the browser only.
#[component]
fn BrowserNotices() -> impl IntoView {
    let now = RwSignal::new(None::<Notices>);
    Effect::new(move |_| now.set(Some(notices::state())));
    let on = move |_| spawn_local(async move { now.set(Some(notices::turn_on().await)) });
    let off = move |_| now.set(Some(notices::turn_off()));
    view! {
        <p>
            "While you look at no tab of the console: a request that waits for you, and how a job has ended whose page is open."
        </p>
        {move || match now.get() {
            // Before the page lives, and with scripts off.
            None => view! { <p class="note">"This needs scripts."</p> }.into_any(),
            Some(Notices::Off) => view! { <button type="button" on:click=on>"Show notifications"</button> }.into_any(),
            Some(Notices::On) => view! {
                <p role="status">"They are shown here. "<button type="button" class="small" on:click=off>"Show none"</button></p>
            }.into_any(),
            Some(Notices::Denied) => view! {
                <p role="status">"This browser was told to show none of this site. Allow them in its settings for the site, and load this page anew."</p>
            }.into_any(),
            Some(Notices::Missing) => view! {
                <p role="status">"This browser shows none here: they need HTTPS, and a browser that has them."</p>
            }.into_any(),
        }}
    }
}

#[component]
fn NewPassword() -> impl IntoView {
    view! {
        <form method="post" action=paths::PASSWORD class="card account">
            <label>
                "Present password"
                <input name="current" type="password" autocomplete="current-password" required/>
            </label>
            <label>
                "New password"
                <input name="new" type="password" autocomplete="new-password" minlength="12" maxlength="128" required/>
            </label>
            <label>
                "New password again"
                <input name="again" type="password" autocomplete="new-password" minlength="12" maxlength="128" required/>
            </label>
            <button class="primary">"Change the password"</button>
        </form>
    }
}
