//! No such page.

use crate::paths;
use leptos::prelude::*;
use leptos_meta::Title;
use paddock_tongue::view;

/// Says so, with status 404.
#[component]
pub fn NotFound() -> impl IntoView {
    #[cfg(feature = "ssr")]
    if let Some(options) = use_context::<leptos_axum::ResponseOptions>() {
        options.set_status(http::StatusCode::NOT_FOUND);
    }
    view! {
        <Title text="Not found"/>
        <h1>"There is no such page"</h1>
        <p>"The address may be mistyped, or what it named is gone."</p>
        <p><a href=paths::CLUSTERS>"To the clusters"</a></p>
    }
}
