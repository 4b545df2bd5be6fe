//! Operations that need more than a button: a replica, a standby clone, another upstream, removal.

use super::Shown;
use super::nodes_form::{FreeHosts, NodeLines, Nodes};
use crate::api;
use crate::api::ApiError;
use crate::components::{Copyable, RefusedNote};
use crate::pages::operate::{PlanProblem, Planning, Wanted, declarer, planner, refusal};
use crate::words::shell;
use leptos::prelude::*;
use paddock_events::{ClusterDeclared, NewClone, NewInstance, RevisionId};
use paddock_tongue::{say, t, view};

/// The frame of a form: closed it is one line, open it is the form, its commands, and what came of it.
#[component]
pub fn FormFrame<T: Clone + Send + Sync + 'static>(
    title: &'static str,
    note: &'static str,
    /// What the button says.
    button: &'static str,
    /// The command lines that it plans, or what is missing.
    #[prop(into)]
    commands: Signal<Result<Vec<String>, String>>,
    locked: bool,
    #[prop(optional)] danger: bool,
    /// Whether it is open already.
    #[prop(optional)]
    open: bool,
    planning: Planning<T>,
    /// The revision that a declaration has made.
    #[prop(optional, into)]
    declared: Signal<Option<RevisionId>>,
    on_send: Callback<()>,
    children: Children,
) -> impl IntoView {
    let missing = Memo::new(move |_| commands.with(|commands| commands.as_ref().err().cloned()));
    let lines = move || match commands.get() {
        Ok(lines) => lines.into_iter().map(|text| view! { <Copyable text/> }).collect_view().into_any(),
        Err(why) => view! { <p class="note">{why}</p> }.into_any(),
    };
    view! {
        <details class="op-form" open=open>
            <summary><b>{title}</b><span class="note">{note}</span></summary>
            <form aria-label=title on:submit=move |event| { event.prevent_default(); on_send.run(()); }>
                {children()}
                <div class="row">
                    <button class=if danger { "danger" } else { "primary" }
                        disabled=move || locked || missing.with(Option::is_some) || planning.pending().get()>
                        {move || if planning.pending().get() { t!("Reading the nodes…") } else { button }}
                    </button>
                    <div class="commands">{lines}</div>
                </div>
                {move || declared.get().map(|revision| view! {
                    <p class="note" role="status">{say!("Declared in the inventory as revision {revision}.")}</p>
                })}
                <PlanProblem planning/>
            </form>
        </details>
    }
}

/// A text field with its label.
#[component]
pub fn Field(
    label: &'static str,
    value: RwSignal<String>,
    #[prop(optional)] example: &'static str,
    #[prop(optional)] list: &'static str,
) -> impl IntoView {
    view! {
        <label>
            {label}
            <input prop:value=value placeholder=example list=(!list.is_empty()).then_some(list) autocomplete="off"
                on:input:target=move |event| value.set(event.target().value())/>
        </label>
    }
}

/// A tick box with its label.
#[component]
pub fn Tick(#[prop(into)] label: String, value: RwSignal<bool>) -> impl IntoView {
    view! {
        <label class="tick">
            <input type="checkbox" prop:checked=value on:change:target=move |event| value.set(event.target().checked())/>
            {label}
        </label>
    }
}

