//! Signing in by the provider: away, back, and in, or refused with the reason.

use super::identity::{Identity, NoName, granted, identity};
use super::provider::{Provider, ProviderError, word};
use crate::audit::{NoteOutcome as _, Origin, Way, note, tell};
use crate::clock::now_us;
use crate::desk::stored;
use crate::problems::{from_store, problem};
use crate::{Actor, Console, Grant};
use paddock_events::{Problem, ProblemKind};
use paddock_store::{NewAudit, NewIdentity, StoreError, StoredPerson};
use serde::Deserialize;
use std::error::Error;
use std::net::IpAddr;

/// Where a browser goes, and the secret that it must come back with.
pub struct OidcStart {
    /// At the provider.
    pub url: String,
    /// For a cookie: random, good once, for ten minutes.
    pub browser: String,
}

/// What a browser brings from the provider. It holds a code: not to be printed.
#[derive(Default, Deserialize)]
pub struct OidcAnswer {
    code: Option<String>,
    state: Option<String>,
    error: Option<String>,
    /// Who answers, where the provider says (RFC 9207).
    iss: Option<String>,
}

/// What came of it.
pub struct OidcEnd {
    /// Where it was to lead; empty when nobody knows.
    pub next: String,
    /// Who is signed in, or why nobody.
    pub signed_in: Result<Actor, Problem>,
}

fn refused(code: &str, kind: ProblemKind, why: impl Into<String>, fix: &str) -> Problem {
    problem(code, kind, "you were not signed in", why, fix)
}

fn off() -> Problem {
    refused(
        "oidc/off",
        ProblemKind::Request,
        "this console has no provider",
        "sign in with name and password",
    )
}

fn lost_state() -> Problem {
    refused(
        "oidc/state",
        ProblemKind::SignedOut,
        "this sign-in was not begun in this browser within ten minutes, or has ended already",
        "begin again on the sign-in page",
    )
}

fn bad_answer(why: impl Into<String>) -> Problem {
    refused(
        "oidc/bad-answer",
        ProblemKind::World,
        why,
        "try again; when it stays so, an admin compares the console's settings with the provider's",
    )
}

/// The error with what stands below it.
fn chain(error: &ProviderError) -> String {
    let mut chain = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        chain += &format!(": {cause}");
        source = cause.source();
    }
    chain
}

/// What a person does about it.
fn from_provider(error: &ProviderError) -> Problem {
    match error {
        ProviderError::Discovery(_)
        | ProviderError::DownStill
        | ProviderError::NoAddress(_)
        | ProviderError::NoTokens(_) => refused(
            "oidc/provider-down",
            ProblemKind::World,
            error.to_string(),
            "try again in a minute; name and password still sign in who has them here",
        ),
        ProviderError::Refused(_)
        | ProviderError::Unreadable(_)
        | ProviderError::NoIdToken
        | ProviderError::BadToken(_) => bad_answer(error.to_string()),
    }
}

/// For what only who has a password here can do.
pub(crate) fn kept_elsewhere(who: &str) -> Problem {
    problem(
        "people/kept-elsewhere",
        ProblemKind::Conflict,
        "nothing was changed",
        format!("{who} in by the provider: password, second factor and groups are kept there"),
        "change it at the provider; here somebody is disabled or removed",
    )
}

impl Console {
    /// What stands on the button of the provider; none: there is no provider.
    pub fn provider_label(&self) -> Option<&str> {
        self.inner.provider.as_ref().map(|provider| provider.settings.label.as_str())
    }

    /// Begins a sign-in that is to lead to `next`.
    pub async fn begin_oidc(&self, next: &str, address: Option<IpAddr>) -> Result<OidcStart, Problem> {
        let provider = self.inner.provider.as_ref().ok_or_else(off)?;
        self.refuse_back_off("", address)?;
        match provider.send_away(next, address).await {
            Ok((url, browser)) => Ok(OidcStart { url, browser }),
            Err(error) => {
                Err(self.without_answer(provider, &error, Origin { way: Way::Browser, address }).await)
            }
        }
    }

