//! What the inventory says and what runs, side by side, each with the operation that would close it.

use crate::components::{Badge, Tone, When, load};
use crate::{api, paths};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;
use paddock_events::{DriftPage, DriftRow};
use paddock_tongue::{count, say, t, view};

/// The page of `/drift`; one cluster is named in the address.
#[component]
pub fn DriftView() -> impl IntoView {
    let query = use_query_map();
    let cluster = Memo::new(move |_| query.with(|query| query.get("cluster")).unwrap_or_default());
    let page = Resource::new_blocking(move || cluster.get(), api::drift);
    let of = move || {
        let name = cluster.get();
        (!name.is_empty()).then(|| view! {
            <p class="crumbs"><a href=paths::DRIFT>"Drift of all clusters"</a>" / "<a href=paths::cluster(&name)>{name.clone()}</a></p>
        })
    };
    view! {
        <Title text="Drift"/>
        {of}
        <div class="head">
            <h1>{move || if cluster.with(String::is_empty) { t!("Drift").to_owned() } else { say!("Drift of {cluster}", cluster = cluster.get()) }}</h1>
            <button type="button" class="small" on:click=move |_| page.refetch()>"Compare again"</button>
        </div>
        {load(page, |page| view! { <Differences page/> }.into_any())}
    }
}

#[component]
fn Differences(page: DriftPage) -> impl IntoView {
    let DriftPage { rows, compared, unread, oldest_us } = page;
    let none = rows.is_empty();
    let (count, same) = (rows.len(), compared.len());
    let rows = rows.into_iter().map(draw).collect_view();
    let files: Vec<_> = match compared.as_slice() {
        [only] => vec![
            (paths::command(only, &format!("bin/pgsql-hba {only}")), t!("HBA rules")),
            (paths::command(only, &format!("bin/pgsql-svc {only}")), t!("HAProxy services")),
        ],
        _ => Vec::new(),
    };
    let files = files.into_iter().map(|(href, what)| view! { <a href=href>{what}</a>". " }).collect_view();
    view! {
        <p class="note">
            {say!("{differences} in {clusters} compared", differences = count!(count, "difference"), clusters = count!(same, "cluster"))}
            {oldest_us.map(|at_us| view! { ", as seen "<When at_us/> })}
            ". Members, instance roles, versions, upstreams and settings that wait are compared; files are compared by the dry run of a plan: "
            {if same == 1 { files.into_any() } else { t!("open one cluster for its HBA rules and services.").into_any() }}
        </p>
        {if none && same > 0 {
            view! { <p class="told good" role="status">"What was compared runs as declared."</p> }.into_any()
        } else if none {
            view! { <p class="empty">"Nothing could be compared yet."</p> }.into_any()
        } else {
            view! {
                <div class="table-box" tabindex="0">
                    <table class="drift" aria-label="Differences">
                        <thead><tr>
                            <th scope="col">"Cluster"</th><th scope="col">"Instance"</th><th scope="col">"Subject"</th>
                            <th scope="col">"Inventory says"</th><th scope="col">"Runs"</th><th scope="col">"Closed by"</th>
                        </tr></thead>
                        <tbody>{rows}</tbody>
                    </table>
                </div>
            }
            .into_any()
        }}
        {(!unread.is_empty()).then(|| {
            let rows = unread.into_iter().map(|(name, why)| view! {
                <li><a href=paths::cluster(&name)>{name.clone()}</a>" "<span class="why">{why}</span></li>
            }).collect_view();
            view! { <h2>"Not compared"</h2><ul class="unread card">{rows}</ul> }
        })}
    }
}

fn draw(row: DriftRow) -> impl IntoView {
    let DriftRow { cluster, instance, subject, declared, runs, close, note } = row;
    let close = match close {
        Some(offer) => {
            view! { <a href=paths::command(&cluster, &offer.script)><code>{offer.script.clone()}</code></a> }
                .into_any()
        }
        None => view! { <a href=paths::INVENTORY>"Inventory"</a> }.into_any(),
    };
    view! {
        <tr>
            <th scope="row"><a href=paths::cluster(&cluster)>{cluster.clone()}</a></th>
            <td>{if instance.is_empty() { t!("all").to_owned() } else { instance }}</td>
            <td>{subject}</td>
            <td>{declared}</td>
            <td><Badge tone=Tone::Warn text=runs/></td>
            <td>{close}<span class="why">{note}</span></td>
        </tr>
    }
}
