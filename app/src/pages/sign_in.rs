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
}
