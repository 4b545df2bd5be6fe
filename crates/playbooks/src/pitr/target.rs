//! `pg_pitr`: what to recover to, parsed before anything is planned (parameters.md, section 7.1).

use crate::Refusal;
use paddock_inventory::{Map, Value};

/// Where recovery stops.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// The end of the WAL archive: `latest`, `default`, or nothing said.
    Latest,
    /// As soon as the backup is consistent.
    Immediate,
    /// A moment, as written and as microseconds since the epoch when it names its zone.
    Time { text: String, at_us: Option<i64> },
    /// A transaction.
    Xid(u32),
    /// A restore point made by `pg_create_restore_point`.
    Name(String),
    /// A place in the WAL.
    Lsn(u64),
}

/// What PostgreSQL does at the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AtTarget {
    Pause,
    Promote,
    Shutdown,
}

/// `pg_pitr` after validation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Spec {
    /// Source stanza; none is the cluster itself.
    pub(crate) cluster: Option<String>,
    pub(crate) target: Target,
    /// Label of the backup to start from.
    pub(crate) set: Option<String>,
    /// `current` or a number; none is `latest`.
    pub(crate) timeline: Option<String>,
    pub(crate) exclusive: bool,
    pub(crate) action: AtTarget,
    /// Archiving stays as it was.
    pub(crate) archive: bool,
    /// Old data are kept aside; none leaves it to the plan.
    pub(crate) backup: Option<bool>,
    pub(crate) port: Option<u16>,
    pub(crate) process: Option<i64>,
    pub(crate) repo: Option<Map>,
    pub(crate) db_include: Vec<String>,
    pub(crate) db_exclude: Vec<String>,
    pub(crate) link_map: Vec<(String, String)>,
}

const KEYS: [&str; 19] = [
    "cluster",
    "type",
    "time",
    "name",
    "xid",
    "lsn",
    "set",
    "timeline",
    "exclusive",
    "action",
    "archive",
    "db_include",
    "db_exclude",
    "link_map",
    "process",
    "repo",
    "backup",
    "data",
    "port",
];

impl Target {
    /// The word of `pg_pitr.type` and of pgBackRest's `--type`.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Latest => "default",
            Self::Immediate => "immediate",
            Self::Time { .. } => "time",
            Self::Xid(_) => "xid",
            Self::Name(_) => "name",
            Self::Lsn(_) => "lsn",
        }
    }

    /// The target as pgBackRest and PostgreSQL read it.
    pub(crate) fn value(&self) -> Option<String> {
        match self {
            Self::Latest | Self::Immediate => None,
            Self::Time { text, .. } | Self::Name(text) => Some(text.clone()),
            Self::Xid(xid) => Some(xid.to_string()),
            Self::Lsn(lsn) => Some(format!("{:X}/{:X}", lsn >> 32, lsn & 0xFFFF_FFFF)),
        }
    }

    /// For people: "time 2025-01-10 10:00:00+00", "the end of the archive".
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Latest => "the end of the archive".to_owned(),
            Self::Immediate => "the end of the backup".to_owned(),
            Self::Time { .. } | Self::Xid(_) | Self::Name(_) | Self::Lsn(_) => {
                format!("{} {}", self.kind(), self.value().unwrap_or_default())
            }
        }
    }

    /// Whether PostgreSQL stops at it and waits, instead of ending recovery by itself.
    pub(crate) fn is_awaited(&self) -> bool {
        !matches!(self, Self::Latest)
    }
}

impl AtTarget {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Promote => "promote",
            Self::Shutdown => "shutdown",
        }
    }
}

