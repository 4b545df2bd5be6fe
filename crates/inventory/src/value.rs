//! Values as Ansible sees them (YAML 1.1 typing, as PyYAML reads it).

use serde::{Deserialize, Serialize};

/// A variable's value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// `~`, empty.
    Null,
    /// `true`, `yes`, `on` …
    Bool(bool),
    /// Decimal, octal, hexadecimal, base 60.
    Int(i64),
    /// Floating point.
    Float(f64),
    /// Everything else, timestamps included (kept as written).
    Text(String),
    /// A sequence.
    List(Vec<Value>),
    /// A mapping in document order.
    Map(Map),
}

// Extra vars are compared for plan equality; NaN cannot be written in an inventory that validates.
impl Eq for Value {}

/// A mapping in document order. Keys keep their type (`20001:` is an integer key).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Map(pub Vec<(Value, Value)>);

impl Map {
    /// The value of a text key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.iter().find(|(k, _)| matches!(k, Value::Text(text) if text == key)).map(|(_, v)| v)
    }
}

/// As a JSON object; keys become text.
impl Serialize for Map {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key.to_text(), value)))
    }
}

impl<'de> Deserialize<'de> for Map {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit;
        impl<'de> serde::de::Visitor<'de> for Visit {
            type Value = Map;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a mapping")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut access: A) -> Result<Map, A::Error> {
                let mut entries = Vec::new();
                while let Some((key, value)) = access.next_entry::<String, Value>()? {
                    entries.push((Value::Text(key), value));
                }
                Ok(Map(entries))
            }
        }
        deserializer.deserialize_map(Visit)
    }
}

impl Value {
    /// The value as Jinja would print it into a file: `True`, `5432`, text as it is, maps and lists as JSON-like text.
    pub fn to_text(&self) -> String {
        match self {
            Self::Null => String::new(),
            Self::Bool(true) => "True".to_owned(),
            Self::Bool(false) => "False".to_owned(),
            Self::Int(number) => number.to_string(),
            Self::Float(number) => number.to_string(),
            Self::Text(text) => text.clone(),
            Self::List(items) => {
                format!("[{}]", items.iter().map(Self::to_text).collect::<Vec<_>>().join(", "))
            }
            Self::Map(map) => {
                let inner = map.0.iter().map(|(k, v)| format!("{}: {}", k.to_text(), v.to_text()));
                format!("{{{}}}", inner.collect::<Vec<_>>().join(", "))
            }
        }
    }

    /// An integer, or a text of digits.
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            Self::Text(text) => text.trim().parse().ok(),
            Self::Null | Self::Bool(_) | Self::Float(_) | Self::List(_) | Self::Map(_) => None,
        }
    }

    /// A truth value as Ansible's `bool` filter reads it: `yes`, `on`, `1`, `true`, `y`, `t` are true.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            Self::Int(number) => Some(*number == 1),
            Self::Text(text) => {
                let truth = matches!(text.to_lowercase().as_str(), "yes" | "on" | "1" | "true" | "y" | "t");
                Some(truth)
            }
            Self::Null => Some(false),
            Self::Float(_) | Self::List(_) | Self::Map(_) => None,
        }
    }

    /// The text of a text.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Null | Self::Bool(_) | Self::Int(_) | Self::Float(_) | Self::List(_) | Self::Map(_) => None,
        }
    }

    /// The mapping of a mapping.
    pub fn as_map(&self) -> Option<&Map> {
        match self {
            Self::Map(map) => Some(map),
            Self::Null | Self::Bool(_) | Self::Int(_) | Self::Float(_) | Self::Text(_) | Self::List(_) => {
                None
            }
        }
    }
}
