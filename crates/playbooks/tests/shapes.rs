//! Clusters that are not three members beside their own HAProxy: a virtual address, load balancers of their own, names in
//! the DNS, a pooler that looks users up, databases that lose something or are filled once; and what is refused or said
//! because it is not done.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic and tell")]
#![allow(dead_code, reason = "the shared module has more than is used here")]
mod common;

use common::{intent, inventory, material};
use paddock_playbooks::{DataDir, Fact, FactSet, Facts, HostFacts, Plan, Refusal, hosts_concerned, plan};
use std::collections::BTreeMap;

/// `more` are further variables of pg-far, `tail` further groups.
fn text(more: &str, tail: &str) -> String {
    format!(
        "\
all:
  children:
    infra: {{ hosts: {{ 10.10.10.9: {{ infra_seq: 1 }} }} }}
    etcd: {{ hosts: {{ 10.10.10.10: {{ etcd_seq: 1 }} }}, vars: {{ etcd_cluster: etcd }} }}
    proxy: {{ hosts: {{ 10.10.10.7: {{}}, 10.10.10.8: {{}} }} }}
    pg-far:
      hosts:
        10.10.10.11: {{ pg_seq: 1, pg_role: primary }}
        10.10.10.12: {{ pg_seq: 2, pg_role: replica }}
        10.10.10.13: {{ pg_seq: 3, pg_role: offline, pg_upstream: 10.10.10.12 }}
      vars:
        pg_cluster: pg-far
{more}
{tail}
  vars: {{ admin_ip: 10.10.10.9, version: v4.5.0, region: default, pg_version: 15 }}
"
    )
}

const VIP: &str = "        pg_vip_enabled: true\n        pg_vip_address: 10.10.10.100/24\n        pg_listen: '${lo},${ip},${vip}'";
const PROVIDER: &str = "        pg_service_provider: proxy";

/// What the nodes say; `change` makes one of them say something else.
fn planned(text: &str, words: &str, change: impl Fn(&str, &mut Facts)) -> Result<Plan, Refusal> {
    let (inventory, intent) = (inventory(text), intent(words));
    let known = |host: paddock_inventory::NodeAddr| {
        let interfaces = BTreeMap::from([(host.to_string(), "ens3".to_owned())]);
        let mut facts = Facts { interfaces, ..Facts::assumed() };
        change(&host.to_string(), &mut facts);
        (host, HostFacts::Known(facts))
    };
    let hosts = hosts_concerned(&inventory, &intent)?;
    let facts = FactSet(hosts.into_iter().map(known).collect());
    plan(&inventory, &facts, &material(&inventory, &intent), &intent)
}

fn with_data(facts: &mut Facts) {
    facts.data_dir = DataDir::Cluster { scope: Some("pg-far".into()), version: "15".into() };
}

/// Titles of the steps whose id begins so, with their node.
fn steps(plan: &Plan, begins: &str) -> Vec<String> {
    let found = plan.steps().filter(|(_, _, step)| step.id.0.starts_with(begins));
    found.map(|(_, host, step)| format!("{host} {}", step.id.0)).collect()
}

fn written(plan: &Plan, host: &str, id: &str) -> String {
    let step = plan.steps().find(|(_, at, step)| at.to_string() == host && step.id.0 == id);
    let (_, _, step) = step.unwrap_or_else(|| panic!("{host} has no step {id}"));
    match &step.fact {
        Fact::File { content, .. } => content.clone(),
        Fact::Command { stdin: Some(stdin), .. } => stdin.clone(),
        Fact::Sql { check, apply, .. } => format!("{check}\n\n{apply}"),
        other => panic!("{id} writes nothing: {other:?}"),
    }
}

fn warned(plan: &Plan, code: &str) -> Option<String> {
    plan.warnings.iter().find(|warning| warning.code == code).map(|warning| warning.text.clone())
}

fn same(_: &str, _: &mut Facts) {}

