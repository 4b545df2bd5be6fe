//! The second factor end to end: enrolled, asked for, replayed, raced, guessed, lost, reset.

use crate::clock::now_s;
use crate::job_tests::{Bench, bench};
use crate::totp;
use crate::{Actor, FirstStep};
use paddock_events::{AuditFilter, Problem};

const PASSWORD: &str = "correct horse";

fn code<T>(result: Result<T, Problem>) -> String {
    result.map_or_else(|problem| problem.code, |_| "ok".to_owned())
}

/// A person with a factor, as their app has it.
struct Enrolled {
    bench: Bench,
    secret: Vec<u8>,
    recovery: Vec<String>,
}

impl Enrolled {
    /// The code of the step after the present one: good now, and not the one that was confirmed with.
    fn next_code(&self) -> String {
        totp::shown(&self.secret, now_s() + 30)
    }

    async fn ticket(&self) -> String {
        match self.bench.console.first_step("ann", PASSWORD, None).await.unwrap() {
            FirstStep::CodeNeeded { ticket } => ticket,
            FirstStep::Done(_) => panic!("a code is asked for"),
        }
    }

    async fn second(&self, ticket: &str, typed: &str) -> Result<Actor, Problem> {
        self.bench.console.second_step(ticket, typed, None).await
    }
}

async fn enrolled() -> Enrolled {
    let bench = bench().await;
    let made = bench.console.begin_factor(&bench.ann, PASSWORD).await.unwrap();
    let secret = totp::from_base32(&made.key).unwrap();
    let shown = totp::shown(&secret, now_s());
    let recovery = bench.console.confirm_factor(&bench.ann, &shown, None).await.unwrap();
    Enrolled { bench, secret, recovery }
}

#[tokio::test]
async fn a_factor_is_asked_for_only_after_a_first_code_and_ends_the_other_sessions() {
    let bench = bench().await;
    let (console, ann) = (&bench.console, &bench.ann);
    for session in ["here", "there"] {
        console.session_save(session, Some(ann.id()), b"x", i64::MAX / 2).await.unwrap();
    }
    assert_eq!(code(console.begin_factor(ann, "guess").await), "people/wrong-password");
    assert_eq!(code(console.confirm_factor(ann, "123456", None).await), "people/wrong-code");
    let first = console.begin_factor(ann, PASSWORD).await.unwrap();
    let made = console.begin_factor(ann, PASSWORD).await.unwrap();
    assert_ne!(first.key, made.key, "begun anew");
    assert_eq!(made.uri, format!("otpauth://totp/Paddock:ann?secret={}&issuer=Paddock", made.key));
    assert_eq!(console.factor_state(ann).await.unwrap().since_us, None);
    console.sign_in("ann", PASSWORD, None).await.expect("nothing is asked for yet");
    let (old, secret) = (totp::from_base32(&first.key).unwrap(), totp::from_base32(&made.key).unwrap());
    assert_eq!(
        code(console.confirm_factor(ann, &totp::shown(&old, now_s()), None).await),
        "people/wrong-code"
    );
    assert!(console.session_holds("there", ann.id()).await);
    let codes = console.confirm_factor(ann, &totp::shown(&secret, now_s()), Some("here")).await.unwrap();
    assert_eq!(codes.len(), 10);
    assert!(console.session_holds("here", ann.id()).await && !console.session_holds("there", ann.id()).await);
    assert_eq!(code(console.sign_in("ann", PASSWORD, None).await), "people/code-needed");
    assert_eq!(code(console.begin_factor(ann, PASSWORD).await), "people/factor-exists");
    let state = console.factor_state(ann).await.unwrap();
    assert!(state.since_us.is_some() && state.codes_left == 10, "{state:?}");
    console.shut_down().await;
}

#[tokio::test]
async fn a_code_is_taken_once_and_a_ticket_too() {
    let it = enrolled().await;
    let ticket = it.ticket().await;
    let confirmed_with = totp::shown(&it.secret, now_s());
    assert_eq!(
        code(it.second(&ticket, &confirmed_with).await),
        "people/wrong-code",
        "it was used to confirm"
    );
    assert_eq!(code(it.second("made up", &it.next_code()).await), "people/code-late");
    let typed = it.next_code();
    let actor = it.second(&ticket, &typed).await.unwrap();
    assert_eq!(actor.name(), "ann");
    assert_eq!(code(it.second(&ticket, &typed).await), "people/code-late", "the ticket is spent");
    let again = it.ticket().await;
    assert_eq!(code(it.second(&again, &typed).await), "people/wrong-code", "a replay within its step");
    it.bench.console.shut_down().await;
}

