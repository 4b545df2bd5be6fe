//! From an intent to a plan: plays in order, stages, warnings, edits, locks, secrets and digest.

use crate::checks::check_clusters;
use crate::digest::{digest, secrets};
use crate::not_done;
use crate::order;
use crate::pgsql::{balancers, repo_host};
use crate::{
    Action, AtStake, Context, DataDir, Digest, FactSet, Intent, InventoryEdit, Material, Need, Operation,
    Plan, PlannedEdit, Play, Playbook, Refusal, Stage, Warning,
};
use crate::{etcd, node, node_rm, patroni_ops, pgsql, pitr, standby};
use paddock_inventory::{Cluster, ClusterName, HostPattern, Inventory, Map, NodeAddr, PatternError, Value};
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
    for play in asked.iter().filter(|play| play.playbook.needs_every_node()) {
        refuse_unreachable(facts, &select(inventory, play)?)?;
    }
    let mut plays = order::prerequisites(inventory, facts, &asked)?;
    plays.extend(asked);
    let mut planner = Planner::new(inventory, facts, material);
    for play in plays {
        planner.play(play)?;
    }
    planner.finish(intent, inventory, &hosts)
}

/// What planning has come to so far. The inventory changes with the edits that are planned.
struct Planner<'a> {
    inventory: std::borrow::Cow<'a, Inventory>,
    /// What the nodes said; after a play that changes who leads, what they will say.
    facts: std::borrow::Cow<'a, FactSet>,
    material: &'a Material,
    plays: Vec<Play>,
    stages: Vec<Stage>,
    edits: Vec<PlannedEdit>,
    warnings: Vec<Warning>,
    blast: Vec<(String, String)>,
    at_stake: Vec<AtStake>,
    instances: BTreeMap<NodeAddr, String>,
    locks: BTreeSet<String>,
    clusters: BTreeSet<ClusterName>,
    title: Option<String>,
    /// Instances with data on which the whole of `pgsql.yml` runs.
    made_again: BTreeMap<ClusterName, Vec<String>>,
}

/// What a playbook gives for one play.
#[derive(Default)]
pub(crate) struct Made {
    /// In order.
    pub(crate) stages: Vec<Stage>,
    /// Edits of the inventory when all stages have ended well.
    pub(crate) edits: Vec<InventoryEdit>,
    /// To be read first.
    pub(crate) warnings: Vec<Warning>,
    /// What an approver looks at: label and value.
    pub(crate) blast: Vec<(String, String)>,
    /// Clusters whose data go.
    pub(crate) at_stake: Vec<AtStake>,
    /// What it comes to, where the command line alone does not say it to a person.
    pub(crate) title: Option<String>,
}

impl<'a> Planner<'a> {
    fn new(inventory: &'a Inventory, facts: &'a FactSet, material: &'a Material) -> Self {
        Self {
            inventory: std::borrow::Cow::Borrowed(inventory),
            facts: std::borrow::Cow::Borrowed(facts),
            material,
            plays: Vec::new(),
            stages: Vec::new(),
            edits: Vec::new(),
            warnings: Vec::new(),
            blast: Vec::new(),
            at_stake: Vec::new(),
            instances: BTreeMap::new(),
            locks: BTreeSet::new(),
            clusters: BTreeSet::new(),
            title: None,
            made_again: BTreeMap::new(),
        }
    }

    /// Plans a play with what belongs before and after it.
    fn play(&mut self, play: Play) -> Result<(), Refusal> {
        let hosts = select(&self.inventory, &play)?;
        for before in order::before(&self.inventory, &self.facts, &play, &hosts)? {
            self.one(before)?;
        }
        let others = order::after(&self.inventory, &self.facts, &play, &hosts);
        self.one(play)?;
        for after in others {
            self.one(after)?;
        }
        Ok(())
    }

