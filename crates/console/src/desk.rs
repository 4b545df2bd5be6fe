//! People and tokens as the command line keeps them, on the console's own machine.
//!
//! Who can write the state directory may do this: the operating system is the gate here, not the policy. It opens the
//! database alone, so it is safe beside a running console: no job is taken over, no key is made.

use crate::audit::{NoteOutcome as _, Way, note_by};
use crate::clock::now_us;
use crate::factors::no_factor;
use crate::oidc::kept_elsewhere;
use crate::own_backup::refuse_half_restored;
use crate::passwords::{check_new, hash, random_text};
use crate::problems::{from_store, problem};
use crate::tokens::{Scope, about, new_token, scope_of};
use crate::{Console, Grant, PersonRole};
use paddock_events::{PersonId, Problem, ProblemKind, TokenId};
use paddock_store::{
    ListedPerson, NewAudit, NewPerson, NewToken, Store, StoredGrant, StoredPerson, StoredToken,
};
use std::path::Path;
use std::time::Duration;

/// The people of one console and their tokens.
#[derive(Clone, Debug)]
pub struct People {
    store: Store,
    /// Who keeps them, for the audit log.
    way: Way,
}

/// The database of a console that has been there before; none is made by mistake.
pub(crate) async fn open_store(state_dir: &Path) -> Result<Store, Problem> {
    refuse_half_restored(state_dir)?;
    let path = state_dir.join("paddock.db");
    if !path.is_file() {
        return Err(problem(
            "console/no-state",
            ProblemKind::NotFound,
            format!("there is no console in {}", state_dir.display()),
            "it holds no paddock.db",
            "name its directory with --state-dir or PADDOCK_STATE_DIR, or start it once: `paddock serve`",
        ));
    }
    Store::open(&path).await.map_err(from_store)
}

impl Console {
    pub(crate) fn people(&self) -> People {
        People { store: self.inner.store.clone(), way: Way::Console }
    }
}

impl People {
    /// Opens the database of a console that has been there before.
    pub async fn open(state_dir: &Path) -> Result<Self, Problem> {
        Ok(Self { store: open_store(state_dir).await?, way: Way::CommandLine })
    }

    /// Closes the database.
    pub async fn close(self) {
        self.store.close().await;
    }

    /// A password that nobody has to invent.
    pub fn generated_password() -> String {
        random_text(20)
    }

    /// Adds a person with one grant; a role alone is on everything.
    pub async fn add(
        &self,
        name: &str,
        grant: impl Into<Grant>,
        password: &str,
    ) -> Result<PersonId, Problem> {
        let grant = grant.into();
        check_name(name)?;
        check_new(password)?;
        let person = NewPerson {
            name: name.into(),
            grant: stored(&grant),
            password_hash: hash(password).await?,
            created_us: now_us(),
        };
        let note = self.note("person/add", name, grant.to_string());
        let id = self.store.noting(note).add_person(&person).await.map_err(from_store)?;
        tracing::info!(person.id = %id, "added person `{name}`, {grant}");
        Ok(id)
    }

    /// Everybody, by name.
    pub async fn list(&self) -> Result<Vec<ListedPerson>, Problem> {
        self.store.people().await.map_err(from_store)
    }

    /// Gives a person another password and ends their sessions. Their tokens stay: each is revoked by itself.
    pub async fn set_password(&self, name: &str, password: &str) -> Result<(), Problem> {
        check_new(password)?;
        let person = self.kept_here(name).await?;
        let hashed = hash(password).await?;
        let store = self.store.noting(self.note("person/password", &person.name, String::new()));
        if store.set_password(person.id(), &hashed, None).await.map_err(from_store)? {
            tracing::info!(person.id = %person.id(), "`{}` has another password", person.name);
            return Ok(());
        }
        Err(unknown(name))
    }

