//! Every finding code is listed in docs/findings.md, and nothing else is.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic and tell")]

use std::collections::BTreeSet;
use std::path::Path;

const AREAS: [&str; 13] = [
    "yaml/", "file/", "group/", "host/", "global/", "pgsql/", "etcd/", "infra/", "minio/", "list/",
    "service/", "hba/", "vip/",
];

fn codes(text: &str, quote: char) -> BTreeSet<String> {
    let words = text.split(quote).filter(|word| AREAS.iter().any(|area| word.starts_with(area)));
    words
        .filter(|word| word.chars().all(|c| c.is_ascii_lowercase() || c == '/' || c == '-'))
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_code_is_in_the_docs() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut used = BTreeSet::new();
    for folder in ["src", "src/validate"] {
        for entry in std::fs::read_dir(here.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                used.extend(codes(&std::fs::read_to_string(path).unwrap(), '"'));
            }
        }
    }
    let listed = codes(&std::fs::read_to_string(here.join("../../docs/findings.md")).unwrap(), '`');
    assert!(used.len() > 20, "{used:?}");
    assert_eq!(used, listed);
}
