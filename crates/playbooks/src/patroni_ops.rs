//! What `patronictl` does, by Patroni's REST API: what it refuses is refused, with its reason.

use crate::planning::Made;
use crate::{Action, Context, Play, Refusal};
use paddock_inventory::Cluster;

pub(crate) fn stages(_ctx: &Context<'_>, play: &Play, _cluster: &Cluster) -> Result<Made, Refusal> {
    Err(not_yet(play))
}

pub(crate) fn not_yet(play: &Play) -> Refusal {
    Refusal {
        code: "plan/not-yet".into(),
        what: format!("`{}` cannot be planned yet", play.command_line()),
        why: "this release does not plan it".into(),
        fix: "use Pigsty's own tools for it until a later release".into(),
    }
}

impl Action {
    /// One sentence for a plan's title.
    pub(crate) fn title(&self, cluster: &str) -> String {
        match self {
            Self::Switchover { candidate: Some(to) } => format!("Switch {cluster} over to {to}"),
            Self::Switchover { candidate: None } => format!("Switch {cluster} over"),
            Self::Failover { candidate } => format!("Fail {cluster} over to {candidate}"),
            Self::Restart { member: Some(one), .. } => format!("Restart PostgreSQL on {one}"),
            Self::Restart { member: None, pending: true } => {
                format!("Restart the members of {cluster} that wait for it")
            }
            Self::Restart { member: None, pending: false } => format!("Restart all members of {cluster}"),
            Self::Reload { member: Some(one) } => format!("Reload the configuration of {one}"),
            Self::Reload { member: None } => format!("Reload the configuration of {cluster}"),
            Self::Reinit { member } => format!("Clone {member} of {cluster} anew"),
            Self::Pause => format!("Pause automatic failover of {cluster}"),
            Self::Resume => format!("Resume automatic failover of {cluster}"),
            Self::EditConfig { .. } => format!("Change the configuration of {cluster}"),
            Self::PromoteCluster => format!("Promote standby cluster {cluster}"),
            Self::ChangeUpstream { host, port } => format!("Have {cluster} follow {host}:{port}"),
            Self::Backup { kind } => format!("Back up {cluster} ({})", kind.as_str()),
        }
    }
}
