//! Which clusters the fleet page shows, and in which order: pure, so that the server's page without JavaScript and the
//! browser's agree.

use paddock_events::{ClusterRow, HealthLevel};
use paddock_tongue::{count, say, t};
use std::cmp::Ordering;

/// Rows of a page without JavaScript.
pub const PAGE: usize = 50;

/// Health in the groups that people ask for, the worst first.
pub const LEVELS: [HealthLevel; 5] = [
    HealthLevel::Down,
    HealthLevel::Degraded,
    HealthLevel::Unknown,
    HealthLevel::NotCreated,
    HealthLevel::Healthy,
];

/// The word of a health in a filter, then others that mean the same.
fn words(level: HealthLevel) -> &'static [&'static str] {
    match level {
        HealthLevel::Down => &["bad", "down"],
        HealthLevel::Degraded => &["warning", "degraded"],
        HealthLevel::Unknown => &["unknown"],
        HealthLevel::NotCreated => &["not-created", "new"],
        HealthLevel::Healthy => &["healthy", "good", "ok"],
    }
}

/// The word of a health in a filter: `bad`.
pub fn word(level: HealthLevel) -> &'static str {
    words(level)[0]
}

/// What rows can be sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// The worst first.
    Health,
    /// By name.
    Name,
    /// By how many there are.
    Members,
    /// By the leader's name.
    Leader,
    /// By number, not by text.
    Version,
    /// The largest lag; unknown ones last.
    Lag,
    /// The newest backup; none or unknown ones first.
    Backup,
    /// How much of it.
    Drift,
    /// When it was last looked at.
    Seen,
}

impl Column {
    /// Whether its largest come first: what one looks for in it is large.
    pub fn falls(self) -> bool {
        matches!(self, Self::Health | Self::Members | Self::Version | Self::Lag | Self::Drift)
    }
}

/// In the order of the table.
pub const COLUMNS: [(Column, &str, &str); 9] = [
    (Column::Name, "name", t!("Cluster")),
    (Column::Health, "health", t!("Health")),
    (Column::Members, "members", t!("Members")),
    (Column::Leader, "leader", t!("Primary")),
    (Column::Version, "version", t!("Version")),
    (Column::Lag, "lag", t!("Lag")),
    (Column::Backup, "backup", t!("Last backup")),
    (Column::Drift, "drift", t!("Drift")),
    (Column::Seen, "seen", t!("Seen")),
];

/// What rows stand together by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grouping {
    /// Nothing.
    None,
    /// The worst first.
    Health,
    /// The major version, the newest first.
    Version,
}

/// In the order of the page.
pub const GROUPINGS: [(Grouping, &str, &str); 3] = [
    (Grouping::None, "", t!("None")),
    (Grouping::Health, "health", t!("Health")),
    (Grouping::Version, "version", t!("Version")),
];

/// What a person wants to see; it is the page's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The filter as typed.
    pub text: String,
    /// What to sort by.
    pub column: Column,
    /// The other way round.
    pub reverse: bool,
    /// What stands together.
    pub group: Grouping,
    /// Which page without JavaScript, from 1.
    pub page: usize,
}

