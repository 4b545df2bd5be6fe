//! Colours of terminals, as far as a page shows them.

use paddock_events::{found, plain, sequence};

/// A piece of a line that looks one way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    pub text: String,
    /// Classes of the style sheet; empty: as the line.
    pub class: String,
    /// It is what was sought.
    pub hit: bool,
}

/// What escape sequences have asked for so far.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Look {
    colour: Option<&'static str>,
    bold: bool,
    faint: bool,
    underlined: bool,
}

impl Look {
    fn class(self) -> String {
        let words = [
            self.colour.unwrap_or_default(),
            if self.bold { "bold" } else { "" },
            if self.faint { "grey" } else { "" },
            if self.underlined { "underlined" } else { "" },
        ];
        words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
    }

    /// Takes the parameters of a "select graphic rendition" (ECMA-48, 8.3.117). Backgrounds are left out: which colours can
    /// be read on which, only a terminal's owner knows.
    fn take(&mut self, parameters: &str) {
        let mut numbers = parameters.split([';', ':']).map(|number| number.parse::<u16>().unwrap_or(0));
        while let Some(number) = numbers.next() {
            match number {
                0 => *self = Self::default(),
                1 => self.bold = true,
                2 => self.faint = true,
                4 => self.underlined = true,
                22 => (self.bold, self.faint) = (false, false),
                24 => self.underlined = false,
                30..=37 => self.colour = basic(number - 30),
                90..=97 => self.colour = if number == 90 { Some("grey") } else { basic(number - 90) },
                39 => self.colour = None,
                38 | 48 => {
                    let colour = match numbers.next() {
                        Some(5) => numbers.next().and_then(indexed),
                        Some(2) => {
                            let mut part = || numbers.next().unwrap_or(0);
                            mixed(part() / 43, part() / 43, part() / 43)
                        }
                        _ => None,
                    };
                    if number == 38 {
                        self.colour = colour;
                    }
                }
                _ => {}
            }
        }
    }
}

/// The eight colours of old; black and white are the page's ink.
fn basic(number: u16) -> Option<&'static str> {
    ["", "red", "green", "yellow", "blue", "magenta", "cyan", ""]
        .get(usize::from(number))
        .copied()
        .filter(|name| !name.is_empty())
}

/// One of 256: sixteen basic ones, a cube of 6 × 6 × 6, greys.
fn indexed(number: u16) -> Option<&'static str> {
    match number {
        8 | 232..=250 => Some("grey"),
        0..16 => basic(number % 8),
        16..232 => mixed((number - 16) / 36, (number - 16) / 6 % 6, (number - 16) % 6),
        _ => None,
    }
}

/// The nearest basic colour; each part is at most 5.
fn mixed(red: u16, green: u16, blue: u16) -> Option<&'static str> {
    let most = red.max(green).max(blue);
    if red == green && green == blue {
        return (most > 0 && most < 5).then_some("grey");
    }
    let strong = |part: u16, bit: u16| if 2 * part > most { bit } else { 0 };
    basic(strong(red, 1) + strong(green, 2) + strong(blue, 4))
}

/// A line in pieces: by colour, and by what is sought in it.
pub fn pieces(line: &str, find: &str) -> Vec<Piece> {
    let shown = plain(line);
    let mut hits = Vec::new();
    if !find.is_empty() {
        let mut from = 0;
        while let Some(at) = shown.get(from..).and_then(|rest| self::found(rest, find)) {
            hits.push((from + at, from + at + find.len()));
            from += at + find.len();
        }
    }
    // Where it was found between bytes of one letter, the letter counts.
    hits.retain(|(from, to)| shown.is_char_boundary(*from) && shown.is_char_boundary(*to));
    let mut out: Vec<Piece> = Vec::new();
    let mut look = Look::default();
    let (mut rest, mut at) = (line, 0);
    while !rest.is_empty() {
        if rest.starts_with('\u{1b}') {
            let (escape, after) = rest.split_at(sequence(rest));
            if let Some(parameters) = escape.strip_prefix("\u{1b}[").and_then(|inner| inner.strip_suffix('m'))
            {
                look.take(parameters);
            }
            rest = after;
            continue;
        }
        let end = rest.find('\u{1b}').unwrap_or(rest.len());
        let (text, after) = rest.split_at(end);
        cut(text, at, &hits, look, &mut out);
        (rest, at) = (after, at + end);
    }
    out
}

/// Adds a text that begins at `at` of the line, cut where hits begin and end.
fn cut(text: &str, at: usize, hits: &[(usize, usize)], look: Look, out: &mut Vec<Piece>) {
    let mut from = 0;
    while from < text.len() {
        let here = at + from;
        let hit = hits.iter().find(|(_, to)| *to > here);
        let (to, is_hit) = match hit {
            Some((begin, to)) if *begin <= here => (*to, true),
            Some((begin, _)) => (*begin, false),
            None => (usize::MAX, false),
        };
        let to = (to.saturating_sub(at)).min(text.len());
        out.push(Piece { text: text[from..to].to_owned(), class: look.class(), hit: is_hit });
        from = to;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(line: &str, find: &str) -> String {
        let one = |piece: Piece| {
            let text = if piece.hit { format!("<{}>", piece.text) } else { piece.text };
            if piece.class.is_empty() { text } else { format!("{{{}:{text}}}", piece.class) }
        };
        pieces(line, find).into_iter().map(one).collect()
    }

    #[test]
    fn colours_become_classes_and_hits_are_marked_across_them() {
        for (line, find, expected) in [
            ("plain", "", "plain"),
            ("", "x", ""),
            ("\u{1b}[1;31mError\u{1b}[0m: x", "", "{red bold:Error}: x"),
            ("\u{1b}[1;31mErr\u{1b}[0mor: Error", "error", "{red bold:<Err>}<or>: <Error>"),
            (
                "a\u{1b}[38;5;196mb\u{1b}[38;5;244mc\u{1b}[38;2;10;200;10md\u{1b}[39me",
                "",
                "a{red:b}{grey:c}{green:d}e",
            ),
            ("\u{1b}[41;37mwhite on red\u{1b}[m", "", "white on red"),
            ("\u{1b}[48;5;1;4mx\u{1b}[24my", "", "{underlined:x}y"),
            ("\u{1b}]0;evil\u{7}\u{1b}[2Jx", "", "x"),
            ("aaa", "aa", "<aa>a"),
            ("ü and Ü", "ü", "<ü> and Ü"),
            ("\u{1b}[94mblue\u{1b}[90mgrey\u{1b}[2;22mback", "", "{blue:blue}{grey:grey}{grey:back}"),
        ] {
            assert_eq!(told(line, find), expected, "{line:?}");
        }
    }
}
