//! Where notifications go: what is given, and what of it can be meant.

use super::mail::Mail;
use crate::oidc::is_private;
use crate::problems::problem;
use openidconnect::url::Url;
use paddock_events::{Problem, ProblemKind};
use paddock_inventory::NamePattern;
use std::fmt;

/// What is told when nobody says what: what somebody should look at now.
const LOUD: [&str; 5] =
    ["approval/break-glass", "approval/request", "job/failed", "job/interrupted", "notify/failing"];
/// Characters of a secret that is not to be guessed.
const SHORTEST_SECRET: usize = 16;

/// As the settings file gives it. The address may be a secret, as Slack's are: not to be printed.
#[derive(Clone, Default)]
pub struct NotifyGiven {
    /// What the log calls it.
    pub name: String,
    /// `webhook`, `slack` or `email`.
    pub kind: String,
    /// Where to post; for e-mail the server: `smtps://` (TLS), `smtp://` (STARTTLS; without it on loopback only).
    pub url: String,
    /// What a webhook's body is signed with; for e-mail the password of `user`.
    pub secret: Option<String>,
    /// Who signs in at the mail server; none: nobody does.
    pub user: Option<String>,
    /// Who the mail is from.
    pub from: Option<String>,
    /// Who gets it.
    pub to: Vec<String>,
    /// Acts of the audit log, or how they begin: `approval`, `job/failed`, `refused`; `*` is all. None: [`LOUD`].
    pub events: Vec<String>,
    /// Patterns of clusters; with one, what is about no cluster is left out. None: all.
    pub clusters: Vec<String>,
    /// Where browsers reach the console, for links.
    pub public_url: Option<String>,
}

/// How it is written.
#[derive(Clone)]
pub(super) enum Form {
    /// JSON, signed.
    Webhook { url: Url, secret: String },
    /// `{"text": …}`, as Slack, Mattermost and Rocket.Chat take it.
    Slack { url: Url },
    /// A message of plain text.
    Email(Mail),
}

/// A destination that can be meant.
#[derive(Clone)]
pub struct NotifySettings {
    pub(super) name: String,
    pub(super) form: Form,
    pub(super) events: Vec<String>,
    pub(super) clusters: Vec<NamePattern>,
    pub(super) public_url: Option<String>,
}

impl fmt::Debug for NotifySettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NotifySettings").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What only an e-mail has.
pub(super) struct MailWords {
    pub(super) user: Option<String>,
    pub(super) from: Option<String>,
    pub(super) to: Vec<String>,
}

