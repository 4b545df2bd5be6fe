//! Requests to run plans that destroy, and what became of them.
//!
//! Every transition is one conditional write: a request that is not in the state it must be in, has expired or is the
//! decider's own gives no row, and the caller looks again to say why.

use crate::audit::{self, NewAudit};
use crate::database::{Asking as _, picked};
use crate::plans::{Concerned, concerned};
use crate::{Store, StoreError};
use paddock_events::{ApprovalId, PersonId, PlanId, RevisionId};
use sqlx::{Sqlite, Transaction};

/// Where a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApprovalState {
    /// Nobody has decided.
    Waiting,
    /// A job may be started with it, once.
    Approved,
    /// Somebody said no.
    Refused,
    /// The requester took it back.
    Withdrawn,
    /// A job was started with it.
    Used,
    /// The plan is not what it was any more, or nobody decided in time and it was asked for again.
    Void,
}

impl ApprovalState {
    fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Approved => "approved",
            Self::Refused => "refused",
            Self::Withdrawn => "withdrawn",
            Self::Used => "used",
            Self::Void => "void",
        }
    }

    fn parse(text: &str) -> Result<Self, StoreError> {
        let all = [Self::Waiting, Self::Approved, Self::Refused, Self::Withdrawn, Self::Used, Self::Void];
        all.into_iter().find(|state| state.as_str() == text).ok_or_else(|| StoreError::Damaged {
            what: "state of an approval".into(),
            why: format!("`{text}` is none"),
        })
    }
}

/// A person at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// Who.
    pub by: PersonId,
    /// Their name of then.
    pub name: String,
    /// Microseconds since the epoch.
    pub at_us: i64,
}

/// What an approver types to show what they mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Typed<'a> {
    /// The name of what they decide on.
    pub name: &'a str,
    /// The words that the request was made with, when it had to say some.
    pub words: Option<&'a str>,
}

impl<'a> From<&'a str> for Typed<'a> {
    fn from(name: &'a str) -> Self {
        Self { name, words: None }
    }
}

/// A request to be kept.
#[derive(Clone, Debug)]
pub struct NewApproval {
    /// What shall run; its digest is taken from the stored plan.
    pub plan: PlanId,
    /// The plan's sentence.
    pub title: String,
    /// The cluster it changes.
    pub cluster: Option<String>,
    /// Who asks, and when.
    pub asked: Signed,
    /// Why, in their words.
    pub reason: String,
    /// What the policy made them say besides, word for word; each approver repeats it.
    pub words: Option<String>,
    /// How many people must approve it, at least one.
    pub needed: u32,
    /// From when on it is worth nothing.
    pub expires_us: i64,
}

/// A request as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredApproval {
    /// Its number.
    pub id: ApprovalId,
    /// What shall run.
    pub plan: PlanId,
    /// The plan's digest of then.
    pub digest: String,
    /// The plan's sentence.
    pub title: String,
    /// The cluster it changes.
    pub cluster: Option<String>,
    /// What the plan is about.
    pub clusters: Concerned,
    /// Who asked, and when.
    pub asked: Signed,
    /// Why, in their words.
    pub reason: String,
    /// What the policy made them say besides.
    pub words: Option<String>,
    /// How many people must approve it.
    pub needed: u32,
    /// Who has approved it, each person once, the first one first.
    pub given: Vec<Signed>,
    /// From when on it is worth nothing.
    pub expires_us: i64,
    /// Where it is.
    pub state: ApprovalState,
    /// The requester decided alone.
    pub break_glass: bool,
    /// Who refused it, or was the last to approve it, and when.
    pub decided: Option<Signed>,
    /// Why it was refused or became void.
    pub why: Option<String>,
    /// When it was withdrawn, used or became void.
    pub ended_us: Option<i64>,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    plan: i64,
    digest: String,
    title: String,
    cluster: Option<String>,
    clusters: Option<String>,
    requester: i64,
    requester_name: String,
    reason: String,
    words: Option<String>,
    needed: u32,
    given: String,
    requested_us: i64,
    expires_us: i64,
    state: String,
    break_glass: bool,
    decided_by: Option<i64>,
    decided_name: Option<String>,
    decided_us: Option<i64>,
    why: Option<String>,
    ended_us: Option<i64>,
}

