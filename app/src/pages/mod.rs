//! One file per page.

mod account;
mod add_cluster;
mod approval;
mod approvals;
mod audit;
mod cluster;
mod clusters;
mod drift;
mod factor;
mod history;
mod inventory;
mod job;
mod job_log;
mod job_state;
mod jobs;
pub mod lazy;
mod nodes;
mod not_found;
mod operate;
mod people;
mod plan;
mod policy;
mod replay;
mod settings;
mod sign_in;
mod stages;
mod tokens;

pub use account::AccountView;
pub use approvals::ApprovalsView;
pub use audit::AuditView;
pub use cluster::ClusterView;
pub use clusters::ClustersView;
pub use drift::DriftView;
pub use history::{BlameView, HistoryView, RevisionView};
pub use inventory::InventoryView;
pub use job::JobView;
pub use jobs::JobsView;
pub use nodes::NodesView;
pub use not_found::NotFound;
pub use operate::{PlanProblem, planner};
pub use people::PeopleView;
pub use plan::PlanView;
pub use policy::PolicyView;
pub use settings::SettingsView;
pub use sign_in::SignIn;

/// Text for a page's title. Leptos writes titles into the document's head without escaping them, so only letters,
/// digits and a few harmless signs pass.
fn title(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric() || " -_.,:()".contains(*c)).take(80).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_hostile_name_is_harmless_in_a_title() {
        assert_eq!(super::title("</title><script>alert(1)"), "titlescriptalert(1)");
        assert_eq!(super::title("pg-test (15)"), "pg-test (15)");
    }
}
