//! TLS for a console without a proxy before it: TLS 1.2 and 1.3 by rustls, the certificate read at the start.

use anyhow::{Context as _, Result};
use axum::serve::Listener;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::server::TlsStream;

/// A handshake that takes longer is given up.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Handshakes at a time; beyond that new connections wait in the kernel.
const AT_A_TIME: usize = 256;

/// Reads the certificate (with its chain) and its key, both PEM.
pub(super) fn acceptor(certificate: &Path, key: &Path) -> Result<TlsAcceptor> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_file_iter(certificate).and_then(Iterator::collect);
    let chain = chain.with_context(|| format!("cannot read the certificate {}", certificate.display()))?;
    let private = PrivateKeyDer::from_pem_file(key)
        .with_context(|| format!("cannot read the certificate's key {}", key.display()))?;
    let mut config =
        ServerConfig::builder().with_no_client_auth().with_single_cert(chain, private).with_context(
            || format!("{} is no certificate for the key {}", certificate.display(), key.display()),
        )?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// A socket whose connections have shaken hands. One that is slow to do so keeps nobody else waiting.
pub(super) struct TlsListener {
    tcp: TcpListener,
    acceptor: TlsAcceptor,
    shaking: JoinSet<Option<(TlsStream<TcpStream>, SocketAddr)>>,
}

impl TlsListener {
    pub(super) fn new(tcp: TcpListener, acceptor: TlsAcceptor) -> Self {
        Self { tcp, acceptor, shaking: JoinSet::new() }
    }
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            tokio::select! {
                (stream, from) = Listener::accept(&mut self.tcp), if self.shaking.len() < AT_A_TIME => {
                    let acceptor = self.acceptor.clone();
                    self.shaking.spawn(async move {
                        match timeout(HANDSHAKE, acceptor.accept(stream)).await {
                            Ok(Ok(stream)) => Some((stream, from)),
                            Ok(Err(error)) => {
                                tracing::debug!(%from, %error, "a TLS handshake failed");
                                None
                            }
                            Err(_) => None,
                        }
                    });
                }
                Some(shaken) = self.shaking.join_next() => {
                    if let Ok(Some(ready)) = shaken {
                        return ready;
                    }
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::session::address;
    use axum::Router;
    use axum::extract::Request;
    use axum::routing::get;
    use axum::serve::ListenerExt as _;
    use reqwest::{Certificate, Client};
    use tempfile::TempDir;

    /// A certificate for `localhost` with its key, in files; and the certificate as a client trusts it.
    fn pair(dir: &TempDir, name: &str) -> (std::path::PathBuf, std::path::PathBuf, Certificate) {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let (certificate, key) =
            (dir.path().join(format!("{name}.crt")), dir.path().join(format!("{name}.key")));
        std::fs::write(&certificate, made.cert.pem()).unwrap();
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        (certificate, key, Certificate::from_pem(made.cert.pem().as_bytes()).unwrap())
    }

    #[tokio::test]
    async fn a_browser_that_trusts_the_certificate_is_served_while_another_hangs_in_its_handshake() {
        let dir = tempfile::tempdir().unwrap();
        let (certificate, key, trusted) = pair(&dir, "one");
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = tcp.local_addr().unwrap();
        let who = get(|request: Request| async move { format!("{:?}", address(request.extensions())) });
        let app = Router::new().route("/", who).into_make_service_with_connect_info::<SocketAddr>();
        let listener = TlsListener::new(tcp, acceptor(&certificate, &key).unwrap()).tap_io(|_| {});
        let server = tokio::spawn(async move { axum::serve(listener, app).await });
        let _silent = TcpStream::connect(at).await.unwrap();
        let client = Client::builder().add_root_certificate(trusted).timeout(Duration::from_secs(30));
        let client = client.resolve("localhost", at).build().unwrap();
        let answer = client.get(format!("https://localhost:{}/", at.port())).send().await.unwrap();
        assert_eq!(answer.text().await.unwrap(), "Some(127.0.0.1)", "who asks is known through TLS, too");
        let stranger = Client::builder().resolve("localhost", at).timeout(Duration::from_secs(30));
        let refused = stranger.build().unwrap().get(format!("https://localhost:{}/", at.port())).send().await;
        assert!(refused.is_err(), "a certificate that nobody vouches for");
        let plain = client.get(format!("http://localhost:{}/", at.port())).send().await;
        assert!(plain.is_err(), "nothing is said without TLS");
        server.abort();
    }

    #[test]
    fn files_that_do_not_fit_are_said_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let (certificate, key, _) = pair(&dir, "one");
        let (_, other, _) = pair(&dir, "other");
        let why = |certificate: &Path, key: &Path| match acceptor(certificate, key) {
            Ok(_) => "taken".to_owned(),
            Err(error) => format!("{error:#}"),
        };
        assert_eq!(why(&certificate, &key), "taken");
        assert!(why(&certificate, &other).contains("one.crt is no certificate for the key"));
        assert!(why(&dir.path().join("none.crt"), &key).contains("none.crt"));
        assert!(why(&certificate, &dir.path().join("none.key")).contains("none.key"));
        assert!(why(&key, &key).contains("one.key"), "a key is no certificate");
    }
}
