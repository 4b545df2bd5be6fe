//! Everything that can be done with the cluster as a whole, by subject.

use super::Shown;
use super::forms::{AddReplica, ChangeUpstream, CloneStandby, RemoveCluster};
use super::overview::Create;
use super::restore::Restore;
use crate::components::{ProblemBox, RefusedNote};
use crate::pages::operate::{Operate, PlanProblem, planner};
use crate::words::{member, shell};
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use paddock_events::{ClusterDeclared, ClusterTopology, Problem, ProblemKind};
use paddock_tongue::{say, t, view};

/// The second tab.
#[component]
pub fn Operations(shown: Shown, declared: ClusterDeclared) -> impl IntoView {
    let locked = shown.locked();
    let stopped = locked.is_some();
    let name = shown.name();
    let against = move |why: fn(&ClusterTopology) -> Option<String>| {
        Signal::derive(move || shown.topology.with(|seen| seen.as_ref().and_then(why)))
    };
    let paused =
        Memo::new(move |_| shown.topology.with(|seen| seen.as_ref().is_some_and(|seen| seen.paused)));
    let made_as_standby = declared.upstream.is_some();
    let standby = Memo::new(move |_| made_as_standby || shown.is_standby());
    let leaderless: fn(&ClusterTopology) -> Option<String> =
        |seen| member::leader(seen).is_none().then(|| t!("Nobody leads.").to_owned());
    let declared = StoredValue::new(declared);
    view! {
        {locked.map(|problem| view! { <RefusedNote problem id="operate-note"/> })}
        <AnyCommand name=shown.name()/>
        <nav class="contents" aria-label="Operations">
            <a href="#members">"Members"</a>
            <a href="#reload">"Reload"</a>
            <a href="#availability">"Availability"</a>
            <a href="#backup">"Backup and restore"</a>
            <a href="#restored">"After a restore"</a>
            <a href="#clone">"Clone"</a>
            {move || standby.get().then(|| view! { <a href="#standby">"Standby cluster"</a> })}
            <a href="#remove">"Remove"</a>
        </nav>
        <h2 id="members">"Members"</h2>
        <div class="card ops">
            <Create shown/>
            <AddReplica shown declared=declared.get_value() locked=stopped/>
            <Operate label="Prepare nodes" locked=stopped offer=shown.offer("add-nodes")
                note=say!("Brings the nodes of {name} to what the node playbook declares: packages, certificates, HAProxy.")/>
        </div>
        <h2 id="reload">"Reload"</h2>
        <div class="card ops">
            <Operate label="Reload services" locked=stopped offer=shown.offer("reload-service")
                note="After service definitions, weights or members have changed: HAProxy is written anew, checked, reloaded."/>
            <Operate label="Reload HBA rules" locked=stopped offer=shown.offer("reload-hba")
                note="After HBA rules have changed: written, checked by PostgreSQL, reloaded; PgBouncer's as well."/>
            <Operate label="Reload configuration" locked=stopped offer=shown.offer("reload")
                note="Has every Patroni and PostgreSQL read their configuration again. Nothing is interrupted."/>
        </div>
        <h2 id="availability">"Availability"</h2>
        <div class="card ops">
            <Operate label="Switch over" locked=stopped offer=shown.offer("switchover") against=against(leaderless)
                note="To the replica that lags least. To choose one, use its actions in the table of members."/>
            {move || if paused.get() {
                view! {
                    <Operate label="Resume automatic failover" locked=stopped offer=shown.offer("resume")
                        note="Patroni takes over again when the leader is lost."/>
                }.into_any()
            } else {
                view! {
                    <Operate label="Pause automatic failover" locked=stopped offer=shown.offer("pause")
                        note="For maintenance: when the leader is lost, nobody takes over until it is resumed."/>
                }.into_any()
            }}
            <RestartPending shown stopped/>
            <Operate label="Restart all members" locked=stopped offer=shown.offer("restart") danger=true
                note="One after the other, replicas first. Connections end."/>
        </div>
        <h2 id="backup">"Backup and restore"</h2>
        <div class="card ops">
            <BackupNow shown stopped/>
            <Restore shown declared=declared.get_value() locked=stopped in_place=true/>
        </div>
        <h2 id="restored">"After a restore"</h2>
        <div class="card ops"><AfterRestore shown stopped/></div>
        <h2 id="clone">"Clone"</h2>
        <div class="card ops">
            <CloneStandby shown declared=declared.get_value() locked=stopped/>
            <Restore shown declared=declared.get_value() locked=stopped in_place=false/>
        </div>
        {move || standby.get().then(|| view! {
            <h2 id="standby">"Standby cluster"</h2>
            <div class="card ops">
                <Operate label="Promote" locked=stopped offer=shown.offer("promote")
                    note="Makes it independent: it takes writes and follows nobody any more. Its upstream leaves the inventory."/>
                <ChangeUpstream shown declared=declared.get_value() locked=stopped/>
            </div>
        })}
        <h2 id="remove">"Remove"</h2>
        <div class="card ops"><RemoveCluster shown declared=declared.get_value() locked=stopped/></div>
    }
}

