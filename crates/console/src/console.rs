//! The console: one value, cheap to clone, that every page, socket, API route and command goes through.

use paddock_events::{
    CheckedText, ClusterPage, ClusterRow, ClusterTopology, DryRun, Event, InventoryPage, JobId, JobPage,
    JobRow, Me, NewCluster, PersonId, PlanId, PlanPage, Problem, ProblemKind, RevisionId, Saved,
};
use paddock_playbooks::Intent;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};

/// A person's role; a member's is "instance role".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PersonRole {
    /// Sees.
    Viewer,
    /// Edits, and runs what does not destroy.
    Operator,
    /// Approves others' requests.
    Approver,
    /// People, settings, secrets.
    Admin,
}

/// Who acts: a signed-in person or the bearer of a token. Only [`Console`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    pub(crate) id: PersonId,
    pub(crate) name: String,
    pub(crate) role: PersonRole,
}

/// What the console needs to start. `state_dir` holds the database, the CA and the SSH key.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Directory of everything the console keeps; made with mode 0700.
    pub state_dir: PathBuf,
    /// Private key for the nodes; none: `state_dir/ssh/id_ed25519`, made when missing.
    pub ssh_key: Option<PathBuf>,
    /// OpenSSH known_hosts file with the nodes' host keys; none: `state_dir/ssh/known_hosts`.
    pub known_hosts: Option<PathBuf>,
    /// SSH user when the inventory names none.
    pub ssh_user: String,
}

/// Events of a job from a sequence number on: first the stored ones, then live ones, without a gap.
/// Batches of consecutive events; closed after the job's end.
pub type EventFeed = mpsc::Receiver<Vec<Event>>;

/// The newest picture of a cluster, whenever it changes; none before the first look.
pub type TopologyFeed = watch::Receiver<Option<ClusterTopology>>;

/// The use cases. Clones share one state.
#[derive(Clone)]
pub struct Console {
    #[expect(dead_code, reason = "filled in by the first use case")]
    inner: Arc<Inner>,
}

struct Inner {}

fn missing() -> Problem {
    Problem {
        code: "console/not-built".into(),
        kind: ProblemKind::Internal,
        what: "not built yet".into(),
        why: String::new(),
        fix: String::new(),
    }
}

#[expect(clippy::unused_async, reason = "skeleton")]
impl Console {
    /// Opens (or makes) the state directory and database, marks jobs of a dead console `interrupted`.
    pub async fn open(_settings: Settings) -> Result<Self, Problem> {
        Err(missing())
    }

    /// Makes the first admin with a generated password when there is nobody yet; gives the password once.
    pub async fn first_admin(&self) -> Result<Option<String>, Problem> {
        Err(missing())
    }

    /// Adds a person. Only from the command line or by an admin.
    pub async fn add_person(
        &self,
        _name: &str,
        _role: PersonRole,
        _password: &str,
    ) -> Result<PersonId, Problem> {
        Err(missing())
    }

    /// Checks name and password; the same refusal for an unknown name and a wrong password.
    pub async fn sign_in(&self, _name: &str, _password: &str) -> Result<Actor, Problem> {
        Err(missing())
    }

    /// The actor behind a session's person id; refused when the person is gone.
    pub async fn actor(&self, _id: PersonId) -> Result<Actor, Problem> {
        Err(missing())
    }

    /// The actor behind an API token (`pdk_…`).
    pub async fn actor_by_token(&self, _token: &str) -> Result<Actor, Problem> {
        Err(missing())
    }

    /// Makes an API token for a person, shown once, stored as a hash.
    pub async fn new_token(&self, _person: &str, _label: &str) -> Result<String, Problem> {
        Err(missing())
    }

    /// Key–value store for tower-sessions: (id, data, expiry in seconds since the epoch).
    pub async fn session_save(&self, _id: &str, _data: &[u8], _expires_s: i64) -> Result<(), Problem> {
        Err(missing())
    }

    /// The stored session, when it has not expired.
    pub async fn session_load(&self, _id: &str) -> Result<Option<(Vec<u8>, i64)>, Problem> {
        Err(missing())
    }

