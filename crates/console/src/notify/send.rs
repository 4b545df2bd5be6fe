//! Follows the audit log for one destination.

use super::mail::MailError;
use super::settings::{Form, NotifySettings};
use super::words::{Letter, event, signed, slack, told};
use crate::audit::{NoteOutcome as _, Way, note_by};
use crate::clock::{now_s, now_us};
use crate::console::Inner;
use crate::problems::{from_store, internal};
use openidconnect::url::Url;
use paddock_events::{JobId, PlanId, Problem};
use paddock_store::{Store, StoreError, StoredAudit};
use reqwest::redirect;
use std::sync::Weak;
use std::time::Duration;
use tokio::time::sleep;

const CONNECT: Duration = Duration::from_secs(5);
/// One answer, whole.
const ANSWER: Duration = Duration::from_secs(10);
/// How often the log is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// The longest wait between two tries.
const LONGEST_WAIT: Duration = Duration::from_secs(300);
/// The first wait after a failure; each is twice as long as the one before.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// Tries after which the audit log says that a destination does not answer: some fifteen seconds.
const TOLD_AFTER: u32 = 6;
/// What could not be delivered for so long is old; the log has it.
const TOO_OLD_US: i64 = 24 * 3_600 * 1_000_000;
/// Rows that are read at once.
const ROWS: u32 = 100;

