//! One row: a cluster in one line.

use super::keys::link_id;
use super::{Fleet, Shared};
use crate::components::{Badge, Clock, Tone, health, role_word, state_words};
use crate::paths;
use crate::words::fleet::{COLUMNS, Grouping, version_group};
use crate::words::{size, spark, time};
use leptos::prelude::*;
use paddock_events::{ClusterRow, HealthLevel, MemberRole, RowBackup, RowMember};

/// Members that are shown each by itself.
const MEMBERS: usize = 7;
/// An older picture says little of now.
const STALE_US: i64 = 120_000_000;
/// An older backup is worth a look.
const OLD_BACKUP_US: i64 = 26 * 3_600_000_000;

/// The row of a cluster; its cells follow the picture, and their ages the clock.
#[component]
pub fn Row(fleet: Fleet, name: String) -> impl IntoView {
    let own = name.clone();
    // Of a cluster that is gone, the last stays until the row goes, too.
    let row =
        Memo::new(move |last: Option<&Option<Shared>>| fleet.row(&own).or_else(|| last.cloned().flatten()));
    let of =
        move |what: fn(&ClusterRow) -> AnyView| move || row.with(|row| row.as_ref().map(|row| what(&row.0)));
    let clock = Clock::get();
    let age = move |at_us: i64| clock.now_us().unwrap_or(fleet.at_us) - at_us;
    let ago = move |at_us: i64| time::ago(at_us, clock.now_us().unwrap_or(fleet.at_us));
    let seen_at = Memo::new(move |_| row.with(|row| row.as_ref().and_then(|row| row.0.seen_at_us)));
    let stale = Memo::new(move |_| seen_at.get().is_some_and(|at_us| age(at_us) > STALE_US));
    let backup = Memo::new(move |_| row.with(|row| row.as_ref().and_then(|row| row.0.backup)));
    let backed_up = move || {
        match backup.get() {
        None => view! { <span class="quiet" title="Its repository was not read yet.">"–"</span> }.into_any(),
        Some(RowBackup { stop_us: None, .. }) => view! { <span class="warn">"none"</span> }.into_any(),
        Some(RowBackup { stop_us: Some(stop_us), read_us }) => view! {
            <time class:warn=move || age(stop_us).gt(&OLD_BACKUP_US) datetime=time::iso(stop_us)
                title=format!("Ended {}; read {}.", time::utc(stop_us), time::utc(read_us))>{move || ago(stop_us)}</time>
        }
        .into_any(),
    }
    };
    let seen = move || match seen_at.get() {
        Some(at_us) => view! {
            <time datetime=time::iso(at_us) title=time::utc(at_us)>{move || ago(at_us)}</time>
        }
        .into_any(),
        None => "not yet".into_any(),
    };
    view! {
        <tr class="one" class:stale=stale>
            <th scope="row" class="c-name"><a id=link_id(&name) href=paths::cluster(&name)>{name.clone()}</a>{of(job)}</th>
            <td class="c-health">{of(state)}</td>
            <td class="c-members">{of(members)}</td>
            <td class="c-leader">{of(|row| dash(row.leader.clone()))}</td>
            <td class="c-version num">{of(|row| row.version.clone().into_any())}</td>
            <td class="c-lag num">{of(lag)}</td>
            <td class="c-backup num">{backed_up}</td>
            <td class="c-drift">{of(drift)}</td>
            <td class="c-seen num">{seen}</td>
        </tr>
    }
}

/// The head of a group, by its first row.
#[component]
pub fn GroupHead(fleet: Fleet, first: String, count: usize) -> impl IntoView {
    // Cells of their own, so that they go with their columns where there is no room.
    let rest =
        COLUMNS[2..].iter().map(|(_, key, _)| view! { <td class=format!("c-{key}")></td> }).collect_view();
    let head = move || {
        let row = fleet.row(&first)?;
        Some(match fleet.wanted.with(|wanted| wanted.group) {
            Grouping::Version => version_group(&row.0).into_any(),
            _ => {
                let (tone, word) = health(row.0.health);
                view! { <Badge tone text=word/> }.into_any()
            }
        })
    };
    view! {
        <tr class="one group"><th colspan="2" scope="rowgroup">{head}" "<span class="note num">{count}</span></th>{rest}</tr>
    }
}

