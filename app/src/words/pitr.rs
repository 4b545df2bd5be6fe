//! A restore as a command line: what the form says, checked as far as it can be without the repository.

use paddock_tongue::{say, t};
use serde_json::{Map, Value};

/// What recovery stops at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stop {
    /// A moment, with its zone.
    #[default]
    Time,
    /// A named restore point.
    Name,
    /// A transaction.
    Xid,
    /// A place in the WAL.
    Lsn,
    /// The end of the archive.
    Latest,
    /// The end of the backup.
    Immediate,
}

/// All of them: value, label, example of a target.
pub const STOPS: [(Stop, &str, &str, &str); 6] = [
    (Stop::Time, "time", t!("Time, with zone"), "2026-01-10 10:00:00+00"),
    (Stop::Name, "name", t!("Restore point"), "before_migration"),
    (Stop::Xid, "xid", t!("Transaction (XID)"), "250000"),
    (Stop::Lsn, "lsn", t!("WAL position (LSN)"), "0/4001C80"),
    (Stop::Latest, "latest", t!("Latest: the end of the WAL archive"), ""),
    (Stop::Immediate, "immediate", t!("Immediate: the end of the backup"), ""),
];

impl Stop {
    /// From its value in the form.
    pub fn parse(word: &str) -> Self {
        STOPS.iter().find(|one| one.1 == word).map_or_else(Self::default, |one| one.0)
    }

    fn word(self) -> &'static str {
        STOPS.iter().find(|one| one.0 == self).map_or("time", |one| one.1)
    }

    /// Whether it names a target.
    pub fn has_target(self) -> bool {
        !matches!(self, Self::Latest | Self::Immediate)
    }

    /// Whether recovery can stop before it.
    pub fn may_exclude(self) -> bool {
        matches!(self, Self::Time | Self::Xid | Self::Lsn)
    }
}

/// What the form says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// The cluster that is restored.
    pub into: String,
    /// Whose backups; none for its own.
    pub source: Option<String>,
    /// What recovery stops at.
    pub stop: Stop,
    /// Its target.
    pub target: String,
    /// Label of the backup to begin from; empty lets it be chosen.
    pub set: String,
    /// Timeline to follow; empty is the latest.
    pub timeline: String,
    /// Stop before the target instead of after it.
    pub exclusive: bool,
}

/// `pgsql-pitr.yml -l pg-meta2 -e '{"pg_pitr": {…}}'` as words, or what is missing.
pub fn words(wish: &Wish) -> Result<Vec<String>, String> {
    if wish.into.trim().is_empty() {
        return Err(t!("name the cluster").to_owned());
    }
    let mut pitr = Map::new();
    let mut put = |key: &str, value: Value| pitr.insert(key.to_owned(), value);
    if let Some(source) = &wish.source {
        put("cluster", source.clone().into());
    }
    if wish.stop.has_target() {
        put(wish.stop.word(), target(wish.stop, wish.target.trim())?.into());
    } else {
        put("type", wish.stop.word().into());
    }
    let set = wish.set.trim();
    if !set.is_empty() {
        if !is_label(set) {
            return Err(say!("`{set}` is not a backup's label: 20260110-010000F"));
        }
        put("set", set.into());
    }
    let timeline = wish.timeline.trim();
    if !timeline.is_empty() {
        if timeline != "current" && timeline != "latest" && timeline.parse::<u32>().is_err() {
            return Err(say!("`{timeline}` is not a timeline: a number, `current` or `latest`"));
        }
        put("timeline", timeline.into());
    }
    if wish.exclusive && wish.stop.may_exclude() {
        put("exclusive", true.into());
    }
    let vars = serde_json::json!({ "pg_pitr": pitr }).to_string();
    Ok(vec!["pgsql-pitr.yml".into(), "-l".into(), wish.into.trim().into(), "-e".into(), vars])
}

fn target(stop: Stop, text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err(t!("say where recovery shall stop").to_owned());
    }
    let good = match stop {
        Stop::Time if !has_zone(text) => {
            return Err(t!("a time needs its zone: 2026-01-10 10:00:00+00").to_owned());
        }
        Stop::Time => looks_like_time(text),
        Stop::Xid => text.parse::<u32>().is_ok_and(|xid| xid > 0),
        Stop::Lsn => text.split_once('/').is_some_and(|(high, low)| is_hex(high) && is_hex(low)),
        Stop::Name | Stop::Latest | Stop::Immediate => true,
    };
    let example = STOPS.iter().find(|one| one.0 == stop).map_or("", |one| one.3);
    if good { Ok(text.to_owned()) } else { Err(say!("`{text}` is not right; it looks like {example}")) }
}

