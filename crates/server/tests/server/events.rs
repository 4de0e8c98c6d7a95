//! Usage as CloudEvents: structured, batched, binary; OpenMeter's conventions.

use serde_json::{Value, json};

use crate::common::{Reply, Server};

async fn post(s: &Server, headers: &str, body: &str) -> Reply {
    let headers = format!("Authorization: Bearer {}\r\n{headers}", s.admin);
    s.raw("POST", "/v1/events", &headers, body.as_bytes()).await
}

fn event(id: &str, tokens: Value) -> Value {
    json!({"specversion": "1.0", "id": id, "source": "proxy", "type": "chat", "subject": "acme",
        "data": {"tokens": tokens, "model": "m", "path": "user:u1", "duration_ms": 12}})
}

const STRUCTURED: &str = "Content-Type: application/cloudevents+json; charset=utf-8\r\n";
const BATCHED: &str = "Content-Type: application/cloudevents-batch+json\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn an_event_counts_once_in_whatever_mode_it_comes() {
    let s = Server::start().await;
    s.open("acme", "100").await;
    let first = post(&s, STRUCTURED, &event("e1", json!("3")).to_string()).await;
    assert_eq!((first.status, &first.body["accepted"]), (200, &json!(1)), "{}", first.body);
    // The same event in binary mode: the same source and id.
    let binary = "Content-Type: application/json\r\nce-specversion: 1.0\r\nce-id: e1\r\nce-source: proxy\r\nce-type: chat\r\nce-subject: acme\r\n";
    let data = r#"{"tokens": 3, "model": "m", "path": "user:u1", "duration_ms": 12}"#;
    let again = post(&s, binary, data).await;
    assert_eq!((again.status, &again.body["duplicates"]), (200, &json!(1)), "{}", again.body);
    // Another use under the same source and id is refused.
    let other = post(&s, STRUCTURED, &event("e1", json!(4)).to_string()).await;
    assert_eq!((other.status, other.problem()), (422, "idempotency_conflict"));
    let batch =
        json!([event("e1", json!(3)), event("e2", json!(5)), event("e3", json!(-1)), event("e2", json!(5))]);
    let batch = post(&s, BATCHED, &batch.to_string()).await.body;
    assert_eq!(batch["accepted"].as_u64().zip(batch["duplicates"].as_u64()), Some((1, 2)), "{batch}");
    assert_eq!((&batch["refused"][0]["n"], &batch["refused"][0]["id"]), (&json!(2), &json!("e3")));
    assert_eq!(s.balances("acme").await["available"], "92");
    let records = s.call("GET", "/v1/accounts/acme/records?from=3", "", "").await.body;
    let usage = &records["records"][0]["charge"]["usage"];
    assert_eq!((&usage["path"], &usage["dimensions"]["duration_ms"]), (&json!("user:u1"), &json!("12")));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_event_is_refused_with_the_reason() {
    let s = Server::start().await;
    s.open("acme", "100").await;
    let without = |name: &str| {
        let mut event = event("e", json!(1));
        event.as_object_mut().expect("object").remove(name);
        event.to_string()
    };
    for name in ["specversion", "id", "source", "type", "subject"] {
        let answer = post(&s, STRUCTURED, &without(name)).await;
        assert_eq!(answer.status, 422, "{name}");
        assert!(
            answer.body["detail"].as_str().is_some_and(|d| d.contains(&format!("no `{name}`"))),
            "{}",
            answer.body
        );
    }
    let mut odd = event("e", json!(1));
    odd["time"] = json!("yesterday");
    assert_eq!(post(&s, STRUCTURED, &odd.to_string()).await.status, 422);
    assert_eq!(post(&s, STRUCTURED, "[]").await.status, 422, "a list is no single event");
    assert_eq!(post(&s, BATCHED, "{").await.problem(), "malformed_body");
    let nobody = event("e", json!(1)).to_string().replace("acme", "nobody");
    assert_eq!(post(&s, STRUCTURED, &nobody).await.problem(), "unknown_account");
    assert_eq!(s.balances("acme").await["available"], "100");
}
