//! The language that this build speaks.

use crate::output::{compile_error, tokens};
use paddock_catalogue::Catalogue;
use proc_macro::{Span, TokenStream};
use std::path::PathBuf;
use std::sync::OnceLock;

const VARIABLE: &str = "PADDOCK_LANGUAGE";

/// What the macros speak.
pub enum Language {
    /// As it is written.
    English,
    /// As the catalogue has it.
    Other(Catalogue),
    /// The catalogue that was asked for cannot be had; why.
    Broken(String),
}

/// Read once: the compiler runs all macros of a crate in one process.
pub fn current() -> &'static Language {
    static LANGUAGE: OnceLock<Language> = OnceLock::new();
    LANGUAGE.get_or_init(|| match code() {
        None => Language::English,
        Some(code) => read(&code).map_or_else(Language::Broken, Language::Other),
    })
}

fn code() -> Option<String> {
    std::env::var(VARIABLE).ok().filter(|code| !code.is_empty() && code != "en")
}

/// Of the crate that is compiled.
fn path(code: &str) -> PathBuf {
    let root = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default();
    PathBuf::from(root).join("languages").join(format!("{code}.json"))
}

fn read(code: &str) -> Result<Catalogue, String> {
    let path = path(code);
    let json = std::fs::read_to_string(&path)
        .map_err(|error| format!("{VARIABLE} is `{code}`, but {} cannot be read: {error}", path.display()))?;
    Catalogue::parse(code, &json).map_err(|error| error.to_string())
}

/// The code as a literal. Cargo compiles the crate anew when the variable or the catalogue changes, since the compiler
/// sees both asked for.
pub fn mark() -> TokenStream {
    let variable = format!("const _: ::core::option::Option<&str> = ::core::option_env!({VARIABLE:?});");
    match current() {
        Language::English => tokens(&format!("{{ {variable} \"en\" }}")),
        Language::Other(catalogue) => {
            let path = path(&catalogue.code).display().to_string();
            let code = &catalogue.code;
            tokens(&format!("{{ {variable} const _: &[u8] = ::core::include_bytes!({path:?}); {code:?} }}"))
        }
        Language::Broken(error) => compile_error(error, Span::call_site()),
    }
}
