//! `pgsql-user.yml` and `pgsql-db.yml`: one declared user or database is as declared, on the member that leads; then the
//! poolers of all members know it.
//!
//! Errors of SQL end the job and are shown. What drops needs an approval, and says what it takes along.

use crate::params::{field, maps, text};
use crate::patroni_ops::{Seen, stage};
use crate::pgsql::members::Member;
use crate::pgsql::{baseline, inside, pooler, provision, sql};
use crate::planning::{Made, clusters_of, warning};
use crate::scripts::quote;
use crate::{Context, Play, Refusal, Stage, Step};
use paddock_inventory::{Cluster, Map, NodeAddr, Value};
use std::collections::BTreeMap;

/// What a play of these two begins with: the one cluster of its limit, and the name it is for.
struct Asked<'a> {
    seen: Seen<'a>,
    hosts: &'a [NodeAddr],
    name: String,
}

impl<'a> Asked<'a> {
    fn of(
        ctx: &'a Context<'_>,
        play: &'a Play,
        hosts: &'a [NodeAddr],
        variable: &str,
    ) -> Result<Self, Refusal> {
        let refuse = |code: &str, why: String, fix: &str| Refusal {
            code: code.to_owned(),
            what: format!("`{}` was refused", play.command_line()),
            why,
            fix: fix.to_owned(),
        };
        let clusters: Vec<&'a Cluster> = clusters_of(ctx.inventory, hosts);
        let [cluster] = clusters.as_slice() else {
            let why = format!("`{}` is not one PostgreSQL cluster of the inventory", play.limit);
            return Err(refuse("plan/no-cluster", why, "name one cluster"));
        };
        let name = play.extra_vars.get(variable).map(Value::to_text).filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| {
            let why = format!("`{variable}` says which one, and is not given");
            refuse("plan/usage", why, &format!("add `-e {variable}=<name>`"))
        })?;
        let seen = Seen::of(ctx, play, cluster)?;
        if seen.members.standby {
            return Err(seen.refuse(
                "plan/standby-cluster",
                format!(
                    "`{}` is a standby cluster: what is in it comes from the cluster that it follows",
                    cluster.name
                ),
                "do it there, or promote this cluster first",
            ));
        }
        Ok(Self { seen, hosts, name })
    }

    /// The member that takes SQL; it must be within the limit.
    fn leader(&self) -> Result<&Member, Refusal> {
        let leader = self.seen.leader()?;
        if self.hosts.contains(&leader.addr) {
            return Ok(leader);
        }
        Err(self.seen.refuse(
            "plan/leader-outside",
            format!("{} on {} leads, and is not within the limit", leader.name, leader.addr),
            format!("name the cluster: `-l {}`", self.seen.cluster.name),
        ))
    }

    /// The entry of the list that has the name.
    fn declared(&self, leader: &Member, list: &str, code: &str) -> Result<Map, Refusal> {
        let all = maps(&leader.vars, list);
        let named = |map: &&Map| field(map, "name").as_deref() == Some(self.name.as_str());
        all.iter().find(named).cloned().ok_or_else(|| {
            let names: Vec<String> = all.iter().filter_map(|map| field(map, "name")).collect();
            let there = if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
            self.seen.refuse(
                code,
                format!(
                    "`{}` is not in `{list}` of `{}`, which has {there}",
                    self.name, self.seen.cluster.name
                ),
                format!("define it in `{list}` first"),
            )
        })
    }

    /// A stage over the poolers of all members within the limit that can be reached.
    fn poolers(
        &self,
        name: &str,
        made: &mut Made,
        steps: impl Fn(&Member) -> Result<Vec<Step>, Refusal>,
    ) -> Result<Stage, Refusal> {
        let mut hosts = BTreeMap::new();
        for member in self.seen.in_reach(&mut made.warnings) {
            if self.hosts.contains(&member.addr) {
                let steps = steps(member)?;
                if !steps.is_empty() {
                    hosts.insert(member.addr, steps);
                }
            }
        }
        Ok(Stage { name: name.into(), play: 0, hosts, serial: false })
    }
}

