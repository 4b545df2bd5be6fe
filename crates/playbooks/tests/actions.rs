//! Preconditions of actions on a running cluster: what is planned, and what is refused with which reason.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use paddock_inventory::{Inventory, NodeAddr};
use paddock_playbooks::{FactSet, Facts, HostFacts, Intent, Material, Plan, Refusal, hosts_concerned, plan};
use serde_json::{Value, json};

const INVENTORY: &str = "\
all:
  children:
    etcd: { hosts: { 10.10.10.10: { etcd_seq: 1 } }, vars: { etcd_cluster: etcd } }
    pg-test:
      hosts:
        10.10.10.11: { pg_seq: 1, pg_role: primary }
        10.10.10.12: { pg_seq: 2, pg_role: replica }
        10.10.10.13: { pg_seq: 3, pg_role: offline }
      vars:
        pg_cluster: pg-test
        pg_users:
          - { name: app, password: App.Secret, pgbouncer: true }
          - { name: old, state: absent }
          - { name: owner, state: absent }
          - { name: 'Bad Name' }
          - { name: replicator, state: absent }
        pg_databases:
          - { name: shop, owner: owner }
          - { name: gone, state: absent }
          - { name: postgres, state: absent }
          - { name: filled, baseline: filled.sql }
          - { name: again, state: recreate }
  vars: { admin_ip: 10.10.10.10, pg_version: 15 }
";

/// A cluster as it is seen; the defaults are a healthy one.
struct World {
    members: Value,
    config: Value,
    pause: bool,
    pending: &'static [&'static str],
    silent: &'static [&'static str],
    backups: Value,
}

fn world() -> World {
    World {
        members: json!([
            member(1, "leader", json!(null)),
            member(2, "replica", json!(100)),
            member(3, "replica", json!(0))
        ]),
        config: json!({"ttl": 30, "loop_wait": 10, "retry_timeout": 10, "postgresql": {"parameters": {"max_connections": 100}}}),
        pause: false,
        pending: &[],
        silent: &[],
        backups: json!([{"name": "pg-test", "db": [{"id": 1}], "backup": []}]),
    }
}

fn member(seq: u32, role: &str, lag: Value) -> Value {
    json!({"name": format!("pg-test-{seq}"), "role": role, "state": "running", "host": format!("10.10.10.1{seq}"), "timeline": 1, "lag": lag})
}

impl World {
    fn facts(&self) -> FactSet {
        let host = |seq: u32| -> (NodeAddr, HostFacts) {
            let ip = format!("10.10.10.1{seq}");
            if self.silent.contains(&ip.as_str()) {
                return (ip.parse().unwrap(), HostFacts::Unreachable { reason: "no route".into() });
            }
            let name = format!("pg-test-{seq}");
            let cluster = json!({"members": self.members, "pause": self.pause});
            let patroni = json!({"state": "running", "postmaster_start_time": format!("start {seq}"),
                "pending_restart": self.pending.contains(&name.as_str()), "patroni": {"scope": "pg-test", "name": name}});
            let text = format!(
                "os_id=debian\nos_version=12\ncpus=2\nmem_mb=4096\ndisk_gb=50\npg_version=15\nnode_ready=1\netcd_ready=1\ndata_version=15\ndata_scope=pg-test\ndata_mark=7.{seq}\nlive_cluster={cluster}\nlive_config={}\nlive_patroni={patroni}\nsetting=max_connections 100\ndatabase=16400 shop\ndatabase=16401 again\nconf_loaded=noon\nbackups={}\n",
                self.config, self.backups
            );
            (ip.parse().unwrap(), HostFacts::Known(Facts::parse(&text).unwrap()))
        };
        FactSet((1..=3).map(host).collect())
    }

    fn plan(&self, words: &str) -> Result<Plan, Refusal> {
        planned(words, &self.facts())
    }

    fn refuses(&self, words: &str, code: &str, why: &str) {
        match self.plan(words) {
            Ok(plan) => panic!("`{words}` should be refused with {code}, and is planned:\n{}", plan.render()),
            Err(refusal) => {
                assert_eq!(refusal.code, code, "{words}: {}", refusal.why);
                assert!(refusal.why.contains(why), "{words}: {}", refusal.why);
            }
        }
    }

    /// The titles of the stages.
    fn stages(&self, words: &str) -> Vec<String> {
        let plan = self.plan(words).unwrap_or_else(|refusal| panic!("{words}: {refusal}"));
        plan.stages.into_iter().map(|stage| stage.name).collect()
    }
}

fn planned(words: &str, facts: &FactSet) -> Result<Plan, Refusal> {
    let words: Vec<String> = words.split(' ').map(str::to_owned).collect();
    let intent = Intent::parse(&words)?;
    let inventory = Inventory::read(INVENTORY).0;
    hosts_concerned(&inventory, &intent)?;
    plan(&inventory, facts, &Material::default(), &intent)
}

