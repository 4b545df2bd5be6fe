//! Tables: what the console must not forget. The only place with SQL.
//!
//! Functions are named for the question and take and return plain types; rows are private. It knows nothing
//! of policy: who may, is decided above. What must be true of a write (a stale parent, a held lease, a
//! runner that was replaced) is a condition of the write itself, and the answer says so.

mod approvals;
mod audit;
mod copy;
mod database;
mod events;
mod factors;
mod identities;
mod jobs;
mod leases;
mod pack;
mod people;
mod plans;
mod revisions;
mod seal;
mod sessions;
mod settings;
mod sightings;
mod step_times;
mod tokens;

pub use approvals::{ApprovalState, NewApproval, Signed, StoredApproval, Typed};
pub use audit::{AuditFilter, ChainEnd, Decision, NewAudit, StoredAudit};
pub use database::{Hindrance, Store, StoreError};
pub use events::{Appended, LinesBefore, PackedEvents};
pub use factors::StoredFactor;
pub use identities::NewIdentity;
pub use jobs::{JobState, NewJob, StoredJob};
pub use leases::{Held, Taken};
pub use people::{ListedPerson, NewPerson, StoredGrant, StoredPerson};
pub use plans::{Concerned, NewPlan, StoredPlan};
pub use revisions::{NewRevision, RevisionHead, StoredRevision};
pub use seal::{SealKey, is_sealed_file};
pub use sessions::StoredSession;
pub use tokens::{NewToken, StoredToken, TokenBearer, TokenScope};
