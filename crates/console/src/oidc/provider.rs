//! The provider as it answers: its documents and keys, an address to send a browser to, an ID token for a code.

use super::flows::{Away, Flow, Flows};
use super::settings::{OidcSettings, is_private};
use crate::clock::now_s;
use crate::problems::internal;
use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreAuthenticationFlow, CoreClientAuthMethod, CoreErrorResponseType,
    CoreGenderClaim, CoreJsonWebKey, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm,
    CoreProviderMetadata, CoreRevocableToken, CoreRevocationErrorResponse, CoreTokenIntrospectionResponse,
    CoreTokenType,
};
use openidconnect::http::StatusCode;
use openidconnect::url::Url;
use openidconnect::{
    AdditionalClaims, AsyncHttpClient, AuthType, AuthorizationCode, ClaimsVerificationError, Client,
    CsrfToken, DiscoveryError, EmptyExtraTokenFields, EndpointMaybeSet, EndpointNotSet, EndpointSet,
    HttpRequest, HttpResponse, IdToken, IdTokenFields, IdTokenVerifier, Nonce, PkceCodeChallenge,
    RequestTokenError, StandardErrorResponse, StandardTokenResponse, TokenResponse as _,
};
use paddock_events::Problem;
use reqwest::redirect;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

const CONNECT: Duration = Duration::from_secs(5);
/// One answer of the provider, whole.
const ANSWER: Duration = Duration::from_secs(10);
/// Bytes of an answer; keys and tokens have a few thousand.
const LONGEST: usize = 1 << 20;
/// Documents and keys are fetched anew after this, and when a token is signed with a key that is not among them.
const FRESH: Duration = Duration::from_secs(3_600);
/// After a failure everybody is told so at once for this long, instead of waiting one after the other.
const DOWN: Duration = Duration::from_secs(3);
/// An ID token is made for this very sign-in: its time differs by no more, seconds.
const ISSUED_WITHIN_S: i64 = 600;
/// With a key pair. `none` is no signature, and those with a shared secret are refused for want of one, too.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// Claims beyond the standard's: groups have whatever name the provider was set up with.
#[derive(Debug, Serialize, Deserialize)]
struct OtherClaims {
    #[serde(flatten)]
    all: BTreeMap<String, Value>,
}

impl AdditionalClaims for OtherClaims {}

type Token =
    IdToken<OtherClaims, CoreGenderClaim, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm>;
type Tokens = StandardTokenResponse<
    IdTokenFields<
        OtherClaims,
        EmptyExtraTokenFields,
        CoreGenderClaim,
        CoreJweContentEncryptionAlgorithm,
        CoreJwsSigningAlgorithm,
    >,
    CoreTokenType,
>;
type Refusal = StandardErrorResponse<CoreErrorResponseType>;
/// With an address for browsers, perhaps one for codes, and no use for the rest.
type ProviderClient = Client<
    OtherClaims,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    Refusal,
    Tokens,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// Why the provider gave no identity. No text of it holds a code, a token or the client's secret.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProviderError {
    #[error("the provider's configuration or its keys cannot be fetched")]
    Discovery(#[source] DiscoveryError<FetchError>),
    #[error("the provider did not answer a moment ago")]
    DownStill,
    #[error("the provider's configuration has no address that a {0} can be sent to safely")]
    NoAddress(&'static str),
    #[error("the provider's token endpoint did not answer")]
    NoTokens(#[source] FetchError),
    #[error("the provider took the code for none of its own: `{0}`")]
    Refused(String),
    #[error("the answer of the provider's token endpoint cannot be read: {0}")]
    Unreadable(String),
    #[error("the provider gave no ID token")]
    NoIdToken,
    #[error("the ID token is not to be believed: {0}")]
    BadToken(String),
}

/// Why one question had no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    #[error("`{0}` is neither https nor on this machine")]
    NotPrivate(String),
    #[error("cannot ask")]
    Http(#[source] reqwest::Error),
    #[error("it has a problem of its own: {0}")]
    Failed(StatusCode),
    #[error("the answer has more than {LONGEST} bytes")]
    TooLong,
}

/// Asks within bounds, follows nowhere, and sends nothing in the clear.
struct Fetch(reqwest::Client);

impl<'c> AsyncHttpClient<'c> for Fetch {
    type Error = FetchError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, FetchError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.ask(request))
    }
}