fn dash(text: Option<String>) -> AnyView {
    text.unwrap_or_else(|| "–".to_owned()).into_any()
}

fn job(row: &ClusterRow) -> AnyView {
    let job = row.running_job.map(|job| {
        view! { <a class="job-link" href=paths::job(job)><Badge tone=Tone::Busy text=format!("job {job}")/></a> }
    });
    job.into_any()
}

fn state(row: &ClusterRow) -> AnyView {
    let (tone, word) = health(row.health);
    let why = row.reasons.join("; ");
    view! { <Badge tone text=word/><span class="why" title=why.clone()>{why.clone()}</span> }.into_any()
}

fn members(row: &ClusterRow) -> AnyView {
    let unseen = |(instance, _, _): &(String, String, String)| RowMember::unseen(instance.clone());
    let all: Vec<RowMember> = match row.members.is_empty() {
        true => row.instances.iter().map(unseen).collect(),
        false => row.members.clone(),
    };
    let more = all.len().saturating_sub(MEMBERS);
    let declared = |name: &str| row.instances.iter().find(|(instance, ..)| instance == name);
    let one = |member: &RowMember| {
        let (tone, state) = state_words(member.role, &member.state, member.unreachable);
        let (class, sign) = tone.look();
        let letter = match member.role {
            MemberRole::Primary => "P",
            MemberRole::StandbyLeader => "L",
            MemberRole::SyncStandby => "S",
            MemberRole::Replica => "R",
            MemberRole::Unknown => "",
        };
        let short = member
            .instance
            .strip_prefix(&row.name)
            .map_or(&*member.instance, |rest| rest.trim_start_matches('-'));
        // As it should be needs no sign: what has one catches the eye.
        let sign = if tone == Tone::Good { "" } else { sign };
        let role = role_word(member.role).map(str::to_owned);
        let role =
            role.or_else(|| declared(&member.instance).map(|(_, _, role)| format!("{role} (declared)")));
        let lag = member.lag_bytes.map_or(String::new(), |lag| format!(", lag {}", size::bytes(lag)));
        let whole =
            format!("{}: {}, {state}{lag}", member.instance, role.unwrap_or_else(|| "not declared".into()));
        view! {
            <span class=format!("m {class}{}", if member.leads() { " leads" } else { "" }) title=whole.clone()>
                <span aria-hidden="true">{letter}{short.to_owned()}{sign}</span><span class="sr">{whole.clone()}</span>
            </span>
        }
    };
    let shown = all.iter().take(MEMBERS).map(one).collect_view();
    let more = (more > 0).then(|| view! { <span class="quiet">{format!("+{more}")}</span> });
    view! { <span class="ms">{shown}{more}</span> }.into_any()
}

fn lag(row: &ClusterRow) -> AnyView {
    let line = spark::path(&row.lags);
    let line = (!line.is_empty()).then(|| {
        view! {
            <svg class="spark" viewBox=format!("0 0 {} {}", spark::WIDTH, spark::HEIGHT) preserveAspectRatio="none" aria-hidden="true">
                <title>"The last 30 minutes"</title><path d=line.clone()/>
            </svg>
        }
    });
    view! { {line}<span>{row.max_lag_bytes.map_or("–".to_owned(), size::bytes)}</span> }.into_any()
}

fn drift(row: &ClusterRow) -> AnyView {
    if row.drift.is_empty() {
        // Without an answer there is nothing to compare.
        let compared = !matches!(row.health, HealthLevel::Unknown | HealthLevel::NotCreated);
        return (if compared { "none" } else { "–" }).into_any();
    }
    let all = row.drift.join("; ");
    view! {
        <a class="warn" href=paths::drift(&row.name) title=all.clone()>{size::count(row.drift.len(), "difference")}<span class="sr">": "{all.clone()}</span></a>
    }
    .into_any()
}
