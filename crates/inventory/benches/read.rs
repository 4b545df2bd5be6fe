//! Reading, resolving and validating 10,000 instances; the budget is 250 ms.

use criterion::{Criterion, criterion_group, criterion_main};
use paddock_inventory::Inventory;
use std::fmt::Write as _;
use std::hint::black_box;

/// 1,000 clusters of 10 instances with users, databases and a rule each.
fn fleet() -> String {
    let mut text = "all:\n  children:\n    infra: { hosts: { 10.0.0.1: { infra_seq: 1 } } }\n    etcd: { hosts: { 10.0.0.1: { etcd_seq: 1 } } }\n".to_owned();
    for cluster in 0..1000 {
        let _ok = writeln!(text, "    pg-{cluster}:\n      hosts:").is_ok();
        for seq in 1..=10 {
            let number = cluster * 10 + seq;
            let role = if seq == 1 { "primary" } else { "replica" };
            let (b, c) = (number / 250, number % 250 + 1);
            let _ok = writeln!(text, "        10.1.{b}.{c}: {{ pg_seq: {seq}, pg_role: {role} }}").is_ok();
        }
        let _ok = writeln!(
            text,
            "      vars:\n        pg_cluster: pg-{cluster}\n        pg_users: [{{ name: app, password: secret }}]\n        pg_databases: [{{ name: app, owner: app }}]\n        pg_hba_rules: [{{ title: app, user: app, db: app, addr: intra, auth: ssl }}]"
        )
        .is_ok();
    }
    text + "  vars: { admin_ip: 10.0.0.1, version: v4.5.0, region: default, pg_version: 15 }\n"
}

fn read(criterion: &mut Criterion) {
    let text = fleet();
    let (inventory, findings) = Inventory::read(text.as_str());
    assert_eq!((inventory.clusters().len(), findings.len()), (1000, 0), "{findings:?}");
    criterion.bench_function("read_10000_instances", |bench| {
        bench.iter(|| Inventory::read(black_box(text.as_str())));
    });
}

criterion_group!(benches, read);
criterion_main!(benches);