#[test]
fn a_virtual_address_is_kept_by_each_member_and_goes_with_the_cluster() {
    let text = text(VIP, "");
    let plan = planned(&text, "pgsql-add pg-far", same).unwrap();
    insta::assert_snapshot!("pg-far-2 pg-vip.conf", written(&plan, "10.10.10.12", "pgsql/pg_vip/conf"));
    insta::assert_snapshot!("pg-far-2 pg-vip-leads", written(&plan, "10.10.10.12", "pgsql/pg_vip/leads"));
    let conf = written(&plan, "10.10.10.12", "pgsql/pg_conf/patroni.yml");
    assert!(conf.contains("listen: \"127.0.0.1,10.10.10.12,10.10.10.100:5432\""), "{conf}");
    assert_eq!(steps(&plan, "pgsql/verify/vip").len(), 3);
    // Who joins is told to the others, who know each other as peers.
    let joins = |host: &str, facts: &mut Facts| {
        if host != "10.10.10.13" {
            with_data(facts);
        }
    };
    let plan = planned(&text, "pgsql-add pg-far 10.10.10.13", joins).unwrap();
    let told: Vec<String> =
        steps(&plan, "pgsql/pg_vip/conf").into_iter().filter(|step| !step.contains("10.10.10.13")).collect();
    assert_eq!(told, ["10.10.10.11 pgsql/pg_vip/conf", "10.10.10.12 pgsql/pg_vip/conf"]);

    let plan = planned(&text, "pgsql-rm pg-far", |_, facts| with_data(facts)).unwrap();
    assert_eq!(steps(&plan, "pgsql/pg_vip/stop").len(), 3);
    assert_eq!(steps(&plan, "pgsql/pg_vip/released").len(), 3);
}

#[test]
fn an_address_that_is_not_declared_any_more_is_taken_off() {
    let runs = |_: &str, facts: &mut Facts| {
        with_data(facts);
        facts.active_units.insert("pg-vip".into());
    };
    let plan = planned(&text("", ""), "pgsql.yml -l pg-far -t pg_vip", runs).unwrap();
    assert_eq!(steps(&plan, "pgsql/pg_vip/stop").len(), 3);
    assert_eq!(
        planned(&text("", ""), "pgsql.yml -l pg-far -t pg_vip", same).unwrap_err().code,
        "plan/no-step"
    );
}

#[test]
fn an_address_without_a_network_card_is_refused() {
    let elsewhere = |host: &str, facts: &mut Facts| {
        if host == "10.10.10.12" {
            facts.interfaces = BTreeMap::from([("192.168.0.12".to_owned(), "ens3".to_owned())]);
        }
    };
    let refusal = planned(&text(VIP, ""), "pgsql-add pg-far", elsewhere).unwrap_err();
    assert_eq!(refusal.code, "plan/vip-no-interface");
    assert!(refusal.why.contains("10.10.10.12"), "{}", refusal.why);
    let named = format!("{VIP}\n        pg_vip_interface: bond0");
    let plan = planned(&text(&named, ""), "pgsql-add pg-far", elsewhere).unwrap();
    assert!(written(&plan, "10.10.10.12", "pgsql/pg_vip/conf").contains("interface bond0"));
    let bad = format!("{VIP}\n        pg_vip_interface: 'eth0 }}'");
    assert_eq!(planned(&text(&bad, ""), "pgsql-add pg-far", same).unwrap_err().code, "plan/vip-no-interface");
}

