//! The document around the pages.

use crate::{App, Assets};
use leptos::nonce::use_nonce;
use leptos::prelude::*;
use leptos_meta::MetaTags;
use paddock_tongue::{language, view};
use std::sync::Arc;

/// Sets the chosen theme before the first paint; without it a dark page would flash white.
const THEME: &str = "try{const t=localStorage.getItem('theme');if(t==='dark'||t==='light')document.documentElement.dataset.theme=t}catch{}";

/// Milliseconds until a tab that nobody looks at comes to life.
const UNPAINTED_MS: u32 = 500;

/// What the browser does first once the page is painted, so that nothing of it delays what there is to read: both scripts and
/// the WASM are fetched side by side, then the page comes to life. A tab that is not shown is not painted: it starts after
/// [`UNPAINTED_MS`]. The mark tells whoever measures, and the tests, from when on the page answers. Code that stops (a defect)
/// says so on the page: the browser's console alone would leave people before buttons that do nothing.
fn start(assets: &Assets) -> String {
    let Assets { js, loader, wasm, .. } = assets;
    // The names come from our own build; `{:?}` writes them as script string literals.
    let [js, loader, wasm] = [js, loader, wasm].map(|name| format!("/pkg/{name}"));
    format!(
        "for(const kind of['error','unhandledrejection'])addEventListener(kind,({{error,reason}})=>{{\
         if((error??reason)instanceof WebAssembly.RuntimeError)document.getElementById('stopped').hidden=false}});\
         await new Promise(go=>{{requestAnimationFrame(()=>setTimeout(go));setTimeout(go,{UNPAINTED_MS})}});\
         const wasm=fetch({wasm:?}),[{{default:init,hydrate}}]=await Promise.all([import({js:?}),import({loader:?})]);\
         await init({{module_or_path:wasm}});await hydrate();performance.mark('hydrated');"
    )
}

/// The style sheet in the page; a link to it where its text is not known.
fn style(assets: &Assets) -> AnyView {
    if assets.style.is_empty() {
        view! { <link rel="stylesheet" href=format!("/pkg/{}", assets.css)/> }.into_any()
    } else {
        view! { <style nonce=use_nonce()>{assets.style.clone()}</style> }.into_any()
    }
}

/// The whole document as the server renders it; reads [`Assets`] from context.
pub fn shell() -> impl IntoView {
    let assets: Arc<Assets> = use_context().unwrap_or_default();
    view! {
        <!DOCTYPE html>
        <html lang=language!()>
            <head>
                <meta charset="utf-8"/>
                <meta name="viewport" content="width=device-width, initial-scale=1"/>
                <meta name="color-scheme" content="light dark"/>
                <script nonce=use_nonce()>{THEME}</script>
                <link rel="icon" href="data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Crect width='16' height='16' rx='4' fill='%233b5bdb'/%3E%3Cpath d='M3 6h10M3 10h10M5 4v8M11 4v8' stroke='white' stroke-width='1.4' stroke-linecap='round'/%3E%3C/svg%3E"/>
                {style(&assets)}
                <script type="module" nonce=use_nonce()>{start(&assets)}</script>
                <MetaTags/>
            </head>
            <body>
                <App/>
                // After what the browser takes over, which begins with the first element.
                <p id="stopped" class="stopped" role="alert" hidden>
                    "This page has stopped: a defect of Paddock's. What runs on the nodes goes on. "<a rel="external" href="">"Load the page anew"</a>
                </p>
            </body>
        </html>
    }
}
