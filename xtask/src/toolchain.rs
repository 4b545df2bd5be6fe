//! Which Rust toolchain builds the product: one that has the browser's standard library, and its source.
//!
//! The server and the browser's half share one compiler and one target directory. rustup's toolchain is taken
//! when it has, or can fetch, both for `wasm32-unknown-unknown`; where it cannot, Debian's compiler for browsers is
//! (`rustc-web`), with a standard library built once from its own source. What browsers load is built with that source once
//! more, for size ([`Toolchain::lean`]); the library itself serves clippy. See docs/decisions/0026.

use crate::rights::{self, Need, Rights};
use crate::{command, place, report};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const WASM: &str = "wasm32-unknown-unknown";
/// `rustup target add` without a route to its server hangs instead of failing.
const RUSTUP_BOUND: Duration = Duration::from_secs(20);
/// The name under which rustup knows Debian's compiler.
const DEBIAN: &str = "debian-web";
const DEBIAN_LINKER: &str = "/usr/bin/wasm-ld-19";
const DEBIAN_NEEDS: &[Need] = &[
    ("/usr/lib/rustlib/src/rust/library/std/Cargo.toml", "rust-web-src"),
    (DEBIAN_LINKER, "lld-19"),
    ("/usr/bin/rustc", "rustc-web"),
    ("/usr/bin/cargo", "cargo-web"),
    ("/usr/bin/cargo-clippy", "rust-web-clippy"),
    ("/usr/bin/rustfmt", "rustfmt-web"),
];

/// A toolchain that compiles and links for the host and for the browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toolchain {
    /// rustup's name; none: what PATH has.
    name: Option<String>,
    linker: Option<PathBuf>,
}

impl Toolchain {
    /// cargo of this toolchain, in the repository, without what `cargo run` put into the environment.
    pub fn cargo(&self) -> Command {
        let mut cargo = self.program("cargo");
        if let Some(linker) = &self.linker {
            cargo.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
        }
        cargo
    }

    /// cargo for what browsers load: the standard library is compiled with it, for size, and code that stops says nothing.
    ///
    /// The words of every possible stop, and what formats them, are a twelfth of what the landing page loads, for nobody but
    /// whoever debugs: a build without this has them. Both are unstable, which the compiler's own switch lets through.
    pub fn lean(&self) -> Command {
        let mut cargo = self.cargo();
        cargo.env("RUSTC_BOOTSTRAP", "1");
        cargo.args(["-Zbuild-std=std,panic_abort", "-Zbuild-std-features=optimize_for_size"]);
        cargo.arg("--config").arg(format!(
            "target.{WASM}.rustflags=[\"--cfg\", \"erase_components\", \"-Zunstable-options\", \"-Cpanic=immediate-abort\"]"
        ));
        cargo
    }

    fn program(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(place::root()).env_remove("LD_LIBRARY_PATH").env_remove("CARGO");
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("CARGO_PKG_") || name == "CARGO_MANIFEST_DIR" {
                command.env_remove(name);
            }
        }
        if let Some(name) = &self.name {
            command.env("RUSTUP_TOOLCHAIN", name);
        }
        command
    }

    fn debian() -> Self {
        Self { name: Some(DEBIAN.into()), linker: Some(DEBIAN_LINKER.into()) }
    }

    fn has_source(&self) -> bool {
        let sysroot = command::output(self.program("rustc").args(["--print", "sysroot"]));
        sysroot
            .is_ok_and(|at| Path::new(at.trim()).join("lib/rustlib/src/rust/library/std/Cargo.toml").exists())
    }

    /// Has the standard library's source, compiles and links a crate that uses `std` for the browser: the only proof that it can.
    fn works(&self) -> bool {
        let folder = place::notes();
        let source = folder.join("probe.rs");
        let written = fs::create_dir_all(&folder).is_ok()
            && fs::write(
                &source,
                "#[unsafe(no_mangle)] pub extern \"C\" fn probe() -> usize { vec![0u8; 3].len() }",
            )
            .is_ok();
        let mut rustc = self.program("rustc");
        rustc.args(["--edition=2024", "--crate-type=cdylib", "--target", WASM, "-o"]);
        rustc.arg(folder.join("probe.wasm")).arg(&source);
        if let Some(linker) = &self.linker {
            rustc.arg("-C").arg(format!("linker={}", linker.display()));
        }
        written && self.has_source() && command::succeeds_within(&mut rustc, Duration::from_secs(60))
    }
}

/// The toolchain for everything that is built; installs what is missing, asks nothing.
pub fn choose() -> Result<Toolchain> {
    let present = Toolchain { name: std::env::var("RUSTUP_TOOLCHAIN").ok(), linker: None };
    for candidate in [present.clone(), Toolchain::debian()] {
        if candidate.works() {
            return Ok(candidate);
        }
    }
    report::say("the toolchain has no standard library for the browser, or not its source");
    let rustup =
        |words: [&str; 3]| command::succeeds_within(present.program("rustup").args(words), RUSTUP_BOUND);
    if report::step("rustup target add wasm32-unknown-unknown, and rust-src", || {
        Ok(rustup(["target", "add", WASM]) && rustup(["component", "add", "rust-src"]) && present.works())
    })? {
        return Ok(present);
    }
    report::say("rustup cannot fetch it here: taking Debian's compiler for browsers");
    report::step("Debian's Rust for browsers", install_debian)?;
    let debian = Toolchain::debian();
    if !debian.works() {
        bail!("`rustc` of toolchain {DEBIAN} does not compile for {WASM}: try it by hand on {}", probe());
    }
    Ok(debian)
}

fn probe() -> String {
    place::notes().join("probe.rs").display().to_string()
}

fn install_debian() -> Result<()> {
    rights::install(DEBIAN_NEEDS)?;
    if command::exists("rustup") {
        command::output(Command::new("rustup").args(["toolchain", "link", DEBIAN, "/usr"]))?;
    }
    if Toolchain::debian().works() {
        return Ok(());
    }
    if rights::rights() == Rights::None {
        bail!("adding the browser's standard library to Debian's compiler takes root or sudo");
    }
    let built = build_std()?;
    let sysroot = command::output(Toolchain::debian().program("rustc").args(["--print", "sysroot"]))?;
    let to = format!("{}/lib/rustlib/{WASM}/lib", sysroot.trim());
    command::output(rights::as_root("mkdir", &[]).args(["-p", &to]))?;
    let mut copy = rights::as_root("cp", &[]);
    copy.args(built).arg(&to);
    command::output(&mut copy).map(drop)
}

/// Builds `std` for the browser with an empty crate and gives its libraries. Takes about 46 s on two cores.
fn build_std() -> Result<Vec<PathBuf>> {
    // Outside the repository's workspace, or cargo would take the crate for a forgotten member.
    let folder = place::notes().join("std");
    fs::create_dir_all(folder.join("src"))?;
    fs::write(
        folder.join("Cargo.toml"),
        "[package]\nname = \"empty_crate\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n",
    )?;
    fs::write(folder.join("src/lib.rs"), "")?;
    let mut cargo = Toolchain::debian().cargo();
    cargo.current_dir(&folder).env("RUSTC_BOOTSTRAP", "1").env("CARGO_TARGET_DIR", folder.join("target"));
    cargo.args(["build", "-Zbuild-std=std,panic_abort,panic_unwind", "--release", "--target", WASM]);
    command::logged(&mut cargo, "std.log")?;
    libraries(&folder.join("target").join(WASM).join("release/deps"))
}

fn libraries(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if name.ends_with(".rlib") && !name.starts_with("libempty_crate") {
            found.push(path);
        }
    }
    Ok(found)
}
