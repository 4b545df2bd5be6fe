//! Scripts that still run on a node although nobody listens to them: their connection broke, or their console died.

use paddock_inventory::NodeAddr;
use paddock_playbooks::{Plan, Script};

/// A script that may still run on its node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Left {
    /// Leader of its process group.
    pub(crate) pid: u32,
    /// Its mark: after a restart of the node the number is another process's.
    pub(crate) frame: String,
}

impl Left {
    /// A command that tells whether it still runs.
    pub(crate) fn is_there(&self) -> String {
        format!("grep -qzx 'PADDOCK_FRAME={}' /proc/{}/environ 2>/dev/null", self.frame, self.pid)
    }

    /// Waits for its end; its own limit bounds it.
    pub(crate) fn gone(&self) -> Script {
        let text = format!("while {}; do sleep 0.2; done\n", self.is_there());
        Script { text, stdin: None, user: "root".to_owned() }
    }
}

/// The mark of what a plan applies.
pub(crate) fn mark(plan: &Plan) -> String {
    let digest: String = plan.digest.0.chars().take(16).collect();
    format!("job.{digest}.")
}

/// Lists what earlier consoles left behind on a host that this plan works on. Where the plan holds the node's lock
/// nobody else applies anything; elsewhere only the same plan's own is waited for.
pub(crate) fn listing(plan: &Plan, host: NodeAddr) -> Script {
    let alone = plan.locks.contains(&format!("node/{host}"));
    let mark = if alone { "job.".to_owned() } else { mark(plan) };
    // Only `timeout`, which leads the script's process group: a server that a script has started inherits the mark, too.
    let text = format!(
        "for f in $(grep -lzF 'PADDOCK_FRAME={mark}' /proc/[0-9]*/environ 2>/dev/null); do\n  p=${{f#/proc/}}; p=${{p%%/*}}\n  [ \"$(cat \"/proc/$p/comm\" 2>/dev/null)\" = timeout ] || continue\n  echo \"$p $(tr '\\0' '\\n' <\"$f\" 2>/dev/null | sed -n 's/^PADDOCK_FRAME=//p')\"\ndone\nexit 0\n"
    );
    Script { text, stdin: None, user: "root".to_owned() }
}

/// What the listing says.
pub(crate) fn parse(lines: &[String]) -> Vec<Left> {
    let words = lines.iter().filter_map(|line| line.split_once(' '));
    words
        .filter(|(_, frame)| frame.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte)))
        .filter_map(|(pid, frame)| Some(Left { pid: pid.parse().ok()?, frame: frame.to_owned() }))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_reads_and_nothing_else_gets_into_a_command() {
        let lines = ["12 job.ab.3-00ff", "13 job.'; rm", "x job.ab.1-0", "14 "].map(str::to_owned);
        let pids: Vec<u32> = parse(&lines).iter().filter(|left| !left.frame.is_empty()).map(|left| left.pid).collect();
        assert_eq!(pids, [12]);
    }
}