impl Wanted {
    /// Reads the address's query; what it does not know is as if it were not there.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Self {
        let sort = get("sort").unwrap_or_default();
        let (reverse, key) = match sort.strip_prefix('-') {
            Some(key) => (true, key),
            None => (false, sort.as_str()),
        };
        let column = COLUMNS.iter().find(|(_, known, _)| *known == key);
        let group = get("group").unwrap_or_default();
        let group = GROUPINGS.iter().find(|(_, known, _)| *known == group);
        Self {
            text: get("q").unwrap_or_default(),
            column: column.map_or(Column::Health, |(column, ..)| *column),
            reverse: reverse && column.is_some(),
            group: group.map_or(Grouping::None, |(group, ..)| *group),
            page: get("page").and_then(|page| page.parse().ok()).filter(|page| *page > 0).unwrap_or(1),
        }
    }

    /// The query that reads back as this: name and value, without what is left out.
    pub fn pairs(&self) -> Vec<(&'static str, String)> {
        let mut out = Vec::new();
        if !self.text.trim().is_empty() {
            out.push(("q", self.text.trim().to_owned()));
        }
        let sort = self.sort();
        if !sort.is_empty() {
            out.push(("sort", sort));
        }
        if self.group != Grouping::None {
            out.push(("group", self.group_key().to_owned()));
        }
        if self.page > 1 {
            out.push(("page", self.page.to_string()));
        }
        out
    }

    /// `-lag`; empty for the order that nobody asked for.
    pub fn sort(&self) -> String {
        if self.column == Column::Health && !self.reverse {
            return String::new();
        }
        let key = COLUMNS.iter().find(|(column, ..)| *column == self.column).map_or("", |(_, key, _)| *key);
        format!("{}{key}", if self.reverse { "-" } else { "" })
    }

    /// `health`; empty for none.
    pub fn group_key(&self) -> &'static str {
        GROUPINGS.iter().find(|(group, ..)| *group == self.group).map_or("", |(_, key, _)| *key)
    }

    /// The same sorted by a column; by the same one, the other way round.
    pub fn sorted_by(&self, column: Column) -> Self {
        let reverse = self.column == column && !self.reverse;
        Self { column, reverse, page: 1, ..self.clone() }
    }

    /// The same with only one health, or with any when it is the one already.
    pub fn only(&self, level: HealthLevel) -> Self {
        let term = format!("health:{}", word(level));
        let others: Vec<&str> = self.text.split_whitespace().filter(|word| !is_health(word)).collect();
        let mut terms = others.clone();
        if !self.is_only(level) {
            terms.insert(0, &term);
        }
        Self { text: terms.join(" "), page: 1, ..self.clone() }
    }

    /// Whether it asks for this health and no other.
    pub fn is_only(&self, level: HealthLevel) -> bool {
        let mut asked = self.text.split_whitespace().filter(|word| is_health(word));
        let first = asked.next().and_then(|word| word.split_once(':'));
        asked.next().is_none() && first.is_some_and(|(_, value)| words(level).contains(&value))
    }
}

fn is_health(word: &str) -> bool {
    word.starts_with("health:")
}

/// One line of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// Begins a group: index of its first row, and how many there are.
    Group(usize, usize),
    /// A row by its index.
    Row(usize),
}

/// What is wanted of the rows, in order.
pub fn lines(rows: &[impl AsRef<ClusterRow>], wanted: &Wanted) -> Vec<Line> {
    let filter = Filter::read(&wanted.text);
    let row = |at: usize| rows[at].as_ref();
    let mut found: Vec<usize> = (0..rows.len()).filter(|at| filter.takes(row(*at))).collect();
    found.sort_by(|a, b| {
        let (a, b) = (row(*a), row(*b));
        let by = by(wanted.column, a, b);
        let by = if wanted.reverse { by.reverse() } else { by };
        grouped(wanted.group, a, b).then(by).then_with(|| a.name.cmp(&b.name))
    });
    if wanted.group == Grouping::None {
        return found.into_iter().map(Line::Row).collect();
    }
    let mut out = Vec::with_capacity(found.len() + 8);
    let same = |a: &usize, b: &usize| grouped(wanted.group, row(*a), row(*b)) == Ordering::Equal;
    for group in found.chunk_by(same) {
        out.push(Line::Group(group[0], group.len()));
        out.extend(group.iter().map(|at| Line::Row(*at)));
    }
    out
}

/// How a group is called that a row belongs to, its health apart, which has words elsewhere.
pub fn version_group(row: &ClusterRow) -> String {
    format!("PostgreSQL {}", major(row))
}

fn major(row: &ClusterRow) -> &str {
    row.version.split('.').next().unwrap_or_default()
}

fn severity(row: &ClusterRow) -> usize {
    LEVELS.iter().position(|level| *level == row.health).unwrap_or(0)
}

fn version(row: &ClusterRow) -> Vec<u32> {
    row.version.split('.').map(|part| part.parse().unwrap_or(0)).collect()
}

fn grouped(group: Grouping, a: &ClusterRow, b: &ClusterRow) -> Ordering {
    match group {
        Grouping::None => Ordering::Equal,
        Grouping::Health => severity(a).cmp(&severity(b)),
        Grouping::Version => {
            let number = |row| major(row).parse::<u32>().unwrap_or(0);
            number(b).cmp(&number(a)).then_with(|| major(a).cmp(major(b)))
        }
    }
}

/// Each column begins with what one looks for in it: the largest lag, the oldest backup.
fn by(column: Column, a: &ClusterRow, b: &ClusterRow) -> Ordering {
    let backup = |row: &ClusterRow| row.backup.and_then(|backup| backup.stop_us);
    match column {
        Column::Health => severity(a).cmp(&severity(b)),
        Column::Name => a.name.cmp(&b.name),
        Column::Members => b.instances.len().cmp(&a.instances.len()),
        Column::Leader => a.leader.is_none().cmp(&b.leader.is_none()).then_with(|| a.leader.cmp(&b.leader)),
        Column::Version => version(b).cmp(&version(a)),
        Column::Lag => b.max_lag_bytes.cmp(&a.max_lag_bytes),
        Column::Backup => backup(a).cmp(&backup(b)),
        Column::Drift => b.drift.len().cmp(&a.drift.len()),
        Column::Seen => a.seen_at_us.cmp(&b.seen_at_us),
    }
}

