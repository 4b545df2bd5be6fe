//! Revisions, merging, conflicts, masking, the form, and the clusters that come of it.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic and tell")]
mod common;

use common::{TEXT, opened, save, saved, somebody};
use paddock_console::PersonRole;
use paddock_events::{HealthLevel, NewCluster, ProblemKind, Saved, Verdict};

#[tokio::test]
async fn edits_that_do_not_touch_are_merged_and_those_that_do_conflict() {
    let (_dir, console) = opened().await;
    let ann = somebody(&console, PersonRole::Operator).await;
    let one = saved(&console, &ann, None, TEXT).await;
    assert_eq!(saved(&console, &ann, Some(one), TEXT).await, one, "an equal text is no revision");
    let theirs = TEXT.replace("# ours", "# theirs");
    let two = saved(&console, &ann, Some(one), &theirs).await;
    let mine = TEXT.replace("admin_ip: 127.0.0.1", "admin_ip: 127.0.0.9");
    let three = saved(&console, &ann, Some(one), &mine).await;
    assert!(one < two && two < three);
    let merged = console.inventory(&ann).await.unwrap();
    assert!(
        merged.text.starts_with("# theirs\n") && merged.text.ends_with("admin_ip: 127.0.0.9\n"),
        "{}",
        merged.text
    );
    let clash = TEXT.replace("# ours", "# mine");
    let Saved::Conflict { newest, theirs, yours } = save(&console, &ann, Some(one), &clash).await.unwrap()
    else {
        panic!("both changed the first line");
    };
    assert_eq!((newest, theirs, yours), (three, merged.text, clash));
    let stranger = save(&console, &ann, None, "all: {}\n").await.unwrap();
    assert!(
        matches!(stranger, Saved::Conflict { .. }),
        "a text made from nothing does not replace what is there"
    );
    console.shut_down().await;
}

#[tokio::test]
async fn many_who_save_different_lines_at_once_lose_nothing() {
    let (_dir, console) = opened().await;
    let ann = somebody(&console, PersonRole::Operator).await;
    let lines: Vec<String> = (0..40).map(|n| format!("# line {n}\n")).collect();
    let base = format!("{}{TEXT}", lines.concat());
    let one = saved(&console, &ann, None, &base).await;
    let mut tasks = Vec::new();
    for n in (0..40).step_by(5) {
        let (console, ann) = (console.clone(), ann.clone());
        let text = base.replace(&format!("# line {n}\n"), &format!("# edit {n}\n"));
        tasks.push(tokio::spawn(async move { save(&console, &ann, Some(one), &text).await.unwrap() }));
    }
    for task in tasks {
        assert!(matches!(task.await.unwrap(), Saved::Revision { .. }));
    }
    let text = console.inventory(&ann).await.unwrap().text;
    for n in (0..40).step_by(5) {
        assert!(text.contains(&format!("# edit {n}\n")), "{n} in {text}");
    }
    console.shut_down().await;
}

#[tokio::test]
async fn a_text_that_is_no_yaml_is_refused_and_nothing_changes() {
    let (_dir, console) = opened().await;
    let ann = somebody(&console, PersonRole::Operator).await;
    saved(&console, &ann, None, TEXT).await;
    let refused = save(&console, &ann, None, "all: [\n").await.unwrap_err();
    assert_eq!((refused.code.as_str(), refused.kind), ("inventory/broken", ProblemKind::Request));
    assert!(refused.why.contains("line "), "{refused}");
    let checked = console.check_inventory(&ann, "all: [\n".into()).await.unwrap();
    assert_eq!(checked.findings[0].code, "yaml/syntax");
    assert_eq!(console.inventory(&ann).await.unwrap().text, TEXT);
    console.shut_down().await;
}

#[tokio::test]
async fn a_viewer_sees_no_password_and_no_fix_that_holds_one() {
    let (_dir, console) = opened().await;
    let ann = somebody(&console, PersonRole::Operator).await;
    let vic = somebody(&console, PersonRole::Viewer).await;
    saved(&console, &ann, None, TEXT).await;
    assert!(console.inventory(&ann).await.unwrap().text.contains("Sup3rSecret"));
    let page = console.inventory(&vic).await.unwrap();
    assert!(!format!("{page:?}").contains("Sup3rSecret"), "{page:?}");
    assert!(matches!(page.may_save, Verdict::Refused { .. }));
    assert_eq!(page.text.lines().count(), TEXT.lines().count());
    console.shut_down().await;
}

#[tokio::test]
async fn the_form_adds_a_cluster_that_the_clusters_page_then_shows() {
    let (_dir, console) = opened().await;
    let ann = somebody(&console, PersonRole::Operator).await;
    assert_eq!(console.clusters(&ann).await.unwrap(), [], "no inventory, no clusters, no error");
    let one = saved(&console, &ann, None, TEXT).await;
    let form = NewCluster {
        name: "pg-new".into(),
        instances: vec![("127.0.0.5".into(), "primary".into()), ("127.0.0.6".into(), "replica".into())],
        version: "16".into(),
        database: "shop".into(),
        owner: "shop_owner".into(),
        password: String::new(),
        ..NewCluster::default()
    };
    let text = console.preview_new_cluster(&ann, TEXT.into(), form.clone()).await.unwrap();
    let first_lines: Vec<&str> = TEXT.lines().collect();
    assert!(first_lines.iter().all(|line| text.contains(line)), "nothing else was touched: {text}");
    assert!(text.contains("shop_owner") && !text.contains("password: ''"), "a password was made: {text}");
    let again = console.preview_new_cluster(&ann, text.clone(), form).await.unwrap_err();
    assert_eq!(again.code, "inventory/exists");
    saved(&console, &ann, Some(one), &text).await;
    let rows = console.clusters(&ann).await.unwrap();
    let row = rows.iter().find(|row| row.name == "pg-new").unwrap();
    assert_eq!((row.version.as_str(), row.instances.len(), row.leader.as_deref()), ("16", 2, None));
    assert_ne!(row.health, HealthLevel::Healthy, "nothing of it was seen");
    let page = console.cluster(&ann, "pg-new").await.unwrap();
    let create = page.offers.iter().find(|offer| offer.key == "create").map(|offer| offer.script.as_str());
    assert_eq!((create, page.may_operate), (Some("bin/pgsql-add pg-new"), Verdict::Allowed));
    let unknown = console.cluster(&ann, "pg-none").await.unwrap_err();
    assert_eq!((unknown.code.as_str(), unknown.kind), ("cluster/unknown", ProblemKind::NotFound));
    console.shut_down().await;
}

#[tokio::test]
async fn a_message_that_is_no_line_of_the_history_is_refused() {
    let (_dir, console) = opened().await;
    let ann = somebody(&console, PersonRole::Operator).await;
    let save = async |length| console.save_inventory(&ann, None, TEXT.to_owned(), "x".repeat(length)).await;
    assert_eq!(save(1_001).await.unwrap_err().code, "inventory/message-too-long");
    assert!(matches!(save(1_000).await.unwrap(), Saved::Revision { .. }));
    console.shut_down().await;
}
