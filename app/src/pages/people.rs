//! Who may do what. People are added and changed on the console's own machine, so there is nothing to press here.

use crate::api;
use crate::components::{Badge, Tone, When, load};
use leptos::prelude::*;
use leptos_meta::Title;
use paddock_events::PersonRow;
use paddock_tongue::{t, view};

/// The page of `/people`.
#[component]
pub fn PeopleView() -> impl IntoView {
    let people = Resource::new_blocking(|| (), |()| api::people());
    view! {
        <Title text="People"/>
        <div class="head"><h1>"People"</h1></div>
        {load(people, |rows| view! { <Table rows/> }.into_any())}
    }
}

#[component]
fn Table(rows: Vec<PersonRow>) -> impl IntoView {
    let rows = rows.into_iter().map(|row| view! { <Row row/> }).collect_view();
    view! {
        <p class="note">
            "A grant is a role on the clusters whose names a pattern matches; "<code>"*"</code>" is everything. On the console's own machine, "<code>"paddock user add"</code>
            " adds somebody, and grants change with "
            <code>"paddock user grant"</code>" and "<code>"paddock user revoke"</code>
            "; of who signs in by the provider, the groups there say it."
        </p>
        <div class="table-box" tabindex="0">
            <table aria-label="People">
                <thead><tr>
                    <th scope="col">"Name"</th><th scope="col">"Grants"</th><th scope="col">"State"</th>
                    <th scope="col">"Added"</th><th scope="col" class="num">"Tokens"</th>
                </tr></thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
}

#[component]
fn Row(row: PersonRow) -> impl IntoView {
    let PersonRow { name, grants, created_us, disabled_us, tokens, by_provider } = row;
    let by_provider = by_provider.then(|| view! { " "<span class="chip">"by the provider"</span> });
    let none = grants.is_empty().then_some(t!("none"));
    let grants = grants.into_iter().map(|one| view! { <span class="chip">{one}</span> }).collect_view();
    let state = match disabled_us {
        Some(since) => view! { <Badge tone=Tone::Bad text="disabled"/>" "<When at_us=since/> }.into_any(),
        None => view! { <Badge tone=Tone::Good text="active"/> }.into_any(),
    };
    view! {
        <tr>
            <th scope="row">{name}{by_provider}</th>
            <td>{grants}{none}</td>
            <td>{state}</td>
            <td><When at_us=created_us/></td>
            <td class="num">{tokens}</td>
        </tr>
    }
}
