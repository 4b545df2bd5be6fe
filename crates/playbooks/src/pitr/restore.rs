//! Steps on the member that is restored: look, save, stop, restore, recover to the target, promote.
//!
//! What was done is remembered in /pg/conf/pitr by a mark of this restore, so that a job that was cut short goes on
//! where it was and never restores over what it has restored. The mark holds what was in the data directory when the
//! plan was made: the same restore asked for again later is another one.

use crate::pgsql::members::{Member, Members};
use crate::pgsql::repo_host;
use crate::pitr::fetch;
use crate::pitr::target::{AtTarget, Spec, Target};
use crate::scripts::quote;
use crate::{Facts, Step};
use paddock_inventory::{Map, NodeAddr};
use sha2::{Digest as _, Sha256};

/// One restore, ready to be written as steps.
pub(crate) struct Restore<'a> {
    pub(crate) members: &'a Members,
    /// Who is restored; the others are cloned from it.
    pub(crate) on: &'a Member,
    /// Source stanza.
    pub(crate) source: String,
    pub(crate) spec: &'a Spec,
    /// `--set`, when one was given or chosen.
    pub(crate) set: Option<String>,
    /// Old data go to /pg/data-backup instead of being overwritten.
    pub(crate) keep: bool,
    /// The member had no data when the plan was made: what is overwritten is a database that the plan itself creates.
    pub(crate) fresh: bool,
    /// Bytes to restore, when known.
    pub(crate) size: Option<u64>,
    /// `Facts::data_mark` of the restored member; empty when there were no data.
    pub(crate) before: String,
    /// The play's tags: a play of some tags is another run than a play of all.
    pub(crate) tags: String,
    /// Content of /pg/conf/pitr.conf.
    pub(crate) conf: String,
}

/// Where the state of a restore is kept.
pub(crate) const STATE: &str = "/pg/conf/pitr";

/// Finds and ends the PostgreSQL of /pg/data, whoever started it.
pub(crate) const POSTGRES: &str = r#"pids() { pgrep -u postgres -f -- '-D /pg/data( |$)'; }
stop_postgres() {
  cd /
  if [ -n "$(pids)" ]; then
    runuser -u postgres -- /usr/pgsql/bin/pg_ctl -D /pg/data -m fast -w -t 120 stop || runuser -u postgres -- /usr/pgsql/bin/pg_ctl -D /pg/data -m immediate -w -t 30 stop || true
  fi
  for i in 1 2 3 4 5; do [ -z "$(pids)" ] && break; sleep 1; done
  [ -z "$(pids)" ] || { echo "PostgreSQL does not stop: process $(pids | head -n 1)" >&2; return 1; }
  rm -f /pg/data/postmaster.pid
}
"#;

/// `pitr.conf`: the source's repository under the source's name, and the target's data directory.
pub(crate) fn conf(repo: Option<&Map>, source: &str, port: u16, processes: i64, log: &str) -> String {
    let mut lines = String::new();
    match repo {
        Some(map) => lines += &repo_host::lines(map, source),
        None => lines += "repo1-path=/pg/backup\n",
    }
    format!(
        "# Managed by Paddock\n[global]\n{lines}log-path={log}\nlog-level-file=info\nlog-level-console=warn\nlock-path=/tmp/pgbackrest\nprocess-max={processes}\n\n[{source}]\npg1-path=/pg/data\npg1-port={port}\npg1-socket-path=/var/run/postgresql\n"
    )
}

