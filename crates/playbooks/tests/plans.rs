//! What holds for every plan.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic and tell")]
mod common;

use common::{FLEET, facts, intent, inventory, material, planned};
use paddock_playbooks::{Fact, FactSet, Material, Plan, plan};
use proptest::prelude::*;
use std::collections::BTreeSet;

const WORDS: &[&str] = &[
    "pgsql-add pg-test",
    "pgsql-add pg-one",
    "pgsql-add pg-copy",
    "pgsql-add pg-far",
    "node-add all",
    "node-add pg-test",
    "etcd.yml -l etcd",
    "pgsql-svc pg-test",
    "pgsql-svc pg-test 10.10.10.13",
    "pgsql-hba pg-far",
    "pgsql.yml -l pg-test",
    "pgsql.yml -l pg-test,pg-far -t pg_hba,pg_service -e pg_reload=true",
    "pgsql.yml -l all",
    "node.yml -l 10.10.10.11",
];

/// Secrets of the fleet, in whatever form they could be written into a shell text.
const SECRETS: &[&str] = &[
    "Repl.Secret",
    "Admin.Secret",
    "Monitor.Secret",
    "Patroni.Secret",
    "Etcd.Secret",
    "Haproxy.Secret",
    "Shop.Secret",
    "{secret}",
    "Minio.Key",
    "Minio.Secret",
    "Cipher.",
    "Private pgsql",
    "Private etcd",
    "Private ssh",
];

fn check(plan: &Plan) -> Result<(), TestCaseError> {
    let mut seen = BTreeSet::new();
    for (stage, host, step) in plan.steps() {
        prop_assert_eq!(host, step.host, "{} runs where it is listed", step.id.0);
        prop_assert!(
            seen.insert((plan.stages[stage].play, host, step.id.clone())),
            "{} is on {} twice",
            step.id.0,
            host
        );
        prop_assert!(step.limit_s > 0 && !step.tags.is_empty() && !step.title.is_empty());
        let scripts = step.fact.scripts();
        prop_assert!(!scripts.check.text.trim().is_empty(), "{} has no check", step.id.0);
        if let Fact::Command { check, .. } = &step.fact {
            let no = ["exit 1", "exit 2", "exit $bad", "sys.exit("];
            prop_assert!(no.iter().any(|no| check.contains(no)), "{} cannot say no: {check}", step.id.0);
        }
        for script in std::iter::once(&scripts.check).chain(&scripts.apply) {
            for secret in SECRETS.iter().copied().chain(plan.secrets.iter().map(String::as_str)) {
                prop_assert!(!script.text.contains(secret), "{}: `{secret}` is in a command", step.id.0);
            }
        }
        prop_assert!(!SECRETS.iter().any(|secret| step.title.contains(secret)));
        if let Fact::File { content, secret: false, path, .. } = &step.fact {
            let told = SECRETS.iter().find(|secret| content.contains(**secret));
            prop_assert!(told.is_none(), "{path} is shown in a diff and holds {told:?}");
        }
    }
    let shown = plan.render();
    prop_assert!(!SECRETS.iter().any(|secret| shown.contains(secret)));
    Ok(())
}

#[test]
fn every_plan_is_made_of_facts_that_can_be_checked_and_tells_no_secret() {
    for words in WORDS {
        check(&planned(FLEET, words)).unwrap_or_else(|error| panic!("{words}: {error}"));
    }
}

#[test]
fn the_fleet_has_the_secrets_that_are_looked_for() {
    let plan = planned(FLEET, "pgsql.yml -l all");
    for secret in ["Repl.Secret", "Shop.Secret", "it's {secret}", "Minio.Secret", "Cipher.${pg_cluster}"] {
        assert!(plan.secrets.contains(secret), "{secret} is not known as one: {:?}", plan.secrets);
    }
    let all: String = plan.steps().map(|(_, _, step)| format!("{:?}", step.fact)).collect();
    for secret in SECRETS
        .iter()
        .filter(|secret| !secret.contains("etcd") && !matches!(**secret, "Etcd.Secret" | "Haproxy.Secret"))
    {
        assert!(all.contains(secret), "{secret} is used somewhere");
    }
}

/// Services of two clusters on one pair of load balancers: each step there belongs to one cluster.
#[test]
fn clusters_that_share_load_balancers_have_steps_of_their_own_there() {
    let text = FLEET
        .replace("    minio: {", "    proxy: { hosts: { 10.10.10.51: , 10.10.10.52: } }\n    minio: {")
        .replace("pg_cluster: pg-one,", "pg_cluster: pg-one, pg_service_provider: proxy,")
        .replace("pg_cluster: pg-copy,", "pg_cluster: pg-copy, pg_service_provider: proxy, pg_default_services: [{ name: primary, port: 6433, check: /leader, selector: '[]' }],");
    let plan = planned(&text, "pgsql.yml -l pg-one,pg-copy");
    check(&plan).unwrap();
    for balancer in ["10.10.10.51", "10.10.10.52"] {
        let files = plan.steps().filter(|(_, host, step)| {
            host.to_string() == balancer && matches!(step.fact, Fact::FileSet { .. })
        });
        assert_eq!(files.count(), 2, "{balancer} has the services of both");
    }
}

