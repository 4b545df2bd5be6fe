//! What happened to a cluster's leader, told second by second: what the console saw, and what Patroni kept of the same.

use crate::components::{Tone, state_words};
use crate::words::{size, time};
use paddock_events::{ClusterFailovers, Gone, Outage, Sighting, SightingRow, TimelineEnd, outages};
use paddock_tongue::{say, t};

/// What comes later than this after the last one is another incident.
const APART_US: i64 = 90_000_000;
/// What changes the leader and comes later than this is another incident, though members are still at work from the last.
const SETTLED_US: i64 = 15_000_000;
/// How far Patroni's moment may be from what was seen of the same: it is told when the new leader has settled.
const SLACK_US: i64 = 30_000_000;

/// Something that was seen or is known, with its time.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// When it was seen, microseconds since the epoch.
    pub at_us: i64,
    /// It may have been so since then.
    pub since_us: Option<i64>,
    /// Good or bad.
    pub tone: Tone,
    /// A sentence without its full stop.
    pub text: String,
    /// Patroni tells it, not the console.
    pub by_patroni: bool,
}

/// What belongs together.
#[derive(Clone, Debug, PartialEq)]
pub struct Incident {
    /// When it was first seen; none: Patroni does not say when.
    pub at_us: Option<i64>,
    /// `pg-test-1 → pg-test-2`.
    pub title: String,
    /// Whether somebody else leads, or nobody: else only members changed.
    pub leader: bool,
    /// `timeline 1 → 2`.
    pub timeline: Option<String>,
    /// `16 to 19 s without writes`, and whether that is certain.
    pub without: Option<(String, bool)>,
    /// The times without a leader, for the picture.
    pub outages: Vec<Outage>,
    /// In order.
    pub steps: Vec<Step>,
}

/// All that is known, the newest first.
pub fn incidents(all: &ClusterFailovers) -> Vec<Incident> {
    let mut groups: Vec<(Vec<SightingRow>, Vec<TimelineEnd>)> = Vec::new();
    for row in &all.sightings {
        match groups.last_mut() {
            Some((rows, _)) if belongs(rows, row) => rows.push(row.clone()),
            _ => groups.push((vec![row.clone()], Vec::new())),
        }
    }
    let mut alone = Vec::new();
    for end in all.history.iter().flat_map(|history| &history.ends) {
        let near = |rows: &[SightingRow], at_us: i64| {
            let from = rows.first().map(|row| row.since_us.unwrap_or(row.at_us - SLACK_US));
            let to = rows.last().map(|row| row.at_us + SLACK_US);
            changes_leader(rows) && from.is_some_and(|from| from <= at_us) && to.is_some_and(|to| at_us <= to)
        };
        let group = end.at_us.and_then(|at_us| groups.iter_mut().rev().find(|(rows, _)| near(rows, at_us)));
        match group {
            Some((_, ends)) => ends.push(end.clone()),
            None => alone.push(end.clone()),
        }
    }
    // Who led before is said by the history itself: whoever led from the end of the timeline before on.
    let before = |end: &TimelineEnd| {
        let ends = all.history.iter().flat_map(|history| &history.ends);
        ends.filter(|one| one.timeline < end.timeline).filter_map(|one| one.leader.clone()).next_back()
    };
    let mut out: Vec<Incident> = groups.into_iter().map(|(rows, ends)| incident(&rows, &ends)).collect();
    out.extend(alone.iter().map(|end| by_patroni(end, before(end))));
    // What has no time is the oldest: Patroni lost it.
    out.sort_by_key(|one| std::cmp::Reverse(one.at_us));
    out
}

fn belongs(rows: &[SightingRow], next: &SightingRow) -> bool {
    let open = outages(rows).last().is_some_and(|outage| outage.until.is_none());
    let apart = if changes_leader(std::slice::from_ref(next)) { SETTLED_US } else { APART_US };
    open || rows.last().is_some_and(|last| next.at_us - last.at_us <= apart)
}

fn changes_leader(rows: &[SightingRow]) -> bool {
    rows.iter().any(|row| matches!(row.what, Sighting::LeaderGone { .. } | Sighting::Leads { .. }))
}

fn incident(rows: &[SightingRow], ends: &[TimelineEnd]) -> Incident {
    let outages = outages(rows);
    let mut steps: Vec<Step> = rows.iter().map(step).collect();
    steps.extend(ends.iter().filter_map(ended));
    steps.sort_by_key(|step| step.at_us);
    let timelines = ends.first().zip(ends.last());
    Incident {
        at_us: rows.first().map(|row| row.at_us),
        title: title(rows),
        leader: changes_leader(rows),
        timeline: timelines.map(|(first, last)| {
            say!("timeline {from} → {to}", from = first.timeline, to = last.timeline + 1)
        }),
        without: outages.last().map(without),
        outages,
        steps,
    }
}

