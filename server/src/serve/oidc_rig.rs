//! A provider of our own, small enough to lie in every way: for the refusals that a real one cannot be made to earn.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use rcgen::{KeyPair, PKCS_ED25519, PublicKeyData as _, SigningKey as _};
use reqwest::Url;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub(super) const CLIENT: &str = "paddock";
pub(super) const SECRET: &str = "C4nary-client-secret";
/// Beside the ID token; nobody has a use for it.
pub(super) const ACCESS_TOKEN: &str = "C4nary-access-token";

/// How a token is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signed {
    /// With the key that is published.
    Well,
    /// With another one, under its name.
    ByAnother,
    /// Not at all.
    None,
    /// With the client's secret.
    BySecret,
}

/// What the endpoints do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    Well,
    /// Every answer is an error.
    Down,
    /// Codes are, the documents are well.
    TokensDown,
}

/// What a code is good for.
struct Given {
    challenge: String,
    token: Option<String>,
}

struct Shared {
    issuer: String,
    key: KeyPair,
    kid: String,
    codes: HashMap<String, Given>,
    made: usize,
    mood: Mood,
    fetched: usize,
}

type All = Arc<Mutex<Shared>>;

/// A provider that runs.
pub(super) struct Rig {
    pub(super) issuer: String,
    all: All,
    task: JoinHandle<()>,
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn encoded(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

pub(super) fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    Hmac::<Sha256>::new_from_slice(key).unwrap().chain_update(message).finalize().into_bytes().to_vec()
}

/// What the console asks of a browser that it sends away.
pub(super) fn asked(url: &str) -> BTreeMap<String, String> {
    Url::parse(url).unwrap().query_pairs().into_owned().collect()
}

impl Rig {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let shared = Shared {
            issuer: issuer.clone(),
            key: KeyPair::generate_for(&PKCS_ED25519).unwrap(),
            kid: "first".into(),
            codes: HashMap::new(),
            made: 0,
            mood: Mood::Well,
            fetched: 0,
        };
        let all = Arc::new(Mutex::new(shared));
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(documents))
            .route("/keys", get(keys))
            .route("/token", post(token))
            .with_state(Arc::clone(&all));
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { issuer, all, task }
    }

    pub(super) fn set(&self, mood: Mood) {
        self.all.lock().unwrap().mood = mood;
    }

    /// Signs with another key from now on, and publishes it.
    pub(super) fn rotate(&self) {
        let mut all = self.all.lock().unwrap();
        all.key = KeyPair::generate_for(&PKCS_ED25519).unwrap();
        all.kid = "second".into();
    }

    /// How often the documents were asked for.
    pub(super) fn fetched(&self) -> usize {
        self.all.lock().unwrap().fetched
    }

    /// Lets somebody in who was sent to `url`: the code, for a token that says what `change` has made of it.
    pub(super) fn lets_in(&self, url: &str, signed: Signed, change: impl FnOnce(&mut Value)) -> String {
        let asked = asked(url);
        let mut claims = json!({
            "iss": self.issuer, "aud": CLIENT, "sub": "7", "iat": now(), "exp": now() + 300, "nonce": asked["nonce"],
            "preferred_username": "bob", "groups": ["ops"],
        });
        change(&mut claims);
        let mut all = self.all.lock().unwrap();
        let token = all.signed(&claims, signed);
        all.give(&asked, Some(token))
    }

    /// Lets somebody in, and says nothing about them.
    pub(super) fn lets_nobody_in(&self, url: &str) -> String {
        self.all.lock().unwrap().give(&asked(url), None)
    }
}

impl Shared {
    fn give(&mut self, asked: &BTreeMap<String, String>, token: Option<String>) -> String {
        self.made += 1;
        let code = format!("C4nary-code-{}", self.made);
        self.codes.insert(code.clone(), Given { challenge: asked["code_challenge"].clone(), token });
        code
    }

    fn signed(&self, claims: &Value, how: Signed) -> String {
        let alg = match how {
            Signed::Well | Signed::ByAnother => "EdDSA",
            Signed::None => "none",
            Signed::BySecret => "HS256",
        };
        let head = json!({"alg": alg, "kid": self.kid, "typ": "JWT"});
        let text = format!("{}.{}", encoded(head.to_string()), encoded(claims.to_string()));
        let signature = match how {
            Signed::Well => self.key.sign(text.as_bytes()).unwrap(),
            Signed::ByAnother => KeyPair::generate_for(&PKCS_ED25519).unwrap().sign(text.as_bytes()).unwrap(),
            Signed::None => Vec::new(),
            Signed::BySecret => hmac(SECRET.as_bytes(), text.as_bytes()),
        };
        format!("{text}.{}", encoded(signature))
    }
}

async fn documents(State(all): State<All>) -> Response {
    let mut all = all.lock().unwrap();
    all.fetched += 1;
    if all.mood == Mood::Down {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let at = |path: &str| format!("{}{path}", all.issuer);
    Json(json!({
        "issuer": all.issuer,
        "authorization_endpoint": at("/authorize"),
        "token_endpoint": at("/token"),
        "jwks_uri": at("/keys"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        // What a provider says that it signs with decides nothing.
        "id_token_signing_alg_values_supported": ["EdDSA", "HS256", "none"],
    }))
    .into_response()
}

async fn keys(State(all): State<All>) -> Json<Value> {
    let all = all.lock().unwrap();
    let x = encoded(all.key.der_bytes());
    Json(
        json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": all.kid, "x": x}]}),
    )
}

/// A code for its client, once, from who has the verifier.
async fn token(State(all): State<All>, headers: HeaderMap, body: Bytes) -> Response {
    let mut all = all.lock().unwrap();
    if all.mood != Mood::Well {
        return (StatusCode::BAD_GATEWAY, "down").into_response();
    }
    let refused = |error: &str| (StatusCode::BAD_REQUEST, Json(json!({"error": error}))).into_response();
    let known = format!("Basic {}", BASE64_STANDARD.encode(format!("{CLIENT}:{SECRET}")));
    if headers.get(header::AUTHORIZATION).is_none_or(|given| given.as_bytes() != known.as_bytes()) {
        return refused("invalid_client");
    }
    let form = format!("http://x/?{}", String::from_utf8_lossy(&body));
    let form = asked(&form);
    let Some(given) = all.codes.remove(&form["code"]) else { return refused("invalid_grant") };
    let right = encoded(Sha256::digest(form["code_verifier"].as_bytes())) == given.challenge
        && form["grant_type"] == "authorization_code"
        && form["redirect_uri"] == "http://127.0.0.1:8080/sign-in/oidc/callback";
    if !right {
        return refused("invalid_grant");
    }
    let mut answer = json!({"access_token": ACCESS_TOKEN, "token_type": "Bearer", "expires_in": 60});
    if let Some(token) = given.token {
        answer["id_token"] = token.into();
    }
    Json(answer).into_response()
}
