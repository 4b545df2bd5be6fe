//! Sign-in by a provider through the whole router: who is let in, and everything that is not taken.

use super::canary::{Logged, bytes};
use super::oidc_rig::{ACCESS_TOKEN, CLIENT, Mood, Rig, SECRET, Signed, asked};
use super::tests::{Answer, House, PASSWORD, house_of, location};
use axum::http::{HeaderMap, StatusCode, header};
use paddock_console::{OidcAnswer, OidcGiven, OidcSettings, People, PersonRole};
use paddock_events::{AuditFilter, AuditRow};
use serde_json::{Value, json};
use std::net::IpAddr;
use std::time::{Duration, Instant};

const BACK: &str = "/sign-in/oidc/callback";

fn provider(rig: &Rig) -> OidcSettings {
    let given = OidcGiven {
        issuer: rig.issuer.clone(),
        client_id: CLIENT.into(),
        client_secret: SECRET.into(),
        public_url: "http://127.0.0.1:8080".into(),
        label: Some("Example".into()),
        grants: ["ops=viewer", "ops=operator:pg-test*", "dba=admin"].map(str::to_owned).into(),
        ..OidcGiven::default()
    };
    OidcSettings::new(given).unwrap()
}

/// A console with a provider, and with `ann`, an admin who has a password.
async fn house(rig: &Rig, secure: bool) -> House {
    house_of(secure, Some(provider(rig))).await
}

fn cookies(headers: &HeaderMap) -> Vec<String> {
    headers.get_all(header::SET_COOKIE).iter().map(|set| set.to_str().unwrap().to_owned()).collect()
}

fn sent_back(set: &str) -> String {
    set.split(';').next().unwrap().to_owned()
}

/// A browser that was sent to the provider: where, and with which cookie.
async fn away(house: &House) -> (String, String) {
    let (status, headers, _) = house.get("/sign-in/oidc?next=/jobs", "").await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    let set = cookies(&headers);
    assert_eq!(set.len(), 1, "{set:?}");
    (location(&headers).to_owned(), sent_back(&set[0]))
}

/// And back with a code: where it is led, and its session when it has one.
async fn back(house: &House, cookie: &str, code: &str, state: &str) -> (String, Option<String>) {
    let (status, headers, _) = house.get(&format!("{BACK}?code={code}&state={state}"), cookie).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    let session =
        cookies(&headers).into_iter().find(|set| set.starts_with("paddock=")).map(|set| sent_back(&set));
    (location(&headers).to_owned(), session)
}

/// Signs somebody in whose token says this.
async fn come(house: &House, rig: &Rig, change: impl FnOnce(&mut Value)) -> (String, Option<String>) {
    let (url, cookie) = away(house).await;
    let code = rig.lets_in(&url, Signed::Well, change);
    back(house, &cookie, &code, &asked(&url)["state"]).await
}

fn refused(code: &str) -> (String, Option<String>) {
    (format!("/sign-in?next=/jobs&refused={code}"), None)
}

/// The audit log, oldest first.
async fn rows(house: &House) -> Vec<AuditRow> {
    let ann = house.console.sign_in("ann", PASSWORD, None).await.unwrap();
    let mut rows = house.console.audit(&ann, AuditFilter::default()).await.unwrap().rows;
    // The newest is the sign-in of who looks.
    assert_eq!(rows.remove(0).name, "ann");
    rows.reverse();
    rows
}

