//! The backups of a cluster: what pgBackRest's repository holds, and what the inventory says of it.

use crate::clock::now_us;
use crate::policy::{Action, Target};
use crate::{Actor, Console};
use paddock_engine::gather_facts;
use paddock_events::{BackupRow, ClusterBackups, Problem, RowBackup};
use paddock_inventory::{NodeAddr, Value as Var, Vars};
use paddock_playbooks::{FactSet, chosen_repository};
use serde_json::Value;

impl Console {
    /// What the repository holds, as the member that leads sees it (any that answers, when none leads).
    pub async fn cluster_backups(&self, actor: &Actor, name: &str) -> Result<ClusterBackups, Problem> {
        self.gate(actor, Action::See, Target::Cluster(name), format!("cluster {name}")).await?;
        let (current, name) = self.declared(name).await?;
        let instances = current.inventory.cluster(&name).map(|cluster| cluster.instances.clone());
        let instances = instances.unwrap_or_default();
        let leader = self.inner.live.with(name.as_str(), |seen, _| Some(seen?.leader()?.instance.clone()));
        let leader =
            leader.flatten().and_then(|leader| instances.iter().find(|one| one.id.to_string() == leader));
        let asked: Vec<NodeAddr> = match leader {
            Some(leader) => vec![leader.addr],
            None => instances.iter().map(|one| one.addr).collect(),
        };
        let targets = self.targets(&current.inventory);
        let facts = FactSet(gather_facts(&self.inner.pool, &targets, &asked).await);
        let answered = instances.iter().find_map(|one| {
            let info = facts.known(one.addr)?.backups.clone()?;
            Some((one.id.to_string(), info))
        });
        let vars = instances.first().map(|one| current.inventory.vars(one.addr)).unwrap_or_default();
        let mut page = ClusterBackups {
            seen_from: None,
            at_us: now_us(),
            stanza: Err(silence(&facts, &asked)),
            backups: Vec::new(),
            archive: Vec::new(),
            repository: repository(&vars),
            retention: retention(&vars),
            schedule: schedule(&vars),
        };
        if let Some((instance, info)) = answered {
            page.seen_from = Some(instance);
            self.note_backups(name.as_str(), &info);
            (page.stanza, page.backups, page.archive) = read_info(&info, name.as_str());
        }
        Ok(page)
    }
}

impl Console {
    /// Keeps for the clusters page when the newest good backup of a cluster ended.
    pub(crate) fn note_backups(&self, cluster: &str, info: &str) {
        let stop_us = newest(info, cluster);
        self.inner.live.note_backup(cluster, RowBackup { stop_us, read_us: now_us() });
    }
}

/// When the newest backup without an error ended; none when the repository has none.
fn newest(info: &str, stanza: &str) -> Option<i64> {
    read_info(info, stanza).1.iter().find(|backup| !backup.error).map(|backup| backup.stop_us)
}

fn silence(facts: &FactSet, asked: &[NodeAddr]) -> String {
    let mut why: Vec<String> = Vec::new();
    for addr in asked {
        why.push(match facts.unreachable(*addr) {
            Some(reason) => format!("{addr}: {reason}"),
            None => format!("{addr}: pgBackRest is not set up there"),
        });
    }
    why.join("; ")
}

type Info = (Result<String, String>, Vec<BackupRow>, Vec<(String, String, String)>);

/// Reads `pgbackrest info --output=json`.
fn read_info(info: &str, stanza: &str) -> Info {
    let stanzas: Vec<Value> = serde_json::from_str(info).unwrap_or_default();
    let text =
        |value: &Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let Some(own) = stanzas.iter().find(|one| text(one, "name") == stanza) else {
        return (Err(format!("the repository has no stanza {stanza}")), Vec::new(), Vec::new());
    };
    let list = |key: &str| own.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    let mut backups: Vec<BackupRow> = list("backup").iter().filter_map(backup).collect();
    backups.sort_by_key(|backup| std::cmp::Reverse(backup.stop_us));
    let archive =
        list("archive").iter().map(|one| (text(one, "id"), text(one, "min"), text(one, "max"))).collect();
    let status = own.get("status").cloned().unwrap_or_default();
    let code = status.get("code").and_then(Value::as_i64);
    let message = text(&status, "message");
    (if code == Some(0) { Ok(message) } else { Err(message) }, backups, archive)
}

fn backup(value: &Value) -> Option<BackupRow> {
    let at = |path: [&str; 2]| value.get(path[0])?.get(path[1]);
    let us = |key| at(["timestamp", key])?.as_i64()?.checked_mul(1_000_000);
    let wal = |key| at(["archive", key]).and_then(Value::as_str).unwrap_or_default().to_owned();
    let size = |value: Option<&Value>| value.and_then(Value::as_u64).unwrap_or(0);
    Some(BackupRow {
        label: value.get("label")?.as_str()?.to_owned(),
        kind: value.get("type")?.as_str()?.to_owned(),
        start_us: us("start")?,
        stop_us: us("stop")?,
        size_bytes: size(at(["info", "size"])),
        stored_bytes: size(at(["info", "repository"]).and_then(|stored| stored.get("delta"))),
        wal: (wal("start"), wal("stop")),
        error: value.get("error").and_then(Value::as_bool).unwrap_or(false),
    })
}

