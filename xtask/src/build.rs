//! Building what a person runs: the server and the site it serves.

use crate::check::WORKSPACE;
use crate::place::Profile;
use crate::toolchain::Toolchain;
use crate::{command, place, report};
use anyhow::{Result, anyhow};
use std::fs::{self, File, TryLockError};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::process::Command;
use std::time::UNIX_EPOCH;

/// Builds both halves side by side: while the browser's is linked on one core, the server's goes on. One such build at a
/// time: cargo waits for another one by itself, and two that make the site would take it away from each other.
pub fn all(toolchain: &Toolchain, profile: Profile) -> Result<()> {
    let _alone = alone()?;
    std::thread::scope(|scope| {
        let browser = scope.spawn(|| report::step("building the browser's half", || browser(toolchain)));
        let server = report::step("building the server", || server(toolchain, profile));
        let browser = browser.join().map_err(|_| anyhow!("the thread that builds the site panicked"))?;
        server.and(browser)
    })?;
    report::step("making the site", || site(profile))?;
    links(profile)
}

/// Held while this tree is built, by whatever thread or process; other builds are waited for.
fn alone() -> Result<File> {
    fs::create_dir_all(place::notes())?;
    let file = File::create(place::notes().join("build.lock"))?;
    if let Err(error) = file.try_lock() {
        match error {
            TryLockError::WouldBlock => {
                report::step("waiting for another build of this tree", || Ok(file.lock()?))?;
            }
            TryLockError::Error(error) => return Err(error.into()),
        }
    }
    Ok(file)
}

/// The names by which scripts call the program, beside it: `release/bin/pgsql-add` leads to `release/paddock`.
fn links(profile: Profile) -> Result<()> {
    let mut links = Command::new(profile.server());
    links.arg("links").arg(profile.folder().join("bin")).args(["--to", "../paddock"]);
    command::logged(&mut links, "links.log")
}

/// The server, and `site` in the same call of cargo: two calls would wait for each other's lock. For tests all of the
/// workspace, as they compile it: cargo takes the same crates with other features for others.
pub fn server(toolchain: &Toolchain, profile: Profile) -> Result<()> {
    let mut cargo = toolchain.cargo();
    match profile {
        Profile::Release => cargo.args(["build", "--release", "-p", "server", "-p", "site"]),
        Profile::Dev => cargo.arg("build").args(WORKSPACE).args(["--bins", "--tests"]),
    };
    command::logged(&mut cargo, "server.log")
}

fn browser(toolchain: &Toolchain) -> Result<()> {
    let mut wasm = toolchain.lean();
    wasm.args(["build", "-p", "frontend", "--profile", "wasm", "--target", "wasm32-unknown-unknown"]);
    command::logged(&mut wasm, "frontend.log")
}

/// Makes what the server serves from the compiled browser half and the style sheets.
fn site(profile: Profile) -> Result<()> {
    let mut bundle = Command::new(profile.folder().join("site"));
    bundle.arg(place::target().join("wasm32-unknown-unknown/wasm/frontend.wasm"));
    bundle.arg(place::root().join("style")).arg(place::site());
    command::logged(&mut bundle, "site.log")
}

/// A mark of what was built: it changes when the server or the site does.
pub fn mark(profile: Profile) -> String {
    let mut hasher = DefaultHasher::new();
    for path in [profile.server(), place::site().join("pkg/manifest.json")] {
        age(&path).hash(&mut hasher);
    }
    format!("{:016x}", hasher.finish())
}

fn age(path: &Path) -> Option<u128> {
    let changed = fs::metadata(path).and_then(|meta| meta.modified()).ok()?;
    changed.duration_since(UNIX_EPOCH).ok().map(|age| age.as_nanos())
}
