//! Opening the database, and what can go wrong with it.

use crate::audit::NewAudit;
use crate::seal::SealKey;
use futures::{Stream, TryStreamExt as _};
use paddock_events::{JobId, PlanId};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection as _, Sqlite, SqlitePool, Transaction};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("../../migrations/sqlite");

/// The database of one console. Clones share its connections.
#[derive(Clone, Debug)]
pub struct Store {
    /// Many readers: WAL lets them read while somebody writes.
    read: SqlitePool,
    /// One writer: SQLite has one anyway, and waiting in a queue is fairer than in its busy handler.
    write: SqlitePool,
    /// The file, and which one it was when it was opened.
    file: Arc<(PathBuf, FileId)>,
    /// What the next audited change appends to the audit log ([`Store::noting`]).
    pub(crate) note: Option<Arc<NewAudit>>,
    /// Reads and writes what is sealed; none: this store cannot ([`Store::unlocked`]).
    pub(crate) seal: Option<Arc<SealKey>>,
}

/// Why the store did not answer.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database file could not be opened, or is of a later version.
    #[error("cannot open the database {path}")]
    Open {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        source: sqlx::Error,
    },
    /// The tables could not be brought to this version.
    #[error("cannot migrate the database {path}")]
    Migrate {
        /// The file.
        path: PathBuf,
        /// Which migration and why.
        #[source]
        source: sqlx::migrate::MigrateError,
    },
    /// A question failed.
    #[error("the database failed to {what}")]
    Query {
        /// Which question.
        what: &'static str,
        /// What SQLite said.
        #[source]
        source: sqlx::Error,
    },
    /// The file was removed or replaced while it was open: what is written would be lost with the process.
    #[error("the database {path} is gone")]
    Gone {
        /// The file.
        path: PathBuf,
    },
    /// A stored value cannot be read; the file was changed by something else or is damaged.
    #[error("the stored {what} cannot be read: {why}")]
    Damaged {
        /// Which value.
        what: String,
        /// Why.
        why: String,
    },
    /// The database is sealed with another key.
    #[error("the database is sealed with key {sealed_with}, and key {given} was given")]
    WrongKey {
        /// Name of the key that it is sealed with.
        sealed_with: String,
        /// Name of the key that was given.
        given: String,
    },
    /// Something sealed was asked of a store that was opened without its key.
    #[error("the database was opened without its key")]
    Locked,
    /// The name is taken.
    #[error("`{0}` exists already")]
    Exists(String),
    /// Another runner has taken the job since; this one must stop.
    #[error("job {job} is not run by this runner any more")]
    Fenced {
        /// Which job.
        job: JobId,
    },
    /// The approval that a job was to be started with is not there any more, or its grounds have changed.
    #[error("plan {plan} cannot be started with its approval any more")]
    NotApproved {
        /// Which plan.
        plan: PlanId,
    },
    /// Events were handed in that do not follow the stored ones.
    #[error("events of job {job} do not follow each other: {got} came while {expected} was due")]
    Gap {
        /// Which job.
        job: JobId,
        /// The sequence number that was due.
        expected: u64,
        /// The one that came.
        got: u64,
    },
}

/// Names the question when it fails.
pub(crate) trait Asking<T> {
    /// Adds what was asked to the error.
    fn asking(self, what: &'static str) -> Result<T, StoreError>;
}

impl<T> Asking<T> for Result<T, sqlx::Error> {
    fn asking(self, what: &'static str) -> Result<T, StoreError> {
        self.map_err(|source| StoreError::Query { what, source })
    }
}

/// Why the machine keeps the database from answering; nobody's mistake, and it may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hindrance {
    /// Another process holds its write lock.
    Busy,
    /// There is no room on its disk.
    Full,
    /// Its file, or the folder of its file, cannot be read or written.
    Unusable,
}

impl StoreError {
    /// What is in the way, when it is the machine.
    pub fn hindrance(&self) -> Option<Hindrance> {
        let (Self::Query { source: sqlx::Error::Database(error), .. }
        | Self::Open { source: sqlx::Error::Database(error), .. }) = self
        else {
            return None;
        };
        // The low byte is the code, the others tell more of it (sqlite.org/rescode.html).
        match error.code()?.parse::<u32>().ok()? & 0xff {
            5 | 6 => Some(Hindrance::Busy),
            13 => Some(Hindrance::Full),
            8 | 10 | 14 => Some(Hindrance::Unusable),
            _ => None,
        }
    }
}

