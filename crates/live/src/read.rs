//! One look at a cluster: every member asked at once, then the answers joined with what is declared.

use crate::get::{NoAnswer, get};
use crate::patroni::{self, Seen};
use crate::{haproxy, judge};
use paddock_engine::{Pool, Target, Targets};
use paddock_events::{ClusterTopology, MemberRole, MemberState, MemberTopology, ServiceTopology};
use paddock_inventory::{Cluster, ClusterName, Inventory, Value, Vars};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How long one look waits for a node.
const REACH: Duration = Duration::from_secs(5);

/// What one node said.
struct Answer {
    instance: String,
    cluster: Option<(Vec<Seen>, bool)>,
    version: Option<String>,
    pending_restart: bool,
    services: Vec<ServiceTopology>,
    /// Why nothing is known of the node, or of its Patroni.
    unreachable: Option<String>,
}

/// Reads a declared cluster; none when the inventory does not declare it. `at_us` is the caller's clock.
pub async fn read_cluster(
    pool: &Pool,
    targets: &Targets,
    inventory: &Inventory,
    name: &ClusterName,
    at_us: i64,
) -> Option<ClusterTopology> {
    let cluster = inventory.cluster(name)?;
    let mut tasks = JoinSet::new();
    for instance in &cluster.instances {
        let vars = inventory.vars(instance.addr);
        let question = Question {
            instance: instance.id.to_string(),
            cluster: name.to_string(),
            ip: instance.addr.to_string(),
            patroni_port: port(&vars, "patroni_port", 8008),
            stats_port: port(&vars, "haproxy_exporter_port", 9101),
            stats_path: format!("/haproxy/{}/;csv", node_name(&vars, &instance.id.to_string())),
            stats_login: (
                vars.text("haproxy_admin_username").unwrap_or_else(|| "admin".into()),
                vars.text("haproxy_admin_password").unwrap_or_else(|| "pigsty".into()),
            ),
            ports: service_ports(&vars),
        };
        let (pool, target) = (pool.clone(), targets.get(instance.addr).cloned());
        tasks.spawn(async move { question.ask(&pool, target).await });
    }
    let mut answers = Vec::new();
    while let Some(done) = tasks.join_next().await {
        answers.extend(done);
    }
    Some(join(cluster, &answers, at_us))
}

struct Question {
    instance: String,
    cluster: String,
    ip: String,
    patroni_port: u16,
    stats_port: u16,
    stats_path: String,
    stats_login: (String, String),
    ports: Vec<(String, u16)>,
}

impl Question {
    async fn ask(self, pool: &Pool, target: Option<Target>) -> Answer {
        let mut answer = Answer {
            instance: self.instance.clone(),
            cluster: None,
            version: None,
            pending_restart: false,
            services: Vec::new(),
            unreachable: None,
        };
        let Some(target) = target else {
            answer.unreachable = Some("it is not in the inventory".to_owned());
            return answer;
        };
        // A shell tells a node that is down from a Patroni that is. The others' picture does not wait for it.
        match timeout(REACH, pool.shell(&target)).await {
            Ok(Ok(shell)) => pool.give_back(&target, shell),
            Ok(Err(error)) => {
                answer.unreachable = Some(error.to_string());
                return answer;
            }
            Err(_) => {
                answer.unreachable = Some(format!("no answer within {} s", REACH.as_secs()));
                return answer;
            }
        }
        let login = Some((self.stats_login.0.as_str(), self.stats_login.1.as_str()));
        let (cluster, instance, stats) = tokio::join!(
            get(pool, &target, &self.ip, self.patroni_port, "/cluster", None),
            get(pool, &target, &self.ip, self.patroni_port, "/patroni", None),
            get(pool, &target, "127.0.0.1", self.stats_port, &self.stats_path, login),
        );
        match cluster {
            Ok((_, text)) => {
                answer.cluster = patroni::cluster(&text);
                if answer.cluster.is_none() {
                    answer.unreachable =
                        Some(format!("what answers on port {} is not Patroni", self.patroni_port));
                }
            }
            Err(NoAnswer::NotRunning) => {}
            Err(NoAnswer::Unknown(why)) => answer.unreachable = Some(why),
        }
        if let Ok((_, text)) = instance {
            (answer.version, answer.pending_restart) = patroni::instance(&text);
        }
        if let Ok((200, csv)) = stats {
            answer.services = haproxy::services(&csv, &self.cluster, &self.ports, &self.ip);
        }
        answer
    }
}

