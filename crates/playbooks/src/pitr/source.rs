//! What the source's repository holds, and whether it can serve a target: as far as a plan can know it.

use crate::Refusal;
use crate::pitr::target::{Spec, Target};
use serde_json::Value;

/// A stanza in a repository, as `pgbackrest info --output=json` tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stored {
    /// Major version of the newest database.
    pub(crate) version: Option<String>,
    /// Without an error, oldest first.
    pub(crate) backups: Vec<Backup>,
    /// Newest archived segment: timeline, log and segment in 24 hexadecimal digits.
    pub(crate) last_wal: Option<String>,
}

/// One backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Backup {
    pub(crate) label: String,
    pub(crate) stop_s: i64,
    pub(crate) stop_lsn: Option<u64>,
    /// Bytes of the database when it was made.
    pub(crate) size: Option<u64>,
}

/// What recovery starts from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Start {
    /// `--set`; none lets pgBackRest choose, which it does well for a time and an LSN.
    pub(crate) set: Option<String>,
    /// The backup that is used, when it is known.
    pub(crate) backup: Option<Backup>,
    /// To be read before it runs.
    pub(crate) warning: Option<String>,
}

impl Stored {
    /// The stanza as a node saw it; none when the node's repository does not have it.
    pub(crate) fn read(info: &str, stanza: &str) -> Option<Self> {
        let parsed: Value = serde_json::from_str(info).ok()?;
        let of = |one: &&Value| one.get("name").and_then(Value::as_str) == Some(stanza);
        let one = parsed.as_array()?.iter().find(of)?;
        let list = |key: &str| one.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
        let newest = list("db").iter().max_by_key(|db| db.get("id").and_then(Value::as_i64))?;
        let id = newest.get("id").and_then(Value::as_i64);
        // Backups of a former database under the same stanza cannot be told apart by a target.
        let own =
            |value: &&Value| value.get("database").and_then(|db| db.get("id")).and_then(Value::as_i64) == id;
        let mut backups: Vec<Backup> = list("backup")
            .iter()
            .filter(own)
            .filter(|backup| backup.get("error").and_then(Value::as_bool) != Some(true))
            .filter_map(|backup| {
                Some(Backup {
                    label: text(backup.get("label"))?,
                    stop_s: backup.get("timestamp")?.get("stop")?.as_i64()?,
                    stop_lsn: text(backup.get("lsn").and_then(|lsn| lsn.get("stop")))
                        .and_then(|lsn| super::target::lsn(&lsn)),
                    size: backup.get("info").and_then(|info| info.get("size")).and_then(Value::as_u64),
                })
            })
            .collect();
        backups.sort_by(|a, b| (a.stop_s, &a.label).cmp(&(b.stop_s, &b.label)));
        Some(Self {
            version: text(newest.get("version")),
            backups,
            last_wal: list("archive").iter().filter(own).filter_map(|archive| text(archive.get("max"))).max(),
        })
    }

