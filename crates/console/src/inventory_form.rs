//! An inventory text as it stands in the editor, as the tables of one of its clusters.

use crate::declared::free_hosts;
use crate::form_change::changed;
use crate::form_fields::shown;
use crate::inventory::check_size;
use crate::inventory_views::{broken, origin};
use crate::policy::{Action, Target};
use crate::problems::internal;
use crate::{Actor, Console};
use paddock_events::{
    FieldValue, FormChange, FormList, FormRow, FormTable, FormTarget, InventoryForm, Problem,
};
use paddock_inventory::{
    Cluster, Instance, Inventory, Item, Items, Level, MASK, Map, NodeAddr, Resolved, Span, Value, VarTarget,
};

impl Console {
    /// The tables of one cluster of a text that need not be saved; one that the text does not declare gives its first.
    pub async fn inventory_form(
        &self,
        actor: &Actor,
        text: String,
        cluster: String,
    ) -> Result<InventoryForm, Problem> {
        self.gate(actor, Action::See, Target::Everything, "an inventory text").await?;
        check_size(&text)?;
        let task = tokio::task::spawn_blocking(move || form(text, &cluster));
        task.await.map_err(|error| internal("the inventory could not be read", &error))
    }

    /// The text with one change of a table made, not saved.
    pub async fn change_inventory_form(
        &self,
        actor: &Actor,
        text: String,
        change: FormChange,
    ) -> Result<String, Problem> {
        self.gate(actor, Action::Edit, Target::Cluster(&change.cluster), "an inventory text").await?;
        check_size(&text)?;
        let task = tokio::task::spawn_blocking(move || changed(text, &change));
        task.await.map_err(|error| internal("the inventory could not be edited", &error))?
    }
}

fn form(text: String, wanted: &str) -> InventoryForm {
    let (inventory, findings) = Inventory::read(text);
    let Some(items) = Items::read(&inventory) else {
        return InventoryForm { broken: Some(broken(&findings)), ..InventoryForm::default() };
    };
    let clusters = inventory.clusters();
    let mut form = InventoryForm {
        clusters: clusters.keys().map(ToString::to_string).collect(),
        free_hosts: free_hosts(&inventory),
        ..InventoryForm::default()
    };
    let chosen = wanted.parse().ok().and_then(|name| inventory.cluster(&name));
    let Some(cluster) = chosen.or_else(|| clusters.values().next()) else { return form };
    form.cluster = cluster.name.to_string();
    form.next_seq = cluster.instances.iter().map(|one| one.id.seq).max().unwrap_or(0).saturating_add(1);
    for table in FormTable::ALL {
        match table.variable() {
            None => form.lists.push(instances(&inventory, cluster)),
            Some(name) => form.lists.extend(lists(&inventory, &items, cluster, table, name)),
        }
    }
    form
}

/// The group that declares the cluster's hosts; the first, where there are several.
fn group(inventory: &Inventory, cluster: &Cluster) -> Option<String> {
    let first = cluster.instances.first()?.addr;
    let own = cluster.groups.first().map(|group| group.0.clone());
    own.or_else(|| {
        inventory.groups().iter().find(|group| group.hosts.contains(&first)).map(|group| group.name.0.clone())
    })
}

fn instances(inventory: &Inventory, cluster: &Cluster) -> FormList {
    let group_name = group(inventory, cluster).unwrap_or_default();
    let place = inventory.group(&group_name).map(|group| (group.key.line, group.key.column));
    let locked =
        (cluster.groups.len() > 1).then(|| "the cluster's instances are in several groups".to_owned());
    FormList {
        table: FormTable::Instances,
        origin: format!("group {group_name}"),
        target: FormTarget::Group(group_name),
        place,
        members: Vec::new(),
        rows: cluster.instances.iter().map(|one| instance(inventory, one)).collect(),
        locked,
    }
}