/// `pgsql-user.yml -l <cls> -e username=<user>`
pub(crate) fn user(ctx: &Context<'_>, play: &Play, hosts: &[NodeAddr]) -> Result<Made, Refusal> {
    let asked = Asked::of(ctx, play, hosts, "username")?;
    let (seen, name) = (&asked.seen, asked.name.as_str());
    let leader = asked.leader()?;
    let dbsu = text(&leader.vars, "pg_dbsu", "postgres");
    if name == dbsu {
        return Err(seen.refuse("plan/system-user", format!("`{name}` is the dbsu"), "leave it as it is"));
    }
    let declared = asked.declared(leader, "pg_users", "plan/unknown-user")?;
    if !is_user_name(name) {
        return Err(seen.refuse(
            "plan/bad-name",
            format!("`{name}` is not a name for a user"),
            "use a letter or `_` first, then up to 62 of a-z, 0-9, `_`, `@`, `.`, `-`",
        ));
    }
    let mut made = Made::default();
    let absent = field(&declared, "state").as_deref() == Some("absent");
    if absent {
        may_drop_user(seen, leader, name)?;
        made.blast.push((
            "drops".into(),
            format!("role {name} of {}; what it owns goes to {dbsu}", seen.cluster.name),
        ));
        let steps =
            vec![provision::leads(&seen.members, leader), drop_user(leader, &seen.members.name, name, &dbsu)];
        made.stages.push(stage("Drop the role", leader, steps));
    } else {
        let role = sql::roles(leader).into_iter().find(|role| role.name == name);
        let role = role.ok_or_else(|| {
            seen.refuse(
                "plan/unknown-user",
                format!("`{name}` cannot be read"),
                "right its entry in `pg_users`",
            )
        })?;
        let steps = vec![provision::leads(&seen.members, leader), provision::role_step(leader, &role)];
        made.stages.push(stage("Role", leader, steps));
    }
    let poolers = asked.poolers("Poolers", &mut made, |member| {
        let mut steps = pooler::refresh(ctx, &seen.members, member, Some(name))?;
        steps.push(role_seen(member, name, &leader.addr, !absent));
        Ok(steps)
    })?;
    made.stages.push(poolers);
    Ok(made)
}

/// `^[a-z_][a-z0-9_@.-]{0,62}$`: reference/inventory.md, section 8.3.
fn is_user_name(name: &str) -> bool {
    let first = name.bytes().next().is_some_and(|b| b.is_ascii_lowercase() || b == b'_');
    let rest = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_@.-".contains(&b));
    first && rest && name.len() <= 63
}

fn may_drop_user(seen: &Seen<'_>, leader: &Member, name: &str) -> Result<(), Refusal> {
    let vars = &leader.vars;
    let system = [
        text(vars, "pg_replication_username", "replicator"),
        text(vars, "pg_admin_username", "dbuser_dba"),
        text(vars, "pg_monitor_username", "dbuser_monitor"),
    ];
    if system.iter().any(|known| known == name) {
        return Err(seen.refuse(
            "plan/system-user",
            format!("`{name}` is one of the cluster's own accounts: replication, the admin or monitoring would stop"),
            "take `state: absent` away",
        ));
    }
    let owned: Vec<String> = maps(vars, "pg_databases")
        .iter()
        .filter(|db| field(db, "owner").as_deref() == Some(name))
        .filter(|db| field(db, "state").as_deref() != Some("absent"))
        .filter_map(|db| field(db, "name"))
        .collect();
    if owned.is_empty() {
        return Ok(());
    }
    Err(seen.refuse(
        "plan/user-owns",
        format!("`{name}` is declared as the owner of {}", owned.join(", ")),
        "give these databases another `owner` in `pg_databases` first",
    ))
}