    /// Whether the target can be reached, and from which backup. `runs`: the source runs, so its archive still grows.
    pub(crate) fn start(&self, stanza: &str, spec: &Spec, runs: bool, what: &str) -> Result<Start, Refusal> {
        let refuse = |code: &str, why: String, fix: String| Refusal {
            code: code.to_owned(),
            what: what.to_owned(),
            why,
            fix,
        };
        let (Some(oldest), Some(newest)) = (self.backups.first(), self.backups.last()) else {
            let why = format!("the repository has no backup of `{stanza}`");
            return Err(refuse(
                "plan/pitr-no-backup",
                why,
                format!("make one first: `pg-backup {stanza} full`"),
            ));
        };
        let chosen = match &spec.set {
            None => None,
            Some(set) => Some(self.backups.iter().find(|backup| backup.label == *set).ok_or_else(|| {
                let labels = self.backups.iter().map(|one| one.label.as_str()).collect::<Vec<_>>().join(", ");
                let why = format!("the repository has no backup `{set}` of `{stanza}`; it has {labels}");
                refuse("plan/pitr-unknown-set", why, "name one of these, or leave `set` out".into())
            })?),
        };
        let before = |reaches: &dyn Fn(&Backup) -> bool, place: &dyn Fn(&Backup) -> String| {
            let good = match chosen {
                Some(chosen) => Some(chosen).filter(|chosen| reaches(chosen)),
                None => self.backups.iter().rev().find(|backup| reaches(backup)),
            };
            good.ok_or_else(|| {
                let first = chosen.unwrap_or(oldest);
                let why = format!(
                    "the target {} is before the end of backup {} ({}): recovery cannot stop earlier than that",
                    spec.target.words(),
                    first.label,
                    place(first)
                );
                let fix = if chosen.is_some() {
                    "name an older `set`, or leave `set` out"
                } else {
                    "name a later target: nothing older is kept"
                };
                refuse("plan/pitr-out-of-range", why, fix.into())
            })
        };
        let set = spec.set.clone();
        Ok(match &spec.target {
            Target::Latest | Target::Immediate => {
                Start { set, backup: Some(chosen.unwrap_or(newest).clone()), warning: None }
            }
            Target::Time { at_us: None, .. } => {
                let text = "The time has no zone: PostgreSQL reads it in the zone of the restored server, and whether a backup can serve it is seen only there. Write the zone, as in '2025-01-10 10:00:00+00'.";
                Start { set, backup: chosen.cloned(), warning: Some(text.into()) }
            }
            Target::Time { at_us: Some(at), .. } => {
                let backup =
                    before(&|one| one.stop_s.saturating_mul(1_000_000) < *at, &|one| moment(one.stop_s))?;
                Start { set, backup: Some(backup.clone()), warning: None }
            }
            Target::Lsn(lsn) => {
                // Without a stop LSN in the list pgBackRest decides.
                let known = |one: &Backup| one.stop_lsn.is_none_or(|stop| stop <= *lsn);
                let place = |one: &Backup| one.stop_lsn.map_or_else(String::new, written);
                let backup = before(&known, &place)?.clone();
                if let (false, Some(end)) = (runs, self.last_wal.as_deref().and_then(end_of))
                    && *lsn > end
                {
                    let why = format!(
                        "the target lsn {} is after the end of the archive, {}",
                        written(*lsn),
                        written(end)
                    );
                    return Err(refuse(
                        "plan/pitr-out-of-range",
                        why,
                        "name an earlier LSN, or `type: latest`".into(),
                    ));
                }
                Start { set, backup: Some(backup), warning: None }
            }
            Target::Xid(_) | Target::Name(_) => match chosen {
                Some(chosen) => Start { set, backup: Some(chosen.clone()), warning: None },
                // The list of backups says nothing of transactions and restore points: only the oldest is before all of them.
                None if self.backups.len() > 1 => Start {
                    set: Some(oldest.label.clone()),
                    backup: Some(oldest.clone()),
                    warning: Some(format!(
                        "Which backup ended before {} cannot be seen from the list of backups: the oldest, {} ({}), is used, since it can serve every target, and all WAL since then is replayed. If you know a later backup that ended before the target, name it as `set`: {}.",
                        spec.target.words(),
                        oldest.label,
                        moment(oldest.stop_s),
                        self.backups
                            .iter()
                            .skip(1)
                            .map(|one| format!("{} ({})", one.label, moment(one.stop_s)))
                            .collect::<Vec<_>>()
                            .join(", ")
                    )),
                },
                None => Start { set: None, backup: Some(oldest.clone()), warning: None },
            },
        })
    }
}

/// `0/4001C80`
fn written(lsn: u64) -> String {
    format!("{:X}/{:X}", lsn >> 32, lsn & 0xFFFF_FFFF)
}

/// The first LSN after a segment of 16 MiB.
fn end_of(segment: &str) -> Option<u64> {
    let part = |from: usize| u64::from_str_radix(segment.get(from..from + 8)?, 16).ok();
    Some((part(8)? << 32).saturating_add((part(16)?.checked_add(1)?) << 24))
}

