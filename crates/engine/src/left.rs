//! Scripts that still run on a node although nobody listens to them: their connection broke, or their console died.

use paddock_inventory::NodeAddr;
use paddock_playbooks::{Plan, Script};

/// A script that may still run on its node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Left {
    /// Its process group; who led it may have ended before the others.
    pub(crate) pid: u32,
    /// Its mark: after a restart of the node the number is another process's.
    pub(crate) frame: String,
}

impl Left {
    /// A command that tells whether it still runs.
    pub(crate) fn is_there(&self) -> String {
        format!(
            "[ -n \"$(for p in $(pgrep -g {}); do grep -lzxF 'PADDOCK_FRAME={}' /proc/$p/environ 2>/dev/null; done)\" ]",
            self.pid, self.frame
        )
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
    // A script's group is led by `timeout`, or by nobody when that has ended; a server that a script has started inherits
    // the mark, too, and leads a group of its own.
    let text = format!(
        "for f in $(grep -lzF 'PADDOCK_FRAME={mark}' /proc/[0-9]*/environ 2>/dev/null); do\n  g=$(sed 's/.*) //' \"${{f%environ}}stat\" 2>/dev/null | cut -d' ' -f3)\n  [ -n \"$g\" ] || continue\n  leads=$(cat \"/proc/$g/comm\" 2>/dev/null)\n  [ -z \"$leads\" ] || [ \"$leads\" = timeout ] || continue\n  echo \"$g $(tr '\\0' '\\n' <\"$f\" 2>/dev/null | sed -n 's/^PADDOCK_FRAME=//p')\"\ndone | sort -u\nexit 0\n"
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
        let pids: Vec<u32> =
            parse(&lines).iter().filter(|left| !left.frame.is_empty()).map(|left| left.pid).collect();
        assert_eq!(pids, [12]);
    }
}
