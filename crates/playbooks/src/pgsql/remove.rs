//! `pgsql-rm.yml`: an instance or a whole cluster goes, and nothing of it is left over.
//!
//! Where the original trusts declared roles and ignores errors, this looks at who leads, deletes the DCS state and the
//! stanza only with the last member, and fails with what is left. Order: clients are led away, replicas stop, the
//! primary stops, the DCS forgets, data go, then what is left is looked for.

use crate::etcd::ETCDCTL_ENV;
use crate::order::{heir, leader_of};
use crate::params::flag;
use crate::pgsql::members::{Member, Members};
use crate::pgsql::{backup, balancers, citus, dns, repo_host, vip};
use crate::pitr::moment;
use crate::planning::{Made, clusters_of, warning};
use crate::scripts::quote;
use crate::{AtStake, Context, InventoryEdit, Play, Refusal, Stage, Step, UnitState};
use paddock_inventory::{Cluster, InstanceRole, NodeAddr, Value};
use std::collections::BTreeMap;

/// The stages of the play on these hosts.
pub(crate) fn stages(ctx: &Context<'_>, play: &Play, hosts: &[NodeAddr]) -> Result<Made, Refusal> {
    let clusters = clusters_of(ctx.inventory, hosts);
    if clusters.is_empty() {
        return Err(Refusal {
            code: "plan/no-cluster".into(),
            what: format!("`{}` was refused", play.command_line()),
            why: "none of the selected hosts belongs to a PostgreSQL cluster".into(),
            fix: "name a cluster, or addresses of its members".into(),
        });
    }
    safeguard(ctx, play, &clusters, hosts)?;
    let mut made = Made::default();
    for cluster in clusters {
        one_cluster(ctx, cluster, hosts, &mut made)?;
    }
    Ok(made)
}

/// One guarded host among the selected ones stops the whole run, before anything is changed.
fn safeguard(
    ctx: &Context<'_>,
    play: &Play,
    clusters: &[&Cluster],
    hosts: &[NodeAddr],
) -> Result<(), Refusal> {
    let instances = clusters.iter().flat_map(|cluster| &cluster.instances);
    let guarded: Vec<String> = instances
        .filter(|one| hosts.contains(&one.addr) && flag(&ctx.vars(one.addr), "pg_safeguard", false))
        .map(|one| format!("{} @ {}", one.id, one.addr))
        .collect();
    if guarded.is_empty() {
        return Ok(());
    }
    Err(Refusal {
        code: "plan/safeguard".into(),
        what: format!("`{}` was refused", play.command_line()),
        why: format!("`pg_safeguard` protects {}", guarded.join(", ")),
        fix: format!("to remove it all the same, say so: `{} -e pg_safeguard=false`", play.command_line()),
    })
}

