//! Which variables hold secrets, by their names: the one list for masking, digests and redaction.

use crate::{Map, Value};

/// What stands where a secret stood.
pub const MASK: &str = "••••••";

/// Parts of a name that say so. Not `s3_key`: it is the name that goes with `s3_key_secret`, by default `pgbackrest`, and
/// hiding that word would make every line of pgBackRest unreadable.
const PARTS: [&str; 7] = ["password", "passwd", "secret", "cipher_pass", "access_key", "auth_pass", "token"];

/// Names that hold such a part and no secret: how passwords are hashed.
const PLAIN: [&str; 1] = ["password_encryption"];

/// Whether a variable's name says that its value is secret.
pub fn is_secret_name(name: &str) -> bool {
    let name = name.to_lowercase();
    !PLAIN.contains(&name.as_str()) && PARTS.iter().any(|part| name.contains(part))
}

/// The value of a variable as it may be shown: texts and numbers of secret names, however deep, are masked.
pub fn masked(name: &str, value: &Value) -> Value {
    match value {
        Value::Map(map) => {
            let entries = map.0.iter().map(|(key, value)| (key.clone(), masked(&key.to_text(), value)));
            Value::Map(Map(entries.collect()))
        }
        Value::List(items) => Value::List(items.iter().map(|item| masked(name, item)).collect()),
        Value::Text(_) | Value::Int(_) | Value::Float(_) if is_secret_name(name) => {
            Value::Text(MASK.to_owned())
        }
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Text(_) => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_secret_names_are_masked_however_deep() {
        let map = Map::read("{ a_password: x, n: 1, l: [{ token: 7, b: c }], secret: [p, q] }").unwrap();
        let shown = masked("vars", &Value::Map(map)).to_text();
        assert_eq!(
            shown,
            format!("{{a_password: {MASK}, n: 1, l: [{{token: {MASK}, b: c}}], secret: [{MASK}, {MASK}]}}")
        );
    }

    #[test]
    fn names_of_secrets_are_known_and_names_that_go_with_them_are_none() {
        for name in [
            "password",
            "pg_admin_password",
            "PG_Replication_Password",
            "haproxy_passwd",
            "s3_key_secret",
            "cipher_pass",
            "minio_access_key",
            "minio_secret_key",
            "vip_auth_pass",
            "api_token",
        ] {
            assert!(is_secret_name(name), "{name}");
        }
        for name in
            ["s3_key", "pg_user", "pg_users", "primary_key", "pgbackrest_repo", "pass", "password_encryption"]
        {
            assert!(!is_secret_name(name), "{name}");
        }
    }
}
