//! One change of the inventory's form, made in the text: the keys it is about, and nothing else.

use crate::form_fields::typed;
use crate::inventory_form::{name_of, var_target};
use crate::problems::{from_edit, from_name, problem};
use paddock_events::{Field, FormChange, FormEdit, FormTable, Problem, ProblemKind};
use paddock_inventory::{
    ClusterName, EditError, InstanceRole, Inventory, ItemChange, Items, Map, NodeAddr, Value, VarTarget,
    add_instance, change_item, remove_instance, set_var, unset_var,
};

/// The text with the change.
pub(crate) fn changed(text: String, change: &FormChange) -> Result<String, Problem> {
    let inventory = Inventory::read(text).0;
    if inventory.is_broken() {
        return Err(from_edit(&EditError::Unreadable));
    }
    let target = var_target(&change.target).ok_or_else(|| refuse("the row's place is not an address"))?;
    match change.table.variable() {
        None => instance(&inventory, change, &target),
        Some(list) => {
            let done =
                change_item(&inventory, &target, list, &item_change(&inventory, change, &target, list)?);
            done.map_err(|error| from_form(&error))
        }
    }
}

fn item_change(
    inventory: &Inventory,
    change: &FormChange,
    target: &VarTarget,
    list: &str,
) -> Result<ItemChange, Problem> {
    let table = change.table;
    match &change.edit {
        FormEdit::Add(typed) => {
            let values = typed.iter().map(|(key, text)| Ok((word(key), value(table, key, text)?)));
            let map = Map(values.collect::<Result<_, Problem>>()?);
            for field in table.fields().iter().filter(|field| field.required) {
                if map.get(field.key).is_none_or(|value| value.to_text().is_empty()) {
                    return Err(refuse(format!("it needs `{}`", field.key)));
                }
            }
            Ok(ItemChange::Add(map))
        }
        FormEdit::Set(at, name, typed) => {
            let at = found(inventory, table, target, list, *at, name)?;
            let keys = typed.iter().map(|(key, text)| {
                let value = text.as_ref().map(|text| value(table, key, text)).transpose()?;
                may_go(table, key, value.as_ref())?;
                Ok((key.clone(), value))
            });
            Ok(ItemChange::Set(at, keys.collect::<Result<_, Problem>>()?))
        }
        FormEdit::Remove(at, name) => {
            Ok(ItemChange::Remove(found(inventory, table, target, list, *at, name)?))
        }
    }
}

/// The item's place, when what stands there is still what the person saw.
fn found(
    inventory: &Inventory,
    table: FormTable,
    target: &VarTarget,
    list: &str,
    at: u32,
    name: &str,
) -> Result<usize, Problem> {
    let items = Items::read(inventory).and_then(|items| items.of(target, list)).unwrap_or_default();
    let place = usize::try_from(at).unwrap_or(usize::MAX);
    if items.get(place).is_some_and(|item| name_of(table, &item.value) == name) {
        return Ok(place);
    }
    Err(problem(
        "inventory/row-moved",
        ProblemKind::Conflict,
        "the text was not changed",
        format!("`{name}` is not where the form saw it: the text was edited meanwhile"),
        "look at the form again, and repeat the change",
    ))
}

fn instance(inventory: &Inventory, change: &FormChange, target: &VarTarget) -> Result<String, Problem> {
    let VarTarget::Host(group, addr) = target else {
        return Err(refuse("an instance is a host's entry"));
    };
    let cluster: ClusterName = change.cluster.parse().map_err(|error| from_name(&error))?;
    match &change.edit {
        FormEdit::Add(typed) => added(inventory, &cluster, *addr, typed),
        FormEdit::Remove(..) => {
            remove_instance(inventory, &cluster, *addr).map_err(|error| from_form(&error))
        }
        FormEdit::Set(_, _, typed) => {
            let host = VarTarget::Host(group.clone(), *addr);
            set(inventory.text().to_owned(), &host, typed.iter().map(|(key, text)| (key, text.as_deref())))
        }
    }
}

