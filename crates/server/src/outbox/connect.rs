//! Connections to receivers: a name is resolved once, every address is checked, and the connection is made to a checked one.
//!
//! G1 nothing is sent to an address that may not be reached, even if the name resolves to it next time
//! (`a_name_that_resolves_to_a_private_address_is_not_reached`). Never uses a proxy.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use headworks_api::outbox::{Destinations, Reach, refusal};
use hyper::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, oneshot};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

/// The most names that are resolved at once: the system's resolver takes a thread for each, and may take long.
const RESOLUTIONS_MAX: usize = 32;

/// Connects to receivers.
#[derive(Clone)]
pub(super) struct Connector {
    destinations: Destinations,
    reach: Reach,
    tls: TlsConnector,
    resolutions: Arc<Semaphore>,
}

impl Connector {
    pub(super) fn new(destinations: Destinations, reach: Reach) -> Self {
        let roots = RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        let config = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap_or_else(|_| unreachable!("the provider has the suites of both versions"));
        let config = config.with_root_certificates(roots).with_no_client_auth();
        let resolutions = Arc::new(Semaphore::new(RESOLUTIONS_MAX));
        Self { destinations, reach, tls: TlsConnector::from(Arc::new(config)), resolutions }
    }

    async fn connect(self, uri: Uri) -> io::Result<Stream> {
        let is_encrypted = uri.scheme_str() == Some("https");
        let host = uri.host().ok_or_else(|| io::Error::other("the URL has no host"))?.to_owned();
        let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = uri.port_u16().unwrap_or(if is_encrypted { 443 } else { 80 });
        let addresses = match bare.parse::<IpAddr>() {
            Ok(address) => vec![SocketAddr::new(address, port)],
            Err(_) => self.resolve(bare.clone(), port).await?,
        };
        let reach = if is_encrypted { self.reach } else { Reach::Unencrypted };
        let stream = self.reach(reach, &addresses).await?;
        stream.set_nodelay(true)?;
        if !is_encrypted {
            return Ok(Stream(TokioIo::new(Box::new(stream))));
        }
        let name = ServerName::try_from(bare).map_err(io::Error::other)?;
        Ok(Stream(TokioIo::new(Box::new(self.tls.connect(name, stream).await?))))
    }

    /// Resolves a name on a thread of its own: a resolver that hangs holds up neither other work nor the end of the process.
    async fn resolve(&self, host: String, port: u16) -> io::Result<Vec<SocketAddr>> {
        let permit = Arc::clone(&self.resolutions).acquire_owned().await.map_err(io::Error::other)?;
        let (done, resolved) = oneshot::channel();
        std::thread::Builder::new().name("resolve".into()).spawn(move || {
            let addresses = (host.as_str(), port).to_socket_addrs().map(Iterator::collect);
            // Nobody waits any more if the time was over.
            let _ = done.send(addresses);
            drop(permit);
        })?;
        let addresses = resolved.await.map_err(io::Error::other)?;
        addresses.map_err(|e| io::Error::other(format!("its name cannot be resolved: {e}")))
    }

    /// Connects to the first address that may be reached and answers.
    async fn reach(&self, reach: Reach, addresses: &[SocketAddr]) -> io::Result<TcpStream> {
        let allowed = addresses.iter().filter(|at| self.destinations.reaches(reach, at.ip()));
        let mut failed = None;
        for address in allowed {
            match TcpStream::connect(address).await {
                Ok(stream) => return Ok(stream),
                Err(e) => failed = Some(e),
            }
        }
        let ips: Vec<IpAddr> = addresses.iter().map(SocketAddr::ip).collect();
        Err(failed.unwrap_or_else(|| io::Error::other(refusal(reach, &ips))))
    }
}

impl tower_service::Service<Uri> for Connector {
    type Response = Stream;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Stream>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(self.clone().connect(uri))
    }
}

trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// A connection, encrypted or not.
pub(super) struct Stream(TokioIo<Box<dyn Io>>);

impl Connection for Stream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl Write for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use headworks_api::outbox::{Destinations, Reach, parse_block};

    use super::Connector;

    #[tokio::test]
    async fn a_name_that_resolves_to_a_private_address_is_not_reached() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
        listener.set_nonblocking(true).expect("is set");
        let port = listener.local_addr().expect("address").port();
        let allows = |blocks: &[&str]| {
            Destinations::new(blocks.iter().map(|b| parse_block(b).expect("a block")).collect())
        };
        for (allowed, host, reach, is) in [
            (&[][..], "localhost", Reach::Public, false),
            (&[], "127.0.0.1", Reach::Public, false),
            (&["10.0.0.0/8"], "localhost", Reach::Public, false),
            (&["10.0.0.0/8"], "localhost", Reach::StripeKey, false),
            (&["127.0.0.0/8"], "localhost", Reach::Public, true),
            (&["127.0.0.0/8"], "localhost", Reach::StripeKey, true),
        ] {
            let connector = Connector::new(allows(allowed), reach);
            let uri = format!("http://{host}:{port}/").parse().expect("a URI");
            let connected = connector.connect(uri).await;
            let error = connected.as_ref().err().map(ToString::to_string);
            assert_eq!(connected.is_ok(), is, "{host} with {allowed:?}: {error:?}");
            assert!(is || error.is_some_and(|e| e.contains("--webhooks-allow")), "{host}");
            assert_eq!(listener.accept().is_ok(), is, "{host} with {allowed:?}");
        }
    }
}