impl Spec {
    /// Reads `pg_pitr`. `what` begins the refusal: "`pgsql-pitr.yml -l pg-meta2` was refused".
    pub(crate) fn parse(map: &Map, what: &str) -> Result<Self, Refusal> {
        let refuse = |code: &str, why: String, fix: &str| Refusal {
            code: code.to_owned(),
            what: what.to_owned(),
            why,
            fix: fix.to_owned(),
        };
        for (key, _) in &map.0 {
            // A misspelt target would silently mean the end of the archive.
            if !KEYS.contains(&key.to_text().as_str()) {
                let why =
                    format!("`pg_pitr` has no key `{}`; its keys are {}", key.to_text(), KEYS.join(", "));
                return Err(refuse("plan/pitr-unknown-key", why, "right the key"));
            }
        }
        let one = |key: &str| match map.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::List(_) | Value::Map(_)) => Err(refuse(
                "plan/pitr-bad-value",
                format!("`pg_pitr.{key}` is not a single value"),
                "write one value",
            )),
            Some(value) => Ok(Some(value.to_text()).filter(|text| !text.is_empty())),
        };
        let target = target(&one, &refuse)?;
        let set = one("set")?.filter(|set| set != "latest");
        if let Some(bad) = set.as_ref().filter(|set| !is_label(set)) {
            let why = format!("`{bad}` is not the label of a backup");
            return Err(refuse(
                "plan/pitr-bad-set",
                why,
                "labels look like 20251225-120000F or 20251225-120000F_20251226-010000I; `pgbackrest info` lists them",
            ));
        }
        let timeline = one("timeline")?.filter(|line| line != "latest");
        if let Some(bad) = timeline
            .as_ref()
            .filter(|line| *line != "current" && line.parse::<u32>().map_or(true, |n| n == 0))
        {
            let why = format!("invalid pg_pitr.timeline `{bad}`");
            return Err(refuse("plan/pitr-bad-timeline", why, "use `latest`, `current` or a number"));
        }
        if timeline.is_some() && target == Target::Immediate {
            let why = "`timeline` says which history to follow, and `immediate` follows none".to_owned();
            return Err(refuse("plan/pitr-bad-timeline", why, "remove `timeline`"));
        }
        let boolean = |key: &str| match map.get(key) {
            None | Some(Value::Null) => Ok(None),
            // Ansible's `bool` filter takes every other word for false, and `backup: flase` would keep nothing.
            Some(value) => match value.to_text().to_lowercase().as_str() {
                "true" | "yes" | "y" | "on" | "1" => Ok(Some(true)),
                "false" | "no" | "n" | "off" | "0" => Ok(Some(false)),
                _ => {
                    let why = format!("`pg_pitr.{key}` is not true or false");
                    Err(refuse("plan/pitr-bad-value", why, "write true or false"))
                }
            },
        };
        let exclusive = boolean("exclusive")?.unwrap_or(false);
        if exclusive && !matches!(target, Target::Time { .. } | Target::Xid(_) | Target::Lsn(_)) {
            let why =
                format!("`exclusive` stops just before a time, xid or lsn; the target is {}", target.words());
            return Err(refuse("plan/pitr-exclusive", why, "remove `exclusive`, or name a time, xid or lsn"));
        }
        let action = match one("action")?.as_deref() {
            None | Some("pause") => AtTarget::Pause,
            Some("promote") => AtTarget::Promote,
            Some("shutdown") => AtTarget::Shutdown,
            Some(other) => {
                let why = format!("invalid pg_pitr.action `{other}`");
                return Err(refuse("plan/pitr-bad-action", why, "use pause, promote or shutdown"));
            }
        };
        if let Some(data) = one("data")?.filter(|data| data != "/pg/data") {
            let why = format!("`data` is `{data}`, and Patroni runs /pg/data");
            return Err(refuse(
                "plan/pitr-data",
                why,
                "remove `data`; to look at old data elsewhere, clone to another cluster",
            ));
        }
        let number = |key: &str, low: i64, high: i64| match one(key)? {
            None => Ok(None),
            Some(text) => {
                text.parse::<i64>().ok().filter(|n| (low..=high).contains(n)).map(Some).ok_or_else(|| {
                    refuse(
                        "plan/pitr-bad-value",
                        format!("`pg_pitr.{key}` is `{text}`"),
                        &format!("use a number from {low} to {high}"),
                    )
                })
            }
        };
        let texts = |key: &str| match map.get(key) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::List(items)) => Ok(items.iter().map(Value::to_text).collect()),
            Some(_) => Err(refuse(
                "plan/pitr-bad-value",
                format!("`pg_pitr.{key}` is not a list"),
                "write a list of names",
            )),
        };
        let maps = |key: &str| match map.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Map(map)) => Ok(Some(map.clone())),
            Some(_) => Err(refuse(
                "plan/pitr-bad-value",
                format!("`pg_pitr.{key}` is not a mapping"),
                "write a mapping",
            )),
        };
        Ok(Self {
            cluster: one("cluster")?,
            target,
            set,
            timeline,
            exclusive,
            action,
            archive: boolean("archive")?.unwrap_or(false),
            backup: boolean("backup")?,
            port: number("port", 1, 65_535)?.and_then(|port| u16::try_from(port).ok()),
            process: number("process", 1, 999)?,
            repo: maps("repo")?,
            db_include: texts("db_include")?,
            db_exclude: texts("db_exclude")?,
            link_map: maps("link_map")?
                .map(|map| map.0.iter().map(|(k, v)| (k.to_text(), v.to_text())).collect())
                .unwrap_or_default(),
        })
    }
}

