//! PgBouncer: configuration, databases, users with the hashes that PostgreSQL holds.

use crate::params::{field, flag, int, maps, text};
use crate::pgsql::hba::{self, Target};
use crate::pgsql::members::{Member, Members};
use crate::pgsql::sql::{self, Role};
use crate::scripts::{aside, quote, whole};
use crate::{Context, Refusal, Step};
use paddock_inventory::{Map, Value};

/// Steps of one member; all pooled users must have arrived there.
pub(crate) fn steps(ctx: &Context<'_>, members: &Members, member: &Member) -> Result<Vec<Step>, Refusal> {
    steps_with(ctx, members, member, |_| true)
}

fn steps_with(
    ctx: &Context<'_>,
    members: &Members,
    member: &Member,
    must_have: impl Fn(&str) -> bool,
) -> Result<Vec<Step>, Refusal> {
    let vars = &member.vars;
    if !flag(vars, "pgbouncer_enabled", true) {
        return Ok(Vec::new());
    }
    let host = member.addr;
    let dbsu = text(vars, "pg_dbsu", "postgres");
    let roles = sql::roles(member);
    let pg = |step: Step| step.owner("postgres:postgres").mode(0o640);
    let file = |name: &str| format!("/etc/pgbouncer/{name}");
    let mut steps = vec![
        Step::directory("pgsql/pgbouncer_dir/conf", host, "/etc/pgbouncer", "postgres:postgres", 0o750),
        pg(Step::file(
            "pgsql/pgbouncer_config/pgbouncer.ini",
            host,
            &file("pgbouncer.ini"),
            ini(member, &dbsu),
        )),
        pg(Step::file("pgsql/pgbouncer_config/database.txt", host, &file("database.txt"), databases(member))),
        pg(Step::file(
            "pgsql/pgbouncer_config/useropts.txt",
            host,
            &file("useropts.txt"),
            user_options(member),
        )),
        pg(Step::file(
            "pgsql/pgbouncer_hba/pgb_hba.conf",
            host,
            &file("pgb_hba.conf"),
            hba::render(ctx, members, member, Target::PgBouncer)?,
        )),
        user_list(member, &dbsu, &roles, must_have),
    ];
    if flag(vars, "pg_reload", true) {
        steps.push(reload(member));
        steps.push(answers(member, &dbsu));
    }
    Ok(steps.into_iter().map(|step| step.tag("pgbouncer")).collect())
}

/// The steps that bring a user or a database into the pooler, or out of it. Of the users only `must_have` must have
/// arrived: others may be declared and not made yet.
pub(crate) fn refresh(
    ctx: &Context<'_>,
    members: &Members,
    member: &Member,
    must_have: Option<&str>,
) -> Result<Vec<Step>, Refusal> {
    let mut all = steps_with(ctx, members, member, |name| Some(name) == must_have)?;
    let wanted =
        ["database.txt", "useropts.txt", "userlist.txt", "pgbouncer_reload/unit", "pgbouncer_reload/answers"];
    all.retain(|step| wanted.iter().any(|end| step.id.0.ends_with(end)));
    Ok(all)
}

/// PgBouncer goes on with what it had when it cannot read a file, and says so only in its log. So the files that it
/// has taken are kept aside; when it complains of new ones, those come back and the step fails with what it said.
fn reload(member: &Member) -> Step {
    let log = format!("{}/pgbouncer.log", text(&member.vars, "pgbouncer_log_dir", "/pg/log/pgbouncer"));
    let lib = format!(
        "cd /etc/pgbouncer || exit 2\nlog={}\nfiles='pgbouncer.ini database.txt useropts.txt pgb_hba.conf userlist.txt'\n",
        quote(&log)
    );
    let check = format!(
        "{lib}systemctl is-enabled -q pgbouncer || {{ echo 'is not enabled'; exit 1; }}\nsystemctl is-active -q pgbouncer || {{ echo \"is $(systemctl is-active pgbouncer)\"; exit 1; }}\nfor f in $files; do cmp -s $f .taken/$f || {{ echo \"has not read the present $f\"; bad=1; }}; done\nexit ${{bad:-0}}\n"
    );
    let apply = format!(
        r#"{lib}read_them() {{
  from=$(stat -c %s "$log" 2>/dev/null || echo 0)
  if systemctl is-active -q pgbouncer; then systemctl reload pgbouncer; else systemctl restart pgbouncer; fi || {{ journalctl -q -u pgbouncer -n 10 --no-pager -o cat >&2; return 1; }}
  for i in 1 2 3 4 5 6 7 8; do sleep 0.25; [ "$(stat -c %s "$log" 2>/dev/null || echo 0)" != "$from" ] && break; done
  sleep 0.25
  bad=$(tail -c +$((from + 1)) "$log" 2>/dev/null | grep -E '(WARNING|ERROR|FATAL) .*(hba|config|auth_file|could not open)' | sed 's/^.*\] //')
  [ -z "$bad" ]
}}
systemctl is-enabled -q pgbouncer || {{ systemctl unmask -q pgbouncer; systemctl enable -q pgbouncer || exit 1; }}
systemctl is-active -q pgbouncer || systemctl reset-failed pgbouncer 2>/dev/null
if read_them; then
  install -d -o postgres -g postgres -m 700 .taken && cp -p $files .taken/
  exit
