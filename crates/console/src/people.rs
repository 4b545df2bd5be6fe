//! Who signs in, and who a token acts for.

use crate::clock::{now_us, utc};
use crate::passwords::{hash, random_text, token_hash, verify};
use crate::problems::{from_store, problem, signed_out};
use crate::{Actor, Console, PersonRole};
use paddock_events::{Me, PersonId, Problem, ProblemKind};
use paddock_store::{NewPerson, StoredPerson};
use std::time::Instant;

/// A token's use is noted at most this often, in microseconds.
const NOTE_USE_EVERY_US: i64 = 60_000_000;

impl PersonRole {
    /// `viewer`, `operator`, `approver`, `admin`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Approver => "approver",
            Self::Admin => "admin",
        }
    }

    /// The role of a word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Viewer, Self::Operator, Self::Approver, Self::Admin]
            .into_iter()
            .find(|role| role.as_str() == word)
    }
}

fn acting(person: StoredPerson) -> Result<Actor, Problem> {
    // The database holds the same list in a constraint; a word it does not know may do nothing.
    let role = PersonRole::parse(&person.role).ok_or_else(signed_out)?;
    Ok(Actor { id: person.id(), name: person.name, role })
}

fn wrong_name_or_password() -> Problem {
    problem(
        "people/refused",
        ProblemKind::SignedOut,
        "you were not signed in",
        "no such name, or another password",
        "try again; an admin can make a new password with `paddock user passwd`",
    )
}

impl Actor {
    /// The person's id, for the session.
    pub fn id(&self) -> PersonId {
        self.id
    }

    /// The sign-in name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The person's role.
    pub fn role(&self) -> PersonRole {
        self.role
    }
}

impl Console {
    /// Makes the first admin with a generated password when there is nobody yet; gives the password once.
    pub async fn first_admin(&self) -> Result<Option<String>, Problem> {
        if self.inner.store.has_people().await.map_err(from_store)? {
            return Ok(None);
        }
        let password = random_text(20);
        let person = NewPerson {
            name: "admin".into(),
            role: PersonRole::Admin.as_str().into(),
            password_hash: hash(&password).await?,
            created_us: now_us(),
        };
        let added = self.inner.store.add_first_person(&person).await.map_err(from_store)?;
        if let Some(id) = added {
            tracing::info!(person.id = %id, "made the first admin `admin`");
        }
        Ok(added.map(|_| password))
    }

    /// Adds a person. Only from the command line or by an admin.
    pub async fn add_person(
        &self,
        name: &str,
        role: PersonRole,
        password: &str,
    ) -> Result<PersonId, Problem> {
        self.people().add(name, role, password).await
    }

    /// Checks name and password; the same refusal for an unknown name and a wrong password.
    pub async fn sign_in(&self, name: &str, password: &str) -> Result<Actor, Problem> {
        let waits = self.inner.back_off.lock().ok().and_then(|back_off| back_off.wait(name, Instant::now()));
        if let Some(rest) = waits {
            return Err(problem(
                "people/back-off",
                ProblemKind::SignedOut,
                "you were not signed in",
                "the last tries with this name failed",
                format!("wait {} s, then try again", rest.as_secs() + 1),
            ));
        }
        let person = self.inner.store.person_named(name).await.map_err(from_store)?;
        // An unknown name costs as much time as a known one: it is compared with a hash that nothing matches.
        let stored = match &person {
            Some(person) => person.password_hash.clone(),
            None => self.nobodys_hash().await?,
        };
        let matches = verify(password, &stored).await;
        if let Ok(mut back_off) = self.inner.back_off.lock() {
            if matches && person.is_some() {
                back_off.succeeded(name);
            } else {
                back_off.failed(name, Instant::now());
            }
        }
        match person {
            Some(person) if matches => {
                tracing::info!(person.id = %person.id(), "`{}` signed in", person.name);
                acting(person)
            }
            Some(_) | None => {
                tracing::warn!("a sign-in was refused");
                Err(wrong_name_or_password())
            }
        }
    }

    async fn nobodys_hash(&self) -> Result<String, Problem> {
        if let Some(hash) = self.inner.nobodys_hash.get() {
            return Ok(hash.clone());
        }
        let made = hash(&random_text(43)).await?;
        Ok(self.inner.nobodys_hash.get_or_init(|| made).clone())
    }

    /// The actor behind a session's person id; refused when the person is gone.
    pub async fn actor(&self, id: PersonId) -> Result<Actor, Problem> {
        let person = self.inner.store.person(id).await.map_err(from_store)?;
        acting(person.ok_or_else(signed_out)?)
    }

    /// The actor behind an API token (`pdk_…`); refused when it is unknown, revoked or has expired.
    pub async fn actor_by_token(&self, token: &str) -> Result<Actor, Problem> {
        let refused = |code: &str, why: String| {
            problem(
                code,
                ProblemKind::SignedOut,
                "the token was refused",
                why,
                "make one with `paddock token add`, and give it as PADDOCK_TOKEN",
            )
        };
        let bearer = self.inner.store.bearer_of_token(&token_hash(token)).await.map_err(from_store)?;
        let bearer =
            bearer.ok_or_else(|| refused("people/bad-token", "the console does not know it".to_owned()))?;
        let now = now_us();
        if let Some(end) = bearer.expires_us.filter(|end| *end <= now) {
            return Err(refused("people/token-expired", format!("it expired on {}", utc(end))));
        }
        if bearer.used_us.is_none_or(|used| now - used >= NOTE_USE_EVERY_US) {
            // Worth knowing, but no reason to refuse a request.
            if let Err(error) = self.inner.store.token_was_used(bearer.token(), now).await {
                tracing::warn!(token.id = %bearer.token(), "the use of a token was not noted: {error}");
            }
        }
        acting(bearer.person)
    }

    /// Removes a person with their tokens; their sessions end with the next request. Only from the command
    /// line or by an admin.
    pub async fn remove_person(&self, id: PersonId) -> Result<bool, Problem> {
        self.inner.store.remove_person(id).await.map_err(from_store)
    }

    /// Who is signed in, for the page's head.
    pub fn me(&self, actor: &Actor) -> Me {
        Me { name: actor.name.clone(), role: actor.role.as_str().to_owned() }
    }
}