    /// Gives a person one role on everything instead of all their grants, and ends their sessions; it holds for their
    /// tokens at once, as do the next two.
    pub async fn set_role(&self, name: &str, role: PersonRole) -> Result<(), Problem> {
        let person = self.kept_here(name).await?;
        let grant = Grant::from(role);
        let note = self.note("person/role", &person.name, format!("{grant} instead of all before"));
        let set =
            self.store.noting(note).set_grants(person.id(), &[stored(&grant)]).await.map_err(from_store)?;
        if !set {
            return Err(as_it_is(name, "has that role"));
        }
        tracing::info!(person.id = %person.id(), "`{}` is {grant} alone", person.name);
        Ok(())
    }

    /// Gives a person one more grant and ends their sessions.
    pub async fn grant(&self, name: &str, grant: &Grant) -> Result<(), Problem> {
        let person = self.kept_here(name).await?;
        let store = self.store.noting(self.note("person/grant", &person.name, grant.to_string()));
        if !store.add_grant(person.id(), &stored(grant)).await.map_err(from_store)? {
            return Err(as_it_is(name, &format!("is {grant}")));
        }
        tracing::info!(person.id = %person.id(), "`{}` is {grant}", person.name);
        Ok(())
    }

    /// Takes one grant, as it was given, from a person and ends their sessions.
    pub async fn revoke(&self, name: &str, grant: &Grant) -> Result<(), Problem> {
        let person = self.kept_here(name).await?;
        let store = self.store.noting(self.note("person/revoke", &person.name, grant.to_string()));
        if !store.remove_grant(person.id(), &stored(grant)).await.map_err(from_store)? {
            return Err(as_it_is(name, &format!("is not {grant}")));
        }
        tracing::info!(person.id = %person.id(), "`{}` is not {grant} any more", person.name);
        Ok(())
    }

    /// Keeps a person from everything, their tokens and approvals included, and ends their sessions.
    pub async fn disable(&self, name: &str) -> Result<(), Problem> {
        let person = self.named(name).await?;
        let store = self.store.noting(self.note("person/disable", &person.name, String::new()));
        let set = store.set_disabled(person.id(), Some(now_us())).await.map_err(from_store)?;
        tracing::info!(person.id = %person.id(), "`{}` is disabled", person.name);
        if set { Ok(()) } else { Err(as_it_is(name, "is disabled")) }
    }

    /// Lets a disabled person in again.
    pub async fn enable(&self, name: &str) -> Result<(), Problem> {
        let person = self.named(name).await?;
        let store = self.store.noting(self.note("person/enable", &person.name, String::new()));
        let set = store.set_disabled(person.id(), None).await.map_err(from_store)?;
        tracing::info!(person.id = %person.id(), "`{}` is enabled", person.name);
        if set { Ok(()) } else { Err(as_it_is(name, "is not disabled")) }
    }

    /// Removes a person with their tokens and sessions.
    pub async fn remove(&self, name: &str) -> Result<(), Problem> {
        let person = self.named(name).await?;
        let store = self.store.noting(self.note("person/remove", &person.name, String::new()));
        if store.remove_person(person.id()).await.map_err(from_store)? {
            tracing::info!(person.id = %person.id(), "removed person `{}`", person.name);
            return Ok(());
        }
        Err(unknown(name))
    }

    /// Takes a person's second factor away, and ends their sessions: for who has lost app and recovery codes.
    pub async fn reset_factor(&self, name: &str) -> Result<(), Problem> {
        let person = self.named(name).await?;
        let note = self.note("person/factor", &person.name, "reset: no code is asked for any more".into());
        if self.store.noting(note).remove_factor(person.id(), None).await.map_err(from_store)? {
            tracing::warn!(person.id = %person.id(), "the second factor of `{}` was reset", person.name);
            return Ok(());
        }
        Err(no_factor(&format!("`{}` has", person.name)))
    }

