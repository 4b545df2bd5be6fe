//! Clusters.

use super::ApiError;
#[cfg(feature = "ssr")]
use super::{actor, answer, console};
use leptos::prelude::*;
use leptos::server_fn::codec::GetUrl;
use paddock_events::{ClusterPage, ClusterRow};

/// All clusters in the person's scope.
#[server(name = CallClusters, prefix = "/api/app", endpoint = "clusters", input = GetUrl)]
pub async fn clusters() -> Result<Vec<ClusterRow>, ApiError> {
    answer(console().clusters(&actor()?).await)
}

/// One cluster.
#[server(name = CallCluster, prefix = "/api/app", endpoint = "cluster", input = GetUrl)]
pub async fn cluster(name: String) -> Result<ClusterPage, ApiError> {
    answer(console().cluster(&actor()?, &name).await)
}
