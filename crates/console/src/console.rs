//! The console: one value, cheap to clone, that every page, socket, API route and command goes through.

use crate::audit::Origin;
use crate::audit_log::AuditLog;
use crate::factors::Tickets;
use crate::inventory::Current;
use crate::job_lines::Shelf;
use crate::keeping::{KeyFiles, private_dir};
use crate::key::{self, KeySource};
use crate::live::{Live, keep_house};
use crate::notify::{Follower, NotifySettings};
use crate::oidc::{OidcSettings, Provider};
use crate::own_backup::refuse_half_restored;
use crate::passwords::BackOff;
use crate::policy::Grant;
use crate::problems::{from_store, internal, problem};
use crate::recovery::Runner;
use crate::rounds::look_around;
use crate::runner::Running;
use crate::ssh_keys::key_pair;
use paddock_engine::{Pool, SshKey, SshSettings};
use paddock_events::{ClusterTopology, Event, JobId, PersonId, Problem, ProblemKind, SettingGroup};
use paddock_inventory::NodeAddr;
use paddock_store::Store;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

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
    pub(crate) grants: Vec<Grant>,
    /// What a token's scope lets through of that; none: all.
    pub(crate) limit: Option<Vec<Grant>>,
    /// A provider vouches for them: they have no password here.
    pub(crate) by_provider: bool,
    pub(crate) origin: Origin,
}

/// What the console needs to start. `state_dir` holds the database, the CA and the SSH key.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Directory of everything the console keeps; made with mode 0700.
    pub state_dir: PathBuf,
    /// The key that the database is sealed with.
    pub key: KeySource,
    /// Private key for the nodes; none: `state_dir/ssh/id_ed25519`, made when missing.
    pub ssh_key: Option<PathBuf>,
    /// OpenSSH known_hosts file with the nodes' host keys; none: `state_dir/ssh/known_hosts`.
    pub known_hosts: Option<PathBuf>,
    /// SSH user when the inventory names none.
    pub ssh_user: String,
    /// How long a node that a job has lost may take to come back before it is out.
    pub reconnect: Duration,
    /// A file that becomes the first revision of the inventory when there is none yet.
    pub seed_inventory: Option<PathBuf>,
    /// The OpenID Connect provider by which people may sign in besides.
    pub provider: Option<OidcSettings>,
    /// Who is told what happens; their names differ.
    pub notify: Vec<NotifySettings>,
    /// What whoever starts the console has decided, for its settings page.
    pub stated: Vec<SettingGroup>,
}

impl Settings {
    /// Those of a console of which only the directory is said: it makes its own keys and begins without an inventory.
    pub fn at(state_dir: impl Into<PathBuf>) -> Self {
        Self {
            state_dir: state_dir.into(),
            key: KeySource::StateDir,
            ssh_key: None,
            known_hosts: None,
            ssh_user: "root".to_owned(),
            reconnect: SshSettings::RECONNECT,
            seed_inventory: None,
            provider: None,
            notify: Vec::new(),
            stated: Vec::new(),
        }
    }
}

/// Events of a job from a sequence number on: first the stored ones, then live ones, without a gap.
/// Batches of consecutive events; closed after the job's end.
pub type EventFeed = mpsc::Receiver<Vec<Event>>;

/// The newest picture of a cluster, whenever it changes; none before the first look.
pub type TopologyFeed = watch::Receiver<Option<ClusterTopology>>;

/// The use cases. Clones share one state.
#[derive(Clone)]
pub struct Console {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) settings: Settings,
    pub(crate) store: Store,
    pub(crate) key_files: KeyFiles,
    pub(crate) pool: Pool,
    pub(crate) runner: Runner,
    /// Jobs that this process runs.
    pub(crate) running: Mutex<HashMap<JobId, Running>>,
    pub(crate) live: Live,
    /// Output that is looked through.
    pub(crate) shelf: Shelf,
    /// The revision in force, read.
    pub(crate) current: Mutex<Option<Current>>,
    pub(crate) back_off: Mutex<BackOff>,
    /// Held by the try that is being compared and counted.
    pub(crate) tries: tokio::sync::Mutex<()>,
    /// Who has given their password and owes a code.
    pub(crate) tickets: Mutex<Tickets>,
    /// Who vouches for people who have no password here.
    pub(crate) provider: Option<Provider>,
    /// What an unknown name's password is compared with.
    pub(crate) nobodys_hash: OnceLock<String>,
    pub(crate) unreachable_since: Mutex<HashMap<NodeAddr, i64>>,
    /// Held while keys and certificates are made.
    pub(crate) pki: tokio::sync::Mutex<()>,
    pub(crate) audit: AuditLog,
    pub(crate) tasks: TaskTracker,
    pub(crate) closing: CancellationToken,
}

