//! What somebody means who types a few letters of it.

/// How well a text fits what was typed, larger is better; none when it does not. Every word that was typed must be in the
/// text letter by letter, in order; letters side by side and at the begin of words count for more, and short texts win.
pub fn score(text: &str, typed: &str) -> Option<i32> {
    let words = typed.split_whitespace().map(|word| one(text.as_bytes(), word.as_bytes()));
    let found: i32 = words.sum::<Option<i32>>()?;
    Some(found * 16 - i32::try_from(text.len().min(200)).unwrap_or(200))
}

fn one(text: &[u8], word: &[u8]) -> Option<i32> {
    // The letters as they come first are seldom those that are meant: each place that begins well is tried.
    let starts = (0..text.len()).filter(|at| text[*at].eq_ignore_ascii_case(&word[0]));
    starts.filter_map(|start| from(&text[start..], word, start == 0 || is_edge(text[start - 1]))).max()
}

fn from(text: &[u8], word: &[u8], at_edge: bool) -> Option<i32> {
    let mut score = if at_edge { 4 } else { 1 };
    let mut last = 0;
    for letter in &word[1..] {
        let rest = &text[last + 1..];
        let gap = rest.iter().position(|one| one.eq_ignore_ascii_case(letter))?;
        score += match gap {
            0 => 3,
            _ if is_edge(rest[gap - 1]) => 2,
            _ => 0,
        };
        last += gap + 1;
    }
    Some(score)
}

fn is_edge(before: u8) -> bool {
    !before.is_ascii_alphanumeric()
}

#[cfg(test)]
mod tests {
    use super::score;

    fn best<'a>(typed: &str, texts: &[&'a str]) -> Vec<&'a str> {
        let mut found: Vec<(i32, &str)> =
            texts.iter().filter_map(|text| Some((score(text, typed)?, *text))).collect();
        found.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
        found.into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn letters_in_order_fit_and_others_do_not() {
        for (text, typed, fits) in [
            ("pg-test", "", true),
            ("pg-test", "pgt", true),
            ("pg-test", "TEST", true),
            ("pg-test", "tst", true),
            ("pg-test", "tsp", false),
            ("pg-test switchover", "sw pg", true),
            ("pg-test switchover", "sw x", false),
            ("", "x", false),
            ("ü", "ü", true),
        ] {
            assert_eq!(score(text, typed).is_some(), fits, "{typed:?} in {text:?}");
        }
    }

    #[test]
    fn what_is_written_in_one_piece_or_begins_a_word_is_meant() {
        assert_eq!(
            best("test", &["pg-the-best", "pg-test", "pg-test-long"]),
            ["pg-test", "pg-test-long", "pg-the-best"]
        );
        assert_eq!(best("pb", &["pg-web", "pg-bill"]), ["pg-bill", "pg-web"]);
        assert_eq!(best("audit", &["Audit log", "auditing the auditors"])[0], "Audit log");
    }
}
