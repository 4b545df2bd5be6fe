//! Headers, cookies and sessions, through the whole router as a browser meets it.

use super::config::{Config, ServeArgs};
use super::router;
use axum::Router;
use axum::body::{self, Body};
use axum::http::{HeaderMap, Request, Response, StatusCode, header};
use paddock_console::{Console, OidcSettings, PersonRole, Settings};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tower::{Layer as _, ServiceExt as _};
use tower_http::catch_panic::CatchPanicLayer;

pub(super) const PASSWORD: &str = "correct horse battery";

pub(super) struct House {
    dir: TempDir,
    pub(super) console: Console,
    app: Router,
}

/// Of a console that does not wait long for nodes: these have none.
pub(crate) fn settings(dir: &Path) -> Settings {
    Settings { reconnect: Duration::from_secs(1), ..Settings::at(dir) }
}

pub(super) async fn house(secure: bool) -> House {
    house_of(secure, None).await
}

/// One whose people may sign in by a provider.
pub(super) async fn house_of(secure: bool, provider: Option<OidcSettings>) -> House {
    let dir = tempfile::tempdir().unwrap();
    let console = Console::open(Settings { provider, ..settings(dir.path()) }).await.unwrap();
    console.add_person("ann", PersonRole::Admin, PASSWORD).await.unwrap();
    let mut config = Config::read(ServeArgs::default()).unwrap();
    config.secure_cookies = secure;
    config.site_root = dir.path().join("site");
    site(&config.site_root);
    let app = router::router(console.clone(), &config, CancellationToken::new()).unwrap();
    House { dir, console, app }
}

/// A style sheet, and names of files that no test asks for.
fn site(root: &Path) {
    let pkg = root.join("pkg");
    std::fs::create_dir_all(&pkg).unwrap();
    std::fs::write(pkg.join("a.css"), "main > p { color: red }").unwrap();
    let names = r#"{"js": "a.js", "loader": "l.js", "wasm": "a.wasm", "css": "a.css", "parts": {}}"#;
    std::fs::write(pkg.join("manifest.json"), names).unwrap();
}

pub(super) type Answer = (StatusCode, HeaderMap, String);
/// Method, path, more headers.
type Ask<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)]);

impl House {
    pub(super) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        form: &str,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path).header("host", "console.example");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if !form.is_empty() {
            request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        let request = request.body(Body::from(form.to_owned())).unwrap();
        let response = self.app.clone().oneshot(request).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = body::to_bytes(response.into_body(), 16 << 20).await.unwrap();
        (status, headers, String::from_utf8_lossy(&bytes).into_owned())
    }

    pub(super) async fn get(&self, path: &str, cookie: &str) -> Answer {
        self.send("GET", path, &[("cookie", cookie)], "").await
    }

    /// Signs in and gives the cookie as the browser sends it back, and as it was set.
    pub(super) async fn signed_in(&self, password: &str) -> (String, String) {
        let form = format!("name=ann&password={}&next=/", password.replace(' ', "+"));
        let (status, headers, _) = self.send("POST", "/sign-in", &[], &form).await;
        assert_eq!((status, location(&headers)), (StatusCode::SEE_OTHER, "/"));
        let set = headers[header::SET_COOKIE].to_str().unwrap().to_owned();
        (set.split(';').next().unwrap().to_owned(), set)
    }

    /// Whether a page shows itself to the cookie; else it leads to the sign-in page.
    pub(super) async fn lets_in(&self, cookie: &str) -> bool {
        let (status, headers, _) = self.get("/account", cookie).await;
        assert!(status == StatusCode::OK || location(&headers).starts_with("/sign-in"), "{status}");
        status == StatusCode::OK
    }

    /// The console's directory.
    pub(super) fn state(&self) -> &Path {
        self.dir.path()
    }

    pub(super) async fn end(self) {
        self.console.shut_down().await;
    }
}

pub(super) fn location(headers: &HeaderMap) -> &str {
    headers.get(header::LOCATION).map_or("", |to| to.to_str().unwrap())
}

/// Pages, files, API, refusals: what is answered at all.
const ADDRESSES: [(&str, &str); 7] = [
    ("GET", "/"),
    ("GET", "/sign-in"),
    ("GET", "/nothing"),
    ("GET", "/healthz"),
    ("GET", "/pkg/none.js"),
    ("GET", "/api/v1/clusters"),
    ("POST", "/sign-out"),
];