impl Console {
    /// Opens (or makes) the state directory and database, marks jobs of a dead console `interrupted`.
    pub async fn open(settings: Settings) -> Result<Self, Problem> {
        refuse_half_restored(&settings.state_dir)?;
        private_dir(&settings.state_dir)?;
        refuse_gone(&settings.state_dir)?;
        let ssh_dir = settings.state_dir.join("ssh");
        private_dir(&ssh_dir)?;
        let store = Store::open(&settings.state_dir.join("paddock.db")).await.map_err(from_store)?;
        let sealed_with = store.sealed_with().await.map_err(from_store)?;
        let key = key::find(&settings.key, &settings.state_dir, sealed_with.as_deref())?;
        let key_files = KeyFiles::new(&settings.state_dir, key.clone());
        let store = store.unlocked(key).await.map_err(from_store)?;
        let ssh_key = match &settings.ssh_key {
            Some(path) => SshKey::File(path.clone()),
            None => own_key(ssh_dir.join("id_ed25519"), key_files.clone()).await?,
        };
        let pool = Pool::new(SshSettings {
            user: settings.ssh_user.clone(),
            key: ssh_key,
            known_hosts: settings.known_hosts.clone().unwrap_or_else(|| ssh_dir.join("known_hosts")),
            connect_timeout: Duration::from_secs(10),
            reconnect: settings.reconnect,
        });
        let runner = Runner::new(&settings.state_dir)?;
        let seed = settings.seed_inventory.clone();
        let provider = settings.provider.clone().map(Provider::new).transpose()?;
        let audit = AuditLog::new(store.clone(), &settings.state_dir);
        let inner = Inner {
            settings,
            store,
            key_files,
            pool,
            runner,
            running: Mutex::default(),
            live: Live::default(),
            shelf: Shelf::default(),
            current: Mutex::default(),
            back_off: Mutex::default(),
            tries: tokio::sync::Mutex::default(),
            tickets: Mutex::default(),
            provider,
            nobodys_hash: OnceLock::new(),
            unreachable_since: Mutex::default(),
            pki: tokio::sync::Mutex::default(),
            audit,
            tasks: TaskTracker::new(),
            closing: CancellationToken::new(),
        };
        let console = Self::from_inner(Arc::new(inner));
        console.end_dead_jobs().await?;
        if let Some(path) = seed {
            console.seed_inventory(&path).await?;
        }
        console.inner.tasks.spawn(keep_house(Arc::downgrade(&console.inner)));
        for to in console.inner.settings.notify.clone() {
            let follower = Follower::begin(&console.inner.store, to).await?;
            console.inner.tasks.spawn(follower.follow(Arc::downgrade(&console.inner)));
        }
        console.inner.tasks.spawn(look_around(Arc::downgrade(&console.inner)));
        Ok(console)
    }

    pub(crate) fn from_inner(inner: Arc<Inner>) -> Self {
        Self { inner }
    }

    /// Cancels nothing: lets running jobs reach a step's end, records them `interrupted`, leaves them to the next console,
    /// closes the database.
    pub async fn shut_down(&self) {
        self.inner.closing.cancel();
        if let Err(problem) = self.hand_over() {
            tracing::error!("the next console will not go on with the running jobs: {problem}");
        }
        self.stop_jobs(Duration::from_secs(20)).await;
        self.inner.tasks.close();
        let ended = tokio::time::timeout(Duration::from_secs(5), self.inner.tasks.wait()).await;
        if ended.is_err() {
            tracing::warn!("some tasks did not end in time");
        }
        self.inner.pool.close().await;
        if let Err(problem) = self.inner.audit.keep_head().await {
            tracing::error!("the end of the audit log was not signed: {problem}");
        }
        self.inner.store.close().await;
    }
}

/// Refuses to begin anew where a console has been: its database is lost, and nobody has said that it may be.
fn refuse_gone(state_dir: &Path) -> Result<(), Problem> {
    if state_dir.join("paddock.db").exists() || !state_dir.join("audit/head").exists() {
        return Ok(());
    }
    Err(problem(
        "console/database-gone",
        ProblemKind::World,
        format!("the database of the console in {} is gone", state_dir.display()),
        "there is the signed end of an audit log, and no paddock.db",
        "put the file back, or `paddock restore` the newest backup; to begin anew, move the state directory away",
    ))
}

/// The console's own SSH key; its public half is logged, because somebody must put it onto the nodes.
async fn own_key(path: PathBuf, sealed: KeyFiles) -> Result<SshKey, Problem> {
    let task = tokio::task::spawn_blocking(move || {
        let (pair, _) = key_pair(&path, "paddock", Some(&sealed))?;
        tracing::info!("the console signs in to nodes with {}", pair.public.trim_end());
        Ok(SshKey::Held { path, text: pair.private })
    });
    task.await.map_err(|error| internal("the SSH key could not be made", &error))?
}
