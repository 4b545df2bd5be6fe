//! From an operation to a plan that can be read before it runs.
//!
//! Pure: inventory, facts, material and operation in, plan out; same input, same plan, same digest.
//! It knows what a step's check and apply are (shell text), but not how they reach a node.

mod checks;
mod concern;
mod context;
mod defaults;
mod digest;
mod edit;
mod etcd;
mod facts;
mod glance;
mod http;
mod intent;
mod live;
mod material;
mod node;
mod node_rm;
mod not_done;
mod operation;
mod order;
mod params;
mod patroni_ops;
mod pgsql;
mod pitr;
mod plan;
mod planning;
mod play;
mod rest;
mod scripts;
mod standby;
mod step;

pub use concern::{clusters_concerned, clusters_of_plan};
pub use context::Context;
pub use defaults::DEFAULTS;
pub use edit::{InventoryEdit, PlannedEdit};
pub use facts::{DataDir, FactSet, Facts, HostFacts};
pub use glance::{ClusterGlance, Glance, clusters_at_a_glance, differences};
pub use intent::{Intent, Refusal};
pub use live::{Live, LiveMember};
pub use material::{Material, Need};
pub use operation::Operation;
pub use pgsql::{RenderedFile, chosen_repository, rendered_files};
pub use plan::{AtStake, Digest, Plan, Stage, Warning};
pub use planning::{hosts_concerned, needs, plan};
pub use play::{Action, BackupKind, Play, Playbook};
pub(crate) use scripts::quote;
pub use step::{Effect, Fact, Script, Scripts, Step, StepId, UnitState};