/// What a restore leaves to be decided, when its data have been looked at.
#[component]
fn AfterRestore(shown: Shown, stopped: bool) -> impl IntoView {
    view! {
        <Operate label="Archive again" locked=stopped offer=shown.offer("restore-archive")
            note="A restore leaves WAL archiving off, so that nothing is mixed up. Turns it on, which restarts PostgreSQL, and makes a full backup."/>
        <Operate label="Keep the restored data" locked=stopped offer=shown.offer("restore-confirm") danger=true
            note="Deletes the data that were kept aside. There is no way back after it."/>
        <Operate label="Roll the restore back" locked=stopped offer=shown.offer("restore-rollback") danger=true
            note="Puts the data that were kept aside back in place. The restored data, and what was written since, are deleted. Not possible once archiving is on again."/>
    }
}

/// Full, differential, incremental; also on the backups tab.
#[component]
pub fn BackupNow(shown: Shown, stopped: bool) -> impl IntoView {
    [
        ("full", t!("Back up (full)"), t!("A complete copy. Later ones build on it.")),
        ("diff", t!("Back up (differential)"), t!("What has changed since the last full backup.")),
        ("incr", t!("Back up (incremental)"), t!("What has changed since the last backup of any kind.")),
    ]
    .map(|(kind, label, note)| {
        view! { <Operate label note locked=stopped offer=shown.offer(&format!("backup-{kind}"))/> }
    })
}

/// Restarts only what waits for it; also on the config tab.
#[component]
pub fn RestartPending(shown: Shown, stopped: bool) -> impl IntoView {
    let against = Signal::derive(move || {
        let waits = shown.seen().members.iter().any(|one| one.pending_restart);
        (!waits).then(|| t!("No member waits for a restart.").to_owned())
    });
    view! {
        <Operate label="Restart pending members" locked=stopped offer=shown.offer("restart-pending") against
            note="Only members with settings that wait for a restart; one after the other, replicas first."/>
    }
}

/// Plans any command line, as one would type it.
#[component]
fn AnyCommand(name: String) -> impl IntoView {
    // A link may bring one; it is planned when somebody presses the button.
    let given = use_query_map().with_untracked(|query| query.get("run")).unwrap_or_default();
    let typed = RwSignal::new(given.clone());
    let wrong = RwSignal::new(None::<Problem>);
    let planning = planner();
    let send = move || match shell::split(&typed.get_untracked()) {
        Ok(words) => {
            wrong.set(None);
            planning.dispatch(words);
        }
        Err(why) => wrong.set(Some(Problem {
            code: "app/command-line".into(),
            kind: ProblemKind::Request,
            what: t!("the command line cannot be read").into(),
            why,
            fix: t!("write it as for a shell: pgsql.yml -l pg-test -t pg_hba").into(),
        })),
    };
    view! {
        <form class="card any-command" aria-label="Command line"
            on:submit=move |event| { event.prevent_default(); send(); }>
            <label class="grow">
                "Command line"
                <input class="code" value=given prop:value=typed placeholder=say!("pgsql.yml -l {name} -t pg_hba,pg_reload") autocomplete="off" spellcheck="false"
                    on:input:target=move |event| typed.set(event.target().value())/>
            </label>
            <button disabled=move || planning.pending().get()>
                {move || if planning.pending().get() { t!("Reading the nodes…") } else { t!("Plan") }}
            </button>
            <p class="note">"A command of Pigsty's or Patroni's, as in a shell; Plan shows what it would do and changes nothing."</p>
            <div class="wide">
                {move || wrong.get().map(|problem| view! { <ProblemBox problem/> })}
                <PlanProblem planning/>
            </div>
        </form>
    }
}
