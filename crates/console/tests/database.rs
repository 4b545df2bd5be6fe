//! What the machine does to the console's own database: full disk, another process that holds it, a file that is gone.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic and tell")]
mod common;

use common::{TEXT, database, opened, save, saved, settings, somebody};
use paddock_console::{AuditLog, Console, PersonRole};
use paddock_events::{ProblemKind, Saved};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;

fn text(number: usize) -> String {
    // By chance, so that it does not deflate to nothing.
    let noise: String = (0..2_000).map(|_| rand::random::<char>()).filter(|c| c.is_alphanumeric()).collect();
    format!("{TEXT}# {number} {noise}\n")
}

async fn verified(state: &Path) {
    let store = database(state).await;
    store.check().await.unwrap();
    store.close().await;
    let log = AuditLog::open(state).await.unwrap();
    println!("{}", log.verify(None).await.unwrap());
    log.close().await;
}

/// A file system of its own, of 1 MB. Mounting is for root; without, the test ends here and says so.
struct Small(TempDir);

impl Small {
    fn mounted() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let mount =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]).arg(dir.path()).output();
        let mounted = mount.is_ok_and(|out| out.status.success());
        if !mounted {
            println!("not tried: a small file system cannot be mounted here");
        }
        mounted.then_some(Self(dir))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        Command::new("umount").arg("-l").arg(self.0.path()).status().unwrap();
    }
}

#[tokio::test]
async fn a_full_disk_loses_nothing_that_was_confirmed_and_writing_goes_on_when_there_is_room() {
    let Some(small) = Small::mounted() else { return };
    let console = Console::open(settings(&small.0)).await.unwrap();
    let operator = somebody(&console, PersonRole::Operator).await;
    let mut newest = saved(&console, &operator, None, TEXT).await;
    let mut texts = vec![TEXT.to_owned()];
    let ballast = small.0.path().join("ballast");
    fs::write(&ballast, vec![0; 200 << 10]).unwrap();
    let refused = loop {
        assert!(texts.len() < 10_000, "the disk fills up");
        let next = text(texts.len());
        match save(&console, &operator, Some(newest), &next).await {
            Ok(Saved::Revision { revision }) => (newest, texts) = (revision, [texts, vec![next]].concat()),
            Ok(Saved::Conflict { .. }) => panic!("nobody else saves"),
            Err(problem) => break problem,
        }
    };
    println!("after {} revisions: {refused}", texts.len());
    assert_eq!((refused.code.as_str(), refused.kind), ("console/database-full", ProblemKind::World));
    let page = console.inventory(&operator).await.unwrap();
    assert_eq!(
        (page.revision, page.text.as_str()),
        (Some(newest), texts.last().unwrap().as_str()),
        "it reads on"
    );
    fs::remove_file(&ballast).unwrap();
    newest = saved(&console, &operator, Some(newest), &text(0)).await;
    console.shut_down().await;
    let state = small.0.path().join("state");
    verified(&state).await;
    let store = database(&state).await;
    let mut at = store.revision(newest).await.unwrap().unwrap().parent();
    for text in texts.iter().rev() {
        let revision = store.revision(at.unwrap()).await.unwrap().unwrap();
        assert_eq!(revision.text, *text);
        at = revision.parent();
    }
    store.close().await;
}

#[tokio::test]
async fn while_another_process_holds_the_database_it_is_read_and_a_write_waits_its_bound_and_says_who_to_look_for()
 {
    let (dir, console) = opened().await;
    let operator = somebody(&console, PersonRole::Operator).await;
    let first = saved(&console, &operator, None, TEXT).await;
    let path = dir.path().join("state/paddock.db");
    let other = SqlitePool::connect_with(SqliteConnectOptions::new().filename(&path)).await.unwrap();
    let held = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let begun = Instant::now();
    let refused = save(&console, &operator, Some(first), &text(1)).await.unwrap_err();
    println!("after {:?}: {refused}", begun.elapsed());
    assert_eq!((refused.code.as_str(), refused.kind), ("console/database-busy", ProblemKind::World));
    assert!(begun.elapsed() < Duration::from_secs(45), "it has a bound");
    assert_eq!(console.inventory(&operator).await.unwrap().revision, Some(first));
    // Let go within the bound, the write is done.
    let (saved, ()) = tokio::join!(save(&console, &operator, Some(first), TEXT.trim_end()), async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        held.rollback().await.unwrap();
    });
    assert!(matches!(saved.unwrap(), Saved::Revision { .. }));
    other.close().await;
    console.shut_down().await;
    verified(&dir.path().join("state")).await;
}

#[tokio::test]
async fn a_database_that_is_gone_takes_no_write_and_no_console_begins_anew_in_its_place() {
    let (dir, console) = opened().await;
    let operator = somebody(&console, PersonRole::Operator).await;
    let first = saved(&console, &operator, None, TEXT).await;
    let state = dir.path().join("state");
    console.shut_down().await;
    let console = Console::open(settings(&dir)).await.unwrap();
    let kept = dir.path().join("kept.db");
    fs::rename(state.join("paddock.db"), &kept).unwrap();
    for _ in 0..8 {
        let refused = save(&console, &operator, Some(first), &text(1)).await.unwrap_err();
        // A connection that is opened only now does not find the file; one that is open sees that it is gone.
        let codes = ["console/database-gone", "console/database-unusable"];
        assert!(codes.contains(&refused.code.as_str()) && refused.kind == ProblemKind::World, "{refused}");
    }
    assert!(!state.join("paddock.db").exists(), "no empty one is made in its place");
    fs::write(state.join("paddock.db"), "").unwrap();
    let refused = save(&console, &operator, Some(first), &text(1)).await.unwrap_err();
    assert_eq!(refused.code, "console/database-gone", "another file of that name is another");
    fs::remove_file(state.join("paddock.db")).unwrap();
    console.shut_down().await;
    drop(console);

    let refused = Console::open(settings(&dir)).await.err().unwrap();
    println!("{refused}");
    assert_eq!(refused.code, "console/database-gone");
    assert!(!state.join("paddock.db").exists());
    fs::rename(&kept, state.join("paddock.db")).unwrap();
    let console = Console::open(settings(&dir)).await.unwrap();
    let operator = console.sign_in("operator", common::PASSWORD, None).await.unwrap();
    assert_eq!(console.inventory(&operator).await.unwrap().revision, Some(first));
    console.shut_down().await;
}