impl Restore<'_> {
    fn port(&self) -> u16 {
        self.spec.port.unwrap_or(self.on.pg_port)
    }

    /// The arguments of `pgbackrest restore`, one by one.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let spec = self.spec;
        let mut out = vec![
            "--config=/pg/conf/pitr.conf".to_owned(),
            format!("--stanza={}", self.source),
            "--delta".to_owned(),
        ];
        if spec.target != Target::Latest {
            out.push(format!("--type={}", spec.target.kind()));
        }
        out.extend(spec.target.value().map(|value| format!("--target={value}")));
        if spec.exclusive {
            out.push("--target-exclusive".to_owned());
        }
        if spec.target.is_awaited() && spec.action == AtTarget::Promote {
            out.push("--target-action=promote".to_owned());
        }
        out.extend(spec.timeline.as_ref().map(|line| format!("--target-timeline={line}")));
        out.extend(self.set.as_ref().map(|set| format!("--set={set}")));
        // Off until somebody has looked at the data; the recovery itself never archives in any case.
        out.push(format!("--archive-mode={}", if spec.archive { "preserve" } else { "off" }));
        out.extend(spec.db_include.iter().map(|db| format!("--db-include={db}")));
        out.extend(spec.db_exclude.iter().map(|db| format!("--db-exclude={db}")));
        out.extend(spec.link_map.iter().map(|(name, path)| format!("--link-map={name}={path}")));
        out.push(fetch::argument());
        out.push("restore".to_owned());
        out
    }

    /// Stands for what is restored.
    fn what(&self) -> String {
        hash(&self.arguments().join("\n"))
    }

    /// Stands for this run: what is restored, over what, by which tags.
    pub(crate) fn run(&self) -> String {
        hash(&format!("{}\n{}\n{}", self.what(), self.before, self.tags))
    }

    /// Shell functions that tell how far this restore is.
    fn state(&self) -> String {
        format!(
            "d={STATE}; what={what}; before={before}\nmark() {{ stat -c '%i.%Z' /pg/data/PG_VERSION 2>/dev/null || echo none; }}\nhere() {{ [ -e $d/restored ] && [ \"$(cut -d' ' -f1,3 $d/restored)\" = \"$what $(mark)\" ]; }}\nrestored() {{ here && [ \"$(cut -d' ' -f2 $d/restored)\" = \"$before\" ]; }}\nreached() {{ here && [ \"$(cat $d/reached 2>/dev/null)\" = \"$what $(mark)\" ]; }}\npromoted() {{ here && [ \"$(cut -d' ' -f1,2 $d/promoted 2>/dev/null)\" = \"$what $(mark)\" ]; }}\n",
            what = self.what(),
            before = quote(if self.before.is_empty() { "none" } else { &self.before }),
        )
    }

    fn step(&self, id: &str, title: &str, check: String, apply: String) -> Step {
        Step::command(&format!("pgsql-pitr/{id}"), self.on.addr, title, check, apply)
    }

    /// Configuration, and everything that can be known before PostgreSQL stops.
    pub(crate) fn look(&self) -> Vec<Step> {
        let host = self.on.addr;
        let mut steps = vec![
            Step::directory("pgsql-pitr/config/dir", host, STATE, "postgres:postgres", 0o700).tag("pitr"),
            Step::file("pgsql-pitr/config/pitr.conf", host, "/pg/conf/pitr.conf", self.conf.as_str())
                .owner("postgres:postgres")
                .mode(0o600)
                .secret()
                .titled("pgBackRest's configuration for this restore")
                .tag("pitr")
                .tag("always"),
            fetch::step(host, &self.source),
        ];
        if self.keep {
            let state = self.state();
            let check = format!(
                "{state}[ -e /pg/data-backup ] || exit 0\nif [ $before != none ] && [ \"$(mark)\" != $before ]; then exit 0; fi\necho '/pg/data-backup is left from an earlier restore: delete it with the tag confirm, or go back to it with the tag rollback'; exit 1\n"
            );
            let step = Step::wait(
                "pgsql-pitr/check/aside",
                host,
                "no data of an earlier restore are left aside",
                check,
                0,
            );
            steps.push(step.tag("pitr").tag("backup"));
        }
        let step = Step::wait(
            "pgsql-pitr/check/source",
            host,
            &format!("the repository of {} can serve the target", self.source),
            self.can_serve(),
            30,
        );
        steps.push(step.tag("pitr").tag("down"));
        steps
    }

    /// The repository is asked again, on the node that will read it.
    fn can_serve(&self) -> String {
        let (time, lsn) = match &self.spec.target {
            Target::Time { at_us: Some(at), .. } => (at.to_string(), String::new()),
            Target::Lsn(lsn) => (String::new(), lsn.to_string()),
            Target::Latest | Target::Immediate | Target::Time { .. } | Target::Xid(_) | Target::Name(_) => {
                (String::new(), String::new())
            }
        };
        let state = self.state();
        format!(
            r#"{state}restored && exit 0
have=$(/usr/pgsql/bin/postgres -V | sed 's/[^0-9]*\([0-9]*\).*/\1/')
used=0; [ ! -d /pg/data ] || {keep} || used=$(du -sb /pg/data | cut -f1)
free=$(df -PB1 "$(readlink -f /pg/)" | awk 'NR == 2 {{ print $4 }}')
cd /
python3 - {source} "$have" {set} "{time}" "{lsn}" "$free" "$used" <<'PADDOCK'
import json, subprocess, sys, time
source, have, label, at, lsn, free, used = sys.argv[1:]
ran = subprocess.run(["runuser", "-u", "postgres", "--", "pgbackrest", "--config=/pg/conf/pitr.conf", "--stanza=" + source, "--output=json", "--log-level-console=off", "info"], capture_output=True, text=True)
def bad(why): print(why); sys.exit(1)
try: stanza = json.loads(ran.stdout)[0]
except Exception: bad("the repository cannot be read: " + (ran.stderr or ran.stdout).strip())
status = stanza.get("status", {{}})
if not stanza.get("db"): bad(f"the repository has no stanza {{source}}: {{status.get('message')}}")
db = max(stanza["db"], key=lambda one: one["id"])
if db["version"] != have: bad(f"the backups are of PostgreSQL {{db['version']}}, and this node has {{have}}")
own = [b for b in stanza["backup"] if b["database"]["id"] == db["id"] and not b.get("error")]
if not own: bad(f"the repository has no backup of {{source}}")
if label: own = [b for b in own if b["label"] == label] or bad(f"backup {{label}} is not there any more")
if at:
    if int(at) > time.time() * 1e6: bad("the target time is in the future")
    own = [b for b in own if b["timestamp"]["stop"] * 1000000 < int(at)] or bad("no backup ended before the target time")
if lsn:
    number = lambda text: (int(text.split("/")[0], 16) << 32) + int(text.split("/")[1], 16)
    own = [b for b in own if "lsn" not in b or number(b["lsn"]["stop"]) <= int(lsn)] or bad("no backup ended before the target LSN")
    last = max((a["max"] for a in stanza["archive"] if a["database"]["id"] == db["id"] and a.get("max")), default=None)
    if last and int(lsn) > (int(last[8:16], 16) << 32) + ((int(last[16:], 16) + 1) << 24): bad(f"the archive ends with {{last}}, before the target LSN")
size = own[-1].get("info", {{}}).get("size", 0)
if size > int(free) + int(used): bad(f"{{size}} bytes are to be restored, and {{free}} are free")
PADDOCK
"#,
            keep = self.keep,
            source = quote(&self.source),
            set = quote(self.set.as_deref().unwrap_or_default()),
        )
    }

    /// Patroni's dynamic configuration, kept as a file.
    pub(crate) fn save(&self) -> Step {
        let run = self.run();
        let check = format!(
            "{}restored && exit 0\n[ -s {STATE}/dynamic.json ] && [ \"$(cat {STATE}/dynamic.run 2>/dev/null)\" = {run} ] && exit 0\necho 'is not saved yet'; exit 1\n",
            self.state()
        );
        // patronictl reads the DCS itself, so a dead cluster's configuration is saved, too.
        let apply = format!(
            "cd {STATE} && umask 077\n{SHOW_CONFIG} >new.json || {{ echo 'the dynamic configuration cannot be read from the DCS' >&2; exit 1; }}\nchown postgres:postgres new.json && mv -f new.json dynamic.json && echo {run} >dynamic.run\n"
        );
        self.step("down/save", "the dynamic configuration is saved in /pg/conf/pitr", check, apply)
            .tag("pause")
    }

    /// Automatic failover is off while members stop.
    pub(crate) fn pause(&self) -> Step {
        let check = format!(
            "{}restored && exit 0\nsystemctl is-active -q patroni || exit 0\nconfig=$( {SHOW_CONFIG} ) || exit 2\n[ \"$config\" != null ] || exit 0\nprintf '%s' \"$config\" | python3 -c 'import json,sys; sys.exit(0 if json.load(sys.stdin).get(\"pause\") else 1)' && exit 0\necho 'automatic failover is on'; exit 1\n",
            self.state()
        );
        self.step(
            "down/pause",
            "automatic failover is paused",
            check,
            "cd / && patronictl -c /etc/patroni/patroni.yml pause --wait </dev/null\n".into(),
        )
        .tag("pause")
        .settle(15)
    }

    /// Patroni and PostgreSQL of the restored member are off, and stay off when the node restarts.
    pub(crate) fn stop(&self) -> Step {
        let check = format!("{}restored && exit 0\n{IS_OFF}", self.state());
        self.step("down/stop", &format!("Patroni and PostgreSQL are off on {}", self.on.name), check, off())
            .limit(300)
            .tag("stop")
            .tag("stop_patroni")
            .tag("stop_postgres")
            .interrupts(format!("stops PostgreSQL of {}", self.members.name))
    }

    /// Old data out of the way, then pgBackRest. `destroys` says what is lost, if anything is.
    pub(crate) fn restore(&self, destroys: String) -> Vec<Step> {
        let mut steps = Vec::new();
        let name = &self.on.name;
        if self.keep {
            let check = format!(
                "{}restored && exit 0\n[ $before = none ] || [ \"$(mark)\" != $before ] && exit 0\necho 'the old data are in place'; exit 1\n",
                self.state()
            );
            let apply = format!(
                "{POSTGRES}[ -z \"$(pids)\" ] || {{ echo 'PostgreSQL runs' >&2; exit 1; }}\n[ ! -e /pg/data-backup ] || {{ echo '/pg/data-backup is in the way' >&2; exit 1; }}\nmv -T /pg/data /pg/data-backup && install -d -o postgres -g postgres -m 700 /pg/data\n"
            );
            steps.push(
                self.step(
                    "backup/aside",
                    &format!("the old data of {name} are in /pg/data-backup"),
                    check,
                    apply,
                )
                .tag("pitr"),
            );
        }
        let check = format!(
            "{}restored && exit 0\necho {}; exit 1\n",
            self.state(),
            quote(&format!("would run: pgbackrest {}", self.command()))
        );
        let total = self.size.map_or_else(|| "-".to_owned(), |size| size.to_string());
        let apply = format!(
            "{state}{POSTGRES}[ -z \"$(pids)\" ] || {{ echo 'PostgreSQL runs' >&2; exit 1; }}\ncd /\nrm -f $d/restored $d/reached $d/promoted /pg/data/postmaster.pid\n[ -d /pg/data ] || install -d -o postgres -g postgres -m 700 /pg/data\n( while sleep 2; do echo \"::progress $(du -sb /pg/data 2>/dev/null | cut -f1) {total} bytes\"; done ) & watch=$!\ntrap 'kill $watch 2>/dev/null' EXIT\n{end}runuser -u postgres -- pgbackrest --log-level-console=info {} || exit 1\necho \"$what $before $(mark)\" >$d/restored\n",
            self.command(),
            state = self.state(),
            end = self.end_of_archive(),
        );
        let files = self
            .step(
                "restore/files",
                &format!("{name} has the files of {} from the repository", self.source),
                check,
                apply,
            )
            .limit(86_400)
            .tag("pitr");
        steps.push(if self.fresh { files } else { files.destroys(destroys) });
        steps
    }

    /// Whether recovery goes as far as there is WAL. PostgreSQL promotes at the first segment that it does not get (its
    /// manual, "Recovering Using a Continuous Archive Backup"), be it that the archive has a gap.
    fn goes_to_the_end(&self) -> bool {
        self.spec.target == Target::Latest && self.spec.timeline.is_none()
    }

    /// Bash that remembers the newest segment of the archive of the backup's database. Before the recovery: a source that
    /// runs archives on.
    fn end_of_archive(&self) -> String {
        if !self.goes_to_the_end() {
            return "rm -f $d/archive-end\n".into();
        }
        format!(
            r#"info=$(runuser -u postgres -- pgbackrest --config=/pg/conf/pitr.conf --stanza={source} --output=json --log-level-console=error info) || exit 1
printf '%s' "$info" | python3 -c '
import json, sys
stanza, label = json.load(sys.stdin)[0], sys.argv[1]
sound = [b for b in stanza["backup"] if not b.get("error") and label in ("", b["label"])]
used = max(sound, key=lambda b: b["timestamp"]["stop"])["database"]["id"] if sound else None
print(max((a["max"] for a in stanza["archive"] if a["database"]["id"] == used and a.get("max")), default=""))' {set} >$d/archive-end || exit 1
"#,
            source = quote(&self.source),
            set = quote(self.set.as_deref().unwrap_or_default()),
        )
    }

    /// Bash that fails when recovery ended before the end of the archive; what it made goes then, so that a resume restores
    /// anew.
    fn got_to_the_end(&self) -> &'static str {
        if !self.goes_to_the_end() {
            return "";
        }
        r##"wal=$(cat $d/archive-end) || exit 1
