//! Fields of the inventory's form: a value as it is typed, and what was typed as a value.

use paddock_events::{Field, FieldKind, FieldValue};
use paddock_inventory::{Map, Value, flow, is_secret_name, masked};

/// The value of a field as the form shows it; none where it is not set.
pub(crate) fn shown(field: &Field, value: &Value) -> Option<FieldValue> {
    if matches!(value, Value::Null) {
        return None;
    }
    if field.kind == FieldKind::Secret || is_secret_name(field.key) {
        return Some(FieldValue::Secret);
    }
    let inner = |value: &Value| {
        let written = flow(&masked(field.key, value));
        written[1..written.len() - 1].trim().to_owned()
    };
    let text = match (field.kind, value) {
        (FieldKind::Bool, Value::Bool(_) | Value::Text(_) | Value::Int(0 | 1)) => {
            value.as_bool().map(|truth| truth.to_string())
        }
        (FieldKind::Int | FieldKind::Number, value) if value.as_int().is_some() => {
            value.as_int().map(|n| n.to_string())
        }
        (FieldKind::Number, Value::Float(_)) => Some(flow(value)),
        (FieldKind::List, Value::List(_)) | (FieldKind::Map, Value::Map(_)) => Some(inner(value)),
        (FieldKind::Lines, Value::List(items)) => {
            let lines: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
            lines.filter(|lines| !lines.iter().any(|line| line.contains('\n'))).map(|lines| lines.join("\n"))
        }
        (FieldKind::Text | FieldKind::Choice(_) | FieldKind::Suggest(_), Value::Text(text)) => {
            // A text field would take the line breaks away.
            (!text.contains(['\n', '\r'])).then(|| text.clone())
        }
        (
            FieldKind::Text | FieldKind::Choice(_) | FieldKind::Suggest(_),
            Value::Int(_) | Value::Float(_) | Value::Bool(_),
        ) => Some(flow(value)),
        _ => None,
    };
    Some(text.map_or_else(|| FieldValue::Raw(flow(&masked(field.key, value))), FieldValue::Text))
}

/// The value of what was typed into a field; the error says what it should have been.
pub(crate) fn typed(field: &Field, text: &str) -> Result<Value, String> {
    let wanted = |what: &str| format!("`{text}` is no {what} for `{}`", field.key);
    match field.kind {
        // A password may begin or end with a blank.
        FieldKind::Secret => Ok(Value::Text(text.to_owned())),
        FieldKind::Text => Ok(Value::Text(text.trim().to_owned())),
        FieldKind::Int => text.trim().parse().map(Value::Int).map_err(|_| wanted("whole number")),
        FieldKind::Number => {
            let text = text.trim();
            let float = || text.parse::<f64>().ok().filter(|n| n.is_finite()).map(Value::Float);
            text.parse().ok().map(Value::Int).or_else(float).ok_or_else(|| wanted("number"))
        }
        FieldKind::Bool => match text {
            "true" => Ok(Value::Bool(true)),
            "false" => Ok(Value::Bool(false)),
            _ => Err(wanted("truth value")),
        },
        FieldKind::Choice(words) => {
            let text = text.trim();
            let known = words.contains(&text);
            known
                .then(|| Value::Text(text.to_owned()))
                .ok_or_else(|| format!("`{text}` is none of {}", words.join(", ")))
        }
        FieldKind::Suggest(_) => {
            let text = text.trim();
            let digits =
                !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
            let number = text.parse().ok().filter(|_| digits).map(Value::Int);
            Ok(number.unwrap_or_else(|| Value::Text(text.to_owned())))
        }
        FieldKind::List => match inner(&format!("[{text}]")) {
            Some(Value::List(items))
                if items.iter().all(|item| !matches!(item, Value::Null | Value::List(_))) =>
            {
                Ok(Value::List(items))
            }
            Some(_) | None => Err(wanted("list: separate its words by commas; a mapping stands in braces")),
        },
        FieldKind::Map => match inner(&format!("{{{text}}}")) {
            Some(Value::Map(map)) if map.0.iter().all(|(_, value)| !matches!(value, Value::Null)) => {
                Ok(Value::Map(map))
            }
            Some(_) | None => Err(wanted("mapping: write `key: value` between commas")),
        },
        FieldKind::Lines => {
            let lines = text.lines().map(str::trim_end).filter(|line| !line.is_empty());
            Ok(Value::List(lines.map(|line| Value::Text(line.to_owned())).collect()))
        }
    }
}

