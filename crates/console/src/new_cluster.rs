//! The form of a new cluster as groups of the inventory, one for each cluster that its template makes.

use crate::declare::version_of;
use crate::passwords::random_text;
use crate::problems::{from_edit, from_name, problem};
use paddock_events::{ClusterTemplate, NewCluster, Problem, ProblemKind};
use paddock_inventory::{
    Cluster, ClusterName, InstanceRole, Inventory, Map, NewGroup, NodeAddr, Value, VarTarget, add_cluster,
    set_var,
};

/// Address, `pg_seq`, `pg_role`.
type Member = (NodeAddr, u32, InstanceRole);

/// The text with what the form says added.
pub(crate) fn with_new_cluster(text: String, form: &NewCluster) -> Result<String, Problem> {
    let inventory = Inventory::read(text).0;
    let name: ClusterName = form.name.trim().parse().map_err(|error| from_name(&error))?;
    let members = members(form)?;
    let mut vars = business(form)?;
    match &form.template {
        ClusterTemplate::Plain => add(&inventory, name, members, vars),
        ClusterTemplate::Standby { upstream, delay } => {
            let (upstream, delay) = (upstream.trim(), delay.trim());
            if upstream.is_empty() {
                return Err(refuse("a standby cluster needs an upstream"));
            }
            let upstream: NodeAddr = upstream.parse().map_err(|error| from_name(&error))?;
            if !delay.is_empty() && !is_duration(delay) {
                return Err(refuse(format!("`{delay}` is no delay: a number with min, h or d, as in 1h")));
            }
            let of = |cluster: &&Cluster| cluster.instances.iter().any(|one| one.addr == upstream);
            inherit(&mut vars, &inventory, inventory.clusters().values().find(of));
            let primary = members.iter().find(|one| one.2 == InstanceRole::Primary).map(|one| one.0);
            let text = add(&inventory, name.clone(), members, vars)?;
            let Some(primary) = primary else { return Ok(text) };
            let host = VarTarget::Host(name.to_string(), primary);
            let text = set(text, &host, "pg_upstream", upstream.to_string())?;
            if delay.is_empty() { Ok(text) } else { set(text, &host, "pg_delay", delay.to_owned()) }
        }
        ClusterTemplate::PointInTime { source } => {
            let source: ClusterName = source.trim().parse().map_err(|error| from_name(&error))?;
            let source = inventory.cluster(&source).ok_or_else(|| {
                refuse(format!("the inventory declares no cluster `{source}` to restore from"))
            })?;
            inherit(&mut vars, &inventory, Some(source));
            add(&inventory, name, members, vars)
        }
        ClusterTemplate::Citus => citus(inventory, &name, &members, &vars, form.database.trim()),
    }
}

/// Group 0 coordinates; each instance of the form is a cluster of its own.
fn citus(
    inventory: Inventory,
    name: &ClusterName,
    members: &[Member],
    vars: &Map,
    database: &str,
) -> Result<String, Problem> {
    if members.len() < 2 {
        return Err(refuse("Citus needs a coordinator and at least one worker"));
    }
    if database.is_empty() {
        return Err(refuse("name the database that Citus distributes"));
    }
    let password = random_text(24);
    // The groups log in to each other as the dbsu; from their own nodes only.
    let rule = |(addr, ..): &Member| {
        Value::Map(Map(vec![
            entry("title", text("Citus groups log in to each other")),
            entry("user", text("${dbsu}")),
            entry("db", text("all")),
            entry("addr", text(&format!("{addr}/32"))),
            entry("auth", text("ssl")),
        ]))
    };
    let rules = Value::List(members.iter().map(rule).collect());
    let mut whole = inventory;
    for (group, (addr, ..)) in (0_i64..).zip(members) {
        let mut own = vec![
            entry("pg_mode", text("citus")),
            entry("pg_shard", text(name.as_str())),
            entry("pg_group", Value::Int(group)),
            entry("pg_primary_db", text(database)),
            entry("pg_dbsu_password", text(&password)),
            entry("pg_hba_rules", rules.clone()),
        ];
        own.extend(vars.0.iter().cloned());
        let cluster = format!("{name}{group}").parse().map_err(|error| from_name(&error))?;
        let members = vec![(*addr, 1, InstanceRole::Primary)];
        whole = Inventory::read(add(&whole, cluster, members, Map(own))?).0;
    }
    Ok(whole.text().to_owned())
}

