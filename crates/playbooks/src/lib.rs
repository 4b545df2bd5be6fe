//! From an operation to a plan that can be read before it runs.
//!
//! Pure: inventory, facts, material and operation in, plan out; same input, same plan, same digest.
//! It knows what a step's check and apply are (shell text), but not how they reach a node.

mod context;
mod etcd;
mod facts;
mod material;
mod node;
mod operation;
mod params;
mod pgsql;
mod plan;
mod planning;
mod scripts;
mod step;

pub use context::Context;
pub use facts::{DataDir, FactSet, Facts, HostFacts};
pub use material::{Material, Need};
pub use operation::{Intent, Operation, Play, Playbook, Refusal};
pub use plan::{Digest, Plan, Stage, Warning};
pub use planning::{hosts_concerned, needs, plan};
pub use step::{Effect, Fact, Script, Scripts, Step, StepId, UnitState};
