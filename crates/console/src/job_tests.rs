//! Jobs end to end: a plan kept as `plan()` would, run against nodes that do not answer, followed and resumed.

use crate::clock::now_us;
use crate::{Actor, Console, PersonRole, PolicyDesk, Settings};
use paddock_events::{Event, EventKind, JobId, JobOutcome, PlanId, ProblemKind, Saved, Stream, Verdict};
use paddock_inventory::Inventory;
use paddock_playbooks::{AtStake, Effect, Fact, FactSet, Intent, Material, Plan};
use paddock_store::{NewJob, NewPlan, Taken};
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::time::timeout;

const BOUND: Duration = Duration::from_secs(60);

pub(crate) struct Bench {
    dir: TempDir,
    pub(crate) console: Console,
    /// An operator.
    pub(crate) ann: Actor,
    pub(crate) text: String,
    /// Takes connections and says nothing: a node that hangs.
    pub(crate) silent: Option<TcpListener>,
}

/// Of a console that does not wait long for nodes: these have none.
fn settings(dir: &Path) -> Settings {
    Settings { reconnect: Duration::from_secs(1), ..Settings::at(dir) }
}

pub(crate) async fn bench() -> Bench {
    let dir = tempfile::tempdir().unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let text = format!(
        "all:\n  children:\n    etcd:\n      hosts:\n        127.0.0.1: {{ etcd_seq: 1 }}\n    pg-test:\n      hosts:\n        127.0.0.2: {{ pg_seq: 1, pg_role: primary, ansible_host: 127.0.0.1 }}\n      vars: {{ pg_cluster: pg-test }}\n  vars:\n    ansible_port: {port}\n"
    );
    let console = Console::open(settings(dir.path())).await.unwrap();
    let id = console.add_person("ann", PersonRole::Operator, "correct horse").await.unwrap();
    let ann = console.actor(id).await.unwrap();
    let saved = console.save_inventory(&ann, None, text.clone(), String::new()).await.unwrap();
    assert!(matches!(saved, Saved::Revision { .. }));
    Bench { dir, console, ann, text, silent: Some(silent) }
}

impl Bench {
    /// Keeps a plan from assumed facts: the nodes are never asked.
    pub(crate) async fn plan(&self) -> PlanId {
        self.plan_of("pg-test").await
    }

    pub(crate) async fn plan_of(&self, cluster: &str) -> PlanId {
        self.keep(cluster, |_| {}).await
    }

    /// The same, of which the last step destroys.
    pub(crate) async fn destroying(&self) -> PlanId {
        self.destroying_of("pg-test").await
    }

    pub(crate) async fn destroying_of(&self, cluster: &str) -> PlanId {
        let destroy = |plan: &mut Plan| {
            let last = plan.stages.last_mut().unwrap().hosts.values_mut().last().unwrap().last_mut().unwrap();
            last.effect = Effect::Destroys("the data of pg-test-1".into());
        };
        self.keep(cluster, destroy).await
    }

    /// The same, after which nothing of the cluster is left.
    pub(crate) async fn removing(&self, backup_s: Option<i64>) -> PlanId {
        let remove = |plan: &mut Plan| {
            let last = plan.stages.last_mut().unwrap().hosts.values_mut().last().unwrap().last_mut().unwrap();
            last.effect = Effect::Destroys("the data of pg-test-1".into());
            plan.at_stake = vec![AtStake { cluster: "pg-test".parse().unwrap(), backup_s }];
        };
        self.keep("pg-test", remove).await
    }

    /// The same, of which every step only looks.
    pub(crate) async fn reading(&self) -> PlanId {
        let look = |plan: &mut Plan| {
            for step in plan.stages.iter_mut().flat_map(|stage| stage.hosts.values_mut()).flatten() {
                let user = "root".to_owned();
                step.fact = Fact::Command { check: "true".to_owned(), apply: None, stdin: None, user };
            }
        };
        self.keep("pg-test", look).await
    }

    async fn keep(&self, cluster: &str, change: impl FnOnce(&mut Plan)) -> PlanId {
        let words = ["pgsql-add", cluster].map(str::to_owned);
        let intent = Intent::parse(&words).unwrap();
        let (inventory, _) = Inventory::read(self.text.clone());
        let mut plan =
            paddock_playbooks::plan(&inventory, &FactSet::default(), &Material::default(), &intent).unwrap();
        change(&mut plan);
        let new = NewPlan {
            revision: self.console.current().await.unwrap().unwrap().revision,
            digest: plan.digest.0.clone(),
            plan: serde_json::to_string(&plan).unwrap(),
            facts: serde_json::to_string(&FactSet::default()).unwrap(),
            clusters: Some([cluster.to_owned()].into()),
            author: "ann".into(),
            created_us: now_us(),
        };
        self.console.inner.store.add_plan(&new).await.unwrap()
    }

