//! What is printed: plans and dry runs as text, lines to standard output, complaints to standard error.

use paddock_events::{DryRun, Look, PlanPage, Problem, printable};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, IsTerminal as _, Write as _};

/// How this terminal is written to.
pub(super) fn look(diffs: bool) -> Look {
    let wished = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    Look { colour: wished && io::stdout().is_terminal(), diffs }
}

/// One line to standard output, at once: others may read it while the job runs.
pub(super) fn line(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}

/// A word beside the output.
pub(super) fn note(text: &str) {
    // When even standard error is gone, the exit code still says it.
    drop(writeln!(io::stderr(), "paddock: {text}"));
}

/// Why something was not done.
pub(crate) fn problem(problem: &Problem) {
    let mut text = format!("{}: {}", problem.code, problem.what);
    for (word, said) in [("why", &problem.why), ("fix", &problem.fix)] {
        if !said.is_empty() {
            // Reasons may quote what a node said.
            let said: Vec<String> = said.lines().map(printable).collect();
            text += &format!("\n  {word}: {}", said.join("\n       "));
        }
    }
    note(&text);
}

/// A plan's head: what a person should have read when the run begins.
pub(super) fn plan(page: &PlanPage) -> String {
    let mut out = format!("{}\n", page.title);
    for (command, because) in &page.plays {
        out += &format!("  {command}");
        if let Some(because) = because {
            out += &format!("    # planned in: {because}");
        }
        out.push('\n');
    }
    for warning in &page.warnings {
        out += &format!("warning: {warning}\n");
    }
    for what in &page.interrupts {
        out += &format!("interrupts: {what}\n");
    }
    for what in &page.destroys {
        out += &format!("DESTROYS: {what}\n");
    }
    let steps: usize =
        page.stages.iter().flat_map(|stage| &stage.hosts).map(|(_, _, steps)| steps.len()).sum();
    let hosts: BTreeSet<&str> =
        page.stages.iter().flat_map(|stage| &stage.hosts).map(|(host, _, _)| host.as_str()).collect();
    out += &format!("{steps} steps on {} nodes, digest {}", hosts.len(), page.digest);
    out
}

/// What a dry run found.
pub(super) fn dry_run(found: &DryRun, page: &PlanPage, look: Look) -> String {
    let names = names(page);
    let who = |host: &str| names.get(host).copied().unwrap_or(host).to_owned();
    let mut out = String::new();
    for (host, id, title, how) in &found.would_change {
        out += &format!("{} | {id} | would change: {}\n", who(host), printable(title));
        if look.diffs {
            for line in how.lines() {
                out += &format!("{} | {}\n", who(host), look.diff_line(line));
            }
        }
    }
    for (host, id, why) in &found.unknown {
        let why = why.lines().next().unwrap_or_default();
        out += &format!("{} | {id} | unknown: {}\n", who(host), printable(why));
    }
    out += &format!(
        "dry run: {} steps hold, {} would change, {} cannot be told before earlier steps have run",
        found.holding,
        found.would_change.len(),
        found.unknown.len()
    );
    out
}

/// Instances by address.
fn names(page: &PlanPage) -> BTreeMap<&str, &str> {
    let hosts = page.stages.iter().flat_map(|stage| &stage.hosts);
    hosts.filter_map(|(host, instance, _)| Some((host.as_str(), instance.as_deref()?))).collect()
}

/// `--list-hosts`
pub(super) fn hosts(page: &PlanPage) -> String {
    let names = names(page);
    per_play(page, |at| {
        let mut hosts: Vec<&str> = Vec::new();
        for (host, _, _) in page.stages.iter().filter(|stage| stage.play == at).flat_map(|stage| &stage.hosts)
        {
            if !hosts.contains(&host.as_str()) {
                hosts.push(host);
            }
        }
        let mut text = format!("    hosts ({}):", hosts.len());
        for host in hosts {
            text += &format!("\n      {host}");
            if let Some(name) = names.get(host) {
                text += &format!("  {name}");
            }
        }
        text
    })
}

/// `--list-tags`
pub(super) fn tags(page: &PlanPage) -> String {
    per_play(page, |at| {
        let steps = page.stages.iter().filter(|stage| stage.play == at).flat_map(|stage| &stage.hosts);
        let tags: BTreeSet<&str> =
            steps.flat_map(|(_, _, steps)| steps).flat_map(|step| &step.tags).map(String::as_str).collect();
        format!("    TASK TAGS: [{}]", tags.into_iter().collect::<Vec<_>>().join(", "))
    })
}

