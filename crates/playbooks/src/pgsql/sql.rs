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
    let expire_in = user.get("expire_in").and_then(Value::as_int);
    if let (Some(at), None) = (field(user, "expire_at"), expire_in) {
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
    if let Some(days) = expire_in {
        // From the day on which it is applied: planning knows no clock.
        apply += &format!(
            "SELECT format({}, (current_date + {days})::text) \\gexec\n",
            literal(&format!("ALTER ROLE {} VALID UNTIL %L", id.replace('%', "%%")))
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
            let (role, state, admin) = match granted {
                Value::Map(map) => (
                    field(map, "name").unwrap_or_default(),
                    field(map, "state").unwrap_or_default(),
                    map.get("admin").filter(|value| **value != Value::Null).and_then(Value::as_bool),
                ),
                other => (other.to_text(), String::new(), None),
            };
            if role.is_empty() {
                continue;
            }
            let member = format!(
                "EXISTS (SELECT FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid JOIN pg_roles u ON u.oid = m.member WHERE g.rolname = {} AND u.rolname = {lit})",
                literal(&role)
            );
            if matches!(state.as_str(), "revoke" | "absent") {
                apply += &format!("REVOKE {} FROM {id};\n", ident(&role));
                checks.push(format!("NOT {member}"));
            } else {
                apply += &format!("GRANT {} TO {id};\n", ident(&role));
                checks.push(member);
                match admin {
                    Some(true) => apply += &format!("GRANT {} TO {id} WITH ADMIN OPTION;\n", ident(&role)),
                    Some(false) => {
                        apply += &format!("REVOKE ADMIN OPTION FOR {} FROM {id};\n", ident(&role));
                    }
                    None => {}
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

/// Owners whose future objects get the default privileges.
pub(crate) fn grantors(vars: &Vars, owner: Option<&str>) -> Vec<String> {
    let mut out = vec![
        text(vars, "pg_dbsu", "postgres"),
        text(vars, "pg_admin_username", "dbuser_dba"),
        "dbrole_admin".to_owned(),
    ];
    if let Some(owner) = owner
        && !out.iter().any(|known| known == owner)
    {
        out.push(owner.to_owned());
    }
    out
}

/// Check and apply of schemas, extensions and default privileges inside one database.
pub(crate) fn inside(vars: &Vars, owner: Option<&str>, database: Option<&Map>) -> (String, String) {
    let grantors = grantors(vars, owner);
    let mut checks = vec![format!(
        "(SELECT count(DISTINCT defaclrole) FROM pg_default_acl WHERE defaclobjtype = 'r' AND defaclrole::regrole::text = ANY (ARRAY[{}])) = {}",
        // regrole prints a name as it would have to be quoted.
        grantors.iter().map(|name| format!("quote_ident({})", literal(name))).collect::<Vec<_>>().join(", "),
        grantors.len()
    )];
    let mut apply =
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC;\nGRANT CREATE ON SCHEMA public TO dbrole_admin;\n"
            .to_owned();
    for name in &grantors {
        let id = ident(name);
        for (what, to) in [
            ("USAGE ON SCHEMAS", "dbrole_readonly"),
            ("SELECT ON TABLES", "dbrole_readonly"),
            ("SELECT ON SEQUENCES", "dbrole_readonly"),
            ("EXECUTE ON FUNCTIONS", "dbrole_readonly"),
            ("USAGE ON SCHEMAS", "dbrole_offline"),
            ("SELECT ON TABLES", "dbrole_offline"),
            ("SELECT ON SEQUENCES", "dbrole_offline"),
            ("EXECUTE ON FUNCTIONS", "dbrole_offline"),
            ("INSERT, UPDATE, DELETE ON TABLES", "dbrole_readwrite"),
            ("USAGE, UPDATE ON SEQUENCES", "dbrole_readwrite"),
            ("TRUNCATE, REFERENCES, TRIGGER ON TABLES", "dbrole_admin"),
            ("CREATE ON SCHEMAS", "dbrole_admin"),
        ] {
            apply += &format!("ALTER DEFAULT PRIVILEGES FOR ROLE {id} GRANT {what} TO {to};\n");
        }
    }
    let mut schemas: Vec<(String, Option<String>)> = vec![("monitor".to_owned(), None)];
    let mut extensions: Vec<(String, Option<String>)> = [
        ("pg_stat_statements", Some("monitor")),
        ("pgstattuple", Some("monitor")),
        ("pg_buffercache", Some("monitor")),
        ("pageinspect", Some("monitor")),
        ("pg_prewarm", Some("monitor")),
        ("pg_visibility", Some("monitor")),
        ("pg_freespacemap", Some("monitor")),
        ("postgres_fdw", None),
        ("file_fdw", None),
        ("btree_gist", None),
        ("btree_gin", None),
        ("pg_trgm", None),
        ("intarray", None),
        ("pg_repack", None),
    ]
    .into_iter()
    .map(|(name, schema)| (name.to_owned(), schema.map(str::to_owned)))
    .collect();
    let optional = extensions.len();
    for (key, out) in [("schemas", &mut schemas), ("extensions", &mut extensions)] {
        for item in database
            .and_then(|db| db.get(key))
            .and_then(|v| if let Value::List(l) = v { Some(l) } else { None })
            .into_iter()
            .flatten()
        {
            match item {
                Value::Map(map) if field(map, "state").as_deref() != Some("absent") => {
                    let second = field(map, if key == "schemas" { "owner" } else { "schema" });
                    out.extend(field(map, "name").map(|name| (name, second)));
                }
                Value::Text(name) => out.push((name.clone(), None)),
                _ => {}
            }
        }
    }
    for (schema, owner) in &schemas {
        let by = owner.as_ref().map_or(String::new(), |owner| format!(" AUTHORIZATION {}", ident(owner)));
        apply += &format!("CREATE SCHEMA IF NOT EXISTS {}{by};\n", ident(schema));
        checks.push(format!("EXISTS (SELECT FROM pg_namespace WHERE nspname = {})", literal(schema)));
    }
    for (index, (name, schema)) in extensions.iter().enumerate() {
        let lit = literal(name);
        let missing = format!("NOT EXISTS (SELECT FROM pg_extension WHERE extname = {lit})");
        let into = schema.as_ref().map_or(String::new(), |schema| format!(" SCHEMA {}", ident(schema)));
        let create = format!("CREATE EXTENSION IF NOT EXISTS {}{into} CASCADE", ident(name));
        if index < optional {
            // The built-in list is wished for, not demanded: what the node's packages lack is left out.
            let there = format!("EXISTS (SELECT FROM pg_available_extensions WHERE name = {lit})");
            apply += &format!("SELECT {} WHERE {there} AND {missing} \\gexec\n", literal(&create));
            checks.push(format!("NOT ({there} AND {missing})"));
        } else {
            apply += &format!("{create};\n");
            checks.push(format!("NOT ({missing})"));
        }
    }
    (format!("SELECT {};", checks.join("\n AND ")), apply)
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
    ] {
        options.extend(field(db, key).map(|value| format!("{word} {}", literal(&value))));
    }
    options.extend(
        field(db, "strategy").map(|strategy| format!("STRATEGY {}", ident(&strategy.to_lowercase()))),
    );
    for (key, word) in [("locale_provider", "LOCALE_PROVIDER"), ("icu_locale", "ICU_LOCALE")] {
        options.extend(field(db, key).map(|value| format!("{word} {}", literal(&value))));
    }
    let create = format!("CREATE DATABASE {id} {}", options.join(" "));
    let limit = db.get("connlimit").and_then(Value::as_int).unwrap_or(-1);
    let truth = |key: &str| db.get(key).filter(|value| **value != Value::Null).and_then(Value::as_bool);
    let comment = field(db, "comment").unwrap_or_else(|| format!("business database {name}"));
    let mut checks = vec![
        format!("r.rolname = {} AND d.datconnlimit = {limit}", literal(&owner)),
        format!("shobj_description(d.oid, 'pg_database') = {}", literal(&comment)),
    ];
    let mut apply = format!(
        "SELECT {} WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = {lit}) \\gexec\nALTER DATABASE {id} OWNER TO {};\nALTER DATABASE {id} CONNECTION LIMIT {limit};\nREVOKE CREATE ON DATABASE {id} FROM PUBLIC;\nGRANT CREATE ON DATABASE {id} TO dbrole_admin;\nGRANT ALL ON DATABASE {id} TO {};\n",
        literal(&create),
        ident(&owner),
        ident(&owner)
    );
    for (key, column, word) in
        [("is_template", "datistemplate", "IS_TEMPLATE"), ("allowconn", "datallowconn", "ALLOW_CONNECTIONS")]
    {
        if let Some(on) = truth(key) {
            checks.push(format!("d.{column} = {on}"));
            apply += &format!("ALTER DATABASE {id} {word} {on};\n");
        }
    }
    if let Some(revoked) = truth("revokeconn") {
        checks.push(format!("has_database_privilege('public', d.oid, 'CONNECT') <> {revoked}"));
        let own = |variable, default| ident(&text(vars, variable, default));
        apply += &if revoked {
            format!(
                "REVOKE CONNECT ON DATABASE {id} FROM PUBLIC;\nGRANT CONNECT ON DATABASE {id} TO {}, {};\nGRANT CONNECT ON DATABASE {id} TO {}, {} WITH GRANT OPTION;\n",
                own("pg_replication_username", "replicator"),
                own("pg_monitor_username", "dbuser_monitor"),
                own("pg_admin_username", "dbuser_dba"),
                ident(&owner)
            )
        } else {
            format!("GRANT CONNECT ON DATABASE {id} TO PUBLIC;\n")
        };
    }
    for (key, value) in
        db.get("parameters").and_then(Value::as_map).map(|map| map.0.as_slice()).unwrap_or_default()
    {
        let set = setting("DATABASE", &id, &key.to_text(), value);
        if set.is_empty() {
            continue;
        }
        apply += &set;
        let written = value.to_text();
        let (key, bare) = (key.to_text(), written.replace(['"', ' '], ""));
        // Compared without quotes and blanks: lists are stored with their own.
        let stored = |condition: String| {
            format!(
                "EXISTS (SELECT FROM pg_db_role_setting s, unnest(s.setconfig) c WHERE s.setdatabase = d.oid AND s.setrole = 0 AND {condition})"
            )
        };
        checks.push(if written.eq_ignore_ascii_case("default") {
            format!("NOT {}", stored(format!("starts_with(c, {})", literal(&format!("{key}=")))))
        } else {
            stored(format!("translate(c, '\" ', '') = {}", literal(&format!("{key}={bare}"))))
        });
    }
    apply += &format!("COMMENT ON DATABASE {id} IS {};\n", literal(&comment));
    let check = format!(
        "SELECT EXISTS (SELECT FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba WHERE d.datname = {lit} AND {});",
        checks.join(" AND ")
    );
    Some((name, check, apply))
}