fn added(
    inventory: &Inventory,
    cluster: &ClusterName,
    addr: NodeAddr,
    typed: &[(String, String)],
) -> Result<String, Problem> {
    let text_of = |wanted: &str| typed.iter().find(|(key, _)| key == wanted).map(|(_, text)| text.trim());
    let seq = text_of("pg_seq").and_then(|text| text.parse().ok());
    let seq = seq.ok_or_else(|| refuse("it needs `pg_seq`, a whole number from 0"))?;
    let role = text_of("pg_role").unwrap_or_default();
    let role: InstanceRole = role.parse().map_err(|error| from_name(&error))?;
    let text = add_instance(inventory, cluster, addr, seq, role).map_err(|error| from_form(&error))?;
    let group = inventory.cluster(cluster).and_then(|cluster| cluster.groups.first());
    let group = group.ok_or_else(|| refuse("no group declares the cluster's hosts"))?;
    let further = typed.iter().filter(|(key, _)| !matches!(key.as_str(), "pg_seq" | "pg_role"));
    set(text, &VarTarget::Host(group.0.clone(), addr), further.map(|(key, text)| (key, Some(text.as_str()))))
}

/// Sets and removes variables of a host, one after the other.
fn set<'a>(
    mut text: String,
    host: &VarTarget,
    typed: impl Iterator<Item = (&'a String, Option<&'a str>)>,
) -> Result<String, Problem> {
    for (key, typed) in typed {
        let inventory = Inventory::read(text).0;
        let value = typed.map(|text| value(FormTable::Instances, key, text)).transpose()?;
        may_go(FormTable::Instances, key, value.as_ref())?;
        let done = match &value {
            Some(value) => set_var(&inventory, host, key, value),
            None => unset_var(&inventory, host, key),
        };
        text = done.map_err(|error| from_form(&error))?;
    }
    Ok(text)
}

fn value(table: FormTable, key: &str, text: &str) -> Result<Value, Problem> {
    let field: Option<&Field> = table.fields().iter().find(|field| field.key == key);
    let field = field.ok_or_else(|| refuse(format!("the form has no field `{key}`")))?;
    typed(field, text).map_err(refuse)
}

/// A row is nothing without some fields.
fn may_go(table: FormTable, key: &str, value: Option<&Value>) -> Result<(), Problem> {
    let empty = value.is_none_or(|value| value.to_text().is_empty());
    if empty && table.fields().iter().any(|field| field.key == key && field.required) {
        return Err(refuse(format!("it needs `{key}`")));
    }
    Ok(())
}

