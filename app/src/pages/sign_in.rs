//! Sign-in: a plain form and a plain link, so that they work before and without the WASM.

use crate::components::load;
use crate::{api, paths};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;
use paddock_tongue::{say, t, view};

/// Why nobody was signed in, by its code: what failed, why, what to do.
fn words(code: &str) -> (&'static str, &'static str, &'static str) {
    match code {
        "oidc/provider-down" => (
            t!("The sign-in provider cannot be reached"),
            t!("It did not answer the console, or not as a provider does."),
            t!(
                "Try again in a minute. Who has a password here can sign in with it meanwhile; the console's log has the details."
            ),
        ),
        "oidc/state" => (
            t!("This sign-in has ended"),
            t!("It was not begun in this browser within ten minutes, or it was ended already."),
            t!("Begin again with the button below."),
        ),
        "oidc/denied" => (
            t!("The provider did not let you in"),
            t!("You have cancelled there, or may not use the console."),
            t!("Begin again; whether you may use it is said at the provider."),
        ),
        "oidc/bad-answer" => (
            t!("The provider's answer was not taken"),
            t!("It was none that the console can believe."),
            t!(
                "Try again. When it stays so, an administrator finds the reason in the audit log, and compares the console's settings with the provider's."
            ),
        ),
        "oidc/no-group" => (
            t!("You have no role here"),
            t!("None of your groups at the provider has one."),
            t!("Ask for a group that has a role here, then sign in again."),
        ),
        "oidc/no-name" => (
            t!("You have no name that can be used here"),
            t!("The provider gives none for you, or one that the console does not take."),
            t!("Ask an administrator: another claim can be chosen for it."),
        ),
        "oidc/name-taken" => (
            t!("Your name is taken here"),
            t!("Somebody else of this console has the name that the provider gives you."),
            t!(
                "If that is you, sign in with name and password as before. An administrator can remove that person; then come again."
            ),
        ),
        "oidc/disabled" => (
            t!("You may not sign in"),
            t!("An administrator has disabled you here."),
            t!("Ask an administrator of this console."),
        ),
        "oidc/off" => (
            t!("There is no sign-in provider"),
            t!("This console was set up without one."),
            t!("Sign in with name and password."),
        ),
        "people/back-off" => (
            t!("Too many tries"),
            t!("The last ones from this address failed."),
            t!("Wait half a minute, then try again."),
        ),
        "people/refused" => (
            t!("Name or password is wrong"),
            t!("Nobody has that name with that password here."),
            t!(
                "Try again. The first admin's password was printed once when the console started; an administrator of this computer can add a person: paddock user add."
            ),
        ),
        _ => (
            t!("You were not signed in"),
            t!("The console failed."),
            t!("Try again; when it happens again, look into the console's log."),
        ),
    }
}

/// Name and password, or the provider; the server answers a refusal with `?refused=CODE`.
#[component]
pub fn SignIn() -> impl IntoView {
    let query = use_query_map();
    let next = move || {
        let next = query.with(|query| query.get("next")).unwrap_or_default();
        if paths::is_local(&next) { next } else { paths::CLUSTERS.to_owned() }
    };
    let ways = Resource::new_blocking(|| (), |()| api::sign_in_ways());
    let code = query.with_untracked(|query| query.get("step")).as_deref() == Some("code");
    if code {
        let refused = query.with_untracked(|query| query.get("refused"));
        return view! { <SecondStep next=next() refused/> }.into_any();
    }
    let refused = move || {
        query.with(|query| query.get("refused")).map(|code| {
            let (what, why, fix) = words(&code);
            view! {
                <div class="problem" role="alert">
                    <p class="what">{what}</p>
                    <p class="why">{why}</p>
                    <p class="fix">{fix}</p>
                </div>
            }
        })
    };
    view! {
        <Title text="Sign in"/>
        <div class="sign-in">
            <h1>"Sign in"</h1>
            <form method="post" action=paths::SIGN_IN class="card">
                {refused}
                <input type="hidden" name="next" value=next/>
                <label>"Name"<input name="name" autocomplete="username" required autofocus/></label>
                <label>
                    "Password"
                    <input name="password" type="password" autocomplete="current-password" required/>
                </label>
                <button class="primary">"Sign in"</button>
            </form>
            {load(ways, move |ways| match ways.provider {
                // A link and no form: what a form leads on to must be of this console (`form-action`).
                Some(label) => view! {
                    <a class="button" rel="external" href=paths::sign_in_by_provider(&next())>
                        {say!("Sign in with {label}")}
                    </a>
                }.into_any(),
                None => ().into_any(),
            })}
        </div>
    }
    .into_any()
}

/// The code of who has a second factor; nobody is signed in before it.
#[component]
fn SecondStep(next: String, refused: Option<String>) -> impl IntoView {
    let said = refused.map(|code| {
        let (what, fix) = match code.as_str() {
            "people/wrong-code" => (
                t!("That is not a code of now"),
                t!("Wait for the next one: each is taken once. A recovery code does, too; an administrator can reset the factor."),
            ),
            "people/back-off" => (t!("Too many tries"), t!("Wait half a minute, then try again.")),
            _ => (t!("The code came too late"), t!("Begin again with name and password.")),
        };
        view! { <div class="problem" role="alert"><p class="what">{what}</p><p class="fix">{fix}</p></div> }
    });
    view! {
        <Title text="Sign in"/>
        <div class="sign-in">
            <h1>"Sign in"</h1>
            <form method="post" action=paths::SIGN_IN_CODE class="card">
                {said}
                <input type="hidden" name="next" value=next/>
                <label>
                    "Code of your app, or a recovery code"
                    <input name="code" autocomplete="one-time-code" required autofocus/>
                </label>
                <button class="primary">"Sign in"</button>
                <p><a href=paths::SIGN_IN rel="external">"Begin again"</a></p>
            </form>
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_has_words_of_its_own() {
        let codes = [
            "oidc/provider-down",
            "oidc/state",
            "oidc/denied",
            "oidc/bad-answer",
            "oidc/no-group",
            "oidc/no-name",
            "oidc/name-taken",
            "oidc/disabled",
            "oidc/off",
            "people/back-off",
            "people/refused",
        ];
        for code in codes {
            assert_ne!(words(code), words("console/internal"), "{code}");
        }
    }
}
