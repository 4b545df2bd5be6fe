//! Every rule, with a text that breaks it, where it points, and what its fix does.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic and tell")]

use paddock_inventory::{Inventory, Severity, render_findings};
use std::collections::BTreeSet;

/// An inventory without a finding; each case changes one thing of it.
const GOOD: &str = "\
all:
  vars:
    admin_ip: 10.0.0.9
    version: v4.5.0
    region: default
  children:
    infra: { hosts: { 10.0.0.9: { infra_seq: 1 } } }
    etcd: { hosts: { 10.0.0.9: { etcd_seq: 1 } }, vars: { etcd_cluster: etcd } }
    pg-a:
      hosts:
        10.0.0.1: { pg_seq: 1, pg_role: primary }
        10.0.0.2: { pg_seq: 2, pg_role: replica }
        10.0.0.3: { pg_seq: 3, pg_role: offline }
      vars:
        pg_cluster: pg-a
        # more
    pg-b:
      hosts:
        10.0.1.1: { pg_seq: 1, pg_role: primary }
      vars:
        pg_cluster: pg-b
";

/// Findings as `severity code @text`.
fn found(text: &str) -> Vec<String> {
    let (_, findings) = Inventory::read(text);
    findings
        .iter()
        .map(|finding| {
            assert!(finding.help.is_some(), "{} has no help", finding.code);
            let severity = if finding.severity == Severity::Error { "error" } else { "warning" };
            let there = text[finding.span.start..finding.span.end].lines().next().unwrap_or_default();
            format!("{severity} {} @{there}", finding.code)
        })
        .collect()
}

/// Replaces `from` in the good text by `to` and expects exactly these findings.
fn check(from: &str, to: &str, expected: &[&str]) {
    assert!(GOOD.contains(from), "`{from}`");
    let text = GOOD.replacen(from, to, 1);
    assert_eq!(
        found(&text),
        expected,
        "{to}\n{}",
        render_findings("x", &text, &Inventory::read(text.as_str()).1)
    );
}

/// Adds a line to the variables of pg-a.
fn var(line: &str, expected: &[&str]) {
    check("        # more", &format!("        {line}"), expected);
}

#[test]
fn the_good_text_has_no_finding() {
    assert_eq!(found(GOOD), [""; 0]);
}

#[test]
fn the_file_and_its_global_section() {
    check("    admin_ip: 10.0.0.9\n", "", &["error global/no-admin-ip @vars"]);
    check("admin_ip: 10.0.0.9", "admin_ip: 10.0.0.900", &["error global/bad-admin-ip @10.0.0.900"]);
    check("    version: v4.5.0\n", "", &["warning global/no-version @vars"]);
    check("    region: default\n", "", &["warning global/no-region @vars"]);
    check("region: default", "region: mars", &["warning global/bad-region @mars"]);
    check("region: default", "region: china", &[]);
    check(
        "region: default",
        "region: europe\n    minio_cluster: minio",
        &["error global/minio-cluster @minio_cluster"],
    );
    check("region: default", "region: europe\n    minio_type: other", &["error global/minio-type @other"]);
    check("region: default", "region: europe\n    minio_type: silo", &[]);
    check("region: default", "region: europe\n    pg_cluster: x", &["error global/pg-cluster @pg_cluster"]);
    check(
        "region: default",
        "region: europe\n    x: 2030-01-01",
        &["warning yaml/unquoted-time @2030-01-01"],
    );
    check("region: default", "region: europe\n    x: 1\n    x: 2", &["error yaml/duplicate-key @x"]);
    let bare = "all: { children: { infra: { hosts: { 10.0.0.1: { infra_seq: 1 } } } } }";
    assert_eq!(found(bare), ["warning global/no-vars @all"]);
    let listed = "all: { vars: [a], children: { infra: { hosts: { 10.0.0.1: { infra_seq: 1 } } } } }";
    assert_eq!(found(listed), ["error global/bad-vars @[a]"]);
}

