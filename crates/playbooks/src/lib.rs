//! From an operation to a plan that can be read before it runs.
//!
//! Pure: inventory, facts, material and operation in, plan out; same input, same plan, same digest.
//! It knows what a step's check and apply are (shell text), but not how they reach a node.

mod context;
mod facts;
mod material;
mod operation;
mod plan;
mod step;

pub use context::Context;
pub use facts::{DataDir, FactSet, Facts, HostFacts};
pub use material::{Material, Need};
pub use operation::{Intent, Operation, Play, Playbook, Refusal};
pub use plan::{Digest, Plan, Stage, Warning};
pub use step::{Effect, Fact, Script, Scripts, Step, StepId, UnitState};
