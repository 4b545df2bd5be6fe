//! A lag's history as a line.

use paddock_events::LagHistory;

/// Size of the picture.
pub const WIDTH: usize = LagHistory::SLOTS;
/// Its height.
pub const HEIGHT: u64 = 16;
/// A lag that fills a tenth of the height at most: below it, a line is calm.
const CALM: u64 = 640 << 10;

/// The line as an SVG path; where nothing was known it is broken, and a lone point is a dot. Empty when nothing was known.
pub fn path(lags: &LagHistory) -> String {
    let top = lags.points().filter_map(|(_, lag)| lag).max().unwrap_or(0).max(CALM);
    let mut out = String::new();
    let mut drawn = false;
    for (x, lag) in lags.points() {
        let Some(lag) = lag else {
            drawn = false;
            continue;
        };
        // Within u128: lags are bytes of a timeline.
        let up = u128::from(lag) * u128::from(HEIGHT - 2) / u128::from(top);
        let y = HEIGHT - 1 - u64::try_from(up).unwrap_or(HEIGHT - 2);
        out += &match drawn {
            true => format!("L{x} {y}"),
            // A line of no length is drawn as a dot by a round cap.
            false => format!("M{x} {y}h0"),
        };
        drawn = true;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(looks: &[(i64, Option<u64>)]) -> String {
        let mut lags = LagHistory::default();
        for (slot, lag) in looks {
            lags.note(slot * LagHistory::SLOT_US, *lag);
        }
        path(&lags)
    }

    #[test]
    fn a_line_ends_at_the_right_and_breaks_where_nothing_was_known() {
        assert_eq!(drawn(&[]), "");
        assert_eq!(drawn(&[(1, Some(0)), (2, Some(0))]), "M58 15h0L59 15");
        assert_eq!(drawn(&[(1, Some(0)), (2, None), (3, Some(2 << 20))]), "M57 15h0M59 1h0");
    }

    #[test]
    fn little_lag_is_a_calm_line_and_the_largest_never_leaves_the_picture() {
        assert_eq!(drawn(&[(1, Some(16 << 10))]), "M59 15h0");
        assert_eq!(drawn(&[(1, Some(0)), (2, Some(u64::MAX))]), "M58 15h0L59 1");
    }
}
