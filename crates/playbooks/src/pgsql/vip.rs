//! The virtual address of a cluster: on the network card of the member that leads, and nowhere else.
//!
//! Pigsty binds it with vip-manager, which polls the leader's key in etcd. Here keepalived does, with Patroni's own word on
//! who leads (decision 0011): one daemon of its own unit, so that a node's own keepalived is left alone.

use crate::params::{flag, text};
use crate::pgsql::members::{Member, Members};
use crate::pgsql::verify;
use crate::{Context, Refusal, Step, UnitState};
use paddock_inventory::{NodeAddr, Vars};

const UNIT: &str = "pg-vip.service";
const UNIT_FILE: &str = "/etc/systemd/system/pg-vip.service";
const CONF: &str = "/etc/keepalived/pg-vip.conf";
const LEADS: &str = "/etc/keepalived/pg-vip-leads";

/// A declared virtual address with its mask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Vip {
    pub(crate) addr: NodeAddr,
    mask: u8,
}

pub(crate) fn enabled(vars: &Vars) -> bool {
    flag(vars, "pg_vip_enabled", false)
}

/// The address that a member declares; none when it declares none, or one that cannot be read (a finding says so).
pub(crate) fn declared(member: &Member) -> Option<Vip> {
    if !enabled(&member.vars) {
        return None;
    }
    let text = member.vars.text("pg_vip_address")?;
    let (addr, mask) = text.split_once('/').map_or((text.as_str(), "24"), |(addr, mask)| (addr, mask));
    let mask = mask.parse().ok().filter(|mask| *mask <= 32)?;
    Some(Vip { addr: addr.parse().ok()?, mask })
}

/// Steps of one member; when it declares no address and one is kept here, steps that end that.
pub(crate) fn steps(ctx: &Context<'_>, members: &Members, member: &Member) -> Result<Vec<Step>, Refusal> {
    let Some(vip) = declared(member) else {
        let runs = ctx.facts.of(member.addr).active_units.contains("pg-vip");
        return Ok(if runs { gone(member) } else { Vec::new() });
    };
    let host = member.addr;
    let leads = format!(
        "#!/bin/bash\n# Managed by Paddock: whether {name} leads, as its Patroni says\nexec 3<>/dev/tcp/{host}/{port} || exit 1\nprintf 'OPTIONS /leader HTTP/1.0\\r\\n\\r\\n' >&3\nread -r -t 2 _ code _ <&3\n[ \"$code\" = 200 ]\n",
        name = member.name,
        port = member.patroni_port
    );
    let unit = format!(
        "# Managed by Paddock\n[Unit]\nDescription=The virtual address of PostgreSQL's leader\nAfter=network-online.target\n\n[Service]\nExecStart=/usr/sbin/keepalived --dont-fork --log-console --vrrp --use-file={CONF} --pid=/run/pg-vip.pid --vrrp_pid=/run/pg-vip-vrrp.pid\nExecReload=/bin/kill -s HUP $MAINPID\nKillMode=mixed\nRestart=on-failure\nRestartSec=2\n\n[Install]\nWantedBy=multi-user.target\n"
    );
    Ok(vec![
        Step::packages("pgsql/pg_vip/packages", host, &["keepalived".to_owned()]),
        Step::directory("pgsql/pg_vip/dir", host, "/etc/keepalived", "root:root", 0o755),
        Step::file("pgsql/pg_vip/leads", host, LEADS, leads).mode(0o755),
        // Not tried by `keepalived --config-test`: 2.2.7 ends itself with SIGTERM where a script is tracked.
        Step::file("pgsql/pg_vip/conf", host, CONF, conf(ctx, members, member, vip)?),
        Step::file("pgsql/pg_vip/unit", host, UNIT_FILE, unit),
        Step::unit("pgsql/pg_vip/run", host, UNIT, UnitState::RunningElseReload, &[CONF, LEADS, UNIT_FILE]),
    ])
}

