//! The inventory through its public surface: forms seen in the wild, types, precedence, patterns, edits.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic and tell")]

use paddock_inventory::{
    ClusterName, HostPattern, InstanceRole, Inventory, Level, Map, NewGroup, NodeAddr, PatternError,
    Severity, Value, VarTarget, add_cluster, add_instance, remove_cluster, remove_instance, render_findings,
    set_var,
};
use proptest::prelude::*;

const SAMPLE: &str = "\
---
# the lab
all:
  children:
    infra: { hosts: { 10.10.10.10: { infra_seq: 1 }}}
    etcd: { hosts: { 10.10.10.10: { etcd_seq: 1 } }, vars: { etcd_cluster: etcd } }
    pg-test:   # three instances
      hosts:
        10.10.10.11: { pg_seq: 1 ,pg_role: primary , pg_offline_query: true }
        10.10.10.12: { pg_seq: 2, pg_role: replica }
        # 10.10.10.14: { pg_seq: 4, pg_role: replica }
        10.10.10.13: { pg_seq: 3, pg_role: offline }
      vars:
        pg_cluster: pg-test
        pg_conf: tiny.yml
        pg_users: [{ name: test , password: test }]
  vars:
    admin_ip: 10.10.10.10
    version: v4.5.0
    region: default
    patroni_watchdog_mode: off
    file_mode: 0640
    pg_exporters: { 20001: { pg_cluster: x, pg_seq: 1 } }
    pg_conf: oltp.yml
...
";

fn name(text: &str) -> ClusterName {
    text.parse().unwrap()
}

fn addr(text: &str) -> NodeAddr {
    text.parse().unwrap()
}

fn read(text: &str) -> Inventory {
    Inventory::read(text).0
}

fn errors(text: &str) -> Vec<&'static str> {
    let (_, findings) = Inventory::read(text);
    findings.into_iter().filter(|f| f.severity == Severity::Error).map(|f| f.code).collect()
}

#[test]
fn a_sample_reads_clean_with_its_cluster() {
    let (inventory, findings) = Inventory::read(SAMPLE);
    assert_eq!(render_findings("x", SAMPLE, &findings), "");
    let cluster = inventory.cluster(&name("pg-test")).unwrap();
    let shown: Vec<String> = cluster
        .instances
        .iter()
        .map(|i| format!("{} {} {} line {}", i.id, i.addr, i.role, i.span.line))
        .collect();
    assert_eq!(
        shown,
        [
            "pg-test-1 10.10.10.11 primary line 9",
            "pg-test-2 10.10.10.12 replica line 10",
            "pg-test-3 10.10.10.13 offline line 12"
        ]
    );
    assert_eq!(inventory.text(), SAMPLE);
}

#[test]
fn values_have_ansible_types_and_know_their_origin() {
    let inventory = read(SAMPLE);
    let vars = inventory.vars(addr("10.10.10.11"));
    assert_eq!(vars.value("patroni_watchdog_mode"), Some(&Value::Bool(false)));
    assert_eq!(vars.int("file_mode"), Some(416));
    let exporters = vars.map("pg_exporters").unwrap();
    assert_eq!(exporters.0[0].0, Value::Int(20001));
    let conf = vars.get("pg_conf").unwrap();
    assert_eq!(conf.value, Value::Text("tiny.yml".into()));
    assert!(matches!(&conf.level, Level::Group(group) if group.0 == "pg-test"));
    assert_eq!(conf.span.unwrap().line, 15);
    let extra = Map(vec![(Value::Text("pg_conf".into()), Value::Text("olap.yml".into()))]);
    assert_eq!(inventory.vars_with(addr("10.10.10.11"), &extra).text("pg_conf").as_deref(), Some("olap.yml"));
}

#[test]
fn sibling_groups_win_by_name_and_hosts_beat_groups() {
    let text = "all:\n  children:\n    redis-x: { hosts: { 10.0.0.1: {} }, vars: { a: redis } }\n    pg-x: { hosts: { 10.0.0.1: { b: host } }, vars: { a: pg, b: pg } }\n  vars: { admin_ip: 10.0.0.1, a: all }\n";
    let vars = read(text).vars(addr("10.0.0.1"));
    assert_eq!((vars.text("a").as_deref(), vars.text("b").as_deref()), (Some("redis"), Some("host")));
}

#[test]
fn merge_keys_ranges_crlf_bom_and_missing_newlines_are_taken() {
    let text = "\u{feff}all:\r\n  children:\r\n    web: { hosts: '10.0.1.[1:3]', vars: { <<: &d { x: on, y: y }, x: off } }\r\n  vars: { admin_ip: 10.0.0.1, z: *d }";
    let (inventory, findings) = Inventory::read(text);
    assert_eq!(inventory.hosts().len(), 3, "{findings:?}");
    let vars = inventory.vars(addr("10.0.1.2"));
    assert_eq!(vars.value("x"), Some(&Value::Bool(false)));
    assert_eq!(vars.text("y").as_deref(), Some("y"));
    assert_eq!(inventory.text(), text);
}

