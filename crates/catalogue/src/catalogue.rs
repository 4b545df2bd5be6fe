//! A file of translations: English text to text of one language.

use crate::placeholder::placeholders;
use crate::plural::{Form, rule};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::{self, Display};

/// What a catalogue says for an English text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// Of a text, a format string's placeholders included.
    Text(String),
    /// Of a counted noun, by form: `{"one": "{n} Schritt", "other": "{n} Schritte"}`.
    Forms(Vec<(Form, String)>),
}

/// All translations into one language, checked for themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Catalogue {
    /// ISO 639, with a region where that matters: `de`, `pt-BR`.
    pub code: String,
    /// By English text, without blanks around it.
    pub entries: BTreeMap<String, Entry>,
}

/// What is wrong with a catalogue, or with one of its entries where it is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogueError {
    code: String,
    entry: Option<String>,
    what: String,
}

impl Display for CatalogueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "languages/{}.json", self.code)?;
        if let Some(entry) = &self.entry {
            write!(f, ", entry {entry:?}")?;
        }
        write!(f, ": {}", self.what)
    }
}

impl Error for CatalogueError {}

/// Whether a text has something to translate: a letter outside of its placeholders.
pub fn is_read(text: &str) -> bool {
    let mut within = false;
    text.chars().any(|sign| {
        match sign {
            '{' => within = true,
            '}' => within = false,
            _ => {}
        }
        !within && sign.is_alphabetic()
    })
}

impl Catalogue {
    /// Reads a file's text: an object of `"English": "translation"`, and of `"English": {form: "translation"}` for counted
    /// nouns. Errs at the first entry that is neither, or that lacks a form of its language or has one too many.
    pub fn parse(code: &str, json: &str) -> Result<Self, CatalogueError> {
        let mut catalogue = Self { code: code.to_owned(), entries: BTreeMap::new() };
        let read: Map<String, Value> =
            serde_json::from_str(json).map_err(|error| catalogue.wrong(None, error.to_string()))?;
        for (english, value) in read {
            let entry = match value {
                _ if english.trim() != english => {
                    return Err(
                        catalogue.wrong(Some(&english), "the English text has blanks around it".into())
                    );
                }
                Value::String(text) => Entry::Text(text),
                Value::Object(forms) => Entry::Forms(catalogue.forms(&english, &forms)?),
                _ => {
                    let what = "neither a text nor an object of forms".into();
                    return Err(catalogue.wrong(Some(&english), what));
                }
            };
            catalogue.entries.insert(english, entry);
        }
        Ok(catalogue)
    }

    fn forms(
        &self,
        english: &str,
        given: &Map<String, Value>,
    ) -> Result<Vec<(Form, String)>, CatalogueError> {
        let wrong = |what| self.wrong(Some(english), what);
        let rule = rule(&self.code).ok_or_else(|| {
            wrong(format!("crates/catalogue/src/plural.rs has no rule for `{}`", self.code))
        })?;
        let forms = rule.forms().map(|form| {
            let text = given.get(form.name()).and_then(Value::as_str);
            let text = text.ok_or_else(|| wrong(format!("the form `{}` is missing", form.name())))?;
            // One need not say its number: `ein Schritt`.
            let found = placeholders(text);
            if found.iter().any(|name| name != "n") || (found.is_empty() && form != Form::One) {
                return Err(wrong(format!("the form `{}` has other placeholders than {{n}}", form.name())));
            }
            Ok((form, text.to_owned()))
        });
        let forms = forms.collect::<Result<Vec<_>, _>>()?;
        match given.keys().find(|name| forms.iter().all(|(form, _)| form.name() != name.as_str())) {
            Some(name) => Err(wrong(format!("`{}` has no form `{name}`", self.code))),
            None => Ok(forms),
        }
    }

    /// The translation of a text, with the blanks that stand around the English; `None` when there is none.
    pub fn text(&self, english: &str) -> Result<Option<String>, CatalogueError> {
        let key = english.trim();
        match self.entries.get(key) {
            None => Ok(None),
            Some(Entry::Text(text)) => Ok(Some(english.replacen(key, text, 1))),
            Some(Entry::Forms(_)) => Err(self.wrong(Some(key), "a text needs one text, not forms".into())),
        }
    }

