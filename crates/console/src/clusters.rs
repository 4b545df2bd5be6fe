//! Clusters as pages show them: what the inventory declares beside what was last seen.

use crate::clock::now_us;
use crate::inventory::Current;
use crate::jobs::row as job_row;
use crate::offers::of_cluster;
use crate::policy::{Action, Target, seen_by, verdict};
use crate::problems::{from_store, no_cluster, problem};
use crate::{Actor, Console, TopologyFeed};
use paddock_events::{
    ClusterPage, ClusterRow, ClusterTopology, FleetPage, HealthLevel, JobId, MemberTopology, Problem,
    ProblemKind, RowMember,
};
use paddock_inventory::{Cluster, ClusterName, Instance, InstanceRole, Inventory};
use paddock_live::Declared;
use std::collections::BTreeMap;

/// Pigsty's default of `pg_version`, as the planner takes it.
const DEFAULT_VERSION: &str = "18";
const JOBS: u32 = 10;

impl Console {
    /// All clusters in the actor's scope.
    pub async fn clusters(&self, actor: &Actor) -> Result<Vec<ClusterRow>, Problem> {
        self.gate(actor, Action::See, Target::Anywhere, "the clusters").await?;
        let Some(current) = self.current().await? else { return Ok(Vec::new()) };
        let busy = self.clusters_in_work().await?;
        Ok(self.rows(actor, &current, &busy, |_| true))
    }

    /// The same in short, with its time.
    pub async fn fleet(&self, actor: &Actor) -> Result<FleetPage, Problem> {
        let at_us = now_us();
        let rows = self.clusters(actor).await?.into_iter().map(ClusterRow::in_short).collect();
        Ok(FleetPage { rows, at_us })
    }

    /// Names and health of the clusters in the actor's scope, by name.
    pub async fn cluster_names(&self, actor: &Actor) -> Result<Vec<(String, HealthLevel)>, Problem> {
        self.gate(actor, Action::See, Target::Anywhere, "the clusters").await?;
        let Some(current) = self.current().await? else { return Ok(Vec::new()) };
        let names = current.inventory.clusters().keys().map(ClusterName::as_str);
        let seen = names.filter(|name| actor.may(Action::See, Target::Cluster(name)));
        let health =
            |name: &str| self.inner.live.with(name, |seen, _| seen.map(|seen| seen.health)).flatten();
        Ok(seen.map(|name| (name.to_owned(), health(name).unwrap_or(HealthLevel::Unknown))).collect())
    }

    /// Rows of the clusters in the actor's scope that are wanted, by name.
    pub(crate) fn rows(
        &self,
        actor: &Actor,
        current: &Current,
        busy: &BTreeMap<String, JobId>,
        wanted: impl Fn(&str) -> bool,
    ) -> Vec<ClusterRow> {
        let clusters = current.inventory.clusters().values();
        let seen = clusters.filter(|cluster| {
            wanted(cluster.name.as_str()) && actor.may(Action::See, Target::Cluster(cluster.name.as_str()))
        });
        seen.map(|cluster| self.cluster_row(current, cluster, busy)).collect()
    }

    /// One cluster.
    pub async fn cluster(&self, actor: &Actor, name: &str) -> Result<ClusterPage, Problem> {
        self.gate(actor, Action::See, Target::Cluster(name), format!("cluster {name}")).await?;
        let (current, name) = self.declared(name).await?;
        let cluster = current.inventory.cluster(&name).ok_or_else(|| no_cluster(name.as_str()))?;
        let row = self.cluster_row(&current, cluster, &self.clusters_in_work().await?);
        let jobs = self.inner.store.newest_jobs_of(name.as_str(), seen_by(actor), JOBS).await;
        let jobs = jobs.map_err(from_store)?;
        let busy = row.running_job.map(|job| {
            problem(
                "run/locked",
                ProblemKind::Conflict,
                format!("job {job} is changing {name}"),
                "one job at a time changes a cluster",
                format!("wait for job {job} to end, or cancel it on its page"),
            )
        });
        Ok(ClusterPage {
            topology: self.inner.live.last(name.as_str()),
            jobs: jobs.iter().map(job_row).collect(),
            may_operate: verdict(actor, Action::Run, Target::Cluster(name.as_str()), busy),
            offers: of_cluster(cluster),
            links: self.links(actor, &current.inventory, cluster),
            dcs: current
                .inventory
                .group("etcd")
                .map(|group| group.hosts.iter().map(ToString::to_string).collect())
                .unwrap_or_default(),
            row,
        })
    }

