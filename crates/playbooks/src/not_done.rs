//! Parameters that Pigsty knows and this release does not act on: said, never passed over in silence.
//!
//! Where leaving one out would make something else than what is declared, the play is refused; the others are named in a
//! warning of the plan. What is declared as it is by default is left unsaid.

use crate::pgsql::citus;
use crate::planning::{select, warning};
use crate::{Context, Play, Playbook, Refusal, Warning};
use paddock_inventory::{Inventory, NodeAddr, Value, Vars};
use std::collections::BTreeSet;

/// Parameter, the only values that are supported, and what else to do.
const REFUSED: [(&str, &[&str], &str); 7] = [
    (
        "pg_mode",
        &["pgsql", "citus"],
        "this release installs PostgreSQL itself, with Citus where that is declared, and no other kernel: leave it out, or keep that cluster with Pigsty's own tools",
    ),
    ("pg_dbsu", &["postgres"], "leave it out: the account is `postgres`"),
    ("pg_data", &["/pg/data"], "leave it out; `pg_fs_main` chooses the disk"),
    (
        "pg_bin_dir",
        &["/usr/pgsql/bin"],
        "leave it out: /usr/pgsql is a link to the version that is installed",
    ),
    ("pg_localhost", &["/var/run/postgresql"], "leave it out: sockets are in /var/run/postgresql and /tmp"),
    ("patroni_enabled", &["true"], "leave the cluster out of the limit, or remove the parameter"),
    (
        "patroni_ssl_enabled",
        &["false"],
        "leave it out: Patroni's REST API is asked over HTTP; unsafe calls need its password and an address of its allowlist",
    ),
];

/// Of a cluster's members: parameter and its built-in value.
const PGSQL: [(&str, &str); 31] = [
    ("patroni_mode", "default"),
    ("pg_dbsu_uid", "26"),
    ("pg_default_privileges", ""),
    ("pg_dummy_filesize", "64MiB"),
    ("pg_exporter_auto_discovery", "true"),
    ("pg_exporter_cache_ttls", "1,10,60,300"),
    ("pg_exporter_config", "pg_exporter.yml"),
    ("pg_exporter_connect_timeout", "200"),
    ("pg_exporter_enabled", "false"),
    ("pg_exporter_exclude_database", "template0,template1,postgres"),
    ("pg_exporter_include_database", ""),
    ("pg_exporter_options", ""),
    ("pg_exporter_params", "sslmode=disable"),
    ("pg_exporter_port", "9630"),
    ("pg_exporter_url", ""),
    ("pg_files", ""),
    ("pg_init", "pg-init"),
    ("pg_instances", ""),
    ("pg_packages", ""),
    ("pg_primary_db", "postgres"),
    ("pg_rto_plan", ""),
    ("pg_storage_type", "SSD"),
    ("pgbackrest_exporter_enabled", "false"),
    ("pgbackrest_exporter_options", ""),
    ("pgbackrest_exporter_port", "9854"),
    ("pgbouncer_exporter_enabled", "false"),
    ("pgbouncer_exporter_options", ""),
    ("pgbouncer_exporter_port", "9631"),
    ("pgbouncer_redirect_to", ""),
    ("pgsodium_getkey_script", ""),
    ("pgsodium_key", ""),
];

/// Of a node: parameter and its built-in value.
const NODE: [(&str, &str); 38] = [
    ("ca_cn", "pigsty-ca"),
    ("ca_create", "true"),
    ("cert_validity", "7300d"),
    ("haproxy_clean", "false"),
    ("haproxy_reload", "true"),
    ("haproxy_services", ""),
    ("node_admin_enabled", "false"),
    ("node_admin_pk_current", "false"),
    ("node_admin_pk_list", ""),
    ("node_admin_ssh_exchange", "false"),
    ("node_admin_sudo", "nopass"),
    ("node_admin_uid", "88"),
    ("node_admin_username", "dba"),
    ("node_crontab", ""),
    ("node_crontab_overwrite", "true"),
    ("node_default_packages", ""),
    ("node_dns_method", "none"),
    ("node_dns_options", ""),
    ("node_dns_servers", ""),
    ("node_exporter_enabled", "false"),
    ("node_firewall_mode", "none"),
    ("node_firewall_public_port", ""),
    ("node_hugepage_count", "0"),
    ("node_hugepage_ratio", "0"),
    ("node_kernel_modules", ""),
    ("node_ntp_servers", ""),
    ("node_overcommit_ratio", "0"),
    ("node_repo_modules", ""),
    ("node_repo_remove", "false"),
    ("node_selinux_mode", ""),
    ("node_sysctl_params", ""),
    ("node_timezone", ""),
    ("node_tune", "none"),
    ("nodename_exchange", "false"),
    ("vector_enabled", "false"),
    ("vip_enabled", "false"),
    ("vip_exporter_port", "9650"),
    ("vip_preempt", "false"),
];

