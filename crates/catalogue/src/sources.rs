//! The strings of a source file: those that are ready for translation, and those that look as if they should be.

use crate::catalogue::is_read;
use crate::lexer::{Tree, What, trees};
use crate::walk::{Piece, READ, Walk};

/// A string of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Line of its literal, from 1.
    pub line: usize,
    /// The key of its translation.
    pub text: String,
    /// How it is marked.
    pub way: Way,
}

/// How a string is marked for translation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// In a `view!`, or by `t!` or `escaped!`.
    Text,
    /// By `say!`.
    Format,
    /// By `count!`.
    Count,
    /// Not at all, though people seem to read it.
    Bare,
}

/// Macros and functions whose text goes to a developer: what cannot happen, what is logged.
const TECHNICAL: &[&str] = &[
    "assert",
    "assert_eq",
    "debug_assert",
    "debug_assert_eq",
    "debug_warn",
    "error",
    "expect",
    "log",
    "panic",
    "unreachable",
    "warn",
];

/// Attributes whose values a machine reads, though they have blanks or capitals.
const MACHINE: &[&str] =
    &["aria-keyshortcuts", "attr:class", "class", "content", "d", "href", "transform", "viewBox"];

/// All strings of a source that people read, in its order, tests apart.
pub fn strings(source: &str) -> Vec<Found> {
    let mut found = Vec::new();
    rust(&trees(source), &mut found);
    found
}

fn rust(trees: &[Tree], found: &mut Vec<Found>) {
    let mut at = 0;
    while let Some(tree) = trees.get(at) {
        at += 1;
        match &tree.what {
            What::Mark('#') => {
                let inner = matches!(trees.get(at).map(|tree| &tree.what), Some(What::Mark('!')));
                at += usize::from(inner);
                if let Some(What::Group('[', attribute)) = trees.get(at).map(|tree| &tree.what) {
                    at += 1;
                    // Behind this come the tests of the file, and nothing else.
                    if is_test(attribute) {
                        return;
                    }
                }
            }
            What::Word(name) => {
                let bang = matches!(trees.get(at).map(|tree| &tree.what), Some(What::Mark('!')));
                let Some(What::Group(_, inner)) = trees.get(at + usize::from(bang)).map(|tree| &tree.what)
                else {
                    continue;
                };
                at += 1 + usize::from(bang);
                match name.as_str() {
                    "view" if bang => view(inner, found),
                    "t" | "escaped" if bang => marked(inner, Way::Text, found),
                    "say" if bang => marked(inner, Way::Format, found),
                    "count" if bang => marked(inner, Way::Count, found),
                    name if TECHNICAL.contains(&name) => {}
                    _ => rust(inner, found),
                }
            }
            What::Group(_, inner) => rust(inner, found),
            What::Text(text) if is_prose(text) && !is_compared(trees, at - 1) => {
                found.push(Found { line: tree.line, text: text.clone(), way: Way::Bare });
            }
            What::Text(_) | What::Mark(_) | What::Other => {}
        }
    }
}

/// A pattern, or an operand of `==`: what is compared is not shown.
fn is_compared(trees: &[Tree], at: usize) -> bool {
    let mark = |at: Option<usize>| match at.and_then(|at| trees.get(at)).map(|tree| &tree.what) {
        Some(What::Mark(sign)) => *sign,
        _ => ' ',
    };
    let guarded = matches!(trees.get(at + 1).map(|tree| &tree.what), Some(What::Word(word)) if word == "if");
    let (before, after) = (at.checked_sub(1), mark(Some(at + 1)));
    let second = mark(Some(at + 2));
    let operand = mark(before) == '=' && matches!(mark(at.checked_sub(2)), '=' | '!');
    operand || guarded || (after == '=' && second == '>') || (after == '|' && second != '|')
}

fn is_test(attribute: &[Tree]) -> bool {
    let [Tree { what: What::Word(cfg), .. }, Tree { what: What::Group(_, condition), .. }] = attribute else {
        return false;
    };
    cfg == "cfg" && matches!(condition.as_slice(), [Tree { what: What::Word(word), .. }] if word == "test")
}

/// The first literal is the marked one; what follows is Rust.
fn marked(inner: &[Tree], way: Way, found: &mut Vec<Found>) {
    let text = inner.iter().position(|tree| matches!(tree.what, What::Text(_)));
    let Some(first) = text else { return rust(inner, found) };
    if let What::Text(text) = &inner[first].what {
        let text = if way == Way::Count { format!("{{n}} {text}") } else { text.trim().to_owned() };
        found.push(Found { line: inner[first].line, text, way });
    }
    rust(&inner[..first], found);
    // The English plural is no string of its own.
    if way != Way::Count {
        rust(&inner[first + 1..], found);
    }
}

fn view(inner: &[Tree], found: &mut Vec<Found>) {
    let mut walk = Walk::default();
    for (at, tree) in inner.iter().enumerate() {
        let attribute = walk.attribute().to_owned();
        let piece = match &tree.what {
            What::Word(word) => Piece::Word(word),
            What::Mark(sign) => Piece::Mark(*sign),
            What::Text(_) => Piece::Text,
            What::Other | What::Group(..) => Piece::Other,
        };
        let read = walk.step(piece);
        match &tree.what {
            What::Text(text) if read && is_read(text) => {
                found.push(Found { line: tree.line, text: text.trim().to_owned(), way: Way::Text });
            }
            What::Text(text) if !read && is_prose(text) && !MACHINE.contains(&attribute.as_str()) => {
                found.push(Found { line: tree.line, text: text.clone(), way: Way::Bare });
            }
            What::Group(..) if MACHINE.contains(&attribute.as_str()) => {}
            What::Group(_, group) => {
                // A macro of Rust in an attribute's value: its name and its sign come before.
                let from = at.saturating_sub(2);
                match inner.get(from..at).unwrap_or_default() {
                    [Tree { what: What::Word(_), .. }, Tree { what: What::Mark('!'), .. }] => {
                        rust(&inner[from..=at], found);
                    }
                    [.., Tree { what: What::Word(_), .. }] => rust(&inner[at - 1..=at], found),
                    _ => rust(group, found),
                }
            }
            _ => {}
        }
    }
}

