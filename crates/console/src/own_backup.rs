//! The console itself, backed up into one file and put back.
//!
//! The file is a tar, mode 0600: `manifest.json` first, which names every file with its size and SHA-256, then the
//! database as it was at one moment, then what the state directory holds beside it. The database is sealed; its key is
//! in the file only when it is in the state directory, and both ends say which it is.

use crate::audit::{NoteOutcome as _, Way, note_by};
use crate::audit_log::AuditLog;
use crate::clock::{now_us, utc};
use crate::desk::open_store;
use crate::keeping::{private_dir, private_options};
use crate::key::{self, KEY_FILE};
use crate::problems::{from_store, internal, problem};
use crate::recovery::one_runs;
use paddock_events::{Problem, ProblemKind};
use paddock_store::Store;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write as _};
use std::path::{Component, Path, PathBuf};

const DATABASE: &str = "paddock.db";
const MANIFEST: &str = "manifest.json";
const HEAD: &str = "audit/head";
/// Stands in the state directory while it is exchanged: no console starts on half of one.
const RESTORING: &str = "restoring";
const FORMAT: u32 = 1;
/// A manifest is some kilobytes; more is none of ours.
const LARGEST_MANIFEST: u64 = 64 << 20;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    format: u32,
    /// The version that wrote it.
    paddock: String,
    at: String,
    audit_rows: i64,
    files: BTreeMap<String, Sum>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sum {
    bytes: u64,
    sha256: String,
}

fn io_failed(what: String) -> impl FnOnce(io::Error) -> Problem {
    move |error| {
        problem(
            "backup/io",
            ProblemKind::World,
            what,
            error.to_string(),
            "look at the path, its owner and the free space of its disk",
        )
    }
}

fn torn(file: &Path, why: impl Into<String>) -> Problem {
    problem(
        "backup/torn",
        ProblemKind::Request,
        format!("{} is not a whole backup of a console; nothing was changed", file.display()),
        why,
        "take another backup file, or copy this one again from where it is kept",
    )
}

/// Refuses a state directory in which a restore was cut short.
pub(crate) fn refuse_half_restored(state_dir: &Path) -> Result<(), Problem> {
    let mark = state_dir.join(RESTORING);
    if !mark.exists() {
        return Ok(());
    }
    Err(problem(
        "console/half-restored",
        ProblemKind::World,
        format!("the console in {} is half restored", state_dir.display()),
        "`paddock restore` runs, or was cut short",
        "run `paddock restore` again; what was there before is kept beside it, in `before-restore-*`",
    ))
}

/// Backs the console in `state_dir` up into `file`, also while it runs; gives what was done, in a sentence.
pub async fn back_up(state_dir: &Path, file: &Path) -> Result<String, Problem> {
    refuse_half_restored(state_dir)?;
    refuse_existing(file)?;
    let store = open_store(state_dir).await?;
    let done = write_backup(&store, state_dir, file).await;
    store.close().await;
    done
}

fn refuse_existing(file: &Path) -> Result<(), Problem> {
    if fs::symlink_metadata(file).is_err() {
        return Ok(());
    }
    Err(problem(
        "backup/exists",
        ProblemKind::Conflict,
        "no backup was made",
        format!("{} exists already, and a backup is never written over another", file.display()),
        "give the file another name, or move the old one away",
    ))
}

async fn write_backup(store: &Store, state_dir: &Path, file: &Path) -> Result<String, Problem> {
    // Before the database: the head that is signed a moment later would not fit the copy.
    let head = fs::read(state_dir.join(HEAD)).ok();
    let note = note_by(Way::CommandLine, "console/backup", String::new()).with(file.display().to_string());
    store.append_audit(&note).await.map_err(from_store)?;
    let folder = match file.parent() {
        Some(folder) if folder != Path::new("") => folder.to_path_buf(),
        Some(_) | None => PathBuf::from("."),
    };
    let aside = tempfile::Builder::new().prefix(".paddock-backup-").tempdir_in(&folder);
    let aside = aside.map_err(io_failed(format!("no backup can be written in {}", folder.display())))?;
    let copy = aside.path().join(DATABASE);
    store.copy_to(&copy).await.map_err(|error| no_copy(&folder, &error))?;
    let copied = Store::open(&copy).await.map_err(from_store)?;
    let rows = copied.audit_end().await.map_err(from_store);
    copied.close().await;
    let rows = rows?.rows;
    let (state_dir, file) = (state_dir.to_path_buf(), file.to_path_buf());
    let task = tokio::task::spawn_blocking(move || pack(&state_dir, aside, head, rows, &file));
    task.await.map_err(|error| internal("the backup could not be written", &error))?
}

