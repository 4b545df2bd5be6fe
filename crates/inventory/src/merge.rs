//! Line differences and the three-way merge of two edits of one text.

use similar::{ChangeTag, TextDiff};

/// A run of changed lines with some context, as a unified diff prints it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hunk {
    /// First line in the old text, from 1.
    pub old_line: usize,
    /// First line in the new text, from 1.
    pub new_line: usize,
    /// Sign (`' '`, `'-'`, `'+'`) and text of each line, without its end.
    pub lines: Vec<(char, String)>,
}

/// Two edits touch the same lines.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("both edits change line {line} of the text they started from")]
pub struct Conflict {
    /// First line, from 1, of the base text that both changed.
    pub line: usize,
}

/// The differences between two texts, with three lines of context.
pub fn diff(old: &str, new: &str) -> Vec<Hunk> {
    let diff = TextDiff::from_lines(old, new);
    let mut hunks = Vec::new();
    for group in diff.grouped_ops(3) {
        let Some(first) = group.first() else { continue };
        let mut hunk = Hunk {
            old_line: first.old_range().start + 1,
            new_line: first.new_range().start + 1,
            lines: Vec::new(),
        };
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let sign = match change.tag() {
                ChangeTag::Equal => ' ',
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
            };
            hunk.lines.push((sign, change.value().trim_end_matches(['\n', '\r']).to_owned()));
        }
        hunks.push(hunk);
    }
    hunks
}

/// Base lines `start..end` become `lines`.
struct Change<'a> {
    start: usize,
    end: usize,
    lines: Vec<&'a str>,
}

fn changes<'a>(base: &[&'a str], new: &[&'a str]) -> Vec<Change<'a>> {
    let diff = TextDiff::from_slices(base, new);
    let changed = diff.ops().iter().filter(|op| op.tag() != similar::DiffTag::Equal);
    changed
        .map(|op| Change {
            start: op.old_range().start,
            end: op.old_range().end,
            lines: new[op.new_range()].to_vec(),
        })
        .collect()
}

/// Merges two edits of `base`. Edits that touch the same or adjoining lines conflict, unless they are equal.
pub fn merge3(base: &str, ours: &str, theirs: &str) -> Result<String, Conflict> {
    let base_lines: Vec<&str> = base.split_inclusive('\n').collect();
    let our_lines: Vec<&str> = ours.split_inclusive('\n').collect();
    let their_lines: Vec<&str> = theirs.split_inclusive('\n').collect();
    let mut all = changes(&base_lines, &our_lines);
    let their_changes = changes(&base_lines, &their_lines);
    for change in their_changes {
        match all.iter().find(|own| own.start <= change.end && change.start <= own.end) {
            Some(own) if own.start == change.start && own.end == change.end && own.lines == change.lines => {}
            Some(own) => return Err(Conflict { line: own.start.max(change.start) + 1 }),
            None => all.push(change),
        }
    }
    all.sort_by_key(|change| change.start);
    let mut out = String::with_capacity(base.len());
    let mut at = 0;
    for change in all {
        out.extend(base_lines[at..change.start].iter().copied());
        out.extend(change.lines);
        at = change.end;
    }
    out.extend(base_lines[at..].iter().copied());
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_of_different_lines_merge() {
        let merged = merge3("a\nb\nc\nd\ne\n", "A\nb\nc\nd\ne\n", "a\nb\nc\nd\nE\n");
        assert_eq!(merged, Ok("A\nb\nc\nd\nE\n".to_owned()));
    }

    #[test]
    fn edits_of_the_same_line_conflict_unless_equal() {
        assert_eq!(merge3("a\nb\n", "a\nX\n", "a\nY\n"), Err(Conflict { line: 2 }));
        assert_eq!(merge3("a\nb\n", "a\nX\n", "a\nX\n"), Ok("a\nX\n".to_owned()));
    }

    #[test]
    fn a_diff_names_the_changed_lines() {
        let hunks = diff("a\nb\nc\n", "a\nx\nc\n");
        assert_eq!(hunks.len(), 1);
        let signs: String = hunks[0].lines.iter().map(|(sign, _)| *sign).collect();
        assert_eq!(signs, " -+ ");
    }
}
