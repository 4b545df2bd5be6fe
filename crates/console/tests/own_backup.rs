//! The console itself, backed up and put back: nothing that was saved is missing, and nothing broken is put in place.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic and tell")]
mod common;

use common::{TEXT, database, opened, saved, settings, somebody};
use paddock_console::{Actor, AuditLog, Console, People, PersonRole, back_up, restore};
use paddock_events::{EventKind, JobId, JobOutcome, PlanId, Stream};
use paddock_store::{NewJob, NewPlan, Store, Taken};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Everything under a directory but what belongs to running processes, with its mode.
fn files(dir: &Path) -> Vec<(PathBuf, u32)> {
    use std::os::unix::fs::PermissionsExt as _;
    let mut out = Vec::new();
    let mut left = vec![dir.to_path_buf()];
    while let Some(next) = left.pop() {
        for entry in fs::read_dir(next).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if entry.file_type().unwrap().is_dir() {
                left.push(path);
            } else {
                let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
                out.push((path.strip_prefix(dir).unwrap().to_path_buf(), mode));
            }
        }
    }
    out.sort();
    out
}

/// A console with people, a token, two revisions, and a job with events that has not ended.
async fn house() -> (TempDir, Console, Actor, (JobId, u64), String) {
    let (dir, console) = opened().await;
    let admin = somebody(&console, PersonRole::Admin).await;
    let operator = somebody(&console, PersonRole::Operator).await;
    let first = saved(&console, &operator, None, TEXT).await;
    let second = saved(&console, &operator, Some(first), &TEXT.replace("# ours", "# theirs")).await;
    let people = People::open(&dir.path().join("state")).await.unwrap();
    let (_, token) = people.add_token("operator", "nightly", None, None).await.unwrap();
    people.close().await;
    let store = database(&dir.path().join("state")).await;
    let plan = NewPlan {
        revision: second,
        digest: "d1".into(),
        plan: "{}".into(),
        clusters: None,
        facts: "{}".into(),
        author: "operator".into(),
        created_us: 1,
    };
    let plan: PlanId = store.add_plan(&plan).await.unwrap();
    let job = NewJob {
        plan,
        outline: paddock_events::JobOutline { title: "Create".into(), ..Default::default() },
        author: "operator".into(),
        runner: "another console".into(),
        locks: ["cluster/pg-test".to_owned()].into(),
        approval: None,
        now_us: 1,
        lease_until_us: i64::MAX,
    };
    let Taken::Yes(job) = store.start_job(&job).await.unwrap() else { panic!("the lock is free") };
    store.close().await;
    (dir, console, admin, job, token)
}

/// Ends as its process does: what it holds is let go.
async fn end(console: Console, dir: &TempDir) {
    console.shut_down().await;
    drop(console);
    // What it had begun in other threads holds it for a moment longer.
    let runners = dir.path().join("state/runners");
    for _ in 0..100 {
        if fs::read_dir(&runners).unwrap().next().is_none() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the console did not let go: {:?}", fs::read_dir(&runners).unwrap().collect::<Vec<_>>());
}

fn line(seq: u64) -> paddock_events::Event {
    let text = format!("line {seq}");
    let kind = EventKind::Line { step: None, host: String::new(), stream: Stream::Out, text };
    paddock_events::Event { seq, at_us: 1, kind }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_backed_up_while_a_job_wrote_events_comes_back_whole() {
    let (dir, console, admin, (job, fence), token) = house().await;
    let state = dir.path().join("state");
    let file = dir.path().join("paddock.tar");
    let writer = {
        let path = state.join("paddock.db");
        tokio::spawn(async move {
            let store = Store::open(&path).await.unwrap();
            for first in (0..4_000).step_by(20) {
                let events: Vec<_> = (first..first + 20).map(line).collect();
                store.append_events(job, fence, &events, 0).await.unwrap();
            }
            store.close().await;
        })
    };
    while console.job_events(&admin, job, 0, 10_000).await.unwrap().len() < 100 {
        tokio::task::yield_now().await;
    }
    let said = back_up(&state, &file).await.unwrap();
    println!("{said}");
    assert!(!writer.is_finished(), "the job wrote all the while");
    writer.await.unwrap();
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&file).unwrap().permissions()) & 0o777;
    assert_eq!(mode, 0o600);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "nothing is left beside the file");
    assert_eq!(back_up(&state, &file).await.unwrap_err().code, "backup/exists");
    let before = files(&state);
    end(console, &dir).await;

    let there = TempDir::new().unwrap();
    let state = there.path().join("state");
    println!("{}", restore(&file, &state, false).await.unwrap());
    let kept: Vec<_> = files(&state).into_iter().filter(|(path, _)| !path.starts_with("runners")).collect();
    let due: Vec<_> = before
        .into_iter()
        .filter(|(path, _)| {
            !path.starts_with("runners") && !path.to_string_lossy().starts_with("paddock.db-")
        })
        .collect();
    assert_eq!(kept, due, "the same files with the same modes");
    for name in ["ssh/id_ed25519", "ssh/id_ed25519.pub"] {
        assert_eq!(
            fs::read(state.join(name)).unwrap(),
            fs::read(dir.path().join("state").join(name)).unwrap()
        );
    }
    let console = Console::open(settings(&there)).await.unwrap();
    let admin = console.sign_in("admin", common::PASSWORD, None).await.unwrap();
    assert!(console.inventory(&admin).await.unwrap().text.contains("# theirs"));
    assert!(console.actor_by_token(&token, None).await.is_ok(), "tokens hold");
    let events = console.job_events(&admin, job, 0, 10_000).await.unwrap();
    assert!(events.len() >= 100 && events.len() < 4_000 + 1, "{}", events.len());
    assert!(events.iter().map(|event| event.seq).eq(0..events.len() as u64), "no gap");
    // Its lease lives on, since nobody here knows that runner; expired, the job becomes interrupted.
    assert_eq!(console.job(&admin, job).await.unwrap().row.outcome, None::<JobOutcome>);
    let log = AuditLog::open(&state).await.unwrap();
    println!("{}", log.verify(None).await.unwrap());
    log.close().await;
    end(console, &there).await;
}

