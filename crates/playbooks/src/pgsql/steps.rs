//! Steps of one member: installation, launch, HBA, services.

use crate::http::HTTP;
use crate::params::{flag, password, text};
use crate::pgsql::haproxy::Service;
use crate::pgsql::hba::{self as rules, Target};
use crate::pgsql::members::{Member, Members};
use crate::pgsql::{backup, patroni, repo_host};
use crate::planning::warning;
use crate::scripts::{aside, whole};
use crate::{Context, Fact, Refusal, Step, UnitState, Warning};
use paddock_inventory::{NodeAddr, Value, Vars};
use std::collections::BTreeSet;

/// The OS account of PostgreSQL.
pub(crate) fn dbsu(vars: &Vars) -> Fact {
    Fact::OsUser {
        name: "postgres".into(),
        uid: Some(543),
        group: "postgres".into(),
        home: text(vars, "pg_dbsu_home", "/var/lib/pgsql"),
        shell: "/bin/bash".into(),
    }
}

/// Accounts, packages, directories, certificates and configuration: everything before PostgreSQL starts.
pub(crate) fn install(
    ctx: &Context<'_>,
    members: &Members,
    member: &Member,
    citus: Option<String>,
) -> Vec<Step> {
    let host = member.addr;
    let vars = &member.vars;
    let facts = ctx.facts.of(host);
    let v = members.version;
    let mut steps = vec![Step::new("pgsql/pg_dbsu/user", host, "account postgres", dbsu(vars))];
    steps.push(sudoers(member));
    steps.extend(ssh(ctx, members, member));
    let mut packages: Vec<String> =
        ["patroni", "python3-etcd", "python3-psycopg2", "pgbouncer", "pgbackrest"].map(str::to_owned).into();
    packages.splice(0..0, [format!("postgresql-{v}"), format!("postgresql-client-{v}")]);
    packages.extend(citus);
    let extensions = vars.list("pg_extensions").unwrap_or_default().iter().filter_map(Value::as_str);
    // Aliases of Pigsty's package map that name nothing of Debian are left out; real names are taken as they are.
    packages.extend(
        extensions
            .filter(|name| name.starts_with("postgresql-"))
            .map(|name| name.replace("$v", &v.to_string())),
    );
    steps.push(Step::packages("pgsql/pg_pkg/packages", host, &packages));
    let distro = String::from(
        "for u in $(systemctl list-units --plain --no-legend 'postgresql@*' 2>/dev/null | cut -d' ' -f1); do echo \"$u runs beside Patroni\"; exit 1; done\nsystemctl is-enabled -q postgresql.service 2>/dev/null && { echo 'postgresql.service is enabled'; exit 1; }\nexit 0\n",
    );
    steps.push(Step::command(
        "pgsql/pg_pkg/distro-units",
        host,
        "Debian's own PostgreSQL units are off",
        distro,
        "for u in $(systemctl list-units --plain --no-legend 'postgresql@*' | cut -d' ' -f1); do systemctl stop \"$u\" || exit 1; done\nsystemctl disable -q postgresql.service\n".into(),
    ));
    steps.push(Step::link(
        "pgsql/pg_link/usr-pgsql",
        host,
        "/usr/pgsql",
        &format!("/usr/lib/postgresql/{v}"),
    ));
    let home = members.data_home(member);
    let main = text(vars, "pg_fs_main", "/data/postgres");
    let own =
        |id: &str, path: &str, mode| Step::directory(id, host, path, "postgres:postgres", mode).tag("pg_dir");
    steps.push(own("pgsql/pg_dir/main", &main, 0o700));
    steps.push(own("pgsql/pg_dir/home", &home, 0o700));
    steps.push(Step::link("pgsql/pg_dir/pg", host, "/pg", &home));
    for (name, mode) in [
        ("data", 0o700),
        ("bin", 0o700),
        ("log", 0o750),
        ("log/postgres", 0o750),
        ("log/patroni", 0o750),
        ("log/pgbouncer", 0o750),
        ("log/pgbackrest", 0o750),
        ("tmp", 0o700),
        ("cert", 0o700),
        ("conf", 0o700),
        ("spool", 0o700),
    ] {
        steps.push(own(&format!("pgsql/pg_dir/{name}"), &format!("/pg/{name}"), mode));
    }
    let profile = format!(
        "export PATH=/usr/pgsql/bin:/pg/bin:$PATH\nexport PGHOME=/usr/pgsql PGDATA=/pg/data PGPORT={} PGDATABASE=postgres\nalias pg='patronictl -c /etc/patroni/patroni.yml'\n",
        member.pg_port
    );
    steps.push(Step::file("pgsql/pg_alias/profile", host, "/etc/profile.d/pgsql.sh", profile));
    let cert = |id: &str, path: &str, name: &str, mode| {
        Step::file(id, host, path, ctx.material.get(name)).owner("postgres:postgres").mode(mode)
    };
    steps.push(cert("pgsql/pg_cert/ca.crt", "/pg/cert/ca.crt", "ca.crt", 0o644));
    steps.push(cert(
        "pgsql/pg_cert/server.crt",
        "/pg/cert/server.crt",
        &format!("pgsql/{}.crt", member.name),
        0o644,
    ));
    steps.push(
        cert(
            "pgsql/pg_cert/server.key",
            "/pg/cert/server.key",
            &format!("pgsql/{}.key", members.name),
            0o600,
        )
        .secret(),
    );
    steps.push(Step::directory("pgsql/pg_conf/dir", host, "/etc/patroni", "postgres:postgres", 0o700));
    let conf = format!("/pg/conf/{}.yml", member.name);
    steps.push(
        Step::file("pgsql/pg_conf/patroni.yml", host, &conf, patroni::render(ctx, members, member, &facts))
            .owner("postgres:postgres")
            .mode(0o600)
            .secret()
            .titled("Patroni's configuration"),
    );
    steps.push(Step::link("pgsql/pg_conf/link", host, "/etc/patroni/patroni.yml", &conf));
    steps.push(Step::file("pgsql/pg_conf/unit", host, "/etc/systemd/system/patroni.service", patroni::UNIT));
    steps.extend(backup::files(members, member, &facts));
    steps.push(pgpass(member));
    steps
}