#[test]
fn groups_and_hosts() {
    check("    pg-b:", "    empty: {}\n    pg-b:", &["error group/no-hosts @empty"]);
    check("    pg-b:", "    empty: { hosts: {} }\n    pg-b:", &["error group/no-hosts @empty"]);
    check(
        "    pg-b:",
        "    l: { hosts: [10.0.0.4] }\n    pg-b:",
        &["error group/no-hosts @l", "error group/bad-hosts @[10.0.0.4]"],
    );
    check(
        "    pg-b:",
        "    l: { hosts: { 10.0.0.4: }, vars: [x] }\n    pg-b:",
        &["error group/bad-vars @[x]"],
    );
    check(
        "    pg-b:",
        "    l: { hosts: { 10.0.0.4: }, pg_conf: x }\n    pg-b:",
        &["warning group/unknown-key @pg_conf"],
    );
    check(
        "    pg-b:",
        "    l: { hosts: { web1: } }\n    pg-b:",
        &["error group/no-hosts @l", "error host/bad-address @web1"],
    );
    check(
        "    pg-b:",
        "    l: { hosts: { 10.0.0.256: } }\n    pg-b:",
        &["error group/no-hosts @l", "error host/bad-address @10.0.0.256"],
    );
    check("    pg-b:", "    l: { hosts: { 10.0.0.4: 5 } }\n    pg-b:", &["error host/bad-vars @5"]);
    check(
        "    pg-b:",
        "    l: { hosts: '10.0.0.[9:1]' }\n    pg-b:",
        &["error group/no-hosts @l", "error host/bad-range @'10.0.0.[9:1]'"],
    );
    check("    pg-b:", "    [x]: {}\n    pg-b:", &["error group/bad-name @[x]"]);
}

#[test]
fn other_modules() {
    check("    infra: { hosts: { 10.0.0.9: { infra_seq: 1 } } }\n", "", &["warning infra/no-group @etcd"]);
    check("infra_seq: 1", "infra_seq: one", &["error infra/bad-seq @one"]);
    check("{ infra_seq: 1 }", "", &["error infra/bad-seq @10.0.0.9"]);
    check("{ etcd_seq: 1 }", "{ etcd_seq: -1 }", &["error etcd/bad-seq @-1"]);
    check("    etcd: {", "    other: {", &["error etcd/no-group @10.0.0.1"]);
    check(
        "{ etcd_seq: 1 }",
        "{ etcd_seq: 1 }, 10.0.0.8: { etcd_seq: 2 }",
        &["warning etcd/even-members @etcd"],
    );
    check(
        "{ etcd_seq: 1 }",
        "{ etcd_seq: 1 }, 10.0.0.8: { etcd_seq: 2 }, 10.0.0.7: { etcd_seq: 2 }",
        &["error etcd/duplicate-seq @2"],
    );
    check(
        "    pg-b:",
        "    e2: { hosts: { 10.0.0.9: }, vars: { etcd_cluster: e2 } }\n    pg-b:",
        &["error host/in-two-groups @10.0.0.9"],
    );
    let minio = |group: &str, expected: &[&str]| {
        check("    pg-b:", &format!("    minio: {group}\n    pg-b:"), expected);
    };
    minio("{ hosts: { 10.0.0.4: { minio_seq: 1 } }, vars: { minio_cluster: minio } }", &[]);
    minio("{ hosts: { 10.0.0.4: { minio_seq: 1 } } }", &["error minio/bad-cluster @minio"]);
    minio(
        "{ hosts: { 10.0.0.4: { minio_seq: 1 } }, vars: { minio_cluster: '' } }",
        &["error minio/bad-cluster @''"],
    );
    minio("{ hosts: { 10.0.0.4: { } }, vars: { minio_cluster: minio } }", &["error minio/bad-seq @10.0.0.4"]);
    var("pgbackrest_method: minio", &["warning minio/no-group @minio"]);
}

