//! What is true of a cluster that is well, looked at past the console.

use super::{on, until};
use std::time::Duration;

/// One leads, the others stream, failover is on, and no script, no half-written file and no lock of an operation is left.
pub fn is_healthy(nodes: &[u8]) {
    let well = "patronictl -c /etc/patroni/patroni.yml list -f json | python3 -c '
import json, sys
rows = json.load(sys.stdin)
well = [r for r in rows if r[\"State\"] in (\"running\", \"streaming\") and (r[\"Role\"] in (\"Leader\", \"Standby Leader\") or r.get(\"Lag in MB\") == 0)]
print(rows); sys.exit(0 if len(well) == len(rows) == int(sys.argv[1]) and len({r[\"TL\"] for r in rows}) == 1 else 1)' ";
    until(nodes[0], &format!("{well}{}", nodes.len()), Duration::from_secs(30));
    let paused = on(nodes[0], "patronictl -c /etc/patroni/patroni.yml list");
    assert!(!paused.contains("Maintenance mode"), "{paused}");
    for node in nodes {
        until(
            *node,
            "! grep -lz '^PADDOCK_FRAME=' /proc/[0-9]*/environ 2>/dev/null",
            Duration::from_secs(20),
        );
        let left = on(
            *node,
            "find /etc /pg/data/ /var/lib/postgresql -xdev -name '*.paddock-??????' 2>/dev/null; true",
        );
        assert_eq!(left, "", "node {node}");
        on(
            *node,
            "haproxy -c -q -f /etc/haproxy/haproxy.cfg -f /etc/haproxy/conf.d && systemctl is-active -q haproxy pgbouncer patroni",
        );
    }
}
