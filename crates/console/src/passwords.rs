//! Passwords and tokens: made, hashed, compared. Nothing here is ever logged.

use crate::problems::{internal, problem};
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash};
use argon2::{Algorithm, Argon2, Params, Version};
use paddock_events::{Problem, ProblemKind};
use rand::Rng as _;
use rand::distr::Alphanumeric;
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// OWASP's first recommendation for argon2id: 19 MiB, two passes, one lane.
fn argon2id() -> Argon2<'static> {
    let params = Params::new(19_456, 2, 1, None).expect("these parameters are within argon2's bounds");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// Hashes a password, off the async threads.
pub(crate) async fn hash(password: &str) -> Result<String, Problem> {
    let password = password.to_owned();
    let hashed = tokio::task::spawn_blocking(move || {
        let salt: [u8; 16] = rand::rng().random();
        argon2id().hash_password_with_salt(password.as_bytes(), &salt).map(|hash| hash.to_string())
    });
    match hashed.await {
        Ok(Ok(hash)) => Ok(hash),
        Ok(Err(error)) => Err(internal("the password could not be hashed", &error)),
        Err(error) => Err(internal("the password could not be hashed", &error)),
    }
}

/// Whether a password is the hashed one. Costs the same for a wrong one; a hash that cannot be read never matches.
pub(crate) async fn verify(password: &str, hash: &str) -> bool {
    let (password, hash) = (password.to_owned(), hash.to_owned());
    let verified = tokio::task::spawn_blocking(move || {
        PasswordHash::new(&hash)
            .is_ok_and(|hash| argon2id().verify_password(password.as_bytes(), &hash).is_ok())
    });
    verified.await.unwrap_or(false)
}

/// Refuses what is too short to be a password, or too long to be hashed in good time.
pub(crate) fn check_new(password: &str) -> Result<(), Problem> {
    if (10..=1024).contains(&password.chars().count()) {
        return Ok(());
    }
    Err(problem(
        "people/weak-password",
        ProblemKind::Request,
        "the password was not taken",
        "it must have 10 to 1024 characters",
        "choose another one",
    ))
}

/// Letters and digits from the operating system's generator.
pub(crate) fn random_text(length: usize) -> String {
    rand::rng().sample_iter(Alphanumeric).take(length).map(char::from).collect()
}

/// A new API token. 43 characters of 62 hold 256 bits.
pub(crate) fn new_token() -> String {
    format!("pdk_{}", random_text(43))
}

/// What is kept of a token. It is random, so a plain hash is enough.
pub(crate) fn token_hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// Failures of signing in, by name: after five, half a minute of refusals.
#[derive(Debug, Default)]
pub(crate) struct BackOff {
    failures: HashMap<String, (u32, Instant)>,
}

const FAILURES: u32 = 5;
const PAUSE: Duration = Duration::from_secs(30);
/// Names that are remembered at most; somebody who tries more is slowed by hashing.
const NAMES: usize = 10_000;

impl BackOff {
    /// How long a name must wait, if it must.
    pub(crate) fn wait(&self, name: &str, now: Instant) -> Option<Duration> {
        let (count, last) = self.failures.get(&name.to_lowercase())?;
        let rest = PAUSE.checked_sub(now.saturating_duration_since(*last))?;
        (*count >= FAILURES && !rest.is_zero()).then_some(rest)
    }

    /// Counts a failure; after the pause the count begins anew.
    pub(crate) fn failed(&mut self, name: &str, now: Instant) {
        if self.failures.len() >= NAMES {
            self.failures.retain(|_, (_, last)| now.saturating_duration_since(*last) < PAUSE);
        }
        if self.failures.len() >= NAMES {
            return;
        }
        let entry = self.failures.entry(name.to_lowercase()).or_insert((0, now));
        if now.saturating_duration_since(entry.1) >= PAUSE {
            entry.0 = 0;
        }
        *entry = (entry.0 + 1, now);
    }

    /// Forgets a name's failures.
    pub(crate) fn succeeded(&mut self, name: &str) {
        self.failures.remove(&name.to_lowercase());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_hash_takes_its_password_alone_and_names_its_cost() {
        let hashed = hash("correct horse").await.unwrap();
        assert!(hashed.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hashed}");
        assert!(verify("correct horse", &hashed).await);
        assert!(!verify("Correct horse", &hashed).await);
        assert!(!verify("correct horse", "no hash").await);
    }

    #[test]
    fn five_failures_pause_a_name_for_half_a_minute() {
        let (mut back_off, start) = (BackOff::default(), Instant::now());
        for _ in 0..4 {
            back_off.failed("ann", start);
        }
        assert_eq!(back_off.wait("ann", start), None);
        back_off.failed("Ann", start);
        assert_eq!(back_off.wait("ANN", start + Duration::from_secs(10)), Some(Duration::from_secs(20)));
        assert_eq!(back_off.wait("bob", start), None);
        assert_eq!(back_off.wait("ann", start + PAUSE), None);
        back_off.failed("ann", start + PAUSE);
        assert_eq!(back_off.wait("ann", start + PAUSE), None, "the count begins anew");
        back_off.succeeded("ann");
        assert_eq!(back_off.wait("ann", start), None);
    }

    #[test]
    fn tokens_differ() {
        let (one, other) = (new_token(), new_token());
        assert_ne!(one, other);
        assert_eq!(one.len(), 47);
        assert_ne!(token_hash(&one), token_hash(&other));
    }
}
