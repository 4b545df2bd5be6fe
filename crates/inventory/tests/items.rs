//! One item of a list at a time: its own lines change and nothing else, in every style that lists are written in.

#![allow(clippy::unwrap_used, reason = "a test may panic and tell")]

use paddock_inventory::{
    EditError, Inventory, ItemChange, Items, Map, Value, VarTarget, change_item, render_findings,
};
use proptest::prelude::*;

fn t(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn map(pairs: &[(&str, Value)]) -> Map {
    Map(pairs.iter().map(|(key, value)| (t(key), value.clone())).collect())
}

fn group() -> VarTarget {
    VarTarget::Group("pg-a".into())
}

/// A cluster whose variables end with these lines, and what follows them.
fn text(lines: &str) -> String {
    format!(
        "all:\n  children:\n    pg-a:\n      hosts: {{ 10.0.0.1: {{ pg_seq: 1, pg_role: primary }} }}\n      vars:\n        pg_cluster: pg-a\n{lines}    # after\n  vars: {{ admin_ip: 10.0.0.1 }}\n"
    )
}

fn edit(text: &str, change: &ItemChange) -> Result<String, EditError> {
    let (inventory, findings) = Inventory::read(text);
    assert!(!inventory.is_broken(), "{}", render_findings("x", text, &findings));
    change_item(&inventory, &group(), "pg_users", change)
}

/// The lines of the variables before and after a change.
fn check(lines: &str, change: &ItemChange, expected: &str) {
    let before = text(lines);
    let after = edit(&before, change).unwrap();
    assert_eq!(after, text(expected), "{change:?}");
    let crlf = edit(&before.replace('\n', "\r\n"), change).unwrap();
    assert_eq!(crlf, after.replace('\n', "\r\n"), "with CRLF");
}

fn refuse(lines: &str, change: &ItemChange, why: &str) {
    let refused = edit(&text(lines), change).unwrap_err();
    assert!(refused.to_string().contains(why), "{refused}");
}

fn new() -> ItemChange {
    ItemChange::Add(map(&[("name", t("new")), ("pgbouncer", Value::Bool(true))]))
}

fn set(at: usize, pairs: &[(&str, Option<Value>)]) -> ItemChange {
    ItemChange::Set(at, pairs.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect())
}

const FLOW: &str = "        pg_users: # who may\n          # the first\n          - { name: a, password: 'x # y', roles: [r] }   # pays\n          - {name: b ,password: z}\n          # the end\n";
const BLOCK: &str = "        pg_users:\n        - name: a\n          # why\n          password: \"x\" # quoted\n          roles:\n            - r\n        - name: b\n";
const LINES: &str = "        pg_users: [\n          { name: a },   # pays\n          # { name: gone },\n          { name: b }    # last\n        ]\n";
const ONE: &str = "        pg_users: [{ name: a , password: x }, { name: b }]  # short\n";

#[test]
fn an_item_is_added_in_the_style_of_its_neighbours() {
    let line = "- { name: new, pgbouncer: true }";
    check(
        FLOW,
        &new(),
        &FLOW.replace("          # the end", &format!("          {line}\n          # the end")),
    );
    check(BLOCK, &new(), &format!("{BLOCK}        - name: new\n          pgbouncer: true\n"));
    check(
        LINES,
        &new(),
        &LINES.replace(
            "{ name: b }    # last",
            "{ name: b },    # last\n          { name: new, pgbouncer: true }",
        ),
    );
    check(ONE, &new(), &ONE.replace("{ name: b }]", "{ name: b }, { name: new, pgbouncer: true }]"));
    for none in ["", " []", " ~", " [ ]"] {
        let lines = format!("        pg_users:{none} # none yet\n        pg_dbs:\n        - a\n");
        check(
            &lines,
            &new(),
            &format!("        pg_users: # none yet\n        {line}\n        pg_dbs:\n        - a\n"),
        );
    }
    check("", &new(), &format!("        pg_users:\n          {line}\n"));
    check(
        "        x:\n            - y\n",
        &new(),
        &format!("        x:\n            - y\n        pg_users:\n            {line}\n"),
    );
    // A mapping in one line takes the list into its line.
    let wide =
        "all: { children: { pg-a: { hosts: { 10.0.0.1: { pg_seq: 1 } }, vars: { pg_cluster: pg-a } } } }";
    assert_eq!(
        edit(wide, &new()).unwrap(),
        wide.replace("pg_cluster: pg-a }", "pg_cluster: pg-a, pg_users: [{ name: new, pgbouncer: true }] }")
    );
    let bare = "all: { children: { pg-a: { hosts: { 10.0.0.1: { pg_seq: 1 } } } } }";
    assert!(edit(bare, &new()).unwrap().contains("vars: { pg_users: [{ name: new, pgbouncer: true }] }"));
}

#[test]
fn only_the_changed_keys_of_an_item_are_touched() {
    let change = set(0, &[("password", Some(t("new"))), ("roles", Some(Value::List(vec![t("r"), t("s")])))]);
    check(FLOW, &change, &FLOW.replace("'x # y'", "'new'").replace("[r]", "[r, s]"));
    check(
        BLOCK,
        &change,
        &BLOCK.replace("\"x\"", "\"new\"").replace("roles:\n            - r", "roles: [r, s]"),
    );
    // What is as it should be is not written again.
    check(FLOW, &set(0, &[("name", Some(t("a"))), ("comment", None)]), FLOW);
    check(
        FLOW,
        &set(1, &[("login", Some(Value::Bool(false)))]),
        &FLOW.replace("password: z}", "password: z, login: false}"),
    );
    check(
        BLOCK,
        &set(1, &[("login", Some(Value::Bool(false)))]),
        &BLOCK.replace("- name: b\n", "- name: b\n          login: false\n"),
    );
    check(FLOW, &set(0, &[("password", None)]), &FLOW.replace("password: 'x # y', ", ""));
    check(ONE, &set(0, &[("password", None)]), &ONE.replace(" , password: x", ""));
    check(BLOCK, &set(0, &[("roles", None)]), &BLOCK.replace("          roles:\n            - r\n", ""));
    // A rule's first key may go: the next one takes its place beside the dash.
    let rule = "        pg_users:\n          - title: x\n            name: a\n";
    check(rule, &set(0, &[("title", None)]), "        pg_users:\n          - name: a\n");
    refuse(BLOCK, &set(0, &[("name", None)]), "a comment stands behind `name`");
    refuse(BLOCK, &set(1, &[("name", None)]), "`name` is its only key");
    let noted = "        pg_users:\n          - name: a\n            roles:\n              - r # why\n              - s\n";
    refuse(noted, &set(0, &[("roles", Some(Value::List(Vec::new())))]), "a comment may stand in");
    refuse(FLOW, &set(7, &[("name", Some(t("x")))]), "`item 8` is not in the inventory");
}

#[test]
fn an_item_goes_with_its_lines_and_leaves_the_comments() {
    check(
        FLOW,
        &ItemChange::Remove(0),
        &FLOW.replace("          - { name: a, password: 'x # y', roles: [r] }   # pays\n", ""),
    );
    check(FLOW, &ItemChange::Remove(1), &FLOW.replace("          - {name: b ,password: z}\n", ""));
    check(BLOCK, &ItemChange::Remove(0), "        pg_users:\n        - name: b\n");
    check(BLOCK, &ItemChange::Remove(1), &BLOCK.replace("        - name: b\n", ""));
    check(LINES, &ItemChange::Remove(0), &LINES.replace("          { name: a },   # pays\n", ""));
    refuse(LINES, &ItemChange::Remove(1), "there is a comment before it");
    check(ONE, &ItemChange::Remove(0), &ONE.replace("{ name: a , password: x }, ", ""));
    check(ONE, &ItemChange::Remove(1), &ONE.replace(", { name: b }", ""));
    // The last one leaves an empty list: without it, one of a lower level would come through.
    check(
        "        pg_users: # who\n          # one\n          - name: a\n            login: no\n",
        &ItemChange::Remove(0),
        "        pg_users: [] # who\n          # one\n",
    );
    check("        pg_users: [ { name: a } ] # x\n", &ItemChange::Remove(0), "        pg_users: [] # x\n");
    refuse(
        "        pg_users: [ # why\n          { name: a } ]\n",
        &ItemChange::Remove(0),
        "a comment stands in it",
    );
}

#[test]
fn what_is_shared_is_refused_with_where_and_why() {
    let anchor = "        pg_users: &all\n          - { name: a }\n        others: *all\n";
    for change in [new(), set(0, &[("name", Some(t("x")))]), ItemChange::Remove(0)] {
        refuse(anchor, &change, "the anchor `&all` on line 7 gives it to other places, too");
    }
    let alias = "        others: &all\n          - { name: a }\n        pg_users: *all\n";
    for change in [new(), set(0, &[("name", Some(t("x")))]), ItemChange::Remove(0)] {
        refuse(alias, &change, "an alias (`*name`) on line 9 stands for what is written on line 8");
    }
    let item =
        "        x: &a { name: a }\n        pg_users:\n          - *a\n          - { <<: *a, login: no }\n";
    refuse(item, &set(0, &[("name", Some(t("x")))]), "an alias (`*name`) on line 9");
    refuse(item, &set(1, &[("name", None)]), "a merge key (`<<`) on line 10 brings it");
    check(item, &set(1, &[("name", Some(t("b")))]), &item.replace("login: no }", "login: no, name: b }"));
    check(item, &ItemChange::Remove(0), &item.replace("          - *a\n", ""));
    let merged = "        x: &a { pg_users: [{ name: a }] }\n        <<: *a\n";
    refuse(merged, &new(), "a merge key (`<<`) brings it; it is written on line 7");
    refuse("        pg_users: nobody\n", &new(), "it is not a list");
    let list = text(item);
    let (inventory, _) = Inventory::read(list.as_str());
    let items = Items::read(&inventory).unwrap().of(&group(), "pg_users").unwrap();
    let shared: Vec<_> = items.iter().map(|item| (item.span.line, item.shared.is_some())).collect();
    assert_eq!(shared, [(9, true), (10, false)]);
}

#[test]
fn items_say_where_they_stand() {
    let text = text(BLOCK);
    let (inventory, _) = Inventory::read(text.as_str());
    let items = Items::read(&inventory).unwrap();
    let found = items.of(&group(), "pg_users").unwrap();
    let lines: Vec<_> = found.iter().map(|item| (item.span.line, item.last_line)).collect();
    assert_eq!(lines, [(8, 12), (13, 13)]);
    assert_eq!(found[1].value, Value::Map(map(&[("name", t("b"))])));
    assert_eq!(items.of(&VarTarget::Global, "pg_users"), None);
    assert_eq!(items.of(&VarTarget::Group("none".into()), "pg_users"), None);
}

/// A list in one of five styles; its items have a name and a value as written.
fn list(style: usize, items: &[(&str, &str)], between: &str) -> String {
    let flow = |(at, (key, value)): (usize, &(&str, &str))| format!("{{ name: u{at}, {key}: {value} }}");
    let each = items.iter().enumerate();
    let comment = if between.is_empty() { String::new() } else { format!("          {between}\n") };
    match style {
        0 => each.fold("        pg_users:\n".to_owned(), |out, one| {
            format!("{out}          - {}\n{comment}", flow(one))
        }),
        1 => each.fold("        pg_users:\n".to_owned(), |out, (at, (key, value))| {
            format!("{out}        - name: u{at}\n          {key}: {value} # why\n{comment}")
        }),
        2 => format!("        pg_users: [{}]\n", each.map(flow).collect::<Vec<_>>().join(", ")),
        3 => format!(
            "        pg_users: [\n          {}\n        ]\n",
            each.map(flow).collect::<Vec<_>>().join(",\n          ")
        ),
        _ => each.fold("        pg_users:\n".to_owned(), |out, (at, (key, value))| {
            format!("{out}            -   {key}: {value}\n                name: u{at}\n{comment}")
        }),
    }
}

const WRITTEN: &[(&str, &str)] = &[
    ("password", "'it''s # no comment'"),
    ("password", "\"a: {b}\""),
    ("comment", "über"),
    ("roles", "[ a , b ]"),
    ("parameters", "{ search_path: 'a,b' }"),
    ("login", "off"),
    ("expire_at", "'2030-01-01'"),
    ("connlimit", "0640"),
    ("comment", "~"),
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_edit_of_an_item_is_that_and_no_more(
        style in 0usize..5,
        items in prop::collection::vec(prop::sample::select(WRITTEN.to_vec()), 1..5),
        between in prop::sample::select(vec!["", "# a comment", "# - { name: x }"]),
        which in any::<prop::sample::Index>(),
        key in "name|password|comment|roles|new_key|数据",
        value in prop_oneof![
            Just(Value::Null), any::<bool>().prop_map(Value::Bool), any::<i64>().prop_map(Value::Int),
            "[ -~é]{0,12}".prop_map(Value::Text),
            prop::collection::vec("[ -~]{0,6}".prop_map(Value::Text), 0..3).prop_map(Value::List),
        ],
        crlf in any::<bool>(),
    ) {
        let at = which.index(items.len());
        let mut before = text(&list(style, &items, between));
        if crlf {
            before = before.replace('\n', "\r\n");
        }
        let read = |text: &str| {
            let (inventory, _) = Inventory::read(text);
            let items = Items::read(&inventory).unwrap().of(&group(), "pg_users").unwrap();
            items.into_iter().map(|item| item.value).collect::<Vec<_>>()
        };
        let old = read(&before);

        let set = edit(&before, &ItemChange::Set(at, vec![(key.clone(), Some(value.clone()))])).unwrap();
        let now = read(&set);
        prop_assert_eq!(now[at].as_map().unwrap().get(&key), Some(&value));
        prop_assert_eq!((&now[..at], &now[at + 1..]), (&old[..at], &old[at + 1..]));
        let others = |values: &[Value]| {
            let pairs = values[at].as_map().unwrap().0.iter().filter(|(known, _)| known.to_text() != key);
            pairs.cloned().collect::<Vec<_>>()
        };
        prop_assert_eq!(others(&now), others(&old));
        prop_assert_eq!(edit(&set, &ItemChange::Set(at, vec![(key, Some(value))])).unwrap(), set.as_str());
        let kept = |after: &str| before.lines().filter(|line| !after.lines().any(|other| other == *line)).count();
        prop_assert!(kept(&set) <= 1, "{set}");

        let item = map(&[("name", t("new")), ("comment", t("a: b"))]);
        let added = edit(&before, &ItemChange::Add(item.clone())).unwrap();
        let now = read(&added);
        prop_assert_eq!((&now[..old.len()], &now[old.len()..]), (&old[..], &[Value::Map(item)][..]));
        prop_assert_eq!(&edit(&added, &ItemChange::Remove(old.len())).unwrap().replace(',', ""), &before.replace(',', ""), "adding and removing is nothing");

        let removed = edit(&before, &ItemChange::Remove(at)).unwrap();
        let mut left = old;
        left.remove(at);
        prop_assert_eq!(read(&removed), left);
        prop_assert_eq!(removed.matches("# a comment").count(), before.matches("# a comment").count());
    }
}
