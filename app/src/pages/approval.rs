//! The approval of a plan that destroys, on the plan's page: asked for, decided, withdrawn; live for everybody who looks.

use crate::api;
use crate::api::ApiError;
use crate::components::{Badge, ProblemBox, RefusedNote, Until, When, approval};
use leptos::prelude::*;
use leptos::task::spawn_local;
use paddock_events::{ApprovalStage, ApprovalState, PlanId, PlanStanding, Problem, Verdict};
use std::time::Duration;

/// How often an open page looks whether somebody has acted.
const LOOK: Duration = Duration::from_secs(2);

/// Keeps what may happen to a plan up to date, until it has run. What has not changed draws nothing anew, so what is
/// being typed stays.
pub fn follow(id: PlanId, standing: RwSignal<PlanStanding>) {
    let asking = StoredValue::new(false);
    let look = move || {
        let done = standing.try_with_untracked(|now| now.job.is_some()).unwrap_or(true);
        if done || asking.try_get_value().unwrap_or(true) {
            return;
        }
        asking.set_value(true);
        spawn_local(async move {
            // A console that does not answer now is asked again; an act by this person shows its problem itself.
            if let Ok(new) = api::plan_standing(id.0).await {
                put(standing, new);
            }
            // The page may be gone by now.
            asking.try_set_value(false);
        });
    };
    Effect::new(move |_| {
        if let Ok(handle) = set_interval_with_handle(look, LOOK) {
            on_cleanup(move || handle.clear());
        }
    });
}

fn put(standing: RwSignal<PlanStanding>, new: PlanStanding) {
    if standing.try_with_untracked(|now| *now != new) == Some(true) {
        standing.set(new);
    }
}

/// What a person does to the request.
#[derive(Clone, Debug)]
enum Act {
    Request(String),
    Withdraw,
    Approve(String),
    Refuse(String),
    BreakGlass(String, String),
}

async fn perform(id: PlanId, act: Act) -> Result<(), ApiError> {
    match act {
        Act::Request(reason) => api::request_approval(id, reason).await,
        Act::Withdraw => api::withdraw_approval(id).await,
        Act::Approve(typed) => api::approve(id, typed).await,
        Act::Refuse(reason) => api::refuse_approval(id, reason).await,
        Act::BreakGlass(typed, reason) => api::break_glass(id, typed, reason).await,
    }
}

type Acting = Action<Act, Result<(), ApiError>>;

/// What forms share: the action, and what is being typed (kept while the card is drawn anew).
#[derive(Clone, Copy)]
struct Desk {
    act: Acting,
    name: StoredValue<String>,
    reason: RwSignal<String>,
    typed: RwSignal<String>,
    refusal: RwSignal<String>,
    glass_typed: RwSignal<String>,
    glass_reason: RwSignal<String>,
}

/// The card of a plan that destroys.
#[component]
pub fn Approval(
    id: PlanId,
    name: String,
    blast: Vec<(String, String)>,
    standing: RwSignal<PlanStanding>,
) -> impl IntoView {
    let act: Acting = Action::new(move |act: &Act| {
        let act = act.clone();
        async move {
            let done = perform(id, act).await;
            // Also after a refusal: often it comes because somebody else was quicker.
            if let Ok(new) = api::plan_standing(id.0).await {
                put(standing, new);
            }
            done
        }
    });
    let text = || RwSignal::new(String::new());
    let desk = Desk {
        act,
        name: StoredValue::new(name),
        reason: text(),
        typed: text(),
        refusal: text(),
        glass_typed: text(),
        glass_reason: text(),
    };
    let blast = StoredValue::new(blast);
    view! {
        <section class="card approval" aria-label="Approval">
            <h2>"Approval"</h2>
            {move || {
                let PlanStanding { job, approval, may_request, may_withdraw, may_approve, may_break_glass, .. } =
                    standing.get();
                let stage = approval.as_ref().map(|asked| asked.stage.clone());
                let waits = stage == Some(ApprovalStage::Waiting);
                let open = waits || matches!(stage, Some(ApprovalStage::Approved { .. }));
                view! {
                    {match approval {
                        Some(asked) => view! { <Asked asked/> }.into_any(),
                        None => view! {
                            <p>"This plan destroys. It runs only after somebody else has approved it."</p>
                        }.into_any(),
                    }}
                    {(open && may_withdraw == Verdict::Allowed).then(|| view! { <Withdraw desk/> })}
                    {(waits && job.is_none()).then(|| view! { <Decide desk blast may=may_approve/> })}
                    {(!open && job.is_none()).then(|| view! { <Request desk may=may_request/> })}
                    {(job.is_none() && !matches!(stage, Some(ApprovalStage::Approved { .. })))
                        .then(|| view! { <BreakGlass desk may=may_break_glass/> })}
                }
            }}
            {move || act.value().get().and_then(Result::err).map(|ApiError(problem)| view! { <ProblemBox problem/> })}
        </section>
    }
}

