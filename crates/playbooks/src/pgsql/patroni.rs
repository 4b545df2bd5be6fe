//! Patroni's configuration of one instance, and the tuning it starts the cluster with.

use crate::params::{flag, int, password, text};
use crate::pgsql::members::{Member, Members};
use crate::pgsql::{citus, vip};
use crate::{Context, Facts};
use paddock_inventory::{InstanceRole, NodeAddr};
use std::fmt::Write as _;

/// Numbers of a template that follow from the node's size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tuning {
    pub(crate) shared_buffers_mb: u64,
    pub(crate) max_connections: u64,
    pub(crate) maintenance_work_mem_mb: u64,
    pub(crate) work_mem_mb: u64,
    pub(crate) max_worker_processes: u64,
    pub(crate) max_parallel_workers: u64,
    pub(crate) parallel_per_gather: u64,
    pub(crate) wal_size_gb: u64,
}

/// Tuning of templates oltp, olap, crit and tiny from memory, CPUs and disk (parameters.md, section 5).
pub(crate) fn tuning(
    template: &str,
    facts: &Facts,
    ratio: f64,
    max_conn: Option<u64>,
    pooled: bool,
) -> Tuning {
    let cpus = u64::from(facts.cpus);
    // Rounded up to whole MiB; a ratio outside sense is brought back.
    let share = (ratio.clamp(0.01, 0.8) * 1000.0).round();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 10 and 800 by the clamp"
    )]
    let per_mille = share as u64;
    let shared = (facts.mem_mb * per_mille).div_ceil(1000).max(64);
    let auto = match template {
        "olap" => 500,
        "tiny" => 250,
        _ if pooled => 500,
        _ => 1000,
    };
    let max_connections = max_conn.filter(|n| *n >= 20).unwrap_or(auto);
    let work = |low: u64, high: u64| (shared / max_connections).clamp(low, high);
    let (maintenance, work_mem) = match template {
        "olap" => (shared / 2, work(64, 8192)),
        "tiny" => (shared / 4, work(16, 256)),
        _ => (shared / 4, work(64, 1024)),
    };
    let (workers, parallel, gather) = match template {
        "olap" => ((cpus + 12).max(20) + 8, (cpus * 4).div_ceil(5).max(2), (cpus / 2).max(2)),
        "tiny" => ((cpus + 4).max(12) + 8, (cpus / 2).max(1), 0),
        "crit" => ((cpus + 8).max(16) + 8, cpus.div_ceil(2).max(2), 0),
        _ => ((cpus + 8).max(16) + 8, cpus.div_ceil(2).max(2), (cpus / 5).clamp(2, 8)),
    };
    Tuning {
        shared_buffers_mb: shared,
        max_connections,
        maintenance_work_mem_mb: maintenance.max(16),
        work_mem_mb: work_mem,
        max_worker_processes: workers,
        max_parallel_workers: parallel,
        parallel_per_gather: gather,
        wal_size_gb: facts.disk_gb.div_ceil(20).clamp(1, 100),
    }
}

/// A YAML double-quoted scalar.
pub(crate) fn yaml(value: &str) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| "\"\"".to_owned())
}

/// Name of the template without `.yml`.
pub(crate) fn template(member: &Member) -> String {
    let name = text(&member.vars, "pg_conf", "oltp.yml");
    name.trim_end_matches(".yml").to_owned()
}

/// The etcd password of the cluster: `pg_etcd_password`, or the name of its account.
pub(crate) fn etcd_password(members: &Members, member: &Member) -> String {
    text(&member.vars, "pg_etcd_password", &members.scope)
}