    /// Ends it: takes what the browser brings, once, and only from the browser that began.
    pub async fn end_oidc(&self, answer: OidcAnswer, browser: &str, address: Option<IpAddr>) -> OidcEnd {
        let nowhere = |problem| OidcEnd { next: String::new(), signed_in: Err(problem) };
        let Some(provider) = &self.inner.provider else { return nowhere(off()) };
        if let Err(problem) = self.refuse_back_off("", address) {
            return nowhere(problem);
        }
        let origin = Origin { way: Way::Browser, address };
        let state = answer.state.as_deref().unwrap_or_default();
        let Some(flow) = provider.come_back(state, browser) else {
            // Counted and written down as a token is that nobody has.
            self.count_try("", address, false);
            tell(&self.inner.store, unknown(origin), &lost_state()).await;
            return nowhere(lost_state());
        };
        let next = flow.next.clone();
        let code = match code(answer, provider) {
            Ok(code) => code,
            Err(problem) => {
                self.count_try("", address, false);
                return OidcEnd { next, signed_in: self.refuse(unknown(origin), problem).await };
            }
        };
        let signed_in = match provider.claims(code, flow).await {
            Ok(claims) => match identity(&claims, &provider.settings.claims) {
                Some(who) => self.admit(provider, who, origin).await,
                None => self.refuse(unknown(origin), bad_answer("the ID token names nobody")).await,
            },
            Err(error) => Err(self.without_answer(provider, &error, origin).await),
        };
        OidcEnd { next, signed_in }
    }

    /// Writes down that the provider has vouched for nobody, and gives what to do.
    async fn without_answer(&self, provider: &Provider, error: &ProviderError, origin: Origin) -> Problem {
        let problem = from_provider(error);
        let down = problem.code == "oidc/provider-down";
        // Who cannot come because the provider is down has guessed nothing.
        if !down {
            self.count_try("", origin.address, false);
        }
        if !down || provider.tells_again() {
            let chain = chain(error);
            tracing::warn!(error = %chain, "a sign-in by the provider failed: {chain}");
            tell(&self.inner.store, unknown(origin), &problem).await;
        }
        problem
    }

    /// Lets somebody in for whom the provider has vouched, with what their groups grant now.
    async fn admit(&self, provider: &Provider, who: Identity, origin: Origin) -> Result<Actor, Problem> {
        let (settings, store) = (&provider.settings, &self.inner.store);
        let grants = granted(&settings.rules, &who.groups);
        let known = store.person_of(settings.issuer(), &who.subject).await.map_err(from_store)?;
        let person = match known {
            Some(person) => {
                let row = about(&person, origin);
                if person.disabled_us.is_some() {
                    let why = "an admin has disabled this person";
                    return self
                        .refuse(row, refused("oidc/disabled", ProblemKind::SignedOut, why, "ask an admin"))
                        .await;
                }
                self.set_by_groups(&person, &grants, &row).await?;
                if grants.is_empty() {
                    return self.refuse(row, no_group()).await;
                }
                person
            }
            None if grants.is_empty() => {
                let row = note(shown(&who), origin, "sign-in", String::new());
                return self.refuse(row, no_group()).await;
            }
            None => self.add_by_groups(provider, who, &grants, origin).await?,
        };
        let actor = self.acting(person, origin).await?;
        let row = actor.note("sign-in", "").with(format!("signed in by {}", settings.label));
        store.append_audit(&row).await.map_err(from_store)?;
        tracing::info!(person.id = %actor.id, "`{}` signed in by the provider", actor.name);
        Ok(actor)
    }

    /// What somebody may do is what their groups grant now; their sessions end when that is something else than before.
    async fn set_by_groups(
        &self,
        person: &StoredPerson,
        grants: &[Grant],
        row: &NewAudit,
    ) -> Result<(), Problem> {
        let said = if grants.is_empty() { "nothing".to_owned() } else { listed(grants) };
        let changed =
            NewAudit { act: "person/role", subject: format!("person {}", person.name), ..row.clone() }
                .with(format!("{said} instead of all before, by groups at the provider"));
        let all: Vec<_> = grants.iter().map(stored).collect();
        let set = self.inner.store.noting(changed).set_grants(person.id(), &all).await.map_err(from_store)?;
        if set {
            tracing::info!(person.id = %person.id(), "`{}` has other groups: {said}", person.name);
        }
        Ok(())
    }

