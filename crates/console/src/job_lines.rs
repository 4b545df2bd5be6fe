//! Looking through a job's output: what is stored is unpacked once and kept for a while, so that it is searched in memory.

use crate::problems::{from_store, internal, no_job, problem};
use crate::{Actor, Console};
use paddock_events::{
    Event, JobId, JobOutline, LogFilter, LogLines, LogPlace, LogQuery, Problem, ProblemKind,
};
use paddock_lines::{Lines, Wanted};
use paddock_store::PackedEvents;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::OwnedMutexGuard;
use tokio::task::spawn_blocking;

/// Bytes of lines that are kept, of all jobs together. A million lines of a hundred letters take 140 MB.
const ROOM: usize = 512 << 20;
/// How long lines are kept that nobody looks at.
const KEPT: Duration = Duration::from_secs(600);
/// Batches of one read.
const READ: u32 = 256;
/// Filters of a job whose rows are kept: who scrolls asks for the same again.
const FILTERS: usize = 8;
/// Lines of one answer at most.
const ANSWER: u32 = 10_000;

/// The lines of jobs that were looked through lately.
#[derive(Default)]
pub(crate) struct Shelf(Mutex<Vec<Kept>>);

struct Kept {
    job: JobId,
    book: Arc<tokio::sync::Mutex<Book>>,
    /// As of its last use.
    bytes: usize,
    used: Instant,
}

struct Book {
    outline: JobOutline,
    lines: Lines,
    found: Vec<Found>,
}

/// The rows of a filter.
struct Found {
    filter: LogFilter,
    steps: Option<Vec<u32>>,
    rows: Vec<u32>,
    /// How many lines were looked at.
    seen: usize,
}

impl Shelf {
    fn with<T>(&self, work: impl FnOnce(&mut Vec<Kept>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn get(&self, job: JobId) -> Option<Arc<tokio::sync::Mutex<Book>>> {
        self.with(|all| {
            let kept = all.iter_mut().find(|kept| kept.job == job)?;
            kept.used = Instant::now();
            Some(kept.book.clone())
        })
    }

    /// The one that is there, when two began.
    fn put(&self, job: JobId, outline: JobOutline) -> Arc<tokio::sync::Mutex<Book>> {
        self.with(|all| {
            if let Some(kept) = all.iter().find(|kept| kept.job == job) {
                return kept.book.clone();
            }
            let book = Book { outline, lines: Lines::default(), found: Vec::new() };
            let book = Arc::new(tokio::sync::Mutex::new(book));
            all.push(Kept { job, book: book.clone(), bytes: 0, used: Instant::now() });
            book
        })
    }

    /// Notes how much a job's lines take, and forgets those of others, longest unused first, until all have room.
    fn grown(&self, job: JobId, bytes: usize) {
        self.with(|all| {
            all.sort_by_key(|kept| (kept.job == job, kept.used));
            if let Some(kept) = all.iter_mut().find(|kept| kept.job == job) {
                kept.bytes = bytes;
            }
            while all.len() > 1 && all.iter().map(|kept| kept.bytes).sum::<usize>() > ROOM {
                all.remove(0);
            }
        });
    }

    fn forget(&self, job: JobId) {
        self.with(|all| all.retain(|kept| kept.job != job));
    }

    /// Forgets what nobody has looked at lately.
    pub(crate) fn tidy(&self) {
        self.with(|all| all.retain(|kept| kept.used.elapsed() < KEPT));
    }
}

impl Console {
    /// Lines of a job's output as a filter wants them, and how many there are.
    pub async fn job_lines(&self, actor: &Actor, id: JobId, query: LogQuery) -> Result<LogLines, Problem> {
        self.gate_job(actor, id).await?;
        let mut book = self.book(id).await?;
        on_a_thread(move || book.answer(&query)).await
    }

    /// Unpacks a job's lines before somebody looks through them. What fails is said to who does.
    pub(crate) fn unpack_ahead(&self, id: JobId) {
        let console = self.clone();
        self.inner.tasks.spawn(async move {
            tokio::select! {
                book = console.book(id) => if let Err(problem) = book {
                    tracing::debug!(job.id = %id, "the lines of job {id} were not unpacked ahead: {problem}");
                },
                () = console.inner.closing.cancelled() => {}
            }
        });
    }

    /// A job's lines with all that is stored.
    async fn book(&self, id: JobId) -> Result<OwnedMutexGuard<Book>, Problem> {
        let shelf = &self.inner.shelf;
        let book = match shelf.get(id) {
            Some(book) => book,
            None => {
                let outline = self.inner.store.outline(id).await.map_err(from_store)?;
                shelf.put(id, outline.ok_or_else(|| no_job(id))?)
            }
        };
        let mut book = book.lock_owned().await;
        loop {
            let from = book.lines.next_seq();
            let batches = self.inner.store.packed_events(id, from, READ).await.map_err(from_store)?;
            let all = batches.len() < READ as usize;
            if !batches.is_empty() {
                let taken = on_a_thread(move || {
                    let taken = book.take(&batches);
                    taken.map(|()| book)
                });
                book = taken.await??;
                shelf.grown(id, book.lines.bytes());
            }
            if book.lines.bytes() > ROOM {
                shelf.forget(id);
                return Err(too_large(id, book.lines.len()));
            }
            if all {
                return Ok(book);
            }
        }
    }
}

/// Runs what takes the processor for a while.
async fn on_a_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    spawn_blocking(work)
        .await
        .map_err(|error| internal("the job's lines could not be looked through", &error))
}

fn too_large(id: JobId, lines: usize) -> Problem {
    problem(
        "job/log-too-large",
        ProblemKind::World,
        format!("the output of job {id} cannot be searched here"),
        format!("it has more than {lines} lines, and they take more than {} MiB of memory", ROOM >> 20),
        "download the log and search in the file",
    )
}

impl Book {
    fn take(&mut self, batches: &[PackedEvents]) -> Result<(), Problem> {
        let mut stored = String::new();
        for batch in batches {
            batch.unpack(&mut stored).map_err(from_store)?;
            self.lines.take(&stored).map_err(|error| internal("the job's output cannot be read", &error))?;
        }
        Ok(())
    }

