//! Scripts and style sheets without what only people read, and short names between the main WASM and its script.

use std::collections::BTreeMap;

/// A script without indentation and comments that have lines of their own. One with a text over several lines stays as it is:
/// spaces could be part of it.
pub fn script(js: &str) -> String {
    if js.lines().any(|line| line.matches('`').count() % 2 == 1) {
        return js.to_owned();
    }
    without_comments(js).filter(|line| !line.starts_with("//")).fold(String::new(), |mut out, line| {
        out += line;
        out.push('\n');
        out
    })
}

/// A style sheet without indentation, line breaks and comments.
pub fn sheet(css: &str) -> String {
    without_comments(css).fold(String::new(), |mut out, line| {
        let line = match line.strip_suffix('{') {
            Some(selector) => format!("{}{{", selector.trim_end()),
            None => line.to_owned(),
        };
        let ends = out.ends_with(['{', '}', ';', ',']) || out.is_empty();
        // The last declaration of a block needs no end.
        if line.starts_with('}') && out.ends_with(';') {
            out.pop();
        } else if !ends && !line.starts_with('}') {
            out.push(' ');
        }
        out += &line;
        out
    })
}

/// Lines without spaces around them, empty ones, and comments that begin a line and end one.
fn without_comments(text: &str) -> impl Iterator<Item = &str> {
    let mut within = false;
    text.lines().map(str::trim).filter(move |line| {
        let begins = !within && line.starts_with("/*");
        let comment = within || begins && line.find("*/").is_none_or(|end| end + 2 == line.len());
        within = comment && !line.ends_with("*/");
        !comment && !line.is_empty()
    })
}

/// Short names for what the WASM imports of its script, by the long ones. `js` has them as keys of one object.
pub fn short_names<'a>(js: &str, long: impl Iterator<Item = &'a str>) -> BTreeMap<String, String> {
    let once = |name: &&str| js.matches(&format!("\n{name}: ")).count() == 1;
    long.filter(once).enumerate().map(|(at, name)| (name.to_owned(), format!("${at}"))).collect()
}

/// The script with those names.
pub fn renamed(js: &str, names: &BTreeMap<String, String>) -> String {
    let mut out = String::with_capacity(js.len());
    for line in js.lines() {
        let short = line.split_once(": ").and_then(|(name, rest)| Some((names.get(name)?, rest)));
        match short {
            Some((short, rest)) => out.extend([short, ":", rest]),
            None => out += line,
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_loses_what_people_read() {
        let js =
            "  // Why.\n/**\n * @returns {number}\n */\nget a() {\n    return `b`; // c\n}\n/* x */ d();\n";
        assert_eq!(script(js), "get a() {\nreturn `b`; // c\n}\n/* x */ d();\n");
        let text = "a = `\n  b`;\n";
        assert_eq!(script(text), text);
    }

    #[test]
    fn a_sheet_loses_breaks_and_keeps_selectors() {
        let css = "/* Why:\n   so. */\na :hover,\nb {\n  color: red;\n  margin: 0 calc(1px\n    + 2px);\n}\n\n@media (x) {\n  c { d: e; }\n}\n";
        assert_eq!(sheet(css), "a :hover,b{color: red;margin: 0 calc(1px + 2px)}@media (x){c { d: e; }}");
    }

    #[test]
    fn names_are_shortened_where_they_are_keys_and_nowhere_else() {
        let js = "imports = {\n__wbg_a_1: function() {\nb: 1,\n},\n__wbg_c_2: d,\n};\nx.__wbg_c_2();\n";
        let names = short_names(js, ["__wbg_a_1", "__wbg_c_2", "__wbg_none_3"].into_iter());
        assert_eq!(
            renamed(js, &names),
            "imports = {\n$0:function() {\nb: 1,\n},\n$1:d,\n};\nx.__wbg_c_2();\n"
        );
    }
}