/// The role cannot log in, its sessions end, what it owns goes to the dbsu in every database, then the role goes. Where
/// something cannot be given away, nothing of that database is dropped and the role stays, unable to log in.
fn drop_user(leader: &Member, cluster: &str, name: &str, dbsu: &str) -> Step {
    let lib = format!(
        "cd /\nq() {{ local d=${{1//\\\\/\\\\\\\\}} a=\\' b=\"\\\\'\"; runuser -u postgres -- psql -XAtq -w -v ON_ERROR_STOP=1 -p {} -d \"dbname='${{d//$a/$b}}'\" -f - <<<\"$2\"; }}\n",
        leader.pg_port
    );
    let (lit, id, to) = (sql::literal(name), sql::ident(name), sql::ident(dbsu));
    let check = format!(
        "{lib}n=$(q postgres {}) || exit 2\n[ \"$n\" = 0 ] && exit 0\necho 'the role is there'; exit 1\n",
        quote(&format!("SELECT count(*) FROM pg_roles WHERE rolname = {lit}"))
    );
    let apply = format!(
        "{lib}q postgres {nologin} || exit 1\nn=$(q postgres {end}) || exit 1\necho \"$n sessions ended\"\nlist=$(q postgres 'SELECT datname FROM pg_database WHERE datallowconn ORDER BY datname') || exit 1\nwhile IFS= read -r db; do\n  if ! q \"$db\" {reassign}; then echo \"in $db its objects cannot be given to {dbsu}; nothing was dropped there\" >&2; bad=1; continue; fi\n  q \"$db\" {drop_owned} || {{ echo \"in $db its privileges cannot be taken away\" >&2; bad=1; }}\ndone <<<\"$list\"\n[ -z \"$bad\" ] || {{ echo 'the role stays; it cannot log in any more' >&2; exit 1; }}\nq postgres {drop} || exit 1\nrm -f {mark}\n",
        nologin = quote(&format!("ALTER ROLE {id} NOLOGIN")),
        end = quote(&format!(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = {lit} AND pid <> pg_backend_pid()"
        )),
        reassign = quote(&format!("REASSIGN OWNED BY {id} TO {to}")),
        drop_owned = quote(&format!("DROP OWNED BY {id}")),
        drop = quote(&format!("DROP ROLE {id}")),
        mark = quote(&format!("/etc/paddock/roles/{}.sha256", name.replace('/', "_"))),
    );
    Step::command(
        &format!("pgsql/pg_user/{name}"),
        leader.addr,
        &format!("there is no role {name}"),
        check,
        apply,
    )
    .limit(600)
    .destroys(format!("drops role {name} of {cluster}; what it owns goes to {dbsu}"))
}

/// The role has reached this member, or has gone from it.
fn role_seen(member: &Member, name: &str, leader: &NodeAddr, shall: bool) -> Step {
    let check = format!(
        "cd /\nn=$(runuser -u postgres -- psql -XAtq -w -p {} -d postgres -c {}) || exit 2\n[ \"$n\" = {} ] && exit 0\necho 'not replayed from {leader} yet'; exit 1\n",
        member.pg_port,
        quote(&format!("SELECT count(*) FROM pg_roles WHERE rolname = {}", sql::literal(name))),
        u8::from(shall)
    );
    let title = if shall { format!("role {name} is there") } else { format!("role {name} is gone") };
    Step::wait("pgsql/pg_user/seen", member.addr, &title, check, 30)
}

