//! Cuts the compiled browser half apart where the app says `wasm_split`: the main file, and what is loaded on demand.

use anyhow::{Context, Result, anyhow};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use wasm_split_cli_support::{Options, transform};

/// The module that loads parts, as the main file imports it before names carry hashes.
pub const LOADER: &str = "./loader.js";
/// wasm-bindgen's module, as the loader imports it before names carry hashes.
pub const SCRIPT: &str = "./script.js";

/// What came of one file.
#[derive(Debug)]
pub struct Cut {
    /// What is always loaded; for wasm-bindgen to finish.
    pub main: Vec<u8>,
    /// The module that loads the others; it names them `./<stem>.wasm`.
    pub loader: String,
    /// The others by stem.
    pub files: BTreeMap<String, Vec<u8>>,
    /// Stems by the app's name for a part: all that must be loaded before its code runs.
    pub parts: BTreeMap<String, Vec<String>>,
}

/// Cuts `wasm`, which must have been linked with `--emit-relocs`.
pub fn cut(wasm: &[u8]) -> Result<Cut> {
    let folder = tempfile::tempdir()?;
    let main = folder.path().join("main.wasm");
    let mut options = Options::new(wasm);
    options.output_dir = folder.path();
    options.main_out_path = &main;
    options.link_name = LOADER;
    options.main_module = SCRIPT;
    let split = transform(options).map_err(|error| anyhow!("cannot split the WASM: {error:#}"))?;
    let parts: BTreeMap<String, Vec<String>> = split.prefetch_map.into_iter().collect();
    let stems: BTreeSet<&String> = parts.values().flatten().collect();
    let mut files = BTreeMap::new();
    for stem in stems {
        let path = folder.path().join(format!("{stem}.wasm"));
        let file = fs::read(&path).with_context(|| format!("no part {}", path.display()))?;
        files.insert(stem.clone(), without_notes(&file)?);
    }
    let loader = fs::read_to_string(folder.path().join(LOADER))?;
    Ok(Cut { main: fs::read(&main)?, loader, files, parts })
}

/// A WASM file without its custom sections: names and other notes that no browser needs.
fn without_notes(wasm: &[u8]) -> Result<Vec<u8>> {
    let (head, mut rest) = wasm.split_at_checked(8).context("a WASM file without a head")?;
    let mut out = head.to_vec();
    while let Some(&kind) = rest.first() {
        let (size, at) = unsigned(&rest[1..]).context("a section without a size")?;
        let (section, after) = rest.split_at_checked(1 + at + size).context("a section is cut off")?;
        if kind != 0 {
            out.extend(section);
        }
        rest = after;
    }
    Ok(out)
}

/// A number as WASM writes it (LEB128), and how many bytes it takes.
fn unsigned(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut value = 0;
    for (at, byte) in bytes.iter().enumerate().take(5) {
        value |= usize::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((value, at + 1));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &[u8] = b"\0asm\x01\0\0\0";

    #[test]
    fn custom_sections_go_and_all_others_stay() {
        // A type section of 1 byte, a custom one of 130, a code section of 1.
        let (first, last) = ([1, 1, 0], [10, 1, 0]);
        let custom = [[0, 0x82, 0x01].as_slice(), &[4], b"name", &[7; 125]].concat();
        let wasm = [HEAD, &first, &custom, &last].concat();
        assert_eq!(without_notes(&wasm).unwrap(), [HEAD, &first, &last].concat());
        assert!(without_notes(&wasm[..wasm.len() - 1]).is_err(), "cut off");
    }
}
