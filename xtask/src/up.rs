//! `up` and `down`: everything a person needs to click, and nothing of it left.

use crate::console::{Home, Running};
use crate::lab::Lab;
use crate::place::Profile;
use crate::rights::{self, Rights};
use crate::{build, lanes, report, toolchain};
use anyhow::{Context, Result, anyhow, bail};
use std::process::ExitCode;

/// What `up` was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    lab: bool,
    port: u16,
}

impl Wish {
    /// Reads the arguments after `up`.
    pub fn parse(args: &[String]) -> Result<Self> {
        let mut wish = Self { lab: true, port: 8080 };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--no-lab" => wish.lab = false,
                "--port" => {
                    let port = args.next().context("--port wants a number")?;
                    wish.port = port.parse().with_context(|| format!("`{port}` is no port"))?;
                }
                _ => bail!("`up` takes --no-lab and --port N, not `{arg}`"),
            }
        }
        Ok(wish)
    }
}

/// Builds, brings the lab up, serves the console. What is already done is skipped.
pub fn up(wish: &Wish) -> Result<ExitCode> {
    let with_lab = wish.lab && may_have_lab();
    if with_lab {
        rights::install(rights::LAB)?;
    }
    let toolchain = toolchain::choose()?;
    let home = if with_lab { Home::with_lab() } else { Home::without_lab() };
    let lab = with_lab.then(Lab::of_up);
    std::thread::scope(|scope| {
        // The lab's base is fetched while the compilers work.
        let base =
            lab.as_ref().map(|lab| scope.spawn(|| report::step("building the lab's base", || lab.build())));
        let built = build::all(&toolchain, Profile::Release);
        if let Some(base) = base {
            base.join().map_err(|_| anyhow!("the thread that builds the lab panicked"))??;
        }
        built
    })?;
    if let Some(lab) = &lab {
        bring_up(lab, &home)?;
    }
    let running = serve(&home, wish.port, lab.as_ref())?;
    tell(&home, &running, with_lab)?;
    Ok(ExitCode::SUCCESS)
}

fn may_have_lab() -> bool {
    let may = rights::rights() != Rights::None;
    if !may {
        report::say("no root and no sudo without a password: going on without the lab (as with --no-lab)");
    }
    may
}

/// Nodes and the console's state belong together: a lab that an earlier state knew is not taken over.
fn bring_up(lab: &Lab, home: &Home) -> Result<()> {
    if lab.is_torn() {
        report::say("the machine was restarted since: nodes and console begin anew");
        home.stop()?;
        home.remove()?;
    }
    if !home.has_state() {
        lab.down()?;
    }
    lab.up()
}

fn serve(home: &Home, port: u16, lab: Option<&Lab>) -> Result<Running> {
    if let Some(running) = home.running() {
        if home.is_current(&running) && running.port == port && running.answers() {
            report::say("the console already runs");
            return Ok(running);
        }
        home.stop()?;
    }
    report::step("starting the console", || home.start(port, lab))
}

fn tell(home: &Home, running: &Running, with_lab: bool) -> Result<()> {
    println!();
    println!("  Paddock   {}", running.url());
    match home.take_password()? {
        Some(password) => println!("  sign in   admin / {password}   (said only now; keep it)"),
        None => println!("  sign in   as before; the first password was said when the console was new"),
    }
    if with_lab {
        println!("  nodes     10.10.10.10 to 10.10.10.14; a shell: cargo xtask lab ssh 11");
    } else {
        println!("  nodes     none here; the console manages what its inventory names");
    }
    println!("  log       {}", home.log().display());
    println!("  stop      cargo xtask down");
    Ok(())
}

/// Stops everything that `up` started. Build output and the lab's base stay; so does the state of a console
/// without the lab, which may hold the only keys to real clusters.
pub fn down() -> Result<ExitCode> {
    Home::with_lab().stop()?;
    Home::without_lab().stop()?;
    let of_tests = || (1..=lanes::LANES).map(Lab::of_tests);
    for lab in of_tests() {
        Home::of_tests(&lab).stop()?;
    }
    if rights::rights() == Rights::None {
        report::say("no root and no sudo: the lab, if there is one, was left as it is");
    } else {
        Lab::of_up().down()?;
        for lab in of_tests() {
            lab.down()?;
        }
    }
    Home::with_lab().remove()?;
    for lab in of_tests() {
        Home::of_tests(&lab).remove()?;
    }
    if Home::without_lab().has_state() {
        report::say(&format!("kept: the console's own state in {}", Home::without_lab().state().display()));
    }
    report::say("all is stopped");
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn up_takes_its_two_options_and_refuses_others() {
        let parse = |words: &[&str]| Wish::parse(&words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>());
        assert_eq!(parse(&[]).unwrap(), Wish { lab: true, port: 8080 });
        assert_eq!(parse(&["--no-lab", "--port", "81"]).unwrap(), Wish { lab: false, port: 81 });
        assert!(parse(&["--port"]).is_err());
        assert!(parse(&["--port", "99999"]).is_err());
        assert!(parse(&["--lab"]).is_err());
    }
}
