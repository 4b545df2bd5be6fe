//! Clusters.

use super::ApiError;
#[cfg(feature = "ssr")]
use super::{actor, answer, console};
use leptos::prelude::*;
use leptos::server_fn::codec::GetUrl;
use paddock_events::{ClusterPage, FleetPage, HealthLevel};

/// All clusters in the person's scope.
#[server(name = CallFleet, prefix = "/api/app", endpoint = "fleet", input = GetUrl)]
pub async fn fleet() -> Result<FleetPage, ApiError> {
    answer(console().fleet(&actor()?).await)
}

/// Names and health of all clusters in the person's scope.
#[server(name = CallClusterNames, prefix = "/api/app", endpoint = "cluster-names", input = GetUrl)]
pub async fn cluster_names() -> Result<Vec<(String, HealthLevel)>, ApiError> {
    answer(console().cluster_names(&actor()?).await)
}

/// One cluster.
#[server(name = CallCluster, prefix = "/api/app", endpoint = "cluster", input = GetUrl)]
pub async fn cluster(name: String) -> Result<ClusterPage, ApiError> {
    answer(console().cluster(&actor()?, &name).await)
}
