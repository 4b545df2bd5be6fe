//! What any member of a running cluster can be asked for: its dynamic configuration, its history.

use crate::get::{NoAnswer, get};
use crate::patroni;
use crate::read::port;
use paddock_engine::{Pool, Targets};
use paddock_events::TimelineEnd;
use paddock_inventory::{ClusterName, Inventory};
use serde_json::Value;
use tokio::task::JoinSet;

/// Asks every member for `GET /config` and takes the first answer, with the instance that gave it. The error says, by
/// instance, why none answered.
pub async fn read_config(
    pool: &Pool,
    targets: &Targets,
    inventory: &Inventory,
    name: &ClusterName,
) -> Result<(String, Value), String> {
    let config = |text: &str| serde_json::from_str::<Value>(text).ok().filter(Value::is_object);
    first_answer(pool, targets, inventory, name, "/config", config).await
}

/// As [`read_config`], `GET /history`: timelines that have ended, the oldest first.
pub async fn read_history(
    pool: &Pool,
    targets: &Targets,
    inventory: &Inventory,
    name: &ClusterName,
) -> Result<(String, Vec<TimelineEnd>), String> {
    first_answer(pool, targets, inventory, name, "/history", patroni::history).await
}

async fn first_answer<T: Send + 'static>(
    pool: &Pool,
    targets: &Targets,
    inventory: &Inventory,
    name: &ClusterName,
    path: &'static str,
    read: impl Fn(&str) -> Option<T> + Copy + Send + 'static,
) -> Result<(String, T), String> {
    let mut tasks = JoinSet::new();
    for instance in inventory.cluster(name).map(|cluster| cluster.instances.as_slice()).unwrap_or_default() {
        let Some(target) = targets.get(instance.addr).cloned() else { continue };
        let (pool, id, ip) = (pool.clone(), instance.id.to_string(), instance.addr.to_string());
        let port = port(&inventory.vars(instance.addr), "patroni_port", 8008);
        tasks.spawn(async move {
            let answer = match get(&pool, &target, &ip, port, path, None).await {
                Ok((200, text)) => {
                    read(&text).ok_or_else(|| format!("what answers on port {port} is not Patroni"))
                }
                Ok((status, _)) => Err(format!("Patroni answered {status}")),
                Err(NoAnswer::NotRunning) => Err("Patroni does not run".to_owned()),
                Err(NoAnswer::Unknown(why)) => Err(why),
            };
            (id, answer)
        });
    }
    let mut silent = Vec::new();
    while let Some(done) = tasks.join_next().await {
        match done {
            Ok((id, Ok(answer))) => return Ok((id, answer)),
            Ok((id, Err(why))) => silent.push(format!("{id}: {why}")),
            Err(_) => {}
        }
    }
    silent.sort();
    Err(silent.join("; "))
}
