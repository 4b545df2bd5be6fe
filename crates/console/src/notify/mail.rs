//! Notifications by e-mail: a message of plain text for each row, through the team's own mail server.

use super::settings::{MailWords, Unfit};
use super::words::Told;
use lettre::message::{Mailbox, header};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use openidconnect::url::Url;
use paddock_store::StoredAudit;
use std::net::IpAddr;
use std::time::{Duration, UNIX_EPOCH};

/// One exchange with the server.
const ANSWER: Duration = Duration::from_secs(10);
/// Characters of a sentence that fit a subject.
const SUBJECT: usize = 150;

/// A mail server, and who writes to whom through it.
#[derive(Clone)]
pub(super) struct Mail {
    server: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    to: Vec<Mailbox>,
}

impl Mail {
    /// Refuses what would send a password, or names of clusters and people, in the clear.
    pub(super) fn new(server: &Url, password: Option<String>, words: MailWords) -> Result<Self, Unfit> {
        let bad = |why: &str, fix| Err((why.to_owned(), fix));
        let MailWords { user, from, to } = words;
        let Some(from) = from else {
            return bad("nobody is named who it is from", "give from, as in `Paddock <paddock@example.com>`");
        };
        if to.is_empty() {
            return bad("nobody is named who gets it", "give to, a list of addresses");
        }
        let from = mailbox(&from)?;
        let to = to.iter().map(|one| mailbox(one)).collect::<Result<Vec<_>, _>>()?;
        let Some(host) = server.host_str().filter(|host| !host.is_empty()) else {
            return bad("its address has no host", "give it as in smtps://mail.example.com");
        };
        // The scheme is not one that URLs know, so what is between the brackets is for us to take out.
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let here = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
        let more = !server.username().is_empty() || server.password().is_some();
        if more || !matches!(server.path(), "" | "/") || server.query().is_some() {
            return bad(
                "its address has more than host and port",
                "give the account as user, its password in secret_file",
            );
        }
        let required = || {
            TlsParameters::new(host.to_owned()).map_err(|error| {
                (format!("TLS with it cannot be set up: {error}"), "look at the machine's certificates")
            })
        };
        let (tls, port) = match server.scheme() {
            "smtps" => (Tls::Wrapper(required()?), 465),
            "smtp" if here => (Tls::None, 25),
            "smtp" => (Tls::Required(required()?), 587),
            _ => return bad("its address is neither smtps:// nor smtp://", "give the mail server's address"),
        };
        let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)
            .port(server.port().unwrap_or(port))
            .tls(tls)
            .timeout(Some(ANSWER));
        match (user, password) {
            (Some(user), Some(password)) => {
                transport = transport.credentials(Credentials::new(user, password));
            }
            (None, None) => {}
            (Some(_), None) => return bad("there is no password for its user", "give secret_file"),
            (None, Some(_)) => {
                return bad("there is a secret and no user", "give user, or leave secret_file out");
            }
        }
        Ok(Self { server: transport.build(), from, to })
    }

    /// The message about a row. Sent twice it has the same `Message-ID`.
    fn message(&self, row: &StoredAudit, told: &Told) -> Result<Message, lettre::error::Error> {
        let subject: String =
            told.text.chars().map(|one| if one.is_control() { ' ' } else { one }).take(SUBJECT).collect();
        let mut message = Message::builder()
            .from(self.from.clone())
            .subject(format!("[Paddock] {subject}"))
            .date(UNIX_EPOCH + Duration::from_micros(row.at_us.unsigned_abs()))
            .message_id(Some(format!("<paddock.{}.{}@{}>", row.id, row.hash, self.from.email.domain())))
            .header(header::ContentType::TEXT_PLAIN);
        for to in &self.to {
            message = message.to(to.clone());
        }
        message.body(body(row, told))
    }

    /// Hands the message over to the server.
    pub(super) async fn send(&self, row: &StoredAudit, told: &Told) -> Result<(), MailError> {
        let message = self.message(row, told)?;
        self.server.send(message).await?;
        Ok(())
    }
}

