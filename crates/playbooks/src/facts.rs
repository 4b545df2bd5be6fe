//! What planning must know of a node, and the probe that reads it.

use crate::Live;
use crate::glance::AT_WORK;
use crate::http::http;
use paddock_inventory::NodeAddr;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What a node said about itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// `ID` of os-release: `debian`, `ubuntu`, `rocky`.
    pub os_id: String,
    /// `VERSION_ID` of os-release: `12`.
    pub os_version: String,
    /// `VERSION_CODENAME` of os-release.
    pub os_codename: String,
    /// `x86_64`, `aarch64`.
    pub arch: String,
    /// Processors online.
    pub cpus: u32,
    /// Memory in MiB.
    pub mem_mb: u64,
    /// Size in GiB of the file system that holds (or will hold) the data.
    pub disk_gb: u64,
    /// The node's own host name.
    pub hostname: String,
    /// Units of ours that are active: `etcd`, `patroni`, `haproxy`, `pgbouncer`, `postgres`, `pg-vip`, `dnsmasq`.
    pub active_units: BTreeSet<String>,
    /// Major versions of PostgreSQL whose server the node's package manager could install or has installed.
    pub pg_versions: BTreeSet<u32>,
    /// The node play has finished here once (`/etc/paddock/node.ready`).
    pub node_ready: bool,
    /// The etcd play has finished here once, RBAC included.
    pub etcd_ready: bool,
    /// What is in the data directory.
    pub data_dir: DataDir,
    /// Changes when the data directory is made anew: inode and change time of `PG_VERSION`.
    #[serde(default)]
    pub data_mark: String,
    /// Data of before a restore are kept in `/pg/data-backup`.
    #[serde(default)]
    pub data_aside: bool,
    /// What this node's Patroni sees; none where none answers.
    #[serde(default)]
    pub live: Option<Live>,
    /// Connected clients, ours not counted.
    #[serde(default)]
    pub connections: Option<u64>,
    /// Size of all databases in bytes.
    #[serde(default)]
    pub database_bytes: Option<u64>,
    /// Oid of each database: one that was dropped and made again has another.
    #[serde(default)]
    pub databases: BTreeMap<String, u32>,
    /// The running value of settings that a standby must not have lower than its primary.
    #[serde(default)]
    pub settings: BTreeMap<String, u64>,
    /// When PostgreSQL last loaded its configuration, as it prints it.
    #[serde(default)]
    pub conf_loaded: Option<String>,
    /// `pgbackrest info --output=json` as this node sees its repository.
    #[serde(default)]
    pub backups: Option<String>,
    /// On a node of etcd: prefixes of clusters that are initialised there (`/pg/pg-test`); none where it was not asked.
    #[serde(default)]
    pub dcs_scopes: Option<BTreeSet<String>>,
    /// Packages of Citus that the node's package manager knows.
    #[serde(default)]
    pub citus_packages: BTreeSet<String>,
    /// Network card by each IPv4 address of the node.
    #[serde(default)]
    pub interfaces: BTreeMap<String, String>,
    /// Other tools that change the node now (`ansible`, `patronictl`).
    #[serde(default)]
    pub others_at_work: BTreeSet<String>,
}

/// State of `pg_data` on a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum DataDir {
    /// Missing or empty.
    Empty,
    /// A PostgreSQL data directory; the cluster name is read from `/etc/patroni/patroni.yml`'s scope.
    Cluster {
        /// Patroni's scope on this node, if configured.
        scope: Option<String>,
        /// Major version in `PG_VERSION`.
        version: String,
    },
    /// Something else is there.
    Foreign,
}

/// What is known of one node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "known", rename_all = "snake_case")]
#[expect(clippy::large_enum_variant, reason = "almost all are `Known`; a box would only cost")]
pub enum HostFacts {
    /// Not asked (offline plan): assume a prepared Debian 12 node with 2 CPUs and 4 GiB.
    Assumed,
    /// Read from the node.
    Known(Facts),
    /// The node did not answer; why.
    Unreachable {
        /// What the connection said.
        reason: String,
    },
}

/// What is known of all nodes; one that is not listed is [`HostFacts::Assumed`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FactSet(pub BTreeMap<NodeAddr, HostFacts>);

