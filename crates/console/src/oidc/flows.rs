//! Who is at the provider and has not come back. In memory only: after a restart one begins again.

use crate::passwords::{random_text, token_hash};
use openidconnect::{Nonce, PkceCodeVerifier};
use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// How long somebody may stay away.
pub(super) const WAIT: Duration = Duration::from_secs(600);
/// People who are away, at most; the oldest go first.
const WAITING: usize = 4_000;
/// Of them from one address, behind which there may be many people: who begins again and again pushes out their own.
const OF_ONE_ADDRESS: usize = 400;

/// What was begun, and is needed to end it.
pub(super) struct Flow {
    /// What the browser that began it has as a cookie.
    browser: [u8; 32],
    pub(super) nonce: Nonce,
    pub(super) verifier: PkceCodeVerifier,
    /// Where it is to lead.
    pub(super) next: String,
    address: Option<IpAddr>,
    since: Instant,
}

/// Somebody who goes to the provider.
pub(super) struct Away<'a> {
    pub(super) nonce: Nonce,
    pub(super) verifier: PkceCodeVerifier,
    pub(super) next: &'a str,
    pub(super) address: Option<IpAddr>,
}

/// By the hash of what the provider gives back as `state`.
#[derive(Default)]
pub(super) struct Flows(HashMap<[u8; 32], Flow>);

impl Flows {
    /// Remembers who goes; gives what their browser must come back with.
    pub(super) fn begin(&mut self, state: &str, away: Away<'_>, now: Instant) -> String {
        self.0.retain(|_, flow| now.saturating_duration_since(flow.since) < WAIT);
        let neighbours = self.0.values().filter(|flow| flow.address == away.address).count();
        if neighbours >= OF_ONE_ADDRESS {
            self.forget_oldest(|flow| flow.address == away.address);
        } else if self.0.len() >= WAITING {
            self.forget_oldest(|_| true);
        }
        let browser = random_text(43);
        let flow = Flow {
            browser: token_hash(&browser),
            nonce: away.nonce,
            verifier: away.verifier,
            next: away.next.to_owned(),
            address: away.address,
            since: now,
        };
        self.0.insert(token_hash(state), flow);
        browser
    }

    fn forget_oldest(&mut self, among: impl Fn(&Flow) -> bool) {
        let oldest = self.0.iter().filter(|(_, flow)| among(flow)).min_by_key(|(_, flow)| flow.since);
        if let Some(hash) = oldest.map(|(hash, _)| *hash) {
            self.0.remove(&hash);
        }
    }

    /// What was begun with this state by this browser, once. Another browser gets nothing, and takes nothing away.
    pub(super) fn take(&mut self, state: &str, browser: &str, now: Instant) -> Option<Flow> {
        let key = token_hash(state);
        let flow = self.0.get(&key)?;
        if flow.browser != token_hash(browser) || now.saturating_duration_since(flow.since) >= WAIT {
            return None;
        }
        self.0.remove(&key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begin(flows: &mut Flows, state: &str, from: u8, now: Instant) -> String {
        let away = Away {
            nonce: Nonce::new("n".into()),
            verifier: PkceCodeVerifier::new("v".into()),
            next: "/jobs",
            address: Some(IpAddr::from([10, 0, 0, from])),
        };
        flows.begin(state, away, now)
    }

    #[test]
    fn a_state_is_good_once_for_ten_minutes_in_the_browser_that_has_begun_it() {
        let (mut flows, start) = (Flows::default(), Instant::now());
        let after = |seconds| start + Duration::from_secs(seconds);
        let (ann, bob) = (begin(&mut flows, "a", 1, start), begin(&mut flows, "b", 1, start));
        assert_ne!(ann, bob);
        for (state, browser) in [("a", bob.as_str()), ("b", &ann), ("a", ""), ("", &ann), ("c", &ann)] {
            assert!(flows.take(state, browser, after(1)).is_none(), "{state}");
        }
        assert_eq!(flows.take("a", &ann, after(1)).map(|flow| flow.next).as_deref(), Some("/jobs"));
        assert!(flows.take("a", &ann, after(1)).is_none(), "once");
        assert!(flows.take("b", &bob, after(600)).is_none(), "too late");
        assert!(flows.take("b", &bob, after(599)).is_some());
    }

    #[test]
    fn who_begins_again_and_again_pushes_out_their_own_and_nobody_elses() {
        let (mut flows, start) = (Flows::default(), Instant::now());
        let after = |seconds| start + Duration::from_secs(seconds);
        let ann = begin(&mut flows, "ann", 1, start);
        let first = begin(&mut flows, "first", 2, after(1));
        for n in 0..OF_ONE_ADDRESS {
            begin(&mut flows, &n.to_string(), 2, after(2));
        }
        assert_eq!(flows.0.len(), OF_ONE_ADDRESS + 1);
        assert!(flows.take("first", &first, after(3)).is_none());
        assert!(flows.take("ann", &ann, after(3)).is_some());
        begin(&mut flows, "late", 1, after(1_000));
        assert_eq!(flows.0.len(), 1, "who stays away is forgotten");
    }
}