fn no_copy(folder: &Path, error: &paddock_store::StoreError) -> Problem {
    let mut why = error.to_string();
    if let Some(source) = std::error::Error::source(error) {
        why += &format!(": {source}");
    }
    problem(
        "backup/io",
        ProblemKind::World,
        "no backup was made",
        why,
        format!("look at the free space of {}'s disk, and at the console's own", folder.display()),
    )
}

fn pack(
    state_dir: &Path,
    aside: tempfile::TempDir,
    head: Option<Vec<u8>>,
    audit_rows: i64,
    file: &Path,
) -> Result<String, Problem> {
    let mut sources: BTreeMap<String, PathBuf> = BTreeMap::new();
    collect(state_dir, state_dir, &mut sources)?;
    sources.insert(DATABASE.into(), aside.path().join(DATABASE));
    match head {
        Some(head) => {
            let path = aside.path().join("head");
            fs::write(&path, head).map_err(io_failed("no backup was made".into()))?;
            sources.insert(HEAD.into(), path);
        }
        None => {
            sources.remove(HEAD);
        }
    }
    let mut manifest = Manifest {
        format: FORMAT,
        paddock: env!("CARGO_PKG_VERSION").into(),
        at: utc(now_us()),
        audit_rows,
        files: BTreeMap::new(),
    };
    for (name, path) in &sources {
        let sum = File::open(path).and_then(sum);
        manifest
            .files
            .insert(name.clone(), sum.map_err(io_failed(format!("{} cannot be read", path.display())))?);
    }
    let whole = aside.path().join("backup.tar");
    let bytes = write_tar(&manifest, &sources, &whole)
        .map_err(io_failed(format!("the backup {} cannot be written", file.display())))?;
    // A link, not a rename: it never replaces a file that has come meanwhile.
    match fs::hard_link(&whole, file) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => refuse_existing(file)?,
        Err(_) => {
            refuse_existing(file)?;
            fs::rename(&whole, file)
                .map_err(io_failed(format!("the backup {} cannot be written", file.display())))?;
        }
    }
    let files = manifest.files.len();
    let key = if manifest.files.contains_key(KEY_FILE) {
        "the key of its database is in it: whoever has the file can read every password"
    } else {
        "the key of its database is not in it: without that key it is worth nothing, keep a copy of it elsewhere"
    };
    Ok(format!("{}: {files} files, {bytes} bytes, the audit log to row {audit_rows}; {key}", file.display()))
}

/// Files of the state directory, but the database, what belongs to running processes, and what was kept aside.
fn collect(root: &Path, dir: &Path, out: &mut BTreeMap<String, PathBuf>) -> Result<(), Problem> {
    let failed = |path: &Path| io_failed(format!("{} cannot be read", path.display()));
    for entry in fs::read_dir(dir).map_err(failed(dir))? {
        let entry = entry.map_err(failed(dir))?;
        let path = entry.path();
        let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
        let passing = name.starts_with(DATABASE)
            || name == "runners"
            || name.starts_with("before-restore-")
            || name.starts_with(".restore-")
            || name.ends_with(".new");
        if passing {
            continue;
        }
        let kind = entry.file_type().map_err(failed(&path))?;
        // A link to a file is what people make of a key that is kept elsewhere: its content is taken.
        if kind.is_dir() {
            collect(root, &path, out)?;
        } else if path.is_file() {
            out.insert(name, path);
        } else {
            return Err(problem(
                "backup/odd-file",
                ProblemKind::World,
                "no backup was made",
                format!("{} is neither a file nor a directory", path.display()),
                "move it out of the state directory",
            ));
        }
    }
    Ok(())
}

fn sum(mut from: impl Read) -> io::Result<Sum> {
    let (mut hash, mut bytes, mut part) = (Sha256::new(), 0, vec![0; 64 << 10]);
    loop {
        let read = from.read(&mut part)?;
        if read == 0 {
            let sha256 = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
            return Ok(Sum { bytes, sha256 });
        }
        hash.update(&part[..read]);
        bytes += read as u64;
    }
}

