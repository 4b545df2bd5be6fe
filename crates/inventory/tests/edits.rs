//! Generated inventories: they come back byte for byte, an edit changes its own lines only and means what it says,
//! and nothing panics.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic and tell")]
mod common;

use common::{Group, dress, groups, render};
use paddock_inventory::{
    ClusterName, EditError, HostPattern, InstanceRole, Inventory, ItemChange, Map, NewGroup, NodeAddr, Value,
    VarTarget, add_cluster, add_instance, change_item, diff, merge3, remove_cluster, remove_instance,
    render_findings, set_var, unset_var,
};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn t(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn name(text: &str) -> ClusterName {
    text.parse().unwrap()
}

fn addr(text: &str) -> NodeAddr {
    text.parse().unwrap()
}

fn read(text: &str) -> Inventory {
    let (inventory, findings) = Inventory::read(text);
    assert!(!inventory.is_broken(), "{}", render_findings("x", text, &findings));
    inventory
}

/// Everything an inventory says, without places: its globals, its groups with their hosts and variables, what each
/// host resolves to, and the clusters that come of it.
type Meaning = BTreeMap<String, Value>;

fn meaning(inventory: &Inventory) -> Meaning {
    let mut out = Meaning::new();
    for (name, resolved) in inventory.global_vars().iter() {
        out.insert(format!("all.{name}"), resolved.value.clone());
    }
    for group in inventory.groups() {
        let hosts = group.hosts.iter().map(|host| t(&host.to_string())).collect();
        out.insert(format!("group {}", group.name), Value::List(hosts));
        for (key, value) in &group.vars.0 {
            out.insert(format!("group {}.{}", group.name, key.to_text()), value.clone());
        }
    }
    for host in inventory.hosts() {
        for (name, resolved) in inventory.vars(host).iter() {
            out.insert(format!("{host}.{name}"), resolved.value.clone());
        }
    }
    for cluster in inventory.clusters().values() {
        let list = cluster.instances.iter().map(|i| t(&format!("{} {} {}", i.id, i.addr, i.role))).collect();
        out.insert(format!("cluster {}", cluster.name), Value::List(list));
    }
    out
}

/// What the second says otherwise than the first, by key.
fn differs(before: &Meaning, after: &Meaning) -> Vec<String> {
    let keys = before.keys().chain(after.keys().filter(|key| !before.contains_key(*key)));
    keys.filter(|key| before.get(*key) != after.get(*key)).cloned().collect()
}

/// Lines taken away and lines put in: what is left between the common head and the common tail.
fn changed<'a>(before: &'a str, after: &'a str) -> (Vec<&'a str>, Vec<&'a str>) {
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let head = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let tail = old[head..].iter().rev().zip(new[head..].iter().rev()).take_while(|(a, b)| a == b).count();
    (old[head..old.len() - tail].to_vec(), new[head..new.len() - tail].to_vec())
}

