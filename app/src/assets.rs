//! Names of the browser's files.
//!
//! `xtask/site` writes `<site-root>/pkg/manifest.json`: `{"js": "paddock.<hash>.js", "wasm": …, "css": …}`.
//! The server reads it once at its start, parses it with serde into [`Assets`], and provides it as context beside
//! `Console` and [`crate::api::Session`]; [`crate::shell`] loads the names under `/pkg/`. Hashed names never
//! change their content, so the server may send `/pkg/paddock.*` with `Cache-Control: immutable`.

use serde::{Deserialize, Serialize};

/// File names below `/pkg/`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assets {
    /// wasm-bindgen's module.
    pub js: String,
    /// The compiled frontend.
    pub wasm: String,
    /// All style sheets as one.
    pub css: String,
}

impl Default for Assets {
    /// Unhashed names, for a site made by other tools.
    fn default() -> Self {
        Self { js: "paddock.js".into(), wasm: "paddock.wasm".into(), css: "paddock.css".into() }
    }
}