fn target(
    one: &impl Fn(&str) -> Result<Option<String>, Refusal>,
    refuse: &impl Fn(&str, String, &str) -> Refusal,
) -> Result<Target, Refusal> {
    let mut given = Vec::new();
    for key in ["time", "xid", "name", "lsn"] {
        if let Some(value) = one(key)? {
            given.push((key, value));
        }
    }
    if given.len() > 1 {
        let list =
            given.iter().map(|(key, value)| format!("{key} `{value}`")).collect::<Vec<_>>().join(" and ");
        let why = format!("invalid pitr target provided: {list}, and recovery stops at one");
        return Err(refuse("plan/pitr-two-targets", why, "keep one of them"));
    }
    let given = given.into_iter().next();
    let kind = one("type")?;
    let kind = match (kind.as_deref(), &given) {
        (None, None) => "default",
        (None, Some((key, _))) => key,
        (Some("latest" | "default"), _) => "default",
        (Some(kind @ ("time" | "xid" | "name" | "lsn" | "immediate")), _) => kind,
        (Some(other), _) => {
            let why = format!("invalid pg_pitr.type `{other}`");
            return Err(refuse("plan/pitr-bad-type", why, "use time, xid, name, lsn, immediate or latest"));
        }
    };
    match (kind, given) {
        ("default", None) => Ok(Target::Latest),
        ("immediate", None) => Ok(Target::Immediate),
        (kind, Some((key, value))) if kind == key => match key {
            "time" => time(&value).ok_or_else(|| {
                let why = format!("`{value}` is not a time");
                refuse("plan/pitr-bad-time", why, "write it as '2025-01-10 10:00:00+00'")
            }),
            "xid" => match value.parse::<u32>() {
                Ok(xid) if xid > 0 => Ok(Target::Xid(xid)),
                Ok(_) | Err(_) => {
                    let why = format!("invalid XID `{value}`: it is a positive 32-bit number");
                    Err(refuse("plan/pitr-bad-xid", why, "write a number from 1 to 4294967295"))
                }
            },
            "name" if value.len() > 63 || value.chars().any(char::is_control) => {
                let why =
                    "the name of a restore point has at most 63 bytes and no control characters".to_owned();
                Err(refuse("plan/pitr-bad-name", why, "write the name given to pg_create_restore_point"))
            }
            "name" => Ok(Target::Name(value)),
            _ => lsn(&value).map(Target::Lsn).ok_or_else(|| {
                let why = format!("invalid LSN format `{value}`");
                refuse(
                    "plan/pitr-bad-lsn",
                    why,
                    "write it as 0/4001C80: two hexadecimal numbers of at most 8 digits",
                )
            }),
        },
        (kind, Some((key, value))) => {
            let why = format!("invalid pitr target provided: type is `{kind}`, and {key} `{value}` is given");
            Err(refuse("plan/pitr-type", why, "remove `type`, or the target that contradicts it"))
        }
        (kind, None) => {
            let why = format!("type is `{kind}`, and `{kind}` is not given");
            Err(refuse("plan/pitr-type", why, &format!("add `{kind}`, or remove `type`")))
        }
    }
}

/// `XXXXXXXX/XXXXXXXX`
pub(crate) fn lsn(text: &str) -> Option<u64> {
    let part = |part: &str| {
        let good = (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_hexdigit());
        good.then(|| u64::from_str_radix(part, 16).ok()).flatten()
    };
    let (high, low) = text.split_once('/')?;
    Some((part(high)? << 32) | part(low)?)
}

