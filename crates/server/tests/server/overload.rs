//! More than there is room for, and clients that are slow, silent or too large.

use std::sync::Arc;
use std::time::Duration;

use headworks_engine::Limits;
use headworks_server::{ConnectionLimits, ServeOptions};
use headworks_store::Memory;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::common::Server;

const ASK: &str = r#"{"account":"acme","feature":"chat","settle":"now","dimensions":{"model":"m"},"quantities":{"tokens":5}}"#;

#[tokio::test(flavor = "multi_thread")]
async fn what_there_is_no_room_for_is_refused_at_once_and_changes_nothing() {
    let store = Arc::new(Memory::new());
    let s = Server::start_on(Arc::clone(&store)).await;
    s.open("acme", "100").await;
    let secret = s.admin.clone();
    s.stop().await;
    // Nothing may wait to be stored.
    let full = Limits { waiting_max: 0, ..Limits::default() };
    let s = Server::start_with(Arc::clone(&store), full, ServeOptions::default(), Some(secret.clone())).await;
    for key in ["a", "b"] {
        let refused = s.call("POST", "/v1/authorize", key, ASK).await;
        assert_eq!((refused.status, refused.problem()), (503, "overloaded"));
        assert!(refused.head.contains("\r\nretry-after: 1"), "{}", refused.head);
    }
    assert_eq!(s.balances("acme").await["available"], "100", "reading goes on");
    s.stop().await;
    let s = Server::start_with(store, Limits::default(), ServeOptions::default(), Some(secret)).await;
    let again = s.call("POST", "/v1/authorize", "a", ASK).await;
    assert_eq!((again.status, &again.body["outcome"]), (200, &"allow".into()));
    assert_eq!(s.balances("acme").await["available"], "95");
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_silent_and_oversized_clients_harm_nobody_else() {
    let options = ServeOptions {
        connections_max: 40,
        connections: ConnectionLimits {
            first_request: Duration::from_millis(200),
            ..ConnectionLimits::default()
        },
        request_timeout: Duration::from_millis(500),
        ..ServeOptions::default()
    };
    let s = Server::start_with(Arc::new(Memory::new()), Limits::default(), options, None).await;
    s.open("acme", "1000").await;
    let mut harmful = Vec::new();
    for n in 0..120 {
        let mut stream = TcpStream::connect(s.address).await.expect("connects");
        let sent: &[u8] = match n % 4 {
            // Half a head; the head of a request whose body never comes; nothing at all; a body without end.
            0 => b"POST /v1/authorize HTTP/1.1\r\nHost: ",
            1 => b"POST /v1/authorize HTTP/1.1\r\nHost: t\r\nContent-Length: 500\r\n\r\n{\"acc",
            2 => b"",
            _ => b"POST /v1/authorize HTTP/1.1\r\nHost: t\r\nContent-Length: 99999999999\r\n\r\n",
        };
        stream.write_all(sent).await.expect("writes");
        harmful.push(stream);
    }
    // Three times as many as there may be connections, and every honest request is answered.
    for n in 0..20 {
        let answer = s.call("POST", "/v1/authorize", &format!("k{n}"), ASK).await;
        assert_eq!((answer.status, &answer.body["outcome"]), (200, &"allow".into()), "request {n}");
    }
    // Those that held a connection are closed, with or without an answer.
    for mut stream in harmful {
        let mut rest = Vec::new();
        // A reset is an end as well.
        let _ = stream.read_to_end(&mut rest).await;
        assert!(!rest.starts_with(b"HTTP/1.1 2"), "{}", String::from_utf8_lossy(&rest));
    }
    assert_eq!(s.balances("acme").await["available"], "900");
}

#[tokio::test(flavor = "multi_thread")]
async fn short_of_memory_only_what_ends_work_is_done() {
    let store = Arc::new(Memory::new());
    let s = Server::start_on(Arc::clone(&store)).await;
    s.open("acme", "100").await;
    let hold = s.call("POST", "/v1/authorize", "h", &ASK.replace(r#""settle":"now","#, "")).await;
    let id = hold.body["hold"]["id"].as_str().expect("a hold").to_owned();
    let secret = s.admin.clone();
    s.stop().await;
    // This process has more than a byte.
    let options = ServeOptions { memory_max: Some(1), ..ServeOptions::default() };
    let s = Server::start_with(store, Limits::default(), options, Some(secret)).await;
    let is_refused = |reply: &crate::common::Reply| (reply.status, reply.problem()) == (503, "overloaded");
    while !is_refused(&s.call("POST", "/v1/check", "", ASK).await) {
        tokio::task::yield_now().await;
    }
    let read = s.call("GET", "/v1/accounts/acme", "", "").await;
    assert!(is_refused(&read), "{} {}", read.status, read.body);
    assert_eq!(s.raw("GET", "/healthz", "", b"").await.status, 200);
    assert_eq!(s.raw("GET", "/readyz", "", b"").await.status, 503);
    assert_eq!(s.call("GET", "/metrics", "", "").await.status, 200);
    let body = format!(r#"{{"hold":"{id}","quantities":{{"tokens":2}}}}"#);
    let settled = s.call("POST", "/v1/settle", "", &body).await;
    assert_eq!((settled.status, &settled.body["price"]), (200, &"2".into()), "{:?}", settled.body);
}
