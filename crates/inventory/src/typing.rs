//! From a scalar's text to the value PyYAML (YAML 1.1) would load.

use crate::document::{Kind, Node};
use crate::{Map, Value};

/// The value of a node as Ansible sees it; merge keys (`<<`) are resolved.
pub(crate) fn value(node: &Node) -> Value {
    match &node.kind {
        Kind::Scalar { text, plain, tag } => match tag.as_deref() {
            Some("str") => Value::Text(text.clone()),
            _ if *plain => plain_scalar(text),
            _ => Value::Text(text.clone()),
        },
        Kind::List { items, .. } => Value::List(items.iter().map(value).collect()),
        Kind::Map { .. } => Value::Map(map(node)),
    }
}

/// A mapping node's entries, `<<` merged below explicit keys, the last of duplicates kept in first place.
pub(crate) fn map(node: &Node) -> Map {
    let mut merged: Vec<(Value, Value)> = Vec::new();
    let mut own: Vec<(Value, Value)> = Vec::new();
    for (key, item) in node.entries() {
        if key.text() == Some("<<") {
            match &item.kind {
                Kind::Map { .. } => put_missing(&mut merged, map(item)),
                // Of several merged maps the earlier wins.
                Kind::List { items, .. } => items.iter().for_each(|item| put_missing(&mut merged, map(item))),
                Kind::Scalar { .. } => {}
            }
        } else {
            let (key, item) = (value(key), value(item));
            match own.iter_mut().find(|(k, _)| *k == key) {
                Some(slot) => slot.1 = item,
                None => own.push((key, item)),
            }
        }
    }
    merged.retain(|(key, _)| !own.iter().any(|(k, _)| k == key));
    merged.extend(own);
    Map(merged)
}

fn put_missing(into: &mut Vec<(Value, Value)>, from: Map) {
    for (key, item) in from.0 {
        if !into.iter().any(|(k, _)| *k == key) {
            into.push((key, item));
        }
    }
}

/// YAML 1.1 resolution of a plain scalar, as PyYAML's resolver does it.
pub(crate) fn plain_scalar(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => return Value::Bool(true),
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => {
            return Value::Bool(false);
        }
        _ => {}
    }
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.')) {
        return Value::Text(text.to_owned());
    }
    integer(text)
        .map(Value::Int)
        .or_else(|| float(text).map(Value::Float))
        .unwrap_or_else(|| Value::Text(text.to_owned()))
}

fn integer(text: &str) -> Option<i64> {
    let (sign, body) = match text.as_bytes().first()? {
        b'-' => (-1, &text[1..]),
        b'+' => (1, &text[1..]),
        _ => (1, text),
    };
    let digits_only = body.bytes().all(|b| b.is_ascii_hexdigit() || matches!(b, b'_' | b':' | b'x'));
    if !body.starts_with(|c: char| c.is_ascii_digit()) || !digits_only {
        return None;
    }
    let digits = body.replace('_', "");
    let parsed = if digits == "0" {
        Some(0)
    } else if let Some(bits) = digits.strip_prefix("0b") {
        i64::from_str_radix(bits, 2).ok()
    } else if let Some(hex) = digits.strip_prefix("0x") {
        i64::from_str_radix(hex, 16).ok()
    } else if digits.contains(':') {
        base60(&digits)
    } else if digits.starts_with('0') {
        i64::from_str_radix(&digits, 8).ok()
    } else {
        digits.parse().ok()
    };
    parsed?.checked_mul(sign)
}

/// `[1-9][0-9_]*(:[0-5]?[0-9])+`
fn base60(digits: &str) -> Option<i64> {
    let mut parts = digits.split(':');
    let first = parts.next()?;
    if first.starts_with('0') || !first.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let mut total: i64 = first.parse().ok()?;
    for part in parts {
        if part.is_empty() || part.len() > 2 || !part.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let number: i64 = part.parse().ok()?;
        if number > 59 {
            return None;
        }
        total = total.checked_mul(60)?.checked_add(number)?;
    }
    Some(total)
}

