//! What holds for a cluster's parameters that the inventory does not set, for pages that say where a value is from.
//!
//! The defaults themselves stand where the parameters are used; a test holds this list against those places.

/// Parameter and built-in value.
pub const DEFAULTS: &[(&str, &str)] = &[
    ("patroni_log_dir", "/pg/log/patroni"),
    ("patroni_port", "8008"),
    ("patroni_username", "postgres"),
    ("patroni_watchdog_mode", "off"),
    ("pg_admin_username", "dbuser_dba"),
    ("pg_checksum", "true"),
    ("pg_conf", "oltp.yml"),
    ("pg_dbsu", "postgres"),
    ("pg_dbsu_home", "/var/lib/pgsql"),
    ("pg_dbsu_sudo", "limit"),
    ("pg_default_service_dest", "pgbouncer"),
    ("pg_dns_target", "auto"),
    ("pg_encoding", "UTF8"),
    ("pg_fs_backup", "/data/backups"),
    ("pg_fs_main", "/data/postgres"),
    ("pg_io_method", "worker"),
    ("pg_libs", "pg_stat_statements, auto_explain"),
    ("pg_listen", "0.0.0.0"),
    ("pg_locale", "C"),
    ("pg_log_dir", "/pg/log/postgres"),
    ("pg_mode", "pgsql"),
    ("pg_monitor_username", "dbuser_monitor"),
    ("pg_namespace", "/pg"),
    ("pg_offline_query", "false"),
    ("pg_port", "5432"),
    ("pg_primary_db", "postgres"),
    ("pg_provision", "true"),
    ("pg_pwd_enc", "scram-sha-256"),
    ("pg_reload", "true"),
    ("pg_replication_username", "replicator"),
    ("pg_rpo", "1048576"),
    ("pg_rto", "norm"),
    ("pg_vip_enabled", "false"),
    ("pg_weight", "100"),
    ("pgbackrest_enabled", "true"),
    ("pgbackrest_log_dir", "/pg/log/pgbackrest"),
    ("pgbackrest_method", "local"),
    ("pgbouncer_auth_query", "false"),
    ("pgbouncer_enabled", "true"),
    ("pgbouncer_log_dir", "/pg/log/pgbouncer"),
    ("pgbouncer_poolmode", "transaction"),
    ("pgbouncer_port", "6432"),
    ("pgbouncer_sslmode", "disable"),
];

#[cfg(test)]
mod tests {
    use super::DEFAULTS;
    use std::fs;
    use std::path::Path;

    fn sources(folder: &Path, out: &mut String) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, out);
            } else if path.extension().is_some_and(|kind| kind == "rs") && !path.ends_with("defaults.rs") {
                out.push_str(&fs::read_to_string(&path).unwrap());
            }
        }
    }

    #[test]
    fn the_list_says_what_the_code_uses() {
        let mut code = String::new();
        sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut code);
        let code = code.replace("1_048_576", "1048576");
        for (name, value) in DEFAULTS {
            let used = [format!("\"{name}\", \"{value}\")"), format!("\"{name}\", {value})")];
            assert!(used.iter().any(|used| code.contains(used)), "{name}: {value}");
        }
        assert!(DEFAULTS.is_sorted_by(|a, b| a.0 < b.0));
    }
}
