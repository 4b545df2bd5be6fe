//! Requests to the console, and what can be in their way.

use super::ConsoleArgs;
use paddock_events::{JobId, Problem, ProblemKind};
use reqwest::{Client, RequestBuilder, Response, Url, redirect};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::time::Duration;

const CONNECT: Duration = Duration::from_secs(10);
/// Plans and dry runs ask every node; nodes that hang have their own, shorter bounds in the console.
const ANSWER: Duration = Duration::from_secs(900);

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum NoAnswer {
    /// The console refused; the reason is its own.
    Refused(Problem),
    /// The console was not reached, or what answered is no console. It may be tried again.
    Lost(Problem),
}

impl NoAnswer {
    pub(super) fn problem(self) -> Problem {
        match self {
            Self::Refused(problem) | Self::Lost(problem) => problem,
        }
    }
}

/// A console as this command reaches it.
#[derive(Clone, Debug)]
pub(super) struct Api {
    client: Client,
    base: Url,
    token: String,
}

fn ours(code: &str, what: impl Into<String>, why: impl Into<String>, fix: impl Into<String>) -> Problem {
    Problem {
        code: code.into(),
        kind: ProblemKind::Request,
        what: what.into(),
        why: why.into(),
        fix: fix.into(),
    }
}

impl Api {
    /// Reads the token from its file or PADDOCK_TOKEN; never from the command line, where others can read it.
    pub(super) fn new(args: &ConsoleArgs) -> Result<Self, Problem> {
        let bad = |why: String| {
            ours(
                "cli/bad-address",
                format!("`{}` is no address of a console", args.console),
                why,
                "give it as PADDOCK_URL or --console: http://127.0.0.1:8080",
            )
        };
        let mut base: Url = args.console.parse().map_err(|error| bad(format!("{error}")))?;
        if !matches!(base.scheme(), "http" | "https") || base.host_str().is_none() {
            return Err(bad("it must begin with http:// or https://".to_owned()));
        }
        // What is joined to it later goes below its path, not beside it.
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        let mut client = Client::builder().connect_timeout(CONNECT).redirect(redirect::Policy::none());
        let loopback = |host: &str| {
            host == "localhost"
                || host.trim_matches(['[', ']']).parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
        };
        if base.host_str().is_some_and(loopback) {
            client = client.no_proxy();
        } else if base.scheme() == "http" {
            return Err(bad("over http:// the token crosses the network in the clear; give https://, or a tunnel's end on 127.0.0.1".to_owned()));
        }
        let client = client.build().map_err(|error| bad(chain(&error)))?;
        Ok(Self { client, base, token: token(args)? })
    }

    /// An address of the console, for people.
    pub(super) fn page(&self, path: &str) -> String {
        self.base.join(path.trim_start_matches('/')).map_or_else(|_| path.to_owned(), |url| url.to_string())
    }

    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, NoAnswer> {
        self.json(self.request(reqwest::Method::GET, path).timeout(ANSWER)).await
    }

    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: Option<&(impl Serialize + Sync)>,
    ) -> Result<T, NoAnswer> {
        self.json(self.with_body(path, body)).await
    }

    /// Sends something whose answer is that it was taken.
    pub(super) async fn tell(&self, path: &str, body: &(impl Serialize + Sync)) -> Result<(), NoAnswer> {
        self.send(self.with_body(path, Some(body))).await.map(drop)
    }

    /// The job's events from `from` on, as they come.
    pub(super) async fn events(&self, job: JobId, from: u64) -> Result<Response, NoAnswer> {
        self.send(self.request(reqwest::Method::GET, &format!("jobs/{job}/events?from={from}"))).await
    }

    fn with_body(&self, path: &str, body: Option<&(impl Serialize + Sync)>) -> RequestBuilder {
        let request = self.request(reqwest::Method::POST, path).timeout(ANSWER);
        match body {
            Some(body) => request.json(body),
            None => request,
        }
    }

    fn request(&self, method: reqwest::Method, path: &str) -> RequestBuilder {
        let address = format!("{}api/v1/{path}", self.base);
        self.client.request(method, address).bearer_auth(&self.token)
    }

    async fn json<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, NoAnswer> {
        let response = self.send(request).await?;
        response.json().await.map_err(|error| NoAnswer::Lost(self.lost(&error)))
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, NoAnswer> {
        let response = request.send().await.map_err(|error| NoAnswer::Lost(self.lost(&error)))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let text = response.text().await.unwrap_or_default();
        Err(match serde_json::from_str::<Problem>(&text) {
            Ok(problem) => NoAnswer::Refused(problem),
            Err(_) => NoAnswer::Lost(ours(
                "cli/no-console",
                format!("{} is no console that this command knows", self.base),
                format!("it answered {status} without a reason"),
                "look whether PADDOCK_URL is right, and whether the console is of this version",
            )),
        })
    }

    /// A connection that was not made or did not hold.
    pub(super) fn lost(&self, error: &reqwest::Error) -> Problem {
        ours(
            "cli/unreachable",
            format!("the console at {} does not answer", self.base),
            chain(error),
            "start it (`paddock serve`), or name its address with PADDOCK_URL or --console",
        )
    }
}

