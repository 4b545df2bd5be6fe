//! `site WASM STYLE OUT`: makes `OUT/pkg` from the compiled browser half and the style sheets.
//!
//! wasm-bindgen as a library rather than its command line: compiling that tool takes longer than the product,
//! and here the lock file keeps both halves of wasm-bindgen at one version. File names carry a hash of their
//! content, so that browsers keep them for ever; `manifest.json` says which names are current:
//! `{"js": "paddock.<hash>.js", "wasm": "paddock.<hash>.wasm", "css": "paddock.<hash>.css", …}`. The WASM is cut into what
//! every page needs and what some need ([`split`]); a first load above its bound is an error ([`budget`]).
#![expect(clippy::print_stdout, reason = "a command line tool talks through it")]

mod budget;
mod lean;
mod order;
mod split;

use anyhow::{Context, Result, bail};
use budget::{Loads, Written};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use wasm_bindgen_cli_support::Bindgen;

fn main() -> Result<()> {
    let args: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [wasm, style, out] = args.as_slice() else {
        bail!("usage: site WASM STYLE OUT");
    };
    let raw = fs::read(wasm).with_context(|| format!("cannot read {}", wasm.display()))?;
    let css = style_sheet(style)?;
    // This tool's own version is part of what the result depends on.
    let tool = fs::read(std::env::current_exe()?)?;
    let stamp = hash(&[raw.as_slice(), css.as_bytes(), &tool].concat());
    let pkg = out.join("pkg");
    let stamp_file = out.join("stamp");
    if fs::read_to_string(&stamp_file).is_ok_and(|then| then == stamp) && pkg.join("manifest.json").exists() {
        println!("the site is current");
        return Ok(());
    }
    // Made aside and renamed: a server that reads meanwhile sees the old site or the new one.
    let new = out.join("pkg.new");
    remove(&new)?;
    fs::create_dir_all(&new)?;
    let loads = make(&raw, &css, &new)?;
    remove(&pkg)?;
    fs::rename(&new, &pkg).with_context(|| format!("cannot put the site at {}", pkg.display()))?;
    println!("{loads}");
    // The site is there all the same, to be looked at; it is not current until it keeps to the bound.
    loads.check()?;
    fs::write(stamp_file, stamp)?;
    Ok(())
}

fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}

fn make(raw: &[u8], css: &str, to: &Path) -> Result<Loads> {
    let cut = split::cut(raw)?;
    let mut bindgen = Bindgen::new();
    bindgen.web(true)?.typescript(false).omit_default_module_path(true);
    bindgen.remove_name_section(true).remove_producers_section(true);
    // The parts are bound to what the linker exports.
    bindgen.keep_lld_exports(true);
    let mut output = bindgen.input_bytes("paddock", cut.main).generate_output()?;
    // Their names carry a hash already, and the script imports them by these names.
    for (identifier, list) in output.snippets() {
        for (n, text) in list.iter().enumerate() {
            put(to, &format!("snippets/{identifier}/inline{n}.js"), text.as_bytes())?;
        }
    }
    for (path, text) in output.local_modules() {
        put(to, &format!("snippets/{path}"), text.as_bytes())?;
    }
    let named = |ending: &str, content: &[u8]| {
        put(to, &format!("paddock.{}.{ending}", &hash(content)[..16]), content)
    };
    let js = lean::script(output.js());
    let imports = &mut output.wasm_mut().imports;
    let names = lean::short_names(&js, imports.iter().map(|import| import.name.as_str()));
    for import in imports.iter_mut() {
        if let Some(short) = names.get(&import.name) {
            import.name.clone_from(short);
        }
    }
    let wasm = named("wasm", &order::ordered(&output.wasm_mut().emit_wasm())?)?;
    let css = named("css", lean::sheet(css).as_bytes())?;
    let mut files = BTreeMap::new();
    for (stem, content) in &cut.files {
        files.insert(stem.as_str(), named("wasm", &order::ordered(content)?)?);
    }
    let loader = lean::script(&cut.loader);
    let [js, loader] = scripts(&lean::renamed(&js, &names), loader, &files, to)?;
    let of_part = |stems: Vec<String>| stems.iter().map(|stem| files[stem.as_str()].clone()).collect();
    let parts: BTreeMap<String, Vec<Written>> =
        cut.parts.into_iter().map(|(part, stems)| (part, of_part(stems))).collect();
    let names = |files: &Vec<Written>| files.iter().map(|file| file.name.clone()).collect::<Vec<_>>();
    let manifest = json!({
        "js": js.name,
        "loader": loader.name,
        "wasm": wasm.name,
        "css": css.name,
        "parts": parts.iter().map(|(part, files)| (part, names(files))).collect::<BTreeMap<_, _>>(),
        "first_load": budget::FIRST_LOAD,
    });
    fs::write(to.join("manifest.json"), format!("{manifest:#}\n"))?;
    Ok(Loads { first: vec![js, loader, wasm, css], parts })
}