cd /pg/data/pg_wal || exit 1
new=$(sql 'SELECT timeline_id FROM pg_control_checkpoint()') || exit 1
size=$(sql "SELECT setting FROM pg_settings WHERE name = 'wal_segment_size'") || exit 1
python3 - "$wal" "$(printf '%08X' "$new").history" "$size" <<'PADDOCK' || { grep -aE -A 1 'ERROR: \[' $log | tail -n 4 >&2; stop_postgres; rm -f $d/restored; exit 1; }
import sys
wal, history, size = sys.argv[1], sys.argv[2], int(sys.argv[3])
# Its last line has the timeline that was recovered and where it was left.
line, at = [one.split() for one in open(history) if one.strip() and not one.startswith("#")][-1][:2]
high, low = (int(part, 16) for part in at.split("/"))
if wal:
    begins = (int(wal[8:16], 16) << 32) + int(wal[16:24], 16) * size
    if int(line) < int(wal[:8], 16) or (high << 32) + low <= begins:
        sys.exit(f"recovery ended at {at} of timeline {line}, and the archive goes on to {wal}: a segment before that could not be fetched, and what was committed after it would be lost. Look at the repository, then resume: it restores anew.")
print(f"recovered to {at} of timeline {line}; the newest segment that was archived is {wal or 'none'}")
PADDOCK
"##
    }

    fn command(&self) -> String {
        self.arguments().iter().map(|argument| quote(argument)).collect::<Vec<_>>().join(" ")
    }

    /// Starts PostgreSQL for nobody but us, and waits for the target. `reach` succeeds when recovery has stopped at the
    /// target or is over, and fails when PostgreSQL ended before.
    fn recovery(&self) -> String {
        let action = if self.spec.action == AtTarget::Promote { "promote" } else { "pause" };
        let paused = if self.members.version >= 14 {
            "pg_get_wal_replay_pause_state() = 'paused'"
        } else {
            "pg_is_wal_replay_paused()"
        };
        // A socket that only root and postgres reach: no client sees the data before they are validated.
        format!(
            r#"{state}{POSTGRES}cd /
log=/pg/tmp/recovery.log
sql() {{ runuser -u postgres -- psql -XAtq -h {STATE} -p {port} -d postgres -v ON_ERROR_STOP=1 -c "$1"; }}
start() {{
  [ -z "$(pids)" ] || return 0
  rm -f $log
  printf 'local all postgres peer\n' >{STATE}/hba.conf && chown postgres:postgres {STATE}/hba.conf || return 1
  runuser -u postgres -- /usr/pgsql/bin/pg_ctl -D /pg/data -l $log -W -s -o "-c archive_mode=off -c hot_standby=on -c recovery_target_action={action} -c listen_addresses='' -c unix_socket_directories={STATE} -c port={port} -c hba_file={STATE}/hba.conf -c logging_collector=off -c log_destination=stderr -c log_min_messages=warning -c lc_messages=C -c ssl=off -c cluster_name=pitr" start
}}
where() {{ sql "SELECT CASE WHEN NOT pg_is_in_recovery() THEN 'over' WHEN {paused} THEN 'paused' ELSE 'replaying' END || ' ' || coalesce(pg_last_wal_replay_lsn()::text, '-') || ' ' || coalesce(pg_last_xact_replay_timestamp()::text, '-')" 2>/dev/null; }}
reach() {{
  start || return 1
  local said= now= n=0
  while sleep 0.5; do
    if [ -z "$(pids)" ]; then
      sleep 1; [ -z "$(pids)" ] || continue
      grep -aF '{unfetched}' $log | tail -n 1 >&2
      grep -aE 'ERROR: \[' $log | tail -n 1 >&2
      grep -aF '{absent}' $log | tail -n 3 >&2
      # Every look of ours while it starts is a FATAL of its own.
      grep -aE 'FATAL|PANIC' $log | grep -avE 'the database system is (not yet accepting connections|starting up|shutting down)' | tail -n 3 >&2
      runuser -u postgres -- /usr/pgsql/bin/pg_controldata /pg/data | sed -nE 's/^Minimum recovery ending location: */the data are replayed to /p; s/^Min recovery ending loc.s timeline: */of timeline /p' | paste -sd ' ' >&2
      grep -q 'recovery ended before configured recovery target was reached' $log && echo 'the target was not found in the WAL archive: it is later than the last archived WAL, or it never was on this timeline' >&2
      echo "PostgreSQL ended in recovery; its log is $log" >&2; return 1
    fi
    now=$(where) || continue
    case "$now" in
      over*) echo "recovery is $now"; return 0;;
      paused*)
        grep -q 'pausing at the end of recovery' $log && {{ echo "recovery is $now"; return 0; }}
        # PostgreSQL pauses before the target, too, when a setting is lower than it was on the source.
        grep -q 'insufficient parameter settings' $log && {{ grep -A 1 'insufficient parameter settings' $log >&2; stop_postgres; return 1; }};;
    esac
    n=$((n + 1)); [ "$now" = "$said" ] || [ $((n % 20)) != 1 ] || {{ echo "$now"; said=$now; }}
  done
}}
"#,
            state = self.state(),
            port = self.port(),
            absent = fetch::ABSENT,
            unfetched = fetch::UNFETCHED,
        )
    }

    /// PostgreSQL has replayed to the target: not merely to consistency.
    pub(crate) fn reach(&self) -> Step {
        let check = format!(
            "{}promoted && exit 0\nhere || {{ echo 'nothing was restored yet by this restore'; exit 1; }}\nreached && exit 0\necho 'the target is not reached yet'; exit 1\n",
            self.state()
        );
        let down = if self.spec.action == AtTarget::Shutdown { "stop_postgres || exit 1\n" } else { "" };
        let apply = format!(
            "{}here || {{ echo 'nothing was restored by this restore' >&2; exit 1; }}\nreach || exit 1\n{end}runuser -u postgres -- /usr/pgsql/bin/pg_controldata /pg/data | grep -E 'TimeLineID:|NextXID:|time of latest checkpoint:|system identifier:'\n{down}echo \"$what $(mark)\" >$d/reached\n",
            self.recovery(),
            end = self.got_to_the_end(),
        );
        self.step(
            "recovery/target",
            &format!("recovery has reached {}", self.spec.target.words()),
            check,
            apply,
        )
        .limit(86_400)
        .tag("pitr")
        .tag("verify")
    }

    /// Promotion happens at the target and nowhere else: Patroni strips recovery targets, and a paused instance that it
    /// starts would replay everything that lies in pg_wal.
    pub(crate) fn promote(&self) -> Step {
        let check = format!(
            "{}promoted && exit 0\nreached || {{ echo 'no recovery of these settings has reached its target here'; exit 1; }}\necho 'is not promoted yet'; exit 1\n",
            self.state()
        );
        let apply = format!(
            r#"{}reached || {{ echo 'no recovery of these settings has reached its target here: run the play without tags' >&2; exit 1; }}
reach || exit 1
if [ "$(sql 'SELECT pg_is_in_recovery()')" = t ]; then
  [ "$(sql 'SELECT pg_promote(true, 600)')" = t ] || {{ echo 'PostgreSQL does not promote' >&2; exit 1; }}
fi
sql CHECKPOINT || exit 1
line=$(sql 'SELECT timeline_id FROM pg_control_checkpoint()') || exit 1
[ "$line" -ge 2 ] || {{ echo "PostgreSQL is on timeline $line: it did not begin a new one" >&2; exit 1; }}
chosen=$(sed -n 's/.*selected new timeline ID: //p' $log | tail -n 1)
[ "${{chosen:-$line}}" = "$line" ] || {{ echo "PostgreSQL chose timeline $chosen and is on $line" >&2; exit 1; }}
stop_postgres || exit 1
echo "$what $(mark) $line" >$d/promoted
echo "promoted to timeline $line"
"#,
            self.recovery()
        );
        self.step("up/promote", "it is promoted at the target, on a timeline of its own", check, apply)
            .limit(86_400)
            .tag("primary")
    }

    /// After all: what runs is what was restored, and it archives only when that was asked for.
    pub(crate) fn verify(&self) -> Step {
        let psql = format!("runuser -u postgres -- psql -XAtq -p {} -d postgres -c", self.on.pg_port);
        let archive = if self.spec.archive {
            ""
        } else {
            "[ \"$mode\" = off ] || { echo \"archive_mode is $mode\"; bad=1; }\n"
        };
        let check = format!(
            "{}cd /; bad=0\npromoted || {{ echo 'what runs here is not what was restored'; bad=1; }}\nread -r line mode < <({psql} \"SELECT timeline_id || ' ' || current_setting('archive_mode') FROM pg_control_checkpoint()\") || exit 2\nwas=$(cut -d' ' -f3 $d/promoted)\n[ \"$line\" -ge \"${{was:-2}}\" ] || {{ echo \"PostgreSQL is on timeline $line, and was promoted to $was\"; bad=1; }}\n{archive}exit $bad\n",
            self.state()
        );
        Step::wait("pgsql-pitr/verify/data", self.on.addr, "what was restored is what runs", check, 60)
            .tag("up")
    }
}