fn word(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn refuse(why: impl Into<String>) -> Problem {
    problem(
        "inventory/bad-form",
        ProblemKind::Request,
        "the text was not changed",
        why,
        "right the field and try again",
    )
}

fn from_form(error: &EditError) -> Problem {
    let fix = match error {
        EditError::Unreadable => "right the marked place first",
        EditError::Exists(_) => "choose another one, or edit the one that is there",
        EditError::Missing(_) => "look at the form again: the text was edited meanwhile",
        EditError::Shape { .. } => "edit the lines in the text view",
    };
    Problem { fix: fix.into(), what: "the text was not changed".into(), ..from_edit(error) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use paddock_events::FormTarget;

    const TEXT: &str = "all:\n  children:\n    pg-a: # pays\n      hosts:\n        10.0.0.1: { pg_seq: 1, pg_role: primary }   # leads\n        10.0.0.2: { pg_seq: 2, pg_role: replica, pg_weight: 50 }\n      vars:\n        pg_cluster: pg-a\n        pg_users:\n          # the shop\n          - { name: app, password: 'S3cr3t', roles: [dbrole_admin], odd: 1 }  # keep\n";

    fn edit(table: FormTable, target: FormTarget, edit: FormEdit) -> Result<String, Problem> {
        changed(TEXT.into(), &FormChange { cluster: "pg-a".into(), table, target, edit })
    }

    fn group() -> FormTarget {
        FormTarget::Group("pg-a".into())
    }

    fn host(addr: &str) -> FormTarget {
        FormTarget::Host("pg-a".into(), addr.into())
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(key, text)| ((*key).to_owned(), (*text).to_owned())).collect()
    }

    fn keys(pairs: &[(&str, Option<&str>)]) -> Vec<(String, Option<String>)> {
        pairs.iter().map(|(key, text)| ((*key).to_owned(), text.map(str::to_owned))).collect()
    }

    #[test]
    fn a_user_is_edited_without_its_password_and_added_and_removed() {
        let set = FormEdit::Set(
            0,
            "app".into(),
            keys(&[("roles", Some("a, { name: b }")), ("comment", Some("x: y"))]),
        );
        assert_eq!(
            edit(FormTable::Users, group(), set).unwrap(),
            TEXT.replace("[dbrole_admin], odd: 1", "[a, { name: b }], odd: 1, comment: 'x: y'")
        );
        let add = FormEdit::Add(pairs(&[("name", "new"), ("pgbouncer", "true")]));
        let added = edit(FormTable::Users, group(), add).unwrap();
        assert_eq!(
            added,
            format!("{TEXT}          - {{ name: new, pgbouncer: true }}\n").replace("keep\n\n", "keep\n")
        );
        let removed = edit(FormTable::Users, group(), FormEdit::Remove(0, "app".into())).unwrap();
        assert!(removed.contains("pg_users: []\n          # the shop\n"), "{removed}");
    }

    #[test]
    fn an_instance_is_edited_added_and_removed_in_its_line() {
        let set = FormEdit::Set(
            0,
            "10.0.0.2".into(),
            keys(&[("pg_weight", None), ("pg_offline_query", Some("true"))]),
        );
        assert_eq!(
            edit(FormTable::Instances, host("10.0.0.2"), set).unwrap(),
            TEXT.replace(", pg_weight: 50", ", pg_offline_query: true")
        );
        let add = FormEdit::Add(pairs(&[("pg_seq", "3"), ("pg_role", "offline"), ("pg_weight", "0")]));
        let added = edit(FormTable::Instances, host("10.0.0.3"), add).unwrap();
        assert!(
            added.contains("        10.0.0.3: { pg_seq: 3, pg_role: offline, pg_weight: 0 }\n      vars"),
            "{added}"
        );
        let removed =
            edit(FormTable::Instances, host("10.0.0.2"), FormEdit::Remove(0, "10.0.0.2".into())).unwrap();
        assert_eq!(
            removed,
            TEXT.replace("        10.0.0.2: { pg_seq: 2, pg_role: replica, pg_weight: 50 }\n", "")
        );
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_reason() {
        let set = |pairs: &[(&str, Option<&str>)]| FormEdit::Set(0, "app".into(), keys(pairs));
        for (table, target, change, code, why) in [
            (FormTable::Users, group(), set(&[("name", None)]), "inventory/bad-form", "needs `name`"),
            (FormTable::Users, group(), set(&[("name", Some(" "))]), "inventory/bad-form", "needs `name`"),
            (FormTable::Users, group(), set(&[("boss", Some("x"))]), "inventory/bad-form", "no field `boss`"),
            (
                FormTable::Users,
                group(),
                FormEdit::Remove(0, "other".into()),
                "inventory/row-moved",
                "`other`",
            ),
            (FormTable::Users, group(), FormEdit::Remove(5, "app".into()), "inventory/row-moved", "`app`"),
            (
                FormTable::Services,
                group(),
                FormEdit::Add(pairs(&[("name", "x")])),
                "inventory/bad-form",
                "needs `port`",
            ),
            (
                FormTable::Instances,
                host("10.0.0.9"),
                FormEdit::Add(pairs(&[("pg_seq", "x")])),
                "inventory/bad-form",
                "`pg_seq`",
            ),
            (
                FormTable::Instances,
                host("10.0.0.9"),
                FormEdit::Add(pairs(&[("pg_seq", "2"), ("pg_role", "replica")])),
                "inventory/exists",
                "pg-a-2",
            ),
            (
                FormTable::Instances,
                host("10.0.0.x"),
                FormEdit::Remove(0, String::new()),
                "inventory/bad-form",
                "not an address",
            ),
            (
                FormTable::Users,
                FormTarget::Group("none".into()),
                FormEdit::Add(pairs(&[("name", "x")])),
                "inventory/missing",
                "none",
            ),
        ] {
            let refused = edit(table, target, change).unwrap_err();
            assert_eq!(refused.code, code, "{refused}");
            assert!(refused.why.contains(why), "{refused}");
        }
    }
}
