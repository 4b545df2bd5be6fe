//! Compressed JSON: plans, facts, outlines, batches of events.

use crate::StoreError;
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::{Read as _, Write as _};

fn damaged(what: &str, why: impl ToString) -> StoreError {
    StoreError::Damaged { what: what.to_owned(), why: why.to_string() }
}

pub(crate) fn pack_text(text: &str) -> Result<Vec<u8>, StoreError> {
    let mut encoder = ZlibEncoder::new(Vec::with_capacity(text.len() / 4 + 64), Compression::fast());
    encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish()).map_err(|error| damaged("text", error))
}

pub(crate) fn unpack_text(bytes: &[u8], what: &str) -> Result<String, StoreError> {
    let mut text = String::new();
    unpack_text_into(bytes, what, &mut text)?;
    Ok(text)
}

/// Replaces what is in `text`; its room is used again.
pub(crate) fn unpack_text_into(bytes: &[u8], what: &str, text: &mut String) -> Result<(), StoreError> {
    text.clear();
    ZlibDecoder::new(bytes).read_to_string(text).map(drop).map_err(|error| damaged(what, error))
}

pub(crate) fn pack<T: Serialize>(value: &T, what: &str) -> Result<Vec<u8>, StoreError> {
    pack_text(&serde_json::to_string(value).map_err(|error| damaged(what, error))?)
}

pub(crate) fn unpack<T: DeserializeOwned>(bytes: &[u8], what: &str) -> Result<T, StoreError> {
    serde_json::from_str(&unpack_text(bytes, what)?).map_err(|error| damaged(what, error))
}

/// One JSON object per line.
pub(crate) fn pack_lines<T: Serialize>(values: &[T], what: &str) -> Result<Vec<u8>, StoreError> {
    let mut text = String::new();
    for value in values {
        text += &serde_json::to_string(value).map_err(|error| damaged(what, error))?;
        text.push('\n');
    }
    pack_text(&text)
}

pub(crate) fn unpack_lines<T: DeserializeOwned>(bytes: &[u8], what: &str) -> Result<Vec<T>, StoreError> {
    let text = unpack_text(bytes, what)?;
    text.lines().map(|line| serde_json::from_str(line).map_err(|error| damaged(what, error))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_packed_comes_back_and_damage_is_said() {
        let values = vec!["a\nb".to_owned(), "ü".repeat(5000)];
        let bytes = pack_lines(&values, "values").unwrap();
        assert!(bytes.len() < 500, "compressed");
        assert_eq!(unpack_lines::<String>(&bytes, "values").unwrap(), values);
        let error = unpack_lines::<String>(&bytes[..bytes.len() / 2], "batch 7").unwrap_err();
        assert!(error.to_string().contains("batch 7"), "{error}");
    }
}
