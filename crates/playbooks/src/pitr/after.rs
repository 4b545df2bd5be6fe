//! What may follow a restore: going on with it (archiving, a full backup), keeping it (the old data go), or undoing it.

use crate::pgsql::backup;
use crate::pgsql::members::{Member, Members};
use crate::pitr::handover;
use crate::pitr::restore::{POSTGRES, STATE, hash, stop_replica};
use crate::scripts::quote;
use crate::{Context, Refusal, Stage, Step};
use paddock_inventory::NodeAddr;

/// Archiving is on again, with the restart that it needs, and a full backup is made.
pub(crate) fn archive(members: &Members, on: &Member) -> Vec<Stage> {
    let mut stages = vec![super::stage(
        "Reset archive_mode",
        members.all.iter().map(|member| (member.addr, vec![reset(member)])),
    )];
    let others = members.all.iter().filter(|member| member.addr != on.addr);
    stages.push(Stage {
        serial: true,
        ..super::stage("Restart replicas", others.map(|member| (member.addr, vec![restart(members, member)])))
    });
    let mut primary = handover::stanza(members, on);
    primary.push(restart(members, on));
    stages.push(super::stage("Restart the primary", [(on.addr, primary)]));
    if backup::enabled(on) {
        let name = &members.name;
        let psql = format!("runuser -u postgres -- psql -XAtq -p {} -d postgres -c", on.pg_port);
        let arrives = Step::wait(
            "pgsql-pitr/archive/check",
            on.addr,
            "WAL arrives in the repository (pgbackrest check)",
            format!("cd /\nout=$(runuser -u postgres -- pgbackrest --stanza={name} --archive-timeout=30 check 2>&1) && exit 0\necho \"$out\" | tail -3; exit 1\n"),
            120,
        )
        .limit(90);
        // Older full backups are of the history that was left.
        let full = Step::command(
            "pgsql-pitr/archive/full",
            on.addr,
            "a full backup of the restored data exists",
            format!("cd /\nsince=$({psql} 'SELECT floor(extract(epoch FROM pg_postmaster_start_time()))::bigint') || exit 2\nrunuser -u postgres -- pgbackrest --stanza={name} --output=json info | python3 -c 'import json,sys; s=json.load(sys.stdin); sys.exit(0 if any(b[\"type\"]==\"full\" and not b.get(\"error\") and b[\"timestamp\"][\"start\"] >= int(sys.argv[1]) for x in s for b in x.get(\"backup\",[])) else 1)' \"$since\" && exit 0\necho 'there is no full backup since archiving is on again'; exit 1\n"),
            backup::make_full(members, on),
        )
        .limit(14_400);
        stages.push(super::stage("Full backup", [(on.addr, vec![arrives, full])]));
    }
    for step in stages.iter_mut().flat_map(|stage| stage.hosts.values_mut()).flatten() {
        *step = step.clone().tag("archive");
    }
    stages
}

fn reset(member: &Member) -> Step {
    let psql =
        format!("runuser -u postgres -- psql -XAtq -v ON_ERROR_STOP=1 -p {} -d postgres", member.pg_port);
    // Remembered, since going back to the old data is not possible once this timeline has been archived.
    let check = format!(
        "cd /\nn=$({psql} -c \"SELECT count(*) FROM pg_file_settings WHERE name = 'archive_mode' AND sourcefile LIKE '%postgresql.auto.conf'\") || exit 2\n[ \"$n\" = 0 ] && [ -e {STATE}/archived ] && exit 0\necho 'postgresql.auto.conf sets archive_mode'; exit 1\n"
    );
    let apply = format!(
        "cd /\n{psql} -c 'ALTER SYSTEM RESET archive_mode' -c 'SELECT pg_reload_conf()' >/dev/null && install -d -o postgres -g postgres -m 700 {STATE} && touch {STATE}/archived\n"
    );
    Step::command("pgsql-pitr/archive/reset", member.addr, "archive_mode is as Patroni has it", check, apply)
}

fn restart(members: &Members, member: &Member) -> Step {
    let psql = format!("runuser -u postgres -- psql -XAtq -p {} -d postgres", member.pg_port);
    let check = format!(
        "cd /\nmode=$({psql} -c 'SHOW archive_mode' 2>&1) || {{ echo \"$mode\"; exit 1; }}\n[ \"$mode\" != off ] && exit 0\necho 'archive_mode is off until PostgreSQL restarts'; exit 1\n"
    );
    let apply = format!(
        "cd / && patronictl -c /etc/patroni/patroni.yml restart {} {} --force </dev/null\n",
        quote(&members.name),
        quote(&member.name)
    );
    Step::command("pgsql-pitr/archive/restart", member.addr, "archive_mode is on", check, apply)
        .limit(300)
        .settle(60)
        .interrupts(format!("restarts PostgreSQL on {}", member.name))
}

