//! Passwords and tokens: made, hashed, compared. Nothing here is ever logged.

use crate::problems::{internal, problem};
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash};
use argon2::{Algorithm, Argon2, Params, Version};
use paddock_events::{Problem, ProblemKind};
use rand::Rng as _;
use rand::distr::Alphanumeric;
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
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
    if (12..=128).contains(&password.chars().count()) {
        return Ok(());
    }
    Err(problem(
        "people/weak-password",
        ProblemKind::Request,
        "the password was not taken",
        "it must have 12 to 128 characters",
        "choose another one",
    ))
}

/// Letters and digits from the operating system's generator.
pub(crate) fn random_text(length: usize) -> String {
    rand::rng().sample_iter(Alphanumeric).take(length).map(char::from).collect()
}

/// A new API token. 43 characters of 62 hold 256 bits.
pub(crate) fn random_token() -> String {
    format!("pdk_{}", random_text(43))
}

/// What is kept of a token. It is random, so a plain hash is enough.
pub(crate) fn token_hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// Whom failures of signing in are counted for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Tried {
    Name(String),
    /// Of IPv6 the network: whoever has one address there has 2^64.
    Address(IpAddr),
}

impl Tried {
    /// As many letters as a name can have: what is typed may be as long as a form.
    fn name(typed: &str) -> Self {
        Self::Name(typed.chars().take(64).collect::<String>().to_lowercase())
    }

    fn address(address: IpAddr) -> Self {
        Self::Address(match address.to_canonical() {
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
            v4 @ IpAddr::V4(_) => v4,
        })
    }

    /// How many failures are free: many people may sit behind one address.
    fn free(&self) -> u32 {
        match self {
            Self::Name(_) => 5,
            Self::Address(_) => 30,
        }
    }
}

/// Failures of signing in, by name and by address: beyond the free ones each makes the wait twice as long.
#[derive(Debug, Default)]
pub(crate) struct BackOff {
    failures: HashMap<Tried, (u32, Instant)>,
}

const PAUSE: Duration = Duration::from_secs(30);
/// Longer waits would only help who wants to keep somebody out.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// Without a failure for so long the count begins anew.
const FORGET: Duration = Duration::from_secs(3_600);
/// Names and addresses that are remembered at most; somebody who tries more is slowed by hashing.
const KNOWN: usize = 20_000;

impl BackOff {
    /// How long a name or an address must wait, if one must.
    pub(crate) fn wait(&self, name: &str, address: Option<IpAddr>, now: Instant) -> Option<Duration> {
        tried(name, address).filter_map(|tried| self.rest(&tried, now)).max()
    }

    fn rest(&self, tried: &Tried, now: Instant) -> Option<Duration> {
        let (count, last) = self.failures.get(tried)?;
        let beyond = count.checked_sub(tried.free())?;
        let pause = PAUSE.saturating_mul(1 << beyond.min(8)).min(LONGEST_PAUSE);
        pause.checked_sub(now.saturating_duration_since(*last)).filter(|rest| !rest.is_zero())
    }

    /// Counts a failure.
    pub(crate) fn failed(&mut self, name: &str, address: Option<IpAddr>, now: Instant) {
        if self.failures.len() >= KNOWN {
            self.failures.retain(|_, (_, last)| now.saturating_duration_since(*last) < LONGEST_PAUSE);
        }
        if self.failures.len() >= KNOWN {
            return;
        }
        for tried in tried(name, address) {
            let entry = self.failures.entry(tried).or_insert((0, now));
            if now.saturating_duration_since(entry.1) >= FORGET {
                entry.0 = 0;
            }
            *entry = (entry.0.saturating_add(1), now);
        }
    }

    /// Forgets a name's failures. Those of the address stay: one good account there must not pay for guesses at others.
    pub(crate) fn succeeded(&mut self, name: &str) {
        self.failures.remove(&Tried::name(name));
    }
}

/// What a try counts for; a token has no name.
fn tried(name: &str, address: Option<IpAddr>) -> impl Iterator<Item = Tried> {
    let name = (!name.is_empty()).then(|| Tried::name(name));
    name.into_iter().chain(address.map(Tried::address))
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
    fn each_failure_beyond_five_makes_a_name_wait_twice_as_long() {
        let (mut back_off, start) = (BackOff::default(), Instant::now());
        let after = |seconds| start + Duration::from_secs(seconds);
        for _ in 0..4 {
            back_off.failed("ann", None, start);
        }
        assert_eq!(back_off.wait("ann", None, start), None);
        back_off.failed("Ann", None, start);
        assert_eq!(back_off.wait("ANN", None, after(10)), Some(Duration::from_secs(20)));
        assert_eq!(back_off.wait("bob", None, start), None);
        assert_eq!(back_off.wait("ann", None, after(30)), None);
        back_off.failed("ann", None, after(30));
        assert_eq!(back_off.wait("ann", None, after(30)), Some(Duration::from_secs(60)));
        for _ in 0..40 {
            back_off.failed("ann", None, after(100));
        }
        assert_eq!(back_off.wait("ann", None, after(100)), Some(LONGEST_PAUSE), "and no longer");
        back_off.failed("ann", None, after(100) + FORGET);
        assert_eq!(back_off.wait("ann", None, after(100) + FORGET), None, "the count begins anew");
        back_off.succeeded("ann");
        assert!(back_off.failures.is_empty());
    }

    #[test]
    fn an_address_that_tries_many_names_waits_whatever_name_it_tries_next() {
        let (mut back_off, start) = (BackOff::default(), Instant::now());
        let address = |last| Some(IpAddr::from([10, 0, 0, last]));
        for n in 0..30 {
            assert_eq!(back_off.wait("ann", address(7), start), None);
            back_off.failed(&format!("name{n}"), address(7), start);
        }
        assert_eq!(back_off.wait("ann", address(7), start), Some(PAUSE));
        assert_eq!(back_off.wait("", address(7), start), Some(PAUSE), "a token, too");
        assert_eq!(back_off.wait("ann", address(8), start), None);
        back_off.succeeded("ann");
        assert_eq!(back_off.wait("ann", address(7), start), Some(PAUSE));
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        let (mut back_off, start) = (BackOff::default(), Instant::now());
        let wait = |back_off: &BackOff, text: &str| back_off.wait("ann", Some(text.parse().unwrap()), start);
        for n in 0..30 {
            back_off.failed(&format!("n{n}"), Some(format!("2001:db8:0:1::{n:x}").parse().unwrap()), start);
            back_off.failed(&format!("m{n}"), Some("::ffff:10.0.0.7".parse().unwrap()), start);
        }
        assert_eq!(wait(&back_off, "2001:db8:0:1:ffff::1"), Some(PAUSE));
        assert_eq!(wait(&back_off, "2001:db8:0:2::1"), None);
        assert_eq!(wait(&back_off, "10.0.0.7"), Some(PAUSE), "IPv4 in IPv6");
        assert_eq!(wait(&back_off, "10.0.0.8"), None);
    }

    #[test]
    fn tokens_differ() {
        let (one, other) = (random_token(), random_token());
        assert_ne!(one, other);
        assert_eq!(one.len(), 47);
        assert_ne!(token_hash(&one), token_hash(&other));
    }
}
