//! The second factor by HTTP, with the code of an app of our own: no session before both steps.

use super::tests::{House, PASSWORD, house, location};
use axum::http::{HeaderMap, StatusCode, header};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;
use std::time::{SystemTime, UNIX_EPOCH};

/// What an app shows for a key, so many steps from now.
fn shown(key: &str, ahead: u64) -> String {
    const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let bits: String = key.chars().map(|c| format!("{:05b}", LETTERS.find(c).unwrap())).collect();
    let secret: Vec<u8> =
        (0..bits.len() / 8).map(|at| u8::from_str_radix(&bits[at * 8..at * 8 + 8], 2).unwrap()).collect();
    let step = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() / 30 + ahead;
    let hash = Hmac::<Sha1>::new_from_slice(&secret)
        .unwrap()
        .chain_update(step.to_be_bytes())
        .finalize()
        .into_bytes();
    let at = usize::from(hash[19] & 15);
    let number = u32::from_be_bytes(hash[at..at + 4].try_into().unwrap()) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}

fn cookies(headers: &HeaderMap) -> Vec<String> {
    headers.get_all(header::SET_COOKIE).iter().map(|set| set.to_str().unwrap().to_owned()).collect()
}

/// The ticket of the first step, as the browser sends it back.
async fn first_step(house: &House) -> String {
    let form = format!("name=ann&password={}&next=/jobs", PASSWORD.replace(' ', "+"));
    let (status, headers, _) = house.send("POST", "/sign-in", &[], &form).await;
    assert_eq!((status, location(&headers)), (StatusCode::SEE_OTHER, "/sign-in?step=code&next=/jobs"));
    let set = cookies(&headers);
    assert_eq!(set.len(), 1, "a ticket and no session: {set:?}");
    assert!(set[0].ends_with("; Path=/sign-in/code; Max-Age=300; HttpOnly; SameSite=Strict"), "{set:?}");
    set[0].split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn nobody_with_a_factor_has_a_session_before_the_code() {
    let house = house(false).await;
    let (before, _) = house.signed_in(PASSWORD).await;
    let ann = house.console.sign_in("ann", PASSWORD, None).await.unwrap();
    let made = house.console.begin_factor(&ann, PASSWORD).await.unwrap();
    let recovery = house.console.confirm_factor(&ann, &shown(&made.key, 0), None).await.unwrap();
    assert!(!house.lets_in(&before).await, "a session from before has ended");

    let ticket = first_step(&house).await;
    assert!(!house.lets_in(&ticket).await);
    let (_, _, page) = house.get("/sign-in?step=code&next=/jobs", "").await;
    assert!(page.contains("one-time-code") && !page.contains("current-password"), "{page}");
    let code = async |cookie: &str, typed: &str| {
        let form = format!("code={typed}&next=/jobs");
        let (_, headers, _) = house.send("POST", "/sign-in/code", &[("cookie", cookie)], &form).await;
        (location(&headers).to_owned(), cookies(&headers))
    };
    let wrong = "/sign-in?step=code&next=/jobs&refused=people/wrong-code";
    assert_eq!(code(&ticket, "000+00").await, (wrong.to_owned(), vec![]));
    assert_eq!(code(&ticket, &shown(&made.key, 0)).await.0, wrong, "it was used to confirm");
    let typed = shown(&made.key, 1);
    let late = "/sign-in?step=code&next=/jobs&refused=people/code-late";
    assert_eq!(code("", &typed).await.0, late, "without a password before");
    let (to, set) = code(&ticket, &typed).await;
    assert_eq!((to.as_str(), set.len()), ("/jobs", 2), "the ticket goes, a session comes");
    let session = set.iter().find(|one| one.starts_with("paddock=")).unwrap();
    assert!(house.lets_in(session.split(';').next().unwrap()).await);
    assert_eq!(code(&ticket, &typed).await.0, late, "a ticket is good once");
    let again = first_step(&house).await;
    assert_eq!(code(&again, &typed).await.0, wrong, "a replay within its step");
    assert_eq!(code(&again, &recovery[0]).await.0, "/jobs");
    let (_, _, page) = house.get("/sign-in?step=code&next=/&refused=people/wrong-code", "").await;
    assert!(page.contains("role=\"alert\""));
    house.end().await;
}