#[test]
fn load_balancers_are_prepared_told_locked_and_cleaned() {
    let text = text(PROVIDER, "");
    let raw = |host: &str, facts: &mut Facts| facts.node_ready = host != "10.10.10.7";
    let plan = planned(&text, "pgsql-add pg-far", raw).unwrap();
    assert_eq!(plan.plays[0].command_line(), "node.yml -l 10.10.10.7");
    let services = ["10.10.10.7 pgsql/pg_service/files/pg-far", "10.10.10.8 pgsql/pg_service/files/pg-far"];
    assert_eq!(steps(&plan, "pgsql/pg_service/files"), services);
    assert!(plan.locks.contains("node/10.10.10.8"), "{:?}", plan.locks);

    let plan = planned(&text, "pgsql-rm pg-far", |_, facts| with_data(facts)).unwrap();
    let gone = steps(&plan, "pgsql/pg_service/gone/pg-far");
    assert_eq!(gone, ["10.10.10.7 pgsql/pg_service/gone/pg-far", "10.10.10.8 pgsql/pg_service/gone/pg-far"]);
    let plan = planned(&text, "pgsql-rm pg-far 10.10.10.13", |_, facts| with_data(facts)).unwrap();
    let refusal = planned(&text, "node-rm 10.10.10.8", same).unwrap_err();
    assert_eq!(refusal.code, "plan/module-alive");
    assert!(refusal.why.contains("10.10.10.8 has the services of `pg-far`"), "{}", refusal.why);
    let drained = steps(&plan, "pgsql/rm_service/drain");
    assert_eq!(drained.len(), 2, "clients come through the load balancers: {drained:?}");
    assert!(drained.iter().all(|step| step.ends_with("/pg-far")), "{drained:?}");
}

#[test]
fn a_cascading_replica_is_looked_for_at_its_upstream() {
    let plan = planned(&text("", ""), "pgsql-add pg-far", same).unwrap();
    let (_, _, step) = plan.steps().find(|(_, _, step)| step.id.0 == "pgsql/verify/replication").unwrap();
    let Fact::Command { check, .. } = &step.fact else { panic!("{step:?}") };
    assert!(
        check.contains("{\"pg-far-1\": None, \"pg-far-2\": None, \"pg-far-3\": \"pg-far-2\"}"),
        "{check}"
    );
}

#[test]
fn names_are_in_the_dns_of_infra_nodes_that_serve_it() {
    let serves = |host: &str, facts: &mut Facts| {
        if host == "10.10.10.9" {
            facts.active_units.insert("dnsmasq".into());
        }
    };
    for (more, expect) in [
        ("", Some("10.10.10.11 pg-far\n")),
        ("        pg_dns_target: none", None),
        ("        pg_dns_target: 10.20.0.1", Some("10.20.0.1 pg-far\n")),
        (VIP, Some("10.10.10.100 pg-far\n")),
    ] {
        let plan = planned(&text(more, ""), "pgsql-add pg-far", serves).unwrap();
        assert_eq!(written(&plan, "10.10.10.9", "pgsql/pg_dns/pg-far-3"), "10.10.10.13 pg-far-3\n");
        let has = !steps(&plan, "pgsql/pg_dns/pg-far").iter().all(|step| step.contains("pg-far-"));
        assert_eq!(has, expect.is_some(), "{more}");
        if let Some(expect) = expect {
            assert_eq!(written(&plan, "10.10.10.9", "pgsql/pg_dns/pg-far"), expect, "{more}");
        }
        assert_eq!(warned(&plan, "plan/dns-not-done"), None);
    }
    for (bad, says) in [("vip", "no virtual address is enabled"), ("primry", "neither auto, primary")] {
        let declared = format!("        pg_dns_target: {bad}");
        let plan = planned(&text(&declared, ""), "pgsql-add pg-far", serves).unwrap();
        assert!(warned(&plan, "plan/dns-not-done").unwrap().contains(says), "{bad}");
    }
    let suffix = "        pg_dns_suffix: .db.lan";
    let plan = planned(&text(suffix, ""), "pgsql-add pg-far", serves).unwrap();
    assert_eq!(written(&plan, "10.10.10.9", "pgsql/pg_dns/pg-far.db.lan"), "10.10.10.11 pg-far.db.lan\n");
    let all = |host: &str, facts: &mut Facts| {
        serves(host, facts);
        if host.starts_with("10.10.10.1") && host != "10.10.10.10" {
            with_data(facts);
        }
    };
    let plan = planned(&text(suffix, ""), "pgsql-rm pg-far", all).unwrap();
    assert_eq!(steps(&plan, "pgsql/rm_dns/").len(), 4);

    let plan = planned(&text(suffix, ""), "pgsql-add pg-far", same).unwrap();
    let said = warned(&plan, "plan/dns-not-done").unwrap();
    assert!(said.contains("no dnsmasq is known to run on the infra nodes (10.10.10.9)"), "{said}");
    assert_eq!(steps(&plan, "pgsql/pg_dns"), [] as [String; 0]);
}

