//! What of a job's output is wanted, and what the console said of it.

use super::sheet::{PAGE, Sheet};
use crate::api;
use crate::api::ApiError;
use leptos::prelude::*;
use leptos::task::spawn_local;
use paddock_events::{
    Event, JobId, JobOutline, JobPage, LogFilter, LogLines, LogPlace, LogQuery, Problem, Stream,
};
use serde::{Deserialize, Serialize};

/// Lines of a page without scripts, and the first that the server renders.
pub const FIRST: u32 = 200;
/// Lines above the one that is linked to, on a page without scripts.
const ABOVE: u64 = 5;

/// The part of the address that says which lines are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    pub filter: LogFilter,
    /// The line that is linked to.
    pub line: Option<u64>,
    /// The first row, on a page without scripts.
    pub row: Option<u64>,
}

impl Address {
    /// From the address's pairs.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Self {
        let text = |key: &str| get(key).unwrap_or_default();
        Self {
            filter: LogFilter {
                find: text("find"),
                host: text("host"),
                step: text("step"),
                level: Stream::parse(&text("level")),
            },
            line: text("line").parse().ok(),
            row: text("row").parse().ok(),
        }
    }

    /// What the server renders; none: the job's last lines, which its page brings along.
    pub fn query(&self) -> Option<LogQuery> {
        if *self == Self::default() {
            return None;
        }
        let place = match (self.line, self.row) {
            (Some(seq), _) => LogPlace::Line(seq),
            (None, Some(row)) => LogPlace::Row(row),
            (None, None) => LogPlace::End,
        };
        Some(LogQuery { filter: self.filter.clone(), place, limit: FIRST, until_seq: None })
    }
}

/// What is on its way.
#[derive(Default)]
struct Asked {
    /// Grows with every change of what is wanted: an answer to an earlier one is worth nothing.
    turn: u64,
    /// What to ask for next.
    wanted: Option<LogPlace>,
    flying: bool,
    fetching: bool,
    /// Lines that came since it was asked.
    late: Vec<Event>,
}

/// A job's output on its page. Lines come from the job's events, and earlier ones from the console.
#[derive(Clone, Copy)]
pub struct Log {
    job: JobId,
    sheet: StoredValue<Sheet>,
    outline: StoredValue<JobOutline>,
    asked: StoredValue<Asked>,
    /// The rows that the server rendered.
    pub first: StoredValue<(u64, u64)>,
    /// Grows when there is something else to draw.
    pub changed: RwSignal<u32>,
    /// Grows with new lines.
    pub grown: RwSignal<u32>,
    pub filter: RwSignal<LogFilter>,
    /// The line that is linked to.
    pub line: RwSignal<Option<u64>>,
    /// A row that shall come into sight.
    pub go_to: RwSignal<Option<u64>>,
    /// What is shown is not yet what is wanted.
    pub busy: RwSignal<bool>,
    /// Shows the end, and goes on showing it.
    pub follow: RwSignal<bool>,
    pub problem: RwSignal<Option<Problem>>,
    /// It is a replay's: no more is known than has been played.
    replayed: bool,
}

impl Log {
    /// Of a page as the server rendered it; `lines` are what the address asks for.
    pub fn new(page: &JobPage, address: &Address, lines: Option<LogLines>) -> Self {
        let answer = lines.unwrap_or_else(|| {
            let total = page.earlier_lines + page.lines.len() as u64;
            LogLines {
                total,
                count: total,
                next_seq: page.view.next_seq,
                first_row: page.earlier_lines,
                lines: page.lines.clone(),
            }
        });
        let (from, to) = (answer.first_row, answer.first_row + answer.lines.len() as u64);
        let sheet = Sheet::new(answer);
        let linked = address.line.and_then(|seq| sheet.row_of(seq));
        let first = match linked {
            // Without scripts nothing scrolls to it.
            Some(row) => (from.max(row.saturating_sub(ABOVE)), to),
            None => (from.max(to.saturating_sub(FIRST.into())), to),
        };
        let log = Self::of(page.row.id, page.view.outline.clone(), sheet, false);
        log.first.set_value(first);
        log.filter.set(address.filter.clone());
        log.line.set(address.line);
        let row = address.row.or(linked);
        log.follow.set(row.is_none());
        log.go_to.set(row);
        log
    }

    /// An empty one, for a replay.
    pub fn replayed(job: JobId, outline: JobOutline) -> Self {
        Self::of(job, outline, Sheet::default(), true)
    }

    fn of(job: JobId, outline: JobOutline, sheet: Sheet, replayed: bool) -> Self {
        Self {
            job,
            sheet: StoredValue::new(sheet),
            outline: StoredValue::new(outline),
            asked: StoredValue::default(),
            first: StoredValue::new((0, 0)),
            changed: RwSignal::new(0),
            grown: RwSignal::new(0),
            filter: RwSignal::default(),
            line: RwSignal::new(None),
            go_to: RwSignal::new(None),
            busy: RwSignal::new(false),
            follow: RwSignal::new(true),
            problem: RwSignal::new(None),
            replayed,
        }
    }

    /// Whose output it is.
    pub fn job(self) -> JobId {
        self.job
    }

    /// Whether it is a replay's.
    pub fn is_replayed(self) -> bool {
        self.replayed
    }

    /// Reads the rows.
    pub fn with<T>(self, read: impl FnOnce(&Sheet) -> T) -> T {
        self.sheet.with_value(read)
    }

    /// Takes lines that have just been written.
    pub fn append(self, new: Vec<Event>) {
        if new.is_empty() {
            return;
        }
        if self.busy.get_untracked() {
            self.asked.update_value(|asked| asked.late.extend(new.iter().cloned()));
        }
        self.add(new);
        self.grown.update(|grown| *grown = grown.wrapping_add(1));
    }