/// `/pg/conf/<instance>.yml`
pub(crate) fn render(ctx: &Context<'_>, members: &Members, member: &Member, facts: &Facts) -> String {
    let vars = &member.vars;
    let (ttl, loop_wait, retry, start, margin) = match text(vars, "pg_rto", "norm").as_str() {
        "fast" => (20, 5, 5, 15, 5),
        "safe" => (60, 10, 20, 45, 10),
        "wide" => (120, 20, 30, 95, 15),
        _ => (30, 5, 10, 25, 5),
    };
    let template = template(member);
    let rpo = int(vars, "pg_rpo", 1_048_576);
    let sync = rpo == 0 || template == "crit";
    let etcd: Vec<String> = ctx
        .etcd_members()
        .iter()
        .map(|(host, _)| format!("{host}:{}", crate::params::port(&ctx.vars(*host), "etcd_port", 2379)))
        .collect();
    let mut allow: Vec<String> = members.addresses();
    // Groups of workers tell the coordinator when their leader changes.
    let groups = citus::groups(ctx, members).flat_map(|other| &other.instances);
    allow.extend(groups.map(|one| one.addr.to_string()));
    allow.extend(ctx.inventory.members_of_group("infra").iter().map(ToString::to_string));
    allow.extend(vars.text("admin_ip").filter(|ip| ip.parse::<NodeAddr>().is_ok()));
    allow.sort();
    allow.dedup();
    let ip = member.addr;
    let mut out = String::new();
    let mut line = |text: &str| {
        // Writing to a String cannot fail.
        let _ok = writeln!(out, "{text}").is_ok();
    };
    line(&format!("# Managed by Paddock: instance {} ({})", member.name, member.role));
    line(&format!("scope: {}", members.scope));
    if let Some(group) = &members.citus {
        line(&format!("citus: {{ group: {}, database: {} }}", group.number, yaml(&group.database)));
    }
    line(&format!("namespace: {}/", text(vars, "pg_namespace", "/pg").trim_end_matches('/')));
    line(&format!("name: {}", member.name));
    line(&format!(
        "log: {{ level: INFO, dir: {}, file_size: 33554432, file_num: {} }}",
        text(vars, "patroni_log_dir", "/pg/log/patroni"),
        if template == "crit" { 16 } else { 4 }
    ));
    line("etcd3:");
    line(&format!("  hosts: {}", yaml(&etcd.join(","))));
    line("  protocol: https");
    line("  cacert: /pg/cert/ca.crt");
    line(&format!("  username: {}", members.scope));
    line(&format!("  password: {}", yaml(&etcd_password(members, member))));
    line("ctl: { insecure: true }");
    line("restapi:");
    line(&format!("  listen: {ip}:{}", member.patroni_port));
    line(&format!("  connect_address: {ip}:{}", member.patroni_port));
    line(&format!(
        "  authentication: {{ username: {}, password: {} }}",
        yaml(&text(vars, "patroni_username", "postgres")),
        yaml(&password(vars, "patroni_password"))
    ));
    line(&format!("  allowlist: [{}]", allow.join(", ")));
    line("tags:");
    line("  nofailover: false\n  clonefrom: true\n  noloadbalance: false\n  nosync: false");
    if let Some(from) = members.upstream_name(member) {
        line(&format!("  replicatefrom: {from}"));
    }
    // For people and for Pigsty's monitoring.
    line(&format!("  version: {}", yaml(&members.version.to_string())));
    line(&format!("  spec: {}C.{}G.{}G", facts.cpus, facts.mem_mb.div_ceil(1024), facts.disk_gb));
    line(&format!("  conf: {}", yaml(&text(vars, "pg_conf", "oltp.yml"))));
    line(&format!(
        "watchdog: {{ mode: {}, device: /dev/watchdog, safety_margin: {margin} }}",
        watchdog(member, &template)
    ));
    line("bootstrap:\n  dcs:");
    line(&format!(
        "    pg_version: {}\n    pg_cluster: {}\n    pg_shard: {}\n    pg_group: {}",
        members.version,
        members.name,
        yaml(&text(vars, "pg_shard", &members.name)),
        int(vars, "pg_group", 0)
    ));
    line(&format!(
        "    ttl: {ttl}\n    loop_wait: {loop_wait}\n    retry_timeout: {retry}\n    primary_start_timeout: {start}\n    primary_stop_timeout: 30"
    ));
    line(&format!(
        "    maximum_lag_on_failover: {rpo}\n    synchronous_mode: {sync}\n    synchronous_mode_strict: {}\n    failsafe_mode: true",
        template == "crit"
    ));
    if member.role == InstanceRole::Primary
        && let Some((upstream, upstream_port)) = crate::standby::upstream(ctx, member)
    {
        line("    standby_cluster:");
        line(&format!(
            "      host: {upstream}\n      port: {upstream_port}\n      create_replica_methods: [basebackup]"
        ));
        if let Some(delay) = vars.text("pg_delay").filter(|delay| delay != "0") {
            line(&format!("      recovery_min_apply_delay: {}", yaml(&delay)));
        }
    }
    line(
        "    postgresql:\n      use_slots: true\n      use_pg_rewind: true\n      remove_data_directory_on_rewind_failure: true\n      parameters:",
    );
    for (name, value) in parameters(members, member, facts, &template) {
        line(&format!("        {name}: {value}"));
    }
    line("  initdb:");
    line(&format!("    - encoding: {}", text(vars, "pg_encoding", "UTF8")));
    let locale = text(vars, "pg_locale", "C");
    line(&format!("    - locale: {locale}"));
    for (option, name) in [("lc-collate", "pg_lc_collate"), ("lc-ctype", "pg_lc_ctype")] {
        if let Some(other) = vars.text(name).filter(|other| !other.is_empty() && *other != locale) {
            line(&format!("    - {option}: {other}"));
        }
    }
    if members.version >= 17 && matches!(locale.as_str(), "C" | "C.UTF-8") {
        line(&format!("    - locale-provider: builtin\n    - builtin-locale: {locale}"));
    }
    if flag(vars, "pg_checksum", true) || template == "crit" {
        line("    - data-checksums");
    }
    line("postgresql:");
    line(&format!("  listen: \"{}:{}\"", listen(member), member.pg_port));
    line(&format!("  connect_address: {ip}:{}", member.pg_port));
    line(
        "  use_unix_socket: true\n  data_dir: /pg/data\n  config_dir: /pg/data\n  bin_dir: /usr/pgsql/bin\n  pgpass: /pg/conf/pgpass",
    );
    line("  authentication:");
    let dbsu = yaml(&text(vars, "pg_dbsu", "postgres"));
    let dbsu_secret = vars.text("pg_dbsu_password").filter(|secret| !secret.is_empty());
    let dbsu_secret = dbsu_secret.map_or(String::new(), |secret| format!(", password: {}", yaml(&secret)));
    line(&format!("    superuser: {{ username: {dbsu}{dbsu_secret} }}"));
    let repl = text(vars, "pg_replication_username", "replicator");
    let secret = yaml(&password(vars, "pg_replication_password"));
    line(&format!("    replication: {{ username: {}, password: {secret} }}", yaml(&repl)));
    line(&format!("    rewind: {{ username: {}, password: {secret} }}", yaml(&repl)));
    line("  parameters:");
    line("    unix_socket_directories: '/var/run/postgresql, /tmp'");
    line("  create_replica_methods: [basebackup]");
    line("  basebackup:\n    - max-rate: '1000M'\n    - checkpoint: fast\n    - progress\n    - verbose");
    out
}