/// A value as YAML reads it, all of it.
fn inner(text: &str) -> Option<Value> {
    if text.contains(['\n', '\r']) || text.contains(" #") {
        return None;
    }
    let Map(mut entries) = Map::read(&format!("{{ v: {text} }}")).ok()?;
    match (entries.pop(), entries.is_empty()) {
        (Some((_, value)), true) => Some(value),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use paddock_events::FormTable;

    fn field(table: FormTable, key: &str) -> &'static Field {
        table.fields().iter().find(|field| field.key == key).unwrap()
    }

    fn value(text: &str) -> Value {
        inner(text).unwrap()
    }

    #[test]
    fn what_is_shown_and_typed_again_is_the_same_value() {
        use FormTable::{Databases, HbaRules, Instances, Services, Users};
        for (table, key, written, text) in [
            (Users, "name", "app", "app"),
            (
                Users,
                "roles",
                "[dbrole_readonly, { name: x, admin: true }]",
                "dbrole_readonly, { name: x, admin: true }",
            ),
            (Users, "roles", "[]", ""),
            (Users, "parameters", "{ search_path: 'a,b' }", "search_path: 'a,b'"),
            (Users, "pgbouncer", "true", "true"),
            (Users, "connlimit", "-1", "-1"),
            (
                Databases,
                "extensions",
                "[postgis, { name: vector, schema: public }]",
                "postgis, { name: vector, schema: public }",
            ),
            (Services, "dest", "5440", "5440"),
            (Services, "dest", "postgres", "postgres"),
            (Services, "selector", "'[? pg_role == `primary` ]'", "[? pg_role == `primary` ]"),
            (HbaRules, "order", "1.5", "1.5"),
            (HbaRules, "rules", "['host all all 10.0.0.0/8 md5', b]", "host all all 10.0.0.0/8 md5\nb"),
            (Instances, "pg_role", "replica", "replica"),
        ] {
            let (field, value) = (field(table, key), value(written));
            assert_eq!(shown(field, &value), Some(FieldValue::Text(text.to_owned())), "{key}");
            assert_eq!(typed(field, text), Ok(value), "{key}");
        }
    }

    #[test]
    fn secrets_are_not_told_and_odd_shapes_are_left_to_the_text() {
        let password = field(FormTable::Users, "password");
        assert_eq!(shown(password, &value("s3cret")), Some(FieldValue::Secret));
        assert_eq!(shown(password, &Value::Null), None);
        assert_eq!(typed(password, " a b "), Ok(Value::Text(" a b ".into())));
        let roles = shown(field(FormTable::Users, "roles"), &value("reader"));
        assert_eq!(roles, Some(FieldValue::Raw("reader".into())));
        let two = Value::Text("a\nb".into());
        assert!(matches!(shown(field(FormTable::Users, "comment"), &two), Some(FieldValue::Raw(_))));
        // Ansible reads these words as truth values.
        assert_eq!(
            shown(field(FormTable::Users, "login"), &value("'no'")),
            Some(FieldValue::Text("false".into()))
        );
    }

    #[test]
    fn what_does_not_fit_its_field_is_refused_with_what_would() {
        for (table, key, text, why) in [
            (FormTable::Services, "port", "http", "no whole number"),
            (FormTable::HbaRules, "order", "first", "no number"),
            (FormTable::Users, "pgbouncer", "maybe", "no truth value"),
            (FormTable::Instances, "pg_role", "boss", "none of primary, replica"),
            (FormTable::Users, "roles", "a, ] }, x: [", "no list"),
            (FormTable::Users, "roles", "a\nb", "no list"),
            (FormTable::Users, "parameters", "search_path", "no mapping"),
        ] {
            let refused = typed(field(table, key), text).unwrap_err();
            assert!(refused.contains(why), "{refused}");
        }
    }
}
