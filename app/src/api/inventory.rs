//! The inventory: read, check, preview, save.

use super::ApiError;
#[cfg(feature = "ssr")]
use super::{actor, answer, console};
use leptos::prelude::*;
use leptos::server_fn::codec::{GetUrl, Json};
use paddock_events::{CheckedText, InventoryPage, NewCluster, RevisionId, Saved};

/// The newest inventory with its findings.
#[server(name = CallInventory, prefix = "/api/app", endpoint = "inventory", input = GetUrl)]
pub async fn inventory() -> Result<InventoryPage, ApiError> {
    answer(console().inventory(&actor()?).await)
}

/// Findings of a text that is being typed.
#[server(name = CallInventoryCheck, prefix = "/api/app", endpoint = "inventory-check", input = Json)]
pub async fn check_inventory(text: String) -> Result<CheckedText, ApiError> {
    answer(console().check_inventory(&actor()?, text).await)
}

/// The text with the form's cluster added, not saved.
#[server(name = CallInventoryPreview, prefix = "/api/app", endpoint = "inventory-preview", input = Json)]
pub async fn preview_new_cluster(text: String, form: NewCluster) -> Result<String, ApiError> {
    answer(console().preview_new_cluster(&actor()?, text, form).await)
}

/// Saves a revision based on `base`.
#[server(name = CallInventorySave, prefix = "/api/app", endpoint = "inventory-save", input = Json)]
pub async fn save_inventory(
    base: Option<RevisionId>,
    text: String,
    message: String,
) -> Result<Saved, ApiError> {
    answer(console().save_inventory(&actor()?, base, text, message).await)
}
