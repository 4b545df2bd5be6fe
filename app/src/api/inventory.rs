//! The inventory: read, check, preview, save.

use super::ApiError;
#[cfg(feature = "ssr")]
use super::{actor, answer, console};
use leptos::prelude::*;
use leptos::server_fn::codec::{GetUrl, Json};
use paddock_events::{
    BlamePage, CheckedText, FormChange, HistoryPage, InventoryDraft, InventoryForm, InventoryPage,
    InventoryQuery, InventoryViews, NewCluster, Recall, RevisionId, RevisionPage, Saved,
};

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

/// Files and values of one cluster of a text that is being typed.
#[server(name = CallInventoryViews, prefix = "/api/app", endpoint = "inventory-views", input = Json)]
pub async fn view_inventory(text: String, query: InventoryQuery) -> Result<InventoryViews, ApiError> {
    answer(console().view_inventory(&actor()?, text, query).await)
}

/// The tables of one cluster of a text that is being typed.
#[server(name = CallInventoryForm, prefix = "/api/app", endpoint = "inventory-form", input = Json)]
pub async fn inventory_form(text: String, cluster: String) -> Result<InventoryForm, ApiError> {
    answer(console().inventory_form(&actor()?, text, cluster).await)
}

/// The text with one change of a table made, not saved.
#[server(name = CallInventoryFormChange, prefix = "/api/app", endpoint = "inventory-form-change", input = Json)]
pub async fn change_inventory_form(text: String, change: FormChange) -> Result<String, ApiError> {
    answer(console().change_inventory_form(&actor()?, text, change).await)
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

/// Revisions up to one, newest first.
#[server(name = CallHistory, prefix = "/api/app", endpoint = "inventory-history", input = GetUrl)]
pub async fn history(from: Option<RevisionId>) -> Result<HistoryPage, ApiError> {
    answer(console().history(&actor()?, from).await)
}

/// What a revision changed.
#[server(name = CallRevision, prefix = "/api/app", endpoint = "inventory-revision", input = GetUrl)]
pub async fn revision(id: RevisionId) -> Result<RevisionPage, ApiError> {
    answer(console().revision(&actor()?, id).await)
}

/// Where each line is from.
#[server(name = CallBlame, prefix = "/api/app", endpoint = "inventory-blame", input = GetUrl)]
pub async fn blame() -> Result<BlamePage, ApiError> {
    answer(console().blame(&actor()?).await)
}

/// A text of before, or the one in force without a change; not saved.
#[server(name = CallRecall, prefix = "/api/app", endpoint = "inventory-recall", input = Json)]
pub async fn recall(how: Recall, id: RevisionId) -> Result<InventoryDraft, ApiError> {
    answer(console().recall(&actor()?, how, id).await)
}
