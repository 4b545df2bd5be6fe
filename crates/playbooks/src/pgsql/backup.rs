//! pgBackRest: configuration, stanza, first full backup. Local repository: one per member, used by whoever leads.

use crate::params::{flag, text};
use crate::pgsql::members::{Member, Members};
use crate::pgsql::repo_host;
use crate::{FactSet, Facts, Step};
use paddock_inventory::{Cluster, Inventory, NodeAddr};

/// Whether backups are on.
pub(crate) fn enabled(member: &Member) -> bool {
    flag(&member.vars, "pgbackrest_enabled", true)
}

/// `/etc/pgbackrest/pgbackrest.conf`
pub(crate) fn config(members: &Members, member: &Member, facts: &Facts) -> String {
    let cpus = facts.cpus;
    let few = cpus.div_ceil(4).clamp(2, 4);
    let repo = repo_host::chosen(&member.vars).map_or_else(
        || "repo1-path=/pg/backup\nrepo1-retention-full-type=count\nrepo1-retention-full=2\n".to_owned(),
        |repo| repo_host::lines(&repo, &members.name),
    );
    format!(
        "# Managed by Paddock\n[global]\n{repo}log-path={}\nlog-level-file=info\nlog-level-console=warn\nlock-path=/tmp/pgbackrest\nspool-path=/pg/spool\narchive-async=y\narchive-push-queue-max=4GiB\nstart-fast=y\nexpire-auto=y\ndelta=y\ncompress-type=zst\nprocess-max={few}\n\n[global:restore]\nprocess-max={}\n\n[{}]\npg1-path=/pg/data\npg1-port={}\npg1-socket-path=/var/run/postgresql\n",
        text(&member.vars, "pgbackrest_log_dir", "/pg/log/pgbackrest"),
        cpus.min(8),
        members.name,
        member.pg_port
    )
}

/// What `pg_crontab` calls.
pub(crate) const PG_BACKUP: &str = "/pg/bin/pg-backup";

/// `pg-backup [full|diff|incr]` with the exit codes of Pigsty's, whose crontabs run it on every member.
fn pg_backup(member: &Member) -> String {
    format!(
        r#"#!/bin/bash
# Managed by Paddock
# pg-backup [full|diff|incr]: a backup by pgBackRest, made by the member that leads.
# Exit: 0 made, 1 this member does not lead, 2 not of group postgres, 3 unknown kind, 4 no stanza, else pgBackRest's.
say() {{ echo "pg-backup: $*" >&2; }}
kind=${{1:-incr}}
id -nG | grep -qw postgres || {{ say "run it as postgres, not as $(id -un)"; exit 2; }}
case $kind in
  full|diff|incr) ;;
  *) say "the kind is full, diff or incr, not '$kind'"; exit 3 ;;
esac
stanza=$(sed -n 's/^\[\([^]:]*\)\]$/\1/p' /etc/pgbackrest/pgbackrest.conf 2>/dev/null | grep -vx global | head -n 1)
[ -n "$stanza" ] || {{ say '/etc/pgbackrest/pgbackrest.conf names no stanza'; exit 4; }}
cd / || exit 4
follows=$(/usr/pgsql/bin/psql -XAtq -p {port} -d postgres -c 'SELECT pg_is_in_recovery()') || {{ say 'PostgreSQL does not answer'; exit 1; }}
[ "$follows" = f ] || {{ say 'this member does not lead'; exit 1; }}
exec {pgbackrest} --stanza="$stanza" --type="$kind" backup
"#,
        port = member.pg_port,
        pgbackrest = repo_host::at_repository(member),
    )
}

/// Configuration; before PostgreSQL starts, so that archiving finds it.
pub(crate) fn files(members: &Members, member: &Member, facts: &Facts) -> Vec<Step> {
    if !enabled(member) {
        return Vec::new();
    }
    let host = member.addr;
    let home = members.backup_home(member);
    let own = |id: &str, path: &str, mode| {
        Step::directory(id, host, path, "postgres:postgres", mode).tag("pgbackrest")
    };
    vec![
        own("pgsql/pgbackrest_config/dir", "/etc/pgbackrest", 0o750),
        Step::file(
            "pgsql/pgbackrest_config/pgbackrest.conf",
            host,
            "/etc/pgbackrest/pgbackrest.conf",
            config(members, member, facts),
        )
        .owner("postgres:postgres")
        .mode(0o640)
        .secret()
        .tag("pgbackrest"),
        Step::file("pgsql/pgbackrest_config/pg-backup", host, PG_BACKUP, pg_backup(member))
            .owner("postgres:postgres")
            .mode(0o755)
            .tag("pgbackrest"),
        own("pgsql/pgbackrest_config/root", &text(&member.vars, "pg_fs_backup", "/data/backups"), 0o700),
        own("pgsql/pgbackrest_config/home", &home, 0o700),
        own("pgsql/pgbackrest_config/repo", &format!("{home}/backup"), 0o700),
        Step::link("pgsql/pgbackrest_config/link", host, "/pg/backup", &format!("{home}/backup"))
            .tag("pgbackrest"),
    ]
}