fn sudoers(member: &Member) -> Step {
    let services = ["postgres", "pgbouncer", "patroni", "pgbackrest"];
    let mut commands = Vec::new();
    for service in services {
        for verb in ["start", "stop", "status", "reload", "restart"] {
            commands.push(format!("/usr/bin/systemctl {verb} {service}"));
        }
        commands.push(format!("/usr/bin/journalctl -u {service}"));
    }
    commands.push("/usr/bin/systemctl reload haproxy".to_owned());
    let content = match text(&member.vars, "pg_dbsu_sudo", "limit").as_str() {
        "none" => "# the dbsu has no sudo rights\n".to_owned(),
        "all" => "%postgres ALL=(ALL) ALL\n".to_owned(),
        "nopass" => "%postgres ALL=(ALL) NOPASSWD: ALL\n".to_owned(),
        _ => format!("%postgres ALL=(ALL) NOPASSWD: {}\n", commands.join(", ")),
    };
    Step::file("pgsql/pg_dbsu/sudoers", member.addr, "/etc/sudoers.d/postgres", content)
        .mode(0o440)
        .validate("visudo -cqf {}")
}

/// Nodes that Paddock sets up answer each other without a question.
pub(crate) const SSH_CONFIG: &str =
    "StrictHostKeyChecking no\nUserKnownHostsFile /dev/null\nLogLevel ERROR\n";