    fn one(&mut self, play: Play) -> Result<(), Refusal> {
        let index = self.plays.len();
        let inventory = self.inventory.clone();
        let facts = self.facts.clone();
        let context = Context {
            inventory: &inventory,
            facts: &facts,
            material: self.material,
            extra_vars: &play.extra_vars,
        };
        let hosts = select(&inventory, &play)?;
        self.locks.extend(hosts.iter().map(|host| format!("node/{host}")));
        let named = clusters_of(&inventory, &hosts);
        if !matches!(play.playbook, Playbook::Node | Playbook::Etcd | Playbook::NodeRm) {
            self.locks.extend(named.iter().map(|cluster| format!("cluster/{}", cluster.name)));
            self.clusters.extend(named.iter().map(|cluster| cluster.name.clone()));
            // Two clusters must not swap the files of one load balancer at a time.
            let shared = named.iter().flat_map(|cluster| balancers::beside(&inventory, cluster));
            self.locks.extend(shared.map(|host| format!("node/{host}")));
        }
        let mut made = match play.playbook {
            Playbook::Node => Made { stages: node::stages(&context, &hosts), ..Made::default() },
            Playbook::NodeRm => node_rm::stages(&context, &play, &hosts)?,
            Playbook::Etcd => {
                self.locks.insert(format!("etcd/{}", context.etcd_cluster()));
                Made { stages: etcd::stages(&context, &hosts)?, ..Made::default() }
            }
            Playbook::Pgsql => {
                check_clusters(&context, &play, &hosts)?;
                if play.tags.is_empty() {
                    self.note_made_again(&named, &hosts);
                }
                let mut warnings = Vec::new();
                let stages = pgsql::stages(&context, &play, &hosts, &mut warnings)?;
                Made { stages, warnings, ..Made::default() }
            }
            Playbook::PgsqlRm => pgsql::remove::stages(&context, &play, &hosts)?,
            Playbook::PgsqlUser => pgsql::business::user(&context, &play, &hosts)?,
            Playbook::PgsqlDb => pgsql::business::database(&context, &play, &hosts)?,
            Playbook::PgsqlPitr => pitr::stages(&context, &play, &hosts)?,
            Playbook::Pg | Playbook::PgBackup => {
                patroni_ops::stages(&context, &play, the_one(&play, &named)?)?
            }
        };
        if play.action == Some(Action::PromoteCluster) {
            named.iter().for_each(|cluster| standby::promoted(self.facts.to_mut(), &cluster.name));
        }
        filter_tags(&mut made.stages, &play.tags);
        if made.stages.is_empty() && !play.tags.is_empty() && play.because.is_none() {
            return Err(Refusal {
                code: "plan/no-step".into(),
                what: format!("`{}` has nothing to do", play.command_line()),
                why: format!("no step has one of the tags {}", play.tags.join(", ")),
                fix: "check the tags; without `-t` all steps are planned".into(),
            });
        }
        for stage in &mut made.stages {
            stage.play = index;
        }
        // Two clusters must not write the keys of one repository host at a time.
        let repositories = named.iter().filter_map(|cluster| repo_host::beside(&inventory, cluster));
        let told = repositories.filter(|host| made.stages.iter().any(|stage| stage.hosts.contains_key(host)));
        self.locks.extend(told.map(|host| format!("node/{host}")));
        if play.because.is_some() {
            // The play that it was planned in for edits the declared roles itself.
            made.warnings.retain(|warning| warning.code != "plan/declared-roles");
        }
        self.stages.extend(made.stages);
        self.title = made.title.or(self.title.take());
        self.warnings.extend(made.warnings);
        self.blast.extend(made.blast);
        self.at_stake.extend(made.at_stake);
        for edit in made.edits {
            let text = edit.apply(&self.inventory).map_err(|error| Refusal {
                code: "plan/no-edit".into(),
                what: format!("the plan of `{}` {}, and cannot", play.command_line(), edit.sentence()),
                why: error.to_string(),
                fix: "write the group in block style, one host per line, then plan again".into(),
            })?;
            self.inventory = std::borrow::Cow::Owned(Inventory::read(text).0);
            self.edits.push(PlannedEdit { after_stage: self.stages.len().saturating_sub(1), edit });
        }
        for host in hosts {
            let vars = context.vars(host);
            if let (Some(cluster), Some(seq)) = (vars.text("pg_cluster"), vars.int("pg_seq")) {
                self.instances.insert(host, format!("{cluster}-{seq}"));
            }
        }
        self.plays.push(play);
        Ok(())
    }

