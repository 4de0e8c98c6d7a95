//! Starting and stopping a server: what is safe to listen on, and how it ends.
//!
//! S1 beyond loopback a server needs API keys, and TLS or the addresses of the proxies in front of it
//! (`beyond_loopback_needs_keys_and_tls`).

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use headworks_api::outbox::Destinations;
use headworks_api::{Api, Signer};
use headworks_engine::Engine;
use ipnet::IpNet;
use tokio::sync::watch;

use crate::app::App;
use crate::connections::{ConnectionLimits, Connections, Places, Proxies, Tls, TlsFiles, listen};
use crate::edge::MakeEdge;
use crate::outbox::Outbox;
use crate::routes::with_edge;
use crate::tend;

/// How long the answer to a request may stand still.
const STALLED: Duration = Duration::from_secs(15);

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
    /// Addresses that requests to receivers may go to besides public ones.
    pub webhooks_allow: Vec<IpNet>,
    /// Requests without a key may do everything. Only on loopback.
    pub open: bool,
    /// The certificate to serve with; `None`: no TLS.
    pub tls: Option<TlsFiles>,
    /// Proxies that are believed about where requests come from, and that may connect without TLS.
    pub behind_proxy: Proxies,
    /// Most connections at once. When all places are taken, a newcomer takes that of an unauthenticated one.
    pub connections_max: usize,
    /// Most connections of one address, or one /64 of IPv6.
    pub connections_per_peer: usize,
    /// How long connections may stay.
    pub connections: ConnectionLimits,
    /// The most memory of the process, in bytes; `None`: no limit.
    pub memory_max: Option<u64>,
    /// A request that takes longer is answered `outcome_unknown`.
    pub request_timeout: Duration,
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
            webhooks_allow: Vec::new(),
            open: false,
            tls: None,
            behind_proxy: Proxies::default(),
            connections_max: 10_000,
            connections_per_peer: 5_000,
            connections: ConnectionLimits::default(),
            memory_max: None,
            request_timeout: Duration::from_secs(30),
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
    /// API keys would cross a network unprotected.
    PlainBeyondLoopback(SocketAddr),
    /// The certificate or its key cannot be used.
    Tls(String),
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
            Self::PlainBeyondLoopback(at) => write!(
                f,
                "{at} is not a loopback address, so API keys would cross the network unprotected; pass --tls-cert and \
                 --tls-key, or --behind-proxy with the addresses of the proxies that end TLS in front of it"
            ),
            Self::Tls(why) => write!(f, "TLS: {why}"),
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
    tending: [tokio::task::JoinHandle<()>; 3],
    api: Arc<Api>,
}

impl Serving {
    /// Stops accepting, lets running requests finish, and returns when they have or the drain time is over.
    pub async fn shut_down(self) {
        // If the task has ended by itself, nobody listens any more.
        let _ = self.stop.send(true);
        if let Err(e) = self.task.await {
            tracing::error!(error = %e, "the listener failed");
        }
        for tending in self.tending {
            if let Err(e) = tending.await {
                tracing::error!(error = %e, "the care of API keys or of the audit log failed");
            }
        }
        tend::end_audit_log(&self.api).await;
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
    serve_with(engine, options, None).await
}

/// Starts listening, with the routes of another crate.
///
/// # Errors
/// As [`serve`].
pub async fn serve_with(
    engine: Arc<Engine>,
    options: ServeOptions,
    edge: Option<MakeEdge>,
) -> Result<Serving, ServeError> {
    if options.open && !options.listen.ip().is_loopback() {
        return Err(ServeError::OpenBeyondLoopback(options.listen));
    }
    if engine.clock().is_test() && !options.listen.ip().is_loopback() {
        return Err(ServeError::TestClockBeyondLoopback(options.listen));
    }
    if !options.open && engine.keyring().is_empty() {
        return Err(ServeError::NoKeys(None));
    }
    let is_plain = options.tls.is_none();
    if is_plain && !options.listen.ip().is_loopback() && options.behind_proxy.is_empty() {
        return Err(ServeError::PlainBeyondLoopback(options.listen));
    }
    let tls = options.tls.map(Tls::open).transpose().map_err(ServeError::Tls)?;
    let listener = listen(options.listen).map_err(|e| ServeError::Bind(options.listen, e))?;
    let address = listener.local_addr().map_err(|e| ServeError::Bind(options.listen, e))?;
    let signer = options.signing_key.as_deref().map_or_else(Signer::ephemeral, Signer::in_file);
    let signer = Arc::new(signer.map_err(ServeError::SigningKey)?);
    let (stop, stopping) = watch::channel(false);
    let destinations = Destinations::new(options.webhooks_allow.clone());
    let api = Arc::new(Api::new(engine, signer, options.open).sending_to(destinations));
    let outbox = options.sends_webhooks.then(|| Outbox::start(&api, options.stripe_key.clone()));
    let tending = [
        tokio::spawn(tend::keys(Arc::clone(&api), stopping.clone())),
        tokio::spawn(tend::audit_log(Arc::clone(&api), stopping.clone())),
        tokio::spawn(tend::key_warnings(Arc::clone(&api), stopping.clone())),
    ];
    let places = Places::new(options.connections_max, options.connections_per_peer);
    let mut edge = edge.map(|make| make(&api));
    let (timeout, memory) = (options.request_timeout, options.memory_max);
    let state = App::on(
        Arc::clone(&api),
        timeout,
        &places,
        memory,
        edge.as_mut().and_then(|edge| edge.take_register()),
    );
    let watch = Arc::clone(&state.memory).watch(Arc::downgrade(state.api.engine()));
    let connections = Connections {
        router: with_edge(state, edge),
        places,
        // A request that is being answered is not stalled.
        limits: ConnectionLimits {
            stalled: options.connections.stalled.max(options.request_timeout + STALLED),
            ..options.connections
        },
        only_proxies: is_plain && !options.behind_proxy.is_empty(),
        open: options.open,
        proxies: Arc::new(options.behind_proxy),
        tls,
        drain: options.drain,
    };
    let accepts = connections.accept(listener, options.connections_max, stopping);
    let task = tokio::spawn(async move {
        tokio::select! {
            () = accepts => {}
            // Ends only when the engine is gone.
            () = watch => {}
        }
    });
    Ok(Serving { address, stop, task, outbox, tending, api })
}