#[test]
fn broken_clusters_are_found_with_their_place() {
    let two = SAMPLE.replace("pg_seq: 2, pg_role: replica", "pg_seq: 1, pg_role: primary");
    assert_eq!(errors(&two), ["pgsql/two-primaries", "pgsql/duplicate-seq"]);
    let (_, findings) = Inventory::read(two.as_str());
    let seq = findings.iter().find(|f| f.code == "pgsql/duplicate-seq").unwrap();
    assert_eq!((seq.span.line, seq.span.column), (10, 32));
    let fixed = seq.fix.as_ref().unwrap().apply(&two);
    assert_eq!(errors(&fixed), ["pgsql/two-primaries"]);
    assert_eq!(errors(&SAMPLE.replace("    etcd: {", "    other: {")), ["etcd/no-group"]);
    assert_eq!(errors("all: [\n"), ["yaml/syntax"]);
    assert_eq!(errors(&SAMPLE.replace("10.10.10.12", "10.10.10.300")), ["host/bad-address"]);
    assert_eq!(errors("{}"), ["file/no-all"]);
    assert_eq!(errors(""), ["file/no-all"]);
}

#[test]
fn patterns_select_and_refuse() {
    let inventory = read(SAMPLE);
    let select = |text: &str| HostPattern::parse(text).and_then(|pattern| inventory.select(&pattern));
    let hosts = |text: &str| select(text).unwrap().iter().map(|h| h.ip().octets()[3]).collect::<Vec<_>>();
    assert_eq!(hosts("pg-test"), [11, 12, 13]);
    assert_eq!(hosts("pg-test,!10.10.10.13"), [11, 12]);
    assert_eq!(hosts("10.10.10.13,10.10.10.12,&pg-test"), [12, 13]);
    assert_eq!(hosts(",10.10.10.1*"), [10, 11, 12, 13]);
    assert_eq!(select(" , ").unwrap_err(), PatternError::Empty);
    assert_eq!(select("pg-x").unwrap_err(), PatternError::Unknown { term: "pg-x".into() });
    assert_eq!(select("10.10.10.300").unwrap_err(), PatternError::BadAddress { term: "10.10.10.300".into() });
    assert!(matches!(select("10.10.10.10,&pg-test"), Err(PatternError::NotAMember { .. })));
    assert!(matches!(select("pg-test,!pg-test"), Err(PatternError::NoHosts { .. })));
}

#[test]
fn edits_touch_only_their_lines() {
    let inventory = read(SAMPLE);
    let new = NewGroup {
        name: name("pg-new"),
        instances: vec![(addr("10.10.10.21"), 1, InstanceRole::Primary)],
        vars: Map(vec![(Value::Text("pg_version".into()), Value::Int(15))]),
    };
    let added = add_cluster(&inventory, &new).unwrap();
    let hunks = paddock_inventory::diff(SAMPLE, &added);
    assert!(hunks.iter().flat_map(|h| &h.lines).all(|(sign, _)| *sign != '-'), "{added}");
    assert_eq!(errors(&added), [] as [&str; 0]);
    assert_eq!(
        remove_cluster(&read(&added), &name("pg-new")).unwrap().replace("\n\n  vars", "\n  vars"),
        SAMPLE
    );
    let grown =
        add_instance(&inventory, &name("pg-test"), addr("10.10.10.15"), 5, InstanceRole::Replica).unwrap();
    assert_eq!(remove_instance(&read(&grown), &name("pg-test"), addr("10.10.10.15")).unwrap(), SAMPLE);
    let set =
        set_var(&inventory, &VarTarget::Group("pg-test".into()), "pg_conf", &Value::Text("olap.yml".into()));
    assert_eq!(set.unwrap(), SAMPLE.replace("pg_conf: tiny.yml", "pg_conf: olap.yml"));
}

proptest! {
    #[test]
    fn no_input_panics_and_text_is_kept(text in any::<String>()) {
        let (inventory, findings) = Inventory::read(text.as_str());
        prop_assert_eq!(inventory.text(), text.as_str());
        let _rendered: String = render_findings("f", &text, &findings);
    }

    #[test]
    fn yaml_like_input_does_not_panic(text in "[a-c0-9:{}\\[\\], \\n&*!'\"|>#.-]{0,80}") {
        let text = format!("all:\n  children:\n    g:\n      {text}");
        let (inventory, _) = Inventory::read(text.as_str());
        prop_assert_eq!(inventory.text(), text.as_str());
    }

    #[test]
    fn any_host_pattern_is_answered(text in "[a-z0-9.,:&!*?\\[\\]-]{0,40}") {
        let inventory = read(SAMPLE);
        if let Ok(pattern) = HostPattern::parse(&text)
            && let Ok(hosts) = inventory.select(&pattern)
        {
            prop_assert!(!hosts.is_empty());
        }
    }

    #[test]
    fn generated_clusters_read_back(hosts in proptest::collection::btree_map(2u8..250, 1u32..99, 1..6), blanks in 0usize..4) {
        let lines: String = hosts
            .iter()
            .enumerate()
            .map(|(i, (host, _))| {
                let role = if i == 0 { "primary" } else { "replica" };
                format!("        10.1.1.{host}: {{ pg_seq: {},{}pg_role: {role} }} # é\n", i + 1, " ".repeat(blanks + 1))
            })
            .collect();
        let text = format!("all:\n  children:\n    etcd: {{ hosts: {{ 10.1.1.1: {{ etcd_seq: 1 }} }} }}\n    c:\n      hosts:\n{lines}      vars: {{ pg_cluster: c }}\n  vars: {{ admin_ip: 10.1.1.1 }}");
        let inventory = read(&text);
        prop_assert_eq!(inventory.cluster(&name("c")).unwrap().instances.len(), hosts.len());
        let grown = add_instance(&inventory, &name("c"), addr("10.1.2.1"), 900, InstanceRole::Replica).unwrap();
        let hunks = paddock_inventory::diff(&text, &grown);
        let changed = hunks.iter().flat_map(|h| &h.lines).filter(|(sign, _)| *sign != ' ').count();
        prop_assert_eq!(changed, 1);
    }
}
