//! Replaces secret values before an event exists.

use crate::shell::CUT;
use paddock_inventory::MASK;
use std::collections::BTreeSet;

/// Knows the secrets of one plan.
#[derive(Clone, Debug, Default)]
pub(crate) struct Redactor {
    /// Longest first, so that a secret inside another does not leave a rest.
    values: Vec<String>,
}

impl Redactor {
    /// Secrets of at least four characters; of longer texts (keys) each line counts.
    pub(crate) fn new<'a>(secrets: impl IntoIterator<Item = &'a String>) -> Self {
        let mut values: BTreeSet<String> = BTreeSet::new();
        for secret in secrets {
            let lines = secret.lines().map(str::trim).filter(|line| line.chars().count() >= 4);
            values.extend(lines.filter(|line| !line.starts_with("-----")).map(str::to_owned));
        }
        let mut values: Vec<String> = values.into_iter().collect();
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        Self { values }
    }

    /// The text without secrets.
    pub(crate) fn clean(&self, text: &str) -> String {
        let mut out = text.to_owned();
        for value in &self.values {
            if out.contains(value.as_str()) {
                out = out.replace(value.as_str(), MASK);
            }
        }
        if !out.contains(CUT) {
            return out;
        }
        // A long line may have been cut in the middle of a secret.
        let mut pieces: Vec<&str> = out.split(CUT).collect();
        let last = pieces.len() - 1;
        for piece in &mut pieces[..last] {
            *piece = self.without_beginning(piece);
        }
        pieces.join(CUT)
    }

    /// The text without a secret's beginning at its end.
    fn without_beginning<'a>(&self, text: &'a str) -> &'a str {
        let begins = |value: &String| {
            value.char_indices().skip(1).map(|(at, _)| at).filter(|at| text.ends_with(&value[..*at])).max()
        };
        let longest = self.values.iter().filter_map(begins).max().unwrap_or(0);
        &text[..text.len() - longest]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_replaced_longest_first() {
        let secrets = ["pass".to_owned(), "password1".to_owned(), "abc".to_owned()];
        let redactor = Redactor::new(&secrets);
        assert_eq!(redactor.clean("a password1 abc pass"), "a •••••• abc ••••••");
    }

    #[test]
    fn a_secret_that_was_cut_off_leaves_no_beginning() {
        let redactor = Redactor::new(&["käsekuchen".to_owned(), "secret".to_owned()]);
        assert_eq!(redactor.clean(&format!("x käseku{CUT}; y sec{CUT}")), format!("x {CUT}; y {CUT}"));
        assert_eq!(redactor.clean("what ends with sec"), "what ends with sec");
    }
}