    pub(crate) fn database(&self) -> std::path::PathBuf {
        self.dir.path().join("paddock.db")
    }

    pub(crate) async fn policy_desk(&self) -> PolicyDesk {
        PolicyDesk::open(self.dir.path()).await.unwrap()
    }

    pub(crate) async fn followed(&self, job: JobId, from: u64) -> Vec<Event> {
        let mut feed = self.console.follow_job(&self.ann, job, from).await.unwrap();
        let mut all = Vec::new();
        while let Some(batch) = timeout(BOUND, feed.recv()).await.expect("the feed ends with the job") {
            all.extend(batch);
        }
        all
    }

    async fn outcome(&self, job: JobId) -> Option<JobOutcome> {
        self.console.job(&self.ann, job).await.unwrap().row.outcome
    }
}

fn assert_gapless(events: &[Event], from: u64) {
    assert!(events.iter().map(|event| event.seq).eq(from..from + events.len() as u64), "{events:?}");
}

#[tokio::test]
async fn a_job_on_a_dead_node_fails_with_the_step_and_can_be_resumed_but_not_run_twice() {
    let mut bench = bench().await;
    let plan = bench.plan().await;
    let page = bench.console.plan_page(&bench.ann, plan).await.unwrap();
    assert_eq!(
        (page.standing.may_run, page.command.as_str()),
        (Verdict::Allowed, "paddock pgsql-add pg-test")
    );
    drop(bench.silent.take());
    let job = bench.console.run(&bench.ann, plan).await.unwrap();
    let events = bench.followed(job, 0).await;
    assert_gapless(&events, 0);
    assert!(matches!(events[0].kind, EventKind::JobStarted { resumed_from: None }));
    let Some(EventKind::JobFinished { outcome: JobOutcome::Failed { reason, step: Some(step) } }) =
        events.last().map(|event| event.kind.clone())
    else {
        panic!("{events:?}");
    };
    assert!(reason.contains("127.0.0.2"), "{reason}");
    let page = bench.console.job(&bench.ann, job).await.unwrap();
    assert_eq!(page.view.next_seq, events.len() as u64);
    assert_eq!(page.may_resume, Verdict::Allowed);
    assert!(matches!(page.may_cancel, Verdict::Refused { .. }));
    let again = bench.console.run(&bench.ann, plan).await.unwrap_err();
    assert_eq!((again.code.as_str(), again.kind), ("run/already-run", ProblemKind::Conflict));
    bench.console.resume(&bench.ann, job).await.unwrap();
    // The second run need not wait for the dead node as long as the first did.
    bench.console.cancel(&bench.ann, job, true).await.unwrap();
    let more = bench.followed(job, events.len() as u64).await;
    assert_gapless(&more, events.len() as u64);
    let EventKind::JobStarted { resumed_from: Some(from) } = more[0].kind else { panic!("{more:?}") };
    assert!(from <= step, "{from} {step}");
    assert_eq!(bench.console.inner.store.held_leases(now_us()).await.unwrap(), [], "ended jobs hold nothing");
    bench.console.shut_down().await;
}

#[tokio::test]
async fn a_running_job_locks_its_cluster_and_cancel_now_ends_it() {
    let bench = bench().await;
    let (one, other) = (bench.plan().await, bench.plan().await);
    let job = bench.console.run(&bench.ann, one).await.unwrap();
    let locked = bench.console.run(&bench.ann, other).await.unwrap_err();
    assert_eq!((locked.code.as_str(), locked.kind), ("run/locked", ProblemKind::Conflict));
    assert!(locked.what.contains(&format!("job {job}")), "{locked}");
    let row = &bench.console.clusters(&bench.ann).await.unwrap()[0];
    assert_eq!(row.running_job, Some(job));
    let resumed = bench.console.resume(&bench.ann, job).await.unwrap_err();
    assert_eq!(resumed.code, "job/not-resumable");
    bench.console.cancel(&bench.ann, job, true).await.unwrap();
    let events = bench.followed(job, 0).await;
    assert_gapless(&events, 0);
    assert!(
        events
            .iter()
            .any(|event| matches!(&event.kind, EventKind::CancelRequested { by, now: true } if by == "ann"))
    );
    assert_eq!(bench.outcome(job).await, Some(JobOutcome::Cancelled));
    assert_eq!(bench.console.cancel(&bench.ann, job, true).await.unwrap_err().code, "job/not-running");
    bench.console.shut_down().await;
}

