//! Who signs in, and who a token acts for.

use crate::audit::{NoteOutcome as _, Origin, Way, note, note_by, tell};
use crate::clock::{now_us, utc};
use crate::desk::stored;
use crate::factors::FirstStep;
use crate::oidc::kept_elsewhere;
use crate::passwords::{check_new, hash, random_text, token_hash, verify};
use crate::policy::{Action, Target};
use crate::problems::{from_store, problem, signed_out};
use crate::tokens::granted_by;
use crate::{Actor, Console, Grant, PersonRole};
use paddock_events::{JobId, Me, PersonId, PersonRow, Problem, ProblemKind};
use paddock_store::{ListedPerson, NewAudit, NewPerson, StoredGrant, StoredPerson, TokenBearer};
use std::net::IpAddr;
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

    /// What the person may do, and where.
    pub fn grants(&self) -> &[Grant] {
        &self.grants
    }

    /// The same actor, whose request came from there.
    #[must_use]
    pub fn at(mut self, address: Option<IpAddr>) -> Self {
        self.origin.address = address;
        self
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
            grant: stored(&PersonRole::Admin.into()),
            password_hash: hash(&password).await?,
            created_us: now_us(),
        };
        let note = NewAudit {
            outcome: Grant::from(PersonRole::Admin).to_string(),
            ..note_by(Way::Console, "person/add", "person admin".into())
        };
        let added = self.inner.store.noting(note).add_first_person(&person).await.map_err(from_store)?;
        if let Some(id) = added {
            tracing::info!(person.id = %id, "made the first admin `admin`");
        }
        Ok(added.map(|_| password))
    }

    /// Adds a person with one grant; a role alone is on everything.
    pub async fn add_person(
        &self,
        name: &str,
        grant: impl Into<Grant>,
        password: &str,
    ) -> Result<PersonId, Problem> {
        self.people().add(name, grant, password).await
    }

    pub(crate) async fn acting(&self, person: StoredPerson, origin: Origin) -> Result<Actor, Problem> {
        let grants = self.grants_of(person.id()).await?;
        Self::acting_with(person, grants, origin)
    }

    fn acting_with(person: StoredPerson, grants: Vec<Grant>, origin: Origin) -> Result<Actor, Problem> {
        if person.disabled_us.is_some() {
            return Err(signed_out());
        }
        let by_provider = person.issuer.is_some();
        Ok(Actor { id: person.id(), name: person.name, grants, limit: None, by_provider, origin })
    }

    /// What a person may do now.
    pub(crate) async fn grants_of(&self, id: PersonId) -> Result<Vec<Grant>, Problem> {
        let stored = self.inner.store.grants_of(id).await.map_err(from_store)?;
        Ok(read_grants(&stored))
    }

    /// Signs in somebody who has no second factor.
    pub async fn sign_in(
        &self,
        name: &str,
        password: &str,
        address: Option<IpAddr>,
    ) -> Result<Actor, Problem> {
        match self.first_step(name, password, address).await? {
            FirstStep::Done(actor) => Ok(actor),
            FirstStep::CodeNeeded { .. } => Err(problem(
                "people/code-needed",
                ProblemKind::SignedOut,
                "you were not signed in",
                "this person signs in with a code besides",
                "sign in on the page",
            )),
        }
    }

    /// Checks name and password; the same refusal for an unknown name and a wrong password. Who has a second factor is
    /// signed in by [`Self::second_step`] only.
    pub async fn first_step(
        &self,
        name: &str,
        password: &str,
        address: Option<IpAddr>,
    ) -> Result<FirstStep, Problem> {
        let origin = Origin { way: Way::Browser, address };
        let _turn = self.one_try(name, address).await?;
        let person = self.inner.store.person_named(name).await.map_err(from_store)?;
        // Who has a password here. An unknown name, and one that a provider vouches for, cost as much time as a known one:
        // they are compared with a hash that nothing matches.
        let local = person.as_ref().filter(|person| person.issuer.is_none());
        let stored = match local {
            Some(person) => person.password_hash.clone(),
            None => self.nobodys_hash().await?,
        };
        let may_sign_in = local.is_some_and(|person| person.disabled_us.is_none());
        let matches = verify(password, &stored).await;
        let ticket = match &person {
            Some(person) if matches && may_sign_in => self.ticket_for(person).await?,
            Some(_) | None => None,
        };
        if let (Some(ticket), Some(person)) = (ticket, &person) {
            // On record at once: a stolen password that is tried here goes no further, and should be seen.
            let row = note(&person.name, origin, "sign-in", String::new());
            let row = NewAudit { person: Some(person.id()), ..row }
                .with("the password was right; a code is asked for");
            self.inner.store.append_audit(&row).await.map_err(from_store)?;
            // Nothing is counted as good before the code is: who knows the password would guess codes without a pause.
            return Ok(FirstStep::CodeNeeded { ticket });
        }
        self.count_try(name, address, matches && may_sign_in);
        match person {
            Some(person) if matches && may_sign_in => {
                let actor = self.acting(person, origin).await?;
                let note = actor.note("sign-in", "").with("signed in");
                self.inner.store.append_audit(&note).await.map_err(from_store)?;
                tracing::info!(person.id = %actor.id, "`{}` signed in", actor.name);
                Ok(FirstStep::Done(actor))
            }
            known => {
                tracing::warn!("a sign-in was refused");
                // A name that nobody has is not written down: people type their password into the wrong field.
                let (who, why) = match &known {
                    Some(person) if person.issuer.is_some() => {
                        (person.name.as_str(), "the person signs in by the provider")
                    }
                    Some(person) if matches => (person.name.as_str(), "the person is disabled"),
                    Some(person) => (person.name.as_str(), "another password"),
                    None => ("unknown", "nobody has the name that was given"),
                };
                let told = Problem { why: why.into(), ..wrong_name_or_password() };
                let id = known.as_ref().map(StoredPerson::id);
                let note = NewAudit { person: id, ..note(who, origin, "sign-in", String::new()) };
                tell(&self.inner.store, note, &told).await;
                Err(wrong_name_or_password())
            }
        }
    }

    /// The turn of one try, to be held until it is counted: tries side by side would all be compared before the first of
    /// them was counted, and each takes the memory of a hash.
    pub(crate) async fn one_try(
        &self,
        name: &str,
        address: Option<IpAddr>,
    ) -> Result<tokio::sync::MutexGuard<'_, ()>, Problem> {
        let turn = self.inner.tries.lock().await;
        self.refuse_back_off(name, address)?;
        Ok(turn)
    }

    pub(crate) fn refuse_back_off(&self, name: &str, address: Option<IpAddr>) -> Result<(), Problem> {
        let now = Instant::now();
        let waits = self.inner.back_off.lock().ok().and_then(|back_off| back_off.wait(name, address, now));
        let Some(rest) = waits else { return Ok(()) };
        Err(problem(
            "people/back-off",
            ProblemKind::SignedOut,
            "you were not signed in",
            "the last tries with this name or from this address failed",
            format!("wait {} s, then try again", rest.as_secs() + 1),
        ))
    }

    pub(crate) fn count_try(&self, name: &str, address: Option<IpAddr>, good: bool) {
        if let Ok(mut back_off) = self.inner.back_off.lock() {
            if good {
                back_off.succeeded(name);
            } else {
                back_off.failed(name, address, Instant::now());
            }
        }
    }

    /// Gives the actor another password, when they know the one they have. It ends their other sessions; `session` is
    /// this one.
    pub async fn change_password(
        &self,
        actor: &Actor,
        current: &str,
        new: &str,
        session: Option<&str>,
    ) -> Result<(), Problem> {
        let note = actor.note("person/password", format!("person {}", actor.name));
        let done = self.replace_password(actor, current, new, session, note.clone()).await;
        self.told(note, done).await
    }

    async fn replace_password(
        &self,
        actor: &Actor,
        current: &str,
        new: &str,
        session: Option<&str>,
        note: NewAudit,
    ) -> Result<(), Problem> {
        if actor.by_provider {
            return Err(kept_elsewhere("you sign"));
        }
        let _turn = self.one_try(&actor.name, actor.origin.address).await?;
        let person = self.inner.store.person(actor.id).await.map_err(from_store)?.ok_or_else(signed_out)?;
        let knows = verify(current, &person.password_hash).await;
        // Somebody at an unlocked screen tries as a stranger at the sign-in page does.
        self.count_try(&actor.name, actor.origin.address, knows);
        if !knows {
            return Err(problem(
                "people/wrong-password",
                ProblemKind::Request,
                "the password was not changed",
                "the present password is another one",
                "type the password that you signed in with",
            ));
        }
        check_new(new)?;
        let hashed = hash(new).await?;
        let store = self.inner.store.noting(note.with("by the person"));
        store.set_password(actor.id, &hashed, session).await.map_err(from_store)?;
        tracing::info!(person.id = %actor.id, "`{}` has another password", actor.name);
        Ok(())
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
        let found = self.inner.store.person_with_grants(id).await.map_err(from_store)?;
        let (person, grants) = found.ok_or_else(signed_out)?;
        Self::acting_with(person, read_grants(&grants), Origin { way: Way::Browser, address: None })
    }

    /// The actor behind an API token (`pdk_…`); refused when it is unknown, revoked or has expired.
    pub async fn actor_by_token(&self, token: &str, address: Option<IpAddr>) -> Result<Actor, Problem> {
        let refused = |code: &str, why: String| {
            problem(
                code,
                ProblemKind::SignedOut,
                "the token was refused",
                why,
                "make one with `paddock token add`, and give it as PADDOCK_TOKEN",
            )
        };
        self.refuse_back_off("", address)?;
        let bearer = self.inner.store.bearer_of_token(&token_hash(token)).await.map_err(from_store)?;
        let Some(bearer) = bearer else {
            // Written down as often as the back-off lets an address try, so that nobody fills the disk with it.
            let unknown = refused("people/bad-token", "the console does not know it".to_owned());
            self.count_try("", address, false);
            let origin = Origin { way: Way::UnknownToken, address };
            tell(&self.inner.store, note("unknown", origin, "token/use", String::new()), &unknown).await;
            return Err(unknown);
        };
        let origin = Origin { way: Way::Token(bearer.token()), address };
        let now = now_us();
        if let Some(end) = bearer.expires_us.filter(|end| *end <= now) {
            let expired = refused("people/token-expired", format!("it expired on {}", utc(end)));
            let person = Some(bearer.person.id());
            let note = NewAudit { person, ..note(&bearer.person.name, origin, "token/use", String::new()) };
            tell(&self.inner.store, note, &expired).await;
            return Err(expired);
        }
        if bearer.used_us.is_none_or(|used| now - used >= NOTE_USE_EVERY_US) {
            // Worth knowing, but no reason to refuse a request.
            if let Err(error) = self.inner.store.token_was_used(bearer.token(), now).await {
                tracing::warn!(token.id = %bearer.token(), "the use of a token was not noted: {error}");
            }
        }
        self.bearing(bearer, origin).await
    }

    /// The actor of a token, who may do no more than its scope says.
    async fn bearing(&self, bearer: TokenBearer, origin: Origin) -> Result<Actor, Problem> {
        let limit = bearer.scope().map_err(from_store)?.map(|scope| granted_by(&scope));
        Ok(Actor { limit, ..self.acting(bearer.person, origin).await? })
    }

    /// Whether who follows a job may go on: their token is there and has not expired, and they still see the job. A
    /// session that ends is looked at where it is held.
    pub async fn may_follow(&self, actor: &Actor, job: JobId) -> bool {
        let Way::Token(token) = actor.origin.way else { return true };
        let Ok(Some(bearer)) = self.inner.store.bearer(token).await else { return false };
        if bearer.expires_us.is_some_and(|end| end <= now_us()) {
            return false;
        }
        let Ok(actor) = self.bearing(bearer, actor.origin).await else { return false };
        let Ok(Some(job)) = self.inner.store.job(job).await else { return false };
        actor.may(Action::See, (&job.clusters).into())
    }

    /// Who is signed in, for the page's head, and what of it they have a use for.
    pub fn me(&self, actor: &Actor) -> Me {
        let role = actor.grants.iter().map(|grant| grant.role).max();
        Me {
            name: actor.name.clone(),
            role: role.map_or("no role", PersonRole::as_str).to_owned(),
            grants: actor.grants.iter().map(ToString::to_string).collect(),
            reads_inventory: actor.may(Action::See, Target::Everything),
            reads_audit: actor.may(Action::Audit, Target::Everything),
            reads_people: actor.may(Action::People, Target::Everything),
            by_provider: actor.by_provider,
        }
    }

    /// Everybody with what they may do.
    pub async fn people_page(&self, actor: &Actor) -> Result<Vec<PersonRow>, Problem> {
        self.gate(actor, Action::People, Target::Everything, "the people").await?;
        let row = |one: ListedPerson| PersonRow {
            grants: one.grants.iter().map(|grant| format!("{} on {}", grant.role, grant.clusters)).collect(),
            name: one.name,
            created_us: one.created_us,
            disabled_us: one.disabled_us,
            tokens: u32::try_from(one.tokens).unwrap_or(u32::MAX),
            by_provider: one.issuer.is_some(),
        };
        Ok(self.people().list().await?.into_iter().map(row).collect())
    }
}

/// Grants as the policy reads them. One that cannot be read grants nothing.
fn read_grants(stored: &[StoredGrant]) -> Vec<Grant> {
    let read = |one: &StoredGrant| Grant::new(PersonRole::parse(&one.role)?, &one.clusters).ok();
    stored.iter().filter_map(read).collect()
}
