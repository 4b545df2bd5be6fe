//! Every address of the console. Links are made here and nowhere else.

use paddock_events::{JobId, PlanId};

/// The clusters list.
pub const CLUSTERS: &str = "/";
/// The inventory.
pub const INVENTORY: &str = "/inventory";
/// Newest jobs.
pub const JOBS: &str = "/jobs";
/// What waits for an approver.
pub const APPROVALS: &str = "/approvals";
/// Sign-in page; its form posts to the same address with `name`, `password` and `next`.
pub const SIGN_IN: &str = "/sign-in";
/// Sign-out takes a POST.
pub const SIGN_OUT: &str = "/sign-out";
/// The one WebSocket.
pub const SOCKET: &str = "/ws";

/// A cluster's page.
pub fn cluster(name: &str) -> String {
    format!("/clusters/{}", encoded(name))
}

/// A plan's page.
pub fn plan(id: PlanId) -> String {
    format!("/plans/{id}")
}

/// A job's page.
pub fn job(id: JobId) -> String {
    format!("/jobs/{id}")
}

/// The sign-in page that leads back to `next` afterwards.
pub fn sign_in(next: &str) -> String {
    if next == CLUSTERS { SIGN_IN.to_owned() } else { format!("{SIGN_IN}?next={}", encoded(next)) }
}

/// Whether a `next` stays on this console: a path, not another origin's address (`//host`, `/\host`).
pub fn is_local(next: &str) -> bool {
    next.starts_with('/') && !next[1..].starts_with(['/', '\\']) && !next.contains(|c: char| c.is_control())
}

/// Percent-encodes all but unreserved characters and `/`.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_routes_are_as_they_were() {
        let routes =
            [cluster("pg-test"), plan(PlanId(3)), job(JobId(12)), sign_in("/"), sign_in("/jobs/1?x=a b")];
        assert_eq!(
            routes,
            ["/clusters/pg-test", "/plans/3", "/jobs/12", "/sign-in", "/sign-in?next=/jobs/1%3Fx%3Da%20b"]
        );
    }

    #[test]
    fn a_hostile_name_stays_in_its_segment() {
        assert_eq!(cluster("</title><script>"), "/clusters/%3C/title%3E%3Cscript%3E");
    }

    #[test]
    fn next_never_leads_to_another_host() {
        for good in ["/", "/jobs", "/plans/3?tab=hosts"] {
            assert!(is_local(good), "{good}");
        }
        for bad in ["", "jobs", "//evil", "/\\evil", "https://evil", "/\n/evil"] {
            assert!(!is_local(bad), "{bad:?}");
        }
    }
}
