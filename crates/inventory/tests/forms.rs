//! Every form of YAML that inventories are written in: the value Ansible would see, and the same bytes back.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic and tell")]

use paddock_inventory::{
    HostPattern, Inventory, Level, Map, NodeAddr, PatternError, Severity, Value, render_findings,
};

fn t(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn map(entries: &[(Value, Value)]) -> Value {
    Value::Map(Map(entries.to_vec()))
}

fn list(items: &[Value]) -> Value {
    Value::List(items.to_vec())
}

fn addr(text: &str) -> NodeAddr {
    text.parse().unwrap()
}

/// Reads an inventory whose one host is 10.0.0.1 and looks at its variable `v`.
fn value(text: &str) -> Value {
    let (inventory, findings) = Inventory::read(text);
    assert!(!inventory.is_broken(), "{text}\n{}", render_findings("x", text, &findings));
    assert_eq!(inventory.text(), text, "the same bytes come back");
    inventory.vars(addr("10.0.0.1")).value("v").cloned().unwrap_or(Value::Null)
}

/// `v` as one line of block style, and inside a flow mapping, in the variables of a group.
fn check(written: &str, expected: &Value) {
    let block = format!(
        "all:\n  children:\n    g:\n      hosts: {{ 10.0.0.1: }}\n      vars:\n        before: 1\n        v: {written}\n        after: 2\n"
    );
    assert_eq!(&value(&block), expected, "`v: {written}` in block style");
    let crlf = block.replace('\n', "\r\n");
    assert_eq!(&value(&crlf), expected, "`v: {written}` in block style with CRLF");
    let flow =
        format!("all: {{ children: {{ g: {{ hosts: {{ 10.0.0.1: {{}} }}, vars: {{ v: {written} }} }} }} }}");
    assert_eq!(&value(&flow), expected, "`v: {written}` in flow style");
}

#[test]
fn scalars_have_the_types_of_yaml_1_1() {
    let cases = [
        ("on", Value::Bool(true)),
        ("off", Value::Bool(false)),
        ("yes", Value::Bool(true)),
        ("no", Value::Bool(false)),
        ("On", Value::Bool(true)),
        ("OFF", Value::Bool(false)),
        ("Yes", Value::Bool(true)),
        ("NO", Value::Bool(false)),
        ("true", Value::Bool(true)),
        ("False", Value::Bool(false)),
        ("'off'", t("off")),
        ("\"on\"", t("on")),
        ("y", t("y")),
        ("n", t("n")),
        ("0640", Value::Int(416)),
        ("'0640'", t("0640")),
        ("1_000", Value::Int(1000)),
        ("10:20", Value::Int(620)),
        ("0x1F", Value::Int(31)),
        ("0b101", Value::Int(5)),
        ("-12", Value::Int(-12)),
        ("0.25", Value::Float(0.25)),
        ("1e3", t("1e3")),
        ("2025-01-10 10:00:00+00", t("2025-01-10 10:00:00+00")),
        ("'2025-01-10 10:00:00+00'", t("2025-01-10 10:00:00+00")),
        ("2030-01-01", t("2030-01-01")),
        ("~", Value::Null),
        ("null", Value::Null),
        ("10.10.10.10", t("10.10.10.10")),
        ("10.10.10.2/24", t("10.10.10.2/24")),
        ("v4.5.0", t("v4.5.0")),
        ("\"[]\"", t("[]")),
        (
            "\"[? pg_role == `primary` || pg_role == `offline` ]\"",
            t("[? pg_role == `primary` || pg_role == `offline` ]"),
        ),
        ("'${admin_ip}:9001'", t("${admin_ip}:9001")),
        ("'${ip},${vip},${lo}'", t("${ip},${vip},${lo}")),
        ("'pgBR.${pg_cluster}'", t("pgBR.${pg_cluster}")),
        ("\"{{ inventory_hostname }}\"", t("{{ inventory_hostname }}")),
        ("'it''s'", t("it's")),
        ("\"tab\\tand \\u00e9\"", t("tab\tand é")),
        ("数据库", t("数据库")),
        ("!!str 5432", t("5432")),
        ("{}", map(&[])),
        ("{ }", map(&[])),
        ("[]", list(&[])),
        ("[a, 'b', 3]", list(&[t("a"), t("b"), Value::Int(3)])),
        (
            "{ 6379: { }, 6380: { replica_of: '10.10.10.10 6379' } }",
            map(&[
                (Value::Int(6379), map(&[])),
                (Value::Int(6380), map(&[(t("replica_of"), t("10.10.10.10 6379"))])),
            ]),
        ),
        (
            "{ 20001: { pg_cluster: x ,pg_seq: 1 , on: off }}",
            map(&[(
                Value::Int(20001),
                map(&[
                    (t("pg_cluster"), t("x")),
                    (t("pg_seq"), Value::Int(1)),
                    (Value::Bool(true), Value::Bool(false)),
                ]),
            )]),
        ),
        (
            "[{ name: test , password: test }]",
            list(&[map(&[(t("name"), t("test")), (t("password"), t("test"))])]),
        ),
        (
            "[ postgis, { name: pg_stat_monitor, schema: monitor } ]",
            list(&[t("postgis"), map(&[(t("name"), t("pg_stat_monitor")), (t("schema"), t("monitor"))])]),
        ),
    ];
    for (written, expected) in &cases {
        check(written, expected);
    }
}

#[test]
fn blocks_comments_and_merges_give_the_values_meant() {
    let three = list(&[t("a"), t("b"), t("c")]);
    let d = |x: bool| map(&[(t("x"), Value::Bool(x)), (t("y"), t("y"))]);
    // The part below `vars:` of a block group; its first line sits at eight blanks.
    let cases: Vec<(&str, Value)> = vec![
        ("        v:\n        - a\n        - b\n        - c\n", three.clone()),
        (
            "        v:\n          - a\n          # - not\n          - b   # here\n\n          - c\n",
            three.clone(),
        ),
        (
            "        v: [ a, # first\n             # x, a comment in the middle\n             b\n             ,c ]\n",
            three,
        ),
        ("        v: >-\n          --one\n          --two\n        w: 1\n", t("--one --two")),
        ("        v: |\n          one\n           two\n        w: 1\n", t("one\n two\n")),
        ("        v         : { domain: i.pigsty }\n", map(&[(t("domain"), t("i.pigsty"))])),
        (
            "        v: { 'babelfishpg_tsql.migration_mode' : 'multi-db', cron.database_name: postgres }\n",
            map(&[
                (t("babelfishpg_tsql.migration_mode"), t("multi-db")),
                (t("cron.database_name"), t("postgres")),
            ]),
        ),
        ("        \"v\":\n          k: on\n", map(&[(t("k"), Value::Bool(true))])),
        ("        v:\n        w: 1\n", Value::Null),
        ("        a: &d { x: on, y: y }\n        v: *d\n", d(true)),
        (
            "        a: &d { x: on, y: y }\n        v: { <<: *d, x: off }\n",
            map(&[(t("y"), t("y")), (t("x"), Value::Bool(false))]),
        ),
        ("        a: &a { x: off }\n        b: &b { x: on, y: y }\n        v: { <<: [*a, *b] }\n", d(false)),
        ("        a: &d\n          v: merged\n        <<: *d\n", t("merged")),
        ("        v: a # not # this\n", t("a")),
        ("        v: a#b\n", t("a#b")),
        ("        v: 'a'\n   \n\t\n        w: 1   \n", t("a")),
        ("        v: 1\n        v: 2\n", Value::Int(2)),
    ];
    for (vars, expected) in cases {
        for head in ["", "---\n", "\u{feff}", "# 配置 é\n\n---\n# more\n"] {
            for tail in ["", "...\n", "...", "\n\n# the end"] {
                let text = format!(
                    "{head}all:\n  vars: {{ admin_ip: 10.0.0.9 }}\n  children:\n    g:\n      hosts:\n        # 10.0.0.2: {{}}\n        10.0.0.1:\n      vars:\n{vars}{tail}"
                );
                assert_eq!(value(&text), expected, "{text}");
                assert_eq!(value(&text.replace('\n', "\r\n")), expected, "CRLF: {text}");
                if tail.is_empty() {
                    assert_eq!(value(text.trim_end()), expected, "no final newline: {text}");
                }
            }
        }
    }
}

#[test]
fn groups_and_hosts_are_taken_in_every_spelling() {
    let cases = [
        ("etcd: { hosts: { 10.10.10.10: { etcd_seq: 1 } }, vars: { etcd_cluster: etcd } }", vec![10]),
        ("infra: { hosts: { 10.10.10.10: { infra_seq: 1 }}}", vec![10]),
        ("g: { hosts: { 10.10.10.10: { pg_seq: 1 ,pg_role: primary , pg_offline_query: true } } }", vec![10]),
        ("g: { hosts: { 10.10.10.10: {}, 10.10.10.11: { }, 10.10.10.12: } }", vec![10, 11, 12]),
        (
            "g:\n      hosts:\n        10.10.10.10:\n        10.10.10.11:\n          pg_seq: 1\n          pg_role: replica",
            vec![10, 11],
        ),
        (
            "g:\n      vars: { x: 1 }\n      hosts:\n        '10.10.10.10': {}\n        \"10.10.10.11\": {}",
            vec![10, 11],
        ),
        ("g: { hosts: '10.10.10.[10:12]' }", vec![10, 11, 12]),
        ("g: { hosts: { '10.10.10.[10:11]': { a: 1 }, 10.10.10.13: } }", vec![10, 11, 13]),
        ("g:\n      children:\n        inner: { hosts: { 10.10.10.14: {} } }", vec![14]),
    ];
    for (group, expected) in cases {
        let text = format!("all:\n  children:\n    {group}\n");
        let (inventory, findings) = Inventory::read(text.as_str());
        assert_eq!(inventory.text(), text);
        let hosts: Vec<u8> = inventory.hosts().iter().map(|host| host.ip().octets()[3]).collect();
        assert_eq!(hosts, expected, "{text}\n{}", render_findings("x", &text, &findings));
    }
}

#[test]
fn a_long_line_and_a_wide_comment_are_nothing_special() {
    let packages: Vec<String> = (0..200).map(|n| format!("package-{n}")).collect();
    let wide = format!("[ {} ] # {}\n       ", packages.join(", "), "数".repeat(400));
    check(&wide, &list(&packages.iter().map(|name| t(name)).collect::<Vec<_>>()));
}

/// Section 3: precedence, whole values, origin.
#[test]
fn variables_resolve_with_ansibles_precedence() {
    let text = "\
all:
  vars: { admin_ip: 10.0.0.1, a: all, b: all, c: all, d: all, e: all, f: all, m: { x: 1, y: 2 }, l: [1, 2] }
  children:
    zz: { hosts: { 10.0.0.1: { e: zz-host } }, vars: { b: zz, c: zz, f: zz, ansible_group_priority: 0 } }
    infra: { hosts: { 10.0.0.1: { infra_seq: 1, e: infra-host } }, vars: { b: infra, c: infra } }
    pg-x: { hosts: { 10.0.0.1: { d: host } }, vars: { b: pg, c: pg, d: pg, m: { z: 3 } } }
    outer:
      vars: { b: outer, f: outer }
      children:
        inner: { hosts: { 10.0.0.1: {} }, vars: { c: inner } }
  ";
    let (inventory, _) = Inventory::read(text);
    let vars = inventory.vars(addr("10.0.0.1"));
    let got = |name: &str| vars.text(name).unwrap();
    assert_eq!(got("a"), "all", "nothing above the global section");
    assert_eq!(got("b"), "pg", "siblings in order of their names, but for a priority below");
    assert_eq!(got("c"), "inner", "a deeper group beats a shallower one");
    assert_eq!(got("d"), "host", "the host beats its groups");
    assert_eq!(got("e"), "infra-host", "of several host entries the later in the file");
    assert_eq!(got("f"), "outer", "a group of a group counts for the hosts below it");
    assert_eq!(vars.value("m"), Some(&map(&[(t("z"), Value::Int(3))])), "mappings are replaced whole");
    assert_eq!(vars.get("b").unwrap().level, Level::Group(paddock_inventory::GroupName("pg-x".into())));
    assert_eq!(vars.get("d").unwrap().level, Level::Host(paddock_inventory::GroupName("pg-x".into())));
    assert_eq!(vars.get("a").unwrap().level, Level::Global);
    let span = vars.get("d").unwrap().span.unwrap();
    assert_eq!((&text[span.start..span.end], span.line), ("host", 6));
    let extra = Map(vec![(t("d"), t("extra")), (t("m"), Value::Int(1)), (t("n"), t("new"))]);
    let above = inventory.vars_with(addr("10.0.0.1"), &extra);
    assert_eq!(above.text("d").as_deref(), Some("extra"));
    assert_eq!(above.value("m"), Some(&Value::Int(1)));
    assert_eq!((above.get("n").unwrap().level.clone(), above.get("n").unwrap().span), (Level::Extra, None));
    assert_eq!(inventory.vars(addr("10.9.9.9")).value("a"), None, "a host nobody declared has no variables");
}

#[test]
fn lenient_values_read_as_ansibles_filters_read_them() {
    for (written, expected) in [
        ("true", Some(true)),
        ("'yes'", Some(true)),
        ("on", Some(true)),
        ("1", Some(true)),
        ("'1'", Some(true)),
        ("y", Some(true)),
        ("'T'", Some(true)),
        ("no", Some(false)),
        ("0", Some(false)),
        ("'false'", Some(false)),
        ("~", Some(false)),
        ("[]", None),
    ] {
        let text = format!("all:\n  children:\n    g: {{ hosts: {{ 10.0.0.1: {{ v: {written} }} }} }}\n");
        assert_eq!(Inventory::read(text).0.vars(addr("10.0.0.1")).bool("v"), expected, "{written}");
    }
    for (written, expected) in [("5432", Some(5432)), ("'5432'", Some(5432)), ("x", None), ("5.5", None)] {
        let text = format!("all:\n  children:\n    g: {{ hosts: {{ 10.0.0.1: {{ v: {written} }} }} }}\n");
        assert_eq!(Inventory::read(text).0.vars(addr("10.0.0.1")).int("v"), expected, "{written}");
    }
}

/// Section 4.
#[test]
fn host_patterns_select_as_ansible_does_or_say_why_not() {
    let text = "\
all:
  vars: { admin_ip: 10.10.10.10 }
  children:
    infra: { hosts: { 10.10.10.10: { infra_seq: 1 } } }
    pg-test: { hosts: { 10.10.10.11: , 10.10.10.12: , 10.10.10.13: } }
    pg-other: { hosts: { 10.10.10.13: , 10.10.20.11: } }
    both: { children: { left: { hosts: { 10.10.10.12: } }, right: { hosts: { 10.10.20.12: } } } }
";
    let (inventory, _) = Inventory::read(text);
    let select = |pattern: &str| HostPattern::parse(pattern).and_then(|pattern| inventory.select(&pattern));
    for (pattern, expected) in [
        ("pg-test", "10.11 10.12 10.13"),
        ("10.10.10.13", "10.13"),
        ("10.10.10.1*", "10.10 10.11 10.12 10.13"),
        ("10.10.?0.11", "10.11 20.11"),
        ("10.10.10.1[1-2]", "10.11 10.12"),
        ("pg-*", "10.11 10.12 10.13 20.11"),
        ("all", "10.10 10.11 10.12 10.13 20.11 20.12"),
        ("*", "10.10 10.11 10.12 10.13 20.11 20.12"),
        ("pg-test,pg-other", "10.11 10.12 10.13 20.11"),
        ("pg-test:pg-other", "10.11 10.12 10.13 20.11"),
        ("pg-test,&pg-other", "10.13"),
        ("&pg-other,pg-test", "10.13"),
        ("pg-test,!10.10.10.13", "10.11 10.12"),
        ("!10.10.10.13,pg-test", "10.11 10.12"),
        ("pg-test,!pg-other", "10.11 10.12"),
        ("all,&pg-test,!10.10.10.11", "10.12 10.13"),
        ("10.10.10.12,10.10.10.13,&pg-test", "10.12 10.13"),
        (",pg-test", "10.11 10.12 10.13"),
        (" pg-test , infra ", "10.10 10.11 10.12 10.13"),
        ("both", "10.12 20.12"),
        ("left", "10.12"),
    ] {
        let hosts = select(pattern).unwrap_or_else(|error| panic!("`{pattern}`: {error}"));
        let shown: Vec<String> =
            hosts.iter().map(|h| format!("{}.{}", h.ip().octets()[2], h.ip().octets()[3])).collect();
        assert_eq!(shown.join(" "), expected, "`{pattern}`");
    }
    let unknown = |term: &str| PatternError::Unknown { term: term.to_owned() };
    for (pattern, expected) in [
        ("", PatternError::Empty),
        (" , ", PatternError::Empty),
        ("!pg-test", PatternError::OnlyExcludes { pattern: "!pg-test".into() }),
        ("pg-nope", unknown("pg-nope")),
        ("pg-test,pg-nope", unknown("pg-nope")),
        ("pg-test,!pg-nope", unknown("pg-nope")),
        ("10.10.10.99", unknown("10.10.10.99")),
        ("pg-test,10.10.10.99", unknown("10.10.10.99")),
        ("10.99.*", unknown("10.99.*")),
        ("!", unknown("!")),
        ("10.10.10.300", PatternError::BadAddress { term: "10.10.10.300".into() }),
        ("10.10.10", PatternError::BadAddress { term: "10.10.10".into() }),
        ("pg-test,!pg-test", PatternError::NoHosts { pattern: "pg-test,!pg-test".into() }),
        ("infra,&pg-test", PatternError::NoHosts { pattern: "infra,&pg-test".into() }),
        (
            "10.10.10.10,10.10.10.12,&pg-test",
            PatternError::NotAMember { host: addr("10.10.10.10"), group: "pg-test".into() },
        ),
    ] {
        assert_eq!(select(pattern).unwrap_err(), expected, "`{pattern}`");
    }
    for (pattern, all) in
        [("all", true), ("*", true), ("all,!pg-test", true), ("all,&pg-test", false), ("pg-test", false)]
    {
        assert_eq!(
            HostPattern::parse(pattern).unwrap().is_all(),
            all,
            "`{pattern}` must be confirmed: {all}"
        );
    }
}

#[test]
fn bad_texts_are_findings_with_a_place_and_never_an_end() {
    for (text, code) in [
        ("all: [\n", "yaml/syntax"),
        ("all:\n\tchildren: {}\n", "yaml/syntax"),
        ("all: {}\n---\nall: {}\n", "yaml/syntax"),
        ("all: *nobody\n", "yaml/syntax"),
        ("all: { children: { g: { hosts: { 10.0.0.1: {} }\n", "yaml/syntax"),
        ("", "file/no-all"),
        ("# nothing\n", "file/no-all"),
        ("- a\n", "file/no-all"),
        ("all:\n", "file/no-all"),
        ("all: { vars: {} }\n", "file/no-children"),
        ("all: { children: [a] }\n", "file/no-children"),
    ] {
        let (inventory, findings) = Inventory::read(text);
        assert_eq!(inventory.text(), text);
        let errors: Vec<_> =
            findings.iter().filter(|f| f.severity == Severity::Error).map(|f| f.code).collect();
        assert!(errors.contains(&code), "{text:?}: {errors:?}");
        assert!(findings.iter().all(|f| f.span.line >= 1 && f.span.end <= text.len()), "{findings:?}");
    }
    let deep = format!("all: {}1{}", "[".repeat(5000), "]".repeat(5000));
    assert!(Inventory::read(deep).0.is_broken());
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..12 {
        let items = vec![format!("*a{}", n - 1); 10].join(", ");
        bomb += &format!("a{n}: &a{n} [{items}]\n");
    }
    assert!(Inventory::read(bomb).0.is_broken());
}
