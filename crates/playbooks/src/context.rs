//! What every playbook renders from.

use crate::{FactSet, Material};
use paddock_inventory::{Inventory, Map, NodeAddr, Vars};

/// The inputs of planning, borrowed.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The declared world.
    pub inventory: &'a Inventory,
    /// What is known of the nodes.
    pub facts: &'a FactSet,
    /// Keys and certificates.
    pub material: &'a Material,
    /// `-e`, highest precedence.
    pub extra_vars: &'a Map,
}

impl Context<'_> {
    /// The variables of a host, extra vars included.
    pub fn vars(&self, host: NodeAddr) -> Vars {
        self.inventory.vars_with(host, self.extra_vars)
    }

    /// The etcd members: address, `etcd_seq`, in order of address.
    pub(crate) fn etcd_members(&self) -> Vec<(NodeAddr, i64)> {
        let hosts = self.inventory.members_of_group("etcd");
        hosts.into_iter().map(|host| (host, self.vars(host).int("etcd_seq").unwrap_or(1))).collect()
    }

    /// `etcd_cluster` of the etcd group.
    pub(crate) fn etcd_cluster(&self) -> String {
        let first = self.etcd_members().first().map(|(host, _)| self.vars(*host));
        first.and_then(|vars| vars.text("etcd_cluster")).unwrap_or_else(|| "etcd".to_owned())
    }
}
