//! Which rows are in sight: from a position of the scrollbar to rows, and back, in whole pixels.
//!
//! Browsers end an element somewhere (Firefox after 17.8 million pixels), so that a log which is taller is scrolled faster
//! than its lines.

/// Height of a row; the style sheet has the same number.
pub const ROW: u64 = 24;
/// The tallest that the lines get.
const TALLEST: u64 = 8_000_000;

/// What is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drawn {
    /// The first row that is in the document.
    pub from: u64,
    /// One beyond the last.
    pub to: u64,
    /// Where the first one stands.
    pub top: u64,
}

/// How tall the whole is.
pub fn tall(count: u64) -> u64 {
    (count * ROW).min(TALLEST)
}

/// How far the scrollbar goes, and how far the rows do.
fn ways(count: u64, view: u64) -> (u64, u64) {
    (tall(count).saturating_sub(view).max(1), (count * ROW).saturating_sub(view))
}

/// What to draw at a position of the scrollbar; `more` rows on either side, so that quick scrolling meets no gap.
pub fn drawn(count: u64, top: u64, view: u64, more: u64) -> Drawn {
    let (bar, rows) = ways(count, view);
    let top = top.min(tall(count).saturating_sub(view));
    // At most 8 million times 24 times the lines of a job: far below 2^64.
    let into = if tall(count) < count * ROW { top * rows / bar } else { top };
    let first = into / ROW;
    let inside = into % ROW;
    let above = more.min(first).min(top.saturating_sub(inside) / ROW);
    let begin = top.saturating_sub(inside + above * ROW);
    let from = first - above;
    // Beyond the end there is no room: what was rounded there moves the last rows up by a part of one.
    let room = (tall(count) - begin).div_ceil(ROW);
    let to = (first + view.div_ceil(ROW) + 1 + more).min(count).min(from + room);
    Drawn { from, to, top: begin.min(tall(count).saturating_sub((to - from) * ROW)) }
}

/// The position at which a row is in the middle.
pub fn position(row: u64, count: u64, view: u64) -> u64 {
    let (bar, rows) = ways(count, view);
    let into = (row * ROW).saturating_sub(view.saturating_sub(ROW) / 2).min(rows);
    if tall(count) < count * ROW { into * bar / rows.max(1) } else { into }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_log_is_scrolled_as_it_is() {
        assert_eq!(drawn(0, 0, 600, 10), Drawn { from: 0, to: 0, top: 0 });
        assert_eq!(drawn(5, 0, 600, 10), Drawn { from: 0, to: 5, top: 0 });
        assert_eq!(drawn(1_000, 2_400, 600, 10), Drawn { from: 90, to: 136, top: 2_160 });
        assert_eq!(drawn(1_000, 2_411, 600, 0), Drawn { from: 100, to: 126, top: 2_400 });
        assert_eq!(tall(1_000), 24_000);
    }

    #[test]
    fn of_a_tall_log_every_row_comes_into_sight_and_none_stands_outside() {
        for count in [333_334, 1_000_000, 10_000_000] {
            let view = 603;
            let end = tall(count) - view;
            for top in
                (0..end).step_by(799_999).chain([1, 23, 24, 100, 5_000, end - 100, end - 1, end, end + 50])
            {
                let drawn = drawn(count, top, view, 25);
                let top = top.min(end);
                assert!(drawn.top <= top, "{count} {top}: {drawn:?}");
                let bottom = drawn.top + (drawn.to - drawn.from) * ROW;
                assert!(bottom >= top + view, "{count} {top}: {drawn:?} leaves a gap");
                assert!(bottom <= tall(count), "{count} {top}: {drawn:?} is too tall");
            }
            assert_eq!(drawn(count, 0, view, 25).from, 0);
            assert_eq!(drawn(count, end, view, 25).to, count, "the last line is reached");
            for row in [0, 1, 77, count / 3, count / 2, count - 2, count - 1] {
                let drawn = drawn(count, position(row, count, view), view, 0);
                assert!((drawn.from..drawn.to).contains(&row), "{row} of {count}: {drawn:?}");
            }
        }
    }
}