fn one_cluster(
    ctx: &Context<'_>,
    cluster: &Cluster,
    hosts: &[NodeAddr],
    made: &mut Made,
) -> Result<(), Refusal> {
    let mut members = Members::of(ctx, cluster);
    members.version = crate::pgsql::version_of(ctx, &members);
    let silent = |member: &Member| ctx.facts.unreachable(member.addr);
    let (going, staying): (Vec<&Member>, Vec<&Member>) =
        members.all.iter().partition(|member| hosts.contains(&member.addr));
    let whole = staying.is_empty();
    for member in &going {
        if let Some(reason) = silent(member) {
            made.warnings.push(warning(
                "plan/node-left-uncleaned",
                format!(
                    "{} on {} is not cleaned, since the node does not answer ({reason}). What others know of it is removed; when the node comes back, PostgreSQL and Patroni are still on it: run `pgsql-rm.yml -l {}` again, or erase it.",
                    member.name, member.addr, member.addr
                ),
            ));
        }
    }
    let reachable: Vec<&Member> = going.iter().copied().filter(|member| silent(member).is_none()).collect();
    let etcd = ctx
        .etcd_members()
        .into_iter()
        .map(|(host, _)| host)
        .find(|host| ctx.facts.unreachable(*host).is_none());
    if etcd.is_none() {
        return Err(Refusal {
            code: "plan/no-etcd".into(),
            what: format!("`{}` cannot be removed from the DCS", members.name),
            why: "no member of etcd answers".into(),
            fix: "start etcd, then plan again".into(),
        });
    }
    let mut beside = balancers::beside(ctx.inventory, cluster);
    beside.retain(|host| {
        let reason = ctx.facts.unreachable(*host);
        made.warnings.extend(reason.map(|reason| warning("plan/node-left-uncleaned", format!("The load balancer {host} is not told, since it does not answer ({reason}): it goes on to list what is removed. When it is back: `pgsql-svc {}`, or this removal again.", cluster.name))));
        reason.is_none()
    });
    let repository = repository_host(ctx, cluster, made);
    let leader = leader_of(cluster, ctx.facts);
    let sort =
        |lead: bool| reachable.iter().copied().filter(move |member| (Some(member.addr) == leader) == lead);
    let name = &members.name;
    let mut add = |title: String, steps: BTreeMap<NodeAddr, Vec<Step>>| {
        let steps: BTreeMap<_, _> = steps.into_iter().filter(|(_, steps)| !steps.is_empty()).collect();
        if !steps.is_empty() {
            made.stages.push(Stage { name: title, play: 0, hosts: steps, serial: false });
        }
    };
    let by_host =
        |members: Vec<&Member>, steps: &dyn Fn(&Member) -> Vec<Step>| -> BTreeMap<NodeAddr, Vec<Step>> {
            members.into_iter().map(|member| (member.addr, steps(member))).collect()
        };
    let answering: Vec<&Member> = staying.iter().copied().filter(|member| silent(member).is_none()).collect();
    if !whole {
        let gone: Vec<&str> = going.iter().map(|member| member.name.as_str()).collect();
        let at = if beside.is_empty() {
            answering.iter().map(|member| member.addr).collect()
        } else {
            beside.clone()
        };
        let drains = at.into_iter().map(|host| (host, vec![drain(&members, host, &gone)])).collect();
        add("Lead clients away".into(), drains);
    } else {
        let no_more = beside.iter().map(|host| (*host, vec![no_services(&members, *host)])).collect();
        add("Take the services away".into(), no_more);
    }
    let what = |member: &Member| {
        if whole { format!("{} of the removed cluster {name}", member.name) } else { member.name.clone() }
    };
    let stop = |member: &Member| stop(ctx, &members, member, &what(member));
    add("Stop replicas".into(), by_host(sort(false).collect(), &stop));
    add("Stop the primary".into(), by_host(sort(true).collect(), &stop));
    let keep_data = |member: &Member| !flag(&member.vars, "pg_rm_data", true);
    let keep_backup = |member: &Member| !flag(&member.vars, "pg_rm_backup", true);
    let keeps = going.first().is_some_and(|first| keep_backup(first));
    let shared = going.first().is_some_and(|first| backup::enabled(first) && !backup::is_local(first));
    if whole && shared && !keeps {
        let by_members = sort(true).chain(sort(false)).next().map(|first| first.addr);
        let at = repository.map_or(by_members, |(_, answers)| answers);
        let delete = at.map(|host| (host, vec![backup::delete_stanza(&members, host)]));
        add("Delete backups".into(), delete.into_iter().collect());
    }
    if let Some(etcd) = etcd {
        let keys = if whole {
            dcs_gone(&members, etcd, citus::groups(ctx, &members).next().is_none())
        } else {
            members_gone(&members, &going, etcd)
        };
        add("Clean the DCS".into(), BTreeMap::from([(etcd, keys)]));
    }
    add(
        "Clean the nodes".into(),
        by_host(reachable.clone(), &|member| {
            clean(&members, member, keep_data(member), whole && keep_backup(member))
        }),
    );
    if let Some((_, Some(host))) = repository {
        let staying = Members { all: staying.iter().copied().cloned().collect(), ..members.clone() };
        let steps = repo_host::after_removal(ctx, host, &staying, keeps);
        add("Tell the repository host".into(), BTreeMap::from([(host, steps)]));
    }
    add("Take the names away".into(), dns::gone(ctx, &members, &going, whole));
    let mut left =
        by_host(reachable.clone(), &|member| vec![nothing_left(&members, member, keep_data(member))]);
    for member in &answering {
        left.insert(member.addr, going.iter().map(|gone| slot_gone(member, gone)).collect());
    }
    add("Look for what is left".into(), left);
    let cluster_name = &cluster.name;
    if whole {
        made.edits.push(InventoryEdit::RemoveCluster { cluster: cluster_name.clone() });
    } else {
        // A cluster without a declared primary cannot be planned for any more.
        if going.iter().any(|gone| gone.role == InstanceRole::Primary)
            && let Some(heir) = heir(cluster, ctx.facts, hosts)
        {
            made.edits.push(InventoryEdit::SetHostVar {
                cluster: cluster_name.clone(),
                addr: heir.addr,
                name: "pg_role".into(),
                value: Value::Text("primary".into()),
            });
        }
        made.edits.extend(
            going
                .iter()
                .map(|gone| InventoryEdit::RemoveInstance { cluster: cluster_name.clone(), addr: gone.addr }),
        );
    }
    warn_of_followers(ctx, cluster, &going, whole && !going.iter().all(|member| keep_backup(member)), made);
    blast(ctx, cluster, &going, whole, made);
    let newest = |member: &&Member| {
        let info = ctx.facts.known(member.addr).and_then(|facts| facts.backups.as_deref())?;
        backup::newest(info, cluster.name.as_str())
    };
    if let (Some(last), false) = (going.iter().filter_map(newest).next(), whole)
        && staying.iter().filter_map(newest).next().is_none()
    {
        made.warnings.push(warning("plan/loses-backups", format!("With the local repository of a member that goes, the only backups of `{0}` go (newest: {1}). Afterwards make one where it leads then: `pg-backup {0} full`.", cluster.name, last.label)));
    }
    Ok(())
}

