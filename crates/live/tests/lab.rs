//! What a look says of real servers that are silent, unplugged or closed: never more than is known.
//!
//! `cargo xtask integration` builds this and runs it by `lab exec`. It works on nodes 12 and 13, and leaves them running.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic and tell")]

use paddock_engine::{Pool, SshKey, SshSettings, Targets};
use paddock_events::{ClusterTopology, HealthLevel};
use paddock_inventory::Inventory;
use paddock_live::read_cluster;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

/// Everything on again at the end.
struct Lab;

impl Lab {
    fn lab(words: &[&str]) -> String {
        let out = Command::new("../../lab/lab").args(words).output().unwrap();
        assert!(out.status.success(), "lab {words:?}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8_lossy(&out.stdout).trim().to_owned()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        Self::lab(&["mend", "12", "13"]);
        for node in ["12", "13"] {
            Self::lab(&[
                "ssh",
                node,
                "pkill -f '[p]ort-of-patroni'; rm -f /etc/ssh/sshd_config.d/test.conf; systemctl restart ssh",
            ]);
        }
    }
}

struct Looker {
    pool: Pool,
    targets: Targets,
    inventory: Inventory,
}

impl Looker {
    fn new() -> Self {
        let net = std::env::var("LAB_NET").unwrap_or_else(|_| "10.10.10".to_owned());
        let dir = PathBuf::from(std::env::var("LAB_DIR").unwrap_or_else(|_| "/var/lib/pg-lab".to_owned()));
        let text = format!(
            "all:\n  children:\n    pg-quiet:\n      hosts:\n        {net}.12: {{ pg_seq: 1, pg_role: primary }}\n        {net}.13: {{ pg_seq: 2, pg_role: replica }}\n      vars: {{ pg_cluster: pg-quiet }}\n"
        );
        let pool = Pool::new(SshSettings {
            user: "root".to_owned(),
            key: SshKey::File(dir.join("id_ed25519")),
            known_hosts: dir.join("known_hosts"),
            connect_timeout: Duration::from_secs(10),
            reconnect: SshSettings::RECONNECT,
        });
        let (inventory, _) = Inventory::read(&text);
        Self { targets: Targets::from_inventory(&inventory, pool.settings()), pool, inventory }
    }

    async fn look(&self) -> ClusterTopology {
        let name = "pg-quiet".parse().unwrap();
        let begun = Instant::now();
        let seen = read_cluster(&self.pool, &self.targets, &self.inventory, &name, 1).await.unwrap();
        println!("{:?} after {:?}: {:?}", seen.health, begun.elapsed(), seen.reasons);
        assert!(begun.elapsed() < Duration::from_secs(9), "one look is bounded: {:?}", begun.elapsed());
        seen
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the lab"]
async fn lab_a_cluster_is_not_created_only_when_all_nodes_say_so() {
    let _lab = Lab;
    let looker = Looker::new();
    let seen = looker.look().await;
    assert_eq!(seen.health, HealthLevel::NotCreated, "{:?}", seen.reasons);
    assert!(seen.members.iter().all(|member| member.unreachable.is_none()));

    // The connection is still open when the cable goes: the first look must not take that for a node without Patroni.
    Lab::lab(&["cut", "13"]);
    for _ in 0..2 {
        let seen = looker.look().await;
        assert_eq!(seen.health, HealthLevel::Unknown, "{:?}", seen.reasons);
        assert!(
            seen.members[0].unreachable.is_none() && seen.members[1].unreachable.is_some(),
            "{:?}",
            seen.members
        );
    }
    Lab::lab(&["cut", "12"]);
    let seen = looker.look().await;
    assert_eq!((seen.health, seen.reasons.len()), (HealthLevel::Unknown, 2), "{:?}", seen.reasons);
    Lab::lab(&["mend", "12", "13"]);
    let end = Instant::now() + Duration::from_secs(40);
    while looker.look().await.health != HealthLevel::NotCreated {
        assert!(Instant::now() < end, "it is seen again when the cables are");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the lab"]
async fn lab_a_silent_patroni_and_a_closed_sshd_are_unknown_with_their_reason() {
    let _lab = Lab;
    let looker = Looker::new();
    // Takes connections and says nothing, as a Patroni that was stopped in the middle.
    let silent = "nohup python3 -c 'import socket,time;s=socket.create_server((\"0.0.0.0\",8008));time.sleep(60)' port-of-patroni >/dev/null 2>&1 </dev/null &";
    Lab::lab(&["ssh", "12", silent]);
    Lab::lab(&[
        "ssh",
        "12",
        "for i in $(seq 50); do (exec 3<>/dev/tcp/127.0.0.1/8008) 2>/dev/null && exit 0; sleep 0.1; done; exit 1",
    ]);
    let seen = looker.look().await;
    assert_eq!(seen.health, HealthLevel::Unknown, "{:?}", seen.reasons);
    assert!(seen.reasons.iter().any(|why| why.contains("8008 did not answer")), "{:?}", seen.reasons);

    Lab::lab(&[
        "ssh",
        "13",
        // Not `reload`, which returns before sshd has closed its socket and opened it again.
        "echo 'AllowTcpForwarding no' >/etc/ssh/sshd_config.d/test.conf; systemctl restart ssh",
    ]);
    let fresh = Looker::new();
    let seen = fresh.look().await;
    assert!(seen.reasons.iter().any(|why| why.contains("AllowTcpForwarding")), "{:?}", seen.reasons);
}
