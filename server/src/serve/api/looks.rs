//! Clusters and the inventory, as pages show them.

use super::answer::{Answer, Bearer, Path, Query};
use axum::Json;
use axum::extract::State;
use paddock_console::Console;
use paddock_events::{AuditFilter, AuditPage, ClusterPage, ClusterRow, InventoryPage};

/// `GET /clusters`
pub(super) async fn clusters(
    Bearer(actor): Bearer,
    State(console): State<Console>,
) -> Answer<Json<Vec<ClusterRow>>> {
    Ok(Json(console.clusters(&actor).await?))
}

/// `GET /clusters/{name}`
pub(super) async fn cluster(
    Bearer(actor): Bearer,
    State(console): State<Console>,
    Path(name): Path<String>,
) -> Answer<Json<ClusterPage>> {
    Ok(Json(console.cluster(&actor, &name).await?))
}

/// `GET /inventory`
pub(super) async fn inventory(
    Bearer(actor): Bearer,
    State(console): State<Console>,
) -> Answer<Json<InventoryPage>> {
    Ok(Json(console.inventory(&actor).await?))
}

/// `GET /audit?name=…&act=…&cluster=…&before=N`: newest first; `older` is the next page's `before`.
pub(super) async fn audit(
    Bearer(actor): Bearer,
    State(console): State<Console>,
    Query(filter): Query<AuditFilter>,
) -> Answer<Json<AuditPage>> {
    Ok(Json(console.audit(&actor, filter).await?))
}
