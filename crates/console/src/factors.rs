//! The second factor: enrolled on the account page, asked for after the password, taken away by its person or an admin.

use crate::audit::{NoteOutcome as _, Origin, Way, note, tell};
use crate::clock::{now_s, now_us};
use crate::oidc::kept_elsewhere;
use crate::passwords::{random_text, token_hash, verify};
use crate::problems::{from_store, problem, signed_out};
use crate::totp;
use crate::{Actor, Console};
use paddock_events::{Enrolment, FactorState, PersonId, Problem, ProblemKind};
use paddock_store::{NewAudit, StoredFactor, StoredPerson};
use rand::Rng as _;
use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// How long the console waits for the code after the password.
const WAIT: Duration = Duration::from_secs(300);
/// People who were asked for a code and have not given it, at most; the oldest go first.
const WAITING: usize = 1_000;
const RECOVERY_CODES: usize = 10;

/// What came of name and password.
#[derive(Clone, Debug)]
pub enum FirstStep {
    /// They are enough for this person.
    Done(Actor),
    /// The person has a second factor: the code is given with this ticket, and no session is begun before.
    CodeNeeded {
        /// Random; good once, for a few minutes.
        ticket: String,
    },
}

/// Somebody whose password was right.
struct Waiting {
    person: PersonId,
    /// Another password since makes the ticket worth nothing.
    password_hash: String,
    since: Instant,
}

/// Tickets by their hash. In memory only: after a restart one begins with the password again.
#[derive(Default)]
pub(crate) struct Tickets(HashMap<[u8; 32], Waiting>);

impl Tickets {
    fn issue(&mut self, person: &StoredPerson, now: Instant) -> String {
        self.0.retain(|_, waiting| now.saturating_duration_since(waiting.since) < WAIT);
        if self.0.len() >= WAITING
            && let Some(oldest) =
                self.0.iter().min_by_key(|(_, waiting)| waiting.since).map(|(hash, _)| *hash)
        {
            self.0.remove(&oldest);
        }
        let ticket = random_text(43);
        let waiting =
            Waiting { person: person.id(), password_hash: person.password_hash.clone(), since: now };
        self.0.insert(token_hash(&ticket), waiting);
        ticket
    }

    fn of(&self, ticket: &str, now: Instant) -> Option<(PersonId, String)> {
        let waiting = self.0.get(&token_hash(ticket))?;
        let good = now.saturating_duration_since(waiting.since) < WAIT;
        good.then(|| (waiting.person, waiting.password_hash.clone()))
    }

    fn spend(&mut self, ticket: &str) {
        self.0.remove(&token_hash(ticket));
    }
}

fn wrong_code(kind: ProblemKind, what: &str) -> Problem {
    problem(
        "people/wrong-code",
        kind,
        what,
        "the code is not the one of now, or it was used before",
        "wait for the next code of the app, or take a recovery code that was not used; an admin can reset the factor with `paddock user reset-factor`",
    )
}

fn ticket_gone() -> Problem {
    problem(
        "people/code-late",
        ProblemKind::SignedOut,
        "you were not signed in",
        "the code came too long after the password",
        "begin again with name and password",
    )
}

/// The step whose code was typed; none for a secret that cannot be read.
fn step_of(factor: &StoredFactor, typed: &str) -> Option<i64> {
    totp::step_of(&totp::from_base32(&factor.secret)?, typed, now_s())
}

/// What is kept of a recovery code, however it is typed: `ABCD-EFGH-…` without dashes and blanks.
fn recovery_hash(typed: &str) -> [u8; 32] {
    let letters: String = typed.chars().filter(char::is_ascii_alphanumeric).collect();
    token_hash(&letters.to_ascii_uppercase())
}

/// A recovery code: 24 letters of base32 hold 120 bits, so that its hash needs no salt.
fn new_recovery_code() -> String {
    let bytes: [u8; 15] = rand::rng().random();
    let text = totp::base32(&bytes);
    let groups: Vec<&str> = (0..6).map(|at| &text[at * 4..at * 4 + 4]).collect();
    groups.join("-")
}

impl Console {
    /// What follows a right password: nothing more, or the question for a code.
    pub(crate) async fn ticket_for(&self, person: &StoredPerson) -> Result<Option<String>, Problem> {
        if !self.inner.store.has_factor(person.id()).await.map_err(from_store)? {
            return Ok(None);
        }
        let mut tickets = self.inner.tickets.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        Ok(Some(tickets.issue(person, Instant::now())))
    }