impl TryFrom<Row> for StoredApproval {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let decided = match (row.decided_by, row.decided_name, row.decided_us) {
            (Some(by), Some(name), Some(at_us)) => Some(Signed { by: PersonId(by), name, at_us }),
            // The table lets them be there or absent together only.
            (_, _, _) => None,
        };
        let given: Vec<(i64, String, i64)> =
            serde_json::from_str(&row.given).map_err(|error| StoreError::Damaged {
                what: format!("list of approvers of approval {}", row.id),
                why: error.to_string(),
            })?;
        let signed = |(by, name, at_us)| Signed { by: PersonId(by), name, at_us };
        Ok(Self {
            id: ApprovalId(row.id),
            plan: PlanId(row.plan),
            digest: row.digest,
            title: row.title,
            cluster: row.cluster,
            clusters: concerned(row.clusters.as_deref(), &format!("plan {}", row.plan))?,
            asked: Signed { by: PersonId(row.requester), name: row.requester_name, at_us: row.requested_us },
            reason: row.reason,
            words: row.words,
            needed: row.needed,
            given: given.into_iter().map(signed).collect(),
            expires_us: row.expires_us,
            state: ApprovalState::parse(&row.state)?,
            break_glass: row.break_glass,
            decided,
            why: row.why,
            ended_us: row.ended_us,
        })
    }
}

/// The question for requests, with what is asked of them.
macro_rules! approvals {
    ($which:literal) => {
        concat!(
            "SELECT id, plan, digest, title, cluster, requester, requester_name, reason, words, needed, requested_us,
                    expires_us, state, break_glass, decided_by, decided_name, decided_us, why, ended_us,
                    (SELECT plan.clusters FROM plan WHERE plan.id = approval.plan) AS clusters,
                    (SELECT json_group_array(json_array(one.person, one.name, one.at_us)) FROM (
                        SELECT person, name, at_us FROM approver WHERE approver.approval = approval.id
                        ORDER BY at_us, person) AS one) AS given
             FROM approval ",
            $which
        )
    };
}

/// Takes the approval for a job that is being started; false when it is not approved by as many people as it takes, has
/// expired, is for another digest, or the inventory is not in the revision under which the plan was found to be good.
pub(crate) async fn use_up(
    tx: &mut Transaction<'static, Sqlite>,
    approval: ApprovalId,
    plan: PlanId,
    revision: RevisionId,
    now_us: i64,
) -> Result<bool, StoreError> {
    let used = sqlx::query(
        "UPDATE approval SET state = 'used', ended_us = $4
         WHERE id = $1 AND plan = $2 AND state = 'approved' AND expires_us > $4
           AND digest = (SELECT plan.digest FROM plan WHERE plan.id = $2)
           AND $3 = (SELECT max(revision.id) FROM revision)
           AND (break_glass = 1 OR needed <= (
               SELECT count(*) FROM approver WHERE approver.approval = approval.id AND approver.person <> approval.requester))",
    )
    .bind(approval.0)
    .bind(plan.0)
    .bind(revision.0)
    .bind(now_us)
    .execute(&mut **tx)
    .await
    .asking("use an approval")?;
    Ok(used.rows_affected() == 1)
}

impl Store {
    /// Keeps a request that waits for somebody else; none when one is open already or the plan has a job.
    pub async fn request_approval(&self, new: &NewApproval) -> Result<Option<ApprovalId>, StoreError> {
        self.add_approval(new, None).await
    }

    /// Keeps a request that its requester approves alone, and takes back the one of theirs that waits; none when
    /// somebody else's is open or the plan has a job.
    pub async fn break_glass(
        &self,
        new: &NewApproval,
        typed_name: &str,
    ) -> Result<Option<ApprovalId>, StoreError> {
        self.add_approval(new, Some(typed_name)).await
    }

