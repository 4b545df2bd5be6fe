//! `paddock serve`: opens the console, takes a socket, answers until it is told to stop.

mod api;
#[cfg(test)]
mod attempt_tests;
#[cfg(test)]
mod canary;
mod config;
#[cfg(test)]
mod factor_tests;
mod guard;
mod log_text;
mod notify_file;
#[cfg(test)]
mod notify_tests;
mod oidc;
mod oidc_args;
#[cfg(test)]
mod oidc_rig;
#[cfg(test)]
mod oidc_tests;
mod pages;
mod recording;
mod router;
mod routes;
#[cfg(test)]
mod scope_tests;
mod session;
mod socket;
#[cfg(test)]
mod socket_tests;
mod stated;
mod stream;
#[cfg(test)]
mod tests;
mod tls;

pub(crate) use config::{Config, DEFAULT_LISTEN, LogFormat, ServeArgs, StateArgs};

use anyhow::{Context as _, Result, anyhow};
use axum::serve::ListenerExt as _;
use paddock_console::{Console, Settings};
use std::io::Write as _;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// How long running jobs get to reach a step's end when the process is told to stop.
const DRAIN: Duration = Duration::from_secs(25);

/// Serves until SIGTERM or SIGINT.
pub(crate) async fn serve(args: ServeArgs) -> Result<()> {
    no_core_file()?;
    let config = Config::read(args)?;
    let provider = config.oidc.settings(config.public_url.as_deref())?;
    let listener = listener(&config)?;
    let settings = Settings {
        key: config.key.clone(),
        ssh_key: config.ssh_key.clone(),
        known_hosts: config.known_hosts.clone(),
        ssh_user: config.ssh_user.clone(),
        seed_inventory: config.seed_inventory.clone(),
        provider: provider.clone(),
        notify: notify_file::read(&config.notify, config.public_url.as_deref())?,
        stated: config.stated.groups(&config),
        ..Settings::at(&config.state_dir)
    };
    let console = Console::open(settings).await.map_err(|problem| anyhow!("{problem}"))?;
    let tls = match &config.tls {
        Some((certificate, key)) => Some(tls::acceptor(certificate, key)?),
        None => None,
    };
    if let Some(provider) = &provider {
        tracing::info!(issuer = %provider.issuer(), redirect_uri = %provider.redirect(), "people may sign in by a provider, which must know this way back");
    }
    if !config.secure_cookies && config.public_url.as_deref().is_some_and(|url| url.starts_with("https://")) {
        tracing::warn!(
            "browsers reach the console by HTTPS, and its cookies are not marked Secure: give --secure-cookies"
        );
    }
    if !config.secure_cookies && !config.listen.ip().is_loopback() {
        tracing::warn!(listen = %config.listen, "passwords and tokens cross the network in the clear: give --tls-cert and --tls-key, or --secure-cookies behind a proxy that speaks HTTPS");
    }
    let scheme = if tls.is_some() { "https" } else { "http" };
    let url = format!("{scheme}://{}", config.listen);
    if let Some(password) = console.first_admin().await.map_err(|problem| anyhow!("{problem}"))? {
        // Shown once, on standard output only: it must not land in a log that is kept.
        let mut out = std::io::stdout();
        writeln!(out, "{url}\nfirst sign-in as `admin`, password: {password}")
            .context("cannot print the password")?;
        out.flush().context("cannot print the password")?;
    }
    tracing::info!(%url, state_dir = %config.state_dir.display(), "the console answers");
    console.take_up_jobs().await;
    let closing = CancellationToken::new();
    let app = router::router(console.clone(), &config, closing.clone())?;
    let told = async move {
        told_to_stop().await;
        closing.cancel();
    };
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    let served = match tls {
        // Tapped without need: axum gives the peer's address for its own listener, and for one that is tapped.
        Some(acceptor) => {
            let listener = tls::TlsListener::new(listener, acceptor).tap_io(|_| {});
            axum::serve(listener, app).with_graceful_shutdown(told).await
        }
        None => axum::serve(listener, app).with_graceful_shutdown(told).await,
    };
    served.context("cannot serve")?;
    tracing::info!("told to stop: running jobs get to the end of their step");
    if tokio::time::timeout(DRAIN, console.shut_down()).await.is_err() {
        tracing::warn!("jobs did not stop in time; they are interrupted and can be resumed");
    }
    Ok(())
}

/// What is in memory, every password of the inventory among it, must not land in a file when the process dies: neither by
/// the kernel, which a limit of none stops, nor by a program that it hands the memory to, which only the second call stops.
fn no_core_file() -> Result<()> {
    use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })
        .and_then(|()| set_dumpable_behavior(DumpableBehavior::NotDumpable))
        .context("cannot keep the kernel from writing core files")
}

/// A socket that was opened for us (systemd, `cargo xtask up`), else our own.
fn listener(config: &Config) -> Result<TcpListener> {
    let given = listenfd::ListenFd::from_env()
        .take_tcp_listener(0)
        .context("the socket that was handed over is unusable")?;
    let socket = match given {
        Some(socket) => socket,
        None => std::net::TcpListener::bind(config.listen)
            .with_context(|| format!("cannot listen on {}: is another program there?", config.listen))?,
    };
    socket.set_nonblocking(true)?;
    TcpListener::from_std(socket).context("cannot use the listening socket")
}

async fn told_to_stop() {
    let mut term = match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(term) => term,
        Err(error) => {
            tracing::error!(%error, "cannot wait for SIGTERM");
            return std::future::pending().await;
        }
    };
    tokio::select! {
        _ = term.recv() => {}
        // Without SIGINT there is still SIGTERM.
        _ = tokio::signal::ctrl_c() => {}
    }
}