#[test]
fn the_pooler_looks_up_users_as_the_dbsu() {
    let more = "        pgbouncer_auth_query: true\n        pg_databases: [{ name: shop }]";
    let plan = planned(&text(more, ""), "pgsql-add pg-far", same).unwrap();
    let ini = written(&plan, "10.10.10.11", "pgsql/pgbouncer_config/pgbouncer.ini");
    assert!(
        ini.contains(
            "auth_user = postgres\nauth_query = SELECT username, password FROM monitor.pgbouncer_auth($1)\n"
        ),
        "{ini}"
    );
    for id in ["pgsql/pg_init/template1", "pgsql/pg_init/postgres", "pgsql/pg_db/shop/inside"] {
        assert!(written(&plan, "10.10.10.11", id).contains("FUNCTION monitor.pgbouncer_auth"), "{id}");
    }
}

#[test]
fn schemas_and_extensions_that_are_absent_are_dropped_and_defaults_can_be_changed() {
    let more = "        pg_default_schemas: [monitor, tools]\n        pg_default_extensions: [{ name: pg_trgm, schema: tools }, hstore]\n        pg_databases: [{ name: shop, schemas: [sales, { name: attic, state: absent }], extensions: [{ name: hstore, state: absent }] }]";
    let plan = planned(&text(more, ""), "pgsql-add pg-far", same).unwrap();
    insta::assert_snapshot!("shop absent.sql", written(&plan, "10.10.10.11", "pgsql/pg_db/shop/absent"));
    let inside = written(&plan, "10.10.10.11", "pgsql/pg_db/shop/inside");
    assert!(
        !inside.contains("hstore") && !inside.contains("attic") && !inside.contains("pgstattuple"),
        "{inside}"
    );
    assert!(
        inside.contains("\"tools\"") && inside.contains("\"sales\"") && inside.contains("pg_trgm"),
        "{inside}"
    );
    assert!(!plan.is_destructive(), "a new database has nothing to lose: {:?}", plan.destroys());
    let there = |_: &str, facts: &mut Facts| {
        with_data(facts);
        facts.databases.insert("shop".into(), 16_384);
    };
    let plan = planned(&text(more, ""), "pgsql-add pg-far", there).unwrap();
    assert!(
        plan.destroys().iter().any(|what| what.contains("extension hstore, schema attic")),
        "{:?}",
        plan.destroys()
    );
}

#[test]
fn a_baseline_fills_a_new_database_and_no_other() {
    let more = "        pg_databases: [{ name: shop, baseline: shop.sql }]";
    let plan = planned(&text(more, ""), "pgsql-add pg-far", same).unwrap();
    let ids = steps(&plan, "pgsql/pg_db/shop");
    let order = ["baseline-file", "shop", "inside", "baseline"].map(str::to_owned);
    assert_eq!(ids.iter().map(|id| id.rsplit('/').next().unwrap().to_owned()).collect::<Vec<_>>(), order);
    assert_eq!(warned(&plan, "plan/baseline"), None);
    let there = |_: &str, facts: &mut Facts| {
        with_data(facts);
        facts.databases.insert("shop".into(), 16_384);
    };
    let plan = planned(&text(more, ""), "pgsql-add pg-far", there).unwrap();
    assert_eq!(steps(&plan, "pgsql/pg_db/shop/baseline"), [] as [String; 0]);
    assert!(warned(&plan, "plan/baseline").unwrap().contains("`shop.sql` into `shop`"));
}

