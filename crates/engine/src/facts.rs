//! Facts of nodes, read in parallel.

use crate::{Pool, SshError, Target, Targets};
use paddock_inventory::NodeAddr;
use paddock_playbooks::{Facts, HostFacts};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// How long a node may take to tell its facts.
const LIMIT: Duration = Duration::from_secs(30);
/// How long after a lost connection a node is asked once more.
const AGAIN: Duration = Duration::from_secs(2);

/// What pgBackRest says of its repositories on a node, as JSON; empty when it is not set up there.
pub async fn read_backups(pool: &Pool, target: &Target) -> Result<String, SshError> {
    pool.ask(target, Facts::backups_probe().to_owned(), LIMIT).await.map(|(_, said)| said)
}

/// Asks every node at once; one that does not answer in time is unreachable with its reason.
pub async fn gather_facts(
    pool: &Pool,
    targets: &Targets,
    nodes: &[NodeAddr],
) -> BTreeMap<NodeAddr, HostFacts> {
    let mut tasks = JoinSet::new();
    let mut out = BTreeMap::new();
    for node in nodes {
        let Some(target) = targets.get(*node).cloned() else {
            out.insert(*node, HostFacts::Unreachable { reason: "it is not in the inventory".to_owned() });
            continue;
        };
        let pool = pool.clone();
        let node = *node;
        tasks.spawn(async move {
            let mut asked = pool.ask(&target, Facts::probe(), LIMIT).await;
            // A node that has just started may end the first shell; reading twice harms nothing.
            if matches!(asked, Err(SshError::Lost { .. })) {
                sleep(AGAIN).await;
                asked = pool.ask(&target, Facts::probe(), LIMIT).await;
            }
            let facts = match asked {
                Err(error) => HostFacts::Unreachable { reason: format!("{error}; {}", error.fix()) },
                Ok((ran, _)) if ran.exit != 0 => {
                    HostFacts::Unreachable { reason: format!("reading its facts failed: {}", ran.said()) }
                }
                Ok((_, said)) => match Facts::parse(&said) {
                    Ok(facts) => HostFacts::Known(facts),
                    Err(reason) => HostFacts::Unreachable { reason },
                },
            };
            (node, facts)
        });
    }
    while let Some(done) = tasks.join_next().await {
        if let Ok((node, facts)) = done {
            out.insert(node, facts);
        }
    }
    out
}
