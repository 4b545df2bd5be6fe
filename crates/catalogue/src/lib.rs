//! Strings that people read: where the sources say them, and what they are in another language.
//!
//! One look for two users: the macros of `paddock-tongue`, which put translations in while the pages are compiled, and
//! `cargo xtask words`, which lists what there is to translate. So it leans on `std`, and knows as much of Rust as
//! finding strings needs. It reads no files.

mod catalogue;
mod lexer;
mod literal;
mod markup;
mod placeholder;
mod plural;
mod pseudo;
mod sources;
mod walk;

pub use catalogue::{Catalogue, CatalogueError, Entry, is_read};
pub use lexer::{Tree, What, trees};
pub use literal::text;
pub use markup::escaped;
pub use placeholder::placeholders;
pub use plural::{Form, Rule, rule};
pub use pseudo::pseudo;
pub use sources::{Found, Way, strings};
pub use walk::{Piece, READ, Walk};