/// The stanza: on every member of a local repository, of a shared one on the member that leads.
pub(crate) fn stanza(members: &Members, member: &Member) -> Vec<Step> {
    let elsewhere = !is_local(member) && members.acting().is_some_and(|acting| acting.addr != member.addr);
    if !enabled(member) || elsewhere {
        return Vec::new();
    }
    vec![stanza_of_the_database(members, member, "pgsql/pgbackrest_init/stanza")]
}

/// The stanza is of the database that runs here: a clone, and a cluster that is created where backups of a former one of
/// its name are kept, have another system id.
pub(crate) fn stanza_of_the_database(members: &Members, member: &Member, id: &str) -> Step {
    let name = &members.name;
    // A stop file of a removed cluster of the same name would hold up archiving for ever.
    let check = format!(
        "[ -e /tmp/pgbackrest/{name}.stop ] && {{ echo 'archiving is stopped by /tmp/pgbackrest/{name}.stop'; exit 1; }}\ncd /\nid=$(runuser -u postgres -- /usr/pgsql/bin/pg_controldata /pg/data | sed -n 's/^Database system identifier: *//p')\n[ -n \"$id\" ] || {{ echo 'no data directory to ask' >&2; exit 2; }}\nout=$(runuser -u postgres -- pgbackrest --stanza={name} --output=json info 2>&1) || {{ echo \"$out\"; exit 1; }}\nprintf '%s' \"$out\" | python3 -c 'import json,sys; s=json.load(sys.stdin); d=max((x for one in s for x in one.get(\"db\", [])), key=lambda x: x[\"id\"], default=dict()); sys.exit(0 if str(d.get(\"system-id\")) == sys.argv[1] else 1)' \"$id\" && exit 0\necho \"the repository has no stanza of database $id\"; exit 1\n"
    );
    let apply = format!(
        "rm -f /tmp/pgbackrest/{name}.stop\ncd /\n{}pgbackrest_retried --stanza={name} --no-online stanza-create || pgbackrest_retried --stanza={name} --no-online stanza-upgrade\n",
        retried(&repo_host::at_repository(member))
    );
    Step::command(id, member.addr, &format!("stanza {name} is of the database that runs here"), check, apply)
        .limit(180)
        .tag("pgbackrest")
}

/// Archiving holds the lock for a moment each time it tries: that is waited for, other errors are not.
fn retried(pgbackrest: &str) -> String {
    format!(
        r#"pgbackrest_retried() {{
  local n out
  for n in 1 2 3 4 5; do
    out=$(runuser -u postgres -- {pgbackrest} "$@" 2>&1) && {{ echo "$out"; return 0; }}
    case "$out" in *'[050]'*) sleep 3;; *) break;; esac
  done
  echo "$out" >&2; return 1
}}
"#
    )
}

/// WAL arrives in the repository, and a full backup is there. On the member that leads.
pub(crate) fn first_backup(members: &Members, member: &Member) -> Vec<Step> {
    if !enabled(member) || members.standby {
        return Vec::new();
    }
    let name = &members.name;
    let host = member.addr;
    let mut steps = vec![
        Step::wait(
            "pgsql/pgbackrest_init/check",
            host,
            "WAL arrives in the repository (pgbackrest check)",
            format!("cd /\nout=$(runuser -u postgres -- pgbackrest --stanza={name} --archive-timeout=30 check 2>&1) && exit 0\necho \"$out\" | tail -3; exit 1\n"),
            120,
        )
        .limit(90)
        .tag("pgbackrest"),
    ];
    if flag(&member.vars, "pgbackrest_init_backup", true) {
        let check = format!(
            "cd /\nrunuser -u postgres -- pgbackrest --stanza={name} --output=json info | python3 -c 'import json,sys; s=json.load(sys.stdin); n=max((d[\"id\"] for x in s for d in x.get(\"db\",[])), default=0); sys.exit(0 if any(b[\"type\"]==\"full\" and b[\"database\"][\"id\"]==n and not b.get(\"error\") for x in s for b in x.get(\"backup\",[])) else 1)' && exit 0\necho 'there is no full backup of this database'; exit 1\n"
        );
        let apply = make_full(members, member);
        steps.push(
            Step::command("pgsql/pgbackrest_init/full", host, "a full backup exists", check, apply)
                .limit(14_400)
                .tag("pgbackrest"),
        );
    }
    steps
}

