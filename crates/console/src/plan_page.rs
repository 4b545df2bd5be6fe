//! A stored plan as its page shows it: no secret, and no more text than a page can hold.

use crate::case::confirm_name;
use crate::masking::mask;
use crate::policy::Action;
use crate::{Actor, Console};
use paddock_events::{PlanId, PlanPage, PlanStage, PlanStep, Problem};
use paddock_playbooks::{Effect, Fact, Operation, Plan, Step};
use std::collections::BTreeSet;

/// Characters of one detail, and of all details of a page.
const DETAIL: usize = 8_000;
const DETAILS: usize = 2_000_000;

impl Console {
    /// A stored plan.
    pub async fn plan_page(&self, actor: &Actor, id: PlanId) -> Result<PlanPage, Problem> {
        let case = self.gate_plan(actor, Action::See, id).await?;
        let standing = self.standing(actor, &case).await?;
        let kept = &case.kept;
        let plan = &kept.plan;
        let plays = plan.plays.iter().map(|play| (play.command_line(), play.because.clone())).collect();
        Ok(PlanPage {
            id,
            title: plan.title.clone(),
            cluster: plan.cluster.as_ref().map(ToString::to_string),
            plays,
            warnings: plan.warnings.iter().map(|warning| warning.text.clone()).chain(edits(plan)).collect(),
            interrupts: plan.interrupts(),
            destroys: plan.destroys(),
            stages: stages(plan),
            digest: plan.digest.0.clone(),
            revision: kept.stored.revision,
            blast: blast(plan),
            confirm_name: confirm_name(plan),
            standing,
            command: command(plan),
        })
    }
}

/// What an approver should weigh: what is lost, and where.
fn blast(plan: &Plan) -> Vec<(String, String)> {
    let list = |names: Vec<String>| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    let instances = plan.instances.iter().map(|(node, name)| format!("{name} on {node}")).collect();
    let nodes = plan.nodes().iter().map(ToString::to_string).collect();
    let destroyed = plan.destroys().into_iter().map(|what| ("Destroys".to_owned(), what));
    let touched = [("Instances it touches", list(instances)), ("Nodes it touches", list(nodes))];
    let touched = touched.map(|(label, value)| (label.to_owned(), value));
    // What only the nodes could tell: connections, sizes, the last backup.
    destroyed.chain(plan.blast.iter().cloned()).chain(touched).collect()
}

/// What the plan changes in the inventory, one sentence each.
fn edits(plan: &Plan) -> impl Iterator<Item = String> {
    plan.edits
        .iter()
        .map(|planned| format!("When it is done, the inventory changes: {}.", planned.edit.sentence()))
}

fn command(plan: &Plan) -> String {
    let form = plan.intent.operation.script_form();
    match &plan.intent.operation {
        Operation::Play(_) => format!("paddock play {form}"),
        _ => format!("paddock {}", form.trim_start_matches("bin/")),
    }
}

fn stages(plan: &Plan) -> Vec<PlanStage> {
    let mut room = DETAILS;
    let mut detail_of = |step: &Step| {
        let shown = detail(&step.fact, &plan.secrets)?;
        let shown = cut(&shown, DETAIL.min(room));
        room = room.saturating_sub(shown.len());
        Some(shown)
    };
    let mut out = Vec::new();
    for stage in &plan.stages {
        let mut hosts = Vec::new();
        for (host, steps) in &stage.hosts {
            let steps = steps.iter().map(|step| PlanStep {
                id: step.id.0.clone(),
                title: mask(&step.title, &plan.secrets),
                effect: match &step.effect {
                    Effect::Plain => None,
                    Effect::Interrupts(what) | Effect::Destroys(what) => Some(what.clone()),
                },
                detail: detail_of(step),
                tags: step.tags.clone(),
            });
            hosts.push((host.to_string(), plan.instances.get(host).cloned(), steps.collect()));
        }
        let play = u32::try_from(stage.play).unwrap_or(u32::MAX);
        out.push(PlanStage { name: stage.name.clone(), play, hosts });
    }
    out
}

fn cut(text: &str, room: usize) -> String {
    if text.len() <= room {
        return text.to_owned();
    }
    let mut end = room;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}\n… {} more bytes", &text[..end], text.len() - end)
}

/// Content to be written, or the command, as far as it may be shown.
fn detail(fact: &Fact, secrets: &BTreeSet<String>) -> Option<String> {
    let shown = match fact {
        Fact::File { secret: true, path, owner, mode, .. } => {
            return Some(format!("{path}  {owner}  {mode:04o}\n(secret: its content is not shown)"));
        }
        Fact::File { path, content, owner, mode, validate, .. } => {
            let validated =
                validate.as_ref().map_or_else(String::new, |command| format!("checked by: {command}\n"));
            format!("{path}  {owner}  {mode:04o}\n{validated}\n{content}")
        }
        Fact::FileSet { directory, mark: _, files, validate } => {
            let files: Vec<String> =
                files.iter().map(|(name, content)| format!("{directory}/{name}\n{content}")).collect();
            format!("checked by: {validate}\n\n{}", files.join("\n"))
        }
        Fact::Directory { path, owner, mode } => format!("{path}  {owner}  {mode:04o}"),
        Fact::Link { path, target } => format!("{path} → {target}"),
        Fact::Packages { names } => names.join("\n"),
        Fact::OsUser { name, uid, group, home, shell } => {
            let uid = uid.map_or_else(|| "any uid".to_owned(), |uid| format!("uid {uid}"));
            format!("{name} ({uid}), group {group}, home {home}, shell {shell}")
        }
        Fact::Unit { name, files, .. } if files.is_empty() => name.clone(),
        Fact::Unit { name, files, .. } => format!("{name}, with\n{}", files.join("\n")),
        Fact::Sql { database, port, check, apply } => {
            format!("database {database}, port {port}\n\nholds when:\n{check}\n\nmade so by:\n{apply}")
        }
        Fact::HttpWait { address, port, path, expect } => {
            let codes: Vec<String> = expect.iter().map(ToString::to_string).collect();
            format!("http://{address}:{port}{path} answers {}", codes.join(" or "))
        }
        Fact::Command { check, apply, stdin, user } => {
            let apply = apply.as_ref().map_or_else(String::new, |apply| format!("\n\nmade so by:\n{apply}"));
            let stdin = if stdin.is_some() { "\n\n(what goes to its input is not shown)" } else { "" };
            format!("as {user}, holds when:\n{check}{apply}{stdin}")
        }
    };
    Some(mask(&shown, secrets))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_files_and_secret_values_are_not_shown() {
        let file = |secret| Fact::File {
            path: "/etc/x".into(),
            content: "password: Sup3rSecret\n".into(),
            owner: "root:root".into(),
            mode: 0o600,
            secret,
            validate: None,
        };
        let secrets = BTreeSet::from(["Sup3rSecret".to_owned()]);
        for fact in [file(true), file(false)] {
            let shown = detail(&fact, &secrets).unwrap();
            assert!(shown.starts_with("/etc/x  root:root  0600\n") && !shown.contains("Sup3r"), "{shown}");
        }
        let command = Fact::Command {
            check: "true".into(),
            apply: None,
            stdin: Some("Sup3rSecret".into()),
            user: "root".into(),
        };
        assert!(!detail(&command, &BTreeSet::new()).unwrap().contains("Sup3r"));
    }

    #[test]
    fn long_details_are_cut_between_characters() {
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("aüb", 2), "a\n… 3 more bytes");
    }
}