/// Prints the dynamic configuration in the DCS as JSON, `null` when there is none; fails when the DCS does not answer.
pub(crate) const SHOW_CONFIG: &str = r#"(cd /; pc() { patronictl -c /etc/patroni/patroni.yml "$@" </dev/null 2>/dev/null; }; if out=$(pc show-config); then printf '%s' "$out" | python3 -c 'import json,sys,yaml; print(json.dumps(yaml.safe_load(sys.stdin), sort_keys=True))'; elif pc list >/dev/null; then echo null; else exit 2; fi)"#;

/// Check: neither Patroni nor PostgreSQL runs, and Patroni does not start at boot.
const IS_OFF: &str = "bad=0\nsystemctl is-active -q patroni && { echo 'Patroni runs'; bad=1; }\nsystemctl is-enabled -q patroni 2>/dev/null && { echo 'Patroni starts at boot'; bad=1; }\npgrep -u postgres -f -- '-D /pg/data( |$)' >/dev/null && { echo 'PostgreSQL runs'; bad=1; }\nexit $bad\n";

fn off() -> String {
    format!(
        "{POSTGRES}systemctl disable -q patroni || exit 1\nsystemctl stop patroni || exit 1\nstop_postgres\n"
    )
}

/// A replica is off until it is cloned anew.
pub(crate) fn stop_replica(members: &Members, member: &Member, run: &str) -> Step {
    let check = format!("[ \"$(cat {STATE}/wiped 2>/dev/null)\" = {run} ] && exit 0\n{IS_OFF}");
    let title = format!("Patroni and PostgreSQL are off on {}", member.name);
    Step::command("pgsql-pitr/down/stop", member.addr, &title, check, off())
        .limit(300)
        .tag("stop")
        .tag("stop_patroni")
        .tag("stop_postgres")
        .interrupts(format!("stops PostgreSQL of {}", members.name))
}

