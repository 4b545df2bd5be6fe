//! What every playbook renders from.

use crate::{FactSet, Material};
use paddock_inventory::{Inventory, Map};

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
