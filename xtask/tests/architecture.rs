//! The rules of docs/ARCHITECTURE.md that a compiler does not hold: arrows, file length, pairs, lists.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Which of our crates each may use directly. A crate that is not listed here has no place yet.
const ARROWS: &[(&str, &[&str])] = &[
    ("paddock-inventory", &[]),
    ("paddock-events", &[]),
    ("paddock-lines", &["paddock-events"]),
    ("paddock-catalogue", &[]),
    ("paddock-tongue", &["paddock-catalogue"]),
    ("paddock-playbooks", &["paddock-inventory"]),
    ("paddock-engine", &["paddock-playbooks", "paddock-inventory", "paddock-events"]),
    ("paddock-live", &["paddock-engine", "paddock-playbooks", "paddock-inventory", "paddock-events"]),
    ("paddock-store", &["paddock-events"]),
    (
        "paddock-console",
        &[
            "paddock-engine",
            "paddock-events",
            "paddock-inventory",
            "paddock-lines",
            "paddock-live",
            "paddock-playbooks",
            "paddock-store",
        ],
    ),
    ("paddock-app", &["paddock-events", "paddock-console", "paddock-tongue"]),
    ("frontend", &["paddock-app"]),
    (
        "server",
        &[
            "paddock-app",
            "paddock-console",
            "paddock-engine",
            "paddock-events",
            "paddock-inventory",
            "paddock-live",
            "paddock-playbooks",
            "paddock-store",
        ],
    ),
    ("xtask", &["paddock-catalogue"]),
    ("site", &[]),
    ("bench", &["paddock-events", "paddock-store"]),
];

/// Runtimes, sockets and databases: none of them below a pure crate, none in a browser.
const IMPURE: &[&str] =
    &["tokio", "async-std", "russh", "sqlx", "axum", "hyper", "reqwest", "socket2", "mio"];
const PURE: &[&str] = &["paddock-inventory", "paddock-playbooks", "paddock-events", "paddock-lines"];
const LONGEST_FILE: usize = 600;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is a folder of the repository").into()
}