impl Fetch {
    async fn ask(&self, request: HttpRequest) -> Result<HttpResponse, FetchError> {
        let (parts, body) = request.into_parts();
        let address = parts.uri.to_string();
        // The provider's configuration names further addresses.
        let url = Url::parse(&address).ok().filter(is_private).ok_or(FetchError::NotPrivate(address))?;
        let asked = self.0.request(parts.method, url).headers(parts.headers).body(body).send();
        let http = |error: reqwest::Error| FetchError::Http(error.without_url());
        let mut answer = asked.await.map_err(http)?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        if status.is_server_error() {
            return Err(FetchError::Failed(status));
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(http)? {
            if bytes.len() + chunk.len() > LONGEST {
                return Err(FetchError::TooLong);
            }
            bytes.extend_from_slice(&chunk);
        }
        let mut response = HttpResponse::new(bytes);
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        Ok(response)
    }
}

/// What was fetched last, or that nothing could be.
#[derive(Default)]
struct Known {
    metadata: Option<(Arc<CoreProviderMetadata>, Instant)>,
    failed: Option<Instant>,
}

/// The provider of one console, and who is on the way there.
pub(crate) struct Provider {
    pub(super) settings: OidcSettings,
    fetch: Fetch,
    /// Held while it is fetched: of many who sign in at once, one asks.
    known: tokio::sync::Mutex<Known>,
    flows: Mutex<Flows>,
    /// When it was last written down that the provider does not answer.
    told: Mutex<Option<Instant>>,
}

impl Provider {
    /// Asks nothing yet: a console starts whether its provider is there or not.
    pub(crate) fn new(settings: OidcSettings) -> Result<Self, Problem> {
        let mut client = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .timeout(ANSWER)
            .redirect(redirect::Policy::none());
        if settings.issuer.url().scheme() == "http" {
            // On this machine: no proxy leads there.
            client = client.no_proxy();
        }
        let client =
            client.build().map_err(|error| internal("sign-in by a provider cannot be set up", &error))?;
        Ok(Self {
            settings,
            fetch: Fetch(client),
            known: Default::default(),
            flows: Mutex::default(),
            told: Mutex::default(),
        })
    }

    /// The address that a browser is sent to, and what it must come back with.
    pub(super) async fn send_away(
        &self,
        next: &str,
        address: Option<IpAddr>,
    ) -> Result<(String, String), ProviderError> {
        let metadata = self.metadata(None).await?;
        if !is_private(metadata.authorization_endpoint().url()) {
            return Err(ProviderError::NoAddress("browser"));
        }
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let client = self.client(&metadata);
        let asked = client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                CsrfToken::new_random,
                Nonce::new_random,
            )
            .add_scopes(self.settings.scopes.iter().cloned())
            .set_pkce_challenge(challenge);
        let (url, state, nonce) = asked.url();
        let away = Away { nonce, verifier, next, address };
        let mut flows = self.flows.lock().unwrap_or_else(PoisonError::into_inner);
        let browser = flows.begin(state.secret(), away, Instant::now());
        Ok((url.into(), browser))
    }

    /// What was begun with this state by this browser, once.
    pub(super) fn come_back(&self, state: &str, browser: &str) -> Option<Flow> {
        self.flows.lock().unwrap_or_else(PoisonError::into_inner).take(state, browser, Instant::now())
    }

