//! What is written down, by whom it is read, and that the log as a whole shows what was done to it.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic and tell")]
mod common;

use common::{PASSWORD, opened, saved, settings, somebody};
use paddock_console::{Actor, AuditLog, Console, People, PersonRole};
use paddock_events::{AuditFilter, AuditRow, JobId, PlanId};
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use tempfile::TempDir;

const HERE: Option<IpAddr> = Some(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 7)));

async fn rows(console: &Console, reader: &Actor) -> Vec<AuditRow> {
    let mut rows = console.audit(reader, AuditFilter::default()).await.unwrap().rows;
    rows.reverse();
    rows
}

/// `name origin act subject decision outcome` of the rows after the first `skip`.
async fn told(console: &Console, reader: &Actor, skip: usize) -> Vec<String> {
    let line = |row: &AuditRow| {
        let decision = if row.refused { "refused" } else { "allowed" };
        let subject = &row.subject;
        format!("{} | {} | {} | {subject} | {decision} | {}", row.name, row.origin, row.act, row.outcome)
    };
    rows(console, reader).await[skip..].iter().map(line).collect()
}

#[tokio::test]
async fn who_comes_and_goes_is_written_down_with_where_from() {
    let (_dir, console) = opened().await;
    let admin = somebody(&console, PersonRole::Admin).await;
    let before = rows(&console, &admin).await.len();
    let actor = console.sign_in("ADMIN", PASSWORD, HERE).await.unwrap();
    console.sign_in("admin", "my secret typed wrong", HERE).await.unwrap_err();
    console.sign_in("my secret in the wrong field", "x", None).await.unwrap_err();
    console.sign_out(&actor).await.unwrap();
    assert_eq!(
        told(&console, &admin, before).await,
        [
            "admin | browser at 10.0.0.7 | sign-in |  | allowed | signed in",
            "admin | browser at 10.0.0.7 | sign-in |  | refused | you were not signed in: another password",
            "unknown | browser | sign-in |  | refused | you were not signed in: nobody has the name that was given",
            "admin | browser at 10.0.0.7 | sign-out |  | allowed | signed out",
        ]
    );
    console.shut_down().await;
}

#[tokio::test]
async fn people_and_tokens_are_written_down_and_no_secret_of_theirs() {
    let (dir, console) = opened().await;
    let admin = somebody(&console, PersonRole::Admin).await;
    let before = rows(&console, &admin).await.len();
    let people = People::open(&dir.path().join("state")).await.unwrap();
    people.add("ann", PersonRole::Viewer, PASSWORD).await.unwrap();
    people.set_password("ann", "another battery").await.unwrap();
    let (id, token) = people.add_token("ann", "nightly", None, None).await.unwrap();
    let end = people.tokens().await.unwrap()[0].expires_us.unwrap();
    people.revoke_token(id).await.unwrap();
    people.revoke_token(id).await.unwrap_err();
    console.sign_in("ann", "another battery", None).await.unwrap();
    people.remove("ann").await.unwrap();
    people.close().await;
    let mut told = told(&console, &admin, before).await;
    // The end is in it, to the second; that it is there is what matters here.
    let (head, tail) = ("until ", ", as much as its person: nightly");
    assert!(end > 0 && told[2].contains(head) && told[2].ends_with(tail), "{}", told[2]);
    told[2] = format!("{}{head}its end{tail}", told[2].split(head).next().unwrap());
    let by = "command line | command line";
    assert_eq!(
        told,
        [
            format!("{by} | person/add | person ann | allowed | viewer on *"),
            format!("{by} | person/password | person ann | allowed | "),
            format!(
                "{by} | token/add | token {id} | allowed | for ann, until its end, as much as its person: nightly"
            ),
            format!("{by} | token/revoke | token {id} | allowed | "),
            "ann | browser | sign-in |  | allowed | signed in".to_owned(),
            format!("{by} | person/remove | person ann | allowed | "),
        ]
    );
    let all = told.join("\n");
    assert!(!all.contains(&token) && !all.contains(PASSWORD) && !all.contains("battery"), "{all}");
    console.shut_down().await;
}

