//! Use cases: sign-in, inventory, plans, jobs, live view. The one place that decides who may do what.
//!
//! Nothing below this crate knows who is signed in; nothing above it decides.

#[cfg(test)]
mod approval_tests;
mod approvals;
mod audit;
mod audit_log;
mod backups;
mod case;
mod clock;
mod clusters;
mod config;
mod connections;
mod console;
mod declare;
mod declared;
mod desk;
mod drift;
#[cfg(test)]
mod factor_tests;
mod factors;
mod failovers;
mod feed;
mod fleet;
mod form_change;
mod form_fields;
mod handover;
mod history;
mod inventory;
mod inventory_form;
mod inventory_views;
mod job_lines;
#[cfg(test)]
mod job_tests;
mod jobs;
mod keeping;
mod key;
mod live;
mod log;
mod masking;
mod new_cluster;
mod notify;
mod offers;
mod oidc;
mod own_backup;
mod passwords;
mod people;
mod pki;
mod plan_page;
mod plans;
mod policy;
mod policy_desk;
#[cfg(test)]
mod policy_tests;
mod problems;
mod reach;
mod recheck;
mod recovery;
mod rounds;
mod rules;
mod runner;
#[cfg(test)]
mod scope_tests;
mod sessions;
mod settings_page;
mod ssh_keys;
mod tokens;
mod totp;
mod words;

pub use audit_log::AuditLog;
pub use case::Said;
pub use console::{Actor, Console, EventFeed, PersonRole, Settings, TopologyFeed};
pub use desk::People;
pub use factors::FirstStep;
pub use fleet::{FleetChange, FleetFeed};
pub use key::KeySource;
pub use notify::{NotifyGiven, NotifySettings};
pub use oidc::{OidcAnswer, OidcEnd, OidcGiven, OidcSettings, OidcStart};
pub use own_backup::{back_up, restore};
pub use policy::Grant;
pub use policy_desk::PolicyDesk;
pub use tokens::Scope;
