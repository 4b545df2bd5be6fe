//! Times and durations. The first render shows UTC; what depends on "now" comes later, from the browser's clock.

use paddock_tongue::{say, t};

/// Year, month, day of a day count since 1970-01-01 (Howard Hinnant's `civil_from_days`).
fn civil(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let (day, month) = (doy - (153 * mp + 2) / 5 + 1, if mp < 10 { mp + 3 } else { mp - 9 });
    (yoe + era * 400 + i64::from(month <= 2), month, day)
}

/// `2026-11-24`, in UTC.
pub fn date(at_us: i64) -> String {
    let (year, month, day) = civil(at_us.div_euclid(86_400_000_000));
    format!("{year:04}-{month:02}-{day:02}")
}

/// `2026-11-24 11:02:03 UTC`.
pub fn utc(at_us: i64) -> String {
    format!("{} {} UTC", date(at_us), clock(at_us))
}

/// `2026-11-24 13:02:03 +02:00`: by a clock that many minutes east of UTC, which is what it says where there are none.
pub fn zoned(at_us: i64, east_min: i32) -> String {
    if east_min == 0 {
        return utc(at_us);
    }
    let there = shifted(at_us, east_min);
    let (sign, minutes) = (if east_min < 0 { '-' } else { '+' }, east_min.unsigned_abs());
    format!("{} {} {sign}{:02}:{:02}", date(there), clock(there), minutes / 60, minutes % 60)
}

/// What UTC must be for its clocks to show what those show that many minutes east of it.
pub fn shifted(at_us: i64, east_min: i32) -> i64 {
    at_us + i64::from(east_min) * 60_000_000
}

/// `2026-11-24T11:02:03Z`, for `<time datetime>`.
pub fn iso(at_us: i64) -> String {
    utc(at_us).replacen(' ', "T", 1).replace(" UTC", "Z")
}

/// `11:02:03`: the time of day in UTC.
pub fn clock(at_us: i64) -> String {
    let second = at_us.div_euclid(1_000_000).rem_euclid(86_400);
    format!("{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60)
}

/// `just now`, `12 s ago`, `5 min ago`, `3 h ago`, `2 days ago`.
pub fn ago(at_us: i64, now_us: i64) -> String {
    let seconds = (now_us - at_us).max(0) / 1_000_000;
    match seconds {
        0..2 => t!("just now").to_owned(),
        2..60 => say!("{seconds} s ago"),
        60..3_600 => say!("{minutes} min ago", minutes = seconds / 60),
        3_600..86_400 => say!("{hours} h ago", hours = seconds / 3_600),
        86_400..172_800 => t!("1 day ago").to_owned(),
        _ => say!("{days} days ago", days = seconds / 86_400),
    }
}

/// `in 3 h 58 min`, `in 12 min`, `in less than a minute`, `now`.
pub fn ahead(at_us: i64, now_us: i64) -> String {
    let minutes = between_ms(now_us, at_us) / 60_000;
    match minutes {
        _ if at_us <= now_us => t!("now").to_owned(),
        0 => t!("in less than a minute").to_owned(),
        1..60 => say!("in {minutes} min"),
        60..2_880 => say!("in {hours} h {minutes:02} min", hours = minutes / 60, minutes = minutes % 60),
        _ => say!("in {days} days", days = minutes / 1_440),
    }
}

/// `87 ms`, `2.4 s`, `48 s`, `3 min 05 s`, `1 h 02 min`.
pub fn duration(ms: u64) -> String {
    let seconds = ms / 1_000;
    match ms {
        0..1_000 => say!("{ms} ms"),
        1_000..10_000 => say!("{seconds}.{tenths} s", tenths = ms % 1_000 / 100),
        10_000..60_000 => say!("{seconds} s"),
        60_000..3_600_000 => {
            say!("{minutes} min {seconds:02} s", minutes = seconds / 60, seconds = seconds % 60)
        }
        _ => say!("{hours} h {minutes:02} min", hours = seconds / 3_600, minutes = seconds / 60 % 60),
    }
}

/// Milliseconds from one time to another, never negative.
pub fn between_ms(from_us: i64, to_us: i64) -> u64 {
    u64::try_from((to_us - from_us) / 1_000).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utc_is_the_calendar_s() {
        let cases = [
            (0, "1970-01-01 00:00:00 UTC"),
            (-1, "1969-12-31 23:59:59 UTC"),
            (951_782_400_000_000, "2000-02-29 00:00:00 UTC"),
            (1_795_518_123_000_000, "2026-11-24 11:02:03 UTC"),
        ];
        for (given, expect) in cases {
            assert_eq!(utc(given), expect);
        }
        assert_eq!(iso(0), "1970-01-01T00:00:00Z");
    }

    #[test]
    fn another_zone_has_its_own_day_and_says_which_it_is() {
        let late = 1_795_563_000_000_000;
        assert_eq!(utc(late), "2026-11-24 23:30:00 UTC");
        assert_eq!(zoned(late, 0), "2026-11-24 23:30:00 UTC");
        assert_eq!(zoned(late, 345), "2026-11-25 05:15:00 +05:45");
        assert_eq!(zoned(late, -210), "2026-11-24 20:00:00 -03:30");
    }

    #[test]
    fn durations_read_well() {
        let cases = [
            (87, "87 ms"),
            (2_450, "2.4 s"),
            (48_900, "48 s"),
            (185_000, "3 min 05 s"),
            (3_720_000, "1 h 02 min"),
        ];
        for (given, expect) in cases {
            assert_eq!(duration(given), expect);
        }
    }

    #[test]
    fn what_is_to_come_reads_well() {
        let cases = [
            (0, "now"),
            (59_999_999, "in less than a minute"),
            (720_000_000, "in 12 min"),
            (14_340_000_000, "in 3 h 59 min"),
            (172_799_000_000, "in 47 h 59 min"),
            (7_776_000_000_000, "in 90 days"),
        ];
        for (given, expect) in cases {
            assert_eq!(ahead(given, 0), expect);
        }
    }

    #[test]
    fn a_clock_that_runs_ahead_gives_no_negative_age() {
        assert_eq!(ago(5_000_000, 0), "just now");
        assert_eq!(ago(0, 59_999_999), "59 s ago");
        assert_eq!(ago(0, 86_400_000_000), "1 day ago");
        assert_eq!(between_ms(5_000_000, 0), 0);
    }
}
