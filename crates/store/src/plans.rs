//! Plans as they were shown.

use crate::database::Asking as _;
use crate::seal::Place;
use crate::{Store, StoreError};
use paddock_events::{JobId, PlanId, RevisionId};
use std::collections::BTreeSet;

/// The names of the clusters that a plan is about; none when it is about more than clusters or nobody knows.
pub type Concerned = Option<BTreeSet<String>>;

/// Reads a column `clusters` of a plan.
pub(crate) fn concerned(column: Option<&str>, of: &str) -> Result<Concerned, StoreError> {
    column.map(serde_json::from_str).transpose().map_err(|error| StoreError::Damaged {
        what: format!("list of clusters of {of}"),
        why: error.to_string(),
    })
}

/// A plan to be kept. `plan` and `facts` are JSON that the console understands.
#[derive(Clone, Debug)]
pub struct NewPlan {
    /// The inventory revision it was made from.
    pub revision: RevisionId,
    /// What was read is what runs.
    pub digest: String,
    /// The plan, JSON. Holds secrets.
    pub plan: String,
    /// What the nodes said, JSON.
    pub facts: String,
    /// What it is about.
    pub clusters: Concerned,
    /// Who asked for it.
    pub author: String,
    /// Microseconds since the epoch.
    pub created_us: i64,
}

/// A kept plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredPlan {
    /// Its number.
    pub id: PlanId,
    /// The inventory revision it was made from.
    pub revision: RevisionId,
    /// What was read is what runs.
    pub digest: String,
    /// The plan, JSON.
    pub plan: String,
    /// What the nodes said, JSON.
    pub facts: String,
    /// What it is about.
    pub clusters: Concerned,
    /// Who asked for it.
    pub author: String,
    /// The job that ran it.
    pub job: Option<JobId>,
}

impl Store {
    /// Keeps a plan.
    pub async fn add_plan(&self, plan: &NewPlan) -> Result<PlanId, StoreError> {
        let key = self.key()?;
        let clusters = plan.clusters.as_ref().map(serde_json::to_string).transpose().map_err(|error| {
            StoreError::Damaged { what: "list of clusters".into(), why: error.to_string() }
        })?;
        let mut tx = self.begin().await?;
        let id: i64 = sqlx::query_scalar(
            "INSERT INTO plan (revision, digest, plan, facts, clusters, author, created_us)
             VALUES ($1, $2, X'', X'', $3, $4, $5) RETURNING id",
        )
        .bind(plan.revision.0)
        .bind(&plan.digest)
        .bind(clusters)
        .bind(&plan.author)
        .bind(plan.created_us)
        .fetch_one(&mut *tx)
        .await
        .asking("keep a plan")?;
        // Sealed for its row, whose number is known now.
        sqlx::query("UPDATE plan SET plan = $2, facts = $3 WHERE id = $1")
            .bind(id)
            .bind(key.seal(Place::new("plan.plan", id), &plan.plan)?)
            .bind(key.seal(Place::new("plan.facts", id), &plan.facts)?)
            .execute(&mut *tx)
            .await
            .asking("seal a plan")?;
        self.note_in(&mut tx, Some(format!("plan {id}"))).await?;
        tx.commit().await.asking("keep a plan")?;
        Ok(PlanId(id))
    }

    /// One plan.
    pub async fn plan(&self, id: PlanId) -> Result<Option<StoredPlan>, StoreError> {
        type Row = (i64, String, Vec<u8>, Vec<u8>, Option<String>, String, Option<i64>);
        let row: Option<Row> = sqlx::query_as(
            "SELECT revision, digest, plan.plan, facts, clusters, plan.author, job.id
             FROM plan LEFT JOIN job ON job.plan = plan.id WHERE plan.id = $1",
        )
        .bind(id.0)
        .fetch_optional(self.reader())
        .await
        .asking("read a plan")?;
        row.map(|(revision, digest, plan, facts, clusters, author, job)| {
            Ok(StoredPlan {
                id,
                revision: RevisionId(revision),
                digest,
                plan: self.key()?.open(Place::new("plan.plan", id.0), &plan)?,
                facts: self.key()?.open(Place::new("plan.facts", id.0), &facts)?,
                clusters: concerned(clusters.as_deref(), &format!("plan {id}"))?,
                author,
                job: job.map(JobId),
            })
        })
        .transpose()
    }
}
