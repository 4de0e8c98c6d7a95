//! Connections from outside: who keeps a place, who is ended, and what TLS and proxies change.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use headworks_engine::{Clock, Limits};
use headworks_server::{
    ConnectionLimits, ForwardedHeader, Proxies, ServeError, ServeOptions, TlsFiles, serve,
};
use headworks_store::Memory;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

use crate::common::{Server, engine};
use crate::inbound;

const HEALTH: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: t\r\n\r\n";

fn limits(idle_ms: u64, age_ms: u64) -> ConnectionLimits {
    let (idle, age) = (Duration::from_millis(idle_ms), Duration::from_millis(age_ms));
    ConnectionLimits { unauthenticated: (idle, age), ..ConnectionLimits::default() }
}

async fn start(options: ServeOptions) -> Server {
    Server::start_with(Arc::new(Memory::new()), Limits::default(), options, None).await
}

async fn asked(address: SocketAddr, request: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.expect("connects");
    stream.write_all(request).await.expect("writes");
    stream.read_exact(&mut [0; 15]).await.expect("is answered");
    stream
}

/// Reads until the server has closed the connection; a reset is an end as well.
async fn is_ended(mut stream: TcpStream) {
    let _ = stream.read_to_end(&mut Vec::new()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn authenticated_callers_find_a_place_in_any_crowd() {
    let s = start(ServeOptions { connections_max: 20, connections_per_peer: 20, ..ServeOptions::default() })
        .await;
    s.open("acme", "10").await;
    let secret = inbound::caller(&s, "payments", &["signals"], &[]).await;
    let report = r#"{"account":"acme","report":{"signal":"dispute","reason":"charge 4711"}}"#;
    let secs = s.engine.clock().now().micros() / 1_000_000;
    let signature = inbound::signed(&secret, "e1", secs, report);
    // They have shown a key or a valid signature, and keep their places.
    let shown = [
        format!("GET /v1/signing-key HTTP/1.1\r\nHost: t\r\nAuthorization: bearer  {}\r\n\r\n", s.admin),
        format!(
            "POST /v1/inbound/payments/signals HTTP/1.1\r\nHost: t\r\n{signature}Content-Length: {}\r\n\r\n{report}",
            report.len()
        ),
    ];
    let mut callers = Vec::new();
    for request in shown {
        callers.push((asked(s.address, request.as_bytes()).await, request));
    }
    let mut crowd = Vec::new();
    for _ in 0..60 {
        crowd.push(asked(s.address, HEALTH).await);
    }
    let reply = s.call("GET", "/v1/signing-key", "", "").await;
    assert_eq!(reply.status, 200);
    // The oldest have given way.
    for other in crowd.drain(..40) {
        is_ended(other).await;
    }
    for (mut caller, request) in callers {
        caller.write_all(request.as_bytes()).await.expect("writes");
        // Behind the rest of the first answer comes the second.
        let mut answers = String::new();
        while !answers.contains("HTTP/1.1 20") {
            let mut part = [0; 4096];
            let length = caller.read(&mut part).await.expect("reads");
            assert_ne!(length, 0, "it is still there: {answers}");
            answers.push_str(&String::from_utf8_lossy(&part[..length]));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_and_old_connections_end() {
    let s = start(ServeOptions { connections: limits(200, 3_000), ..ServeOptions::default() }).await;
    // Answers pings and settings of HTTP/2, and asks for nothing more.
    let mut h2 = TcpStream::connect(s.address).await.expect("connects");
    h2.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.expect("writes");
    // HEADERS: GET http / with the authority `t`, by the static table of HPACK.
    h2.write_all(b"\0\0\x06\x01\x05\0\0\0\x01\x82\x86\x84\x41\x01t").await.expect("writes");
    is_ended(h2).await;
    is_ended(asked(s.address, HEALTH).await).await;
    // It asks again and again, and never takes an answer.
    let mut greedy = TcpStream::connect(s.address).await.expect("connects");
    let many = HEALTH.repeat(1_000);
    while greedy.write_all(&many).await.is_ok() {}
    // One that never rests grows old.
    let s = start(ServeOptions { connections: limits(60_000, 300), ..ServeOptions::default() }).await;
    let mut busy = asked(s.address, HEALTH).await;
    let mut byte = [0; 4096];
    loop {
        if busy.write_all(HEALTH).await.is_err() || busy.read(&mut byte).await.unwrap_or(0) == 0 {
            break;
        }
        tokio::task::yield_now().await;
    }
}

/// Who sends more than is taken is told so, although the answer comes before the end of the body.
#[tokio::test(flavor = "multi_thread")]
async fn an_early_refusal_reaches_its_caller() {
    let s = Server::start().await;
    let length = 6 << 20;
    let head = format!(
        "POST /v1/authorize HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer {}\r\nContent-Length: {length}\r\n\r\n",
        s.admin
    );
    let mut stream = TcpStream::connect(s.address).await.expect("connects");
    stream.write_all(head.as_bytes()).await.expect("writes");
    for _ in 0..length >> 16 {
        stream.write_all(&[b' '; 1 << 16]).await.expect("is read to its end");
    }
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("is closed, and not reset");
    assert!(answer.starts_with(b"HTTP/1.1 413"), "{}", String::from_utf8_lossy(&answer));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_names_its_host_once() {
    let s = start(ServeOptions::default()).await;
    for (hosts, status) in [("", "400"), ("Host: a\r\nHost: b\r\n", "400"), ("Host: a\r\n", "200")] {
        let mut stream = TcpStream::connect(s.address).await.expect("connects");
        let request = format!("GET /healthz HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("writes");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("is answered");
        assert_eq!(answer.get(9..12), Some(status), "{hosts:?}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_loopback_needs_keys_and_tls() {
    let engine = engine(Arc::new(Memory::new()), Clock::new(), Limits::default());
    let everywhere = SocketAddr::from(([0, 0, 0, 0], 0));
    let options = |listen| ServeOptions { listen, ..ServeOptions::default() };
    let try_to = |options| serve(Arc::clone(&engine), options);
    assert!(matches!(try_to(options(everywhere)).await, Err(ServeError::NoKeys(_))));
    let open = ServeOptions { open: true, ..options(everywhere) };
    assert!(matches!(try_to(open).await, Err(ServeError::OpenBeyondLoopback(_))));
    let admin = crate::common::key(&engine, &[headworks_wire::Scope::Admin], &[]).await;
    assert!(matches!(try_to(options(everywhere)).await, Err(ServeError::PlainBeyondLoopback(_))));
    let behind_proxy =
        Proxies::new(vec!["192.0.2.0/24".parse().expect("a network")], ForwardedHeader::default());
    let serving = try_to(ServeOptions { behind_proxy, ..options(everywhere) }).await.expect("listens");
    // This machine may connect as well; others are no proxies.
    let local = SocketAddr::from(([127, 0, 0, 1], serving.address.port()));
    let auth = format!("Authorization: Bearer {admin}\r\n");
    let reply = crate::common::send(local, "GET", "/v1/signing-key", &auth, b"").await;
    assert_eq!(reply.status, 200);
    serving.shut_down().await;
    engine.close();
}

/// An authority, and a certificate of it for `localhost`, written to a directory.
fn certificate(dir: &Path, name: &str, authority: &CertifiedIssuer<'_, KeyPair>) {
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec!["localhost".to_owned()]).expect("parameters");
    let made = params.signed_by(&key, authority).expect("signs");
    std::fs::write(dir.join(format!("{name}.pem")), made.pem()).expect("writes");
    std::fs::write(dir.join(format!("{name}.key")), key.serialize_pem()).expect("writes");
}

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("signs")
}

/// The answer to a request over TLS, and the protocol that was agreed on.
async fn over_tls(
    address: SocketAddr,
    root: &CertifiedIssuer<'_, KeyPair>,
    client: Option<&Path>,
    protocol: &[u8],
) -> std::io::Result<(Vec<u8>, Option<Vec<u8>>)> {
    let mut roots = RootCertStore::empty();
    roots.add(root.der().clone()).expect("a root");
    let builder = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots);
    let mut config = match client {
        None => builder.with_no_client_auth(),
        Some(dir) => {
            let chain = vec![CertificateDer::from_pem_file(dir.join("client.pem")).expect("a certificate")];
            let key = PrivateKeyDer::from_pem_file(dir.join("client.key")).expect("a key");
            builder.with_client_auth_cert(chain, key).expect("a client")
        }
    };
    config.alpn_protocols = vec![protocol.to_vec()];
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from("localhost").expect("a name");
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    let agreed = stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
    let request: &[u8] = if protocol == b"h2" {
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"
    } else {
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    };
    stream.write_all(request).await?;
    let mut answer = vec![0; 9];
    stream.read_exact(&mut answer).await?;
    Ok((answer, agreed))
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_needs_no_restart() {
    let dir = tempfile::tempdir().expect("a directory");
    let (ours, theirs) = (authority(), authority());
    certificate(dir.path(), "server", &ours);
    certificate(dir.path(), "client", &theirs);
    std::fs::write(dir.path().join("ca.pem"), theirs.pem()).expect("writes");
    let files = |client_ca| TlsFiles {
        certificate: dir.path().join("server.pem"),
        key: dir.path().join("server.key"),
        client_ca,
    };
    let s = start(ServeOptions { tls: Some(files(None)), ..ServeOptions::default() }).await;
    let (answer, agreed) = over_tls(s.address, &ours, None, b"http/1.1").await.expect("is answered");
    assert_eq!((&*answer, agreed.as_deref()), (&b"HTTP/1.1 "[..], Some(&b"http/1.1"[..])));
    // The server's first frame are its settings: type 4.
    let (answer, agreed) = over_tls(s.address, &ours, None, b"h2").await.expect("is answered");
    assert_eq!((answer.get(3), agreed.as_deref()), (Some(&4), Some(&b"h2"[..])));
    // Without TLS nobody is served.
    let mut plain = TcpStream::connect(s.address).await.expect("connects");
    plain.write_all(HEALTH).await.expect("writes");
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");

    // A client's certificate must be from the authority that is named.
    let mutual =
        ServeOptions { tls: Some(files(Some(dir.path().join("ca.pem")))), ..ServeOptions::default() };
    let m = start(mutual).await;
    assert!(over_tls(m.address, &ours, None, b"http/1.1").await.is_err());
    assert!(over_tls(m.address, &ours, Some(dir.path()), b"http/1.1").await.is_ok());

    // A new one comes into force by itself.
    let next = authority();
    certificate(dir.path(), "server", &next);
    while over_tls(s.address, &next, None, b"http/1.1").await.is_err() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(over_tls(s.address, &ours, None, b"http/1.1").await.is_err());
}
