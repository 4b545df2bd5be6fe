//! The YAML document: a tree of nodes with spans over a text that is kept as it is.
//!
//! Parsing never changes the text, so printing is identity; edits splice the text by span. The parser is
//! `saphyr-parser`, an event parser with positions (see docs/decisions/0001-document-layer.md).

use crate::Span;
use saphyr_parser::{Event, Parser, ScalarStyle};

/// How deep nesting may go before the text is refused, so that a hostile text cannot exhaust the stack.
const MAX_DEPTH: usize = 100;
/// How many nodes aliases may add in all ("billion laughs").
const MAX_ALIASED: usize = 100_000;

/// A node of the document.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub(crate) span: Span,
    pub(crate) kind: Kind,
}

/// What a node is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    /// A scalar with its text after unquoting, and whether it was plain.
    Scalar { text: String, plain: bool, tag: Option<String> },
    /// A sequence; `flow` when written in brackets.
    List { items: Vec<Node>, flow: bool },
    /// A mapping; `flow` when written in braces.
    Map { entries: Vec<(Node, Node)>, flow: bool },
}

impl Node {
    /// The entries of a mapping; empty for anything else.
    pub(crate) fn entries(&self) -> &[(Node, Node)] {
        match &self.kind {
            Kind::Map { entries, .. } => entries,
            Kind::Scalar { .. } | Kind::List { .. } => &[],
        }
    }

    /// The last entry with this key, as PyYAML keeps the last of duplicates; else the one that `<<` merges in.
    pub(crate) fn entry(&self, key: &str) -> Option<&(Node, Node)> {
        let mut merges = false;
        for entry in self.entries().iter().rev() {
            let text = entry.0.text();
            if text == Some(key) {
                return Some(entry);
            }
            merges |= text == Some("<<");
        }
        let merged = self.entries().iter().filter(|(k, _)| merges && k.text() == Some("<<"));
        merged.map(|(_, from)| from).find_map(|from| match &from.kind {
            Kind::Map { .. } => from.entry(key),
            // Of several merged maps the earlier wins.
            Kind::List { items, .. } => items.iter().find_map(|item| item.entry(key)),
            Kind::Scalar { .. } => None,
        })
    }

    /// The last entry with this key that is written in this mapping itself.
    pub(crate) fn own_entry(&self, key: &str) -> Option<&(Node, Node)> {
        self.entries().iter().rev().find(|(k, _)| k.text() == Some(key))
    }

    /// The value of a key.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|(_, value)| value)
    }

    /// The text of a scalar.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar { text, .. } => Some(text),
            Kind::List { .. } | Kind::Map { .. } => None,
        }
    }

    /// An empty plain scalar or `~`/`null`.
    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.kind, Kind::Scalar { text, plain: true, .. }
            if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    pub(crate) fn is_map(&self) -> bool {
        matches!(self.kind, Kind::Map { .. })
    }
}

/// Why a text is not YAML.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ParseError {
    pub(crate) span: Span,
    pub(crate) message: String,
}

/// Byte offsets of line starts, to turn the parser's line and column (in characters) into bytes.
struct Lines<'a> {
    /// The text after its byte order mark, which takes `base` bytes.
    text: &'a str,
    base: usize,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str, base: usize) -> Self {
        let mut starts = vec![0];
        let bytes = text.as_bytes();
        for (index, byte) in bytes.iter().enumerate() {
            // YAML breaks lines at LF, CRLF and lone CR.
            if *byte == b'\n' || (*byte == b'\r' && bytes.get(index + 1) != Some(&b'\n')) {
                starts.push(index + 1);
            }
        }
        Self { text, base, starts }
    }

    /// `line` from 1, `column` from 0, both as the parser counts.
    fn byte(&self, line: usize, column: usize) -> usize {
        let Some(start) = line.checked_sub(1).and_then(|index| self.starts.get(index)) else {
            return self.base + self.text.len();
        };
        let rest = &self.text[*start..];
        rest.char_indices().nth(column).map_or(self.text.len(), |(offset, _)| start + offset) + self.base
    }

    fn span(&self, span: saphyr_parser::Span) -> Span {
        let start = self.byte(span.start.line(), span.start.col());
        let end = self.byte(span.end.line(), span.end.col()).max(start);
        Span {
            start,
            end,
            line: u32::try_from(span.start.line()).unwrap_or(u32::MAX).max(1),
            column: u32::try_from(span.start.col() + 1).unwrap_or(u32::MAX),
        }
    }
}

