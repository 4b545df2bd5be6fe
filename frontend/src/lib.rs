//! The hydrate entry: the browser calls [`hydrate`] once the WASM is loaded. Nothing else belongs here.

use leptos::mount::hydrate_from_async;
use leptos::prelude::document;
use paddock_app::App;
use wasm_bindgen::prelude::wasm_bindgen;

/// Takes over the page that the server rendered; done when its every control works, the code of a page that is loaded by
/// itself included.
#[wasm_bindgen]
pub async fn hydrate() {
    // What a release loads has no words for it.
    #[cfg(debug_assertions)]
    console_error_panic_hook::set_once();
    let Some(body) = document().body() else { return };
    hydrate_from_async(body, App).await.forget();
}