/// Bash that makes a full backup, on the member that leads.
pub(crate) fn make_full(members: &Members, member: &Member) -> String {
    format!(
        "cd / && runuser -u postgres -- {} --stanza={} --type=full --log-level-console=info backup\n",
        repo_host::at_repository(member),
        members.name
    )
}

/// Whether each member has a repository of its own.
pub(crate) fn is_local(member: &Member) -> bool {
    text(&member.vars, "pgbackrest_method", "local") == "local"
}

/// The stanza and all its backups in a shared repository go; on a host that has the repository or reaches it. PostgreSQL
/// must not run.
pub(crate) fn delete_stanza(members: &Members, host: NodeAddr) -> Step {
    let name = &members.name;
    let run = "cd / && runuser -u postgres -- pgbackrest";
    let check = format!(
        "out=$({run} --stanza={name} --output=json info 2>&1) || {{ echo \"$out\" >&2; exit 2; }}\nprintf '%s' \"$out\" | python3 -c 'import json,sys; s=json.load(sys.stdin); sys.exit(1 if any(x.get(\"db\") or x.get(\"backup\") for x in s) else 0)' && exit 0\necho 'the stanza is there'; exit 1\n"
    );
    let apply = format!("{run} --stanza={name} stop --force\n{run} --stanza={name} stanza-delete --force\n");
    Step::command(
        &members.step_id(host, "pgsql/pg_backup/stanza"),
        host,
        &format!("the repository has no stanza {name}"),
        check,
        apply,
    )
    .limit(900)
    .destroys(format!("deletes all backups of {name}"))
}

/// A backup as `pgbackrest info` lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) label: String,
    pub(crate) kind: String,
    /// Seconds since the epoch.
    pub(crate) start_s: i64,
    pub(crate) stop_s: i64,
}

/// Backups of a stanza without an error, oldest first.
pub(crate) fn listed(info: &str, stanza: &str) -> Vec<Listed> {
    let parsed: serde_json::Value = serde_json::from_str(info).unwrap_or_default();
    let stanzas = parsed.as_array().map(Vec::as_slice).unwrap_or_default();
    let of = stanzas.iter().filter(|one| one.get("name").and_then(|name| name.as_str()) == Some(stanza));
    of.filter_map(|one| one.get("backup")?.as_array())
        .flatten()
        .filter(|backup| backup.get("error").and_then(serde_json::Value::as_bool) != Some(true))
        .filter_map(|backup| {
            let time = |key: &str| backup.get("timestamp")?.get(key)?.as_i64();
            Some(Listed {
                label: backup.get("label")?.as_str()?.to_owned(),
                kind: backup.get("type")?.as_str()?.to_owned(),
                start_s: time("start")?,
                stop_s: time("stop")?,
            })
        })
        .collect()
}

/// Whether the repository has the stanza, with a database that it was made for.
pub(crate) fn has_stanza(info: &str, stanza: &str) -> bool {
    let parsed: serde_json::Value = serde_json::from_str(info).unwrap_or_default();
    let mut stanzas = parsed.as_array().into_iter().flatten();
    stanzas.any(|one| {
        let databases = one.get("db").and_then(serde_json::Value::as_array);
        one.get("name").and_then(|name| name.as_str()) == Some(stanza)
            && databases.is_some_and(|databases| !databases.is_empty())
    })
}

/// The newest backup of a cluster that was seen, and who lists it: an instance, of a shared repository or its local one, or
/// the repository host, which lists also those of clusters whose members it does not admit any more.
pub(crate) fn newest_seen(
    inventory: &Inventory,
    facts: &FactSet,
    cluster: &Cluster,
) -> Option<(Listed, String)> {
    let newest_of = |host: NodeAddr, named: String| {
        let info = facts.known(host)?.backups.as_deref()?;
        Some((newest(info, cluster.name.as_str())?, named))
    };
    let members = cluster.instances.iter().filter_map(|one| newest_of(one.addr, one.id.to_string()));
    let host = repo_host::beside(inventory, cluster).and_then(|host| newest_of(host, host.to_string()));
    members.chain(host).max_by_key(|(newest, _)| newest.stop_s)
}

/// The newest backup of a stanza.
pub(crate) fn newest(info: &str, stanza: &str) -> Option<Listed> {
    listed(info, stanza).into_iter().max_by_key(|backup| backup.stop_s)
}