/// Why a message did not go out.
#[derive(Debug, thiserror::Error)]
pub(super) enum MailError {
    #[error("the message cannot be written: {0}")]
    Message(#[from] lettre::error::Error),
    #[error("{0}")]
    Server(#[from] lettre::transport::smtp::Error),
}

fn mailbox(text: &str) -> Result<Mailbox, Unfit> {
    text.parse().map_err(|error| {
        (format!("`{text}` is no mail address: {error}"), "write it as in `Paddock <paddock@example.com>`")
    })
}

fn body(row: &StoredAudit, told: &Told) -> String {
    let mut body = format!("{}\n", told.text);
    if let Some(link) = &told.link {
        body += &format!("\n{link}\n");
    }
    body += &format!("\nWho:     {}, {}\n", row.name, row.origin);
    if let Some(cluster) = &row.cluster {
        body += &format!("Cluster: {cluster}\n");
    }
    body + &format!("Audit:   row {}, {}\n", row.id, row.hash)
}

#[cfg(test)]
mod tests {
    use super::super::words::tests::row;
    use super::*;

    fn mail(
        server: &str,
        user: Option<&str>,
        secret: Option<&str>,
        from: &str,
        to: &[&str],
    ) -> Result<Mail, Unfit> {
        let words = MailWords {
            user: user.map(str::to_owned),
            from: (!from.is_empty()).then(|| from.to_owned()),
            to: to.iter().map(|one| (*one).to_owned()).collect(),
        };
        Mail::new(&Url::parse(server).unwrap(), secret.map(str::to_owned), words)
    }

    const FROM: &str = "Paddock <paddock@example.com>";

    #[test]
    fn what_cannot_be_mailed_or_not_in_private_is_refused() {
        let check = |mail: Result<Mail, Unfit>, expect: &str| {
            let (why, _) = mail.err().unwrap();
            assert!(why.contains(expect), "{why}");
        };
        let to = ["dba@example.com"];
        check(mail("smtps://mail.example.com", None, None, "", &to), "who it is from");
        check(mail("smtps://mail.example.com", None, None, FROM, &[]), "who gets it");
        check(mail("smtps://mail.example.com", None, None, FROM, &["dba"]), "`dba` is no mail address");
        check(mail("smtps://ann:C4nary@mail.example.com", None, None, FROM, &to), "more than host and port");
        check(mail("https://mail.example.com", None, None, FROM, &to), "neither smtps");
        check(mail("smtps://mail.example.com", Some("ann"), None, FROM, &to), "no password");
        check(mail("smtps://mail.example.com", None, Some("C4nary"), FROM, &to), "no user");
        mail("smtps://mail.example.com", Some("ann"), Some("C4nary"), FROM, &to).ok().unwrap();
        mail("smtp://mail.example.com:2525", None, None, FROM, &to).ok().unwrap();
        mail("smtp://[::1]", None, None, FROM, &to).ok().unwrap();
    }

    #[test]
    fn a_message_says_in_its_subject_what_happened_and_a_name_adds_no_header() {
        let mail = mail("smtp://127.0.0.1", None, None, FROM, &["dba@example.com", "Ann <ann@example.com>"])
            .ok()
            .unwrap();
        let row = row("job/end", "job 3", "allowed", "failed: no room");
        let told = Told {
            event: "job/failed".into(),
            text: "job 3 on pg-test\r\nBcc: eve@example.com: failed".into(),
            link: Some("https://console.example/jobs/3".into()),
        };
        let text = String::from_utf8(mail.message(&row, &told).unwrap().formatted()).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains("Subject: [Paddock] job 3 on pg-test  Bcc: eve@example.com: failed"), "{head}");
        assert!(!head.contains("\nBcc:"), "{head}");
        assert!(head.contains("To: dba@example.com, Ann <ann@example.com>"), "{head}");
        assert!(head.contains("Message-ID: <paddock.7.ab@example.com>"), "{head}");
        assert!(
            body.contains("https://console.example/jobs/3") && body.contains("Audit:   row 7, ab"),
            "{body}"
        );
    }
}
