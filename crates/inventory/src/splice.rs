//! Splices of a text by the spans of its nodes. They do not judge what the result means: [`crate::edit`] does.

pub(crate) mod list;

use crate::document::{Kind, Node};

/// Where an entry is added.
#[derive(Clone, Copy)]
pub(crate) enum Place<'a> {
    /// Into this mapping.
    Value(&'a Node),
    /// In place of the null value of this key.
    Null(&'a Node, &'a Node),
}

/// The text with one more entry at the end of a mapping, in its style.
pub(crate) fn add(text: &str, place: Place<'_>, key: &str, written: &str) -> Result<String, String> {
    let map = match place {
        Place::Value(map) => map,
        Place::Null(owner, null) => return replace(text, owner, null, &format!("{{ {key}: {written} }}")),
    };
    let Kind::Map { entries, flow } = &map.kind else { return Err("it is not a mapping".to_owned()) };
    let Some((last_key, last_value)) = entries.last() else {
        return Ok(spliced(text, map.span.start, map.span.end, &format!("{{ {key}: {written} }}")));
    };
    let end = end_of(text, last_key, last_value);
    if *flow {
        return Ok(spliced(text, end, end, &format!(", {key}: {written}")));
    }
    let line = &text[line_start(text, last_key.span.start)..last_key.span.start];
    // The one entry of a list's item stands behind its dash.
    if !line.chars().all(|c| c == ' ' || c == '-') {
        return Err("its last entry does not begin its line".to_owned());
    }
    let pad = " ".repeat(line.len());
    let gap = if written.starts_with(['\n', '\r']) { "" } else { " " };
    let at = end_of_line(text, end);
    Ok(spliced(text, at, at, &format!("{}{pad}{key}:{gap}{written}", line_end(text))))
}

/// The text with another value for a key.
pub(crate) fn replace(text: &str, key: &Node, old: &Node, written: &str) -> Result<String, String> {
    if old.span.start < old.span.end {
        let end = trimmed(text, old.span.start, old.span.end);
        return Ok(spliced(text, old.span.start, end, written));
    }
    // A null without a text of its own: behind the colon of its key, if it has one.
    let rest = &text[key.span.end..];
    let blanks = rest.len() - rest.trim_start_matches([' ', '\t']).len();
    let at = key.span.end + blanks;
    if rest[blanks..].starts_with(':') {
        Ok(spliced(text, at + 1, at + 1, &format!(" {written}")))
    } else {
        Ok(spliced(text, key.span.end, key.span.end, &format!(": {written}")))
    }
}

/// The text without one of several entries of a mapping: its lines, or its part of a line.
pub(crate) fn cut(text: &str, map: &Node, name: &str) -> Result<String, String> {
    let entries = map.entries();
    let at = entries.iter().rposition(|(key, _)| key.text() == Some(name));
    let Some((at, (key, value))) = at.and_then(|at| entries.get(at).map(|entry| (at, entry))) else {
        return Err(format!("`{name}` is not in it"));
    };
    let end = end_of(text, key, value);
    if matches!(map.kind, Kind::Map { flow: false, .. }) {
        return cut_lines(text, key.span.start, end);
    }
    let before = at.checked_sub(1).and_then(|at| entries.get(at));
    cut_part(text, key.span.start, end, before.map(|(key, value)| end_of(text, key, value)))
}

/// The text without a part of a flow collection, with the comma that goes with it. `before`: where the part before ends.
fn cut_part(text: &str, start: usize, end: usize, before: Option<usize>) -> Result<String, String> {
    let rest = &text[end..];
    let blanks = rest.len() - rest.trim_start().len();
    if rest[blanks..].starts_with(',') {
        let after = end + blanks + 1;
        let more = text[after..].len() - text[after..].trim_start_matches([' ', '\t']).len();
        // A part that has its lines to itself takes them with it.
        let alone = text[line_start(text, start)..start].trim().is_empty();
        return if alone && text[after + more..].starts_with(['\n', '\r', '#']) {
            cut_lines(text, start, after)
        } else {
            Ok(spliced(text, start, after + more, ""))
        };
    }
    // The last part: from the comma before it, wherever that is.
    let Some(from) = before else { return Err("it is the only entry".to_owned()) };
    if text[from..start].trim() != "," {
        return Err("there is a comment before it".to_owned());
    }
    Ok(spliced(text, from, end, ""))
}

/// The text with `{}` in place of a mapping that has one entry.
pub(crate) fn empty(text: &str, map: &Node, key: &Node, value: &Node) -> Result<String, String> {
    let end = end_of(text, key, value);
    if matches!(map.kind, Kind::Map { flow: true, .. }) {
        return Ok(spliced(text, map.span.start, map.span.end, "{}"));
    }
    Ok(spliced(text, key.span.start, end, "{}"))
}

/// Where an entry ends. A block scalar's span reaches to the next line; its end is that of its last word.
pub(crate) fn end_of(text: &str, key: &Node, value: &Node) -> usize {
    if value.span.end <= key.span.end {
        // A null value: its colon belongs to it.
        let rest = &text[key.span.end..];
        let blanks = rest.len() - rest.trim_start_matches([' ', '\t']).len();
        let colon = usize::from(rest[blanks..].starts_with(':'));
        return key.span.end + if colon == 1 { blanks + 1 } else { 0 };
    }
    trimmed(text, key.span.start, value.span.end)
}

fn trimmed(text: &str, start: usize, end: usize) -> usize {
    text.get(start..end).map_or(end, |covered| start + covered.trim_end().len())
}

fn spliced(text: &str, start: usize, end: usize, new: &str) -> String {
    format!("{}{new}{}", &text[..start], &text[end..])
}

/// The whole lines from `start` to `end`. Fails when something else begins the first of them.
fn cut_lines(text: &str, start: usize, end: usize) -> Result<String, String> {
    let first = line_start(text, start);
    if !text[first..start].chars().all(|c| c == ' ') {
        return Err("it does not begin its line".to_owned());
    }
    match text[end..].find('\n') {
        Some(newline) => Ok(spliced(text, first, end + newline + 1, "")),
        // A text without a last line break stays one.
        None => {
            let head = &text[..first];
            let head = head.strip_suffix('\n').map_or(head, |head| head.strip_suffix('\r').unwrap_or(head));
            Ok(head.to_owned())
        }
    }
}

fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |newline| newline + 1)
}

pub(crate) fn indent_of(text: &str, at: usize) -> usize {
    text[line_start(text, at)..].chars().take_while(|c| *c == ' ').count()
}

/// The end of the line that `at` is in, before its line break.
pub(crate) fn end_of_line(text: &str, at: usize) -> usize {
    let end = text[at..].find('\n').map_or(text.len(), |newline| at + newline);
    if text[..end].ends_with('\r') && end > at { end - 1 } else { end }
}

pub(crate) fn line_end(text: &str) -> &'static str {
    if text.contains("\r\n") { "\r\n" } else { "\n" }
}
