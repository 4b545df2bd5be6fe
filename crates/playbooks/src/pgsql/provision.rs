//! Roles, databases and what is inside them, on the leader.

use crate::params::{field, flag, maps};
use crate::pgsql::members::{Member, Members};
use crate::pgsql::{baseline, inside, sql};
use crate::scripts::quote;
use crate::{Context, Step};

/// Steps on the member that leads (before there is one: the declared primary); the first refuses when it does not.
pub(crate) fn steps(ctx: &Context<'_>, members: &Members, primary: &Member) -> Vec<Step> {
    let vars = &primary.vars;
    if !flag(vars, "pg_provision", true) || members.standby {
        return Vec::new();
    }
    let (host, port) = (primary.addr, primary.pg_port);
    let mut steps = vec![leads(members, primary)];
    for role in sql::roles(primary) {
        steps.push(role_step(primary, &role));
    }
    for database in ["template1", "postgres"] {
        steps.extend(inside::steps(primary, database, None, false));
    }
    for db in maps(vars, "pg_databases") {
        if matches!(field(&db, "state").as_deref(), Some("absent" | "recreate")) {
            // Dropping is destructive and has an operation of its own.
            continue;
        }
        let Some((name, check, apply)) = sql::database(vars, &db) else { continue };
        // A database that was not there has nothing to lose.
        let existed = ctx.facts.known(host).is_none_or(|facts| facts.databases.contains_key(&name));
        let filled = field(&db, "baseline").filter(|_| !existed);
        steps.extend(filled.as_ref().map(|file| baseline::is_there(primary, &name, file)));
        let id = format!("pgsql/pg_db/{name}");
        steps.push(
            Step::sql(&id, host, &format!("database {name}"), "postgres", port, check, apply).limit(600),
        );
        steps.extend(inside::steps(primary, &name, Some(&db), existed));
        steps.extend(filled.map(|file| baseline::run(primary, &name, &file)));
    }
    steps
}

/// Roles alone, as declared: for data that came from a backup or another cluster.
pub(crate) fn roles(members: &Members, primary: &Member) -> Vec<Step> {
    let mut steps = vec![leads(members, primary)];
    steps.extend(sql::roles(primary).iter().map(|role| role_step(primary, role)));
    steps
}

/// SQL on a replica would fail or, worse, be skipped: the declared primary must lead.
pub(crate) fn leads(members: &Members, primary: &Member) -> Step {
    let check = format!(
        "cd /\nr=$(runuser -u postgres -- psql -XAtq -p {} -d postgres -c 'SELECT pg_is_in_recovery()') || exit 2\n[ \"$r\" = f ] && exit 0\necho '{} does not lead {} any more: plan again, for the member that leads now'\nexit 1\n",
        primary.pg_port, primary.name, members.name
    );
    let mut step =
        Step::wait("pgsql/pg_init/leads", primary.addr, "the member that takes SQL leads", check, 60);
    for tag in ["pg_user", "pg_db", "pg_provision"] {
        step = step.tag(tag);
    }
    step
}

/// A password cannot be compared with the hash PostgreSQL holds; a digest of what was last applied stands for it,
/// in a directory that only root reads.
pub(crate) fn role_step(primary: &Member, role: &sql::Role) -> Step {
    let mark = quote(&format!("/etc/paddock/roles/{}.sha256", role.name.replace('/', "_")));
    let psql = format!(
        "runuser -u postgres -- psql -X -q -A -t -v ON_ERROR_STOP=1 -p {} -d postgres",
        primary.pg_port
    );
    let check = format!(
        "cd /\nsum=$(sha256sum | cut -c1-64)\nout=$({psql} -c {}) || exit 2\n[ \"$out\" = t ] || {{ echo 'the role or its attributes are missing'; exit 1; }}\n[ \"$(cat {mark} 2>/dev/null)\" = \"$sum\" ] && exit 0\necho 'its definition (or password) was changed since it was applied'; exit 1\n",
        quote(&role.check)
    );
    let apply = format!(
        "cd /\nset -o pipefail\nsql=$(cat; echo x); sql=${{sql%x}}\nprintf '%s' \"$sql\" | {psql} -f - || exit 1\numask 077; mkdir -p /etc/paddock/roles && printf '%s' \"$sql\" | sha256sum | cut -c1-64 >{mark}\n"
    );
    let id = format!("pgsql/pg_user/{}", role.name);
    Step::command(&id, primary.addr, &format!("role {}", role.name), check, apply).stdin(role.apply.clone())
}