#[tokio::test]
async fn somebody_comes_by_the_provider_and_has_what_their_groups_grant() {
    let rig = Rig::start().await;
    let house = house(&rig, false).await;
    let (_, _, page) = house.get("/sign-in?next=/jobs", "").await;
    assert!(
        page.contains("Sign in with Example") && page.contains("href=\"/sign-in/oidc?next=/jobs\""),
        "{page}"
    );
    let (url, cookie) = away(&house).await;
    assert!(url.starts_with(&format!("{}/authorize?", rig.issuer)), "{url}");
    let sent = asked(&url);
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", CLIENT),
        ("code_challenge_method", "S256"),
        ("redirect_uri", "http://127.0.0.1:8080/sign-in/oidc/callback"),
        ("scope", "openid profile email"),
    ] {
        assert_eq!(sent[name], value, "{name}");
    }
    assert!(sent["state"].len() >= 22 && sent["nonce"].len() >= 22 && sent["state"] != sent["nonce"]);
    let code = rig.lets_in(&url, Signed::Well, |_| {});
    let (to, session) = back(&house, &cookie, &code, &sent["state"]).await;
    let session = session.expect("a session");
    assert_eq!(to, "/jobs", "and nothing of the code stays in the address");
    assert!(house.lets_in(&session).await);
    let (_, _, account) = house.get("/account", &session).await;
    assert!(account.contains("operator on pg-test*") && account.contains("viewer on *"), "{account}");
    assert!(
        !account.contains("current-password") && account.contains("You sign in by the provider"),
        "{account}"
    );
    let (_, headers, _) =
        house.send("POST", "/account/password", &[("cookie", &session)], "current=x&new=y&again=y").await;
    assert_eq!(location(&headers), "/account?said=people/kept-elsewhere");
    // Once more: the same person, by subject, whatever they are called now.
    let (_, second) = come(&house, &rig, |claims| claims["preferred_username"] = "robert".into()).await;
    assert!(house.lets_in(&session).await && house.lets_in(&second.unwrap()).await);
    let ann = house.console.sign_in("ann", PASSWORD, None).await.unwrap();
    let people = house.console.people_page(&ann).await.unwrap();
    let listed: Vec<_> = people.iter().map(|one| (one.name.as_str(), one.by_provider)).collect();
    assert_eq!(listed, [("ann", false), ("bob", true)]);
    let told: Vec<_> = rows(&house).await.into_iter().filter(|row| row.name == "bob").collect();
    let acts: Vec<_> = told.iter().map(|row| (row.act.as_str(), row.refused)).collect();
    let acts_due = [("person/add", false), ("sign-in", false), ("person/password", true), ("sign-in", false)];
    assert_eq!(acts, acts_due, "{told:?}");
    assert!(told[1].outcome.contains("signed in by Example"));
    house.end().await;
}

#[tokio::test]
async fn the_cookie_of_who_is_away_is_for_this_host_alone_and_ends() {
    let rig = Rig::start().await;
    for (secure, name, more) in [(true, "__Host-paddock-away=", "; Secure"), (false, "paddock-away=", "")] {
        let house = house(&rig, secure).await;
        let (_, headers, _) = house.get("/sign-in/oidc", "").await;
        let set = cookies(&headers).remove(0);
        assert!(set.starts_with(name), "{set}");
        assert!(set.ends_with(&format!("; Path=/; Max-Age=600; HttpOnly; SameSite=Lax{more}")), "{set}");
        house.end().await;
    }
}

