//! Every check of a plan on the real nodes; nothing is applied.

use crate::redact::Redactor;
use crate::{Line, Pool, Targets};
use paddock_events::Stream;
use paddock_inventory::NodeAddr;
use paddock_playbooks::{Plan, Script, Step};
use std::time::Duration;
use tokio::task::JoinSet;

/// What a check said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckResult {
    /// It holds.
    Holds,
    /// Applying would change this (a unified diff or a sentence).
    WouldChange(String),
    /// It cannot be told now: an earlier step must come first, or the node does not answer.
    Unknown(String),
}

/// One step's check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// Index in [`Plan::steps`].
    pub step: u32,
    /// The node.
    pub host: NodeAddr,
    /// What was found.
    pub result: CheckResult,
}

/// Checks every step once, hosts in parallel. Read-only.
pub async fn dry_run(plan: &Plan, pool: &Pool, targets: &Targets) -> Vec<Checked> {
    let redactor = Redactor::new(&plan.secrets);
    let mut tasks = JoinSet::new();
    for host in plan.nodes() {
        let steps: Vec<(u32, Step)> = plan
            .steps()
            .enumerate()
            .filter(|(_, (_, at, _))| *at == host)
            .map(|(index, (_, _, step))| (u32::try_from(index).unwrap_or(u32::MAX), step.clone()))
            .collect();
        let (pool, target) = (pool.clone(), targets.get(host).cloned());
        tasks.spawn(async move {
            let mut out = Vec::new();
            let opened = match &target {
                Some(target) => pool.shell(target).await.map_err(|error| format!("{error}; {}", error.fix())),
                None => Err(format!("{host} is not in the inventory")),
            };
            let mut shell = match opened {
                Ok(shell) => shell,
                Err(why) => {
                    let unknown = |step| Checked { step, host, result: CheckResult::Unknown(why.clone()) };
                    return steps.into_iter().map(|(step, _)| unknown(step)).collect();
                }
            };
            let mut steps = steps.into_iter();
            while let Some((index, step)) = steps.next() {
                let mut text = Vec::new();
                let limit = Duration::from_secs(u64::from(step.limit_s));
                let ran = shell
                    .run(&step.fact.scripts().check, limit, &mut |line| {
                        if let Line::Text(Stream::Out, line) = line {
                            text.push(line);
                        }
                    })
                    .await;
                let broken = ran.is_err();
                let result = match ran {
                    Ok(ran) if ran.exit == 0 => CheckResult::Holds,
                    Ok(ran) if matches!(ran.exit, 1 | Script::HOPELESS) => {
                        CheckResult::WouldChange(text.join("\n"))
                    }
                    Ok(ran) => CheckResult::Unknown(ran.said()),
                    Err(error) => CheckResult::Unknown(error.to_string()),
                };
                out.push(Checked { step: index, host, result });
                if broken {
                    let why = format!("the connection to {host} was lost at an earlier step");
                    let unknown = |step| Checked { step, host, result: CheckResult::Unknown(why.clone()) };
                    out.extend(steps.map(|(step, _)| unknown(step)));
                    return out;
                }
            }
            if let Some(target) = &target {
                pool.give_back(target, shell);
            }
            out
        });
    }
    let mut all: Vec<Checked> = Vec::new();
    while let Some(done) = tasks.join_next().await {
        all.extend(done.unwrap_or_default());
    }
    for checked in &mut all {
        match &mut checked.result {
            CheckResult::Holds => {}
            CheckResult::WouldChange(text) | CheckResult::Unknown(text) => *text = redactor.clean(text),
        }
    }
    all.sort_by_key(|checked| checked.step);
    all
}
