//! From an intent to a plan: plays, prerequisites, stages, warnings, locks, secrets and digest.

use crate::{
    Context, DataDir, Digest, FactSet, HostFacts, Intent, Material, Need, Operation, Plan, Play, Playbook,
    Refusal, Stage, Warning, etcd, node, pgsql,
};
use paddock_inventory::{
    ClusterName, HostPattern, InstanceRole, Inventory, Map, NodeAddr, PatternError, Value,
};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// Plans an intent. Same inputs, same plan, same digest.
pub fn plan(
    inventory: &Inventory,
    facts: &FactSet,
    material: &Material,
    intent: &Intent,
) -> Result<Plan, Refusal> {
    let asked = intent.operation.plays(&intent.extra_vars);
    let hosts = select_all(inventory, &asked)?;
    refuse_unreachable(facts, &hosts)?;
    let mut plays = prerequisites(inventory, facts, &asked)?;
    plays.extend(asked);
    let mut stages: Vec<Stage> = Vec::new();
    let mut warnings = Vec::new();
    let mut instances = BTreeMap::new();
    let mut locks = BTreeSet::new();
    let mut clusters: BTreeSet<ClusterName> = BTreeSet::new();
    for (index, play) in plays.iter().enumerate() {
        let context = Context { inventory, facts, material, extra_vars: &play.extra_vars };
        let hosts = select(inventory, play)?;
        locks.extend(hosts.iter().map(|host| format!("node/{host}")));
        let mut made = match play.playbook {
            Playbook::Node => node::stages(&context, &hosts),
            Playbook::Etcd => {
                locks.insert(format!("etcd/{}", context.etcd_cluster()));
                etcd::stages(&context, &hosts)?
            }
            Playbook::Pgsql => {
                let named = check_clusters(inventory, &context, play, &hosts)?;
                locks.extend(named.iter().map(|name| format!("cluster/{name}")));
                clusters.extend(named);
                pgsql::stages(&context, &hosts, &mut warnings)?
            }
        };
        filter_tags(&mut made, &play.tags);
        if made.is_empty() && !play.tags.is_empty() {
            return Err(Refusal {
                code: "plan/no-step".into(),
                what: format!("`{}` has nothing to do", play.command_line()),
                why: format!("no step has one of the tags {}", play.tags.join(", ")),
                fix: "check the tags; without `-t` all steps are planned".into(),
            });
        }
        for stage in &mut made {
            stage.play = index;
        }
        stages.extend(made);
        for host in hosts {
            let vars = context.vars(host);
            if let (Some(cluster), Some(seq)) = (vars.text("pg_cluster"), vars.int("pg_seq")) {
                instances.insert(host, format!("{cluster}-{seq}"));
            }
        }
    }
    if facts.0.values().all(|known| matches!(known, HostFacts::Assumed)) {
        warnings.insert(0, Warning {
            code: "plan/facts-assumed".into(),
            text: "No node was asked: prepared Debian 12 nodes with 2 CPUs and 4 GiB are assumed, and etcd is assumed to run.".into(),
        });
    }
    warnings.extend(rerun_warnings(&clusters, inventory, facts, &plays));
    let mut plan = Plan {
        title: title(&intent.operation, &hosts),
        intent: intent.clone(),
        plays,
        stages,
        warnings,
        cluster: (clusters.len() == 1).then(|| clusters.iter().next().cloned()).flatten(),
        locks,
        secrets: secrets(inventory, material, &intent.extra_vars),
        instances,
        digest: Digest(String::new()),
    };
    plan.digest = digest(&plan, inventory, material);
    Ok(plan)
}

/// The keys and certificates that must exist before [`plan`] gives a plan that can run.
pub fn needs(inventory: &Inventory, intent: &Intent) -> Result<Vec<Need>, Refusal> {
    let asked = intent.operation.plays(&intent.extra_vars);
    select_all(inventory, &asked)?;
    let (facts, material, extra) = (FactSet::default(), Material::default(), Map::default());
    let context = Context { inventory, facts: &facts, material: &material, extra_vars: &extra };
    let mut needs: BTreeSet<Need> = BTreeSet::from([Need::Ca]);
    needs.extend(etcd::needs(&context));
    for play in &asked {
        if play.playbook == Playbook::Pgsql {
            needs.extend(pgsql::needs(&context, &select(inventory, play)?));
        }
    }
    Ok(needs.into_iter().collect())
}