fn repository(vars: &Vars) -> String {
    let method = vars.text("pgbackrest_method").unwrap_or_else(|| "local".into());
    let repo = chosen_repository(vars);
    let of = |key: &str| repo.as_ref().and_then(|repo| repo.get(key)).map(Var::to_text);
    let place =
        of("s3_endpoint").zip(of("s3_bucket")).map(|(endpoint, bucket)| format!("{bucket} at {endpoint}"));
    let place = place.or_else(|| of("host")).or_else(|| of("path")).unwrap_or_else(|| "/pg/backup".into());
    format!("{method}: {place}")
}

/// What is kept, in words. Without a declared repository the built-in one keeps two full backups.
fn retention(vars: &Vars) -> String {
    let Some(repo) = chosen_repository(vars) else { return "2 full backups".into() };
    let of = |key: &str| repo.get(key).map(Var::to_text);
    let by_time = of("retention_full_type").as_deref() == Some("time");
    match (of("retention_full"), of("retention_diff")) {
        (None, _) => "everything: no retention is set".into(),
        (Some(full), _) if by_time => format!("full backups of {full} days"),
        (Some(full), Some(diff)) => format!("{full} full and {diff} differential backups"),
        (Some(full), None) => format!("{full} full backups"),
    }
}

/// Lines of `pg_crontab` that make backups, with their time in words.
fn schedule(vars: &Vars) -> Vec<(String, String)> {
    let lines = vars.list("pg_crontab").unwrap_or_default().iter().map(Var::to_text);
    lines.filter(|line| line.contains("backup")).map(|line| (when(&line), line)).collect()
}

/// The five fields of cron in words, as far as they are simple. The clock is the node's.
fn when(line: &str) -> String {
    const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
    let fields: Vec<&str> = line.split_whitespace().take(5).collect();
    let [minute, hour, "*", "*", days] = fields[..] else { return "by cron".into() };
    let (Ok(minute), Ok(hour)) = (minute.parse::<u8>(), hour.parse::<u8>()) else { return "by cron".into() };
    let at = format!("at {hour:02}:{minute:02}, the node's clock");
    let named: Option<Vec<&str>> =
        days.split(',').map(|day| Some(DAYS[day.parse::<usize>().ok()? % 7])).collect();
    match (days, named) {
        ("*", _) => format!("every day {at}"),
        (_, Some(named)) => format!("{} {at}", named.join(", ")),
        (_, None) => "by cron".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use paddock_inventory::Inventory;

    const INFO: &str = r#"[{"name": "pg-test", "status": {"code": 0, "message": "ok"},
        "archive": [{"id": "15-1", "min": "000000010000000000000001", "max": "000000010000000000000009"}],
        "backup": [
          {"label": "20260101-010000F", "type": "full", "error": false, "timestamp": {"start": 1767229200, "stop": 1767229260},
           "archive": {"start": "000000010000000000000003", "stop": "000000010000000000000004"},
           "info": {"size": 30000000, "repository": {"delta": 4000000}}},
          {"label": "20260101-010000F_20260102-010000I", "type": "incr", "error": true, "timestamp": {"start": 1767315600, "stop": 1767315610},
           "archive": {"start": "000000010000000000000008", "stop": "000000010000000000000008"}, "info": {"size": 30000000}}]}]"#;

    #[test]
    fn info_reads_newest_first() {
        let (stanza, backups, archive) = read_info(INFO, "pg-test");
        assert_eq!(stanza, Ok("ok".to_owned()));
        let labels: Vec<&str> = backups.iter().map(|row| row.label.as_str()).collect();
        assert_eq!(labels, ["20260101-010000F_20260102-010000I", "20260101-010000F"]);
        assert_eq!((backups[1].stored_bytes, backups[1].stop_us), (4_000_000, 1_767_229_260_000_000));
        assert!(backups[0].error && !backups[1].error);
        assert_eq!(archive[0].0, "15-1");
        assert!(read_info(INFO, "pg-other").0.is_err());
        assert!(read_info("not json", "pg-test").0.is_err());
        assert_eq!(newest(INFO, "pg-test"), Some(1_767_229_260_000_000), "the newer one is bad");
        assert_eq!(newest(INFO, "pg-other"), None);
    }

    #[test]
    fn the_inventory_tells_repository_retention_and_schedule() {
        let of = |vars: &str| {
            let text = format!(
                "all:\n  children: {{ db: {{ hosts: {{ 10.0.0.1: {{}} }} }} }}\n  vars:\n    x: 1\n{vars}"
            );
            let vars = Inventory::read(text).0.vars("10.0.0.1".parse().unwrap());
            (repository(&vars), retention(&vars), schedule(&vars))
        };
        assert_eq!(of(""), ("local: /pg/backup".into(), "2 full backups".into(), vec![]));
        let (place, kept, runs) = of(
            "    pgbackrest_method: minio\n    pgbackrest_repo: { minio: { s3_endpoint: s3.local, s3_bucket: pgsql, retention_full_type: time, retention_full: 14 } }\n    pg_crontab: ['00 01 * * 1,5 pg-backup full', '0 2 * * * vacuum']\n",
        );
        assert_eq!((place.as_str(), kept.as_str()), ("minio: pgsql at s3.local", "full backups of 14 days"));
        assert_eq!(runs.len(), 1);
        assert_eq!(runs[0].0, "Monday, Friday at 01:00, the node's clock");
        for (line, words) in [
            ("5 1 * * * pg-backup", "every day at 01:05, the node's clock"),
            ("*/5 1 * * * pg-backup", "by cron"),
            ("0 1 1 * * pg-backup", "by cron"),
            ("nonsense", "by cron"),
        ] {
            assert_eq!(when(line), words);
        }
    }
}