/// The repository host of the cluster, and the same when it answers; when not, that is said.
fn repository_host(
    ctx: &Context<'_>,
    cluster: &Cluster,
    made: &mut Made,
) -> Option<(NodeAddr, Option<NodeAddr>)> {
    let host = repo_host::beside(ctx.inventory, cluster)?;
    let silent = ctx.facts.unreachable(host);
    made.warnings.extend(silent.map(|reason| warning("plan/node-left-uncleaned", format!("The repository host {host} is not told, since it does not answer ({reason}): it keeps the configuration, the keys and the backups of what is removed. When it is back, this removal again."))));
    Some((host, silent.is_none().then_some(host)))
}

/// Other members' HAProxy sends no new client to who goes; those that are there are served until it stops.
fn drain(members: &Members, host: NodeAddr, gone: &[&str]) -> Step {
    let list = gone.iter().map(|name| quote(name)).collect::<Vec<_>>().join(" ");
    let lib = format!(
        "ask() {{ python3 -c 'import socket,sys; s=socket.socket(socket.AF_UNIX); s.settimeout(5); s.connect(\"/var/run/haproxy.sock\"); s.sendall(sys.argv[1].encode()+b\"\\n\"); d=b\"\"\nwhile True:\n  c=s.recv(65536)\n  if not c: break\n  d+=c\nsys.stdout.write(d.decode())' \"$1\"; }}\nservers() {{ for n in {list}; do ask 'show stat' | awk -F, -v n=\"$n\" -v c={} '$2 == n && index($1, c \"-\") == 1 && $18 ~ /^(UP|no check)/ {{ print $1 \"/\" $2 }}'; done; }}\nsystemctl is-active -q haproxy || exit 0\n",
        quote(&members.name)
    );
    let check = format!(
        "{lib}out=$(servers) || exit 2\n[ -z \"$out\" ] && exit 0\necho \"still takes clients: $out\"; exit 1\n"
    );
    let apply =
        format!("{lib}servers | while read -r server; do ask \"set server $server state drain\"; done\n");
    Step::command(
        &members.step_id(host, "pgsql/rm_service/drain"),
        host,
        &format!("HAProxy on {host} leads no new client to {}", gone.join(", ")),
        check,
        apply,
    )
    .settle(5)
}