/// One more replica: it lands in the inventory, then its node is prepared and its data are cloned.
#[component]
pub fn AddReplica(shown: Shown, declared: ClusterDeclared, locked: bool) -> impl IntoView {
    let addr = RwSignal::new(String::new());
    let role = RwSignal::new("replica".to_owned());
    let seq = RwSignal::new(declared.next_seq.to_string());
    let (base, name) = (declared.base, StoredValue::new(shown.name()));
    let edit_refused = refusal(&declared.may_edit);
    let stopped = locked || edit_refused.is_some();
    let revision = RwSignal::new(None);
    let planning = declarer(api::declare_instance, revision);
    let commands = Memo::new(move |_| {
        let addr = addr.with(|addr| addr.trim().to_owned());
        if addr.is_empty() {
            return Err(t!("Choose a node.").to_owned());
        }
        if seq.with(|seq| seq.trim().parse::<u32>().is_err()) {
            return Err(t!("The number (pg_seq) is a whole number.").to_owned());
        }
        Ok(vec![format!("bin/pgsql-add {} {addr}", name.get_value()), format!("pgsql.yml -l {addr}")])
    });
    let send = Callback::new(move |()| {
        let form = NewInstance {
            base,
            cluster: name.get_value(),
            addr: addr.with_untracked(|addr| addr.trim().to_owned()),
            seq: seq.with_untracked(|seq| seq.trim().parse().unwrap_or(0)),
            role: role.get_untracked(),
        };
        let words = vec!["bin/pgsql-add".to_owned(), form.cluster.clone(), form.addr.clone()];
        planning.dispatch(Wanted { form: Some(form), words });
    });
    let entry = move || {
        let addr =
            addr.with(|addr| if addr.trim().is_empty() { "…".to_owned() } else { addr.trim().to_owned() });
        format!("{addr}: {{ pg_seq: {}, pg_role: {} }}", seq.with(|seq| seq.trim().to_owned()), role.get())
    };
    view! {
        <FormFrame title="Add replica" note="Declares it, prepares its node, clones its data, reloads the services."
            button="Add replica" commands locked=stopped planning declared=revision on_send=send>
            <FreeHosts id="free-for-replica" hosts=declared.free_hosts/>
            <div class="fields">
                <Field label="Node address" value=addr example="10.10.10.13" list="free-for-replica"/>
                <label>
                    "Instance role"
                    <select prop:value=role on:change:target=move |event| role.set(event.target().value())>
                        <option value="replica">"replica"</option>
                        <option value="offline">"offline: for queries that take long, never promoted"</option>
                    </select>
                </label>
                <Field label="Number (pg_seq)" value=seq/>
            </div>
            <p class="note">"Into the inventory, under the hosts of the cluster: "<code>{entry}</code></p>
            {edit_refused.map(|problem| view! { <RefusedNote problem id="add-note"/> })}
        </FormFrame>
    }
}

/// A cluster that follows this one.
#[component]
pub fn CloneStandby(shown: Shown, declared: ClusterDeclared, locked: bool) -> impl IntoView {
    let new = RwSignal::new(String::new());
    let upstream = RwSignal::new(shown.leader_addr().unwrap_or_default());
    let nodes = Nodes::new();
    let (base, source) = (declared.base, StoredValue::new(shown.name()));
    let edit_refused = refusal(&declared.may_edit);
    let stopped = locked || edit_refused.is_some();
    let revision = RwSignal::new(None);
    let planning = declarer(api::declare_clone, revision);
    let commands = Memo::new(move |_| {
        let new = new.with(|new| new.trim().to_owned());
        if new.is_empty() || upstream.with(|at| at.trim().is_empty()) || nodes.filled().is_empty() {
            return Err(t!("Name the new cluster, its nodes and its upstream.").to_owned());
        }
        Ok(vec![format!("bin/pgsql-add {new}"), format!("pgsql.yml -l {new}")])
    });
    let send = Callback::new(move |()| {
        let form = NewClone {
            base,
            source: source.get_value(),
            name: new.with_untracked(|new| new.trim().to_owned()),
            instances: untrack(|| nodes.filled()),
            upstream: Some(upstream.with_untracked(|at| at.trim().to_owned())),
        };
        let words = vec!["bin/pgsql-add".to_owned(), form.name.clone()];
        planning.dispatch(Wanted { form: Some(form), words });
    });
    view! {
        <FormFrame title="Clone as standby cluster" note="A cluster of its own that follows this one until it is promoted."
            button="Clone as standby cluster" commands locked=stopped planning declared=revision on_send=send>
            <FreeHosts id="free-for-standby" hosts=declared.free_hosts/>
            <div class="fields">
                <Field label="New cluster's name" value=new example="pg-test2"/>
                <Field label="Upstream address" value=upstream/>
            </div>
            <NodeLines nodes suggestions="free-for-standby"/>
            <p class="note">"The upstream is set on the new primary as "<code>"pg_upstream"</code>"; preset is the address of the present leader."</p>
            {edit_refused.map(|problem| view! { <RefusedNote problem id="standby-note"/> })}
        </FormFrame>
    }
}

