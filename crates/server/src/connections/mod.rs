//! Connections: accepted while there are places and descriptors, bounded in time, with TLS where that is asked for.
//!
//! A connection that is refused or ended costs its peer a retry; it never costs the ledger anything.

mod life;
mod linger;
mod pace;
mod places;
mod proxies;
mod seldom;
mod tls;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use headworks_engine::subnet;
use hyper::body::{Body as _, Incoming};
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::attached::Attached;
pub use life::ConnectionLimits;
use life::Due;
use linger::Linger;
use pace::Pace;
use places::Network;
pub(crate) use places::{Place, Places};
pub use proxies::{ForwardedHeader, Proxies};
use seldom::Seldom;
pub(crate) use tls::Tls;
pub use tls::TlsFiles;

/// Connections that may wait to be accepted, as far as the system allows: enough for a burst of clients.
const BACKLOG: u32 = 65_535;
/// The most connections that have given up their place and are not closed yet; of fewer connections an eighth.
const ENDING_MAX: usize = 256;
/// Bytes of a body that a peer may send before somebody reads them, for each connection. Small: there are many connections.
const WINDOW: u32 = 65_535;
/// Bytes of the heads of requests, and of answers that are not taken, for each connection.
const BUFFER: usize = 64 << 10;
/// Bytes that the system buffers for each connection, in each direction.
const SOCKET_BUFFER: u32 = 128 << 10;
/// Requests at once on one connection of HTTP/2.
const STREAMS_MAX: u32 = 100;

/// The address that a request comes from: an extension of it, set here, or by those who embed [`crate::app`]. Requests without it
/// are not counted.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub IpAddr);

/// The connections of one server.
pub(crate) struct Connections {
    pub(crate) router: axum::Router,
    pub(crate) places: Arc<Places>,
    pub(crate) limits: ConnectionLimits,
    pub(crate) proxies: Arc<Proxies>,
    /// Only proxies and the machine itself may connect.
    pub(crate) only_proxies: bool,
    /// Nobody needs a key.
    pub(crate) open: bool,
    pub(crate) tls: Option<Arc<Tls>>,
    pub(crate) drain: Duration,
}

pub(crate) fn listen(at: SocketAddr) -> io::Result<TcpListener> {
    let socket = if at.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    // The system would give each connection megabytes of its own, also to those that never read.
    socket.set_send_buffer_size(SOCKET_BUFFER)?;
    socket.set_recv_buffer_size(SOCKET_BUFFER)?;
    socket.bind(at)?;
    socket.listen(BACKLOG)
}

impl Connections {
    /// Serves connections until it is to stop, then until they have ended or the drain time is over.
    pub(crate) async fn accept(
        self,
        listener: TcpListener,
        connections_max: usize,
        mut stop: watch::Receiver<bool>,
    ) {
        let this = Arc::new(self);
        let descriptors = Arc::new(Semaphore::new(connections_max + ENDING_MAX.min(connections_max / 8 + 8)));
        let mut pace = Pace::default();
        let (mut failed, mut full, mut foreign) = (Seldom::default(), Seldom::default(), Seldom::default());
        let (mut running, mut following) = (JoinSet::new(), JoinSet::new());
        if let Some(tls) = &this.tls {
            following.spawn(Arc::clone(tls).follow());
        }
        let stopping = stop.clone();
        loop {
            // In this order: under a flood there is always a next connection, and those that have ended keep their memory until
            // they are joined.
            let accepted = tokio::select! {
                biased;
                _ = stop.changed() => break,
                Some(ended) = running.join_next() => {
                    if let Err(e) = ended {
                        tracing::error!(error = %e, "a connection failed");
                    }
                    continue;
                }
                accepted = next(&listener, &descriptors) => accepted,
            };
            let (stream, peer, descriptor) = match accepted {
                Ok(accepted) => accepted,
                Err(e) => {
                    // Out of descriptors, or a peer that left at once: others must still be served.
                    failed.log(|more| tracing::warn!(error = %e, more, "a connection could not be accepted"));
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    continue;
                }
            };
            if this.only_proxies
                && !peer.ip().to_canonical().is_loopback()
                && !this.proxies.contain(peer.ip())
            {
                foreign
                    .log(|more| tracing::warn!(%peer, more, "refused a connection that is not from a proxy"));
                continue;
            }
            let Some((place, displaced)) = this.places.enter(this.network(peer)) else {
                full.log(|more| tracing::warn!(%peer, more, "refused a connection: every place is taken"));
                continue;
            };
            if this.open {
                place.authenticate(None);
            }
            running.spawn(Arc::clone(&this).serve(stream, peer, place, stopping.clone(), descriptor));
            pace.accepted(if displaced { 2 } else { 1 }).await;
        }
        drop(listener);
        let ended = async { while running.join_next().await.is_some() {} };
        if tokio::time::timeout(this.drain, ended).await.is_err() {
            tracing::warn!("requests were still running when the drain time was over");
        }
    }