impl Store {
    /// Opens the file, makes it when missing (mode 0600 on Unix), and brings its tables to this version. What is sealed
    /// is read after [`Store::unlocked`].
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        make_private(path).map_err(|error| StoreError::Open { path: path.into(), source: error.into() })?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            // Made above, and never again: a connection that is opened later must not begin a new database.
            .create_if_missing(false)
            .journal_mode(SqliteJournalMode::Wal)
            // With WAL, NORMAL keeps the database whole through any crash; only a power cut may lose the
            // last commits. A lost tail of a job's log is then redone by resume, which checks every step.
            .synchronous(SqliteSynchronous::Normal)
            .foreign_keys(true)
            // The command line may write (`paddock user add`) while a console runs.
            .busy_timeout(Duration::from_secs(10));
        let open = |source| StoreError::Open { path: path.into(), source };
        let pool = |connections| {
            SqlitePoolOptions::new()
                .max_connections(connections)
                .acquire_timeout(Duration::from_secs(20))
                // A ping is for connections that a network may have cut: here it would be a second way to the connection's
                // thread and back for every question.
                .test_before_acquire(false)
                // On a full disk SQLite rolls back by itself; the rollback that follows then fails, and sqlx takes the
                // transaction for open for ever: such a connection would never begin another.
                .before_acquire(|connection, _| Box::pin(async { Ok(!connection.is_in_transaction()) }))
        };
        let write = pool(1).connect_with(options.clone()).await.map_err(open)?;
        let migrated = MIGRATIONS.run(&write).await;
        migrated.map_err(|source| StoreError::Migrate { path: path.into(), source })?;
        let read = pool(4).connect_with(options).await.map_err(open)?;
        let id =
            file_id(path).map_err(|error| StoreError::Open { path: path.into(), source: error.into() })?;
        Ok(Self { read, write, file: Arc::new((path.into(), id)), note: None, seal: None })
    }

    /// Waits for what runs, then closes the file. Later questions fail.
    pub async fn close(&self) {
        self.read.close().await;
        self.write.close().await;
    }

    pub(crate) fn reader(&self) -> &SqlitePool {
        &self.read
    }

    pub(crate) fn writer(&self) -> &SqlitePool {
        &self.write
    }

    /// A transaction that holds the write lock from its start, so that it never fails half-way for want of it.
    pub(crate) async fn begin(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        let (path, id) = self.file.as_ref();
        if file_id(path).ok() != Some(*id) {
            return Err(StoreError::Gone { path: path.clone() });
        }
        self.write.begin_with("BEGIN IMMEDIATE").await.asking("begin a transaction")
    }
}

/// Makes an empty file that only its owner reads; SQLite gives its side files the same mode.
fn make_private(path: &Path) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

/// The first `limit` rows that are taken, read one by one; what comes behind them is not read.
pub(crate) async fn picked<R, T: TryFrom<R, Error = StoreError>>(
    mut rows: impl Stream<Item = Result<R, sqlx::Error>> + Unpin,
    taken: impl Fn(&T) -> bool,
    limit: u32,
    what: &'static str,
) -> Result<Vec<T>, StoreError> {
    let mut out = Vec::new();
    while out.len() < limit as usize
        && let Some(row) = rows.try_next().await.asking(what)?
    {
        let one = T::try_from(row)?;
        if taken(&one) {
            out.push(one);
        }
    }
    Ok(out)
}

/// Device and number of a file: another file of the same name has others.
type FileId = (u64, u64);

#[cfg(unix)]
fn file_id(path: &Path) -> std::io::Result<FileId> {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata(path).map(|file| (file.dev(), file.ino()))
}

/// Elsewhere only that it is there is known.
#[cfg(not(unix))]
fn file_id(path: &Path) -> std::io::Result<FileId> {
    std::fs::metadata(path).map(|_| (0, 0))
}

/// A stored number that must be one of ours.
pub(crate) fn to_u64(number: i64, what: &str) -> Result<u64, StoreError> {
    u64::try_from(number)
        .map_err(|_| StoreError::Damaged { what: what.to_owned(), why: format!("{number} is negative") })
}

/// A sequence number, size or count as SQLite keeps it; beyond 2^63 is out of reach.
pub(crate) fn to_i64(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
