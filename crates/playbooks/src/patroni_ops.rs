//! `pg <action> <cls>` and `pg-backup`: what `patronictl` does, by Patroni's REST API. What it refuses is refused, with
//! its reason.

mod backup;
mod config;
mod pause;
mod restart;
pub(crate) mod switchover;

use crate::pgsql;
use crate::pgsql::members::{Member, Members};
use crate::planning::{Made, warning};
use crate::standby;
use crate::{Action, Context, FactSet, Live, Play, Refusal, Stage, Step, Warning};
use paddock_inventory::{Cluster, InstanceRole, NodeAddr};
use std::collections::BTreeMap;

pub(crate) fn stages(ctx: &Context<'_>, play: &Play, cluster: &Cluster) -> Result<Made, Refusal> {
    let seen = Seen::of(ctx, play, cluster)?;
    let Some(action) = &play.action else { return Err(no_action(play)) };
    match action {
        Action::Switchover { candidate } => switchover::switchover(&seen, candidate.as_deref()),
        Action::Failover { candidate } => switchover::failover(&seen, candidate),
        Action::Restart { member, pending } => restart::restart(&seen, member.as_deref(), *pending),
        Action::Reload { member } => restart::reload(&seen, member.as_deref()),
        Action::Reinit { member } => restart::reinit(&seen, member),
        Action::Pause => pause::pause(&seen),
        Action::Resume => pause::resume(&seen),
        Action::EditConfig { patch } => config::edit(&seen, patch),
        Action::Backup { kind } => backup::backup(&seen, *kind),
        Action::PromoteCluster => standby::promote(&seen),
        Action::ChangeUpstream { host, port } => standby::change_upstream(&seen, host, *port),
    }
}

fn no_action(play: &Play) -> Refusal {
    Refusal {
        code: "plan/usage".into(),
        what: format!("`{}` was not understood", play.command_line()),
        why: "it names no action".into(),
        fix: "write `pg <action> <cls>`, such as `pg switchover <cls>`".into(),
    }
}

/// The cluster that an action is for: as declared, and as it was seen.
pub(crate) struct Seen<'a> {
    pub(crate) ctx: &'a Context<'a>,
    pub(crate) play: &'a Play,
    pub(crate) cluster: &'a Cluster,
    pub(crate) members: Members,
    /// None when no node was asked: then everything is planned as declared.
    pub(crate) live: Option<&'a Live>,
}

impl<'a> Seen<'a> {
    /// Refuses when nodes were asked and no Patroni of the cluster answers.
    pub(crate) fn of(ctx: &'a Context<'_>, play: &'a Play, cluster: &'a Cluster) -> Result<Self, Refusal> {
        let mut members = Members::of(ctx, cluster);
        members.version = pgsql::version_of(ctx, &members);
        let seen = Self { ctx, play, cluster, members, live: ctx.facts.live(cluster) };
        let asked = |one: &paddock_inventory::Instance| is_asked(ctx.facts, one.addr);
        if seen.live.is_none() && cluster.instances.iter().any(asked) {
            return Err(seen.refuse(
                "plan/no-patroni",
                format!("Patroni answers on no member of `{}`", cluster.name),
                "start it (`systemctl start patroni` on the members), or create the cluster first",
            ));
        }
        Ok(seen)
    }

    pub(crate) fn refuse(&self, code: &str, why: impl Into<String>, fix: impl Into<String>) -> Refusal {
        Refusal {
            code: code.to_owned(),
            what: format!("`{}` was refused", self.play.command_line()),
            why: why.into(),
            fix: fix.into(),
        }
    }

    /// A declared member by its name.
    pub(crate) fn member(&self, name: &str) -> Result<&Member, Refusal> {
        self.members.all.iter().find(|member| member.name == name).ok_or_else(|| {
            let names: Vec<&str> = self.members.all.iter().map(|member| member.name.as_str()).collect();
            self.refuse(
                "plan/unknown-member",
                format!("`{}` has no member `{name}`", self.cluster.name),
                format!("name one of {}", names.join(", ")),
            )
        })
    }

    /// The member that leads, on a node that answers; when no node was asked, the declared primary.
    pub(crate) fn leader(&self) -> Result<&Member, Refusal> {
        let leader = match self.live {
            Some(_) => self.members.leader.and_then(|leader| self.members.at(leader)),
            None => self.members.primary(),
        };
        let leader = leader.ok_or_else(|| {
            self.refuse(
                "plan/no-leader",
                format!("no declared member of `{}` leads", self.cluster.name),
                format!(
                    "look at `pg list {0}`; if it does not elect one by itself: `pg failover {0} --candidate <member>`",
                    self.cluster.name
                ),
            )
        })?;
        self.reach(leader)?;
        Ok(leader)
    }