/// The dbsu's key, the keys of all members, and no questions about host keys between them.
fn ssh(ctx: &Context<'_>, members: &Members, member: &Member) -> Vec<Step> {
    if !flag(&member.vars, "pg_dbsu_ssh_exchange", true) {
        return Vec::new();
    }
    let authorized: String = members
        .all
        .iter()
        .map(|m| ctx.material.get(&format!("ssh/{}.pub", m.name)))
        .chain(repo_host::admitted(ctx, member))
        .map(|key| key + "\n")
        .collect();
    let key = ctx.material.get(&format!("ssh/{}.ssh", member.name));
    [("id_ed25519", key), ("authorized_keys", authorized), ("config", SSH_CONFIG.to_owned())]
        .into_iter()
        .map(|(name, content)| {
            home_file(member.addr, &format!("pgsql/pg_dbsu/{name}"), &format!(".ssh/{name}"), "600", content)
        })
        .collect()
}

fn pgpass(member: &Member) -> Step {
    let vars = &member.vars;
    let mut lines = String::new();
    let escape = |secret: &str| secret.replace('\\', "\\\\").replace(':', "\\:");
    if let Some(secret) = vars.text("pg_dbsu_password").filter(|secret| !secret.is_empty()) {
        lines += &format!("*:*:*:{}:{}\n", text(vars, "pg_dbsu", "postgres"), escape(&secret));
    }
    for (user, default, secret) in [
        ("pg_replication_username", "replicator", "pg_replication_password"),
        ("pg_admin_username", "dbuser_dba", "pg_admin_password"),
        ("pg_monitor_username", "dbuser_monitor", "pg_monitor_password"),
    ] {
        let escaped = escape(&password(vars, secret));
        lines += &format!("*:*:*:{}:{escaped}\n", text(vars, user, default));
    }
    home_file(member.addr, "pgsql/pg_pass/pgpass", ".pgpass", "600", lines)
}

/// A secret file in the dbsu's home, wherever the distribution put that.
/// A file in the home of postgres, wherever that is.
pub(crate) fn home_file(host: NodeAddr, id: &str, path: &str, mode: &str, content: String) -> Step {
    let find = format!(
        "home=$(getent passwd postgres | cut -d: -f6)\n[ -n \"$home\" ] || {{ echo 'no account postgres' >&2; exit 2; }}\nf=$home/{path}\n"
    );
    let check = format!(
        "{find}{}[ -f \"$f\" ] && cmp -s \"$f\" - && [ \"$(stat -c '%U %a' \"$f\")\" = 'postgres {mode}' ] || {{ echo '{path} differs (not shown)'; exit 1; }}\nwhole\n",
        whole("\"$f\"")
    );
    let apply = format!(
        "{find}set -e\numask 077\ninstall -d -o postgres -g postgres -m 700 \"$(dirname \"$f\")\" 2>/dev/null || true\n{}cat >\"$new\"\nchown postgres:postgres \"$new\"\nchmod {mode} \"$new\"\nmv -f \"$new\" \"$f\"\ntrap - EXIT\n",
        aside("\"$f\"")
    );
    Step::command(id, host, &format!("~postgres/{path}"), check, apply).stdin(content)
}

fn patroni_unit(member: &Member) -> Step {
    let files = [
        format!("/pg/conf/{}.yml", member.name),
        "/pg/cert/server.crt".to_owned(),
        "/etc/systemd/system/patroni.service".to_owned(),
    ];
    let list: Vec<&str> = files.iter().map(String::as_str).collect();
    Step::unit("pgsql/patroni/unit", member.addr, "patroni.service", UnitState::RunningElseReload, &list)
        .tag("patroni_reload")
        .tag("pg_launch")
}