    fn add(self, new: Vec<Event>) {
        self.filter.with_untracked(|filter| {
            let steps = self.outline.with_value(|outline| filter.steps(outline));
            self.sheet.update_value(|sheet| {
                sheet.append(new.into_iter(), |event| filter.takes(event, steps.as_deref()));
            });
        });
    }

    /// Wants the lines of one step on its host; none: of all steps, when it was one of them.
    pub fn narrow(self, step: Option<u32>) {
        self.filter.maybe_update(|filter| {
            let wanted = match step {
                Some(step) => step.to_string(),
                None if filter.step.parse::<u32>().is_ok() => String::new(),
                None => return false,
            };
            self.line.set(None);
            std::mem::replace(&mut filter.step, wanted.clone()) != wanted
        });
    }

    /// Forgets all lines.
    pub fn clear(self) {
        self.asked.update_value(|asked| {
            asked.turn += 1;
            asked.late.clear();
        });
        self.sheet.set_value(Sheet::default());
        self.draw();
    }

    /// Shows what is here now.
    pub fn draw(self) {
        self.changed.update(|changed| *changed = changed.wrapping_add(1));
    }

    fn query(self, place: LogPlace, limit: u64) -> LogQuery {
        LogQuery {
            filter: self.filter.get_untracked(),
            place,
            limit: u32::try_from(limit).unwrap_or(u32::MAX),
            until_seq: self.replayed.then(|| self.with(|sheet| sheet.next_seq)),
        }
    }

    /// Asks for the rows of the filter as it is now. What is asked meanwhile goes out when the answer is there: typing
    /// asks as often as the console answers.
    pub fn ask(self, place: LogPlace) {
        let flying = self.asked.try_update_value(|asked| {
            asked.turn += 1;
            asked.wanted = Some(place);
            if !asked.flying {
                asked.late.clear();
            }
            std::mem::replace(&mut asked.flying, true)
        });
        self.busy.set(true);
        if flying == Some(false) {
            spawn_local(self.fly());
        }
    }

    async fn fly(self) {
        while let Some((turn, place)) =
            self.asked.try_update_value(|asked| Some((asked.turn, asked.wanted.take()?))).flatten()
        {
            let answer = api::job_lines(self.job, self.query(place, PAGE)).await;
            let newest = self.asked.try_with_value(|asked| asked.turn == turn);
            match (newest, answer) {
                // The page was left.
                (None, _) => return,
                (Some(false), _) => {}
                (Some(true), Ok(answer)) => {
                    self.problem.set(None);
                    self.show(place, answer);
                }
                (Some(true), Err(ApiError(problem))) => self.problem.set(Some(problem)),
            }
        }
        self.asked.update_value(|asked| {
            asked.flying = false;
            asked.late.clear();
        });
        self.busy.set(false);
    }

    fn show(self, place: LogPlace, answer: LogLines) {
        let late = self.asked.try_update_value(|asked| std::mem::take(&mut asked.late)).unwrap_or_default();
        self.sheet.set_value(Sheet::new(answer));
        self.add(late);
        if let LogPlace::Line(seq) = place {
            self.follow.set(false);
            self.go_to.set(self.with(|sheet| sheet.row_of(seq)));
        }
        self.draw();
    }

    /// Fetches the rows between, as far as they are not here.
    pub fn fetch(self, from: u64, to: u64) {
        let missing = self.with(|sheet| sheet.missing(from, to));
        let Some(row) = missing else { return };
        let turn = self.asked.try_update_value(|asked| {
            let free = !asked.fetching && asked.wanted.is_none();
            asked.fetching |= free;
            free.then_some(asked.turn)
        });
        let Some(turn) = turn.flatten() else { return };
        spawn_local(async move {
            let answer = api::job_lines(self.job, self.query(LogPlace::Row(row), PAGE)).await;
            let newest = self.asked.try_update_value(|asked| {
                asked.fetching = false;
                asked.turn == turn
            });
            match (newest, answer) {
                (None, _) => return,
                (Some(true), Ok(answer)) => self.sheet.update_value(|sheet| {
                    sheet.put(answer.first_row, answer.lines);
                    sheet.keep_near(row);
                }),
                (Some(true), Err(ApiError(problem))) => return self.problem.set(Some(problem)),
                (Some(false), _) => {}
            }
            // What is in sight may be another page by now, and is asked for when it is drawn.
            self.draw();
        });
    }

    /// The last lines of the filter as text, at most so many.
    pub async fn text(self, most: u64) -> Result<(u64, String), ApiError> {
        let answer = api::job_lines(self.job, self.query(LogPlace::End, most)).await?;
        let lines: Vec<_> = answer.lines.into_iter().filter_map(super::line::LogLine::of).collect();
        Ok((lines.len() as u64, lines.iter().map(super::line::LogLine::told).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_which_lines() {
        let read = |pairs: &[(&str, &str)]| {
            Address::read(|key| {
                pairs.iter().find(|(name, _)| *name == key).map(|(_, value)| (*value).to_owned())
            })
        };
        assert_eq!(read(&[]).query(), None);
        let filter = LogFilter { find: "x".into(), level: Some(Stream::Err), ..LogFilter::default() };
        let query = read(&[("find", "x"), ("level", "err"), ("row", "200"), ("line", "")]).query().unwrap();
        assert_eq!((query.filter, query.place), (filter, LogPlace::Row(200)));
        assert_eq!(read(&[("line", "7"), ("level", "nonsense")]).query().unwrap().place, LogPlace::Line(7));
    }
}
