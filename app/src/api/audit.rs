//! Who did what.

use super::ApiError;
#[cfg(feature = "ssr")]
use super::{actor, answer, console};
use leptos::prelude::*;
use leptos::server_fn::codec::Json;
use paddock_events::{AuditFilter, AuditPage};

/// Rows of the audit log, newest first.
#[server(name = CallAudit, prefix = "/api/app", endpoint = "audit", input = Json)]
pub async fn audit(filter: AuditFilter) -> Result<AuditPage, ApiError> {
    answer(console().audit(&actor()?, filter).await)
}
