//! Listening: bounded connections, bounded header time, graceful shutdown.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use headworks_api::{Api, Signer};
use headworks_engine::Engine;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::{Semaphore, watch};

use crate::app::{App, Peer};
use crate::outbox::Outbox;
use crate::routes::app;

/// Connections that may wait to be accepted, as far as the system allows: enough for a burst of clients.
const BACKLOG: u32 = 65_535;

/// How to listen.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// The address; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The file of the key that checkpoints are signed with, made when it is not there; `None`: a key for this run only.
    pub signing_key: Option<PathBuf>,
    /// The key of Stripe's API, for webhooks that send meter events.
    pub stripe_key: Option<String>,
    /// Whether webhooks are sent at all.
    pub sends_webhooks: bool,
    /// Requests without a key may do everything. Only on loopback.
    pub open: bool,
    /// Most connections at once; more wait to be accepted.
    pub connections_max: usize,
    /// A request that takes longer is answered `outcome_unknown`.
    pub request_timeout: Duration,
    /// A connection that takes longer to send the head of a request is closed.
    pub header_timeout: Duration,
    /// How long a shutdown waits for requests that are being answered.
    pub drain: Duration,
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            signing_key: None,
            stripe_key: None,
            sends_webhooks: true,
            open: false,
            connections_max: 10_000,
            request_timeout: Duration::from_secs(30),
            header_timeout: Duration::from_secs(10),
            drain: Duration::from_secs(10),
        }
    }
}

/// Why the server does not start.
#[derive(Debug)]
pub enum ServeError {
    /// The address cannot be listened on.
    Bind(SocketAddr, std::io::Error),
    /// There is no API key, so nobody could use it safely.
    NoKeys(Option<PathBuf>),
    /// Requests would need no key on an address that others can reach.
    OpenBeyondLoopback(SocketAddr),
    /// Callers could move time on an address that others can reach.
    TestClockBeyondLoopback(SocketAddr),
    /// The signing key cannot be read or made.
    SigningKey(String),
}

impl std::fmt::Display for ServeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bind(at, e) => {
                write!(f, "cannot listen on {at}: {e}; stop what uses it, or pass another --listen")
            }
            Self::NoKeys(data) => {
                let data = data.as_ref().map_or_else(|| "DIR".to_owned(), |d| d.display().to_string());
                write!(
                    f,
                    "there is no API key yet; make one first: headworks keys create --data {data} --scope admin"
                )
            }
            Self::OpenBeyondLoopback(at) => {
                write!(f, "{at} is not a loopback address, so API keys are required")
            }
            Self::TestClockBeyondLoopback(at) => {
                write!(
                    f,
                    "{at} is not a loopback address, and a server with a test clock listens on no other; pass \
                     --listen 127.0.0.1:8080, or leave out --test-clock"
                )
            }
            Self::SigningKey(why) => write!(f, "the signing key: {why}"),
        }
    }
}

impl std::error::Error for ServeError {}

/// A server that is listening.
#[derive(Debug)]
pub struct Serving {
    /// Its address.
    pub address: SocketAddr,
    stop: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
    outbox: Option<Outbox>,
}

impl Serving {
    /// Stops accepting, lets running requests finish, and returns when they have or the drain time is over.
    pub async fn shut_down(self) {
        // If the task has ended by itself, nobody listens any more.
        let _ = self.stop.send(true);
        if let Err(e) = self.task.await {
            tracing::error!(error = %e, "the listener failed");
        }
        let closed = tokio::task::spawn_blocking(move || self.outbox.iter().for_each(Outbox::close)).await;
        if let Err(e) = closed {
            tracing::error!(error = %e, "the webhooks failed to end");
        }
    }
}

/// Starts listening.
///
/// # Errors
/// When the address is taken, or it would be unsafe to listen.
pub async fn serve(engine: Arc<Engine>, options: ServeOptions) -> Result<Serving, ServeError> {
    if options.open && !options.listen.ip().is_loopback() {
        return Err(ServeError::OpenBeyondLoopback(options.listen));
    }
    if engine.clock().is_test() && !options.listen.ip().is_loopback() {
        return Err(ServeError::TestClockBeyondLoopback(options.listen));
    }
    if !options.open && engine.keyring().is_empty() {
        return Err(ServeError::NoKeys(None));
    }
    let signer = options.signing_key.as_deref().map_or_else(Signer::ephemeral, Signer::in_file);
    let signer = Arc::new(signer.map_err(ServeError::SigningKey)?);
    let listener = listen(options.listen).map_err(|e| ServeError::Bind(options.listen, e))?;
    let address = listener.local_addr().map_err(|e| ServeError::Bind(options.listen, e))?;
    let (stop, stopping) = watch::channel(false);
    let api = Arc::new(Api::new(engine, signer, options.open));
    let outbox = options.sends_webhooks.then(|| Outbox::start(&api, options.stripe_key.clone()));
    let state = App::new(api, options.request_timeout);
    let task = tokio::spawn(accept(listener, app(state), options, stopping));
    Ok(Serving { address, stop, task, outbox })
}

fn listen(at: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if at.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(at)?;
    socket.listen(BACKLOG)
}

async fn accept(
    listener: TcpListener,
    router: axum::Router,
    options: ServeOptions,
    mut stopping: watch::Receiver<bool>,
) {
    let mut http = auto::Builder::new(TokioExecutor::new());
    http.http1().timer(TokioTimer::new()).header_read_timeout(options.header_timeout);
    http.http2().timer(TokioTimer::new()).keep_alive_interval(Some(Duration::from_secs(30)));
    let graceful = GracefulShutdown::new();
    let connections = Arc::new(Semaphore::new(options.connections_max));
    loop {
        let Ok(permit) = Arc::clone(&connections).acquire_owned().await else {
            break;
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopping.changed() => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(e) => {
                // Out of descriptors, or a peer that left at once: others must still be served.
                tracing::warn!(error = %e, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(10)).await;
                continue;
            }
        };
        if let Err(e) = stream.set_nodelay(true) {
            tracing::debug!(error = %e, "a connection ended at once");
        }
        let (asked, router) = (Arc::new(AtomicBool::new(false)), TowerToHyperService::new(router.clone()));
        let asks = Arc::clone(&asked);
        let service = service_fn(move |mut request: hyper::Request<_>| {
            asks.store(true, Ordering::Relaxed);
            request.extensions_mut().insert(Peer(peer));
            router.call(request)
        });
        let connection = http.serve_connection_with_upgrades(TokioIo::new(stream), service).into_owned();
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            // The limit on a head counts from its first byte; before that, and in the preface of HTTP/2, only this limit applies.
            let silent = async {
                tokio::time::sleep(options.header_timeout).await;
                if asked.load(Ordering::Relaxed) {
                    std::future::pending::<()>().await;
                }
            };
            tokio::select! {
                ended = connection => if let Err(e) = ended {
                    tracing::debug!(error = %e, "a connection failed");
                },
                () = silent => tracing::debug!("a connection that asked for nothing is closed"),
            }
            drop(permit);
        });
    }
    drop(listener);
    if tokio::time::timeout(options.drain, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests were still running when the drain time was over");
    }
}
