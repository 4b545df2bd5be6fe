//! `node-rm.yml`: a node leaves the console's care. Refused while a module still lives there.

use crate::pgsql::balancers;
use crate::planning::{Made, warning};
use crate::scripts::{aside, whole};
use crate::{Context, DataDir, Play, Refusal, Stage, Step, UnitState};
use paddock_inventory::NodeAddr;
use std::collections::BTreeMap;

/// The stages of the play on these hosts. A node that does not answer is left as it is, and said.
pub(crate) fn stages(ctx: &Context<'_>, play: &Play, hosts: &[NodeAddr]) -> Result<Made, Refusal> {
    let mut made = Made::default();
    let mut alive = Vec::new();
    let mut by_host = BTreeMap::new();
    for host in hosts {
        if let Some(reason) = ctx.facts.unreachable(*host) {
            made.warnings.push(warning(
                "plan/node-left-uncleaned",
                format!("{host} does not answer ({reason}): nothing is removed from it."),
            ));
            continue;
        }
        let facts = ctx.facts.of(*host);
        let mut units: Vec<&str> = ["patroni", "postgres", "pgbouncer", "etcd"]
            .into_iter()
            .filter(|unit| facts.active_units.contains(*unit))
            .collect();
        if facts.data_dir != DataDir::Empty {
            units.push("data in /pg/data");
        }
        let clusters = ctx.inventory.clusters().values();
        let served = clusters.filter(|cluster| balancers::beside(ctx.inventory, cluster).contains(host));
        let served: Vec<String> =
            served.map(|cluster| format!("the services of `{}`", cluster.name)).collect();
        units.extend(served.iter().map(String::as_str));
        if !units.is_empty() {
            let mut instances = ctx.inventory.clusters().values().flat_map(|cluster| &cluster.instances);
            let held = instances.find(|instance| instance.addr == *host);
            let held = held.map_or_else(String::new, |instance| format!(" ({})", instance.id));
            alive.push(format!("{host}{held} has {}", units.join(", ")));
        }
        by_host.insert(*host, steps(*host));
    }
    if !alive.is_empty() {
        return Err(Refusal {
            code: "plan/module-alive".into(),
            what: format!("`{}` was refused", play.command_line()),
            why: alive.join("; "),
            fix: "remove the module first: `pgsql-rm <cls> <ip>` for PostgreSQL; etcd members are removed with their cluster; a load balancer leaves the group that `pg_service_provider` names".into(),
        });
    }
    if by_host.is_empty() {
        return Err(Refusal {
            code: "plan/node-unreachable".into(),
            what: format!("`{}` was refused", play.command_line()),
            why: "none of the nodes answers, and there is nothing to remove elsewhere".into(),
            fix: "take them out of the inventory by hand".into(),
        });
    }
    let list: Vec<String> = by_host.keys().map(ToString::to_string).collect();
    made.blast.push(("removes".into(), format!("nodes {}", list.join(", "))));
    made.stages.push(Stage { name: "Remove nodes".into(), play: 0, hosts: by_host, serial: false });
    Ok(made)
}

fn steps(host: NodeAddr) -> Vec<Step> {
    let gone = |id: &str, title: &str, list: &str| {
        Step::command(
            id,
            host,
            title,
            format!(
                "for p in {list}; do [ -e \"$p\" ] || continue; echo \"$p is there\"; bad=1; done\nexit ${{bad:-0}}\n"
            ),
            format!("rm -rf --one-file-system -- {list}\nsystemctl daemon-reload\n"),
        )
    };
    vec![
        // Looked at again when it runs: somebody may have started something since.
        Step::wait(
            "node-rm/guard/modules",
            host,
            "no module lives here",
            "for u in patroni postgres pgbouncer etcd; do systemctl is-active -q $u && { echo \"$u is active\"; exit 1; }; done\n[ -e /pg/data/PG_VERSION ] && { echo '/pg/data holds a database'; exit 1; }\nexit 0\n".into(),
            0,
        )
        .tag("always"),
        Step::unit("node-rm/haproxy/stop", host, "haproxy.service", UnitState::Stopped, &[])
            .destroys(format!("removes node {host} from Paddock's care")),
        gone("node-rm/haproxy/files", "no configuration of HAProxy", "/etc/haproxy /etc/systemd/system/haproxy.service.d"),
        gone("node-rm/node_profile/files", "no files of the node play", "/etc/security/limits.d/node.conf /etc/profile.d/node.sh /etc/paddock /run/paddock"),
        Step::command(
            "node-rm/node_hosts/hosts",
            host,
            "/etc/hosts names no declared node",
            format!("{}n=$(grep -c '# pigsty dns$' /etc/hosts)\n[ \"$n\" = 0 ] && whole && exit 0\necho \"$n lines are left\"; exit 1\n", whole("/etc/hosts")),
            format!("set -e\n{}grep -v '# pigsty dns$' /etc/hosts >\"$new\" || true\nchmod 644 \"$new\"\nmv -f \"$new\" /etc/hosts\ntrap - EXIT\n", aside("/etc/hosts")),
        ),
    ]
}