    /// The network whose share a connection is counted in.
    fn network(&self, peer: SocketAddr) -> Network {
        (!self.proxies.contain(peer.ip())).then(|| subnet(peer.ip()))
    }

    async fn serve(
        self: Arc<Self>,
        stream: TcpStream,
        peer: SocketAddr,
        place: Arc<Place>,
        stop: watch::Receiver<bool>,
        descriptor: OwnedSemaphorePermit,
    ) {
        if let Err(e) = stream.set_nodelay(true) {
            tracing::debug!(error = %e, "a connection ended at once");
        }
        match &self.tls {
            None => self.run(stream, peer, &place, stop).await,
            Some(tls) => {
                let handshake = tls.acceptor().accept(stream);
                tokio::select! {
                    accepted = handshake => match accepted {
                        Ok(stream) => self.run(stream, peer, &place, stop).await,
                        Err(e) => tracing::debug!(%peer, error = %e, "a handshake failed"),
                    },
                    () = place.displaced() => {}
                    _ = place.overdue(&self.limits, None) => {}
                }
            }
        }
        place.leave();
        drop(descriptor);
    }

    /// Speaks HTTP until the peer or a limit ends it.
    async fn run<S>(&self, stream: S, peer: SocketAddr, place: &Arc<Place>, mut stop: watch::Receiver<bool>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let router = TowerToHyperService::new(self.router.clone());
        let (of, proxies) = (Arc::clone(place), Arc::clone(&self.proxies));
        let unread = Arc::new(AtomicBool::new(false));
        let refused = Arc::clone(&unread);
        let service = service_fn(move |mut request: hyper::Request<Incoming>| {
            let running = of.request();
            let client = proxies.client(peer.ip(), request.headers());
            request.extensions_mut().insert(Peer(client));
            request.extensions_mut().insert(Arc::clone(&of));
            let (has_body, refused) = (!request.body().is_end_stream(), Arc::clone(&refused));
            let (answer, wait) = (router.call(request), of.pace());
            async move {
                if !wait.is_zero() {
                    tokio::time::sleep(wait).await;
                }
                // Each part that is taken is progress, and the end of the body that of the request.
                let answer = answer.await?.map(|body| Attached::new(body, move || running.moved()));
                refused.store(has_body && !answer.status().is_success(), Ordering::Relaxed);
                Ok::<_, std::convert::Infallible>(answer)
            }
        });
        let http = protocol();
        let mut connection =
            std::pin::pin!(http.serve_connection(TokioIo::new(Linger::new(stream, place, &unread)), service));
        let mut closing: Option<Instant> = None;
        loop {
            tokio::select! {
                ended = connection.as_mut() => {
                    if let Err(e) = ended {
                        tracing::debug!(%peer, error = %e, "a connection failed");
                    }
                    return;
                }
                () = place.displaced() => return,
                due = place.overdue(&self.limits, closing) => match due {
                    Due::Over => {
                        tracing::debug!(%peer, requests = place.requests.load(Ordering::Relaxed), "a connection is over its limits");
                        return;
                    }
                    Due::At(_) | Due::Closing => {}
                },
                _ = stop.changed(), if closing.is_none() => {}
            }
            closing.get_or_insert_with(Instant::now);
            connection.as_mut().graceful_shutdown();
        }
    }
}

/// The next connection, once there is a descriptor for it.
async fn next(
    listener: &TcpListener,
    descriptors: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let descriptor = Arc::clone(descriptors).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    Ok((stream, peer, descriptor))
}

fn protocol() -> auto::Builder<TokioExecutor> {
    let mut http = auto::Builder::new(TokioExecutor::new());
    // Heads that do not come are held to the connection's own limits, which a rest between requests has as well.
    http.http1().timer(TokioTimer::new()).header_read_timeout(None).max_buf_size(BUFFER);
    http.http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(Some(Duration::from_secs(20)))
        .keep_alive_timeout(Duration::from_secs(10))
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .max_concurrent_streams(STREAMS_MAX)
        .max_send_buf_size(BUFFER);
    http
}
