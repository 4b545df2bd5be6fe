//! Building what a person runs: the release server and the site it serves.

use crate::toolchain::Toolchain;
use crate::{command, place, report};
use anyhow::{Result, anyhow};
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::process::Command;
use std::time::UNIX_EPOCH;

/// Builds server and site side by side: while the one's last crate is optimised on one core, the other goes on.
pub fn all(toolchain: &Toolchain) -> Result<()> {
    std::thread::scope(|scope| {
        let server = scope.spawn(|| report::step("building the server", || server(toolchain)));
        let site = report::step("building the site", || site(toolchain));
        let server = server.join().map_err(|_| anyhow!("the thread that builds the server panicked"))?;
        server.and(site)
    })
}

fn server(toolchain: &Toolchain) -> Result<()> {
    command::logged(toolchain.cargo().args(["build", "--release", "-p", "server"]), "server.log")
}

/// The browser's half as WASM, then `site` (its own small crate, since wasm-bindgen takes long to compile).
fn site(toolchain: &Toolchain) -> Result<()> {
    let mut wasm = toolchain.cargo();
    wasm.args(["build", "-p", "frontend", "--profile", "wasm", "--target", "wasm32-unknown-unknown"]);
    command::logged(&mut wasm, "frontend.log")?;
    command::logged(toolchain.cargo().args(["build", "--release", "-p", "site"]), "site-tool.log")?;
    let mut bundle = Command::new(place::target().join("release/site"));
    bundle.arg(place::target().join("wasm32-unknown-unknown/wasm/frontend.wasm"));
    bundle.arg(place::root().join("style")).arg(place::site());
    command::logged(&mut bundle, "site.log")
}

/// A mark of what was built: it changes when the server or the site does.
pub fn mark() -> String {
    let mut hasher = DefaultHasher::new();
    for path in [place::server(), place::site().join("pkg/manifest.json")] {
        age(&path).hash(&mut hasher);
    }
    format!("{:016x}", hasher.finish())
}

fn age(path: &Path) -> Option<u128> {
    let changed = fs::metadata(path).and_then(|meta| meta.modified()).ok()?;
    changed.duration_since(UNIX_EPOCH).ok().map(|age| age.as_nanos())
}