/// A coordinator and a group of workers beside pg-far.
const CITUS: &str = "    pg-c0:
      hosts: { 10.10.10.21: { pg_seq: 1, pg_role: primary } }
      vars: { pg_cluster: pg-c0, pg_group: 0, pg_mode: citus, pg_shard: pg-c, pg_primary_db: shop, pg_dbsu_password: Dbsu.Secret }
    pg-c1:
      hosts:
        10.10.10.22: { pg_seq: 1, pg_role: primary }
        10.10.10.23: { pg_seq: 2, pg_role: replica }
      vars: { pg_cluster: pg-c1, pg_group: 1, pg_mode: citus, pg_shard: pg-c, pg_primary_db: shop, pg_dbsu_password: Dbsu.Secret }";

#[test]
fn citus_groups_share_a_scope_and_an_account() {
    let text = text("", CITUS);
    let offered = |_: &str, facts: &mut Facts| {
        facts.citus_packages =
            ["postgresql-14-citus-12.1", "postgresql-15-citus-11.3", "postgresql-15-citus-12.1"]
                .map(str::to_owned)
                .into();
    };
    let plan = planned(&text, "pgsql.yml -l pg-c0,pg-c1", offered).unwrap();
    insta::assert_snapshot!(
        "pg-c1-2 patroni.yml",
        written(&plan, "10.10.10.23", "pgsql/pg_conf/patroni.yml")
    );
    assert_eq!(steps(&plan, "pgsql/pg_etcd"), ["10.10.10.10 pgsql/pg_etcd/pg-c"]);
    let (_, _, packages) = plan.steps().find(|(_, _, step)| step.id.0 == "pgsql/pg_pkg/packages").unwrap();
    assert!(packages.title.contains("postgresql-15-citus-12.1"), "{}", packages.title);
    assert!(written(&plan, "10.10.10.21", "pgsql/pg_pass/pgpass").contains("*:*:*:postgres:Dbsu.Secret\n"));
    assert_eq!((warned(&plan, "plan/not-done"), warned(&plan, "plan/citus-password")), (None, None));

    let refusal = planned(&text, "pgsql-add pg-c1", same).unwrap_err();
    assert_eq!(refusal.code, "plan/citus-missing");
    let open = text.replace(", pg_dbsu_password: Dbsu.Secret", "");
    assert!(warned(&planned(&open, "pgsql-add pg-c1", offered).unwrap(), "plan/citus-password").is_some());
    assert_eq!(
        planned(&text, "pgsql-pitr.yml -l pg-c1 -e pg_pitr={}", offered).unwrap_err().code,
        "plan/not-supported"
    );
}

#[test]
fn a_citus_group_that_goes_leaves_the_others_their_account() {
    let there = |host: &str, facts: &mut Facts| {
        if host.starts_with("10.10.10.2") {
            facts.data_dir = DataDir::Cluster { scope: Some("pg-c".into()), version: "15".into() };
        }
    };
    let both = text("", CITUS);
    let plan = planned(&both, "pgsql-rm pg-c1", there).unwrap();
    assert_eq!(steps(&plan, "pgsql/rm_dcs"), ["10.10.10.10 pgsql/rm_dcs/keys"]);
    let (_, _, keys) = plan.steps().find(|(_, _, step)| step.id.0 == "pgsql/rm_dcs/keys").unwrap();
    let Fact::Command { apply: Some(apply), .. } = &keys.fact else { panic!("{keys:?}") };
    assert!(apply.contains("del --prefix /pg/pg-c/1/"), "{apply}");
    let alone = text("", &CITUS[CITUS.find("    pg-c1:").unwrap()..]);
    let plan = planned(&alone, "pgsql-rm pg-c1", there).unwrap();
    assert_eq!(steps(&plan, "pgsql/rm_dcs").len(), 2, "the account goes with the last group");
}

