//! `etcd.yml`: the DCS, with TLS for clients and peers, and a password.
//!
//! Debian's etcd starts without either as soon as it is installed, with data of its own in /var/lib/etcd; that data
//! directory is never used here.

use crate::params::{int, password, port, text};
use crate::{Context, Need, Refusal, Stage, Step, UnitState};
use paddock_inventory::NodeAddr;
use std::collections::BTreeMap;

/// Environment of etcdctl on a member, root's password read from the root-only file.
pub(crate) const ETCDCTL_ENV: &str = ". /etc/etcd/etcdctl.env\n";

/// Certificates of all members.
pub(crate) fn needs(ctx: &Context<'_>) -> Vec<Need> {
    let cluster = ctx.etcd_cluster();
    let members = ctx.etcd_members().into_iter();
    members
        .map(|(host, seq)| {
            let name = format!("etcd/{cluster}-{seq}");
            let sans =
                vec!["localhost".into(), format!("{cluster}-{seq}"), "127.0.0.1".into(), host.to_string()];
            Need::Certificate { key: name.clone(), name, cn: format!("{cluster}-{seq}"), sans }
        })
        .collect()
}

/// The stages of the play. All members of the group take part; a limit that leaves some out is refused.
pub(crate) fn stages(ctx: &Context<'_>, hosts: &[NodeAddr]) -> Result<Vec<Stage>, Refusal> {
    let members = ctx.etcd_members();
    let refuse = |why: String, fix: &str| Refusal {
        code: "plan/etcd-limit".into(),
        what: "the etcd play was refused".into(),
        why,
        fix: fix.into(),
    };
    if let Some(host) = hosts.iter().find(|host| !members.iter().any(|(member, _)| member == *host)) {
        return Err(refuse(format!("{host} is not in group `etcd`"), "limit it to the group: `-l etcd`"));
    }
    if let Some((left, _)) = members.iter().find(|(member, _)| !hosts.contains(member)) {
        return Err(refuse(
            format!(
                "member {left} is left out; adding single members to a running etcd is not planned by this release"
            ),
            "limit it to the whole group: `-l etcd`",
        ));
    }
    let cluster = ctx.etcd_cluster();
    let mut install = BTreeMap::new();
    let mut start = BTreeMap::new();
    let mut verify = BTreeMap::new();
    for (host, seq) in &members {
        install.insert(*host, install_steps(ctx, *host, *seq, &cluster, &members));
        start.insert(*host, start_steps(*host));
        verify.insert(*host, verify_steps(ctx, *host));
    }
    let first = members.first().map(|(host, _)| *host);
    let rbac = first.map(|host| (host, rbac_steps(ctx, host))).into_iter().collect();
    let stage = |name: &str, hosts| Stage { name: name.into(), play: 0, hosts, serial: false };
    Ok(vec![
        stage("Install etcd", install),
        stage("Start etcd", start),
        stage("Protect etcd", rbac),
        stage("Verify etcd", verify),
    ])
}

fn install_steps(
    ctx: &Context<'_>,
    host: NodeAddr,
    seq: i64,
    cluster: &str,
    members: &[(NodeAddr, i64)],
) -> Vec<Step> {
    let vars = ctx.vars(host);
    let (client, peer) = (port(&vars, "etcd_port", 2379), port(&vars, "etcd_peer_port", 2380));
    let data = text(&vars, "etcd_data", "/data/etcd");
    let name = format!("{cluster}-{seq}");
    let initial: Vec<String> =
        members.iter().map(|(ip, seq)| format!("{cluster}-{seq}=https://{ip}:{peer}")).collect();
    // Clients show a password, not a certificate: etcd 3.4's gateway, which Patroni uses, refuses certificates with a name.
    let tls = "  cert-file: /etc/etcd/server.crt\n  key-file: /etc/etcd/server.key\n";
    let config = format!(
        "# Managed by Paddock: etcd.yml\nname: {name}\ndata-dir: {data}\nlisten-client-urls: https://{host}:{client},https://127.0.0.1:{client}\nadvertise-client-urls: https://{host}:{client}\nlisten-peer-urls: https://{host}:{peer}\ninitial-advertise-peer-urls: https://{host}:{peer}\ninitial-cluster: {}\ninitial-cluster-state: new\ninitial-cluster-token: {cluster}\nheartbeat-interval: {}\nelection-timeout: {}\nquota-backend-bytes: 8589934592\nauto-compaction-mode: periodic\nauto-compaction-retention: 24h\n# Patroni speaks to the gateway; a configuration file turns its default off.\nenable-grpc-gateway: true\nclient-transport-security:\n{tls}peer-transport-security:\n{tls}  trusted-ca-file: /etc/etcd/ca.crt\n  client-cert-auth: true\n",
        initial.join(","),
        int(&vars, "etcd_heartbeat_interval", 100),
        int(&vars, "etcd_election_timeout", 1000),
    );
    let env = etcdctl_env(&vars, host, members);
    let drop_in = "[Unit]\nAfter=network-online.target\n[Service]\nEnvironmentFile=\nExecStart=\nExecStart=/usr/bin/etcd --config-file /etc/etcd/etcd.conf\nTimeoutStartSec=90\n";
    let material = |suffix: &str| ctx.material.get(&format!("etcd/{name}.{suffix}"));
    vec![
        Step::packages("etcd/etcd_pkg/packages", host, &["etcd-server".into(), "etcd-client".into()]),
        Step::directory("etcd/etcd_dir/conf", host, "/etc/etcd", "root:etcd", 0o750),
        Step::directory("etcd/etcd_dir/data", host, &data, "etcd:etcd", 0o700),
        Step::file("etcd/etcd_cert/ca.crt", host, "/etc/etcd/ca.crt", ctx.material.get("ca.crt")),
        Step::file("etcd/etcd_cert/server.crt", host, "/etc/etcd/server.crt", material("crt")),
        Step::file("etcd/etcd_cert/server.key", host, "/etc/etcd/server.key", material("key"))
            .owner("root:etcd")
            .mode(0o640)
            .secret(),
        Step::file("etcd/etcd_conf/etcd.conf", host, "/etc/etcd/etcd.conf", config)
            .owner("root:etcd")
            .mode(0o640),
        Step::file("etcd/etcd_conf/etcdctl.env", host, "/etc/etcd/etcdctl.env", env).mode(0o600).secret(),
        Step::directory(
            "etcd/etcd_conf/drop-in-dir",
            host,
            "/etc/systemd/system/etcd.service.d",
            "root:root",
            0o755,
        ),
        Step::file(
            "etcd/etcd_conf/drop-in",
            host,
            "/etc/systemd/system/etcd.service.d/paddock.conf",
            drop_in,
        ),
    ]
}