#[test]
fn clusters_and_instances() {
    check("pg_cluster: pg-a", "pg_cluster: pg_a", &["error pgsql/bad-cluster-name @pg_a"]);
    check("pg_cluster: pg-a", "pg_cluster: root", &["error pgsql/bad-cluster-name @root"]);
    check("pg_cluster: pg-a", "pg_cluster: pg-x", &["warning pgsql/group-name @pg-x"]);
    check("        pg_cluster: pg-a\n", "", &["error pgsql/no-cluster @pg-a"]);
    check("{ pg_seq: 2, pg_role: replica }", "{ pg_role: replica }", &["error pgsql/bad-seq @10.0.0.2"]);
    check("pg_seq: 2", "pg_seq: two", &["error pgsql/bad-seq @two"]);
    check("pg_seq: 2", "pg_seq: -2", &["error pgsql/bad-seq @-2"]);
    check("pg_seq: 2", "pg_seq: '2'", &[]);
    check("{ pg_seq: 2, pg_role: replica }", "{ pg_seq: 2 }", &["error pgsql/bad-role @10.0.0.2"]);
    check("pg_role: replica", "pg_role: slave", &["error pgsql/bad-role @slave"]);
    for role in ["standby", "delayed", "offline"] {
        check("pg_role: replica", &format!("pg_role: {role}"), &[]);
    }
    check("pg_seq: 3", "pg_seq: 2", &["error pgsql/duplicate-seq @2"]);
    check("pg_role: replica", "pg_role: primary", &["error pgsql/two-primaries @10.0.0.2"]);
    check("pg_role: primary", "pg_role: replica", &["error pgsql/no-primary @10.0.0.1"]);
    check(
        "        10.0.1.1:",
        "        10.0.0.3: { pg_seq: 9, pg_role: replica }\n        10.0.1.1:",
        &["error pgsql/host-in-two-groups @10.0.0.3"],
    );
    check(
        "pg_cluster: pg-b",
        "pg_cluster: pg-a",
        &[
            "warning pgsql/cluster-in-two-groups @pg-b",
            "error pgsql/two-primaries @10.0.1.1",
            "error pgsql/duplicate-seq @1",
            "warning pgsql/group-name @pg-a",
        ],
    );
    check("pg_role: replica", "pg_role: replica, pg_weight: 300", &["error pgsql/bad-weight @300"]);
    var("pg_port: 99999", &["error pgsql/bad-port @99999"]);
    // A cluster whose name only its hosts carry.
    let citus = "    citus:\n      hosts:\n        10.0.2.1: { pg_cluster: c1, pg_seq: 1, pg_role: replica }\n        10.0.2.2: { pg_cluster: bad_name, pg_seq: x, pg_role: primary }\n    pg-b:";
    check(
        "    pg-b:",
        citus,
        &[
            "error pgsql/no-primary @10.0.2.1",
            "error pgsql/bad-cluster-name @bad_name",
            "error pgsql/bad-seq @x",
        ],
    );
}

#[test]
fn upstreams() {
    let replica = |upstream: &str, expected: &[&str]| {
        check("pg_role: replica", &format!("pg_role: replica, pg_upstream: {upstream}"), expected);
    };
    replica("10.0.0.1", &[]);
    replica("10.0.0.3", &[]);
    replica("~", &[]);
    replica("10.0.0", &["error pgsql/bad-upstream @10.0.0"]);
    replica("[10.0.0.1]", &["error pgsql/bad-upstream @[10.0.0.1]"]);
    replica("10.0.0.2", &["error pgsql/upstream-self @10.0.0.2"]);
    replica("10.0.1.1", &["error pgsql/upstream-outside @10.0.1.1"]);
    let primary = |upstream: &str, expected: &[&str]| {
        check("pg_role: primary", &format!("pg_role: primary, pg_upstream: {upstream}"), expected);
    };
    primary("10.0.1.1", &[]);
    primary("10.0.0.2", &["error pgsql/upstream-inside @10.0.0.2"]);
    let ring = GOOD
        .replace("pg_role: replica", "pg_role: replica, pg_upstream: 10.0.0.3")
        .replace("pg_role: offline", "pg_role: offline, pg_upstream: 10.0.0.2");
    assert_eq!(found(&ring), ["error pgsql/upstream-cycle @10.0.0.3"]);
}