/// Pooler, services, Patroni and PostgreSQL of a member are off, in the order in which clients notice least.
fn stop(ctx: &Context<'_>, members: &Members, member: &Member, what: &str) -> Vec<Step> {
    let host = member.addr;
    let postgres = "pids() { pgrep -u postgres -f -- '-D /pg/data( |$)' ; }\n";
    let running = format!(
        "{postgres}[ -e /pg/data/postmaster.pid ] || [ -n \"$(pids)\" ] || exit 0\necho 'PostgreSQL runs'; exit 1\n"
    );
    let stop_postgres = format!(
        "{postgres}cd /\nif [ -n \"$(pids)\" ]; then\n  runuser -u postgres -- /usr/pgsql/bin/pg_ctl -D /pg/data -m fast -w -t 30 stop || runuser -u postgres -- /usr/pgsql/bin/pg_ctl -D /pg/data -m immediate -w -t 15 stop || true\nfi\nfor i in 1 2 3 4; do [ -z \"$(pids)\" ] && break; sleep 1; done\npids | xargs -r kill -9 2>/dev/null\nsleep 1\n[ -n \"$(pids)\" ] || rm -f /pg/data/postmaster.pid\n"
    );
    let mut steps = vec![no_services(members, host)];
    if vip::declared(member).is_some() || ctx.facts.of(host).active_units.contains("pg-vip") {
        steps.extend(vip::gone(member));
    }
    steps.extend([
        Step::unit("pgsql/pgbouncer/stop", host, "pgbouncer.service", UnitState::Stopped, &[])
            .destroys(format!("removes {what}")),
        Step::command(
            "pgsql/pg_crontab/gone",
            host,
            "the dbsu has no crontab",
            "crontab -u postgres -l >/dev/null 2>&1 || exit 0\necho 'there is one'; exit 1\n".into(),
            "crontab -u postgres -r\n".into(),
        ),
        Step::unit("pgsql/patroni/stop", host, "patroni.service", UnitState::Stopped, &[]),
        Step::command("pgsql/postgres/stop", host, "PostgreSQL does not run", running, stop_postgres)
            .limit(120),
    ]);
    steps
}

/// By their head line, not by a glob: pg-test-*.cfg would catch files of a cluster named pg-test-2.
fn no_services(members: &Members, host: NodeAddr) -> Step {
    let mine = format!(
        "files() {{ grep -ls '^# Managed by Paddock: cluster {}, service ' /etc/haproxy/conf.d/*.cfg /etc/haproxy/conf.d.previous/*.cfg 2>/dev/null; }}\n",
        members.name
    );
    Step::command(
        &members.step_id(host, "pgsql/pg_service/gone"),
        host,
        "HAProxy here serves nothing of the cluster",
        format!("{mine}out=$(files)\n[ -z \"$out\" ] && exit 0\necho \"still there: $out\"; exit 1\n"),
        format!(
            "{mine}files | xargs -r rm -f\nif systemctl is-active -q haproxy; then systemctl reload haproxy; fi\n"
        ),
    )
}

/// Keys of single members go at once instead of when their lease expires.
fn members_gone(members: &Members, going: &[&Member], host: NodeAddr) -> Vec<Step> {
    let prefix = members.prefix();
    going
        .iter()
        .map(|member| {
            let key = quote(&format!("{prefix}members/{}", member.name));
            Step::command(
                &format!("pgsql/rm_dcs/{}", member.name),
                host,
                &format!("the DCS knows no member {}", member.name),
                format!("{ETCDCTL_ENV}out=$(etcdctl --command-timeout=5s get --keys-only {key}) || exit 2\n[ -z \"$out\" ] && exit 0\necho \"$out is there\"; exit 1\n"),
                format!("{ETCDCTL_ENV}etcdctl --command-timeout=5s del {key}\n"),
            )
            .settle(40)
        })
        .collect()
}

/// Everything of the cluster in the DCS: its keys and, when no group of Citus shares it, its account and role.
fn dcs_gone(members: &Members, host: NodeAddr, account: bool) -> Vec<Step> {
    let (name, prefix) = (&members.scope, quote(&members.prefix()));
    let ctl = format!("{ETCDCTL_ENV}ctl() {{ etcdctl --command-timeout=5s \"$@\"; }}\n");
    let mut steps = vec![Step::command(
        "pgsql/rm_dcs/keys",
        host,
        &format!("the DCS has no key of {}", members.name),
        format!(
            "{ctl}out=$(ctl get --prefix --keys-only {prefix}) || exit 2\n[ -z \"$out\" ] && exit 0\nprintf '%s\\n' \"$out\" | grep .; exit 1\n"
        ),
        format!("{ctl}ctl del --prefix {prefix}\n"),
    )];
    if account {
        steps.push(Step::command(
            "pgsql/rm_dcs/account",
            host,
            &format!("etcd has no account {name}"),
            format!(
                "{ctl}users=$(ctl user list) && roles=$(ctl role list) || exit 2\nprintf '%s\\n' \"$users\" \"$roles\" | grep -qx {name} || exit 0\necho 'it has'; exit 1\n"
            ),
            format!(
                "{ctl}if ctl user list | grep -qx {name}; then ctl user delete {name} || exit 1; fi\nif ctl role list | grep -qx {name}; then ctl role delete {name} || exit 1; fi\n"
            ),
        ));
    }
    steps
}

