//! `headworks bench gateway`: what the gateway adds to a model call, beside a proxy that does nothing but pass bytes on.
//!
//! One upstream stands in for a model. The same calls go to it directly, through the bare proxy, and through the gateway with an
//! embedded store, in turns. Everything runs in one process on one machine: what a way adds is what it has beyond the direct one.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant as StdInstant};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::Uri;
use axum::response::{IntoResponse as _, Response};
use headworks_api::create_key;
use headworks_core::catalog::{Catalog, Format};
use headworks_core::command::{Command, NewGrant, Patch};
use headworks_core::record::{Category, Label, Name};
use headworks_engine::{Caller, Clock, Engine, Idempotency, Limits};
use headworks_gateway::{BODY_BYTES_MAX, Gateway, Setup};
use headworks_mock_upstream::{MockUpstream, Options};
use headworks_server::{Edge, ServeOptions, Serving, serve_with};
use headworks_store::Embedded;
use headworks_terminal::{Failed, Outcome, say};
use headworks_wire::{CreateKeyRequest, Scope};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use super::figures::{peak_memory, rate};
use super::latency::Latencies;
use crate::arguments::GatewayBench;

const CATALOG: &str = r#"
version = "bench"
[features.chat]
overshoot = "goodwill"
prices = [{ when = { model = "m" }, credits = { input_tokens = "0.000001", output_tokens = "0.000005" } }]
[plans.prepaid]
guards = [{ name = "rpm", per = "key", window.rate = { limit = 1_000_000_000, period = "1m" } }]
waterfall = [{ grants = { name = "credits" } }]
"#;

/// A proxy that passes bytes on and knows nothing of them.
async fn pass(
    State((client, upstream)): State<(Client<HttpConnector, Body>, SocketAddr)>,
    mut request: Request,
) -> Response {
    let path = request.uri().path().to_owned();
    let Ok(uri) = format!("http://{upstream}{path}").parse::<Uri>() else {
        return axum::http::StatusCode::BAD_GATEWAY.into_response();
    };
    *request.uri_mut() = uri;
    match client.request(request).await {
        Ok(answer) => answer.map(Body::new),
        Err(_) => axum::http::StatusCode::BAD_GATEWAY.into_response(),
    }
}

async fn bare_proxy(upstream: SocketAddr) -> Result<(SocketAddr, JoinHandle<()>), Failed> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client = Client::builder(TokioExecutor::new()).build(connector);
    let router = axum::Router::new().fallback(pass).with_state((client, upstream));
    let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let listener = axum::serve::ListenerExt::tap_io(listener, |stream| {
        // It is slower without; nothing else is lost.
        let _ = stream.set_nodelay(true);
    });
    // It ends when it is aborted.
    let task = tokio::spawn(async move { drop(axum::serve(listener, router).await) });
    Ok((address, task))
}

fn name(text: &str) -> Result<Name, Failed> {
    Ok(Name::new(text).map_err(|e| e.to_string())?)
}

/// A server with a gateway on an embedded store, and a key for it.
async fn gateway(
    dir: &std::path::Path,
    upstream: SocketAddr,
) -> Result<(Arc<Engine>, Serving, String), Failed> {
    let catalog = Catalog::parse(CATALOG, Format::Toml).map_err(|e| e.to_string())?;
    let store = Arc::new(Embedded::open(dir, headworks_store::Options::default())?);
    let engine = Engine::start(store, catalog, Arc::new(Clock::new()), Limits::default())?;
    let grant = NewGrant::new("1000000".parse().map_err(|e| format!("{e}"))?, Category::Purchased);
    for (text, command) in [("open", Command::Open(Patch::default())), ("grant", Command::Grant(grant))] {
        let text = Label::new(text).map_err(|e| e.to_string())?;
        let once = Idempotency { text, digest: [0; 16] };
        engine.run(&name("acme")?, Some(&once), Caller::default(), &command).await?;
    }
    let ask = CreateKeyRequest {
        scopes: vec![Scope::Gateway],
        accounts: vec!["acme".parse().map_err(|e| format!("{e}"))?],
        expires_at: None,
        note: None,
        limits: None,
        gateway: None,
    };
    let made = create_key(&engine, &ask, None, None).await.map_err(|e| e.to_string())?;
    let setup = Setup::parse(&format!(
        "[upstreams.u]\nbase_url = \"http://{upstream}\"\nprotocol = \"openai\"\n[models.m]\nfeature = \"chat\"\n\
         max_output_tokens = 1000\ntargets = [{{ upstream = \"u\" }}]\n"
    ))?;
    let options = ServeOptions { listen: ([127, 0, 0, 1], 0).into(), ..ServeOptions::default() };
    let edge: headworks_server::MakeEdge = Box::new(|api| {
        let gateway = Gateway::new(Arc::clone(api), setup);
        let answer = move |access, request| {
            let gateway = Arc::clone(&gateway);
            async move { gateway.answer(access, request).await }
        };
        Edge::new(Gateway::routes(), BODY_BYTES_MAX, answer, Gateway::refuse)
    });
    let serving = serve_with(Arc::clone(&engine), options, Some(edge)).await?;
    Ok((engine, serving, made.secret.unwrap_or_default()))
}

/// A client that keeps its connection and counts the events of a stream.
struct ModelCaller {
    stream: TcpStream,
    request: Vec<u8>,
}