#[test]
fn what_is_not_supported_is_refused() {
    for declared in [
        "pg_mode: mssql",
        "pg_dbsu: pgadmin",
        "pg_data: /srv/data",
        "pg_bin_dir: /opt/pg/bin",
        "pg_localhost: /tmp",
        "patroni_enabled: false",
        "patroni_ssl_enabled: true",
    ] {
        let refusal =
            planned(&text(&format!("        {declared}"), ""), "pgsql-add pg-far", same).unwrap_err();
        assert_eq!(refusal.code, "plan/not-supported", "{declared}");
        assert!(refusal.why.contains(declared), "{}", refusal.why);
    }
    let usual = "        pg_mode: pgsql\n        pg_data: /pg/data\n        patroni_enabled: yes\n        patroni_ssl_enabled: false";
    assert!(planned(&text(usual, ""), "pgsql-add pg-far", same).is_ok());
}

#[test]
fn what_is_declared_and_not_done_is_said() {
    let more = "        patroni_mode: pause\n        pg_files: [/etc/extra.conf]\n        pg_exporter_enabled: false\n        pgsodium_key: Sodium.Key\n        pg_delay: 1h\n        node_tune: oltp\n        pg_rm_pkg: true";
    let raw = |_: &str, facts: &mut Facts| facts.node_ready = false;
    let plan = planned(&text(more, ""), "pgsql-add pg-far", raw).unwrap();
    let said = warned(&plan, "plan/not-done").unwrap();
    assert_eq!(
        said,
        "Declared, and not done by Paddock: `node_tune`, `patroni_mode`, `pg_delay` (it acts on a primary with `pg_upstream` only), `pg_files`, `pgsodium_key`. See docs/operations.md."
    );
    let plan = planned(&text("", ""), "pgsql-add pg-far", same).unwrap();
    assert_eq!(warned(&plan, "plan/not-done"), None);
    let plan = planned(&text(more, ""), "pgsql-rm pg-far", |_, facts| with_data(facts)).unwrap();
    assert!(warned(&plan, "plan/not-done").unwrap().contains("`pg_rm_pkg`"));
}

/// The fleet's backups on a host of their own.
fn on_a_host(more: &str) -> String {
    text(
        &format!(
            "        pgbackrest_method: central\n        pgbackrest_repo: {{ central: {{ host: 10.10.10.7, path: /data/pgbackrest, cipher_pass: 'Of.${{pg_cluster}}', retention_full: 2{more} }} }}"
        ),
        "",
    )
}

#[test]
fn a_repository_host_has_keys_and_members_and_the_members_only_the_way_there() {
    let plan = planned(&on_a_host(""), "pgsql-add pg-far", same).unwrap();
    let conf = written(&plan, "10.10.10.11", "pgsql/pgbackrest_config/pgbackrest.conf");
    assert!(conf.contains("repo1-host=10.10.10.7\nrepo1-host-user=postgres\nlog-path"), "{conf}");
    assert!(!conf.contains("Of.pg-far"), "the members need no passphrase: {conf}");
    insta::assert_snapshot!(
        "repository host",
        ["stanza.conf", "pgbackrest.conf", "authorized_keys"]
            .map(|what| format!(
                "=== {what}\n{}",
                written(&plan, "10.10.10.7", &format!("pgsql/pg_repository/{what}/pg-far"))
            ))
            .concat()
    );
    let keys = written(&plan, "10.10.10.12", "pgsql/pg_dbsu/authorized_keys");
    assert!(keys.ends_with("ssh-ed25519 AAAA ssh/repository-10.10.10.7\n"), "{keys}");
    let script = written(&plan, "10.10.10.11", "pgsql/pgbackrest_config/pg-backup");
    assert!(
        script.contains(
            "exec ssh -o BatchMode=yes -o ConnectTimeout=10 postgres@10.10.10.7 pgbackrest --stanza"
        )
    );
    assert!(plan.locks.contains("node/10.10.10.7"), "{:?}", plan.locks);

    let removal = planned(&on_a_host(""), "pgsql-rm pg-far", |_, facts| with_data(facts)).unwrap();
    let told = steps(&removal, "pgsql/pg_repository/");
    assert_eq!(
        told,
        [
            "10.10.10.7 pgsql/pg_repository/authorized_keys/pg-far",
            "10.10.10.7 pgsql/pg_repository/gone/pg-far"
        ]
    );
    assert_eq!(steps(&removal, "pgsql/pg_backup/stanza"), ["10.10.10.7 pgsql/pg_backup/stanza/pg-far"]);
    let kept =
        planned(&on_a_host(""), "pgsql-rm.yml -l pg-far -e pg_rm_backup=false", |_, facts| with_data(facts))
            .unwrap();
    assert_eq!(
        steps(&kept, "pgsql/pg_repository/"),
        ["10.10.10.7 pgsql/pg_repository/authorized_keys/pg-far"]
    );
    // A user's play does not touch the host, and does not wait for who does.
    let other = planned(&on_a_host(""), "pg restart pg-far", |_, facts| with_data(facts));
    assert!(other.is_err() || !other.unwrap().locks.contains("node/10.10.10.7"));
}