fn join(cluster: &Cluster, answers: &[Answer], at_us: i64) -> ClusterTopology {
    // Members agree on the DCS; the answer that names most of them is the fullest.
    let fullest =
        answers.iter().filter_map(|answer| answer.cluster.as_ref()).max_by_key(|(seen, _)| seen.len());
    let (seen, paused) = fullest.cloned().unwrap_or_default();
    let leader = seen.iter().find(|m| matches!(m.role, MemberRole::Primary | MemberRole::StandbyLeader));
    let leader = leader.map(|member| member.name.clone());
    let mut members: Vec<MemberTopology> = cluster
        .instances
        .iter()
        .map(|instance| {
            let name = instance.id.to_string();
            let answer = answers.iter().find(|answer| answer.instance == name);
            let member = seen.iter().find(|member| member.name == name);
            let mut out = topology(member, &name, &instance.addr.to_string(), leader.as_deref());
            out.declared_role = Some(instance.role.to_string());
            if let Some(answer) = answer {
                out.version.clone_from(&answer.version);
                out.pending_restart |= answer.pending_restart;
                out.unreachable.clone_from(&answer.unreachable);
            }
            out
        })
        .collect();
    for member in &seen {
        if !members.iter().any(|known| known.instance == member.name) {
            members.push(topology(Some(member), &member.name, &member.host, leader.as_deref()));
        }
    }
    let answered = answers.iter().any(|answer| answer.cluster.is_some());
    let all_known =
        answers.len() == cluster.instances.len() && answers.iter().all(|answer| answer.unreachable.is_none());
    let (health, reasons) = judge(&members, paused, answered, all_known);
    let services = answers.iter().map(|answer| &answer.services).find(|services| !services.is_empty());
    ClusterTopology {
        cluster: cluster.name.to_string(),
        health,
        reasons,
        members,
        services: services.cloned().unwrap_or_default(),
        paused,
        at_us,
    }
}

fn topology(seen: Option<&Seen>, name: &str, host: &str, leader: Option<&str>) -> MemberTopology {
    MemberTopology {
        instance: name.to_owned(),
        host: host.to_owned(),
        declared_role: None,
        role: seen.map_or(MemberRole::Unknown, |member| member.role),
        state: seen.map_or(MemberState::Unknown, |member| member.state.clone()),
        timeline: seen.and_then(|member| member.timeline),
        lag_bytes: seen.and_then(|member| member.lag_bytes),
        pending_restart: seen.is_some_and(|member| member.pending_restart),
        version: None,
        upstream: leader.filter(|leader| *leader != name && seen.is_some()).map(str::to_owned),
        unreachable: None,
    }
}

pub(crate) fn port(vars: &Vars, name: &str, default: u16) -> u16 {
    vars.int(name).and_then(|port| u16::try_from(port).ok()).unwrap_or(default)
}

/// As node.yml names the statistics page.
fn node_name(vars: &Vars, instance: &str) -> String {
    let from_pg = vars.bool("node_id_from_pg").unwrap_or(true);
    if from_pg { instance.to_owned() } else { vars.text("nodename").unwrap_or_else(|| instance.to_owned()) }
}

/// Names and ports of default and declared services.
fn service_ports(vars: &Vars) -> Vec<(String, u16)> {
    let default = [("primary", 5433), ("replica", 5434), ("default", 5436), ("offline", 5438)];
    let listed = |name: &str| -> Vec<(String, u16)> {
        let items = vars.list(name).unwrap_or_default().iter().filter_map(Value::as_map);
        items
            .filter_map(|map| {
                let port = map.get("port")?.as_int().and_then(|port| u16::try_from(port).ok())?;
                Some((map.get("name")?.to_text(), port))
            })
            .collect()
    };
    let mut out = listed("pg_default_services");
    if out.is_empty() {
        out = default.map(|(name, port)| (name.to_owned(), port)).into();
    }
    out.extend(listed("pg_services"));
    out
}
