//! Tokens in, tokens out.

use proc_macro::{Delimiter, Group, Span, TokenStream, TokenTree};

/// A string literal and what it says.
pub struct Literal {
    /// As it was written.
    pub tree: TokenTree,
    /// Without quotes and escapes.
    pub text: String,
}

impl Literal {
    /// Another text in the same place: names in a format string are looked up where the English one stands.
    pub fn saying(&self, text: &str) -> TokenStream {
        let mut literal = proc_macro::Literal::string(text);
        literal.set_span(self.tree.span());
        TokenTree::Literal(literal).into()
    }
}

/// A string literal, also as it comes through `macro_rules!`.
pub fn literal(tree: &TokenTree) -> Option<Literal> {
    match tree {
        TokenTree::Literal(literal) => {
            let text = paddock_catalogue::text(&literal.to_string())?;
            Some(Literal { tree: tree.clone(), text })
        }
        TokenTree::Group(group) if group.delimiter() == Delimiter::None => {
            let mut inner = group.stream().into_iter();
            inner.next().as_ref().and_then(self::literal).filter(|_| inner.next().is_none())
        }
        _ => None,
    }
}

/// Whether a token is this sign.
pub fn is_mark(tree: &TokenTree, sign: char) -> bool {
    matches!(tree, TokenTree::Punct(mark) if mark.as_char() == sign)
}

/// Rust that is written here, and so is sound.
pub fn tokens(source: &str) -> TokenStream {
    source.parse().expect("the text is Rust")
}

/// A block in which `n` is the number, whatever it was called.
pub fn with_n(n: TokenStream, branches: &str) -> TokenStream {
    let mut block = tokens("let n: usize =");
    block.extend(n);
    block.extend(tokens(";"));
    block.extend(tokens(branches));
    TokenTree::Group(Group::new(Delimiter::Brace, block)).into()
}

/// Stops the compiler with a sentence, at the place that it is about.
pub fn compile_error(what: &str, at: Span) -> TokenStream {
    let error = tokens(&format!("::core::compile_error!({what:?})"));
    error
        .into_iter()
        .map(|mut tree| {
            tree.set_span(at);
            tree
        })
        .collect()
}