fn cargo(args: &[&str]) -> String {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let out = Command::new(cargo).args(args).current_dir(root()).output().expect("cargo starts");
    assert!(out.status.success(), "cargo {args:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).expect("cargo prints UTF-8")
}

/// Names of everything that is compiled into a crate, itself included; macros and development apart.
fn below(package: &str, more: &[&str]) -> BTreeSet<String> {
    let fixed = [
        "tree",
        "--edges",
        "normal,no-proc-macro",
        "--prefix",
        "none",
        "--format",
        "{p}",
        "--package",
        package,
    ];
    let tree = cargo(&[&fixed, more].concat());
    tree.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

fn ours() -> BTreeMap<String, Vec<String>> {
    let metadata = cargo(&["metadata", "--no-deps", "--format-version", "1"]);
    let metadata: serde_json::Value = serde_json::from_str(&metadata).expect("cargo prints JSON");
    let packages = metadata["packages"].as_array().expect("a list of packages");
    let name = |value: &serde_json::Value| value["name"].as_str().expect("a name").to_owned();
    let names: BTreeSet<String> = packages.iter().map(name).collect();
    let uses = |package: &serde_json::Value| {
        let all = package["dependencies"].as_array().expect("a list of dependencies");
        let normal = all.iter().filter(|dependency| dependency["kind"].is_null());
        normal.map(name).filter(|name| names.contains(name)).collect()
    };
    packages.iter().map(|package| (name(package), uses(package))).collect()
}

#[test]
fn arrows_point_one_way() {
    let arrows: BTreeMap<&str, &[&str]> = ARROWS.iter().copied().collect();
    for (package, uses) in ours() {
        let allowed =
            arrows.get(package.as_str()).unwrap_or_else(|| panic!("{package} has no place in ARROWS"));
        for used in uses {
            assert!(allowed.contains(&used.as_str()), "{package} must not use {used}");
        }
    }
}

#[test]
fn nothing_below_a_pure_crate_waits_or_connects() {
    for package in PURE {
        let below = below(package, &[]);
        assert!(below.contains(*package), "cargo tree lists the crate itself");
        for impure in IMPURE {
            assert!(!below.contains(*impure), "{package} is pure, but {impure} is below it");
        }
    }
}

#[test]
fn pure_crates_have_no_file_no_clock_no_process_and_no_surroundings() {
    let impure = ["std::fs", "std::process", "std::env", "SystemTime", "Instant::now", "TcpStream", "rand::"];
    let sources = files(".rs");
    for package in PURE {
        let folder = format!("crates/{}/src", package.trim_start_matches("paddock-"));
        let own: Vec<_> = sources.iter().filter(|path| path.starts_with(&folder)).collect();
        assert!(!own.is_empty(), "{folder} has sources");
        for path in own {
            // Tests may read snapshots and folders; they come last in a file.
            let text = read(path);
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            for word in impure {
                assert!(!code.contains(word), "{} is pure, but says `{word}`", path.display());
            }
        }
    }
}

/// Every `area/what` that is written as a code in a crate's sources.
fn codes(folder: &str, areas: &[&str]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for path in files(".rs").iter().filter(|path| path.starts_with(folder)) {
        for text in read(path).split('"').skip(1).step_by(2) {
            let Some((area, what)) = text.split_once('/') else { continue };
            let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
            if areas.contains(&area) && !what.is_empty() && plain(what) {
                found.insert(text.to_owned());
            }
        }
    }
    found
}

#[test]
fn every_finding_is_explained_in_the_documents() {
    let areas = ["yaml", "file", "global", "group", "host", "pgsql", "etcd", "list", "service", "hba"];
    let codes = codes("crates/inventory/src", &areas);
    assert!(codes.contains("pgsql/two-primaries"), "codes are found in the sources: {codes:?}");
    let document = read(Path::new("docs/findings.md"));
    let missing: Vec<_> = codes.iter().filter(|code| !document.contains(&format!("`{code}`"))).collect();
    assert!(missing.is_empty(), "docs/findings.md does not explain {missing:?}");
}

#[test]
fn a_browser_gets_the_pages_and_the_events_and_nothing_else_of_ours() {
    let below = below(
        "paddock-app",
        &["--no-default-features", "--features", "hydrate", "--target", "wasm32-unknown-unknown"],
    );
    let ours: BTreeSet<String> = ours().into_keys().filter(|name| below.contains(name)).collect();
    assert_eq!(ours, BTreeSet::from(["paddock-app".to_owned(), "paddock-events".to_owned()]));
    for impure in IMPURE {
        assert!(!below.contains(*impure), "{impure} would be compiled for the browser");
    }
}

/// Files of the repository with this ending, as git knows them, those not yet committed included.
fn files(ending: &str) -> Vec<PathBuf> {
    let pattern = format!("*{ending}");
    let out = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard", "--", &pattern])
        .current_dir(root())
        .output()
        .expect("git starts");
    assert!(out.status.success(), "git: {}", String::from_utf8_lossy(&out.stderr));
    let text = String::from_utf8(out.stdout).expect("paths are UTF-8");
    text.lines().map(PathBuf::from).filter(|path| root().join(path).exists()).collect()
}

fn read(path: &Path) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn no_file_is_longer_than_its_story() {
    let sources = files(".rs");
    assert!(sources.len() > 20, "git lists the sources");
    let long: Vec<String> = sources
        .iter()
        .map(|path| (path, read(path).lines().count()))
        .filter(|(_, lines)| *lines > LONGEST_FILE)
        .map(|(path, lines)| format!("{}: {lines}", path.display()))
        .collect();
    assert!(long.is_empty(), "longer than {LONGEST_FILE} lines, cut them by subject: {long:#?}");
}

#[test]
fn migrations_come_in_pairs() {
    let names = |database: &str| -> BTreeSet<String> {
        let folder = format!("migrations/{database}/");
        let all = files(".sql").into_iter().map(|path| path.display().to_string());
        all.filter_map(|path| path.strip_prefix(&folder).map(str::to_owned)).collect()
    };
    let (sqlite, postgres) = (names("sqlite"), names("postgres"));
    // Until there is a second database there are no pairs to compare.
    if !postgres.is_empty() {
        assert_eq!(sqlite, postgres);
    }
    for name in &sqlite {
        let (version, rest) = name.split_once('_').unwrap_or_else(|| panic!("{name}: VERSION_verb_noun.sql"));
        assert!(
            version.len() == 12 && version.bytes().all(|byte| byte.is_ascii_digit()),
            "{name}: YYYYMMDDHHMM"
        );
        assert!(rest.contains('_'), "{name}: verb_noun.sql");
    }
}

/// What goes there by `written` is escaped by its type.
#[test]
fn no_page_puts_unescaped_html() {
    for path in files(".rs").iter().filter(|path| path.starts_with("app") || path.starts_with("frontend")) {
        let text = read(path);
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        for line in code {
            let whatever = line.replace("inner_html=written(", "");
            assert!(!whatever.contains("inner_html"), "{}: {}", path.display(), line.trim());
        }
    }
}

#[test]
fn no_lock_file_names_a_host_of_this_machine() {
    for path in files("package-lock.json") {
        for line in read(&path).lines() {
            assert!(!line.contains("\"resolved\": \"http"), "{}: {}", path.display(), line.trim());
        }
    }
    for line in read(Path::new("Cargo.lock")).lines().filter(|line| line.starts_with("source = ")) {
        assert_eq!(line, "source = \"registry+https://github.com/rust-lang/crates.io-index\"");
    }
}

/// Whether an SPDX expression can be kept with these licences; `(A OR B) AND C` and the old `A/B` are understood.
fn is_kept(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let clauses = expression.split(" AND ").map(|clause| clause.trim_matches(['(', ')', ' ']));
    let mut clauses = clauses.peekable();
    clauses.peek().is_some()
        && clauses.all(|clause| {
            clause.replace('/', " OR ").split(" OR ").any(|licence| allowed.contains(licence.trim()))
        })
}

#[test]
fn every_licence_is_one_of_deny_toml() {
    let text = read(Path::new("deny.toml"));
    let list = text.split("allow = [").nth(1).and_then(|rest| rest.split(']').next()).expect("a list");
    let allowed: BTreeSet<String> = list.split('"').skip(1).step_by(2).map(str::to_owned).collect();
    let ours = ours();
    let tree = cargo(&[
        "tree",
        "--workspace",
        "--edges",
        "normal,build",
        "--prefix",
        "none",
        "--no-dedupe",
        "--format",
        "{p}\t{l}",
    ]);
    let used: BTreeMap<&str, &str> = tree.lines().filter_map(|line| line.split_once('\t')).collect();
    assert!(used.len() > 100, "cargo tree lists what is used");
    let bad: Vec<_> = used
        .iter()
        .filter(|(package, _)| !ours.contains_key(package.split(' ').next().unwrap_or_default()))
        .filter(|(_, licence)| !is_kept(licence, &allowed))
        .collect();
    assert!(bad.is_empty(), "licences that deny.toml does not allow: {bad:?}");

    let mit = BTreeSet::from(["MIT".to_owned()]);
    assert!(is_kept("GPL-3.0/MIT", &mit) && is_kept("(MIT OR X) AND MIT", &mit));
    assert!(!is_kept("MIT AND GPL-3.0", &mit) && !is_kept("", &mit));
}

/// The lint is `deny` and not `forbid`, since wasm-bindgen's own macro allows it for what it makes.
#[test]
fn nobody_lifts_the_ban_on_unsafe_code() {
    let word = ["unsafe", "_code"].concat();
    for path in files(".rs").iter().filter(|path| !path.ends_with("architecture.rs")) {
        assert!(!read(path).contains(&word), "{} speaks of {word}", path.display());
    }
}
