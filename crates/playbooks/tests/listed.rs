//! Every code of a refusal or warning of plans is listed in docs/refusals.md, and nothing else is.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic and tell")]

use std::collections::BTreeSet;
use std::path::Path;

/// Codes between two quotes.
fn codes(text: &str, quote: char) -> BTreeSet<String> {
    let words = text.split(quote).filter_map(|word| Some((word, word.strip_prefix("plan/")?)));
    words
        .filter(|(_, code)| !code.is_empty() && code.chars().all(|c| c.is_ascii_lowercase() || c == '-'))
        .map(|(word, _)| word.to_owned())
        .collect()
}

fn used(folder: &Path, out: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            used(&path, out);
        } else {
            out.extend(codes(&std::fs::read_to_string(path).unwrap(), '"'));
        }
    }
}

#[test]
fn every_code_is_in_the_docs_once() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = BTreeSet::new();
    // A stored plan is refused by the console.
    for folder in ["src", "../console/src"] {
        used(&here.join(folder), &mut found);
    }
    let docs = std::fs::read_to_string(here.join("../../docs/refusals.md")).unwrap();
    assert!(found.len() > 80, "{found:?}");
    assert_eq!(found, codes(&docs, '`'));
    let rows: Vec<&str> = docs.lines().filter(|line| line.starts_with("| `plan/")).collect();
    assert_eq!(rows.len(), found.len(), "one row for each");
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        assert!(cells.len() == 3 && cells.iter().all(|cell| !cell.is_empty()), "{row}");
    }
}