/// Who asked for what reason, and what became of it.
#[component]
fn Asked(asked: ApprovalState) -> impl IntoView {
    let ApprovalState { requester, reason, requested_us, expires_us, break_glass, stage } = asked;
    let (tone, word) = approval(&stage);
    let said = match stage {
        ApprovalStage::Waiting => view! { "Waits for an approver. Expires "<Until at_us=expires_us/>"." }.into_any(),
        ApprovalStage::Approved { by, at_us } => {
            view! { "By "<b>{by}</b>", "<When at_us/>". It may run once; expires "<Until at_us=expires_us/>"." }.into_any()
        }
        ApprovalStage::Refused { by, at_us, why } => {
            view! { "By "<b>{by}</b>", "<When at_us/>": "<q>{why}</q> }.into_any()
        }
        ApprovalStage::Withdrawn { at_us } => view! { "By the requester, "<When at_us/>"." }.into_any(),
        ApprovalStage::Used { by, at_us, used_us } => {
            view! { "Approved by "<b>{by}</b>", "<When at_us/>"; run "<When at_us=used_us/>"." }.into_any()
        }
        ApprovalStage::Expired => view! { <When at_us=expires_us/>". Nothing was run with it." }.into_any(),
        ApprovalStage::Void { at_us, why } => view! { <When at_us/>": "{why}"." }.into_any(),
    };
    view! {
        {break_glass.then(|| view! {
            <p class="told bad"><b>"Break-glass: "</b>{requester.clone()}" decided alone."</p>
        })}
        <p role="status"><Badge tone text=word/>" "{said}</p>
        <p class="asked"><b>{requester}</b>" asked, "<When at_us=requested_us/>": "<q>{reason}</q></p>
    }
}

/// The reason of a verdict, when it is a refusal.
fn refusal(may: Verdict) -> Option<Problem> {
    match may {
        Verdict::Allowed => None,
        Verdict::Refused { problem } => Some(problem),
    }
}

#[component]
fn Withdraw(desk: Desk) -> impl IntoView {
    view! {
        <p><button type="button" disabled=move || desk.act.pending().get()
            on:click=move |_| { desk.act.dispatch(Act::Withdraw); }>"Withdraw the request"</button></p>
    }
}

#[component]
fn Request(desk: Desk, may: Verdict) -> impl IntoView {
    let refused = refusal(may);
    let stopped = refused.is_some();
    let submit = move || {
        desk.act.dispatch(Act::Request(desk.reason.get_untracked()));
    };
    view! {
        <form class="ask" aria-label="Request approval" on:submit=move |event| { event.prevent_default(); submit(); }>
            <Field label="Why it should run" value=desk.reason stopped/>
            <button class="primary" aria-describedby="request-note" disabled=move || stopped || desk.act.pending().get()>
                "Request approval"
            </button>
            {refused.map(|problem| view! { <RefusedNote problem id="request-note"/> })}
        </form>
    }
}

#[component]
fn Decide(desk: Desk, blast: StoredValue<Vec<(String, String)>>, may: Verdict) -> impl IntoView {
    let approve = move || {
        desk.act.dispatch(Act::Approve(desk.typed.get_untracked()));
    };
    let refuse = move || {
        desk.act.dispatch(Act::Refuse(desk.refusal.get_untracked()));
    };
    let name = desk.name.get_value();
    view! {
        <dl class="blast" aria-label="At stake">
            {blast.get_value().into_iter().map(|(label, value)| view! {
                <div><dt>{label}</dt><dd>{value}</dd></div>
            }).collect_view()}
        </dl>
        {match refusal(may) {
            // Who may not decide reads why, and is shown no fields that take nothing.
            Some(problem) => view! { <RefusedNote problem id="decide-note"/> }.into_any(),
            None => view! {
                <div class="decide">
                    <form class="ask" aria-label="Approve" on:submit=move |event| { event.prevent_default(); approve(); }>
                        <Field label=format!("Type {name} to approve") value=desk.typed stopped=false/>
                        <button class="danger" disabled=move || desk.act.pending().get()>"Approve"</button>
                    </form>
                    <form class="ask" aria-label="Refuse" on:submit=move |event| { event.prevent_default(); refuse(); }>
                        <Field label="Why it should not run" value=desk.refusal stopped=false/>
                        <button disabled=move || desk.act.pending().get()>"Refuse"</button>
                    </form>
                </div>
            }.into_any(),
        }}
    }
}

/// Behind a disclosure, and only for those whose role has it at all.
#[component]
fn BreakGlass(desk: Desk, may: Verdict) -> impl IntoView {
    let refused = refusal(may);
    if refused.as_ref().is_some_and(|problem| problem.code == "people/forbidden") {
        return ().into_any();
    }
    let stopped = refused.is_some();
    let submit = move || {
        desk.act
            .dispatch(Act::BreakGlass(desk.glass_typed.get_untracked(), desk.glass_reason.get_untracked()));
    };
    let name = desk.name.get_value();
    view! {
        <details class="glass">
            <summary>"Break the glass: run it without another person"</summary>
            <p class="note">"For an emergency in which nobody else can be reached. It is logged as a warning, and the plan says so for ever."</p>
            <form class="ask" aria-label="Break the glass" on:submit=move |event| { event.prevent_default(); submit(); }>
                <Field label=format!("Type {name} to break the glass") value=desk.glass_typed stopped/>
                <Field label="Why it cannot wait for anybody" value=desk.glass_reason stopped/>
                <button class="danger" aria-describedby="glass-note" disabled=move || stopped || desk.act.pending().get()>
                    "Approve alone"
                </button>
                {refused.map(|problem| view! { <RefusedNote problem id="glass-note"/> })}
            </form>
        </details>
    }
    .into_any()
}

#[component]
fn Field(#[prop(into)] label: String, value: RwSignal<String>, stopped: bool) -> impl IntoView {
    view! {
        <label>
            {label}
            <input prop:value=value required=true disabled=stopped autocomplete="off"
                on:input:target=move |event| value.set(event.target().value())/>
        </label>
    }
}
