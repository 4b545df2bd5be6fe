//! Parameters with their built-in defaults (Pigsty's reference, parameters.md).

use paddock_inventory::{Map, Value, Vars};

/// Passwords that hold when the inventory sets none; never shown either.
pub(crate) const DEFAULT_SECRETS: &[(&str, &str)] = &[
    ("pg_replication_password", "DBUser.Replicator"),
    ("pg_admin_password", "DBUser.DBA"),
    ("pg_monitor_password", "DBUser.Monitor"),
    ("patroni_password", "Patroni.API"),
    ("etcd_root_password", "Etcd.Root"),
];

/// The text of a parameter, or its default.
pub(crate) fn text(vars: &Vars, name: &str, default: &str) -> String {
    vars.text(name).filter(|text| !text.is_empty()).unwrap_or_else(|| default.to_owned())
}

/// The number of a parameter, or its default.
pub(crate) fn int(vars: &Vars, name: &str, default: i64) -> i64 {
    vars.int(name).unwrap_or(default)
}

/// The truth of a parameter, or its default.
pub(crate) fn flag(vars: &Vars, name: &str, default: bool) -> bool {
    vars.bool(name).unwrap_or(default)
}

/// A port, or its default when unset or out of range.
pub(crate) fn port(vars: &Vars, name: &str, default: u16) -> u16 {
    vars.int(name).and_then(|port| u16::try_from(port).ok()).unwrap_or(default)
}

/// The password of a parameter, or the built-in one.
pub(crate) fn password(vars: &Vars, name: &str) -> String {
    let default = DEFAULT_SECRETS.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value);
    text(vars, name, default)
}

/// The mappings of a list parameter.
pub(crate) fn maps(vars: &Vars, name: &str) -> Vec<Map> {
    vars.list(name).unwrap_or_default().iter().filter_map(Value::as_map).cloned().collect()
}

/// The text of a key in a mapping.
pub(crate) fn field(map: &Map, key: &str) -> Option<String> {
    match map.get(key)? {
        Value::Null | Value::List(_) | Value::Map(_) => None,
        value @ (Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Text(_)) => Some(value.to_text()),
    }
}