#[test]
fn users_and_databases() {
    let user = |text: &str, expected: &[&str]| var(&format!("pg_users: [{{ {text} }}]"), expected);
    user("name: a, password: b", &[]);
    user(
        "name: a, password: 12, login: true, connlimit: 5, roles: [x], parameters: { a: 1 }, pgbouncer: yes, expire_at: '2030-01-01'",
        &[],
    );
    user("name: a", &["warning list/no-password @a"]);
    user("name: a, login: false", &[]);
    user("name: a, state: absent", &[]);
    user("password: b", &["error list/no-name @{ password: b }"]);
    user("name: A-b, password: b", &["error pgsql/bad-user-name @A-b"]);
    user("name: a, password: b, passwort: c", &["warning list/unknown-key @passwort"]);
    user("name: a, password: b, roles: x", &["error list/bad-type @x"]);
    user("name: a, password: b, connlimit: many", &["error list/bad-type @many"]);
    user("name: a, password: b, superuser: maybe", &["error list/bad-type @maybe"]);
    user("name: a, password: b, parameters: [x]", &["error list/bad-type @[x]"]);
    user("name: a, password: b, pool_mode: fast", &["error list/bad-word @fast"]);
    user("name: a, password: b, state: recreate", &["error list/bad-word @recreate"]);
    user("name: a, password: b }, { name: a, password: c", &["error list/duplicate-name @a"]);
    var("pg_users: { name: a }", &["error list/not-a-list @{ name: a }"]);
    var("pg_users: [a]", &["error list/not-a-map @a"]);
    var("pg_users:", &[]);
    let database = |text: &str, expected: &[&str]| var(&format!("pg_databases: [{{ {text} }}]"), expected);
    database(
        "name: a, owner: b, schemas: [x], extensions: [{ name: y }], revokeconn: off, connlimit: -1",
        &[],
    );
    database("owner: b", &["error list/no-name @{ owner: b }"]);
    database("name: a, ownr: b", &["warning list/unknown-key @ownr"]);
    database("name: a, schemas: x", &["error list/bad-type @x"]);
    database("name: a, state: gone", &["error list/bad-word @gone"]);
    database("name: postgres, state: recreate", &["error list/system-database @postgres"]);
    database("name: a }, { name: a", &["error list/duplicate-name @a"]);
    // What a merge brings is there.
    var("pg_users: [&u { name: a, password: b }, { <<: *u, name: c }]", &[]);
}

#[test]
fn services() {
    let service = |text: &str, expected: &[&str]| var(&format!("pg_services: [{{ {text} }}]"), expected);
    service("name: standby, port: 5435, check: /sync, selector: '[]'", &[]);
    service("port: 5435, selector: '[]'", &["error list/no-name @{ port: 5435, selector: '[]' }"]);
    service("name: s, selector: '[]'", &["error service/bad-port @{ name: s, selector: '[]' }"]);
    service("name: s, port: 70000, selector: '[]'", &["error service/bad-port @70000"]);
    service("name: s, port: 5435", &["warning service/no-selector @{ name: s, port: 5435 }"]);
    service("name: s, port: 9630, selector: '[]'", &["warning service/reserved-port @9630"]);
    service("name: s, port: 5435, selector: '[]', chekc: x", &["warning list/unknown-key @chekc"]);
    service(
        "name: s, port: 5435, selector: '[]' }, { name: t, port: 5435, selector: '[]'",
        &["error service/duplicate-port @5435"],
    );
    service(
        "name: s, port: 5435, selector: '[]' }, { name: s, port: 5437, selector: '[]'",
        &["error list/duplicate-name @{ name: s, port: 5437, selector: '[]' }"],
    );
    service(
        "name: s, port: 5433, selector: '[]'",
        &[
            "error service/clash @[{ name: s, port: 5433, selector: '[]' }]",
            "warning service/reserved-port @5433",
        ],
    );
    service(
        "name: primary, port: 5435, selector: '[]'",
        &["error service/clash @[{ name: primary, port: 5435, selector: '[]' }]"],
    );
    var(
        "pg_services: [{ name: s, port: 9200, selector: '[]' }]\n        haproxy_exporter_port: 9200",
        &["error service/clash @[{ name: s, port: 9200, selector: '[]' }]"],
    );
    var("pgbouncer_enabled: false", &["error service/no-pooler @false"]);
    var("pgbouncer_enabled: false\n        pg_default_service_dest: postgres", &[]);
    let shared = GOOD.replace("region: default", "region: default\n    pg_service_provider: infra");
    assert_eq!(found(&shared), ["error service/provider-clash @infra"]);
    let prefix = shared.replace("pg-b", "pg-a-2").replace(
        "pg_cluster: pg-a-2",
        "pg_cluster: pg-a-2\n        pg_default_services: [{ name: primary, port: 6433, selector: '[]' }]",
    );
    assert_eq!(found(&prefix), ["warning service/name-prefix @infra"]);
}

