//! The time that a repository can restore to: which backup serves a moment, and how much WAL lies between.

use paddock_events::{BackupRow, ClusterBackups};

/// Bytes of a segment; pgBackRest does not tell another size, which few clusters have.
const SEGMENT: u64 = 16 << 20;

/// From the end of the oldest good backup to the moment in which the repository was read, microseconds since the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Nothing before it can be restored.
    pub from_us: i64,
    /// WAL after it was not known of.
    pub to_us: i64,
}

impl Span {
    /// None where nothing can be restored.
    pub fn of(backups: &ClusterBackups) -> Option<Self> {
        let good = backups.backups.iter().filter(|one| !one.error);
        let from_us = good.map(|one| one.stop_us).min()?;
        (from_us < backups.at_us).then_some(Self { from_us, to_us: backups.at_us })
    }

    /// Where a moment is, in per cent of the span.
    pub fn percent(self, at_us: i64) -> f64 {
        100.0 * (at_us - self.from_us) as f64 / (self.to_us - self.from_us) as f64
    }
}

/// The backup that a restore to a moment begins from: the last good one that had ended by then.
pub fn serving(backups: &[BackupRow], at_us: i64) -> Option<&BackupRow> {
    backups.iter().filter(|one| !one.error && one.stop_us <= at_us).max_by_key(|one| one.stop_us)
}

/// The number of a WAL segment of 16 MB, whatever its timeline.
fn segment(name: &str) -> Option<u64> {
    let hex = |range| u64::from_str_radix(name.get(range)?, 16).ok();
    Some(hex(8..16)? * 256 + hex(16..24)?)
}

/// About how many bytes of WAL are replayed from a backup to a moment: backups and the archive's end say how far the WAL
/// was when, and in between it is taken to have grown evenly.
pub fn replayed(backups: &ClusterBackups, from: &BackupRow, at_us: i64) -> Option<u64> {
    let mut known: Vec<(i64, u64)> = Vec::new();
    for one in &backups.backups {
        known.extend(segment(&one.wal.0).map(|number| (one.start_us, number)));
        known.extend(segment(&one.wal.1).map(|number| (one.stop_us, number)));
    }
    let last = backups.archive.iter().filter_map(|(_, _, last)| segment(last)).max();
    known.extend(last.map(|number| (backups.at_us, number)));
    known.sort_unstable();
    let after = known.iter().position(|(moment, _)| *moment >= at_us)?;
    let (end_us, end) = known[after];
    let (begin_us, begin) = after.checked_sub(1).map_or((end_us, end), |before| known[before]);
    let share = if end_us == begin_us { 1.0 } else { (at_us - begin_us) as f64 / (end_us - begin_us) as f64 };
    let there = begin as f64 + share * end.saturating_sub(begin) as f64;
    let first = segment(&from.wal.0)? as f64;
    Some(((there - first + 1.0).max(1.0) * SEGMENT as f64) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backup(label: &str, start: i64, stop: i64, wal: (&str, &str), error: bool) -> BackupRow {
        BackupRow {
            label: label.into(),
            kind: "full".into(),
            start_us: start,
            stop_us: stop,
            size_bytes: 0,
            stored_bytes: 0,
            wal: (wal.0.into(), wal.1.into()),
            error,
        }
    }

    fn all() -> ClusterBackups {
        ClusterBackups {
            seen_from: None,
            at_us: 1_000,
            stanza: Ok("ok".into()),
            backups: vec![
                backup("c", 500, 600, ("000000020000000000000030", "000000020000000000000030"), true),
                backup("b", 300, 400, ("00000001000000000000000A", "00000001000000000000000A"), false),
                backup("a", 100, 200, ("000000010000000000000002", "000000010000000000000003"), false),
            ],
            archive: vec![(
                "15-1".into(),
                "000000010000000000000001".into(),
                "000000020000000100000030".into(),
            )],
            repository: String::new(),
            retention: String::new(),
            schedule: Vec::new(),
        }
    }

    #[test]
    fn a_moment_is_served_by_the_last_good_backup_before_it() {
        let all = all();
        assert_eq!(Span::of(&all), Some(Span { from_us: 200, to_us: 1_000 }));
        assert_eq!(Span::of(&all).unwrap().percent(600), 50.0);
        let label = |at| serving(&all.backups, at).map(|one| one.label.as_str());
        assert_eq!([199, 200, 399, 400, 900].map(label), [None, Some("a"), Some("a"), Some("b"), Some("b")]);
        assert_eq!(Span::of(&ClusterBackups { backups: Vec::new(), ..all }), None);
    }

    #[test]
    fn the_wal_in_between_is_estimated() {
        let all = all();
        let segments =
            |at| replayed(&all, serving(&all.backups, at).unwrap(), at).map(|bytes| bytes / SEGMENT);
        // Half way from segment 3 to 10: six and a half, from 2 on.
        assert_eq!(segments(250), Some(5));
        assert_eq!(segments(400), Some(1));
        // The archive ends with 0x130.
        assert_eq!(segments(1_000), Some(0x130 - 0x0a + 1));
        assert_eq!(segments(1_001), None, "nothing is known of what comes");
    }
}