#[test]
fn planning_twice_gives_one_plan() {
    for words in WORDS {
        let (one, two) = (planned(FLEET, words), planned(FLEET, words));
        assert_eq!(one, two, "{words}");
        assert_eq!(one.digest.0.len(), 64);
    }
}

#[test]
fn the_page_the_script_and_the_playbook_are_one_plan() {
    for (one, other) in [
        ("pgsql-add pg-test", "pgsql.yml -l pg-test"),
        ("bin/pgsql-add pg-test", "./pgsql.yml -l pg-test"),
        ("node-add pg-test", "node.yml -l pg-test"),
        ("pgsql-svc pg-test", "pgsql.yml -l pg-test -t pg_service -e pg_reload=true"),
    ] {
        assert_eq!(planned(FLEET, one).digest, planned(FLEET, other).digest, "{one} and {other}");
    }
}

/// The digest stands for what is done: it moves with every word of it, and with nothing else.
#[test]
fn a_digest_moves_with_what_is_done_and_not_with_who_keeps_the_keys() {
    let words = "pgsql-add pg-test";
    let digest = |text: &str| planned(text, words).digest;
    let base = digest(FLEET);
    for (from, to) in [
        ("pg_conf: oltp.yml", "pg_conf: olap.yml"),
        ("port: 5435", "port: 5437"),
        ("addr: 10.20.0.0/16, auth: ssl", "addr: 10.21.0.0/16, auth: ssl"),
        ("pg_weight: 50", "pg_weight: 60"),
        ("250ms", "251ms"),
    ] {
        assert_ne!(base, digest(&FLEET.replace(from, to)), "{to}");
    }
    for (from, to) in [("# none", "# none"), ("pg-one, pg_conf: tiny.yml", "pg-one, pg_conf: oltp.yml")] {
        assert_eq!(base, digest(&FLEET.replace(from, to)), "{to} is another cluster's");
    }
    let (inventory, intent) = (inventory(FLEET), intent(words));
    let facts = facts(&inventory);
    let mut other = material(&inventory, &intent);
    other.0.values_mut().for_each(|value| *value = format!("another console's {value}"));
    assert_eq!(plan(&inventory, &facts, &other, &intent).unwrap().digest, base);
    assert_eq!(
        plan(&inventory, &facts, &Material::default(), &intent).unwrap().digest,
        base,
        "an offline plan is the same"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever names, passwords and words people declare: one plan, no secret in a command.
    #[test]
    fn hostile_words_stay_out_of_commands(
        password in "[ -~]{6,20}", comment in any::<String>(), database in "[a-zA-Z' \";$`é-]{1,12}", title in any::<String>()
    ) {
        let mark = format!("Xq7{password}7qX");
        let text = FLEET
            .replace("Shop.Secret", &quoted(&mark))
            .replace("comment: the shop", &format!("comment: {}", quoted(&comment)))
            .replace("name: direct", &format!("name: {}", quoted(&database)))
            .replace("title: members", &format!("title: {}", quoted(&title)));
        let (inventory, _) = paddock_inventory::Inventory::read(text.as_str());
        prop_assert!(!inventory.is_broken());
        let intent = intent("pgsql-add pg-test");
        let material = material(&inventory, &intent);
        let facts = facts(&inventory);
        let one = plan(&inventory, &facts, &material, &intent);
        prop_assert_eq!(&one, &plan(&inventory, &facts, &material, &intent));
        if let Ok(one) = one {
            check(&one)?;
            for (_, _, step) in one.steps() {
                let scripts = step.fact.scripts();
                for script in std::iter::once(&scripts.check).chain(&scripts.apply) {
                    prop_assert!(!script.text.contains("Xq7"), "{}", step.id.0);
                }
            }
            prop_assert!(one.secrets.contains(&mark));
        }
    }

    #[test]
    fn any_words_are_an_intent_or_a_refusal(words in prop::collection::vec("[a-z0-9.,:&!*=@{}\"-]{0,12}|pgsql-add|node-add|pgsql.yml|-l|-t|-e|pg-test", 0..6)) {
        let inventory = inventory(FLEET);
        if let Ok(intent) = paddock_playbooks::Intent::parse(&words) {
            match plan(&inventory, &FactSet::default(), &Material::default(), &intent) {
                Ok(plan) => check(&plan)?,
                Err(refusal) => {
                    prop_assert!(refusal.code.starts_with("plan/"), "{refusal:?}");
                    prop_assert!(!refusal.what.is_empty() && !refusal.why.is_empty() && !refusal.fix.is_empty());
                }
            }
        }
    }
}

/// A YAML double-quoted scalar.
fn quoted(text: &str) -> String {
    let escaped: String = text
        .chars()
        .map(|c| match c {
            '"' => "\\\"".to_owned(),
            '\\' => "\\\\".to_owned(),
            c if c.is_ascii_graphic() || c == ' ' => c.to_string(),
            c => format!("\\U{:08X}", u32::from(c)),
        })
        .collect();
    format!("\"{escaped}\"")
}