fn add(
    inventory: &Inventory,
    name: ClusterName,
    instances: Vec<Member>,
    vars: Map,
) -> Result<String, Problem> {
    add_cluster(inventory, &NewGroup { name, instances, vars }).map_err(|error| from_edit(&error))
}

fn set(whole: String, target: &VarTarget, name: &str, value: String) -> Result<String, Problem> {
    set_var(&Inventory::read(whole).0, target, name, &Value::Text(value)).map_err(|error| from_edit(&error))
}

/// The source's major version, unless the form says one.
fn inherit(vars: &mut Map, inventory: &Inventory, source: Option<&Cluster>) {
    if vars.get("pg_version").is_none()
        && let Some(source) = source
    {
        vars.0.splice(0..0, version_of(inventory, source).0);
    }
}

/// As `recovery_min_apply_delay` takes it.
fn is_duration(word: &str) -> bool {
    let unit = word.trim_start_matches(|c: char| c.is_ascii_digit());
    unit.len() < word.len() && ["ms", "s", "min", "h", "d"].contains(&unit)
}

fn refuse(why: impl Into<String>) -> Problem {
    problem(
        "inventory/bad-form",
        ProblemKind::Request,
        "the form is not right",
        why,
        "right it and try again",
    )
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn entry(key: &str, value: Value) -> (Value, Value) {
    (text(key), value)
}

/// `pg_seq` counts from 1 in the form's order.
fn members(form: &NewCluster) -> Result<Vec<Member>, Problem> {
    if form.instances.is_empty() {
        return Err(refuse("a cluster needs at least one instance"));
    }
    let mut instances: Vec<Member> = Vec::new();
    for (seq, (addr, role)) in (1..).zip(&form.instances) {
        let addr: NodeAddr = addr.trim().parse().map_err(|error| from_name(&error))?;
        let role = role.trim().parse().map_err(|error| from_name(&error))?;
        if instances.iter().any(|(known, _, _)| *known == addr) {
            return Err(refuse(format!(
                "{addr} is in the form twice; a node holds one instance of a cluster"
            )));
        }
        instances.push((addr, seq, role));
    }
    let primaries = instances.iter().filter(|(_, _, role)| *role == InstanceRole::Primary).count();
    // Each instance of a Citus is the primary of its own group.
    if primaries != 1 && form.template != ClusterTemplate::Citus {
        return Err(refuse(format!("a cluster has exactly one primary; the form has {primaries}")));
    }
    Ok(instances)
}

/// Version, first database and its owner.
fn business(form: &NewCluster) -> Result<Map, Problem> {
    let mut vars = Vec::new();
    if !form.version.trim().is_empty() {
        let version = form.version.trim().parse::<i64>();
        let version = version.map_err(|_| refuse("the version is a major number: 15"))?;
        vars.push(entry("pg_version", Value::Int(version)));
    }
    let (database, owner) = (form.database.trim(), form.owner.trim());
    let identifier = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
            && name.len() <= 63
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    for name in [database, owner].into_iter().filter(|name| !name.is_empty()) {
        if !identifier(name) {
            return Err(refuse(format!(
                "`{name}`: lower-case letters, digits and `_`, not beginning with a digit"
            )));
        }
    }
    if !owner.is_empty() {
        let password = if form.password.is_empty() { random_text(24) } else { form.password.clone() };
        let user = vec![
            entry("name", text(owner)),
            entry("password", text(&password)),
            entry("pgbouncer", Value::Bool(true)),
            entry("roles", Value::List(vec![text("dbrole_admin")])),
        ];
        vars.push(entry("pg_users", Value::List(vec![Value::Map(Map(user))])));
    }
    if !database.is_empty() {
        let mut with = vec![entry("name", text(database))];
        if !owner.is_empty() {
            with.push(entry("owner", text(owner)));
        }
        vars.push(entry("pg_databases", Value::List(vec![Value::Map(Map(with))])));
    }
    Ok(Map(vars))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "all:\n  children:\n    pg-main: # keep\n      hosts:\n        10.0.0.9: { pg_seq: 1, pg_role: primary }\n      vars:\n        pg_cluster: pg-main\n        pg_version: 15\n";

    fn form(instances: &[(&str, &str)]) -> NewCluster {
        let instances =
            instances.iter().map(|(addr, role)| ((*addr).to_owned(), (*role).to_owned())).collect();
        NewCluster { name: "pg-test".into(), instances, ..NewCluster::default() }
    }

    fn made(form: &NewCluster) -> Inventory {
        let text = with_new_cluster(TEXT.into(), form).unwrap();
        assert!(text.starts_with(TEXT.trim_end()), "{text}");
        Inventory::read(text).0
    }

    #[test]
    fn a_form_that_cannot_work_is_refused_with_its_reason() {
        let one = || form(&[("10.0.0.1", "primary")]);
        let standby = |upstream: &str, delay: &str| NewCluster {
            template: ClusterTemplate::Standby { upstream: upstream.into(), delay: delay.into() },
            ..one()
        };
        for (form, why) in [
            (form(&[]), "at least one instance"),
            (form(&[("10.0.0.1", "replica")]), "the form has 0"),
            (form(&[("10.0.0.1", "primary"), ("10.0.0.1", "replica")]), "twice"),
            (form(&[("10.0.0.x", "primary")]), "10.0.0.x"),
            (form(&[("10.0.0.1", "boss")]), "boss"),
            (NewCluster { name: "a b".into(), ..one() }, "a b"),
            (NewCluster { database: "X;".into(), ..one() }, "X;"),
            (NewCluster { version: "new".into(), ..one() }, "15"),
            (standby("", ""), "upstream"),
            (standby("10.0.0.9", "soon"), "soon"),
            (
                NewCluster { template: ClusterTemplate::PointInTime { source: "pg-x".into() }, ..one() },
                "pg-x",
            ),
            (NewCluster { template: ClusterTemplate::Citus, ..one() }, "at least one worker"),
        ] {
            let refused = with_new_cluster(TEXT.into(), &form).unwrap_err();
            assert!(refused.why.contains(why), "{refused}");
        }
    }

    #[test]
    fn a_delayed_standby_follows_its_upstream_in_the_upstreams_version() {
        let template = ClusterTemplate::Standby { upstream: "10.0.0.9".into(), delay: "1d".into() };
        let made =
            made(&NewCluster { template, ..form(&[("10.0.0.1", "primary"), ("10.0.0.2", "replica")]) });
        let vars = |addr: &str| made.vars(addr.parse().unwrap());
        assert_eq!(vars("10.0.0.1").text("pg_upstream").as_deref(), Some("10.0.0.9"));
        assert_eq!(vars("10.0.0.1").text("pg_delay").as_deref(), Some("1d"));
        assert_eq!(
            (vars("10.0.0.2").text("pg_upstream"), vars("10.0.0.2").int("pg_version")),
            (None, Some(15))
        );
    }

    #[test]
    fn a_clone_to_a_point_in_time_has_its_sources_version_and_nothing_else_of_it() {
        let template = ClusterTemplate::PointInTime { source: "pg-main".into() };
        let made = made(&NewCluster { template, ..form(&[("10.0.0.1", "primary")]) });
        let vars = made.vars("10.0.0.1".parse().unwrap());
        assert_eq!((vars.int("pg_version"), vars.get("pg_pitr").is_some()), (Some(15), false));
    }

    #[test]
    fn each_group_of_citus_is_a_cluster_and_admits_the_others() {
        let rows = form(&[("10.0.0.1", "primary"), ("10.0.0.2", "primary"), ("10.0.0.3", "primary")]);
        let made = made(&NewCluster { template: ClusterTemplate::Citus, database: "app".into(), ..rows });
        for (at, addr) in ["10.0.0.1", "10.0.0.2", "10.0.0.3"].into_iter().enumerate() {
            let vars = made.vars(addr.parse().unwrap());
            assert_eq!(vars.text("pg_cluster"), Some(format!("pg-test{at}")));
            assert_eq!(vars.int("pg_group"), i64::try_from(at).ok());
            assert_eq!(vars.text("pg_shard").as_deref(), Some("pg-test"));
            assert_eq!(vars.list("pg_hba_rules").map(<[Value]>::len), Some(3));
        }
    }
}
