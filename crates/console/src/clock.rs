//! The console's clock.

use std::time::{SystemTime, UNIX_EPOCH};
use time::OffsetDateTime;
use time::macros::format_description;

/// Microseconds since the Unix epoch.
pub(crate) fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// Seconds since the Unix epoch.
pub(crate) fn now_s() -> i64 {
    now_us() / 1_000_000
}

/// `2026-11-24 10:15:02 UTC`
pub(crate) fn utc(at_us: i64) -> String {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second] UTC");
    let at = OffsetDateTime::from_unix_timestamp(at_us / 1_000_000).ok();
    at.and_then(|at| at.format(&format).ok()).unwrap_or_else(|| format!("{at_us} µs"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn times_are_said_in_utc() {
        assert_eq!(super::utc(1_764_000_000_500_000), "2025-11-24 16:00:00 UTC");
    }
}