fn is_hex(text: &str) -> bool {
    (1..=8).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// `Z`, `+00`, `+05:30`, `-0800` after the time of day.
fn has_zone(text: &str) -> bool {
    let Some((_, day_time)) = text.split_once(['T', ' ']) else { return false };
    day_time.ends_with('Z') || day_time.contains(['+', '-'])
}

fn looks_like_time(text: &str) -> bool {
    let pattern = b"0000-00-00 00:00:00";
    let bytes = text.as_bytes();
    bytes.len() > pattern.len()
        && pattern.iter().zip(bytes).all(|(want, got)| match want {
            b'0' => got.is_ascii_digit(),
            b' ' => matches!(got, b' ' | b'T'),
            want => want == got,
        })
}

/// `20260110-010000F`, with `_20260111-010000D` or `…I` behind it for what builds on it.
fn is_label(text: &str) -> bool {
    let part = |text: &str, ends: &[char]| {
        text.strip_suffix(ends).and_then(|stamp| stamp.split_once('-')).is_some_and(|(day, time)| {
            day.len() == 8 && time.len() == 6 && (day.bytes().chain(time.bytes())).all(|b| b.is_ascii_digit())
        })
    };
    match text.split_once('_') {
        None => part(text, &['F']),
        Some((full, own)) => part(full, &['F']) && part(own, &['D', 'I']),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(stop: Stop, target: &str) -> Wish {
        Wish {
            into: "pg-meta2".into(),
            source: Some("pg-meta".into()),
            stop,
            target: target.into(),
            ..Wish::default()
        }
    }

    #[test]
    fn every_target_becomes_its_variable() {
        for (wish, vars) in [
            (
                wish(Stop::Time, "2025-01-10 10:00:00+00"),
                r#"{"cluster":"pg-meta","time":"2025-01-10 10:00:00+00"}"#,
            ),
            (wish(Stop::Xid, "250000"), r#"{"cluster":"pg-meta","xid":"250000"}"#),
            (wish(Stop::Name, "before_migration"), r#"{"cluster":"pg-meta","name":"before_migration"}"#),
            (wish(Stop::Lsn, "0/4001C80"), r#"{"cluster":"pg-meta","lsn":"0/4001C80"}"#),
            (wish(Stop::Latest, "ignored"), r#"{"cluster":"pg-meta","type":"latest"}"#),
            (Wish { source: None, ..wish(Stop::Immediate, "") }, r#"{"type":"immediate"}"#),
            (
                Wish {
                    exclusive: true,
                    timeline: "2".into(),
                    set: "20260110-010000F".into(),
                    source: None,
                    ..wish(Stop::Xid, "7")
                },
                r#"{"exclusive":true,"set":"20260110-010000F","timeline":"2","xid":"7"}"#,
            ),
            (Wish { exclusive: true, source: None, ..wish(Stop::Name, "x") }, r#"{"name":"x"}"#),
        ] {
            let words = words(&wish).unwrap();
            assert_eq!(words[..4], ["pgsql-pitr.yml", "-l", "pg-meta2", "-e"]);
            // The order of keys is the JSON library's.
            let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
            assert_eq!(read(&words[4]), read(&format!(r#"{{"pg_pitr":{vars}}}"#)));
        }
    }

    #[test]
    fn what_cannot_be_a_target_is_told_while_it_is_typed() {
        for (wish, why) in [
            (wish(Stop::Time, ""), "say where"),
            (wish(Stop::Time, "2025-01-10 10:00:00"), "zone"),
            (wish(Stop::Time, "yesterday 10:00+00"), "not right"),
            (wish(Stop::Xid, "0"), "not right"),
            (wish(Stop::Xid, "4294967296"), "not right"),
            (wish(Stop::Lsn, "0-4001C80"), "not right"),
            (Wish { set: "newest".into(), ..wish(Stop::Latest, "") }, "label"),
            (Wish { timeline: "x".into(), ..wish(Stop::Latest, "") }, "timeline"),
            (Wish { into: " ".into(), ..wish(Stop::Latest, "") }, "name the cluster"),
        ] {
            let refused = words(&wish).unwrap_err();
            assert!(refused.contains(why), "{refused}");
        }
        assert!(is_label("20260110-010000F_20260111-010000I") && !is_label("20260110-010000D"));
    }
}