    fn note_made_again(&mut self, clusters: &[&Cluster], hosts: &[NodeAddr]) {
        for cluster in clusters {
            let there = cluster.instances.iter().filter(|one| hosts.contains(&one.addr)).filter(|one| {
                self.facts
                    .known(one.addr)
                    .is_some_and(|facts| matches!(facts.data_dir, DataDir::Cluster { .. }))
            });
            let there: Vec<String> = there.map(|one| one.id.to_string()).collect();
            if !there.is_empty() {
                self.made_again.entry(cluster.name.clone()).or_default().extend(there);
            }
        }
    }

    fn finish(mut self, intent: &Intent, inventory: &Inventory, hosts: &[NodeAddr]) -> Result<Plan, Refusal> {
        if !self.facts.0.values().any(|known| !matches!(known, crate::HostFacts::Assumed)) {
            self.warnings.insert(0, warning("plan/facts-assumed", "No node was asked: prepared Debian 12 nodes with 2 CPUs and 4 GiB are assumed, and etcd is assumed to run."));
        }
        if self.plays.iter().any(|play| HostPattern::parse(&play.limit).is_ok_and(|limit| limit.is_all())) {
            self.warnings.push(warning(
                "plan/limit-all",
                format!("The limit is `all`: this is about {} hosts.", hosts.len()),
            ));
        }
        self.warnings.extend(recreate(&self.made_again));
        self.warnings.extend(baselines(inventory, &self.facts, &self.clusters, &self.plays));
        self.warnings.extend(not_done::warn(inventory, &self.plays));
        self.warnings.extend(at_work(&self.facts));
        self.warnings.extend(left_pitr(inventory, &self.clusters, &self.plays));
        let cluster = (self.clusters.len() == 1).then(|| self.clusters.first().cloned()).flatten();
        let secrets = secrets(inventory, self.material, &self.plays);
        let mut plan = Plan {
            title: match (&intent.operation, self.title) {
                (Operation::Play(_), Some(title)) => title,
                (operation, _) => title(operation, hosts),
            },
            intent: intent.clone(),
            plays: self.plays,
            stages: self.stages,
            edits: self.edits,
            warnings: self.warnings,
            blast: self.blast,
            at_stake: self.at_stake,
            cluster,
            locks: self.locks,
            secrets,
            instances: self.instances,
            digest: Digest(String::new()),
        };
        plan.digest = digest(&plan, inventory, self.material);
        Ok(plan)
    }
}

pub(crate) fn warning(code: &str, text: impl Into<String>) -> Warning {
    Warning { code: code.into(), text: text.into() }
}

/// The clusters that these hosts are members of.
pub(crate) fn clusters_of<'a>(inventory: &'a Inventory, hosts: &[NodeAddr]) -> Vec<&'a Cluster> {
    let clusters = inventory.clusters().values();
    clusters.filter(|cluster| cluster.instances.iter().any(|one| hosts.contains(&one.addr))).collect()
}

fn the_one<'a>(play: &Play, clusters: &[&'a Cluster]) -> Result<&'a Cluster, Refusal> {
    match clusters {
        [one] => Ok(one),
        _ => Err(Refusal {
            code: "plan/no-cluster".into(),
            what: format!("`{}` was refused", play.command_line()),
            why: format!("`{}` is not one PostgreSQL cluster of the inventory", play.limit),
            fix: "name one cluster".into(),
        }),
    }
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
        if !matches!(play.playbook, Playbook::Node | Playbook::Etcd | Playbook::NodeRm) {
            needs.extend(pgsql::needs(&context, &select(inventory, play)?));
        }
    }
    Ok(needs.into_iter().collect())
}

/// The nodes whose facts planning wants: the limits, all members of their clusters, the clusters they are cloned from,
/// and etcd.
pub fn hosts_concerned(inventory: &Inventory, intent: &Intent) -> Result<Vec<NodeAddr>, Refusal> {
    let asked = intent.operation.plays(&intent.extra_vars);
    let chosen = chosen(inventory, &asked)?;
    let mut hosts: BTreeSet<NodeAddr> = chosen.iter().copied().collect();
    for cluster in clusters_of(inventory, &chosen) {
        hosts.extend(cluster.instances.iter().map(|instance| instance.addr));
        hosts.extend(balancers::beside(inventory, cluster));
        hosts.extend(repo_host::beside(inventory, cluster));
    }
    hosts.extend(inventory.members_of_group("etcd"));
    let names = |play: &Play| {
        matches!(play.playbook, Playbook::Pgsql | Playbook::PgsqlRm)
            && (play.tags.is_empty() || play.tags.iter().any(|tag| tag == "pg_dns"))
    };
    if asked.iter().any(names) {
        hosts.extend(inventory.members_of_group("infra"));
    }
    Ok(hosts.into_iter().collect())
}

