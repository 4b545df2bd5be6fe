//! The approval policy: what holds, as tables, and its text for who may change it.

use crate::api;
use crate::api::ApiError;
use crate::components::{Loaded, Moment, ProblemBox, RefusedNote, load};
use leptos::prelude::*;
use leptos_meta::Title;
use paddock_events::{PolicyFreeze, PolicyPage, PolicyRule, Verdict};
use paddock_tongue::{say, t, view};

/// The page of `/policy`.
#[component]
pub fn PolicyView() -> impl IntoView {
    let page = Resource::new_blocking(|| (), |()| api::policy());
    // Beside what is loaded anew, so that it is still said then.
    let saved = RwSignal::new(false);
    view! {
        <Title text="Approval policy"/>
        <div class="head"><h1>"Approval policy"</h1></div>
        <p class="note">
            "What it takes to run a plan that destroys. The first rule that matches a cluster's name holds for it; a plan about several clusters takes the most of each."
        </p>
        {move || saved.get().then(|| view! { <p class="note" role="status">"Saved. It holds from now on."</p> })}
        {load(page, move |now| view! { <Policy now page saved/> }.into_any())}
    }
}

#[component]
fn Policy(now: PolicyPage, page: Loaded<PolicyPage>, saved: RwSignal<bool>) -> impl IntoView {
    let PolicyPage { rules, freezes, text, base, may_change } = now;
    view! {
        <h2>"Rules"</h2>
        <div class="table-box" tabindex="0">
            <table aria-label="Rules">
                <thead><tr>
                    <th scope="col">"Clusters"</th><th scope="col" class="num">"Approvers"</th>
                    <th scope="col">"Newest backup, when all data go"</th>
                </tr></thead>
                <tbody>{rules.into_iter().map(|rule| view! { <Rule rule/> }).collect_view()}</tbody>
            </table>
        </div>
        <h2>"Freezes"</h2>
        {if freezes.is_empty() {
            view! { <p class="empty">"None. While a freeze holds, nothing but jobs that only read runs on its clusters."</p> }.into_any()
        } else {
            view! {
                <div class="table-box" tabindex="0">
                    <table aria-label="Freezes">
                        <thead><tr>
                            <th scope="col">"Clusters"</th><th scope="col">"From"</th><th scope="col">"To"</th>
                            <th scope="col">"Reason"</th>
                        </tr></thead>
                        <tbody>{freezes.into_iter().map(|freeze| view! { <Freeze freeze/> }).collect_view()}</tbody>
                    </table>
                </div>
            }.into_any()
        }}
        <h2>"Text"</h2>
        <Text text base may_change page saved/>
    }
}

#[component]
fn Rule(rule: PolicyRule) -> impl IntoView {
    let PolicyRule { clusters, approvers, backup_within } = rule;
    let within =
        backup_within.map_or_else(|| t!("of any age").to_owned(), |span| say!("not older than {span}"));
    view! { <tr><th scope="row">{clusters}</th><td class="num">{approvers}</td><td>{within}</td></tr> }
}

#[component]
fn Freeze(freeze: PolicyFreeze) -> impl IntoView {
    let PolicyFreeze { clusters, from_us, to_us, reason } = freeze;
    view! {
        <tr>
            <th scope="row">{clusters}</th>
            <td><Moment at_us=from_us/></td>
            <td><Moment at_us=to_us/></td>
            <td>{reason}</td>
        </tr>
    }
}

#[component]
fn Text(
    text: String,
    base: Option<String>,
    may_change: Verdict,
    page: Loaded<PolicyPage>,
    saved: RwSignal<bool>,
) -> impl IntoView {
    let refused = match may_change {
        Verdict::Allowed => None,
        Verdict::Refused { problem } => Some(problem),
    };
    let locked = refused.is_some();
    let rows = text.lines().count().clamp(12, 40).to_string();
    let text = RwSignal::new(text);
    let save = Action::new(move |(): &()| {
        let (base, text) = (base.clone(), text.get_untracked());
        async move {
            let done = api::save_policy(base, text).await;
            saved.set(done.is_ok());
            if done.is_ok() {
                page.refetch();
            }
            done
        }
    });
    view! {
        <form on:submit=move |event| { event.prevent_default(); save.dispatch(()); }>
            <textarea
                class="code" aria-label="Policy text" rows=rows spellcheck="false" autocomplete="off" readonly=locked
                prop:value=text on:input:target=move |event| text.set(event.target().value())
            ></textarea>
            <p>
                <button class="primary" aria-describedby="policy-note" disabled=move || locked || save.pending().get()>
                    "Save the policy"
                </button>
            </p>
            {refused.map(|problem| view! { <RefusedNote problem id="policy-note"/> })}
            {move || save.value().get().and_then(Result::err).map(|ApiError(problem)| view! { <ProblemBox problem/> })}
        </form>
    }
}