/// Why something cannot be meant, and what to write instead.
pub(super) type Unfit = (String, &'static str);

fn form(kind: &str, url: &str, secret: Option<String>, mail: MailWords) -> Result<Form, Unfit> {
    let bad = |why: &str, fix| Err((why.to_owned(), fix));
    // The address itself is not said: whoever has Slack's may post there.
    let url = Url::parse(url).map_err(|error| (format!("its address is none: {error}"), "https://…"))?;
    if kind == "email" {
        return Mail::new(&url, secret, mail).map(Form::Email);
    }
    if mail.user.is_some() || mail.from.is_some() || !mail.to.is_empty() {
        return bad("user, from and to are of an e-mail", "leave them out, or make its kind email");
    }
    if !is_private(&url) {
        return bad(
            "its address is neither https:// nor http:// on loopback",
            "give an https:// address: names of clusters and people go there",
        );
    }
    match (kind, secret) {
        ("webhook", Some(secret)) if secret.len() >= SHORTEST_SECRET => Ok(Form::Webhook { url, secret }),
        ("webhook", Some(_)) => Err((
            format!("its secret has less than {SHORTEST_SECRET} characters"),
            "make one with `openssl rand -hex 32`",
        )),
        ("webhook", None) => bad(
            "a webhook is signed, and there is no secret",
            "give secret_file, with what `openssl rand -hex 32` makes, and the same to who receives",
        ),
        ("slack", None) => Ok(Form::Slack { url }),
        ("slack", Some(_)) => bad("Slack asks for no signature", "leave secret_file out"),
        (other, _) => Err((format!("`{other}` is no kind"), "write webhook, slack or email")),
    }
}

impl NotifySettings {
    /// Refuses what cannot work, and what would send names of clusters and people in the clear.
    pub fn new(given: NotifyGiven) -> Result<Self, Problem> {
        let NotifyGiven { name, kind, url, secret, user, from, to, events, clusters, public_url } = given;
        let bad = |why: String, fix: &str| {
            let what = format!("notifications cannot go to `{name}` so");
            problem("notify/bad-settings", ProblemKind::Request, what, why, fix)
        };
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
        if name.is_empty() || name.len() > 64 || !name.chars().all(plain) {
            return Err(bad("its name is not one".into(), "take letters, digits, - and _, at most 64"));
        }
        let form =
            form(&kind, &url, secret, MailWords { user, from, to }).map_err(|(why, fix)| bad(why, fix))?;
        let events = if events.is_empty() { LOUD.map(str::to_owned).to_vec() } else { events };
        let mut patterns = Vec::new();
        for text in clusters {
            let pattern = NamePattern::parse(&text).ok_or_else(|| {
                bad(format!("`{text}` is no pattern of cluster names"), "write names as in pg-prod-*")
            })?;
            patterns.push(pattern);
        }
        let public_url = public_url.map(|url| url.trim_end_matches('/').to_owned());
        Ok(Self { name, form, events, clusters: patterns, public_url })
    }

    /// What the log calls it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Kind, events and clusters in words; the address stays behind.
    pub(crate) fn words(&self) -> (&'static str, String, String) {
        let kind = match self.form {
            Form::Webhook { .. } => "webhook",
            Form::Slack { .. } => "slack",
            Form::Email(_) => "email",
        };
        let patterns: Vec<&str> = self.clusters.iter().map(NamePattern::as_str).collect();
        let clusters = if patterns.is_empty() { "all".to_owned() } else { patterns.join(", ") };
        (kind, self.events.join(", "), clusters)
    }

    /// Whether something of this kind, on this cluster, is told there.
    pub(super) fn wants(&self, event: &str, cluster: Option<&str>) -> bool {
        let named = self.events.iter().any(|wanted| {
            wanted == "*"
                || event
                    .strip_prefix(wanted.as_str())
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        });
        // That a destination does not answer is about no cluster, and for whoever is left.
        let about = self.clusters.is_empty()
            || event.starts_with("notify/")
            || cluster.is_some_and(|name| self.clusters.iter().any(|pattern| pattern.matches(name)));
        named && about
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given() -> NotifyGiven {
        NotifyGiven {
            name: "ops".into(),
            kind: "webhook".into(),
            url: "https://hooks.example/T0/C4nary".into(),
            secret: Some("0123456789abcdef".into()),
            ..NotifyGiven::default()
        }
    }

    #[test]
    fn what_cannot_work_is_refused_and_no_secret_is_said() {
        let check = |given: NotifyGiven, expect: &str| {
            let problem = NotifySettings::new(given).unwrap_err();
            assert!(problem.why.contains(expect), "{problem}");
            assert!(!problem.to_string().contains("C4nary"), "{problem}");
        };
        check(NotifyGiven { name: "a b".into(), ..given() }, "its name");
        check(NotifyGiven { kind: "pager".into(), ..given() }, "`pager` is no kind");
        check(NotifyGiven { secret: None, ..given() }, "there is no secret");
        check(NotifyGiven { secret: Some("short".into()), ..given() }, "less than 16");
        check(NotifyGiven { kind: "slack".into(), ..given() }, "no signature");
        check(NotifyGiven { url: "http://hooks.example/C4nary".into(), ..given() }, "neither https");
        check(NotifyGiven { url: "C4nary".into(), ..given() }, "its address is none");
        check(NotifyGiven { clusters: vec!["pg prod".into()], ..given() }, "`pg prod`");
        let settings = NotifySettings::new(given()).unwrap();
        assert_eq!(format!("{settings:?}"), "NotifySettings { name: \"ops\", .. }");
    }

    #[test]
    fn a_destination_gets_what_it_asked_for_on_its_clusters() {
        let loud = NotifySettings::new(given()).unwrap();
        assert!(loud.wants("approval/break-glass", Some("pg-a")) && loud.wants("job/failed", None));
        assert!(!loud.wants("job/succeeded", Some("pg-a")) && !loud.wants("sign-in", None));
        let events = vec!["job".to_owned(), "refused".to_owned(), "notify".to_owned()];
        let some = NotifyGiven { events, clusters: vec!["pg-prod-*".into()], ..given() };
        let some = NotifySettings::new(some).unwrap();
        for (event, cluster, expect) in [
            ("job/succeeded", Some("pg-prod-1"), true),
            ("job/succeeded", Some("pg-test"), false),
            ("job/succeeded", None, false),
            ("jobs", Some("pg-prod-1"), false),
            ("refused/approval/approve", Some("pg-prod-1"), true),
            ("approval/approve", Some("pg-prod-1"), false),
            ("notify/failing", None, true),
        ] {
            assert_eq!(some.wants(event, cluster), expect, "{event} {cluster:?}");
        }
    }
}