/// Prints `key=value` lines. Needs nothing but a shell, coreutils and systemd; reads only.
const PROBE: &str = concat!(
    r#"
. /etc/os-release
echo "os_id=$ID"; echo "os_version=${VERSION_ID:-}"; echo "os_codename=${VERSION_CODENAME:-}"
echo "arch=$(uname -m)"; echo "cpus=$(nproc)"
echo "mem_mb=$(awk '/^MemTotal:/ {print int($2/1024)}' /proc/meminfo)"
d=/data; [ -d $d ] || d=/
echo "disk_gb=$(df -Pk $d | awk 'NR==2 {print int($2/1048576)}')"
echo "hostname=$(cat /proc/sys/kernel/hostname)"
for u in etcd patroni haproxy pgbouncer postgres pg-vip dnsmasq; do systemctl is-active -q $u && echo "active=$u"; done
for v in $( (ls /usr/lib/postgresql 2>/dev/null; apt-cache pkgnames postgresql- 2>/dev/null | sed -n 's/^postgresql-\([0-9][0-9]*\)$/\1/p') | sort -un); do echo "pg_version=$v"; done
apt-cache pkgnames postgresql- 2>/dev/null | grep -E '^postgresql-[0-9]+-citus' | sed 's/^/citus_package=/'
[ -e /etc/paddock/node.ready ] && echo node_ready=1
[ -e /etc/paddock/etcd.ready ] && systemctl is-active -q etcd && echo etcd_ready=1
if [ -e /pg/data/PG_VERSION ]; then
  echo "data_version=$(cat /pg/data/PG_VERSION)"
  sed -n 's/^scope: *//p' /etc/patroni/patroni.yml 2>/dev/null | sed 's/^/data_scope=/'
  echo "data_mark=$(stat -c '%i.%Z' /pg/data/PG_VERSION 2>/dev/null)"
elif [ -n "$(ls -A /pg/data 2>/dev/null)" ]; then echo data_foreign=1; fi
[ -e /pg/data-backup/PG_VERSION ] && echo data_aside=1
if [ -e /etc/paddock/etcd.ready ] && [ -e /etc/etcd/etcdctl.env ]; then
  (. /etc/etcd/etcdctl.env; timeout 6 etcdctl --command-timeout=5s get / --prefix --keys-only 2>/dev/null | sed -n 's|/initialize$||p' | sed 's/^/dcs_scope=/'; [ "${PIPESTATUS[0]}" = 0 ] && echo dcs_asked=1)
fi
ip -o -4 addr show 2>/dev/null | awk '{ sub("/.*", "", $4); print "address=" $4 " " $2 }'
if [ -e /etc/patroni/patroni.yml ] && command -v python3 >/dev/null; then
timeout 15 python3 - <<'PADDOCK'
"#,
    http!(),
    r#"import re
found = re.search(r'^  connect_address: (\S+)', open('/etc/patroni/patroni.yml').read(), re.M)
def get(path):
    try: return json.loads(http('http://' + found.group(1) + path, 4)[1])
    except Exception: return None
for path in ('cluster', 'config', 'patroni'):
    print('live_' + path + '=' + json.dumps(get('/' + path)))
PADDOCK
fi
port=$(sed -n 's/^  connect_address: .*:\([0-9]*\)$/\1/p' /etc/patroni/patroni.yml 2>/dev/null | tail -n 1)
if systemctl is-active -q patroni && [ -n "$port" ]; then
  cd /
  timeout 8 runuser -u postgres -- psql -XAtqw -p "$port" -d postgres -c "SELECT 'connections=' || count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()" -c "SELECT 'database_bytes=' || sum(pg_database_size(oid)) FROM pg_database" -c "SELECT 'database=' || oid || ' ' || datname FROM pg_database" -c "SELECT 'conf_loaded=' || pg_conf_load_time()" -c "SELECT 'setting=' || name || ' ' || setting FROM pg_settings WHERE name IN ('max_connections', 'max_worker_processes', 'max_prepared_transactions', 'max_locks_per_transaction', 'max_wal_senders')" 2>/dev/null
fi
if [ -e /etc/pgbackrest/pgbackrest.conf ]; then
  cd /; info=$(timeout 15 runuser -u postgres -- pgbackrest --output=json info 2>/dev/null | tr -d '\n') && [ -n "$info" ] && echo "backups=$info"
fi
exit 0
"#
);

impl Facts {
    /// Bash that prints what [`Facts::parse`] reads.
    pub fn probe() -> String {
        format!("{AT_WORK}{PROBE}")
    }