/// Configuration, data and backups of a member go, as far as they are not to be kept.
fn clean(members: &Members, member: &Member, keep_data: bool, keep_backup: bool) -> Vec<Step> {
    let host = member.addr;
    let gone = |id: &str, title: &str, paths: &[String]| {
        let list = paths.iter().map(|path| quote(path)).collect::<Vec<_>>().join(" ");
        Step::command(
            id,
            host,
            title,
            format!("for p in {list}; do [ -e \"$p\" ] || [ -L \"$p\" ] || continue; echo \"$p is there\"; bad=1; done\nexit ${{bad:-0}}\n"),
            format!("rm -rf --one-file-system -- {list}\n"),
        )
        .limit(900)
    };
    let mut steps = vec![
        gone(
            "pgsql/rm_conf/patroni",
            "no configuration of Patroni and the pooler",
            &["/etc/patroni", "/etc/pgbouncer", "/etc/systemd/system/patroni.service", "/etc/sudoers.d/postgres", "/etc/profile.d/pgsql.sh", "/run/paddock/clone.total", "/run/paddock/patroni.service.loaded", "/run/paddock/pgbouncer.service.loaded", "/etc/paddock/roles"].map(str::to_owned),
        ),
        Step::command(
            "pgsql/rm_conf/units",
            host,
            "systemd has forgotten the unit",
            "[ \"$(systemctl show -p NeedDaemonReload --value patroni)\" = no ] && exit 0\necho 'it has not'; exit 1\n".into(),
            "systemctl daemon-reload\n".into(),
        ),
    ];
    let home = members.data_home(member);
    if !keep_data {
        steps.push(
            gone("pgsql/pg_data/gone", "the data directory is gone", &[home, "/pg".to_owned()])
                .destroys(format!("deletes the data of {} on {host}", member.name)),
        );
    }
    if backup::enabled(member) {
        let repository = members.backup_home(member);
        let name = &members.name;
        if keep_backup && backup::is_local(member) {
            steps.push(found_without_link(member, &repository));
        }
        let mut paths = vec![format!("/tmp/pgbackrest/{name}.stop")];
        if !keep_backup {
            paths.push("/etc/pgbackrest/pgbackrest.conf".into());
            if backup::is_local(member) {
                paths.push(repository);
            }
        }
        let mut step = gone("pgsql/pg_backup/gone", "backups and their configuration are gone", &paths);
        if keep_backup {
            step = step.titled("no stop file of pgBackRest; backups are kept");
        } else if backup::is_local(member) {
            step = step.destroys(format!("deletes the backups of {} on {host}", member.name));
        }
        steps.push(step);
    }
    steps
}

/// Kept backups are found by the place where they are: the link to it goes with the data.
fn found_without_link(member: &Member, repository: &str) -> Step {
    let conf = "/etc/pgbackrest/pgbackrest.conf";
    Step::command(
        "pgsql/pg_backup/kept",
        member.addr,
        "pgBackRest finds the kept backups",
        format!(
            "grep -qsx 'repo1-path=/pg/backup' {conf} || exit 0\necho '{conf} names a link that is gone'; exit 1\n"
        ),
        format!("sed -i 's|^repo1-path=/pg/backup$|repo1-path={repository}/backup|' {conf}\n"),
    )
}

/// Proof that a node is clean: no process, no unit, no service file, no port.
fn nothing_left(members: &Members, member: &Member, keep_data: bool) -> Step {
    let data = if keep_data { "" } else { "[ -e /pg/data ] && left 'data directory /pg/data'\n" };
    let check = format!(
        "left() {{ echo \"left over: $*\"; bad=1; }}\nfor u in patroni pgbouncer postgres pg-vip; do systemctl is-active -q $u && left \"unit $u\"; done\npgrep -u postgres -f -- '-D /pg/data( |$)' >/dev/null && left \"process $(pgrep -u postgres -f -- '-D /pg/data( |$)' | head -1)\"\npgrep -f '/usr/bin/patroni ' >/dev/null && left 'process patroni'\nf=$(grep -ls '^# Managed by Paddock: cluster {}, service ' /etc/haproxy/conf.d/*.cfg /etc/haproxy/conf.d.previous/*.cfg 2>/dev/null); [ -z \"$f\" ] || left \"service file $f\"\n{data}for p in {} {} {}; do (exec 3<>/dev/tcp/{}/$p) 2>/dev/null && left \"something listens on port $p\"; done\nexit ${{bad:-0}}\n",
        members.name, member.pg_port, member.pgbouncer_port, member.patroni_port, member.addr
    );
    Step::wait(
        "pgsql/rm_verify/node",
        member.addr,
        &format!("nothing of {} is left on the node", member.name),
        check,
        15,
    )
}

