//! Words of people: what is secret in them is shown nowhere, what is hostile in them is refused or quoted.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic and tell")]
mod common;

use common::{FLEET, facts, inventory, material, planned};
use paddock_inventory::Inventory;
use paddock_playbooks::{FactSet, Intent, Material, Operation, Plan, plan};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::{Command, Stdio};

const CANARY: &str = "C4naryPa55";

fn words(line: &[&str]) -> Vec<String> {
    line.iter().map(|word| (*word).to_owned()).collect()
}

/// Each of these with the canary in it.
const SECRET: [&[&str]; 4] = [
    &["pgsql.yml", "-l", "pg-test", "-t", "pg_hba", "-e", "pg_admin_password=C4naryPa55"],
    &["pgsql.yml", "-l", "pg-test", "-t", "pg_hba", "-e", r#"{"x": [{"api_token": "C4naryPa55"}]}"#],
    &["node.yml", "-l", "pg-test", "-e", "a=b my_secret=C4naryPa55 c=d"],
    &[
        "pg",
        "edit-config",
        "pg-test",
        "--apply",
        r#"{"postgresql": {"authentication": {"password": "C4naryPa55"}}}"#,
    ],
];

#[test]
fn a_secret_of_the_command_line_is_shown_in_no_form_of_it_and_known_to_the_plan() {
    for line in SECRET {
        let intent = Intent::parse(&words(line)).unwrap();
        let plays = intent.operation.plays(&intent.extra_vars);
        for shown in
            plays.iter().map(paddock_playbooks::Play::command_line).chain([intent.operation.script_form()])
        {
            assert!(!shown.contains(CANARY) && shown.contains("••••••"), "{shown}");
        }
        if line[0] == "pg" {
            continue;
        }
        let inventory = inventory(FLEET);
        let made = |intent: &Intent| {
            plan(&inventory, &facts(&inventory), &material(&inventory, intent), intent).unwrap()
        };
        let plan = made(&intent);
        assert!(plan.secrets.contains(CANARY), "it is replaced in events and on pages");
        assert!(!plan.render().contains(CANARY) && !plan.title.contains(CANARY), "{}", plan.render());
        let other: Vec<String> = line.iter().map(|word| word.replace(CANARY, "Oth3rPa55")).collect();
        let again = made(&Intent::parse(&other).unwrap());
        assert_eq!(plan.digest, again.digest, "a digest does not tell a secret by being tried");
    }
}

/// A refusal is shown, logged, and written into the audit log.
#[test]
fn a_refusal_does_not_quote_what_may_be_secret() {
    for line in [
        &["pgsql.yml", "-l", "pg-test", "-e", "x_password=a C4naryPa55"][..],
        &["pgsql.yml", "-l", "pg-test", "-e", r#"{"x_password": "C4naryPa55"#],
        &["pgsql.yml", "-l", "pg-test", "-e", r#"{"x_password": C4naryPa55}"#],
        &["pgsql.yml", "-l", "pg-test", "-e", "x_password=a", "C4naryPa55"],
        &["pgsql.yml", "-l", "pg-test", "-eC4naryPa55=x"],
        &["pgsql.yml", "-l", "pg-test", "--extra-vars=x_password=C4naryPa55"],
        &["pgsql.yml", "-e", "x_password=C4naryPa55"],
        &["pgsql-add", "pg-test", "-e", "x_password=C4naryPa55"],
        &["pgsql-add", "pg-test", "--x_password=C4naryPa55"],
        &["no-such", "pg-test", "-e", "x_password=C4naryPa55"],
    ] {
        let refusal = Intent::parse(&words(line)).unwrap_err();
        assert!(!format!("{refusal:?}").contains("C4nary"), "{refusal:?}");
        assert!(
            !refusal.what.is_empty() && !refusal.why.is_empty() && !refusal.fix.is_empty(),
            "{refusal:?}"
        );
    }
}

/// The words that a shell makes of a line.
fn split(line: &str) -> Vec<String> {
    let out = Command::new("sh").arg("-c").arg(format!("printf '%s\\0' {line}")).output().unwrap();
    assert!(
        out.status.success() && out.stderr.is_empty(),
        "{line}: {}",
        String::from_utf8_lossy(&out.stderr)
    );
    let text = String::from_utf8(out.stdout).unwrap();
    text.split_terminator('\0').map(str::to_owned).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_words_are_an_operation_or_a_refusal_with_its_reason(
        first in prop::sample::select(vec!["pgsql.yml", "node.yml", "pgsql-pitr.yml", "pgsql-add", "pgsql-user", "node-rm", "pg", "pg-backup", "", "x"]),
        rest in prop::collection::vec(prop_oneof![
            any::<String>(),
            prop::sample::select(vec!["-l", "-t", "-e", "pg-test", "10.0.0.1", "all", "switchover", "{", "a=b", "--candidate", "@x"]).prop_map(str::to_owned),
        ], 0..7),
    ) {
        let line: Vec<String> = std::iter::once(first.to_owned()).chain(rest).collect();
        match Intent::parse(&line) {
            Ok(intent) => {
                let (inventory, _) = Inventory::read(FLEET);
                if let Err(refusal) = plan(&inventory, &FactSet::default(), &Material::default(), &intent) {
                    prop_assert!(!refusal.code.is_empty() && !refusal.why.is_empty(), "{refusal:?}");
                }
            }
            Err(refusal) => prop_assert!(!refusal.what.is_empty() && !refusal.why.is_empty() && !refusal.fix.is_empty()),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    /// What stands beside a button can be pasted into a shell.
    #[test]
    fn a_shown_play_is_read_by_a_shell_as_the_same_play(
        limit in "[a-z0-9.:&!*;'\" $`-]{0,12}[a-z]", key in "[a-z_]{1,8}", value in "[^\u{0}]{0,20}",
    ) {
        prop_assume!(!paddock_inventory::is_secret_name(&key));
        let json = serde_json::json!({ key: [value] }).to_string();
        let intent = Intent::parse(&words(&["pgsql.yml", "-l", &limit, "-t", "pg_hba", "-e", &json])).unwrap();
        let Operation::Play(play) = &intent.operation else { panic!("a play") };
        let again = Intent::parse(&split(&play.command_line())).unwrap();
        prop_assert_eq!(again, intent);
    }
}

/// No text of these is a whole script: a shell that reads them outside of quotes complains.
const HOSTILE: [&str; 12] = [
    "; rm -rf /tmp/x (",
    "a'b",
    "a\"b",
    "a$(b",
    "a`b",
    "a;;b",
    "a)b",
    "a\nfi",
    "&& (b",
    "${a",
    "<<(",
    "' \" $( ` )",
];

fn scripts(plan: &Plan) -> impl Iterator<Item = (&str, String)> {
    plan.steps().flat_map(|(_, _, step)| {
        let scripts = step.fact.scripts();
        std::iter::once(scripts.check).chain(scripts.apply).map(|script| (step.id.0.as_str(), script.text))
    })
}

fn is_whole(step: &str, script: &str, name: &str) {
    let mut bash =
        Command::new("bash").arg("-n").stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    bash.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    let read = bash.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&read.stderr);
    assert!(read.status.success() && said.is_empty(), "{name:.40?}: {step}: {said:.400}\n{script:.4000}");
}

/// Quoted wherever it stands in a script that would not be the same without it; or refused.
#[test]
fn a_hostile_name_of_a_cluster_a_user_or_a_database_is_refused_or_quoted_in_every_script() {
    let (user, database, cluster) = ("name: dbuser_shop,", "name: shop, owner", "pg_cluster: pg-test\n");
    let forms: [(&str, &[&str]); 6] = [
        (user, &["pgsql-user", "pg-test", "NAME"]),
        (user, &["pgsql.yml", "-l", "pg-test", "-t", "pg_user,pg_hba,pg_service"]),
        (database, &["pgsql-db", "pg-test", "NAME"]),
        (database, &["pgsql.yml", "-l", "pg-test", "-t", "pg_db,pgbouncer"]),
        (cluster, &["pgsql-add", "NAME"]),
        (cluster, &["pgsql.yml", "-l", "pg-test"]),
    ];
    let made = |(from, line): (&str, &[&str]), name: &str| {
        let yaml = serde_json::to_string(name).unwrap();
        let (key, rest) = from.split_once(": ").unwrap();
        let rest = rest.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_' || c == '-');
        let to = format!("{key}: {yaml}{rest}");
        let (inventory, _) = Inventory::read(FLEET.replacen(from, &to, 1));
        assert!(inventory.text().contains(&to), "{from} is in the fleet");
        let line: Vec<String> = line.iter().map(|word| word.replace("NAME", name)).collect();
        Intent::parse(&line)
            .and_then(|intent| plan(&inventory, &facts(&inventory), &Material::default(), &intent))
    };
    let hostile = HOSTILE.iter().map(|name| (*name).to_owned());
    let names: Vec<String> =
        hostile.chain(["a\0b".to_owned(), "é ü".to_owned(), "x".repeat(5_000)]).collect();
    let (mut refused, mut read) = (0, 0);
    for form in forms.iter().filter(|(_, line)| line.contains(&"NAME")) {
        let long = made(*form, &"x".repeat(1 << 20));
        assert!(long.is_err(), "a name of 1 MB is refused: {form:?}");
    }
    for form in forms {
        let plain = made(form, "ordinary").unwrap_or_else(|_| planned(FLEET, "pgsql.yml -l pg-test"));
        let plain: BTreeSet<String> = scripts(&plain).map(|(_, script)| script).collect();
        for name in &names {
            let Ok(plan) = made(form, name) else {
                refused += 1;
                continue;
            };
            for (step, script) in scripts(&plan).filter(|(_, script)| !plain.contains(script)) {
                is_whole(step, &script, name);
                read += 1;
            }
        }
    }
    println!("{refused} refused; {read} scripts read");
    assert!(refused > 20 && read > 20, "both happen: {refused} refused, {read} scripts read");
}