#[tokio::test]
async fn a_session_of_before_is_worth_nothing_after_a_restore() {
    let (dir, console, admin, ..) = house().await;
    let state = dir.path().join("state");
    console.session_save("abc", Some(admin.id()), b"data", i64::MAX).await.unwrap();
    assert!(console.session_holds("abc", admin.id()).await);
    let file = dir.path().join("paddock.tar");
    back_up(&state, &file).await.unwrap();
    end(console, &dir).await;
    restore(&file, &state, true).await.unwrap();
    let console = Console::open(settings(&dir)).await.unwrap();
    assert!(!console.session_holds("abc", admin.id()).await);
    end(console, &dir).await;
}

#[tokio::test]
async fn neither_a_running_console_nor_an_existing_one_is_written_over() {
    let (dir, console, ..) = house().await;
    let state = dir.path().join("state");
    let file = dir.path().join("paddock.tar");
    back_up(&state, &file).await.unwrap();
    for force in [false, true] {
        let refused = restore(&file, &state, force).await.unwrap_err();
        assert_eq!(refused.code, "restore/console-runs", "{refused}");
    }
    end(console, &dir).await;
    assert_eq!(restore(&file, &state, false).await.unwrap_err().code, "restore/exists");
    let old = fs::read(state.join("paddock.db")).unwrap();
    let said = restore(&file, &state, true).await.unwrap();
    assert!(said.contains("before-restore-1"), "{said}");
    assert_eq!(fs::read(state.join("before-restore-1/paddock.db")).unwrap(), old);
    // What was kept aside is not backed up again, and the next one is kept beside it.
    let again = dir.path().join("again.tar");
    back_up(&state, &again).await.unwrap();
    let mut tar = tar::Archive::new(fs::File::open(&again).unwrap());
    let names: Vec<_> =
        tar.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().into_owned()).collect();
    assert!(names.iter().all(|name| !name.starts_with("before-restore-1")), "{names:?}");
    assert!(restore(&again, &state, true).await.unwrap().contains("before-restore-2"));

    // A restore that was cut short is seen by everybody, and done again.
    fs::write(state.join("restoring"), "").unwrap();
    assert_eq!(Console::open(settings(&dir)).await.err().unwrap().code, "console/half-restored");
    assert_eq!(People::open(&state).await.err().unwrap().code, "console/half-restored");
    restore(&again, &state, false).await.unwrap();
    end(Console::open(settings(&dir)).await.unwrap(), &dir).await;
}

#[tokio::test]
async fn a_backup_that_is_not_whole_is_refused_and_nothing_is_touched() {
    let (dir, console, ..) = house().await;
    let state = dir.path().join("state");
    let file = dir.path().join("paddock.tar");
    back_up(&state, &file).await.unwrap();
    end(console, &dir).await;
    let whole = fs::read(&file).unwrap();
    let before = files(&state);
    let torn = dir.path().join("torn.tar");
    let mut broken: Vec<(String, Vec<u8>)> = [0, 100, 511, 512, 3_000, whole.len() / 2, whole.len() - 2_000]
        .into_iter()
        .map(|cut| (format!("cut at {cut}"), whole[..cut].to_vec()))
        .collect();
    let mut flipped = whole.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    broken.push(("one bit".into(), flipped));
    broken.push(("no tar".into(), b"hello\n".repeat(1_000)));
    for (how, bytes) in broken {
        fs::write(&torn, &bytes).unwrap();
        let refused = restore(&torn, &state, true).await.unwrap_err();
        assert_eq!(refused.code, "backup/torn", "{how}: {refused}");
        println!("{how}: {}: {}", refused.what, refused.why);
        assert!(refused.what.contains("torn.tar") && !refused.why.is_empty(), "{refused}");
        assert_eq!(files(&state), before, "{how}");
    }
    let missing = restore(&dir.path().join("none.tar"), &state, true).await.unwrap_err();
    assert_eq!(missing.code, "backup/io", "{missing}");
    // Whole, and with an audit log that does not fit its signed head.
    fs::write(state.join("audit/head"), "{}").unwrap();
    let odd = dir.path().join("odd.tar");
    back_up(&state, &odd).await.unwrap();
    assert_eq!(restore(&odd, &state, true).await.unwrap_err().code, "audit/bad-head");
    restore(&file, &state, true).await.unwrap();
}

#[tokio::test]
async fn there_is_nothing_to_back_up_where_no_console_was() {
    let dir = TempDir::new().unwrap();
    let refused = back_up(dir.path(), &dir.path().join("x.tar")).await.unwrap_err();
    assert_eq!(refused.code, "console/no-state", "{refused}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}