#[tokio::test]
async fn a_token_that_is_not_to_be_believed_signs_nobody_in() {
    type Change = fn(&mut Value);
    let cases: [(&str, Signed, Change, &str); 15] = [
        ("signed by another key", Signed::ByAnother, |_| {}, "Signature verification failed"),
        ("not signed", Signed::None, |_| {}, "No signature found"),
        ("signed with the secret", Signed::BySecret, |_| {}, "Disallowed signature algorithm"),
        ("another nonce", Signed::Well, |claims| claims["nonce"] = "other".into(), "nonce mismatch"),
        ("no nonce", Signed::Well, |claims| claims["nonce"] = Value::Null, "missing nonce"),
        ("for another client", Signed::Well, |claims| claims["aud"] = "other".into(), "Invalid audiences"),
        (
            "for others, too",
            Signed::Well,
            |claims| claims["aud"] = json!([CLIENT, "other"]),
            "Invalid audiences",
        ),
        ("for nobody", Signed::Well, |claims| claims["aud"] = json!([]), "Invalid audiences"),
        ("of another client", Signed::Well, |claims| claims["azp"] = "other".into(), "another client"),
        (
            "of another issuer",
            Signed::Well,
            |claims| claims["iss"] = "https://evil.example".into(),
            "Invalid issuer",
        ),
        (
            "expired",
            Signed::Well,
            |claims| claims["exp"] = json!(claims["iat"].as_u64().unwrap() - 1),
            "Expired",
        ),
        (
            "issued long ago",
            Signed::Well,
            |claims| claims["iat"] = json!(claims["iat"].as_u64().unwrap() - 3_600),
            "Expired",
        ),
        (
            "issued in the future",
            Signed::Well,
            |claims| claims["iat"] = json!(claims["iat"].as_u64().unwrap() + 3_600),
            "Expired",
        ),
        ("about nobody", Signed::Well, |claims| claims["sub"] = Value::Null, "cannot be read"),
        ("with nobody's name", Signed::Well, |claims| claims["sub"] = "".into(), "names nobody"),
    ];
    let rig = Rig::start().await;
    let house = house(&rig, false).await;
    for (what, signed, change, why) in cases {
        let (url, cookie) = away(&house).await;
        let code = rig.lets_in(&url, signed, change);
        let ended = back(&house, &cookie, &code, &asked(&url)["state"]).await;
        assert_eq!(ended, refused("oidc/bad-answer"), "{what}");
        let row = rows(&house).await.pop().unwrap();
        assert!(row.refused && row.act == "sign-in" && row.name == "unknown", "{what}: {row:?}");
        assert!(row.outcome.contains(why), "{what}: {}", row.outcome);
    }
    let (url, cookie) = away(&house).await;
    let code = rig.lets_nobody_in(&url);
    assert_eq!(
        back(&house, &cookie, &code, &asked(&url)["state"]).await,
        refused("oidc/bad-answer"),
        "no token"
    );
    let (url, cookie) = away(&house).await;
    let made_up = back(&house, &cookie, "made-up", &asked(&url)["state"]).await;
    assert_eq!(made_up, refused("oidc/bad-answer"), "a code that the provider has not given");
    assert!(rows(&house).await.pop().unwrap().outcome.contains("invalid_grant"));
    let people = house.console.sign_in("ann", PASSWORD, None).await.unwrap();
    assert_eq!(house.console.people_page(&people).await.unwrap().len(), 1, "nobody was made");
    let (_, _, page) = house.get("/sign-in?refused=oidc/bad-answer", "").await;
    assert!(page.contains("role=\"alert\"") && page.contains("answer was not taken"), "{page}");
    house.end().await;
}

#[tokio::test]
async fn what_the_provider_says_instead_of_a_code_is_said_on_the_sign_in_page() {
    let rig = Rig::start().await;
    let house = house(&rig, false).await;
    for (said, code) in [
        ("error=access_denied&error_description=C4nary", "oidc/denied"),
        ("error=server_error", "oidc/bad-answer"),
        ("", "oidc/bad-answer"),
        ("code=", "oidc/bad-answer"),
        ("code=x&iss=https://evil.example", "oidc/bad-answer"),
    ] {
        let (url, cookie) = away(&house).await;
        let state = &asked(&url)["state"];
        let (_, headers, _) = house.get(&format!("{BACK}?state={state}&{said}"), &cookie).await;
        assert_eq!((location(&headers).to_owned(), None), refused(code), "{said}");
        let (_, _, page) = house.get(location(&headers), "").await;
        assert!(page.contains("role=\"alert\"") && !page.contains("Name or password"), "{said}");
    }
    house.end().await;
}

#[tokio::test]
async fn a_state_is_good_once_and_in_its_own_browser_alone() {
    let rig = Rig::start().await;
    let house = house(&rig, false).await;
    let lost = ("/sign-in?refused=oidc/state".to_owned(), None);
    let (url, cookie) = away(&house).await;
    let (_, other) = away(&house).await;
    let state = asked(&url)["state"].clone();
    let code = rig.lets_in(&url, Signed::Well, |_| {});
    assert_eq!(back(&house, &other, &code, &state).await, lost, "another browser");
    assert_eq!(back(&house, "", &code, &state).await, lost, "no cookie");
    assert_eq!(back(&house, &cookie, &code, "made-up").await, lost, "a state of nobody");
    let (_, headers, _) = house.get(&format!("{BACK}?code={code}&code={code}&state={state}"), &cookie).await;
    assert_eq!(location(&headers), "/sign-in?refused=oidc/state", "said twice");
    let (to, session) = back(&house, &cookie, &code, &state).await;
    assert_eq!(to, "/jobs", "none of that has taken it away");
    assert!(house.lets_in(&session.unwrap()).await);
    assert_eq!(back(&house, &cookie, &code, &state).await, lost, "replayed");
    let again = rig.lets_in(&url, Signed::Well, |_| {});
    assert_eq!(back(&house, &cookie, &again, &state).await, lost, "with another code");
    let last = rows(&house).await.pop().unwrap();
    assert!(last.refused && last.outcome.contains("not begun in this browser"), "{last:?}");
    house.end().await;
}

