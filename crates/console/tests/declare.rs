//! Forms of a cluster's page: who may send them, what they save, and what is refused.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic and tell")]
mod common;

use common::{TEXT, closed_port_text, opened, saved, somebody};
use paddock_console::PersonRole;
use paddock_events::{ConfigChange, NewClone, NewInstance, ProblemKind, RevisionId, Verdict};

fn instance(base: RevisionId, addr: &str) -> NewInstance {
    NewInstance { base, cluster: "pg-test".into(), addr: addr.into(), seq: 2, role: "replica".into() }
}

#[tokio::test]
async fn an_instance_is_declared_as_a_revision_by_who_may_edit() {
    let (_dir, console) = opened().await;
    let ann = somebody(&console, PersonRole::Operator).await;
    let vic = somebody(&console, PersonRole::Viewer).await;
    let base = saved(&console, &ann, None, TEXT).await;
    let refused = console.declare_instance(&vic, instance(base, "127.0.0.3")).await.unwrap_err();
    assert_eq!(refused.kind, ProblemKind::Forbidden);
    let declared = console.declare_instance(&ann, instance(base, "127.0.0.3")).await.unwrap();
    let page = console.inventory(&ann).await.unwrap();
    assert_eq!(page.revision, Some(declared));
    assert!(page.text.contains("127.0.0.3: { pg_seq: 2, pg_role: replica }"), "{}", page.text);
    let late = console.declare_instance(&ann, instance(base, "127.0.0.4")).await.unwrap_err();
    assert_eq!((late.code.as_str(), late.kind), ("inventory/stale", ProblemKind::Conflict));
    let clone = NewClone {
        base: declared,
        source: "pg-test".into(),
        name: "pg-dr".into(),
        instances: vec![("127.0.0.8".into(), "primary".into())],
        upstream: Some("127.0.0.2".into()),
    };
    console.declare_clone(&ann, clone).await.unwrap();
    let standby = console.cluster_declared(&ann, "pg-dr").await.unwrap();
    assert_eq!(standby.upstream.as_deref(), Some("127.0.0.2"));
    assert_eq!(standby.others, ["pg-test"]);
    assert!(console.cluster(&ann, "pg-dr").await.unwrap().offers.iter().any(|one| one.key == "promote"));
    console.shut_down().await;
}

#[tokio::test]
async fn forms_know_the_next_number_and_the_free_hosts_and_a_viewer_sees_them_locked() {
    let (_dir, console) = opened().await;
    let ann = somebody(&console, PersonRole::Operator).await;
    let vic = somebody(&console, PersonRole::Viewer).await;
    saved(&console, &ann, None, TEXT).await;
    let seen = console.cluster_declared(&vic, "pg-test").await.unwrap();
    assert_eq!((seen.next_seq, seen.safeguarded, seen.port), (2, false, 5432));
    assert_eq!(seen.free_hosts, [("127.0.0.1".to_owned(), "etcd".to_owned())]);
    assert!(matches!(seen.may_edit, Verdict::Refused { .. }));
    assert!(!serde_json::to_string(&seen).unwrap().contains("Sup3rSecret"));
    let nodes = console.nodes(&vic, "ETCD").await.unwrap();
    assert_eq!((nodes.matching, nodes.all, nodes.rows[0].addr.as_str()), (1, 2, "127.0.0.1"));
    assert!(matches!(nodes.rows[0].may_plan, Verdict::Refused { .. }));
    console.shut_down().await;
}

#[tokio::test]
async fn what_does_not_answer_is_named_instead_of_an_empty_configuration_or_repository() {
    let (_dir, console) = opened().await;
    let ann = somebody(&console, PersonRole::Operator).await;
    saved(&console, &ann, None, &closed_port_text()).await;
    let silent = console.cluster_config(&ann, "pg-test").await.unwrap_err();
    assert_eq!(silent.kind, ProblemKind::World);
    assert!(silent.why.contains("pg-test-1"), "{silent}");
    let bad = ConfigChange { parameters: Vec::new(), patch: "[".into() };
    assert_eq!(console.preview_config(&ann, "pg-test", bad).await.unwrap_err().code, "config/bad-change");
    let backups = console.cluster_backups(&ann, "pg-test").await.unwrap();
    assert!(backups.stanza.unwrap_err().contains("127.0.0.2"));
    assert_eq!((backups.seen_from, backups.retention.as_str()), (None, "2 full backups"));
    console.shut_down().await;
}
