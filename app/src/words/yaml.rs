//! Colours for a line of YAML: a lexer of single lines, for the eye only. What is true of the text the checker says.

/// What a piece of a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token {
    /// Spaces and anything else.
    Plain,
    /// `# …`
    Comment,
    /// What stands before a colon.
    Key,
    /// Quoted text.
    Text,
    /// Digits, also octal and hexadecimal; addresses.
    Number,
    /// `true`, `yes`, `on`, `null`, …
    Word,
    /// `:`, `-`, `{`, `}`, `[`, `]`, `,`, `|`, `>`.
    Mark,
    /// `&anchor`, `*alias`, `!tag`, `<<`.
    Reference,
    /// `${admin_ip}`, `{{ jinja }}`.
    Placeholder,
}

impl Token {
    /// Its class in the style sheet; plain text has none.
    pub fn class(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Comment => "y-comment",
            Self::Key => "y-key",
            Self::Text => "y-text",
            Self::Number => "y-number",
            Self::Word => "y-word",
            Self::Mark => "y-mark",
            Self::Reference => "y-ref",
            Self::Placeholder => "y-hole",
        }
    }
}

/// Cuts a line into pieces; joined, they are the line.
pub fn tokens(line: &str) -> Vec<(Token, &str)> {
    let mut out: Vec<(Token, &str)> = Vec::new();
    let mut at = 0;
    while at < line.len() {
        let rest = &line[at..];
        let fresh = at == 0 || line[..at].ends_with([' ', '\t', '{', '[', ',', '-', ':']);
        let (token, length) = next(rest, fresh);
        // Neighbours of one kind become one element.
        match out.last_mut() {
            Some((last, text)) if *last == token => *text = &line[at - text.len()..at + length],
            _ => out.push((token, &rest[..length])),
        }
        at += length;
    }
    out
}

fn next(rest: &str, fresh: bool) -> (Token, usize) {
    let first = rest.chars().next().unwrap_or(' ');
    let single = first.len_utf8();
    match first {
        ' ' | '\t' => (Token::Plain, single),
        '#' if fresh => (Token::Comment, rest.len()),
        '"' | '\'' if fresh => {
            let length = quoted(rest, first);
            (if before_colon(&rest[length..]) { Token::Key } else { Token::Text }, length)
        }
        '{' if rest.starts_with("{{") => {
            (Token::Placeholder, rest.find("}}").map_or(rest.len(), |end| end + 2))
        }
        '$' if rest.starts_with("${") => {
            (Token::Placeholder, rest.find('}').map_or(rest.len(), |end| end + 1))
        }
        '{' | '}' | '[' | ']' | ',' => (Token::Mark, single),
        ':' if rest[1..].is_empty() || rest[1..].starts_with([' ', '\t']) => (Token::Mark, single),
        '-' | '?' | '|' | '>'
            if fresh && (rest[1..].is_empty() || rest[1..].starts_with([' ', '\t', '-', '+'])) =>
        {
            (Token::Mark, single)
        }
        '&' | '*' | '!' if fresh => {
            (Token::Reference, until(rest, |c| c == ' ' || c == ',' || c == '}' || c == ']'))
        }
        _ => scalar(rest, fresh),
    }
}

fn scalar(rest: &str, fresh: bool) -> (Token, usize) {
    // A plain scalar ends at a comment, a colon with a space, a flow mark, a placeholder.
    let mut length = rest.len();
    let bytes = rest.as_bytes();
    for (at, c) in rest.char_indices() {
        let ends = match c {
            ',' | '}' | ']' | '{' | '[' => at > 0,
            ':' => at + 1 == rest.len() || matches!(bytes[at + 1], b' ' | b'\t'),
            '#' => at > 0 && bytes[at - 1] == b' ',
            '$' => at > 0 && rest[at..].starts_with("${"),
            _ => false,
        };
        if ends {
            length = at;
            break;
        }
    }
    let length = length.max(rest.chars().next().map_or(1, char::len_utf8));
    let text = rest[..length].trim_end();
    let end = text.len().max(rest.chars().next().map_or(1, char::len_utf8));
    if before_colon(&rest[length.min(rest.len())..]) && fresh {
        return (if text == "<<" { Token::Reference } else { Token::Key }, end);
    }
    let token = match text {
        "true" | "false" | "yes" | "no" | "on" | "off" | "null" | "~" | "True" | "False" | "Yes" | "No"
        | "On" | "Off" | "TRUE" | "FALSE" | "YES" | "NO" | "ON" | "OFF" | "Null" | "NULL" => Token::Word,
        _ if fresh && is_number(text) => Token::Number,
        _ => Token::Plain,
    };
    (token, end)
}

fn is_number(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '+' || c == '.')
        && text.contains(|c: char| c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_hexdigit() || "._+-xo:/".contains(c))
}

fn before_colon(rest: &str) -> bool {
    let rest = rest.trim_start_matches([' ', '\t']);
    rest.strip_prefix(':').is_some_and(|after| after.is_empty() || after.starts_with([' ', '\t']))
}

fn quoted(rest: &str, quote: char) -> usize {
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c == '\\' && quote == '"' {
            chars.next();
        } else if c == quote && quote == '\'' && chars.peek().is_some_and(|(_, next)| *next == quote) {
            // Doubled, a single quote stands for itself.
            chars.next();
        } else if c == quote {
            return at + 1;
        }
    }
    rest.len()
}

fn until(rest: &str, ends: impl Fn(char) -> bool) -> usize {
    rest.find(ends).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(line: &str) -> String {
        let pieces = tokens(line);
        assert_eq!(pieces.iter().map(|(_, text)| *text).collect::<String>(), line, "nothing is lost");
        let shown = pieces.iter().filter(|(token, _)| *token != Token::Plain);
        shown.map(|(token, text)| format!("{token:?}({text})")).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn lines_of_an_inventory_are_coloured() {
        let cases = [
            ("all:", "Key(all) Mark(:)"),
            (
                "  10.10.10.11: { pg_seq: 1, pg_role: primary } # one",
                "Key(10.10.10.11) Mark(:) Mark({) Key(pg_seq) Mark(:) Number(1) Mark(,) Key(pg_role) Mark(:) Mark(}) Comment(# one)",
            ),
            ("  - name: \"a: b\"", "Mark(-) Key(name) Mark(:) Text(\"a: b\")"),
            ("on: yes", "Key(on) Mark(:) Word(yes)"),
            ("<<: *base", "Reference(<<) Mark(:) Reference(*base)"),
            ("url: http://${admin_ip}:80", "Key(url) Mark(:) Placeholder(${admin_ip})"),
            ("'it''s': 0644", "Key('it''s') Mark(:) Number(0644)"),
            ("text: |", "Key(text) Mark(:) Mark(|)"),
        ];
        for (line, expect) in cases {
            let got = written(line);
            assert_eq!(got, expect, "{line}");
        }
    }

    #[test]
    fn no_line_is_lost_or_panics() {
        for line in
            ["", "\"", "'", "{{", "${", "é: ü", "\\", "- - -", ":::", "a#b # c", "\u{1f600}", "\"\\", "[[{,"]
        {
            written(line);
        }
    }
}