    /// Signs in who was given the ticket, with a code of their app or a recovery code.
    pub async fn second_step(
        &self,
        ticket: &str,
        code: &str,
        address: Option<IpAddr>,
    ) -> Result<Actor, Problem> {
        // Read in its turn: a ticket is good once, and its person may have been disabled while this one waited.
        let _turn = self.inner.tries.lock().await;
        let waits = self.inner.tickets.lock().ok().and_then(|tickets| tickets.of(ticket, Instant::now()));
        let Some((id, password_hash)) = waits else { return Err(ticket_gone()) };
        let person = self.inner.store.person(id).await.map_err(from_store)?;
        let person = person.filter(|one| one.disabled_us.is_none() && one.password_hash == password_hash);
        let Some(person) = person else { return Err(ticket_gone()) };
        self.refuse_back_off(&person.name, address)?;
        let origin = Origin { way: Way::Browser, address };
        let row = NewAudit { person: Some(id), ..note(&person.name, origin, "sign-in", String::new()) };
        // Somebody who knows the password must not try codes faster for it, so only the code makes good.
        let with = self.take_code(id, code, &row).await?;
        self.count_try(&person.name, address, with.is_some());
        let Some(with) = with else {
            let refused = wrong_code(ProblemKind::SignedOut, "you were not signed in");
            tell(&self.inner.store, row, &refused).await;
            return Err(refused);
        };
        if let Ok(mut tickets) = self.inner.tickets.lock() {
            tickets.spend(ticket);
        }
        let actor = self.acting(person, origin).await?;
        tracing::info!(person.id = %actor.id, "`{}` signed in with {with}", actor.name);
        Ok(actor)
    }