    fn answer(&mut self, query: &LogQuery) -> LogLines {
        if !query.filter.is_all() {
            self.look(&query.filter);
        }
        let total = query.until_seq.map_or(self.lines.len(), |until| self.lines.before(until));
        let next_seq = self.lines.next_seq().min(query.until_seq.unwrap_or(u64::MAX));
        let rows = self.found.first().map(|found| &found.rows[..]).filter(|_| !query.filter.is_all());
        let number = |row: usize| rows.map_or(row, |rows| rows[row] as usize);
        let count = rows.map_or(total, |rows| rows.partition_point(|number| (*number as usize) < total));
        let limit = query.limit.min(ANSWER) as usize;
        let last = count.saturating_sub(limit);
        let first = match query.place {
            LogPlace::End => last,
            LogPlace::Row(row) => usize::try_from(row).map_or(count, |row| row.min(count)),
            LogPlace::Line(seq) => {
                let before = self.lines.before(seq);
                let row =
                    rows.map_or(before, |rows| rows.partition_point(|number| (*number as usize) < before));
                row.saturating_sub(limit / 2).min(last)
            }
        };
        let shown = first..count.min(first.saturating_add(limit));
        let lines: Vec<Event> = shown.filter_map(|row| self.lines.event(number(row))).collect();
        LogLines { total: total as u64, count: count as u64, next_seq, first_row: first as u64, lines }
    }