struct Builder<'a> {
    lines: Lines<'a>,
    parser: Parser<'a, saphyr_parser::StrInput<'a>>,
    anchors: Vec<(usize, Node)>,
    aliased: usize,
}

/// Parses a text. An empty text (or only comments) is a null node.
pub(crate) fn parse(text: &str) -> Result<Node, ParseError> {
    // The parser takes a byte order mark for a word.
    let body = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines = Lines::new(body, text.len() - body.len());
    let mut builder = Builder { lines, parser: Parser::new_from_str(body), anchors: Vec::new(), aliased: 0 };
    let mut root = None;
    loop {
        let (event, span) = builder.next()?;
        match event {
            Event::StreamEnd => break,
            Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd | Event::Nothing => {}
            event @ (Event::Alias(_)
            | Event::Scalar(..)
            | Event::SequenceStart(..)
            | Event::SequenceEnd
            | Event::MappingStart(..)
            | Event::MappingEnd) => {
                let node = builder.node(event, span, 0)?;
                if root.is_some() {
                    return Err(ParseError {
                        span: node.span,
                        message: "a second YAML document begins here; an inventory is one document"
                            .to_owned(),
                    });
                }
                root = Some(node);
            }
        }
    }
    Ok(root.unwrap_or(Node {
        span: Span { line: 1, column: 1, ..Span::default() },
        kind: Kind::Scalar { text: String::new(), plain: true, tag: None },
    }))
}