/// What the host's entry itself says of an instance.
fn instance(inventory: &Inventory, one: &Instance) -> FormRow {
    let vars = inventory.vars(one.addr);
    let group = vars.get("pg_seq").and_then(|seq| match &seq.level {
        Level::Host(group) => Some(group.clone()),
        Level::Default | Level::Global | Level::Group(_) | Level::Extra => None,
    });
    let here = |resolved: &Resolved| {
        group.as_ref().is_some_and(|group| resolved.level == Level::Host(group.clone()))
    };
    let own: Vec<(&str, &Resolved)> = vars.iter().filter(|(_, resolved)| here(resolved)).collect();
    let fields = FormTable::Instances.fields();
    let values = fields.iter().filter_map(|field| {
        let (_, resolved) = own.iter().find(|(name, _)| *name == field.key)?;
        Some((field.key.to_owned(), shown(field, &resolved.value)?))
    });
    let others =
        own.iter().map(|(name, _)| *name).filter(|name| fields.iter().all(|field| field.key != *name));
    let written = inventory.text().get(one.span.start..one.span.end).unwrap_or_default();
    let locked = match &group {
        None => Some("its number is not set in its host's entry".to_owned()),
        Some(_) if written.trim_matches(['\'', '"']) != one.addr.to_string() => {
            Some(format!("`{written}` declares several hosts at once"))
        }
        Some(_) => None,
    };
    let last = own.iter().filter_map(|(_, resolved)| resolved.span).map(|span| span.line).max();
    FormRow {
        target: FormTarget::Host(group.map(|group| group.0).unwrap_or_default(), one.addr.to_string()),
        at: 0,
        name: one.addr.to_string(),
        place: (one.span.line, one.span.column),
        last_line: last.unwrap_or(one.span.line).max(one.span.line),
        fields: values.collect(),
        others: others.map(str::to_owned).collect(),
        locked,
    }
}

/// The lists of one name that the cluster's members have, each where it is written: the one of most precedence alone counts.
fn lists(
    inventory: &Inventory,
    items: &Items<'_>,
    cluster: &Cluster,
    table: FormTable,
    name: &str,
) -> Vec<FormList> {
    let mut found: Vec<(FormTarget, String, Option<Span>, Vec<String>)> = Vec::new();
    for one in &cluster.instances {
        let vars = inventory.vars(one.addr);
        let (target, from, span) = match vars.get(name) {
            Some(resolved) => {
                let Some(target) = target_of(&resolved.level, one.addr) else { continue };
                (target, origin(&resolved.level), resolved.span)
            }
            None => {
                let group = group(inventory, cluster).unwrap_or_default();
                (FormTarget::Group(group.clone()), format!("group {group}"), None)
            }
        };
        match found.iter_mut().find(|(known, ..)| *known == target) {
            Some((.., members)) => members.push(one.id.to_string()),
            None => found.push((target, from, span, vec![one.id.to_string()])),
        }
    }
    let several = found.len() > 1;
    let list = |(target, origin, span, members): (FormTarget, String, Option<Span>, Vec<String>)| {
        let written = var_target(&target).and_then(|target| items.of(&target, name));
        let not_a_list = span.is_some() && written.is_none();
        FormList {
            table,
            origin,
            place: span.map(|span| (span.line, span.column)),
            members: if several { members } else { Vec::new() },
            rows: rows(inventory.text(), table, &target, written.unwrap_or_default()),
            locked: not_a_list.then(|| format!("`{name}` is not a list there")),
            target,
        }
    };
    found.into_iter().map(list).collect()
}

fn target_of(level: &Level, addr: NodeAddr) -> Option<FormTarget> {
    match level {
        Level::Global => Some(FormTarget::Global),
        Level::Group(group) => Some(FormTarget::Group(group.0.clone())),
        Level::Host(group) => Some(FormTarget::Host(group.0.clone(), addr.to_string())),
        Level::Default | Level::Extra => None,
    }
}

/// Where the edits of a text are told to go.
pub(crate) fn var_target(target: &FormTarget) -> Option<VarTarget> {
    match target {
        FormTarget::Global => Some(VarTarget::Global),
        FormTarget::Group(group) => Some(VarTarget::Group(group.clone())),
        FormTarget::Host(group, addr) => Some(VarTarget::Host(group.clone(), addr.parse().ok()?)),
    }
}

/// What a list's item is called; a rule without a title is called by nothing.
pub(crate) fn name_of(table: FormTable, value: &Value) -> String {
    let name = table.name_key().and_then(|key| value.as_map()?.get(key));
    name.map(Value::to_text).unwrap_or_default()
}