    /// Whether that it does not answer is to be written down again: anybody may ask, and nobody is to fill the disk.
    pub(super) fn tells_again(&self) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let again = told.is_none_or(|at| at.elapsed() >= DOWN);
        if again {
            *told = Some(Instant::now());
        }
        again
    }

    /// The verified claims of whom the code is about.
    pub(super) async fn claims(&self, code: String, flow: Flow) -> Result<Value, ProviderError> {
        let metadata = self.metadata(None).await?;
        let client = self.client(&metadata);
        let asked = client
            .exchange_code(AuthorizationCode::new(code))
            .map_err(|_| ProviderError::NoAddress("code"))?
            .set_pkce_verifier(flow.verifier);
        let tokens = asked.request_async(&self.fetch).await.map_err(no_tokens)?;
        let token = tokens.id_token().ok_or(ProviderError::NoIdToken)?;
        match self.verified(&metadata, token, &flow.nonce) {
            // The provider may sign with another key since. It was the provider itself that gave the token, so nobody else
            // makes the console ask.
            Err(ClaimsVerificationError::SignatureVerification(_)) => {
                let newer = self.metadata(Some(&metadata)).await?;
                self.verified(&newer, token, &flow.nonce)
            }
            done => done,
        }
        .map_err(|error| ProviderError::BadToken(said(&error)))
    }

    /// Signature, issuer, audience, expiry, time of issue, nonce, and for whom it was made.
    fn verified(
        &self,
        metadata: &CoreProviderMetadata,
        token: &Token,
        nonce: &Nonce,
    ) -> Result<Value, ClaimsVerificationError> {
        let verifier = IdTokenVerifier::new_public_client(
            self.settings.client_id.clone(),
            self.settings.issuer.clone(),
            metadata.jwks().clone(),
        )
        .set_allowed_algs(ALGORITHMS)
        .set_issue_time_verifier_fn(|issued| {
            let age = now_s() - issued.timestamp();
            if age.abs() <= ISSUED_WITHIN_S { Ok(()) } else { Err(format!("issued {age} s ago")) }
        });
        let claims = token.claims(&verifier, nonce)?;
        if claims.authorized_party().is_some_and(|party| *party != self.settings.client_id) {
            return Err(ClaimsVerificationError::InvalidAudience("made for another client".to_owned()));
        }
        serde_json::to_value(claims).map_err(|error| ClaimsVerificationError::Other(error.to_string()))
    }

    fn client(&self, metadata: &CoreProviderMetadata) -> ProviderClient {
        let client = Client::from_provider_metadata(
            metadata.clone(),
            self.settings.client_id.clone(),
            Some(self.settings.client_secret.clone()),
        );
        // What is not said is Basic (OpenID Connect Discovery, section 3).
        let in_body = metadata.token_endpoint_auth_methods_supported().is_some_and(|methods| {
            !methods.contains(&CoreClientAuthMethod::ClientSecretBasic)
                && methods.contains(&CoreClientAuthMethod::ClientSecretPost)
        });
        let client = client.set_redirect_uri(self.settings.redirect.clone());
        if in_body { client.set_auth_type(AuthType::RequestBody) } else { client }
    }

    /// Configuration and keys, fetched when there are none, when they are old, or when somebody has found `stale` wanting.
    async fn metadata(
        &self,
        stale: Option<&Arc<CoreProviderMetadata>>,
    ) -> Result<Arc<CoreProviderMetadata>, ProviderError> {
        let mut known = self.known.lock().await;
        if let Some((metadata, at)) = &known.metadata
            && at.elapsed() < FRESH
            && stale.is_none_or(|stale| !Arc::ptr_eq(stale, metadata))
        {
            return Ok(Arc::clone(metadata));
        }
        if known.failed.is_some_and(|at| at.elapsed() < DOWN) {
            return Err(ProviderError::DownStill);
        }
        match CoreProviderMetadata::discover_async(self.settings.issuer.clone(), &self.fetch).await {
            Ok(metadata) => {
                let metadata = Arc::new(metadata);
                *known = Known { metadata: Some((Arc::clone(&metadata), Instant::now())), failed: None };
                Ok(metadata)
            }
            Err(error) => {
                known.failed = Some(Instant::now());
                Err(ProviderError::Discovery(error))
            }
        }
    }
}

/// What the library says, with what stands below: "signature verification failed" alone is no reason.
fn said(error: &ClaimsVerificationError) -> String {
    match error {
        ClaimsVerificationError::SignatureVerification(why) => format!("{error}: {why}"),
        error => error.to_string(),
    }
}

/// Says why there are no tokens, without the answer itself: tokens may be in it.
fn no_tokens(error: RequestTokenError<FetchError, Refusal>) -> ProviderError {
    match error {
        RequestTokenError::Request(error) => ProviderError::NoTokens(error),
        RequestTokenError::ServerResponse(refusal) => ProviderError::Refused(word(refusal.error().as_ref())),
        RequestTokenError::Parse(error, _) => ProviderError::Unreadable(format!("at `{}`", error.path())),
        RequestTokenError::Other(_) => ProviderError::Unreadable("no JSON".to_owned()),
    }
}

/// A word of the provider's that may stand in a log.
pub(super) fn word(text: &str) -> String {
    text.chars().filter(char::is_ascii_graphic).take(64).collect()
}
