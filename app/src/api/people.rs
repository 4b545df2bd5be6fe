//! Who is signed in, and who may do what.

use super::ApiError;
#[cfg(feature = "ssr")]
use super::{actor, answer, console};
use leptos::prelude::*;
use leptos::server_fn::codec::GetUrl;
use paddock_events::{Me, PersonRow, SignInWays};

/// Who is signed in, if anybody; the header asks, and the sign-in page has a header, too.
#[server(name = CallMe, prefix = "/api/app", endpoint = "me", input = GetUrl)]
pub async fn me() -> Result<Option<Me>, ApiError> {
    let session: super::Session = use_context().unwrap_or_default();
    Ok(session.actor.map(|actor| console().me(&actor)))
}

/// How one may sign in; asked by who has not yet.
#[server(name = CallSignInWays, prefix = "/api/app", endpoint = "sign-in-ways", input = GetUrl)]
pub async fn sign_in_ways() -> Result<SignInWays, ApiError> {
    Ok(SignInWays { provider: console().provider_label().map(str::to_owned) })
}

/// Everybody with their grants.
#[server(name = CallPeople, prefix = "/api/app", endpoint = "people", input = GetUrl)]
pub async fn people() -> Result<Vec<PersonRow>, ApiError> {
    answer(console().people_page(&actor()?).await)
}
