//! Which literals of a `view!` people read: the children of elements, and the values of some attributes.

/// Attributes, and arguments of our components, whose literal values are shown or read out.
pub const READ: &[&str] = &[
    "alt",
    "aria-description",
    "aria-label",
    "aria-roledescription",
    "aria-valuetext",
    "button",
    "example",
    "head",
    "label",
    "note",
    "placeholder",
    "text",
    "title",
];

/// What is written out of a machine's words, and so the same in every language.
const LITERAL: &[&str] = &["code", "kbd", "pre", "samp", "script", "style"];

/// What a walk is told of each token; what stands in brackets is Rust, and one piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// A name or a keyword.
    Word(&'a str),
    /// One sign.
    Mark(char),
    /// A string literal.
    Text,
    /// Another literal, or a group.
    Other,
}

/// Goes over the tokens of a `view!`, in order, without what its groups hold.
#[derive(Clone, Debug, Default)]
pub struct Walk {
    at: At,
    /// Of the element that was opened last.
    element: String,
    /// Of an attribute in the open tag, so far.
    name: String,
    /// Its value comes next.
    equals: bool,
    /// The attribute whose value this is.
    value: String,
    /// The sign before, within a tag.
    before: Option<char>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum At {
    #[default]
    Children,
    /// Between `<` and the name's end.
    Name,
    /// In a tag, behind the element's name, within so many `<` of types.
    Tag(usize),
}

impl Walk {
    /// Whether people read the literal that this piece is. Of other pieces it is not asked.
    pub fn step(&mut self, piece: Piece<'_>) -> bool {
        match (self.at, piece) {
            (At::Children, Piece::Text) => return !LITERAL.contains(&self.element.as_str()),
            (At::Children, Piece::Mark('<')) => {
                self.at = At::Name;
                self.element.clear();
            }
            (At::Name, Piece::Word(word)) => {
                self.element.push_str(word);
                self.at = At::Tag(0);
            }
            // What a closing tag names is no element that begins.
            (At::Name, Piece::Mark('/' | '!')) => self.at = At::Tag(0),
            (At::Name, Piece::Mark('>')) => self.at = At::Children,
            (At::Children | At::Name, _) => {}
            (At::Tag(depth), piece) => return self.tag(depth, piece),
        }
        false
    }

    fn tag(&mut self, depth: usize, piece: Piece<'_>) -> bool {
        let before = self.before.take();
        let value = std::mem::take(&mut self.equals);
        match piece {
            Piece::Text => {
                let name = self.name.strip_prefix("attr:").or_else(|| self.name.strip_prefix("prop:"));
                let read = value && READ.contains(&name.unwrap_or(&self.name));
                self.name.clear();
                return read;
            }
            Piece::Word(word) => {
                if !matches!(before, Some('-' | ':')) {
                    self.name.clear();
                }
                self.name.push_str(word);
            }
            Piece::Mark(sign) => {
                self.before = Some(sign);
                match sign {
                    '-' | ':' if !self.name.is_empty() => self.name.push(sign),
                    '=' if !self.name.is_empty() && before.is_none() => {
                        self.equals = true;
                        self.value.clone_from(&self.name);
                    }
                    '<' => self.at = At::Tag(depth + 1),
                    // Arrows end nothing.
                    '>' if matches!(before, Some('-' | '=')) => {}
                    '>' if depth > 0 => self.at = At::Tag(depth - 1),
                    '>' => {
                        // What closes itself has no children.
                        if before == Some('/') {
                            self.element.clear();
                        }
                        self.name.clear();
                        self.value.clear();
                        self.at = At::Children;
                    }
                    _ => self.name.clear(),
                }
            }
            Piece::Other => self.name.clear(),
        }
        false
    }

    /// The attribute whose value the next piece is part of; empty among children.
    pub fn attribute(&self) -> &str {
        &self.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lexer::{What, trees};

    /// The literals of a view that people read.
    fn read(view: &str) -> Vec<String> {
        let mut walk = Walk::default();
        let mut found = Vec::new();
        for tree in trees(view) {
            let piece = match &tree.what {
                What::Word(word) => Piece::Word(word),
                What::Mark(sign) => Piece::Mark(*sign),
                What::Text(_) => Piece::Text,
                What::Other | What::Group(..) => Piece::Other,
            };
            let is_read = walk.step(piece);
            if let (true, What::Text(text)) = (is_read, tree.what) {
                found.push(text);
            }
        }
        found
    }

    #[test]
    fn children_and_some_attributes_are_read() {
        let cases = [
            (r#"<p class="a b">"One "<b>"two"</b>", three"</p>"#, "One |two|, three"),
            (
                r#"<input placeholder="Name" name="x" aria-label="Your name" aria-hidden="true"/>"Next""#,
                "Name|Your name|Next",
            ),
            (r#"<A href=paths::X attr:class="brand" attr:title="Home">"Paddock"</A>"#, "Home|Paddock"),
            (r#"<a on:click=move |_| { f("no") } title=g("no") id="no">"yes"</a>"#, "yes"),
            (r#"<F may=|me: Vec<u8>| me.x label="L" value="no"/> "after" {f("no")}"#, "L|after"),
            (r#"<p title=x == "no" text=f("no")>"yes"</p>"#, "yes"),
            (r#"<p a=match x { _ => "no" } on:input:target=move |e| v.set(e.x())>"yes"</p>"#, "yes"),
            (r#"<!DOCTYPE html><html lang="en"><script>"no"</script><kbd>"no"</kbd>"yes"</html>"#, "yes"),
            (r#"<svg><path d="M0"/></svg>"yes""#, "yes"),
            (r#""only text""#, "only text"),
        ];
        for (view, expect) in cases {
            assert_eq!(read(view).join("|"), expect, "{view}");
        }
    }
}
