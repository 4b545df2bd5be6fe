//! From a promoted PostgreSQL to a cluster under Patroni: the DCS forgets, the primary starts, replicas are cloned.

use crate::etcd::ETCDCTL_ENV;
use crate::params::text;
use crate::pgsql::hba::{self, Target};
use crate::pgsql::members::{Member, Members};
use crate::pgsql::{backup, pooler, provision, steps};
use crate::pitr::restore::{SHOW_CONFIG, STATE, wipe};
use crate::scripts::{aside, quote, whole};
use crate::{Context, Refusal, Step};
use paddock_inventory::NodeAddr;

/// A step of `pgsql.yml` that this play runs, too: its id must not be met twice on a host, and it answers to `up`.
pub(crate) fn again(mut step: Step) -> Step {
    if let Some(rest) = step.id.0.strip_prefix("pgsql/") {
        step.id.0 = format!("pgsql-pitr/{rest}");
    }
    step.tag("up")
}

/// With the trailing slash, or /pg/pg-test would match /pg/pg-test2/… too.
fn prefix(members: &Members) -> String {
    let namespace = members
        .all
        .first()
        .map_or_else(|| "/pg".to_owned(), |first| text(&first.vars, "pg_namespace", "/pg"));
    format!("{}/{}/", namespace.trim_end_matches('/'), members.name)
}

/// The DCS forgets leader, members, history and system id, and keeps the dynamic configuration. `run` is left there as
/// the sign that it was done: later the same keys are those of the restored cluster.
pub(crate) fn forget(members: &Members, host: NodeAddr, run: &str) -> Step {
    let prefix = prefix(members);
    let lib =
        format!("{ETCDCTL_ENV}ctl() {{ etcdctl --command-timeout=5s \"$@\"; }}\np={}\n", quote(&prefix));
    let check = format!(
        "{lib}out=$(ctl get --print-value-only \"${{p}}paddock\") || exit 2\n[ \"$out\" = {run} ] && exit 0\necho 'the DCS has the keys of the old cluster'; exit 1\n"
    );
    let apply = format!(
        "{lib}keys=$(ctl get --prefix --keys-only \"$p\") || exit 1\nprintf '%s\\n' \"$keys\" | grep . | grep -vxF \"${{p}}config\" | while read -r key; do ctl del \"$key\" >/dev/null || exit 1; done || exit 1\nctl put \"${{p}}paddock\" {run} >/dev/null\n"
    );
    Step::command(
        "pgsql-pitr/up/dcs",
        host,
        &format!("the DCS has forgotten the old {}", members.name),
        check,
        apply,
    )
    .tag("etcd")
    .tag("pg_meta")
}

/// The saved dynamic configuration without what would make it a standby cluster or keep it paused.
pub(crate) fn config(members: &Members, member: &Member, id: &str) -> Step {
    let wanted = format!(
        "[ -s {STATE}/dynamic.json ] || exit 0\nwant=$(python3 -c 'import json,sys; c=json.load(sys.stdin) or dict(); c.pop(\"standby_cluster\", None); c.pop(\"pause\", None); print(json.dumps(c or None, sort_keys=True))' <{STATE}/dynamic.json) || exit 2\nhave={SHOW} || exit 2\n[ \"$want\" != null ] || exit 0\n",
        SHOW = format_args!("$( {SHOW_CONFIG} )")
    );
    let check = format!(
        "{wanted}[ \"$want\" != \"$have\" ] || exit 0\n[ \"$have\" != null ] || {{ echo 'the DCS has no configuration yet: Patroni writes its own first'; exit 0; }}\ndiff -u --label now --label saved <(printf '%s' \"$have\" | python3 -m json.tool) <(printf '%s' \"$want\" | python3 -m json.tool); exit 1\n"
    );
    let apply = format!(
        "{wanted}umask 077; printf '%s' \"$want\" >{STATE}/wanted.json || exit 1\ncd / && patronictl -c /etc/patroni/patroni.yml edit-config --force --replace {STATE}/wanted.json </dev/null >/dev/null\n"
    );
    let title = format!("the dynamic configuration of {} is as it was", members.name);
    Step::command(&format!("pgsql-pitr/up/{id}"), member.addr, &title, check, apply).tag("resume").settle(10)
}