    /// Finds the lines that a filter takes; they come first among what was found.
    fn look(&mut self, filter: &LogFilter) {
        let mut found = match self.found.iter().position(|found| found.filter == *filter) {
            Some(at) => self.found.remove(at),
            None => Found {
                filter: filter.clone(),
                steps: filter.steps(&self.outline),
                rows: Vec::new(),
                seen: 0,
            },
        };
        let wanted = Wanted {
            find: &filter.find,
            host: (!filter.host.is_empty()).then_some(&filter.host),
            steps: found.steps.as_deref(),
            stream: filter.level,
        };
        self.lines.find(&wanted, found.seen, &mut found.rows);
        found.seen = self.lines.len();
        self.found.truncate(FILTERS - 1);
        self.found.insert(0, found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use paddock_events::{EventKind, Stream};

    fn book(lines: &[(&str, &str)]) -> Book {
        let stored = lines.iter().zip(1..).map(|((host, text), seq)| {
            let kind = EventKind::Line {
                step: None,
                host: (*host).to_owned(),
                stream: Stream::Out,
                text: (*text).to_owned(),
            };
            serde_json::to_string(&Event { seq: 2 * seq, at_us: 0, kind }).unwrap() + "\n"
        });
        let mut all = Lines::default();
        all.take(&stored.collect::<String>()).unwrap();
        Book { outline: JobOutline::default(), lines: all, found: Vec::new() }
    }

    fn told(answer: &LogLines) -> String {
        let seqs: Vec<String> = answer.lines.iter().map(|line| line.seq.to_string()).collect();
        format!("{} of {}, from {}: {}", answer.count, answer.total, answer.first_row, seqs.join(" "))
    }

    #[test]
    fn rows_are_counted_among_the_wanted_lines() {
        let mut book = book(&[("a", "one"), ("b", "two"), ("a", "three"), ("a", "Two"), ("b", "four")]);
        let mut check = |find: &str, host: &str, place, limit, until_seq, expected: &str| {
            let filter = LogFilter { find: find.into(), host: host.into(), ..LogFilter::default() };
            assert_eq!(told(&book.answer(&LogQuery { filter, place, limit, until_seq })), expected);
        };
        check("", "", LogPlace::End, 2, None, "5 of 5, from 3: 8 10");
        check("", "", LogPlace::Row(1), 2, None, "5 of 5, from 1: 4 6");
        check("", "", LogPlace::Row(9), 2, None, "5 of 5, from 5: ");
        check("", "", LogPlace::Line(6), 2, None, "5 of 5, from 1: 4 6");
        check("two", "", LogPlace::End, 9, None, "2 of 5, from 0: 4 8");
        check("two", "a", LogPlace::End, 9, None, "1 of 5, from 0: 8");
        check("two", "", LogPlace::Line(8), 1, None, "2 of 5, from 1: 8");
        check("two", "", LogPlace::End, 9, Some(8), "1 of 3, from 0: 4");
        check("", "nowhere", LogPlace::End, 9, None, "0 of 5, from 0: ");
        check("", "", LogPlace::End, 9, Some(5), "2 of 2, from 0: 2 4");
    }

    #[test]
    fn rows_of_a_filter_grow_with_the_log() {
        let mut book = book(&[("a", "one"), ("b", "two")]);
        let query = LogQuery {
            filter: LogFilter { find: "o".into(), ..LogFilter::default() },
            limit: 9,
            ..LogQuery::default()
        };
        assert_eq!(told(&book.answer(&query)), "2 of 2, from 0: 2 4");
        let kind = EventKind::Line { step: None, host: "c".into(), stream: Stream::Err, text: "more".into() };
        let event = Event { seq: 6, at_us: 0, kind };
        book.lines.take(&serde_json::to_string(&event).unwrap()).unwrap();
        assert_eq!(told(&book.answer(&query)), "3 of 3, from 0: 2 4 6");
    }

    #[test]
    fn who_was_not_looked_at_the_longest_makes_room() {
        let shelf = Shelf::default();
        for job in 1..=3 {
            shelf.put(JobId(job), JobOutline::default());
            shelf.grown(JobId(job), ROOM / 2);
        }
        assert!(shelf.get(JobId(1)).is_none());
        assert!(shelf.get(JobId(2)).is_some() && shelf.get(JobId(3)).is_some());
        shelf.grown(JobId(3), ROOM);
        assert!(shelf.get(JobId(2)).is_none() && shelf.get(JobId(3)).is_some());
    }
}