/// Fails with the cause when Patroni has ended, at once when it failed: the lines of this start that tell it, such as initdb's, and not
/// the traceback that follows them.
const PATRONI_RUNS: &str = r#"systemctl is-active -q patroni || {
  start=$(systemctl show -p InvocationID --value patroni)
  said=$(journalctl -q --no-pager -o cat ${start:+_SYSTEMD_INVOCATION_ID=$start} -u patroni 2>/dev/null)
  why=$(printf '%s\n' "$said" | grep -E 'No space left|FATAL|PANIC|CRITICAL|HINT|could not|initdb: error' | awk '!seen[$0]++' | tail -n 4)
  printf '%s\n' "${why:-$(printf '%s\n' "$said" | tail -n 8)}"
  df -P "$(readlink -f /pg/)" 2>/dev/null | awk 'NR == 2 && $4 < 65536 { print $6 " has " $4 " of " $2 " KiB left" }'
  # It is not restarted by systemd, and the step before has started it. A node that boots has it inactive for a while.
  state=$(systemctl is-active patroni); echo "patroni is $state"
  [ "$state" = failed ] && exit 3; exit 1
}"#;

/// Removes what a base backup has left that was cut short, by the node's power for one: Patroni takes it for a cluster of
/// another system id and waits for ever ("consider doing reinitialize"). The backup's label comes first and pg_control last
/// (pg_basebackup's manual), so that data with the one and without the other are of no use to anybody.
const CLONE_ANEW: &str = r#"cut_short() { [ -e /pg/data/backup_label ] && [ ! -e /pg/data/global/pg_control ] && ! pgrep -u postgres -x pg_basebackup >/dev/null; }
cut_short || exit 0
sleep 3
cut_short || exit 0
echo 'a clone was cut short here and is made anew'
systemctl stop patroni || exit 1
! pgrep -u postgres -f -- '-D /pg/data( |$)' >/dev/null || { echo 'PostgreSQL runs on half a clone' >&2; exit 1; }
cut_short || { systemctl start patroni; exit; }
find /pg/data/ -mindepth 1 -xdev -delete || exit 1
systemctl start patroni
"#;

/// Patroni on the declared primary, until it leads.
pub(crate) fn launch_primary(members: &Members, member: &Member) -> Vec<Step> {
    let standby = members.standby;
    let path = if standby { "standby-leader" } else { "primary" };
    let url = format!("http://{}:{}", member.addr, member.patroni_port);
    let name = &members.name;
    // On a re-run after a failover another member leads: that is no failure of this step.
    let check = format!(
        r#"{PATRONI_RUNS}
python3 - <<'PADDOCK'
{HTTP}import sys
try:
    if http('{url}/{path}', 3)[0] == 200: sys.exit(0)
    seen = members('{url}')
except Exception as error: print(f'Patroni does not answer yet: {{error}}'); sys.exit(1)
for m in seen:
    if m['role'] == 'standby_leader' or leads(m) and {may_lead}: sys.exit(0)
    if leads(m): print(f"{{m['name']}} leads by itself and follows no other cluster"); sys.exit(1)
print('{name} has no leader yet: ' + ', '.join(f"{{m['name']}} {{m['state']}}" for m in seen)); sys.exit(1)
PADDOCK
"#,
        may_lead = if standby { "False" } else { "True" },
    );
    let leader = Step::command(
        "pgsql/pg_primary/leader",
        member.addr,
        &format!("{name} has a leader"),
        check,
        CLONE_ANEW.into(),
    );
    let mut steps = vec![patroni_unit(member), leader.settle(180).tag("pg_launch")];
    if standby {
        steps.insert(0, follows_from_the_start(member, name));
    }
    steps
}

/// A standby cluster's configuration is in the DCS before its first member clones. Patroni writes it there after the clone
/// only; if the node loses its power in between, the next Patroni takes the configuration that was cloned with the data,
/// `patroni.dynamic.json`, which is the upstream's and follows nobody: it would promote itself (`patroni/__main__.py`,
/// `load_dynamic_configuration`).
fn follows_from_the_start(member: &Member, name: &str) -> Step {
    let script = |otherwise: &str| {
        format!(
            r#"[ -e /etc/patroni/patroni.yml ] || {{ echo 'Patroni is not configured yet'; exit 1; }}
timeout 30 python3 - <<'PADDOCK'
import json, sys
from patroni.config import Config
from patroni.dcs import get_dcs
config = Config('/etc/patroni/patroni.yml').copy()
want = config['bootstrap']['dcs']
dcs = get_dcs({{**config, 'patronictl': True}})
seen = dcs.get_cluster()
have = seen.config and seen.config.data
if have and (seen.initialize or have == want): sys.exit(0)
{otherwise}
PADDOCK
"#
        )
    };
    let check = script(&format!("print('the DCS does not say yet whom {name} follows'); sys.exit(1)"));
    let apply = script(
        "if not dcs.set_config_value(json.dumps(want)): sys.exit('etcd did not take the configuration')",
    );
    let title = format!("the DCS says whom {name} follows");
    Step::command("pgsql/pg_primary/follows", member.addr, &title, check, apply).tag("pg_launch")
}

