//! Grants on some clusters: what is handed out and done within them, and nothing beyond.

use crate::job_tests::{Bench, bench};
use crate::{Actor, Grant, PersonRole};
use paddock_events::{
    AuditFilter, ConfigChange, JobId, NewClone, NewCluster, NewInstance, PlanId, Problem, ProblemKind,
    RevisionId, Saved, Verdict,
};
use paddock_store::NewPlan;

const OUT: &str = "people/out-of-scope";

/// A console with two clusters and a plan of each, and people of one of them.
struct House {
    bench: Bench,
    /// Plans of `pg-test` and of `pg-b`.
    plans: [PlanId; 2],
}

async fn house() -> House {
    let mut bench = bench().await;
    let second = "    pg-b:\n      hosts:\n        127.0.0.3: { pg_seq: 1, pg_role: primary, ansible_host: 127.0.0.1 }\n      vars:\n        pg_cluster: pg-b\n        pg_admin_password: Sup3rSecretB\n  vars:\n";
    bench.text = bench.text.replace("  vars:\n", second);
    let base = bench.console.current().await.unwrap().unwrap().revision;
    bench.console.save_inventory(&bench.ann, Some(base), bench.text.clone(), String::new()).await.unwrap();
    let plans = [bench.plan().await, bench.plan_of("pg-b").await];
    House { bench, plans }
}

fn on(role: PersonRole, clusters: &str) -> Grant {
    Grant::new(role, clusters).unwrap()
}

fn code<T>(result: Result<T, Problem>) -> String {
    result.map_or_else(|problem| problem.code, |_| "ok".to_owned())
}

impl House {
    async fn person(&self, name: &str, grants: &[Grant]) -> Actor {
        let console = &self.bench.console;
        let id = console.add_person(name, grants[0].clone(), "correct horse").await.unwrap();
        for grant in &grants[1..] {
            console.people().grant(name, grant).await.unwrap();
        }
        console.actor(id).await.unwrap()
    }

    /// Runs the plan and stops its job.
    async fn job(&self, plan: PlanId) -> JobId {
        let job = self.bench.console.run(&self.bench.ann, plan).await.unwrap();
        self.bench.console.cancel(&self.bench.ann, job, true).await.unwrap();
        self.bench.followed(job, 0).await;
        job
    }

    async fn end(self) {
        self.bench.console.shut_down().await;
    }
}

#[tokio::test]
async fn lists_hold_what_is_in_scope_and_pages_of_the_rest_are_refused() {
    let house = house().await;
    let (console, [ours, theirs]) = (&house.bench.console, house.plans);
    let [our_job, their_job] = [house.job(ours).await, house.job(theirs).await];
    let tom = house.person("tom", &[on(PersonRole::Operator, "pg-test*")]).await;
    let names =
        |rows: Vec<paddock_events::ClusterRow>| rows.into_iter().map(|row| row.name).collect::<Vec<_>>();
    assert_eq!(names(console.clusters(&tom).await.unwrap()), ["pg-test"]);
    assert_eq!(names(console.clusters(&house.bench.ann).await.unwrap()), ["pg-b", "pg-test"]);
    let jobs: Vec<JobId> = console.jobs(&tom, 10).await.unwrap().iter().map(|row| row.id).collect();
    assert_eq!(jobs, [our_job]);
    assert_eq!(console.jobs(&tom, 1).await.unwrap().len(), 1, "a newer job of others takes no place");
    let nodes = console.nodes(&tom, "").await.unwrap();
    assert_eq!((nodes.all, nodes.rows[0].addr.as_str()), (1, "127.0.0.2"));
    assert_eq!(console.cluster_declared(&tom, "pg-test").await.unwrap().others, [] as [String; 0]);
    assert_eq!(console.cluster(&tom, "pg-test").await.unwrap().may_operate, Verdict::Allowed);

    let change = || ConfigChange { parameters: Vec::new(), patch: "ttl: 40".into() };
    let refused = [
        code(console.cluster(&tom, "pg-b").await),
        code(console.cluster(&tom, "pg-none").await),
        code(console.follow_cluster(&tom, "pg-b").await),
        code(console.cluster_declared(&tom, "pg-b").await),
        code(console.cluster_backups(&tom, "pg-b").await),
        code(console.cluster_config(&tom, "pg-b").await),
        code(console.preview_config(&tom, "pg-b", change()).await),
        code(console.plan_page(&tom, theirs).await),
        code(console.plan_standing(&tom, theirs).await),
        code(console.dry_run(&tom, theirs).await),
        code(console.run(&tom, theirs).await),
        code(console.job(&tom, their_job).await),
        code(console.job_events(&tom, their_job, 0, 10).await),
        code(console.follow_job(&tom, their_job, 0).await),
        code(console.cancel(&tom, their_job, true).await),
        code(console.resume(&tom, their_job).await),
        code(console.inventory(&tom).await),
    ];
    assert!(refused.iter().all(|code| code == OUT), "{refused:?}");
    for allowed in [
        code(console.follow_cluster(&tom, "pg-test").await),
        code(console.plan_page(&tom, ours).await),
        code(console.job(&tom, our_job).await),
        code(console.follow_job(&tom, our_job, 0).await),
        code(console.resume(&tom, our_job).await),
    ] {
        assert_eq!(allowed, "ok");
    }
    let zoe = house.person("zoe", &[PersonRole::Admin.into()]).await;
    let rows =
        console.audit(&zoe, AuditFilter { name: "tom".into(), ..AuditFilter::default() }).await.unwrap().rows;
    assert_eq!(rows.iter().filter(|row| row.refused).count(), refused.len(), "{rows:?}");
    house.bench.console.cancel(&tom, our_job, true).await.unwrap();
    house.bench.followed(our_job, 0).await;
    house.end().await;
}

