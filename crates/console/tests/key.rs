//! The key of the console's database: made once, kept anywhere, never done without.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic and tell")]
mod common;

use common::{TEXT, opened, saved, settings, somebody};
use paddock_console::{Console, KeySource, People, PersonRole, Settings, back_up, restore};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use tempfile::TempDir;

/// A console with an inventory that has ended, its key, and where that is.
async fn left() -> (TempDir, String, PathBuf) {
    let (dir, console) = opened().await;
    let operator = somebody(&console, PersonRole::Operator).await;
    saved(&console, &operator, None, TEXT).await;
    console.shut_down().await;
    let path = dir.path().join("state/key");
    (dir, fs::read_to_string(&path).unwrap(), path)
}

async fn refused(settings: Settings) -> String {
    let problem = Console::open(settings).await.err().expect("it does not start");
    println!("{problem}");
    assert!(!problem.what.is_empty() && !problem.why.is_empty() && !problem.fix.is_empty(), "{problem}");
    problem.code
}

#[tokio::test]
async fn the_first_start_makes_a_key_that_only_its_owner_reads_and_the_next_takes_it() {
    let (dir, key, path) = left().await;
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let console = Console::open(settings(&dir)).await.unwrap();
    let operator = console.sign_in("operator", common::PASSWORD, None).await.unwrap();
    assert!(console.inventory(&operator).await.unwrap().text.contains("Sup3rSecret"));
    console.shut_down().await;
    assert_eq!(fs::read_to_string(&path).unwrap(), key);
}

#[tokio::test]
async fn no_console_starts_with_another_key_or_without_and_none_is_made_anew() {
    let (dir, key, path) = left().await;
    fs::write(&path, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n").unwrap();
    assert_eq!(refused(settings(&dir)).await, "console/wrong-key");
    fs::write(&path, "hello\n").unwrap();
    assert_eq!(refused(settings(&dir)).await, "console/bad-key");
    fs::remove_file(&path).unwrap();
    assert_eq!(refused(settings(&dir)).await, "console/no-key");
    assert!(!path.exists(), "a new key would open nothing");
    let text = |text: &str| Settings { key: KeySource::Text(text.into()), ..settings(&dir) };
    assert_eq!(refused(text("")).await, "console/bad-key");
    let elsewhere = dir.path().join("elsewhere");
    let file = || Settings { key: KeySource::File(elsewhere.clone()), ..settings(&dir) };
    assert_eq!(refused(file()).await, "console/no-key");
    // People are kept without it; and from wherever it is, the key opens the database.
    People::open(&dir.path().join("state")).await.unwrap().close().await;
    fs::write(&elsewhere, &key).unwrap();
    for settings in [file(), text(&key)] {
        assert!(!format!("{settings:?}").contains(key.trim()), "settings may be logged");
        Console::open(settings).await.unwrap().shut_down().await;
    }
}

#[tokio::test]
async fn a_backup_says_whether_the_key_is_in_it_and_a_restore_whether_it_fits() {
    let (dir, key, path) = left().await;
    let (state, there) = (dir.path().join("state"), TempDir::new().unwrap());
    let file = |name: &str| dir.path().join(name);
    let said = back_up(&state, &file("with.tar")).await.unwrap();
    assert!(said.contains("the key of its database is in it"), "{said}");
    let said = restore(&file("with.tar"), &there.path().join("state"), false).await.unwrap();
    assert!(said.contains("came with it"), "{said}");
    Console::open(settings(&there)).await.unwrap().shut_down().await;

    fs::write(&path, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n").unwrap();
    back_up(&state, &file("wrong.tar")).await.unwrap();
    let torn = restore(&file("wrong.tar"), &there.path().join("other"), false).await.unwrap_err();
    assert!(torn.code == "backup/torn" && torn.why.contains("it holds key"), "{torn}");

    fs::remove_file(&path).unwrap();
    let said = back_up(&state, &file("without.tar")).await.unwrap();
    assert!(said.contains("the key of its database is not in it"), "{said}");
    let there = TempDir::new().unwrap();
    let said = restore(&file("without.tar"), &there.path().join("state"), false).await.unwrap();
    assert!(said.contains("have it in place before the console starts"), "{said}");
    assert_eq!(refused(settings(&there)).await, "console/no-key");
    fs::write(there.path().join("state/key"), key).unwrap();
    Console::open(settings(&there)).await.unwrap().shut_down().await;
}