#[test]
fn a_cluster_comes_back_from_a_repository_host_that_admits_nobody_any_more() {
    let back = |info: Option<&str>| {
        planned(&on_a_host(""), r#"pgsql-pitr.yml -l pg-far -e {"pg_pitr":{}}"#, |host, facts| {
            facts.backups = info.filter(|_| host == "10.10.10.7").map(str::to_owned);
        })
    };
    let info = r#"[{"name": "pg-far", "db": [{"id": 1, "version": "15"}], "archive": [], "backup":
        [{"label": "20260101-000000F", "type": "full", "database": {"id": 1}, "timestamp": {"start": 1, "stop": 2}}]}]"#;
    for info in [Some(info), None] {
        let plan = back(info).unwrap();
        assert_eq!(
            steps(&plan, "pgsql/patroni/unit"),
            [] as [String; 0],
            "a new database would take the stanza"
        );
        assert_eq!(steps(&plan, "pgsql/pgbackrest_init/"), [] as [String; 0]);
        let admits = steps(&plan, "pgsql/pg_repository/authorized_keys");
        assert_eq!(admits, ["10.10.10.7 pgsql/pg_repository/authorized_keys/pg-far"]);
        assert!(!plan.is_destructive(), "there is nothing yet");
    }
    let plan = back(Some(info)).unwrap();
    let from = plan.blast.iter().find(|(label, _)| label == "from backup");
    assert!(from.is_some_and(|(_, value)| value.starts_with("20260101-000000F")), "{:?}", plan.blast);
    let none = r#"[{"name": "pg-far", "db": [{"id": 1, "version": "15"}], "archive": [], "backup": []}]"#;
    assert_eq!(back(Some(none)).unwrap_err().code, "plan/pitr-no-backup");
}

#[test]
fn a_repository_host_that_cannot_be_one_is_refused() {
    let cases = [
        (on_a_host("").replace("host: 10.10.10.7", "host: backup.example"), "no node of the inventory"),
        (on_a_host("").replace("host: 10.10.10.7", "host: 10.10.10.12"), "is a member of a cluster"),
        (on_a_host(", host_user: pgbackrest"), "`host_user` of the repository is `pgbackrest`"),
        (on_a_host(", host_type: tls"), "`host_type` of the repository is `tls`"),
        (
            on_a_host("")
                .replace("pgbackrest_method:", "pg_dbsu_ssh_exchange: false\n        pgbackrest_method:"),
            "`pg_dbsu_ssh_exchange` is false",
        ),
    ];
    for (text, why) in cases {
        let refusal = planned(&text, "pgsql-add pg-far", same).unwrap_err();
        assert_eq!(refusal.code, "plan/repository-host");
        assert!(refusal.why.contains(why), "{}", refusal.why);
    }
}

#[test]
fn a_crontab_that_calls_what_nobody_installs_is_named() {
    let vars = "        pg_crontab: ['00 01 * * * pg-backup full', '00 03 * * 0 /pg/bin/pg-vacuum']";
    let plan = planned(&text(vars, ""), "pgsql-add pg-far", same).unwrap();
    let text = warned(&plan, "plan/cron-program").unwrap();
    assert!(text.contains("calls /pg/bin/pg-vacuum:"), "{text}");
}