/// No slot of a member that went holds WAL back. Patroni drops it by itself, if late (4.x: after `member_slots_ttl`).
fn slot_gone(member: &Member, gone: &Member) -> Step {
    let slot: String = gone
        .name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' })
        .collect();
    let psql = format!(
        "cd /\nsql() {{ runuser -u postgres -- psql -XAtq -p {} -d postgres -c \"$1\"; }}\n",
        member.pg_port
    );
    let step = Step::command(
        &format!("pgsql/rm_verify/slot-{}", gone.name),
        member.addr,
        &format!("no replication slot waits for {}", gone.name),
        format!(
            "{psql}n=$(sql \"SELECT count(*) FROM pg_replication_slots WHERE slot_name = '{slot}'\") || exit 2\n[ \"$n\" = 0 ] && exit 0\necho 'slot {slot} is left'; exit 1\n"
        ),
        format!(
            "{psql}sql \"SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = '{slot}' AND NOT active\" >/dev/null\n"
        ),
    );
    step.settle(60)
}

/// Standby clusters that follow who goes, and clones whose source's backups go.
fn warn_of_followers(
    ctx: &Context<'_>,
    cluster: &Cluster,
    going: &[&Member],
    backups_go: bool,
    made: &mut Made,
) {
    for other in ctx.inventory.clusters().values().filter(|other| other.name != cluster.name) {
        for one in &other.instances {
            let vars = ctx.vars(one.addr);
            let upstream = vars.text("pg_upstream").and_then(|ip| ip.parse::<NodeAddr>().ok());
            if let Some(gone) = going.iter().find(|gone| Some(gone.addr) == upstream) {
                made.warnings.push(warning("plan/loses-upstream", format!("Standby cluster `{}` follows {} ({}): it loses its upstream. Change its upstream or promote it first.", other.name, gone.name, gone.addr)));
                made.blast.push(("followed by".into(), format!("standby cluster {}", other.name)));
            }
            let source = vars.map("pg_pitr").and_then(|pitr| pitr.get("cluster")).map(Value::to_text);
            if backups_go && source.as_deref() == Some(cluster.name.as_str()) {
                made.warnings.push(warning("plan/loses-source", format!("`pg_pitr` of `{}` restores from the backups of `{}`, which are deleted. Keep them with `-e pg_rm_backup=false`.", other.name, cluster.name)));
            }
        }
    }
}

/// What an approver should know: who is connected, how much is there, what can be restored.
fn blast(ctx: &Context<'_>, cluster: &Cluster, going: &[&Member], whole: bool, made: &mut Made) {
    let mut say = |label: &str, value: String| made.blast.push((label.into(), value));
    let names: Vec<&str> = going.iter().map(|member| member.name.as_str()).collect();
    say(
        "removes",
        if whole { format!("all of {}: {}", cluster.name, names.join(", ")) } else { names.join(", ") },
    );
    for member in going {
        let Some(facts) = ctx.facts.known(member.addr) else { continue };
        if let Some(connections) = facts.connections {
            say("connected clients", format!("{connections} on {}", member.name));
        }
        if let Some(bytes) = facts.database_bytes {
            say("size of databases", format!("{} MiB on {}", bytes / 1_048_576, member.name));
        }
    }
    let newest = backup::newest_seen(ctx.inventory, ctx.facts, cluster);
    let backup_s = newest.as_ref().map(|(newest, _)| newest.stop_s);
    let said = newest.map_or_else(
        || "none that can be seen".to_owned(),
        |(newest, of)| format!("{}, ended {}, as {of} lists it", newest.label, moment(newest.stop_s)),
    );
    say("last backup", said);
    if whole {
        made.at_stake.push(AtStake { cluster: cluster.name.clone(), backup_s });
    }
}
