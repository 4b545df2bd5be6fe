//! HBA rules of PostgreSQL and PgBouncer: aliases expanded to lines.

use crate::params::{field, maps, text};
use crate::pgsql::hba_guard;
use crate::pgsql::members::{Member, Members};
use crate::{Context, Refusal};
use paddock_inventory::{InstanceRole, Map, Value};

/// Built-in PostgreSQL rules: order, user, db, addr, auth, title.
const PG_RULES: &[(i64, &str, &str, &str, &str, &str)] = &[
    (100, "${dbsu}", "all", "local", "ident", "dbsu access via local os user ident"),
    (150, "${dbsu}", "replication", "local", "ident", "dbsu replication from local os ident"),
    (200, "${repl}", "replication", "localhost", "pwd", "replicator replication from localhost"),
    (250, "${repl}", "replication", "intra", "pwd", "replicator replication from intranet"),
    (300, "${repl}", "postgres", "intra", "pwd", "replicator postgres db from intranet"),
    (350, "${monitor}", "all", "localhost", "pwd", "monitor from localhost with password"),
    (400, "${monitor}", "all", "infra", "pwd", "monitor from infra host with password"),
    (450, "${admin}", "all", "intra", "pwd", "admin @ intranet with password"),
    (500, "${admin}", "all", "world", "ssl", "admin @ everywhere with ssl & pwd"),
    (550, "+dbrole_readonly", "all", "localhost", "pwd", "pgbouncer read/write via local socket"),
    (600, "+dbrole_readonly", "all", "intra", "pwd", "read/write biz user via password"),
    (650, "+dbrole_offline", "all", "intra", "pwd", "allow etl offline tasks from intranet"),
];

/// Built-in PgBouncer rules.
const PGB_RULES: &[(i64, &str, &str, &str, &str, &str)] = &[
    (100, "${dbsu}", "pgbouncer", "local", "peer", "dbsu local admin access with os ident"),
    (150, "all", "all", "localhost", "pwd", "allow all user local access with pwd"),
    (200, "${monitor}", "pgbouncer", "intra", "pwd", "monitor access via intranet with pwd"),
    (250, "${monitor}", "all", "world", "deny", "reject all other monitor access addr"),
    (300, "${admin}", "all", "intra", "pwd", "admin access via intranet with pwd"),
    (350, "${admin}", "all", "world", "deny", "reject all other admin access addr"),
    (400, "all", "all", "intra", "pwd", "allow all user intra access with pwd"),
];

/// For whom the rules are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Postgres,
    PgBouncer,
}

/// The whole file for one member; refused when it would lock out those whom the cluster lives by.
pub(crate) fn render(
    ctx: &Context<'_>,
    members: &Members,
    member: &Member,
    target: Target,
) -> Result<String, Refusal> {
    let (defaults, extra, built_in) = match target {
        Target::Postgres => ("pg_default_hba_rules", "pg_hba_rules", PG_RULES),
        Target::PgBouncer => ("pgb_default_hba_rules", "pgb_hba_rules", PGB_RULES),
    };
    let mut rules = if member.vars.list(defaults).is_some() {
        maps(&member.vars, defaults)
    } else {
        built_in.iter().map(built_in_rule).collect()
    };
    rules.extend(maps(&member.vars, extra));
    // Stable: default rules before user rules of the same order; rules without an order come last.
    rules.sort_by_key(|rule| rule.get("order").and_then(Value::as_int).unwrap_or(i64::MAX));
    let mut out =
        format!("# Managed by Paddock. {} of {} ({})\n", target.file_name(), member.name, member.role);
    for rule in &rules {
        out += &render_rule(ctx, members, member, target, rule)?;
    }
    hba_guard::check(members, member, target, &out)?;
    Ok(out)
}

impl Target {
    pub(crate) fn file_name(self) -> &'static str {
        match self {
            Self::Postgres => "pg_hba.conf",
            Self::PgBouncer => "pgb_hba.conf",
        }
    }
}

fn built_in_rule(rule: &(i64, &str, &str, &str, &str, &str)) -> Map {
    let (order, user, db, addr, auth, title) = rule;
    let text = |value: &str| Value::Text(value.to_owned());
    Map(vec![
        (text("order"), Value::Int(*order)),
        (text("user"), text(user)),
        (text("db"), text(db)),
        (text("addr"), text(addr)),
        (text("auth"), text(auth)),
        (text("title"), text(title)),
    ])
}