#[tokio::test]
async fn a_plan_is_made_only_within_scope_and_before_a_node_is_asked() {
    let mut house = house().await;
    // Whoever would ask a node, finds it dead, and gets another refusal.
    drop(house.bench.silent.take());
    let console = &house.bench.console;
    let tom = house.person("tom", &[on(PersonRole::Operator, "pg-test*"), on(PersonRole::Viewer, "*")]).await;
    for (line, expected) in [
        ("pgsql-add pg-test", "plan/node-unreachable"),
        ("pgsql-add pg-b", OUT),
        ("pgsql.yml -l pg-test,pg-b -t pg_hba", OUT),
        ("pgsql.yml -l all -t pg_hba", OUT),
        ("pgsql.yml -l pg-test -t pg_hba -e pg_cluster=pg-b", OUT),
        ("etcd.yml -l etcd", OUT),
        ("node-add 127.0.0.1", OUT),
        ("node-rm 127.0.0.3", OUT),
    ] {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        assert_eq!(code(console.plan_words(&tom, &words).await), expected, "{line}");
    }
    let asked = console.reach_nodes(&tom, "").await.unwrap();
    let asked: Vec<&str> = asked.nodes.iter().map(|node| node.addr.as_str()).collect();
    assert_eq!(asked, ["127.0.0.2"], "he sees all three, and plans for one");
    let local = house.person("local", &[on(PersonRole::Admin, "pg-test*")]).await;
    assert_eq!(code(console.trust_host_key(&local, "127.0.0.2", "SHA256:x").await), OUT);
    house.end().await;
}

#[tokio::test]
async fn a_plan_of_unknown_or_mixed_clusters_is_for_who_may_all_of_them() {
    let house = house().await;
    let console = &house.bench.console;
    let tom = house.person("tom", &[on(PersonRole::Operator, "pg-test*")]).await;
    let both =
        house.person("both", &[on(PersonRole::Operator, "pg-test"), on(PersonRole::Operator, "pg-b")]).await;
    let kept = console.kept_plan(house.plans[0]).await.unwrap().stored;
    for (clusters, of_tom, of_both) in [
        (Some(vec!["pg-test"]), "ok", "ok"),
        (Some(vec!["pg-test", "pg-b"]), OUT, "ok"),
        (Some(vec![]), OUT, OUT),
        (None, OUT, OUT),
    ] {
        let new = NewPlan {
            revision: kept.revision,
            digest: kept.digest.clone(),
            plan: kept.plan.clone(),
            facts: kept.facts.clone(),
            clusters: clusters.map(|names| names.into_iter().map(str::to_owned).collect()),
            author: "ann".into(),
            created_us: 1,
        };
        let id = console.inner.store.add_plan(&new).await.unwrap();
        assert_eq!(code(console.plan_page(&tom, id).await), of_tom, "{:?}", new.clusters);
        assert_eq!(code(console.plan_page(&both, id).await), of_both, "{:?}", new.clusters);
        assert_eq!(code(console.plan_page(&house.bench.ann, id).await), "ok");
    }
    // What was written down with a plan is not what it is about any more: the inventory in force decides.
    let grown = console.kept_plan(house.plans[1]).await.unwrap().stored;
    let new = NewPlan {
        revision: grown.revision,
        digest: grown.digest,
        plan: grown.plan,
        facts: grown.facts,
        clusters: Some(["pg-test".to_owned()].into()),
        author: "ann".into(),
        created_us: 1,
    };
    let id = console.inner.store.add_plan(&new).await.unwrap();
    assert_eq!(code(console.run(&tom, id).await), OUT);
    house.end().await;
}

