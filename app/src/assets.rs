//! Names of the browser's files.
//!
//! `xtask/site` writes `<site-root>/pkg/manifest.json`: `{"js": "paddock.<hash>.js", "wasm": …, "css": …}`.
//! The server reads it once at its start, parses it with serde into [`Assets`], and provides an `Arc` of it as context beside
//! `Console` and [`crate::api::Session`]; [`crate::shell`] loads the names under `/pkg/`, and a page whose code is a part by
//! itself names the part's files beside them. Hashed names never change their content, so the server may send
//! `/pkg/paddock.*` with `Cache-Control: immutable`.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// File names below `/pkg/`; shared by all requests, and so in context as `Arc<Assets>`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assets {
    /// wasm-bindgen's module.
    pub js: String,
    /// The module that loads parts; wasm-bindgen's imports it.
    pub loader: String,
    /// The compiled frontend without its parts.
    pub wasm: String,
    /// All style sheets as one.
    pub css: String,
    /// Their text, for whoever has read it: pages carry it then, and are painted without waiting for a second answer.
    #[serde(skip)]
    pub style: String,
    /// The files of each part that is loaded on demand.
    pub parts: BTreeMap<String, Vec<String>>,
}

impl Default for Assets {
    /// Unhashed names, for a site made by other tools.
    fn default() -> Self {
        Self {
            js: "paddock.js".into(),
            loader: "paddock.loader.js".into(),
            wasm: "paddock.wasm".into(),
            css: "paddock.css".into(),
            style: String::new(),
            parts: BTreeMap::new(),
        }
    }
}