#[tokio::test]
async fn followers_from_any_point_get_every_event_once_while_the_job_writes() {
    let bench = bench().await;
    let plan = bench.plan().await;
    let job = bench.console.run(&bench.ann, plan).await.unwrap();
    // The job hangs at its silent nodes; its own log takes our lines as it takes the engine's.
    let running = bench.console.inner.running.lock().unwrap().get(&job).cloned().unwrap();
    let mut feeds = Vec::new();
    for n in 0..2_000_u64 {
        if n % 400 == 0 {
            feeds.push((n / 2, bench.console.follow_job(&bench.ann, job, n / 2).await.unwrap()));
        }
        let kind =
            EventKind::Line { step: None, host: String::new(), stream: Stream::Out, text: n.to_string() };
        running.events.send((now_us(), kind)).await.unwrap();
    }
    running.asked();
    running.stop.now.cancel();
    drop(running);
    for (from, mut feed) in feeds {
        let mut next = from;
        while let Some(batch) = timeout(BOUND, feed.recv()).await.expect("the feed ends") {
            for event in batch {
                assert_eq!(event.seq, next);
                next += 1;
            }
        }
        assert!(next > 2_000, "all of it: {next}");
    }
    bench.console.shut_down().await;
}

#[tokio::test]
async fn a_changed_inventory_makes_a_plan_stale_only_where_it_matters() {
    let bench = bench().await;
    let plan = bench.plan().await;
    let base = bench.console.current().await.unwrap().unwrap().revision;
    let comment = format!("# only a comment\n{}", bench.text);
    bench.console.save_inventory(&bench.ann, Some(base), comment, String::new()).await.unwrap();
    let page = bench.console.plan_page(&bench.ann, plan).await.unwrap();
    assert_eq!(page.standing.may_run, Verdict::Allowed, "a comment changes no step");
    let other = bench.text.replace("pg_cluster: pg-test", "pg_cluster: pg-test, pg_port: 5999");
    bench.console.save_inventory(&bench.ann, Some(base), other, String::new()).await.unwrap();
    let stale = bench.console.run(&bench.ann, plan).await.unwrap_err();
    assert_eq!((stale.code.as_str(), stale.kind), ("plan/stale", ProblemKind::Conflict), "{stale}");
    bench.console.shut_down().await;
}

#[tokio::test]
async fn a_job_of_a_console_that_died_is_interrupted_and_frees_its_cluster() {
    let bench = bench().await;
    for (runner, expired) in [("killed", false), ("elsewhere", true)] {
        let plan = bench.plan().await;
        let kept = bench.console.kept_plan(plan).await.unwrap();
        let new = NewJob {
            plan,
            outline: paddock_engine::outline(&kept.plan),
            author: "ann".into(),
            runner: runner.into(),
            locks: kept.plan.locks.clone(),
            approval: None,
            now_us: now_us(),
            lease_until_us: now_us() + if expired { -1 } else { 30_000_000 },
        };
        let Taken::Yes((job, fence)) = bench.console.inner.store.start_job(&new).await.unwrap() else {
            panic!("the earlier job's locks are free");
        };
        let started = Event { seq: 0, at_us: now_us(), kind: EventKind::JobStarted { resumed_from: None } };
        bench.console.inner.store.append_events(job, fence, &[started], 0).await.unwrap();
        if !expired {
            // What a killed process leaves behind: its file, without the lock.
            std::fs::write(bench.dir.path().join("runners").join(runner), "").unwrap();
        }
        let after = Console::open(settings(bench.dir.path())).await.unwrap();
        let page = after.job(&bench.ann, job).await.unwrap();
        assert_eq!(page.row.outcome, Some(JobOutcome::Interrupted), "{runner}");
        assert_eq!((page.view.next_seq, page.may_resume), (2, Verdict::Allowed));
        assert!(!bench.dir.path().join("runners").join(runner).exists(), "its file is gone");
        after.shut_down().await;
    }
    bench.console.shut_down().await;
}

#[tokio::test]
async fn a_second_handle_does_not_take_jobs_from_a_console_that_lives() {
    let bench = bench().await;
    let plan = bench.plan().await;
    let job = bench.console.run(&bench.ann, plan).await.unwrap();
    // A second console process on the same state directory.
    let beside = Console::open(settings(bench.dir.path())).await.unwrap();
    assert_eq!(beside.job(&bench.ann, job).await.unwrap().row.outcome, None);
    assert_eq!(beside.cancel(&bench.ann, job, true).await.unwrap_err().code, "job/elsewhere");
    beside.shut_down().await;
    bench.console.cancel(&bench.ann, job, true).await.unwrap();
    bench.followed(job, 0).await;
    bench.console.shut_down().await;
}

