//! What runs otherwise than declared, and what the console is set to.

use super::ApiError;
#[cfg(feature = "ssr")]
use super::{actor, answer, console};
use leptos::prelude::*;
use leptos::server_fn::codec::GetUrl;
use paddock_events::{DriftPage, SettingsPage};

/// The differences of one cluster; of all when it is empty.
#[server(name = CallDrift, prefix = "/api/app", endpoint = "drift", input = GetUrl)]
pub async fn drift(cluster: String) -> Result<DriftPage, ApiError> {
    answer(console().drift(&actor()?, &cluster).await)
}

/// What is in force, and where it is decided.
#[server(name = CallSettings, prefix = "/api/app", endpoint = "settings", input = GetUrl)]
pub async fn settings() -> Result<SettingsPage, ApiError> {
    answer(console().settings_page(&actor()?).await)
}