async fn check_header(name: &str, expected: &str) {
    let house = house(true).await;
    let (cookie, _) = house.signed_in(PASSWORD).await;
    for (method, path) in ADDRESSES {
        for (cookie, origin) in [("", "https://console.example"), (&cookie, "https://evil.example")] {
            let asked = [("cookie", cookie), ("origin", origin)];
            let (status, headers, _) = house.send(method, path, &asked, "").await;
            let got: Vec<_> = headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect();
            assert_eq!(got, [expected], "{method} {path}: {status}");
        }
    }
    house.end().await;
}

#[tokio::test]
async fn content_types_are_not_guessed() {
    check_header("x-content-type-options", "nosniff").await;
}

#[tokio::test]
async fn no_page_is_framed() {
    check_header("x-frame-options", "DENY").await;
    let house = house(false).await;
    let (_, headers, _) = house.get("/sign-in", "").await;
    assert!(policy(&headers).contains("frame-ancestors 'none'"));
    house.end().await;
}

#[tokio::test]
async fn other_sites_learn_no_address() {
    check_header("referrer-policy", "same-origin").await;
}

#[tokio::test]
async fn windows_and_files_are_kept_from_other_sites() {
    check_header("cross-origin-opener-policy", "same-origin").await;
    check_header("cross-origin-resource-policy", "same-origin").await;
}

#[tokio::test]
async fn no_page_asks_for_devices() {
    check_header("permissions-policy", "camera=(), geolocation=(), microphone=()").await;
}

#[tokio::test]
async fn https_is_kept_to_where_the_console_is_reached_by_it() {
    check_header("strict-transport-security", "max-age=31536000").await;
    let house = house(false).await;
    let (_, headers, _) = house.get("/sign-in", "").await;
    assert!(!headers.contains_key("strict-transport-security"), "plain HTTP on loopback");
    house.end().await;
}

#[tokio::test]
async fn what_only_its_reader_may_see_is_not_kept() {
    let house = house(false).await;
    let (cookie, _) = house.signed_in(PASSWORD).await;
    for path in ["/", "/audit", "/account", "/api/v1/clusters"] {
        let (_, headers, _) = house.get(path, &cookie).await;
        assert_eq!(headers[header::CACHE_CONTROL], "no-store", "{path}");
    }
    house.end().await;
}

fn policy(headers: &HeaderMap) -> String {
    let all: Vec<_> = headers.get_all(header::CONTENT_SECURITY_POLICY).iter().collect();
    assert_eq!(all.len(), 1, "{all:?}");
    all[0].to_str().unwrap().to_owned()
}

fn directive<'a>(policy: &'a str, name: &str) -> BTreeSet<&'a str> {
    let found = policy.split(';').find_map(|one| one.trim().strip_prefix(name)?.strip_prefix(' '));
    found.unwrap_or_else(|| panic!("{name} is not in {policy}")).split(' ').collect()
}

