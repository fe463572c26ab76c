//! The endpoint that terminals connect to: MQTT 3.1.1, in the clear on loopback, with mutual TLS elsewhere.
//!
//! It is no broker and routes nothing between clients. A client is one terminal: its id is the client id, the
//! subject of its certificate (off loopback), the middle of every topic that it may use, and the signer of
//! all that it says. It may publish below its own prefix in the up direction, subscribe to its own down
//! topics by name, and leave a will on its own status topic. Nothing but `hello` is listened to before a
//! `hello` held; then the newest line of a terminal is the only one.
//!
//! PUBACK says no more than that the message is committed or was refused in words. What makes an event done
//! is the signed `ack`.

mod connect;
mod session;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::App;
use crate::authority::{AuthorityError, terminal_of};

/// Most connections at the same time.
const CONNECTIONS: usize = 4096;
/// How long a TLS handshake, a CONNECT and a `hello` may take, each.
const PATIENCE: Duration = Duration::from_secs(10);
/// Pause when the operating system gives no more connections.
const BREATH: Duration = Duration::from_millis(50);

/// Serves terminals of this machine, in the clear, until the end.
///
/// # Errors
/// When the listener's address can't be told.
pub async fn serve(app: Arc<App>, listener: TcpListener) -> io::Result<()> {
    let address = listener.local_addr()?;
    if !address.ip().is_loopback() {
        return Err(io::Error::other(format!(
            "{address} is off loopback; terminals elsewhere come by TLS"
        )));
    }
    app.downlink.reached_at(format!("mqtt://{address}"));
    accept(app, listener, None).await
}

/// Serves terminals elsewhere, with mutual TLS, until the end. `names` are the DNS names and addresses by
/// which they reach this machine.
///
/// # Errors
/// When the listener's address can't be told, or a name is none.
pub async fn serve_tls(app: Arc<App>, listener: TcpListener, names: &[String]) -> io::Result<()> {
    if names.is_empty() {
        return Err(io::Error::other(
            "mqtt.tls.names is empty; terminals know the listener by one of its names",
        ));
    }
    let port = listener.local_addr()?.port();
    let settings = app
        .authority
        .listener(names)
        .map_err(|error: AuthorityError| io::Error::other(error))?;
    for name in names {
        let host = match name.parse() {
            Ok(std::net::IpAddr::V6(v6)) => format!("[{v6}]"),
            _ => name.clone(),
        };
        app.downlink.reached_at(format!("mqtts://{host}:{port}"));
    }
    accept(app, listener, Some(TlsAcceptor::from(Arc::new(settings)))).await
}

async fn accept(app: Arc<App>, listener: TcpListener, tls: Option<TlsAcceptor>) -> io::Result<()> {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let mut lines = JoinSet::new();
    let stop = app.stop.clone();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a terminal's connection was not accepted");
                tokio::time::sleep(BREATH).await;
                continue;
            }
        };
        let Ok(permit) = Arc::clone(&room).try_acquire_owned() else {
            tracing::warn!(%peer, "too many connections of terminals; this one is closed");
            continue;
        };
        lines.spawn(line(Arc::clone(&app), stream, tls.clone(), permit));
        while lines.try_join_next().is_some() {}
    }
    while lines.join_next().await.is_some() {}
    Ok(())
}

async fn line(
    app: Arc<App>,
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    _permit: OwnedSemaphorePermit,
) {
    // Acknowledgements are small and wanted at once; on a socket that can't do it they are only later.
    let _ = stream.set_nodelay(true);
    let Some(tls) = tls else {
        session::run(app, stream, None).await;
        return;
    };
    match tokio::time::timeout(PATIENCE, tls.accept(stream)).await {
        Ok(Ok(stream)) => {
            let named = stream
                .get_ref()
                .1
                .peer_certificates()
                .and_then(|chain| terminal_of(chain.first()?));
            match named {
                Some(certified) => session::run(app, stream, Some(certified)).await,
                None => {
                    tracing::warn!("a certificate of ours names no terminal; the line is closed")
                }
            }
        }
        Ok(Err(error)) => tracing::warn!(%error, "a TLS handshake failed"),
        Err(_) => tracing::debug!("a TLS handshake took too long"),
    }
}
