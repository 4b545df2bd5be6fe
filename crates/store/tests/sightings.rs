//! What was seen of clusters: in order, per cluster, bounded, and there after a restart.

#![allow(clippy::unwrap_used, reason = "a test may panic")]
mod common;

use paddock_events::{LeaderHistory, Sighting, SightingRow, TimelineEnd};

fn row(at_us: i64, leader: &str) -> SightingRow {
    SightingRow { at_us, since_us: Some(at_us - 1), what: Sighting::Began { leader: Some(leader.into()) } }
}

#[tokio::test]
async fn what_was_seen_is_there_in_its_order_after_a_restart() {
    let (dir, store) = common::fresh().await;
    store.add_sightings("pg-a", &[row(10, "a-1"), row(20, "a-2")]).await.unwrap();
    store.add_sightings("pg-b", &[row(15, "b-1")]).await.unwrap();
    store.add_sightings("pg-a", &[row(30, "a-3")]).await.unwrap();
    store.close().await;
    let store = common::opened(&dir.path().join("paddock.db")).await;
    assert_eq!(store.sightings("pg-a", 9).await.unwrap(), [row(10, "a-1"), row(20, "a-2"), row(30, "a-3")]);
    assert_eq!(store.sightings("pg-a", 2).await.unwrap(), [row(20, "a-2"), row(30, "a-3")], "the newest");
    assert_eq!(store.sightings("pg-c", 9).await.unwrap(), []);
    store.close().await;
}

#[tokio::test]
async fn what_is_old_or_too_much_is_forgotten() {
    let (_dir, store) = common::fresh().await;
    let many: Vec<_> = (0..5_003).map(|at| row(100 + at, "a-1")).collect();
    store.add_sightings("pg-a", &many).await.unwrap();
    store.add_sightings("pg-b", &[row(10, "b-1"), row(60, "b-1")]).await.unwrap();
    assert_eq!(store.forget_sightings(50).await.unwrap(), 4);
    assert_eq!(store.sightings("pg-b", 9).await.unwrap(), [row(60, "b-1")]);
    let left = store.sightings("pg-a", 9_999).await.unwrap();
    assert_eq!((left.len(), left[0].at_us), (5_000, 103));
    store.close().await;
}

#[tokio::test]
async fn a_history_stands_over_an_earlier_one() {
    let (_dir, store) = common::fresh().await;
    assert_eq!(store.history_of("pg-a").await.unwrap(), None);
    let end = TimelineEnd {
        timeline: 1,
        lsn: "0/3000060".into(),
        reason: "no recovery target specified".into(),
        at_us: Some(7),
        leader: Some("a-2".into()),
    };
    let first = LeaderHistory { seen_from: "a-1".into(), read_us: 8, ends: vec![] };
    let then = LeaderHistory { seen_from: "a-2".into(), read_us: 9, ends: vec![end] };
    for history in [first, then] {
        store.keep_history("pg-a", &history).await.unwrap();
        assert_eq!(store.history_of("pg-a").await.unwrap(), Some(history));
    }
    store.close().await;
}