/// Has a standby cluster follow another node.
#[component]
pub fn ChangeUpstream(shown: Shown, declared: ClusterDeclared, locked: bool) -> impl IntoView {
    let to = RwSignal::new(String::new());
    let name = StoredValue::new(shown.name());
    let planning = planner();
    let words = move || {
        ["pg", "change-upstream", &name.get_value(), to.with(|to| to.trim().to_owned()).as_str()]
            .map(str::to_owned)
    };
    let commands = Memo::new(move |_| {
        if to.with(|to| to.trim().is_empty()) {
            return Err(t!("Name the new upstream.").to_owned());
        }
        Ok(vec![shell::line(&words())])
    });
    let send = Callback::new(move |()| {
        planning.dispatch(untrack(words).to_vec());
    });
    let now =
        declared.upstream.map_or_else(String::new, |at| say!("The inventory has {at} as its upstream."));
    view! {
        <FormFrame title="Change upstream" note="After the upstream cluster has switched over, or to follow another one."
            button="Change upstream" commands locked planning on_send=send>
            <div class="fields"><Field label="New upstream: address, or address:port" value=to example="10.10.10.14:5432"/></div>
            <p class="note">{now}</p>
        </FormFrame>
    }
}

/// Removes the cluster from its nodes, the DCS and the inventory.
#[component]
pub fn RemoveCluster(shown: Shown, declared: ClusterDeclared, locked: bool) -> impl IntoView {
    let name = StoredValue::new(shown.name());
    let keep = RwSignal::new(false);
    let force = RwSignal::new(false);
    let planning = planner();
    let words = move || {
        let name = name.get_value();
        let mut words = vec!["pgsql-rm.yml".to_owned(), "-l".to_owned(), name.clone()];
        for (chosen, assignment) in [(force, "pg_safeguard=false"), (keep, "pg_rm_backup=false")] {
            if chosen.get() {
                words.extend(["-e".to_owned(), assignment.to_owned()]);
            }
        }
        if words.len() == 3 { vec!["bin/pgsql-rm".to_owned(), name] } else { words }
    };
    let commands = Memo::new(move |_| {
        let words = words();
        let mut lines = vec![shell::line(&words)];
        if words.len() == 2 {
            lines.push(format!("pgsql-rm.yml -l {}", name.get_value()));
        }
        Ok::<_, String>(lines)
    });
    let send = Callback::new(move |()| {
        planning.dispatch(untrack(words));
    });
    let known = declared.safeguarded;
    // The inventory may have got the safeguard after this page was opened: then the refusal tells.
    let guarded = Memo::new(move |_| {
        known
            || planning
                .value()
                .with(|made| matches!(made, Some(Err(ApiError(problem))) if problem.code == "plan/safeguard"))
    });
    view! {
        <FormFrame title="Remove cluster" note="Erases its data on all nodes. The plan waits for an approval before it runs."
            button="Remove cluster" danger=true commands locked planning on_send=send>
            <Tick label="Keep the backups (pg_rm_backup=false)" value=keep/>
            {move || guarded.get().then(|| view! {
                <div class="told warn">
                    <p>"The inventory protects this cluster with "<code>"pg_safeguard"</code>": its removal is refused unless that is overridden here."</p>
                    <Tick label="Override the safeguard (pg_safeguard=false)" value=force/>
                </div>
            })}
        </FormFrame>
    }
}