#[tokio::test]
async fn every_refusal_names_the_role_and_what_was_wanted() {
    let (_dir, console) = opened().await;
    let admin = somebody(&console, PersonRole::Admin).await;
    saved(&console, &admin, None, common::TEXT).await;
    let viewer = somebody(&console, PersonRole::Viewer).await.at(HERE);
    let before = rows(&console, &admin).await.len();
    let (plan, job) = (PlanId(99), JobId(98));
    common::save(&console, &viewer, None, common::TEXT).await.unwrap_err();
    console.check_inventory(&viewer, String::new()).await.unwrap_err();
    console.plan(&viewer, common::create()).await.unwrap_err();
    console.dry_run(&viewer, plan).await.unwrap_err();
    console.run(&viewer, plan).await.unwrap_err();
    console.resume(&viewer, job).await.unwrap_err();
    console.cancel(&viewer, job, true).await.unwrap_err();
    console.request_approval(&viewer, plan, "why").await.unwrap_err();
    console.withdraw_approval(&viewer, plan).await.unwrap_err();
    console.approve(&viewer, plan, "x").await.unwrap_err();
    console.refuse_approval(&viewer, plan, "x").await.unwrap_err();
    console.break_glass(&viewer, plan, "x", "why").await.unwrap_err();
    console.audit(&viewer, AuditFilter::default()).await.unwrap_err();
    let seen = rows(&console, &admin).await.split_off(before);
    let acts: Vec<(&str, &str)> = seen.iter().map(|row| (row.act.as_str(), row.subject.as_str())).collect();
    assert_eq!(
        acts,
        [
            ("inventory/save", "the inventory"),
            ("edit", "an inventory text"),
            ("plan", "bin/pgsql-add pg-test"),
            ("plan", "plan 99"),
            ("job/run", "plan 99"),
            ("job/resume", "job 98"),
            ("job/cancel", "job 98"),
            ("approval/request", "plan 99"),
            ("approval/withdraw", "plan 99"),
            ("approval/approve", "plan 99"),
            ("approval/refuse", "plan 99"),
            ("approval/break-glass", "plan 99"),
            ("audit", "the audit log"),
        ]
    );
    for row in &seen {
        assert!(row.refused && row.outcome.contains("your role is viewer"), "{row:?}");
        assert_eq!((row.name.as_str(), row.origin.as_str()), ("viewer", "browser at 10.0.0.7"));
    }
    console.shut_down().await;
}

#[tokio::test]
async fn the_log_is_read_in_pages_by_who_may() {
    let (_dir, console) = opened().await;
    let admin = somebody(&console, PersonRole::Admin).await;
    let approver = somebody(&console, PersonRole::Approver).await;
    let operator = somebody(&console, PersonRole::Operator).await;
    for _ in 0..130 {
        console.sign_out(&operator).await.unwrap();
    }
    let filter = AuditFilter { name: " operator ".into(), act: "sign".into(), ..AuditFilter::default() };
    let first = console.audit(&admin, filter.clone()).await.unwrap();
    assert_eq!(first.rows.len(), 100);
    let older = first.older.unwrap();
    let second = console.audit(&admin, AuditFilter { before: Some(older), ..filter }).await.unwrap();
    assert_eq!((second.rows.len(), second.older), (30, None));
    assert_eq!(second.rows[0].id, older - 1, "no row is lost or doubled");
    for other in [&operator, &approver] {
        let refused = console.audit(other, AuditFilter::default()).await.unwrap_err();
        assert_eq!(refused.code, "people/forbidden");
    }
    console.shut_down().await;
}

/// The database as it is now; opened again and closed, so that everything is in the one file.
async fn with_log<T>(dir: &TempDir, work: impl AsyncFnOnce(&AuditLog) -> T) -> T {
    let log = AuditLog::open(&dir.path().join("state")).await.unwrap();
    let done = work(&log).await;
    log.close().await;
    done
}

async fn verified(dir: &TempDir, head: Option<&str>) -> Result<String, String> {
    with_log(dir, async |log| log.verify(head).await).await.map_err(|problem| problem.code)
}

/// A console on the directory that writes `rows` rows and ends.
async fn another_day(dir: &TempDir, name: &str, rows: usize) {
    let console = Console::open(settings(dir)).await.unwrap();
    for _ in 0..rows {
        console.sign_in(name, "wrong", None).await.unwrap_err();
    }
    console.shut_down().await;
}

fn keep(dir: &TempDir, what: &str, to: &str) {
    let state = dir.path().join("state");
    std::fs::copy(state.join(what), state.join(to)).unwrap();
}

fn file(dir: &TempDir, name: &str) -> String {
    std::fs::read_to_string(dir.path().join("state").join(name)).unwrap()
}

