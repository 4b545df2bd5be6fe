//! `node.yml`: what a database node needs before anything else.
//!
//! Source: reference of node-add. What a container or a small kernel refuses (sysctl, time) is tolerated and said.

use crate::params::{flag, port, text};
use crate::scripts::{aside, whole};
use crate::{Context, Stage, Step, UnitState};
use paddock_inventory::{NodeAddr, Value, Vars};
use std::collections::BTreeMap;

/// The stages of the play on these hosts.
pub(crate) fn stages(ctx: &Context<'_>, hosts: &[NodeAddr]) -> Vec<Stage> {
    let mut by_host = BTreeMap::new();
    for host in hosts {
        by_host.insert(*host, steps(ctx, *host));
    }
    vec![Stage { name: "Prepare nodes".into(), play: 0, hosts: by_host, serial: false }]
}

/// The node's name: the instance's when `node_id_from_pg`, else `nodename`; none leaves what it has.
pub(crate) fn node_name(vars: &Vars) -> Option<String> {
    let identity = vars.text("pg_cluster").zip(vars.int("pg_seq"));
    if flag(vars, "node_id_from_pg", true)
        && let Some((cluster, seq)) = identity
    {
        return Some(format!("{cluster}-{seq}"));
    }
    vars.text("nodename").filter(|name| !name.is_empty())
}

fn steps(ctx: &Context<'_>, host: NodeAddr) -> Vec<Step> {
    let vars = ctx.vars(host);
    let mut steps = Vec::new();
    if let Some(name) = node_name(&vars).filter(|_| flag(&vars, "nodename_overwrite", true)) {
        let check = format!(
            "have=$(cat /proc/sys/kernel/hostname); file=$(cat /etc/hostname 2>/dev/null)\n[ \"$have\" = {name} ] && [ \"$file\" = {name} ] && exit 0\necho \"hostname is $have, shall be {name}\"; exit 1\n"
        );
        let apply = format!(
            "echo {name} >/etc/hostname\nhostname {name} 2>/dev/null || sysctl -q -w kernel.hostname={name}\n"
        );
        steps.push(Step::command(
            "node/node_name/hostname",
            host,
            &format!("hostname is {name}"),
            check,
            apply,
        ));
    }
    if flag(&vars, "node_write_etc_hosts", true) {
        steps.push(hosts_step(ctx, host, &vars));
    }
    steps.push(Step::directory("node/node_ca/dir", host, "/etc/pki", "root:root", 0o755));
    let ca = ctx.material.get("ca.crt");
    steps.push(Step::file("node/node_ca/ca.crt", host, "/etc/pki/ca.crt", ca.clone()));
    steps.push(Step::file("node/node_ca/trust", host, "/usr/local/share/ca-certificates/pigsty-ca.crt", ca));
    steps.push(Step::command(
        "node/node_ca/update",
        host,
        "the system trusts the CA",
        "[ /etc/ssl/certs/pigsty-ca.pem -ef /usr/local/share/ca-certificates/pigsty-ca.crt ] && openssl verify -CApath /etc/ssl/certs /etc/pki/ca.crt >/dev/null 2>&1 && exit 0\necho 'the CA is not in the trust store'; exit 1\n".into(),
        "update-ca-certificates >/dev/null\n".into(),
    ));
    let mut packages: Vec<String> = ["haproxy", "openssl", "ca-certificates"].map(str::to_owned).into();
    packages.extend(
        vars.list("node_packages").unwrap_or_default().iter().filter_map(Value::as_str).map(str::to_owned),
    );
    packages.dedup();
    steps.push(Step::packages("node/node_pkg/packages", host, &packages));
    let limits = "* soft nofile 655360\n* hard nofile 655360\n* soft nproc 655360\n* hard nproc 655360\n* soft memlock unlimited\n* hard memlock unlimited\n";
    steps.push(Step::directory("node/node_ulimit/dir", host, "/etc/security/limits.d", "root:root", 0o755));
    steps.push(Step::file("node/node_ulimit/limits", host, "/etc/security/limits.d/node.conf", limits));
    let data = text(&vars, "node_data", "/data");
    steps.push(Step::directory("node/node_data/data", host, &data, "root:root", 0o755));
    steps.extend(time(host, &vars));
    steps.extend(haproxy(host, &vars));
    steps.push(Step::directory("node/node_ready/dir", host, "/etc/paddock", "root:root", 0o755));
    steps.push(
        Step::file("node/node_ready/marker", host, "/etc/paddock/node.ready", "prepared by node.yml\n")
            .titled("the node is prepared"),
    );
    steps
}