/// The nodes whose facts planning wants: the limits, all members of their clusters, and etcd.
pub fn hosts_concerned(inventory: &Inventory, intent: &Intent) -> Result<Vec<NodeAddr>, Refusal> {
    let asked = intent.operation.plays(&intent.extra_vars);
    let mut hosts: BTreeSet<NodeAddr> = select_all(inventory, &asked)?.into_iter().collect();
    for cluster in inventory.clusters().values() {
        if cluster.instances.iter().any(|instance| hosts.contains(&instance.addr)) {
            hosts.extend(cluster.instances.iter().map(|instance| instance.addr));
        }
    }
    hosts.extend(inventory.members_of_group("etcd"));
    Ok(hosts.into_iter().collect())
}

fn select(inventory: &Inventory, play: &Play) -> Result<Vec<NodeAddr>, Refusal> {
    let refuse = |error: &PatternError| {
        let code = match error {
            PatternError::Empty => "plan/empty-limit",
            PatternError::Unknown { .. } => "plan/unknown-target",
            PatternError::BadAddress { .. } => "plan/bad-address",
            PatternError::NotAMember { .. } => "plan/not-a-member",
            PatternError::NoHosts { .. } => "plan/no-hosts",
        };
        Refusal {
            code: code.into(),
            what: format!("`{}` was refused", play.command_line()),
            why: error.to_string(),
            fix: "name a group of the inventory or addresses of its hosts; declare a new cluster in the inventory first".into(),
        }
    };
    HostPattern::parse(&play.limit)
        .and_then(|pattern| inventory.select(&pattern))
        .map_err(|error| refuse(&error))
}

fn select_all(inventory: &Inventory, plays: &[Play]) -> Result<Vec<NodeAddr>, Refusal> {
    if inventory.is_broken() {
        return Err(Refusal {
            code: "plan/broken-inventory".into(),
            what: "no plan can be made".into(),
            why: "the inventory is not readable as YAML".into(),
            fix: "run `paddock validate`, or open the inventory page: the place is marked".into(),
        });
    }
    let mut all = BTreeSet::new();
    for play in plays {
        all.extend(select(inventory, play)?);
    }
    Ok(all.into_iter().collect())
}

fn refuse_unreachable(facts: &FactSet, hosts: &[NodeAddr]) -> Result<(), Refusal> {
    let down: Vec<String> = hosts
        .iter()
        .filter_map(|host| match facts.0.get(host) {
            Some(HostFacts::Unreachable { reason }) => Some(format!("{host}: {reason}")),
            Some(HostFacts::Assumed | HostFacts::Known(_)) | None => None,
        })
        .collect();
    if down.is_empty() {
        return Ok(());
    }
    Err(Refusal {
        code: "plan/node-unreachable".into(),
        what: "the plan needs nodes that do not answer".into(),
        why: down.join("; "),
        fix: "start the node or right its SSH settings, then plan again; or leave it out of the limit".into(),
    })
}

/// Plays that must run first, from what the nodes said. Never from assumptions.
fn prerequisites(inventory: &Inventory, facts: &FactSet, asked: &[Play]) -> Result<Vec<Play>, Refusal> {
    let join = |hosts: &[NodeAddr]| hosts.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let play = |playbook, hosts: &[NodeAddr], because: String| Play {
        playbook,
        limit: join(hosts),
        tags: Vec::new(),
        extra_vars: Map::default(),
        because: Some(because),
    };
    let mut out = Vec::new();
    let mut raw_nodes: BTreeSet<NodeAddr> = BTreeSet::new();
    let full_pgsql = asked.iter().any(|play| play.playbook == Playbook::Pgsql && play.tags.is_empty());
    let etcd = inventory.members_of_group("etcd");
    let known_without = |host: &NodeAddr, ready: fn(&crate::Facts) -> bool| match facts.0.get(host) {
        Some(HostFacts::Known(facts)) => !ready(facts),
        Some(HostFacts::Assumed | HostFacts::Unreachable { .. }) | None => false,
    };
    let mut etcd_play = None;
    if full_pgsql {
        refuse_unreachable(facts, &etcd)?;
        let missing: Vec<NodeAddr> =
            etcd.iter().copied().filter(|host| known_without(host, |facts| facts.etcd_ready)).collect();
        if !missing.is_empty() {
            raw_nodes.extend(etcd.iter().filter(|host| known_without(host, |facts| facts.node_ready)));
            etcd_play = Some(play(Playbook::Etcd, &etcd, format!("etcd is not ready on {}", join(&missing))));
        }
    }
    for asked in asked {
        let wants_node = match asked.playbook {
            Playbook::Node => false,
            Playbook::Etcd | Playbook::Pgsql => asked.tags.is_empty(),
        };
        if wants_node {
            let hosts = select(inventory, asked)?;
            raw_nodes.extend(hosts.iter().filter(|host| known_without(host, |facts| facts.node_ready)));
        }
    }
    if !raw_nodes.is_empty() {
        let hosts: Vec<NodeAddr> = raw_nodes.into_iter().collect();
        out.push(play(Playbook::Node, &hosts, format!("not prepared yet: {}", join(&hosts))));
    }
    out.extend(etcd_play);
    Ok(out)
}

