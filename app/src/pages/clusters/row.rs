//! One row: a cluster in one line.

use super::keys::link_id;
use super::{Fleet, Shared};
use crate::components::{Clock, Tone, health, role_word, state_words};
use crate::paths;
use crate::words::fleet::{COLUMNS, Grouping, version_group};
use crate::words::html::{Html, written};
use crate::words::{size, spark, time};
use leptos::prelude::*;
use paddock_events::{ClusterRow, HealthLevel, MemberRole, RowBackup, RowMember};
use paddock_tongue::{count, escaped, say, t, view};

/// Members that are shown each by itself.
const MEMBERS: usize = 7;
/// An older picture says little of now.
const STALE_US: i64 = 120_000_000;
/// An older backup is worth a look.
const OLD_BACKUP_US: i64 = 26 * 3_600_000_000;

/// The row of a cluster; its cells follow the picture, and their ages the clock. All but the link to it are HTML as text.
#[component]
pub fn Row(fleet: Fleet, name: String) -> impl IntoView {
    let own = name.clone();
    // Of a cluster that is gone, the last stays until the row goes, too.
    let row =
        Memo::new(move |last: Option<&Option<Shared>>| fleet.row(&own).or_else(|| last.cloned().flatten()));
    let clock = Clock::get();
    let now_us = move || clock.now_us().unwrap_or(fleet.at_us);
    let of = move |what: fn(&ClusterRow) -> Html| {
        move || row.with(|row| row.as_ref().map(|row| what(&row.0)).unwrap_or_default())
    };
    let aged = move |what: fn(&ClusterRow, i64) -> Html| {
        move || row.with(|row| row.as_ref().map(|row| what(&row.0, now_us())).unwrap_or_default())
    };
    let stale = Memo::new(move |_| {
        let seen_at = row.with(|row| row.as_ref().and_then(|row| row.0.seen_at_us));
        seen_at.is_some_and(|at_us| now_us() - at_us > STALE_US)
    });
    view! {
        <tr class="one" class:stale=stale>
            <th scope="row" class="c-name"><a id=link_id(&name) href=paths::cluster(&name)>{name.clone()}</a><span inner_html=written(of(job))></span></th>
            <td class="c-health" inner_html=written(of(state))></td>
            <td class="c-members" inner_html=written(of(members))></td>
            <td class="c-leader" inner_html=written(of(|row| Html::default().text(row.leader.as_deref().unwrap_or("–"))))></td>
            <td class="c-version num" inner_html=written(of(|row| Html::default().text(&row.version)))></td>
            <td class="c-lag num" inner_html=written(of(lag))></td>
            <td class="c-backup num" inner_html=written(aged(backup))></td>
            <td class="c-drift" inner_html=written(of(drift))></td>
            <td class="c-seen num" inner_html=written(aged(seen))></td>
        </tr>
    }
}

/// The head of a group, by its first row.
#[component]
pub fn GroupHead(fleet: Fleet, first: String, count: usize) -> impl IntoView {
    let head = move || {
        let start = Html::default().tag("<th colspan=\"2\" scope=\"rowgroup\">");
        let named = match (fleet.row(&first), fleet.wanted.with(|wanted| wanted.group)) {
            (Some(row), Grouping::Version) => start.text(&version_group(&row.0)),
            (Some(row), _) => {
                let (tone, word) = health(row.0.health);
                badge(start, tone, word)
            }
            (None, _) => start,
        };
        let counted = named.tag(" <span class=\"note num\">").text(&count.to_string()).tag("</span></th>");
        // Cells of their own, so that they go with their columns where there is no room.
        let cell = |html: Html, (_, key, _): &(_, &'static str, _)| {
            html.tag("<td class=\"c-").tag(key).tag("\"></td>")
        };
        COLUMNS[2..].iter().fold(counted, cell)
    };
    view! { <tr class="one group" inner_html=written(head)></tr> }
}

/// As the component of this name.
fn badge(html: Html, tone: Tone, text: &str) -> Html {
    let (class, sign) = tone.look();
    let html =
        html.tag("<span class=\"badge ").tag(class).tag("\"><span class=\"sign\" aria-hidden=\"true\">");
    html.tag(sign).tag("</span>").text(text).tag("</span>")
}

fn job(row: &ClusterRow) -> Html {
    let Some(job) = row.running_job else { return Html::default() };
    let link = Html::default().tag("<a class=\"job-link\" href=\"").text(&paths::job(job)).tag("\">");
    badge(link, Tone::Busy, &say!("job {job}")).tag("</a>")
}

