//! String literals of Rust.

/// What a string literal says, from its source: `"a\nb"`, `r#"a"#`. `None` for every other literal.
pub fn text(literal: &str) -> Option<String> {
    if let Some(raw) = literal.strip_prefix('r') {
        let hashes = raw.bytes().take_while(|byte| *byte == b'#').count();
        let inner = raw.get(hashes..raw.len().checked_sub(hashes)?)?;
        return Some(inner.strip_prefix('"')?.strip_suffix('"')?.to_owned());
    }
    let inner = literal.strip_prefix('"')?.strip_suffix('"')?;
    let mut said = String::with_capacity(inner.len());
    let mut signs = inner.chars().peekable();
    while let Some(sign) = signs.next() {
        if sign != '\\' {
            said.push(sign);
            continue;
        }
        match signs.next()? {
            'n' => said.push('\n'),
            'r' => said.push('\r'),
            't' => said.push('\t'),
            '0' => said.push('\0'),
            'x' => {
                let code: String = signs.by_ref().take(2).collect();
                said.push(char::from(u8::from_str_radix(&code, 16).ok()?));
            }
            'u' => {
                let code: String = signs.by_ref().skip(1).take_while(|sign| *sign != '}').collect();
                said.push(char::from_u32(u32::from_str_radix(&code.replace('_', ""), 16).ok()?)?);
            }
            '\n' => while signs.next_if(|sign| sign.is_whitespace()).is_some() {},
            other => said.push(other),
        }
    }
    Some(said)
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn literals_say_what_rust_makes_of_them() {
        let cases = [
            (r#""plain""#, Some("plain")),
            (r#""a \"b\" \\ \u{2013} \x41\t""#, Some("a \"b\" \\ – A\t")),
            ("\"first \\\n      second\"", Some("first second")),
            (r##"r#"raw \n "inside""#"##, Some("raw \\n \"inside\"")),
            (r#"r"raw""#, Some("raw")),
            ("'a'", None),
            ("1_000", None),
            (r#"b"bytes""#, None),
        ];
        for (literal, expect) in cases {
            assert_eq!(text(literal).as_deref(), expect, "{literal}");
        }
    }
}