/// Of etcd's members.
const ETCD: [(&str, &str); 2] = [("etcd_init", "new"), ("etcd_learner", "false")];

/// Of a removal.
const REMOVE: [(&str, &str); 1] = [("pg_rm_pkg", "false")];

/// Refuses a play on members for which something is declared that this release would pass over.
pub(crate) fn refuse(context: &Context<'_>, play: &Play, hosts: &[NodeAddr]) -> Result<(), Refusal> {
    for host in hosts {
        let vars = context.vars(*host);
        for (name, supported, fix) in REFUSED {
            let Some(value) = written(&vars, name).filter(|value| !supported.contains(&value.as_str()))
            else {
                continue;
            };
            return Err(Refusal {
                code: "plan/not-supported".into(),
                what: format!("`{}` was refused", play.command_line()),
                why: format!(
                    "`{name}: {value}` is declared for {host}, and this release does not support it"
                ),
                fix: fix.to_owned(),
            });
        }
    }
    Ok(())
}

/// One warning that names all that is declared for these plays and not done.
pub(crate) fn warn(inventory: &Inventory, plays: &[Play]) -> Option<Warning> {
    let mut names = BTreeSet::new();
    for play in plays.iter().filter(|play| play.tags.is_empty()) {
        let table: &[(&str, &str)] = match play.playbook {
            Playbook::Pgsql | Playbook::PgsqlPitr => &PGSQL,
            Playbook::Node => &NODE,
            Playbook::Etcd => &ETCD,
            Playbook::PgsqlRm => &REMOVE,
            Playbook::NodeRm
            | Playbook::PgsqlUser
            | Playbook::PgsqlDb
            | Playbook::Pg
            | Playbook::PgBackup => continue,
        };
        // An instance that the plan takes out of the inventory is not found any more.
        for host in select(inventory, play).unwrap_or_default() {
            let vars = inventory.vars_with(host, &play.extra_vars);
            let declared = table.iter().filter(|(name, default)| {
                written(&vars, name).is_some_and(|value| value != *default)
                    && !(*name == "pg_primary_db" && citus::group(&vars).is_some())
            });
            names.extend(declared.map(|(name, _)| format!("`{name}`")));
            if play.playbook == Playbook::Pgsql && delay_without_upstream(&vars) {
                names.insert("`pg_delay` (it acts on a primary with `pg_upstream` only)".to_owned());
            }
        }
    }
    (!names.is_empty()).then(|| {
        let list = names.into_iter().collect::<Vec<_>>().join(", ");
        warning(
            "plan/not-done",
            format!("Declared, and not done by Paddock: {list}. See docs/operations.md."),
        )
    })
}

fn delay_without_upstream(vars: &Vars) -> bool {
    let leads_a_standby =
        vars.text("pg_role").as_deref() == Some("primary") && vars.text("pg_upstream").is_some();
    !leads_a_standby && written(vars, "pg_delay").is_some_and(|delay| delay != "0")
}

/// What is declared, as a text; none when nothing is, or nothing in particular.
fn written(vars: &Vars, name: &str) -> Option<String> {
    match vars.value(name)? {
        Value::Null => None,
        Value::List(list) if list.is_empty() => None,
        Value::Map(map) if map.0.is_empty() => None,
        Value::List(_) | Value::Map(_) => Some("…".to_owned()),
        // `yes` and `true` are the same.
        Value::Bool(on) => Some(on.to_string()),
        value @ (Value::Int(_) | Value::Float(_) | Value::Text(_)) => {
            let text = value.to_text();
            let same = match text.as_str() {
                "yes" => "true",
                "no" => "false",
                other => other,
            };
            Some(same.to_owned()).filter(|text| !text.is_empty())
        }
    }
}
