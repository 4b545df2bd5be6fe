//! The approval policy: how many people a plan that destroys takes, when nothing may run, how old a backup may be.
//!
//! Pure: from a text and a moment to what is asked of a plan. Who may change the text is not its matter.

use crate::clock::utc;
use crate::problems::problem;
use paddock_events::{PolicyFreeze, PolicyRule, Problem, ProblemKind};
use paddock_inventory::NamePattern;
use paddock_playbooks::AtStake;
use paddock_store::Concerned;
use serde::Deserialize;
use time::PrimitiveDateTime;
use time::macros::format_description;

/// What holds where no rule says anything else.
const APPROVERS: u32 = 1;
const BACKUP_WITHIN_H: u32 = 24;
/// More people than that are found nowhere within the hours that a request is good for.
const MOST_APPROVERS: u32 = 10;
/// A year and a day.
const LONGEST_H: u32 = 366 * 24;
const LONGEST_TEXT: usize = 64 << 10;

/// The text of a console that nobody has given a policy yet.
pub(crate) const DEFAULT: &str = r#"# The approval policy. For each cluster the first rule with a pattern that matches its name holds, as in pg_hba.conf;
# without one: one approver, and a backup of the last 24 h. A plan about several clusters takes the most of each.
#
# [[rule]]
# clusters = ["pg-prod-*"]
# approvers = 2            # different people, none of them the requester
# backup_within = "12h"    # hours or days: "7d"; "off": the age of the last backup does not matter
#
# While a freeze holds, nothing but jobs that only read runs on its clusters. Times are UTC.
#
# [[freeze]]
# clusters = ["pg-prod-*"]
# from = "2026-12-20 18:00"
# to = "2027-01-02 08:00"
# reason = "end of the year"
"#;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenPolicy {
    #[serde(default)]
    rule: Vec<WrittenRule>,
    #[serde(default)]
    freeze: Vec<WrittenFreeze>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRule {
    clusters: Vec<String>,
    approvers: Option<u32>,
    backup_within: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenFreeze {
    clusters: Vec<String>,
    from: String,
    to: String,
    reason: String,
}

#[derive(Debug, PartialEq, Eq)]
struct Rule {
    clusters: Vec<NamePattern>,
    approvers: u32,
    /// None: the age of the last backup does not matter.
    backup_within_h: Option<u32>,
}

/// A time in which nothing runs that could change something.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Freeze {
    clusters: Vec<NamePattern>,
    /// Microseconds since the epoch; it holds from there on.
    from_us: i64,
    /// And not from here on.
    pub(crate) to_us: i64,
    pub(crate) reason: String,
}

/// What a request must say because there is no fresh backup.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Gate {
    /// To be typed, word for word.
    pub(crate) words: String,
    pub(crate) why: String,
}

/// The policy, read.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct ApprovalPolicy {
    rules: Vec<Rule>,
    freezes: Vec<Freeze>,
}

impl ApprovalPolicy {
    /// Reads the text, or says what is wrong with it.
    pub(crate) fn read(text: &str) -> Result<Self, Problem> {
        if text.len() > LONGEST_TEXT {
            return Err(bad(format!("it is longer than {LONGEST_TEXT} bytes")));
        }
        let written: WrittenPolicy = toml::from_str(text).map_err(|error| bad(error.to_string()))?;
        let rules = written
            .rule
            .into_iter()
            .enumerate()
            .map(|(at, rule)| rule.read().map_err(|why| bad(format!("rule {}: {why}", at + 1))));
        let freezes = written
            .freeze
            .into_iter()
            .enumerate()
            .map(|(at, freeze)| freeze.read().map_err(|why| bad(format!("freeze {}: {why}", at + 1))));
        Ok(Self { rules: rules.collect::<Result<_, _>>()?, freezes: freezes.collect::<Result<_, _>>()? })
    }

    /// How many people must approve a plan about these clusters. When nobody knows of which it is, the most that any rule
    /// asks for.
    pub(crate) fn approvers(&self, about: &Concerned) -> u32 {
        let most = match about {
            Some(names) if !names.is_empty() => {
                names.iter().map(|name| self.rule_of(name).map_or(APPROVERS, |rule| rule.approvers)).max()
            }
            Some(_) | None => self.rules.iter().map(|rule| rule.approvers).max(),
        };
        most.unwrap_or(APPROVERS).max(APPROVERS)
    }