fn token(args: &ConsoleArgs) -> Result<String, Problem> {
    let fix = "make one with `paddock token add`, then set PADDOCK_TOKEN, or name its file with --token-file";
    let (text, from) = match &args.token_file {
        Some(file) => {
            let read = std::fs::read_to_string(file).map_err(|error| {
                ours(
                    "cli/no-token",
                    "there is no token",
                    format!("cannot read {}: {error}", file.display()),
                    fix,
                )
            })?;
            (read, file.display().to_string())
        }
        // The only secret that this command takes; clap would print it in `--help` as a default.
        None => (std::env::var("PADDOCK_TOKEN").unwrap_or_default(), "PADDOCK_TOKEN".to_owned()),
    };
    let token = text.lines().next().unwrap_or_default().trim();
    if token.is_empty() {
        return Err(ours("cli/no-token", "there is no token", format!("{from} is not set or empty"), fix));
    }
    if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(ours("cli/no-token", "there is no token", format!("{from} holds something else"), fix));
    }
    Ok(token.to_owned())
}

/// An error with what is behind it. The address is in the problem already.
fn chain(error: &reqwest::Error) -> String {
    let mut text = String::new();
    let mut source: Option<&dyn std::error::Error> = std::error::Error::source(error);
    while let Some(cause) = source {
        if !text.is_empty() {
            text += ": ";
        }
        text += &cause.to_string();
        source = cause.source();
    }
    if text.is_empty() { error.to_string() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn args(console: &str, token_file: Option<PathBuf>) -> ConsoleArgs {
        ConsoleArgs { console: console.into(), token_file }
    }

    #[test]
    fn addresses_lead_below_the_consoles_own_path() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("token");
        std::fs::write(&file, "pdk_abc\n").unwrap();
        for (given, page) in [
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080/jobs/3"),
            ("https://ops.example/paddock", "https://ops.example/paddock/jobs/3"),
            ("http://[::1]:1/", "http://[::1]:1/jobs/3"),
        ] {
            let api = Api::new(&args(given, Some(file.clone()))).unwrap();
            assert_eq!(api.page("/jobs/3"), page);
            assert_eq!(api.token, "pdk_abc");
        }
        // The last would send the token in the clear.
        for bad in ["", "127.0.0.1:8080", "ftp://x", "http://ops.example:8080"] {
            assert_eq!(
                Api::new(&args(bad, Some(file.clone()))).unwrap_err().code,
                "cli/bad-address",
                "{bad}"
            );
        }
    }

    #[test]
    fn a_token_that_is_missing_is_said_with_where_it_was_looked_for() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("token");
        let refused = |file: &PathBuf| Api::new(&args("https://x", Some(file.clone()))).unwrap_err();
        assert!(refused(&file).why.contains("cannot read"));
        for (text, why) in [("\n", "not set or empty"), ("a b\n", "something else")] {
            std::fs::write(&file, text).unwrap();
            let problem = refused(&file);
            assert_eq!(problem.code, "cli/no-token");
            assert!(problem.why.contains(why) && problem.why.contains("token"), "{problem}");
        }
    }
}
