//! What a plan changes in the inventory, once its steps have made it true.

use paddock_inventory::{
    ClusterName, EditError, Inventory, NodeAddr, Value, VarTarget, remove_cluster, remove_instance, set_var,
    unset_var,
};
use serde::{Deserialize, Serialize};

/// An edit of the inventory that belongs to an operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "edit", rename_all = "snake_case")]
pub enum InventoryEdit {
    /// The host entry of an instance goes.
    RemoveInstance {
        /// Its cluster.
        cluster: ClusterName,
        /// Its node.
        addr: NodeAddr,
    },
    /// The group of a cluster goes.
    RemoveCluster {
        /// Which cluster.
        cluster: ClusterName,
    },
    /// A variable of a host entry goes.
    UnsetHostVar {
        /// The cluster whose group holds the entry.
        cluster: ClusterName,
        /// The node.
        addr: NodeAddr,
        /// The variable.
        name: String,
    },
    /// A variable of a host entry has another value.
    SetHostVar {
        /// The cluster whose group holds the entry.
        cluster: ClusterName,
        /// The node.
        addr: NodeAddr,
        /// The variable.
        name: String,
        /// Its new value.
        value: String,
    },
    /// A variable of a cluster's group goes.
    UnsetGroupVar {
        /// The cluster whose group it is.
        cluster: ClusterName,
        /// The variable.
        name: String,
    },
}

/// When an edit is made: when the stage before it has ended well on all hosts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedEdit {
    /// Index of that stage in the plan.
    pub after_stage: usize,
    /// What changes.
    pub edit: InventoryEdit,
}

impl InventoryEdit {
    /// The edited text. What the text does not have any more needs no edit.
    pub fn apply(&self, inventory: &Inventory) -> Result<String, EditError> {
        let group_of = |cluster: &ClusterName| {
            let groups = inventory.cluster(cluster).map(|cluster| cluster.groups.clone()).unwrap_or_default();
            groups.into_iter().next().map(|group| group.0)
        };
        let edited = match self {
            Self::RemoveInstance { cluster, addr } => {
                let declared = inventory
                    .cluster(cluster)
                    .is_some_and(|cluster| cluster.instances.iter().any(|one| one.addr == *addr));
                declared.then(|| remove_instance(inventory, cluster, *addr))
            }
            Self::RemoveCluster { cluster } => {
                inventory.cluster(cluster).map(|_| remove_cluster(inventory, cluster))
            }
            Self::UnsetHostVar { cluster, addr, name } => {
                group_of(cluster).map(|group| unset_var(inventory, &VarTarget::Host(group, *addr), name))
            }
            Self::SetHostVar { cluster, addr, name, value } => group_of(cluster).map(|group| {
                let value = Value::Text(value.clone());
                set_var(inventory, &VarTarget::Host(group, *addr), name, &value)
            }),
            Self::UnsetGroupVar { cluster, name } => {
                group_of(cluster).map(|group| unset_var(inventory, &VarTarget::Group(group), name))
            }
        };
        edited.unwrap_or_else(|| Ok(inventory.text().to_owned()))
    }

    /// One sentence: "removes 10.10.10.13 from `pg-test`".
    pub fn sentence(&self) -> String {
        match self {
            Self::RemoveInstance { cluster, addr } => format!("removes {addr} from `{cluster}`"),
            Self::RemoveCluster { cluster } => format!("removes the group of `{cluster}`"),
            Self::UnsetHostVar { cluster, addr, name } => {
                format!("removes `{name}` from {addr} of `{cluster}`")
            }
            Self::SetHostVar { cluster, addr, name, value } => {
                format!("sets `{name}` of {addr} of `{cluster}` to {value}")
            }
            Self::UnsetGroupVar { cluster, name } => format!("removes `{name}` from the vars of `{cluster}`"),
        }
    }
}
