//! Facts of nodes, read in parallel.

use crate::{Line, Pool, Ran, SshError, Target, Targets};
use paddock_events::Stream;
use paddock_inventory::NodeAddr;
use paddock_playbooks::{Facts, HostFacts, Script};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// How long after a lost connection a node is asked once more.
const AGAIN: Duration = Duration::from_secs(2);

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
            let script = Script { text: Facts::probe(), stdin: None, user: "root".to_owned() };
            let mut text = String::new();
            let mut ran = ask(&pool, &target, &script, &mut text).await;
            // A node that has just started may end the first shell; reading twice harms nothing.
            if matches!(ran, Err(SshError::Lost { .. })) {
                sleep(AGAIN).await;
                text.clear();
                ran = ask(&pool, &target, &script, &mut text).await;
            }
            let facts = match ran {
                Err(error) => HostFacts::Unreachable { reason: format!("{error}; {}", error.fix()) },
                Ok(ran) if ran.exit != 0 => {
                    HostFacts::Unreachable { reason: format!("reading its facts failed: {}", ran.said()) }
                }
                Ok(_) => match Facts::parse(&text) {
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

async fn ask(pool: &Pool, target: &Target, script: &Script, text: &mut String) -> Result<Ran, SshError> {
    let mut shell = pool.shell(target).await?;
    let ran = shell
        .run(script, Duration::from_secs(30), &mut |line| {
            if let Line::Text(Stream::Out, line) = line {
                text.push_str(&line);
                text.push('\n');
            }
        })
        .await?;
    pool.give_back(target, shell);
    Ok(ran)
}
