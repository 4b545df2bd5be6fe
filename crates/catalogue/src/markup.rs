//! Text within HTML that is written as text.

/// The text with what has a meaning between tags, or between an attribute's double quotes, escaped.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for sign in text.chars() {
        match sign {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            _ => out.push(sign),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn nothing_of_a_text_is_markup() {
        assert_eq!(escaped("a <b title=\"&\">"), "a &lt;b title=&quot;&amp;&quot;&gt;");
    }
}
