//! A glance at a node while a job runs: who else works there, and what its Patroni sees. Cheaper than facts, so that it can
//! be taken between stages.

use crate::http::http;
use std::collections::{BTreeMap, BTreeSet};

/// Bash that prints `at_work=` lines for tools that change the node now, started outside Paddock: by their processes, and
/// by the lock files that a process holds (a file that nobody has locked is left over, and says nothing). A `patronictl`
/// that only shows something is none.
pub(crate) const AT_WORK: &str = r#"pgrep -f AnsiballZ >/dev/null 2>&1 && echo at_work=ansible
pgrep -af '/patronictl' 2>/dev/null | grep -qvE ' (list|topology|history|show-config|query|dsn|version)( |$)' && echo at_work=patronictl
awk '$2 != "->" && $4 == "WRITE" && $5 > 0 { print $5 }' /proc/locks 2>/dev/null | sort -u | while read -r pid; do
  grep -qz '^PADDOCK_FRAME=' "/proc/$pid/environ" 2>/dev/null && continue
  for fd in /proc/$pid/fd/*; do case "$(readlink "$fd")" in
    /var/lib/dpkg/lock*|/var/lib/apt/lists/lock) echo 'at_work=apt or dpkg' ;;
    /tmp/pgbackrest/*-backup*.lock) echo 'at_work=a backup of pgBackRest' ;;
    /run/lock/ansible*|/run/lock/pigsty*|/run/lock/autobase*|/run/lock/semaphore*|/run/lock/patroni*|/run/lock/pg*|/run/lock/postgres*)
      echo "at_work=$(cat "/proc/$pid/comm") with the lock $(readlink "$fd")" ;;
  esac; done
done | sort -u
"#;

const CLUSTER: &str = concat!(
    r#"[ -e /etc/patroni/patroni.yml ] && command -v python3 >/dev/null && timeout 6 python3 - <<'PADDOCK'
"#,
    http!(),
    r#"import re
text = open('/etc/patroni/patroni.yml').read()
found = re.search(r'^  connect_address: (\S+)', text, re.M)
scope = re.search(r'^scope: *(\S+)', text, re.M)
try: seen = json.loads(http('http://' + found.group(1) + '/cluster', 4)[1])
except Exception: raise SystemExit
print('scope=' + scope.group(1))
if seen.get('pause'): print('paused=1')
for m in seen['members']:
    print(('leader=' if leads(m) else 'member=') + m['name'])
PADDOCK
exit 0
"#
);

/// What one node says at a glance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Glance {
    /// Other tools that change the node now.
    pub at_work: BTreeSet<String>,
    /// Patroni's scope; none where no Patroni answers.
    pub scope: Option<String>,
    /// What its Patroni sees.
    pub cluster: ClusterGlance,
}

/// A cluster at a glance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClusterGlance {
    /// Who leads.
    pub leader: Option<String>,
    /// Who else is a member.
    pub others: BTreeSet<String>,
    /// No automatic failover.
    pub paused: bool,
}

impl Glance {
    /// Bash that prints what [`Glance::parse`] reads.
    pub fn probe() -> String {
        format!("{AT_WORK}{CLUSTER}")
    }

    /// Reads the probe's output; lines of other kinds are left out.
    pub fn parse(text: &str) -> Self {
        let mut out = Self::default();
        for (key, value) in text.lines().filter_map(|line| line.split_once('=')) {
            let value = value.trim().to_owned();
            match key {
                "at_work" => drop(out.at_work.insert(value)),
                "scope" => out.scope = Some(value),
                "leader" => out.cluster.leader = Some(value),
                "member" => drop(out.cluster.others.insert(value)),
                "paused" => out.cluster.paused = true,
                _ => {}
            }
        }
        out
    }
}

/// The clusters that these nodes see: of each the first view that knows a leader, else the first.
pub fn clusters_at_a_glance<'a>(
    glances: impl IntoIterator<Item = &'a Glance>,
) -> BTreeMap<String, ClusterGlance> {
    let mut out: BTreeMap<String, ClusterGlance> = BTreeMap::new();
    for glance in glances {
        let Some(scope) = &glance.scope else { continue };
        let known = out.entry(scope.clone()).or_insert_with(|| glance.cluster.clone());
        if known.leader.is_none() && glance.cluster.leader.is_some() {
            *known = glance.cluster.clone();
        }
    }
    out
}

/// What is another than it was, a sentence each. A cluster that was not seen before has no differences.
pub fn differences(
    was: &BTreeMap<String, ClusterGlance>,
    is: &BTreeMap<String, ClusterGlance>,
) -> Vec<String> {
    let mut out = Vec::new();
    for (scope, now) in is {
        let Some(before) = was.get(scope) else { continue };
        let name = |leader: &Option<String>| leader.clone().unwrap_or_else(|| "nobody".to_owned());
        if before.leader != now.leader {
            out.push(format!(
                "{} leads {scope} now; before it was {}",
                name(&now.leader),
                name(&before.leader)
            ));
        }
        if before.paused != now.paused {
            let state = if now.paused { "paused" } else { "on again" };
            out.push(format!("automatic failover of {scope} is {state}"));
        }
        let all = |seen: &ClusterGlance| -> BTreeSet<String> {
            seen.others.iter().chain(&seen.leader).cloned().collect()
        };
        let (old, new) = (all(before), all(now));
        out.extend(old.difference(&new).map(|gone| format!("{gone} is no member of {scope} any more")));
        out.extend(new.difference(&old).map(|come| format!("{come} is a member of {scope} now")));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEEN: &str = "at_work=ansible\nscope=pg-test\nleader=pg-test-1\nmember=pg-test-2\nnoise\nodd=1\n";

    #[test]
    fn a_glance_reads() {
        let glance = Glance::parse(SEEN);
        assert_eq!(glance.at_work, BTreeSet::from(["ansible".to_owned()]));
        assert_eq!(glance.scope.as_deref(), Some("pg-test"));
        assert_eq!(glance.cluster.leader.as_deref(), Some("pg-test-1"));
        assert_eq!(Glance::parse(""), Glance::default());
    }

    #[test]
    fn differences_are_told_of_clusters_that_were_seen_before() {
        let of = |text: &str| {
            clusters_at_a_glance(&[Glance::parse("scope=pg-test\nmember=x\n"), Glance::parse(text)])
        };
        let was = of(SEEN);
        let check = |text: &str, expect: &[&str]| assert_eq!(differences(&was, &of(text)), expect, "{text}");
        check(SEEN, &[]);
        check(
            "scope=pg-test\nleader=pg-test-2\nmember=pg-test-1\npaused=1\n",
            &[
                "pg-test-2 leads pg-test now; before it was pg-test-1",
                "automatic failover of pg-test is paused",
            ],
        );
        check(
            "scope=pg-test\nleader=pg-test-1\nmember=pg-test-3\n",
            &["pg-test-2 is no member of pg-test any more", "pg-test-3 is a member of pg-test now"],
        );
        assert_eq!(differences(&BTreeMap::new(), &was), [] as [String; 0]);
    }
}
