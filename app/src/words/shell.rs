//! A typed command line as words, quoted as a shell reads it.

use paddock_tongue::t;

/// Splits a line into words: blanks separate, quotes and backslashes keep together. Nothing is expanded. The program's
/// own name in front, as in `paddock play pgsql.yml …`, is left out: the planner takes what comes after it.
pub fn split(line: &str) -> Result<Vec<String>, String> {
    let mut words: Vec<String> = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            c if c.is_whitespace() => words.extend(word.take()),
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next() {
                        Some('\'') => break,
                        Some(c) => word.push(c),
                        None => return Err(t!("a ' is not closed").to_owned()),
                    }
                }
            }
            '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next() {
                        Some('"') => break,
                        Some('\\') => match chars.next() {
                            Some(c @ ('"' | '\\' | '$' | '`')) => word.push(c),
                            Some(c) => word.extend(['\\', c]),
                            None => return Err(t!("a \" is not closed").to_owned()),
                        },
                        Some(c) => word.push(c),
                        None => return Err(t!("a \" is not closed").to_owned()),
                    }
                }
            }
            '\\' => match chars.next() {
                Some(c) => word.get_or_insert_default().push(c),
                None => return Err(t!("the line ends with a \\").to_owned()),
            },
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    for own in ["paddock", "play"] {
        if words.first().is_some_and(|first| first == own) {
            words.remove(0);
        }
    }
    if words.is_empty() { Err(t!("type a command line").to_owned()) } else { Ok(words) }
}

/// The words as one line that [`split`] reads back.
pub fn line(words: &[String]) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    let quoted = words.iter().map(|word| {
        if !word.is_empty() && word.chars().all(plain) {
            word.clone()
        } else {
            format!("'{}'", word.replace('\'', r"'\''"))
        }
    });
    quoted.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_as_a_shell_splits_them() {
        for (line, expect) in [
            ("bin/pgsql-add  pg-test", &["bin/pgsql-add", "pg-test"][..]),
            ("pgsql.yml -e '{\"a\": \"b c\"}'", &["pgsql.yml", "-e", "{\"a\": \"b c\"}"]),
            (r#"a "b \" c" d\ e ''"#, &["a", "b \" c", "d e", ""]),
            ("paddock play node.yml -l all", &["node.yml", "-l", "all"]),
            ("paddock pgsql-hba pg-test", &["pgsql-hba", "pg-test"]),
        ] {
            assert_eq!(split(line).unwrap(), expect, "{line}");
        }
        for bad in ["", "  ", "a 'b", "a \"b", "a\\", "paddock"] {
            assert!(split(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_written_line_reads_back() {
        let words = ["a", "it's", "", "b c", "{\"x\": 1}"].map(str::to_owned).to_vec();
        assert_eq!(split(&line(&words)).unwrap(), words);
        assert_eq!(
            line(&["pgsql.yml".into(), "-e".into(), "pg_reload=true".into()]),
            "pgsql.yml -e pg_reload=true"
        );
    }
}
