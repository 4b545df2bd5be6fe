//! The macros in a small program, compiled once for each language, as an app is.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::SystemTime;

/// Instead of Leptos: the tokens that come to its `view!`, with a blank between them, however they were spaced.
const LEPTOS: &str =
    r#"#[macro_export] macro_rules! view { ($($tree:tt)*) => { [$(stringify!($tree)),*].join(" ") } }"#;

const PAGE: &str = r##"
use paddock_tongue::{count, escaped, language, say, t, view};
mod words { pub mod size { pub fn count(n: usize, one: &str) -> String { format!("{n} {one}(s)") } } }
macro_rules! named { ($text:literal) => { t!($text) } }
const TITLE: &str = t!("Jobs");
fn main() {
    let (done, all, n) = (2, [0; 5], 9);
    println!("{}", language!());
    println!("{}", view! { <h1 class="Jobs" title="Jobs">" Jobs "<b>{ "Jobs" }</b>" · "</h1> });
    println!("{TITLE} {} {}", t!("Not known"), named!("Jobs"));
    println!("{}", say!("{done} of {all}, {n:02}", all = all.len()));
    println!("{}", concat!("<b>", escaped!("Jobs"), "</b>"));
    for n in [1, 3, 5] {
        println!("{}, {}, {}", count!(n, "step"), count!(n + 0, "entry", "entries"), count!(n, "host"));
    }
}
"##;

const POLISH: &str = r#"{
    "Jobs": "Prace & \"inne\"",
    "{done} of {all}, {n:02}": "{n:02}: z {all} jest {done}",
    "{n} step": {"one": "krok", "few": "{n} kroki", "many": "{n} kroków"},
    "{n} entry": {"one": "{n} wpis", "few": "{n} wpisy", "many": "{n} wpisów"}
}"#;

/// The macros as this test was compiled with them: the newest, where folders hold several.
fn macros(beside: &Path) -> PathBuf {
    let name = format!("{}paddock_tongue-", std::env::consts::DLL_PREFIX);
    let is_ours = |path: &PathBuf| {
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        file.starts_with(&name) && file.ends_with(std::env::consts::DLL_SUFFIX)
    };
    let age = |path: &PathBuf| {
        fs::metadata(path).and_then(|meta| meta.modified()).unwrap_or(SystemTime::UNIX_EPOCH)
    };
    let all =
        fs::read_dir(beside).expect("the folder of this test").map(|entry| entry.expect("an entry").path());
    all.filter(is_ours).max_by_key(age).expect("the macros were compiled")
}

/// Compiles a page in a language, in a folder of its own.
fn compile(case: &str, page: &str, language: &str, catalogue: &str) -> (Output, PathBuf) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(case);
    fs::create_dir_all(folder.join("languages")).expect("a folder");
    fs::write(folder.join("leptos.rs"), LEPTOS).expect("a file");
    fs::write(folder.join("page.rs"), page).expect("a file");
    fs::write(folder.join("languages/pl.json"), catalogue).expect("a file");
    let rustc = |arguments: &[&str]| {
        let mut rustc = Command::new("rustc");
        rustc.current_dir(&folder).args(["--edition", "2024"]).args(arguments);
        rustc.env("CARGO_MANIFEST_DIR", &folder).env("PADDOCK_LANGUAGE", language);
        rustc
    };
    let stub = rustc(&["--crate-type", "rlib", "leptos.rs"]).status().expect("rustc starts");
    assert!(stub.success(), "the stand-in for Leptos compiles");
    let test = std::env::current_exe().expect("this test is a file");
    let macros = macros(test.parent().expect("it is in a folder"));
    let macros = format!("paddock_tongue={}", macros.display());
    let arguments = ["--extern", &macros, "--extern", "leptos=libleptos.rlib", "page.rs"];
    let output = rustc(&arguments).output().expect("rustc starts");
    (output, folder.join("page"))
}

fn says(case: &str, language: &str) -> String {
    let (output, program) = compile(case, PAGE, language, POLISH);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = Command::new(program).output().expect("the page starts");
    String::from_utf8(said.stdout).expect("it says UTF-8")
}

#[test]
fn english_is_what_was_written() {
    let expect = r#"en
< h1 class = "Jobs" title = "Jobs" > " Jobs " < b > { "Jobs" } < / b > " · " < / h1 >
Jobs Not known Jobs
2 of 5, 09
<b>Jobs</b>
1 step(s), 1 entry, 1 host(s)
3 step(s), 3 entries, 3 host(s)
5 step(s), 5 entries, 5 host(s)
"#;
    assert_eq!(says("english", ""), expect);
}

#[test]
fn a_catalogue_speaks_where_it_knows_the_words() {
    let expect = r#"pl
< h1 class = "Jobs" title = "Prace & \"inne\"" > " Prace & \"inne\" " < b > { "Jobs" } < / b > " · " < / h1 >
Prace & "inne" Not known Prace & "inne"
09: z 5 jest 2
<b>Prace &amp; &quot;inne&quot;</b>
krok, 1 wpis, 1 host(s)
3 kroki, 3 wpisy, 3 host(s)
5 kroków, 5 wpisów, 5 host(s)
"#;
    assert_eq!(says("polish", "pl"), expect);
}

#[test]
fn mistakes_stop_the_compiler_with_the_entry() {
    let cases = [
        (
            "lost",
            r#"fn main() { let n = 1; paddock_tongue::say!("{n} left"); }"#,
            r#"{"{n} left": "{m} noch"}"#,
            r#"languages/pl.json, entry "{n} left": {n} is lost, {m} is not in the English text"#,
        ),
        ("nameless", r#"fn main() { paddock_tongue::say!("{} left", 1); }"#, "{}", "name this placeholder"),
        ("broken", r#"fn main() { paddock_tongue::t!("Jobs"); }"#, "[", "languages/pl.json: "),
        ("misused", r#"fn main() { paddock_tongue::t!(1); }"#, "{}", "expected one text in English"),
        ("uncounted", r#"fn main() { paddock_tongue::count!("x"); }"#, "{}", "expected count!(number"),
    ];
    for (case, page, catalogue, expect) in cases {
        let (output, _) = compile(case, page, "pl", catalogue);
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && told.contains(expect), "{case}: {told}");
    }
}