/// Patroni on a replica, until it streams. The clone may take hours; its bytes are told.
pub(crate) fn launch_replica(members: &Members, member: &Member) -> Vec<Step> {
    let host = member.addr;
    let urls: Vec<String> =
        members.all.iter().map(|m| format!("'http://{}:{}'", m.addr, m.patroni_port)).collect();
    let repl = text(&member.vars, "pg_replication_username", "replicator");
    let find_leader = format!(
        "python3 - <<'PADDOCK'\n{HTTP}import sys\nfor url in [{}]:\n    try:\n        for m in members(url):\n            if leads(m): print(m['host'], m['port']); sys.exit(0)\n    except Exception: pass\nsys.exit(1)\nPADDOCK\n",
        urls.join(", ")
    );
    let login = format!(
        "cd /\nread -r ip port < <({find_leader})\n[ -n \"$ip\" ] || {{ echo 'no member of {} leads'; exit 1; }}\n[ \"$ip\" = {host} ] && exit 0\nout=$(runuser -u postgres -- env PGCONNECT_TIMEOUT=5 psql -XAtq -w \"host=$ip port=$port user={repl} dbname=postgres\" -c 'SELECT 1' 2>&1) && exit 0\necho \"$out\"; echo \"{repl} cannot log in to $ip: look at its password and the HBA rules there\"; exit 1\n",
        members.name
    );
    let own = format!("http://{}:{}", host, member.patroni_port);
    let streaming = format!(
        "{PATRONI_RUNS}\ntotal=$(cat /run/paddock/clone.total 2>/dev/null || echo -)\nif [ \"$total\" = - ]; then\n  read -r ip port < <({find_leader})\n  total=$(cd /; runuser -u postgres -- env PGCONNECT_TIMEOUT=3 psql -XAtq -w \"host=$ip port=$port user={repl} dbname=postgres\" -c 'SELECT sum(pg_database_size(oid))::bigint FROM pg_database' 2>/dev/null) && mkdir -p /run/paddock && echo \"$total\" >/run/paddock/clone.total\nfi\necho \"::progress $(du -sb /pg/data 2>/dev/null | cut -f1) ${{total:--}} bytes\"\npython3 - <<'PADDOCK'\n{HTTP}import sys\ntry: seen = members('{own}')\nexcept Exception as error: print(f'Patroni does not answer yet: {{error}}'); sys.exit(1)\nme = [m for m in seen if m['name'] == '{name}']\nif not me: print('{name} has not joined yet'); sys.exit(1)\nif leads(me[0]): sys.exit(0)\nif me[0]['state'] in ('running', 'streaming') and isinstance(me[0].get('lag'), int): sys.exit(0)\nprint(f\"{name} is {{me[0]['state']}}, lag {{me[0].get('lag')}}\"); sys.exit(1)\nPADDOCK\n",
        name = member.name
    );
    vec![
        Step::wait("pgsql/pg_replica/login", host, "replication login to the leader works", login, 30)
            .tag("pg_launch"),
        patroni_unit(member),
        Step::command(
            "pgsql/pg_replica/streaming",
            host,
            &format!("{} streams", member.name),
            streaming,
            CLONE_ANEW.into(),
        )
        .settle(86_400)
        .tag("pg_launch"),
    ]
}