/// Files of the data directory that came from the source, made the cluster's own while PostgreSQL is off.
pub(crate) fn own_files(ctx: &Context<'_>, members: &Members, member: &Member) -> Result<Vec<Step>, Refusal> {
    let host = member.addr;
    let rules = hba::render(ctx, members, member, Target::Postgres)?;
    Ok(vec![
        Step::command(
            "pgsql-pitr/up/cache",
            host,
            "Patroni has no cache of a former configuration, and no role is taken for applied",
            "systemctl is-active -q patroni && exit 0\nls /pg/data/patroni.dynamic.json /etc/paddock/roles/*.sha256 2>/dev/null | grep . && exit 1\nexit 0\n".into(),
            "rm -f /pg/data/patroni.dynamic.json /etc/paddock/roles/*.sha256\n".into(),
        )
        .tag("primary"),
        Step::file("pgsql-pitr/up/pg_hba.conf", host, "/pg/data/pg_hba.conf", rules)
            .owner("postgres:postgres")
            .mode(0o600)
            .titled("pg_hba.conf has the declared rules")
            .tag("pg_hba"),
    ])
}

/// postgresql.auto.conf without the recovery that is over, and with archiving off until somebody has looked.
pub(crate) fn auto_conf(member: &Member, archive: bool) -> Step {
    let off = if archive { "" } else { "archive_mode = 'off'\n" };
    let declared = steps::auto_conf(member);
    let base = match &declared {
        Some(_) => "base=$(cat)\n",
        None => {
            "base=$(grep -vE '^[[:space:]]*(restore_command|recovery_[a-z_]+|archive_cleanup_command|primary_conninfo|primary_slot_name|promote_trigger_file|archive_mode)[[:space:]]*=|^# (Recovery settings|Removed by) |^$' $f 2>/dev/null)\n"
        }
    };
    let lib = format!(
        "f=/pg/data/postgresql.auto.conf\n{base}want=$(printf '%s\\n' \"$base\" {} | grep .)\n",
        quote(off.trim_end())
    );
    let check = format!(
        "{lib}{}diff -u --label $f --label $f <(grep . $f 2>/dev/null) <(printf '%s\\n' \"$want\" | grep .) && whole && exit 0\nexit 1\n",
        whole("$f")
    );
    let apply = format!(
        "{lib}umask 077\n{}printf '%s\\n' \"$want\" >\"$new\" && chown postgres:postgres \"$new\" && mv -f \"$new\" $f\n",
        aside("$f")
    );
    let title = if archive {
        "postgresql.auto.conf has nothing of the recovery left"
    } else {
        "postgresql.auto.conf has nothing of the recovery left, and archive_mode off"
    };
    let step = Step::command("pgsql-pitr/up/auto.conf", member.addr, title, check, apply);
    match declared {
        Some(content) => step.stdin(content),
        None => step,
    }
}

/// The stanza is of the database that runs here: a clone brings the system id of its source.
pub(crate) fn stanza(members: &Members, member: &Member) -> Vec<Step> {
    if !backup::enabled(member) {
        return Vec::new();
    }
    vec![backup::stanza_of_the_database(members, member, "pgsql-pitr/up/stanza")]
}

/// Patroni on the restored member, until it leads; then what is inside.
pub(crate) fn primary(ctx: &Context<'_>, members: &Members, member: &Member) -> Result<Vec<Step>, Refusal> {
    let mut out: Vec<Step> = steps::launch_primary(members, member).into_iter().map(again).collect();
    let check = format!(
        "exec 3<>/dev/tcp/{a}/{p} || {{ echo 'Patroni does not answer'; exit 1; }}\nprintf 'GET /primary HTTP/1.0\\r\\n\\r\\n' >&3\nread -r -t 5 _ code _ <&3\n[ \"$code\" = 200 ] && exit 0\necho '{name} does not lead yet'; exit 1\n",
        a = member.addr,
        p = member.patroni_port,
        name = member.name
    );
    out.push(
        Step::wait("pgsql-pitr/up/leads", member.addr, &format!("{} leads", member.name), check, 180)
            .tag("primary"),
    );
    out.push(config(members, member, "config-again"));
    out.extend(
        steps::hba(ctx, members, member)?
            .into_iter()
            .filter(|step| !step.id.0.contains("/pg_param/"))
            .map(again),
    );
    out.extend(provision::roles(members, member).into_iter().map(again));
    Ok(out)
}

/// A replica is cloned from the restored primary.
pub(crate) fn replica(
    ctx: &Context<'_>,
    members: &Members,
    member: &Member,
    run: &str,
) -> Result<Vec<Step>, Refusal> {
    let mut out = vec![wipe(members, member, run, super::is_fresh(ctx, member))];
    out.extend(steps::launch_replica(members, member).into_iter().map(again));
    out.extend(
        steps::hba(ctx, members, member)?
            .into_iter()
            .filter(|step| !step.id.0.contains("/pg_param/"))
            .map(again),
    );
    if backup::is_local(member) {
        out.extend(stanza(members, member));
    }
    Ok(out)
}

/// The pooler knows the hashes that came with the data.
pub(crate) fn pooler(ctx: &Context<'_>, members: &Members, member: &Member) -> Result<Vec<Step>, Refusal> {
    Ok(pooler::steps(ctx, members, member)?.into_iter().map(again).collect())
}
