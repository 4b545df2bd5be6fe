//! As much of Rust's grammar as finding strings needs: words, signs, literals, brackets.

use crate::literal::text;

/// One token, or all that stands between two brackets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    /// Line of its beginning, from 1.
    pub line: usize,
    /// What it is.
    pub what: What,
}

/// Kinds of tokens; comments are none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A name or a keyword.
    Word(String),
    /// What a string literal says.
    Text(String),
    /// One sign.
    Mark(char),
    /// Every other literal.
    Other,
    /// The opening bracket and what is within.
    Group(char, Vec<Tree>),
}

/// The tokens of a source. Of one that Rust does not compile, whatever can be made of it.
pub fn trees(source: &str) -> Vec<Tree> {
    let mut lexer = Lexer { rest: source, line: 1 };
    let mut open: Vec<(char, usize, Vec<Tree>)> = Vec::new();
    let mut level = Vec::new();
    while let Some((line, token)) = lexer.next() {
        match token {
            What::Mark(bracket @ ('(' | '[' | '{')) => {
                open.push((bracket, line, std::mem::take(&mut level)));
            }
            What::Mark(')' | ']' | '}') => {
                if let Some((bracket, line, outer)) = open.pop() {
                    let inner = std::mem::replace(&mut level, outer);
                    level.push(Tree { line, what: What::Group(bracket, inner) });
                }
            }
            what => level.push(Tree { line, what }),
        }
    }
    while let Some((bracket, line, outer)) = open.pop() {
        let inner = std::mem::replace(&mut level, outer);
        level.push(Tree { line, what: What::Group(bracket, inner) });
    }
    level
}

struct Lexer<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Lexer<'a> {
    fn next(&mut self) -> Option<(usize, What)> {
        self.blank();
        let line = self.line;
        let first = self.rest.chars().next()?;
        let length = self.string().or_else(|| self.character());
        if let Some(length) = length {
            let literal = self.take(length);
            return Some((line, text(literal).map_or(What::Other, What::Text)));
        }
        if is_word(first) {
            let length = self.rest.find(|sign| !is_word(sign)).unwrap_or(self.rest.len());
            let word = self.take(length);
            // `r#type` is the word `type`.
            if word == "r" && self.rest.starts_with('#') {
                self.take(1);
                return self.next();
            }
            let number = first.is_ascii_digit();
            return Some((line, if number { What::Other } else { What::Word(word.to_owned()) }));
        }
        self.take(first.len_utf8());
        Some((line, What::Mark(first)))
    }

    fn take(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(length);
        self.line += taken.matches('\n').count();
        self.rest = rest;
        taken
    }

    /// Passes over blanks and comments.
    fn blank(&mut self) {
        loop {
            let blanks = self.rest.len() - self.rest.trim_start().len();
            let comment = self.rest[blanks..].strip_prefix("//").map(|_| {
                let rest = &self.rest[blanks..];
                rest.find('\n').unwrap_or(rest.len())
            });
            let comment = comment.or_else(|| nested(&self.rest[blanks..]));
            self.take(blanks + comment.unwrap_or(0));
            if comment.is_none() {
                return;
            }
        }
    }

    /// Length of the string literal here.
    fn string(&self) -> Option<usize> {
        let rest = self.rest.as_bytes();
        let prefix = rest.iter().take_while(|byte| matches!(byte, b'b' | b'c' | b'r')).count();
        let hashes = rest[prefix..].iter().take_while(|byte| **byte == b'#').count();
        let raw = rest[..prefix].contains(&b'r');
        if prefix > 2 || rest.get(prefix + hashes) != Some(&b'"') || (hashes > 0 && !raw) {
            return None;
        }
        let start = prefix + hashes + 1;
        if raw {
            let end = format!("\"{}", "#".repeat(hashes));
            return Some(self.rest[start..].find(&end).map_or(rest.len(), |at| start + at + end.len()));
        }
        let mut escaped = false;
        let end = rest[start..].iter().position(|byte| {
            let ends = !escaped && *byte == b'"';
            escaped = !escaped && *byte == b'\\';
            ends
        });
        Some(end.map_or(rest.len(), |at| start + at + 1))
    }

    /// Length of the character literal here; a lifetime is none.
    fn character(&self) -> Option<usize> {
        let rest = self.rest.strip_prefix('b').filter(|rest| rest.starts_with('\'')).unwrap_or(self.rest);
        let before = self.rest.len() - rest.len();
        let inner = rest.strip_prefix('\'')?;
        let length = if inner.starts_with('\\') {
            let escaped = inner.char_indices().nth(1).map_or(inner.len(), |(at, sign)| at + sign.len_utf8());
            escaped + inner[escaped..].find('\'')?
        } else {
            let sign = inner.chars().next()?.len_utf8();
            inner[sign..].starts_with('\'').then_some(sign)?
        };
        Some(before + 1 + length + 1)
    }
}

/// Length of the block comment here; they nest.
fn nested(rest: &str) -> Option<usize> {
    rest.strip_prefix("/*")?;
    let mut depth = 0_usize;
    let mut at = 0;
    while at < rest.len() {
        let here = &rest.as_bytes()[at..];
        match here {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] if depth == 1 => return Some(at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
    }
    Some(rest.len())
}

fn is_word(sign: char) -> bool {
    sign.is_alphanumeric() || sign == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tokens, with their lines, as one text.
    fn shown(trees: &[Tree]) -> String {
        let one = |tree: &Tree| match &tree.what {
            What::Word(word) => word.clone(),
            What::Text(text) => format!("<{text}>{}", tree.line),
            What::Mark(sign) => sign.to_string(),
            What::Other => "0".to_owned(),
            What::Group(bracket, inner) => format!("{bracket}{}", shown(inner)),
        };
        trees.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn strings_are_told_from_all_that_looks_like_them() {
        let cases = [
            (r#"say("a", 'b', '"', '\'', b'"', "c")"#, "say (<a>1 , 0 , 0 , 0 , 0 , <c>1"),
            ("// \"no\"\n/* \"no\" /* \"no\" */ */ \"yes\"", "<yes>2"),
            ("fn f<'a>(x: &'a str) { \"\\\"\" }", "fn f < ' a > (x : & ' a str {<\">1"),
            ("r#type r#\"a \" b\"# r\"c\" b\"d\" \"e\\\n f\" \"g\"", "type <a \" b>1 <c>1 0 <ef>1 <g>2"),
            ("1_000u8 0..9 _", "0 0 . . 0 _"),
            ("f({[", "f ({["),
        ];
        for (source, expect) in cases {
            assert_eq!(shown(&trees(source)), expect, "{source}");
        }
    }
}
