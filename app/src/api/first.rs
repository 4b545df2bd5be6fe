//! What the landing page and the header ask the console for. The page comes with the answers to its first questions, so the
//! code that asks, with all of HTTP, waits until the first question after that.

use super::{ApiError, approvals, clusters, people};
use paddock_events::{FleetPage, Me};
use std::pin::Pin;
use wasm_split_helpers::{SplitLoaderError, wasm_split};

/// An answer to come.
type Answer<T> = Pin<Box<dyn Future<Output = Result<T, ApiError>> + Send>>;

macro_rules! later {
    ($($(#[$doc:meta])* $from:ident $name:ident -> $what:ty;)+) => {$(
        $(#[$doc])*
        pub async fn $name() -> Result<$what, ApiError> {
            #[wasm_split(calls, fallible)]
            fn $name() -> Result<Answer<$what>, SplitLoaderError> {
                Ok(Box::pin($from::$name()))
            }
            let Ok(answer) = $name().await else { return Err(ApiError::unreachable()) };
            answer.await
        }
    )+};
}

later! {
    /// All clusters in the person's scope.
    clusters fleet -> FleetPage;
    /// Who is signed in, if anybody; the header asks, and the sign-in page has a header, too.
    people me -> Option<Me>;
    /// How many requests wait; the header asks, and the sign-in page has a header, too.
    approvals approvals_waiting -> u32;
}