fn in_one_line(group: &Group) -> bool {
    matches!(group.style, 1 | 2)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn generated_inventories_come_back_and_mean_what_was_written(groups in groups(), dress in dress()) {
        let text = render(&groups, &dress);
        let (inventory, findings) = Inventory::read(text.as_str());
        prop_assert_eq!(inventory.text(), text.as_str());
        prop_assert!(findings.is_empty(), "{}", render_findings("x", &text, &findings));
        prop_assert_eq!(inventory.clusters().len(), groups.len());
        for group in &groups {
            let cluster = inventory.cluster(&name(&group.name)).unwrap();
            let seen: Vec<_> = cluster.instances.iter().map(|i| (i.addr.to_string(), i.id.seq, i.role.as_str())).collect();
            let meant: Vec<_> = group.hosts.iter().map(|h| (h.addr.clone(), h.seq, h.role)).collect();
            prop_assert_eq!(seen, meant);
            for host in &group.hosts {
                let vars = inventory.vars(addr(&host.addr));
                // The place of a value is exactly what was written there.
                for (key, written) in &host.vars {
                    let span = vars.get(key.trim_matches('\'')).unwrap().span.unwrap();
                    let there = &text[span.start..span.end];
                    let bare = |text: &str| text.replace(' ', "");
                    prop_assert_eq!(bare(there), bare(written));
                    let line = text.lines().nth(span.line as usize - 1).unwrap();
                    let column = span.column as usize - 1;
                    let skip = usize::from(dress.bom && span.line == 1);
                    let at: String = line.chars().skip(column + skip).take(there.chars().count()).collect();
                    prop_assert_eq!(&at, there);
                }
            }
        }
        let defaults = Map(vec![(t("a.b"), t("y")), (t("deadlock"), Value::Bool(false))]);
        let globals = inventory.global_vars();
        prop_assert_eq!(globals.map("merged"), Some(&defaults));
        prop_assert_eq!(globals.text("folded"), Some("--one --two".to_owned()));
    }

    #[test]
    fn a_cluster_is_added_and_removed_without_touching_another_line(groups in groups(), dress in dress(), which in any::<prop::sample::Index>()) {
        let text = render(&groups, &dress);
        let before = read(&text);
        let new = NewGroup {
            name: name("pg-new"),
            instances: vec![(addr("10.9.0.1"), 1, InstanceRole::Primary), (addr("10.9.0.2"), 2, InstanceRole::Replica)],
            vars: Map(vec![
                (t("pg_version"), Value::Int(15)),
                (t("pg_users"), Value::List(vec![Value::Map(Map(vec![(t("name"), t("a")), (t("password"), t("x: y"))]))])),
            ]),
        };
        let edited = add_cluster(&before, &new).unwrap();
        let (gone, come) = changed(&text, &edited);
        prop_assert_eq!((gone.len(), come.len()), (0, 10), "{}", edited);
        let after = read(&edited);
        let differs = differs(&meaning(&before), &meaning(&after));
        prop_assert!(differs.iter().all(|key| key.contains("pg-new") || key.starts_with("10.9.0.")), "{differs:?}");
        prop_assert_eq!(after.cluster(&name("pg-new")).unwrap().instances.len(), 2);
        prop_assert_eq!(after.vars(addr("10.9.0.2")).value("pg_users").cloned(), Some(new.vars.0[1].1.clone()));
        let back = remove_cluster(&after, &name("pg-new")).unwrap();
        let (gone, come) = changed(&edited, &back);
        // The line break before the first line of the new group stays a line break of the text.
        prop_assert!(come.is_empty() && matches!(gone.len(), 9 | 10), "{gone:?} {come:?}");
        prop_assert_eq!(meaning(&read(&back)), meaning(&before));
        prop_assert!(matches!(add_cluster(&after, &new), Err(EditError::Exists(_))));

        let group = &groups[which.index(groups.len())];
        let edited = remove_cluster(&before, &name(&group.name)).unwrap();
        let (gone, come) = changed(&text, &edited);
        prop_assert!(come.is_empty() && gone[0].trim_start().starts_with(&group.name), "{gone:?}");
        let after = meaning(&read(&edited));
        let hosts: Vec<String> = group.hosts.iter().map(|host| format!("{}.", host.addr)).collect();
        for key in self::differs(&meaning(&before), &after) {
            let own = key == format!("cluster {}", group.name)
                || key == format!("group {}", group.name)
                || key.starts_with(&format!("group {}.", group.name))
                || hosts.iter().any(|host| key.starts_with(host));
            prop_assert!(own && !after.contains_key(&key), "{key}");
        }
    }

    #[test]
    fn an_instance_is_added_and_removed_in_one_line(groups in groups(), dress in dress(), which in any::<prop::sample::Index>(), who in any::<prop::sample::Index>()) {
        let text = render(&groups, &dress);
        let before = read(&text);
        let group = &groups[which.index(groups.len())];
        let (cluster, new) = (name(&group.name), addr("10.9.0.1"));
        let edited = add_instance(&before, &cluster, new, 77, InstanceRole::Replica).unwrap();
        let (gone, come) = changed(&text, &edited);
        let lines = if in_one_line(group) { (1, 1) } else { (0, 1) };
        prop_assert_eq!((gone.len(), come.len()), lines, "{}", edited);
        let after = read(&edited);
        let differs = differs(&meaning(&before), &meaning(&after));
        let (own, list) = (format!("cluster {cluster}"), format!("group {cluster}"));
        prop_assert!(differs.iter().all(|key| key.starts_with("10.9.0.1.") || *key == own || *key == list), "{differs:?}");
        let added = after.cluster(&cluster).unwrap().instances.last().unwrap().clone();
        prop_assert_eq!((added.addr, added.id.seq, added.role), (new, 77, InstanceRole::Replica));
        prop_assert_eq!(remove_instance(&after, &cluster, new).unwrap(), text.as_str(), "adding and removing is nothing");
        prop_assert!(matches!(add_instance(&after, &cluster, new, 78, InstanceRole::Replica), Err(EditError::Exists(_))));
        prop_assert!(matches!(add_instance(&after, &cluster, addr("10.9.0.2"), 77, InstanceRole::Replica), Err(EditError::Exists(_))));

        let host = &group.hosts[who.index(group.hosts.len())];
        let removed = remove_instance(&before, &cluster, addr(&host.addr));
        if group.hosts.len() == 1 {
            let refused = matches!(removed, Err(EditError::Shape { .. }));
            prop_assert!(refused);
        } else {
            let edited = removed.unwrap();
            let (gone, come) = changed(&text, &edited);
            prop_assert_eq!(come.len(), usize::from(in_one_line(group)));
            prop_assert!(gone[0].contains(&host.addr), "{gone:?}");
            let after = meaning(&read(&edited));
            let mine = format!("{}.", host.addr);
            let differs = self::differs(&meaning(&before), &after);
            prop_assert!(differs.iter().all(|key| key.starts_with(&mine) || *key == own || *key == list), "{differs:?}");
            prop_assert!(!after.keys().any(|key| key.starts_with(&mine)));
        }
    }

    #[test]
    fn a_variable_is_set_and_removed_where_it_is_meant(groups in groups(), dress in dress(), which in any::<prop::sample::Index>(), level in 0usize..3, key in "[a-z_]{3,8}|note|pg_conf|empty_map|数据", value in value()) {
        let text = render(&groups, &dress);
        let before = read(&text);
        let group = &groups[which.index(groups.len())];
        let host = addr(&group.hosts[0].addr);
        let (target, at) = match level {
            0 => (VarTarget::Global, "all.".to_owned()),
            1 => (VarTarget::Group(group.name.clone()), format!("group {}.", group.name)),
            _ => (VarTarget::Host(group.name.clone(), host), format!("{host}.")),
        };
        let edited = set_var(&before, &target, &key, &value).unwrap();
        let (gone, come) = changed(&text, &edited);
        prop_assert!(gone.len() <= 1 && come.len() <= 1, "{gone:?} {come:?}");
        let after = read(&edited);
        let set = meaning(&after).remove(&format!("{at}{key}"));
        prop_assert_eq!(set, Some(value.clone()));
        for changed in differs(&meaning(&before), &meaning(&after)) {
            prop_assert!(changed.ends_with(&format!(".{key}")), "{changed}");
        }
        prop_assert_eq!(&set_var(&after, &target, &key, &value).unwrap(), &edited, "setting it again is nothing");
        let back = unset_var(&after, &target, &key).unwrap();
        let (_, come) = changed(&edited, &back);
        prop_assert!(come.len() <= 1, "{come:?}");
        let after = meaning(&read(&back));
        if level == 0 {
            let global = after.contains_key(&format!("all.{key}"));
            prop_assert!(!global);
        }
        for changed in differs(&meaning(&before), &after) {
            prop_assert!(changed.ends_with(&format!(".{key}")), "{changed}");
        }
        let known = text.contains(&format!("{key}:")) || text.contains(&format!("{key} :"));
        if !known {
            prop_assert_eq!(back, text);
        }
    }

    #[test]
    fn two_edits_of_different_groups_merge(groups in groups(), dress in dress()) {
        let text = render(&groups, &dress);
        let base = read(&text);
        let (first, last) = (&groups[0], &groups[groups.len() - 1]);
        let ours = set_var(&base, &VarTarget::Group(first.name.clone()), "pg_conf", &t("olap.yml")).unwrap();
        let theirs = set_var(&base, &VarTarget::Global, "last", &Value::Int(2)).unwrap();
        match merge3(&text, &ours, &theirs) {
            Ok(merged) => {
                let merged = read(&merged);
                prop_assert_eq!(merged.group(&first.name).unwrap().vars.get("pg_conf"), Some(&t("olap.yml")));
                prop_assert_eq!(merged.global_vars().int("last"), Some(2));
            }
            // Only lines that touch may stand in each other's way.
            Err(conflict) => prop_assert!(conflict.line > 1 && groups.len() <= 4 && !last.name.is_empty()),
        }
        let back: usize = diff(&text, &ours).iter().flat_map(|hunk| &hunk.lines).filter(|(sign, _)| *sign == '+').count();
        // A last line without a line break changes when a line follows it.
        prop_assert!(back <= 2);
    }

    #[test]
    fn mutilated_inventories_do_not_panic(groups in groups(), dress in dress(), cuts in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), "[ \\t\\r\\n:,&*!|>'\"%@`\\[\\]{}#?<-]{0,4}|\u{feff}|é|\u{85}|\u{2028}|\0"), 1..6)) {
        let mut text = render(&groups, &dress);
        for (from, len, new) in &cuts {
            let from = floor(&text, from.index(text.len() + 1));
            let to = floor(&text, (from + len.index(12)).min(text.len())).max(from);
            text.replace_range(from..to, new);
            survives(&text)?;
        }
        let cut = floor(&text, cuts[0].0.index(text.len() + 1));
        survives(&text[..cut])?;
        survives(&text[cut..])?;
    }

    #[test]
    fn arbitrary_bytes_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        survives(&String::from_utf8_lossy(&bytes))?;
    }

    #[test]
    fn arbitrary_patterns_do_not_panic(pattern in any::<String>(), stars in "[*?\\[\\]!a-]{0,60}") {
        let inventory = read(&render(&[], &plain()));
        for pattern in [pattern, stars] {
            if let Ok(parsed) = HostPattern::parse(&pattern) {
                prop_assert_eq!(parsed.as_str(), pattern.as_str());
                if let Ok(hosts) = inventory.select(&parsed) {
                    prop_assert!(!hosts.is_empty());
                }
            }
        }
    }
}