/// How many clusters there are of each health, in the order of [`LEVELS`].
pub fn counts(rows: &[impl AsRef<ClusterRow>]) -> [usize; 5] {
    let mut out = [0; 5];
    for row in rows {
        out[severity(row.as_ref())] += 1;
    }
    out
}

/// `1,000 clusters`, `12 of 1,000 clusters`.
pub fn shown(found: usize, all: usize) -> String {
    let all_words = count!(all, "cluster");
    if found == all { all_words } else { say!("{found} of {all_words}") }
}

/// A filter: words that all have to match; of several `health:` one is enough.
struct Filter<'a> {
    health: Vec<&'a str>,
    terms: Vec<(&'a str, &'a str)>,
}

impl<'a> Filter<'a> {
    fn read(text: &'a str) -> Self {
        let mut filter = Self { health: Vec::new(), terms: Vec::new() };
        for word in text.split_whitespace() {
            match word.split_once(':') {
                Some(("health", value)) => filter.health.push(value),
                Some((key @ ("version" | "leader" | "node" | "is" | "job"), value)) => {
                    filter.terms.push((key, value));
                }
                // An address of IPv6, or a key that nobody knows: text.
                _ => filter.terms.push(("", word)),
            }
        }
        filter
    }

    fn takes(&self, row: &ClusterRow) -> bool {
        // While one types `health:ba`, what begins so is meant.
        let health = |value: &&str| words(row.health).iter().any(|word| word.starts_with(value));
        (self.health.is_empty() || self.health.iter().any(health))
            && self.terms.iter().all(|(key, value)| takes(row, key, value))
    }
}

fn takes(row: &ClusterRow, key: &str, value: &str) -> bool {
    let mut instances = row.instances.iter();
    match key {
        "version" => row.version.starts_with(value),
        "leader" => row.leader.as_deref().is_some_and(|leader| holds(leader, value)),
        "node" => instances.any(|(_, addr, _)| holds(addr, value)),
        "job" => row.running_job.is_some_and(|job| value.is_empty() || job.to_string() == value),
        "is" => match value {
            "busy" => row.running_job.is_some(),
            "drift" | "drifted" => !row.drift.is_empty(),
            // Still being typed.
            _ => "busy".starts_with(value) || "drifted".starts_with(value),
        },
        _ => {
            holds(&row.name, value)
                || instances.any(|(name, addr, _)| holds(name, value) || holds(addr, value))
        }
    }
}