/// `2025-01-10 10:00:00+00`
pub(crate) fn moment(seconds: i64) -> String {
    let (days, of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let shifted = days + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let of_era_years = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * of_era_years + of_era_years / 4 - of_era_years / 100);
    let index = (5 * of_year + 2) / 153;
    let (day, month) = (of_year - (153 * index + 2) / 5 + 1, if index < 10 { index + 3 } else { index - 9 });
    let year = of_era_years + era * 400 + i64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02}+00",
        of_day / 3600,
        of_day / 60 % 60,
        of_day % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use paddock_inventory::Map;

    const INFO: &str = r#"[{"name": "pg-meta", "db": [{"id": 1, "version": "14"}, {"id": 2, "version": "15"}],
      "archive": [{"database": {"id": 1}, "max": "000000090000000000000099"}, {"database": {"id": 2}, "min": "000000010000000000000001", "max": "000000010000000000000005"}],
      "backup": [
        {"label": "20240101-000000F", "database": {"id": 1}, "timestamp": {"start": 1, "stop": 2}},
        {"label": "20250110-090000F", "database": {"id": 2}, "error": false, "timestamp": {"start": 1736499600, "stop": 1736499610}, "lsn": {"start": "0/2000028", "stop": "0/2000100"}, "info": {"size": 30000000}},
        {"label": "20250110-110000F", "database": {"id": 2}, "error": true, "timestamp": {"start": 1736506800, "stop": 1736506810}},
        {"label": "20250110-120000F", "database": {"id": 2}, "timestamp": {"start": 1736510400, "stop": 1736510410}, "lsn": {"start": "0/4000028", "stop": "0/4000100"}}]}]"#;

    fn start(json: &str, runs: bool) -> Result<Start, Refusal> {
        let map: Map = serde_json::from_str(json).unwrap();
        let spec = Spec::parse(&map, "refused").unwrap();
        Stored::read(INFO, "pg-meta").unwrap().start("pg-meta", &spec, runs, "refused")
    }

    #[test]
    fn the_newest_database_of_a_stanza_counts() {
        let stored = Stored::read(INFO, "pg-meta").unwrap();
        assert_eq!(stored.version.as_deref(), Some("15"));
        assert_eq!(stored.last_wal.as_deref(), Some("000000010000000000000005"));
        let labels: Vec<&str> = stored.backups.iter().map(|one| one.label.as_str()).collect();
        assert_eq!(labels, ["20250110-090000F", "20250110-120000F"]);
        assert_eq!(Stored::read(INFO, "pg-test"), None);
        assert_eq!(Stored::read("[]", "pg-meta"), None);
        assert_eq!(Stored::read("not json", "pg-meta"), None);
    }

    #[test]
    fn the_backup_before_the_target_serves_it() {
        let check = |json: &str, set: Option<&str>, backup: &str, warns: bool| {
            let start = start(json, true).unwrap();
            assert_eq!(start.set.as_deref(), set, "{json}");
            assert_eq!(start.backup.map(|one| one.label).as_deref(), Some(backup), "{json}");
            assert_eq!(start.warning.is_some(), warns, "{json}: {:?}", start.warning);
        };
        check("{}", None, "20250110-120000F", false);
        check(r#"{"time": "2025-01-10 10:00:00+00"}"#, None, "20250110-090000F", false);
        check(r#"{"time": "2025-01-10 12:30:00+00"}"#, None, "20250110-120000F", false);
        check(r#"{"lsn": "0/3000000"}"#, None, "20250110-090000F", false);
        check(r#"{"lsn": "0/6000000"}"#, None, "20250110-120000F", false);
        check(r#"{"xid": "7"}"#, Some("20250110-090000F"), "20250110-090000F", true);
        check(
            r#"{"name": "a", "set": "20250110-120000F"}"#,
            Some("20250110-120000F"),
            "20250110-120000F",
            false,
        );
        check(
            r#"{"type": "immediate", "set": "20250110-090000F"}"#,
            Some("20250110-090000F"),
            "20250110-090000F",
            false,
        );
        assert!(start(r#"{"time": "2025-01-10 10:00:00"}"#, true).unwrap().warning.is_some());
    }

    #[test]
    fn what_cannot_be_reached_is_refused_before_anything_stops() {
        let check = |json: &str, runs: bool, code: &str, says: &str| {
            let refusal = start(json, runs).unwrap_err();
            assert_eq!(refusal.code, code, "{json}");
            assert!(refusal.why.contains(says), "{json}: {}", refusal.why);
        };
        check(
            r#"{"time": "2025-01-10 09:00:09+00"}"#,
            true,
            "plan/pitr-out-of-range",
            "2025-01-10 09:00:10+00",
        );
        check(
            r#"{"time": "2025-01-10 10:00:00+00", "set": "20250110-120000F"}"#,
            true,
            "plan/pitr-out-of-range",
            "backup 20250110-120000F",
        );
        check(r#"{"lsn": "0/2000000"}"#, true, "plan/pitr-out-of-range", "0/2000100");
        check(r#"{"lsn": "0/6000001"}"#, false, "plan/pitr-out-of-range", "end of the archive, 0/6000000");
        check(
            r#"{"set": "20250110-110000F"}"#,
            true,
            "plan/pitr-unknown-set",
            "20250110-090000F, 20250110-120000F",
        );
        let spec = Spec::parse(&Map::default(), "refused").unwrap();
        let none = Stored::default().start("pg-meta", &spec, true, "refused").unwrap_err();
        assert_eq!(none.code, "plan/pitr-no-backup");
    }

    #[test]
    fn moments_are_written_as_postgres_reads_them() {
        assert_eq!(moment(0), "1970-01-01 00:00:00+00");
        assert_eq!(moment(1_736_503_200), "2025-01-10 10:00:00+00");
        assert_eq!(moment(1_709_164_799), "2024-02-28 23:59:59+00");
    }
}
