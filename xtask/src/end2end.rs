//! The end-to-end tests: the console as `up` starts it, Chromium, and a look at the nodes.

use crate::console::{self, Home};
use crate::lab::Lab;
use crate::lanes::Errand;
use crate::place::Profile;
use crate::rights;
use crate::tally::Tally;
use crate::toolchain::Toolchain;
use crate::{build, check, command, place, report};
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Stops the console when dropped.
struct StopAtEnd(Home);

impl Drop for StopAtEnd {
    fn drop(&mut self) {
        if let Err(error) = self.0.stop() {
            report::say(&format!("the console could not be stopped: {error:#}"));
        }
    }
}

/// Every `end2end/*.test.mjs` whose name has this in it, each to be run against a new console and new nodes; what they need
/// is built. `keep` has them put the documents' pictures where the documents find them.
pub fn errands(toolchain: &Toolchain, only: &str, keep: bool) -> Result<Vec<Errand<'static>>> {
    check::nodes()?;
    rights::install(rights::BROWSER)?;
    build::all(toolchain, Profile::Dev)?;
    let folder = place::root().join("end2end");
    install_packages(&folder)?;
    let errand = |file: PathBuf| Errand {
        name: file.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        run: Box::new({
            let folder = folder.clone();
            move |lab, said| one(&folder, &file, keep, lab, said)
        }),
    };
    Ok(files(&folder, only)?.into_iter().map(errand).collect())
}

fn one(folder: &Path, file: &Path, keep: bool, lab: &Lab, said: &mut String) -> Result<Tally> {
    let home = Home::of_tests(lab);
    home.stop()?;
    home.remove()?;
    lab.up()?;
    let running = report::step("starting the console", || home.start(console::free_port()?, Some(lab)))?;
    let _stop = StopAtEnd(home.clone());
    let password =
        home.take_password()?.context("a new console says the first admin's password, this one did not")?;
    let artefacts = place::artefacts();
    fs::create_dir_all(&artefacts)?;
    let mut node = Command::new("node");
    node.current_dir(folder).args(["--test", "--test-reporter=spec"]).arg(file);
    node.env("PADDOCK_URL", running.url()).env("PADDOCK_PASSWORD", password);
    node.env("PADDOCK_BINARY", Profile::Dev.server()).env("ARTEFACTS", &artefacts);
    if keep {
        let pictures = place::root().join("docs/pictures");
        fs::create_dir_all(&pictures)?;
        node.env("PADDOCK_PICTURES", pictures);
    }
    // For a console that a test starts by itself.
    node.env("PADDOCK_SITE", place::site());
    // The command line keeps people and tokens where the console does.
    node.env("PADDOCK_STATE_DIR", home.state());
    // The tests look at the nodes through the same script, as root or through sudo.
    let script = lab.command();
    let words = std::iter::once(script.get_program()).chain(script.get_args());
    node.env("LAB", words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join("\n"));
    node.envs(lab.environment());
    let tally = check::counted(&mut node, said)?;
    if tally.failed > 0 {
        let kept = file.with_extension("console.log");
        let kept = artefacts.join(kept.file_name().unwrap_or_default());
        fs::copy(home.log(), kept).context("cannot keep the console's log")?;
        report::say(&format!("the end of the console's log:\n{}", command::tail(&home.log(), 40)));
    }
    Ok(tally)
}

fn files(folder: &Path, only: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.ends_with(".test.mjs") && name.contains(only) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// `npm ci`, skipped while the lock file is what was installed.
fn install_packages(folder: &Path) -> Result<()> {
    let lock = fs::read(folder.join("package-lock.json"))?;
    let installed = folder.join("node_modules/.installed");
    if fs::read(&installed).is_ok_and(|then| then == lock) {
        return Ok(());
    }
    report::step("npm ci", || {
        let mut npm = Command::new("npm");
        npm.current_dir(folder).args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"]);
        command::logged(&mut npm, "npm.log")?;
        fs::write(&installed, &lock).context("cannot note what npm installed")
    })
}
