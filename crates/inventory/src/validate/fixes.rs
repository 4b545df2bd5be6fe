//! Fixes that more than one rule offers: each touches the words it is about, and only where one answer is obvious.

use crate::document::{Kind, Node};
use crate::splice::{end_of, end_of_line};
use crate::write::scalar;
use crate::{Edit, Value};
use std::collections::BTreeSet;

/// The one known word that a misspelt one is near to. Longer words may differ in two letters.
pub(super) fn near<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_lowercase();
    let most = if lower.chars().count() < 8 { 1 } else { 2 };
    let mut best: Option<(usize, &str)> = None;
    let mut tie = false;
    for other in known {
        // Two letters of three are no resemblance.
        let distance = if other.chars().count() < 3 { continue } else { distance(&lower, other) };
        match best {
            Some((least, _)) if distance > least => {}
            Some((least, _)) if distance == least => tie = true,
            Some(_) | None => (best, tie) = (Some((distance, other)), false),
        }
    }
    best.filter(|(least, _)| *least <= most && !tie).map(|(_, other)| other)
}

/// Letters that are changed, left out, put in, or swapped with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len().abs_diff(b.len()) > 2 {
        return usize::MAX;
    }
    let mut rows = vec![(0..=b.len()).collect::<Vec<usize>>()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let changed = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = changed.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

/// The known word in place of a misspelt one.
pub(super) fn respell<'a>(node: &Node, known: impl IntoIterator<Item = &'a str>) -> Option<Edit> {
    near(node.text()?, known).map(|word| write(node, &Value::Text(word.to_owned())))
}

/// The known key in place of a misspelt one; not where its mapping has that one already.
pub(super) fn rename<'a>(map: &Node, key: &Node, known: impl IntoIterator<Item = &'a str>) -> Option<Edit> {
    let word = near(key.text()?, known)?;
    map.get(word).is_none().then(|| write(key, &Value::Text(word.to_owned())))
}

/// A scalar in place of another.
pub(super) fn write(node: &Node, value: &Value) -> Edit {
    Edit::one(node.span.start, node.span.end, scalar(value))
}

/// A value in quotes: a number that shall be text.
pub(super) fn quote(node: &Node) -> Option<Edit> {
    match &node.kind {
        Kind::Scalar { text, plain: true, .. } if !text.contains(['\'', '\n']) => {
            Some(Edit::one(node.span.start, node.span.end, format!("'{text}'")))
        }
        Kind::Scalar { .. } | Kind::List { .. } | Kind::Map { .. } => None,
    }
}

/// A single value as a list of it.
pub(super) fn list_of(node: &Node) -> Option<Edit> {
    let one_line = node.text().is_some_and(|text| !text.is_empty() && !text.contains('\n'));
    let (start, end) = (node.span.start, node.span.end);
    one_line.then(|| Edit { replace: vec![(start, start, "[".to_owned()), (end, end, "]".to_owned())] })
}

/// More entries at the end of a mapping, in its style; none where it cannot be told.
pub(super) fn append(text: &str, map: &Node, pairs: &[(&str, Value)]) -> Option<Edit> {
    let Kind::Map { entries, flow } = &map.kind else { return None };
    let pairs: Vec<String> = pairs.iter().map(|(key, value)| format!("{key}: {}", scalar(value))).collect();
    let Some((key, value)) = entries.last() else {
        return Some(Edit::one(map.span.start, map.span.end, format!("{{ {} }}", pairs.join(", "))));
    };
    // What an alias stands for is written elsewhere, for others, too.
    if key.span.start < map.span.start || value.span.end > map.span.end {
        return None;
    }
    let end = end_of(text, key, value);
    if *flow {
        return Some(Edit::one(end, end, format!(", {}", pairs.join(", "))));
    }
    let line = text[..key.span.start].rfind('\n').map_or(0, |newline| newline + 1);
    let before =
        text.get(line..key.span.start).filter(|before| before.chars().all(|c| c == ' ' || c == '-'))?;
    let at = end_of_line(text, end);
    // As this line ends: to look through the whole text for each finding would take its length times their number.
    let eol = if text[at..].starts_with('\r') { "\r\n" } else { "\n" };
    let lead = format!("{eol}{}", " ".repeat(before.len()));
    Some(Edit::one(at, at, pairs.iter().map(|pair| format!("{lead}{pair}")).collect::<String>()))
}

/// The first port from 5435 that is neither taken nor reserved.
pub(super) fn free_port(taken: &BTreeSet<i64>, reserved: &[i64]) -> Option<i64> {
    (5435..=65535).find(|port| !taken.contains(port) && !reserved.contains(port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_near_to_one_that_differs_in_a_letter_or_two() {
        let roles = ["primary", "replica", "offline", "standby", "delayed"];
        for (word, expected) in [
            ("primry", Some("primary")),
            ("Replica", Some("replica")),
            ("relpica", Some("replica")),
            ("offlien", Some("offline")),
            ("slave", None),
            ("", None),
            ("x", None),
        ] {
            assert_eq!(near(word, roles), expected, "{word}");
        }
        assert_eq!(near("pool_cnlimt", ["pool_connlimit", "pool_size"]), None);
        assert_eq!(near("pool_conlimt", ["pool_connlimit", "pool_size"]), Some("pool_connlimit"));
        // Between two that are as near there is no obvious one.
        assert_eq!(near("shb", ["sha", "ssb"]), None);
        assert_eq!(near("os", ["os", "ssl"]), None);
    }
}