fn per_play(page: &PlanPage, said: impl Fn(u32) -> String) -> String {
    let plays = page
        .plays
        .iter()
        .zip(0..)
        .map(|((command, _), at)| format!("  play #{}: {command}\n{}", at + 1, said(at)));
    plays.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use paddock_events::{PlanId, PlanRules, PlanStage, PlanStanding, PlanStep, RevisionId, Verdict};

    fn page() -> PlanPage {
        let step = |id: &str, tags: &[&str]| PlanStep {
            id: id.into(),
            title: "t".into(),
            effect: None,
            detail: None,
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        };
        let stage = |name: &str, play, hosts| PlanStage { name: name.into(), play, hosts };
        PlanPage {
            id: PlanId(7),
            title: "Reload".into(),
            cluster: None,
            plays: vec![
                ("node.yml -l 10.0.0.2".into(), Some("it is new".into())),
                ("pgsql.yml -l pg-a".into(), None),
            ],
            warnings: vec!["careful".into()],
            interrupts: vec!["restarts PostgreSQL".into()],
            destroys: vec![],
            stages: vec![
                stage("Node", 0, vec![("10.0.0.2".into(), None, vec![step("node/x", &["node_x"])])]),
                stage(
                    "One",
                    1,
                    vec![("10.0.0.1".into(), Some("pg-a-1".into()), vec![step("p/a", &["pg_b", "pg_a"])])],
                ),
                stage(
                    "Two",
                    1,
                    vec![("10.0.0.1".into(), Some("pg-a-1".into()), vec![step("p/b", &["pg_a"])])],
                ),
            ],
            digest: "abc".into(),
            revision: RevisionId(1),
            blast: Vec::new(),
            confirm_name: "pg-a".into(),
            standing: PlanStanding {
                job: None,
                approval: None,
                rules: PlanRules { approvers: 1, freeze: None, gate: None },
                may_run: Verdict::Allowed,
                may_request: Verdict::Allowed,
                may_withdraw: Verdict::Allowed,
                may_approve: Verdict::Allowed,
                may_break_glass: Verdict::Allowed,
            },
            command: String::new(),
        }
    }

    #[test]
    fn a_plan_says_what_should_be_read_first() {
        assert_eq!(
            plan(&page()),
            "Reload\n  node.yml -l 10.0.0.2    # planned in: it is new\n  pgsql.yml -l pg-a\nwarning: careful\n\
             interrupts: restarts PostgreSQL\n3 steps on 2 nodes, digest abc"
        );
    }

    #[test]
    fn hosts_and_tags_are_listed_by_play() {
        assert_eq!(
            hosts(&page()),
            "  play #1: node.yml -l 10.0.0.2\n    hosts (1):\n      10.0.0.2\n  play #2: pgsql.yml -l pg-a\n    \
             hosts (1):\n      10.0.0.1  pg-a-1"
        );
        assert_eq!(
            tags(&page()),
            "  play #1: node.yml -l 10.0.0.2\n    TASK TAGS: [node_x]\n  play #2: pgsql.yml -l pg-a\n    \
             TASK TAGS: [pg_a, pg_b]"
        );
    }

    #[test]
    fn a_dry_run_shows_diffs_when_asked() {
        let found = DryRun {
            holding: 4,
            would_change: vec![("10.0.0.1".into(), "p/a".into(), "rules".into(), "-a\n+b\u{1b}[2J".into())],
            unknown: vec![("10.0.0.2".into(), "node/x".into(), "no answer\nmore".into())],
        };
        let end = "10.0.0.2 | node/x | unknown: no answer\ndry run: 4 steps hold, 1 would change, 1 cannot be told \
                   before earlier steps have run";
        let with = |diffs| dry_run(&found, &page(), Look { colour: false, diffs });
        assert_eq!(with(false), format!("pg-a-1 | p/a | would change: rules\n{end}"));
        assert_eq!(
            with(true),
            format!("pg-a-1 | p/a | would change: rules\npg-a-1 | -a\npg-a-1 | +b␛[2J\n{end}")
        );
    }
}
