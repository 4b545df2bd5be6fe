//! Provisioning SQL: roles, privileges, schemas, extensions, databases. Runs on the leader only.

use crate::params::{field, maps, password, text};
use crate::pgsql::members::Member;
use paddock_inventory::{Map, Value, Vars};
use std::collections::BTreeMap;

/// A quoted identifier.
pub(crate) fn ident(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\"").replace('\0', ""))
}

/// A string literal that means the same whatever `standard_conforming_strings` is.
pub(crate) fn literal(text: &str) -> String {
    let inner = text.replace('\0', "").replace('\'', "''");
    if inner.contains('\\') { format!("E'{}'", inner.replace('\\', "\\\\")) } else { format!("'{inner}'") }
}

/// A role to be provisioned.
#[derive(Clone, Debug)]
pub(crate) struct Role {
    pub(crate) name: String,
    /// Holds when the role is there with its attributes and memberships; has no secret in it.
    pub(crate) check: String,
    /// Makes it so; holds the password.
    pub(crate) apply: String,
    /// Listed in PgBouncer's user list.
    pub(crate) pooled: bool,
}

const ATTRIBUTES: [(&str, &str, &str); 7] = [
    ("login", "LOGIN", "rolcanlogin"),
    ("superuser", "SUPERUSER", "rolsuper"),
    ("createdb", "CREATEDB", "rolcreatedb"),
    ("createrole", "CREATEROLE", "rolcreaterole"),
    ("inherit", "INHERIT", "rolinherit"),
    ("replication", "REPLICATION", "rolreplication"),
    ("bypassrls", "BYPASSRLS", "rolbypassrls"),
];

/// Settings that are lists: quoting them as one string would make one element of them.
const LIST_SETTINGS: [&str; 6] = [
    "search_path",
    "temp_tablespaces",
    "local_preload_libraries",
    "session_preload_libraries",
    "shared_preload_libraries",
    "log_destination",
];

fn entry(pairs: &[(&str, Value)]) -> Map {
    Map(pairs.iter().map(|(key, value)| (Value::Text((*key).to_owned()), value.clone())).collect())
}

fn default_roles() -> Vec<Map> {
    let t = |text: &str| Value::Text(text.to_owned());
    let list = |names: &[&str]| Value::List(names.iter().map(|name| t(name)).collect());
    let (yes, no) = (Value::Bool(true), Value::Bool(false));
    vec![
        entry(&[
            ("name", t("dbrole_readonly")),
            ("login", no.clone()),
            ("comment", t("role for global read-only access")),
        ]),
        entry(&[
            ("name", t("dbrole_offline")),
            ("login", no.clone()),
            ("comment", t("role for restricted read-only access")),
        ]),
        entry(&[
            ("name", t("dbrole_readwrite")),
            ("login", no.clone()),
            ("roles", list(&["dbrole_readonly"])),
            ("comment", t("role for global read-write access")),
        ]),
        entry(&[
            ("name", t("dbrole_admin")),
            ("login", no),
            ("roles", list(&["pg_monitor", "dbrole_readwrite"])),
            ("comment", t("role for object creation")),
        ]),
        entry(&[("name", t("${dbsu}")), ("superuser", yes.clone()), ("comment", t("system superuser"))]),
        entry(&[
            ("name", t("${repl}")),
            ("replication", yes.clone()),
            ("roles", list(&["pg_monitor", "dbrole_readonly"])),
            ("comment", t("system replicator")),
        ]),
        entry(&[
            ("name", t("${admin}")),
            ("superuser", yes.clone()),
            ("roles", list(&["dbrole_admin"])),
            ("pgbouncer", yes.clone()),
            ("comment", t("pgsql admin user")),
        ]),
        entry(&[
            ("name", t("${monitor}")),
            ("roles", list(&["pg_monitor", "dbrole_readonly"])),
            ("pgbouncer", yes),
            ("comment", t("pgsql monitor user")),
        ]),
    ]
}