/// Variables for etcdctl as root of etcd; the password is in this root-only file and never on a command line.
fn etcdctl_env(vars: &paddock_inventory::Vars, host: NodeAddr, _members: &[(NodeAddr, i64)]) -> String {
    let client = port(vars, "etcd_port", 2379);
    let secret = password(vars, "etcd_root_password").replace('\'', "'\\''");
    format!(
        "export ETCDCTL_API=3 ETCDCTL_ENDPOINTS=https://{host}:{client} ETCDCTL_CACERT=/etc/etcd/ca.crt\nexport ETCDCTL_USER='root:{secret}'\n"
    )
}

fn start_steps(host: NodeAddr) -> Vec<Step> {
    vec![
        Step::unit(
            "etcd/etcd_launch/unit",
            host,
            "etcd.service",
            UnitState::RunningElseRestart,
            &[
                "/etc/etcd/etcd.conf",
                "/etc/etcd/server.crt",
                "/etc/etcd/server.key",
                "/etc/systemd/system/etcd.service.d/paddock.conf",
            ],
        )
        .interrupts(format!("restarts etcd on {host} when its configuration changes")),
        Step::wait(
            "etcd/etcd_launch/health",
            host,
            "the member is healthy over TLS",
            format!(
                "{ETCDCTL_ENV}out=$(etcdctl --command-timeout=3s endpoint health 2>&1) && exit 0\n# Before there is a root user, credentials are refused; the member itself is then asked without.\nout=$(env -u ETCDCTL_USER etcdctl --command-timeout=3s endpoint health 2>&1) && exit 0\necho \"$out\"; exit 1\n"
            ),
            60,
        ),
    ]
}

/// A root user with the declared password, then authentication on. Everything on stdin, nothing in arguments.
fn rbac_steps(ctx: &Context<'_>, host: NodeAddr) -> Vec<Step> {
    let secret = password(&ctx.vars(host), "etcd_root_password");
    let check = format!(
        "cat >/dev/null\n{ETCDCTL_ENV}env -u ETCDCTL_USER etcdctl --command-timeout=5s get --limit 1 --prefix / >/dev/null 2>&1 && {{ echo 'etcd answers without a password'; exit 1; }}\netcdctl --command-timeout=5s user get root >/dev/null 2>&1 || {{ echo \"root's password is not the declared one\"; exit 1; }}\n"
    );
    let apply = format!(
        "{ETCDCTL_ENV}read -r password\nplain() {{ env -u ETCDCTL_USER etcdctl --command-timeout=5s \"$@\"; }}\nplain user list 2>/dev/null | grep -qx root || printf '%s\\n' \"$password\" | plain user add root --interactive=false || exit 1\nplain role list 2>/dev/null | grep -qx root || plain role add root || exit 1\nplain user grant-role root root || exit 1\nplain auth enable || exit 1\n"
    );
    vec![
        Step::command("etcd/etcd_auth/root", host, "etcd asks for a password", check, apply)
            .stdin(format!("{secret}\n"))
            .settle(10),
    ]
}

fn verify_steps(ctx: &Context<'_>, host: NodeAddr) -> Vec<Step> {
    let vars = ctx.vars(host);
    let client = port(&vars, "etcd_port", 2379);
    let check = format!(
        "{ETCDCTL_ENV}etcdctl --command-timeout=5s endpoint health >/dev/null 2>&1 || {{ echo 'not healthy with the declared password'; exit 1; }}\nenv -u ETCDCTL_USER etcdctl --command-timeout=5s get --limit 1 --prefix / >/dev/null 2>&1 && {{ echo 'a request without a password was answered'; exit 1; }}\nexec 3<>/dev/tcp/{host}/{client} || {{ echo 'the port is closed'; exit 1; }}\nprintf 'GET /health HTTP/1.0\\r\\n\\r\\n' >&3\nread -r -t 3 line <&3\ncase \"$line\" in *'200 OK'*) echo 'plain HTTP was answered: TLS is not required'; exit 1;; esac\nexit 0\n"
    );
    vec![
        Step::wait("etcd/verify/secure", host, "healthy; TLS and password are required", check, 30)
            .tag("always"),
        Step::directory("etcd/verify/dir", host, "/etc/paddock", "root:root", 0o755),
        Step::file("etcd/verify/marker", host, "/etc/paddock/etcd.ready", "prepared by etcd.yml\n")
            .titled("etcd is ready"),
    ]
}