impl<'a> Builder<'a> {
    fn next(&mut self) -> Result<(Event<'a>, saphyr_parser::Span), ParseError> {
        match self.parser.next() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => {
                let at = *error.marker();
                let span = self.lines.span(saphyr_parser::Span::new(at, at));
                Err(ParseError { span, message: error.info().to_owned() })
            }
            None => Ok((Event::StreamEnd, saphyr_parser::Span::default())),
        }
    }

    /// Where a scalar ends: the parser takes blanks and comments behind a quoted one for a part of it.
    fn scalar_end(&self, here: Span, style: ScalarStyle) -> usize {
        let base = self.lines.base;
        let covered = &self.lines.text[here.start - base..here.end - base];
        let end = match style {
            ScalarStyle::SingleQuoted => closing(covered, '\'', None),
            ScalarStyle::DoubleQuoted => closing(covered, '"', Some('\\')),
            ScalarStyle::Plain | ScalarStyle::Literal | ScalarStyle::Folded => None,
        };
        here.start + end.unwrap_or_else(|| covered.trim_end().len())
    }

    /// The span of a collection: up to its bracket when in flow style, else up to its last child.
    fn whole(&self, start: Span, end: Span, flow: bool, last: Option<Span>) -> Span {
        if !flow {
            return Span { end: last.map_or(start.end, |last| last.end).max(start.end), ..start };
        }
        // The parser takes blanks and comments behind the bracket for a part of it.
        let from = last.map_or(start.start + 1, |last| last.end);
        let text = self.lines.text.get(from - self.lines.base..end.end - self.lines.base).unwrap_or_default();
        let end = bracket(text).map_or(end.end, |at| from + at);
        Span { end: end.max(start.end), ..start }
    }

    /// The span of a block scalar from its `|` or `>` on; the parser's begins with its first word.
    fn with_header(&self, key: Span, value: Span) -> Span {
        let base = self.lines.base;
        let between = self.lines.text.get(key.end - base..value.start - base).unwrap_or_default();
        let line = between.lines().next().unwrap_or_default();
        let Some(at) = line.find(['|', '>']) else { return value };
        let start = key.end + at;
        let before = self.lines.text[key.start - base..start - base].chars().count();
        let column = key.column + u32::try_from(before).unwrap_or(u32::MAX);
        Span { start, end: value.end.max(start + 1), line: key.line, column }
    }

    fn node(
        &mut self,
        event: Event<'a>,
        span: saphyr_parser::Span,
        depth: usize,
    ) -> Result<Node, ParseError> {
        let here = self.lines.span(span);
        if depth > MAX_DEPTH {
            return Err(ParseError { span: here, message: format!("nested deeper than {MAX_DEPTH} levels") });
        }
        let (node, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain;
                let here = Span { end: self.scalar_end(here, style), ..here };
                let tag = tag.map(|tag| tag.suffix.clone());
                // An empty plain value has no place of its own; the parser points somewhere behind it.
                (Node { span: here, kind: Kind::Scalar { text: text.into_owned(), plain, tag } }, anchor)
            }
            Event::SequenceStart(anchor, _) => {
                let mut items = Vec::new();
                let end = loop {
                    let (event, span) = self.next()?;
                    if matches!(event, Event::SequenceEnd) {
                        break self.lines.span(span);
                    }
                    items.push(self.node(event, span, depth + 1)?);
                };
                let flow = self.lines.text[here.start - self.lines.base..].starts_with('[');
                let span = self.whole(here, end, flow, items.last().map(|item| item.span));
                (Node { span, kind: Kind::List { items, flow } }, anchor)
            }
            Event::MappingStart(anchor, _) => {
                let mut entries = Vec::new();
                let end = loop {
                    let (event, span) = self.next()?;
                    if matches!(event, Event::MappingEnd) {
                        break self.lines.span(span);
                    }
                    let key = self.node(event, span, depth + 1)?;
                    let (event, span) = self.next()?;
                    let block =
                        matches!(event, Event::Scalar(_, ScalarStyle::Literal | ScalarStyle::Folded, _, _));
                    let mut value = self.node(event, span, depth + 1)?;
                    if block {
                        value.span = self.with_header(key.span, value.span);
                    }
                    if value.text() == Some("") && value.span.start == value.span.end {
                        value.span = Span { start: key.span.end, end: key.span.end, ..key.span };
                    }
                    entries.push((key, value));
                };
                let flow = self.lines.text[here.start - self.lines.base..].starts_with('{');
                let span = self.whole(here, end, flow, entries.last().map(|(_, value)| value.span));
                (Node { span, kind: Kind::Map { entries, flow } }, anchor)
            }
            Event::Alias(id) => {
                let found =
                    self.anchors.iter().rev().find(|(anchor, _)| *anchor == id).map(|(_, node)| node.clone());
                let mut node = found.ok_or_else(|| ParseError {
                    span: here,
                    message: "an alias (`*name`) names an anchor that is not defined before it".to_owned(),
                })?;
                self.aliased += count(&node);
                if self.aliased > MAX_ALIASED {
                    return Err(ParseError { span: here, message: "aliases expand to too much".to_owned() });
                }
                node.span = here;
                (node, 0)
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd
            | Event::SequenceEnd
            | Event::MappingEnd => {
                return Err(ParseError {
                    span: here,
                    message: "the document ends in the middle of a value".to_owned(),
                });
            }
        };
        if anchor != 0 {
            self.anchors.push((anchor, node.clone()));
        }
        Ok(node)
    }
}

/// Where a quoted text ends, its quotes included.
fn closing(covered: &str, quote: char, escape: Option<char>) -> Option<usize> {
    let mut chars = covered.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if Some(c) == escape {
            chars.next();
        } else if c == quote {
            // Two single quotes are one.
            if escape.is_none() && chars.peek().is_some_and(|(_, next)| *next == quote) {
                chars.next();
            } else {
                return Some(at + quote.len_utf8());
            }
        }
    }
    None
}

/// Where the bracket that closes a flow collection ends, behind the collection's last child.
fn bracket(text: &str) -> Option<usize> {
    let mut comment = false;
    for (at, c) in text.char_indices() {
        match c {
            '\n' | '\r' => comment = false,
            _ if comment => {}
            '#' => comment = true,
            ']' | '}' => return Some(at + 1),
            c if c.is_whitespace() || matches!(c, ',' | ':') => {}
            _ => return None,
        }
    }
    None
}

fn count(node: &Node) -> usize {
    1 + match &node.kind {
        Kind::Scalar { .. } => 0,
        Kind::List { items, .. } => items.iter().map(count).sum(),
        Kind::Map { entries, .. } => entries.iter().map(|(k, v)| count(k) + count(v)).sum(),
    }
}
