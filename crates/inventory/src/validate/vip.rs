//! Virtual addresses: of a cluster's leader (vip-manager), and of a group of nodes (keepalived).

use super::place;
use crate::read::RawGroup;
use crate::{Edit, Finding, Inventory, NodeAddr, Span, Value, Vars};
use std::collections::BTreeMap;

pub(super) fn check(inventory: &Inventory, raw: &[RawGroup<'_>], findings: &mut Vec<Finding>) {
    let mut taken: BTreeMap<NodeAddr, &str> = BTreeMap::new();
    for cluster in inventory.clusters().values() {
        let Some(first) = cluster.instances.first() else { continue };
        let vars = inventory.vars_of(first.addr);
        let enabled = vars.bool("pg_vip_enabled") == Some(true);
        let Some(written) = vars.value("pg_vip_address").filter(|value| **value != Value::Null) else {
            if enabled {
                let message = format!("`pg_vip_enabled` of `{}` without `pg_vip_address`", cluster.name);
                findings.push(
                    Finding::error("vip/no-address", place(vars, "pg_vip_enabled", first.span), message)
                        .help("set `pg_vip_address: <ipv4>/<mask>`, an address of the nodes' own network"),
                );
            }
            continue;
        };
        let span = place(vars, "pg_vip_address", first.span);
        let text = written.to_text();
        let (ip, mask) = text.split_once('/').map_or((text.as_str(), None), |(ip, mask)| (ip, Some(mask)));
        let addr = ip.parse::<NodeAddr>();
        let good_mask = mask.is_some_and(|mask| mask.parse::<u8>().is_ok_and(|mask| mask <= 32));
        if addr.is_err() || !good_mask {
            let message = format!("`pg_vip_address: {text}` of `{}` is not `ipv4/mask`", cluster.name);
            let mut finding = Finding::error("vip/bad-address", span, message)
                .help("write it with its mask, such as `10.10.10.2/24`");
            if addr.is_ok() && mask.is_none() {
                finding = finding.fix(Edit::one(span.start, span.end, format!("{ip}/24")));
            }
            findings.push(finding);
        }
        if let (true, Ok(addr)) = (enabled, addr) {
            if let Some(other) = taken.insert(addr, cluster.name.as_str()) {
                let message = format!("{addr} is the virtual address of `{other}` and of `{}`", cluster.name);
                findings.push(
                    Finding::error("vip/shared", span, message)
                        .help("give each cluster an address of its own"),
                );
            }
            if inventory.hosts().binary_search(&addr).is_ok() {
                let message =
                    format!("the virtual address {addr} of `{}` is a node of the inventory", cluster.name);
                findings.push(
                    Finding::error("vip/node-address", span, message)
                        .help("choose a free address of the nodes' network"),
                );
            }
        }
    }
    let hosts: BTreeMap<NodeAddr, Span> =
        raw.iter().flat_map(|group| &group.hosts).map(|host| (host.addr, host.key)).collect();
    for (addr, key) in hosts {
        let vars = inventory.vars_of(addr);
        if vars.bool("vip_enabled") == Some(true) {
            node(addr, vars, key, findings);
        }
    }
}

/// keepalived's needs on one node.
fn node(addr: NodeAddr, vars: &Vars, key: Span, findings: &mut Vec<Finding>) {
    let mut bad = |name: &str, code: &'static str, what: &str, help: &str| {
        let span = vars.get(name).and_then(|resolved| resolved.span).unwrap_or(key);
        findings.push(Finding::error(code, span, format!("`{name}` of {addr} {what}")).help(help));
    };
    let address = vars.text("vip_address");
    if address.is_none_or(|text| text.parse::<NodeAddr>().is_err()) {
        bad(
            "vip_address",
            "vip/no-address",
            "is missing or not an IPv4 address",
            "`vip_enabled` needs `vip_address`",
        );
    }
    if vars.int("vip_vrid").is_none_or(|vrid| !(1..=254).contains(&vrid)) {
        bad(
            "vip_vrid",
            "vip/bad-vrid",
            "is missing or not from 1 to 254",
            "give each virtual address of a network its own `vip_vrid`",
        );
    }
    if vars.text("vip_role").is_some_and(|role| !matches!(role.as_str(), "master" | "backup")) {
        bad(
            "vip_role",
            "vip/bad-role",
            "is neither master nor backup",
            "one host is master, the others are backup",
        );
    }
}