    /// The translation of a format string. Errs when its placeholders are not those of the English.
    pub fn format(&self, english: &str) -> Result<Option<String>, CatalogueError> {
        let Some(text) = self.text(english)? else { return Ok(None) };
        let (expect, found) = (placeholders(english), placeholders(&text));
        let named = |one: &std::collections::BTreeSet<String>, other| {
            one.difference(other).map(|name| format!("{{{name}}}")).collect::<Vec<_>>().join(", ")
        };
        let (lost, more) = (named(&expect, &found), named(&found, &expect));
        match (lost.as_str(), more.as_str()) {
            ("", "") => Ok(Some(text)),
            (lost, "") => Err(self.wrong(Some(english.trim()), format!("{lost} is lost"))),
            ("", more) => Err(self.wrong(Some(english.trim()), format!("{more} is not in the English text"))),
            (lost, more) => {
                let what = format!("{lost} is lost, {more} is not in the English text");
                Err(self.wrong(Some(english.trim()), what))
            }
        }
    }

    /// The forms of a counted noun, the last one without a condition; `None` when there are none.
    pub fn count(&self, english: &str) -> Result<Option<&[(Form, String)]>, CatalogueError> {
        match self.entries.get(english) {
            None => Ok(None),
            Some(Entry::Forms(forms)) => Ok(Some(forms)),
            Some(Entry::Text(_)) => Err(self.wrong(Some(english), "a counted noun needs its forms".into())),
        }
    }

    fn wrong(&self, entry: Option<&str>, what: String) -> CatalogueError {
        CatalogueError { code: self.code.clone(), entry: entry.map(str::to_owned), what }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn german() -> Catalogue {
        let json = r#"{
            "Approve": "Genehmigen",
            "{given} of {needed} given": "{needed} nötig, {given} erteilt",
            "in {minutes:02} min": "in {minutes} min",
            "gone": "weg {why}",
            "{n} step": {"one": "ein Schritt", "other": "{n} Schritte"}
        }"#;
        Catalogue::parse("de", json).expect("a sound catalogue")
    }

    #[test]
    fn what_is_missing_stays_english_and_blanks_are_the_source_s() {
        let german = german();
        assert_eq!(german.text(" Approve ").expect("a text"), Some(" Genehmigen ".to_owned()));
        assert_eq!(german.text("Refuse"), Ok(None));
        assert_eq!(german.count("{n} host"), Ok(None));
        let forms = german.count("{n} step").expect("forms").expect("known");
        assert_eq!(forms, [(Form::One, "ein Schritt".to_owned()), (Form::Other, "{n} Schritte".to_owned())]);
    }

    #[test]
    fn a_translation_moves_placeholders_and_changes_none() {
        let german = german();
        let moved = german.format("{given} of {needed} given");
        assert_eq!(moved.expect("the same names").as_deref(), Some("{needed} nötig, {given} erteilt"));
        let cases = [
            ("in {minutes:02} min", "{minutes:02} is lost, {minutes} is not in the English text"),
            ("gone", "{why} is not in the English text"),
            ("{n} step", "a text needs one text, not forms"),
        ];
        for (english, expect) in cases {
            let error = german.format(english).expect_err(english).to_string();
            assert_eq!(error, format!("languages/de.json, entry {english:?}: {expect}"));
        }
        assert!(german.count("Approve").is_err());
    }

    #[test]
    fn a_catalogue_is_checked_as_it_is_read() {
        let cases = [
            ("de", r#"{"a": 1}"#, "entry \"a\": neither a text nor an object of forms"),
            ("de", r#"{" a": "b"}"#, "entry \" a\": the English text has blanks around it"),
            ("de", r#"{"{n} a": {"one": "{n} A"}}"#, "entry \"{n} a\": the form `other` is missing"),
            ("ja", r#"{"{n} a": {"one": "1", "other": "{n}"}}"#, "entry \"{n} a\": `ja` has no form `one`"),
            (
                "ja",
                r#"{"{n} a": {"other": "{m}"}}"#,
                "entry \"{n} a\": the form `other` has other placeholders than {n}",
            ),
            (
                "xx",
                r#"{"{n} a": {"other": "{n}"}}"#,
                "entry \"{n} a\": crates/catalogue/src/plural.rs has no rule for `xx`",
            ),
        ];
        for (code, json, expect) in cases {
            let error = Catalogue::parse(code, json).expect_err(json).to_string();
            assert_eq!(error, format!("languages/{code}.json, {expect}"));
        }
        assert!(Catalogue::parse("de", "[").is_err());
    }

    #[test]
    fn only_letters_are_translated() {
        for (text, expect) in [("a", true), (" · ", false), ("{n}", false), ("{n} s", true), ("1/2", false)]
        {
            assert_eq!(is_read(text), expect, "{text}");
        }
    }
}
