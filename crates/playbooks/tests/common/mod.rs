//! Inventories that look like a team's, and what is planned from them.

use paddock_inventory::{Inventory, Severity, render_findings};
use paddock_playbooks::{DataDir, FactSet, Facts, HostFacts, Intent, Material, Need, Plan, needs, plan};
use std::collections::BTreeMap;

/// Three members with users, databases, rules, services and parameters, beside a single node, a standby cluster and
/// a cluster with a cascading replica.
pub const FLEET: &str = "\
all:
  vars:
    admin_ip: 10.10.10.10
    version: v4.5.0
    region: default
    pg_version: 15
    pg_replication_password: Repl.Secret
    pg_admin_password: Admin.Secret
    pg_monitor_password: Monitor.Secret
    patroni_password: Patroni.Secret
    etcd_root_password: Etcd.Secret
    haproxy_admin_password: Haproxy.Secret
  children:
    infra: { hosts: { 10.10.10.10: { infra_seq: 1 }, 10.10.10.9: { infra_seq: 2 } } }
    etcd:
      hosts:
        10.10.10.10: { etcd_seq: 1 }
        10.10.10.8: { etcd_seq: 2 }
        10.10.10.9: { etcd_seq: 3 }
      vars: { etcd_cluster: etcd }
    pg-test:
      hosts:
        10.10.10.11: { pg_seq: 1, pg_role: primary }
        10.10.10.12: { pg_seq: 2, pg_role: replica, pg_weight: 50 }
        10.10.10.13: { pg_seq: 3, pg_role: offline }
      vars:
        pg_cluster: pg-test
        pg_conf: oltp.yml
        pg_rto: fast
        pg_users:
          - { name: dbuser_shop, password: Shop.Secret, pgbouncer: true, roles: [dbrole_readwrite], pool_mode: session, pool_connlimit: 20, comment: the shop }
          - { name: dbuser_report, password: 'it''s {secret}', roles: [dbrole_offline, { name: dbrole_readonly, state: revoke }], expire_at: '2030-01-01', connlimit: 5, parameters: { search_path: 'shop, public', work_mem: 64MB } }
          - { name: dbuser_batch, password: Batch.Secret, expire_in: 90, expire_at: '2030-01-01', roles: [{ name: dbrole_admin, admin: true, inherit: false }], createdb: true }
          - { name: dbuser_gone, state: absent }
          - { name: shop_group, login: false }
        pg_databases:
          - { name: shop, owner: dbuser_shop, schemas: [shop, { name: audit, owner: dbuser_shop }], extensions: [{ name: hstore, schema: shop }, pgcrypto], pool_size: 30, comment: orders, parameters: { timezone: UTC } }
          - { name: direct, pgbouncer: false, connlimit: 10, encoding: UTF8, template: template0, revokeconn: true, allowconn: true }
          - { name: gone, state: absent }
        pg_hba_rules:
          - { title: the shop's servers, user: dbuser_shop, db: shop, addr: 10.20.0.0/16, auth: ssl, order: 120 }
          - { title: reports, user: dbuser_report, db: all, addr: infra, auth: pwd, role: offline }
          - { title: raw lines, role: primary, rules: ['host shop +shop_group 10.30.0.1/32 md5', 'host shop +shop_group 10.30.0.2/32 md5'] }
          - { title: members, user: all, db: all, addr: cluster, auth: trust, order: 660 }
        pgb_hba_rules:
          - { title: the shop's servers, user: dbuser_shop, db: shop, addr: 10.20.0.0/16, auth: pwd }
        pg_services:
          - { name: standby, port: 5435, dest: postgres, check: /sync, selector: '[]', backup: '[? pg_role == `primary`]', balance: leastconn, maxconn: 3000 }
        pg_parameters: { log_min_duration_statement: 250ms, shared_preload_libraries: 'pg_stat_statements, auto_explain' }
        pg_crontab: ['00 01 * * * /pg/bin/pg-backup full']
        node_firewall_intranet: [10.0.0.0/8, 192.168.0.0/16]
    pg-one:
      hosts: { 10.10.10.21: { pg_seq: 1, pg_role: primary } }
      vars: { pg_cluster: pg-one, pg_conf: tiny.yml, pg_port: 5442, pgbouncer_enabled: false, pg_default_service_dest: postgres, pgbackrest_enabled: false }
    pg-copy:
      hosts:
        10.10.10.31: { pg_seq: 1, pg_role: primary, pg_upstream: 10.10.10.11, pg_delay: 1h }
        10.10.10.32: { pg_seq: 2, pg_role: replica }
      vars: { pg_cluster: pg-copy, pg_conf: crit.yml, pg_rto: wide }
    pg-far:
      hosts:
        10.10.10.41: { pg_seq: 1, pg_role: primary }
        10.10.10.42: { pg_seq: 2, pg_role: replica, pg_offline_query: true }
        10.10.10.43: { pg_seq: 3, pg_role: replica, pg_upstream: 10.10.10.42 }
      vars:
        pg_cluster: pg-far
        pg_conf: olap.yml
        pgbackrest_method: minio
        pgbackrest_repo: { minio: { type: s3, s3_endpoint: sss.pigsty, s3_bucket: pgsql, s3_key: Minio.Key, s3_key_secret: Minio.Secret, path: /pgbackrest, block: y, bundle: y, cipher_type: aes-256-cbc, cipher_pass: 'Cipher.${pg_cluster}', retention_full_type: time, retention_full: 14 } }
    minio: { hosts: { 10.10.10.9: { minio_seq: 1 } }, vars: { minio_cluster: minio } }
";

pub fn inventory(text: &str) -> Inventory {
    let (inventory, findings) = Inventory::read(text);
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    assert_eq!(errors, 0, "{}", render_findings("fleet", text, &findings));
    inventory
}

pub fn intent(words: &str) -> Intent {
    let words: Vec<String> = words.split(' ').map(str::to_owned).collect();
    Intent::parse(&words).unwrap()
}

/// Every node has answered: prepared, 4 CPUs, 8 GiB, 100 GiB, nothing in its data directory.
pub fn facts(inventory: &Inventory) -> FactSet {
    let known = |host| {
        let facts =
            Facts { cpus: 4, mem_mb: 8192, disk_gb: 100, data_dir: DataDir::Empty, ..Facts::assumed() };
        (host, HostFacts::Known(facts))
    };
    FactSet(inventory.hosts().into_iter().map(known).collect())
}

/// A value for everything that is needed; private halves say so.
pub fn material(inventory: &Inventory, intent: &Intent) -> Material {
    let mut out = BTreeMap::new();
    for need in needs(inventory, intent).unwrap() {
        match need {
            Need::Ca => {
                out.insert("ca.crt".to_owned(), "-----BEGIN CERTIFICATE-----\nca\n".to_owned());
            }
            Need::Certificate { name, key, .. } => {
                out.insert(format!("{name}.crt"), format!("-----BEGIN CERTIFICATE-----\n{name}\n"));
                out.insert(format!("{key}.key"), format!("-----BEGIN PRIVATE KEY-----\nPrivate {key}\n"));
            }
            Need::SshKey { name } => {
                out.insert(
                    format!("{name}.ssh"),
                    format!("-----BEGIN OPENSSH PRIVATE KEY-----\nPrivate {name}\n"),
                );
                out.insert(format!("{name}.pub"), format!("ssh-ed25519 AAAA {name}"));
            }
        }
    }
    Material(out)
}

pub fn planned(text: &str, words: &str) -> Plan {
    let (inventory, intent) = (inventory(text), intent(words));
    let mut facts = facts(&inventory);
    if words.contains("pg-copy") || words.contains("all") {
        // The node that it is cloned from has not been asked: one that has answered must have data.
        let upstreams =
            inventory.hosts().into_iter().filter_map(|host| inventory.vars(host).text("pg_upstream"));
        for upstream in upstreams.filter_map(|upstream| upstream.parse().ok()) {
            facts.0.remove(&upstream);
        }
    }
    plan(&inventory, &facts, &material(&inventory, &intent), &intent)
        .unwrap_or_else(|refusal| panic!("{words}: {refusal}"))
}
