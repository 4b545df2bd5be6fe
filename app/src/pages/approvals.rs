//! What waits for an approver, and what was decided lately.

use crate::components::{Badge, Until, When, approval, load};
use crate::{api, paths};
use leptos::prelude::*;
use leptos_meta::Title;
use paddock_events::{ApprovalRow, ApprovalStage, ApprovalState, ApprovalsPage};
use paddock_tongue::{say, t, view};
use std::time::Duration;

const LOOK: Duration = Duration::from_secs(5);

/// The page of `/approvals`.
#[component]
pub fn ApprovalsView() -> impl IntoView {
    let page = Resource::new_blocking(|| (), |()| api::approvals());
    Effect::new(move |_| {
        if let Ok(handle) = set_interval_with_handle(move || page.refetch(), LOOK) {
            on_cleanup(move || handle.clear());
        }
    });
    view! {
        <Title text="Approvals"/>
        <div class="head"><h1>"Approvals"</h1></div>
        {load(page, |page| view! { <Approvals page/> }.into_any())}
    }
}

#[component]
fn Approvals(page: ApprovalsPage) -> impl IntoView {
    let ApprovalsPage { waiting, decided } = page;
    view! {
        <h2>"Waiting for a decision"</h2>
        {if waiting.is_empty() {
            view! { <p class="empty">"Nothing waits. A plan that destroys is asked for on its own page."</p> }.into_any()
        } else {
            view! { <Table name=t!("Waiting") rows=waiting/> }.into_any()
        }}
        {(!decided.is_empty()).then(|| view! { <h2>"Decided"</h2><Table name=t!("Decided") rows=decided/> })}
    }
}

#[component]
fn Table(name: &'static str, rows: Vec<ApprovalRow>) -> impl IntoView {
    let rows = rows.into_iter().map(|row| view! { <Row row/> }).collect_view();
    view! {
        <div class="table-box">
            <table class="approvals" aria-label=name>
                <thead><tr>
                    <th scope="col">"Plan"</th><th scope="col">"Asked by"</th><th scope="col">"State"</th>
                </tr></thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
}

#[component]
fn Row(row: ApprovalRow) -> impl IntoView {
    let ApprovalRow { plan, title, cluster, state } = row;
    let ApprovalState {
        requester, reason, requested_us, expires_us, break_glass, stage, needed, given, ..
    } = state;
    let (tone, word) = approval(&stage);
    let said = match stage {
        ApprovalStage::Waiting if needed > 1 => {
            view! { {say!("{given} of {needed} given, ", given = given.len())}"expires "<Until at_us=expires_us/> }
                .into_any()
        }
        ApprovalStage::Waiting => view! { "expires "<Until at_us=expires_us/> }.into_any(),
        ApprovalStage::Approved { by, at_us } => view! { {by}", "<When at_us/> }.into_any(),
        ApprovalStage::Refused { by, at_us, why } => {
            view! { {by}", "<When at_us/>": "<q>{why}</q> }.into_any()
        }
        ApprovalStage::Withdrawn { at_us } => view! { <When at_us/> }.into_any(),
        ApprovalStage::Used { by, used_us, .. } => {
            view! { "approved by "{by}"; run "<When at_us=used_us/> }.into_any()
        }
        ApprovalStage::Expired => view! { <When at_us=expires_us/> }.into_any(),
        ApprovalStage::Void { at_us, why } => view! { <When at_us/>": "{why} }.into_any(),
    };
    view! {
        <tr>
            <th scope="row">
                <a href=paths::plan(plan)>{title}</a>
                {cluster.map(|name| view! { <span class="why"><a href=paths::cluster(&name)>{name.clone()}</a></span> })}
            </th>
            <td>{requester}", "<When at_us=requested_us/><span class="why">{reason}</span></td>
            <td>
                <Badge tone text=word/>
                {break_glass.then(|| view! { <Badge tone=crate::components::Tone::Bad text="break-glass"/> })}
                <span class="why">{said}</span>
            </td>
        </tr>
    }
}
