//! Users and databases as the inventory declares them, each with the operation that brings it to that.

use super::Shown;
use crate::components::{Badge, Copyable, RefusedNote, Tone};
use crate::pages::operate::{PlanProblem, planner};
use crate::paths;
use leptos::prelude::*;
use paddock_events::{ClusterDeclared, DeclaredDatabase, DeclaredUser, Offer};
use paddock_tongue::{say, t, view};

/// The fifth tab.
#[component]
pub fn Accounts(shown: Shown, declared: ClusterDeclared) -> impl IntoView {
    let locked = shown.locked();
    let stopped = locked.is_some();
    view! {
        {locked.map(|problem| view! { <RefusedNote problem id="operate-note"/> })}
        <p class="note">
            "Declared in the "<a href=paths::INVENTORY>"inventory"</a>" as pg_users and pg_databases. Each button plans what makes it true on the leader."
        </p>
        <h2>"Users"</h2>
        <Users users=declared.users stopped/>
        <h2>"Databases"</h2>
        <Databases databases=declared.databases stopped/>
    }
}

fn dash(text: String) -> String {
    if text.is_empty() { "–".to_owned() } else { text }
}

#[component]
fn Users(users: Vec<DeclaredUser>, stopped: bool) -> impl IntoView {
    if users.is_empty() {
        return view! { <p class="empty">"No user is declared."</p> }.into_any();
    }
    let rows = users
        .into_iter()
        .map(|user| {
            let plain = user.attributes.is_empty().then_some("–");
            let attributes = user.attributes.into_iter().map(|one| view! { <span class="chip">{one}</span> }).collect_view();
            view! {
                <tr>
                    <th scope="row">{user.name.clone()}{user.absent.then(|| view! { <Badge tone=Tone::Bad text="dropping"/> })}</th>
                    <td>{dash(user.roles.join(", "))}</td>
                    <td>{attributes}{plain}</td>
                    <td>{if user.pgbouncer { "yes" } else { "–" }}</td>
                    <td>{dash(user.comment)}</td>
                    <td class="apply"><Apply what=say!("user {name}", name = user.name) offer=user.offer drops=user.absent stopped/></td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <div class="table-box" tabindex="0">
            <table aria-label="Users">
                <thead><tr>
                    <th scope="col">"User"</th><th scope="col">"Roles"</th><th scope="col">"Attributes"</th>
                    <th scope="col">"PgBouncer"</th><th scope="col">"Comment"</th><th scope="col">"Bring to what is declared"</th>
                </tr></thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
    .into_any()
}

#[component]
fn Databases(databases: Vec<DeclaredDatabase>, stopped: bool) -> impl IntoView {
    if databases.is_empty() {
        return view! { <p class="empty">"No database is declared."</p> }.into_any();
    }
    let rows = databases
        .into_iter()
        .map(|one| {
            let state = match (one.absent, one.recreated) {
                (true, _) => Some(t!("dropping")),
                (false, true) => Some(t!("dropping and making anew")),
                (false, false) => None,
            };
            let plain = one.extensions.is_empty().then_some("–");
            let extensions = one.extensions.into_iter().map(|one| view! { <span class="chip">{one}</span> }).collect_view();
            view! {
                <tr>
                    <th scope="row">{one.name.clone()}{state.map(|text| view! { <Badge tone=Tone::Bad text/> })}</th>
                    <td>{dash(one.owner.unwrap_or_default())}</td>
                    <td>{extensions}{plain}</td>
                    <td>{match one.baseline {
                        Some(file) => view! { <code>{file}</code> }.into_any(),
                        None => "–".into_any(),
                    }}</td>
                    <td>{dash(one.comment)}</td>
                    <td class="apply"><Apply what=say!("database {name}", name = one.name) offer=one.offer drops=state.is_some() stopped/></td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <div class="table-box" tabindex="0">
            <table aria-label="Databases">
                <thead><tr>
                    <th scope="col">"Database"</th><th scope="col">"Owner"</th><th scope="col">"Extensions"</th>
                    <th scope="col">"Baseline"</th><th scope="col">"Comment"</th><th scope="col">"Bring to what is declared"</th>
                </tr></thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
    .into_any()
}

#[component]
fn Apply(what: String, offer: Option<Offer>, drops: bool, stopped: bool) -> impl IntoView {
    let Some(offer) = offer else {
        return view! { <span class="note">"its name cannot be given to the command"</span> }.into_any();
    };
    let planning = planner();
    let words = offer.words.clone();
    let (label, name) =
        if drops { (t!("Drop"), say!("Drop {what}")) } else { (t!("Apply"), say!("Apply {what}")) };
    view! {
        <div class="row">
            <button type="button" class=if drops { "small danger" } else { "small" } aria-label=name
                disabled=move || stopped || planning.pending().get()
                on:click=move |_| { planning.dispatch(words.clone()); }>
                {move || if planning.pending().get() { t!("Reading the nodes…") } else { label }}
            </button>
            <Copyable text=offer.script/>
        </div>
        <PlanProblem planning/>
    }
    .into_any()
}