/// The data of before the restore go.
pub(crate) fn confirm(members: &Members) -> Vec<Stage> {
    let step = |member: &Member| {
        Step::command(
            "pgsql-pitr/confirm/gone",
            member.addr,
            "no data of before the restore are kept",
            "for p in /pg/data-backup /pg/data-rolled-back; do [ -e $p ] && { echo \"$p is there\"; bad=1; }; done\nexit ${bad:-0}\n".into(),
            "rm -rf --one-file-system /pg/data-backup /pg/data-rolled-back\n".into(),
        )
        .limit(3600)
        .destroys(format!("deletes the data of {} from before the restore", members.name))
    };
    vec![super::stage(
        "Delete the old data",
        members.all.iter().map(|member| (member.addr, vec![step(member)])),
    )]
}

/// The data of before the restore are put back.
pub(crate) fn rollback(
    ctx: &Context<'_>,
    members: &Members,
    on: &Member,
    etcd: NodeAddr,
) -> Result<Vec<Stage>, Refusal> {
    let mark = super::restore::mark_of(ctx.facts.known(on.addr));
    let run = hash(&format!("rollback\n{}\n{mark}", members.name));
    let host = on.addr;
    let replicas: Vec<&Member> = members.all.iter().filter(|member| member.addr != host).collect();
    let done = format!("[ \"$(cat {STATE}/rolledback 2>/dev/null)\" = {run} ] && exit 0\n");
    let look = Step::wait(
        "pgsql-pitr/rollback/look",
        host,
        "the data of before the restore are there",
        format!(
            "{done}[ -e /pg/data-backup/PG_VERSION ] || {{ echo 'there is no /pg/data-backup: nothing was kept, or it was deleted by the tag confirm'; exit 1; }}\n[ ! -e {STATE}/archived ] || {{ echo 'archiving was turned on since, and the old data would begin the same timeline again'; exit 1; }}\nexit 0\n"
        ),
        0,
    );
    let mut stop = stop_replica(members, on, &run);
    stop.id.0 = "pgsql-pitr/rollback/stop".into();
    if let crate::Fact::Command { check, .. } = &mut stop.fact {
        *check = format!("{done}{check}");
    }
    let swap = Step::command(
        "pgsql-pitr/rollback/swap",
        host,
        &format!("{} has the data of before the restore", on.name),
        format!("{done}echo 'it has the restored data'; exit 1\n"),
        format!(
            "{POSTGRES}[ -z \"$(pids)\" ] || {{ echo 'PostgreSQL runs' >&2; exit 1; }}\n[ -e /pg/data-backup/PG_VERSION ] || {{ echo 'there is no /pg/data-backup' >&2; exit 1; }}\nif [ -e /pg/data ]; then\n  [ ! -e /pg/data-rolled-back ] || {{ echo '/pg/data-rolled-back is in the way' >&2; exit 1; }}\n  mv -T /pg/data /pg/data-rolled-back || exit 1\nfi\nmv -T /pg/data-backup /pg/data && rm -f {STATE}/restored {STATE}/reached {STATE}/promoted && echo {run} >{STATE}/rolledback\n"
        ),
    )
    .destroys(format!("deletes the restored data of {}", members.name));
    let gone = Step::command(
        "pgsql-pitr/rollback/gone",
        host,
        "the restored data are gone",
        "[ -e /pg/data-rolled-back ] || exit 0\necho '/pg/data-rolled-back is there'; exit 1\n".into(),
        "rm -rf --one-file-system /pg/data-rolled-back\n".into(),
    )
    .limit(3600);
    let mut stages = vec![
        super::stage("Look before anything stops", [(host, vec![look])]),
        super::stage(
            "Stop replicas",
            replicas.iter().map(|member| (member.addr, vec![stop_replica(members, member, &run)])),
        ),
        super::stage("Stop the primary", [(host, vec![stop])]),
        super::stage("Put the old data back", [(host, vec![swap])]),
        super::stage("Forget the restored cluster", [(etcd, vec![handover::forget(members, etcd, &run)])]),
    ];
    let mut before = handover::own_files(ctx, members, on)?;
    before.push(handover::config(members, on, "config"));
    before.extend(handover::stanza(members, on));
    before.extend(handover::primary(ctx, members, on)?);
    stages.push(super::stage("Primary", [(host, before)]));
    stages.extend(super::clones(ctx, members, &replicas, &run)?);
    stages.extend(super::rest(ctx, members)?);
    stages.push(super::stage("Delete the restored data", [(host, vec![gone])]));
    for step in stages.iter_mut().flat_map(|stage| stage.hosts.values_mut()).flatten() {
        *step = step.clone().tag("rollback");
    }
    stages.retain(|stage| !stage.hosts.is_empty());
    Ok(stages)
}