/// Why a letter was not taken. The address is never said.
#[derive(Debug, thiserror::Error)]
enum SendError {
    #[error("it cannot be reached: {0}")]
    Http(#[source] reqwest::Error),
    #[error("it answered {0}")]
    Refused(reqwest::StatusCode),
    #[error("the mail server does not take it: {0}")]
    Mail(#[from] MailError),
    #[error("the audit log cannot be read: {0}")]
    Store(#[from] StoreError),
}

/// A destination, and how it has been doing.
pub(crate) struct Follower {
    to: NotifySettings,
    client: reqwest::Client,
    failures: u32,
    /// The store says that it fails, or may still say so from before.
    noted: bool,
}

/// Name of the setting that says when a destination last took something, microseconds since the epoch.
pub(crate) fn delivered(name: &str) -> String {
    format!("notify-delivered/{name}")
}

/// Name of the setting that says why a destination takes nothing; empty while it does.
pub(crate) fn failing(name: &str) -> String {
    format!("notify-failing/{name}")
}

impl Follower {
    /// A destination that is new hears of what comes from now on, not of all that was.
    pub(crate) async fn begin(store: &Store, to: NotifySettings) -> Result<Self, Problem> {
        let mut client = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .timeout(ANSWER)
            .redirect(redirect::Policy::none());
        if matches!(&to.form, Form::Webhook { url, .. } | Form::Slack { url } if url.scheme() == "http") {
            // On this machine: no proxy leads there.
            client = client.no_proxy();
        }
        let client = client.build().map_err(|error| internal("notifications cannot be set up", &error))?;
        let follower = Self { to, client, failures: 0, noted: true };
        let place = follower.place();
        if store.setting(&place).await.map_err(from_store)?.is_none() {
            let end = store.audit_end().await.map_err(from_store)?.rows;
            store.set_setting(&place, &end.to_string()).await.map_err(from_store)?;
        }
        Ok(follower)
    }

    /// Tells until the console closes.
    pub(crate) async fn follow(mut self, inner: Weak<Inner>) {
        loop {
            let Some(inner) = inner.upgrade() else { return };
            let (store, closing) = (inner.store.clone(), inner.closing.clone());
            drop(inner);
            let told = async {
                let wait = self.round(&store).await;
                sleep(wait).await;
            };
            tokio::select! {
                () = told => {}
                () = closing.cancelled() => return,
            }
        }
    }

    /// Where the number of the last row that was dealt with is kept.
    fn place(&self) -> String {
        format!("notify/{}", self.to.name)
    }

    /// Tells what is new, and says how long to wait.
    async fn round(&mut self, store: &Store) -> Duration {
        match self.tell_new(store).await {
            Ok(()) => {
                if self.failures >= TOLD_AFTER {
                    self.note(store, "notify/working", "it takes notifications again").await;
                }
                self.failures = 0;
                if self.noted {
                    self.noted = !self.say(store, &failing(&self.to.name), "").await;
                }
                LOOK
            }
            Err(error) => {
                self.failures += 1;
                self.noted = true;
                self.say(store, &failing(&self.to.name), &error.to_string()).await;
                tracing::warn!(
                    notify.name = self.to.name,
                    "a notification was not delivered and is kept: {error}"
                );
                if self.failures == TOLD_AFTER {
                    self.note(store, "notify/failing", &format!("{error}; what happens is kept for a day"))
                        .await;
                }
                LONGEST_WAIT.min(FIRST_WAIT * (1 << (self.failures - 1).min(16)))
            }
        }
    }

    /// Writes down how it goes, for the settings page; whether that worked.
    async fn say(&self, store: &Store, name: &str, value: &str) -> bool {
        let said = store.set_setting(name, value).await;
        if let Err(error) = &said {
            tracing::warn!(notify.name = self.to.name, "how notifications go was not written down: {error}");
        }
        said.is_ok()
    }

    async fn tell_new(&self, store: &Store) -> Result<(), SendError> {
        let place = self.place();
        let last = store.setting(&place).await?.and_then(|text| text.parse::<i64>().ok()).unwrap_or_default();
        let rows = store.audit_from(last + 1, ROWS).await?;
        let mut passed = None;
        for row in rows {
            // What a destination's own failures make the log say would never end.
            let own = row.act.starts_with("notify/") && row.subject == self.to.name;
            if !own && self.to.wants(&event(&row), row.cluster.as_deref()) {
                self.tell(store, &row).await?;
                store.set_setting(&place, &row.id.to_string()).await?;
                passed = None;
            } else {
                passed = Some(row.id);
            }
        }
        if let Some(id) = passed {
            store.set_setting(&place, &id.to_string()).await?;
        }
        Ok(())
    }

    async fn tell(&self, store: &Store, row: &StoredAudit) -> Result<(), SendError> {
        let told = told(&self.to, row, title(store, row).await?.as_deref());
        let taken = match &self.to.form {
            Form::Webhook { url, secret } => self.post(url, signed(secret, row, &told, now_s())).await,
            Form::Slack { url } => self.post(url, slack(&told)).await,
            Form::Email(mail) => mail.send(row, &told).await.map_err(SendError::from),
        };
        let Err(failed) = taken else {
            self.say(store, &delivered(&self.to.name), &now_us().to_string()).await;
            return Ok(());
        };
        if now_us() - row.at_us < TOO_OLD_US {
            return Err(failed);
        }
        tracing::error!(notify.name = self.to.name, audit.id = row.id, "given up after a day: {failed}");
        Ok(())
    }

    async fn post(&self, url: &Url, letter: Letter) -> Result<(), SendError> {
        let mut request =
            self.client.post(url.clone()).header("content-type", "application/json").body(letter.body);
        for (name, value) in letter.headers {
            request = request.header(name, value);
        }
        let answer = request.send().await.map_err(|error| SendError::Http(error.without_url()))?;
        if answer.status().is_success() { Ok(()) } else { Err(SendError::Refused(answer.status())) }
    }

    async fn note(&self, store: &Store, act: &'static str, outcome: &str) {
        let row = note_by(Way::Console, act, self.to.name.clone()).with(outcome);
        if let Err(error) = store.append_audit(&row).await {
            tracing::warn!("{act} is missing in the audit log: {error}");
        }
    }
}

/// The sentence of the plan or job that a row is about.
async fn title(store: &Store, row: &StoredAudit) -> Result<Option<String>, StoreError> {
    let numbered = row.subject.split_once(' ').and_then(|(kind, id)| Some((kind, id.parse::<i64>().ok()?)));
    Ok(match numbered {
        Some(("job", id)) => store.job(JobId(id)).await?.map(|job| job.title),
        Some(("plan", id)) => store.newest_approval_of(PlanId(id)).await?.map(|asked| asked.title),
        _ => None,
    })
}
