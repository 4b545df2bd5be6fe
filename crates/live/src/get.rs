//! One HTTP request through a node's SSH connection, bounded in time and size.

use base64::Engine as _;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use paddock_engine::{Pool, SshError, Target};
use std::time::Duration;
use tokio::time::timeout;

/// Bound of one request.
const LIMIT: Duration = Duration::from_secs(3);
/// Largest answer that is read.
const SIZE: usize = 4 << 20;

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum NoAnswer {
    /// The node says that nothing listens there: what is asked does not run.
    NotRunning,
    /// It cannot be told whether it runs; a sentence.
    Unknown(String),
}

/// Status and body of `GET path` on `host:port`, as the node reaches it.
pub(crate) async fn get(
    pool: &Pool,
    target: &Target,
    host: &str,
    port: u16,
    path: &str,
    login: Option<(&str, &str)>,
) -> Result<(u16, String), NoAnswer> {
    let asked = timeout(LIMIT, ask(pool, target, host, port, path, login)).await;
    asked.unwrap_or_else(|_| {
        Err(NoAnswer::Unknown(format!("{host}:{port} did not answer within {} s", LIMIT.as_secs())))
    })
}

async fn ask(
    pool: &Pool,
    target: &Target,
    host: &str,
    port: u16,
    path: &str,
    login: Option<(&str, &str)>,
) -> Result<(u16, String), NoAnswer> {
    let stream = pool.open_tcp(target, host, port).await.map_err(|error| match error {
        SshError::Refused { .. } => NoAnswer::NotRunning,
        error => NoAnswer::Unknown(format!("{error}; {}", error.fix())),
    })?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(unknown)?;
    let mut request = http::Request::get(path).header(http::header::HOST, host);
    if let Some((user, password)) = login {
        let token = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
        request = request.header(http::header::AUTHORIZATION, format!("Basic {token}"));
    }
    let request = request.body(Empty::<Bytes>::new()).map_err(unknown)?;
    let answering = async {
        let answer = sender.send_request(request).await.map_err(unknown)?;
        let status = answer.status().as_u16();
        let body = Limited::new(answer.into_body(), SIZE).collect().await.map_err(unknown)?;
        Ok((status, String::from_utf8_lossy(&body.to_bytes()).into_owned()))
    };
    tokio::pin!(answering);
    // The connection's work is done here, too. Patroni closes after each answer: what was read is then still to be taken.
    tokio::select! {
        biased;
        answer = &mut answering => answer,
        _closed = connection => answering.await,
    }
}

fn unknown(error: impl std::fmt::Display) -> NoAnswer {
    NoAnswer::Unknown(error.to_string())
}