fn plain() -> common::Dress {
    common::Dress {
        crlf: false,
        final_newline: true,
        markers: false,
        bom: false,
        globals_first: false,
        indent: 2,
        between: vec![""],
        trailing: vec![""],
    }
}

/// Values that an edit may be asked to write.
fn value() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        "[ -~]{0,12}",
        any::<String>().prop_map(|text| text.chars().take(12).collect()),
        prop::sample::select(vec![
            "on",
            "y",
            "0640",
            "1_000",
            "10:20",
            "~",
            "",
            "2030-01-01",
            "...",
            "- a",
            ".nan",
            "a: b",
            " x ",
            "'",
            "é\n"
        ])
        .prop_map(str::to_owned),
    ];
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        any::<f64>().prop_filter("a number", |n| !n.is_nan()).prop_map(Value::Float),
        text.prop_map(Value::Text),
    ];
    scalar.prop_recursive(2, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::List),
            prop::collection::btree_map("[a-z on]{1,5}", inner, 0..4)
                .prop_map(|map| Value::Map(Map(map.into_iter().map(|(k, v)| (Value::Text(k), v)).collect()))),
        ]
    })
}

fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap()
}

/// Reading, showing, fixing and editing a text that may be anything gives an answer, and keeps the text.
fn survives(text: &str) -> Result<(), TestCaseError> {
    let (inventory, findings) = Inventory::read(text);
    prop_assert_eq!(inventory.text(), text);
    prop_assert!(
        findings.iter().all(|f| f.span.start <= f.span.end && f.span.end <= text.len() && f.span.line >= 1)
    );
    let shown = render_findings("x", text, &findings);
    prop_assert_eq!(shown.is_empty(), findings.is_empty());
    for finding in &findings {
        if let Some(fix) = &finding.fix {
            let fixed: Inventory = Inventory::read(fix.apply(text)).0;
            prop_assert!(!fixed.is_broken(), "a fix breaks the text: {finding:?}");
        }
    }
    let before = meaning(&inventory);
    for cluster in inventory.clusters().keys().take(2) {
        for edited in [
            add_instance(&inventory, cluster, addr("10.77.0.1"), 4_000_000, InstanceRole::Replica),
            remove_cluster(&inventory, cluster),
        ]
        .into_iter()
        .flatten()
        {
            prop_assert!(meaning(&read(&edited)) != before);
        }
        for instance in &inventory.cluster(cluster).unwrap().instances {
            if let Ok(edited) = remove_instance(&inventory, cluster, instance.addr) {
                prop_assert!(meaning(&read(&edited)) != before);
            }
        }
        if let Ok(edited) = set_var(&inventory, &VarTarget::Group(cluster.to_string()), "k", &Value::Int(1)) {
            let after = read(&edited);
            prop_assert_eq!(after.group(cluster.as_str()).unwrap().vars.get("k"), Some(&Value::Int(1)));
        }
        let group = VarTarget::Group(cluster.to_string());
        let new = ItemChange::Add(Map(vec![(t("name"), t("n"))]));
        for change in [new, ItemChange::Set(0, vec![("name".into(), Some(t("n")))]), ItemChange::Remove(0)] {
            if let Ok(edited) = change_item(&inventory, &group, "pg_users", &change) {
                prop_assert!(!read(&edited).is_broken());
            }
        }
    }
    Ok(())
}