    /// Bash that prints what the repositories of backups hold, as JSON; nothing when pgBackRest is not set up.
    pub fn backups_probe() -> &'static str {
        "[ -e /etc/pgbackrest/pgbackrest.conf ] && cd / && timeout 15 runuser -u postgres -- pgbackrest --output=json info 2>/dev/null\nexit 0\n"
    }

    /// What an offline plan assumes: a prepared Debian 12 node with 2 CPUs, 4 GiB and 50 GiB.
    pub fn assumed() -> Self {
        Self {
            os_id: "debian".into(),
            os_version: "12".into(),
            os_codename: "bookworm".into(),
            arch: "x86_64".into(),
            cpus: 2,
            mem_mb: 4096,
            disk_gb: 50,
            hostname: String::new(),
            active_units: BTreeSet::new(),
            pg_versions: BTreeSet::new(),
            node_ready: true,
            etcd_ready: true,
            data_dir: DataDir::Empty,
            data_mark: String::new(),
            data_aside: false,
            live: None,
            connections: None,
            database_bytes: None,
            databases: BTreeMap::new(),
            settings: BTreeMap::new(),
            conf_loaded: None,
            backups: None,
            dcs_scopes: None,
            citus_packages: BTreeSet::new(),
            interfaces: BTreeMap::new(),
            others_at_work: BTreeSet::new(),
        }
    }

    /// Reads the probe's output; unknown keys are left out, a missing number is an error that names it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let all = |key: &str| -> Vec<&str> {
            let with_key = text.lines().filter_map(|line| line.split_once('='));
            with_key.filter(|(k, _)| *k == key).map(|(_, v)| v.trim()).collect()
        };
        let one = |key: &str| all(key).first().map(|v| (*v).to_owned()).unwrap_or_default();
        let number = |key: &str| {
            one(key).parse::<u64>().map_err(|_| format!("the node did not say its `{key}`: {:?}", one(key)))
        };
        let data_dir = if !all("data_foreign").is_empty() {
            DataDir::Foreign
        } else if all("data_version").is_empty() {
            DataDir::Empty
        } else {
            let scope = Some(one("data_scope")).filter(|scope| !scope.is_empty());
            DataDir::Cluster { scope, version: one("data_version") }
        };
        Ok(Self {
            os_id: one("os_id"),
            os_version: one("os_version"),
            os_codename: one("os_codename"),
            arch: one("arch"),
            cpus: u32::try_from(number("cpus")?).unwrap_or(1).max(1),
            mem_mb: number("mem_mb")?,
            disk_gb: number("disk_gb")?,
            hostname: one("hostname"),
            active_units: all("active").into_iter().map(str::to_owned).collect(),
            pg_versions: all("pg_version").iter().filter_map(|v| v.parse().ok()).collect(),
            node_ready: !all("node_ready").is_empty(),
            etcd_ready: !all("etcd_ready").is_empty(),
            data_dir,
            data_mark: one("data_mark"),
            data_aside: !all("data_aside").is_empty(),
            live: Live::parse(&one("live_cluster"), &one("live_config"), &one("live_patroni")),
            connections: one("connections").parse().ok(),
            database_bytes: one("database_bytes").parse().ok(),
            databases: all("database")
                .iter()
                .filter_map(|line| line.split_once(' '))
                .filter_map(|(oid, name)| Some((name.to_owned(), oid.parse().ok()?)))
                .collect(),
            settings: all("setting")
                .iter()
                .filter_map(|line| line.split_once(' '))
                .filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?)))
                .collect(),
            conf_loaded: Some(one("conf_loaded")).filter(|time| !time.is_empty()),
            backups: Some(one("backups")).filter(|info| !info.is_empty()),
            dcs_scopes: (!all("dcs_asked").is_empty())
                .then(|| all("dcs_scope").into_iter().map(str::to_owned).collect()),
            citus_packages: all("citus_package").into_iter().map(str::to_owned).collect(),
            interfaces: all("address")
                .iter()
                .filter_map(|line| line.split_once(' '))
                .map(|(address, card)| (address.to_owned(), card.to_owned()))
                .collect(),
            others_at_work: all("at_work").into_iter().map(str::to_owned).collect(),
        })
    }
}

impl FactSet {
    /// What is known of a node, or what is assumed of it.
    pub fn of(&self, host: NodeAddr) -> Facts {
        self.known(host).cloned().unwrap_or_else(Facts::assumed)
    }

    /// Whether the node has answered.
    pub fn is_known(&self, host: NodeAddr) -> bool {
        self.known(host).is_some()
    }
}
