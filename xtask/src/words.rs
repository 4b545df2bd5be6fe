//! `cargo xtask words`: what there is to translate, what is translated, and a language that nobody speaks.

use crate::place;
use anyhow::{Context, Result, bail};
use paddock_catalogue::{Catalogue, Found, Way, pseudo, rule, strings};
use std::collections::BTreeMap;
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
            fs::create_dir_all(app.join("languages"))?;
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
    let read = Catalogue::parse(code, &json)?;
    let (lacks, stale) = (lacks(&read, all), stale(&read, all));
    for line in lacks.iter().chain(&stale) {
        println!("{line}");
    }
    println!("{code}: {} of {} translated, {} stale", all.len() - lacks.len(), all.len(), stale.len());
    Ok(if lacks.is_empty() && stale.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A line for each string that has no translation, or one that does not fit.
fn lacks(catalogue: &Catalogue, all: &Keys) -> Vec<String> {
    let lack = |(text, (place, way)): (&String, &(String, Way))| {
        let checked = match way {
            Way::Count => catalogue.count(text).map(|forms| forms.is_some()),
            Way::Format => catalogue.format(text).map(|text| text.is_some()),
            Way::Text | Way::Bare => catalogue.text(text).map(|text| text.is_some()),
        };
        match checked {
            Ok(true) => None,
            Ok(false) => Some(format!("missing  {place}: {text:?}")),
            Err(error) => Some(format!("wrong    {place}: {error}")),
        }
    };
    all.iter().filter_map(lack).collect()
}

/// A line for each translation of what no page says any more.
fn stale(catalogue: &Catalogue, all: &Keys) -> Vec<String> {
    let old = catalogue.entries.keys().filter(|text| !all.contains_key(*text));
    old.map(|text| format!("stale    {text:?}")).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> Keys {
        let texts = [("Jobs", Way::Text), ("{a} of {b}", Way::Format), ("{n} step", Way::Count)];
        texts.map(|(text, way)| (text.to_owned(), ("page.rs:1".to_owned(), way))).into()
    }

    #[test]
    fn a_made_catalogue_lacks_nothing() {
        let json = made(&keys()).unwrap();
        let catalogue = Catalogue::parse(PSEUDO, &json).unwrap();
        assert_eq!((lacks(&catalogue, &keys()), stale(&catalogue, &keys())), (vec![], vec![]));
    }

    #[test]
    fn what_is_missing_wrong_or_stale_is_named() {
        let catalogue = Catalogue::parse("de", r#"{"{a} of {b}": "{a}", "Job": "Auftrag"}"#).unwrap();
        let expect = [
            r#"missing  page.rs:1: "Jobs""#,
            r#"wrong    page.rs:1: languages/de.json, entry "{a} of {b}": {b} is lost"#,
            r#"missing  page.rs:1: "{n} step""#,
        ];
        assert_eq!(lacks(&catalogue, &keys()), expect);
        assert_eq!(stale(&catalogue, &keys()), [r#"stale    "Job""#]);
    }
}