/// What became of a call.
struct Answer {
    first: Duration,
    events: u64,
    /// The longest time between two parts.
    gap: Duration,
}

impl ModelCaller {
    async fn connect(address: SocketAddr, key: &str, body: &str) -> Result<Self, Failed> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let request = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {key}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        Ok(Self { stream, request: request.into_bytes() })
    }

    /// Makes a call and reads its answer to the end.
    async fn call(&mut self) -> Result<Answer, Failed> {
        const TOKEN: &[u8] = b"tok ";
        let begun = StdInstant::now();
        self.stream.write_all(&self.request).await?;
        let (mut part, mut tail) = (vec![0; 64 << 10], Vec::new());
        let (mut first, mut last, mut gap, mut events) = (None, None, Duration::ZERO, 0);
        loop {
            let read = self.stream.read(&mut part).await?;
            let now = StdInstant::now();
            let Some(bytes) = part.get(..read).filter(|bytes| !bytes.is_empty()) else {
                return Err("the connection was closed".into());
            };
            tail.extend_from_slice(bytes);
            let found = tail.windows(TOKEN.len()).filter(|four| *four == TOKEN).count();
            if found > 0 {
                first.get_or_insert(now);
                if let Some(last) = last {
                    gap = gap.max(now.duration_since(last));
                }
                last = Some(now);
                events += u64::try_from(found)?;
            }
            if tail.ends_with(b"\r\n0\r\n\r\n") {
                let first = first.ok_or("an answer without a token")?.duration_since(begun);
                return Ok(Answer { first, events, gap });
            }
            // Enough for a token or an end that is cut, and too little to be counted twice.
            let keep = tail.len().saturating_sub(TOKEN.len() + 3);
            let rest = tail.split_off(keep);
            tail = if rest.windows(TOKEN.len()).any(|four| four == TOKEN) { Vec::new() } else { rest };
        }
    }
}

fn body(tokens: u64, rate: u64) -> String {
    format!(
        r#"{{"model":"m","stream":true,"max_tokens":1000,"messages":[{{"role":"user","content":"hello"}}],"mock":{{"output_tokens":{tokens},"tokens_per_second":{rate}}}}}"#
    )
}

/// Runs the measurement.
pub(super) async fn run(options: GatewayBench) -> Outcome {
    let dir = tempfile::tempdir()?;
    let upstream = MockUpstream::start(([127, 0, 0, 1], 0).into(), Options::default()).await?;
    let (proxy, proxying) = bare_proxy(upstream.address).await?;
    let (engine, serving, key) = gateway(dir.path(), upstream.address).await?;
    let ways = [("direct", upstream.address), ("bare proxy", proxy), ("gateway", serving.address)];
    say!("time to the first token, {} calls one after the other in each of 5 turns", options.calls)?;
    let latencies: Vec<Latencies> = ways.iter().map(|_| Latencies::new()).collect();
    for _ in 0..5 {
        for ((_, address), latencies) in ways.iter().zip(&latencies) {
            let mut caller = ModelCaller::connect(*address, &key, &body(8, 0)).await?;
            for _ in 0..options.calls {
                latencies.add(caller.call().await?.first);
            }
        }
    }
    for ((way, _), latencies) in ways.iter().zip(&latencies) {
        say!("  {way:<10}  {}", latencies.row())?;
    }
    say!("calls a second of 8 tokens, 64 callers, {} s", options.seconds)?;
    for (way, address) in ways {
        let (done, latencies) = load(address, &key, Duration::from_secs(options.seconds)).await?;
        say!("  {way:<10}  {done:>7.0}/s   first token {}", latencies.row())?;
    }
    say!("{} streams at once, 50 tokens a second each for {} s", options.streams, options.seconds)?;
    for (way, address) in ways {
        let tokens = 50 * options.seconds;
        let (lost, gaps) = streams(address, &key, options.streams, tokens).await?;
        say!("  {way:<10}  {lost} tokens lost   longest gap {}   peak memory {}", gaps.row(), peak_memory())?;
    }
    serving.shut_down().await;
    engine.close();
    proxying.abort();
    upstream.stop().await;
    Ok(())
}

async fn load(address: SocketAddr, key: &str, slice: Duration) -> Result<(f64, Arc<Latencies>), Failed> {
    let latencies = Arc::new(Latencies::new());
    let until = StdInstant::now() + slice;
    let mut callers = JoinSet::new();
    for _ in 0..64 {
        let mut caller = ModelCaller::connect(address, key, &body(8, 0)).await?;
        let latencies = Arc::clone(&latencies);
        callers.spawn(async move {
            while StdInstant::now() < until {
                latencies.add(caller.call().await?.first);
            }
            Ok::<(), Failed>(())
        });
    }
    while let Some(done) = callers.join_next().await {
        done??;
    }
    Ok((rate(latencies.count(), slice), latencies))
}

async fn streams(
    address: SocketAddr,
    key: &str,
    count: usize,
    tokens: u64,
) -> Result<(u64, Latencies), Failed> {
    let mut callers = JoinSet::new();
    for _ in 0..count {
        let mut caller = ModelCaller::connect(address, key, &body(tokens, 50)).await?;
        callers.spawn(async move { caller.call().await });
    }
    let (mut lost, gaps) = (0, Latencies::new());
    while let Some(done) = callers.join_next().await {
        let answer = done??;
        lost += tokens.saturating_sub(answer.events);
        gaps.add(answer.gap);
    }
    Ok((lost, gaps))
}