/// PostgreSQL's HBA: written, looked at by PostgreSQL, taken back when it finds an error, then loaded.
pub(crate) fn hba(ctx: &Context<'_>, members: &Members, member: &Member) -> Result<Vec<Step>, Refusal> {
    let content = rules::render(ctx, members, member, Target::Postgres)?;
    let host = member.addr;
    let psql = format!("runuser -u postgres -- psql -XAtq -p {} -d postgres", member.pg_port);
    let check = format!(
        "f=/pg/data/pg_hba.conf\n{}[ -f $f ] || {{ echo 'does not exist'; exit 1; }}\ndiff -u --label $f --label $f $f - && [ \"$(stat -c '%U %a' $f)\" = 'postgres 600' ] && whole && exit 0\nexit 1\n",
        whole("$f")
    );
    let apply = format!(
        "cd /\nf=/pg/data/pg_hba.conf\numask 077\n{}cat >\"$new\" && chown postgres:postgres \"$new\" || exit 1\n[ ! -f $f ] || cp -p $f $f.previous\nmv -f \"$new\" $f || exit 1\ntrap - EXIT\nbad=$({psql} -c \"SELECT 'line ' || line_number || ': ' || error FROM pg_hba_file_rules WHERE error IS NOT NULL\" 2>&1) && [ -z \"$bad\" ] && {{ rm -f $f.previous; exit 0; }}\n[ ! -f $f.previous ] || mv -f $f.previous $f\necho \"PostgreSQL refuses the new rules, the old file is back: $bad\" >&2; exit 1\n",
        aside("$f")
    );
    let loaded = has_loaded(&psql, "pg_hba.conf");
    let mut steps = vec![
        Step::command("pgsql/pg_hba/pg_hba.conf", host, "pg_hba.conf has the declared rules", check, apply)
            .stdin(content),
    ];
    if flag(&member.vars, "pg_reload", true) {
        let reload = format!("cd / && {psql} -c 'SELECT pg_reload_conf()' >/dev/null && sleep 1\n");
        steps.push(
            Step::command(
                "pgsql/pg_reload/reload",
                host,
                "PostgreSQL has loaded its HBA rules",
                loaded,
                reload,
            )
            .tag("pg_hba")
            .settle(10),
        );
    }
    steps.extend(parameters(member, &psql));
    Ok(steps)
}

/// What `pg_parameters` make of postgresql.auto.conf; none when they do not own it.
pub(crate) fn auto_conf(member: &Member) -> Option<String> {
    let map = member.vars.map("pg_parameters").filter(|map| !map.0.is_empty())?;
    let mut content = "# Managed by Paddock: pg_parameters\n".to_owned();
    for (key, value) in &map.0 {
        content += &format!(
            "{} = '{}'\n",
            key.to_text(),
            value.to_text().replace('\'', "''").replace(['\n', '\r'], " ")
        );
    }
    Some(content)
}

/// Check: PostgreSQL has read its configuration since the file was put in place. By the time the inode changed, to the
/// fraction of a second: `pg_stat_file` knows whole seconds and when the file was written, and Patroni reloads, too, in
/// the second in which the file comes. A kernel's file times are some milliseconds late.
fn has_loaded(psql: &str, file: &str) -> String {
    format!(
        "cd /\nput=$(stat -c %.6Z /pg/data/{file}) || exit 2\nok=$({psql} -c \"SELECT extract(epoch FROM pg_conf_load_time())::numeric >= $put + 0.01\") || exit 2\n[ \"$ok\" = t ] && exit 0\necho 'PostgreSQL has not loaded the present {file}'; exit 1\n"
    )
}

