//! Secret values out of texts that are shown.

use paddock_inventory::{Inventory, MASK, Value, is_secret_name};
use std::collections::BTreeSet;

/// The text without the values. Long values first, so that one that holds another goes as a whole; the lines of
/// a value of several lines (a key) go one by one, too, as a diff shows them.
pub(crate) fn mask(text: &str, secrets: &BTreeSet<String>) -> String {
    let mut values: Vec<&str> = secrets
        .iter()
        .flat_map(|secret| {
            std::iter::once(secret.as_str()).chain(secret.lines().filter(|line| line.len() >= 16))
        })
        .filter(|value| value.chars().count() >= 4)
        .collect();
    values.sort_by_key(|value| std::cmp::Reverse(value.len()));
    values.dedup();
    let mut out = text.to_owned();
    for value in values {
        if out.contains(value) {
            out = out.replace(value, MASK);
        }
    }
    out
}

fn collect(name: &str, value: &Value, out: &mut BTreeSet<String>) {
    match value {
        Value::Map(map) => map.0.iter().for_each(|(key, value)| collect(&key.to_text(), value, out)),
        Value::List(items) => items.iter().for_each(|item| collect(name, item, out)),
        Value::Text(_) | Value::Int(_) if is_secret_name(name) => {
            out.insert(value.to_text());
        }
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Text(_) => {}
    }
}

/// Every secret value that the inventory sets anywhere.
pub(crate) fn secrets_of(inventory: &Inventory) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    for group in inventory.groups() {
        group.vars.0.iter().for_each(|(key, value)| collect(&key.to_text(), value, &mut out));
    }
    for (name, resolved) in inventory.global_vars().iter() {
        collect(name, &resolved.value, &mut out);
    }
    for host in inventory.hosts() {
        for (name, resolved) in inventory.vars(host).iter() {
            collect(name, &resolved.value, &mut out);
        }
    }
    out
}

/// An inventory text for those who may not see its passwords. Known values go wherever they stand; what follows
/// a key with a secret name goes in any case (to the line's end where the value is not known), so that a text
/// that cannot be read as YAML gives nothing away either.
pub(crate) fn mask_inventory(inventory: &Inventory) -> String {
    let secrets = secrets_of(inventory);
    let known = mask(inventory.text(), &secrets);
    let mut out = String::with_capacity(known.len());
    // Set while inside a block scalar of a secret key: the indentation of that key.
    let mut block: Option<usize> = None;
    for line in known.split_inclusive('\n') {
        let indent = line.len() - line.trim_start_matches(' ').len();
        match block {
            Some(_) if line.trim().is_empty() => {}
            Some(key) if indent > key => {
                out += &line[..indent];
                out += MASK;
                out += line_end(line);
                continue;
            }
            Some(_) | None => block = None,
        }
        let (masked, opens) = mask_line(line, &secrets);
        if opens {
            block = Some(indent);
        }
        out += &masked;
    }
    out
}

fn line_end(line: &str) -> &str {
    &line[line.trim_end_matches(['\r', '\n']).len()..]
}

/// Masks what follows secret keys in a line; true when a block scalar begins there.
fn mask_line(line: &str, secrets: &BTreeSet<String>) -> (String, bool) {
    let end = line_end(line);
    let body = &line[..line.len() - end.len()];
    let mut out = String::new();
    let mut rest = body;
    while let Some(colon) = rest.find(':') {
        let (before, after) = rest.split_at(colon + 1);
        let word = before[..colon].trim_end_matches(['"', '\'', ' ']);
        let start = word
            .rfind(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-'))
            .map_or(0, |at| at + word[at..].chars().next().map_or(1, char::len_utf8));
        out += before;
        rest = after;
        let in_comment = body.trim_start().starts_with('#');
        if !is_secret_name(&word[start..]) || !(rest.is_empty() || rest.starts_with([' ', '\t'])) {
            continue;
        }
        let value = rest.trim_start();
        out += &rest[..rest.len() - value.len()];
        rest = value;
        if value.is_empty() || value.starts_with('#') {
            // The value may be a block of its own below.
            return (out + rest + end, !in_comment && value.is_empty());
        }
        if value.starts_with(['|', '>']) {
            return (out + rest + end, true);
        }
        let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''));
        if value.trim_start_matches(['"', '\'']).starts_with(MASK) {
            continue;
        }
        if let Some(quote) = quote {
            let inner = &value[1..];
            let close = inner.find(quote).unwrap_or(inner.len());
            out.push(quote);
            out += MASK;
            rest = &inner[close..];
            if let Some(after) = rest.strip_prefix(quote) {
                out.push(quote);
                rest = after;
            }
        } else if let Some(known) = secrets
            .iter()
            .filter(|known| !known.is_empty() && value.starts_with(known.as_str()))
            .max_by_key(|known| known.len())
        {
            out += MASK;
            rest = &value[known.len()..];
        } else {
            out += MASK;
            rest = "";
        }
    }
    (out + rest + end, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_secrets_go_first_and_keys_go_line_by_line() {
        let key = "-----BEGIN KEY-----\nMIIBVQIBADANBgkqhkiG\n-----END KEY-----\n".to_owned();
        let secrets = BTreeSet::from(["pass".to_owned(), "passphrase".to_owned(), "abc".to_owned(), key]);
        let masked = mask("a passphrase, a pass, abc\n+MIIBVQIBADANBgkqhkiG\n", &secrets);
        assert_eq!(masked, format!("a {MASK}, a {MASK}, abc\n+{MASK}\n"));
    }

    fn check(text: &str, hidden: &[&str], kept: &[&str]) {
        let masked = mask_inventory(&Inventory::read(text).0);
        for secret in hidden {
            assert!(!masked.contains(secret), "`{secret}` is in:\n{masked}");
        }
        for other in kept {
            assert!(masked.contains(other), "`{other}` is not in:\n{masked}");
        }
        assert_eq!(masked.lines().count(), text.lines().count(), "lines stay, findings point at them");
    }

    #[test]
    fn passwords_of_all_shapes_are_masked() {
        check(
            "all:\n  children:\n    g:\n      hosts:\n        10.0.0.1: { pg_seq: 1, haproxy_admin_password: 'ho:st' }\n      vars:\n        pg_users:\n          - { name: app, password: Sup3rSecret, roles: [dbrole_readonly] }\n          - name: other\n            password: \"it's\"   # keep\n        pg_admin_password: a,b c\n        short_password: x1\n        minio_secret_key: |\n          line one\n          line two\n  vars:\n    note: Sup3r-other\n    etcd_root_password: 123456\n",
            &["ho:st", "Sup3rSecret", "it's", "a,b c", "x1", "line one", "line two", "123456"],
            &["name: app", "roles: [dbrole_readonly]", "# keep", "note: Sup3r-other", "pg_seq: 1"],
        );
    }

    #[test]
    fn a_broken_text_gives_nothing_away() {
        check(
            "all:\n  vars: {\n    pg_admin_password: S3cr3t, x: [\n    b_password:\n      next_line\n",
            &["S3cr3t", "next_line"],
            &["all:"],
        );
    }

    #[test]
    fn a_text_without_secrets_stays_as_it_is() {
        let text = "# http://example.org: see\nall:\r\n  vars: { admin_ip: 10.0.0.1, \"a\": \"b: c\" }";
        assert_eq!(mask_inventory(&Inventory::read(text).0), text);
    }
}
