//! What is inside a database: schemas, extensions, default privileges, and the pooler's way to look up users.

use crate::Step;
use crate::params::{field, flag, text};
use crate::pgsql::members::Member;
use crate::pgsql::sql::{ident, literal, takes_connections};
use paddock_inventory::{Map, Value, Vars};

/// A schema with its owner, or an extension with its schema.
type Named = (String, Option<String>);

const SCHEMAS: [&str; 1] = ["monitor"];
const EXTENSIONS: [(&str, Option<&str>); 14] = [
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
];

/// The steps on the leader for one database: what shall be in it, then what shall not. `existed`: it was there when the
/// plan was made, so that dropping something in it destroys data.
pub(crate) fn steps(leader: &Member, name: &str, declared: Option<&Map>, existed: bool) -> Vec<Step> {
    if declared.is_some_and(|db| !takes_connections(db)) {
        return Vec::new();
    }
    let owner = declared.and_then(|db| field(db, "owner"));
    let (check, apply) = wanted(&leader.vars, owner.as_deref(), declared);
    let (host, port) = (leader.addr, leader.pg_port);
    let id = if declared.is_some() {
        format!("pgsql/pg_db/{name}/inside")
    } else {
        format!("pgsql/pg_init/{name}")
    };
    let title = format!("{name} has its schemas, extensions and privileges");
    let mut steps = vec![Step::sql(&id, host, &title, name, port, check, apply).limit(300)];
    if let Some((check, apply, what)) = declared.and_then(unwanted) {
        let title = format!("{name} does not have {what}");
        let id = format!("pgsql/pg_db/{name}/absent");
        let step = Step::sql(&id, host, &title, name, port, check, apply).limit(300);
        steps.push(if existed {
            step.destroys(format!("drops from database {name}, with all that depends on it: {what}"))
        } else {
            step
        });
    }
    steps
}

/// Entries of a list as (name, second field), divided into wanted and absent ones.
fn entries(list: &[Value], second: &str) -> (Vec<Named>, Vec<String>) {
    let (mut wanted, mut absent) = (Vec::new(), Vec::new());
    for item in list {
        match item {
            Value::Map(map) => {
                let Some(name) = field(map, "name") else { continue };
                if field(map, "state").as_deref() == Some("absent") {
                    absent.push(name);
                } else {
                    wanted.push((name, field(map, second)));
                }
            }
            Value::Text(name) => wanted.push((name.clone(), None)),
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::List(_) => {}
        }
    }
    (wanted, absent)
}

fn listed<'a>(database: Option<&'a Map>, key: &str) -> &'a [Value] {
    match database.and_then(|db| db.get(key)) {
        Some(Value::List(list)) => list,
        _ => &[],
    }
}

/// Check and apply of what shall be there.
fn wanted(vars: &Vars, owner: Option<&str>, database: Option<&Map>) -> (String, String) {
    let mut schemas: Vec<Named> = match vars.list("pg_default_schemas") {
        Some(list) => entries(list, "owner").0,
        None => SCHEMAS.iter().map(|name| ((*name).to_owned(), None)).collect(),
    };
    let mut extensions: Vec<Named> = match vars.list("pg_default_extensions") {
        Some(list) => entries(list, "schema").0,
        None => {
            EXTENSIONS.iter().map(|(name, schema)| ((*name).to_owned(), schema.map(str::to_owned))).collect()
        }
    };
    let (more, no_schemas) = entries(listed(database, "schemas"), "owner");
    schemas.retain(|(name, _)| !no_schemas.contains(name));
    schemas.extend(more);
    let (more, no_extensions) = entries(listed(database, "extensions"), "schema");
    extensions.retain(|(name, schema)| {
        !no_extensions.contains(name) && schema.as_ref().is_none_or(|schema| !no_schemas.contains(schema))
    });
    // The built-in list is wished for, not demanded: what the node's packages lack is left out.
    let optional = extensions.len();
    extensions.extend(more);
    let (mut checks, mut apply) = privileges(vars, owner);
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
            let there = format!("EXISTS (SELECT FROM pg_available_extensions WHERE name = {lit})");
            apply += &format!("SELECT {} WHERE {there} AND {missing} \\gexec\n", literal(&create));
            checks.push(format!("NOT ({there} AND {missing})"));
        } else {
            apply += &format!("{create};\n");
            checks.push(format!("NOT ({missing})"));
        }
    }
    if flag(vars, "pgbouncer_auth_query", false) && !no_schemas.iter().any(|name| name == "monitor") {
        let (check, make) = auth_query();
        checks.push(check);
        apply += &make;
    }
    (format!("SELECT {};", checks.join("\n AND ")), apply)
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

fn privileges(vars: &Vars, owner: Option<&str>) -> (Vec<String>, String) {
    let grantors = grantors(vars, owner);
    let checks = vec![format!(
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
    (checks, apply)
}

/// The function by which PgBouncer looks up users that its list does not have. Only the dbsu may call it: it gives hashes.
fn auth_query() -> (String, String) {
    let check = "EXISTS (SELECT FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = 'monitor' AND p.proname = 'pgbouncer_auth')".to_owned();
    let make = "CREATE SCHEMA IF NOT EXISTS monitor;\nCREATE OR REPLACE FUNCTION monitor.pgbouncer_auth(who text) RETURNS TABLE (username text, password text) LANGUAGE sql STABLE SET search_path = pg_catalog AS 'SELECT rolname::text, rolpassword FROM pg_authid WHERE rolname = who AND rolcanlogin AND (rolvaliduntil IS NULL OR rolvaliduntil > now())';\nREVOKE ALL ON FUNCTION monitor.pgbouncer_auth(text) FROM PUBLIC;\n".to_owned();
    (check, make)
}

/// Check and apply of what is declared `absent`, and its names; none when nothing is.
fn unwanted(database: &Map) -> Option<(String, String, String)> {
    let (mut checks, mut apply, mut names) = (Vec::new(), String::new(), Vec::new());
    // Extensions first: a schema that is dropped takes its extensions along.
    for (key, kind, catalog, column) in [
        ("extensions", "EXTENSION", "pg_extension", "extname"),
        ("schemas", "SCHEMA", "pg_namespace", "nspname"),
    ] {
        for name in entries(listed(Some(database), key), "").1 {
            checks.push(format!("NOT EXISTS (SELECT FROM {catalog} WHERE {column} = {})", literal(&name)));
            apply += &format!("DROP {kind} IF EXISTS {} CASCADE;\n", ident(&name));
            names.push(format!("{} {name}", kind.to_lowercase()));
        }
    }
    (!names.is_empty()).then(|| (format!("SELECT {};", checks.join("\n AND ")), apply, names.join(", ")))
}
