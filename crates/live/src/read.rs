//! One look at a cluster: every member asked at once, then the answers joined with what is declared.

use crate::get::{NoAnswer, get};
use crate::patroni::{self, Own, Seen};
use crate::{haproxy, judge};
use paddock_engine::{Pool, Target, Targets};
use paddock_events::{
    ClusterTopology, HealthLevel, MemberRole, MemberState, MemberTopology, ServiceTopology,
};
use paddock_inventory::{Cluster, ClusterName, Instance, Inventory, Value, Vars};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout, timeout_at};

/// How long one look waits for a node.
const REACH: Duration = Duration::from_secs(5);
/// How long others are waited for once a Patroni has answered, and how long those that were not reached the last time.
const LATE: Duration = Duration::from_secs(1);
const GONE: Duration = Duration::from_millis(300);

/// A Patroni that has not reached its DCS for so long has lost its lock, or leads by the failsafe alone: in seconds, above every
/// usual `ttl`.
const DCS_SILENT: i64 = 45;

/// What one node said.
#[derive(Debug)]
struct Answer {
    instance: String,
    cluster: Option<(Vec<Seen>, bool)>,
    own: Own,
    services: Vec<ServiceTopology>,
    /// Why nothing is known of the node, or of its Patroni.
    unreachable: Option<String>,
    /// It is of an earlier look: the node has not answered since.
    late: bool,
}

/// Reads a declared cluster; none when the inventory does not declare it. `at_us` is the caller's clock.
pub async fn read_cluster(
    pool: &Pool,
    targets: &Targets,
    inventory: &Inventory,
    name: &ClusterName,
    at_us: i64,
) -> Option<ClusterTopology> {
    Watch::default().look(pool, targets, inventory, name, at_us).await
}

/// Looks at one cluster again and again. A node that is silent is asked all the same, and waited for beside the looks: whom the
/// others have made their leader is seen at once, not when its bound has passed.
#[derive(Debug, Default)]
pub struct Watch {
    asked: JoinSet<Answer>,
    /// Instances that have not answered yet.
    silent: BTreeSet<String>,
    /// The last answer of each instance.
    last: BTreeMap<String, Answer>,
}

impl Watch {
    /// As [`read_cluster`]. Of who does not answer in time, the picture says what their last answer was, until their bound has
    /// passed. Dropping it drops what is asked; the next look goes on with what was begun.
    pub async fn look(
        &mut self,
        pool: &Pool,
        targets: &Targets,
        inventory: &Inventory,
        name: &ClusterName,
        at_us: i64,
    ) -> Option<ClusterTopology> {
        let cluster = inventory.cluster(name)?;
        for instance in &cluster.instances {
            let id = instance.id.to_string();
            if self.silent.insert(id.clone()) {
                let question = Question::of(inventory, cluster, instance);
                let (pool, target) = (pool.clone(), targets.get(instance.addr).cloned());
                self.asked.spawn(async move { question.ask(&pool, target).await });
            }
        }
        let declared = |id: &String| cluster.instances.iter().any(|one| one.id.to_string() == *id);
        self.last.retain(|id, _| declared(id));
        self.last.values_mut().for_each(|answer| answer.late = true);
        self.hear(declared).await;
        let answers: Vec<&Answer> = self.last.values().collect();
        Some(join(cluster, &answers, at_us))
    }

    /// Takes answers until all are there, or nobody else is waited for.
    async fn hear(&mut self, declared: impl Fn(&String) -> bool) {
        let (mut until, mut heard) = (None::<Instant>, false);
        loop {
            let next = match until {
                Some(until) => match timeout_at(until, self.asked.join_next()).await {
                    Ok(next) => next,
                    Err(_) => return,
                },
                None => self.asked.join_next().await,
            };
            match next {
                Some(Ok(answer)) => {
                    self.silent.remove(&answer.instance);
                    let patroni = answer.cluster.is_some();
                    self.last.insert(answer.instance.clone(), answer);
                    heard |= patroni;
                    let missing = self.silent.iter().filter(|id| declared(id));
                    // Who was never heard is waited for: a first picture is whole.
                    let known: Option<Vec<&Answer>> = missing.map(|id| self.last.get(id)).collect();
                    if let Some(known) = known.filter(|_| heard) {
                        let gone = known.iter().all(|last| last.unreachable.is_some());
                        let then = Instant::now() + if gone { GONE } else { LATE };
                        until = Some(until.map_or(then, |until| until.min(then)));
                    }
                }
                // Only a panic of ours ends a question so; it is asked again at the next look.
                Some(Err(error)) => tracing::error!("an instance was not asked: {error}"),
                None => {
                    self.silent.clear();
                    return;
                }
            }
        }
    }
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
    fn of(inventory: &Inventory, cluster: &Cluster, instance: &Instance) -> Self {
        let vars = inventory.vars(instance.addr);
        let id = instance.id.to_string();
        Self {
            cluster: cluster.name.to_string(),
            ip: instance.addr.to_string(),
            patroni_port: port(&vars, "patroni_port", 8008),
            stats_port: port(&vars, "haproxy_exporter_port", 9101),
            stats_path: format!("/haproxy/{}/;csv", node_name(&vars, &id)),
            stats_login: (
                vars.text("haproxy_admin_username").unwrap_or_else(|| "admin".into()),
                vars.text("haproxy_admin_password").unwrap_or_else(|| "pigsty".into()),
            ),
            ports: service_ports(&vars),
            instance: id,
        }
    }