fn first_step(plan: &Plan) -> String {
    plan.steps().next().unwrap().2.title.clone()
}

#[test]
fn the_replica_with_the_least_lag_takes_over_and_an_offline_one_only_when_nobody_else_can() {
    let healthy = world();
    let plan = healthy.plan("pg switchover pg-test").unwrap();
    assert_eq!(first_step(&plan), "pg-test-2 leads pg-test, and pg-test-1 streams from it");
    assert!(plan.warnings.iter().any(|warning| warning.code == "plan/declared-roles"));
    let far = World {
        members: json!([
            member(1, "leader", json!(null)),
            member(2, "replica", json!(2_000_000)),
            member(3, "replica", json!(0))
        ]),
        ..world()
    };
    assert_eq!(
        first_step(&far.plan("pg switchover pg-test").unwrap()),
        "pg-test-3 leads pg-test, and pg-test-1 streams from it"
    );
    let named = healthy.plan("pg switchover pg-test --candidate pg-test-3").unwrap();
    assert!(first_step(&named).starts_with("pg-test-3 leads"));
}

#[test]
fn what_patronictl_refuses_is_refused_with_its_reason() {
    let to = "pg switchover pg-test --candidate pg-test-2";
    world().refuses("pg switchover pg-test --candidate pg-test-1", "plan/already-leads", "leads already");
    world().refuses(
        "pg switchover pg-test --candidate pg-test-9",
        "plan/unknown-member",
        "no member `pg-test-9`",
    );
    let with = |second: Value| World {
        members: json!([member(1, "leader", json!(null)), second, member(3, "replica", json!("unknown"))]),
        ..world()
    };
    with(member(2, "replica", json!("unknown"))).refuses(to, "plan/not-streaming", "lag is unknown");
    with(member(2, "replica", json!(2_000_000))).refuses(to, "plan/lags", "2000000 bytes behind");
    with(member(2, "replica", json!(2_000_000))).refuses(
        "pg switchover pg-test",
        "plan/no-candidate",
        "pg-test-3` does not stream",
    );
    let mut tagged = member(2, "replica", json!(0));
    tagged["tags"] = json!({"nofailover": true});
    with(tagged).refuses(to, "plan/nofailover", "nofailover");
    let synchronous = World { config: json!({"synchronous_mode": true}), ..world() };
    synchronous.refuses(to, "plan/not-synchronous", "not the synchronous standby");
    World { pause: true, ..world() }.refuses("pg switchover pg-test", "plan/paused", "paused");
    assert!(
        World { pause: true, ..world() }.plan(to).is_ok(),
        "a named candidate may take over while paused"
    );
    World { pause: true, ..world() }.refuses("pg pause pg-test", "plan/already-paused", "is paused");
    world().refuses("pg resume pg-test", "plan/not-paused", "is not paused");
    world().refuses("pg reinit pg-test pg-test-1", "plan/reinit-leader", "leads");
}

#[test]
fn a_failover_is_for_a_cluster_without_a_healthy_leader_and_needs_no_node_but_the_candidates() {
    let words = "pg failover pg-test --candidate pg-test-2";
    world().refuses(words, "plan/healthy-leader", "pg-test-1` leads");
    let headless = World {
        members: json!([member(2, "replica", json!(0)), member(3, "replica", json!(0))]),
        silent: &["10.10.10.11"],
        ..world()
    };
    assert_eq!(headless.stages(words), ["Fail over", "Verify"]);
    let plan = headless.plan(words).unwrap();
    assert!(
        plan.warnings.iter().any(|warning| warning.text.starts_with("pg-test-1 on 10.10.10.11 is left out"))
    );
    headless.refuses("pg switchover pg-test", "plan/no-leader", "no declared member");
    headless.refuses("pg failover pg-test --candidate pg-test-1", "plan/node-unreachable", "no route");
}

#[test]
fn replicas_restart_first_unless_a_setting_was_lowered() {
    assert_eq!(
        world().stages("pg restart pg-test"),
        ["Restart pg-test-2", "Restart pg-test-3", "Restart pg-test-1", "Verify"]
    );
    world().refuses("pg restart pg-test --pending", "plan/nothing-pending", "no member");
    let waits = World { pending: &["pg-test-3"], ..world() };
    assert_eq!(waits.stages("pg restart pg-test --pending"), ["Restart pg-test-3", "Verify"]);
    let lowered =
        || World { config: json!({"postgresql": {"parameters": {"max_connections": 50}}}), ..world() };
    assert_eq!(
        lowered().stages("pg restart pg-test"),
        ["Restart pg-test-1", "Restart pg-test-2", "Restart pg-test-3", "Verify"]
    );
    lowered().refuses("pg restart pg-test pg-test-2", "plan/leader-first", "`max_connections` was lowered");
}

