//! Clusters as pages show them: what the inventory declares beside what was last seen.

use crate::clock::now_us;
use crate::inventory::Current;
use crate::jobs::row as job_row;
use crate::offers::of_cluster;
use crate::policy::{Action, Target, seen_by, verdict};
use crate::problems::{from_store, no_cluster, problem};
use crate::{Actor, Console, TopologyFeed};
use paddock_events::{
    ClusterPage, ClusterRow, ClusterTopology, HealthLevel, JobId, MemberRole, Problem, ProblemKind,
};
use paddock_inventory::{Cluster, ClusterName};
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
        let seen = |cluster: &&Cluster| actor.may(Action::See, Target::Cluster(cluster.name.as_str()));
        let clusters = current.inventory.clusters().values().filter(seen);
        Ok(clusters.map(|cluster| self.cluster_row(&current, cluster, &busy)).collect())
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
    async fn clusters_in_work(&self) -> Result<BTreeMap<String, JobId>, Problem> {
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
        let declared =
            cluster.instances.first().and_then(|first| current.inventory.vars(first.addr).text("pg_version"));
        let instances = cluster.instances.iter();
        let instances =
            instances.map(|one| (one.id.to_string(), one.addr.to_string(), one.role.to_string())).collect();
        let seen = self.inner.live.last(name);
        let version =
            seen.as_ref().and_then(seen_version).or(declared).unwrap_or_else(|| DEFAULT_VERSION.to_owned());
        ClusterRow {
            name: name.to_owned(),
            health: seen.as_ref().map_or(HealthLevel::Unknown, |seen| seen.health),
            reasons: seen
                .as_ref()
                .map_or_else(|| vec!["not looked at yet".to_owned()], |seen| seen.reasons.clone()),
            instances,
            version,
            leader: seen.as_ref().and_then(leader),
            max_lag_bytes: seen.as_ref().and_then(max_lag),
            running_job: busy.get(name).copied(),
            seen_at_us: seen.as_ref().map(|seen| seen.at_us),
        }
    }
}

fn leads(role: MemberRole) -> bool {
    matches!(role, MemberRole::Primary | MemberRole::StandbyLeader)
}

fn leader(seen: &ClusterTopology) -> Option<String> {
    seen.members.iter().find(|member| leads(member.role)).map(|member| member.instance.clone())
}

fn seen_version(seen: &ClusterTopology) -> Option<String> {
    let leader =
        seen.members.iter().find(|member| leads(member.role)).and_then(|member| member.version.clone());
    leader.or_else(|| seen.members.iter().find_map(|member| member.version.clone()))
}

/// The largest lag, when every replica's lag is known.
fn max_lag(seen: &ClusterTopology) -> Option<u64> {
    let lags: Option<Vec<u64>> =
        seen.members.iter().filter(|member| !leads(member.role)).map(|member| member.lag_bytes).collect();
    lags?.into_iter().max()
}
