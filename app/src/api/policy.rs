//! The approval policy: look, change.

use super::ApiError;
#[cfg(feature = "ssr")]
use super::{actor, answer, console};
use leptos::prelude::*;
use leptos::server_fn::codec::{GetUrl, Json};
use paddock_events::PolicyPage;

/// The policy in force.
#[server(name = CallPolicy, prefix = "/api/app", endpoint = "policy", input = GetUrl)]
pub async fn policy() -> Result<PolicyPage, ApiError> {
    answer(console().policy_page(&actor()?).await)
}

/// Puts another text in the place of `base`, the one that was read.
#[server(name = CallPolicySave, prefix = "/api/app", endpoint = "policy-save", input = Json)]
pub async fn save_policy(base: Option<String>, text: String) -> Result<(), ApiError> {
    answer(console().save_policy(&actor()?, base.as_deref(), &text).await)
}
