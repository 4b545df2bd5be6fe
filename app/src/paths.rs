//! Every address of the console. Links are made here and nowhere else.

use paddock_events::{AuditFilter, JobId, PlanId, Recall, RevisionId};

/// The clusters list.
pub const CLUSTERS: &str = "/";
/// The inventory.
pub const INVENTORY: &str = "/inventory";
/// Its revisions.
pub const HISTORY: &str = "/inventory/history";
/// Where each line of it is from.
pub const BLAME: &str = "/inventory/blame";
/// Every host of the inventory.
pub const NODES: &str = "/nodes";
/// What runs otherwise than declared.
pub const DRIFT: &str = "/drift";
/// What this console is set to.
pub const SETTINGS: &str = "/settings";
/// Newest jobs.
pub const JOBS: &str = "/jobs";
/// What waits for an approver.
pub const APPROVALS: &str = "/approvals";
/// What it takes to run what destroys.
pub const POLICY: &str = "/policy";
/// Who did what.
pub const AUDIT: &str = "/audit";
/// Who may do what.
pub const PEOPLE: &str = "/people";
/// Sign-in page; its form posts to the same address with `name`, `password` and `next`.
pub const SIGN_IN: &str = "/sign-in";
/// Takes `code` and `next` of who has a second factor, after name and password.
pub const SIGN_IN_CODE: &str = "/sign-in/code";
/// Begins a sign-in by the provider, and leads there; [`sign_in_by_provider`] makes the link.
pub const SIGN_IN_PROVIDER: &str = "/sign-in/oidc";
/// Where the provider leads back to.
pub const SIGN_IN_CALLBACK: &str = "/sign-in/oidc/callback";
/// Sign-out takes a POST.
pub const SIGN_OUT: &str = "/sign-out";
/// So does the end of all sessions of a person.
pub const SIGN_OUT_EVERYWHERE: &str = "/sign-out/everywhere";
/// The signed-in person's own page.
pub const ACCOUNT: &str = "/account";
/// Takes `current`, `new` and `again`, and leads back to the account page.
pub const PASSWORD: &str = "/account/password";
/// A job's recording, for the server's router; [`recording`] makes the link.
pub const RECORDING: &str = "/jobs/{id}/recording.cast";
/// Lines of a job as a text file, for the server's router; [`log_text`] makes the link.
pub const LOG_TEXT: &str = "/jobs/{id}/log.txt";
/// The one WebSocket.
pub const SOCKET: &str = "/ws";
/// The same as server-sent events; [`stream`] makes the address.
pub const STREAM: &str = "/live";

