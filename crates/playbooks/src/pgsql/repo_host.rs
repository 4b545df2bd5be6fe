//! A pgBackRest repository host: backups of several clusters on a node of their own, reached by SSH as postgres.
//!
//! An entry of `pgbackrest_repo` with a `host` declares it. pgBackRest wants what writes backups (stanza-create, backup,
//! stanza-delete) to run where the repository is, and WAL and restores to come from the members: hence keys in both
//! directions, the members' addresses in the host's configuration, and `pg-backup` on the leader asking the host
//! (pgBackRest's user guide, "Dedicated Repository Host").

use crate::params::{flag, text};
use crate::pgsql::members::{Member, Members};
use crate::pgsql::steps;
use crate::scripts::{aside, quote, whole};
use crate::{Context, Need, Refusal, Step};
use paddock_inventory::{Cluster, Inventory, Map, NodeAddr, Vars};

/// Options that say how a member reaches the repository; the others are the host's own.
const REACH: [&str; 6] = ["host", "host-user", "host-type", "host-port", "host-cmd", "host-config"];

/// The entry of `pgbackrest_repo` that `pgbackrest_method` chooses; none for the built-in local one.
pub fn chosen(vars: &Vars) -> Option<Map> {
    let method = text(vars, "pgbackrest_method", "local");
    vars.map("pgbackrest_repo")?.get(&method)?.as_map().cloned()
}

fn option(repo: &Map, name: &str) -> Option<String> {
    let found = repo.0.iter().find(|(key, _)| key.to_text().replace('_', "-") == name);
    found.map(|(_, value)| value.to_text()).filter(|value| !value.is_empty())
}

/// The host as written; none for a repository that members reach by themselves.
pub(crate) fn named(repo: &Map) -> Option<String> {
    option(repo, "host")
}

/// The host's address, when it is one.
pub(crate) fn address(vars: &Vars) -> Option<NodeAddr> {
    named(&chosen(vars)?)?.parse().ok()
}

/// `repo1-…` lines as a node of the cluster that is no repository host needs them, for backups of stanza `stanza`.
pub(crate) fn lines(repo: &Map, stanza: &str) -> String {
    let by_host = named(repo).is_some();
    let mut out = String::new();
    for (key, value) in &repo.0 {
        let key = key.to_text().replace('_', "-");
        if !by_host || REACH.contains(&key.as_str()) {
            out += &line(&key, &value.to_text(), stanza);
        }
    }
    if by_host && option(repo, "host-user").is_none() {
        out += "repo1-host-user=postgres\n";
    }
    out
}

/// The same as the repository host itself needs them.
fn own_lines(repo: &Map, stanza: &str) -> String {
    let mut out = String::new();
    for (key, value) in &repo.0 {
        let key = key.to_text().replace('_', "-");
        if !REACH.contains(&key.as_str()) {
            out += &line(&key, &value.to_text(), stanza);
        }
    }
    if option(repo, "path").is_none() {
        out += &line("path", &path(repo), stanza);
    }
    out
}

/// As written, or pgBackRest's own default.
fn path(repo: &Map) -> String {
    option(repo, "path").unwrap_or_else(|| "/var/lib/pgbackrest".into())
}

fn line(key: &str, value: &str, stanza: &str) -> String {
    format!("repo1-{key}={}\n", value.replace("${pg_cluster}", stanza).replace(['\n', '\r'], ""))
}

/// How a member calls what must run where the repository is: by itself, or on the repository host.
pub(crate) fn at_repository(member: &Member) -> String {
    match address(&member.vars) {
        None => "pgbackrest".into(),
        Some(host) => format!("{} pgbackrest", ssh(&host.to_string())),
    }
}

/// `host` may be a variable of the shell.
fn ssh(host: &str) -> String {
    format!("ssh -o BatchMode=yes -o ConnectTimeout=10 postgres@{host}")
}

/// The repository host of a cluster, when it is a node of the inventory.
pub(crate) fn beside(inventory: &Inventory, cluster: &Cluster) -> Option<NodeAddr> {
    let host = cluster.instances.iter().find_map(|one| address(&inventory.vars(one.addr)));
    host.filter(|host| inventory.hosts().contains(host))
}

/// The key with which the host reaches the members.
pub(crate) fn needs(ctx: &Context<'_>, cluster: &Cluster) -> Option<Need> {
    beside(ctx.inventory, cluster).map(|host| Need::SshKey { name: key_of(host) })
}

fn key_of(host: NodeAddr) -> String {
    format!("ssh/repository-{host}")
}

/// The host's public key, which members admit.
pub(crate) fn admitted(ctx: &Context<'_>, member: &Member) -> Option<String> {
    address(&member.vars).map(|host| ctx.material.get(&format!("{}.pub", key_of(host))))
}

