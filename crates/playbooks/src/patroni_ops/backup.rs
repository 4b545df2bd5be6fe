//! `pg-backup`: a backup on the member that leads.

use super::{Seen, stage};
use crate::pgsql::{backup as pgbackrest, provision, repo_host};
use crate::planning::{Made, warning};
use crate::{BackupKind, Refusal, Step};

pub(super) fn backup(seen: &Seen<'_>, kind: BackupKind) -> Result<Made, Refusal> {
    let name = &seen.cluster.name;
    if seen.members.standby {
        return Err(seen.refuse(
            "plan/standby-cluster",
            format!("`{name}` is a standby cluster: its primary is elsewhere"),
            "back up the cluster that it follows",
        ));
    }
    let leader = seen.leader()?;
    if !pgbackrest::enabled(leader) {
        return Err(seen.refuse(
            "plan/no-backups",
            format!("`pgbackrest_enabled` is false for {}", leader.name),
            "set it to true, then run `pgsql.yml -t pgbackrest`",
        ));
    }
    // What is newest now; zero when nothing is there; none when no node was asked.
    let newest = match seen.ctx.facts.known(leader.addr) {
        None => None,
        Some(facts) => {
            let info = facts.backups.as_deref().ok_or_else(|| {
                seen.refuse(
                    "plan/no-stanza",
                    format!("pgBackRest on {} does not say what it has", leader.addr),
                    format!(
                        "run `pgbackrest info` there; prepare it with `pgsql.yml -l {name} -t pgbackrest`"
                    ),
                )
            })?;
            if !pgbackrest::has_stanza(info, name.as_str()) {
                return Err(seen.refuse(
                    "plan/no-stanza",
                    format!("the repository of {} has no stanza `{name}`", leader.name),
                    format!("make it: `pgsql.yml -l {name} -t pgbackrest`"),
                ));
            }
            Some(pgbackrest::newest(info, name.as_str()).map_or(0, |newest| newest.stop_s))
        }
    };
    let kinds = match kind {
        BackupKind::Full => "full",
        // The first of all, and the first in a new repository, is full whatever was asked.
        BackupKind::Diff => "full diff",
        BackupKind::Incr => "full diff incr",
    };
    let since = newest.map_or_else(String::new, |newest| newest.to_string());
    let check = format!(
        "[ -n '{since}' ] || {{ echo 'what backups there were was not known at planning: plan again while the node answers' >&2; exit 2; }}\n{}",
        listing(name.as_str(), &since, kinds)
    );
    let apply = format!(
        "cd / && set -o pipefail\nrunuser -u postgres -- {} --stanza={name} --type={} --log-level-console=detail backup 2>&1 | awk '\n  match($0, /, [0-9.]+%\\)/) {{ p = int(substr($0, RSTART + 2)); if (p != last) {{ last = p; print \"::progress \" p \" 100 %\"; fflush() }} next }}\n  / DETAIL: / {{ next }}\n  {{ print; fflush(); if (/ERROR/) print >\"/dev/stderr\" }}'\n",
        repo_host::at_repository(leader),
        kind.as_str()
    );
    let leads = provision::leads(&seen.members, leader);
    let step = Step::command(
        "pg/backup/backup",
        leader.addr,
        &format!("there is a new {} backup of {name}", kind.as_str()),
        check,
        apply,
    )
    .limit(86_400);
    let sound = Step::wait(
        "pg/backup/info",
        leader.addr,
        "pgBackRest lists it without an error",
        listing(name.as_str(), if since.is_empty() { "0" } else { &since }, kinds),
        10,
    );
    let mut made =
        Made { stages: vec![stage("Back up", leader, vec![leads, step, sound])], ..Made::default() };
    if newest == Some(0) && kind != BackupKind::Full {
        made.warnings.push(warning(
            "plan/first-is-full",
            format!(
                "The repository of {} has no backup of `{name}` yet: this one becomes a full one.",
                leader.name
            ),
        ));
    }
    Ok(made)
}

/// Bash that holds when a sound backup of one of these kinds ended after `since`, and says what it is.
fn listing(stanza: &str, since: &str, kinds: &str) -> String {
    format!(
        r#"cd /
info=$(runuser -u postgres -- pgbackrest --stanza={stanza} --output=json info) || exit 2
printf '%s' "$info" | python3 -c '
import json, sys
since, kinds = int(sys.argv[1]), sys.argv[2].split()
all = sorted((b for s in json.load(sys.stdin) for b in s.get("backup", []) if not b.get("error")), key=lambda b: b["timestamp"]["stop"])
new = [b for b in all if b["timestamp"]["stop"] > since and b["type"] in kinds]
if not new: print("the newest backup is " + (all[-1]["label"] if all else "none at all")); sys.exit(1)
b = new[-1]
print("%s: %s, %d bytes of database, %d in the repository, WAL %s to %s" % (b["label"], b["type"], b["info"]["size"], b["info"]["repository"]["delta"], b["archive"]["start"], b["archive"]["stop"]))
' '{since}' '{kinds}'
"#
    )
}