    /// The freeze that holds for a plan about these clusters at this moment; of several the one that ends last. Any that
    /// holds is for a plan of which nobody knows what it is about.
    pub(crate) fn freeze(&self, about: &Concerned, now_us: i64) -> Option<&Freeze> {
        let reaches = |freeze: &Freeze| match about {
            Some(names) if !names.is_empty() => names.iter().any(|name| covers(&freeze.clusters, name)),
            Some(_) | None => true,
        };
        let now = self.freezes.iter().filter(|freeze| freeze.from_us <= now_us && now_us < freeze.to_us);
        now.filter(|freeze| reaches(freeze)).max_by_key(|freeze| freeze.to_us)
    }

    /// What a request must say when data go of which there is no backup of late. One sentence that is true of all of
    /// them.
    pub(crate) fn gate(&self, at_stake: &[AtStake], now_us: i64) -> Option<Gate> {
        let stale = at_stake.iter().filter_map(|one| {
            let within_h = match self.rule_of(one.cluster.as_str()) {
                Some(rule) => rule.backup_within_h?,
                None => BACKUP_WITHIN_H,
            };
            let since_us = now_us - i64::from(within_h) * 3_600_000_000;
            let ended_us = one.backup_s.map(|s| s.saturating_mul(1_000_000));
            ended_us.is_none_or(|ended| ended < since_us).then_some((within_h, one, ended_us))
        });
        let (mut least, mut why) = (None, Vec::new());
        for (within_h, one, ended_us) in stale {
            least = Some(least.map_or(within_h, |least: u32| least.min(within_h)));
            why.push(match ended_us {
                Some(ended) => format!("the newest backup of {} ended {}", one.cluster, utc(ended)),
                None => format!("no backup of {} can be seen", one.cluster),
            });
        }
        let words = format!("no backup newer than {}", span(least?));
        Some(Gate { words, why: why.join("; ") })
    }

    fn rule_of(&self, cluster: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| covers(&rule.clusters, cluster))
    }

    /// The rules in order, for a page; the last is what holds without one.
    pub(crate) fn rules(&self) -> Vec<PolicyRule> {
        let row = |clusters: String, approvers, within_h: Option<u32>| PolicyRule {
            clusters,
            approvers,
            backup_within: within_h.map(span),
        };
        let own =
            self.rules.iter().map(|rule| row(listed(&rule.clusters), rule.approvers, rule.backup_within_h));
        let rest = if self.rules.is_empty() { "every cluster" } else { "every other" };
        own.chain([row(rest.into(), APPROVERS, Some(BACKUP_WITHIN_H))]).collect()
    }

    /// The freezes in order, for a page.
    pub(crate) fn freezes(&self) -> Vec<PolicyFreeze> {
        let row = |freeze: &Freeze| PolicyFreeze {
            clusters: listed(&freeze.clusters),
            from_us: freeze.from_us,
            to_us: freeze.to_us,
            reason: freeze.reason.clone(),
        };
        self.freezes.iter().map(row).collect()
    }

    /// All of it in a line, for the audit log.
    pub(crate) fn summary(&self) -> String {
        let rule = |rule: &PolicyRule| {
            let within = rule
                .backup_within
                .as_ref()
                .map_or_else(|| "of any age".to_owned(), |span| format!("within {span}"));
            format!("{}: {} to approve, backup {within}", rule.clusters, rule.approvers)
        };
        let freeze = |freeze: &PolicyFreeze| {
            format!(
                "{} frozen {} to {}: {}",
                freeze.clusters,
                utc(freeze.from_us),
                utc(freeze.to_us),
                freeze.reason
            )
        };
        let rules = self.rules();
        rules.iter().map(rule).chain(self.freezes().iter().map(freeze)).collect::<Vec<_>>().join("; ")
    }
}

fn covers(patterns: &[NamePattern], name: &str) -> bool {
    patterns.iter().any(|pattern| pattern.matches(name))
}

fn listed(patterns: &[NamePattern]) -> String {
    patterns.iter().map(NamePattern::as_str).collect::<Vec<_>>().join(", ")
}

/// `24 h`, `7 days`.
fn span(hours: u32) -> String {
    if hours >= 48 && hours.is_multiple_of(24) {
        format!("{} days", hours / 24)
    } else {
        format!("{hours} h")
    }
}

impl WrittenRule {
    fn read(self) -> Result<Rule, String> {
        let approvers = self.approvers.unwrap_or(APPROVERS);
        if !(1..=MOST_APPROVERS).contains(&approvers) {
            return Err(format!("`approvers` is {approvers}, and must be 1 to {MOST_APPROVERS}"));
        }
        let backup_within_h = match self.backup_within.as_deref() {
            None => Some(BACKUP_WITHIN_H),
            Some("off") => None,
            Some(written) => Some(hours(written)?),
        };
        Ok(Rule { clusters: patterns(&self.clusters)?, approvers, backup_within_h })
    }
}

