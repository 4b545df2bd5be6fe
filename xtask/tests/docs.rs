//! What keeps the documents from going stale: their links lead somewhere, their pictures are the tests' own, and the
//! messages that they explain are still printed.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// All pictures together, in bytes: they are in every clone.
const PICTURES_AT_MOST: u64 = 8 << 20;
/// Where what a person reads is written.
const SOURCES: [&str; 3] = ["crates", "app", "server"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is a folder of the repository").into()
}

/// The files below a folder whose name ends so.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut out = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of the repository") {
            let path = entry.expect("an entry of it").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_string_lossy().ends_with(ending) {
                out.push(path);
            }
        }
    }
    out.sort();
    out
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn documents() -> Vec<PathBuf> {
    let mut out = files(&root().join("docs"), ".md");
    out.push(root().join("README.md"));
    out
}

/// The text without what stands between fences, where nothing is a link or a heading.
fn prose(text: &str) -> Vec<&str> {
    let mut fenced = false;
    let mut out = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            out.push(line);
        }
    }
    out
}

/// What the links of a line lead to.
fn links(line: &str) -> Vec<&str> {
    line.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link).collect()
}

/// The anchors of a document's headings, as GitHub makes them.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = prose(text).into_iter().filter(|line| line.starts_with('#'));
    let anchor = |heading: &str| {
        let words = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = words.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect::<String>()
    };
    headings.map(anchor).collect()
}

#[test]
fn every_link_of_the_documents_leads_somewhere() {
    let mut wrong = Vec::new();
    for document in documents() {
        let text = read(&document);
        for link in prose(&text).into_iter().flat_map(links) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let folder = document.parent().expect("a file is in a folder");
            let target = if path.is_empty() { document.clone() } else { folder.join(path) };
            if !target.exists() {
                wrong.push(format!("{}: {link} is not there", document.display()));
            } else if !anchor.is_empty() && !anchors(&read(&target)).contains(anchor) {
                wrong.push(format!("{}: {link} has no such heading", document.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_picture_is_one_that_the_tests_make_and_together_they_are_small() {
    let made = read(&root().join("end2end/browser.mjs"));
    let mut sum = 0;
    let mut wrong = Vec::new();
    for picture in files(&root().join("docs/pictures"), "") {
        sum += fs::metadata(&picture).expect("a picture").len();
        let name = picture.file_name().expect("a file has a name").to_string_lossy().into_owned();
        let subject = ["-light.webp", "-dark.webp"]
            .into_iter()
            .find_map(|scheme| name.strip_suffix(scheme))
            .and_then(|name| name.strip_suffix("-1440").or_else(|| name.strip_suffix("-360")));
        match subject {
            Some(subject) if made.contains(&format!("'{subject}'")) => {}
            Some(_) | None => wrong.push(format!("{name}: no test keeps it")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(sum <= PICTURES_AT_MOST, "the pictures have {sum} bytes, and may have {PICTURES_AT_MOST}");
}

#[test]
fn every_message_of_the_troubleshooting_is_one_that_the_sources_have() {
    let mut sources = Vec::new();
    for folder in SOURCES {
        for file in files(&root().join(folder), ".rs") {
            // A text that goes on in the next line is one text.
            let text = read(&file);
            let joined: Vec<&str> = text.split("\\\n").collect();
            let mut whole = joined[0].to_owned();
            for part in &joined[1..] {
                whole += part.trim_start();
            }
            sources.push(whole);
        }
    }
    let text = read(&root().join("docs/troubleshooting.md"));
    let headings = prose(&text).into_iter().filter_map(|line| line.strip_prefix("### `"));
    let mut count = 0;
    let mut wrong = Vec::new();
    for heading in headings {
        count += 1;
        let Some(message) = heading.trim_end().strip_suffix('`') else {
            wrong.push(format!("`{heading}: a heading is one message"));
            continue;
        };
        // What differs from case to case is an ellipsis; the rest stands in one source file.
        let parts: Vec<&str> = message.split('…').map(str::trim).filter(|part| part.len() > 3).collect();
        let printed = |source: &String| parts.iter().all(|part| source.contains(part));
        if parts.is_empty() || !sources.iter().any(printed) {
            wrong.push(message.to_owned());
        }
    }
    assert!(count > 30, "{count} messages are explained");
    assert!(wrong.is_empty(), "no source prints:\n{}", wrong.join("\n"));
}