#[test]
fn hba_rules() {
    let rule = |text: &str, expected: &[&str]| var(&format!("pg_hba_rules: [{{ {text} }}]"), expected);
    let good = "title: t, user: all, db: all, addr: intra, auth: pwd";
    rule(good, &[]);
    rule(&format!("{good}, role: common, order: 5"), &[]);
    for addr in [
        "local",
        "localhost",
        "admin",
        "infra",
        "cluster",
        "intra",
        "intranet",
        "world",
        "all",
        "10.0.0.0/8",
        "10.0.0.1",
    ] {
        rule(&good.replace("intra", addr), &[]);
    }
    for auth in [
        "deny",
        "trust",
        "pwd",
        "sha",
        "scram-sha-256",
        "md5",
        "ssl",
        "ssl-md5",
        "ssl-sha",
        "os",
        "ident",
        "peer",
        "cert",
    ] {
        rule(&good.replace("pwd", auth), &[]);
    }
    rule("title: t, rules: ['host all all 10.0.0.0/8 md5']", &[]);
    rule(
        "title: t, rules: 'host all all 10.0.0.0/8 md5', addr: intra, auth: pwd, user: a, db: b",
        &["error hba/bad-rules @'host all all 10.0.0.0/8 md5'"],
    );
    rule("title: t, rules: [{}]", &["error hba/bad-rules @{}"]);
    rule(
        &good.replace("title: t, ", ""),
        &["warning hba/no-title @{ user: all, db: all, addr: intra, auth: pwd }"],
    );
    rule(&format!("{good}, who: me"), &["warning list/unknown-key @who"]);
    rule(&format!("{good}, role: leader"), &["error hba/bad-role @leader"]);
    rule(&format!("{good}, order: first"), &["error hba/bad-order @first"]);
    rule(
        &good.replace(", addr: intra", ""),
        &["error hba/no-addr @{ title: t, user: all, db: all, auth: pwd }"],
    );
    rule(&good.replace("intra", "fe80::1/64"), &["error hba/bad-addr @fe80::1/64"]);
    rule(&good.replace("intra", "10.0.0.0/33"), &["error hba/bad-addr @10.0.0.0/33"]);
    rule(&good.replace("pwd", "ldap"), &["error hba/bad-auth @ldap"]);
    rule(
        "title: t, addr: intra, auth: pwd, db: all",
        &["error hba/incomplete @{ title: t, addr: intra, auth: pwd, db: all }"],
    );
    rule("title: t, user: r, db: replication, addr: intra, auth: pwd", &[]);
    let pooler = "{ title: t, user: r, db: replication, addr: intra, auth: pwd }";
    var(&format!("pgb_hba_rules: [{pooler}]"), &[&format!("error hba/pooler-replication @{pooler}")]);
}

#[test]
fn virtual_addresses() {
    var("pg_vip_enabled: true", &["error vip/no-address @true"]);
    var("pg_vip_enabled: true\n        pg_vip_address: 10.0.0.100/24", &[]);
    var("pg_vip_address: 10.0.0.100", &["error vip/bad-address @10.0.0.100"]);
    var(
        "pg_vip_enabled: true\n        pg_vip_address: 10.0.0.300/24",
        &["error vip/bad-address @10.0.0.300/24"],
    );
    var(
        "pg_vip_enabled: true\n        pg_vip_address: 10.0.1.1/24",
        &["error vip/node-address @10.0.1.1/24"],
    );
    let both = GOOD.replace(
        "region: default",
        "region: default\n    pg_vip_enabled: true\n    pg_vip_address: 10.0.0.100/24",
    );
    assert_eq!(found(&both), ["error vip/shared @10.0.0.100/24"]);
    let node = |text: &str, expected: &[&str]| {
        check("infra_seq: 1", &format!("infra_seq: 1, vip_enabled: true, {text}"), expected);
    };
    node("vip_address: 10.0.0.101, vip_vrid: 128, vip_role: master", &[]);
    node("vip_vrid: 128", &["error vip/no-address @10.0.0.9"]);
    node("vip_address: 10.0.0.101", &["error vip/bad-vrid @10.0.0.9"]);
    node("vip_address: 10.0.0.101, vip_vrid: 255", &["error vip/bad-vrid @255"]);
    node("vip_address: 10.0.0.101, vip_vrid: 1, vip_role: slave", &["error vip/bad-role @slave"]);
}