    async fn ask(self, pool: &Pool, target: Option<Target>) -> Answer {
        let mut answer = Answer {
            instance: self.instance.clone(),
            cluster: None,
            own: Own::default(),
            services: Vec::new(),
            unreachable: None,
            late: false,
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
            answer.own = patroni::own(&text);
        }
        if let Ok((200, csv)) = stats {
            answer.services = haproxy::services(&csv, &self.cluster, &self.ports, &self.ip);
        }
        answer
    }
}

fn join(cluster: &Cluster, answers: &[&Answer], at_us: i64) -> ClusterTopology {
    // Members agree on the DCS; the answer that names most of them is the fullest.
    let fresh = || answers.iter().filter(|answer| !answer.late);
    let fullest = fresh().filter_map(|answer| answer.cluster.as_ref()).max_by_key(|(seen, _)| seen.len());
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
                out.version.clone_from(&answer.own.version);
                out.pending_restart |= answer.own.pending_restart;
                out.unreachable.clone_from(&answer.unreachable);
                // It answers for itself, and for the cluster it cannot: what is in the way is the DCS.
                if answer.cluster.is_none()
                    && let Some(cut_off) = cut_off(answer, at_us)
                {
                    out.unreachable = Some(cut_off);
                }
            }
            out
        })
        .collect();
    for member in &seen {
        if !members.iter().any(|known| known.instance == member.name) {
            members.push(topology(Some(member), &member.name, &member.host, leader.as_deref()));
        }
    }
    let answered = fresh().any(|answer| answer.cluster.is_some());
    let all_known =
        answers.len() == cluster.instances.len() && answers.iter().all(|answer| answer.unreachable.is_none());
    let (mut health, mut reasons) = judge(&members, paused, answered, all_known);
    for answer in fresh().filter(|answer| answer.cluster.is_some()) {
        if let Some(cut_off) = cut_off(answer, at_us) {
            reasons.push(format!("{}: {cut_off}", answer.instance));
            if health == HealthLevel::Healthy {
                health = HealthLevel::Degraded;
            }
        }
    }
    let services = fresh().map(|answer| &answer.services).find(|services| !services.is_empty());
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

/// That a Patroni does not reach its DCS, in words; the time is the node's, and stays the same from look to look.
fn cut_off(answer: &Answer, at_us: i64) -> Option<String> {
    let seen = answer.own.dcs_seen.filter(|seen| at_us / 1_000_000 - seen > DCS_SILENT)?;
    let time = seen.rem_euclid(86_400);
    let (hour, minute, second) = (time / 3_600, time / 60 % 60, time % 60);
    Some(format!(
        "Patroni has not reached etcd since {hour:02}:{minute:02}:{second:02} UTC, so nobody can take over"
    ))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(instance: &str, cluster: bool, dcs_seen: i64) -> Answer {
        let member = |name: &str, role: &str| {
            format!(r#"{{"name": "{name}", "role": "{role}", "state": "running", "timeline": 1, "lag": 0}}"#)
        };
        let text = format!(r#"{{"members": [{}, {}]}}"#, member("a-1", "leader"), member("a-2", "replica"));
        Answer {
            instance: instance.into(),
            cluster: cluster.then(|| patroni::cluster(&text)).flatten(),
            own: Own { dcs_seen: Some(dcs_seen), ..Own::default() },
            services: Vec::new(),
            unreachable: (!cluster).then(|| "the connection was closed".to_owned()),
            late: false,
        }
    }

    #[test]
    fn a_dcs_that_is_not_reached_is_said_whether_patroni_tells_the_cluster_or_not() {
        let text = "all:\n  children:\n    a:\n      hosts:\n        10.0.0.1: { pg_seq: 1, pg_role: primary }\n        10.0.0.2: { pg_seq: 2, pg_role: replica }\n      vars: { pg_cluster: a }\n";
        let (inventory, _) = Inventory::read(text);
        let cluster = inventory.cluster(&"a".parse().unwrap()).unwrap();
        let at_us = 1_795_518_123_000_000;
        let look = |answers: [(bool, i64); 2]| {
            let [first, second] = answers.map(|(cluster, age)| (cluster, at_us / 1_000_000 - age));
            let answers = [answer("a-1", first.0, first.1), answer("a-2", second.0, second.1)];
            let seen = join(cluster, &answers.iter().collect::<Vec<_>>(), at_us);
            (seen.health, seen.reasons)
        };
        assert_eq!(look([(true, 3), (true, DCS_SILENT)]), (HealthLevel::Healthy, vec![]));
        let lost = "Patroni has not reached etcd since 11:00:23 UTC, so nobody can take over";
        assert_eq!(look([(true, 3), (true, 100)]), (HealthLevel::Degraded, vec![format!("a-2: {lost}")]));
        assert_eq!(
            look([(false, 100), (false, 100)]),
            (HealthLevel::Unknown, vec![format!("a-1: {lost}"), format!("a-2: {lost}")])
        );
        assert_eq!(look([(false, 3), (false, 3)]).1[0], "a-1: the connection was closed");
    }
}