impl WrittenFreeze {
    fn read(self) -> Result<Freeze, String> {
        let (from_us, to_us) = (moment(&self.from)?, moment(&self.to)?);
        if to_us <= from_us {
            return Err(format!("it ends ({}) before it begins ({})", self.to, self.from));
        }
        let reason = self.reason.trim().to_owned();
        if reason.is_empty() || reason.chars().any(char::is_control) {
            return Err("`reason` is a sentence on one line".into());
        }
        Ok(Freeze { clusters: patterns(&self.clusters)?, from_us, to_us, reason })
    }
}

fn patterns(written: &[String]) -> Result<Vec<NamePattern>, String> {
    if written.is_empty() {
        return Err("`clusters` names no pattern; `[\"*\"]` is every cluster".into());
    }
    let read = |one: &String| {
        NamePattern::parse(one).ok_or_else(|| format!("`{one}` is no pattern of cluster names"))
    };
    written.iter().map(read).collect()
}

fn hours(written: &str) -> Result<u32, String> {
    let why = || format!("`backup_within` is `{written}`, and must be like \"24h\", \"7d\" or \"off\"");
    let (number, each) = match (written.strip_suffix('h'), written.strip_suffix('d')) {
        (Some(number), _) => (number, 1),
        (None, Some(number)) => (number, 24),
        (None, None) => return Err(why()),
    };
    let hours = number.parse::<u32>().ok().and_then(|number| number.checked_mul(each));
    hours.filter(|hours| (1..=LONGEST_H).contains(hours)).ok_or_else(why)
}

fn moment(written: &str) -> Result<i64, String> {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]");
    let at = PrimitiveDateTime::parse(written, format)
        .map_err(|_| format!("`{written}` is no time: write it in UTC, like \"2026-12-20 18:00\""))?;
    Ok(at.assume_utc().unix_timestamp() * 1_000_000)
}

