//! The hydrate entry: the browser calls [`hydrate`] once the WASM is loaded. Nothing else belongs here.

use leptos::mount::hydrate_body;
use paddock_app::App;
use wasm_bindgen::prelude::wasm_bindgen;

/// Takes over the page that the server rendered.
#[wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    hydrate_body(App);
}
