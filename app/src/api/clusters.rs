//! Clusters and who is signed in.

use super::ApiError;
#[cfg(feature = "ssr")]
use super::{actor, answer, console};
use leptos::prelude::*;
use leptos::server_fn::codec::GetUrl;
use paddock_events::{ClusterPage, ClusterRow, Me};

/// Who is signed in, if anybody; the header asks, and the sign-in page has a header, too.
#[server(name = CallMe, prefix = "/api/app", endpoint = "me", input = GetUrl)]
pub async fn me() -> Result<Option<Me>, ApiError> {
    let session: super::Session = use_context().unwrap_or_default();
    Ok(session.actor.map(|actor| console().me(&actor)))
}

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