    /// Ends all sessions of a person; gives how many.
    pub async fn sign_out(&self, name: &str) -> Result<u64, Problem> {
        let person = self.named(name).await?;
        let store = self.store.noting(self.note("sign-out", &person.name, "signed out everywhere".into()));
        store.end_sessions(person.id(), None).await.map_err(from_store)
    }

    /// Makes an API token for a person: shown once, stored as a hash. It may do what its person may, or less with a scope.
    /// Without `lasts` it ends after 90 days.
    pub async fn add_token(
        &self,
        name: &str,
        label: &str,
        lasts: Option<Duration>,
        scope: Option<&Scope>,
    ) -> Result<(TokenId, String), Problem> {
        let (token, new) = new_token(label, lasts, scope)?;
        let person = self.named(name).await?;
        let kept = NewToken { person: person.id(), ..new };
        let note = self.note("token/add", "", format!("for {}, {}", person.name, about(&kept)));
        let id = self.store.noting(note).add_token(&kept).await.map_err(from_store)?;
        tracing::info!(person.id = %person.id(), token.id = %id, "made an API token for `{}`", person.name);
        Ok((id, token))
    }

    /// All tokens, oldest first; never the tokens themselves.
    pub async fn tokens(&self) -> Result<Vec<StoredToken>, Problem> {
        self.store.tokens().await.map_err(from_store)
    }

    /// The most that a token may do, in words.
    pub fn scope_of(&self, token: &StoredToken) -> Result<String, Problem> {
        scope_of(token)
    }

    /// Revokes a token: it is refused from now on.
    pub async fn revoke_token(&self, id: TokenId) -> Result<(), Problem> {
        let note =
            NewAudit { subject: format!("token {id}"), ..self.note("token/revoke", "", String::new()) };
        if self.store.noting(note).remove_token(id).await.map_err(from_store)? {
            tracing::info!(token.id = %id, "revoked an API token");
            return Ok(());
        }
        Err(problem(
            "people/unknown-token",
            ProblemKind::NotFound,
            format!("there is no token {id}"),
            "",
            "`paddock token list` shows all of them",
        ))
    }

    fn note(&self, act: &'static str, person: &str, outcome: String) -> NewAudit {
        note_by(self.way, act, format!("person {person}")).with(outcome)
    }

    async fn named(&self, name: &str) -> Result<StoredPerson, Problem> {
        self.store.person_named(name).await.map_err(from_store)?.ok_or_else(|| unknown(name))
    }

    /// Somebody whose password and grants are kept here: those of a provider's people are set anew at their next sign-in.
    async fn kept_here(&self, name: &str) -> Result<StoredPerson, Problem> {
        let person = self.named(name).await?;
        if person.issuer.is_some() {
            return Err(kept_elsewhere(&format!("`{}` signs", person.name)));
        }
        Ok(person)
    }
}

pub(crate) fn stored(grant: &Grant) -> StoredGrant {
    StoredGrant { role: grant.role.as_str().into(), clusters: grant.clusters.as_str().into() }
}

fn unknown(name: &str) -> Problem {
    problem(
        "people/unknown",
        ProblemKind::NotFound,
        format!("there is no person `{name}`"),
        "",
        "add them first: `paddock user add`",
    )
}

fn as_it_is(name: &str, how: &str) -> Problem {
    problem(
        "people/unchanged",
        ProblemKind::Conflict,
        format!("`{name}` was not changed"),
        format!("`{name}` {how} already"),
        "`paddock user list` shows everybody",
    )
}

fn check_name(name: &str) -> Result<(), Problem> {
    let good = |c: char| c.is_alphanumeric() || "._-@".contains(c);
    if (1..=64).contains(&name.chars().count()) && name.chars().all(good) {
        return Ok(());
    }
    Err(problem(
        "people/bad-name",
        ProblemKind::Request,
        "the name was not taken",
        "a name has 1 to 64 letters, digits or `.`, `_`, `-`, `@`",
        "choose another one",
    ))
}