#[tokio::test]
async fn an_address_that_tries_states_waits() {
    let rig = Rig::start().await;
    let house = house(&rig, false).await;
    let address = Some(IpAddr::from([10, 0, 0, 7]));
    let tried = async || {
        let answer: OidcAnswer = serde_json::from_value(json!({"state": "x", "code": "y"})).unwrap();
        house.console.end_oidc(answer, "z", address).await.signed_in.unwrap_err().code
    };
    for _ in 0..30 {
        assert_eq!(tried().await, "oidc/state");
    }
    assert_eq!(tried().await, "people/back-off");
    let begun = house.console.begin_oidc("/", address).await;
    assert_eq!(begun.map(|_| ()).unwrap_err().code, "people/back-off", "it begins none either");
    assert!(house.console.begin_oidc("/", Some(IpAddr::from([10, 0, 0, 8]))).await.is_ok());
    house.end().await;
}

#[tokio::test]
async fn while_the_provider_is_down_passwords_sign_in_and_afterwards_it_does_again() {
    let rig = Rig::start().await;
    rig.set(Mood::Down);
    let house = house(&rig, false).await;
    let begin = async || {
        let (_, headers, _) = house.get("/sign-in/oidc?next=/jobs", "").await;
        location(&headers).to_owned()
    };
    let down = "/sign-in?next=/jobs&refused=oidc/provider-down";
    assert_eq!(begin().await, down);
    assert_eq!((begin().await.as_str(), rig.fetched()), (down, 1), "not everybody waits for it");
    let (_, _, page) = house.get(down, "").await;
    assert!(page.contains("cannot be reached") && page.contains("current-password"), "{page}");
    house.signed_in(PASSWORD).await;
    assert!(rows(&house).await.iter().any(|row| row.refused && row.outcome.contains("cannot be fetched")));
    rig.set(Mood::Well);
    let bound = Instant::now() + Duration::from_secs(30);
    while begin().await == down {
        assert!(Instant::now() < bound, "it is noticed that the provider is back");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let (url, cookie) = away(&house).await;
    let code = rig.lets_in(&url, Signed::Well, |_| {});
    rig.set(Mood::TokensDown);
    let ended = back(&house, &cookie, &code, &asked(&url)["state"]).await;
    assert_eq!(ended, refused("oidc/provider-down"));
    house.signed_in(PASSWORD).await;
    rig.set(Mood::Well);
    assert_eq!(come(&house, &rig, |_| {}).await.0, "/jobs");
    house.end().await;
}

#[tokio::test]
async fn a_provider_that_is_not_there_at_all_keeps_nobody_else_out() {
    let rig = Rig::start().await;
    let gone = provider(&rig);
    drop(rig);
    let house = house_of(false, Some(gone)).await;
    let (_, headers, _) = house.get("/sign-in/oidc", "").await;
    let to = location(&headers);
    // The port may be somebody else's by now; whoever that is, they are no provider.
    assert_eq!(to, "/sign-in?refused=oidc/provider-down");
    house.signed_in(PASSWORD).await;
    house.end().await;
}

#[tokio::test]
async fn keys_that_were_changed_are_fetched_once_and_documents_not_for_everybody() {
    let rig = Rig::start().await;
    let house = house(&rig, false).await;
    for _ in 0..3 {
        assert_eq!(come(&house, &rig, |_| {}).await.0, "/jobs");
    }
    assert_eq!(rig.fetched(), 1);
    rig.rotate();
    for _ in 0..2 {
        assert_eq!(come(&house, &rig, |_| {}).await.0, "/jobs");
    }
    assert_eq!(rig.fetched(), 2);
    house.end().await;
}

#[tokio::test]
async fn groups_say_at_each_sign_in_what_somebody_may_do() {
    let rig = Rig::start().await;
    let house = house(&rig, false).await;
    let first = come(&house, &rig, |_| {}).await.1.unwrap();
    let (to, second) = come(&house, &rig, |claims| claims["groups"] = json!(["dba", "others"])).await;
    let second = second.unwrap();
    assert_eq!(to, "/jobs");
    assert!(
        !house.lets_in(&first).await && house.lets_in(&second).await,
        "what stood on other grants has ended"
    );
    let (_, _, account) = house.get("/account", &second).await;
    assert!(account.contains("admin on *") && !account.contains("operator on"), "{account}");
    // No group with a role any more: everything is over.
    for claims in [json!(["others"]), json!("OPS"), Value::Null] {
        assert_eq!(come(&house, &rig, |all| all["groups"] = claims).await, refused("oidc/no-group"));
        assert!(!house.lets_in(&second).await);
    }
    let ann = house.console.sign_in("ann", PASSWORD, None).await.unwrap();
    let people = house.console.people_page(&ann).await.unwrap();
    assert_eq!(people.iter().find(|one| one.name == "bob").unwrap().grants, Vec::<String>::new());
    // Somebody who is new and in no group is not even made.
    let stranger = come(&house, &rig, |claims| {
        claims["sub"] = "8".into();
        claims["preferred_username"] = "eve".into();
        claims["groups"] = json!([]);
    });
    assert_eq!(stranger.await, refused("oidc/no-group"));
    assert_eq!(house.console.people_page(&ann).await.unwrap().len(), 2);
    let told = rows(&house).await;
    let changes: Vec<_> =
        told.iter().filter(|row| row.act == "person/role").map(|row| row.outcome.as_str()).collect();
    assert_eq!(
        changes,
        [
            "admin on * instead of all before, by groups at the provider",
            "nothing instead of all before, by groups at the provider"
        ]
    );
    assert!(told.iter().any(|row| row.refused && row.name == "eve"), "{told:?}");
    house.end().await;
}

#[tokio::test]
async fn nobody_takes_over_a_name_that_is_there() {
    let rig = Rig::start().await;
    let house = house(&rig, false).await;
    for name in ["ann", "ANN"] {
        assert_eq!(
            come(&house, &rig, |claims| claims["preferred_username"] = name.into()).await,
            refused("oidc/name-taken")
        );
    }
    let (_, _, page) = house.get("/sign-in?refused=oidc/name-taken", "").await;
    assert!(page.contains("Your name is taken here"));
    house.signed_in(PASSWORD).await;
    assert_eq!(come(&house, &rig, |_| {}).await.0, "/jobs");
    // The same name under another subject is somebody else.
    assert_eq!(come(&house, &rig, |claims| claims["sub"] = "8".into()).await, refused("oidc/name-taken"));
    for (change, what) in
        [(json!("Bob Smith"), "no name here"), (Value::Null, "none"), (json!("paddock"), "the console's own")]
    {
        let ended = come(&house, &rig, |claims| {
            claims["sub"] = "9".into();
            claims["preferred_username"] = change;
        });
        assert_eq!(ended.await, refused("oidc/no-name"), "{what}");
    }
    let by_address = come(&house, &rig, |claims| {
        claims["sub"] = "9".into();
        claims["preferred_username"] = Value::Null;
        claims["email"] = "carl@example.com".into();
        claims["email_verified"] = true.into();
    });
    assert_eq!(by_address.await.0, "/jobs");
    house.end().await;
}

#[tokio::test]
async fn an_admin_locks_out_and_removes_people_of_a_provider_as_others() {
    let rig = Rig::start().await;
    let house = house(&rig, false).await;
    let session = come(&house, &rig, |_| {}).await.1.unwrap();
    let desk = People::open(house.state()).await.unwrap();
    desk.disable("bob").await.unwrap();
    assert!(!house.lets_in(&session).await);
    assert_eq!(come(&house, &rig, |_| {}).await, refused("oidc/disabled"));
    let row = rows(&house).await.pop().unwrap();
    assert_eq!((row.name.as_str(), row.refused), ("bob", true));
    desk.enable("bob").await.unwrap();
    // What the provider keeps is not changed here.
    let operator = PersonRole::Operator;
    for done in [
        desk.set_password("bob", "a password of bob's").await,
        desk.set_role("bob", operator).await,
        desk.grant("bob", &operator.into()).await,
        desk.revoke("bob", &PersonRole::Viewer.into()).await,
    ] {
        assert_eq!(done.unwrap_err().code, "people/kept-elsewhere");
    }
    let (_, session) = come(&house, &rig, |_| {}).await;
    desk.sign_out("bob").await.unwrap();
    assert!(!house.lets_in(&session.unwrap()).await);
    desk.remove("bob").await.unwrap();
    assert_eq!(come(&house, &rig, |_| {}).await.0, "/jobs", "anew, with what the groups grant");
    desk.close().await;
    house.end().await;
}

#[tokio::test]
async fn somebody_of_a_provider_has_no_password_here_and_nobody_is_told_so() {
    let rig = Rig::start().await;
    let house = house(&rig, false).await;
    come(&house, &rig, |_| {}).await.1.unwrap();
    let tried = async |name: &str, password: &str| -> Answer {
        house.send("POST", "/sign-in", &[], &format!("name={name}&password={password}&next=/")).await
    };
    let unknown = tried("nobody", "x").await;
    for password in ["x", "!", ""] {
        let (status, headers, text) = tried("bob", password).await;
        assert_eq!((status, location(&headers), text), (unknown.0, location(&unknown.1), unknown.2.clone()));
    }
    let row = rows(&house).await.pop().unwrap();
    assert!(row.refused && row.outcome.contains("signs in by the provider"), "{row:?}");
    house.end().await;
}

#[tokio::test]
async fn without_a_provider_there_is_no_button_and_no_way() {
    let house = house_of(false, None).await;
    let (_, _, page) = house.get("/sign-in", "").await;
    assert!(!page.contains("/sign-in/oidc") && !page.contains("Sign in with"), "{page}");
    for path in ["/sign-in/oidc".to_owned(), format!("{BACK}?code=x&state=y")] {
        let (_, headers, _) = house.get(&path, "").await;
        assert_eq!(location(&headers), "/sign-in?refused=oidc/off");
    }
    house.end().await;
}

#[tokio::test]
async fn no_code_token_or_secret_is_in_a_log_the_database_or_a_page() {
    let logged = Logged::default();
    let writer = logged.clone();
    let log =
        tracing_subscriber::fmt().with_max_level(tracing::Level::DEBUG).with_writer(move || writer.clone());
    let _logging = tracing::subscriber::set_default(log.finish());
    // As in the canary test: with two subscribers in the process, both are asked for every line.
    let _second = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::default());
    let rig = Rig::start().await;
    let house = house(&rig, false).await;
    let mut secrets = vec![SECRET.to_owned(), ACCESS_TOKEN.to_owned()];
    let mut seen = Vec::new();
    let changes: [fn(&mut Value); 3] =
        [|_| {}, |claims| claims["nonce"] = "x".into(), |claims| claims["groups"] = json!([])];
    for change in changes {
        let (url, cookie) = away(&house).await;
        let sent = asked(&url);
        let code = rig.lets_in(&url, Signed::Well, change);
        let (to, session) = back(&house, &cookie, &code, &sent["state"]).await;
        secrets.extend([
            code,
            sent["state"].clone(),
            sent["nonce"].clone(),
            cookie.split('=').nth(1).unwrap().to_owned(),
        ]);
        secrets.extend(session.iter().map(|session| session.split('=').nth(1).unwrap().to_owned()));
        let (_, _, page) = house.get(&to, &session.unwrap_or_default()).await;
        seen.extend(to.into_bytes());
        seen.extend(page.into_bytes());
    }
    // Codes that nobody waits for are as secret.
    let (_, headers, page) = house.get(&format!("{BACK}?code=C4nary-lost&state=C4nary-state"), "").await;
    secrets.extend(["C4nary-lost".to_owned(), "C4nary-state".to_owned()]);
    seen.extend(format!("{}{page}", location(&headers)).into_bytes());
    seen.extend(rows(&house).await.iter().flat_map(|row| format!("{row:?}").into_bytes()));
    let database = bytes::all_of(&house.state().join("paddock.db"));
    let log = logged.0.lock().unwrap().clone();
    assert!(bytes::say(&log, "signed in by the provider"), "the log is the console's");
    assert!(bytes::say(&database, "signed in by Example"), "the database has the audit log");
    for secret in &secrets {
        for (what, all) in [("log", &log), ("database", &database), ("page", &seen)] {
            assert!(!bytes::say(all, secret), "{secret} is in the {what}");
        }
    }
    house.end().await;
}