#[tokio::test]
async fn an_approver_out_of_scope_neither_sees_nor_decides() {
    let house = house().await;
    let console = &house.bench.console;
    let plan = house.bench.destroying_of("pg-b").await;
    console.request_approval(&house.bench.ann, plan, "not needed any more").await.unwrap();
    let out = house.person("out", &[on(PersonRole::Approver, "pg-test*")]).await;
    let local = house.person("local", &[on(PersonRole::Admin, "pg-test"), on(PersonRole::Viewer, "*")]).await;
    let within = house.person("within", &[on(PersonRole::Approver, "pg-b")]).await;
    let listed = console.approvals(&out).await.unwrap();
    assert_eq!((listed.waiting.len(), console.approvals_waiting(&out).await.unwrap()), (0, 0));
    assert_eq!(code(console.plan_standing(&out, plan).await), OUT);
    // One sees it, and may decide as little, for being an admin elsewhere.
    assert_eq!(console.approvals(&local).await.unwrap().waiting.len(), 1);
    let standing = console.plan_standing(&local, plan).await.unwrap();
    for verdict in [standing.may_approve, standing.may_break_glass, standing.may_run, standing.may_request] {
        assert!(matches!(verdict, Verdict::Refused { problem } if problem.code == OUT));
    }
    for actor in [&out, &local] {
        assert_eq!(code(console.approve(actor, plan, "pg-b").await), OUT);
        assert_eq!(code(console.refuse_approval(actor, plan, "no").await), OUT);
        assert_eq!(code(console.run(actor, plan).await), OUT);
    }
    assert_eq!(code(console.break_glass(&local, plan, "pg-b", "fire").await), OUT);
    assert_eq!(console.approvals_waiting(&within).await.unwrap(), 1);
    console.approve(&within, plan, "pg-b").await.unwrap();
    // Whoever loses the scope between the approval and the run has approved nothing.
    console.people().revoke("within", &on(PersonRole::Approver, "pg-b")).await.unwrap();
    console.people().grant("within", &on(PersonRole::Approver, "pg-test")).await.unwrap();
    assert_eq!(code(console.run(&house.bench.ann, plan).await), "run/approver-lost");
    let zoe = house.person("zoe", &[PersonRole::Admin.into()]).await;
    let rows = console
        .audit(&zoe, AuditFilter { act: "approval".into(), ..AuditFilter::default() })
        .await
        .unwrap()
        .rows;
    assert_eq!(rows.iter().filter(|row| row.refused).count(), 5, "{rows:?}");
    house.end().await;
}