#[tokio::test]
async fn every_inline_script_and_style_carries_the_nonce_of_its_answer_and_nothing_else_runs() {
    let house = house(false).await;
    let (cookie, _) = house.signed_in(PASSWORD).await;
    let mut nonces = BTreeSet::new();
    let pages =
        ["/sign-in", "/", "/inventory", "/nodes", "/jobs", "/approvals", "/audit", "/account", "/plans/9"];
    for path in pages {
        let (_, headers, text) = house.get(path, &cookie).await;
        let policy = policy(&headers);
        let scripts = directive(&policy, "script-src");
        let nonce = scripts.iter().find_map(|one| one.strip_prefix("'nonce-")?.strip_suffix('\''));
        let nonce = nonce.unwrap_or_else(|| panic!("{path}: {policy}")).to_owned();
        let expected = format!("'nonce-{nonce}'");
        assert_eq!(scripts, BTreeSet::from(["'self'", "'wasm-unsafe-eval'", expected.as_str()]), "{path}");
        assert_eq!(directive(&policy, "style-src"), BTreeSet::from(["'self'", expected.as_str()]), "{path}");
        for (element, least) in [("<script", 2), ("<style", 1)] {
            let tags = text.split(element).skip(1).map(|rest| rest.split('>').next().unwrap());
            assert!(tags.clone().count() >= least, "{path} has no {element}: {text}");
            for tag in tags {
                assert!(tag.contains(&format!("nonce=\"{nonce}\"")), "{path}: {element}{tag}>");
            }
        }
        assert!(text.contains(">main > p { color: red }</style>"), "{path}: the sheet as it is: {text}");
        assert!(!text.contains(" onclick=") && !text.contains("javascript:"), "{path}");
        assert!(nonces.insert(nonce), "a nonce is used once");
    }
    for path in ["/healthz", "/nothing", "/api/v1/clusters"] {
        let (_, headers, _) = house.get(path, "").await;
        for name in ["script-src", "style-src"] {
            assert_eq!(directive(&policy(&headers), name), BTreeSet::from(["'self'"]), "{name} of {path}");
        }
    }
    let (_, headers, _) = house.get("/", &cookie).await;
    let policy = policy(&headers);
    for (name, expected) in [
        ("default-src", "'self'"),
        ("object-src", "'none'"),
        ("base-uri", "'none'"),
        ("form-action", "'self'"),
    ] {
        assert_eq!(directive(&policy, name), BTreeSet::from([expected]), "{name}");
    }
    house.end().await;
}

#[tokio::test]
async fn the_cookie_is_for_this_host_alone_and_no_script_reads_it() {
    for (secure, name) in [(true, "__Host-paddock="), (false, "paddock=")] {
        let house = house(secure).await;
        let (cookie, set) = house.signed_in(PASSWORD).await;
        let mut attributes: BTreeSet<&str> = set.split("; ").skip(1).collect();
        assert!(cookie.starts_with(name), "{set}");
        attributes.retain(|one| !one.starts_with("Max-Age="));
        let mut expected = BTreeSet::from(["HttpOnly", "SameSite=Lax", "Path=/"]);
        expected.extend(secure.then_some("Secure"));
        assert_eq!(attributes, expected, "{set}");
        assert!(house.lets_in(&cookie).await);
        house.end().await;
    }
}

#[tokio::test]
async fn what_changes_or_listens_comes_from_the_same_site() {
    let house = house(false).await;
    let (cookie, _) = house.signed_in(PASSWORD).await;
    let socket = [("upgrade", "websocket"), ("connection", "upgrade")];
    let asks: [Ask<'_>; 5] = [
        ("POST", "/sign-in", &[]),
        ("POST", "/sign-out", &[]),
        ("POST", "/account/password", &[]),
        ("POST", "/api/app/approval-approve", &[]),
        ("GET", "/ws", &socket),
    ];
    for (method, path, more) in asks {
        for (name, value, refused) in [
            ("origin", "https://evil.example", true),
            ("origin", "null", true),
            ("sec-fetch-site", "cross-site", true),
            ("sec-fetch-site", "same-site", true),
            ("origin", "http://console.example", false),
        ] {
            let mut headers = vec![(name, value), ("cookie", cookie.as_str())];
            headers.extend(more);
            // A sign-out that is not refused would end the session that the rest is asked with.
            if !refused && path == "/sign-out" {
                continue;
            }
            let (status, _, text) = house.send(method, path, &headers, "").await;
            assert_eq!(text.contains("comes from another site"), refused, "{method} {path} {name}: {value}");
            assert_eq!(status == StatusCode::FORBIDDEN, refused, "{method} {path} {name}: {value}: {status}");
        }
    }
    assert!(house.lets_in(&cookie).await, "nothing of it was done");
    house.end().await;
}