#[test]
fn misspelt_variables() {
    var("pg_user: []", &["warning pgsql/unknown-variable @pg_user"]);
    var("pg_hba_rule: []", &["warning pgsql/unknown-variable @pg_hba_rule"]);
    check(
        "pg_role: replica",
        "pg_role: replica, pg_wieght: 5",
        &["warning pgsql/unknown-variable @pg_wieght"],
    );
    // A name of one's own is nobody's business.
    for own in ["pg_my_own: 1", "my_pg_users: []", "pg_x: 1"] {
        var(own, &[]);
    }
}

/// A fix rights what it is for, brings nothing new, and changes its own lines only.
#[test]
fn fixes_right_their_finding() {
    let list = |name: &str, item: &str| ("        # more", format!("        {name}: [{{ {item} }}]"));
    let rule = |item: &str| list("pg_hba_rules", item);
    let lines = "        pg_services:\n          - name: s # why\n            port: 5435\n";
    let mut cases: Vec<(&str, String, &str)> = vec![
        ("pg_seq: 3", "pg_seq: 2".into(), "pg_seq: 3"),
        ("region: default", "region: europe\n    x: 2030-01-01".into(), "x: '2030-01-01'"),
        ("        # more", "        pg_vip_address: 10.0.0.100".into(), "10.0.0.100/24"),
        ("    version: v4.5.0\n", String::new(), "    region: default\n    version: v4.5.0\n"),
        ("    region: default\n", String::new(), "    version: v4.5.0\n    region: default\n"),
        ("region: default", "region: defualt".into(), "region: default"),
        ("region: default", "region: default\n    minio_type: minio".into(), "minio_type: silo"),
        (
            "      vars:\n        pg_cluster: pg-b",
            "      vasr:\n        pg_cluster: pg-b".into(),
            "      vars:",
        ),
        (
            "        pg_cluster: pg-a\n",
            "        pg_port: 5433\n".into(),
            "pg_port: 5433\n        pg_cluster: pg-a\n",
        ),
        ("{ pg_seq: 2, pg_role: replica }", "{ pg_role: replica }".into(), "{ pg_role: replica, pg_seq: 4 }"),
        ("{ pg_seq: 2, pg_role: replica }", "{ pg_seq: 2 }".into(), "{ pg_seq: 2, pg_role: replica }"),
        (
            "{ pg_seq: 1, pg_role: primary }\n      vars:\n        pg_cluster: pg-b",
            "{ pg_seq: 1 }\n      vars:\n        pg_cluster: pg-b".into(),
            "pg_role: primary",
        ),
        ("pg_role: replica", "pg_role: repilca".into(), "pg_role: replica"),
        (
            "{ etcd_seq: 1 }",
            "{ etcd_seq: 1 }, 10.0.0.8: { etcd_seq: 1 }, 10.0.0.7: { etcd_seq: 2 }".into(),
            "10.0.0.8: { etcd_seq: 3 }",
        ),
        ("        # more", "        pg_hba_rule: []".into(), "pg_hba_rules: []"),
        ("        # more", lines.trim_end().into(), "            port: 5435\n            selector: '[]'\n"),
    ];
    let user = "name: a, password: b";
    let service = "name: s, selector: '[]'";
    let good = "title: t, user: all, db: all, addr: intra, auth: pwd";
    for ((from, to), fixed) in [
        (list("pg_users", "name: a, passwort: b, login: no"), "password: b"),
        (list("pg_users", &format!("{user}, roles: dbrole_admin")), "roles: [dbrole_admin]"),
        (list("pg_users", &format!("{user}, pgbouncer: ture")), "pgbouncer: true"),
        (list("pg_users", &format!("{user}, pool_mode: sesion")), "pool_mode: session"),
        (list("pg_users", &format!("{user}, state: abesnt")), "state: absent"),
        (list("pg_databases", "name: a, owner: 5"), "owner: '5'"),
        (list("pg_databases", "name: a, ownr: b"), "owner: b"),
        (list("pg_databases", "name: a, extensions: postgis"), "extensions: [postgis]"),
        (list("pg_services", &format!("{service}, port: 9630")), "port: 5435"),
        (list("pg_services", service), "selector: '[]', port: 5435"),
        (list("pg_services", "name: s, port: 5435"), "port: 5435, selector: '[]'"),
        (list("pg_services", &format!("{service}, port: 5435, chekc: /x")), "check: /x"),
        (
            list("pg_services", &format!("{service}, port: 5435 }}, {{ name: t, port: 5435, selector: '[]'")),
            "name: t, port: 5437",
        ),
        (rule(&good.replace("intra", "intar")), "addr: intra"),
        (rule(&good.replace("pwd", "scram-sha256")), "auth: scram-sha-256"),
        (rule(&format!("{good}, role: ofline")), "role: offline"),
        (rule(&format!("{good}, order: '50'")), "order: 50"),
        (rule(&format!("{good}, oder: 50")), "order: 50"),
        (rule("title: t, user: app, addr: intra"), "addr: intra, auth: pwd, db: all"),
        (
            rule(&format!("{good}, rules: 'host all all 10.0.0.0/8 md5'")),
            "rules: ['host all all 10.0.0.0/8 md5']",
        ),
    ] {
        cases.push((from, to, fixed));
    }
    for (from, to, expected) in cases {
        assert!(GOOD.contains(from), "`{from}`");
        for crlf in [false, true] {
            let mut text = GOOD.replacen(from, &to, 1);
            let mut expected = expected.to_owned();
            if crlf {
                (text, expected) = (text.replace('\n', "\r\n"), expected.replace('\n', "\r\n"));
            }
            let (_, findings) = Inventory::read(text.as_str());
            let fixes: Vec<_> = findings.iter().filter_map(|finding| finding.fix.as_ref()).collect();
            let [fix] = fixes.as_slice() else { panic!("{to}: {findings:?}") };
            let fixed = fix.apply(&text);
            assert_eq!(found(&fixed), [""; 0], "{fixed}");
            assert!(fixed.contains(&expected), "{expected:?} is not in:\n{fixed}");
            // All other lines are as they were, a comment beside the change included.
            let old: Vec<&str> = text.split('\n').collect();
            let new: Vec<&str> = fixed.split('\n').collect();
            let head = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
            let tail = old.iter().rev().zip(new.iter().rev()).take_while(|(a, b)| a == b).count();
            assert!(new.len() - new.len().min(head + tail) <= 1, "one line changes: {fixed}");
        }
    }
}

