//! What this console is set to, and where each of it is decided. Read-only: who decides is a file, a flag or another page.

use crate::components::{Badge, Tone, When, load};
use crate::{api, paths};
use leptos::prelude::*;
use leptos_meta::Title;
use paddock_events::{DestinationRow, SettingGroup, SettingRow, SettingsPage};
use paddock_tongue::{t, view};

/// The page of `/settings`.
#[component]
pub fn SettingsView() -> impl IntoView {
    let page = Resource::new_blocking(|| (), |()| api::settings());
    view! {
        <Title text="Settings"/>
        <div class="head"><h1>"Settings"</h1></div>
        <p class="note">
            "What is in force now. A flag stands over the environment, which stands over the file; all three are read when the console starts. Secrets are never shown."
        </p>
        {load(page, |page| view! { <Settings page/> }.into_any())}
    }
}

#[component]
fn Settings(page: SettingsPage) -> impl IntoView {
    let SettingsPage { groups, destinations } = page;
    view! {
        {groups.into_iter().map(group).collect_view()}
        <h2 id="notifications">"Notifications"</h2>
        {if destinations.is_empty() {
            view! { <p class="empty">"Nobody is told: the settings file has no "<code>"[[notify]]"</code>"."</p> }.into_any()
        } else {
            let rows = destinations.into_iter().map(destination).collect_view();
            view! {
                <div class="table-box" tabindex="0">
                    <table aria-label="Notifications">
                        <thead><tr>
                            <th scope="col">"To"</th><th scope="col">"Kind"</th><th scope="col">"Told"</th>
                            <th scope="col">"Clusters"</th><th scope="col">"Last delivery"</th>
                        </tr></thead>
                        <tbody>{rows}</tbody>
                    </table>
                </div>
            }
            .into_any()
        }}
        <h2>"Set elsewhere"</h2>
        <ul class="card elsewhere">
            <li><a href=paths::POLICY>"Approval policy"</a>" – what it takes to run a plan that destroys"</li>
            <li><a href=paths::PEOPLE>"People"</a>" – who may do what"</li>
            <li><a href=paths::INVENTORY>"Inventory"</a>" – what the clusters are"</li>
        </ul>
    }
}

fn group(group: SettingGroup) -> impl IntoView {
    let SettingGroup { title, rows } = group;
    let row = |row: SettingRow| {
        let SettingRow { name, value, from, key } = row;
        view! {
            <tr>
                <th scope="row">{name}</th>
                <td class="value">{value}</td>
                <td>{from}{(!key.is_empty()).then(|| view! { " "<code>{key}</code> })}</td>
            </tr>
        }
    };
    let rows = rows.into_iter().map(row).collect_view();
    view! {
        <h2>{title.clone()}</h2>
        <div class="table-box" tabindex="0">
            <table class="settings" aria-label=title>
                <thead><tr><th scope="col">"Setting"</th><th scope="col">"In force"</th><th scope="col">"Decided by"</th></tr></thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
}

fn destination(row: DestinationRow) -> impl IntoView {
    let DestinationRow { name, kind, events, clusters, delivered_us, failing } = row;
    view! {
        <tr>
            <th scope="row">{name}</th>
            <td>{kind}</td>
            <td>{events}</td>
            <td>{clusters}</td>
            <td>
                {match delivered_us {
                    Some(at_us) => view! { <When at_us/> }.into_any(),
                    None => t!("none yet").into_any(),
                }}
                {failing.map(|why| view! { " "<Badge tone=Tone::Bad text="does not answer"/><span class="why">{why}</span> })}
            </td>
        </tr>
    }
}
