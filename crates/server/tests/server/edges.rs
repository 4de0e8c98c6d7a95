//! Routes of another crate behind the server's connections.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderMap, Method, Request, Response, StatusCode};
use headworks_api::{Access, Problem};
use headworks_engine::Limits;
use headworks_server::{ConnectionLimits, Edge, MakeEdge, ServeOptions, serve_with};
use headworks_store::Memory;
use headworks_wire::Scope;

use crate::common::{engine, key, send};

/// An edge that says how long a call's body was, after so many seconds.
fn edge(seconds: u64) -> MakeEdge {
    let answer = move |access: Access, request: Request<Bytes>| async move {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        let who = access.place().map(|(account, path)| format!("{account} {path}"));
        Response::new(format!("{} {}", who.unwrap_or_default(), request.body().len()))
    };
    let refuse = |path: &str, headers: &HeaderMap, problem: &Problem| {
        let said = format!("{path} {} {}", headers.len(), problem.kind.word());
        let mut response = Response::new(said);
        *response.status_mut() = StatusCode::IM_A_TEAPOT;
        response
    };
    Box::new(move |_| Edge::new(vec![(Method::POST, "/v1/far")], 64, answer, refuse))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edge_is_behind_keys() {
    let engine = engine(Arc::new(Memory::new()), headworks_engine::Clock::new(), Limits::default());
    let user = key(&engine, &[Scope::Gateway], &["acme"]).await;
    let options = ServeOptions { listen: ([127, 0, 0, 1], 0).into(), ..ServeOptions::default() };
    let serving = serve_with(Arc::clone(&engine), options, Some(edge(0))).await.expect("listens");
    let ask = async |head: &str, body: &[u8]| send(serving.address, "POST", "/v1/far", head, body).await;
    let id = user.split('_').nth(1).expect("an id");
    for head in [format!("Authorization: Bearer {user}\r\n"), format!("x-api-key: {user}\r\n")] {
        let reply = ask(&head, b"four").await;
        assert_eq!((reply.status, reply.body.as_str()), (200, Some(format!("acme key:{id} 4").as_str())));
    }
    for (head, body, kind) in [
        (String::new(), &b"four"[..], "unauthenticated"),
        ("x-api-key: hw_wrong\r\n".to_owned(), b"four", "unauthenticated"),
        (format!("x-api-key: {user}\r\n"), &[b'x'; 65], "body_too_large"),
    ] {
        let reply = ask(&head, body).await;
        assert_eq!(reply.status, 418);
        let said = reply.body.as_str().expect("text");
        assert!(said.starts_with("/v1/far ") && said.ends_with(kind), "{said}");
    }
    let reply = send(serving.address, "GET", "/v1/far", &format!("x-api-key: {user}\r\n"), b"").await;
    assert_eq!(
        (reply.status, reply.body["type"].as_str()),
        (405, Some("urn:headworks:problem:method_not_allowed"))
    );
    // Its key is for nothing else.
    let head = format!("Authorization: Bearer {user}\r\nIdempotency-Key: a\r\n");
    let body = br#"{"account":"acme","feature":"chat","quantities":{"tokens":1}}"#;
    for path in ["/v1/authorize", "/v1/check", "/v1/record"] {
        assert_eq!(send(serving.address, "POST", path, &head, body).await.status, 403, "{path}");
    }
    assert_eq!(send(serving.address, "GET", "/v1/accounts/acme", &head, b"").await.status, 403);
    serving.shut_down().await;
    engine.close();
}

/// A call of an edge outlasts the time of other requests, and that in which a connection counts as stalled.
#[tokio::test(flavor = "multi_thread")]
async fn an_edge_may_take_its_time() {
    let engine = engine(Arc::new(Memory::new()), headworks_engine::Clock::new(), Limits::default());
    let user = key(&engine, &[Scope::Gateway], &["acme"]).await;
    let connections = ConnectionLimits { stalled: Duration::from_secs(1), ..ConnectionLimits::default() };
    let options = ServeOptions {
        listen: ([127, 0, 0, 1], 0).into(),
        request_timeout: Duration::from_secs(1),
        connections,
        ..ServeOptions::default()
    };
    // What counts as stalled is 15 seconds beyond the time of a request.
    let serving = serve_with(Arc::clone(&engine), options, Some(edge(19))).await.expect("listens");
    let head = format!("x-api-key: {user}\r\n");
    let reply = send(serving.address, "POST", "/v1/far", &head, b"four").await;
    assert_eq!(reply.status, 200);
    serving.shut_down().await;
    engine.close();
}