/// What has no obvious answer has no fix.
#[test]
fn what_may_be_meant_in_two_ways_is_not_fixed() {
    let good = "title: t, user: all, db: all, addr: intra, auth: pwd";
    for (from, to) in [
        ("pg_role: replica", "pg_role: primary".to_owned()),
        ("pg_role: replica", "pg_role: slave".to_owned()),
        ("pg_seq: 2", "pg_seq: two".to_owned()),
        ("        # more", format!("        pg_hba_rules: [{{ {} }}]", good.replace("pwd", "ldap"))),
        ("        # more", format!("        pg_hba_rules: [{{ {} }}]", good.replace("intra", "10.0.0.0/33"))),
        ("        # more", "        pg_users: [{ name: a, password: b, passwort: c }]".to_owned()),
    ] {
        let text = GOOD.replacen(from, &to, 1);
        let (_, findings) = Inventory::read(text.as_str());
        assert!(
            !findings.is_empty() && findings.iter().all(|finding| finding.fix.is_none()),
            "{to}: {findings:?}"
        );
    }
}

/// This file breaks every rule that docs/findings.md lists, but for those that are about reading at all.
#[test]
fn every_code_is_tried_here() {
    let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = std::fs::read_to_string(here.join("../../docs/findings.md")).unwrap();
    let tests: String = ["tests/rules.rs", "tests/forms.rs"]
        .map(|file| std::fs::read_to_string(here.join(file)).unwrap())
        .concat();
    let listed: BTreeSet<&str> =
        docs.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    assert!(listed.len() > 60, "{listed:?}");
    let untried: Vec<_> = listed.iter().filter(|code| !tests.contains(**code)).collect();
    assert!(untried.is_empty(), "{untried:?}");
}