/// `YYYYMMDD-HHMMSSF`, with `_YYYYMMDD-HHMMSSD` or `…I` after it for a backup that builds on one.
fn is_label(text: &str) -> bool {
    let part = |part: &str, kinds: &[char]| {
        let digits = |text: &str, n: usize| text.len() == n && text.bytes().all(|b| b.is_ascii_digit());
        part.is_ascii()
            && part.len() == 16
            && digits(&part[..8], 8)
            && &part[8..9] == "-"
            && digits(&part[9..15], 6)
            && part.ends_with(kinds)
    };
    match text.split_once('_') {
        None => part(text, &['F']),
        Some((full, then)) => part(full, &['F']) && part(then, &['D', 'I']),
    }
}

/// `YYYY-MM-DD[ T]HH:MM:SS[.f][±HH[:MM]]` or `Z`; without a zone the server's own holds.
fn time(text: &str) -> Option<Target> {
    let number = |from: usize, to: usize| -> Option<i64> {
        let part = text.get(from..to)?;
        part.bytes().all(|b| b.is_ascii_digit()).then(|| part.parse().ok()).flatten()
    };
    let at = |place: usize, marks: &str| text.get(place..=place).is_some_and(|c| marks.contains(c));
    if !(at(4, "-") && at(7, "-") && at(10, " T") && at(13, ":") && at(16, ":")) {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 31,
    };
    if !(1..=12).contains(&month) || !(1..=last).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let mut rest = text.get(19..)?;
    let mut micros = 0;
    if let Some(fraction) = rest.strip_prefix('.') {
        let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
        if !(1..=6).contains(&digits) {
            return None;
        }
        micros = format!("{:0<6}", &fraction[..digits]).parse().ok()?;
        rest = &fraction[digits..];
    }
    let zone = zone(rest.trim_start_matches(' '))?;
    let at_us = zone.map(|zone| {
        let seconds = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - zone;
        seconds * 1_000_000 + micros
    });
    Some(Target::Time { text: text.to_owned(), at_us })
}

/// Seconds east of Greenwich; `Some(None)` when no zone is given.
fn zone(text: &str) -> Option<Option<i64>> {
    if text.is_empty() {
        return Some(None);
    }
    if matches!(text, "Z" | "z" | "UTC") {
        return Some(Some(0));
    }
    let sign = match text.get(..1)? {
        "+" => 1,
        "-" => -1,
        _ => return None,
    };
    let digits = text.get(1..)?;
    let (hours, minutes) = match (digits.len(), digits.split_once(':')) {
        (2, None) => (digits, "0"),
        (4, None) => (digits.get(..2)?, digits.get(2..)?),
        (5, Some((hours, minutes))) if hours.len() == 2 => (hours, minutes),
        _ => return None,
    };
    let plain =
        |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse::<i64>().ok()).flatten();
    let (hours, minutes) = (plain(hours)?, plain(minutes)?);
    (hours <= 15 && minutes <= 59).then_some(Some(sign * (hours * 3600 + minutes * 60)))
}