/// PyYAML wants a dot in a float, a signed exponent, and a digit before the dot when there is a sign: `1e5` and `-.5`
/// stay text. `1:30.5` is base 60.
fn float(text: &str) -> Option<f64> {
    let body = text.strip_prefix(['+', '-']).unwrap_or(text);
    if matches!(body, ".inf" | ".Inf" | ".INF") {
        return Some(if text.starts_with('-') { f64::NEG_INFINITY } else { f64::INFINITY });
    }
    let (whole, rest) = body.split_once('.')?;
    let (fraction, exponent) = match rest.split_once(['e', 'E']) {
        Some((fraction, exponent)) => (fraction, Some(exponent)),
        None => (rest, None),
    };
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    let begins = |part: &str| part.starts_with(|c: char| c.is_ascii_digit());
    if let Some((minutes, seconds)) = whole.rsplit_once(':') {
        let minutes = if minutes.contains(':') { base60(minutes)? } else { minutes.parse().ok()? };
        let seconds: f64 = format!("{seconds}.{fraction}").parse().ok()?;
        let good = begins(whole) && exponent.is_none() && digits(fraction) && seconds < 60.0;
        #[expect(clippy::cast_precision_loss, reason = "PyYAML computes it in floating point, too")]
        let value = (minutes as f64).mul_add(60.0, seconds);
        return good.then_some(if text.starts_with('-') { -value } else { value });
    }
    let good = if whole.is_empty() {
        text.starts_with('.') && begins(fraction)
    } else {
        begins(whole) && digits(whole)
    };
    let exponent_good = exponent.is_none_or(|exponent| {
        let number = exponent.strip_prefix(['+', '-']);
        number.is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
    });
    if good && digits(fraction) && exponent_good { text.replace('_', "").parse().ok() } else { None }
}

/// Whether PyYAML would read this plain scalar as a date or timestamp, which Ansible then cannot pass on as text.
pub(crate) fn looks_like_timestamp(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digits = |range: std::ops::Range<usize>| {
        bytes.get(range).is_some_and(|part| part.iter().all(u8::is_ascii_digit))
    };
    bytes.len() >= 10
        && digits(0..4)
        && bytes[4] == b'-'
        && digits(5..7)
        && bytes[7] == b'-'
        && digits(8..10)
        && (bytes.len() == 10 || matches!(bytes[10], b' ' | b'T' | b't'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_have_yaml_1_1_types() {
        let cases = [
            ("on", Value::Bool(true)),
            ("Off", Value::Bool(false)),
            ("y", Value::Text("y".into())),
            ("n", Value::Text("n".into())),
            ("0640", Value::Int(416)),
            ("0x1F", Value::Int(31)),
            ("1_000", Value::Int(1000)),
            ("10:20", Value::Int(620)),
            ("-7", Value::Int(-7)),
            ("08", Value::Text("08".into())),
            ("1.5", Value::Float(1.5)),
            ("1e5", Value::Text("1e5".into())),
            ("1.0e+3", Value::Float(1000.0)),
            ("1.", Value::Float(1.0)),
            (".5", Value::Float(0.5)),
            ("-.5", Value::Text("-.5".into())),
            ("1.5e3", Value::Text("1.5e3".into())),
            ("1:30.5", Value::Float(90.5)),
            ("1.2.3", Value::Text("1.2.3".into())),
            ("0x-1", Value::Text("0x-1".into())),
            ("0o17", Value::Text("0o17".into())),
            ("10:60", Value::Text("10:60".into())),
            ("10.10.10.10:5432", Value::Text("10.10.10.10:5432".into())),
            ("~", Value::Null),
            ("", Value::Null),
            ("10.10.10.10", Value::Text("10.10.10.10".into())),
            ("99999999999999999999", Value::Text("99999999999999999999".into())),
            ("2025-01-10 10:00:00+00", Value::Text("2025-01-10 10:00:00+00".into())),
        ];
        for (text, expected) in cases {
            assert_eq!(plain_scalar(text), expected, "`{text}`");
        }
    }

    #[test]
    fn dates_and_times_are_noticed() {
        assert!(looks_like_timestamp("2030-01-01"));
        assert!(looks_like_timestamp("2025-01-10 10:00:00+00"));
        assert!(!looks_like_timestamp("2025-01-10x"));
        assert!(!looks_like_timestamp("pg-test"));
    }
}