    /// Forgets a session.
    pub async fn session_delete(&self, _id: &str) -> Result<(), Problem> {
        Err(missing())
    }

    /// Who is signed in, for the page's head.
    pub fn me(&self, actor: &Actor) -> Me {
        Me { name: actor.name.clone(), role: format!("{:?}", actor.role).to_lowercase() }
    }

    /// All clusters in the actor's scope.
    pub async fn clusters(&self, _actor: &Actor) -> Result<Vec<ClusterRow>, Problem> {
        Err(missing())
    }

    /// One cluster.
    pub async fn cluster(&self, _actor: &Actor, _name: &str) -> Result<ClusterPage, Problem> {
        Err(missing())
    }

    /// The newest inventory with its findings.
    pub async fn inventory(&self, _actor: &Actor) -> Result<InventoryPage, Problem> {
        Err(missing())
    }

    /// Findings of a text that is not saved.
    pub async fn check_inventory(&self, _actor: &Actor, _text: String) -> Result<CheckedText, Problem> {
        Err(missing())
    }

    /// Saves a revision. A stale `base` is merged when the edits do not touch, else it is a conflict.
    /// A text that cannot be read as YAML is refused; other findings do not hinder saving.
    pub async fn save_inventory(
        &self,
        _actor: &Actor,
        _base: Option<RevisionId>,
        _text: String,
        _message: String,
    ) -> Result<Saved, Problem> {
        Err(missing())
    }

    /// The text with the new cluster added, not saved: the form's preview.
    pub async fn preview_new_cluster(
        &self,
        _actor: &Actor,
        _text: String,
        _form: NewCluster,
    ) -> Result<String, Problem> {
        Err(missing())
    }

    /// Reads facts from the nodes, plans, stores the plan.
    pub async fn plan(&self, _actor: &Actor, _intent: Intent) -> Result<PlanId, Problem> {
        Err(missing())
    }

    /// A stored plan.
    pub async fn plan_page(&self, _actor: &Actor, _id: PlanId) -> Result<PlanPage, Problem> {
        Err(missing())
    }

    /// Runs every check of the plan on the nodes and changes nothing.
    pub async fn dry_run(&self, _actor: &Actor, _id: PlanId) -> Result<DryRun, Problem> {
        Err(missing())
    }

    /// Starts a job for the plan. Refused while another job holds one of its locks.
    pub async fn run(&self, _actor: &Actor, _id: PlanId) -> Result<JobId, Problem> {
        Err(missing())
    }

    /// Newest jobs first.
    pub async fn jobs(&self, _actor: &Actor, _limit: u32) -> Result<Vec<JobRow>, Problem> {
        Err(missing())
    }

    /// One job with its last lines.
    pub async fn job(&self, _actor: &Actor, _id: JobId) -> Result<JobPage, Problem> {
        Err(missing())
    }

    /// Stored events from `from_seq` on, at most `limit`.
    pub async fn job_events(
        &self,
        _actor: &Actor,
        _id: JobId,
        _from_seq: u64,
        _limit: u32,
    ) -> Result<Vec<Event>, Problem> {
        Err(missing())
    }

    /// Stored and live events from `from_seq` on. A reader too slow for the channel loses the feed, not events.
    pub async fn follow_job(&self, _actor: &Actor, _id: JobId, _from_seq: u64) -> Result<EventFeed, Problem> {
        Err(missing())
    }

    /// Stops a job: after its running steps, or (`now`) by signalling what runs.
    pub async fn cancel(&self, _actor: &Actor, _id: JobId, _now: bool) -> Result<(), Problem> {
        Err(missing())
    }

    /// Goes on with an interrupted or failed job from its first unfinished step; the same plan, checked again.
    pub async fn resume(&self, _actor: &Actor, _id: JobId) -> Result<(), Problem> {
        Err(missing())
    }

    /// Watches a cluster; the poller runs while somebody watches.
    pub async fn follow_cluster(&self, _actor: &Actor, _name: &str) -> Result<TopologyFeed, Problem> {
        Err(missing())
    }

    /// Cancels nothing: lets running jobs reach a step's end, records them `interrupted`, closes the database.
    pub async fn shut_down(&self) {}
}
