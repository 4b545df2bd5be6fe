//! Server functions: the actor from the session, one method of the console, its answer or its problem.
//!
//! The server provides three values as context for pages and for `/api/{*fn_name}` alike: `paddock_console::Console`,
//! [`Session`] and [`crate::Assets`] (the last for pages only). Each function is a public endpoint; the console authorises.

mod approvals;
mod audit;
mod clusters;
mod error;
mod factor;
mod first;
mod inventory;
mod jobs;
mod operations;
mod people;
mod plans;
mod policy;
#[cfg(feature = "ssr")]
mod session;
mod settings;
mod tokens;

pub use approvals::{
    approvals, approve, break_glass, plan_standing, refuse_approval, request_approval, withdraw_approval,
};
pub use audit::audit;
pub use clusters::{cluster, cluster_names};
pub use error::ApiError;
pub use factor::{begin_factor, confirm_factor, factor, remove_factor};
pub use first::{approvals_waiting, fleet, me};
pub use inventory::{
    blame, change_inventory_form, check_inventory, history, inventory, inventory_form, preview_new_cluster,
    recall, revision, save_inventory, view_inventory,
};
pub use jobs::{cancel, job, job_events, job_lines, jobs, resume};
pub use operations::{
    cluster_backups, cluster_config, cluster_declared, cluster_failovers, declare_clone, declare_instance,
    nodes, preview_config, reach_nodes, trust_host_key,
};
pub use people::{people, sign_in_ways};
pub use plans::{dry_run, make_plan, plan, run};
pub use policy::{policy, save_policy};
#[cfg(feature = "ssr")]
pub use session::Session;
#[cfg(feature = "ssr")]
use session::{actor, answer, console, session_id};
pub use settings::{drift, settings};
pub use tokens::{add_token, revoke_token, tokens};