/// Identity of every cluster a play touches, over the whole inventory; gives their names.
fn check_clusters(
    inventory: &Inventory,
    context: &Context<'_>,
    play: &Play,
    hosts: &[NodeAddr],
) -> Result<BTreeSet<ClusterName>, Refusal> {
    let refuse = |code: &str, why: String, fix: &str| Refusal {
        code: code.to_owned(),
        what: format!("`{}` was refused", play.command_line()),
        why,
        fix: fix.to_owned(),
    };
    let mut names = BTreeSet::new();
    for cluster in inventory.clusters().values() {
        if !cluster.instances.iter().any(|instance| hosts.contains(&instance.addr)) {
            continue;
        }
        let members: Vec<String> = cluster
            .instances
            .iter()
            .map(|i| format!("{} (line {}, pg_seq {}, {})", i.addr, i.span.line, i.id.seq, i.role))
            .collect();
        let members = members.join(", ");
        let primaries = cluster.instances.iter().filter(|i| i.role == InstanceRole::Primary).count();
        if primaries != 1 {
            let code = if primaries == 0 { "plan/no-primary" } else { "plan/two-primaries" };
            let why = format!("cluster `{}` has {primaries} primaries: {members}", cluster.name);
            return Err(refuse(code, why, "declare exactly one primary in the inventory"));
        }
        let seqs: BTreeSet<u32> = cluster.instances.iter().map(|i| i.id.seq).collect();
        if seqs.len() != cluster.instances.len() {
            let why = format!("cluster `{}` uses a `pg_seq` twice: {members}", cluster.name);
            return Err(refuse("plan/duplicate-seq", why, "give each instance its own `pg_seq`"));
        }
        for instance in cluster.instances.iter().filter(|instance| hosts.contains(&instance.addr)) {
            match context.facts.of(instance.addr).data_dir {
                DataDir::Empty => {}
                DataDir::Cluster { scope: Some(scope), .. } if scope == cluster.name.as_str() => {}
                DataDir::Cluster { scope, version } => {
                    let whose = scope.map_or("no cluster that Patroni knows".to_owned(), |scope| {
                        format!("cluster `{scope}`")
                    });
                    let why =
                        format!("/pg/data of {} holds PostgreSQL {version} data of {whose}", instance.addr);
                    return Err(refuse(
                        "plan/foreign-data",
                        why,
                        "remove that instance from the node first, or use another node",
                    ));
                }
                DataDir::Foreign => {
                    let why = format!(
                        "/pg/data of {} is not empty and is not a PostgreSQL data directory",
                        instance.addr
                    );
                    return Err(refuse("plan/foreign-data", why, "look at it and move it away"));
                }
            }
        }
        names.insert(cluster.name.clone());
    }
    if names.is_empty() {
        let why =
            "none of the selected hosts belongs to a PostgreSQL cluster (`pg_cluster`, `pg_seq`, `pg_role`)"
                .to_owned();
        return Err(refuse("plan/no-cluster", why, "declare the cluster in the inventory first"));
    }
    if context.etcd_members().is_empty() {
        let why = "the inventory has no `etcd` group with hosts; Patroni needs a DCS".to_owned();
        return Err(refuse("plan/no-etcd", why, "add an `etcd` group"));
    }
    Ok(names)
}

fn filter_tags(stages: &mut Vec<Stage>, tags: &[String]) {
    if tags.is_empty() {
        return;
    }
    for stage in stages.iter_mut() {
        for steps in stage.hosts.values_mut() {
            steps.retain(|step| step.tags.iter().any(|tag| tag == "always" || tags.contains(tag)));
        }
        stage.hosts.retain(|_, steps| !steps.is_empty());
    }
    stages.retain(|stage| !stage.hosts.is_empty());
}