/// Days since 1970-01-01 of the Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Result<Spec, Refusal> {
        let map: Map = serde_json::from_str(json).unwrap();
        Spec::parse(&map, "`pgsql-pitr.yml -l pg-meta2` was refused")
    }

    #[test]
    fn every_target_of_the_seed_is_understood() {
        let check =
            |json: &str, words: &str| assert_eq!(parse(json).unwrap().target.words(), words, "{json}");
        check("{}", "the end of the archive");
        check(r#"{"type": "latest"}"#, "the end of the archive");
        check(r#"{"type": "default"}"#, "the end of the archive");
        check(r#"{"type": "immediate", "set": "20251225-120000F"}"#, "the end of the backup");
        check(r#"{"cluster": "pg-meta", "time": "2025-01-10 10:00:00+00"}"#, "time 2025-01-10 10:00:00+00");
        check(r#"{"xid": "250000"}"#, "xid 250000");
        check(r#"{"xid": 250000, "type": "xid", "exclusive": true}"#, "xid 250000");
        check(r#"{"name": "before_migration"}"#, "name before_migration");
        check(r#"{"lsn": "0/4001c80"}"#, "lsn 0/4001C80");
    }

    #[test]
    fn what_contradicts_itself_is_refused_with_its_code() {
        let check = |json: &str, code: &str| {
            let refusal = parse(json).unwrap_err();
            assert_eq!(refusal.code, code, "{json}: {refusal:?}");
        };
        check(r#"{"time": "2025-01-10 10:00:00+00", "xid": "1"}"#, "plan/pitr-two-targets");
        check(r#"{"name": "a", "lsn": "0/1"}"#, "plan/pitr-two-targets");
        check(r#"{"type": "xid", "lsn": "0/1"}"#, "plan/pitr-type");
        check(r#"{"type": "latest", "name": "a"}"#, "plan/pitr-type");
        check(r#"{"type": "immediate", "name": "a"}"#, "plan/pitr-type");
        check(r#"{"type": "time"}"#, "plan/pitr-type");
        check(r#"{"type": "yesterday"}"#, "plan/pitr-bad-type");
        check(r#"{"tiem": "2025-01-10 10:00:00+00"}"#, "plan/pitr-unknown-key");
        for lsn in ["0", "0/", "/1", "0/G", "0/123456789", "0/1/2", "-1/0", "0x1/0"] {
            check(&format!(r#"{{"lsn": "{lsn}"}}"#), "plan/pitr-bad-lsn");
        }
        for xid in ["0", "-1", "4294967296", "x", "1.5", "1;drop"] {
            check(&format!(r#"{{"xid": "{xid}"}}"#), "plan/pitr-bad-xid");
        }
        for time in [
            "yesterday",
            "2025-01-10",
            "2025-13-10 10:00:00",
            "2025-02-29 10:00:00+00",
            "2025-01-10 24:00:00",
            "2025-01-10 10:00:00+1",
            "2025-01-10 10:00:00.",
            "2025-01-10 10:00:00'; rm",
            "2025-01-10 10:00:00+16:00",
        ] {
            check(&format!(r#"{{"time": "{time}"}}"#), "plan/pitr-bad-time");
        }
        check(r#"{"name": "a\nb"}"#, "plan/pitr-bad-name");
        check(r#"{"set": "yesterday"}"#, "plan/pitr-bad-set");
        check(r#"{"set": "20251225-120000F_20251226-010000F"}"#, "plan/pitr-bad-set");
        check(r#"{"name": "a", "exclusive": true}"#, "plan/pitr-exclusive");
        check(r#"{"exclusive": true}"#, "plan/pitr-exclusive");
        check(r#"{"action": "explode"}"#, "plan/pitr-bad-action");
        check(r#"{"timeline": "soon"}"#, "plan/pitr-bad-timeline");
        check(r#"{"type": "immediate", "timeline": "2"}"#, "plan/pitr-bad-timeline");
        check(r#"{"data": "/tmp/x"}"#, "plan/pitr-data");
        check(r#"{"port": 70000}"#, "plan/pitr-bad-value");
        check(r#"{"backup": "perhaps"}"#, "plan/pitr-bad-value");
        check(r#"{"repo": "minio"}"#, "plan/pitr-bad-value");
        check(r#"{"cluster": ["a"]}"#, "plan/pitr-bad-value");
    }

    #[test]
    fn a_time_with_a_zone_is_a_moment() {
        let check = |text: &str, expect: Option<i64>| match time(text) {
            Some(Target::Time { at_us, .. }) => assert_eq!(at_us, expect, "{text}"),
            other => panic!("{text}: {other:?}"),
        };
        check("1970-01-01 00:00:00Z", Some(0));
        check("2025-01-10 10:00:00+00", Some(1_736_503_200_000_000));
        check("2025-01-10T12:00:00.25+02:00", Some(1_736_503_200_250_000));
        check("2025-01-10 04:30:00-0530", Some(1_736_503_200_000_000));
        check("2024-02-29 00:00:00 +00", Some(1_709_164_800_000_000));
        check("2025-01-10 10:00:00", None);
    }

    #[test]
    fn labels_of_all_kinds_are_labels() {
        for label in
            ["20251225-120000F", "20251225-120000F_20251226-010000D", "20251225-120000F_20251226-010000I"]
        {
            assert_eq!(parse(&format!(r#"{{"set": "{label}"}}"#)).unwrap().set.as_deref(), Some(label));
        }
        assert_eq!(parse(r#"{"set": "latest"}"#).unwrap().set, None);
    }
}