/// Whether a text looks as if people read it: two words, or one that begins as a sentence does. Addresses, paths and scripts
/// do not.
fn is_prose(text: &str) -> bool {
    if !is_read(text) || text.starts_with(['/', '#', '.', '&']) || text.contains("://") || text.contains(");")
    {
        return false;
    }
    if text.contains(['<', '>', '"']) && text.contains(['<', '=', '/']) {
        return markup_says(text);
    }
    let mut words = text.split_whitespace();
    let spelt = |word: &str| {
        let word = word.trim_matches(|sign: char| sign.is_ascii_punctuation());
        !word.is_empty() && word.chars().all(|sign| sign.is_alphabetic() || sign == '\'' || sign == '-')
    };
    let first = text.trim_start().chars().next();
    let begins = first.is_some_and(char::is_uppercase) && text.chars().any(char::is_lowercase);
    begins || words.by_ref().filter(|word| spelt(word)).count() > 1 || is_part(text)
}

/// Whether markup has a text between its tags or in an attribute that is read.
fn markup_says(markup: &str) -> bool {
    let read = |piece: &str| piece.chars().filter(|sign| sign.is_alphabetic()).count() > 1;
    let between = markup.split('>').skip(1).filter_map(|rest| rest.split('<').next());
    let values = READ.iter().filter_map(|name| markup.split_once(&format!(" {name}=\"")));
    let values = values.filter_map(|(_, rest)| rest.split('"').next());
    between.chain(values).any(read)
}

/// ` waiting`, `{n} given`: a word beside a blank is part of what is put together.
fn is_part(text: &str) -> bool {
    text.trim() != text && is_read(text) || text.contains("} ") || text.contains(" {")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(source: &str) -> String {
        let one = |found: Found| {
            let way = match found.way {
                Way::Text => "",
                Way::Format => "say ",
                Way::Count => "count ",
                Way::Bare => "bare ",
            };
            format!("{}: {way}{}", found.line, found.text)
        };
        strings(source).into_iter().map(one).collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn marked_strings_are_listed() {
        let cases = [
            (r#"let a = view! { <p class="a b">"One "{f(t!("Two"))}</p> };"#, "1: One; 1: Two"),
            ("view! {\n<p title=say!(\"{n} Left\", n = f(t!(\"x\")))/>\n}", "2: say {n} Left; 2: x"),
            (
                r#"view! { <p>{if a { view! { "In" } } else { view! { <b label="Out"/> } }}</p> }"#,
                "1: In; 1: Out",
            ),
            (
                r#"count!(n, "step") + count!(f("Ab"), "entry", "entries")"#,
                "1: count {n} step; 1: count {n} entry; 1: bare Ab",
            ),
            (r#"view! { " · "{x}"1" }"#, ""),
        ];
        for (source, expect) in cases {
            assert_eq!(shown(source), expect, "{source}");
        }
    }

    #[test]
    fn prose_that_is_not_marked_is_found() {
        let cases = [
            (r#"f("Approve")"#, "1: bare Approve"),
            (r#"x => "not here","#, "1: bare not here"),
            (r#"format!("{n} given")"#, "1: bare {n} given"),
            (r#"view! { <F hint="Say why"/> }"#, "1: bare Say why"),
            (r#"view! { <p>{if a { "Yes" } else { "No" }}</p> }"#, "1: bare Yes; 1: bare No"),
            ("h.tag(\"<b class=\\\"a b\\\">none</b>\")", "1: bare <b class=\"a b\">none</b>"),
            ("h.tag(\"<b title=\\\"Not read\\\">\")", "1: bare <b title=\"Not read\">"),
            (r#"view! { <p text=format!("Type {n}")/> }"#, "1: bare Type {n}"),
        ];
        for (source, expect) in cases {
            assert_eq!(shown(source), expect, "{source}");
        }
    }

    #[test]
    fn what_machines_and_developers_read_is_not() {
        let sources = [
            r#"x.expect("why it holds")"#,
            "h.tag(\"<b class=\\\"a b\\\">\").tag(\"\\\" class=\\\"\").tag(\"</b>\")",
            r#"match key { "Escape" | "Enter" => 1, "Home" if x => 2, _ if a == "Not so" => 2, _ if a != "Not so" => 3 }"#,
            r#"panic!("Not so")"#,
            r#"view! { <p class="Quiet small" id="x" d=format!("M0 {x}")>{f("key")}</p> }"#,
            r#"f("/clusters/{name} x", "await f(); g()", "pg-test", "a_b", "kB")"#,
            "#[doc = \"Some text\"] // \"Some text\"\nfn f() {}",
            "#[cfg(test)] mod tests { const A: &str = \"Some text\"; }",
        ];
        for source in sources {
            assert_eq!(shown(source), "", "{source}");
        }
    }
}