#[tokio::test]
async fn the_whole_text_is_edited_only_where_the_edit_reaches_clusters_in_scope() {
    let house = house().await;
    let console = &house.bench.console;
    let tom = house.person("tom", &[on(PersonRole::Operator, "pg-test*"), on(PersonRole::Viewer, "*")]).await;
    let page = console.inventory(&tom).await.unwrap();
    assert!(!page.text.contains("Sup3rSecretB") && page.may_save == Verdict::Allowed, "{}", page.text);
    let base = page.revision;
    let save = async |base: Option<RevisionId>, text: String| {
        console.save_inventory(&tom, base, text, String::new()).await
    };
    for (from, to, expected) in [
        ("127.0.0.3: { pg_seq: 1", "127.0.0.3: { pg_seq: 2", OUT),
        ("  vars:\n    ansible_port", "  vars:\n    more: 1\n    ansible_port", OUT),
        ("etcd_seq: 1", "etcd_seq: 2", OUT),
        ("pg_cluster: pg-test", "pg_cluster: pg-b", OUT),
        ("    pg-b:\n", "    pg-b: # mine\n", OUT),
        ("pg_admin_password: ••••••", "pg_admin_password: guessed", "inventory/hidden-line"),
    ] {
        assert!(page.text.contains(from), "{from} in {}", page.text);
        let saved = save(base, page.text.replacen(from, to, 1)).await;
        assert_eq!(code(saved), expected, "{to}");
    }
    let edit = page.text.replace("pg_cluster: pg-test }", "pg_cluster: pg-test, pg_port: 5999 }");
    let Saved::Revision { revision } = save(base, edit).await.unwrap() else { panic!("saved") };
    let whole = console.inventory(&house.bench.ann).await.unwrap().text;
    assert!(whole.contains("pg_port: 5999") && whole.contains("pg_admin_password: Sup3rSecretB"), "{whole}");
    // A stale base is merged, and a conflict shows as little.
    let late = page.text.replace("pg_cluster: pg-test }", "pg_cluster: pg-test, pg_port: 6001 }");
    let Saved::Conflict { theirs, yours, .. } = save(base, late.clone()).await.unwrap() else {
        panic!("a conflict")
    };
    assert!(
        yours == late && theirs.contains("pg_port: 5999") && !theirs.contains("Sup3rSecretB"),
        "{theirs}"
    );
    // Who may not read it whole does not write it whole, and has the forms of the clusters in scope.
    let own = house.person("own", &[on(PersonRole::Operator, "pg-test*")]).await;
    let blind = console.save_inventory(&own, Some(revision), whole.clone(), String::new()).await;
    assert_eq!(code(blind), OUT);
    let form = |cluster: &str| NewInstance {
        base: revision,
        cluster: cluster.into(),
        addr: "127.0.0.9".into(),
        seq: 2,
        role: "replica".into(),
    };
    assert_eq!(code(console.declare_instance(&own, form("pg-b")).await), OUT);
    let clone = |name: &str, source: &str| NewClone {
        base: revision,
        source: source.into(),
        name: name.into(),
        instances: vec![("127.0.0.8".into(), "primary".into())],
        upstream: None,
    };
    assert_eq!(code(console.declare_clone(&own, clone("pg-test-2", "pg-b")).await), OUT);
    assert_eq!(code(console.declare_clone(&own, clone("pg-c", "pg-test")).await), OUT);
    let new = |name: &str| NewCluster {
        name: name.into(),
        instances: vec![("127.0.0.7".into(), "primary".into())],
        ..NewCluster::default()
    };
    assert_eq!(code(console.preview_new_cluster(&own, whole.clone(), new("pg-c")).await), OUT);
    assert_eq!(code(console.preview_new_cluster(&own, whole, new("pg-test-3")).await), "ok");
    assert_eq!(code(console.declare_instance(&own, form("pg-test")).await), "ok");
    house.end().await;
}

#[tokio::test]
async fn audit_and_people_are_for_admins_on_everything() {
    let house = house().await;
    let console = &house.bench.console;
    for (name, grants, whole) in [
        ("far", vec![on(PersonRole::Admin, "pg-*"), on(PersonRole::Approver, "*")], false),
        ("zoe", vec![on(PersonRole::Admin, "*")], true),
    ] {
        let actor = house.person(name, &grants).await;
        let me = console.me(&actor);
        assert_eq!((me.reads_audit, me.reads_people, me.reads_inventory), (whole, whole, true));
        for refused in [
            console.audit(&actor, AuditFilter::default()).await.map(drop),
            console.people_page(&actor).await.map(drop),
        ] {
            assert_eq!(refused.is_ok(), whole);
            assert!(refused.is_ok() || refused.is_err_and(|problem| problem.kind == ProblemKind::Forbidden));
        }
    }
    let zoe = console.sign_in("zoe", "correct horse", None).await.unwrap();
    let listed = console.people_page(&zoe).await.unwrap();
    assert_eq!(
        listed.iter().find(|one| one.name == "far").unwrap().grants,
        ["admin on pg-*", "approver on *"]
    );
    house.end().await;
}