fn rerun_warnings(
    clusters: &BTreeSet<ClusterName>,
    inventory: &Inventory,
    facts: &FactSet,
    plays: &[Play],
) -> Vec<Warning> {
    let mut out = Vec::new();
    if !plays.iter().any(|play| play.playbook == Playbook::Pgsql && play.tags.is_empty()) {
        return out;
    }
    for name in clusters {
        let Some(cluster) = inventory.cluster(name) else { continue };
        let alive: Vec<String> = cluster
            .instances
            .iter()
            .filter(|i| matches!(facts.of(i.addr).data_dir, DataDir::Cluster { .. }))
            .map(|i| i.id.to_string())
            .collect();
        if alive.is_empty() {
            continue;
        }
        let mut baselines = Vec::new();
        for instance in &cluster.instances {
            let databases =
                inventory.vars(instance.addr).list("pg_databases").map(<[Value]>::to_vec).unwrap_or_default();
            for map in databases.iter().filter_map(Value::as_map) {
                if let (Some(db), Some(file)) = (map.get("name"), map.get("baseline")) {
                    let line = format!("`{}` into `{}`", file.to_text(), db.to_text());
                    if !baselines.contains(&line) {
                        baselines.push(line);
                    }
                }
            }
        }
        let sql = if baselines.is_empty() {
            String::new()
        } else {
            format!(
                " Baseline SQL ({}) has run before and runs again only where its content changed.",
                baselines.join(", ")
            )
        };
        out.push(Warning {
            code: "plan/recreate".into(),
            text: format!(
                "Cluster `{name}` already exists ({}). Data files are kept and files that differ from the inventory are overwritten and reloaded. PostgreSQL is not restarted by Paddock: settings that need it are left pending.{sql} Do a dry run first.",
                alive.join(", ")
            ),
        });
    }
    out
}

fn title(operation: &Operation, hosts: &[NodeAddr]) -> String {
    let list = if hosts.len() > 6 {
        format!("{} nodes", hosts.len())
    } else {
        hosts.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    };
    match operation {
        Operation::Create { cluster } => format!("Create cluster {cluster} on {list}"),
        Operation::AddNode { .. } => format!("Add nodes {list}"),
        Operation::ReloadService { cluster, .. } => format!("Reload services of {cluster} on {list}"),
        Operation::ReloadHba { cluster, .. } => format!("Reload HBA rules of {cluster} on {list}"),
        Operation::Play(play) => format!("Play {} on {list}", play.command_line()),
    }
}

/// Whether a variable's name says that its value is secret.
fn is_secret_name(name: &str) -> bool {
    let name = name.to_lowercase();
    ["password", "secret", "cipher_pass", "access_key", "auth_pass", "s3_key"]
        .iter()
        .any(|part| name.contains(part))
}

fn collect_secrets(name: &str, value: &Value, out: &mut BTreeMap<String, String>, path: &str) {
    match value {
        Value::Map(map) => {
            for (key, value) in &map.0 {
                let key = key.to_text();
                collect_secrets(&key, value, out, &format!("{path}/{key}"));
            }
        }
        Value::List(items) => {
            for (index, item) in items.iter().enumerate() {
                collect_secrets(name, item, out, &format!("{path}/{index}"));
            }
        }
        Value::Text(_) | Value::Int(_) if is_secret_name(name) => {
            let text = value.to_text();
            if text.chars().count() >= 4 {
                out.entry(text).or_insert_with(|| path.to_owned());
            }
        }
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Text(_) => {}
    }
}

/// Secret values by value, each with the name it goes by: inventory variables, extra vars, private keys.
fn named_secrets(inventory: &Inventory, material: &Material, extra: &Map) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    for host in inventory.hosts() {
        for (name, resolved) in inventory.vars(host).iter() {
            collect_secrets(name, &resolved.value, &mut out, name);
        }
    }
    for (name, default) in crate::params::DEFAULT_SECRETS {
        out.entry((*default).to_owned()).or_insert_with(|| (*name).to_owned());
    }
    for (key, value) in &extra.0 {
        collect_secrets(&key.to_text(), value, &mut out, &format!("-e {}", key.to_text()));
    }
    for (name, value) in
        material.0.iter().filter(|(name, _)| name.ends_with(".key") || name.ends_with(".ssh"))
    {
        out.insert(value.clone(), name.clone());
    }
    out
}

fn secrets(inventory: &Inventory, material: &Material, extra: &Map) -> BTreeSet<String> {
    named_secrets(inventory, material, extra).into_keys().collect()
}

/// Hashes plays and steps, not the way they were asked for: page, script and playbook form are one plan.
fn digest(plan: &Plan, inventory: &Inventory, material: &Material) -> Digest {
    let shown = serde_json::json!({ "plays": plan.plays, "stages": plan.stages, "cluster": plan.cluster });
    let mut text = shown.to_string();
    // Certificates and keys stand for themselves by name: they differ between consoles, the plan does not.
    let mut names: Vec<(String, String)> =
        material.0.iter().map(|(name, value)| (value.clone(), format!("<{name}>"))).collect();
    names.extend(
        named_secrets(inventory, material, &plan.intent.extra_vars)
            .into_iter()
            .map(|(v, n)| (v, format!("<{n}>"))),
    );
    names.sort_by_key(|(value, _)| std::cmp::Reverse(value.len()));
    for (value, name) in names {
        let escaped = serde_json::to_string(&value).unwrap_or_default();
        let inner = escaped.trim_matches('"');
        if inner.len() >= 4 {
            text = text.replace(inner, &name);
        }
    }
    Digest(Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect())
}