/// Whether a text has another in it, whatever their case (of ASCII: names of clusters have no other letters).
fn holds(text: &str, wanted: &str) -> bool {
    wanted.is_empty()
        || text.as_bytes().windows(wanted.len()).any(|part| part.eq_ignore_ascii_case(wanted.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use paddock_events::{JobId, RowBackup};

    struct Row(ClusterRow);

    impl AsRef<ClusterRow> for Row {
        fn as_ref(&self) -> &ClusterRow {
            &self.0
        }
    }

    fn row(name: &str, health: HealthLevel, version: &str) -> Row {
        Row(ClusterRow {
            name: name.into(),
            health,
            reasons: vec![],
            instances: vec![(format!("{name}-1"), "10.0.0.7".into(), "primary".into())],
            members: vec![],
            version: version.into(),
            leader: None,
            max_lag_bytes: None,
            lags: Default::default(),
            drift: vec![],
            backup: None,
            running_job: None,
            seen_at_us: None,
        })
    }

    fn fleet() -> Vec<Row> {
        let mut rows = vec![
            row("pg-a", HealthLevel::Healthy, "17.2"),
            row("pg-b", HealthLevel::Down, "15.20"),
            row("pg-c", HealthLevel::Degraded, "17.10"),
            row("pg-d", HealthLevel::Unknown, "18"),
            row("pg-e", HealthLevel::NotCreated, "9.6"),
        ];
        rows[0].0.max_lag_bytes = Some(0);
        rows[0].0.backup = Some(RowBackup { stop_us: Some(9), read_us: 10 });
        rows[0].0.leader = Some("pg-a-2".into());
        rows[2].0.max_lag_bytes = Some(77);
        rows[2].0.running_job = Some(JobId(12));
        rows[2].0.drift = vec!["x".into()];
        rows
    }

    fn wanted(query: &[(&str, &str)]) -> Wanted {
        Wanted::read(|key| query.iter().find(|(name, _)| *name == key).map(|(_, value)| (*value).to_owned()))
    }

    /// Names, and `|3` before a group of three.
    fn shown_for(query: &[(&str, &str)]) -> String {
        let rows = fleet();
        let word = |line: &Line| match line {
            Line::Group(_, count) => format!("|{count}"),
            Line::Row(at) => rows[*at].0.name.trim_start_matches("pg-").to_owned(),
        };
        lines(&rows, &wanted(query)).iter().map(word).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn filters_take_what_is_meant() {
        for (text, expected) in [
            ("", "b c d e a"),
            ("health:bad", "b"),
            ("health:down", "b"),
            ("health:ba", "b"),
            ("health:bad health:warning", "b c"),
            ("health:healthy version:17", "a"),
            ("health:nonsense", ""),
            ("version:17", "c a"),
            ("version:17.1", "c"),
            ("PG-C", "c"),
            ("pg-a-1", "a"),
            ("10.0.0.7 pg-d", "d"),
            ("node:10.0.0.8", ""),
            ("leader:a-2", "a"),
            ("is:busy", "c"),
            ("is:drift", "c"),
            ("job:12", "c"),
            ("job:13", ""),
            ("fe80::1", ""),
            ("nonsense:pg", ""),
        ] {
            assert_eq!(shown_for(&[("q", text)]), expected, "{text}");
        }
    }

    #[test]
    fn each_column_sorts_and_ties_stand_by_name() {
        for (sort, expected) in [
            ("", "b c d e a"),
            ("-health", "a e d c b"),
            ("name", "a b c d e"),
            ("-name", "e d c b a"),
            ("version", "d c a b e"),
            ("lag", "c a b d e"),
            ("-lag", "b d e a c"),
            ("backup", "b c d e a"),
            ("leader", "a b c d e"),
            ("drift", "c a b d e"),
            ("members", "a b c d e"),
            ("seen", "a b c d e"),
            ("nonsense", "b c d e a"),
        ] {
            assert_eq!(shown_for(&[("sort", sort)]), expected, "{sort}");
        }
    }

    #[test]
    fn groups_have_their_count_and_keep_the_order_within() {
        assert_eq!(shown_for(&[("group", "health"), ("sort", "name")]), "|1 b |1 c |1 d |1 e |1 a");
        assert_eq!(shown_for(&[("group", "version"), ("sort", "-name")]), "|1 d |2 c a |1 b |1 e");
        assert_eq!(shown_for(&[("group", "version"), ("q", "version:17")]), "|2 c a");
        assert_eq!(shown_for(&[("group", "version"), ("q", "nothing")]), "");
    }

    #[test]
    fn an_address_reads_back_as_what_was_wanted() {
        assert_eq!(wanted(&[]).pairs(), []);
        for query in [
            vec![("q", "health:bad pg"), ("sort", "-lag"), ("group", "version"), ("page", "3")],
            vec![("sort", "name")],
            vec![("sort", "-health")],
        ] {
            let pairs = wanted(&query).pairs();
            let pairs: Vec<(&str, &str)> =
                pairs.iter().map(|(name, value)| (*name, value.as_str())).collect();
            assert_eq!(pairs, query);
        }
        assert_eq!(wanted(&[("page", "0"), ("group", "x"), ("q", "  ")]).pairs(), []);
    }

    #[test]
    fn a_column_turns_round_and_a_health_is_switched() {
        let lag = wanted(&[("page", "3")]).sorted_by(Column::Lag);
        assert_eq!((lag.sort().as_str(), lag.page), ("lag", 1));
        assert_eq!(lag.sorted_by(Column::Lag).sort(), "-lag");
        assert_eq!(lag.sorted_by(Column::Name).sort(), "name");
        let bad = wanted(&[("q", "health:unknown pg")]).only(HealthLevel::Down);
        assert_eq!(bad.text, "health:bad pg");
        assert!(bad.is_only(HealthLevel::Down) && !bad.is_only(HealthLevel::Healthy));
        assert_eq!(bad.only(HealthLevel::Down).text, "pg");
    }

    #[test]
    fn the_fleet_is_counted() {
        assert_eq!(counts(&fleet()), [1, 1, 1, 1, 1]);
        assert_eq!(shown(5, 5), "5 clusters");
        assert_eq!(shown(1, 5), "1 of 5 clusters");
    }
}