/// Shapes that generated texts do not have.
#[test]
fn odd_shapes_are_edited_or_refused_but_never_broken() {
    let base = |group: &str, vars: &str| {
        format!(
            "all:\n  children:\n    etcd: {{ hosts: {{ 10.0.0.9: {{ etcd_seq: 1 }} }} }}\n{group}  vars:\n{vars}"
        )
    };
    let globals = "    admin_ip: 10.0.0.9\n    x: &x { a: 1 }\n    list:\n      - one # first\n      # a comment\n      - two\n    text: |\n      a\n      b\n    none:\n    last: [ a, # why\n      b ]\n";
    let set = |text: &str, key: &str, value: &Value| set_var(&read(text), &VarTarget::Global, key, value);
    let text = base("", globals);
    for (key, from, to) in [
        ("none", "    none:\n", "    none: 5\n"),
        ("text", "    text: |\n      a\n      b\n", "    text: 5\n"),
        ("last", "    last: [ a, # why\n      b ]\n", "    last: 5\n"),
        ("admin_ip", "admin_ip: 10.0.0.9", "admin_ip: 5"),
        ("new", "      b ]\n", "      b ]\n    new: 5\n"),
    ] {
        assert_eq!(set(&text, key, &Value::Int(5)).unwrap(), text.replace(from, to), "{key}");
    }
    for (key, from) in [
        ("none", "    none:\n"),
        ("text", "    text: |\n      a\n      b\n"),
        ("list", "    list:\n      - one # first\n      # a comment\n      - two\n"),
        ("last", "    last: [ a, # why\n      b ]\n"),
    ] {
        assert_eq!(
            unset_var(&read(&text), &VarTarget::Global, key).unwrap(),
            text.replace(from, ""),
            "{key}"
        );
    }
    // An anchor that others use cannot go, and its value cannot change under them.
    let shared = base("", "    admin_ip: 10.0.0.9\n    x: &x { a: 1 }\n    y: *x\n    z: { <<: *x, b: 2 }\n");
    assert!(matches!(unset_var(&read(&shared), &VarTarget::Global, "x"), Err(EditError::Shape { .. })));
    assert_eq!(set(&shared, "y", &Value::Int(1)).unwrap(), shared.replace("y: *x", "y: 1"));
    let hosts = base(
        "    g: &g { hosts: { 10.0.0.1: { pg_seq: 1, pg_role: primary } }, vars: { pg_cluster: g } }\n    h: *g\n",
        "    admin_ip: 10.0.0.9\n",
    );
    let refused = set_var(&read(&hosts), &VarTarget::Group("g".into()), "k", &Value::Int(1));
    assert!(matches!(refused, Err(EditError::Shape { .. })), "{refused:?}");
    // Mappings that are missing or empty are made.
    let bare =
        base("    g:\n      hosts:\n        10.0.0.1:\n        10.0.0.2: {}\n", "    admin_ip: 10.0.0.9\n");
    let group = VarTarget::Group("g".into());
    let with = set_var(&read(&bare), &group, "k", &t("v")).unwrap();
    assert_eq!(with, bare.replace("10.0.0.2: {}\n", "10.0.0.2: {}\n      vars: { k: v }\n"));
    assert_eq!(unset_var(&read(&with), &group, "k").unwrap(), with.replace("{ k: v }", "{}"));
    for (host, from, to) in [
        ("10.0.0.1", "10.0.0.1:\n", "10.0.0.1: { k: v }\n"),
        ("10.0.0.2", "10.0.0.2: {}\n", "10.0.0.2: { k: v }\n"),
    ] {
        let target = VarTarget::Host("g".into(), addr(host));
        assert_eq!(set_var(&read(&bare), &target, "k", &t("v")).unwrap(), bare.replace(from, to));
    }
    for target in [VarTarget::Group("no".into()), VarTarget::Host("g".into(), addr("10.0.0.3"))] {
        assert!(matches!(set_var(&read(&bare), &target, "k", &t("v")), Err(EditError::Missing(_))));
    }
    assert_eq!(unset_var(&read(&bare), &VarTarget::Global, "no").unwrap(), bare);
    assert_eq!(
        set_var(&Inventory::read("a: [").0, &VarTarget::Global, "k", &t("v")),
        Err(EditError::Unreadable)
    );
    // Hosts over several lines of a flow mapping, with a comment among them.
    let wide = base(
        "    c: { hosts: {\n      10.0.0.1: { pg_seq: 1, pg_role: primary },   # leads\n      # 10.0.0.7: { pg_seq: 7 },\n      10.0.0.2: { pg_seq: 2, pg_role: replica },\n      10.0.0.3: { pg_seq: 3, pg_role: replica }\n    }, vars: { pg_cluster: c } }\n",
        "    admin_ip: 10.0.0.9\n",
    );
    let cut = remove_instance(&read(&wide), &name("c"), addr("10.0.0.2")).unwrap();
    assert_eq!(cut, wide.replace("      10.0.0.2: { pg_seq: 2, pg_role: replica },\n", ""));
    // Several clusters in one group: its hosts carry their own names, so an edit of one may not touch the group.
    let citus = base(
        "    citus:\n      hosts:\n        10.0.0.1: { pg_cluster: c1, pg_seq: 1, pg_role: primary }\n        10.0.0.2: { pg_cluster: c2, pg_seq: 1, pg_role: primary }\n",
        "    admin_ip: 10.0.0.9\n",
    );
    assert!(matches!(remove_cluster(&read(&citus), &name("c1")), Err(EditError::Shape { .. })));
    assert!(matches!(
        add_instance(&read(&citus), &name("c1"), addr("10.0.0.3"), 2, InstanceRole::Replica),
        Err(EditError::Shape { .. })
    ));
}
