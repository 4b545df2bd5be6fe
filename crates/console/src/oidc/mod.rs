//! Sign-in by an OpenID Connect provider: authorization code flow with PKCE, state and nonce.
//!
//! The provider says who somebody is and which groups they are in; what a group may do is said here, by the console's
//! settings. Nothing of what the provider gives (code, tokens) is kept or told.

mod flows;
mod identity;
mod provider;
mod settings;
mod sign_in;

pub(crate) use provider::Provider;
pub(crate) use settings::is_private;
pub use settings::{OidcGiven, OidcSettings};
pub(crate) use sign_in::kept_elsewhere;
pub use sign_in::{OidcAnswer, OidcEnd, OidcStart};