/// System roles and business users, in order of creation. Users of state `absent` are left to their own operation.
pub(crate) fn roles(member: &Member) -> Vec<Role> {
    let vars = &member.vars;
    let mut declared = if vars.list("pg_default_roles").is_some() {
        maps(vars, "pg_default_roles")
    } else {
        default_roles()
    };
    declared.extend(maps(vars, "pg_users"));
    declared
        .iter()
        .filter(|user| field(user, "state").as_deref() != Some("absent"))
        .filter_map(|user| role(vars, user))
        .collect()
}

/// The roles that each declared role is a member of, directly; names as they are in PostgreSQL.
pub(crate) fn memberships(vars: &Vars) -> BTreeMap<String, Vec<String>> {
    let mut declared = if vars.list("pg_default_roles").is_some() {
        maps(vars, "pg_default_roles")
    } else {
        default_roles()
    };
    declared.extend(maps(vars, "pg_users"));
    let mut out: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for user in declared {
        let Some(name) = field(&user, "name") else { continue };
        let name = match name.as_str() {
            "${dbsu}" => text(vars, "pg_dbsu", "postgres"),
            "${repl}" => text(vars, "pg_replication_username", "replicator"),
            "${admin}" => text(vars, "pg_admin_username", "dbuser_dba"),
            "${monitor}" => text(vars, "pg_monitor_username", "dbuser_monitor"),
            _ => name,
        };
        let Some(Value::List(roles)) = user.get("roles") else { continue };
        let granted = roles.iter().filter_map(|role| match role {
            Value::Map(map) => field(map, "name"),
            other => Some(other.to_text()),
        });
        out.entry(name).or_default().extend(granted);
    }
    out
}

