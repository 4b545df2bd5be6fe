//! What a person sees: pages and components, and the server functions behind them.
//!
//! Compiled twice: with `ssr` into the server, with `hydrate` into the browser's WASM. It decides nothing:
//! every answer comes from `paddock_console`, and a page only shows the verdicts that travel with the data.
#![recursion_limit = "256"]

pub mod api;
mod app;
mod assets;
mod components;
mod live;
mod notices;
mod pages;
mod palette;
pub mod paths;
mod shell;
mod words;

pub use app::App;
pub use assets::Assets;
pub use shell::shell;