fi
echo "PgBouncer does not take the new files: $bad" >&2
if [ -d .taken ]; then
  cp -p .taken/* . && read_them && echo 'the old files are back' >&2
fi
exit 1
"#
    );
    Step::command(
        "pgsql/pgbouncer_reload/unit",
        member.addr,
        "pgbouncer.service runs with its present files",
        check,
        apply,
    )
    .limit(120)
}

fn answers(member: &Member, dbsu: &str) -> Step {
    let check = format!(
        "cd /\nout=$(runuser -u {dbsu} -- psql -X -A -t -p {} -d pgbouncer -c 'SHOW VERSION' 2>&1) && exit 0\necho \"$out\"; exit 1\n",
        member.pgbouncer_port
    );
    let title = format!("PgBouncer answers on port {}", member.pgbouncer_port);
    Step::wait("pgsql/pgbouncer_reload/answers", member.addr, &title, check, 20)
}

/// Proof that PgBouncer serves the database, or does not any more.
pub(crate) fn serves(member: &Member, dbsu: &str, database: &str, shall: bool) -> Step {
    let check = format!(
        "cd /\nlist=$(runuser -u {dbsu} -- psql -X -A -t -F '|' -p {} -d pgbouncer -c 'SHOW DATABASES' 2>&1) || {{ echo \"$list\"; exit 2; }}\nif printf '%s\\n' \"$list\" | cut -d'|' -f1 | grep -qxF -- {}; then have=1; else have=0; fi\n[ $have = {} ] && exit 0\necho \"PgBouncer $([ $have = 1 ] && echo still serves it || echo does not serve it)\"; exit 1\n",
        member.pgbouncer_port,
        quote(database),
        u8::from(shall)
    );
    let title = if shall {
        format!("PgBouncer serves {database}")
    } else {
        format!("PgBouncer serves no {database}")
    };
    Step::wait("pgsql/pgbouncer_reload/serves", member.addr, &title, check, 20)
}

/// Whether PgBouncer can have the database at all.
pub(crate) fn is_listed(db: &Map) -> bool {
    let pooled = db.get("pgbouncer").and_then(Value::as_bool).unwrap_or(true);
    // PgBouncer 1.18 takes no quoted names; others would break the whole file.
    let plain = |name: &str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-$".contains(&b));
    pooled
        && field(db, "state").as_deref() != Some("absent")
        && field(db, "name").is_some_and(|name| !name.is_empty() && plain(&name))
}

fn ini(member: &Member, dbsu: &str) -> String {
    let vars = &member.vars;
    let admin = text(vars, "pg_admin_username", "dbuser_dba");
    let monitor = text(vars, "pg_monitor_username", "dbuser_monitor");
    let listen = text(vars, "pg_listen", "0.0.0.0");
    let listen =
        listen.replace("${ip}", &member.addr.to_string()).replace("${lo}", "127.0.0.1").replace(' ', "");
    let default =
        ["extra_float_digits", "application_name", "TimeZone", "DateStyle", "IntervalStyle", "search_path"];
    let ignore = vars.list("pgbouncer_ignore_param").map_or_else(
        || default.join(", "),
        |list| list.iter().map(Value::to_text).collect::<Vec<_>>().join(", "),
    );
    // As the dbsu, whom PostgreSQL's local rule lets in without a password: PgBouncer knows only the hashes of others.
    let lookup = if flag(vars, "pgbouncer_auth_query", false) {
        format!(
            "auth_user = {dbsu}\nauth_query = SELECT username, password FROM monitor.pgbouncer_auth($1)\n"
        )
    } else {
        String::new()
    };
    format!(
        "; Managed by Paddock\n[databases]\n%include /etc/pgbouncer/database.txt\n\n[users]\n%include /etc/pgbouncer/useropts.txt\n\n[pgbouncer]\nlogfile = {}/pgbouncer.log\npidfile = /var/run/postgresql/pgbouncer.pid\nlisten_addr = {listen}\nlisten_port = {}\nunix_socket_dir = /var/run/postgresql\nauth_type = hba\nauth_file = /etc/pgbouncer/userlist.txt\nauth_hba_file = /etc/pgbouncer/pgb_hba.conf\n{lookup}admin_users = {dbsu}, {admin}\nstats_users = {dbsu}, {monitor}\npool_mode = {}\nmax_client_conn = 20000\ndefault_pool_size = 50\nreserve_pool_size = 30\nmin_pool_size = 0\nmax_db_connections = 100\nmax_user_connections = 100\nserver_lifetime = 600\nserver_login_retry = 1\nserver_reset_query = DISCARD ALL\nclient_tls_sslmode = {}\nclient_tls_ca_file = /pg/cert/ca.crt\nclient_tls_cert_file = /pg/cert/server.crt\nclient_tls_key_file = /pg/cert/server.key\nignore_startup_parameters = {ignore}\n",
        text(vars, "pgbouncer_log_dir", "/pg/log/pgbouncer"),
        member.pgbouncer_port,
        text(vars, "pgbouncer_poolmode", "transaction"),
        text(vars, "pgbouncer_sslmode", "disable"),
    )
}

/// One line per declared database, and `postgres`.
fn databases(member: &Member) -> String {
    let mut out = format!("postgres = host=/var/run/postgresql port={}\n", member.pg_port);
    for db in maps(&member.vars, "pg_databases") {
        let Some(name) = field(&db, "name").filter(|name| name != "postgres") else { continue };
        if !is_listed(&db) {
            continue;
        }
        out += &format!("{name} = host=/var/run/postgresql port={}", member.pg_port);
        for (key, option) in [
            ("pool_auth_user", "auth_user"),
            ("pool_mode", "pool_mode"),
            ("pool_size", "pool_size"),
            ("pool_size_min", "min_pool_size"),
            ("pool_reserve", "reserve_pool"),
            ("pool_connlimit", "max_db_connections"),
        ] {
            if let Some(value) = field(&db, key).filter(|value| !value.contains(char::is_whitespace)) {
                out += &format!(" {option}={value}");
            }
        }
        out.push('\n');
    }
    out
}

fn user_options(member: &Member) -> String {
    let mut out = String::new();
    let admin = text(&member.vars, "pg_admin_username", "dbuser_dba");
    let monitor = text(&member.vars, "pg_monitor_username", "dbuser_monitor");
    out += &format!(
        "{admin} = pool_mode=session max_user_connections={}\n",
        int(&member.vars, "pg_admin_pool", 16)
    );
    out += &format!("{monitor} = pool_mode=session max_user_connections=8\n");
    for user in maps(&member.vars, "pg_users") {
        let mode = field(&user, "pool_mode").map(|mode| format!(" pool_mode={mode}"));
        let limit = field(&user, "pool_connlimit").map(|limit| format!(" max_user_connections={limit}"));
        let Some(name) = field(&user, "name") else { continue };
        if field(&user, "state").as_deref() == Some("absent") {
            continue;
        }
        if mode.is_some() || limit.is_some() {
            out += &format!("{name} ={}{}\n", mode.unwrap_or_default(), limit.unwrap_or_default());
        }
    }
    out
}

/// The user list holds the hashes of the local PostgreSQL: a replica must have replayed the roles first.
fn user_list(member: &Member, dbsu: &str, roles: &[Role], must_have: impl Fn(&str) -> bool) -> Step {
    let listed = |wanted: &dyn Fn(&str) -> bool| -> Vec<String> {
        let pooled = roles.iter().filter(|role| role.pooled && wanted(&role.name));
        pooled.map(|role| sql::literal(&role.name)).collect()
    };
    let within = |names: &[String]| {
        let names = if names.is_empty() { "''".to_owned() } else { names.join(", ") };
        format!("rolname IN ({names}) AND rolpassword IS NOT NULL")
    };
    let (all, must) = (listed(&|_| true), listed(&must_have));
    let query = format!(
        "SELECT count(*) FROM pg_authid WHERE {};\nSELECT '\"' || replace(rolname, '\"', '\"\"') || '\" \"' || replace(coalesce(rolpassword, ''), '\"', '\"\"') || '\"' FROM pg_authid WHERE {} ORDER BY rolname;",
        within(&must),
        within(&all)
    );
    let count = must.len();
    // A replica that has just come back may take a moment to replay what the primary has: the apply waits for that.
    let ask = format!(
        "cd /\nquery=$(cat)\nask() {{ list=$(runuser -u {dbsu} -- psql -X -q -A -t -w -v ON_ERROR_STOP=1 -p {} -d postgres -f - <<<\"$query\") || exit 2; [ \"$(head -n 1 <<<\"$list\")\" = {count} ]; }}\n",
        member.pg_port
    );
    let wanted = format!(
        "ask || {{ echo 'PostgreSQL here does not have all {count} pooled users with a password yet'; exit 1; }}\nlist=$(tail -n +2 <<<\"$list\")\nwant=$(printf '\"{dbsu}\" \"\"\\n%s' \"$list\")\n"
    );
    let check = format!(
        "{ask}{wanted}{}f=/etc/pgbouncer/userlist.txt\n[ -f $f ] && [ \"$(cat $f)\" = \"$want\" ] && [ \"$(stat -c '%U %a' $f)\" = 'postgres 640' ] || {{ echo 'the user list differs (hashes, not shown)'; exit 1; }}\nwhole\n",
        whole("/etc/pgbouncer/userlist.txt")
    );
    let apply = format!(
        "{ask}for i in $(seq 60); do ask && break; sleep 0.5; done\n{wanted}umask 077\n{}printf '%s\\n' \"$want\" >\"$new\" && chown postgres:postgres \"$new\" && chmod 640 \"$new\" && mv -f \"$new\" /etc/pgbouncer/userlist.txt\n",
        aside("/etc/pgbouncer/userlist.txt")
    );
    Step::command(
        "pgsql/pgbouncer_user/userlist.txt",
        member.addr,
        "the pooler's user list has PostgreSQL's hashes",
        check,
        apply,
    )
    .stdin(query)
    .settle(30)
}