fn rows(text: &str, table: FormTable, target: &FormTarget, items: Vec<Item>) -> Vec<FormRow> {
    let none = Map::default();
    let row = |(at, item): (usize, &Item)| {
        let map = item.value.as_map().unwrap_or(&none);
        let fields = table.fields();
        let values: Vec<(String, FieldValue)> = fields
            .iter()
            .filter_map(|field| Some((field.key.to_owned(), shown(field, map.get(field.key)?)?)))
            .collect();
        let others = map.0.iter().map(|(key, _)| key.to_text());
        let masked = text.get(item.span.start..item.span.end).is_some_and(|covered| covered.contains(MASK));
        let locked = item.shared.clone().or_else(|| {
            masked
                .then(|| "it holds a password that is not shown to you".to_owned())
                .or_else(|| item.value.as_map().is_none().then(|| "it is not a mapping".to_owned()))
        });
        FormRow {
            target: target.clone(),
            at: u32::try_from(at).unwrap_or(u32::MAX),
            name: name_of(table, &item.value),
            place: (item.span.line, item.span.column),
            last_line: item.last_line,
            fields: values,
            others: others.filter(|key| fields.iter().all(|field| field.key != key)).collect(),
            locked,
        }
    };
    items.iter().enumerate().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "all:\n  vars:\n    pg_hba_rules:\n      - { title: all, user: all, db: all, addr: intra, auth: pwd }\n  children:\n    pg-a:\n      hosts:\n        10.0.0.1: { pg_seq: 1, pg_role: primary }\n        10.0.0.2: { pg_seq: 2, pg_role: replica, pg_weight: 50, pg_hba_rules: [], odd: 1 }\n      vars:\n        pg_cluster: pg-a\n        pg_users:\n          - { name: app, password: Sup3rSecret, roles: [dbrole_admin], unknown: 1 }\n          - name: masked\n            password: ••••••\n    ranged:\n      hosts:\n        10.0.1.[1:2]: { pg_seq: 1, pg_role: primary, pg_cluster: pg-r }\n";

    fn list(form: &InventoryForm, table: FormTable) -> Vec<&FormList> {
        form.lists.iter().filter(|list| list.table == table).collect()
    }

    #[test]
    fn a_cluster_is_six_tables_with_where_each_row_is_written() {
        let form = form(TEXT.into(), "pg-a");
        assert_eq!(form.clusters, ["pg-a", "pg-r"]);
        assert_eq!((form.cluster.as_str(), form.next_seq), ("pg-a", 3));
        let instances = list(&form, FormTable::Instances);
        let second = &instances[0].rows[1];
        assert_eq!((second.name.as_str(), second.place.0), ("10.0.0.2", 9));
        assert!(second.fields.contains(&("pg_weight".into(), FieldValue::Text("50".into()))));
        assert_eq!(second.others, ["odd", "pg_hba_rules"]);
        let users = list(&form, FormTable::Users);
        assert_eq!((users[0].origin.as_str(), users[0].place.map(|at| at.0)), ("group pg-a", Some(13)));
        assert_eq!(users[0].rows[0].others, ["unknown"]);
        let databases = list(&form, FormTable::Databases);
        assert_eq!(databases[0].target, FormTarget::Group("pg-a".into()));
        assert!(databases[0].rows.is_empty() && databases[0].place.is_none());
        // One member has a list of its own.
        let rules = list(&form, FormTable::HbaRules);
        assert_eq!(rules.len(), 2);
        assert_eq!(
            (rules[0].origin.as_str(), rules[0].members.as_slice()),
            ("all.vars", &["pg-a-1".to_owned()][..])
        );
        assert_eq!(rules[1].target, FormTarget::Host("pg-a".into(), "10.0.0.2".into()));
    }

    #[test]
    fn passwords_are_not_told_and_masked_rows_are_locked() {
        let form = form(TEXT.into(), "pg-a");
        assert!(!format!("{form:?}").contains("Sup3rSecret"));
        let users = list(&form, FormTable::Users);
        assert!(users[0].rows[0].locked.is_none());
        let why = users[0].rows[1].locked.as_deref();
        assert_eq!(why, Some("it holds a password that is not shown to you"));
    }

    #[test]
    fn what_one_entry_declares_for_several_hosts_is_locked_and_a_broken_text_says_where() {
        let ranged = form(TEXT.into(), "pg-r");
        let rows = &list(&ranged, FormTable::Instances)[0].rows;
        assert!(rows.iter().all(|row| row.locked.as_ref().is_some_and(|why| why.contains("several hosts"))));
        assert!(form("all: [".into(), "").broken.is_some_and(|problem| problem.place.is_some()));
        assert_eq!(form("all: {}".into(), "").lists, []);
    }
}