    /// Makes the person of somebody who comes for the first time. A name that anybody has stays theirs.
    async fn add_by_groups(
        &self,
        provider: &Provider,
        who: Identity,
        grants: &[Grant],
        origin: Origin,
    ) -> Result<StoredPerson, Problem> {
        let row = note(shown(&who), origin, "sign-in", String::new());
        let name = match who.name {
            Ok(name) => name,
            Err(no_name) => return self.refuse(row, from_no_name(&no_name)).await,
        };
        let new = NewIdentity {
            name: name.clone(),
            issuer: provider.settings.issuer().to_owned(),
            subject: who.subject,
            grants: grants.iter().map(stored).collect(),
            created_us: now_us(),
        };
        let added = NewAudit { act: "person/add", subject: format!("person {name}"), ..row.clone() }
            .with(format!("{}, by groups at the provider", listed(grants)));
        let id = match self.inner.store.noting(added).add_identity(&new).await {
            Ok(id) => id,
            Err(StoreError::Exists(_)) => return self.refuse(row, name_taken()).await,
            Err(error) => return Err(from_store(error)),
        };
        tracing::info!(person.id = %id, "`{name}` came by the provider for the first time");
        let person = self.inner.store.person(id).await.map_err(from_store)?;
        person.ok_or_else(crate::problems::signed_out)
    }

    /// Writes a refusal down and passes it on.
    async fn refuse<T>(&self, row: NewAudit, problem: Problem) -> Result<T, Problem> {
        tracing::info!(code = %problem.code, "a sign-in by the provider was refused");
        tell(&self.inner.store, row, &problem).await;
        Err(problem)
    }
}

/// The code that the provider gave, when it is the one that was asked and has let somebody in.
fn code(answer: OidcAnswer, provider: &Provider) -> Result<String, Problem> {
    if answer.iss.is_some_and(|issuer| issuer != provider.settings.issuer()) {
        return Err(bad_answer("the answer comes from another provider"));
    }
    match (answer.error.as_deref(), answer.code) {
        (Some("access_denied"), _) => Err(refused(
            "oidc/denied",
            ProblemKind::SignedOut,
            "the provider did not let you in, or you have cancelled there",
            "begin again; whether you may use the console is said at the provider",
        )),
        (Some(error), _) => Err(bad_answer(format!("the provider said `{}`", word(error)))),
        // A code is some hundred letters at most; what is longer is none.
        (None, Some(code)) if (1..=4_096).contains(&code.len()) => Ok(code),
        (None, _) => Err(bad_answer("the provider gave no code")),
    }
}

/// A row about nobody who is known.
fn unknown(origin: Origin) -> NewAudit {
    note("unknown", origin, "sign-in", String::new())
}

fn about(person: &StoredPerson, origin: Origin) -> NewAudit {
    NewAudit { person: Some(person.id()), ..note(&person.name, origin, "sign-in", String::new()) }
}

/// The name that somebody would have, for the audit log: the provider has vouched for it.
fn shown(who: &Identity) -> &str {
    who.name.as_deref().unwrap_or("unknown")
}

fn listed(grants: &[Grant]) -> String {
    grants.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn no_group() -> Problem {
    refused(
        "oidc/no-group",
        ProblemKind::Forbidden,
        "none of your groups at the provider has a role here",
        "ask for a group that has one; an admin maps groups with `--oidc-grant`",
    )
}

fn name_taken() -> Problem {
    refused(
        "oidc/name-taken",
        ProblemKind::Conflict,
        "somebody else here has the name that the provider gives you",
        "sign in as before; or an admin removes that person (`paddock user remove`), and you come anew",
    )
}

fn from_no_name(no_name: &NoName) -> Problem {
    let why = match no_name {
        NoName::Missing => "the provider gives neither a name nor a verified address for you",
        NoName::Unusable => {
            "the provider gives a name that nobody can have here: 1 to 64 of a-z, 0-9, `.`, `_`, `-`, `@`"
        }
    };
    refused(
        "oidc/no-name",
        ProblemKind::World,
        why,
        "an admin chooses another claim with `--oidc-name-claim`",
    )
}