/// The host, when the cluster has one that can be used.
pub(crate) fn of(ctx: &Context<'_>, members: &Members) -> Result<Option<NodeAddr>, Refusal> {
    let Some(first) = members.all.first() else { return Ok(None) };
    let Some(repo) = chosen(&first.vars) else { return Ok(None) };
    let Some(host) = named(&repo).filter(|_| flag(&first.vars, "pgbackrest_enabled", true)) else {
        return Ok(None);
    };
    let refuse = |why: String, fix: &str| {
        Err(Refusal {
            code: "plan/repository-host".into(),
            what: format!("backups of `{}` cannot be set up", members.name),
            why,
            fix: fix.to_owned(),
        })
    };
    let addr = host.parse::<NodeAddr>().ok().filter(|addr| ctx.inventory.hosts().contains(addr));
    let Some(addr) = addr else {
        return refuse(
            format!("the repository host `{host}` is no node of the inventory"),
            "declare it by its address, in a group of its own: backups run on it, so Paddock sets it up, too",
        );
    };
    if ctx.inventory.clusters().values().any(|cluster| cluster.instances.iter().any(|one| one.addr == addr)) {
        return refuse(
            format!(
                "the repository host {addr} is a member of a cluster, whose own pgBackRest configuration is there"
            ),
            "name a node without PostgreSQL",
        );
    }
    let supported = [("host-user", "postgres"), ("host-type", "ssh")];
    for (name, value) in supported {
        if let Some(other) = option(&repo, name).filter(|other| other != value) {
            return refuse(
                format!(
                    "`{}` of the repository is `{other}`, and `{value}` is what Paddock sets up",
                    name.replace('-', "_")
                ),
                "leave it out",
            );
        }
    }
    if let Some(member) = members.all.iter().find(|one| !flag(&one.vars, "pg_dbsu_ssh_exchange", true)) {
        return refuse(
            format!(
                "`pg_dbsu_ssh_exchange` is false for {}, and a repository host is reached by SSH as postgres",
                member.name
            ),
            "leave it out, or use another repository",
        );
    }
    Ok(Some(addr))
}

/// What the host needs for the cluster: account, keys, configuration. `present` are the members that are there.
pub(crate) fn steps(ctx: &Context<'_>, host: NodeAddr, present: &Members) -> Vec<Step> {
    let Some(repo) = present.all.first().and_then(|first| chosen(&first.vars)) else { return Vec::new() };
    let id = |what: &str| present.step_id(host, &format!("pgsql/pg_repository/{what}"));
    let own =
        |what: &str, path: &str, mode| Step::directory(&id(what), host, path, "postgres:postgres", mode);
    let dbsu = steps::dbsu(&ctx.vars(host));
    let packages = ["pgbackrest", "openssh-client"].map(str::to_owned);
    let mut out = vec![
        Step::new(id("user"), host, "account postgres", dbsu),
        Step::packages(&id("packages"), host, &packages),
        steps::home_file(
            host,
            &id("key"),
            ".ssh/id_ed25519",
            "600",
            ctx.material.get(&format!("{}.ssh", key_of(host))),
        ),
        steps::home_file(host, &id("config"), ".ssh/config", "600", steps::SSH_CONFIG.into()),
        authorised(ctx, host, present, id("authorized_keys")),
        own("dir", "/etc/pgbackrest", 0o750),
        own("conf.d", "/etc/pgbackrest/conf.d", 0o750),
        own("log", "/var/log/pgbackrest", 0o770),
        own("path", &path(&repo).replace("${pg_cluster}", &present.name), 0o750),
        conf_file(&id("pgbackrest.conf"), host, "/etc/pgbackrest/pgbackrest.conf", global(ctx, host)),
        conf_file(&id("stanza.conf"), host, &stanza_file(&present.name), stanza_conf(&repo, present)),
    ];
    let members: Vec<String> = present.all.iter().map(|one| one.addr.to_string()).collect();
    out.push(
        Step::wait(
            &id("reaches"),
            host,
            "postgres reaches every member by SSH",
            format!("cd /\nfor m in {}; do out=$(runuser -u postgres -- {} true 2>&1) || {{ echo \"$m: $out\"; bad=1; }}; done\nexit ${{bad:-0}}\n", members.join(" "), ssh("$m")),
            10,
        ),
    );
    out.into_iter().map(|step| step.tag("pgbackrest").tag("pgbackrest_host")).collect()
}

/// It may hold a passphrase.
fn conf_file(id: &str, host: NodeAddr, path: &str, content: String) -> Step {
    Step::file(id, host, path, content).owner("postgres:postgres").mode(0o640).secret()
}

fn stanza_file(cluster: &str) -> String {
    format!("/etc/pgbackrest/conf.d/{cluster}.conf")
}