fn render_rule(
    ctx: &Context<'_>,
    members: &Members,
    member: &Member,
    target: Target,
    rule: &Map,
) -> Result<String, Refusal> {
    let title = field(rule, "title").unwrap_or_default().replace(['\n', '\r'], " ");
    let refuse = |why: String| Refusal {
        code: "plan/bad-hba-rule".into(),
        what: format!("{} of {} cannot be rendered", target.file_name(), member.name),
        why: format!("rule `{title}`: {why}"),
        fix: "right the rule in the inventory".into(),
    };
    let role = field(rule, "role").unwrap_or_else(|| "default".into());
    let active = match role.as_str() {
        "default" | "common" => true,
        "offline" => member.role == InstanceRole::Offline || member.offline_query,
        other => {
            let role: InstanceRole =
                other.parse().map_err(|_| refuse(format!("`{other}` is not an instance role")))?;
            role == member.role
        }
    };
    let lines = match rule.get("rules") {
        Some(Value::List(raw)) if !raw.is_empty() => raw
            .iter()
            .flat_map(|line| line.to_text().lines().map(str::to_owned).collect::<Vec<_>>())
            .collect(),
        _ => alias_lines(ctx, members, member, target, rule).map_err(refuse)?,
    };
    let disabled = if active { "" } else { " [DISABLED]" };
    let mut out = format!("\n# {title} [{role}]{disabled}\n");
    for line in lines {
        out += &format!("{}{line}\n", if active { "" } else { "#" });
    }
    Ok(out)
}

fn alias_lines(
    ctx: &Context<'_>,
    members: &Members,
    member: &Member,
    target: Target,
    rule: &Map,
) -> Result<Vec<String>, String> {
    let vars = &member.vars;
    let addr = field(rule, "addr").ok_or("it has neither `rules` nor `addr`")?;
    let db = field(rule, "db").unwrap_or_else(|| "all".into());
    if target == Target::PgBouncer && db == "replication" {
        return Err("PgBouncer knows no `db: replication`".to_owned());
    }
    let user = match field(rule, "user").unwrap_or_else(|| "all".into()).as_str() {
        "${dbsu}" => text(vars, "pg_dbsu", "postgres"),
        "${repl}" => text(vars, "pg_replication_username", "replicator"),
        "${monitor}" => text(vars, "pg_monitor_username", "dbuser_monitor"),
        "${admin}" => text(vars, "pg_admin_username", "dbuser_dba"),
        other => other.to_owned(),
    };
    if [&db, &user].iter().any(|word| word.contains(['\n', '\r'])) {
        return Err("a name has a line break in it".to_owned());
    }
    let auth = field(rule, "auth").unwrap_or_else(|| "pwd".into());
    let password = if text(vars, "pg_pwd_enc", "scram-sha-256") == "md5" { "md5" } else { "scram-sha-256" };
    let (method, kind) = match auth.as_str() {
        "deny" | "reject" => ("reject", "host"),
        "trust" => ("trust", "host"),
        "pwd" | "password" => (password, "host"),
        "sha" | "scram-sha-256" => ("scram-sha-256", "host"),
        "md5" => ("md5", "host"),
        "ssl" | "ssl-pwd" => (password, "hostssl"),
        "ssl-sha" => ("scram-sha-256", "hostssl"),
        "ssl-md5" => ("md5", "hostssl"),
        "cert" => ("cert", "hostssl"),
        "os" | "ident" if target == Target::PgBouncer => ("peer", "host"),
        "os" | "ident" => ("ident", "host"),
        "peer" => ("peer", "host"),
        other => return Err(format!("unsupported hba auth `{other}`")),
    };
    let line = |kind: &str, address: &str| format!("{kind:<8} {db:<18} {user:<18} {address:<18} {method}");
    let slash32 = |ip: &str| line(kind, &format!("{ip}/32"));
    Ok(match addr.as_str() {
        "local" => vec![line("local", "")],
        // PostgreSQL is always reached without TLS on its own loopback.
        "localhost" => vec![line("local", ""), line("host", "127.0.0.1/32"), line("host", "::1/128")],
        "admin" => vec![slash32(&text(vars, "admin_ip", "127.0.0.1"))],
        "infra" => {
            let mut ips: Vec<String> =
                ctx.inventory.members_of_group("infra").iter().map(ToString::to_string).collect();
            ips.sort();
            ips.iter().map(|ip| slash32(ip)).collect()
        }
        "cluster" => members.addresses().iter().map(|ip| slash32(ip)).collect(),
        "intra" | "intranet" => {
            let declared = vars.list("node_firewall_intranet");
            let default =
                ["10.0.0.0/8", "192.168.0.0/16", "172.16.0.0/12"].map(|net| Value::Text(net.into()));
            declared.unwrap_or(&default).iter().map(|net| line(kind, &net.to_text())).collect()
        }
        "world" | "all" => vec![line(kind, "0.0.0.0/0"), line(kind, "::/0")],
        other => {
            let (ip, bits) = other.split_once('/').unwrap_or((other, "32"));
            let good =
                ip.parse::<std::net::Ipv4Addr>().is_ok() && bits.parse::<u8>().is_ok_and(|bits| bits <= 32);
            if !good {
                return Err(format!("invalid addr name `{other}`"));
            }
            // A bare address is a host; PostgreSQL wants its mask.
            vec![line(kind, &format!("{ip}/{bits}"))]
        }
    })
}