    /// Watches a cluster; the poller runs while somebody watches.
    pub async fn follow_cluster(&self, actor: &Actor, name: &str) -> Result<TopologyFeed, Problem> {
        self.gate(actor, Action::See, Target::Cluster(name), format!("cluster {name}")).await?;
        let (_, name) = self.declared(name).await?;
        Ok(self.watch_cluster(&name))
    }

    /// The inventory in force and the parsed name of a cluster that it declares.
    pub(crate) async fn declared(&self, name: &str) -> Result<(Current, ClusterName), Problem> {
        let current = self.current().await?.ok_or_else(|| no_cluster(name))?;
        let parsed: ClusterName = name.parse().map_err(|_| no_cluster(name))?;
        if current.inventory.cluster(&parsed).is_none() {
            return Err(no_cluster(name));
        }
        Ok((current, parsed))
    }

    /// Clusters that a job is changing now.
    pub(crate) async fn clusters_in_work(&self) -> Result<BTreeMap<String, JobId>, Problem> {
        let held = self.inner.store.held_leases(now_us()).await.map_err(from_store)?;
        let named = held
            .into_iter()
            .filter_map(|held| Some((held.lock.strip_prefix("cluster/")?.to_owned(), held.by)));
        Ok(named.collect())
    }

    fn cluster_row(
        &self,
        current: &Current,
        cluster: &Cluster,
        busy: &BTreeMap<String, JobId>,
    ) -> ClusterRow {
        let name = cluster.name.as_str();
        let (declared, standby) = declared_of(&current.inventory, cluster);
        let instances = cluster.instances.iter();
        let instances =
            instances.map(|one| (one.id.to_string(), one.addr.to_string(), one.role.to_string())).collect();
        let mut row = ClusterRow {
            name: name.to_owned(),
            health: HealthLevel::Unknown,
            reasons: vec!["not looked at yet".to_owned()],
            instances,
            members: Vec::new(),
            version: declared,
            leader: None,
            max_lag_bytes: None,
            lags: Default::default(),
            drift: Vec::new(),
            backup: None,
            running_job: busy.get(name).copied(),
            seen_at_us: None,
        };
        self.inner.live.with(name, |seen, kept| {
            row.backup = kept.backup;
            row.lags.clone_from(&kept.lags);
            if let Some(seen) = seen {
                show(&mut row, seen, standby);
            }
        });
        row
    }
}

/// The declared version, and whether the cluster is declared to follow another one.
pub(crate) fn declared_of(inventory: &Inventory, cluster: &Cluster) -> (String, bool) {
    let vars = |one: &Instance| inventory.vars(one.addr);
    let version = cluster.instances.first().and_then(|first| vars(first).text("pg_version"));
    let mut primaries = cluster.instances.iter().filter(|one| one.role == InstanceRole::Primary);
    let standby = primaries.any(|one| vars(one).text("pg_upstream").is_some());
    (version.unwrap_or_else(|| DEFAULT_VERSION.to_owned()), standby)
}

/// Takes a picture into a row that has the declared version yet.
fn show(row: &mut ClusterRow, seen: &ClusterTopology, standby: bool) {
    row.health = seen.health;
    row.reasons.clone_from(&seen.reasons);
    row.members = seen.members.iter().map(member).collect();
    row.leader = seen.leader().map(|leader| leader.instance.clone());
    row.max_lag_bytes = seen.max_lag_bytes();
    let found = paddock_live::drift(seen, Declared { version: &row.version, standby });
    row.drift = found.into_iter().map(|one| one.said).collect();
    row.seen_at_us = Some(seen.at_us);
    if let Some(version) = seen.version() {
        version.clone_into(&mut row.version);
    }
}

fn member(seen: &MemberTopology) -> RowMember {
    RowMember {
        instance: seen.instance.clone(),
        role: seen.role,
        state: seen.state.clone(),
        lag_bytes: seen.lag_bytes,
        unreachable: seen.unreachable.is_some(),
    }
}
