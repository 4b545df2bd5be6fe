//! Services and HBA rules, wherever they are declared.

use super::entries::{items, unknown_key};
use super::fixes;
use crate::document::{Kind, Node};
use crate::read::typed;
use crate::{Finding, InstanceRole, NodeAddr, Value};
use std::collections::BTreeSet;

const AUTH: [&str; 16] = [
    "deny",
    "reject",
    "trust",
    "pwd",
    "password",
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
    "ssl-pwd",
];
const ADDR: [&str; 9] =
    ["local", "localhost", "admin", "infra", "cluster", "intra", "intranet", "world", "all"];
const HBA_KEYS: [&str; 8] = ["title", "role", "order", "rules", "addr", "auth", "user", "db"];
const RULE_ROLES: [&str; 7] = ["default", "common", "primary", "replica", "offline", "standby", "delayed"];
const RESERVED_PORTS: [i64; 11] = [5432, 6432, 5433, 5434, 5436, 5438, 9100, 9101, 9630, 9631, 9080];
const SERVICE_KEYS: [&str; 10] =
    ["name", "port", "ip", "dest", "check", "selector", "backup", "maxconn", "balance", "options"];

pub(super) fn check(text: &str, vars: &Node, findings: &mut Vec<Finding>) {
    for (key, value) in vars.entries() {
        match key.text() {
            Some("pg_services") => services(text, value, true, findings),
            Some("pg_default_services") => services(text, value, false, findings),
            Some("pg_hba_rules" | "pg_default_hba_rules") => hba(text, value, false, findings),
            Some("pgb_hba_rules" | "pgb_default_hba_rules") => hba(text, value, true, findings),
            Some(_) | None => {}
        }
    }
}

fn services(text: &str, list: &Node, extra: bool, findings: &mut Vec<Finding>) {
    let (mut names, mut ports) = (BTreeSet::new(), BTreeSet::new());
    let port_of = |item: &Node| item.get("port").and_then(|node| typed(node).as_int());
    let taken: BTreeSet<i64> = match &list.kind {
        Kind::List { items, .. } => items.iter().filter_map(port_of).collect(),
        Kind::Scalar { .. } | Kind::Map { .. } => BTreeSet::new(),
    };
    let free = fixes::free_port(&taken, &RESERVED_PORTS).map(Value::Int);
    for item in items(list, "service", findings) {
        for (key, _) in item.entries() {
            if !key.text().is_some_and(|key| key == "<<" || SERVICE_KEYS.contains(&key)) {
                findings.push(unknown_key(item, key, "service", SERVICE_KEYS));
            }
        }
        match item.get("name").and_then(Node::text) {
            None | Some("") => findings.push(
                Finding::error("list/no-name", item.span, "this service has no `name`").help("add `name: …`"),
            ),
            Some(name) => {
                if !names.insert(name) {
                    let message = format!("service `{name}` is declared twice in this list");
                    findings.push(
                        Finding::error("list/duplicate-name", item.span, message)
                            .help("merge the two entries"),
                    );
                }
            }
        }
        let node = item.get("port");
        let span = node.map_or(item.span, |node| node.span);
        let Some(port) = node.and_then(|node| typed(node).as_int()).filter(|port| (0..=65535).contains(port))
        else {
            findings.push(
                Finding::error("service/bad-port", span, "a service needs a `port` from 0 to 65535")
                    .help("give it a port that nothing else on the node uses")
                    .fix(
                        free.clone()
                            .filter(|_| node.is_none())
                            .and_then(|free| fixes::append(text, item, &[("port", free)])),
                    ),
            );
            continue;
        };
        if !ports.insert(port) {
            findings.push(
                Finding::error("service/duplicate-port", span, format!("port {port} is used twice"))
                    .help("give each service its own port")
                    .fix(node.zip(free.as_ref()).map(|(node, free)| fixes::write(node, free))),
            );
        }
        if extra && RESERVED_PORTS.contains(&port) {
            let message = format!("port {port} belongs to a component or default service");
            findings.push(
                Finding::warning("service/reserved-port", span, message)
                    .help("choose another port, such as 5435")
                    .fix(node.zip(free.as_ref()).map(|(node, free)| fixes::write(node, free))),
            );
        }
        // Nobody is selected by nothing: the listener would refuse every connection.
        if item.get("selector").is_none_or(Node::is_null) {
            findings.push(
                Finding::warning("service/no-selector", item.span, "a service needs a `selector`")
                    .help("`selector: \"[]\"` takes every member")
                    .fix(
                        item.get("selector")
                            .is_none()
                            .then(|| fixes::append(text, item, &[("selector", Value::Text("[]".to_owned()))]))
                            .flatten(),
                    ),
            );
        }
    }
}