/// A change of the leader that the console did not see.
fn by_patroni(end: &TimelineEnd, before: Option<String>) -> Incident {
    let now = end.leader.clone().unwrap_or_else(|| t!("not told").to_owned());
    let title = match before {
        Some(before) if before != now => format!("{before} → {now}"),
        _ => say!("{now} was promoted"),
    };
    Incident {
        at_us: end.at_us,
        title,
        leader: true,
        timeline: Some(say!("timeline {from} → {to}", from = end.timeline, to = end.timeline + 1)),
        without: None,
        outages: Vec::new(),
        steps: ended(end).into_iter().collect(),
    }
}

/// Leaders in their order.
fn title(rows: &[SightingRow]) -> String {
    let mut chain: Vec<&str> = Vec::new();
    let mut headless = false;
    for row in rows {
        match &row.what {
            Sighting::LeaderGone { was, .. } => {
                headless = true;
                if chain.is_empty() {
                    chain.push(was);
                }
            }
            Sighting::Leads { now, was, .. } => {
                headless = false;
                if let (true, Some(was)) = (chain.is_empty(), was) {
                    chain.push(was);
                }
                chain.push(now);
            }
            _ => {}
        }
    }
    if headless {
        chain.push(t!("nobody"));
    }
    chain.dedup();
    match chain[..] {
        [] => members(rows),
        [one] => match outages(rows).last() {
            Some(outage) if !outage.certain => say!("{one} was out of sight"),
            Some(_) => say!("{one} stopped and led again"),
            None => say!("{one} leads"),
        },
        _ => chain.join(" → "),
    }
}

fn members(rows: &[SightingRow]) -> String {
    let mut names: Vec<&str> = Vec::new();
    for row in rows {
        match &row.what {
            Sighting::Member { instance, .. } | Sighting::Lag { instance, .. }
                if !names.contains(&instance.as_str()) =>
            {
                names.push(instance);
            }
            _ => {}
        }
    }
    match rows.first().map(|row| &row.what) {
        _ if !names.is_empty() => names.join(", "),
        Some(Sighting::Began { .. }) => t!("The console began to look").to_owned(),
        Some(Sighting::Paused { .. }) => t!("Automatic failover").to_owned(),
        _ => t!("The cluster was out of sight").to_owned(),
    }
}

fn without(outage: &Outage) -> (String, bool) {
    let what = if outage.certain { t!("without writes") } else { t!("out of sight") };
    let said = match outage.lasted_ms() {
        None if outage.certain => t!("nobody takes writes").to_owned(),
        None => say!("{was} is out of sight", was = outage.was),
        Some((0, None)) => say!("{what} for an unknown time"),
        Some((0, Some(most))) => say!("at most {time} {what}", time = time::duration(most)),
        Some((least, Some(most))) => {
            say!("{least} to {most} {what}", least = time::duration(least), most = time::duration(most))
        }
        Some((least, None)) => say!("at least {time} {what}", time = time::duration(least)),
    };
    (said, outage.certain)
}

fn step(row: &SightingRow) -> Step {
    let (tone, text) = match &row.what {
        Sighting::Began { leader: Some(leader) } => {
            (Tone::Quiet, say!("The console began to look: {leader} takes writes"))
        }
        Sighting::Began { leader: None } => {
            (Tone::Quiet, t!("The console began to look: nobody takes writes").to_owned())
        }
        Sighting::LeaderGone { was, gone, lags } => {
            let why = match gone {
                Gone::NoLock => say!("Nobody holds the leader's lock; {was} did"),
                Gone::NotReached => say!("{was} leads and is not reached; it may still take writes"),
                Gone::NotRunning => say!("{was} leads and its PostgreSQL does not run"),
            };
            let lag = |(name, lag): &(String, Option<u64>)| {
                say!(
                    "{name} was {behind}",
                    behind = lag.map_or(t!("behind by an unknown amount").to_owned(), |lag| say!(
                        "{size} behind",
                        size = size::bytes(lag)
                    ))
                )
            };
            let lags: Vec<String> = lags.iter().map(lag).collect();
            let lags = if lags.is_empty() { String::new() } else { format!(" ({})", lags.join(", ")) };
            (Tone::Bad, format!("{why}{lags}"))
        }
        Sighting::Leads { now, timeline, .. } => {
            let timeline = timeline.map_or(String::new(), |timeline| say!(" on timeline {timeline}"));
            (Tone::Good, say!("{now} takes writes{timeline}"))
        }
        Sighting::Member { instance, role, state, unreachable } => {
            let (tone, words) = state_words(*role, state, *unreachable);
            (tone, format!("{instance}: {words}"))
        }
        Sighting::Lag { instance, bytes, behind: true } => {
            (Tone::Warn, say!("{instance} has fallen behind: {size}", size = size::bytes(*bytes)))
        }
        Sighting::Lag { instance, bytes, behind: false } => {
            (Tone::Good, say!("{instance} has caught up: {size} behind", size = size::bytes(*bytes)))
        }
        Sighting::Paused { paused: true } => (Tone::Warn, t!("Automatic failover was paused").to_owned()),
        Sighting::Paused { paused: false } => (Tone::Good, t!("Automatic failover goes on").to_owned()),
        Sighting::Silent => (Tone::Quiet, t!("No Patroni answers: what happens is not seen").to_owned()),
        Sighting::Heard => (Tone::Quiet, t!("A Patroni answers again").to_owned()),
    };
    Step { at_us: row.at_us, since_us: row.since_us, tone, text, by_patroni: false }
}