#[tokio::test]
async fn a_cut_end_and_a_log_written_anew_show_beside_a_signed_head() {
    let (dir, console) = opened().await;
    somebody(&console, PersonRole::Viewer).await;
    console.shut_down().await;
    assert!(verified(&dir, None).await.unwrap().ends_with("1 signed heads fit, the newest at row 1"));
    keep(&dir, "paddock.db", "monday.db");
    another_day(&dir, "nobody", 2).await;
    let elsewhere = with_log(&dir, async |log| log.sign_head().await.unwrap()).await;
    assert!(verified(&dir, Some(&elsewhere)).await.unwrap().starts_with("3 rows, each as it was written"));

    // An older database in the newer one's place: whole in itself.
    keep(&dir, "paddock.db", "tuesday.db");
    keep(&dir, "monday.db", "paddock.db");
    assert_eq!(verified(&dir, None).await.unwrap_err(), "audit/cut");
    std::fs::remove_file(dir.path().join("state/audit/head")).unwrap();
    assert!(verified(&dir, None).await.unwrap().contains("no signed head yet"));
    assert_eq!(verified(&dir, Some(&elsewhere)).await.unwrap_err(), "audit/cut");

    // And as many rows upon it as there were, or more: another history.
    another_day(&dir, "viewer", 3).await;
    assert!(verified(&dir, None).await.unwrap().starts_with("4 rows"), "with a head of its own");
    assert_eq!(verified(&dir, Some(&elsewhere)).await.unwrap_err(), "audit/rewritten");
    keep(&dir, "tuesday.db", "paddock.db");
    assert_eq!(verified(&dir, None).await.unwrap_err(), "audit/cut", "the newer head was signed for more");
}

#[tokio::test]
async fn a_head_that_is_not_ours_or_was_edited_is_refused() {
    let (dir, console) = opened().await;
    somebody(&console, PersonRole::Viewer).await;
    console.shut_down().await;
    let (other, elsewhere) = opened().await;
    somebody(&elsewhere, PersonRole::Viewer).await;
    elsewhere.shut_down().await;
    let foreign = file(&other, "audit/head");
    assert_eq!(verified(&dir, Some(&foreign)).await.unwrap_err(), "audit/bad-head");
    let own = file(&dir, "audit/head");
    verified(&dir, Some(&own)).await.unwrap();
    let edited = own.replacen("\\\"rows\\\":1,", "\\\"rows\\\":0,", 1);
    assert_ne!(edited, own);
    assert_eq!(verified(&dir, Some(&edited)).await.unwrap_err(), "audit/bad-head");
    assert_eq!(verified(&dir, Some("hello")).await.unwrap_err(), "audit/bad-head");
    private(&dir.path().join("state/audit/id_ed25519"));
}

fn private(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn an_export_is_every_row_as_json_and_the_head_is_what_ssh_keygen_verifies() {
    let (dir, console) = opened().await;
    somebody(&console, PersonRole::Viewer).await;
    console.sign_in("viewer", PASSWORD, HERE).await.unwrap();
    console.shut_down().await;
    let mut lines = Vec::new();
    let rows = with_log(&dir, async |log| {
        log.export(|line| {
            lines.push(line.to_owned());
            Ok(())
        })
        .await
        .unwrap()
    });
    assert_eq!(rows.await, 2);
    let last: serde_json::Value = serde_json::from_str(&lines[1]).unwrap();
    assert_eq!((&last["id"], &last["act"], &last["name"]), (&2.into(), &"sign-in".into(), &"viewer".into()));
    let first: serde_json::Value = serde_json::from_str(&lines[0]).unwrap();
    assert_eq!(last["previous"], first["hash"]);

    let head: serde_json::Value = serde_json::from_str(&file(&dir, "audit/head")).unwrap();
    let signed: serde_json::Value = serde_json::from_str(head["signed"].as_str().unwrap()).unwrap();
    assert_eq!((&signed["rows"], &signed["hash"]), (&2.into(), &last["hash"]));
    let path = |name: &str| dir.path().join(name);
    std::fs::write(path("signature"), head["signature"].as_str().unwrap()).unwrap();
    std::fs::write(path("signed"), head["signed"].as_str().unwrap()).unwrap();
    std::fs::write(path("allowed"), format!("paddock {}", file(&dir, "audit/id_ed25519.pub"))).unwrap();
    let verified = std::process::Command::new("ssh-keygen")
        .args(["-Y", "verify", "-n", "paddock-audit", "-I", "paddock", "-f"])
        .arg(path("allowed"))
        .arg("-s")
        .arg(path("signature"))
        .stdin(std::fs::File::open(path("signed")).unwrap())
        .output()
        .expect("OpenSSH's ssh-keygen is installed");
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
}
