//! Planning against nodes that do not answer.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic and tell")]
mod common;

use common::{closed_port_text, create, opened, saved, somebody};
use paddock_console::PersonRole;
use paddock_events::ProblemKind;

#[tokio::test]
async fn a_node_that_does_not_answer_is_named_with_the_time_it_went_silent() {
    let (dir, console) = opened().await;
    let ann = somebody(&console, PersonRole::Operator).await;
    assert_eq!(console.plan(&ann, create()).await.unwrap_err().code, "inventory/none");
    saved(&console, &ann, None, &closed_port_text()).await;
    let first = console.plan(&ann, create()).await.unwrap_err();
    assert_eq!((first.code.as_str(), first.kind), ("plan/node-unreachable", ProblemKind::World));
    assert!(first.why.contains("127.0.0.2"), "{first}");
    let since = first.why.split("since ").nth(1).unwrap().to_owned();
    let second = console.plan(&ann, create()).await.unwrap_err();
    assert!(second.why.contains(&since), "the same time: {} and {}", first.why, second.why);
    assert!(!dir.path().join("state/pki/ca.key").exists(), "a refused plan makes no keys");
    console.shut_down().await;
}

#[tokio::test]
async fn words_that_are_no_operation_and_clusters_that_are_not_declared_are_refused() {
    let (_dir, console) = opened().await;
    let ann = somebody(&console, PersonRole::Operator).await;
    saved(&console, &ann, None, &closed_port_text()).await;
    for (words, kind) in [
        (vec!["pgsql-add", "pg-none"], ProblemKind::NotFound),
        (vec!["pgsql-add"], ProblemKind::Request),
        (vec!["rm", "-rf"], ProblemKind::Request),
    ] {
        let words: Vec<String> = words.into_iter().map(str::to_owned).collect();
        let refused = console.plan_words(&ann, &words).await.unwrap_err();
        assert_eq!(refused.kind, kind, "{words:?}: {refused:?}");
    }
    console.shut_down().await;
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let (_dir, console) = opened().await;
    let ann = somebody(&console, PersonRole::Operator).await;
    let (plan, job) = (paddock_events::PlanId(7), paddock_events::JobId(7));
    for problem in [
        console.plan_page(&ann, plan).await.unwrap_err(),
        console.run(&ann, plan).await.unwrap_err(),
        console.job(&ann, job).await.unwrap_err(),
        console.resume(&ann, job).await.unwrap_err(),
        console.follow_job(&ann, job, 0).await.unwrap_err(),
    ] {
        assert_eq!(problem.kind, ProblemKind::NotFound, "{problem}");
    }
    console.shut_down().await;
}
