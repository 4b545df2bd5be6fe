//! Strings that people read, in the language that a build speaks: `view!`, `t!`, `say!`, `count!`.
//!
//! The language is chosen when the pages are compiled, by `PADDOCK_LANGUAGE`; without it everything is English, and the
//! macros give the compiler just what was written. A translation stands in `languages/CODE.json` of the crate that uses
//! them, by its English text; what is not there stays English. See docs/decisions/0033.

mod language;
mod output;

use language::Language;
use output::{Literal, compile_error, is_mark, literal, tokens};
use paddock_catalogue::{Piece, Walk, rule};
use proc_macro::{Delimiter, Group, TokenStream, TokenTree};

/// Leptos' `view!`, with the literal texts of elements, and of the attributes that people read, translated. Texts within
/// `{…}` are Rust's and want [`t!`] or [`say!`].
#[proc_macro]
pub fn view(input: TokenStream) -> TokenStream {
    let input = match language::current() {
        Language::English => input,
        Language::Other(catalogue) => {
            let mut walk = Walk::default();
            let translate = |tree: TokenTree| {
                let said = match &tree {
                    TokenTree::Literal(_) => literal(&tree),
                    _ => None,
                };
                let word = tree.to_string();
                let read = walk.step(match &tree {
                    TokenTree::Ident(_) => Piece::Word(word.strip_prefix("r#").unwrap_or(&word)),
                    TokenTree::Punct(mark) => Piece::Mark(mark.as_char()),
                    TokenTree::Literal(_) if said.is_some() => Piece::Text,
                    TokenTree::Literal(_) | TokenTree::Group(_) => Piece::Other,
                });
                match said.filter(|_| read) {
                    Some(said) => said.or(catalogue.text(&said.text)),
                    None => tree.into(),
                }
            };
            input.into_iter().map(translate).collect()
        }
        Language::Broken(error) => return compile_error(error, proc_macro::Span::call_site()),
    };
    let mut out = tokens("::leptos::view!");
    out.extend([TokenTree::Group(Group::new(Delimiter::Brace, input))]);
    out
}

/// A literal, translated: `t!("Sign out")` is a `&'static str`, and stands wherever a literal may.
#[proc_macro]
pub fn t(input: TokenStream) -> TokenStream {
    translated(input, |text| text)
}

/// As [`t!`], for a place within markup that is written as text: what has a meaning in HTML is escaped in the translation.
#[proc_macro]
pub fn escaped(input: TokenStream) -> TokenStream {
    translated(input, |text| paddock_catalogue::escaped(&text))
}

/// `format!` with a translated format string. Placeholders have names, so that a translation may move them.
#[proc_macro]
pub fn say(input: TokenStream) -> TokenStream {
    let mut given = input.into_iter();
    let Some(said) = given.next().as_ref().and_then(literal) else {
        return misuse("say!(\"{count} of {all}\", all = all.len())");
    };
    if paddock_catalogue::placeholders(&said.text).iter().any(|name| name.is_empty() || name.starts_with(':'))
    {
        return compile_error("name this placeholder: a translation may want to move it", said.tree.span());
    }
    let format = match language::current() {
        Language::English => said.tree.into(),
        Language::Other(catalogue) => said.or(catalogue.format(&said.text)),
        Language::Broken(error) => return compile_error(error, said.tree.span()),
    };
    let mut out = tokens("::std::format!");
    out.extend([TokenTree::Group(Group::new(
        Delimiter::Parenthesis,
        format.into_iter().chain(given).collect(),
    ))]);
    out
}

/// A number with its noun in the right form: `count!(n, "step")`, and `count!(n, "entry", "entries")` where English is
/// irregular. The number is a `usize`. English calls `crate::words::size::count(n, "step")`, one function for all nouns;
/// the catalogue's key is `{n} step`, and its value the forms that the language has.
#[proc_macro]
pub fn count(input: TokenStream) -> TokenStream {
    let given: Vec<TokenTree> = input.into_iter().collect();
    let parts: Vec<&[TokenTree]> =
        given.split(|tree| is_mark(tree, ',')).filter(|part| !part.is_empty()).collect();
    let (n, one, many) = match parts.as_slice() {
        [n, [one]] => (n, literal(one), None),
        [n, [one], [many]] => (n, literal(one), literal(many)),
        _ => (&given.as_slice(), None, None),
    };
    let Some(one) = one else {
        return misuse("count!(number, \"noun\") or count!(number, \"noun\", \"nouns\")");
    };
    let n: TokenStream = n.iter().cloned().collect();
    let forms = match language::current() {
        Language::English => None,
        Language::Other(catalogue) => match catalogue.count(&format!("{{n}} {}", one.text)) {
            Ok(forms) => forms.zip(rule(&catalogue.code)),
            Err(error) => return compile_error(&error.to_string(), one.tree.span()),
        },
        Language::Broken(error) => return compile_error(error, one.tree.span()),
    };
    match (forms, many) {
        (Some((forms, rule)), _) => {
            let branch = |(at, (_, text)): (usize, &(_, String))| match rule.cases.get(at) {
                Some((_, condition)) => format!("if {condition} {{ ::std::format!({text:?}) }} else "),
                None => format!("{{ ::std::format!({text:?}) }}"),
            };
            output::with_n(n, &forms.iter().enumerate().map(branch).collect::<String>())
        }
        (None, Some(many)) => {
            let (one, many) = (format!("{{n}} {}", one.text), format!("{{n}} {}", many.text));
            let branches =
                format!("if n == 1 {{ ::std::format!({one:?}) }} else {{ ::std::format!({many:?}) }}");
            output::with_n(n, &branches)
        }
        (None, None) => {
            let mut arguments = n;
            arguments.extend(tokens(","));
            arguments.extend([one.tree]);
            let mut out = tokens("crate::words::size::count");
            out.extend([TokenTree::Group(Group::new(Delimiter::Parenthesis, arguments))]);
            out
        }
    }
}

/// The code of the language that is spoken, for `<html lang>`. Where it stands, cargo learns on what the build depends.
#[proc_macro]
pub fn language(input: TokenStream) -> TokenStream {
    if !input.is_empty() {
        return misuse("language!()");
    }
    language::mark()
}

fn translated(input: TokenStream, finish: impl Fn(String) -> String) -> TokenStream {
    let given: Vec<TokenTree> = input.into_iter().collect();
    let Some(said) = given.first().and_then(literal).filter(|_| given.len() == 1) else {
        return misuse("one text in English");
    };
    match language::current() {
        Language::English => said.tree.into(),
        Language::Other(catalogue) => said.or(catalogue.text(&said.text).map(|text| text.map(finish))),
        Language::Broken(error) => compile_error(error, said.tree.span()),
    }
}

fn misuse(usage: &str) -> TokenStream {
    compile_error(&format!("expected {usage}"), proc_macro::Span::call_site())
}

impl Literal {
    /// The translation in its place, or itself when there is none.
    fn or(&self, translation: Result<Option<String>, paddock_catalogue::CatalogueError>) -> TokenStream {
        match translation {
            Ok(Some(text)) => self.saying(&text),
            Ok(None) => self.tree.clone().into(),
            Err(error) => compile_error(&error.to_string(), self.tree.span()),
        }
    }
}