/// Writes wasm-bindgen's module and the loader of the parts.
///
/// They import each other, so neither can carry the hash of a text that has the other's name in it: both carry that of both
/// texts before. Only what follows `from` is a module's address; in the list of what the WASM imports its name stays.
fn scripts(js: &str, loader: String, files: &BTreeMap<&str, Written>, to: &Path) -> Result<[Written; 2]> {
    let named = |text: String, (stem, file): (&&str, &Written)| {
        text.replace(&format!("\"./{stem}.wasm\""), &format!("\"./{}\"", file.name))
    };
    let loader = files.iter().fold(loader, named);
    let both = &hash([js, &loader].concat().as_bytes())[..16];
    let (js_name, loader_name) = (format!("paddock.{both}.js"), format!("paddock.loader.{both}.js"));
    let led = |text: &str, from: &str, to: &str| {
        text.replace(&format!("from \"{from}\""), &format!("from \"./{to}\""))
    };
    Ok([
        put(to, &js_name, led(js, split::LOADER, &loader_name).as_bytes())?,
        put(to, &loader_name, led(&loader, split::SCRIPT, &js_name).as_bytes())?,
    ])
}

/// Writes a file with its brotli and gzip copies beside it.
fn put(folder: &Path, name: &str, content: &[u8]) -> Result<Written> {
    let path = folder.join(name);
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))?;
    let brotli = brotli_of(content)?;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(content)?;
    fs::write(folder.join(format!("{name}.br")), &brotli)?;
    fs::write(folder.join(format!("{name}.gz")), gzip.finish()?)?;
    Ok(Written { name: name.to_owned(), plain: content.len(), brotli: brotli.len() })
}

fn brotli_of(content: &[u8]) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    let options = brotli::enc::BrotliEncoderParams { quality: 11, lgwin: 22, ..Default::default() };
    brotli::BrotliCompress(&mut &content[..], &mut out, &options)?;
    Ok(out)
}

/// All style sheets as one: tokens, base, then the components by name.
fn style_sheet(folder: &Path) -> Result<String> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "css") {
            names.push(path);
        }
    }
    names.sort_by_key(|path| (rank(path), path.clone()));
    let mut css = String::new();
    for path in names {
        css += &fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        css.push('\n');
    }
    Ok(css)
}

fn rank(path: &Path) -> u8 {
    match path.file_stem().and_then(|stem| stem.to_str()) {
        Some("tokens") => 0,
        Some("base") => 1,
        _ => 2,
    }
}

fn hash(content: &[u8]) -> String {
    Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_come_first_then_base_then_the_rest_by_name() {
        let mut paths: Vec<PathBuf> = ["b.css", "base.css", "a.css", "tokens.css"].map(PathBuf::from).into();
        paths.sort_by_key(|path| (rank(path), path.clone()));
        assert_eq!(paths, ["tokens.css", "base.css", "a.css", "b.css"].map(PathBuf::from));
    }

    #[test]
    fn a_hash_is_the_content_s() {
        assert_eq!(&hash(b"abc")[..16], "ba7816bf8f01cfea");
    }
}
