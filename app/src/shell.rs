//! The document around the pages.

use crate::{App, Assets};
use leptos::nonce::use_nonce;
use leptos::prelude::*;
use leptos_meta::MetaTags;
use paddock_tongue::{language, view};
use std::sync::Arc;

/// Sets the chosen theme before the first paint; without it a dark page would flash white.
const THEME: &str = "try{const t=localStorage.getItem('theme');if(t==='dark'||t==='light')document.documentElement.dataset.theme=t}catch{}";

/// The whole document as the server renders it; reads [`Assets`] from context.
pub fn shell() -> impl IntoView {
    let assets: Arc<Assets> = use_context().unwrap_or_default();
    let Assets { js, loader, wasm, css, .. } = &*assets;
    // The names come from our own build; `{:?}` writes them as script string literals.
    let (js, wasm) = (format!("/pkg/{js}"), format!("/pkg/{wasm}"));
    // The mark tells whoever measures, and the tests, from when on the page answers.
    let start = format!(
        "import init,{{hydrate}} from {js:?};await init({{module_or_path:{wasm:?}}});await hydrate();performance.mark('hydrated');"
    );
    view! {
        <!DOCTYPE html>
        <html lang=language!()>
            <head>
                <meta charset="utf-8"/>
                <meta name="viewport" content="width=device-width, initial-scale=1"/>
                <meta name="color-scheme" content="light dark"/>
                <script nonce=use_nonce()>{THEME}</script>
                <link rel="icon" href="data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Crect width='16' height='16' rx='4' fill='%233b5bdb'/%3E%3Cpath d='M3 6h10M3 10h10M5 4v8M11 4v8' stroke='white' stroke-width='1.4' stroke-linecap='round'/%3E%3C/svg%3E"/>
                <link rel="stylesheet" id="style" href=format!("/pkg/{css}")/>
                <link rel="modulepreload" href=js.clone()/>
                <link rel="modulepreload" href=format!("/pkg/{loader}")/>
                <link rel="preload" href=wasm r#as="fetch" r#type="application/wasm" crossorigin=""/>
                <script type="module" nonce=use_nonce()>{start}</script>
                <MetaTags/>
            </head>
            <body>
                <App/>
            </body>
        </html>
    }
}
