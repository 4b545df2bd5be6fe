//! Splices of a list of mappings: an item at its end, an item gone, keys of an item, in the style of the neighbours.

use super::{cut, cut_lines, cut_part, end_of, end_of_line, line_end, line_start, replace, spliced, trimmed};
use crate::document::{Kind, Node};
use crate::write::{flow, scalar};
use crate::{Map, Value};

/// The text with one more item at the end of a list that has items.
pub(crate) fn push(text: &str, list: &Node, item: &Map) -> Result<String, String> {
    let Kind::List { items, flow: in_brackets } = &list.kind else {
        return Err("it is not a list".to_owned());
    };
    let Some(last) = items.last() else { return Err("it has no item".to_owned()) };
    let end = trimmed(text, last.span.start, last.span.end);
    let written = flow(&Value::Map(item.clone()));
    if *in_brackets {
        return Ok(push_part(text, last, end, &written));
    }
    let lead =
        items.iter().rev().find_map(|item| lead(text, item)).ok_or("no item stands beside its dash")?;
    let eol = line_end(text);
    let lines = if matches!(last.kind, Kind::Map { flow: false, .. }) {
        let pairs = item.0.iter().map(|(key, value)| format!("{}: {}", scalar(key), flow(value)));
        format!("{lead}{}", pairs.collect::<Vec<_>>().join(&format!("{eol}{}", " ".repeat(lead.len()))))
    } else {
        format!("{lead}{written}")
    };
    let at = end_of_line(text, end);
    Ok(spliced(text, at, at, &format!("{eol}{lines}")))
}

fn push_part(text: &str, last: &Node, end: usize, written: &str) -> String {
    let line = &text[end..end_of_line(text, end)];
    let after = line.trim_start().strip_prefix(',');
    let rest = after.unwrap_or(line).trim_start();
    let start = line_start(text, last.span.start);
    let begins = text[start..last.span.start].trim().is_empty();
    if begins && (rest.is_empty() || rest.starts_with('#')) {
        // Each item has its line: a comment behind the last one stays there.
        let comma = if after.is_some() { "" } else { "," };
        let (pad, eol) = (&text[start..last.span.start], line_end(text));
        format!("{}{comma}{line}{eol}{pad}{written}{}", &text[..end], &text[end + line.len()..])
    } else if after.is_some() {
        let comma = end + line.find(',').map_or(0, |at| at + 1);
        spliced(text, comma, comma, &format!(" {written}"))
    } else {
        spliced(text, end, end, &format!(", {written}"))
    }
}

/// The text with a first item in place of a null or an empty list. `block`: the key stands in a block mapping.
pub(crate) fn begin(
    text: &str,
    key: &Node,
    old: &Node,
    block: Option<usize>,
    item: &Map,
) -> Result<String, String> {
    let written = flow(&Value::Map(item.clone()));
    if let Some(width) = block
        && let Some(colon) = colon(text, key)
    {
        let value =
            if old.span.start < old.span.end { (old.span.start, old.span.end) } else { (colon, colon) };
        let bare = text.get(colon..value.0).is_some_and(|gap| gap.chars().all(|c| c == ' '));
        let eol = end_of_line(text, value.1);
        let rest = text[value.1..eol].trim_start();
        if bare && (rest.is_empty() || rest.starts_with('#')) {
            let comment = if rest.is_empty() { "" } else { &text[value.1..eol] };
            let lines = first_line(text, key, width, &written);
            return Ok(format!("{}{comment}{lines}{}", &text[..colon], &text[eol..]));
        }
    }
    replace(text, key, old, &format!("[{written}]"))
}

/// A line break and a list's first item, `width` columns deeper than the key.
pub(crate) fn first_line(text: &str, key: &Node, width: usize, written: &str) -> String {
    let pad = " ".repeat(key.span.start - line_start(text, key.span.start) + width);
    format!("{}{pad}- {written}", line_end(text))
}

