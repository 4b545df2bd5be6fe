//! Planning from the words of a command line, as pages and the REST API give them.

use crate::{Actor, Console};
use paddock_events::{PlanId, Problem, ProblemKind};
use paddock_playbooks::Intent;

impl Console {
    /// Plans what a command line means: `bin/pgsql-add pg-test`, `pgsql.yml -l pg-test -t pg_hba`.
    pub async fn plan_words(&self, actor: &Actor, words: &[String]) -> Result<PlanId, Problem> {
        let intent = Intent::parse(words).map_err(|refusal| Problem {
            code: refusal.code,
            kind: ProblemKind::Request,
            what: refusal.what,
            why: refusal.why,
            fix: refusal.fix,
        })?;
        self.plan(actor, intent).await
    }
}
