//! `load HOST:PORT RATE SECONDS PATH…`: asks for pages at a rate, whether they are answered or not, and prints one line of
//! JSON: `{"sent", "failed", "per_second", "median_ms", "p99_ms", "longest_ms", "first_failure"}`.
//!
//! The session's cookie comes through `PADDOCK_COOKIE`: what is in the arguments stands in `/proc`. Times are counted from
//! when a request was due, so that a server which falls behind is not flattered by a client that waits for it.
#![expect(clippy::print_stdout, reason = "a command line tool talks through it")]

use anyhow::{Context, Result, bail, ensure};
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, header};
use hyper_util::rt::TokioIo;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// Connections that are kept open, each with one request at a time; as many as a busy proxy holds.
const CONNECTIONS: usize = 64;

/// What is asked for, and how often.
struct Load {
    address: String,
    cookie: String,
    paths: Vec<String>,
    rate: f64,
    until: Duration,
    begun: Instant,
    next: AtomicU64,
}

/// What one connection saw: milliseconds of each answer, and what went wrong.
#[derive(Default)]
struct Seen {
    took: Vec<f64>,
    failures: Vec<String>,
}

#[tokio::main]
async fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [address, rate, seconds, paths @ ..] = words.as_slice() else {
        bail!("usage: load HOST:PORT RATE SECONDS PATH…");
    };
    ensure!(!paths.is_empty(), "name the paths to ask for");
    let load = Arc::new(Load {
        address: address.clone(),
        cookie: std::env::var("PADDOCK_COOKIE").unwrap_or_default(),
        paths: paths.to_vec(),
        rate: rate.parse().context("RATE is a number of requests a second")?,
        until: Duration::from_secs_f64(seconds.parse().context("SECONDS is a number")?),
        begun: Instant::now(),
        next: AtomicU64::new(0),
    });
    let mut connections = JoinSet::new();
    for _ in 0..CONNECTIONS {
        connections.spawn(connection(Arc::clone(&load)));
    }
    let mut all = Seen::default();
    while let Some(seen) = connections.join_next().await {
        let seen = seen?;
        all.took.extend(seen.took);
        all.failures.extend(seen.failures);
    }
    all.took.sort_by(f64::total_cmp);
    let at = |share: f64| all.took.get((all.took.len() as f64 * share) as usize).or(all.took.last());
    let summary = json!({
        "sent": load.next.load(Ordering::Relaxed),
        "failed": all.failures.len(),
        "per_second": all.took.len() as f64 / load.begun.elapsed().as_secs_f64(),
        "median_ms": at(0.5),
        "p99_ms": at(0.99),
        "longest_ms": all.took.last(),
        "first_failure": all.failures.first(),
    });
    println!("{summary}");
    Ok(())
}

/// Takes what is due next, asks, and notes; opens a new connection after a failure.
async fn connection(load: Arc<Load>) -> Seen {
    let mut seen = Seen::default();
    let mut open = None;
    loop {
        let number = load.next.fetch_add(1, Ordering::Relaxed);
        let due = Duration::from_secs_f64(number as f64 / load.rate);
        if due >= load.until {
            load.next.fetch_sub(1, Ordering::Relaxed);
            return seen;
        }
        tokio::time::sleep_until((load.begun + due).into()).await;
        let path = &load.paths[number as usize % load.paths.len()];
        match ask(&load, &mut open, path).await {
            Ok(()) => seen.took.push((load.begun.elapsed() - due).as_secs_f64() * 1_000.0),
            Err(error) => {
                seen.failures.push(format!("{path}: {error:#}"));
                open = None;
            }
        }
    }
}

async fn ask(load: &Load, open: &mut Option<SendRequest<Empty<Bytes>>>, path: &str) -> Result<()> {
    let sender = match open {
        Some(sender) => sender,
        None => {
            let stream = TcpStream::connect(&load.address).await.context("cannot connect")?;
            let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
            // Its end is seen by whoever asks next.
            tokio::spawn(connection);
            open.insert(sender)
        }
    };
    sender.ready().await?;
    let request = Request::get(path)
        .header(header::HOST, &load.address)
        .header(header::COOKIE, &load.cookie)
        .header(header::ACCEPT, "text/html")
        .body(Empty::new())?;
    let answer = sender.send_request(request).await?;
    let status = answer.status();
    let body = answer.into_body().collect().await?.to_bytes();
    ensure!(status == 200, "answered {status}");
    // Leptos sends scripts behind it.
    ensure!(body.windows(7).any(|seen| seen == b"</html>"), "the page is cut off");
    Ok(())
}
