//! API tokens: how long, how much, and a person's own on the account page.

use crate::clock::{now_us, utc};
use crate::desk::stored;
use crate::passwords::{random_token, token_hash};
use crate::problems::{from_store, problem};
use crate::{Actor, Console, Grant, PersonRole};
use paddock_events::{MadeToken, PersonId, Problem, ProblemKind, TokenId, TokenRow};
use paddock_store::{NewAudit, NewToken, StoredToken, TokenScope};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);
/// How long a token lasts when nobody says.
const DEFAULT_DAYS: u32 = 90;
const MOST_DAYS: u32 = 366;

/// The most that a token may do: a role on the clusters whose names one of the patterns matches. Of that it may do what
/// its person may at the time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope(Vec<Grant>);

impl Scope {
    /// Refuses what is no pattern; without one it is everything.
    pub fn new(role: PersonRole, clusters: &[String]) -> Result<Self, Problem> {
        if clusters.is_empty() {
            return Ok(Self(vec![role.into()]));
        }
        clusters.iter().map(|pattern| Grant::new(role, pattern)).collect::<Result<_, _>>().map(Self)
    }

    fn kept(&self) -> Option<TokenScope> {
        let all: Vec<_> = self.0.iter().map(stored).collect();
        let role = all.first()?.role.clone();
        Some(TokenScope { role, clusters: all.into_iter().map(|grant| grant.clusters).collect() })
    }
}

/// A scope as grants. One that cannot be read lets nothing through.
pub(crate) fn granted_by(scope: &TokenScope) -> Vec<Grant> {
    let Some(role) = PersonRole::parse(&scope.role) else { return Vec::new() };
    scope.clusters.iter().filter_map(|pattern| Grant::new(role, pattern).ok()).collect()
}

fn said(scope: Option<&TokenScope>) -> String {
    match scope {
        Some(scope) => format!("{} on {}", scope.role, scope.clusters.join(", ")),
        None => "as much as its person".to_owned(),
    }
}

/// A token and what is kept of it; nobody's yet.
pub(crate) fn new_token(
    label: &str,
    lasts: Option<Duration>,
    scope: Option<&Scope>,
) -> Result<(String, NewToken), Problem> {
    if !(1..=100).contains(&label.trim().chars().count()) || label.chars().any(char::is_control) {
        return Err(problem(
            "people/bad-label",
            ProblemKind::Request,
            "the token was not made",
            "its label has 1 to 100 characters on one line",
            "say what the token is for: `--label \"nightly backups\"`",
        ));
    }
    let lasts = lasts.unwrap_or(DAY * DEFAULT_DAYS);
    if lasts > DAY * MOST_DAYS {
        return Err(problem(
            "people/token-too-long",
            ProblemKind::Request,
            "the token was not made",
            format!("it would last longer than {MOST_DAYS} days"),
            "make one that lasts a year at most, and another one then",
        ));
    }
    let (token, now) = (random_token(), now_us());
    let end = now.saturating_add(i64::try_from(lasts.as_micros()).unwrap_or(i64::MAX));
    let kept = NewToken {
        person: PersonId(0),
        label: label.trim().to_owned(),
        scope: scope.and_then(Scope::kept),
        sha256: token_hash(&token),
        created_us: now,
        expires_us: Some(end),
    };
    Ok((token, kept))
}

/// A token for the audit log.
pub(crate) fn about(kept: &NewToken) -> String {
    let until =
        kept.expires_us.map_or_else(|| "until it is revoked".to_owned(), |end| format!("until {}", utc(end)));
    format!("{until}, {}: {}", said(kept.scope.as_ref()), kept.label)
}

/// What a token may do, as lists show it.
pub(crate) fn scope_of(token: &StoredToken) -> Result<String, Problem> {
    Ok(said(token.scope().map_err(from_store)?.as_ref()))
}

impl Console {
    /// The actor's own tokens, oldest first.
    pub async fn own_tokens(&self, actor: &Actor) -> Result<Vec<TokenRow>, Problem> {
        let tokens = self.inner.store.tokens_of(actor.id).await.map_err(from_store)?;
        let row = |token: &StoredToken| {
            Ok(TokenRow {
                id: token.id(),
                label: token.label.clone(),
                scope: scope_of(token)?,
                created_us: token.created_us,
                expires_us: token.expires_us,
                used_us: token.used_us,
            })
        };
        tokens.iter().map(row).collect()
    }

    /// Makes a token that acts for the actor, shown once.
    pub async fn add_own_token(
        &self,
        actor: &Actor,
        label: &str,
        days: u32,
        role: &str,
        clusters: &[String],
    ) -> Result<MadeToken, Problem> {
        let note = actor.note("token/add", "");
        let done = self.make_own_token(actor, label, days, role, clusters, note.clone()).await;
        self.told(note, done).await
    }

    async fn make_own_token(
        &self,
        actor: &Actor,
        label: &str,
        days: u32,
        role: &str,
        clusters: &[String],
        note: NewAudit,
    ) -> Result<MadeToken, Problem> {
        let Some(role) = PersonRole::parse(role) else {
            return Err(problem(
                "people/bad-role",
                ProblemKind::Request,
                "the token was not made",
                format!("`{role}` is no role"),
                "choose viewer, operator, approver or admin",
            ));
        };
        let scope = Scope::new(role, clusters)?;
        let (token, new) = new_token(label, Some(DAY * days.max(1)), Some(&scope))?;
        let kept = NewToken { person: actor.id, ..new };
        let note = NewAudit { outcome: format!("for {}, {}", actor.name, about(&kept)), ..note };
        let id = self.inner.store.noting(note).add_token(&kept).await.map_err(from_store)?;
        tracing::info!(person.id = %actor.id, token.id = %id, "`{}` made an API token", actor.name);
        Ok(MadeToken { id, token })
    }

    /// Revokes a token of the actor's own: it is refused from now on, and what it follows ends.
    pub async fn revoke_own_token(&self, actor: &Actor, id: TokenId) -> Result<(), Problem> {
        let note = actor.note("token/revoke", format!("token {id}"));
        let store = self.inner.store.noting(note.clone());
        let done = match store.remove_token_of(actor.id, id).await.map_err(from_store) {
            Ok(true) => Ok(()),
            Ok(false) => Err(problem(
                "people/unknown-token",
                ProblemKind::NotFound,
                format!("you have no token {id}"),
                "",
                "the account page shows yours",
            )),
            Err(problem) => Err(problem),
        };
        self.told(note, done).await
    }
}
