//! Which variables hold secrets, by their names: the one list for masking, digests and redaction.

/// Parts of a name that say so. Not `s3_key`: it is the name that goes with `s3_key_secret`, by default `pgbackrest`, and
/// hiding that word would make every line of pgBackRest unreadable.
const PARTS: [&str; 7] = ["password", "passwd", "secret", "cipher_pass", "access_key", "auth_pass", "token"];

/// Whether a variable's name says that its value is secret.
pub fn is_secret_name(name: &str) -> bool {
    let name = name.to_lowercase();
    PARTS.iter().any(|part| name.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

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
        for name in ["s3_key", "pg_user", "pg_users", "primary_key", "pgbackrest_repo", "pass"] {
            assert!(!is_secret_name(name), "{name}");
        }
    }
}
