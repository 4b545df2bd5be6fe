//! Line ends. A browser's text field knows only `\n`; what was `\r\n` in the file must come back as it was.

/// The text as a text field holds it.
pub fn normal(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

/// Gives an edited text its line ends back: untouched lines at head and tail keep their own bytes, lines between
/// get the original's first kind.
pub fn restore(original: &str, edited: &str) -> String {
    if !original.contains('\r') {
        return edited.to_owned();
    }
    let old = lines(original);
    let new = lines(edited);
    let head = old.iter().zip(&new).take_while(|(a, b)| same(a, b)).count();
    let rest = old.len().min(new.len()) - head;
    let tail = old.iter().rev().zip(new.iter().rev()).take(rest).take_while(|(a, b)| same(a, b)).count();
    let end = if original.find("\r\n").is_some_and(|at| original.find('\n') == Some(at + 1)) {
        "\r\n"
    } else {
        "\n"
    };
    let mut out = old[..head].concat();
    for line in &new[head..new.len() - tail] {
        match line.strip_suffix('\n') {
            Some(bare) => out.extend([bare, end]),
            None => out.push_str(line),
        }
    }
    out + &old[old.len() - tail..].concat()
}

fn same(old: &str, new: &str) -> bool {
    let ended = |line: &str| line.ends_with(['\n', '\r']);
    old.trim_end_matches(['\r', '\n']) == new.trim_end_matches('\n') && ended(old) == ended(new)
}

/// Lines with their ends.
fn lines(text: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['\r', '\n']) {
        let (line, after) = rest.split_at(at + if rest[at..].starts_with("\r\n") { 2 } else { 1 });
        out.push(line);
        rest = after;
    }
    if !rest.is_empty() {
        out.push(rest);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_untouched_text_comes_back_byte_for_byte() {
        for text in ["", "a", "a\r\nb\r\n", "a\r\nb\nc\rd", "\r\n\r\n", "é\r\n", "a\n\r\nb"] {
            assert_eq!(restore(text, &normal(text)), text, "{text:?}");
        }
    }

    #[test]
    fn an_added_line_gets_the_file_s_line_end_and_its_neighbours_keep_theirs() {
        assert_eq!(restore("a\r\nb\nc\r\n", "a\nX\nb\nc\n"), "a\r\nX\r\nb\nc\r\n");
        assert_eq!(restore("a\nb\r\n", "a\nb\nX\n"), "a\nb\r\nX\n");
        assert_eq!(restore("a\r\nb", "a\nb\nc"), "a\r\nb\r\nc");
    }
}
