//! `cargo xtask words`: what there is to translate, what is translated, and a language that nobody speaks.

use crate::place;
use anyhow::{Context, Result, bail};
use paddock_catalogue::{Catalogue, Found, Way, pseudo, rule, strings};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The code of the language that nobody speaks; its file is made, not kept.
const PSEUDO: &str = "zz";

/// Lists the strings of the pages; with a language's code what it lacks, and what no page says any more. Errs when a
/// catalogue cannot be read, and ends badly when it is not whole.
pub fn words(rest: &[String]) -> Result<ExitCode> {
    let app = place::root().join("app");
    let all = keys(&app)?;
    match rest {
        [] => {
            for (text, (place, _)) in &all {
                println!("{place}: {text:?}");
            }
            Ok(ExitCode::SUCCESS)
        }
        [code] if code == PSEUDO => {
            let path = catalogue(&app, code);
            fs::write(&path, made(&all)?)?;
            println!("{} is made: PADDOCK_LANGUAGE={PSEUDO} cargo xtask build", path.display());
            Ok(ExitCode::SUCCESS)
        }
        [code] => compare(&app, code, &all),
        _ => bail!("usage: cargo xtask words [CODE]"),
    }
}

/// Every string by its text, with where it is said first and how.
type Keys = BTreeMap<String, (String, Way)>;

fn keys(app: &Path) -> Result<Keys> {
    let mut keys = Keys::new();
    for path in sources(&app.join("src"))? {
        let shown = path.strip_prefix(place::root()).unwrap_or(&path).display().to_string();
        for Found { line, text, way } in strings(&fs::read_to_string(&path)?) {
            if way != Way::Bare {
                keys.entry(text).or_insert_with(|| (format!("{shown}:{line}"), way));
            }
        }
    }
    Ok(keys)
}

fn sources(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(sources(&path)?);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn catalogue(app: &Path, code: &str) -> PathBuf {
    app.join("languages").join(format!("{code}.json"))
}

fn compare(app: &Path, code: &str, all: &Keys) -> Result<ExitCode> {
    let path = catalogue(app, code);
    let json = fs::read_to_string(&path).with_context(|| format!("no catalogue {}", path.display()))?;
    let catalogue = Catalogue::parse(code, &json)?;
    let mut bad = 0;
    for (text, (place, way)) in all {
        let checked = match way {
            Way::Count => catalogue.count(text).map(|forms| forms.is_some()),
            Way::Format => catalogue.format(text).map(|text| text.is_some()),
            Way::Text | Way::Bare => catalogue.text(text).map(|text| text.is_some()),
        };
        match checked {
            Ok(true) => continue,
            Ok(false) => println!("missing  {place}: {text:?}"),
            Err(error) => println!("wrong    {place}: {error}"),
        }
        bad += 1;
    }
    let stale: BTreeSet<_> = catalogue.entries.keys().filter(|text| !all.contains_key(*text)).collect();
    for text in &stale {
        println!("stale    {text:?}");
    }
    println!("{code}: {} of {} translated, {} stale", all.len() - bad, all.len(), stale.len());
    Ok(if bad + stale.len() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The catalogue of the language that nobody speaks.
fn made(all: &Keys) -> Result<String> {
    let forms = rule(PSEUDO).context("the language that nobody speaks has plurals")?;
    let entry = |(text, (_, way)): (&String, &(String, Way))| {
        let said = pseudo(text);
        let value = match way {
            Way::Count => forms.forms().map(|form| (form.name(), said.clone())).collect(),
            Way::Text | Way::Format | Way::Bare => serde_json::Value::from(said),
        };
        (text.clone(), value)
    };
    let entries: serde_json::Map<String, serde_json::Value> = all.iter().map(entry).collect();
    Ok(serde_json::to_string_pretty(&entries)? + "\n")
}
