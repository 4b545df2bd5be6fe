//! The log of a job against a real database.

use super::*;
use paddock_events::{JobOutcome, JobOutline, StepOutline, Stream};
use paddock_store::{JobState, NewJob, NewPlan, NewRevision, SealKey, Taken};
use tempfile::TempDir;

async fn started() -> (TempDir, Store, JobId) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("paddock.db")).await.unwrap();
    let store = store.unlocked(SealKey::generate()).await.unwrap();
    let revision = NewRevision {
        parent: None,
        text: "all: {}\n".into(),
        author: "a".into(),
        message: "m".into(),
        saved_us: 1,
        job: None,
    };
    let revision = store.add_revision(&revision).await.unwrap().unwrap();
    let plan = NewPlan {
        revision,
        digest: "d".into(),
        plan: "{}".into(),
        clusters: None,
        facts: "{}".into(),
        author: "a".into(),
        created_us: 1,
    };
    let plan = store.add_plan(&plan).await.unwrap();
    let new = NewJob {
        plan,
        outline: outline(),
        author: "a".into(),
        runner: "r".into(),
        locks: std::iter::once("cluster/pg-test".to_owned()).collect(),
        approval: None,
        now_us: 1,
        lease_until_us: i64::MAX,
    };
    let Taken::Yes((job, 1)) = store.start_job(&new).await.unwrap() else { panic!("nobody holds it") };
    (dir, store, job)
}

fn outline() -> JobOutline {
    let step = |id: &str| StepOutline {
        id: id.into(),
        title: id.into(),
        stage: 0,
        host: "10.0.0.1".into(),
        instance: None,
        tags: vec![],
        effect: None,
        destructive: false,
    };
    JobOutline { title: "t".into(), steps: vec![step("a/b"), step("c/d")], ..JobOutline::default() }
}

struct Kept {
    _dir: TempDir,
    store: Store,
    job: JobId,
    events: mpsc::Sender<Stamped>,
    shown: broadcast::Receiver<Arc<Vec<Event>>>,
    stop: Stop,
    task: tokio::task::JoinHandle<()>,
}

async fn keeping() -> Kept {
    let (dir, store, job) = started().await;
    let (events, waiting) = mpsc::channel(64);
    let (stored, shown) = broadcast::channel(4096);
    let stop = Stop::default();
    let log = Log { store: store.clone(), job, fence: 1, view: JobView::new(outline()), waiting, stored };
    let task = tokio::spawn(log.keep(stop.clone()));
    Kept { _dir: dir, store, job, events, shown, stop, task }
}

fn line(text: &str) -> EventKind {
    EventKind::Line { step: None, host: String::new(), stream: Stream::Out, text: text.into() }
}

const END: EventKind = EventKind::JobFinished { outcome: JobOutcome::Succeeded };

#[tokio::test]
async fn many_writers_give_one_gapless_log_that_was_stored_before_it_was_shown() {
    let mut kept = keeping().await;
    let mut tasks = Vec::new();
    for writer in 0..8 {
        let events = kept.events.clone();
        tasks.push(tokio::spawn(async move {
            for n in 0..200 {
                events.send((1_000 - n, line(&format!("{writer} {n}")))).await.unwrap();
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    kept.events.send((2_000, END)).await.unwrap();
    let mut next = 0;
    while next < 1_601 {
        let batch = kept.shown.recv().await.unwrap();
        let last = batch.last().unwrap().seq;
        let stored = kept.store.events(kept.job, last, 1).await.unwrap();
        assert_eq!(stored.first(), batch.last(), "what is shown is stored");
        for event in batch.iter() {
            assert_eq!(event.seq, next);
            next += 1;
        }
    }
    kept.task.await.unwrap();
    let all = kept.store.events(kept.job, 0, 10_000).await.unwrap();
    assert!(all.iter().map(|event| event.seq).eq(0..1_601));
    assert!(all.windows(2).all(|pair| pair[0].at_us <= pair[1].at_us), "time does not run backwards");
    for writer in 0..8 {
        let own = all.iter().filter_map(|event| match &event.kind {
            EventKind::Line { text, .. } => text.strip_prefix(&format!("{writer} ")).map(str::to_owned),
            _ => None,
        });
        assert!(own.eq((0..200).map(|n| n.to_string())), "each writer's lines are in its order");
    }
}

#[tokio::test]
async fn the_end_is_the_last_event_and_ends_the_log() {
    let kept = keeping().await;
    kept.events.send((1, END)).await.unwrap();
    let late = EventKind::CancelRequested { by: "ann".into(), now: true };
    kept.events.send((1, late)).await.unwrap();
    kept.task.await.unwrap();
    assert!(kept.events.send((2, line("too late"))).await.is_err());
    let all = kept.store.events(kept.job, 0, 10).await.unwrap();
    assert_eq!(all.iter().map(|event| event.kind.clone()).collect::<Vec<_>>(), [END]);
    assert_eq!(kept.store.job(kept.job).await.unwrap().unwrap().state, JobState::Succeeded);
}

#[tokio::test]
async fn a_fenced_log_stops_the_job_at_once() {
    let kept = keeping().await;
    kept.store.take_over_job(kept.job, 1, "other").await.unwrap().unwrap();
    kept.events.send((1, line("mine"))).await.unwrap();
    kept.task.await.unwrap();
    assert!(kept.stop.now.is_cancelled());
    assert_eq!(
        kept.store.events(kept.job, 0, 10).await.unwrap(),
        [],
        "nothing was written under the old fence"
    );
}

#[tokio::test]
async fn durations_of_what_changed_are_remembered_and_not_replaced_by_what_held() {
    let kept = keeping().await;
    kept.store.remember_step_times(&[("c/d".into(), 900)], 1).await.unwrap();
    let finished = |step, outcome, duration_ms| EventKind::StepFinished { step, outcome, duration_ms };
    for kind in [finished(0, Outcome::Changed, 70), finished(1, Outcome::Ok, 3), END] {
        kept.events.send((1, kind)).await.unwrap();
    }
    kept.task.await.unwrap();
    let expected = BTreeMap::from([("a/b".to_owned(), 70), ("c/d".to_owned(), 900)]);
    assert_eq!(kept.store.step_times().await.unwrap(), expected);
    assert_eq!(kept.store.job(kept.job).await.unwrap().unwrap().steps_done, 2);
}
