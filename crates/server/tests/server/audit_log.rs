//! The audit log over HTTP: calls by their routes, callers by their networks, written when the server stops.

use std::sync::Arc;

use headworks_engine::Limits;
use headworks_server::ServeOptions;
use headworks_store::Memory;
use headworks_wire::Scope;
use serde_json::{Value, json};

use crate::common::{Server, key};

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_there_after_a_restart() {
    let store = Arc::new(Memory::new());
    let s = Server::start_on(Arc::clone(&store)).await;
    s.open("acme", "10").await;
    let read = key(&s.engine, &[Scope::Read], &["a*"]).await;
    let bearer = |key: &str| format!("Authorization: Bearer {key}\r\n");
    for (status, method, path, head) in [
        (200, "GET", "/v1/accounts/acme/balances?at=2020-01-01T00:00:00Z", bearer(&read)),
        (200, "GET", "/v1/accounts/acme/balances", bearer(&read)),
        (404, "GET", "/v1/accounts/beta/holds", bearer(&read)),
        (403, "DELETE", "/v1/keys/0123", bearer(&read)),
        (401, "GET", "/v1/keys", bearer("hw_wrong")),
        (401, "GET", "/v1/keys", bearer(&read) + &bearer(&s.admin)),
        (401, "GET", "/v1/keys", String::new()),
        (200, "GET", "/healthz", bearer("hw_wrong")),
        (401, "POST", "/v1/inbound/shop/signals", String::new()),
        (404, "GET", "/v1/nothing", bearer("hw_wrong")),
    ] {
        let reply = s.raw(method, path, &head, b"").await;
        assert_eq!(reply.status, status, "{method} {path}: {}", reply.body);
    }
    let admin = s.admin.clone();
    s.stop().await;
    let s = Server::start_with(store, Limits::default(), ServeOptions::default(), Some(admin.clone())).await;
    let log = s.call("GET", "/v1/audit", "", "").await;
    assert_eq!(log.status, 200, "{}", log.body);
    assert!(log.body["next"].is_null());
    let id = |key: &str| key.split('_').nth(1).expect("an id").to_owned();
    let row = |e: &Value| {
        assert!(e["record"] == 1 && e["recorded_at"].is_string() && e["first_at"].is_string());
        json!([e["kind"], e["outcome"], e["key"], e["network"], e["call"], e["account"], e["count"]])
    };
    let mut rows: Vec<String> =
        log.body["entries"].as_array().expect("entries").iter().map(|e| row(e).to_string()).collect();
    let at = "127.0.0.1";
    let (admin, read) = (id(&admin), id(&read));
    let mut expected: Vec<String> = [
        json!(["administration", "granted", admin, at, "POST /v1/accounts", "acme", 1]),
        json!(["administration", "granted", admin, at, "POST /v1/accounts/{id}/grants", "acme", 1]),
        json!(["read", "granted", read, at, "GET /v1/accounts/{id}/balances", "acme", 2]),
        json!(["read", "refused", read, at, "GET /v1/accounts/{id}/holds", "beta", 1]),
        json!(["administration", "refused", read, at, "DELETE /v1/keys/{id}", null, 1]),
        json!(["authentication", "wrong_key", null, at, "GET /v1/keys", null, 2]),
        json!(["authentication", "no_key", null, null, null, null, 1]),
        json!(["authentication", "wrong_key", null, at, "GET /healthz", null, 1]),
        json!(["authentication", "wrong_signature", null, at, "POST /v1/inbound/{name}/signals", null, 1]),
    ]
    .iter()
    .map(Value::to_string)
    .collect();
    rows.sort_unstable();
    expected.sort_unstable();
    assert_eq!(rows, expected);
    for (query, refused) in [
        ("?kind=nothing", 422),
        ("?from=yesterday", 422),
        ("?max=-1", 422),
        ("?since=1", 422),
        ("?before=0", 200),
    ] {
        assert_eq!(s.call("GET", &format!("/v1/audit{query}"), "", "").await.status, refused, "{query}");
    }
    s.stop().await;
}
