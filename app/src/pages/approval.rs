//! The approval of a plan that destroys, on the plan's page: asked for, decided, withdrawn; live for everybody who looks.

use crate::api;
use crate::api::ApiError;
use crate::components::{Badge, Moment, ProblemBox, RefusedNote, Until, When, approval};
use leptos::prelude::*;
use leptos::task::spawn_local;
use paddock_events::{ApprovalStage, ApprovalState, PlanId, PlanRules, PlanStanding, Problem, Verdict};
use paddock_tongue::{say, t, view};
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
    Request { reason: String, words: String },
    Withdraw,
    Approve { typed: String, words: String },
    Refuse(String),
    BreakGlass { typed: String, reason: String, words: String },
}

async fn perform(id: PlanId, act: Act) -> Result<(), ApiError> {
    match act {
        Act::Request { reason, words } => api::request_approval(id, reason, words).await,
        Act::Withdraw => api::withdraw_approval(id).await,
        Act::Approve { typed, words } => api::approve(id, typed, words).await,
        Act::Refuse(reason) => api::refuse_approval(id, reason).await,
        Act::BreakGlass { typed, reason, words } => api::break_glass(id, typed, reason, words).await,
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
    words: RwSignal<String>,
    glass_typed: RwSignal<String>,
    glass_reason: RwSignal<String>,
    glass_words: RwSignal<String>,
}

/// The card of a plan that destroys, or that a freeze keeps from running.
#[component]
pub fn Approval(
    id: PlanId,
    name: String,
    destroys: bool,
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
        words: text(),
        glass_typed: text(),
        glass_reason: text(),
        glass_words: text(),
    };
    let blast = StoredValue::new(blast);
    view! {
        <section class="card approval" aria-label="Approval">
            <h2>"Approval"</h2>
            {move || {
                let PlanStanding { job, approval, rules, may_request, may_withdraw, may_approve, may_break_glass, .. } =
                    standing.get();
                let gate = rules.gate.clone().map(|(words, _)| words);
                let repeated = approval.as_ref().and_then(|asked| asked.words.clone());
                let stage = approval.as_ref().map(|asked| asked.stage.clone());
                let waits = stage == Some(ApprovalStage::Waiting);
                let open = waits || matches!(stage, Some(ApprovalStage::Approved { .. }));
                let approvers = rules.approvers;
                view! {
                    {match approval {
                        Some(asked) => view! { <Asked asked/> }.into_any(),
                        None if destroys => view! {
                            <p>
                                "This plan destroys. It runs only after "
                                {if approvers > 1 { say!("{approvers} other people have") } else { t!("somebody else has").to_owned() }}
                                " approved it."
                            </p>
                        }.into_any(),
                        None => ().into_any(),
                    }}
                    {job.is_none().then(|| view! { <Rules rules/> })}
                    {(open && may_withdraw == Verdict::Allowed).then(|| view! { <Withdraw desk/> })}
                    {(waits && job.is_none()).then(|| view! { <Decide desk blast repeated may=may_approve/> })}
                    {(destroys && !open && job.is_none()).then(|| view! { <Request desk gate=gate.clone() may=may_request/> })}
                    {(job.is_none() && !matches!(stage, Some(ApprovalStage::Approved { .. })))
                        .then(|| view! { <BreakGlass desk gate may=may_break_glass/> })}
                }
            }}
            {move || act.value().get().and_then(Result::err).map(|ApiError(problem)| view! { <ProblemBox problem/> })}
        </section>
    }
}

/// What the policy says against the plan now, with what to do.
#[component]
fn Rules(rules: PlanRules) -> impl IntoView {
    let PlanRules { freeze, gate, .. } = rules;
    let frozen = freeze.map(|(reason, to_us)| {
        view! {
            <p class="told warn">
                <b>"Freeze: "</b>{reason}". Nothing that could change something runs until "<Moment at_us=to_us/>
                ". Wait for its end; in an emergency an admin breaks the glass."
            </p>
        }
    });
    let unsaved = gate.map(|(_, why)| {
        view! {
            <p class="told bad">
                <b>"No fresh backup: "</b>{why}". Make one and plan again; or say it in words, and each approver repeats them."
            </p>
        }
    });
    view! { {frozen}{unsaved} }
}

