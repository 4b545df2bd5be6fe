//! No string that people read stays behind: what the pages say by themselves is ready for translation.

use paddock_catalogue::{Found, Way, strings};
use std::fs;
use std::path::{Path, PathBuf};

/// Texts that look as if people read them in a language, by why they are the same in all.
const SAME: &[(&str, &[&str])] = &[
    ("names", &["Paddock", "{text} · Paddock", "PostgreSQL {}"]),
    ("units and a clock that all have", &["{bytes} B", "{} UTC", "{} {} UTC", " UTC"]),
    ("what stands on keys", &["Ctrl K", "Enter", "Esc", "Tab"]),
    ("English plurals, behind count!", &["{n} {one}s"]),
    (
        "typed or read by a machine: commands, queries, inventory text, names of browser features",
        &[
            "(prefers-color-scheme: dark)",
            "ArrowDown",
            "ArrowUp",
            "Home",
            "Notification",
            "bin/pgsql-add {new}",
            "bin/pgsql-add {} {addr}",
            "bin/pgsql-hba {only}",
            "bin/pgsql-svc {only}",
            "paddock user add",
            "paddock user grant",
            "paddock user revoke",
            "pgsql-rm.yml -l {}",
            "pgsql.yml -l {addr}",
            "pgsql.yml -l {new}",
            "pgsql.yml -l {} -t pg_conf",
            "ssh-keygen -lf /etc/ssh/{file}",
            "{addr}: {{ pg_seq: {}, pg_role: {} }}",
        ],
    ),
    (
        "classes of the style sheets",
        &[
            " leads",
            "bar {}",
            "level gone",
            "level {class}",
            "level {} none",
            "line has-error",
            "line has-warning",
            "link busy",
            "link good",
            "link quiet",
            "link warn",
            "mark {}",
            "row added",
            "row diff",
            "row engine",
            "row err",
            "row hunk",
            "row removed",
            "span maybe",
            "wave error",
            "wave warning",
            "{} marked",
        ],
    ),
    (
        "paths of drawings",
        &[
            "L{x} {y}",
            "M{from} {level}H{bend}V{middle}H{to}",
            "M{from} {middle}H{bend}V{level}H{to}",
            "M{x1} {y1}V{y2}",
            "M{x1} {y1}V{} Q{x1} {middle} {} {middle}H{} Q{x2} {middle} {x2} {}V{y2}",
            "M{x} {y}h0",
        ],
    ),
];

fn is_same(text: &str) -> bool {
    SAME.iter().any(|(_, texts)| texts.contains(&text))
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder of the repository");
    let mut found = Vec::new();
    for path in entries.map(|entry| entry.expect("an entry of it").path()) {
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn pages() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is a folder of the repository");
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).expect("a source");
        (path.strip_prefix(root).expect("it is below the root").display().to_string(), text)
    };
    sources(&root.join("app/src")).into_iter().map(read).collect()
}

#[test]
fn every_string_that_people_read_is_ready_for_translation() {
    let mut bare = Vec::new();
    let mut said = 0;
    for (path, source) in pages() {
        for Found { line, text, way } in strings(&source) {
            match way {
                Way::Bare if !is_same(&text) => {
                    bare.push(format!("{path}:{line}: {text:?}"));
                }
                Way::Bare => {}
                Way::Text | Way::Format | Way::Count => said += 1,
            }
        }
    }
    assert!(said > 500, "the strings of the pages are found: {said}");
    assert!(
        bare.is_empty(),
        "mark them by t!, say!, count! or view!, or say in SAME why not:\n{}",
        bare.join("\n")
    );
}

#[test]
fn nothing_is_excused_that_is_not_said() {
    let sources = pages();
    let bare: Vec<String> = sources
        .iter()
        .flat_map(|(_, source)| strings(source))
        .filter(|found| found.way == Way::Bare)
        .map(|found| found.text)
        .collect();
    for (why, texts) in SAME {
        for same in *texts {
            assert!(bare.iter().any(|text| text == same), "{same:?} ({why}) is nowhere any more");
        }
    }
}

/// Leptos' own macro translates nothing.
#[test]
fn pages_use_the_view_that_translates() {
    for (path, source) in pages() {
        let code: String = source.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        let imports =
            source.lines().any(|line| line.starts_with("use paddock_tongue::") && line.contains("view"));
        assert!(
            !code.contains(" view! {") || imports,
            "{path} writes view! without `use paddock_tongue::view`"
        );
        assert!(!code.contains("leptos::view!"), "{path} goes around the view that translates");
    }
}