/// `pg_listen` with its placeholders.
fn listen(member: &Member) -> String {
    let declared = text(&member.vars, "pg_listen", "0.0.0.0");
    let mut listen = declared.replace("${ip}", &member.addr.to_string()).replace("${lo}", "127.0.0.1");
    if let Some(vip) = vip::declared(member) {
        listen = listen.replace("${vip}", &vip.addr.to_string());
    }
    listen.replace(' ', "")
}

/// YAML reads `off` as false; Patroni wants the word.
fn watchdog(member: &Member, template: &str) -> &'static str {
    match text(&member.vars, "patroni_watchdog_mode", "off").as_str() {
        "required" => "required",
        "automatic" => "automatic",
        _ if template == "crit" => "automatic",
        _ => "'off'",
    }
}

fn parameters(
    members: &Members,
    member: &Member,
    facts: &Facts,
    template: &str,
) -> Vec<(&'static str, String)> {
    let vars = &member.vars;
    let ratio = vars.text("pg_shared_buffer_ratio").and_then(|ratio| ratio.parse().ok()).unwrap_or(0.25);
    let max_conn = vars.int("pg_max_conn").and_then(|n| u64::try_from(n).ok());
    let pooled = text(vars, "pg_default_service_dest", "pgbouncer") == "pgbouncer";
    let tuned = tuning(template, facts, ratio, max_conn, pooled);
    let backup = flag(vars, "pgbackrest_enabled", true);
    let archive = if backup {
        format!("pgbackrest --stanza={} archive-push %p", members.name)
    } else {
        "/bin/true".into()
    };
    let (slow, idle, stats) = match template {
        "olap" => ("1000", "0", "1000"),
        "crit" => ("100", "1min", "400"),
        "tiny" => ("100", "10min", "200"),
        _ => ("100", "10min", "400"),
    };
    let wal = tuned.wal_size_gb;
    let quoted = |value: &str| yaml(value);
    let mut libs = text(vars, "pg_libs", "pg_stat_statements, auto_explain");
    if members.citus.is_some() && !libs.contains("citus") {
        // Citus wants to be the first.
        libs = format!("citus, {libs}");
    }
    // Its transactions over several nodes are prepared ones.
    let prepared = if members.citus.is_some() { tuned.max_connections * 2 } else { 0 };
    // Extensions that split tables into many lock many of them at once.
    let many = libs.contains("citus") || libs.contains("timescaledb");
    let locks = tuned.max_connections * if template == "olap" { 2 } else { 1 } * if many { 2 } else { 1 };
    let temp = facts.disk_gb.div_ceil(20).max(1) * if template == "olap" { 4 } else { 1 };
    let mut out = vec![
        ("wal_level", "logical".into()),
        ("max_connections", tuned.max_connections.to_string()),
        ("superuser_reserved_connections", "10".into()),
        ("max_worker_processes", tuned.max_worker_processes.to_string()),
        ("max_parallel_workers", tuned.max_parallel_workers.to_string()),
        ("max_parallel_workers_per_gather", tuned.parallel_per_gather.to_string()),
        ("max_locks_per_transaction", locks.to_string()),
        ("max_prepared_transactions", prepared.to_string()),
        ("max_wal_senders", "50".into()),
        ("max_replication_slots", "50".into()),
        ("track_commit_timestamp", quoted("on")),
        ("wal_log_hints", quoted("on")),
        ("hot_standby_feedback", quoted("on")),
        ("shared_buffers", quoted(&format!("{}MB", tuned.shared_buffers_mb))),
        ("maintenance_work_mem", quoted(&format!("{}MB", tuned.maintenance_work_mem_mb))),
        ("work_mem", quoted(&format!("{}MB", tuned.work_mem_mb))),
        ("min_wal_size", quoted(&format!("{wal}GB"))),
        ("max_wal_size", quoted(&format!("{}GB", wal * 4))),
        ("max_slot_wal_keep_size", quoted(&format!("{}GB", wal * 6))),
        ("wal_writer_flush_after", quoted(if template == "crit" { "0" } else { "1MB" })),
        ("temp_file_limit", quoted(&format!("{temp}GB"))),
        ("checkpoint_timeout", quoted("15min")),
        ("deadlock_timeout", quoted("50ms")),
        ("idle_in_transaction_session_timeout", quoted(idle)),
        ("default_statistics_target", stats.into()),
        ("archive_mode", quoted("on")),
        ("archive_timeout", "300".into()),
        ("archive_command", quoted(&archive)),
        ("shared_preload_libraries", quoted(&libs)),
        ("password_encryption", quoted(&text(vars, "pg_pwd_enc", "scram-sha-256"))),
        ("ssl", quoted("on")),
        ("ssl_cert_file", quoted("/pg/cert/server.crt")),
        ("ssl_key_file", quoted("/pg/cert/server.key")),
        ("ssl_ca_file", quoted("/pg/cert/ca.crt")),
        ("logging_collector", quoted("on")),
        ("log_destination", quoted("csvlog")),
        ("log_directory", quoted(&text(vars, "pg_log_dir", "/pg/log/postgres"))),
        ("log_filename", quoted("postgresql-%a.log")),
        ("log_truncate_on_rotation", quoted("on")),
        ("log_checkpoints", quoted("on")),
        ("log_lock_waits", quoted("on")),
        ("log_replication_commands", quoted("on")),
        ("log_min_duration_statement", slow.into()),
    ];
    let io = text(vars, "pg_io_method", "worker");
    if members.version >= 18 && io != "auto" {
        out.push(("io_method", quoted(&io)));
    }
    out
}

/// `/etc/systemd/system/patroni.service`. Debian's own unit waits for /etc/patroni/config.yml and is replaced.
pub(crate) const UNIT: &str = "\
# Managed by Paddock
[Unit]
Description=Patroni: a PostgreSQL instance under high availability
After=network-online.target etcd.service

[Service]
Type=simple
User=postgres
Group=postgres
ExecStart=/usr/bin/patroni /etc/patroni/patroni.yml
ExecReload=/bin/kill -s HUP $MAINPID
# Patroni stops PostgreSQL itself; killing the group would cut it short.
KillMode=process
TimeoutSec=120
Restart=no
LimitNOFILE=262144

[Install]
WantedBy=multi-user.target
";