/// Who asked for what reason, and what became of it.
#[component]
fn Asked(asked: ApprovalState) -> impl IntoView {
    let ApprovalState {
        requester,
        reason,
        words,
        needed,
        given,
        requested_us,
        expires_us,
        break_glass,
        stage,
    } = asked;
    let count = (needed > 1 && stage == ApprovalStage::Waiting).then(|| {
        let names = given.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
        let who = if names.is_empty() { String::new() } else { format!(" ({names})") };
        view! { <p>{say!("{given} of {needed} approvals given{who}.", given = given.len())}</p> }
    });
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
        {count}
        <p class="asked">
            <b>{requester}</b>" asked, "<When at_us=requested_us/>": "<q>{reason}</q>
            {words.map(|words| view! { " – and says: "<q>{words}</q> })}
        </p>
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
fn Request(desk: Desk, gate: Option<String>, may: Verdict) -> impl IntoView {
    let refused = refusal(may);
    let stopped = refused.is_some();
    let submit = move || {
        let (reason, words) = (desk.reason.get_untracked(), desk.words.get_untracked());
        desk.act.dispatch(Act::Request { reason, words });
    };
    view! {
        <form class="ask" aria-label="Request approval" on:submit=move |event| { event.prevent_default(); submit(); }>
            <Field label="Why it should run" value=desk.reason stopped/>
            {gate.map(|words| view! { <Field label=say!("Type {words}") value=desk.words stopped/> })}
            <button class="primary" aria-describedby="request-note" disabled=move || stopped || desk.act.pending().get()>
                "Request approval"
            </button>
            {refused.map(|problem| view! { <RefusedNote problem id="request-note"/> })}
        </form>
    }
}

#[component]
fn Decide(
    desk: Desk,
    blast: StoredValue<Vec<(String, String)>>,
    repeated: Option<String>,
    may: Verdict,
) -> impl IntoView {
    let approve = move || {
        let (typed, words) = (desk.typed.get_untracked(), desk.words.get_untracked());
        desk.act.dispatch(Act::Approve { typed, words });
    };
    let name = desk.name.get_value();
    view! {
        <dl class="blast" aria-label="At stake">
            {blast.get_value().chunk_by(|one, next| one.0 == next.0).map(|group| {
                let values = group.iter().map(|(_, value)| view! { <dd>{value.clone()}</dd> }).collect_view();
                view! { <div><dt>{group[0].0.clone()}</dt>{values}</div> }
            }).collect_view()}
        </dl>
        {match refusal(may) {
            // Who has said yes may still say no.
            Some(problem) if problem.code == "approval/given" => view! {
                <RefusedNote problem id="decide-note"/>
                <div class="decide"><Refuse desk/></div>
            }.into_any(),
            // Who may not decide reads why, and is shown no fields that take nothing.
            Some(problem) => view! { <RefusedNote problem id="decide-note"/> }.into_any(),
            None => view! {
                <div class="decide">
                    <form class="ask" aria-label="Approve" on:submit=move |event| { event.prevent_default(); approve(); }>
                        <Field label=say!("Type {name} to approve") value=desk.typed stopped=false/>
                        {repeated.map(|words| view! { <Field label=say!("Type {words}") value=desk.words stopped=false/> })}
                        <button class="danger" disabled=move || desk.act.pending().get()>"Approve"</button>
                    </form>
                    <Refuse desk/>
                </div>
            }.into_any(),
        }}
    }
}

#[component]
fn Refuse(desk: Desk) -> impl IntoView {
    let refuse = move || {
        desk.act.dispatch(Act::Refuse(desk.refusal.get_untracked()));
    };
    view! {
        <form class="ask" aria-label="Refuse" on:submit=move |event| { event.prevent_default(); refuse(); }>
            <Field label="Why it should not run" value=desk.refusal stopped=false/>
            <button disabled=move || desk.act.pending().get()>"Refuse"</button>
        </form>
    }
}

/// Behind a disclosure, and only for those whose role has it at all.
#[component]
fn BreakGlass(desk: Desk, gate: Option<String>, may: Verdict) -> impl IntoView {
    let refused = refusal(may);
    if refused.as_ref().is_some_and(|problem| problem.code == "people/forbidden") {
        return ().into_any();
    }
    let stopped = refused.is_some();
    let submit = move || {
        let (typed, reason) = (desk.glass_typed.get_untracked(), desk.glass_reason.get_untracked());
        desk.act.dispatch(Act::BreakGlass { typed, reason, words: desk.glass_words.get_untracked() });
    };
    let name = desk.name.get_value();
    view! {
        <details class="glass">
            <summary>"Break the glass: run it without another person"</summary>
            <p class="note">"For an emergency in which nobody else can be reached. It is logged as a warning, and the plan says so for ever."</p>
            <form class="ask" aria-label="Break the glass" on:submit=move |event| { event.prevent_default(); submit(); }>
                <Field label=say!("Type {name} to break the glass") value=desk.glass_typed stopped/>
                <Field label="Why it cannot wait for anybody" value=desk.glass_reason stopped/>
                {gate.map(|words| view! { <Field label=say!("Type {words} to break the glass") value=desk.glass_words stopped/> })}
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
