//! From values to what a person reads: pure, no browser, tested natively.

pub mod ansi;
pub mod change;
pub mod ends;
pub mod estimate;
pub mod fleet;
pub mod fuzzy;
pub mod html;
pub mod member;
pub mod picture;
pub mod pitr;
pub mod shell;
pub mod size;
pub mod span;
pub mod spark;
pub mod time;
pub mod yaml;
