//! The signed-in person's own API tokens.

use super::ApiError;
#[cfg(feature = "ssr")]
use super::{actor, answer, console};
use leptos::prelude::*;
use leptos::server_fn::codec::{GetUrl, Json};
use paddock_events::{MadeToken, TokenId, TokenRow};

/// All of them, never the tokens themselves.
#[server(name = CallTokens, prefix = "/api/app", endpoint = "tokens", input = GetUrl)]
pub async fn tokens() -> Result<Vec<TokenRow>, ApiError> {
    answer(console().own_tokens(&actor()?).await)
}

/// Makes one; it is shown once.
#[server(name = CallTokenAdd, prefix = "/api/app", endpoint = "token-add", input = Json)]
pub async fn add_token(
    label: String,
    days: u32,
    role: String,
    clusters: Vec<String>,
) -> Result<MadeToken, ApiError> {
    answer(console().add_own_token(&actor()?, &label, days, &role, &clusters).await)
}

/// Refuses one from now on.
#[server(name = CallTokenRevoke, prefix = "/api/app", endpoint = "token-revoke", input = Json)]
pub async fn revoke_token(id: TokenId) -> Result<(), ApiError> {
    answer(console().revoke_own_token(&actor()?, id).await)
}
