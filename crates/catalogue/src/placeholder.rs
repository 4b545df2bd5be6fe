//! Placeholders of format strings.

use std::collections::BTreeSet;

/// What stands in the braces of a format string: `{n}` and `{minutes:02}` give `n` and `minutes:02`; `{{` gives nothing.
pub fn placeholders(format: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut rest = format;
    while let Some(at) = rest.find('{') {
        rest = &rest[at + 1..];
        if let Some(escaped) = rest.strip_prefix('{') {
            rest = escaped;
        } else if let Some(end) = rest.find('}') {
            found.insert(rest[..end].to_owned());
            rest = &rest[end + 1..];
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::placeholders;

    #[test]
    fn placeholders_are_what_stands_in_braces() {
        let cases = [
            ("{b} of {a}", "a,b"),
            ("{{no}} {minutes:02}", "minutes:02"),
            ("{} {a} {a}", ",a"),
            ("none", ""),
            ("{open", ""),
        ];
        for (format, expect) in cases {
            let found: Vec<String> = placeholders(format).into_iter().collect();
            assert_eq!(found.join(","), expect, "{format}");
        }
    }
}