    async fn add_approval(
        &self,
        new: &NewApproval,
        alone: Option<&str>,
    ) -> Result<Option<ApprovalId>, StoreError> {
        let NewApproval { plan, title, cluster, asked, reason, words, needed, expires_us } = new;
        let mut tx = self.begin().await?;
        sqlx::query(
            "UPDATE approval SET state = 'void', why = 'it expired', ended_us = $2
             WHERE plan = $1 AND state IN ('waiting', 'approved') AND expires_us <= $2",
        )
        .bind(plan.0)
        .bind(asked.at_us)
        .execute(&mut *tx)
        .await
        .asking("close expired requests")?;
        if alone.is_some() {
            let withdrawn = sqlx::query(
                "UPDATE approval SET state = 'withdrawn', ended_us = $3
                 WHERE plan = $1 AND state = 'waiting' AND requester = $2",
            )
            .bind(plan.0)
            .bind(asked.by.0)
            .bind(asked.at_us)
            .execute(&mut *tx)
            .await
            .asking("take one's own request back")?;
            if let (1.., Some(note)) = (withdrawn.rows_affected(), &self.note) {
                let outcome = "for the break-glass that follows".to_owned();
                let note = NewAudit { act: "approval/withdraw", outcome, ..note.as_ref().clone() };
                audit::append(&mut tx, &note).await?;
            }
        }
        let decided = alone.map(|_| asked);
        let added: Option<i64> = sqlx::query_scalar(
            "INSERT INTO approval (plan, digest, title, cluster, requester, requester_name, reason, requested_us,
                                   expires_us, state, break_glass, decided_by, decided_name, decided_us, typed_name, words, needed)
             SELECT plan.id, plan.digest, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16 FROM plan
             WHERE plan.id = $1 AND NOT EXISTS (SELECT 1 FROM job WHERE job.plan = plan.id)
             ON CONFLICT (plan) WHERE state IN ('waiting', 'approved') DO NOTHING RETURNING id",
        )
        .bind(plan.0)
        .bind(title)
        .bind(cluster)
        .bind(asked.by.0)
        .bind(&asked.name)
        .bind(reason)
        .bind(asked.at_us)
        .bind(expires_us)
        .bind(if alone.is_some() { ApprovalState::Approved } else { ApprovalState::Waiting }.as_str())
        .bind(alone.is_some())
        .bind(decided.map(|signed| signed.by.0))
        .bind(decided.map(|signed| signed.name.as_str()))
        .bind(decided.map(|signed| signed.at_us))
        .bind(alone)
        .bind(words)
        .bind(needed)
        .fetch_optional(&mut *tx)
        .await
        .asking("keep a request for approval")?;
        if let Some(id) = added {
            if let Some(name) = alone {
                add_approver(&mut tx, id, asked, Typed { name, words: words.as_deref() }).await?;
            }
            self.note_in(&mut tx, None).await?;
            tx.commit().await.asking("keep a request for approval")?;
        }
        Ok(added.map(ApprovalId))
    }

    /// Counts one person's yes to the request that waits, and approves it when that makes as many as it takes. False when
    /// none waits, it has expired, it is the decider's own, they have said yes before, or they do not repeat its words.
    pub async fn approve(
        &self,
        plan: PlanId,
        decided: &Signed,
        typed: impl Into<Typed<'_>>,
    ) -> Result<bool, StoreError> {
        const WHAT: &str = "approve a plan";
        let typed = typed.into();
        let mut tx = self.begin().await?;
        // The write lock is held from here on: of two people who are the last one needed, one is.
        let waiting: Option<(i64, i64)> = sqlx::query_as(
            "SELECT id, needed - (SELECT count(*) FROM approver WHERE approver.approval = approval.id)
             FROM approval WHERE plan = $1 AND state = 'waiting' AND requester <> $2 AND expires_us > $3 AND words IS $4
                AND NOT EXISTS (SELECT 1 FROM approver WHERE approver.approval = approval.id AND person = $2)",
        )
        .bind(plan.0)
        .bind(decided.by.0)
        .bind(decided.at_us)
        .bind(typed.words)
        .fetch_optional(&mut *tx)
        .await
        .asking(WHAT)?;
        let Some((id, missing)) = waiting else { return Ok(false) };
        add_approver(&mut tx, id, decided, typed).await?;
        if missing <= 1 {
            sqlx::query(
                "UPDATE approval SET state = 'approved', decided_by = $2, decided_name = $3, decided_us = $4, typed_name = $5
                 WHERE id = $1",
            )
            .bind(id)
            .bind(decided.by.0)
            .bind(&decided.name)
            .bind(decided.at_us)
            .bind(typed.name)
            .execute(&mut *tx)
            .await
            .asking(WHAT)?;
        }
        self.note_in(&mut tx, None).await?;
        tx.commit().await.asking(WHAT)?;
        Ok(true)
    }

    /// Refuses the request that waits, when it is not the decider's own and has not expired; else false.
    pub async fn refuse_approval(
        &self,
        plan: PlanId,
        decided: &Signed,
        why: &str,
    ) -> Result<bool, StoreError> {
        let refused = sqlx::query(
            "UPDATE approval SET state = 'refused', decided_by = $2, decided_name = $3, decided_us = $4, why = $5
             WHERE plan = $1 AND state = 'waiting' AND requester <> $2 AND expires_us > $4",
        )
        .bind(plan.0)
        .bind(decided.by.0)
        .bind(&decided.name)
        .bind(decided.at_us)
        .bind(why);
        self.change(refused, "refuse a plan").await
    }

    /// Takes back a request that waits or is approved; false when none is open or it is somebody else's.
    pub async fn withdraw_approval(
        &self,
        plan: PlanId,
        requester: PersonId,
        now_us: i64,
    ) -> Result<bool, StoreError> {
        let withdrawn = sqlx::query(
            "UPDATE approval SET state = 'withdrawn', ended_us = $3
             WHERE plan = $1 AND state IN ('waiting', 'approved') AND requester = $2",
        )
        .bind(plan.0)
        .bind(requester.0)
        .bind(now_us);
        self.change(withdrawn, "withdraw a request").await
    }

    /// Makes what a plan was approved with worth nothing, for good: also for a job that would be resumed with it.
    /// False when there is nothing to void. A job that runs is left alone.
    pub async fn void_approval(&self, plan: PlanId, why: &str, now_us: i64) -> Result<bool, StoreError> {
        let voided = sqlx::query(
            "UPDATE approval SET state = 'void', why = $2, ended_us = $3
             WHERE plan = $1 AND (state IN ('waiting', 'approved') OR (state = 'used' AND EXISTS (
                SELECT 1 FROM job WHERE job.plan = approval.plan AND job.state IN ('failed', 'cancelled', 'interrupted'))))",
        )
        .bind(plan.0)
        .bind(why)
        .bind(now_us);
        self.change(voided, "void an approval").await
    }

    /// The newest request for a plan.
    pub async fn newest_approval_of(&self, plan: PlanId) -> Result<Option<StoredApproval>, StoreError> {
        let row: Option<Row> = sqlx::query_as(approvals!("WHERE plan = $1 ORDER BY id DESC LIMIT 1"))
            .bind(plan.0)
            .fetch_optional(self.reader())
            .await
            .asking("read the approval of a plan")?;
        row.map(StoredApproval::try_from).transpose()
    }

    /// Requests that wait for a decision now, oldest first.
    pub async fn approvals_waiting(&self, now_us: i64) -> Result<Vec<StoredApproval>, StoreError> {
        let rows: Vec<Row> =
            sqlx::query_as(approvals!("WHERE state = 'waiting' AND expires_us > $1 ORDER BY id"))
                .bind(now_us)
                .fetch_all(self.reader())
                .await
                .asking("list requests that wait")?;
        rows.into_iter().map(StoredApproval::try_from).collect()
    }

    /// Requests that wait no more, the last decided or ended first, of those that `shown` takes by what they are about.
    pub async fn newest_approvals_decided(
        &self,
        now_us: i64,
        shown: impl Fn(&Concerned) -> bool,
        limit: u32,
    ) -> Result<Vec<StoredApproval>, StoreError> {
        let rows = sqlx::query_as::<_, Row>(
            approvals!("WHERE NOT (state = 'waiting' AND expires_us > $1) ORDER BY coalesce(ended_us, decided_us, expires_us) DESC, id DESC"),
        )
        .bind(now_us)
        .fetch(self.reader());
        picked(rows, |one: &StoredApproval| shown(&one.clusters), limit, "list decided requests").await
    }

    /// Plans with an approval that a changed inventory would void: open ones, and those of jobs that can be resumed.
    pub async fn plans_with_live_approval(&self, now_us: i64) -> Result<Vec<PlanId>, StoreError> {
        let plans: Vec<i64> = sqlx::query_scalar(
            "SELECT plan FROM approval WHERE (state IN ('waiting', 'approved') AND expires_us > $1)
                OR (state = 'used' AND EXISTS (
                    SELECT 1 FROM job WHERE job.plan = approval.plan AND job.state IN ('failed', 'cancelled', 'interrupted')))
             ORDER BY plan",
        )
        .bind(now_us)
        .fetch_all(self.reader())
        .await
        .asking("list live approvals")?;
        Ok(plans.into_iter().map(PlanId).collect())
    }
}

async fn add_approver(
    tx: &mut Transaction<'static, Sqlite>,
    approval: i64,
    decided: &Signed,
    typed: Typed<'_>,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO approver (approval, person, name, at_us, typed_name, typed_words) VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(approval)
    .bind(decided.by.0)
    .bind(&decided.name)
    .bind(decided.at_us)
    .bind(typed.name)
    .bind(typed.words)
    .execute(&mut **tx)
    .await
    .asking("keep an approver")?;
    Ok(())
}