/// `pgsql-db.yml -l <cls> -e dbname=<db>`
pub(crate) fn database(ctx: &Context<'_>, play: &Play, hosts: &[NodeAddr]) -> Result<Made, Refusal> {
    let asked = Asked::of(ctx, play, hosts, "dbname")?;
    let (seen, name) = (&asked.seen, asked.name.as_str());
    let leader = asked.leader()?;
    let declared = asked.declared(leader, "pg_databases", "plan/unknown-database")?;
    let state = field(&declared, "state").unwrap_or_else(|| "create".into());
    let goes = matches!(state.as_str(), "absent" | "recreate");
    if !goes && state != "create" {
        return Err(seen.refuse(
            "plan/bad-state",
            format!("`{name}` has `state: {state}`"),
            "use create, absent or recreate",
        ));
    }
    if goes && matches!(name, "postgres" | "template0" | "template1") {
        return Err(seen.refuse(
            "plan/system-database",
            format!("`{name}` belongs to PostgreSQL itself"),
            "take its `state` away",
        ));
    }
    let facts = ctx.facts.known(leader.addr);
    let oid = facts.and_then(|facts| facts.databases.get(name)).copied();
    let is_new = state == "recreate" || (state == "create" && facts.is_some() && oid.is_none());
    let filled = field(&declared, "baseline").filter(|_| is_new);
    let mut made = Made::default();
    let port = leader.pg_port;
    if let Some(file) = &filled {
        let look = vec![baseline::is_there(leader, name, file)];
        made.stages.push(stage("Look before anything changes", leader, look));
    }
    if goes {
        let bytes = facts.and_then(|facts| facts.database_bytes);
        made.blast
            .push(("drops".into(), format!("database {name} of {} with all its data", seen.cluster.name)));
        if let Some(bytes) = bytes {
            made.blast.push(("size of all databases".into(), format!("{} MiB", bytes / 1_048_576)));
        }
        // Off the poolers first: their connections would hold the database, or come back while it is dropped.
        if state == "absent" {
            let off = asked.poolers("Poolers", &mut made, |member| off_pooler(ctx, seen, member, name))?;
            made.stages.push(off);
        }
        let gone = match (state.as_str(), facts, oid) {
            ("absent", _, _) => Gone::ForGood,
            (_, None, _) => Gone::UnknownBefore,
            (_, Some(_), None) => Gone::NeverThere,
            (_, Some(_), Some(oid)) => Gone::Replaced { oid },
        };
        let drop = drop_database(leader, name, &gone);
        made.stages.push(stage(
            "Drop the database",
            leader,
            vec![provision::leads(&seen.members, leader), drop],
        ));
    }
    if state != "absent" {
        let (_, check, apply) = sql::database(&leader.vars, &declared).ok_or_else(|| {
            seen.refuse("plan/unknown-database", format!("`{name}` cannot be read"), "right its entry")
        })?;
        let make = Step::sql(
            &format!("pgsql/pg_db/{name}"),
            leader.addr,
            &format!("database {name}"),
            "postgres",
            port,
            check,
            apply,
        )
        .limit(600);
        let mut steps = vec![provision::leads(&seen.members, leader), make];
        steps.extend(inside::steps(leader, name, Some(&declared), !is_new));
        steps.extend(filled.as_ref().map(|file| baseline::run(leader, name, file)));
        made.stages.push(stage("Database", leader, steps));
        let on = asked.poolers("Poolers", &mut made, |member| {
            let mut steps = pooler::refresh(ctx, &seen.members, member, None)?;
            if !steps.is_empty() {
                let dbsu = text(&member.vars, "pg_dbsu", "postgres");
                steps.push(pooler::serves(member, &dbsu, name, pooler::is_listed(&declared)));
            }
            Ok(steps)
        })?;
        made.stages.push(on);
    }
    if let Some(baseline) = field(&declared, "baseline").filter(|_| !is_new && state == "create") {
        made.warnings.push(warning(
            "plan/baseline",
            format!("`{baseline}` is not run: `{name}` is there already, and running it again could overwrite data."),
        ));
    }
    Ok(made)
}

fn off_pooler(ctx: &Context<'_>, seen: &Seen<'_>, member: &Member, name: &str) -> Result<Vec<Step>, Refusal> {
    let mut steps = pooler::refresh(ctx, &seen.members, member, None)?;
    if !steps.is_empty() {
        let dbsu = text(&member.vars, "pg_dbsu", "postgres");
        steps.push(pooler::serves(member, &dbsu, name, false));
    }
    Ok(steps)
}

/// How a check tells that the database was dropped.
enum Gone {
    /// There is none of its name.
    ForGood,
    /// It is made again: the new one has another oid than the old one.
    Replaced { oid: u32 },
    /// It is made again, and was not there at planning.
    NeverThere,
    /// It is made again, and no node was asked: old and new cannot be told apart.
    UnknownBefore,
}

fn drop_database(leader: &Member, name: &str, gone: &Gone) -> Step {
    let (lit, id) = (sql::literal(name), sql::ident(name));
    let psql = format!(
        "cd /\nq() {{ runuser -u postgres -- psql -XAtq -w -v ON_ERROR_STOP=1 -p {} -d postgres -f - <<<\"$1\"; }}\n",
        leader.pg_port
    );
    let look = quote(&format!("SELECT oid FROM pg_database WHERE datname = {lit}"));
    let holds = match gone {
        Gone::ForGood => "[ -z \"$oid\" ] && exit 0\n".to_owned(),
        Gone::Replaced { oid } => format!("[ \"$oid\" != {oid} ] && exit 0\n"),
        Gone::NeverThere => "exit 0\n".to_owned(),
        Gone::UnknownBefore => "echo 'whether the database was there was not known at planning: plan again while the node answers' >&2; exit 2\n".to_owned(),
    };
    let check = format!("{psql}oid=$(q {look}) || exit 2\n{holds}echo 'the database is there'; exit 1\n");
    let apply = format!(
        "{psql}q {} || exit 1\nq {}\n",
        quote(&format!("ALTER DATABASE {id} IS_TEMPLATE false")),
        quote(&format!("DROP DATABASE {id} WITH (FORCE)"))
    );
    Step::command(
        &format!("pgsql/pg_db/{name}/gone"),
        leader.addr,
        &format!("database {name} was dropped"),
        check,
        apply,
    )
    .limit(600)
    .destroys(format!("drops database {name} with all its data"))
}
