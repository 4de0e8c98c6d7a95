//! A proxy that passes bytes on and knows nothing of them: what any proxy in this language adds.

use std::net::SocketAddr;

use headworks_terminal::{Outcome, tell};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;

use crate::arguments::PassThrough;

/// Passes requests on until Ctrl-C.
pub(in crate::bench) async fn pass_through(options: PassThrough) -> Outcome {
    let listener = TcpListener::bind(options.listen).await?;
    tell!("passing bytes on at {}; Ctrl-C ends it", listener.local_addr()?);
    tokio::select! {
        ended = serve(&listener, options.upstream) => ended,
        ended = tokio::signal::ctrl_c() => Ok(ended?),
    }
}

async fn serve(listener: &TcpListener, upstream: SocketAddr) -> Outcome {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client: Client<HttpConnector, Incoming> = Client::builder(TokioExecutor::new()).build(connector);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let client = client.clone();
        let pass = service_fn(move |mut request: Request<Incoming>| {
            let (client, path) = (client.clone(), request.uri().path().to_owned());
            async move {
                *request.uri_mut() = format!("http://{upstream}{path}").parse::<Uri>()?;
                Ok::<_, headworks_terminal::Failed>(client.request(request).await?)
            }
        });
        // A connection that breaks ends by itself.
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), pass));
    }
}