fn role(vars: &Vars, user: &Map) -> Option<Role> {
    let system = [
        (
            "${dbsu}",
            text(vars, "pg_dbsu", "postgres"),
            vars.text("pg_dbsu_password").filter(|p| !p.is_empty()),
        ),
        (
            "${repl}",
            text(vars, "pg_replication_username", "replicator"),
            Some(password(vars, "pg_replication_password")),
        ),
        (
            "${admin}",
            text(vars, "pg_admin_username", "dbuser_dba"),
            Some(password(vars, "pg_admin_password")),
        ),
        (
            "${monitor}",
            text(vars, "pg_monitor_username", "dbuser_monitor"),
            Some(password(vars, "pg_monitor_password")),
        ),
    ];
    let written = field(user, "name")?;
    let known = system.into_iter().find(|(mark, name, _)| *mark == written || *name == written);
    let (name, system_password) = known.map_or((written, None), |(_, name, password)| (name, password));
    let (id, lit) = (ident(&name), literal(&name));
    let mut options = Vec::new();
    let mut checks = vec![format!("EXISTS (SELECT FROM pg_roles WHERE rolname = {lit})")];
    for (key, word, column) in ATTRIBUTES {
        let value = user.get(key).filter(|value| **value != Value::Null).and_then(Value::as_bool);
        let value = value.or_else(|| (key == "login").then_some(true));
        if let Some(on) = value {
            options.push(if on { word.to_owned() } else { format!("NO{word}") });
            checks.push(format!("EXISTS (SELECT FROM pg_roles WHERE rolname = {lit} AND {column} = {on})"));
        }
    }
    if let Some(limit) = user.get("connlimit").and_then(Value::as_int) {
        options.push(format!("CONNECTION LIMIT {limit}"));
        checks
            .push(format!("EXISTS (SELECT FROM pg_roles WHERE rolname = {lit} AND rolconnlimit = {limit})"));
    }
    let days = user.get("expire_in").and_then(Value::as_int);
    if let Some(at) = field(user, "expire_at").filter(|_| days.is_none()) {
        options.push(format!("VALID UNTIL {}", literal(&at)));
    }
    // Statement logging is off around the password; the secret goes only through stdin.
    let mut apply = format!(
        "SET log_statement = 'none'; SET log_min_duration_statement = -1;\nSELECT 'CREATE ROLE {}' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = {lit}) \\gexec\nALTER ROLE {id} {};\n",
        id.replace('\'', "''"),
        options.join(" ")
    );
    if let Some(secret) = field(user, "password").or(system_password) {
        apply += &format!("ALTER ROLE {id} PASSWORD {};\n", literal(&secret));
    }
    if let Some(days) = days {
        // The day is PostgreSQL's; it wins over `expire_at`, and moves on only when the definition changes.
        apply += &format!(
            "SELECT format('ALTER ROLE %I VALID UNTIL %L', {lit}, (current_date + ({days}))::text) \\gexec\n"
        );
    }
    for (key, value) in
        user.get("parameters").and_then(Value::as_map).map(|map| map.0.as_slice()).unwrap_or_default()
    {
        apply += &setting("ROLE", &id, &key.to_text(), value);
    }
    let comment = field(user, "comment").unwrap_or_else(|| format!("business user {name}"));
    apply += &format!("COMMENT ON ROLE {id} IS {};\n", literal(&comment));
    if let Some(Value::List(roles)) = user.get("roles") {
        for granted in roles {
            let (role, state) = match granted {
                Value::Map(map) => {
                    (field(map, "name").unwrap_or_default(), field(map, "state").unwrap_or_default())
                }
                other => (other.to_text(), String::new()),
            };
            if role.is_empty() {
                continue;
            }
            let member = format!(
                "EXISTS (SELECT FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid JOIN pg_roles u ON u.oid = m.member WHERE g.rolname = {} AND u.rolname = {lit})",
                literal(&role)
            );
            let option = |name: &str| match granted {
                Value::Map(map) => {
                    map.get(name).filter(|value| **value != Value::Null).and_then(Value::as_bool)
                }
                _ => None,
            };
            if matches!(state.as_str(), "revoke" | "absent") {
                apply += &format!("REVOKE {} FROM {id};\n", ident(&role));
                checks.push(format!("NOT {member}"));
            } else {
                apply += &format!("GRANT {} TO {id};\n", ident(&role));
                checks.push(member);
                match option("admin") {
                    Some(true) => apply += &format!("GRANT {} TO {id} WITH ADMIN OPTION;\n", ident(&role)),
                    Some(false) => apply += &format!("REVOKE ADMIN OPTION FOR {} FROM {id};\n", ident(&role)),
                    None => {}
                }
                for (name, word) in [("set", "SET"), ("inherit", "INHERIT")] {
                    if let Some(on) = option(name) {
                        // Older versions do not know it.
                        let grant = format!("GRANT {} TO {id} WITH {word} {on}", ident(&role));
                        apply += &format!(
                            "SELECT {} WHERE current_setting('server_version_num')::int >= 160000 \\gexec\n",
                            literal(&grant)
                        );
                    }
                }
            }
        }
    }
    let pooled = user.get("pgbouncer").and_then(Value::as_bool).unwrap_or(false);
    Some(Role { name, check: format!("SELECT {};", checks.join("\n AND ")), apply, pooled })
}

fn setting(kind: &str, id: &str, key: &str, value: &Value) -> String {
    if *value == Value::Null || !key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'.') {
        return String::new();
    }
    let written = value.to_text();
    let written = if written.eq_ignore_ascii_case("default") {
        "DEFAULT".to_owned()
    } else if LIST_SETTINGS.contains(&key) {
        written.split(',').map(|part| literal(part.trim().trim_matches('"'))).collect::<Vec<_>>().join(", ")
    } else {
        literal(&written)
    };
    format!("ALTER {kind} {id} SET {key} TO {written};\n")
}

/// Whether the database may be connected to: what is inside is left alone otherwise.
pub(crate) fn takes_connections(db: &Map) -> bool {
    db.get("allowconn").and_then(Value::as_bool).unwrap_or(true)
}