fn hba(text: &str, list: &Node, pooler: bool, findings: &mut Vec<Finding>) {
    for item in items(list, "HBA rule", findings) {
        for (key, _) in item.entries() {
            if !key.text().is_some_and(|key| key == "<<" || HBA_KEYS.contains(&key)) {
                findings.push(unknown_key(item, key, "HBA rule", HBA_KEYS));
            }
        }
        if item.get("title").is_none_or(Node::is_null) {
            findings.push(
                Finding::warning("hba/no-title", item.span, "an HBA rule has no `title`")
                    .help("say in one line what it is for: it becomes the comment above its lines"),
            );
        }
        rule_role(item, findings);
        if let Some(order) = item.get("order").filter(|order| !order.is_null())
            && !matches!(typed(order), Value::Int(_) | Value::Float(_))
        {
            findings.push(
                Finding::error("hba/bad-order", order.span, "`order` is not a number")
                    .help("rules are sorted by it; the built-in ones have 100 to 650")
                    .fix(typed(order).as_int().map(|number| fixes::write(order, &Value::Int(number)))),
            );
        }
        match item.get("rules").map(|rules| (rules, &rules.kind)) {
            Some((_, Kind::List { items, .. })) if !items.is_empty() => {
                for line in items.iter().filter(|line| line.text().is_none_or(str::is_empty)) {
                    findings.push(
                        Finding::error(
                            "hba/bad-rules",
                            line.span,
                            "an entry of `rules` is not a line of text",
                        )
                        .help("write whole lines, such as `host all all 10.0.0.0/8 md5`"),
                    );
                }
                continue;
            }
            Some((_, Kind::List { .. })) | None => {}
            Some((rules, _)) if rules.is_null() => {}
            Some((rules, _)) => findings.push(
                Finding::error("hba/bad-rules", rules.span, "`rules` is a list of lines")
                    .help("begin each line with `- `, or write `[ … ]`")
                    .fix(fixes::list_of(rules)),
            ),
        }
        aliases(text, item, pooler, findings);
    }
}

fn rule_role(item: &Node, findings: &mut Vec<Finding>) {
    let Some(role) = item.get("role").filter(|role| !role.is_null()) else { return };
    let known = role
        .text()
        .is_some_and(|text| matches!(text, "default" | "common") || text.parse::<InstanceRole>().is_ok());
    if !known {
        let message = format!("`{}` is not a role of an HBA rule", role.text().unwrap_or("…"));
        findings.push(
            Finding::error("hba/bad-role", role.span, message)
                .help("use default, common, primary, replica, offline, standby or delayed")
                .fix(fixes::respell(role, RULE_ROLES)),
        );
    }
}

fn aliases(text: &str, item: &Node, pooler: bool, findings: &mut Vec<Finding>) {
    let given = |key: &str| item.get(key).filter(|node| !node.is_null());
    match given("addr") {
        None => findings.push(
            Finding::error("hba/no-addr", item.span, "an HBA rule needs `rules` or `addr`")
                .help("add `addr: intra`, or raw lines under `rules`"),
        ),
        Some(addr) if addr.text().is_some_and(|addr| ADDR.contains(&addr) || is_cidr(addr)) => {}
        Some(addr) => {
            let message = format!("`{}` is not an address alias or IPv4 CIDR", addr.text().unwrap_or("…"));
            findings.push(
                Finding::error("hba/bad-addr", addr.span, message)
                    .help(format!("use one of {}, or a.b.c.d/nn, or raw `rules`", ADDR.join(", ")))
                    .fix(fixes::respell(addr, ADDR)),
            );
        }
    }
    if let Some(auth) = given("auth")
        && !auth.text().is_some_and(|auth| AUTH.contains(&auth))
    {
        let message = format!("`{}` is not a known authentication alias", auth.text().unwrap_or("…"));
        findings.push(
            Finding::error("hba/bad-auth", auth.span, message)
                .help(format!("use one of {}", AUTH.join(", ")))
                .fix(fixes::respell(auth, AUTH)),
        );
    }
    let missing: Vec<&str> =
        ["auth", "user", "db"].into_iter().filter(|key| item.get(key).is_none()).collect();
    if !missing.is_empty() {
        let list = missing.join("`, `");
        let word = |key: &str| Value::Text(if key == "auth" { "pwd" } else { "all" }.to_owned());
        let meant: Vec<(&str, Value)> = missing.iter().map(|key| (*key, word(key))).collect();
        findings.push(
            Finding::error(
                "hba/incomplete",
                item.span,
                format!("an HBA rule without `rules` needs `{list}`, too"),
            )
            .help("`auth: pwd`, `user: all` and `db: all` are what is meant when they are left out")
            .fix(fixes::append(text, item, &meant)),
        );
    }
    if pooler && given("db").and_then(Node::text) == Some("replication") {
        findings.push(
            Finding::error("hba/pooler-replication", item.span, "PgBouncer knows no `db: replication`")
                .help("move the rule to `pg_hba_rules`: replication goes past the pooler"),
        );
    }
}

fn is_cidr(text: &str) -> bool {
    match text.split_once('/') {
        None => text.parse::<NodeAddr>().is_ok(),
        Some((addr, bits)) => {
            addr.parse::<NodeAddr>().is_ok() && bits.parse::<u8>().is_ok_and(|bits| bits <= 32)
        }
    }
}