fn bad(why: String) -> Problem {
    problem(
        "policy/bad-text",
        ProblemKind::Request,
        "the policy was not taken",
        why,
        "right it, and try again",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
        [[rule]]
        clusters = ["pg-prod-a"]
        approvers = 3
        backup_within = "7d"
        [[rule]]
        clusters = ["pg-prod-*", "pg-core"]
        approvers = 2
        [[rule]]
        clusters = ["pg-dev-*"]
        backup_within = "off"
        [[freeze]]
        clusters = ["pg-prod-*"]
        from = "2026-12-20 18:00"
        to = "2026-12-21 08:00"
        reason = "audit"
        [[freeze]]
        clusters = ["*"]
        from = "2026-12-20 20:00"
        to = "2026-12-20 21:00"
        reason = "network"
    "#;

    fn about(names: &[&str]) -> Concerned {
        Some(names.iter().map(|name| (*name).to_owned()).collect())
    }

    fn at(written: &str) -> i64 {
        moment(written).unwrap()
    }

    #[test]
    fn the_first_rule_that_matches_a_cluster_says_how_many_and_the_most_of_all_is_taken() {
        let policy = ApprovalPolicy::read(TEXT).unwrap();
        for (names, approvers) in [
            (&["pg-prod-a"][..], 3),
            (&["pg-prod-b"], 2),
            (&["pg-core"], 2),
            (&["pg-dev-1"], 1),
            (&["pg-test"], 1),
            (&["pg-test", "pg-prod-b"], 2),
            (&[], 3),
        ] {
            assert_eq!(policy.approvers(&about(names)), approvers, "{names:?}");
        }
        assert_eq!(policy.approvers(&None), 3, "nobody knows what it is about");
        assert_eq!(ApprovalPolicy::default().approvers(&None), 1);
    }

    #[test]
    fn a_freeze_holds_from_its_first_moment_to_before_its_last_on_its_clusters() {
        let policy = ApprovalPolicy::read(TEXT).unwrap();
        let held = |names: &Concerned, when: &str| {
            policy.freeze(names, at(when)).map(|freeze| freeze.reason.clone())
        };
        for (names, when, expected) in [
            (about(&["pg-prod-b"]), "2026-12-20 17:59", None),
            (about(&["pg-prod-b"]), "2026-12-20 18:00", Some("audit")),
            (about(&["pg-prod-b"]), "2026-12-20 20:30", Some("audit")),
            (about(&["pg-prod-b"]), "2026-12-21 07:59", Some("audit")),
            (about(&["pg-prod-b"]), "2026-12-21 08:00", None),
            (about(&["pg-test"]), "2026-12-20 18:00", None),
            (about(&["pg-test", "pg-prod-b"]), "2026-12-20 18:00", Some("audit")),
            (about(&["pg-test"]), "2026-12-20 20:00", Some("network")),
            (None, "2026-12-20 18:00", Some("audit")),
            (about(&[]), "2026-12-20 18:00", Some("audit")),
        ] {
            assert_eq!(held(&names, when).as_deref(), expected, "{names:?} {when}");
        }
    }

    #[test]
    fn what_has_no_backup_of_late_must_be_said_in_words() {
        let policy = ApprovalPolicy::read(TEXT).unwrap();
        let now = at("2026-12-10 12:00");
        let stake = |name: &str, when: Option<&str>| AtStake {
            cluster: name.parse().unwrap(),
            backup_s: when.map(|when| at(when) / 1_000_000),
        };
        let words = |stakes: &[AtStake]| policy.gate(stakes, now).map(|gate| gate.words);
        for (stakes, expected) in [
            (vec![], None),
            (vec![stake("pg-test", Some("2026-12-09 12:00"))], None),
            (vec![stake("pg-test", Some("2026-12-09 11:59"))], Some("no backup newer than 24 h")),
            (vec![stake("pg-test", Some("2026-12-10 13:00"))], None),
            (vec![stake("pg-test", None)], Some("no backup newer than 24 h")),
            (vec![stake("pg-prod-a", Some("2026-12-04 12:00"))], None),
            (vec![stake("pg-prod-a", None)], Some("no backup newer than 7 days")),
            (vec![stake("pg-dev-1", None)], None),
            (vec![stake("pg-prod-a", None), stake("pg-test", None)], Some("no backup newer than 24 h")),
        ] {
            assert_eq!(words(&stakes).as_deref(), expected, "{stakes:?}");
        }
        let gate = policy.gate(&[stake("pg-a", None), stake("pg-b", Some("2026-12-01 00:00"))], now).unwrap();
        assert_eq!(
            gate.why,
            "no backup of pg-a can be seen; the newest backup of pg-b ended 2026-12-01 00:00:00 UTC"
        );
    }

    #[test]
    fn a_text_that_cannot_be_meant_is_refused_with_its_place() {
        assert_eq!(ApprovalPolicy::read(DEFAULT).unwrap(), ApprovalPolicy::default());
        for (text, why) in [
            ("rule = 1", "invalid type"),
            ("[[rule]]\nclusters = [\"*\"]\napprover = 2", "unknown field `approver`"),
            ("[[rule]]\nclusters = []", "rule 1: `clusters` names no pattern"),
            ("[[rule]]\nclusters = [\"a b\"]", "rule 1: `a b` is no pattern"),
            ("[[rule]]\nclusters = [\"*\"]\napprovers = 0", "rule 1: `approvers` is 0"),
            ("[[rule]]\nclusters = [\"*\"]\napprovers = 11", "rule 1: `approvers` is 11"),
            ("[[rule]]\nclusters = [\"*\"]\nbackup_within = \"1y\"", "`backup_within` is `1y`"),
            ("[[rule]]\nclusters = [\"*\"]\nbackup_within = \"0h\"", "`backup_within` is `0h`"),
            (
                "[[freeze]]\nclusters = [\"*\"]\nfrom = \"2026-12-20 18:00\"\nto = \"2026-12-20 18:00\"\nreason = \"x\"",
                "freeze 1: it ends",
            ),
            (
                "[[freeze]]\nclusters = [\"*\"]\nfrom = \"tomorrow\"\nto = \"2026-12-20 18:00\"\nreason = \"x\"",
                "`tomorrow` is no time",
            ),
            (
                "[[freeze]]\nclusters = [\"*\"]\nfrom = \"2026-12-20 17:00\"\nto = \"2026-12-20 18:00\"\nreason = \" \"",
                "`reason` is a sentence",
            ),
        ] {
            let refused = ApprovalPolicy::read(text).unwrap_err();
            assert!(refused.code == "policy/bad-text" && refused.why.contains(why), "{text}: {refused}");
        }
    }

    #[test]
    fn the_audit_log_gets_all_of_it_in_a_line() {
        let line = ApprovalPolicy::read(TEXT).unwrap().summary();
        assert!(
            line.starts_with(
                "pg-prod-a: 3 to approve, backup within 7 days; pg-prod-*, pg-core: 2 to approve"
            ),
            "{line}"
        );
        assert!(line.contains(
            "pg-dev-*: 1 to approve, backup of any age; every other: 1 to approve, backup within 24 h; "
        ));
        assert!(
            line.contains("pg-prod-* frozen 2026-12-20 18:00:00 UTC to 2026-12-21 08:00:00 UTC: audit"),
            "{line}"
        );
    }
}
