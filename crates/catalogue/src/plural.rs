//! Forms of nouns that are counted, as the Unicode CLDR has them for whole numbers.

/// A form of a counted noun, by CLDR's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    /// `1 step`; in Russian also 21 and 31.
    One,
    /// 2 to 4 in Slavic languages.
    Few,
    /// 5 and more there.
    Many,
    /// All that has no form of its own.
    Other,
}

impl Form {
    /// Its name in a catalogue.
    pub fn name(self) -> &'static str {
        match self {
            Self::One => "one",
            Self::Few => "few",
            Self::Many => "many",
            Self::Other => "other",
        }
    }
}

/// Which form a number takes in a language.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Forms with their conditions over `n`, as Rust; the first that holds counts.
    pub cases: &'static [(Form, &'static str)],
    /// The form of all other numbers.
    pub rest: Form,
    /// The same, to be asked.
    pub form: fn(usize) -> Form,
}

impl Rule {
    /// All forms that a catalogue of the language gives.
    pub fn forms(&self) -> impl Iterator<Item = Form> {
        self.cases.iter().map(|(form, _)| *form).chain([self.rest])
    }
}

/// From one text both halves of a rule.
macro_rules! forms {
    ($n:ident: $([$form:ident if $condition:expr],)* else $rest:ident) => {
        Rule {
            cases: &[$((Form::$form, stringify!($condition)),)*],
            rest: Form::$rest,
            form: |$n| {
                $(if $condition { return Form::$form; })*
                // Without conditions the number is not asked.
                let _ = $n;
                Form::$rest
            },
        }
    };
}

/// The rule of a language by its ISO 639 code; `None` when it has none here yet.
pub fn rule(code: &str) -> Option<Rule> {
    let language = code.split('-').next().unwrap_or(code);
    let rule = match language {
        "en" | "de" | "nl" | "sv" | "da" | "nb" | "fi" | "et" | "hu" | "tr" | "el" | "bg" | "it" | "es"
        | "ca" | "zz" => forms!(n: [One if n == 1], else Other),
        "fr" | "pt" => forms!(n: [One if n < 2], else Other),
        "ja" | "zh" | "ko" | "vi" | "th" | "id" => forms!(n: else Other),
        "cs" | "sk" => forms!(n: [One if n == 1], [Few if (2..=4).contains(&n)], else Other),
        "pl" => forms!(n:
            [One if n == 1],
            [Few if (2..=4).contains(&(n % 10)) && !(12..=14).contains(&(n % 100))],
            else Many),
        "ru" | "uk" => forms!(n:
            [One if n % 10 == 1 && n % 100 != 11],
            [Few if (2..=4).contains(&(n % 10)) && !(12..=14).contains(&(n % 100))],
            else Many),
        _ => return None,
    };
    Some(rule)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_take_the_forms_of_their_language() {
        let cases = [
            ("de", "0 other, 1 one, 2 other, 21 other"),
            ("pt-BR", "0 one, 1 one, 2 other, 21 other"),
            ("ja", "0 other, 1 other, 2 other, 21 other"),
            ("cs", "0 other, 1 one, 4 few, 5 other, 22 other"),
            ("pl", "0 many, 1 one, 2 few, 5 many, 12 many, 21 many, 22 few"),
            ("ru", "0 many, 1 one, 2 few, 5 many, 11 many, 21 one, 22 few, 112 many"),
        ];
        for (code, expect) in cases {
            let rule = rule(code).expect("a known language");
            for case in expect.split(", ") {
                let (n, form) = case.split_once(' ').expect("a number and a form");
                let n = n.parse().expect("a number");
                assert_eq!((rule.form)(n).name(), form, "{code}: {n}");
            }
        }
        assert!(rule("tlh").is_none());
    }

    #[test]
    fn conditions_are_text_of_rust() {
        let cases = rule("fr").expect("a known language").cases;
        assert_eq!(cases, [(Form::One, "n < 2")]);
    }
}