#[tokio::test]
async fn a_console_that_is_stopped_leaves_its_job_interrupted() {
    let bench = bench().await;
    let plan = bench.plan().await;
    let job = bench.console.run(&bench.ann, plan).await.unwrap();
    timeout(BOUND, bench.console.shut_down()).await.expect("it ends within its bounds");
    let after = Console::open(settings(bench.dir.path())).await.unwrap();
    let outcome = after.job(&bench.ann, job).await.unwrap().row.outcome;
    assert_eq!(outcome, Some(JobOutcome::Interrupted));
    after.shut_down().await;
}

#[tokio::test]
async fn a_person_s_edit_is_no_edit_of_the_job_whatever_its_message_says() {
    let mut bench = bench().await;
    let plan = bench.plan().await;
    drop(bench.silent.take());
    let job = bench.console.run(&bench.ann, plan).await.unwrap();
    bench.followed(job, 0).await;
    let base = bench.console.current().await.unwrap().unwrap().revision;
    let text = bench.text.replace("pg_cluster: pg-test", "pg_cluster: pg-test, pg_port: 5999");
    let message = format!("job {job}: pg-test-1 is gone");
    bench.console.save_inventory(&bench.ann, Some(base), text, message).await.unwrap();
    let refused = bench.console.resume(&bench.ann, job).await.unwrap_err();
    assert_eq!(refused.code, "plan/stale");
    bench.console.shut_down().await;
}

#[tokio::test]
async fn a_job_goes_on_by_itself_in_the_console_that_follows_one_that_was_stopped_in_order() {
    let bench = bench().await;
    let plan = bench.plan().await;
    let job = bench.console.run(&bench.ann, plan).await.unwrap();
    timeout(BOUND, bench.console.shut_down()).await.expect("it ends within its bounds");
    let after = Console::open(settings(bench.dir.path())).await.unwrap();
    after.take_up_jobs().await;
    assert_eq!(after.job(&bench.ann, job).await.unwrap().row.outcome, None, "it runs");
    after.cancel(&bench.ann, job, true).await.unwrap();
    let mut feed = after.follow_job(&bench.ann, job, 0).await.unwrap();
    let mut all = Vec::new();
    while let Some(batch) = timeout(BOUND, feed.recv()).await.expect("the feed ends with the job") {
        all.extend(batch);
    }
    assert_gapless(&all, 0);
    let starts = all.iter().filter(|event| matches!(event.kind, EventKind::JobStarted { .. })).count();
    assert_eq!(starts, 2);
    assert!(all.iter().any(|event| matches!(&event.kind, EventKind::Line { text, .. } if text.contains("goes on with this job by itself"))), "{all:?}");
    // What somebody has stopped stays so, and what was handed over once is not taken up twice.
    after.shut_down().await;
    let last = Console::open(settings(bench.dir.path())).await.unwrap();
    last.take_up_jobs().await;
    assert_eq!(last.job(&bench.ann, job).await.unwrap().row.outcome, Some(JobOutcome::Cancelled));
    last.shut_down().await;
}

#[tokio::test]
async fn a_job_waits_for_a_person_when_the_console_was_away_for_long_or_its_author_may_not_any_more() {
    for (what, away_us) in [("away", 3_600_000_000), ("disabled", 0), ("garbage", 0)] {
        let bench = bench().await;
        let plan = bench.plan().await;
        let job = bench.console.run(&bench.ann, plan).await.unwrap();
        timeout(BOUND, bench.console.shut_down()).await.expect("it ends within its bounds");
        let path = bench.dir.path().join("handover.json");
        let text = std::fs::read_to_string(&path).unwrap();
        let mut left: serde_json::Value = serde_json::from_str(&text).unwrap();
        left["at_us"] = serde_json::json!(left["at_us"].as_i64().unwrap() - away_us);
        std::fs::write(&path, if what == "garbage" { "{".to_owned() } else { left.to_string() }).unwrap();
        if what == "disabled" {
            let people = crate::People::open(bench.dir.path()).await.unwrap();
            people.disable("ann").await.unwrap();
        }
        let after = Console::open(settings(bench.dir.path())).await.unwrap();
        after.take_up_jobs().await;
        let state = after.stored_job(job).await.unwrap().state;
        assert_eq!(state, paddock_store::JobState::Interrupted, "{what}");
        assert!(!path.exists(), "{what}: it is read once");
        after.shut_down().await;
    }
}
