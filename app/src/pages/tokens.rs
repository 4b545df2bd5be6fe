//! A person's own API tokens on the account page: made, shown once, listed, revoked.

use crate::api;
use crate::api::ApiError;
use crate::components::{Loaded, ProblemBox, Until, When, load};
use leptos::prelude::*;
use paddock_events::{MadeToken, TokenId, TokenRow};
use paddock_tongue::{say, t, view};

/// What a token may be, the weakest first.
const ROLES: [&str; 4] = ["viewer", "operator", "approver", "admin"];

/// The list and the form.
#[component]
pub fn Tokens() -> impl IntoView {
    let rows = Resource::new_blocking(|| (), |()| api::tokens());
    view! {
        <h2>"API tokens"</h2>
        <p>"A token acts for you from the command line: within its scope, and never beyond what you may do yourself."</p>
        {load(rows, move |all| {
            if all.is_empty() { view! { <p class="empty">"None."</p> }.into_any() } else { view! { <Table all rows/> }.into_any() }
        })}
        <Make rows/>
    }
}

#[component]
fn Table(all: Vec<TokenRow>, rows: Loaded<Vec<TokenRow>>) -> impl IntoView {
    let revoke = Action::new(move |id: &TokenId| {
        let id = *id;
        async move {
            let done = api::revoke_token(id).await;
            if done.is_ok() {
                rows.refetch();
            }
            done
        }
    });
    let row = move |token: TokenRow| {
        let TokenRow { id, label, scope, created_us, expires_us, used_us } = token;
        let name = say!("Revoke token {id}");
        view! {
            <tr>
                <th scope="row">{label}</th>
                <td>{scope}</td>
                <td><When at_us=created_us/></td>
                <td>{match expires_us {
                    Some(at_us) => view! { <Until at_us/> }.into_any(),
                    None => t!("when it is revoked").into_any(),
                }}</td>
                <td>{match used_us {
                    Some(at_us) => view! { <When at_us/> }.into_any(),
                    None => t!("never").into_any(),
                }}</td>
                <td>
                    <button type="button" class="small danger" aria-label=name disabled=move || revoke.pending().get()
                        on:click=move |_| { revoke.dispatch(id); }>"Revoke"</button>
                </td>
            </tr>
        }
    };
    view! {
        <div class="table-box" tabindex="0">
            <table aria-label="API tokens">
                <thead><tr>
                    <th scope="col">"For"</th><th scope="col">"Scope"</th><th scope="col">"Made"</th>
                    <th scope="col">"Expires"</th><th scope="col">"Last used"</th><th scope="col"><span class="sr">"Revoke"</span></th>
                </tr></thead>
                <tbody>{all.into_iter().map(row).collect_view()}</tbody>
            </table>
        </div>
        {move || revoke.value().get().and_then(Result::err).map(|ApiError(problem)| view! { <ProblemBox problem/> })}
    }
}

#[component]
fn Make(rows: Loaded<Vec<TokenRow>>) -> impl IntoView {
    let label = RwSignal::new(String::new());
    let role = RwSignal::new(ROLES[0].to_owned());
    let clusters = RwSignal::new("*".to_owned());
    let days = RwSignal::new("90".to_owned());
    let make = Action::new(move |(): &()| {
        let patterns = clusters.get_untracked().split_whitespace().map(str::to_owned).collect();
        // What is no number is refused as too long.
        let days = days.get_untracked().trim().parse().unwrap_or(u32::MAX / 86_400);
        let (label, role) = (label.get_untracked(), role.get_untracked());
        async move {
            let made = api::add_token(label, days, role, patterns).await;
            if made.is_ok() {
                rows.refetch();
            }
            made
        }
    });
    view! {
        <form class="card account" aria-label="Make a token" on:submit=move |event| { event.prevent_default(); make.dispatch(()); }>
            <label>
                "What it is for"
                <input prop:value=label required=true maxlength="100" autocomplete="off"
                    on:input:target=move |event| label.set(event.target().value())/>
            </label>
            <label>
                "At most this role"
                <select prop:value=role on:change:target=move |event| role.set(event.target().value())>
                    {ROLES.map(|one| view! { <option value=one>{one}</option> }).collect_view()}
                </select>
            </label>
            <label>
                "On clusters (patterns, with blanks between)"
                <input prop:value=clusters required=true autocomplete="off"
                    on:input:target=move |event| clusters.set(event.target().value())/>
            </label>
            <label>
                "Days until it expires"
                <input prop:value=days required=true type="number" min="1" max="366"
                    on:input:target=move |event| days.set(event.target().value())/>
            </label>
            <button class="primary" disabled=move || make.pending().get()>"Make a token"</button>
        </form>
        {move || make.value().get().map(|made| match made {
            Ok(MadeToken { id, token }) => view! {
                <section class="card" aria-label="New token">
                    <p><b>{say!("Token {id} is shown this once. ")}</b>"Keep it as PADDOCK_TOKEN."</p>
                    <p><code class="once">{token}</code></p>
                </section>
            }.into_any(),
            Err(ApiError(problem)) => view! { <ProblemBox problem/> }.into_any(),
        })}
    }
}