/// `pg_parameters` own postgresql.auto.conf; without them the file is left alone.
fn parameters(member: &Member, psql: &str) -> Vec<Step> {
    let Some(content) = auto_conf(member) else { return Vec::new() };
    let host = member.addr;
    vec![
        Step::file("pgsql/pg_param/auto.conf", host, "/pg/data/postgresql.auto.conf", content)
            .owner("postgres:postgres")
            .mode(0o600),
        Step::command(
            "pgsql/pg_param/reload",
            host,
            "PostgreSQL has loaded pg_parameters",
            has_loaded(psql, "postgresql.auto.conf"),
            format!("cd / && {psql} -c 'SELECT pg_reload_conf()' >/dev/null && sleep 1\n"),
        )
        .settle(10),
    ]
}

/// Names programs in `/pg/bin` that the crontab calls and nobody puts there.
pub(crate) fn unknown_programs(members: &Members) -> Option<Warning> {
    let lines = members.all.iter().flat_map(|one| one.vars.list("pg_crontab").unwrap_or_default());
    let lines: Vec<String> = lines.map(Value::to_text).collect();
    let words = lines.iter().flat_map(|line| line.split_whitespace());
    let programs = words.filter(|word| word.starts_with("/pg/bin/") && *word != backup::PG_BACKUP);
    let unknown: BTreeSet<&str> = programs.collect();
    if unknown.is_empty() {
        return None;
    }
    let list = Vec::from_iter(unknown).join(", ");
    Some(warning(
        "plan/cron-program",
        format!(
            "`pg_crontab` of `{}` calls {list}: Paddock puts only {} there, and cron fails without telling anybody unless you put the others there yourself.",
            members.name,
            backup::PG_BACKUP
        ),
    ))
}

/// The dbsu's crontab, when one is declared.
pub(crate) fn crontab(member: &Member) -> Vec<Step> {
    let lines: Vec<String> =
        member.vars.list("pg_crontab").unwrap_or_default().iter().map(Value::to_text).collect();
    if lines.is_empty() {
        return Vec::new();
    }
    // cron's own path has neither pg-backup nor psql.
    let content = format!(
        "# Managed by Paddock\nPATH=/pg/bin:/usr/pgsql/bin:/usr/local/bin:/usr/bin:/bin\n{}\n",
        lines.join("\n")
    );
    let check = "want=$(cat)\nhave=$(crontab -u postgres -l 2>/dev/null)\n[ \"$have\" = \"$want\" ] && exit 0\ndiff -u --label crontab --label crontab <(echo \"$have\") <(echo \"$want\"); exit 1\n";
    vec![
        Step::command(
            "pgsql/pg_crontab/crontab",
            member.addr,
            "the dbsu's crontab",
            check.into(),
            "crontab -u postgres -\n".into(),
        )
        .stdin(content),
    ]
}

/// All service files of the cluster on a node as one fact: rendered aside, checked by HAProxy together with everything
/// else it loads, put in place at once, the former set kept.
pub(crate) fn services(members: &Members, host: NodeAddr, services: &[Service], reload: bool) -> Vec<Step> {
    let name = &members.name;
    let own = |what: &str| members.step_id(host, &format!("pgsql/pg_service/{what}"));
    let files =
        services.iter().map(|service| (format!("{name}-{}.cfg", service.name), service.content.clone()));
    let ports: Vec<String> =
        services.iter().map(|service| format!("{} {}", service.name, service.port)).collect();
    let set = Fact::FileSet {
        directory: "/etc/haproxy/conf.d".into(),
        // By their head line, not by a glob: pg-test-*.cfg would catch files of a cluster named pg-test-2.
        mark: format!("# Managed by Paddock: cluster {name}, service "),
        files: files.collect(),
        validate: "haproxy -c -f /etc/haproxy/haproxy.cfg -f {}".into(),
    };
    let mut steps =
        vec![Step::new(own("files"), host, format!("services of {name}: {}", ports.join(", ")), set)];
    if reload {
        let files = ["/etc/haproxy/haproxy.cfg", "/etc/haproxy/conf.d"];
        let unit = Step::unit(&own("reload"), host, "haproxy.service", UnitState::RunningElseReload, &files);
        steps.push(unit.titled("HAProxy has loaded the services"));
    }
    steps
}