fn write_tar(manifest: &Manifest, sources: &BTreeMap<String, PathBuf>, path: &Path) -> io::Result<u64> {
    let mut tar = tar::Builder::new(BufWriter::new(private_options().create_new(true).open(path)?));
    let header = |bytes: u64| {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes);
        header.set_mode(0o600);
        header.set_mtime(u64::try_from(now_us() / 1_000_000).unwrap_or_default());
        header
    };
    let text = serde_json::to_string_pretty(manifest).map_err(io::Error::other)? + "\n";
    tar.append_data(&mut header(text.len() as u64), MANIFEST, text.as_bytes())?;
    for (name, source) in sources {
        let bytes = manifest.files.get(name).map_or(0, |sum| sum.bytes);
        // A file that changed since it was summed up makes a backup that restore refuses; it is told here.
        let file = File::open(source)?;
        if file.metadata()?.len() != bytes {
            return Err(io::Error::other(format!("{name} was changed meanwhile")));
        }
        tar.append_data(&mut header(bytes), name, file.take(bytes))?;
    }
    let file = tar.into_inner()?.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_all()?;
    file.metadata().map(|made| made.len())
}

/// Puts a backup in the place of the console in `state_dir`, which must not run. `force` allows that there is one: it
/// is kept aside. Nothing is touched before the backup is found whole, its database and audit log included. Gives what was done, in sentences.
pub async fn restore(file: &Path, state_dir: &Path, force: bool) -> Result<String, Problem> {
    if one_runs(state_dir) {
        return Err(problem(
            "restore/console-runs",
            ProblemKind::Conflict,
            "nothing was restored",
            format!("a console runs in {}", state_dir.display()),
            "stop it first: `systemctl stop paddock`",
        ));
    }
    // After a restore that was cut short, what stood here is kept aside already.
    let half = state_dir.join(RESTORING).exists();
    if state_dir.join(DATABASE).exists() && !force && !half {
        return Err(problem(
            "restore/exists",
            ProblemKind::Conflict,
            "nothing was restored",
            format!("there is a console in {} already", state_dir.display()),
            "give another --state-dir, or --force, which keeps the present one aside",
        ));
    }
    private_dir(state_dir)?;
    let aside = tempfile::Builder::new().prefix(".restore-").tempdir_in(state_dir);
    let aside = aside.map_err(io_failed(format!("nothing can be written in {}", state_dir.display())))?;
    let (from, to) = (file.to_path_buf(), aside.path().to_path_buf());
    let unpacking = tokio::task::spawn_blocking(move || unpack(&from, &to)).await;
    let manifest = unpacking.map_err(|error| internal("the backup could not be read", &error))??;
    let checked = check(aside.path(), file, &manifest).await?;
    let kept = exchange(aside.path(), state_dir, &manifest)
        .map_err(io_failed(format!("the console in {} is half restored", state_dir.display())))?;
    let mut said = format!("restored the console of {}: {checked}", manifest.at);
    if let Some(kept) = kept {
        said += &format!("\nwhat was there before is in {}", kept.display());
    }
    Ok(said)
}

fn unpack(file: &Path, to: &Path) -> Result<Manifest, Problem> {
    let open =
        File::open(file).map_err(io_failed(format!("the backup {} cannot be read", file.display())))?;
    let mut tar = tar::Archive::new(BufReader::new(open));
    let no_tar = |error: io::Error| torn(file, format!("it cannot be read as one: {error}"));
    let mut entries = tar.entries().map_err(no_tar)?;
    let mut first = match entries.next() {
        Some(entry) => entry.map_err(no_tar)?,
        None => return Err(torn(file, "it is empty")),
    };
    if first.path().map_err(no_tar)? != Path::new(MANIFEST) || first.size() > LARGEST_MANIFEST {
        return Err(torn(file, format!("it does not begin with {MANIFEST}")));
    }
    let mut text = String::new();
    first.read_to_string(&mut text).map_err(no_tar)?;
    let manifest: Manifest =
        serde_json::from_str(&text).map_err(|error| torn(file, format!("its {MANIFEST}: {error}")))?;
    if manifest.format != FORMAT {
        return Err(torn(file, format!("it is of format {}, and this is {FORMAT}", manifest.format)));
    }
    let mut due = manifest.files.clone();
    for entry in entries {
        let mut entry = entry.map_err(no_tar)?;
        let path = entry.path().map_err(no_tar)?.into_owned();
        let name = path.to_string_lossy().into_owned();
        let Some(expected) = due.remove(&name) else {
            return Err(torn(file, format!("`{name}` is not in its manifest")));
        };
        if path.is_absolute() || !path.components().all(|part| matches!(part, Component::Normal(_))) {
            return Err(torn(file, format!("`{name}` would lead out of the state directory")));
        }
        let target = to.join(&path);
        if let Some(folder) = target.parent() {
            private_dir(folder)?;
        }
        let failed = || io_failed(format!("{} cannot be written", target.display()));
        let mut out = private_options().create_new(true).open(&target).map_err(failed())?;
        io::copy(&mut entry, &mut out).map_err(no_tar)?;
        out.flush().and_then(|()| out.sync_all()).map_err(failed())?;
        let got = File::open(&target).and_then(sum).map_err(failed())?;
        if got != expected {
            return Err(torn(
                file,
                format!("`{name}` has {} bytes that are not those of its manifest", got.bytes),
            ));
        }
    }
    match due.keys().next() {
        None if manifest.files.contains_key(DATABASE) => Ok(manifest),
        None => Err(torn(file, format!("it has no {DATABASE}"))),
        Some(name) => Err(torn(file, format!("it ends before `{name}`"))),
    }
}

