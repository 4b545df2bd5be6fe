//! Values as YAML text, quoted where a plain scalar would read as something else.

use crate::{Value, typing};

/// A value in flow style.
pub fn flow(value: &Value) -> String {
    match value {
        Value::List(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::Map(map) if map.0.is_empty() => "{}".to_owned(),
        Value::Map(map) => {
            let inner = map.0.iter().map(|(key, value)| format!("{}: {}", scalar(key), flow(value)));
            format!("{{ {} }}", inner.collect::<Vec<_>>().join(", "))
        }
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Text(_) => scalar(value),
    }
}

/// A scalar, quoted when a plain one would read as something else.
pub(crate) fn scalar(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(truth) => truth.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Float(number) => float(*number),
        Value::Text(text) => {
            let safe = !text.is_empty()
                && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-./+$".contains(c))
                && !text.starts_with('-')
                && !text.starts_with("...")
                && !text.eq_ignore_ascii_case(".nan")
                && matches!(typing::plain_scalar(text), Value::Text(_))
                && !typing::looks_like_timestamp(text);
            if safe {
                text.clone()
            } else if text.chars().all(printable) {
                format!("'{}'", text.replace('\'', "''"))
            } else {
                let escaped: String = text
                    .chars()
                    .map(|c| match c {
                        '"' => "\\\"".to_owned(),
                        '\\' => "\\\\".to_owned(),
                        c if !printable(c) => format!("\\U{:08X}", u32::from(c)),
                        c => c.to_string(),
                    })
                    .collect();
                format!("\"{escaped}\"")
            }
        }
        Value::List(_) | Value::Map(_) => flow(value),
    }
}

/// YAML wants a dot in a number and its own words for what is none.
fn float(number: f64) -> String {
    if number.is_nan() {
        ".nan".to_owned()
    } else if number.is_infinite() {
        if number > 0.0 { ".inf" } else { "-.inf" }.to_owned()
    } else {
        let text = format!("{number:?}");
        match text.split_once('e') {
            // `1e-7` without dot or sign would be text to PyYAML.
            Some((mantissa, exponent)) => {
                let dot = if mantissa.contains('.') { "" } else { ".0" };
                let sign = if exponent.starts_with('-') { "" } else { "+" };
                format!("{mantissa}{dot}e{sign}{exponent}")
            }
            None => text,
        }
    }
}

/// What may stand in quotes as it is: no control characters, no line breaks of any kind, no byte order mark.
fn printable(c: char) -> bool {
    !c.is_control() && !matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}
