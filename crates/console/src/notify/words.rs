//! A row of the audit log as it is told to others.

use super::settings::NotifySettings;
use hmac::{Hmac, KeyInit as _, Mac as _};
use paddock_store::StoredAudit;
use serde_json::json;
use sha2::Sha256;

/// What kind of thing a row tells of: its act, for a refusal behind `refused/`, for a job's end how it ended.
pub(super) fn event(row: &StoredAudit) -> String {
    if row.decision == "refused" {
        return format!("refused/{}", row.act);
    }
    match row.act.as_str() {
        "job/end" => format!("job/{}", row.outcome.split(':').next().unwrap_or_default()),
        act => act.to_owned(),
    }
}

/// What stands in one line. `title` is the plan's sentence, where the row is about one.
fn sentence(row: &StoredAudit, event: &str, title: Option<&str>) -> String {
    let mut about = row.subject.clone();
    let title = title.map(|title| format!("({title})"));
    let cluster = row.cluster.as_ref().map(|name| format!("on {name}"));
    for more in [title, cluster].into_iter().flatten() {
        about.push(' ');
        about += &more;
    }
    let about = about.trim_start();
    let name = &row.name;
    let said = match event {
        "approval/break-glass" => format!("BREAK-GLASS: {name} approved {about} alone"),
        "approval/request" => format!("{name} asks for the approval of {about}"),
        _ if row.decision == "refused" => format!("{name} was refused {} {about}", row.act),
        _ if row.act == "job/end" => about.to_owned(),
        _ => format!("{name}: {} {about}", row.act),
    };
    let said = said.trim_end();
    if row.outcome.is_empty() { said.to_owned() } else { format!("{said}: {}", row.outcome) }
}

/// The page of a thing, below the console's address.
fn page(row: &StoredAudit) -> String {
    match row.subject.split_once(' ') {
        Some(("plan", number)) => format!("/plans/{number}"),
        Some(("job", number)) => format!("/jobs/{number}"),
        _ if row.act.starts_with("approval/") => "/approvals".to_owned(),
        _ => "/audit".to_owned(),
    }
}

/// A row in words.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) event: String,
    /// One sentence.
    pub(super) text: String,
    /// The page of what it is about.
    pub(super) link: Option<String>,
}

/// What is told of a row. `title`: the plan's sentence, where the row is about one.
pub(super) fn told(to: &NotifySettings, row: &StoredAudit, title: Option<&str>) -> Told {
    let event = event(row);
    let text = sentence(row, &event, title);
    Told { event, text, link: to.public_url.as_ref().map(|url| format!("{url}{}", page(row))) }
}

/// A request to be posted: headers besides the content type, and the body.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Letter {
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: String,
}

/// As Slack takes it: what it has for marks is escaped.
pub(super) fn slack(told: &Told) -> Letter {
    let mut text = told.text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    if let Some(link) = &told.link {
        text = format!("{text}\n<{link}>");
    }
    Letter { headers: Vec::new(), body: json!({ "text": text }).to_string() }
}

/// What a webhook gets. `now_s`: seconds since the epoch, signed with the body, so that a letter cannot be sent again
/// long after.
pub(super) fn signed(secret: &str, row: &StoredAudit, told: &Told, now_s: i64) -> Letter {
    let body = json!({
        "id": row.id,
        "event": told.event,
        "text": told.text,
        "link": told.link,
        "at_us": row.at_us,
        "name": row.name,
        "origin": row.origin,
        "act": row.act,
        "subject": row.subject,
        "cluster": row.cluster,
        "digest": row.digest,
        "decision": row.decision,
        "outcome": row.outcome,
        "hash": row.hash,
    })
    .to_string();
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(format!("{now_s}.{body}").as_bytes());
    let signature: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    Letter { headers: vec![("paddock-signature", format!("t={now_s},v1={signature}"))], body }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::settings::NotifyGiven;
    use super::*;
    use serde_json::Value;

    pub(crate) fn row(act: &str, subject: &str, decision: &str, outcome: &str) -> StoredAudit {
        StoredAudit {
            id: 7,
            at_us: 1_764_000_000_500_000,
            person: Some(1),
            name: "ann".into(),
            origin: "browser at 127.0.0.1".into(),
            act: act.into(),
            subject: subject.into(),
            cluster: Some("pg-test".into()),
            digest: None,
            decision: decision.into(),
            outcome: outcome.into(),
            previous: String::new(),
            hash: "ab".into(),
        }
    }

    const SECRET: &str = "0123456789abcdef";

    fn to() -> NotifySettings {
        NotifySettings::new(NotifyGiven {
            name: "ops".into(),
            kind: "slack".into(),
            url: "https://hooks.example".into(),
            public_url: Some("https://console.example/".into()),
            ..NotifyGiven::default()
        })
        .unwrap()
    }

    #[test]
    fn what_is_told_is_a_sentence_with_a_link() {
        let check = |row: StoredAudit, title: Option<&str>, expect: [&str; 3]| {
            let letter = signed(SECRET, &row, &told(&to(), &row, title), 0);
            let body: Value = serde_json::from_str(&letter.body).unwrap();
            assert_eq!(["event", "text", "link"].map(|key| body[key].as_str().unwrap().to_owned()), expect);
        };
        check(
            row("approval/break-glass", "plan 5", "allowed", "the disk is full"),
            Some("removes pg-test"),
            [
                "approval/break-glass",
                "BREAK-GLASS: ann approved plan 5 (removes pg-test) on pg-test alone: the disk is full",
                "https://console.example/plans/5",
            ],
        );
        check(
            row("job/end", "job 3", "allowed", "failed: step x on 10.0.0.1: no"),
            None,
            [
                "job/failed",
                "job 3 on pg-test: failed: step x on 10.0.0.1: no",
                "https://console.example/jobs/3",
            ],
        );
        check(
            row("approval/approve", "plan 5", "refused", "you asked for it yourself"),
            None,
            [
                "refused/approval/approve",
                "ann was refused approval/approve plan 5 on pg-test: you asked for it yourself",
                "https://console.example/plans/5",
            ],
        );
    }

    #[test]
    fn a_row_about_nothing_is_a_sentence_too() {
        let row = StoredAudit { cluster: None, ..row("sign-in", "", "refused", "wrong password") };
        assert_eq!(sentence(&row, &event(&row), None), "ann was refused sign-in: wrong password");
    }

    #[test]
    fn slack_takes_nothing_for_its_own_marks() {
        let row = row("job/end", "job 3", "allowed", "failed: <!channel> & co");
        let letter = slack(&told(&to(), &row, None));
        let body: Value = serde_json::from_str(&letter.body).unwrap();
        assert_eq!(
            body["text"],
            "job 3 on pg-test: failed: &lt;!channel&gt; &amp; co\n<https://console.example/jobs/3>"
        );
        assert_eq!(letter.headers, []);
    }

    #[test]
    fn a_webhook_is_signed_with_its_time() {
        let row = row("job/end", "job 3", "allowed", "succeeded");
        let told = told(&to(), &row, None);
        let (then, later) = (signed(SECRET, &row, &told, 1), signed(SECRET, &row, &told, 2));
        assert_eq!(then.body, later.body);
        assert_ne!(then.headers, later.headers, "a letter of another time has another signature");
        let (name, signature) = &then.headers[0];
        assert_eq!(*name, "paddock-signature");
        let (time, signature) = signature.split_once(",v1=").unwrap();
        assert_eq!((time, signature.len()), ("t=1", 64));
    }
}