/// The text without an item. The last one leaves `[]` behind.
pub(crate) fn cut_item(text: &str, key: &Node, list: &Node, at: usize) -> Result<String, String> {
    let Kind::List { items, flow } = &list.kind else { return Err("it is not a list".to_owned()) };
    let item = items.get(at).ok_or("it has fewer items")?;
    let end = trimmed(text, item.span.start, item.span.end);
    if *flow {
        if items.len() == 1 {
            let around = [&text[list.span.start..item.span.start], &text[end..list.span.end]];
            if around.iter().any(|part| part.contains('#')) {
                return Err("a comment stands in it".to_owned());
            }
            return Ok(spliced(text, list.span.start, list.span.end, "[]"));
        }
        let before = at.checked_sub(1).and_then(|at| items.get(at));
        return cut_part(
            text,
            item.span.start,
            end,
            before.map(|item| trimmed(text, item.span.start, item.span.end)),
        );
    }
    lead(text, item).ok_or("it does not stand beside its dash")?;
    let line = line_start(text, item.span.start);
    let dash = line + text[line..].find('-').ok_or("it has no dash")?;
    let without = cut_lines(text, dash, end)?;
    if items.len() > 1 {
        return Ok(without);
    }
    let colon = colon(text, key).ok_or("its key has no colon")?;
    Ok(spliced(&without, colon, colon, " []"))
}

/// The text with another value of one key of an item, or a new key at the item's end.
pub(crate) fn set_key(text: &str, item: &Node, name: &str, value: &Value) -> Result<String, String> {
    let Some((key, old)) = item.own_entry(name) else {
        let key = scalar(&Value::Text(name.to_owned()));
        return super::add(text, super::Place::Value(item), &key, &flow(value));
    };
    let covered = text.get(old.span.start..old.span.end).unwrap_or_default();
    if matches!(old.kind, Kind::Scalar { .. }) {
        return replace(text, key, old, &quoted_like(covered, value));
    }
    if covered.contains('#') && covered.contains(['\n', '\r']) {
        return Err(format!("a comment may stand in the value of `{name}`"));
    }
    let in_brackets = matches!(old.kind, Kind::List { flow: true, .. } | Kind::Map { flow: true, .. });
    match colon(text, key).filter(|_| !in_brackets) {
        // A block value begins below its key; what takes its place stands beside it.
        Some(colon) if text[colon..old.span.start].trim_matches(['-', ' ', '\r', '\n']).is_empty() => {
            let end = end_of(text, key, old);
            Ok(spliced(text, colon, end, &format!(" {}", flow(value))))
        }
        Some(_) => Err(format!("a comment stands before the value of `{name}`")),
        None => replace(text, key, old, &flow(value)),
    }
}

/// The text without one key of an item that has others.
pub(crate) fn unset_key(text: &str, item: &Node, name: &str) -> Result<String, String> {
    let entries = item.entries();
    if let [(first, value), (second, _), ..] = entries
        && first.text() == Some(name)
        && matches!(item.kind, Kind::Map { flow: false, .. })
        && lead(text, item).is_some()
    {
        // What stands behind the dash gives its place to the next key.
        let end = end_of(text, first, value);
        if !text[end..second.span.start].trim().is_empty() {
            return Err(format!("a comment stands behind `{name}`"));
        }
        return Ok(spliced(text, first.span.start, second.span.start, ""));
    }
    if entries.len() == 1 {
        return Err(format!("`{name}` is its only key"));
    }
    cut(text, item, name)
}

/// A text in the quotes of the one it replaces.
fn quoted_like(old: &str, value: &Value) -> String {
    let plain = scalar(value);
    let Value::Text(new) = value else { return plain };
    let bare = new.chars().all(|c| !c.is_control() && !matches!(c, '"' | '\'' | '\\'));
    match old.chars().next() {
        Some(quote @ ('"' | '\'')) if bare && !plain.starts_with('"') => format!("{quote}{new}{quote}"),
        Some(_) | None => plain,
    }
}

/// What stands before an item of a block list on its line: blanks, the dash, blanks. None when the item begins elsewhere.
fn lead(text: &str, item: &Node) -> Option<String> {
    let before = &text[line_start(text, item.span.start)..item.span.start];
    let behind = before.trim_start_matches(' ').strip_prefix('-')?;
    let gap = behind.len() - behind.trim_start_matches(' ').len();
    // An anchor (`- &name {…}`) may stand between.
    let rest = behind[gap..].trim_end();
    let fits = gap > 0 && (rest.is_empty() || rest.starts_with('&') && !rest.contains(' '));
    fits.then(|| before[..before.len() - behind.len() + gap].to_owned())
}

/// Behind the colon of a key.
fn colon(text: &str, key: &Node) -> Option<usize> {
    let rest = &text[key.span.end..];
    let blanks = rest.len() - rest.trim_start_matches([' ', '\t']).len();
    rest[blanks..].starts_with(':').then_some(key.span.end + blanks + 1)
}