/// The hosts of the limits, and one or all of each cluster that they are cloned from or shall follow.
pub(crate) fn chosen(inventory: &Inventory, asked: &[Play]) -> Result<Vec<NodeAddr>, Refusal> {
    let selected = select_all(inventory, asked)?;
    let mut hosts: BTreeSet<NodeAddr> = selected.iter().copied().collect();
    for host in selected {
        let vars = inventory.vars_with(host, &intent_vars(asked));
        hosts.extend(
            vars.text("pg_upstream")
                .and_then(|ip| ip.parse::<NodeAddr>().ok())
                .filter(|ip| inventory.hosts().contains(ip)),
        );
        let source = vars.map("pg_pitr").and_then(|pitr| pitr.get("cluster")).and_then(Value::as_str);
        let source = source.and_then(|name| name.parse::<ClusterName>().ok());
        if let Some(cluster) = source.and_then(|name| inventory.cluster(&name)) {
            hosts.extend(cluster.instances.iter().map(|one| one.addr));
        }
    }
    if let Some(Action::ChangeUpstream { host, .. }) = asked.first().and_then(|play| play.action.as_ref()) {
        hosts.extend(host.parse::<NodeAddr>().ok().filter(|ip| inventory.hosts().contains(ip)));
    }
    Ok(hosts.into_iter().collect())
}

pub(crate) fn intent_vars(plays: &[Play]) -> Map {
    plays.first().map(|play| play.extra_vars.clone()).unwrap_or_default()
}