/// Unicast, since many networks carry no multicast; a member that does not lead is in state FAULT and takes no part.
fn conf(ctx: &Context<'_>, members: &Members, member: &Member, vip: Vip) -> Result<String, Refusal> {
    let card = card(ctx, member)?;
    let peers: String = members
        .all
        .iter()
        .filter(|other| other.addr != member.addr)
        .map(|other| format!("        {}\n", other.addr))
        .collect();
    // VRRP's number of the group, 1 to 255. Packets of others than the peers are not listened to.
    let group =
        vip.addr.to_string().rsplit('.').next().and_then(|last| last.parse().ok()).unwrap_or(1).max(1_u8);
    Ok(format!(
        "# Managed by Paddock: instance {name}\nglobal_defs {{\n    router_id {name}\n    enable_script_security\n    script_user nobody\n    vrrp_check_unicast_src\n    vrrp_garp_master_refresh 60\n}}\nvrrp_script leads {{\n    script {LEADS}\n    interval 1\n    timeout 3\n    rise 1\n    fall 2\n    init_fail\n}}\nvrrp_instance {cluster} {{\n    state BACKUP\n    interface {card}\n    virtual_router_id {group}\n    priority 100\n    advert_int 1\n    unicast_src_ip {own}\n    unicast_peer {{\n{peers}    }}\n    track_script {{\n        leads\n    }}\n    virtual_ipaddress {{\n        {addr}/{mask} dev {card}\n    }}\n}}\n",
        name = member.name,
        cluster = members.name,
        own = member.addr,
        addr = vip.addr,
        mask = vip.mask,
    ))
}

/// `pg_vip_interface`; `auto`: the card that has the address of the inventory.
fn card(ctx: &Context<'_>, member: &Member) -> Result<String, Refusal> {
    let refuse = |why: String| Refusal {
        code: "plan/vip-no-interface".into(),
        what: format!("the virtual address of {} cannot be planned", member.name),
        why,
        fix: "name the network card: `pg_vip_interface: <name>` of that host".into(),
    };
    let declared = text(&member.vars, "pg_vip_interface", "auto");
    if declared != "auto" {
        let good = declared.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:@".contains(&b));
        return if good {
            Ok(declared)
        } else {
            Err(refuse(format!("`{declared}` is no network card's name")))
        };
    }
    let Some(facts) = ctx.facts.known(member.addr) else { return Ok("eth0".to_owned()) };
    let found = facts.interfaces.get(&member.addr.to_string()).cloned();
    found.ok_or_else(|| refuse(format!("no network card of the node has the address {}", member.addr)))
}

/// The address is where the leader is, and nowhere else.
pub(crate) fn proof(members: &Members, member: &Member) -> Option<Step> {
    let vip = declared(member)?;
    let body = format!(
        r#"import subprocess
seen = {{m["name"]: m for m in cluster({urls})}}
has = " {addr}/" in subprocess.run(["ip", "-o", "-4", "addr", "show"], capture_output=True, text=True, check=True).stdout
leading = leads(seen["{name}"]) if "{name}" in seen else False
if has != leading: print(f"{name} {{'leads' if leading else 'does not lead'}} and {{'has' if has else 'does not have'}} {addr}"); sys.exit(1)
"#,
        urls = verify::urls(members),
        addr = vip.addr,
        name = member.name
    );
    let title = format!("{} is on the leader's node only", vip.addr);
    let step = Step::wait("pgsql/verify/vip", member.addr, &title, verify::python(&body), 30);
    Some(step.tag("pg_vip"))
}

/// No daemon, no file and no address of it is left on the node.
pub(crate) fn gone(member: &Member) -> Vec<Step> {
    let host = member.addr;
    let files = format!("{CONF} {LEADS} {UNIT_FILE} /run/paddock/{UNIT}.loaded");
    let mut steps = vec![
        Step::unit("pgsql/pg_vip/stop", host, UNIT, UnitState::Stopped, &[]),
        Step::command(
            "pgsql/pg_vip/gone",
            host,
            "no configuration of a virtual address",
            format!(
                "for f in {files}; do [ ! -e $f ] || {{ echo \"$f is there\"; bad=1; }}; done\nexit ${{bad:-0}}\n"
            ),
            format!("rm -f -- {files} && systemctl daemon-reload\n"),
        ),
    ];
    if let Some(vip) = declared(member) {
        let check = format!(
            "ip -o -4 addr show | grep -F ' {0}/' || exit 0\necho 'the node still has {0}'; exit 1\n",
            vip.addr
        );
        let title = format!("the node does not have {}", vip.addr);
        steps.push(Step::wait("pgsql/pg_vip/released", host, &title, check, 15));
    }
    steps
}
