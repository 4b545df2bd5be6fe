//! Sign-in: a plain form, so that it works before and without the WASM.

use crate::paths;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

/// Name and password; the server answers a refusal with `?refused=1`.
#[component]
pub fn SignIn() -> impl IntoView {
    let query = use_query_map();
    let next = move || {
        let next = query.with(|query| query.get("next")).unwrap_or_default();
        if paths::is_local(&next) { next } else { paths::CLUSTERS.to_owned() }
    };
    let refused = move || query.with(|query| query.get("refused").is_some());
    let code = query.with_untracked(|query| query.get("step")).as_deref() == Some("code");
    if code {
        let refused = query.with_untracked(|query| query.get("refused"));
        return view! { <SecondStep next=next() refused/> }.into_any();
    }
    view! {
        <Title text="Sign in"/>
        <div class="sign-in">
            <h1>"Sign in"</h1>
            <form method="post" action=paths::SIGN_IN class="card">
                <Show when=refused>
                    <div class="problem" role="alert">
                        <p class="what">"Name or password is wrong"</p>
                        <p class="fix">
                            "Try again. The first admin's password was printed once when the console started; an "
                            "administrator of this computer can add a person with "<code>"paddock user add"</code>"."
                        </p>
                    </div>
                </Show>
                <input type="hidden" name="next" value=next/>
                <label>"Name"<input name="name" autocomplete="username" required autofocus/></label>
                <label>
                    "Password"
                    <input name="password" type="password" autocomplete="current-password" required/>
                </label>
                <button class="primary">"Sign in"</button>
            </form>
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
                "That is not a code of now",
                "Wait for the next one: each is taken once. A recovery code does, too; an administrator can reset the factor.",
            ),
            "people/back-off" => ("Too many tries", "Wait half a minute, then try again."),
            _ => ("The code came too late", "Begin again with name and password."),
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