fn ended(end: &TimelineEnd) -> Option<Step> {
    let next = end.timeline + 1;
    let who = end.leader.as_ref().map_or(String::new(), |leader| say!(" by {leader}"));
    let text = say!(
        "Timeline {timeline} ended at {lsn}; {next} was begun{who} ({reason})",
        timeline = end.timeline,
        lsn = end.lsn,
        reason = end.reason
    );
    Some(Step { at_us: end.at_us?, since_us: None, tone: Tone::Busy, text, by_patroni: true })
}

#[cfg(test)]
mod tests {
    use super::*;
    use paddock_events::{LeaderHistory, MemberRole, MemberState};

    fn row(since: i64, at: i64, what: Sighting) -> SightingRow {
        SightingRow { at_us: at * 1_000_000, since_us: Some(since * 1_000_000), what }
    }

    fn leads(now: &str, was: Option<&str>) -> Sighting {
        Sighting::Leads { now: now.into(), was: was.map(str::to_owned), timeline: Some(2) }
    }

    fn lost(gone: Gone) -> Sighting {
        Sighting::LeaderGone { was: "a-1".into(), gone, lags: vec![("a-2".into(), Some(0))] }
    }

    fn end(timeline: u32, at: Option<i64>, leader: &str) -> TimelineEnd {
        TimelineEnd {
            timeline,
            lsn: "0/3000060".into(),
            reason: "no recovery target specified".into(),
            at_us: at.map(|at| at * 1_000_000),
            leader: Some(leader.into()),
        }
    }

    /// Title, timeline, what it says of writes, and its steps as seconds, `P` for Patroni's.
    fn told(sightings: Vec<SightingRow>, ends: Vec<TimelineEnd>) -> Vec<String> {
        let history = Some(LeaderHistory { seen_from: "a-1".into(), read_us: 0, ends });
        let all = ClusterFailovers { history, unread: None, sightings, more: false };
        let step =
            |step: &Step| format!("{}{}", step.at_us / 1_000_000, if step.by_patroni { "P" } else { "" });
        let one = |one: &Incident| {
            let steps: Vec<_> = one.steps.iter().map(step).collect();
            let without = one.without.as_ref().map_or("", |(said, _)| said);
            format!(
                "{} | {} | {without} | {}",
                one.title,
                one.timeline.as_deref().unwrap_or(""),
                steps.join(" ")
            )
        };
        incidents(&all).iter().map(one).collect()
    }

    #[test]
    fn what_was_seen_and_what_patroni_kept_of_it_is_one_incident() {
        let seen = vec![
            row(10, 11, lost(Gone::NotReached)),
            row(24, 25, lost(Gone::NoLock)),
            row(27, 28, leads("a-2", None)),
        ];
        assert_eq!(
            told(seen, vec![end(1, Some(27), "a-2")]),
            ["a-1 → a-2 | timeline 1 → 2 | 16 s to 18 s without writes | 11 25 27P 28"]
        );
    }

    #[test]
    fn what_only_patroni_knows_stands_by_itself_and_without_a_time_last() {
        let ends = vec![end(1, None, "a-1"), end(2, Some(50), "a-2"), end(3, Some(5_000), "a-3")];
        assert_eq!(
            told(vec![row(4_990, 4_995, leads("a-3", Some("a-2")))], ends),
            [
                "a-2 → a-3 | timeline 3 → 4 | at most 5.0 s without writes | 4995 5000P",
                "a-1 → a-2 | timeline 2 → 3 |  | 50P",
                "a-1 was promoted | timeline 1 → 2 |  | ",
            ]
        );
    }

    #[test]
    fn what_is_far_apart_is_told_apart_and_an_open_end_is_said() {
        let member = Sighting::Member {
            instance: "a-3".into(),
            role: MemberRole::Replica,
            state: MemberState::Streaming,
            unreachable: true,
        };
        let seen =
            vec![row(0, 1, member), row(199, 200, lost(Gone::NoLock)), row(900, 901, Sighting::Silent)];
        assert_eq!(told(seen, vec![]), ["a-1 → nobody |  | nobody takes writes | 200 901", "a-3 |  |  | 1"]);
    }

    #[test]
    fn a_leader_out_of_sight_is_no_failover() {
        let seen = vec![row(10, 11, lost(Gone::NotReached)), row(15, 16, leads("a-1", Some("a-1")))];
        assert_eq!(told(seen, vec![]), ["a-1 was out of sight |  | 4.0 s to 6.0 s out of sight | 11 16"]);
    }
}
