//! The difference between two texts, line by line, with a little context.

/// What a line of a difference is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// In both texts.
    Same,
    /// Only in the new one.
    Added,
    /// Only in the old one.
    Removed,
}

/// One line of a difference: its mark, its number (in the old text when removed, else in the new one), its text.
pub type ChangedLine = (Mark, usize, String);

/// Lines that differ, with three lines around them. Common heads and tails are set aside, so an added block in a
/// long inventory costs nothing; the middle is compared in full while it is small, else shown as replaced.
pub fn change(old: &str, new: &str) -> Vec<ChangedLine> {
    const CONTEXT: usize = 3;
    if old == new {
        return Vec::new();
    }
    let old: Vec<&str> = old.lines().collect();
    let new: Vec<&str> = new.lines().collect();
    let head = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let rest = old.len().min(new.len()) - head;
    let tail = old.iter().rev().zip(new.iter().rev()).take(rest).take_while(|(a, b)| a == b).count();
    let same = |range: std::ops::Range<usize>| {
        range.map(|at| (Mark::Same, at + 1, new[at].to_owned())).collect::<Vec<_>>()
    };
    let mut out = same(head.saturating_sub(CONTEXT)..head);
    middle(&old[head..old.len() - tail], &new[head..new.len() - tail], head, &mut out);
    let after = new.len() - tail;
    out.extend(same(after..(after + CONTEXT).min(new.len())));
    out
}

fn middle(old: &[&str], new: &[&str], offset: usize, out: &mut Vec<ChangedLine>) {
    const LARGEST: usize = 1_000_000;
    if old.len() * new.len() > LARGEST {
        out.extend(
            old.iter().enumerate().map(|(at, line)| (Mark::Removed, offset + at + 1, (*line).to_owned())),
        );
        out.extend(
            new.iter().enumerate().map(|(at, line)| (Mark::Added, offset + at + 1, (*line).to_owned())),
        );
        return;
    }
    // Longest common subsequence of what remains: `longest[i][j]` for the ends from i and j on.
    let mut longest = vec![vec![0u32; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            longest[i][j] = if old[i] == new[j] {
                longest[i + 1][j + 1] + 1
            } else {
                longest[i + 1][j].max(longest[i][j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            out.push((Mark::Same, offset + j + 1, new[j].to_owned()));
            i += 1;
            j += 1;
        } else if j == new.len() || (i < old.len() && longest[i + 1][j] >= longest[i][j + 1]) {
            out.push((Mark::Removed, offset + i + 1, old[i].to_owned()));
            i += 1;
        } else {
            out.push((Mark::Added, offset + j + 1, new[j].to_owned()));
            j += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(old: &str, new: &str) -> String {
        let sign = |mark| match mark {
            Mark::Same => ' ',
            Mark::Added => '+',
            Mark::Removed => '-',
        };
        change(old, new).into_iter().map(|(mark, at, text)| format!("{}{at}{text} ", sign(mark))).collect()
    }

    #[test]
    fn equal_texts_have_no_difference() {
        assert_eq!(written("a\nb\n", "a\nb\n"), "");
    }

    #[test]
    fn an_added_block_shows_with_three_lines_around_it() {
        assert_eq!(written("a\nb\nc\nd\ne\n", "a\nb\nc\nd\nX\nY\ne\n"), " 2b  3c  4d +5X +6Y  7e ");
    }

    #[test]
    fn lines_between_two_changes_stay() {
        assert_eq!(written("a\nb\nc\n", "A\nb\nC\n"), "-1a +1A  2b -3c +3C ");
    }

    #[test]
    fn removal_and_emptying_are_told() {
        assert_eq!(written("a\n", ""), "-1a ");
        assert_eq!(written("", "a\n"), "+1a ");
        assert_eq!(written("x\nx\nx\n", "x\nx\n"), " 1x  2x -3x ");
    }
}