/// Every declared host by its node name, in one marked block; lines of others are left alone.
fn hosts_step(ctx: &Context<'_>, host: NodeAddr, vars: &Vars) -> Step {
    let admin = text(vars, "admin_ip", "");
    let mut lines = Vec::new();
    let portal = [Value::Text("${admin_ip} i.pigsty".to_owned())];
    for (name, default) in [("node_default_etc_hosts", portal.as_slice()), ("node_etc_hosts", &[])] {
        for line in vars.list(name).unwrap_or(default).iter().filter_map(Value::as_str) {
            lines.push(line.replace("${admin_ip}", &admin));
        }
    }
    for other in ctx.inventory.hosts() {
        if let Some(name) = node_name(&ctx.vars(other)) {
            lines.push(format!("{other} {name}"));
        }
    }
    let block: String = lines.iter().map(|line| format!("{line} # pigsty dns\n")).collect();
    let check = format!(
        "{}want=$(cat)\nhave=$(grep '# pigsty dns$' /etc/hosts)\n[ \"$have\" = \"$want\" ] && whole && exit 0\ndiff -u --label /etc/hosts --label /etc/hosts <(echo \"$have\") <(echo \"$want\"); exit 1\n",
        whole("/etc/hosts")
    );
    let apply = format!(
        "set -e\n{}{{ grep -v '# pigsty dns$' /etc/hosts || true; cat; }} >\"$new\"\nchmod 644 \"$new\"\nmv -f \"$new\" /etc/hosts\ntrap - EXIT\n",
        aside("/etc/hosts")
    );
    Step::command("node/node_hosts/hosts", host, "/etc/hosts names the declared nodes", check, apply)
        .stdin(block)
}

/// Time sync; a container shares its host's clock and cannot set it.
fn time(host: NodeAddr, vars: &Vars) -> Vec<Step> {
    if !flag(vars, "node_ntp_enabled", true) {
        return Vec::new();
    }
    vec![Step::command(
        "node/node_ntp/chrony",
        host,
        "the clock is kept by chrony (or by the container's host)",
        "systemd-detect-virt -cq && exit 0\nsystemctl is-active -q chrony && exit 0\necho 'chrony does not run'; exit 1\n".into(),
        "set -e\nexport DEBIAN_FRONTEND=noninteractive\ndpkg -s chrony >/dev/null 2>&1 || apt-get -o DPkg::Lock::Timeout=120 -qy --no-install-recommends install chrony\nsystemctl enable -q --now chrony\n".into(),
    )
    .limit(300)]
}

/// HAProxy with its stats page; services are files of their own in conf.d.
fn haproxy(host: NodeAddr, vars: &Vars) -> Vec<Step> {
    if !flag(vars, "haproxy_enabled", true) {
        return Vec::new();
    }
    let stats = port(vars, "haproxy_exporter_port", 9101);
    let name = node_name(vars).unwrap_or_else(|| host.to_string());
    let auth = if flag(vars, "haproxy_auth_enabled", true) {
        let user = text(vars, "haproxy_admin_username", "admin");
        let secret = text(vars, "haproxy_admin_password", "pigsty");
        format!("    stats auth {user}:{secret}\n")
    } else {
        String::new()
    };
    let client = text(vars, "haproxy_client_timeout", "24h");
    let server = text(vars, "haproxy_server_timeout", "24h");
    let config = format!(
        "# Managed by Paddock: node.yml. Services are in /etc/haproxy/conf.d.\nglobal\n    user haproxy\n    group haproxy\n    stats socket /var/run/haproxy.sock mode 600 level admin\n    # a node with a low limit of open files serves fewer connections instead of none\n    no strict-limits\n    maxconn 65535\n\ndefaults\n    mode tcp\n    retries 3\n    timeout queue 3s\n    timeout connect 3s\n    timeout check 3s\n    timeout client {client}\n    timeout server {server}\n\nlisten stats\n    bind *:{stats}\n    mode http\n    http-request use-service prometheus-exporter if {{ path /metrics }}\n    stats enable\n    stats uri /haproxy/{name}/\n    stats refresh 10s\n{auth}"
    );
    // Debian's unit knows one file; the drop-in adds the directory and checks both before a reload.
    let drop_in = "[Service]\nLimitNOFILE=262144\nEnvironment=\nEnvironment=CONFIG=/etc/haproxy/haproxy.cfg PIDFILE=/run/haproxy.pid\nExecStart=\nExecStart=/usr/sbin/haproxy -Ws -f /etc/haproxy/haproxy.cfg -f /etc/haproxy/conf.d -p $PIDFILE\nExecReload=\nExecReload=/usr/sbin/haproxy -c -f /etc/haproxy/haproxy.cfg -f /etc/haproxy/conf.d\nExecReload=/bin/kill -USR2 $MAINPID\n";
    vec![
        Step::directory("node/haproxy/dir", host, "/etc/haproxy", "root:root", 0o700),
        Step::directory("node/haproxy/conf.d", host, "/etc/haproxy/conf.d", "root:root", 0o700),
        Step::file("node/haproxy/haproxy.cfg", host, "/etc/haproxy/haproxy.cfg", config)
            .mode(0o600)
            .secret()
            .validate("haproxy -c -f {} -f /etc/haproxy/conf.d"),
        Step::directory(
            "node/haproxy/drop-in-dir",
            host,
            "/etc/systemd/system/haproxy.service.d",
            "root:root",
            0o755,
        ),
        Step::file(
            "node/haproxy/drop-in",
            host,
            "/etc/systemd/system/haproxy.service.d/paddock.conf",
            drop_in,
        ),
        Step::unit(
            "node/haproxy/unit",
            host,
            "haproxy.service",
            UnitState::RunningElseRestart,
            &["/etc/haproxy/haproxy.cfg", "/etc/systemd/system/haproxy.service.d/paddock.conf"],
        )
        .interrupts(format!("restarts HAProxy on {host} when its base configuration changes")),
        Step::wait(
            "node/haproxy/stats",
            host,
            &format!("HAProxy answers on port {stats}"),
            format!("exec 3<>/dev/tcp/127.0.0.1/{stats} && exit 0\necho 'nothing listens'; exit 1\n"),
            15,
        ),
    ]
}
