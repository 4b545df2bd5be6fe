//! Connecting: each refusal is told apart and names the node.

use crate::rig::{Node, address, lab_dir, script, settings, target};
use paddock_engine::{Pool, SshError, SshKey, gather_facts};
use paddock_playbooks::HostFacts;
use std::fs;
use std::time::{Duration, Instant};

async fn refusal(settings: paddock_engine::SshSettings) -> SshError {
    let target = target(&settings, 12);
    match Pool::new(settings).shell(&target).await {
        Ok(_) => panic!("a shell was given"),
        Err(error) => error,
    }
}

#[tokio::test]
#[ignore = "needs the lab"]
async fn lab_a_wrong_key_is_named_with_user_and_path() {
    let dir = tempfile::tempdir().unwrap();
    let key = dir.path().join("other");
    let mut made = std::process::Command::new("ssh-keygen");
    made.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key);
    assert!(made.status().unwrap().success());
    let mut wrong = settings("root");
    wrong.key = SshKey::File(key.clone());
    let error = refusal(wrong).await;
    let SshError::Auth { node, user, key: named } = &error else { panic!("{error:?}") };
    assert_eq!((*node, user.as_str(), named), (address(12), "root", &key));
    assert!(error.fix().contains("authorized_keys"), "{}", error.fix());

    let mut none = settings("root");
    none.key = SshKey::File(dir.path().join("missing"));
    assert!(matches!(refusal(none).await, SshError::Key { .. }));
}

#[tokio::test]
#[ignore = "needs the lab"]
async fn lab_an_unknown_and_a_changed_host_key_are_refused_before_signing_in() {
    let dir = tempfile::tempdir().unwrap();
    let known_hosts = dir.path().join("known_hosts");
    let all = fs::read_to_string(lab_dir().join("known_hosts")).unwrap();
    let line_of = |node: u8| {
        let name = format!("{} ", address(node));
        all.lines().find_map(|line| line.strip_prefix(&name)).unwrap().to_owned()
    };
    let with = |content: String| {
        fs::write(&known_hosts, content).unwrap();
        let mut settings = settings("root");
        settings.known_hosts.clone_from(&known_hosts);
        settings
    };

    let unknown = refusal(with(format!("{} {}\n", address(13), line_of(13)))).await;
    let SshError::UnknownHostKey { fingerprint, .. } = &unknown else { panic!("{unknown:?}") };
    let shown = Node(12).sh("ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub");
    assert!(shown.contains(fingerprint), "{fingerprint} is not in {shown}");

    let changed = refusal(with(format!("# a note\n{} {}\n", address(12), line_of(13)))).await;
    let SshError::HostKeyChanged { node, line, known, got } = &changed else { panic!("{changed:?}") };
    assert_eq!((*node, *line, got), (address(12), 2, fingerprint));
    let other = Node(13).sh("ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub");
    assert!(other.contains(known.as_str()), "{known} is not in {other}");

    // Trusted is what was compared, and never in the place of another key.
    let target = target(&settings("root"), 12);
    let changed = Pool::new(with(format!("{} {}\n", address(12), line_of(13))));
    assert!(matches!(changed.trust(&target, fingerprint).await, Err(SshError::HostKeyChanged { .. })));
    let empty = Pool::new(with(String::new()));
    assert!(matches!(empty.trust(&target, known).await, Err(SshError::UnknownHostKey { .. })));
    assert_eq!(fs::read_to_string(&known_hosts).unwrap(), "", "nothing was recorded");
    empty.trust(&target, fingerprint).await.unwrap();
    empty.shell(&target).await.unwrap();
    empty.trust(&target, fingerprint).await.unwrap();
    assert_eq!(fs::read_to_string(&known_hosts).unwrap().lines().filter(|line| !line.is_empty()).count(), 1);

    // `HashKnownHosts yes` is what Debian's ssh writes.
    let plain = with(format!("{} {}\n", address(12), line_of(12)));
    let hashed = std::process::Command::new("ssh-keygen").args(["-q", "-H", "-f"]).arg(&known_hosts).output();
    assert!(hashed.unwrap().status.success());
    assert!(fs::read_to_string(&known_hosts).unwrap().starts_with("|1|"));
    Pool::new(plain).shell(&target).await.unwrap();
}

#[tokio::test]
#[ignore = "needs the lab"]
async fn lab_a_plain_user_with_sudo_gets_a_root_shell() {
    let settings = settings("admin");
    let target = target(&settings, 12);
    let pool = Pool::new(settings);
    let mut shell = pool.shell(&target).await.unwrap();
    let ran = shell.run(&script("id -un"), Duration::from_secs(10), &mut |_| {}).await.unwrap();
    assert_eq!(ran.out, ["root"]);

    // Without sudo's leave it is said so, with the node's own words.
    let node = Node(12);
    node.sh("useradd -m plain 2>/dev/null; install -d -o plain -m 700 ~plain/.ssh; install -o plain -m 600 ~/.ssh/authorized_keys ~plain/.ssh/");
    let settings = crate::rig::settings("plain");
    let plain = crate::rig::target(&settings, 12);
    let Err(error) = Pool::new(settings).shell(&plain).await else { panic!("`plain` became root") };
    assert!(matches!(&error, SshError::Shell { why, .. } if why.contains("sudo")), "{error}");
}

#[tokio::test]
#[ignore = "needs the lab"]
async fn lab_a_node_that_is_off_or_unplugged_is_told_within_the_bound() {
    let node = Node(13);
    node.lab("cut");
    let settings = settings("root");
    let (target, bound) = (target(&settings, 13), settings.connect_timeout);
    let pool = Pool::new(settings);
    let begun = Instant::now();
    let Err(error) = pool.shell(&target).await else { panic!("a shell through a cut cable") };
    assert!(matches!(error, SshError::Connect { .. }), "{error:?}");
    assert!(begun.elapsed() < bound + Duration::from_secs(1), "{:?}", begun.elapsed());
    node.lab("mend");
    node.lab("kill");
    let Err(error) = pool.shell(&target).await else { panic!("a shell on a dead node") };
    assert!(matches!(error, SshError::Connect { .. }), "{error:?}");
}

#[tokio::test]
#[ignore = "needs the lab"]
async fn lab_an_idle_shell_of_a_node_that_restarted_is_not_given_out() {
    let node = Node(13);
    let settings = settings("root");
    let targets = crate::rig::targets(&settings);
    let target = targets.get(address(13)).unwrap().clone();
    let pool = Pool::new(settings);
    let shell = pool.shell(&target).await.unwrap();
    pool.give_back(&target, shell);
    node.lab("kill");
    // The runtime had no turn yet to hear of it.
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(pool.shell(&target).await.is_err(), "an idle shell must not make a dead node look alive");
    node.lab("start");
    let shell = pool.shell(&target).await.unwrap();
    pool.give_back(&target, shell);
    node.lab("kill");
    node.lab("start");
    let facts = gather_facts(&pool, &targets, &[address(13)]).await;
    assert!(matches!(facts[&address(13)], HostFacts::Known(_)), "{facts:?}");
}