pub(crate) fn select(inventory: &Inventory, play: &Play) -> Result<Vec<NodeAddr>, Refusal> {
    let refuse = |error: &PatternError| {
        let code = match error {
            PatternError::Empty | PatternError::OnlyExcludes { .. } => "plan/empty-limit",
            PatternError::Unknown { .. } => "plan/unknown-target",
            PatternError::BadAddress { .. } => "plan/bad-address",
            PatternError::NotAMember { .. } => "plan/not-a-member",
            PatternError::NoHosts { .. } => "plan/no-hosts",
        };
        Refusal {
            code: code.into(),
            what: format!("`{}` was refused", play.command_line()),
            why: error.to_string(),
            fix: "name a group of the inventory, or `all`, or addresses of its hosts; declare a new cluster in the inventory first".into(),
        }
    };
    if let Some(action) = &play.action {
        // `pg` and `pg-backup` name a cluster, whatever its group is called.
        let cluster = play.limit.parse::<ClusterName>().ok().and_then(|name| inventory.cluster(&name));
        return cluster.map(|cluster| cluster.instances.iter().map(|one| one.addr).collect()).ok_or_else(
            || Refusal {
                code: "plan/unknown-cluster".into(),
                what: format!("`{}` was refused", action.command_line(&play.limit)),
                why: format!("the inventory has no cluster `{}`", play.limit),
                fix: "name a declared cluster".into(),
            },
        );
    }
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

pub(crate) fn refuse_unreachable(facts: &FactSet, hosts: &[NodeAddr]) -> Result<(), Refusal> {
    let down: Vec<String> = hosts
        .iter()
        .filter_map(|host| facts.unreachable(*host).map(|reason| format!("{host}: {reason}")))
        .collect();
    if down.is_empty() {
        return Ok(());
    }
    Err(Refusal {
        code: "plan/node-unreachable".into(),
        what: "the plan needs nodes that do not answer".into(),
        why: down.join("; "),
        fix: "start the node, right its SSH settings, or trust its host key on the Nodes page; then plan again. Or leave it out of the limit".into(),
    })
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

fn recreate(made_again: &BTreeMap<ClusterName, Vec<String>>) -> Vec<Warning> {
    let mut out = Vec::new();
    for (name, alive) in made_again {
        out.push(Warning {
            code: "plan/recreate".into(),
            text: format!(
                "Cluster `{name}` already exists ({}). Data files are kept and files that differ from the inventory are overwritten and reloaded. PostgreSQL is not restarted by Paddock: settings that need it are left pending. No `baseline` runs again. Do a dry run first.",
                alive.join(", ")
            ),
        });
    }
    out
}

/// What is not run again is said: a baseline fills its database when that is made, and never after.
fn baselines(
    inventory: &Inventory,
    facts: &FactSet,
    clusters: &BTreeSet<ClusterName>,
    plays: &[Play],
) -> Option<Warning> {
    if !plays.iter().any(|play| play.playbook == Playbook::Pgsql && play.tags.is_empty()) {
        return None;
    }
    let mut files = BTreeSet::new();
    let members = clusters.iter().filter_map(|name| inventory.cluster(name)).flat_map(|one| &one.instances);
    for member in members {
        for db in crate::params::maps(&inventory.vars(member.addr), "pg_databases") {
            let of = |key: &str| crate::params::field(&db, key);
            let Some((file, db)) = of("baseline").zip(of("name")) else { continue };
            if facts.known(member.addr).is_none_or(|facts| facts.databases.contains_key(&db)) {
                files.insert(format!("`{file}` into `{db}`"));
            }
        }
    }
    let list = files.into_iter().collect::<Vec<_>>().join(", ");
    (!list.is_empty()).then(|| {
        warning(
            "plan/baseline",
            format!("A `baseline` runs only when its database is made. Not run: {list}, since the database is there already, or no node was asked whether it is."),
        )
    })
}

/// Somebody else's tools that change the nodes right now.
fn at_work(facts: &FactSet) -> Vec<Warning> {
    let mut out = Vec::new();
    for (host, known) in &facts.0 {
        let crate::HostFacts::Known(known) = known else { continue };
        if !known.others_at_work.is_empty() {
            let tools: Vec<&str> = known.others_at_work.iter().map(String::as_str).collect();
            out.push(warning("plan/others-at-work", format!("At work on {host} right now, started outside Paddock: {}. Wait for it, or the two may undo each other.", tools.join(" and "))));
        }
    }
    out
}

/// A restore that is left in the inventory would run again with the next `pgsql-pitr.yml`.
fn left_pitr(inventory: &Inventory, clusters: &BTreeSet<ClusterName>, plays: &[Play]) -> Vec<Warning> {
    if plays.iter().any(|play| play.playbook == Playbook::PgsqlPitr) {
        return Vec::new();
    }
    let named = clusters.iter().filter_map(|name| inventory.cluster(name));
    let with = named.filter(|cluster| {
        cluster.instances.iter().any(|one| inventory.vars(one.addr).map("pg_pitr").is_some())
    });
    with.map(|cluster| warning("plan/pitr-left", format!("`pg_pitr` is still in the inventory of `{}`: remove it after the restore, or the next `pgsql-pitr.yml` restores again.", cluster.name))).collect()
}

fn title(operation: &Operation, hosts: &[NodeAddr]) -> String {
    let list = if hosts.len() > 6 {
        format!("{} nodes", hosts.len())
    } else {
        hosts.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    };
    match operation {
        Operation::AddNode { .. } => format!("Add nodes {list}"),
        Operation::RemoveNode { .. } => format!("Remove nodes {list}"),
        Operation::Create { cluster } => format!("Create cluster {cluster} on {list}"),
        Operation::Expand { cluster, .. } => format!("Expand cluster {cluster} by {list}"),
        Operation::Shrink { cluster, .. } => format!("Shrink cluster {cluster} by {list}"),
        Operation::Remove { cluster } => format!("Remove cluster {cluster} from {list}"),
        Operation::User { cluster, name } => format!("Bring user {name} of {cluster} to what is declared"),
        Operation::Database { cluster, name } => {
            format!("Bring database {name} of {cluster} to what is declared")
        }
        Operation::Backup { cluster, kind } => format!("Back up {cluster} ({})", kind.as_str()),
        Operation::Patroni { cluster, action } => action.title(cluster.as_str()),
        Operation::ReloadService { cluster, .. } => format!("Reload services of {cluster} on {list}"),
        Operation::ReloadHba { cluster, .. } => format!("Reload HBA rules of {cluster} on {list}"),
        Operation::Play(play) => format!("Play {} on {list}", play.command_line()),
    }
}