/// A replica's data go, once: they are of the history that was left. `fresh`: the plan itself has created them.
pub(crate) fn wipe(members: &Members, member: &Member, run: &str, fresh: bool) -> Step {
    let check = format!(
        "[ \"$(cat {STATE}/wiped 2>/dev/null)\" = {run} ] && exit 0\necho 'has the data of before'; exit 1\n"
    );
    let apply = format!(
        "{POSTGRES}systemctl stop patroni || exit 1\nstop_postgres || exit 1\ninstall -d -o postgres -g postgres -m 700 {STATE} || exit 1\nfind /pg/data/ -mindepth 1 -xdev -delete || exit 1\nrm -f /run/paddock/clone.total\necho {run} >{STATE}/wiped\n"
    );
    let title = format!("{} has none of the old data", member.name);
    let step =
        Step::command("pgsql-pitr/up/wipe", member.addr, &title, check, apply).limit(3600).tag("replica");
    if fresh {
        return step;
    }
    step.destroys(format!(
        "deletes the data of {} on {} and clones it from the restored primary of {}",
        member.name, member.addr, members.name
    ))
}

/// WAL that the source has and its repository has not, and a commit after everything that is asked for: without one,
/// PostgreSQL would not know that a target time has come.
pub(crate) fn archive_so_far(source: NodeAddr, port: u16, run: &str) -> Step {
    let psql = format!("runuser -u postgres -- psql -XAtq -v ON_ERROR_STOP=1 -p {port} -d postgres -c");
    // Old PostgreSQL is not in the way: what does not run has nothing more to archive.
    let check = format!(
        "cd /\n[ \"$({psql} 'SELECT pg_is_in_recovery()' 2>/dev/null)\" = f ] || {{ echo 'PostgreSQL does not lead here: nothing more is archived'; exit 0; }}\n[ \"$({psql} 'SHOW archive_mode')\" != off ] || {{ echo 'archive_mode is off here: nothing more is archived'; exit 0; }}\nread -r of wal 2>/dev/null </pg/tmp/pitr.wal || of=\n[ \"$of\" = {run} ] || {{ echo 'the last WAL is not archived yet'; exit 1; }}\n[ \"$({psql} \"SELECT last_archived_wal >= '$wal' FROM pg_stat_archiver\")\" = t ] && exit 0\necho \"$wal is not archived yet: $({psql} \"SELECT 'last was ' || coalesce(last_archived_wal, 'none') || coalesce(', failed ' || last_failed_wal, '') FROM pg_stat_archiver\")\"; exit 1\n"
    );
    let apply = format!(
        "cd /\n{psql} 'SELECT txid_current()' >/dev/null || exit 1\nwal=$({psql} 'SELECT pg_walfile_name(pg_switch_wal())') && echo \"{run} $wal\" >/pg/tmp/pitr.wal\n"
    );
    Step::command("pgsql-pitr/down/archive", source, "all WAL so far is in the repository", check, apply)
        .settle(120)
        .tag("pitr")
}

pub(crate) fn hash(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().take(12).map(|byte| format!("{byte:02x}")).collect()
}

/// The data directory's mark as a plan knows it.
pub(crate) fn mark_of(facts: Option<&Facts>) -> String {
    facts.map(|facts| facts.data_mark.clone()).unwrap_or_default()
}