    /// Refuses when the member's node does not answer, or its Patroni does not.
    pub(crate) fn reach(&self, member: &Member) -> Result<(), Refusal> {
        let why = self.out_of_reach(member);
        why.map_or(Ok(()), |why| {
            Err(self.refuse(
                "plan/node-unreachable",
                format!("{} on {} is needed: {why}", member.name, member.addr),
                "start it, or right its SSH settings, then plan again",
            ))
        })
    }

    /// Why nothing can be done on a member.
    fn out_of_reach(&self, member: &Member) -> Option<String> {
        if let Some(reason) = self.ctx.facts.unreachable(member.addr) {
            return Some(format!("the node does not answer ({reason})"));
        }
        let silent = self.ctx.facts.known(member.addr).is_some_and(|facts| facts.live.is_none());
        silent.then(|| "Patroni does not answer there".to_owned())
    }

    /// The members that can be reached; the others are warned of.
    pub(crate) fn in_reach(&self, warnings: &mut Vec<Warning>) -> Vec<&Member> {
        let mut out = Vec::new();
        for member in &self.members.all {
            match self.out_of_reach(member) {
                None => out.push(member),
                Some(why) => warnings.push(warning(
                    "plan/member-left-out",
                    format!("{} on {} is left out: {why}.", member.name, member.addr),
                )),
            }
        }
        out
    }

    /// Adds the stage that proves that HAProxy leads every service to who serves it now; members that cannot be asked
    /// are warned of.
    pub(crate) fn prove_routes(&self, made: &mut Made) -> Result<(), Refusal> {
        let mut left_out = Vec::new();
        let asked: Vec<NodeAddr> = self.in_reach(&mut left_out).iter().map(|member| member.addr).collect();
        left_out.retain(|new| !made.warnings.contains(new));
        made.warnings.extend(left_out);
        let mut there = self.members.clone();
        there.all.retain(|member| asked.contains(&member.addr));
        let mut hosts = pgsql::balancers::routes(self.ctx, &self.members, &there)?;
        hosts.retain(|host, _| self.members.at(*host).is_none() || asked.contains(host));
        for member in &there.all {
            hosts.entry(member.addr).or_default().extend(pgsql::vip::proof(&there, member));
        }
        hosts.retain(|_, steps| !steps.is_empty());
        hosts.retain(|host, _| self.ctx.facts.unreachable(*host).is_none());
        made.stages.push(Stage { name: "Verify".into(), play: 0, hosts, serial: false });
        Ok(())
    }
}

/// Whether facts were to be read from the node.
pub(crate) fn is_asked(facts: &FactSet, host: NodeAddr) -> bool {
    facts.known(host).is_some() || facts.unreachable(host).is_some()
}

pub(crate) fn stage(name: impl Into<String>, member: &Member, steps: Vec<Step>) -> Stage {
    let hosts = BTreeMap::from([(member.addr, steps)]);
    Stage { name: name.into(), play: 0, hosts, serial: false }
}

/// An offline instance is for queries that may be cut off: it leads only when nobody else can.
fn rank(role: InstanceRole) -> u8 {
    u8::from(role == InstanceRole::Offline)
}

impl Action {
    /// One sentence for a plan's title.
    pub(crate) fn title(&self, cluster: &str) -> String {
        match self {
            Self::Switchover { candidate: Some(to) } => format!("Switch {cluster} over to {to}"),
            Self::Switchover { candidate: None } => format!("Switch {cluster} over"),
            Self::Failover { candidate } => format!("Fail {cluster} over to {candidate}"),
            Self::Restart { member: Some(one), .. } => format!("Restart PostgreSQL on {one}"),
            Self::Restart { member: None, pending: true } => {
                format!("Restart the members of {cluster} that wait for it")
            }
            Self::Restart { member: None, pending: false } => format!("Restart all members of {cluster}"),
            Self::Reload { member: Some(one) } => format!("Reload the configuration of {one}"),
            Self::Reload { member: None } => format!("Reload the configuration of {cluster}"),
            Self::Reinit { member } => format!("Clone {member} of {cluster} anew"),
            Self::Pause => format!("Pause automatic failover of {cluster}"),
            Self::Resume => format!("Resume automatic failover of {cluster}"),
            Self::EditConfig { .. } => format!("Change the configuration of {cluster}"),
            Self::PromoteCluster => format!("Promote standby cluster {cluster}"),
            Self::ChangeUpstream { host, port } => format!("Have {cluster} follow {host}:{port}"),
            Self::Backup { kind } => format!("Back up {cluster} ({})", kind.as_str()),
        }
    }
}