/// The clusters list as far as a query says: name and value.
pub fn clusters(query: &[(&'static str, String)]) -> String {
    with_query(CLUSTERS.to_owned(), query)
}

fn with_query(path: String, query: &[(&'static str, String)]) -> String {
    let (mut out, mut sign) = (path, '?');
    for (name, value) in query {
        out.push(sign);
        sign = '&';
        out += &format!("{name}={}", encoded(value));
    }
    out
}

/// A cluster's page.
pub fn cluster(name: &str) -> String {
    format!("/clusters/{}", encoded(name))
}

/// A tab of a cluster's page; the overview has no name.
pub fn cluster_tab(name: &str, tab: &str) -> String {
    if tab.is_empty() { cluster(name) } else { format!("{}?tab={}", cluster(name), encoded(tab)) }
}

/// The operations of a cluster, with a moment in the forms of its restore.
pub fn restore_to(name: &str, moment: &str) -> String {
    format!("{}&at={}#backup", cluster_tab(name, "operations"), encoded(moment))
}

/// The operations of a cluster, with a command line in the form that plans it.
pub fn command(name: &str, line: &str) -> String {
    format!("{}&run={}", cluster_tab(name, "operations"), encoded(line))
}

/// The differences of one cluster.
pub fn drift(cluster: &str) -> String {
    format!("{DRIFT}?cluster={}", encoded(cluster))
}

/// The hosts that match.
pub fn nodes(needle: &str) -> String {
    format!("{NODES}?q={}", encoded(needle))
}

/// Revisions from one on, older ones below.
pub fn history(from: RevisionId) -> String {
    format!("{HISTORY}?from={from}")
}

/// What a revision changed.
pub fn revision(id: RevisionId) -> String {
    format!("{HISTORY}/{id}")
}

/// The inventory with a text of before in its editor, not saved.
pub fn recall(how: Recall, id: RevisionId) -> String {
    match how {
        Recall::Back => format!("{INVENTORY}?back={id}"),
        Recall::Undo => format!("{INVENTORY}?undo={id}"),
    }
}

/// A table of a cluster in the inventory's form; without a cluster, of its first.
pub fn inventory_form(cluster: &str, table: &str) -> String {
    let cluster = (!cluster.is_empty()).then(|| ("cluster", cluster.to_owned()));
    let query: Vec<_> = cluster.into_iter().chain([("table", table.to_owned())]).collect();
    with_query(INVENTORY.to_owned(), &query)
}

/// A plan's page.
pub fn plan(id: PlanId) -> String {
    format!("/plans/{id}")
}

/// A job's page.
pub fn job(id: JobId) -> String {
    format!("/jobs/{id}")
}

/// A job's page with the lines that a query wants; empty values are left out.
pub fn job_output(id: JobId, query: &[(&'static str, String)]) -> String {
    with_query(job(id), &filled(query))
}

/// A job's page at one line of its output.
pub fn job_line(id: JobId, seq: u64) -> String {
    format!("/jobs/{id}?line={seq}")
}

/// The lines that a query wants as a text file.
pub fn log_text(id: JobId, query: &[(&'static str, String)]) -> String {
    with_query(LOG_TEXT.replace("{id}", &id.to_string()), &filled(query))
}

fn filled(query: &[(&'static str, String)]) -> Vec<(&'static str, String)> {
    query.iter().filter(|(_, value)| !value.is_empty()).cloned().collect()
}

/// The audit log as far as a filter takes it.
pub fn audit(filter: &AuditFilter) -> String {
    let mut out = AUDIT.to_owned();
    let before = filter.before.map(|before| before.to_string()).unwrap_or_default();
    for (name, value) in
        [("name", &filter.name), ("act", &filter.act), ("cluster", &filter.cluster), ("before", &before)]
    {
        if !value.is_empty() {
            out.push(if out == AUDIT { '?' } else { '&' });
            out += &format!("{name}={}", encoded(value));
        }
    }
    out
}

/// A job's events as an asciicast v2 file.
pub fn recording(id: JobId) -> String {
    RECORDING.replace("{id}", &id.to_string())
}

/// The stream of what is asked for: subscriptions as JSON.
pub fn stream(ask: &str) -> String {
    format!("{STREAM}?ask={}", encoded(ask))
}

/// The account page, with what came of its form.
pub fn account(said: &str) -> String {
    format!("{ACCOUNT}?said={}", encoded(said))
}

/// The sign-in page that leads back to `next` afterwards.
pub fn sign_in(next: &str) -> String {
    if next == CLUSTERS { SIGN_IN.to_owned() } else { format!("{SIGN_IN}?next={}", encoded(next)) }
}

/// The way to the provider, and to `next` afterwards.
pub fn sign_in_by_provider(next: &str) -> String {
    if next == CLUSTERS {
        SIGN_IN_PROVIDER.to_owned()
    } else {
        format!("{SIGN_IN_PROVIDER}?next={}", encoded(next))
    }
}

/// The sign-in page that says why somebody was not signed in, and leads to `next` when they are.
pub fn sign_in_refused(next: &str, refused: &str) -> String {
    let to = sign_in(next);
    let sign = if to.contains('?') { '&' } else { '?' };
    format!("{to}{sign}refused={}", encoded(refused))
}

/// The sign-in page that asks for a code, and says why the last one was refused.
pub fn sign_in_code(next: &str, refused: &str) -> String {
    let said = if refused.is_empty() { String::new() } else { format!("&refused={}", encoded(refused)) };
    format!("{SIGN_IN}?step=code&next={}{said}", encoded(next))
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
        let routes = [
            clusters(&[]),
            clusters(&[("q", "health:bad a/b".into()), ("sort", "-lag".into())]),
            cluster("pg-test"),
            cluster_tab("pg-test", ""),
            cluster_tab("pg-test", "config"),
            command("pg-test", "bin/pgsql-add pg-test 10.0.0.2"),
            drift("pg-test"),
            nodes("10.0.0.1"),
            inventory_form("", "users"),
            inventory_form("pg-test", "hba"),
            plan(PlanId(3)),
            job(JobId(12)),
            recording(JobId(12)),
            job_output(JobId(12), &[]),
            job_output(JobId(12), &[("find", "a b".into()), ("host", String::new()), ("row", "7".into())]),
            job_line(JobId(12), 345),
            log_text(JobId(12), &[("level", "err".into())]),
            stream("[{}]"),
            sign_in("/"),
            sign_in("/jobs/1?x=a b"),
            sign_in_by_provider("/"),
            sign_in_by_provider("/jobs/1?x=a b"),
            sign_in_refused("/", "oidc/state"),
            sign_in_refused("/jobs", "oidc/state"),
            account("people/weak-password"),
            sign_in_code("/jobs", ""),
            sign_in_code("/", "people/wrong-code"),
            audit(&AuditFilter::default()),
            audit(&AuditFilter { name: "a b".into(), before: Some(7), ..AuditFilter::default() }),
        ];
        assert_eq!(
            routes,
            [
                "/",
                "/?q=health%3Abad%20a/b&sort=-lag",
                "/clusters/pg-test",
                "/clusters/pg-test",
                "/clusters/pg-test?tab=config",
                "/clusters/pg-test?tab=operations&run=bin/pgsql-add%20pg-test%2010.0.0.2",
                "/drift?cluster=pg-test",
                "/nodes?q=10.0.0.1",
                "/inventory?table=users",
                "/inventory?cluster=pg-test&table=hba",
                "/plans/3",
                "/jobs/12",
                "/jobs/12/recording.cast",
                "/jobs/12",
                "/jobs/12?find=a%20b&row=7",
                "/jobs/12?line=345",
                "/jobs/12/log.txt?level=err",
                "/live?ask=%5B%7B%7D%5D",
                "/sign-in",
                "/sign-in?next=/jobs/1%3Fx%3Da%20b",
                "/sign-in/oidc",
                "/sign-in/oidc?next=/jobs/1%3Fx%3Da%20b",
                "/sign-in?refused=oidc/state",
                "/sign-in?next=/jobs&refused=oidc/state",
                "/account?said=people/weak-password",
                "/sign-in?step=code&next=/jobs",
                "/sign-in?step=code&next=/&refused=people/wrong-code",
                "/audit",
                "/audit?name=a%20b&before=7",
            ]
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