/// The unpacked database is whole and its audit log is one chain; what must not come back with it goes.
async fn check(dir: &Path, file: &Path, manifest: &Manifest) -> Result<String, Problem> {
    let store = open_store(dir).await?;
    let log = AuditLog::new(store.clone(), dir);
    let checked = async {
        store.check().await.map_err(|error| torn(file, error.to_string()))?;
        let found = log.verify(None).await?;
        let end = store.audit_end().await.map_err(from_store)?;
        if end.rows != manifest.audit_rows {
            let why =
                format!("its audit log has {} rows, and its manifest says {}", end.rows, manifest.audit_rows);
            return Err(torn(file, why));
        }
        let key = about_key(&store, dir, file).await?;
        // A session that was ended after the backup must not be worth anything again.
        let ended = store.end_all_sessions().await.map_err(from_store)?;
        let outcome = format!("the backup of {}; {ended} sessions ended", manifest.at);
        let note = note_by(Way::CommandLine, "console/restore", String::new()).with(outcome);
        store.append_audit(&note).await.map_err(from_store)?;
        Ok(format!("{found}{key}"))
    };
    let checked = checked.await;
    store.close().await;
    checked
}

/// The key that came with the database must be its own; without one it is said which one it needs.
async fn about_key(store: &Store, dir: &Path, file: &Path) -> Result<String, Problem> {
    let Some(sealed_with) = store.sealed_with().await.map_err(from_store)? else {
        return Ok(String::new());
    };
    match key::read(&dir.join(KEY_FILE))? {
        Some(key) if key.name() != sealed_with => Err(torn(
            file,
            format!("its database is sealed with key {sealed_with}, and it holds key {}", key.name()),
        )),
        Some(_) => Ok(format!("; its key {sealed_with} came with it")),
        None => {
            Ok(format!("; its key {sealed_with} is not in it: have it in place before the console starts"))
        }
    }
}

/// Moves what is there aside and the unpacked files into its place, the database last. Gives where the old ones are.
fn exchange(from: &Path, state_dir: &Path, manifest: &Manifest) -> io::Result<Option<PathBuf>> {
    let mark = state_dir.join(RESTORING);
    File::create(&mark)?.sync_all()?;
    let tops: Vec<String> = {
        let mut tops: Vec<String> =
            manifest.files.keys().filter_map(|name| name.split('/').next()).map(str::to_owned).collect();
        tops.dedup();
        tops.sort_by_key(|name| name == DATABASE);
        tops
    };
    let mut kept = None;
    for name in
        ["paddock.db", "paddock.db-wal", "paddock.db-shm"].into_iter().chain(tops.iter().map(String::as_str))
    {
        let old = state_dir.join(name);
        if fs::symlink_metadata(&old).is_err() {
            continue;
        }
        let folder = match &kept {
            Some(folder) => folder,
            None => kept.insert(make_kept(state_dir)?),
        };
        fs::rename(&old, folder.join(name))?;
    }
    for name in &tops {
        fs::rename(from.join(name), state_dir.join(name))?;
    }
    File::open(state_dir)?.sync_all()?;
    fs::remove_file(&mark)?;
    Ok(kept)
}

/// `before-restore-1`, or the next number that is free.
fn make_kept(state_dir: &Path) -> io::Result<PathBuf> {
    let mut number = 1;
    loop {
        let folder = state_dir.join(format!("before-restore-{number}"));
        let mut make = fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut make, 0o700);
        match make.create(&folder) {
            Ok(()) => return Ok(folder),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
            Err(error) => return Err(error),
        }
    }
}
