//! The rows that a filter takes: how many there are, and those of them that are here.

use super::line::LogLine;
use paddock_events::{Event, LogLines};
use std::collections::BTreeMap;

/// Rows that are fetched together.
pub const PAGE: u64 = 500;
/// Pages that are kept: bounded memory, however long the log is.
const MOST: usize = 48;

/// Consecutive rows of one page.
#[derive(Clone, Debug, Default)]
struct Page {
    first: u64,
    lines: Vec<LogLine>,
}

impl Page {
    fn end(&self) -> u64 {
        self.first + self.lines.len() as u64
    }
}

/// The rows of a log, of which only some are here.
#[derive(Clone, Debug, Default)]
pub struct Sheet {
    pages: BTreeMap<u64, Page>,
    /// Rows in all.
    pub count: u64,
    /// Lines in all.
    pub total: u64,
    /// The first event that was not counted.
    pub next_seq: u64,
}

impl Sheet {
    /// From what the console answered.
    pub fn new(answer: LogLines) -> Self {
        let mut sheet =
            Self { count: answer.count, total: answer.total, next_seq: answer.next_seq, ..Self::default() };
        sheet.put(answer.first_row, answer.lines);
        sheet
    }

    /// Puts rows in that were fetched.
    pub fn put(&mut self, first_row: u64, lines: Vec<Event>) {
        let mut new: BTreeMap<u64, Page> = BTreeMap::new();
        for (line, row) in lines.into_iter().filter_map(LogLine::of).zip(first_row..) {
            let page = new.entry(row / PAGE).or_insert_with(|| Page { first: row, lines: Vec::new() });
            page.lines.push(line);
        }
        for (at, mut page) in new {
            // What has grown here meanwhile stays; fetched rows reach to the page's end or to the log's.
            if let Some(old) = self.pages.remove(&at)
                && old.first <= page.end()
            {
                let known = usize::try_from(page.end() - old.first).unwrap_or(usize::MAX);
                page.lines.extend(old.lines.into_iter().skip(known));
            }
            self.pages.insert(at, page);
        }
    }

    fn push(&mut self, line: LogLine) {
        let row = self.count;
        let page = self.pages.entry(row / PAGE).or_insert_with(|| Page { first: row, lines: Vec::new() });
        if row != page.end() {
            *page = Page { first: row, lines: Vec::new() };
        }
        page.lines.push(line);
        self.count += 1;
    }

    /// Takes events that come after all that were counted; `takes` is the filter. Others change nothing.
    pub fn append(&mut self, events: impl Iterator<Item = Event>, takes: impl Fn(&Event) -> bool) {
        for event in events {
            if event.seq < self.next_seq {
                continue;
            }
            self.next_seq = event.seq + 1;
            self.total += 1;
            if takes(&event)
                && let Some(line) = LogLine::of(event)
            {
                self.push(line);
            }
        }
        if self.pages.len() > MOST + 16 {
            self.keep_near(self.count);
        }
    }

    /// The row, when it is here.
    pub fn get(&self, row: u64) -> Option<&LogLine> {
        let page = self.pages.get(&(row / PAGE))?;
        page.lines.get(usize::try_from(row.checked_sub(page.first)?).ok()?)
    }

    /// The first row of a page of which one between is not here.
    pub fn missing(&self, from: u64, to: u64) -> Option<u64> {
        (from..to.min(self.count)).find(|row| self.get(*row).is_none()).map(|row| row / PAGE * PAGE)
    }

    /// Forgets the pages farthest from a row, and never the last ones, which grow.
    pub fn keep_near(&mut self, row: u64) {
        let (near, last) = (row / PAGE, self.count / PAGE);
        while self.pages.len() > MOST {
            let farthest = |page: &u64| page.abs_diff(near).min(page.abs_diff(last));
            let Some(page) = self.pages.keys().copied().max_by_key(farthest) else { return };
            self.pages.remove(&page);
        }
    }

    /// Where an event stands, when it is here.
    pub fn row_of(&self, seq: u64) -> Option<u64> {
        self.pages.values().find_map(|page| {
            let at = page.lines.binary_search_by_key(&seq, |line| line.seq).ok()?;
            Some(page.first + at as u64)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use paddock_events::{EventKind, Stream};

    fn events(seqs: std::ops::Range<u64>) -> Vec<Event> {
        let kind = |seq: u64| EventKind::Line {
            step: None,
            host: (if seq.is_multiple_of(2) { "even" } else { "odd" }).into(),
            stream: Stream::Out,
            text: seq.to_string(),
        };
        seqs.map(|seq| Event { seq, at_us: 0, kind: kind(seq) }).collect()
    }

    fn shown(sheet: &Sheet, from: u64, to: u64) -> Vec<Option<u64>> {
        (from..to).map(|row| sheet.get(row).map(|line| line.seq)).collect()
    }

    #[test]
    fn live_lines_go_on_after_the_answer_and_none_counts_twice() {
        let lines = events(900..1_000);
        let mut sheet =
            Sheet::new(LogLines { total: 1_000, count: 1_000, next_seq: 1_000, first_row: 900, lines });
        sheet.append(events(990..1_003).into_iter(), |_| true);
        assert_eq!((sheet.count, sheet.total, sheet.next_seq), (1_003, 1_003, 1_003));
        assert_eq!(shown(&sheet, 999, 1_004), [Some(999), Some(1_000), Some(1_001), Some(1_002), None]);
        assert_eq!((sheet.row_of(1_002), sheet.row_of(7)), (Some(1_002), None));
        // Rows that were on their way while others came.
        sheet.put(950, events(950..1_001));
        assert_eq!(shown(&sheet, 999, 1_004), [Some(999), Some(1_000), Some(1_001), Some(1_002), None]);
        // Earlier rows come when they are wanted.
        assert_eq!(sheet.missing(880, 960), Some(500));
        sheet.put(500, events(500..1_000));
        assert_eq!(sheet.missing(500, 2_000), None);
        assert_eq!(shown(&sheet, 899, 901), [Some(899), Some(900)]);
    }

    #[test]
    fn a_filter_counts_what_it_takes() {
        let mut sheet = Sheet::default();
        let odd = |event: &Event| matches!(&event.kind, EventKind::Line { host, .. } if host == "odd");
        sheet.append(events(0..10).into_iter(), odd);
        assert_eq!((sheet.count, sheet.total), (5, 10));
        assert_eq!(shown(&sheet, 0, 2), [Some(1), Some(3)]);
    }

    #[test]
    fn memory_is_bounded_and_what_is_in_sight_stays() {
        let mut sheet = Sheet::default();
        sheet.append(events(0..200_000).into_iter(), |_| true);
        assert!(sheet.pages.len() <= MOST + 16, "{}", sheet.pages.len());
        assert_eq!(sheet.get(199_999).unwrap().seq, 199_999);
        assert_eq!(sheet.missing(10, 20), Some(0));
        for page in 0..60 {
            sheet.put(page * PAGE, events(page * PAGE..(page + 1) * PAGE));
            sheet.keep_near(page * PAGE);
        }
        assert!(sheet.pages.len() <= MOST);
        assert!(sheet.get(59 * PAGE).is_some() && sheet.get(199_999).is_some());
    }
}