/// Check and apply of a database itself (not what is inside).
pub(crate) fn database(vars: &Vars, db: &Map) -> Option<(String, String, String)> {
    let name = field(db, "name")?;
    let (id, lit) = (ident(&name), literal(&name));
    let owner = field(db, "owner").unwrap_or_else(|| text(vars, "pg_dbsu", "postgres"));
    let mut options = vec![format!("OWNER {}", ident(&owner))];
    for (key, word) in [("template", "TEMPLATE"), ("tablespace", "TABLESPACE")] {
        options.extend(field(db, key).map(|value| format!("{word} {}", ident(&value))));
    }
    for (key, word) in [
        ("encoding", "ENCODING"),
        ("locale", "LOCALE"),
        ("lc_collate", "LC_COLLATE"),
        ("lc_ctype", "LC_CTYPE"),
        ("locale_provider", "LOCALE_PROVIDER"),
        ("icu_locale", "ICU_LOCALE"),
        ("icu_rules", "ICU_RULES"),
        ("builtin_locale", "BUILTIN_LOCALE"),
        ("strategy", "STRATEGY"),
    ] {
        options.extend(field(db, key).map(|value| format!("{word} {}", literal(&value))));
    }
    let create = format!("CREATE DATABASE {id} {}", options.join(" "));
    let limit = db.get("connlimit").and_then(Value::as_int).unwrap_or(-1);
    let flag = |key: &str| db.get(key).filter(|value| **value != Value::Null).and_then(Value::as_bool);
    let comment = field(db, "comment").unwrap_or_else(|| format!("business database {name}"));
    let mut check = format!(
        "SELECT EXISTS (SELECT FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba WHERE d.datname = {lit} AND r.rolname = {} AND d.datconnlimit = {limit} AND shobj_description(d.oid, 'pg_database') = {}",
        literal(&owner),
        literal(&comment)
    );
    let mut more = String::new();
    for (key, column, word) in
        [("allowconn", "datallowconn", "ALLOW_CONNECTIONS"), ("is_template", "datistemplate", "IS_TEMPLATE")]
    {
        if let Some(on) = flag(key) {
            check += &format!(" AND d.{column} = {on}");
            more += &format!("ALTER DATABASE {id} WITH {word} {on};\n");
        }
    }
    match flag("revokeconn") {
        Some(true) => {
            check += " AND NOT has_database_privilege('public', d.oid, 'CONNECT')";
            more += &format!("REVOKE CONNECT ON DATABASE {id} FROM PUBLIC;\n");
            for (user, default, with) in [
                ("pg_replication_username", "replicator", ""),
                ("pg_monitor_username", "dbuser_monitor", ""),
                ("pg_admin_username", "dbuser_dba", " WITH GRANT OPTION"),
            ] {
                let user = ident(&text(vars, user, default));
                more += &format!("GRANT CONNECT ON DATABASE {id} TO {user}{with};\n");
            }
            more += &format!("GRANT CONNECT ON DATABASE {id} TO {} WITH GRANT OPTION;\n", ident(&owner));
        }
        Some(false) => {
            check += " AND has_database_privilege('public', d.oid, 'CONNECT')";
            more += &format!("GRANT CONNECT ON DATABASE {id} TO PUBLIC;\n");
        }
        None => {}
    }
    check += ");";
    let mut apply = format!(
        "SELECT {} WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = {lit}) \\gexec\nALTER DATABASE {id} OWNER TO {};\nALTER DATABASE {id} CONNECTION LIMIT {limit};\nREVOKE CREATE ON DATABASE {id} FROM PUBLIC;\nGRANT CREATE ON DATABASE {id} TO dbrole_admin;\nGRANT ALL ON DATABASE {id} TO {};\n",
        literal(&create),
        ident(&owner),
        ident(&owner)
    );
    apply += &more;
    for (key, value) in
        db.get("parameters").and_then(Value::as_map).map(|map| map.0.as_slice()).unwrap_or_default()
    {
        apply += &setting("DATABASE", &id, &key.to_text(), value);
    }
    apply += &format!("COMMENT ON DATABASE {id} IS {};\n", literal(&comment));
    Some((name, check, apply))
}