    /// Takes a code once, and writes the sign-in down with it; gives what it was.
    async fn take_code(
        &self,
        id: PersonId,
        typed: &str,
        row: &NewAudit,
    ) -> Result<Option<&'static str>, Problem> {
        let factor = self.inner.store.factor(id).await.map_err(from_store)?;
        let Some(factor) = factor.filter(|factor| factor.confirmed_us.is_some()) else { return Ok(None) };
        let noting =
            |with: String| self.inner.store.noting(row.clone().with(format!("signed in with {with}")));
        if let Some(step) = step_of(&factor, typed) {
            let taken = noting("a code".into()).use_step(id, step).await.map_err(from_store)?;
            return Ok(taken.then_some("a code"));
        }
        let left = factor.codes_left.saturating_sub(1);
        let store = noting(format!("a recovery code, {left} are left"));
        let used = store.use_recovery_code(id, &recovery_hash(typed), now_us()).await.map_err(from_store)?;
        Ok(used.then_some("a recovery code"))
    }

    /// How the actor's own factor stands.
    pub async fn factor_state(&self, actor: &Actor) -> Result<FactorState, Problem> {
        let factor = self.inner.store.factor(actor.id).await.map_err(from_store)?;
        let confirmed = factor.as_ref().and_then(|factor| factor.confirmed_us);
        Ok(FactorState {
            since_us: confirmed,
            codes_left: factor.filter(|_| confirmed.is_some()).map_or(0, |factor| factor.codes_left),
            by_provider: actor.by_provider,
        })
    }

    /// Makes a secret for the actor's app. It is asked for at sign-in only after [`Self::confirm_factor`].
    pub async fn begin_factor(&self, actor: &Actor, password: &str) -> Result<Enrolment, Problem> {
        let note = actor.note("person/factor", format!("person {}", actor.name));
        let done = self.make_factor(actor, password).await;
        self.told(note, done).await
    }

    async fn make_factor(&self, actor: &Actor, password: &str) -> Result<Enrolment, Problem> {
        self.refuse_stranger(actor, password).await?;
        // As many bits as the hash has.
        let secret: [u8; 20] = rand::rng().random();
        let key = totp::base32(&secret);
        if !self.inner.store.begin_factor(actor.id, &key).await.map_err(from_store)? {
            return Err(problem(
                "people/factor-exists",
                ProblemKind::Conflict,
                "nothing was changed",
                "you have a second factor already",
                "remove it first",
            ));
        }
        Ok(Enrolment { uri: totp::uri(&secret, &actor.name), key })
    }

    /// Asks for the factor from now on, when the first code is right: the app has the secret. Gives the recovery codes,
    /// once, and ends the actor's other sessions; `session` is this one.
    pub async fn confirm_factor(
        &self,
        actor: &Actor,
        code: &str,
        session: Option<&str>,
    ) -> Result<Vec<String>, Problem> {
        let note = actor.note("person/factor", format!("person {}", actor.name));
        let done = self.take_first_code(actor, code, session, note.clone()).await;
        self.told(note, done).await
    }

    async fn take_first_code(
        &self,
        actor: &Actor,
        code: &str,
        session: Option<&str>,
        note: NewAudit,
    ) -> Result<Vec<String>, Problem> {
        let _turn = self.one_try(&actor.name, actor.origin.address).await?;
        let factor = self.inner.store.factor(actor.id).await.map_err(from_store)?;
        let wrong = || wrong_code(ProblemKind::Request, "the second factor is not asked for yet");
        let Some(factor) = factor.filter(|factor| factor.confirmed_us.is_none()) else { return Err(wrong()) };
        let step = step_of(&factor, code);
        self.count_try(&actor.name, actor.origin.address, step.is_some());
        let step = step.ok_or_else(wrong)?;
        let codes: Vec<String> = (0..RECOVERY_CODES).map(|_| new_recovery_code()).collect();
        let hashes: Vec<[u8; 32]> = codes.iter().map(|code| recovery_hash(code)).collect();
        let store = self.inner.store.noting(note.with("a code is asked for from now on"));
        if !store.confirm_factor(actor.id, step, &hashes, now_us(), session).await.map_err(from_store)? {
            return Err(wrong());
        }
        tracing::info!(person.id = %actor.id, "`{}` has a second factor", actor.name);
        Ok(codes)
    }

    /// Takes the actor's own factor away, when they know the password; ends their other sessions.
    pub async fn remove_factor(
        &self,
        actor: &Actor,
        password: &str,
        session: Option<&str>,
    ) -> Result<(), Problem> {
        let note = actor.note("person/factor", format!("person {}", actor.name));
        let done = self.drop_factor(actor, password, session, note.clone()).await;
        self.told(note, done).await
    }

    async fn drop_factor(
        &self,
        actor: &Actor,
        password: &str,
        session: Option<&str>,
        note: NewAudit,
    ) -> Result<(), Problem> {
        self.refuse_stranger(actor, password).await?;
        let store = self.inner.store.noting(note.with("no code is asked for any more"));
        if store.remove_factor(actor.id, session).await.map_err(from_store)? {
            return Ok(());
        }
        Err(no_factor("you have"))
    }

    /// Somebody at an unlocked screen tries as a stranger at the sign-in page does.
    async fn refuse_stranger(&self, actor: &Actor, password: &str) -> Result<(), Problem> {
        if actor.by_provider {
            return Err(kept_elsewhere("you sign"));
        }
        let _turn = self.one_try(&actor.name, actor.origin.address).await?;
        let person = self.inner.store.person(actor.id).await.map_err(from_store)?.ok_or_else(signed_out)?;
        let knows = verify(password, &person.password_hash).await;
        if !knows {
            self.count_try(&actor.name, actor.origin.address, false);
            return Err(problem(
                "people/wrong-password",
                ProblemKind::Request,
                "nothing was changed",
                "the password is another one",
                "type the password that you signed in with",
            ));
        }
        Ok(())
    }
}

pub(crate) fn no_factor(who: &str) -> Problem {
    problem(
        "people/no-factor",
        ProblemKind::Conflict,
        "nothing was changed",
        format!("{who} no second factor"),
        "nothing; the account page makes one",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recovery_codes_differ_and_are_taken_as_people_type_them() {
        let (one, other) = (new_recovery_code(), new_recovery_code());
        assert_ne!(one, other);
        assert_eq!((one.len(), one.matches('-').count()), (29, 5), "{one}");
        let typed = format!(" {} ", one.to_lowercase().replace('-', " "));
        assert_eq!(recovery_hash(&typed), recovery_hash(&one));
        assert_ne!(recovery_hash(&one), recovery_hash(&other));
    }
}
