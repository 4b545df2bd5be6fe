//! One HTTP request through a node's SSH connection, bounded in time and size.

use base64::Engine as _;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use paddock_engine::{Pool, Target};
use std::time::Duration;
use tokio::time::timeout;

/// Bound of one request.
const LIMIT: Duration = Duration::from_secs(3);
/// Largest answer that is read.
const SIZE: usize = 4 << 20;

/// Status and body of `GET path` on `host:port`, as the node reaches it; the error is a sentence.
pub(crate) async fn get(
    pool: &Pool,
    target: &Target,
    host: &str,
    port: u16,
    path: &str,
    login: Option<(&str, &str)>,
) -> Result<(u16, String), String> {
    let asked = timeout(LIMIT, ask(pool, target, host, port, path, login)).await;
    asked.unwrap_or_else(|_| Err(format!("{host}:{port} did not answer within {} s", LIMIT.as_secs())))
}

async fn ask(
    pool: &Pool,
    target: &Target,
    host: &str,
    port: u16,
    path: &str,
    login: Option<(&str, &str)>,
) -> Result<(u16, String), String> {
    let stream = pool.open_tcp(target, host, port).await.map_err(|error| error.to_string())?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| error.to_string())?;
    let mut request = http::Request::get(path).header(http::header::HOST, host);
    if let Some((user, password)) = login {
        let token = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
        request = request.header(http::header::AUTHORIZATION, format!("Basic {token}"));
    }
    let request = request.body(Empty::<Bytes>::new()).map_err(|error| error.to_string())?;
    let answering = async {
        let answer = sender.send_request(request).await.map_err(|error| error.to_string())?;
        let status = answer.status().as_u16();
        let body =
            Limited::new(answer.into_body(), SIZE).collect().await.map_err(|error| error.to_string())?;
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