#[tokio::test]
async fn an_id_from_before_the_sign_in_is_worth_nothing_and_signing_out_ends_the_session() {
    let house = house(false).await;
    let (first, _) = house.signed_in(PASSWORD).await;
    let form = format!("name=ann&password={}&next=//evil.example", PASSWORD.replace(' ', "+"));
    let (_, headers, _) = house.send("POST", "/sign-in", &[("cookie", &first)], &form).await;
    assert_eq!(location(&headers), "/", "no other site");
    let second = headers[header::SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();
    assert_ne!(first, second);
    assert!(!house.lets_in(&first).await && house.lets_in(&second).await);
    house.send("POST", "/sign-out", &[("cookie", &second)], "").await;
    assert!(!house.lets_in(&second).await);
    house.end().await;
}

#[tokio::test]
async fn a_new_password_ends_the_other_sessions_and_everywhere_ends_all() {
    let house = house(false).await;
    let (here, _) = house.signed_in(PASSWORD).await;
    let (there, _) = house.signed_in(PASSWORD).await;
    let change = async |form: &str| {
        let (_, headers, _) = house.send("POST", "/account/password", &[("cookie", &here)], form).await;
        location(&headers).to_owned()
    };
    let now = PASSWORD.replace(' ', "+");
    let new = "another+battery";
    for (form, said) in [
        (format!("current={now}&new={new}&again=other"), "people/passwords-differ"),
        (format!("current=guess&new={new}&again={new}"), "people/wrong-password"),
        (format!("current={now}&new=short&again=short"), "people/weak-password"),
    ] {
        assert_eq!(change(&form).await, format!("/account?said={said}"));
        let (_, _, page) = house.get(&format!("/account?said={said}"), &here).await;
        assert!(page.contains("role=\"alert\""), "{said} has words");
    }
    assert!(house.lets_in(&there).await);
    assert_eq!(change(&format!("current={now}&new={new}&again={new}")).await, "/account?said=done");
    assert!(house.lets_in(&here).await && !house.lets_in(&there).await);
    let (there, _) = house.signed_in("another battery").await;
    let (_, headers, _) = house.send("POST", "/sign-out/everywhere", &[("cookie", &here)], "").await;
    assert_eq!(location(&headers), "/sign-in");
    assert!(!house.lets_in(&here).await && !house.lets_in(&there).await);
    house.end().await;
}

/// Listing the pages keeps resources from loading in the whole process: it must not be done while a page is rendered.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_gets_its_data_while_other_routers_are_made() {
    let house = house(false).await;
    let (cookie, _) = house.signed_in(PASSWORD).await;
    let (console, told) = (house.console.clone(), CancellationToken::new());
    let enough = told.clone().drop_guard();
    let making = tokio::task::spawn_blocking(move || {
        let config = Config::read(ServeArgs::default()).unwrap();
        while !told.is_cancelled() {
            drop(router::router(console.clone(), &config, CancellationToken::new()).unwrap());
        }
    });
    for _ in 0..50 {
        let page = timeout(Duration::from_secs(20), house.get("/account", &cookie)).await;
        assert_eq!(page.expect("the page does not wait for ever").0, StatusCode::OK);
    }
    drop(enough);
    making.await.unwrap();
    house.end().await;
}

#[tokio::test]
async fn a_panic_is_an_answer_with_the_number_of_its_log_line_and_without_its_words() {
    let fails = tower::service_fn(|_: Request<Body>| async {
        if true {
            panic!("the password is secret")
        }
        Ok::<_, std::convert::Infallible>(Response::new(Body::empty()))
    });
    let service = CatchPanicLayer::custom(router::panicked).layer(fails);
    let answer = service.oneshot(Request::new(Body::empty())).await.unwrap();
    assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let text = body::to_bytes(Body::new(answer.into_body()), 10_000).await.unwrap();
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(text.contains("bug=") && !text.contains("secret"), "{text}");
}

#[tokio::test]
async fn an_address_without_a_page_is_said_on_a_page_to_browsers_and_in_a_line_to_programs() {
    let house = house(false).await;
    let (cookie, _) = house.signed_in(PASSWORD).await;
    let html = ("accept", "text/html,application/xhtml+xml,*/*;q=0.8");
    let (status, _, text) = house.send("GET", "/nothing", &[("cookie", &cookie), html], "").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(text.contains("There is no such page") && text.contains("<html lang=\"en\""), "{text}");
    let (status, headers, _) = house.send("GET", "/nothing", &[html], "").await;
    assert_eq!((status, location(&headers)), (StatusCode::SEE_OTHER, "/sign-in?next=/nothing"));
    let (status, _, text) = house.send("GET", "/nothing", &[("cookie", &cookie)], "").await;
    assert_eq!((status, text.as_str()), (StatusCode::NOT_FOUND, "there is nothing at this address\n"));
    house.end().await;
}
