//! The members with their state, and what can be done with each.

use super::Shown;
use crate::components::{Badge, Tone, member_words, role_words};
use crate::pages::operate::{Entry, Menu};
use crate::words::{member, size};
use leptos::prelude::*;
use paddock_events::{ClusterTopology, MemberTopology};
use paddock_tongue::{say, t, view};

/// The table of members. Rows stay while their values change: an open menu is not closed by news.
#[component]
pub fn Members(shown: Shown) -> impl IntoView {
    let names = Memo::new(move |_| {
        let seen = shown.seen();
        seen.members.into_iter().map(|one| one.instance).collect::<Vec<_>>()
    });
    view! {
        <h2>"Members"</h2>
        <div class="table-box">
            <table class="members">
                <thead><tr>
                    <th scope="col">"Instance"</th><th scope="col">"Node"</th><th scope="col">"Role"</th>
                    <th scope="col">"State"</th><th scope="col" class="num">"Timeline"</th>
                    <th scope="col" class="num">"Lag"</th><th scope="col">"Replicates from"</th>
                    <th scope="col" class="num">"Version"</th><th scope="col" class="last"><span class="sr">"Actions"</span></th>
                </tr></thead>
                <tbody>
                    <For each=move || names.get() key=|name| name.clone() let(name)><Row shown name/></For>
                </tbody>
            </table>
        </div>
    }
}

#[component]
fn Row(shown: Shown, name: String) -> impl IntoView {
    let unknown = || "unknown".to_owned();
    let (id, row) = (name.clone(), format!("member-{name}"));
    let now = Memo::new(move |_| shown.seen().members.into_iter().find(|one| one.instance == id));
    let cell = move |text: fn(&MemberTopology) -> String| move || now.with(|now| now.as_ref().map(text));
    let state = move || {
        now.get().map(|one| {
            let (tone, word) = member_words(&one);
            view! {
                <Badge tone text=word/>
                {one.unreachable.map(|why| view! { <span class="why">{why}</span> })}
                {one.pending_restart.then(|| view! { <Badge tone=Tone::Warn text="restart pending"/> })}
            }
        })
    };
    let declared =
        Memo::new(move |_| now.with(|now| now.as_ref().is_some_and(|one| one.declared_role.is_some())));
    view! {
        <tr id=row>
            <th scope="row">{name.clone()}</th>
            <td class="num">{cell(|one| one.host.clone())}</td>
            <td>{cell(|one| role_words(one).to_string())}</td>
            <td>{state}</td>
            <td class="num">{cell(|one| one.timeline.map_or("unknown".to_owned(), |timeline| timeline.to_string()))}</td>
            <td class="num">{cell(|one| {
                // A leader has no lag; that of anybody else is known or unknown.
                if member::leads(one) { "–".to_owned() } else { one.lag_bytes.map_or(t!("unknown").to_owned(), size::bytes) }
            })}</td>
            <td>{cell(|one| one.upstream.clone().unwrap_or("–".to_owned()))}</td>
            <td class="num">{move || now.with(|now| now.as_ref().and_then(|one| one.version.clone()).unwrap_or_else(unknown))}</td>
            <td class="last">{move || if declared.get() {
                view! { <Menu id=format!("menu-{name}") of=name.clone() entries=entries(shown, &name, now) locked=shown.locked()/> }.into_any()
            } else {
                view! { <span class="note">"not declared"</span> }.into_any()
            }}</td>
        </tr>
    }
}

/// What can be asked of one member.
fn entries(shown: Shown, name: &str, now: Memo<Option<MemberTopology>>) -> Vec<Entry> {
    type Against = fn(&ClusterTopology, &MemberTopology) -> Option<String>;
    let against = move |why: Against| {
        Signal::derive(move || now.with(|now| now.as_ref().and_then(|one| why(&shown.seen(), one))))
    };
    let note = |text: &'static str| Signal::derive(move || text.to_owned());
    let entry = |label: String, key: &str, why: Against, note: Signal<String>, danger: bool| Entry {
        label,
        offer: shown.offer(&format!("{key}/{name}")),
        against: against(why),
        note,
        danger,
    };
    let removal = Signal::derive(move || {
        now.with(|now| now.as_ref().map_or("", |one| member::on_removal(&shown.seen(), one))).to_owned()
    });
    vec![
        entry(
            say!("Switch over to {name}"),
            "switchover",
            member::against_switchover,
            note(t!("Planned: the leader hands over, writes pause for a moment.")),
            false,
        ),
        entry(
            say!("Fail over to {name}"),
            "failover",
            member::against_failover,
            note(t!("While nobody leads.")),
            true,
        ),
        entry(
            say!("Restart {name}"),
            "restart",
            |_, one| member::against_restart(one),
            note(t!("Restarts its PostgreSQL; its connections end.")),
            false,
        ),
        entry(
            say!("Reload {name}"),
            "reload",
            |_, one| member::against_restart(one),
            note(t!("Reads its configuration again; nothing is interrupted.")),
            false,
        ),
        entry(
            say!("Add {name}"),
            "add",
            |_, one| member::against_adding(one),
            note(t!("Declared, not seen running: installs it and clones its data.")),
            false,
        ),
        entry(
            say!("Clone {name} anew"),
            "reinit",
            member::against_reinit,
            note(t!("Erases its data and copies them from the leader.")),
            true,
        ),
        entry(say!("Remove {name} from the cluster"), "remove", |_, _| None, removal, true),
    ]
}