#[test]
fn a_silent_member_is_left_out_and_said_but_not_the_one_that_is_needed() {
    let one = World { silent: &["10.10.10.13"], ..world() };
    let plan = one.plan("pg reload pg-test").unwrap();
    assert_eq!(plan.nodes().len(), 2);
    assert!(
        plan.warnings
            .iter()
            .any(|warning| warning.code == "plan/member-left-out" && warning.text.contains("10.10.10.13"))
    );
    one.refuses("pg reload pg-test pg-test-3", "plan/node-unreachable", "no route");
    assert!(one.plan("pgsql-user pg-test app").is_ok());
    let leader = World { silent: &["10.10.10.11"], ..world() };
    leader.refuses("pgsql-user pg-test app", "plan/node-unreachable", "pg-test-1");
}

#[test]
fn a_backup_needs_a_stanza_and_the_first_of_all_is_full() {
    let plan = world().plan("pg-backup pg-test diff").unwrap();
    assert!(plan.warnings.iter().any(|warning| warning.code == "plan/first-is-full"));
    World { backups: json!([{"name": "pg-test", "db": [], "backup": []}]), ..world() }.refuses(
        "pg-backup pg-test full",
        "plan/no-stanza",
        "no stanza",
    );
    World { config: json!({"standby_cluster": {"host": "10.10.10.20"}}), ..world() }.refuses(
        "pg-backup pg-test full",
        "plan/standby-cluster",
        "standby cluster",
    );
}

#[test]
fn only_declared_users_and_databases_are_touched_and_drops_are_destructive() {
    let seen = world();
    seen.refuses("pgsql-user pg-test nobody", "plan/unknown-user", "app, old, owner");
    seen.refuses("pgsql-user pg-test postgres", "plan/system-user", "dbsu");
    seen.refuses("pgsql-user pg-test replicator", "plan/system-user", "own accounts");
    seen.refuses("pgsql-user pg-test owner", "plan/user-owns", "shop");
    seen.refuses("pgsql-db pg-test nowhere", "plan/unknown-database", "shop, gone");
    seen.refuses("pgsql-db pg-test postgres", "plan/system-database", "PostgreSQL itself");
    let filled: Vec<String> = seen
        .plan("pgsql-db pg-test filled")
        .unwrap()
        .steps()
        .map(|(_, _, step)| step.id.0.clone())
        .filter(|id| id.contains("baseline"))
        .collect();
    assert_eq!(filled, ["pgsql/pg_db/filled/baseline-file", "pgsql/pg_db/filled/baseline"]);
    seen.refuses("pgsql-user.yml -l 10.10.10.12 -e username=app", "plan/leader-outside", "pg-test-1");
    for (words, destroys) in [
        ("pgsql-user pg-test app", false),
        ("pgsql-user pg-test old", true),
        ("pgsql-db pg-test shop", false),
        ("pgsql-db pg-test gone", true),
        ("pgsql-db pg-test again", true),
    ] {
        assert_eq!(seen.plan(words).unwrap().is_destructive(), destroys, "{words}");
    }
    assert_eq!(seen.stages("pgsql-db pg-test gone"), ["Poolers", "Drop the database"], "clients go first");
    let secret = "App.Secret";
    let plan = seen.plan("pgsql-user pg-test app").unwrap();
    for (_, _, step) in plan.steps() {
        let scripts = step.fact.scripts();
        let texts = [Some(&scripts.check), scripts.apply.as_ref()];
        assert!(texts.into_iter().flatten().all(|script| !script.text.contains(secret)), "{}", step.id.0);
    }
}

#[test]
fn everything_plans_when_no_node_was_asked() {
    for words in [
        "pg switchover pg-test",
        "pg failover pg-test --candidate pg-test-2",
        "pg restart pg-test --pending",
        "pg reload pg-test",
        "pg reinit pg-test pg-test-3",
        "pg pause pg-test",
        "pg resume pg-test",
        "pg edit-config pg-test -p work_mem=64MB",
        "pg-backup pg-test",
        "pgsql-user pg-test app",
        "pgsql-db pg-test again",
    ] {
        let plan = planned(words, &FactSet::default());
        assert!(plan.is_ok(), "{words}: {plan:?}");
    }
}

#[test]
fn nobody_answers_and_nothing_is_assumed() {
    let dead = World { silent: &["10.10.10.11", "10.10.10.12", "10.10.10.13"], ..world() };
    dead.refuses("pg switchover pg-test", "plan/no-patroni", "on no member");
    dead.refuses("pgsql-user pg-test app", "plan/no-patroni", "on no member");
}
