//! Names of instances and clusters in the DNS of the infra nodes: dnsmasq there reads one file per name.

use crate::params::text;
use crate::pgsql::members::{Member, Members};
use crate::pgsql::vip;
use crate::planning::warning;
use crate::scripts::quote;
use crate::{Context, Step, Warning};
use paddock_inventory::NodeAddr;
use std::collections::BTreeMap;

/// Where dnsmasq of an infra node looks for files of names (its `hostsdir`).
const DIRECTORY: &str = "/etc/dnsmasq.d/pigsty";

/// The infra nodes whose dnsmasq runs.
pub(crate) fn servers(ctx: &Context<'_>) -> Vec<NodeAddr> {
    let mut infra = ctx.inventory.members_of_group("infra");
    infra.retain(|host| ctx.facts.known(*host).is_some_and(|facts| facts.active_units.contains("dnsmasq")));
    infra
}

/// Records of the members within the limit and of the cluster, on every infra node that serves names. `acting` leads.
pub(crate) fn steps(
    ctx: &Context<'_>,
    members: &Members,
    chosen: &[&Member],
    acting: Option<&Member>,
    warnings: &mut Vec<Warning>,
) -> BTreeMap<NodeAddr, Vec<Step>> {
    let servers = servers(ctx);
    if servers.is_empty() {
        warnings.extend(not_done(ctx, members));
        return BTreeMap::new();
    }
    let mut records: Vec<(String, NodeAddr)> =
        chosen.iter().map(|member| (member.name.clone(), member.addr)).collect();
    if let Some(acting) = acting {
        match target(acting) {
            Ok(addr) => records.extend(addr.map(|addr| (cluster_name(members, acting), addr))),
            Err(why) => {
                let text = format!("`{}` gets no DNS record: {why}.", members.name);
                warnings.push(warning("plan/dns-not-done", text));
            }
        }
    }
    servers
        .into_iter()
        .map(|host| (host, records.iter().map(|(name, addr)| record(host, name, *addr)).collect()))
        .collect()
}

/// The cluster's own name has the suffix, an instance's has none.
fn cluster_name(members: &Members, member: &Member) -> String {
    format!("{}{}", members.name, text(&member.vars, "pg_dns_suffix", ""))
}

/// What the cluster's name stands for: `auto` is the virtual address, else who leads; none when it is to have no record.
fn target(acting: &Member) -> Result<Option<NodeAddr>, String> {
    let vip = vip::declared(acting).map(|vip| vip.addr);
    match text(&acting.vars, "pg_dns_target", "auto").as_str() {
        "none" => Ok(None),
        "auto" => Ok(Some(vip.unwrap_or(acting.addr))),
        "vip" => {
            vip.map(Some).ok_or_else(|| "`pg_dns_target` is `vip`, and no virtual address is enabled".into())
        }
        "primary" => Ok(Some(acting.addr)),
        address => address.parse().map(Some).map_err(|_| {
            format!("`pg_dns_target: {address}` is neither auto, primary, vip, none nor an address")
        }),
    }
}

/// A hidden file first, which dnsmasq leaves alone, then renamed. It forgets old addresses only when told to read again.
fn record(host: NodeAddr, name: &str, addr: NodeAddr) -> Step {
    let (file, hidden) = (quote(&format!("{DIRECTORY}/{name}")), quote(&format!("{DIRECTORY}/.{name}")));
    let check = format!(
        "want=$(cat)\n[ \"$(cat {file} 2>/dev/null)\" = \"$want\" ] && exit 0\ndiff -u --label {file} --label {file} <(cat {file} 2>/dev/null) <(echo \"$want\"); exit 1\n"
    );
    let apply = format!(
        "set -e\ninstall -d -m 755 {DIRECTORY}\ncat >{hidden}\nchmod 644 {hidden}\nmv -f {hidden} {file}\nsystemctl kill -s HUP --kill-who=main dnsmasq\n"
    );
    let id = format!("pgsql/pg_dns/{name}");
    Step::command(&id, host, &format!("{name} is {addr} in the DNS"), check, apply)
        .stdin(format!("{addr} {name}\n"))
}

/// The records of those who go, and of the cluster when all go.
pub(crate) fn gone(
    ctx: &Context<'_>,
    members: &Members,
    going: &[&Member],
    whole: bool,
) -> BTreeMap<NodeAddr, Vec<Step>> {
    let mut names: Vec<String> = going.iter().map(|member| member.name.clone()).collect();
    if let (true, Some(first)) = (whole, going.first()) {
        names.push(cluster_name(members, first));
    }
    let step = |host: NodeAddr, name: &String| {
        let file = quote(&format!("{DIRECTORY}/{name}"));
        let check = format!("[ -e {file} ] || exit 0\necho 'it has'; exit 1\n");
        let apply = format!("rm -f -- {file} && systemctl kill -s HUP --kill-who=main dnsmasq\n");
        Step::command(&format!("pgsql/rm_dns/{name}"), host, &format!("the DNS has no {name}"), check, apply)
    };
    let servers = servers(ctx).into_iter();
    servers.map(|host| (host, names.iter().map(|name| step(host, name)).collect())).collect()
}

/// Records that are asked for by name and cannot be made are said.
fn not_done(ctx: &Context<'_>, members: &Members) -> Option<Warning> {
    let asks = members.all.iter().any(|member| {
        let target = member
            .vars
            .text("pg_dns_target")
            .is_some_and(|target| !matches!(target.as_str(), "" | "none" | "auto"));
        target || member.vars.text("pg_dns_suffix").is_some_and(|suffix| !suffix.is_empty())
    });
    let infra = ctx.inventory.members_of_group("infra");
    let why = if infra.is_empty() {
        "the inventory has no `infra` group whose dnsmasq could serve them".to_owned()
    } else {
        let list = infra.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        format!("no dnsmasq is known to run on the infra nodes ({list})")
    };
    asks.then(|| {
        warning(
            "plan/dns-not-done",
            format!(
                "`pg_dns_suffix` or `pg_dns_target` of `{}` asks for DNS records, and none is made: {why}. Install and start dnsmasq there with `hostsdir={DIRECTORY}`, then run `pgsql.yml -l {} -t pg_dns`.",
                members.name, members.name
            ),
        )
    })
}