fn state(row: &ClusterRow) -> Html {
    let (tone, word) = health(row.health);
    let why = row.reasons.join("; ");
    let html = badge(Html::default(), tone, word);
    html.tag("<span class=\"why\" title=\"").text(&why).tag("\">").text(&why).tag("</span>")
}

fn members(row: &ClusterRow) -> Html {
    let unseen = |(instance, _, _): &(String, String, String)| RowMember::unseen(instance.clone());
    let all: Vec<RowMember> = match row.members.is_empty() {
        true => row.instances.iter().map(unseen).collect(),
        false => row.members.clone(),
    };
    let declared = |name: &str| row.instances.iter().find(|(instance, ..)| instance == name);
    let one = |html: Html, member: &RowMember| {
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
        let role = role.or_else(|| declared(&member.instance).map(|(_, _, role)| say!("{role} (declared)")));
        let lag = member.lag_bytes.map_or(String::new(), |lag| say!(", lag {lag}", lag = size::bytes(lag)));
        let whole = format!(
            "{}: {}, {state}{lag}",
            member.instance,
            role.unwrap_or_else(|| t!("not declared").into())
        );
        let html = html.tag("<span class=\"m ").tag(class).tag(if member.leads() { " leads" } else { "" });
        let html = html.tag("\" title=\"").text(&whole).tag("\"><span aria-hidden=\"true\">");
        let html = html.tag(letter).text(short).tag(sign).tag("</span><span class=\"sr\">");
        html.text(&whole).tag("</span></span>")
    };
    let shown = all.iter().take(MEMBERS).fold(Html::default().tag("<span class=\"ms\">"), one);
    let more = all.len().saturating_sub(MEMBERS);
    let shown = if more > 0 {
        shown.tag("<span class=\"quiet\">+").text(&more.to_string()).tag("</span>")
    } else {
        shown
    };
    shown.tag("</span>")
}

fn lag(row: &ClusterRow) -> Html {
    let line = spark::path(&row.lags);
    let mut html = Html::default();
    if !line.is_empty() {
        let size = format!("0 0 {} {}", spark::WIDTH, spark::HEIGHT);
        html = html.tag("<svg class=\"spark\" viewBox=\"").text(&size);
        html = html.tag(concat!(
            "\" preserveAspectRatio=\"none\" aria-hidden=\"true\"><title>",
            escaped!("The last 30 minutes"),
            "</title><path d=\""
        ));
        html = html.text(&line).tag("\"></path></svg>");
    }
    html.tag("<span>").text(&row.max_lag_bytes.map_or("–".to_owned(), size::bytes)).tag("</span>")
}

fn backup(row: &ClusterRow, now_us: i64) -> Html {
    match row.backup {
        None => Html::default().tag(concat!(
            "<span class=\"quiet\" title=\"",
            escaped!("Its repository was not read yet."),
            "\">–</span>"
        )),
        Some(RowBackup { stop_us: None, .. }) => {
            Html::default().tag(concat!("<span class=\"warn\">", escaped!("none"), "</span>"))
        }
        Some(RowBackup { stop_us: Some(stop_us), read_us }) => {
            let old = if now_us - stop_us > OLD_BACKUP_US { " class=\"warn\"" } else { "" };
            let title =
                say!("Ended {end}; read {read}.", end = time::utc(stop_us), read = time::utc(read_us));
            moment(Html::default().tag("<time").tag(old), stop_us, &title, now_us)
        }
    }
}

fn seen(row: &ClusterRow, now_us: i64) -> Html {
    match row.seen_at_us {
        Some(at_us) => moment(Html::default().tag("<time"), at_us, &time::utc(at_us), now_us),
        None => Html::default().tag(escaped!("not yet")),
    }
}

/// A moment by how long ago it was.
fn moment(html: Html, at_us: i64, title: &str, now_us: i64) -> Html {
    let html = html.tag(" datetime=\"").text(&time::iso(at_us)).tag("\" title=\"").text(title);
    html.tag("\">").text(&time::ago(at_us, now_us)).tag("</time>")
}

fn drift(row: &ClusterRow) -> Html {
    if row.drift.is_empty() {
        // Without an answer there is nothing to compare.
        let compared = !matches!(row.health, HealthLevel::Unknown | HealthLevel::NotCreated);
        return Html::default().tag(if compared { escaped!("none") } else { "–" });
    }
    let all = row.drift.join("; ");
    let html = Html::default().tag("<a class=\"warn\" href=\"").text(&paths::drift(&row.name));
    let html = html.tag("\" title=\"").text(&all).tag("\">").text(&count!(row.drift.len(), "difference"));
    html.tag("<span class=\"sr\">: ").text(&all).tag("</span></a>")
}
