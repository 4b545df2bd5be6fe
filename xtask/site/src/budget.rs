//! How much a browser may have to load before the landing page lives, and the table that says what it does load.

use anyhow::{Result, bail};
use std::collections::BTreeMap;
use std::fmt::{self, Display};

/// Bytes, with brotli, of all that the landing page loads: both scripts, the main WASM, the style sheet.
///
/// As much comes in under a second over 2 Mbit/s, and whoever is on call opens this page on a phone, in a train. The files here
/// and the heads of their answers count, and the style sheet as if it were a file: it comes in the page. The end-to-end test
/// reads the bound from the manifest and holds what a browser really fetches against it.
pub const FIRST_LOAD: usize = 212_000;

/// A file that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Below `/pkg/`.
    pub name: String,
    /// Its size in bytes.
    pub plain: usize,
    /// The size of its brotli copy in bytes.
    pub brotli: usize,
}

/// What browsers load of a site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loads {
    /// For the landing page, and so for every page.
    pub first: Vec<Written>,
    /// Beside it for a page of a part, by part; parts share files.
    pub parts: BTreeMap<String, Vec<Written>>,
}

fn brotli(files: &[Written]) -> usize {
    files.iter().map(|file| file.brotli).sum()
}

impl Loads {
    /// Errs when the landing page loads more than [`FIRST_LOAD`].
    pub fn check(&self) -> Result<()> {
        let sum = brotli(&self.first);
        if sum > FIRST_LOAD {
            bail!(
                "the landing page loads {sum} bytes, {FIRST_LOAD} are the bound: what does its main file hold that a page \
                 of `app/src/pages/lazy.rs` could bring? See docs/decisions/0026"
            );
        }
        Ok(())
    }
}

impl Display for Loads {
    /// A table of all sizes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:>9} {:>9}", "bytes", "brotli")?;
        let mut files = |what: &str, files: &[Written]| {
            writeln!(f, "{:>9} {:>9}  {what}", "", brotli(files))?;
            files
                .iter()
                .try_for_each(|file| writeln!(f, "{:>9} {:>9}  - {}", file.plain, file.brotli, file.name))
        };
        files(&format!("first load, of {FIRST_LOAD} at most"), &self.first)?;
        self.parts.iter().try_for_each(|(part, of_part)| files(&format!("more for {part}"), of_part))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(brotli: usize) -> Written {
        Written { name: "paddock.0.wasm".into(), plain: 3 * brotli, brotli }
    }

    #[test]
    fn a_first_load_above_the_bound_is_an_error_and_parts_do_not_count() {
        let parts = BTreeMap::from([("cluster".to_owned(), vec![file(FIRST_LOAD)])]);
        let mut loads = Loads { first: vec![file(FIRST_LOAD / 2); 2], parts };
        assert!(loads.check().is_ok());
        loads.first.push(file(1));
        assert!(loads.check().is_err());
    }
}
