//! HAProxy services of a cluster: one file per service, health by Patroni.

use crate::Refusal;
use crate::params::{field, maps, text};
use crate::pgsql::members::{Member, Members};
use crate::pgsql::selector::selects;
use paddock_inventory::{Map, Value};

/// A service as rendered: its name, port, file content and which members it lists.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    /// `primary`
    pub(crate) name: String,
    pub(crate) port: u16,
    /// Patroni's path that says whether a member belongs to it now.
    pub(crate) check: String,
    pub(crate) content: String,
}

fn default_services() -> Vec<Map> {
    let rows = [
        ("primary", 5433, "default", "/primary", "[]", ""),
        ("replica", 5434, "default", "/read-only", "[]", "[? pg_role == `primary` || pg_role == `offline` ]"),
        ("default", 5436, "postgres", "/primary", "[]", ""),
        (
            "offline",
            5438,
            "postgres",
            "/replica",
            "[? pg_role == `offline` || pg_offline_query ]",
            "[? pg_role == `replica` && !pg_offline_query ]",
        ),
    ];
    let text = |value: &str| Value::Text(value.to_owned());
    rows.into_iter()
        .map(|(name, port, dest, check, selector, backup)| {
            let mut map = vec![
                (text("name"), text(name)),
                (text("port"), Value::Int(port)),
                (text("dest"), text(dest)),
                (text("check"), text(check)),
                (text("selector"), text(selector)),
            ];
            if !backup.is_empty() {
                map.push((text("backup"), text(backup)));
            }
            Map(map)
        })
        .collect()
}

/// All services of the cluster as seen by one member's variables.
pub(crate) fn services(members: &Members, member: &Member) -> Result<Vec<Service>, Refusal> {
    let vars = &member.vars;
    let mut declared = if vars.list("pg_default_services").is_some() {
        maps(vars, "pg_default_services")
    } else {
        default_services()
    };
    declared.extend(maps(vars, "pg_services"));
    declared.iter().map(|service| render(members, member, service)).collect()
}

fn render(members: &Members, member: &Member, service: &Map) -> Result<Service, Refusal> {
    let name = field(service, "name").unwrap_or_default();
    let refuse = |why: String| Refusal {
        code: "plan/bad-service".into(),
        what: format!("service `{name}` of {} cannot be rendered", members.name),
        why,
        fix: "right it under `pg_services` in the inventory".into(),
    };
    let good_name =
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    if !good_name {
        return Err(refuse("a service's name is letters, digits, `-`, `_`, `.`".to_owned()));
    }
    let port = service.get("port").and_then(Value::as_int).and_then(|port| u16::try_from(port).ok());
    let port = port.ok_or_else(|| refuse("it has no usable `port`".to_owned()))?;
    let one_word = |key: &str, default: &str| -> Result<String, Refusal> {
        let word = field(service, key).unwrap_or_else(|| default.to_owned());
        if word.is_empty() || word.contains(char::is_whitespace) {
            return Err(refuse(format!("`{key}` must be one word")));
        }
        Ok(word)
    };
    let check = one_word("check", "/")?;
    let ip = one_word("ip", "*")?;
    let balance = one_word("balance", "roundrobin")?;
    let maxconn = service.get("maxconn").and_then(Value::as_int).unwrap_or(5000);
    let dest = field(service, "dest").unwrap_or_else(|| "default".to_owned());
    let dest =
        if dest == "default" { text(&member.vars, "pg_default_service_dest", "pgbouncer") } else { dest };
    let options =
        field(service, "options").map_or_else(|| default_options(member), |o| o.replace(['\n', '\r'], " "));
    let selector = field(service, "selector").unwrap_or_else(|| "[]".to_owned());
    let backup = field(service, "backup");
    let mut listed = Vec::new();
    let mut spare = Vec::new();
    for other in &members.all {
        let selected = selects(&selector, &other.vars).map_err(refuse)?;
        let is_backup =
            backup.as_deref().map_or(Ok(false), |backup| selects(backup, &other.vars)).map_err(refuse)?;
        let to = match dest.as_str() {
            "postgres" => other.pg_port,
            "pgbouncer" => other.pgbouncer_port,
            number => number.parse().unwrap_or(5432),
        };
        let line = format!(
            "    server {} {}:{to} check port {} weight {}{}\n",
            other.name,
            other.addr,
            other.patroni_port,
            other.weight,
            if is_backup { " backup" } else { "" }
        );
        match (selected, is_backup) {
            (true, _) => listed.push(line),
            (false, true) => spare.push(line),
            (false, false) => {}
        }
    }
    let full = format!("{}-{name}", members.name);
    let content = format!(
        "# Managed by Paddock: cluster {}, service {name}\nlisten {full}\n    bind {ip}:{port}\n    mode tcp\n    maxconn {maxconn}\n    balance {balance}\n    option httpchk\n    option http-keep-alive\n    http-check send meth OPTIONS uri {check}\n    http-check expect status 200\n    default-server {options}\n{}{}",
        members.name,
        listed.concat(),
        spare.concat()
    );
    Ok(Service { name, port, check, content })
}

/// Health check pace of the recovery-time plan, and what always holds.
fn default_options(member: &Member) -> String {
    let (inter, fast, down) = match text(&member.vars, "pg_rto", "norm").as_str() {
        "fast" => ("1s", "500ms", "1s"),
        "safe" => ("3s", "1500ms", "3s"),
        "wide" => ("4s", "2s", "4s"),
        _ => ("2s", "1s", "2s"),
    };
    format!(
        "inter {inter} fastinter {fast} downinter {down} rise 3 fall 3 on-marked-down shutdown-sessions slowstart 30s maxconn 3000 maxqueue 128 weight 100"
    )
}

/// Members that a health path lets through, for verification: leader, replicas, or both.
pub(crate) fn wanted(check: &str) -> (bool, bool) {
    match check {
        "/" | "/primary" | "/read-write" | "/leader" | "/master" => (true, false),
        "/replica" | "/async" => (false, true),
        _ => (true, true),
    }
}