/// For calls that name no stanza, as `pgbackrest info`: what all clusters of this host have in common.
fn global(ctx: &Context<'_>, host: NodeAddr) -> String {
    let clusters = ctx.inventory.clusters().values();
    let of = clusters.filter(|cluster| beside(ctx.inventory, cluster) == Some(host));
    let repos: Vec<String> = of
        .filter_map(|cluster| {
            let repo = chosen(&ctx.inventory.vars(cluster.instances.first()?.addr))?;
            Some(own_lines(&repo, cluster.name.as_str()))
        })
        .collect();
    let common: String = repos
        .first()
        .into_iter()
        .flat_map(|first| first.lines())
        .filter(|line| repos.iter().all(|repo| repo.lines().any(|other| other == *line)))
        .map(|line| format!("{line}\n"))
        .collect();
    let cpus = ctx.facts.of(host).cpus.div_ceil(4).clamp(2, 4);
    format!(
        "# Managed by Paddock\n[global]\n{common}log-path=/var/log/pgbackrest\nlog-level-file=info\nlog-level-console=warn\nlock-path=/tmp/pgbackrest\nstart-fast=y\nexpire-auto=y\ndelta=y\ncompress-type=zst\nprocess-max={cpus}\n"
    )
}

fn stanza_conf(repo: &Map, present: &Members) -> String {
    let mut out = format!("# Managed by Paddock\n[{}]\n{}", present.name, own_lines(repo, &present.name));
    for (member, number) in present.all.iter().zip(1..) {
        out += &format!(
            "pg{number}-host={}\npg{number}-host-user=postgres\npg{number}-path=/pg/data\npg{number}-port={}\npg{number}-socket-path=/var/run/postgresql\n",
            member.addr, member.pg_port
        );
    }
    out
}

/// The host admits the cluster's members, and no former one of it. `restrict`: no terminal, no forwarding.
fn authorised(ctx: &Context<'_>, host: NodeAddr, members: &Members, id: String) -> Step {
    let wanted: String = members
        .all
        .iter()
        .map(|one| {
            let key = ctx.material.get(&format!("ssh/{}.pub", one.name));
            format!("restrict {} paddock:{}/{}\n", key.trim(), members.name, one.name)
        })
        .collect();
    let mark = quote(&format!(" paddock:{}/", members.name));
    let find = "home=$(getent passwd postgres | cut -d: -f6)\n[ -n \"$home\" ] || { echo 'no account postgres' >&2; exit 2; }\nf=$home/.ssh/authorized_keys\nwant=$(cat)\n";
    let check = format!(
        "{find}{}[ \"$(grep -F -- {mark} \"$f\" 2>/dev/null | sort)\" = \"$(printf '%s' \"$want\" | sort)\" ] || {{ echo 'other keys of the cluster are admitted (not shown)'; exit 1; }}\nwhole\n",
        whole("\"$f\"")
    );
    let apply = format!(
        "{find}set -e\numask 077\ninstall -d -o postgres -g postgres -m 700 \"$home/.ssh\"\n{}{{ grep -vF -- {mark} \"$f\" 2>/dev/null || true; printf '%s\\n' \"$want\"; }} | grep . >\"$new\" || true\nchown postgres:postgres \"$new\"\nchmod 600 \"$new\"\nmv -f \"$new\" \"$f\"\ntrap - EXIT\n",
        aside("\"$f\"")
    );
    let title = if members.all.is_empty() {
        format!("admits nobody of {}", members.name)
    } else {
        format!("admits the members of {}", members.name)
    };
    Step::command(&id, host, &title, check, apply).stdin(wanted)
}

/// A cluster that is restored reads another one's repository: its members are admitted there.
pub(crate) fn admit(ctx: &Context<'_>, repo: &Map, members: &Members) -> Option<(NodeAddr, Step)> {
    let host: NodeAddr = named(repo)?.parse().ok().filter(|host| ctx.inventory.hosts().contains(host))?;
    let id = members.step_id(host, "pgsql/pg_repository/authorized_keys");
    Some((host, authorised(ctx, host, members, id)))
}

/// What the host keeps when members go: of a whole cluster nothing, but the backups where they are to be kept.
pub(crate) fn after_removal(
    ctx: &Context<'_>,
    host: NodeAddr,
    staying: &Members,
    keep_backup: bool,
) -> Vec<Step> {
    let id = |what: &str| staying.step_id(host, &format!("pgsql/pg_repository/{what}"));
    let mut out = vec![authorised(ctx, host, staying, id("authorized_keys"))];
    let repo = staying.all.first().and_then(|first| chosen(&first.vars));
    let file = stanza_file(&staying.name);
    match repo {
        Some(repo) => out.push(conf_file(&id("stanza.conf"), host, &file, stanza_conf(&repo, staying))),
        // Kept backups are listed and restored by what the file says of their place and their encryption.
        None if keep_backup => {}
        None => {
            let path = quote(&file);
            out.push(Step::command(
                &id("gone"),
                host,
                &format!("the repository host knows no stanza {}", staying.name),
                format!("[ -e {path} ] || exit 0\necho {path}' is there'; exit 1\n"),
                format!("rm -f {path} /tmp/pgbackrest/{}.stop\n", staying.name),
            ));
        }
    }
    out
}