#[tokio::test]
async fn of_two_who_show_one_code_at_once_one_is_signed_in() {
    let it = enrolled().await;
    let (one, other) = (it.ticket().await, it.ticket().await);
    let typed = it.next_code();
    let (first, second) = tokio::join!(it.second(&one, &typed), it.second(&other, &typed));
    assert_ne!(first.is_ok(), second.is_ok(), "{first:?} {second:?}");
    let (one, other) = (it.ticket().await, it.ticket().await);
    let typed = &it.recovery[3];
    let (first, second) = tokio::join!(it.second(&one, typed), it.second(&other, typed));
    assert_ne!(first.is_ok(), second.is_ok(), "{first:?} {second:?}");
    it.bench.console.shut_down().await;
}

#[tokio::test]
async fn each_recovery_code_signs_in_once_however_it_is_typed() {
    let it = enrolled().await;
    let ticket = it.ticket().await;
    it.second(&ticket, &it.recovery[0].to_lowercase().replace('-', " ")).await.unwrap();
    assert_eq!(it.bench.console.factor_state(&it.bench.ann).await.unwrap().codes_left, 9);
    let ticket = it.ticket().await;
    assert_eq!(code(it.second(&ticket, &it.recovery[0]).await), "people/wrong-code");
    it.second(&ticket, &it.recovery[1]).await.unwrap();
    it.bench.console.shut_down().await;
}

#[tokio::test]
async fn who_knows_the_password_guesses_codes_no_faster_for_it() {
    let it = enrolled().await;
    for _ in 0..5 {
        // The password anew each time: it does not make up for the wrong codes.
        let ticket = it.ticket().await;
        assert_eq!(code(it.second(&ticket, "000 000 ").await), "people/wrong-code");
    }
    assert_eq!(code(it.bench.console.first_step("ann", PASSWORD, None).await), "people/back-off");
    it.bench.console.shut_down().await;
}

#[tokio::test]
async fn another_password_or_a_disabled_person_makes_a_ticket_worth_nothing() {
    let it = enrolled().await;
    let people = it.bench.console.people();
    let ticket = it.ticket().await;
    people.disable("ann").await.unwrap();
    assert_eq!(code(it.second(&ticket, &it.next_code()).await), "people/code-late");
    people.enable("ann").await.unwrap();
    people.set_password("ann", "another battery").await.unwrap();
    assert_eq!(code(it.second(&ticket, &it.next_code()).await), "people/code-late");
    assert!(matches!(
        it.bench.console.first_step("ann", "another battery", None).await,
        Ok(FirstStep::CodeNeeded { .. })
    ));
    it.bench.console.shut_down().await;
}

#[tokio::test]
async fn it_is_removed_with_the_password_or_reset_by_an_admin_and_both_are_written_down() {
    let it = enrolled().await;
    let (console, ann) = (&it.bench.console, &it.bench.ann);
    assert_eq!(code(console.remove_factor(ann, "guess", None).await), "people/wrong-password");
    let ticket = it.ticket().await;
    console.people().reset_factor("ANN").await.unwrap();
    assert_eq!(
        code(it.second(&ticket, &it.next_code()).await),
        "people/wrong-code",
        "there is none any more"
    );
    assert_eq!(code(console.people().reset_factor("ann").await), "people/no-factor");
    console.sign_in("ann", PASSWORD, None).await.unwrap();
    let made = console.begin_factor(ann, PASSWORD).await.unwrap();
    let secret = totp::from_base32(&made.key).unwrap();
    console.confirm_factor(ann, &totp::shown(&secret, now_s()), None).await.unwrap();
    console.remove_factor(ann, PASSWORD, None).await.unwrap();
    assert_eq!(code(console.remove_factor(ann, PASSWORD, None).await), "people/no-factor");
    console.sign_in("ann", PASSWORD, None).await.unwrap();
    let zoe = console.add_person("zoe", crate::PersonRole::Admin, PASSWORD).await.unwrap();
    let zoe = console.actor(zoe).await.unwrap();
    let rows =
        console.audit(&zoe, AuditFilter { act: "person/factor".into(), ..AuditFilter::default() }).await;
    let rows = rows.unwrap().rows;
    let done: Vec<_> = rows.iter().rev().filter(|row| !row.refused).map(|row| row.outcome.as_str()).collect();
    assert_eq!(
        done,
        [
            "a code is asked for from now on",
            "reset: no code is asked for any more",
            "a code is asked for from now on",
            "no code is asked for any more"
        ]
    );
    let text: String = rows.iter().map(|row| row.outcome.clone()).collect();
    assert!(!text.contains(&made.key), "no secret in the log");
    it.bench.console.shut_down().await;
}

#[tokio::test]
async fn neither_secret_nor_recovery_codes_stand_in_the_database() {
    let it = enrolled().await;
    it.bench.console.shut_down().await;
    let (key, path) = (totp::base32(&it.secret), it.bench.database());
    for file in [path.clone(), path.with_extension("db-wal")] {
        let bytes = std::fs::read(&file).unwrap_or_default();
        for secret in it.recovery.iter().chain([&key]) {
            let plain = secret.replace('-', "");
            for needle in [secret.as_bytes(), plain.as_bytes(), &it.secret] {
                assert!(!bytes.windows(needle.len()).any(|part| part == needle), "{}", file.display());
            }
        }
    }
}
